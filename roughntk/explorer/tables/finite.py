"""The table of the panel "How deep is this finite network": the law of the random depth, for all widths and depths.

In the limit law L_eff = n y_t, t = L/n, and log y = m + sqrt(v) (z + g(z, t)) at the probability Phi(z), where m and v
are those of the linearisation without noise,

    m = log(e^t - 1),    v = 2 (t - 2 (1 - e^{-t}) + (1 - e^{-2t})/2)/(1 - e^{-t})^2.

g is smooth and small. The table holds its Chebyshev coefficients in log t and z, and how far the sum of them was from
`rn.networks.effective_depth` at points between the nodes. It does not depend on anybody's data: it is stored beside
this module and written anew by `tools/generate_explorer_tables.py`.
"""

import math
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from scipy import special

from roughntk.explorer.points import ExplorerPoints
from roughntk.explorer.tables.families import nodes
from roughntk.explorer.tables.stored import stored_table
from roughntk.networks import effective_depth

TIMES = (1 / 256, 3.0)
LARGEST_SCORE = 3.0
_TIME_NODES, _SCORE_NODES = 40, 32
_SMALLEST = 1e-11  # of coefficients: below, they are left out
_WIDTH = 2**20  # so that each t is a whole number of layers over it, but for 1e-9 of log y
_SEED, _CHECKED = 16, 24


def table(points: ExplorerPoints) -> dict[str, Any]:
    """What the page is given; it does not depend on the points."""
    return stored_table("finite")


def depth_law_table() -> dict[str, Any]:
    """The Chebyshev coefficients of g in log t and z, computed by `rn.networks.effective_depth`.

    Returns:
        `times` and `scores`, the ranges of t and z; `coefficients`, rows for log t, columns for z, without the zeros at
        the ends of rows; `error`, the largest |log y - log y of the package| at random points between the nodes.
    """
    layers = _layers(nodes(_TIME_NODES))
    scores = LARGEST_SCORE * nodes(_SCORE_NODES)
    values = np.array([_deviation(number, scores) for number in layers])
    # The least-squares fit at (nearly) the Chebyshev nodes: whole numbers of layers are not exactly at them.
    by_time = np.linalg.solve(chebyshev.chebvander(_position(layers / _WIDTH), _TIME_NODES - 1), values)
    by_both = np.linalg.solve(chebyshev.chebvander(scores / LARGEST_SCORE, _SCORE_NODES - 1), by_time.T).T
    rows = [[round(float(value), 11) for value in row] for row in by_both]
    kept = [_trimmed(row) for row in rows]
    return {
        "times": list(TIMES),
        "scores": [-LARGEST_SCORE, LARGEST_SCORE],
        "coefficients": kept,
        "error": _measured_error(kept),
    }


def log_depth(table: dict[str, Any], time: float, scores: np.ndarray) -> np.ndarray:
    """log y at the probabilities Phi(scores) for t = `time`, as the page computes it from the table."""
    rows = [chebyshev.chebval(scores / table["scores"][1], row or [0.0]) for row in table["coefficients"]]
    deviation = chebyshev.chebval(float(_position(np.asarray(time))), np.array(rows))
    centre, variance = _frame(time)
    return centre + math.sqrt(variance) * (scores + deviation)


def _position(times: np.ndarray) -> np.ndarray:
    """log t, mapped to [-1, 1]."""
    low, high = np.log(TIMES)
    return (2 * np.log(times) - low - high) / (high - low)


def _layers(positions: np.ndarray) -> np.ndarray:
    """Whole numbers of layers, at width `_WIDTH`, nearest to the times at these positions."""
    low, high = np.log(TIMES)
    return np.round(_WIDTH * np.exp((low + high) / 2 + (high - low) / 2 * positions)).astype(int)


def _frame(time: float) -> tuple[float, float]:
    """m and v; the integral in v by its series where it would cancel."""
    if time < 0.5:
        terms = [(-1) ** (k + 1) * (2 ** (k - 1) - 2) / math.factorial(k) * time**k for k in range(3, 22)]
        integral = math.fsum(terms)
    else:
        integral = time + 2 * math.expm1(-time) - math.expm1(-2 * time) / 2
    return math.log(math.expm1(time)), 2 * integral / math.expm1(-time) ** 2


def _deviation(layers: int, scores: np.ndarray) -> np.ndarray:
    """g at z = `scores`."""
    law = effective_depth(int(layers), _WIDTH)
    centre, variance = _frame(law.time)
    log_y = np.log(law.quantile(special.ndtr(scores)) / law.width)
    return (log_y - centre) / math.sqrt(variance) - scores


def _trimmed(row: list[float]) -> list[float]:
    """The row without the zeros at its end."""
    while row and abs(row[-1]) < _SMALLEST:
        row = row[:-1]
    return row


def _measured_error(coefficients: list[list[float]]) -> float:
    table = {"scores": [-LARGEST_SCORE, LARGEST_SCORE], "coefficients": coefficients}
    rng = np.random.default_rng(_SEED)
    worst = 0.0
    for layers in _layers(rng.uniform(-1, 1, _CHECKED)):
        law = effective_depth(int(layers), _WIDTH)
        scores = rng.uniform(-LARGEST_SCORE, LARGEST_SCORE, 200)
        wanted = np.log(law.quantile(special.ndtr(scores)) / law.width)
        worst = max(worst, float(np.abs(log_depth(table, law.time, scores) - wanted).max()))
    return float(f"{worst:.2g}")
