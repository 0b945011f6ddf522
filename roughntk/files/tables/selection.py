"""Which columns of a table are what: features and target of points, times and channels of a path."""

import collections
import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from roughntk._checks import InputError
from roughntk.files.tables.kinds import nearly
from roughntk.files.tables.table import CLOCK, DATE, NUMBER, TEXT, Column, Reading, Table
from roughntk.files.tables.targets import PIECE, label_like, target_of
from roughntk.files.tables.time_column import TIME_NAMES, called, clock_times, example, named_clock
from roughntk.files.tables.words import counted, joined

Allocate = Callable[[int, int], np.ndarray]
"""(rows, columns) -> an array of that shape whose numbers are not set."""


def in_memory(rows: int, columns: int) -> np.ndarray:
    """A `Allocate` in memory."""
    return np.empty((rows, columns))


@dataclasses.dataclass(frozen=True)
class Points:
    """Points in rows.

    Attributes:
        values: float64, shape (rows, features); rows that are left out hold NaN.
        names: of the features, or "" each.
        kept: the rows that are not left out.
        y: targets, shape (rows,), or one-hot, shape (rows, classes), where they are classes; None without targets.
        classes: the texts that the columns of a one-hot y stand for.
        target: the name of the target, None without one.
        notes: sentences on what was guessed and chosen.
    """

    values: np.ndarray
    names: tuple[str, ...]
    kept: np.ndarray
    y: np.ndarray | None
    classes: tuple[str, ...]
    target: str | None
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Path:
    """A path: values (points, channels), times (points,) or None, names of the channels, notes on what was guessed."""

    values: np.ndarray
    times: np.ndarray | None
    names: tuple[str, ...]
    notes: tuple[str, ...]


def points_of(
    table: Table, target: str | None, reading: Reading, task: str = "auto", classes: tuple[str, ...] = (), *,
    allocate: Allocate = in_memory,
) -> Points:  # fmt: skip
    """Features and target of a table of points.

    `target`: the column of the targets, by name or by number from 1; `task`: what they are (`TASKS`); `classes`: those
    that are known; `allocate`: where the features go.

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
        if column.kind != NUMBER:
            predict = (
                "" if wanted is not None or column.kind != TEXT else f"predict it: --target {table.option(column)}"
            )
            raise _no_numbers("columns", table, column, predict)
    _check_names(features)
    kept = _whole_rows(table, reading)
    notes = [*table.notes, *_dropped_rows(table, kept)]
    values = _side_by_side(features.columns, allocate)
    _check_finite(features)
    names = tuple(column.name for column in features.columns)
    listed = f": {features.names()}" if features.named else ""
    notes += [f"{counted(len(names), 'feature')}{listed}.", *_column_notes(table)]
    if wanted is None:
        return Points(values, names, kept, None, (), None, (*notes, *label_like(features, kept)))
    y, classes, sentence = target_of(wanted, table, kept, task, classes)
    notes += [*label_like(features, kept, wanted), sentence]
    return Points(values, names, kept, y, classes, wanted.label, tuple(notes))


def _side_by_side(columns: Sequence[Column], allocate: Allocate = in_memory) -> np.ndarray:
    """The numbers of several columns as one array (rows, columns), with no other copy of them."""
    values = allocate(len(columns[0].values), len(columns))
    for first in range(0, len(values), PIECE):  # rows of one piece stay in the cache
        for j, column in enumerate(columns):
            values[first : first + PIECE, j] = column.values[first : first + PIECE]
    return values


def path_of(table: Table, times: str | None, reading: Reading) -> Path:
    """Times and channels of a table of sample points.

    `times`: the column of the times, by name or by number from 1; "none" for a table without; None looks for a name.

    Raises:
        InputError: no such column or several, text or dates among the channels, missing cells (unless they are dropped
            or interpolated), times that do not increase strictly.
    """
    given = None if times in (None, "none") else table.find(str(times), "--times")
    table = _dropped(table, reading, given, "--times")
    clock = given if times is not None else named_clock(table)
    table = _without_index(table, clock, "--times")
    notes = list(table.notes)
    dates = [c for c in table.columns if c.kind in (DATE, CLOCK) and (clock is None or c.number != clock.number)]
    if clock is None and times is None and len(dates) == 1:
        clock, dates = dates[0], []
    channels = table if clock is None else table.without([clock.number])
    if not channels.columns:
        beside = "" if clock is None else " beside the times"
        raise InputError(f"expected {table.name} with at least one channel, got none{beside}; add a column")
    for column in channels.columns:
        if column.kind != NUMBER:
            instead = (
                f"take it as times: --times {table.option(column)}" if clock is None and column.kind != TEXT else ""
            )
            raise _no_numbers("channels", table, column, instead)
    _check_names(channels)
    if clock is not None and clock.kind == TEXT:
        row, what, remedy = _first_text(clock)
        raise InputError(
            f"expected times in {called(clock)} of {table.name}, got {what} ({clock.cell(row)!r} in "
            f"{table.place(row)}); {remedy or 'name another'}"
        )
    values = _side_by_side(channels.columns)
    _check_finite(table)
    kept = np.arange(table.rows) if reading.missing == "interpolate" else _whole_rows(table, reading, paths=True)
    notes += _dropped_rows(table, kept)
    when = None
    if clock is not None:
        if clock.missing()[kept].any():
            gone = table.places(kept[clock.missing()[kept]])
            raise InputError(
                f"expected a time in every row of {table.name}, got none in {gone}; leave those out: --missing drop"
            )
        when, sentence = clock_times(table, clock, kept)
        notes.append(sentence)
    notes += _column_notes(table)
    values = values if len(kept) == table.rows else values[kept]
    if reading.missing == "interpolate" and np.isnan(values).any():
        values, filled = _interpolated(table, channels, values, when)
        notes.append(f"{counted(filled, 'missing cell')} of {table.name}: interpolated linearly in time.")
    return Path(values, when, tuple(column.name for column in channels.columns), tuple(notes))


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
                f"expected an entry at both ends of {called(column)} of {table.name} to interpolate between, got a "
                f"missing cell in {table.place(ends[0])}; leave that row out, or use --missing drop"
            )
        gaps = missing[:, j]
        values[gaps, j] = np.interp(when[gaps], when[~gaps], values[~gaps, j])
    return values, int(missing.sum())


def _first_text(column: Column) -> tuple[int, str, str]:
    """A row of a column of text to name, what is in it, and how to mend it, "" where that is not known.

    It is the first with what is nearly a number or a date where most are such, else the first with an entry.
    """
    known = np.flatnonzero(~column.missing()).tolist()
    near = [(row, kind_and_remedy) for row in known if (kind_and_remedy := nearly(column.values[row])) is not None]
    return (near[0][0], *near[0][1]) if 2 * len(near) >= len(known) else (known[0], "text", "")


def _no_numbers(what: str, table: Table, column: Column, instead: str) -> InputError:
    """The error for a column of text or dates among what is to be numbers; `instead`: another use of the column."""
    leave = f"leave it out: --drop {table.option(column)}" if len(table.columns) > 1 else ""
    if column.kind != TEXT:
        got, remedies = f"dates in {called(column)} ({example(table, column)})", [leave, instead]
    else:
        row, got, remedy = _first_text(column)
        got = f"{got} in {called(column)} ({column.cell(row)!r} in {table.place(row)})"
        remedies = [remedy, instead, leave]
    known = [remedy for remedy in remedies if remedy] or ["give numbers in its place"]
    return InputError(f"expected {what} of numbers in {table.name}, got {got}; {', or '.join(known)}")


def _check_names(columns: Table) -> None:
    """Raise `InputError` where features or channels have one name twice, or only some have one."""
    times = collections.Counter(column.name for column in columns.columns)
    for column in columns.columns:
        if column.name and times[column.name] > 1:
            same_name = [other for other in columns.columns if other.name == column.name]
            count = "two" if len(same_name) == 2 else str(len(same_name))
            raise InputError(
                f"expected a name of its own for each column of {columns.name}, got {count} columns named "
                f"{column.name} ({', '.join(str(each.number) for each in same_name)}); rename them, or leave one out: "
                f"--drop {columns.option(same_name[-1])}"
            )
        if not column.name and len(times) > 1:
            raise InputError(
                f"expected a name for every column of {columns.name}, got none for column {column.number}; name it, or "
                f"leave it out: --drop {columns.option(column)}"
            )


def _column_notes(table: Table) -> list[str]:
    """What was guessed about the cells of columns, a sentence for each guess."""
    notes = dict.fromkeys(column.note for column in table.columns if column.note)
    sentences = []
    for note in notes:
        those = [column for column in table.columns if column.note == note]
        names = joined([column.name or str(column.number) for column in those])
        sentences.append(f"In column{'s' * (len(those) > 1)} {names} of {table.name}: {note}.")
    return sentences


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
    return left.with_notes(f"Left out: {table.names(gone)}.") if gone else left


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
            return table.without([first.number]).with_notes(
                f"The first column of {table.name} has no name and counts the rows from {start}: it is left out, as an "
                f"index."
            )
    take = f"--{option.strip('-')} {table.option(first)} takes it as {'times' if option == '--times' else 'the target'}"
    raise InputError(
        f"expected a name for the first column of {table.name}, got none, and it does not count the rows; name it, or "
        f"leave it out: --drop {table.option(first)} ({take})"
    )


def _whole_rows(table: Table, reading: Reading, *, paths: bool = False) -> np.ndarray:
    """The rows without missing cells. Raises `InputError` where rows have some and are not to be dropped."""
    some = np.zeros(table.rows, dtype=bool)
    for column in table.columns:
        missing = column.missing()
        some |= missing
        if missing.all():
            raise InputError(
                f"expected entries in {called(column)} of {table.name}, got none at all; leave it out: "
                f"--drop {table.option(column)}"
            )
    if not some.any():
        return np.arange(table.rows)
    if reading.missing == "drop":
        return np.flatnonzero(~some)
    rows = np.flatnonzero(some)
    named = [
        table.cells(row, [c for c in table.columns if c.take(np.array([row])).missing()[0]])
        for row in rows[:5].tolist()
    ]
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
    return [f"{counted(gone.size, 'row')} of {table.name} with missing cells {verb} left out: {table.places(gone)}."]


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


__all__ = ["TIME_NAMES", "Path", "Points", "Allocate", "in_memory", "path_of", "points_of"]
