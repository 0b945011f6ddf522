"""Predictions at any depth and time against many digits: the families that collapse above all."""

import math

import mpmath as mp
import numpy as np
import pytest
from exact_prediction import deep_relu_covariance, exact_prediction, flow, matrices, network, sigmoid

import roughntk as rn
from roughntk.kernels import BiasedReluNTK, ReluNNGP, ReluNTK, SigmoidComposition
from roughntk.regression import NotPositiveDefiniteError, prediction

X, x, Y = rn.sphere.uniform(6, 4, 2), rn.sphere.uniform(2, 4, 5), np.random.default_rng(1).normal(size=6)
SIGMOID = SigmoidComposition()


def of_sigmoid(depth):
    return lambda theta: sigmoid(mp.cos(theta), depth)


def of_network(view, *parameters, depth):
    return lambda theta: network(*parameters, mp.cos(theta), depth)[view]


NNGP, NTK = 0, 1


@pytest.mark.parametrize(
    ("family", "depth", "time", "kernel"),
    [
        (SIGMOID, 20, 1e13, of_sigmoid(20)),
        (SIGMOID, 30, 1e18, of_sigmoid(30)),
        (SIGMOID, 40, 1e22, of_sigmoid(40)),
        (BiasedReluNTK(), 100, 1e20, of_network(NTK, "relu", 1, 1, depth=100)),
        (ReluNNGP(), 10**7, 1e16, lambda theta: deep_relu_covariance(theta, 10**7) if theta else mp.mpf(1)),
    ],
    ids=["sigmoid-20", "sigmoid-30", "sigmoid-40", "biased-100", "nngp-1e7"],
)
def test_nine_digits_where_the_kernel_matrix_is_singular_in_64_bit(family, depth, time, kernel):
    report = prediction(family, X, Y, x, depth=depth, time=time)
    exact = exact_prediction(kernel, X, Y, x, time, digits=120)
    np.testing.assert_allclose(report.values, exact, rtol=0, atol=1e-9)
    assert np.all(np.abs(report.values - exact) <= report.forward_error) and report.forward_error.max() < 1e-9


def test_the_numbers_of_the_sigmoid_family_at_depth_30():
    np.testing.assert_allclose(rn.predict(SIGMOID, X, Y, x, depth=30, time=1e18), [-2.778, 1.603], atol=6e-4)
    np.testing.assert_allclose(rn.predict(BiasedReluNTK(), X, Y, x, depth=100, time=1e20), [-0.590, 0.701], atol=6e-4)


KINDS = ("sigmoid", "relu-ntk", "relu-nngp", "biased-relu-ntk", "biased-relu-nngp", "erf-ntk", "erf-nngp")


def member(kind, rng):
    """A random member of a kind: the family, a depth, and its kernel in many digits."""
    depth, weight, noise = int(rng.integers(2, 40)), rng.uniform(0.5, 1.9), rng.uniform(0.1, 2.0)
    if kind == "sigmoid":
        return SIGMOID, depth, of_sigmoid(depth)
    view = NTK if kind.endswith("ntk") else NNGP
    if kind.startswith("relu"):
        return rn.kernels.family(kind), depth, of_network(view, "relu", 2, 0, depth=depth)
    if kind.startswith("erf"):
        family = rn.kernels.family(kind, weight_variance=weight, bias_variance=noise)
        return family, depth, of_network(view, "erf", weight, noise, depth=depth)
    family = rn.kernels.family(kind, weight_variance=weight, bias=noise)
    return family, depth, of_network(view, "relu", weight, mp.mpf(noise) ** 2, depth=depth)


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_of_random_members_at_random_depths_and_times_lie_within_their_bounds(kind):
    rng = np.random.default_rng([7, KINDS.index(kind)])
    targets = np.stack([Y, 1e3 + rng.standard_normal(6)], axis=1)
    for _ in range(3):
        family, depth, kernel = member(kind, rng)
        with mp.workdps(100):
            K, B = matrices(kernel, X, x)
            for time in (*10.0 ** rng.uniform(-3, 30, 4), math.inf):
                ridge = float(rng.choice([0.0, 10.0 ** rng.uniform(-20, 1)]))
                report = prediction(family, X, targets, x, depth=depth, time=time, ridge=ridge)
                exact = flow(K, B, targets, time, ridge)
                told = f"{family} at depth {depth}, time {time}, ridge {ridge}: {report.values} for {exact}"
                # a part for the rounding of the exact value
                assert np.all(np.abs(report.values - exact) <= report.forward_error + 1e-15 * np.abs(exact)), told
                assert np.all(report.forward_error <= 1e-8 * np.maximum(1.0, np.abs(exact))), told


@pytest.mark.parametrize("time", [1e-3, 1e10, math.inf])
@pytest.mark.parametrize("depth", [3, 40])
def test_a_ridge_is_added_to_the_kernel_in_its_deflated_form_as_well(depth, time):
    for ridge in (1e-30, 1e-12, 0.1, 1e6):
        report = prediction(BiasedReluNTK(), X, Y, x, depth=depth, time=time, ridge=ridge)
        kernel = of_network(NTK, "relu", 1, 1, depth=depth)
        exact = exact_prediction(kernel, X, Y, x, time, ridge, digits=80)
        np.testing.assert_allclose(report.values, exact, rtol=0, atol=1e-10)
        assert np.all(np.abs(report.values - exact) <= report.forward_error)


def test_an_initial_function_is_left_as_training_says():
    rng = np.random.default_rng(3)
    y, at_X, at_x = rng.standard_normal((6, 2)), rng.standard_normal((6, 2)), rng.standard_normal((2, 2))
    for family, depth, time, ridge in (
        (ReluNTK(), 4, 2.0, 0.0),
        (SIGMOID, 30, 1e17, 0.0),
        (ReluNTK(), 4, math.inf, 0.3),
    ):
        given = {"depth": depth, "time": time, "ridge": ridge}
        moved = rn.predict(family, X, y, x, initial=(at_X, at_x), **given)
        np.testing.assert_allclose(moved, at_x + rn.predict(family, X, y - at_X, x, **given), atol=1e-14)
        np.testing.assert_array_equal(rn.predict(family, X, at_X, x, initial=(at_X, at_x), **given), at_x)
        np.testing.assert_array_equal(
            rn.predict(family, X, y, x, initial="zero", **given), rn.predict(family, X, y, x, **given)
        )
    # on the data, training to convergence reaches the targets from anywhere
    np.testing.assert_allclose(rn.predict(ReluNTK(), X, y, X[:2], depth=3, initial=(at_X, at_X[:2])), y[:2], atol=1e-12)


def test_times_and_ridges_of_the_physical_kernel_are_those_of_the_unnormalised_one():
    depth, physical = 5, 300.0
    normalised = physical * depth / (4 * 2 ** (depth - 1))  # T L/(n0 2^(L - 1))
    for given in ({"time": physical}, {"time": physical, "ridge": 0.02}, {"ridge": 0.02}):
        got = rn.predict(ReluNTK(), X, Y, x, depth=depth, kernel="physical", **given)
        factors = {"time": normalised / physical, "ridge": physical / normalised}
        own = {name: value * factors[name] for name, value in given.items()}
        np.testing.assert_allclose(got, rn.predict(ReluNTK(), X, Y, x, depth=depth, **own), rtol=1e-13)
    Theta, theta = (
        np.asarray(ReluNTK().unnormalised(X, depth=depth)),
        np.asarray(ReluNTK().unnormalised(X, x, depth=depth)),
    )
    got = rn.predict(ReluNTK(), X, Y, x, depth=depth, kernel="physical", ridge=0.02)
    np.testing.assert_allclose(got, theta.T @ np.linalg.solve(Theta + 0.02 * np.eye(6), Y), rtol=1e-12)
    # the scale is 2^-3000 there: nothing is learned in a time that float64 can hold
    np.testing.assert_array_equal(rn.predict(ReluNTK(), X, Y, x, depth=3000, kernel="physical", time=1e300), 0.0)
    with pytest.raises(rn.InputError, match="finite depth"):
        rn.predict(ReluNTK(), X, Y, x, depth=math.inf, kernel="physical", time=1.0)
    np.testing.assert_array_equal(  # without a clock or a ridge there is no unit
        rn.predict(ReluNTK(), X, Y, x, depth=math.inf, kernel="physical"),
        rn.predict(ReluNTK(), X, Y, x, depth=math.inf),
    )


@pytest.mark.parametrize("family", [SIGMOID, BiasedReluNTK(), ReluNNGP()], ids=lambda family: family.name)
def test_the_limits_in_time_and_depth_of_a_kernel_that_collapses_do_not_commute(family):
    c = float(family.limit_value)
    for time in (0.0, 0.3, 1e5, 1e300):
        limit = rn.predict(family, X, Y, x, depth=math.inf, time=time)
        np.testing.assert_allclose(limit, -math.expm1(-time * 6 * c) * Y.mean(), rtol=1e-13)
    # deep enough for the flow to be that of the limit, and not deep enough for the time
    deep = 10**9 if family.name == "relu-nngp" else 400
    np.testing.assert_allclose(rn.predict(family, X, Y, x, depth=deep, time=1e3), Y.mean(), atol=1e-11)
    np.testing.assert_allclose(
        rn.predict(family, X, Y, x, depth=math.inf, ridge=1e-9), c * Y.sum() / (6 * c + 1e-9), rtol=1e-12
    )
    final = rn.predict(family, X, Y, x, depth=math.inf)
    np.testing.assert_allclose(final, rn.coefficients(family, X, x, depth=math.inf).T @ Y, atol=1e-14)
    assert family.name == "relu-nngp" or np.abs(final - Y.mean()).min() > 0.1


def test_off_the_sphere_the_one_large_mode_is_along_the_lengths():
    rng = np.random.default_rng(4)
    lengths, test_lengths = rng.uniform(0.5, 2.0, 6), np.array([0.0, 1.7])
    rows, tests, depth = X * lengths[:, None], x * test_lengths[:, None], 10**7
    for time in (1e-1, 1e13, 1e16):
        got = prediction(ReluNNGP(), rows, Y, tests, depth=depth, time=time, domain="euclidean")
        with mp.workdps(80):
            # of the same directions as the rows of the sphere, to rounding, which the bound covers
            K, B = matrices(lambda theta: deep_relu_covariance(theta, depth) if theta else mp.mpf(1), X, x)
            for i in range(6):
                for j in range(6):
                    K[i, j] *= mp.mpf(lengths[i]) * mp.mpf(lengths[j])
                for j in range(2):
                    B[i, j] *= mp.mpf(lengths[i]) * mp.mpf(test_lengths[j])
            exact = flow(K, B, Y, time)[:, 0]
        np.testing.assert_allclose(got.values, exact, rtol=0, atol=1e-9)
        assert np.all(np.abs(got.values - exact) <= got.forward_error)


def circle(count):
    angles = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_a_flow_along_a_negative_eigenvalue_is_refused_once_it_has_grown():
    points, tests = circle(6), np.array([[0.6, 0.8]])  # eigenvalues of -0.0018 at depth 4
    y = np.arange(6.0)
    early = prediction(SIGMOID, points, y, tests, depth=4, time=0.1)
    exact = exact_prediction(of_sigmoid(4), points, y, tests, 0.1, digits=50)
    assert np.all(np.abs(early.values - exact) <= early.forward_error) and early.forward_error.max() < 1e-12
    for given in ({"time": 1e3}, {"ridge": 1e-3}):
        with pytest.raises(NotPositiveDefiniteError, match="diverges.*larger one"):
            rn.predict(SIGMOID, points, y, tests, depth=4, **given)
    rn.predict(SIGMOID, points, y, tests, depth=4, ridge=0.1)
    rn.predict(SIGMOID, points, y, tests, depth=4, ridge=0.1, time=1e3)


def test_predictions_that_rounding_decides_are_refused_and_a_ridge_mends_them():
    points, tests, y = circle(8), np.array([[0.6, 0.8]]), np.arange(8.0)  # K_2 is singular on antipodal points
    with pytest.raises(rn.InputError, match="train until .* at most, raise the ridge"):
        rn.predict(ReluNTK(), points, y, tests, depth=2, time=1e20)
    kernel = of_network(NTK, "relu", 2, 0, depth=2)
    for given in ({"time": 1e5}, {"ridge": 1e-3}, {"ridge": 1e-3, "time": 1e20}):
        report = prediction(ReluNTK(), points, y, tests, depth=2, **given)
        exact = exact_prediction(kernel, points, y, tests, **({"time": math.inf} | given), digits=50)
        assert np.all(np.abs(report.values - exact) <= report.forward_error) and report.forward_error.max() < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.ones(5)}, "one target for each of the 6 training points, got y of shape \\(5,\\)"),
        ({"y": np.ones((6, 0))}, "one target for each"),
        ({"y": np.ma.masked_equal(np.arange(6.0), 3.0)}, "masked entries, got 1 in row 3"),
        ({"y": np.array([0, 1, np.inf, 3, 4, 5])}, "y\\[2\\] = inf"),
        ({"y": np.full(6, 1.7e308), "initial": (np.full(6, -1.7e308), np.zeros(2))}, "within float64.*rows 0, 1"),
        ({"ridge": -1.0}, "ridge .*at least 0, got -1.0; 0 is no ridge"),
        ({"ridge": math.nan}, "ridge .*at least 0"),
        ({"ridge": math.inf}, "ridge .*finite"),
        ({"time": -1.0}, "training time at least 0"),
        ({"time": math.nan}, "training time"),
        ({"x": np.eye(3)[:1]}, "4 columns"),
        ({"kernel": "theta"}, "one of normalised, physical"),
        ({"initial": "random"}, "'zero' or a pair"),
        ({"initial": np.zeros((2, 6))}, "'zero' or a pair"),
        ({"initial": (np.zeros(5), np.zeros(2))}, "initial\\[0\\] of shape \\(6,\\).*training points"),
        ({"initial": (np.zeros(6), np.zeros(6))}, "initial\\[1\\] of shape \\(2,\\).*test points"),
        ({"initial": (np.zeros(6), np.full(2, np.nan))}, "finite entries in initial\\[1\\]"),
    ],
)  # fmt: skip
def test_bad_input_is_named(change, message):
    given = {"y": Y, "x": x, "depth": 3, "time": 1.0} | change
    with pytest.raises(rn.InputError, match=message):
        rn.predict(ReluNTK(), X, given.pop("y"), given.pop("x"), **given)
