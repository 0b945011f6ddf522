"""Real depth of the ReLU kernels: the one-layer map taken a real number of times, at a cost free of depth.

The ReLU angle map f(t) = arccos((sin t + (pi - t) cos t)/pi) has the parabolic fixed point 0. Its generator v
solves v(f) = f' v; its Abel function alpha = int 1/v turns depth into a sum, alpha(f) = alpha + 1; and the
principal sum P of q = -cos/(sin v), P(f) - P = q(f), adds up the layers of the neural tangent kernel:

    theta_l = alpha^(-1)(alpha(theta_1) + l - 1),
    S(l) = l K(l) = r(theta_l) (S_1/r(theta_1) + P(theta_l) - P(theta_1)),    r = -sin v.

How this is evaluated without cancellation is told in `roughntk.maps._parabolic`, and why it is not the flow of a leaky
ReLU of slope 0 in `roughntk.maps._flow_parts`.

Everything is elementwise, broadcasts, is float64, and may be transformed by jit, vmap, jvp and grad. Concrete
input is checked and raises `InputError`; traced input outside the domain gives NaN.
Sources: Ecalle1975 (iterative logarithm), Norlund1924 (principal sum).
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk._checks import InputError, is_traced
from roughntk._checks.parameters import entries_within
from roughntk._checks.precision import HUGE
from roughntk.maps import _parabolic, _series
from roughntk.maps._flow_parts import mean


def _pair(theta: Any, time: Any, least: float) -> tuple[Array, Array]:
    """Angles and times, checked and broadcast."""
    angles, times = jnp.broadcast_arrays(
        entries_within(theta, "theta", 0.0, math.pi), entries_within(time, "time", least, math.inf)
    )
    return angles, times


def relu_angle_step(theta: Any) -> Array:
    """One layer: f(theta) = arccos((sin theta + (pi - theta) cos theta)/pi).

    Evaluated as 2 arcsin((theta/2) sqrt(G)), G entire, up to pi/2, and above it, with s = pi - theta, as
    pi/2 - arcsin((sin s - s cos s)/pi): accuracy and all derivatives are kept, with f'(0) = 1, f'(pi) = 0.

    Args:
        theta: angles in radians, in [0, pi], any shape.

    Returns:
        The angles one layer further, same shape, in [0, pi/2].

    Raises:
        InputError: an entry is known and outside [0, pi].
    """
    return _parabolic.step(entries_within(theta, "theta", 0.0, math.pi))


def generator(theta: Any) -> Array:
    """v(theta) = d theta_l / d l, whose flow for unit time is f: v(f(theta)) = f'(theta) v(theta).

    Args:
        theta: angles in radians, in [0, pi], any shape.

    Returns:
        v, same shape, negative; 0 at 0 and -inf at pi, where it grows like -1.42/(pi - theta)^2.

    Raises:
        InputError: an entry is known and outside [0, pi].
    """
    return _parabolic.generator(entries_within(theta, "theta", 0.0, math.pi))


def abel(theta: Any) -> Array:
    """The Abel function: alpha(f) = alpha + 1, and alpha = w - (3/2) log w + o(1) at 0 with w = 3 pi/theta.

    Args:
        theta: angles in radians, in [0, pi], any shape.

    Returns:
        alpha in layers, same shape, decreasing from inf at 0 to alpha(pi) = 3.3898...; its derivative is 1/v.

    Raises:
        InputError: an entry is known and outside [0, pi].
    """
    return _parabolic.abel(entries_within(theta, "theta", 0.0, math.pi))


def inverse_abel(t: Any) -> Array:
    """The angle with alpha(theta) = t, as the flow from pi for the time t - alpha(pi).

    Args:
        t: Abel times in layers, at least alpha(pi) = 3.3898473837338517, any shape; inf gives 0.

    Returns:
        Angles in [0, pi], same shape.

    Raises:
        InputError: an entry is known and below alpha(pi).
    """
    time = entries_within(t, "t", _series.ABEL_AT_PI, math.inf) - _series.ABEL_AT_PI
    return _parabolic.flow(jnp.full_like(time, math.pi), time)


def flow(theta: Any, time: Any) -> Array:
    """theta after `time` layers: alpha^(-1)(alpha(theta) + time), for real `time`.

    For time >= 0 the angle keeps its relative accuracy at every theta, also where time is lost beside alpha: the error
    is at most 1e-13 theta_l for every normal float64 theta, the one nearest to pi standing for pi. This is tested
    against proven enclosures (`roughntk.certify`).

    Args:
        theta: angles in radians, in [0, pi].
        time: layers, broadcast against theta. Negative times go back, as long as the angle stays at most pi
            (beyond that a traced time gives NaN); inf gives 0, and theta = 0 stays 0.

    Returns:
        Angles, of the broadcast shape. d/d time = v(result), d/d theta = v(result)/v(theta).

    Raises:
        InputError: a known entry is NaN, an angle outside [0, pi], or a negative time leads beyond pi.
    """
    theta, time = _pair(theta, time, -HUGE)
    angles = _parabolic.flow(theta, time)
    if not is_traced(angles) and bool(jnp.isnan(angles).any()):
        place = tuple(np.argwhere(np.isnan(angles))[0])
        raise InputError(
            f"expected times that keep the angle at most pi, got time {float(time[place])!r} "
            f"from the angle {float(theta[place])!r}; use a time of at least alpha(pi) - alpha(theta)"
        )
    return angles


def principal_sum(theta: Any) -> Array:
    """P(theta), the principal sum of q = cos/r with r = -sin v: P(f(theta)) - P(theta) = q(f(theta)).

    For differences of P between nearby or tiny angles use `ntk_sum`, which does not cancel.

    Args:
        theta: angles in radians, in [0, pi], any shape.

    Returns:
        P, same shape; inf at 0, where P = (9 pi^2/4) theta^-4 + ...

    Raises:
        InputError: an entry is known and outside [0, pi].
    """
    return _parabolic.principal_sum(entries_within(theta, "theta", 0.0, math.pi))


def ntk_sum(theta: Any, time: Any) -> tuple[Array, Array]:
    """theta_l and S(l) = l K(l) of the ReLU neural tangent kernel at the real depth l = 1 + time.

    S(l) = r(theta_l) (S_1/r(theta_1) + P(theta_l) - P(theta_1)), S_1 = cos theta_1. At whole depths this is
    S_(L+1) = S_L (1 - theta_L/pi) + cos theta_(L+1). theta = 0 gives S(l) = l exactly.

    Args:
        theta: angles theta_1 between the inputs in radians, in [0, pi].
        time: layers beyond the first, at least 0, broadcast against theta; inf gives theta_l = 0, S = inf.

    Returns:
        theta_l and S(l), of the broadcast shape. dS/dl = (r' v/r) S + r P' v at theta_l.

    Raises:
        InputError: a known entry is NaN, an angle is outside [0, pi], or a time is negative.
    """
    return _parabolic.ntk_sum(*_pair(theta, time, 0.0))


def ntk_kernel(theta: Any, time: Any) -> Array:
    """The normalised kernel K(l) = S(l)/l at the real depth l = 1 + time.

    Arguments and errors as for `ntk_sum`. The error is at most 1e-13 max(|K|, 1/20), see `kernels.ReluNTK`.
    At time = inf it is 1/4, and 1 at theta = 0; there its derivatives are taken as 0.
    """
    theta, time = _pair(theta, time, 0.0)
    finite = jnp.isfinite(time)
    safe = jnp.where(finite, time, 0.0)
    value = mean(_parabolic.ntk_sum(theta, safe)[1], 1 + safe)
    return jnp.where(finite, value, jnp.where(theta == 0, 1.0, 0.25))
