"""Both kernels of an architecture from its layers: one step, and the loops that carry it to a depth.

A pair of inputs of equal norm is described by the defect e = 1 - c of its correlation (or by its angle), and by the
defect delta = 1 - K of its normalised tangent kernel. With

    z_L = Sigma_L(x, x)/Theta_L(x, x),    omega_L = sigma_w^2 E[phi'^2] Sigma_L(x, x)/Sigma_{L+1}(x, x),
    a_L = omega_L/(omega_L + z_L),        D_L = 1 - E[phi'(u) phi'(u')]/E[phi'^2],

the recursion Theta_{L+1} = Theta_L sigma_w^2 E[phi'(u) phi'(u')] + Sigma_{L+1} of Jacot2018 becomes

    delta_{L+1} = a_L (D_L + (1 - D_L) delta_L) + (1 - a_L) e_{L+1},    z_{L+1} = z_L/(omega_L + z_L),

sums of positive terms: 1 - K keeps its relative accuracy down to the smallest float, and neither Sigma nor Theta can
overflow. Which end of [-1, 1] a correlation is near decides what is carried: 1 - c and 1 - K near 1, and 1 + c and
1 + K where the flag `opposite` is set. A chaotic layer takes the smallest distance from either end to one of order
one, so that both need all of their digits; and so does an even activation, which takes one end to the other.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from roughntk.kernels.architecture import LayeredArchitecture, affine_image
from roughntk.maps.duals import supplement

MOST_LAYERS = 10_000_000
"""Layers that are counted to where a depth, or what it is asked of, is traced."""

_LINEAR = 1e-34  # below this defect a layer is linear to rounding, also where it moves the root of the defect


class Pair(NamedTuple):
    """One pair of inputs at one depth.

    Attributes:
        position: its defect 1 - c or, in a run by angles, theta.
        defect: delta = 1 - K of the NTK.
        opposite: 1 where `defect`, and `position` if it is no angle, are 1 + K and 1 + c instead, and 0 elsewhere.
    """

    position: Any  # arrays of numpy or of jax
    defect: Any
    opposite: Any = 0.0


class AtDepth(NamedTuple):
    """What is carried from layer to layer.

    Attributes:
        state: that of the architecture.
        z: Sigma_L(x, x)/Theta_L(x, x).
        pair: the pairs.
    """

    state: Any
    z: Array
    pair: Pair


class Linear(NamedTuple):
    """A layer near c = 1 and at a settled state: y -> y_y y, delta -> delta_y y + delta_delta delta."""

    y_y: float
    delta_y: float
    delta_delta: float


def begin(architecture: LayeredArchitecture, position: Array, opposite: Array, angle: bool) -> AtDepth:
    """Depth 1, from 1 - rho or 1 + rho, or from the angle."""
    state, share, rest = jax.tree.map(lambda part: jnp.asarray(part, position.dtype), architecture.first())
    one = jnp.ones((), position.dtype)
    if not angle:
        moved, opposite = affine_image(position, opposite, share, rest)
        return AtDepth(state, one, Pair(moved, moved, opposite))
    # without biases the share is 1 and theta itself stays: the arcsine would lose digits near pi
    whole = share == 1
    moved = 2 * jnp.arcsin(jnp.sqrt(jnp.where(whole, 0.25, share)) * jnp.sin(position / 2))
    far = whole & (position > jnp.pi / 2)
    near = jnp.where(far, supplement(position), position)
    defect = 2 * share * jnp.sin(near / 2) ** 2
    return AtDepth(state, one, Pair(jnp.where(whole, position, moved), defect, jnp.where(far, one, 0.0)))


def step(architecture: Any, at: AtDepth, angle: bool) -> AtDepth:
    """One layer."""
    state, omega, moved = architecture.layer(at.state, at.pair.position, at.pair.opposite, angle)
    weight = architecture.added_weight()
    z = at.z / (omega + weight * at.z)
    # 1 - |Theta sigma_w^2 E[phi' phi']|, from the end that this product is near; then from that of c'
    product = moved.lost + (1 - moved.lost) * at.pair.defect
    product_opposite = (at.pair.opposite > 0) != (moved.lost_opposite > 0)
    product = jnp.where(product_opposite != (moved.opposite > 0), 2 - product, product)
    kept = omega / (omega + weight * at.z)
    defect = kept * product + weight * z * moved.added
    return AtDepth(state, z, Pair(moved.position, defect, moved.opposite))


def defect_of(pair: Pair, is_tangent: bool, angle: bool) -> Array:
    """1 minus the kernel, or 1 plus it where `opposite` is set."""
    if is_tangent:
        return pair.defect
    if not angle:
        return pair.position
    half = jnp.where(pair.opposite > 0, supplement(pair.position), pair.position) / 2
    return 2 * jnp.sin(half) ** 2


def kernel_of(pair: Pair, is_tangent: bool, angle: bool) -> Array:
    """The kernel. A tangent kernel within rounding of 0, where 1 - K has none of its digits, is 0."""
    defect = defect_of(pair, is_tangent, angle)
    value = jnp.where(pair.opposite > 0, defect - 1, 1 - defect)
    nothing = is_tangent & (jnp.abs(value) <= 2 * jnp.finfo(value.dtype).eps)
    return value - lax.stop_gradient(jnp.where(nothing, value, 0.0))


def _known(pair: Pair, cut: Array) -> Pair:
    """The pair, or NaN where its layers were cut short."""
    return pair._replace(position=jnp.where(cut, jnp.nan, pair.position), defect=jnp.where(cut, jnp.nan, pair.defect))


def _changed(old: AtDepth, new: AtDepth) -> Array:
    """Whether a layer changed anything but the variance."""
    before, after = (jax.tree.leaves((at.state[1:], at.z, at.pair)) for at in (old, new))
    return jnp.any(jnp.stack([jnp.any(a != b) for a, b in zip(before, after, strict=True)]))


@eqx.filter_custom_jvp
def run(architecture: Any, position: Array, opposite: Array, depth: Array, angle: bool) -> Pair:
    """The pair at an integer depth, which may be traced; ends early where a layer repeats the one before.

    A traced depth beyond what is counted to gives NaN, unless all has come to rest before.
    """

    def body(carry):
        layer, old, _ = carry
        new = step(architecture, old, angle)
        return layer + 1, new, _changed(old, new)

    def going(carry):
        return (carry[0] < jnp.minimum(depth, MOST_LAYERS)) & carry[2]

    start = (jnp.ones((), jnp.asarray(depth).dtype), begin(architecture, position, opposite, angle), jnp.asarray(True))
    layer, at, moving = lax.while_loop(going, body, start)
    return _known(at.pair, (layer < depth) & moving)


@run.def_jvp
def _run_jvp(primals, tangents):
    """The slope in the position and in each parameter of the architecture, carried through the same loop.

    Each is a derivative along one unit direction: multiplied by its tangent at the end, so that reverse mode works.
    """
    architecture, position, opposite, depth, angle = primals
    by_parameters, by_position = tangents[0], tangents[1]
    numbers, rest = eqx.partition(architecture, eqx.is_inexact_array)
    leaves, structure = jax.tree_util.tree_flatten(numbers)
    tree: Any = structure
    moves = tree.flatten_up_to(by_parameters) if by_parameters is not None else [None] * len(leaves)
    moved = [i for i, move in enumerate(moves) if move is not None]
    zeros = [jnp.zeros_like(leaf) for leaf in leaves]
    directions = [(zeros, jnp.ones_like(position))] if by_position is not None else []
    for i in moved:
        directions.append(([jnp.ones_like(z) if j == i else z for j, z in enumerate(zeros)], jnp.zeros_like(position)))

    def build(values):
        return eqx.combine(tree.unflatten(values), rest)

    def start(values, position):
        return begin(build(values), position, opposite, angle)

    def layer(values, at):
        return step(build(values), at, angle)

    def body(carry):
        count, at, slopes, _ = carry
        following = layer(leaves, at)
        moved_slopes = [
            jax.jvp(layer, (leaves, at), (direction[0], slope))[1]
            for direction, slope in zip(directions, slopes, strict=True)
        ]
        changed = _changed(at, following)
        for old, new in zip(slopes, moved_slopes, strict=True):
            changed = changed | _changed(old, new)
        return count + 1, following, moved_slopes, changed

    first = start(leaves, position)
    slopes = [jax.jvp(start, (leaves, position), direction)[1] for direction in directions]
    carry = (jnp.ones((), jnp.asarray(depth).dtype), first, slopes, jnp.asarray(True))
    last = jnp.minimum(depth, MOST_LAYERS)
    count, at, slopes, moving = lax.while_loop(lambda c: (c[0] < last) & c[3], body, carry)
    pair = _known(at.pair, (count < depth) & moving)
    weights = ([by_position] if by_position is not None else []) + [moves[i] for i in moved]
    tangent = jax.tree.map(jnp.zeros_like, pair)
    for slope, weight in zip(slopes, weights, strict=True):
        tangent = jax.tree.map(lambda total, part, weight=weight: total + part * weight, tangent, slope.pair)
    return pair, tangent


@eqx.filter_jit
def run_to_linear(
    architecture: LayeredArchitecture, position: Array, opposite: Array, depth: Array, angle: bool
) -> tuple[Array, AtDepth, Array]:
    """(depth, what is carried, whether it is linear) where layers are linear and settled first, or at `depth`."""

    def going(carry):
        layer, _, linear = carry
        return (layer < depth) & ~linear

    def body(carry):
        layer, old, _ = carry
        new = step(architecture, old, angle)
        before, after = ((*at.state[1:], at.z) for at in (old, new))
        same = [jnp.abs(a - b) <= 4 * jnp.finfo(float).eps * jnp.abs(b) for a, b in zip(before, after, strict=True)]
        return layer + 1, new, jnp.all(jnp.stack(same)) & (largest_defect(new.pair, angle) <= _LINEAR)

    start = (jnp.ones((), depth.dtype), begin(architecture, position, opposite, angle), jnp.asarray(False))
    return lax.while_loop(going, body, start)


def largest_defect(pair: Pair, angle: bool) -> Array:
    """The largest 1 - c."""
    if angle:
        return jnp.max(pair.position**2 / 2, initial=0.0)
    return jnp.max(jnp.where(pair.opposite > 0, 2 - pair.position, pair.position), initial=0.0)


@eqx.filter_jit
def counted(
    architecture: LayeredArchitecture, position: Array, opposite: Array, depth: Array, angle: bool
) -> tuple[Array, AtDepth]:
    """(L, what is carried) at an integer depth, or before it where a layer repeats the one before."""

    def body(carry):
        layer, old, _ = carry
        new = step(architecture, old, angle)
        return layer + 1, new, _changed(old, new)

    start = (jnp.ones((), depth.dtype), begin(architecture, position, opposite, angle), jnp.asarray(True))
    return lax.while_loop(lambda carry: (carry[0] < depth) & carry[2], body, start)[:2]


@eqx.filter_jit
def all_layers(architecture: LayeredArchitecture, position: Array, opposite: Array, depth: Array) -> AtDepth:
    """What is carried at an integer depth; every layer is taken, as log Sigma may move on when all else rests."""
    angle = architecture.runs_by_angle
    start = begin(architecture, position, opposite, angle)
    return lax.fori_loop(1, depth, lambda _, at: step(architecture, at, angle), start)
