"""The limit 1/4 of the ReLU tangent kernel, and a proven bound of the distance from it at every depth.

With w_L = 3 pi/theta_L and the inequalities (1) to (5) of `roughntk.certify.inequalities`, over layers 1 to L - 1,

    w_L = w_1 + L - 1 + (3/2) log(w_L/w_1) + G,    0 <= G <= (3/4) theta_1,                             by (1), (2)
    E_L := S_L - w_L/4 + 1/8,    E_{L+1} = (1 - 3/w_L) E_L - beta_L,    E_1 = cos theta_1 - w_1/4 + 1/8 < 0,
    -(w_1/w_L)^3 (w_1/4 + 7/8) - 24/w_L <= E_L <= 0,                                             by (3), (4) and (5)

since 24/w is a supersolution of Z_{L+1} = (1 - 3/w_L) Z_L + beta_L by (4), and prod (1 - 3/w_k) <= (w_1/w_L)^3 by (5).
w_L falls in theta_1, and w_L >= w_1 + L - 1. So for theta_1 in [theta_0, pi], that is, w_1 in [3, W], W = 3 pi/theta_0,

    S_L - L/4 <= U := (W - 1 + (3/2) log(11/5 + 4 (L - 1)/(3 W)) + (3/4) theta_0)/4 - 1/8,
    L/4 - S_L <= V := (W/(W + L - 1))^3 (W/4 + 7/8) + 24/(L + 2) - 3/8 - (3/8) log((L + 2)/3),

where x = w_L/W <= 11/5 + 4 (L - 1)/(3 W), as x <= 1 + (L - 1)/W + (1/2) log x + pi/4 and (1/2) log x <= x/4 +
(log 2 - 1)/2. The layers keep |S_L| <= L. K_L = S_L/L.
"""

import dataclasses
from fractions import Fraction
from typing import Any

from roughntk._checks import InputError, shown
from roughntk.certify.balls import Ball, Enclosure, ball, check_digits, exactly, flint, upper, upwards, working
from roughntk.certify.inequalities import unproven
from roughntk.certify.recursion import angle_of
from roughntk.certify.values import check_correlation, check_depth

BOUND = (
    "|K_L - 1/4| <= max(min(3/4, U/L), min(5/4, V/L)), W = 3 pi/theta_0, "
    "U = (W - 1 + (3/2) log(11/5 + 4 (L - 1)/(3 W)) + (3/4) theta_0)/4 - 1/8, "
    "V = (W/(W + L - 1))^3 (W/4 + 7/8) + 24/(L + 2) - 3/8 - (3/8) log((L + 2)/3)"
)
_BITS = 128


@dataclasses.dataclass(frozen=True)
class LimitBound:
    """A proven bound of |K_L - 1/4| for all angles of [theta_0, pi] at one depth.

    Attributes:
        rho: cos theta_0; the bound holds for all correlations from -1 to it.
        depth: L.
        value: the bound, a float64 rounded upwards.
        formula: its expression, which holds at every whole depth from 1 on; asymptotically (3/8) log(L)/L.
    """

    rho: Fraction
    depth: int
    value: float
    formula: str = BOUND


def limit(rho: Any, *, digits: int = 15) -> Enclosure:
    """The limit of K_L as the depth L grows: exactly 1/4, and 1 for equal inputs, rho = 1.

    Args:
        rho: correlation of the inputs; see `roughntk.certify.angle`.
        digits: of the text.

    Raises:
        InputError: rho outside [-1, 1].

    Source: Xiao2020 (the limit 1/4); the proof is that of `limit_bound`.

    >>> import roughntk as rn
    >>> rn.certify.limit("-0.9").text
    '0.250000000000000'
    """
    return exactly("K", Fraction(1) if check_correlation(rho) == 1 else Fraction(1, 4), check_digits(digits))


def limit_bound(rho: Any, depth: Any) -> LimitBound:
    """A proven bound of |K_L(rho_1) - 1/4| for all rho_1 in [-1, rho], as an expression in L and theta_0 = arccos rho.

    The inequalities that the proof in `roughntk.certify.limits` rests on are proven by balls at the first call.

    Args:
        rho: the largest correlation, below 1: at 1 the limit is another one.
        depth: L >= 1, whole.

    Raises:
        InputError: rho outside [-1, 1), a depth that is not whole.
        MissingBackendError: python-flint is not installed.

    Source: Johansson2017 (ball arithmetic).

    >>> import roughntk as rn
    >>> bound = rn.certify.limit_bound("0.5", 10**6)
    >>> bound.value < 1.1e-5, bound.formula[:24]
    (True, '|K_L - 1/4| <= max(min(3')
    """
    known, layers = check_correlation(rho), check_depth(depth, whole=True)
    if known == 1:
        raise InputError(f"expected rho below 1, got {shown(rho)}; K_L = 1 for equal inputs, whose limit is 1")
    assert layers is not None
    missing = unproven()
    if missing:
        raise ArithmeticError(f"the inequalities {missing} of roughntk.certify.inequalities could not be proven")
    with working(_BITS):
        value = min(upper(_bound(angle_of(known), int(layers))), Fraction(5, 4))
    return LimitBound(known, int(layers), upwards(value))


def _bound(theta: Ball, depth: int) -> Ball:
    """The expression `BOUND`."""
    package = flint()
    largest = 3 * package.arb.pi() / theta
    growth = ball(Fraction(11, 5)) + 4 * (depth - 1) / (3 * largest)
    above = (largest - 1 + growth.log() * 3 / 2 + 3 * theta / 4) / 4 - ball(Fraction(1, 8))
    start = (largest / (largest + depth - 1)) ** 3 * (largest / 4 + ball(Fraction(7, 8)))
    below = start + ball(Fraction(24, depth + 2) - Fraction(3, 8)) - (ball(Fraction(depth + 2, 3))).log() * 3 / 8
    return (above / depth).min(ball(Fraction(3, 4))).max((below / depth).min(ball(Fraction(5, 4))))


__all__ = ["BOUND", "LimitBound", "limit", "limit_bound"]
