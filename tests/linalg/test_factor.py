"""One matrix, factored once: both factorisations solve, invert and refine alike, and say what is indefinite."""

import re
from pathlib import Path

import numpy as np
import pytest

import roughntk
from roughntk.linalg import Factor, NotPositiveDefiniteError, bordered_system, solve, solve_bordered

EPS = np.finfo(np.float64).eps


def matrix(eigenvalues, seed=0):
    """A symmetric matrix of those eigenvalues."""
    n = len(eigenvalues)
    Q = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]
    A = (Q * np.asarray(eigenvalues)) @ Q.T
    return (A + A.T) / 2


def test_both_factorisations_solve_and_invert_alike():
    A, right = matrix(np.geomspace(1e-4, 1, 40)), np.random.default_rng(1).standard_normal((40, 3))
    for cholesky in (True, False):
        factor = Factor(A, cholesky=cholesky)
        u = factor.solve(right)
        # backward stable, refined once: the residual is a few units of |A| |u|
        assert np.abs(A @ u - right).max() <= 8 * EPS * np.abs(A).sum(axis=1).max() * np.abs(u).max()
        assert np.abs(factor.inverse @ A - np.eye(40)).max() < 1e4 * 40 * EPS
    assert factor.condition_number == pytest.approx(1e4, rel=1e-10)


def test_what_is_indefinite_is_decided_by_n_eps_times_the_largest_eigenvalue():
    tiny = 10 * EPS  # of 1, with 20 rows: below 20 eps
    assert Factor(matrix(np.linspace(1, 2, 20))).by_cholesky
    assert not Factor(matrix([-1e-3, *np.linspace(0.5, 1, 19)])).positive_definite
    near = Factor(np.diag([tiny, *np.linspace(0.5, 1, 19)]))
    assert not near.positive_definite and not near.regular and not near.by_cholesky
    assert Factor(np.diag([3 * tiny, *np.linspace(0.5, 1, 19)])).positive_definite


def test_an_exactly_singular_matrix_has_no_factor():
    with pytest.raises(np.linalg.LinAlgError, match="regular matrix"):
        Factor(np.zeros((3, 3)), cholesky=False).solve(np.ones((3, 1)))
    with pytest.raises(NotPositiveDefiniteError, match="zero to working precision"):
        solve(np.ones((3, 3)), np.ones((3, 1)), indefinite=True)
    with pytest.raises(NotPositiveDefiniteError, match="deflated form"):
        solve_bordered(*bordered_system(np.zeros((3, 3)), np.ones((3, 1)), 0.0))


def test_an_indefinite_matrix_is_solved_to_rounding():
    A, right = matrix([-2, -0.5, 0.1, 1, 3]), np.arange(5.0)[:, None]
    found = Factor(A)
    assert found.regular and not found.by_cholesky
    # condition number 30
    np.testing.assert_allclose(found.solve(right), np.linalg.solve(A, right), rtol=0, atol=1e3 * EPS * 40)


def test_unknowns_of_a_bordered_system_are_coefficients_and_multipliers():
    G = matrix([0.5, 1, 1.5, 2])
    M, r = bordered_system(G, np.ones((4, 2)) * [[1.0, 2.0]], 0.1)
    found = solve_bordered(M, r)
    assert found.unknowns.shape == (5, 2) and found.coefficients.shape == (4, 2)
    np.testing.assert_allclose(M @ found.unknowns, r, atol=16 * EPS)
    np.testing.assert_array_equal(found.unknowns[4], found.multipliers)


def test_what_a_factor_gets_wrong_is_mended_once():
    A, right = matrix(np.linspace(1, 2, 6)), np.arange(6.0)[:, None]
    factor = Factor(A)
    exactly = factor._solved
    factor._solved = lambda b: exactly(b) * (1 + 1e-9)
    # 1e-9 of the correction, which is 1e-9 itself
    np.testing.assert_allclose(factor.solve(right), np.linalg.solve(A, right), rtol=0, atol=64 * EPS)


def test_the_rounding_of_64_bit_is_spelt_once():
    package = Path(roughntk.__file__).parent
    again = re.compile(r"\bnp\.finfo\((?:np\.float64|float)\)\.(?:eps|max)\b|sys\.float_info\.(?:epsilon|max)\b")
    found = {path.relative_to(package).as_posix() for path in package.rglob("*.py") if again.search(path.read_text())}
    assert found == {"_checks/precision.py"}
