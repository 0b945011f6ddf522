"""The dynamic programme over all pairs of sample points, by blocks.

V_0 = 0, V_j = max_{i<j} ( V_i + c(i, j)^q ) with c(i, j) the size of any function of the pair, for instance a
level of X_{i,j} - Y_{i,j}: nothing is assumed of c, so all points^2 / 2 pairs are looked at. (The pruning that is
exact for |x_j - x_i| rests on the triangle inequality, which the sizes of levels k >= 2 do not obey.)

The tensors X_{i,j} of all i are carried from j to j + 1 by Chen's identity. They are held in tiles of 64 values of
i, which stay in the processor's cache for a block of j; tiles are shared out to threads. Memory is
O(points * channels^k), whatever the number of pairs.
"""

import functools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from roughntk._checks import InputError
from roughntk.rough.algebra.norms import root_factorial
from roughntk.rough.variation.increments import (
    COPIES,
    PAIR_COPIES,
    TILE,
    Steps,
    block_columns,
    check_pair_memory,
    gap_points,
    gaps_of,
    quotient,
)


@dataclass(frozen=True)
class Supremum:
    """sup over partitions of sum c^power = total unit^power, c being in units of 2^exponent, with a partition that
    attains it."""

    total: float
    unit: float
    power: float
    exponent: int
    partition: np.ndarray

    def value(self, root: bool) -> float:
        """sup sum c^power, with the outer root 1/power if `root`, in the units of the input."""
        if self.total == 0.0:
            return 0.0
        total, scale = math.log2(self.total), math.log2(self.unit) + self.exponent
        log = total / self.power + scale if root else total + self.power * scale
        if log >= 1023.9:
            raise InputError(
                f"expected a p-variation within float64, got one of about 2^{log:.1f}; "
                f"rescale the path{'' if root else ', use a smaller p, or root=True'}"
            )
        if root and abs(total / self.power) + abs(math.log2(self.unit)) < 1000:
            return math.ldexp(self.total ** (1 / self.power) * self.unit, self.exponent)
        if root:
            return math.ldexp(2.0 ** (log % 1), math.floor(log))
        if self.unit == 1.0 and self.exponent == 0:
            return self.total
        return 2.0**log


def unit_of(largest: float, power: float) -> float:
    """The unit in which c^power is summed: 1 as long as c^power is within 2^-300 .. 2^300 for the largest c."""
    return 1.0 if abs(power * math.log2(largest)) <= 300 else largest


MOST_POWER = 16.0
"""Up to here, powers of sizes are summed; from here on their logarithms, as they would leave the range of float64."""


class Programme:
    """V_j, the best sum of c^power up to point j, for one kind of size c, with what `compiled_partitions` goes on from:
    the last step to each point, from `previous[j]` and of the size `steps[j]`, and the gains V_{j+1} - V_j.

    V_j and the gains are in units of unit^power, or binary logarithms if `logs`.
    """

    def __init__(self, count: int, power: float):
        self.power, self.unit, self.logs = power, 0.0, True if power > MOST_POWER else None
        self.sums = np.full(count, -np.inf if self.logs else 0.0)
        self.gains, self.steps = self.sums.copy(), np.zeros(count)
        self.previous, self.points = np.zeros(count, dtype=np.int64), np.ones(count, dtype=np.int64)

    def add(self, first: int, sizes: np.ndarray) -> None:
        """The next j = first, first + 1, ... from the rows c(i, j), i < j, of `sizes`."""
        from roughntk.rough.variation import compiled_partitions as _kernels

        powers = part = sizes[:, : first + len(sizes) - 1]
        if self.logs:
            with np.errstate(divide="ignore"):
                powers = self.power * np.log2(part)
        elif (largest := float(part.max())) > 0.0:
            self._rescale(largest, first)
            powers = raised(part, self.power, self.unit)
        state = (self.sums, self.gains, self.previous, self.steps, self.points)
        _kernels.best_before(
            np.ascontiguousarray(sizes),
            np.ascontiguousarray(powers),
            first,
            self.power,
            self.unit or 1.0,
            self.logs,
            *state,
        )

    def _rescale(self, largest: float, done: int) -> None:
        # Past 2^300 the unit follows the largest size; what then underflows is below 2^-60 of it.
        if self.unit == 0.0 or self.power * (math.log2(largest) - math.log2(self.unit)) > 300:
            unit = unit_of(largest, self.power)
            if self.unit > 0.0:
                self.sums[:done] *= (self.unit / unit) ** self.power
                self.gains[:done] *= (self.unit / unit) ** self.power
            self.unit = unit

    def values(self, first: int, stop: int) -> np.ndarray:
        """V_j for first <= j < stop, in units of c^power; infinite beyond float64."""
        with np.errstate(over="ignore"):
            if self.logs:
                return np.exp2(self.sums[first:stop])
            return np.asarray(self.sums[first:stop] * np.float64(self.unit or 1.0) ** self.power)

    def result(self, exponent: int) -> Supremum:
        """The supremum over partitions of all points."""
        chosen = [len(self.sums) - 1]
        while chosen[-1] > 0:
            chosen.append(int(self.previous[chosen[-1]]))
        steps = self.steps[chosen[-2::-1]]
        largest = float(steps.max())
        unit = unit_of(largest, self.power) if largest > 0.0 else 1.0
        return Supremum(
            float(raised(steps, self.power, unit).sum()), unit, self.power, exponent, np.array(chosen[::-1])
        )


def raised(sizes: np.ndarray, power: float, unit: float = 1.0) -> np.ndarray:
    """(sizes / unit)^power."""
    scaled = sizes if unit == 1.0 else sizes / unit
    if power == 1.0:
        return scaled
    if power >= 4.0 or not (4 * power).is_integer():
        return scaled**power
    whole, quarters = divmod(int(4 * power), 4)
    # By roots and products, which are some times faster than a general power and as accurate.
    factors = [scaled] * whole
    if quarters:
        root = np.sqrt(scaled)
        factors += [root] if quarters > 1 else []
        factors += [np.sqrt(root)] if quarters != 2 else []
    return functools.reduce(np.multiply, factors)


def suprema(x: Steps, y: Steps | None, p: float, levels: Sequence[int], norm: str) -> list[Supremum]:
    """For each level k: sup over partitions of sum |X^k - Y^k|^{p/k} (Y trivial if None)."""
    programmes = [Programme(len(x.points), p / k) for k in levels]
    for first, sizes in pair_sizes(x, y, levels, norm):
        for programme, part in zip(programmes, sizes, strict=True):
            programme.add(first, part)
    return [programme.result(k * x.exponent) for k, programme in zip(levels, programmes, strict=True)]


def homogeneous_supremum(x: Steps, y: Steps, p: float, level: int, norm: str) -> Supremum:
    """sup over partitions of sum d^p, d = max_{k <= level} (k! |(X^{-1} (x) Y)^k|)^{1/k}."""
    programme = Programme(len(x.points), p)
    levels = range(1, level + 1)
    for first, sizes in pair_sizes(x, y, levels, norm, quotients=True):
        for k, part in zip(levels, sizes, strict=True):
            if k > 1:
                np.power(part, 1 / k, out=part)
                part *= root_factorial(k)
        programme.add(first, sizes.max(0))
    return programme.result(x.exponent)


def pair_sizes(
    x: Steps, y: Steps | None, levels: Sequence[int], norm: str, *, quotients: bool = False
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields (first, sizes), sizes[l, column, i] being |Z^k_{i,j}|, k = levels[l], j = first + column, for i < j
    (and 0 for i >= j), for consecutive blocks of j = 1, ..., points - 1.

    Z is X (`y` None), X - Y, or X^{-1} (x) Y if `quotients`. The difference is carried as such,
    D' = D (x) x + Y (x) (x - y) + (x - y), never formed as one of two large numbers, and so is the quotient,
    Q' = x^{-1} (x) Q (x) y. The next block overwrites `sizes`.
    """
    count, channels = x.points.shape
    top = max(levels)
    check_pair_memory(count, channels, top, COPIES if y is None else PAIR_COPIES)
    norms = np.array([(k, norm == "l1") for k in levels], dtype=np.int64)
    straight = x.canonical and (y is None or y.canonical)
    fast = top == 2 and list(levels)[-1] == 2 and straight and not quotients
    advance, entries = _second_levels(x, y, norms) if fast else _all_levels(x, y, norms, quotients)
    columns = block_columns(count)
    sizes = np.zeros((len(levels), columns, count))
    workers = _workers(count * count * entries)
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, count - 1, columns):
            width = min(columns, count - 1 - first)
            live = np.arange((first + width - 1) // TILE + 1)
            shares = [live[share::workers] for share in range(workers)]
            if workers == 1:
                advance(live, first, width, sizes)
            else:
                list(pool.map(advance, shares, *([each] * workers for each in (first, width, sizes))))
            yield first + 1, sizes[:, :width]


Advance = Callable[[np.ndarray, int, int, np.ndarray], None]
"""Brings the tensors of some tiles from column `first` to `first` + width, and writes their sizes."""


def _all_levels(x: Steps, y: Steps | None, norms: np.ndarray, quotients: bool) -> tuple[Advance, int]:
    """For paths and lifts at every level; with the number of entries of a tensor."""
    from roughntk.rough.variation import compiled as _kernels

    (count, channels), top = x.points.shape, int(norms[:, 0].max())
    mode = 0 if y is None else 2 if quotients else 1
    sources = _sources(x, y, top, quotients)
    offsets = np.cumsum([0, *(channels**k for k in range(1, top))])
    tiles = -(-count // TILE)
    state = np.zeros((tiles, offsets[-1] + channels**top, TILE))
    side = np.zeros((tiles, int(offsets[-1]) if mode == 1 else 0, TILE))

    def advance(own: np.ndarray, first: int, width: int, sizes: np.ndarray) -> None:
        _kernels.pairs(mode, own, first, width, *sources, offsets, state, side, norms, sizes)

    return advance, state.shape[1]


def _second_levels(x: Steps, y: Steps | None, norms: np.ndarray) -> tuple[Advance, int]:
    """For the second level of piecewise-linear paths; with the number of entries of a tensor."""
    from roughntk.rough.variation import compiled as _kernels

    count, channels = x.points.shape
    points, others = (x.points, np.zeros_like(x.points)) if y is None else (gap_points(y, x), y.points)
    across, others_across = np.ascontiguousarray(points.T), np.ascontiguousarray(others.T)
    odd = ((0, 0), (0, channels % 2))
    right = np.pad(x.steps[0], odd)
    gaps = np.pad(np.diff(points, axis=0), odd)
    state = np.zeros((-(-count // TILE), channels, right.shape[1], TILE))

    def advance(own: np.ndarray, first: int, width: int, sizes: np.ndarray) -> None:
        _kernels.second_levels(own, first, width, across, others_across, right, gaps, state, norms, sizes)

    return advance, channels * (channels + 1)


def _sources(x: Steps, y: Steps | None, top: int, quotients: bool) -> tuple[np.ndarray, ...]:
    """What `_kernels.pairs` reads at each step: points, others, right, gaps, other, left."""
    none = np.zeros((0, 0))
    flat_x = _flat(x, top)
    if y is None:
        return x.points, none, flat_x, flat_x, none, none
    flat_y = _flat(y, top)
    if quotients:
        inverse, ratio = quotient(x, y)
        return gap_points(x, y), none, flat_y, ratio, none, inverse
    gaps = -np.concatenate(gaps_of(x, y)[:top], axis=1) if top > 1 else np.zeros((len(x.points) - 1, 0))
    return gap_points(y, x), y.points, flat_x, gaps, flat_y, none


def _flat(x: Steps, top: int) -> np.ndarray:
    return np.concatenate(x.steps[:top], axis=1) if top > 1 else np.zeros((len(x.points) - 1, 0))


def _workers(work: float) -> int:
    """Threads for so many updates: one where starting more would cost more than it saves."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if work < 1e6 else min(available, 16)
