"""What the two flows of an angle share, that of the ReLU (`relu_flow`) and that of every slope (`leaky_flow`).

Both move along W = 3 pi/(kappa m), m the angle or its chord, by delta = W_l - W_1, and form no difference by
subtraction. They are two because slope 0 as a germ of `leaky_flow` costs time and gains nothing: with 60 digits at 64
angles from 1e-12 to pi and 13 depths from 1.001 to 1e12 the largest errors of the ReLU's own flow and of that germ are
338 and 336 eps of K, 174 and 113 eps of rho (relative, below 0.01 absolute) and 3.3 eps of 1 - rho for both, but
10^6 entries take the germ 2.1 (K) and 2.3 times (rho) as long, and compiling it 1.4 times.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax


@jax.custom_jvp
def divided(coefficients: Sequence[Any] | Array, points: tuple[Array, ...]) -> Array:
    """The divided difference of a polynomial at one or more points, by repeated synthetic division.

    p[x] = p(x), p[x, y] = (p(x) - p(y))/(x - y), which is p'(x) at y = x, and so on, without cancellation. Its
    derivative in one of the points is the divided difference with that point repeated; the coefficients are constants.

    Args:
        coefficients: numbers, or an array of one axis that may be traced, the constant term first.
        points: arrays of one shape.
    """
    *lower, highest = jnp.unstack(coefficients) if isinstance(coefficients, Array) else coefficients
    totals = [jnp.zeros_like(points[0]) + highest] + [jnp.zeros_like(points[0])] * (len(points) - 1)
    for coefficient in reversed(lower):
        for i in range(len(points) - 1, 0, -1):
            totals[i] = totals[i] * points[i] + totals[i - 1]
        totals[0] = totals[0] * points[0] + coefficient
    return totals[-1]


@divided.defjvp
def _divided_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    (coefficients, points), (_, moves) = primals, tangents
    slopes = [divided(coefficients, (*points, point)) for point in points]
    total = slopes[0] * moves[0]
    for slope, move in zip(slopes[1:], moves[1:], strict=True):
        total = total + slope * move
    return divided(coefficients, points), total


def arrival(
    delta: Array, time: Array, rate: Array, end: Callable[[Array], tuple[Array, Array]], *, steps: int
) -> Array:
    """The delta with delta - (3/2) log(1 + rate delta) - change = time, by Newton's method.

    Args:
        delta: the first guess.
        time: in layers, finite.
        rate: 1/W_1.
        end: delta -> (change, n): A_1 - A_l, and the slope dW/dl at the end, n_l.
        steps: of Newton's method.
    """

    def improve(_: int, delta: Array) -> Array:
        change, shape = end(delta)
        return delta - (delta - 1.5 * jnp.log1p(delta * rate) - change - time) * shape

    return lax.fori_loop(0, steps, improve, delta)


def unfolded(guess: Array, target: Array, drop: Callable[[Array], tuple[Array, Array]], *, steps: int) -> Array:
    """The fold s = pi - theta in [0, pi] with drop(s) = target, by Newton's method: one layer undone.

    Args:
        guess: the first.
        target: cos f(pi - s) - cos f(pi), at least 0.
        drop: s -> (that, its derivative in s).
        steps: of Newton's method.
    """

    def improve(_: int, fold: Array) -> Array:
        value, slope = drop(fold)
        return jnp.clip(fold - (value - target) / jnp.maximum(slope, 1e-300), 0.0, math.pi)

    return lax.fori_loop(0, steps, improve, guess)


@jax.custom_jvp
def mean(total: Array, depth: Array) -> Array:
    """S/l at any finite depth l, elementwise; d(S/l) = (dS - (S/l) dl)/l.

    Behind the barrier a depth that all entries share divides each: compiled as a factor 1/l, it is 0 above l = 4.5e307.
    """
    return total / lax.optimization_barrier(jnp.broadcast_to(depth, jnp.broadcast_shapes(total.shape, depth.shape)))


@mean.defjvp
def _mean_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    value = mean(*primals)
    return value, mean(tangents[0] - value * tangents[1], primals[1])
