"""Training and test points for a prediction: of one table by chance, or of two files."""

import dataclasses

import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.files import tables
from roughntk.files.points import Points, points_like
from roughntk.files.tables import Reading
from roughntk.files.tables.words import joined
from roughntk.study import capacity
from roughntk.study.data import (
    DEFAULT_DIMENSION,
    check_distinct,
    check_targets,
    first_of_each,
    on_sphere,
    scales,
    source_of,
    standardised,
)
from roughntk.study.settings import PROJECTIONS, PredictionSettings

PART = 5
"""One point in so many is a test point where nothing else is said."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Training and test points on the unit sphere, with their targets.

    Attributes:
        name, test_name: of the data, and of the file of the test points where that is another.
        X, x: training and test points, unit rows, shapes (n, dim) and (m, dim).
        y: targets of the training points, shape (n, k): k = 1, or one column a class.
        wanted: targets of the test points, shape (m, k), or None.
        classes: what the columns of y stand for; empty where targets are numbers.
        target, features: names of the columns.
        rows, test_rows: row numbers in the sources.
        projection: how the rows came onto the sphere.
        radius: what they were divided by before it.
        notes: sentences on what was guessed, what is a feature, and what is to be heeded.
    """

    name: str
    test_name: str | None
    X: np.ndarray
    x: np.ndarray
    y: np.ndarray
    wanted: np.ndarray | None
    classes: tuple[str, ...]
    target: str
    features: tuple[str, ...]
    rows: np.ndarray
    test_rows: np.ndarray
    projection: str
    radius: float
    notes: tuple[str, ...]

    def describe(self) -> dict[str, object]:
        """The `data` entry of a JSON document."""
        n, dim = self.X.shape
        return {
            "name": self.name, "test": self.test_name, "n": n, "m": len(self.x), "dim": dim,
            "projection": self.projection, "radius": self.radius, "features": self.features, "target": self.target,
            "classes": self.classes, "notes": self.notes,
        }  # fmt: skip


def split(settings: PredictionSettings, reading: Reading, *, distinct: bool) -> Split:
    """Read the data, choose the points by their seed, put them on the sphere.

    Args:
        settings: which points; `test` names a file of test points, in whose place some of the data are taken.
        reading: how files are read.
        distinct: whether training points must differ, as without a ridge.

    Raises:
        InputError: anything wrong with the data, a target that is missing or constant, one class.
    """
    _check(settings)
    name, source = source_of(
        settings.data, 0, settings.seed, settings.dimension, settings.target, reading, settings.task
    )
    if source.y is None or source.target is None:
        raise _no_target(name, source)
    pool = source.kept
    if settings.drop_duplicates:
        pool = first_of_each(source.values, pool, settings.projection, settings.standardise)
    n, m = _counts(settings, name, len(pool))
    rows = np.random.default_rng(settings.seed).permutation(pool)[: n + m]
    y = source.y.reshape(len(source.y), -1)
    chosen, test_name, notes = source.values[rows[:n]], None, list(source.notes)
    if not notes:  # of built-in data
        notes = [f"{len(source.names)} features.", tables.in_classes(source.target, source.classes)]
    if settings.test is None:
        tested, wanted, test_rows = source.values[rows[n:]], y[rows[n:]], rows[n:]
    else:
        test_name, test = points_like(settings.test, source, settings.target, reading)
        test_rows, notes = test.kept, [*notes, *test.notes]
        tested = test.values[test_rows]
        wanted = None if test.y is None else test.y.reshape(len(test.y), -1)[test_rows]
        if not len(test_rows):
            raise InputError(f"expected test points in {test_name}, got no rows; add some")
    rows = rows[:n]
    check_targets(y[rows], source, f"the {len(rows)} training points of {name}")
    capacity.check_systems(n, len(tested))
    if settings.standardise:
        both, sentence = standardised(np.concatenate([chosen, tested]), n, source.names)
        (chosen, tested), notes = (both[:n], both[n:]), [*notes, sentence]
    else:
        notes += scales(source.values, source.kept, source.names)
    radius = _radius(chosen) if settings.projection == "stereographic" else 1.0
    X = on_sphere(chosen / radius, rows, settings.projection)
    x = on_sphere(tested / radius, test_rows, settings.projection)
    if distinct:
        check_distinct(X, chosen, rows, settings.projection, name)
    return Split(
        name, test_name, X, x, y[rows], wanted, source.classes, source.target,
        source.names if any(source.names) else (), rows, test_rows, settings.projection, radius, tuple(notes),
    )  # fmt: skip


def _check(settings: PredictionSettings) -> None:
    """Raise `InputError` for settings out of range, or that mean nothing together."""
    _checks.integer(settings.seed, "seed", least=0)
    _checks.choice(settings.projection, PROJECTIONS, "projection")
    _checks.choice(settings.task, tables.TASKS, "task")
    for name in ("points", "test_points"):
        value = getattr(settings, name)
        if value is not None:
            _checks.integer(value, name.replace("_", " "), least=2 if name == "points" else 1)
    if settings.test is not None and settings.test_points is not None:
        raise InputError("expected --test or --test-points, got both; leave one out")
    if settings.test is not None and settings.test == settings.data == tables.STANDARD_INPUT:
        raise InputError("expected - once, got it more often; standard input can be read once, so save it to a file")
    if settings.data in DEFAULT_DIMENSION:
        raise InputError(
            f"expected data with a target to predict, got {settings.data}, random points without one; name digits, "
            f"wine, breast_cancer, or a file with --target"
        )


def _no_target(name: str, source: Points) -> InputError:
    """The error for a table of which nobody said what is to be predicted."""
    named = joined(source.names) if any(source.names) else f"its number, 1 to {len(source.names)}"
    hints = [note for note in source.notes if "looks like a label" in note]
    return InputError(
        f"expected --target to name the column of {name} to predict ({named}), got none; name it, all others are "
        f"features{f' ({hints[0]})' if hints else ''}"
    )


def _counts(settings: PredictionSettings, name: str, rows: int) -> tuple[int, int]:
    """How many points are trained on, and how many others of the data are test points."""
    m = settings.test_points
    if settings.test is not None:
        m = 0
    elif m is None:
        m = max(1, rows // PART)
        if settings.points is not None:
            m = max(1, min(m, rows - settings.points))
    n = max(rows - m, 2) if settings.points is None else settings.points
    if n + m > rows:
        extra = " after dropping duplicates" if settings.drop_duplicates else ""
        raise InputError(
            f"expected at most {rows} points in all, which is what {name} has{extra}, got {n} training and {m} test "
            f"points; lower --points or --test-points"
        )
    return n, m


def _radius(X: np.ndarray) -> float:
    """The root mean square of the lengths of rows, 1 where all are 0."""
    lengths = sphere.lengths(X)
    largest = float(lengths.max())
    return largest * float(np.sqrt(np.mean((lengths / largest) ** 2))) if largest > 0 else 1.0


__all__ = ["PART", "Split", "split"]
