"""Kernel regression with many points: without storing the kernel matrix, against factoring it.

    python benchmarks/many_points.py             n = 2,000 against Cholesky, n = 4,000 against scikit-learn, n = 20,000
    python benchmarks/many_points.py --huge      the same, and one application at n = 100,000 in a process of its own

Points are uniform on the sphere in R^64, with 10 right-hand sides; the kernel is that of the bias-free ReLU network.
Seconds and memory of single solves say how large a problem fits; they are no comparison. Writes
results/many_points.json.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from paired import paired_ratio
from sklearn.kernel_ridge import KernelRidge

import roughntk as rn
from roughntk.regression.fitted import Converged
from roughntk.regression.iterative import IterativelyConverged
from roughntk.regression.parted import PartedKernel, Rows

RESULT = Path(__file__).parent / "results" / "many_points.json"
DIMENSION, TARGETS = 64, 10
FAMILIES = ("relu-ntk", "relu-nngp", "biased-relu-ntk", "erf-ntk", "residual-relu-ntk")


def problem(n: int, family: str, depth: float) -> tuple[PartedKernel, np.ndarray]:
    """A kernel of n points, and targets."""
    rows = Rows(rn.sphere.uniform(n, DIMENSION, 0), np.ones(n))
    kernel = PartedKernel(rn.kernels.family(family), rows, depth, limit_first=True)
    return kernel, np.random.default_rng(0).normal(size=(n, TARGETS))


def against_cholesky(n: int = 2000) -> dict[str, Any]:
    """Relative differences of the coefficients, and iterations, for five families."""
    record = {}
    for family in FAMILIES:
        for depth in (2, 30, 1000, float("inf")):
            kernel, y = problem(n, family, depth)
            if depth == float("inf") and kernel.family.collapses:
                continue  # all entries are one: singular without a ridge
            iterative = IterativelyConverged(kernel, 0.0, "kernel matrix")
            alpha, beta = iterative.coefficients(y)
            exact, constant = Converged(kernel, 0.0, "kernel matrix").coefficients(y)
            off = float(np.abs(alpha - exact).max() / np.abs(exact).max())
            off = max(off, float(np.abs(beta - constant).max() / max(1.0, np.abs(constant).max())))
            record[f"{family}, depth {depth:g}"] = {"difference": off, "iterations": iterative.iterations}
            print(
                f"{family}, depth {depth:g}: {off:.1e} from Cholesky in {iterative.iterations} iterations", flush=True
            )
            assert off < 1e-9
    return record


def against_kernel_ridge(n: int = 4000, repeats: int = 5) -> dict[str, float]:
    """scikit-learn's KernelRidge on our kernel matrix over the iterative solve, the matrix included on both sides."""
    X, y = rn.sphere.uniform(n, DIMENSION, 0), np.random.default_rng(0).normal(size=(n, TARGETS))
    family, ridge = rn.kernels.ReluNTK(), 1e-6

    def theirs():
        return KernelRidge(kernel="precomputed", alpha=ridge).fit(np.asarray(family(X, depth=1000)), y).dual_coef_

    def ours():
        kernel = PartedKernel(family, Rows(X, np.ones(n)), 1000, limit_first=True)
        return IterativelyConverged(kernel, ridge, "kernel matrix", tolerance=1e-10).coefficients(y)[0]

    assert np.abs(theirs() - ours()).max() < 1e-8 * np.abs(ours()).max()
    ratio = paired_ratio(theirs, ours, repeats)
    print(f"KernelRidge / ours, n = {n:,}, depth 1000: {ratio}", flush=True)
    return ratio.as_dict()


def large(n: int = 20_000) -> dict[str, Any]:
    """Solves to a residual of 1e-10."""
    record = {}
    for depth in (1000, 50):
        kernel, y = problem(n, "relu-ntk", depth)
        start = time.perf_counter()
        solver = IterativelyConverged(kernel, 0.0, "kernel matrix", tolerance=1e-10)
        solver.coefficients(y)
        seconds = round(time.perf_counter() - start, 1)
        record[f"depth {depth}"] = {
            "iterations": solver.iterations, "rank": solver.rank, "residual": solver.residual, "seconds": seconds,
            "peak_gigabytes": round(peak_bytes() / 1e9, 2),
        }  # fmt: skip
        print(f"n = {n:,}, depth {depth}:", record[f"depth {depth}"], flush=True)
    return record


def huge(n: int) -> dict[str, Any]:
    """One application of the operator, and the memory that it takes beyond the data."""
    X, V = rn.sphere.uniform(n, DIMENSION, 0), np.random.default_rng(0).normal(size=(n, TARGETS))
    small = rn.regression.KernelOperator(rn.kernels.ReluNTK(), X[:300], depth=1000)
    small.apply(V[:300])  # compile
    before = peak_bytes()
    operator = rn.regression.KernelOperator(rn.kernels.ReluNTK(), X, depth=1000)
    start = time.perf_counter()
    operator.apply(V)
    seconds = time.perf_counter() - start
    return {"n": n, "seconds": round(seconds, 1), "gigabytes_beyond_data": round((peak_bytes() - before) / 1e9, 2)}


def peak_bytes() -> int:
    """Memory that this process has needed at most."""
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--huge", action="store_true", help="one application at n = 100,000")
    parser.add_argument("--apply", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.apply:
        print(json.dumps(huge(arguments.apply)))
        return
    record: dict[str, Any] = {"cores": os.cpu_count(), "load_at_start": round(os.getloadavg()[0], 1)}
    record["large"] = large()
    record["against_cholesky"] = against_cholesky()
    record["kernel_ridge_over_ours"] = against_kernel_ridge()
    if arguments.huge:
        command = [sys.executable, __file__, "--apply", "100000"]
        record["huge"] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print("one application:", record["huge"])
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
