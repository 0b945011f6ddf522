"""How a text file is laid out: encoding, comments, what stands between cells, the decimal mark, the line of names.

Guesses are made from the first lines, and only where one reading fits; where several do, an option is asked for.
"""

import codecs
import csv
import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np

from roughntk._checks import InputError
from roughntk.files.tables.kinds import MISSING, has_thousands, is_date, is_number, nearly
from roughntk.files.tables.table import Reading, printable

SAMPLE = 200
"""Lines that guesses are made from."""
LONGEST_CELL = 131_072
"""Characters of a cell at most: those that the parser of the standard library takes."""

_DELIMITERS = (",", ";", "\t", "|", " ")
_IN_WORDS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "spaces"}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
"""Byte order marks and what they stand before; longer ones first, since one begins like another."""
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")
_POINTS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_TWO_WHOLE_NUMBERS = re.compile(r"\s*[+-]?\d+,\d+\s*")


@dataclasses.dataclass(frozen=True)
class Layout:
    """How to read the body of a file.

    Attributes:
        delimiter, decimal: what stands between cells (" ": any white space), and the decimal mark.
        names: of the columns, None where the file has none.
        skip: lines before the first row of the body, names and comments included.
        width: cells in a row.
        notes: what was guessed, in sentences.
        commas: what the commas of whole numbers may be other than marks between cells, as part of a sentence, or "".
    """

    delimiter: str
    decimal: str
    names: tuple[str, ...] | None
    skip: int
    width: int
    notes: tuple[str, ...]
    commas: str = ""


def decoded(content: bytes, name: str, encoding: str | None = None) -> tuple[bytes, str | None]:
    """The bytes in UTF-8 with lines that end in a line feed, and the encoding where it was guessed.

    Args:
        content: the bytes.
        name: of the file.
        encoding: None takes UTF-8, what a byte order mark says, or UTF-16 where every other byte is zero; bytes that
            are none of these are taken as Windows-1252 where that has all of them.

    Raises:
        InputError: bytes that are no text, or not in that encoding.
    """
    if encoding is None:
        content, guess = _guessed(content, name)
    else:
        content, guess = _decoded(content, name, encoding), None
    if b"\0" in content:
        raise no_text(name)
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return content, guess


def no_text(name: str) -> InputError:
    """The error for a file with zero bytes."""
    return InputError(f"expected text in {name}, got zero bytes; if it is an array, name it .npy or .npz")


def _decoded(content: bytes, name: str, encoding: str) -> bytes:
    """The bytes in UTF-8, out of an encoding that was given."""
    try:
        return content.decode(encoding).removeprefix("\ufeff").encode("utf-8")
    except UnicodeError as error:
        raise _undecodable(content, name, encoding, error) from None


def _undecodable(content: bytes, name: str, encoding: str, error: UnicodeError) -> InputError:
    """The error that says which bytes are not of the encoding, and where."""
    which = f"({printable(str(error))})"
    if isinstance(error, UnicodeDecodeError) and error.start < len(content):
        line = content.count(b"\n", 0, error.start) + 1
        which = f"0x{content[error.start : error.start + 4].hex()} in line {line}"
    return not_in(encoding, name, which)


def not_in(encoding: str, name: str, which: str) -> InputError:
    """The error for bytes of a file that are not of an encoding."""
    return InputError(
        f"expected text in {encoding} in {name}, got bytes that are none, {which}; say what it is, for instance "
        f"--encoding utf-16 or --encoding shift_jis, or save it as UTF-8"
    )


def _guessed(content: bytes, name: str) -> tuple[bytes, str | None]:
    """The bytes in UTF-8, and what their encoding was guessed to be where it is not UTF-8."""
    guess = None
    mark, encoding = encoding_of(content[:4096])
    try:
        if encoding == "utf-8":
            content = content[len(mark) :]
            if not content.isascii():
                content.decode("utf-8")
        else:
            content, guess = content.decode(encoding).encode("utf-8"), encoding.upper()
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or mark:
            raise _undecodable(content, name, encoding.upper(), error) from None
        try:
            return content.decode("cp1252").encode("utf-8"), "Windows-1252"
        except UnicodeDecodeError:  # no text that this Western encoding writes; nothing tells the others apart
            raise _undecodable(content, name, "UTF-8 or Windows-1252", error) from None
    return content, guess


def encoding_of(head: bytes) -> tuple[bytes, str]:
    """The byte order mark that bytes begin with, empty for none, and the encoding that these look like."""
    mark, encoding = next(((mark, known) for mark, known in _MARKS if head.startswith(mark)), (b"", "utf-8"))
    even, odd = head[::2].count(0), head[1::2].count(0)
    if not mark and 3 * max(even, odd) > len(head) > 60 * min(even, odd):
        # Nearly every other byte of a table in UTF-16 is zero.
        encoding = "utf-16-le" if odd > even else "utf-16-be"
    return mark, encoding


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells of one line, without white space around them."""
    if delimiter == " " and '"' not in line:
        return line.split()
    if '"' in line or not line.strip():
        text = line.strip() if delimiter == " " else line
        try:
            cells = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:  # more than `LONGEST_CELL` characters without this delimiter
            cells = text.split(delimiter)
    else:
        cells = line.split(delimiter)
    return [cell.strip() for cell in cells]


def check_cells(content: bytes, name: str, before: int = 0) -> None:
    """Refuse cells above `LONGEST_CELL` characters, outside of comments, by line and column.

    `before`: lines of the file before these.
    """
    place = 0
    while len(content) - place > LONGEST_CELL:
        end = content.rfind(b"\n", place, place + LONGEST_CELL + 1)
        if end < 0:  # a line of more bytes than that
            end = content.find(b"\n", place)
            end = len(content) if end < 0 else end
            line = content[place:end]
            mark = next((mark for mark in (b";", b"\t", b"|", b",") if mark in line), None)
            for column, cell in enumerate(() if line.lstrip().startswith(b"#") else line.split(mark), 1):
                if len(cell) > LONGEST_CELL and (count := len(cell.decode("utf-8", "replace"))) > LONGEST_CELL:
                    number = before + content.count(b"\n", 0, place) + 1
                    raise InputError(
                        f"expected cells of at most {LONGEST_CELL:,} characters in {name}, got {count:,} in line "
                        f"{number}, column {column}; shorten that cell"
                    )
        place = end + 1


def layout_of(content: bytes, name: str, reading: Reading, suffix: str = "") -> Layout:
    """The layout of a text file, from its first lines.

    Raises:
        InputError: no rows, names that do not go with the columns, or a layout with several readings.
    """
    check_cells(content, name)
    lines, comments, numbers = _first_lines(content)
    if not lines:
        raise InputError(f"expected rows of numbers in {name}, got none; put one point a line")
    body = lines[1:] or lines
    delimiter, decimal = _marks(lines, body, name, reading)
    rows = [cells_of(line, delimiter) for line in lines]
    notes = _notes_on_marks(delimiter, decimal, reading, [c for row in rows for c in row if "." in c or "," in c])
    width = _usual([len(row) for row in rows])
    decimals = (decimal,) if reading.decimal is not None or delimiter == "," else (".", ",")
    header = _has_header(rows, decimal, decimals, name, numbers[0]) if reading.header is None else reading.header
    names: tuple[str, ...] | None = None
    skip = numbers[0] - 1
    if header:
        names, skip = tuple(rows[0]), numbers[0]
        if len(lines) == 1:
            raise InputError(f"expected rows of numbers in {name}, got none below the names; put one point a line")
        notes = [*notes, f"line {numbers[0]} holds the names"]
        # A line that ends with a mark has an empty cell at its end.
        if len(names) != width and not (len(names) == width - 1 and all(row[-1:] == [""] for row in rows[1:])):
            listed = ", ".join(repr(printable(each)) for each in names[:8])
            several = f"{len(names)} name{'s' * (len(names) > 1)}"
            other = _other_commas(lines[1:]) if delimiter == "," and reading.delimiter is None else ""
            raise InputError(
                f"expected a name for each of the {width} columns of {name}, got {several} in line {numbers[0]} "
                f"({listed}) for {width} columns; give every column one name" + (other and f" ({other})")
            )
    elif reading.header is None and comments:
        number, text = comments[-1]
        given = cells_of(text, delimiter)
        if len(given) == width and number == numbers[0] - 1 and not any(is_number(cell, decimal) for cell in given):
            names = tuple(given)
            notes = [*notes, f"the comment in line {number} holds the names"]
    guessed = delimiter == "," and names is None and reading.delimiter is None and reading.decimal is None
    return Layout(delimiter, decimal, names, skip, width, tuple(notes), _other_commas(lines) if guessed else "")


def _other_commas(lines: list[str]) -> str:
    """What the commas of these lines may be other than marks between cells, and how to say so; "" for nothing."""
    meanings = []
    if all(_TWO_WHOLE_NUMBERS.fullmatch(line) for line in lines):
        meanings.append("decimal marks (--decimal , takes them so)")
    if all(_THOUSANDS.fullmatch(line.strip()) for line in lines):
        meanings.append("marks for thousands (take those out)")
    return f"commas stand between the cells, though they could be {' or '.join(meanings)}" if meanings else ""


def _first_lines(content: bytes) -> tuple[list[str], list[tuple[int, str]], list[int]]:
    """The first lines that are neither blank nor comments, the comments before them, and the numbers of the lines."""
    lines: list[str] = []
    numbers: list[int] = []
    comments: list[tuple[int, str]] = []
    number, start = 0, 0
    while start < len(content) and len(lines) < SAMPLE:
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        line = content[start:end].decode("utf-8")
        number, start = number + 1, end + 1
        if line.lstrip().startswith("#"):
            if not lines:
                comments.append((number, line.strip().lstrip("#").strip()))
        elif line.strip():
            lines.append(line)
            numbers.append(number)
    return lines, comments, numbers


def _usual(widths: Sequence[int]) -> int:
    """The most frequent number of cells; of several that of the first line, or the largest."""
    values, counts = np.unique(widths, return_counts=True)
    most = values[counts == counts.max()]
    return widths[0] if widths[0] in most else int(most[-1])


def _marks(lines: list[str], body: list[str], name: str, reading: Reading) -> tuple[str, str]:
    """The delimiter and the decimal mark."""
    candidates: list[tuple[float, float, str, str]] = []
    for delimiter in _DELIMITERS if reading.delimiter is None else (reading.delimiter,):
        rows = [cells_of(line, delimiter) for line in lines]
        widths = [len(row) for row in rows]
        width = _usual(widths)
        if width == 1 and reading.delimiter is None:
            continue
        if delimiter == " " and any("\t" in line.strip() for line in body):
            continue
        even = sum(each == width for each in widths[-len(body) :]) / len(body)
        columns = list(zip(*(row for row in rows[-len(body) :] if len(row) == width), strict=True))
        for decimal in (".", ",") if reading.decimal is None else (reading.decimal,):
            if decimal == delimiter and not any('"' in line for line in body):
                continue
            clean = sum(all(_plain(c, decimal) or has_thousands(c) for c in column) for column in columns) / width
            score = even * (1 + clean)
            # The line of names, too, has as many cells.
            candidates.append((round(score + 0.5 * (widths[0] == width), 9), score, delimiter, decimal))
    if not candidates:  # one column
        decimal = reading.decimal or "."
        return reading.delimiter or (";" if decimal == "," else ","), decimal
    best = max(candidates)[0]
    top = [(delimiter, decimal) for total, _, delimiter, decimal in candidates if total == best]
    marks = list(dict.fromkeys(delimiter for delimiter, _ in top))
    if len(marks) > 1 and max(score for total, score, *_ in candidates if total == best) > 1:
        raise InputError(
            f"expected one way to read the lines of {name}, got several "
            f"({' or '.join(_IN_WORDS[mark] for mark in marks)} between the cells); say which: --delimiter {marks[0]!r}"
        )
    # Where the body fits both decimal marks, having none, the first line may tell.
    told = [each for each in top if all(is_number(cell, each[1]) for cell in cells_of(lines[0], each[0]))]
    delimiter, decimal = (told or top)[0]
    if reading.decimal is None and decimal == ",":
        counted = lines if told else body
        cells = [cell for line in counted for cell in cells_of(line, delimiter) if "," in cell]
        if cells and all(_THOUSANDS.fullmatch(cell) for cell in cells):
            raise InputError(
                f"expected numbers with one meaning in {name}, got {cells[0]!r}, whose comma is a decimal mark or one "
                f"for thousands; say --decimal ',' or take out the marks for thousands"
            )
    return delimiter, decimal


def _plain(cell: str, decimal: str) -> bool:
    return cell in MISSING or is_number(cell, decimal) or is_date(cell)


def _notes_on_marks(delimiter: str, decimal: str, reading: Reading, marked: list[str]) -> list[str]:
    notes = []
    if reading.delimiter is None and delimiter != ",":
        notes.append(f"{_IN_WORDS[delimiter]} stand between the cells")
    if reading.decimal is None and decimal == "," and marked:
        notes.append("the decimal mark is a comma")
    numbers = [cell for cell in marked if is_number(cell)]
    points = bool(numbers) and all(_POINTS.fullmatch(cell) for cell in numbers)
    if reading.decimal is None and decimal == "." and delimiter == ";" and points:
        notes.append("the decimal mark is a point, which could be one for thousands")
    return notes


# The line of names


def _has_header(rows: list[list[str]], decimal: str, decimals: Sequence[str], name: str, number: int) -> bool:
    """Whether the first row holds names; `decimals` are the marks that a number in it could have.

    Raises:
        InputError: that cannot be told.
    """
    first, body = rows[0], rows[1:]
    if not body:
        return bool(first) and not any(_plain(cell, decimal) for cell in first)
    # A name, unlike a cell, is text above a column of something else.
    columns = [[row[place] for row in body if place < len(row)] for place in range(len(first))]
    above = [
        not _plain(cell, decimal)
        and (_mostly(cells, lambda c: _plain(c, decimal)) or (nearly(cell) is None and _mostly(cells, nearly)))
        for cell, cells in zip(first, columns, strict=True)
    ]
    if any(above) or (len(first) > max(map(len, body)) and not all(_plain(cell, decimal) for cell in first)):
        numbers = [cell for cell in first if any(is_number(cell, mark) for mark in decimals)]
        if numbers:
            names = [place for place, cell in enumerate(first) if above[place] and cell not in numbers]
            place = names[0] if names else len(first) - 1
            raise _ambiguous(
                name,
                f"{printable(first[place])!r} in line {number}, column {place + 1}, which is no number, beside "
                f"{numbers[0]!r}, which is one",
            )
        return True
    if first[0] == "" and len(first) > 2 and _counts(columns[0], (0, 1)) and _counts(first[1:], (0, 1)):
        return True  # the names 0, 1, 2, ... that data frames have by default, above their index
    if all(is_number(cell, decimal) for cell in first) and len(body) >= 2 and _like_names(first, columns, decimal):
        raise _ambiguous(name, f"{', '.join(first[:8])} in line {number}, numbers that the rows below are unlike")
    return False


def _ambiguous(name: str, what: str) -> InputError:
    return InputError(
        f"expected a first line of {name} that holds either names or numbers, got {what}; say which it is: --header "
        f"for names, --no-header for a row"
    )


def _mostly(cells: list[str], holds: Callable[[str], object]) -> bool:
    known = [cell for cell in cells if cell not in MISSING]
    return bool(known) and 2 * sum(bool(holds(cell)) for cell in known) >= len(known)


def _counts(cells: Sequence[str], starts: Sequence[int]) -> bool:
    """Whether the cells are 0, 1, 2, ..., or begin with another of the starts."""
    return any(list(cells) == [str(start + i) for i in range(len(cells))] for start in starts)


def _like_names(first: list[str], columns: list[list[str]], decimal: str) -> bool:
    """Whether a row of numbers may hold names: different whole numbers, as years or 0, 1, 2, ..., unlike what is below.

    Unlike is: far outside of the range in every column; or whole, where every cell below has a decimal mark; or 0, 1,
    2, ..., n - 1 in three columns or more.
    """
    if len(set(first)) < len(first) or not all(cell.isascii() and cell.isdecimal() for cell in first):
        return False
    if len(first) >= 3 and _counts(first, (0,)):
        return True
    if len(first) >= 2 and all(all(re.search(r"[.,eE]", cell) for cell in cells) for cells in columns):
        return True
    for cell, cells in zip(first, columns, strict=True):
        values = [float(each.replace(",", ".")) for each in cells if is_number(each, decimal)]
        if not values:
            return False
        low, high = min(values), max(values)
        distance = max(low - float(cell), float(cell) - high)
        if not distance > 3 * max(high - low, abs(low), abs(high)):
            return False
    return True


__all__ = [
    "LONGEST_CELL", "SAMPLE", "Layout", "cells_of", "check_cells", "decoded", "encoding_of", "layout_of", "no_text",
    "not_in",
]  # fmt: skip
