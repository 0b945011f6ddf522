"""Spread over initialisations, posterior, likelihood and leave-one-out against many digits, refits and samples."""

import math

import jax
import mpmath as mp
import numpy as np
import pytest
from digits import exact_angle
from exact_prediction import matrices, network, phi, sigmoid

import roughntk as rn
from roughntk.kernels import BiasedReluNTK, ErfNTK, ReluNNGP, ReluNTK, SigmoidComposition
from roughntk.regression import (
    NotPositiveDefiniteError,
    ensemble,
    leave_one_out,
    log_marginal_likelihood,
    posterior,
    sample_initial,
    sample_trained,
)

X, x = rn.sphere.uniform(6, 4, 2), rn.sphere.uniform(2, 4, 5)
Y = np.random.default_rng(1).normal(size=(6, 2))
NNGP, NTK = 0, 1
MEMBERS = {
    "relu": (ReluNTK(), ("relu", 2, 0)),
    "biased-relu": (BiasedReluNTK(), ("relu", 1, 1)),
    "erf": (ErfNTK(1.0, 0.1), ("erf", 1.0, 0.1)),
}


def exact_matrices(parameters, depth, view):
    """The kernel of the architecture on (X, X), (X, x) and (x, x)."""

    def kernel(theta):
        return network(*parameters, mp.cos(theta), depth)[view]

    within, across = matrices(kernel, X, x)
    tests = mp.matrix([[kernel(exact_angle(a, b) if a is not b else mp.mpf(0)) for b in list(x)] for a in list(x)])
    for i in range(len(x)):
        tests[i, i] = kernel(mp.mpf(0))
    return within, across, tests


def exact_weights(K, B, time, ridge):
    """A = B^T phi_t(K + ridge)."""
    spectrum, Q = mp.eigsy(K)
    time = mp.inf if time == math.inf else mp.mpf(time)
    return B.T * Q * mp.diag([phi(k + mp.mpf(ridge), time) for k in spectrum]) * Q.T


def floats(matrix):
    return np.array([[float(matrix[i, j]) for j in range(matrix.cols)] for i in range(matrix.rows)])


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize(
    ("depth", "time", "ridge"), [(3, 2.0, 0.0), (3, math.inf, 0.1), (60, 1e12, 0.0), (60, math.inf, 0.0)]
)
def test_the_ensemble_has_the_mean_and_covariance_of_lee_2019(name, depth, time, ridge):
    family, parameters = MEMBERS[name]
    report = ensemble(family, X, Y, x, depth=depth, time=time, ridge=ridge)
    with mp.workdps(80):
        K, B, _ = exact_matrices(parameters, depth, NTK)
        S, s, tests = exact_matrices(parameters, depth, NNGP)
        A = exact_weights(K, B, time, ridge)
        covariance = floats(tests - A * s - (A * s).T + A * S * A.T)
        mean = floats(A * mp.matrix(Y.tolist()))
    np.testing.assert_allclose(report.mean, mean, rtol=0, atol=1e-10)
    assert np.all(np.abs(report.mean - mean) <= report.mean_error)
    np.testing.assert_allclose(report.covariance, covariance, rtol=0, atol=1e-10)
    assert np.all(np.abs(report.covariance - covariance) <= report.covariance_error)
    # the variance has digits of its own where it is 1e-19 of that before training, which has 16
    np.testing.assert_allclose(report.deviation**2, np.diagonal(covariance), rtol=1e-5)
    np.testing.assert_allclose(
        report.mean, rn.predict(family, X, Y, x, depth=depth, time=time, ridge=ridge), atol=1e-12
    )


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("noise", [0.0, 1e-6, 0.3])
def test_posterior_and_likelihood_of_the_nngp(name, noise):
    family, parameters = MEMBERS[name]
    for depth in (4, 50):
        report = posterior(family, X, Y, x, depth=depth, noise=noise)
        with mp.workdps(80):
            S, s, tests = exact_matrices(parameters, depth, NNGP)
            noisy = S + mp.mpf(noise) * mp.eye(6)
            inverse = noisy**-1
            mean = floats(s.T * inverse * mp.matrix(Y.tolist()))
            covariance = floats(tests - s.T * inverse * s)
            log_determinant = mp.log(mp.det(noisy))
            density = [
                float(
                    -((mp.matrix(y.tolist()).T * inverse * mp.matrix(y.tolist()))[0] + log_determinant) / 2
                    - 3 * mp.log(2 * mp.pi)
                )
                for y in Y.T
            ]
        np.testing.assert_allclose(report.mean, mean, rtol=0, atol=1e-10)
        np.testing.assert_allclose(report.covariance, covariance, rtol=1e-8, atol=1e-10 * covariance.max())
        assert np.all(np.abs(report.mean - mean) <= report.mean_error)
        assert np.all(np.abs(report.covariance - covariance) <= report.covariance_error)
        np.testing.assert_allclose(log_marginal_likelihood(family, X, Y, depth=depth, noise=noise), density, rtol=1e-10)
        one = log_marginal_likelihood(family, X, Y[:, 0], depth=depth, noise=noise)
        assert one.shape == () and abs(one - density[0]) <= 1e-10 * abs(density[0])


@pytest.mark.parametrize("family", [ReluNTK(), BiasedReluNTK(), SigmoidComposition(), ReluNNGP()], ids=lambda f: f.name)
@pytest.mark.parametrize(("depth", "ridge"), [(3, 0.0), (3, 0.2), (60, 0.0), (60, 1e-3), (math.inf, 0.0)])
def test_leave_one_out_equals_refitting_without_each_point(family, depth, ridge):
    left = leave_one_out(family, X, Y, depth=depth, ridge=ridge)
    for i in range(6):
        others = np.arange(6) != i
        apart = Y[i] - rn.predict(family, X[others], Y[others], X[i : i + 1], depth=depth, ridge=ridge)[0]
        np.testing.assert_allclose(left[i], apart, rtol=0, atol=1e-12 * max(1.0, np.abs(apart).max()))
    np.testing.assert_allclose(leave_one_out(family, X, Y[:, 0], depth=depth, ridge=ridge), left[:, 0], atol=1e-14)


def test_where_a_kernel_is_its_limit_within_float64_a_ridge_leaves_the_constant_kernel():
    family, depth, ridge = BiasedReluNTK().nngp, 2000, 0.1  # K is 1 for all pairs, up to exp(-1386), which is 0
    left = leave_one_out(family, X, Y, depth=depth, ridge=ridge)
    np.testing.assert_allclose(left, Y - (Y.sum(axis=0) - Y) / (5 + ridge), rtol=0, atol=1e-14)
    likelihood = [log_marginal_likelihood(family, X, Y, depth=L, noise=ridge) for L in (depth, math.inf)]
    np.testing.assert_allclose(*likelihood, rtol=1e-13)
    with pytest.raises(rn.InputError, match="differs from its limit within float64"):
        log_marginal_likelihood(family, X, Y, depth=depth)


@pytest.mark.parametrize("family", [ReluNTK(), BiasedReluNTK()], ids=lambda family: family.name)
def test_samples_have_the_covariance_that_they_are_drawn_from(family):
    samples, depth = 20_000, 40
    at_X, at_x = sample_initial(family, X, x, depth=depth, key=jax.random.key(3), samples=samples)
    both = np.concatenate([at_X, at_x])
    Z = np.concatenate([X, x])
    expected = np.asarray(family.nngp(Z, depth=depth))
    # 5 standard errors of a product of two normal numbers of variance 1
    np.testing.assert_allclose(both @ both.T / samples, expected, atol=5 * math.sqrt(2 / samples))
    # differences between points, which are small, too
    gaps, size = both[1:] - both[:1], expected[0, 0] - expected[1:, 0]
    np.testing.assert_allclose((gaps**2).mean(axis=1) / (2 * size), 1.0, atol=5 * math.sqrt(2 / samples) + 1e-3)
    again = sample_initial(family, X, x, depth=depth, key=jax.random.key(3), samples=samples)
    np.testing.assert_array_equal(again[0], at_X)

    time = 3.0
    ends = sample_trained(family, X, Y, x, depth=depth, key=jax.random.key(4), samples=samples, time=time)
    report = ensemble(family, X, Y, x, depth=depth, time=time)
    assert ends.shape == (samples, 2, 2)
    np.testing.assert_allclose(ends.mean(axis=0), report.mean, atol=5 * report.deviation.max() / math.sqrt(samples))
    np.testing.assert_allclose(ends.std(axis=0)[:, 0] / report.deviation, 1.0, atol=5 * math.sqrt(0.5 / samples))
    assert abs(np.corrcoef(ends[:, 0, 0], ends[:, 0, 1])[0, 1]) < 5 / math.sqrt(samples)  # of two targets


def test_the_physical_covariance_is_that_of_the_network():
    depth, scale = 4, 2.0**-3 / 4  # Sigma(x, x) = 2^-(L - 1)/n0
    own = ensemble(ReluNTK(), X, Y, x, depth=depth, time=0.0)
    physical = ensemble(ReluNTK(), X, Y, x, depth=depth, time=0.0, kernel="physical")
    np.testing.assert_allclose(physical.covariance, scale * own.covariance, rtol=1e-13)
    np.testing.assert_allclose(own.covariance, np.asarray(ReluNNGP()(x, depth=depth)), rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ensemble(SigmoidComposition(), X, Y, x, depth=3), "tangent kernel and a covariance"),
        (lambda: posterior(rn.kernels.sequence(lambda c, L: c), X, Y, x, depth=3, noise=0.1), "Relu\\(\\).ntk"),
        (lambda: posterior(ReluNTK(), X, Y, x, depth=3, noise=-1.0), "expected noise at least 0"),
        (lambda: sample_initial(ReluNTK(), X, x, depth=3, key=0), "a key of JAX, got 0"),
        (lambda: sample_initial(ReluNTK(), X, x, depth=3, key=jax.random.key(0), samples=0), "samples"),
        (lambda: leave_one_out(ReluNTK(), X[:1], Y[:1], depth=3), "at least two"),
        (lambda: leave_one_out(ReluNTK(), X, Y[:5], depth=3), "one target for each"),
        (lambda: log_marginal_likelihood(BiasedReluNTK(), X, Y, depth=math.inf), "smaller depth, or give a noise"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(rn.InputError, match=message):
        call()


def test_an_inverse_that_rounding_decides_is_refused():
    angles = 2 * np.pi * np.arange(8) / 8
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # K_2 is singular on antipodal points
    for each in (leave_one_out, log_marginal_likelihood):
        with pytest.raises(NotPositiveDefiniteError, match="raise the ridge"):
            each(ReluNTK(), points, np.arange(8.0), depth=2)
    leave_one_out(ReluNTK(), points, np.arange(8.0), depth=2, ridge=0.1)


def test_a_kernel_of_many_digits_is_that_of_the_package():
    with mp.workdps(50):  # the oracle is about the same family
        exact = float(sigmoid(mp.mpf(1) / 2, 5))
    assert abs(float(SigmoidComposition().at_correlation(0.5, 5)) - exact) < 1e-16


def test_a_warning_of_few_digits_is_placed_at_the_call():
    rows = rn.sphere.project(np.vstack([X[:5], X[0] + [3e-7, 0, 0, 0]]))
    with pytest.warns(rn.regression.InaccurateCoefficientsWarning) as told:
        ensemble(MEMBERS["erf"][0], rows, np.arange(6.0), x, depth=3, time=1e12)
    assert [each.filename for each in told] == [__file__]
