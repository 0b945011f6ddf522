"""The Ito-Lyons map: the solution's lift against canonical lifts, composition, geometry, Ito brackets."""

import jax.numpy as jnp
import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough import PiecewiseLinear, lift
from roughntk.rough.equations.ito_lyons import ito_lyons
from roughntk.rough.equations.rde import solve_rde
from roughntk.rough.paths import perturbed

Y0 = np.array([0.2, 0.4])
FINE = 1024
T = np.linspace(0, 1, FINE + 1)
DRIVER = np.stack([np.cos(4 * T) + T**2, np.sin(5 * T)], axis=1)


def field(y):
    return jnp.stack([jnp.stack([jnp.ones(()), 0.5 * jnp.cos(y[1])]), jnp.stack([0.5 * jnp.sin(y[0]), jnp.ones(())])])


@pytest.fixture(scope="module")
def fine():
    """The solution on all the samples, by one Davie step each: errors of about (5/1024)^2 = 2e-5 a unit of time."""
    return solve_rde(field, lift(PiecewiseLinear(DRIVER, T), 3), Y0, method="davie", estimate=False)


@pytest.mark.parametrize("method", ["log-ode", "davie"])
def test_the_lift_of_a_smooth_solution_is_its_canonical_lift(fine, method):
    canonical = lift(fine.values, 3)
    gaps = []
    for steps in (32, 64):
        image = ito_lyons(field, lift(PiecewiseLinear(DRIVER, T), 3), Y0, partition=steps, method=method)
        assert (image.lift.level, image.lift.channels, image.lift.points) == (3, 2, steps + 1)
        np.testing.assert_array_equal(image.lift.times, image.solution.times)
        np.testing.assert_allclose(image.lift.signature[:2], image.solution.values[-1] - Y0, rtol=0, atol=1e-12)
        gaps.append(np.abs(image.lift.signature - canonical.signature).max())
        assert perturbed.geometric_violation(image.lift).max() < 1e-13
        # A signature entry moves by about as much as the path; the reference is right to 2e-6.
        assert gaps[-1] < 10 * float(image.solution.error_estimate) + 2e-6
    # The log-ODE of level 3 has order 4, down to the 1e-6 of the reference; Davie of level 3 has order 3.
    assert gaps[0] < 5e-4 and gaps[1] < max(gaps[0] / 6, 3e-6)


def test_the_joint_lift_holds_the_driver_and_the_solution():
    driver = lift(PiecewiseLinear(DRIVER, T), 2)
    options = {"method": "davie", "partition": 16, "estimate": False}
    joint = ito_lyons(field, driver, Y0, joint=True, **options)
    alone = ito_lyons(field, driver, Y0, **options)
    assert joint.lift.channels == 4
    level_two = np.asarray(joint.lift.signature[4:]).reshape(4, 4)
    # The same sums in another order: rounding of numbers of size 1 over 16 steps.
    np.testing.assert_allclose(joint.lift.signature[:2], driver.signature[:2], rtol=0, atol=1e-13)
    np.testing.assert_allclose(level_two[:2, :2].ravel(), driver.signature[2:], rtol=0, atol=1e-13)
    np.testing.assert_allclose(level_two[2:, 2:].ravel(), alone.lift.signature[2:], rtol=0, atol=1e-13)
    np.testing.assert_allclose(joint.solution.values, alone.solution.values, rtol=0, atol=1e-13)
    assert joint.solution.values.shape == (17, 2)


def test_the_lift_of_a_solution_drives_the_next_equation():
    # dZ = U(Z) dY with the lift of Y, against d(Y, Z) = (V, U V) dX, along a pure-area driver.
    area = perturbed.pure_area_lift([[0, 0.5], [-0.5, 0]], np.linspace(0, 1, 65))
    options = {"method": "davie", "estimate": False}

    def second(z):
        return jnp.stack([jnp.sin(z) + 1, jnp.cos(2 * z)], axis=1)

    def both(state):
        V = field(state[:2])
        return jnp.concatenate([V, second(state[2:]) @ V])

    direct = solve_rde(both, area, np.append(Y0, 0.1), **options).values[-1, 2]
    image = ito_lyons(field, area, Y0, **options)
    composed = solve_rde(second, image.lift, [0.1], **options).values[-1, 0]
    alone = lift(PiecewiseLinear(image.solution.values, area.times), 2)
    without = solve_rde(second, alone, [0.1], **options).values[-1, 0]
    # Words of X above length 2 are dropped: (1/64)^2/2 for each of 64 steps, times derivatives of size 1. Y without
    # its area gives another Z.
    assert abs(composed - direct) < 5e-3
    assert abs(without - direct) > 0.05


def test_the_ito_lift_of_a_constant_field_has_the_bracket_of_its_covariance():
    # Y = C W: Y^2 + transpose = Y^1 (x) Y^1 - t C C^T, and Y is driven without any correction.
    C = np.array([[1.0, 0.3], [-0.4, 0.8], [0.5, 0.0]])
    W = np.random.default_rng(0).normal(size=(65, 2)).cumsum(0) / 8
    driver = perturbed.brownian_lift(PiecewiseLinear(W, np.linspace(0, 1, 65)), kind="ito")
    image = ito_lyons(lambda y: jnp.asarray(C) + 0 * y[0], driver, np.zeros(3), estimate=False)
    assert not image.lift.geometric and image.solution.method == "davie"
    first, second = np.split(np.asarray(image.lift.signature), [3])
    second = second.reshape(3, 3)
    np.testing.assert_allclose(first, C @ (W[-1] - W[0]), rtol=0, atol=1e-13)
    np.testing.assert_allclose(second + second.T, np.outer(first, first) - C @ C.T, rtol=0, atol=1e-12)


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="one of auto, log-ode, davie"):
        ito_lyons(field, DRIVER, Y0, method="controlled")
    with pytest.raises(InputError, match=r"\(state, channels\)"):
        ito_lyons(field, DRIVER[:, :1], Y0)
    with pytest.raises(InputError, match="GiB"):
        ito_lyons(lambda y: jnp.stack([y, y], axis=1), rough.lift(DRIVER, 4), np.zeros(64))
