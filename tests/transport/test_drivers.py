"""The drivers: closed form, quadrature and Cramer's rule are three routes to the same path."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given
from hypothesis import strategies as st

import roughntk as rn
from roughntk.transport import RetimedDriver, Segment, SegmentDriver, quadrature_driver
from roughntk.transport.clocks import PsiClock

EPS = np.finfo(np.float64).eps


def segment(n=5, m=2, depth=2, family=None, rhs="joint"):
    family = family or rn.kernels.ReluNTK()
    X, x = rn.sphere.uniform(n, 4, 0), rn.sphere.uniform(m, 4, 1)
    K0, K1, B0, B1 = (family(X, z, depth=L) for z in (X, x) for L in (depth, depth + 1))
    return Segment(K0, K1, B0 if rhs == "joint" else B1, B1)


@pytest.mark.parametrize("rhs", ["joint", "paper"])
@pytest.mark.parametrize("family", [rn.kernels.ReluNTK(), rn.kernels.SigmoidComposition()], ids=["ntk", "sigmoid"])
def test_closed_form_equals_quadrature_and_the_matrix_logarithm(family, rhs):
    path = segment(family=family, rhs=rhs)
    driver = SegmentDriver(path)
    s = np.linspace(0, 1, 5)
    closed = np.asarray(driver.sample(s)).reshape(5, 5, 7)
    np.testing.assert_allclose(closed, quadrature_driver(path, s), atol=1e-12)
    M = np.linalg.solve(path.K0, path.K1 - path.K0)
    np.testing.assert_allclose(closed[-1][:, :5], scipy.linalg.logm(np.eye(5) + M), atol=1e-12)
    if rhs == "paper":
        np.testing.assert_array_equal(closed[:, :, 5:], 0.0)


@given(st.floats(0, 1))
def test_derivative_follows_cramers_rule(s):
    """v_ij' = det(A with column i replaced by column j of A') / det A, as the paper writes it."""
    path = segment(n=3, m=1)
    A, b = (np.asarray(part) for part in path.evaluate(s))
    dA, db = (np.asarray(part) for part in path.derivative(s))
    right = np.hstack([dA, db])
    cramer = np.empty((3, 4))
    for i in range(3):
        for j in range(4):
            replaced = A.copy()
            replaced[:, i] = right[:, j]
            cramer[i, j] = np.linalg.det(replaced) / np.linalg.det(A)
    np.testing.assert_allclose(SegmentDriver(path).derivative(s), cramer, atol=1e-12)
    np.testing.assert_allclose(path.driver_derivative(s), cramer, atol=1e-12)


def test_solution_is_the_exponential_of_the_driver():
    """With b fixed, u(1) = exp(-log(I + M)) u(0)."""
    path = segment(rhs="paper")
    end = np.asarray(SegmentDriver(path).evaluate(1.0))[:, :5]
    start = np.linalg.solve(path.K0, path.B1)
    np.testing.assert_allclose(scipy.linalg.expm(-end) @ start, np.linalg.solve(path.K1, path.B1), atol=1e-12)


def test_driver_of_a_constant_segment_is_zero_and_finite():
    path = segment()
    still = Segment(path.K0, path.K0, path.B0, path.B1)
    value = np.asarray(SegmentDriver(still).evaluate(1.0))
    np.testing.assert_allclose(value[:, :5], 0, atol=0)
    np.testing.assert_allclose(value[:, 5:], np.linalg.solve(path.K0, path.B1 - path.B0), atol=1e-12)


def test_clock_changes_neither_end_point_nor_signature_nor_variation():
    driver = SegmentDriver(segment(n=2, m=1))
    slow = np.asarray(driver.sample(jnp.linspace(0, 1, 200)))
    retimed = RetimedDriver(driver, PsiClock(-1.0))
    fast = np.stack([np.asarray(retimed.evaluate(t)).ravel() for t in np.linspace(0, 1, 200)])
    np.testing.assert_allclose(fast[-1], slow[-1], atol=8 * EPS)
    # both are samplings of one smooth curve, 1/200 apart at most 0.03 of its length: chords lose O(h^2) of it
    a, b = rn.rough.signature(slow, 3), rn.rough.signature(fast, 3)
    np.testing.assert_allclose(a, b, atol=2e-5)
    assert rn.rough.p_variation(slow, 1.5) == pytest.approx(rn.rough.p_variation(fast, 1.5), rel=1e-4)


def test_the_signature_of_the_driver_solves_theorem_3_under_either_clock():
    """du = dv_b - dv_A u as d(u, 1) = sum_k A_k (u, 1) dv^k, by the signatures of v alone: the next depth's u."""
    family, X, x = rn.kernels.ReluNTK(), rn.sphere.uniform(2, 3, 0), rn.sphere.uniform(1, 3, 1)
    arc, psi = (rn.transport.between_depths(family, X, x, depth=3, clock=clock) for clock in ("arc", "psi"))
    A = np.zeros((2, 3, 3, 3))  # channel v_ij, j = 1, 2, 3, drives u_i by -u_j, or by 1
    for i in range(2):
        A[i, [0, 1, 2], i, [0, 1, 2]] = [-1.0, -1.0, 1.0]
    A = A.reshape(6, 3, 3)
    start = np.append(rn.coefficients(family, X, x, depth=3)[:, 0], 1.0)
    t = np.linspace(0, 1, 257)
    s = np.asarray(psi.clock.position_at_paper_time(t))
    values = np.stack([np.asarray(RetimedDriver(psi.drivers, psi.clock).evaluate(time)).ravel() for time in t])
    np.testing.assert_allclose(values, arc.drivers.sample(s), atol=8 * EPS)
    kept = (s > 1e-3) & (s < 1 - 1e-3)  # psi is flat at its ends: there, times in s could not be told apart
    kept[[0, -1]] = True
    s, t, values = s[kept], t[kept], values[kept]
    coarse = np.append(np.arange(0, len(s) - 1, 16), len(s) - 1)
    solutions, lifts = [], []
    for times, result in ((s, arc), (t, psi)):
        path = rn.rough.PiecewiseLinear(values, times)
        found = rn.rough.solve_linear(A, path, start, tolerance=1e-9, partition=times[coarse])
        # No error from the polygon: on a segment v_b = v_A w for a fixed w, so all the matrices commute and only the
        # ends of v count. The equation is solved to 1e-10.
        gap = np.abs(np.asarray(found.values)[-1, :2] - result.coefficients[:, 0]).max()
        assert gap < found.error_estimate + 1e-10 < 2e-9
        solutions.append(np.asarray(found.values))
        steps = rn.rough.lift(path, 2).resample(times[coarse]).steps
        lifts.append(rn.rough.lift_from_steps(steps, 6, 2))
    # Neither the solution nor the lift knows of the clock, at the same points of the path.
    np.testing.assert_allclose(solutions[0], solutions[1], rtol=0, atol=8 * EPS)
    assert np.abs(solutions[0][-1] - solutions[0][0]).max() > 1e-2
    assert rn.rough.p_variation_distance(*lifts, 2.5) < 1e-12


def test_increments_add_up():
    driver = SegmentDriver(segment())
    whole = driver.evaluate(0.0, 1.0)
    np.testing.assert_allclose(driver.evaluate(0.0, 0.3) + driver.evaluate(0.3, 1.0), whole, atol=8 * EPS)


def test_panels_resolve_a_transient_at_the_start():
    """Eigenvalues of M up to 1e6: v' falls from 1e6 within 1e-6 of the start."""
    K0 = jnp.diag(jnp.array([1.0, 1e-6]))
    stiff = Segment(K0, jnp.eye(2), jnp.zeros((2, 1)), jnp.ones((2, 1)))
    driver = SegmentDriver(stiff)
    panels = driver.knots
    by_quadrature = quadrature_driver(stiff, panels, order=16)[-1]
    np.testing.assert_allclose(by_quadrature, driver.evaluate(1.0), rtol=1e-9)
