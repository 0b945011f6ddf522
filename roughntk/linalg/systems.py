"""Symmetric linear systems: factored once, solved, refined once, and reported on.

Every solution carries a bound of its distance from the solution of the true system
(:mod:`roughntk.linalg.forward_error`). Refinement mends the rounding of the factorisation; what the entries of the
system are off by stays, and is what the bound mostly consists of. Systems whose matrix tends to a constant are solved
in another form (:mod:`roughntk.linalg.bordered`).
"""

import dataclasses

import numpy as np
from jaxtyping import Float

from roughntk._checks import InputError, flag
from roughntk.linalg.exceptions import REMEDY, singular, warn_indefinite
from roughntk.linalg.factor import Factor
from roughntk.linalg.forward_error import Errors, forward_error, relative

CHOLESKY, INDEFINITE, DEFLATED = "cholesky", "symmetric indefinite", "deflated"
"""The direct methods, as `Solution.method` says them."""


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
    """The solution of a linear system K u = b, and how it was found.

    Attributes:
        coefficients: u, shape (n, m).
        residual: max |M u - r| over all entries of the system that was solved.
        condition_number: 2-norm condition number of its matrix.
        smallest_eigenvalue: smallest eigenvalue of K; with method "deflated" that of G on the complement of 1; of K/s
            where s is below the range of float64 (`roughntk.linalg.bordered.solve_deflated`).
        method: "cholesky"; "symmetric indefinite" where K has negative eigenvalues; "deflated" for the bordered
            system, whose matrix is not K.
        positive_definite: whether K is.
        forward_error: a bound of |u - true u| for each coefficient, shape (n, m): the rounding of the solution and
            the errors of the entries of the system. Infinite where the matrix cannot be told from a singular one.
        relative_error: the largest of max |u - true u| / max(1, max |u|) over the columns by that bound.
        multipliers: mu of a bordered system, shape (m,); None for a plain one.
    """

    coefficients: Float[np.ndarray, "n m"]
    residual: float
    condition_number: float
    smallest_eigenvalue: float
    method: str = CHOLESKY
    positive_definite: bool = True
    forward_error: np.ndarray = dataclasses.field(default_factory=lambda: np.full((0, 0), np.inf), repr=False)
    relative_error: float = np.inf
    multipliers: np.ndarray | None = dataclasses.field(default=None, repr=False)

    @property
    def unknowns(self) -> np.ndarray:
        """All that the system was solved for: u, and mu below it where the system is bordered."""
        if self.multipliers is None:
            return self.coefficients
        return np.concatenate([self.coefficients, self.multipliers[None]])


def solve(
    K: np.ndarray,
    B: np.ndarray,
    *,
    errors: Errors | None = None,
    what: str = "matrix",
    remedy: str = REMEDY,
    indefinite: bool = False,
    method: str = "auto",
    callers: int = 1,
) -> Solution:
    """Solve K u = B, with residual, condition number and a bound of the error.

    Args:
        K: symmetric, shape (n, n).
        B: right-hand sides, shape (n, m).
        errors: bounds of the errors of the entries of K and B; by default they are right to rounding (eps).
        what: how to name K in an error.
        remedy: what to do about a singular K, for the error.
        indefinite: take a K with negative eigenvalues by a symmetric indefinite factorisation, with a warning.
        method: "cholesky", "symmetric indefinite", or "auto" for the first where K is positive definite.
        callers: how many functions of this package stand between this one and the user, for the warning's place.

    Raises:
        NotPositiveDefiniteError: an eigenvalue is zero to working precision (n eps times the largest), or negative
            without `indefinite`.
        InputError: "cholesky" was asked for, and K has negative eigenvalues.

    Warns:
        IndefiniteKernelWarning: K is indefinite; the message names the eigenvalue.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> solution = rn.linalg.solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([[2.0], [2.0]]))
    >>> solution.coefficients.tolist(), solution.method
    ([[1.0], [0.5]], 'cholesky')
    """
    indefinite = flag(indefinite, "indefinite")
    factor = Factor(K, cholesky=False if method == INDEFINITE else None)
    smallest, largest, definite = factor.smallest, factor.largest, factor.positive_definite
    if not definite and not (indefinite and factor.regular):
        below = abs(smallest) > factor.noise and not indefinite
        raise singular(what, smallest, largest, remedy, kind="negative" if below else "zero to working precision")
    if not definite and method == CHOLESKY:
        raise InputError(
            f"expected a positive definite {what} with method='cholesky', got smallest eigenvalue {smallest:.3g} "
            f"against a largest of {largest:.3g}; use method='auto' or 'symmetric indefinite'"
        )
    if not definite:
        warn_indefinite(what, smallest, largest, callers)
    return Solution(
        **solved(factor, B, errors or Errors.of_rounding(K, B)),
        condition_number=factor.condition_number,
        smallest_eigenvalue=smallest,
        method=CHOLESKY if factor.by_cholesky else INDEFINITE,
        positive_definite=definite,
    )


def solved(factor: Factor, right: np.ndarray, errors: Errors, *, rows: int | None = None) -> dict:
    """The fields of a `Solution` that follow from a factor; the first `rows` of what is solved for are coefficients."""
    u = factor.solve(right)
    u = np.where(errors.on_data.any(axis=0), errors.on_data, u)
    bound = forward_error(factor.matrix, right, u, factor.inverse, errors)[:rows]
    return {
        "coefficients": u[:rows],
        "residual": float(np.max(np.abs(factor.matrix @ u - right), initial=0.0)),
        "forward_error": bound,
        "relative_error": float(relative(bound, u[:rows]).max(initial=0.0)),
        "multipliers": None if rows is None else u[rows],
    }
