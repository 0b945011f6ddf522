"""Families as kernels of scikit-learn's Gaussian processes."""

import math
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel

import roughntk as rn
from roughntk import InputError

X = np.random.default_rng(0).normal(size=(8, 3))
WITH_A_TWIN = np.concatenate([X, X[:1]])


def test_it_is_the_kernel_of_the_lifted_rows():
    kernel = rn.kernels.as_gp_kernel("relu-ntk", 4, radius=2.0)
    rows = rn.sphere.lift(X / 2)
    np.testing.assert_allclose(kernel(X), rn.kernels.ReluNTK()(rows, depth=4), rtol=1e-14)
    np.testing.assert_allclose(kernel(X, X[:2]), kernel(X)[:, :2], rtol=1e-13)
    sigmoid = rn.kernels.as_gp_kernel("sigmoid", 4)
    np.testing.assert_allclose(sigmoid.diag(X), np.diagonal(sigmoid(X)), rtol=1e-14)
    assert kernel.diag(X).tolist() == [1.0] * 8 and kernel.n_dims == 0


def test_off_the_sphere_lengths_multiply():
    kernel = rn.kernels.as_gp_kernel(rn.kernels.Relu(), 3, projection="euclidean")
    np.testing.assert_allclose(kernel(X), rn.kernels.ReluNNGP()(X, depth=3, domain="euclidean"), rtol=1e-13)
    np.testing.assert_allclose(kernel.diag(X), (X**2).sum(axis=1))


@pytest.mark.parametrize(
    ("kernel", "names"),
    [
        (rn.kernels.as_gp_kernel(rn.kernels.ErfNTK(1.7, 0.2), 3), ["weight_variance", "bias_variance"]),
        (rn.kernels.as_gp_kernel(rn.kernels.LeakyReluNTK(0.3), 4), ["slope"]),
        (rn.kernels.as_gp_kernel("relu-ntk", 3.5, depth_bounds=(1, 50), projection="euclidean"), ["depth"]),
        (rn.kernels.as_gp_kernel("sigmoid", 3.5, depth_bounds=(1, 50)), ["depth"]),
        (rn.kernels.as_gp_kernel(rn.kernels.ResidualReluNTK(), 6), ["weight_variance", "branch"]),
        (rn.kernels.as_gp_kernel(rn.kernels.LeakyReluNTK(-0.3), 4), []),
    ],
)  # fmt: skip
def test_gradients_are_what_differences_say(kernel, names):
    assert [each.name for each in kernel.hyperparameters if not each.fixed] == names
    K, gradient = kernel(WITH_A_TWIN, eval_gradient=True)
    assert gradient.shape == (9, 9, len(names))
    np.testing.assert_allclose(K, kernel(WITH_A_TWIN), rtol=1e-14)
    step = 1e-5
    for i in range(len(names)):
        shift = step * np.eye(len(names))[i]
        above, below = (kernel.clone_with_theta(kernel.theta + sign * shift)(WITH_A_TWIN) for sign in (1, -1))
        # second differences are below 1e-9 here, rounding 1e-16/1e-5
        np.testing.assert_allclose(gradient[:, :, i], (above - below) / (2 * step), rtol=0, atol=2e-9)
        assert np.abs(gradient[:, :, i]).max() > 1e-3


def test_bounds_say_what_is_looked_for():
    def names(**options):
        kernel = rn.kernels.as_gp_kernel("gelu-nngp", 3, **options)
        return {each.name: each.bounds.ravel().tolist() for each in kernel.hyperparameters if not each.fixed}

    both = {"weight_variance": [0.01, 100.0], "bias_variance": [0.01, 100.0]}
    assert names() == both and names(parameter_bounds="fixed") == {}
    assert names(parameter_bounds={"input_variance": (0.5, 2)}) == both | {"input_variance": [0.5, 2.0]}
    assert names(parameter_bounds={"bias_variance": "fixed"}) == {"weight_variance": [0.01, 100.0]}


def test_a_gaussian_process_learns_the_weights():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(30, 2))
    truth = rn.kernels.as_gp_kernel(rn.kernels.ErfNNGP(weight_variance=4.0), 2)
    y = rng.multivariate_normal(np.zeros(30), truth(rows) + 1e-6 * np.eye(30))
    kernel = ConstantKernel() * rn.kernels.as_gp_kernel("erf-nngp", 2, parameter_bounds={"bias_variance": "fixed"})
    model = GaussianProcessRegressor(kernel + WhiteKernel(1e-4, "fixed")).fit(rows, y)
    assert model.log_marginal_likelihood_value_ > model.log_marginal_likelihood(kernel.theta)
    value, slope = model.log_marginal_likelihood(kernel.theta, eval_gradient=True)
    for i in range(2):
        moved = model.log_marginal_likelihood(kernel.theta + 1e-5 * np.eye(2)[i])
        assert moved - value == pytest.approx(1e-5 * slope[i], rel=1e-2)
    assert "erf-nngp" in repr(model.kernel_)


def test_it_is_cloned_compared_and_pickled():
    kernel = rn.kernels.as_gp_kernel(rn.kernels.ErfNTK(1.7, 0.2), 3)
    again = pickle.loads(pickle.dumps(clone(kernel)))
    np.testing.assert_array_equal(again(X), kernel(X))
    assert kernel == clone(kernel) and kernel != kernel.clone_with_theta(kernel.theta + 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rn.kernels.as_gp_kernel("relu", 3), "relu-ntk"),
        (lambda: rn.kernels.as_gp_kernel("erf-ntk", 2.5), "whole depth"),
        (lambda: rn.kernels.as_gp_kernel("relu-ntk", 0), "depth of at least 1"),
        (lambda: rn.kernels.as_gp_kernel("relu-ntk", radius=0), "radius above 0"),
        (lambda: rn.kernels.as_gp_kernel("relu-ntk", projection="lift"), "projection"),
        (lambda: rn.kernels.as_gp_kernel("erf-ntk", projection="euclidean"), "homogeneous"),
        (lambda: rn.kernels.as_gp_kernel("erf-ntk", parameter_bounds={"slope": (1, 2)}), "parameter of erf-ntk"),
        (lambda: rn.kernels.as_gp_kernel("erf-ntk", parameter_bounds=(2, 1)), "bounds"),
        (lambda: rn.kernels.as_gp_kernel("erf-ntk", depth_bounds=(1, 9)), "real depth"),
        (lambda: rn.kernels.as_gp_kernel("relu-ntk", math.inf, depth_bounds=(1, 9)), "finite depth"),
        (lambda: rn.kernels.as_gp_kernel("relu-ntk")(X, X, eval_gradient=True), "no second rows"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
