"""The two kernels of an architecture whose layers are followed one by one, at every depth.

Both are carried by their defects (`roughntk.kernels.engine.layer_loops`): nothing is lost where the kernel tends to one
value. Both are 1 on the diagonal at every depth. What an architecture says of its layers is in
`roughntk.kernels.architecture`; all that depth does to the kernels follows from it here.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from roughntk._checks import InputError
from roughntk._checks.parameters import known
from roughntk.kernels.architecture import EVEN, ODD, LayeredArchitecture, compiled_settled, is_free_of_biases
from roughntk.kernels.base import View
from roughntk.kernels.engine import deep
from roughntk.kernels.engine import layer_loops as loops
from roughntk.kernels.engine.deflated import Deflated
from roughntk.kernels.engine.layer_loops import AtDepth, Linear, Pair
from roughntk.maps.duals import supplement
from roughntk.maps.fixed_points import CRITICAL

_SLOW = 1e-3  # a multiplier so near to 1 takes more layers to settle than are counted
DEEPEST = 1e30  # where all has settled that does so at a rate that float64 can hold


class LayeredFamily(View):
    """A kernel of a :class:`LayeredArchitecture`."""

    architecture: LayeredArchitecture

    @property
    def counted_layers(self) -> float:
        return self.architecture.counted_layers if self.architecture.has_growth else math.inf

    # The recursion

    def _at_angle(self, theta, depth):
        architecture, angle = self.architecture, self.architecture.runs_by_angle
        pair = loops.run(architecture, *from_angle(architecture, theta), depth, angle)
        return loops.kernel_of(pair, self.is_tangent, angle)

    def _at_correlation(self, rho, depth):
        pair = loops.run(self.architecture, *from_correlation(rho), depth, False)
        return loops.kernel_of(pair, self.is_tangent, False)

    def defect_at_angle(self, theta: Array, depth: Array) -> Array:
        """1 - K at an integer depth, of full relative accuracy near 0; arguments already checked."""
        architecture, angle = self.architecture, self.architecture.runs_by_angle
        pair = loops.run(architecture, *from_angle(architecture, theta), depth, angle)
        return _from_one(pair, self.is_tangent, angle)

    def _deep(self, values, depth, by_angle):
        if not self.architecture.has_growth:
            raise InputError(
                f"expected a depth of at most {loops.MOST_LAYERS:,} for {self.name}, whose layers are counted, got "
                f"{depth:g}; choose a smaller depth"
            )
        position, opposite = from_angle(self.architecture, values) if by_angle else from_correlation(values)
        angle = by_angle and self.architecture.runs_by_angle
        return jnp.asarray(deep.kernel(self, np.asarray(position), np.asarray(opposite), depth, angle))

    def _trajectory(self, theta, layers):
        architecture, angle = self.architecture, self.architecture.runs_by_angle

        def step(at, _):
            return loops.step(architecture, at, angle), loops.kernel_of(at.pair, self.is_tangent, angle)

        return lax.scan(step, loops.begin(architecture, *from_angle(architecture, theta), angle), length=layers)[1]

    def path(self, theta, layers):
        if not self.is_tangent:
            return self._trajectory(theta, layers), None
        architecture, angle = self.architecture, self.architecture.runs_by_angle

        def step(at, _):
            def following(defect):
                new = loops.step(architecture, at._replace(pair=at.pair._replace(defect=defect)), angle)
                return new.pair.defect, new

            _, kept, new = jax.jvp(following, (at.pair.defect,), (jnp.ones_like(at.pair.defect),), has_aux=True)
            return new, (loops.kernel_of(at.pair, True, angle), jnp.abs(kept))

        return lax.scan(step, loops.begin(architecture, *from_angle(architecture, theta), angle), length=layers)[1]

    def _correlation_map(self, c):
        return 1 - self.settled_map()(1 - c)

    def settled_map(self):
        return self.architecture.settled_map()

    def _log_scale(self, depth: float) -> float:
        start, architecture = np.zeros(1), self.architecture
        known_scale = architecture.log_scale(depth, self.is_tangent)
        if known_scale is not None:
            return known_scale
        if depth > self.counted_layers:
            reached = deep.reach(self, start, start, depth, architecture.runs_by_angle, deep.DEPTH)
            return reached.log_variance - (reached.log_z if self.is_tangent else 0.0)
        at = loops.all_layers(architecture, jnp.asarray(start), jnp.asarray(start), jnp.asarray(int(depth)))
        return float(at.state.log_variance - (jnp.log(at.z) if self.is_tangent else 0.0))

    # Near c = 1

    def linear_layer(self) -> Linear:
        """The linear part of a layer at c = 1, once the state has settled, in theta or in 1 - c."""
        state, omega = compiled_settled(self.architecture)
        z = jnp.maximum(1 - omega, 0.0)
        angle = self.architecture.runs_by_angle
        size = float(jnp.finfo(jnp.result_type(float)).tiny) ** (1 / 3)  # at which a layer shows its linear part
        tiny, zero = jnp.asarray(size), jnp.zeros(())
        moved, kept = (
            loops.step(self.architecture, AtDepth(state, z, Pair(*pair, zero)), angle).pair
            for pair in ((tiny, zero), (zero, tiny))
        )
        return Linear(*(float(part) / float(tiny) for part in (moved.position, moved.defect, kept.defect)))

    @property
    def multiplier(self) -> float:
        """chi = dc_{L+1}/dc_L at c = 1 as L grows: < 1 ordered, 1 critical, > 1 chaotic (Schoenholz2017)."""
        slope = self.linear_layer().y_y
        return slope**2 if self.architecture.runs_by_angle else slope

    @property
    def _phase(self) -> int:
        """-1, 0 or 1 for a multiplier below 1, at 1 or above it."""
        if self.architecture.is_ordered:
            return -1
        gap = self.multiplier - 1
        return 0 if abs(gap) <= self.architecture.critical_within else int(math.copysign(1, gap))

    @property
    def collapses(self) -> bool:
        if self.architecture.variance_vanishes:
            return False
        return self._phase < 0 or (not self.is_tangent and self._phase == 0)

    @property
    def drivers_vanish(self) -> bool:
        ordered = self.architecture.is_ordered
        return not ordered if ordered is not None else not (self.collapses and self.multiplier < 1 - CRITICAL)

    # Infinite depth

    @property
    def limit_value(self) -> float:
        """What the kernel between two distinct points, not antipodal ones, tends to as the depth grows."""
        if self.architecture.variance_vanishes:
            raise InputError(
                f"expected a variance that tends to a positive number for the limit of {self.name}, got one that tends "
                f"to 0; the limit then depends on the pair: choose a bias_variance > 0 or a finite depth"
            )
        if self.collapses:
            return 1.0
        if self.is_tangent:
            return self.architecture.critical_limit() if self._phase == 0 else 0.0
        return self._chaotic_limit()

    def _limit(self, theta):
        """One number at theta = 0, one at theta = pi and one between, from parameters that must be known."""
        at_pi = jnp.asarray(np.pi, jnp.result_type(float))

        def three() -> tuple[float, float, float]:
            between, architecture = self.limit_value, self.architecture
            if not (architecture.parity and is_free_of_biases(architecture)):
                return 1.0, between, between
            return 1.0, between, {EVEN: 1.0, ODD: -1.0}[architecture.parity]

        same, between, opposite = known(three, f"parameters of {self.name} at infinite depth")
        limit = jnp.where(theta == 0, same, jnp.where(theta == at_pi.astype(theta.dtype), opposite, between))
        # in the dtype of theta, whose NaN stays
        return jnp.where(jnp.isnan(theta), theta, limit.astype(theta.dtype))

    def _chaotic_limit(self) -> float:
        """c* < 1 of the covariance where chi > 1: the attracting fixed point of the settled correlation map."""
        if self.multiplier < 1 + _SLOW and self.architecture.has_growth:  # layers cannot be counted to it
            return float(self._deep(jnp.asarray(1.0), DEEPEST, True))
        moved, start = self.settled_map(), jnp.asarray(1.0)

        def going(state):
            return (state[0] < 100_000) & (jnp.abs(state[1] - state[2]) > 2 * jnp.finfo(float).eps * state[2])

        def body(state):
            return state[0] + 1, moved(state[1]), state[1]

        return float(1 - lax.while_loop(going, body, (0, moved(start), start))[1])

    def _deflated(self, theta: np.ndarray, depth: float) -> Deflated:
        if not self.collapses:
            return super()._deflated(theta, depth)
        linear, angle = self.linear_layer(), self.architecture.runs_by_angle
        if depth == math.inf and self._phase == 0:
            free = is_free_of_biases(self.architecture) and self.architecture.parity == EVEN
            return Deflated.all_equal(np.where((theta == np.pi) & free, 0.0, theta))
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
        position, opposite = from_angle(self.architecture, jnp.asarray(theta).reshape(-1))
        most = jnp.asarray(int(min(depth, self.counted_layers, loops.MOST_LAYERS)))
        layer, at, linear = loops.run_to_linear(self.architecture, position, opposite, most, angle)
        reached, pair = float(layer), at.pair
        if reached < depth and not linear:
            start = np.asarray(position), np.asarray(opposite)
            deeper = deep.reach(self, start[0], start[1], min(depth, DEEPEST), angle, deep.LINEAR)
            reached, pair = deeper.depth, deeper.pair
        pair = jax.tree.map(lambda part: np.asarray(part).reshape(np.shape(theta)), pair)
        return reached, pair, np.asarray(_from_one(pair, self.is_tangent, angle))


def from_angle(architecture: LayeredArchitecture, theta: Array) -> tuple[Array, Array]:
    """Where a run starts, and whether it counts from the opposite end."""
    if architecture.runs_by_angle:
        return theta, jnp.zeros_like(theta)
    far = theta > jnp.pi / 2
    gap = jnp.where(far, supplement(theta), theta)
    return 2 * jnp.sin(gap / 2) ** 2, jnp.where(far, 1.0, 0.0)


def from_correlation(rho: Array) -> tuple[Array, Array]:
    """The same from a correlation."""
    far = rho < 0
    return jnp.where(far, 1 + rho, 1 - rho), jnp.where(far, 1.0, 0.0)


def _from_one(pair: Pair, is_tangent: bool, angle: bool) -> Array:
    """1 - K."""
    defect = loops.defect_of(pair, is_tangent, angle)
    return jnp.where(pair.opposite > 0, 2 - defect, defect)


__all__ = ["DEEPEST", "LayeredFamily", "from_angle", "from_correlation"]
