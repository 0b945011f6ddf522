"""Infinite depth: exact limits, expansions, the boundary layer, against the kernel at great depth."""

import numpy as np
import pytest

import roughntk as rn
from roughntk.depth import boundary_layer, coefficient_expansion, kernel_expansion

EPS = np.finfo(np.float64).eps
NTK, NNGP, SIGMOID = rn.kernels.ReluNTK(), rn.kernels.ReluNNGP(), rn.kernels.SigmoidComposition()


def test_infinite_depth_ntk_is_three_quarters_identity_plus_a_quarter():
    X = rn.sphere.uniform(6, 3, 0)
    expected = 0.75 * np.eye(6) + 0.25
    np.testing.assert_array_equal(NTK(X, depth=np.inf), expected)
    assert np.linalg.det(expected) == pytest.approx(0.75**5 * (3 + 6) / 4, rel=1e-13)
    assert np.linalg.cond(expected) == pytest.approx(1 + 6 / 3, rel=1e-13)


def test_coefficients_at_infinite_depth():
    X, x = rn.sphere.uniform(7, 4, 0), rn.sphere.uniform(3, 4, 1)
    np.testing.assert_allclose(rn.coefficients(NTK, X, x, depth=np.inf), 1 / 10, rtol=8 * EPS)
    np.testing.assert_allclose(rn.coefficients(NNGP, X, x, depth=np.inf), 1 / 7, rtol=8 * EPS)
    for family in (NTK, NNGP, SIGMOID):
        u = rn.coefficients(family, X, np.vstack([x, X[4:5]]), depth=np.inf)
        np.testing.assert_allclose(u[:, 3], np.eye(7)[4], atol=1e-12)


def test_sigmoid_limit_is_approached_at_the_rate_lambda():
    """Cholesky at depths 6 to 9, where it is still meaningful, against the kriging limit."""
    X, x = rn.sphere.uniform(5, 4, 0), rn.sphere.uniform(2, 4, 1)
    limit = rn.coefficients(SIGMOID, X, x, depth=np.inf)
    gaps = [np.abs(rn.coefficients(SIGMOID, X, x, depth=depth) - limit).max() for depth in (6, 7, 8, 9)]
    rates = np.array(gaps[1:]) / gaps[:-1]
    np.testing.assert_allclose(rates, 0.284, atol=0.02)


@pytest.mark.parametrize("theta", [1e-3, 0.3, np.pi / 2, np.pi])
def test_kernel_expansion_has_a_second_order_error(theta):
    errors = []
    for depth in (1e6, 1e8):
        errors.append(abs(float(NTK.at_angle(theta, depth) - kernel_expansion(theta, depth))))
        assert errors[-1] < 400 * np.log(depth) ** 2 / (depth * min(theta, 1)) ** 2 + 4 * EPS
    assert errors[1] < errors[0]


def test_coefficient_expansion_has_a_second_order_error():
    X, x = rn.sphere.uniform(8, 5, 0), rn.sphere.uniform(3, 5, 1)
    gaps = [np.abs(rn.coefficients(NTK, X, x, depth=L) - coefficient_expansion(X, x, L)).max() for L in (1e3, 1e4, 1e5)]
    slopes = np.diff(np.log10(gaps))
    # log^2 L / L^2 falls by 10^-1.75 and 10^-1.81 over these decades; first order would be 10^-0.9
    assert np.all(slopes < -1.6)


@pytest.mark.parametrize("depth", [1e4, 1e6, 1e9])
def test_boundary_layer_profile(depth):
    s = np.array([1e-3, 0.1, 1.0, 7.0, 1e3])
    theta = 3 * np.pi / (s * depth)
    theta = theta[theta < 1]
    profile = np.asarray(boundary_layer(s[-len(theta) :]))
    np.testing.assert_allclose(NTK.at_angle(theta, depth), profile, atol=10 * np.log(depth) / depth + 4 * EPS)
    exact = ((1 + s) ** 4 - s**4) / (4 * (1 + s) ** 3)
    np.testing.assert_allclose(boundary_layer(s), exact, rtol=1e-12)
    assert np.asarray(boundary_layer(np.array([0.0, np.inf]))).tolist() == [0.25, 1.0]


def test_the_kernel_at_infinite_depth_keeps_the_diagonal():
    theta = np.array([0.0, 1e-15, 1.0])
    assert np.asarray(NTK.at_angle(theta, np.inf)).tolist() == [1.0, 0.25, 0.25]
    assert np.asarray(NNGP.at_angle(theta, np.inf)).tolist() == [1.0, 1.0, 1.0]
    assert len(set(np.asarray(SIGMOID.at_angle(theta, np.inf)).tolist())) == 1


def test_expansion_on_the_data_is_refused():
    X = rn.sphere.uniform(4, 3, 0)
    with pytest.raises(rn.InputError, match="test row 0 equal to training row 2"):
        coefficient_expansion(X, X[2:3], 100.0)


def test_expansions_at_infinite_depth_are_the_limits():
    X, x = rn.sphere.uniform(4, 3, seed=0), rn.sphere.uniform(2, 3, seed=1)
    assert np.allclose(rn.depth.coefficient_expansion(X, x, np.inf), 1 / 7, rtol=1e-15, atol=0)  # 1/(n + 3)
    assert np.asarray(rn.depth.kernel_expansion(1.0, np.inf)) == 0.25
