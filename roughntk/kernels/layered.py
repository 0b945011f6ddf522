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
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.tree_util import Partial
from jaxtyping import Array

from roughntk._checks import InputError, is_traced
from roughntk._checks.parameters import known
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.deflated import Deflated
from roughntk.kernels.engine import deep
from roughntk.kernels.engine import layer_loops as loops
from roughntk.kernels.engine.deep import Growth
from roughntk.kernels.engine.layer_loops import Linear, Pair, Scalars
from roughntk.maps.duals import supplement
from roughntk.maps.fixed_points import CRITICAL

_SLOW = 1e-3  # a multiplier so near to 1 takes more layers to settle than are counted
DEEPEST = 1e30  # where all has settled that does so at a rate that float64 can hold


class LayeredFamily(KernelFamily):
    """A family with one layer of scalars and one of pairs, whose kernel is 1 on the diagonal at every depth."""

    counted_layers: ClassVar[float] = 20_000

    @abc.abstractmethod
    def _first(self) -> tuple[Scalars, Array, Array]:
        """The scalars at depth 1, and the shares of rho and of a bias in c_1 = share rho + rest, share + rest = 1."""

    @abc.abstractmethod
    def _layer(self, scalars: Scalars, pair: Pair, angle: bool) -> tuple[Scalars, Pair]:
        """One layer; `angle` says what `pair.position` is."""

    @abc.abstractmethod
    def _settled_memory(self) -> tuple[Array, Array]:
        """Where `memory` tends to as L grows, and omega there."""

    @property
    def _runs_by_angle(self) -> bool:
        """Whether layers know how to move an angle: where a defect alone would lose digits near pi."""
        return False

    # The recursion

    def _begin(self, position: Array, opposite: Array, angle: bool) -> tuple[Scalars, Pair]:
        scalars, share, rest = self._first()
        scalars = Scalars(*(jnp.asarray(part, position.dtype) for part in scalars))
        share, rest = (jnp.asarray(part, position.dtype) for part in (share, rest))
        if not angle:
            moved, opposite = loops.landed(position, opposite, share, rest)
            return scalars, Pair(moved, moved, opposite)
        half = jnp.sin(position / 2)
        # without biases the share is 1 and theta itself stays: the arcsine would lose digits near pi
        whole = share == 1
        moved = 2 * jnp.arcsin(jnp.sqrt(jnp.where(whole, 0.25, share)) * half)
        return scalars, Pair(jnp.where(whole, position, moved), 2 * share * half**2, jnp.zeros_like(position))

    def _from_angle(self, theta: Array) -> tuple[Array, Array]:
        """Where a run starts, and whether it counts from the opposite end."""
        if self._runs_by_angle:
            return theta, jnp.zeros_like(theta)
        far = theta > jnp.pi / 2
        gap = jnp.where(far, supplement(theta), theta)
        return 2 * jnp.sin(gap / 2) ** 2, jnp.where(far, 1.0, 0.0)

    def _defect_at_angle(self, theta: Array, depth: Array) -> Array:
        """1 - K, of full relative accuracy near 0."""
        pair = loops.run(self, *self._from_angle(theta), depth, self._runs_by_angle)
        defect = loops.defect_of(self, pair, self._runs_by_angle)
        return jnp.where(pair.opposite > 0, 2 - defect, defect)

    def _at_angle(self, theta, depth):
        angle = self._runs_by_angle
        return loops.kernel_of(self, loops.run(self, *self._from_angle(theta), depth, angle), angle)

    @staticmethod
    def _from_correlation(rho: Array) -> tuple[Array, Array]:
        far = rho < 0
        return jnp.where(far, 1 + rho, 1 - rho), jnp.where(far, 1.0, 0.0)

    def _at_correlation(self, rho, depth):
        return loops.kernel_of(self, loops.run(self, *self._from_correlation(rho), depth, False), False)

    def _beyond(self, values, depth, by_angle):
        position, opposite = self._from_angle(values) if by_angle else self._from_correlation(values)
        angle = by_angle and self._runs_by_angle
        return jnp.asarray(deep.kernel(self, np.asarray(position), np.asarray(opposite), depth, angle))

    def _trajectory(self, theta, layers):
        angle = self._runs_by_angle

        def step(state, _):
            return self._layer(state[0], state[1], angle), loops.kernel_of(self, state[1], angle)

        return lax.scan(step, self._begin(*self._from_angle(theta), angle), length=layers)[1]

    def _correlation_map(self, c):
        return 1 - self._defect_map(1 - c)

    def _defect_map(self, defect: Array) -> Array:
        """1 - h(c) from 1 - c for the layer that layers tend to, without cancellation at c = 1."""
        return self._settled_map()(defect)

    def _settled_map(self):
        return Partial(_settled_layer, self, compiled_settled(self))

    def _retained(self, theta, layers):
        return self._path(theta, layers)[1]

    def _path(self, theta, layers):
        if not self.is_tangent:
            return self._trajectory(theta, layers), None
        angle = self._runs_by_angle

        def step(state, _):
            scalars, pair = state

            def following(defect):
                new = self._layer(scalars, pair._replace(defect=defect), angle)
                return new[1].defect, new

            _, kept, new = jax.jvp(following, (pair.defect,), (jnp.ones_like(pair.defect),), has_aux=True)
            return new, (loops.kernel_of(self, pair, angle), jnp.abs(kept))

        return lax.scan(step, self._begin(*self._from_angle(theta), angle), length=layers)[1]

    def _log_scale(self, depth: float) -> float:
        start = np.zeros(1)
        if depth > self.counted_layers:
            found = deep.reach(self, start, start, depth, self._runs_by_angle, deep.DEPTH)
            return found.log_variance - (found.log_ratio if self.is_tangent else 0.0)
        scalars, _ = loops.all_layers(self, jnp.asarray(start), jnp.asarray(start), jnp.asarray(int(depth)))
        return float(scalars.log_variance - (jnp.log(scalars.ratio) if self.is_tangent else 0.0))

    # Deep down

    def _growth(self, prepared: Any, scalars: Scalars, pair: Pair, settled: Array) -> Growth:
        """What one layer does, free of cancellation where it does little; `settled` where the memory has arrived."""
        raise NotImplementedError

    def _prepare_growth(self, scalars: Scalars, layer: float) -> Any:
        """What all layers beyond one share."""
        return None

    @property
    def _coordinate_is_chord(self) -> bool:
        """Whether `_growth` takes pairs by the chord 2 sin(theta/2), and else by the gap 1 - |c|."""
        return self._runs_by_angle

    def _coordinate(self, position: np.ndarray, angle: bool) -> np.ndarray:
        if not self._coordinate_is_chord:
            return position
        return 2 * np.sin(position / 2) if angle else np.sqrt(2 * position)

    def _place(self, coordinate: np.ndarray, angle: bool) -> np.ndarray:
        if not self._coordinate_is_chord:
            return coordinate
        return 2 * np.arcsin(np.minimum(coordinate / 2, 1.0)) if angle else coordinate**2 / 2

    # Near c = 1

    def _settled(self) -> Scalars:
        memory, omega = self._settled_memory()
        ratio = jnp.maximum(1 - jnp.asarray(omega, float), 0.0)
        return Scalars(jnp.zeros(()), ratio, jnp.asarray(memory, float))

    def linear_layer(self) -> Linear:
        """The linear part of a layer at c = 1, once the scalars have settled, in theta or in 1 - c."""
        settled, angle = compiled_settled(self), self._runs_by_angle
        size = float(jnp.finfo(jnp.result_type(float)).tiny) ** (1 / 3)  # at which a layer shows its linear part
        tiny, zero = jnp.asarray(size), jnp.zeros(())
        moved = self._layer(settled, Pair(tiny, zero), angle)[1]
        kept = self._layer(settled, Pair(zero, tiny), angle)[1]
        return Linear(*(float(part) / float(tiny) for part in (moved.position, moved.defect, kept.defect)))

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
    def _critical_within(self) -> float:
        """What a multiplier of 1 may be off by: roundings of the parameters."""
        return 64 * float(jnp.finfo(jnp.result_type(float)).eps)

    @property
    def _phase(self) -> int:
        """-1, 0 or 1 for a multiplier below 1, at 1 or above it."""
        gap = self.multiplier - 1
        return 0 if abs(gap) <= self._critical_within else int(math.copysign(1, gap))

    @property
    def collapses(self) -> bool:
        if self._variance_vanishes:
            return False
        return self._phase < 0 or (not self.is_tangent and self._phase == 0)

    @property
    def drivers_vanish(self) -> bool:
        return not (self.collapses and self.multiplier < 1 - CRITICAL)

    @property
    def limit_value(self) -> float:
        """What the kernel between two distinct points tends to as the depth grows."""
        self._check_variance()
        if self.collapses:
            return 1.0
        if self.is_tangent:
            return self._critical_limit() if self._phase == 0 else 0.0
        return self._chaotic_limit()

    def _checked_limit(self, theta: Array) -> Array:
        """One number at theta = 0, one at theta = pi and one between, from parameters that must be known."""
        what = f"parameters of {self.name} at infinite depth"
        if not is_traced(theta):
            return known(lambda: self._limit(theta), what)
        same, between, opposite = known(lambda: np.asarray(self._limit(jnp.asarray([0.0, 1.0, jnp.pi]))), what)
        # in the dtype of theta, whose NaN stays
        found = jnp.where(theta == 0, same, jnp.where(theta == jnp.asarray(jnp.pi, theta.dtype), opposite, between))
        return jnp.where(jnp.isnan(theta), theta, found.astype(theta.dtype))

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
        if self.multiplier < 1 + _SLOW:  # layers cannot be counted to it
            return float(self._beyond(jnp.asarray(1.0), DEEPEST, True))
        moved, start = self._settled_map(), jnp.asarray(1.0)

        def going(state):
            return (state[0] < 100_000) & (jnp.abs(state[1] - state[2]) > 2 * jnp.finfo(float).eps * state[2])

        def body(state):
            return state[0] + 1, moved(state[1]), state[1]

        return float(1 - lax.while_loop(going, body, (0, moved(start), start))[1])

    def _deflated(self, theta: np.ndarray, depth: float) -> Deflated:
        if not self.collapses:
            return super()._deflated(theta, depth)
        linear, angle = self.linear_layer(), self._runs_by_angle
        if depth == math.inf and self._phase == 0:
            return Deflated.all_equal(theta)
        reached, pair, defect = self._to_linear(theta, depth, angle)
        if depth == math.inf:
            y = np.asarray(pair.position)
            profile = y if self.is_tangent or not angle else y**2
            return Deflated.below_one(profile, -math.inf)
        left = depth - reached
        if not left:
            return Deflated.below_one(defect)
        y, delta = np.asarray(pair.position), np.asarray(pair.defect)
        log_y = left * math.log(linear.y_y)
        if not self.is_tangent:
            return Deflated.below_one(2 * (y / 2) ** 2, 2 * log_y) if angle else Deflated.below_one(y, log_y)
        # delta after `left` layers over y_y^left: delta_y y (1 - q^left)/(1 - q)/y_y + q^left delta, q = dd/y_y
        quotient = linear.delta_delta / linear.y_y
        power = math.exp(left * math.log(quotient)) if quotient > 0 else 0.0
        near = abs(quotient - 1) < 1e-12
        total = float(left) if near else math.expm1(left * math.log(quotient)) / (quotient - 1)
        return Deflated.below_one(linear.delta_y / linear.y_y * total * y + power * delta, log_y)

    def _to_linear(self, theta: np.ndarray, depth: float, angle: bool) -> tuple[float, Pair, np.ndarray]:
        """(depth, pair, 1 - K) where layers have become linear, or at the depth if that is first."""
        position, opposite = self._from_angle(jnp.asarray(theta).reshape(-1))
        stop = jnp.asarray(int(min(depth, self.counted_layers)))
        layer, (_, pair), linear = loops.run_to_linear(self, position, opposite, stop, angle)
        reached = float(layer)
        if reached < depth and not linear:
            start = np.asarray(position), np.asarray(opposite)
            found = deep.reach(self, start[0], start[1], min(depth, DEEPEST), angle, deep.LINEAR)
            reached, pair = found.depth, found.pair
        pair = jax.tree.map(lambda part: np.asarray(part).reshape(np.shape(theta)), pair)
        defect = np.asarray(loops.defect_of(self, pair, angle))
        return reached, pair, np.where(pair.opposite > 0, 2 - defect, defect)


@eqx.filter_jit
def compiled_settled(family: LayeredFamily) -> Scalars:
    return family._settled()


def _settled_layer(family: LayeredFamily, settled: Scalars, defect: Array) -> Array:
    far = defect > 1
    gap = jnp.where(far, 2 - defect, defect)
    moved = family._layer(settled, Pair(gap, gap, jnp.where(far, 1.0, 0.0)), False)[1]
    return jnp.where(moved.opposite > 0, 2 - moved.position, moved.position)


__all__ = ["LayeredFamily", "Linear", "Pair", "Scalars"]
