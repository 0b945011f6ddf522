"""Linear equations by the signature series: bounds and levels."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from roughntk._checks import InputError
from roughntk.rough import PiecewiseLinear, lift
from roughntk.rough.equations.linear import LARGEST_LEVEL, solve_linear, tail
from roughntk.rough.equations.rde import RDEError

EPS = np.finfo(np.float64).eps


def test_the_signature_series_meets_its_bound_at_every_level():
    t = np.linspace(0, 1, 65)
    path = PiecewiseLinear(np.stack([np.cos(3 * t), np.sin(2 * t) + t], axis=1), t)
    A = np.random.default_rng(6).normal(size=(2, 3, 3)) * 0.4
    y0 = np.array([1.0, 0.5, -1.0])
    expected = y0
    for dx in np.diff(np.asarray(path.values), axis=0):
        expected = scipy.linalg.expm(np.einsum("i,iab->ab", dx, A)) @ expected
    gaps = []
    for level in (2, 6):
        solution = solve_linear(A, path, y0, level=level, tolerance=None)
        gaps.append(np.linalg.norm(solution.values[-1] - expected))
        length = solution.stats["lengths"].sum()
        exact_tail = sum(length**k / math.factorial(k) for k in range(level + 1, 60)) * np.linalg.norm(y0)
        # The rest is rounding: about a hundred operations, relative to e^a |y0| for an absolute length a of about 6.
        assert exact_tail < solution.error_estimate < exact_tail + 100 * EPS * math.exp(6.5) * np.linalg.norm(y0)
        assert 1e-5 * solution.error_estimate < gaps[-1] < solution.error_estimate
    assert gaps[-1] < 0.05 * gaps[0]
    # Pieces that end between the sample points, and the level chosen from the tolerance.
    chosen = solve_linear(A, path, y0, tolerance=1e-6, partition=[0.0, 0.31, 0.52, 0.77, 1.0])
    assert np.linalg.norm(chosen.values[-1] - expected) < chosen.error_estimate < 1e-6
    assert chosen.level < 12 and (np.diff(chosen.stats["bounds"]) > 0).all()
    with pytest.raises(
        RDEError, match=r"at most 1e-09, got .* at level 3 over 1 pieces .* raise the level or the part"
    ):
        solve_linear(A, path, y0, tolerance=1e-9, level=3)
    quiet = solve_linear(A, path, y0, tolerance=1e-9, level=6, throw=False)
    assert not quiet.converged and quiet.error_estimate == solution.error_estimate
    with pytest.raises(InputError, match="one square matrix"):
        solve_linear(A[:1], path, y0)


TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])


@pytest.mark.parametrize(
    ("matrix", "expected", "options"),
    [
        # The errors of early pieces decay with the solution, which e^{|A|} does not see: e^50 eps is 1e6.
        (-50.0 * np.eye(2), np.exp(-50) * np.ones(2), {}),
        (-1000.0 * np.eye(2), np.zeros(2), {}),
        # Rounding grows with the solution, so that only a relative tolerance can be met.
        (60.0 * np.eye(2), np.exp(60) * np.ones(2), {"rtol": 1e-11}),
        (300 * TURN, np.cos(300) * np.ones(2) + np.sin(300) * TURN.sum(1), {"tolerance": 1e-10}),
        # A length of 1e5 that balancing takes to 2, and of 1e4 that it takes to 10 (a rotation in other units).
        (np.array([[-1.0, 1e5], [0, -1]]), np.exp(-1) * np.array([1 + 1e5, 1]), {}),
        (
            np.array([[0.0, 1e4], [-1e-2, 0]]),
            np.array([np.cos(10) + 1e3 * np.sin(10), np.cos(10) - 1e-3 * np.sin(10)]),
            {},
        ),
        # cosh 1 and sinh 1, in units 1e280 apart: the first state gains nothing that it can hold from the second.
        (np.array([[0.0, 1e-280], [1e280, 0]]), np.array([np.cosh(1), 1e280 * np.sinh(1)]), {"rtol": 1e-11}),
    ],
    ids=["decay", "underflow", "growth", "rotation", "triangular", "units", "extreme units"],
)
def test_the_error_bound_holds_for_equations_that_decay_grow_turn_and_are_badly_scaled(matrix, expected, options):
    solution = solve_linear([matrix], [[0.0], [1.0]], [1.0, 1.0], **options)
    top = np.abs(expected).max() or 1.0
    gap = top * np.linalg.norm((solution.values[-1] - expected) / top)
    # The closed forms are right to eps times the argument of their exponential.
    assert gap <= solution.error_estimate + 600 * EPS * top
    assert solution.converged and solution.level <= LARGEST_LEVEL
    assert solution.error_estimate <= 1e-8 + 2 * options.get("rtol", 0) * top
    # The bound is worth having: some thousand eps of the largest value on the way for every unit of length.
    assert solution.error_estimate < 1e-9 * max(1.0, *np.abs(expected))


def test_the_bound_holds_along_paths_of_many_channels_and_at_all_returned_times():
    rng = np.random.default_rng(11)
    for growth in (-1.0, 1.0):
        A = rng.normal(size=(3, 3, 3)) - np.array([0, 0, -2.0 * growth])[:, None, None] * np.eye(3)
        points = np.concatenate([rng.normal(size=(33, 2)).cumsum(0), np.arange(33.0)[:, None]], axis=1) * 0.25 + 1e5
        y, expected = np.array([1.0, -2.0, 0.5]), []
        for dx in np.diff(points, axis=0):
            y = scipy.linalg.expm(np.einsum("i,iab->ab", dx, A)) @ y
            expected.append(y)
        solution = solve_linear(A, points, [1.0, -2.0, 0.5], tolerance=1e-7, rtol=1e-10, partition=32)
        gaps = np.linalg.norm(np.asarray(solution.values)[1:] - expected, axis=1)
        sizes = np.linalg.norm(expected, axis=1)
        # scipy's own error: some eps of the condition of the flow, far below the bound.
        assert (gaps <= solution.stats["bounds"][1:] + 1e-13 * sizes.max()).all()
        assert (solution.stats["bounds"][1:] <= 1e-7 + 1e-10 * sizes * (1 + 1e-9)).all()


def test_rounding_is_in_the_bound_where_channels_cancel():
    # sum_i A_i dX^i is about 1e-16, so that the truncation bound is nothing; the words of the series are up to e^8.
    A, path = [[[0.3]], [[-0.7]]], [[0.0, 0.0], [7.0, 3.0], [14.0, 6.0]]
    solution = solve_linear(A, path, [1.0], tolerance=None, level=10)
    exact = 1 + float(2 * (Fraction(0.3) * 7 - Fraction(0.7) * 3))  # e^x = 1 + x for x of the size of eps
    assert tail(solution.stats["lengths"][0], 10) < 1e-100
    assert EPS < abs(solution.values[-1, 0] - exact) < solution.error_estimate < 1e-9
    # Cut into shorter pieces, it is right to a few eps.
    chosen = solve_linear(A, path, [1.0])
    assert abs(chosen.values[-1, 0] - exact) < chosen.error_estimate < 1e-8


def test_matrices_and_paths_of_extreme_size_are_rescaled_and_overflow_is_an_error():
    for a, x, y in ((1e-150, 1e150, 1.0), (1e200, 1e-200, 1e300), (1.0, 1.0, 1e-300)):
        solution = solve_linear([[[a]]], [[0.0], [x]], [y], rtol=1e-12, tolerance=1e-320)
        np.testing.assert_allclose(solution.values[-1, 0], y * math.e, rtol=1e-12)
        assert 0 < solution.error_estimate < 1e-11 * y
    with pytest.raises(RDEError, match="got an overflow by time 1"):
        solve_linear([[[1000.0]]], [[0.0], [1.0]], [1.0])
    quiet = solve_linear([[[1000.0]]], [[0.0], [1.0]], [1.0], throw=False)
    assert not quiet.converged and quiet.error_estimate == np.inf
    with pytest.raises(RDEError, match=r"rounding in float64 above all; loosen .*\(rtol=.* is within reach\)"):
        solve_linear([[[60.0]]], [[0.0], [1.0]], [1.0])
    with pytest.raises(InputError, match="at most 2097152 pieces, got one of length 1e\\+09"):
        solve_linear([[[-1e9]]], [[0.0], [1.0]], [1.0])
    with pytest.raises(RDEError, match="error bounds, got an overflow by time 1; leave the level out"):
        solve_linear([[[-800.0]]], [[0.0], [1.0]], [1.0], level=3, tolerance=None)
    with pytest.raises(InputError, match="level from 1 to 24, got 25"):
        solve_linear([[[1.0]]], [[0.0], [1.0]], [1.0], level=25)


def test_tracers_lifts_ragged_partitions_and_32_bit_are_refused_by_linear_equations():
    A, path = [[[1.0]]], [[0.0], [1.0]]
    with pytest.raises(InputError, match="JAX tracer; use solve_rde under jit and grad"):
        jax.grad(lambda y: solve_linear(A, path, y).values[-1, 0])(jnp.ones(1))
    with pytest.raises(InputError, match="expected a path, got a Lift"):
        solve_linear(A, lift(path, 2), [1.0])
    with pytest.raises(InputError, match="partition to be a rectangular array"):
        solve_linear(A, path, [1.0], partition=[[0.0], [0.5, 1.0]])
    with pytest.raises(InputError, match="expected rtol at least 0 and below 1, got -1"):
        solve_linear(A, path, [1.0], rtol=-1.0)
    with jax.enable_x64(False), pytest.raises(InputError, match="64-bit mode"):
        solve_linear(A, path, [1.0])


def test_the_tail_of_the_exponential_series_is_a_number_not_a_difference():
    assert tail(0.0, 3) == 0.0
    np.testing.assert_allclose(tail(1e-3, 4), 1e-15 / 120 * (1 + 1e-3 / 6), rtol=1e-6)


def test_tolerances_are_numbers_of_any_kind_and_nothing_else():
    A, path = [[[1.0]]], [[0.0], [1.0]]
    for kind in (np.float32, np.asarray, jnp.asarray, Fraction):
        found = solve_linear(A, path, [1.0], tolerance=kind(0.5**20), rtol=kind(0.0))
        assert abs(found.values[-1, 0] - math.e) <= found.error_estimate <= 0.5**20
    for bad in (True, "1e-8", 0.0, np.nan, [1e-8], 10**400):
        with pytest.raises(InputError, match="expected tolerance (above 0|to be one finite real number above 0), got"):
            solve_linear(A, path, [1.0], tolerance=bad)
