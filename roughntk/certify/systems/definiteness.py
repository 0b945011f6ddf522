"""Positive definite matrices of balls: interval Cholesky, and the smallest eigenvalue between two proven ends."""

import fractions

from roughntk.certify.balls import Ball, Enclosure, ball, flint, upper
from roughntk.certify.evidence.proofs import between

_ROUNDS, _STEPS = 6, 12
_GAPS = (40, 34, 24, 16, 10, 6, 3, 1)
"""How far below its upper end, in powers of 1/2 of it, the smallest eigenvalue is tried to be."""
_ENOUGH = fractions.Fraction(1, 2**33)


def is_positive_definite(matrix: list[list[Ball]], shift: Ball = 0) -> bool | None:
    """Whether A - shift I is positive definite for every symmetric A in the balls (True), or for none (False).

    By interval Cholesky: all pivots are proven to be positive, or one is proven not to be after others that are. None
    where a pivot cannot be told from 0: the precision may be too low, or the matrix singular.

    >>> [is_positive_definite([[2, 1], [1, 2]], shift) for shift in (0, 1, 2)]
    [True, False, False]
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
            return False if pivot <= 0 else None
        new.append(pivot.sqrt())
        factor.append(new)
    return True


def smallest_eigenvalue(matrix: list[list[Ball]], bits: int) -> Enclosure:
    """The smallest eigenvalue of a matrix of balls that is proven to be positive definite.

    Above it is a Rayleigh quotient, which is never below it, of a vector from inverse iteration; below it is a number s
    for which interval Cholesky proves A - s I to be positive definite, and at least 0. The next inverse iteration is
    that of A - s I, so that near eigenvalues are told apart.

    >>> smallest_eigenvalue([[2, 1], [1, 2]], 53).text
    '1.000000000'
    """
    mat = flint().arb_mat
    whole = mat(matrix)
    low, high = fractions.Fraction(0), upper(whole[0, 0])  # the quotient of a unit vector
    vector = mat([[flint().arb(1) / (k + 2)] for k in range(len(matrix))])  # with no component that is 0 by symmetry
    for _ in range(_ROUNDS):
        vector = _inverse_iteration(matrix, ball(low), vector)
        quotient = upper((vector.transpose() * (whole * vector))[0, 0] / (vector.transpose() * vector)[0, 0])
        high = min(high, quotient)
        low = max(low, _below(matrix, low, high))
        if high - low < _ENOUGH * high:
            break
    return between("smallest eigenvalue", low, high, bits, 10)


def _below(matrix: list[list[Ball]], low: fractions.Fraction, high: fractions.Fraction) -> fractions.Fraction:
    """A proven lower end between the one that is known and the upper one, as near to this as a trial proves."""
    for gap in _GAPS:
        tried = high * (1 - fractions.Fraction(1, 2**gap))
        if tried > low and is_positive_definite(matrix, ball(tried)):
            return tried
    return low


def _inverse_iteration(matrix: list[list[Ball]], shift: Ball, vector: Ball) -> Ball:
    """A better approximate eigenvector of the eigenvalue next above the shift."""
    mat = flint().arb_mat
    shifted = [[entry - shift if i == j else entry for j, entry in enumerate(row)] for i, row in enumerate(matrix)]
    inverse = mat(mat(shifted).mid()).inv(nonstop=True).mid()
    for _ in range(_STEPS):
        product = (inverse * vector).mid()
        if not all(entry.is_finite() for entry in product.entries()):
            return vector
        largest = max(product.entries(), key=lambda entry: abs(float(entry)))
        vector = (product * (1 / largest)).mid()
    return vector


__all__ = ["is_positive_definite", "smallest_eigenvalue"]
