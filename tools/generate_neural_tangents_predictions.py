"""Predictions of neural-tangents 0.6.5 in float64, and write tests/data/neural_tangents_predictions.json.

Run from the repository root, in the environment of benchmarks/peers/requirements.txt (`make bench-peers` sets it up
as .venv-peers), which this package's own environment cannot be:

    .venv-peers/bin/python tools/generate_neural_tangents_predictions.py

Architectures are those of tools/generate_neural_tangents.py, and the ReLU network with W_std = 1; `W_first` is the
W_std of the first Dense layer. Each is given the stored unit rows times its `row_length`, 1 or sqrt(n0); where the
domain is "euclidean", those rows times the stored lengths.

    ensemble       predict.gradient_descent_mse_ensemble(kernel, X, y, diag_reg=...)(t, x, compute_cov=True)
    from_initial   predict.gradient_descent_mse(Theta(X, X), y, learning_rate, diag_reg=...)(t, f_0(X), f_0(x), ...),
                   its test points being the training points after the test points

The loss is the mean over all n points and k targets of (f - y)^2/2, so that

    f_t = f_0 + K(x,X) (K + R)^{-1} (1 - exp(-s (K + R))) (y - f_0(X)),    s = learning_rate t/(n k),

R being diag_reg, times the mean of the diagonal of K unless `absolute`. The covariances are C Sigma C^T with
C = [-A, I], A = K(x,X) (K + R)^{-1} (1 - exp(-s (K + R))), for K = Theta ("ntk"); for K = Sigma ("nngp") plus R A A^T.
Infinite time is null. It is left out at depth 1 without diag_reg, where the kernel matrix of these points is singular.
"""

import dataclasses
import json
import re
import warnings
from importlib.metadata import version
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np  # noqa: E402
from neural_tangents import predict, stax  # noqa: E402

FILE = Path(__file__).resolve().parent.parent / "tests" / "data" / "neural_tangents_predictions.json"
TRAIN, TEST, DIMENSION, TARGETS = 6, 2, 4, 2
TIMES = (0.1, 1.0, 10.0, 1000.0, None)
LEARNING_RATE = 0.5
DEPTHS = (1, 2, 3, 5)
MIDDLE = 3
NONE, RELATIVE, ABSOLUTE = (0.0, False), (0.1, False), (0.03, True)


@dataclasses.dataclass(frozen=True)
class Case:
    """One call of the library; a time of None is infinite."""

    architecture: dict
    depth: int
    diag_reg: tuple[float, bool]
    times: tuple[float | None, ...] = TIMES
    domain: str = "sphere"

    def described(self) -> dict:
        return {
            "family": self.architecture["family"], "domain": self.domain, "depth": self.depth,
            "diag_reg": self.diag_reg[0], "absolute": self.diag_reg[1], "times": list(self.times),
        }  # fmt: skip


def architectures() -> list[dict]:
    """The layer as it is written, standard deviations of the first and the other Dense layers, the length of rows."""
    biased, plain = {"row_length": DIMENSION**0.5}, {"W_first": 1.0, "b_std": 0.0, "row_length": 1.0}
    relu, erf = ({"W_std": part**0.5, "W_first": part**0.5} | biased for part in (2.0, 1.5))
    return [
        {"family": "relu", "layer": "Relu()", "W_std": 1.0} | plain,
        {"family": "leaky_relu", "layer": "LeakyRelu(0.1)", "W_std": (2 / 1.01) ** 0.5} | plain,
        {"family": "biased_relu", "layer": "Relu()", "b_std": 0.5} | relu,
        {"family": "erf", "layer": "Erf()", "b_std": 0.1**0.5} | erf,
        {"family": "residual_relu", "layer": "x + Dense(Relu(x))", "W_std": 1.0} | plain,
    ]


LAYERS = {"Relu()": stax.Relu(), "LeakyRelu(0.1)": stax.LeakyRelu(0.1), "Erf()": stax.Erf()}


def dense(W_std: float, b_std: float) -> tuple:
    return stax.Dense(1, W_std=W_std, b_std=b_std, parameterization="ntk")


def kernel_function(architecture: dict, depth: int):
    if architecture["family"] == "residual_relu":  # blocks of branch variance 1/2, as Dense(1, 0) of a ReLU
        branch = stax.serial(stax.Relu(), dense(1.0, 0.0))
        block = stax.serial(stax.FanOut(2), stax.parallel(stax.Identity(), branch), stax.FanInSum())
        return stax.serial(dense(1.0, 0.0), *[block] * (depth - 1))[2]
    layer, b_std = LAYERS[architecture["layer"]], architecture["b_std"]
    rest = [part for _ in range(depth - 1) for part in (layer, dense(architecture["W_std"], b_std))]
    return stax.serial(dense(architecture["W_first"], b_std), *rest)[2]


def problem() -> dict:
    """Unit rows, lengths, targets, and an initial function."""
    generator = np.random.default_rng(12)
    rows = generator.normal(size=(TRAIN + TEST, DIMENSION))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    lengths = generator.uniform(0.5, 2.0, TRAIN + TEST)
    targets = generator.normal(size=(TRAIN, TARGETS))
    initial = generator.normal(size=(TRAIN + TEST, TARGETS))
    return {
        "X": rows[:TRAIN], "x": rows[TRAIN:], "X_lengths": lengths[:TRAIN], "x_lengths": lengths[TRAIN:],
        "y": targets, "initial_X": initial[:TRAIN], "initial_x": initial[TRAIN:],
    }  # fmt: skip


def points(given: dict, case: Case) -> tuple[np.ndarray, np.ndarray]:
    X, x = (given[name] * case.architecture["row_length"] for name in ("X", "x"))
    if case.domain == "euclidean":
        X, x = X * given["X_lengths"][:, None], x * given["x_lengths"][:, None]
    return X, x


def ensemble(given: dict, case: Case) -> dict:
    X, x = points(given, case)
    by_time = predict.gradient_descent_mse_ensemble(
        kernel_function(case.architecture, case.depth), X, given["y"], 1.0, *case.diag_reg
    )
    found = [by_time(t, x, ("nngp", "ntk"), compute_cov=True) for t in case.times]
    return case.described() | {
        kind: {
            "mean": [numbers(getattr(each, kind).mean) for each in found],
            "covariance": [numbers(getattr(each, kind).covariance) for each in found],
        }
        for kind in ("nngp", "ntk")
    }


def from_initial(given: dict, case: Case) -> dict:
    X, x = points(given, case)
    kernel = kernel_function(case.architecture, case.depth)
    by_time = predict.gradient_descent_mse(kernel(X, None, "ntk"), given["y"], LEARNING_RATE, *case.diag_reg)
    tests, initial_tests = np.concatenate([x, X]), np.concatenate([given["initial_x"], given["initial_X"]])
    found = [by_time(t, given["initial_X"], initial_tests, kernel(tests, X, "ntk")) for t in case.times]
    result = case.described() | {"tests": [numbers(part[1]) for part in found]}
    if case.diag_reg == NONE:  # otherwise values at training points are those of another flow
        result["train"] = [numbers(part[0]) for part in found]
    return result


def numbers(array) -> list:
    values = np.asarray(array)
    if not np.isfinite(values).all():
        raise ValueError("expected finite values")
    return values.tolist()


def cases() -> list[Case]:
    """All settings for the ReLU network, and some for the others."""
    relu, leaky, *others, residual = architectures()
    found = [
        Case(relu, depth, diag_reg, TIMES if depth > 1 or diag_reg != NONE else TIMES[:-1])
        for depth in DEPTHS
        for diag_reg in (NONE, RELATIVE)
    ]
    found += [Case(relu, MIDDLE, ABSOLUTE)]
    found += [Case(relu, MIDDLE, diag_reg, domain="euclidean") for diag_reg in (NONE, RELATIVE, ABSOLUTE)]
    for other in others:
        found += [Case(other, 1, NONE, (10.0,)), Case(other, MIDDLE, RELATIVE, (1.0, None))]
        found += [Case(other, MIDDLE, NONE, (1000.0, None)), Case(other, 5, NONE, (10.0,))]
    return [*found, Case(leaky, MIDDLE, RELATIVE, (1.0, None)), Case(residual, MIDDLE, RELATIVE, (10.0,))]


def document() -> dict:
    given = problem()
    middle = [case for case in cases() if case.depth == MIDDLE]
    return {
        "what": (
            "mean and covariance of gradient_descent_mse_ensemble, and gradient_descent_mse from an initial function, "
            "of neural-tangents in float64; times in its units, learning rate 1 for the ensemble, null for infinite; "
            "arrays indexed [time][point][target] or [time][point][point]; "
            "tools/generate_neural_tangents_predictions.py"
        ),
        "versions": {name: version(name) for name in ("neural-tangents", "jax", "jaxlib", "numpy", "scipy")},
        "architectures": architectures(),
        "learning_rate": LEARNING_RATE,
        "problem": {name: values.tolist() for name, values in given.items()},
        "ensemble": [ensemble(given, case) for case in cases()],
        "from_initial": [from_initial(given, case) for case in middle],
    }


def main() -> None:
    # Both inputs of FanInSum are the same: the branch has its own Dense layer with weights of zero mean.
    warnings.filterwarnings("ignore", message="`FanIn` layers assume independent inputs")
    content = json.dumps(document(), indent=1)
    content = re.sub(r"\[([^\[\]{}]*)\]", lambda m: "[" + re.sub(r"\s*\n\s*", " ", m.group(1).strip()) + "]", content)
    FILE.write_text(content + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
