"""What `roughntk predict` computes and says: predictions at several depths, how sure they are, and how right."""

import dataclasses
import functools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.files import results
from roughntk.files.checkpoints import UNKEPT, CheckpointError, Keeper, Section, Unkept
from roughntk.kernels import KernelFamily
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.regression.classes import accuracy_of, decided
from roughntk.regression.fitted import CHOLESKY, ITERATIVE, FittedRegression
from roughntk.regression.parted import Rows
from roughntk.study.capacity import ACROSS
from roughntk.study.depths import depths_of, in_words
from roughntk.study.split import Split
from roughntk.study.threads import fitting_threads

SUFFIXES = (".csv",)
HEADING = ("row", "depth", "target", "prediction", "deviation")
"""The first columns of the file of predictions."""
DEPTHS = "1,2,3,5,10,20,50,100,1000,inf"
"""What is tried where nothing else is said."""
SHOWN = 5
"""Test points whose predictions are printed."""


@dataclasses.dataclass(frozen=True)
class AtDepth:
    """Predictions at one depth; of classes, their outputs.

    Attributes:
        depth: of the network.
        values: shape (m, k).
        deviations: standard deviations over initialisations (`ensemble`), shape (m, k).
        error: root mean square of the errors at test points; NaN without targets.
        accuracy: part of the test points whose class is found; NaN for numbers, and without targets.
        left_out_error, left_out_accuracy: the same of each training point, predicted from all others; NaN for a finite
            time, and for so many points that the kernel matrix was not factored.
        covered: part of the test targets within two deviations of the prediction; NaN for classes.
    """

    depth: float
    values: np.ndarray
    deviations: np.ndarray
    error: float
    accuracy: float
    left_out_error: float
    left_out_accuracy: float
    covered: float


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What `roughntk predict` prints, writes and draws.

    Attributes:
        data: the points and targets.
        time, ridge: of training.
        at: one for each depth at which there is a prediction.
        refused: other depths, with the reason.
        iterative: whether the kernel matrix was not stored.
        baseline: accuracy of the class that most training points have; or root mean square of the errors of the mean of
            their targets; NaN without targets of the test points.
    """

    data: Split
    time: float
    ridge: float
    at: tuple[AtDepth, ...]
    refused: tuple[tuple[float, str], ...]
    baseline: float
    iterative: bool = False

    @property
    def classified(self) -> bool:
        """Whether targets are classes."""
        return bool(self.data.classes)

    @property
    def _has_left_out(self) -> bool:
        return not all(math.isnan(each.left_out_error) for each in self.at)

    @property
    def best(self) -> AtDepth:
        """The depth of the least leave-one-out error; of the least error, or the first, where there is none."""
        for errors in ([each.left_out_error for each in self.at], [each.error for each in self.at]):
            if not np.isnan(errors).any():
                return self.at[int(np.argmin(errors))]
        return self.at[0]

    def predicted(self, each: AtDepth, row: int) -> str:
        """A prediction in words."""
        if self.classified:
            k = int(decided(each.values[row : row + 1])[0])
            return f"{self.data.classes[k]} ({each.values[row, k]:.3g})"
        return with_deviation(float(each.values[row, 0]), float(each.deviations[row, 0]))

    def target(self, row: int) -> str:
        """The target of a test point, in words; empty where it has none."""
        if self.data.wanted is None:
            return ""
        wanted = self.data.wanted[row]
        return self.data.classes[int(wanted.argmax())] if self.classified else repr(float(wanted[0]))

    def answer(self) -> str:
        """The result in a sentence."""
        best, m = self.best, len(self.data.x)
        chosen = "the only one"
        if len(self.at) > 1:
            chosen = "the first of those asked for"
            if not math.isnan(best.left_out_error):
                by = " by the square error of the outputs" if self.classified else ""
                chosen = f"which leaving one training point out prefers{by}"
            elif self.data.wanted is not None:
                chosen = "which has the least error on these same test points"
        where = f"At depth {in_words(best.depth)}, {chosen},"
        if self.data.wanted is None:
            return (
                f"{self.data.target} is predicted at {m:,} test points, which have no targets; shown is depth "
                f"{in_words(best.depth)}, {chosen}."
            )
        if self.classified:
            return (
                f"{where} {round(best.accuracy * m):,} of {m:,} test points get the right class ({best.accuracy:.1%}); "
                f"the most frequent class alone ({self.data.classes[int(self.data.y.sum(axis=0).argmax())]}) gives "
                f"{self.baseline:.1%}."
            )
        return (
            f"{where} the root mean square error (RMSE) at {m:,} test points is {best.error:.4g}; the mean of the "
            f"training targets alone has {self.baseline:.4g}."
        )

    def headings(self) -> tuple[str, ...]:
        """Of the table of depths."""
        left_out = ("leave-one-out",) if self._has_left_out else ()
        tested = () if self.data.wanted is None else (("accuracy",) if self.classified else ("RMSE",))
        covered = ("within 2 deviations",) if tested and not self.classified else ()
        return ("depth", *tested, *left_out, "mean deviation", *covered)

    def rows(self) -> list[list[str]]:
        """The table of depths."""
        rows = []
        for each in self.at:
            tested, left_out = each.error, each.left_out_error
            form = "{:.4g}"
            if self.classified:
                tested, left_out, form = each.accuracy, each.left_out_accuracy, "{:.1%}"
            cells = [in_words(each.depth), *([] if self.data.wanted is None else [form.format(tested)])]
            cells += [form.format(left_out)] if self._has_left_out else []
            cells += [f"{each.deviations.mean():.3g}"]
            cells += [f"{each.covered:.0%}"] if not math.isnan(each.covered) else []
            rows.append(cells)
        return rows

    def notes(self) -> list[str]:
        """Depths without a prediction, with the reason."""
        return [f"No prediction at depth {in_words(depth)}: {why}." for depth, why in self.refused]

    def remarks(self) -> list[str]:
        """What the figures mean."""
        trained = "to convergence" if self.time == math.inf else f"for the time {self.time:.6g}"
        how = " by conjugate gradients (so many points are not left out one by one)" if self.iterative else ""
        unit = f"in units of {self.data.target}" if not self.classified else "in units of an output, of which 1 is sure"
        return [
            f"Data: {self.data.name}, {len(self.data.X):,} training points; trained {trained}{how}, ridge "
            f"{self.ridge:.3g}.",
            f"Deviations ({unit}) are standard deviations of predictions over random initialisations of the network; "
            f"they do not hold the scatter of new targets.",
        ]

    def first(self) -> tuple[tuple[str, ...], list[list[str]]]:
        """Headings and rows of a table of the first test points at the best depth."""
        best, data = self.best, self.data
        heading = ("test row", f"prediction at depth {in_words(best.depth)}", data.target)
        rows = [
            [str(data.test_rows[k]), self.predicted(best, k), self.target(k) or "not known"]
            for k in range(min(SHOWN, len(data.x)))
        ]
        return heading, rows

    def content(self) -> bytes:
        """The file of predictions: a row a depth and test point, with all digits; of classes also their outputs."""
        outputs = [f"output {name}" for name in self.data.classes]
        rows: list[Sequence] = [[*HEADING, *outputs]]
        for each in self.at:
            chosen = decided(each.values) if self.classified else np.zeros(len(each.values), dtype=int)
            for k, column in enumerate(chosen):
                value = self.data.classes[column] if self.classified else repr(float(each.values[k, 0]))
                cells = [self.data.test_rows[k], in_words(each.depth), self.target(k), value]
                more = map(repr, each.values[k].tolist()) if self.classified else ()
                rows.append([*cells, repr(float(each.deviations[k, column])), *more])
        return results.csv_bytes(rows)

    def record(self) -> dict[str, Any]:
        """For JSON: values and deviations have a row a depth, and in it one a test point; of classes, their outputs."""
        flat = (lambda values: values) if self.classified else (lambda values: values[..., 0])
        record: dict[str, Any] = {
            "data": self.data.describe(),
            "task": "classification" if self.classified else "regression",
            "time": self.time, "ridge": self.ridge,
            "training_rows": self.data.rows, "test_rows": self.data.test_rows,
            "targets": None if self.data.wanted is None else [_target(self, k) for k in range(len(self.data.x))],
            "depths": [each.depth for each in self.at],
            "values": [flat(each.values) for each in self.at],
            "deviations": [flat(each.deviations) for each in self.at],
            "error": [each.error for each in self.at],
            "leave_one_out_error": [each.left_out_error for each in self.at],
            "baseline": self.baseline, "best_depth": self.best.depth,
            "refused": [{"depth": depth, "reason": why} for depth, why in self.refused],
        }  # fmt: skip
        if self.classified:
            record["predictions"] = [[self.data.classes[k] for k in decided(each.values)] for each in self.at]
            record["accuracy"] = [each.accuracy for each in self.at]
            record["leave_one_out_accuracy"] = [each.left_out_accuracy for each in self.at]
        else:
            record["predictions"] = record["values"]
            record["within_two_deviations"] = [each.covered for each in self.at]
        return record


def with_deviation(value: float, deviation: float) -> str:
    """A number with its standard deviation, to two digits of that.

    >>> with_deviation(4.10531, 0.4567), with_deviation(-12345.6, 321.0), with_deviation(2.5, 0.0)
    ('4.11 +- 0.46', '-12346 +- 321', '2.5 +- 0')
    """
    if not 1e-12 < deviation < 1e12:
        return f"{value:.6g} +- {deviation:.2g}"
    places = max(0, 1 - math.floor(math.log10(deviation)))
    return f"{value:.{places}f} +- {deviation:.{places}f}"


def _target(result: Predictions, row: int) -> str | float:
    assert result.data.wanted is not None
    return result.target(row) if result.classified else float(result.data.wanted[row, 0])


def check_earlier(path: Path | None) -> None:
    """Refuse to replace a file that is no earlier file of predictions. Raises `InputError`."""
    if path is None or not path.is_file() or path.stat().st_size == 0:
        return
    heading = ",".join(HEADING).encode()
    try:
        with open(path, "rb") as stream:
            start = stream.read(len(heading))
    except OSError as error:
        raise InputError(f"expected --out to name a file that can be read, got {path} ({error.strerror})") from None
    if start != heading:
        raise InputError(
            f"expected --out to name a new file or earlier predictions, got {path}, which holds something else; choose "
            f"another name"
        )


@dataclasses.dataclass(frozen=True)
class Training:
    """How networks are trained, checked.

    Attributes:
        depths: of the networks.
        given: whether these depths were asked for, each of which must then be possible.
        time, ridge: as for `rn.predict`.
    """

    depths: tuple[float, ...]
    given: bool
    time: float
    ridge: float

    @classmethod
    def of(cls, depths: str | None, time: float, ridge: float) -> "Training":
        """What options say. Raises `InputError` for a depth below 1, a negative time or ridge."""
        return cls(
            depths_of(DEPTHS if depths is None else depths), depths is not None, _checks.training_time(time),
            _checks.number(ridge, "--ridge", least=0.0, remedy="it is added to the diagonal of the kernel"),
        )  # fmt: skip


def predictions(
    family: KernelFamily, data: Split, training: Training, progress: Callable[[str, int, int], None],
    devices: Any = None, keeper_of: Callable[[float], Section | Unkept] = lambda depth: UNKEPT,
) -> Predictions:  # fmt: skip
    """Predictions of the test points at every depth; `devices` as of `roughntk.regression.KernelOperator`.

    `keeper_of` a depth keeps what is found there.

    Raises:
        InputError: a depth that was asked for and that the family has not, a kernel matrix that is singular at all.
    """
    at: list[AtDepth] = []
    methods: set[str] = set()
    refused: list[tuple[float, str]] = []
    with fitting_threads(len(data.X)):
        for done, depth in enumerate(training.depths, 1):
            try:
                keeper = keeper_of(depth)
                work = functools.partial(_at_depth, family, data, training, depth, progress, devices, keeper)
                here, method = keeper.kept("predictions", work)
                keeper.finish()
                at.append(here)
                methods.add(method)
            except CheckpointError:
                raise
            except NotPositiveDefiniteError as problem:
                refused.append((depth, str(problem)))
            except InputError as problem:
                if training.given:
                    raise
                refused.append((depth, str(problem)))
            progress("depths", done, len(training.depths))
    if not at:
        raise InputError(refused[0][1])
    return Predictions(
        data, training.time, training.ridge, tuple(at), tuple(refused), _baseline(data), ITERATIVE in methods
    )


def _at_depth(
    family: KernelFamily, data: Split, training: Training, depth: float, progress: Callable[[str, int, int], None],
    devices: Any, keeper: Keeper,
) -> tuple[AtDepth, str]:  # fmt: skip
    """Predictions at one depth, and how the linear system was solved."""
    fitted = FittedRegression(
        family, Rows(data.X, np.ones(len(data.X))), data.y, depth=depth, time=training.time, ridge=training.ridge,
        devices=devices, keeper=keeper,
        progress=lambda what, done: progress(f"{what} at depth {in_words(depth)}", done, 0),
    )  # fmt: skip
    parts = [data.x[part] for part in _checks.pieces(len(data.x), len(data.X), ACROSS)]
    tests = [Rows(part, np.ones(len(part))) for part in parts]
    values = np.concatenate([fitted.predict(rows) for rows in tests])
    variance = np.concatenate([fitted.variance(rows) for rows in tests])
    deviations = np.outer(np.sqrt(variance), np.sqrt(np.mean(data.y**2, axis=0)))
    error = accuracy = left_out_error = left_out_accuracy = covered = math.nan
    if data.wanted is not None:
        error = _root_mean_square(values - data.wanted)
        if data.classes:
            accuracy = accuracy_of(values, data.wanted)
        else:
            covered = float(np.mean(np.abs(values - data.wanted) <= 2 * deviations))
    if fitted.method == CHOLESKY:
        residuals = fitted.leave_one_out()
        left_out_error = _root_mean_square(residuals)
        if data.classes:
            left_out_accuracy = accuracy_of(data.y - residuals, data.y)
    at = AtDepth(depth, values, deviations, error, accuracy, left_out_error, left_out_accuracy, covered)
    return at, fitted.method


def _baseline(data: Split) -> float:
    """What there is to beat: the most frequent class, or the mean."""
    if data.wanted is None:
        return math.nan
    mean = data.y.mean(axis=0)
    if data.classes:
        return accuracy_of(np.broadcast_to(mean, data.wanted.shape), data.wanted)
    return _root_mean_square(data.wanted - mean)


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


__all__ = ["DEPTHS", "HEADING", "SUFFIXES", "AtDepth", "Predictions", "Training", "check_earlier", "predictions"]
