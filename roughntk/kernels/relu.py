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

import jax
import jax.numpy as jnp
from jax import Array

from roughntk._checks import InputError, is_traced
from roughntk.kernels._deep import Growth
from roughntk.kernels._layer_loops import turned
from roughntk.kernels._parameters import number, scale, signed_scale
from roughntk.kernels.duals import arccos, bracket, supplement
from roughntk.kernels.layers import LayeredFamily, Pair, Scalars

STEEPEST_SLOPE = 0.95
"""Real depth is offered for slopes up to this one: beyond it, singularities of the germ crowd at pi."""


def relu_angle_layer(theta: Array, kappa: Array, omega: Array, lack: Array | None = None) -> Array:
    """arccos(1 - omega (1 - h_kappa(cos theta))) on [0, pi]; all derivatives are finite at both ends.

    Near 0 it is 2 arcsin((theta/2) sqrt(omega G)), G entire. From pi/2 on a kappa above 1 folds the circle, and the
    same is done in s = pi - theta: 1 - h = (2 - kappa) + (kappa - 1)(1 - cos s) - kappa (sin s - s cos s)/pi. `lack` is
    2 - kappa, for those who know it without cancellation.
    """
    lack = 2 - kappa if lack is None else lack
    fold = (kappa > 1) & (theta > jnp.pi / 2)
    absolute = fold & (lack == 0)
    near = jnp.where(fold & ~absolute, 1.0, jnp.where(absolute, supplement(theta), theta))
    sinc = jnp.sinc(near / (2 * jnp.pi))
    growth = sinc * sinc - (2 / jnp.pi) * kappa * near * bracket(near)
    # kappa in (1, 2), beyond pi/2
    far = jnp.where(fold & ~absolute, supplement(theta), 1.0)
    middle = jnp.where(fold & ~absolute, kappa, 1.5)
    short = jnp.where(fold & ~absolute, lack, 0.5)
    versine = short + (middle - 1) * 2 * jnp.sin(far / 2) ** 2 - middle * far**3 * bracket(far) / jnp.pi
    half = jnp.where(fold & ~absolute, jnp.sqrt(versine / 2), near / 2 * jnp.sqrt(growth))
    return 2 * jnp.arcsin(jnp.sqrt(omega) * half)


@jax.custom_jvp
def relu_bracket(defect: Array) -> Array:
    """(sin theta - theta cos theta)/pi as a function of the defect 1 - cos theta; its derivative is theta/pi."""
    theta = _angle(defect)
    return theta**3 * bracket(theta) / jnp.pi


@relu_bracket.defjvp
def _relu_bracket_jvp(primals, tangents):
    return relu_bracket(primals[0]), relu_turn(primals[0]) * tangents[0]


@jax.custom_jvp
def relu_turn(defect: Array) -> Array:
    """theta/pi as a function of the defect; its derivative, infinite at c = 1 and -1, is replaced by 0 there."""
    return _angle(defect) / jnp.pi


@relu_turn.defjvp
def _relu_turn_jvp(primals, tangents):
    (defect,) = primals
    inside = (defect > 0) & (defect < 2)
    root = jnp.sqrt(jnp.where(inside, defect * (2 - defect), 1.0))
    return relu_turn(defect), jnp.where(inside, tangents[0] / (jnp.pi * root), 0.0)


def _angle(defect: Array) -> Array:
    return jnp.where(defect < 1, 2 * jnp.arcsin(jnp.sqrt(jnp.minimum(defect, 1.0) / 2)), arccos(1 - defect))


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
        return super()._why_no_real_depth()

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
        return math.log(depth) if self._is_ntk else 0.0  # Sigma(x, x) stays 1 at the critical weight variance


class LeakyReluNTK(LeakyReluLayers):
    """Normalised tangent kernel of the bias-free leaky ReLU network; slope = -1 is the absolute value.

        K_{L+1} = (L/(L+1)) (1 - kappa theta_L/pi) K_L + cos theta_{L+1}/(L+1),   kappa = (1 - slope)^2/(1 + slope^2)

    It tends to 1/4 off the diagonal for every slope but 1, as the ReLU's does, kappa times as slowly in depth.

    Args:
        slope: of phi below 0, in [-1, 1); 0 is the ReLU.
    """

    name = "leaky-relu-ntk"
    symbol = "K"


class LeakyReluNNGP(LeakyReluLayers):
    """Normalised covariance of the bias-free leaky ReLU network: the correlation rho_L itself, which tends to 1.

    Args:
        slope: of phi below 0, in [-1, 1); 0 is the ReLU.
    """

    name = "leaky-relu-nngp"
    symbol = "\\rho"


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
        same = "ReluNTK" if self._is_ntk else "ReluNNGP"
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
    symbol = "K"


class BiasedReluNNGP(BiasedReluLayers):
    """Normalised covariance of the ReLU network with biases; arguments as for `BiasedReluNTK`."""

    name = "biased-relu-nngp"
    symbol = "\\rho"
