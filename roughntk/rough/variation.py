"""Exact p-variation, and the p-variation distance of rough paths, on the sample points.

The supremum over partitions of the sample points is found by dynamic programming: V_0 = 0 and
V_j = max_{i<j} ( V_i + c(i, j)^{p/k} ), where c(i, j) = |X^k_{t_i, t_j}| is the size of the level-k
increment. All pairs are looked at: the pruning known for metric spaces needs the triangle inequality, which
level-k increments (k >= 2) do not obey. Time is O(points^2 channels^k); memory O(points channels^k), as one
row of pairs is held at a time.

For a path the supremum over partitions of the samples is that of its piecewise-linear interpolation at level
1 (|x_{s,t}|^p is convex in each end, p >= 1); at higher levels it is a lower bound of it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough import tensor
from roughntk.rough.lift import Lift
from roughntk.rough.path import path_array

NORMS = ("l1", "l2")


def p_variation(path: Any, p: float, *, level: int | None = None, norm: str = "l2", root: bool = True) -> float:
    """The p-variation over the sample points, exactly.

    `path`: an array (points, channels), a `PiecewiseLinear`, or a `Lift`.
    `p` >= 1. `norm` "l1" (entrywise) or "l2" (Hilbert-Schmidt), see `tensor.norm`.
    `level` k: ( sup over partitions of sum |X^k_{t_i,t_{i+1}}|^{p/k} )^{k/p}, an array being lifted
    canonically.
    `level` None: k = 1 for an array, ( sup sum |x_{t_{i+1}} - x_{t_i}|^p )^{1/p}; for a `Lift` the largest
    over 1 <= k <= floor(p). `root` False leaves out the outer root (.)^{k/p} and gives the supremum of the
    sum itself, the V_p of many texts; for a `Lift` it then needs `level`.

    With the root, at a given level, it is non-increasing in p; at level 1, p = 1 is the length. Raises
    `InputError` for p < 1, a bad path, level or norm, a `Lift` of too low a level, and sums beyond the range
    of float64.
    Source: Friz, Victoir, Multidimensional Stochastic Processes as Rough Paths, chapters 5 and 8.
    """
    p = _checks.exponent(p)
    levels = _levels(path, p, level)
    if not root and len(levels) > 1:
        raise InputError(
            "expected a level with root=False for a lift, as each level has its own root, got level=None; "
            "pass level=1, 2, ..."
        )
    found = _solve(_steps(path, levels[-1], "path"), None, p, levels, norm)
    return max(best.value(root) for best in found)


def variation_partition(path: Any, p: float, norm: str = "l2", *, level: int = 1) -> np.ndarray:
    """A partition of the sample points that attains `p_variation(path, p, level=level, norm=norm)`.

    Returns the increasing indices of its points, from 0 to points - 1 (an int array). Where several
    partitions attain it, one of them. Raises as `p_variation` does.
    """
    p = _checks.exponent(p)
    levels = _levels(path, p, level)
    return _solve(_steps(path, levels[-1], "path"), None, p, levels, norm)[0].partition()


def p_variation_distance(path_a: Any, path_b: Any, p: float, *, level: int | None = None, norm: str = "l1") -> float:
    """The p-variation distance of two rough paths X, Y sampled at the same times:

    max over 1 <= k <= floor(p) of ( sup over partitions of sum |X^k_{t_i,t_{i+1}} - Y^k_{t_i,t_{i+1}}|^{p/k}
    )^{k/p}.

    `path_a`, `path_b`: arrays (points, channels) or `PiecewiseLinear`, lifted canonically, or `Lift`s; the
    same number of points and channels. `level` k gives that level alone (any k >= 1, also above p). `norm`
    "l1" is the projective norm for l1 on the channels; "l2" is Hilbert-Schmidt.

    The difference of the increments is carried from point to point by Chen's identity,
    D_{s,u} = D_{s,t} X_{t,u} + Y_{s,t} D_{t,u}, never formed as a difference of two large numbers: the error
    is eps relative to D and to the size of the single steps, not to that of the whole path.
    Raises `InputError` as `p_variation` does, and for paths of different shapes.
    Source: Lyons, Caruana, Levy, Differential Equations Driven by Rough Paths, definition 3.11.
    """
    p = _checks.exponent(p)
    levels = _levels(path_a, p, level, floor=True)
    _levels(path_b, p, level, floor=True)
    a, b = _steps(path_a, levels[-1], "path_a"), _steps(path_b, levels[-1], "path_b")
    if a.points.shape != b.points.shape:
        raise InputError(
            f"expected two paths with the same points and channels, got shapes {a.points.shape} and "
            f"{b.points.shape}; resample them at common times"
        )
    return max(best.value(True) for best in _solve(a, b, p, levels, norm))


def _levels(path: Any, p: float, level: Any, *, floor: bool = False) -> list[int]:
    if level is not None:
        wanted = [_checks.level(level)]
    elif floor or isinstance(path, Lift):
        wanted = list(range(1, math.floor(p) + 1))
    else:
        wanted = [1]
    if isinstance(path, Lift) and path.level < wanted[-1]:
        raise InputError(
            f"expected a lift of level at least {wanted[-1]}, got level {path.level}; "
            f"lift the path to level {wanted[-1]}, or pass the level you want"
        )
    return wanted


# Increments


@dataclass(frozen=True)
class _Steps:
    """Points X^1_{0,i}, shape (points, channels), and the levels 2..K of X_{i,i+1}, each (points - 1,
    channels^k).

    In units of 2^exponent (level k in units of 2^{k exponent}), so that nothing over- or underflows.
    """

    points: np.ndarray
    steps: list[np.ndarray]
    exponent: int

    def in_units(self, exponent: int) -> "_Steps":
        change = self.exponent - exponent
        steps = [np.ldexp(part, k * change) for k, part in enumerate(self.steps, start=1)]
        return _Steps(np.ldexp(self.points, change), steps, exponent)


def _steps(path: Any, level: int, name: str) -> _Steps:
    """The points and steps of a path up to `level`; steps[0] is level 1."""
    if isinstance(path, Lift):
        if _checks.is_traced(path.steps):
            raise InputError(_traced(name))
        points = np.asarray(path.prefixes, dtype=np.float64)[:, : path.channels]
        ends = np.cumsum([path.channels**k for k in range(1, path.level + 1)])[:-1]
        steps = np.split(np.asarray(path.steps, dtype=np.float64), ends, axis=1)[:level]
        _check_row_memory(points, level)
        return _rescaled(points, steps)
    points = path_array(path, name)
    if _checks.is_traced(points):
        raise InputError(_traced(name))
    _check_row_memory(points, level)
    unit = _rescaled(points, [])
    steps = [np.diff(unit.points, axis=0)]
    for k in range(2, level + 1):
        steps.append(_outer(steps[-1], steps[0] / k))
    return _Steps(unit.points - unit.points[0], steps, unit.exponent)


def _rescaled(points: np.ndarray, steps: list[np.ndarray]) -> _Steps:
    """In units of a power of two near the size of the largest entry, if that is far from 1."""
    sizes = [np.abs(points).max(), *(np.abs(part).max() ** (1 / k) for k, part in enumerate(steps, start=1))]
    exponent = math.frexp(max(sizes))[1]
    plain = _Steps(points, steps, 0)
    return plain if abs(exponent) <= 64 else plain.in_units(exponent)


def _check_row_memory(points: np.ndarray, level: int) -> None:
    count, channels = points.shape
    tensor.check_memory(
        5.0 * count * tensor.signature_size(channels, level),
        f"the p-variation at level {level} of {count} points in {channels} channels",
        "choose a lower level, or use fewer points or channels",
    )


def _traced(name: str) -> str:
    return f"expected a concrete {name}, got a JAX tracer; p-variation is computed outside jit, vmap and grad"


def _outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rowwise a_i (x) b_i, or a_i (x) b for one flat b."""
    return (a[:, :, None] * b[..., None, :]).reshape(len(a), a.shape[-1] * b.shape[-1])


def _differences(x: _Steps, y: _Steps | None, level: int) -> Iterator[list[np.ndarray]]:
    """For j = 1, 2, ...: the levels 1..`level` of X_{i,j} - Y_{i,j}, one row for each i < j (Y trivial if
    None).

    D_{i,j+1} = D_{i,j} (x) X_{j,j+1} + Y_{i,j} (x) (X_{j,j+1} - Y_{j,j+1}); level 1 is taken from the points.
    """
    count = len(x.points)
    gap_points = x.points if y is None else x.points - y.points
    gaps = x.steps if y is None else [a - b for a, b in zip(x.steps, y.steps, strict=True)]
    d = [np.zeros((count, part.shape[1])) for part in x.steps[:level]]
    e = [] if y is None else [np.zeros_like(part) for part in d]
    for j in range(count - 1):
        old = slice(0, j)
        for n in range(level, 1, -1):
            for m in range(1, n):
                d[n - 1][old] += _outer(d[m - 1][old], x.steps[n - m - 1][j])
                if y is not None:
                    d[n - 1][old] += _outer(e[m - 1][old], gaps[n - m - 1][j])
                    e[n - 1][old] += _outer(e[m - 1][old], y.steps[n - m - 1][j])
            d[n - 1][: j + 1] += gaps[n - 1][j]
            if y is not None:
                e[n - 1][: j + 1] += y.steps[n - 1][j]
        d[0][: j + 1] = gap_points[j + 1] - gap_points[: j + 1]
        if y is not None:
            e[0][: j + 1] = y.points[j + 1] - y.points[: j + 1]
        yield [part[: j + 1] for part in d]


# The dynamic programme


@dataclass
class _Best:
    """V_j for one level, in units of scale^power: `sums[j]` = V_j / scale^power, `previous[j]` the maximising
    i.
    """

    points: int
    power: float
    sums: np.ndarray = field(init=False)
    previous: np.ndarray = field(init=False)
    scale: float = 0.0
    exponent: int = 0

    def __post_init__(self) -> None:
        self.sums = np.zeros(self.points)
        self.previous = np.zeros(self.points, dtype=np.int64)

    def add_row(self, sizes: np.ndarray) -> None:
        """The next j = len(sizes), from c(i, j) for i < j."""
        j, largest = len(sizes), float(sizes.max())
        if largest > 0.0:
            self._rescale(largest, j)
            totals = self.sums[:j] + (sizes / self.scale) ** self.power
        else:
            totals = self.sums[:j]
        self.previous[j] = np.argmax(totals)
        self.sums[j] = totals[self.previous[j]]

    def _rescale(self, largest: float, j: int) -> None:
        # The unit stays 1 as long as powers are within 2^-300..2^300; past that it follows the largest
        # increment.
        if self.scale == 0.0 or self.power * (math.log2(largest) - math.log2(self.scale)) > 300:
            unit = 1.0 if abs(self.power * math.log2(largest)) <= 300 else largest
            if self.scale > 0.0:
                self.sums[:j] *= (self.scale / unit) ** self.power
            self.scale = unit

    def value(self, root: bool) -> float:
        """sup sum c^{power}, with the outer root 1/power if `root`, in the units of the input."""
        total = float(self.sums[-1])
        if total == 0.0:
            return 0.0
        log = math.log2(total) + self.power * (math.log2(self.scale) + self.exponent)
        if root:
            log /= self.power
        if log >= 1023.9:
            raise InputError(
                f"expected a p-variation within float64, got one of about 2^{log:.1f}; "
                f"rescale the path{'' if root else ', use a smaller p, or root=True'}"
            )
        if root:
            return math.ldexp(total ** (1 / self.power) * self.scale, self.exponent)
        if self.scale == 1.0 and self.exponent == 0:
            return total
        return 2.0**log

    def partition(self) -> np.ndarray:
        chosen = [self.points - 1]
        while chosen[-1] > 0:
            chosen.append(int(self.previous[chosen[-1]]))
        return np.array(chosen[::-1])


def _solve(x: _Steps, y: _Steps | None, p: float, levels: Sequence[int], norm: str) -> list[_Best]:
    norm = _checks.choice(norm, NORMS, "norm")
    if y is not None and x.exponent != y.exponent:
        top = max(x.exponent, y.exponent)
        x, y = x.in_units(top), y.in_units(top)
    found = [_Best(len(x.points), p / k, exponent=k * x.exponent) for k in levels]
    for row in _differences(x, y, levels[-1]):
        for k, best in zip(levels, found, strict=True):
            best.add_row(_sizes(row[k - 1], norm))
    return found


def _sizes(row: np.ndarray, norm: str) -> np.ndarray:
    return np.abs(row).sum(1) if norm == "l1" else np.sqrt(np.einsum("ij,ij->i", row, row))
