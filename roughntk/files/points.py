"""Points in files, data frames and arrays: the features in the rows, and the targets where there are some."""

import dataclasses
import os
from typing import Any

import numpy as np

from roughntk._checks import InputError
from roughntk.files import tables
from roughntk.files.tables import Points, Reading, printable


def points_in(data: Any, target: str | None = None, reading: Reading | None = None) -> tuple[str, Points]:
    """The name of the data, fit to be printed, and their points.

    Args:
        data: a file or "-" (`roughntk.files.tables`), or a data frame, an array, nested lists.
        target: the column of the targets, by name or by number from 1; in a .npz the array, y if left out.
        reading: how to read a file.

    Raises:
        InputError: what cannot be read, or not in one way.
    """
    reading = reading or Reading()
    if not isinstance(data, str | os.PathLike):
        name = name_of(data)
        reading.check_used("memory", name)
        return name, tables.points_of(tables.memory_table(data, name), target, reading)
    source = tables.source(data)
    reading.check_used(source.kind, source.name)
    if source.kind == "npz":
        return source.name, _from_archive(source, target, reading)
    if source.kind == "npy":
        array = tables.read_arrays(source, lambda _: ("",))[""]
        return source.name, tables.points_of(_table(array, "", source.name), target, reading)
    return source.name, tables.points_of(tables.read(source, reading), target, reading)


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


def _from_archive(source: tables.Source, target: str | None, reading: Reading) -> Points:
    """The points of a .npz file: its array X, or the only one beside the targets y, or beside the array `target`."""
    label = "y" if target is None else target
    picked: list[str] = []

    def pick(members: list[tables.Member]) -> list[str]:
        names = [member.name for member in members]
        arrays = [member.name for member in members if member.shape is not None and member.name != label]
        if target is not None and target not in names:
            raise InputError(
                f"expected --target to name an array of {source.name} ({', '.join(map(printable, names))}), got "
                f"{printable(target)!r}"
            )
        if "X" not in names and len(arrays) != 1:
            listed = ", ".join(map(printable, names)) or "none"
            raise InputError(f"expected one array in {source.name}, or one named X, got {listed}; save the points as X")
        picked[:] = ["X" if "X" in names else arrays[0], *([label] if label in names else [])]
        return picked

    picked_arrays = tables.read_arrays(source, pick)
    table = _table(picked_arrays[picked[0]], picked[0], source.name)
    if len(picked) == 1:
        return tables.points_of(table, None, reading)
    y = picked_arrays[picked[1]]
    if y.shape != (table.rows,):
        raise InputError(
            f"expected one target a point in {label} of {source.name}, shape ({table.rows},), got {y.shape}; leave "
            f"{label} out of the file"
        )
    column = dataclasses.replace(
        tables.table_of_array(y, label, source.name).columns[0], name=label, number=len(table.columns) + 1
    )
    both = dataclasses.replace(table, columns=(*table.columns, column))
    return tables.points_of(both, f"number:{column.number}", reading)


__all__ = ["Points", "name_of", "points_in"]
