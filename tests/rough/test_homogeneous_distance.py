"""The homogeneous p-variation distance, paths that are close to each other, and paths on different times."""

import math

import numpy as np
import pytest
from brute_force import random_path, size
from brute_force import supremum as brute_force

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.variation.exact import homogeneous_variation

# Both routes add at most a dozen powers of numbers of size about 1, then take a root.
TOLERANCE = 1e-12


def slow_homogeneous(a, b, p, level, norm):
    x, y = rough.lift(a, level), rough.lift(b, level)

    def gap(i, j):
        quotient = rough.flat.product(rough.flat.inverse(x.increment(i, j), 2), y.increment(i, j), 2)
        ends = np.cumsum([2**k for k in range(1, level + 1)])[:-1]
        levels = np.split(np.asarray(quotient), ends)
        return max((math.factorial(k) * size(part, norm)) ** (1 / k) for k, part in enumerate(levels, start=1))

    return brute_force(gap, len(a), p) ** (1 / p)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize(("p", "level", "points"), [(1.5, 1, 9), (2.5, 2, 9), (3.2, 3, 7)])
def test_homogeneous_distance_is_the_supremum_over_all_partitions(norm, p, level, points):
    a, b = random_path(3, points, 2), random_path(4, points, 2)
    found = homogeneous_variation(a, b, p, level=None, norm=norm)
    assert (found.level, found.root, found.norm) == (level, True, norm)
    assert rough.homogeneous_distance(a, b, p, norm=norm) == found.value
    # The slow route loses up to 3 digits to the inverse of the prefixes, and takes a third root.
    assert math.isclose(found.value, slow_homogeneous(a, b, p, level, norm), rel_tol=1e-11)
    given_lift = rough.homogeneous_distance(rough.lift(a, 3), b, p, norm=norm)
    assert math.isclose(given_lift, found.value, rel_tol=1e-12)


def test_homogeneous_distance_is_a_distance_that_scales_like_the_path():
    a, b, c = (random_path(seed, 80, 2) for seed in (1, 2, 3))
    far = rough.homogeneous_distance(a, b, 2.5)
    assert rough.homogeneous_distance(a, a, 2.5) == 0.0
    assert math.isclose(rough.homogeneous_distance(b, a, 2.5), far, rel_tol=1e-10)  # |g^-1| = |g|, cancelling
    assert far <= rough.homogeneous_distance(a, c, 2.5) + rough.homogeneous_distance(c, b, 2.5)
    assert math.isclose(rough.homogeneous_distance(8 * a, 8 * b, 2.5), 8 * far, rel_tol=TOLERANCE)
    # The constant path at distance |||X|||: for a straight line |dx|, whatever the partition at p = 1
    line = np.linspace(0, 1, 7)[:, None] * np.array([3.0, 4.0])
    assert math.isclose(rough.homogeneous_distance(line, 0 * line, 1.0, norm="l2"), 5.0, rel_tol=1e-14)
    assert math.isclose(rough.homogeneous_distance(line, 0 * line, 2.0, norm="l2"), 5.0, rel_tol=1e-14)


def test_homogeneous_distance_refuses_lifts_outside_the_group():
    path = random_path(0, 6, 2)
    steps = np.array(rough.lift(path, 2).steps)
    steps[3, 2] += 0.1  # a symmetric part
    ito = rough.lift_from_steps(steps, 2, 2, geometric=False)
    with pytest.raises(InputError, match="path_b to be a geometric lift.*row 3"):
        rough.homogeneous_distance(path, ito, 2.5)
    assert rough.p_variation_distance(path, ito, 2.5) > 0.05
    with pytest.raises(InputError, match="level at least 2"):
        rough.homogeneous_distance(rough.lift(path, 1), path, 2.5)


def test_paths_on_different_times_are_refused():
    path = random_path(0, 5, 2)
    times = np.array([0.0, 0.5, 1.0, 1.5, 3.0])
    here = rough.PiecewiseLinear(path, times)
    for function in (rough.p_variation_distance, rough.homogeneous_distance):
        with pytest.raises(InputError, match="same interval"):
            function(here, rough.PiecewiseLinear(path, times + 1), 2.0)
        with pytest.raises(InputError, match="same sample times.*row 2"):
            function(here, rough.PiecewiseLinear(path, [0.0, 0.5, 1.2, 1.5, 3.0]), 2.0)
        assert float(function(here, path, 2.0)) == 0.0
        with pytest.raises(InputError, match="same points and channels"):
            function(path, path[:, :1], 2.0)
        with pytest.raises(InputError, match="channel"):
            function(path, np.zeros((5, 0)), 2.0)
        # Times that were given count, also where they are 0, 1, 2, ...
        row_numbers = rough.PiecewiseLinear(path, np.arange(5.0))
        for there in (row_numbers, rough.lift(row_numbers, 2), rough.reverse(row_numbers)):
            with pytest.raises(InputError, match="same interval"):
                function(there, rough.PiecewiseLinear(path, 10 * np.arange(5.0)), 2.0)
        for bare in (rough.PiecewiseLinear(path), rough.lift(path, 2)):
            assert float(function(bare, here, 2.0)) == 0.0


def test_distances_of_paths_close_to_each_other_keep_their_digits():
    # Against 40 digits, on the same sample points: increments at level 2 by Chen's identity, all pairs, p = 2.5.
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 2)).cumsum(0)
    y = x + 1e-9 * rng.normal(size=(6, 2))

    def product(a, b):
        return a[0] + b[0], a[1] + b[1] + a[0] * b[0].T

    def increment(points, i, j):
        found = mpmath.matrix(2, 1), mpmath.matrix(2, 2)
        for k in range(i, j):
            step = mpmath.matrix([mpmath.mpf(float(b)) - mpmath.mpf(float(a)) for a, b in zip(*points[k : k + 2])])  # noqa: B905
            found = product(found, (step, step * step.T / 2))
        return found

    def size(part):
        return sum(abs(entry) for entry in part)

    with mpmath.workdps(40):
        p = mpmath.mpf("2.5")
        best = np.zeros((3, 6), dtype=object)
        for j in range(1, 6):
            rows = []
            for i in range(j):
                a, b = increment(x, i, j), increment(y, i, j)
                first, second = product((-a[0], a[0] * a[0].T - a[1]), b)
                homogeneous = max(size(first), mpmath.sqrt(2 * size(second)))
                sizes = size(a[0] - b[0]) ** p, size(a[1] - b[1]) ** (p / 2), homogeneous**p
                rows.append([best[k, i] + sizes[k] for k in range(3)])
            best[:, j] = [max(column) for column in zip(*rows)]  # noqa: B905
        expected = [float(best[0, -1] ** (1 / p)), float(best[1, -1] ** (2 / p)), float(best[2, -1] ** (1 / p))]
    found = rough.p_variation_levels(x, 2.5, against=y)
    # A few dozen roundings relative to the differences themselves.
    np.testing.assert_allclose([found[1].value, found[2].value], expected[:2], rtol=1e-13)
    np.testing.assert_allclose(rough.homogeneous_distance(x, y, 2.5), expected[2], rtol=1e-13)


def test_lifts_that_are_close_keep_some_seven_digits_and_paths_all():
    x, z = random_path(0, 50, 2), random_path(1, 50, 2)
    y = x + 1e-9 * z
    for function in (rough.p_variation_distance, rough.homogeneous_distance):
        paths = function(x, y, 2.5)
        assert math.isclose(function(rough.lift(x, 2), rough.lift(y, 2), 2.5), paths, rel_tol=1e-6)
