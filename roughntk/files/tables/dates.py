"""Dates and times of the day as they are written in text: what they look like, in which order, and in which zone."""

import datetime
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from roughntk._checks import InputError
from roughntk.files.tables.table import CLOCK, DATE, Column, option_of, printable

_DATE = re.compile(
    r"(?:\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}|\d{1,2}/\d{1,2}/\d{4}|\d{1,2}\.\d{1,2}\.\d{4}|\d{8}(?=T))"
    r"(?:[T ]\d{1,2}:?\d{2}(?::?\d{2}(?:[.,]\d{1,9})?)?)?\s?(?:Z|UTC|[+-]\d{2}:?\d{2})?"
)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?")
_OFFSET = re.compile(r"(?:Z|UTC|[T ].*[+-]\d{2}:?\d{2})$")
_PARTS = re.compile(
    r"(?:(\d+)[-/.](\d+)[-/.](\d+)|(\d{4})(\d{2})(\d{2}))(?:[T ](\d{1,2}):?(\d{2})(?::?(\d{2}))?)?.*", re.DOTALL
)


def is_date(cell: str) -> bool:
    """Whether a cell looks like a date, with or without a time, or like a time of the day."""
    return _DATE.fullmatch(cell) is not None or _CLOCK.fullmatch(cell) is not None


def dates_of(name: str, number: int, texts: Sequence[str | None], source: str, place: Callable[[int], str]) -> Column:
    """A column of dates, or of times of the day; times with an offset from UTC are in UTC. None is a missing one.

    Raises:
        InputError: a cell that is none, that there is not, or that has another form or order than the others.
    """
    called = f"column {printable(name) or number} of {source}"
    known = [(row, cell) for row, cell in enumerate(texts) if cell is not None]
    for row, cell in known:
        if not is_date(cell):
            raise _no_date(called, cell, place(row), f"column {number}", name, number)
    if all(_CLOCK.fullmatch(cell) for _, cell in known):
        for row, cell in known:
            if any(int(part) >= 60 for part in re.split(r"[:.]", cell)[1:3]):
                raise _no_date(called, cell, place(row), "and there is no such time of the day", name, number)
        return Column(name, number, CLOCK, np.array([_time_of_day(cell) for cell in texts], dtype="m8[ns]"))
    form, note = "ISO8601", ""
    if any(_begins_with_day_or_month(cell) for _, cell in known):
        form, note = _day_or_month_first(called, known, place)
    utc = _all_in_utc(called, known, place)
    values = _parsed(called, texts, form, utc, place, name, number)
    clock = values[~np.isnat(values)]
    whole = bool((clock == clock.astype("M8[D]")).all()) and not any(":" in cell for _, cell in known)
    return Column(name, number, DATE, values, whole, note, utc)


def _no_date(called: str, cell: str, where: str, why: str, name: str, number: int) -> InputError:
    return InputError(
        f"expected dates in {called}, got {printable(cell)!r} in {where}, {why}; correct the cell, or leave the column "
        f"out: --drop {option_of(printable(name), number)}"
    )


def _all_in_utc(called: str, known: list[tuple[int, str]], place: Callable[[int], str]) -> bool:
    """Whether every cell has an offset from UTC. Raises `InputError` where some have one."""
    within = [each for each in known if _OFFSET.search(each[1])]
    if 0 < len(within) < len(known):
        (row, cell), (other, bare) = within[0], next(each for each in known if not _OFFSET.search(each[1]))
        raise InputError(
            f"expected dates of one form in {called}, got {printable(cell)!r} in {place(row)}, which has an offset "
            f"from UTC, and {printable(bare)!r} in {place(other)}, which has none; give an offset to every one, or to "
            f"none"
        )
    return bool(within)


def _parsed(
    called: str, texts: Sequence[str | None], form: str, utc: bool, place: Callable[[int], str], name: str, number: int
) -> np.ndarray:
    """The dates as datetime64, NaT where missing."""
    import pandas as pd

    cells = pd.Series(list(texts), dtype=object)
    try:
        parsed: Any = pd.to_datetime(cells, format=form, utc=utc)
    except (ValueError, OverflowError):
        apart = pd.to_datetime(cells, format=form, utc=utc, errors="coerce").isna().to_numpy()
        row = next((i for i, cell in enumerate(texts) if cell is not None and apart[i]), None)
        if row is None:
            raise InputError(
                f"expected dates of one form in {called}, got several; write them as 2024-01-31 or 2024-01-31T09:30:00"
            ) from None
        cell = str(texts[row])
        why = _why_none(cell, form)
        if why:
            raise _no_date(called, cell, place(row), why, name, number) from None
        raise InputError(
            f"expected dates of one form in {called}, got {printable(cell)!r} in {place(row)}; write them as "
            f"2024-01-31 or 2024-01-31T09:30:00"
        ) from None
    return np.asarray((parsed.dt.tz_localize(None) if utc else parsed).to_numpy())


def _why_none(cell: str, form: str) -> str:
    """Why a cell of the right form is no date; "" where that is not the reason."""
    parts = _PARTS.match(cell)
    if parts is None:
        return ""
    first, second, third, hour, minute, below = [int(part or 0) for part in _six(parts)]
    if form.startswith("%d"):
        first, third = third, first
    elif form.startswith("%m"):
        first, second, third = third, first, second
    try:
        datetime.date(first, second, third)
    except ValueError:
        return "and there is no such date"
    try:
        datetime.time(hour, minute, below)
    except ValueError:
        return "and there is no such time of the day"
    return ""


def _six(parts: re.Match[str]) -> list[str | None]:
    """Three parts of the date, as they are written, and three of the time."""
    groups = list(parts.groups())
    return (groups[:3] if groups[0] is not None else groups[3:6]) + groups[6:]


def _begins_with_day_or_month(cell: str) -> bool:
    return "/" in cell[:3] or "." in cell[:3]


def _part(cell: str, place: int) -> int:
    """A part of a date, as it is written."""
    return int(re.split(r"[/.]", cell)[place])


def _day_or_month_first(called: str, known: list[tuple[int, str]], place: Callable[[int], str]) -> tuple[str, str]:
    """The format of dates that begin with a day or a month, and a note on the order; dots put the day first."""
    mark = next("/" if "/" in cell[:3] else "." for _, cell in known if _begins_with_day_or_month(cell))
    for row, cell in known:
        if mark not in cell[:3]:
            raise InputError(
                f"expected dates of one form in {called}, got {printable(cell)!r} in {place(row)} beside "
                f"{next(other for _, other in known if mark in other[:3])!r}; write them all as 2024-01-31"
            )
    day = next((each for each in known if _part(each[1], 0) > 12 or mark == "."), None)
    month = next((each for each in known if _part(each[1], 1) > 12 and mark == "/"), None)
    if day is not None and month is not None:
        both = f"{day[1]!r} in {place(day[0])}"
        if day[0] != month[0]:
            both += f", which has its day first, and {month[1]!r} in {place(month[0])}, which has its month first"
        raise InputError(f"expected dates with one order in {called}, got {both}; write them as 2024-01-31")
    if day is None and month is None:
        raise InputError(
            f"expected dates with one meaning in {called}, got {known[0][1]!r}, whose day and month cannot be told "
            f"apart; write them as 2024-01-31"
        )
    shapes = {(cell.count(":"), "T" in cell, "." in cell[11:]): row for row, cell in reversed(known)}
    if len({colons for colons, _, _ in shapes}) > 1:
        row = sorted(shapes.values())[1]
        raise InputError(
            f"expected dates of one form in {called}, got several, the second in {place(row)}; write them as "
            f"2024-01-31T09:30:00"
        )
    clock = {0: "", 1: " %H:%M", 2: " %H:%M:%S"}[known[0][1].count(":")]
    if any(fraction for _, _, fraction in shapes):
        clock += ".%f"
    if "T" in known[0][1]:
        clock = clock.replace(" ", "T", 1)
    example = (day or month or known[0])[1].partition(" ")[0].partition("T")[0]
    one, two, year = re.split(r"[/.]", example)
    note = f"{year}-{two:0>2}-{one:0>2}, the day first" if day else f"{year}-{one:0>2}-{two:0>2}, the month first"
    order = f"%d{mark}%m{mark}%Y" if day else f"%m{mark}%d{mark}%Y"
    return order + clock, f"{example} is read as {note}"


def _time_of_day(cell: str | None) -> np.timedelta64:
    if cell is None:
        return np.timedelta64("NaT", "ns")
    hours, minutes, seconds = [*cell.split(":"), "0"][:3]
    whole, _, part = seconds.partition(".")
    return np.timedelta64((int(hours) * 3600 + int(minutes) * 60 + int(whole)) * 10**9 + int(part.ljust(9, "0")), "ns")


__all__ = ["dates_of", "is_date"]
