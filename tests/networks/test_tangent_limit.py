"""The limit law of the tangent kernel of two inputs: what was known of it, its diagonal, and simulated networks."""

import math

import jax
import numpy as np
import pair_networks
import pytest

import roughntk as rn
from roughntk._checks import InputError
from roughntk.networks import tangent_moments, tangent_ratio_limit

SAMPLES, STEPS = 2048, 50


@pytest.fixture(scope="module")
def drawn():
    return {t: tangent_ratio_limit(t, key=jax.random.key(round(100 * t)), samples=SAMPLES, steps=STEPS) for t in KNOWN}


# t: mean, sd of the ratio, by another programme, each to a few units of its last digit
KNOWN = {0.1: (0.270, 0.096), 0.25: (0.289, 0.146), 0.5: (0.3225, 0.194), 1: (0.368, 0.254), 2: (0.438, 0.308)}


@pytest.mark.parametrize("t", KNOWN)
def test_the_ratio_has_the_known_mean_and_spread(drawn, t):
    mean, sd = KNOWN[t]
    each = drawn[t]
    assert abs(each.mean - mean) < 5.5 * each.standard_error + 0.002
    spread_error = np.std((each.ratios - each.mean) ** 2) / (2 * each.sd * math.sqrt(SAMPLES))
    assert abs(each.sd - sd) < 5.5 * spread_error + 0.002
    assert f"at t = {t:g}, {SAMPLES} samples" in repr(each)


def test_the_diagonal_has_the_mean_1_and_the_second_moment_of_the_exact_limit(drawn):
    for t in (0.1, 0.25):
        for place in (0, 1):
            diagonal = drawn[t].kernels[:, place, place]
            for power, expected in ((1, 1.0), (2, tangent_moments(round(1000 * t), 1000).limit)):
                values = diagonal**power
                assert abs(values.mean() - expected) < 5.5 * values.std() / math.sqrt(SAMPLES) + 0.01 * (expected - 1)


def test_kernels_are_positive_semi_definite_and_both_inputs_alike(drawn):
    for each in drawn.values():
        assert (np.linalg.det(each.kernels) >= -1e-12 * np.trace(each.kernels, axis1=1, axis2=2) ** 2).all()
        difference = np.log(each.kernels[:, 0, 0] / each.kernels[:, 1, 1])
        assert abs(difference.mean()) < 5.5 * difference.std() / math.sqrt(SAMPLES)


def test_shallow_networks_are_infinitely_wide_ones():
    each = tangent_ratio_limit(1e-4, key=jax.random.key(0), samples=SAMPLES, steps=STEPS)
    assert abs(each.mean - 0.25) < 1e-3 and each.sd < 0.02


def test_simulated_networks_have_it():
    width, layers, angle = 192, 96, math.pi / 3
    ratios, kernels = [], []
    for seed in range(6):
        kernel = pair_networks.tangent_kernels(angle, width, layers, 100, [seed, 3])
        kernels.append(kernel)
        ratios.append(kernel[:, 0, 1] / np.sqrt(kernel[:, 0, 0] * kernel[:, 1, 1]))
    ratios = np.concatenate(ratios)
    mean, sd = KNOWN[0.5]
    # A network of 96 layers is not deep yet: infinitely wide, it has this and not 1/4.
    wide = float(rn.kernels.ReluNTK().at_angle(angle, layers)) - 0.25
    error = ratios.std() / math.sqrt(ratios.size)
    assert -5.5 * error < ratios.mean() - mean < 5.5 * error + 1.5 * wide
    assert abs(ratios.std() - sd) < 0.03


def test_what_simulates_the_networks_by_their_law_agrees_with_weights():
    inputs = np.array([[1.0, 0.0], [0.5, math.sqrt(0.75)]])
    by_weights = pair_networks.kernels_from_weights(inputs, 32, 4, 2000, 1)
    by_law = pair_networks.tangent_kernels(math.pi / 3, 32, 4, 2000, 2)
    for statistic in (lambda k: k[:, 0, 0], lambda k: k[:, 0, 1], lambda k: k[:, 0, 1] ** 2, lambda k: k[:, 0, 0] ** 2):
        one, other = statistic(by_weights), statistic(by_law)
        assert abs(one.mean() - other.mean()) < 5.5 * math.hypot(one.std(), other.std()) / math.sqrt(2000)


def test_samples_do_not_depend_on_their_number_and_progress_is_told():
    told = []
    few = tangent_ratio_limit(0.5, key=jax.random.key(50), samples=100, steps=STEPS, progress=lambda *p: told.append(p))
    many = tangent_ratio_limit(0.5, key=jax.random.key(50), samples=120, steps=STEPS)
    np.testing.assert_allclose(few.ratios, many.ratios[:100], rtol=0, atol=1e-12)
    assert told == [(100, 100)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": 0}, "expected time above 0 and at most 100, got 0; it is layers over width"),
        ({"time": math.nan}, "expected time .*got nan"),
        ({"time": 1e4}, "expected time .*at most 100, got 10000"),
        ({"key": 3}, "expected a JAX random key, got 3"),
        ({"samples": 0}, "expected samples at least 1, got 0"),
        ({"steps": 1}, "expected steps .*got 1"),
    ],
)
def test_what_is_no_time_or_key_is_refused(change, message):
    arguments = {"time": 0.5, "key": jax.random.key(0), "samples": 4, "steps": 10} | change
    with pytest.raises(InputError, match=message):
        tangent_ratio_limit(arguments.pop("time"), **arguments)
