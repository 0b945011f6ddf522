"""Kernel-regression coefficients u = K(X,X)^{-1} K(X,x) in closed form, at one depth.

These are the numbers that Theorem 3 of the paper transports from depth to depth; here they are solved for
directly, by a Cholesky factorisation, with their residual and the condition number of what was solved.
"""

import dataclasses
import math

import numpy as np
import scipy.linalg

from roughntk import _checks, sphere
from roughntk.depth.limit import limit_coefficients
from roughntk.kernels import KernelFamily, ReluNTK

EPS = float(np.finfo(np.float64).eps)


class NotPositiveDefiniteError(ValueError):
    """A kernel matrix is singular to working precision, or indefinite."""


@dataclasses.dataclass(frozen=True)
class CoefficientReport:
    """How a linear system K u = b was solved.

    Attributes:
        residual: max |K u - b| over all entries.
        condition_number: 2-norm condition number of K.
        smallest_eigenvalue: smallest eigenvalue of K.
        method: "cholesky", or "limit" where K is singular at infinite depth and the known limit of u is returned.
    """

    residual: float
    condition_number: float
    smallest_eigenvalue: float
    method: str = "cholesky"


def coefficients(family: KernelFamily, X, x, *, depth, report: bool = False):
    """Coefficients u = K_L(X,X)^{-1} K_L(X,x) of kernel regression at depth L.

    The infinitely wide network trained to convergence predicts f(x) = u(x)^T y (paper, Proposition 3).

    Args:
        family: a kernel family, for instance ``rn.kernels.ReluNTK()``.
        X: training points, unit rows, shape (n, n0).
        x: test points, unit rows, shape (m, n0).
        depth: network depth L >= 1: whole, real or infinite where the family allows it.
        report: also return a :class:`CoefficientReport`.

    Returns:
        u, shape (n, m); with ``report``, the pair (u, report).

    Raises:
        InputError: rows off the sphere, equal rows in X (named), NaN, depth < 1.
        NotPositiveDefiniteError: K_L(X,X) is singular to working precision, or indefinite, and the message
            says at which depth and with which smallest eigenvalue.
    """
    _checks.require_x64("coefficients")
    X, x = check_points(X, x)
    if depth == math.inf and not isinstance(family, ReluNTK):  # K itself is singular there
        u = limit_coefficients(family, X, x)
        return (u, CoefficientReport(0.0, math.inf, 0.0, "limit")) if report else u
    K = np.asarray(family(X, depth=depth))
    B = np.asarray(family(X, x, depth=depth))
    u, how = solve(K, B, what=f"{family.name} kernel matrix at depth {depth}")
    return (u, how) if report else u


def check_points(X, x) -> tuple[np.ndarray, np.ndarray]:
    """Training and test points as checked unit rows; the training rows distinct."""
    X = sphere.check_unit(X)
    sphere.check_distinct(X)
    return X, sphere.check_unit(x, "x", columns=X.shape[1])


def solve(K: np.ndarray, B: np.ndarray, *, what: str = "kernel matrix") -> tuple[np.ndarray, CoefficientReport]:
    """Solve K u = B by Cholesky, with residual and condition number.

    Args:
        K: symmetric positive definite, shape (n, n).
        B: right-hand sides, shape (n, m).
        what: how to name K in an error.

    Raises:
        NotPositiveDefiniteError: the smallest eigenvalue is at most n eps times the largest.
    """
    spectrum = np.linalg.eigvalsh(K)
    smallest, largest = float(spectrum[0]), float(spectrum[-1])
    if not smallest > len(K) * EPS * largest:
        raise NotPositiveDefiniteError(
            f"expected a positive definite {what}, got smallest eigenvalue {smallest:.3g} against a largest of "
            f"{largest:.3g}, which is zero to working precision; choose another depth (from 2 on for the ReLU "
            f"kernels; less deep for kernels that tend to a constant) or move nearly equal points apart"
        )
    u = scipy.linalg.cho_solve(scipy.linalg.cho_factor(K, lower=True, check_finite=False), B, check_finite=False)
    return u, CoefficientReport(
        residual=float(np.max(np.abs(K @ u - B))),
        condition_number=largest / smallest,
        smallest_eigenvalue=smallest,
    )


def log_determinant(K: np.ndarray) -> float:
    """log det K of a symmetric positive definite matrix, -inf where it is not positive to working precision."""
    sign, value = np.linalg.slogdet(K)
    return float(value) if sign > 0 else -np.inf
