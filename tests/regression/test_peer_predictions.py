"""Predictions against neural-tangents 0.6.5, whose values are kept in tests/data/neural_tangents_predictions.json.

Its loss is the mean over the n points and k targets of (f - y)^2/2, where that of `rn.predict` is the sum, so that its
time t at the learning rate eta is eta t/(n k) of the physical kernel. Its diag_reg is a ridge R of the physical kernel,
or R divided by the mean of that kernel's diagonal. Where all weights train ("ntk"), R means the same in both, for mean
and covariance. Where the last layer does ("nngp"), the library adds R A A^T to the covariance at every time: this is
the posterior with noise at infinite time, and the spread of networks that start from noisy f_0(X) before.
"""

import json
import math
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from exact_prediction import exact_prediction, network

import roughntk as rn
from roughntk.kernels import BiasedRelu, Erf, LeakyRelu, Relu, ResidualRelu
from roughntk.regression import ensemble, posterior

# Without biases the library takes the angle of a point with itself from the square root of a rounding error, and an
# entry of Theta's diagonal is off by 2e-9 of its value: predictions, of order 1, differ by 4e-9 at most, and many
# digits decide for this package (below). With biases and for erf they differ by 4e-14 at most.
TOLERANCE = {"relu": 1e-8, "leaky_relu": 1e-8, "residual_relu": 1e-8, "biased_relu": 1e-12, "erf": 1e-12}
PEER = json.loads((Path(__file__).parents[1] / "data" / "neural_tangents_predictions.json").read_text(encoding="utf-8"))
GIVEN = {name: np.array(values) for name, values in PEER["problem"].items()}
NETWORKS = {
    "relu": Relu(),
    "leaky_relu": LeakyRelu(0.1),
    "biased_relu": BiasedRelu(bias=0.5, weight_variance=2.0),
    "erf": Erf(weight_variance=1.5, bias_variance=0.1),
    "residual_relu": ResidualRelu(scaling=0.5),
}


def case_name(case):
    how = "absolute" if case["absolute"] else "relative"
    return f"{case['family']} depth {case['depth']} {case['domain']} {how} {case['diag_reg']}"


def points(domain):
    X, x = GIVEN["X"], GIVEN["x"]
    return (X, x) if domain == "sphere" else (X * GIVEN["X_lengths"][:, None], x * GIVEN["x_lengths"][:, None])


def scale(family, depth):
    """Of the physical kernel."""
    return math.exp(family.log_scale(depth)) / (GIVEN["X"].shape[1] if family.homogeneous else 1)


def settings(case, family):
    """What `rn.predict` takes, but the points, the targets and the time."""
    ridge = case["diag_reg"]
    if not case["absolute"]:
        ridge *= scale(family, case["depth"]) * np.mean(np.sum(points(case["domain"])[0] ** 2, axis=1))
    return {"depth": case["depth"], "domain": case["domain"], "kernel": "physical", "ridge": ridge}


def training_time(time, learning_rate):
    return math.inf if time is None else learning_rate * time / GIVEN["y"].size


def assert_close(case, found, library):
    np.testing.assert_allclose(found, library, rtol=0, atol=TOLERANCE[case["family"]])


@pytest.mark.parametrize("case", PEER["ensemble"], ids=case_name)
def test_mean_and_covariance_are_those_of_gradient_descent_mse_ensemble(case):
    (X, x), architecture = points(case["domain"]), NETWORKS[case["family"]]
    for kind, family in (("ntk", architecture.ntk), ("nngp", architecture.nngp)):
        how = settings(case, family)
        for time, mean, covariance in zip(case["times"], case[kind]["mean"], case[kind]["covariance"], strict=True):
            how["time"] = training_time(time, 1.0)
            report = ensemble(family, X, GIVEN["y"], x, **how)
            spread = report.covariance
            if kind == "nngp" and how["ridge"]:
                A = rn.predict(family, X, np.eye(len(X)), x, **how)
                spread = spread + how["ridge"] * A @ A.T
            assert_close(case, report.mean, mean)
            assert_close(case, spread, covariance)


def is_posterior(case):
    return case["diag_reg"] and case["times"][-1] is None and case["family"] in ("relu", "erf")


@pytest.mark.parametrize("case", list(filter(is_posterior, PEER["ensemble"])), ids=case_name)
def test_the_ensemble_of_last_layers_with_a_ridge_is_the_posterior_at_infinite_time(case):
    (X, x), family = points(case["domain"]), NETWORKS[case["family"]].nngp
    size, how = scale(family, case["depth"]), settings(case, family)
    found = posterior(family, X, GIVEN["y"], x, depth=case["depth"], domain=case["domain"], noise=how["ridge"] / size)
    assert_close(case, found.mean, case["nngp"]["mean"][-1])
    assert_close(case, size * found.covariance, case["nngp"]["covariance"][-1])


@pytest.mark.parametrize("case", PEER["from_initial"], ids=case_name)
def test_predictions_from_an_initial_function_are_those_of_gradient_descent_mse(case):
    (X, x), family = points(case["domain"]), NETWORKS[case["family"]].ntk
    at_X, at_tests = GIVEN["initial_X"], np.concatenate([GIVEN["initial_x"], GIVEN["initial_X"]])
    how = settings(case, family) | {"initial": (at_X, at_tests)}
    for i, (time, tests) in enumerate(zip(case["times"], case["tests"], strict=True)):
        how["time"] = training_time(time, PEER["learning_rate"])
        found = rn.predict(family, X, GIVEN["y"], np.concatenate([x, X]), **how)
        assert_close(case, found, tests)
        if "train" in case:
            assert_close(case, found[len(x) :], case["train"][i])


def test_many_digits_decide_for_this_package_where_the_two_differ_most():
    case = next(case for case in PEER["ensemble"] if case["depth"] == 2 and not case["diag_reg"])
    X, x = points("sphere")

    def kernel(theta):
        return network("relu", 2, 0, mp.cos(theta), case["depth"])[1]

    exact = exact_prediction(kernel, X, GIVEN["y"], x, math.inf)
    found = rn.predict("relu-ntk", X, GIVEN["y"], x, depth=case["depth"])
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-13)
    assert 1e-10 < np.abs(np.array(case["ntk"]["mean"][-1]) - exact).max() < TOLERANCE["relu"]


def test_the_stored_architectures_are_these():
    for stored in PEER["architectures"]:
        family, first = NETWORKS[stored["family"]].nngp, stored["W_first"] ** 2 + stored["b_std"] ** 2
        np.testing.assert_allclose(math.exp(family.log_scale(1)), first, rtol=1e-14)
    assert set(NETWORKS) == {stored["family"] for stored in PEER["architectures"]}
    assert {(case["family"], None in case["times"]) for case in PEER["ensemble"]} >= {
        (name, True) for name in NETWORKS if name != "residual_relu"
    }
