"""Does the sum of |u_{L+1} - u_L| stay finite, u_L = K_L(X,X)^{-1} K_L(X,x) at points x off X? Then u_L has a limit.

K_L^{-1} (K_{L+1} - K_L) need not be summable for that. Where all entries of K_L tend to one value its inverse grows,
and so may these terms, but only along a direction that drops out of u: with any level m and scale s,

    K = m 1 1^T + s G,    b = m 1 + s g:    [[G, 1], [1^T, -s/m]] (u, mu) = (g, 1),

so u moves as G and s/m do, each relative to its own size.

A sum that is infinite leaves open whether u_L has a limit, as that of alternating terms 1/L does. It has one if the
largest distance between any two u from depths L to 2L, the spread, has a finite sum over L = 2, 4, 8, ...
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roughntk.depth.extrapolation import EPS
from roughntk.depth.point_sets import Kernels
from roughntk.linalg import Factor, bordered_system

FALLING, NOT_FALLING = 0.85, 0.95
"""With every doubling of the depth the movement over it shrinks to at most the first if it is summable (as from a term
L^-1.24 on); from the second on it counts as not summable."""

_BLOCKS = 3  # the doublings, the last ones, that decide
_SURE = 1e-4  # coefficients known less well than this, relatively, decide nothing
_STILL = 1e-9


class Movement(NamedTuple):
    """How far the coefficients move from a depth to twice that depth.

    Attributes:
        depth: the first of the two.
        size: sum of max |u_{L+1} - u_L| over the depths between, from those at four places.
        rounding: what of it may be rounding.
        spread: max |u_L - u_M| over the same depths L, M between.
        largest: the largest term seen, and `at` its depth.
    """

    depth: int
    size: float
    rounding: float
    spread: float
    largest: float
    at: int


def movements(kernels: Kernels, name: str, n: int) -> list[Movement]:
    """The movements from depths 2, 4, 8, ..., as far as rounding lets the coefficients be known.

    Args:
        kernels: of the family or sequence.
        name: of the set whose first n points are the data, and the others test points.
        n: number of the data.
    """
    measured: list[Movement] = []
    known: dict[int, tuple[NDArray[np.float64], float] | None] = {}

    def at(depth: int):
        if depth not in known:
            known[depth] = _coefficients(kernels, name, n, depth)
        return known[depth]

    depth = 2
    while 2 * depth + 2 <= kernels.deepest:
        terms, values, unsure = [], [], 0.0
        for place in sorted({depth + depth * quarter // 4 for quarter in range(4)}):
            three = [at(place + k) for k in range(3)]
            if any(each is None for each in three):
                return measured
            terms += [(float(np.abs(three[k + 1][0] - three[k][0]).max()), place + k) for k in range(2)]
            values += [each[0] for each in three]
            unsure = max(unsure, *(each[1] for each in three))
        ends = [at(depth), at(2 * depth)]
        if any(each is None for each in ends):
            return measured
        across = float(np.abs(ends[1][0] - ends[0][0]).max())
        largest, where = max(terms)
        size = max(depth * float(np.mean([term for term, _ in terms])), across)
        spread = float(np.ptp(np.stack([*values, *(each[0] for each in ends)]), axis=0).max())
        measured.append(Movement(depth, size, 2 * depth * unsure, spread, largest, where))
        depth *= 2
    return measured


def _coefficients(kernels: Kernels, name: str, n: int, depth: int) -> tuple[NDArray[np.float64], float] | None:
    """(u, what rounding leaves unsure of it) from the bordered system; None where that is too much."""
    left = kernels.deflated(name, depth)
    if left is not None and left.level:
        G, ratio = left.values, math.exp(left.log_scale) / left.level
        scale = float(np.abs(G).max())
        noise = 8 * EPS
    else:
        K = kernels.at(name, depth)
        level = float(K[:n, :n].mean())
        G = K - level
        scale = float(np.abs(G).max())
        if level == 0 or scale == 0:
            return None
        ratio, noise = 1 / level, 8 * EPS * float(np.abs(K).max()) / scale
    if scale == 0:
        return None
    system, right = bordered_system(G[:n, :n] / scale, G[:n, n:] / scale, ratio * scale)
    factor = Factor(system, cholesky=False)
    try:
        whole, inverse = factor.solve(right), factor.inverse
    except np.linalg.LinAlgError:
        return None
    size = 1 + float(np.abs(whole[:n]).sum(axis=0).max())
    unsure = noise * float(np.abs(inverse[:n]).sum(axis=1).max()) * size
    return (whole[:n], unsure) if unsure < _SURE * size else None


def verdict(measured: list[Movement]) -> tuple[bool | None, float | None]:
    """(whether the movements are summable; None if that is not clear, the factor that decided).

    Movements below rounding, or all below 1e-9, count as summable.
    """
    if measured and measured[-1].size <= max(4 * measured[-1].rounding, _STILL):
        return True, None
    return _falling([each.size for each in measured])


def settles(measured: list[Movement]) -> bool | None:
    """Whether the spreads are summable over the doublings, so that the coefficients have a limit; None: not clear."""
    if measured and measured[-1].spread <= max(4 * measured[-1].rounding / measured[-1].depth, _STILL):
        return True
    return _falling([each.spread for each in measured])[0]


def _falling(sizes: list[float]) -> tuple[bool | None, float | None]:
    """(whether the last sizes fall by one factor at least; None if that is not clear, the largest factor)."""
    if len(sizes) <= _BLOCKS:
        return None, None
    last = sizes[-_BLOCKS - 1 :]
    largest = max(after / before for before, after in zip(last, last[1:], strict=False))
    if largest <= FALLING:
        return True, largest
    return (False if largest >= NOT_FALLING else None), largest


__all__ = ["FALLING", "NOT_FALLING", "Movement", "movements", "settles", "verdict"]
