"""p-variation of short paths, with ties, repeats and wild scales, against every partition tried one by one."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shares import cases

import roughntk as rn

EPS = np.finfo(np.float64).eps
POINTS, CHANNELS = st.integers(2, 8), st.integers(1, 3)


def entries():
    return st.one_of(st.integers(-3, 3).map(float), st.floats(-1, 1, width=32), st.sampled_from([1e-9, 1e5, -1e-5]))


@st.composite
def paths(draw, count=1):
    points, channels = draw(POINTS), draw(CHANNELS)
    row = st.lists(entries(), min_size=channels, max_size=channels)
    scale = 2.0 ** draw(st.integers(-200, 200))
    found = [np.array(draw(st.lists(row, min_size=points, max_size=points))) * scale for _ in range(count)]
    return found[0] if count == 1 else found


def every_partition(cost, points, power):
    """sup over all partitions of sum cost(i, j)^power, by recursion over the last point but one."""
    best = {0: 0.0}
    for j in range(1, points):
        best[j] = max(best[i] + cost(i, j) ** power for i in range(j))
    masks = range(2 ** (points - 2)) if points <= 6 else ()
    for mask in masks:  # and one by one
        kept = [0, *(i + 1 for i in range(points - 2) if mask >> i & 1), points - 1]
        total = math.fsum(cost(i, j) ** power for i, j in zip(kept, kept[1:], strict=False))
        assert total <= best[points - 1] * (1 + 16 * EPS)
    return best[points - 1]


def size(v, norm):
    return float(np.abs(v).sum() if norm == "l1" else np.sqrt((v**2).sum()))


def area(path, i, j):
    """The second level of the piece from i to j, as a double sum."""
    dx = np.diff(path[i : j + 1], axis=0)
    total = np.zeros((path.shape[1],) * 2)
    for b in range(len(dx)):
        total += np.multiply.outer(dx[:b].sum(0), dx[b]) + np.multiply.outer(dx[b], dx[b]) / 2
    return total


@cases("variation")
@given(path=paths(), p=st.one_of(st.floats(1, 6), st.integers(1, 4)), norm=st.sampled_from(["l1", "l2"]))
def test_level_one(path, p, norm):
    scale = float(np.abs(np.diff(path, axis=0)).max()) or 1.0
    small = path / scale - path[0] / scale
    truth = scale * every_partition(lambda i, j: size(small[j] - small[i], norm), len(path), p) ** (1 / p)
    assert abs(rn.rough.p_variation(path, p, norm=norm) - truth) <= 64 * EPS * truth + 1e-300


@cases("variation")
@given(pair=paths(count=2), p=st.floats(2, 2.99), norm=st.sampled_from(["l1", "l2"]))
def test_level_two_of_a_distance(pair, p, norm):
    scale = float(np.abs(np.diff(pair, axis=1)).max()) or 1.0
    a, b = (each / scale - each[0] / scale for each in pair)
    truth = every_partition(lambda i, j: size(area(a, i, j) - area(b, i, j), norm), len(a), p / 2) ** (2 / p)
    found = rn.rough.p_variation_distance(a, b, p, level=2, norm=norm)
    assert abs(found - truth) <= 1e-12 * max(1.0, truth)  # levels are differences of terms of order 50 at most


@cases("variation")
@given(path=paths(), p=st.floats(1, 4), q=st.floats(1, 4))
def test_it_does_not_grow_with_p_and_a_partition_attains_it(path, p, q):
    p, q = sorted((p, q))
    assert rn.rough.p_variation(path, q) <= rn.rough.p_variation(path, p) * (1 + 64 * EPS)
    steps = np.diff(path[rn.rough.p_variation_partition(path, p)], axis=0)
    norms = np.abs(steps).sum(1)
    largest = max(float(norms.max()), 1e-300)
    attained = largest * ((norms / largest) ** p).sum() ** (1 / p)
    assert abs(attained - rn.rough.p_variation(path, p)) <= 64 * EPS * attained + 1e-300
