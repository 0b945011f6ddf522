"""Paths of linear systems A(s) u(s) = b(s), and the one of the kernel along real depth.

The latter is the kernel in closed form at the Chebyshev points of panels in the graded time tau
(:class:`roughntk.transport.clocks.GradedClock`), and its interpolant between them.
"""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk._checks.precision import EPS
from roughntk.transport.clocks import Clock, graded_depth
from roughntk.transport.drivers import Driver, QuadratureDriver, integrals

DEGREE = 16
"""Degree of the interpolation on a panel."""

TAIL = 64 * EPS
"""A panel is halved until its last two Chebyshev coefficients are below this (kernels are at most 1)."""

_PANELS = 16  # their number is a multiple of this, so that one compilation serves many paths
_NARROW = 1e-9  # panels narrower than this in tau are not halved
_MOST_PANELS = 512
_NEAR = 1e-12  # knots closer than this in tau are one: the coefficients move less than rounding


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

    def paper_derivative(self, s: Array) -> Float[Array, "n n_plus_1 m"]:
        """That of the paper's own driver, which carries u = A^{-1} b in it: -(A^{-1} A')_ij u_jk, then (A^{-1} b')_ik.

        Its row sums are u': sum over j = 1 .. n + 1.
        """
        A, b = self.evaluate(s)
        solved = self.solve(A, jnp.concatenate([b, *self.derivative(s)], axis=1))
        n, m = b.shape
        u, matrix, column = solved[:, :m], solved[:, m : m + n], solved[:, m + n :]
        return jnp.concatenate([-matrix[:, :, None] * u[None], column[:, None, :]], axis=1)

    def driver(self, clock: Clock) -> Driver:
        """The driver v, v(start) = 0, on the positions over which the clock goes: by quadrature between its knots."""
        return QuadratureDriver(self.driver_derivative, clock.position(clock.knots))


def quadrature_driver(path: CoefficientPath, s, *, order: int = 12) -> Float[Array, "points n k"]:
    """The driver at the points s[0] < s[1] < ... by Gauss-Legendre quadrature of v' = A^{-1} [A', b'].

    The independent route to the closed form, and the only one on curved paths. Values start at 0 at s[0].

    Args:
        path: the systems A(s) u = b(s).
        s: increasing positions, shape (points,).
        order: Gauss-Legendre nodes in each interval.

    Returns:
        Driver values, shape (points, n, n + m).

    >>> import numpy as np
    >>> import roughntk as rn
    >>> I = np.eye(2)
    >>> v = rn.transport.quadrature_driver(rn.transport.Segment(I, 2 * I, I, I), [0.0, 1.0])
    >>> v[-1, 0].round(12).tolist()  # log 2, on the diagonal
    [0.69314718056, 0.0, 0.0, 0.0]
    """
    return integrals(path.driver_derivative, jnp.asarray(s, dtype=float), order)


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


class OwnDiagonalPath(DepthPath):
    """The same of a kernel whose diagonal is not 1: the last entry of the table."""

    def _assemble(self, values, diagonal):
        return super()._assemble(values[:-1], values[-1])


def _chebyshev(x, scale):
    """T_0 .. T_DEGREE at x and their derivatives times `scale`."""
    values, slopes = [jnp.ones_like(x), x], [jnp.zeros_like(x), jnp.ones_like(x)]
    for _ in range(DEGREE - 1):
        slopes.append(2 * values[-1] + 2 * x * slopes[-1] - slopes[-2])
        values.append(2 * x * values[-1] - values[-2])
    return jnp.stack(values), jnp.stack(slopes) * scale


def tabulate(row: Callable[[float], np.ndarray], times: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Panels in |tau| that hold `times` among their edges, and the Chebyshev coefficients of `row` on them.

    Returns:
        Edges (panels + 1,), increasing; coefficients (panels, DEGREE + 1, entries); size of the last two of them.
    """
    k = np.arange(DEGREE + 1)
    half = np.where((k == 0) | (k == DEGREE), 0.5, 1.0)
    transform = 2 / DEGREE * half[:, None] * np.cos(np.pi * np.outer(k, k) / DEGREE) * half

    def panel(low: float, high: float) -> np.ndarray:
        nodes = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * k / DEGREE)
        nodes[0], nodes[-1] = high, low
        return transform @ np.stack([row(graded_depth(node)) for node in nodes])

    edges = _merged(np.sort(times))
    while len(edges) <= _PANELS // 2 and np.diff(edges).max() > _NARROW:
        edges = _halved(edges)
    waiting = list(zip(edges[:-1], edges[1:], strict=True))
    done: dict[tuple[float, float], np.ndarray] = {}
    while waiting:
        low, high = waiting.pop()
        coefficients = panel(low, high)
        full = len(done) + len(waiting) >= _MOST_PANELS
        limit = TAIL if high < 0.9 else 1e-12  # rounding of l near 1 moves the kernel of nearly antipodal points
        if np.abs(coefficients[-2:]).max() <= limit or high - low <= _NARROW or full:
            done[low, high] = coefficients
        else:
            waiting += [(low, (low + high) / 2), ((low + high) / 2, high)]
    edges = np.array(sorted({low for low, _ in done} | {edges[-1]}))
    while len(done) % _PANELS and np.diff(edges).max() > _NARROW:  # whole multiples: few shapes, few compilations
        edges = _halved(edges)
        added = [part for part in zip(edges[:-1], edges[1:], strict=True) if part not in done]
        done = {part: done[part] for part in done if part[0] != added[0][0] or part[1] != added[1][1]}
        done |= {part: panel(*part) for part in added}
    table = np.stack([done[part] for part in sorted(done)])
    return edges, table, float(np.abs(table[:, -2:]).max())


def _merged(times: np.ndarray) -> np.ndarray:
    """Sorted times without those within `_NEAR` of an earlier one or of the last; the two ends stay."""
    kept = [times[0]]
    for time in times[1:-1]:
        if time - kept[-1] > _NEAR and times[-1] - time > _NEAR:
            kept.append(time)
    return np.array([*kept, times[-1]])


def _halved(edges: np.ndarray) -> np.ndarray:
    """The edges with the widest panel cut in two."""
    widest = int(np.argmax(np.diff(edges)))
    return np.insert(edges, widest + 1, (edges[widest] + edges[widest + 1]) / 2)
