"""Piecewise-linear paths honour diffrax's contract and never extrapolate."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


SEEDS = st.integers(0, 2**32 - 1)


def random_path(seed, points=5):
    """A path in the plane of l1-length 2, whose signature has entries at most 2, at uneven times."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(points - 1, 2))
    steps *= 2 / np.abs(steps).sum()
    values = np.cumsum(np.vstack([rng.normal(size=2), steps]), 0)
    return rough.PiecewiseLinear(values, np.cumsum(rng.uniform(0.1, 1, points)))


# Signatures of entries at most 2, products of at most 10 exponentials: 1e-13 is about 450 eps.
TIGHT = 1e-13


def test_time_becomes_the_first_channel(path):
    timed = rough.add_time(path)
    np.testing.assert_array_equal(timed.values, np.column_stack([TIMES, VALUES]))
    np.testing.assert_array_equal(timed.times, TIMES)
    np.testing.assert_allclose(timed.evaluate(1.3), [1.3, *path.evaluate(1.3)], rtol=0, atol=1e-15)
    np.testing.assert_array_equal(rough.add_time(VALUES).values[:, 0], np.arange(4))


def test_the_lead_moves_before_the_lag(path):
    double = rough.lead_lag(path)
    assert (double.points, double.channels) == (7, 4)
    for i in range(3):
        np.testing.assert_array_equal(double.values[2 * i], [*VALUES[i], *VALUES[i]])
        np.testing.assert_array_equal(double.values[2 * i + 1], [*VALUES[i + 1], *VALUES[i]])
    np.testing.assert_array_equal(double.times, [0.0, 0.25, 0.5, 1.25, 2.0, 2.5, 3.0])


@settings(max_examples=20)
@given(SEEDS)
def test_the_lead_lag_signature_holds_the_quadratic_variation_and_the_ito_sum(seed):
    path = random_path(seed)
    second = np.asarray(rough.signature(rough.lead_lag(path), 2))[4:].reshape(4, 4)
    dx = np.diff(np.asarray(path.values), axis=0)
    np.testing.assert_allclose(second[:2, 2:] - second[2:, :2], dx.T @ dx, rtol=0, atol=TIGHT)
    before = np.asarray(path.values[:-1] - path.values[0])
    np.testing.assert_allclose(second[2:, :2], before.T @ dx, rtol=0, atol=TIGHT)


@settings(max_examples=20)
@given(SEEDS)
def test_the_signature_of_a_concatenation_is_the_product(seed):
    a, b, c = (random_path(seed + k) for k in range(3))
    joined = rough.concatenate(a, b, c)
    assert (joined.points, float(joined.t0)) == (13, float(a.t0))
    np.testing.assert_allclose(joined.t1 - joined.t0, sum(p.t1 - p.t0 for p in (a, b, c)), rtol=1e-14)
    product = rough.flat.product(rough.signature(a, 3), rough.signature(b, 3), 2)
    product = rough.flat.product(product, rough.signature(c, 3), 2)
    np.testing.assert_allclose(rough.signature(joined, 3), product, rtol=0, atol=10 * TIGHT)  # entries up to 36
    np.testing.assert_array_equal(joined.values[:5], a.values)
    np.testing.assert_array_equal(rough.concatenate(a).values, a.values)


@settings(max_examples=20)
@given(SEEDS)
def test_reversal_inverts_the_signature_and_undoes_itself(seed):
    path = random_path(seed)
    back = rough.reverse(path)
    assert (float(back.t0), float(back.t1)) == (float(path.t0), float(path.t1))
    signature = rough.signature(path, 4)
    for inverse in (rough.flat.antipode(signature, 2), rough.flat.inverse(signature, 2)):
        np.testing.assert_allclose(rough.signature(back, 4), inverse, rtol=0, atol=TIGHT)
    nothing = rough.signature(rough.concatenate(path, back), 4)
    np.testing.assert_allclose(nothing, np.zeros(30), rtol=0, atol=TIGHT)
    twice = rough.reverse(back)
    np.testing.assert_array_equal(twice.values, path.values)
    np.testing.assert_allclose(twice.times, path.times, rtol=0, atol=1e-14)
    time = float(path.t0 + 0.3 * (path.t1 - path.t0))
    mirrored = back.evaluate(float(path.t0) + float(path.t1) - time)
    np.testing.assert_allclose(mirrored, path.evaluate(time), rtol=0, atol=1e-12)  # slopes up to 20 times a rounding


@settings(max_examples=20)
@given(SEEDS)
def test_reparametrisation_changes_times_and_not_the_signature(seed):
    path = random_path(seed)
    for moved in (
        rough.reparametrise(path, lambda t: t**3 + t),
        rough.reparametrise(path, path.times**3 + path.times),
    ):
        np.testing.assert_array_equal(moved.times, path.times**3 + path.times)
        np.testing.assert_array_equal(moved.values, path.values)
        np.testing.assert_array_equal(rough.signature(moved, 3), rough.signature(path, 3))


# Each number of points compiles anew, hence few examples.
@settings(max_examples=8)
@given(SEEDS, st.floats(0.05, 0.95))
def test_sub_paths_agree_with_the_path_and_join_to_it(seed, share):
    path = random_path(seed)
    middle = float(path.t0 + share * (path.t1 - path.t0))
    first, second = rough.sub_path(path, path.t0, middle), rough.sub_path(path, middle, path.t1)
    assert (float(first.t1), float(second.t0)) == (middle, middle)
    for part in (first, second):
        for weight in (0.0, 0.37, 1.0):
            time = float((1 - weight) * part.t0 + weight * part.t1)
            time = min(max(time, float(part.t0)), float(part.t1))
            # Slopes are below 20 and a short last piece rounds its own times: 1e-12 is 200 eps times them.
            np.testing.assert_allclose(part.evaluate(time), path.evaluate(time), rtol=0, atol=1e-12)
    joined = rough.signature(rough.concatenate(first, second), 3)
    np.testing.assert_allclose(joined, rough.signature(path, 3), rtol=0, atol=TIGHT)


def test_a_sub_path_between_sample_times_keeps_the_points(path):
    part = rough.sub_path(path, 0.5, 3.0)
    np.testing.assert_array_equal(part.values, VALUES[1:])
    np.testing.assert_array_equal(part.times, TIMES[1:])


def test_levy_area_is_the_antisymmetric_second_level(path):
    second = np.asarray(rough.signature(path, 2))[2:].reshape(2, 2)
    np.testing.assert_allclose(rough.levy_area(path), (second - second.T) / 2, rtol=0, atol=1e-14)
    square = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    np.testing.assert_array_equal(rough.levy_area(square), [[0.0, 1.0], [-1.0, 0.0]])  # counterclockwise: +1


def test_operations_work_on_traced_values_and_can_be_differentiated():
    def end(values):
        path = rough.PiecewiseLinear(values, TIMES)
        joined = rough.concatenate(rough.reverse(path), rough.add_time(path.values[:, 0]))
        timed = rough.reparametrise(joined, lambda t: 2 * t)
        return rough.levy_area(timed)[0, 1] + rough.lead_lag(timed).values[-1].sum()

    values = jnp.asarray(VALUES)
    compiled, slope = jax.jit(end), jax.jit(jax.grad(end))(values)
    bumped = float(compiled(values.at[1, 0].add(1e-5)) - compiled(values.at[1, 0].add(-1e-5))) / 2e-5
    assert abs(float(slope[1, 0]) - bumped) <= 1e-9  # quadratic: the central difference is exact to rounding
    led = jax.jit(jax.vmap(lambda v: rough.lead_lag(rough.PiecewiseLinear(v, TIMES)).values))
    many = led(jnp.stack([values, 2 * values]))
    np.testing.assert_array_equal(many[1], rough.lead_lag(rough.PiecewiseLinear(2 * VALUES, TIMES)).values)
    with pytest.raises(InputError, match="outside jit"):
        jax.jit(lambda t: rough.sub_path(VALUES, 0.0, t).values)(1.0)
    slope = jax.jacrev(lambda v: rough.sub_path(rough.PiecewiseLinear(v, TIMES), 0.25, 2.0).values[0, 0])(values)
    np.testing.assert_array_equal(slope[:, 0], [0.5, 0.5, 0.0, 0.0])  # a quarter is halfway to the next time


def test_operations_remember_whether_times_were_given():
    row_numbers = rough.PiecewiseLinear(VALUES, np.arange(4.0))
    for operation in (rough.reverse, rough.add_time, lambda x: rough.concatenate(x, x)):
        assert operation(row_numbers).timed and not operation(VALUES).timed
        np.testing.assert_array_equal(operation(row_numbers).times, operation(VALUES).times)
    assert rough.lead_lag(VALUES).timed and rough.sub_path(VALUES, 0.5, 2.0).timed


def test_times_that_rounding_makes_equal_are_named():
    near = np.nextafter(1.0, 2.0)
    for operation, times, message in (
        (rough.reverse, [0.0, 1e-20, 1.0], "when reversed, got 0.0 and 1e-20"),
        (rough.lead_lag, [1.0, near, 2.0], "when halved, got 1.0 and 1.0000000000000002"),
        (lambda x: rough.concatenate([0, 1], x), [0.0, 1e-17, 2.0], "when shifted, got 0.0 and 1e-17"),
    ):
        with pytest.raises(InputError, match=message + ".*drop one of the two points"):
            operation(rough.PiecewiseLinear([0.0, 1.0, 2.0], times))


def test_a_lift_is_no_path_and_an_area_beyond_float64_is_told():
    lifted = rough.lift(VALUES, 2)
    for operation in (rough.add_time, rough.levy_area, rough.PiecewiseLinear, lambda x: rough.lift(x, 2)):
        with pytest.raises(InputError, match="got a Lift"):
            operation(lifted)
    with pytest.raises(InputError, match="area within float64.*scale the path"):
        rough.levy_area([[0, 0], [1e200, 0], [1e200, 1e200]])


def test_bad_input_to_operations_is_refused(path):
    with pytest.raises(InputError, match="at least one path"):
        rough.concatenate()
    with pytest.raises(InputError, match=r"channels, got \[2, 1\]"):
        rough.concatenate(path, VALUES[:, 0])
    with pytest.raises(InputError, match="strictly increasing"):
        rough.reparametrise(path, lambda t: -t)
    with pytest.raises(InputError, match=r"times of shape \(4,\)"):
        rough.reparametrise(path, TIMES[:3])
    for start, stop in ((-0.1, 1.0), (1.0, 3.1), (1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(InputError, match="start < stop"):
            rough.sub_path(path, start, stop)
    with pytest.raises(InputError, match="finite"):
        rough.sub_path(path, 0.0, np.nan)
    for operation in (rough.add_time, rough.lead_lag, rough.reverse, rough.levy_area):
        with pytest.raises(InputError, match="two points"):
            operation(VALUES[:1])
        with pytest.raises(InputError, match="at least one channel"):
            operation(np.zeros((3, 0)))
        with pytest.raises(InputError, match="finite"):
            operation(np.full((3, 2), np.nan))


def test_bad_input_is_refused(path):
    with pytest.raises(InputError, match=r"repeated times\[1\] = 1, times\[2\] = 1"):
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
