"""Residual ReLU families against exact decimals (the plain recursion, and one integral for infinite depth)."""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.kernels import ResidualReluNNGP, ResidualReluNTK
from roughntk.maps.duals import relu_dual, relu_dual_derivative

EPS = np.finfo(np.float64).eps
DATA = json.loads((Path(__file__).parents[1] / "data" / "families.json").read_text())
THETA = jnp.array([float(angle) for angle in DATA["theta_1"]])
BLOCKS = DATA["residual_relu"]["values"]
LIMITS = DATA["residual_relu_limit"]["values"]
KINDS = (("nngp", ResidualReluNNGP), ("ntk", ResidualReluNTK))


@pytest.mark.parametrize("row", BLOCKS, ids=lambda row: f"{row['blocks']}-{row['a'][:6]}")
def test_every_depth_agrees_with_the_plain_recursion_in_500_digits(row):
    blocks, a = row["blocks"], float(row["a"])
    for name, kind in KINDS:
        family = kind() if a * blocks == pytest.approx(1) and blocks != 10 else kind(scaling=a)
        defect = 1 - np.array([float(value) for value in row[name]])
        assert np.allclose(1 - family.at_angle(THETA, blocks + 1), defect, rtol=0, atol=1e-13)
        # 1 - K keeps its relative accuracy: a few roundings a block, 1000 blocks
        exact = np.array([float(value) for value in row[f"{name}_defect"]])
        np.testing.assert_allclose(family.defect_at_angle(THETA, jnp.asarray(blocks + 1)), exact, rtol=1e-12)


@pytest.mark.parametrize("row", LIMITS, ids=lambda row: f"s={row['s']},t={row['t']}")
def test_infinite_depth_is_the_exact_integral_at_every_depth_time(row):
    for name, kind in KINDS:
        exact = np.array([float(value) for value in row[name]])
        family = kind(weight_variance=row["s"], time=float(row["t"]))
        # the solver's tolerance is 1e-13 a step, over some 50 steps
        np.testing.assert_allclose(family.at_angle(THETA, math.inf), exact, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(family.at_time(THETA, float(row["t"])), family.at_angle(THETA, math.inf))


def test_the_discrete_network_tends_to_the_equation_like_one_over_its_blocks():
    nngp, ntk = ResidualReluNNGP(), ResidualReluNTK()
    limit = float(nngp.at_angle(jnp.pi / 2, math.inf))
    assert limit == pytest.approx(0.25385910, abs=5e-9)
    assert float(ntk.at_angle(jnp.pi / 2, math.inf)) == pytest.approx(0.15988847, abs=5e-9)
    for blocks in (100, 10_000):
        assert float(limit - nngp.at_angle(jnp.pi / 2, blocks + 1)) * blocks == pytest.approx(0.155, abs=0.002)


def test_one_block_is_the_sum_of_both_branches():
    rho, s, a = np.linspace(-1, 1, 9), 1.3, 0.7
    h, slope = np.asarray(relu_dual(rho)), np.asarray(relu_dual_derivative(rho))
    covariance, diagonal = rho + a * s * h / 2, 1 + a * s / 2
    tangent = rho * (1 + a * s * slope / 2) + a * s * h / 2
    nngp, ntk = ResidualReluNNGP(s, scaling=a), ResidualReluNTK(s, scaling=a)
    np.testing.assert_allclose(nngp.at_correlation(rho, 2), covariance / diagonal, rtol=0, atol=8 * EPS)
    np.testing.assert_allclose(ntk.at_correlation(rho, 2), tangent / (1 + a * s), rtol=0, atol=8 * EPS)


def test_a_fixed_branch_variance_has_the_limits_of_the_plain_network():
    ntk, nngp = ResidualReluNTK(scaling=0.5), ResidualReluNNGP(scaling=0.5)
    assert ntk.at_angle(jnp.array([0.0, 0.1, 3.0]), math.inf).tolist() == [1.0, 0.25, 0.25]
    assert nngp.at_angle(jnp.array([0.0, 0.1, 3.0]), math.inf).tolist() == [1.0, 1.0, 1.0]
    # to first order K - 1/4 is (3/8) log(x)/x, x = kappa L, kappa = (1/2)/(1 + 1/2)
    for depth in (1000, 100_000):
        deviation = float(ntk.at_angle(1.0, depth)) - 0.25
        assert deviation == pytest.approx(3 / 8 * math.log(depth / 3) / (depth / 3), rel=0.2)
    assert nngp.collapses and not ntk.collapses and not ResidualReluNNGP().collapses


def test_derivatives_in_time_and_angle_are_those_of_differences():
    def kernel(time, theta, depth):
        return ResidualReluNTK(time=time).at_angle(theta, depth)

    for depth in (11, math.inf):
        for theta in (1.2, 2.5):  # on both sides of the angle where the route to the derivative changes
            by_time, by_angle = jax.grad(kernel, argnums=(0, 1))(0.8, theta, depth)
            h = 1e-5  # central differences: truncation h^2, rounding 1e-13/h
            time = (kernel(0.8 + h, theta, depth) - kernel(0.8 - h, theta, depth)) / (2 * h)
            angle = (kernel(0.8, theta + h, depth) - kernel(0.8, theta - h, depth)) / (2 * h)
            assert float(by_time) == pytest.approx(float(time), abs=5e-8)
            assert float(by_angle) == pytest.approx(float(angle), abs=5e-8)
    forward = jax.jvp(lambda time: kernel(time, 1.2, math.inf), (0.8,), (1.0,))[1]
    assert float(forward) == pytest.approx(float(jax.grad(kernel)(0.8, 1.2, math.inf)), rel=1e-11)


@pytest.mark.parametrize("depth", [5, math.inf])
def test_derivatives_are_finite_at_the_ends(depth):
    family = ResidualReluNTK()
    for theta in (0.0, math.pi):
        assert np.isfinite(jax.grad(lambda t: family.at_angle(t, depth))(theta))
    for rho in (-1.0, 1.0):
        assert np.isfinite(jax.grad(lambda r: family.at_correlation(r, depth))(rho))


def test_the_trajectory_of_a_stable_network_is_a_network_for_each_depth():
    theta = jnp.array([[0.0, 0.5], [2.0, np.pi]])
    for family in (ResidualReluNTK(), ResidualReluNTK(scaling=0.2)):
        path = family.trajectory(theta, 6)
        for depth in (1, 2, 6):
            np.testing.assert_allclose(path[depth - 1], family.at_angle(theta, depth), rtol=0, atol=8 * EPS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight_variance": 0.0}, "weight_variance above 0"),
        ({"scaling": -1.0}, "scaling above 0"),
        ({"scaling": "stabel"}, "scaling"),
        ({"time": -1.0}, "time at least 0"),
        ({"time": math.nan}, "finite"),
        ({"scaling": 0.1, "time": 2.0}, "no time beside"),
    ],
)
def test_bad_parameters_are_named(arguments, message):
    with pytest.raises(rn.InputError, match=message):
        ResidualReluNTK(**arguments)


def test_a_depth_that_is_not_whole_is_refused():
    with pytest.raises(rn.InputError, match="whole depth"):
        ResidualReluNTK().at_angle(1.0, 2.5)
