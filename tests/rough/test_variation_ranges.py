"""p-variation at scales, exponents and levels at the ends of the range of float64."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from brute_force import random_path

from roughntk import rough
from roughntk._checks import InputError

# Both routes add at most a dozen powers of numbers of size about 1, then take a root.
TOLERANCE = 1e-12


@pytest.mark.parametrize("exponent", [-60, -28, 28, 60])
def test_high_levels_hold_at_every_scale(exponent):
    # Powers of two: the same numbers in other units, up to the rounding of roots and powers.
    path, other = random_path(1, 8, 2), random_path(2, 8, 2)
    scale, level = 2.0**exponent, 9
    for function, power in (
        (lambda s: rough.p_variation(s * path, 9.0, level=level), level),
        (lambda s: rough.p_variation(rough.PiecewiseLinear(s * path + s), 9.0, level=level), level),
        (lambda s: rough.p_variation_distance(s * path, s * other, 9.0, level=level, norm="l2"), level),
        (lambda s: rough.p_variation_distance(0 * path, s * other, 9.0, level=level, norm="l2"), level),
        (lambda s: rough.homogeneous_distance(s * path, s * other, 9.0, level=level, norm="l2"), 1),
    ):
        assert math.isclose(function(scale), scale**power * function(1.0), rel_tol=1e-13)


def test_increments_that_are_small_beside_the_path_count():
    # An offset takes digits from the increments (here all but 20 bits of 2^-32), but does not set the unit.
    path = np.round(random_path(1, 6, 2) * 2.0**20) * 2.0**-52
    found = rough.p_variation(1 + path, 16.0, level=16)
    assert math.isclose(found, rough.p_variation(path * 2.0**32, 16.0, level=16) * 2.0**-512, rel_tol=1e-12)


def test_exponents_and_levels_may_be_large_and_come_as_numpy_or_jax_numbers():
    path = random_path(0, 6, 2)
    for p in (np.array(2.0), jnp.asarray(2.0), np.float32(2), 2, np.int64(2)):
        assert rough.p_variation(path, p) == rough.p_variation(path, 2.0)
    assert rough.p_variation([0.0, 1.0, 3.0], 1e308) == 3.0
    for p in (np.array([2.0]), jnp.ones(1), True, np.bool_(True), "2", 10**400, None):
        with pytest.raises(InputError, match="p >= 1"):
            rough.p_variation(path, p)
    # |dx|^k / k! in one channel: 180! is beyond float64, 9^180 / 180! is not, and neither is 9^400 / 400!
    for size_, level in ((9.0, 180), (9.0, 400), (100.0, 180)):
        found = rough.p_variation([0.0, size_], 200.0, level=level)
        logs = level * math.log(size_) - math.fsum(map(math.log, range(1, level + 1)))
        assert math.isclose(found, math.exp(logs), rel_tol=1e-12)
    line = np.array([0.0, 1.0, -0.5, 2.0])
    far = rough.homogeneous_distance(line, 0 * line, 180.5)
    assert math.isclose(far, rough.p_variation(line, 180.5), rel_tol=1e-14)
    for call in (
        lambda: rough.p_variation_distance(path, path, 1e300),
        lambda: rough.homogeneous_distance(path, path, 1e300),
        lambda: rough.greedy_partition(path, 1e300, 1.0),
        lambda: rough.greedy_partition(rough.lift(path, 2), 1e300, 1.0),
    ):
        with pytest.raises(InputError, match=r"1e\+300") as caught:
            call()
        assert len(str(caught.value)) < 250
    partition = rough.greedy_partition(path, 2.0, jnp.asarray(1.0))
    np.testing.assert_array_equal(partition, rough.greedy_partition(path, 2.0, 1.0))
    with pytest.raises(InputError, match="threshold .*above 0"):
        rough.greedy_partition(path, 2.0, np.array([1.0]))
    options = rough.RDEOptions(rtol=np.float32(1e-6), atol=np.array(1e-9))
    assert (options.rtol, options.atol) == (float(np.float32(1e-6)), 1e-9)
    with pytest.raises(InputError, match="expected rtol to be one finite real number"):
        rough.RDEOptions(rtol=np.array([1e-6]))


def test_values_farther_apart_than_float64_reaches_are_measured_or_refused():
    """The difference of two values overflows; the distance of two such paths need not."""
    far = np.array([[1e308, 1e308], [-1e308, 1e308], [0.0, 0.0]])
    assert rough.p_variation_distance(far, far, 2.5) == 0
    with pytest.raises(InputError, match=r"within float64, got one of about 2\^102"):
        rough.p_variation_distance(far, np.zeros((3, 2)), 2.5)


def test_the_largest_exponent_of_all_finds_the_largest_increment():
    path = np.array([[0.0, 0.0], [1.0, 0.5], [0.25, 1.5], [2.0, -1.0], [1.5, 0.0]])
    largest = max(np.abs(a - b).sum() for a in path for b in path)
    assert rough.p_variation(path, 1e308) == pytest.approx(largest, rel=8 * np.finfo(float).eps)
