"""A second table with the features of a first one: columns are found by their names, or by their places."""

import dataclasses

from roughntk._checks import InputError
from roughntk.files.tables.selection import Allocate, Points, in_memory, points_of
from roughntk.files.tables.table import Column, Reading, Table
from roughntk.files.tables.words import joined


def points_like(
    table: Table, train: Points, target: str | None, reading: Reading, *, allocate: Allocate = in_memory
) -> Points:
    """Points with the features of `train`, in that order, and targets where the table has them.

    Args:
        table: of the test points.
        train: the training points.
        target: the column of the targets as it was named for these; None takes a column of their target's name.
        reading: how the tables are read; columns that it drops may be missing here.
        allocate: where the features go.

    Raises:
        InputError: other columns, another number of columns, classes that the training points have not; what
            `points_of` refuses.
    """
    features, wanted = _named(table, train, reading) if any(train.names) else _counted(table, train, target, reading)
    matched = dataclasses.replace(table, columns=(*features, *([] if wanted is None else [wanted])))
    if any(train.names) and not table.columns[0].name:
        matched = matched.with_notes(f"The first column of {table.name} has no name: it is left out, as an index.")
    option = None if wanted is None else f"number:{wanted.number}"
    task = "classification" if train.classes else "regression"
    points = points_of(matched, option, dataclasses.replace(reading, drop=()), task, train.classes, allocate=allocate)
    return dataclasses.replace(points, notes=tuple(note for note in points.notes if note not in train.notes))


def _named(table: Table, train: Points, reading: Reading) -> tuple[list[Column], Column | None]:
    if not table.named:
        raise InputError(
            f"expected the names of the training columns in {table.name} ({joined(train.names)}), got columns "
            f"without names; give it a line of names"
        )
    by_name = {column.name: column for column in table.columns}
    missing = [name for name in train.names if name not in by_name]
    known = {*train.names, train.target}
    dropped = [_column(table, name) for name in reading.drop]
    gone = {column.number for column in dropped if column is not None}
    others = [column for column in table.columns if column.name not in known and column.number not in gone]
    if missing:
        raise InputError(
            f"expected the columns of the training points in {table.name}, got none named {joined(missing)} "
            f"(its columns: {table.names()}); rename them, or take the same columns for training"
        )
    counts = [column.name for column in table.columns]
    twice = [name for name in (*train.names, train.target) if counts.count(str(name)) > 1]
    if twice:
        raise InputError(f"expected one column named {twice[0]} in {table.name}, got several; rename the others")
    index = others == [table.columns[0]] and not others[0].name
    if others and not index:
        raise InputError(
            f"expected no other columns in {table.name} than those of the training points, got "
            f"{table.names(others)}; take {'it' if len(others) == 1 else 'them'} out of the file"
        )
    return [by_name[name] for name in train.names], by_name.get(train.target or "")


def _column(table: Table, name: str) -> Column | None:
    """The column of --drop, None where this table has none."""
    try:
        return table.find(name, "--drop")
    except InputError:
        return None


def _counted(table: Table, train: Points, target: str | None, reading: Reading) -> tuple[list[Column], Column | None]:
    gone = [column.number for column in (_column(table, name) for name in reading.drop) if column is not None]
    left, width = table.without(gone), len(train.names)
    if len(left.columns) == width + 1 and target is not None:
        wanted = left.find(target, "--target")
        return list(left.without([wanted.number]).columns), wanted
    if len(left.columns) != width:
        with_target = "" if target is None else f", or {width + 1} with the target"
        raise InputError(
            f"expected the {width} columns of the training points in {table.name}{with_target}, got "
            f"{len(left.columns)}; give the same columns in the same order"
        )
    return list(left.columns), None


__all__ = ["points_like"]
