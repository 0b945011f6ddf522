"""The straight segment between the systems of two depths, and its driver in closed form."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from roughntk.transport.clocks import Clock
from roughntk.transport.drivers import Driver
from roughntk.transport.paths import CoefficientPath, quadrature_driver


class Segment(CoefficientPath):
    """The straight segment between two depths: A = K0 + s (K1 - K0), b = B0 + s (B1 - B0), s in [0, 1].

    With B0 = B1 this is the "paper" right-hand side, which holds b at the next depth throughout.
    """

    K0: Array
    K1: Array
    B0: Array
    B1: Array

    def evaluate(self, s):
        return self.K0 + s * (self.K1 - self.K0), self.B0 + s * (self.B1 - self.B0)

    def derivative(self, s):
        return self.K1 - self.K0, self.B1 - self.B0

    def driver(self, clock: Clock) -> Driver:
        """The driver v in closed form, whatever the clock."""
        del clock
        return segment_driver(self)

    def disagreement(self) -> float:
        """The largest difference of the closed form from quadrature, relative to the largest value of the driver."""
        driver = segment_driver(self)
        by_quadrature = np.asarray(quadrature_driver(self, driver.knots, order=16))
        closed = np.stack([np.asarray(_value_at(driver, s)) for s in driver.knots])
        return relative_difference(closed, by_quadrature)


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
    """max |a - b| / max |b|; 0 where both vanish."""
    gap, size = float(np.max(np.abs(a - b))), float(np.max(np.abs(b)))
    return gap / size if size > 0 else (0.0 if gap == 0 else math.inf)


class SegmentDriver(Driver):
    """The driver of a :class:`Segment` in closed form, a path in R^{n x (n + m)} on [0, 1].

    With M = K0^{-1} (K1 - K0) all values of the matrix part commute, and

        v_A(s) = log(I + s M),        v_b(s) = log(I + s M) M^{-1} K0^{-1} (B1 - B0).

    M = P diag(lambda) P^{-1} comes from the symmetric matrix C^{-1} (K1 - K0) C^{-T}, K0 = C C^T, so that no
    non-symmetric eigenproblem is solved: P = C^{-T} Q, P^{-1} = Q^T C^T.
    """

    right: Array  # P, (n, n)
    left: Array  # P^{-1}, (n, n)
    rates: Array  # lambda, (n,)
    column: Array  # P^{-1} K0^{-1} (B1 - B0), (n, m)

    def __init__(self, segment: Segment):
        C = jnp.linalg.cholesky(segment.K0)
        half = jax.scipy.linalg.solve_triangular(C, segment.K1 - segment.K0, lower=True)
        core = jax.scipy.linalg.solve_triangular(C, half.T, lower=True)
        self.rates, Q = jnp.linalg.eigh((core + core.T) / 2)
        self.right = jax.scipy.linalg.solve_triangular(C, Q, lower=True, trans=1)
        self.left = Q.T @ C.T
        self.column = Q.T @ jax.scipy.linalg.solve_triangular(C, segment.B1 - segment.B0, lower=True)

    @property
    def t0(self):  # type: ignore[override]
        """0."""
        return 0.0

    @property
    def t1(self):  # type: ignore[override]
        """1."""
        return 1.0

    @property
    def knots(self) -> np.ndarray:
        """Positions 0 = s_0 < ... < s_k = 1, graded towards both ends so that v' is smooth between them.

        v' has its nearest poles at -1/lambda; where eigenvalues lambda of M are large, or near -1, an even mesh
        would miss the transient at s = 0, or at s = 1.
        """
        rates = np.asarray(self.rates)
        at_start = int(np.ceil(np.log2(1 + max(rates.max(), 0.0)))) + 1
        at_end = int(np.ceil(-np.log2(1 + min(rates.min(), 0.0)))) + 1
        start = 2.0 ** -np.arange(at_start, 0, -1)
        return np.unique(np.concatenate([[0.0], start, 1 - 2.0 ** -np.arange(1, at_end + 1), [1.0]]))

    def value(self, t):
        growth = jnp.log1p(t * self.rates)
        zero = self.rates == 0
        ratio = jnp.where(zero, t, growth / jnp.where(zero, 1.0, self.rates))
        return self._assemble(growth, ratio)

    def derivative(self, t, left=True):
        """v'(t) = A(t)^{-1} [A', b'], shape (n, n + m)."""
        del left
        speed = 1 / (1 + t * self.rates)
        return self._assemble(self.rates * speed, speed)

    def _assemble(self, matrix_part: Array, column_part: Array) -> Array:
        matrix = (self.right * matrix_part) @ self.left
        return jnp.concatenate([matrix, (self.right * column_part) @ self.column], axis=1)


@eqx.filter_jit
def segment_driver(segment: Segment) -> SegmentDriver:
    """The closed-form driver of a segment, compiled.

    >>> import numpy as np
    >>> import roughntk as rn
    >>> I = np.eye(2)
    >>> driver = rn.transport.segment_driver(rn.transport.Segment(I, 2 * I, I, I))
    >>> driver.evaluate(1.0)[0].round(12).tolist()  # log 2, on the diagonal
    [0.69314718056, 0.0, 0.0, 0.0]
    """
    return SegmentDriver(segment)


@eqx.filter_jit
def _value_at(driver: SegmentDriver, s) -> Array:
    """The driver at one position; compiled once, whatever the knots are."""
    return driver.value(s)
