"""The ingredients as this package has them: what a `Subject` is made of unless it is told otherwise.

Everything takes and returns numpy arrays. `Layered` has the kernels of one layer and one recursion, layer by layer, for
subjects that are made of others.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from roughntk import depth as depth_room
from roughntk import kernels, networks, regression, rough, sphere
from roughntk.maps import duals
from roughntk.transport import clocks

Numbers = NDArray[np.float64]

SIZE = 256
"""Of the arrays that `criteria` asks a kernel for: of one size, so that it is compiled once."""
MOST_STARTS = 500
"""Arrays of correlations whose layers `Layered` remembers."""
STEPS = 400
"""Of the classical Runge-Kutta rule that `transport` integrates with."""


def correlation_map(z: Numbers) -> Numbers:
    """h(z) = (sqrt(1 - z^2) + z (pi - arccos z))/pi."""
    return np.asarray(duals.relu_dual(jnp.asarray(z)))


def slope(z: Numbers) -> Numbers:
    """h'(z) = (pi - arccos z)/pi."""
    return np.asarray(duals.relu_dual_derivative(jnp.asarray(z)))


def recursion(K: Numbers, rho: Numbers, following: Numbers, derivative: Numbers, depth: int) -> Numbers:
    """K_{L+1} = L/(L+1) h'(rho_L) K_L + 1/(L+1) rho_{L+1} (Proposition 4)."""
    return depth / (depth + 1) * derivative * K + following / (depth + 1)


class Layered:
    """rho_L and K_L of another layer or recursion, from the deepest depth of the same rho_1 that is known already.

    Args:
        layer: h.
        derivative: h'.
        step: (K_L, rho_L, rho_{L+1}, h'(rho_L), L) -> K_{L+1}.
    """

    def __init__(self, layer: Callable[..., Any], derivative: Callable[..., Any], step: Callable[..., Any]):
        self._parts = layer, derivative, step
        self._known: dict[bytes, dict[int, tuple[Numbers, Numbers]]] = {}

    def __call__(self, rho: Any, depth: int) -> tuple[Numbers, Numbers]:
        """(rho_L, K_L) at the depth L."""
        start, depth = np.array(rho, dtype=np.float64), int(depth)
        known = self._known.setdefault(repr(start.shape).encode() + start.tobytes(), {1: (start, start.copy())})
        if len(self._known) > MOST_STARTS:
            self._known = {}
        nearest = max(each for each in known if each <= max(depth, 1))
        state, K = known[nearest]
        layer, derivative, step = self._parts
        for level in range(nearest, depth):
            following = np.asarray(layer(state))
            K = np.asarray(step(K, state, following, np.asarray(derivative(state)), level))
            state = following
        known[depth] = state, K
        return state.copy(), K.copy()


def _of_family(family: kernels.KernelFamily) -> Callable[[Any, int], Numbers]:
    def at(rho: Any, depth: int) -> Numbers:
        return np.asarray(family.at_correlation(jnp.asarray(rho, dtype=float), depth))

    return at


covariance = _of_family(kernels.ReluNNGP())
tangent = _of_family(kernels.ReluNTK())
sigmoid = _of_family(kernels.SigmoidComposition())
biased = _of_family(kernels.BiasedReluNTK())


def clock(z: Numbers, d: float) -> Numbers:
    """psi_d(z)."""
    return np.asarray(clocks.psi(jnp.asarray(z, dtype=float), jnp.log(jnp.asarray(d, dtype=float))))


def driver_rate(A: Numbers, derivative: Numbers) -> Numbers:
    """A^{-1} A'."""
    return np.asarray(np.linalg.solve(A, derivative), dtype=np.float64)


def transport(
    K: Numbers, following: Numbers, b: Numbers, b_following: Numbers, rate: Callable[[Numbers, Numbers], Numbers]
) -> Numbers:
    """u(1) of du = dv_{n+1} - dv u from u(0) = K_L^{-1} b, along A(s) = K_L + s (K_{L+1} - K_L), b(s) likewise.

    The driver's columns are those of `rate`; the classical Runge-Kutta rule of order 4, 400 steps.
    """
    u = np.asarray(np.linalg.solve(K, b), dtype=np.float64)
    change, b_change = following - K, b_following - b

    def field(s: float, u: Numbers) -> Numbers:
        A = K + s * change
        return rate(A, b_change[:, None])[:, 0] - rate(A, change) @ u

    h = 1.0 / STEPS
    for k in range(STEPS):
        s = k * h
        k1 = field(s, u)
        k2 = field(s + h / 2, u + h / 2 * k1)
        k3 = field(s + h / 2, u + h / 2 * k2)
        k4 = field(s + h, u + h * k3)
        u = np.asarray(u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return u


def lifted(path: Numbers, level: int, *, backend: str) -> Numbers:
    """The signature by one of the backends."""
    return np.asarray(rough.signature(path, level, backend=backend))


def project(X: Numbers) -> Numbers:
    """x/|x|, row by row."""
    return sphere.project(X, distinct=False)


def lift(X: Numbers) -> Numbers:
    """(2x, |x|^2 - 1)/(|x|^2 + 1), row by row."""
    return sphere.lift(X, distinct=False)


def predict(X: Numbers, y: Numbers, x: Numbers, depth: int, time: float, initial: tuple[Numbers, Numbers]) -> Numbers:
    """f_t(x) of the ReLU tangent kernel from f_0, given as its values at X and at x."""
    return regression.predict(kernels.ReluNTK(), X, y, x, depth=depth, time=time, initial=initial)


def projective_norm(part: Numbers, channels: int, norm: str) -> float:
    """The projective norm of one level, flat, with "l1" or "l2" on the channels."""
    return float(rough.projective_norm(jnp.asarray(part, dtype=float), channels, norm))


def variation_distance(a: Numbers, b: Numbers, p: float, level: int | None) -> float:
    """The p-variation distance of two polygons in l1, at one level, or the largest over levels to p."""
    return float(rough.p_variation_distance(np.asarray(a), np.asarray(b), p, level=level))


def criteria(kernel: Callable[[Any, int], Numbers], deepest: int) -> dict[str, str | bool | None]:
    """What `rn.depth.criteria.check` says of a sequence (correlation, depth) -> kernel, at depths to `deepest`.

    Returns:
        For bounded, positive definite, determinant, summable and hyperbolic "holds", "fails" or "not decided"; for
        "has_limit" whether the coefficients have a limit, or None.
    """

    def at(X: Any, depth: int) -> Numbers:
        products = np.clip(X @ X.T, -1.0, 1.0)
        np.fill_diagonal(products, 1.0)
        padded = np.zeros(-(-products.size // SIZE) * SIZE)
        padded[: products.size] = products.ravel()
        return np.asarray(kernel(padded, depth))[: products.size].reshape(products.shape)

    checked = depth_room.criteria.check(at, deepest=deepest)
    verdicts: dict[str, str | bool | None] = {each.name: each.verdict for each in checked.conditions}
    return verdicts | {"has_limit": checked.has_limit}


class Driven(NamedTuple):
    """A shaped network of two inputs beside the equation that its own weights drive.

    Attributes:
        increments: dX_l, (layers, 2, 2).
        factors: M_l of the network, V = M M^T, (layers + 1, 2, 2).
        ito: the last M of the equation along the Ito lift.
        polygon: the same along the lift of the polygon through the same points.
    """

    increments: Numbers
    factors: Numbers
    ito: Numbers
    polygon: Numbers


@dataclasses.dataclass(frozen=True)
class Networks:
    """Random networks of finite width: what of `rn.networks` the audit draws. Depth counts from 1, the input layer."""

    def kernels(self, X: Any, width: int, depth: int, samples: int, seed: int) -> tuple[Numbers, Numbers]:
        """Covariance of the last hidden layer and tangent kernel of all weights over `depth`, (samples, N, N) each.

        Their means at infinite width are rho_L and K_L.
        """
        network = networks.FiniteNetwork(depth - 1, width)
        drawn = networks.simulate_kernels(network, X, jax.random.key(seed), samples, weights="all")
        return np.asarray(drawn.covariance), np.asarray(drawn.tangent_kernel) / network.tangent_scale

    def in_law(self, X: Any, layers: int, width: int, samples: int, seed: int) -> tuple[Numbers, Numbers]:
        """Covariance of the last hidden layer and tangent kernel of the hidden weights, (samples, N, N) each."""
        drawn = networks.sample_tangent_kernel(X, layers, width, jax.random.key(seed), samples)
        return np.asarray(drawn.covariance), np.asarray(drawn.tangent_kernel)

    def second_moment(self, layers: int, width: int) -> float:
        """E Theta^2/(E Theta)^2 on the diagonal of the tangent kernel of the hidden weights."""
        return networks.tangent_moments(layers, width).ratio

    def depth_quantiles(self, layers: int, width: int, angle: float, q: Any) -> Numbers:
        """Quantiles of the random real depth, from inputs at this angle."""
        return np.asarray(networks.effective_depth(layers, width, angle=angle).quantile(q))

    def driven(self, X: Any, weights: Any, layers: int, width: int, c: float) -> Driven:
        """The equation of a network's own driver, slopes 1 +- c/sqrt n; `weights` of all layers, or a seed."""
        if isinstance(weights, int):
            driver = networks.network_driver(
                jax.random.key(weights), X, layers=layers, width=width, c_plus=c, c_minus=-c
            )
        else:
            driver = networks.network_driver(weights, X, c_plus=c, c_minus=-c)
        ends = [driver.solve(lift=kind).factors[-1] for kind in ("ito", "piecewise-linear")]
        return Driven(driver.increments, driver.factors, *ends)

    def ratios(self, time: float, samples: int, seed: int) -> Numbers:
        """Theta_12/sqrt(Theta_11 Theta_22) in the limit of wide and deep networks, L/n = t."""
        return np.asarray(networks.tangent_ratio_limit(time, key=jax.random.key(seed), samples=samples).ratios)


__all__ = [
    "MOST_STARTS", "SIZE", "STEPS", "Driven", "Layered", "Networks", "Numbers", "biased", "clock", "correlation_map",
    "covariance", "criteria", "driver_rate", "lift", "lifted", "predict", "project", "projective_norm", "recursion",
    "sigmoid", "slope", "tangent", "transport", "variation_distance",
]  # fmt: skip
