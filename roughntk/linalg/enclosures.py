"""Errors of the solutions of linear systems, proven: every rounding error is added outward.

For A u = b with a computed u, and r = A u - b known to far below rounding (`exact_residual`), the error is A^{-1} r.
With a factor X of A, X A X^T = J + E, J diagonal with entries 1 and -1, |E|_2 <= epsilon < 1, two bounds follow, both
for the very numbers in A and b (`Factored`):

    |A^{-1} r| <= |R r| + rows max |R r| / (1 - max rows),      R = X^T J X,  rows = |I - R A| 1      (componentwise)
    |X^{-T} A^{-1} r|_2 <= |X r|_2 / (1 - epsilon),             (A^{-1} r)_i <= |X e_i|_2 |X^{-T} A^{-1} r|_2

|e|_A = |X^{-T} e|_2 is the energy norm where A is positive definite. What one adds for the rounding of a product of
n terms is n eps times the product of the absolute values, twice what the standard model of rounding asks for, in any
order of summation.
"""

import functools
from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float

from roughntk._checks.precision import EPS
from roughntk.linalg.forward_error import Errors

_FLOOR = 1e-290  # of what underflow may lose in matrices and vectors of entries within 1


class Known(NamedTuple):
    """Numbers and bounds of their errors, of one shape."""

    value: np.ndarray
    radius: np.ndarray


def exact_residual(matrix: np.ndarray, solution: np.ndarray, right: np.ndarray) -> Known:
    """A u - b to about 2^-100 of |A| |u|, whatever order BLAS sums in.

    A and u are cut into slices of so few bits that products and sums of n of them are exact; the slices' products are
    then added with the errors of the sums carried along (Ozaki, Ogita, Oishi & Rump 2012; Ogita, Rump & Oishi 2005).

    Args:
        matrix: A, shape (n, n), of any scale near 1.
        solution: u, shape (n, m).
        right: b, shape (n, m).

    >>> import numpy as np
    >>> third, one = np.full((1, 1), 1 / 3), np.ones((1, 1))
    >>> float(exact_residual(third, 3 * one, one).value[0, 0]) == -(2.0**-54)
    True
    """
    n = matrix.shape[1]
    bits = (53 - n.bit_length()) // 2
    rows, columns = _slices(matrix, 1, bits), _slices(solution, 0, bits)
    total, low = -right, np.zeros_like(right)
    for part in rows:
        for other in columns:
            term = part @ other
            following = total + term
            back = following - total
            low = low + ((total - (following - back)) + (term - back))
            total = following
    value = total + low
    size = np.abs(matrix).max(axis=1, keepdims=True) * np.abs(solution).max(axis=0, keepdims=True)
    radius = EPS * np.abs(value) + EPS * EPS * (96.0 * n**3 * size + 64 * np.abs(right)) + n * _FLOOR
    return Known(value, radius)


def _slices(matrix: np.ndarray, axis: int, bits: int) -> list[np.ndarray]:
    """Three matrices whose sum it is, the first two of integers up to 2^bits times one unit a row or column."""
    parts, rest = [], matrix
    for _ in range(2):
        exponent = np.frexp(np.abs(rest).max(axis=axis, keepdims=True))[1]
        anchor = np.ldexp(1.5, exponent + 52 - bits)
        high = (rest + anchor) - anchor
        parts.append(high)
        rest = rest - high
    return [*parts, rest]


class Factored:
    """A regular matrix with a factor X, X A X^T = J + E, and a proven bound of |E|_2.

    X is the inverse of the Cholesky factor where A is positive definite, else |lambda|^{-1/2} Q^T of the eigenvalues
    and vectors of its symmetric part.

    Args:
        matrix: A, shape (n, n), symmetric, or nearly so.

    Attributes:
        matrix, factor, signs: A, X, the diagonal of J.
        defect: bound of |E|_2; nothing is known of A where it is not below 1.

    >>> import numpy as np
    >>> known = Factored(np.array([[4.0, 0.0], [0.0, -1.0]]))
    >>> known.signs.tolist(), known.defect < 1e-14
    ([-1.0, 1.0], True)
    """

    def __init__(self, matrix: Float[np.ndarray, "n n"]):
        self.matrix = matrix
        self.factor, self.signs = _factor((matrix + matrix.T) / 2)
        off = self.factor @ matrix @ self.factor.T - np.diag(self.signs)
        defect = _norm_bound(np.abs(off)) + self.product_error(matrix, self.factor)
        self.defect = float(defect) if np.isfinite(defect) else np.inf

    def product_error(self, matrix: np.ndarray, other: np.ndarray) -> float:
        """Bound of the rounding of X M Y^T in the 2-norm, for a matrix M and another factor Y."""
        left, middle, right = np.abs(self.factor), np.abs(matrix), np.abs(other).T
        largest = np.max(left @ (middle @ right.sum(axis=1))) * np.max((left.sum(axis=0) @ middle) @ right)
        return float(2 * len(matrix) * EPS * np.sqrt(largest))

    @functools.cached_property
    def inverse(self) -> Float[np.ndarray, "n n"]:
        """R = X^T J X, close to the inverse."""
        return np.asarray((self.factor.T * self.signs) @ self.factor)

    @functools.cached_property
    def rows(self) -> Float[np.ndarray, " n"]:
        """Bounds of the row sums of |I - R A|."""
        n = len(self.matrix)
        rounding = 2 * n * EPS * (np.abs(self.inverse) @ np.abs(self.matrix).sum(axis=1))
        return np.asarray(np.abs(np.eye(n) - self.inverse @ self.matrix).sum(axis=1) + rounding)

    def error(self, residual: Known) -> Float[np.ndarray, "n m"]:
        """Bound of |A^{-1} r|, componentwise; infinite where nothing is known."""
        size = np.abs(self.inverse) @ (residual.radius + len(self.matrix) * EPS * np.abs(residual.value))
        return self._spread(np.abs(self.inverse @ residual.value) + size, self.rows)

    def error_of_entries(self, bound: np.ndarray, solution: np.ndarray, right: np.ndarray, errors: Errors):
        """Bound of |A^{-1} b - w|, componentwise, w the solution of the true system, whose entries are off by `errors`.

        Args:
            bound: of |u - A^{-1} b|, shape (n, m).
            solution, right: u and b, shape (n, m).
            errors: bounds of the errors of A and b. Where a column of b is one of A exactly, w is a unit vector.
        """
        doubt = errors.matrix @ (np.abs(solution) + bound) + errors.right
        on = errors.on_data.any(axis=0)
        if on.any():
            gap = exact_residual(self.matrix, errors.on_data, right)
            doubt = np.where(on, np.abs(gap.value) + gap.radius, doubt)
        size = np.abs(self.inverse)
        return self._spread(size @ doubt, self.rows + size @ errors.matrix.sum(axis=1))

    def _spread(self, first: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """first + rows max first / (1 - max rows), with the rounding of these bounds themselves."""
        worst = float(np.max(rows))
        if not worst < 1:
            return np.full_like(first, np.inf)
        return _outward(first + rows[:, None] * first.max(axis=0) / (1 - worst), len(rows))

    def energy(self, vectors: Known) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Bounds of |X^{-T} A^{-1} d|_2 of each column d: what the values give, and what rounding adds to it."""
        n = len(self.matrix)
        blurred = np.abs(self.factor) @ (vectors.radius + n * EPS * np.abs(vectors.value))
        parts = (np.linalg.norm(part, axis=0) for part in (self.factor @ vectors.value, blurred))
        value, rounding = (_outward(part / self._least, n) for part in parts)
        return value, rounding

    @property
    def _least(self) -> float:
        """Bound from below of the singular values of J + E; 0 where nothing is known."""
        return max(1 - self.defect, 0.0)

    @property
    def reach(self) -> Float[np.ndarray, " n"]:
        """|X e_i|_2, bounds of |e_i| where |X^{-T} e|_2 <= 1."""
        return _outward(np.linalg.norm(self.factor, axis=0), len(self.matrix))

    def step_from(self, before: "Factored") -> float:
        """Bound of 2 max |log sigma| over the singular values of e -> A^{-1} A0 e, A0 of `before`, in both norms.

        For positive definite matrices these are the |log lambda| of the eigenvalues of A^{-1} A0. |A^{-1} A0 e|_A is at
        most exp(half of it) |e|_{A0}.
        """
        middle = self.factor @ before.matrix @ before.factor.T
        low, high = singular_values(middle, self.product_error(before.matrix, before.factor))
        low, high = low / (1 + self.defect), high / self._least if self._least else np.inf
        return float(2 * max(0.0, np.log(high), -np.log(low) if low > 0 else np.inf) * (1 + 8 * EPS))


def singular_values(matrix: np.ndarray, radius: float) -> tuple[float, float]:
    """Bounds of the smallest and the largest singular value of all matrices within `radius` of B in the 2-norm.

    Guessed from the eigenvalues of B^T B, and then proven: a Cholesky factorisation that runs to its end in floating
    point says that the matrix is positive definite to (n + 1) eps times its trace (Higham 2002, Theorem 10.7).

    >>> import numpy as np
    >>> low, high = singular_values(np.diag([3.0, 2.0]), 0.0)
    >>> 0 <= 2 - low < 1e-12, 0 <= high - 3 < 1e-12
    (True, True)
    """
    n = len(matrix)
    with np.errstate(all="ignore"):
        square = matrix.T @ matrix
        total = float(np.trace(square))
    if not np.isfinite(total):
        return 0.0, np.inf
    guess, slack = np.linalg.eigvalsh(square), 8 * (n + 2) * EPS * total
    high, low = guess[-1] + slack, guess[0] - slack
    proof = 4 * (n + 2) * EPS * (n * high + total)
    largest = high + proof if _runs(high * np.eye(n) - square) else total * (1 + 4 * n * EPS)
    least = low - proof if low > proof and _runs(square - low * np.eye(n)) else 0.0
    return max(float(np.sqrt(max(least, 0.0))) * (1 - EPS) - radius, 0.0), float(np.sqrt(largest)) * (1 + EPS) + radius


def _runs(matrix: np.ndarray) -> bool:
    """Whether the Cholesky factorisation runs to its end."""
    return int(scipy.linalg.lapack.dpotrf(matrix, lower=1)[1]) == 0


def _factor(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """X and the diagonal of J, to rounding."""
    n = len(matrix)
    lower, info = scipy.linalg.lapack.dpotrf(matrix, lower=1, clean=1)
    if info == 0:
        return scipy.linalg.solve_triangular(lower, np.eye(n), lower=True, check_finite=False), np.ones(n)
    values, vectors = np.linalg.eigh(matrix)
    with np.errstate(divide="ignore", invalid="ignore"):
        return vectors.T / np.sqrt(np.abs(values))[:, None], np.where(values < 0, -1.0, 1.0)


def _norm_bound(size: np.ndarray) -> float:
    """Of the 2-norm, from absolute values: the root of the largest row sum times the largest column sum."""
    return float(np.sqrt(size.sum(axis=0).max() * size.sum(axis=1).max())) * (1 + 4 * len(size) * EPS)


def _outward(bound: np.ndarray, n: int) -> np.ndarray:
    """With the rounding of a bound that was itself computed from sums of n terms; infinite where it is not finite."""
    return np.where(np.isfinite(bound), bound * (1 + 8 * (n + 8) * EPS), np.inf)
