"""Leaky ReLU families at real depth, against 25-digit values, the layer recursion, and the ReLU's own route.

The reference values (tests/data/leaky.json, tools/generate_leaky.py) come from formal series and pushes in multiple
precision; the code under test solves functional equations by collocation. Functions are compiled for each shape and
each of three polynomial degrees, so arrays go through `padded`.

Tolerances: eps = 2.2e-16. The kernel is asked for 1e-13 relative, and 1e-15 absolute where it is below 0.01.
"""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.kernels import LeakyReluNNGP, LeakyReluNTK, ReluNNGP, ReluNTK
from roughntk.kernels.base import RECURSION_DEPTH
from roughntk.maps import leaky_flow
from roughntk.maps._germ import germ

EPS = float(np.finfo(np.float64).eps)
PI = math.pi
SIZE = 64
ROWS = json.loads((Path(__file__).resolve().parents[1] / "data" / "leaky.json").read_text())
SLOPES = sorted({row["slope"] for row in ROWS})
ANGLES = np.concatenate([[0, 1e-9, 1e-3], np.linspace(0.05, 3.1, 28), [3.14, PI - 1e-6, PI]])


def padded(function, *arguments):
    """function(*arguments) on flat arrays of one length, so that it is compiled once."""
    arrays = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in arguments))
    size, shape = arrays[0].size, arrays[0].shape
    assert size <= SIZE
    flat = [np.concatenate([a.ravel(), np.full(SIZE - size, a.flat[0])]) for a in arrays]
    return jax.tree.map(lambda r: np.asarray(r)[:size].reshape(shape), function(*flat))


def miss(got, wanted):
    """Relative error, or the error in units of 1e-15/1e-13 where the kernel is below 0.01."""
    return float(np.max(np.abs(got - wanted) / np.maximum(np.abs(wanted), 0.01)))


# --- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", SLOPES)
def test_kernels_and_angles_agree_with_25_digits(slope):
    rows = [row for row in ROWS if row["slope"] == slope]
    theta, depth = (np.array([row[key] for row in rows]) for key in ("theta", "depth"))
    end, kernel = (np.array([float(row[key]) for row in rows]) for key in ("end", "kernel"))
    assert miss(padded(LeakyReluNTK(slope).at_angle, theta, depth), kernel) < 1e-13
    angle = padded(lambda t, time: leaky_flow.flow(slope, t, time), theta, depth - 1)
    # near pi small kappa keeps the angle, and A, of size lambda, is flat; pi itself is rounded by EPS/2
    np.testing.assert_allclose(angle, end, rtol=512 * EPS if slope > 0.8 else 16 * EPS, atol=EPS)


@pytest.mark.parametrize(("leaky", "relu"), [(LeakyReluNTK, ReluNTK), (LeakyReluNNGP, ReluNNGP)])
@pytest.mark.parametrize("depth", [1.25, 1.9, 2.0, 9.0, 30.25, 1e6, 1e12, math.inf])
def test_slope_zero_is_the_relu(leaky, relu, depth):
    # just below pi and depth 2 both divide by pi - theta_l, to which 1e-6 leaves ten digits
    theta = ANGLES if depth >= 2 else ANGLES[ANGLES <= 3.1]
    assert miss(padded(leaky(0.0).at_angle, theta, depth), padded(relu().at_angle, theta, depth)) < 1e-13


@pytest.mark.parametrize(
    ("kind", "slope"),
    [(LeakyReluNTK, s) for s in (-1.0, -0.1, 0.1, 0.5, 0.9)] + [(LeakyReluNNGP, s) for s in (-0.5, 0.1, 0.5)],
)
def test_whole_depths_are_the_layer_recursion(kind, slope):
    family = kind(slope)
    layers = np.asarray(family.trajectory(ANGLES, 40))
    for depth in (1, 2, 3, 8, 40):
        # the recursion rounds once a layer
        assert miss(padded(family.at_angle, ANGLES, depth), layers[depth - 1]) < 4e-14 + 32 * EPS * depth
        if depth <= RECURSION_DEPTH:
            np.testing.assert_allclose(family.at_angle(ANGLES, depth), layers[depth - 1], rtol=4 * EPS, atol=4 * EPS)


@pytest.mark.parametrize("slope", [-1.0, 0.01, 0.5])
def test_ends_of_the_range_of_depths_and_angles(slope):
    ntk, nngp = LeakyReluNTK(slope), LeakyReluNNGP(slope)
    depths = np.array([1.0, 2.0, 7.25, 1e6, 1e12, math.inf])
    for family in (ntk, nngp):
        np.testing.assert_array_equal(padded(family.at_angle, 0.0, depths), 1.0)
        np.testing.assert_allclose(padded(family.at_angle, ANGLES, 1.0), np.cos(ANGLES), atol=8 * EPS)
    theta = np.array([1e-9, 0.3, 2.0, 3.1])
    np.testing.assert_array_equal(padded(ntk.at_angle, theta, math.inf), 0.25)
    np.testing.assert_array_equal(padded(nngp.at_angle, theta, math.inf), 1.0)
    np.testing.assert_allclose(ntk.at_angle(theta, 1.7e308), 0.25, rtol=4 * EPS)
    assert np.all(padded(lambda t, time: leaky_flow.flow(slope, t, time), theta, math.inf) == 0)


def test_absolute_value_networks_do_not_tell_opposite_points():
    depths = np.array([2.0, 7.25, 1e6, math.inf])
    for family in (LeakyReluNTK(-1.0), LeakyReluNNGP(-1.0)):
        np.testing.assert_array_equal(padded(family.at_angle, PI, depths), 1.0)
    np.testing.assert_array_equal(padded(LeakyReluNTK(-1.0).at_angle, PI, 1.0), -1.0)


# --- the germ -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", SLOPES)
def test_the_germ_solves_its_equations_between_the_nodes(slope):
    assert germ(slope).miss < 1e-17


@pytest.mark.parametrize("slope", SLOPES)
def test_generator_and_abel_function_are_derivatives_of_each_other(slope):
    """n = dW/dl and alpha = W - (3/2) log W + A were found from two equations: n dalpha/dW = 1."""
    constants = germ(slope)
    quarter = np.linspace(0.02, 0.98, 49) * math.tan(constants.largest / 4)
    x = constants.stretch * quarter / (constants.pole - quarter) - 1
    slope_of_x = constants.stretch * constants.pole / (constants.pole - quarter) ** 2
    chord = 4 * quarter / (1 + quarter**2)
    slope_of_chord = 4 * (1 - quarter**2) / (1 + quarter**2) ** 2
    shape, abel = (np.polynomial.Polynomial(c) for c in (constants.shape, constants.abel))
    by_w = -(chord**2) / constants.scale / slope_of_chord * slope_of_x * abel.deriv()(x)
    # differentiating rounds by eps times the degree squared, times the size of the coefficients of A over lambda
    np.testing.assert_allclose(shape(x) * (1 - 1.5 * chord / constants.scale + by_w), 1, atol=1e-11)


def test_abel_function_takes_the_known_values_of_the_relu():
    wanted = [3.389847383733851749, 4.389847383733851749, 6.760294932149539234, 87.50194233420114687]
    got = padded(lambda t: leaky_flow.abel(0.0, t), np.array([PI, PI / 2, 1, 0.1]))
    np.testing.assert_allclose(got, wanted, rtol=4 * EPS)
    assert leaky_flow.abel(0.0, 0.0) == math.inf


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.1, 0.5])
def test_flow_is_a_semigroup_and_adds_to_the_abel_function(slope):
    rng = np.random.default_rng(5)
    theta = np.concatenate([rng.uniform(0, PI, 40), 10 ** rng.uniform(-9, 0, 20), [PI - 1e-9, PI, PI]])
    first, second = rng.uniform(0, 3, 63), 10 ** rng.uniform(-3, 9, 63)
    if slope < 0:
        first, second = 1 + first, 1 + second  # no depth between 1 and 2
    middle, end = (
        padded(lambda t, time: leaky_flow.flow(slope, t, time), theta, time) for time in (first, first + second)
    )
    again = padded(lambda t, time: leaky_flow.flow(slope, t, time), middle, second)
    np.testing.assert_allclose(again, end, rtol=1e-13)
    alpha, alpha_end = (padded(lambda t: leaky_flow.abel(slope, t), t) for t in (theta, end))
    np.testing.assert_allclose(alpha_end, alpha + first + second, rtol=1e-14)


# --- derivatives --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [LeakyReluNTK(0.1), LeakyReluNNGP(-1.0)], ids=["ntk", "nngp"])
def test_derivatives_are_those_of_the_recursion_and_of_differences(family):
    theta = np.concatenate([[0, 1e-6, 1e-3], np.linspace(0.05, 3.1, 29)])
    both = jax.jit(jax.vmap(jax.grad(family.at_angle, argnums=(0, 1))))
    by_theta, by_depth = padded(both, theta, 6.0)
    wanted = jax.vmap(jax.grad(lambda t: family.at_angle(t, 6)))(jnp.asarray(theta))  # layer by layer
    np.testing.assert_allclose(by_theta, wanted, rtol=1e-12, atol=1e-13)
    h = 1e-5
    difference = (padded(family.at_angle, theta, 6 + h) - padded(family.at_angle, theta, 6 - h)) / (2 * h)
    # truncation h^2, rounding eps/h
    np.testing.assert_allclose(by_depth, difference, atol=2e-10)
    ends, depths = (a.ravel() for a in np.meshgrid([0.0, 1e-12, 2.0, 3.1, PI], [1.0, 2.0, 2.5, 1e12, math.inf]))
    for part in padded(both, ends, depths):
        assert np.all(np.isfinite(part))


def test_derivatives_in_the_correlation_at_real_depth():
    family, rho, depth, h = LeakyReluNTK(0.1), 0.3, 2.5, 1e-5
    by_rho, by_depth = jax.grad(family.at_correlation, argnums=(0, 1))(rho, depth)
    moved = np.arccos(rho + h * np.array([1, -1, 0, 0])), depth + h * np.array([0, 0, 1, -1])
    up, down, later, sooner = padded(family.at_angle, *moved)
    # truncation h^2, rounding eps/h
    np.testing.assert_allclose(by_rho, (up - down) / (2 * h), atol=2e-10)
    np.testing.assert_allclose(by_depth, (later - sooner) / (2 * h), atol=2e-10)


# --- deep covariances ---------------------------------------------------------------------------------------


def test_deflated_covariance_keeps_its_digits_at_any_depth():
    family, theta = LeakyReluNNGP(0.1), np.array([0.0, 1e-3, 0.5, 2.0, PI])
    for depth in (2.5, 9, 40.0, 1e9, 1e15):
        found = family.deflated(theta, depth)
        defect = 2 * np.sin(np.asarray(leaky_flow.flow(0.1, theta, depth - 1.0)) / 2) ** 2
        np.testing.assert_allclose(-found.values * math.exp(found.log_scale), defect, rtol=1e-13)
    scan = 1 - np.asarray(family.trajectory(theta, 40))[-1]  # loses digits to 1 - rho
    at = family.deflated(theta, 40)
    np.testing.assert_allclose(-at.values * math.exp(at.log_scale), scan, atol=4 * EPS)
    assert family.deflated(theta, math.inf).values.tolist() == [0, -1, -1, -1, -1]


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [LeakyReluNTK, LeakyReluNNGP])
def test_negative_slopes_have_no_depth_between_one_and_two(kind):
    family = kind(-0.5)
    with pytest.raises(rn.InputError, match=r"at least 2 .*got 1.5; for a negative slope the first layer sends two"):
        family.at_angle(0.5, 1.5)
    with pytest.raises(rn.InputError, match=r"got 1.75"):
        family.at_angle(0.5, np.array([1.0, 1.75, 3.0]))
    with pytest.raises(rn.InputError, match="depth"):
        family.at_correlation(0.5, 1.5)
    depths = np.array([1.0, 1.5, 2.0, 2.5])
    traced = padded(jax.jit(lambda t, d: family.at_angle(t, d)), 0.5, depths)
    assert np.isnan(traced).tolist() == [False, True, False, False]
    np.testing.assert_allclose(traced[2:], padded(family.at_angle, 0.5, depths[2:]), rtol=4 * EPS)


def test_real_depth_needs_a_known_slope_that_is_not_too_steep():
    def kernel(slope, depth):
        return LeakyReluNTK(slope).at_angle(0.5, depth)

    with pytest.raises(rn.InputError, match=r"whole depth .*2.5; real depth needs a slope that is known"):
        jax.grad(kernel)(0.1, 2.5)
    with pytest.raises(rn.InputError, match="integer dtype .*real depth needs a slope that is known"):
        jax.jit(kernel)(0.1, 2.5)
    with pytest.raises(rn.InputError, match=r"2.5; real depth needs a slope of at most 0.95"):
        kernel(0.96, 2.5)
    with pytest.raises(rn.InputError, match=r"slope .*at most 0.95, got 0.99"):
        leaky_flow.flow(0.99, 0.5, 1.0)
    # whole depths, of any size, stay differentiable in the slope
    h = 1e-6
    difference = (kernel(0.1 + h, 20) - kernel(0.1 - h, 20)) / (2 * h)
    np.testing.assert_allclose(jax.grad(kernel)(0.1, 20), difference, atol=1e-9)
    assert np.isfinite(kernel(0.96, 20))
