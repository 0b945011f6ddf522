"""The p-variation of one path, or of the difference of two, at each level of the lift: what every number is read from.

The supremum over partitions of the sample points, by the fastest route that is exact:
* scalar paths: local extrema and a stack, near-linear time (`level_one` has the proof);
* level 1 in several channels: the dynamic programme V_j = max_{i<j} V_i + |x_j - x_i|^p, blocks of i being passed
  over by the triangle inequality;
* levels k >= 2, whose increments do not obey it: the full programme over all pairs, by blocks, O(points^2 channels^k)
  time and O(points channels^k) memory.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.paths.lifts import Lift
from roughntk.rough.variation.dynamic import Supremum, suprema
from roughntk.rough.variation.increments import Steps, gap_points
from roughntk.rough.variation.level_one import level_one

NORMS = ("l1", "l2")
"""The norms of an increment: entrywise, and Hilbert-Schmidt (`tensor.norm`)."""

MOST_LEVELS = 1000
"""The largest number of levels 1 .. floor(p) that is looked at where none was asked for."""


@dataclass(frozen=True)
class Variation:
    """A p-variation at one level, and what was computed.

    value: the number; float(result) is the same.
    p: the variation exponent; the sum is of |X^level|^{p/level}.
    level: the level of the lift that the number belongs to; for a homogeneous distance, the highest that enters.
    norm: "l1" or "l2", the norm of an increment.
    root: whether the outer root (.)^{level/p} was taken ((.)^{1/p} for a homogeneous distance).
    partition: indices of a partition of the sample points that attains it, from 0 to points - 1.
    method: how it was found.
    """

    value: float
    p: float
    level: int
    norm: str
    root: bool
    partition: np.ndarray
    method: str

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        root = "outer root taken" if self.root else "no outer root"
        return f"{self.value:.6g} (p = {self.p:g}, level {self.level}, {self.norm} norm, {root}; {self.method})"


def table_of(by_level: Mapping[int, tuple[Supremum, str]], p: float, norm: str, root: bool) -> dict[int, Variation]:
    """The variations of the levels whose suprema were found."""
    return {
        k: Variation(best.value(root), p, k, norm, root, best.partition, method)
        for k, (best, method) in by_level.items()
    }


def largest(table: Mapping[int, Variation]) -> Variation:
    """The entry with the largest value, the first of them."""
    return max(table.values(), key=float)


def wanted_levels(path: Any, p: float, level: Any, *, floor: bool = False) -> list[int]:
    """The levels that a call looks at: `level`, or 1 .. floor(p) for a lift (and for all paths if `floor`)."""
    if level is not None:
        wanted = [_checks.level(level)]
    elif floor or isinstance(path, Lift):
        if p >= MOST_LEVELS + 1:
            raise InputError(
                f"expected an exponent below {MOST_LEVELS + 1} where all levels 1 .. floor(p) enter, got {p:g}; pass "
                f"the level that you want"
            )
        wanted = list(range(1, math.floor(p) + 1))
    else:
        wanted = [1]
    if isinstance(path, Lift) and path.level < wanted[-1]:
        raise InputError(
            f"expected a lift of level at least {wanted[-1]}, got level {path.level}; "
            f"lift the path to level {wanted[-1]}, or pass the level you want"
        )
    return wanted


def level_suprema(x: Steps, y: Steps | None, p: float, levels: list[int], norm: str) -> dict[int, tuple[Supremum, str]]:
    """For each level k: sup over partitions of sum |X^k - Y^k|^{p/k} (Y trivial if None), and how it was found."""
    by_level = {}
    if 1 in levels:
        by_level[1] = level_one(x if y is None else difference(x, y), p, norm)
    higher = [k for k in levels if k > 1]
    if higher and y is None and x.canonical and x.points.shape[1] == 1:
        # |X^k| = |dx|^k / k!
        best, method = by_level.get(1) or level_one(x, p, norm)
        for k in higher:
            # The unit best.unit^k / k! in two parts, as it may leave the range of float64.
            log = k * math.log2(best.unit) - math.lgamma(k + 1) / math.log(2)
            exact = k <= 170 and abs(log) < 1000 and abs(k * math.log2(best.unit)) < 1000
            whole = 0 if exact else math.floor(log)
            unit = best.unit**k / math.factorial(k) if exact else 2.0 ** (log - whole)
            by_level[k] = Supremum(best.total, unit, p / k, k * best.exponent + whole, best.partition), method
    elif higher:
        for k, best in zip(higher, suprema(x, y, p, higher, norm), strict=True):
            by_level[k] = best, "dynamic programme"
    return by_level


def difference(x: Steps, y: Steps) -> Steps:
    """Level 1 of X - Y."""
    return Steps(gap_points(y, x), [], x.exponent, x.canonical and y.canonical)
