"""JAX in 32-bit mode, in a process of its own: what is public is right to float32, or refused with the remedy."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import roughntk as rn

THETA = np.array([0.0, 0.5, 1.0, 2.0, 3.0])
TOLERANCE = 64 * float(np.finfo(np.float32).eps)  # float32 roundings of a few layers, with room for other instructions
REMEDY = "expected JAX in 64-bit mode, got 32-bit; "


def _points() -> tuple[np.ndarray, np.ndarray]:
    raw = np.random.default_rng(0).normal(size=(5, 6))
    unit = rn.sphere.project(raw)
    return unit[:4], unit[4:]


def _kernel_calls(name: str) -> dict[str, Callable[[], Any]]:
    def at(depth):
        return lambda: rn.kernels.family(name).at_angle(THETA, depth)

    calls = {f"{name} at depth {depth:g}": at(depth) for depth in (3, 1e10, 2.5, math.inf)}
    calls[f"{name} at correlations"] = lambda: rn.kernels.family(name).at_correlation(np.cos(THETA), 3)
    calls[f"{name} limit_value"] = lambda: rn.depth.limit_value(name)
    calls[f"{name} log_scale"] = lambda: rn.kernels.family(name).log_scale(3)
    return calls


def _ridge_values(name: str) -> Any:
    X, x = _points()
    return rn.depth.ridge_predict(name, X, np.arange(4.0), x, depth=1000.0).values


def _calls() -> dict[str, Callable[[], Any]]:
    """What is called, by the words that a failure is reported with."""
    X, x = _points()
    kernels, depth, sphere, transport = rn.kernels, rn.depth, rn.sphere, rn.transport
    calls = {key: call for name in kernels.FAMILIES for key, call in _kernel_calls(name).items()}
    return calls | {
        "matrix": lambda: kernels.ReluNTK()(X, depth=3),
        "trajectory": lambda: kernels.ReluNTK().trajectory(THETA, 4),
        "map": lambda: kernels.ErfNTK().correlation_map(np.cos(THETA)),
        "erf critical": lambda: kernels.ErfNTK.critical().at_angle(THETA, 3),
        "tanh critical": lambda: kernels.TanhNTK.critical().at_angle(THETA, 3),
        "large variances": lambda: kernels.ErfNTK(1e45, 1e45).at_angle(THETA, 3),
        "small variances": lambda: kernels.ErfNTK(1e-30, 1e-30, 1e-30).at_angle(THETA, 3),
        "classify critical": lambda: kernels.classify(kernels.ErfNTK.critical()).ratio,
        "classify": lambda: kernels.classify("sigmoid").fixed_point,
        "figure1": lambda: rn.study.figure1("figure1"),
        "limit_coefficients relu": lambda: depth.limit_coefficients("relu-ntk", X, x),
        "limit_coefficients erf": lambda: depth.limit_coefficients("erf-ntk", X, x),
        "limit_kernel": lambda: depth.limit_kernel("relu-nngp", THETA),
        "boundary_layer": lambda: depth.boundary_layer(THETA),
        "kernel_expansion": lambda: depth.kernel_expansion(THETA[1:], 1000.0),
        "coefficient_expansion": lambda: depth.coefficient_expansion(X, x, 1000.0),
        "joint": lambda: depth.joint("relu-ntk", 5, 0.5).factors,
        "harmonics": lambda: depth.harmonics(5, (0, 1, 2)),
        "ridge_predict": lambda: _ridge_values("relu-ntk"),
        "leaky_abel": lambda: depth.leaky_abel(0.1, THETA[1:]),
        "leaky_flow": lambda: depth.leaky_flow(0.1, THETA[1:], 1.5),
        "composition_flow": lambda: depth.composition_flow(kernels.family("sigmoid"), np.cos(THETA), 1.5),
        "kernel_table": lambda: depth.kernel_table("relu-ntk", 3.0)(THETA),
        "coefficients": lambda: rn.coefficients("relu-ntk", X, x, depth=3),
        "predict": lambda: rn.predict("relu-ntk", X, np.arange(4.0), x, depth=3),
        "depth_needed": lambda: rn.depth_needed("relu-ntk", X, x, 0.1).depth,
        "between_depths": lambda: transport.between_depths("relu-ntk", X, x, depth=2).u,
        "to_depth": lambda: transport.to_depth("relu-ntk", X, x, stop=3).u,
        "angles": lambda: sphere.angles(X, x),
        "joint_angles": lambda: sphere.joint_angles(X, x),
        "lengths": lambda: sphere.lengths(X),
        "lift": lambda: sphere.lift(X),
        "polar": lambda: sphere.polar(X)[1],
        "project": lambda: sphere.project(3 * X),
        "uniform": lambda: sphere.uniform(3, 4, 0),
        "distinct_rows": lambda: sphere.distinct_rows(X),
    }


def _answer(call: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "value", np.asarray(call(), float).tolist()
    except rn.InputError as error:
        return "refused", str(error)
    except Exception as error:  # what must not happen, for the report
        return "failed", f"{type(error).__name__}: {error}"


def test_public_functions_are_right_to_float32_or_refuse_32_bit_mode(tmp_path):
    # the child must not take the parent's JAX_ENABLE_X64 with it, which the import of the package has set
    settings = {key: value for key, value in os.environ.items() if key != "JAX_ENABLE_X64"}
    settings |= {"ROUGHNTK_ENABLE_X64": "0", "PYTHONPATH": str(Path(rn.__file__).parent.parent)}
    result = subprocess.run(
        [sys.executable, "-W", "error", str(Path(__file__))],
        capture_output=True, text=True, cwd=tmp_path, env=settings, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found, calls = json.loads(result.stdout), _calls()
    assert set(found) == set(calls)
    assert found["classify"][1].startswith(REMEDY), "the child runs in 64-bit mode"
    wrong = []
    for key, (kind, answer) in found.items():
        if kind == "refused" and answer.startswith(REMEDY):
            continue
        expected = _answer(calls[key])
        if kind == "value" and expected[0] == "value":
            same = np.allclose(answer, expected[1], rtol=TOLERANCE, atol=TOLERANCE)  # NaN is never close
        else:
            same = kind == "refused" and expected == (kind, answer)  # wrong in either mode, as a depth of 2.5
        if not same:
            wrong.append(f"{key}: {kind} {answer}, in 64-bit mode {expected}")
    assert not wrong, "\n".join(wrong)
    assert sum(kind == "value" for kind, _ in found.values()) > 30


if __name__ == "__main__":
    print(json.dumps({key: _answer(call) for key, call in _calls().items()}))
