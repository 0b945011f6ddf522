"""The numbers of a study: kernels and coefficients, transport, p-variation; no files and no pictures."""

import contextlib
import dataclasses
import itertools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from roughntk import rough, sphere
from roughntk._checks import InputError
from roughntk.depth.limit import bordered_system, limit_coefficients, limit_value
from roughntk.kernels import Deflated, KernelFamily
from roughntk.study.data import DataSet
from roughntk.study.drivers import LEVEL_3_CHANNELS, Drivers
from roughntk.study.laws import Law
from roughntk.transport import NotPositiveDefiniteError, between_depths
from roughntk.transport.coefficients import (
    CoefficientReport,
    InaccurateCoefficientsWarning,
    IndefiniteKernelWarning,
    coefficients,
    log_determinant,
)

FIRST_DEPTH_CONDITION = 1e8
"""Depth 1, the linear kernel, joins the transport only below this condition number."""

FULL_LEVEL_2_CHANNELS = 60

Progress = Callable[[str, int], None]
"""Called with the name of a stage and the number of steps finished in it."""


@dataclasses.dataclass
class Kernels:
    """Kernel matrices and closed-form coefficients at every depth of the study.

    `within` (depths, n, n), `across` (depths, n, m); `solved[L]` is (u, report), or None where K_L(X,X) is singular.
    `condition` and `log_det` are those of K_L(X,X) itself. `deflated[L]` holds K = c + s G on (X, X and x) for a family
    that collapses, whose entries in `within` tend to one value and no longer tell its inverse. `limit_entry` is None
    where pairs tend to different values, those of `limit_pairs` (as `within` and `across` at infinite depth), or to
    unknown ones; so are then `limit_coefficients`.
    """

    family: KernelFamily
    data: DataSet
    depths: list[int]
    within: np.ndarray
    across: np.ndarray
    solved: dict[int, tuple[np.ndarray, CoefficientReport] | None]
    condition: dict[int, float]
    log_det: dict[int, float]
    deflated: dict[int, Deflated]
    limit_entry: float | None
    limit_coefficients: np.ndarray | None
    limit_pairs: tuple[np.ndarray, np.ndarray] | None = None

    def at(self, depth: int) -> tuple[np.ndarray, np.ndarray]:
        """(K_L(X,X), K_L(X,x))."""
        row = self.depths.index(depth)
        return self.within[row], self.across[row]

    def coefficients_at(self, depth: int) -> np.ndarray:
        """Closed-form coefficients at a depth where the matrix is not singular."""
        solved = self.solved[depth]
        if solved is None:
            raise NotPositiveDefiniteError(f"expected a regular kernel matrix at depth {depth}, got a singular one")
        return solved[0]

    def regular(self, depth: int) -> bool:
        """Whether the coefficients at this depth are known and K is positive definite."""
        solved = self.solved[depth]
        return solved is not None and solved[1].positive_definite

    @property
    def solved_depths(self) -> list[int]:
        """The depths with coefficients."""
        return [depth for depth in self.depths if self.solved[depth] is not None]


def kernels_at_depths(family: KernelFamily, data: DataSet, depths: range, progress: Progress) -> Kernels:
    """Stages 3 and 4: kernel matrices by the angle recursion, coefficients as `rn.coefficients` finds them."""
    chosen = np.array(depths) - 1
    within = np.asarray(family.trajectory(sphere.angles(data.X), depths[-1]))[chosen]
    across = np.asarray(family.trajectory(sphere.angles(data.X, data.x), depths[-1]))[chosen]
    solved: dict[int, tuple[np.ndarray, CoefficientReport] | None] = {}
    condition, log_det, deflated = {}, {}, {}
    theta = sphere.joint_angles(data.X, data.x)
    for depth, K in zip(depths, within, strict=True):
        try:
            with warnings.catch_warnings():  # the report and the summary say both
                warnings.simplefilter("ignore", InaccurateCoefficientsWarning)
                warnings.simplefilter("ignore", IndefiniteKernelWarning)
                solved[depth] = found = coefficients(family, data.X, data.x, depth=depth, report=True)
            condition[depth] = found[1].condition_number
        except NotPositiveDefiniteError:
            solved[depth], found = None, None
            spectrum = np.linalg.eigvalsh(K)
            condition[depth] = float(np.max(np.abs(spectrum)) / max(np.min(np.abs(spectrum)), 1e-300))
        log_det[depth] = log_determinant(K)
        if family.collapses:
            deflated[depth] = family.deflated(theta, depth)
            if found is not None:
                largest = float(np.linalg.eigvalsh(K)[-1])
                condition[depth], log_det[depth] = _spectrum(deflated[depth], largest, found[1])
        progress("closed form", 1)
    return Kernels(family, data, list(depths), within, across, solved, condition, log_det, deflated,
                   *limits(family, data))  # fmt: skip


def _spectrum(found: Deflated, largest: float, how: CoefficientReport) -> tuple[float, float]:
    """(condition number, log determinant) of K = c 1 1^T + s G, whose smallest eigenvalue K itself does not show.

    With M = [[G, 1], [1^T, -s/c]]: K^{-1} is 1/s times the upper left block of M^{-1}, det K = -s^n det(M) c/s.
    """
    n = len(found.values)
    G, log_scale = found.values[:, :n], found.log_scale
    ratio = math.exp(log_scale) / found.level if found.level else math.inf
    if how.method != "deflated":
        matrix = G + (1 / ratio if math.isfinite(ratio) else 0.0)
        return how.condition_number, n * log_scale + log_determinant(matrix)
    M, _ = bordered_system(G, found.values[:, n:], ratio)
    inverse = np.linalg.inv(M)[:n, :n]
    steepest = float(np.abs(np.linalg.eigvalsh((inverse + inverse.T) / 2)).max())
    log_condition = math.log(largest) + math.log(steepest) - log_scale
    log_det = (n - 1) * log_scale + float(np.linalg.slogdet(M)[1]) + math.log(abs(found.level))
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
            entry = limit_value(family)
    try:
        return entry, limit_coefficients(family, data.X, data.x), pairs
    except InputError:
        return entry, None, pairs


def transport_pairs(kernels: Kernels) -> tuple[list[int], str]:
    """Depths L from which L -> L + 1 is transported, and what became of depth 1."""
    starts = kernels.depths[:-1]
    note = ""
    if starts[0] == 1:
        condition = kernels.condition[1]
        if condition < FIRST_DEPTH_CONDITION and kernels.solved[1] is not None:
            note = f"Depth 1 (the linear kernel) joins: its condition number is {condition:.2g}, below 1e8."
        else:
            starts = starts[1:]
            note = f"Depth 1 (the linear kernel) is left out: its condition number is {condition:.2g}, not below 1e8."
    return starts, note


def transport_records(kernels: Kernels, starts: list[int], progress: Progress) -> list[dict[str, Any]]:
    """Stage 5: Theorem 3 between each pair of depths, both clocks, both right-hand sides.

    `error` is against the closed form of the study at L + 1; a transport has converged only if that is within
    `error_bound`, which follows from what the entries of both ends are known to.
    """
    records = []
    data = kernels.data
    for depth, clock, rhs in itertools.product(starts, ("arc", "psi"), ("joint", "paper")):
        record: dict[str, Any] = {"depth": depth, "clock": clock, "rhs": rhs}
        try:
            exact = kernels.coefficients_at(depth + 1)
            result = between_depths(
                kernels.family, data.X, data.x, depth=depth, clock=clock, rhs=rhs, throw=False
            )  # fmt: skip
        except NotPositiveDefiniteError as problem:
            record |= dict.fromkeys(("steps", "residual", "error", "error_bound", "system", "coefficients"), None)
            record |= {"converged": False, "note": str(problem)}
        else:
            error = float(np.max(np.abs(result.coefficients - exact)) / max(1.0, np.max(np.abs(exact))))
            record |= {"steps": result.stats["steps"], "residual": result.residual, "error": error}
            record |= {"error_bound": result.error_bound, "system": result.system, "coefficients": result.coefficients}
            record |= {"converged": bool(result.converged and error <= result.error_bound), "note": ""}
        record["condition_number"] = max(kernels.condition[depth], kernels.condition[depth + 1])
        records.append(record)
        progress("transport", 1)
    return records


def levels_of(p: float, directions: int) -> list[int]:
    """Levels 1 .. floor(p), as far as they fit."""
    return [k for k in range(1, math.floor(p) + 1) if k < 3 or directions <= LEVEL_3_CHANNELS]


def variation_records(drivers: Drivers, p: float, progress: Progress) -> list[dict[str, Any]]:
    """Stage 8: exact p-variation, distance to the zero path and to the previous depth's driver.

    `norm` is the p-variation norm, with its outer root. `tensor_norm` names the norm of the increments: l1 (projective
    for l1 on the channels) on all channels, and l2 (Hilbert-Schmidt, which does not depend on the choice of axes) on
    principal directions. The levels are 1 .. floor(p); level 3 enters where the directions are few enough for it.
    """
    most = {1: drivers.channels, 2: FULL_LEVEL_2_CHANNELS, 3: LEVEL_3_CHANNELS}
    kinds = [(1.0, 1)] * (p > 1) + [(p, k) for k in levels_of(p, drivers.directions)]
    records: list[dict[str, Any]] = []
    previous: int | None = None
    for depth in drivers.paths:
        for exponent, level in kinds:
            on_directions = drivers.channels > most[level]
            source = drivers.reduced if on_directions else drivers.paths
            norm = "l2" if on_directions else "l1"
            path = source[depth]
            before = source[previous] if previous is not None else None
            records.append(
                {
                    "depth": depth,
                    "p": exponent,
                    "level": level,
                    "tensor_norm": norm,
                    "channels": path.shape[1],
                    "norm": rough.p_variation(path, exponent, level=level, norm=norm),
                    "distance_to_zero": rough.p_variation_distance(
                        path, np.zeros_like(path), exponent, level=level, norm=norm
                    ),
                    "distance_to_previous": None
                    if before is None
                    else rough.p_variation_distance(path, before, exponent, level=level, norm=norm),
                }
            )
        previous = depth
        progress("p-variation", 1)
    return records


def fitted_slopes(records: list[dict[str, Any]], p: float, known: Law) -> dict[str, Any]:
    """Least-squares slopes of log(p-variation) against log L over the deeper half, with theory's over the same."""
    slopes: dict[str, Any] = {}
    for level in (1, 2, 3)[: max(2, math.floor(p))]:
        chosen = [r for r in records if r["p"] == p and r["level"] == level and r["norm"] > 0 and r["depth"] > 1]
        depths = np.array([r["depth"] for r in chosen], dtype=float)
        values = np.array([r["norm"] for r in chosen])
        half = depths >= np.median(depths) if len(depths) else np.zeros(0, dtype=bool)
        if half.sum() < 3:
            slopes[f"level{level}"] = slopes[f"theory_level{level}"] = None
            continue
        L = depths[half]
        slopes[f"level{level}"] = float(np.polyfit(np.log(L), np.log(values[half]), 1)[0])
        expected = None if known.rate is None else known.rate(L)
        slope = 0.0 if expected is None else float(np.polyfit(np.log(L), np.log(expected), 1)[0])
        slopes[f"theory_level{level}"] = None if expected is None else level * slope
        slopes["fitted_depths"] = [int(L[0]), int(L[-1])]
    return slopes
