"""Networks of finite width against their limit laws: random depth, tangent kernel, several inputs. About ten minutes.

    python benchmarks/random_depth.py           asserts the figures; writes results/random_depth.json
    python benchmarks/random_depth.py depths    one part of them: moments, depths, ratios, networks

No times are taken: what is measured is how far simulated networks are from the laws, with standard errors. The networks
come from tests/networks/pair_networks.py, which shares nothing with the package.
"""

import importlib.metadata
import json
import math
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "networks"))

import pair_networks  # noqa: E402

import roughntk as rn  # noqa: E402
from roughntk.maps import relu_flow  # noqa: E402

RESULT = Path(__file__).parent / "results" / "random_depth.json"
ANGLE = math.pi / 3
LEVELS = (0.05, 0.5, 0.95)
RATIOS = {0.1: (0.270, 0.096), 0.25: (0.289, 0.146), 0.5: (0.3225, 0.194), 1.0: (0.368, 0.254), 2.0: (0.438, 0.308)}


def told(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def estimate(values: np.ndarray) -> list[float]:
    """The mean and its standard error."""
    return [round(float(values.mean()), 6), round(float(values.std() / math.sqrt(values.size)), 6)]


def off(value: float, values: np.ndarray) -> float:
    """How many standard errors the mean of the values is from a value."""
    return float((values.mean() - value) / (values.std() / math.sqrt(values.size)))


def moments() -> dict[str, Any]:
    """E Theta^2/(E Theta)^2 of 1e6 networks, from their weights."""
    table = {}
    for width, layers in ((10, 1), (16, 2), (16, 4)):
        told(f"1,000,000 networks of width {width}, {layers} layers")
        parts = [
            pair_networks.kernels_from_weights(np.eye(1, width), width, layers, 10_000, [seed, width, layers])
            for seed in range(100)
        ]
        squares = np.concatenate(parts)[:, 0, 0] ** 2 / layers**2
        exact = rn.networks.tangent_moments(layers, width).ratio
        table[f"width {width}, layers {layers}"] = {
            "exact": exact, "simulated": estimate(squares), "standard_errors_off": round(off(exact, squares), 2),
        }  # fmt: skip
        assert abs(off(exact, squares)) < 4
    for t in (0.1, 0.25, 0.5, 1.0):
        each = rn.networks.tangent_moments(round(1000 * t), 1000)
        table[f"width 1000, t = {t:g}"] = {"exact": each.ratio, "limit": each.limit}
        assert abs(each.ratio / each.limit - 1) < 0.02
    return table


def depths() -> dict[str, Any]:
    """L_eff of networks of width 200 from the angle 60 degrees, by the Abel clock."""
    table = {}
    for layers, samples in ((20, 8000), (50, 8000), (100, 12000), (200, 6000)):
        told(f"{samples} pairs, width 200, {layers} layers")
        parts = [pair_networks.angles(ANGLE, 200, layers, 500, [seed, layers]) for seed in range(samples // 500)]
        depth = 1 + np.asarray(relu_flow.abel(np.concatenate([part[0] for part in parts])))
        depth -= float(relu_flow.abel(ANGLE))
        norms = np.concatenate([part[1] for part in parts])
        law = rn.networks.effective_depth(layers, 200, angle=ANGLE)
        ranks = (np.arange(samples) + 0.5) / samples
        t = layers / 200
        table[f"layers {layers}"] = {
            "mean": estimate(depth), "mean_of_the_law": round(law.mean, 3), "limit_law": round(
                rn.networks.effective_depth(layers, 200).mean, 3),
            "quantiles": np.quantile(depth, LEVELS).round(2).tolist(),
            "quantiles_of_the_law": np.round(law.quantile(LEVELS), 2).tolist(),
            "distance": round(float(np.abs(law.probability(np.sort(depth)) - ranks).max()), 4),
            "distance_that_chance_exceeds_in_1_of_100": round(1.63 / math.sqrt(samples), 4),
            "log_norm": {"mean": estimate(norms), "limit": -2.5 * t, "variance": round(float(norms.var()), 4),
                         "variance_in_the_limit": 5 * t},
        }  # fmt: skip
    return table


def ratios() -> dict[str, Any]:
    """Theta_12/sqrt(Theta_11 Theta_22) in the limit."""
    table = {}
    for t, (mean, sd) in RATIOS.items():
        told(f"limit law at t = {t:g}")
        rows = {}
        for steps in (50, 200):
            drawn = rn.networks.tangent_ratio_limit(t, key=jax.random.key(7), samples=40_000, steps=steps)
            rows[f"{steps} steps"] = {"mean": estimate(drawn.ratios), "sd": round(drawn.sd, 4)}
        assert abs(drawn.mean - mean) < 4 * drawn.standard_error + 0.003 and abs(drawn.sd - sd) < 0.006
        table[f"t = {t:g}"] = rows
    return table


def networks() -> dict[str, Any]:
    """The same of simulated networks, from the angle 60 degrees."""
    table = {}
    for width in (256, 512):
        for t in (0.5, 1.0):
            layers, count, portion = round(width * t), 1200, 50
            told(f"{count} networks of width {width}, {layers} layers")
            parts = [
                pair_networks.tangent_kernels(ANGLE, width, layers, portion, [seed, layers, width])
                for seed in range(count // portion)
            ]
            kernels = np.concatenate(parts)
            values = kernels[:, 0, 1] / np.sqrt(kernels[:, 0, 0] * kernels[:, 1, 1])
            wide = float(rn.kernels.ReluNTK().at_angle(ANGLE, layers))
            row = {"mean": estimate(values), "sd": round(float(values.std()), 4), "infinitely_wide": round(wide, 4)}
            table[f"width {width}, t = {t:g}"] = row
    return table


PARTS = {"moments": moments, "depths": depths, "ratios": ratios, "networks": networks}


def main(names: list[str]) -> None:
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    result["what"] = "simulated networks against limit laws; [mean, standard error]"
    result["versions"] = {name: importlib.metadata.version(name) for name in ("jax", "numpy")}
    for name in names or list(PARTS):
        result[name] = PARTS[name]()
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
