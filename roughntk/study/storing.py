"""Rows of a file on the sphere, in a file again: what is larger than memory as a memory map of unit rows."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from roughntk import _checks
from roughntk.files import results
from roughntk.files.rows import CHUNK, Scratch, points_in
from roughntk.files.rows.scratch import full_disk
from roughntk.files.tables import TASKS, Reading
from roughntk.study.placing import check_distinct, on_sphere, radius_of, standardising, taken
from roughntk.study.settings import PROJECTIONS


@dataclasses.dataclass(frozen=True, eq=False)
class StoredRows:
    """Unit rows in a file, with their targets in memory.

    Attributes:
        X: unit rows, a read-only memory map of shape (n, dim), which everything that stores no kernel matrix takes.
        y: targets, shape (n,), or one-hot, shape (n, classes), where they are classes; None without targets.
        classes: the texts that the columns of a one-hot y stand for.
        rows: row numbers in the source, shape (n,).
        features: names of the columns, or "" each.
        radius: what rows were divided by before they were lifted; 1 for another projection.
        notes: sentences on what was guessed and chosen.
    """

    X: np.ndarray
    y: np.ndarray | None
    classes: tuple[str, ...]
    rows: np.ndarray
    features: tuple[str, ...]
    radius: float
    notes: tuple[str, ...]


def store(
    data: str | os.PathLike,
    out: str | os.PathLike,
    *,
    target: str | None = None,
    task: str = "auto",
    projection: str = "canonical",
    standardise: bool = False,
    distinct: bool = True,
    reading: Reading | None = None,
    chunk: int = CHUNK,
) -> StoredRows:
    """Put the rows of a file onto the sphere, a part at a time, into a .npy file that is read as a memory map.

    The file is read at most twice, and takes O(chunk) of memory beside the targets and some numbers a row. On the disk
    it takes twice the numbers of the file, in float64, while it is written. `out` appears when all of it is there.

    Args:
        data: a .csv, .tsv, .txt, .parquet, .npy or .npz file, one of these with .gz, a pipe, or "-".
        out: the .npy file to write: float64, C order, a row a point.
        target: the column of the targets, by name or by number from 1; in a .npz the array, y if left out.
        task: what targets are: "classification", "regression", or "auto", by which text and whole numbers of a few
            values are classes.
        projection: "canonical", x/|x|; "stereographic" (one dimension more), lengths in units of their root mean
            square; or "none" for rows of norm 1.
        standardise: give every column mean 0 and standard deviation 1 before that.
        distinct: refuse rows on one point. Training points without a ridge need it.
        reading: how the file is to be read.
        chunk: bytes that are looked at together.

    Returns:
        A :class:`StoredRows`.

    Raises:
        InputError: what cannot be read, or not in one way; rows without a direction, with missing cells, or on one
            point, named by their lines or numbers; no room on the disk.

    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> import roughntk as rn
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.save(folder / "data.npy", np.arange(1.0, 13.0).reshape(4, 3) ** 2)
    >>> stored = rn.study.store(folder / "data.npy", folder / "rows.npy", target="3")
    >>> K = rn.regression.KernelOperator(rn.kernels.ReluNTK(), stored.X, depth=20)
    >>> (K @ np.ones(4)).shape, stored.y.tolist(), stored.X.flags.writeable
    ((4,), [9.0, 36.0, 81.0, 144.0], False)
    """
    standardise, distinct = _checks.flag(standardise, "standardise"), _checks.flag(distinct, "distinct")
    _checks.choice(projection, PROJECTIONS, "projection")
    _checks.choice(task, TASKS, "task")
    chunk = _checks.integer(chunk, "chunk", least=1)
    place = results.check_target(os.fspath(out), "out", (".npy",), [os.fspath(data)])
    assert place is not None
    with Scratch(place.parent) as scratch:
        name, source = points_in(data, scratch, target, reading, task, chunk=chunk)
        rows, notes, change = source.kept, list(source.notes), None
        values = source.values if len(rows) == len(source.values) else taken(source.values, rows, scratch, "the rows")
        if standardise:
            change, sentence = standardising(values, source.names)
            notes.append(sentence)
        radius = radius_of(values, change) if projection == "stereographic" else 1.0
        X = on_sphere(values, rows, projection, radius=radius, change=change, scratch=scratch)
        if distinct:
            check_distinct(X, values, rows, projection, name)
        scratch.keep("rows.npy", X)
        with full_disk(place.parent, place.name):
            os.replace(scratch.path / "rows.npy", os.path.realpath(place))
    y = None if source.y is None else source.y[rows]
    X = np.load(Path(place), mmap_mode="r")
    return StoredRows(X, y, source.classes, rows, source.names, radius, tuple(notes))


__all__ = ["StoredRows", "store"]
