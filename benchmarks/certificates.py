"""Proven bounds of transport's errors against many digits, on random cases: never below, and by how much above.

    python benchmarks/certificates.py              2,400 transports; asserts, and writes results/certificates.json
    python benchmarks/certificates.py 300 7        so many, with another seed; nothing is written

No times are taken. The truth is mpmath's, for the numbers of the system at the end of each transport, and for the
bias-free ReLU kernels for the data themselves (tests/transport/random_transports.py).
"""

import json
import sys
from collections import Counter
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
SIZES, TESTS, MOST = (1, 2, 4, 7), 2, 100
PERCENTILES = (0, 50, 90, 99, 100)


def drawn(rng: np.random.Generator) -> cases.Case:
    """One case: half of them between whole depths, a fifth along real depth, the rest between given matrices."""
    n, kind = int(rng.choice(SIZES)), rng.uniform()
    if kind < 0.55:
        return cases.whole_depth(rng, n, TESTS, cases.FAMILIES, cases.SOLVERS)
    if kind < 0.7:
        return cases.along_depth(rng, n, TESTS, cases.FAMILIES, cases.SOLVERS)
    return cases.given_matrices(rng, n, TESTS, cases.SOLVERS)


def measured(count: int, seed: int) -> dict[str, Any]:
    """Ratios of bound to truth, the largest entry of either."""
    rng, seen = np.random.default_rng(seed), cases.Seen()
    equation.certified = seen
    ratios: dict[str, list[float]] = {name: [] for name in ("bound", "gronwall", "total", "total, true error >= eps")}
    below, refused, coefficients, exactly = Counter(), 0, 0, 0
    converged = 0
    for number in range(count):
        case = drawn(rng)
        try:
            result = case.call()
        except (InputError, NotPositiveDefiniteError):
            refused += 1
            continue
        if not np.isfinite(result.coefficients).all():
            refused += 1
            continue
        certificate = result.certificate
        of_numbers, of_data = cases.true_errors(case, result, seen.last)
        coefficients += of_numbers.size
        converged += result.converged
        for name, bound, truth in (
            ("bound", certificate.bound, of_numbers), ("gronwall", certificate.gronwall, of_numbers),
            ("total", certificate.total, of_data),
        ):  # fmt: skip
            if truth is None:
                continue
            if np.any(bound < truth) or not certificate.holds:
                below[name] += 1
                print("BELOW", name, case.words, bound, truth, file=sys.stderr)
            if truth.max() == 0:
                exactly += name == "bound"
                continue
            ratios[name].append(float(bound.max() / truth.max()))
            if name == "total":
                least = 2.0**-52 * max(1.0, np.abs(result.coefficients).max())
                ratios["total, true error >= eps"].append(float(bound.max() / max(truth.max(), least)))
        if number % 100 == 99:
            print(f"{number + 1} of {count}", file=sys.stderr, flush=True)
    return {
        "seed": seed, "transports": count - refused, "refused": refused, "coefficients": coefficients,
        "converged": converged, "without error": exactly, "bounds below the truth": sum(below.values()),
        "bound over truth": {name: summary(values) for name, values in ratios.items()},
    }  # fmt: skip


def summary(values: list[float]) -> dict[str, Any]:
    array = np.array(values)
    return {
        "cases": len(array),
        **{f"percentile {p}": float(f"{np.percentile(array, p):.6g}") for p in PERCENTILES},
        f"within a factor of {MOST}": float(f"{np.mean(array <= MOST):.5g}"),
    }


def main(count: int = 2400, seed: int = 0) -> None:
    record = measured(count, seed)
    print(json.dumps(record, indent=1))
    assert record["bounds below the truth"] == 0
    assert record["bound over truth"]["bound"][f"within a factor of {MOST}"] >= 0.99
    if len(sys.argv) == 1:
        RESULT.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
