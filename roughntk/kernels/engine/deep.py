"""Depths that layers cannot be counted to: the flow whose map for the time 1 is one layer.

Deep down a layer changes little: y_{L+1} = y_L + f(y_L) with a small f, for y the logarithms of what is carried. With
the differences along the orbit, D f(y) = f(y + f(y)) - f(y), one layer is the flow for time 1 of

    v = log(1 + D)/D f = f - D f/2 + D^2 f/3 - ...,

which is cut after six terms: each is smaller than the one before by the relative change of a layer, which is below
1/1000 after the layers that are counted first, or has become 0. The flow is integrated in log L, so that the cost grows
with the logarithm of the depth. What tends to a fixed point at the rate r is held once r L > 200, where it has arrived;
or where what is left of its way, |f|/r, is rounding. `growth` of an architecture is f without cancellation.

Source: the difference series of the logarithm (Gregory); HairerNorsettWanner1993, for the method of order 8.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from roughntk._checks import InputError, require_x64
from roughntk._checks.precision import EPS
from roughntk.kernels.engine import layer_loops as loops
from roughntk.kernels.engine.layer_loops import AtDepth, Pair

DEPTH, LINEAR, ARRIVED = "depth", "linear", "arrived"
_TERMS = 6
_WEIGHTS = np.array([(-1) ** i * sum(math.comb(j, i) / (j + 1) for j in range(i, _TERMS)) for i in range(_TERMS)])
SEGMENT = 4.0  # depths are passed by this factor, before it is asked again what is to be held
_ARRIVED = 200.0  # r L from which a contraction at the rate r is over
_ROUNDING = 32 * EPS
_GONE = 1e-25  # a z = Sigma/Theta below which it has no more effect
_ONE = 1e-20  # defects below which a kernel is 1 to rounding
_LINEAR = 1e-34  # defects below which layers are linear to rounding
_ACCURACY = {"rtol": 2.3e-14, "atol": 1e-14}  # about the least that float64 permits
_AT_ONCE = 4096  # pairs
_SMALLEST = 16


class Slow(NamedTuple):
    """What moves slowly, or any number for each.

    Attributes:
        variance: log Sigma(x, x).
        settling: log of the other number of the state.
        z: log of Sigma(x, x)/Theta(x, x).
        position: log of the coordinate of each pair.
        defect: log of delta of each pair.
    """

    variance: Any
    settling: Any
    z: Any
    position: Any
    defect: Any


def _values(y: Slow, held: Slow, fixed: Slow) -> Slow:
    return Slow(y.variance, *(jnp.where(h, k, jnp.exp(p)) for p, h, k in zip(y[1:], held[1:], fixed[1:], strict=True)))


def _state(kind: Any, variance: Any, settling: Any) -> Any:
    """The state of an architecture from its log variance and its other number."""
    return kind(*(variance, settling)[: len(kind._fields)])


class _Known(NamedTuple):
    """What does not change on the way: the architecture, the type of its state, the result of `prepare_growth`."""

    architecture: Any
    kind: Any
    prepared: Any
    opposite: Array


def _increment(known: _Known, y: Slow, held: Slow, fixed: Slow) -> Slow:
    """f, with 0 for what is held."""
    at, architecture = _values(y, held, fixed), known.architecture
    state = _state(known.kind, at.variance, at.settling)
    growth = architecture.growth(known.prepared, state, at.position, known.opposite, held.settling)
    weight = architecture.added_weight()
    falls = jnp.log1p(weight * at.z + jnp.expm1(growth.omega))  # log(z_L/z_{L+1})
    share = weight * at.z * jnp.exp(-falls)
    change = (1 - share) * growth.lost * (1 - at.defect) + share * (growth.added - at.defect)
    by_defect = jnp.log1p(change / jnp.where(at.defect > 0, at.defect, 1.0))
    logs = Slow(growth.variance, growth.settling, -falls, growth.position, by_defect)
    return Slow(*(jnp.where(h, 0.0, part) for part, h in zip(logs, held, strict=True)))


def _split(*trees: Any) -> tuple[list[Array], Any]:
    """The arrays of some trees as JAX has them, and the rest, which can be hashed: split once for very many calls."""
    arrays, rest = eqx.partition(trees, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)
    others, shape = jax.tree.flatten(rest)
    return [jnp.asarray(leaf) for leaf in leaves], (structure, shape, tuple(others))


@functools.partial(jax.jit, static_argnames="rest")
def _velocity(state: Any, arrays: list[Array], rest: Any) -> Array:
    """v, flat."""
    structure, shape, others = rest
    known, held, fixed = eqx.combine(jax.tree.unflatten(structure, arrays), jax.tree.unflatten(shape, others))
    y = jax.flatten_util.ravel_pytree(fixed)[1](state)
    velocity = velocity_of(lambda at: _increment(known, at, held, fixed), y)
    return jax.flatten_util.ravel_pytree(velocity)[0]


def velocity_of(increment: Callable[[Any], Any], y: Any) -> Any:
    """v at y, from f."""

    def step(at, weight):
        change = increment(at)
        return jax.tree.map(jnp.add, at, change), jax.tree.map(lambda part: weight * part, change)

    return jax.tree.map(lambda part: jnp.sum(part, axis=0), lax.scan(step, y, jnp.asarray(_WEIGHTS))[1])


def integrated(velocity: Callable[[np.ndarray], np.ndarray], y: np.ndarray, begin: float, end: float, named: Any):
    """y at the depth `end` from that at `begin`, shape (k,), along the flow of `velocity`.

    Raises:
        InputError: it cannot be followed.
    """

    from scipy.integrate import solve_ivp  # heavy, and needed at great depths only

    def speed(time: float, state: np.ndarray) -> np.ndarray:
        return velocity(state) * (begin * math.exp(time))

    solution = solve_ivp(speed, (0.0, math.log(end / begin)), y, method="DOP853", **_ACCURACY)
    if not solution.success or not np.all(np.isfinite(solution.y[:, -1])):
        raise InputError(
            f"expected layers that change little from depth {begin:g} on, got {named}, which does not "
            f"settle; choose a depth of at most {begin:g}"
        )
    return solution.y[:, -1]


@eqx.filter_jit
def _rates(known: _Known, y: Slow, held: Slow, fixed: Slow) -> tuple[Slow, Slow]:
    """f, and at what rate each of its parts contracts on its own."""

    def increment(at):
        return _increment(known, at, held, fixed)

    rates = []
    for name in Slow._fields:
        direction = jax.tree.map(jnp.zeros_like, y)._replace(**{name: jnp.ones_like(getattr(y, name))})
        rates.append(-getattr(jax.jvp(increment, (y,), (direction,))[1], name))
    return increment(y), Slow(*rates)


class Reached(NamedTuple):
    """What is carried, at a depth: that which was asked for, or the first where nothing more was to be found out.

    Attributes:
        depth: L.
        log_variance, log_z: log Sigma_L(x, x) and log z_L.
        pair: what `position` is follows the run.
    """

    depth: float
    log_variance: float
    log_z: float
    pair: Pair


class _Flow:
    """An architecture on its way to a depth, for pairs that move together."""

    def __init__(self, architecture: Any, is_tangent: bool, layer: float, start: AtDepth, angle: bool):
        self.architecture, self.is_tangent, self.angle, self.layer = architecture, is_tangent, angle, layer
        pair = Pair(*map(np.asarray, start.pair))
        # beyond recovery of digits, and without need of them
        far = architecture.coordinate_is_chord & (pair.opposite > 0) & np.asarray(not angle)
        position, defect = (np.where(far, 2 - part, part) for part in pair[:2])
        self.opposite = np.where(far, 0.0, pair.opposite)
        state = start.state
        settling = np.asarray(state[1]) if len(state) > 1 else np.zeros(())
        self.fixed = Slow(np.zeros(()), settling, np.asarray(start.z), np.asarray(self._coordinate(position)), defect)
        self.held = Slow(np.zeros((), bool), *(np.asarray(part <= 0) for part in self.fixed[1:]))
        if not is_tangent:
            self.held = self.held._replace(defect=np.ones(defect.shape, bool))
        self.y = Slow(np.asarray(state[0]), *(np.log(np.where(part > 0, part, 1.0)) for part in self.fixed[1:]))
        self.prepared, self.kind = architecture.prepare_growth(state), type(state)

    def _coordinate(self, position: np.ndarray) -> np.ndarray:
        if not self.architecture.coordinate_is_chord:
            return position
        return 2 * np.sin(position / 2) if self.angle else np.sqrt(2 * position)

    def _place(self, coordinate: np.ndarray) -> np.ndarray:
        if not self.architecture.coordinate_is_chord:
            return coordinate
        return 2 * np.arcsin(np.minimum(coordinate / 2, 1.0)) if self.angle else coordinate**2 / 2

    @property
    def known(self) -> _Known:
        """What does not change until pairs are counted from another end."""
        return _Known(self.architecture, self.kind, self.prepared, jnp.asarray(self.opposite))

    def values(self) -> Slow:
        """What the logarithms are of."""
        raw = zip(self.y[1:], self.held[1:], self.fixed[1:], strict=True)
        return Slow(self.y.variance, *(np.where(h, k, np.exp(np.where(h, 0.0, p))) for p, h, k in raw))

    def pair(self) -> Pair:
        """The pairs as a run carries them."""
        at = self.values()
        return Pair(np.asarray(self._place(at.position)), at.defect, self.opposite)

    def to(self, depth: float, until: str) -> Reached:
        """To the depth, or to where `until` says."""
        while self.layer < depth:
            change, rates = (Slow(*map(np.asarray, part)) for part in _rates(self.known, self.y, self.held, self.fixed))
            self._hold(change, rates)
            if self._is_over(change, until):
                break
            end = min(depth, self.layer * SEGMENT)
            self._integrate(end)
            self._turn()
            self.layer = end
        log_z = self.y.z if not self.held.z else np.log(np.maximum(self.fixed.z, 1e-300))
        return Reached(self.layer, float(self.y.variance), float(log_z), self.pair())

    def _hold(self, change: Slow, rates: Slow) -> None:
        """Hold what has arrived where it tends to; a part only once those have that move it."""

        def arrived(name: str) -> np.ndarray:
            moved, rate = np.asarray(getattr(change, name)), np.asarray(getattr(rates, name))
            at_rest = (rate * self.layer > _ARRIVED) | (np.abs(moved) <= _ROUNDING * rate)
            return np.asarray(getattr(self.held, name)) | ((rate > 0) & at_rest)

        still = np.asarray((change.settling == 0) & (rates.settling == 0))
        settling = arrived("settling") | still
        z = np.asarray(self.held.z) | (arrived("z") & settling)
        position = np.asarray(self.held.position) | (arrived("position") & settling)
        quiet = z | (self.values().z < _GONE)
        defect = np.asarray(self.held.defect) | (arrived("defect") & settling & quiet & position)
        now = Slow(self.held.variance, settling, z, position, defect)
        raw = zip(self.fixed, self.held, now, self.y, strict=True)
        self.fixed = Slow(*(np.where(new & ~old, np.exp(np.where(new, at, 0.0)), k) for k, old, new, at in raw))
        self.held = now

    def _is_over(self, change: Slow, until: str) -> bool:
        at, pair = self.values(), self.pair()
        if until == DEPTH:
            return False
        if until == LINEAR:
            near = loops.largest_defect(pair, self.angle) <= _LINEAR
            return bool(near) and bool(self.held.settling) and bool(self.held.z)
        if np.all(self.held.position) and np.all(self.held.defect):
            return True
        falling = np.all((change.position <= 0) & (change.defect <= 0)) and np.all(self.opposite == 0)
        settled = bool(self.held.settling) and (bool(self.held.z) or not self.is_tangent)
        gone = at.defect if self.is_tangent else at.position
        return bool(falling and settled and np.all(at.position < _ONE) and np.all(gone < _ONE))

    def _integrate(self, end: float) -> None:
        flat, unflatten = jax.flatten_util.ravel_pytree(self.y)
        arrays, rest = _split(self.known, self.held, self.fixed)

        def velocity(state: np.ndarray) -> np.ndarray:
            return np.asarray(_velocity(state, arrays, rest), dtype=np.float64)

        moved = integrated(velocity, np.asarray(flat), self.layer, end, self.architecture)
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
    """What is carried, for flat pairs, at a depth, known and finite and beyond `counted_layers`.

    Args:
        family: a LayeredFamily with known parameters.
        position, opposite: where a run of the family starts, shape (n,).
        depth: a whole number.
        angle: what `position` is.
        until: go to the `DEPTH` at any rate, or end before it where layers are `LINEAR` to rounding, or where the
            kernel has `ARRIVED`, to rounding.

    Raises:
        InputError: the architecture has no way to such depths, or does not settle.
    """
    require_x64(f"{family.name} at depth {depth:g}")
    architecture = family.architecture
    if not architecture.has_growth:
        raise InputError(
            f"expected a depth of at most {loops.MOST_LAYERS:,} for {architecture}, whose layers are counted, got "
            f"{depth:g}; choose a smaller depth"
        )
    size = max(_SMALLEST, 1 << max(len(position) - 1, 0).bit_length())
    first, side = (jnp.asarray(np.pad(part, (0, size - len(part)), mode="edge")) for part in (position, opposite))
    most = jnp.asarray(int(architecture.counted_layers))
    layer, start = loops.counted(architecture, first, side, most, angle)
    reached = _Flow(architecture, family.is_tangent, float(layer), start, angle).to(depth, until)
    return reached._replace(pair=Pair(*(part[: len(position)] for part in reached.pair)))


def kernel(family: Any, position: np.ndarray, opposite: np.ndarray, depth: float, angle: bool) -> np.ndarray:
    """The kernel at a depth, of the shape of `position`; as for `reach`."""
    flat, side = (np.broadcast_to(part, np.shape(position)).reshape(-1) for part in (position, opposite))
    blocks = []
    for start in range(0, flat.size, _AT_ONCE):
        here = slice(start, start + _AT_ONCE)
        pair = reach(family, flat[here], side[here], depth, angle, ARRIVED).pair
        blocks.append(np.asarray(loops.kernel_of(pair, family.is_tangent, angle)))
    return np.concatenate(blocks).reshape(np.shape(position)) if blocks else np.zeros(np.shape(position))
