"""Data for the study: built-in sets, a user's table, the choice of points and the projection onto the sphere."""

import dataclasses
import os
from typing import Any

import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.files import built_in, tables
from roughntk.files.points import Points, name_of, points_in
from roughntk.files.tables import Reading
from roughntk.regression.classes import decided
from roughntk.study import capacity
from roughntk.study.placing import check_distinct, first_of_each, on_sphere, standardised
from roughntk.study.settings import BUILT_IN, MOST, PROJECTIONS

DEFAULT_DIMENSION = {"sphere": 10, "cube": 128}
PIECE = 2**17
"""Numbers that are looked at together."""
APART = 1e3
"""Columns whose sizes differ by more than this are pointed out."""
MOST_HELD = 2000
"""Rows that predictions are tried on, at most: the error of an accuracy is then below 0.012."""


@dataclasses.dataclass(frozen=True)
class Held:
    """Rows that are not for training, on which predictions are tried.

    Attributes:
        points: on the unit sphere, shape (k, dim); the test points of the study are the first of them.
        y: their targets, as in `DataSet`.
        rows: their numbers in the source, shape (k,).
        left_out: how many rows of the source are neither trained on nor tried: those that do not come onto the sphere,
            and those beyond `MOST_HELD`.
    """

    points: np.ndarray
    y: np.ndarray
    rows: np.ndarray
    left_out: int


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Training and test points on the unit sphere.

    Attributes:
        name: built-in name or file name.
        X: training points, unit distinct rows, shape (n, dim).
        x: test points, unit rows, shape (m, dim).
        projection: how the rows came onto the sphere.
        rows: row numbers in the source, training points first, shape (n + m,).
        y: targets of all chosen rows where the source has them, shape (n + m,), or one-hot, shape (n + m, classes),
            where they are classes.
        classes: the texts that the columns of a one-hot y stand for.
        target: the name of the target, None without one.
        features: the names of the features, empty where they have none.
        notes: sentences on what was guessed about the source, which columns are features, and what is to be heeded.
        held: rows with targets that are not for training; None where the source has no targets.
        unprojected: the rows before they came onto the sphere, training rows first, shape (n + m, columns).
    """

    name: str
    X: np.ndarray
    x: np.ndarray
    projection: str
    rows: np.ndarray
    y: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    target: str | None = None
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    held: Held | None = None
    unprojected: np.ndarray | None = None

    def describe(self) -> dict[str, object]:
        """The `data` entry of study.json; `dim` is the dimension of the space that holds the sphere."""
        n, dim = self.X.shape
        return {"name": self.name, "n": n, "m": len(self.x), "dim": dim, "projection": self.projection}

    def describe_columns(self) -> dict[str, object]:
        """What the columns of the source are, and the sentences on them; it joins the `data` entry of study.json."""
        return {
            "features": list(self.features),
            "target": self.target,
            "classes": list(self.classes),
            "notes": list(self.notes),
        }

    def target_notes(self) -> list[str]:
        """The sentence on classes, where `notes` leave it out, as of built-in data."""
        if not self.classes or any(note.startswith("The target is ") for note in self.notes):
            return []
        return [tables.in_classes(str(self.target), self.classes)]

    def predicted(self, values: np.ndarray) -> str:
        """A prediction in words: a number, or the class whose sum is largest."""
        if not self.classes:
            return f"{values:.10g}"
        best = int(decided(values[None])[0])
        return f"{self.classes[best]} ({values[best]:.4g})"

    def wanted(self, row: int) -> str:
        """The target of a chosen row, in words."""
        if self.y is None:
            return "-"
        return self.classes[int(np.argmax(self.y[row]))] if self.classes else f"{self.y[row]:g}"


def load(
    data: Any = "digits",
    *,
    points: int,
    test_points: int,
    seed: int,
    projection: str = "canonical",
    drop_duplicates: bool = False,
    dimension: int | None = None,
    target: str | None = None,
    task: str = "auto",
    standardise: bool = False,
    reading: Reading | None = None,
    least_points: int = 1,
) -> DataSet:
    """Load `data`, choose points by `seed`, put them on the sphere.

    Args:
        data: a built-in name (digits, wine, breast_cancer, sphere, cube), a file or "-" (`roughntk.files.tables`), or
            a data frame, an array, nested lists.
        points, test_points: numbers of training and test points, n and m.
        seed: fixes the choice of points (and the points themselves for sphere and cube).
        projection: "canonical" x/|x|, "stereographic" (one more dimension), or "none" (norms must be 1).
        drop_duplicates: use only the first of several rows that land on the same point.
        dimension: of the random sets `sphere` and `cube`.
        target: the column of the targets, by name or by number from 1; in a .npz the array, y if left out.
        task: what targets are: "classification", "regression", or "auto", by which text and whole numbers of a few
            values are classes.
        standardise: give every column mean 0 and standard deviation 1 on the training points.
        reading: how to read a file.
        least_points: training points that the caller needs.

    Raises:
        InputError: anything wrong with the data, naming the rows of the source and the remedy.
    """
    points = _checks.integer(points, "points", least=1, most=MOST)
    test_points = _checks.integer(test_points, "test points", least=1, most=MOST)
    seed = _checks.integer(seed, "seed", least=0)
    _checks.choice(projection, PROJECTIONS, "projection")
    _checks.choice(task, tables.TASKS, "task")
    name, source = source_of(data, points + test_points, seed, dimension, target, reading or Reading(), task)
    raw, pool = source.values, source.kept
    if source.y is not None and len(pool) > 1:
        check_targets(source.y[pool].reshape(len(pool), -1), source, f"the {len(pool):,} rows of {name}")
    if drop_duplicates:
        pool = first_of_each(raw, pool, projection, standardise)
    count = points + test_points
    if count > len(pool):
        extra = " after dropping duplicates" if drop_duplicates else ""
        raise InputError(
            f"expected at most {len(pool)} points in all, which is what {name} has{extra}, got {points} training "
            f"and {test_points} test points; {_fewer(len(pool), test_points, least_points)}"
        )
    capacity.check_systems(points, test_points)
    shuffled = np.random.default_rng(seed).permutation(pool)
    rows = shuffled[:count]
    chosen, notes = raw[rows], list(source.notes)
    others = shuffled[points:][: 0 if source.y is None else max(MOST_HELD, test_points)]
    tried = raw[others]
    if standardise:
        both, sentence = standardised(np.concatenate([chosen, tried]), points, source.names)
        (chosen, tried), notes = (both[:count], both[count:]), [*notes, sentence]
    else:
        notes += scales(raw, source.kept, source.names)
    unit = on_sphere(chosen, rows, projection)
    check_distinct(unit[:points], chosen[:points], rows[:points], projection, name)
    held = None
    if source.y is not None:
        fit = _placeable(tried, projection)
        held = Held(
            on_sphere(tried[fit], others[fit], projection), source.y[others[fit]], others[fit],
            len(shuffled) - points - len(fit),
        )  # fmt: skip
    return DataSet(
        name, unit[:points], unit[points:], projection, rows, None if source.y is None else source.y[rows],
        source.classes, source.target, source.names if any(source.names) else (), tuple(notes), held,
        chosen,
    )  # fmt: skip


def check_targets(y: np.ndarray, source: Points, where: str) -> None:
    """Raise `InputError` for targets, shape (rows, k), among which there is nothing to tell apart."""
    if (y != y[:1]).any():
        return
    if source.classes:
        only = source.classes[int(y[0].argmax())]
        raise InputError(
            f"expected at least two classes in {source.target} among {where}, got one class, {only!r}; add rows of "
            f"another, or name another --target"
        )
    raise InputError(
        f"expected targets that vary in {source.target} over {where}, got {y[0, 0]:g} in every row; name another "
        f"--target, or take more rows"
    )


def _fewer(rows: int, test_points: int, least_points: int) -> str:
    """The remedy for fewer rows than points."""
    if rows <= least_points:
        return f"give at least {least_points + 1} rows ({least_points} training and 1 test)"
    return "lower --points or --test-points" if test_points > 1 else "lower --points"


def _placeable(values: np.ndarray, projection: str) -> np.ndarray:
    """The rows that come onto the sphere."""
    if projection == "canonical":
        return np.flatnonzero(values.any(axis=1))
    if projection == "none":
        return np.flatnonzero(np.abs(np.linalg.norm(values, axis=1) - 1) <= sphere.UNIT_TOLERANCE)
    return np.arange(len(values))


def scales(raw: np.ndarray, kept: np.ndarray, names: tuple[str, ...]) -> list[str]:
    """A sentence where some columns are so much larger than others that these do not count, in the rows `kept`."""
    step = max(1, PIECE // raw.shape[1])  # rows at a time, so that nothing of the size of the table is copied
    pieces = [kept[first : first + step] for first in range(0, len(kept), step)]
    largest = np.max([np.abs(raw[rows]).max(axis=0) for rows in pieces], axis=0)
    unit = np.where(largest > 0, largest, 1)
    squares = np.sum([((raw[rows] / unit) ** 2).sum(axis=0) for rows in pieces], axis=0)
    sizes = largest * np.sqrt(squares / len(kept))
    known = np.flatnonzero(sizes > 0)
    if not known.size:
        return []
    small, large = known[np.argmin(sizes[known])], known[np.argmax(sizes[known])]
    if not sizes[large] > APART * sizes[small]:
        return []
    called = [names[j] or f"column {j + 1}" for j in (large, small)]
    return [
        f"Scales differ: {called[0]} has root mean square {sizes[large]:.3g}, {called[1]} {sizes[small]:.3g}, so that "
        f"directions are decided by the large columns; --standardise gives every column the same weight."
    ]


def source_of(
    data: Any,
    count: int,
    seed: int,
    dimension: int | None,
    target: str | None,
    reading: Reading,
    task: str = "auto",
) -> tuple[str, Points]:
    """The name of the data and their unprojected rows, float64 and finite where kept."""
    if isinstance(data, str | os.PathLike):
        data = os.fspath(data)
        if data in BUILT_IN:
            if target is not None or reading != Reading() or task != "auto":
                raise InputError(
                    f"expected --target, --task, --drop, --missing and the like with a file only, got {data}; leave "
                    f"them out"
                )
            return data, _built_in(data, count, seed, dimension)
    _no_dimension(dimension, name_of(data))
    if isinstance(data, str) and not tables.is_source(data):
        _checks.choice(data, BUILT_IN, f"data (or the name of a {tables.IN_WORDS})")
    return points_in(data, target, reading, task)


def _no_dimension(dimension: int | None, name: str) -> None:
    if dimension is not None:
        raise InputError(f"expected a dimension only for sphere and cube, got --dim {dimension} with {name}; drop it")


def _built_in(data: str, count: int, seed: int, dimension: int | None) -> Points:
    """A built-in set: uniform on the sphere or in the cube, or one of scikit-learn's."""
    if data not in DEFAULT_DIMENSION:
        _no_dimension(dimension, data)
        return built_in.points(data)
    size = DEFAULT_DIMENSION[data] if dimension is None else dimension
    size = _checks.integer(size, "dimension", least=1, most=MOST)
    _checks.memory(8.0 * count * size, f"{count} points in {size} dimensions", "lower --points or --dim")
    if data == "sphere":
        values = sphere.uniform(count, size, seed)
    else:
        values = np.random.default_rng(seed).uniform(size=(count, size))
    return Points(values, ("",) * size, np.arange(count), None, (), None, ())
