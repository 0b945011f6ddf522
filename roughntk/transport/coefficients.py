"""Kernel-regression coefficients u = K(X,X)^{-1} K(X,x) in closed form, at one depth.

These are the numbers that Theorem 3 of the paper transports from depth to depth; here they are solved for
directly, with their residual and the condition number of what was solved (:mod:`roughntk.transport.linear`).
"""

import math

import jax.numpy as jnp
import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels import Deflated, KernelFamily, as_family
from roughntk.transport.linear import (
    EPS,
    CoefficientReport,
    IndefiniteKernelWarning,
    NotPositiveDefiniteError,
    log_determinant,
    solve,
    solve_deflated,
)

__all__ = [
    "EPS", "CoefficientReport", "IndefiniteKernelWarning", "NotPositiveDefiniteError", "check_directions",
    "coefficients", "deflated_system", "log_determinant", "solve", "solve_deflated",
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
        NotPositiveDefiniteError: K_L(X,X) is singular to working precision; the message says at which depth and
            with which smallest eigenvalue.

    Warns:
        IndefiniteKernelWarning: K_L(X,X) has negative eigenvalues. u still solves the system; the report has
            ``positive_definite=False``.
    """
    _checks.require_x64("coefficients")
    family, depth = as_family(family), _checks.one_depth(depth)
    if _checks.choice(domain, ("sphere", "euclidean"), "domain") == "euclidean":
        u, how = _euclidean(family, X, x, depth)
        return (u, how) if report else u
    X, x = sphere.check_points(X, x)
    what = f"{family.name} kernel matrix at depth {depth}"
    if family.collapses:
        found = family.deflated(sphere.joint_angles(X, x), depth)
        u, how = solve_deflated(*_parts(found), scale=math.exp(found.log_scale), what=what, indefinite=True)
    else:
        u, how = solve(*_matrices(family, X, x, depth), what=what, indefinite=True)
    return (u, how) if report else u


def deflated_system(family: KernelFamily, theta: np.ndarray, depth) -> tuple[np.ndarray, np.ndarray, float]:
    """(G, g, s/c) of K = c 1 1^T + s G and b = c 1 + s g, shapes (n, n) and (n, m), from `sphere.joint_angles`."""
    return _parts(family.deflated(theta, depth))


def _parts(found: Deflated) -> tuple[np.ndarray, np.ndarray, float]:
    n, ratio = len(found.values), math.exp(found.log_scale) / found.level if found.level else math.inf
    return found.values[:, :n], found.values[:, n:], ratio


def _matrices(family: KernelFamily, X: np.ndarray, x: np.ndarray, depth) -> tuple[np.ndarray, np.ndarray]:
    """(K, b). Infinitely deep kernels jump at the angle 0: test points within rounding of a row of X are that row."""
    if depth == math.inf:
        both = np.asarray(family.at_angle(jnp.asarray(sphere.joint_angles(X, x)), depth))
        return both[:, : len(X)], both[:, len(X) :]
    return np.asarray(family(X, depth=depth)), np.asarray(family(X, x, depth=depth))


def _euclidean(family: KernelFamily, X, x, depth) -> tuple[np.ndarray, CoefficientReport]:
    """Coefficients of a homogeneous kernel |x| |x'| K(x/|x|, x'/|x'|)."""
    X, unit, x = check_directions(family, X, x)
    u, how = coefficients(family, unit, sphere.polar(x)[1], depth=depth, report=True)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.where(u == 0, 0.0, u * sphere.length_ratios(x, X))
    beyond = np.argwhere(~np.isfinite(scaled))
    if beyond.size:
        i, k = beyond[0]
        raise InputError(
            f"expected coefficients within float64, got one beyond it for training row {i} and test row {k} "
            f"({len(beyond)} in all), whose lengths are too far apart; rescale the shorter of "
            f"{_checks.name_rows(np.unique(beyond[:, 0]))} of X, or leave them out"
        )
    return scaled, how


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
