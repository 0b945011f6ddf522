"""The path of linear systems along real depth, its graded clock, and its driver.

The clock runs in a graded time tau, 1/l = r^4 with r = 1 - (1 - |tau|)^3 (:mod:`roughntk.transport.real_depth`); the
path is the kernel in closed form at the Chebyshev points of panels in tau, and its interpolant between them.
"""

import math
from typing import NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks
from roughntk._checks.precision import EPS
from roughntk.transport.drivers import CoefficientPath, increment, quadrature_driver

DEGREE = 16
"""Degree of the interpolation on a panel."""

_NORMS = ("l1", "l2")
_MOST_PIECES = 512


def graded_time(depth: float | Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """|tau| of the depths: 1 at l = 1, 0 at l = infinity; 1 - (1 - r)^(1/3) with r = l^(-1/4), without cancellation."""
    depth = np.asarray(depth, dtype=float)
    q = np.cbrt(-np.expm1(-np.log(depth) / 4))
    return depth**-0.25 / (1 + q + q * q)


class DepthClock(eqx.Module):
    """Graded time tau, on which path and driver live, with the real depth l and the compact s = 1 - 1/l at it.

    With r = 1 - (1 - |tau|)^3: 1/l = r^4. Negative times go deeper, positive ones come back.
    """

    knots: Float[Array, " k"]

    def position(self, tau):
        """The position on a :class:`DepthPath`: tau itself. (s would not do: near 1 it holds no depth beyond 1e16.)"""
        return jnp.asarray(tau)

    def rate(self, tau):
        """1."""
        return jnp.ones_like(jnp.asarray(tau, dtype=float))

    def depth(self, tau):
        """l = r^-4; infinity at tau = 0."""
        r = root(jnp.abs(tau))
        end = r == 0
        return jnp.where(end, jnp.inf, jnp.where(end, 1.0, r) ** -4)

    def compact(self, tau):
        """s = 1 - 1/l in [0, 1]."""
        return -jnp.expm1(4 * jnp.log1p(-((1 - jnp.abs(tau)) ** 3)))

    def time(self, depth):
        """tau of a depth, with the sign of this clock's times."""
        return (1 if float(self.knots[-1]) > 0 else -1) * graded_time(depth)


def root(size):
    """r = 1 - (1 - |tau|)^3 at |tau|, without cancellation."""
    return size * (3 - size * (3 - size))


class DepthPath(CoefficientPath):
    """Graded time tau -> (K(l)(X, X), K(l)(X, x)), by piecewise Chebyshev interpolation in |tau|."""

    edges: Float[Array, " panels_plus_1"]  # |tau|, increasing
    table: Float[Array, "panels degree_plus_1 entries"]  # Chebyshev coefficients of pairs and cross block
    pairs: Array  # (n, n): where the entry of A is among the pairs; one past them on the diagonal

    def evaluate(self, s):
        basis, coefficients = self._locate(s)
        return self._assemble(basis[0] @ coefficients, 1.0)

    def derivative(self, s):
        basis, coefficients = self._locate(s)
        return self._assemble(jnp.where(s > 0, 1.0, -1.0) * (basis[1] @ coefficients), 0.0)

    def _locate(self, tau):
        """T_k and dT_k/d|tau| at tau, and the coefficients on its panel."""
        size = jnp.abs(tau)
        panel = jnp.clip(jnp.searchsorted(self.edges, size, side="right") - 1, 0, self.edges.shape[0] - 2)
        low, high = self.edges[panel], self.edges[panel + 1]
        return _chebyshev((2 * size - low - high) / (high - low), 2 / (high - low)), self.table[panel]

    def _assemble(self, values, diagonal):
        n = self.pairs.shape[0]
        count = n * (n - 1) // 2
        return jnp.append(values[:count], diagonal)[self.pairs], values[count:].reshape(n, -1)


def _chebyshev(x, scale):
    """T_0 .. T_DEGREE at x and their derivatives times `scale`."""
    values, slopes = [jnp.ones_like(x), x], [jnp.zeros_like(x), jnp.ones_like(x)]
    for _ in range(DEGREE - 1):
        slopes.append(2 * values[-1] + 2 * x * slopes[-1] - slopes[-2])
        values.append(2 * x * values[-1] - values[-2])
    return jnp.stack(values), jnp.stack(slopes) * scale


class Variation(NamedTuple):
    """1-variation of a path, and an estimate of the error of that number."""

    value: float
    error: float


class DepthDriver(diffrax.AbstractPath):
    """The driver v, v' = A^{-1} [A', b'], on the graded times of its clock (diffrax's path contract), v(start) = 0.

    Values (n, n + m): the knots hold the integral up to them, and Gauss-Legendre quadrature goes on from there.
    """

    path: CoefficientPath
    knots: Float[Array, " k"]
    totals: Float[Array, "k n n_plus_m"]

    def __init__(self, path: CoefficientPath, clock: DepthClock):
        self.path, self.knots = path, clock.knots
        self.totals = quadrature_driver(path, clock.knots)

    @property
    def t0(self):  # type: ignore[override]
        return self.knots[0]

    @property
    def t1(self):  # type: ignore[override]
        return self.knots[-1]

    def evaluate(self, t0, t1=None, left=True):
        """v(t0), or the increment v(t1) - v(t0), shape (n, n + m), at graded times."""
        del left
        if t1 is not None:
            return self.evaluate(t1) - self.evaluate(t0)
        knots = self.knots
        t0 = jnp.asarray(t0, dtype=float)
        before = jnp.clip(jnp.searchsorted(knots, t0, side="right") - 1, 0, knots.shape[0] - 2)
        return self.totals[before] + increment(self.path, knots[before], t0, 12)

    def derivative(self, t, left=True):
        """dv/dtau = A^{-1} [dA/dtau, db/dtau], shape (n, n + m)."""
        del left
        return self.path.driver_derivative(t)

    def one_variation(self, norm: str = "l2", *, rtol: float = 1e-7) -> Variation:
        """The 1-variation int |dv/dtau| dtau, which is the sup of sum |v(t_{i+1}) - v(t_i)| and free of the clock.

        By Gauss-Legendre quadrature on pieces, halved until a piece and its halves agree; the disagreements add
        up to the error estimate. With "l1" the speed has a kink wherever an entry changes its sign, and at many
        entries the estimate stays above `rtol`.

        Args:
            norm: "l1" (sum of absolute values of all n (n + m) entries) or "l2" (root of their sum of squares).
            rtol: wanted relative error, > 0.

        Returns:
            (value, error estimate).

        Raises:
            InputError: unknown norm (with the nearest name), or rtol that is not positive.
        """
        _checks.choice(norm, _NORMS, "norm")
        rtol = _checks.number(rtol, "rtol", above=0, remedy="1e-7 is the default")
        knots = np.asarray(self.knots)
        length = knots[-1] - knots[0]

        def piece(start, stop):
            return start, stop, float(_length(self.path, jnp.asarray(start), jnp.asarray(stop), norm))

        waiting = [piece(a, b) for a, b in zip(knots[:-1], knots[1:], strict=True)]
        allowed = max(rtol, 64 * EPS) * sum(part for *_, part in waiting)
        done, error, pieces = [], 0.0, len(waiting)
        while waiting:
            following: list[tuple[float, float, float]] = []
            for start, stop, whole in waiting:
                middle = (start + stop) / 2
                halves = piece(start, middle), piece(middle, stop)
                gap = abs(halves[0][2] + halves[1][2] - whole)
                if gap <= allowed * (stop - start) / length or pieces >= _MOST_PIECES:
                    done += [halves[0][2], halves[1][2]]
                    error += gap
                else:
                    following += halves
                    pieces += 1
            waiting = following
        value = math.fsum(done)
        return Variation(value, error + len(done) * EPS * value)


@eqx.filter_jit
def _length(path: CoefficientPath, start: Array, stop: Array, norm: str) -> Array:
    """int |dv/dtau| dtau from `start` to `stop`, by 10 Gauss-Legendre nodes."""
    nodes, weights = (jnp.asarray(part) for part in np.polynomial.legendre.leggauss(10))
    radius = (stop - start) / 2

    def speed(tau):
        v = path.driver_derivative(tau)
        return jnp.sum(jnp.abs(v)) if norm == "l1" else jnp.sqrt(jnp.sum(v * v))

    return radius * (weights @ jax.lax.map(speed, (start + stop) / 2 + radius * nodes))
