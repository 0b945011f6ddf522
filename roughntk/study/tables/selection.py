"""Which columns of a table are what: features and target of points, times and channels of a path."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from roughntk._checks import InputError
from roughntk.study.tables.table import CLOCK, DATE, NUMBER, TEXT, Column, Reading, Table, printable

TIME_NAMES = ("t", "time", "times", "date", "datetime", "timestamp")
LABEL_NAMES = (
    "label", "labels", "class", "classes", "target", "targets", "y", "species", "category", "kind", "outcome",
    "response",
)  # fmt: skip
MOST_CLASSES = 20
"""Whole numbers of up to so many values are called classes."""


@dataclasses.dataclass(frozen=True)
class Points:
    """Points in rows.

    Attributes:
        values: float64, shape (rows, features); rows that are left out hold NaN.
        names: of the features, or "" each.
        kept: the rows that are not left out.
        y: targets, shape (rows,), or one-hot, shape (rows, classes), where they are text; None without targets.
        classes: the texts that the columns of a one-hot y stand for.
        target: the name of the target, None without one.
        said: sentences on what was guessed and chosen.
    """

    values: np.ndarray
    names: tuple[str, ...]
    kept: np.ndarray
    y: np.ndarray | None
    classes: tuple[str, ...]
    target: str | None
    said: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Path:
    """A path: values (points, channels), times (points,) or None, names of the channels, and what is to be said."""

    values: np.ndarray
    times: np.ndarray | None
    names: tuple[str, ...]
    said: tuple[str, ...]


def points_of(table: Table, target: str | None, reading: Reading) -> Points:
    """Features and target of a table of points.

    `target`: the column of the targets, by name or by number from 1.

    Raises:
        InputError: no such column, text or dates among the features, missing cells (unless rows are dropped).
    """
    if reading.missing == "interpolate":
        raise InputError(
            "expected --missing error or drop for points, got interpolate; rows of points have no order, so leave "
            "those with missing cells out: --missing drop"
        )
    wanted = None if target is None else table.find(target, "--target")
    table = _dropped(table, reading, wanted, "--target")
    table = _without_index(table, wanted, "--target")
    features = table if wanted is None else table.without([wanted.number])
    if not features.columns:
        raise InputError(
            f"expected columns of features in {table.name}, got none beside {wanted and wanted.label}; add them"
        )
    for column in features.columns:
        if column.kind == TEXT:
            raise InputError(
                f"expected columns of numbers in {table.name}, got text in {_called(column)} "
                f"({_example(table, column)}); "
                + ("" if wanted is not None else f"predict it: --target {column.option}, or ")
                + f"leave it out: --drop {column.option}"
            )
        if column.kind != NUMBER:
            raise InputError(
                f"expected columns of numbers in {table.name}, got dates in {_called(column)} "
                f"({_example(table, column)}); leave it out: --drop {column.option}"
            )
    kept = _whole_rows(table, reading)
    said = [*table.said, *_dropped_rows(table, kept)]
    values = np.column_stack([column.floats() for column in features.columns])
    _check_finite(features)
    names = tuple(column.name for column in features.columns)
    listed = f": {features.names()}" if features.named else ""
    said.append(f"{_count(len(names), 'feature')}{listed}.")
    if wanted is None:
        return Points(values, names, kept, None, (), None, (*said, *_label_like(features, kept)))
    y, classes, sentence = target_of(wanted, table, kept)
    return Points(values, names, kept, y, classes, wanted.label, (*said, sentence))


def target_of(column: Column, table: Table, kept: np.ndarray) -> tuple[np.ndarray, tuple[str, ...], str]:
    """The targets of a column: numbers as they are, text one-hot; the classes of text; and a sentence on them.

    Raises:
        InputError: dates, infinite numbers, or text that is another in every row.
    """
    if column.kind in (DATE, CLOCK):
        raise InputError(
            f"expected numbers or text as the target, got dates in {_called(column)} of {table.name}; encode them"
        )
    if column.kind == TEXT:
        classes = tuple(sorted({column.values[row] for row in kept}))
        if len(classes) == len(kept) > 2:
            raise InputError(
                f"expected classes in {_called(column)} of {table.name}, got another text in each of its {len(kept)} "
                f"rows ({_example(table, column)}); name the column that holds the classes"
            )
        y = np.full((len(column.values), len(classes)), np.nan)
        texts = np.array([column.values[row] for row in kept], dtype=object)
        y[kept] = texts[:, None] == np.array(classes, dtype=object)
        shown = tuple(map(printable, classes))
        sentence = (
            f"The target is {column.label}: {_count(len(shown), 'class')} ({_listed(shown)}), one-hot; the prediction "
            f"is the class whose sum is largest."
        )
        return y, shown, sentence
    y = column.floats()
    bad = kept[~np.isfinite(y[kept])]
    if bad.size:
        raise InputError(
            f"expected finite targets in {_called(column)} of {table.name}, got {y[bad[0]]} in {table.places(bad)}; "
            f"correct or remove them"
        )
    values = np.unique(y[kept])
    if _are_labels(values, len(kept)):
        listed = f"{_count(len(values), 'class')} ({_listed([f'{value:.0f}' for value in values])})"
        return y, (), f"The target is {column.label}: {listed}, taken as the numbers that they are."
    return y, (), f"The target is {column.label}: numbers from {values[0]:g} to {values[-1]:g}."


def _are_labels(values: np.ndarray, rows: int) -> bool:
    return bool(2 <= len(values) <= min(MOST_CLASSES, max(rows // 2, 2)) and (values == np.round(values)).all())


def _label_like(features: Table, kept: np.ndarray) -> list[str]:
    """A sentence where a feature looks like a label."""
    if len(features.columns) < 2:
        return []
    last = features.columns[-1]
    for column in features.columns:
        values = np.unique(column.floats()[kept])
        by_name = column.name.lower() in LABEL_NAMES
        fractions = [c for c in features.columns if c is not column and (c.floats()[kept] % 1 != 0).any()]
        by_values = column is last and len(kept) >= 6 and 2 * len(fractions) >= len(features.columns) - 1 > 0
        if by_name or (by_values and _are_labels(values, len(kept))):
            few = f"{_count(len(values), 'value')}: {_listed([f'{value:g}' for value in values])}"
            return [
                f"Column {column.label} looks like a label ({few}) and is used as a feature; --target {column.option} "
                f"takes it as the target."
            ]
    return []


def path_of(table: Table, times: str | None, reading: Reading) -> Path:
    """Times and channels of a table of sample points.

    `times`: the column of the times, by name or by number from 1; "none" for a table without; None looks for a name.

    Raises:
        InputError: no such column or several, text or dates among the channels, missing cells (unless they are dropped
            or interpolated), times that do not increase strictly.
    """
    given = None if times in (None, "none") else table.find(str(times), "--times")
    table = _dropped(table, reading, given, "--times")
    clock = given if times is not None else _named_clock(table)
    table = _without_index(table, clock, "--times")
    said = list(table.said)
    dates = [c for c in table.columns if c.kind in (DATE, CLOCK) and (clock is None or c.number != clock.number)]
    if clock is None and times is None and len(dates) == 1:
        clock, dates = dates[0], []
    channels = table if clock is None else table.without([clock.number])
    if not channels.columns:
        beside = "" if clock is None else " beside the times"
        raise InputError(f"expected {table.name} with at least one channel, got none{beside}; add a column")
    for column in channels.columns:
        if column.kind != NUMBER:
            what = "text" if column.kind == TEXT else "dates"
            instead = f", or take it as times: --times {column.option}" if dates and clock is None else ""
            raise InputError(
                f"expected channels of numbers in {table.name}, got {what} in {_called(column)} "
                f"({_example(table, column)}); leave it out: --drop {column.option}{instead}"
            )
    if clock is not None and clock.kind == TEXT:
        raise InputError(
            f"expected times in {_called(clock)} of {table.name}, got text ({_example(table, clock)}); name another"
        )
    values = np.column_stack([c.floats() for c in channels.columns])
    _check_finite(table)
    kept = np.arange(table.rows) if reading.missing == "interpolate" else _whole_rows(table, reading, paths=True)
    said += _dropped_rows(table, kept)
    when = None
    if clock is not None:
        if clock.missing()[kept].any():
            gone = table.places(kept[clock.missing()[kept]])
            raise InputError(
                f"expected a time in every row of {table.name}, got none in {gone}; leave those out: --missing drop"
            )
        when, sentence = _clock_times(table, clock, kept)
        said.append(sentence)
    values = values if len(kept) == table.rows else values[kept]
    if reading.missing == "interpolate" and np.isnan(values).any():
        values, filled = _interpolated(table, channels, values, when)
        said.append(f"{_count(filled, 'missing cell')} of {table.name}: interpolated linearly in time.")
    return Path(values, when, tuple(column.name for column in channels.columns), tuple(said))


def _named_clock(table: Table) -> Column | None:
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
            f"expected one column of times in {table.name}, got {what}; say which one it is, --times {hits[0].number}, "
            f"and leave the other out if it is no channel, --drop {hits[1].number}"
        )
    return hits[0] if hits else None


def _clock_times(table: Table, clock: Column, kept: np.ndarray) -> tuple[np.ndarray, str]:
    """The times as numbers, strictly increasing, and what is said of them."""
    clock = _calendar(clock)
    values = clock.values[kept]
    stuck = np.flatnonzero(~(values[1:] > values[:-1]))
    if stuck.size:
        i = int(stuck[0])
        raise InputError(
            f"expected strictly increasing times in {table.name}, got {_time_text(values[i + 1])} after "
            f"{_time_text(values[i])} in {table.place(kept[i + 1])}; sort the points and drop repeated times"
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
    found = (
        elapsed / (size / (ticks[step] * count))
        if ticks[step] * count <= size
        else elapsed * (ticks[step] * count / size)
    )
    first = _time_text(values[0].astype("M8[D]") if clock.whole_days else values[0])
    return found, f"The times of {table.name} are {unit} from {first}, the first of {where}."


def _calendar(clock: Column) -> Column:
    """Whole numbers such as 20240131 in a column called date or datetime or timestamp are dates."""
    if clock.kind != NUMBER or clock.values.dtype.kind != "i" or clock.name.lower() not in TIME_NAMES[3:]:
        return clock
    texts = [str(value) for value in clock.values.tolist()]
    if any(len(text) != 8 for text in texts):
        return clock
    try:
        days = [f"{text[:4]}-{text[4:6]}-{text[6:]}" for text in texts]
        return dataclasses.replace(clock, kind=DATE, values=np.array(days, dtype="M8[D]"), whole_days=True)
    except ValueError:
        return clock


def _time_text(value: np.generic) -> str:
    """A time in full."""
    if isinstance(value, np.datetime64):
        text = str(np.datetime_as_string(value, unit="auto"))
        if len(text) == 10 and np.datetime_data(value.dtype)[0] != "D":
            return f"{text}T00:00:00"
        return f"{text}:00" if text.count(":") == 1 else text
    if isinstance(value, np.timedelta64):
        seconds = value / np.timedelta64(1, "s")
        return f"{int(seconds // 3600):02d}:{int(seconds % 3600 // 60):02d}:{seconds % 60:02g}"
    number = value.item()
    return str(int(number)) if number == int(number) and abs(number) < 2**63 else repr(number)


def _interpolated(
    table: Table, channels: Table, values: np.ndarray, times: np.ndarray | None
) -> tuple[np.ndarray, int]:
    """Missing values on the line between their neighbours in time. Raises `InputError` at the ends."""
    when = np.arange(len(values), dtype=np.float64) if times is None else times
    missing = np.isnan(values)
    for j, column in enumerate(channels.columns):
        ends = [row for row in (0, len(values) - 1) if missing[row, j]]
        if ends:
            raise InputError(
                f"expected an entry at both ends of {_called(column)} of {table.name} to interpolate between, got a "
                f"missing cell in {table.place(ends[0])}; leave that row out, or use --missing drop"
            )
        gaps = missing[:, j]
        values[gaps, j] = np.interp(when[gaps], when[~gaps], values[~gaps, j])
    return values, int(missing.sum())


def _dropped(table: Table, reading: Reading, wanted: Column | None, option: str) -> Table:
    """The table less the columns of --drop."""
    gone = [table.find(name, "--drop") for name in reading.drop]
    if wanted is not None and any(column.number == wanted.number for column in gone):
        raise InputError(
            f"expected {option} and --drop to name different columns, got {wanted.label} in both; take one out"
        )
    left = table.without(column.number for column in gone)
    if gone and not left.columns:
        raise InputError(f"expected a column of {table.name} that stays, got --drop of all of them; drop fewer")
    return left.saying(f"Left out: {table.names(gone)}.") if gone else left


def _without_index(table: Table, wanted: Column | None, option: str) -> Table:
    """The table less a first column without a name, where the others have one and it counts the rows."""
    if not table.columns:
        return table
    first, apart = table.columns[0], None if wanted is None else wanted.number
    named = any(column.name for column in table.columns if column.number != apart)
    if first.name or not named or first.kind != NUMBER or first.number == apart:
        return table
    for start in (0, 1):
        if len(table.columns) > 1 and np.array_equal(first.values, np.arange(start, start + table.rows)):
            return table.without([first.number]).saying(
                f"The first column of {table.name} has no name and counts the rows from {start}: it is left out, as an "
                f"index."
            )
    take = f"--{option.strip('-')} {first.number} takes it as {'times' if option == '--times' else 'the target'}"
    raise InputError(
        f"expected a name for the first column of {table.name}, got none, and it does not count the rows; name it, or "
        f"leave it out: --drop {first.number} ({take})"
    )


def _whole_rows(table: Table, reading: Reading, *, paths: bool = False) -> np.ndarray:
    """The rows without missing cells. Raises `InputError` where rows have some and are not to be dropped."""
    missing = {column.number: column.missing() for column in table.columns}
    for column in table.columns:
        if missing[column.number].all():
            raise InputError(
                f"expected entries in {_called(column)} of {table.name}, got none at all; leave it out: "
                f"--drop {column.option}"
            )
    some = np.logical_or.reduce(list(missing.values()))
    if not some.any():
        return np.arange(table.rows)
    if reading.missing == "drop":
        return np.flatnonzero(~some)
    rows = np.flatnonzero(some)
    named = [table.cells(row, [c for c in table.columns if missing[c.number][row]]) for row in rows[:5].tolist()]
    more = f" and {len(rows) - 5} more rows" if len(rows) > 5 else ""
    fill = ", or fill them linearly in time: --missing interpolate" if paths else ""
    raise InputError(
        f"expected an entry in every cell of {table.name}, got missing cells (empty or NaN) in {'; '.join(named)}"
        f"{more}: correct them, or leave those rows out: --missing drop{fill}"
    )


def _dropped_rows(table: Table, kept: np.ndarray) -> list[str]:
    if len(kept) == table.rows:
        return []
    gone = np.setdiff1d(np.arange(table.rows), kept)
    verb = "is" if gone.size == 1 else "are"
    return [f"{_count(gone.size, 'row')} of {table.name} with missing cells {verb} left out: {table.places(gone)}."]


def _check_finite(table: Table) -> None:
    """Raise `InputError` for infinite entries of the numbers of a table."""
    for column in table.columns:
        if column.kind != NUMBER or column.values.dtype.kind != "f" or bool(np.isfinite(column.values).all()):
            continue
        rows = np.flatnonzero(np.isinf(column.values))
        if rows.size:
            more = f" and {rows.size - 1} more" if rows.size > 1 else ""
            raise InputError(
                f"expected finite numbers in {table.name}, got {column.values[rows[0]]} in "
                f"{table.cells(int(rows[0]), [column])}{more}; correct or remove them"
            )


def _called(column: Column) -> str:
    return f"column {column.name}" if column.name else f"column {column.number}"


def _example(table: Table, column: Column) -> str:
    rows = np.flatnonzero(~column.missing())
    if not rows.size:
        return "no entries"
    row = int(rows[0])
    text = repr(column.cell(row)) if column.kind == TEXT else _time_text(column.values[row])
    return f"{text} in {table.place(row)}"


def _count(number: int, what: str) -> str:
    if number == 1:
        return f"1 {what}"
    return f"{number} {what}{'es' if what.endswith('s') else 's'}"


def _listed(words: Sequence[str], most: int = 10) -> str:
    return ", ".join(words if len(words) <= most else [*words[: most - 2], "...", words[-1]])


__all__ = ["LABEL_NAMES", "TIME_NAMES", "Path", "Points", "path_of", "points_of", "target_of"]
