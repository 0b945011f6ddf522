"""The nearest two of many points, which make a kernel matrix nearly singular, whatever else it is."""

import numpy as np

from roughntk import _checks

REACH = 1e-3
"""Distances that are looked for: of points farther apart an eigenvalue that they make is no small one."""
PART = 2**18
"""Pairs that are looked at together."""


def nearest_pair(directions: np.ndarray) -> tuple[int, int, float] | None:
    """(i, j, angle) of the two unit rows that are nearest to each other; None where none are within `REACH`.

    Rows within a distance are within it along any direction: those along a random one (seed 0) are sorted, and pairs of
    neighbours within it along a second one, too, are measured.

    >>> nearest_pair(np.array([[1.0, 0.0], [0.0, 1.0], [np.cos(1e-4), np.sin(1e-4)]]))[:2]
    (0, 2)
    """
    n, dimension = directions.shape
    ways = np.linalg.qr(np.random.default_rng(0).normal(size=(dimension, min(2, dimension))))[0]
    along = np.empty((n, ways.shape[1]))
    for part in _checks.pieces(n, dimension):
        along[part] = directions[part] @ ways
    order = np.argsort(along[:, 0], kind="stable")
    sorted_along = along[order]
    best: tuple[int, int, float] | None = None
    reach = REACH
    for step in range(1, n):
        apart = sorted_along[step:] - sorted_along[:-step]
        if apart[:, 0].min() > reach:
            break
        near = np.flatnonzero((np.abs(apart) <= reach).all(axis=1))
        for start in range(0, len(near), max(1, PART // dimension)):
            some = near[start : start + max(1, PART // dimension)]
            first, second = order[some], order[some + step]
            distance = np.linalg.norm(np.asarray(directions[first]) - np.asarray(directions[second]), axis=1)
            k = int(np.argmin(distance))
            if distance[k] <= reach:
                reach = float(distance[k])
                i, j = sorted((int(first[k]), int(second[k])))
                best = (i, j, 2 * float(np.arcsin(min(1.0, reach / 2))))
    return best


__all__ = ["REACH", "nearest_pair"]
