"""Families of (leaky) ReLU networks: slopes, biases, residual branches.

For phi(u) = max(u, 0) + slope min(u, 0) and with kappa = (1 - slope)^2/(1 + slope^2) in (0, 2], the normalised duals
are

    h(c) = c + kappa (sin theta - theta cos theta)/pi,      h'(c) = 1 - kappa theta/pi,      theta = arccos c,

(ChoSaul2009; kappa = 1 is the ReLU, 2 the absolute value), so every layer of this room moves the angle by

    1 - cos theta_{L+1} = omega_L (1 - h(cos theta_L)),

omega_L being the share of the variance that does not come from a bias.
"""

import abc
import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk._checks import InputError, is_traced
from roughntk._checks.parameters import number, scale, signed_scale
from roughntk.kernels import table
from roughntk.kernels.base import RECURSION_DEPTH, KernelFamily
from roughntk.kernels.deflated import Deflated
from roughntk.kernels.engine.deep import Growth
from roughntk.kernels.engine.layer_loops import turned
from roughntk.kernels.layered import LayeredFamily, Pair, Scalars
from roughntk.maps import duals, leaky_flow, recursion, relu_flow
from roughntk.maps.duals import bracket
from roughntk.maps.leaky_layer import STEEPEST_SLOPE, relu_angle_layer, relu_bracket, relu_turn


class ReluNTK(KernelFamily):
    """Normalised neural tangent kernel of the bias-free ReLU network (paper, Definition 4).

        K_{L+1} = L/(L+1) h'(rho_L) K_L + 1/(L+1) h(rho_L),    K_1 = rho_1,    K_L(x, x) = 1

    on unit inputs; Theta_L = (L / (n0 2^{L-1})) K_L is the unnormalised kernel. As L grows, K_L -> 1/4 for
    every pair of distinct points.
    """

    name = "relu-ntk"
    is_tangent = True
    symbol = "K"
    limit_value = 0.25
    homogeneous = True

    def _log_scale(self, depth):
        return math.log(depth) - (depth - 1) * math.log(2)

    def _why_no_real_depth(self):
        return ""

    def _real_at_angle(self, theta, depth):
        return relu_flow.ntk_kernel(theta, depth - 1)

    def _table(self, depth):
        return table.of_depth("ntk", depth)

    def _at_angle(self, theta, depth):
        return recursion.relu_layers(theta, depth)[1] / depth

    def _at_correlation(self, rho, depth):
        return recursion.ntk_at_correlation(rho, depth)

    def _trajectory(self, theta, layers):
        sums = recursion.relu_trajectory(theta, layers)[1]
        depths = jnp.arange(1, layers + 1, dtype=sums.dtype)
        return sums / depths.reshape((-1,) + (1,) * theta.ndim)

    def _correlation_map(self, c):
        return duals.relu_dual(c)

    def _retained(self, theta, layers):
        angles = recursion.relu_trajectory(theta, layers)[0]
        depths = jnp.arange(1, layers + 1, dtype=angles.dtype).reshape((-1,) + (1,) * theta.ndim)
        return depths / (depths + 1) * (1 - angles / jnp.pi)


class ReluNNGP(KernelFamily):
    """Normalised covariance of the bias-free ReLU network at initialisation: rho_{L+1} = h(rho_L).

    As L grows, rho_L -> 1 with 1 - rho_L ~ 9 pi^2 / (2 L^2).
    """

    name = "relu-nngp"
    symbol = "\\rho"
    limit_value = 1.0
    homogeneous = True

    def _log_scale(self, depth):
        return -(depth - 1) * math.log(2)

    def _why_no_real_depth(self):
        return ""

    def _real_at_angle(self, theta, depth):
        return jnp.cos(relu_flow.flow(theta, depth - 1))

    def _table(self, depth):
        return table.of_depth("nngp", depth)

    @property
    def collapses(self):
        return True

    def _deflated(self, theta, depth):
        if depth == math.inf:
            return Deflated.all_equal(theta)
        return Deflated.below_one(2 * np.sin(np.asarray(relu_flow.flow(theta, depth - 1)) / 2) ** 2)

    def _at_angle(self, theta, depth):
        return jnp.cos(recursion.relu_layers(theta, depth)[0])

    def _at_correlation(self, rho, depth):
        return recursion.nngp_at_correlation(rho, depth)

    def _trajectory(self, theta, layers):
        return jnp.cos(recursion.relu_trajectory(theta, layers)[0])


class Moves(NamedTuple):
    """What one layer does: the scalars one layer on, kappa, 2 - kappa, omega, and 1 - omega, without cancellation."""

    scalars: Scalars
    kappa: Array
    lack: Array
    omega: Array
    rest: Array


def _moved_gap(pair: Pair, moves: Moves) -> tuple[Array, Array]:
    """(1 - c, or 1 + c where the second is 1, that flag) one layer on, from the same; nothing cancels.

    From a gap g at -1, 1 - h = (2 - kappa) + (kappa - 1) g - kappa b and 1 + h = kappa + (1 - kappa) g + kappa b,
    b = (sin s - s cos s)/pi at the angle s of g.
    """
    gap, turned = pair.position, moves.kappa * relu_bracket(pair.position)
    far = moves.lack + (moves.kappa - 1) * gap - turned
    below = 2 * moves.rest + moves.omega * (moves.kappa + (1 - moves.kappa) * gap + turned)
    opposite = (pair.opposite > 0) & (below < 1)
    near = jnp.where(pair.opposite > 0, far, gap - turned)
    return jnp.where(opposite, below, moves.omega * near), jnp.where(opposite, 1.0, 0.0)


class ReluLayers(LayeredFamily):
    """Layers whose pairs move by `kappa` and `omega`, both from the scalars."""

    @property
    def _runs_by_angle(self) -> bool:
        return True

    @abc.abstractmethod
    def _moves(self, scalars: Scalars) -> Moves:
        """What the layer after these scalars does."""

    def _layer(self, scalars, pair, angle):
        moves = self._moves(scalars)
        following, opposite = moves.scalars, pair.opposite
        if angle:
            position = relu_angle_layer(pair.position, moves.kappa, moves.omega, moves.lack)
            defect, turn = 2 * jnp.sin(position / 2) ** 2, pair.position / jnp.pi
        else:
            position, opposite = _moved_gap(pair, moves)
            near = relu_turn(pair.position)
            defect, turn = position, jnp.where(pair.opposite > 0, 1 - near, near)
        share, source = self._source(following, defect, pair, opposite, angle)
        lost = moves.kappa * turn
        kept = self._kept(scalars, moves.omega, share)
        here = lost + (1 - lost) * turned(pair, opposite)
        return following, Pair(position, kept * here + share * source, opposite)

    def _growth(self, prepared, scalars, pair, settled):
        moves, half = self._moves(scalars._replace(log_variance=jnp.zeros(()))), pair.position / 2
        theta = 2 * jnp.arcsin(jnp.minimum(half, 1.0))
        sinc = jnp.sinc(theta / (2 * jnp.pi))
        # (sin theta - theta cos theta)/pi over 1 - cos theta
        turned_share = 2 * theta * bracket(theta) / (jnp.pi * sinc * sinc)
        below = moves.rest < 0.5
        kept = jnp.where(below, jnp.log1p(-jnp.where(below, moves.rest, 0.0)), jnp.log(moves.omega))
        moved = (kept + jnp.log1p(-moves.kappa * turned_share)) / 2
        variance, memory, ratio = self._log_growth(scalars, moves)
        share, source = self._deep_source(moves, pair, moved, turned_share)
        lost = moves.kappa * theta / jnp.pi
        return Growth(variance, memory, ratio, moved, lost, share, source)

    def _log_growth(self, scalars: Scalars, moves: Moves) -> tuple[Array, Array, Array]:
        """Logs of the factors of Sigma(x, x), memory and ratio."""
        return jnp.zeros(()), jnp.zeros(()), -jnp.log1p(scalars.ratio)

    def _deep_source(self, moves: Moves, pair: Pair, moved: Array, turned_share: Array) -> tuple[Array, Array]:
        """`_source`, from the chord."""
        return moves.scalars.ratio, (pair.position * jnp.exp(moved)) ** 2 / 2

    def _kept(self, scalars: Scalars, omega: Array, share: Array) -> Array:
        """1 - share, the part of the new Theta(x, x) that comes from the layer before."""
        return 1 - share

    def _source(
        self, following: Scalars, defect: Array, pair: Pair, opposite: Array, angle: bool
    ) -> tuple[Array, Array]:
        """The share of the new layer in Theta(x, x), and the defect of what it adds, or 2 less that if `opposite`."""
        return following.ratio, defect


class LeakyReluLayers(ReluLayers):
    """phi(u) = max(u, 0) + slope min(u, 0) without biases, at the critical weight variance 2/(1 + slope^2)."""

    homogeneous = True

    slope: Array

    def __init__(self, slope=0.01):
        self.slope = number(slope, "slope", least=-1.0, below=1.0)

    def _why_no_real_depth(self):
        # A negative slope has real depth, but none between 1 and 2: its map sends two angles to one.
        if is_traced(self.slope):
            return "real depth needs a slope that is known: build the family outside of jit, grad and vmap"
        if float(self.slope) > STEEPEST_SLOPE:
            return f"real depth needs a slope of at most {STEEPEST_SLOPE:g}"
        return ""

    def _prepared(self, depth):
        slope = float(self.slope)
        if slope < 0 and not is_traced(depth):
            between = np.asarray(depth)[(np.asarray(depth) > 1) & (np.asarray(depth) < 2)]
            if between.size:
                raise InputError(
                    f"expected depth 1 or a depth of at least 2 for {self.name} of slope {slope:g}, got "
                    f"{float(between.flat[0])!r}; for a negative slope the first layer sends two angles to one, so "
                    f"that no depth lies between 1 and 2: use a slope of at least 0 or a depth of at least 2"
                )
        return leaky_flow.constants(slope)

    def _first(self):
        return Scalars(jnp.zeros(()), jnp.ones(()), jnp.zeros(())), jnp.ones(()), jnp.zeros(())

    def _moves(self, scalars):
        size = 1 + self.slope**2
        ratio = scalars.ratio / (1 + scalars.ratio)
        kappa, lack = (1 - self.slope) ** 2 / size, (1 + self.slope) ** 2 / size
        return Moves(scalars._replace(ratio=ratio), kappa, lack, jnp.ones_like(kappa), jnp.zeros_like(kappa))

    def _settled_memory(self):
        return jnp.zeros(()), jnp.ones(())

    def _critical_limit(self):
        return 0.25

    def _log_scale(self, depth):
        return math.log(depth) if self.is_tangent else 0.0  # Sigma(x, x) stays 1 at the critical weight variance


class LeakyReluNTK(LeakyReluLayers):
    """Normalised tangent kernel of the bias-free leaky ReLU network; slope = -1 is the absolute value.

        K_{L+1} = (L/(L+1)) (1 - kappa theta_L/pi) K_L + cos theta_{L+1}/(L+1),   kappa = (1 - slope)^2/(1 + slope^2)

    It tends to 1/4 off the diagonal for every slope but 1, as the ReLU's does, kappa times as slowly in depth.

    Args:
        slope: of phi below 0, in [-1, 1); 0 is the ReLU.
    """

    name = "leaky-relu-ntk"
    is_tangent = True
    symbol = "K"

    _real_at_angle = staticmethod(leaky_flow.ntk_kernel)  # type: ignore[assignment]


class LeakyReluNNGP(LeakyReluLayers):
    """Normalised covariance of the bias-free leaky ReLU network: the correlation rho_L itself, which tends to 1.

    Args:
        slope: of phi below 0, in [-1, 1); 0 is the ReLU.
    """

    name = "leaky-relu-nngp"
    symbol = "\\rho"

    _real_at_angle = staticmethod(leaky_flow.nngp_kernel)  # type: ignore[assignment]

    def _deflated(self, theta, depth):
        if depth == math.inf or not self.has_real_depth or (depth == int(depth) and depth <= RECURSION_DEPTH):
            return super()._deflated(theta, depth)
        constants = self._prepared(np.asarray(depth))
        defect = leaky_flow.compiled_defect(constants, jnp.asarray(theta), jnp.asarray(depth))
        return Deflated.below_one(np.asarray(defect))


class BiasedReluLayers(ReluLayers):
    """ReLU layers with biases: Sigma_{L+1} = sigma_w^2 E[relu(u) relu(u')] + beta^2."""

    bias: Array
    weight_variance: Array
    input_variance: Array

    def __init__(self, bias=1.0, weight_variance=1.0, input_variance=1.0):
        self.bias = signed_scale(bias, "bias")
        self.weight_variance = scale(weight_variance, "weight_variance")
        self.input_variance = scale(input_variance, "input_variance")

    @classmethod
    def critical(cls, bias=1.0, input_variance=1.0):
        """The family at sigma_w^2 = 2, where variances grow linearly and the NTK keeps a limit 4/7 off the diagonal."""
        return cls(bias, 2.0, input_variance)

    def _first(self):
        signal, noise = self.weight_variance * self.input_variance, self.bias**2
        variance = signal + noise
        return Scalars(jnp.log(variance), jnp.ones(()), noise / variance), signal / variance, noise / variance

    def _moves(self, scalars):
        gain = self.weight_variance / 2  # chi = sigma_w^2 E[1(u > 0)]
        growth = gain + scalars.memory  # Sigma_{L+1}/Sigma_L, memory = beta^2/Sigma_L
        omega = gain / growth
        ratio = scalars.ratio / (omega + scalars.ratio)
        moved = Scalars(scalars.log_variance + jnp.log(growth), ratio, scalars.memory / growth)
        return Moves(moved, jnp.ones_like(omega), jnp.ones_like(omega), omega, scalars.memory / growth)

    def _log_growth(self, scalars, moves):
        growth = jnp.log1p((self.weight_variance / 2 - 1) + scalars.memory)
        return growth, -growth, -jnp.log1p(scalars.ratio - moves.rest)

    def _kept(self, scalars, omega, share):
        return omega / (omega + scalars.ratio)  # which may be far below 1

    def _settled_memory(self):
        gain, ordered = self.weight_variance / 2, self._is_ordered
        return jnp.where(ordered, 1 - gain, 0.0), jnp.where(ordered, gain, 1.0)

    @property
    def _is_ordered(self) -> Array:
        """Whether variances stay bounded: chi < 1, however close to 1."""
        return (self.weight_variance < 2) & (self.bias != 0)

    @property
    def _phase(self) -> int:
        return -1 if bool(self._is_ordered) else super()._phase

    @property
    def drivers_vanish(self) -> bool:
        return not self._is_ordered

    def check_homogeneous(self) -> None:
        if is_traced(self.bias) or self.bias != 0:
            super().check_homogeneous()
        same = "ReluNTK" if self.is_tangent else "ReluNNGP"
        raise InputError(
            f"expected a family that takes rows of any length, got {self.name} with bias 0, whose rows have the length "
            f"that its input_variance says; use {same}, which is the same kernel on the sphere"
        )

    def _critical_limit(self):
        # Sigma grows linearly only at sigma_w^2 = 2 exactly; faster growth leaves the biases behind
        return 4 / 7 if self.bias != 0 and self.weight_variance == 2 else 0.25


class BiasedReluNTK(BiasedReluLayers):
    """Normalised tangent kernel of the ReLU network with biases (paper, Appendix A, at sigma_w^2 = 1).

        Sigma_1 = sigma_w^2 v rho + beta^2,    Sigma_{L+1} = sigma_w^2 E[relu relu] + beta^2,
        Theta_1 = Sigma_1,    Theta_{L+1} = Theta_L sigma_w^2 E[relu' relu'] + Sigma_{L+1},    K = Theta/Theta(x, x)

    At sigma_w^2 < 2 all entries tend to one value, Theta -> 4 beta^2 at sigma_w^2 = 1, at the rate (sigma_w^2/2)^{L/2};
    at sigma_w^2 = 2 (:meth:`critical`) K tends to 4/7 off the diagonal.

    Args:
        bias: beta, the standard deviation of the biases.
        weight_variance: sigma_w^2 > 0.
        input_variance: v = |x|^2/n0 of the inputs, > 0.
    """

    name = "biased-relu-ntk"
    is_tangent = True
    symbol = "K"


class BiasedReluNNGP(BiasedReluLayers):
    """Normalised covariance of the ReLU network with biases; arguments as for `BiasedReluNTK`."""

    name = "biased-relu-nngp"
    symbol = "\\rho"
