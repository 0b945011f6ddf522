"""Linear systems of kernel regression: Cholesky, symmetric indefinite, and the deflated (bordered) form.

A kernel whose entries all tend to one value is K = c 1 1^T + s G, with s -> 0 and G of order one. Its inverse means
nothing in 64 bit once s < eps, but K u = c 1 + s g is the same as

    [ G    1    ] [ u  ]   [ g ]
    [ 1^T -s/c  ] [ mu ] = [ 1 ],

which stays as well conditioned as G is on the complement of 1, and has a limit as s -> 0: ordinary kriging.

Every solution is refined once and carries a bound of its distance from the solution of the true system
(:mod:`roughntk.linalg.forward_error`). Refinement mends the rounding of the factorisation; what the entries of the
system are off by stays, and is what the bound mostly consists of.
"""

import dataclasses
import warnings

import numpy as np
import scipy.linalg

from roughntk._checks import name_rows
from roughntk.linalg.bordered import bordered_system
from roughntk.linalg.forward_error import EPS, Errors, forward_error, relative

FEW_DIGITS = 1e-3
"""Coefficients whose error may exceed this part of max(1, max |u|) come with a warning."""

_LEAST_SCALE = 1e-290


class NotPositiveDefiniteError(ValueError):
    """A kernel matrix is singular to working precision, or indefinite."""


class InaccurateCoefficientsWarning(UserWarning):
    """Fewer than three digits of the coefficients are known: the system is ill conditioned, its entries are rounded."""


class IndefiniteKernelWarning(UserWarning):
    """A kernel matrix has negative eigenvalues; its coefficients solve K u = b, but it is no covariance."""


@dataclasses.dataclass(frozen=True)
class CoefficientReport:
    """How a linear system K u = b was solved.

    Attributes:
        residual: max |M u - r| over all entries of the system that was solved.
        condition_number: 2-norm condition number of its matrix.
        smallest_eigenvalue: smallest eigenvalue of K; with method "deflated" that of G on the complement of 1; of K/s
            where a kernel that tends to 0 has left the range of float64 (`solve_deflated`).
        method: "cholesky"; "symmetric indefinite" where K has negative eigenvalues; "deflated" for the bordered
            system, whose matrix is not K.
        positive_definite: whether K is.
        forward_error: a bound of |u - true u| for each coefficient, of the shape of u: the rounding of the solution and
            the errors of the entries of the system, of the angles of the rows included. Infinite where the matrix
            cannot be told from a singular one.
        relative_error: the largest of max |u - true u| / max(1, max |u|) over the test points by that bound.
    """

    residual: float
    condition_number: float
    smallest_eigenvalue: float
    method: str = "cholesky"
    positive_definite: bool = True
    forward_error: np.ndarray = dataclasses.field(default_factory=lambda: np.full((0, 0), np.inf), repr=False)
    relative_error: float = np.inf


def solve(
    K: np.ndarray,
    B: np.ndarray,
    *,
    errors: Errors | None = None,
    what: str = "kernel matrix",
    indefinite: bool = False,
    callers: int = 1,
) -> tuple[np.ndarray, CoefficientReport]:
    """Solve K u = B by Cholesky, with residual, condition number and a bound of the error.

    Args:
        K: symmetric, shape (n, n).
        B: right-hand sides, shape (n, m).
        errors: bounds of the errors of the entries of K and B; by default they are right to rounding (eps).
        what: how to name K in an error.
        indefinite: take a K with negative eigenvalues by a symmetric indefinite factorisation, with a warning.
        callers: how many functions of this package stand between this one and the user, for the warning's place.

    Raises:
        NotPositiveDefiniteError: an eigenvalue is zero to working precision (n eps times the largest), or negative
            without `indefinite`.

    Warns:
        IndefiniteKernelWarning: K is indefinite; the message names the eigenvalue.
    """
    spectrum = np.linalg.eigvalsh(K)
    smallest, largest = float(spectrum[0]), float(np.abs(spectrum).max())
    noise = len(K) * EPS * largest
    least = float(np.abs(spectrum).min())
    definite = smallest > noise
    if not definite and not (indefinite and least > noise):
        kind = "zero to working precision" if abs(smallest) <= noise or indefinite else "negative"
        raise NotPositiveDefiniteError(
            f"expected a positive definite {what}, got smallest eigenvalue {smallest:.3g} against a largest of "
            f"{largest:.3g}, which is {kind}; choose another depth (from 2 on for the ReLU "
            f"kernels; less deep for kernels that tend to a constant) or move nearly equal points apart"
        )
    if not definite:
        _warn(what, smallest, largest, callers)
    u, facts = _solved(K, B, errors or Errors.of_rounding(K, B), definite=definite)
    return u, CoefficientReport(
        condition_number=largest / least,
        smallest_eigenvalue=smallest,
        method="cholesky" if definite else "symmetric indefinite",
        positive_definite=definite,
        **facts,
    )


def _solved(matrix: np.ndarray, right: np.ndarray, errors: Errors, *, definite: bool, rows: int | None = None):
    """(A^{-1} b refined once, its residual, bound and relative error); `rows` of the solution are coefficients."""
    n = len(matrix)
    if definite:
        factor = scipy.linalg.cho_factor(matrix, lower=True, check_finite=False)
        inverse = np.tril(scipy.linalg.lapack.dpotri(factor[0], lower=1)[0])
        inverse += np.tril(inverse, -1).T
        u = scipy.linalg.cho_solve(factor, right, check_finite=False)
    else:
        both = scipy.linalg.solve(matrix, np.hstack([np.eye(n), right]), assume_a="sym", check_finite=False)
        inverse, u = both[:, :n], both[:, n:]
    u = u + inverse @ (right - matrix @ u)
    u = np.where(errors.on_data.any(axis=0), errors.on_data, u)
    bound = forward_error(matrix, right, u, inverse, errors)[:rows]
    return u, {
        "residual": float(np.max(np.abs(matrix @ u - right), initial=0.0)),
        "forward_error": bound,
        "relative_error": float(relative(bound, u[:rows]).max(initial=0.0)),
    }


def require_digits(u: np.ndarray, how: CoefficientReport, what: str, *, callers: int = 1) -> None:
    """Refuse coefficients of which nothing is known, and warn of those with few digits.

    Raises:
        NotPositiveDefiniteError: the bound of the error of a test point reaches max(1, max |u|).

    Warns:
        InaccurateCoefficientsWarning: it exceeds `FEW_DIGITS` times that.
    """
    part = relative(how.forward_error, u)
    unknown, few = np.flatnonzero(~(part < 1)), np.flatnonzero(part > FEW_DIGITS)
    if unknown.size:
        raise NotPositiveDefiniteError(
            f"expected a {what} that can be told from a singular one, got condition number {how.condition_number:.3g}, "
            f"at which the rounding of its entries leaves no digit of the coefficients at test {name_rows(unknown)}; "
            f"move nearly equal points apart, or choose another depth"
        )
    if few.size:
        warnings.warn(
            f"the coefficients at test {name_rows(few)} are known to {float(part.max()):.2g} of max(1, max |u|) only "
            f"({what}: condition number {how.condition_number:.3g}, which multiplies the rounding of its entries); "
            f"move nearly equal points apart, or see the report's forward_error",
            InaccurateCoefficientsWarning,
            stacklevel=2 + callers,
        )


def solve_deflated(
    G: np.ndarray,
    g: np.ndarray,
    ratio: float,
    *,
    errors: Errors | None = None,
    ratio_error: float = 0.0,
    scale: float = 1.0,
    what: str = "kernel matrix",
    indefinite: bool = False,
    callers: int = 1,
) -> tuple[np.ndarray, CoefficientReport]:
    """Coefficients of K = c 1 1^T + s G, b = c 1 + s g, without forming K; `ratio` is s/c (0 at infinite depth).

    Args:
        G: symmetric, shape (n, n).
        g: shape (n, m).
        ratio: s/c, of the sign of c (-0.0 at infinite depth where c < 0). Where |ratio| > 1, or c is 0 (ratio
            infinite), s G + c 1 1^T itself is solved.
        errors, ratio_error: bounds of the errors of G and g, by default of rounding (eps), and of ratio.
        scale: s, for that case; below the range of float64 K/s is solved in its place.
        what, indefinite, callers: as for `solve`.

    Raises, warns:
        as `solve`.
    """
    n = len(G)
    errors = errors or Errors.of_rounding(G, g)
    if not abs(ratio) <= 1:
        level = 0.0 if np.isinf(ratio) else 1 / ratio
        level_error = ratio_error * level * level if level else 0.0
        tiny = not abs(scale) > _LEAST_SCALE
        s, name = (1.0, f"{what} (in units of exp(log_scale))") if tiny else (scale, what)
        K, b = s * (G + level), s * (g + level)
        scaled = Errors(
            s * (errors.matrix + level_error) + EPS * np.abs(K),
            s * (errors.right + level_error) + EPS * np.abs(b),
            errors.on_data,
        )
        return solve(K, b, errors=scaled, what=name, indefinite=indefinite, callers=callers + 1)
    system, right = bordered_system(G, g, ratio)
    w, how = solve_deflated_system(
        system, right, errors=bordered_errors(errors, ratio_error), what=what, indefinite=indefinite,
        callers=callers + 1,
    )  # fmt: skip
    return w[:n], how


def bordered_errors(errors: Errors, ratio_error: float) -> Errors:
    """Those of the bordered system: its border of ones is exact."""
    system, right = bordered_system(errors.matrix, errors.right, -ratio_error)
    system[:-1, -1] = system[-1, :-1] = 0.0
    right[-1] = 0.0
    return Errors(system, right, np.append(errors.on_data, np.zeros((1, right.shape[1])), axis=0))


def solve_deflated_system(
    system: np.ndarray,
    right: np.ndarray,
    *,
    errors: Errors | None = None,
    what: str = "kernel matrix",
    indefinite: bool = False,
    callers: int = 1,
) -> tuple[np.ndarray, CoefficientReport]:
    """(u, mu) of a bordered system, shape (n + 1, m); arguments and errors as for `solve_deflated`, any s/c.

    K is positive definite if the system has as many positive eigenvalues as K and the corner -s/c together (Haynsworth
    1968): n, or n + 1 where c < 0, which the sign of the corner tells, that of its zero at infinite depth included.
    The report's forward error is that of u.
    """
    n = len(system) - 1
    G = system[:n, :n]
    below = not np.signbit(system[n, n])
    spectrum = np.linalg.eigvalsh(system)
    size = np.abs(spectrum)
    largest, least = float(size.max()), float(size.min())
    inner = np.linalg.eigvalsh(_without_mean(G)) if n > 1 else np.ones(1)
    if not least > n * EPS * largest:
        raise NotPositiveDefiniteError(
            f"expected a regular {what}, got one whose deflated form has the eigenvalue {least:.3g} against a largest "
            f"of {largest:.3g}, which is zero to working precision; move nearly equal points apart, or choose "
            f"another depth (from 3 on for the ReLU kernels)"
        )
    definite = int((spectrum > 0).sum()) == n + below
    if not definite:
        lowest = f"{inner[0]:.3g} in the units of its deflated form" if inner[0] < 0 else "that of the constant vector"
        if not indefinite:
            raise NotPositiveDefiniteError(
                f"expected a positive definite {what}, got one with a negative eigenvalue: {lowest}; choose other "
                f"points or another depth"
            )
        negative = float(inner[0]) if inner[0] < 0 else float(spectrum[0])
        _warn(f"{what} (in the units of its deflated form)", negative, largest, callers)
    if errors is None:
        errors = bordered_errors(Errors.of_rounding(G, right[:n]), EPS * abs(float(system[n, n])))
    w, facts = _solved(system, right, errors, definite=False, rows=n)
    return w, CoefficientReport(
        condition_number=largest / least,
        smallest_eigenvalue=float(inner[0]),
        method="deflated",
        positive_definite=definite,
        **facts,
    )


def log_determinant(K: np.ndarray) -> float:
    """log det K of a symmetric positive definite matrix, -inf where it is not positive to working precision."""
    sign, value = np.linalg.slogdet(K)
    return float(value) if sign > 0 else -np.inf


def _without_mean(G: np.ndarray) -> np.ndarray:
    """G on an orthonormal basis of the complement of 1, shape (n - 1, n - 1)."""
    n = len(G)
    v = np.ones(n)
    v[0] += np.sqrt(n)  # the reflection that takes 1 to a multiple of e_0
    v /= np.linalg.norm(v)
    half = G - 2 * np.outer(v, v @ G)
    return (half - 2 * np.outer(half @ v, v))[1:, 1:]


def _warn(what: str, eigenvalue: float, largest: float, callers: int) -> None:
    warnings.warn(
        f"{what} is indefinite: smallest eigenvalue {eigenvalue:.3g} against a largest of {largest:.3g}; the "
        f"coefficients solve K u = b, but variances and training dynamics have no meaning on these points",
        IndefiniteKernelWarning,
        stacklevel=3 + callers,
    )
