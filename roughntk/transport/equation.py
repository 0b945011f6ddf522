"""Theorem 3: the controlled equation that carries the coefficients from depth L to depth L + 1.

    u' = A^{-1} (b' - A' u),    A(0) u(0) = b(0),        so that A u = b at all times,

integrated with diffrax. Two right-hand sides: "paper" holds b at K_{L+1}(X, x) throughout, so u starts at
K_L(X,X)^{-1} K_{L+1}(X, x); "joint" moves b with A, so u starts at the coefficients of depth L. Both end at
the coefficients of depth L + 1. Two clocks (:mod:`roughntk.transport.clocks`): "arc" integrates in the position s on
the segment; "psi" is the paper's psi_D, integrated through the time change tau = logit psi_D, which resolves the
transition layer at every n (the layer's width in t is about D = det K_L det K_{L+1}, 1e-200 at n = 500).

No result is returned unchecked: every solution carries max |A u - b| over all steps the solver took.
"""

import dataclasses
import math
from typing import Any, Protocol

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg import Errors, Solution, log_determinant, solve, solve_bordered
from roughntk.regression.systems import KernelSystem, Systems
from roughntk.transport import clocks as bridge
from roughntk.transport.clocks import Clock
from roughntk.transport.deflated import SPREAD, DeflatedSegment, deflated_segment
from roughntk.transport.depth_path import DepthClock, DepthDriver
from roughntk.transport.drivers import CoefficientPath, Segment, SegmentDriver, segment_driver
from roughntk.transport.verdict import TransportError, judge

RIGHT_HAND_SIDES = ("joint", "paper")
SYSTEMS = ("auto", "kernel", "deflated")
SIZES = (1e-280, 1e280)
"""Range of the largest entry of a matrix that is given: its inverse and products with it are then within float64."""

ASYMMETRY = 1e-12
"""Entries of a symmetric matrix and its transpose may differ by this part of its largest one."""

__all__ = [
    "RIGHT_HAND_SIDES", "SYSTEMS", "Ticking", "TransportError", "TransportResult", "across_segment", "between_depths",
    "between_systems", "check_solver", "integrate", "vector_field",
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class TransportResult:
    """Coefficients carried from one depth to another.

    Attributes:
        coefficients: u at the end, shape (n, m).
        residual: max |A u - b| over all accepted steps and all entries.
        converged: the solver reached the end, the residual is within max(1e-9, 1000 eps cond) (at most 1e-4), times the
            largest entry of the right-hand sides where that is above 1, and `error` is within `error_bound`, which is
            at most 1e-4.
        error: max |u - K^{-1} b| / max(1, max |u|) against the closed form at the end.
        error_bound: what `error` is held to: what the rounding of the two ends may change in u, relative to
            max(1, max |u|), and at least 1e-9.
        forward_error: bound of |u - true u| for each coefficient, shape (n, m): its difference from the closed form and
            that one's own forward error (`Solution.forward_error`). Infinite where nothing is known.
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
    error: float = math.inf
    error_bound: float = math.inf
    forward_error: np.ndarray = dataclasses.field(default_factory=lambda: np.full((0, 0), math.inf))


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
            singular in 64 bit; "auto" takes those once the entries of A are within 1 % of one value. There "paper"
            holds the right-hand side of the bordered system of the next depth.
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
        TransportError: the result has not converged (:class:`TransportResult`): too large a residual, too far from the
            closed form, or at an end so nearly singular that too little is known (unless ``throw=False``).
    """
    _checks.require_x64("transport")
    family, depth = as_family(family), _checks.integer_depth(depth)
    _checks.choice(clock, bridge.CLOCKS, "clock")
    _checks.choice(rhs, RIGHT_HAND_SIDES, "rhs")
    _checks.choice(system, SYSTEMS, "system")
    throw = _checks.flag(throw, "throw")
    if system == "deflated" and not family.collapses:
        raise InputError(
            f"expected a family that collapses with system='deflated', got {family.name}; use system='kernel'"
        )
    return between_systems(
        Systems(family, *sphere.check_points(X, x)), depth, clock=clock, rhs=rhs, system=system, rtol=rtol, atol=atol,
        solver=solver, max_steps=max_steps, throw=throw,
    )  # fmt: skip


def between_systems(
    systems: Systems,
    depth: int,
    *,
    clock: str,
    rhs: str,
    system: str = "auto",
    **solving,
) -> TransportResult:
    """`between_depths` with checked arguments, of points whose systems may be known already; `solving` as for it."""
    family = systems.family
    what = f"{family.name} kernel matrix at depths {depth} and {depth + 1}"
    options: dict[str, Any] = {"clock": clock, "what": what, **solving}
    if system == "deflated" or (system == "auto" and family.collapses):
        segment, errors, ratio = deflated_segment(systems, depth)
        if system == "deflated" or 0 <= ratio < SPREAD:
            if rhs == "paper":
                segment = DeflatedSegment(segment.K0, segment.K1, segment.B1, segment.B1)
                errors = (errors[0]._replace(right=errors[1].right), errors[1])
            return _across_deflated(segment, errors, drivers_vanish=family.drivers_vanish, **options)
    first, last = (systems.kernel(level) for level in (depth, depth + 1))
    found = _across_kernels(first, last, rhs=rhs, **options)
    return dataclasses.replace(found, drivers_vanish=family.drivers_vanish)


def _across_deflated(
    segment: DeflatedSegment, errors: tuple[Errors, Errors], *, drivers_vanish: bool, what: str, **options
) -> TransportResult:
    """As `across_segment`, on bordered systems."""
    first, last = (
        solve_bordered(np.asarray(M), np.asarray(r), errors=error, what=what)
        for M, r, error in ((segment.K0, segment.B0, errors[0]), (segment.K1, segment.B1, errors[1]))
    )
    logs = sum(float(np.linalg.slogdet(np.asarray(M))[1]) for M in (segment.K0, segment.K1))
    knots = jnp.linspace(0.0, 1.0, 9)
    return _carried(
        segment, (first, last), min(logs, 0.0), drivers=DepthDriver(segment, DepthClock(knots)),
        system="deflated", drivers_vanish=drivers_vanish, **options,
    )  # fmt: skip


def across_segment(
    K0,
    K1,
    B0,
    B1,
    *,
    clock: str = "arc",
    rhs: str = "joint",
    rtol: float = 1e-10,
    atol: float = 1e-12,
    solver: diffrax.AbstractSolver | None = None,
    max_steps: int = 4096,
    throw: bool = True,
    what: str = "kernel matrix",
) -> TransportResult:
    """As `between_depths`, for kernel matrices that are already known and whose entries are right to rounding.

    Args:
        K0, K1: the symmetric matrices at both ends, shape (n, n).
        B0, B1: the right-hand sides there, shape (n, m).
        clock, rhs, rtol, atol, solver, max_steps, throw: as for `between_depths`.
        what: how to name the matrices in an error.

    Raises:
        InputError: matrices that are not square, symmetric, finite and real, or of other shapes than each other; an
            unknown clock or right-hand side (with the nearest name); tolerances that are not positive.
        NotPositiveDefiniteError, TransportError: as `between_depths`.
    """
    _checks.require_x64("transport")
    _checks.choice(clock, bridge.CLOCKS, "clock")
    _checks.choice(rhs, RIGHT_HAND_SIDES, "rhs")
    throw = _checks.flag(throw, "throw")
    if not isinstance(what, str) or not what:
        raise InputError(
            f"expected what, the name of the matrices, to be a word, got {_checks.shown(what)}; leave it out"
        )
    K0, K1, B0, B1 = _checked_segment(K0, K1, B0, B1)
    ends = (KernelSystem(K, B, Errors.of_rounding(K, B)) for K, B in ((K0, B0), (K1, B1)))
    return _across_kernels(
        *ends, rhs=rhs, clock=clock, rtol=rtol, atol=atol, solver=solver, max_steps=max_steps, throw=throw, what=what
    )


def _checked_segment(K0, K1, B0, B1) -> list[np.ndarray]:
    """The four matrices as float64, of shapes that fit; the first of K1's shape is that of K0."""
    found = [_checks.matrix(value, name) for name, value in (("K0", K0), ("K1", K1), ("B0", B0), ("B1", B1))]
    n, m = len(found[0]), found[2].shape[1]
    for name, value, shape in zip(("K0", "K1", "B0", "B1"), found, ((n, n), (n, n), (n, m), (n, m)), strict=True):
        if value.shape != shape:
            raise InputError(
                f"expected {name} of shape {shape}, got {value.shape}; give two square kernel matrices of the same "
                f"points and their right-hand sides, one column for each test point"
            )
    for name, value in zip(("K0", "K1"), found, strict=False):
        off = np.abs(value - value.T)
        if off.max() > ASYMMETRY * np.abs(value).max():
            i, j = sorted(map(int, np.unravel_index(int(off.argmax()), off.shape)))
            raise InputError(
                f"expected a symmetric {name}, got {name}[{i}, {j}] = {value[i, j]!r} and {name}[{j}, {i}] = "
                f"{value[j, i]!r}; give the kernel between the same points in the same order"
            )
        size = float(np.abs(value).max())
        if not SIZES[0] <= size <= SIZES[1]:
            raise InputError(
                f"expected the largest entry of {name} within {SIZES[0]:g} and {SIZES[1]:g} in size, got {size:.3g}, "
                f"whose inverse or products leave float64; multiply K0, K1, B0 and B1 by one number, which leaves the "
                f"coefficients as they are"
            )
    return found


def _check_known(u: np.ndarray, right: np.ndarray, what: str) -> None:
    """Refuse coefficients beyond float64, and those below it."""
    beyond = ~np.isfinite(u).all(axis=0)
    below = (u == 0).all(axis=0) & (right != 0).any(axis=0)
    bad = np.flatnonzero(beyond | below)
    if bad.size:
        where, remedy = ("beyond", "divide") if beyond[bad[0]] else ("below", "multiply")
        raise InputError(
            f"expected coefficients within float64 (5e-324 to 1.8e308), got some {where} it in "
            f"{_checks.name_rows(bad).replace('row', 'column')} of the right-hand sides of the {what}; scale B0 and B1 "
            f"alike ({remedy} them by one number): the coefficients are linear in them"
        )


def _across_kernels(first: KernelSystem, last: KernelSystem, *, rhs: str, what: str, **options) -> TransportResult:
    """The segment between two kernel systems, solved at both ends and carried between them."""
    start = first if rhs == "joint" else first._replace(
        right=last.right, errors=first.errors._replace(right=last.errors.right)
    )  # fmt: skip
    begin, end = (solve(each.matrix, each.right, errors=each.errors, what=what) for each in (start, last))
    for found, right in ((begin, start.right), (end, last.right)):
        _check_known(found.coefficients, right, what)
    segment = Segment(*map(jnp.asarray, (first.matrix, last.matrix, start.right, last.right)))
    log_D = log_determinant(first.matrix) + log_determinant(last.matrix)
    return _carried(segment, (begin, end), log_D, drivers=segment_driver(segment), **options)


def _carried(
    segment: Segment, ends: tuple[Solution, Solution], log_D: float, *, drivers, clock: str, rtol: float = 1e-10,
    atol: float = 1e-12, solver: diffrax.AbstractSolver | None = None, max_steps: int = 4096, throw: bool = True,
    **said,
) -> TransportResult:  # fmt: skip
    """The integration of one segment, checked against the closed forms at its ends."""
    rtol, atol, max_steps = check_solver(rtol, atol, solver, max_steps)
    n, condition = len(ends[0].coefficients), max(end.condition_number for end in ends)
    ticking = bridge.clock(clock, log_D)
    solver = diffrax.Dopri8() if solver is None else solver
    # Below the rounding noise of the field a controller would only shrink its steps without end.
    noise = 0.5 * EPS * condition
    rtol, atol = max(rtol, noise), max(atol, noise)
    at_knots, residual, outcome, stats = integrate(
        segment, ticking, jnp.asarray(ends[0].unknowns), jnp.asarray(rtol), jnp.asarray(atol), solver, max_steps
    )
    u, residual = np.asarray(at_knots[-1])[:n], float(residual)
    size = max(1.0, *(float(np.abs(np.asarray(right)).max()) for right in (segment.B0, segment.B1)))
    found = judge(outcome, residual, u, ends, stats, size=size, throw=throw)
    return TransportResult(
        coefficients=u,
        residual=residual,
        **found._asdict(),
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


def check_solver(rtol, atol, solver, max_steps) -> tuple[float, float, int]:
    """The settings of the solver, checked.

    Raises:
        InputError: tolerances that are not positive and finite, steps that are no whole number, or a solver that is
            not an instance of a diffrax solver.
    """
    numbers = []
    for name, value in (("rtol", rtol), ("atol", atol)):
        number = _checks.real_number(value)
        if not 0 < number < np.inf:
            raise InputError(f"expected {name} > 0, got {value!r}; 1e-10 and 1e-12 are the tolerances by default")
        numbers.append(number)
    if solver is not None and not isinstance(solver, diffrax.AbstractSolver):
        raise InputError(f"expected a diffrax solver, got {solver!r}; give an instance, for instance diffrax.Dopri8()")
    return numbers[0], numbers[1], _checks.integer(max_steps, "max_steps", least=1)
