"""Theorem 3: the controlled equation that carries coefficients along a path of linear systems.

    u' = A^{-1} (b' - A' u),    A(0) u(0) = b(0),        so that A u = b at all times,

integrated with diffrax in the time of a clock (:mod:`roughntk.transport.clocks`). The path is the straight segment
between two whole depths (:mod:`roughntk.transport.whole_depth`) or the kernel along real depth
(:mod:`roughntk.transport.along_depth`).

No result is returned unchecked: every solution carries max |A u - b| over all steps the solver took.
"""

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.linalg import Solution
from roughntk.transport.certificate import Certificate, Node, certified, exponents
from roughntk.transport.clocks import Clock
from roughntk.transport.paths import CoefficientPath
from roughntk.transport.result import TransportResult, judge
from roughntk.transport.systems import LinearSystem


@dataclasses.dataclass(frozen=True)
class SolverOptions:
    """How the equation is integrated; immutable, `dataclasses.replace` makes another one.

    Attributes:
        rtol, atol: tolerances of the step-size controller, > 0; raised to half of eps times the condition number where
            that is larger, since the field itself is not known better (the ones used are in a result's `stats`).
        max_steps: bound on the number of steps, at least 1.
        solver: a diffrax solver; None is `diffrax.Dopri8()`.

    Raises:
        InputError: tolerances that are not positive and finite, steps that are no whole number, or a solver that is
            not an instance of a diffrax solver.

    >>> import roughntk as rn
    >>> options = rn.transport.SolverOptions(rtol=1e-8, atol=1e-10)
    >>> X, x = rn.sphere.uniform(3, 4, 0), rn.sphere.uniform(1, 4, 1)
    >>> rn.transport.between_depths(rn.kernels.ReluNTK(), X, x, depth=2, options=options).stats["rtol"]
    1e-08
    """

    rtol: float = 1e-10
    atol: float = 1e-12
    max_steps: int = 4096
    solver: diffrax.AbstractSolver | None = None

    def __post_init__(self):
        for name in ("rtol", "atol"):
            value = getattr(self, name)
            number = _checks.real_number(value)
            if not 0 < number < np.inf:
                raise InputError(f"expected {name} > 0, got {value!r}; 1e-10 and 1e-12 are the tolerances by default")
            object.__setattr__(self, name, number)
        if self.solver is not None and not isinstance(self.solver, diffrax.AbstractSolver):
            raise InputError(
                f"expected a diffrax solver, got {self.solver!r}; give an instance, for instance diffrax.Dopri8()"
            )
        object.__setattr__(self, "max_steps", _checks.integer(self.max_steps, "max_steps", least=1))

    @classmethod
    def of(cls, options: "SolverOptions | None", settings: dict[str, Any]) -> "SolverOptions":
        """The options, with some of them given by name.

        Raises:
            InputError: `options` of another type, or a name that is none of its attributes (with the nearest one).
        """
        if options is not None and not isinstance(options, SolverOptions):
            raise InputError(f"expected options to be SolverOptions, got {options!r}; write SolverOptions(rtol=1e-8)")
        names = tuple(field.name for field in dataclasses.fields(cls))
        for name in settings:
            _checks.choice(name, names, "the name of an option")
        return dataclasses.replace(options or cls(), **settings)

    def above_rounding(self, condition: float) -> Self:
        """With tolerances of at least the rounding of the field, below which a controller would only shrink its steps
        without end."""
        noise = 0.5 * EPS * condition
        return dataclasses.replace(self, rtol=max(self.rtol, noise), atol=max(self.atol, noise))


def vector_field(path: CoefficientPath, clock: Clock):
    """(tau, u, args) -> A^{-1} (b' - A' u) ds/dtau, for a user's own `diffrax.diffeqsolve`.

    Args:
        path: the systems A(s) u = b(s), as the `path` of a result.
        clock: the time tau and the position s(tau), as the `clock` of a result.

    >>> import diffrax
    >>> import roughntk as rn
    >>> family, X, x = rn.kernels.ReluNTK(), rn.sphere.uniform(3, 4, 0), rn.sphere.uniform(1, 4, 1)
    >>> known = rn.transport.between_depths(family, X, x, depth=2)
    >>> field = rn.transport.vector_field(known.path, known.clock)
    >>> own = diffrax.diffeqsolve(diffrax.ODETerm(field), diffrax.Dopri5(), 0.0, 1.0, 0.1, known.values[0])
    >>> bool(abs(own.ys[-1] - known.coefficients).max() < 1e-6)
    True
    """

    def field(tau, u, args):
        del args
        s = clock.position(tau)
        A, _ = path.evaluate(s)
        dA, db = path.derivative(s)
        return clock.rate(tau) * path.solve(A, db - dA @ u)

    return field


@eqx.filter_jit
def integrate(path: CoefficientPath, clock: Clock, u0, rtol, atol, solver, max_steps):
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


class Place(NamedTuple):
    """A time of the clock, the system there, and its solution in closed form, None where that is not wanted."""

    time: float
    system: LinearSystem
    closed: Solution | None


def carry(
    path: CoefficientPath, clock: Clock, ends: tuple[Place, Place], *, depths: tuple[float, float], condition: float,
    options: SolverOptions, throw: bool, size: float = 1.0, between: Iterable[Place] = (), **further: Any,
) -> TransportResult:  # fmt: skip
    """The solution at all knots of the clock, checked against the closed form at the end, with its certificate.

    Args:
        path, clock: the systems, and the time in which they are run through.
        ends: the start and the end, solved in closed form.
        depths: of both ends.
        condition: the largest condition number seen on the path.
        options, throw: as for `between_depths`.
        size: of the right-hand sides, at least 1.
        between: places on the way that the certificate goes through, by increasing time; it has bounds and errors at
            the start, at these and at the end.
        further: further attributes of the result.
    """
    options = options.above_rounding(condition)
    solver = diffrax.Dopri8() if options.solver is None else options.solver
    start, stop = (end.closed for end in ends)
    assert start is not None and stop is not None
    solution, worst, outcome, counts = integrate(
        path, clock, jnp.asarray(start.unknowns), jnp.asarray(options.rtol), jnp.asarray(options.atol), solver,
        options.max_steps,
    )  # fmt: skip
    unknowns, times, rows = np.asarray(solution), np.asarray(clock.knots), len(start.coefficients)
    values = unknowns[:, :rows]
    residual = float(worst)
    certificate = _certificate(ends, between, times, unknowns, rows)
    verdict = judge(
        outcome, residual, values[-1], (start, stop), certificate, int(counts["num_steps"]), size=size, throw=throw
    )
    inner = np.full(len(values) - 2, np.nan)
    return TransportResult(
        coefficients=values[-1],
        residual=residual,
        **verdict._asdict(),
        stats={
            "steps": int(counts["num_steps"]),
            "accepted": int(counts["num_accepted_steps"]),
            "rejected": int(counts["num_rejected_steps"]),
            "rtol": options.rtol,
            "atol": options.atol,
            "solver": type(solver).__name__,
        },
        clock=clock,
        path=path,
        times=times,
        values=values,
        depths=np.array([depths[0], *inner, depths[1]]),
        errors=np.array([certificate.errors[0], *inner, certificate.errors[-1]]),
        condition_number=condition,
        certificate=certificate,
        **further,
    )


def halfway(clock: Clock) -> np.ndarray:
    """Which of a clock's knots are nearest to a quarter, a half and three quarters of its positions, ends left out."""
    positions = np.asarray(clock.position(clock.knots))
    wanted = positions[0] + (positions[-1] - positions[0]) * np.array([0.25, 0.5, 0.75])
    nearest = np.abs(positions[:, None] - wanted).argmin(axis=0)
    return np.unique(nearest[(nearest > 0) & (nearest < len(positions) - 1)])


def _certificate(
    ends: tuple[Place, Place], between: Iterable[Place], times: np.ndarray, unknowns: np.ndarray, rows: int
) -> Certificate:
    """Of what was carried, shape (k, n, m) at the times."""
    if not np.isfinite(unknowns).all():
        return Certificate.unknown(unknowns[-1, :rows].shape, 2 + sum(1 for _ in between))
    nodes = (
        Node(
            system.matrix,
            system.right,
            system.errors,
            unknowns[np.abs(times - time).argmin()],
            closed,
            closed is not None,
        )
        for time, system, closed in itertools.chain(ends[:1], between, ends[1:])
    )
    return certified(nodes, rows, exponents([end.system.matrix for end in ends], unknowns))
