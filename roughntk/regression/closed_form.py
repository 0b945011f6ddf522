"""Kernel-regression coefficients u = K(X,X)^{-1} K(X,x) in closed form, at one depth.

These are the numbers that Theorem 3 of the paper transports from depth to depth; here they are solved for
directly, with their residual and the condition number of what was solved (:mod:`roughntk.linalg.systems`).
"""

import dataclasses

import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg.forward_error import relative
from roughntk.linalg.systems import (
    EPS,
    CoefficientReport,
    InaccurateCoefficientsWarning,
    IndefiniteKernelWarning,
    NotPositiveDefiniteError,
    log_determinant,
    require_digits,
    solve,
    solve_deflated,
)
from roughntk.regression.systems import Systems

__all__ = [
    "EPS", "CoefficientReport", "InaccurateCoefficientsWarning", "IndefiniteKernelWarning", "NotPositiveDefiniteError",
    "check_directions", "coefficients", "log_determinant", "solve", "solve_deflated",
]  # fmt: skip


def coefficients(family: KernelFamily, X, x, *, depth, report: bool = False, domain: str = "sphere"):
    """Coefficients u = K_L(X,X)^{-1} K_L(X,x) of kernel regression at depth L.

    The infinitely wide network trained to convergence predicts f(x) = u(x)^T y (paper, Proposition 3).

    A family whose kernel matrix becomes singular as L grows (`family.collapses`) is solved in its deflated form, which
    is accurate at every depth, infinity included; the report's `method` says so.

    Args:
        family: a kernel family, for instance ``rn.kernels.ReluNTK()``.
        X: training points, unit rows, shape (n, n0).
        x: test points, unit rows, shape (m, n0).
        depth: network depth L >= 1: whole, real or infinite where the family allows it.
        report: also return a :class:`CoefficientReport`.
        domain: "sphere", or "euclidean" for rows of any length and a homogeneous family, where
            u(x)_i = u(x/|x|)_i |x|/|x_i|. A test point 0 has u = 0; a training point 0 is refused.

    Returns:
        u, shape (n, m); with ``report``, the pair (u, report).

    Raises:
        InputError: rows off the sphere, equal rows in X (named; collinear ones with domain="euclidean"), NaN,
            depth < 1, domain="euclidean" with a family that is not homogeneous.
        NotPositiveDefiniteError: K_L(X,X) is singular to working precision, or cannot be told from a singular matrix
            by the rounding of its entries (the report's forward error would reach max(1, max |u|)); the message says
            at which depth and with which smallest eigenvalue or condition number.

    Warns:
        InaccurateCoefficientsWarning: fewer than three digits are certain; the message names the test rows.
        IndefiniteKernelWarning: K_L(X,X) has negative eigenvalues. u still solves the system; the report has
            ``positive_definite=False``.
    """
    _checks.require_x64("coefficients")
    family, depth, report = as_family(family), _checks.one_depth(depth), _checks.flag(report, "report")
    if _checks.choice(domain, ("sphere", "euclidean"), "domain") == "euclidean":
        u, how = _euclidean(family, X, x, depth)
        return (u, how) if report else u
    u, how = known_coefficients(Systems(family, *sphere.check_points(X, x)), depth, callers=2)
    return (u, how) if report else u


def known_coefficients(systems: Systems, depth, *, callers: int = 1) -> tuple[np.ndarray, CoefficientReport]:
    """`coefficients` with their report, of checked points whose systems may be known; `callers` as for `solve`."""
    u, how = closed_form(systems, depth, callers=callers + 1)
    require_digits(u, how, f"{systems.family.name} kernel matrix at depth {depth}", callers=callers)
    return u, how


def closed_form(systems: Systems, depth, *, callers: int = 1) -> tuple[np.ndarray, CoefficientReport]:
    """`known_coefficients`, whatever is known of them."""
    what = f"{systems.family.name} kernel matrix at depth {depth}"
    if systems.family.collapses:
        found = systems.deflated(depth)
        return solve_deflated(
            found.matrix, found.right, found.ratio, errors=found.errors, ratio_error=found.ratio_error,
            scale=found.scale, what=what, indefinite=True, callers=callers,
        )  # fmt: skip
    A, b, errors = systems.kernel(depth)
    return solve(A, b, errors=errors, what=what, indefinite=True, callers=callers)


def _euclidean(family: KernelFamily, X, x, depth) -> tuple[np.ndarray, CoefficientReport]:
    """Coefficients of a homogeneous kernel |x| |x'| K(x/|x|, x'/|x'|)."""
    X, unit, x = check_directions(family, X, x)
    u, how = known_coefficients(Systems(family, unit, np.asarray(sphere.polar(x)[1])), depth, callers=3)
    ratios = sphere.length_ratios(x, X)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled, bound = (np.where(part == 0, 0.0, part * ratios) for part in (u, how.forward_error))
    beyond = np.argwhere(~np.isfinite(scaled))
    if beyond.size:
        i, k = beyond[0]
        raise InputError(
            f"expected coefficients within float64, got one beyond it for training row {i} and test row {k} "
            f"({len(beyond)} in all), whose lengths are too far apart; rescale the shorter of "
            f"{_checks.name_rows(np.unique(beyond[:, 0]))} of X, or leave them out"
        )
    return scaled, dataclasses.replace(how, forward_error=bound, relative_error=float(relative(bound, scaled).max()))


def check_directions(family: KernelFamily, X, x) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X, its directions and x, of any length, for a homogeneous family; no row of X is 0 or collinear with another."""
    family.check_homogeneous()
    X = _checks.matrix(X, "X")
    zero = np.flatnonzero(~X.any(axis=1))
    if zero.size:
        raise InputError(
            f"expected non-zero training rows, got zeros in {_checks.name_rows(zero)}; a homogeneous kernel is 0 on "
            f"them and its matrix singular: remove them"
        )
    return X, sphere.project(X), _checks.matrix(x, "x", columns=X.shape[1])
