"""Piecewise-linear paths with diffrax's path contract: `t0`, `t1`, `evaluate`, `derivative`.

Anything with that contract can drive a `diffrax.ControlTerm`. diffrax's own interpolations extrapolate
silently outside their times; `PiecewiseLinear` refuses.
"""

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
        self.times = jnp.asarray(times, float) if _checks.is_traced(times) else _increasing(times, points)
        if self.times.shape != (points,):
            raise InputError(_wrong_times(points, self.times.shape))
        self.values = jnp.asarray(values)

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
        time = self._inside(t0)
        i = self._piece(time, left)
        span = self.times[i + 1] - self.times[i]
        weight = (time - self.times[i]) / span
        return (1 - weight) * self.values[i] + weight * self.values[i + 1]

    def derivative(self, t: Any, left: bool = True) -> jax.Array:
        """The slope (X_{i+1} - X_i) / (t_{i+1} - t_i) of the piece holding t, shape (channels,); at a sample
        time that of the piece to the left, or to the right if `left` is False (at the ends, the only one
        there is).

        Raises as `evaluate` does.
        """
        i = self._piece(self._inside(t), left)
        return (self.values[i + 1] - self.values[i]) / (self.times[i + 1] - self.times[i])

    def _piece(self, time: jax.Array, left: bool) -> jax.Array:
        found = jnp.searchsorted(self.times, time, side="left" if left else "right") - 1
        return jnp.clip(found, 0, self.points - 2)

    def _inside(self, t: Any) -> jax.Array:
        if not _checks.is_traced(t):
            t = _checks.real_array(t, "t")
        time = jnp.asarray(t, self.times.dtype)
        if time.shape != ():
            raise InputError(f"expected one time, got shape {time.shape}; use jax.vmap for many")
        slack = 8 * jnp.finfo(time.dtype).eps * jnp.maximum(jnp.abs(self.t0), jnp.abs(self.t1))
        # Written so that a NaN time is outside.
        outside = ~((time >= self.t0 - slack) & (time <= self.t1 + slack))
        if not _checks.is_traced(outside):
            if outside:
                raise InputError(
                    f"expected a time in [{self.t0}, {self.t1}], got {time}; "
                    f"a piecewise-linear path does not extrapolate, add sample points"
                )
        else:
            time = eqx.error_if(time, outside, _OUTSIDE)
        return jnp.clip(time, self.t0, self.t1)


def path_array(path: Any, name: str = "path") -> Any:
    """The sample points of a path, shape (points, channels): a NumPy float64 copy, or a float JAX tracer.

    Accepts an array, a `PiecewiseLinear`, or a tracer (whose shape alone can be checked).
    Raises `InputError` as `_checks.path_points` does.
    """
    if isinstance(path, PiecewiseLinear):
        path = path.values
    if isinstance(path, eqx.Module):
        raise InputError(
            f"expected {name} to be sample points, an array (points, channels), or a PiecewiseLinear, got a "
            f"{type(path).__name__}; pass the path that it was made of (the points of a Lift are "
            f"lift.prefixes[:, : lift.channels])"
        )
    if not _checks.is_traced(path):
        return np.ascontiguousarray(_checks.path_points(path, name))
    if jnp.iscomplexobj(path):
        raise InputError(f"expected {name} to hold real numbers, got dtype {path.dtype}; take the real part")
    shape = path.shape
    if len(shape) == 1:
        path = path[:, None]
    if path.ndim != 2 or path.shape[1] == 0 or path.shape[0] < 2:
        raise InputError(
            f"expected {name} of shape (points, channels), at least (2, 1), got shape {shape}; "
            f"use jax.vmap for a batch of paths"
        )
    return jnp.asarray(path, float)


def _increasing(times: Any, points: int) -> jax.Array:
    array = _checks.real_array(times, "times")
    if array.shape != (points,):
        raise InputError(_wrong_times(points, array.shape))
    stuck = np.flatnonzero(np.diff(array) <= 0)
    if stuck.size:
        pairs = [(int(i), int(i) + 1) for i in stuck]
        raise InputError(
            f"expected strictly increasing times, got times that do not increase at "
            f"{_checks.name_pairs(pairs)}; sort the points and drop repeated times"
        )
    held = jnp.asarray(array)
    if held.dtype != np.float64:  # JAX in 32-bit mode
        gaps = np.diff(array)
        if (np.abs(np.diff(np.asarray(held, np.float64)) - gaps) > LOST_OF_A_STEP * gaps).any():
            first, last = _checks.apart(array[0], array[-1])
            _checks.require_x64(f"telling {points} times from {first} to {last} apart")
    return held


def _wrong_times(points: int, shape: tuple[int, ...]) -> str:
    return f"expected times of shape ({points},), one for each point, got shape {shape}; give one time per point"
