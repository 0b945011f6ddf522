"""Lifts: a path together with its iterated integrals, as an increment-valued object X_{s,t}.

The canonical lift of a piecewise-linear path has X_{s,t} = S(path over [s, t]); a general one is given by its
steps X_{t_i, t_{i+1}}, for instance the pure-area path exp(t [e1, e2]), which no path in R^2 has as its lift
but which is a limit of canonical lifts. Geometric rough paths are the limits of canonical lifts in
p-variation. Brownian, pure-area and perturbed lifts are made in :mod:`roughntk.rough.paths.perturbed`.
"""

import numbers
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.rough.algebra import tensor
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear, path_array, sampled
from roughntk.rough.paths.products import canonical, fractions, joined, running

_OUTSIDE = "expected a time within the times of the lift, got one outside; a lift does not extrapolate"

#: Numbers at the peak for each one of the steps: they and the prefixes, twice while they are made.
LIFT_COPIES = 4

SLACK = 8 * EPS
"""By how much, relative to the last time, a time may lie outside: times are formed as t + dt."""


class Lift(eqx.Module):
    """A multiplicative functional on sample points: X_{s,u} = X_{s,t} (x) X_{t,u} (Chen's identity).

    `steps`: the flat X_{i,i+1}, shape (points - 1, sum_k channels^k). `prefixes`: the flat X_{0,i}, shape
    (points, sum_k channels^k), row 0 being zero. Both without the leading 1. `times`: t_i, shape (points,),
    0, 1, ..., points - 1 if left out. `geometric`: False marks a lift that is not group-like on purpose, such
    as an Ito lift; True is a claim, which `roughntk.rough.geometric_violation` measures. `timed`: whether times were
    given. Immutable.
    Built by `lift` (from a path) or `lift_from_steps`.
    """

    steps: jax.Array
    prefixes: jax.Array
    channels: int = eqx.field(static=True)
    level: int = eqx.field(static=True)
    times: Any
    geometric: bool = eqx.field(static=True)
    timed: bool = eqx.field(static=True)

    def __init__(self, steps: Any, prefixes: Any, channels: int, level: int, times: Any = None, geometric: bool = True):
        self.steps = steps
        self.prefixes = prefixes
        self.channels = channels
        self.level = level
        self.times = np.arange(prefixes.shape[0], dtype=np.float64) if times is None else times
        self.geometric = geometric
        self.timed = times is not None

    @property
    def points(self) -> int:
        """The number of sample points."""
        return self.prefixes.shape[0]

    @property
    def signature(self) -> jax.Array:
        """The flat X_{0,end}, the signature of the whole path."""
        return self.prefixes[-1]

    def increment(self, i: Any, j: Any) -> jax.Array:
        """The flat X_{i,j} = X_{0,i}^{-1} (x) X_{0,j}, shape (sum_k channels^k,): for a canonical lift the
        signature of the path from sample point i to sample point j (reversed if j < i, the inverse of
        X_{j,i}). `between` takes times instead of indices.

        The rounding error is of the order of eps |X_{0,i}| |X_{0,j}|, the scale of the whole path, not of the
        piece: far from the start, recompute a short piece from its own points if its last digits matter.
        Raises `InputError` if i or j is not an index 0..points - 1 (a runtime error where they are traced).
        """
        start = self._prefix(self._index(i, "i"))
        return tensor.flatten(tensor.product(tensor.inverse(start), self._prefix(self._index(j, "j"))))

    def between(self, s: Any, t: Any) -> jax.Array:
        """The flat X_{s,t} for real times s, t in [times[0], times[-1]], shape (sum_k channels^k,).

        Within a step X runs log-linearly, X_{t_i,t} = exp(theta log X_{i,i+1}) with
        theta = (t - t_i)/(t_{i+1} - t_i): the straight piece of a canonical lift, the constant speed of a
        pure-area one, and Chen's identity for every lift. Times are scalars (`jax.vmap` for many). Rounding
        as in `increment`. Raises `InputError` for a time outside (a runtime error where it is traced); a few units in
        the last place are forgiven, and moved to the end.
        """
        start, end = self._reached(s, "s"), self._reached(t, "t")
        return tensor.flatten(tensor.product(tensor.inverse(start), end))

    def truncate(self, level: int) -> "Lift":
        """The lift up to a lower `level`. Raises `InputError` for a level above `self.level`."""
        level = _checks.integer(level, "level", least=1, most=self.level)
        size = tensor.signature_size(self.channels, level)
        times = self.times if self.timed else None
        steps, prefixes = (_part(part, np.s_[:, :size]) for part in (self.steps, self.prefixes))
        return Lift(jnp.asarray(steps), jnp.asarray(prefixes), self.channels, level, times, self.geometric)

    def resample(self, times: Any) -> "Lift":
        """The lift on other sample points: steps X_{tau_j, tau_{j+1}} for the given increasing times tau, shape
        (m + 1,), within [times[0], times[-1]].

        Each new step is the product of the old steps in it (no inverses, so its error is eps relative to the
        step, not to the path); a time between sample points splits its step log-linearly, as in `between`.
        Times a few units in the last place from sample times are taken as those.
        Raises `InputError` for times that do not increase, lie outside, are traced, or of which two are one sample
        time to rounding.
        """
        old = self.times
        if _checks.is_traced(old):
            raise InputError("expected a lift with concrete times, got a JAX tracer; build its times outside jit")
        wanted = times_within(times, np.asarray(old))
        old = np.asarray(old)
        near = np.clip(np.searchsorted(old, wanted), 1, self.points - 1)
        near -= wanted - old[near - 1] < old[near] - wanted
        if (np.abs(old[near] - wanted) <= _slack(old)).all():
            same = np.flatnonzero(np.diff(near) == 0)
            if same.size:
                raise _too_close(times, int(same[0]))
            return self._between_points(self.steps, near, wanted)
        merged = np.union1d(old[(old > wanted[0]) & (old < wanted[-1])], wanted)
        piece = np.clip(np.searchsorted(old, merged[:-1], side="right") - 1, 0, self.points - 2)
        theta = np.diff(merged) / (old[piece + 1] - old[piece])
        parts = fractions(_part(self.steps, piece), theta, self.channels, self.level)
        return self._between_points(parts, np.searchsorted(merged, wanted), wanted)

    def _between_points(self, steps: jax.Array, ends: np.ndarray, times: np.ndarray) -> "Lift":
        steps = joined(steps, ends, self.channels, self.level)
        prefixes = running(steps, self.channels, self.level)
        return Lift(steps, prefixes, self.channels, self.level, times, self.geometric)

    def _reached(self, time: Any, name: str) -> tensor.Tensor:
        """X_{0,time} as a tensor."""
        time = self._inside(time, name)
        times: Any = self.times
        search: Any = np.searchsorted
        if _checks.is_traced(time, times):
            times, search = jnp.asarray(times, float), jnp.searchsorted
        i = search(times, time, side="right").clip(1, self.points - 1) - 1
        theta = (time - times[i]) / (times[i + 1] - times[i])
        part = fractions(_part(self.steps, i)[None], theta[None], self.channels, self.level)[0]
        return tensor.product(self._prefix(i), tensor.unflatten(part, self.channels, self.level))

    def _inside(self, time: Any, name: str) -> jax.Array:
        if _checks.is_traced(time) or _checks.is_traced(self.times):
            time, start, end = (jnp.asarray(value, float) for value in (time, self.times[0], self.times[-1]))
            slack = SLACK * jnp.maximum(jnp.abs(start), jnp.abs(end))
            time = eqx.error_if(time, ~((time >= start - slack) & (time <= end + slack)), _OUTSIDE)
            return jnp.clip(time, start, end)
        value = _checks.real_array(time, name)
        if value.shape != ():
            raise InputError(f"expected one time {name}, got shape {value.shape}; use jax.vmap for many")
        margin = _slack(self.times)
        if not self.times[0] - margin <= value <= self.times[-1] + margin:
            raise InputError(
                f"expected {name} in [{self.times[0]}, {self.times[-1]}], got {value}; a lift does not extrapolate"
            )
        return np.clip(value, self.times[0], self.times[-1])

    def _prefix(self, index: Any) -> tensor.Tensor:
        return tensor.unflatten(jnp.asarray(_part(self.prefixes, index)), self.channels, self.level)

    def _index(self, index: Any, name: str) -> Any:
        if not _checks.is_traced(index):
            number = index.item() if isinstance(index, jax.Array | np.ndarray) and index.ndim == 0 else index
            return _checks.integer(number, name, least=0, most=self.points - 1)
        outside = (index < 0) | (index >= self.points)
        return eqx.error_if(index, outside, f"expected {name} to be the index of a sample point of the lift")


def lift(path: Any, level: int, *, times: Any = None) -> Lift:
    """The canonical lift of the piecewise-linear path through `path`, shape (points, channels): its prefix
    signatures X_{0,i} = exp(dx_1) (x) ... (x) exp(dx_i) up to `level`.

    Args:
        path: an array (points, channels), a `PiecewiseLinear`, or a path that has a method `piecewise_linear()`.
        level: N >= 1, the highest level of the signatures.
        times: the sample times, shape (points,), strictly increasing; None: those of a `PiecewiseLinear`, or 0, 1, ...
            Inside jit or vmap pass an array and its concrete times: those of a `PiecewiseLinear` that was built there
            are traced, and cannot be looked up.

    Returns:
        A :class:`Lift`, with `steps` and `prefixes` of points * sum_k channels^k numbers.

    Raises:
        InputError: a bad path, level or times, iterated integrals beyond float64, more numbers than memory is free.
    Source: LyonsCaruanaLevy2007, section 2.

    >>> import roughntk as rn
    >>> rn.rough.lift([[0.0], [2.0], [3.0]], 2).steps.tolist()
    [[2.0, 2.0], [1.0, 0.5]]
    """
    _checks.require_x64("a lift")
    if isinstance(path, Lift):
        raise InputError(
            f"expected a path, got a Lift of level {path.level}; use it as it is or truncate it, or, for a higher "
            f"level, lift the path that it came from"
        )
    path = sampled(path)
    points = path_array(path)
    level = _checks.level(level)
    channels = points.shape[1]
    check_lift_memory(points.shape[0], channels, level)
    steps, prefixes = canonical(points, level)
    _check_range(steps, prefixes, channels, level)
    if times is None and isinstance(path, PiecewiseLinear):
        times = path.times if path.timed else None
    else:
        times = _point_times(times, points.shape[0])
    return Lift(steps, prefixes, channels, level, times)


def lift_from_steps(steps: Any, channels: int, level: int, *, times: Any = None, geometric: bool = True) -> Lift:
    """The lift with given flat group elements X_{i,i+1} between sample times.

    Any rows make a multiplicative functional; it is (weakly) geometric if they are group-like, as signatures
    and exponentials of Lie elements are.

    Args:
        steps: X_{i,i+1}, shape (points - 1, sum_{k=1}^{level} channels^k).
        channels, level: those of the signatures.
        times: the sample times, shape (points,), strictly increasing; None: 0, 1, ...
        geometric: claims that the rows are group-like; it is not checked here but where it matters (`solve_rde`).
            Pass False for a lift that is not group-like on purpose, such as an Ito lift.

    Returns:
        A :class:`Lift`.

    Raises:
        InputError: another shape, NaN, times that do not increase, a result beyond float64 or above the memory that is
            free.

    >>> import roughntk as rn
    >>> rn.rough.lift_from_steps([[1.0, 0.5], [1.0, 0.5]], channels=1, level=2).prefixes.tolist()
    [[0.0, 0.0], [1.0, 0.5], [2.0, 2.0]]
    """
    _checks.require_x64("a lift")
    geometric = _checks.flag(geometric, "geometric")
    channels = _checks.integer(channels, "channels", least=1)
    level = _checks.level(level)
    size = tensor.signature_size(channels, level)
    if not _checks.is_traced(steps):
        steps = _checks.real_array(steps, "steps")
    if steps.ndim != 2 or steps.shape[0] < 1 or steps.shape[1] != size:
        raise InputError(
            f"expected steps of shape (points - 1, {size}) for {channels} channels and level {level}, "
            f"got shape {steps.shape}; give one flat signature per step, without the leading 1"
        )
    points = steps.shape[0] + 1
    times = _point_times(times, points)
    check_lift_memory(points, channels, level)
    steps = jnp.asarray(steps, float)
    prefixes = running(steps, channels, level)
    _check_range(steps, prefixes, channels, level)
    return Lift(steps, prefixes, channels, level, times, geometric)


def _point_times(times: Any, points: int) -> Any:
    if times is None:
        return None
    if not _checks.is_traced(times):
        return _checks.increasing_times(times, points)
    if times.shape != (points,):
        raise _checks.wrong_number_of_times(points, times.shape)
    return times


def times_within(times: Any, span: np.ndarray) -> np.ndarray:
    """`times` as a float64 array (m + 1,) of at least two strictly increasing numbers in [span[0], span[-1]]; those a
    few units in the last place outside are moved to the end. Raises `InputError` naming the first offenders."""
    array = _checks.increasing_times(times)
    slack = _slack(span)
    if not (span[0] - slack <= array[0] and array[-1] <= span[-1] + slack):
        raise InputError(
            f"expected times within [{float(span[0])}, {float(span[-1])}], got [{float(array[0])}, "
            f"{float(array[-1])}]; a lift does not extrapolate"
        )
    array = np.clip(array, span[0], span[-1])
    if array[0] == array[1] or array[-2] == array[-1]:
        raise _too_close(times, 0 if array[0] == array[1] else array.size - 2)
    return array


def partition_times(partition: Any, times: Any) -> np.ndarray:
    """The times of a partition of [times[0], times[-1]]: `partition` is a number of equally long intervals, or
    increasing times in it. Raises `InputError` as `times_within` does, for ragged lists and tracers too."""
    if _checks.is_traced(times) or _checks.is_traced(partition):
        raise InputError("expected concrete times for partition, got a JAX tracer; choose the partition outside jit")
    if isinstance(partition, numbers.Number) or np.shape(_checks.real_array(partition, "partition")) == ():
        count = _checks.integer(partition, "partition", least=1)
        return times_within(np.linspace(times[0], times[-1], count + 1), np.asarray(times))
    return times_within(partition, np.asarray(times))


def _part(array: Any, place: Any) -> Any:
    """array[place], by NumPy where both are known: nothing is compiled for a shape that was not seen before."""
    return array[place] if _checks.is_traced(array, *jax.tree.leaves(place)) else np.asarray(array)[place]


def _slack(times: Any) -> float:
    """By how much a time may lie outside or miss a sample time, and is moved there."""
    return SLACK * max(abs(float(times[0])), abs(float(times[-1])))


def _too_close(times: Any, i: int) -> InputError:
    a, b = (float(t) for t in np.asarray(times)[i : i + 2])
    return InputError(
        f"expected times that can be told apart, got times[{i}] = {a!r} and times[{i + 1}] = {b!r}, which are the same "
        f"sample time of the lift to rounding; drop one of them"
    )


def check_lift_memory(points: int, channels: int, level: int) -> None:
    """Refuse a lift that does not fit in the memory that is free."""
    _checks.memory(
        8.0 * LIFT_COPIES * points * tensor.signature_size(channels, level),
        f"the lift to level {level} of {points} points in {channels} channels",
        "lower the level, or use fewer points or channels",
    )


def _check_range(steps: jax.Array, prefixes: jax.Array, channels: int, level: int) -> None:
    """Refuse concrete steps or prefixes that left the range of float64, naming the level."""
    if _checks.is_traced(steps, prefixes) or (np.isfinite(steps).all() and np.isfinite(prefixes).all()):
        return
    bad = int(np.flatnonzero(~(np.isfinite(steps).all(0) & np.isfinite(prefixes).all(0)))[0])
    first = next(k for k in range(1, level + 1) if bad < tensor.signature_size(channels, k))
    remedy = (
        "scale the path" if first == 1 else f"scale the path (level k goes with its k-th power), or stay below {first}"
    )
    raise InputError(f"expected a lift within float64, got infinite entries at level {first}; {remedy}")
