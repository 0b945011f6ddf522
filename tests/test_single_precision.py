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
    if name.endswith("ntk"):  # the covariance is carried along with the tangent kernel
        calls[f"{name} at correlations"] = lambda: rn.kernels.family(name).at_correlation(np.cos(THETA), 3)
    calls[f"{name} limit_value"] = lambda: rn.kernels.family(name).limit_value
    calls[f"{name} log_scale"] = lambda: rn.kernels.family(name).log_scale(3)
    return calls


def _ridge_values(name: str) -> Any:
    X, x = _points()
    return rn.depth.ridge_predict(name, X, np.arange(4.0), x, depth=1000.0).values


def _calls() -> dict[str, Callable[[], Any]]:
    """What is called, by the words that a failure is reported with."""
    import jax

    X, x = _points()
    key = jax.random.key(0)
    kernels, depth, sphere, transport = rn.kernels, rn.depth, rn.sphere, rn.transport
    calls = {key: call for name in kernels.FAMILIES for key, call in _kernel_calls(name).items()}
    return (
        calls
        | {
            "matrix": lambda: kernels.ReluNTK()(X, depth=3),
            "trajectory": lambda: kernels.ReluNTK().trajectory(THETA, 4),
            "map": lambda: kernels.ErfNTK().correlation_map(np.cos(THETA)),
            "erf critical": lambda: kernels.ErfNTK.critical().at_angle(THETA, 3),
            "tanh critical": lambda: kernels.TanhNTK.critical().at_angle(THETA, 3),
            "large variances": lambda: kernels.ErfNTK(1e45, 1e45).at_angle(THETA, 3),
            "small variances": lambda: kernels.ErfNTK(1e-30, 1e-30, 1e-30).at_angle(THETA, 3),
            "classify critical": lambda: rn.classify(kernels.ErfNTK.critical()).ratio,
            "classify": lambda: rn.classify("sigmoid").fixed_point,
            "figure1": lambda: rn.study.figure1("figure1"),
            "coefficients at infinity, relu": lambda: rn.coefficients("relu-ntk", X, x, depth=math.inf),
            "coefficients at infinity, erf": lambda: rn.coefficients("erf-ntk", X, x, depth=math.inf),
            "boundary_layer": lambda: depth.boundary_layer(THETA),
            "kernel_expansion": lambda: depth.kernel_expansion(THETA[1:], 1000.0),
            "coefficient_expansion": lambda: depth.coefficient_expansion(X, x, 1000.0),
            "joint": lambda: depth.joint("relu-ntk", 5, 0.5).factors,
            "harmonics": lambda: depth.harmonics(5, (0, 1, 2)),
            "ridge_predict": lambda: _ridge_values("relu-ntk"),
            "leaky_abel": lambda: rn.maps.leaky_flow.abel(0.1, THETA[1:]),
            "leaky_flow": lambda: rn.maps.leaky_flow.flow(0.1, THETA[1:], 1.5),
            "composition": lambda: kernels.family("sigmoid").at_correlation(np.cos(THETA), 1.5),
            "kernel_table": lambda: kernels.table.kernel_table("ntk", 9.0)(THETA),
            "coefficients": lambda: rn.coefficients("relu-ntk", X, x, depth=3),
            "predict": lambda: rn.predict("relu-ntk", X, np.arange(4.0), x, depth=3),
            "depth_needed": lambda: rn.depth_needed("relu-ntk", X, x, 0.1).depth,
            "between_depths": lambda: transport.between_depths("relu-ntk", X, x, depth=2).u,
            "to_depth": lambda: transport.to_depth("relu-ntk", X, x, stop=3).u,
            "certificate_of": lambda: transport.certificate_of(None, [0.0], np.ones((1, 1, 1))).bound,
            "sample_tangent_kernel": lambda: rn.networks.sample_tangent_kernel(X, 2, 8, _key()).covariance,
            "simulate_kernels": lambda: rn.networks.simulate_kernels(_network(), X, _key()).covariance,
            "empirical_ntk": lambda: rn.networks.empirical_ntk(_network(), _network().sample(_key(), 6), X),
            "train": lambda: rn.networks.train(_network(), X, np.arange(4.0), x, _key(), time=0.1).predictions,
            "angles": lambda: sphere.angles(X, x),
            "joint_angles": lambda: sphere.joint_angles(X, x),
            "lengths": lambda: sphere.lengths(X),
            "lift": lambda: sphere.lift(X),
            "polar": lambda: sphere.polar(X)[1],
            "project": lambda: sphere.project(3 * X),
            "uniform": lambda: sphere.uniform(3, 4, 0),
            "distinct_rows": lambda: sphere.distinct_rows(X),
            "random covariance": lambda: rn.networks.covariance(np.eye(2), 1.0, key=key).values,
            "network_driver": lambda: rn.networks.network_driver(key, np.eye(2), layers=3, width=9).increments,
        }
        | {f"rough {name}": call for name, call in _rough_calls().items()}
    )


def _key() -> Any:
    import jax

    return jax.random.key(0)


def _network() -> rn.networks.FiniteNetwork:
    return rn.networks.FiniteNetwork(2, 8)


def _rough_calls() -> dict[str, Callable[[], Any]]:
    """A call for every public name of rough paths; None where no number is computed."""
    import jax

    rough = rn.rough
    path = np.random.default_rng(1).normal(size=(6, 2)).cumsum(axis=0)
    other, late = path * 1.5 + 0.25 * path[::-1], 1.7e9 + np.arange(6.0)
    clocked = rough.PiecewiseLinear(path, np.array([0.0, 0.5, 1.0, 1.25, 2.0, 3.0]))
    tensor = (np.ones(1), np.array([1.0, 2.0]), np.array([0.5, 3.0, -1.0, 2.0]))
    matrices = np.array([[[0.0, 0.1], [-0.1, 0.0]], [[0.1, 0.0], [0.0, 0.2]]])
    increments = [path[None] - path[:, None]]
    distances = np.linalg.norm(increments[0], axis=2)
    pair = lambda function: lambda: function(path, other, 2.5)  # noqa: E731
    lifted = lambda function: lambda: function(rough.lift(path, 2))  # noqa: E731
    return {
        "Control": lambda: rough.control(path, 2.0)(1, 4),
        "PiecewiseLinear": lambda: clocked.evaluate(0.75, 2.5),
        "PiecewiseLinear late": lambda: rough.PiecewiseLinear(path, late).evaluate(late[0] + 0.5, late[0] + 2.5),
        "StationaryGaussian": lambda: rough.StationaryGaussian(0.5 ** np.arange(4.0)).smallest_eigenvalue,
        "SignatureTransformer": lambda: rough.SignatureTransformer(2).fit_transform(path[None]),
        "add_time": lambda: rough.add_time(clocked).values,
        "add_time late": lambda: rough.add_time(rough.PiecewiseLinear(path, late)).values,
        "brownian": lambda: rough.brownian(jax.random.key(0), 5).times,
        "brownian_lift": lambda: rough.brownian_lift(path).steps,
        "concatenate": lambda: rough.concatenate(path, other).values,
        "control": lambda: rough.control(path, 2.0)(0, 5),
        "convergence": lambda: rough.convergence([path + other / n for n in range(1, 6)], path, 1.5).distances,
        "convergence_of_distances": lambda: rough.convergence_of_distances(1 / np.arange(1.0, 9)[:, None], 1.5).rates,
        "convert_basis": lambda: rough.convert_basis(np.array([1.0, 2.0, 3.0]), "lyndon", "hall", 2, 2),
        "critical_p": lambda: rough.critical_p(np.sin(np.arange(256.0) ** 1.5)).p,
        "critical_p_of_distances": lambda: rough.critical_p_of_distances(distances).p,
        "fractional_brownian": lambda: rough.fractional_brownian(jax.random.key(0), 5, hurst=0.3).times,
        "fractional_noise_autocovariance": lambda: rough.fractional_noise_autocovariance(50, 0.3),
        "geometric_violation": lifted(rough.geometric_violation),
        "greedy_partition": lambda: rough.greedy_partition(path, 2.0, 1.0),
        "hoelder_norm": lambda: rough.hoelder_norm(path, 0.4).value,
        "homogeneous_distance": pair(rough.homogeneous_distance),
        "homogeneous_norm": lambda: rough.homogeneous_norm(tensor),
        "increment_scaling": lambda: rough.increment_scaling(distances).exponent,
        "is_geometric": lifted(rough.is_geometric),
        "is_group_like": lambda: rough.is_group_like(tensor),
        "is_lie": lambda: rough.is_lie(tensor),
        "ito_lift": lambda: rough.ito_lift(path).steps,
        "ito_lyons": lambda: rough.ito_lyons(lambda y: jax.numpy.stack([y, -y], 1), path, np.ones(2)).lift.steps,
        "lead_lag": lambda: rough.lead_lag(path).values,
        "levy_area": lambda: rough.levy_area(path),
        "lift": lambda: rough.lift(path, 2).prefixes,
        "lift_from_steps": lambda: rough.lift_from_steps(np.ones((3, 6)), 2, 2).prefixes,
        "log_signature": lambda: rough.log_signature(path, 3),
        "p_variation": lambda: rough.p_variation(path, 2.5, level=2),
        "p_variation_distance": lambda: rough.p_variation_distance(path, other, 2.5),
        "perturb": lambda: rough.perturb(rough.lift(path, 2), np.eye(2)).steps,
        "prefix_signatures": lambda: rough.prefix_signatures(path, 2),
        "projective_norm": lambda: rough.projective_norm(np.array([1.0, 2.0, 3.0, 4.0]), 2),
        "pure_area": lambda: rough.pure_area(1).values[:20],
        "pure_area_lift": lambda: rough.pure_area_lift(np.array([[0.0, 1.0], [-1.0, 0.0]]), np.arange(4.0)).steps,
        "random_smooth": lambda: rough.random_smooth(jax.random.key(0), 5).times,
        "reparametrise": lambda: rough.reparametrise(path, np.arange(6.0) ** 2).times,
        "reparametrise late": lambda: rough.reparametrise(path, late).evaluate(late[2] + 0.5),
        "reverse": lambda: rough.reverse(clocked).values,
        "signature": lambda: rough.signature(path, 3),
        "signatures_of_intervals": lambda: rough.signatures_of_intervals(path, 2),
        "solve_linear": lambda: rough.solve_linear(matrices, path, np.ones(2)).values,
        "solve_rde": lambda: rough.solve_rde(lambda y: jax.numpy.stack([y, -y], 1), path, np.ones(2)).values,
        "spiral_area": lambda: rough.spiral_area(3, 1.0),
        "sub_path": lambda: rough.sub_path(clocked, 0.5, 2.0).values,
        "p_variation_levels": lambda: rough.p_variation_levels(path, 2.5)[2].value,
        "p_variation_levels_of_increments": lambda: rough.p_variation_levels_of_increments(increments, 1.5)[1].value,
        "p_variation_partition": lambda: rough.p_variation_partition(path, 2.5),
        "window_signatures": lambda: rough.window_signatures(path, 2, length=3),
    }


#: Names that compute no floating-point number: results of the functions above, modules with tests of their own, words.
NO_NUMBERS = {
    "Convergence", "CriticalExponent", "HoelderNorm", "IncrementScaling", "ItoLyons", "Lift", "RDEError", "RDEOptions",
    "RDESolution", "Variation", "VariationTable", "SIGNATURE_BACKENDS", "available_backends", "backend_install_command",
    "flat", "hall_brackets", "lyndon_brackets", "lyndon_words", "shuffle_words", "signature_size", "tensor",
    "witt_dimension",
}  # fmt: skip


def test_every_public_name_of_rough_paths_has_a_case():
    assert {name.split()[0] for name in _rough_calls()} | NO_NUMBERS == set(rn.rough.__all__)


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
