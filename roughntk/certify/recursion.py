"""Enclosures of the ReLU recursion at whole depth, layer by layer, without blow-up.

The angle map f(theta) = arccos((sin theta + (pi - theta) cos theta)/pi) is taken at the midpoint of a ball, and the
radius is carried over unchanged: |f(x) - f(m)| <= |x - m|, because 0 <= f' <= 1 on [0, pi].

Proof. From cos f = (sin theta + (pi - theta) cos theta)/pi, with a = 1 - theta/pi,

    f'(theta) = a sin(theta)/sin(f(theta)) >= 0,
    cos^2 f + a^2 sin^2 theta = a^2 + 2 a (sin theta/pi) cos theta + sin^2 theta/pi^2
                              = |a + (sin theta/pi) e^{i theta}|^2 <= (a + sin theta/pi)^2 <= 1,

since sin theta <= theta, so that a sin theta <= sin f and f' <= 1. In balls the plain recursion of the correlation
would evaluate every term at all members of the ball separately: its radius is multiplied by more than 1 in each layer.

So after L layers the radius of theta is at most its first one and L roundings. With S_L = L K_L,

    S_{L+1} = S_L (1 - theta_L/pi) + cos theta_{L+1},    S_1 = cos theta_1,

the loss is of about 2 log2(L) bits. Nothing here trusts float64.
Source: StArnaud2025 (Theorem 1, Proposition 4), Johansson2017.
"""

import fractions
import functools
import math

from roughntk.certify.balls import Ball, ball, flint, working

_SMALL = fractions.Fraction(1, 8)  # angles below it take the power series
_BITS_A_TERM = 6  # of the series in pairs of powers, (1/8)^2
_GUARD = 12  # bits that cancellation in d loses at angles above 1/8, and the square root


def angle_of(rho: fractions.Fraction) -> Ball:
    """theta_1 = arccos(rho) = 2 atan sqrt((1 - rho)/(1 + rho)), to the working precision relative to theta_1.

    Args:
        rho: correlation, an exact fraction in [-1, 1].

    Returns:
        A ball that holds the angle, in radians; exactly 0 at rho = 1.
    """
    package = flint()
    if rho == 1:
        return package.arb(0)
    if rho == -1:
        return package.arb.pi()
    if rho >= 0:
        return 2 * ball((1 - rho) / (1 + rho)).sqrt().atan()
    return package.arb.pi() - 2 * ball((1 + rho) / (1 - rho)).sqrt().atan()


@functools.lru_cache(maxsize=8)
def _series(bits: int) -> tuple[Ball, int]:
    """G with 1 - cos f(theta) = theta^2 G(theta)/2, as a polynomial, and half its number of terms.

    G = sum_j (-1)^j (2/(2j+2)!) theta^{2j} - (2/pi) (-1)^j (2(j+1)/(2j+3)!) theta^{2j+1}.
    """
    package = flint()
    pairs = bits // _BITS_A_TERM + 2
    terms = []
    with working(bits + 8):
        pi = package.arb.pi()
        for j in range(pairs):
            sign = (-1) ** j
            terms.append(ball(fractions.Fraction(2 * sign, math.factorial(2 * j + 2))))
            terms.append(-2 / pi * ball(fractions.Fraction(2 * sign * (j + 1), math.factorial(2 * j + 3))))
        return package.arb_poly(terms), pairs


def _layer_at(theta: Ball) -> tuple[Ball, Ball]:
    """f(theta) and cos f(theta) at a point of [0, pi + 1], given as a ball without radius.

    For theta < 1/8 both alternating series of G are cut after as many terms; the error is at most the first terms
    left out, which are together below theta^{2 pairs}.
    """
    package = flint()
    if theta < package.arb(_SMALL.numerator) / _SMALL.denominator:
        polynomial, pairs = _series(package.ctx.prec)
        square = polynomial(theta) + package.arb(0, (theta ** (2 * pairs)).upper())
        half = theta / 2 * square.sqrt()
        return 2 * half.asin(), 1 - 2 * half * half
    with working(package.ctx.prec + _GUARD):
        sine, cosine = theta.sin_cos()
        pi = package.arb.pi()
        following = cosine + (sine - theta * cosine) / pi
        return following.acos(), following


def _layer(theta: Ball) -> tuple[Ball, Ball]:
    """f and cos f of the members of a ball that lie in [0, pi].

    |d cos f/d theta| = (1 - theta/pi) sin theta <= 1 as well, so that both take the radius of theta.
    """
    middle = theta.mid()
    if not 0 <= middle <= 4:
        package = flint()
        theta = theta.intersection(package.arb(2, 2))
        middle = theta.mid()
    angle, cosine = _layer_at(middle)
    spread = theta - middle
    return angle + spread, cosine + spread


def next_angle(theta: Ball) -> Ball:
    """One layer, theta_{L+1} = f(theta_L); the radius grows by one rounding and by nothing else.

    Between pi and 4, where a midpoint may lie by rounding, |f'| = |1 - theta/pi| |sin theta|/sin f < 1 as well.

    Args:
        theta: ball that holds an angle of [0, pi].

    Returns:
        A ball that holds f of every member of `theta` in [0, pi].
    """
    return _layer(theta)[0]


def advance(theta: Ball, total: Ball) -> tuple[Ball, Ball]:
    """(theta_{L+1}, S_{L+1}) from (theta_L, S_L)."""
    following, cosine = _layer(theta)
    return following, total * (1 - theta / flint().arb.pi()) + cosine


def states(theta: Ball, depth: int) -> tuple[Ball, Ball]:
    """theta_L and S_L = L K_L after L - 1 layers, at the working precision; see the module.

    Args:
        theta: theta_1.
        depth: L >= 1, whole.
    """
    total = theta.cos()
    for _ in range(depth - 1):
        theta, total = advance(theta, total)
    return theta, total


def kernel_ball(theta: Ball, depth: int) -> Ball:
    """K_L = S_L/L, the normalised ReLU tangent kernel at whole depth, from the angle theta_1."""
    return states(theta, depth)[1] / depth


__all__ = ["advance", "angle_of", "kernel_ball", "next_angle", "states"]
