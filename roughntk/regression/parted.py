"""The kernel of points that stay, K = c d d^T + s G, and that of these and any others, in the same units.

A kernel that collapses with depth tends to the constant c: there s G is what is left of it, free of cancellation
(`KernelFamily.deflated`). Any other has c = 0, s = 1 and G = K. On the sphere d = 1; off it d are the lengths of rows.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from roughntk import sphere
from roughntk.kernels import KernelFamily
from roughntk.kernels.engine import evaluation

_PIECE = 2**16
"""Angles that are evaluated together: what is compiled, is compiled for this number and for smaller powers of two."""


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

    Attributes:
        level: c >= 0.
        log_scale: log s, -inf at infinite depth where the limit of G is wanted.
    """

    def __init__(self, family: KernelFamily, rows: Rows, depth: float, *, limit_first: bool):
        self.family, self.rows, self.depth = family, rows, depth
        self.level, self.log_scale = 0.0, 0.0
        self._reference: tuple[float, float] | None = None  # an angle, and G there
        if family.collapses and depth == math.inf and limit_first:
            self.level = max(float(family.limit_value), 0.0)
        elif family.collapses:
            self._deflate()

    def _deflate(self) -> None:
        """Take the deflated form, where it has a constant that is not negative and a unit."""
        theta = float(np.asarray(sphere.angles(self.rows.directions[:1], self.rows.directions)).max())
        theta = theta if theta > sphere.SAME_ANGLE else math.pi / 2
        deflated = self.family.deflated(np.array([theta]), self.depth)
        if deflated.level >= 0 and deflated.values[0] != 0:
            self.level, self.log_scale = float(deflated.level), float(deflated.log_scale)
            self._reference = theta, float(deflated.values[0])

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
        return float(self._at_angle(np.zeros(1))[0]) * other.lengths**2

    def _values(self, X: np.ndarray, Z: np.ndarray | None) -> np.ndarray:
        """G of directions; of X with itself where Z is None."""
        if self._reference is None and self.depth != math.inf:
            table = evaluation.from_table(self.family, X, Z, self.depth)
            if table is not None:
                return np.asarray(table) - self.level
        theta = np.array(sphere.angles(X, Z))
        theta[theta <= sphere.SAME_ANGLE] = 0.0
        if Z is not None:
            return in_pieces(self._at_angle, theta)
        upper, matrix = np.triu_indices(len(X)), np.empty_like(theta)
        matrix[upper] = in_pieces(self._at_angle, theta[upper])
        matrix.T[upper] = matrix[upper]
        return matrix

    def _at_angle(self, theta: np.ndarray) -> np.ndarray:
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
