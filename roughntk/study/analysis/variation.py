"""Stage 8 of a study: p-variation of the drivers, and the slopes of its logarithm."""

import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from roughntk import rough, sphere
from roughntk.files.checkpoints import UNKEPT, Keeper
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.study.analysis.closed_form import Depth, Kernels, Progress
from roughntk.study.analysis.drivers import LEVEL_3_CHANNELS, Drivers
from roughntk.study.analysis.laws import Law
from roughntk.transport.clocks import ArcClock
from roughntk.transport.deflated import kernel_segment

FULL_LEVEL_2_CHANNELS = 60
FAR = (100_000, 200_000)
"""Depths at which it is seen whether a slope tends to that of theory."""
AGREE = 0.1
"""Slopes of level 1 that differ by no more agree: the rates of theory are leading terms, and the next ones change
slopes by 1/log L."""


def levels_of(p: float, directions: int) -> list[int]:
    """Levels 1 .. floor(p), as far as they fit."""
    return [k for k in range(1, math.floor(p) + 1) if k < 3 or directions <= LEVEL_3_CHANNELS]


def variation_records(drivers: Drivers, p: float, progress: Progress, keeper: Keeper = UNKEPT) -> list[dict[str, Any]]:
    """Stage 8: exact p-variation, distance to the zero path and to the previous depth's driver.

    `norm` is the p-variation norm, with its outer root. `tensor_norm` names the norm of the increments: l1 (projective
    for l1 on the channels) on all channels, and l2 (Hilbert-Schmidt, which does not depend on the choice of axes) on
    principal directions. The levels are 1 .. floor(p); level 3 enters where the directions are few enough for it.
    """
    records: list[dict[str, Any]] = []
    previous: Depth | None = None
    for depth in drivers.paths:
        records += keeper.kept(f"depth {depth}", functools.partial(_records_at, drivers, p, depth, previous))
        previous = depth
        progress("p-variation", 1)
    return records


def _records_at(drivers: Drivers, p: float, depth: Depth, previous: Depth | None) -> list[dict[str, Any]]:
    """The records of one depth."""
    most = {1: drivers.channels, 2: FULL_LEVEL_2_CHANNELS, 3: LEVEL_3_CHANNELS}
    records = []
    for exponent, level in [(1.0, 1)] * (p > 1) + [(p, k) for k in levels_of(p, drivers.directions)]:
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
        slopes["fitted_depths"] = [int(end) if end == int(end) else float(end) for end in (L[0], L[-1])]
    return slopes


def far_slopes(kernels: Kernels, known: Law, slopes: dict[str, Any]) -> dict[str, Any]:
    """The slope of level 1 between the depths `FAR`, measured and by theory; nothing where it agrees already, or where
    the family does not go so deep."""
    family = kernels.family
    if slopes.get("level1") is None or known.rate is None or known.hyperbolic or not family.has_real_depth:
        return {}
    if abs(slopes["level1"] - slopes["theory_level1"]) <= AGREE:
        return {}
    try:
        sizes = np.array([_length(kernels, depth) for depth in FAR])
    except NotPositiveDefiniteError:
        return {}
    if not (sizes > 0).all():
        return {}
    expected = known.rate(np.array(FAR, dtype=float))
    step = math.log(FAR[1] / FAR[0])
    return {
        "far_depths": list(FAR),
        "far_level1": math.log(sizes[1] / sizes[0]) / step,
        "far_theory_level1": math.log(expected[1] / expected[0]) / step,
    }


def _length(kernels: Kernels, depth: int) -> float:
    """The l1 length of the chord of one driver, which is nearly straight."""
    family, n = kernels.family, len(kernels.data.X)
    theta = sphere.joint_angles(kernels.data.X, kernels.data.x)
    K0, K1 = (np.asarray(family.at_angle(jnp.asarray(theta), float(each))) for each in (depth, depth + 1))
    collapsed = None
    if family.collapses:
        collapsed = family.deflated(theta, depth), family.deflated(theta, depth + 1)
    segment = kernel_segment(K0[:, :n], K1[:, :n], K0[:, n:], K1[:, n:], collapsed)
    return float(np.abs(segment.driver(ArcClock()).sample(np.array([0.0, 1.0]))[-1]).sum())


__all__ = ["AGREE", "FAR", "far_slopes", "fitted_slopes", "levels_of", "variation_records"]
