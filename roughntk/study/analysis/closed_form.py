"""Kernel matrices and closed-form coefficients at every depth of a study."""

import contextlib
import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jax import Array

from roughntk import sphere
from roughntk._checks import InputError
from roughntk.files.checkpoints import UNKEPT, Keeper
from roughntk.kernels import Deflated, KernelFamily
from roughntk.linalg import Factor, bordered_system, log_determinant
from roughntk.regression import (
    InaccurateCoefficientsWarning,
    IndefiniteKernelWarning,
    NotPositiveDefiniteError,
    Solution,
    coefficients,
)
from roughntk.regression.closed_form import known_solution
from roughntk.regression.systems import Systems
from roughntk.study.data import DataSet
from roughntk.study.depths import StudyDepths

Depth = int | float
Progress = Callable[[str, int], None]
"""Called with the name of a stage and the number of steps finished in it."""


@dataclasses.dataclass
class Kernels:
    """Kernel matrices and closed-form coefficients at every depth of the study.

    `within` (depths, n, n), `across` (depths, n, m); `following[L]` are both one layer beyond depths of a list. All
    that is by depth has these as well. `starts` are the depths from which a layer is followed. `solved[L]` is None
    where K_L(X,X) is singular.
    `condition` and `log_det` are those of K_L(X,X) itself, infinite where it is singular to working precision.
    `deflated[L]` holds K = c + s G on (X, X and x) for a family that collapses, whose entries in `within` tend to one
    value and no longer tell its inverse. `limit_entry` is None where pairs tend to different values, those of
    `limit_pairs` (as `within` and `across` at infinite depth), or to unknown ones; so are then `limit_coefficients`.
    """

    family: KernelFamily
    data: DataSet
    depths: list[Depth]
    starts: list[Depth]
    within: np.ndarray
    across: np.ndarray
    following: dict[Depth, tuple[np.ndarray, np.ndarray]]
    solved: dict[Depth, Solution | None]
    condition: dict[Depth, float]
    log_det: dict[Depth, float]
    deflated: dict[Depth, Deflated]
    limit_entry: float | None
    limit_coefficients: np.ndarray | None
    limit_pairs: tuple[np.ndarray, np.ndarray] | None = None

    @functools.cached_property
    def systems(self) -> Systems:
        """The linear systems at one depth, as the transport takes them."""
        return Systems(self.family, *sphere.check_points(self.data.X, self.data.x))

    def at(self, depth: Depth) -> tuple[np.ndarray, np.ndarray]:
        """(K_L(X,X), K_L(X,x))."""
        if depth in self.following:
            return self.following[depth]
        row = self.depths.index(depth)
        return self.within[row], self.across[row]

    def collapsed(self, depth: Depth) -> tuple[Deflated, Deflated] | None:
        """The deflated kernels at a depth and the next, for a family that collapses."""
        return (self.deflated[depth], self.deflated[depth + 1]) if depth in self.deflated else None

    def coefficients_at(self, depth: Depth) -> np.ndarray:
        """Closed-form coefficients at a depth where the matrix is not singular."""
        solved = self.solved[depth]
        if solved is None:
            raise NotPositiveDefiniteError(f"expected a regular kernel matrix at depth {depth}, got a singular one")
        return solved.coefficients

    def regular(self, depth: Depth) -> bool:
        """Whether the coefficients at this depth are known and K is positive definite."""
        solved = self.solved[depth]
        return solved is not None and solved.positive_definite

    @property
    def solved_depths(self) -> list[Depth]:
        """The depths of the study with coefficients."""
        return [depth for depth in self.depths if self.solved[depth] is not None]

    def records(self) -> list[dict[str, Any]]:
        """One row per depth: condition number and log det of K, how u was solved, residual, error bound, size."""
        rows = []
        for depth in self.depths:
            solved = self.solved[depth]
            rows.append(
                {
                    "depth": depth,
                    "condition_number": self.condition[depth],
                    "method": solved.method if solved else "singular",
                    "residual": solved.residual if solved else None,
                    "error_bound": solved.relative_error if solved else None,
                    "log_determinant": self.log_det[depth],
                    "largest_coefficient": float(np.max(np.abs(solved.coefficients))) if solved else None,
                }
            )
        return rows


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Solves within it do not warn of few digits or negative eigenvalues: what they find says both."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InaccurateCoefficientsWarning)
        warnings.simplefilter("ignore", IndefiniteKernelWarning)
        yield


def kernels_at_depths(
    family: KernelFamily, data: DataSet, chosen: StudyDepths, progress: Progress, keeper: Keeper = UNKEPT
) -> Kernels:
    """Stages 3 and 4: kernel matrices by the angle recursion, coefficients as `rn.coefficients` finds them."""
    depths, following = list(chosen.depths), chosen.following
    within = keeper.kept("within", lambda: values_at(family, sphere.angles(data.X), chosen))
    across = keeper.kept("across", lambda: values_at(family, sphere.angles(data.X, data.x), chosen))
    beyond = {depth: (within[row], across[row]) for row, depth in enumerate(following, len(depths))}
    solved: dict[Depth, Solution | None] = {}
    condition, log_det, deflated = {}, {}, {}
    theta = sphere.joint_angles(data.X, data.x)
    systems = Systems(family, *sphere.check_points(data.X, data.x))
    for depth, K in zip([*depths, *following], within, strict=True):
        one = keeper.kept(f"depth {depth}", functools.partial(_at_depth, systems, depth, K, theta))
        solved[depth], condition[depth], log_det[depth], deflation = one
        if deflation is not None:
            deflated[depth] = deflation
        progress("closed form", 1)
    return Kernels(
        family, data, depths, list(chosen.starts), within[: len(depths)], across[: len(depths)], beyond, solved,
        condition, log_det, deflated, *keeper.kept("limits", lambda: limits(family, data)),
    )  # fmt: skip


def _at_depth(
    systems: Systems, depth: Depth, K: np.ndarray, theta: np.ndarray
) -> tuple[Solution | None, float, float, Deflated | None]:
    """What `Kernels` says of one depth: the solution, the condition number, log det, the deflated form."""
    solution = None
    condition, log_det, deflation = math.inf, -math.inf, None  # of a singular matrix, where rounding decides
    with contextlib.suppress(NotPositiveDefiniteError), unwarned():  # the report and the summary say both
        solution = known_solution(systems, depth)
    if solution is not None:
        condition, log_det = solution.condition_number, log_determinant(K)
    if systems.family.collapses:
        level, log_scale, values = systems.family.deflated(theta, depth)
        deflation = Deflated(float(level), float(log_scale), np.asarray(values))
        if solution is not None:
            condition, log_det = _spectrum(deflation, float(np.linalg.eigvalsh(K)[-1]), solution)
    return solution, condition, log_det, deflation


def values_at(family: KernelFamily, theta: Array, chosen: StudyDepths) -> np.ndarray:
    """The kernel at the depths of the study, then at those that follow; shape (depths, *theta.shape)."""
    if chosen.is_range:
        return np.asarray(family.trajectory(theta, int(chosen.depths[-1])))[np.array(chosen.depths) - 1]
    return np.array([np.asarray(family.at_angle(theta, depth)) for depth in (*chosen.depths, *chosen.following)])


def _spectrum(deflated: Deflated, largest: float, solution: Solution) -> tuple[float, float]:
    """(condition number, log determinant) of K = c 1 1^T + s G, whose smallest eigenvalue K itself does not show.

    With M = [[G, 1], [1^T, -s/c]]: K^{-1} is 1/s times the upper left block of M^{-1}, det K = -s^n det(M) c/s.
    """
    n = len(deflated.values)
    G, log_scale = deflated.values[:, :n], deflated.log_scale
    ratio = math.exp(log_scale) / deflated.level if deflated.level else math.inf
    if solution.method != "deflated":
        matrix = G + (1 / ratio if math.isfinite(ratio) else 0.0)
        return solution.condition_number, n * log_scale + log_determinant(matrix)
    M, _ = bordered_system(G, deflated.values[:, n:], ratio)
    inverse = Factor(M, cholesky=False).inverse[:n, :n]
    steepest = float(np.abs(np.linalg.eigvalsh((inverse + inverse.T) / 2)).max())
    log_condition = math.log(largest) + math.log(steepest) - log_scale
    log_det = (n - 1) * log_scale + float(np.linalg.slogdet(M)[1]) + math.log(abs(deflated.level))
    return math.exp(min(log_condition, 709.0)), log_det


def limits(
    family: KernelFamily, data: DataSet
) -> tuple[float | None, np.ndarray | None, tuple[np.ndarray, np.ndarray] | None]:
    """What `Kernels` says of infinite depth; None for what is not known."""
    entry, pairs = None, None
    if family.differs_by_depth:
        pairs = (np.asarray(family(data.X, depth=math.inf)), np.asarray(family(data.X, data.x, depth=math.inf)))
    else:
        with contextlib.suppress(InputError):
            entry = family.limit_value
    try:
        with unwarned():
            return entry, coefficients(family, data.X, data.x, depth=math.inf), pairs
    except (InputError, NotPositiveDefiniteError):
        return entry, None, pairs
