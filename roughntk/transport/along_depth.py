"""Coefficients carried along real depth, from any depth to any other, infinity included, by the controlled equation.

    A(l) u(l) = b(l),    A(l) = K(l)(X, X),    b(l) = K(l)(X, x),    du = A^{-1} (db - dA u),    1 <= l <= inf.

On the compact clock s = 1 - 1/l the path has finite 1-variation up to s = 1, which is l = infinity, but its
derivative grows there like log(1 - s): K(l) - 1/4 is about (3/8) log l/l. Solver and quadrature therefore run in a
graded time (:class:`roughntk.transport.clocks.GradedClock`).

The kernel is evaluated in closed form at the Chebyshev points of panels in tau, once; between them the path is the
interpolating polynomial, whose degree resolves it to rounding.

Below depth 2 real depth does not inherit positive definiteness (9 equispaced points of a circle: smallest eigenvalue
-0.247 at l = 1.25, +0.041 at 2). A path that meets a singular or indefinite matrix is refused before anything is
integrated, with the depth of the crossing.
"""

import dataclasses
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.optimize

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.regression.systems import PackedAngles
from roughntk.transport.clocks import GradedClock, graded_depth, graded_time
from roughntk.transport.deflated import DeflatedAlongDepth
from roughntk.transport.equation import Place, SolverOptions, carry, halfway
from roughntk.transport.paths import tabulate
from roughntk.transport.result import TransportResult
from roughntk.transport.systems import KernelAlongDepth, systems_along_depth

_SCAN = 33  # depths at which the smallest eigenvalue is looked at before integrating


def to_depth(
    family: KernelFamily, X, x, *, start: float = 2, stop: float = math.inf, depths=None,
    options: SolverOptions | None = None, throw: bool = True, **settings: Any,
) -> TransportResult:  # fmt: skip
    """Carry u = K(l)(X,X)^{-1} K(l)(X,x) along real depth l, from `start` to `stop`, by du = A^{-1} (db - dA u).

    Args:
        family: a kernel family with real depth, for instance ``rn.kernels.ReluNTK()``.
        X: training points, unit distinct rows, shape (n, n0).
        x: test points, unit rows, shape (m, n0); they may be training points (u = e_i at every depth).
        start, stop: real depths in [1, inf], in either order, different. A family whose matrix
            becomes singular, as that of the ReLU NNGP, is carried in its deflated form, to infinity as well.
        depths: depths between start and stop at which u is wanted, shape (k,), in any order; by default the ends.
        options: the :class:`SolverOptions` of the integration.
        throw: raise on failure; otherwise return a result with `converged=False`.
        **settings: single options in their place or beside them, by name: rtol, atol, max_steps, solver.

    Returns:
        A :class:`TransportResult`, whose `values` are those at `depths`, on which the solver stepped. Memory: about 136
        bytes for each panel and each of the n (n - 1)/2 + n m kernel values, on 16 panels where rows are not nearly
        equal.

    Raises:
        InputError: bad points, a depth below 1 or NaN, start = stop, `depths` outside, a family without real depth,
            or nearly antipodal points just above depth 1.
        NotPositiveDefiniteError: A is singular or indefinite somewhere from start to stop; the message names the
            depth of the crossing.
        TransportError: the result has not converged (:class:`TransportResult`): too large a residual, too far from
            the closed form, or an end so nearly singular that too little is known (unless ``throw=False``).

    Source: StArnaud2025, Theorem 3, on another path.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(3, 4, 0), rn.sphere.uniform(1, 4, 1)
    >>> result = rn.transport.to_depth(rn.kernels.ReluNTK(), X, x, start=2, depths=[10, 2.5e6])
    >>> result.coefficients[:, 0].round(9).tolist()  # at infinite depth: 1/(n + 3)
    [0.166666667, 0.166666667, 0.166666667]
    """
    _checks.require_x64("transport")
    family, throw = as_family(family), _checks.flag(throw, "throw")
    start, stop, asked = _checked_depths(family, start, stop, depths)
    X, x = sphere.check_points(X, x)
    options = SolverOptions.of(options, settings)
    angles = PackedAngles(X, x)
    kernel = DeflatedAlongDepth(family, angles) if family.collapses else systems_along_depth(family, angles)
    condition = _check_definite(kernel, start, stop)
    _check_antipodal(angles, min(start, stop))
    ends = {depth: kernel.system(depth) for depth in (start, stop)}
    closed = {depth: system.solve(kernel.named(depth)) for depth, system in ends.items()}
    edges, table, tail = tabulate(kernel.row, graded_time(np.array([start, stop, *asked])))
    clock = GradedClock(jnp.asarray(-edges[::-1] if stop > start else edges))
    first, last = (Place(float(clock.time(at)), ends[at], closed[at]) for at in (start, stop))
    inner = _between(clock, asked)
    result = carry(
        kernel.path(edges, table), clock, (first, last), depths=(start, stop), condition=condition, options=options,
        throw=throw, system=kernel.system_type.kind, drivers_vanish=family.drivers_vanish,
        between=(_place(kernel, time, *inner[time]) for time in inner),
    )  # fmt: skip
    times = clock.time(asked)
    places = np.abs(result.times[:, None] - times).argmin(axis=0)
    gone_through = np.array([first.time, *inner, last.time])
    certificate = result.certificate.placed(np.abs(gone_through[:, None] - times).argmin(axis=0))
    return dataclasses.replace(
        result,
        stats=result.stats | {"panels": len(table), "interpolation": tail},
        times=result.times[places],
        values=result.values[places],
        depths=asked,
        errors=certificate.errors,
        certificate=certificate,
    )


def _between(clock: GradedClock, asked: np.ndarray) -> dict[float, tuple[float, bool]]:
    """Where the certificate goes through on the way, by increasing time: the depth, and whether it was asked for."""
    knots = np.asarray(clock.knots)
    places = {float(time): (graded_depth(abs(time)), False) for time in knots[halfway(clock)]}
    places |= {float(clock.time(depth)): (float(depth), True) for depth in asked}
    return {time: places[time] for time in sorted(places) if knots[0] < time < knots[-1]}


def _place(kernel: KernelAlongDepth, time: float, depth: float, asked: bool) -> Place:
    """The system at a depth, solved where that was asked for."""
    system = kernel.system(depth)
    return Place(time, system, system.solve(kernel.named(depth)) if asked else None)


def _checked_depths(family: KernelFamily, start, stop, depths) -> tuple[float, float, np.ndarray]:
    """Start, stop and the depths asked for, checked."""
    if not family.has_real_depth:
        raise InputError(
            f"expected a kernel family with real depth, got {family.name} ({family.why_no_real_depth()}); use one "
            f"(`has_real_depth`: ReLU, leaky ReLU and increasing compositions), or between_depths, which goes from one "
            f"whole depth to the next for every family"
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


def _check_definite(kernel: KernelAlongDepth, start: float, stop: float) -> float:
    """Refuse a path on which A is not positive definite to working precision; the largest condition number seen.

    The smallest eigenvalue is looked at on a grid of depths and at its lowest point between them.

    Raises:
        NotPositiveDefiniteError: with the depth at which the path meets a singular matrix; where it starts at one,
            the depth beyond which the matrix is positive definite.
    """

    def margin(size: float) -> float:
        spectrum = kernel.spectrum(graded_depth(size))
        return float(spectrum[0] / spectrum[-1]) - kernel.n * EPS

    def scan(first: float, last: float) -> tuple[np.ndarray, np.ndarray]:
        times = np.linspace(first, last, _SCAN)
        margins = np.array([margin(time) for time in times])
        lowest = int(np.argmin(margins[1:-1])) + 1
        if margins.min() > 0 and margins[lowest] <= min(margins[lowest - 1], margins[lowest + 1]):
            bounds = sorted((times[lowest - 1], times[lowest + 1]))
            bottom = scipy.optimize.minimize_scalar(margin, bounds=bounds, method="bounded")
            times, margins = np.insert(times, lowest, bottom.x), np.insert(margins, lowest, bottom.fun)
        return times, margins

    def crossing(a: float, b: float) -> str:
        return f"{graded_depth(scipy.optimize.brentq(margin, a, b, xtol=1e-14)):.9g}"

    first, last = float(graded_time(start)), float(graded_time(stop))
    times, margins = scan(first, last)
    bad = np.flatnonzero(margins <= 0)
    if not bad.size:
        return 1 / (float(margins.min()) + kernel.n * EPS)
    met = int(bad[0])
    spectrum = kernel.spectrum(graded_depth(times[met]))
    zero = abs(spectrum[0]) <= kernel.n * EPS * spectrum[-1]
    kind = "singular to working precision" if zero else "indefinite"
    path = f"expected a positive definite {kernel.family.name} kernel matrix from depth {start:g} to {stop:g}"
    value = f"smallest eigenvalue {spectrum[0]:.3g} at depth {graded_depth(times[met]):.6g}"
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
