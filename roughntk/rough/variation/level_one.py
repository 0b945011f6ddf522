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

Rounding. V is summed in float64, so that two partitions whose sums differ by less than about points * eps of the whole
are not told apart; the value is summed again, pairwise, over the partition that was found.

Paths in R^d. V_j = max_{i<j} V_i + |x_j - x_i|^p, i going down from j - 1. V does not decrease, and for the block B of
points [k 2^m, (k + 1) 2^m) of radius r about its middle point c, |x_j - x_i| <= |x_j - x_c| + r for all i in B. So
where V_{last of B} + (|x_j - x_c| + r)^p does not exceed the best found, all of B is passed over, and a block of twice
the length is tried next. Exact for every norm. Close to linear on paths that move about, quadratic on others.

Source: the reduction to optimal partitions of the pieces is an idea of ButkusNorvaisa2018.
"""

import math

import numpy as np

from roughntk.rough.variation.dynamic import Supremum, suprema, unit_of
from roughntk.rough.variation.increments import Steps


def level_one(x: Steps, p: float, norm: str) -> tuple[Supremum, str]:
    """sup over partitions of sum |x_t - x_s|^p over the points of `x`, and the name of the method."""
    points, exponent = x.points, x.exponent
    if points.shape[1] == 1:
        supremum, method = _scalar(np.ascontiguousarray(points[:, 0]), p), "extrema"
    elif p == 1.0:
        supremum, method = _total(points, np.arange(len(points)), 1.0, 1.0, norm), "length"
    else:
        reach = float(_sizes(points - points[0], norm).max())
        if reach > 0.0 and abs(math.log2(reach)) + 1.0 > 300 / p:
            # Powers beyond float64: the full programme follows the largest increment.
            return suprema(x, None, p, [1], norm)[0], "dynamic programme"
        supremum, method = _pruned(points, p, norm), "dynamic programme, pruned"
    return Supremum(supremum.total, supremum.unit, p, exponent, supremum.partition), method


def _scalar(x: np.ndarray, p: float) -> Supremum:
    from roughntk.rough.variation import compiled as _kernels

    reach = float(x.max() - x.min())
    if reach == 0.0:
        return Supremum(0.0, 1.0, p, 0, np.array([0, len(x) - 1]))
    unit = unit_of(reach, p)
    where = np.empty(len(x), dtype=np.int32)
    chosen = where[: 1 + _kernels.line(x, p, _quarters(p), unit, where)].astype(np.int64)
    return _total(x[:, None], chosen, p, unit, "l1")


def _pruned(points: np.ndarray, p: float, norm: str) -> Supremum:
    from roughntk.rough.variation import compiled as _kernels

    count = len(points)
    starts = np.cumsum([0, 0, *(count >> m for m in range(1, count.bit_length()))])
    previous = np.zeros(count, dtype=np.int64)
    _kernels.cloud(points, norm == "l1", p, _quarters(p), 1.0, starts, previous)
    chosen = [count - 1]
    while chosen[-1] > 0:
        chosen.append(int(previous[chosen[-1]]))
    return _total(points, np.array(chosen[::-1]), p, 1.0, norm)


def _total(points: np.ndarray, chosen: np.ndarray, p: float, unit: float, norm: str) -> Supremum:
    sizes = _sizes(np.diff(points[chosen], axis=0), norm)
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
