"""The ReLU angle germ on arrays: the formulas behind `roughntk.maps.relu_flow`, elementwise, in float64.

Notation: theta_1 is the first angle, theta_l the one `time` = l - 1 layers on, w = 3 pi/theta and
delta = w_l - w_1. No difference is formed by subtraction: differences of powers of theta, of logarithms and
of the regular parts all carry delta as a factor. The regular parts V, A, Q of the generator, the Abel
function and the principal sum are polynomials fitted on [0, pi/2] (tools/generate_series.py). An angle above
pi/2 takes one exact step first, held as gap = pi/2 - f(theta) and fold = pi - theta, which keeps relative
accuracy up to pi. What comes before `entry` is for angles in [0, pi/2], the rest for all of [0, pi].
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from roughntk._checks.precision import EPS, HUGE
from roughntk.maps import _series
from roughntk.maps._flow_parts import arrival, divided, unfolded
from roughntk.maps.duals import supplement

HALF_PI, THREE_PI = math.pi / 2, 3 * math.pi
_TERMS = 12  # of the entire series below, on [0, 2] to 1e-18
# (sin t - t cos t)/t^3, 2 (1 - cos t)/t^2 and sin t/t as power series in t^2
_BRACKET = tuple((-1) ** k * 2 * (k + 1) / math.factorial(2 * k + 3) for k in range(_TERMS))
_VERSINE = tuple((-1) ** k * 2 / math.factorial(2 * k + 2) for k in range(_TERMS))
_SINC = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(_TERMS))
# the singular part of r P: P_-4 / (9 pi^2) = 1/4 exactly, then P_-3, P_-2, P_-1, and the logarithm
_P3, _P2, _P1 = (c / THREE_PI**2 for c in _series.PRINCIPAL[1:4])
_SOLVER_STEPS, _UNFOLD_STEPS = 3, 3  # Newton steps; one fewer leaves 1e-8, one more changes nothing
_TINY = 1e-78
_ROUNDING = 16 * EPS
_GUESS = 0.7  # about the mean of A' on [0, pi/2], for the first guess


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """sum_k c_k x^k."""
    return divided(coefficients, (x,))


def _scaled(theta: Array) -> Array:
    """The variable of the fits, in [-1, 1] for angles in [0, pi/2]."""
    return theta * (4 / math.pi) - 1


def _fit(coefficients: tuple[float, ...], theta: Array) -> Array:
    """A fit at an angle in [0, pi/2]."""
    return _polynomial(coefficients, _scaled(theta))


def _fit_divided(coefficients: tuple[float, ...], theta: Array, other: Array) -> Array:
    """The divided difference of a fit between two angles in [0, pi/2]."""
    return divided(coefficients, (_scaled(theta), _scaled(other))) * (4 / math.pi)


def _shape(theta: Array) -> Array:
    """n = 1 + theta V(theta), with v = -theta^2 n/(3 pi), on [0, pi/2]."""
    return 1 + theta * _fit(_series.GENERATOR_FIT, theta)


def _fold_cosine(fold: Array) -> Array:
    """cos f(pi - fold) = (sin fold - fold cos fold)/pi for a fold in [0, 2]."""
    return fold**3 * _polynomial(_BRACKET, fold**2) / math.pi


@jax.custom_jvp
def _unfold(cosine: Array) -> Array:
    """The fold in [0, 2] whose `_fold_cosine` is `cosine`: Newton from its series in the cube root."""

    def drop(fold: Array) -> tuple[Array, Array]:
        return _fold_cosine(fold), fold**2 * _polynomial(_SINC, fold**2) / math.pi

    cube = jnp.cbrt(THREE_PI * cosine)
    guess = cube * (1 + cube**2 / 30 * (1 + cube**2 * (41 / 420)))
    return unfolded(guess, cosine, drop, steps=_UNFOLD_STEPS)


@_unfold.defjvp
def _unfold_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    fold = _unfold(primals[0])
    slope = fold * jnp.sin(fold)
    return fold, jnp.where(slope > 0, math.pi / jnp.where(slope > 0, slope, 1.0), HUGE) * tangents[0]


@jax.custom_jvp
def _travel(start: Array, time: Array) -> tuple[Array, Array, Array]:
    """delta, theta_l/theta_1 and theta_l, for theta_1 = `start` and theta_l in [0, pi/2] and a finite time.

    Newton on delta - (3/2) log(1 + delta/w_1) + A(theta_l) - A(theta_1) = time, whose slope is 1/n(theta_l).
    """
    rate = start / THREE_PI

    def reached(delta: Array) -> tuple[Array, Array]:
        end = start / (1 + delta * rate)
        return delta * rate * end * _fit_divided(_series.ABEL_FIT, start, end), _shape(end)

    delta = time + 1.5 * jnp.log1p(jnp.maximum(time, 0.0) * rate)
    delta = time + (1.5 * jnp.log1p(delta * rate) + _GUESS * start * (delta * rate) / (1 + delta * rate))
    delta = arrival(delta, time, rate, reached, steps=_SOLVER_STEPS)
    ratio = 1 / (1 + delta * rate)
    return delta, ratio, start * ratio


@_travel.defjvp
def _travel_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    """d delta/d time = n_l, d theta_l/d theta_1 = v_l/v_1, and what follows, without cancellation."""
    (start, _), (by_start, by_time) = primals, tangents
    delta, ratio, end = _travel(*primals)
    shape_start, shape_end = _shape(start), _shape(end)
    # n_l - n_1 = (theta_l - theta_1) slope, the divided difference of theta V
    slope = _fit(_series.GENERATOR_FIT, end) + start * _fit_divided(_series.GENERATOR_FIT, end, start)
    gain = ratio * slope / shape_start
    return (delta, ratio, end), (
        delta * gain * by_start + shape_end * by_time,
        -(ratio**2) / THREE_PI * (delta * (1 + start * gain) * by_start + start * shape_end * by_time),
        ratio**2 * shape_end / shape_start * by_start - end**2 / THREE_PI * shape_end * by_time,
    )


def entry(theta: Array) -> tuple[Array, Array, Array, Array]:
    """high, fold, gap, start: one exact step for angles above pi/2; start = pi/2 - gap is at most pi/2."""
    high = theta > HALF_PI
    fold = jnp.where(high, supplement(theta), HALF_PI)
    gap = jnp.where(high, jnp.arcsin(_fold_cosine(fold)), HALF_PI - theta)
    return high, fold, gap, jnp.where(high, HALF_PI - gap, theta)


def low_abel(theta: Array) -> Array:
    """alpha on (0, pi/2]; infinite at 0, with the slope -`HUGE`."""
    zero = theta == 0
    w = THREE_PI / jnp.where(zero, 1.0, theta)
    value = w - 1.5 * jnp.log(w) + _fit(_series.ABEL_FIT, theta)
    return jnp.where(zero, jnp.inf - theta * HUGE, value)


class Passage(NamedTuple):
    """One flow: where it enters and leaves.

    Attributes:
        finite: the time is finite (otherwise the rest describes time 0).
        high, fold, gap, start: see `entry`.
        pull: the end is above f(pi/2) and reached by undoing a step from `end`.
        delta: w_end - w_start.
        ratio: end / start.
        end: the angle in [0, pi/2] that was reached.
        cosine: cos(end), where `pull`.
        end_fold: pi minus the final angle, where `pull`.
        at_pi: the flow starts at pi and has time 0: theta_l and S jump off with infinite slopes in time.
    """

    finite: Array
    high: Array
    fold: Array
    gap: Array
    start: Array
    pull: Array
    delta: Array
    ratio: Array
    end: Array
    cosine: Array
    end_fold: Array
    at_pi: Array


def advance(theta: Array, time: Array) -> Passage:
    """The flow in the module's variables; `pull` marks ends reached by undoing a step."""
    finite = jnp.isfinite(time)
    time = jnp.where(finite, time, 0.0)
    high, fold, gap, start = entry(theta)
    taken = jnp.where(high, 1.0, 0.0)
    arrival = lax.stop_gradient(low_abel(start) + time - taken)  # the Abel time of the end
    # never flow backwards after the entering step: it would cancel in S
    pull = (high & (time < 1)) | ((time < 0) & (arrival < _series.ABEL_AT_PI + 1))
    beyond = pull & (arrival < _series.ABEL_AT_PI - _ROUNDING * (1 + jnp.abs(time)))
    delta, ratio, end = _travel(start, time + (jnp.where(pull, 1.0, 0.0) - taken))
    end_gap = jnp.where(pull, gap + start * end * (delta / THREE_PI), 0.3)
    cosine = jnp.where(beyond, jnp.nan, jnp.sin(jnp.maximum(end_gap, 0.0)))
    end_fold = _unfold(cosine)
    at_pi = (fold == 0) & (time == 0)
    return Passage(finite, high, fold, gap, start, pull, delta, ratio, end, cosine, end_fold, at_pi)


def end_angle(theta: Array, time: Array, parts: Passage) -> Array:
    """The angle reached; at pi itself (time 0) the slope in time is -`HUGE`."""
    angle = jnp.where(parts.pull, math.pi - parts.end_fold, parts.end)
    angle = jnp.where(parts.at_pi, theta - jnp.where(parts.finite, time, 0.0) * HUGE, angle)
    return jnp.where(parts.finite, angle, 0.0)


def end_sum(theta: Array, time: Array, parts: Passage) -> Array:
    """S(1 + time), all differences of P carrying delta as a factor; see `ntk_sum`."""
    high, fold, pull = parts.high, parts.fold, parts.pull
    start, delta, x, end = parts.start, parts.delta, parts.ratio, parts.end
    rate = start / THREE_PI
    growth = _shape(end) * _polynomial(_SINC, end**2)  # r(t) = t^3 growth(t) / (3 pi)
    ratio = x**3 * growth / (_shape(start) * _polynomial(_SINC, start**2))  # r(theta_l) / r(theta_1)
    slope = _fit_divided(_series.PRINCIPAL_FIT, start, end)
    powers = (1 + x) * (1 + x**2) / 4 + end * (_P3 * (1 + x + x**2) + end * (_P2 * (1 + x) + end * _P1))
    rest = _series.PRINCIPAL_LOG * jnp.log1p(delta * rate) + delta * rate * end * slope
    gained = growth * (delta * powers - end**3 / THREE_PI * rest)
    entered = jnp.where(high, jnp.sin(jnp.where(high, parts.gap, 0.0)), 0.0)
    left = jnp.where(pull, parts.cosine, 0.0)
    first = jnp.cos(theta) * jnp.where(high, fold / math.pi, 1.0)
    total = first * ratio + (entered * ratio - left) + gained
    lift = pull & (parts.end_fold > 0)
    total = total * jnp.where(lift, math.pi / jnp.where(lift, parts.end_fold, 1.0), 1.0)
    total = jnp.where(parts.at_pi, jnp.cos(theta) + time * HUGE, total)
    zero = theta == 0
    alpha = low_abel(jnp.where(parts.finite | (start < _TINY), 1.0, start)) - jnp.where(high, 1.0, 0.0)
    return jnp.where(parts.finite, total, jnp.where(zero, time, (time + alpha) / 4))


@jax.jit
def step(theta: Array) -> Array:
    """f, see `relu_flow.relu_angle_step`."""
    low = theta <= HALF_PI
    angle, fold = jnp.where(low, theta, 0.0), jnp.where(low, 0.0, supplement(theta))
    square = _polynomial(_VERSINE, angle**2) - angle * _polynomial(_BRACKET, angle**2) * (2 / math.pi)
    half = jnp.arcsin(jnp.where(low, angle / 2 * jnp.sqrt(square), _fold_cosine(fold)))
    return jnp.where(low, 2 * half, HALF_PI - half)


@jax.jit
def generator(theta: Array) -> Array:
    """v, see `relu_flow.generator`."""
    high, fold, gap, start = entry(theta)
    value = -(start**2) / THREE_PI * _shape(start)
    edge = fold == 0
    slope = fold * jnp.sin(fold) / (math.pi * jnp.cos(gap))  # f' where the angle is above pi/2
    value = value / jnp.where(high & ~edge, slope, 1.0)
    return jnp.where(edge, -jnp.inf, value)


@jax.jit
def abel(theta: Array) -> Array:
    """alpha, see `relu_flow.abel`."""
    high, _, _, start = entry(theta)
    return low_abel(start) - jnp.where(high, 1.0, 0.0)


@jax.jit
def principal_sum(theta: Array) -> Array:
    """P, see `relu_flow.principal_sum`."""
    high, _, _, start = entry(theta)
    zero = start < _TINY  # P overflows already at 1e-77
    angle = jnp.where(zero, 1.0, start)
    singular = _polynomial((0.0, *_series.PRINCIPAL[3::-1]), 1 / angle)
    value = singular + _series.PRINCIPAL_LOG * jnp.log(angle) + _fit(_series.PRINCIPAL_FIT, angle)
    value = value - jnp.where(high, THREE_PI / (jnp.tan(angle) * angle**2 * _shape(angle)), 0.0)
    return jnp.where(zero, jnp.inf - theta * HUGE, value)


@jax.jit
def flow(theta: Array, time: Array) -> Array:
    """theta_l, see `relu_flow.flow`."""
    return end_angle(theta, time, advance(theta, time))


@jax.jit
def ntk_sum(theta: Array, time: Array) -> tuple[Array, Array]:
    """theta_l and S(l), see `relu_flow.ntk_sum`."""
    parts = advance(theta, time)
    return end_angle(theta, time, parts), end_sum(theta, time, parts)
