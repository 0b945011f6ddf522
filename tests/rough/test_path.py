"""Piecewise-linear paths honour diffrax's contract and never extrapolate."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError

TIMES = np.array([0.0, 0.5, 2.0, 3.0])
VALUES = np.array([[0.0, 1.0], [1.0, 1.0], [-2.0, 4.0], [0.0, 0.0]])


@pytest.fixture
def path():
    return rough.PiecewiseLinear(VALUES, TIMES)


def test_it_passes_through_its_points_and_is_straight_between_them(path):
    assert (path.points, path.channels, float(path.t0), float(path.t1)) == (4, 2, 0.0, 3.0)
    for time, value in zip(TIMES, VALUES, strict=True):
        np.testing.assert_array_equal(path.evaluate(time), value)
        np.testing.assert_array_equal(path.evaluate(time, left=False), value)
    for time in np.linspace(0, 3, 31):
        expected = [np.interp(time, TIMES, VALUES[:, c]) for c in range(2)]
        np.testing.assert_allclose(path.evaluate(time), expected, rtol=0, atol=1e-15)


def test_two_times_give_the_increment(path):
    np.testing.assert_allclose(path.evaluate(0.25, 2.5), path.evaluate(2.5) - path.evaluate(0.25), atol=1e-15)


def test_derivative_is_the_slope_of_the_piece_on_the_asked_side(path):
    slopes = np.diff(VALUES, axis=0) / np.diff(TIMES)[:, None]
    np.testing.assert_allclose(path.derivative(0.2), slopes[0], atol=1e-15)
    np.testing.assert_allclose(path.derivative(0.5), slopes[0], atol=1e-15)
    np.testing.assert_allclose(path.derivative(0.5, left=False), slopes[1], atol=1e-15)
    np.testing.assert_allclose(path.derivative(0.0), slopes[0], atol=1e-15)
    np.testing.assert_allclose(path.derivative(3.0, left=False), slopes[2], atol=1e-15)


def test_the_default_times_are_the_row_numbers():
    np.testing.assert_array_equal(rough.PiecewiseLinear(VALUES).times, [0.0, 1.0, 2.0, 3.0])
    assert rough.PiecewiseLinear([1.0, 4.0]).evaluate(0.5).tolist() == [2.5]


def test_it_does_not_extrapolate(path):
    for time in (-0.1, 3.1, float("inf")):
        with pytest.raises(InputError):
            path.evaluate(time)
        with pytest.raises(InputError):
            path.derivative(time)
    with pytest.raises(InputError, match="extrapolate"):
        path.evaluate(0.0, 3.1)
    with pytest.raises(Exception, match="does not extrapolate"):
        jax.block_until_ready(eqx.filter_jit(lambda p, t: p.evaluate(t))(path, jnp.array(3.1)))
    with pytest.raises(Exception, match="does not extrapolate"):
        jax.block_until_ready(eqx.filter_jit(lambda p, t: p.evaluate(t))(path, jnp.array(jnp.nan)))


def test_a_rounding_error_past_the_end_is_forgiven(path):
    np.testing.assert_array_equal(path.evaluate(np.nextafter(3.0, 4.0)), VALUES[-1])


def test_it_works_under_jit_vmap_and_grad(path):
    times = jnp.linspace(0.1, 2.9, 8)
    many = jax.jit(jax.vmap(path.evaluate))(times)
    np.testing.assert_allclose(many, jnp.stack([path.evaluate(t) for t in times]), rtol=0, atol=1e-15)
    slope = jax.jit(jax.jacfwd(path.evaluate))(jnp.array(1.0))
    np.testing.assert_allclose(slope, path.derivative(1.0), rtol=1e-14)
    built = jax.jit(lambda values: rough.PiecewiseLinear(values, TIMES).evaluate(1.0))(jnp.asarray(VALUES))
    np.testing.assert_allclose(built, path.evaluate(1.0), rtol=0, atol=1e-15)


def test_it_drives_a_diffrax_equation(path):
    # dY = A1 Y dX1 + A2 Y dX2 with commuting A: Y = exp(A1 x1 + A2 x2) Y0 exactly.
    term = diffrax.ControlTerm(lambda t, y, args: jnp.stack([0.5 * y, -0.25 * y], -1), path)
    # The slope jumps at the sample times, so the steps must end there.
    controller = diffrax.ClipStepSizeController(
        diffrax.PIDController(rtol=1e-11, atol=1e-11), jump_ts=jnp.asarray(TIMES[1:-1])
    )
    solution = diffrax.diffeqsolve(
        term.to_ode(), diffrax.Tsit5(), 0.0, 3.0, 0.01, jnp.ones(1), stepsize_controller=controller
    )
    total = VALUES[-1] - VALUES[0]
    expected = np.exp(0.5 * total[0] - 0.25 * total[1])
    np.testing.assert_allclose(solution.ys[-1], expected, rtol=1e-9)  # about 100 steps of local error 1e-11
    euler = diffrax.diffeqsolve(term, diffrax.Euler(), 0.0, 3.0, 0.001, jnp.ones(1), max_steps=4000)
    np.testing.assert_allclose(euler.ys[-1], expected, rtol=5e-3)  # order 1: error of the size of the step


def test_the_signature_of_a_path_object_is_that_of_its_points(path):
    np.testing.assert_array_equal(rough.signature(path, 3), rough.signature(VALUES, 3))
    assert rough.p_variation(path, 2.0) == rough.p_variation(VALUES, 2.0)


def test_bad_input_is_refused(path):
    with pytest.raises(InputError, match="rows 1 and 2"):
        rough.PiecewiseLinear(VALUES, [0.0, 1.0, 1.0, 2.0])
    with pytest.raises(InputError, match="strictly increasing"):
        rough.PiecewiseLinear(VALUES, TIMES[::-1])
    with pytest.raises(InputError, match=r"times of shape \(4,\)"):
        rough.PiecewiseLinear(VALUES, TIMES[:3])
    with pytest.raises(InputError, match=r"times of shape \(4,\)"):
        jax.jit(lambda t: rough.PiecewiseLinear(VALUES, t).t1)(jnp.zeros(3))
    with pytest.raises(InputError, match="finite"):
        rough.PiecewiseLinear(VALUES, [0.0, 1.0, np.nan, 2.0])
    with pytest.raises(InputError, match="finite"):
        rough.PiecewiseLinear(np.where(VALUES == 4.0, np.inf, VALUES), TIMES)
    with pytest.raises(InputError, match="two points"):
        rough.PiecewiseLinear(VALUES[:1])
    with pytest.raises(InputError, match="one time"):
        path.evaluate(TIMES)
