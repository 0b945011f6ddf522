"""Classification of a sequence of kernels from its values alone: nothing is known of how one follows from the other.

What cannot be measured so (a fixed point, a multiplier, a phase) is left out, and a note says so. The limit, its ratio
off and on the diagonal and the rate are extrapolated from depths to 10,000; coefficients on five points tell whether
their limit depends on the data.
"""

import math

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from roughntk import sphere
from roughntk.depth.extrapolation import (
    EPS,
    GeometricRate,
    Term,
    geometric_rate,
    power_limit,
    sample_depths,
    stated,
)  # fmt: skip
from roughntk.depth.phases.classification import Classification, Evidence
from roughntk.kernels.base import KernelFamily
from roughntk.linalg import bordered_system

ANGLES = (0.0, 0.5, 1.0, math.pi / 2, 2.5)
"""Angles at which the kernel is measured; the first is the diagonal."""

_FIRST, _LAST = 100, 10_000
_EVERY = 200  # all depths to this one are looked at for a geometric rate
_POINTS = 5
_DIMENSION = 6
_SEEN = 1e-7  # entries that differ by less, relatively, leave no digits of the coefficients
_STILL = 1e-12  # what has moved less than this from half the depth on has settled
_UNSETTLED = 1e-4


def classified(family: KernelFamily) -> Classification:
    """What `classify` returns for a sequence."""
    points = sphere.uniform(_POINTS + 1, _DIMENSION, 0)
    pairs = np.asarray(sphere.angles(points))[np.triu_indices(_POINTS, 1, _POINTS + 1)]
    theta = jnp.asarray(np.append(ANGLES, pairs))
    shallow = np.asarray(family.trajectory(theta, _EVERY))
    depths = sample_depths(_FIRST, _LAST)
    every = np.stack([np.asarray(family.at_angle(theta, int(depth))) for depth in depths])
    K = every[:, : len(ANGLES)]
    where = f"theta = 1, depths to {_LAST:,}"
    limits, uncertainties, measured, notes = _limits(shallow[:, 2], depths, K)
    rate, doubts = stated(measured)
    notes += doubts
    evidence = [
        Evidence("K between two points at the last depth", float(K[-1, 2]), 0.0, f"theta = 1, depth {_LAST:,}"),
        Evidence("K between two points, extrapolated", float(limits[2]), float(uncertainties[2]), where),
    ]
    off, error = limits[1:], float(uncertainties.max())
    spread = float(np.ptp(off))
    varies, unsettled = spread > max(1e-6, 10 * error), error > _UNSETTLED
    diagonal = float(limits[0])
    limit = ratio = None
    if varies and not unsettled:
        evidence.append(Evidence("spread of the limits over four pairs", spread, error, where))
    elif not unsettled and abs(diagonal) > _UNSETTLED:
        limit, ratio = float(off[1]), float(off[1]) / diagonal
        error = max(error, spread) / abs(diagonal)
    elif not unsettled:
        notes.append("the kernel tends to 0 on the diagonal, too: divide it by its value there")
    deeper = depths > _EVERY
    known = np.append(np.arange(1, _EVERY + 1), depths[deeper])
    entries = np.concatenate([shallow, every[deeper]])
    depends, more = (None, []) if unsettled else _depends(known, entries[:, 0], entries[:, len(ANGLES) :])
    if depends is None:
        notes.append("the coefficients on five points have not settled: not decided by measurement")
    notes.append("of a sequence only values are known: it has no layer with a fixed point, a multiplier or a phase")
    return Classification(
        family.name, (), None, None, "none", None, "not decided", rate, limit, ratio, error, None, None, depends,
        (*evidence, *more), tuple(notes),
    )  # fmt: skip


def _limits(
    shallow: NDArray[np.float64], depths: NDArray[np.int64], K: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], GeometricRate | Term | None, list[str]]:
    """(limits at `ANGLES`, their uncertainties, the rate at theta = 1, what could not be decided)."""
    half = int(np.argmax(depths >= _LAST // 2))
    scale = max(float(np.abs(K).max()), EPS)
    moved = np.ptp(K[half:], axis=0)
    if moved.max() <= _STILL * scale:
        return K[-1], moved + 8 * EPS * scale, geometric_rate(shallow - K[-1, 2]), []
    fits = [power_limit(depths, column) for column in K.T]
    limits = np.array([fit.value for fit in fits])
    uncertainties = np.array([fit.uncertainty for fit in fits])
    if uncertainties.max() <= _UNSETTLED:
        return limits, uncertainties, fits[2].leading, []
    words = f"the extrapolation is uncertain by {uncertainties.max():.1g}: not settled at depth {_LAST:,}"
    return limits, uncertainties, None, [words]


def _depends(
    depths: NDArray[np.int64], diagonal: NDArray[np.float64], data: NDArray[np.float64]
) -> tuple[bool | None, list[Evidence]]:
    """Whether the coefficients on five points tend to one value, or to several; at depths that rounding leaves."""
    entries = np.concatenate([diagonal[:, None], data], axis=1)
    left = np.ptp(entries, axis=1) > _SEEN * np.abs(entries).max(axis=1)
    last = int(np.flatnonzero(left)[-1]) if left.any() else 0
    if last < 8:
        return None, []
    spaced = [np.argmax(depths >= depths[last] / 100), np.argmax(depths >= depths[last] / 10)]
    chosen = [*([last - 4, last - 2] if depths[last] <= _EVERY else map(int, spaced)), last]
    u = np.stack([_solved(diagonal[k], data[k]) for k in chosen])
    spread, change = np.ptp(u, axis=1), float(np.abs(u[-1] - u[-2]).max())
    shown = ", ".join(f"{int(depths[k]):,}" for k in chosen)
    evidence = [Evidence("spread of the coefficients", float(spread[-1]), change, f"5 points in R^6, depths {shown}")]
    if not np.isfinite(u).all():
        return None, evidence
    if spread[-1] < 1e-9 or spread[-1] < 0.7 * spread[-2] < 0.5 * spread[-3]:
        return False, evidence
    return (True if spread[-1] > 30 * change else None), evidence


def _solved(diagonal: float, pairs: NDArray[np.float64]) -> NDArray[np.float64]:
    """u from the kernel between five points and a sixth, its common level taken out: [[G, 1], [1^T, -s/m]]."""
    K = np.full((_POINTS, _POINTS + 1), diagonal)
    upper = np.triu_indices(_POINTS, 1, _POINTS + 1)
    K[upper] = pairs
    inside = upper[1] < _POINTS
    K[upper[1][inside], upper[0][inside]] = pairs[inside]
    level = float(K[:, :_POINTS].mean())
    G = K - level
    scale = float(np.abs(G).max())
    if level == 0 or scale == 0:
        return np.full(_POINTS, math.nan)
    system, right = bordered_system(G[:, :_POINTS] / scale, G[:, _POINTS:] / scale, scale / level)
    return np.asarray(np.linalg.lstsq(system, right)[0][:_POINTS, 0], dtype=np.float64)  # it may be singular


__all__ = ["ANGLES", "classified"]
