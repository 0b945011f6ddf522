"""The table of the panel "The driver": Theorem 3's driver between two depths, its signature and its p-variation.

Of at most `MOST` training points and one test point, so that the channels can be looked at one by one. All numbers are
those of the package for the driver's samples, the polygon through them; the page computes none of them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from roughntk import rough, transport
from roughntk.explorer.points import ExplorerPoints, own_points
from roughntk.explorer.tables.stored import stored_table
from roughntk.kernels import ReluNTK

DEPTHS = (2, 3, 5, 10, 30)
"""First depths of the layers."""
CLOCKS = ("arc", "psi")
EXPONENTS = (1.0, 1.5, 2.0, 3.0)
MOST = 3
"""Training points of the panel."""
SAMPLES = 65
"""As many as `rn.rough` takes of a driver by itself."""
_DIGITS = 15


def table(points: ExplorerPoints) -> dict[str, Any]:
    """What the panel is given.

    Args:
        points: the first `MOST` of them are taken.

    Returns:
        `channels`, their names (row, column) with the test point as the last column; `drivers`, one for each depth and
        clock: `times`, `samples`, `level_1`, `level_2` (words in lexicographic order), `areas` (pairs i < j),
        `p_variation` for each of `exponents`; and whether the drivers of the deflated system are meant.
    """
    if points.name is None and isinstance(points.family, ReluNTK):
        return stored_table("driver")
    return driver_table(points)


def driver_table(points: ExplorerPoints | None = None) -> dict[str, Any]:
    """`table`, computed; of the explorer's own points if none are given, which is what is stored."""
    points = points or own_points()
    kernel, X, x = points.family, points.X[:MOST], points.x
    drivers = []
    for depth in DEPTHS:
        for clock in CLOCKS:
            result = transport.between_depths(kernel, X, x, depth=depth, clock=clock)
            drivers.append({"depth": depth, "clock": clock, "system": result.system, **_driver(result.drivers)})
    size = int(drivers[0]["size"])
    columns = size + 1
    return {
        "family": kernel.name,
        "parameters": {key: str(value) for key, value in kernel.settings.items()},
        "points": len(X),
        "rows": list(points.rows[: len(X)]),
        "size": size,
        "channels": [[i, j] for i in range(size) for j in range(columns)],
        "exponents": list(EXPONENTS),
        "drivers": drivers,
    }


def _driver(driver: transport.Driver) -> dict[str, Any]:
    """The samples of one driver and what they say."""
    polygon = driver.piecewise_linear(SAMPLES)
    samples = np.asarray(driver.sample(SAMPLES))
    channels = samples.shape[1]
    terms = np.asarray(rough.signature(polygon, 2))
    brackets = np.asarray(rough.log_signature(polygon, 2))
    return {
        "size": driver.value(driver.t0).shape[0],
        "times": np.linspace(float(driver.t0), float(driver.t1), SAMPLES).tolist(),
        "samples": _rounded(samples.T),
        "level_1": terms[:channels].tolist(),
        "level_2": terms[channels:].tolist(),
        "areas": brackets[channels:].tolist(),
        "p_variation": [float(rough.p_variation(samples, p)) for p in EXPONENTS],
    }


def _rounded(values: np.ndarray) -> list[Sequence[float]]:
    """To as many decimals as a picture and a comparison at 1e-12 need, so that the page stays small."""
    return np.round(values, _DIGITS - 2).tolist()


__all__ = ["CLOCKS", "DEPTHS", "EXPONENTS", "driver_table", "table"]
