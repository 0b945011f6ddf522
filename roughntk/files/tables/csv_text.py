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
    frame, line, left = body(content, start, end, lines, layout, name)
    columns = tuple(
        each if isinstance(each, Column)
        else kinds.column(*each, layout.decimal, name, lambda row: f"line {line(row)}")
        for each in columns_of(frame, layout)
    )  # fmt: skip
    whole = all(column.values.dtype.kind in "iu" for column in columns)
    return without_empty_end(Table(name, columns, sentences(layout, name, whole, encoding, left), line))


def sentences(layout: Layout, name: str, whole: bool, encoding: str | None, left: int) -> tuple[str, ...]:
    """What was guessed about a text file, and how many lines of it are no rows.

    Args:
        layout, name: of the file.
        whole: whether all of its columns are whole numbers.
        encoding: where it was guessed.
        left: blank lines and comments.
    """
    either = layout.commas if whole else ""
    guesses = [
        *layout.notes,
        *([either] if either else []),
        *([] if encoding is None else [f"the encoding is {encoding} (--encoding takes another)"]),
    ]
    words = [f"Read {name}: {', '.join(guesses)}."] if guesses else []
    if left:
        words.append(f"Left out of {name}: {left} blank line{'s' * (left > 1)} or comment{'s' * (left > 1)}.")
    return tuple(words)


def body(
    content: bytes, start: int, end: int, lines: int, layout: Layout, name: str, texts: int | None = None
) -> tuple[Any, Callable[[int], int], int]:
    """The body as a frame, the number of the line of each row, and how many blank lines and comments were left out.

    `texts`: the number of a column, from 1, whose cells are left as they are written.
    """
    simple = layout.delimiter != " " and content.find(b'"', start) < 0 and content.find(b"#", start) < 0
    if simple and (layout.width == 1 or _count(content, layout.delimiter, start, end) == lines * (layout.width - 1)):
        stream = io.BytesIO(content)
        stream.seek(start)
        try:
            frame = _parsed(stream, layout, texts)
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
        frame = _parsed(io.BytesIO(text.encode("utf-8")), layout, texts)
    except ValueError as error:  # pandas finds no columns, or no end of a quoted cell
        raise InputError(_without_end(text, name, layout.skip + 1, error)) from None
    if frame.shape != (len(numbers), layout.width):
        raise InputError(
            f"expected {len(numbers)} rows of {layout.width} cells in {name}, got {frame.shape[0]} of "
            f"{frame.shape[1]}; check the quotes, or save it without them"
        )
    places = np.array(numbers)
    return frame, lambda row: int(places[row]), left


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


def _parsed(stream: io.BytesIO, layout: Layout, texts: int | None) -> Any:
    """What pandas makes of it; mixed columns are read again in one piece, so that text keeps its letters."""
    import pandas as pd

    start = stream.tell()
    separator = r"\s+" if layout.delimiter == " " else layout.delimiter
    # the fast parser takes delimiters of one byte
    cells = {} if texts is None else {"dtype": {texts - 1: str}}
    ways: list[Any] = [{"low_memory": True}, {"low_memory": False}] if separator.isascii() else [{"engine": "python"}]
    for way in ways:
        stream.seek(start)
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.DtypeWarning)
            try:
                return pd.read_csv(
                    stream, header=None, sep=separator, decimal=layout.decimal, skipinitialspace=True,
                    skip_blank_lines=layout.width > 1, encoding="utf-8", **cells, **way,
                )  # fmt: skip
            except pd.errors.DtypeWarning:
                continue
    raise AssertionError("unreachable: the second reading gives no such warning")


def columns_of(frame: Any, layout: Layout) -> list[Column | tuple[str, int, list[str | None]]]:
    """The columns of a frame that was read from text; of those that hold others than numbers name, number and cells."""
    columns: list[Column | tuple[str, int, list[str | None]]] = []
    for number, key in enumerate(frame.columns, 1):
        title = layout.names[number - 1] if layout.names is not None and number <= len(layout.names) else ""
        values = frame[key].to_numpy()
        if values.dtype.kind in "iuf":
            columns.append(Column(title, number, NUMBER, values))
        elif values.dtype.kind == "b":
            columns.append(Column(title, number, NUMBER, values.astype(np.float64), note=TRUTH_NOTE))
        else:
            columns.append((title, number, [None if cell is None or cell != cell else str(cell) for cell in values]))
    return columns


def without_empty_end(table: Table) -> Table:
    """The table less a last column without name or entries, which lines that end in a delimiter have."""
    last = table.columns[-1]
    if len(table.columns) > 1 and not last.name and bool(last.missing().all()):
        return table.without([last.number]).with_notes(
            f"Left out of {table.name}: a last column without name or entries."
        )
    return table


__all__ = ["body", "columns_of", "read_text", "sentences", "without_empty_end"]
