"""The numbers of a study, stage by stage; no files and no pictures here."""

import contextlib
import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from roughntk import rough, sphere
from roughntk._checks import InputError
from roughntk.depth.limit import limit_coefficients, limit_value
from roughntk.kernels import KernelFamily
from roughntk.rough.convergence import DOES_NOT
from roughntk.study.data import DataSet
from roughntk.study.laws import Law
from roughntk.transport import (
    NotPositiveDefiniteError,
    Segment,
    SegmentDriver,
    across_segment,
    quadrature_driver,
    segment_driver,
)
from roughntk.transport.coefficients import CoefficientReport, log_determinant, solve

MEANINGFUL_CONDITION = 1e12
"""Beyond this condition number, comparisons in 64 bit are not meaningful and are marked so."""

FIRST_DEPTH_CONDITION = 1e8
"""Depth 1, the linear kernel, joins the transport only below this condition number."""

LEVEL_3_CHANNELS = 12
FULL_LEVEL_2_CHANNELS = 60

Progress = Callable[[str, int], None]
"""Called with the name of a stage and the number of steps finished in it."""


@dataclasses.dataclass
class Kernels:
    """Kernel matrices and closed-form coefficients at every depth of the study.

    `within` (depths, n, n), `across` (depths, n, m); `solved[L]` is (u, report), or None where K_L(X,X) is singular
    to working precision. `limit_entry` is None where pairs tend to different values, those of `limit_pairs` (as
    `within` and `across` at infinite depth), or to unknown ones; so are then `limit_coefficients`.
    """

    depths: list[int]
    within: np.ndarray
    across: np.ndarray
    solved: dict[int, tuple[np.ndarray, CoefficientReport] | None]
    condition: dict[int, float]
    log_det: dict[int, float]
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

    def meaningful(self, depth: int) -> bool:
        """Whether comparisons at this depth mean something in 64 bit."""
        return self.solved[depth] is not None and self.condition[depth] <= MEANINGFUL_CONDITION


def kernels_at_depths(family: KernelFamily, data: DataSet, depths: range, progress: Progress) -> Kernels:
    """Stages 3 and 4: kernel matrices by the angle recursion, coefficients by Cholesky."""
    chosen = np.array(depths) - 1
    within = np.asarray(family.trajectory(sphere.angles(data.X), depths[-1]))[chosen]
    across = np.asarray(family.trajectory(sphere.angles(data.X, data.x), depths[-1]))[chosen]
    solved: dict[int, tuple[np.ndarray, CoefficientReport] | None] = {}
    condition, log_det = {}, {}
    for depth, K, B in zip(depths, within, across, strict=True):
        try:
            u, how = solve(K, B)
            solved[depth], condition[depth] = (u, how), how.condition_number
        except NotPositiveDefiniteError:
            solved[depth] = None
            spectrum = np.linalg.eigvalsh(K)
            condition[depth] = float(np.max(np.abs(spectrum)) / max(np.min(np.abs(spectrum)), 1e-300))
        log_det[depth] = log_determinant(K)
        progress("closed form", 1)
    return Kernels(list(depths), within, across, solved, condition, log_det, *limits(family, data))


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
        if condition < FIRST_DEPTH_CONDITION:
            note = f"Depth 1 (the linear kernel) joins: its condition number is {condition:.2g}, below 1e8."
        else:
            starts = starts[1:]
            note = f"Depth 1 (the linear kernel) is left out: its condition number is {condition:.2g}, not below 1e8."
    return starts, note


def transport_records(kernels: Kernels, starts: list[int], progress: Progress) -> list[dict[str, Any]]:
    """Stage 5: Theorem 3 between each pair of depths, both clocks, both right-hand sides."""
    records = []
    for depth, clock, rhs in itertools.product(starts, ("arc", "psi"), ("joint", "paper")):
        record: dict[str, Any] = {"depth": depth, "clock": clock, "rhs": rhs}
        following = kernels.solved[depth + 1]
        if not (kernels.meaningful(depth) and kernels.meaningful(depth + 1)) or following is None:
            record |= dict.fromkeys(("steps", "residual", "error"), None)
            record |= {"meaningful": False, "coefficients": None}
        else:
            (K0, B0), (K1, B1) = kernels.at(depth), kernels.at(depth + 1)
            result = across_segment(K0, K1, B0, B1, clock=clock, rhs=rhs, throw=False)
            exact = following[0]
            error = np.max(np.abs(result.coefficients - exact)) / max(1.0, np.max(np.abs(exact)))
            record |= {"steps": result.stats["steps"], "residual": result.residual, "error": float(error)}
            record |= {"meaningful": True, "converged": result.converged, "coefficients": result.coefficients}
        record["condition_number"] = max(kernels.condition[depth], kernels.condition[depth + 1])
        records.append(record)
        progress("transport", 1)
    return records


@dataclasses.dataclass
class Drivers:
    """Stage 6: the drivers v^(L), sampled, and their principal directions.

    `paths[L]` has shape (samples, n (n + m)); `reduced[L]` the same path on the principal directions (or all channels
    where these are few), common to all depths.
    """

    paths: dict[int, np.ndarray]
    closed_form_error: dict[int, float]
    reduced: dict[int, np.ndarray]
    captured: dict[int, float]
    channels: int
    directions: int

    @property
    def full(self) -> bool:
        """Whether the reduced paths are the drivers themselves."""
        return self.directions == self.channels


def driver_paths(kernels: Kernels, starts: list[int], samples: int, directions: int, progress: Progress) -> Drivers:
    """Sample every driver in closed form, check it against quadrature, find the principal directions."""
    positions = jnp.linspace(0.0, 1.0, samples)
    paths, errors = {}, {}
    for depth in starts:
        if kernels.meaningful(depth) and kernels.meaningful(depth + 1):
            (K0, B0), (K1, B1) = kernels.at(depth), kernels.at(depth + 1)
            segment = Segment(*map(jnp.asarray, (K0, K1, B0, B1)))
            driver = segment_driver(segment)
            paths[depth] = np.asarray(driver.sample(positions))
            panels = driver.panels()
            by_quadrature = np.asarray(quadrature_driver(segment, panels, order=16))
            size = max(1.0, float(np.max(np.abs(by_quadrature))))
            closed = np.stack([np.asarray(value_at(driver, s)) for s in panels])
            errors[depth] = float(np.max(np.abs(closed - by_quadrature))) / size
        progress("drivers", 1)
    reduced, captured, channels = _principal(paths, directions)
    return Drivers(paths, errors, reduced, captured, channels, min(directions, channels))


@eqx.filter_jit
def value_at(driver: SegmentDriver, s):
    """The closed-form driver at one position; compiled once, whatever the panels are."""
    return driver.evaluate(s)


def _principal(paths: dict[int, np.ndarray], directions: int) -> tuple[dict[int, np.ndarray], dict[int, float], int]:
    """Project all drivers onto their common leading principal directions, each driver weighted to unit length."""
    if not paths:
        return {}, {}, 0
    channels = next(iter(paths.values())).shape[1]
    if channels <= directions:
        return dict(paths), dict.fromkeys(paths, 1.0), channels
    steps = {depth: np.diff(path, axis=0) for depth, path in paths.items()}
    weighted = [step / max(float(np.abs(step).sum()), 1e-300) for step in steps.values()]
    basis = np.linalg.svd(np.concatenate(weighted), full_matrices=False)[2][:directions].T
    reduced = {depth: path @ basis for depth, path in paths.items()}
    captured: dict[int, float] = {
        depth: float(np.linalg.norm(step @ basis)) / max(float(np.linalg.norm(step)), 1e-300)
        for depth, step in steps.items()
    }
    return reduced, captured, channels


def signature_records(drivers: Drivers, progress: Progress) -> dict[str, Any]:
    """Stage 7: signatures by every installed backend and their largest disagreement.

    The disagreement is the l1 norm of the difference of a level, relative to max(1, the l1 norm of the level).
    """
    level = 3 if drivers.directions <= LEVEL_3_CHANNELS else 2
    backends = list(rough.available_backends())
    per_depth, worst = [], 0.0
    for depth, path in drivers.reduced.items():
        values = {backend: np.asarray(rough.signature(path, level, backend=backend)) for backend in backends}
        norms = level_norms(values["jax"], drivers.directions, level)
        disagreement = max(
            (
                difference / max(1.0, norm)
                for a, b in itertools.combinations(backends, 2)
                for difference, norm in zip(
                    level_norms(values[a] - values[b], drivers.directions, level), norms, strict=True
                )
            ),
            default=0.0,
        )
        per_depth.append({"depth": depth, "disagreement": disagreement, "level_norms": norms})
        worst = max(worst, disagreement)
        progress("signatures", 1)
    return {
        "level": level,
        "channels": drivers.directions,
        "driver_channels": drivers.channels,
        "on_principal_directions": not drivers.full,
        "captured": {str(depth): value for depth, value in drivers.captured.items()},
        "backends": backends,
        "absent": {
            name: rough.backend_install_command(name) for name in rough.SIGNATURE_BACKENDS if name not in backends
        },
        "max_disagreement": worst if len(backends) > 1 else None,
        "per_depth": per_depth,
    }


def level_norms(flat: np.ndarray, channels: int, level: int) -> list[float]:
    """l1 norms of the levels 1 .. level of a flat signature."""
    ends = np.cumsum([channels**k for k in range(1, level + 1)])
    return [float(np.abs(part).sum()) for part in np.split(flat, ends[:-1])]


def variation_records(drivers: Drivers, p: float, progress: Progress) -> list[dict[str, Any]]:
    """Stage 8: exact p-variation, distance to the zero path and to the previous depth's driver.

    `norm` is the p-variation norm, with its outer root. `tensor_norm` names the norm of the increments: l1 (projective
    for l1 on the channels) on all channels, and l2 (Hilbert-Schmidt, which does not depend on the choice of axes) on
    principal directions. Level 3 enters for p >= 3 where the directions are few enough for it.
    """
    most = {1: drivers.channels, 2: FULL_LEVEL_2_CHANNELS, 3: LEVEL_3_CHANNELS}
    kinds = [(1.0, 1), (p, 1), (p, 2)] + [(p, 3)] * (p >= 3 and drivers.directions <= LEVEL_3_CHANNELS)
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


@dataclasses.dataclass(frozen=True)
class DriverConvergence:
    """Do the drivers v^(L) converge to the zero path, as rough paths, as L grows?

    `measured` holds the distances at each level, their rates and what its rule makes of them. `verdict` is the same,
    except for a hyperbolic family, whose drivers are known to tend to log(multiplier) times a projection: it does not
    converge, even where the depths of the study are too few to see it. `reason` says which it is.
    """

    measured: rough.Convergence
    verdict: str
    reason: str


def driver_convergence(records: list[dict[str, Any]], p: float, known: Law) -> DriverConvergence | None:
    """From the distances to the zero path that `variation_records` found: nothing is measured again.

    Levels 1 .. floor(p) (as far as they were measured), scale L. None for fewer than two drivers.
    """
    chosen = [r for r in records if r["p"] == p]
    depths, levels = sorted({r["depth"] for r in chosen}), sorted({r["level"] for r in chosen if r["level"] <= p})
    if len(depths) < 2:
        return None
    rows = {(r["depth"], r["level"]): r for r in chosen}
    distances = np.array([[rows[depth, level]["distance_to_zero"] for level in levels] for depth in depths])
    norms = [rows[depths[0], level]["tensor_norm"] for level in levels]
    words = norms[0] if len(set(norms)) == 1 else ", ".join(f"{n} at level {k}" for k, n in enumerate(norms, 1))
    measured = rough.convergence_of_distances(distances, p, scale=depths, norm=words)
    if known.hyperbolic and measured.verdict != DOES_NOT:
        return DriverConvergence(measured, DOES_NOT, "theory")
    return DriverConvergence(measured, measured.verdict, "measured")


def fitted_slopes(records: list[dict[str, Any]], p: float, known: Law) -> dict[str, Any]:
    """Least-squares slopes of log(p-variation) against log L over the deeper half, with theory's over the same."""
    slopes: dict[str, Any] = {}
    for level in (1, 2):
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
