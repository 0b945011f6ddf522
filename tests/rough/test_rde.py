"""Rough differential equations: exact cases, gradients, failures and refusals."""

import dataclasses
import functools

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough import RDEOptions, ito_lyons, lift, lift_from_steps
from roughntk.rough.algebra import tensor as ta
from roughntk.rough.equations.brackets import contracted_field, lyndon_fields
from roughntk.rough.equations.rde import RDEError, solve_rde
from roughntk.rough.paths import perturbed

A1 = np.array([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
A2 = np.array([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])
IDENTITY = np.eye(3).ravel()


def rotations(y):
    """R -> (R A1, R A2)."""
    R = y.reshape(3, 3)
    return jnp.stack([(R @ A1).ravel(), (R @ A2).ravel()], axis=1)


def field(y, xp=jnp):
    """Two fields on the plane that do not commute; works on arrays (2, ...) of either library."""
    a, b = y[0], y[1]
    one = xp.ones_like(a)
    return xp.stack([xp.stack([one, 0.5 * xp.cos(b)]), xp.stack([0.5 * xp.sin(a), one])])


# Exact cases


def test_words_and_lyndon_brackets_are_the_same_vector_field():
    coordinates = np.random.default_rng(0).normal(size=len(ta.lyndon_words(2, 4)))
    flat = ta.flatten(ta.lyndon_to_tensor(coordinates, 2, 4))
    y = jnp.array([0.3, -0.2])

    @jax.jit
    def both(y):
        brackets = sum(c * V(y) for c, V in zip(coordinates, lyndon_fields(field, 2, 4), strict=True))
        return brackets, contracted_field(field, 4)(flat, y)

    expected, found = both(y)
    # The higher derivatives cancel to rounding: sums of 2^4 words, each of a few terms of size 1.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


def test_a_nilpotent_equation_is_exact_in_one_step_of_level_two():
    # dY = (dX1, dX2, Y1 dX2): Y3(1) = Y3(0) + Y1(0) dX2 + X^{12}. The fields' brackets of length 3 vanish.
    path = np.random.default_rng(1).normal(size=(30, 2)).cumsum(0)
    y0 = np.array([0.7, -1.0, 0.3])

    def heisenberg(y):
        return jnp.stack([jnp.array([1.0, 0, 0]), jnp.array([0.0, 1, 0]) + y[0] * jnp.array([0.0, 0, 1])], axis=1)

    solution = solve_rde(heisenberg, lift(path, 2), y0, partition=1, estimate=False)
    S = np.asarray(rough.signature(path, 2))
    expected = [y0[0] + S[0], y0[1] + S[1], y0[2] + y0[0] * S[1] + S[3]]
    # rtol = 1e-9 for the inner solve, whose exact solution is a polynomial of degree 2: exact but for rounding.
    np.testing.assert_allclose(solution.values[-1], expected, rtol=0, atol=1e-12)
    davie = solve_rde(heisenberg, lift(path, 2), y0, partition=1, method="davie", estimate=False)
    np.testing.assert_allclose(davie.values[-1], expected, rtol=0, atol=1e-12)


def test_circles_turn_a_frame_as_the_pure_area_path_does_and_not_as_their_limit():
    # x_n = (cos(n^2 t), sin(n^2 t))/n on [0, 2 pi] is n^2 equal turns: R(2 pi) = R(one turn)^{n^2}.
    target = scipy.linalg.expm(np.pi * (A1 @ A2 - A2 @ A1))
    limit = perturbed.pure_area_lift([[0, 0.5], [-0.5, 0]], np.linspace(0, 2 * np.pi, 129))
    options = {"estimate": False, "rtol": 1e-11, "atol": 1e-12}
    solution = solve_rde(rotations, limit, IDENTITY, **options)
    # Inner tolerance 1e-11 for each of 128 steps; the exact solution of every step is exp of the bracket.
    np.testing.assert_allclose(solution.values[-1].reshape(3, 3), target, rtol=0, atol=1e-8)
    angle = np.linspace(0, 2 * np.pi, 513)
    gaps = []
    for n in (2, 4, 8, 16, 32):
        turn = lift(np.stack([np.cos(angle), np.sin(angle)], axis=1) / n, 2)
        R = solve_rde(rotations, turn, IDENTITY, partition=128, **options).values[-1]
        R = np.linalg.matrix_power(np.asarray(R).reshape(3, 3), n * n)
        gaps.append(np.linalg.norm(R - target))
        away = np.linalg.norm(R - np.eye(3))
    # 512-gons have an area 2.5e-5 too small, times pi; 128 steps of order 4 a turn leave less.
    np.testing.assert_allclose(gaps, [1.284, 0.689, 0.3512, 0.1765, 0.0884], rtol=0, atol=5e-4)
    assert abs(away - 2 * np.sqrt(2)) < 1e-3


def test_a_smooth_diffrax_path_drives_a_controlled_equation():
    class Circle(diffrax.AbstractPath):
        t0: float = 0.0
        t1: float = 2.0

        def evaluate(self, t0, t1=None, left=True):
            value = jnp.stack([jnp.cos(t0), jnp.sin(t0)])
            return value if t1 is None else self.evaluate(t1) - value

        def derivative(self, t, left=True):
            return jnp.stack([-jnp.sin(t), jnp.cos(t)])

    solution = solve_rde(rotations, Circle(), IDENTITY, partition=4, estimate=False)
    # In the frame that turns with the circle the equation is autonomous: with K = [[A1, A2] part] the generator of
    # rotations about e3, R(t) = exp(t (A2 + K)) exp(-t K).
    K = A1 @ A2 - A2 @ A1
    expected = [(scipy.linalg.expm(t * (A2 + K)) @ scipy.linalg.expm(-t * K)).ravel() for t in (0, 0.5, 1, 1.5, 2)]
    np.testing.assert_allclose(solution.values, expected, rtol=0, atol=1e-8)


# Derivatives


class Scaled(eqx.Module):
    scale: jax.Array

    def __call__(self, y):
        return self.scale * field(y)


def test_gradients_in_the_start_and_in_the_parameters_of_the_field_are_right():
    driver = lift(np.random.default_rng(8).normal(size=(9, 2)).cumsum(0) * 0.3, 2)

    @jax.jit
    @functools.partial(jax.value_and_grad, argnums=(0, 1))
    def end(y0, scale):
        solution = solve_rde(Scaled(scale), driver, y0, partition=4, estimate=False, rtol=1e-11, atol=1e-12)
        return jnp.sum(solution.values[-1] ** 2)

    y0, scale, h = jnp.array([0.2, 0.4]), jnp.array(0.9), 1e-4
    by_start, by_scale = end(y0, scale)[1]
    differences = [(end(y0.at[i].add(h), scale)[0] - end(y0.at[i].add(-h), scale)[0]) / (2 * h) for i in range(2)]
    # Central differences: h^2 = 1e-8 times third derivatives of size ~ 10, and 1e-11 / h from the solves.
    np.testing.assert_allclose(by_start, differences, rtol=0, atol=1e-6)
    by_difference = (end(y0, scale + h)[0] - end(y0, scale - h)[0]) / (2 * h)
    np.testing.assert_allclose(by_scale, by_difference, rtol=0, atol=1e-6)


# Failures and bad input


def test_a_blow_up_and_an_exhausted_inner_solve_are_reported():
    line = lift(np.linspace(0, 3, 4)[:, None], 1)
    square = lambda y: (y * y)[:, None]  # noqa: E731
    with pytest.raises(RDEError, match="failure in step 0, from time 0"):
        solve_rde(square, line, [1.0], max_steps=100, estimate=False)
    quiet = solve_rde(square, line, [1.0], max_steps=100, estimate=False, throw=False)
    assert not quiet.converged
    with pytest.raises(RDEError, match="not finite"):
        solve_rde(lambda y: jnp.exp(y * y)[:, None], line, [3.0], method="davie")
    with pytest.raises(Exception, match="rough differential equation was not solved"):
        jax.block_until_ready(
            jax.jit(lambda y: solve_rde(square, line, y, max_steps=100, estimate=False).values)(jnp.ones(1))
        )


def test_a_field_that_is_not_finite_is_named_and_a_failure_has_no_error_estimate():
    line = lift(np.linspace(0, 3, 4)[:, None], 1)
    nan_later = lambda y: jnp.where(y < 1.5, 1.0, jnp.nan)[:, None]  # noqa: E731
    never = lambda y: (y * jnp.nan)[:, None]  # noqa: E731
    for driver, method in ((line, "log-ode"), (np.linspace(0, 3, 4)[:, None], "controlled")):
        quiet = solve_rde(never, driver, [0.0], method=method, max_steps=64, throw=False)
        assert not quiet.converged and quiet.error_estimate == jnp.inf
        with pytest.raises(RDEError, match=r"field is not finite at the Y where .* evaluate it at \[0\.\]"):
            solve_rde(never, driver, [0.0], method=method, max_steps=64)
    with pytest.raises(RDEError, match=r"step 2, from time 2: the vector field .* evaluate it at \[2\.\]"):
        solve_rde(nan_later, line, [0.0], method="davie", estimate=False)
    with pytest.raises(RDEError, match="from time 0: the inner solve ran out of steps"):
        solve_rde(
            lambda y: (y * y)[:, None],
            np.linspace(0, 3, 4)[:, None],
            [1.0],
            method="controlled",
            max_steps=64,
            estimate=False,
        )


def test_a_partition_forgives_an_ulp_at_its_ends_and_refuses_times_that_are_one():
    path = rough.PiecewiseLinear(np.arange(8.0).reshape(4, 2) ** 2 / 50, [0, 0.1, 0.2, 0.3])
    beyond = np.arange(0, 0.301, 0.1)
    assert beyond[-1] > 0.3
    for driver, method in ((lift(path, 2), "davie"), (path, "controlled")):
        exact = solve_rde(field, driver, [0.0, 0.0], method=method, partition=[0, 0.1, 0.2, 0.3], estimate=False)
        moved = solve_rde(field, driver, [0.0, 0.0], method=method, partition=beyond, estimate=False)
        # The field is of size 1 along a path of length 1.3, and times are an eps apart.
        np.testing.assert_allclose(moved.values, exact.values, rtol=0, atol=1e-13)
        assert moved.times[-1] == 0.3
        with pytest.raises(InputError, match=r"\[0.0, 0.3\], got \[0.0, 0.3000001\]"):
            solve_rde(field, driver, [0.0, 0.0], method=method, partition=[0.0, 0.3000001])
    with pytest.raises(InputError, match=r"times\[1\] = 0.1 and times\[2\] = 0.10000000000000002, which are the same"):
        solve_rde(field, lift(path, 2), [0.0, 0.0], partition=[0, 0.1, 0.10000000000000002, 0.3])


def test_a_lift_that_is_not_group_like_is_refused_with_its_size_unless_flagged():
    path = np.random.default_rng(9).normal(size=(6, 2)).cumsum(0)
    steps = np.array(lift(path, 2).steps)
    steps[3, 2] += 0.1
    wrong = lift_from_steps(steps, 2, 2)
    size = perturbed.geometric_violation(wrong)[3, 1]
    with pytest.raises(InputError, match=rf"by {size:.3g} .*level 2, step 3.*method=\"davie\""):
        solve_rde(field, wrong, [0.0, 0.0])
    ito = perturbed.brownian_lift(path, kind="ito")
    with pytest.raises(InputError, match="flagged geometric=False.*Ito solution"):
        solve_rde(field, ito, [0.0, 0.0], method="log-ode")
    assert solve_rde(field, ito, [0.0, 0.0], estimate=False).method == "davie"


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ({"y0": np.zeros((2, 1))}, {}, r"y0 of shape \(state,\), got shape \(2, 1\)"),
        ({"y0": [0.0, np.nan]}, {}, r"y0\[1\] = nan"),
        ({"path": np.full((4, 2), np.inf)}, {}, "finite entries in path"),
        ({"path": np.zeros((4, 3))}, {}, r"\(state, channels\) = \(2, 3\), got \(2, 2\)"),
        ({"field": lambda y: y}, {}, r"\(state, channels\) = \(2, 2\), got \(2,\)"),
        ({"field": np.eye(2)}, {}, "callable"),
        ({"field": lambda y: jnp.eye(2, dtype=int)}, {}, "float dtype"),
        ({}, {"partition": [0.0, 2.0, 1.0]}, r"decreasing times\[1\] = 2"),
        ({}, {"partition": [0.0, 2.0, 2.0]}, r"repeated times\[1\] = 2"),
        ({}, {"partition": [0.0, 7.0]}, "does not extrapolate"),
        ({}, {"partition": 0}, "partition at least 1"),
        ({}, {"partition": [[0.0], [1.0, 3.0]]}, "partition to be a rectangular array"),
        ({}, {"partition": [[0.0], [1.0, 3.0]], "method": "controlled"}, "partition to be a rectangular array"),
        ({}, {"solver": diffrax.Euler()}, "error estimate, got Euler; use diffrax.Tsit5"),
        ({}, {"solver": "tsit5", "method": "controlled"}, "error estimate, got str"),
        ({}, {"p": 3.2}, r"floor\(p\) = 3 for p = 3.2, got level 2"),
        ({}, {"p": 0.5}, "exponent"),
        ({}, {"threshold": 1.0}, "threshold together with p"),
        ({}, {"threshold": -1.0, "p": 2.0}, "threshold .*above 0"),
        ({}, {"level": 0}, "level"),
        ({}, {"method": "log-od"}, "did you mean 'log-ode'"),
        ({}, {"method": "controlled", "p": 2.0}, "belong to lifts"),
        ({}, {"rtol": 0.0}, "rtol"),
        ({}, {"rtol": True}, "rtol"),
        ({}, {"max_steps": 2.5}, "max_steps to be a whole number, got 2.5"),
        ({}, {"solver": diffrax.Tsit5}, r"got the class Tsit5; write Tsit5\(\)"),
        ({}, {"adjoint": diffrax.ForwardMode}, r"got the class ForwardMode; write ForwardMode\(\)"),
        ({}, {"adjoint": "forward"}, "expected a diffrax adjoint, got 'forward'"),
        (
            {"field": lambda t, y, args: field(y)},
            {},
            r"got one of \(t, y, args\).*lambda y: vector_field\(0.0, y, None\)",
        ),
        ({"field": lambda y: field(y).astype(jnp.float32)}, {}, "of dtype float64, got float32"),
        ({"field": lambda y: 1 / 0}, {}, "to give an array, got ZeroDivisionError: division by zero"),
        ({"field": diffrax.Tsit5}, {}, "got the class Tsit5; write"),
        ({"path": diffrax.VirtualBrownianTree}, {}, "expected a path, got the class VirtualBrownianTree"),
    ],
)
def test_bad_input_is_refused(arguments, options, message):
    path = arguments.get("path", np.arange(8.0).reshape(4, 2) ** 2)
    with pytest.raises(InputError, match=message):
        solve_rde(arguments.get("field", field), path, arguments.get("y0", [0.0, 0.0]), **options)


def test_a_level_above_that_of_the_lift_and_a_lift_without_a_derivative_are_refused():
    driver = lift(np.arange(8.0).reshape(4, 2), 2)
    with pytest.raises(InputError, match="level from 1 to 2, got 3"):
        solve_rde(field, driver, [0.0, 0.0], level=3)
    with pytest.raises(InputError, match="has a derivative"):
        solve_rde(field, driver, [0.0, 0.0], method="controlled")
    with jax.enable_x64(False), pytest.raises(InputError, match="64-bit mode"):
        solve_rde(field, driver, [0.0, 0.0])
    with pytest.raises(InputError, match="choose the partition outside"):
        jax.jit(lambda t: solve_rde(field, driver, [0.0, 0.0], partition=t).values)(jnp.array([0.0, 1.0]))


def test_brownian_trees_and_paths_that_hold_nan_are_named():
    tree = diffrax.VirtualBrownianTree(0.0, 1.0, 1e-3, (2,), jax.random.key(0))
    with pytest.raises(InputError, match="derivative, or a lift, got a VirtualBrownianTree.*brownian_lift"):
        solve_rde(field, tree, [0.0, 0.0])
    values = jax.vmap(tree.evaluate)(jnp.linspace(0.0, 1.0, 5))
    driver = rough.brownian_lift(values, times=np.linspace(0.0, 1.0, 5))
    assert solve_rde(field, driver, [0.0, 0.0], estimate=False).converged
    ys = np.arange(10.0).reshape(5, 2)
    ys[2] = np.nan
    broken = diffrax.LinearInterpolation(ts=jnp.linspace(0.0, 1.0, 5), ys=ys)
    with pytest.raises(InputError, match="NaN or infinity in the LinearInterpolation at time 0.375"):
        solve_rde(field, broken, [0.0, 0.0])


def test_options_are_one_immutable_object_or_names():
    field, path = lambda y: y[:, None], [[0.0], [0.5], [1.0]]
    options = RDEOptions(rtol=1e-6, atol=1e-8, estimate=False)
    found = solve_rde(field, path, [1.0], options=options)
    named = solve_rde(field, path, [1.0], rtol=1e-6, atol=1e-8, estimate=False)
    np.testing.assert_array_equal(found.values, named.values)
    tighter = solve_rde(field, path, [1.0], options=options, rtol=1e-12)  # a name goes before the object
    assert abs(tighter.values[-1, 0] - np.e) < abs(found.values[-1, 0] - np.e)
    image = ito_lyons(field, path, [1.0], options=options)
    np.testing.assert_allclose(image.solution.values, found.values, rtol=1e-5)
    assert found.error_estimate is None and image.solution.error_estimate is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.rtol = 1.0
    with pytest.raises(InputError, match="name of an option .*did you mean 'rtol'"):
        solve_rde(field, path, [1.0], rtoll=1e-6)
    with pytest.raises(InputError, match="options to be RDEOptions, got .*write RDEOptions"):
        solve_rde(field, path, [1.0], options={"rtol": 1e-6})
    for settings, message in (
        ({"estimate": 1}, "^expected estimate to be True or False"),
        ({"threshold": 1.0}, "threshold together with p"),
        ({"p": 0.5}, "p >= 1"),
    ):
        with pytest.raises(InputError, match=message):
            RDEOptions(**settings)


# Numbers of steps


def test_other_numbers_of_steps_compile_nothing_and_filled_up_steps_change_nothing():
    calls = []

    def counted(y):
        calls.append(y)
        return field(y)

    points = np.random.default_rng(3).normal(size=(60, 2)).cumsum(0) / 10
    y0 = jnp.array([0.1, 0.2])
    settings = {"method": "davie", "estimate": False}
    forty = solve_rde(counted, points[:41], y0, **settings).values
    before = len(calls)
    found = solve_rde(counted, points[:38], y0, **settings).values  # 37 steps, and 40 are taken
    assert len(calls) == before and found.shape == (38, 2)
    assert (found == forty[:38]).all()
    estimated = solve_rde(counted, points[:38], y0, method="davie")
    before = len(calls)
    other = solve_rde(counted, points[:39], y0, method="davie")  # 7 times 37 and 38 steps: 288 both
    assert len(calls) == before
    assert (other.values[:38] == estimated.values).all() and 0 < other.error_estimate < 1e-2
