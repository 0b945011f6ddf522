"""How far the solution of a computed linear system may be from the solution of the true one.

A computed system (A, b) differs from the true one by the errors of its entries, which no refinement of its solution
mends: they are part of the data. With |dA|, |db| bounds of them, X close to the inverse of A and r = b - A u,

    |true u - u| <= |X r| + y + |R| 1 max(|X r| + y)/(1 - q),    y = |X| (|dA| |u| + |db| + rounding of r),
    |R| = |I - X A| + |X| |dA|,    q = its largest row sum < 1,

componentwise (Krawczyk's operator: Rump 2010, Theorem 10.2). Where q is 1 or more, A cannot be told from a singular
matrix, nothing is known of u, and the bound is infinite.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from roughntk._checks.precision import EPS


class Errors(NamedTuple):
    """What is known of the entries of a system (A, b).

    Attributes:
        matrix: bounds of the errors of A, shape (n, n).
        right: of b, shape (n, m).
        on_data: where column k of b is column i of A exactly, the unit vector e_i in column k; 0 elsewhere. (n, m).
    """

    matrix: np.ndarray
    right: np.ndarray
    on_data: np.ndarray

    @classmethod
    def of_rounding(cls, matrix: np.ndarray, right: np.ndarray) -> "Errors":
        """Of entries that were rounded once."""
        return cls(EPS * np.abs(matrix), EPS * np.abs(right), np.zeros_like(right))


def forward_error(matrix, right, solution, inverse, errors: Errors) -> Float[np.ndarray, "n m"]:
    """The bound above for each entry of a solution; infinite where nothing is known.

    Args:
        matrix, right: A and b as they were computed, shapes (n, n) and (n, m).
        solution: u, shape (n, m).
        inverse: an approximate inverse of A.
        errors: bounds of the errors of A and b.
    """
    n = len(matrix)
    units = (2 + np.sqrt(n)) * EPS  # of a sum of n products
    size = np.abs(inverse)
    with np.errstate(all="ignore"):
        free = ~errors.on_data.any(axis=0)
        gap = solution - errors.on_data
        residual = right * free - matrix @ gap
        doubt = (errors.matrix + units * np.abs(matrix)) @ np.abs(gap) + (errors.right + EPS * np.abs(right)) * free
        bound = np.abs(inverse @ residual) + size @ (doubt + units * np.abs(residual))
        rows = np.abs(inverse @ matrix - np.eye(n)).sum(axis=1)
        rows += size @ (errors.matrix + units * np.abs(matrix)).sum(axis=1)
        q = float(rows.max())
        if not q < 1:
            return np.full_like(right, np.inf)
        bound += rows[:, None] * bound.max(axis=0) / (1 - q)
        return np.where(np.isfinite(bound), bound, np.inf)


def relative(bound: np.ndarray, solution: np.ndarray) -> np.ndarray:
    """max |error| / max(1, max |u|) of each column, shape (m,)."""
    return bound.max(axis=0) / np.maximum(1.0, np.abs(solution).max(axis=0))
