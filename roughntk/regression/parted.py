"""The kernel of points that stay, K = c d d^T + s G, and that of these and any others, in the same units.

A kernel that collapses with depth tends to the constant c: there s G is what is left of it, free of cancellation
(`KernelFamily.deflated`). Any other has c = 0, s = 1 and G = K. On the sphere d = 1; off it d are the lengths of rows.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily
from roughntk.kernels.engine import evaluation
from roughntk.kernels.on_device import DeviceTable, device_table
from roughntk.kernels.tabulated import ERROR, NoTableError, Tabulated

_PIECE = 2**16
"""Angles that are evaluated together: what is compiled, is compiled for this number and for smaller powers of two."""

_HELD = 2**22
"""Entries of rows at most that are looked at together (32 MiB), where rows may be on a disk."""

FEWEST_ENTRIES = 300_000
"""Of a matrix that repays a table, which takes some hundred thousand values of the kernel."""

UNITS = 8.0
"""Of rounding in an entry of a kernel, as `roughntk.regression.entries` has it."""


class Rows(NamedTuple):
    """Points in polar form.

    Attributes:
        directions: unit rows, shape (n, n0).
        lengths: what the kernel is multiplied by, shape (n,); ones on the sphere.
    """

    directions: np.ndarray
    lengths: np.ndarray


class PartedKernel:
    """K = c d d^T + s G on points that stay, d = their lengths.

    Args:
        family: a kernel family.
        rows: the points.
        depth: of the network.
        limit_first: whether an infinite depth comes before all else, so that of a kernel that collapses its constant is
            left, and nothing of how it got there.
        whole: whether to leave K as it is, with c = 0.

    Attributes:
        level: c >= 0.
        log_scale: log s, -inf at infinite depth where the limit of G is wanted.
    """

    def __init__(self, family: KernelFamily, rows: Rows, depth: float, *, limit_first: bool, whole: bool = False):
        self.family, self.rows, self.depth = family, rows, depth
        self.level, self.log_scale = 0.0, 0.0
        self._reference: tuple[float, float] | None = None  # an angle, and G there
        if whole:
            return
        if family.collapses and depth == math.inf and limit_first:
            self.level = max(float(family.limit_value), 0.0)
        elif family.collapses:
            self._deflate()

    def _deflate(self) -> None:
        """Take the deflated form, where it has a constant that is not negative and a unit."""
        directions = self.rows.directions
        first, parts = directions[:1], _checks.pieces(len(directions), directions.shape[1], _HELD)
        theta = max(float(np.asarray(sphere.map_angles(None, first, directions[part])).max()) for part in parts)
        theta = theta if theta > sphere.SAME_ANGLE else math.pi / 2
        deflated = self.family.deflated(np.array([theta]), self.depth)
        if deflated.level >= 0 and deflated.values[0] != 0:
            self.level, self.log_scale = float(deflated.level), float(deflated.log_scale)
            self._reference = theta, float(deflated.values[0])

    def function(self, entries: int) -> sphere.AngleFunction | None:
        """G as a function of the angle by a table, where so many entries repay one and it holds G."""
        if self._plain is not None and entries >= evaluation.TABLE_ENTRIES:
            return self._plain
        return self._tabulated if entries >= FEWEST_ENTRIES else None

    @functools.cached_property
    def _plain(self) -> sphere.AngleFunction | None:
        """The table that the family has itself, of K."""
        return evaluation.table_of(self.family, self.depth) if self._reference is None and self.level == 0 else None

    @functools.cached_property
    def _tabulated(self) -> Tabulated | None:
        try:
            return Tabulated(self.at_angle, f"{self.family.name} kernel")
        except NoTableError:
            return None

    def on_devices(self) -> DeviceTable:
        """G as a function of the angle that devices evaluate. Raises `InputError` where no table holds it."""
        if self._tabulated is None:
            raise InputError(
                f"expected a kernel that a table holds for devices, got {self.family.name} at depth "
                f"{self.depth:.10g}, which is too rough a function of the angle; leave devices out"
            )
        return device_table(self._tabulated)

    @property
    def units(self) -> float:
        """What an entry may be off by, in units of rounding."""
        return UNITS if "_tabulated" not in vars(self) or self._tabulated is None else ERROR / EPS

    @property
    def scale(self) -> float:
        """s, 0 where it is below the range of float64."""
        return math.exp(self.log_scale)

    def within(self) -> np.ndarray:
        """G of the points, shape (n, n)."""
        return self._values(self.rows.directions, None) * np.outer(self.rows.lengths, self.rows.lengths)

    def across(self, other: Rows) -> np.ndarray:
        """G between the points and others, shape (n, m)."""
        return self._values(self.rows.directions, other.directions) * np.outer(self.rows.lengths, other.lengths)

    def own(self, other: Rows) -> np.ndarray:
        """G of each of other points with itself, shape (m,)."""
        return self.at_zero() * other.lengths**2

    def at_zero(self) -> float:
        """G of a unit row with itself."""
        return float(self.at_angle(np.zeros(1))[0])

    def between(self, X: np.ndarray, Z: np.ndarray, function: sphere.AngleFunction | None) -> np.ndarray:
        """G between unit rows and others, by a table that is known to repay itself or without one."""
        if function is not None:
            return np.asarray(sphere.map_angles(function, X, Z))
        theta = np.array(sphere.angles(X, Z))
        theta[theta <= sphere.SAME_ANGLE] = 0.0
        return in_pieces(self.at_angle, theta)

    def _values(self, X: np.ndarray, Z: np.ndarray | None) -> np.ndarray:
        """G of directions; of X with itself where Z is None."""
        function = self.function(len(X) * len(X if Z is None else Z))
        if Z is not None and _checks.stored(X) is not None:
            parts = _checks.pieces(len(X), X.shape[1], _HELD)
            return np.concatenate([self.between(X[part], Z, function) for part in parts])
        if Z is not None:
            return self.between(X, Z, function)
        if function is not None:
            return np.asarray(sphere.map_angles(function, X))
        theta = np.array(sphere.angles(X))
        theta[theta <= sphere.SAME_ANGLE] = 0.0
        upper, matrix = np.triu_indices(len(X)), np.empty_like(theta)
        matrix[upper] = in_pieces(self.at_angle, theta[upper])
        matrix.T[upper] = matrix[upper]
        return matrix

    def at_angle(self, theta: np.ndarray) -> np.ndarray:
        """G at some angles. The unit of deflated values is that of the angles beside them: one angle ties them."""
        if self._reference is None:
            return np.asarray(self.family.at_angle(jnp.asarray(theta), self.depth)) - self.level
        at, value = self._reference
        deflated = self.family.deflated(np.concatenate([[at], theta]), self.depth)
        return deflated.values[1:] * (value / deflated.values[0])


def in_pieces(function: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> np.ndarray:
    """An elementwise function, `_PIECE` - 1 numbers at a time."""
    flat, step = values.reshape(-1), _PIECE - 1
    parts = [function(flat[start : start + step]) for start in range(0, flat.size, step)]
    return np.concatenate(parts).reshape(values.shape) if parts else np.zeros(values.shape)
