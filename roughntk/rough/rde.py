"""Rough differential equations dY = V(Y) dX, Y_0 = y0, driven by a path or by its lift.

Schemes: "log-ode" (on each step the flow of sum_w (log X_{s,t})^w V_w, any level, solved by diffrax), "davie" (the
Taylor sum y + sum_w X_{s,t}^w V_w(y), which also takes lifts that are not geometric and then gives, for an Ito
lift, the Ito solution) and "controlled" (dY/dt = V(Y) X'(t), for paths with a derivative). Every result says
whether it converged and carries an error estimate.

Orders of the log-ODE in the step size: along a smooth driver 2 at level 1, 4 at level 2; along Brownian motion,
strongly, 1/2 at level 1 (Wong and Zakai, when the V_i do not commute), 1 at level 2.
Source: FrizVictoir2010, chapters 7, 10 and 13; LyonsCaruanaLevy2007, chapter 5.
"""

import functools
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough import tensor
from roughntk.rough._schemes import METHODS, Scheme, march
from roughntk.rough.lift import Lift, increasing_times, lift, partition_times
from roughntk.rough.partition import check_level, greedy_partition
from roughntk.rough.path import PiecewiseLinear
from roughntk.rough.perturbed import geometric_violation

ALL_METHODS = ("auto", *METHODS, "controlled")

GROUP_TOLERANCE = 1e-8
"""Largest relative distance from the group (`geometric_violation`) of a step that the log-ODE takes."""


class RDEError(RuntimeError):
    """The solve failed; the message says where and what to try."""


class RDESolution(eqx.Module):
    """The solution at the ends of the steps.

    `times`: shape (steps + 1,). `values`: Y, shape (steps + 1, state). `converged`: every inner solve succeeded and
    all values are finite. `error_estimate`: a scalar in the units of Y, or None where there is none:
    max |Y - Y~| over common times and entries, Y~ being, as `estimate_kind` says, from "step doubling" (steps
    twice as long; an upper estimate where the error at least halves with the step), "lower level" (level N - 1; for
    a single step), or "looser tolerances" (controlled equations, 100 times looser); infinity where `converged` is
    False. Linear equations have an "error bound" in its place, in the 2-norm (`solve_linear`). `stats`: "steps",
    "inner_steps" (diffrax steps over all steps). `method`, `level`: what was used.
    """

    times: Any
    values: jax.Array
    converged: Any
    error_estimate: Any
    stats: dict[str, Any]
    method: str = eqx.field(static=True)
    level: int | None = eqx.field(static=True)
    estimate_kind: str | None = eqx.field(static=True)


def solve_rde(
    vector_field: Any,
    rough_path: Any,
    y0: Any,
    *,
    method: str = "auto",
    level: int | None = None,
    partition: Any = None,
    p: float | None = None,
    threshold: float | None = None,
    solver: diffrax.AbstractSolver | None = None,
    rtol: float = 1e-9,
    atol: float = 1e-11,
    max_steps: int = 4096,
    adjoint: diffrax.AbstractAdjoint | None = None,
    estimate: bool = True,
    throw: bool = True,
) -> RDESolution:
    """Solve dY = V(Y) dX, Y_0 = y0.

    Args:
        vector_field: V, a callable y -> array (state, channels), smooth enough for `level` - 1 derivatives.
        rough_path: X: a `Lift`; or an array (points, channels) or `PiecewiseLinear`, lifted canonically to `level`
            (2 if left out); or, for "controlled", any diffrax path with a derivative.
        y0: the start, shape (state,).
        method: "log-ode" needs a group-like lift; "davie" takes any; "controlled" needs a path. "auto" is the
            log-ODE, the Davie scheme for a lift flagged `geometric=False`, and "controlled" for other diffrax paths.
        level: N, at most that of the lift (its own if left out).
        partition: None (a step for every sample step), a number of equally long steps, or increasing times.
        p: the p of X as a p-rough path; the level must be at least floor(p).
        threshold: with p, take the steps of `greedy_partition(rough_path, p, threshold)`.
        solver, rtol, atol, max_steps, adjoint: of the diffrax solves; `diffrax.Tsit5()` and, for reverse mode,
            `diffrax.RecursiveCheckpointAdjoint()` by default (`diffrax.ForwardMode()` for jvp).
        estimate: whether to compute the error estimate (half as much work again).
        throw: raise on failure; otherwise return with `converged` False.

    Differentiable in y0, in the arrays of an equinox Module `vector_field` or of its closure, and in the driver;
    works under jit and vmap (partitions are chosen from concrete times).

    Raises:
        InputError: bad shapes (naming the expected one), NaN, times that do not increase, a lift that is not
            group-like for the log-ODE (with the size of the violation), a level too low for p.
        RDEError: an inner solve failed or the values are not finite (unless ``throw=False``).
    """
    _checks.require_x64("solve_rde")
    method = _checks.choice(method, ALL_METHODS, "method")
    y0 = state_array(y0)
    if _is_smooth(rough_path) or method == "controlled":
        scheme = make_scheme("controlled", 1, 1, solver, rtol, atol, max_steps, adjoint)
        unused = (level, p, threshold)
        return _controlled(vector_field, rough_path, y0, method, partition, unused, scheme, estimate, throw)
    driver = prepared(rough_path, level, p)
    check_field(vector_field, y0, driver.channels)
    method = chosen_method(method, driver)
    driver = on_partition(driver, partition, p, threshold)
    scheme = make_scheme(method, driver.channels, driver.level, solver, rtol, atol, max_steps, adjoint)
    return solved(scheme, vector_field, y0, driver, estimate=estimate, throw=throw)


def state_array(y0: Any) -> jax.Array:
    """y0 as a float array of shape (state,)."""
    start = y0 if _checks.is_traced(y0) else _checks.real_array(y0, "y0")
    if start.ndim != 1 or start.shape[0] == 0:
        raise InputError(f"expected y0 of shape (state,), got shape {start.shape}; flatten it, or vmap over a batch")
    return jnp.asarray(start, float)


def check_field(vector_field: Any, y0: jax.Array, channels: int) -> None:
    """Refuse a vector field whose output is not of shape (state, channels)."""
    if not callable(vector_field):
        raise InputError(
            f"expected vector_field to be a callable y -> array (state, channels), got {type(vector_field).__name__}"
        )
    wanted = (y0.shape[0], channels)
    out = jax.eval_shape(vector_field, y0)
    if getattr(out, "shape", None) != wanted:
        raise InputError(
            f"expected vector_field(y0) of shape (state, channels) = {wanted}, got "
            f"{getattr(out, 'shape', type(out).__name__)}; its column i multiplies dX^i, one column per channel"
        )
    if not jnp.issubdtype(out.dtype, jnp.floating):
        raise InputError(f"expected vector_field(y0) of a real float dtype, got {out.dtype}; return floats")


def prepared(rough_path: Any, level: int | None, p: float | None) -> Lift:
    """The driver as a lift of the wanted level, which must be high enough for p."""
    if isinstance(rough_path, Lift):
        driver = rough_path if level is None else rough_path.truncate(level)
    else:
        driver = lift(rough_path, 2 if level is None else level)
    if p is not None:
        check_level(driver.level, _checks.exponent(p))
    return driver


def chosen_method(method: str, driver: Lift) -> str:
    """The scheme for `method`, "auto" included; refuses a log-ODE along steps that are not group-like."""
    if method == "auto":
        method = "log-ode" if driver.geometric else "davie"
    if method == "log-ode":
        _check_group_like(driver)
    return method


def _check_group_like(driver: Lift) -> None:
    remedy = (
        'pass method="davie" (for an Ito lift it gives the Ito solution), flag the lift geometric=False, or make it '
        "geometric: sym(X^2) = X^1 (x) X^1 / 2 on every step"
    )
    if not driver.geometric:
        raise InputError(f'expected a geometric lift for method="log-ode", got one flagged geometric=False; {remedy}')
    if _checks.is_traced(driver.steps):
        return
    sizes = geometric_violation(driver)
    if not sizes.max() <= GROUP_TOLERANCE:
        i, k = np.unravel_index(np.argmax(sizes), sizes.shape)
        raise InputError(
            f"expected group-like steps for a log-ODE, got a lift whose log leaves the Lie algebra by "
            f"{sizes[i, k]:.3g} (relative to |X|^{k + 1}, level {k + 1}, step {i}); {remedy}"
        )


def on_partition(driver: Lift, partition: Any, p: float | None, threshold: float | None) -> Lift:
    """The driver with one step per interval of the partition."""
    if threshold is not None:
        if p is None or partition is not None:
            raise InputError(
                "expected threshold together with p and without partition, got "
                f"p={p!r}, partition {'given' if partition is not None else 'None'}; the greedy partition needs p alone"
            )
        return driver.resample(greedy_partition(driver, p, threshold))
    if partition is None:
        if not _checks.is_traced(driver.times):
            increasing_times(driver.times)
        return driver
    return driver.resample(partition_times(partition, driver.times))


def make_scheme(method: str, channels: int, level: int, solver: Any, rtol: float, atol: float, max_steps: int,
            adjoint: Any) -> Scheme:  # fmt: skip
    for value, name in ((rtol, "rtol"), (atol, "atol")):
        if not 0 < _checks.real_number(value) < 1:
            raise InputError(f"expected {name} in (0, 1), got {value!r}; 1e-9 is a good start")
    max_steps = _checks.integer(max_steps, "max_steps", least=1)
    solver = diffrax.Tsit5() if solver is None else solver
    if not isinstance(solver, diffrax.AbstractAdaptiveSolver):
        raise InputError(
            f"expected a diffrax solver with an error estimate, got {type(solver).__name__}; use diffrax.Tsit5(), "
            f"diffrax.Dopri8() or, for stiff equations, diffrax.Kvaerno5(); diffrax.HalfSolver makes one of any other"
        )
    adjoint = diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint
    # Tolerances as arrays: a change of them does not compile anew.
    return Scheme(
        method, channels, level, solver, jnp.asarray(float(rtol)), jnp.asarray(float(atol)), max_steps, adjoint
    )


def verdict(solution: RDESolution, success: jax.Array, vector_field: Any) -> RDESolution:
    """The solution, or an error if it has not converged (at run time, where it is traced)."""
    advice = "take shorter steps (partition), raise max_steps, loosen rtol and atol, or inspect it with throw=False"
    if _checks.is_traced(solution.converged):
        message = f"the rough differential equation was not solved: an inner solve failed or values overflow; {advice}"
        values = eqx.error_if(solution.values, ~solution.converged, message)
        return eqx.tree_at(lambda s: s.values, solution, values)
    if not solution.converged:
        finite = np.isfinite(np.asarray(solution.values)).all(axis=1)[1:]
        bad = int(np.argmin(np.asarray(success) & finite))
        start = solution.values[bad]
        field = vector_field(start)
        if not _checks.is_traced(field) and not np.isfinite(np.asarray(field)).all():
            cause = "the vector field is not finite at the Y where the step starts"
            advice = f"evaluate it at {np.array2string(np.asarray(start), precision=6, threshold=8)}"
        else:
            cause = "the values are not finite" if bool(success[bad]) else "the inner solve ran out of steps"
        raise RDEError(
            f"expected a converged solution, got a failure in step {bad}, from time {float(solution.times[bad]):g}: "
            f"{cause}; {advice}"
        )
    return solution


def _judged(error: Any, converged: jax.Array) -> Any:
    """The error estimate of a solution that has converged, infinity of any other."""
    return None if error is None else jnp.where(converged, error, jnp.inf)


def solved(
    scheme: Scheme, vector_field: Any, y0: jax.Array, driver: Lift, *, estimate: bool, throw: bool, fresh: int = 0
) -> RDESolution:
    """The march along the steps of the driver, with its error estimate. The last `fresh` entries of the state, which
    start from y0 on every step, are left out of the estimate."""
    values, success, inner, error, kind = _marched(scheme, vector_field, y0, driver, estimate, fresh)
    stats = {"steps": driver.points - 1, "inner_steps": jnp.sum(inner)}
    converged = jnp.all(success) & jnp.all(jnp.isfinite(values))
    error = _judged(error, converged)
    solution = RDESolution(driver.times, values, converged, error, stats, scheme.method, driver.level, kind)
    return verdict(solution, success, vector_field) if throw else solution


def _marched(
    scheme: Scheme, vector_field: Any, y0: jax.Array, driver: Lift, estimate: bool, fresh: int
) -> tuple[Any, ...]:
    """Values, success and inner steps of the march, and max |Y - Y~| with how Y~ was found: by step doubling, or for
    a single step by the level below; None where neither is possible."""
    count, compared = driver.points - 1, y0.shape[0] - fresh
    if not estimate or (count == 1 and scheme.level == 1):
        return *march(scheme, vector_field, y0, driver.steps, 0, fresh), None, None
    if count == 1:
        low = driver.truncate(scheme.level - 1)
        found = march(scheme, vector_field, y0, driver.steps, 0, fresh)
        other = march(scheme.at_level(low.level), vector_field, y0, low.steps, 0, fresh)[0]
        return *found, _gap(found[0], other, compared), "lower level"
    even = count - count % 2
    paired = _products(driver.steps[:even].reshape(even // 2, 2, -1), driver.channels, driver.level)
    elements = jnp.concatenate([driver.steps, paired, driver.steps[even:]])
    values, success, inner, other = march(scheme, vector_field, y0, elements, len(elements) - count, fresh)
    common = np.append(np.arange(0, count, 2), count)
    return values, success, inner, _gap(values[common], other, compared), "step doubling"


def _gap(a: jax.Array, b: jax.Array, compared: int) -> jax.Array:
    return jnp.max(jnp.abs(a - b)[:, :compared])


@functools.partial(jax.jit, static_argnums=(1, 2))
def _products(pairs: jax.Array, channels: int, level: int) -> jax.Array:
    def product(pair: jax.Array) -> jax.Array:
        return tensor.flatten(tensor.product(*(tensor.unflatten(x, channels, level) for x in pair)))

    return jax.vmap(product)(pairs)


# Controlled equations


def _is_smooth(path: Any) -> bool:
    return isinstance(path, diffrax.AbstractPath) and not isinstance(path, PiecewiseLinear)


def _controlled(
    vector_field: Any,
    path: Any,
    y0: jax.Array,
    method: str,
    partition: Any,
    unused: tuple[Any, ...],
    scheme: Scheme,
    estimate: bool,
    throw: bool,
) -> RDESolution:
    """dY/dt = V(Y) X'(t) by diffrax, stepping over the knots of a piecewise-linear path one by one."""
    if method not in ("auto", "controlled") or isinstance(path, Lift):
        raise InputError(
            f"expected method='controlled' with a path that has a derivative, got method={method!r} with a "
            f"{type(path).__name__}; sample the path for the other methods, or solve along the lift by method='auto'"
        )
    if any(option is not None for option in unused):
        raise InputError("expected no level, p or threshold for a controlled equation; they belong to lifts: drop them")
    if not _is_smooth(path):
        path = path if isinstance(path, PiecewiseLinear) else PiecewiseLinear(path)
    knots = path.times if isinstance(path, PiecewiseLinear) else None
    times: Any
    if partition is None:
        times = knots if knots is not None else jnp.stack([jnp.asarray(path.t0, float), jnp.asarray(path.t1, float)])
    else:
        times = partition_times(partition, (path.t0, path.t1))
    slope = jax.eval_shape(path.derivative, jnp.asarray(times[0], float))
    if len(slope.shape) != 1:
        raise InputError(f"expected a path with values of shape (channels,), got shape {slope.shape}; flatten them")
    check_field(vector_field, y0, slope.shape[0])
    jumps = None if knots is None else jnp.asarray(knots)[1:-1]
    values, success, count = controlled_march(scheme, vector_field, path, y0, jnp.asarray(times), jumps, jnp.array(1.0))
    error, kind = None, None
    if estimate:
        other = controlled_march(scheme, vector_field, path, y0, jnp.asarray(times), jumps, jnp.array(100.0))[0]
        error, kind = jnp.max(jnp.abs(values - other)), "looser tolerances"
    stats = {"steps": len(times) - 1, "inner_steps": count}
    converged = success & jnp.all(jnp.isfinite(values))
    solution = RDESolution(times, values, converged, _judged(error, converged), stats, "controlled", None, kind)
    reached = success | jnp.all(jnp.isfinite(values[1:]), axis=1)
    return verdict(solution, reached, vector_field) if throw else solution


@eqx.filter_jit
def controlled_march(
    scheme: Scheme, vector_field: Any, path: Any, y0: jax.Array, times: jax.Array, jumps: Any, looser: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Y at `times`, success, and the number of diffrax steps."""
    field = diffrax.ODETerm(lambda t, y, driver: vector_field(y) @ driver.derivative(t))
    controller = diffrax.ClipStepSizeController(
        diffrax.PIDController(rtol=scheme.rtol * looser, atol=scheme.atol * looser), step_ts=times, jump_ts=jumps
    )
    solution = diffrax.diffeqsolve(
        field,
        scheme.solver,
        t0=times[0],
        t1=times[-1],
        dt0=times[1] - times[0],
        y0=y0,
        args=path,
        saveat=diffrax.SaveAt(ts=times),
        stepsize_controller=controller,
        max_steps=scheme.max_steps,
        adjoint=scheme.adjoint,
        throw=False,
    )
    # diffrax fills what it did not reach with infinity, which may be the start itself.
    values = jnp.concatenate([y0[None], solution.ys[1:]])
    return values, solution.result == diffrax.RESULTS.successful, solution.stats["num_steps"]
