"""Signatures of numbers of points that were not seen before, and of those seen, against iisignature, in one process.

    python benchmarks/signature_lengths.py      the ratios; writes results/signature_lengths.json

One path of about 1,000 points in 5 channels, level 4; signatures of 300 and 2,000 points were computed before. A is
roughntk.rough.signature(x, 4, backend=...), checks included, at 25 numbers of points in turn, each for the first time
("new") and again ("seen"); B is iisignature.sig(x, 4) of the same path. Milliseconds of A beside the ratios, as the
issue is what a user waits for; then those of other functions at a new number of points and at a seen one.
"""

import importlib.metadata
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import iisignature
import jax
import numpy as np
from paired import PairedRatio

from roughntk import rough

RESULT = Path(__file__).parent / "results" / "signature_lengths.json"
CHANNELS, LEVEL, LENGTHS = 5, 4, range(1000, 1025)


def walk(points: int, channels: int = CHANNELS) -> np.ndarray:
    return np.random.default_rng(points).normal(size=(points, channels)).cumsum(0) / np.sqrt(points)


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def milliseconds(times: list[float]) -> dict[str, float]:
    return {"median": round(1e3 * float(np.median(times)), 3), "max": round(1e3 * max(times), 3)}


def against_iisignature(backend: str) -> dict[str, Any]:
    for points in (300, 2000):
        expected = iisignature.sig(walk(points), LEVEL)
        given = np.asarray(rough.signature(walk(points), LEVEL, backend=backend))
        np.testing.assert_allclose(given, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    new, seen, theirs = [], [], []
    for points in LENGTHS:
        x = walk(points)
        for times in (new, seen):
            times.append(seconds(lambda x=x: rough.signature(x, LEVEL, backend=backend)))
            if times is new:
                theirs.append(seconds(lambda x=x: iisignature.sig(x, LEVEL)))
    ratios = {
        name: PairedRatio(tuple(a / b for a, b in zip(times, theirs, strict=True))).as_dict()
        for name, times in (("new", new), ("seen", seen))
    }
    return {"over_iisignature": ratios, "milliseconds": {"new": milliseconds(new), "seen": milliseconds(seen)}}


def other_functions() -> dict[str, dict[str, float]]:
    """Milliseconds at a new number of points and at a seen one, in 3 channels, level 3; the best of five each."""
    points = {n: walk(n, 3) for n in (300, *LENGTHS)}
    lifts = {n: rough.lift(x, 3) for n, x in points.items()}
    functions: dict[str, Callable[[int], Any]] = {
        "log_signature": lambda n: rough.log_signature(points[n], 3),
        "prefix_signatures": lambda n: rough.prefix_signatures(points[n], 3),
        "window_signatures": lambda n: rough.window_signatures(points[n], 3, length=50),
        "lift": lambda n: rough.lift(points[n], 3).steps,
        "lift_from_steps": lambda n: rough.lift_from_steps(np.asarray(lifts[n].steps), 3, 3).prefixes,
        "Lift.resample": lambda n: lifts[n].resample(np.linspace(0.0, n - 1.0, 100)).steps,
        "lead_lag": lambda n: rough.lead_lag(points[n]).values,
    }
    table = {}
    for name, function in functions.items():
        for n in (300, LENGTHS[-1]):
            jax.block_until_ready(function(n))
        times = [[seconds(lambda n=n, f=function: f(n)) for _ in range(2)] for n in list(LENGTHS)[:5]]
        table[name] = {
            kind: round(1e3 * min(pair[place] for pair in times), 3) for place, kind in enumerate(("new", "seen"))
        }
    return table


def main() -> None:
    result = {
        "what": "time ratios of one signature, new and seen number of points; milliseconds",
        "points": [LENGTHS[0], LENGTHS[-1]], "channels": CHANNELS, "level": LEVEL,
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 1),
        "versions": {name: importlib.metadata.version(name) for name in ("jax", "numpy", "numba", "iisignature")},
        "signature": {backend: against_iisignature(backend) for backend in ("auto", "jax")},
        "milliseconds_of_others": other_functions(),
        "load_at_end": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
