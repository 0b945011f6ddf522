"""Composition kernels: exact decimals of the sigmoid map, user maps with known iterates, and refusals."""

import functools
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp, mpf

import roughntk as rn
from roughntk.kernels import CompositionKernel, SigmoidComposition
from roughntk.linalg import bordered_system

EPS = np.finfo(np.float64).eps
DATA = json.loads((Path(__file__).parents[1] / "data" / "families.json").read_text())["sigmoid_composition"]
RHO = np.array([-1, -0.9, -0.5, 0, 0.5, 0.9, 0.99, 0.999999, 0.999999999999, 1])
SIGMOID = SigmoidComposition()


def moebius(c):
    """Fixed points 0 (multiplier 1/2) and 1 (multiplier 2); the n-th iterate is c/(2^n - (2^n - 1) c)."""
    return c / (2 - c)


def moebius_iterate(c, n):
    return c / (2.0**n - (2.0**n - 1) * c)


def alternating(c):
    return -0.5 * jnp.sin(c)


@functools.cache
def kernel(h):
    return CompositionKernel(h)


def half_moebius(c):
    """Fixed point 0 (multiplier 1/2) alone: 3 c/(6 + c) lies in [-3/5, 3/7]."""
    return 3 * c / (6 + c)


def test_sigmoid_values_are_the_exact_decimals_at_every_depth():
    for depth, values in zip(DATA["depths"], DATA["eta"], strict=True):
        np.testing.assert_allclose(SIGMOID.at_correlation(RHO, depth), [float(v) for v in values], rtol=4 * EPS)


def test_sigmoid_displacements_keep_their_digits_to_depth_1000():
    for depth, values in zip(DATA["depths"], DATA["eta_minus_fixed_point"], strict=True):
        found = SIGMOID.deflated(np.arccos(RHO), depth)
        with mp.workdps(40):
            scale = mpf(DATA["multiplier"]) ** (depth - 1)
            exact = np.array([float(mpf(value) / scale) for value in values])
        # two roundings a layer, of values up to 1, until the displacement is linear: some 30 layers
        np.testing.assert_allclose(found.values, exact, rtol=0, atol=64 * EPS)
        assert found.log_scale == pytest.approx((depth - 1) * math.log(float(DATA["multiplier"])), rel=4 * EPS)


@pytest.mark.parametrize(
    "family", [SIGMOID, CompositionKernel(lambda c: jax.nn.sigmoid(c) ** 2)], ids=["step", "generic"]
)
@pytest.mark.parametrize("depth", [40, 1000, 10**6, math.inf])
def test_deflated_values_give_the_coefficients_of_120_digit_inversion(family, depth):
    X, x = rn.sphere.uniform(5, 4, seed=2), rn.sphere.uniform(2, 4, seed=3)
    within, across = (np.asarray(rn.sphere.angles(X, Z)) for Z in (X, x))
    parts = [family.deflated(theta, depth) for theta in (within, across)]
    ratio = math.exp(parts[0].log_scale) / parts[0].level
    u = np.linalg.solve(*bordered_system(parts[0].values, parts[1].values, ratio))[:-1]
    np.testing.assert_allclose(u, _inverted_exactly(within, across), rtol=0, atol=1e-10)


@functools.cache
def _exact_coefficients(within: tuple, across: tuple, depth: int) -> np.ndarray:
    with mp.workdps(160):
        step = lambda eta: 1 / (1 + mp.exp(-eta)) ** 2  # noqa: E731
        tables = []
        for rows in (within, across):
            table = mp.matrix([[mp.cos(mpf(theta)) for theta in row] for row in rows])
            for _ in range(depth - 1):
                table = table.apply(step)
            tables.append(table)
        u = mp.inverse(tables[0]) * tables[1]
        return np.array(u.tolist(), dtype=float)


def _inverted_exactly(within, across):
    # at depth 40 the coefficients differ from their limit by lambda^39 = 1e-21
    return _exact_coefficients(tuple(map(tuple, within.tolist())), tuple(map(tuple, across.tolist())), 40)


def test_real_depth_has_the_half_iterate_and_the_generator_of_the_sigmoid():
    assert float(SIGMOID.at_correlation(0.7, 1.5)) == pytest.approx(0.535902189392782, abs=1e-15)
    speed = jax.grad(lambda depth: SIGMOID.at_correlation(0.7, depth))
    assert float(speed(1.0)) == pytest.approx(-0.438154049781, abs=1e-12)
    pins = [-0.898236357669, -0.317872294710, 0.162071063415, 0.698142337808]
    angles = np.arccos([-1, 0, 0.5, 1])
    np.testing.assert_allclose(
        SIGMOID.deflated(angles, math.inf).values, pins, rtol=0, atol=1e-12
    )  # 12 digits are known
    # at real depth the scaled displacement is the Koenigs function of the flow
    c = SIGMOID.fixed_point
    for depth in (1.5, 3.25):
        found = SIGMOID.deflated(angles, depth)
        values = c + math.exp(found.log_scale) * found.values
        np.testing.assert_allclose(values, SIGMOID.at_angle(angles, depth), rtol=0, atol=32 * EPS)  # g: 35 layers
    np.testing.assert_allclose(SIGMOID.deflated(angles, 1e6 + 0.5).values, pins, rtol=0, atol=1e-12)


def test_the_flow_is_a_semigroup_and_meets_the_recursion_at_whole_depths():
    rho = np.linspace(-1, 1, 41)
    halfway = SIGMOID.at_correlation(rho, 2.7)
    np.testing.assert_allclose(
        SIGMOID.at_correlation(halfway, 1.9), SIGMOID.at_correlation(rho, 3.6), rtol=0, atol=8 * EPS
    )
    traced = jax.jit(SIGMOID.at_correlation)
    for depth in (1, 2, 9, 40):
        np.testing.assert_allclose(
            traced(rho, jnp.asarray(float(depth))), SIGMOID.at_correlation(rho, depth), rtol=0, atol=4 * EPS
        )


def test_a_user_map_with_known_real_iterates():
    """3 c/(6 + c) is conjugate to c/2: 1/h - 1/3 = 2/c, so 1/c_n + 1/3 = 2^n (1/c + 1/3)."""
    family = kernel(half_moebius)
    assert family.fixed_point == pytest.approx(0, abs=EPS) and family.multiplier == pytest.approx(0.5, rel=4 * EPS)
    rho = np.linspace(-1, 1, 30)
    for depth in (1.5, 4.25, 30.5):
        exact = 1 / (2.0 ** (depth - 1) * (1 / rho + 1 / 3) - 1 / 3)
        np.testing.assert_allclose(family.at_correlation(rho, depth), exact, rtol=1e-13, atol=EPS)
    koenigs = family.deflated(np.arccos(rho), math.inf).values
    np.testing.assert_allclose(koenigs, rho / (1 + rho / 3), rtol=1e-13, atol=8 * EPS)
    slope = jax.grad(lambda r: family.at_correlation(r, 3.5))(0.4)
    at = 2.0**2.5 * (1 / 0.4 + 1 / 3) - 1 / 3
    assert float(slope) == pytest.approx(2.0**2.5 / 0.4**2 / at**2, rel=1e-12)


def test_a_repelling_end_stays_and_keeps_the_matrix_regular():
    family = kernel(moebius)
    assert (family.fixed_point, family.analysis.limits) == (pytest.approx(0, abs=EPS), (0.0, 1.0))
    rho = np.array([-1, -0.3, 0.2, 0.9, 1 - 1e-9, 1.0])
    for depth in (4, 4.5, 20.25):
        np.testing.assert_allclose(
            family.at_correlation(rho, depth),
            moebius_iterate(rho, depth - 1),
            rtol=16 * EPS * 2.0**depth,  # a rounding beside the repelling point doubles at each layer
            atol=EPS,
        )
    assert family.at_correlation(rho, math.inf).tolist() == [0, 0, 0, 0, 0, 1]
    assert not family.collapses
    with pytest.raises(rn.InputError, match="collapses"):
        family.deflated(0.5, 10)


def test_a_negative_multiplier_alternates_and_has_no_real_depth():
    family = kernel(alternating)
    assert family.multiplier == -0.5 and not family.has_real_depth
    theta = np.arccos([-0.8, 0.3, 1.0])
    for depth in (6, 7):
        found = family.deflated(theta, depth)
        np.testing.assert_allclose(
            found.level + math.exp(found.log_scale) * found.values, family.at_angle(theta, depth), rtol=0, atol=4 * EPS
        )
    assert family.at_angle(theta, math.inf).tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(rn.InputError, match="increase strictly"):
        family.at_angle(theta, 2.5)


def test_the_relu_dual_as_a_user_map_is_the_relu_covariance():
    family = kernel(rn.maps.duals.relu_dual)
    assert (family.fixed_point, family.multiplier, family.collapses) == (1.0, 1.0, True)
    theta = np.array([0.0, 0.4, 2.0, np.pi])
    nngp = rn.kernels.ReluNNGP()
    np.testing.assert_allclose(family.at_angle(theta, 50), nngp.at_angle(theta, 50), rtol=1e-12)
    found, exact = family.deflated(theta, 50), nngp.deflated(theta, 50)
    # 1 - rho s is rounded to eps where its square root counts: about eps/theta a layer
    np.testing.assert_allclose(found.values, exact.values, rtol=0, atol=1e-12)
    assert found.log_scale == pytest.approx(exact.log_scale, abs=1e-12)
    with pytest.raises(rn.InputError, match="no real depth is known"):
        family.at_angle(theta, 2.5)


def test_derivatives_hold_in_both_modes():
    for family in (SIGMOID, kernel(half_moebius)):
        for depth in (1, 3, 2.5, 12.75):
            for rho in (-1.0, 0.3, 1.0):
                reverse = float(jax.grad(lambda r, f=family, d=depth: f.at_correlation(r, d))(rho))
                forward = float(jax.jvp(lambda r, f=family, d=depth: f.at_correlation(r, d), (rho,), (1.0,))[1])
                assert reverse == forward and np.isfinite(reverse)
        h = 1e-6
        difference = (family.at_correlation(0.3 + h, 2.5) - family.at_correlation(0.3 - h, 2.5)) / (2 * h)
        slope = jax.grad(lambda r, f=family: f.at_correlation(r, 2.5))(0.3)
        assert float(slope) == pytest.approx(float(difference), abs=2e-9)


@pytest.mark.parametrize(
    ("h", "message"),
    [
        (lambda c: 2 * c, r"h\(-1\) = -2"),
        (lambda c: jnp.sqrt(c), r"finite on .*h\(-1\) = nan"),
        (lambda c: jnp.where(c > 0.1, -0.5, 0.5), "with a fixed point"),
        (lambda c: jnp.tanh(3 * c), "one attracting fixed point, got 2: -0.99490152"),
        (lambda c: 1 - 2 * c**2, "none of which attracts"),
        (lambda c: -c, "none of which attracts"),
        (lambda c: c, "isolated fixed points"),
        (lambda c: np.sin(c), "jax.numpy"),
        (lambda c: jnp.sum(c), "shape"),
        (lambda c: c.astype(complex) * 1j, "complex128"),
        (lambda c: c / (1 + jnp.max(c)), "elementwise"),
        (3, "expected a map"),
    ],
)
def test_maps_that_cannot_serve_are_refused(h, message):
    with pytest.raises(rn.InputError, match=message):
        CompositionKernel(h)


def test_a_second_attractor_that_is_a_cycle_is_found():
    # 0 attracts at the rate -1/2, and so does a cycle near 0.99 and -0.99
    with pytest.raises(rn.InputError, match="cycle or a second attractor"):
        CompositionKernel(lambda c: -0.99 * c * (0.5 + 1.5 * c**2 - c**4))
    with pytest.raises(rn.InputError, match="none of which attracts"):
        CompositionKernel(lambda c: 1 - 1.7548 * c**2)  # a cycle of three


def test_a_step_that_contradicts_the_map_is_refused():
    with pytest.raises(rn.InputError, match="step to agree"):
        CompositionKernel(alternating, step=lambda d: 0.5 * d)
