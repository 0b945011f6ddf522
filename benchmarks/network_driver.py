"""A network along the path of its own weights: errors against width on both lifts, and on coarse grids of depth.

    python benchmarks/network_driver.py             writes results/network_driver.json (some minutes)

1. Shaped ReLU, three inputs, L = n: log V^11 of the equation less that of the network, along the Ito lift (its root
   mean square falls like n^{-1/2}; to leading order it is sqrt(3 t) |c_+ - c_-| n^{-1/2}) and along the
   piecewise-linear lift of the same increments (it stays at t/2).
2. Many layers summarised by m pieces, against a step for each layer: orders 1/2 at level 1, 1 at level 2. Pieces of k
   layers miss (1 - 1/k) of the square of what they do in the limit, at level 2 (1 - 1/k)(1 - 2/k), so that orders are
   fitted where k >= 30.
3. A linear network of 400 layers, against the network itself, along both lifts.

It asserts the figures that the package promises. Standard errors are beside the numbers.
"""

import json
import math
from pathlib import Path

import jax
import numpy as np

import roughntk as rn

RESULT = Path(__file__).parent / "results" / "network_driver.json"
V0 = np.array([[1.0, 0.2, -0.3], [0.2, 1.0, 0.6], [-0.3, 0.6, 1.0]])
X = np.linalg.cholesky(V0)
WIDTHS, SEEDS = (50, 100, 200, 400, 800), 300
PIECES, SUMMARISED = {800: (10, 40, 160), 2400: (10, 20, 40, 80)}, 120


def root_mean_square(values: np.ndarray) -> list[float]:
    """It and its standard error."""
    squares = np.asarray(values) ** 2
    root = math.sqrt(squares.mean())
    return [round(root, 6), round(squares.std() / math.sqrt(len(squares)) / (2 * root), 6)]


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
        mean = np.mean(errors["piecewise-linear"])
        record["widths"][n] = {
            "ito": root_mean_square(errors["ito"]),
            "leading_order": round(math.sqrt(3 / n) * abs(c_plus - c_minus), 6),
            "piecewise-linear": root_mean_square(errors["piecewise-linear"]),
            "piecewise-linear_mean": [round(float(mean), 6), round(np.std(errors["piecewise-linear"]) / SEEDS**0.5, 6)],
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


def summaries(layers: int) -> dict:
    """So many layers, as many as neurons, in m pieces."""
    record: dict = {"width": layers, "layers": layers, "inputs": 3, "c": 0.75, "seeds": SUMMARISED, "pieces": {}}
    pieces = PIECES[layers]
    errors: dict = {(level, m): [] for level in (1, 2) for m in pieces}
    distances: dict = {(level, m): [] for level in (1, 2) for m in pieces}
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
            roots = {m: root_mean_square(values[level, m]) for m in pieces}
            record["pieces"][f"level {level}, {name}"] = roots
            print(layers, level, name, roots, flush=True)
            if layers >= 30 * max(pieces):
                order = record[f"order_level_{level}_{name}"] = -slope(pieces, [roots[m][0] for m in pieces])
                print("order", order, flush=True)
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


def main() -> None:
    record = {
        "what": __doc__.splitlines()[0], "V0": V0.tolist(),
        "against_width": against_width(0.75, -0.75), "against_width_one_sided": against_width(0.0, -1.5),
        "summaries": {layers: summaries(layers) for layers in PIECES}, "linear": linear(),
    }  # fmt: skip
    RESULT.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
