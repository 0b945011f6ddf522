"""Enclosures of the ReLU recursion at real depth l >= 1, at a cost free of depth.

    alpha(theta_l) = alpha(theta_1) + l - 1,
    S(l) = l K(l) = r(theta_l) (S_1/r(theta_1) + P(theta_l) - P(theta_1)),    r = -sin v, v = 1/alpha'.

alpha, v and P are known near 0, with proven remainders (`roughntk.certify.germ`). So exact layers lead from theta_1 to
an angle below `entry`, where the flow is taken, and the same layers are undone from where it ends: f is increasing, and

    theta_L = f^{-1}(theta_{L+1}),    S_L = (S_{L+1} - cos theta_{L+1})/(1 - theta_L/pi).

So the value at pi, where v is infinite, needs no v there. What the flow and the undoing lose is won back by bits.
"""

import fractions
import functools
from collections.abc import Callable

from roughntk.certify.balls import Ball, ball, flint, working
from roughntk.certify.germ import LEAST_TERMS, Germ, germ_of
from roughntk.certify.recursion import advance, next_angle

_NEWTON_STEPS = 80
_WIDENINGS = 20


@functools.lru_cache(maxsize=32)
def _entered(bits: int, terms: int) -> tuple[Germ, Ball]:
    """A germ of so many terms, and an angle up to which its remainders are below 2^{-bits}."""
    package = flint()
    with working(bits):
        known = germ_of(terms, bits)
        wanted = package.arb(2) ** -bits
        remainders = (known.abel_remainder, known.slope_remainder, known.sum_remainder)
        entry = package.arb(1) / 4
        while not all(remainder(entry) < wanted for remainder in remainders):
            entry = (entry * 4 / 5).mid()
    return known, entry


def _suited(theta: Ball) -> tuple[Germ, Ball]:
    """`_entered` for the working precision, with terms such that series and layers take about as long.

    Where theta is small anyhow, fewer terms do. Both numbers are rounded up, so that few germs are ever made.
    """
    bits = flint().ctx.prec
    unit = 2 ** (bits.bit_length() - 3)
    bits = -(-bits // unit) * unit
    mantissa, power = theta.mid().man_exp()
    size = -int(power) - int(mantissa).bit_length()  # theta is about 2^{-size}
    terms = max(LEAST_TERMS, min(bits // 3, 60 + bits // 7, 4 + bits // max(size, 1)))
    return _entered(bits, -(-terms // 8) * 8)


def state_at(theta: Ball, depth: fractions.Fraction) -> tuple[Ball, Ball]:
    """theta_l and S(l) at real depth l, at the working precision; see the module.

    Args:
        theta: theta_1, above 0.
        depth: l >= 1.

    Returns:
        Balls that hold them; not finite where the working precision is too low for that.
    """
    known, entry = _suited(theta)
    steps, start, total = _pushed(theta, entry)
    target = known.abel(start) + ball(depth - 1 - steps)
    undone = _layers_before(known, target, entry)
    end = _abel_inverse(known, target + undone)
    sums = known.principal_sum(end) - known.principal_sum(start)
    total = known.rate(end) * (total / known.rate(start) + sums)
    for _ in range(undone):
        if not end.is_finite():
            break
        end, total = _undone(end, total)
    return end, total


def kernel_at(theta: Ball, depth: fractions.Fraction) -> Ball:
    """K(l) = S(l)/l at real depth."""
    return state_at(theta, depth)[1] / ball(depth)


def _pushed(theta: Ball, entry: Ball) -> tuple[int, Ball, Ball]:
    """How many layers lead from theta to an angle below `entry`, that angle, and S there."""
    steps, total = 0, theta.cos()
    while not theta < entry:
        theta, total = advance(theta, total)
        steps += 1
    return steps, theta, total


def _layers_before(known: Germ, target: Ball, entry: Ball) -> int:
    """How many layers after Abel time `target` lie surely below `entry`."""
    missing = (known.abel(entry) - target).upper()
    return max(0, int(missing.ceil().unique_fmpz()) + 1) if missing > 0 else 0


def _abel_inverse(known: Germ, target: Ball) -> Ball:
    """The angle of Abel time `target`; alpha falls, as a limit of the falling w_n - (3/2) log w_n - n."""
    theta = 3 * flint().arb.pi() / (target + target.log() * 3 / 2).mid()

    def correction(theta: Ball) -> Ball:
        return (target - known.abel(theta)) / known.abel_derivative(theta)

    theta = _newton(theta.mid(), correction)

    def between(low: Ball, high: Ball) -> bool:
        return bool(high < 1 and known.abel(low) > target > known.abel(high))  # the series hold up to R

    return _enclosed(theta, correction(theta), between)


def previous_angle(theta: Ball) -> Ball:
    """theta_L from theta_{L+1} = f(theta_L); Newton's iteration for the midpoint, and signs at both ends.

    Args:
        theta: ball that holds an angle of [0, pi/2].

    Returns:
        A ball that holds the angle of [0, pi] that one layer takes there.
    """
    pi, middle = flint().arb.pi(), theta.mid()

    def slope(before: Ball) -> Ball:
        return (1 - before / pi) * before.sin() / middle.sin()

    def correction(before: Ball) -> Ball:
        return (theta - next_angle(before)) / slope(before)

    if middle < 1:
        before = _newton(middle + middle * middle / (3 * pi), correction)
    else:  # with s = pi - theta_L, sin s - s cos s = pi cos theta_{L+1}
        turned = (pi * middle.cos()).nonnegative_part()

        def fold_correction(fold: Ball) -> Ball:
            sine, cosine = fold.sin_cos()
            return (turned + fold * cosine - sine) / (fold * sine)

        before = (pi - _newton((3 * turned).root(3), fold_correction)).mid()

    def between(low: Ball, high: Ball) -> bool:
        return bool(next_angle(low) < theta and (high >= pi or next_angle(high) > theta))

    return _enclosed(before, correction(before), between)


def _newton(guess: Ball, correction: Callable[[Ball], Ball]) -> Ball:
    """A point near a zero, as a ball without radius; nothing is proven of it."""
    point, last = guess.mid(), None
    for _ in range(_NEWTON_STEPS):
        change = correction(point).mid()
        if not change.is_finite() or (last is not None and not abs(change) < last / 2):
            break
        point, last = (point + change).mid(), abs(change)
    return point


def _enclosed(point: Ball, correction: Ball, between: Callable[[Ball, Ball], bool]) -> Ball:
    """The smallest ball about a point, among those of radii that double, with the solution between its ends; or NaN.

    Args:
        point: near the solution.
        correction: how far the solution is thought to be.
        between: (low, high) -> whether it is proven to lie between them.
    """
    package = flint()
    least = abs(point) * package.arb(2) ** -package.ctx.prec
    width = abs(correction).upper()
    width = (width if width < 1 else least).max(least).mid()
    for _ in range(package.ctx.prec + _WIDENINGS):
        low, high = (point - width).lower(), (point + width).upper()
        if low > 0 and between(low, high):
            return low.union(high)
        width = 2 * width
    return package.arb.nan()


def _undone(theta: Ball, total: Ball) -> tuple[Ball, Ball]:
    """(theta_L, S_L) from (theta_{L+1}, S_{L+1})."""
    before = previous_angle(theta)
    return before, (total - theta.cos()) / (1 - before / flint().arb.pi())
