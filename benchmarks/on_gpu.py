"""The same figures on a GPU: kernel entries per second, a solve at n = 50,000, accuracy against the processor.

    python benchmarks/on_gpu.py

Takes under three minutes on a current GPU, and says so where JAX has none. Points are uniform on the sphere in R^64,
with 10 right-hand sides; the kernel is that of the bias-free ReLU network. Writes results/on_gpu.json, where there is a
GPU.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from paired import paired_ratio

import roughntk as rn
from roughntk.regression.iterative import IterativelyConverged
from roughntk.regression.operator import KernelOperator
from roughntk.regression.parted import PartedKernel, Rows

RESULT = Path(__file__).parent / "results" / "on_gpu.json"
DIMENSION, TARGETS = 64, 10


def against_the_processor(n: int, repeats: int = 5) -> dict[str, Any]:
    """One product, by the GPU and by the compiled loops."""
    X, V = rn.sphere.uniform(n, DIMENSION, 0), np.random.default_rng(1).normal(size=(n, TARGETS))
    record = {}
    for depth in (2, 50, 1000):
        by_loops, by_gpu = (KernelOperator(rn.kernels.ReluNTK(), X, depth=depth, devices=d) for d in (None, "all"))
        exact = by_loops @ V
        off = float(np.abs(by_gpu @ V - exact).max() / np.abs(exact).max())
        ratio = paired_ratio(lambda: by_loops @ V, lambda: by_gpu @ V, repeats)  # noqa: B023  called at once
        start = time.perf_counter()
        by_gpu @ V
        rate = n * n / (time.perf_counter() - start)
        record[f"depth {depth}"] = {
            "difference": off, "processor_over_gpu": ratio.as_dict(), "entries_per_second": float(f"{rate:.3g}"),
        }  # fmt: skip
        print(f"n = {n:,}, depth {depth}:", record[f"depth {depth}"], flush=True)
        assert off < 1e-12
    return record


def solve(n: int) -> dict[str, Any]:
    """Solves to a residual of 1e-10."""
    record = {}
    for depth in (1000, 50):
        rows = Rows(rn.sphere.uniform(n, DIMENSION, 0), np.ones(n))
        kernel = PartedKernel(rn.kernels.ReluNTK(), rows, depth, limit_first=True)
        y = np.random.default_rng(0).normal(size=(n, TARGETS))
        start = time.perf_counter()
        solver = IterativelyConverged(kernel, 0.0, "kernel matrix", tolerance=1e-10, devices="all")
        solver.coefficients(y)
        record[f"depth {depth}"] = {
            "iterations": solver.iterations, "residual": solver.residual,
            "seconds": round(time.perf_counter() - start, 1),
        }  # fmt: skip
        print(f"n = {n:,}, depth {depth}:", record[f"depth {depth}"], flush=True)
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, nargs=2, default=(20_000, 50_000), help="of the product, of the solve")
    parser.add_argument("--anywhere", action="store_true", help="run without a GPU, and write nothing")
    arguments = parser.parse_args()
    device = jax.devices()[0]
    if device.platform == "cpu" and not arguments.anywhere:
        print("JAX has no GPU here (install its package for the GPU, or run on another machine): nothing was measured.")
        return
    product, solved = arguments.points
    record: dict[str, Any] = {"device": device.device_kind, "jax": jax.__version__}
    record["product"] = against_the_processor(product)
    record["solve"] = solve(solved)
    if device.platform != "cpu":
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
