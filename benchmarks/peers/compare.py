"""neural-tangents 0.6.5 against this package: time ratios and errors against 60 digits. `make bench-peers` runs it.

    python benchmarks/peers/compare.py PEER_PYTHON [--rows 1000] [--depths 10 30 100 300]

The two packages need different versions of JAX, so they cannot alternate within one process, which the protocol of
../README.md asks for. Here they alternate process by process for each depth, on the same rows, and the ratio of the
minima of several calls is given with the ratios of the extremes around it. Values are compared pair by pair with the
layer recursion in the angle, computed with 60 digits by mpmath from the rows themselves.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import mpmath
import numpy as np

import roughntk as rn

HERE = Path(__file__).parent
RESULT = HERE.parent / "results" / "peers.json"
DEPTHS = (10, 30, 100, 300)
DIMENSION = 128
CALLS = 15
COMPILE_LIMIT = 300  # seconds for neural-tangents to compile and run four times; 1500 were not enough at L = 300


def near_and_far(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows X and Z whose pairs (x_i, z_i) are at angles from 1e-6 to pi - 0.1."""
    angles = np.array([1e-6, 1e-3, 0.03, 0.3, 1.0, 1.5, 2.5, np.pi - 0.1])
    X = rn.sphere.uniform(len(angles), dim, 3)
    other = rn.sphere.uniform(len(angles), dim, 4)
    other -= (other * X).sum(axis=1, keepdims=True) * X
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    return X, rn.sphere.project(np.cos(angles)[:, None] * X + np.sin(angles)[:, None] * other)


def exact(x: np.ndarray, z: np.ndarray, depths: tuple[int, ...]) -> dict[int, mpmath.mpf]:
    """K_L of two rows by the recursion S_(L+1) = S_L (1 - theta_L/pi) + cos theta_(L+1), with 60 digits."""
    with mpmath.workdps(60):
        x, z = ([mpmath.mpf(float(v)) for v in row] for row in (x, z))
        x, z = ([v / mpmath.sqrt(sum(u * u for u in row)) for v in row] for row in (x, z))
        minus, plus = (mpmath.sqrt(sum((a + s * b) ** 2 for a, b in zip(x, z, strict=True))) for s in (-1, 1))
        theta, found = 2 * mpmath.atan2(minus, plus), {}
        total = mpmath.cos(theta)
        for depth in range(2, max(depths) + 1):
            following = mpmath.acos((mpmath.sin(theta) + (mpmath.pi - theta) * mpmath.cos(theta)) / mpmath.pi)
            total = total * (1 - theta / mpmath.pi) + mpmath.cos(following)
            theta = following
            found[depth] = total / depth
        return {depth: found[depth] for depth in depths}


def largest_errors(values: dict[int, np.ndarray], truth: list[dict[int, mpmath.mpf]]) -> dict[int, float]:
    return {
        depth: max(float(abs((mpmath.mpf(float(K[i, i])) - truth[i][depth]) / truth[i][depth])) for i in range(len(K)))
        for depth, K in values.items()
    }


def seconds(X: np.ndarray, depth: int) -> list[float]:
    family, times = rn.kernels.ReluNTK(), []
    for _ in range(CALLS + 1):
        start = time.perf_counter()
        jax.block_until_ready(family(X, depth=depth))
        times.append(time.perf_counter() - start)
    return times[1:]


def ratio(theirs: np.ndarray, ours: list[float]) -> dict[str, float]:
    return {
        "min": float(f"{theirs.min() / max(ours):.3g}"),
        "of_minima": float(f"{theirs.min() / min(ours):.3g}"),
        "max": float(f"{theirs.max() / min(ours):.3g}"),
    }


def peer(python: str, folder: Path, way: str, rows: int, depth: int) -> dict[str, np.ndarray] | None:
    """One run of neural-tangents; None if compiling took longer than `COMPILE_LIMIT`."""
    out = folder / f"{way}.npz"
    command = [python, str(HERE / "neural_tangents_relu.py"), str(folder / "data.npz"), str(out)]
    try:
        limit = COMPILE_LIMIT if way == "compiled" else None
        subprocess.run([*command, way, str(rows), str(depth)], check=True, timeout=limit, stderr=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return None
    return dict(np.load(out))


def compare(python: str, rows: int, depth: int) -> dict[str, Any]:
    """The line of the table for one depth."""
    X, Z = near_and_far(DIMENSION)
    large = rn.sphere.uniform(rows, DIMENSION, 0)
    truth = [exact(x, z, (depth,)) for x, z in zip(X, Z, strict=True)]
    padded = np.vstack([Z, rn.sphere.uniform(2000, DIMENSION, 5)])  # large enough for the table
    mine = np.asarray(rn.kernels.ReluNTK()(X, padded, depth=depth))[:, : len(Z)]
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "data.npz", X=X, Z=Z, large=large)
        ours = seconds(large, depth)
        plain = peer(python, Path(folder), "plain", rows, depth)
        ours += seconds(large, depth)
        compiled = peer(python, Path(folder), "compiled", rows, depth)
        ours += seconds(large, depth)
    assert plain is not None
    slow = f"not compiled within {COMPILE_LIMIT} s"
    return {
        "time_ratio_without_compilation": ratio(plain["times"], ours),
        "time_ratio_compiled": ratio(compiled["times"], ours) if compiled else slow,
        "first_compiled_call_over_one_of_ours": float(f"{compiled['first'] / min(ours):.3g}") if compiled else slow,
        "error_neural_tangents": float(f"{largest_errors({depth: plain['values']}, truth)[depth]:.2g}"),
        "error_roughntk": float(f"{largest_errors({depth: mine}, truth)[depth]:.2g}"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("peer_python", help="the Python of the environment that holds neural-tangents")
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--depths", type=int, nargs="+", default=DEPTHS)
    arguments = parser.parse_args()
    kept = json.loads(RESULT.read_text(encoding="utf-8"))["depths"] if RESULT.exists() else {}
    RESULT.parent.mkdir(exist_ok=True)
    for depth in arguments.depths:
        kept[str(depth)] = compare(arguments.peer_python, arguments.rows, depth) | {"n": arguments.rows}
        print(depth, json.dumps(kept[str(depth)], indent=1), flush=True)
        found = {
            "what": "neural-tangents 0.6.5 (jax 0.4.25) over roughntk: time of an (n, n) ReLU NTK; relative errors",
            "n0": DIMENSION,
            "cores": os.cpu_count(),
            "angles": "1e-6 to pi - 0.1",
            "versions": {"jax": jax.__version__, "numpy": np.__version__},
            "depths": dict(sorted(kept.items(), key=lambda item: int(item[0]))),
        }
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
