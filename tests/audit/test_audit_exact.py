"""The audit's own arithmetic and expansions, each against another route."""

import mpmath
import numpy as np
import pytest
import scipy.linalg

from roughntk.audit import clock, coefficient_limits, exact, expansions, invertibility, points
from roughntk.maps import relu_flow


def test_exact_systems_are_those_of_linear_algebra() -> None:
    A = np.random.default_rng(0).normal(size=(5, 5))
    B = np.random.default_rng(1).normal(size=(5, 2))
    # condition number about 10: a few hundred eps
    assert float(exact.determinant(A)) == pytest.approx(np.linalg.det(A), rel=1e-13)
    np.testing.assert_allclose(exact.solution(A, B), np.linalg.solve(A, B), rtol=1e-12)
    swapped = np.array([[0.0, 2.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 3.0]])
    assert exact.determinant(swapped) == -5
    assert exact.determinant([[1.0, 2.0], [2.0, 4.0]]) == 0


def test_exponentials_have_the_digits_of_mpmath() -> None:
    A = np.array([[-40.0, 3.0, 1.0], [3.0, -2.0, 0.5], [1.0, 0.5, -1.0]])
    with mpmath.workdps(60):
        wanted = np.array(mpmath.expm(mpmath.matrix(A.tolist())).tolist(), dtype=float)
    np.testing.assert_allclose(exact.exponential(A), wanted, rtol=1e-15)
    assert not np.allclose(scipy.linalg.expm(A / 2), wanted, rtol=1e-3)


def test_definiteness_is_decided_where_rounding_would_not() -> None:
    hair = np.nextafter(1.0, 0.0)
    assert exact.is_positive_definite([[1.0, hair], [hair, 1.0]])
    assert not exact.is_positive_definite([[hair, 1.0], [1.0, 1.0]])


def test_abel_time_is_that_of_the_flow_and_of_the_reference() -> None:
    rho = np.array([-1.0, -0.5, 0.0, 0.5, 0.99])
    wanted = np.asarray(relu_flow.abel(np.arccos(rho)))
    # 1500 layers of angles near 0.006, whose time is 1500: rounding of 1500 eps per layer at most
    np.testing.assert_allclose(expansions.abel_time(rho), wanted, atol=1e-8)
    assert expansions.abel_time(np.array(0.5)) == pytest.approx(6.436356457230994913, abs=1e-9)


def test_the_power_series_of_the_kernel_are_those_of_its_closed_form() -> None:
    def h(z):
        return (mpmath.sqrt(1 - z * z) + z * (mpmath.pi - mpmath.acos(z))) / mpmath.pi

    def slope(z):
        return 1 - mpmath.acos(z) / mpmath.pi

    def third(z):
        second = (slope(z) * z + h(z)) / 2
        return 2 * slope(h(z)) * second / 3 + h(h(z)) / 3

    with mpmath.workdps(40):
        wanted = [float(value.real) for value in mpmath.taylor(third, 0, 6)]
    # the sums over powers are cut off where rho_2(0)^400 and less is left
    np.testing.assert_allclose(invertibility.power_series(3)[1][:7], wanted, rtol=1e-12)


def test_the_power_series_of_the_clock_are_those_of_its_closed_form() -> None:
    for z, d in ((0.0, 0.5), (-0.4, 0.3), (-0.9, 1.0)):
        with mpmath.workdps(40):
            series = mpmath.taylor(lambda x, d=d: 1 / (1 + mpmath.exp(-2 * x / (d * (1 - x * x)))), z, 5)
        np.testing.assert_allclose(
            clock.taylor(z, d, 5), [float(value.real) for value in series], rtol=1e-10, atol=1e-12
        )
    assert np.array_equal(clock.derivatives(0.4, 0.3), clock.derivatives(-0.4, 0.3))


def test_koenigs_function_and_the_boundary_layer_have_their_reference_values() -> None:
    given = coefficient_limits.koenigs(np.array([-1.0, 0.0, 0.5, 1.0]))
    np.testing.assert_allclose(given, [-0.898236357669, -0.317872294710, 0.162071063415, 0.698142337808], atol=1e-11)
    ends = coefficient_limits.boundary_layer(np.array([1e-6, 1e9]))
    np.testing.assert_allclose(ends, [1.0, 0.25], atol=1e-6)


def test_correlations_are_exact_at_equal_and_opposite_rows() -> None:
    X = points.circle(8)
    given = points.correlations(X)
    assert np.all(np.diag(given) == 1)
    assert all(given[k, (k + 4) % 8] == -1 for k in range(8))
    near = np.array([[1.0, 0.0], [np.cos(1e-5), np.sin(1e-5)]])
    # 1 - rho = 5e-11 to the rounding of rho itself
    assert 1 - points.correlations(near)[0, 1] == pytest.approx(5e-11, abs=2e-16)
    generic = points.generic(5, 4)
    np.testing.assert_allclose(points.correlations(generic), generic @ generic.T, atol=1e-15)
