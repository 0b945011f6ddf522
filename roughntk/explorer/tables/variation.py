"""The table of the panel "p-variation of a path you draw": paths to begin with.

The p-variation itself, its partition, length, area and signature are computed by the page, and compared by the tests
with `rn.rough.p_variation`, `rn.rough.p_variation_partition` and `rn.rough.signature`. Paths are points of the square
[-1, 1]^2, rounded to four decimals, as those that are drawn are.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from roughntk.explorer.points import ExplorerPoints
from roughntk.explorer.tables.stored import stored_table
from roughntk.rough import brownian, fractional_brownian, pure_area, random_smooth

DECIMALS = 4
MOST_POINTS = 400


def table(points: ExplorerPoints) -> dict[str, Any]:
    """What the page is given; it does not depend on the points."""
    return stored_table("variation")


def path_table() -> dict[str, Any]:
    """Ready-made paths.

    Returns:
        `most`, the largest number of points of a path; `decimals` of them; `paths`, for each a `name`, a `label` and
        `points`, pairs of coordinates in [-1, 1].
    """
    made: list[tuple[str, str, Callable[[], np.ndarray]]] = [
        ("brownian", "Brownian motion", lambda: _values(brownian(jax.random.key(3), 257, 2))),
        ("fractional", "Fractional Brownian motion, H = 0.3", lambda: _fractional(0.3)),
        ("smooth", "Smooth curve", lambda: _values(random_smooth(jax.random.key(5), 121, 2))),
        ("circles", "Nine turns of a circle (n = 3)", lambda: _values(pure_area(3, area_tolerance=4e-3))),
        ("zigzag", "Zigzag", _zigzag),
        ("spiral", "Spiral", _spiral),
        ("segment", "Straight segment", lambda: np.linspace([-0.8, -0.5], [0.8, 0.5], 9)),
    ]
    return {
        "most": MOST_POINTS,
        "decimals": DECIMALS,
        "paths": [{"name": name, "label": label, "points": _placed(points())} for name, label, points in made],
    }


def _values(path: Any) -> np.ndarray:
    return np.asarray(path.values)


def _fractional(hurst: float) -> np.ndarray:
    return _values(fractional_brownian(jax.random.key(2), 257, 2, hurst=hurst))


def _zigzag() -> np.ndarray:
    """Up and down with heights that fall like 1/k."""
    heights = [(-1) ** k / (1 + k / 3) for k in range(24)]
    return np.stack([np.linspace(-1, 1, 24), heights], axis=1)


def _spiral() -> np.ndarray:
    time = np.linspace(0, 1, 181)
    radius = (1 - time)[:, None]
    return radius * np.stack([np.cos(6 * math.pi * time), np.sin(6 * math.pi * time)], axis=1)


def _placed(points: np.ndarray) -> list[list[float]]:
    """The points in the middle of the square, scaled to 0.9 of its half width where they do not fit."""
    low, high = points.min(axis=0), points.max(axis=0)
    scale = min(1.0, 1.8 / float((high - low).max()))
    placed = scale * (points - (low + high) / 2)
    return [[round(float(x), DECIMALS), round(float(y), DECIMALS)] for x, y in placed]
