"""Kernels that iterate one map of the correlation: eta_1 = rho, eta_{L+1} = h(eta_L) (paper, Section 6).

At a hyperbolic fixed point c, with multiplier lambda = h'(c), 0 < |lambda| < 1, every correlation tends to c at the
rate lambda^L, and what is left of the kernel is the Koenigs function

    g(rho) = lim (eta_L - c)/lambda^{L-1},      g(h(rho)) = lambda g(rho).

The displacement d = eta - c is carried on its own, d -> h(c + d) - h(c) = d int_0^1 h'(c + s d) ds: nothing cancels.
"""

import math
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from roughntk._checks import InputError, require_x64
from roughntk._checks.parameters import function, known
from roughntk._checks.precision import EPS
from roughntk.kernels.architecture import Architecture
from roughntk.kernels.base import View
from roughntk.kernels.engine.deflated import Deflated
from roughntk.kernels.engine.neutral import displacements
from roughntk.maps import koenigs, recursion
from roughntk.maps.duals import sigmoid_composition_dual
from roughntk.maps.fixed_points import CRITICAL, Analysis, FixedPoint, analyse

_RADII = (0.25, 0.1, 0.03, 0.01, 1e-3)  # within which the quadrature may stand for the difference
_COUNTED, _MOST_LAYERS, _SECONDS_A_LAYER = 20_000, 10_000_000, 1e-6
_AGREEMENT = 64 * EPS


def _rule() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1]: Gauss-Legendre in t, s = t^2 (3 - 2 t), for integrands with roots at the ends."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    t = (1 + nodes) / 2
    return t**2 * (3 - 2 * t), weights * 3 * t * (1 - t)


_NODES, _WEIGHTS = _rule()


class Composition(Architecture):
    """A map h: [-1, 1] -> [-1, 1] of the user, iterated; it has one kernel, `kernel`, and is no network with two.

    The kernel is not normalised: eta(x, x) is h applied to 1. Whole depths always work. Infinite depth is the fixed
    point c. Real depth exists where h increases strictly and 0 < lambda < 1: eta at depth l is
    g^{-1}(lambda^{l-1} g(rho)). Where lambda < 0 or h is not monotone no continuous family of maps joins the layers;
    at lambda = 0, and at |lambda| = 1, it may, but is not computed here.

    Args:
        h: the map, written elementwise with jax.numpy; the same function object compiles once.
        step: optional, d -> h(c + d) - h(c) without cancellation around the fixed point c, where the quadrature of h'
            is not accurate enough: for h' with a square root at a fixed point 1 it is good to 1e-8 only.

    Raises:
        InputError: h is no elementwise map, not finite, or leaves [-1, 1] (the point and value are named); it has no
            fixed point, none that attracts, several that do (their values are named), or other attractors.
    """

    map: Callable[[Array], Array] = eqx.field(static=True)
    step: Callable[[Array], Array] | None = eqx.field(static=True)
    analysis: Analysis = eqx.field(static=True)
    radius: float = eqx.field(static=True)

    def __init__(self, h: Callable[[Array], Array], *, step: Callable[[Array], Array] | None = None):
        h = function(h, "a map")
        require_x64("a kernel that iterates a map")
        self.map, self.step, self.analysis = h, step, known(lambda: analyse(h), "numbers in a map")
        self.radius = known(self._trusted_radius, "numbers in a map")

    @property
    def kernel(self) -> "CompositionKernel":
        """Its only kernel."""
        return CompositionKernel.of(self)

    @property
    def ntk(self) -> Any:
        raise self._one_kernel()

    @property
    def nngp(self) -> Any:
        raise self._one_kernel()

    def _one_kernel(self) -> InputError:
        return InputError(
            f"expected an architecture with a tangent kernel and a covariance, got {self}, a map of the correlation, "
            f"which has one kernel; use its `kernel`"
        )

    @property
    def settings(self):
        return {"h": getattr(self.map, "__name__", repr(self.map))}

    @property
    def fixed_point(self) -> float:
        """c = h(c), where every correlation tends to (but for those that stay on a repelling fixed point)."""
        return self.analysis.attracting.value

    @property
    def multiplier(self) -> float:
        """lambda = h'(c)."""
        return self.analysis.attracting.multiplier

    @property
    def is_hyperbolic(self) -> bool:
        """Whether 0 < |lambda| < 1."""
        return 0 < abs(self.multiplier) < 1 - CRITICAL

    @property
    def linear_below(self) -> float:
        """Displacements below it move by the factor lambda to rounding, at 1 and -1 also where h' has a square root."""
        return 1e-36 if abs(self.fixed_point) == 1.0 else 1e-18

    @property
    def log_multiplier(self) -> float:
        """log |lambda|."""
        return math.log(abs(self.multiplier)) if self.multiplier else -math.inf

    # Around the fixed point

    def displacement(self, theta: Array) -> Array:
        """rho - c at the angle theta, to full accuracy where c is 1 or -1."""
        if self.fixed_point == 1.0:
            return -2 * jnp.sin(theta / 2) ** 2
        if self.fixed_point == -1.0:
            return 2 * jnp.cos(theta / 2) ** 2
        return jnp.cos(theta) - self.fixed_point

    def mean_slope(self, d: Array) -> Array:
        """(h(c + d) - h(c))/d, elementwise: by quadrature of h' for small d; h'(c) at d = 0."""
        return self._mean_slope(d, self.radius)

    def _mean_slope(self, d: Array, radius: float) -> Array:
        c = self.fixed_point
        if self.step is not None:
            moving = d != 0
            return jnp.where(moving, self.step(d) / jnp.where(moving, d, 1.0), self.multiplier)
        small = jnp.where(jnp.abs(d) <= radius, d, 0.0)
        large = jnp.where(jnp.abs(d) <= radius, 1.0, d)
        plain = (self.map(c + jnp.where(jnp.abs(d) <= radius, 0.0, d)) - self.map(jnp.asarray(c))) / large
        slopes = self.derivative(jnp.asarray(_NODES).reshape((-1,) + (1,) * small.ndim) * small)
        mean = jnp.tensordot(jnp.asarray(_WEIGHTS), slopes, axes=1)
        return jnp.where(jnp.abs(d) <= radius, mean, plain)

    def derivative(self, d: Array) -> Array:
        """h'(c + d), elementwise."""
        return jax.jvp(self.map, (self.fixed_point + d,), (jnp.ones_like(d),))[1]

    def _trusted_radius(self) -> float:
        """The largest radius within which the quadrature, or `step`, agrees with the difference to rounding."""
        c = self.fixed_point
        offset = np.concatenate([-np.geomspace(1e-6, 0.25, 60), np.geomspace(1e-6, 0.25, 60)])
        offset = offset[(c + offset >= -1) & (c + offset <= 1)]
        d = (c + offset) - c  # what a float correlation can hold
        plain = np.asarray(self.map(jnp.asarray(c + d)) - self.map(jnp.asarray(c)))
        for radius in _RADII:
            mean = np.asarray(eqx.filter_jit(Composition._mean_slope)(self, jnp.asarray(d), radius))
            if np.all(np.abs(mean * d - plain)[np.abs(d) <= radius] <= _AGREEMENT):
                return radius
        name = "step" if self.step is not None else "derivative of the map"
        raise InputError(
            f"expected the {name} to agree with the differences of the map around its fixed point {c:.10g}, got "
            f"{np.max(np.abs(mean * d - plain)[np.abs(d) <= _RADII[-1]]):.2g} between them within {_RADII[-1]:g}; "
            f"correct it, or smooth the map there"
        )


class CompositionKernel(View):
    """eta_L = h applied L - 1 times to rho, for a map h: [-1, 1] -> [-1, 1]; arguments as for :class:`Composition`.

    >>> import roughntk as rn
    >>> family = rn.kernels.CompositionKernel(lambda eta: eta / 2)
    >>> [round(float(family.at_correlation(1.0, depth)), 6) for depth in (4, 3.5)]
    [0.125, 0.176777]
    """

    name = "composition"
    symbol = "\\eta"
    recursion_depth: ClassVar[float] = math.inf  # layers end early, once nothing changes
    network: ClassVar[Any] = Composition
    architecture: Composition

    def __init__(self, h: Callable[[Array], Array], *, step: Callable[[Array], Array] | None = None):
        View.__init__(self, h, step=step)

    @property
    def ntk(self) -> Any:
        return self.architecture.ntk

    @property
    def nngp(self) -> Any:
        return self.architecture.nngp

    @property
    def counted_layers(self) -> float:
        return _COUNTED

    def _at_angle(self, theta, depth):
        return _iterated(self.architecture.map, jnp.cos(theta), depth)

    def _at_correlation(self, rho, depth):
        return _iterated(self.architecture.map, rho, depth)

    def _trajectory(self, theta, layers):
        return lax.scan(lambda eta, _: (self.architecture.map(eta), eta), jnp.cos(theta), length=layers)[1]

    def _limit(self, theta):
        low, high = self.architecture.analysis.limits
        return jnp.where(theta == 0, high, jnp.where(theta == jnp.pi, low, self.architecture.fixed_point))

    @property
    def limit_value(self) -> float:
        """The fixed point c."""
        return self.architecture.fixed_point

    @property
    def drivers_vanish(self) -> bool:
        return not (self.architecture.is_hyperbolic and self.collapses)

    def why_no_real_depth(self):
        where = (
            f"h'(c) = {self.architecture.multiplier:.6g} at its fixed point c = {self.architecture.fixed_point:.10g}"
        )
        if not self.architecture.is_hyperbolic:
            return f"no real depth is known for {where}, which must lie in (0, 1): round the depth to an integer"
        if self.architecture.multiplier < 0 or not self.architecture.analysis.increasing:
            return f"the map does not increase strictly on [-1, 1] ({where}): round the depth to an integer"
        return ""

    def _real_at_angle(self, theta, depth):
        theta, depth = jnp.broadcast_arrays(theta, depth)
        return self._reached(self.architecture.displacement(theta), jnp.cos(theta), depth)

    def _real_at_correlation(self, rho, depth):  # type: ignore[override]
        """Derivatives: the first in both modes, the second in forward mode. At a repelling fixed point (1 or -1), where
        the Koenigs function is infinite, the derivative in rho is taken as lambda^(l-1)."""
        rho, depth = jnp.broadcast_arrays(rho, depth)
        return self._reached(rho - self.architecture.fixed_point, rho, depth)

    def _reached(self, d: Array, rho: Array, depth: Array) -> Array:
        eta = self.architecture.fixed_point + koenigs.displacement_flow(self.architecture, d, depth - 1)
        low, high = self.architecture.analysis.limits
        limit = jnp.where(rho == 1, high, jnp.where(rho == -1, low, self.architecture.fixed_point))
        exact = lax.stop_gradient(
            jnp.where(depth == 1, rho - eta, 0.0)
        )  # depth 1 is rho itself, with the flow's slopes
        return jnp.where(jnp.isfinite(depth), eta + exact, limit)

    # Deep down

    def _deep(self, values, depth, by_angle):
        d = self.architecture.displacement(values) if by_angle else values - self.architecture.fixed_point
        return jnp.asarray(self.architecture.fixed_point + self._displaced(d, depth))

    def _displaced(self, d: Array, depth: float) -> np.ndarray:
        """eta - c at a whole depth beyond `counted_layers`."""
        most = min(
            int(min(depth, 2.0**62)),
            _MOST_LAYERS if self.architecture.is_hyperbolic or not self.architecture.multiplier else _COUNTED,
        )
        reached, layers = _plain_displacement(self.architecture, d, jnp.asarray(most))
        displacement = np.asarray(reached)
        if int(layers) == depth:
            return displacement
        if int(layers) < most:  # all is within the linear part, or rests on a fixed point that repels
            left = depth - int(layers)
            factor = math.copysign(1.0, self.architecture.multiplier) ** (left % 2) * math.exp(
                left * self.architecture.log_multiplier
            )
            return np.where(np.abs(displacement) > self.architecture.linear_below, displacement, displacement * factor)
        c, factor = self.architecture.fixed_point, self.architecture.multiplier
        if factor < 0 or self.architecture.is_hyperbolic:
            raise InputError(
                f"expected a depth of at most {int(layers):,} for a map whose displacements from its fixed point "
                f"{c:.10g} move by the factor {factor:.10g} there, got {depth:g}, which would take some "
                f"{depth * _SECONDS_A_LAYER:.1g} seconds layer by layer; choose a smaller depth"
            )
        slopes = np.asarray(self.architecture.mean_slope(reached.reshape(-1)))
        flat = displacements(self.architecture, displacement.reshape(-1), slopes, _COUNTED, depth)
        return flat.reshape(displacement.shape)

    @property
    def collapses(self) -> bool:
        return (
            self.architecture.analysis.limits[1] == self.architecture.fixed_point and self.architecture.multiplier != 0
        )

    def _deflated(self, theta, depth):
        if not self.collapses:
            return super()._deflated(theta, depth)
        d = self.architecture.displacement(jnp.asarray(theta))
        if self.architecture.is_hyperbolic:
            if depth != math.inf and depth != int(depth):
                return self._deflated_between(d, depth)
            layers = jnp.asarray(jnp.iinfo(jnp.result_type(int)).max if depth == math.inf else int(depth) - 1)
            values = np.asarray(koenigs.scaled_displacement(self.architecture, d, layers))
            if depth == math.inf:
                return Deflated(self.architecture.fixed_point, -math.inf, values)
            turned = -values if self.architecture.multiplier < 0 and int(depth) % 2 == 0 else values
            return Deflated(
                self.architecture.fixed_point, (depth - 1) * math.log(abs(self.architecture.multiplier)), turned
            )
        if depth == math.inf:
            if self.architecture.fixed_point == 1.0:
                return Deflated.all_equal(theta)
            raise InputError(
                f"expected a finite depth for the deflated kernel at the neutral fixed point "
                f"{self.architecture.fixed_point:.10g}, got infinity; its displacements have no common profile"
            )
        if depth > self.counted_layers:
            reached = self._displaced(d, depth)
        else:
            reached = np.asarray(_plain_displacement(self.architecture, d, jnp.asarray(int(depth)))[0])
        largest = float(np.max(np.abs(reached), initial=0.0))
        return Deflated(
            self.architecture.fixed_point, math.log(largest) if largest else 0.0, reached / (largest or 1.0)
        )

    def _deflated_between(self, d: Array, depth: float) -> Deflated:
        """At a real depth: first the part of a layer, then whole ones."""
        layers, part = divmod(depth - 1, 1.0)
        reached = koenigs.compiled_displacement(self.architecture, d, jnp.asarray(part))
        values = np.asarray(koenigs.scaled_displacement(self.architecture, reached, jnp.asarray(int(layers))))
        scale = math.log(self.architecture.multiplier)
        return Deflated(self.architecture.fixed_point, (depth - 1) * scale, values * math.exp(-part * scale))


@eqx.filter_custom_jvp
def _iterated(h: Callable[[Array], Array], rho: Array, depth: Array) -> Array:
    """h applied depth - 1 times; ends early where nothing changes any more."""

    def body(state):
        layer, eta, _ = state
        new = h(eta)
        return layer + 1, new, jnp.any(new != eta)

    start = (jnp.ones((), jnp.asarray(depth).dtype), rho, jnp.asarray(True))
    return lax.while_loop(lambda state: (state[0] < depth) & state[2], body, start)[1]


@_iterated.def_jvp
def _iterated_jvp(primals, tangents):
    h, rho, depth = primals

    def body(state):
        layer, eta, slope, _ = state
        new, moved = jax.jvp(h, (eta,), (slope,))
        return layer + 1, new, moved, jnp.any(new != eta) | jnp.any(moved != slope)

    start = (jnp.ones((), jnp.asarray(depth).dtype), rho, jnp.ones_like(rho), jnp.asarray(True))
    _, value, slope, _ = lax.while_loop(lambda state: (state[0] < depth) & state[3], body, start)
    by_rho = tangents[1]
    return value, slope * by_rho if by_rho is not None else jnp.zeros_like(value)


@eqx.filter_jit
def _plain_displacement(map_: Composition, d: Array, depth: Array) -> tuple[Array, Array]:
    """(eta - c, L) at the depth, layer by layer, or before it where layers are linear to rounding."""

    def body(state):
        at, layer, _ = state
        following = at * map_.mean_slope(at)
        moving = jnp.any((jnp.abs(following) > map_.linear_below) & (following != at))
        return following, layer + 1, moving | (depth <= _COUNTED)

    start = d, jnp.ones((), depth.dtype), jnp.asarray(True)
    return lax.while_loop(lambda state: (state[1] < depth) & state[2], body, start)[:2]


class _Sigmoid(Composition):
    """The sigmoid map, of which all is known."""

    def __init__(self):
        c, multiplier = recursion.sigmoid_fixed_point()
        self.map, self.step = sigmoid_composition_dual, recursion.sigmoid_step
        self.analysis = Analysis(FixedPoint(c, multiplier, True), (), (c, c), True)
        self.radius = _RADII[0]

    @property
    def kernel(self) -> "SigmoidComposition":
        return SigmoidComposition.of(self)

    @property
    def settings(self):
        return {}


class SigmoidComposition(CompositionKernel):
    """The paper's second family: eta_{L+1} = (1 + e^{-eta_L})^{-2}, eta_1 = rho (Section 6).

    It tends to the fixed point c = 0.34178539979984... at the rate lambda^L, lambda = 0.28393880014361...: the
    kernel matrix becomes numerically singular from depth 15 or so on. It is not positive definite on every data
    set, against the paper's Proposition 7.

    >>> import roughntk as rn
    >>> family = rn.kernels.SigmoidComposition()
    >>> float(family.at_correlation(0.0, 2)), round(family.limit_value, 12)
    (0.25, 0.3417853998)
    """

    name = "sigmoid"
    network = _Sigmoid

    def __init__(self):
        View.__init__(self)
