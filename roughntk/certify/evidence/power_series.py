"""Power series with rational coefficients, cut after some terms: every coefficient that is kept is exact."""

import fractions
import math
from collections.abc import Sequence

Series = tuple[fractions.Fraction, ...]
"""The coefficients of z^0, z^1, ..."""


def product(a: Sequence[fractions.Fraction], b: Sequence[fractions.Fraction]) -> Series:
    """a b, cut as the shorter of the two.

    >>> [str(each) for each in product((fractions.Fraction(1),) * 3, (fractions.Fraction(1, 2),) * 3)]
    ['1/2', '1', '3/2']
    """
    zero = fractions.Fraction(0)
    return tuple(sum((a[j] * b[k - j] for j in range(k + 1)), zero) for k in range(min(len(a), len(b))))


def reciprocal(a: Sequence[fractions.Fraction]) -> Series:
    """1/a, for a_0 other than 0.

    >>> [str(each) for each in reciprocal((fractions.Fraction(2), fractions.Fraction(1), fractions.Fraction(0)))]
    ['1/2', '-1/4', '1/8']
    """
    inverse: list[fractions.Fraction] = []
    for k in range(len(a)):
        convolved = sum((a[j] * inverse[k - j] for j in range(1, k + 1)), fractions.Fraction(0))
        inverse.append(((k == 0) - convolved) / a[0])
    return tuple(inverse)


def exponential(a: Sequence[fractions.Fraction]) -> Series:
    """exp(a), for a_0 = 0, from (exp a)' = a' exp(a).

    >>> [str(each) for each in exponential([fractions.Fraction(k == 1) for k in range(4)])]
    ['1', '1', '1/2', '1/6']
    """
    series = [fractions.Fraction(1)]
    for k in range(1, len(a)):
        total = sum((j * a[j] * series[k - j] for j in range(1, k + 1)), fractions.Fraction(0))
        series.append(total / k)
    return tuple(series)


def logistic(a: Sequence[fractions.Fraction]) -> Series:
    """1/(1 + exp(-a)), for a_0 = 0.

    >>> [str(each) for each in logistic([fractions.Fraction(k == 1) for k in range(4)])]
    ['1/2', '1/4', '0', '-1/48']
    """
    one, *others = exponential([-each for each in a])
    return reciprocal((1 + one, *others))


def derivative_at_0(a: Sequence[fractions.Fraction], order: int) -> fractions.Fraction:
    """The derivative of some order at 0.

    >>> str(derivative_at_0((fractions.Fraction(1),) * 4, 3))
    '6'
    """
    return math.factorial(order) * a[order]


__all__ = ["Series", "derivative_at_0", "exponential", "logistic", "product", "reciprocal"]
