"""Points of files that are larger than memory: read a part at a time, their features on a disk.

They are those that :mod:`roughntk.files.points` gives in memory, and what is refused there is refused here. Files are
read at most twice; their columns go to the disk one after the other, and from there side by side.
"""

import contextlib
import functools
import os
from collections.abc import Callable

import numpy as np

from roughntk._checks import InputError
from roughntk.files.points import Points, arrays_of_points, with_targets
from roughntk.files.rows.chunks import CHUNK, ArrayChunks, Chunks, ParquetChunks
from roughntk.files.rows.gathering import gathered
from roughntk.files.rows.lines import TextChunks
from roughntk.files.rows.scratch import Scratch
from roughntk.files.rows.unpacking import Plain, member, plain
from roughntk.files.tables import Member, Reading, Source, Table, matching, read_arrays, selection


def points_in(
    data: str | os.PathLike, scratch: Scratch, target: str | None = None, reading: Reading | None = None,
    task: str = "auto", *, chunk: int = CHUNK,
) -> tuple[str, Points]:  # fmt: skip
    """The name of a file, and its points; their values are a read-only memory map.

    Args:
        data: a .csv, .tsv, .txt, .parquet, .npy or .npz file, one of these with .gz, a pipe, or "-".
        scratch: where they go.
        target, reading, task: as for `roughntk.files.points.points_in`.
        chunk: bytes of the file, or of its numbers, that are looked at together.

    Raises:
        InputError: as there; no room on the disk; JSON.
    """

    def kept(table: Table) -> int | None:
        return None if target is None else table.find(target, "--target").number

    table, wanted, matrix = _table_in(data, scratch, target, kept, reading or Reading(), True, chunk)
    allocate = functools.partial(scratch.matrix, what=f"the features of {table.name}")
    points = selection.points_of(table, wanted, reading or Reading(), task, allocate=allocate)
    return table.name, _settled(points, scratch, matrix)


def points_like(
    data: str | os.PathLike, train: Points, scratch: Scratch, target: str | None = None,
    reading: Reading | None = None, *, chunk: int = CHUNK,
) -> tuple[str, Points]:  # fmt: skip
    """The name of a file of test points, and these, with the features of the training points.

    Args:
        data, scratch, target, reading, chunk: as for `points_in`; the target may be missing.
        train: the training points.

    Raises:
        InputError: as `roughntk.files.points.points_like`; no room on the disk; JSON.
    """

    def kept(table: Table) -> int | None:
        name = train.target if any(train.names) else target
        with contextlib.suppress(InputError):  # targets may be missing
            return None if name is None else table.find(name, "--target").number
        return None

    table, wanted, matrix = _table_in(data, scratch, target, kept, reading or Reading(), False, chunk)
    allocate = functools.partial(scratch.matrix, what=f"the features of {table.name}")
    points = matching.points_like(table, train, wanted, reading or Reading(), allocate=allocate)
    return table.name, _settled(points, scratch, matrix)


def _settled(points: Points, scratch: Scratch, matrix: np.ndarray) -> Points:
    """The points, whose columns are not needed any more."""
    scratch.remove(matrix)
    return Points(
        scratch.finished(points.values), points.names, points.kept, points.y, points.classes, points.target,
        points.notes,
    )  # fmt: skip


def _table_in(
    data: str | os.PathLike, scratch: Scratch, target: str | None, kept: Callable[[Table], int | None],
    reading: Reading, needed: bool, chunk: int,
) -> tuple[Table, str | None, np.ndarray]:  # fmt: skip
    """The table in a file, how an option names its target, and its columns on the disk.

    `kept`: the number of the column whose texts are; `needed`: whether an archive must have a target that is named.
    """
    file = plain(data, scratch)
    reading.check_used(file.kind, file.name)
    if file.kind == "npz":
        return _from_archive(file, scratch, target, needed, chunk)
    table, matrix = gathered(_chunks(file, reading, chunk), kept, scratch)
    return table, target, matrix


def _chunks(file: Plain, reading: Reading, chunk: int) -> Chunks:
    if file.kind == "text":
        return TextChunks(file, reading, chunk)
    return ParquetChunks(file, chunk) if file.kind == "parquet" else ArrayChunks(file, chunk)


def _from_archive(
    file: Plain, scratch: Scratch, target: str | None, needed: bool, chunk: int
) -> tuple[Table, str | None, np.ndarray]:
    """As `_table_in`, of a .npz file; its targets are in memory."""
    picked: list[str] = []

    def pick(members: list[Member]) -> list[str]:
        picked[:] = arrays_of_points(members, file.name, target, needed)
        return picked[1:]

    arrays = read_arrays(Source(file.name, "npz", file.path, None), pick)
    chunks = ArrayChunks(member(file, picked[0], scratch), chunk, picked[0])
    table, matrix = gathered(chunks, lambda _: None, scratch)
    if len(picked) == 1:
        return table, None, matrix
    return (*with_targets(table, arrays[picked[1]], picked[1]), matrix)


__all__ = ["CHUNK", "Points", "Scratch", "points_in", "points_like"]
