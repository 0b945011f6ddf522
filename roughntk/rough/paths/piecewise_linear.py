"""Piecewise-linear paths with diffrax's path contract: `t0`, `t1`, `evaluate`, `derivative`.

Anything with that contract can drive a `diffrax.ControlTerm`. diffrax's own interpolations extrapolate
silently outside their times; `PiecewiseLinear` refuses.
"""

import math
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError

_OUTSIDE = "expected a time in [t0, t1], got one outside; a piecewise-linear path does not extrapolate"

#: The part of a step of times that rounding to float32 may take, in JAX's 32-bit mode.
LOST_OF_A_STEP = 1e-3


class PiecewiseLinear(diffrax.AbstractPath):
    """X_t = X_i + (t - t_i) / (t_{i+1} - t_i) (X_{i+1} - X_i) for t_i <= t <= t_{i+1}.

    `values`: X_i, shape (points, channels), finite, at least two points; shape (points,) is one channel.
    `times`: t_i, shape (points,), strictly increasing; 0, 1, ..., points - 1 if left out.
    Raises `InputError` for other shapes, NaN, or times that do not increase (naming the rows). Traced values
    and times are checked for shape only. `timed`: whether times were given.
    """

    times: jax.Array
    values: jax.Array
    timed: bool = eqx.field(static=True)

    def __init__(self, values: Any, times: Any = None):
        values = path_array(values)
        points = values.shape[0]
        self.timed = times is not None
        times = np.arange(points, dtype=np.float64) if times is None else times
        self.times = jnp.asarray(times, float) if _checks.is_traced(times) else _held(times, points)
        if self.times.shape != (points,):
            raise _checks.wrong_number_of_times(points, self.times.shape)
        self.values = jnp.array(values, float)  # shares no memory with the caller's

    @property
    def t0(self) -> jax.Array:  # type: ignore[override]
        """The first time."""
        return self.times[0]

    @property
    def t1(self) -> jax.Array:  # type: ignore[override]
        """The last time."""
        return self.times[-1]

    @property
    def channels(self) -> int:
        """The number of channels."""
        return self.values.shape[1]

    @property
    def points(self) -> int:
        """The number of sample points."""
        return self.values.shape[0]

    def evaluate(self, t0: Any, t1: Any = None, left: bool = True) -> jax.Array:
        """X_{t0}, or the increment X_{t1} - X_{t0} if `t1` is given; shape (channels,). `left` changes
        nothing, as the path is continuous. Times are scalars (`jax.vmap` for many).

        Raises `InputError` for a time outside [t0, t1] (a runtime error under `jax.jit`); a few units in the
        last place are forgiven, since solvers form times as t + dt, and moved to the end.
        """
        if t1 is not None:
            return self.evaluate(t1) - self.evaluate(t0)
        time, values, times, i = self._around(t0, left)
        weight = (time - times[i]) / (times[i + 1] - times[i])
        return jnp.asarray((1 - weight) * values[i] + weight * values[i + 1])

    def at(self, times: np.ndarray) -> np.ndarray:
        """The values of a known path at known times within [t0, t1], shape (times, channels)."""
        knots, values = np.asarray(self.times), np.asarray(self.values)
        i = (np.searchsorted(knots, times) - 1).clip(0, self.points - 2)
        weight = ((times.clip(knots[0], knots[-1]) - knots[i]) / (knots[i + 1] - knots[i]))[:, None]
        return (1 - weight) * values[i] + weight * values[i + 1]

    def derivative(self, t: Any, left: bool = True) -> jax.Array:
        """The slope (X_{i+1} - X_i) / (t_{i+1} - t_i) of the piece holding t, shape (channels,); at a sample
        time that of the piece to the left, or to the right if `left` is False (at the ends, the only one
        there is).

        Raises as `evaluate` does.
        """
        _, values, times, i = self._around(t, left)
        return jnp.asarray((values[i + 1] - values[i]) / (times[i + 1] - times[i]))

    def _around(self, t: Any, left: bool) -> tuple[Any, Any, Any, Any]:
        """The time, the points and their times, and the number of the piece that holds the time.

        By NumPy where all are known, which compiles nothing for a number of points that was not seen before.
        """
        time: Any = self._inside(t)
        values: Any = self.values
        times: Any = self.times
        search: Any = jnp.searchsorted
        if not _checks.is_traced(time, values, times):
            time, values, times, search = np.asarray(time), np.asarray(values), np.asarray(times), np.searchsorted
        piece = search(times, time, side="left" if left else "right") - 1
        return time, values, times, piece.clip(0, self.points - 2)

    def _inside(self, t: Any) -> jax.Array:
        if not _checks.is_traced(t):
            t = _checks.real_array(t, "t")
        known = not _checks.is_traced(t, self.times)
        xp: Any = np if known else jnp
        ends = np.asarray(self.times)[[0, -1]] if known else self.times[jnp.array([0, -1])]
        time = xp.asarray(t, self.times.dtype)
        if time.shape != ():
            raise InputError(f"expected one time, got shape {time.shape}; use jax.vmap for many")
        slack = 8 * jnp.finfo(time.dtype).eps * xp.abs(ends).max()
        # Written so that a NaN time is outside.
        outside = ~((time >= ends[0] - slack) & (time <= ends[1] + slack))
        if not _checks.is_traced(outside):
            if outside:
                raise InputError(
                    f"expected a time in [{self.t0}, {self.t1}], got {time}; "
                    f"a piecewise-linear path does not extrapolate, add sample points"
                )
        else:
            time = eqx.error_if(time, outside, _OUTSIDE)
        return xp.clip(time, ends[0], ends[1])


def sampled(path: Any) -> Any:
    """The polygon of a path that knows where to sample itself, by its method `piecewise_linear()`, as the drivers of
    `roughntk.transport` do; everything else as it is."""
    if isinstance(path, type) or not hasattr(path, "piecewise_linear"):
        return path
    return path.piecewise_linear()


def path_array(path: Any, name: str = "path", *, times: Any = None, batch: bool = False) -> Any:
    """The sample points of whatever a user may hand in as a path: the one entry for all of `rough`.

    Args:
        path: an array (points, channels), or (points,) for one channel, a `PiecewiseLinear`, or what makes one of
            itself by a method `piecewise_linear()`; with `times`, anything with `t0`, `t1` and `evaluate`.
        name: what messages call it.
        times: where a path object is evaluated, shape (points,), increasing, within [t0, t1].
        batch: whether leading axes are allowed, (..., points, channels).

    Returns:
        The points, shape (points, channels) or (..., points, channels): a finite float64 array of NumPy or JAX, which
        may be the caller's own, or a float JAX tracer, whose shape alone can be checked.

    Raises:
        InputError: NaN, masked entries, no real numbers, fewer than two points, no channel, an empty batch, another
            kind of object, bad times.
    """
    if times is None and type(path) is np.ndarray and path.dtype == np.float64 and _all_finite(path):
        return _shaped(path, name, batch)  # the common case first: some signatures are done in 20 microseconds
    path = sampled(path) if times is None else _evaluated(path, times)
    if isinstance(path, PiecewiseLinear):
        path = path.values
    elif hasattr(path, "evaluate") and not isinstance(path, type):
        raise InputError(
            f"expected {name} to be sample points or a PiecewiseLinear, got a {type(path).__name__} without the times "
            f"to evaluate it at; give times=, or its points jax.vmap(path.evaluate)(times)"
        )
    elif isinstance(path, eqx.Module):
        raise InputError(
            f"expected {name} to be sample points, an array (points, channels), or a PiecewiseLinear, got a "
            f"{type(path).__name__}; pass the path that it was made of (the points of a Lift are "
            f"lift.prefixes[:, : lift.channels])"
        )
    if _checks.is_traced(path):
        if jnp.iscomplexobj(path):
            raise InputError(f"expected {name} to hold real numbers, got dtype {path.dtype}; take the real part")
        return _shaped(jnp.asarray(path, float), name, batch)
    if not isinstance(path, np.ndarray | jax.Array) or path.dtype != np.float64:
        return _shaped(_checks.real_array(path, name), name, batch)
    if type(path) is not np.ndarray or not _all_finite(path):
        _checks.real_array(path, name)  # says what is wrong, and where
    return _shaped(path, name, batch)


def _all_finite(array: np.ndarray) -> bool:
    """Whether there is no NaN or infinity; few numbers are squared and added, which is faster and starts no threads."""
    entries = array.ravel()
    with np.errstate(over="ignore"):
        return (entries.size <= 8192 and math.isfinite(entries.dot(entries))) or bool(np.isfinite(entries).all())


def _shaped(points: Any, name: str, batch: bool) -> Any:
    shape = points.shape
    wanted = "(..., points, channels)" if batch else "(points, channels)"
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim < 2 or (points.ndim > 2 and not batch):
        raise InputError(
            f"expected {name} of shape {wanted}, got shape {shape}; "
            f"{'pass one path at a time, jax.vmap for many' if points.ndim > 2 else 'pass the points in order'}"
        )
    if points.shape[-1] == 0:
        raise InputError(f"expected {name} with at least one channel, got shape {shape}; add a column")
    if points.shape[-2] < 2:
        raise InputError(
            f"expected {name} of shape {wanted} with at least two points, got shape {shape}; a path needs a start and "
            f"an end"
        )
    if 0 in points.shape:
        raise InputError(
            f"expected at least one path in {name}, got a batch of shape {shape[:-2]}; leave out empty batches"
        )
    return points


def _evaluated(path: Any, times: Any) -> jax.Array:
    """The values of a path object at the times, shape (points, channels)."""
    if not all(hasattr(path, name) for name in ("t0", "t1", "evaluate")):
        raise InputError(
            f"expected a path with t0, t1 and evaluate to take at the given times, got {type(path).__name__}; leave "
            f"times out for an array, or make it a PiecewiseLinear"
        )
    array = _checks.increasing_times(times)
    if not _checks.is_traced(path.t0, path.t1) and not float(path.t0) <= array[0] < array[-1] <= float(path.t1):
        ends = _checks.apart(path.t0, path.t1, array[0], array[-1])
        raise InputError(
            f"expected times within [{ends[0]}, {ends[1]}], got [{ends[2]}, {ends[3]}]; a path is not extrapolated"
        )
    if isinstance(path, PiecewiseLinear) and not _checks.is_traced(path.values, path.times):
        return jnp.array(path.at(array))
    values = _evaluate(path, jnp.asarray(array))
    if not isinstance(values, jax.Array):
        raise InputError(f"expected evaluate to give an array, got {type(values).__name__}; ravel its parts into one")
    return values.reshape(len(array), -1)


@eqx.filter_jit
def _evaluate(path: Any, times: jax.Array) -> Any:
    return jax.vmap(lambda time: path.evaluate(time))(times)


def _held(times: Any, points: int) -> jax.Array:
    """Known times on the device, refused where 32 bits do not hold their steps."""
    array = _checks.increasing_times(times, points)
    held = jnp.asarray(array)
    if held.dtype != np.float64:  # JAX in 32-bit mode
        gaps = np.diff(array)
        if (np.abs(np.diff(np.asarray(held, np.float64)) - gaps) > LOST_OF_A_STEP * gaps).any():
            first, last = _checks.apart(array[0], array[-1])
            _checks.require_x64(f"telling {points} times from {first} to {last} apart")
    return held
