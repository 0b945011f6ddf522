"""Families, maps and sequences at the edges of their parameters: opposite inputs, near criticality, extreme scales."""

import math

import jax
import numpy as np
import pytest

from roughntk.kernels import (
    CompositionKernel,
    ErfNNGP,
    ErfNTK,
    classify,
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
    assert float(family._settled_memory()[0]) == pytest.approx(variance, rel=16 * EPS / 1e-4)
    assert family.multiplier == pytest.approx(chi, rel=16 * EPS)


def test_settled_variance_is_differentiable_in_both_modes():
    def settled(weight):
        return ErfNTK(weight, 0.1)._settled_memory()[0]

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
