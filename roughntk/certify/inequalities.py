"""Inequalities of one ReLU layer on (0, pi], proven by balls: what `roughntk.certify.limits` is made of.

With w = 3 pi/theta, f the layer, w' = 3 pi/f, tau = w' - w, phi = f/theta = w/w' and

    g = tau - 1 - (3/2) log(w'/w),      beta = (tau - 1)/4 - 3/(8 w) + 1 - cos f,

(1) g >= 0,    (2) g <= (3/4) (theta - f),    (3) beta >= 0,    (4) beta w^2 <= 24 (3 - tau phi),
(5) 1 - 3/w <= phi^3.

Each is h(theta) >= 0 with h/theta^2 analytic on |z| <= R (`roughntk.certify.germ`). On (0, 1/2] it is proven by the
Taylor polynomial of h/theta^2 and Cauchy's bound of the rest, above by intervals that are halved until all are
positive; f is increasing, so that its values at their ends enclose it. Coefficients 0 and 1 of each h vanish exactly:
phi = 1 - theta/(3 pi) + ..., tau = 1 + theta/(2 pi) + ....
"""

import functools
from fractions import Fraction
from typing import Any

from roughntk.certify.balls import Ball, ball, flint, truncated, working
from roughntk.certify.germ import RADIUS, circle, coefficients, shifted, step_series
from roughntk.certify.recursion import next_angle

SLOPE = Fraction(3, 4)  # of (2): at 0 the sharp one is 0.73442...
CURVATURE = Fraction(24)  # of (4): at 0 the sharp one is 23.2593...
_BITS = 96
_TERMS = 30
_MEETING = Fraction(1, 2)
_PIECES = 16  # of (0, 1/2]
_LEAST_WIDTH = Fraction(1, 2**30)


def _margins(z: Any, phi: Any, tau: Any, log_phi: Any, versine: Any, slope: Ball, curvature: Ball) -> tuple[Any, ...]:
    """h of (1) to (5), in balls, complex balls or power series; `versine` is 1 - cos f."""
    pi = flint().arb.pi()
    g = tau - 1 + log_phi * 3 / 2
    beta = (tau - 1) / 4 - z / (8 * pi) + versine
    square = z * z
    return (
        g,
        slope * z * (1 - phi) - g,
        beta,
        curvature * square * (3 - tau * phi) - 9 * pi**2 * beta,
        phi * phi * phi - 1 + z / pi,
    )


@functools.lru_cache(maxsize=4)
def unproven(slope: Fraction = SLOPE, curvature: Fraction = CURVATURE) -> tuple[int, ...]:
    """The numbers of the inequalities that could not be proven; none, with the constants of this module.

    Where some fail on (0, 1/2], the rest of the interval is not looked at.

    Args:
        slope: in place of 3/4 in (2).
        curvature: in place of 24 in (4).

    >>> unproven(), unproven(curvature=Fraction(23))
    ((), (4,))
    """
    with working(_BITS):
        constants = ball(slope), ball(curvature)
        proven = _near_zero(*constants)
        if all(proven):
            proven = _away_from_zero(*constants)
    return tuple(number + 1 for number, good in enumerate(proven) if not good)


def _near_zero(*constants: Ball) -> list[bool]:
    """Whether each is proven on (0, 1/2]."""
    package = flint()
    pi, radius, meeting = package.arb.pi(), ball(RADIUS), ball(_MEETING)
    with truncated(_TERMS + 3):
        phi = step_series(_TERMS + 3)
        z = package.arb_series([0, 1])
        tau = shifted(3 * pi * (1 / phi - 1), -1)
        series = _margins(z, phi, tau, phi.log(), 1 - shifted(phi, 1).cos(), *constants)
        polynomials = [package.arb_poly(coefficients(each, _TERMS + 2)[2:]) for each in series]
    largest = [package.arb(0)] * len(polynomials)
    for z, f in circle():
        phi = f / z
        values = _margins(z, phi, 3 * pi * (1 / phi - 1) / z, phi.log(), 1 - f.cos(), *constants)
        largest = [old.max((new / z**2).abs_upper()) for old, new in zip(largest, values, strict=True)]
    rest = (meeting / radius) ** _TERMS / (1 - meeting / radius)
    pieces = [meeting * (2 * piece + 1) / (2 * _PIECES) for piece in range(_PIECES)]
    half_width = package.arb(0, (meeting / (2 * _PIECES)).upper())
    return [
        all(polynomial(middle + half_width) - bound * rest > 0 for middle in pieces)
        for polynomial, bound in zip(polynomials, largest, strict=True)
    ]


def _away_from_zero(*constants: Ball) -> list[bool]:
    """Whether each is proven on [1/2, pi]."""
    pi = flint().arb.pi()
    proven = [True] * 5
    pieces = [(_MEETING, Fraction(22, 7))]
    while pieces:
        low, high = pieces.pop()
        a, b = ball(low), ball(high).min(pi)
        z, f = a.union(b), next_angle(a).union(next_angle(b))
        tau, phi = 3 * pi * (1 / f - 1 / z), f / z
        good = [bool(margin > 0) for margin in _margins(z, phi, tau, phi.log(), 1 - f.cos(), *constants)]
        if all(now or not before for now, before in zip(good, proven, strict=True)):
            continue
        if high - low > _LEAST_WIDTH:
            middle = (low + high) / 2
            pieces += [(low, middle), (middle, high)]
        else:
            proven = [now and before for now, before in zip(good, proven, strict=True)]
    return proven


__all__ = ["CURVATURE", "SLOPE", "unproven"]
