"""The times of a path: which column they are in, and the numbers that they stand for."""

import dataclasses

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.files.tables.table import DATE, NUMBER, TEXT, Column, Table

TIME_NAMES = ("t", "time", "times", "date", "datetime", "timestamp")


def named_clock(table: Table) -> Column | None:
    """The column whose name is one of a time; a single capital T is a temperature, say."""
    hits = [column for column in table.columns if column.name.lower() in TIME_NAMES and column.name != "T"]
    if len(hits) > 1:
        alike = {column.name for column in hits}
        what = (
            f"{len(hits) if len(hits) > 2 else 'two'} columns named {hits[0].name}"
            if len(alike) == 1
            else table.names(hits)
        )
        raise InputError(
            f"expected one column of times in {table.name}, got {what}; say which one it is, --times "
            f"{table.option(hits[0])}, and leave the other out if it is no channel, --drop {table.option(hits[1])}"
        )
    return hits[0] if hits else None


def clock_times(table: Table, clock: Column, kept: np.ndarray) -> tuple[np.ndarray, str]:
    """The times as numbers, strictly increasing, and a sentence on their unit and origin."""
    clock = _calendar(table, clock)
    values = clock.values[kept]
    i = _checks.first_not_increasing(values)
    if i is not None:
        raise InputError(
            f"expected strictly increasing times in {table.name}, got {time_text(values[i + 1], clock)} "
            f"after {time_text(values[i], clock)} in {table.place(kept[i + 1])}; sort the points and drop repeated "
            f"times"
        )
    where = f"column {clock.number}" if not clock.name else f"column {clock.name}"
    if clock.kind == NUMBER:
        beyond = values.dtype.kind in "iu" and max(abs(int(values[0])), abs(int(values[-1]))) > 2**53
        if beyond:  # a difference keeps what float64 would round
            first = values[0]
            return np.array([int(value) - int(first) for value in values], dtype=np.float64), (
                f"The times of {table.name} are those of {where}, counted from the first, {first}."
            )
        return np.asarray(values, dtype=np.float64), f"The times of {table.name} are those of {where}."
    unit, size = ("days", 86400 * 10**9) if clock.whole_days else ("seconds", 10**9)
    step, count = np.datetime_data(values.dtype)
    ticks = {"D": 86400 * 10**9, "h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
    if step not in ticks:
        raise InputError(f"expected times in days or finer units in {where} of {table.name}, got {step}; convert them")
    elapsed = (values - values[0]).astype(np.int64)
    # Whole ticks over ticks a unit: one rounding.
    times = (
        elapsed / (size / (ticks[step] * count))
        if ticks[step] * count <= size
        else elapsed * (ticks[step] * count / size)
    )
    first = time_text(values[0].astype("M8[D]"), None) if clock.whole_days else time_text(values[0], clock)
    return times, f"The times of {table.name} are {unit} from {first}, the first of {where}."


def _calendar(table: Table, clock: Column) -> Column:
    """Whole numbers such as 20240131 in a column called date or datetime or timestamp are dates.

    Raises:
        InputError: some are dates, most of them, and some are none.
    """
    if clock.kind != NUMBER or clock.values.dtype.kind != "i" or clock.name.lower() not in TIME_NAMES[3:]:
        return clock
    days = [_day(value) for value in clock.values.tolist()]
    bad = [row for row, day in enumerate(days) if day is None]
    if 2 * len(bad) > len(days):
        return clock
    if bad:
        raise InputError(
            f"expected dates in column {clock.name} of {table.name}, got {clock.values[bad[0]]} in "
            f"{table.place(bad[0])}, and there is no such date; correct the cell, or call the column t if it holds "
            f"numbers"
        )
    return dataclasses.replace(clock, kind=DATE, values=np.array(days, dtype="M8[D]"), whole_days=True)


def _day(value: int) -> np.datetime64 | None:
    """The date that a whole number spells, None for one that spells none."""
    text = str(value)
    try:
        return np.datetime64(f"{text[:4]}-{text[4:6]}-{text[6:]}", "D") if len(text) == 8 else None
    except ValueError:
        return None


def time_text(value: np.generic, column: Column | None) -> str:
    """A time in full; `column`: where it stands, which says whether it is in UTC."""
    if isinstance(value, np.datetime64):
        text = str(np.datetime_as_string(value, unit="auto"))
        if len(text) == 10 and np.datetime_data(value.dtype)[0] != "D":
            text = f"{text}T00:00:00"
        text = f"{text}:00" if text.count(":") == 1 else text
        return f"{text} UTC" if column is not None and column.utc else text
    if isinstance(value, np.timedelta64):
        seconds = value / np.timedelta64(1, "s")
        return f"{int(seconds // 3600):02d}:{int(seconds % 3600 // 60):02d}:{seconds % 60:02g}"
    number = value.item()
    return str(int(number)) if number == int(number) and abs(number) < 2**63 else repr(number)


def called(column: Column) -> str:
    """What a message calls a column, and that it is one."""
    return f"column {column.name}" if column.name else f"column {column.number}"


def example(table: Table, column: Column) -> str:
    """The first entry of a column of text, dates or times, and where it stands."""
    rows = np.flatnonzero(~column.missing())
    if not rows.size:
        return "no entries"
    row = int(rows[0])
    if column.kind == TEXT:
        text = repr(column.cell(row))
    else:
        text = time_text(column.values[row].astype("M8[D]") if column.whole_days else column.values[row], column)
    return f"{text} in {table.place(row)}"


__all__ = ["TIME_NAMES", "called", "clock_times", "example", "named_clock"]
