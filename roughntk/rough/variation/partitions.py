"""Step control for rough differential equations: partitions from the p-variation control of the driver.

omega(s, t) = sum_{k <= floor(p)} sup over partitions of [s, t] of sum |X^k_{t_i,t_{i+1}}|^{p/k} is superadditive, and
the local error of a scheme of level N is of the order omega^{(N+1)/p}. The greedy partition spends one step on
each unit of omega: t_{i+1} is the last sample point with omega(t_i, t_{i+1}) <= threshold. The number of its steps
is the N of Cass, Litterer and Lyons; on sample points it is at most 2 omega(0, T)/threshold + 1 (two steps in a row
hold more than the threshold).

How far a step reaches. With l_i = max_k (k! |X^k_{i,i+1}|)^{1/k}, Chen's identity and the binomial theorem give
k! |X^k_{s,t}| <= L^k, L = l_s + ... + l_{t-1}, so that omega(s, t) <= sum_k (k!)^{-p/k} L^p: as far as this is within
the threshold nothing is to be computed. Beyond it omega is, where level 1 tells the others, evaluated at doubling
distances and then by bisection, near-linear each time; else the dynamic programme runs over windows of growing
length until it passes the threshold, quadratic in the step.
"""

import math
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra.norms import root_factorial
from roughntk.rough.paths.lifts import Lift
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear
from roughntk.rough.variation.dynamic import Programme, pair_sizes
from roughntk.rough.variation.increments import Steps, steps_of
from roughntk.rough.variation.levels import NORMS, level_suprema, wanted_levels

MARGIN = 1e-9
"""What the bound of omega is kept away from the threshold: more than all rounding, its own and that of omega."""

SHORTEST_WINDOW = 8
"""Steps of the first window of the dynamic programme."""


def greedy_partition(rough_path: Any, p: float, threshold: float, *, norm: str = "l1") -> np.ndarray:
    """The times t_0 < t_1 < ... < t_m of the greedy partition: t_{i+1} is the last sample time with
    omega(t_i, t_{i+1}) <= threshold, or the next sample time where a single step exceeds the threshold.

    Args:
        rough_path: a `Lift` of level at least floor(p), or a path, lifted canonically.
        p: the exponent, at least 1.
        threshold: above 0, in the units of |X|^p.
        norm: as for `p_variation`.

    Returns:
        The times, shape (steps + 1,). Time is near-linear for p < 2 and in one channel, else quadratic in the longest
        step: O(points * longest step * channels^{floor(p)}).

    Raises:
        InputError: a bad p or threshold, too low a level, or a traced lift.
    Source: CassLittererLyons2013.

    >>> import roughntk as rn
    >>> rn.rough.greedy_partition([0.0, 1.0, 2.0, 2.0, 2.0, 3.0], 1.0, 2.0).tolist()
    [0.0, 4.0, 5.0]
    """
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    threshold = _checks.number(
        threshold, "threshold", above=0, infinite=True, remedy="it is the p-variation control of one step"
    )
    if isinstance(rough_path, Lift):
        check_level(rough_path.level, p)
        if _checks.is_traced(rough_path.steps, rough_path.times):
            raise InputError("expected a concrete lift, got a JAX tracer; choose the partition outside jit and vmap")
    levels = wanted_levels(rough_path, p, None, floor=True)
    steps = steps_of(rough_path, levels[-1])
    moving, kept = _without_rests(steps)
    control = _GreedyControl(moving, p, levels, norm, threshold)
    chosen, ends = [0], np.append(kept[1:] - 1, len(steps.points) - 1)  # where the path rests: the last of equal points
    while chosen[-1] < ends[-1]:
        here = int(np.searchsorted(kept, chosen[-1], side="right")) - 1
        chosen.append(max(int(ends[control.farthest(here)]), chosen[-1] + 1))
    if isinstance(rough_path, Lift | PiecewiseLinear):
        return np.asarray(rough_path.times, dtype=np.float64)[chosen]
    return np.array(chosen, dtype=np.float64)


def check_level(level: int, p: float) -> None:
    """Refuse a level below floor(p), where the rough path is not determined by it."""
    if level < math.floor(p):
        least = f"{math.floor(p)}" if p < 1e6 else f"{p:g}"
        raise InputError(
            f"expected a lift of level at least floor(p) = {least} for p = {p:g}, got level {level}; below it "
            f"the iterated integrals are not determined by the path: lift it to level {least}"
        )


def _without_rests(steps: Steps) -> tuple[Steps, np.ndarray]:
    """The path without the steps in which nothing moves, and the indices of the points that are kept."""
    parts = steps.steps or [np.diff(steps.points, axis=0)]
    moves = np.any([part.any(axis=1) for part in parts], axis=0)
    kept = np.concatenate([[0], 1 + np.flatnonzero(moves)])
    fewer = [part[moves] for part in steps.steps]
    return Steps(steps.points[kept], fewer, steps.exponent, steps.canonical), kept


class _GreedyControl:
    """omega of a sampled path, asked only how far it stays within one threshold."""

    def __init__(self, steps: Steps, p: float, levels: list[int], norm: str, threshold: float):
        self.steps, self.p, self.levels, self.norm, self.threshold = steps, p, levels, norm, threshold
        self.last = len(steps.points) - 1
        self.from_level_one = levels[-1] == 1 or (steps.canonical and steps.points.shape[1] == 1)
        self._lengths = np.concatenate([[0.0], np.cumsum(self._step_sizes())])  # in units of 2^exponent
        weight = math.fsum(root_factorial(k) ** -p for k in levels)
        with np.errstate(over="ignore"):
            reach = np.ldexp((threshold / weight) ** (1 / p), -steps.exponent)
        self._reach = reach * (1 - MARGIN) - MARGIN * self._lengths[-1]

    def _step_sizes(self) -> np.ndarray:
        """l_i = max_k (k! |X^k_{i,i+1}|)^{1/k}."""
        if self.last == 0:
            return np.zeros(0)
        if self.from_level_one:
            return self._sizes(np.diff(self.steps.points, axis=0))
        parts = enumerate(self.steps.steps[: self.levels[-1]], start=1)
        return np.max([root_factorial(k) * self._sizes(part) ** (1 / k) for k, part in parts], axis=0)

    def _sizes(self, rows: np.ndarray) -> np.ndarray:
        return np.abs(rows).sum(axis=1) if self.norm == "l1" else np.sqrt((rows * rows).sum(axis=1))

    def farthest(self, start: int) -> int:
        """The last sample point reached from `start` within the threshold, `start` itself if there is no other."""
        within = int(np.searchsorted(self._lengths, self._lengths[start] + self._reach, side="right")) - 1
        within = max(within, start)
        if within >= self.last:
            return self.last
        return self._gallop(start, within) if self.from_level_one else self._run(start, within)

    def _gallop(self, start: int, within: int) -> int:
        """By doubling and bisection from a point that is known to be within the threshold."""
        stride, beyond = 1, self.last + 1
        while within + stride < beyond:
            if self._omega(start, within + stride) > self.threshold:
                beyond = within + stride
            else:
                within += stride
                stride *= 2
        while beyond - within > 1:
            middle = (within + min(beyond, self.last + 1)) // 2
            if self._omega(start, middle) > self.threshold:
                beyond = middle
            else:
                within = middle
        return within

    def _omega(self, s: int, t: int) -> float:
        by_level = level_suprema(self.steps.between(s, t), None, self.p, self.levels, self.norm)
        try:
            return math.fsum(best.value(False) for best, _ in by_level.values())
        except InputError:  # beyond float64
            return math.inf

    def _run(self, start: int, within: int) -> int:
        """By the dynamic programme over windows of growing length, up to the point where it passes the threshold."""
        long = within - start > 64
        if long and self._omega(within, within + 1) > self.threshold * (1 + MARGIN):  # omega of a longer step is larger
            return within
        width = max(SHORTEST_WINDOW, 2 * (within - start))
        while True:
            end = min(self.last, start + width)
            piece = self.steps.between(start, end)
            programmes = [Programme(end - start + 1, self.p / k) for k in self.levels]
            for first, sizes in pair_sizes(piece, None, self.levels, self.norm):
                for programme, part in zip(programmes, sizes, strict=True):
                    programme.add(first, part)
                over = np.flatnonzero(self._sums(programmes, first, first + sizes.shape[1]) > self.threshold)
                if over.size:
                    return start + first + int(over[0]) - 1
            if end == self.last:
                return end
            width *= 4

    def _sums(self, programmes: list[Programme], first: int, stop: int) -> np.ndarray:
        """omega(start, start + j) for first <= j < stop."""
        with np.errstate(over="ignore"):
            total = sum(each.values(first, stop) for each in programmes)
            return np.asarray(total) * np.float64(2.0) ** (self.p * self.steps.exponent)
