"""Proven bounds of transport's errors against many digits, on random cases: never below, and by how much above.

    python benchmarks/certificates.py         2,400 cases; asserts, and writes results/certificates.json
    python benchmarks/certificates.py 1 20    so many parts of 300, from this seed on; nothing is written

No times are taken. The truth is mpmath's, for the numbers of the system at the end of each transport, and for the
bias-free ReLU kernels for the data themselves (tests/transport/random_transports.py).
"""

import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path += [str(ROOT / "tests"), str(ROOT / "tests" / "transport")]

import random_transports as cases  # noqa: E402

from roughntk import InputError  # noqa: E402
from roughntk.regression import NotPositiveDefiniteError  # noqa: E402
from roughntk.transport import equation  # noqa: E402

RESULT = Path(__file__).parent / "results" / "certificates.json"
SIZES, TESTS, MOST, PART = (1, 2, 4, 7), 2, 100, 300
PERCENTILES = (0, 50, 90, 99, 100)


def drawn(rng: np.random.Generator) -> cases.Case:
    """One case: six of ten between whole depths, one along real depth, the rest between given matrices."""
    n, kind = int(rng.choice(SIZES)), rng.uniform()
    if kind < 0.6:
        return cases.whole_depth(rng, n, TESTS, cases.FAMILIES, cases.SOLVERS)
    if kind < 0.7:
        return cases.along_depth(rng, n, TESTS, cases.FAMILIES, cases.SOLVERS)
    return cases.given_matrices(rng, n, TESTS, cases.SOLVERS)


NAMES = ("bound", "gronwall", "total", "total, true error >= eps")


def measured(count: int, seed: int) -> dict[str, Any]:
    """Counts, and ratios of bound to truth, the largest entry of either."""
    rng, seen = np.random.default_rng(seed), cases.Seen()
    equation.certified = seen
    record: dict[str, Any] = {"transports": 0, "refused": 0, "coefficients": 0, "without error": 0, "below": 0}
    record |= {name: [] for name in NAMES}
    for _ in range(count):
        case = drawn(rng)
        try:
            result = case.call()
        except (InputError, NotPositiveDefiniteError):
            record["refused"] += 1
            continue
        if not np.isfinite(result.coefficients).all():
            record["refused"] += 1
            continue
        certificate = result.certificate
        of_numbers, of_data = cases.true_errors(case, result, seen.last)
        record["transports"] += 1
        record["coefficients"] += of_numbers.size
        for name, bound, truth in (
            ("bound", certificate.bound, of_numbers), ("gronwall", certificate.gronwall, of_numbers),
            ("total", certificate.total, of_data),
        ):  # fmt: skip
            if truth is None:
                continue
            if np.any(bound < truth) or not certificate.holds:
                record["below"] += 1
                print("BELOW", name, case.words, bound, truth, file=sys.stderr)
            if truth.max() == 0:
                record["without error"] += name == "bound"
                continue
            record[name].append(float(bound.max() / truth.max()))
            if name == "total":
                least = 2.0**-52 * max(1.0, np.abs(result.coefficients).max())
                record["total, true error >= eps"].append(float(bound.max() / max(truth.max(), least)))
    print(f"seed {seed}: {record['transports']} transports", file=sys.stderr, flush=True)
    return record


def summary(values: list[float]) -> dict[str, Any]:
    array = np.array(values)
    return {
        "cases": len(array),
        **{f"percentile {p}": float(f"{np.percentile(array, p):.6g}") for p in PERCENTILES},
        f"within a factor of {MOST}": float(f"{np.mean(array <= MOST):.5g}"),
    }


def main(parts: int = 8, first: int = 0) -> None:
    """Parts of 300 cases, each in a process of its own: compiled functions are kept for as long as one lives."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        records = list(pool.map(measured, [PART] * parts, range(first, first + parts)))
    counts = {
        name: sum(record[name] for record in records)
        for name in ("transports", "refused", "coefficients", "without error", "below")
    }
    ratios = {name: summary([value for record in records for value in record[name]]) for name in NAMES}
    text = json.dumps(counts | {"bound over truth": ratios}, indent=1)
    print(text)
    assert counts["below"] == 0
    assert ratios["bound"][f"within a factor of {MOST}"] >= 0.99
    if len(sys.argv) == 1:
        RESULT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
