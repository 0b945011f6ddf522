"""Every driver is a path by diffrax's contract: a control of a user's own equation, and a path for `rn.rough`."""

import math

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.transport import Driver, RetimedDriver, between_depths, to_depth
from roughntk.transport.clocks import PsiClock

EPS = np.finfo(np.float64).eps
NTK, NNGP = rn.kernels.ReluNTK(), rn.kernels.ReluNNGP()
X, x = rn.sphere.uniform(3, 5, 0), rn.sphere.uniform(2, 5, 1)

RESULTS = {
    "segment": lambda: between_depths(NTK, X, x, depth=2),
    "deflated segment": lambda: between_depths(NNGP, X, x, depth=40, clock="psi"),
    "depth": lambda: to_depth(NTK, X, x, start=math.inf, stop=2),
}
DRIVERS = {
    **{f"{name}, v": lambda result: result.drivers for name in RESULTS},
    **{f"{name}, the paper's": lambda result: result.paper_driver for name in ("segment", "depth")},
    "segment, retimed": lambda result: RetimedDriver(result.drivers, PsiClock(-1.0)),
}


@pytest.fixture(scope="module")
def results():
    return {name: make() for name, make in RESULTS.items()}


@pytest.fixture(params=DRIVERS)
def driver(request, results):
    return DRIVERS[request.param](results[request.param.split(",")[0]])


def test_it_is_a_path_of_diffrax_that_starts_at_0(driver):
    assert isinstance(driver, Driver) and isinstance(driver, diffrax.AbstractPath)
    assert float(driver.t0) < float(driver.t1)
    np.testing.assert_allclose(driver.evaluate(driver.t0), 0, atol=0)
    middle = (driver.t0 + driver.t1) / 2
    whole = driver.evaluate(driver.t0, driver.t1)
    parts = driver.evaluate(driver.t0, middle) + driver.evaluate(middle, driver.t1)
    np.testing.assert_allclose(parts, whole, rtol=0, atol=16 * EPS * max(1, np.abs(whole).max()))
    assert np.abs(whole).max() > 1e-4


def test_its_derivative_is_that_of_its_values(driver):
    for part in (0.2, 0.5, 0.77):
        t = jnp.asarray(driver.t0 + part * (driver.t1 - driver.t0), dtype=float)
        slope = jax.jacfwd(driver.evaluate)(t)
        # quadrature with 12 nodes between two knots: 1e-9 of the slope where v' is steepest
        np.testing.assert_allclose(driver.derivative(t), slope, rtol=1e-7, atol=1e-8 * np.abs(slope).max())


def test_it_drives_a_users_own_equation(driver):
    """dy = (1 + y/2) dv_a for one channel a, whose solution 2 exp(v_a/2) - 2 knows nothing of our equation."""
    largest = np.unravel_index(np.argmax(np.abs(driver.evaluate(driver.t0, driver.t1))), driver.derivative(0.5).shape)

    def field(t, y, args):
        return jnp.zeros(driver.derivative(0.5).shape).at[largest].set(1 + y / 2)

    term = diffrax.ControlTerm(field, driver)
    start, stop = float(driver.t0), float(driver.t1)
    ends = []
    for steps in (64, 128):
        found = diffrax.diffeqsolve(
            term, diffrax.Heun(), start, stop, None, jnp.asarray(0.0),
            stepsize_controller=diffrax.StepTo(jnp.linspace(start, stop, steps + 1)),
        )  # fmt: skip
        ends.append(float(found.ys[-1]))
    exact = 2 * math.exp(float(driver.evaluate(start, stop)[largest]) / 2) - 2
    coarse, fine = (abs(end - exact) for end in ends)
    # Heun is of order 2 in the steps of v; where v is steep 128 steps in t are few
    assert fine <= 1e-2 * abs(exact)
    assert fine <= coarse / 2.5 or coarse < 1e-12


def test_rough_takes_it_as_it_is(driver):
    path = driver.piecewise_linear()
    assert path.points >= 65
    assert float(path.t0) == float(driver.t0) and float(path.t1) == float(driver.t1)
    some = path.times[:: path.points // 7]
    np.testing.assert_allclose(driver.sample(np.asarray(some)), path.values[:: path.points // 7], rtol=0, atol=64 * EPS)
    values = np.asarray(path.values)
    assert rn.rough.p_variation(driver, 1.5) == rn.rough.p_variation(values, 1.5)
    np.testing.assert_array_equal(rn.rough.signature(driver, 2), rn.rough.signature(values, 2))
    lifted, expected = rn.rough.lift(driver, 2), rn.rough.lift(path, 2)
    np.testing.assert_array_equal(lifted.prefixes, expected.prefixes)
    np.testing.assert_array_equal(lifted.times, expected.times)
    assert rn.rough.p_variation_distance(driver, path, 2.5, level=2) == 0


def test_samples_are_a_number_of_points_or_times(driver):
    nine = driver.sample(9)
    assert isinstance(nine, np.ndarray) and nine.shape == (9, driver.derivative(0.5).size)
    times = np.linspace(float(driver.t0), float(driver.t1), 9)
    np.testing.assert_array_equal(driver.sample(times), nine)
    np.testing.assert_allclose(
        nine[-1], np.ravel(driver.evaluate(driver.t1)), rtol=0, atol=8 * EPS * np.abs(nine).max()
    )
    traced = jax.jit(lambda t: driver.sample(t))(jnp.asarray(times))
    np.testing.assert_allclose(traced, nine, rtol=0, atol=64 * EPS * max(1, np.abs(nine).max()))
    assert driver.piecewise_linear(9).points == 9


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (1, "at least 2, got 1"),
        (2.5, "whole"),
        ([0.0, 1.5], r"within \[0.* 1.5; a driver ends there"),
        ([[0.0, 1.0]], r"shape \(points,\)"),
        ([0.0, math.nan], "NaN"),
    ],
)
def test_bad_times_of_samples_are_named(results, times, message):
    with pytest.raises(rn.InputError, match=message):
        results["segment"].drivers.sample(times)


def test_a_traced_driver_is_sampled_at_times_from_outside(results):
    with pytest.raises(rn.InputError, match="use sample.times. with times chosen outside"):
        jax.jit(lambda driver: driver.piecewise_linear().values)(results["segment"].drivers)


def test_the_length_of_a_segments_driver_is_the_sum_of_its_chords(results):
    value, error = results["segment"].drivers.one_variation("l1")
    chords = rn.rough.p_variation(results["segment"].drivers, 1, norm="l1")
    assert error < 1e-6 * value
    assert value * (1 - 1e-4) <= chords <= value + error  # chords lose O(h^2) of the length


def test_the_distances_of_a_sequence_of_drivers_fall_at_their_rate():
    """K1 - K0 of size 1/n: the drivers are of size 1/n."""
    K, B = jnp.eye(2), jnp.zeros((2, 1))
    segments = [rn.transport.Segment(K, K + jnp.ones((2, 2)) / n, B, B) for n in (8, 16, 32)]
    drivers = [rn.transport.segment_driver(segment) for segment in segments]
    found = rn.rough.convergence(drivers, np.zeros((65, 6)), 1.0, scale=[8, 16, 32])
    assert found.rates[0] == pytest.approx(1.0, abs=0.1)
