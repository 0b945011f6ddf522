"""Kernel regression by conjugate gradients is that of the factored matrix."""

import itertools
import math

import numpy as np
import pytest
from scipy.spatial import distance

import roughntk as rn
from roughntk._checks import InputError
from roughntk.files import built_in
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.regression import iterative, parted
from roughntk.regression.fitted import Converged
from roughntk.regression.iterative import IterativelyConverged
from roughntk.regression.nearness import nearest_pair
from roughntk.regression.parted import PartedKernel, Rows

N = 560  # as many entries as go through tables, and few more
FAMILIES = ("relu-ntk", "relu-nngp", "biased-relu-ntk", "erf-ntk", "leaky-relu-ntk")


@pytest.fixture(scope="module")
def data():
    points = built_in.points("digits")
    X, Y = points.values, points.y
    X = rn.sphere.lift(X[:N] / np.sqrt((X[:N] ** 2).sum(axis=1).mean()), distinct=False)
    return X, Y[:N]


@pytest.mark.parametrize(
    ("family", "depth"),
    [
        *itertools.product(FAMILIES, (2, 30, math.inf)),
        ("relu-ntk", 1000),
        ("relu-nngp", 1000),
        ("leaky-relu-ntk", 1000),
    ],
)
def test_coefficients_are_those_of_cholesky(data, family, depth):
    X, Y = data
    kernel = PartedKernel(rn.kernels.family(family), Rows(X, np.ones(N)), depth, limit_first=True)
    solver = IterativelyConverged(kernel, 1e-6, "K")
    alpha, beta = solver.coefficients(Y)
    exact, constant = Converged(kernel, 1e-6, "K").coefficients(Y)
    # both are within condition number times rounding, and the condition numbers of the shallowest are 1e5
    assert np.abs(alpha - exact).max() <= (1e-9 if depth == 2 else 1e-10) * np.abs(exact).max()
    assert np.abs(beta - constant).max() <= 1e-10 * max(1.0, np.abs(constant).max())
    assert solver.residual <= 1e-11 and solver.iterations < 300


def test_deep_kernels_take_few_steps():
    X = rn.sphere.uniform(1500, 32, 0)
    Y = np.random.default_rng(0).normal(size=(1500, 10))
    kernel = PartedKernel(rn.kernels.ReluNTK(), Rows(X, np.ones(1500)), 1000, limit_first=True)
    solver = IterativelyConverged(kernel, 0.0, "K", tolerance=1e-10)
    solver.coefficients(Y)
    assert solver.iterations <= 5


def test_solve_takes_it_by_name_and_says_so(data):
    X, _ = data
    family = rn.kernels.ReluNTK()
    solved = rn.regression.solve(family, X[:-20], X[-20:], depth=10, method="iterative")
    exact = rn.regression.solve(family, X[:-20], X[-20:], depth=10)
    assert (solved.method, exact.method, exact.iterations) == ("iterative", "cholesky", None)
    assert solved.iterations and solved.residual < 1e-11
    assert np.abs(solved.coefficients - exact.coefficients).max() < 1e-10
    assert solved.relative_error < 1e-9


def test_estimators_choose_by_size_and_say_which(data, monkeypatch):
    X, Y = data
    dense = rn.DeepKernelRegressor(depth=20, projection="none").fit(X[:500], Y[:500])
    monkeypatch.setattr("roughntk.regression.fitted.MOST_FACTORED", 400)
    large = rn.DeepKernelRegressor(depth=20, projection="none").fit(X[:500], Y[:500])
    assert (dense.solver_, large.solver_) == ("cholesky", "iterative")
    for one, other in zip(dense.predict(X[500:600], return_std=True), large.predict(X[500:600], return_std=True),
                          strict=True):  # fmt: skip
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)
    with pytest.raises(InputError, match=r"leave one of 500 points out.*solver='cholesky'"):
        rn.DeepKernelRegressor(depth="auto", projection="none").fit(X[:500], Y[:500])
    with pytest.raises(InputError, match="solver='auto' for a finite time"):
        rn.DeepKernelRegressor(time=3.0, solver="iterative").fit(X[:50], Y[:50])
    with pytest.raises(InputError, match="solver"):
        rn.DeepKernelRegressor(solver="conjugate").fit(X[:50], Y[:50])


def test_an_indefinite_kernel_is_noticed(data):
    X, Y = data
    kernel = PartedKernel(rn.kernels.family("sigmoid"), Rows(X, np.ones(N)), 2, limit_first=True)
    with pytest.raises(NotPositiveDefiniteError, match=r"positive"):
        IterativelyConverged(kernel, 1e-6, "K").coefficients(Y)


@pytest.mark.parametrize(("family", "depth"), [("relu-ntk", 10), ("erf-ntk", 3), ("relu-nngp", 50.5)])
def test_an_operator_is_the_kernel_matrix(family, depth):
    member = rn.kernels.family(family)
    X, Z, V = rn.sphere.uniform(700, 6, 0), rn.sphere.uniform(500, 6, 1), np.random.default_rng(0).normal(size=(500, 3))
    operator = rn.regression.KernelOperator(member, X, Z, depth=depth, block_entries=500 * 128)
    assert operator.shape == (700, 500) and operator.block_count == 6
    np.testing.assert_allclose(operator @ V, np.asarray(member(X, Z, depth=depth)) @ V, rtol=0, atol=1e-11)
    with pytest.raises(InputError, match="expected 500 rows"):
        operator.apply(V[:-1])


def test_a_partial_factor_leaves_what_it_says(data):
    X, _ = data
    kernel = PartedKernel(rn.kernels.family("erf-ntk"), Rows(X, np.ones(N)), 3, limit_first=True)
    operator = iterative.parted_operator(kernel)
    found = iterative.partial_cholesky(kernel, operator, -1e3)
    assert found is not None
    factor, left = found
    whole = kernel.within() + kernel.level / kernel.scale
    rest = whole - factor @ factor.T
    assert np.trace(rest) / N == pytest.approx(left, abs=1e-9)
    assert np.linalg.eigvalsh(rest)[0] > -1e-9 * np.trace(whole)


def test_tables_serve_large_matrices_of_any_family(data, monkeypatch):
    X, _ = data
    kernel = PartedKernel(rn.kernels.family("erf-ntk"), Rows(X, np.ones(N)), 3, limit_first=True)
    by_table = kernel.within()
    assert kernel.units > parted.UNITS
    monkeypatch.setattr(parted, "FEWEST_ENTRIES", 10**9)
    plain = PartedKernel(rn.kernels.family("erf-ntk"), Rows(X, np.ones(N)), 3, limit_first=True)
    assert np.abs(by_table - plain.within()).max() <= 64 * np.finfo(float).eps * np.abs(by_table).max()
    assert plain.units == parted.UNITS


@pytest.mark.filterwarnings("ignore::roughntk.regression.InaccurateCoefficientsWarning")
def test_near_rows_are_seen_in_the_error_whatever_the_targets_are():
    X, x = rn.sphere.uniform(60, 4, 0), rn.sphere.uniform(2, 4, 1)
    for apart in (1e-5, 1e-9):
        X[15] = X[2] + apart * np.array([1.0, -1.0, 0.0, 0.0])
        X[15] /= np.linalg.norm(X[15])
        exact = rn.regression.solve(rn.kernels.ReluNTK(), X, x, depth=5, method="cholesky")
        found = rn.regression.solve(rn.kernels.ReluNTK(), X, x, depth=5, method="iterative")
        off = np.abs(found.coefficients - exact.coefficients).max()
        assert off < found.forward_error.max() + exact.forward_error.max()
        assert found.condition_number > exact.condition_number / 100
    X[15] = X[2] + 3e-15 * np.array([1.0, -1.0, 0.0, 0.0])
    kernel = PartedKernel(rn.kernels.ReluNTK(), Rows(X, np.ones(60)), 5, limit_first=True)
    with pytest.raises(NotPositiveDefiniteError, match="rows 2 and 15 are the nearest"):
        solver = IterativelyConverged(kernel, 0.0, "K")
        solver.coefficients(np.random.default_rng(0).normal(size=(60, 1)))
        solver.check_digits()


def test_targets_of_any_size_and_a_single_point_are_solved():
    X, x = rn.sphere.uniform(60, 4, 0), rn.sphere.uniform(2, 4, 1)
    kernel = PartedKernel(rn.kernels.ReluNTK(), Rows(X, np.ones(60)), 5, limit_first=True)
    solver = IterativelyConverged(kernel, 0.0, "K")
    y = X[:, :1]
    plain = solver.coefficients(y)[0]
    for size in (1e-170, 1e160):
        np.testing.assert_allclose(solver.coefficients(size * y)[0] / size, plain, rtol=1e-9, atol=1e-12)
    one = rn.regression.solve(rn.kernels.ReluNTK(), X[:1], x, depth=5, method="iterative")
    K = np.asarray(rn.kernels.ReluNTK()(X[:1], x, depth=5))
    np.testing.assert_allclose(one.coefficients, K, rtol=1e-14)


@pytest.mark.parametrize("dimension", [2, 6])
def test_the_nearest_pair_is_the_one_of_all_pairs(dimension):
    X = rn.sphere.uniform(3000, dimension, 5)
    X[7] = X[1500] + 2e-4 * rn.sphere.uniform(1, dimension, 6)[0]
    X[7] /= np.linalg.norm(X[7])
    gaps = distance.cdist(X, X)
    gaps[np.diag_indices(3000)] = np.inf
    i, j = divmod(int(gaps.argmin()), 3000)
    assert nearest_pair(X)[:2] == (min(i, j), max(i, j))
    assert nearest_pair(X)[2] == pytest.approx(gaps.min(), rel=1e-6)
    assert nearest_pair(rn.sphere.uniform(50, 20, 0)) is None
