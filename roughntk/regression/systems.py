"""The linear systems of kernel regression at one depth, with what is known of the errors of their entries.

`KernelSystem` is A u = b with A = K_L(X, X) and b = K_L(X, x); `DeflatedSystem` the bordered one of a kernel
K = c 1 1^T + s G that collapses (:mod:`roughntk.linalg.bordered`).
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from roughntk import sphere
from roughntk._checks.precision import EPS
from roughntk.kernels import Deflated, KernelFamily
from roughntk.linalg import Errors
from roughntk.regression.entries import angle_errors, entry_errors, on_data

JOINT_ENTRIES = 10_000
"""Systems of fewer entries are evaluated in one call, at all angles; larger ones may go through a table."""

TABLE_ERROR = 16 * EPS
"""What an entry from a table (`roughntk.kernels.table`) may be off by beside the rounding of the kernel."""


class KernelSystem(NamedTuple):
    """A u = b, and the errors of A and b."""

    matrix: np.ndarray
    right: np.ndarray
    errors: Errors


class DeflatedSystem(NamedTuple):
    """K = c 1 1^T + s G and b = c 1 + s g, with level = c, ratio = s/c (infinite where c is 0) and scale = s."""

    matrix: np.ndarray
    right: np.ndarray
    errors: Errors
    ratio: float
    ratio_error: float
    scale: float
    level: float
    log_scale: float


def kernel_system(family: KernelFamily, X: np.ndarray, x: np.ndarray, depth) -> KernelSystem:
    """(K(X, X), K(X, x)) at one depth. A test point within rounding of a row of X is that row."""
    n, theta = len(X), sphere.joint_angles(X, x)

    def values(angles: np.ndarray) -> np.ndarray:
        return np.asarray(family.at_angle(jnp.asarray(angles), depth))

    if theta.size <= JOINT_ENTRIES or (np.ndim(depth) == 0 and depth == math.inf):
        both = values(theta.ravel()).reshape(theta.shape)
        matrix, right = both[:, :n], both[:, n:]
    else:
        matrix, right = np.asarray(family(X, depth=depth)), np.asarray(family(X, x, depth=depth))
    on = on_data(X, x, theta, depth)
    error = entry_errors(values, theta, angle_errors(X, x, theta, on), 1.0)
    if theta.size > JOINT_ENTRIES:
        error += np.where(theta > 0, TABLE_ERROR, 0.0)
    return KernelSystem(matrix, right, Errors(error[:, :n], error[:, n:], on))


def deflated_system(family: KernelFamily, X: np.ndarray, x: np.ndarray, depth) -> DeflatedSystem:
    """The deflated kernel of the rows at one depth."""
    n, theta = len(X), sphere.joint_angles(X, x)
    deflated = family.deflated(theta, depth)

    on = on_data(X, x, theta, depth)
    error = entry_errors(deflated_values(family, deflated, depth), theta, angle_errors(X, x, theta, on), 0.0)
    scale = math.exp(deflated.log_scale)
    ratio = scale / deflated.level if deflated.level else math.inf
    matrix, right = deflated.values[:, :n], deflated.values[:, n:]
    errors = Errors(error[:, :n], error[:, n:], on)
    off = ratio_error(deflated.log_scale, ratio)
    return DeflatedSystem(matrix, right, errors, ratio, off, scale, deflated.level, deflated.log_scale)


class Systems:
    """The systems of one data set, those of the last depths asked for kept: neighbouring pairs of depths share them.

    Attributes:
        kernel, deflated: depth -> `KernelSystem`, `DeflatedSystem`.
    """

    KEPT = 3

    def __init__(self, family: KernelFamily, X: np.ndarray, x: np.ndarray):
        self.family, self.X, self.x = family, X, x
        kept = functools.lru_cache(maxsize=self.KEPT)
        self.kernel: Callable[..., KernelSystem] = kept(functools.partial(kernel_system, family, X, x))
        self.deflated: Callable[..., DeflatedSystem] = kept(functools.partial(deflated_system, family, X, x))


def deflated_values(family: KernelFamily, system: Deflated, depth) -> Callable[[np.ndarray], np.ndarray]:
    """Angles -> deflated values in the units of those already found."""

    def values(angles: np.ndarray) -> np.ndarray:
        other = family.deflated(angles, depth)
        same = other.log_scale == system.log_scale  # both are -inf at infinite depth
        return other.values * (1.0 if same else math.exp(other.log_scale - system.log_scale))

    return values


def ratio_error(log_scale: float, ratio: float) -> float:
    """Of s/c, from the rounding of log s and of what it is a product of."""
    return (8 + 2 * abs(log_scale)) * EPS * abs(ratio) if ratio and not math.isinf(ratio) else 0.0


class PackedAngles:
    """The angles of one data set, no entry of the symmetric block twice, with the bounds of their errors.

    Attributes:
        theta: of all pairs of X above the diagonal, then of (X, x), row by row.
        pairs: where the entry of the symmetric block is among them, one past the pairs on the diagonal. (n, n).
    """

    def __init__(self, X: np.ndarray, x: np.ndarray):
        self.n = n = len(X)
        upper = np.triu_indices(n, 1)
        self._rows, self._joint, self._upper = (X, x), sphere.joint_angles(X, x), upper
        self.theta = self._packed(self._joint)
        self.pairs = np.full((n, n), len(upper[0]))
        self.pairs[upper] = np.arange(len(upper[0]))
        self.pairs.T[upper] = self.pairs[upper]

    def _packed(self, joint: np.ndarray) -> np.ndarray:
        return np.concatenate([joint[:, : self.n][self._upper], joint[:, self.n :].ravel()])

    def errors(self, depth) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the errors of theta, and `Errors.on_data`."""
        on = on_data(*self._rows, self._joint, depth)
        return self._packed(angle_errors(*self._rows, self._joint, on)), on

    def unpacked(self, values: np.ndarray, diagonal: float) -> tuple[np.ndarray, np.ndarray]:
        """(symmetric block, cross block) of values at all angles."""
        count = self.n * (self.n - 1) // 2
        return np.append(values[:count], diagonal)[self.pairs], values[count:].reshape(self.n, -1)
