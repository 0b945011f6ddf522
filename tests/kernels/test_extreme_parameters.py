"""Every family at every size of its parameters, near both ends of the angle, against the formulas in many digits."""

import math

import jax
import mpmath as mp
import numpy as np
import pytest
from exact_networks import cosine, erf_network, relu_network, residual_network
from hypothesis import example, given, settings
from hypothesis import strategies as st

import roughntk as rn
from roughntk.kernels import (
    ActivationNNGP,
    ActivationNTK,
    BiasedReluNNGP,
    BiasedReluNTK,
    ErfNNGP,
    ErfNTK,
    LeakyReluNNGP,
    LeakyReluNTK,
    ResidualReluNNGP,
    ResidualReluNTK,
)
from roughntk.maps.duals import supplement

EPS = np.finfo(np.float64).eps
DIGITS = 320  # products of three scales of 1e+-50, and as much again that cancels
ACCURACY = 64 * EPS  # a few roundings for each of 20 layers, none of which is amplified

sizes = st.floats(-50, 50).map(lambda exponent: 10.0**exponent)
scales = sizes | st.floats(0.01, 100)
distances = st.floats(-15, -1).map(lambda exponent: 10.0**exponent)
angles = (
    st.sampled_from([0.0, math.pi / 2, math.pi])
    | distances
    | distances.map(lambda distance: math.pi - distance)
    | st.floats(0, math.pi)
)
five_angles = st.lists(angles, min_size=5, max_size=5)
depths = st.sampled_from([1, 2, 3, 20])


def check(families, theta, depth, network, atol=ACCURACY):
    """The covariance and the tangent kernel, by the angle and by the correlation."""
    with mp.workdps(DIGITS):
        exact = np.array([[float(part) for part in network(cosine(t))] for t in theta])
        rho = np.cos(theta)
        at_rho = np.array([[float(part) for part in network(mp.mpf(float(r)))] for r in rho])
    for k, family in enumerate(families):
        np.testing.assert_allclose(family.at_angle(np.array(theta), depth), exact[:, k], rtol=0, atol=atol)
        np.testing.assert_allclose(family.at_correlation(rho, depth), at_rho[:, k], rtol=0, atol=atol)


@settings(max_examples=15)
@given(scales, st.just(0.0) | scales, scales, five_angles, depths)
@example(434351537441792.0, 1e-40, 3.4e-7, [math.pi, 1.0, 0.0, 2.0, 3.1], 20)
@example(87941485011.5, 0.0, 1505413929931.3, [math.pi, 1.0, 0.0, 2.0, 3.1], 20)
@example(1.3764850667710807e22, 0.39856910534017337, 1.1705143560578755e-48, [2.138561871291022] * 5, 3)
@example(269.98, 0.0, 5.6e-30, [3.14159265358714, 1e-12, 1.0, 2.0, 3.0], 20)
def test_erf_networks_of_any_size(weight, noise, size, theta, depth):
    families = ErfNNGP(weight, noise, size), ErfNTK(weight, noise, size)
    check(families, theta, depth, lambda c: erf_network(weight, noise, size, c, depth))


@settings(max_examples=10)
@given(st.just(0.0) | scales, scales, scales, five_angles, depths)
def test_biased_relu_networks_of_any_size(bias, weight, size, theta, depth):
    families = BiasedReluNNGP(bias, weight, size), BiasedReluNTK(bias, weight, size)
    check(families, theta, depth, lambda c: relu_network(0, weight, mp.mpf(bias) ** 2, size, c, depth))


slopes = (
    st.floats(-1, 0.999)
    | st.floats(-16, -1).map(lambda e: 10.0**e - 1)
    | st.floats(-15, -1).map(lambda e: 1 - 10.0**e)
    | distances
)


@settings(max_examples=10)
@given(slopes, five_angles, depths)
@example(-1.0, [math.pi, math.pi - 1e-6, 0.0, 2.0, 3.1], 2)
@example(-0.999999, [math.pi, math.pi - 1e-6, 0.0, 2.0, 3.1], 3)
@example(1 - 2.0**-53, [math.pi, math.pi - 1e-6, 0.0, 2.0, 3.1], 20)
def test_leaky_relu_networks_of_any_slope(slope, theta, depth):
    def network(c):
        return relu_network(slope, 2 / (1 + mp.mpf(slope) ** 2), 0, 1, c, depth)

    check((LeakyReluNNGP(slope), LeakyReluNTK(slope)), theta, depth, network)


@settings(max_examples=10)
@given(scales, st.booleans(), scales, five_angles, st.sampled_from([1, 2, 19]))
def test_residual_networks_of_any_size(weight, stable, branch, theta, blocks):
    how = {"scaling": "stable", "time": branch} if stable else {"scaling": branch}
    families = ResidualReluNNGP(weight, **how), ResidualReluNTK(weight, **how)
    share = mp.mpf(branch) / blocks if stable else branch
    check(families, theta, blocks + 1, lambda c: residual_network(weight, share, c, blocks))


@settings(max_examples=3)
@given(scales, st.just(0.0) | scales, scales, five_angles)
@example(2.5, 1e-40, 0.5, [math.pi, math.pi - 1e-9, 1e-9, 2.0, 3.0])
@example(1e-50, 0.0, 1e-50, [math.pi, math.pi - 1e-9, 1e-9, 2.0, 3.0])
def test_any_activation_is_right_at_any_size_or_refused(weight, noise, size, theta):
    """erf by quadrature: what the quadrature does not resolve is refused, for want of a closed form to compare with."""
    try:
        kinds = ActivationNNGP, ActivationNTK
        families = [kind(jax.scipy.special.erf, weight, noise, size, nodes=96) for kind in kinds]
    except rn.InputError:
        return
    check(families, theta, 20, lambda c: erf_network(weight, noise, size, c, 20), atol=1e-9)  # its tolerance is 1e-10


@pytest.mark.parametrize("build", [ActivationNTK, ResidualReluNTK])
def test_sizes_beyond_the_range_of_products_are_refused(build):
    for bad in (1e-60, 1e60):
        arguments = (jax.numpy.tanh, bad) if build is ActivationNTK else (bad,)
        with pytest.raises(rn.InputError, match="expected weight_variance within 1e-50 and 1e\\+50 in size, got 1e"):
            build(*arguments)
    with pytest.raises(rn.InputError, match="expected time within 1e-50"):
        ResidualReluNNGP(time=1e60)


# Nearly opposite inputs: how far pi - 1e-6, as a float, is short of pi


@given(distances)
def test_the_supplement_has_the_digits_that_pi_lacks(distance):
    theta = math.pi - distance
    with mp.workdps(50):
        exact = float(mp.pi - mp.mpf(theta))
    for evaluate in (supplement, jax.jit(supplement)):
        assert float(evaluate(theta)) == pytest.approx(exact if theta < math.pi else 0.0, rel=2 * EPS, abs=0)
    assert float(jax.grad(supplement)(theta)) == -1.0


@pytest.mark.parametrize("depth", [2, 12])
@pytest.mark.parametrize("slope", [-1.0, -0.999999, -0.9])
def test_folding_layers_keep_the_digits_of_nearly_opposite_inputs(slope, depth):
    theta = np.pi - np.array([1e-9, 1e-6, 1e-3])
    form = LeakyReluNNGP(slope).deflated(theta, depth)
    with mp.workdps(60):
        weight = 2 / (1 + mp.mpf(slope) ** 2)
        covariances = [relu_network(slope, weight, 0, 1, mp.cos(mp.mpf(t)), depth)[0] for t in theta]
        exact = np.array([float(1 - value) for value in covariances])
    np.testing.assert_allclose(-math.exp(form.log_scale) * np.asarray(form.values), exact, rtol=256 * EPS)
