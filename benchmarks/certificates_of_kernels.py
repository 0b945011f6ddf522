"""The float64 kernels against proven enclosures, the certificates against the true errors, and the bound of the limit.

    python benchmarks/certificates_of_kernels.py          writes results/certificates_of_kernels.json (some minutes)
    python benchmarks/certificates_of_kernels.py limit    measures one part again: float64, certificates, limit

1. float64: a proven bound of |value - exact|, over max(|exact|, 1/20) for K and rho and over theta for the angle, for
   10,000 random pairs of an angle (uniform, small down to 1e-300, short of pi down to 1e-15, both ends) and a depth
   (whole to 10^6, real, and real to 10^12); and of a correlation and a depth, real ones being 1.01 at least.
2. certificates: `error_bound` of float64 values of K over their true errors, known to 40 digits more.
3. limit: `limit_bound` over |K_L - 1/4|, at random angles and whole depths to 10^6.
"""

import json
import math
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

import roughntk as rn
from roughntk.certify.balls import Enclosure
from roughntk.certify.values import at_angle

RESULT = Path(__file__).parent / "results" / "certificates_of_kernels.json"
CASES, SEED = 10_000, 15
FLOOR = 1 / 20
QUANTILES = (0.5, 0.9, 0.99, 1.0)


def random_angles(generator: np.random.Generator, count: int) -> np.ndarray:
    share, kind = generator.random(count), generator.integers(0, 4, count)
    angles = np.select(
        [kind == 0, kind == 1, kind == 2],
        [math.pi * share, 10.0 ** (-300 * share), 10.0 ** (-8 * share)],
        math.pi - 10.0 ** (-15 * share),
    )
    angles[:2] = math.pi, 1e-300
    return angles


def random_depths(generator: np.random.Generator, count: int) -> np.ndarray:
    share, kind = generator.random(count), generator.integers(0, 4, count)
    return np.select(
        [kind == 0, kind == 1, kind == 2],
        [np.floor(10.0 ** (6 * share)), 1 + 2 * share, 10.0 ** (12 * share)],
        1 + 10.0 ** (-12 * share),
    )


def float64_values(angles: np.ndarray, depths: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "K": np.asarray(rn.kernels.ReluNTK().at_angle(angles, depths)),
        "rho": np.asarray(rn.kernels.ReluNNGP().at_angle(angles, depths)),
        "theta": np.asarray(rn.maps.relu_flow.flow(angles, depths - 1)),
    }


def quantiles(values: list[float]) -> dict[str, float]:
    return {f"quantile {share}": float(np.quantile(values, share)) for share in QUANTILES}


def error(exact: Enclosure, value: float, floor: float = FLOOR) -> float:
    """Bound of the error of a value, over the exact number or `floor`."""
    return exact.error_of(value) / max(abs(float(exact)), floor)


def float64() -> dict:
    generator = np.random.default_rng(SEED)
    angles, depths = random_angles(generator, CASES), random_depths(generator, CASES)
    record: dict = {"cases": CASES, "floor of K and rho": FLOOR}
    pairs = [(float(angle), float(depth)) for angle, depth in zip(angles, depths, strict=True)]
    for name, values in float64_values(angles, depths).items():
        floor = 0.0 if name == "theta" else FLOOR
        exact = (at_angle(name, *pair, digits=20) for pair in pairs)
        record[name] = quantiles([error(each, float(value), floor) for each, value in zip(exact, values, strict=True)])
        print(name, record[name], flush=True)
    near = generator.integers(0, 2, CASES) == 0
    correlations = np.where(near & (np.cos(angles) > 0), 1 - 10.0 ** (-16 * generator.random(CASES)), np.cos(angles))
    depths = np.maximum(depths, np.where(depths > 1, 1.01, 1.0))
    for name, family, function in (
        ("K", rn.kernels.ReluNTK(), rn.certify.kernel),
        ("rho", rn.kernels.ReluNNGP(), rn.certify.correlation),
    ):
        values = np.asarray(family.at_correlation(correlations, depths))
        cases = zip(correlations, depths, values, strict=True)
        record[f"{name} at correlations"] = quantiles(
            [error(function(float(rho), float(depth), digits=20), float(value)) for rho, depth, value in cases]
        )
        print(name, "at correlations", record[f"{name} at correlations"], flush=True)
    return record


def compared(bounds: list[float], truths: list[Fraction]) -> dict:
    """Bounds beside what they bound; where that is 0 no ratio is formed."""
    ratios = [float(Fraction(bound) / truth) for bound, truth in zip(bounds, truths, strict=True) if truth]
    return {
        "cases": len(bounds),
        "below": sum(bound < truth for bound, truth in zip(bounds, truths, strict=True)),
        "above 100": sum(ratio > 100 for ratio in ratios),
        "ratio": quantiles(ratios),
    }


def certificates() -> dict:
    generator = np.random.default_rng(SEED + 1)
    angles, depths = random_angles(generator, CASES), random_depths(generator, CASES)
    bounds, truths = [], []
    for angle, depth, value in zip(angles, depths, float64_values(angles, depths)["K"], strict=True):
        pair = float(angle), float(depth)
        bounds.append(
            rn.certify.error_bound(float(value), lambda digits, pair=pair: at_angle("K", *pair, digits=digits))
        )
        digits = 60 + math.ceil(-2 * math.log10(min(pair[0], 1.0)))
        truths.append(at_angle("K", *pair, digits=digits).distances_to(float(value))[0])
    return compared(bounds, truths)


def limit() -> dict:
    generator = np.random.default_rng(SEED + 2)
    shares, uniform = generator.random(CASES), generator.integers(0, 2, CASES) == 0
    angles = math.pi * np.where(uniform, shares, 10.0 ** (-4 * shares))
    bounds, truths = [], []
    for rho, depth in zip(np.cos(angles), np.floor(10.0 ** (6 * generator.random(CASES))), strict=True):
        bounds.append(rn.certify.limit_bound(float(rho), int(depth)).value)
        truths.append(rn.certify.kernel(float(rho), int(depth), digits=20).distances_to("1/4")[0])
    return compared(bounds, truths)


PARTS = {"float64": float64, "certificates": certificates, "limit": limit}


def main(parts: list[str]) -> None:
    record = json.loads(RESULT.read_text()) if RESULT.exists() and parts else {}
    record |= {"what": __doc__.splitlines()[0]}
    for part in parts or list(PARTS):
        start = time.perf_counter()
        record[part] = PARTS[part]()
        print(part, record[part], f"{time.perf_counter() - start:.0f} s", flush=True)
        RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
