"""Small systems of float64 numbers in exact arithmetic: what the evidence is compared with.

A float64 number is a fraction, so that determinants and solutions of given matrices can be had without any rounding.
Exponentials are Taylor series in decimals of 50 digits.
"""

import decimal
import fractions
from typing import Any

import numpy as np

from roughntk.audit.subject import Numbers

DIGITS = 50
_TERMS = 40  # of exp on a matrix of norm below 1/16: 16^-40/40! is far below 10^-50
_NORM = 1 / 16


def rational(A: Any) -> list[list[fractions.Fraction]]:
    """The entries as the fractions that they are."""
    return [[fractions.Fraction(float(entry)) for entry in row] for row in np.asarray(A)]


def _eliminated(rows: list[list[fractions.Fraction]], columns: int) -> tuple[list[list[fractions.Fraction]], list]:
    """Row echelon form of the first columns, in place, and the pivots with the sign of the exchanges in the first."""
    pivots = []
    for k in range(columns):
        place = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if place is None:
            return rows, [fractions.Fraction(0)]
        pivots.append(rows[place][k] if place == k else -rows[place][k])
        rows[k], rows[place] = rows[place], rows[k]
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return rows, pivots


def determinant(A: Any) -> fractions.Fraction:
    """det A, exactly.

    >>> determinant([[0.5, 1.0], [1.0, 4.0]])
    Fraction(1, 1)
    """
    result = fractions.Fraction(1)
    for pivot in _eliminated(rational(A), len(A))[1]:
        result *= pivot
    return result


def solution(A: Any, B: Any) -> Numbers:
    """A^{-1} B of the exact numbers, rounded once.

    >>> solution([[2.0, 1.0], [1.0, 2.0]], [[1.0], [0.0]]).ravel().tolist()
    [0.6666666666666666, -0.3333333333333333]
    """
    n = len(A)
    rows, _ = _eliminated([a + b for a, b in zip(rational(A), rational(B), strict=True)], n)
    solved: list[list[fractions.Fraction]] = [[] for _ in range(n)]
    for i in reversed(range(n)):
        for column in range(n, len(rows[i])):
            rest = rows[i][column] - sum(rows[i][k] * solved[k][column - n] for k in range(i + 1, n))
            solved[i].append(rest / rows[i][i])
    return np.array([[float(value) for value in row] for row in solved])


def is_positive_definite(A: Any) -> bool:
    """Whether a symmetric matrix of float64 numbers is positive definite, exactly: all pivots are positive.

    >>> is_positive_definite([[1.0, 0.5], [0.5, 1.0]]), is_positive_definite([[1.0, 1.0], [1.0, 1.0]])
    (True, False)
    """
    rows = rational(A)
    for k in range(len(rows)):
        if rows[k][k] <= 0:
            return False
        for i in range(k + 1, len(rows)):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
    return True


def exponential(A: Any) -> Numbers:
    """exp A by its Taylor series on A/2^k and k squarings, in decimals of 50 digits, rounded once.

    >>> exponential([[0.0, 1.0], [0.0, 0.0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    A = np.asarray(A, dtype=float)
    halvings = 0
    while np.abs(A).sum() / 2**halvings > _NORM:
        halvings += 1
    with decimal.localcontext(prec=DIGITS):
        small = np.array([[decimal.Decimal(float(entry)) / 2**halvings for entry in row] for row in A])
        term = result = np.array([[decimal.Decimal(int(i == j)) for j in range(len(A))] for i in range(len(A))])
        for k in range(1, _TERMS):
            term = term @ small / k
            result = result + term
        for _ in range(halvings):
            result = result @ result
        return result.astype(float)


__all__ = ["determinant", "exponential", "is_positive_definite", "rational", "solution"]
