"""Composition kernels at real depth: the flow whose unit-time map is the user's own, by the Koenigs function.

With d = eta - c the displacement from the attracting fixed point c of the map and lambda = h'(c) in (0, 1),

    g(d) = lim d_n/lambda^n,    g(h) = lambda g,    d(l) = g^{-1}(lambda^(l-1) g(d_1)),    v = log(lambda) g/g'.

Whole layers are taken first; the part of a layer that is left lies between two known displacements, where Newton's
method with bisection finds it.
Source: Koenigs1884.
"""

import functools
import math
from typing import Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax


class Contraction(Protocol):
    """An increasing map around a fixed point, elementwise and free of cancellation."""

    @property
    def multiplier(self) -> float:
        """lambda."""

    @property
    def linear_below(self) -> float:
        """Displacements below it move by the factor lambda to rounding."""

    def mean_slope(self, d: Array) -> Array:
        """(h(c + d) - h(c))/d; lambda at 0."""

    def derivative(self, d: Array) -> Array:
        """h'(c + d)."""


_ROUNDS = 60  # of Newton's method or bisection: the latter alone would end at rounding
_CAP = 1_000_000  # layers until a displacement is small; only beside a repelling fixed point there are more than 1000s


def _one_layer(map_: Contraction, d: Array) -> tuple[Array, Array, Array]:
    """(whether layers are still more than a factor, the next displacement, mean slope)."""
    slope = map_.mean_slope(d)
    following = d * slope
    return (jnp.abs(d) > map_.linear_below) & (following != d), following, slope


def koenigs_with_slope(map_: Contraction, d: Array) -> tuple[Array, Array]:
    """(g, g') at the displacement d; at a repelling fixed point, where g is infinite, they come out as (d, 1)."""
    at_rest = map_.mean_slope(jnp.zeros(()))

    def body(state):
        count, at, value, growth, _ = state
        moving, following, slope = _one_layer(map_, at)
        growth = jnp.where(moving, growth * (map_.derivative(at) / at_rest), growth)
        value = jnp.where(moving, value * (slope / at_rest), value)
        return count + 1, jnp.where(moving, following, at), value, growth, jnp.any(moving)

    start = (jnp.zeros((), int), d, d, jnp.ones_like(d), jnp.asarray(True))
    _, _, value, growth, _ = lax.while_loop(lambda state: state[4] & (state[0] < _CAP), body, start)
    return value, growth


@eqx.filter_jit
def scaled_displacement(map_: Contraction, d: Array, layers: Array) -> Array:
    """d_n/lambda^n after n = `layers` whole layers, which tends to g(d): a product of mean slopes over lambda.

    It ends where they are 1 to rounding.
    """
    at_rest = map_.mean_slope(jnp.zeros(()))

    def body(state):
        count, at, scaled = state
        slope = map_.mean_slope(at)
        return count + 1, at * slope, scaled * (slope / at_rest)

    def going(state):
        return (state[0] < layers) & (jnp.max(jnp.abs(state[1]), initial=0.0) > map_.linear_below)

    return lax.while_loop(going, body, (jnp.zeros((), layers.dtype), d, d))[2]


def _whole_layers(map_: Contraction, d: Array, time: Array) -> tuple[Array, Array]:
    """(displacement, time left): whole layers until less than one is left or layers are linear."""

    def body(state):
        at, left, _ = state
        moving, following, _ = _one_layer(map_, at)
        taking = moving & (left >= 1)
        return jnp.where(taking, following, at), jnp.where(taking, left - 1, left), jnp.any(taking)

    return lax.while_loop(lambda state: state[2], body, (d, time, jnp.asarray(True)))[:2]


def _part_of_a_layer(map_: Contraction, d: Array, part: Array) -> Array:
    """g^{-1}(lambda^part g(d)) for part in [0, 1), between d and the displacement one layer on."""
    value, _ = koenigs_with_slope(map_, d)
    target = value * map_.multiplier**part
    slope = map_.mean_slope(d)

    def body(state):
        count, y, low, high, open_ = state
        coordinate, growth = koenigs_with_slope(map_, y)
        above = coordinate > target
        low, high = jnp.where(above, low, y), jnp.where(above, y, high)
        newton = y - (coordinate - target) / growth
        inside = (newton >= low) & (newton <= high)
        following = jnp.where(inside, newton, (low + high) / 2)
        # rounding makes steps of some 1e-14; beside a repelling fixed point 1e-8 would be far from the end
        settled = (inside & (jnp.abs(following - y) <= 1e-13 * jnp.abs(y))) | (high - low <= 1e-16 * jnp.abs(y))
        return count + 1, jnp.where(open_, following, y), low, high, open_ & ~settled

    ends = jnp.minimum(d, d * slope), jnp.maximum(d, d * slope)
    start = (jnp.zeros((), int), d * slope**part, *ends, part > 0)
    y = lax.while_loop(lambda state: (state[0] < _ROUNDS) & jnp.any(state[4]), body, start)[1]
    return jnp.where(part == 0, d, y)


def displacement_flow(map_: Contraction, d: Array, time: Array) -> Array:
    """The displacement after `time` >= 0 layers, elementwise; inf gives 0."""
    return _flow(map_, *jnp.broadcast_arrays(d, time))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _flow(map_: Contraction, d: Array, time: Array) -> Array:
    finite = jnp.isfinite(time)
    at, left = _whole_layers(map_, d, jnp.where(finite, time, 0.0))
    linear = jnp.abs(at) <= map_.linear_below
    at_end = map_.mean_slope(at) == 1  # a repelling fixed point stays
    part = jnp.where(linear | at_end, 0.0, left)
    near = jnp.where(linear, at * map_.multiplier**left, at)
    reached = jnp.where(part > 0, _part_of_a_layer(map_, at, part), near)
    return jnp.where(finite, reached, 0.0)


@_flow.defjvp
def _flow_jvp(map_, primals, tangents):
    """dy/dd = lambda^t g'(d)/g'(y), dy/dt = log(lambda) g(y)/g'(y)."""
    d, time = primals
    y = _flow(map_, d, time)
    (_, before), (value, after) = koenigs_with_slope(map_, d), koenigs_with_slope(map_, y)
    stays = (d != 0) & (map_.mean_slope(d) == 1)
    by_d = map_.multiplier**time * before / after
    by_time = jnp.where(stays, 0.0, math.log(map_.multiplier) * value / after)
    return y, by_d * tangents[0] + by_time * tangents[1]


compiled_displacement = eqx.filter_jit(displacement_flow)
