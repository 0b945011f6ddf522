"""The increments X_{i,j} of sampled rough paths, for the routines that look at all pairs of sample points."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra import tensor
from roughntk.rough.paths.lifts import Lift
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear, path_array, sampled


@dataclass(frozen=True)
class Steps:
    """A sampled rough path: points X^1_{0,i} up to a constant, shape (points, channels), and the levels 1..K of
    X_{i,i+1}, each (points - 1, channels^k).

    In units of 2^exponent (level k in units of 2^{k exponent}), so that nothing over- or underflows.
    `canonical`: whether they are the steps of the piecewise-linear path through the points.
    """

    points: np.ndarray
    steps: list[np.ndarray]
    exponent: int
    canonical: bool

    @property
    def level(self) -> int:
        """The highest level K."""
        return len(self.steps)

    def in_units(self, exponent: int) -> "Steps":
        """The same path in units of 2^exponent."""
        change = self.exponent - exponent
        if change == 0:
            return self
        steps = [np.ldexp(part, k * change) for k, part in enumerate(self.steps, start=1)]
        return Steps(np.ldexp(self.points, change), steps, exponent, self.canonical)

    def between(self, i: int, j: int) -> "Steps":
        """The piece from sample point i to sample point j."""
        return Steps(self.points[i : j + 1], [part[i:j] for part in self.steps], self.exponent, self.canonical)


TILE = 64
"""Values of i whose X_{i,j} are carried together."""

#: Tensors at the peak for each sample point: of one path, and of two with their gaps and the running products.
COPIES, PAIR_COPIES = 4, 10


def steps_of(path: Any, level: int, name: str = "path", *, copies: int = COPIES) -> Steps:
    """The steps of an array (points, channels), a `PiecewiseLinear` or a `Lift`, up to `level`.

    Raises `InputError` for a bad path, a traced one, a lift of too low a level, or a level beyond memory.
    """
    if isinstance(path, Lift):
        if _checks.is_traced(path.steps):
            raise InputError(_traced(name))
        if path.level < level:
            raise InputError(
                f"expected a lift of level at least {level}, got level {path.level}; "
                f"lift the path to level {level}, or pass the level you want"
            )
        if path.points < 2:
            raise InputError(f"expected {name} with at least two points, got {path.points}; a lift needs a step")
        points = _checks.real_array(np.asarray(path.prefixes)[:, : path.channels], name)
        check_pair_memory(len(points), path.channels, level, copies)
        ends = np.cumsum([path.channels**k for k in range(1, path.level + 1)])[:-1]
        return _rescaled(points, np.split(_checks.real_array(path.steps, name), ends, axis=1)[:level], False, level)
    points = path_array(path, name)
    if _checks.is_traced(points):
        raise InputError(_traced(name))
    points = np.ascontiguousarray(points)
    if level == 1:  # nothing but the points is needed, and there may be millions of them
        return _rescaled(points, [], True, 1)
    check_pair_memory(len(points), points.shape[1], level, copies)
    unit = _rescaled(points, [], True, level)
    steps = [np.diff(unit.points, axis=0)]
    for k in range(2, level + 1):
        steps.append(outer(steps[-1], steps[0] / k))
    return Steps(unit.points, steps, unit.exponent, True)


def paired_steps(path_a: Any, path_b: Any, level: int) -> tuple[Steps, Steps]:
    """The steps of two paths with the same points, channels and times, in the same units.

    Raises `InputError` as `steps_of` does, and naming what differs.
    """
    path_a, path_b = sampled(path_a), sampled(path_b)
    a = steps_of(path_a, level, "path_a", copies=PAIR_COPIES)
    b = steps_of(path_b, level, "path_b", copies=PAIR_COPIES)
    if a.points.shape != b.points.shape:
        raise InputError(
            f"expected two paths with the same points and channels, got shapes {a.points.shape} and "
            f"{b.points.shape}; resample them at common times"
        )
    _check_times(_times(path_a), _times(path_b))
    top = max((x.exponent for x in (a, b) if x.points.any() or any(part.any() for part in x.steps)), default=0)
    return a.in_units(top), b.in_units(top)


def _times(path: Any) -> np.ndarray | None:
    """The sample times, if the path was given any."""
    if not isinstance(path, Lift | PiecewiseLinear) or not path.timed or _checks.is_traced(path.times):
        return None
    return np.asarray(path.times, dtype=np.float64)


def _check_times(a: np.ndarray | None, b: np.ndarray | None) -> None:
    if a is None or b is None:
        return
    span = max(a[-1] - a[0], b[-1] - b[0])
    different = np.flatnonzero(np.abs(a - b) > 1e-9 * span)
    if different.size:
        what = "interval" if different[0] == 0 or different[-1] == len(a) - 1 else "sample times"
        ends = _checks.apart(a[0], a[-1], b[0], b[-1])
        raise InputError(
            f"expected two paths on the same {what}, got times from {ends[0]} to {ends[1]} and from {ends[2]} to "
            f"{ends[3]}, which differ at {_checks.name_rows(different)}; resample them at common times"
        )


def check_pair_memory(count: int, channels: int, level: int, copies: int) -> None:
    """Raise `InputError` where the increments of one block of pairs exceed the memory that is free."""
    _checks.memory(
        8.0 * count * (copies * tensor.signature_size(channels, level) + 2.0 * block_columns(count) * level),
        f"the p-variation at level {level} of {count} points in {channels} channels",
        "choose a lower level, or use fewer points or channels",
    )


def block_columns(count: int) -> int:
    """The number of j in a block of all pairs (i, j) of so many points: fewer where a row is long."""
    return max(8, min(64, 2**22 // count))


def outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rowwise a_i (x) b_i."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), a.shape[1] * b.shape[1])


def gaps_of(x: Steps, y: Steps) -> list[np.ndarray]:
    """The levels of y_{i,i+1} - x_{i,i+1}, right to a few eps of themselves.

    Steps that are given are subtracted; those of piecewise-linear paths are powers of increments, whose difference is
    y^k - x^k = ((y^{k-1} - x^{k-1}) (x) y^1 + x^{k-1} (x) (y^1 - x^1)) / k, so that nothing large cancels.
    """
    if not (x.canonical and y.canonical):
        return [b - a for a, b in zip(x.steps, y.steps, strict=True)]
    gaps = [np.diff(y.points - x.points, axis=0)]
    for k in range(2, x.level + 1):
        gaps.append((outer(gaps[-1], y.steps[0]) + outer(x.steps[k - 2], gaps[0])) / k)
    return gaps


def gap_points(x: Steps, y: Steps) -> np.ndarray:
    """The points of Y - X up to a constant: those of lifts are summed from the differences of the steps, since the sums
    of the steps themselves are rounded in units of the whole path."""
    if x.canonical and y.canonical:
        return y.points - x.points
    first = np.zeros((1, x.points.shape[1]))
    return np.concatenate([first, np.cumsum(_first_level(y) - _first_level(x), axis=0)])


def _first_level(x: Steps) -> np.ndarray:
    return x.steps[0] if x.steps else np.diff(x.points, axis=0)


def quotient(x: Steps, y: Steps) -> tuple[np.ndarray, np.ndarray]:
    """Of each step: x^{-1}, and x^{-1} y - 1 = x^{-1} (y - x), both flat; the second is exact where y is near x."""
    inverse: list[np.ndarray] = []
    for n in range(1, x.level + 1):
        crossed = (outer(x.steps[k - 1], inverse[n - k - 1]) for k in range(1, n))
        inverse.append(-sum(crossed, x.steps[n - 1]))
    gaps = gaps_of(x, y)
    ratio = [
        sum((outer(inverse[m - 1], gaps[n - m - 1]) for m in range(1, n)), gaps[n - 1]) for n in range(1, x.level + 1)
    ]
    return np.concatenate(inverse, axis=1), np.concatenate(ratio, axis=1)


_FARTHEST = np.finfo(np.float64).maxexp + 1
"""The exponent of a difference beyond float64."""


def _rescaled(points: np.ndarray, steps: list[np.ndarray], canonical: bool, level: int) -> Steps:
    """In units of a power of two near the size of the path, if the square of its `level`-th power, which the l2 norm
    takes, is far from 1."""
    with np.errstate(over="ignore"):  # of two values of float64, that far apart
        reach = np.ptp(points, axis=0).max() if level > 1 else max(points.max(), -points.min())
    sizes = [
        reach,
        *(np.abs(part).max() ** (1 / k) for k, part in enumerate(steps, start=1)),
    ]
    exponent = math.frexp(max(sizes))[1] if reach < math.inf else _FARTHEST
    plain = Steps(points, steps, 0, canonical)
    return plain if abs(exponent) <= min(64, 250 // level) else plain.in_units(exponent)


def _traced(name: str) -> str:
    return f"expected a concrete {name}, got a JAX tracer; p-variation is computed outside jit, vmap and grad"
