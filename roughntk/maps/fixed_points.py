"""What a user's map h: [-1, 1] -> [-1, 1] does when iterated: its fixed points, and where everything tends to."""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from roughntk._checks import InputError
from roughntk._checks.parameters import elementwise
from roughntk._checks.precision import EPS

CRITICAL = 1e-6
"""A multiplier of a correlation map within this of 1 in absolute value counts as critical (neutral, parabolic)."""

_GRID = 4097  # points of each of the two grids on which the map is looked at
_ZOOM = 33  # points of one refinement: 12 of them go below the spacing of floats
_ORBITS, _LAYERS = 509, 4000  # orbits that are followed, and how far
_MOST_LAYERS = 200_000  # where a slow approach takes more, its trend tells
_NEAR = 0.05  # an orbit of a neutral point, whose distance falls like 1/layers, must be so close after _LAYERS


class FixedPoint(NamedTuple):
    """A solution of h(c) = c, its multiplier h'(c), and whether nearby points tend to it (from either side)."""

    value: float
    multiplier: float
    attracts: bool


class Analysis(NamedTuple):
    """What `analyse` finds out.

    Attributes:
        attracting: the one attracting fixed point.
        others: the remaining ones.
        limits: where the iterates of -1 and of 1 tend to.
        increasing: whether h increases strictly on [-1, 1].
    """

    attracting: FixedPoint
    others: tuple[FixedPoint, ...]
    limits: tuple[float, float]
    increasing: bool


@functools.lru_cache(maxsize=128)
def analyse(h: Callable) -> Analysis:
    """Look at the map on a fine grid (some 8000 points) and follow some 500 orbits.

    Raises:
        InputError: h is no elementwise JAX function, is not finite, leaves [-1, 1], has no fixed point, none that
            attracts, or several that do, or does not settle from some starting point.
    """
    compiled, _ = elementwise(h, "a map", np.linspace(-1.0, 1.0, _ZOOM))

    def evaluate(points: np.ndarray) -> np.ndarray:
        return np.asarray(compiled(jnp.asarray(points)))

    even = np.linspace(-1.0, 1.0, _GRID)
    grid = np.unique(np.concatenate([even, -np.cos(np.pi * np.arange(_GRID) / (_GRID - 1))]))
    values = evaluate(grid)
    _check_range(grid, values)
    points = _fixed_points(h, evaluate, grid, values)
    attracting = [point for point in points if point.attracts]
    if not points:
        raise InputError(
            "expected a map with a fixed point h(c) = c, got none on [-1, 1]; a continuous one has: remove its jumps"
        )
    if not attracting:
        raise InputError(
            f"expected a map with an attracting fixed point, got {_shown(points)}, none of which attracts; its "
            f"iterates have no limit: damp the map"
        )
    if len(attracting) > 1:
        raise InputError(
            f"expected a map with one attracting fixed point, got {len(attracting)}: {_shown(attracting)}; where the "
            f"kernel tends to depends on the starting correlation: choose a map that keeps one of them"
        )
    (point,) = attracting
    others = tuple(other for other in points if other is not point)
    limits = _follow(h, point, others)
    increasing = bool(np.all(np.diff(values) >= 0) and np.all(np.diff(evaluate(even)) > 0))
    return Analysis(point, others, limits, increasing)


def _shown(points) -> str:
    return ", ".join(f"{point.value:.10g} (multiplier {point.multiplier:.6g})" for point in points)


def _check_range(grid: np.ndarray, values: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        at = bad[0]
        raise InputError(
            f"expected a map that is finite on [-1, 1], got h({grid[at]:.17g}) = {values[at]}; define it there"
        )
    out = np.flatnonzero(np.abs(values) > 1)
    if out.size:
        worst = out[np.argmax(np.abs(values[out]))]
        raise InputError(
            f"expected a map from [-1, 1] to [-1, 1], got h({grid[worst]:.17g}) = {values[worst]:.17g}; scale the map "
            f"so that it stays within, rounding included"
        )


def _fixed_points(h, evaluate, grid: np.ndarray, values: np.ndarray) -> list[FixedPoint]:
    """Sign changes of h(c) - c, and places where it touches 0."""
    gap = values - grid
    flat = np.abs(gap) <= 4 * EPS
    runs = np.flatnonzero(flat[:-2] & flat[1:-1] & flat[2:])
    wide = [i for i in runs if grid[i + 2] - grid[i] > 1e-4]
    if wide:
        raise InputError(
            f"expected isolated fixed points, got h(c) = c on all of [{grid[wide[0]]:.6g}, {grid[wide[-1] + 2]:.6g}]; "
            f"nothing tends to one point there: change the map"
        )
    places = [float(grid[i]) for i in np.flatnonzero(gap == 0)]
    for i in np.flatnonzero(gap[:-1] * gap[1:] < 0):
        root = _zoom(evaluate, grid[i], grid[i + 1], crossing=True)
        if abs(float(evaluate(np.full(_ZOOM, root))[0]) - root) < 1e-9:  # else a jump across the diagonal
            places.append(root)
    size = np.abs(gap)
    dips = np.flatnonzero((size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:]) & (size[1:-1] < 1e-4)) + 1
    for i in dips:
        if gap[i - 1] * gap[i] > 0 and gap[i] * gap[i + 1] > 0:
            place = _zoom(evaluate, grid[i - 1], grid[i + 1], crossing=False)
            if abs(float(evaluate(np.full(_ZOOM, place))[0]) - place) <= 4 * EPS:
                places.append(place)
    distinct: list[float] = []
    for place in sorted(places):
        if not distinct or place - distinct[-1] > 1e-7:
            distinct.append(place)
    return [_classified(h, evaluate, place) for place in distinct]


def _zoom(evaluate, low: float, high: float, crossing: bool) -> float:
    """A zero of h(c) - c between two points, or the place where |h(c) - c| is least."""
    for _ in range(12):
        points = np.linspace(low, high, _ZOOM)
        gap = evaluate(points) - points
        if crossing:
            exact = np.flatnonzero(gap == 0)
            if exact.size:
                return float(points[exact[0]])
            i = int(np.flatnonzero(gap[:-1] * gap[1:] < 0)[0])
            low, high = points[i], points[i + 1]
        else:
            i = int(np.argmin(np.abs(gap)))
            low, high = points[max(i - 1, 0)], points[min(i + 1, _ZOOM - 1)]
        if high - low <= 2 * np.spacing(max(abs(low), abs(high))):
            break
    points = np.array([low, high])
    gap = evaluate(np.resize(points, _ZOOM))[:2] - points
    return float(points[int(np.argmin(np.abs(gap)))])


def _classified(h, evaluate, c: float) -> FixedPoint:
    """Its multiplier, and whether it attracts: by the multiplier, or where that is neutral by two steps."""
    multiplier = float(jax.grad(h)(jnp.asarray(c)))
    if not math.isfinite(multiplier):  # a square root at the end: h'(c -+ s) extrapolated in sqrt(s)
        near = [float(jax.grad(h)(jnp.asarray(c * (1 - step)))) for step in (1e-8, 4e-8)]
        multiplier = 2 * near[0] - near[1]
    size = abs(multiplier)
    if not math.isfinite(multiplier) or abs(size - 1) > CRITICAL:
        return FixedPoint(c, multiplier, size < 1)
    sides = np.array([side for side in (c - 1e-3, c + 1e-3) if -1 <= side <= 1])
    twice = evaluate(evaluate(np.resize(sides, _ZOOM)))[: len(sides)]
    return FixedPoint(c, math.copysign(1.0, multiplier), bool(np.any(np.abs(twice - c) < 1e-3 * (1 - 1e-13))))


def _follow(h, point: FixedPoint, others) -> tuple[float, float]:
    """Where -1 and 1 tend to; every other start must tend to the attracting point."""
    inside = -1 + 2 * (np.arange(_ORBITS) + math.sqrt(0.5)) / (_ORBITS + 1)  # on no point of the grid
    starts = np.concatenate([[-1.0, 1.0], inside])
    size = abs(point.multiplier)
    neutral = abs(size - 1) <= CRITICAL
    wanted = _LAYERS if neutral or size == 0 else max(_LAYERS, math.ceil(-20 / math.log(size)))
    layers = min(_MOST_LAYERS, wanted + wanted % 2)
    run = jax.jit(lambda x: lax.fori_loop(0, layers // 2, lambda _, at: h(at), x))
    middle = run(jnp.asarray(starts))
    ends = np.asarray(run(middle))  # after an even number of layers each, so that a cycle of two stands still
    left, before = np.abs(ends - point.value), np.abs(np.asarray(middle) - point.value)
    arrived = left <= (_NEAR if neutral else 1e-4)
    if wanted > layers:  # at the fixed point distances shrink by size^(layers/2); half of that tells it from a cycle
        arrived |= left <= (1 + size ** (layers // 2)) / 2 * before
    deviation = np.flatnonzero(~arrived[2:])
    if deviation.size and wanted > layers:
        start, end = inside[deviation[0]], ends[2 + deviation[0]]
        raise InputError(
            f"expected every start to tend to the fixed point {point.value:.10g}, got {end:.6g} after {layers} layers "
            f"from {start:.6g} ({deviation.size} of {_ORBITS} starts): with the multiplier {point.multiplier:.10g} it "
            f"approaches too slowly to be told from a cycle or a second attractor; choose a map with a smaller one"
        )
    if deviation.size:
        start, end = inside[deviation[0]], ends[2 + deviation[0]]
        raise InputError(
            f"expected every start to tend to the fixed point {point.value:.10g}, got {end:.6g} after {layers} layers "
            f"from {start:.6g} ({deviation.size} of {_ORBITS} starts); a cycle or a second attractor: choose another "
            f"map"
        )
    orbit = []
    for end in ends[:2]:
        nearest = min((other.value for other in others), key=lambda value: abs(value - end), default=point.value)
        orbit.append(nearest if abs(end - nearest) < abs(end - point.value) else point.value)
    return orbit[0], orbit[1]
