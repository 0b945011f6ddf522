"""Paths in files: reading them, whether two of them go together, and writing a result.

A file holds one path, its points in rows: a .csv (a header line is allowed), a .npy, or a .npz with the points in its
only array or the one named values, path or X. Times are a column called t, time or times (in a .npz an array of that
name), or the column that is asked for; without them the points are numbered.
"""

import contextlib
import dataclasses
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from roughntk import _checks, _process, rough
from roughntk._checks import InputError
from roughntk.study import files

TIME_NAMES, VALUE_NAMES = ("t", "time", "times"), ("values", "path", "X")


@dataclasses.dataclass(frozen=True)
class PathFile:
    """A path read from a file: values (points, channels), times (points,) or None, and the names of its channels."""

    name: str
    values: np.ndarray
    times: np.ndarray | None
    channels: tuple[str, ...]

    @property
    def path(self) -> Any:
        """What the functions of the room `rough` take."""
        return self.values if self.times is None else rough.PiecewiseLinear(self.values, self.times)

    def describe(self) -> str:
        """One line: points, channels and times."""
        points, count = self.values.shape
        named = ", ".join(f"{i} = {name}" for i, name in enumerate(self.channels, 1) if name != str(i))
        listed = f" ({named})" if named and count <= 12 else ""
        when = "no times" if self.times is None else f"times {self.times[0]:g} to {self.times[-1]:g}"
        return f"{self.name}: {points} points, {count} channel{'s' * (count > 1)}{listed}, {when}."


def read_path(file: str | Path, times: str | None = None) -> PathFile:
    """The path of a .csv, .npy or .npz file.

    `times`: the column of the times, by its name in the header or its number from 1 (in a .npz also the name of an
    array); "none" for a file whose columns are all channels; None looks for a column or array named t, time or times.
    Raises `InputError` for a file that is missing or cannot be read, entries that are no finite numbers (with row and
    column), fewer than two points, no channel, and times that do not increase strictly.
    """
    path = Path(file)
    if path.suffix.lower() not in files.SUFFIXES:
        raise InputError(f"expected a path in a .csv, .npy or .npz file, got {str(file)!r}; convert it to one of these")
    files.check_exists(path)
    if path.suffix.lower() == ".csv":
        table = files.read_csv(path)
        return _from_columns(path.name, table.values, table.header, times, table.lines)
    if path.suffix.lower() == ".npy":
        return _from_columns(path.name, _numbers(files.read_numpy(path, list)[0], path.name), (), times, ())
    return _from_archive(path, times)


def _from_archive(path: Path, times: str | None) -> PathFile:
    apart = TIME_NAMES if times is None else (times,)

    def pick(names: list[str]) -> list[str]:
        clock = [name for name in names if name in apart]
        others = [name for name in names if name not in clock]
        values = [name for name in VALUE_NAMES if name in others] or (others if len(others) == 1 else [])
        if not values or len(clock) > 1:
            raise InputError(
                f"expected one array of points in {path.name}, or one named {', '.join(VALUE_NAMES)}, and at most one "
                f"of times, got {', '.join(names) or 'none'}; save the points as values and the times as times"
            )
        return [values[0], *clock]

    arrays = [_numbers(array, path.name) for array in files.read_numpy(path, pick)]
    if len(arrays) == 1:
        return _from_columns(path.name, arrays[0], (), times, ())
    values, clock = arrays
    if values.ndim == 1:
        values = values[:, None]
    if clock.shape != values.shape[:1]:
        raise InputError(
            f"expected one time a point in {path.name}, shape ({len(values)},), got shape {clock.shape}; give one time "
            f"per point"
        )
    return _from_columns(path.name, np.column_stack([values, clock]), (), str(values.shape[1] + 1), ())


def _numbers(array: np.ndarray, name: str) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise InputError(f"expected {name} to hold real numbers, got dtype {array.dtype}; convert it to float64 first")
    if array.ndim not in (1, 2):
        raise InputError(f"expected {name} of shape (points, channels), got shape {array.shape}; save one path a file")
    return np.asarray(array, dtype=np.float64)


def _from_columns(
    name: str, table: np.ndarray, header: tuple[str, ...], times: str | None, lines: Sequence[int]
) -> PathFile:
    """Checks a table of numbers, and takes the column of the times out of it."""
    if table.ndim == 1:
        table = table[:, None]

    def row(i: int) -> str:
        return f"line {lines[i]}" if lines else f"row {i}"

    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        i, j = map(int, bad[0])
        where = f"{row(i)}, column {j + 1}" if lines else f"row {i}, column {j} (counted from 0)"
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise InputError(f"expected finite numbers in {name}, got {table[i, j]} in {where}{more}; remove or impute it")
    place = _time_column(name, table.shape[1], header, times)
    clock = None if place is None else table[:, place]
    values = table if place is None else np.delete(table, place, axis=1)
    names = tuple(header) or tuple(map(str, range(1, table.shape[1] + 1)))
    kept = names if place is None else names[:place] + names[place + 1 :]
    if not header:
        kept = tuple(map(str, range(1, values.shape[1] + 1)))
    values = _checks.path_points(values, name)
    if clock is not None:
        stuck = np.flatnonzero(np.diff(clock) <= 0)
        if stuck.size:
            i = int(stuck[0])
            raise InputError(
                f"expected strictly increasing times in {name}, got {clock[i + 1]:g} after {clock[i]:g} in "
                f"{row(i + 1)}{'' if lines else ' (counted from 0)'}; sort the points and drop repeated times"
            )
    return PathFile(name, values, clock, kept)


def _time_column(name: str, width: int, header: tuple[str, ...], times: str | None) -> int | None:
    """The place of the column of the times, counted from 0, or None."""
    if times is None:
        found = [place for place, cell in enumerate(header) if cell.lower() in TIME_NAMES]
        return found[0] if found else None
    if times == "none":
        return None
    if times in header:
        return header.index(times)
    if times.isdecimal() and 1 <= int(times) <= width:
        return int(times) - 1
    known = f"{', '.join(header)}, " if header else ""
    raise InputError(
        f"expected --times to name a column of {name} ({known}or its number, 1 to {width}), or none, got {times!r}"
    )


def check_pair(file: PathFile, limit: PathFile) -> None:
    """Raise `InputError` unless the paths have the same numbers of points and channels, and the same times."""
    if file.values.shape != limit.values.shape:
        (points, channels), wanted = file.values.shape, limit.values.shape
        raise InputError(
            f"expected the {wanted[0]} points and {wanted[1]} channels of {limit.name} in {file.name}, got {points} "
            f"points and {channels} channels; resample them at common times"
        )
    if file.times is None or limit.times is None:
        return
    span = limit.times[-1] - limit.times[0]
    different = np.flatnonzero(~(np.abs(file.times - limit.times) <= 1e-9 * span))
    if different.size:
        i = int(different[0])
        what = "interval" if different[0] == 0 or different[-1] == len(limit.times) - 1 else "times"
        raise InputError(
            f"expected the {what} of {limit.name} ({limit.times[0]:g} to {limit.times[-1]:g}) in {file.name}, got "
            f"{file.times[0]:g} to {file.times[-1]:g}, with {file.times[i]:g} instead of {limit.times[i]:g} at row {i} "
            f"(counted from 0); resample them at common times, or pass --times none"
        )


def check_target(out: str | None, option: str, suffixes: Sequence[str], inputs: Sequence[str]) -> Path | None:
    """The file to write, checked before any work. Raises `InputError`."""
    if out is None:
        return None
    path = Path(out)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"expected {option} to end in {', '.join(suffixes)}, got {out!r}; choose one of these")
    if not files.answer(path.parent.is_dir):
        raise InputError(f"expected {option} in a folder that exists, got {out}; make the folder first")
    if files.answer(path.is_dir):
        raise InputError(f"expected {option} to name a file, got the folder {out}; choose another name")
    for given in inputs:
        if files.answer(lambda given=given: path.exists() and path.samefile(given)):  # type: ignore[misc]
            raise InputError(f"expected {option} to name a new file, got {out}, which is read; choose another name")
    return path


def write(path: Path, content: bytes) -> None:
    """Write a file: all of it, or nothing. Raises `InputError` where that is not possible."""
    partial = path.parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        _process.remove_if_killed(partial)
        with open(partial, "xb") as stream:
            stream.write(content)
        os.replace(partial, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise InputError(f"expected a file that can be written, got {path} ({error.strerror or error})") from None
