"""Exact p-variation of scalar paths in near-linear time, and of paths in R^d with the triangle inequality.

Scalar paths. V(j) is the supremum over partitions of x_0, ..., x_j of sum |x_t - x_s|^p, p >= 1.

(A) Only the ends and the local extrema matter: on a monotone stretch a^p + b^p <= (a + b)^p. Plateaus count once.
    From here on x_0, x_1, ... are the extrema, so that they alternate strictly: up, down, up, ...
(B) If (s, t) is a link of an optimal partition, every x_k between lies between x_s and x_t; otherwise one of
    |x_k - x_s|, |x_t - x_k| alone exceeds |x_t - x_s|. So along an optimal partition the links alternate in sign,
    and their ends are maxima and minima of x in turn.
(C) Let P be an optimal partition of x_0, ..., x_{j-1}. Some optimal partition of x_0, ..., x_j has as its last link
    (s, j) with s in P.
    Proof. Let x_j > x_{j-1} (else turn x over) and let (s, j) be the last link of an optimal partition. By (B),
    x_s is the minimum and x_j the maximum over [s, j]. If s is not in P, a link (u, v) of P has u < s < v < j, so
    that x_s <= x_v, and by (B) x_s lies between x_u and x_v. First case, x_u <= x_s <= x_v <= x_j: of the four
    lengths in (x_j - x_u) + (x_v - x_s) = (x_v - x_u) + (x_j - x_s) the first is the largest, so by convexity
        (x_j - x_u)^p + (x_v - x_s)^p >= (x_v - x_u)^p + (x_j - x_s)^p.
    Add V(u) and use V(v) = V(u) + (x_v - x_u)^p >= V(s) + (x_v - x_s)^p to get
        V(u) + (x_j - x_u)^p >= V(s) + (x_j - x_s)^p = V(j):
    u in P does as well as s. Second case, x_u > x_s: then x_v <= x_s, so x_v = x_s, and since V(v) >= V(s),
    v in P does as well as s.                                                                               QED
(D) Of the s in P that attain V(j), take the last; by (B) and since V does not decrease, x_s is strictly below every
    later minimum in P, and x_j is at least every later maximum in P.

So P is held as a stack. A new maximum y = x_j is compared with the minima of the stack that are strictly below all
later ones, back to the last maximum above y (D); everything after the best one leaves the stack and j is put on it,
which is again optimal (C). `before` links each entry to the last one on its own side that lies strictly beyond it;
following it from the newest maximum finds the last maximum above y, from the newest minimum the candidates.

Time. An entry passed on the way to the last maximum above y is never met there again (y, or what replaces it, hides
it), which is O(1) per point. For the candidates, `jump` leads past 1, 3, 7, ... of them (the skew-binary jumps of
Myers), and a whole group is passed over if V(nearest) + |y - farthest|^p does not exceed the best found. Measured on
10^6 points: 0.6 to 4 candidates per extremum for Brownian motion, fractional Brownian motion of H <= 0.75 and monotone
paths, whatever p; at worst 80, for a steep sawtooth on a trend and p near 1.

Rounding. V itself is not formed: whether s or a later s' in P is the better last point before j is decided by
|x_j - x_s|^p against |x_j - x_s'|^p plus the steps of P from s to s', all of one sign, so that small steps are as well
chosen as large ones whatever they count in the whole. Where both agree to rounding and one of these steps is as large
as |x_j - x_s|, the others come on top of it; else it is a tie, which the longer step wins. The value is summed
pairwise over the partition that was found.

Paths in R^d. V_j = max_{i<j} V_i + |x_j - x_i|^p, i going down from j - 1. What is held is the best found less V_i, a
sum of gains V_{i+1} - V_i >= 0 (`compiled_partitions`). V does not decrease, and for the block B of points
[k 2^m, (k + 1) 2^m) of radius r about its middle point c, |x_j - x_i| <= |x_j - x_c| + r for all i in B. So where
(|x_j - x_c| + r)^p is below the best found less V_{last of B}, all of B is passed over, and a block of twice the length
is tried next. Exact for every norm. Close to linear on paths that move about, quadratic on others.

Source: the reduction to optimal partitions of the pieces is an idea of ButkusNorvaisa2018.
"""

import math

import numpy as np

from roughntk.rough.variation.dynamic import Supremum, unit_of
from roughntk.rough.variation.increments import Steps

LEAST_BITS, MOST_BITS = 100, 800
"""Powers of the largest distance beyond 2^100 are taken in another unit; where the least step is below 2^-800 of it, as
logarithms."""


def level_one(x: Steps, p: float, norm: str) -> tuple[Supremum, str]:
    """sup over partitions of sum |x_t - x_s|^p over the points of `x`, and the name of the method."""
    points, exponent = x.points, x.exponent
    if points.shape[1] == 1:
        supremum, method = _scalar(points, p), "extrema"
    elif p == 1.0:
        supremum, method = _total(points, _apart(points), 1.0, norm), "length"
    else:
        supremum, method = _pruned(points, p, norm), "dynamic programme, pruned"
    return Supremum(supremum.total, supremum.unit, p, exponent, supremum.partition), method


def _scalar(points: np.ndarray, p: float) -> Supremum:
    from roughntk.rough.variation import compiled_partitions as _kernels

    reach = float(np.ptp(points))
    if reach == 0.0:
        return Supremum(0.0, 1.0, p, 0, np.array([0, len(points) - 1]))
    scaled, logs = _in_range(points, reach, p)
    where = np.empty(len(points), dtype=np.int32)
    chosen = where[: 1 + _kernels.line(scaled[:, 0], p, _quarters(p), logs, where)].astype(np.int64)
    return _total(points, chosen, p, "l1")


def _pruned(points: np.ndarray, p: float, norm: str) -> Supremum:
    from roughntk.rough.variation import compiled_partitions as _kernels

    reaches = np.ptp(points, axis=0)
    reach = float(reaches.max())
    if reach == 0.0:
        return Supremum(0.0, 1.0, p, 0, np.array([0, len(points) - 1]))
    apart = _apart(points)
    moving = points if len(apart) == len(points) else points[apart]
    scaled, logs = _in_range(moving if reaches.all() else moving[:, reaches > 0.0], reach, p)
    previous = np.zeros(len(moving), dtype=np.int64)
    _kernels.cloud(scaled, norm == "l1", p, _quarters(p), logs, previous)
    chosen = [len(moving) - 1]
    while chosen[-1] > 0:
        chosen.append(int(previous[chosen[-1]]))
    return _total(points, apart[chosen[::-1]], p, norm)


def _apart(points: np.ndarray) -> np.ndarray:
    """The points that differ from the one before them, with both ends: of a constant path the ends alone."""
    moves = (points[1:] != points[:-1]).any(axis=1)
    if moves.all():
        return np.arange(len(points))
    apart = np.concatenate([[0], np.flatnonzero(moves) + 1])
    if len(apart) == 1:
        return np.array([0, len(points) - 1])
    apart[-1] = len(points) - 1
    return apart


def _in_range(points: np.ndarray, reach: float, p: float) -> tuple[np.ndarray, bool | None]:
    """The points in a unit (a power of two) in which p-th powers of distances keep within float64, and None; or True,
    where no unit is such and their logarithms must be taken."""
    from roughntk.rough.variation import compiled_partitions as _kernels

    least = _kernels.least_step(points)
    logs = True if p * (math.log2(reach) - math.log2(least)) > MOST_BITS else None
    if p * abs(math.log2(reach)) > LEAST_BITS:
        points = np.ldexp(points, -math.frexp(reach)[1])
    return np.ascontiguousarray(points), logs


def _total(points: np.ndarray, chosen: np.ndarray, p: float, norm: str) -> Supremum:
    sizes = _sizes(np.diff(points[chosen], axis=0), norm)
    largest = float(sizes.max())
    unit = unit_of(largest, p) if largest > 0.0 else 1.0
    if unit != 1.0:
        sizes = sizes / unit
    return Supremum(float((sizes**p).sum()), unit, p, 0, chosen)


def _sizes(rows: np.ndarray, norm: str) -> np.ndarray:
    if rows.shape[1] == 1:
        return np.abs(rows[:, 0])
    return np.abs(rows).sum(1) if norm == "l1" else np.sqrt(np.einsum("ij,ij->i", rows, rows))


def _quarters(p: float) -> int:
    """4 p if that is a whole number up to 64, else -1: see `_kernels.power`."""
    return int(4 * p) if p <= 16 and 4 * p == int(4 * p) else -1
