"""Rough differential equations dY = V(Y) dX, Y_0 = y0, driven by a path or by its lift.

Schemes: "log-ode" (on each step the flow of sum_w (log X_{s,t})^w V_w, any level, solved by diffrax), "davie" (the
Taylor sum y + sum_w X_{s,t}^w V_w(y), which also takes lifts that are not geometric and then gives, for an Ito
lift, the Ito solution) and "controlled" (dY/dt = V(Y) X'(t), for paths with a derivative). Every result says
whether it converged and carries an error estimate.

Orders of the log-ODE in the step size: along a smooth driver 2 at level 1, 4 at level 2; along Brownian motion,
strongly, 1/2 at level 1 (Wong and Zakai, when the V_i do not commute), 1 at level 2.
Source: FrizVictoir2010, chapters 7, 10 and 13; LyonsCaruanaLevy2007, chapter 5.
"""

from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.equations import estimates as _estimates
from roughntk.rough.equations.options import RDEOptions
from roughntk.rough.equations.schemes import METHODS, Scheme, take_steps
from roughntk.rough.paths.arguments import (
    check_derivative,
    check_driver,
    check_field,
    finite_slopes,
)
from roughntk.rough.paths.lifts import Lift, lift, partition_times
from roughntk.rough.paths.perturbed import geometric_violation
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear
from roughntk.rough.variation.partitions import check_level, greedy_partition

ALL_METHODS = ("auto", *METHODS, "controlled")

GROUP_TOLERANCE = 1e-8
"""Largest relative distance from the group (`geometric_violation`) of a step that the log-ODE takes."""


class RDEError(RuntimeError):
    """The solve failed; the message says where and what to try."""


class RDESolution(eqx.Module):
    """The solution at the ends of the steps.

    `times`: shape (steps + 1,). `values`: Y, shape (steps + 1, state). `converged`: every inner solve succeeded, all
    values are finite, and the error estimate, if there is one, is in its range. `error_estimate`: a scalar in the units
    of Y, or None where none was asked for: max |Y - Y~| over times and entries is at most 4 times as large, Y~ being
    the solution along the driver as it is given, log-linear between its sample points. `estimate_kind` is "three step
    sizes", which tell the order that is seen, or "looser tolerances" (controlled equations: |Y - Y~|, Y~ with
    tolerances 100 times looser). Infinity where nothing is known. Linear equations have an "error bound" in its place,
    in the 2-norm (`solve_linear`). `in_range`: whether the differences of successive step sizes decrease as those of a
    convergent scheme do (None where they do not enter); where they do not, `error_estimate` is no estimate.
    `stats`: "steps", "inner_steps" (diffrax steps over all steps), "ratio" of the successive differences, 2^q at
    order q. `method`, `level`: what was used.
    """

    times: Any
    values: jax.Array
    converged: Any
    error_estimate: Any
    stats: dict[str, Any]
    method: str = eqx.field(static=True)
    level: int | None = eqx.field(static=True)
    estimate_kind: str | None = eqx.field(static=True)
    in_range: Any = None


def solve_rde(
    vector_field: Any,
    rough_path: Any,
    y0: Any,
    *,
    method: str = "auto",
    level: int | None = None,
    partition: Any = None,
    throw: bool = True,
    options: RDEOptions | None = None,
    **settings: Any,
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
        throw: raise on failure; otherwise return with `converged` False.
        options: tolerances, solver, adjoint, step control and whether there is an error estimate; None: `RDEOptions()`.
        settings: options by name: solver, rtol, atol, max_steps, adjoint, p, threshold, estimate.

    Differentiable in y0, in the arrays of an equinox Module `vector_field` or of its closure, and in the driver;
    works under jit and vmap (partitions are chosen from concrete times).

    Raises:
        InputError: bad shapes (naming the expected one), NaN, times that do not increase, a lift that is not
            group-like for the log-ODE (with the size of the violation), a level too low for p; a vector field that
            raises, or of another dtype or signature; a path without a derivative, as Brownian trees are.
        RDEError: an inner solve failed, the values are not finite, or the steps are too long for the error estimate
            (unless ``throw=False``).

    >>> import roughntk as rn
    >>> import jax.numpy as jnp
    >>> solution = rn.rough.solve_rde(lambda y: y[:, None], [[0.0], [1.0]], [1.0])
    >>> bool(jnp.abs(solution.values[-1, 0] - jnp.e) < 1e-6)
    True
    """
    _checks.require_x64("solve_rde")
    throw, options = _checks.flag(throw, "throw"), RDEOptions.of(options, settings)
    method = _checks.choice(method, ALL_METHODS, "method")
    y0 = state_array(y0)
    check_driver(rough_path)
    if _is_smooth(rough_path) or method == "controlled":
        scheme = make_scheme("controlled", 1, 1, options)
        unused = (level, options.p, options.threshold)
        return _controlled(vector_field, rough_path, y0, method, partition, unused, scheme, options.estimate, throw)
    driver = prepared(rough_path, level, options.p)
    check_field(vector_field, y0, driver.channels)
    method = chosen_method(method, driver)
    steps = on_partition(driver, partition, options)
    scheme = make_scheme(method, driver.channels, driver.level, options)
    return solved(scheme, vector_field, y0, driver, steps, estimate=options.estimate, throw=throw)


def state_array(y0: Any) -> jax.Array:
    """y0 as a float array of shape (state,)."""
    start = y0 if _checks.is_traced(y0) else _checks.real_array(y0, "y0")
    if start.ndim != 1 or start.shape[0] == 0:
        raise InputError(f"expected y0 of shape (state,), got shape {start.shape}; flatten it, or vmap over a batch")
    return jnp.asarray(start, float)


def prepared(rough_path: Any, level: int | None, p: float | None) -> Lift:
    """The driver as a lift of the wanted level, which must be high enough for p."""
    if isinstance(rough_path, Lift):
        driver = rough_path if level is None else rough_path.truncate(level)
    else:
        driver = lift(rough_path, 2 if level is None else level)
    if p is not None:
        check_level(driver.level, p)
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


def on_partition(driver: Lift, partition: Any, options: RDEOptions) -> Lift:
    """The driver with one step per interval of the partition."""
    if options.p is not None and options.threshold is not None:
        if partition is not None:
            raise InputError("expected threshold without partition, got both; the greedy partition needs p alone")
        return driver.resample(greedy_partition(driver, options.p, options.threshold))
    if partition is None:
        if not _checks.is_traced(driver.times):
            _checks.increasing_times(driver.times)
        return driver
    return driver.resample(partition_times(partition, driver.times))


def make_scheme(method: str, channels: int, level: int, options: RDEOptions) -> Scheme:
    """The scheme with these options."""
    # Tolerances as arrays: a change of them does not compile anew.
    rtol, atol = jnp.asarray(options.rtol), jnp.asarray(options.atol)
    return Scheme(method, channels, level, options.solver, rtol, atol, options.max_steps, options.adjoint)


def verdict(solution: RDESolution, success: jax.Array, vector_field: Any, path: Any = None) -> RDESolution:
    """The solution, or an error if it has not converged (at run time, where it is traced)."""
    advice = "take shorter steps (partition), raise max_steps, loosen rtol and atol, or inspect it with throw=False"
    if _checks.is_traced(solution.converged):
        message = (
            f"the rough differential equation was not solved: an inner solve failed, values overflow, or the steps "
            f"are too long for an error estimate; {advice}"
        )
        values = eqx.error_if(solution.values, ~solution.converged, message)
        return eqx.tree_at(lambda s: s.values, solution, values)
    if solution.converged:
        return solution
    finite = np.isfinite(np.asarray(solution.values)).all(axis=1)[1:]
    fine = np.asarray(success) & finite
    if fine.all():
        raise _out_of_range(solution)
    bad = int(np.argmin(fine))
    start, times = solution.values[bad], solution.times[bad : bad + 2]
    field = vector_field(start)
    if not np.isfinite(np.asarray(field)).all():
        cause = "the vector field is not finite at the Y where the step starts"
        advice = f"evaluate it at {np.array2string(np.asarray(start), precision=6, threshold=8)}"
    elif (
        path is not None
        and _is_smooth(path)
        and not finite_slopes(path, np.linspace(float(times[0]), float(times[1]), 65)).all()
    ):
        cause = "the derivative of the path is not finite there"
        advice = "remove or interpolate the missing points before you make the path"
    else:
        cause = "the values are not finite" if bool(success[bad]) else "the inner solve ran out of steps"
    raise RDEError(
        f"expected a converged solution, got a failure in step {bad}, from time {float(times[0]):g}: {cause}; {advice}"
    )


def _out_of_range(solution: RDESolution) -> RDEError:
    """The error for steps too long for the estimate."""
    return RDEError(
        f"expected steps short enough for an error estimate, got differences of successive step sizes whose ratio is "
        f"{float(solution.stats['ratio']):.3g}, where an order q gives 2^q and at least 2^(1/4) is asked for; take "
        f"shorter steps (partition) or a higher level, or pass throw=False, or estimate=False for no estimate"
    )


def solved(
    scheme: Scheme, vector_field: Any, y0: jax.Array, base: Lift, driver: Lift, *, estimate: bool, throw: bool,
    fresh: int = 0,
) -> RDESolution:  # fmt: skip
    """The solution along the steps of `driver`, which were taken from `base`, with its error estimate. The last `fresh`
    entries of the state, which start from y0 on every step, are left out of the estimate."""
    count = driver.points - 1
    stats: dict[str, Any] = {"steps": count}
    error: Any = None
    kind: str | None = None
    in_range: Any = None
    if estimate:
        estimated = _estimates.estimated(scheme, vector_field, y0, base, driver, fresh)
        values, success, inner, in_range, kind = (
            estimated.values, estimated.success, estimated.inner, estimated.in_range, _estimates.KIND
        )  # fmt: skip
        stats["ratio"] = estimated.ratio
    else:
        restart, tighter = np.zeros(count, bool), np.ones(count)
        rows, success, inner = take_steps(scheme, vector_field, y0, driver.steps, restart, tighter, fresh)
        xp: Any = jnp if _checks.is_traced(y0, rows) else np
        values = jnp.asarray(xp.concatenate([y0[None], rows]))
    stats["inner_steps"], converged = _summary(values, success, inner)
    if estimate:
        # An estimate out of its range is shown as it is; `converged` and `in_range` say that it is none.
        error = jnp.where(converged & jnp.isfinite(estimated.error), estimated.error, jnp.inf)
        converged = converged & in_range
    solution = RDESolution(
        driver.times, values, converged, error, stats, scheme.method, driver.level, kind, in_range
    )  # fmt: skip
    return verdict(solution, success, vector_field) if throw else solution


def _summary(values: Any, success: Any, inner: Any) -> tuple[jax.Array, jax.Array]:
    """The inner steps in all, and whether all went well; by NumPy where they are known."""
    xp: Any = jnp
    if not _checks.is_traced(values, success, inner):
        xp, (values, success, inner) = np, map(np.asarray, (values, success, inner))
    return jnp.asarray(xp.sum(inner)), jnp.asarray(xp.all(success) & xp.all(xp.isfinite(values)))


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
    channels = check_derivative(path, np.asarray(times, dtype=np.float64))
    check_field(vector_field, y0, channels)
    jumps = None if knots is None else jnp.asarray(knots)[1:-1]
    values, success, count = controlled_solution(
        scheme, vector_field, path, y0, jnp.asarray(times), jumps, jnp.array(1.0)
    )
    error, kind = None, None
    if estimate:
        other = controlled_solution(scheme, vector_field, path, y0, jnp.asarray(times), jumps, jnp.array(100.0))[0]
        error, kind = jnp.max(jnp.abs(values - other)), "looser tolerances"
    stats = {"steps": len(times) - 1, "inner_steps": count}
    converged = success & jnp.all(jnp.isfinite(values))
    error = None if error is None else jnp.where(converged, error, jnp.inf)
    solution = RDESolution(times, values, converged, error, stats, "controlled", None, kind)
    reached = success | jnp.all(jnp.isfinite(values[1:]), axis=1)
    return verdict(solution, reached, vector_field, path) if throw else solution


@eqx.filter_jit
def controlled_solution(
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
