"""Coefficients in closed form against 50 digits, and what is refused."""

import mpmath
import numpy as np
import pytest
from digits import exact_angle

import roughntk as rn
from roughntk.linalg import solve, solve_deflated
from roughntk.regression import IndefiniteKernelWarning, NotPositiveDefiniteError

EPS = np.finfo(np.float64).eps


def exact_ntk(theta, depth):
    """The recursion of Proposition 4 in angles with the working precision of mpmath."""
    total = mpmath.cos(theta)
    for _ in range(depth - 1):
        gap = 2 * mpmath.sin(theta / 2) ** 2 - (mpmath.sin(theta) - theta * mpmath.cos(theta)) / mpmath.pi
        following = 2 * mpmath.asin(mpmath.sqrt(gap / 2))
        total = total * (1 - theta / mpmath.pi) + mpmath.cos(following)
        theta = following
    return total / depth


def exact_coefficients(X, x, depth):
    with mpmath.workdps(50):
        n = len(X)
        K = mpmath.eye(n)
        for i in range(n):
            for j in range(i):
                K[i, j] = K[j, i] = exact_ntk(exact_angle(X[i], X[j]), depth)
        B = mpmath.matrix([[exact_ntk(exact_angle(a, b), depth) for b in x] for a in X])
        columns = [mpmath.lu_solve(K, B[:, k]) for k in range(len(x))]
        return np.array([[float(column[i]) for column in columns] for i in range(len(X))])


@pytest.mark.parametrize("depth", [2, 30, 1000])
def test_coefficients_match_50_digits(depth):
    X, x = rn.sphere.uniform(8, 5, 0), rn.sphere.uniform(1, 5, 1)
    report = rn.regression.solve(rn.kernels.ReluNTK(), X, x, depth=depth)
    u = report.coefficients
    # 1e-12 is the specification at depth 1000, where the condition number is below 5
    np.testing.assert_allclose(u, exact_coefficients(X, x, depth), rtol=0, atol=1e-12)
    assert report.residual <= 8 * EPS
    assert report.condition_number < 100


def test_at_a_training_point_the_coefficients_are_a_unit_vector():
    X = rn.sphere.uniform(6, 4, 2)
    for family in (rn.kernels.ReluNTK(), rn.kernels.ReluNNGP(), rn.kernels.SigmoidComposition()):
        np.testing.assert_allclose(rn.coefficients(family, X, X[2:3], depth=4)[:, 0], np.eye(6)[2], atol=1e-12)
        np.testing.assert_allclose(rn.coefficients(family, X, X[2:3], depth=np.inf)[:, 0], np.eye(6)[2], atol=1e-12)


def test_one_training_point_works():
    X, x = rn.sphere.uniform(1, 3, 0), rn.sphere.uniform(2, 3, 1)
    family = rn.kernels.ReluNTK()
    np.testing.assert_allclose(rn.coefficients(family, X, x, depth=3), family(X, x, depth=3), rtol=4 * EPS)


def test_bordered_system_equals_inversion_where_inversion_works():
    rng = np.random.default_rng(5)
    half = rng.standard_normal((5, 5))
    G, g = half @ half.T + np.eye(5), rng.standard_normal((5, 2))
    c, s = 0.4, 1e-3
    direct = np.linalg.solve(c + s * G, c + s * g)
    np.testing.assert_allclose(solve_deflated(G, g, s / c).coefficients, direct, rtol=1e-10)  # cond 1e4 times eps


def test_singular_matrix_is_refused_with_depth_and_eigenvalue():
    X, x = rn.sphere.uniform(9, 3, 0), rn.sphere.uniform(1, 3, 1)
    with pytest.raises(NotPositiveDefiniteError, match="relu-ntk kernel matrix at depth 1.*smallest eigenvalue"):
        rn.coefficients(rn.kernels.ReluNTK(), X, x, depth=1)


def test_a_matrix_that_is_singular_in_64_bit_is_solved_in_its_deflated_form_with_a_warning_if_indefinite():
    X, x = rn.sphere.uniform(9, 3, 0), rn.sphere.uniform(1, 3, 1)
    family = rn.kernels.SigmoidComposition()
    K, B = np.asarray(family(X, depth=60)), np.asarray(family(X, x, depth=60))
    with pytest.raises(NotPositiveDefiniteError, match="smallest eigenvalue"):
        solve(K, B)
    with pytest.warns(IndefiniteKernelWarning, match="sigmoid kernel matrix at depth 60.*smallest eigenvalue -0.00682"):
        report = rn.regression.solve(family, X, x, depth=60)
        u = report.coefficients
    assert report.method == "deflated" and not report.positive_definite
    with pytest.warns(IndefiniteKernelWarning):
        limit = rn.coefficients(family, X, x, depth=np.inf)
    # lambda^59 is 1e-32: the limit to rounding, times the condition number
    np.testing.assert_allclose(u, limit, atol=100 * EPS * report.condition_number)
    np.testing.assert_allclose(u.sum(axis=0), 1.0, atol=100 * EPS * report.condition_number)


def test_two_nearly_equal_rows_are_ill_conditioned_but_solved():
    X = rn.sphere.uniform(4, 3, 0)
    X[1] = rn.sphere.project(X[:1] + 1e-7 * X[2:3])[0]
    report = rn.regression.solve(rn.kernels.ReluNTK(), X, rn.sphere.uniform(1, 3, 9), depth=5)
    u = report.coefficients
    assert 1e6 < report.condition_number < 1e9
    assert report.residual <= 100 * EPS * np.abs(u).max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.vstack([np.eye(3), np.eye(3)[:1]])}, "equal rows 0 and 3"),
        ({"X": 2 * np.eye(3)}, "off the sphere"),
        ({"x": np.eye(4)[:1]}, "3 columns"),
        ({"x": np.array([[np.nan, 0, 1]])}, "NaN"),
        ({"depth": 0}, "at least 1"),
        ({"depth": float("nan")}, "at least 1"),
    ],
)
def test_bad_input_is_named(change, message):
    arguments = {"X": np.eye(3), "x": rn.sphere.uniform(1, 3, 0), "depth": 2} | change
    with pytest.raises(rn.InputError, match=message):
        rn.coefficients(rn.kernels.ReluNTK(), arguments["X"], arguments["x"], depth=arguments["depth"])


METHODS = ("cholesky", "symmetric indefinite", "deflated")


def test_every_direct_method_finds_the_same_coefficients_and_says_which_it_was():
    X, x = rn.sphere.uniform(6, 4, 0), rn.sphere.uniform(2, 4, 1)
    family = rn.kernels.BiasedReluNTK()
    found = {method: rn.regression.solve(family, X, x, depth=4, method=method) for method in METHODS}
    for method, each in found.items():
        assert each.method == method and each.positive_definite and each.residual < 8 * EPS
        # the bound of each is met by its distance from the others
        np.testing.assert_array_less(
            np.abs(each.coefficients - found["cholesky"].coefficients),
            each.forward_error + found["cholesky"].forward_error,
        )
    assert found["deflated"].condition_number < found["cholesky"].condition_number / 3
    assert rn.regression.solve(family, X, x, depth=4).method == "deflated"
    assert rn.regression.solve(rn.kernels.ReluNTK(), X, x, depth=4).method == "cholesky"


@pytest.mark.parametrize(
    ("family", "method", "depth", "message"),
    [
        (rn.kernels.ReluNTK(), "deflated", 3, "becomes singular with depth.*got relu-ntk"),
        (rn.kernels.ReluNTK(), "gauss", 3, "method to be one of auto, cholesky"),
        (rn.kernels.ReluNTK(), "cholesky", 1.5, "positive definite relu-ntk.*method='cholesky'.*-0.118"),
        (rn.kernels.CompositionKernel(lambda c: c / 2), "deflated", 3, "another value than 0"),
    ],
)
def test_a_method_that_does_not_apply_is_refused(family, method, depth, message):
    circle = 2 * np.pi * np.arange(9) / 9
    points = np.stack([np.cos(circle), np.sin(circle)], axis=1)  # indefinite between depths 1 and 2
    with pytest.raises(rn.InputError, match=message):
        rn.regression.solve(family, points, np.array([[0.6, 0.8]]), depth=depth, method=method)


def test_off_the_sphere_the_report_is_that_of_the_scaled_coefficients():
    X, x = rn.sphere.uniform(5, 4, 0), rn.sphere.uniform(1, 4, 1)
    plain = rn.regression.solve(rn.kernels.ReluNTK(), X, x, depth=3)
    scaled = rn.regression.solve(rn.kernels.ReluNTK(), 2 * X, 8 * x, depth=3, domain="euclidean")
    np.testing.assert_allclose(scaled.coefficients, 4 * plain.coefficients, rtol=1e-13)
    # directions are rounded once more: a few per cent of the bound
    np.testing.assert_allclose(scaled.forward_error, 4 * plain.forward_error, rtol=0.2)
