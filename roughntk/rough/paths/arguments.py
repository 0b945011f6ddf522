"""What `solve_rde` is handed beside numbers, checked before anything is traced: fields, drivers, solvers."""

import inspect
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear


def check_field(vector_field: Any, y0: jax.Array, channels: int) -> None:
    """Refuse what is no vector field y -> float64 array (state, channels), with the reason."""
    _check_callable(vector_field)
    try:
        out = jax.eval_shape(vector_field, y0)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"expected vector_field(y0) to give an array, got {_checks.reason(error)}; call it at "
            f"a jax array of shape {y0.shape}, and write it in jax.numpy: JAX traces it"
        ) from error
    wanted = (y0.shape[0], channels)
    if getattr(out, "shape", None) != wanted:
        raise InputError(
            f"expected vector_field(y0) of shape (state, channels) = {wanted}, got "
            f"{getattr(out, 'shape', type(out).__name__)}; its column i multiplies dX^i, one column per channel"
        )
    if not jnp.issubdtype(out.dtype, jnp.floating):
        raise InputError(f"expected vector_field(y0) of a real float dtype, got {out.dtype}; return floats")
    if out.dtype != y0.dtype:
        raise InputError(
            f"expected vector_field(y0) of dtype {y0.dtype}, got {out.dtype}; it loses the digits of y: make its "
            f"arrays and weights {y0.dtype} (a result that is cast keeps the digits of {out.dtype})"
        )


def _check_no_class(value: Any, wanted: str, arguments: str = "") -> None:
    """Refuse a class where an instance belongs; `arguments` is what the message writes between its brackets."""
    if isinstance(value, type):
        name = value.__name__
        raise InputError(f"expected {wanted}, got the class {name}; write {name}({arguments})")


def _check_callable(vector_field: Any) -> None:
    _check_no_class(vector_field, "vector_field to be a callable y -> array", "...")
    if not callable(vector_field):
        raise InputError(
            f"expected vector_field to be a callable y -> array (state, channels), got {type(vector_field).__name__}; "
            f"pass a function"
        )
    try:
        signature = inspect.signature(vector_field)
    except (TypeError, ValueError):  # built-in functions have none
        return
    try:
        signature.bind(None)
    except TypeError:
        names = ", ".join(signature.parameters)
        raise InputError(
            f"expected vector_field to be a callable y -> array (state, channels), got one of ({names}); for a field "
            f"(t, y, args) write lambda y: vector_field(0.0, y, None), with time as a channel of the path and of y "
            f"where it enters"
        ) from None


def check_driver(path: Any) -> None:
    """Refuse a diffrax path that has no derivative, as Brownian trees have none, and a class in place of a path."""
    _check_no_class(path, "a path", "...")
    if isinstance(path, diffrax.AbstractBrownianPath):
        raise InputError(
            f"expected a path with a derivative, or a lift, got a {type(path).__name__}, which has none; sample it, "
            f"values = jax.vmap(path.evaluate)(times), and solve along rough.brownian_lift(values, times=times) (of "
            f'kind "stratonovich" or "ito")'
        )


def check_solver(solver: Any) -> None:
    """Refuse what is no adaptive diffrax solver."""
    _check_no_class(solver, "a diffrax solver")
    if not isinstance(solver, diffrax.AbstractAdaptiveSolver):
        raise InputError(
            f"expected a diffrax solver with an error estimate, got {type(solver).__name__}; use diffrax.Tsit5(), "
            f"diffrax.Dopri8() or, for stiff equations, diffrax.Kvaerno5(); diffrax.HalfSolver makes one of any other"
        )


def check_adjoint(adjoint: Any) -> None:
    """Refuse what is no diffrax adjoint."""
    _check_no_class(adjoint, "a diffrax adjoint")
    if not isinstance(adjoint, diffrax.AbstractAdjoint):
        raise InputError(
            f"expected a diffrax adjoint, got {_checks.shown(adjoint)}; use diffrax.RecursiveCheckpointAdjoint() for "
            f"reverse mode, diffrax.ForwardMode() for jvp"
        )


def check_derivative(path: Any, times: np.ndarray) -> int:
    """The number of channels of a path whose derivative is a finite vector where it is looked at: at its own sample
    times, if it has any, at `times`, and between both."""
    try:
        slope = jax.eval_shape(path.derivative, jnp.asarray(times[0], float))
    except NotImplementedError:
        raise InputError(
            f"expected a path with a derivative, got a {type(path).__name__}, which has none; sample it, and solve "
            f"along its lift"
        ) from None
    if len(getattr(slope, "shape", ())) != 1:
        got = getattr(slope, "shape", type(slope).__name__)
        raise InputError(f"expected a path with values of shape (channels,), got shape {got}; flatten them")
    # The points of a `PiecewiseLinear` were looked at when it was made.
    if not isinstance(path, PiecewiseLinear) and not _checks.is_traced(*jax.tree.leaves(path)):
        own = getattr(path, "ts", None)
        knots = times if own is None else np.union1d(times, np.asarray(own, dtype=np.float64))
        knots = knots[(knots >= times[0]) & (knots <= times[-1])]
        looked_at = np.union1d(knots, (knots[:-1] + knots[1:]) / 2)
        with jax.ensure_compile_time_eval():
            bad = looked_at[~finite_slopes(path, looked_at)]
        if bad.size:
            raise InputError(
                f"expected a path with finite values and derivatives, got NaN or infinity in the {type(path).__name__} "
                f"at time {bad[0]:.10g}{f' and {bad.size - 1} others' if bad.size > 1 else ''}; remove or interpolate "
                f"the missing points before you make the path"
            )
    return int(slope.shape[0])


def finite_slopes(path: Any, times: np.ndarray) -> np.ndarray:
    """Whether the derivative of the path is finite at each of the times."""
    slopes = jax.vmap(path.derivative)(jnp.asarray(times, float))
    return np.asarray(jnp.isfinite(slopes).all(axis=1))
