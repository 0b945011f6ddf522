"""Operations on piecewise-linear paths: augmentation, concatenation, reversal, change of time, restriction.

Each takes a `PiecewiseLinear` (or sample points, at the times 0, 1, ...) and returns a new one; values may be
traced, and results can be differentiated in them.

Sources: LyonsCaruanaLevy2007 (concatenation, reversal); FlintHamblyLyons2016 (lead-lag).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear, sampled

#: What leaves the range of float64 is refused by name, not warned of.
_QUIET = np.errstate(over="ignore", invalid="ignore")


def as_path(path: Any) -> PiecewiseLinear:
    """`path` itself, or the path through the points `path`, shape (points, channels), at the times 0, 1, ..."""
    path = sampled(path)
    return path if isinstance(path, PiecewiseLinear) else PiecewiseLinear(path)


def add_time(path: Any) -> PiecewiseLinear:
    """t -> (t, X_t): time as the first channel, shape (points, 1 + channels).

    The signature then determines the path, its start aside. Raises `InputError` for a bad path.

    >>> import roughntk as rn
    >>> rn.rough.add_time([[0.0], [2.0], [1.0]]).values.tolist()
    [[0.0, 0.0], [1.0, 2.0], [2.0, 1.0]]
    """
    path = as_path(path)
    values, times, xp = _numbers(path)
    return PiecewiseLinear(xp.concatenate([times[:, None], values], 1), path.times if path.timed else None)


@_QUIET
def lead_lag(path: Any) -> PiecewiseLinear:
    """The lead-lag path (lead, lag) in 2 * channels channels, through 2 * points - 1 points:

    (X_0, X_0), (X_1, X_0), (X_1, X_1), (X_2, X_1), ...: the lead moves in the first half of each interval, the
    lag follows in the second. S^{lead i, lag j} - S^{lag i, lead j} = sum_k dX^i_k dX^j_k, the quadratic
    variation, and S^{lag i, lead j} = sum_k (X^i_k - X^i_0) dX^j_k, the Ito sum.
    Raises `InputError` for a bad path, and for two times with no number between them.

    >>> import roughntk as rn
    >>> rn.rough.lead_lag([[0.0], [1.0]]).values.tolist()
    [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]
    """
    values, given, xp = _numbers(as_path(path))
    twice = xp.repeat(values, 2, axis=0)
    middles = given[:-1] + xp.diff(given) / 2
    times = xp.concatenate([xp.stack([given[:-1], middles], 1).ravel(), given[-1:]])
    _check_apart(xp.minimum(middles - given[:-1], given[1:] - middles), given, "halved")
    return PiecewiseLinear(xp.concatenate([twice[1:], twice[:-1]], 1), times)


@_QUIET
def concatenate(*paths: Any) -> PiecewiseLinear:
    """X * Y * ...: each path begins where and when the one before it ends (values and times are shifted).

    S(X * Y) = S(X) (x) S(Y), Chen's identity. Raises `InputError` for no path, different numbers of channels, or times
    that are no longer told apart when they are shifted.

    >>> import roughntk as rn
    >>> rn.rough.concatenate([[0.0], [1.0]], [[5.0], [7.0]]).values.tolist()
    [[0.0], [1.0], [3.0]]
    """
    if not paths:
        raise InputError("expected at least one path, got none; pass the paths to join, in order")
    joined = [as_path(path) for path in paths]
    channels = [path.channels for path in joined]
    if len(set(channels)) > 1:
        raise InputError(f"expected paths with one number of channels, got {channels}; join paths in the same space")
    parts = [_numbers(path) for path in joined]
    xp = jnp if any(part[2] is jnp for part in parts) else np
    values, times = [parts[0][0]], [parts[0][1]]
    for points, clock, _ in parts[1:]:
        values.append(values[-1][-1] + (points[1:] - points[0]))
        shifted = times[-1][-1] + (clock - clock[0])
        _check_apart(shifted[1:] - shifted[:-1], clock, "shifted")
        times.append(shifted[1:])
    timed = any(path.timed for path in joined)
    return PiecewiseLinear(xp.concatenate(values), xp.concatenate(times) if timed else None)


@_QUIET
def reverse(path: Any) -> PiecewiseLinear:
    """t -> X_{t0 + t1 - t}, over the same times [t0, t1]; its signature is the inverse of that of X.

    Raises `InputError` for a bad path, and for times that are no longer told apart when they are reversed.

    >>> import roughntk as rn
    >>> rn.rough.reverse([[0.0], [1.0], [4.0]]).values.tolist()
    [[4.0], [1.0], [0.0]]
    """
    path = as_path(path)
    values, given, xp = _numbers(path)
    times = given[0] + (given[-1] - given[::-1])
    times = xp.concatenate([times[:-1], given[-1:]])  # t0 + (t1 - t0) may differ from t1 by a rounding
    _check_apart(xp.diff(times), given[::-1], "reversed")
    return PiecewiseLinear(values[::-1], times if path.timed else None)


def _numbers(path: PiecewiseLinear) -> tuple[Any, Any, Any]:
    """The points, their times, and NumPy, which compiles nothing for another number of points, or jax.numpy where they
    are traced."""
    if _checks.is_traced(path.values, path.times):
        return path.values, path.times, jnp
    return np.asarray(path.values), np.asarray(path.times), np


def _check_apart(gaps: Any, times: Any, changed: str) -> None:
    """Refuse concrete `gaps` between new times that rounding has closed, naming the old times[i], times[i + 1]."""
    if _checks.is_traced(gaps):
        return
    stuck = np.flatnonzero(np.asarray(gaps) <= 0)
    if stuck.size:
        i = int(stuck[0])
        first, second = sorted((float(times[i]), float(times[i + 1])))
        raise InputError(
            f"expected times that are told apart when {changed}, got {first!r} and {second!r}, closer than rounding; "
            f"drop one of the two points, or reparametrise the path"
        )


def reparametrise(path: Any, times: Any) -> PiecewiseLinear:
    """The same points at other `times`: an array of shape (points,), or an increasing function of the times.

    A function phi, applied to the array of sample times, gives the path with value X_i at phi(t_i), linear
    between. The signature and the p-variation do not change.
    Raises `InputError` for times that do not increase strictly, NaN, or another shape.

    >>> import roughntk as rn
    >>> rn.rough.reparametrise([[0.0], [1.0], [4.0]], [0.0, 3.0, 5.0]).times.tolist()
    [0.0, 3.0, 5.0]
    """
    path = as_path(path)
    return PiecewiseLinear(path.values, times(path.times) if callable(times) else times)


def sub_path(path: Any, start: Any, stop: Any) -> PiecewiseLinear:
    """The restriction of X to [start, stop]: X at both ends, and the sample points strictly between them.

    Raises `InputError` unless t0 <= start < stop <= t1, and for traced times (those of a path made inside `jax.jit`
    are traced), on which the number of points would depend.

    >>> import roughntk as rn
    >>> rn.rough.sub_path([[0.0], [1.0], [4.0]], 0.5, 2.0).values.tolist()
    [[0.5], [1.0], [4.0]]
    """
    path = as_path(path)
    if _checks.is_traced(path.times, start, stop):
        raise InputError(
            "expected concrete times, got a JAX tracer; the number of points of a sub-path depends on them, take it "
            "outside jit"
        )
    first, last = (
        _checks.number(value, name, remedy="give a time") for value, name in ((start, "start"), (stop, "stop"))
    )
    times = np.asarray(path.times)
    if not times[0] <= first < last <= times[-1]:
        raise InputError(
            f"expected {times[0]} <= start < stop <= {times[-1]}, got start {first} and stop {last}; a "
            f"piecewise-linear path does not extrapolate"
        )
    low, high = np.searchsorted(times, first, "right"), np.searchsorted(times, last, "left")
    ends = [path.evaluate(first)[None], path.values[low:high], path.evaluate(last)[None]]
    return PiecewiseLinear(jnp.concatenate(ends), np.array([first, *times[low:high], last]))


@_QUIET
def levy_area(path: Any) -> jax.Array:
    """A_ij = (S^{ij} - S^{ji}) / 2 = (1/2) int (X^i - X^i_0) dX^j - (X^j - X^j_0) dX^i of the whole path.

    Shape (channels, channels), antisymmetric: the second level of the log-signature. It is the area enclosed
    with the chord, positive where the path turns from channel i towards channel j.
    Raises `InputError` for a bad path, and for an area beyond float64.

    >>> import roughntk as rn
    >>> rn.rough.levy_area([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]).tolist()
    [[0.0, 0.5], [-0.5, 0.0]]
    """
    values, _, xp = _numbers(as_path(path))
    moment = (values[:-1] - values[0]).T @ xp.diff(values, axis=0)
    area = jnp.asarray((moment - moment.T) / 2)
    if not _checks.is_traced(area) and not np.isfinite(area).all():
        raise InputError(
            "expected an area within float64, got infinite entries; scale the path, its area goes with the square"
        )
    return area
