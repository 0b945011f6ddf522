"""Transport along real depth: against the closed form at every depth, to infinity and back, and where it must stop."""

import math
import re

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import datasets

import roughntk as rn
from roughntk.regression import NotPositiveDefiniteError
from roughntk.transport import TransportError, to_depth, vector_field
from roughntk.transport.clocks import GradedClock, graded_time

EPS = np.finfo(np.float64).eps
FAMILY = rn.kernels.ReluNTK()
DEPTHS = (2.5, 3, 10, 1e3, 1e6, 1e12, math.inf)
SPECIFIED = 1e-9  # the specification; the condition numbers here are below 1e3, and what is seen is 1e-12


def on_the_sphere():
    return rn.sphere.uniform(50, 10, 0), rn.sphere.uniform(20, 10, 1)


def digits():
    rows = datasets.load_digits().data
    unit = rn.sphere.project(rows[np.random.default_rng(0).permutation(len(rows))[:70]])
    return unit[:50], unit[50:]


def few():
    return rn.sphere.uniform(5, 8, 0), rn.sphere.uniform(2, 8, 1)


def circle(n):
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


@pytest.fixture(scope="module")
def whole():
    """From 2 to infinity on few points, with depths on the way: shared, since nothing changes it."""
    return to_depth(FAMILY, *few(), depths=DEPTHS)


@pytest.mark.parametrize("data", [on_the_sphere, digits])
def test_from_2_to_infinity_every_depth_is_within_1e_minus_9_of_the_closed_form(data):
    X, x = data()
    x[0] = X[3]
    result = to_depth(FAMILY, X, x, depths=DEPTHS)
    for depth, u in zip(result.depths, result.values, strict=True):
        assert np.max(np.abs(u - rn.coefficients(FAMILY, X, x, depth=depth))) <= SPECIFIED
        np.testing.assert_allclose(u[:, 0], np.eye(50)[3], atol=SPECIFIED)  # on the data: e_i at every depth
    np.testing.assert_allclose(result.coefficients[:, 1:], 1 / 53, atol=SPECIFIED)  # off the data: 1/(n + 3)
    np.testing.assert_array_equal(result.values[-1], result.coefficients)
    assert np.all(result.errors <= SPECIFIED)
    assert result.residual <= SPECIFIED
    assert result.stats["interpolation"] <= 64 * EPS
    assert result.converged


def test_backwards_undoes_forwards(whole):
    X, x = few()
    back = to_depth(FAMILY, X, x, start=math.inf, stop=2, depths=DEPTHS[::-1])
    np.testing.assert_allclose(back.coefficients, rn.coefficients(FAMILY, X, x, depth=2), atol=SPECIFIED)
    np.testing.assert_allclose(back.values[::-1], whole.values, atol=SPECIFIED)
    there, here = (np.asarray(r.drivers.evaluate(r.clock.time(10.0), r.clock.time(3.0))) for r in (back, whole))
    np.testing.assert_allclose(there, here, atol=1e-12)  # increments do not depend on the direction of travel
    assert float(back.clock.knots[0]) < float(back.clock.knots[-1])


@pytest.mark.parametrize(("start", "stop"), [(1, 2.5), (3.7, 1.2), (1e3, 1e9), (1e60, math.inf)])
def test_any_start_and_any_stop(start, stop):
    result = to_depth(FAMILY, *few(), start=start, stop=stop)
    np.testing.assert_array_equal(result.depths, [start, stop])
    assert np.all(result.errors <= SPECIFIED)


@pytest.mark.parametrize("angle", [1e-6, 1e-10, 1e-14])
def test_the_boundary_layer_of_a_nearly_training_point_is_resolved(angle):
    """At l ~ 1/angle the coefficients go from e_i to 1/(n + 3), within a graded time of 1e-2 to 1e-4."""
    X, x = few()
    side = X[0] - (X[0] @ X[1]) * X[1]
    x[1] = rn.sphere.project((np.cos(angle) * X[1] + np.sin(angle) * side / np.linalg.norm(side))[None])[0]
    result = to_depth(FAMILY, X, x, depths=[0.01 / angle, 1 / angle, 100 / angle, math.inf])
    assert np.all(result.errors <= SPECIFIED)
    assert result.values[0, 1, 1] > 0.9
    np.testing.assert_allclose(result.coefficients[:, 1], 1 / 8, atol=SPECIFIED)


def test_the_nngp_is_carried_in_its_deflated_form_at_any_depth():
    nngp = rn.kernels.ReluNNGP()
    result = to_depth(nngp, *few(), depths=[3, 10, 100, 1e6, 1e12, math.inf])  # K itself: condition number 1e24
    assert np.all(result.errors <= SPECIFIED) and result.system == "deflated"


def crossing_of_nine_points():
    """The depth between 1.75 and 2 at which 9 equispaced points turn definite: bisection on the circulant's spectrum.

    The kernel matrix is circulant, so that its eigenvalues are the Fourier sums of its first row.
    """
    angles = np.asarray(rn.sphere.angles(circle(9)))[0]
    low, high = 1.75, 2.0
    for _ in range(40):
        middle = (low + high) / 2
        smallest = np.fft.fft(np.asarray(FAMILY.at_angle(angles, middle))).real.min()
        low, high = (low, middle) if smallest > 0 else (middle, high)
    return low


@pytest.mark.parametrize(
    ("n", "start", "stop", "message"),
    [
        (9, 3, 1.5, "becomes indefinite at depth {}"),
        (9, math.inf, 1, "becomes indefinite at depth {}"),
        (9, 1.25, math.inf, r"indefinite at the start \(smallest eigenvalue -0.247 .* definite beyond depth {}"),
        (9, 1.25, 1.5, "indefinite at the start .* definite beyond depth {}"),
        (9, 1.5, 1.25, "indefinite at the start .* definite beyond depth {}"),
        (8, 2, math.inf, "singular to working precision at the start .* definite beyond depth 2:"),
        (8, 3, 2, "becomes singular to working precision at depth 2 "),
    ],
)
def test_a_path_that_meets_a_singular_matrix_stops_and_names_the_depth(n, start, stop, message):
    named = f"{crossing_of_nine_points():.9g}"[:8]
    assert named.startswith("1.8")
    with pytest.raises(NotPositiveDefiniteError, match=message.format(re.escape(named))):
        to_depth(FAMILY, circle(n), rn.sphere.uniform(2, 2, 0), start=start, stop=stop)


def test_measured_order_of_heun_along_depth_is_2(whole):
    """Equal steps in graded time from 3 to 1000, where the path is curved and smooth."""
    X, x = few()
    start, stop = (float(whole.clock.time(depth)) for depth in (3, 1e3))
    exact = rn.coefficients(FAMILY, X, x, depth=1e3)
    u0 = jnp.asarray(rn.coefficients(FAMILY, X, x, depth=3))
    term = diffrax.ODETerm(vector_field(whole.path, whole.clock))
    errors = []
    for steps in (16, 64):
        solution = diffrax.diffeqsolve(
            term, diffrax.Heun(), start, stop, None, u0,
            stepsize_controller=diffrax.StepTo(jnp.linspace(start, stop, steps + 1)), saveat=diffrax.SaveAt(t1=True),
        )  # fmt: skip
        errors.append(np.max(np.abs(np.asarray(solution.ys[-1]) - exact)))
    assert abs(np.log2(errors[0] / errors[1]) / 2 - 2) <= 0.3


def test_the_driver_drives_a_users_own_equation_to_infinity(whole):
    driver = whole.drivers

    def field(tau, u, args):
        v = driver.derivative(tau)
        return v[:, 5:] - v[:, :5] @ u

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field), diffrax.Tsit5(), driver.t0, driver.t1, 0.01,
        jnp.asarray(rn.coefficients(FAMILY, *few(), depth=2)),
        stepsize_controller=diffrax.PIDController(rtol=1e-10, atol=1e-12),
    )  # fmt: skip
    np.testing.assert_allclose(solution.ys[-1], whole.coefficients, atol=SPECIFIED)


def composite(function, start, stop, pieces):
    """Composite Simpson rule: independent of the Gauss-Legendre nodes and of the panels."""
    times = np.linspace(start, stop, 2 * pieces + 1)
    values = np.asarray(jax.lax.map(function, jnp.asarray(times)))
    weights = np.ones(len(times))
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    return np.tensordot(weights, values, axes=1) * (stop - start) / (6 * pieces)


def test_the_driver_is_the_integral_of_its_derivative(whole):
    """Simpson's error is of order h^4 = (0.46/1000)^4 = 4e-14, with fourth derivatives of v' up to 1e4 here."""
    driver = whole.drivers
    start, stop = float(driver.t0), float(whole.clock.time(37.5))
    np.testing.assert_allclose(driver.evaluate(stop), composite(driver.derivative, start, stop, 500), atol=1e-9)
    np.testing.assert_array_equal(driver.evaluate(driver.t0), 0.0)
    assert driver.evaluate(driver.t0, driver.t1).shape == (5, 7)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_1_variation_of_the_driver_is_the_integral_of_its_speed(whole, norm):
    driver = whole.drivers
    size = (lambda v: jnp.abs(v).sum()) if norm == "l1" else jnp.linalg.norm
    value, error = driver.one_variation(norm)
    fine = composite(lambda tau: size(driver.derivative(tau)), float(driver.t0), float(driver.t1), 4000)
    # kinks of the l1 speed cost Simpson's rule O(h^2), h = 6e-5, each
    assert abs(value - fine) <= error + (1e-6 if norm == "l1" else 1e-9)
    assert error <= 1e-6 * value
    assert value >= float(size(driver.evaluate(driver.t1)))
    points = np.stack([np.asarray(driver.evaluate(tau)).ravel() for tau in np.linspace(driver.t0, driver.t1, 60)])
    chords = rn.rough.p_variation(points, 1, norm=norm)
    assert value * (1 - 1e-3) <= chords <= value + error  # 60 chords lose O(h^2) of the length


def test_the_clock_is_graded_and_knows_its_depths():
    depths = np.array([1, 1 + 1e-6, 2, 2.5, 1e3, 1e12, 1e60, math.inf])
    clock = GradedClock(jnp.asarray(-graded_time(depths)))
    np.testing.assert_allclose(clock.depth(clock.time(depths)), depths, rtol=32 * EPS)
    np.testing.assert_allclose(clock.compact(clock.time(depths)), 1 - 1 / depths, atol=8 * EPS)
    assert np.all(np.diff(clock.time(depths)) > 0)


def test_the_path_and_its_derivative_are_those_of_the_kernel(whole):
    X, x = few()
    tau = jnp.asarray(whole.clock.time(7.3))
    A, b = whole.path.evaluate(tau)
    np.testing.assert_allclose(A, FAMILY(X, depth=7.3), atol=64 * EPS)
    np.testing.assert_allclose(b, FAMILY(X, x, depth=7.3), atol=64 * EPS)
    # the interpolation is off by 1e-14 at most, its derivative by that times degree^2/width = 1e4
    slope = jax.jvp(lambda t: FAMILY.at_angle(rn.sphere.angles(X, x), whole.clock.depth(t)), (tau,), (1.0,))[1]
    np.testing.assert_allclose(whole.path.derivative(tau)[1], slope, atol=1e-9)


def test_other_data_and_other_depths_of_the_same_shape_compile_nothing(whole):
    X, x = rn.sphere.uniform(5, 8, 7), rn.sphere.uniform(2, 8, 8)
    events: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(lambda event, duration, **_: events.append(event))
    try:
        to_depth(FAMILY, X, x, stop=1e5, depths=[2.25, 4, 8], rtol=1e-9)
        compiled = [event for event in events if "backend_compile" in event]
        jax.jit(lambda z: z + 1)(jnp.ones(3))  # and the listener does hear of a compilation
    finally:
        jax.monitoring.clear_event_listeners()
    assert whole.stats["panels"] == 16
    assert compiled == []
    assert any("backend_compile" in event for event in events)


def test_a_solver_cut_short_raises_unless_asked_not_to():
    with pytest.raises(TransportError, match=r"stopped early.*max_steps"):
        to_depth(FAMILY, *few(), max_steps=8, solver=diffrax.Heun())
    assert not to_depth(FAMILY, *few(), max_steps=8, solver=diffrax.Heun(), throw=False).converged


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": 0.5}, "at least 1, got 0.5"),
        ({"start": math.nan}, "at least 1, got nan"),
        ({"stop": "deep"}, "depth of at least 1, got 'deep'"),
        ({"stop": [3, 4]}, "one depth as stop"),
        ({"stop": 2}, "start and stop to differ"),
        ({"start": math.inf}, "start and stop to differ"),
        ({"stop": 5, "depths": [3, 6]}, "between start and stop, 2 and 5, got 6"),
        ({"depths": [[3.0]]}, r"shape \(k,\)"),
        ({"depths": [math.nan]}, "at least 1, got nan"),
        ({"family": rn.kernels.ErfNTK()}, "real depth, got erf-ntk"),
        ({"family": lambda c, depth: c**depth}, "got lambda .a sequence has real depth where .*real_depth=True"),
        ({"family": "relu"}, "did you mean 'relu-ntk'"),
        ({"X": 2 * rn.sphere.uniform(5, 8, 0)}, "rows of norm 1 in X"),
        ({"X": rn.sphere.uniform(5, 8, 0)[[0, 1, 2, 3, 1]]}, "equal rows 1 and 4"),
        ({"x": rn.sphere.uniform(2, 7, 1)}, "8 columns"),
        ({"x": -rn.sphere.uniform(5, 8, 0)[:1], "start": 1}, "nearly antipodal"),
    ],
)
def test_bad_input_is_named(change, message):
    given = {"family": FAMILY, "X": few()[0], "x": few()[1]} | change
    with pytest.raises(rn.InputError, match=message):
        to_depth(given.pop("family"), given.pop("X"), given.pop("x"), **given)


def test_a_bad_norm_or_tolerance_is_named(whole):
    with pytest.raises(rn.InputError, match="norm to be one of l1, l2"):
        whole.drivers.one_variation("l3")
    with pytest.raises(rn.InputError, match="rtol above 0, got 0.0"):
        whole.drivers.one_variation(rtol=0.0)
