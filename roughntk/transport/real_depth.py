"""The controlled equation along real depth: from any depth to any other, infinity included.

    A(l) u(l) = b(l),    A(l) = K(l)(X, X),    b(l) = K(l)(X, x),    du = A^{-1} (db - dA u),    1 <= l <= inf.

On the compact clock s = 1 - 1/l the path has finite 1-variation up to s = 1, which is l = infinity, but its
derivative grows there like log(1 - s): K(l) - 1/4 is about (3/8) log l/l. Solver and quadrature therefore run in a
graded time tau, |tau| in [0, 1],

    1/l = r^4,    r = 1 - (1 - |tau|)^3,

in which dA/dtau falls like r^3 log r at infinity (tau = 0). The cube opens the other end in the same way: the angle
of antipodal points leaves pi like (l - 1)^(1/3), which is smooth in tau at l = 1 (|tau| = 1). Time runs upwards from
start to stop: on -|tau| where the path goes deeper, on |tau| on the way back.

The kernel is evaluated in closed form at the Chebyshev points of panels in tau, once; between them the path is the
interpolating polynomial, whose degree resolves it to rounding.

Below depth 2 real depth does not inherit positive definiteness (9 equispaced points of a circle: smallest eigenvalue
-0.247 at l = 1.25, +0.041 at 2). A path that meets a singular or indefinite matrix is refused before anything is
integrated, with the depth of the crossing.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import diffrax
import jax.numpy as jnp
import numpy as np
import scipy.optimize

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg import Errors, NotPositiveDefiniteError, Solution, solve
from roughntk.regression.entries import entry_errors
from roughntk.regression.systems import PackedAngles
from roughntk.transport.deflated import DeflatedKernel
from roughntk.transport.depth_path import DEGREE, DepthClock, DepthDriver, DepthPath, graded_time, root
from roughntk.transport.equation import check_solver, integrate
from roughntk.transport.verdict import distance, judge

TAIL = 64 * EPS
"""A panel is halved until its last two Chebyshev coefficients are below this (kernels are at most 1)."""

_PANELS = 16  # their number is a multiple of this, so that one compilation serves many paths
_NARROW = 1e-9  # panels narrower than this in tau are not halved
_MOST_PANELS = 512
_NEAR = 1e-12  # knots closer than this in tau are one: the coefficients move less than rounding
_SCAN = 33  # depths at which the smallest eigenvalue is looked at before integrating


@dataclasses.dataclass(frozen=True)
class DepthTransportResult:
    """Coefficients carried along real depth.

    Attributes:
        coefficients: u at `stop`, shape (n, m).
        residual: max |A u - b| over all accepted steps and all entries.
        converged: the solver reached the end, the residual is within max(1e-9, 1000 eps cond) (at most 1e-4) and
            `error` within `error_bound`, which is at most 1e-4.
        error: max |u - K^{-1} b| / max(1, max |u|) against the closed form at `stop`.
        error_bound: what `error` is held to: what the rounding of the two ends may change in u, relative to
            max(1, max |u|), and at least 1e-9.
        forward_error: bound of |u - true u| at `stop` for each coefficient, shape (n, m): its difference from the
            closed form and that one's own forward error (`Solution.forward_error`).
        stats: steps taken, accepted and rejected, the tolerances used, the panels of the path and the size of the
            last Chebyshev coefficients on them (`interpolation`).
        clock: graded time, with the depth and the compact s = 1 - 1/l at it.
        path: the systems tau -> (A, b); `vector_field(path, clock)` is the equation.
        depths: the depths asked for, shape (k,); start and stop where none were.
        values: u at those depths, on which the solver stepped, shape (k, n, m).
        errors: max |u - K(l)^{-1} b(l)| / max(1, max |u|) against the closed form there, shape (k,).
        condition_number: largest 2-norm condition number of A seen along the path.
        system: "kernel", or "deflated" for a family that collapses: (A, b) are then its bordered systems
            (:mod:`roughntk.transport.deflated`), and the driver is theirs.
    """

    coefficients: np.ndarray
    residual: float
    converged: bool
    stats: dict[str, Any]
    clock: DepthClock
    path: DepthPath
    depths: np.ndarray
    values: np.ndarray
    errors: np.ndarray
    condition_number: float
    system: str = "kernel"
    error: float = math.inf
    error_bound: float = math.inf
    forward_error: np.ndarray = dataclasses.field(default_factory=lambda: np.full((0, 0), math.inf))

    @functools.cached_property
    def drivers(self) -> DepthDriver:
        """The driver v as a diffrax path on the clock's times, values (n, n + m), computed when first asked for."""
        return DepthDriver(self.path, self.clock)


def to_depth(
    family: KernelFamily,
    X,
    x,
    *,
    start: float = 2,
    stop: float = math.inf,
    depths=None,
    rtol: float = 1e-10,
    atol: float = 1e-12,
    solver: diffrax.AbstractSolver | None = None,
    max_steps: int = 4096,
    throw: bool = True,
) -> DepthTransportResult:
    """Carry u = K(l)(X,X)^{-1} K(l)(X,x) along real depth l, from `start` to `stop`, by du = A^{-1} (db - dA u).

    Args:
        family: a kernel family with real depth, for instance ``rn.kernels.ReluNTK()``.
        X: training points, unit distinct rows, shape (n, n0).
        x: test points, unit rows, shape (m, n0); they may be training points (u = e_i at every depth).
        start, stop: real depths in [1, inf], in either order, different. A family whose matrix
            becomes singular, as that of the ReLU NNGP, is carried in its deflated form, to infinity as well.
        depths: depths between start and stop at which u is wanted, shape (k,), in any order; by default the ends.
        rtol, atol: tolerances of the step-size controller; raised to half of eps times the condition number where
            that is larger (the ones used are in `stats`).
        solver: a diffrax solver; `diffrax.Dopri8()` by default.
        max_steps: bound on the number of steps.
        throw: raise on failure; otherwise return a result with `converged=False`.

    Returns:
        A :class:`DepthTransportResult`. Memory: about 136 bytes for each panel and each of the n (n - 1)/2 + n m
        kernel values, on 16 panels where rows are not nearly equal.

    Raises:
        InputError: bad points, a depth below 1 or NaN, start = stop, `depths` outside, a family without real depth,
            or nearly antipodal points just above depth 1.
        NotPositiveDefiniteError: A is singular or indefinite somewhere from start to stop; the message names the
            depth of the crossing.
        TransportError: the result has not converged (:class:`DepthTransportResult`): too large a residual, too far from
            the closed form, or an end so nearly singular that too little is known (unless ``throw=False``).

    Source: the equation is that of Theorem 3 (``references.bib``: StArnaud2025) on another path.
    """
    _checks.require_x64("transport")
    family, throw = as_family(family), _checks.flag(throw, "throw")
    start, stop, asked = _journey(family, start, stop, depths)
    X, x = sphere.check_points(X, x)
    rtol, atol, max_steps = check_solver(rtol, atol, solver, max_steps)
    angles = PackedAngles(X, x)
    kernel = (DeflatedKernel if family.collapses else _Kernel)(family, angles)
    condition = _check_definite(kernel, start, stop)
    _check_antipodal(angles, min(start, stop))
    # Below the rounding noise of the field a controller would only shrink its steps without end.
    noise = 0.5 * EPS * condition
    rtol, atol = max(rtol, noise), max(atol, noise)
    first, last = kernel.solve(start), kernel.solve(stop)
    edges, table, tail = _tabulate(kernel.row, graded_time(np.array([start, stop, *asked])))
    path = kernel.path(edges, table)
    clock = DepthClock(jnp.asarray(-edges[::-1] if stop > start else edges))
    solver = diffrax.Dopri8() if solver is None else solver
    at_knots, worst, outcome, stats = integrate(
        path, clock, jnp.asarray(first.unknowns), jnp.asarray(rtol), jnp.asarray(atol), solver, max_steps
    )
    residual = float(worst)
    u = np.asarray(at_knots[-1])[: len(X)]
    found = judge(outcome, residual, u, (first, last), stats, throw=throw)
    places = np.argmin(np.abs(np.asarray(clock.knots)[:, None] - clock.time(asked)), axis=0)
    values = np.asarray(at_knots)[places, : len(X)]
    return DepthTransportResult(
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
            "panels": len(table),
            "interpolation": tail,
        },
        clock=clock,
        path=path,
        depths=asked,
        values=values,
        errors=np.array([distance(v, kernel.solve(at).coefficients) for at, v in zip(asked, values, strict=True)]),
        condition_number=condition,
        system="deflated" if family.collapses else "kernel",
    )


def _journey(family: KernelFamily, start, stop, depths) -> tuple[float, float, np.ndarray]:
    """Start, stop and the depths asked for, checked."""
    if not family.has_real_depth:
        raise InputError(
            f"expected a kernel family with real depth, got {family.name}; use one (`has_real_depth`: ReLU, leaky ReLU "
            f"and increasing compositions), or between_depths, which goes from one whole depth to the next for every "
            f"family"
        )
    ends = []
    for name, value in (("start", start), ("stop", stop)):
        if isinstance(value, list | tuple) or getattr(value, "shape", ()) != ():
            raise InputError(f"expected one depth as {name}, got {_checks.shown(value)}; call once a path")
        ends.append(_checks.one_depth(value))
    first, last = ends
    if first == last or graded_time(first) == graded_time(last):
        raise InputError(
            f"expected start and stop to differ, got {first!r} and {last!r}; for one depth use rn.coefficients"
        )
    asked = np.array(ends) if depths is None else np.atleast_1d(_checks.real_depth(depths, np.shape(depths)))
    if asked.ndim != 1:
        raise InputError(f"expected depths of shape (k,), got shape {asked.shape}; flatten them")
    outside = asked[(asked < min(ends)) | (asked > max(ends))]
    if outside.size:
        least, most, *got = _checks.apart(min(ends), max(ends), *outside[:5])
        raise InputError(
            f"expected depths between start and stop, {least} and {most}, got {', '.join(got)}; leave them out or "
            f"widen the path"
        )
    return first, last, asked


class _Kernel:
    """The kernel of one data set at any depth."""

    def __init__(self, family: KernelFamily, angles: PackedAngles):
        self.family, self.n, self.angles = family, angles.n, angles

    def _values(self, depth: float) -> Callable[[np.ndarray], np.ndarray]:
        # An array of depths always takes the constant-time form: one compiled function for all depths.
        return lambda theta: np.asarray(self.family.at_angle(jnp.asarray(theta), np.array([depth])))

    def row(self, depth: float) -> np.ndarray:
        """The kernel of all pairs of X above the diagonal, then of (X, x), row by row."""
        return self._values(depth)(self.angles.theta)

    def at(self, depth: float) -> tuple[np.ndarray, np.ndarray]:
        """(A, b) at the depth, in closed form."""
        return self.angles.unpacked(self.row(depth), 1.0)

    def errors(self, depth: float) -> Errors:
        """Bounds of the errors of their entries."""
        of_angles, on = self.angles.errors(depth)
        error = entry_errors(self._values(depth), self.angles.theta, of_angles, 1.0)
        return Errors(*self.angles.unpacked(error, 0.0), on)

    def solve(self, depth: float) -> Solution:
        """Coefficients in closed form."""
        what = f"{self.family.name} kernel matrix at depth {depth:.10g}"
        return solve(*self.at(depth), errors=self.errors(depth), what=what)

    def spectrum(self, depth: float) -> np.ndarray:
        """Eigenvalues of A at the depth, increasing."""
        return np.linalg.eigvalsh(self.at(depth)[0])

    def path(self, edges: np.ndarray, table: np.ndarray) -> DepthPath:
        """The interpolated path."""
        return DepthPath(jnp.asarray(edges), jnp.asarray(table), jnp.asarray(self.angles.pairs))


def _check_antipodal(angles: PackedAngles, shallowest: float) -> None:
    """Refuse nearly antipodal points just above depth 1, where their kernel moves faster than rounding resolves.

    At the angle pi - phi the kernel goes from -1 to about 0 while l - 1 is of the order phi^3; at pi it jumps.
    """
    gap = math.pi - float(np.max(angles.theta, initial=0.0))
    if max(gap**3, shallowest - 1) < 2e-4:
        raise InputError(
            f"expected start and stop of at least 1.001 for points that are nearly antipodal, got depth "
            f"{shallowest:.10g} and two points at the angle pi - {gap:.3g}; their kernel jumps from -1 to 0 there: "
            f"start deeper or leave such points out"
        )


def _depth_at(size: float) -> float:
    """The depth at |tau|; beyond 1e100 it is infinity, which no kernel value tells from it."""
    r = root(size)
    return max(1.0, r**-4) if r > 1e-25 else math.inf


def _tabulate(row: Callable[[float], np.ndarray], times: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Panels in |tau| that hold `times` among their edges, and the Chebyshev coefficients of `row` on them.

    Returns:
        Edges (panels + 1,), increasing; coefficients (panels, DEGREE + 1, entries); size of the last two of them.
    """
    k = np.arange(DEGREE + 1)
    half = np.where((k == 0) | (k == DEGREE), 0.5, 1.0)
    transform = 2 / DEGREE * half[:, None] * np.cos(np.pi * np.outer(k, k) / DEGREE) * half

    def panel(low: float, high: float) -> np.ndarray:
        nodes = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * k / DEGREE)
        nodes[0], nodes[-1] = high, low
        return transform @ np.stack([row(_depth_at(node)) for node in nodes])

    edges = _merged(np.sort(times))
    while len(edges) <= _PANELS // 2 and np.diff(edges).max() > _NARROW:
        edges = _halved(edges)
    waiting = list(zip(edges[:-1], edges[1:], strict=True))
    done: dict[tuple[float, float], np.ndarray] = {}
    while waiting:
        low, high = waiting.pop()
        coefficients = panel(low, high)
        full = len(done) + len(waiting) >= _MOST_PANELS
        limit = TAIL if high < 0.9 else 1e-12  # rounding of l near 1 moves the kernel of nearly antipodal points
        if np.abs(coefficients[-2:]).max() <= limit or high - low <= _NARROW or full:
            done[low, high] = coefficients
        else:
            waiting += [(low, (low + high) / 2), ((low + high) / 2, high)]
    edges = np.array(sorted({low for low, _ in done} | {edges[-1]}))
    while len(done) % _PANELS and np.diff(edges).max() > _NARROW:  # whole multiples: few shapes, few compilations
        edges = _halved(edges)
        added = [part for part in zip(edges[:-1], edges[1:], strict=True) if part not in done]
        done = {part: done[part] for part in done if part[0] != added[0][0] or part[1] != added[1][1]}
        done |= {part: panel(*part) for part in added}
    table = np.stack([done[part] for part in sorted(done)])
    return edges, table, float(np.abs(table[:, -2:]).max())


def _merged(times: np.ndarray) -> np.ndarray:
    """Sorted times without those within `_NEAR` of an earlier one or of the last; the two ends stay."""
    kept = [times[0]]
    for time in times[1:-1]:
        if time - kept[-1] > _NEAR and times[-1] - time > _NEAR:
            kept.append(time)
    return np.array([*kept, times[-1]])


def _halved(edges: np.ndarray) -> np.ndarray:
    """The edges with the widest panel cut in two."""
    widest = int(np.argmax(np.diff(edges)))
    return np.insert(edges, widest + 1, (edges[widest] + edges[widest + 1]) / 2)


def _check_definite(kernel: "_Kernel | DeflatedKernel", start: float, stop: float) -> float:
    """Refuse a path on which A is not positive definite to working precision; the largest condition number seen.

    The smallest eigenvalue is looked at on a grid of depths and at its lowest point between them.

    Raises:
        NotPositiveDefiniteError: with the depth at which the path meets a singular matrix; where it starts at one,
            the depth beyond which the matrix is positive definite.
    """

    def margin(size: float) -> float:
        spectrum = kernel.spectrum(_depth_at(size))
        return float(spectrum[0] / spectrum[-1]) - kernel.n * EPS

    def scan(first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
        times = np.linspace(first, last, _SCAN)
        margins = np.array([margin(time) for time in times])
        lowest = int(np.argmin(margins[1:-1])) + 1
        if margins.min() > 0 and margins[lowest] <= min(margins[lowest - 1], margins[lowest + 1]):
            bounds = sorted((times[lowest - 1], times[lowest + 1]))
            found = scipy.optimize.minimize_scalar(margin, bounds=bounds, method="bounded")
            times, margins = np.insert(times, lowest, found.x), np.insert(margins, lowest, found.fun)
        return times, margins

    def crossing(a: float, b: float) -> str:
        return f"{_depth_at(scipy.optimize.brentq(margin, a, b, xtol=1e-14)):.9g}"

    first, last = float(graded_time(start)), float(graded_time(stop))
    times, margins = scan(first, last)
    bad = np.flatnonzero(margins <= 0)
    if not bad.size:
        return 1 / (float(margins.min()) + kernel.n * EPS)
    met = int(bad[0])
    spectrum = kernel.spectrum(_depth_at(times[met]))
    zero = abs(spectrum[0]) <= kernel.n * EPS * spectrum[-1]
    kind = "singular to working precision" if zero else "indefinite"
    path = f"expected a positive definite {kernel.family.name} kernel matrix from depth {start:g} to {stop:g}"
    value = f"smallest eigenvalue {spectrum[0]:.3g} at depth {_depth_at(times[met]):.6g}"
    if met:
        place = crossing(times[met - 1], times[met])
        raise NotPositiveDefiniteError(
            f"{path}, got one that becomes {kind} at depth {place} ({value}); stop before depth {place}"
        )
    times, margins = scan(first, float(graded_time(max(start, 1e3))))
    bad = np.flatnonzero(margins <= 0)
    if bad[-1] + 1 < len(times):
        place = crossing(times[bad[-1]], times[bad[-1] + 1])
        remedy = f"it is positive definite beyond depth {place}: start there"
    else:
        remedy = "and none that is positive definite was found deeper: start elsewhere, or choose other points"
    raise NotPositiveDefiniteError(f"{path}, got one that is {kind} at the start ({value}); {remedy}")
