"""Families of residual ReLU networks: x + branch, in discrete blocks, and their limit, an equation in depth time.

A network of depth L has L - 1 blocks. With branches of variance a and g = a sigma_w^2/2 one block does

    Sigma' = Sigma + a sigma_w^2 E[relu relu],
    Theta' = Theta (1 + a sigma_w^2 E[relu' relu']) + a sigma_w^2 E[relu relu],

so the angle moves as in a leaky ReLU layer with kappa = g/(1 + g). Stable scaling (``references.bib``: Hayou2021) is
a = t/(L - 1): however deep, the network ends at the depth time t, and as L grows its kernels solve, in
tau = sigma_w^2 t/2 and with theta = arccos c, h = c + (sin theta - theta cos theta)/pi, delta = 1 - K,

    dc/dtau = (sin theta - theta cos theta)/pi,
    d delta/dtau = (theta/pi)(1 - delta) + ((1 - h) - delta)/(1 + tau),

from c = rho, delta = 1 - rho. The solver carries w = sin(theta/2) in place of c, which keeps the digits of 1 - c.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.tree_util import Partial
from jaxtyping import Float

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.parameters import number, scale
from roughntk.kernels.architecture import First, Steady
from roughntk.kernels.base import View
from roughntk.kernels.engine import evaluation
from roughntk.kernels.engine.layer_loops import Linear
from roughntk.kernels.layered import LayeredFamily
from roughntk.kernels.relu import ReluArchitecture, Turn
from roughntk.maps.duals import supplement
from roughntk.maps.leaky_layer import relu_angle_layer, relu_bracket

STABLE = "stable"
_TOLERANCE = 1e-13
"""Relative tolerance of the depth-time solver, for each component of each pair."""

_FAR = 2.0
"""Angle from which derivatives in the angle are taken in closed form."""


class Halves(NamedTuple):
    """One pair in depth time: w = sin(theta/2), so that 1 - c = 2 w^2, and delta = 1 - K of the NTK."""

    w: Array
    delta: Array


@jax.custom_jvp
def _turn(w: Array) -> Array:
    """theta/pi from w = sin(theta/2); its derivative, infinite at w = 1, is replaced by 0 there."""
    return 2 / jnp.pi * jnp.arctan2(w, jnp.sqrt((1 - w) * (1 + w)))


@_turn.defjvp
def _turn_jvp(primals, tangents):
    (w,) = primals
    inside = w < 1
    return _turn(w), jnp.where(
        inside, 2 / jnp.pi * tangents[0] / jnp.sqrt(jnp.where(inside, (1 - w) * (1 + w), 1.0)), 0.0
    )


def residual_field(tau: Array, state: Halves, args=None) -> Halves:
    """(tau, (w, delta)) -> (dw/dtau, d delta/dtau), elementwise; all its derivatives are finite on [0, 1]."""
    del args
    w, delta = state
    defect = 2 * w**2
    bracket, turn = relu_bracket(defect), _turn(w)
    moving = w > 0
    speed = jnp.where(moving, -bracket / (4 * jnp.where(moving, w, 1.0)), 0.0)
    return Halves(speed, turn * (1 - delta) + (defect - bracket - delta) / (1 + tau))


def _largest(tree) -> Array:
    """Largest entry: a rounding bound for every pair, however many there are."""
    return jnp.max(jnp.stack([jnp.max(jnp.abs(leaf), initial=0.0) for leaf in jax.tree_util.tree_leaves(tree)]))


def _integrate(field, start, stop: Array):
    """The solution at tau = stop, in the clock log(1 + tau), in which it settles at a rate of order one."""
    import diffrax  # heavy, and needed by none of the other families

    def slowed(clock, state, args):
        tau = jnp.expm1(clock)
        return jax.tree_util.tree_map(lambda part: (1 + tau) * part, field(tau, state, args))

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(slowed), diffrax.Dopri8(), 0.0, jnp.log1p(stop), None, start, max_steps=100_000,
        stepsize_controller=diffrax.PIDController(rtol=_TOLERANCE, atol=1e-60, norm=_largest),
    )  # fmt: skip
    return jax.tree_util.tree_map(lambda leaf: leaf[0], solution.ys)


@jax.custom_jvp
def _at_tau(theta: Array, tau: Array) -> Halves:
    """The pair with first angle theta at tau = sigma_w^2 t/2, one number for all pairs."""
    w = jnp.sin(theta / 2)
    return _integrate(residual_field, Halves(w, 2 * w**2), tau)


@_at_tau.defjvp
def _at_tau_jvp(primals, tangents):
    """The derivative in tau is the field at the end; that in the first angle is integrated beside the pair.

    From theta = 2 on, where the integrand of that derivative grows to an infinite one at pi, it is in closed form, from
    Theta/q = P(theta) (cos theta_1/P(theta_1) + int (P + pi cos) sin/P^2), P = sin - theta cos, which cancels near 0.
    """
    theta, tau = primals
    w, far = jnp.sin(theta / 2), theta > _FAR

    def field(at, both, args=None):
        return jax.jvp(lambda state: residual_field(at, state), (both[0],), (both[1],))

    start = (Halves(w, 2 * w**2), Halves(jnp.where(far, 0.0, 1.0), jnp.where(far, 0.0, 4 * w)))
    value, near = _integrate(field, start, tau)
    slope = Halves(*(part * jnp.cos(theta / 2) / 2 for part in near))
    first = jnp.where(far, theta, _FAR)
    reached, ratio = jnp.where(far, jnp.pi * _turn(value.w), _FAR), (1 + tau) * (1 - value.delta)
    before, after = _bracket(first), _bracket(reached)
    sine = jnp.sin(first) / before
    by_ratio = sine * (reached * ratio - after - jnp.pi * jnp.cos(reached))
    by_ratio = by_ratio + after * sine * jnp.cos(first) * supplement(first) / before
    beyond = Halves(after * sine / (4 * jnp.sin(reached / 2)), -by_ratio / (1 + tau))
    speed = residual_field(tau, value)
    moved = (jnp.where(far, b, a) * tangents[0] + c * tangents[1] for a, b, c in zip(slope, beyond, speed, strict=True))
    return value, Halves(*moved)


def _bracket(theta: Array) -> Array:
    return jnp.sin(theta) - theta * jnp.cos(theta)


class ResidualRelu(ReluArchitecture):
    """Residual blocks x + branch, a branch being one ReLU layer of variance a sigma_w^2, without biases.

    Args:
        weight_variance: sigma_w^2 > 0 of the branches; only sigma_w^2 time, or sigma_w^2 scaling, matters.
        scaling: "stable", branch variance time/(L - 1) in a network of depth L; or that variance itself, a number > 0.
        time: depth time t >= 0 at which a stable network ends.

    >>> ResidualRelu(scaling=0.5).ntk
    ResidualReluNTK(weight_variance=2.0, scaling=0.5)
    """

    weight_variance: Array
    branch: Array  # variance of a branch, or depth time of a stable network
    scaling: str = eqx.field(static=True)

    def __init__(self, weight_variance=2.0, scaling="stable", time=1.0):
        self.weight_variance = scale(weight_variance, "weight_variance")
        if isinstance(scaling, str):
            _checks.choice(scaling, (STABLE,), "scaling (or a branch variance above 0)")
            self.scaling, self.branch = STABLE, scale(time, "time", or_zero=True)
        else:
            if not _checks.is_traced(time) and np.any(np.asarray(time) != 1.0):
                raise InputError(
                    f"expected no time beside the fixed branch variance {scaling}, got {time}; a network of L - 1 "
                    f"blocks ends at the depth time {scaling} (L - 1)"
                )
            self.scaling, self.branch = "fixed", scale(scaling, "scaling")

    @property
    def ntk(self) -> "ResidualReluNTK":
        return ResidualReluNTK.of(self)

    @property
    def nngp(self) -> "ResidualReluNNGP":
        return ResidualReluNNGP.of(self)

    @property
    def homogeneous(self):
        return True

    @property
    def is_stable(self) -> bool:
        """Whether the branch variance is time/(L - 1), or else the same at every depth."""
        return self.scaling == STABLE

    @property
    def settings(self):
        variance, branch = (
            value if _checks.is_traced(value) else float(value) for value in (self.weight_variance, self.branch)
        )
        how = {"scaling": STABLE, "time": branch} if self.is_stable else {"scaling": branch}
        return {"weight_variance": variance} | how

    @property
    def differs_by_depth(self) -> bool:
        """Whether a network of another depth has other layers: with stable scaling it has."""
        return self.is_stable

    def with_blocks(self, blocks: Array) -> "ResidualRelu":
        """The network with the branch variance that each of so many blocks has."""
        if not self.is_stable:
            return self
        variance = self.branch / jnp.maximum(jnp.asarray(blocks, self.branch.dtype), 1)
        return eqx.tree_at(lambda network: network.branch, self, variance)

    # One block

    def first(self):
        return First(Steady(jnp.zeros(())), jnp.ones(()), jnp.zeros(()))

    def added_weight(self):
        """kappa: a block adds g Sigma E[relu relu], of Sigma' = (1 + g) Sigma."""
        gain = self.branch * self.weight_variance / 2
        return gain / (1 + gain)

    def turn(self, state):
        gain = self.branch * self.weight_variance / 2
        kappa = gain / (1 + gain)
        following = Steady(state.log_variance + jnp.log1p(gain))
        return following, Turn(kappa, (2 + gain) / (1 + gain), jnp.ones_like(kappa), jnp.zeros_like(kappa))

    def added(self, position, opposite, moved, end, angle):
        """The defect of E[relu relu]."""
        if angle:
            return 2 * jnp.sin(relu_angle_layer(position, jnp.ones(()), jnp.ones(())) / 2) ** 2
        turned, far = relu_bracket(position), opposite > 0
        from_one = jnp.where(far, 1 - turned, position - turned)
        return jnp.where(end > 0, jnp.where(far, 1 + turned, 2 - from_one), from_one)

    def log_growth(self, state):
        return jnp.log1p(self.branch * self.weight_variance / 2), jnp.zeros(())

    def deep_added(self, chord, moved, turned):
        return chord**2 / 2 * (1 - turned)

    def settled(self):
        return Steady(jnp.zeros(())), jnp.ones(())

    def settled_map(self):
        if self.is_stable:  # the more blocks there are, the less each one does
            return Partial(jnp.asarray)
        return super().settled_map()

    def critical_limit(self):
        return 0.25


class ResidualView(LayeredFamily):
    """What the two kernels share: branches that depend on the depth, and infinitely many of them."""

    network = ResidualRelu
    architecture: ResidualRelu

    def _with_blocks(self, blocks: Any) -> "ResidualView":
        """The family with the branch variance that each of so many blocks has."""
        return type(self).of(self.architecture.with_blocks(blocks))

    def defect_at_angle(self, theta, depth):
        return LayeredFamily.defect_at_angle(self._with_blocks(depth - 1), theta, depth)

    def _at_angle(self, theta, depth):
        return LayeredFamily._at_angle(self._with_blocks(depth - 1), theta, depth)

    def _at_correlation(self, rho, depth):
        return LayeredFamily._at_correlation(self._with_blocks(depth - 1), rho, depth)

    def _deep(self, values, depth, by_angle):
        return LayeredFamily._deep(self._with_blocks(depth - 1), values, depth, by_angle)

    def _trajectory(self, theta, layers):
        if not self.architecture.is_stable:
            return super()._trajectory(theta, layers)
        return lax.map(lambda depth: self._at_angle(theta, depth), jnp.arange(1, layers + 1))

    def _log_scale(self, depth):
        return LayeredFamily._log_scale(self._with_blocks(jnp.asarray(depth - 1)), depth)

    def linear_layer(self) -> Linear:
        """The linear part of a block at c = 1; with stable scaling, of the only block of a network of depth 2."""
        return super().linear_layer()

    @property
    def collapses(self) -> bool:
        return not self.architecture.is_stable and super().collapses

    # Infinite depth

    def at_time(self, theta: Float[Array, "..."], time) -> Float[Array, "..."]:
        """Kernel of the stable network of infinite depth at the angle theta_1 and the depth time t, elementwise.

        Args:
            theta: angles in [0, pi] (radians), any shape.
            time: t >= 0, one finite real number; it may be traced.

        Raises:
            InputError: bad angles or time.
        """
        theta = evaluation.in_range(theta, "theta", 0.0, np.pi)
        _checks.require_x64("a residual network of infinite depth")
        time = number(time, "time", least=0.0)
        return evaluation.guarded(lambda angles, _: _compiled_at_time(self, angles, time), theta, 1)

    def _at_time(self, theta: Array, time: Array) -> Array:
        flat = _at_tau(theta.reshape(-1), self.architecture.weight_variance * time / 2)
        defect = flat.delta if self.is_tangent else 2 * flat.w**2
        return 1 - defect.reshape(theta.shape)

    @property
    def limit_value(self) -> float:
        """1/4 or 1 with a fixed branch scale; the stable network has a limit for each angle, at `depth=math.inf`."""
        if self.architecture.is_stable:
            raise InputError(
                f"expected a family with one limit for all pairs, got {self.name} with stable scaling, whose limit "
                f"depends on the angle; evaluate it at depth=math.inf"
            )
        return 0.25 if self.is_tangent else 1.0

    def _limit(self, theta):
        if self.architecture.is_stable:
            _checks.require_x64("a residual network of infinite depth")
            return _compiled_at_time(self, theta, self.architecture.branch)
        return jnp.where(theta > 0, self.limit_value, 1.0)


@eqx.filter_jit
def _compiled_at_time(family: ResidualView, theta: Array, time: Array) -> Array:
    return family._at_time(theta, time)


class ResidualReluNTK(ResidualView):
    """Normalised tangent kernel of a residual ReLU network, Theta/Theta(x, x); arguments as for `ResidualRelu`.

    Stable scaling has a limit that depends on rho at infinite depth, an ordinary differential equation in depth time;
    with a fixed branch variance a the kernel tends to 1/4 off the diagonal, as without the skip connections.

    >>> import roughntk as rn
    >>> family = rn.kernels.ResidualReluNTK()
    >>> round(float(family.at_correlation(0.0, 2)), 6)  # one block of variance 1: 1/(3 pi)
    0.106103
    """

    name = "residual-relu-ntk"
    symbol = "K"
    is_tangent = True

    def __init__(self, weight_variance=2.0, scaling="stable", time=1.0):
        View.__init__(self, weight_variance, scaling, time)


class ResidualReluNNGP(ResidualView):
    """Normalised covariance of a residual ReLU network; arguments as for `ResidualRelu`.

    >>> import roughntk as rn
    >>> family = rn.kernels.ResidualReluNNGP()
    >>> round(float(family.at_correlation(0.0, 2)), 6)  # one block of variance 1: 1/(2 pi)
    0.159155
    """

    name = "residual-relu-nngp"
    symbol = "\\rho"

    def __init__(self, weight_variance=2.0, scaling="stable", time=1.0):
        View.__init__(self, weight_variance, scaling, time)
