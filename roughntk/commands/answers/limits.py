"""What `roughntk limit` computes and says: coefficients and predictions at one depth, and how deep is deep enough."""

import dataclasses
import math
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.depth import depth_needed
from roughntk.depth.tolerance import DepthNeeded
from roughntk.files import results
from roughntk.kernels import KernelFamily, ReluNTK
from roughntk.regression import NotPositiveDefiniteError, Solution, coefficients, solve
from roughntk.study.analysis.closed_form import unwarned
from roughntk.study.data import DataSet
from roughntk.study.threads import fitting_threads

SUFFIXES = (".csv", ".npy")


@dataclasses.dataclass(frozen=True)
class AtDepth:
    """What `roughntk limit` prints: one row a test point, a note on the solve, and the depth needed."""

    depth: float
    u: np.ndarray
    predictions: np.ndarray | None
    rows: list[list[str]]
    note: str
    answer: str
    numbers: np.ndarray  # of the rows of the data that were used, training points first
    limit: np.ndarray  # of the coefficients at infinite depth; NaN where it is not known
    targets: np.ndarray | None  # of the test points
    report: Solution
    needed: DepthNeeded | None

    def record(self) -> dict[str, Any]:
        """For JSON: u has a row a training point and a column a test point."""
        n = len(self.u)
        return {
            "depth": self.depth,
            "training_rows": self.numbers[:n],
            "test_rows": self.numbers[n:],
            "coefficients": self.u,
            "limit_coefficients": None if np.isnan(self.limit).any() else self.limit,
            "predictions": self.predictions,
            "targets": self.targets,
            "residual": self.report.residual,
            "condition_number": self.report.condition_number,
            "method": self.report.method,
            "depth_needed": None if self.needed is None else dataclasses.asdict(self.needed),
        }

    def content(self, suffix: str) -> bytes:
        """The coefficients with all digits, a row a training point and a column a test point, as .csv or .npy."""
        if suffix == ".npy":
            return results.npy_bytes(self.u)
        n = len(self.u)
        heading = ["training row", *(f"test row {row}" for row in self.numbers[n:])]
        rows = ([row, *map(repr, u.tolist())] for row, u in zip(self.numbers[:n], self.u, strict=True))
        return results.csv_bytes([heading, *rows])


def at_depth(family: KernelFamily, data: DataSet, depth: str | float, tolerance: float) -> AtDepth:
    """Coefficients and predictions u^T y at that depth, and the depth from which u is within `tolerance` of its limit.

    Of targets that are classes, the prediction is the class with the largest sum.

    Raises:
        InputError: a depth that is not a number >= 1 or "inf", a tolerance that is not positive or not reached, a
            matrix that is singular at that depth.
    """
    number = _number(depth)
    with fitting_threads(len(data.X)):
        return _at_checked_depth(family, data, number, tolerance)


def _at_checked_depth(family: KernelFamily, data: DataSet, number: float, tolerance: float) -> AtDepth:
    """`at_depth` of a checked depth."""
    needed = depth_needed(family, data.X, data.x, tolerance) if isinstance(family, ReluNTK) else None
    try:
        report = solve(family, data.X, data.x, depth=number)
    except NotPositiveDefiniteError as problem:
        raise InputError(str(problem)) from None
    n, u = len(data.X), report.coefficients
    limit = u if number == math.inf else _limit(family, data)
    predictions = None if data.y is None else u.T @ data.y[:n]
    rows = []
    for k in range(len(data.x)):
        rows.append(
            [
                str(data.rows[n + k]),
                "no targets" if predictions is None else data.predicted(predictions[k]),
                data.wanted(n + k),
                f"{u[:, k].max():.10g}",
                f"{u[:, k].min():.10g}",
                "not known" if np.isnan(limit[:, k]).any() else f"{np.abs(u[:, k] - limit[:, k]).max():.3g}",
            ]
        )
    note = f"residual {report.residual:.2g}, condition number {report.condition_number:.4g} ({report.method})"
    if needed is None:
        answer = f"The depth needed for a tolerance is known for relu-ntk only, not for {family.name}."
    else:
        answer = (
            f"From depth {needed.whole_depth:,} on every coefficient is within {tolerance:g} of its limit: there the "
            f"distance is {needed.error:.4g}, the a-posteriori bound {needed.bound:.4g} ({needed.looseness:.2f} times)."
        )
    return AtDepth(
        number, u, predictions, rows, note, answer, np.asarray(data.rows), limit,
        None if data.y is None else data.y[n:], report, needed,
    )  # fmt: skip


def _limit(family: KernelFamily, data: DataSet) -> np.ndarray:
    """The coefficients at infinite depth; NaN where they are not known."""
    try:
        with unwarned():
            return coefficients(family, data.X, data.x, depth=math.inf)
    except (InputError, NotPositiveDefiniteError):
        return np.full((len(data.X), len(data.x)), math.nan)


def _number(depth: str | float) -> float:
    if isinstance(depth, str):
        otherwise = f"expected a depth of at least 1, or inf, got {_checks.shown(depth)}"
        number = _checks.number_of_text(depth, "--depth", otherwise)
    else:
        number = _checks.one_depth(depth)
    if not number >= 1:
        raise InputError(f"expected a depth of at least 1, or inf, got {depth}; depth 1 is the input layer")
    return float(_checks.real_depth(number)) if math.isfinite(number) else number
