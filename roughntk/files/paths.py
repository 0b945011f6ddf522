"""Paths in files: reading them, and whether two of them go together.

A file holds one path, its points in rows: a table (`roughntk.files.tables`), a .npy, or a .npz with the points in its
only array or the one named values, path or X. Times are the column with the name of a time (in a .npz an array of that
name), or the column that is asked for; without them the points are numbered. An array of three axes is a batch.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.files import tables
from roughntk.files.tables import Reading, printable

VALUE_NAMES = ("values", "path", "X")


@dataclasses.dataclass(frozen=True)
class PathFile:
    """A path read from a file: values (points, channels), times (points,) or None, the names of its channels, and
    sentences on what was guessed about the file."""

    name: str
    values: np.ndarray
    times: np.ndarray | None
    channels: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def describe(self) -> str:
        """One line: points, channels and times."""
        points, count = self.values.shape
        named = ", ".join(f"{i} = {name}" for i, name in enumerate(self.channels, 1) if name != str(i))
        listed = f" ({named})" if named and count <= 12 else ""
        if self.times is None:
            when = "no times"
        else:
            first, last = _checks.apart(self.times[0], self.times[-1])
            when = f"times {first} to {last}"
        return f"{self.name}: {points} points, {count} channel{'s' * (count > 1)}{listed}, {when}."

    def lines(self) -> list[str]:
        """What is printed of the file: the description, then what was guessed."""
        return [self.describe(), *self.notes]


def read_path(file: str | Path, times: str | None = None, reading: Reading | None = None) -> PathFile:
    """The path in a file; see `read_paths`. Raises `InputError` also for a batch of paths."""
    paths = read_paths(file, times, reading)
    if len(paths) > 1:
        raise InputError(
            f"expected one path in {printable(str(file))}, got a batch of {len(paths)}; save one path a file here"
        )
    return paths[0]


def read_paths(file: str | Path, times: str | None = None, reading: Reading | None = None) -> list[PathFile]:
    """The path in a file or on standard input ("-"), or the paths of a batch, an array (paths, points, channels).

    `times`: the column of the times, by its name or its number from 1 (in a .npz also the name of an array), "name:2"
    and "number:2" where it may be either; "none" for a file whose columns are all channels; None looks for the name of
    a time. `reading`: how to read a table.
    Raises `InputError` for a file that is missing or cannot be read, entries that are no finite numbers (with row and
    column), fewer than two points, no channel, and times that do not increase strictly.
    """
    reading = reading or Reading()
    source = tables.source(file)
    reading.check_used(source.kind, source.name)
    if source.kind == "npz":
        return _from_archive(source, times, reading)
    if source.kind == "npy":
        array = tables.read_arrays(source, lambda _: ("",))[""]
        if array.ndim == 3:
            return _batch(array, source.name, times, reading)
        return [_from_table(tables.table_of_array(array, "", source.name), times, reading)]
    return [_from_table(tables.read(source, reading), times, reading)]


def _batch(array: np.ndarray, name: str, times: str | None, reading: Reading) -> list[PathFile]:
    if 0 in array.shape:
        raise InputError(f"expected paths in {name}, got an array of shape {array.shape}; save at least one")
    return [
        _from_table(tables.table_of_array(each, "", f"{name}[{i}]"), times, reading) for i, each in enumerate(array)
    ]


def _from_archive(source: tables.Source, times: str | None, reading: Reading) -> list[PathFile]:
    kind, _, rest = (times or "").partition(":")
    apart = tables.TIME_NAMES if times is None else () if kind == "number" else (rest if kind == "name" else times,)
    picked: list[str] = []

    def pick(members: list[tables.Member]) -> list[str]:
        names = [member.name for member in members if member.shape is not None or member.name in VALUE_NAMES]
        clock = [name for name in names if name in apart]
        others = [name for name in names if name not in clock]
        values = [name for name in VALUE_NAMES if name in others] or (others if len(others) == 1 else [])
        if not values or len(clock) > 1:
            listed = ", ".join(printable(member.name) for member in members) or "none"
            raise InputError(
                f"expected one array of points in {source.name}, or one named {', '.join(VALUE_NAMES)}, and at most "
                f"one of times, got {listed}; save the points as values and the times as times"
            )
        shape = next(member.shape for member in members if member.name == values[0])
        if clock and times == clock[0] and times.isdecimal() and shape and 1 <= int(times) <= shape[-1] > 1:
            raise InputError(
                f"expected --times to name one array or column in {source.name}, got {times!r}, the name of an array "
                f"and the number of a column of {printable(values[0])}; write --times name:{times} or --times "
                f"number:{times}"
            )
        picked[:] = [values[0], *clock]
        return picked

    arrays = tables.read_arrays(source, pick)
    values = arrays[picked[0]]
    if len(picked) == 1:
        if values.ndim == 3:
            return _batch(values, source.name, times, reading)
        return [_from_table(tables.table_of_array(values, picked[0], source.name), times, reading)]
    clock = arrays[picked[1]]
    points = values.shape[1:2] if values.ndim == 3 else values.shape[:1]
    if clock.shape != points:
        raise InputError(
            f"expected one time a point in {source.name}, shape {points}, got shape {clock.shape}; give one time "
            f"per point"
        )

    def one(points: np.ndarray, name: str) -> PathFile:
        """The path of an array, with the times in a column of their own behind it."""
        table = tables.table_of_array(points, picked[0], name)
        number = len(table.columns) + 1
        when = dataclasses.replace(
            tables.table_of_array(clock, picked[1], name).columns[0], name=picked[1], number=number
        )
        return _from_table(dataclasses.replace(table, columns=(*table.columns, when)), f"number:{number}", reading)

    if values.ndim == 3:
        return [one(each, f"{source.name}[{i}]") for i, each in enumerate(values)]
    return [one(values, source.name)]


def _from_table(table: tables.Table, times: str | None, reading: Reading) -> PathFile:
    path = tables.path_of(table, times, reading)
    values = _checks.path_points(path.values, table.name)
    names = tuple(name or str(i) for i, name in enumerate(path.names, 1))
    return PathFile(table.name, values, path.times, names, path.notes)


def check_standard_input(names: Sequence[str]) -> None:
    """Raise `InputError` where standard input is to be read more than once."""
    if list(names).count(tables.STANDARD_INPUT) > 1:
        raise InputError("expected - once, got it more often; standard input can be read once, so save it to a file")


def check_pair(file: PathFile, limit: PathFile) -> None:
    """Raise `InputError` unless the paths have the same numbers of points and channels, and the same times."""
    if file.values.shape != limit.values.shape:
        (points, channels), wanted = file.values.shape, limit.values.shape
        raise InputError(
            f"expected the {wanted[0]} points and {wanted[1]} channels of {limit.name} in {file.name}, got {points} "
            f"points and {channels} channels; resample them at common times (numpy.interp)"
        )
    if file.times is None or limit.times is None:
        return
    span = limit.times[-1] - limit.times[0]
    different = np.flatnonzero(~(np.abs(file.times - limit.times) <= 1e-9 * span))
    if different.size:
        i = int(different[0])
        what = "interval" if different[0] == 0 or different[-1] == len(limit.times) - 1 else "times"
        ends = (limit.times[0], limit.times[-1], file.times[0], file.times[-1])
        shown = _checks.apart(*ends, file.times[i], limit.times[i])
        raise InputError(
            f"expected the {what} of {limit.name} ({shown[0]} to {shown[1]}) in {file.name}, got "
            f"{shown[2]} to {shown[3]}, with {shown[4]} instead of {shown[5]} at row {i} "
            f"(counted from 0); resample them at common times (numpy.interp), or pass --times none"
        )
