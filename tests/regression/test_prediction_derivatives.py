"""Derivatives of predictions in depth and in time: against differences of predictions, and many digits."""

import math

import mpmath as mp
import numpy as np
import pytest
from exact_prediction import flow, matrices, sigmoid

import roughntk as rn
from roughntk.kernels import BiasedReluNTK, LeakyReluNNGP, ReluNNGP, ReluNTK, SigmoidComposition
from roughntk.regression import prediction_derivative
from roughntk.regression.derivative import divided_differences

X, x, Y = rn.sphere.uniform(6, 4, 2), rn.sphere.uniform(2, 4, 5), np.random.default_rng(1).normal(size=(6, 2))


def difference(family, depth, **given):
    """df/dL by differences of predictions, of order 6 in the step."""
    step = 1e-3 * depth
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    at = {k: rn.predict(family, X, Y, x, depth=depth + k * step, **given) for k in (-3, -2, -1, 1, 2, 3)}
    return sum(weight * (at[k] - at[-k]) for k, weight in weights.items()) / step


@pytest.mark.parametrize(
    ("family", "depth", "given"),
    [
        (ReluNTK(), 3.3, {}),
        (ReluNTK(), 12.0, {"time": 1.5}),
        (ReluNTK(), 12.0, {"time": 1e-4, "ridge": 0.3}),
        (ReluNNGP(), 40.5, {"time": 1e3}),
        (ReluNNGP(), 1e4, {}),
        (LeakyReluNNGP(0.2), 30.0, {"time": 50.0, "ridge": 1e-3}),
        (SigmoidComposition(), 5.25, {"time": 300.0}),
        (SigmoidComposition(), 30.0, {"time": 1e18}),
        (SigmoidComposition(), 30.0, {"time": 1e17, "ridge": 1e-17}),
    ],
)
def test_the_derivative_in_depth_is_the_limit_of_differences(family, depth, given):
    report = prediction_derivative(family, X, Y, x, depth=depth, along="depth", **given)
    expected = difference(family, depth, **given)
    size = np.abs(expected).max()
    # the step of 1e-3 in log L leaves (0.04)^6 at a rate of 1.26 a layer, and the rounding of predictions 1e-13/1e-3
    np.testing.assert_allclose(report.values, expected, rtol=0, atol=1e-7 * max(size, 1 / depth))
    assert report.values.shape == (2, 2) and np.all(report.forward_error < 1e-8 * max(size, 1 / depth))


@pytest.mark.parametrize("given", [{"time": 2.0}, {"ridge": 0.1}])
def test_at_depth_1_more_points_than_columns_are_no_matter(given):
    step = 1e-3
    at = [rn.predict(ReluNNGP(), X, Y, x, depth=1 + k * step, **given) for k in range(4)]
    ahead = (-11 / 6 * at[0] + 3 * at[1] - 3 / 2 * at[2] + at[3] / 3) / step
    slope = prediction_derivative(ReluNNGP(), X, Y, x, depth=1, along="depth", **given)
    np.testing.assert_allclose(slope.values, ahead, rtol=1e-4)


@pytest.mark.parametrize(
    ("depth", "time", "ridge"), [(4, 3.0, 0.0), (30, 1e18, 0.0), (30, 2e17, 1e-17), (30, 1e-3, 0.5)]
)
def test_the_derivative_in_time_has_the_digits_of_the_deflated_form(depth, time, ridge):
    report = prediction_derivative(SigmoidComposition(), X, Y, x, depth=depth, time=time, ridge=ridge, along="time")
    with mp.workdps(100):
        K, B = matrices(lambda theta: sigmoid(mp.cos(theta), depth), X, x)
        exact = flow(K, B, Y, time, ridge, weight=lambda k, t: mp.exp(-k * t))
    np.testing.assert_allclose(report.values, exact, rtol=1e-9, atol=1e-10 * np.abs(exact).max())
    assert np.all(np.abs(report.values - exact) <= report.forward_error)


def test_at_infinite_time_nothing_moves_any_more():
    report = prediction_derivative(ReluNTK(), X, Y, x, depth=3, along="time")
    np.testing.assert_array_equal(report.values, 0.0)
    assert report.forward_error.max() < 1e-12


def test_divided_differences_are_those_of_many_digits():
    k = np.array([0.0, 1e-14, 1e-3, 0.5, 0.5 * (1 + 1e-13), 1.0, 40.0, 1e6])
    for t in (1e-9, 0.7, 30.0, 1e5):
        got = divided_differences(k, t)
        with mp.workdps(60):
            a, b = np.meshgrid([mp.mpf(v) for v in k], [mp.mpf(v) for v in k])
            exact = [
                [float(quotient(p, q, mp.mpf(t))) for p, q in zip(*row, strict=True)] for row in zip(a, b, strict=True)
            ]
        np.testing.assert_allclose(got, np.array(exact), rtol=2e-14)


def quotient(a, b, t):
    def phi(k):
        return t if k == 0 else -mp.expm1(-k * t) / k

    if a != b:
        return (phi(a) - phi(b)) / (a - b)
    return -(t**2) / 2 if a == 0 else (t * mp.exp(-a * t) - phi(a)) / a


@pytest.mark.parametrize(
    ("family", "depth", "along", "message"),
    [
        (BiasedReluNTK(), 5, "depth", "real depth .* got biased-relu-ntk.*differences"),
        (ReluNTK(), math.inf, "depth", "finite depth for a derivative"),
        (SigmoidComposition(), 2000.0, "depth", "smaller depth"),
        (ReluNTK(), 3, "width", "one of depth, time"),
    ],
)
def test_a_derivative_that_is_not_there_is_refused(family, depth, along, message):
    with pytest.raises(rn.InputError, match=message):
        prediction_derivative(family, X, Y, x, depth=depth, along=along)
