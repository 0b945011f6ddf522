"""Suprema over all partitions by trying every one, for the tests of the p-variation routines."""

import itertools
import math

import numpy as np


def partitions(points):
    """All 2^(points - 2) partitions of 0, ..., points - 1, as tuples of indices."""
    for chosen in itertools.product((False, True), repeat=points - 2):
        yield (0, *(i for i, kept in enumerate(chosen, start=1) if kept), points - 1)


def supremum(cost, points, power):
    """sup over all partitions of sum cost(i, j)^power."""
    table = {(i, j): cost(i, j) ** power for i in range(points) for j in range(i + 1, points)}
    return max(math.fsum(table[pair] for pair in itertools.pairwise(partition)) for partition in partitions(points))


def programme(cost, points, power):
    """The same by the plain dynamic programme, for paths too long to try every partition; cost(j) is the row of all
    c(i, j), i < j."""
    best = np.zeros(points)
    for j in range(1, points):
        best[j] = (best[:j] + cost(j) ** power).max()
    return best[-1]


def slow_increment(path, i, j, level):
    """Level 1, 2 or 3 of the piece from i to j by sums over its increments (no Chen, no recursion)."""
    dx = np.diff(path[i : j + 1], axis=0)
    total = 0.0
    for rows in itertools.combinations_with_replacement(range(len(dx)), level):
        # On one piece, m equal indices contribute 1/m!.
        weight = math.prod(math.factorial(rows.count(row)) for row in set(rows))
        term = dx[rows[0]]
        for row in rows[1:]:
            term = np.multiply.outer(term, dx[row])
        total = total + term / weight
    return np.ravel(total)


def size(vector, norm):
    return np.abs(vector).sum() if norm == "l1" else np.sqrt((vector**2).sum())


def random_path(seed, points, channels):
    return np.random.default_rng(seed).uniform(-1, 1, (points, channels)).cumsum(0)
