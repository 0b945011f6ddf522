"""Families of any activation: duals by Gauss-Hermite quadrature, with an estimate of their error.

With the orthonormal Hermite polynomials he_k and a_k = E[phi(sqrt(q) z) he_k(z)], z standard normal,

    E[phi(u) phi(u')] = sum_k a_k^2 c^k,      E[phi'(u) phi'(u')] = sum_k k a_k^2 c^{k-1}/q

for u, u' of variance q and correlation c (``references.bib``: Daniely2016). A quadrature of N nodes gives N
coefficients; they fall off exponentially for analytic activations, and like a power for those with a kink or a jump,
for which no N suffices. Nothing cancels near c = 1, since 1 - c^k = (1 - c)(1 + c + ... + c^{k-1}), nor near c = -1.
"""

import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.tree_util import Partial

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.parameters import elementwise, function, known, number
from roughntk._checks.precision import EPS
from roughntk.kernels.architecture import EVEN, NEITHER, ODD, ActivationArchitecture, Moved, Variance, affine_image
from roughntk.kernels.base import View
from roughntk.kernels.engine import layer_loops as loops
from roughntk.kernels.engine.growth import Growth
from roughntk.kernels.layered import LayeredFamily, from_angle
from roughntk.maps.fixed_points import CRITICAL
from roughntk.maps.hermite import (
    LEAST_VARIANCE,
    Duals,
    HermiteLayer,
    critical_weight_variance,
    duals_by_coefficients,
    duals_over_the_plane,
    from_ends,
    hermite,
    power_series,
    settled_duals,
    variances,
)

_SETTLED = 64 * EPS  # a relative change of the variance that is rounding
_SECONDS_A_LAYER, _MOST_SECONDS = 1.5e-4, 600.0
_WIDTH, _PLACES, _ROUNDING = 8.0, 257, 16 * EPS  # where a symmetry is looked for
_CORRELATIONS = (-0.9, -0.3, 0.5, 0.95)


class Activation(ActivationArchitecture):
    """The fully connected network of any smooth activation phi.

        Sigma_1 = sigma_w^2 v rho + sigma_b^2,    Sigma_{L+1} = sigma_w^2 E[phi(u) phi(u')] + sigma_b^2,
        Theta_1 = Sigma_1,    Theta_{L+1} = Theta_L sigma_w^2 E[phi'(u) phi'(u')] + Sigma_{L+1}

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

    >>> Activation(jnp.sin, 2.0).nngp.settings["phi"]
    'sin'
    """

    activation: Callable[[Array], Array] = eqx.field(static=True)
    nodes: int = eqx.field(static=True)
    symmetry: int = eqx.field(static=True)

    counted_layers: ClassVar[float] = 4000

    def __init__(self, phi, weight_variance=1.5, bias_variance=0.1, input_variance=1.0, *, nodes=384, tolerance=1e-10):
        _checks.require_x64("quadrature of an activation")
        self.activation = function(phi, "an activation")
        super().__init__(weight_variance, bias_variance, input_variance)
        self.nodes = _checks.integer(nodes, "nodes", least=16, most=600)
        tolerance = float(number(tolerance, "tolerance", above=0.0))
        known(lambda: _check_activation(phi), "numbers in an activation")
        self.symmetry = known(lambda: _symmetry(phi), "numbers in an activation")
        if not _checks.is_traced(self.weight_variance, self.bias_variance, self.input_variance):
            known(lambda: _check_duals(self, tolerance), "numbers in an activation")

    @property
    def ntk(self) -> "ActivationNTK":
        return ActivationNTK.of(self)

    @property
    def nngp(self) -> "ActivationNNGP":
        return ActivationNNGP.of(self)

    @classmethod
    def critical(cls, phi, bias_variance=0.1, input_variance=1.0, *, nodes=384):
        """The network at the sigma_w^2 where chi = 1 for this sigma_b^2 > 0, at a variance that attracts.

        Raises:
            InputError: there is none (GELU has one from sigma_b^2 = 0.173 on), or it is not reached from this
                `input_variance`.
        """
        _checks.require_x64("quadrature of an activation")
        noise = float(number(bias_variance, "bias_variance", above=0.0))
        name = getattr(function(phi, "an activation"), "__name__", "the activation")
        _check_activation(phi)
        weight = critical_weight_variance(phi, noise, _checks.integer(nodes, "nodes", least=16, most=600), name)
        network = cls._of(phi, weight, noise, input_variance, nodes)
        chi = float(network.settled()[1])
        if abs(chi - 1) > CRITICAL:
            raise InputError(
                f"expected an input_variance from which the critical variance of {name} is reached, got "
                f"{float(network.input_variance):g}, where chi tends to {chi:.9g}; choose another one"
            )
        return network

    @classmethod
    def _of(cls, phi, weight, noise, input_variance, nodes):
        return cls(phi, weight, noise, input_variance, nodes=nodes)

    @property
    def settings(self):
        numbers = {name: getattr(self, name) for name in ("weight_variance", "bias_variance", "input_variance")}
        values = {name: value if _checks.is_traced(value) else float(value) for name, value in numbers.items()}
        return {"phi": getattr(self.activation, "__name__", repr(self.activation))} | values | {"nodes": self.nodes}

    @property
    def critical_within(self):
        return 1e-9  # what quadrature leaves of it

    @property
    def parity(self):
        return self.symmetry

    # One layer

    @property
    def _layer_of(self) -> HermiteLayer:
        return HermiteLayer(self.activation, self.weight_variance, self.bias_variance, self.nodes, self.symmetry)

    def _settled_duals(self) -> Duals:
        return settled_duals(self._layer_of, self.first().state.variance)

    def layer(self, state, position, opposite, angle):
        assert not angle
        return _compiled_layer(self, state, position, opposite)

    def by_duals(self, duals: Duals, state: Variance, position: Array, opposite: Array):
        """`layer`, from known duals."""
        ends = from_ends(duals.tails, duals.parity, position, opposite)
        moved, end = affine_image(ends.position, ends.opposite, duals.share, duals.rest)
        new = Variance(state.log_variance + jnp.log(duals.growth), state.variance * duals.growth)
        return new, duals.omega, Moved(moved, end, ends.lost, ends.lost_opposite, moved)

    def settled(self):
        duals = self._settled_duals()
        return Variance(jnp.zeros(()), duals.variance), duals.omega

    def settled_map(self):
        return Partial(_settled_layer, self._settled_duals())

    # Deep down

    def prepare_growth(self, state):
        duals = self._layer_of.duals(state.variance)
        if not abs(float(duals.growth) - 1) <= _SETTLED:
            raise Unsettled
        near = duals.tails[:, 0, 0] + duals.tails[:, 1, 0]
        beyond = (jnp.cumsum(near[::-1])[::-1] - near)[:, None, None]
        omega = jnp.log(duals.omega)
        return duals, beyond / jnp.sum(near), jnp.where(jnp.abs(omega) <= self.critical_within, 0.0, omega)

    def growth(self, prepared, state, position, opposite, settled):
        duals, beyond, omega = prepared
        moved = omega + jnp.log1p(-position * power_series(beyond, 1 - position)[0, 0])
        pull = 2 * (duals.share * duals.parity[0, 0] + duals.rest) / (jnp.maximum(position, 1e-300) * jnp.exp(moved))
        moved = moved + jnp.where(opposite > 0, jnp.log1p(pull), 0.0)
        ends = from_ends(duals.tails, duals.parity, position, opposite)
        lost = jnp.where(ends.lost_opposite > 0, 2 - ends.lost, ends.lost)
        still = jnp.zeros(())
        return Growth(still, still, omega, moved, lost, position * jnp.exp(moved))

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
            variance = float(self.first().state.variance)
        q = number(variance, "variance", above=0.0)
        with np.errstate(all="ignore"):
            return float(_compiled_error(self.activation, self.nodes, q))

    @property
    def variance_vanishes(self):
        first = float(self.first().state.variance)
        return not float(self._settled_duals().variance) > 1e-3 * min(first, 1.0)


def _symmetry(phi: Callable) -> int:
    """`parity`: whether phi(-u) is phi(u) or -phi(u), to rounding."""
    u = np.linspace(0.0, _WIDTH, _PLACES)
    with np.errstate(all="ignore"):
        right, left = (np.asarray(phi(jnp.asarray(at))) for at in (u, -u))
        rounding = _ROUNDING * np.maximum(np.abs(right), np.abs(left))
        if np.all(np.abs(right - left) <= rounding):
            return EVEN
        return ODD if np.all(np.abs(right + left) <= rounding) else NEITHER


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


def _check_duals(family: Activation, tolerance: float) -> None:
    """The activation is square-integrable, variances stay bounded, and the duals are resolved wherever they go."""
    first = float(family.first().state.variance)
    _check_integrable(family, first)
    reached = np.asarray(variances(family._layer_of, family.first().state.variance))
    layers = int(np.argmin(np.isfinite(reached))) or len(reached)  # the first that overflows, or all
    last = float(reached[layers - 1])
    if layers < len(reached) or not np.isfinite(last) or (last > 2 * first and last > reached[-2] * (1 + 1e-7)):
        raise InputError(
            f"expected variances that stay bounded from layer to layer, got {last:.3g} after {layers} layers from "
            f"{first:.3g}, still growing; lower weight_variance (got {float(family.weight_variance):g})"
        )
    for q in sorted({first, float(np.min(reached)), float(np.max(reached)), last}):
        if q > LEAST_VARIANCE:
            error = family.dual_error(q)
            if not error <= tolerance:
                raise InputError(
                    f"expected an activation whose duals {family.nodes} Gauss-Hermite nodes give to {tolerance:g}, got "
                    f"an estimated error of {error:.2g} at variance {q:.4g}; for one with a kink use ReluNTK, "
                    f"LeakyReluNTK or BiasedReluNTK, for a steep one more nodes, or accept the error by tolerance"
                )


def _check_integrable(family: Activation, variance: float) -> None:
    """The mass of phi^2 must not lie at the outermost nodes."""
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
def _compiled_layer(network: Activation, state: Variance, position: Array, opposite: Array):
    return network.by_duals(network._layer_of.duals(state.variance), state, position, opposite)


def _settled_layer(duals: Duals, defect: Array) -> Array:
    far = defect > 1
    ends = from_ends(duals.tails, duals.parity, jnp.where(far, 2 - defect, defect), jnp.where(far, 1.0, 0.0))
    return duals.share * jnp.where(ends.opposite > 0, 2 - ends.position, ends.position)


class Unsettled(Exception):
    """The variance still moves after the layers that are counted."""


@eqx.filter_jit
def _one_by_one(family: LayeredFamily, values: Array, depth: Array, by_angle: bool) -> Array:
    return family._at_angle(values, depth) if by_angle else family._at_correlation(values, depth)


@eqx.filter_jit
def _compiled_error(phi: Callable, nodes: int, variance: Array) -> Array:
    correlations = jnp.asarray((*_CORRELATIONS, 1.0))
    fine = duals_by_coefficients(phi, variance, nodes, correlations)
    coarse = duals_by_coefficients(phi, variance, 7 * nodes // 8, correlations)
    plane = duals_over_the_plane(phi, variance, nodes, correlations)
    scale = jnp.abs(fine[:, -1:])
    differences = jnp.stack([jnp.abs(fine - coarse) / scale, jnp.abs(fine - plane) / scale])
    return jnp.where(jnp.all(jnp.isfinite(differences)), jnp.max(differences), jnp.inf)


class ActivationView(LayeredFamily):
    """What the two kernels share: trajectories along which duals are kept, depths at which the variance still moves."""

    network: ClassVar[Any] = Activation
    architecture: Activation

    def _layer_by_layer(self, theta: Array, layers: int) -> tuple[Array, Array]:
        """(kernel, what the layer keeps of the tangent kernel) at depths 1 .. layers.

        Duals are computed anew only while the variance still moves.
        """
        network, layer = self.architecture, self.architecture._layer_of

        def step(carry, _):
            at, known = carry
            known = layer.duals_from(known, at.state.variance)
            following = loops.step(_WithDuals(network, known), at, False)
            ends = from_ends(known.tails, known.parity, at.pair.position, at.pair.opposite)
            kept = known.omega / (known.omega + at.z) * jnp.abs(1 - ends.lost)
            return (following, known), (loops.kernel_of(at.pair, self.is_tangent, False), kept)

        start = loops.begin(network, *from_angle(network, theta), False)
        return lax.scan(step, (start, layer.duals(start.state.variance)), length=layers)[1]

    def _trajectory(self, theta, layers):
        return self._layer_by_layer(theta, layers)[0]

    def path(self, theta, layers):
        K, kept = self._layer_by_layer(theta, layers)
        return K, kept if self.is_tangent else None

    def _deep(self, values, depth, by_angle):
        try:
            return super()._deep(values, depth, by_angle)
        except Unsettled:
            seconds = depth * _SECONDS_A_LAYER
            if seconds > _MOST_SECONDS:
                raise InputError(
                    f"expected a variance that settles within {self.counted_layers:,} layers, or a depth of at most "
                    f"{_MOST_SECONDS / _SECONDS_A_LAYER:,.0f}, got depth {depth:g} for {self.name} with "
                    f"{self.settings}, which would take some {seconds:.1g} seconds layer by layer; choose a smaller "
                    f"depth or other variances"
                ) from None
        return _one_by_one(self, values, jnp.asarray(int(depth)), by_angle)


class _WithDuals(NamedTuple):
    """An activation's layer at a variance whose duals are known."""

    network: Activation
    duals: Duals

    def layer(self, state, position, opposite, angle):
        """One layer."""
        return self.network.by_duals(self.duals, state, position, opposite)

    def added_weight(self) -> float:
        """That of a fully connected network."""
        return 1.0


class ActivationNTK(ActivationView):
    """Normalised tangent kernel of a fully connected network with the activation phi; arguments as for `Activation`.

    At infinite depth and a positive limit of the variance: 1 everywhere (chi < 1), 1/3 off the diagonal (chi = 1), 0
    (chi > 1), as for `ErfNTK`. There is no real depth: the variance would have to be interpolated, too.

    >>> import roughntk as rn
    >>> family = rn.kernels.ActivationNTK.critical(jnp.sin)
    >>> round(float(family.at_correlation(0.5, math.inf)), 6)
    0.333333
    """

    name = "activation-ntk"
    symbol = "K"
    is_tangent = True

    def __init__(self, phi, weight_variance=1.5, bias_variance=0.1, input_variance=1.0, *, nodes=384, tolerance=1e-10):
        View.__init__(self, phi, weight_variance, bias_variance, input_variance, nodes=nodes, tolerance=tolerance)


class ActivationNNGP(ActivationView):
    """Normalised covariance of a fully connected network with the activation phi; arguments as for `Activation`.

    >>> import roughntk as rn
    >>> family = rn.kernels.ActivationNNGP(jnp.sin, 2.0, 0.0)
    >>> round(float(family.at_correlation(0.5, 2)), 6)  # sinh(1)/sinh(2)
    0.324027
    """

    name = "activation-nngp"
    symbol = "\\rho"

    def __init__(self, phi, weight_variance=1.5, bias_variance=0.1, input_variance=1.0, *, nodes=384, tolerance=1e-10):
        View.__init__(self, phi, weight_variance, bias_variance, input_variance, nodes=nodes, tolerance=tolerance)


__all__ = ["Activation", "ActivationNNGP", "ActivationNTK", "ActivationView"]
