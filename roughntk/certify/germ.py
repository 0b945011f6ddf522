"""The ReLU angle map near 0: its Abel function and its principal sum, as series with proven remainders.

With w = 3 pi/theta and exact formal coefficients a_k and p_k, that is, those with which the equations
alpha(f) = alpha + 1 and P(f) - P = q(f), q = -cot alpha', hold order by order,

    A(theta) = w - (3/2) log w + sum_{k=1}^{N} a_k theta^k,
    P_N(theta) = sum_{k=-4}^{N-3} p_k theta^k + p_log log theta.

The defects d = A(f) - A - 1 and e = P_N(f) - P_N - q_N(f), q_N = -cot A', are analytic on |z| <= R = 3/2:

    f = 2 arcsin((z/2) sqrt G),  G entire,  with |G - 1| < 1 and |(z/2) sqrt G| < 1 on |z| = R, hence inside,

so that f/z has a logarithm and sin f vanishes at 0 only. d has a zero of order N + 2 at 0, e one of order N - 1: by
the maximum principle |d(z)| <= D |z|^{N+2} with D = max |d|/R^{N+2} on the circle |z| = R, which is covered by complex
balls; likewise for e, with a constant E. With theta_n = f^n(theta),

    alpha(theta)  = A(theta) + sum_{n>=0} d(theta_n),
    alpha'(theta) = A'(theta) + sum_{n>=0} d'(theta_n) (f^n)'(theta),            0 <= (f^n)' <= 1,
    P(theta)      = P_N(theta) + sum_{n>=0} (e(theta_n) - (q - q_N)(theta_{n+1})).

f(theta) <= theta - theta^2/(3 pi) on [0, pi]: with y = theta/(3 pi) and g = theta (1 - y), by concavity of the sine,
g' sin g >= (1 - 2y)(1 - y) sin theta >= (1 - 3y) sin theta = -d cos f/d theta, so that cos g <= cos f. Hence

    sum_{n>=0} theta_n^j <= theta^j + T_j,    sum_{n>=1} theta_n^j <= T_j := 3 pi theta^{j-1}/(j-1),    j >= 2,

because theta_n^j <= 3 pi theta_n^{j-2} (theta_{n-1} - theta_n) <= 3 pi int x^{j-2} dx from theta_n to theta_{n-1}. And
|d'(x)| <= D ((N+2) x^{N+1} + x^{N+2}/(R - x)) by Cauchy's estimate for d/z^{N+2}.
Sources: Ecalle1975 (iterative logarithm), Norlund1924 (principal sum), Johansson2017.
"""

import dataclasses
import fractions
import functools
from collections.abc import Iterable, Iterator
from typing import Any

from roughntk.certify.balls import Ball, ball, flint, truncated, working

RADIUS = fractions.Fraction(3, 2)  # R
_ARCS = 1024  # of the upper half of the circle
_BOUND_BITS = 64
_POLES = 4  # P begins with theta^-4
_BITS_A_TERM = 3  # that the triangular equations lose
LEAST_TERMS = 12


@dataclasses.dataclass(frozen=True)
class Germ:
    """The truncated series, with the constants of their remainders.

    Attributes:
        terms: N.
        bits: working precision of the coefficients.
        abel_part: sum a_k theta^k, a polynomial without constant term.
        abel_slope: its derivative.
        poles: p_-4 + p_-3 theta + p_-2 theta^2 + p_-1 theta^3, a polynomial.
        log_term: p_log.
        sum_part: sum_{k >= 1} p_k theta^k.
        abel_defect: D.
        sum_defect: E.
    """

    terms: int
    bits: int
    abel_part: Any
    abel_slope: Any
    poles: Any
    log_term: Ball
    sum_part: Any
    abel_defect: Ball
    sum_defect: Ball

    def abel_remainder(self, theta: Ball) -> Ball:
        """A bound of |alpha - A| for angles up to `theta`."""
        order = self.terms + 2
        return self.abel_defect * (theta**order + tail(theta, order))

    def slope_remainder(self, theta: Ball) -> Ball:
        """A bound of |alpha' - A'| for angles up to `theta`, below R."""
        return self._slope_constant(theta) * theta**self.terms

    def _slope_constant(self, theta: Ball) -> Ball:
        """c, increasing in theta, with |alpha' - A'|(x) <= c x^N for x <= theta."""
        order, pi = self.terms + 2, flint().arb.pi()
        inner = order * (theta + 3 * pi / (order - 2))
        outer = (theta**2 + 3 * pi * theta / (order - 1)) / (_radius() - theta)
        return self.abel_defect * (inner + outer)

    def sum_remainder(self, theta: Ball) -> Ball:
        """A bound of |P - P_N| for angles up to `theta`, below R: |q - q_N| <= |alpha' - A'|/theta."""
        order = self.terms - 1
        by_defect = self.sum_defect * (theta**order + tail(theta, order))
        return by_defect + self._slope_constant(theta) * tail(theta, order)

    def abel(self, theta: Ball) -> Ball:
        """alpha(theta), for a ball of angles in (0, R)."""
        w = 3 * flint().arb.pi() / theta
        return w - w.log() * 3 / 2 + self.abel_part(theta) + _within(self.abel_remainder(theta.upper()))

    def abel_derivative(self, theta: Ball) -> Ball:
        """alpha'(theta) = 1/v(theta) < 0."""
        singular = 3 / (2 * theta) - 3 * flint().arb.pi() / theta**2
        return singular + self.abel_slope(theta) + _within(self.slope_remainder(theta.upper()))

    def rate(self, theta: Ball) -> Ball:
        """r(theta) = -sin(theta) v(theta)."""
        return -theta.sin() / self.abel_derivative(theta)

    def principal_sum(self, theta: Ball) -> Ball:
        """P(theta), up to one constant."""
        regular = self.log_term * theta.log() + self.sum_part(theta)
        return self.poles(theta) / theta**_POLES + regular + _within(self.sum_remainder(theta.upper()))


def _radius() -> Ball:
    return ball(RADIUS)


def tail(theta: Ball, order: int) -> Ball:
    """T_j of the module: a bound of the sum of theta_n^j over n >= 1."""
    return 3 * flint().arb.pi() * theta ** (order - 1) / (order - 1)


def _within(bound: Ball) -> Ball:
    """[-bound, bound]."""
    return flint().arb(0, bound.upper())


@functools.lru_cache(maxsize=32)
def germ_of(terms: int, bits: int) -> Germ:
    """The series with N = `terms`, their coefficients computed with so many bits and a few a term more."""
    package = flint()
    length = terms + 4
    with working(bits + _BITS_A_TERM * terms), truncated(length + 1):
        step = step_series(length + 1)  # f/theta
        powers = _powers(step, terms)
        abel = _abel_coefficients(step, powers)
        poles, log_term, sums = _sum_coefficients(step, abel, powers)
    with working(_BOUND_BITS):
        abel_defect, sum_defect = _defects(abel, poles, log_term, sums)
    part = package.arb_poly(abel)
    return Germ(
        terms, bits, part, part.derivative(), package.arb_poly(poles), log_term, package.arb_poly(sums),
        abel_defect, sum_defect,
    )  # fmt: skip


def step_series(length: int) -> Any:
    """f(theta)/theta as a power series of so many terms."""
    package = flint()
    with truncated(length + 2):
        theta = package.arb_series([0, 1])
        sine, cosine = theta.sin(), theta.cos()
        gap = (1 - cosine) * 2 - (sine - theta * cosine) * 2 / package.arb.pi()  # theta^2 G
        square = package.arb_series(coefficients(gap, length + 2)[2:])
        angle = (theta * square.sqrt() / 2).asin() * 2
        return package.arb_series(coefficients(angle, length + 1)[1:])


def coefficients(series: Any, length: int) -> list[Ball]:
    """So many coefficients, zeros where the series has fewer."""
    known = [series[k] for k in range(min(length, series.length()))]
    return known + [flint().arb(0)] * (length - len(known))


def shifted(series: Any, by: int) -> Any:
    """theta^by times a power series; where `by` is negative, the coefficients that fall off are zero."""
    package = flint()
    kept = coefficients(series, package.ctx.cap)
    return package.arb_series([package.arb(0)] * by + kept if by >= 0 else kept[-by:])


def _powers(step: Any, terms: int) -> list[list[Ball]]:
    """(f/theta)^k - 1 for k = 1, ..., N, each with the N + 2 - k coefficients that are needed of it."""
    powers, power = [], step
    for k in range(1, terms + 1):
        with truncated(terms + 2 - k):
            powers.append(coefficients(power - 1, terms + 2 - k))
            power = power * step
    return powers


def _solved(right: list[Ball], columns: Iterable[tuple[int, list[Ball]]]) -> list[Ball]:
    """c_k, one after the other, from sum_k c_k theta^{n_k} s_k = right, column k being (n_k, s_k).

    theta^{n_k} s_k begins with order n_k + 1, n_k rising by 1 each time.
    """
    solution = []
    for offset, series in columns:
        coefficient = right[offset + 1] / series[1]
        for order in range(1, min(len(series), len(right) - offset)):
            right[offset + order] -= coefficient * series[order]
        solution.append(coefficient)
    return solution


def _abel_coefficients(step: Any, powers: list[list[Ball]]) -> list[Ball]:
    """0, a_1, ..., a_N from sum a_k (f^k - theta^k) = 1 - 3 pi (1/f - 1/theta) - (3/2) log(f/theta).

    f^k - theta^k begins with order k + 1. Orders 0 and 1 of the right side vanish: f = theta - theta^2/(3 pi) -
    theta^3/(18 pi^2) + ..., since f^2 - f^4/12 = theta^2 - 2 theta^3/(3 pi) - theta^4/12 + O(theta^5).
    """
    right = 1 - 3 * flint().arb.pi() * shifted(1 / step - 1, -1) - step.log() * 3 / 2
    return [flint().arb(0), *_solved(coefficients(right, len(powers) + 2), enumerate(powers, 1))]


def _sum_coefficients(step: Any, abel: list[Ball], powers: list[list[Ball]]) -> tuple[list[Ball], Ball, list[Ball]]:
    """(p_-4, ..., p_-1), p_log and 0, p_1, ..., p_{N-3}, from P_N(f) - P_N = q(f), all times theta^3.

    q = -cot alpha' is known up to order N - 2, so that p_k is from order k + 1, k <= N - 3.
    """
    package, terms = flint(), len(powers)
    pi, length = package.arb.pi(), terms + 2
    theta, inverse = package.arb_series([0, 1]), 1 / step
    slope = package.arb_series([-3 * pi, package.arb(3) / 2, *(k * abel[k] for k in range(1, terms + 1))])
    cotangent = theta.cos() / shifted(theta.sin(), -1)
    right = -(slope * cotangent)(shifted(step, 1)) * inverse**3
    negative = [(k + 3, coefficients(inverse**-k - 1, length)) for k in range(-_POLES, 0)]
    positive = [(k + 3, powers[k - 1]) for k in range(1, terms - 2)]
    solution = _solved(coefficients(right, length), [*negative, (3, coefficients(step.log(), length)), *positive])
    return solution[:_POLES], solution[_POLES], [package.arb(0), *solution[_POLES + 1 :]]


def circle() -> Iterator[tuple[Any, Any]]:
    """(z, f(z)) on arcs that cover the upper half of |z| = R; the lower half is its mirror image."""
    package = flint()
    half_width = package.arb(0, (package.arb.pi() / (2 * _ARCS)).upper())
    for arc in range(_ARCS):
        turn = (2 * arc + 1) * package.arb.pi() / (2 * _ARCS) + half_width
        z = package.acb(0, turn).exp() * _radius()
        yield z, _step_on_circle(z)


def _defects(abel: list[Ball], poles: list[Ball], log_term: Ball, sums: list[Ball]) -> tuple[Ball, Ball]:
    """D and E of the module, by covering the circle."""
    package = flint()
    pi, terms = package.arb.pi(), len(abel) - 1
    part, regular = package.acb_poly(abel), package.acb_poly(sums)
    singular, slope = package.acb_poly(poles), package.acb_poly(abel).derivative()
    largest = [package.arb(0), package.arb(0)]
    for z, f in circle():
        ratio = (f / z).log()
        d = 3 * pi * (1 / f - 1 / z) + ratio * 3 / 2 + part(f) - part(z) - 1
        quotient = -f.cos() / f.sin() * (3 / (2 * f) - 3 * pi / f**2 + slope(f))
        e = singular(f) / f**_POLES - singular(z) / z**_POLES + log_term * ratio + regular(f) - regular(z) - quotient
        largest = [old.max(new.abs_upper()) for old, new in zip(largest, (d, e), strict=True)]
    return largest[0] / _radius() ** (terms + 2), largest[1] / _radius() ** (terms - 1)


def _step_on_circle(z: Any) -> Any:
    """f on an arc of |z| = R in the mean-value form, with what makes f analytic inside checked: see the module.

    f' = (1 - z/pi) sin z/sin f, and sin f = 2 u sqrt(1 - u^2) with u = sin(f/2) = (z/2) sqrt G.
    """
    _, sine = _half_sine(z)
    slope = (1 - z / flint().arb.pi()) * z.sin() / (2 * sine * (1 - sine * sine).sqrt())
    _, at_middle = _half_sine(z.mid())
    f = 2 * at_middle.asin() + slope * (z - z.mid())
    if not (f / z).real > 0:
        raise ArithmeticError("f/z could not be proven to have a logarithm on the disc")
    return f


def _half_sine(z: Any) -> tuple[Any, Any]:
    """G and u = (z/2) sqrt G, both proven to be within the circle |G - 1| < 1, |u| < 1."""
    square = (2 * (1 - z.cos()) - (z.sin() - z * z.cos()) * 2 / flint().arb.pi()) / z**2
    sine = z / 2 * square.sqrt()
    if not (abs(square - 1) < 1 and abs(sine) < 1):
        raise ArithmeticError("the map could not be proven analytic on the disc")
    return square, sine


__all__ = [
    "LEAST_TERMS", "RADIUS", "Germ", "circle", "coefficients", "germ_of", "shifted", "step_series", "tail",
]  # fmt: skip
