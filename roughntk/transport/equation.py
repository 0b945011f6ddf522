"""Theorem 3: the controlled equation that carries the coefficients from depth L to depth L + 1.

    u' = A^{-1} (b' - A' u),    A(0) u(0) = b(0),        so that A u = b at all times,

integrated with diffrax. Two right-hand sides: "paper" holds b at K_{L+1}(X, x) throughout, so u starts at
K_L(X,X)^{-1} K_{L+1}(X, x); "joint" moves b with A, so u starts at the coefficients of depth L. Both end at
the coefficients of depth L + 1. Two clocks (:mod:`roughntk.depth.bridge`): "arc" integrates in the position s on
the segment; "psi" is the paper's psi_D, integrated through the time change tau = logit psi_D, which resolves the
transition layer at every n (the layer's width in t is about D = det K_L det K_{L+1}, 1e-200 at n = 500).

No result is returned unchecked: every solution carries max |A u - b| over all steps the solver took.
"""

import dataclasses
from typing import Any, Protocol

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.depth import bridge
from roughntk.depth.bridge import Clock
from roughntk.kernels import KernelFamily, as_family
from roughntk.transport.coefficients import EPS, log_determinant, solve
from roughntk.transport.deflated import SPREAD, DeflatedSegment, deflated_segment
from roughntk.transport.depth_path import DepthClock, DepthDriver
from roughntk.transport.drivers import CoefficientPath, Segment, SegmentDriver, segment_driver
from roughntk.transport.linear import solve_deflated_system

RIGHT_HAND_SIDES = ("joint", "paper")
SYSTEMS = ("auto", "kernel", "deflated")

RESIDUAL_TOLERANCE = 1e-9
"""Largest accepted residual for well-conditioned systems; beyond, 1000 eps times the condition number."""


class TransportError(RuntimeError):
    """The integration failed or its residual is too large; the message says by how much and what to try."""


@dataclasses.dataclass(frozen=True)
class TransportResult:
    """Coefficients carried from one depth to another.

    Attributes:
        coefficients: u at the end, shape (n, m).
        residual: max |A u - b| over all accepted steps and all entries.
        converged: the solver reached the end and the residual is within tolerance.
        stats: steps taken, accepted and rejected, and the tolerances used.
        drivers: the driver v as a diffrax path on [0, 1], values (n, n + m).
        clock: the clock of the integration (position, rate, paper_time).
        times: the clock's knots tau, shape (k,).
        values: u at those times, shape (k, n, m).
        condition_number: the larger one of the two ends.
        system: "kernel", or "deflated" where the bordered systems were integrated: the driver is then theirs, with
            n + 1 rows and n + 1 + m columns.
        drivers_vanish: whether the drivers of the kernel itself, K_L^{-1} (K_{L+1} - K_L), vanish as L grows. Those of
            hyperbolic families do not; theirs of the deflated systems do.
    """

    coefficients: np.ndarray
    residual: float
    converged: bool
    stats: dict[str, Any]
    drivers: SegmentDriver | DepthDriver
    clock: Clock
    times: np.ndarray
    values: np.ndarray
    condition_number: float
    system: str = "kernel"
    drivers_vanish: bool = True


class Ticking(Protocol):
    """What the integration needs of a clock: knots to step on, and position and rate on the path."""

    @property
    def knots(self) -> Any:
        """Increasing times; the first and last are start and stop."""

    def position(self, tau: Array) -> Array:
        """s(tau)."""

    def rate(self, tau: Array) -> Array:
        """ds/dtau."""


def vector_field(path: CoefficientPath, clock: Ticking):
    """(tau, u, args) -> A^{-1} (b' - A' u) ds/dtau, for a user's own `diffrax.diffeqsolve`."""

    def field(tau, u, args):
        del args
        s = clock.position(tau)
        A, _ = path.evaluate(s)
        dA, db = path.derivative(s)
        return clock.rate(tau) * path.solve(A, db - dA @ u)

    return field


@eqx.filter_jit
def integrate(path: CoefficientPath, clock: Ticking, u0, rtol, atol, solver, max_steps):
    """Integrate the equation over the clock's knots; returns (u at knots, residual, diffrax result, stats)."""

    def residual(tau, u, args):
        del args
        A, b = path.evaluate(clock.position(tau))
        return jnp.max(jnp.abs(A @ u - b))

    knots = jnp.asarray(clock.knots)
    controller = diffrax.ClipStepSizeController(
        diffrax.PIDController(rtol=rtol, atol=atol), step_ts=knots, store_rejected_steps=None
    )
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(vector_field(path, clock)),
        solver,
        t0=knots[0],
        t1=knots[-1],
        dt0=knots[1] - knots[0],
        y0=u0,
        stepsize_controller=controller,
        saveat=diffrax.SaveAt(
            subs=[
                diffrax.SubSaveAt(ts=knots),
                diffrax.SubSaveAt(t0=True, steps=True, fn=residual),
            ]
        ),
        max_steps=max_steps,
        throw=False,
    )
    at_knots, residuals = solution.ys
    # Unused slots of the step buffer are infinite; a NaN in a used one must not be lost in the maximum.
    used = jnp.arange(residuals.shape[0]) <= solution.stats["num_accepted_steps"]
    worst = jnp.max(jnp.where(used, jnp.where(jnp.isnan(residuals), jnp.inf, residuals), 0.0))
    return at_knots, worst, solution.result, solution.stats


def verdict(outcome, residual: float, condition: float, stats: dict[str, Any], *, throw: bool) -> bool:
    """Whether the end was reached with a residual of at most max(1e-9, 1000 eps cond); otherwise, or an error.

    Raises:
        TransportError: it was not, and `throw` is set.
    """
    reached = bool(outcome == diffrax.RESULTS.successful)
    allowed = max(RESIDUAL_TOLERANCE, 1000 * EPS * condition)
    converged = reached and residual <= allowed
    if throw and not converged:
        cause = "the solver stopped early" if not reached else "the residual is too large"
        raise TransportError(
            f"expected max |A u - b| <= {allowed:.2g}, got {residual:.2g} after {int(stats['num_steps'])} steps "
            f"({cause}; condition number {condition:.2g}); lower rtol and atol, raise max_steps, or inspect the "
            f"result with throw=False"
        )
    return converged


def between_depths(
    family: KernelFamily,
    X,
    x,
    *,
    depth,
    clock: str = "arc",
    rhs: str = "joint",
    system: str = "auto",
    rtol: float = 1e-10,
    atol: float = 1e-12,
    solver: diffrax.AbstractSolver | None = None,
    max_steps: int = 4096,
    throw: bool = True,
) -> TransportResult:
    """Carry u = K(X,X)^{-1} K(X,x) from depth L to depth L + 1 by the equation of Theorem 3.

    Args:
        family: a kernel family.
        X: training points, unit distinct rows, shape (n, n0).
        x: test points, unit rows, shape (m, n0).
        depth: L, a whole number >= 1 (for data with n > n0 start at 2: K_1 = X X^T is singular).
        clock: "arc" (position on the segment) or "psi" (the paper's psi_D, through the time change
            tau = logit psi_D(2t - 1), which is exact for every D).
        rhs: "joint" (b moves with A) or "paper" (b stays at the next depth).
        system: "kernel" integrates A u = b itself; "deflated" the bordered systems of a family that collapses
            (:mod:`roughntk.transport.deflated`), which is the only way where its drivers do not vanish and A is
            singular in 64 bit; "auto" takes those with rhs="joint" once the entries of A are within 1 % of one value.
        rtol, atol: tolerances of the step-size controller; raised to half of eps times the condition number where
            that is larger, since the field itself is not known better (the ones used are in `stats`).
        solver: a diffrax solver; `diffrax.Dopri8()` by default.
        max_steps: bound on the number of steps.
        throw: raise on failure; otherwise return a result with `converged=False`.

    Returns:
        A :class:`TransportResult`.

    Raises:
        InputError: bad points, depth < 1, unknown clock or right-hand side (with the nearest name).
        NotPositiveDefiniteError: a kernel matrix at one of the two depths is singular to working precision.
        TransportError: the residual is above max(1e-9, 1000 eps cond) (unless ``throw=False``).
    """
    _checks.require_x64("transport")
    family, depth = as_family(family), _checks.integer_depth(depth)
    _checks.choice(clock, bridge.CLOCKS, "clock")
    _checks.choice(rhs, RIGHT_HAND_SIDES, "rhs")
    _checks.choice(system, SYSTEMS, "system")
    X, x = sphere.check_points(X, x)
    what = f"{family.name} kernel matrix at depths {depth} and {depth + 1}"
    options: dict[str, Any] = {
        "clock": clock, "rtol": rtol, "atol": atol, "solver": solver, "max_steps": max_steps, "throw": throw,
        "what": what,
    }  # fmt: skip
    if system == "deflated" and (rhs != "joint" or not family.collapses):
        raise InputError(
            f"expected rhs='joint' and a family that collapses with system='deflated', got rhs={rhs!r} and "
            f"{family.name}; use system='kernel'"
        )
    if system == "deflated" or (system == "auto" and rhs == "joint" and family.collapses):
        segment, ratio = deflated_segment(family, X, x, depth)
        if system == "deflated" or 0 <= ratio < SPREAD:
            return _across_deflated(segment, drivers_vanish=family.drivers_vanish, **options)
    kernels = [np.asarray(family(X, z, depth=level)) for z in (X, x) for level in (depth, depth + 1)]
    found = across_segment(*kernels, rhs=rhs, **options)
    return dataclasses.replace(found, drivers_vanish=family.drivers_vanish)


def _across_deflated(segment: DeflatedSegment, *, drivers_vanish: bool, what: str, **options) -> TransportResult:
    """As `across_segment`, on bordered systems."""
    n = segment.B0.shape[0] - 1
    ends = ((segment.K0, segment.B0), (segment.K1, segment.B1))
    (w0, first), (_, last) = (solve_deflated_system(np.asarray(M), np.asarray(r), what=what) for M, r in ends)
    logs = sum(float(np.linalg.slogdet(np.asarray(M))[1]) for M, _ in ends)
    knots = jnp.linspace(0.0, 1.0, 9)
    return _carried(
        segment, w0, max(first.condition_number, last.condition_number), min(logs, 0.0), n,
        drivers=DepthDriver(segment, DepthClock(knots)), system="deflated", drivers_vanish=drivers_vanish, **options,
    )  # fmt: skip


def across_segment(
    K0: np.ndarray,
    K1: np.ndarray,
    B0: np.ndarray,
    B1: np.ndarray,
    *,
    clock: str = "arc",
    rhs: str = "joint",
    rtol: float = 1e-10,
    atol: float = 1e-12,
    solver: diffrax.AbstractSolver | None = None,
    max_steps: int = 4096,
    throw: bool = True,
    what: str = "matrix",
) -> TransportResult:
    """As :func:`between_depths`, from the kernel matrices themselves: K0, K1 (n, n) and B0, B1 (n, m)."""
    start = B0 if rhs == "joint" else B1
    u0, first = solve(K0, start, what=what)
    _, last = solve(K1, B1, what=what)
    condition = max(first.condition_number, last.condition_number)
    segment = Segment(*map(jnp.asarray, (K0, K1, start, B1)))
    log_D = log_determinant(K0) + log_determinant(K1)
    return _carried(
        segment, u0, condition, log_D, len(K0), clock=clock, rtol=rtol, atol=atol, solver=solver, max_steps=max_steps,
        throw=throw, drivers=segment_driver(segment),
    )  # fmt: skip


def _carried(
    segment: Segment, u0, condition: float, log_D: float, n: int, *, clock: str, rtol: float, atol: float,
    solver: diffrax.AbstractSolver | None, max_steps: int, throw: bool, drivers, **said,
) -> TransportResult:  # fmt: skip
    """The integration of one segment, checked; `n` rows of the solution are coefficients."""
    ticking = bridge.clock(clock, log_D)
    solver = diffrax.Dopri8() if solver is None else solver
    # Below the rounding noise of the field a controller would only shrink its steps without end.
    noise = 0.5 * EPS * condition
    rtol, atol = max(float(rtol), noise), max(float(atol), noise)
    at_knots, residual, outcome, stats = integrate(
        segment, ticking, jnp.asarray(u0), jnp.asarray(rtol), jnp.asarray(atol), solver, max_steps
    )
    residual = float(residual)
    converged = verdict(outcome, residual, condition, stats, throw=throw)
    return TransportResult(
        coefficients=np.asarray(at_knots[-1])[:n],
        residual=residual,
        converged=converged,
        stats={
            "steps": int(stats["num_steps"]),
            "accepted": int(stats["num_accepted_steps"]),
            "rejected": int(stats["num_rejected_steps"]),
            "rtol": rtol,
            "atol": atol,
            "solver": type(solver).__name__,
        },
        drivers=drivers,
        clock=ticking,
        times=np.asarray(ticking.knots),
        values=np.asarray(at_knots)[:, :n],
        condition_number=condition,
        **said,
    )
