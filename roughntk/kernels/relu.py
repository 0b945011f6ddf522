"""Families of ReLU and leaky ReLU networks, and the layer that they share with biased and residual ones.

Real depth is computed in :mod:`roughntk.maps.relu_flow` and :mod:`roughntk.maps.leaky_flow`; here is what a layer does.

For phi(u) = max(u, 0) + slope min(u, 0) and with kappa = (1 - slope)^2/(1 + slope^2) in (0, 2], the normalised duals
are

    h(c) = c + kappa (sin theta - theta cos theta)/pi,      h'(c) = 1 - kappa theta/pi,      theta = arccos c,

(ChoSaul2009; kappa = 1 is the ReLU, 2 the absolute value), so every layer here moves the angle by

    1 - cos theta_{L+1} = omega_L (1 - h(cos theta_L)),

omega_L being the share of the variance that does not come from a bias.
"""

import abc
import math
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk._checks import InputError, is_traced
from roughntk._checks.parameters import number
from roughntk.kernels import table
from roughntk.kernels.architecture import EVEN, NEITHER, Architecture, First, LayeredArchitecture, Moved, Steady
from roughntk.kernels.base import RECURSION_DEPTH, View
from roughntk.kernels.engine.deflated import Deflated
from roughntk.kernels.engine.growth import Growth
from roughntk.kernels.layered import LayeredFamily
from roughntk.maps import duals, leaky_flow, recursion, relu_flow
from roughntk.maps.duals import bracket, supplement
from roughntk.maps.leaky_layer import STEEPEST_SLOPE, relu_angle_layer, relu_bracket, relu_turn


class Relu(Architecture):
    """The bias-free ReLU network, at the weight variance 2 that keeps Sigma_L(x, x) up to the factor 2^{-(L - 1)}.

    >>> Relu().ntk
    ReluNTK()
    """

    @property
    def ntk(self) -> "ReluNTK":
        return ReluNTK.of(self)

    @property
    def nngp(self) -> "ReluNNGP":
        return ReluNNGP.of(self)

    @property
    def homogeneous(self):
        return True


class _ReluView(View):
    """What the two kernels share: real depth, rows of any length."""

    network = Relu

    def why_no_real_depth(self):
        return ""

    def _correlation_map(self, c):
        return duals.relu_dual(c)


class ReluNTK(_ReluView):
    """Normalised neural tangent kernel of the bias-free ReLU network (paper, Definition 4).

        K_{L+1} = L/(L+1) h'(rho_L) K_L + 1/(L+1) h(rho_L),    K_1 = rho_1,    K_L(x, x) = 1

    on unit inputs; Theta_L = (L / (n0 2^{L-1})) K_L is the unnormalised kernel. As L grows, K_L -> 1/4 for
    every pair of distinct points.

    In float64 the error is at most 1e-13 max(|K|, 1/20): of `at_angle` at every normal float64 angle, the one nearest
    to pi standing for pi, and at every depth, whole or real; of `at_correlation` at every float64 correlation, at whole
    depths and at real ones from 1.01 on. At real depths between 1 and 1.01, K at a correlation next to -1 depends on
    digits of its angle that float64 does not hold: there the error is at most 1e-10. K passes 0 at correlations up to 0
    and depths below 3, where no relative bound can hold. All this is tested against proven enclosures
    (:mod:`roughntk.certify`).

    >>> import roughntk as rn
    >>> family = rn.kernels.ReluNTK()
    >>> [round(float(family.at_correlation(0.0, depth)), 6) for depth in (2, math.inf)]  # 1/(2 pi), 1/4
    [0.159155, 0.25]
    """

    name = "relu-ntk"
    symbol = "K"
    is_tangent = True
    limit_value = 0.25

    def __init__(self):
        View.__init__(self)

    def _log_scale(self, depth):
        return math.log(depth) - (depth - 1) * math.log(2)

    def _real_at_angle(self, theta, depth):
        return relu_flow.ntk_kernel(theta, depth - 1)

    def _table(self, depth):
        return table.of_depth("ntk", depth)

    def _at_angle(self, theta, depth):
        return recursion.relu_layers(theta, depth)[1] / depth

    def _at_correlation(self, rho, depth):
        return recursion.ntk_at_correlation(rho, depth)

    def _trajectory(self, theta, layers):
        return self.path(theta, layers)[0]

    def path(self, theta, layers):
        angles, sums = recursion.relu_trajectory(theta, layers)
        depths = jnp.arange(1, layers + 1, dtype=sums.dtype).reshape((-1,) + (1,) * theta.ndim)
        return sums / depths, depths / (depths + 1) * (1 - angles / jnp.pi)


class ReluNNGP(_ReluView):
    """Normalised covariance of the bias-free ReLU network at initialisation: rho_{L+1} = h(rho_L).

    As L grows, rho_L -> 1 with 1 - rho_L ~ 9 pi^2 / (2 L^2).

    In float64 the error is at most 1e-13 max(|rho_L|, 1/20), of `at_angle` and of `at_correlation`, at every depth,
    whole or real; rho_L passes 0 at depths up to 2. This is tested against proven enclosures (:mod:`roughntk.certify`).

    >>> import roughntk as rn
    >>> round(float(rn.kernels.ReluNNGP().at_correlation(0.0, 2)), 6)  # 1/pi
    0.31831
    """

    name = "relu-nngp"
    symbol = "\\rho"
    limit_value = 1.0

    def __init__(self):
        View.__init__(self)

    def _log_scale(self, depth):
        return -(depth - 1) * math.log(2)

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


class Turn(NamedTuple):
    """What one layer does to an angle: 1 - cos theta' = omega (1 - h_kappa(cos theta)).

    Attributes:
        kappa: (1 - slope)^2/(1 + slope^2).
        lack: 2 - kappa, without cancellation.
        omega: the share of Sigma'(x, x) that does not come from a bias.
        rest: 1 - omega, without cancellation.
    """

    kappa: Array
    lack: Array
    omega: Array
    rest: Array


def _moved_gap(gap: Array, opposite: Array, turn: Turn) -> tuple[Array, Array]:
    """(1 - c, or 1 + c where the second is 1, that flag) one layer on, from the same; nothing cancels.

    From a gap g at -1, 1 - h = (2 - kappa) + (kappa - 1) g - kappa b and 1 + h = kappa + (1 - kappa) g + kappa b,
    b = (sin s - s cos s)/pi at the angle s of g.
    """
    turned = turn.kappa * relu_bracket(gap)
    far = turn.lack + (turn.kappa - 1) * gap - turned
    below = 2 * turn.rest + turn.omega * (turn.kappa + (1 - turn.kappa) * gap + turned)
    stays = (opposite > 0) & (below < 1)
    near = jnp.where(opposite > 0, far, gap - turned)
    return jnp.where(stays, below, turn.omega * near), jnp.where(stays, 1.0, 0.0)


class ReluArchitecture(LayeredArchitecture):
    """Layers that move an angle by `kappa` and `omega`."""

    @property
    def runs_by_angle(self):
        return True

    @abc.abstractmethod
    def turn(self, state: Any) -> tuple[Any, Turn]:
        """The state one layer on, and what the layer does to an angle."""

    def added(self, position: Array, opposite: Array, moved: Array, end: Array, angle: bool) -> Array:
        """The defect of what the layer adds to the tangent kernel, from the end of `moved`: that of the new pair."""
        return 2 * jnp.sin(moved / 2) ** 2 if angle else moved

    def layer(self, state, position, opposite, angle):
        following, turn = self.turn(state)
        if angle:
            moved, end = relu_angle_layer(position, turn.kappa, turn.omega, turn.lack), jnp.zeros_like(position)
            beyond, near, half_turns = position > jnp.pi / 2, supplement(position) / jnp.pi, position / jnp.pi
        else:
            moved, end = _moved_gap(position, opposite, turn)
            beyond, near = opposite > 0, relu_turn(position)
            half_turns = jnp.where(beyond, 1 - near, near)
        # kappa theta/pi, or 2 less that where it is above 1
        folded = beyond & (turn.kappa > 1)
        lost = jnp.where(folded, turn.lack + turn.kappa * near, turn.kappa * half_turns)
        added = self.added(position, opposite, moved, end, angle)
        return following, turn.omega, Moved(moved, end, lost, jnp.where(folded, 1.0, 0.0), added)

    def growth(self, prepared, state, position, opposite, settled):
        _, turn = self.turn(state._replace(log_variance=jnp.zeros(())))
        theta = 2 * jnp.arcsin(jnp.minimum(position / 2, 1.0))
        sinc = jnp.sinc(theta / (2 * jnp.pi))
        # (sin theta - theta cos theta)/pi over 1 - cos theta
        turned = 2 * theta * bracket(theta) / (jnp.pi * sinc * sinc)
        below = turn.rest < 0.5
        omega = jnp.where(below, jnp.log1p(-jnp.where(below, turn.rest, 0.0)), jnp.log(turn.omega))
        moved = (omega + jnp.log1p(-turn.kappa * turned)) / 2
        variance, settling = self.log_growth(state)
        lost = turn.kappa * theta / jnp.pi
        return Growth(variance, settling, omega, moved, lost, self.deep_added(position, moved, turned))

    def log_growth(self, state: Any) -> tuple[Array, Array]:
        """Logs of the factors of Sigma(x, x) and of the other number of the state."""
        return jnp.zeros(()), jnp.zeros(())

    def deep_added(self, chord: Array, moved: Array, turned: Array) -> Array:
        """`added`, from the chord and the log of its factor."""
        return (chord * jnp.exp(moved)) ** 2 / 2


class LeakyRelu(ReluArchitecture):
    """phi(u) = max(u, 0) + slope min(u, 0) without biases, at the critical weight variance 2/(1 + slope^2).

    The first layer, before which there is no phi, has the weight variance 1: Sigma_L(x, x) = |x|^2/n0 at every L.

    Args:
        slope: of phi below 0, in [-1, 1); 0 is the ReLU, -1 the absolute value.

    >>> LeakyRelu(0.1).nngp
    LeakyReluNNGP(slope=0.1)
    """

    slope: Array

    def __init__(self, slope=0.01):
        self.slope = number(slope, "slope", least=-1.0, below=1.0)

    @property
    def ntk(self) -> "LeakyReluNTK":
        return LeakyReluNTK.of(self)

    @property
    def nngp(self) -> "LeakyReluNNGP":
        return LeakyReluNNGP.of(self)

    @property
    def homogeneous(self):
        return True

    @property
    def parity(self):
        return EVEN if self.slope == -1 else NEITHER

    def first(self):
        return First(Steady(jnp.zeros(())), jnp.ones(()), jnp.zeros(()))

    def turn(self, state):
        size = 1 + self.slope**2
        kappa, lack = (1 - self.slope) ** 2 / size, (1 + self.slope) ** 2 / size
        return state, Turn(kappa, lack, jnp.ones_like(kappa), jnp.zeros_like(kappa))

    def settled(self):
        return Steady(jnp.zeros(())), jnp.ones(())

    def critical_limit(self):
        return 0.25

    def log_scale(self, depth, is_tangent):
        return math.log(depth) if is_tangent else 0.0  # Sigma(x, x) stays 1 at the critical weight variance


class _LeakyView(LayeredFamily):
    """What the two kernels share: real depth.

    A negative slope has it, but none between 1 and 2: its map sends two angles to one.
    """

    network = LeakyRelu
    architecture: LeakyRelu

    def why_no_real_depth(self):
        slope = self.architecture.slope
        if is_traced(slope):
            return "real depth needs a slope that is known: build the family outside of jit, grad and vmap"
        if float(slope) > STEEPEST_SLOPE:
            return f"real depth needs a slope of at most {STEEPEST_SLOPE:g}"
        return ""

    def _prepared(self, depth):
        slope = float(self.architecture.slope)
        if slope < 0 and not is_traced(depth):
            between = np.asarray(depth)[(np.asarray(depth) > 1) & (np.asarray(depth) < 2)]
            if between.size:
                raise InputError(
                    f"expected depth 1 or a depth of at least 2 for {self.name} of slope {slope:g}, got "
                    f"{float(between.flat[0])!r}; for a negative slope the first layer sends two angles to one, so "
                    f"that no depth lies between 1 and 2: use a slope of at least 0 or a depth of at least 2"
                )
        return leaky_flow.constants(slope)


class LeakyReluNTK(_LeakyView):
    """Normalised tangent kernel of the bias-free leaky ReLU network; slope = -1 is the absolute value.

        K_{L+1} = (L/(L+1)) (1 - kappa theta_L/pi) K_L + cos theta_{L+1}/(L+1),   kappa = (1 - slope)^2/(1 + slope^2)

    It tends to 1/4 off the diagonal for every slope but 1, as the ReLU's does, kappa times as slowly in depth.

    Args:
        slope: of phi below 0, in [-1, 1); 0 is the ReLU.

    >>> import roughntk as rn
    >>> rn.kernels.LeakyReluNTK(0.1).limit_value
    0.25
    """

    name = "leaky-relu-ntk"
    symbol = "K"
    is_tangent = True

    def __init__(self, slope=0.01):
        View.__init__(self, slope)

    @staticmethod
    def _real_at_angle(constants, theta, depth):  # type: ignore[override]
        return leaky_flow.ntk_kernel(constants, _folded(constants, theta, depth), depth)


class LeakyReluNNGP(_LeakyView):
    """Normalised covariance of the bias-free leaky ReLU network: the correlation rho_L itself, which tends to 1.

    Args:
        slope: of phi below 0, in [-1, 1); 0 is the ReLU.

    >>> import roughntk as rn
    >>> round(float(rn.kernels.LeakyReluNNGP(-1.0).at_correlation(0.0, 2)), 6)  # 2/pi: the absolute value
    0.63662
    """

    name = "leaky-relu-nngp"
    symbol = "\\rho"

    def __init__(self, slope=0.01):
        View.__init__(self, slope)

    @staticmethod
    def _real_at_angle(constants, theta, depth):  # type: ignore[override]
        return leaky_flow.nngp_kernel(constants, _folded(constants, theta, depth), depth)

    def _deflated(self, theta, depth):
        if depth == math.inf or not self.has_real_depth or (depth == int(depth) and depth <= RECURSION_DEPTH):
            return super()._deflated(theta, depth)
        constants = self._prepared(np.asarray(depth))
        defect = leaky_flow.compiled_defect(constants, jnp.asarray(theta), jnp.asarray(depth))
        return Deflated.below_one(np.asarray(defect))


def _folded(constants: Any, theta: Array, depth: Array) -> Array:
    """The angle; of the absolute value, which is even, that of x and -z where it is the smaller one."""
    return jnp.where((constants.lack == 0) & (depth >= 2) & (theta > jnp.pi / 2), supplement(theta), theta)
