"""Families, maps and sequences at the edges of their parameters: opposite inputs, near criticality, extreme scales."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import roughntk as rn
from roughntk.depth import classify, criteria
from roughntk.kernels import (
    BiasedReluNNGP,
    BiasedReluNTK,
    CompositionKernel,
    Erf,
    ErfNNGP,
    ErfNTK,
    LeakyReluNTK,
    ResidualReluNNGP,
    ResidualReluNTK,
)

EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize("family", [ErfNTK, ErfNNGP])
def test_erf_without_biases_keeps_opposite_inputs_opposite(family):
    chaotic = family(2.5, 0.0)
    deep, limit = (np.asarray(chaotic.at_angle(np.array([0.0, 1.0, np.pi]), depth)) for depth in (1000, math.inf))
    np.testing.assert_allclose(limit, deep, rtol=0, atol=64 * EPS)  # chi = 1.29: settled long ago
    assert limit.tolist() == [1.0, 0.0, -1.0]
    assert float(family(2.5, 0.1).at_angle(np.pi, math.inf)) > -0.5  # biases bring them together


def erf_variance(weight: float, noise: float) -> float:
    """The positive q = sigma_w^2 (2/pi) arcsin(2 q/(1 + 2 q)) + sigma_b^2 by bisection."""
    low, high = 1e-12, weight + noise
    for _ in range(100):
        middle = (low + high) / 2
        above = middle > weight * (2 / math.pi) * math.asin(2 * middle / (1 + 2 * middle)) + noise
        low, high = (low, middle) if above else (middle, high)
    return high


@pytest.mark.parametrize(
    ("weight", "noise"), [(math.pi / 4, 1e-8), (math.pi / 4, 1e-6), (1.0001 * math.pi / 4, 0.0), (2.5, 0.0)]
)
def test_erf_variance_is_settled_near_criticality(weight, noise):
    family, variance = ErfNTK(weight, noise), erf_variance(weight, noise)
    chi = weight * (4 / math.pi) / math.sqrt(1 + 4 * variance)
    # rounding eps q of the equation moves its root by eps q/(1 - F'(q)), 1 - F' >= 1e-4, and chi by twice that
    assert float(family.architecture.settled()[0].variance) == pytest.approx(variance, rel=16 * EPS / 1e-4)
    assert family.multiplier == pytest.approx(chi, rel=16 * EPS)


def test_settled_variance_is_differentiable_in_both_modes():
    def settled(weight):
        return Erf(weight, 0.1).settled()[0].variance

    step = 1e-5
    difference = (erf_variance(1.5 + step, 0.1) - erf_variance(1.5 - step, 0.1)) / (2 * step)
    # truncation step^2, rounding eps/step = 2e-11
    assert float(jax.grad(settled)(1.5)) == pytest.approx(difference, abs=1e-9)
    assert float(jax.jvp(settled, (1.5,), (1.0,))[1]) == pytest.approx(difference, abs=1e-9)


def test_constant_map_is_classified():
    found = classify(CompositionKernel(lambda c: 0 * c + 0.3))
    assert (found.kind, found.multiplier) == ("superattracting", 0.0)
    assert found.fixed_point == pytest.approx(0.3, rel=4 * EPS)
    assert found.limit == pytest.approx(0.3, rel=4 * EPS)


# Biased ReLU


def test_biased_relu_has_the_limit_of_its_side_however_close_to_two():
    below, at, above = (BiasedReluNTK(1.0, weight) for weight in (2 - 1e-7, 2.0, 2 + 1e-7))
    assert [family.limit_value for family in (below, at, above)] == [1.0, 4 / 7, 0.25]
    assert [family.collapses for family in (below, at, above)] == [True, False, False]
    assert BiasedReluNNGP(1.0, 2 - 1e-7).limit_value == BiasedReluNNGP(1.0, 2 + 1e-7).limit_value == 1.0
    theta = np.array([0.5, 1.0, 2.5])  # the profile at infinite depth is that of a depth at which layers are linear
    np.testing.assert_allclose(below.deflated(theta, math.inf).values, below.deflated(theta, 1e10).values, rtol=1e-12)
    # the last depth at which 1 - K itself still has its digits: both forms are one kernel
    form = below.deflated(1.0, 50)
    value = form.level + math.exp(form.log_scale) * float(form.values)
    assert value == pytest.approx(float(below.at_angle(1.0, 50)), rel=64 * EPS)


@pytest.mark.parametrize("weight", [1e-50, 1e-20, 1e-10])
def test_the_smallest_weights_leave_their_profile(weight):
    theta = np.array([0.0, 0.5, 1.0])
    for family in (ErfNTK(weight, 0.1), ErfNNGP(weight, 0.1), BiasedReluNNGP(1.0, weight)):
        # all layers but the first are one linear map of the defect, to the order of the weight (its root for a ReLU)
        error = math.sqrt(weight) + 64 * EPS
        form = family.deflated(theta, 30).values
        defect = 1 - np.cos(theta)
        np.testing.assert_allclose(form / form[2], defect / defect[2], rtol=error)
        np.testing.assert_allclose(family.deflated(theta, math.inf).values, form, rtol=error)


@pytest.mark.parametrize(
    ("build", "name"),
    [
        (lambda: BiasedReluNTK(1, 1e-300), "weight_variance"),
        (lambda: BiasedReluNTK(-1e-200), "bias"),
        (lambda: BiasedReluNNGP(1, 1.0, 1e200), "input_variance"),
        (lambda: ErfNTK(1e-300, 0.1), "weight_variance"),
        (lambda: ErfNNGP(1e-300, 0.1), "weight_variance"),
        (lambda: ErfNTK(1.0, 1e-300), "bias_variance"),
    ],
)
def test_scales_beyond_float64_are_named_with_their_range(build, name):
    with pytest.raises(rn.InputError, match=f"expected {name} within 1e-50 and 1e\\+50"):
        build()


# Rows of any length


def residual_by_hand(X, branch, blocks):
    """(Sigma, Theta) of rows of any length: Sigma' = Sigma + g E, Theta' = Theta (1 + g D) + g E, g = a sigma_w^2."""
    sigma = theta = X @ X.T / X.shape[1]
    for _ in range(blocks):
        sizes = np.sqrt(np.diag(sigma))
        angle = np.arccos(np.clip(sigma / np.outer(sizes, sizes), -1, 1))
        np.fill_diagonal(angle, 0.0)
        dual = np.outer(sizes, sizes) * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
        theta = theta * (1 + branch * (np.pi - angle) / (2 * np.pi)) + branch * dual
        sigma = sigma + branch * dual
    return sigma, theta


@pytest.mark.parametrize(("arguments", "branch"), [((2.0, "stable", 0.5), 0.5), ((1.5, 0.2), 0.3)])
def test_residual_networks_take_rows_of_any_length(arguments, branch):
    X = np.array([[3.0, 0.0, 0.0], [0.1, 0.2, 0.0], [-1.0, 2.0, 5.0]])
    sigma, theta = residual_by_hand(X, branch, 2)
    for family, exact in ((ResidualReluNNGP(*arguments), sigma), (ResidualReluNTK(*arguments), theta)):
        found = family.unnormalised(X, depth=3, domain="euclidean")
        np.testing.assert_allclose(found, exact, rtol=64 * EPS, atol=64 * EPS)


def test_biased_relu_without_bias_names_the_family_that_takes_any_length():
    X = np.array([[3.0, 0.0], [0.1, 0.2]])
    with pytest.raises(rn.InputError, match="biased-relu-ntk with bias 0.*use ReluNTK"):
        BiasedReluNTK(0.0)(X, depth=2, domain="euclidean")
    with pytest.raises(rn.InputError, match="depends on the lengths"):
        BiasedReluNTK(1.0)(X, depth=2, domain="euclidean")
    theta = np.array([0.0, 1.0, 2.5])
    same = BiasedReluNTK(0.0, 3.0).at_angle(theta, 4)
    np.testing.assert_allclose(same, LeakyReluNTK(0.0).at_angle(theta, 4), rtol=16 * EPS, atol=16 * EPS)


# Maps and sequences of the user


def test_a_map_that_approaches_slowly_is_accepted_and_a_slow_cycle_is_not():
    slow = CompositionKernel(lambda c: 0.99999 * c)
    assert slow.fixed_point == 0.0
    assert slow.multiplier == pytest.approx(0.99999, rel=4 * EPS)
    found = classify(slow)
    # rounding of 1 - h moves the root of h(c) - c by that over 1 - lambda
    assert found.fixed_point == pytest.approx(0.0, abs=4 * EPS / 1e-5)
    assert (found.kind, found.phase) == ("hyperbolic", "ordered")
    assert "still moved" in found.notes[0]  # 10^5 layers leave a third of the way to go
    # attracting 0 with h'(0) = -0.99999, and beyond |c| = 0.1 a cycle of two at |c| near 1
    with pytest.raises(rn.InputError, match="multiplier -0.99999 it approaches too slowly to be told from a cycle"):
        CompositionKernel(lambda c: -c * (0.99999 + 0.3 * jnp.maximum(c**2 - 0.01, 0.0) * (1 - c**2)))


def test_the_kernel_zero_is_not_positive_definite():
    def zero(X, depth):
        return np.zeros((len(X), len(X)))

    found = criteria.check(zero, deepest=20)["positive definite"]
    assert found.verdict == "fails"
    assert found.counterexample is not None
    assert found.counterexample.value == 0.0


def test_what_a_sequence_raises_is_named_with_its_depth_and_set():
    def broken(X, depth):
        return np.eye(len(X)) if depth < 3 else {}["weights"]

    with pytest.raises(rn.InputError, match="KeyError: 'weights' on 3 equispaced points of a circle at depth 3"):
        criteria.check(broken, deepest=20)


@pytest.mark.parametrize("tangent", [False, True])
def test_erf_without_biases_keeps_the_digits_of_nearly_opposite_inputs(tangent):
    """A chaotic network takes 1e-6 to order one in 100 layers, so that nothing may be lost on the way: 40 digits."""
    family = (ErfNTK if tangent else ErfNNGP)(1.2, 0.0)
    gaps = np.array([0.0, 1e-6, 0.3])
    with mpmath.workdps(40):
        exact = []
        for gap in gaps:
            variance = mpmath.mpf(1.2)
            covariance = theta = variance * mpmath.cos(mpmath.pi - mpmath.mpf(float(gap)))
            total = variance
            for _ in range(99):
                s, d = 2 * covariance / (1 + 2 * variance), 2 * variance / (1 + 2 * variance)
                kept = 1.2 * (4 / mpmath.pi) / mpmath.sqrt((1 + 2 * variance) ** 2 - 4 * covariance**2)
                here = 1.2 * (4 / mpmath.pi) / mpmath.sqrt((1 + 2 * variance) ** 2 - 4 * variance**2)
                covariance, variance = (1.2 * (2 / mpmath.pi) * mpmath.asin(part) for part in (s, d))
                theta, total = theta * kept + covariance, total * here + variance
            exact.append(float(theta / total if tangent else covariance / variance))
    got = np.asarray(family.at_angle(np.pi - gaps, 100))
    # pi - gap is rounded to 2e-16, a relative 2e-10 of 1e-6
    np.testing.assert_allclose(got, exact, rtol=1e-9)
    opposite = np.asarray(family.at_angle(gaps + (np.pi - (np.pi - gaps) - gaps), 100))[2]
    np.testing.assert_allclose(got[2], -opposite, rtol=1e-13)  # bit for bit where both are compiled alike
    np.testing.assert_allclose(family.at_correlation(-np.cos(0.3), 100), got[2], rtol=1e-12)
    np.testing.assert_allclose(np.asarray(family.trajectory(np.pi - gaps, 100))[-1], got, rtol=1e-12)
