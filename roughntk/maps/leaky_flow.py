"""Real depth of the leaky ReLU kernels, infinite depth included, at a cost free of depth.

Notation as in `roughntk.maps._germ`: m = 2 sin(theta/2) is the chord, W = lambda/m, and after a time of l - 1 layers
delta = W_l - W_1 and x = W_1/W_l = m_l/m_1. The time and the sum S = l K of the tangent kernel are

    time = delta - (3/2) log(1 + delta/W_1) + A_l - A_1,
    S(l) = ratio S_1 + sigma_l - ratio sigma_1,             ratio = r_l/r_1 = x^3 n_l/n_1,

and no difference is formed by subtraction: all carry delta as a factor. An angle above M = f(pi), or for negative
slopes above the largest angle that a layer leaves, takes one exact step first. Where that step is more than the time,
kappa <= 1, and one step is undone at the end; the step is held as drop = cos f(theta) - cos f(pi). For kappa > 1 the
layer map is not injective, f(theta) = f(theta') for some theta < theta', and no flow can lead from 1 to 2: depths in
(1, 2) do not exist.

Everything is elementwise, broadcasts, is float64, and may be transformed by jit, vmap, jvp and grad in the angle and
the depth; the slope is known.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk._checks import InputError, is_traced, number, require_x64
from roughntk._checks.parameters import entries_within
from roughntk._checks.precision import HUGE
from roughntk.maps._flow_parts import arrival, divided, mean, unfolded
from roughntk.maps._germ import Germ, germ
from roughntk.maps.duals import bracket, supplement
from roughntk.maps.leaky_layer import STEEPEST_SLOPE, relu_angle_layer

_SOLVER_STEPS, _UNFOLD_STEPS = 5, 6  # Newton steps; more change nothing


class _Place(NamedTuple):
    """One angle in [0, M]: its chord m, T = tan(theta/4), the variable x of the polynomials, and n."""

    chord: Array
    quarter: Array
    x: Array
    shape: Array


def _place(constants: Germ, chord: Array) -> _Place:
    quarter = chord / (2 + jnp.sqrt(4 - chord**2))
    x = constants.stretch * quarter / (constants.pole - quarter) - 1
    return _Place(chord, quarter, x, divided(constants.shape, (x,)))


def _between(constants: Germ, start: _Place, end: _Place, delta: Array, ratio: Array) -> tuple[Array, Array]:
    """x_1 - x_l over m_1 delta m_l/lambda, and that last quantity, m_1 - m_l: neither by subtraction."""
    t, u = start.quarter, end.quarter
    turn = (1 + t * t) * (1 + u * u) / (4 * (1 - t * u))
    stretched = constants.stretch * constants.pole / ((constants.pole - t) * (constants.pole - u))
    return turn * stretched, start.chord * ratio * (delta * (start.chord / constants.scale))


@jax.custom_jvp
def _travel(constants: Germ, chord: Array, time: Array) -> tuple[Array, Array]:
    """delta and x for a start with the chord m_1, of an angle in [0, M], and a finite time: Newton, slope 1/n_l."""
    rate, start = chord / constants.scale, _place(constants, chord)

    def reached(delta: Array) -> tuple[Array, Array]:
        ratio = 1 / (1 + delta * rate)
        end = _place(constants, chord * ratio)
        slope, gap = _between(constants, start, end, delta, ratio)
        return divided(constants.abel, (start.x, end.x)) * (slope * gap), end.shape

    delta = arrival(time + 1.5 * jnp.log1p(time * rate), time, rate, reached, steps=_SOLVER_STEPS)
    return delta, 1 / (1 + delta * rate)


@_travel.defjvp
def _travel_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    """d delta/d time = n_l, d m_l/d m_1 = x^2 n_l/n_1, and what follows, without cancellation."""
    (constants, chord, _), (_, by_chord, by_time) = primals, tangents
    delta, ratio = _travel(*primals)
    start, end = _place(constants, chord), _place(constants, chord * ratio)
    slope, _ = _between(constants, start, end, delta, ratio)
    gain = divided(constants.shape, (start.x, end.x)) * slope * ratio / start.shape
    moved = delta * gain * by_chord + end.shape * by_time
    return (delta, ratio), (moved, -(ratio**2) / constants.scale * (chord * moved + delta * by_chord))


def _drop(kappa: Array, fold: Array) -> Array:
    """cos f(pi - fold) - cos f(pi) = (1 - kappa)(1 - cos fold) + kappa (sin fold - fold cos fold)/pi."""
    return (1 - kappa) * 2 * jnp.sin(fold / 2) ** 2 + kappa / math.pi * fold**3 * bracket(fold)


@jax.custom_jvp
def _unfold(kappa: Array, drop: Array) -> tuple[Array, Array]:
    """The fold in [0, pi] with that drop, and 1 - cos fold; kappa <= 1. Newton from above on a convex function."""
    positive = drop > 0
    target = jnp.where(positive, drop, 1.0)
    square_root = jnp.sqrt(2 * target / jnp.maximum(1 - kappa, 1e-30))
    guess = jnp.minimum(jnp.minimum(square_root, jnp.cbrt(3 * math.pi / kappa * target)), math.pi)

    def drop_and_slope(fold: Array) -> tuple[Array, Array]:
        return _drop(kappa, fold), jnp.sin(fold) * ((1 - kappa) + kappa / math.pi * fold)

    fold = jnp.where(positive, unfolded(guess, target, drop_and_slope, steps=_UNFOLD_STEPS), 0.0)
    fold = jnp.where(jnp.isnan(drop), jnp.nan, fold)
    return fold, 2 * jnp.sin(fold / 2) ** 2


@_unfold.defjvp
def _unfold_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    kappa, drop = primals
    fold, versine = _unfold(kappa, drop)
    kept, sine = (1 - kappa) + kappa / math.pi * fold, jnp.sin(fold)
    by_versine = jnp.where(kept > 0, 1 / jnp.where(kept > 0, kept, 1.0), HUGE)
    by_fold = jnp.where(sine > 0, by_versine / jnp.where(sine > 0, sine, 1.0), HUGE)
    return (fold, versine), (by_fold * tangents[1], by_versine * tangents[1])


class _Passage(NamedTuple):
    """One flow from theta for a finite time.

    Attributes:
        high: one exact step is taken at the entrance.
        pull: one is undone at the end.
        start, end: the places between which the flow goes.
        delta, ratio: W_end - W_start and W_start/W_end.
        entered, left: cosines of the angles after the step at the entrance, and before the one undone at the end.
        kept: what the step at the entrance keeps of S, 1 - kappa theta/pi.
        fold, versine: pi - theta_l and 1 + cos theta_l, where `pull`.
        at_pi: theta = pi and time 0, where S jumps off with an infinite slope in time.
        stuck: time 0 at an angle that no layer of a folding map leaves: there is no flow.
    """

    high: Array
    pull: Array
    start: _Place
    end: _Place
    delta: Array
    ratio: Array
    entered: Array
    left: Array
    kept: Array
    fold: Array
    versine: Array
    at_pi: Array
    stuck: Array


def _advance(constants: Germ, theta: Array, time: Array) -> _Passage:
    kappa = constants.kappa
    injective = kappa <= 1
    time = jnp.where(injective | (time >= 1) | (time == 0), time, jnp.nan)
    above = theta > constants.largest
    stuck = above & ~injective & (time == 0)
    high = above & ~stuck
    pull = high & injective & (time < 1)
    fold = jnp.where(high, supplement(theta), 0.5)
    drop = _drop(kappa, fold)
    stepped = 2 * jnp.sin(relu_angle_layer(jnp.where(high, theta, 1.0), kappa, jnp.ones(()), constants.lack) / 2)
    low = jnp.minimum(theta, constants.largest)
    chord = jnp.where(high, stepped, 2 * jnp.sin(low / 2))
    taken = jnp.where(high & ~pull, 1.0, 0.0)
    delta, ratio = _travel(constants, chord, time - taken)
    start, end = _place(constants, chord), _place(constants, chord * ratio)
    rate = chord / constants.scale
    fallen = drop + chord**2 * (delta * rate) * ratio * (1 + ratio) / 2
    end_fold, versine = _unfold(jnp.minimum(kappa, 1.0), jnp.where(pull, fallen, 0.3))
    entered = jnp.where(high, jnp.where(injective, kappa - 1 + drop, 1 - chord**2 / 2), 0.0)
    left = jnp.where(pull, kappa - 1 + fallen, 0.0)
    kept = jnp.where(high, (1 - kappa) + kappa / math.pi * fold, 1.0)
    at_pi = injective & (theta == math.pi) & (time == 0)
    return _Passage(high, pull, start, end, delta, ratio, entered, left, kept, end_fold, versine, at_pi, stuck)


def _sum(constants: Germ, theta: Array, time: Array, at: _Passage) -> Array:
    """S(1 + time); see the module's formula."""
    kappa, scale, x, delta = constants.kappa, constants.scale, at.ratio, at.delta
    start, end = at.start, at.end
    slope, gap = _between(constants, start, end, delta, x)
    ratio = x**3 * end.shape / start.shape
    falls = divided(constants.shape, (start.x, end.x)) * slope / start.shape  # (n_1 - n_l)/n_1 over m_1 - m_l
    # 1 - ratio = lost gap/m_1, with (1 - x) = gap/m_1, and W_1 gap/m_1 = delta x
    lost = 1 + x + x * x + x**3 * falls * start.chord
    gained = delta / 4 * (1 + x * lost)
    gained = gained + divided(constants.rest, (start.x,)) * (delta / scale) * start.chord * x * lost
    gained = gained - divided(constants.rest, (start.x, end.x)) * slope * gap
    logs = jnp.log1p(delta * (start.chord / scale))
    gained = gained + end.shape * constants.logarithm * (end.chord / scale) ** 3 * logs
    total = jnp.cos(theta) * at.kept * ratio + (at.entered * ratio - at.left) + gained
    after = (1 - kappa) + kappa / math.pi * at.fold
    lift = at.pull & (after > 0)
    total = jnp.where(lift, total / jnp.where(lift, after, 1.0), total)
    total = jnp.where(at.stuck, jnp.cos(theta), total)
    return jnp.where(at.at_pi, jnp.cos(theta) + time * HUGE, total)


def _defect(theta: Array, at: _Passage) -> Array:
    """1 - cos theta_l, of full relative accuracy near 0."""
    defect = jnp.where(at.pull, 2 - at.versine, at.end.chord**2 / 2)
    return jnp.where(at.stuck, 2 * jnp.sin(theta / 2) ** 2, defect)


def ntk_kernel(constants: Germ, theta: Array, depth: Array) -> Array:
    """K(l) = S(l)/l; 1/4 at infinity, 1 where the angle is, or after one layer becomes, 0."""
    theta, depth = jnp.broadcast_arrays(theta, depth)
    finite = jnp.isfinite(depth)
    depth = jnp.where(finite, depth, 2.0)
    at = _advance(constants, theta, depth - 1)
    total = _sum(constants, theta, depth - 1, at)
    return jnp.where(finite, mean(total, depth), jnp.where(at.start.chord == 0, 1.0, 0.25))


def nngp_kernel(constants: Germ, theta: Array, depth: Array) -> Array:
    """rho(l) = cos theta_l; 1 at infinity."""
    return 1 - nngp_defect(constants, theta, depth)


def nngp_defect(constants: Germ, theta: Array, depth: Array) -> Array:
    """1 - cos theta_l."""
    theta, depth = jnp.broadcast_arrays(theta, depth)
    finite = jnp.isfinite(depth)
    time = jnp.where(finite, depth, 2.0) - 1
    return jnp.where(finite, _defect(theta, _advance(constants, theta, time)), 0.0)


def _angle(constants: Germ, theta: Array, time: Array) -> Array:
    """theta after a time in layers; at pi itself (time 0) the slope in time is -`HUGE`."""
    theta, time = jnp.broadcast_arrays(theta, time)
    finite = jnp.isfinite(time)
    time = jnp.where(finite, time, 1.0)
    at = _advance(constants, theta, time)
    angle = jnp.where(at.pull, math.pi - at.fold, 2 * jnp.arcsin(at.end.chord / 2))
    angle = jnp.where(at.stuck, theta, jnp.where(at.at_pi, theta - time * HUGE, angle))
    return jnp.where(finite, angle, 0.0)


def _abel(constants: Germ, theta: Array) -> Array:
    """alpha; infinite at 0."""
    high = theta > constants.largest
    low = 2 * jnp.sin(jnp.minimum(theta, constants.largest) / 2)
    entered = relu_angle_layer(jnp.where(high, theta, 1.0), constants.kappa, jnp.ones(()), constants.lack)
    stepped = 2 * jnp.sin(entered / 2)
    chord = jnp.where(high, stepped, low)
    zero = chord == 0
    w = constants.scale / jnp.where(zero, 1.0, chord)
    value = w - 1.5 * jnp.log(w) + divided(constants.abel, (_place(constants, chord).x,))
    return jnp.where(zero, jnp.inf, value - jnp.where(high, 1.0, 0.0))


_compiled_angle, _compiled_abel, compiled_defect = jax.jit(_angle), jax.jit(_abel), jax.jit(nngp_defect)


def flow(slope: Any, theta: Any, time: Any) -> Array:
    """The angle after `time` layers of a leaky ReLU network, for real `time` >= 0 (>= 1, or 0, for slope < 0).

    Args:
        slope: of phi below 0, known, in [-1, 0.95]; 0 is the ReLU.
        theta: angles in radians, in [0, pi].
        time: layers, broadcast against theta; inf gives 0.

    Returns:
        Angles, of the broadcast shape; whole times are the layer recursion.

    Raises:
        InputError: a bad slope, a known angle outside [0, pi], or a known time that is negative or, for a negative
            slope, in (0, 1).
    """
    theta, time = entries_within(theta, "theta", 0.0, math.pi), entries_within(time, "time", 0.0, math.inf)
    return _compiled_angle(_constants(slope, time), theta, time)


def abel(slope: Any, theta: Any) -> Array:
    """The Abel function of the layer map: alpha(f(theta)) = alpha(theta) + 1, in layers.

    alpha = w - (3/2) log w + o(1) at 0, w = 3 pi/(kappa theta), kappa = (1 - slope)^2/(1 + slope^2). Arguments and
    errors as for `flow`; alpha(0) = inf.
    """
    return _compiled_abel(_constants(slope, 0.0), entries_within(theta, "theta", 0.0, math.pi))


def constants(slope: float) -> Germ:
    """The germ of a known slope as arrays."""
    require_x64("a leaky ReLU at real depth")
    return jax.tree.map(jnp.asarray, germ(slope))


def _constants(slope: Any, time: Any) -> Germ:
    """The same of a checked slope; times that no flow leads to are refused where they are known."""
    known = number(slope, "slope", least=-1.0, most=STEEPEST_SLOPE)
    if known < 0 and not is_traced(time):
        between = np.asarray(time)[(np.asarray(time) > 0) & (np.asarray(time) < 1)]
        if between.size:
            raise InputError(
                f"expected a time of 0 or of at least 1 for the slope {known:g}, got {float(between.flat[0])!r}; for a "
                f"negative slope the first layer sends two angles to one, so that no flow leads into it: use a slope "
                f"of at least 0 or a time of at least 1"
            )
    return constants(known)
