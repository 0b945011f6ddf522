"""What a column of cells holds: numbers, dates, times of the day, or text."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from roughntk._checks import InputError
from roughntk.study.tables.table import CLOCK, DATE, NUMBER, TEXT, Column, printable

MISSING = frozenset(
    ["", "#N/A", "#NA", "<NA>", "N/A", "n/a", "NA", "NULL", "null", "None", "NaN", "nan", "-NaN", "-nan", "NaT"]
)
"""Cells that stand for no entry."""

_DATE = re.compile(
    r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}/\d{1,2}/\d{4}|\d{1,2}\.\d{1,2}\.\d{4}|\d{8}(?=T))"
    r"(?:[T ]\d{1,2}:?\d{2}(?::?\d{2}(?:[.,]\d{1,9})?)?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?"
)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?")
_COMMA_NUMBER = re.compile(r"[+-]?(?:\d+(?:,\d+)?|,\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity)", re.IGNORECASE)
TRUTH = {"True": 1.0, "False": 0.0, "TRUE": 1.0, "FALSE": 0.0, "true": 1.0, "false": 0.0}


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether a cell is a number with that decimal mark."""
    if decimal == ",":
        return _COMMA_NUMBER.fullmatch(cell) is not None
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell and cell not in MISSING


def is_date(cell: str) -> bool:
    """Whether a cell looks like a date, with or without a time, or like a time of the day."""
    return _DATE.fullmatch(cell) is not None or _CLOCK.fullmatch(cell) is not None


def column(
    name: str, number: int, cells: Sequence[Any] | np.ndarray, decimal: str, source: str, place: Callable[[int], str]
) -> Column:
    """The column that text cells make, None or NaN where missing.

    Cells that are all numbers, truth values, dates or times of the day become such; where most are numbers the others
    are mistakes; the rest is text.

    Raises:
        InputError: a cell that is no number among numbers, no date among dates, a date with two readings.
    """
    texts = [cell.strip() if isinstance(cell, str) else None for cell in cells]
    texts = [None if cell is None or cell in MISSING else cell for cell in texts]
    known = [cell for cell in texts if cell is not None]
    if not known:
        return Column(name, number, NUMBER, np.full(len(texts), np.nan))
    if all(cell in TRUTH for cell in known):
        return Column(name, number, NUMBER, np.array([np.nan if c is None else TRUTH[c] for c in texts]))
    numbers = sum(is_number(cell, decimal) for cell in known)
    dates = sum(is_date(cell) for cell in known)
    called = repr(printable(name)) if name else f"{number}"
    if 2 * numbers >= len(known):
        return _numbers(name, number, texts, decimal, source, place)
    if 2 * dates < len(known):
        return Column(name, number, TEXT, np.array(texts, dtype=object))
    for row, cell in enumerate(texts):
        if cell is not None and not is_date(cell):
            raise InputError(
                f"expected dates in column {called} of {source}, got {printable(cell)!r} in {place(row)}, column "
                f"{number}; correct it, or leave the column out: --drop {printable(name) or number}"
            )
    if all(_CLOCK.fullmatch(cell) for cell in known):
        return Column(name, number, CLOCK, np.array([_time_of_day(cell) for cell in texts], dtype="m8[ns]"))
    return dates_of(name, number, texts, source)


def _numbers(
    name: str, number: int, texts: list[str | None], decimal: str, source: str, place: Callable[[int], str]
) -> Column:
    values = np.full(len(texts), np.nan)
    for row, cell in enumerate(texts):
        if cell is None:
            continue
        if not is_number(cell, decimal):
            raise InputError(
                f"expected numbers in {source}, got {printable(cell)!r} in {place(row)}, column {number}; correct the "
                f"cell, or leave the column out: --drop {printable(name) or number}"
            )
        values[row] = float(cell.replace(",", ".") if decimal == "," else cell)
    return Column(name, number, NUMBER, values)


def dates_of(name: str, number: int, texts: Sequence[str | None], source: str) -> Column:
    """A column of dates; times with an offset from UTC are in UTC."""
    import pandas as pd

    known = [cell for cell in texts if cell is not None]
    form: str = "ISO8601"
    if any("/" in cell[:3] or "." in cell[:3] for cell in known):
        form = _day_or_month_first(name or str(number), known, source)
    try:
        offset = sum(re.search(r"(?:Z|UTC|[T ].*[+-]\d{2}:?\d{2})$", cell) is not None for cell in known)
        if 0 < offset < len(known):
            raise ValueError("some have an offset from UTC and some have none")
        found = pd.to_datetime(pd.Series(list(texts), dtype=object), format=form, utc=bool(offset))
        values = (found.dt.tz_localize(None) if offset else found).to_numpy()
    except (ValueError, OverflowError) as error:
        raise InputError(
            f"expected dates of one form in column {printable(name) or number} of {source}, got "
            f"{printable(str(error).splitlines()[0])}; write them as 2024-01-31 or 2024-01-31T09:30:00"
        ) from None
    clock = values[~np.isnat(values)]
    whole = bool((clock == clock.astype("M8[D]")).all()) and not any(":" in cell for cell in known)
    return Column(name, number, DATE, values, whole)


def _day_or_month_first(called: str, known: list[str], source: str) -> str:
    """The format of dates that begin with a day or a month; dots put the day first."""
    first = [re.split(r"[/.]", cell)[:2] for cell in known if "/" in cell[:3] or "." in cell[:3]]
    if len(first) < len(known):
        raise InputError(
            f"expected dates of one form in column {called} of {source}, got several; write them all as 2024-01-31"
        )
    mark = "/" if "/" in known[0][:3] else "."
    day = mark == "." or any(int(one) > 12 for one, _ in first)
    month = mark == "/" and any(int(two) > 12 for _, two in first)
    if day == month:
        raise InputError(
            f"expected dates with one meaning in column {called} of {source}, got {known[0]!r}, whose day and month "
            f"cannot be told apart; write them as 2024-01-31"
        )
    lengths = {cell.count(":") for cell in known}
    if len(lengths) > 1:
        raise InputError(
            f"expected dates of one form in column {called} of {source}, got several; write them as 2024-01-31T09:30:00"
        )
    clock = {0: "", 1: " %H:%M", 2: " %H:%M:%S"}[lengths.pop()]
    if any("." in cell[11:] for cell in known):
        clock += ".%f"
    if "T" in known[0]:
        clock = clock.replace(" ", "T", 1)
    return (f"%d{mark}%m{mark}%Y" if day else f"%m{mark}%d{mark}%Y") + clock


def _time_of_day(cell: str | None) -> np.timedelta64:
    if cell is None:
        return np.timedelta64("NaT", "ns")
    hours, minutes, seconds = [*cell.split(":"), "0"][:3]
    whole, _, part = seconds.partition(".")
    return np.timedelta64((int(hours) * 3600 + int(minutes) * 60 + int(whole)) * 10**9 + int(part.ljust(9, "0")), "ns")


__all__ = ["MISSING", "column", "dates_of", "is_date", "is_number"]
