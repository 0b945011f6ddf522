"""Convergence of sequences of rough paths: the example of pure area, rates, and the rule of the verdict."""

import math

import numpy as np
import pytest
from scipy import stats

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.variation.convergence import CONVERGES, DOES_NOT, UNDECIDED, _rate, convergence

# 12^2 turns of 20 points each: inscribed polygons have the area of the circles up to 2 %.
TURNS = np.array([1, 2, 3, 4, 6, 8, 10, 12])
TIMES = np.linspace(0, 2 * np.pi, 2881)


def circles(n):
    """(cos(n^2 t)/n, sin(n^2 t)/n), whose area over [0, t] is t/2 for every n."""
    return np.stack([np.cos(n * n * TIMES), np.sin(n * n * TIMES)], 1) / n


def area():
    steps = np.zeros((2880, 6))
    steps[:, 3], steps[:, 4] = np.diff(TIMES) / 2, -np.diff(TIMES) / 2
    return rough.lift_from_steps(steps, 2, 2)


def test_fast_circles_converge_to_the_constant_path_at_level_one_only():
    found = convergence([circles(n) for n in TURNS], np.zeros((2881, 2)), 2.5, scale=TURNS)
    assert found.levels == (1, 2) and found.distances.shape == (8, 2)
    assert found.verdicts == (CONVERGES, DOES_NOT) and found.verdict == DOES_NOT
    # level 1: n^2 turns of size 1/n give (n^{2-p})^{1/p}, here n^-0.2
    assert abs(found.rates[0] - 0.2) < 0.05
    for n, row in zip(TURNS, found.distances, strict=True):
        assert row[0] == rough.p_variation_distance(circles(n), np.zeros((2881, 2)), 2.5, level=1)


def test_fast_circles_converge_to_the_pure_area_at_both_levels():
    found = convergence([circles(n) for n in TURNS[:6]], area(), 2.5, scale=1.0 / TURNS[:6])
    assert found.verdict == CONVERGES
    assert (found.rates > 0.1).all() and found.distances[-1, 1] < found.distances[0, 1] / 1.5


def test_interpolations_converge_at_the_rate_of_the_mesh():
    # x^2 interpolated on a mesh h: the level-1 distance in 1-variation is of order h
    times = np.linspace(0, 1, 257)
    curve = np.stack([times, np.sin(3 * times)], 1)
    meshes = 2.0 ** -np.arange(1, 7)
    paths = [
        np.stack(
            [
                np.interp(
                    times, np.linspace(0, 1, round(1 / h) + 1), np.interp(np.linspace(0, 1, round(1 / h) + 1), times, c)
                )
                for c in curve.T
            ],
            1,
        )
        for h in meshes
    ]
    for kind in (lambda x: x, rough.PiecewiseLinear, lambda x: rough.lift(x, 1)):
        found = convergence([kind(x) for x in paths], kind(curve), 1.0, scale=meshes)
        assert found.verdict == CONVERGES
        assert abs(found.rates[0] - 1) < 0.1 and found.rate_errors[0] < 0.1
    exact = convergence([*paths[:3], curve], curve, 1.0)
    assert exact.verdict == CONVERGES and math.isnan(exact.rates[0])


def scaled(sizes):
    shape = np.random.default_rng(0).standard_normal((20, 2)).cumsum(0)
    return convergence([shape * (1 + s) for s in sizes], shape, 1.5)


def test_the_verdict_follows_its_rule():
    n = np.arange(1.0, 13)
    assert scaled(1 / n).verdict == CONVERGES
    assert abs(scaled(1 / n).rates[0] - 1) < 1e-6
    assert scaled(0.5 + 0 * n).verdict == DOES_NOT
    assert scaled(n).verdict == DOES_NOT
    assert scaled(0.5 + 1 / n).verdict != CONVERGES
    assert scaled(0.5 + 1 / np.arange(1.0, 101)).verdict == DOES_NOT
    assert scaled(1 / n[:3]).verdict == UNDECIDED
    assert scaled(1 + 0.9 * np.cos(9 * n)).verdict == UNDECIDED
    assert scaled([1.0, 0.5, 0.1, 0.0]).verdict == CONVERGES


SCALES = [np.arange(2.0, 21.0), np.arange(1.0, 13.0), 2.0 ** np.arange(1.0, 9.0)]


def verdict_of(scale, distances):
    noise = 1 + 1e-12 * np.random.default_rng(0).standard_normal(len(scale))
    return rough.convergence_of_distances((distances * noise)[:, None], 1.5, scale=scale).verdict


@pytest.mark.parametrize("scale", SCALES, ids=["2 to 20", "1 to 12", "powers of two"])
@pytest.mark.parametrize("power", [0.3, 0.5, 1.0, 2.0, 3.0])
def test_a_sequence_that_levels_off_above_zero_is_not_called_convergent(scale, power):
    assert verdict_of(scale, scale**-power) == CONVERGES
    assert verdict_of(1 / scale, scale**-power) == CONVERGES
    for limit in (0.01, 0.1, 1.0):
        found = verdict_of(scale, limit + scale**-power)
        assert found in (DOES_NOT, UNDECIDED)
        if limit >= scale[-1] ** -power:  # within twice its limit
            assert found == DOES_NOT


def test_slow_sequences_are_undecided_and_corrections_of_a_power_are_no_levelling():
    for scale in SCALES:
        inside = scale[scale > 1]
        for limit in (0.1, 0.5):
            assert verdict_of(inside, limit + 1 / np.log(inside)) != CONVERGES
            assert verdict_of(scale, np.sqrt(limit**2 + 1 / scale)) != CONVERGES
        for power in (0.5, 1, 2):  # of which nobody knows whether they end above zero
            assert verdict_of(inside, np.log(inside) ** -power) != DOES_NOT
        for values in (1 / scale + 1 / scale**2, 1 / (scale + 1), np.exp(-scale)):
            assert verdict_of(scale, values) == CONVERGES
    far = 10.0 ** np.arange(9, 17)
    assert verdict_of(far, 1 / np.log(far)) == UNDECIDED  # its rate is below 0.05


def test_the_text_holds_the_table_the_rates_and_the_rule():
    found = scaled(1 / np.arange(1.0, 7))
    text = str(found)
    assert found.rule in text and "rate" in text and f"{found.distances[0, 0]:.6g}" in text
    assert len(text.splitlines()) == 2 + 6 + 3 and "outer root taken" in text


def test_distances_that_are_known_give_the_same_result_without_the_paths():
    shape = np.random.default_rng(0).standard_normal((20, 2)).cumsum(0)
    n = np.arange(1.0, 9)
    found = convergence([shape / m for m in n], 0 * shape, 2.5, scale=n)
    again = rough.convergence_of_distances(found.distances, 2.5, scale=n)
    assert again.verdict == CONVERGES and str(again) == str(found)
    np.testing.assert_array_equal(again.rates, found.rates)
    np.testing.assert_array_equal(again.rate_errors, found.rate_errors)
    # A last distance of 1e-13 is none beside the first one, and one beside 1e-6.
    few = [[1.0], [0.9], [0.8], [1e-13]]
    assert rough.convergence_of_distances(few, 1.0).verdict == CONVERGES
    assert rough.convergence_of_distances(few, 1.0, reference=[1e-6]).verdict == UNDECIDED


@pytest.mark.parametrize(
    ("distances", "options", "match"),
    [
        ([[1.0, 2, 3]] * 4, {}, r"1 to 2 levels for p = 2.5, got shape \(4, 3\)"),
        ([[1.0, 2]], {}, "at least two paths"),
        ([1.0, 2], {}, r"got shape \(2,\)"),
        ([[1.0], [-1.0]], {}, "negative ones in row 1"),
        ([[1.0], [np.nan]], {}, r"distances\[1, 0\] = nan"),
        ([[1.0], [1.0]], {"reference": [1.0, 2.0]}, "1 sizes, one a level"),
        ([[1.0], [1.0]], {"scale": [1.0]}, "scale"),
    ],
)
def test_bad_distances_are_refused(distances, options, match):
    with pytest.raises(InputError, match=match):
        rough.convergence_of_distances(distances, 2.5, **options)


def test_convergence_refuses_bad_input():
    path = np.random.default_rng(0).standard_normal((5, 2))
    with pytest.raises(InputError, match="at least two paths"):
        convergence([path], path, 2.0)
    with pytest.raises(InputError, match="sequence of paths"):
        convergence(rough.lift(path, 2), path, 2.0)
    for paths in (None, 3, "paths"):
        with pytest.raises(InputError, match="expected a sequence of paths, got (NoneType|int|str)"):
            convergence(paths, path, 2.0)
    with pytest.raises(InputError, match=r"exponent below 1001.*got 1e\+300"):
        convergence([path, path], path, 1e300)
    with pytest.raises(InputError, match=r"paths\[1\].*same points"):
        convergence([path, path[:4]], path, 2.0)
    with pytest.raises(InputError, match=r"paths\[1\].*finite"):
        convergence([path, path * np.nan], path, 2.0)
    with pytest.raises(InputError, match="level at least 2"):
        convergence([path, rough.lift(path, 1)], path, 2.0)
    with pytest.raises(InputError, match="p >= 1"):
        convergence([path, path], path, 0.5)
    for scale in ([1.0], [1.0, 1.0], [-1.0, 1.0], [2.0, 1.0, 0.5]):
        with pytest.raises(InputError, match="scale"):
            convergence([path, path], path, 2.0, scale=scale)


@pytest.mark.parametrize("count", [3, 4, 9])
def test_a_rate_and_its_interval_are_those_of_a_least_squares_line(count):
    x, noise = np.linspace(0.0, 3.0, count) ** 1.5, np.random.default_rng(count).normal(0, 0.1, count)
    rate, half_width = _rate(x, np.exp(noise - 0.7 * x))
    line = stats.linregress(x, 0.7 * x - noise)
    # n sums of numbers of size 2, and a standard error of 0.05: some eps over it
    assert rate == pytest.approx(line.slope, rel=1e-13)
    assert half_width == pytest.approx(line.stderr * stats.t.ppf(0.975, count - 2), rel=1e-10)
