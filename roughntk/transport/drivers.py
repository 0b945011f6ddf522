"""The drivers v of Theorem 3: what pushes the coefficients from one depth to the next.

For A(s) u(s) = b(s) the paper's drivers are, by Cramer's rule and without the solution in them,

    v_ij' = (A^{-1} A')_ij,  j <= n,        v_{i,n+k}' = (A^{-1} b_k')_i,  k = 1 .. m,

and u solves the linear controlled equation du = dv_b - dv_A u. With m test points the driver has n (n + m)
channels: the shared matrix part and one column per test point.
"""

import abc

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk.transport.clocks import Clock


class CoefficientPath(eqx.Module):
    """A path s -> (A(s), b(s)) of linear systems, A symmetric, and positive definite unless `solve` says otherwise."""

    @abc.abstractmethod
    def evaluate(self, s: Array) -> tuple[Array, Array]:
        """(A(s), b(s)), shapes (n, n) and (n, m)."""

    @abc.abstractmethod
    def derivative(self, s: Array) -> tuple[Array, Array]:
        """(A'(s), b'(s))."""

    def solve(self, A: Array, right: Array) -> Array:
        """A^{-1} right, by Cholesky."""
        return jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(A, lower=True), right)

    def driver_derivative(self, s: Array) -> Float[Array, "n n_plus_m"]:
        """v'(s) = A^{-1} [A', b'], by one factorisation."""
        return self.solve(self.evaluate(s)[0], jnp.concatenate(self.derivative(s), axis=1))


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


class SegmentDriver(diffrax.AbstractPath):
    """The driver of a :class:`Segment` in closed form, a path in R^{n x (n + m)} on [0, 1] (diffrax's contract).

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
        return 0.0

    @property
    def t1(self):  # type: ignore[override]
        return 1.0

    def evaluate(self, t0, t1=None, left=True):
        """v(t0) - v(0), or the increment v(t1) - v(t0), shape (n, n + m)."""
        del left
        if t1 is not None:
            return self.evaluate(t1) - self.evaluate(t0)
        growth = jnp.log1p(t0 * self.rates)
        zero = self.rates == 0
        ratio = jnp.where(zero, t0, growth / jnp.where(zero, 1.0, self.rates))
        return self._assemble(growth, ratio)

    def derivative(self, t, left=True):
        """v'(t) = A(t)^{-1} [A', b'], shape (n, n + m)."""
        del left
        speed = 1 / (1 + t * self.rates)
        return self._assemble(self.rates * speed, speed)

    def _assemble(self, matrix_part: Array, column_part: Array) -> Array:
        matrix = (self.right * matrix_part) @ self.left
        return jnp.concatenate([matrix, (self.right * column_part) @ self.column], axis=1)

    def sample(self, s) -> Float[Array, "points channels"]:
        """Values at the given positions as a path (points, channels), channels in row-major order of v_ij."""
        return _sample(self, jnp.asarray(s))

    def panels(self) -> np.ndarray:
        """Positions 0 = s_0 < ... < s_k = 1, graded towards both ends so that v' is smooth on each panel.

        v' has its nearest poles at -1/lambda; where eigenvalues lambda of M are large, or near -1, an even mesh
        would miss the transient at s = 0, or at s = 1.
        """
        rates = np.asarray(self.rates)
        at_start = int(np.ceil(np.log2(1 + max(rates.max(), 0.0)))) + 1
        at_end = int(np.ceil(-np.log2(1 + min(rates.min(), 0.0)))) + 1
        start = 2.0 ** -np.arange(at_start, 0, -1)
        return np.unique(np.concatenate([[0.0], start, 1 - 2.0 ** -np.arange(1, at_end + 1), [1.0]]))


@eqx.filter_jit
def segment_driver(segment: Segment) -> SegmentDriver:
    """The closed-form driver of a segment, compiled."""
    return SegmentDriver(segment)


@eqx.filter_jit
def _sample(driver: SegmentDriver, s: Array) -> Array:
    return jax.vmap(driver.evaluate)(s).reshape(len(s), -1)


class RetimedPath(diffrax.AbstractPath):
    """A path on [0, 1] run in the paper's time t: t -> path(s(t)), for instance with s = psi_D(2t - 1)."""

    path: diffrax.AbstractPath
    clock: Clock

    @property
    def t0(self):  # type: ignore[override]
        return 0.0

    @property
    def t1(self):  # type: ignore[override]
        return 1.0

    def evaluate(self, t0, t1=None, left=True):
        """Value at t0, or increment from t0 to t1, in the paper's time."""
        if t1 is not None:
            return self.evaluate(t1, left=left) - self.evaluate(t0, left=left)
        return self.path.evaluate(self.clock.position_at_paper_time(t0))


def quadrature_driver(path: CoefficientPath, s, *, order: int = 12) -> Float[Array, "points n k"]:
    """The driver at the points s[0] < s[1] < ... by Gauss-Legendre quadrature of v' = A^{-1} [A', b'].

    The independent route to the closed form, and the only one on curved paths. Values start at 0 at s[0].

    Args:
        path: the systems A(s) u = b(s).
        s: increasing positions, shape (points,).
        order: Gauss-Legendre nodes in each interval.

    Returns:
        Driver values, shape (points, n, n + m).
    """
    s = jnp.asarray(s, dtype=float)
    # One compiled interval, called for each: the number of intervals changes from driver to driver.
    increments = jnp.stack([increment(path, start, stop, order) for start, stop in zip(s[:-1], s[1:], strict=True)])
    total = jnp.cumsum(increments, axis=0)
    return jnp.concatenate([jnp.zeros_like(total[:1]), total])


@eqx.filter_jit
def increment(path: CoefficientPath, start: Array, stop: Array, order: int) -> Array:
    """The increment of the driver from `start` to `stop`, by `order` Gauss-Legendre nodes."""
    nodes, weights = (jnp.asarray(part) for part in np.polynomial.legendre.leggauss(order))
    radius = (stop - start) / 2
    values = jax.lax.map(path.driver_derivative, (start + stop) / 2 + radius * nodes)
    return radius * jnp.tensordot(weights, values, axes=1)


def paper_driver(driver: SegmentDriver, coefficients_at: Array, s: Array) -> Array:
    """The paper's own driver, which carries the solution in it: v_ij = -int (A^{-1} A')_ij u_j ds.

    Args:
        driver: the driver without the solution.
        coefficients_at: u at the positions s for one test point, shape (points, n).
        s: increasing positions, shape (points,); trapezoidal sums between them.

    Returns:
        Values at s, shape (points, n, n): summed over j and with the last column added they give u - u(0).
    """
    n = driver.rates.shape[0]
    rate = jax.vmap(driver.derivative)(s)[:, :, :n] * coefficients_at[:, None, :]
    steps = -(rate[1:] + rate[:-1]) / 2 * jnp.diff(s)[:, None, None]
    return jnp.concatenate([jnp.zeros((1, n, n)), jnp.cumsum(steps, axis=0)])
