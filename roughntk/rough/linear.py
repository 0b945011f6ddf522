"""Linear equations dY = sum_i A_i Y dX^i by the signature series, with a stated truncation bound.

Y_t = sum_w A_w X_{s,t}^w Y_s, A_{i1...ik} = A_{ik} ... A_{i1}. With l = int |sum_i A_i dX^i| (spectral norm), the
1-variation of the matrix path, the levels above N contribute at most sum_{k>N} l^k/k! |Y_s|
<= l^{N+1}/(N+1)! e^l |Y_s|: factorial decay. Over several pieces the bounds add up, each carried on by e^l.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.special import gammainc

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough import tensor
from roughntk.rough.lift import increasing_times
from roughntk.rough.path import PiecewiseLinear
from roughntk.rough.rde import RDESolution, state_array

LARGEST_SIGNATURE = 2**20
"""The most entries of a signature that the level is raised to when it is chosen from the tolerance."""


def solve_linear(
    matrices: Any, path: Any, y0: Any, *, tolerance: float | None = 1e-8, level: int | None = None, partition: Any = 1
) -> RDESolution:
    """Solve dY = sum_i A_i Y dX^i along a path of bounded variation by its truncated signatures.

    Args:
        matrices: A, shape (channels, state, state).
        path: X, an array (points, channels) or `PiecewiseLinear`.
        y0: the start, shape (state,).
        tolerance: the largest accepted truncation bound for |Y - Y^N|_2 at all times; None accepts any (and needs a
            level).
        level: N; if left out, the lowest one whose bound is within the tolerance.
        partition: the number of pieces with a series each, of equal time, or their increasing times. More pieces
            need lower levels.

    Returns:
        An `RDESolution` whose `error_estimate` is the truncation bound (rounding not included) and whose
        `stats["bounds"]` holds it at each time, shape (pieces + 1,).

    Raises:
        InputError: bad shapes, NaN, or a tolerance out of reach, with the bound that can be reached.
    Source: LyonsCaruanaLevy2007, section 2.2 (factorial decay).
    """
    if _checks.is_traced(path, matrices):
        raise InputError("expected a concrete path and matrices, got a JAX tracer; use solve_rde under jit and grad")
    path = path if isinstance(path, PiecewiseLinear) else PiecewiseLinear(path)
    A, start = _checks.real_array(matrices, "matrices"), state_array(y0)
    wanted = (path.channels, start.shape[0], start.shape[0])
    if A.shape != wanted:
        raise InputError(
            f"expected matrices of shape (channels, state, state) = {wanted}, got shape {A.shape}; one square matrix "
            f"per channel, of the size of y0"
        )
    times, points, last = _refined(path, partition)
    speeds = np.linalg.norm(np.einsum("pi,iab->pab", np.diff(points, axis=0), A), ord=2, axis=(1, 2))
    lengths = np.add.reduceat(speeds, np.append(0, np.flatnonzero(last)[:-1] + 1))
    size = float(jnp.linalg.norm(start))
    chosen = _level(level, tolerance, lengths, size, path.channels)
    values = np.asarray(_series(jnp.asarray(A), jnp.asarray(np.diff(points, axis=0)), jnp.asarray(last), start, chosen))
    values = np.concatenate([np.asarray(start)[None], values[np.flatnonzero(last)]])
    bounds = np.zeros(len(times))
    for j, length in enumerate(lengths):
        gained = tail(length, chosen) * np.linalg.norm(values[j])
        bounds[j + 1] = np.exp(length) * bounds[j] + gained
    stats = {"steps": len(lengths), "lengths": lengths, "bounds": bounds}
    return RDESolution(
        times, jnp.asarray(values), bool(np.isfinite(values).all()), float(bounds.max()), stats, "signature series",
        chosen, "truncation bound",
    )  # fmt: skip


def tail(length: Any, level: int) -> Any:
    """sum_{k > level} length^k / k! = e^length P(level + 1, length), P the regularised incomplete gamma function."""
    return np.exp(length) * gammainc(level + 1, length)


def _refined(path: PiecewiseLinear, partition: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The times of the pieces, the sample points with those of the pieces added, and which increments end a piece."""
    knots, values = np.asarray(path.times), np.asarray(path.values)
    if np.ndim(partition) == 0:
        times = np.linspace(knots[0], knots[-1], _checks.integer(partition, "partition", least=1) + 1)
    else:
        times = increasing_times(partition, knots)
    merged = np.union1d(knots[(knots > times[0]) & (knots < times[-1])], times)
    points = np.stack([np.interp(merged, knots, column) for column in values.T], axis=1)
    return times, points, np.isin(merged[1:], times[1:])


def _level(level: int | None, tolerance: float | None, lengths: np.ndarray, size: float, channels: int) -> int:
    """The given level, or the lowest one within the tolerance by the bound sum_j tail_j e^{l - l_j} |Y_0|."""

    def bound(n: int) -> float:
        with np.errstate(over="ignore"):
            return float(np.sum(tail(lengths, n) * np.exp(lengths.sum() - lengths))) * size

    if tolerance is None:
        if level is None:
            raise InputError("expected a tolerance or a level, got neither; pass tolerance=1e-8")
        return _checks.level(level)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float | np.number) or not tolerance > 0:
        raise InputError(f"expected a tolerance > 0, got {tolerance!r}; it bounds |Y - Y^N|")
    if level is not None:
        level = _checks.level(level)
        if bound(level) > tolerance:
            raise InputError(
                f"expected a truncation bound of at most {tolerance:g}, got {bound(level):.3g} at level {level} over "
                f"{len(lengths)} pieces of length at most {lengths.max():.3g}; raise the level or the partition"
            )
        return level
    n = 1
    while bound(n) > tolerance:
        n += 1
        entries = n if channels == 1 else (float(channels) ** (n + 1) - channels) / (channels - 1)
        if entries > LARGEST_SIGNATURE:
            raise InputError(
                f"expected a truncation bound of at most {tolerance:g}, got {bound(n - 1):.3g} at level {n - 1}, the "
                f"highest with at most {LARGEST_SIGNATURE} words, over {len(lengths)} pieces of length at most "
                f"{lengths.max():.3g}; raise partition (shorter pieces) or loosen the tolerance"
            )
    return n


@functools.partial(jax.jit, static_argnums=4)
def _series(A: jax.Array, increments: jax.Array, last: jax.Array, y0: jax.Array, level: int) -> jax.Array:
    """Y after each increment that ends a piece (the rows in between repeat the start of the piece)."""
    unit = tensor.identity(increments.shape[1], level)

    def step(carry: Any, inputs: Any) -> tuple[Any, jax.Array]:
        state, y = carry
        increment, is_last = inputs
        state = tensor.multiply_exp(state, increment)
        state, y = lax.cond(is_last, lambda: (unit, _applied(A, state, y)), lambda: (state, y))
        return (state, y), y

    return lax.scan(step, (unit, y0), (increments, last))[1]


def _applied(A: jax.Array, element: tensor.Tensor, y: jax.Array) -> jax.Array:
    """sum_w X^w A_{ik} ... A_{i1} y over the words of length 0..N."""
    total, rows = y, y[None]
    for part in element[1:]:
        rows = jnp.einsum("iab,wb->wia", A, rows).reshape(-1, y.shape[0])
        total = total + part @ rows
    return total
