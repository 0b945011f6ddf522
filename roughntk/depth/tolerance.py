"""How deep is deep enough: the depth from which coefficients are within a tolerance of their infinite-depth limit.

The paper asks for the order of magnitude. For the ReLU NTK u_L - u_inf = 6/(n+3)^2 log L / L + O(1/L) off the data, and
the depth at which a given tolerance is met is found here on the exact kernel at real depth. Beside it stands the
a-posteriori bound that the controlled equation gives: with the tails of the drivers' 1-variation beyond L,

    V_A = int_L^inf |A^{-1} A'| dl,    V_b = int_L^inf |A^{-1} b'| dl    (largest row sum, largest entry),
    |u_inf - u_L| <= V_b + V_A (|u_L| + V_b) exp(V_A)                     (Gronwall, largest entry).
"""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily, ReluNTK, as_family
from roughntk.linalg import NotPositiveDefiniteError, solve
from roughntk.regression import coefficients
from roughntk.regression.exceptions import REMEDY

DEEPEST = 1e15
LEAST_TOLERANCE = 1e-13
_GRID_RATIO = 1.25
_ROUNDING = 8 * EPS
"""Differences from the limit are known to about this, absolutely: it is taken off the tolerance."""

_PANELS = 12
_GRADING = 4  # 1/l = r^4: the paths' derivative in r vanishes like r^3 log r at infinite depth


@dataclasses.dataclass(frozen=True)
class DepthNeeded:
    """Answer of :func:`depth_needed`.

    Attributes:
        depth: smallest real depth from which on max |u_l - u_inf| <= tolerance.
        whole_depth: the next whole depth.
        error: max |u - u_inf| at `whole_depth`.
        bound: a-posteriori bound on the same, from the 1-variation tail of the drivers.
        looseness: bound / error.
        tail_variation: (V_A, V_b) beyond `whole_depth`.
        tolerance: what was asked for.
    """

    depth: float
    whole_depth: int
    error: float
    bound: float
    looseness: float
    tail_variation: tuple[float, float]
    tolerance: float


def depth_needed(family: KernelFamily, X, x, tolerance: float) -> DepthNeeded:
    """The depth from which |u_L - u_inf| <= tolerance in every component, with the a-posteriori bound beside it.

    Errors are computed without cancellation, from K_L (u_L - u_inf) = (b_L - b_inf) - (K_L - K_inf) u_inf, at the real
    depths 2, 2.5, 3.1, ... 1e15, from the deep end, and the crossing is then bisected.

    Args:
        family: ReluNTK (the drivers of the other families are not summable).
        X: training points, unit distinct rows, shape (n, n0).
        x: test points, unit rows, shape (m, n0); those on training points have error 0 at every depth.
        tolerance: largest accepted difference, at least 1e-13.

    Raises:
        InputError: a bad tolerance, points or family; a tolerance that is not reached at depth 1e15 (the message says
            how far one gets).

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(4, 3, seed=0), rn.sphere.uniform(1, 3, seed=1)
    >>> needed = rn.depth_needed(rn.kernels.ReluNTK(), X, x, tolerance=0.01)
    >>> needed.error <= 0.01 and needed.whole_depth >= needed.depth
    True
    """
    _checks.require_x64("depth_needed")
    family = as_family(family)
    if not isinstance(family, ReluNTK):
        raise InputError(
            f"expected ReluNTK, whose drivers are summable in depth, got {type(family).__name__}; compare "
            f"rn.coefficients at two depths instead"
        )
    tolerance = _tolerance(tolerance)
    return DistanceToLimit(family, *sphere.check_points(X, x)).needed(tolerance)


class DistanceToLimit:
    """max |u_l - u_inf| of one data set at real depths, each found once: several tolerances share most of them."""

    def __init__(self, family: KernelFamily, X: np.ndarray, x: np.ndarray):
        self.family = family
        self._n, self._theta = len(X), jnp.concatenate([sphere.angles(X), sphere.angles(X, x)], axis=1)
        self._limit = np.asarray(family.at_angle(self._theta, math.inf))
        self._u = coefficients(family, X, x, depth=math.inf)
        self._known: dict[float, float] = {}

    def needed(self, tolerance: float) -> DepthNeeded:
        """The answer of `depth_needed` to a checked tolerance."""
        depth = _crossing(self.at, tolerance - _ROUNDING)
        whole = math.ceil(depth - 1e-9)
        difference = self._difference(float(whole))
        distance, u = float(np.max(np.abs(difference))), self._u + difference
        tails = tail_variation(self.family, self._theta, float(whole))
        bound = tails[1] + tails[0] * (float(np.max(np.abs(u))) + tails[1]) * math.exp(tails[0])
        return DepthNeeded(depth, whole, distance, bound, bound / distance if distance else math.inf, tails, tolerance)

    def at(self, depth: float) -> float:
        """max |u_l - u_inf|; infinite where the matrix is singular to working precision."""
        if depth not in self._known:
            try:
                self._known[depth] = float(np.max(np.abs(self._difference(depth))))
            except NotPositiveDefiniteError:
                self._known[depth] = math.inf
        return self._known[depth]

    def _difference(self, depth: float) -> np.ndarray:
        """u_l - u_inf, shape (n, m)."""
        n, both = self._n, np.asarray(self.family.at_angle(self._theta, depth))
        moved = both - self._limit
        return solve(
            both[:, :n],
            moved[:, n:] - moved[:, :n] @ self._u,
            what=f"{self.family.name} kernel matrix at depth {depth:.6g}",
            remedy=REMEDY,
        ).coefficients


def _tolerance(tolerance: float) -> float:
    value = _checks.number(tolerance, "a tolerance", above=0, remedy="1e-3 is a usual choice")
    if value < LEAST_TOLERANCE:
        least, got = _checks.apart(LEAST_TOLERANCE, value)
        raise InputError(f"expected a tolerance of at least {least}, got {got}, which 64 bit cannot resolve; raise it")
    return value


def _crossing(error, tolerance: float) -> float:
    """The deepest crossing of the tolerance on a geometric grid of depths, bisected."""
    import scipy.optimize  # heavy

    count = math.ceil(math.log(DEEPEST / 2) / math.log(_GRID_RATIO))
    grid = np.geomspace(2.0, DEEPEST, count + 1)
    deepest = error(grid[-1])
    if deepest > tolerance:
        raise InputError(
            f"expected a tolerance that is reached by depth {DEEPEST:g}, got {tolerance:g}: there the distance is "
            f"still {deepest:.3g} (a test point may be very close to a training point); raise the tolerance"
        )
    for shallow, deep in zip(grid[-2::-1], grid[:0:-1], strict=True):
        if error(shallow) > tolerance:
            gap = lambda log_depth: math.log(max(error(math.exp(log_depth)), 1e-300) / tolerance)  # noqa: E731
            return math.exp(scipy.optimize.brentq(gap, math.log(shallow), math.log(deep), xtol=1e-12))
    return 2.0


def tail_variation(family: KernelFamily, theta, depth: float) -> tuple[float, float]:
    """(V_A, V_b) beyond a depth: int |A^{-1} A'| (largest row sum) and int |A^{-1} b'| (largest entry).

    `theta` holds the angles of (X, X and x), shape (n, n + m).

    Gauss-Legendre panels in r, 1/l = r^4, with their error, estimated from half as many panels, added, so that the
    result is an upper estimate.
    """
    end = float(depth) ** (-1 / _GRADING)
    theta = jnp.asarray(theta)
    pieces = ((0.0, end), (0.0, end / 2), (end / 2, end))
    coarse, *halves = (np.asarray(_tail(family, theta, *map(jnp.asarray, piece))) for piece in pieces)
    fine = halves[0] + halves[1]
    upper = fine + np.abs(fine - coarse)
    return float(upper[0]), float(upper[1])


@eqx.filter_jit
def _tail(family, theta: Array, start: Array, end: Array) -> Array:
    """Both variations on [start, end] in r, by equal panels of 6 nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(6)
    width = (end - start) / _PANELS
    starts = start + width * jnp.arange(_PANELS, dtype=width.dtype)
    r = (starts[:, None] + width * (jnp.asarray(nodes) + 1) / 2).reshape(-1)

    def sizes(r):
        n = theta.shape[0]
        kernel, rates = jax.jvp(lambda r: family.at_angle(theta, r ** (-_GRADING)), (r,), (jnp.ones_like(r),))
        rate = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(kernel[:, :n], lower=True), rates)
        return jnp.stack([jnp.max(jnp.sum(jnp.abs(rate[:, :n]), axis=1)), jnp.max(jnp.abs(rate[:, n:]))])

    values = jax.lax.map(sizes, r).reshape(_PANELS, len(nodes), 2)
    return jnp.sum(values * jnp.asarray(weights)[None, :, None] * width / 2, axis=(0, 1))
