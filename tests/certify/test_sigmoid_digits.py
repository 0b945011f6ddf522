"""The sigmoid composition with proven digits: against multiple precision, the package's float64, and numpy."""

import fractions

import mpmath
import numpy as np
import pytest

import roughntk as rn
from roughntk.certify import balls, sigmoid
from roughntk.certify.evidence import circles


def h(eta):
    return (1 + mpmath.exp(-eta)) ** -2


def inside(enclosure, value, digits):
    """Whether a value of multiple precision lies between the ends, and its decimals are those of the text."""
    low, high = (mpmath.mpf(end.numerator) / end.denominator for end in (enclosure.lower, enclosure.upper))
    margin = mpmath.mpf(10) ** (10 - mpmath.mp.dps)
    return low - margin <= value <= high + margin and mpmath.mpf(enclosure.text) == mpmath.mpf(
        mpmath.nstr(value, digits, strip_zeros=False)
    )


@pytest.mark.parametrize("digits", [1, 15, 60])
def test_the_fixed_point_and_its_multiplier(digits):
    result = sigmoid.sigmoid_fixed_point(digits=digits)
    with mpmath.workdps(100):
        c = mpmath.findroot(lambda z: z - h(z), 0.34)
        assert inside(result.value, c, digits)
        assert inside(result.multiplier, mpmath.diff(h, c), digits)
    assert result.unique


def test_the_bounds_of_the_derivatives_hold_and_are_reached():
    """max h' = 8/27 where the sigmoid is 2/3; |h''| stays below 16/27."""
    grid = np.linspace(-30, 30, 20001)
    s = 1 / (1 + np.exp(-grid))
    slope, second = 2 * s**2 * (1 - s), s**2 * (1 - s) * (4 - 6 * s)
    assert float(sigmoid.CONTRACTION) * (1 - 1e-6) < slope.max() <= float(sigmoid.CONTRACTION) * (1 + 1e-12)
    assert np.abs(second).max() < float(sigmoid.CURVATURE)
    with mpmath.workdps(30):  # the formulas are those of the derivatives
        for place in (5000, 10300):
            eta = mpmath.mpf(float(grid[place]))
            assert abs(mpmath.diff(h, eta) - slope[place]) < 1e-12
            assert abs(mpmath.diff(h, eta, 2) - second[place]) < 1e-10
    with balls.working(80):
        assert sigmoid._slope(balls.flint().arb(0)).overlaps(balls.flint().arb(0.25))


@pytest.mark.parametrize("rho", ["-1", "0", "0.5", "1/3", "1", 0.1])
def test_values_of_the_koenigs_function(rho):
    enclosure = sigmoid.sigmoid_koenigs(rho, digits=30)
    with mpmath.workdps(140):
        exact = balls.exact(rho, "rho")
        eta = mpmath.mpf(exact.numerator) / exact.denominator
        c = mpmath.findroot(lambda z: z - h(z), 0.34)
        multiplier = 2 * c * (1 - mpmath.sqrt(c))
        for _ in range(100):
            eta = h(eta)
        value = (eta - c) / multiplier**100
        # the truncation is about the defect, lambda^100 = 2e-55
        assert abs(mpmath.mpf(enclosure.text) - value) <= mpmath.mpf("1e-29") * abs(value)
        low, high = (mpmath.mpf(end.numerator) / end.denominator for end in (enclosure.lower, enclosure.upper))
        assert low - mpmath.mpf("1e-50") <= value <= high + mpmath.mpf("1e-50")


def test_the_remainder_of_the_koenigs_function_holds_however_early_one_stops(monkeypatch):
    """With a fifth of the layers the enclosure is wide, and still holds the value."""
    monkeypatch.setattr(sigmoid, "_LOG_MULTIPLIER", 6.0)
    value = sigmoid.sigmoid_koenigs("1", digits=40)
    with balls.working(400):
        for bits in (8, 16, 40, 80):
            wide = sigmoid._koenigs(balls.ball(fractions.Fraction(1)), bits)
            if wide.is_finite():
                assert balls.lower(wide) <= value.lower and value.upper <= balls.upper(wide)
                assert balls.lower(wide) < balls.upper(wide) - fractions.Fraction(1, 4**bits)


@pytest.mark.parametrize("depth", [1, 2, 3, 10, 40, 200])
def test_iterates_are_those_of_multiple_precision(depth):
    enclosure = sigmoid.sigmoid_iterate("-3/4", depth, digits=20)
    with mpmath.workdps(80):
        eta = mpmath.mpf(-3) / 4
        for _ in range(depth - 1):
            eta = h(eta)
        assert inside(enclosure, eta, 20)
    family = float(rn.kernels.family("sigmoid").at_correlation(-0.75, depth))
    assert enclosure.error_of(family) < 1e-15


def test_iterates_at_any_depth_take_constant_time():
    fixed = sigmoid.sigmoid_fixed_point(digits=50).value
    assert sigmoid.sigmoid_iterate(-1, 10**15, digits=50).text == fixed.text
    with balls.working(200):  # the distance from c after 30 layers is within the radius, and not within rounding
        start = balls.ball(fractions.Fraction(-1))
        early, exact = sigmoid._iterate(start, 30, 8), sigmoid._iterate(start, 30, 200)
        assert early.contains(exact) and not sigmoid._fixed_point().overlaps(exact)


@pytest.mark.parametrize("count", [1, 4, 12])
def test_the_series_is_that_of_the_map(count):
    with mpmath.workdps(40):
        expected = mpmath.taylor(h, 0, count - 1)
        for coefficient, value in zip(sigmoid.sigmoid_coefficients(count), expected, strict=True):
            assert abs(mpmath.mpf(coefficient.numerator) / coefficient.denominator - value) < 1e-25


def equispaced(points):
    angles = 2 * np.pi * np.arange(points) / points
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.mark.parametrize(("points", "depth"), [(1, 3), (2, 2), (5, 2), (6, 2), (6, 4), (9, 3), (12, 5)])
def test_the_smallest_eigenvalue_on_a_circle_is_that_of_numpy(points, depth):
    enclosure = sigmoid.sigmoid_circle(points, depth)
    matrix = rn.kernels.family("sigmoid")(equispaced(points), depth=depth)
    # eigvalsh is backward stable: n eps times the norm, which is below the trace
    assert enclosure.error_of(np.linalg.eigvalsh(matrix).min()) < 50 * points * np.finfo(float).eps


def test_all_eigenvalues_of_a_circulant_matrix_are_those_of_numpy():
    for points in (1, 2, 5, 8):
        matrix = np.exp(equispaced(points) @ equispaced(points).T)
        expected = np.linalg.eigvalsh(matrix)
        with balls.working(100):
            values = circles.circulant_eigenvalues(lambda theta: theta.cos().exp(), points)
            found = [float(each) for each in values]
            # all but those of j = 0 and j = n/2 are double
            every = [found[min(j, points - j)] for j in range(points)]
            np.testing.assert_allclose(np.sort(every), expected, rtol=1e-13, atol=1e-14)
            assert all(balls.upper(each) - balls.lower(each) < fractions.Fraction(1, 2**80) for each in values)
            assert circles.smallest(values).overlaps(min(values, key=float))


def test_proposition_7_is_refuted_three_times():
    series = sigmoid.series_refutes_proposition_7()
    assert series.proven and str(series.evidence[3].lower) == "-1/48"
    circle = sigmoid.circle_refutes_proposition_7()
    assert circle.proven
    assert [round(float(each), 5) for each in circle.evidence] == [-0.02772, -0.00182]
    everywhere = sigmoid.proposition_7_fails_at_every_depth()
    assert everywhere.proven and len(everywhere.evidence) == 12
    # the last one holds at every depth from 12 on: try some
    late = everywhere.evidence[-1]
    with mpmath.workdps(80):
        c = mpmath.findroot(lambda z: z - h(z), 0.34)
        etas = [mpmath.cos(k * mpmath.pi / 3) for k in range(6)]
        for layer in range(1, 60):
            scaled = sum((-1) ** k * eta for k, eta in enumerate(etas)) / mpmath.diff(h, c) ** (layer - 1)
            assert layer < 12 or float(late.lower) <= scaled <= float(late.upper)
            etas = [h(eta) for eta in etas]


def test_another_map_is_another_verdict(monkeypatch):
    """exp(eta - 1), with non-negative coefficients, in place of h: nothing is refuted."""
    monkeypatch.setattr(sigmoid, "sigmoid_map", lambda eta: (eta - 1).exp())
    assert not sigmoid.circle_refutes_proposition_7().proven
    monkeypatch.setattr(sigmoid, "sigmoid_coefficients", lambda count: (fractions.Fraction(1),) * count)
    assert not sigmoid.series_refutes_proposition_7().proven


def test_a_map_without_a_fixed_point_between_0_and_1_is_not_unique_there(monkeypatch):
    monkeypatch.setattr(sigmoid, "sigmoid_map", lambda eta: eta + 2)
    assert not sigmoid._is_unique()


def test_proofs_that_hold_for_positive_definite_counts_are_not_found():
    assert not sigmoid.circle_refutes_proposition_7(points=5).proven
    assert not sigmoid.proposition_7_fails_at_every_depth(harmonic=1).proven


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sigmoid.sigmoid_iterate(1.5, 2), "expected rho within .-1, 1., exactly, got 1.5"),
        (lambda: sigmoid.sigmoid_iterate("a", 2), "expected rho to be a finite number .*, got 'a'"),
        (lambda: sigmoid.sigmoid_iterate(0.5, 2.5), "expected a whole depth here, got 2.5"),
        (lambda: sigmoid.sigmoid_koenigs(-2), "expected rho within .-1, 1., exactly, got -2"),
        (lambda: sigmoid.sigmoid_koenigs(0.5, digits=0), "expected digits from 1 to 1000, got 0"),
        (lambda: sigmoid.sigmoid_circle(0, 2), "expected points from 1 to 1000, got 0"),
        (lambda: sigmoid.sigmoid_circle(6, 10**6), "expected depth from 1 to 1000"),
        (lambda: sigmoid.sigmoid_coefficients(0), "expected count from 1 to 200"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(rn.InputError, match=message):
        call()


def test_depths_of_thousands_of_digits_are_taken():
    assert rn.certify.sigmoid_iterate("0.1", 10**5000).text == rn.certify.sigmoid_fixed_point().value.text
