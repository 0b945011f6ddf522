"""Depths that layers cannot be counted to: the flow whose map for the time 1 is one layer.

Deep down a layer changes little: y_{L+1} = y_L + f(y_L) with a small f, for y the logarithms of what scalars and pairs
are carried by. With the differences along the orbit, D f(y) = f(y + f(y)) - f(y), one layer is the flow for time 1 of

    v = log(1 + D)/D f = f - D f/2 + D^2 f/3 - ...,

which is cut after six terms: each is smaller than the one before by the relative change of a layer, which is below
1/1000 after the layers that are counted first, or has become 0. The flow is integrated in log L, so that the cost grows
with the logarithm of the depth. What tends to a fixed point at the rate r is held once r L > 200, where it has arrived;
or where what is left of its way, |f|/r, is rounding. `_growth` of a family is f without cancellation.

Source: the difference series of the logarithm (Gregory); HairerNorsettWanner1993, for the method of order 8.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from scipy.integrate import solve_ivp

from roughntk._checks import InputError, require_x64
from roughntk._checks.precision import EPS
from roughntk.kernels.engine import layer_loops as loops
from roughntk.kernels.engine.layer_loops import Pair, Scalars

ROUNDED = 64 * EPS
"""A multiplier within this of 1 counts as 1: it is what a rounding of the parameters changes."""

DEPTH, LINEAR, ARRIVED = "depth", "linear", "arrived"
_TERMS = 6
_WEIGHTS = np.array([(-1) ** i * sum(math.comb(j, i) / (j + 1) for j in range(i, _TERMS)) for i in range(_TERMS)])
SEGMENT = 4.0  # depths are passed by this factor, before it is asked again what is to be held
_ARRIVED = 200.0  # r L from which a contraction at the rate r is over
_ROUNDING = 32 * EPS
_GONE = 1e-25  # a ratio Sigma/Theta below which it has no more effect
_ONE = 1e-20  # defects below which a kernel is 1 to rounding
_LINEAR = 1e-34  # defects below which layers are linear to rounding
_ACCURACY = {"rtol": 2.3e-14, "atol": 1e-14}  # about the least that float64 permits
_AT_ONCE = 4096  # pairs
_SMALLEST = 16


class Growth(NamedTuple):
    """What one layer does to scalars and pairs.

    Attributes:
        variance, memory, ratio: log of the factor of Sigma(x, x), of `Scalars.memory` and of `Scalars.ratio`.
        position: log of the factor of the coordinate of the pair, see `LayeredFamily._growth`.
        lost: 1 less the normalised derivative dual.
        share: what the layer adds to Theta(x, x), as a share of it afterwards.
        source: the defect of what it adds.
    """

    variance: Array
    memory: Array
    ratio: Array
    position: Array
    lost: Array
    share: Array
    source: Array


class Slow(NamedTuple):
    """What moves slowly: log Sigma(x, x), and logs of memory, ratio, coordinate and defect; or any number for each."""

    variance: Any
    memory: Any
    ratio: Any
    position: Any
    defect: Any


def _values(y: Slow, held: Slow, fixed: Slow) -> Slow:
    return Slow(y.variance, *(jnp.where(h, k, jnp.exp(p)) for p, h, k in zip(y[1:], held[1:], fixed[1:], strict=True)))


def _increment(family: Any, prepared: Any, opposite: Array, y: Slow, held: Slow, fixed: Slow) -> Slow:
    """f, with 0 for what is held."""
    at = _values(y, held, fixed)
    pair = Pair(at.position, at.defect, opposite)
    found = family._growth(prepared, Scalars(at.variance, at.ratio, at.memory), pair, held.memory)
    change = (1 - found.share) * found.lost * (1 - at.defect) + found.share * (found.source - at.defect)
    by_defect = jnp.log1p(change / jnp.where(at.defect > 0, at.defect, 1.0))
    logs = Slow(found.variance, found.memory, found.ratio, found.position, by_defect)
    return Slow(*(jnp.where(h, 0.0, part) for part, h in zip(logs, held, strict=True)))


@eqx.filter_jit
def _velocity(state: Any, family: Any, prepared: Any, opposite: Any, held: Slow, fixed: Slow) -> Array:
    """v, flat."""
    y = jax.flatten_util.ravel_pytree(fixed)[1](state)
    found = velocity_of(lambda at: _increment(family, prepared, opposite, at, held, fixed), y)
    return jax.flatten_util.ravel_pytree(found)[0]


def velocity_of(increment: Callable[[Any], Any], y: Any) -> Any:
    """v at y, from f."""

    def step(at, weight):
        change = increment(at)
        return jax.tree.map(jnp.add, at, change), jax.tree.map(lambda part: weight * part, change)

    return jax.tree.map(lambda part: jnp.sum(part, axis=0), lax.scan(step, y, jnp.asarray(_WEIGHTS))[1])


def integrated(velocity: Callable[[np.ndarray], np.ndarray], y: np.ndarray, begin: float, end: float, family: Any):
    """y at the depth `end` from that at `begin`, shape (k,), along the flow of `velocity`.

    Raises:
        InputError: it cannot be followed.
    """

    def speed(time: float, state: np.ndarray) -> np.ndarray:
        return velocity(state) * (begin * math.exp(time))

    found = solve_ivp(speed, (0.0, math.log(end / begin)), y, method="DOP853", **_ACCURACY)
    if not found.success or not np.all(np.isfinite(found.y[:, -1])):
        raise InputError(
            f"expected layers that change little from depth {begin:g} on, got {family.name} with {family.settings}, "
            f"which does not settle; choose a depth of at most {begin:g}"
        )
    return found.y[:, -1]


@eqx.filter_jit
def _rates(family: Any, prepared: Any, opposite: Any, y: Slow, held: Slow, fixed: Slow) -> tuple[Slow, Slow]:
    """f, and at what rate each of its parts contracts on its own."""

    def increment(at):
        return _increment(family, prepared, opposite, at, held, fixed)

    rates = []
    for name in Slow._fields:
        direction = jax.tree.map(jnp.zeros_like, y)._replace(**{name: jnp.ones_like(getattr(y, name))})
        rates.append(-getattr(jax.jvp(increment, (y,), (direction,))[1], name))
    return increment(y), Slow(*rates)


class Reached(NamedTuple):
    """Scalars and pairs at a depth: that which was asked for, or the first where nothing more was to be found out.

    Attributes:
        depth: L.
        log_variance, log_ratio: log Sigma_L(x, x) and log z_L.
        pair: what `position` is follows the run.
    """

    depth: float
    log_variance: float
    log_ratio: float
    pair: Pair


class _Flow:
    """A family on its way to a depth, for pairs that move together."""

    def __init__(self, family: Any, layer: float, scalars: Scalars, pair: Pair, angle: bool):
        self.family, self.angle, self.layer = family, angle, layer
        pair = Pair(*map(np.asarray, pair))
        far = family._coordinate_is_chord & (pair.opposite > 0)  # beyond recovery of digits, and without need of them
        position, defect = (np.where(far, 2 - part, part) for part in pair[:2])
        self.opposite = np.where(far, 0.0, pair.opposite)
        memory, ratio, variance = (np.asarray(getattr(scalars, name)) for name in ("memory", "ratio", "log_variance"))
        self.fixed = Slow(np.zeros(()), memory, ratio, np.asarray(family._coordinate(position, angle)), defect)
        self.held = Slow(np.zeros((), bool), *(np.asarray(part <= 0) for part in self.fixed[1:]))
        if not family.is_tangent:
            self.held = self.held._replace(defect=np.ones(defect.shape, bool))
        self.y = Slow(variance, *(np.log(np.where(part > 0, part, 1.0)) for part in self.fixed[1:]))
        self.prepared = family._prepare_growth(scalars, layer)

    def values(self) -> Slow:
        """What the logarithms are of."""
        raw = zip(self.y[1:], self.held[1:], self.fixed[1:], strict=True)
        return Slow(self.y.variance, *(np.where(h, k, np.exp(np.where(h, 0.0, p))) for p, h, k in raw))

    def pair(self) -> Pair:
        """The pairs as a run carries them."""
        at = self.values()
        return Pair(np.asarray(self.family._place(at.position, self.angle)), at.defect, self.opposite)

    def to(self, depth: float, until: str) -> Reached:
        """To the depth, or to where `until` says."""
        while self.layer < depth:
            found = _rates(self.family, self.prepared, self.opposite, self.y, self.held, self.fixed)
            change, rates = (Slow(*map(np.asarray, part)) for part in found)
            self._hold(change, rates)
            if self._is_over(change, until):
                break
            end = min(depth, self.layer * SEGMENT)
            self._integrate(end)
            self._turn()
            self.layer = end
        log_ratio = self.y.ratio if not self.held.ratio else np.log(np.maximum(self.fixed.ratio, 1e-300))
        return Reached(self.layer, float(self.y.variance), float(log_ratio), self.pair())

    def _hold(self, change: Slow, rates: Slow) -> None:
        """Hold what has arrived where it tends to; a part only once those have that move it."""

        def arrived(name: str) -> np.ndarray:
            moved, rate = np.asarray(getattr(change, name)), np.asarray(getattr(rates, name))
            at_rest = (rate * self.layer > _ARRIVED) | (np.abs(moved) <= _ROUNDING * rate)
            return np.asarray(getattr(self.held, name)) | ((rate > 0) & at_rest)

        still = np.asarray((change.memory == 0) & (rates.memory == 0))
        memory = arrived("memory") | still
        ratio = np.asarray(self.held.ratio) | (arrived("ratio") & memory)
        position = np.asarray(self.held.position) | (arrived("position") & memory)
        quiet = ratio | (self.values().ratio < _GONE)
        defect = np.asarray(self.held.defect) | (arrived("defect") & memory & quiet & position)
        now = Slow(self.held.variance, memory, ratio, position, defect)
        raw = zip(self.fixed, self.held, now, self.y, strict=True)
        self.fixed = Slow(*(np.where(new & ~old, np.exp(np.where(new, at, 0.0)), k) for k, old, new, at in raw))
        self.held = now

    def _is_over(self, change: Slow, until: str) -> bool:
        at, pair = self.values(), self.pair()
        if until == DEPTH:
            return False
        if until == LINEAR:
            near = loops.largest_defect(pair, self.angle) <= _LINEAR
            return bool(near) and bool(self.held.memory) and bool(self.held.ratio)
        if np.all(self.held.position) and np.all(self.held.defect):
            return True
        falling = np.all((change.position <= 0) & (change.defect <= 0)) and np.all(self.opposite == 0)
        settled = bool(self.held.memory) and (bool(self.held.ratio) or not self.family.is_tangent)
        gone = at.defect if self.family.is_tangent else at.position
        return bool(falling and settled and np.all(at.position < _ONE) and np.all(gone < _ONE))

    def _integrate(self, end: float) -> None:
        flat, unflatten = jax.flatten_util.ravel_pytree(self.y)

        def velocity(state: np.ndarray) -> np.ndarray:
            return np.asarray(
                _velocity(state, self.family, self.prepared, self.opposite, self.held, self.fixed), dtype=np.float64
            )

        moved = integrated(velocity, np.asarray(flat), self.layer, end, self.family)
        self.y = Slow(*map(np.asarray, unflatten(jnp.asarray(moved))))

    def _turn(self) -> None:
        """Count from the nearer end."""
        at = self.values()
        crossed = (self.opposite > 0) & (at.position > 1)
        if np.any(crossed):
            logs = [np.log(np.where(crossed, 2 - part, 1.0)) for part in (at.position, at.defect)]
            position, defect = (np.where(crossed, new, old) for new, old in zip(logs, self.y[3:], strict=True))
            self.y = self.y._replace(position=position, defect=defect)
            self.opposite = np.where(crossed, 0.0, self.opposite)


def reach(family: Any, position: np.ndarray, opposite: np.ndarray, depth: float, angle: bool, until: str) -> Reached:
    """Scalars and flat pairs at a depth, known and finite and beyond `family.counted_layers`.

    Args:
        family: a LayeredFamily with known parameters.
        position, opposite: where a run of the family starts, shape (n,).
        depth: a whole number.
        angle: what `position` is.
        until: go to the `DEPTH` at any rate, or end before it where layers are `LINEAR` to rounding, or where the
            kernel has `ARRIVED`, to rounding.
    """
    require_x64(f"{family.name} at depth {depth:g}")
    size = max(_SMALLEST, 1 << max(len(position) - 1, 0).bit_length())
    first, side = (jnp.asarray(np.pad(part, (0, size - len(part)), mode="edge")) for part in (position, opposite))
    layer, (scalars, pair) = loops.counted(family, first, side, jnp.asarray(family.counted_layers), angle)
    found = _Flow(family, float(layer), scalars, pair, angle).to(depth, until)
    return found._replace(pair=Pair(*(part[: len(position)] for part in found.pair)))


def kernel(family: Any, position: np.ndarray, opposite: np.ndarray, depth: float, angle: bool) -> np.ndarray:
    """The kernel at a depth, of the shape of `position`; as for `reach`."""
    flat, side = (np.broadcast_to(part, np.shape(position)).reshape(-1) for part in (position, opposite))
    found = []
    for start in range(0, flat.size, _AT_ONCE):
        here = slice(start, start + _AT_ONCE)
        pair = reach(family, flat[here], side[here], depth, angle, ARRIVED).pair
        found.append(np.asarray(loops.kernel_of(family, pair, angle)))
    return np.concatenate(found).reshape(np.shape(position)) if found else np.zeros(np.shape(position))
