"""The table of the panel "Ito against Stratonovich": the drivers of networks, with the networks' own covariances.

The page solves dM = M dX + M Psi(M^{-1} b M^{-T}) ds along them by Davie's scheme of level 2, for the lift whose second
level over one layer is mu/2 dX (x) dX: mu = 0 is the Ito lift, mu = 1 the piecewise-linear one. In the package it is

    lift = rn.rough.perturb(driver.ito_lift(), mu/2 dX (x) dX),   rn.rough.solve_rde(driver.field, lift, driver.start).

The driver depends on keys only. It is stored beside this module, written by `tools/generate_explorer_tables.py`.
"""

from typing import Any

import jax
import numpy as np

from roughntk.explorer.points import ExplorerPoints
from roughntk.explorer.tables.stored import stored_table
from roughntk.networks import NetworkDriver, network_driver
from roughntk.networks.triangular import flattened

INPUTS = ((1.0, 0.0), (0.6, 0.8))
WIDTHS = (50, 100, 200)
NETWORKS = 4
SLOPE = 0.75
DIGITS = 11
"""Decimals of the stored increments and factors: what is lost is far below what the page shows."""


def driver_of(width: int, number: int) -> NetworkDriver:
    """The driver of the network with that number, as wide as it is deep, before anything is rounded."""
    key = jax.random.key(1000 * width + number)
    return network_driver(key, INPUTS, layers=width, width=width, c_plus=SLOPE, c_minus=-SLOPE)


def table(points: ExplorerPoints) -> dict[str, Any]:
    """What the page is given; it does not depend on the points."""
    return stored_table("ito")


def network_table() -> dict[str, Any]:
    """Drivers and covariances of `NETWORKS` networks of each width.

    Returns:
        `start`, M of the inputs, entries 11, 21, 22; `widths`; `networks`, for each width its `width`, `kappa` and for
        each network `increments`, dX_l as rows 11, 21, 22 in one list, and `covariances`, V_l after each layer as rows
        11, 12, 22 in one list.
    """
    start = flattened(driver_of(WIDTHS[0], 0).factors[0])
    return {
        "start": [float(value) for value in start],
        "widths": list(WIDTHS),
        "slope": SLOPE,
        "networks": [_of_width(width) for width in WIDTHS],
    }


def _of_width(width: int) -> dict[str, Any]:
    drivers = [driver_of(width, number) for number in range(NETWORKS)]
    return {
        "width": width,
        "kappa": drivers[0].kappa,
        "samples": [
            {"increments": _rounded(flattened(each.increments)), "covariances": _rounded(flattened(each.covariances))}
            for each in drivers
        ],
    }


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), DIGITS) for value in values.ravel()]
