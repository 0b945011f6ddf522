"""What depth does to predictions: the error on rows that are not for training, against depth and beside two baselines.

Targets are taken about their mean over the training points, which is added again: f = mean + K(x,X) (K + R)^{-1}
(y - mean). Labels are one column a class, 1 for its rows and 0 for others, and the largest output decides; so the mean
alone is the majority vote.

Every ridge R, and the width of the baseline's kernel, are those of the least leave-one-out error on the training
points, in which that mean is held fixed. No row outside the training points enters but in the errors that are shown.
"""

import dataclasses
import functools
import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from roughntk._checks.precision import EPS
from roughntk.files.checkpoints import UNKEPT, Keeper
from roughntk.kernels import KernelFamily
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.regression import InaccurateCoefficientsWarning
from roughntk.regression.classes import decided
from roughntk.regression.fitted import Converged
from roughntk.regression.parted import PartedKernel, Rows
from roughntk.study.analysis.closed_form import Progress
from roughntk.study.data import DataSet

RIDGES = (0.0, 1e-3, 1e-2, 1e-1, 1.0)
"""Those that are tried, in units of how far the diagonal of the kernel matrix stands above the mean of its entries."""
WIDTHS = tuple(2.0**k for k in range(-3, 4))
"""Widths of the RBF kernel that are tried, in units of the median distance between training points."""
_TIED = 1e-9  # errors that differ by less are one; the first depth is taken


@dataclasses.dataclass(frozen=True)
class Targets:
    """What is predicted: `train` and `held` of shape (rows, columns), and the labels of the columns, () for numbers."""

    train: np.ndarray
    held: np.ndarray
    classes: tuple[str, ...]

    @property
    def mean(self) -> np.ndarray:
        """Over the training points, shape (columns,)."""
        return np.asarray(self.train.mean(axis=0))

    def losses(self, values: np.ndarray) -> np.ndarray:
        """Of predictions for the held rows: 1 for a wrong class, or the square of the error, shape (rows,)."""
        if not self.classes:
            return np.asarray(((values - self.held) ** 2).sum(axis=1))
        return np.asarray(decided(values) != decided(self.held), dtype=np.float64)

    def score(self, losses: np.ndarray) -> float:
        """The accuracy, or the root of the mean square."""
        return float(1 - losses.mean()) if self.classes else math.sqrt(float(losses.mean()))


@dataclasses.dataclass(frozen=True)
class Trained:
    """One predictor: the ridge that was taken, its leave-one-out error (root mean square), and its losses."""

    ridge: float
    left_out: float
    losses: np.ndarray


@dataclasses.dataclass(frozen=True)
class Baselines:
    """What no family has a part in: `rbf`, `gamma` and `mean` of `Prediction`."""

    rbf: Trained | None
    gamma: float
    mean: np.ndarray


@dataclasses.dataclass(frozen=True)
class Prediction:
    """Errors on held rows.

    Attributes:
        targets: what is predicted.
        at: at each depth with a ridge by leave-one-out; depths without a positive definite matrix are absent.
        plain: at each depth without a ridge, by the study's own coefficients.
        limit: of infinite depth, with a ridge by leave-one-out; None where it is not known.
        rbf: kernel regression with an RBF kernel; None for one training point.
        gamma: of that kernel, exp(-gamma |x - x'|^2).
        mean: the losses of the mean, or of the majority vote.
    """

    targets: Targets
    at: dict[float, Trained]
    plain: dict[float, Trained]
    limit: Trained | None
    rbf: Trained | None
    gamma: float
    mean: np.ndarray

    @property
    def best(self) -> float:
        """The depth of the least error on the held rows; of equals the smallest."""
        return _least({depth: float(one.losses.mean()) for depth, one in self.at.items()})

    @property
    def taken(self) -> float:
        """The depth of the least leave-one-out error on the training points."""
        return _least({depth: one.left_out for depth, one in self.at.items()})

    def ahead(self, losses: np.ndarray, others: np.ndarray) -> tuple[float, float]:
        """By how much the one is better than the other on the same rows, and the standard error of that.

        In parts of all rows for classes, in units of the target for numbers (of the root mean square, to first order).
        """
        apart = others - losses
        gap, error = float(apart.mean()), float(apart.std() / math.sqrt(max(len(apart) - 1, 1)))
        if self.targets.classes:
            return gap, error
        sizes = self.targets.score(losses), self.targets.score(others)
        gap = sizes[1] - sizes[0]
        return gap * (abs(gap) > _TIED * sum(sizes)), error / max(sum(sizes), 1e-300)

    def record(self) -> dict[str, Any]:
        """The `prediction` entry of study.json."""
        score = self.targets.score
        baselines = {"mean": score(self.mean), "rbf": None, "rbf_gamma": self.gamma, "rbf_ridge": None}
        if self.rbf is not None:
            baselines |= {"rbf": score(self.rbf.losses), "rbf_ridge": self.rbf.ridge}
        return {
            "measure": "accuracy" if self.targets.classes else "rmse",
            "classes": list(self.targets.classes),
            "rows": len(self.targets.held),
            "spread": float(self.targets.held.std()),
            "depths": [
                {"depth": depth, "score": score(one.losses), "ridge": one.ridge, "leave_one_out": one.left_out,
                 "without_ridge": score(self.plain[depth].losses) if depth in self.plain else None}
                for depth, one in self.at.items()
            ],
            "best_depth": self.best,
            "leave_one_out_depth": self.taken,
            "infinite_depth": None if self.limit is None else score(self.limit.losses),
            "baselines": baselines,
        }  # fmt: skip


def _least(errors: dict[float, float]) -> float:
    """The first depth of those with the least error, but for rounding."""
    least = min(errors.values())
    return next(depth for depth, error in errors.items() if error <= least * (1 + _TIED))


class _Kept(PartedKernel):
    """A kernel whose matrix is evaluated once, however many ridges are tried."""

    @functools.cached_property
    def _matrix(self) -> np.ndarray:
        return super().within()

    def within(self) -> np.ndarray:
        """As `PartedKernel`."""
        return self._matrix


def targets_of(data: DataSet) -> Targets | None:
    """What is predicted; None where there is nothing to predict: no target, no held rows, or a constant."""
    if data.y is None or data.held is None or not len(data.held.rows):
        return None
    train, held = (values.reshape(len(values), -1) for values in (data.y[: len(data.X)], data.held.y))
    both = np.concatenate([train, held])
    return Targets(train, held, data.classes) if (both != both[:1]).any() else None


def baselines(data: DataSet) -> Baselines | None:
    """The baselines, the same for every family; None where there is nothing to predict."""
    targets = targets_of(data)
    if targets is None:
        return None
    rbf, gamma = _rbf(data, targets)
    return Baselines(rbf, gamma, targets.losses(np.broadcast_to(targets.mean, targets.held.shape)))


def prediction(
    family: KernelFamily, data: DataSet, depths: Iterable[int], progress: Progress, known: Baselines | None = None,
    keeper: Keeper = UNKEPT,
) -> Prediction | None:  # fmt: skip
    """Errors at the depths and at infinite depth; None where there is nothing to predict.

    `known` are the baselines of these data, found here where they are None.
    """
    targets = targets_of(data)
    if targets is None or data.held is None:
        return None
    rows, held = (Rows(points, np.ones(len(points))) for points in (data.X, data.held.points))
    at: dict[float, Trained] = {}
    plain: dict[float, Trained] = {}
    for depth in depths:
        trained = keeper.kept(f"depth {depth}", functools.partial(_at_depth, family, rows, held, targets, depth))
        if trained:
            at[depth] = min(trained, key=lambda one: one.left_out)
            if trained[0].ridge == 0:
                plain[depth] = trained[0]
        progress("prediction", 1)
    if not at:
        return None
    end = keeper.kept("infinite depth", lambda: _at_depth(family, rows, held, targets, math.inf))
    beside = known or keeper.kept("baselines", lambda: baselines(data))
    assert beside is not None
    limit = min(end, key=lambda one: one.left_out) if end else None
    return Prediction(targets, at, plain, limit, beside.rbf, beside.gamma, beside.mean)


def _at_depth(family: KernelFamily, rows: Rows, held: Rows, targets: Targets, depth: float) -> list[Trained]:
    """One for each ridge at which the matrix is positive definite."""
    y, trained = targets.train - targets.mean, []
    try:
        kernel = _Kept(family, rows, depth, limit_first=depth == math.inf)
        across = kernel.across(held)
    except ValueError:  # the family has no such depth
        return []
    above = kernel.scale * _above(kernel.within())
    for ridge in (part * (above or 1.0) for part in RIDGES):
        try:
            with warnings.catch_warnings():  # a prediction of few digits is seen in its error
                warnings.simplefilter("ignore", InaccurateCoefficientsWarning)
                solver = Converged(kernel, ridge, f"kernel matrix at depth {depth:g}")
        except NotPositiveDefiniteError:
            continue
        alpha, beta = solver.coefficients(y)
        left_out = np.inf
        if len(y) > 1:
            applied, diagonal = solver.inverse(y)
            left_out = float(np.sqrt(np.mean((applied / diagonal[:, None]) ** 2)))
        trained.append(Trained(ridge, left_out, targets.losses(targets.mean + across.T @ alpha + beta)))
    return trained


def _above(K: np.ndarray) -> float:
    """How far the diagonal stands above the mean of all entries."""
    return max(float(np.diagonal(K).mean() - K.mean()), 0.0)


def _rbf(data: DataSet, targets: Targets) -> tuple[Trained | None, float]:
    """Kernel regression of scikit-learn with an RBF kernel on the same points, width and ridge by leave-one-out."""
    from sklearn.kernel_ridge import KernelRidge  # a second to import
    from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

    distances = euclidean_distances(data.X)[np.triu_indices(len(data.X), 1)]
    if not distances.size or data.held is None:
        return None, math.nan
    y, best = targets.train - targets.mean, (math.inf, 0.0, 0.0)
    for width in WIDTHS:
        gamma = 1 / (2 * (width * float(np.median(distances))) ** 2)
        K = rbf_kernel(data.X, gamma=gamma)
        values, vectors = np.linalg.eigh(K)
        for ridge in (part * _above(K) for part in RIDGES):
            size = values + ridge
            if not size[0] > len(y) * EPS * size[-1]:
                continue
            inverse = (vectors / size) @ vectors.T
            error = float(np.sqrt(np.mean((inverse @ y / np.diagonal(inverse)[:, None]) ** 2)))
            best = min(best, (error, gamma, ridge))
    error, gamma, ridge = best
    model = KernelRidge(kernel="rbf", gamma=gamma, alpha=ridge).fit(data.X, y)
    return Trained(ridge, error, targets.losses(targets.mean + model.predict(data.held.points))), gamma


__all__ = [
    "RIDGES", "WIDTHS", "Baselines", "Prediction", "Targets", "Trained", "baselines", "prediction", "targets_of",
]  # fmt: skip
