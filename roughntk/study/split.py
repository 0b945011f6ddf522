"""Training and test points for a prediction: of one table by chance, or of two files."""

import dataclasses
from pathlib import Path

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError, NotInMemoryError
from roughntk.files import rows as rows_on_disk
from roughntk.files import tables
from roughntk.files.points import Points, points_like
from roughntk.files.rows import Scratch
from roughntk.files.tables import Reading
from roughntk.files.tables.words import joined
from roughntk.study import capacity
from roughntk.study.data import DEFAULT_DIMENSION, check_targets, scales, source_of
from roughntk.study.placing import check_distinct, first_of_each, on_sphere, radius_of, standardising, taken
from roughntk.study.settings import BUILT_IN, PROJECTIONS, PredictionSettings

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


def split(settings: PredictionSettings, reading: Reading, *, distinct: bool, scratch: Scratch | None = None) -> Split:
    """Read the data, choose the points by their seed, put them on the sphere.

    Args:
        settings: which points; `test` names a file of test points, in whose place some of the data are taken.
        reading: how files are read.
        distinct: whether training points must differ, as without a ridge.
        scratch: the folder that rows go through, and where those of the result are, as read-only maps; None takes
            memory. The points are the same.

    Raises:
        InputError: anything wrong with the data, a target that is missing or constant, one class.
    """
    _check(settings)
    try:
        return _split(settings, reading, distinct, scratch)
    except NotInMemoryError as error:
        if scratch is not None or settings.data in BUILT_IN:
            raise
        raise InputError(f"{error}; or let the rows go through a folder: --scratch FOLDER") from None


def scratch_of(settings: PredictionSettings) -> Scratch | None:
    """The folder that rows go through, where one is asked for. Raises `InputError` where it cannot be made."""
    if settings.scratch is None:
        if settings.keep_scratch:
            raise InputError("expected --keep-scratch with a --scratch folder, got none; name one, or leave it out")
        return None
    return Scratch(settings.scratch, keep=settings.keep_scratch)


def keep(data: Split, scratch: Scratch) -> Path:
    """The folder where the rows of a split stay, with the targets and row numbers of the training points."""
    scratch.keep("rows.npy", data.X)
    scratch.keep("test_rows.npy", data.x)
    scratch.keep("targets.npy", data.y)
    scratch.keep("row_numbers.npy", data.rows)
    return scratch.path


def _split(settings: PredictionSettings, reading: Reading, distinct: bool, scratch: Scratch | None) -> Split:
    """`split` for settings that mean something."""
    name, source = _source(settings, reading, scratch)
    if source.y is None or source.target is None:
        raise _no_target(name, source)
    pool, target = source.kept, source.target
    if settings.drop_duplicates:
        pool = first_of_each(source.values, pool, settings.projection, settings.standardise, scratch)
    n, m = _counts(settings, name, len(pool))
    rows = np.random.default_rng(settings.seed).permutation(pool)[: n + m]
    y = source.y.reshape(len(source.y), -1)
    test_name, notes = None, list(source.notes)
    if not notes:  # of built-in data
        notes = [f"{len(source.names)} features.", tables.in_classes(source.target, source.classes)]
    test, test_rows = source, rows[n:]
    wanted = y[test_rows]
    if settings.test is not None:
        test_name, test = _test_source(settings.test, source, settings, reading, scratch)
        test_rows, notes = test.kept, [*notes, *test.notes]
        wanted = None if test.y is None else test.y.reshape(len(test.y), -1)[test_rows]
        if not len(test_rows):
            raise InputError(f"expected test points in {test_name}, got no rows; add some")
    rows = rows[:n]
    check_targets(y[rows], source, f"the {len(rows)} training points of {name}")
    capacity.check_prediction(n, len(test_rows))
    chosen = taken(source.values, rows, scratch, "the training points")
    tested = taken(test.values, test_rows, scratch, "the test points")
    change = None
    if settings.standardise:
        change, sentence = standardising(chosen, source.names)
        notes.append(sentence)
    else:
        notes += scales(source.values, source.kept, source.names)
    if scratch is not None:
        source, test = _without_values(source, scratch), _without_values(test, scratch)
    radius = radius_of(chosen, change) if settings.projection == "stereographic" else 1.0
    X = on_sphere(chosen, rows, settings.projection, radius=radius, change=change, scratch=scratch)
    x = on_sphere(tested, test_rows, settings.projection, radius=radius, change=change, scratch=scratch)
    if distinct:
        check_distinct(X, chosen, rows, settings.projection, name)
    if scratch is not None:
        scratch.remove(chosen)
        scratch.remove(tested)
    return Split(
        name, test_name, X, x, y[rows], wanted, source.classes, target,
        source.names if any(source.names) else (), rows, test_rows, settings.projection, radius, tuple(notes),
    )  # fmt: skip


def _without_values(points: Points, scratch: Scratch) -> Points:
    """Points whose values are not needed any more."""
    scratch.remove(points.values)
    return dataclasses.replace(points, values=np.empty((0, len(points.names))))


def _source(settings: PredictionSettings, reading: Reading, scratch: Scratch | None) -> tuple[str, Points]:
    """The name of the data, and its points."""
    if scratch is None:
        return source_of(settings.data, 0, settings.seed, settings.dimension, settings.target, reading, settings.task)
    if settings.data in BUILT_IN or not tables.is_source(settings.data):
        source_of(settings.data, 0, settings.seed, settings.dimension, settings.target, reading, settings.task)
        raise InputError(f"expected --scratch with a file only, got {settings.data}; leave it out")
    if settings.dimension is not None:
        source_of(settings.data, 0, settings.seed, settings.dimension, settings.target, reading, settings.task)
    return rows_on_disk.points_in(settings.data, scratch, settings.target, reading, settings.task)


def _test_source(
    test: str, source: Points, settings: PredictionSettings, reading: Reading, scratch: Scratch | None
) -> tuple[str, Points]:
    """The name of the file of the test points, and these."""
    if scratch is None:
        return points_like(test, source, settings.target, reading)
    return rows_on_disk.points_like(test, source, scratch, settings.target, reading)


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


__all__ = ["PART", "Split", "keep", "scratch_of", "split"]
