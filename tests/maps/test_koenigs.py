"""Fractional iteration at hyperbolic fixed points, against known values and the laws of the Koenigs function."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from roughntk.kernels import SigmoidComposition
from roughntk.maps.koenigs import displacement_flow, koenigs_with_slope

FIXED, MULTIPLIER = 0.34178539979984478314, 0.28393880014361798035
EPS = float(np.finfo(np.float64).eps)
SIGMOID = SigmoidComposition()
koenigs = jax.jit(lambda d: koenigs_with_slope(SIGMOID, d)[0])


def sigmoid_step(d):
    """F(c + d) - F(c) for F(x) = s(x)^2, s the logistic function."""
    at, moved = jax.nn.sigmoid(FIXED), jax.nn.sigmoid(FIXED + d)
    return -moved * at * math.exp(-FIXED) * jnp.expm1(-d) * (moved + at)


def test_koenigs_function_of_the_sigmoid_family_takes_the_known_values():
    displacement = jnp.array([-1, 0, 0.5, 1]) - FIXED
    wanted = [-0.898236357669, -0.317872294710, 0.162071063415, 0.698142337808]
    np.testing.assert_allclose(koenigs(displacement), wanted, atol=1e-12)  # the pins have 12 digits


def test_koenigs_function_linearises_the_map():
    d = jnp.linspace(-1.5, 1.5, 31)
    # 30 iterations, each rounding to a few eps
    np.testing.assert_allclose(koenigs(sigmoid_step(d)), MULTIPLIER * koenigs(d), rtol=200 * EPS, atol=EPS)
    assert koenigs(jnp.zeros(())) == 0
    np.testing.assert_allclose(koenigs(jnp.asarray(1e-15)), 1e-15, rtol=1e-13)
    np.testing.assert_allclose(koenigs_with_slope(SIGMOID, jnp.zeros(()))[1], 1.0, rtol=200 * EPS)


def test_its_slope_is_its_derivative():
    d = jnp.linspace(-1.2, 0.6, 7)
    _, slope = koenigs_with_slope(SIGMOID, d)
    h = 1e-4  # central differences of fourth order: an error of h^4 and of eps/h
    wanted = (8 * (koenigs(d + h) - koenigs(d - h)) - (koenigs(d + 2 * h) - koenigs(d - 2 * h))) / (12 * h)
    np.testing.assert_allclose(slope, wanted, rtol=1e-10)


def test_the_flow_interpolates_the_sigmoid_family():
    d = jnp.asarray(0.7 - FIXED)
    moved = jax.jit(lambda time: displacement_flow(SIGMOID, d, time))
    np.testing.assert_allclose(FIXED + moved(0.5), 0.535902189392782, atol=1e-14)
    np.testing.assert_allclose(moved(1.0), sigmoid_step(d), rtol=1e-13)
    assert moved(math.inf) == 0
    rate = jax.jit(jax.grad(moved))(0.0)
    np.testing.assert_allclose(rate, -0.438154049781, atol=1e-12)
