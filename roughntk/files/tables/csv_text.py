"""CSV and other tables in text files: pandas reads the body, and every line is held to the same number of cells."""

import csv
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.files.tables import kinds
from roughntk.files.tables.layout import Layout, cells_of, decoded, layout_of
from roughntk.files.tables.sources import check_fits
from roughntk.files.tables.table import NUMBER, TRUTH_NOTE, Column, Reading, Table


def read_text(content: bytes, name: str, reading: Reading) -> Table:
    """The table in the bytes of a text file.

    Raises:
        InputError: lines of unequal length, cells that are no numbers where most of their column are, names that do
            not go with the columns, several ways to read it, or more than fits in memory.
    """
    content, encoding = decoded(content, name, reading.encoding)
    layout = layout_of(content, name, reading)
    start = 0
    for _ in range(layout.skip):
        start = content.index(b"\n", start) + 1
    end, blank = len(content), b"\n" if layout.delimiter == "\t" else b"\n \t"
    while end > start and content[end - 1] in blank:
        end -= 1
    lines = _count(content, "\n", start, end) + 1
    check_fits(len(content) + 24.0 * lines * layout.width, name)
    frame, line, left = _body(content, start, end, lines, layout, name)
    columns = _columns(frame, layout, name, lambda row: f"line {line(row)}")
    either = layout.commas if all(column.values.dtype.kind in "iu" for column in columns) else ""
    guesses = [
        *layout.notes,
        *([either] if either else []),
        *([] if encoding is None else [f"the encoding is {encoding} (--encoding takes another)"]),
    ]
    words = [f"Read {name}: {', '.join(guesses)}."] if guesses else []
    if left:
        words.append(f"Left out of {name}: {left} blank line{'s' * (left > 1)} or comment{'s' * (left > 1)}.")
    table = Table(name, columns, tuple(words), line)
    return _without_empty_end(table)


def _body(
    content: bytes, start: int, end: int, lines: int, layout: Layout, name: str
) -> tuple[Any, Callable[[int], int], int]:
    """The body as a frame, the number of the line of each row, and how many blank lines and comments were left out."""
    simple = layout.delimiter != " " and content.find(b'"', start) < 0 and content.find(b"#", start) < 0
    if simple and (layout.width == 1 or _count(content, layout.delimiter, start, end) == lines * (layout.width - 1)):
        stream = io.BytesIO(content)
        stream.seek(start)
        try:
            frame = _parsed(stream, layout, skip_blank_lines=layout.width > 1)
        except ValueError:
            frame = None
        if frame is not None and layout.width == 1:
            frame = frame.iloc[:lines]
        if frame is not None and frame.shape == (lines, layout.width):
            return frame, lambda row: row + layout.skip + 1, 0
    # Blank lines, comments, quotes or a line of another length: look at each.
    check_fits(3.0 * len(content) + (150.0 + 24.0 * layout.width) * lines, name)
    kept, numbers, whole, left = _rows(content[start:end].decode("utf-8"), layout, name)
    text = "\n".join(kept) if whole else content[start:end].decode("utf-8")
    try:
        frame = _parsed(io.BytesIO(text.encode("utf-8")), layout, skip_blank_lines=layout.width > 1)
    except ValueError as error:  # pandas finds no columns, or no end of a quoted cell
        raise InputError(_without_end(text, name, layout.skip + 1, error)) from None
    if frame.shape != (len(numbers), layout.width):
        raise InputError(
            f"expected {len(numbers)} rows of {layout.width} cells in {name}, got {frame.shape[0]} of "
            f"{frame.shape[1]}; check the quotes, or save it without them"
        )
    return frame, lambda row: numbers[row], left


def _without_end(text: str, name: str, first: int, error: ValueError) -> str:
    """The line whose quote is not closed, or else what pandas says."""
    opened = None
    for number, line in enumerate(text.split("\n"), first):
        if line.count('"') % 2:
            opened = number if opened is None else None
    if opened is None:
        reason = _checks.reason(error)
        return f"expected {name} to be a table of text, got one that pandas cannot read ({reason}); check the quotes"
    return f"expected cells of {name} with quotes that are closed, got one that is opened in line {opened}; close it"


def _count(content: bytes, mark: str, start: int, end: int) -> int:
    """How often an ASCII character stands in a part of the content; faster than `bytes.count` where it is frequent."""
    if not mark.isascii():
        return content.count(mark.encode("utf-8"), start, end)
    step, total = 2**24, 0
    for first in range(start, end, step):
        part = np.frombuffer(content, np.uint8, min(step, end - first), first)
        total += int(np.count_nonzero(part == ord(mark)))
    return total


def _rows(text: str, layout: Layout, name: str) -> tuple[list[str], list[int], bool, int]:
    """The lines that are rows, their numbers, whether each row is one line, and how many lines are none."""
    lines = text.split("\n")
    first = layout.skip + 1
    kept: list[str] = []
    numbers: list[int] = []
    if '"' not in text:
        for place, line in enumerate(lines):
            if line.lstrip().startswith("#") or not (line.strip() or layout.width == 1):
                continue
            count = len(line.split()) if layout.delimiter == " " else line.count(layout.delimiter) + 1
            _check_width(max(count, 1), layout, name, first + place)
            kept.append(line)
            numbers.append(first + place)
        return kept, numbers, True, len(lines) - len(kept)
    reader = csv.reader(io.StringIO(text), delimiter=layout.delimiter, skipinitialspace=True)
    before, left, whole = 0, 0, True
    try:
        for cells in reader:
            place, before = before, reader.line_num
            if not any(cell.strip() for cell in cells) and len(cells) <= 1 or cells[0].lstrip().startswith("#"):
                left += 1
                continue
            if layout.delimiter == " ":
                cells = cells_of(lines[place], " ")
            _check_width(len(cells), layout, name, first + place)
            whole = whole and before == place + 1
            kept.append(lines[place])
            numbers.append(first + place)
    except csv.Error as error:  # a cell in quotes beyond the limit
        raise InputError(
            f"expected {name} to be a table of text, got {error} in the row from line {first + before} on; check the "
            f"quotes, or shorten the cell"
        ) from None
    return kept, numbers, whole, left


def _check_width(count: int, layout: Layout, name: str, number: int) -> None:
    if count != layout.width:
        raise InputError(
            f"expected {layout.width} cells in every line of {name}, got {count} in line {number}; give every line the "
            f"same number"
        )


def _parsed(stream: io.BytesIO, layout: Layout, *, skip_blank_lines: bool) -> Any:
    """What pandas makes of it; mixed columns are read again in one piece, so that text keeps its letters."""
    import pandas as pd

    start = stream.tell()
    separator = r"\s+" if layout.delimiter == " " else layout.delimiter
    # the fast parser takes delimiters of one byte
    ways: list[Any] = [{"low_memory": True}, {"low_memory": False}] if separator.isascii() else [{"engine": "python"}]
    for way in ways:
        stream.seek(start)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.DtypeWarning)
            try:
                return pd.read_csv(
                    stream, header=None, sep=separator, decimal=layout.decimal, skipinitialspace=True,
                    skip_blank_lines=skip_blank_lines, encoding="utf-8", **way,
                )  # fmt: skip
            except pd.errors.DtypeWarning:
                continue
    raise AssertionError("unreachable: the second reading gives no such warning")


def _columns(frame: Any, layout: Layout, name: str, place: Callable[[int], str]) -> tuple[Column, ...]:
    """The columns of a frame that was read from text."""
    columns = []
    for number, key in enumerate(frame.columns, 1):
        title = layout.names[number - 1] if layout.names is not None and number <= len(layout.names) else ""
        values = frame[key].to_numpy()
        if values.dtype.kind in "iuf":
            columns.append(Column(title, number, NUMBER, values))
        elif values.dtype.kind == "b":
            columns.append(Column(title, number, NUMBER, values.astype(np.float64), note=TRUTH_NOTE))
        else:
            cells = [None if cell is None or cell != cell else str(cell) for cell in values]
            columns.append(kinds.column(title, number, cells, layout.decimal, name, place))
    return tuple(columns)


def _without_empty_end(table: Table) -> Table:
    """The table less a last column without name or entries, which lines that end in a delimiter have."""
    last = table.columns[-1]
    if len(table.columns) > 1 and not last.name and bool(last.missing().all()):
        return table.without([last.number]).with_notes(
            f"Left out of {table.name}: a last column without name or entries."
        )
    return table


__all__ = ["read_text"]
