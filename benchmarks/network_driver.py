"""A network along the path of its own weights: errors against width on both lifts, and on coarse grids of depth.

    python benchmarks/network_driver.py             writes results/network_driver.json (some minutes)
    python benchmarks/network_driver.py linear      measures one part again: against_width, one_sided, summaries, linear

1. Shaped ReLU, three inputs, L = n: log V^11 of the equation less that of the network, along the Ito lift (its root
   mean square falls like n^{-1/2}; to leading order it is sqrt(3 t) |c_+ - c_-| n^{-1/2}) and along the
   piecewise-linear lift of the same increments (it stays at t/2).
2. 800 layers summarised by m pieces, against a step for each layer: orders 1/2 at level 1, 1 at level 2, fitted from
   m = 20 on (10 pieces are too long). A piece of k layers misses the part 1 - 1/k of what it would in the limit, at
   level 2 (1 - 1/k)(1 - 2/k), in the square: there are so many pairs and triples in it. That is taken out of the
   orders; "as seen" it is not.
3. A linear network of 400 layers, against the network itself, along both lifts.

It asserts the figures that the package promises. Standard errors are beside the numbers.
"""

import json
import math
import sys
from pathlib import Path

import jax
import numpy as np

import roughntk as rn

RESULT = Path(__file__).parent / "results" / "network_driver.json"
V0 = np.array([[1.0, 0.2, -0.3], [0.2, 1.0, 0.6], [-0.3, 0.6, 1.0]])
X = np.linalg.cholesky(V0)
WIDTHS, SEEDS = (50, 100, 200, 400, 800), 240
PIECES, SUMMARISED = (10, 20, 40, 80, 160), 300


def root_mean_square(values: np.ndarray) -> list[float]:
    """It and its standard error."""
    squares = np.asarray(values) ** 2
    root = math.sqrt(squares.mean())
    return [round(root, 6), round(float(squares.std()) / math.sqrt(len(squares)) / (2 * root), 6)]


def slope(x, y) -> float:
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def against_width(c_plus: float, c_minus: float) -> dict:
    """Errors of log V^11 and of rho^12 at the end for every width."""
    record: dict = {"c_plus": c_plus, "c_minus": c_minus, "inputs": 3, "time": 1.0, "seeds": SEEDS, "widths": {}}
    for n in WIDTHS:
        errors: dict[str, list] = {"ito": [], "piecewise-linear": []}
        correlations = []
        for seed in range(SEEDS):
            driver = rn.networks.network_driver(
                jax.random.key(1000 * n + seed), X, layers=n, width=n, c_plus=c_plus, c_minus=c_minus
            )
            for lift in errors:
                solved = driver.solve(lift=lift)
                errors[lift].append(solved.errors[-1, 0])
                if lift == "ito":
                    correlations.append(correlation(solved.covariances[-1]) - correlation(driver.covariances[-1]))
        polygon = np.array(errors["piecewise-linear"])
        record["widths"][n] = {
            "ito": root_mean_square(errors["ito"]),
            "leading_order": round(math.sqrt(3 / n) * abs(c_plus - c_minus), 6),
            "piecewise-linear": root_mean_square(polygon),
            "piecewise-linear_mean": [round(float(polygon.mean()), 6), round(float(polygon.std()) / SEEDS**0.5, 6)],
            "ito_correlation": root_mean_square(correlations),
        }  # fmt: skip
        print(n, record["widths"][n], flush=True)
    rows = record["widths"]
    record["slope_ito"] = slope(WIDTHS, [rows[n]["ito"][0] for n in WIDTHS])
    record["slope_ito_correlation"] = slope(WIDTHS, [rows[n]["ito_correlation"][0] for n in WIDTHS])
    assert abs(record["slope_ito"] + 0.5) < 0.1, record["slope_ito"]
    assert all(abs(rows[n]["piecewise-linear"][0] / 0.5 - 1) < 0.1 for n in (400, 800))
    return record


def correlation(V: np.ndarray) -> float:
    return V[0, 1] / math.sqrt(V[0, 0] * V[1, 1])


def summaries(layers: int = 800) -> dict:
    """So many layers, as many as neurons, in m pieces."""
    record: dict = {"width": layers, "layers": layers, "inputs": 3, "c": 0.75, "seeds": SUMMARISED, "pieces": {}}
    errors: dict = {(level, m): [] for level in (1, 2) for m in PIECES}
    distances: dict = {(level, m): [] for level in (1, 2) for m in PIECES}
    for seed in range(SUMMARISED):
        driver = rn.networks.network_driver(
            jax.random.key(seed), X, layers=layers, width=layers, c_plus=0.75, c_minus=-0.75
        )
        every = driver.solve().factors[-1]
        for level, m in errors:
            M = driver.solve(pieces=m, level=level).factors[-1]
            errors[level, m].append(2 * math.log(abs(M[0, 0] / every[0, 0])))
            distances[level, m].append(np.linalg.norm(M - every) / np.linalg.norm(every))
    for level in (1, 2):
        for name, values in (("log_v11", errors), ("factor", distances)):
            roots = {m: root_mean_square(values[level, m]) for m in PIECES}
            record["pieces"][f"level {level}, {name}"] = roots
            fitted = PIECES[1:]
            parts = [(1 - m / layers) * (1 - (level - 1) * 2 * m / layers) for m in fitted]
            plain = record[f"order_level_{level}_{name}_as_seen"] = -slope(fitted, [roots[m][0] for m in fitted])
            whole = [roots[m][0] / math.sqrt(part) for m, part in zip(fitted, parts, strict=True)]
            order = record[f"order_level_{level}_{name}"] = -slope(fitted, whole)
            print(level, name, roots, plain, order, flush=True)
            assert abs(order - level / 2) < 0.15, (level, name, order)
    return record


def linear() -> dict:
    """A linear network, two inputs, n = L = 400, against the network itself."""
    record: dict = {"width": 400, "layers": 400, "inputs": 2, "seeds": 50}
    errors: dict = {(lift, m): [] for lift in ("ito", "piecewise-linear") for m in (10, 40, 160)}
    exact = []
    for seed in range(50):
        driver = rn.networks.network_driver(jax.random.key(seed), X[:2, :2], layers=400, width=400)
        exact.append(np.abs(driver.solve().errors).max())
        for lift, m in errors:
            errors[lift, m].append(driver.solve(lift=lift, pieces=m).errors[-1, 0])
    record["largest_error_along_every_layer"] = float(max(exact))
    for lift in ("ito", "piecewise-linear"):
        record[lift] = {m: root_mean_square(errors[lift, m]) for m in (10, 40, 160)}
    print(record, flush=True)
    assert max(exact) < 1e-11
    assert record["ito"][160][0] < 0.1 * record["ito"][10][0]
    assert record["piecewise-linear"][160][0] > 0.4
    return record


PARTS = {
    "against_width": lambda: against_width(0.75, -0.75),
    "one_sided": lambda: against_width(0.0, -1.5),
    "summaries": summaries,
    "linear": linear,
}


def main() -> None:
    chosen = sys.argv[1:] or list(PARTS)
    record = json.loads(RESULT.read_text()) if RESULT.exists() and sys.argv[1:] else {}
    record |= {"what": __doc__.splitlines()[0], "V0": V0.tolist()}
    for part in chosen:
        record[part] = PARTS[part]()
        RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
