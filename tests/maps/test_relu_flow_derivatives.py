"""Derivatives of the flow of the ReLU angle map, in the angle and in the time, against independent routes.

Tolerances: eps = 2.2e-16, times what the formula that is compared multiplies rounding by.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flat_arrays import padded

from roughntk._checks.precision import HUGE
from roughntk.maps.relu_flow import flow, generator, ntk_sum, principal_sum, relu_angle_step

EPS = float(np.finfo(np.float64).eps)
PI = math.pi


@pytest.fixture(scope="module")
def both_derivatives():
    """Forward and reverse derivatives of theta_l (place 0) and S (place 1) in the angle and in the time."""
    push = jax.jit(lambda theta, time, *moves: jax.jvp(ntk_sum, (theta, time), moves)[1])
    pull = jax.jit(lambda theta, time, *weights: jax.vjp(ntk_sum, theta, time)[1](weights))

    def forward(theta, time, place):
        return padded(push, theta, time, 1.0, 0.0)[place], padded(push, theta, time, 0.0, 1.0)[place]

    def reverse(theta, time, place):
        return padded(pull, theta, time, float(place == 0), float(place == 1))

    return forward, reverse


@pytest.fixture(scope="module")
def angle_derivatives(both_derivatives):
    return [partial(both, place=0) for both in both_derivatives]


@pytest.fixture(scope="module")
def sum_derivatives(both_derivatives):
    return [partial(both, place=1) for both in both_derivatives]


ENDS = np.array([0.0, 1e-12, 1e-3, 0.3, PI / 2, 2.0, 3.0, PI - 1e-3, PI])
TIMES = np.array([0.0, 0.3, 1.0, 1.5, 37.0, 1e12, math.inf])
GRID = tuple(a.ravel() for a in np.meshgrid(ENDS, TIMES, indexing="ij"))


def test_derivatives_are_finite_at_both_ends_and_the_same_both_ways(angle_derivatives, sum_derivatives):
    for forward, reverse in (angle_derivatives, sum_derivatives):
        for one, other in zip(forward(*GRID), reverse(*GRID), strict=True):
            assert np.all(np.isfinite(one))
            # the same products in another order; near pi S has terms 1/(pi - theta) = 1000 times its size
            np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)


def test_angle_moves_with_the_generator(angle_derivatives):
    theta, time = (a.ravel() for a in np.meshgrid(ENDS[1:-2], TIMES[:-1], indexing="ij"))
    by_theta, by_time = angle_derivatives[0](theta, time)
    v_end, v = padded(generator, padded(flow, theta, time)), padded(generator, theta)
    # v varies by 2/(pi - theta) < 15 per radian up to 3
    np.testing.assert_allclose(by_time, v_end, rtol=100 * EPS)
    np.testing.assert_allclose(by_theta, v_end / v, rtol=200 * EPS)


def test_angle_derivatives_at_the_ends(angle_derivatives):
    by_theta, by_time = angle_derivatives[1](np.zeros(6), TIMES[:-1])
    np.testing.assert_array_equal(by_theta, 1.0)
    np.testing.assert_array_equal(by_time, 0.0)
    by_theta, by_time = angle_derivatives[1](np.full(6, PI), TIMES[:-1])
    np.testing.assert_array_equal(by_theta, [1, 0, 0, 0, 0, 0])
    v_end = padded(generator, padded(flow, PI, TIMES[1:-1]))
    np.testing.assert_allclose(by_time[1:], v_end, rtol=100 * EPS)
    assert by_time[0] == -HUGE


def test_sum_obeys_its_differential_equation(sum_derivatives):
    """dS/dl = (r' v/r) S + r P' v at theta_l."""
    theta, time = (a.ravel() for a in np.meshgrid(ENDS[2:-2], TIMES[:-2], indexing="ij"))
    _, by_time = sum_derivatives[0](theta, time)
    end, total = padded(ntk_sum, theta, time)
    v = padded(generator, end)
    rate, slope = padded(jax.jit(jax.vmap(jax.value_and_grad(lambda t: -jnp.sin(t) * generator(t)))), end)
    principal_slope = padded(jax.jit(jax.vmap(jax.grad(principal_sum))), end)
    wanted = slope * v / rate * total + rate * principal_slope * v
    # two terms of the size of total v r'/r, which cancel partly
    scale = np.abs(slope * v / rate * total) + 1
    assert np.max(np.abs(by_time - wanted) / scale) < 1e-13


def test_sum_derivatives_follow_those_of_the_recursion(sum_derivatives):
    def recursion(theta, layers):
        angle, total = theta, jnp.cos(theta)
        for _ in range(layers):
            total, angle = total * (1 - angle / PI), relu_angle_step(angle)
            total = total + jnp.cos(angle)
        return total

    for layers in (1, 6):
        wanted = jax.jit(jax.vmap(jax.grad(partial(recursion, layers=layers))))(jnp.asarray(ENDS))
        got, _ = sum_derivatives[1](ENDS, np.full(ENDS.size, float(layers)))
        np.testing.assert_allclose(got, wanted, rtol=1e-13, atol=1e-14)


def test_sum_derivative_at_zero_angle_is_minus_pairs_over_pi(sum_derivatives):
    """K = 1 - (l - 1) theta/(2 pi) + O(theta^2)."""
    got, by_time = sum_derivatives[1](np.zeros(6), TIMES[:-1])
    np.testing.assert_allclose(got, -(1 + TIMES[:-1]) * TIMES[:-1] / (2 * PI), rtol=8 * EPS, atol=0)
    np.testing.assert_allclose(by_time, 1.0, rtol=8 * EPS)


def test_derivatives_at_infinite_depth(sum_derivatives):
    """S = (l + alpha(theta_1) + ...)/4, so dS/dl = 1/4 and dS/dtheta_1 = 1/(4 v(theta_1))."""
    theta = np.array([0.3, 1.0, 2.0, 3.0])
    for time in (1e12, math.inf):
        by_theta, by_time = sum_derivatives[1](theta, np.full(4, time))
        # at depth L the remainder is O(log L/L)
        np.testing.assert_allclose(by_time, 0.25, rtol=1e-11)
        np.testing.assert_allclose(by_theta, 0.25 / padded(generator, theta), rtol=1e-9)


def test_second_derivatives_of_the_step_are_finite_at_the_ends():
    second = jax.jit(jax.vmap(jax.grad(jax.grad(relu_angle_step))))(jnp.asarray(ENDS))
    assert np.all(np.isfinite(second))
    np.testing.assert_allclose(second[0], -2 / (3 * PI), rtol=4 * EPS)
    assert second[-1] == 0
    first = jax.jit(jax.vmap(jax.jacfwd(relu_angle_step)))(jnp.asarray(ENDS))
    assert first[0] == 1
    assert first[-1] == 0


def test_second_derivatives_of_the_flow_are_those_of_the_field():
    """d^2 theta_l / dl^2 = v v'."""
    theta, time = jnp.array([1e-3, 0.3, 1.5, 2.5]), jnp.array([0.4, 3.0, 0.2, 0.9])
    one = jnp.ones(4)

    def speed(time):
        return jax.jvp(lambda t: flow(theta, t), (time,), (one,))[1]

    second = jax.jit(lambda time: jax.jvp(speed, (time,), (one,))[1])(time)
    end = padded(flow, theta, time)
    wanted = padded(generator, end) * jax.jit(jax.vmap(jax.grad(generator)))(end)
    np.testing.assert_allclose(second, wanted, rtol=1e-12)
