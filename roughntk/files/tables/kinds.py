"""What a column of cells holds: numbers, truth values, dates, times of the day, or text; and what is nearly one."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from roughntk._checks import InputError
from roughntk.files.tables.dates import dates_of, is_date
from roughntk.files.tables.table import NUMBER, TEXT, TRUTH_NOTE, Column, option_of, printable

MISSING = frozenset(
    ["", "#N/A", "#NA", "<NA>", "N/A", "n/a", "NA", "NULL", "null", "None", "NaN", "nan", "-NaN", "-nan", "NaT"]
)
"""Cells that stand for no entry."""

_COMMA_NUMBER = re.compile(r"[+-]?(?:\d+(?:,\d+)?|,\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity)", re.IGNORECASE)
TRUTH = {"True": 1.0, "False": 0.0, "TRUE": 1.0, "FALSE": 0.0, "true": 1.0, "false": 0.0}

_UNSIGNED = r"(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
_THOUSANDS = re.compile(
    r"[+-]?\d{1,3}(?:(?:\.\d{3})+,\d+|(?:,\d{3})+\.\d+|(?:\.\d{3}){2,}|(?:,\d{3}){2,}|(?:[ '\u2019\u00a0\u202f]\d{3})+"
    r"(?:[.,]\d+)?)"
)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[^\W\d_]{0,6}\.?"
_NEARLY = (
    (re.compile(rf"[+-]?{_UNSIGNED}\s?%"), "a number with a per cent sign",
     "write it without the sign, as a number or as a share"),
    (re.compile(r"[+-]?\d+(?:_\d+)+(?:[.,]\d*)?"), "a number with underscores", "write it without them"),
    (re.compile(rf"[+-]?[$\u20ac\u00a3\u00a5]\s?{_UNSIGNED}|[+-]?{_UNSIGNED}\s?[$\u20ac\u00a3\u00a5]"),
     "a number with the sign of a currency", "write it without the sign"),
    (re.compile(rf"[\u2212\u2013]{_UNSIGNED}"), "a number whose minus sign is no hyphen", "write it with -"),
    (re.compile(r"\d{1,2}([-/.])\d{1,2}\1\d{2}(?:[T ].*)?"), "a date with two digits for its year",
     "write it as 2024-01-31"),
    (re.compile(rf"(?:\w+,?\s)?\d{{1,2}}(?:st|nd|rd|th)?[-\s.]+{_MONTH}[-\s.,]+\d{{2,4}}.*"
                rf"|{_MONTH}\s\d{{1,2}}\D.*", re.IGNORECASE),
     "a date with the name of its month", "write it as 2024-01-31"),
)  # fmt: skip
"""Cells that a reader takes for numbers or dates, what they are, and how to write them."""


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether a cell is a number with that decimal mark."""
    if decimal == ",":
        return _COMMA_NUMBER.fullmatch(cell) is not None
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell and cell not in MISSING


def has_thousands(cell: str) -> bool:
    """Whether a cell is a number with marks for thousands that are no decimal marks."""
    return _THOUSANDS.fullmatch(cell) is not None


def nearly(cell: str, decimal: str = "") -> tuple[str, str] | None:
    """What a cell is that is almost a number or a date, and how to write it; None for other text.

    `decimal`: the mark that was looked for; "" takes a number with either mark for no mistake.
    """
    other = {".": ",", ",": "."}.get(decimal)
    if other and is_number(cell, other):
        name = "comma" if other == "," else "point"
        return f"a number with a {name}", f"if that is its decimal mark, say --decimal {other}"
    if has_thousands(cell):
        last = max(cell.rfind("."), cell.rfind(","))
        single = last >= 0 and cell.count(cell[last]) == 1
        whole = re.sub(r"[^\d+-]", "", cell[:last] if single else cell)
        remedy = f"write it as {whole}{cell[last:] if single else ''}"
        comma = ", and say --decimal , where that is the decimal mark" if single and cell[last] == "," else ""
        return "a number with marks for thousands", remedy + comma
    return next(((what, remedy) for form, what, remedy in _NEARLY if form.fullmatch(cell)), None)


def column(
    name: str, number: int, cells: Sequence[Any] | np.ndarray, decimal: str, source: str, place: Callable[[int], str]
) -> Column:
    """The column that text cells make, None or NaN where missing.

    Cells that are all numbers, truth values, dates or times of the day become such; where most are numbers the others
    are mistakes; the rest is text.

    Raises:
        InputError: a cell that is no number among numbers, no date among dates, a date with two readings.
    """
    texts = entries(cells)
    known = [cell for cell in texts if cell is not None]
    if not known:
        return Column(name, number, NUMBER, np.full(len(texts), np.nan))
    if all(cell in TRUTH for cell in known):
        values = np.array([np.nan if cell is None else TRUTH[cell] for cell in texts])
        return Column(name, number, NUMBER, values, note=TRUTH_NOTE)
    if 2 * sum(is_number(cell, decimal) for cell in known) >= len(known):
        return _numbers(name, number, texts, decimal, source, place)
    if 2 * sum(is_date(cell) for cell in known) >= len(known):
        return dates_of(name, number, texts, source, place)
    return Column(name, number, TEXT, np.array(texts, dtype=object))


def entries(cells: Sequence[Any] | np.ndarray) -> list[str | None]:
    """Text cells without white space around them, None where they stand for no entry."""
    texts = [cell.strip() if isinstance(cell, str) else None for cell in cells]
    return [None if cell is None or cell in MISSING else cell for cell in texts]


def number_of(cell: str, decimal: str) -> float:
    """The number that a cell is, with that decimal mark."""
    return float(cell.replace(",", ".") if decimal == "," else cell)


def no_number(cell: str, where: str, name: str, number: int, decimal: str, source: str) -> InputError:
    """The error for a cell that is no number where most of its column are."""
    near = nearly(cell, decimal)
    what, remedy = ("", "correct the cell") if near is None else (f", {near[0]}", near[1])
    return InputError(
        f"expected numbers in {source}, got {printable(cell)!r} in {where}, column {number}{what}; "
        f"{remedy}, or leave the column out: --drop {option_of(printable(name), number)}"
    )


def _numbers(
    name: str, number: int, texts: list[str | None], decimal: str, source: str, place: Callable[[int], str]
) -> Column:
    values = np.full(len(texts), np.nan)
    for row, cell in enumerate(texts):
        if cell is None:
            continue
        if not is_number(cell, decimal):
            raise no_number(cell, place(row), name, number, decimal, source)
        values[row] = number_of(cell, decimal)
    return Column(name, number, NUMBER, values)


__all__ = [
    "MISSING", "TRUTH", "column", "entries", "has_thousands", "is_date", "is_number", "nearly", "no_number",
    "number_of",
]  # fmt: skip
