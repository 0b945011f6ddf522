"""The angles of rows, from exact whole numbers: no projection is rounded.

A row of float64 numbers is a row of whole numbers times a power of two, which has the same direction. So the Gram
matrix a_ij = x_i.x_j of directions is one of whole numbers, and cos theta = a_ij/sqrt(a_ii a_jj), sin theta =
sqrt(a_ii a_jj - a_ij^2)/sqrt(a_ii a_jj) with a whole number under the root, which loses nothing however near the rows.
"""

import dataclasses
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.certify.balls import Ball, flint

PROJECTIONS = ("canonical", "stereographic")


@dataclasses.dataclass(frozen=True, eq=False)
class ExactRows:
    """Training rows and test rows as whole numbers, up to a positive factor for each row.

    Attributes:
        gram: x_i.x_j of all rows, training rows first, whole numbers.
        training: how many training rows there are.
        testing: how many test rows.
    """

    gram: Any
    training: int
    testing: int

    def sine_squared(self, i: int, j: int) -> Any:
        """(sin theta)^2 |x_i|^2 |x_j|^2, a whole number."""
        return self.gram[i, i] * self.gram[j, j] - self.gram[i, j] ** 2

    def same_direction(self, i: int, j: int) -> bool:
        """Whether the rows are positively collinear, exactly."""
        return bool(self.gram[i, j] > 0 and self.sine_squared(i, j) == 0)

    def angle(self, i: int, j: int) -> Ball:
        """The angle of two rows, at the working precision, relatively accurate near 0."""
        arb = flint().arb
        return arb.atan2(arb(self.sine_squared(i, j)).sqrt(), arb(self.gram[i, j]))

    def equal_to(self, test_row: int) -> int | None:
        """The training row with the direction of a test row, if there is one."""
        place = self.training + test_row
        return next((i for i in range(self.training) if self.same_direction(i, place)), None)

    def gram_rank(self) -> int:
        """The rank of the Gram matrix of the training rows, which is K_1 up to the lengths of rows."""
        n = self.training
        rows = [[self.gram[i, j] for j in range(n)] for i in range(n)]
        return int(flint().fmpz_mat(rows).rank())


def exact_rows(X: Any, x: Any, projection: str = "canonical") -> ExactRows:
    """Training rows X (n, n0) and test rows x (m, n0), float64, on the sphere by a projection that is not rounded.

    Args:
        X: training rows.
        x: test rows.
        projection: "canonical", x/|x|; "stereographic", the direction of (2x, |x|^2 - 1).

    Raises:
        InputError: a zero row with "canonical", training rows in the same direction, named by their numbers.

    >>> rows = exact_rows([[1.0, 0.0], [0.0, 2.0]], [[3.0, 3.0]])
    >>> str(rows.gram[0, 2]), str(rows.gram[1, 2]), rows.gram_rank()
    ('3', '6', 2)
    """
    X = _checks.matrix(X, "X")
    x = _checks.matrix(x, "x", columns=X.shape[1])
    _checks.choice(projection, PROJECTIONS, "projection")
    canonical = projection == "canonical"
    for given, name in ((X, "X"), (x, "x")):
        zero = np.flatnonzero(~given.any(axis=1))
        if canonical and zero.size:
            raise InputError(
                f"expected non-zero rows in {name}, got zeros in {_checks.name_rows(zero)}; remove them, or use the "
                f"stereographic projection, which keeps the origin"
            )
    whole = flint().fmpz_mat([(_whole if canonical else _lifted)(row.tolist()) for row in (*X, *x)])
    rows = ExactRows(whole * whole.transpose(), len(X), len(x))
    _check_distinct(rows, canonical)
    return rows


def _check_distinct(rows: ExactRows, canonical: bool) -> None:
    n = rows.training
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if rows.same_direction(i, j)]
    if pairs and canonical:
        raise InputError(
            f"expected rows in different directions, got positively collinear {_checks.name_pairs(pairs)}; drop "
            f"duplicates (--drop-duplicates, rn.sphere.distinct_rows) or use the stereographic projection "
            f"(--projection stereographic), which keeps collinear rows apart"
        )
    if pairs:
        raise InputError(
            f"expected distinct rows, got equal {_checks.name_pairs(pairs)}; drop duplicates (--drop-duplicates, "
            f"rn.sphere.distinct_rows)"
        )


def _whole(row: list[float]) -> list[int]:
    """A row times the least power of two that makes it whole."""
    ratios = [entry.as_integer_ratio() for entry in row]
    common = max(denominator for _, denominator in ratios)
    return [numerator * (common // denominator) for numerator, denominator in ratios]


def _lifted(row: list[float]) -> list[int]:
    """(2x, |x|^2 - 1) times the square of the power of two that makes x whole."""
    common = max(entry.as_integer_ratio()[1] for entry in row)
    scaled = _whole(row)
    return [*(2 * common * entry for entry in scaled), sum(entry**2 for entry in scaled) - common**2]


__all__ = ["PROJECTIONS", "ExactRows", "exact_rows"]
