"""Points in files, data frames and arrays: the features in the rows, and the targets where there are some."""

import dataclasses
import os
from typing import Any

import numpy as np

from roughntk._checks import InputError
from roughntk.files import tables
from roughntk.files.tables import Points, Reading, printable


def points_in(
    data: Any, target: str | None = None, reading: Reading | None = None, task: str = "auto"
) -> tuple[str, Points]:
    """The name of the data, fit to be printed, and their points.

    Args:
        data: a file or "-" (`roughntk.files.tables`), or a data frame, an array, nested lists.
        target: the column of the targets, by name or by number from 1; in a .npz the array, y if left out.
        reading: how to read a file.
        task: what targets are: "classification", "regression", or "auto", by which text and few whole numbers are
            classes.

    Raises:
        InputError: what cannot be read, or not in one way.
    """
    reading = reading or Reading()
    table, wanted = _table_in(data, target, reading)
    return table.name, tables.points_of(table, wanted, reading, task)


def points_like(
    data: Any, train: Points, target: str | None = None, reading: Reading | None = None
) -> tuple[str, Points]:
    """The name of test data, and their points with the features of the training points.

    Args:
        data, target, reading: as for `points_in`; the target may be missing.
        train: what `points_in` gave for the training points.

    Raises:
        InputError: what cannot be read, other columns than those of the training points, other classes.
    """
    reading = reading or Reading()
    table, wanted = _table_in(data, target, reading, needed=False)
    return table.name, tables.points_like(table, train, wanted, reading)


def _table_in(data: Any, target: str | None, reading: Reading, needed: bool = True) -> tuple[tables.Table, str | None]:
    """The table in the data, and the name of its target.

    An archive has a target where it has that array, which must be so where it is `needed`.
    """
    if not isinstance(data, str | os.PathLike):
        name = name_of(data)
        reading.check_used("memory", name)
        return tables.memory_table(data, name), target
    source = tables.source(data)
    reading.check_used(source.kind, source.name)
    if source.kind == "npz":
        return _from_archive(source, target, needed)
    if source.kind == "npy":
        array = tables.read_arrays(source, lambda _: ("",))[""]
        return _table(array, "", source.name), target
    return tables.read(source, reading), target


def name_of(data: Any) -> str:
    """What messages call the data: the file, the name that an xarray carries, or the type."""
    if isinstance(data, str | os.PathLike):
        return printable(os.fspath(data))
    name = getattr(data, "name", None) if type(data).__module__.startswith("xarray") else None
    return printable(str(name)) if name else f"the {type(data).__name__}"


def _table(array: np.ndarray, label: str, name: str) -> tables.Table:
    """The table of an array of points. Raises `InputError` for another number of axes, or no entries."""
    if array.ndim != 2 and not array.dtype.names:
        raise InputError(
            f"expected {label + ' in ' if label else ''}{name} of shape (points, dimension), got shape {array.shape}; "
            f"reshape it, for one point to (1, dimension)"
        )
    if 0 in array.shape:
        raise InputError(f"expected {name} with at least one row and one column, got shape {array.shape}; add some")
    return tables.table_of_array(array, label, name)


def _from_archive(source: tables.Source, target: str | None, needed: bool) -> tuple[tables.Table, str | None]:
    """The table of a .npz file, and the name of its target.

    It is its array X, or the only one beside the targets y, or beside the array `target`.
    """
    picked: list[str] = []

    def pick(members: list[tables.Member]) -> list[str]:
        picked[:] = arrays_of_points(members, source.name, target, needed)
        return picked

    arrays = tables.read_arrays(source, pick)
    table = _table(arrays[picked[0]], picked[0], source.name)
    return (table, None) if len(picked) == 1 else with_targets(table, arrays[picked[1]], picked[1])


def arrays_of_points(members: list[tables.Member], name: str, target: str | None, needed: bool) -> list[str]:
    """The names of the points and, where it is there, of the target among the arrays of an archive.

    Args:
        members: of the archive.
        name: its name.
        target: the name of the target, y where it is None.
        needed: whether a target that was named must be there.

    Raises:
        InputError: no such target; several arrays, none of them X.
    """
    label = "y" if target is None else target
    names = [member.name for member in members]
    arrays = [member.name for member in members if member.shape is not None and member.name != label]
    if needed and target is not None and target not in names:
        raise InputError(
            f"expected --target to name an array of {name} ({', '.join(map(printable, names))}), got "
            f"{printable(target)!r}"
        )
    if "X" not in names and len(arrays) != 1:
        listed = ", ".join(map(printable, names)) or "none"
        raise InputError(f"expected one array in {name}, or one named X, got {listed}; save the points as X")
    return ["X" if "X" in names else arrays[0], *([label] if label in names else [])]


def with_targets(table: tables.Table, y: np.ndarray, label: str) -> tuple[tables.Table, str]:
    """A table with the targets of an archive as its last column, and how an option names that column."""
    if y.shape != (table.rows,):
        raise InputError(
            f"expected one target a point in {label} of {table.name}, shape ({table.rows},), got {y.shape}; leave "
            f"{label} out of the file"
        )
    column = dataclasses.replace(
        tables.table_of_array(y, label, table.name).columns[0], name=label, number=len(table.columns) + 1
    )
    return dataclasses.replace(table, columns=(*table.columns, column)), f"number:{column.number}"


__all__ = ["Points", "arrays_of_points", "name_of", "points_in", "points_like", "with_targets"]
