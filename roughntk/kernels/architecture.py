"""Architectures: what one layer of an infinitely wide network does, which its two kernels share.

An architecture has two views, `ntk` and `nngp`: the tangent kernel Theta, and the covariance Sigma at initialisation,
both normalised. What both need of a layer is defined here once. A pair of inputs of equal norm is described by its
correlation c, through the distance from the nearer end, 1 - c or 1 + c, or through its angle; with

    omega = sigma_w^2 E[phi'^2] Sigma(x, x)/Sigma'(x, x),        D = 1 - E[phi'(u) phi'(u')]/E[phi'^2],

and Sigma' the covariance one layer on. `roughntk.kernels.engine.layer_loops` makes both kernels of that.
"""

import abc
import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.tree_util import Partial

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.parameters import scale
from roughntk.kernels.engine.growth import Growth

LEAST_VARIANCE = 1e-150
"""Where variances fall for ever (no biases, small weights) they are held here, where layers are linear to rounding."""

EVEN, NEITHER, ODD = 1, 0, -1
_MOST_STEPS = 1_000_000  # until a variance has settled


class Architecture(eqx.Module):
    """A kind of network, with its parameters, and its two kernels."""

    @property
    @abc.abstractmethod
    def ntk(self) -> Any:
        """Its normalised tangent kernel, a family."""

    @property
    @abc.abstractmethod
    def nngp(self) -> Any:
        """Its normalised covariance at initialisation, a family."""

    @property
    def settings(self) -> dict[str, Any]:
        """The parameters that it was built with, by name: numbers, and words for what is no number."""
        return parameters_of(self)

    @property
    def differs_by_depth(self) -> bool:
        """Whether a network of another depth has other layers, not only more of them."""
        return False

    @property
    def homogeneous(self) -> bool:
        """Whether the kernels off the sphere are |x| |z| times those of the directions."""
        return False

    @classmethod
    def critical(cls, *arguments: Any, **named: Any) -> Self:
        """The network at whose parameters chi = 1."""
        raise InputError(
            f"expected an architecture with parameters at which chi = 1, got {cls.__name__}, which has no such choice"
        )

    def __repr__(self) -> str:
        return described(self, self)


def parameters_of(module: eqx.Module) -> dict[str, Any]:
    """The fields of a family or an architecture by name: floats, or what is traced."""
    values = {field.name: getattr(module, field.name) for field in dataclasses.fields(module)}
    return {name: value if _checks.is_traced(value) else float(value) for name, value in values.items()}


def described(named: Any, architecture: Architecture) -> str:
    """What builds it: Erf(weight_variance=1.5, ...)."""
    given = ", ".join(f"{name}={value}" for name, value in architecture.settings.items())
    return f"{type(named).__name__}({given})"


class Steady(NamedTuple):
    """The state of layers that are all alike.

    Attributes:
        log_variance: log Sigma_L(x, x).
    """

    log_variance: Array


class Variance(NamedTuple):
    """The state of layers that depend on the variance of their inputs.

    Attributes:
        log_variance: log Sigma_L(x, x).
        variance: q = Sigma_L(x, x), not less than `LEAST_VARIANCE`.
    """

    log_variance: Array
    variance: Array


class First(NamedTuple):
    """Depth 1: the state, and c_1 = share rho + rest, the shares of the inputs and of a bias, of sum 1."""

    state: Any
    share: Array
    rest: Array


class Moved(NamedTuple):
    """What one layer does to a pair.

    Attributes:
        position: 1 - c' (1 + c' where `opposite`), or the angle theta' in a run by angles.
        opposite: 1 where c' is near -1 and `position` and `added` say so, and 0 elsewhere.
        lost: D, or 2 - D where `lost_opposite`, whichever is known without cancellation.
        lost_opposite: 1 or 0.
        added: the defect of what the layer adds to the tangent kernel, from the same end as `position`.
    """

    position: Array
    opposite: Array
    lost: Array
    lost_opposite: Array
    added: Array


class LayeredArchitecture(Architecture):
    """Layers that are followed one by one.

    A state is a NamedTuple of log Sigma(x, x) and at most one more number, which is positive and settles as layers do.
    """

    counted_layers: ClassVar[float] = 20_000
    """Whole depths, known before tracing, up to which layers are counted; `growth` takes deeper ones."""

    # What an architecture must say

    @abc.abstractmethod
    def first(self) -> First:
        """The network at depth 1."""

    @abc.abstractmethod
    def layer(self, state: Any, position: Array, opposite: Array, angle: bool) -> tuple[Any, Array, Moved]:
        """(the state one layer on, omega, what becomes of a pair); `angle` says what `position` is."""

    @abc.abstractmethod
    def settled(self) -> tuple[Any, Array]:
        """The state that layers tend to, with any log variance, and omega there."""

    # What it may say

    @property
    def parity(self) -> int:
        """1 for an even activation, -1 for an odd one, 0 for others; parameters must be known."""
        return NEITHER

    @property
    def runs_by_angle(self) -> bool:
        """Whether layers know how to move an angle: where a defect alone would lose digits near pi."""
        return False

    def added_weight(self) -> Array | float:
        """What a layer adds to Theta(x, x), as a multiple of the new Sigma(x, x)."""
        return 1.0

    @property
    def variance_vanishes(self) -> bool:
        """Whether Sigma(x, x) tends to 0, so that layers become linear and each pair keeps its own correlation."""
        return False

    @property
    def is_ordered(self) -> bool | None:
        """Whether chi < 1, where that is known beyond rounding; None where the multiplier tells."""
        return None

    @property
    def critical_within(self) -> float:
        """What a multiplier of 1 may be off by: roundings of the parameters."""
        return 64 * float(jnp.finfo(jnp.result_type(float)).eps)

    def critical_limit(self) -> float:
        """The limit of the tangent kernel off the diagonal where chi = 1."""
        raise InputError(f"expected a network whose limit is known, got {self}; use a finite depth")

    def settled_map(self) -> Callable[[Array], Array]:
        """1 - c -> 1 - h(c) of the layer that layers tend to, a pytree; nothing cancels at c = 1."""
        return Partial(_settled_layer, self, compiled_settled(self)[0])

    def log_scale(self, depth: float, is_tangent: bool) -> float | None:
        """log Theta_L(x, x) or log Sigma_L(x, x) in closed form; None where layers are counted for it."""
        return None

    # What it may say of depths that layers cannot be counted to

    def growth(self, prepared: Any, state: Any, position: Array, opposite: Array, settled: Array) -> Growth:
        """What one layer does, free of cancellation where it does little; `settled` where the state has arrived."""
        raise NotImplementedError

    @property
    def has_growth(self) -> bool:
        """Whether depths beyond `counted_layers` have a way of their own."""
        return type(self).growth is not LayeredArchitecture.growth

    def prepare_growth(self, state: Any) -> Any:
        """What all layers beyond one share."""
        return None

    @property
    def coordinate_is_chord(self) -> bool:
        """Whether `growth` takes pairs by the chord 2 sin(theta/2), and else by the gap 1 - |c|."""
        return self.runs_by_angle


class Duals(NamedTuple):
    """The duals of an activation phi at a variance and a gap 1 - |c|, none by a difference that cancels.

    Attributes:
        position: 1 - E[phi(u) phi(u')]/E[phi^2], or 1 + that where `opposite`.
        opposite: 0 or 1.
        lost: 1 - E[phi'(u) phi'(u')]/E[phi'^2], or 1 + that where `lost_opposite`.
        lost_opposite: 0 or 1.
    """

    position: Array
    opposite: Array
    lost: Array
    lost_opposite: Array


class ActivationArchitecture(LayeredArchitecture):
    """Fully connected layers of an activation: Sigma_{L+1} = sigma_w^2 E[phi(u) phi(u')] + sigma_b^2.

    Args:
        weight_variance: sigma_w^2 > 0.
        bias_variance: sigma_b^2 >= 0.
        input_variance: v = |x|^2/n0 of the inputs, > 0.
    """

    weight_variance: Array
    bias_variance: Array
    input_variance: Array

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        self.weight_variance = scale(weight_variance, "weight_variance")
        self.bias_variance = scale(bias_variance, "bias_variance", or_zero=True)
        self.input_variance = scale(input_variance, "input_variance")

    def first(self):
        signal = self.weight_variance * self.input_variance
        variance = signal + self.bias_variance
        return First(Variance(jnp.log(variance), variance), signal / variance, self.bias_variance / variance)

    def moments(self, variance: Array) -> tuple[Array, Array]:
        """(E[phi^2], E[phi'^2]) at a variance: what an activation of closed form must define."""
        raise NotImplementedError

    def duals(self, variance: Array, gap: Array, opposite: Array) -> Duals:
        """The duals of phi at c = 1 - gap, or gap - 1 where `opposite`: the other function that it must define."""
        raise NotImplementedError

    def gain(self, variance: Array) -> Array:
        """chi = sigma_w^2 E[phi'^2]."""
        return self.weight_variance * self.moments(variance)[1]

    def next_variance(self, variance: Array) -> Array:
        """sigma_w^2 E[phi^2] + sigma_b^2."""
        return self.weight_variance * self.moments(variance)[0] + self.bias_variance

    def layer(self, state, position, opposite, angle):
        assert not angle
        variance, following = state.variance, self.next_variance(state.variance)
        share = self.weight_variance * self.moments(variance)[0] / following
        duals = self.duals(variance, position, opposite)
        moved, end = affine_image(duals.position, duals.opposite, share, self.bias_variance / following)
        omega = self.gain(variance) * variance / following
        held = jnp.maximum(following, LEAST_VARIANCE)
        new = Variance(state.log_variance + jnp.log(following / variance), held)
        return new, omega, Moved(moved, end, duals.lost, duals.lost_opposite, moved)

    def settled(self):
        """By iteration from the first layer, until a variance repeats to rounding."""

        def going(carry):
            count, q, following = carry
            return (count < _MOST_STEPS) & (jnp.abs(following - q) > 2 * jnp.finfo(q.dtype).eps * q)

        def body(carry):
            count, _, q = carry
            return count + 1, q, jnp.maximum(self.next_variance(q), LEAST_VARIANCE)

        first = self.first().state.variance
        variance = lax.while_loop(going, body, (0, first, self.next_variance(first)))[2]
        omega = self.gain(variance) * variance / self.next_variance(variance)
        return Variance(jnp.zeros(()), variance), omega

    @property
    def variance_vanishes(self):
        first = float(self.first().state.variance)
        return not float(self.settled()[0].variance) > 1e-3 * min(first, 1.0)

    def critical_limit(self):
        return 1 / 3


@eqx.filter_jit
def compiled_settled(architecture: LayeredArchitecture) -> tuple[Any, Array]:
    """`settled`, as arrays."""
    return jax.tree.map(lambda part: jnp.asarray(part, float), architecture.settled())


def _settled_layer(architecture: LayeredArchitecture, state: Any, defect: Array) -> Array:
    far = defect > 1
    gap = jnp.where(far, 2 - defect, defect)
    moved = architecture.layer(state, gap, jnp.where(far, 1.0, 0.0), False)[2]
    return jnp.where(moved.opposite > 0, 2 - moved.position, moved.position)


def affine_image(gap: Array, opposite: Array, share: Array, rest: Array) -> tuple[Array, Array]:
    """(position, opposite) of c' = share c + rest, share + rest = 1, for 1 - c or 1 + c at most 1; nothing cancels."""
    far = opposite > 0
    below = share * gap + 2 * rest
    stays = far & (below < 1)
    return jnp.where(stays, below, share * jnp.where(far, 2 - gap, gap)), jnp.where(stays, 1.0, 0.0)


def is_free_of_biases(architecture: LayeredArchitecture) -> bool:
    """Whether c_1 is rho itself, so that x and -x are opposite there; parameters must be known."""
    return bool(architecture.first().rest == 0)


__all__ = [
    "EVEN", "LEAST_VARIANCE", "NEITHER", "ODD", "ActivationArchitecture", "Architecture", "Duals", "First",
    "LayeredArchitecture", "Moved", "Steady", "Variance", "affine_image", "compiled_settled", "described",
    "is_free_of_biases",
]  # fmt: skip
