"""Tables whose numbers stay whole at any width."""

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len

from roughntk.commands.terminal.streams import visible


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> list[str]:
    """The lines of a table.

    Args:
        headings: one a column.
        rows: cells as text.
        width: of the terminal; None for as wide as the cells need.

    Where the table is wider than `width`, cells are broken between words. Where even its longest words do not fit
    beside each other, each row becomes a paragraph, a cell a line. A word, and so a number, is never broken or cut.
    """
    headings = [visible(heading) for heading in headings]
    rows = [[visible(cell).replace("\n", " ") for cell in row] for row in rows]
    columns = list(zip(headings, *rows, strict=True))
    wanted = [max(map(cell_len, column)) for column in columns]
    if width is None or _total(wanted) <= width:
        return _framed(headings, rows, wanted)
    least = [max((cell_len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    if _total(least) > width:
        return _paragraphs(headings, rows, width)
    while _total(wanted) > width:
        widest = max((k for k in range(len(wanted)) if wanted[k] > least[k]), key=lambda k: wanted[k])
        wanted[widest] -= 1
    return _framed(headings, rows, wanted)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + 3 * len(widths) + 1


def _framed(headings: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    def rule(left: str, middle: str, right: str) -> str:
        return left + middle.join("─" * (width + 2) for width in widths) + right

    lines = [rule("┌", "┬", "┐"), *_broken(headings, widths), rule("├", "┼", "┤")]
    for row in rows:
        lines += _broken(row, widths)
    return [*lines, rule("└", "┴", "┘")]


def _broken(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of one row."""
    parts = [
        [cell] if cell_len(cell) <= width else _wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)
    ]
    height = max(len(part) for part in parts)
    padded = [
        [line + " " * (width - cell_len(line)) for line in [*part, *[""] * (height - len(part))]]
        for part, width in zip(parts, widths, strict=True)
    ]
    return ["│ " + " │ ".join(line) + " │" for line in zip(*padded, strict=True)]


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, break_long_words=False, break_on_hyphens=False, subsequent_indent=indent
    ) or [""]  # fmt: skip


def _paragraphs(headings: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    lines: list[str] = []
    for row in rows:
        for heading, cell in zip(headings, row, strict=True):
            lines += _wrapped(f"{heading}: {cell}", width, "    ")
        lines.append("")
    return lines[:-1]


__all__ = ["table"]
