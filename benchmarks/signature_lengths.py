"""Signatures of numbers of points that were not seen before, and of those seen, against iisignature, in one process.

    python benchmarks/signature_lengths.py      the ratios; writes results/signature_lengths.json

One path of about 1,000 points in 5 channels, level 4; signatures of 300 and 2,000 points were computed before. A is
roughntk.rough.signature(x, 4, backend=...), checks included, at 25 numbers of points in turn, each for the first time
("new") and again ("seen"); B is iisignature.sig(x, 4) of the same path. Milliseconds of A beside the ratios, as the
issue is what a user waits for; then those of other functions at a new number of points and at a seen one.
"""

import importlib.metadata
import importlib.util
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
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
    import iisignature

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


def new_and_seen(function: Callable[[int], Any]) -> dict[str, float]:
    """Milliseconds of the function at a new number of points and at a seen one: the best of five each."""
    for points in (300, LENGTHS[-1]):
        jax.block_until_ready(function(points))
    times = [[seconds(lambda n=n: function(n)) for _ in range(2)] for n in LENGTHS[:5]]
    return {kind: round(1e3 * min(pair[place] for pair in times), 3) for place, kind in enumerate(("new", "seen"))}


def other_functions() -> dict[str, dict[str, float]]:
    """The same of functions that are not signatures, in 3 channels, level 3."""
    points = {n: walk(n, 3) for n in (300, *LENGTHS)}
    table = {
        name: new_and_seen(function)
        for name, function in {
            "log_signature": lambda n: rough.log_signature(points[n], 3),
            "prefix_signatures": lambda n: rough.prefix_signatures(points[n], 3),
            "window_signatures": lambda n: rough.window_signatures(points[n], 3, length=50),
            "lift": lambda n: rough.lift(points[n], 3).steps,
            "lead_lag": lambda n: rough.lead_lag(points[n]).values,
            "brownian_lift, Ito": lambda n: rough.brownian_lift(points[n], kind="ito").steps,
            "solve_rde": lambda n: rough.solve_rde(rotation, points[n], [0.1, 0.2]).values,
        }.items()
    }
    lifts = {n: rough.lift(x, 3) for n, x in points.items()}
    steps = {n: np.asarray(lift.steps) for n, lift in lifts.items()}
    table["lift_from_steps"] = new_and_seen(lambda n: rough.lift_from_steps(steps[n], 3, 3).prefixes)
    table["Lift.resample"] = new_and_seen(lambda n: lifts[n].resample(np.linspace(0.0, n - 1.0, 100)).steps)
    return table


def rotation(y: jax.Array) -> jax.Array:
    return jnp.stack([jnp.sin(y), jnp.cos(y), y[::-1]], axis=1)


def main() -> None:
    if importlib.util.find_spec("iisignature") is None:
        print(f"iisignature is not installed: {rough.backend_install_command('iisignature')}")
        return
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
