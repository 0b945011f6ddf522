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
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from roughntk import _checks
from roughntk.depth import bridge
from roughntk.depth.bridge import Clock
from roughntk.kernels import KernelFamily
from roughntk.transport.coefficients import EPS, check_points, log_determinant, solve
from roughntk.transport.drivers import CoefficientPath, Segment, SegmentDriver, segment_driver

RIGHT_HAND_SIDES = ("joint", "paper")

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
    """

    coefficients: np.ndarray
    residual: float
    converged: bool
    stats: dict[str, Any]
    drivers: SegmentDriver
    clock: Clock
    times: np.ndarray
    values: np.ndarray
    condition_number: float


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
        factor = jax.scipy.linalg.cho_factor(A, lower=True)
        return clock.rate(tau) * jax.scipy.linalg.cho_solve(factor, db - dA @ u)

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
    depth = _checks.integer_depth(depth)
    _checks.choice(clock, bridge.CLOCKS, "clock")
    _checks.choice(rhs, RIGHT_HAND_SIDES, "rhs")
    X, x = check_points(X, x)
    kernels = [np.asarray(family(X, z, depth=level)) for z in (X, x) for level in (depth, depth + 1)]
    return across_segment(
        *kernels, clock=clock, rhs=rhs, rtol=rtol, atol=atol, solver=solver, max_steps=max_steps, throw=throw,
        what=f"{family.name} kernel matrix at depths {depth} and {depth + 1}",
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
    ticking = bridge.clock(clock, log_determinant(K0) + log_determinant(K1))
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
        coefficients=np.asarray(at_knots[-1]),
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
        drivers=segment_driver(segment),
        clock=ticking,
        times=np.asarray(ticking.knots),
        values=np.asarray(at_knots),
        condition_number=condition,
    )
