"""Controls, Hoelder norms and the critical exponent."""

import itertools
import math

import numpy as np
import pytest
from brute_force import random_path, size, slow_increment, supremum
from hypothesis import given, settings
from hypothesis import strategies as st

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.variation.regularity import control, critical_p, hoelder_norm

# Sums of at most a dozen powers of numbers of size about 1.
TOLERANCE = 1e-12


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 100), st.sampled_from([1.0, 1.5, 2.2, 3.0]), st.booleans())
def test_a_control_is_the_supremum_on_each_interval(seed, p, scalar):
    path = np.random.default_rng(seed).integers(-3, 4, (10, 1 if scalar else 2)).cumsum(0) / 2.0
    tabled, queried = control(path, p), control(path, p, table=False)
    assert tabled.table is not None and queried.table is None
    for s, t in itertools.combinations(range(10), 2):
        best = supremum(lambda i, j, s=s: size(path[s + j] - path[s + i], "l1"), t - s + 1, p)
        assert math.isclose(tabled(s, t), best, rel_tol=TOLERANCE, abs_tol=1e-300)
        assert math.isclose(queried(s, t), best, rel_tol=TOLERANCE, abs_tol=1e-300)
    assert tabled(4, 4) == queried(4, 4) == 0.0


@pytest.mark.parametrize("table", [True, False])
def test_a_control_of_a_lift_adds_its_levels_is_superadditive_and_bounds_increments(table):
    path = random_path(0, 12, 2)
    omega = control(rough.lift(path, 2), 2.5, norm="l1", table=table)
    assert omega.levels == (1, 2)
    for s, t in ((0, 11), (2, 9), (5, 6)):
        sums = [
            supremum(lambda i, j, s=s, k=k: size(slow_increment(path, s + i, s + j, k), "l1"), t - s + 1, 2.5 / k)
            for k in (1, 2)
        ]
        assert math.isclose(omega(s, t), sum(sums), rel_tol=TOLERANCE)
    for s, t, u in itertools.combinations(range(12), 3):
        assert omega(s, t) + omega(t, u) <= omega(s, u) * (1 + TOLERANCE)
    for s, t in itertools.combinations(range(12), 2):
        for k in (1, 2):
            assert size(slow_increment(path, s, t, k), "l1") <= omega(s, t) ** (k / 2.5) * (1 + TOLERANCE)
    assert "levels=(1, 2)" in repr(omega)


def test_a_control_keeps_a_table_for_moderate_paths_only_and_scales():
    walk = random_path(1, 2000, 1)
    omega = control(walk, 2.0)
    assert omega.table is None
    assert omega(300, 1700) == rough.p_variation(walk[300:1701], 2.0, root=False)
    small = control(walk[:50], 2.0)
    far = control(walk[:50] * 2.0**100, 2.0)  # beyond 2^64 the path is held in other units
    assert math.isclose(far(3, 44), small(3, 44) * 2.0**200, rel_tol=TOLERANCE)


@pytest.mark.parametrize("exponent", [-60, 60])
def test_controls_and_hoelder_norms_of_high_levels_hold_at_every_scale(exponent):
    path, scale = random_path(0, 8, 2), 2.0**exponent
    one, other = control(path, 9.0, level=9), control(scale * path, 9.0, level=9)
    for s, t in ((0, 7), (2, 5)):
        assert math.isclose(other(s, t), scale**9 * one(s, t), rel_tol=TOLERANCE)
    # level 9 of a path of size 2^120 is beyond float64, its control of p = 2.5 is not
    one, other = control(path, 2.5, level=9), control(scale**2 * path, 2.5, level=9)
    assert math.isclose(other(0, 7), scale**5 * one(0, 7), rel_tol=TOLERANCE)
    found = hoelder_norm(scale * path, 0.1, level=9).value
    assert math.isclose(found, scale**9 * hoelder_norm(path, 0.1, level=9).value, rel_tol=TOLERANCE)


def test_a_control_refuses_bad_intervals_and_tables_beyond_memory():
    path = random_path(0, 6, 2)
    omega = control(path, 2.0)
    for s, t in ((-1, 3), (0, 6), (0.5, 2)):
        with pytest.raises(InputError, match="expected [st] "):
            omega(s, t)
    with pytest.raises(InputError, match="s <= t"):
        omega(3, 2)
    with pytest.raises(InputError, match="table=False"):
        control(np.zeros(20000), 2.0, table=True)
    with pytest.raises(InputError, match="p >= 1"):
        control(path, 0.5)
    with pytest.raises(InputError, match="level at least 2"):
        control(rough.lift(path, 1), 2.5)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_hoelder_norm_is_the_largest_ratio(norm):
    path, times = random_path(2, 90, 2), np.sort(np.random.default_rng(0).uniform(0, 1, 90))
    for k, exponent in ((1, 0.4), (1, 1.0), (2, 0.4)):
        found = hoelder_norm(path, exponent, times=times, level=k, norm=norm)
        ratios = {
            (i, j): size(slow_increment(path[i : j + 1], 0, j - i, k), norm) / (times[j] - times[i]) ** (k * exponent)
            for i, j in itertools.combinations(range(0, 90), 2)
            if k == 1 or j - i < 12
        }
        if k == 1:
            assert math.isclose(found.value, max(ratios.values()), rel_tol=TOLERANCE)
            assert found.pair == max(ratios, key=lambda pair: ratios[pair])
        else:
            assert found.value >= max(ratios.values()) * (1 - TOLERANCE)
            i, j = found.pair
            ratio = size(slow_increment(path, i, j, k), norm) / (times[j] - times[i]) ** (k * exponent)
            assert math.isclose(found.value, ratio, rel_tol=TOLERANCE)


def test_hoelder_norms_of_known_paths_and_of_lifts():
    line = rough.PiecewiseLinear([0.0, 3.0, 3.0], [0.0, 2.0, 3.0])
    assert math.isclose(hoelder_norm(line, 1.0).value, 1.5, rel_tol=1e-15)
    root = np.sqrt(np.linspace(0, 1, 400))
    found = hoelder_norm(root, 0.5, times=np.linspace(0, 1, 400))
    assert math.isclose(found.value, 1.0, rel_tol=1e-14) and found.pair[0] == 0
    lifted = rough.lift(random_path(3, 20, 2), 2)
    both = hoelder_norm(lifted, 0.4)
    assert set(both.levels) == {1, 2} and float(both) == max(both.levels.values())
    # p-variation is at most the Hoelder norm: sum |x|^p <= |x|_Hoel^p sum |t - s|
    assert rough.p_variation(lifted, 2.5, level=1) <= both.levels[1] * 19**0.4
    assert set(hoelder_norm(rough.lift(random_path(3, 5, 2), 3), 1 / 3).levels) == {1, 2, 3}


def test_a_hoelder_norm_refuses_bad_exponents_and_times():
    path = random_path(0, 5, 2)
    for exponent in (0.0, 1.5, -1, float("nan"), "1", True):
        with pytest.raises(InputError, match="exponent .*above 0 and at most 1"):
            hoelder_norm(path, exponent)
    for exponent in (np.array(0.5), np.float32(0.5)):
        assert hoelder_norm(path, exponent).value == hoelder_norm(path, 0.5).value
    assert hoelder_norm(path, 1e-320).value == max(size(path[j] - path[i], "l1") for i in range(5) for j in range(i, 5))
    with pytest.raises(InputError, match="at least 0.000999"):
        hoelder_norm(rough.lift(path, 2), 1e-9)
    with pytest.raises(InputError, match="within float64.*its times"):
        hoelder_norm(1e10 * path, 1.0, times=1e-300 * np.arange(5.0))
    with pytest.raises(InputError, match="increasing"):
        hoelder_norm(path, 0.5, times=[0.0, 1.0, 1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="one for each point"):
        hoelder_norm(path, 0.5, times=[0.0, 1.0])
    with pytest.raises(InputError, match="finite"):
        hoelder_norm(path * np.nan, 0.5)


def fractional(points, hurst, rng):
    """Fractional Brownian motion by circulant embedding of the noise's covariance."""
    k = np.arange(points)
    row = 0.5 * (abs(k + 1.0) ** (2 * hurst) + abs(k - 1.0) ** (2 * hurst) - 2.0 * k ** (2 * hurst))
    spectrum = np.fft.fft(np.concatenate([row, row[-2:0:-1]])).real.clip(min=0)
    size = len(spectrum)
    noise = rng.standard_normal(size) + 1j * rng.standard_normal(size)
    return np.fft.fft(np.sqrt(spectrum / size) * noise).real[:points].cumsum()


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.75])
def test_the_critical_exponent_of_fractional_brownian_motion_is_one_over_h_within_its_error(hurst):
    rng = np.random.default_rng(1)
    for points, largest_error in ((1024, 0.1), (16384, 0.022)):
        found = [critical_p(fractional(points, hurst, rng)) for _ in range(20)]
        scores = np.array([(x.p - 1 / hurst) / x.standard_error for x in found])
        # 95 % lie within 2; of 20 draws, 16 or fewer do with probability below 2 %, and the seed is fixed
        assert (abs(scores) < 2).sum() >= 17
        assert abs(scores).max() < 4.5
        assert np.mean([x.standard_error * hurst for x in found]) < largest_error
        low, high = found[0].interval()
        assert 1 <= low < found[0].p < high


@pytest.mark.parametrize("hurst", [0.9, 0.95])
def test_a_critical_exponent_that_is_cut_at_one_keeps_its_error(hurst):
    rng = np.random.default_rng(2)
    found = [critical_p(fractional(points, hurst, rng)) for points in (128, 300) for _ in range(20)]
    assert any(x.p == 1 for x in found)
    assert max(abs(x.p - 1 / hurst) / x.standard_error for x in found) < 4.5
    assert sum(abs(x.p - 1 / hurst) < 2 * x.standard_error for x in found) >= 34  # 36 of 40 by the rate of 90 %


def test_the_critical_exponent_of_paths_of_finite_length_is_one():
    times = np.linspace(0, 6, 1000)
    for path in (times, np.sin(times), np.stack([np.cos(times), times**2], 1), np.abs(times - 3), np.zeros(500)):
        assert critical_p(path).p == 1.0
    walk = rough.PiecewiseLinear(np.random.default_rng(0).standard_normal((4000, 3)).cumsum(0))
    assert abs(float(critical_p(walk)) - 2) < 0.1
    assert abs(critical_p(walk, coarsest=8).p - 2) < 0.1 and critical_p(walk, coarsest=8).lags == (1, 2, 4, 8)


def test_the_critical_exponent_refuses_what_has_none():
    noise = np.random.default_rng(0).standard_normal(2000)
    with pytest.raises(InputError, match="white noise"):
        critical_p(noise)
    with pytest.raises(InputError, match="at least 128 points"):
        critical_p(noise[:100])
    with pytest.raises(InputError, match="equally spaced"):
        critical_p(rough.PiecewiseLinear(noise.cumsum(), np.arange(2000.0) ** 2))
    with pytest.raises(InputError, match="coarsest"):
        critical_p(noise.cumsum(), coarsest=1000)


def test_times_far_from_zero_are_uniform_within_their_rounding():
    walk = np.random.default_rng(1).normal(size=(400, 1)).cumsum(0)
    near = rough.PiecewiseLinear(walk, np.arange(400) / 1000)
    far = rough.PiecewiseLinear(walk, 1.7e9 + np.arange(400) / 1000)
    assert rough.critical_p(far).p == rough.critical_p(near).p
    uneven = 1.7e9 + np.arange(400) / 1000
    uneven[7] += 1e-5
    with pytest.raises(InputError, match="equally spaced"):
        rough.critical_p(rough.PiecewiseLinear(walk, uneven))
