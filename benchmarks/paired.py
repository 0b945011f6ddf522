"""Paired ratios: how long one thing takes relative to another, measured in one run. README.md says why.

python benchmarks/paired.py     a demonstration
"""

import gc
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PairedRatio:
    """The ratios time of A / time of B of neighbouring calls, in the order they were measured."""

    ratios: tuple[float, ...]

    @property
    def min(self) -> float:
        return min(self.ratios)

    @property
    def median(self) -> float:
        return statistics.median(self.ratios)

    @property
    def max(self) -> float:
        return max(self.ratios)

    def as_dict(self) -> dict[str, float]:
        """Minimum, median and maximum to three places, and the number of pairs, for a results file."""
        places = {name: round(getattr(self, name), 3) for name in ("min", "median", "max")}
        return places | {"pairs": len(self.ratios)}

    def __str__(self) -> str:
        pairs = len(self.ratios)
        text = f"A / B: median {self.median:.3g} ({self.min:.3g} to {self.max:.3g}, {pairs} pairs)"
        return text + ("; no winner" if self.min <= 1 <= self.max else "")


def paired_ratio(a: Callable[[], Any], b: Callable[[], Any], repeats: int, *, warmup: int = 1) -> PairedRatio:
    """Times a and b in alternation, A B A B ..., and returns the ratios time of a / time of b of the pairs.

    `a` and `b` take no arguments. Each is first called `warmup` times, which is not measured. JAX arrays in
    what they return are waited for. Fewer than 3 pairs, or calls too short to time, raise ValueError.
    """
    if repeats < 3:
        raise ValueError(f"expected at least 3 repeats, got {repeats}; the median of fewer says nothing")
    for _ in range(warmup):
        _wait(a())
        _wait(b())
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        pairs = [(_seconds(a), _seconds(b)) for _ in range(repeats)]
    finally:
        if collecting:
            gc.enable()
    shortest = min(min(pair) for pair in pairs)
    if shortest < 1000 * time.get_clock_info("perf_counter").resolution:
        raise ValueError(
            f"expected calls of a few milliseconds, got one of {shortest:.1e} s; repeat the work inside it"
        )
    return PairedRatio(tuple(of_a / of_b for of_a, of_b in pairs))


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    _wait(function())
    return time.perf_counter() - start


def _wait(result: Any) -> None:
    jax = sys.modules.get("jax")  # whoever returns a JAX array has imported it
    if jax is not None:
        jax.block_until_ready(result)


def demonstration() -> None:
    """Solving with a positive definite matrix: general LU factorisation against Cholesky."""
    import numpy as np
    import scipy.linalg

    rng = np.random.default_rng(0)
    root = rng.standard_normal((600, 600))
    matrix = root @ root.T + 600 * np.eye(600)
    right = rng.standard_normal((600, 4))

    def by_lu() -> Any:
        return scipy.linalg.solve(matrix, right, assume_a="gen")

    def by_cholesky() -> Any:
        return scipy.linalg.cho_solve(scipy.linalg.cho_factor(matrix), right)

    assert np.allclose(by_lu(), by_cholesky(), rtol=1e-10, atol=0)
    print("A: LU, B: Cholesky, n = 600, 4 right-hand sides")
    print(paired_ratio(by_lu, by_cholesky, repeats=15, warmup=2))


if __name__ == "__main__":
    demonstration()
