"""Positive definite matrices of balls: interval Cholesky, and the smallest eigenvalue between two proven ends."""

import fractions

from roughntk.certify.balls import Ball, Enclosure, flint, lower, upper
from roughntk.certify.proofs import between

_STEPS = 60
_GAPS = (40, 30, 20, 12, 6, 3, 1)
"""How far below its upper end, in powers of 1/2 of it, the smallest eigenvalue is tried to be."""


def is_positive_definite(matrix: list[list[Ball]], shift: Ball = 0) -> bool:
    """Whether interval Cholesky proves that A - shift I is positive definite for every symmetric A in the balls.

    False says nothing: the precision may be too low.

    >>> is_positive_definite([[2, 1], [1, 2]]), is_positive_definite([[2, 1], [1, 2]], 1)
    (True, False)
    """
    arb = flint().arb
    factor: list[list[Ball]] = []
    for i, row in enumerate(matrix):
        new: list[Ball] = []
        for j in range(i):
            rest = arb(row[j]) - sum((new[k] * factor[j][k] for k in range(j)), arb(0))
            new.append(rest / factor[j][j])
        pivot = arb(row[i]) - shift - sum((each**2 for each in new), arb(0))
        if not pivot > 0:
            return False
        new.append(pivot.sqrt())
        factor.append(new)
    return True


def smallest_eigenvalue(matrix: list[list[Ball]], bits: int) -> Enclosure:
    """The smallest eigenvalue of a matrix of balls that is proven to be positive definite.

    Above it is a Rayleigh quotient, which is never below it, of a vector from inverse iteration; below it is a number s
    for which interval Cholesky proves A - s I to be positive definite, and at least 0.

    >>> smallest_eigenvalue([[2, 1], [1, 2]], 53).text
    '1.000000000'
    """
    mat = flint().arb_mat
    high = upper(_rayleigh(mat(matrix)))
    low = fractions.Fraction(0)
    for gap in _GAPS:
        tried = high * (1 - fractions.Fraction(1, 2**gap))
        if is_positive_definite(matrix, flint().arb(flint().fmpq(tried.numerator, tried.denominator))):
            low = tried
            break
    return between("smallest eigenvalue", low, high, bits, 10)


def _rayleigh(matrix: Ball) -> Ball:
    """v.Av/v.v for an approximate eigenvector v of the smallest eigenvalue."""
    mat, n = flint().arb_mat, matrix.nrows()
    start = [[flint().arb(1) / (k + 2)] for k in range(n)]  # with no component that is 0 by symmetry
    vector = mat(start)
    inverse = matrix.inv(nonstop=True).mid()
    for _ in range(_STEPS):
        product = (inverse * vector).mid()
        if not all(entry.is_finite() for entry in product.entries()):
            break
        largest = max(product.entries(), key=lambda entry: abs(float(entry)))
        vector = (product * (1 / largest)).mid()
    return (vector.transpose() * (matrix * vector))[0, 0] / (vector.transpose() * vector)[0, 0]


__all__ = ["is_positive_definite", "smallest_eigenvalue"]
