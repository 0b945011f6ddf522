"""Coefficients carried from a whole depth L to L + 1 by the controlled equation, on the paper's path.

The path is the straight segment between the kernel matrices of the two depths.

Two right-hand sides: "paper" holds b at K_{L+1}(X, x) throughout, so u starts at K_L(X,X)^{-1} K_{L+1}(X, x); "joint"
moves b with A, so u starts at the coefficients of depth L. Both end at the coefficients of depth L + 1. Two clocks
(:mod:`roughntk.transport.clocks`): "arc" integrates in the position s on the segment; "psi" is the paper's psi_D,
integrated through the time change tau = logit psi_D, which resolves the transition layer at every n (the layer's width
in t is about D = det K_L det K_{L+1}, 1e-200 at n = 500).
"""

import dataclasses
import math
from typing import Any

import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg import Errors
from roughntk.regression.systems import Systems
from roughntk.transport.clocks import CLOCKS
from roughntk.transport.clocks import clock as named_clock
from roughntk.transport.deflated import SPREAD, bordered_ends
from roughntk.transport.equation import Place, SolverOptions, carry, halfway
from roughntk.transport.result import TransportResult
from roughntk.transport.systems import LinearSystem

RIGHT_HAND_SIDES = ("joint", "paper")
SYSTEMS = ("auto", "kernel", "deflated")
SIZES = (1e-280, 1e280)
"""Range of the largest entry of a matrix that is given: its inverse and products with it are then within float64."""

ASYMMETRY = 1e-12
"""Entries of a symmetric matrix and its transpose may differ by this part of its largest one."""


def between_depths(
    family: KernelFamily, X, x, *, depth, clock: str = "arc", rhs: str = "joint", system: str = "auto",
    options: SolverOptions | None = None, throw: bool = True, **settings: Any,
) -> TransportResult:  # fmt: skip
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
        options: the :class:`SolverOptions` of the integration.
        throw: raise on failure; otherwise return a result with `converged=False`.
        **settings: single options in their place or beside them, by name: rtol, atol, max_steps, solver.

    Returns:
        A :class:`TransportResult`.

    Raises:
        InputError: bad points, depth < 1, unknown clock, right-hand side or option (with the nearest name).
        NotPositiveDefiniteError: a kernel matrix at one of the two depths is singular to working precision.
        TransportError: the result has not converged (:class:`TransportResult`): too large a residual, too far from the
            closed form, or at an end so nearly singular that too little is known (unless ``throw=False``).

    Source: StArnaud2025, Theorem 3.

    >>> import roughntk as rn
    >>> family, X, x = rn.kernels.ReluNTK(), rn.sphere.uniform(3, 4, 0), rn.sphere.uniform(1, 4, 1)
    >>> result = rn.transport.between_depths(family, X, x, depth=2, clock="psi", rtol=1e-9)
    >>> bool(abs(result.coefficients - rn.coefficients(family, X, x, depth=3)).max() < 1e-9)
    True
    """
    _checks.require_x64("transport")
    family, depth = as_family(family), _checks.integer_depth(depth)
    _checks.choice(clock, tuple(CLOCKS), "clock")
    _checks.choice(rhs, RIGHT_HAND_SIDES, "rhs")
    _checks.choice(system, SYSTEMS, "system")
    throw, options = _checks.flag(throw, "throw"), SolverOptions.of(options, settings)
    if system == "deflated" and not family.collapses:
        raise InputError(
            f"expected a family that collapses with system='deflated', got {family.name}; use system='kernel'"
        )
    systems = Systems(family, *sphere.check_points(X, x))
    return between_systems(systems, depth, clock=clock, rhs=rhs, system=system, options=options, throw=throw)


def between_systems(
    systems: Systems, depth: float, *, clock: str, rhs: str, system: str = "auto",
    options: SolverOptions | None = None, throw: bool = True,
) -> TransportResult:  # fmt: skip
    """`between_depths` with checked arguments, of points whose systems may be known already, from any depth L."""
    family = systems.family
    result = _across(
        *_ends(systems, depth, system), clock=clock, rhs=rhs, options=options or SolverOptions(), throw=throw,
        depths=(depth, depth + 1), what=f"{family.name} kernel matrix at depths {depth} and {depth + 1}",
    )  # fmt: skip
    return dataclasses.replace(result, drivers_vanish=family.drivers_vanish)


def _ends(systems: Systems, depth: float, system: str) -> tuple[LinearSystem, LinearSystem]:
    """The systems at both ends, those that `system` asks for."""
    if system == "deflated" or (system == "auto" and systems.family.collapses):
        first, last, ratio = bordered_ends(systems, depth)
        if system == "deflated" or 0 <= ratio < SPREAD:
            return first, last
    return LinearSystem(*systems.kernel(depth)), LinearSystem(*systems.kernel(depth + 1))


def across_segment(
    K0, K1, B0, B1, *, clock: str = "arc", rhs: str = "joint", options: SolverOptions | None = None,
    throw: bool = True, what: str = "kernel matrix", **settings: Any,
) -> TransportResult:  # fmt: skip
    """As `between_depths`, for kernel matrices that are already known and whose entries are right to rounding.

    Args:
        K0, K1: the symmetric matrices at both ends, shape (n, n).
        B0, B1: the right-hand sides there, shape (n, m).
        clock, rhs, options, throw, settings: as for `between_depths`.
        what: how to name the matrices in an error.

    Returns:
        A :class:`TransportResult`, whose depths are NaN.

    Raises:
        InputError: matrices that are not square, symmetric, finite and real, or of other shapes than each other; an
            unknown clock or right-hand side (with the nearest name); tolerances that are not positive.
        NotPositiveDefiniteError, TransportError: as `between_depths`.

    Source: StArnaud2025, Theorem 3.

    >>> import numpy as np
    >>> import roughntk as rn
    >>> I = np.eye(2)
    >>> rn.transport.across_segment(I, 2 * I, I, 3 * I).coefficients.round(9).tolist()
    [[1.5, 0.0], [0.0, 1.5]]
    """
    _checks.require_x64("transport")
    _checks.choice(clock, tuple(CLOCKS), "clock")
    _checks.choice(rhs, RIGHT_HAND_SIDES, "rhs")
    throw, options = _checks.flag(throw, "throw"), SolverOptions.of(options, settings)
    if not isinstance(what, str) or not what:
        raise InputError(
            f"expected what, the name of the matrices, to be a word, got {_checks.shown(what)}; leave it out"
        )
    K0, K1, B0, B1 = _checked_segment(K0, K1, B0, B1)
    ends = (LinearSystem(K, B, Errors.of_rounding(K, B)) for K, B in ((K0, B0), (K1, B1)))
    return _across(*ends, clock=clock, rhs=rhs, options=options, throw=throw, depths=(math.nan, math.nan), what=what)


def _checked_segment(K0, K1, B0, B1) -> list[np.ndarray]:
    """The four matrices as float64, of shapes that fit; the first of K1's shape is that of K0."""
    matrices = [_checks.matrix(value, name) for name, value in (("K0", K0), ("K1", K1), ("B0", B0), ("B1", B1))]
    n, m = len(matrices[0]), matrices[2].shape[1]
    for name, value, shape in zip(("K0", "K1", "B0", "B1"), matrices, ((n, n), (n, n), (n, m), (n, m)), strict=True):
        if value.shape != shape:
            raise InputError(
                f"expected {name} of shape {shape}, got {value.shape}; give two square kernel matrices of the same "
                f"points and their right-hand sides, one column for each test point"
            )
    for name, value in zip(("K0", "K1"), matrices, strict=False):
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
    return matrices


def _across(
    first: LinearSystem, last: LinearSystem, *, clock: str, rhs: str, options: SolverOptions, throw: bool,
    depths: tuple[float, float], what: str,
) -> TransportResult:  # fmt: skip
    """The segment between two systems, solved at both ends and carried between them."""
    start = first if rhs == "joint" else first.with_right_of(last)
    size = max(1.0, *(float(np.abs(system.right).max()) for system in (start, last)))
    way = named_clock(clock, first.log_width(last))
    times = np.asarray(way.knots)
    solved = start.solve(what), last.solve(what)
    inner = times[halfway(way)]
    where = np.full(len(times), -1)
    where[0], where[-1] = 0, len(inner) + 1
    result = carry(
        start.segment_to(last), way, (Place(times[0], start, solved[0]), Place(times[-1], last, solved[1])),
        depths=depths, condition=max(each.condition_number for each in solved), options=options, throw=throw, size=size,
        system=first.kind, between=(Place(t, start.between(last, float(way.position(t))), None) for t in inner),
    )  # fmt: skip
    return dataclasses.replace(result, certificate=result.certificate.placed(where))
