"""What is factored once predicts what `rn.predict` solves for each time, and leaves out one as refits do."""

import math

import numpy as np
import pytest

import roughntk as rn
from roughntk.regression.fitted import FittedRegression
from roughntk.regression.parted import Rows

X, x = rn.sphere.uniform(6, 4, seed=2), rn.sphere.uniform(3, 4, seed=5)
Y = np.random.default_rng(1).normal(size=(6, 2))
RELU, NNGP, SIGMOID = rn.kernels.ReluNTK(), rn.kernels.ReluNNGP(), rn.kernels.SigmoidComposition()
ERF = rn.kernels.ErfNTK(weight_variance=0.7, bias_variance=0.3)  # ordered: it collapses
CASES = [
    (RELU, 3, math.inf, 0.0),
    (RELU, 2.5, math.inf, 0.1),
    (RELU, 50, 2.0, 0.0),
    (RELU, math.inf, math.inf, 0.0),
    (RELU, 1, math.inf, 0.1),
    (NNGP, 3, math.inf, 1e-3),
    (NNGP, 1e7, math.inf, 0.0),
    (NNGP, 1e7, math.inf, 1e-12),
    (NNGP, 1e7, 1e16, 0.0),
    (NNGP, math.inf, math.inf, 0.0),
    (NNGP, math.inf, 3.0, 0.0),
    (SIGMOID, 30, math.inf, 0.0),
    (SIGMOID, 30, 1e18, 0.0),
    (SIGMOID, 6, 40.0, 1e-3),
    (SIGMOID, math.inf, math.inf, 0.0),
    (SIGMOID, math.inf, math.inf, 1e-6),
    (ERF, 40, math.inf, 0.0),
    (ERF, math.inf, math.inf, 0.0),
]


def on_sphere(points):
    return Rows(np.asarray(points), np.ones(len(points)))


def fitted(family, depth, time, ridge, points=X, targets=Y):
    return FittedRegression(family, on_sphere(points), targets, depth=depth, time=time, ridge=ridge)


@pytest.mark.parametrize(("family", "depth", "time", "ridge"), CASES)
def test_it_predicts_what_predict_does(family, depth, time, ridge):
    model = fitted(family, depth, time, ridge)
    expected = rn.regression.prediction(family, X, Y, x, depth=depth, time=time, ridge=ridge)
    found, doubt = model.predict(on_sphere(x)), 2 * expected.forward_error.max()
    np.testing.assert_allclose(found, expected.values, rtol=1e-11, atol=1e-11 + doubt)
    np.testing.assert_allclose(model.weights(on_sphere(x)) @ Y, found, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(("family", "depth", "ridge"), [(RELU, 3, 0.0), (NNGP, 1e7, 1e-12), (SIGMOID, 30, 0.0)])
def test_one_left_out_is_one_refit_without_it(family, depth, ridge):
    residuals = fitted(family, depth, math.inf, ridge).leave_one_out()
    for i in range(len(X)):
        others = np.arange(len(X)) != i
        model = fitted(family, depth, math.inf, ridge, X[others], Y[others])
        np.testing.assert_allclose(residuals[i], Y[i] - model.predict(on_sphere(X[i : i + 1]))[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("family", "depth", "time", "ridge"), [CASES[1], CASES[2], CASES[8], CASES[16]])
def test_its_variance_is_that_of_the_ensemble(family, depth, time, ridge):
    expected = rn.regression.ensemble(family, X, Y, x, depth=depth, time=time, ridge=ridge)
    np.testing.assert_allclose(
        fitted(family, depth, time, ridge).variance(on_sphere(x)), np.diagonal(expected.covariance), rtol=1e-8
    )


def test_the_variance_of_a_covariance_is_that_of_the_posterior():
    expected = rn.regression.posterior(NNGP, X, Y, x, depth=4, noise=0.2)
    variance = fitted(NNGP, 4, math.inf, 0.2).variance(on_sphere(x))
    np.testing.assert_allclose(variance, np.diagonal(expected.covariance), rtol=1e-11)


@pytest.mark.parametrize(("depth", "time", "ridge"), [(3, math.inf, 0.0), (3, 2.0, 0.1)])
def test_lengths_multiply_a_homogeneous_kernel(depth, time, ridge):
    scale, other = np.linspace(0.5, 2, 6), np.array([0.3, 1.0, 4.0])
    model = FittedRegression(RELU, Rows(X, scale), Y, depth=depth, time=time, ridge=ridge)
    raw, tests = X * scale[:, None], x * other[:, None]
    options = {"depth": depth, "time": time, "ridge": ridge, "domain": "euclidean"}
    np.testing.assert_allclose(
        model.predict(Rows(x, other)), rn.predict(RELU, raw, Y, tests, **options), rtol=0, atol=1e-11
    )
    expected = rn.regression.ensemble(RELU, raw, Y, tests, **options).covariance
    np.testing.assert_allclose(model.variance(Rows(x, other)), np.diagonal(expected), rtol=1e-9)


def test_many_points_go_through_tables_and_pieces():
    many, tests = rn.sphere.uniform(300, 4, seed=0), rn.sphere.uniform(250, 4, seed=1)
    for family, depth in ((RELU, 6), (RELU, 4), (NNGP, 40)):
        model = fitted(family, depth, math.inf, 1e-2, many, many[:, :1])
        expected = rn.predict(family, many, many[:, :1], tests, depth=depth, ridge=1e-2)
        np.testing.assert_allclose(model.predict(on_sphere(tests)), expected, rtol=0, atol=1e-10)


def test_a_family_without_an_architecture_is_the_covariance_of_its_process():
    K, k = np.asarray(SIGMOID(X, depth=3)), np.asarray(SIGMOID(X, x, depth=3))
    own = float(SIGMOID.at_angle(0.0, 3))
    expected = own - (k * np.linalg.solve(K + 0.2 * np.eye(6), k)).sum(axis=0)
    np.testing.assert_allclose(fitted(SIGMOID, 3, math.inf, 0.2).variance(on_sphere(x)), expected, rtol=1e-11)


def test_at_infinite_depth_a_training_point_is_one_to_rounding():
    moved = np.nextafter(X, 2.0)
    np.testing.assert_allclose(fitted(RELU, math.inf, math.inf, 0.0).predict(on_sphere(moved)), Y, rtol=0, atol=1e-12)


def test_few_digits_are_warned_of_and_none_are_refused():
    def with_a_neighbour(angle):
        beside = np.concatenate([X, X[:1] + angle * np.roll(X[:1], 1)])
        return fitted(RELU, 3, math.inf, 0.0, rn.sphere.project(beside), np.zeros((7, 1)))

    with pytest.warns(rn.regression.InaccurateCoefficientsWarning, match="raise the ridge"):
        with_a_neighbour(1e-12)
    with pytest.raises(rn.regression.NotPositiveDefiniteError, match="cannot be told from"):
        with_a_neighbour(5e-15)


@pytest.mark.parametrize(("depth", "time"), [(1, math.inf), (1.5, 1e9)])
def test_a_matrix_that_is_not_positive_definite_is_refused(depth, time):
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = np.column_stack([np.cos(angles), np.sin(angles)])  # the kernel is linear at 1, and indefinite at 1.5
    with pytest.raises(rn.regression.NotPositiveDefiniteError, match="nearly equal rows"):
        fitted(RELU, depth, time, 0.0, circle, np.zeros((16, 1)))
