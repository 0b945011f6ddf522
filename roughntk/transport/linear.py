"""Linear systems of kernel regression: Cholesky, symmetric indefinite, and the deflated (bordered) form.

A kernel whose entries all tend to one value is K = c 1 1^T + s G, with s -> 0 and G of order one. Its inverse means
nothing in 64 bit once s < eps, but K u = c 1 + s g is the same as

    [ G    1    ] [ u  ]   [ g ]
    [ 1^T -s/c  ] [ mu ] = [ 1 ],

which stays as well conditioned as G is on the complement of 1, and has a limit as s -> 0: ordinary kriging.
"""

import dataclasses
import warnings

import numpy as np
import scipy.linalg

from roughntk.depth.limit import bordered_system

EPS = float(np.finfo(np.float64).eps)
_LEAST_SCALE = 1e-290


class NotPositiveDefiniteError(ValueError):
    """A kernel matrix is singular to working precision, or indefinite."""


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
    """

    residual: float
    condition_number: float
    smallest_eigenvalue: float
    method: str = "cholesky"
    positive_definite: bool = True


def solve(
    K: np.ndarray, B: np.ndarray, *, what: str = "kernel matrix", indefinite: bool = False, callers: int = 1
) -> tuple[np.ndarray, CoefficientReport]:
    """Solve K u = B by Cholesky, with residual and condition number.

    Args:
        K: symmetric, shape (n, n).
        B: right-hand sides, shape (n, m).
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
    if smallest > noise:
        u = scipy.linalg.cho_solve(scipy.linalg.cho_factor(K, lower=True, check_finite=False), B, check_finite=False)
    elif indefinite and least > noise:
        _warn(what, smallest, largest, callers)
        u = scipy.linalg.solve(K, B, assume_a="sym", check_finite=False)
    else:
        kind = "zero to working precision" if abs(smallest) <= noise or indefinite else "negative"
        raise NotPositiveDefiniteError(
            f"expected a positive definite {what}, got smallest eigenvalue {smallest:.3g} against a largest of "
            f"{largest:.3g}, which is {kind}; choose another depth (from 2 on for the ReLU "
            f"kernels; less deep for kernels that tend to a constant) or move nearly equal points apart"
        )
    definite = smallest > noise
    return u, CoefficientReport(
        residual=float(np.max(np.abs(K @ u - B), initial=0.0)),
        condition_number=largest / least,
        smallest_eigenvalue=smallest,
        method="cholesky" if definite else "symmetric indefinite",
        positive_definite=definite,
    )


def solve_deflated(
    G: np.ndarray,
    g: np.ndarray,
    ratio: float,
    *,
    scale: float = 1.0,
    what: str = "kernel matrix",
    indefinite: bool = False,
) -> tuple[np.ndarray, CoefficientReport]:
    """Coefficients of K = c 1 1^T + s G, b = c 1 + s g, without forming K; `ratio` is s/c (0 at infinite depth).

    Args:
        G: symmetric, shape (n, n).
        g: shape (n, m).
        ratio: s/c, of the sign of c (-0.0 at infinite depth where c < 0). Where |ratio| > 1, or c is 0 (ratio
            infinite), s G + c 1 1^T itself is solved.
        scale: s, for that case; below the range of float64 K/s is solved in its place.
        what, indefinite: as for `solve`.

    Raises, warns:
        as `solve`.
    """
    n = len(G)
    if not abs(ratio) <= 1:
        level = 0.0 if np.isinf(ratio) else 1 / ratio
        tiny = not abs(scale) > _LEAST_SCALE
        s, name = (1.0, f"{what} (in units of exp(log_scale))") if tiny else (scale, what)
        return solve(s * (G + level), s * (g + level), what=name, indefinite=indefinite, callers=2)
    w, how = solve_deflated_system(*bordered_system(G, g, ratio), what=what, indefinite=indefinite, callers=2)
    return w[:n], how


def solve_deflated_system(
    system: np.ndarray,
    right: np.ndarray,
    *,
    what: str = "kernel matrix",
    indefinite: bool = False,
    callers: int = 1,
) -> tuple[np.ndarray, CoefficientReport]:
    """(u, mu) of a bordered system, shape (n + 1, m); arguments and errors as for `solve_deflated`, any s/c.

    K is positive definite if the system has as many positive eigenvalues as K and the corner -s/c together (Haynsworth
    1968): n, or n + 1 where c < 0, which the sign of the corner tells, that of its zero at infinite depth included.
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
    w = scipy.linalg.solve(system, right, assume_a="sym", check_finite=False)
    w += scipy.linalg.solve(system, right - system @ w, assume_a="sym", check_finite=False)
    return w, CoefficientReport(
        residual=float(np.max(np.abs(system @ w - right), initial=0.0)),
        condition_number=largest / least,
        smallest_eigenvalue=float(inner[0]),
        method="deflated",
        positive_definite=definite,
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
