"""What preconditions many points: the inverses are inverses, and conjugate gradients take few steps."""

import math

import numpy as np
import pytest
import scipy.linalg

import roughntk as rn
from roughntk._checks import InputError
from roughntk.regression import iterative, polynomial
from roughntk.regression.fitted import Converged
from roughntk.regression.iterative import IterativelyConverged
from roughntk.regression.parted import PartedKernel, Rows
from roughntk.regression.polynomial import Polynomial, PolynomialInverse, fitted_polynomials, monomials
from roughntk.regression.preconditioners import Bordered, largest_eigenvalues
from roughntk.regression.promise import Promise, Sample

CHANCE = np.random.default_rng(0)


def rows_on_the_sphere(n, dimension):
    return Rows(rn.sphere.uniform(n, dimension, 0), np.ones(n))


def clusters(n):
    centres = np.repeat(rn.sphere.uniform(10, 100, 0), n // 10, axis=0)
    return Rows(rn.sphere.project(centres + 0.05 * CHANCE.normal(size=centres.shape)), np.ones(n))


def solved(rows, depth, *, ridge=0.0, family="relu-ntk", tolerance=1e-10):
    kernel = PartedKernel(rn.kernels.family(family), rows, depth, limit_first=True)
    solver = IterativelyConverged(kernel, ridge, "K", tolerance=tolerance)
    y = np.random.default_rng(1).normal(size=(len(rows.lengths), 3))
    return solver, solver.coefficients(y), kernel, y


@pytest.mark.parametrize(("dimension", "degree"), [(1, 3), (2, 5), (4, 4)])
def test_monomials_have_powers_of_the_correlation_as_inner_products(dimension, degree):
    X = CHANCE.normal(size=(6, dimension))
    for j, features in enumerate(monomials(X, degree), 1):
        assert features.shape == (math.comb(dimension + j - 1, j), 6)
        np.testing.assert_allclose(features.T @ features, (X @ X.T) ** j, rtol=1e-12, atol=1e-12)
    assert j == degree


def test_an_inverse_is_that_of_the_polynomial_matrix(monkeypatch):
    n, share, ridge = 90, 0.8, 0.3
    directions, lengths = rn.sphere.uniform(n, 3, 0), CHANCE.uniform(0.5, 2, size=n)
    monkeypatch.setattr(polynomial, "BLOCK_ENTRIES", 500)  # several blocks
    fit = Polynomial(np.array([0.4, 0.0, 0.2]), 0.1, 3 + 10, Promise(0.1, 1.1, 0.1))
    rho = directions @ directions.T
    A = share * np.outer(lengths, lengths) * (0.4 * rho + 0.2 * rho**3)
    A += np.diag(share * 0.1 * lengths**2 + ridge)
    inverse = PolynomialInverse(fit, directions, lengths, share, ridge)
    np.testing.assert_allclose(inverse(A), np.eye(n), rtol=0, atol=1e-12)
    e = lengths / np.linalg.norm(lengths)
    assert inverse.curvature(e) == pytest.approx(e @ A @ e, rel=1e-12)

    P = scipy.linalg.null_space(e[None])
    eliminated = inverse(e[:, None])[:, 0]
    bordered = Bordered(inverse, e, eliminated, 1 / 7.0 + e @ eliminated)
    exact = np.linalg.eigvalsh(P.T @ np.linalg.inv(A + 7.0 * np.outer(e, e)) @ P)
    mine = bordered(np.eye(n - 1))
    np.testing.assert_allclose(mine, mine.T, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.eigvalsh(mine), exact, rtol=1e-10)


def test_largest_eigenvalues_of_a_pencil():
    n = 60
    A, P = (turn @ np.diag(values) @ turn.T for turn, values in (
        (np.linalg.qr(CHANCE.normal(size=(n, n)))[0], np.r_[[1e4, 1e3, 1e2], np.linspace(1, 2, n - 3)]),
        (np.linalg.qr(CHANCE.normal(size=(n, n)))[0], np.linspace(1, 5, n)),
    ))  # fmt: skip
    largest = largest_eigenvalues(lambda V: A @ V, lambda V: np.linalg.solve(P, V), n, 20)
    assert largest is not None
    vectors, values = largest
    np.testing.assert_allclose(values[:3], scipy.linalg.eigh(A, P, eigvals_only=True)[::-1][:3], rtol=1e-3)
    np.testing.assert_allclose(vectors.T @ P @ vectors, np.eye(20), rtol=0, atol=1e-9)
    assert largest_eigenvalues(lambda V: A @ V - 3 * V, None, n, 40) is None


def test_polynomials_of_a_kernel_leave_less_with_every_degree():
    kernel = PartedKernel(rn.kernels.ReluNTK(), rows_on_the_sphere(1200, 8), 50, limit_first=True)
    fits = list(fitted_polynomials(Sample(kernel, 0.0), 1200, 8))
    assert [fit.degree for fit in fits] == [0, 1, 2, 3] and [fit.features for fit in fits] == [0, 8, 44, 164]
    spreads = [fit.promise.spread for fit in fits]
    assert spreads == sorted(spreads, reverse=True) and spreads[3] < 0.25 * spreads[0]
    assert all((fit.coefficients >= 0).all() for fit in fits) and 0 < fits[3].left < fits[0].left


def test_a_large_ridge_promises_one_step():
    kernel = PartedKernel(rn.kernels.ReluNTK(), rows_on_the_sphere(40, 8), 5, limit_first=True)
    assert next(fitted_polynomials(Sample(kernel, 1e30), 40, 8)).promise.steps(1e-12) < 2
    assert next(fitted_polynomials(Sample(kernel, math.inf), 40, 8)).promise.steps(1e-12) < 2


@pytest.mark.parametrize(
    ("depth", "dimension", "kind", "rank", "most"),
    # without, 8 dimensions take 27 and 96 steps; the seeds are fixed, and rounding changes a step at most
    [(50, 8, "polynomial", 164, 15), (1000, 64, "polynomial", 64, 5)],
)
def test_polynomials_take_few_steps(monkeypatch, depth, dimension, kind, rank, most):
    rows = rows_on_the_sphere(1500, dimension)
    solver, (alpha, beta), kernel, y = solved(rows, depth)
    assert (solver.preconditioner, solver.rank) == (kind, rank) and solver.iterations <= most
    assert solver.applications == solver.iterations + 2  # what eliminates the constant, and the true residual
    exact, constant = Converged(kernel, 0.0, "K").coefficients(y)
    assert np.abs(alpha - exact).max() <= 1e-9 * np.abs(exact).max()
    assert np.abs(beta - constant).max() <= 1e-9 * max(1.0, np.abs(constant).max())
    if dimension == 8:
        monkeypatch.setattr(iterative, "FEWEST", 2000)
        assert solved(rows, depth)[0].iterations >= 1.8 * solver.iterations


@pytest.mark.parametrize(
    ("rows", "family", "depth", "kind"),
    [
        (clusters(600), "relu-ntk", 10, "polynomial and sketch"),
        (clusters(600), "relu-ntk", 2, "partial factor"),
        (rows_on_the_sphere(600, 3), "relu-ntk", 2, "partial factor"),
        (rows_on_the_sphere(600, 8), "relu-ntk", math.inf, "none"),
        (rows_on_the_sphere(600, 300), "relu-ntk", 50, "none"),
        (Rows(rn.sphere.uniform(600, 8, 0), CHANCE.uniform(0.5, 2, 600)), "relu-ntk", 50, "polynomial"),
        (rows_on_the_sphere(600, 8), "erf-ntk", 50, "polynomial"),
        (rows_on_the_sphere(15, 8), "relu-ntk", 3, "none"),
        (rows_on_the_sphere(1, 8), "relu-ntk", 3, "none"),
    ],
)
def test_each_way_gives_what_cholesky_gives(rows, family, depth, kind):
    ridge = 1e-4
    solver, (alpha, beta), kernel, y = solved(rows, depth, ridge=ridge, family=family, tolerance=1e-12)
    assert solver.preconditioner == kind and (solver.rank > 0) == (kind != "none")
    exact, constant = Converged(kernel, ridge, "K").coefficients(y)
    assert np.abs(alpha - exact).max() <= 1e-9 * np.abs(exact).max()
    assert np.abs(beta - constant).max() <= 1e-9 * max(1.0, np.abs(constant).max())


def test_a_sketch_saves_steps(monkeypatch):
    rows = clusters(600)
    with_sketch = solved(rows, 10, ridge=1e-4)[0]
    monkeypatch.setattr(iterative, "MANY_STEPS", 1000)
    assert with_sketch.iterations + 2 < solved(rows, 10, ridge=1e-4)[0].iterations


def test_rows_that_coincide_in_different_blocks_are_named():
    X = rn.sphere.uniform(600, 4, 0)
    X[599] = X[3]
    with pytest.raises(InputError, match="rows 3 and 599"):
        rn.regression.solve(rn.kernels.ReluNTK(), X, X[:2], depth=5, method="iterative")


def test_progress_says_what_the_matrix_is_applied_for():
    told = []
    kernel = PartedKernel(rn.kernels.ReluNTK(), clusters(600), 10, limit_first=True)
    solver = IterativelyConverged(kernel, 1e-4, "K", progress=lambda what, count: told.append((what, count)))
    assert told == [
        ("eliminating the constant", 1), ("preparing the preconditioner", 2), ("preparing the preconditioner", 3),
    ]  # fmt: skip
    solver.coefficients(np.ones((600, 1)))
    assert told[-1] == ("applying the kernel matrix", solver.applications)
