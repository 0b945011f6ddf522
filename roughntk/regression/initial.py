"""The function that a network is before training: a Gaussian process with the covariance Sigma of its architecture.

Sigma is the normalised NNGP kernel, or the kernel itself where the physical units were asked for. Where it collapses,
Sigma = c d d^T + s G, and what is made of it by C, say, is c (C d)(C d)^T + s C G C^T: differences between points
keep their digits.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.regression.entries import angle_errors, entry_errors
from roughntk.regression.flow import exponential, reflection
from roughntk.regression.systems import deflated_values


class InitialCovariance(NamedTuple):
    """Sigma = level d d^T + unit G on some points.

    Attributes:
        level, direction: c and d, shape (N,).
        unit, matrix: s and G, shape (N, N).
        errors: bounds of the errors of the entries of G.
    """

    level: float
    direction: np.ndarray
    unit: float
    matrix: np.ndarray
    errors: np.ndarray

    @property
    def full(self) -> np.ndarray:
        """Sigma."""
        return self.level * np.outer(self.direction, self.direction) + self.unit * self.matrix

    def of(self, C: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """C Sigma C^T of combinations of the values at the points, shape (m, N), and a bound of its error."""
        along = C @ self.direction
        value = self.level * np.outer(along, along) + self.unit * (C @ self.matrix @ C.T)
        size, units = np.abs(C), (4 + 2 * math.sqrt(len(self.matrix))) * EPS
        off = units * (size @ np.abs(self.direction))
        bound = self.level * (np.outer(off, np.abs(along) + off) + np.outer(np.abs(along), off))
        bound += self.unit * (size @ (self.errors + 2 * units * np.abs(self.matrix)) @ size.T)
        return (value + value.T) / 2, bound

    def sampled(self, normal: np.ndarray) -> np.ndarray:
        """Sigma^{1/2} times independent normal numbers, a square root along d first; shape (N, samples)."""
        if not self.level > 0:
            return math.sqrt(self.unit) * self._root(self.matrix) @ normal
        length = float(np.linalg.norm(self.direction))
        reflect = reflection(self.direction / length)
        turned = reflect(reflect(self.matrix).T)
        variance, h = self.level * length**2 + self.unit * float(turned[0, 0]), turned[1:, 0]
        if not variance > 0:
            raise _indefinite(variance)
        beside = self._root(turned[1:, 1:] - self.unit / variance * np.outer(h, h))
        first = math.sqrt(variance) * normal[:1]
        others = np.outer(h, self.unit / variance * first[0]) + math.sqrt(self.unit) * beside @ normal[1:]
        return reflect(np.concatenate([first, others]), back=True)

    def _root(self, matrix: np.ndarray) -> np.ndarray:
        """R with R R^T = a matrix that is positive semidefinite to rounding."""
        spectrum, Q = np.linalg.eigh((matrix + matrix.T) / 2)
        doubt = float(self.errors.sum(axis=1).max()) + 8 * len(self.matrix) * EPS * float(
            np.abs(self.matrix).sum(axis=1).max()
        )
        if spectrum.size and spectrum[0] < -doubt:
            raise _indefinite(float(spectrum[0]) * self.unit)
        return Q * np.sqrt(np.maximum(spectrum, 0.0))


def _indefinite(eigenvalue: float) -> NotPositiveDefiniteError:
    return NotPositiveDefiniteError(
        f"expected a covariance of the initial function that is positive semidefinite, got the eigenvalue "
        f"{eigenvalue:.3g} on these points; choose another depth or other points"
    )


def initial_covariance(
    family: KernelFamily, directions: np.ndarray, lengths: np.ndarray, depth: float, *, log_scale: float = 0.0
) -> InitialCovariance:
    """The covariance of the initial function at points.

    Args:
        family: the covariance of an architecture, `family.nngp`.
        directions, lengths: of the points, unit rows (N, n0) and (N,).
        depth: of the network.
        log_scale: log of what the normalised covariance is multiplied by.
    """
    theta = np.array(sphere.angles(directions))
    theta[theta <= sphere.SAME_ANGLE] = 0.0
    sigma, size = exponential(log_scale), np.outer(lengths, lengths)
    deflated = family.deflated(theta, depth) if family.collapses and depth != math.inf else None
    if deflated is not None and deflated.level > 0:
        values, least = deflated_values(family, deflated, depth), 0.0
        level, unit, matrix = deflated.level, math.exp(deflated.log_scale), deflated.values
    else:

        def values(angles: np.ndarray) -> np.ndarray:
            return np.asarray(family.at_angle(jnp.asarray(angles), depth))

        level, unit, least = (family.limit_value if family.collapses and depth == math.inf else 0.0), 1.0, 1.0
        matrix = values(theta.ravel()).reshape(theta.shape) - level
    none = np.zeros((len(theta), 0))
    errors = entry_errors(values, theta, angle_errors(directions, directions[:0], theta, none), least)
    errors = np.where(matrix == 0, 0.0, errors) * size + 4 * EPS * np.abs(matrix * size)
    return InitialCovariance(level * sigma, lengths, unit * sigma, matrix * size, errors)


def sampled_functions(
    family: KernelFamily, directions: np.ndarray, lengths: np.ndarray, depth: float, key, count: int
) -> np.ndarray:
    """Samples of the initial function at points, shape (N, count); a point has one value, however often it occurs.

    Args:
        family, directions, lengths, depth: as for `initial_covariance`.
        key: of JAX.
        count: how many samples.
    """
    same = np.asarray(sphere.angles(directions)) <= sphere.SAME_ANGLE
    distinct, place = np.unique(same.argmax(axis=0), return_inverse=True)
    normal = normal_numbers(key, (len(distinct), count))
    covariance = initial_covariance(family, directions[distinct], np.ones(len(distinct)), depth)
    return covariance.sampled(normal)[place] * lengths[:, None]


def normal_numbers(key, shape: tuple[int, ...]) -> np.ndarray:
    """Independent standard normal numbers of a key of JAX.

    Raises:
        InputError: what is no key.
    """
    if _checks.is_traced(key):
        raise _checks.traced("key")
    try:
        return np.asarray(jax.random.normal(key, shape))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"expected a key of JAX, got {_checks.shown(key)} ({_checks.reason(error)}); make one: jax.random.key(0)"
        ) from None
