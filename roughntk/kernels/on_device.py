"""A table of a function of the angle (:mod:`roughntk.kernels.tabulated`) as arrays that any device evaluates.

The compiled loops of `roughntk.kernels.table_loops` are for the processor; here the same pieces are found, and the same
polynomials evaluated, by array operations inside whatever JAX compiles.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from roughntk import sphere
from roughntk.kernels import table
from roughntk.kernels.tabulated import FIRST_ANGLE, Tabulated


class DeviceTable(NamedTuple):
    """Coefficients of 1, t, ..., t^5 on each piece.

    Attributes:
        correlations: pieces of 1 - |rho|, for rho >= 0 and then for rho < 0, shape (pieces, 6).
        angles: pieces of theta up to pi/2, then of pi - theta, shape (pieces, 6).
        at_zero: the value at theta = 0.
    """

    correlations: Float[Any, "pieces 6"]
    angles: Float[Any, "pieces 6"]
    at_zero: Any


def device_table(tabulated: Tabulated) -> DeviceTable:
    """The table of a function, for devices."""
    return DeviceTable(tabulated.correlation_table, tabulated.angle_table, tabulated.at_zero)


def at_correlations(known: DeviceTable, rho: Array) -> Array:
    """f at correlations, elementwise; beyond |rho| = `roughntk.sphere.GRAM_LIMIT` the result means nothing."""
    return _at(known.correlations, 1 - jnp.abs(rho), rho < 0, table.FIRST_DEFECT)


def at_angles(known: DeviceTable, theta: Array) -> Array:
    """f at angles in [0, pi], elementwise."""
    size = jnp.minimum(theta, jnp.pi - theta)
    values = _at(known.angles, size, size < theta, FIRST_ANGLE)
    return jnp.where(theta <= sphere.SAME_ANGLE, known.at_zero, values)


def _at(pieces: Array, size: Array, second: Array, first: int) -> Array:
    """The polynomial of the piece that `size` falls on, of the second half of the pieces where `second` says so."""
    half = len(pieces) // 2
    bits = jax.lax.bitcast_convert_type(size, jnp.int64)
    piece = (bits >> table.SHIFT) - first
    t = (bits & ((1 << table.SHIFT) - 1)).astype(float) * 2.0**-table.SHIFT
    t = jnp.where(piece < 0, 0.0, t)
    piece = jnp.clip(piece, 0, half - 1) + jnp.where(second, half, 0)
    value = pieces[:, -1][piece]
    for power in range(pieces.shape[1] - 2, -1, -1):
        value = value * t + pieces[:, power][piece]
    return value


__all__ = ["DeviceTable", "at_angles", "at_correlations", "device_table"]
