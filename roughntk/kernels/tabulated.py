"""Any function of the angle as a table: local polynomials, for many million entries.

A kernel at one depth is a function of the angle theta alone (so is what is left of one that collapses,
`roughntk.kernels.engine.deflated`). It is smooth on the scale of theta near 0 and on that of pi - theta near pi,
however thin the boundary layers there are: so on each of 128 parts of each octave of theta, of pi - theta, and of
1 - |rho| for the correlation rho, it is a polynomial of degree 5, interpolated at 6 Chebyshev points. How far this is
from the function is measured at angles between, and a function that is not like this is refused.

The bias-free ReLU network has a table of its own (:mod:`roughntk.kernels.table`) with fewer pieces.
"""

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from roughntk import sphere
from roughntk._checks.precision import EPS
from roughntk.kernels import table

ERROR = 64 * EPS
"""What a table may be off by, in units of the largest value."""

_LEAST_OCTAVE = -51  # below 2^-51 an angle is 0 (`sphere.SAME_ANGLE`)
_OCTAVES = 1 - _LEAST_OCTAVE  # up to 2^1 > pi/2
_PIECES = 2**table.PIECE_BITS
_TRIED = 4096  # angles at which a table is tried
FIRST_ANGLE = (1023 + _LEAST_OCTAVE) << table.PIECE_BITS
"""Leading bits of the first piece of angles."""
_AT_ONCE = 2**16 - 1  # angles that are evaluated together


class NoTableError(ValueError):
    """A function of the angle that no table of this kind holds."""


class Tabulated:
    """theta -> f(theta), elementwise, by a table.

    Args:
        function: of flat angles in [0, pi].
        what: how to name it.

    Attributes:
        error: the largest error that was seen, in units of the largest value.

    Raises:
        NoTableError: it is further off than `ERROR`.

    >>> values = np.array([0.0, 0.3, 1.0, math.pi])
    >>> tabulated = Tabulated(np.cos)
    >>> bool(abs(tabulated(values) - np.cos(values)).max() < 1e-14)
    True
    """

    def __init__(self, function: Callable[[np.ndarray], np.ndarray], what: str = "function"):
        self._function = function
        self.at_zero = float(function(np.zeros(1))[0])
        self.error = self._measured()
        if not self.error <= ERROR:
            raise NoTableError(f"expected a {what} that a table holds to {ERROR:.1g}, got one off by {self.error:.1g}")

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """Values at angles of any shape."""
        values = np.array(theta, dtype=np.float64)
        self.write_at_angles(values.reshape(-1))
        return values

    def write_at_angles(self, theta: np.ndarray) -> None:
        """As `roughntk.sphere.AngleFunction`."""
        from roughntk.kernels.table_loops import at_both_ends  # loads numba

        at_both_ends(theta, self.angle_table, table.SHIFT, FIRST_ANGLE, sphere.SAME_ANGLE)

    def write_at_correlations(self, rho: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
        """As `roughntk.sphere.AngleFunction`."""
        return table.write_at_correlations(rho, self.correlation_table, limit)

    @cached_property
    def angle_table(self) -> np.ndarray:
        """Pieces of theta, then of pi - theta; one more, constant piece at the end of each, which is f(0)."""
        octave, within = np.divmod(np.arange(_OCTAVES * _PIECES), _PIECES)
        theta = 2.0 ** (octave + _LEAST_OCTAVE)[:, None] * (1 + (within[:, None] + table.nodes()) / _PIECES)
        theta = np.minimum(theta, math.pi)
        return table.of_both_signs(self._values(theta), self._values(math.pi - theta), self._values(np.array([0.0]))[0])

    @cached_property
    def correlation_table(self) -> np.ndarray:
        """Pieces of 1 - |rho|, for rho >= 0 and then for rho < 0."""
        return table.of_correlations(self._values)

    def _values(self, theta: np.ndarray) -> np.ndarray:
        flat = theta.reshape(-1)
        parts = [np.asarray(self._function(flat[k : k + _AT_ONCE])) for k in range(0, flat.size, _AT_ONCE)]
        return np.concatenate(parts).reshape(theta.shape)

    def _measured(self) -> float:
        """The largest error at angles between the points of interpolation, in units of the largest value."""
        chance = np.random.default_rng(0)
        near = np.exp(chance.uniform(math.log(1e-15), math.log(math.pi / 2), _TRIED))
        theta = np.concatenate([near[: _TRIED // 2], math.pi - near[_TRIED // 2 :], chance.uniform(0, math.pi, _TRIED)])
        exact = self._values(theta)
        size = float(np.abs(exact).max())
        rho = np.cos(theta)
        inside = np.abs(rho) <= sphere.GRAM_LIMIT
        by_rho = rho[inside].copy()
        self.write_at_correlations(by_rho, sphere.GRAM_LIMIT)
        errors = np.abs(self(theta) - exact), np.abs(by_rho - self._values(np.arccos(rho[inside])))
        return float(max(error.max() for error in errors)) / (size or 1.0)


__all__ = ["ERROR", "FIRST_ANGLE", "NoTableError", "Tabulated"]
