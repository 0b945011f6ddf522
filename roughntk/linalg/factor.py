"""A symmetric matrix, factored once, for any number of right-hand sides; its spectrum says which factorisation."""

import functools

import numpy as np
import scipy.linalg
from jaxtyping import Float
from scipy.linalg import lapack

from roughntk.linalg.definiteness import Spectrum


class Factor(Spectrum):
    """A symmetric matrix A: by Cholesky, A = L L^T, or where it is not positive definite by Bunch and Kaufman's method,
    A = P L D L^T P^T with blocks of one and two rows in D. It is factored when something is first solved for.

    Args:
        matrix: A, shape (n, n), symmetric.
        cholesky: whether to take Cholesky; by default where A is positive definite to working precision.

    Raises:
        numpy.linalg.LinAlgError: A is exactly singular, or not positive definite where Cholesky was asked for.

    >>> import numpy as np
    >>> from roughntk.linalg import Factor
    >>> factor = Factor(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> factor.solve(np.array([[3.0], [3.0]])).ravel().round(12).tolist()
    [1.0, 1.0]
    >>> factor.positive_definite, round(factor.condition_number, 12)
    (True, 3.0)
    """

    def __init__(self, matrix: Float[np.ndarray, "n n"], *, cholesky: bool | None = None):
        super().__init__(matrix)
        self._cholesky = cholesky

    @functools.cached_property
    def by_cholesky(self) -> bool:
        """Whether Cholesky is taken."""
        return self.positive_definite if self._cholesky is None else self._cholesky

    @functools.cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray | None]:
        """(L, and D in its place, row by row; the permutation)."""
        if self.by_cholesky:
            return scipy.linalg.cho_factor(self.matrix, lower=True, check_finite=False)[0], None
        work = lapack.dsytrf_lwork(len(self.matrix), lower=1)[0]
        lower, pivots, info = lapack.dsytrf(self.matrix, lower=1, lwork=int(work.real))
        if info > 0:
            raise np.linalg.LinAlgError(f"expected a regular matrix, got a zero in row {info - 1} of its factor")
        return lower, pivots

    def solve(self, right: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
        """A^{-1} right, refined once: what is left of its error is mostly that of the entries of A."""
        solution = self._solved(right)
        return np.asarray(solution + self._solved(right - self.matrix @ solution))

    def _solved(self, right: np.ndarray) -> np.ndarray:
        lower, pivots = self._parts
        if pivots is None:
            return np.asarray(scipy.linalg.cho_solve((lower, True), right, check_finite=False))
        return np.asarray(lapack.dsytrs(lower, pivots, right, lower=1)[0])

    @functools.cached_property
    def inverse(self) -> Float[np.ndarray, "n n"]:
        """A^{-1}, not refined."""
        lower, pivots = self._parts
        if pivots is not None:
            return self._solved(np.eye(len(self.matrix)))
        half = np.tril(lapack.dpotri(lower, lower=1)[0])
        return np.asarray(half + np.tril(half, -1).T)


def log_determinant(matrix: Float[np.ndarray, "n n"]) -> float:
    """log det of a symmetric positive definite matrix, -inf where it is not positive to working precision.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> rn.linalg.log_determinant(np.diag([1.0, 1.0])), rn.linalg.log_determinant(np.diag([1.0, -1.0]))
    (0.0, -inf)
    """
    sign, value = np.linalg.slogdet(matrix)
    return float(value) if sign > 0 else -np.inf
