"""Dual activations: values against an independent formula in high precision, derivatives at the ends."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roughntk.maps import duals

EPS = np.finfo(np.float64).eps
ENDS = [-1.0, -0.5, 0.0, 0.5, 1.0]


def exact_step(theta: float) -> mpmath.mpf:
    """arccos h(cos theta) with 50 digits."""
    with mpmath.workdps(50):
        t = mpmath.mpf(theta)
        gap = 2 * mpmath.sin(t / 2) ** 2 - (mpmath.sin(t) - t * mpmath.cos(t)) / mpmath.pi
        return 2 * mpmath.asin(mpmath.sqrt(gap / 2))


@pytest.mark.parametrize("theta", [1e-300, 1e-12, 1e-4, 0.1, 0.99999, 1.0, 1.00001, 2.0, 3.0, 3.1415926])
def test_angle_map_is_right_to_a_few_units_of_rounding(theta):
    value = float(duals.relu_angle_map(jnp.asarray(theta)))
    assert abs(value - float(exact_step(theta))) <= 4 * EPS * value


@given(st.floats(0, np.pi))
def test_angle_map_agrees_with_the_dual_activation(theta):
    # cos f(theta) = h(cos theta); the right side loses digits in theta, not in the cosine: 8 eps absolute.
    left = jnp.cos(duals.relu_angle_map(jnp.asarray(theta)))
    assert abs(float(left - duals.relu_dual(jnp.cos(jnp.asarray(theta))))) <= 8 * EPS


@pytest.mark.parametrize("z", ENDS)
def test_derivative_of_the_dual_is_the_dual_of_the_derivative(z):
    expected = (np.pi - np.arccos(z)) / np.pi
    assert jax.grad(duals.relu_dual)(z) == pytest.approx(expected, abs=4 * EPS)
    assert jax.jvp(duals.relu_dual, (z,), (1.0,))[1] == pytest.approx(expected, abs=4 * EPS)


@pytest.mark.parametrize("z", [-1.0, 1.0])
def test_second_derivatives_at_the_ends_are_finite(z):
    assert float(jax.grad(jax.grad(duals.relu_dual))(z)) == 0.0


def test_angle_map_has_its_exact_derivatives_at_both_ends():
    slope = jax.grad(duals.relu_angle_map)
    assert float(slope(0.0)) == 1.0
    assert abs(float(slope(np.pi))) <= 4 * EPS
    # f(theta) = theta - theta^2/(3 pi) + ...
    assert float(jax.grad(slope)(0.0)) == pytest.approx(-2 / (3 * np.pi), rel=8 * EPS)


@pytest.mark.parametrize("theta", [0.3, 0.9, 1.1, 2.5])
def test_angle_map_slope_is_sin_ratio(theta):
    # f' = (1 - theta/pi) sin theta / sin f: implicit differentiation, an independent route.
    f = float(duals.relu_angle_map(jnp.asarray(theta)))
    expected = (1 - theta / np.pi) * np.sin(theta) / np.sin(f)
    assert float(jax.grad(duals.relu_angle_map)(theta)) == pytest.approx(expected, rel=32 * EPS)


@pytest.mark.parametrize("z", [-1.0, -1 + 1e-15, -0.2, 0.9, 1 - 1e-15, 1.0])
def test_arccos_keeps_its_digits_near_both_ends(z):
    expected = float(mpmath.acos(mpmath.mpf(z)))
    assert float(duals.arccos(jnp.asarray(z))) == pytest.approx(expected, rel=4 * EPS)
