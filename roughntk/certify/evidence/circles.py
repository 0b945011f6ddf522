"""Equispaced points of a circle: their kernel matrix is circulant, so that its eigenvalues are explicit sums.

With theta_k = 2 pi k/n the kernel matrix has the entries K(theta_(i-j)), the eigenvectors cos(2 pi j k/n) and
sin(2 pi j k/n), and the eigenvalues sum_k K(theta_k) cos(2 pi j k/n), j = 0 .. floor(n/2).
"""

import fractions
from collections.abc import Callable
from typing import Any

from roughntk import _checks
from roughntk.certify.balls import Ball, ball, flint
from roughntk.certify.values import check_depth

MOST_POINTS = 1000

AngleKernel = Callable[[Ball], Ball]
"""The kernel of a pair at an angle in [0, pi]."""


def equispaced_angle(place: int, points: int) -> Ball:
    """The angle 2 pi k/n between a point and the k-th next of n equispaced ones, folded into [0, pi].

    >>> equispaced_angle(3, 4).overlaps(flint().arb.pi() / 2)
    True
    """
    nearest = min(place % points, -place % points)
    return ball(fractions.Fraction(2 * nearest, points)) * flint().arb.pi()


def circulant_eigenvalues(kernel: AngleKernel, points: int) -> list[Ball]:
    """Enclosures of the eigenvalues, j = 0 .. floor(n/2), of the kernel matrix of n equispaced points of a circle.

    Args:
        kernel: angle -> ball.
        points: n, 1 to 1000.

    >>> [round(abs(float(each)), 6) for each in circulant_eigenvalues(lambda theta: theta.cos(), 4)]
    [0.0, 2.0, 0.0]
    """
    points = _checks.integer(points, "points", least=1, most=MOST_POINTS)
    arb, rational = flint().arb, flint().fmpq
    half = points // 2
    values = [kernel(equispaced_angle(k, points)) for k in range(half + 1)]
    eigenvalues = []
    for j in range(half + 1):
        total = values[0]
        for k in range(1, half + 1):
            once = 2 * k == points  # the antipode; every other point has a mirror image
            total += (1 if once else 2) * values[k] * arb.cos_pi_fmpq(rational(2 * j * k, points))
        eigenvalues.append(total)
    return eigenvalues


def whole_depth(depth: Any) -> int:
    """A whole depth of at least 1, as a Python int.

    >>> whole_depth("12")
    12
    """
    known = check_depth(depth, whole=True)
    assert known is not None  # infinity is refused
    return known.numerator


def smallest(values: list[Ball]) -> Ball:
    """An enclosure of the smallest of some numbers."""
    least = values[0]
    for value in values[1:]:
        least = least.min(value)
    return least


__all__ = ["AngleKernel", "circulant_eigenvalues", "equispaced_angle", "smallest", "whole_depth"]
