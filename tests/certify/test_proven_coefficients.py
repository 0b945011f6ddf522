"""Proven coefficients: against multiple precision by the plain recursion, float64, and exact cases."""

import fractions
import math

import mpmath
import numpy as np
import pytest

import roughntk as rn
from roughntk.certify import balls, recursion
from roughntk.certify.systems import definiteness, rows, solutions

NEAR = np.array([[1.0, 0.0, 0.0], [1.0, 1e-9, 0.0], [0.0, 0.0, 1.0]])
SCALED = np.array([[3e-200, 4e-200], [0.0, 7e150], [-1.0, 0.5]])
CIRCLE = np.array([[np.cos(k), np.sin(k)] for k in 2 * np.pi * np.arange(9) / 9])
X, x = rn.sphere.uniform(5, 4, 0), rn.sphere.uniform(2, 4, 1)


def kernel_value(a, b, depth, kernel):
    """K_L or rho_L by the recursion of the correlation, which loses digits and has them to spare."""
    rho = mpmath.fdot(a, b) / mpmath.sqrt(mpmath.fdot(a, a) * mpmath.fdot(b, b))
    tangent = rho
    for layer in range(1, depth):
        slope = 1 - mpmath.acos(rho) / mpmath.pi
        rho = mpmath.sqrt(1 - rho**2) / mpmath.pi + rho * slope
        tangent = (layer * slope * tangent + rho) / (layer + 1)
    return tangent if kernel == "relu-ntk" else rho


def reference(X, x, depth, kernel="relu-ntk"):
    """u with 150 digits and the smallest eigenvalue, from an LU solve and from Jacobi's eigenvalues, u[j][i]."""
    X, x = ([[mpmath.mpf(float(v)) for v in row] for row in given] for given in (X, x))
    n = len(X)
    matrix = mpmath.eye(n)
    for i in range(n):
        for j in range(i):
            matrix[i, j] = matrix[j, i] = kernel_value(X[i], X[j], depth, kernel)
    columns = [mpmath.matrix([kernel_value(a, b, depth, kernel) for a in X]) for b in x]
    return [mpmath.lu_solve(matrix, column) for column in columns], min(mpmath.eigsy(matrix, eigvals_only=True))


@pytest.mark.parametrize(
    ("train", "test", "depth", "kernel"),
    [
        (X, x, 2, "relu-ntk"),
        (X, x, 7, "relu-ntk"),
        (X, x, 30, "relu-nngp"),
        (X[:4], x, 1, "relu-ntk"),
        (NEAR, X[:1, :3], 3, "relu-ntk"),
        (SCALED, x[:, :2], 4, "relu-ntk"),
    ],
)
def test_the_digits_are_those_of_multiple_precision(train, test, depth, kernel):
    result = solutions.coefficients(train, test, depth=depth, digits=25, kernel=kernel)
    with mpmath.workdps(150):
        columns, least = reference(train, test, depth, kernel)
        for j, column in enumerate(columns):
            for i, value in enumerate(column):
                enclosure = result.enclosures[i, j]
                low, high = (mpmath.mpf(end.numerator) / end.denominator for end in (enclosure.lower, enclosure.upper))
                assert low - mpmath.mpf(10) ** -100 <= value <= high + mpmath.mpf(10) ** -100
                # the text is the number rounded to so many decimals
                assert abs(mpmath.mpf(result.texts[i][j]) - value) <= mpmath.mpf("0.5e-24") * abs(value) * 10
        smallest = result.smallest_eigenvalue
        ends = [mpmath.mpf(end.numerator) / end.denominator for end in (smallest.lower, smallest.upper)]
        assert ends[0] <= least <= ends[1] and ends[0] > 0
        assert ends[1] - ends[0] < 1e-9 * ends[1]  # the ends were tried at 2^-40 to 2^-30 of each other
    assert result.positive_definite and result.enclosures.shape == (len(train), len(test))


@pytest.mark.parametrize(("points", "depth"), [(12, 2), (12, 9), (20, 5)])
def test_the_bound_of_an_error_is_never_below_it_and_tells_float64_from_a_wrong_digit(points, depth):
    train, test = rn.sphere.uniform(points, 6, 2), rn.sphere.uniform(2, 6, 3)
    result = solutions.coefficients(train, test, depth=depth, digits=30)
    u = rn.coefficients("relu-ntk", train, test, depth=depth)
    bounds = result.error_of(u)
    for bound, value, enclosure in zip(bounds.flat, u.flat, result.enclosures.flat, strict=True):
        middle = (enclosure.lower + enclosure.upper) / 2
        assert bound >= abs(fractions.Fraction(value) - middle)
    # condition numbers are below 1e3: 1e3 eps is 2e-13
    assert bounds.max() < 1e-12
    wrong = u.copy()
    wrong[1, 0] += 1e-10
    assert 0.99e-10 < result.error_of(wrong)[1, 0] < 1.01e-10
    assert (result.lower <= result.values).all() and (result.values <= result.upper).all()
    assert (result.upper - result.lower <= 2 * np.spacing(np.abs(result.values))).all()


def test_a_test_row_in_the_direction_of_a_training_row_has_a_unit_vector_exactly():
    result = solutions.coefficients(X, np.array([4 * X[2], x[0]]), depth=4)
    assert [each.lower for each in result.enclosures[:, 0]] == [0, 0, 1, 0, 0]
    assert all(each.lower == each.upper for each in result.enclosures[:, 0])
    assert (result.error_of(result.values)[:, 0] == 0).all()


def test_at_infinite_depth_coefficients_are_exact():
    test = np.array([x[0], 0.5 * X[1]])
    result = solutions.coefficients(X, test, depth=math.inf)
    assert {each.lower for each in result.enclosures[:, 0]} == {fractions.Fraction(1, 8)}
    assert [each.upper for each in result.enclosures[:, 1]] == [0, 1, 0, 0, 0]
    assert result.positive_definite and result.smallest_eigenvalue.lower == fractions.Fraction(3, 4)
    gaussian = solutions.coefficients(X, test, depth=math.inf, kernel="relu-nngp")
    assert gaussian.enclosures[0, 0].lower == fractions.Fraction(1, 5) and not gaussian.positive_definite
    deep = solutions.coefficients(X, test, depth=3000, digits=6)
    # u_L - 1/(n+3) is about 6 log L/((n+3)^2 L) = 2.5e-4
    assert 1e-5 < np.abs(deep.values[:, 0] - 1 / 8).max() < 2e-3


def test_the_stereographic_projection_is_that_of_the_sphere():
    raw = np.array([[1.0, 2.0], [2.0, 4.0], [0.0, 0.0], [-0.3, 0.1]])
    result = solutions.coefficients(raw, [[0.5, 0.25]], depth=5, projection="stereographic")
    u = rn.coefficients("relu-ntk", rn.sphere.lift(raw), rn.sphere.lift([[0.5, 0.25]]), depth=5)
    assert result.error_of(u).max() < 1e-12
    large = solutions.coefficients(1e30 * raw[[0, 3]], [[3e30, 1e30]], depth=3, projection="stereographic")
    assert large.positive_definite and large.smallest_eigenvalue.upper < 1e-20  # both are near the pole


def test_the_projection_is_not_rounded():
    """Rows whose float64 projections coincide are told apart; the kernel of the difference is enclosed."""
    close = np.array([[1.0, 1.0], [1.0, 1.0 + 2**-52]])
    assert rn.sphere.coincident_rows(rn.sphere.project(close, distinct=False))
    result = solutions.coefficients(close, [[1.0, -1.0]], depth=3)
    # 1 - K_3 is (L-1) theta/(2 pi) = theta/pi, theta = 2^-53: the smallest eigenvalue is 1 - K
    assert float(result.smallest_eigenvalue) == pytest.approx(2**-53 / math.pi, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ([[1.0, 2.0], [0.0, 1.0], [2.0, 4.0]], [[1.0, 0.0]], {}), "positively collinear rows 0 and 2; drop"),
        (lambda: ([[1.0, 2.0], [0.0, 0.0]], [[1.0, 0.0]], {}), "expected non-zero rows in X, got zeros in row 1"),
        (lambda: ([[1.0, 2.0]], [[0.0, 0.0]], {}), "expected non-zero rows in x"),
        (lambda: ([[1.0], [1.0]], [[0.0]], {"projection": "stereographic"}), "expected distinct rows, got equal rows"),
        (lambda: (X, x, {"depth": "1/2"}), "expected a depth of at least 1, got '1/2'; depth 1"),
        (lambda: (CIRCLE, x[:, :2], {"depth": 1.25}), "got one at depth 1.25 that is proven not to be; from"),
        (lambda: (X, x, {"depth": "deep"}), "expected depth to be a finite number .*, got 'deep'"),
        (lambda: (X, x, {"depth": 0}), "at least 1"),
        (lambda: (X, x, {"kernel": "erf-ntk"}), "erf-ntk"),
        (lambda: (X, x, {"projection": "none"}), "none"),
        (lambda: (X, x, {"digits": 1001}), "expected digits from 1 to 1000, got 1001"),
        (lambda: (X, x[:, :3], {}), "expected x with 4 columns"),
        (lambda: (X, x, {"depth": 1}), "5 rows of rank 4, whose matrix of correlations is singular"),
        (lambda: (np.eye(201), np.eye(201)[:1], {}), "expected at most 200 training rows"),
    ],
)
def test_bad_input_is_refused(call, message):
    train, test, options = call()
    with pytest.raises(rn.InputError, match=message):
        solutions.coefficients(train, test, **{"depth": 3, **options})


def test_a_matrix_that_is_singular_by_symmetry_is_refused_at_any_precision(monkeypatch):
    """K_2 of six directions and their antipodes, given as whole numbers so that they are exact."""
    half = np.array([[1, 0], [3, 1], [2, 2], [1, 3], [0, 1], [-1, 2]], dtype=float)
    monkeypatch.setattr(solutions, "_ATTEMPTS", 3)
    with pytest.raises(rn.InputError, match="cannot with 512 bits; at depth 2 it is singular on rows of which each"):
        solutions.coefficients(np.concatenate([half, -half]), [[5.0, 1.0]], depth=2)
    assert solutions.coefficients(np.concatenate([half, -half]), [[5.0, 1.0]], depth=3).positive_definite


@pytest.mark.parametrize("depth", [2.5, "17/4", 60, 1e6])
def test_coefficients_at_real_and_large_depth_are_those_of_float64(depth):
    result = solutions.coefficients(X, x, depth=depth, digits=20)
    u = rn.coefficients("relu-ntk", X, x, depth=float(fractions.Fraction(depth)))
    # well conditioned; the flow in float64 is right to 3e-14 relative to K
    assert result.error_of(u).max() < 1e-12
    assert result.depth == fractions.Fraction(depth)


@pytest.mark.parametrize("depth", [2, 3, 2.5, 50])
def test_antipodal_rows_are_legal(depth):
    train = np.array([[1.0, 2.0, 0.5], [-1.0, -2.0, -0.5], [0.0, 1.0, 1.0]])
    result = solutions.coefficients(train, -train[2:], depth=depth)
    u = rn.coefficients("relu-ntk", rn.sphere.project(train), rn.sphere.project(-train[2:]), depth=depth)
    assert result.error_of(u).max() < 1e-12


def test_depth_may_be_beyond_float64():
    result = solutions.coefficients(X, x, depth=10**400, digits=15)
    assert {text[:12] for row in result.texts for text in row} == {"0.1250000000"}


def test_a_matrix_of_almost_equal_entries_is_told_from_a_singular_one():
    """1 - rho_L is about 9 pi^2/(2 L^2): below the rounding of float64 at L = 1e15."""
    result = solutions.coefficients(X, x, depth=10**15, kernel="relu-nngp")
    assert result.positive_definite and result.smallest_eigenvalue.lower > 0
    assert 44e-30 < float(result.smallest_eigenvalue) < 45e-30  # 9 pi^2/2 = 44.4
    # 1/n + (2/L) (...)
    assert np.abs(result.values - 1 / 5).max() < 1e-13


def test_layers_and_flow_agree():
    with balls.working(150):
        theta = balls.flint().arb(1.25)
        for depth in (41, 50):
            by_flow = solutions.kernel_entry(theta, fractions.Fraction(depth), "relu-ntk")
            assert by_flow.overlaps(recursion.kernel_ball(theta, depth))
            assert balls.upper(by_flow.rad()) < fractions.Fraction(1, 2**100)


def test_an_error_of_other_shapes_is_refused():
    result = solutions.coefficients(X, x, depth=2, digits=5)
    with pytest.raises(rn.InputError, match=r"expected u of shape \(5, 2\), got \(2, 5\)"):
        result.error_of(result.values.T)


def test_angles_of_rows_are_those_of_multiple_precision():
    exact = rows.exact_rows(NEAR, -NEAR[:1])
    with balls.working(200), mpmath.workdps(60):
        enclosure = exact.angle(0, 1)
        value = mpmath.atan2(mpmath.mpf(1e-9), 1)
        assert abs(mpmath.mpf(balls.lower(enclosure).numerator) / balls.lower(enclosure).denominator - value) < 1e-60
        assert balls.upper(enclosure) - balls.lower(enclosure) < fractions.Fraction(1, 2**220)  # relative to 1e-9
        assert exact.angle(0, 3).overlaps(balls.flint().arb.pi())
    assert exact.equal_to(0) is None and rows.exact_rows(NEAR, NEAR[2:]).equal_to(0) == 2


def test_interval_cholesky_proves_what_is_definite_and_nothing_else():
    with balls.working(100):
        arb = balls.flint().arb
        third = arb(1) / 3
        assert definiteness.is_positive_definite([[arb(1), third], [third, arb(1)]])
        assert definiteness.is_positive_definite([[arb(1), 4 * third], [4 * third, arb(1)]]) is False
        assert definiteness.is_positive_definite([[arb(1), third**0.5], [third**0.5, third]]) is None
        # a ball that reaches the singular matrix proves nothing
        wide = arb(0.9, 0.2)
        assert definiteness.is_positive_definite([[arb(1), wide], [wide, arb(1)]]) is None
        least = definiteness.smallest_eigenvalue([[arb(1), third], [third, arb(1)]], 100)
    assert least.lower <= fractions.Fraction(2, 3) <= least.upper and least.text == "0.6666666667"


def test_near_eigenvalues_are_told_apart():
    """1 and 1 + 1e-7, beside 3: inverse iteration alone would take millions of steps."""
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    matrix = basis @ np.diag([1.0, 1 + 1e-7, 3.0, 5.0]) @ basis.T
    matrix = (matrix + matrix.T) / 2
    with balls.working(120):
        arb = balls.flint().arb
        least = definiteness.smallest_eigenvalue([[arb(float(v)) for v in row] for row in matrix], 120)
    assert least.radius < 1e-9 and abs(float(least) - 1) < 1e-12
