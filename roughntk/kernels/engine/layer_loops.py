"""The state of layer by layer families, and the loops that carry it: over layers, with slopes, until layers are linear.

Which end of [-1, 1] a correlation is near decides what is carried: 1 - c and 1 - K near 1, and 1 + c and 1 + K where
the flag `opposite` is set. A chaotic layer takes the smallest distance from either end to one of order one, so that
both need all of their digits.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

MOST_LAYERS = 10_000_000
"""Layers that are counted to where a depth, or what it is asked of, is traced."""

_LINEAR = 1e-34  # below this defect a layer is linear to rounding, also where it moves the root of the defect


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
    """One pair of inputs at one depth.

    Attributes:
        position: its defect 1 - c or, in a run by angles, theta.
        defect: delta = 1 - K of the NTK.
        opposite: 1 where `position` and `defect` are 1 + c and 1 + K instead, and 0 elsewhere.
    """

    position: Any  # arrays of numpy or of jax
    defect: Any
    opposite: Any = 0.0


class Linear(NamedTuple):
    """A layer near c = 1 and at settled scalars: y -> y_y y, delta -> delta_y y + delta_delta delta."""

    y_y: float
    delta_y: float
    delta_delta: float


def landed(gap: Array, opposite: Array, share: Array, rest: Array) -> tuple[Array, Array]:
    """(position, opposite) of c' = share c + rest, share + rest = 1, for 1 - c or 1 + c at most 1; nothing cancels."""
    far = opposite > 0
    below = share * gap + 2 * rest
    stays = far & (below < 1)
    return jnp.where(stays, below, share * jnp.where(far, 2 - gap, gap)), jnp.where(stays, 1.0, 0.0)


def turned(pair: Pair, opposite: Array) -> Array:
    """`pair.defect` as the end needs it that the layer leads to."""
    return jnp.where((pair.opposite > 0) != (opposite > 0), 2 - pair.defect, pair.defect)


def _known(pair: Pair, cut: Array) -> Pair:
    """The pair, or NaN where its layers were cut short."""
    return pair._replace(position=jnp.where(cut, jnp.nan, pair.position), defect=jnp.where(cut, jnp.nan, pair.defect))


def defect_of(family: Any, pair: Pair, angle: bool) -> Array:
    """1 minus the kernel, or 1 plus it where `opposite` is set."""
    if family.is_tangent:
        return pair.defect
    return 2 * jnp.sin(pair.position / 2) ** 2 if angle else pair.position


def kernel_of(family: Any, pair: Pair, angle: bool) -> Array:
    """The kernel. A tangent kernel within rounding of 0, where 1 - K has none of its digits, is 0."""
    defect = defect_of(family, pair, angle)
    value = jnp.where(pair.opposite > 0, defect - 1, 1 - defect)
    nothing = family.is_tangent & (jnp.abs(value) <= 2 * jnp.finfo(value.dtype).eps)
    return value - lax.stop_gradient(jnp.where(nothing, value, 0.0))


def _changed(old: tuple, new: tuple) -> Array:
    """Whether a layer changed anything but the variance."""
    pairs = [(old[0].ratio, new[0].ratio), (old[0].memory, new[0].memory), *zip(old[1], new[1], strict=True)]
    return jnp.any(jnp.stack([jnp.any(a != b) for a, b in pairs]))


@eqx.filter_custom_jvp
def run(family: Any, position: Array, opposite: Array, depth: Array, angle: bool) -> Pair:
    """The pair at an integer depth, which may be traced; ends early where a layer repeats the one before.

    A traced depth beyond what is counted to gives NaN, unless all has come to rest before.
    """

    def body(state):
        layer, old, _ = state
        new = family._layer(old[0], old[1], angle)
        return layer + 1, new, _changed(old, new)

    def going(state):
        return (state[0] < jnp.minimum(depth, MOST_LAYERS)) & state[2]

    start = (jnp.ones((), jnp.asarray(depth).dtype), family._begin(position, opposite, angle), jnp.asarray(True))
    layer, (_, pair), moving = lax.while_loop(going, body, start)
    return _known(pair, (layer < depth) & moving)


@run.def_jvp
def _run_jvp(primals, tangents):
    """The slope in the position and in each parameter of the family, carried through the same loop.

    Each is a derivative along one unit direction: multiplied by its tangent at the end, so that reverse mode works.
    """
    family, position, opposite, depth, angle = primals
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
        return build(values)._begin(position, opposite, angle)

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
    last = jnp.minimum(depth, MOST_LAYERS)
    count, (_, pair), slopes, moving = lax.while_loop(lambda c: (c[0] < last) & c[3], body, carry)
    pair = _known(pair, (count < depth) & moving)
    weights = ([by_position] if by_position is not None else []) + [moves[i] for i in moved]
    tangent = jax.tree.map(jnp.zeros_like, pair)
    for slope, weight in zip(slopes, weights, strict=True):
        tangent = jax.tree.map(lambda total, part, weight=weight: total + part * weight, tangent, slope[1])
    return pair, tangent


@eqx.filter_jit
def run_to_linear(
    family: Any, position: Array, opposite: Array, depth: Array, angle: bool
) -> tuple[Array, tuple[Scalars, Pair], Array]:
    """(depth, state, whether it is linear) at the first depth where layers are linear and settled, or at `depth`."""

    def going(carry):
        layer, _, linear = carry
        return (layer < depth) & ~linear

    def body(carry):
        layer, old, _ = carry
        new = family._layer(old[0], old[1], angle)
        same = [
            jnp.abs(a - b) <= 4 * jnp.finfo(float).eps * jnp.abs(b) for a, b in zip(old[0][1:], new[0][1:], strict=True)
        ]
        return layer + 1, new, same[0] & same[1] & (largest_defect(new[1], angle) <= _LINEAR)

    start = (jnp.ones((), depth.dtype), family._begin(position, opposite, angle), jnp.asarray(False))
    return lax.while_loop(going, body, start)


def largest_defect(pair: Pair, angle: bool) -> Array:
    """The largest 1 - c."""
    if angle:
        return jnp.max(pair.position**2 / 2, initial=0.0)
    return jnp.max(jnp.where(pair.opposite > 0, 2 - pair.position, pair.position), initial=0.0)


@eqx.filter_jit
def counted(family: Any, position: Array, opposite: Array, depth: Array, angle: bool) -> tuple[Array, Any]:
    """(L, (scalars, pair)) at an integer depth, or before it where a layer repeats the one before."""

    def body(state):
        layer, old, _ = state
        new = family._layer(old[0], old[1], angle)
        return layer + 1, new, _changed(old, new)

    start = (jnp.ones((), depth.dtype), family._begin(position, opposite, angle), jnp.asarray(True))
    return lax.while_loop(lambda state: (state[0] < depth) & state[2], body, start)[:2]


@eqx.filter_jit
def all_layers(family: Any, position: Array, opposite: Array, depth: Array) -> tuple[Scalars, Pair]:
    """Scalars and pairs at an integer depth; every layer is taken, as log Sigma may move on when all else rests."""
    angle = family._runs_by_angle
    start = family._begin(position, opposite, angle)
    return lax.fori_loop(1, depth, lambda _, state: family._layer(state[0], state[1], angle), start)
