"""Families that collapse: coefficients and transport at depths where the kernel matrix itself is singular in 64 bit."""

import math
import warnings

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from digits import exact_angle

import roughntk as rn
from roughntk.kernels import (
    BiasedReluNNGP,
    BiasedReluNTK,
    CompositionKernel,
    ErfNNGP,
    ErfNTK,
    LeakyReluNNGP,
    LeakyReluNTK,
    ReluNNGP,
    ReluNTK,
)
from roughntk.kernels.engine import layer_loops as loops
from roughntk.linalg import bordered_system, solve, solve_deflated
from roughntk.regression import IndefiniteKernelWarning, NotPositiveDefiniteError
from roughntk.transport import between_depths, to_depth

X, x = rn.sphere.uniform(6, 5, 0), rn.sphere.uniform(3, 5, 7)


def biased_relu(theta, depth, bias, gain):
    """(Sigma, Theta) over their diagonals, by the plain recursion."""
    noise = mpmath.mpf(bias) ** 2
    variance = tangent = gain + noise
    sigma = theta_sum = gain * mpmath.cos(theta) + noise
    for _ in range(depth - 1):
        angle = mpmath.acos(sigma / variance)
        sigma = gain * variance / 2 * (mpmath.sin(angle) + (mpmath.pi - angle) * mpmath.cos(angle)) / mpmath.pi + noise
        variance = gain * variance / 2 + noise
        theta_sum = theta_sum * gain / 2 * (1 - angle / mpmath.pi) + sigma
        tangent = tangent * gain / 2 + variance
    return sigma / variance, theta_sum / tangent


def erf(theta, depth, gain, noise):
    gain, noise = mpmath.mpf(gain), mpmath.mpf(noise)
    variance = tangent = gain + noise
    sigma = theta_sum = gain * mpmath.cos(theta) + noise
    for _ in range(depth - 1):
        wide = 1 + 2 * variance
        slope = gain * 4 / mpmath.pi / mpmath.sqrt(wide**2 - 4 * sigma**2)
        diagonal_slope = gain * 4 / mpmath.pi / mpmath.sqrt(wide**2 - 4 * variance**2)
        sigma = gain * 2 / mpmath.pi * mpmath.asin(2 * sigma / wide) + noise
        variance = gain * 2 / mpmath.pi * mpmath.asin(2 * variance / wide) + noise
        theta_sum, tangent = theta_sum * slope + sigma, tangent * diagonal_slope + variance
    return sigma / variance, theta_sum / tangent


def exact_coefficients(kernel, count):
    """By inversion with as many digits as the defects need."""
    with mpmath.workdps(160):
        n = len(X)
        K = mpmath.eye(n)
        for i in range(n):
            for j in range(i):
                K[i, j] = K[j, i] = kernel(exact_angle(X[i], X[j]))
        B = mpmath.matrix([[kernel(exact_angle(a, b)) for b in x[:count]] for a in X])
        return np.array([[float(v) for v in mpmath.lu_solve(K, B[:, k])] for k in range(count)]).T


CASES = {
    "biased NTK": (BiasedReluNTK(1.0, 1.0), lambda t: biased_relu(t, 200, 1, 1)[1]),
    "biased NNGP": (BiasedReluNNGP(0.3, 1.5), lambda t: biased_relu(t, 200, mpmath.mpf(0.3), mpmath.mpf(1.5))[0]),
    "ordered erf NTK": (ErfNTK(1.0, 0.1), lambda t: erf(t, 200, 1.0, 0.1)[1]),
    "ordered erf NNGP": (ErfNNGP(1.0, 0.1), lambda t: erf(t, 200, 1.0, 0.1)[0]),
}


@pytest.mark.parametrize("case", CASES)
def test_coefficients_at_depth_200_match_inversion_with_160_digits(case):
    family, kernel = CASES[case]
    report = rn.regression.solve(family, X, x, depth=200)
    u = report.coefficients
    # condition numbers are below 200, so eps times that; 64-bit inversion has no digit left at depth 200
    np.testing.assert_allclose(u[:, :2], exact_coefficients(kernel, 2), rtol=0, atol=1e-13)
    assert report.method == "deflated" and report.positive_definite
    assert report.residual < 1e-14 and report.condition_number < 200


@pytest.mark.parametrize(
    "family", [BiasedReluNTK(), BiasedReluNNGP(), ErfNNGP(1.0, 0.1), ReluNNGP(), LeakyReluNNGP(0.2)]
)
def test_deflated_and_plain_systems_agree_where_both_are_accurate(family):
    report = rn.regression.solve(family, X, x, depth=4)
    u = report.coefficients
    how = solve(np.asarray(family(X, depth=4)), np.asarray(family(X, x, depth=4)))
    plain = how.coefficients
    assert report.method == "deflated" and how.method == "cholesky"
    np.testing.assert_allclose(u, plain, rtol=0, atol=4 * np.finfo(float).eps * how.condition_number)


@pytest.mark.parametrize("family", [BiasedReluNTK(), ErfNNGP(1.0, 0.1), ReluNNGP(), ErfNTK(1.0, 0.1)])
def test_infinite_depth_is_what_great_depth_tends_to(family):
    limit = rn.coefficients(family, X, np.vstack([x, X[2:3]]), depth=math.inf)
    deep = rn.coefficients(family, X, np.vstack([x, X[2:3]]), depth=10**6)
    # the NNGP's first correction is about (log L)/L, that of the ordered erf NTK (resonant) 1/L
    np.testing.assert_allclose(deep, limit, rtol=0, atol=1e-4)
    np.testing.assert_allclose(limit[:, 3], np.eye(6)[2], atol=1e-12)
    np.testing.assert_allclose(limit.sum(axis=0), 1.0, atol=1e-12)
    if isinstance(family, ReluNNGP):
        np.testing.assert_allclose(limit[:, :3], 1 / 6, rtol=1e-14)
    else:
        assert np.ptp(limit[:, :3]) > 0.05  # the limit depends on the data


@pytest.mark.parametrize("clock", ["arc", "psi"])
def test_transport_on_the_deflated_systems_where_the_kernel_is_singular(clock):
    for family, depth in ((BiasedReluNTK(), 60), (ReluNNGP(), 10**5)):
        K = np.asarray(family(X, depth=depth))
        assert np.linalg.cond(K) > 1e9
        found = between_depths(family, X, x, depth=depth, clock=clock)
        assert found.system == "deflated" and found.converged
        assert found.drivers_vanish == isinstance(family, ReluNNGP)
        np.testing.assert_allclose(found.coefficients, rn.coefficients(family, X, x, depth=depth + 1), atol=1e-11)
        assert found.drivers.evaluate(0.0, 1.0).shape == (7, 10)


def test_kernel_and_deflated_systems_carry_to_the_same_coefficients():
    family = BiasedReluNTK()
    found = [between_depths(family, X, x, depth=15, system=system) for system in ("kernel", "deflated")]
    np.testing.assert_allclose(found[0].coefficients, found[1].coefficients, atol=1e-12)
    assert [result.system for result in found] == ["kernel", "deflated"]
    # the kernel's driver tends to log(1/sqrt 2) on the complement of 1; that of the deflated systems is small
    sizes = [float(np.abs(np.asarray(r.drivers.evaluate(0.0, 1.0))[:6, :6]).max()) for r in found]
    assert sizes[0] > 0.2 and sizes[1] < 0.02


def test_the_relu_covariance_is_carried_to_infinity_and_back():
    depths = [2, 3, 30, 1e6, 1e12, math.inf]
    there = to_depth(ReluNNGP(), X, x, start=2, stop=math.inf, depths=depths)
    assert there.system == "deflated" and there.errors.max() < 1e-11
    np.testing.assert_allclose(there.coefficients, 1 / 6, atol=1e-11)
    back = to_depth(ReluNNGP(), X, x, start=math.inf, stop=2, depths=[2, 30])
    np.testing.assert_allclose(back.coefficients, rn.coefficients(ReluNNGP(), X, x, depth=2), atol=1e-11)


def test_the_deflated_system_is_that_of_the_kernel():
    rng = np.random.default_rng(5)
    half = rng.standard_normal((5, 5))
    G, g = half @ half.T + np.eye(5), rng.standard_normal((5, 2))
    for ratio in (1e-3, 0.5, 1.0, 30.0, -0.7, math.inf):
        level = 0.0 if math.isinf(ratio) else 1 / ratio
        if ratio > 0:
            report = solve_deflated(G, g, ratio, indefinite=True)
            direct = np.linalg.solve(G + level, g + level)
            np.testing.assert_allclose(report.coefficients, direct, rtol=1e-9)
            assert report.positive_definite
    with pytest.raises(NotPositiveDefiniteError, match="negative"):
        solve_deflated(-G, g, 1e-3)
    assert bordered_system(G, g, 0.25)[0][-1, -1] == -0.25


def test_an_indefinite_matrix_is_solved_with_a_warning_and_refused_where_definiteness_matters():
    circle = 2 * np.pi * np.arange(9) / 9
    points = np.stack([np.cos(circle), np.sin(circle)], axis=1)  # indefinite between depths 1 and 2
    with pytest.warns(IndefiniteKernelWarning, match="smallest eigenvalue -0.118"):
        report = rn.regression.solve(ReluNTK(), points, np.array([[0.6, 0.8]]), depth=1.5)
        u = report.coefficients
    assert not report.positive_definite and report.method == "symmetric indefinite"
    K, b = np.asarray(ReluNTK()(points, depth=1.5)), np.asarray(ReluNTK()(points, np.array([[0.6, 0.8]]), depth=1.5))
    np.testing.assert_allclose(K @ u, b, atol=1e-13)
    with pytest.raises(NotPositiveDefiniteError, match="finite training time"):
        rn.predict(ReluNTK(), points, np.ones(9), np.array([[0.6, 0.8]]), depth=1.5, time=1.0)


def test_two_equal_rows_stay_an_error_for_families_that_collapse():
    with pytest.raises(rn.InputError, match="equal rows 0 and 3"):
        rn.coefficients(BiasedReluNTK(), np.vstack([np.eye(3), np.eye(3)[:1]]), np.eye(3)[:1], depth=9)


def test_one_training_point_and_a_test_point_on_it():
    one = X[:1]
    for depth in (2, 50, math.inf):
        u = rn.coefficients(BiasedReluNTK(), one, np.vstack([one, x]), depth=depth)
        assert u.shape == (1, 4)
        assert u[0, 0] == pytest.approx(1.0, abs=1e-14)
    np.testing.assert_allclose(u, 1.0, atol=1e-14)


def test_rows_of_any_length_scale_the_coefficients():
    lengths, test_lengths = np.array([0.5, 2, 3, 1, 1e-200, 1e200]), np.array([2.0, 0.0, 7.0])
    rows, tests = X * lengths[:, None], x * test_lengths[:, None]
    for family in (ReluNTK(), ReluNNGP()):
        u = rn.coefficients(family, rows, tests, depth=7, domain="euclidean")
        expected = rn.coefficients(family, X, x, depth=7) * test_lengths / lengths[:, None]
        np.testing.assert_allclose(u, expected, rtol=1e-11)
        assert (u[:, 1] == 0).all()
    K = np.asarray(ReluNTK()(rows[:4], tests, depth=7, domain="euclidean"))
    np.testing.assert_allclose(
        K, np.asarray(ReluNTK()(X[:4], x, depth=7)) * np.outer(lengths[:4], test_lengths), rtol=1e-13
    )


@pytest.mark.parametrize(
    ("family", "change", "message"),
    [
        (ReluNTK(), {0: 0.0}, "zeros in row 0"),
        (ReluNTK(), {3: None}, "collinear rows 2 and 3"),
        (BiasedReluNTK(), {}, "expected a homogeneous family"),
    ],
)
def test_off_the_sphere_zero_and_collinear_training_rows_are_named(family, change, message):
    rows = X.copy()
    for row, factor in change.items():
        rows[row] = rows[row] * factor if factor is not None else 3 * rows[2]
    with pytest.raises(rn.InputError, match=message):
        rn.coefficients(family, rows, x, depth=3, domain="euclidean")


def test_the_unnormalised_kernel_is_the_recursion_of_the_paper():
    """Theta_{L+1} = Theta_L E[relu' relu'] + E[relu relu], Theta_1 = x.z/n0, by hand at depth 3."""
    theta = np.asarray(rn.sphere.angles(X, x))
    sigma = tangent = np.cos(theta) / 5
    variance = 1 / 5
    for _ in range(2):
        angle = np.arccos(sigma / variance)
        sigma = variance / 2 * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / np.pi
        tangent = tangent * (1 - angle / np.pi) / 2 + sigma
        variance /= 2
    np.testing.assert_allclose(ReluNTK().unnormalised(X, x, depth=3), tangent, rtol=1e-13)
    np.testing.assert_allclose(ReluNNGP().unnormalised(X, x, depth=3), sigma, rtol=1e-13)
    value = BiasedReluNTK(0.3, 1.5).unnormalised(X, x, depth=4)[0, 0]
    at = exact_angle(X[0], x[0])
    ratio = biased_relu(at, 4, mpmath.mpf(0.3), mpmath.mpf(1.5))[1]
    assert float(value) / math.exp(BiasedReluNTK(0.3, 1.5).log_scale(4)) == pytest.approx(float(ratio), rel=1e-13)
    with pytest.raises(rn.InputError, match="log_scale"):
        ReluNTK().unnormalised(X, depth=5000)
    assert ReluNTK().log_scale(5000) == pytest.approx(math.log(5000) - 4999 * math.log(2))
    assert ReluNTK().log_scale(2.5) == pytest.approx(math.log(2.5) - 1.5 * math.log(2))
    np.testing.assert_allclose(
        ReluNTK().unnormalised(X, x, depth=2.5), np.asarray(ReluNTK()(X, x, depth=2.5)) * 2.5 / 2**1.5 / 5, rtol=1e-14
    )
    leaky = LeakyReluNTK(0.3)
    theirs = loops.all_layers(leaky.architecture, jnp.zeros(1), jnp.zeros(1), jnp.asarray(7))
    layered = float(theirs.state.log_variance - jnp.log(theirs.z))
    assert leaky.log_scale(7) == pytest.approx(layered, rel=1e-14) and layered == pytest.approx(math.log(7), rel=1e-14)
    for depth, message in ((math.inf, "finite depth for the scale"), (0.5, "at least 1")):
        with pytest.raises(rn.InputError, match=message):
            ReluNTK().log_scale(depth)


def test_nothing_warns_where_the_matrix_is_definite():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rn.coefficients(BiasedReluNTK(), X, x, depth=30)


def exact_composition(step, X, x, depth):
    """u of the kernel step(step(... x.z)), with 60 digits."""
    with mpmath.workdps(60):
        n, rows = len(X), [[mpmath.mpf(float(v)) for v in row] for row in np.vstack([X, x])]
        K = mpmath.matrix(n, len(rows))
        for i in range(n):
            for j in range(len(rows)):
                value = mpmath.cos(exact_angle(rows[i], rows[j])) if i != j else mpmath.mpf(1)
                for _ in range(depth - 1):
                    value = step(value)
                K[i, j] = value
        return np.array(mpmath.lu_solve(K[:, :n], K[:, n]).T.tolist()[0], dtype=float)


@pytest.mark.parametrize(("shift", "definite"), [(0.0, True), (0.3, False)], ids=["to 0", "to a negative value"])
def test_maps_whose_fixed_point_is_not_positive_keep_their_digits_at_any_depth(shift, definite):
    family = CompositionKernel(lambda c: c / 2 - shift)
    rows, one = X[:4], x[:1]  # in R^5: c/2 leaves a linear kernel
    for depth in (2, 5, 20, 60):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            report = rn.regression.solve(family, rows, one, depth=depth)
            u = report.coefficients
        exact = exact_composition(lambda c: c / 2 - mpmath.mpf(shift), rows, one[0], depth)
        # the condition number of the system is some 1e2; that of K grows like 2^depth
        np.testing.assert_allclose(u[:, 0], exact, rtol=0, atol=1e-12)
        assert report.positive_definite == definite
        assert [each.category for each in seen] == [IndefiniteKernelWarning] * (not definite)
        assert all(each.filename == __file__ for each in seen)  # the warning is placed at the call
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IndefiniteKernelWarning)
        at_infinity = rn.coefficients(family, rows, one, depth=math.inf)
    np.testing.assert_allclose(at_infinity[:, 0], exact, rtol=0, atol=1e-12)


def test_eigenvalues_of_collapsing_kernels_that_are_solved_as_they_are_are_their_own():
    report = rn.regression.solve(ReluNNGP(), X[:5], x, depth=1)
    assert report.smallest_eigenvalue == pytest.approx(np.linalg.eigvalsh(X[:5] @ X[:5].T)[0], rel=1e-9)


def test_a_test_point_within_rounding_of_a_training_point_is_on_it_at_infinite_depth():
    near = X[2:3].copy()
    near[0, 0] = np.nextafter(near[0, 0], 2.0)
    for family in (ReluNTK(), ErfNTK.critical(), ReluNNGP()):
        u = rn.coefficients(family, X, near, depth=math.inf)
        np.testing.assert_allclose(u[:, 0], np.eye(len(X))[2], atol=1e-14)


def test_limits_refuse_equal_rows():
    for family in (ReluNTK(), ReluNNGP()):
        with pytest.raises(rn.InputError, match="equal rows 0 and 3"):
            rn.coefficients(family, np.vstack([X[:3], X[:1]]), x, depth=math.inf)


def test_the_sigmoid_is_carried_along_real_depth_to_infinity():
    points, tests = rn.sphere.uniform(5, 4, 3), rn.sphere.uniform(2, 4, 4)
    result = to_depth(rn.kernels.SigmoidComposition(), points, tests, depths=[2.5, 7.3, 40, math.inf])
    assert np.all(result.errors <= 1e-9) and result.system == "deflated"
