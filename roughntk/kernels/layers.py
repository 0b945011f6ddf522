"""Families that go layer by layer, carried by their defects: nothing is lost where the kernel tends to one value.

A pair of inputs of equal norm is described by the defect e = 1 - c of its correlation (or by its angle), and by the
defect delta = 1 - K of its normalised tangent kernel. With

    z_L = Sigma_L(x, x)/Theta_L(x, x),    omega_L = sigma_w^2 E[phi'^2] Sigma_L(x, x)/Sigma_{L+1}(x, x),
    a_L = omega_L/(omega_L + z_L),        D_L = 1 - E[phi'(u) phi'(u')]/E[phi'^2],

the recursion Theta_{L+1} = Theta_L sigma_w^2 E[phi'(u) phi'(u')] + Sigma_{L+1} of Jacot2018 becomes

    delta_{L+1} = a_L (D_L + (1 - D_L) delta_L) + (1 - a_L) e_{L+1},    z_{L+1} = z_L/(omega_L + z_L),

sums of positive terms: 1 - K keeps its relative accuracy down to the smallest float, and neither Sigma nor Theta can
overflow. What a member adds is one layer of the scalars and one of the pair.
"""

import abc
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.tree_util import Partial
from jaxtyping import Array

from roughntk._checks import InputError
from roughntk.kernels.families import CRITICAL, RECURSION_DEPTH, KernelFamily
from roughntk.kernels.rules import Deflated

_LINEAR = 1e-34  # below this defect a layer is linear to rounding, also where it moves the root of the defect
_TINY = 1e-100  # a position at which a layer shows its linear part


class Scalars(NamedTuple):
    """What all pairs share at one depth.

    Attributes:
        log_variance: log Sigma_L(x, x).
        ratio: z_L = Sigma_L(x, x)/Theta_L(x, x).
        memory: one number of the member's own, which settles where its layers do.
    """

    log_variance: Array
    ratio: Array
    memory: Array


class Pair(NamedTuple):
    """One pair of inputs at one depth: its defect 1 - c or, in a run by angles, theta; and delta = 1 - K of the NTK."""

    position: Array
    defect: Array


class Linear(NamedTuple):
    """A layer near c = 1 and at settled scalars: y -> y_y y, delta -> delta_y y + delta_delta delta."""

    y_y: float
    delta_y: float
    delta_delta: float


class LayeredFamily(KernelFamily):
    """A family with one layer of scalars and one of pairs, whose kernel is 1 on the diagonal at every depth."""

    @abc.abstractmethod
    def _first(self) -> tuple[Scalars, Array]:
        """The scalars at depth 1, and the share of rho in the first correlation: 1 - c_1 = share (1 - rho)."""

    @abc.abstractmethod
    def _layer(self, scalars: Scalars, pair: Pair, angle: bool) -> tuple[Scalars, Pair]:
        """One layer; `angle` says what `pair.position` is."""

    @abc.abstractmethod
    def _settled_memory(self) -> tuple[Array, Array]:
        """Where `memory` tends to as L grows, and omega there."""

    @property
    def _is_ntk(self) -> bool:
        """Whether the kernel is the tangent kernel, or else the covariance."""
        return self.name.endswith("ntk")

    @property
    def _runs_by_angle(self) -> bool:
        """Whether layers know how to move an angle: where a defect alone would lose digits near pi."""
        return False

    # The recursion

    def _begin(self, position: Array, angle: bool) -> tuple[Scalars, Pair]:
        scalars, share = self._first()
        scalars = Scalars(*(jnp.asarray(part, position.dtype) for part in scalars))
        share = jnp.asarray(share, position.dtype)
        if not angle:
            return scalars, Pair(share * position, share * position)
        half = jnp.sin(position / 2)
        # without biases the share is 1 and theta itself stays: the arcsine would lose digits near pi
        whole = share == 1
        moved = 2 * jnp.arcsin(jnp.sqrt(jnp.where(whole, 0.25, share)) * half)
        return scalars, Pair(jnp.where(whole, position, moved), 2 * share * half**2)

    def _defect(self, pair: Pair, angle: bool) -> Array:
        """1 minus the kernel."""
        if self._is_ntk:
            return pair.defect
        return 2 * jnp.sin(pair.position / 2) ** 2 if angle else pair.position

    def _defect_at_angle(self, theta: Array, depth: Array) -> Array:
        angle = self._runs_by_angle
        return _run(self, theta if angle else 2 * jnp.sin(theta / 2) ** 2, depth, angle)

    def _at_angle(self, theta, depth):
        return 1 - self._defect_at_angle(theta, depth)

    def _at_correlation(self, rho, depth):
        return 1 - _run(self, 1 - rho, depth, False)

    def _trajectory(self, theta, layers):
        angle = self._runs_by_angle
        start = self._begin(theta if angle else 2 * jnp.sin(theta / 2) ** 2, angle)

        def step(state, _):
            return self._layer(state[0], state[1], angle), 1 - self._defect(state[1], angle)

        return lax.scan(step, start, length=layers)[1]

    def _correlation_map(self, c):
        return 1 - self._defect_map(1 - c)

    def _defect_map(self, defect: Array) -> Array:
        """1 - h(c) from 1 - c for the layer that layers tend to, without cancellation at c = 1."""
        return self._settled_map()(defect)

    def _settled_map(self):
        return Partial(_settled_layer, self, _compiled_settled(self))

    def _retained(self, theta, layers):
        return self._path(theta, layers)[1]

    def _path(self, theta, layers):
        if not self._is_ntk:
            return self._trajectory(theta, layers), None
        angle = self._runs_by_angle

        def step(state, _):
            scalars, pair = state

            def following(defect):
                new = self._layer(scalars, Pair(pair.position, defect), angle)
                return new[1].defect, new

            _, kept, new = jax.jvp(following, (pair.defect,), (jnp.ones_like(pair.defect),), has_aux=True)
            return new, (1 - self._defect(pair, angle), kept)

        start = self._begin(theta if angle else 2 * jnp.sin(theta / 2) ** 2, angle)
        return lax.scan(step, start, length=layers)[1]

    def _log_scale(self, depth: float) -> float:
        scalars, _ = _scalars_at(self, jnp.asarray(int(depth)))
        return float(scalars.log_variance - (jnp.log(scalars.ratio) if self._is_ntk else 0.0))

    # Near c = 1

    def _settled(self) -> Scalars:
        memory, omega = self._settled_memory()
        ratio = jnp.maximum(1 - jnp.asarray(omega, float), 0.0)
        return Scalars(jnp.zeros(()), ratio, jnp.asarray(memory, float))

    def linear_layer(self) -> Linear:
        """The linear part of a layer at c = 1, once the scalars have settled, in theta or in 1 - c."""
        settled, angle = _compiled_settled(self), self._runs_by_angle
        tiny, zero = jnp.asarray(_TINY), jnp.zeros(())
        moved = self._layer(settled, Pair(tiny, zero), angle)[1]
        kept = self._layer(settled, Pair(zero, tiny), angle)[1]
        return Linear(float(moved.position) / _TINY, float(moved.defect) / _TINY, float(kept.defect) / _TINY)

    @property
    def multiplier(self) -> float:
        """chi = dc_{L+1}/dc_L at c = 1 as L grows: < 1 ordered, 1 critical, > 1 chaotic (Schoenholz2017)."""
        slope = self.linear_layer().y_y
        return slope**2 if self._runs_by_angle else slope

    @property
    def _variance_vanishes(self) -> bool:
        """Whether Sigma(x, x) tends to 0, so that layers become linear and each pair keeps its own correlation."""
        return False

    @property
    def collapses(self) -> bool:
        if self._variance_vanishes:
            return False
        return self.multiplier < 1 - CRITICAL or (not self._is_ntk and self.multiplier < 1 + CRITICAL)

    @property
    def drivers_vanish(self) -> bool:
        return not (self.collapses and self.multiplier < 1 - CRITICAL)

    @property
    def limit_value(self) -> float:
        """What the kernel between two distinct points tends to as the depth grows."""
        self._check_variance()
        if self.collapses:
            return 1.0
        if self._is_ntk:
            return self._critical_limit() if self.multiplier < 1 + CRITICAL else 0.0
        return self._chaotic_limit()

    def _check_variance(self) -> None:
        if self._variance_vanishes:
            raise InputError(
                f"expected a variance that tends to a positive number for the limit of {self.name}, got one that tends "
                f"to 0; the limit then depends on the pair: choose a bias_variance > 0 or a finite depth"
            )

    def _critical_limit(self) -> float:
        """The limit of K off the diagonal where chi = 1."""
        raise InputError(f"expected a family whose limit is known, got {self.name}; use a finite depth")

    def _chaotic_limit(self) -> float:
        """c* < 1 of the covariance where chi > 1: the attracting fixed point of the settled correlation map."""
        moved, start = self._settled_map(), jnp.asarray(1.0)

        def going(state):
            return (state[0] < 100_000) & (jnp.abs(state[1] - state[2]) > 2 * jnp.finfo(float).eps * state[2])

        def body(state):
            return state[0] + 1, moved(state[1]), state[1]

        return float(1 - lax.while_loop(going, body, (0, moved(start), start))[1])

    def _deflated(self, theta: np.ndarray, depth: float) -> Deflated:
        if not self.collapses:
            return super()._deflated(theta, depth)
        if self.has_real_depth and depth != math.inf and (depth > RECURSION_DEPTH or depth != int(depth)):
            return super()._deflated(theta, depth)
        linear, angle = self.linear_layer(), self._runs_by_angle
        critical = self.multiplier > 1 - CRITICAL
        if critical and depth == math.inf:
            return Deflated.all_equal(theta)
        position = jnp.asarray(theta if angle else 2 * np.sin(theta / 2) ** 2)
        stop = jnp.asarray(np.iinfo(np.int64).max if depth == math.inf else int(depth))
        reached, pair = _run_to_linear(self, position, stop, angle)
        y, delta = np.asarray(pair.position), np.asarray(pair.defect)
        if depth == math.inf:
            profile = y if self._is_ntk or not angle else y**2
            return Deflated.below_one(profile, -math.inf)
        left = int(depth) - int(reached)
        if not left:
            return Deflated.below_one(np.asarray(self._defect(pair, angle)))
        log_y = left * math.log(linear.y_y)
        if not self._is_ntk:
            return Deflated.below_one(2 * (y / 2) ** 2, 2 * log_y) if angle else Deflated.below_one(y, log_y)
        # delta after `left` layers over y_y^left: delta_y y (1 - q^left)/(1 - q)/y_y + q^left delta, q = dd/y_y
        quotient = linear.delta_delta / linear.y_y
        power = math.exp(left * math.log(quotient)) if quotient > 0 else 0.0
        near = abs(quotient - 1) < 1e-12
        total = float(left) if near else math.expm1(left * math.log(quotient)) / (quotient - 1)
        return Deflated.below_one(linear.delta_y / linear.y_y * total * y + power * delta, log_y)


def _changed(old: tuple, new: tuple) -> Array:
    """Whether a layer changed anything but the variance."""
    pairs = [(old[0].ratio, new[0].ratio), (old[0].memory, new[0].memory), *zip(old[1], new[1], strict=True)]
    return jnp.any(jnp.stack([jnp.any(a != b) for a, b in pairs]))


@eqx.filter_custom_jvp
def _run(family: LayeredFamily, position: Array, depth: Array, angle: bool) -> Array:
    """1 minus the kernel at an integer depth, which may be traced; ends early where nothing changes any more."""

    def body(state):
        layer, old, _ = state
        new = family._layer(old[0], old[1], angle)
        return layer + 1, new, _changed(old, new)

    def going(state):
        return (state[0] < depth) & state[2]

    start = (jnp.ones((), jnp.asarray(depth).dtype), family._begin(position, angle), jnp.asarray(True))
    return family._defect(lax.while_loop(going, body, start)[1][1], angle)


@_run.def_jvp
def _run_jvp(primals, tangents):
    """The slope in the position and in each parameter of the family, carried through the same loop.

    Each is a derivative along one unit direction: multiplied by its tangent at the end, so that reverse mode works.
    """
    family, position, depth, angle = primals
    by_family, by_position = tangents[0], tangents[1]
    numbers, rest = eqx.partition(family, eqx.is_inexact_array)
    leaves, structure = jax.tree_util.tree_flatten(numbers)
    tree: Any = structure
    moves = tree.flatten_up_to(by_family) if by_family is not None else [None] * len(leaves)
    moved = [i for i, move in enumerate(moves) if move is not None]
    zeros = [jnp.zeros_like(leaf) for leaf in leaves]
    directions = [(zeros, jnp.ones_like(position))] if by_position is not None else []
    for i in moved:
        directions.append(([jnp.ones_like(z) if j == i else z for j, z in enumerate(zeros)], jnp.zeros_like(position)))

    def build(values):
        return eqx.combine(tree.unflatten(values), rest)

    def start(values, position):
        return build(values)._begin(position, angle)

    def layer(values, state):
        return build(values)._layer(state[0], state[1], angle)

    def body(carry):
        count, state, slopes, _ = carry
        following = layer(leaves, state)
        moved_slopes = [
            jax.jvp(layer, (leaves, state), (direction[0], slope))[1]
            for direction, slope in zip(directions, slopes, strict=True)
        ]
        changed = _changed(state, following)
        for old, new in zip(slopes, moved_slopes, strict=True):
            changed = changed | _changed(old, new)
        return count + 1, following, moved_slopes, changed

    first = start(leaves, position)
    slopes = [jax.jvp(start, (leaves, position), direction)[1] for direction in directions]
    carry = (jnp.ones((), jnp.asarray(depth).dtype), first, slopes, jnp.asarray(True))
    _, state, slopes, _ = lax.while_loop(lambda c: (c[0] < depth) & c[3], body, carry)

    def read(pair):
        return family._defect(pair, angle)

    value = read(state[1])
    tangent = jnp.zeros_like(value)
    weights = ([by_position] if by_position is not None else []) + [moves[i] for i in moved]
    for slope, weight in zip(slopes, weights, strict=True):
        tangent = tangent + jax.jvp(read, (state[1],), (slope[1],))[1] * weight
    return value, tangent


@eqx.filter_jit
def _run_to_linear(family: LayeredFamily, position: Array, depth: Array, angle: bool) -> tuple[Array, Pair]:
    """(depth, pair) at the first depth where layers are linear and the scalars have settled, or at `depth`."""

    def going(carry):
        layer, (_, pair), settled = carry
        defect = pair.position**2 / 2 if angle else pair.position
        return (layer < depth) & ((jnp.max(defect, initial=0.0) > _LINEAR) | ~settled)

    def body(carry):
        layer, old, _ = carry
        new = family._layer(old[0], old[1], angle)
        same = [
            jnp.abs(a - b) <= 4 * jnp.finfo(float).eps * jnp.abs(b) for a, b in zip(old[0][1:], new[0][1:], strict=True)
        ]
        return layer + 1, new, same[0] & same[1]

    start = (jnp.ones((), depth.dtype), family._begin(position, angle), jnp.asarray(False))
    reached, (_, pair), _ = lax.while_loop(going, body, start)
    return reached, pair


@eqx.filter_jit
def _compiled_settled(family: LayeredFamily) -> Scalars:
    return family._settled()


def _settled_layer(family: LayeredFamily, settled: Scalars, defect: Array) -> Array:
    return family._layer(settled, Pair(defect, defect), False)[1].position


@eqx.filter_jit
def _scalars_at(family: LayeredFamily, depth: Array) -> tuple[Scalars, Pair]:
    """The scalars at an integer depth."""
    angle = family._runs_by_angle
    start = family._begin(jnp.zeros(()), angle)
    return lax.fori_loop(1, depth, lambda _, state: family._layer(state[0], state[1], angle), start)
