"""Fixed points of a family's correlation map, found on [-1, 1], and which of them attract."""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from roughntk._checks.precision import EPS
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.layered import LayeredFamily
from roughntk.maps.fixed_points import CRITICAL

STARTS = np.linspace(-0.95, 0.95, 20)
ITERATES = 20_000
_STEP = 1e-4  # over which the curvature of the map is measured
_SLOPE = 8.0  # eps by which a slope, or the variance that it belongs to, may be off


@dataclasses.dataclass(frozen=True)
class FixedPoint:
    """c = h(c), its multiplier h'(c) (one-sided at c = 1), and how many of `STARTS` tend to it.

    The uncertainties are those of rounding: h is known to some eps, so c to that over |1 - h'(c)|, and h'(c) to some
    eps and |h''(c)| times the uncertainty of c.
    """

    c: float
    multiplier: float
    attracts: int
    c_uncertainty: float = 0.0
    multiplier_uncertainty: float = 0.0

    @property
    def is_parabolic(self) -> bool:
        """Whether the multiplier is 1, within `CRITICAL`."""
        return abs(self.multiplier - 1) < CRITICAL


@dataclasses.dataclass(frozen=True)
class MapAnalysis:
    """What the correlation map does to pairs, and to the diagonal.

    Attributes:
        points: its fixed points, the most attracting one first.
        diagonal: the fixed point that c = 1 tends to, 1 itself where h(1) = 1; None if there is none.
        is_identity: whether h(c) = c to rounding for all c.
    """

    points: tuple[FixedPoint, ...]
    diagonal: FixedPoint | None
    is_identity: bool

    @property
    def attractor(self) -> FixedPoint | None:
        """The fixed point that all pairs tend to; None if there is none, or more than one."""
        attracting = [point for point in self.points if point.attracts]
        return attracting[0] if len(attracting) == 1 and attracting[0].attracts == len(STARTS) else None


def analyse(family: KernelFamily) -> MapAnalysis:
    """Fixed points of h in [-1, 1] by sign changes of h(c) - c, polished by Newton's method, with their multipliers.

    The search runs on the defect e = 1 - c, on a grid that is fine near e = 0, and near c = 1 it knows how far
    rounding lets it see.
    """
    exact, layer = isinstance(family, LayeredFamily), family.settled_map()
    defects = np.unique(np.concatenate([np.geomspace(1e-14, 2.0, 4001), np.linspace(0.0, 2.0, 2001)[1:]]))
    defects[-1] = 2.0
    moved = np.asarray(_moved(layer, jnp.asarray(defects)))
    gap = moved - defects
    noise = 64 * EPS * (np.maximum(moved, defects) if exact else np.ones_like(defects))
    seen = np.abs(gap) > noise
    ends = [float(c) for c in (1.0, -1.0) if abs(_at(layer, c)[0] - c) <= 8 * EPS]
    if not seen.any():
        return MapAnalysis((), FixedPoint(1.0, 1.0, 0), True)
    places = list(ends)
    kept, sign = defects[seen], np.sign(gap[seen])
    for k in np.flatnonzero(sign[1:] != sign[:-1]):
        places.append(_polish(layer, _section(layer, kept[k], kept[k + 1], sign[k], len(defects))))
    slopes = [_at(layer, c)[1] for c in places]
    counts = _basins(layer, places, slopes)
    points = [
        FixedPoint(c, slope, n, *_uncertainties(layer, c, slope, c in ends))
        for c, slope, n in zip(places, slopes, counts[:-1], strict=True)
    ]
    tends = counts[-1]
    diagonal = None if tends is None else points[tends]
    return MapAnalysis(tuple(sorted(points, key=lambda point: -point.attracts)), diagonal, False)


@eqx.filter_jit
def _moved(layer, defects):
    return layer(defects)


def _section(layer, low: float, high: float, sign: float, points: int) -> float:
    """The correlation at which h(c) - c changes sign, between two defects; by grids of `points` points."""
    for _ in range(5):
        grid = np.linspace(low, high, points)
        gap = np.asarray(_moved(layer, jnp.asarray(grid))) - grid
        last = int(np.flatnonzero(np.sign(gap[:-1]) == sign)[-1]) if (np.sign(gap[:-1]) == sign).any() else 0
        low, high = grid[last], grid[last + 1]
    return float(1 - (low + high) / 2)


def _polish(layer, c: float) -> float:
    """Newton steps on h(c) - c; they stop as soon as they no longer help."""
    value, slope = _at(layer, c)
    for _ in range(4):
        if slope == 1:
            break
        better = c - (value - c) / (slope - 1)
        if not -1 <= better <= 1:
            break
        moved, slope_there = _at(layer, better)
        if abs(moved - better) >= abs(value - c):
            break
        c, value, slope = better, moved, slope_there
    return c if abs(c) > 8 * EPS else 0.0


def _uncertainties(layer, c: float, slope: float, exact: bool) -> tuple[float, float]:
    """Of a fixed point, which may be exact, and of its multiplier."""
    unsure = 0.0 if exact else min(4 * EPS / max(abs(1 - slope), EPS), math.sqrt(4 * EPS))
    near = [_at(layer, min(max(c + side, -1.0), 1.0))[1] for side in (-_STEP, _STEP)]
    curvature = 0.0 if exact else max(abs(each - slope) for each in near) / _STEP
    return unsure, _SLOPE * EPS * max(1.0, abs(slope)) + curvature * unsure


@eqx.filter_jit
def _map_and_slope(layer, defect):
    return jax.jvp(layer, (defect,), (jnp.ones_like(defect),))


def _at(layer, c: float) -> tuple[float, float]:
    """h(c) and h'(c)."""
    moved, slope = _map_and_slope(layer, jnp.asarray(1 - c))
    return float(1 - moved), float(slope)


@eqx.filter_jit
def _iterate(layer, starts):
    """Defects after ITERATES/2 and ITERATES layers."""

    def step(_, e):
        return jnp.clip(layer(e), 0.0, 2.0)

    half = lax.fori_loop(0, ITERATES // 2, step, starts)
    return half, lax.fori_loop(0, ITERATES // 2, step, half)


def _basins(layer, points: list[float], slopes: list[float]) -> list:
    """How many starts tend to each fixed point, and at the end the index of the one that c = 1 tends to, or None.

    A start tends to the nearest fixed point if it has come within 1e-9 of it, or is nearer at the end than half way,
    by a tenth, or at a slowly attracting point by half of what its multiplier says.
    """
    counts: list = [0] * len(points)
    defects = 1 - np.array(points)
    nearer = [
        max(0.9, (1 + abs(slope) ** (ITERATES // 2)) / 2) if abs(slope) < 1 - CRITICAL else 0.9 for slope in slopes
    ]
    middle, last = (np.asarray(part) for part in _iterate(layer, jnp.asarray(np.append(1 - STARTS, 0.0))))
    ends: list[int | None] = []
    for before, after in zip(middle, last, strict=True):
        k = int(np.argmin(np.abs(defects - after))) if points else 0
        near = bool(points) and (
            abs(after - defects[k]) < 1e-9 or abs(after - defects[k]) < nearer[k] * abs(before - defects[k])
        )
        ends.append(k if near else None)
    for end in ends[:-1]:
        if end is not None:
            counts[end] += 1
    return [*counts, ends[-1]]


__all__ = ["FixedPoint", "MapAnalysis", "analyse"]
