"""Linear equations dY = sum_i A_i Y dX^i by the signature series, with a bound of the error.

On a piece, Y_t = P Y_s, P = sum_w A_w X_{s,t}^w, A_{i1...ik} = A_{ik} ... A_{i1}. With l = int |sum_i A_i dX^i|
(spectral norm), the 1-variation of the matrix path, the levels above N contribute at most sum_{k>N} l^k/k! |Y_s|
<= l^{N+1}/(N+1)! e^l |Y_s|: factorial decay. Rounding is relative to e^a |Y_s|, where a >= l is the length with every
entry taken absolutely, so that long paths are cut into short pieces, in which nothing large cancels. The errors of the
pieces are carried on by the P of the later ones: equations that decay, turn or grow are told apart. The cutting is in
:mod:`roughntk.rough.equations.linear_pieces`.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.rough.algebra import tensor
from roughntk.rough.algebra.operations import multiply_exp
from roughntk.rough.equations.linear_pieces import (
    END_OF_INTERVAL,
    LARGEST_LEVEL,
    LARGEST_SIGNATURE,
    Equation,
    Pieces,
    Plan,
    balance,
    cut,
    plan,
    segments,
    tail,
)  # fmt: skip
from roughntk.rough.equations.rde import RDEError, RDESolution, state_array
from roughntk.rough.paths.lifts import Lift, partition_times
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear, sampled

__all__ = ["LARGEST_LEVEL", "LARGEST_SIGNATURE", "solve_linear", "tail"]

FINEST = 2 * EPS
"""The least truncation error per unit of length that is asked for: less would be lost in rounding."""


def solve_linear(
    matrices: Any,
    path: Any,
    y0: Any,
    *,
    tolerance: float | None = 1e-8,
    rtol: float = 0.0,
    level: int | None = None,
    partition: Any = 1,
    throw: bool = True,
) -> RDESolution:
    """Solve dY = sum_i A_i Y dX^i along a path of bounded variation by its truncated signatures.

    Args:
        matrices: A, shape (channels, state, state).
        path: X, an array (points, channels) or `PiecewiseLinear`.
        y0: the start, shape (state,).
        tolerance, rtol: the error bound is at most tolerance + rtol |Y|_2 at every returned time; give rtol = 1e-10,
            say, where the solution grows. None accepts any finite bound (and needs a level).
        level: N. Left out, the level and the pieces are chosen, the cheapest that reach the tolerance. Given (at most
            `LARGEST_LEVEL`), every interval of the partition is one piece with one series of that level.
        partition: the number of equally long intervals whose ends are returned, or their increasing times.
        throw: raise where the tolerance is not reached; otherwise return with `converged` False.

    Returns:
        An `RDESolution` whose `error_estimate` bounds |Y - Y~|_2 at all returned times, truncation and rounding
        included. `stats`: "bounds", the same at each time, shape (intervals + 1,); "lengths", l of each interval,
        shape (intervals,); "steps", the number of pieces.

    Raises:
        InputError: bad shapes, NaN, tracers (use `solve_rde`), or a path too long for `LARGEST_COUNT` pieces.
        RDEError: the tolerance is out of reach, with the bound that is reached and what to do, or the values overflow.
    Source: LyonsCaruanaLevy2007, section 2.2 (factorial decay).

    >>> import roughntk as rn
    >>> import numpy as np
    >>> solution = rn.rough.solve_linear(np.array([[[1.0]]]), [[0.0], [1.0]], [1.0])
    >>> bool(abs(solution.values[-1, 0] - np.e) < 1e-8)
    True
    """
    _checks.require_x64("solve_linear")
    throw = _checks.flag(throw, "throw")
    equation = _equation(matrices, path, y0, partition)
    absolute, relative = _tolerances(tolerance, rtol, level)
    if level is not None:
        level = _checks.integer(level, "level", least=1, most=LARGEST_LEVEL)
        values, bounds, pieces = _solved(equation, Plan(level))
        ratio = _ratio(values, bounds, absolute, relative)
    else:
        finest = FINEST
        length = max(float(np.sum(equation.lengths)), 1.0)
        size = float(np.linalg.norm(equation.start)) or 1.0
        with np.errstate(over="ignore"):
            wanted = max(absolute / size / equation.unit, relative) / (2 * length)
        wanted = min(max(wanted, finest), 1e-2)
        while True:
            values, bounds, pieces = _solved(equation, plan(equation, wanted))
            ratio = _ratio(values, bounds, absolute, relative)
            if ratio <= 1 or wanted == finest or not np.isfinite(values).all():
                break
            # Truncation errors are linear in `wanted`; half of what is allowed is left to rounding.
            wanted = max(finest, 0.5 * wanted / ratio) if np.isfinite(ratio) else finest
    converged = bool(np.isfinite(values).all() and np.isfinite(bounds).all() and ratio <= 1)
    bounds = np.where(np.isfinite(bounds), bounds, np.inf)
    stats = {"steps": pieces.count, "lengths": equation.lengths_of_intervals(), "bounds": bounds}
    solution = RDESolution(
        equation.times, jnp.asarray(values), converged, float(bounds.max()), stats, "signature series", pieces.level,
        "error bound",
    )  # fmt: skip
    if throw and not converged:
        raise _failure(solution, pieces, absolute, relative, level)
    return solution


def _equation(matrices: Any, path: Any, y0: Any, partition: Any) -> Equation:
    """The checked equation, cut at the sample points and the times of the partition, in balanced coordinates."""
    if isinstance(path, Lift):
        raise InputError("expected a path, got a Lift; pass its sample points, or solve along the lift by solve_rde")
    path = sampled(path)
    path = path if isinstance(path, PiecewiseLinear) else path if _checks.is_traced(path) else PiecewiseLinear(path)
    if _checks.is_traced(matrices, y0, *jax.tree.leaves((path, partition))):
        raise InputError(
            "expected concrete matrices, path, y0 and partition, got a JAX tracer; use solve_rde under jit and grad"
        )
    A, start = _checks.real_array(matrices, "matrices"), np.asarray(state_array(y0))
    wanted = (path.channels, start.shape[0], start.shape[0])
    if A.shape != wanted:
        raise InputError(
            f"expected matrices of shape (channels, state, state) = {wanted}, got shape {A.shape}; one square matrix "
            f"per channel, of the size of y0"
        )
    knots = np.asarray(path.times)
    times = partition_times(partition, knots)
    increments, is_last = segments(knots, np.asarray(path.values), times)
    return balance(A, increments, is_last, times, start)


def _tolerances(tolerance: float | None, rtol: float, level: int | None) -> tuple[float, float]:
    relative = _checks.number(rtol, "rtol", least=0, below=1, remedy="the error bound is at most tolerance + rtol |Y|")
    if tolerance is None:
        if level is None:
            raise InputError("expected a tolerance or a level, got neither; pass tolerance=1e-8")
        return np.inf, relative
    return _checks.number(tolerance, "tolerance", above=0, remedy="it bounds |Y - Y~|"), relative


def _ratio(values: np.ndarray, bounds: np.ndarray, absolute: float, relative: float) -> float:
    """The largest quotient of a bound and what is allowed; infinite where there is no bound."""
    if absolute == np.inf:
        return 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        ratios = bounds / (absolute + relative * np.array([_norm(row) for row in values]))
    return float(np.where(np.isfinite(ratios), ratios, np.inf).max())


def _norm(row: np.ndarray) -> float:
    """The 2-norm, without overflow of the squares."""
    top = np.abs(row).max()
    return float(top * np.linalg.norm(row / top)) if 0 < top < np.inf else float(top)


def _failure(solution: RDESolution, pieces: Pieces, absolute: float, relative: float, level: int | None) -> RDEError:
    values, bounds = np.asarray(solution.values), solution.stats["bounds"]
    bad = ~(np.isfinite(values).all(axis=1) & np.isfinite(bounds))
    if bad.any():
        remedy = (
            "make the path shorter, or scale y0 (the equation is linear)" if level is None else "leave the level out"
        )
        return RDEError(
            f"expected finite values and error bounds, got an overflow by time "
            f"{solution.times[int(np.argmax(bad))]:g}; {remedy}"
        )
    allowed = absolute + relative * np.array([_norm(row) for row in values])
    at = int(np.argmax(~(bounds <= allowed)))
    reached = f"got {bounds[at]:.3g} at time {solution.times[at]:g}, where |Y| = {_norm(values[at]):.3g}"
    if level is not None and pieces.mostly_truncated:
        return RDEError(
            f"expected an error bound of at most {allowed[at]:.3g}, {reached}, at level {level} over "
            f"{len(bounds) - 1} pieces of length at most {solution.stats['lengths'].max():.3g}; raise the level or the "
            f"partition, or leave the level out"
        )
    remedy = "raise partition, or leave the level out" if level is not None else "loosen tolerance, or make it relative"
    return RDEError(
        f"expected an error bound of at most {allowed[at]:.3g}, {reached}, with rounding in float64 above all; {remedy}"
        f" (rtol={2 * bounds[at] / max(_norm(values[at]), np.finfo(float).tiny):.1g} is within reach)"
    )


def _solved(equation: Equation, chosen: Plan) -> tuple[np.ndarray, np.ndarray, Pieces]:
    """Values and error bounds at the times of the partition."""
    pieces = cut(equation, chosen)
    z, bounds = _series(
        jnp.asarray(equation.matrices), jnp.asarray(pieces.increments), jnp.asarray(pieces.kinds),
        jnp.asarray(pieces.truncation), jnp.asarray(pieces.truncation + pieces.rounding), jnp.asarray(equation.scaling),
        jnp.asarray(equation.start), pieces.level,
    )  # fmt: skip
    ends = np.flatnonzero(pieces.kinds == END_OF_INTERVAL)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        values = np.concatenate([equation.start[None], np.asarray(z)[ends]]) * equation.scaling * equation.unit
        # The values in the units of Y are rounded once more where they are subnormal.
        errors = np.asarray(bounds)[ends] * equation.unit + values.shape[1] * np.finfo(float).smallest_subnormal
    return values, np.concatenate([[0.0], errors]), pieces


@functools.partial(jax.jit, static_argnums=7)
def _series(
    A: jax.Array, increments: jax.Array, kinds: jax.Array, truncation: jax.Array, gaps: jax.Array, scaling: jax.Array,
    start: jax.Array, level: int,
) -> tuple[jax.Array, jax.Array]:  # fmt: skip
    """Y after each increment (at the ends of pieces) and, at the ends of intervals, the bound of the error.

    The errors so far lie in the ellipsoid {e: e^T (sigma^2 S)^{-1} e <= 1} with tr S = 1. A piece maps S to P S P^T and
    adds a ball, of radius gap * (|Y_s| + sigma); the sum of two ellipsoids is enclosed by the ellipsoid of least trace.
    """
    n = start.shape[0]
    unit = tensor.identity(increments.shape[1], level)

    def inside(carry: Any, gap: Any) -> Any:
        return carry, jnp.zeros(())

    def piece(carry: Any, gap: Any) -> Any:
        signature, y, sigma, S = carry
        change = _summed(A, signature)
        ball = np.sqrt(n) * (gap * (jnp.sqrt(jnp.sum(y * y)) + sigma) + 1e-300)
        P = jnp.eye(n) + change
        image = P @ S @ P.T
        grown = jnp.trace(image)
        moved = sigma * jnp.sqrt(grown)
        image = jnp.where(grown > 0, image / jnp.where(grown > 0, grown, 1.0), jnp.eye(n) / n)
        total = moved + ball
        S = (moved * image + ball * jnp.eye(n) / n) / total
        return (unit, y + change @ y, total, S), jnp.zeros(())

    def interval(carry: Any, gap: Any) -> Any:
        carry, _ = piece(carry, gap)
        sigma, S = carry[2], carry[3] * scaling[:, None] * scaling
        # 1e-13: the rounding of the bound itself.
        return carry, (1 + 1e-13) * sigma * jnp.sqrt(jnp.linalg.eigvalsh(S)[-1])

    def step(carry: Any, inputs: Any) -> tuple[Any, Any]:
        increment, kind, gap = inputs

        def moved(carry: Any) -> Any:
            carry = (multiply_exp(carry[0], increment), *carry[1:])
            return lax.switch(kind, (inside, piece, interval), carry, gap)

        carry, bound = lax.cond(kind >= 0, moved, lambda carry: (carry, jnp.zeros(())), carry)
        return carry, (carry[1], bound)

    first = (unit, start, jnp.zeros(()), jnp.eye(n) / n)
    return lax.scan(step, first, (increments, kinds, gaps))[1]


def _summed(A: jax.Array, signature: tensor.Tensor) -> jax.Array:
    """sum_w X^w A_{ik} ... A_{i1} over the words of length 1..N, by Horner's scheme from the last letter on."""
    d, n = A.shape[:2]
    flat = A.reshape(d, n * n)
    inner = signature[-1].reshape(-1, d) @ flat  # sum_i X^{w i} A_i, shape (words w, n^2)
    stacked = A.reshape(d * n, n)
    for part in signature[-2:0:-1]:
        rows = inner.reshape(-1, n, n) + part[:, None, None] * jnp.eye(n)
        # sum_i R[w i] A_i: the letters i and the columns of R are summed over together.
        inner = (rows.reshape(-1, d, n, n).transpose(0, 2, 1, 3).reshape(-1, d * n) @ stacked).reshape(-1, n * n)
    return inner.reshape(n, n)
