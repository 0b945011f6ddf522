"""A stated uncertainty holds: the truth lies within 4 times it, for random members, with the rounding changed."""

import dataclasses
import importlib
import math

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import roughntk as rn
from roughntk.depth import extrapolation
from roughntk.depth.phases.fixed_points import analyse

pytestmark = pytest.mark.portable

room = importlib.import_module("roughntk.depth.phases.decision")  # the name in the package is the function
EPS = np.finfo(np.float64).eps
DEPTHS = extrapolation.sample_depths(300, 100_000)
HOLDS = 4  # times the stated uncertainty


def rounded(values, random):
    """The values with another rounding."""
    return values * (1 + EPS * random.uniform(-1, 1, np.shape(values)))


def test_biased_relu_tends_to_four_sevenths_within_what_is_stated():
    found = rn.classify(rn.kernels.BiasedReluNTK(bias=0.5, weight_variance=2.0))
    assert abs(found.ratio - 4 / 7) <= HOLDS * found.ratio_uncertainty < 1e-7
    assert abs(found.limit - 4 / 7) <= HOLDS * found.ratio_uncertainty
    assert abs(found.beta - 3 / 2) <= HOLDS * found.beta_uncertainty < 1e-5
    assert abs(found.gamma - 2) <= HOLDS * found.gamma_uncertainty < 1e-5
    assert found.coefficients == "4/(4n + 3) each"


def critical_members(kind: str, random):
    """(member, limit, beta, gamma) with random parameters."""
    number = random.uniform
    for _ in range(3):
        if kind == "biased":
            yield rn.kernels.BiasedReluNTK(math.exp(number(-2, 1)), 2.0, math.exp(number(-1, 1))), 4 / 7, 1.5, 2
        elif kind == "grown":
            yield rn.kernels.BiasedReluNTK(math.exp(number(-2, 1)), number(2.1, 4), 1.0), 1 / 4, 3, 1
        elif kind == "erf":
            yield rn.kernels.ErfNTK.critical(math.exp(number(-5, 1)), math.exp(number(-1, 1))), 1 / 3, 2, 1
        else:
            yield rn.kernels.LeakyReluNTK(number(-1, 0.9)), 1 / 4, 3, 1


@pytest.mark.parametrize("kind", ["biased", "grown", "erf", "leaky"])
def test_limits_beta_and_gamma_of_critical_members_hold(kind):
    random = np.random.default_rng(1)
    for family, limit, beta, gamma in critical_members(kind, random):
        path, kept = room._run(family, jnp.asarray(room.ANGLES), room.LAYERS)
        K, kept = rounded(np.asarray(path), random), np.asarray(kept)[:, [0, 2]]
        found = [(room._extrapolated(DEPTHS, K[DEPTHS - 1, k]), limit) for k in range(1, 5)]
        found += zip(room._critical_rule(kept), (gamma, beta, gamma / (gamma + beta)), strict=True)
        for fit, truth in found:
            # those less certain than 1e-4 are not reported
            assert abs(fit.value - truth) <= HOLDS * fit.uncertainty or fit.uncertainty > 1e-4, (family, truth, fit)
        assert min(fit.uncertainty for fit, _ in found) < 1e-5


@pytest.mark.parametrize("step", extrapolation.STEPS)
def test_limits_and_leading_terms_of_random_expansions_hold(step):
    """The expansions go on beyond what is fitted."""
    random = np.random.default_rng(2)
    L = DEPTHS.astype(float)
    off, seen = [], 0
    for _ in range(60):
        limit, values = random.uniform(-1, 1), np.zeros(len(L))
        amplitudes = {}
        for power in np.arange(step, 5, step):
            for logs in range(math.floor(power) + 1):
                amplitudes[power, logs] = random.normal()
                values += amplitudes[power, logs] * np.log(L) ** logs / L**power
        found = extrapolation.power_limit(DEPTHS, rounded(limit + values, random))
        off.append(abs(found.value - limit) / found.uncertainty)
        leading = found.leading
        if leading is not None:
            seen += 1
            truth = amplitudes[leading.power, leading.logs]
            assert abs(leading.amplitude - truth) <= HOLDS * leading.uncertainty, leading
    assert max(off) <= HOLDS and seen > 30


def test_rates_of_random_geometric_approaches_hold():
    random = np.random.default_rng(3)
    for case in range(60):
        base, power = random.uniform(0.2, 0.97), case % 2
        L = np.arange(1, 3001)
        second = random.normal() / L if power else random.normal() * (base * random.uniform(0.2, 0.9)) ** L
        distance = L**power * base**L * (1 + second) * random.uniform(0.3, 3)
        limit = random.uniform(0.2, 1)
        found = extrapolation.geometric_rate((limit + distance) - limit)
        assert found is not None and abs(found.base - base) <= HOLDS * found.uncertainty, (base, power, found)


def erf_layer(weight: float, bias: float):
    """The settled correlation map of the erf network and its slope, with 30 digits."""
    weight, bias = mpmath.mpf(weight), mpmath.mpf(bias)

    def moved(q):
        return weight * 2 / mpmath.pi * mpmath.asin(2 * q / (1 + 2 * q)) + bias

    start = mpmath.mpf(1)
    for _ in range(200):
        start = moved(start)
    q = mpmath.findroot(lambda q: moved(q) - q, start)
    s = 2 * q / (1 + 2 * q)
    return (
        lambda c: (weight * 2 / mpmath.pi * mpmath.asin(s * c) + bias) / q,
        lambda c: weight * 2 / mpmath.pi * s / mpmath.sqrt(1 - (s * c) ** 2) / q,
    )


def test_fixed_points_and_multipliers_hold():
    random = np.random.default_rng(4)
    with mpmath.workdps(30):
        for _ in range(6):
            weight, bias = random.uniform(0.5, 4), math.exp(random.uniform(-3, 0))
            h, slope = erf_layer(weight, bias)
            for point in analyse(rn.kernels.ErfNNGP(weight, bias)).points:
                c = mpmath.mpf(1) if point.c == 1 else mpmath.findroot(lambda c, h=h: h(c) - c, point.c)
                assert abs(point.c - c) <= HOLDS * point.c_uncertainty
                assert abs(point.multiplier - slope(c)) <= HOLDS * point.multiplier_uncertainty < 1e-12


@pytest.mark.parametrize(
    ("family", "side"),
    [(rn.kernels.ErfNTK(1.55211786, 0.1), "a chaotic"), (rn.kernels.BiasedReluNTK(0.5, 2 - 1e-7), "an ordered")],
)
def test_a_chi_that_only_counts_as_one_leaves_the_limit_undecided(family, side):
    found = rn.classify(family)
    assert found.phase == "critical" and 0 < abs(found.chi - 1) < 1e-6
    assert abs(found.chi - 1) > 100 * found.chi_uncertainty
    assert found.ratio is None and found.limit is None and found.rate is None and found.depends_on_data is None
    assert any(f"beyond it is {side} one" in note for note in found.notes)


def test_a_rule_that_disagrees_with_the_kernel_makes_its_ratio_uncertain(monkeypatch):
    right = rn.classify(rn.kernels.LeakyReluNTK(0.1))
    assert right.ratio_uncertainty < 1e-8
    rule = room._critical_rule

    def wrong(by):
        return lambda kept: (*rule(kept)[:2], dataclasses.replace(rule(kept)[2], value=0.25 + by))

    monkeypatch.setattr(room, "_critical_rule", wrong(1e-5))
    found = rn.classify(rn.kernels.LeakyReluNTK(0.1))
    assert found.ratio_uncertainty == pytest.approx(1e-5, rel=1e-3) and any("differ by" in note for note in found.notes)
    monkeypatch.setattr(room, "_critical_rule", wrong(1e-2))
    assert rn.classify(rn.kernels.LeakyReluNTK(0.1)).ratio is None


@pytest.mark.parametrize(
    ("family", "base"),
    [
        (rn.kernels.BiasedReluNNGP(1.0, 0.8), 0.4),  # seen at fifteen depths
        (rn.kernels.GeluNNGP(0.3, 0.5), None),  # at eight: its multiplier
        (rn.kernels.ErfNTK(7.0415, 0.0075, 1.5144), None),  # a chaotic tangent kernel: 1/chi
        (rn.kernels.ErfNTK(12.0, 0.1), None),
    ],
)
def test_a_rate_is_stated_to_the_digits_that_few_depths_show_or_not_at_all(family, base):
    found = rn.classify(family)
    truth = base or (found.chi if found.phase == "ordered" else 1 / found.chi)
    if found.rate is None:
        assert found.phase == "chaotic" and any("too uncertain" in note for note in found.notes)
    else:
        assert abs(found.rate.base - truth) <= HOLDS * found.rate.uncertainty < 0.25 * truth
        assert abs(float(str(found.rate).removesuffix("^L")) - truth) <= HOLDS * found.rate.uncertainty
