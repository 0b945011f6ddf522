"""Coefficients with proven digits, K u = b in ball arithmetic: for functions whose matrix float64 takes for singular.

The rows are the float64 numbers that they are, taken to the sphere exactly. Everything is computed with more and more
bits until the balls of u are as small as the rounding of float64, and the pivots of K = L D L^T have signs: both are
then proven. Where K tends to a constant, or to a matrix of low rank, that takes bits, and nothing else is lost.
"""

import math
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError, MissingBackendError
from roughntk._checks.precision import EPS
from roughntk.certify import balls
from roughntk.kernels import KernelFamily
from roughntk.kernels.engine.ball_numbers import UndecidedError
from roughntk.linalg import NotPositiveDefiniteError, Solution
from roughntk.linalg.exceptions import warn_indefinite
from roughntk.linalg.forward_error import relative
from roughntk.regression.exceptions import REMEDY
from roughntk.regression.systems import Systems

BALLS = "balls"
MOST_POINTS = 200
"""Points up to which "auto" takes balls where they are needed."""

_NEEDED = 1e8  # condition numbers from which float64 loses half of its digits
_BITS = (128, 256, 512, 1024, 2048, 4096, 8192)
_WANTED = EPS / 8


def is_needed(systems: Systems, depth: float) -> bool:
    """Whether float64 loses half of its digits on the matrix of a family that can be evaluated in balls."""
    family = systems.family
    if not family.encloses or depth == math.inf or len(systems.X) > MOST_POINTS:
        return False
    if family.collapses:
        system = systems.deflated(depth)
        if math.isinf(system.ratio):
            return False
        n = len(system.matrix)
        matrix = np.block([[system.matrix, np.ones((n, 1))], [np.ones((1, n)), np.full((1, 1), -system.ratio)]])
    else:
        matrix = systems.kernel(depth).matrix
    sizes = np.abs(np.linalg.eigvalsh(matrix))
    return not sizes.min() * _NEEDED > sizes.max()


def proven_solution(systems: Systems, depth: float, what: str, callers: int = 1) -> Solution:
    """The solution of K u = b, whose `forward_error` is proven.

    Args:
        systems: of a family that can be evaluated in balls.
        depth: finite.
        what: how to name the matrix.
        callers: how many functions of this package stand between this one and the user, for the place of warnings.

    Raises:
        InputError: the family, or its function, cannot be evaluated so; python-flint is not installed.
        NotPositiveDefiniteError: 8192 bits do not tell the matrix from a singular one.

    Warns:
        IndefiniteKernelWarning: the matrix is proven to be indefinite.
    """
    family, X, x = systems.family, systems.X, systems.x
    number = int(depth) if depth == int(depth) else depth
    for bits in _BITS:
        with balls.working(bits):
            try:
                solution = _attempt(family, X, x, number)
            except (UndecidedError, ZeroDivisionError):
                continue
        if solution is not None:
            if not solution.positive_definite:
                largest = float(np.abs(np.linalg.eigvalsh(systems.kernel(depth).matrix)).max())
                warn_indefinite(what, solution.smallest_eigenvalue, largest, callers)
            return solution
    raise NotPositiveDefiniteError(
        f"expected a {what} that can be told from a singular one, got one that {_BITS[-1]} bits do not tell from it; "
        f"{REMEDY}"
    )


def why_not(problem: Exception) -> str:
    """What to say beside another error where balls were not to be had."""
    if isinstance(problem, MissingBackendError):
        return f"python-flint would prove its digits: {balls.INSTALL}"
    return f"ball arithmetic did not help: {_checks.first_line(problem)}"


class ProvenCoefficients:
    """u = K(X,X)^{-1} K(X,x) of one data set at one depth after another, as far as it can be had in balls.

    Args:
        family: one that can be evaluated in balls.
        X, x: unit rows.
    """

    def __init__(self, family: KernelFamily, X: np.ndarray, x: np.ndarray):
        self.family, self.X, self.x = family, X, x
        self._first = 0  # of `_BITS`: neighbouring depths need as many

    def at(self, depth: int) -> tuple[np.ndarray, float] | None:
        """(u, a bound of its error); None where the family, its function or python-flint cannot give it."""
        for place in range(self._first, len(_BITS)):
            try:
                with balls.working(_BITS[place]):
                    K, b = _kernel(self.family, self.X, self.x, depth)
                    values, radii = _rounded(balls.flint().arb_mat(K).solve(balls.flint().arb_mat(b)))
            except (UndecidedError, ZeroDivisionError):
                continue
            except (InputError, MissingBackendError):
                return None
            if _is_known(values, radii):
                self._first = max(place - 1, 0)
                return values, float((radii + EPS / 2 * np.abs(values)).max())
        return None


def _rounded(u: Any) -> tuple[np.ndarray, np.ndarray]:
    """Midpoints and radii of balls, in float64."""
    entries = u.tolist()
    values = np.array([[float(entry.mid()) for entry in row] for row in entries])
    return values, np.array([[_upper(entry.rad()) for entry in row] for row in entries])


def _is_known(values: np.ndarray, radii: np.ndarray) -> bool:
    return bool(np.isfinite(values).all() and (radii <= _WANTED * np.maximum(1, np.abs(values))).all())


def _attempt(family: KernelFamily, X: np.ndarray, x: np.ndarray, depth: int | float) -> Solution | None:
    """The solution, or None where balls are too large."""
    package, n, m = balls.flint(), len(X), len(x)
    K, b = _kernel(family, X, x, depth)
    matrix, right = package.arb_mat(K), package.arb_mat(b)
    u, inverse, definite = matrix.solve(right), matrix.inv(), _is_definite(K)
    values, radii = _rounded(u)
    if definite is None or not _is_known(values, radii):
        return None
    bound = radii + EPS / 2 * np.abs(values) + np.finfo(np.float64).smallest_subnormal
    on = np.array([[float(np.array_equal(X[i], x[k])) for k in range(m)] for i in range(n)])
    exactly = on.any(axis=0)
    values, bound = np.where(exactly, on, values), np.where(exactly, 0.0, bound)
    smallest, condition = _extremes(K, inverse, definite)
    rounded = package.arb_mat([[package.arb(float(value)) for value in row] for row in values])
    residual = max((_upper(abs(entry)) for entry in (matrix * rounded - right).entries()), default=0.0)
    return Solution(
        values, residual, condition, smallest, BALLS, definite, bound, float(relative(bound, values).max(initial=0.0))
    )


def _kernel(family: KernelFamily, X: np.ndarray, x: np.ndarray, depth: int | float) -> tuple[list, list]:
    """K(X, X) and K(X, x) in balls, as lists of rows."""
    package = balls.flint()
    both = np.concatenate([X, x])
    rows = [[package.arb(float(value)) for value in row] for row in both]
    norms = [sum(value * value for value in row) for row in rows]
    pairs = [(i, j) for i in range(len(X)) for j in range(i, len(both))]

    def correlation(i: int, j: int) -> balls.Ball:
        for sign in (1, -1):
            if np.array_equal(both[i], sign * both[j]):
                return package.arb(sign)
        product = sum(a * b for a, b in zip(rows[i], rows[j], strict=True))
        return product / (norms[i] * norms[j]).sqrt()

    values = dict(zip(pairs, family.enclosed([correlation(*pair) for pair in pairs], depth), strict=True))
    n = len(X)
    within = [[values[min(i, j), max(i, j)] for j in range(n)] for i in range(n)]
    return within, [[values[i, j] for j in range(n, len(both))] for i in range(n)]


def _is_definite(K: list) -> bool | None:
    """Whether the pivots of K = L D L^T are all positive; None where the sign of one is not decided."""
    rows, definite = [list(row) for row in K], True
    for k in range(len(rows)):
        pivot = rows[k][k]
        if pivot < 0:
            definite = False
        elif not pivot > 0:
            return None
        for i in range(k + 1, len(rows)):
            share = rows[i][k] / pivot
            for j in range(k + 1, i + 1):
                rows[i][j] -= share * rows[j][k]
    return definite


def _extremes(K: list, inverse: Any, definite: bool) -> tuple[float, float]:
    """(smallest eigenvalue of K, condition number), to the digits that float64 has of the eigenvalues of K^-1."""
    largest = float(np.abs(np.linalg.eigvalsh(np.array([[float(entry.mid()) for entry in row] for row in K]))).max())
    entries = inverse.tolist()
    size = max((abs(entry.mid()) for row in entries for entry in row), key=lambda entry: float(entry.log()))
    scaled = np.array([[float((entry / size).mid()) for entry in row] for row in entries])
    spectrum = np.linalg.eigvalsh((scaled + scaled.T) / 2)
    unit = float((1 / size).mid())
    near = float(np.abs(spectrum).max())
    smallest = unit / float(spectrum[-1] if definite else spectrum[0])
    return smallest, largest * near / unit if unit > 0 else math.inf


def _upper(entry: balls.Ball) -> float:
    """A float64 that is not below a ball."""
    return balls.upwards(balls.upper(entry)) if entry.is_finite() else math.inf


__all__ = ["BALLS", "MOST_POINTS", "ProvenCoefficients", "is_needed", "proven_solution", "why_not"]
