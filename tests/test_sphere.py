"""Points on the sphere: projections, angles at every size, and rows that coincide."""

import contextlib
import os
import threading

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import roughntk as rn
from roughntk.sphere.threads import in_threads, processors

EPS = np.finfo(np.float64).eps


def exact_angle(x, z) -> float:
    with mpmath.workdps(50):
        x, z = [[mpmath.mpf(float(v)) for v in row] for row in (x, z)]
        minus = mpmath.sqrt(sum((a - b) ** 2 for a, b in zip(x, z, strict=True)))
        plus = mpmath.sqrt(sum((a + b) ** 2 for a, b in zip(x, z, strict=True)))
        return float(2 * mpmath.atan2(minus, plus))


@pytest.mark.parametrize("size", [1e-12, 1e-8, 1e-3, 0.04, 0.05, 1.0, 3.0, np.pi - 1e-9])
@pytest.mark.parametrize("others", [0, 30])
def test_angles_keep_their_digits_at_every_size(size, others):
    """Alone (row differences) and among many other rows (matrix product with repair)."""
    rng = np.random.default_rng(0)
    e = np.linalg.qr(rng.standard_normal((10, 2)))[0].T
    X = np.vstack([e[0], np.cos(size) * e[0] + np.sin(size) * e[1], rn.sphere.uniform(others + 1, 10, 1)])
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    theta = np.asarray(rn.sphere.angles(X))
    exact = exact_angle(X[0], X[1])
    # Where the matrix product is used sin(theta) > 0.04, so its rounding (10 terms) grows at most 25-fold.
    assert abs(theta[0, 1] - exact) <= max(8 * EPS * exact, 60 * EPS * (0.04 < exact < 3.1))
    assert theta[0, 0] == 0.0


def test_both_routes_to_the_angles_agree():
    X, Z = rn.sphere.uniform(40, 7, 0), rn.sphere.uniform(30, 7, 1)
    eager = rn.sphere.angles(X, Z)
    traced = jax.jit(rn.sphere.angles)(X, Z)
    np.testing.assert_allclose(eager, traced, atol=60 * EPS)


def test_antipodal_rows_are_legal_and_at_angle_pi():
    X = np.array([[1.0, 0.0], [-1.0, 0.0]])
    np.testing.assert_array_equal(rn.sphere.project(X), X)
    assert float(rn.sphere.angles(X)[0, 1]) == np.pi


def test_gradients_of_angles_are_finite_at_equal_and_antipodal_rows():
    X = jnp.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]])
    gradient = jax.grad(lambda rows: rn.sphere.angles(rows).sum())(X)
    assert np.isfinite(gradient).all()


@given(st.floats(1e-150, 1e150), st.integers(1, 6))
def test_projection_ignores_scale(scale, dim):
    X = np.random.default_rng(dim).standard_normal((4, dim + 1))
    np.testing.assert_allclose(rn.sphere.project(scale * X), rn.sphere.project(X), atol=4 * EPS)


def test_lift_is_the_inverse_stereographic_projection_and_survives_huge_entries():
    X = np.array([[0.0, 0.0], [0.3, -0.4], [1.0, 0.0], [3.0, 4.0], [1e200, -1e200]])
    lifted = rn.sphere.lift(X)
    assert lifted.shape == (5, 3)
    square = (X[:4] ** 2).sum(axis=1, keepdims=True)
    expected = np.hstack([2 * X[:4], square - 1]) / (square + 1)
    np.testing.assert_allclose(lifted[:4], expected, atol=4 * EPS)
    np.testing.assert_allclose(np.linalg.norm(lifted, axis=1), 1, atol=4 * EPS)


def test_lift_keeps_collinear_rows_apart_and_projection_refuses_them():
    X = np.array([[1.0, 2.0], [0.5, 0.1], [2.0, 4.0]])
    assert len(rn.sphere.lift(X)) == 3
    with pytest.raises(rn.InputError, match="collinear rows 0 and 2.*stereographic"):
        rn.sphere.project(X)
    assert rn.sphere.distinct_rows(X).tolist() == [0, 1]
    assert rn.sphere.distinct_rows(X, projection="stereographic").tolist() == [0, 1, 2]


def test_many_rows_are_searched_for_equal_ones_in_blocks():
    X = rn.sphere.uniform(3000, 4, 0)
    X[2999] = X[17]
    assert rn.sphere.coincident_rows(X) == [(17, 2999)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rn.sphere.project([[0.0, 0.0], [1.0, 0.0]]), "zeros in row 0"),
        (lambda: rn.sphere.project([[np.nan, 0.0]]), r"X\[0, 0\] = nan"),
        (lambda: rn.sphere.project([1.0, 2.0]), "shape"),
        (lambda: rn.sphere.project([["a", "b"]]), "real numbers"),
        (lambda: rn.sphere.project([[1.0], [1.0, 2.0]]), "rectangular"),
        (lambda: rn.sphere.lift([[1.0, 2.0], [1.0, 2.0]]), "equal rows 0 and 1"),
        (lambda: rn.sphere.angles([[2.0, 0.0]]), "row 0 off the sphere.*norm 2"),
        (lambda: rn.sphere.angles([[1.0, 0.0]], [[1.0, 0.0, 0.0]]), "2 columns"),
        (lambda: rn.sphere.uniform(0, 3, 0), "at least 1"),
        (lambda: rn.sphere.uniform(3, 3, -1), "at least 0"),
        (lambda: rn.sphere.uniform(2.5, 3, 0), "whole number"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(rn.InputError, match=message):
        call()


def test_rows_at_the_end_of_the_range_of_floats_are_lifted():
    large = np.finfo(np.float64).max * np.array([[1.0, 1.0], [-0.5, 0.25]])
    assert np.array_equal(rn.sphere.lift(large, distinct=False)[:, 2], [1.0, 1.0])  # the point at infinity


def test_rows_that_are_only_read_are_not_copied():
    X = rn.sphere.uniform(5, 3, 0)
    for rows in (X, X[::2], np.asfortranarray(X)):
        assert rn.sphere.unit_rows(rows) is rows
    np.testing.assert_array_equal(rn.sphere.unit_rows(X.tolist()), X)
    for bad, message in (
        (2 * X, "5 rows|rows 0"),
        (np.where(np.arange(5)[:, None] == 3, np.nan, X), r"X\[3, 0\] = nan"),
        (np.full((2, 2), 1e200), "norm"),
        (X[:0], "at least one row"),
        (X[0], "shape"),
    ):
        with pytest.raises(rn.InputError, match=message):
            rn.sphere.unit_rows(bad)
    with pytest.raises(rn.InputError, match="Z with 2 columns"):
        rn.sphere.unit_rows(X, "Z", columns=2)


def test_blocks_are_done_in_order_by_several_threads_and_an_error_is_passed_on():
    blocks = [np.full(3, k) for k in range(50)]
    assert in_threads(lambda block: int(block.sum()), blocks) == [3 * k for k in range(50)]
    assert in_threads(np.sum, []) == []

    def refuse(block):
        if block[0] == 30:
            raise IndexError("thirty")
        return block

    for _ in range(20):  # whichever thread it is
        with pytest.raises(IndexError, match="thirty"):
            in_threads(refuse, blocks)


def two_threads_meet() -> bool:
    """Whether two blocks are in work at the same time."""
    meeting = threading.Barrier(2)
    return in_threads(lambda _: meeting.wait(20) >= 0, [np.zeros(1)] * 2) == [True, True]


@pytest.mark.skipif(not hasattr(os, "fork") or processors() < 2, reason="needs fork and 2 processors")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning", "ignore:.*fork:DeprecationWarning")
def test_threads_stay_and_a_child_process_has_its_own():
    assert two_threads_meet()
    assert two_threads_meet()
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(Exception):
            code = 0 if two_threads_meet() else 1
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
