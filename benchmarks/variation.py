"""Exact p-variation against sorting, and the level-2 distance against a vectorised numpy programme, in one process.

    python benchmarks/variation.py              the ratios, and a peak of memory; writes results/variation.json
    python benchmarks/variation.py --quick      all of it at a tenth of the sizes, to see that it runs; writes nothing

Scalar paths: A is p_variation(x, p) from start to end, checks included, B is numpy.sort(x), 10^6 points. Growth: the
exponent of the time of A between 10^4 and 10^6 points, from the ratio of the two in alternation; and, for Brownian,
fractional Brownian and monotone paths, the exponent of a least-squares line through five sizes, beside that of N log N
through the same. Level 2: A is the plain vectorised programme below, one row of pairs at a time, B is
p_variation_distance, 1,000 points in 10 channels. Memory: the peak of a process of its own that computes the levels 1
and 2 of the distance of two paths of 4,000 points in 10 channels.
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

import numba
import numpy as np
from paired import paired_ratio

from roughntk import rough

RESULT = Path(__file__).parent / "results" / "variation.json"
POINTS, FEW, EXPONENTS = 10**6, 10**4, (1.5, 2.0, 2.2, 2.5, 3.0)
PAIRS, CHANNELS, LARGE = 1000, 10, 4000
FIT_SIZES = (1.0, 0.316, 0.1, 0.0316, 0.01)  # times POINTS
FITTED = ("brownian", "fbm, H = 0.3", "fbm, H = 0.75", "monotone")


def fractional(points: int, hurst: float, rng: np.random.Generator) -> np.ndarray:
    """Fractional Brownian motion by circulant embedding of the covariance of its increments."""
    k = np.arange(points)
    row = 0.5 * (abs(k + 1.0) ** (2 * hurst) + abs(k - 1.0) ** (2 * hurst) - 2.0 * k ** (2 * hurst))
    spectrum = np.fft.fft(np.concatenate([row, row[-2:0:-1]])).real.clip(min=0)
    noise = rng.standard_normal(len(spectrum)) + 1j * rng.standard_normal(len(spectrum))
    return np.fft.fft(np.sqrt(spectrum / len(spectrum)) * noise).real[:points].cumsum()


def scalar_paths(points: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(points)
    return {
        "brownian": noise.cumsum(),
        "fbm, H = 0.3": fractional(points, 0.3, rng),
        "fbm, H = 0.75": fractional(points, 0.75, rng),
        "monotone": np.sort(noise).cumsum() - np.arange(points) * noise.min(),
        "alternating": np.arange(points) % 2 * 1.0,
        "white noise": noise,
        "noise on a trend": noise + 0.1 * np.arange(points),
    }


def by_numpy(path_a: np.ndarray, path_b: np.ndarray, p: float, norm: str = "l1") -> float:
    """The level-2 distance by the plain dynamic programme, vectorised over i: D_{i,j+1} = D_{i,j} + D1_{i,j} (x) x +
    Y1_{i,j} (x) (x - y) + level 2 of the difference of the steps."""
    count, channels = path_a.shape
    x, y = np.diff(path_a, axis=0), np.diff(path_b, axis=0)
    outer = lambda a, b: (a[:, :, None] * b[..., None, :]).reshape(len(a), channels**2)  # noqa: E731
    second = (outer(x, x) - outer(y, y)) / 2
    gap = path_a - path_b
    d = np.zeros((count, channels**2))
    sums = np.zeros(count)
    for j in range(count - 1):
        old = slice(0, j)
        d[old] += outer(gap[j] - gap[old], x[j]) + outer(path_b[j] - path_b[old], x[j] - y[j])
        row = d[: j + 1]
        row += second[j]
        size = np.abs(row).sum(1) if norm == "l1" else np.sqrt(np.einsum("ij,ij->i", row, row))
        sums[j + 1] = (sums[: j + 1] + size ** (p / 2)).max()
    return float(sums[-1] ** (2 / p))


def walks(points: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.standard_normal((points, CHANNELS)).cumsum(0), rng.standard_normal((points, CHANNELS)).cumsum(0)


def check(path: np.ndarray, p: float) -> None:
    """A piece of the path against the plain programme."""
    piece, sums = path[:1500], np.zeros(1500)
    for j in range(1, len(piece)):
        sums[j] = (sums[:j] + np.abs(piece[j] - piece[:j]) ** p).max()
    assert math.isclose(rough.p_variation(piece, p, root=False), sums[-1], rel_tol=1e-11), p


def against_sorting(points: int, repeats: int) -> dict[str, Any]:
    found: dict[str, Any] = {"over_sort": {}, "growth_exponent": {}}
    fewer = points * FEW // POINTS
    few = scalar_paths(fewer)
    for name, path in scalar_paths(points).items():
        for p in EXPONENTS:
            check(path, p)
            ratio = paired_ratio(lambda p=p, x=path: rough.p_variation(x, p), lambda x=path: np.sort(x), repeats)

            def repeated(p: float = p, x: np.ndarray = few[name]) -> list[float]:
                return [rough.p_variation(x, p) for _ in range(points // fewer)]

            growth = paired_ratio(lambda p=p, x=path: rough.p_variation(x, p), repeated, 3)
            key = f"{name}, p = {p:g}"
            found["over_sort"][key] = ratio.as_dict()
            found["growth_exponent"][key] = round(1 + math.log(growth.median) / math.log(points / fewer), 3)
            print(f"{key:28s} over sort {ratio}; growth exponent {found['growth_exponent'][key]}", flush=True)
    return found


def growth_fit(points: int, repeats: int) -> dict[str, Any]:
    """The exponent of time against N by least squares over five sizes, each in alternation with the largest."""
    sizes = [round(points * part) for part in FIT_SIZES]
    paths = {size: scalar_paths(size) for size in sizes}
    log = np.log(sizes)
    expected = float(np.polyfit(log, log + np.log(log), 1)[0])
    found: dict[str, Any] = {"sizes": sizes, "n_log_n": round(expected, 3), "exponent": {}}
    for name in FITTED:
        for p in (1.5, 2.5):
            times = [1.0]
            for size in sizes[1:]:
                calls = points // size

                def repeated(p: float = p, x: np.ndarray = paths[size][name], calls: int = calls) -> list[float]:
                    return [rough.p_variation(x, p) for _ in range(calls)]

                full = paths[points][name]
                ratio = paired_ratio(repeated, lambda p=p, x=full: rough.p_variation(x, p), repeats)
                times.append(ratio.median / calls)
            key = f"{name}, p = {p:g}"
            found["exponent"][key] = round(float(np.polyfit(log, np.log(times), 1)[0]), 3)
            print(f"{key:28s} exponent {found['exponent'][key]} (N log N: {found['n_log_n']})", flush=True)
    return found


def level_two(points: int, repeats: int) -> dict[str, Any]:
    a, b = walks(points)
    found = {}
    for norm in ("l1", "l2"):
        slow, fast = by_numpy(a, b, 2.5, norm), rough.p_variation_distance(a, b, 2.5, level=2, norm=norm)
        assert math.isclose(slow, fast, rel_tol=1e-11), (slow, fast)
        ratio = paired_ratio(
            lambda norm=norm: by_numpy(a, b, 2.5, norm),
            lambda norm=norm: rough.p_variation_distance(a, b, 2.5, level=2, norm=norm),
            repeats,
        )
        found[norm] = ratio.as_dict()
        print(f"level 2, {norm}: numpy over ours {ratio}", flush=True)
    return found


def first_calls() -> dict[str, float]:
    """Seconds of the first call of each compiled routine in this process (from numba's cache if it holds them)."""
    short = np.random.default_rng(0).standard_normal((40, 2)).cumsum(0)
    calls = {
        "scalar": lambda: rough.p_variation(short[:, 0], 2.0),
        "level 1": lambda: rough.p_variation(short, 2.0),
        "level 2": lambda: rough.p_variation_distance(short, short + 1, 2.0, level=2),
    }
    found = {}
    for name, call in calls.items():
        start = time.perf_counter()
        call()
        found[name] = round(time.perf_counter() - start, 2)
    return found


def peak_in_own_process(points: int) -> dict[str, int]:
    """Bytes before, and at the peak of, a distance of two paths of so many points."""
    done = subprocess.run([sys.executable, __file__, "--peak", str(points)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def peak_memory() -> int:
    """Bytes that this process has needed at most."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would begin with the peak of the parent
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes, 3 repeats, nothing written")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        before = peak_memory()
        rough.p_variation_distance(*walks(arguments.peak), 2.5)
        print(json.dumps({"before": before, "peak": peak_memory()}))
        return
    part, repeats = (10, 3) if arguments.quick else (1, arguments.repeats)
    points, pairs, large = POINTS // part, PAIRS // (2 if arguments.quick else 1), LARGE // part
    found: dict[str, Any] = {
        "what": "time of p_variation / time of numpy.sort at 10^6 points; numpy programme / ours at level 2",
        "points": points,
        "level_two_points": pairs,
        "level_two_channels": CHANNELS,
        "cores": os.cpu_count(),
        "load_at_start": round(os.getloadavg()[0], 1),
        "versions": {"numba": numba.__version__, "numpy": np.__version__},
        "first_call_seconds": first_calls(),
    }
    memory = peak_in_own_process(large)
    found[f"distance_{large}_points_{CHANNELS}_channels_bytes"] = memory
    print(f"{large} points, {CHANNELS} channels, levels 1 and 2: peak {memory['peak'] / 2**30:.2f} GiB")
    found["level_two_numpy_over_ours"] = level_two(pairs, repeats)
    found["growth_fit"] = growth_fit(points, 3)
    found |= against_sorting(points, repeats)
    found["load_at_end"] = round(os.getloadavg()[0], 1)
    if not arguments.quick:
        RESULT.parent.mkdir(exist_ok=True)
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
