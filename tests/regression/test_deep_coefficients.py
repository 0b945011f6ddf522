"""Coefficients of families that collapse against inversion with 90 to 1300 digits, on 20 random data sets."""

import json
import math
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.kernels import BiasedReluNNGP, BiasedReluNTK, ErfNTK, ReluNNGP, SigmoidComposition
from roughntk.regression import IndefiniteKernelWarning

DATA = json.loads((Path(__file__).parent.parent / "data" / "deep_coefficients.json").read_text(encoding="utf-8"))
FAMILIES = {
    "sigmoid_composition": SigmoidComposition(),
    "relu_nngp": ReluNNGP(),
    "biased_relu_ntk": BiasedReluNTK(1.0, 1.0),
    "biased_relu_nngp": BiasedReluNNGP(1.0, 1.0),
    "erf_ntk": ErfNTK(1.0, 0.1),
}
CASES = [
    (case, math.inf if depth == "inf" else depth)
    for case in DATA["cases"]
    for depth in (case["depth"] if isinstance(case["depth"], list) else [case["depth"]])
]


def rows(entry) -> tuple[np.ndarray, np.ndarray]:
    normal = np.random.default_rng(entry["seed"]).standard_normal((entry["n"] + DATA["m"], entry["n0"]))
    unit = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return unit[: entry["n"]], unit[entry["n"] :]


@pytest.mark.parametrize(("case", "depth"), CASES, ids=[f"{case['family']}-{depth}" for case, depth in CASES])
def test_coefficients_have_ten_digits_at_any_depth(case, depth):
    family = FAMILIES[case["family"]]
    worst, seen = 0.0, []
    for entry, expected, negative in zip(DATA["data_sets"], case["u"], case["negative_eigenvalues"], strict=True):
        X, x = rows(entry)
        exact = np.array([[float(value) for value in column] for column in expected]).T
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IndefiniteKernelWarning)
            report = rn.regression.solve(family, X, x[: exact.shape[1]], depth=depth)
            u = report.coefficients
        error = float(np.abs(u - exact).max() / max(1.0, np.abs(exact).max()))
        assert error < 100 * np.finfo(float).eps * report.condition_number
        worst = max(worst, error)
        seen.append(report.positive_definite == (negative == 0))
    assert all(seen)
    assert worst < 1e-10  # the specification
    print(f"{case['family']} at depth {depth}: largest error {worst:.1e}")


def test_the_sigmoid_family_is_indefinite_on_half_of_the_sets():
    indefinite = next(case for case in DATA["cases"] if case["family"] == "sigmoid_composition")["negative_eigenvalues"]
    assert sum(count > 0 for count in indefinite) == 10


@pytest.mark.parametrize("family", [ReluNNGP(), BiasedReluNTK(1.0, 1.0)], ids=lambda family: family.name)
def test_one_row_more_compiles_no_deflated_kernel_anew(family):
    """Deflated kernels take a second to compile: for powers of two of entries, not for every number of them."""
    theta = np.linspace(0.1, 3.0, 40)
    longer = family.deflated(theta, 30)
    spent: list[float] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: spent.append(seconds) if "backend_compile" in event else None
    )
    try:
        shorter = family.deflated(theta[:39], 30)
        elsewhere = len(spent)
        jax.jit(lambda z: z + 1)(jnp.ones(3))  # and the listener does hear of a compilation
    finally:
        jax.monitoring.clear_event_listeners()
    assert len(spent) > elsewhere == 0
    assert shorter.log_scale <= longer.log_scale  # the common factor is that of the angles that were given
    ratio = math.exp(longer.log_scale - shorter.log_scale)
    np.testing.assert_allclose(shorter.values, longer.values[:39] * ratio, rtol=64 * np.finfo(float).eps)
