"""Families of any activation: duals by Gauss-Hermite quadrature, with an estimate of their error.

With the orthonormal Hermite polynomials he_k and a_k = E[phi(sqrt(q) z) he_k(z)], z standard normal,

    E[phi(u) phi(u')] = sum_k a_k^2 c^k,      E[phi'(u) phi'(u')] = sum_k k a_k^2 c^{k-1}/q

for u, u' of variance q and correlation c (``references.bib``: Daniely2016). A quadrature of N nodes gives N
coefficients; they fall off exponentially for analytic activations, and like a power for those with a kink or a jump,
for which no N suffices. Nothing cancels near c = 1, since 1 - c^k = (1 - c)(1 + c + ... + c^{k-1}), nor near c = -1.
"""

import functools
import math
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jax import Array, lax

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.kernels._parameters import elementwise, function, number
from roughntk.kernels.families import CRITICAL
from roughntk.kernels.layers import LayeredFamily, Pair, Scalars

_LEAST_VARIANCE = 1e-200
"""Below it the activation is taken at this variance and scaled: without biases it is linear there."""

_LAYERS = 3000  # that the variance is followed for before anything else
_CORRELATIONS = (-0.9, -0.3, 0.5, 0.95)


@functools.lru_cache(maxsize=16)
def hermite(count: int) -> tuple[np.ndarray, np.ndarray]:
    """(nodes, transform) of the rule with `count` nodes: coefficients are transform @ phi(nodes)."""
    nodes, _ = scipy.special.roots_hermitenorm(count)
    values = np.empty((count, count))
    values[0] = 1.0
    values[1] = nodes
    for k in range(1, count - 1):
        values[k + 1] = (nodes * values[k] - math.sqrt(k) * values[k - 1]) / math.sqrt(k + 1)
    largest = np.max(np.abs(values), axis=0)  # its square could overflow
    scaled = values / largest
    return nodes, scaled / (largest * np.sum(scaled**2, axis=0))  # w_i = 1/sum_k he_k(z_i)^2


def _one_minus(coefficients: Array, defect: Array) -> Array:
    """1 - sum_k p_k c^k at c = 1 - defect, for p_k >= 0 of sum 1 stacked on the first axis; nothing cancels.

    By p = |c| and f = 1 - p: even k give p_k (1 - p^k) = p_k f (1 + p + ... + p^{k-1}), odd ones the same for c > 0 and
    p_k (1 + p^k) for c < 0. Shape (j,) + defect.shape for coefficients of shape (k, j).
    """
    k = np.arange(coefficients.shape[0])
    even = jnp.where((k % 2 == 0)[:, None], coefficients, 0.0)
    tails = [jnp.cumsum(part[::-1], axis=0)[::-1][1:] for part in (even, coefficients - even)]
    positive = defect <= 1
    p, f = jnp.where(positive, 1 - defect, defect - 1), jnp.where(positive, defect, 2 - defect)
    shape = (2, coefficients.shape[1]) + (1,) * defect.ndim

    def horner(total, tail):
        return total * p + tail.reshape(shape), None

    start = jnp.zeros((2, coefficients.shape[1], *defect.shape), coefficients.dtype)
    sums, _ = lax.scan(horner, start, jnp.stack(tails, axis=1)[::-1])
    odd = jnp.sum(coefficients - even, axis=0)
    odd = (odd / (odd + jnp.sum(even, axis=0))).reshape(shape[1:])  # exactly 1 for an odd activation
    return f * sums[0] + jnp.where(positive, f * sums[1], 2 * odd - f * sums[1])


class ActivationLayers(LayeredFamily):
    """Layers of the activation phi: Sigma_{L+1} = sigma_w^2 E[phi(u) phi(u')] + sigma_b^2; `memory` is Sigma(x, x)."""

    activation: Callable[[Array], Array] = eqx.field(static=True)
    weight_variance: Array
    bias_variance: Array
    input_variance: Array
    nodes: int = eqx.field(static=True)

    def __init__(self, phi, weight_variance=1.5, bias_variance=0.1, input_variance=1.0, *, nodes=384, tolerance=1e-10):
        self.activation = function(phi, "an activation")
        self.weight_variance = number(weight_variance, "weight_variance", above=0.0)
        self.bias_variance = number(bias_variance, "bias_variance", least=0.0)
        self.input_variance = number(input_variance, "input_variance", above=0.0)
        self.nodes = _checks.integer(nodes, "nodes", least=16, most=600)
        tolerance = float(number(tolerance, "tolerance", above=0.0))
        _check_activation(phi)
        if not _checks.is_traced(self.weight_variance, self.bias_variance, self.input_variance):
            _check_duals(self, tolerance)

    # One layer

    def _coefficients(self, variance: Array) -> Array:
        """a_k, k < nodes, at a variance."""
        nodes, transform = hermite(self.nodes)
        return jnp.asarray(transform) @ self.activation(jnp.sqrt(variance) * jnp.asarray(nodes))

    def _first(self):
        signal = self.weight_variance * self.input_variance
        variance = signal + self.bias_variance
        return Scalars(jnp.log(variance), jnp.ones(()), variance), signal / variance

    def _next(self, variance: Array) -> tuple[Array, Array, Array, Array]:
        """a_k^2, the share of the weights in the next variance, omega, and the next variance over this one."""
        tangible = jnp.maximum(variance, _LEAST_VARIANCE)
        squares = self._coefficients(tangible) ** 2
        signal = self.weight_variance * jnp.sum(squares) / tangible
        growth = signal + jnp.where(self.bias_variance > 0, self.bias_variance / tangible, 0.0)
        slopes = jnp.sum(np.arange(self.nodes) * squares)
        return squares, signal / growth, self.weight_variance * slopes / tangible / growth, growth

    def _next_variance(self, variance: Array) -> Array:
        return variance * self._next(variance)[3]

    def _layer(self, scalars, pair, angle):
        assert not angle
        return _compiled_layer(self, scalars, pair)

    def _one_layer(self, scalars: Scalars, pair: Pair) -> tuple[Scalars, Pair]:
        squares, share, omega, growth = self._next(scalars.memory)
        slopes = (np.arange(self.nodes) * squares)[1:]
        normal = jnp.stack(
            [squares / jnp.sum(squares), jnp.concatenate([slopes / jnp.sum(slopes), jnp.zeros(1, slopes.dtype)])],
            axis=1,
        )
        moved, lost = _one_minus(normal, pair.position)
        moved = share * moved
        ratio = scalars.ratio / (omega + scalars.ratio)
        kept = (1 - ratio) * (lost + (1 - lost) * pair.defect)
        following = Scalars(scalars.log_variance + jnp.log(growth), ratio, scalars.memory * growth)
        return following, Pair(moved, kept + ratio * moved)

    def _settled_memory(self):
        variance = _settled_variance(self)
        omega = self._next(variance)[2]
        return variance, omega

    # Error

    def dual_error(self, variance: float | None = None) -> float:
        """Estimated error of the duals, relative to their values on the diagonal, at one variance.

        The largest difference between the coefficients' duals, of phi and of phi', and (a) those of 7/8 as many nodes,
        at five correlations; (b) a quadrature over the plane with phi' by automatic differentiation, at four. It is an
        estimate, not a bound: an activation with features finer than the nodes escapes it.

        Args:
            variance: Sigma(x, x) > 0 of the arguments; by default that of the first layer.
        """
        if variance is None:
            variance = float(self._first()[0].memory)
        q = number(variance, "variance", above=0.0)
        with np.errstate(all="ignore"):
            return float(_compiled_error(self, q))

    # Infinite depth

    @property
    def limit_value(self) -> float:
        """What the kernel between two distinct points that are not antipodal tends to as the depth grows."""
        return float(self._limit(jnp.asarray(1.0)))

    def _limit(self, theta):
        """1 (ordered), 1 or 1/3 for the NTK (critical), the chaotic fixed point or 0 for the NTK."""
        chi, settled = self.multiplier, float(_settled_variance(self))
        first = float(self._first()[0].memory)
        if not settled > 1e-3 * min(first, 1.0):
            raise InputError(
                f"expected a variance that tends to a positive number for the limit of {self.name}, got {settled:.3g} "
                f"after thousands of layers; where it vanishes the limit depends on how: choose a bias_variance > 0 "
                f"or a finite depth"
            )
        if chi < 1 - CRITICAL:
            return jnp.ones_like(theta)
        opposite = self._opposite()
        if chi <= 1 + CRITICAL:
            off = 1 / 3 if self._is_ntk else 1.0
            return jnp.where((theta == 0) | ((theta == jnp.pi) & (opposite == 0)), 1.0, off)
        layers = jnp.asarray(math.ceil(min(1e6, 100 + 80 / math.log(chi))))
        return _deep(self, theta, layers)

    def _opposite(self) -> float:
        """The defect of the covariance between x and -x after one layer, at the settled variance."""
        squares, share, _, _ = self._next(_settled_variance(self))
        odd = jnp.sum(squares[1::2]) / jnp.sum(squares)
        return float(share * 2 * odd) if float(odd) > 1e-25 else 0.0


def _check_activation(phi: Callable) -> None:
    """An elementwise JAX function with real finite values around 0."""
    probe = np.linspace(-2.0, 2.0, 9)
    _, values = elementwise(phi, "an activation", probe)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise InputError(
            f"expected an activation that is finite on the real line, got phi({float(probe[bad[0]]):g}) = "
            f"{float(values[bad[0]])}; define it there"
        )


def _check_duals(family: ActivationLayers, tolerance: float) -> None:
    """The activation is square-integrable, variances stay bounded, and the duals are resolved wherever they go."""
    first = float(family._first()[0].memory)
    _check_integrable(family, first)
    reached = np.asarray(_variances(family))
    layers = int(np.argmin(np.isfinite(reached))) or len(reached)  # the first that overflows, or all
    last = float(reached[layers - 1])
    if layers < len(reached) or not np.isfinite(last) or (last > 2 * first and last > reached[-2] * (1 + 1e-7)):
        raise InputError(
            f"expected variances that stay bounded from layer to layer, got {last:.3g} after {layers} layers from "
            f"{first:.3g}, still growing; lower weight_variance (got {float(family.weight_variance):g})"
        )
    for q in sorted({first, float(np.min(reached)), float(np.max(reached)), last}):
        if q > _LEAST_VARIANCE:
            error = family.dual_error(q)
            if not error <= tolerance:
                raise InputError(
                    f"expected an activation whose duals {family.nodes} Gauss-Hermite nodes give to {tolerance:g}, got "
                    f"an estimated error of {error:.2g} at variance {q:.4g}; for one with a kink use ReluNTK, "
                    f"LeakyReluNTK or BiasedReluNTK, for a steep one more nodes, or accept the error by tolerance"
                )


def _check_integrable(family: ActivationLayers, variance: float) -> None:
    """The mass of phi^2 must not sit at the outermost nodes."""
    nodes, transform = hermite(family.nodes)
    values = np.asarray(family.activation(jnp.asarray(math.sqrt(variance) * nodes)))
    with np.errstate(all="ignore"):
        mass = transform[0] * values**2
        total = np.sum(mass)
        outside = np.sum(mass[np.abs(nodes) > 0.7 * nodes[-1]])
    if not np.all(np.isfinite(values)) or not np.isfinite(total) or outside > 1e-3 * total:
        raise InputError(
            f"expected an activation that is square-integrable under the Gaussian of variance {variance:g}, got "
            f"E[phi^2] = {total:.3g} with {family.nodes} nodes, most of it from their ends; choose one that grows "
            f"less, or a smaller variance"
        )
    if total == 0:
        raise InputError(
            "expected an activation that does not vanish, got E[phi^2] = 0; every kernel would be constant"
        )


@eqx.filter_jit
def _compiled_layer(family: ActivationLayers, scalars: Scalars, pair: Pair) -> tuple[Scalars, Pair]:
    return family._one_layer(scalars, pair)


@eqx.filter_jit
def _variances(family: ActivationLayers) -> Array:
    """The variances of the first layers."""

    def step(q, _):
        following = family._next_variance(q)
        return following, following

    return lax.scan(step, family._first()[0].memory, length=_LAYERS)[1]


@eqx.filter_jit
def _settled_variance(family: ActivationLayers) -> Array:
    """Where the variance tends to: that of a deep layer."""
    return lax.fori_loop(0, _LAYERS, lambda _, q: family._next_variance(q), family._first()[0].memory)


@eqx.filter_jit
def _deep(family: ActivationLayers, theta: Array, depth: Array) -> Array:
    return family._at_angle(theta, depth)


@eqx.filter_jit
def _compiled_error(family: ActivationLayers, variance: Array) -> Array:
    correlations = jnp.asarray((*_CORRELATIONS, 1.0))
    fine = _duals(family.activation, variance, family.nodes, correlations)
    coarse = _duals(family.activation, variance, 7 * family.nodes // 8, correlations)
    plane = _plane_duals(family.activation, variance, family.nodes, correlations)
    scale = jnp.abs(fine[:, -1:])
    differences = jnp.stack([jnp.abs(fine - coarse) / scale, jnp.abs(fine - plane) / scale])
    return jnp.where(jnp.all(jnp.isfinite(differences)), jnp.max(differences), jnp.inf)


def _duals(phi: Callable, variance: Array, count: int, c: Array) -> Array:
    """(E[phi phi], q E[phi' phi']) at the correlations from the coefficients, shape (2, correlations)."""
    nodes, transform = hermite(count)
    squares = (jnp.asarray(transform) @ phi(jnp.sqrt(variance) * jnp.asarray(nodes))) ** 2
    k = np.arange(count)
    slopes = (k * squares)[1:]
    powers = c[:, None] ** k
    return jnp.stack([powers @ squares, powers[:, :-1] @ slopes])


def _plane_duals(phi: Callable, variance: Array, count: int, c: Array) -> Array:
    """The same by a quadrature over the plane: u = sqrt(q) x, u' = sqrt(q) (c x + sqrt(1 - c^2) y)."""
    nodes, transform = hermite(count)
    x, w = jnp.asarray(nodes), jnp.asarray(transform[0])
    root = jnp.sqrt(variance)

    def both(z):
        return jax.jvp(phi, (root * z,), (jnp.broadcast_to(root, z.shape),))

    def at(c):
        there = both(c * x[:, None] + jnp.sqrt((1 - c) * (1 + c)) * x[None, :])
        return jnp.stack([jnp.einsum("i,ij,i,j->", here, far, w, w) for here, far in zip(both(x), there, strict=True)])

    return lax.map(at, c).T


class ActivationNTK(ActivationLayers):
    """Normalised tangent kernel of a fully connected network with the activation phi.

        Sigma_1 = sigma_w^2 v rho + sigma_b^2,    Sigma_{L+1} = sigma_w^2 E[phi(u) phi(u')] + sigma_b^2,
        Theta_1 = Sigma_1,    Theta_{L+1} = Theta_L sigma_w^2 E[phi'(u) phi'(u')] + Sigma_{L+1}

    At infinite depth and a positive limit of the variance: 1 everywhere (chi < 1), 1/3 off the diagonal (chi = 1), 0
    (chi > 1), as for `ErfNTK`. There is no real depth: the variance would have to be interpolated, too.

    Args:
        phi: the activation, written elementwise with jax.numpy, smooth; the same function object compiles once.
        weight_variance: sigma_w^2 > 0.
        bias_variance: sigma_b^2 >= 0.
        input_variance: v = |x|^2/n0 of the inputs, > 0.
        nodes: of the quadrature, 16 to 600.
        tolerance: largest `dual_error` that is accepted, at every variance that the layers reach.

    Raises:
        InputError: phi is no elementwise real function, is not square-integrable under the Gaussian, vanishes, or is
            not resolved to `tolerance` (kinks and jumps never are); variances <= 0, or growing without bound.
    """

    name = "activation-ntk"
    symbol = "K"


class ActivationNNGP(ActivationLayers):
    """Normalised covariance of a fully connected network with the activation phi; arguments as for `ActivationNTK`."""

    name = "activation-nngp"
    symbol = "\\rho"


def _gelu(u: Array) -> Array:
    return u * jax.scipy.stats.norm.cdf(u)


class TanhNTK(ActivationNTK):
    """`ActivationNTK` of tanh; arguments as there."""

    name = "tanh-ntk"

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        ActivationLayers.__init__(self, jnp.tanh, weight_variance, bias_variance, input_variance)


class GeluNTK(ActivationNTK):
    """`ActivationNTK` of the Gaussian error linear unit u Phi(u); arguments as there."""

    name = "gelu-ntk"

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        ActivationLayers.__init__(self, _gelu, weight_variance, bias_variance, input_variance)
