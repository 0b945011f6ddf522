"""A kernel matrix at any depth against one Gram product and one arccos pass over it, in one process.

    python benchmarks/kernel_matrix.py              the ratios; writes results/kernel_matrix.json
    python benchmarks/kernel_matrix.py --memory     the same, and the peak memory at n = 8000 in a process of its own

A is family(X, depth=L) or family(X, Z, depth=L) from start to end: checks, product, angles, repair near 0 and pi, the
kernel. B is one Gram product and one arccos pass over the same rows. Two baselines are reported: "numpy" is
np.arccos(np.clip(X @ Z.T, -1, 1)), "jax" the same line compiled by jax.jit. n = 1000, n0 = 128, float64.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from paired import paired_ratio

import roughntk as rn
from roughntk import sphere

RESULT = Path(__file__).parent / "results" / "kernel_matrix.json"
DEPTHS = (10, 30, 100, 33.3, 1e3, 1e6, 1e12)
ROWS, DIMENSION, LARGE = 1000, 128, 8000


def baselines(X: np.ndarray, Z: np.ndarray) -> dict[str, Any]:
    """What a kernel matrix is measured against."""
    compiled = jax.jit(lambda X, Z: jnp.arccos(jnp.clip(X @ Z.T, -1.0, 1.0)))
    on_device = jnp.asarray(X), jnp.asarray(Z)
    return {"numpy": lambda: np.arccos(np.clip(X @ Z.T, -1.0, 1.0)), "jax": lambda: compiled(*on_device)}


def error(family: Any, matrix: Any, X: np.ndarray, Z: np.ndarray | None, depth: float) -> float:
    """Largest relative difference from the elementwise closed form at the same angles."""
    exact = np.asarray(family.at_angle(sphere.angles(X, Z), depth))
    return float((np.abs(np.asarray(matrix) - exact) / np.abs(exact)).max())


def first_call(X: np.ndarray) -> float:
    """Seconds of the first call less those of a later one: what compiling and the first table cost."""
    family = rn.kernels.ReluNTK()
    jax.jit(lambda x: x + 1)(1.0)  # JAX's own start is not ours
    seconds = []
    for depth in (10, 11, 12):
        start = time.perf_counter()
        jax.block_until_ready(family(X, depth=depth))
        seconds.append(time.perf_counter() - start)
    return seconds[0] - min(seconds[1:])


def peak_memory() -> dict[str, float]:
    """Peak resident memory of one call at n = 8000 over the size of the output, each in a process of its own."""
    found = {"n": float(LARGE)}
    for name in ("nothing", "symmetric", "rectangular"):
        done = subprocess.run([sys.executable, __file__, "--peak", name], check=True, capture_output=True, text=True)
        found[name] = round(float(done.stdout) / (8 * LARGE**2), 3)
    return found


def print_peak(name: str) -> None:
    """Bytes of memory that this process has needed at most, after one large call ("nothing": before it)."""
    family = rn.kernels.ReluNTK()
    family(rn.sphere.uniform(150, DIMENSION, 0), depth=100).block_until_ready()  # compile
    X, Z = rn.sphere.uniform(LARGE, DIMENSION, 0), rn.sphere.uniform(LARGE, DIMENSION, 1)
    if name != "nothing":
        family(X, Z if name == "rectangular" else None, depth=100).block_until_ready()
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would begin with the peak of the parent
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        print(int(peak.split()[1]) * 1024)
    else:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def measure(repeats: int) -> dict[str, Any]:
    X, Z = rn.sphere.uniform(ROWS, DIMENSION, 0), rn.sphere.uniform(ROWS, DIMENSION, 1)
    found: dict[str, Any] = {"first_call_extra_seconds": round(first_call(X), 2), "ratios": {}, "errors": {}}
    for name, second in (("symmetric", None), ("rectangular", Z)):
        base = baselines(X, X if second is None else second)
        for family in (rn.kernels.ReluNTK(), rn.kernels.ReluNNGP()):
            for depth in DEPTHS:
                key = f"{family.name}, {name}, depth {depth:g}"
                call = lambda family=family, depth=depth, second=second: family(X, second, depth=depth)  # noqa: E731
                found["errors"][key] = error(family, call(), X, second, depth)
                assert found["errors"][key] < 1e-14, key
                if family.name == "relu-nngp" and depth not in (10, 1e12):
                    continue
                against = {b: paired_ratio(call, base[b], repeats, warmup=2) for b in base}
                found["ratios"][key] = {b: ratio.as_dict() for b, ratio in against.items()}
                print(key, *(f"\n    {b:6s} {ratio}" for b, ratio in against.items()), flush=True)
        deep, shallow = (lambda d=d, s=second: rn.kernels.ReluNTK()(X, s, depth=d) for d in (1e12, 10))
        ratio = paired_ratio(deep, shallow, 2 * repeats, warmup=2)
        found["ratios"][f"relu-ntk, {name}, depth 1e12 over depth 10"] = ratio.as_dict()
        print(f"relu-ntk, {name}, depth 1e12 over depth 10\n           {ratio}")
        alone = paired_ratio(lambda s=second: sphere.angles(X, s), base["numpy"], repeats, warmup=2)
        found["ratios"][f"angles alone, {name}"] = {"numpy": alone.as_dict()}
        print(f"angles alone, {name}\n    numpy  {alone}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memory", action="store_true", help="also the peak memory at n = 8000 (needs 2 GB)")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        print_peak(arguments.peak)
        return
    found: dict[str, Any] = {
        "what": "time of family(X, Z, depth=L) / time of one Gram product and one arccos pass",
        "n": ROWS,
        "n0": DIMENSION,
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 1),
        "versions": {"jax": jax.__version__, "numpy": np.__version__},
        **measure(arguments.repeats),
    }
    print(f"first call, beyond a later one: {found['first_call_extra_seconds']} s")
    print(f"largest relative difference from the closed form: {max(found['errors'].values()):.1e}")
    if arguments.memory:
        found["peak_memory_over_output"] = peak_memory()
        print(f"peak memory over output: {found['peak_memory_over_output']}")
    elif RESULT.exists():
        kept = json.loads(RESULT.read_text(encoding="utf-8")).get("peak_memory_over_output")
        found |= {"peak_memory_over_output": kept} if kept else {}
    assert all(math.isfinite(value) for value in found["errors"].values())
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
