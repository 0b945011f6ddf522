"""The sigmoid composition of the paper, eta_(L+1) = h(eta_L), h(eta) = (1 + exp(-eta))^(-2), with proven digits.

With s = 1/(1 + exp(-eta)) the map is h = s^2, and h' = 2 s^2 (1 - s), h'' = s^2 (1 - s)(4 - 6 s). By the inequality of
the means s^2 (1 - s) <= 4/27 for s in [0, 1]. So 0 < h' <= 8/27 and |h''| <= 16/27 on the whole line: h is a
contraction, which has one fixed point c there, and every eta_L comes nearer to c by 8/27 at least in every layer.
"""

import dataclasses
import fractions
import math
from typing import Any

from roughntk import _checks
from roughntk.certify.balls import Ball, Enclosure, ball, exactly, flint, lower, proven, upper, working
from roughntk.certify.evidence.circles import circulant_eigenvalues, smallest, whole_depth
from roughntk.certify.evidence.power_series import logistic, product
from roughntk.certify.evidence.proofs import Proof, enclosed
from roughntk.certify.values import check_correlation

CONTRACTION = fractions.Fraction(8, 27)
"""The largest value of h' on the line."""
CURVATURE = fractions.Fraction(16, 27)
"""A bound of |h''| on the line."""
_MOST_SHOWN = 10**300  # depths up to it are in names; Python refuses to print whole numbers of thousands of digits
_LOG_MULTIPLIER = 1.2589  # -log(lambda), for counting layers only: nothing that is proven rests on it
_SPARE = 32  # bits


@dataclasses.dataclass(frozen=True)
class FixedPoint:
    """The fixed point of the sigmoid composition.

    Attributes:
        value: c = h(c).
        multiplier: lambda = h'(c) = 2 c (1 - sqrt(c)).
        unique: whether interval Newton proves that [0, 1] holds one fixed point and no other. As h takes values in
            (0, 1), there is then no other on the line.
    """

    value: Enclosure
    multiplier: Enclosure
    unique: bool


def sigmoid_map(eta: Ball) -> Ball:
    """h(eta) = (1 + exp(-eta))^(-2) of a ball."""
    return _sigmoid(eta) ** 2


def _sigmoid(eta: Ball) -> Ball:
    return 1 / (1 + (-eta).exp())


def _slope(eta: Ball) -> Ball:
    """h'(eta) = 2 s^2 (1 - s)."""
    s = _sigmoid(eta)
    return 2 * s**2 * (1 - s)


def sigmoid_fixed_point(*, digits: int = 15) -> FixedPoint:
    """The fixed point c of h and the multiplier h'(c), with proven digits.

    Args:
        digits: significant decimals, 1 to 1000.

    Raises:
        InputError: digits out of range.
        MissingBackendError: python-flint is not installed.

    Source: Johansson2017.

    >>> sigmoid_fixed_point(digits=20).value.text
    '0.34178539979984478314'
    """
    unique = _is_unique()
    return FixedPoint(
        proven("the fixed point of the sigmoid composition", lambda bits: _fixed_point(), digits),
        proven("the multiplier of the sigmoid composition", lambda bits: _multiplier(_fixed_point()), digits),
        unique,
    )


def _is_unique() -> bool:
    """Whether one step of interval Newton from [0, 1] stays inside of it."""
    with working(64):
        start = ball(fractions.Fraction(0)).union(ball(fractions.Fraction(1)))
        image = _newton(start)
        return bool(image.is_finite() and lower(image) > 0 and upper(image) < 1)


def _newton(interval: Ball) -> Ball:
    """N(I) = m - F(m)/F'(I) for F(eta) = eta - h(eta): it holds every fixed point that I holds."""
    middle = interval.mid()
    return middle - (middle - sigmoid_map(middle)) / (1 - _slope(interval))


def _fixed_point() -> Ball:
    """c, to the working precision: h maps [0, 1] into itself, so that the start holds c."""
    interval = ball(fractions.Fraction(0)).union(ball(fractions.Fraction(1)))
    while True:
        finer = _newton(interval).intersection(interval)
        if upper(finer.rad()) * 2 > upper(interval.rad()):
            return finer
        interval = finer


def _multiplier(fixed_point: Ball) -> Ball:
    """h'(c) = 2 c (1 - sqrt(c)), as the sigmoid of c is the root of c."""
    return 2 * fixed_point * (1 - fixed_point.sqrt())


def sigmoid_iterate(rho: Any, depth: Any, *, digits: int = 15) -> Enclosure:
    """eta_L of the sigmoid composition, eta_1 = rho, with proven digits, at a whole depth of any size.

    Past the depth at which (8/27)^(L-1) |rho - c| is below the working precision it is c with that radius.

    Args:
        rho: correlation of the inputs, from -1 to 1; text and fractions are taken exactly.
        depth: L, whole, at least 1.
        digits: significant decimals, 1 to 1000.

    Raises:
        InputError: rho or depth out of range, or a depth that is not whole.
        MissingBackendError: python-flint is not installed.

    >>> sigmoid_iterate("0.5", 3).text
    '0.354822798473802'
    """
    start, layers = check_correlation(rho), whole_depth(depth) - 1

    def compute(bits: int) -> Ball:
        return _iterate(ball(start), layers, bits)

    return proven("eta_L" if layers > _MOST_SHOWN else f"eta_{layers + 1}", compute, digits)


def _iterate(eta: Ball, layers: int, bits: int) -> Ball:
    enough = math.ceil((bits + _SPARE) / math.log2(1 / CONTRACTION))
    if layers > enough:
        return _fixed_point() + _symmetric(ball(2 * CONTRACTION**enough))  # |rho - c| <= 2
    for _ in range(layers):
        eta = sigmoid_map(eta)
    return eta


def _symmetric(bound: Ball) -> Ball:
    """The interval from -bound to bound."""
    return bound.union(-bound)


def sigmoid_koenigs(rho: Any, *, digits: int = 15) -> Enclosure:
    """The Koenigs function g(rho) = lim (eta_L(rho) - c)/lambda^(L-1) of the sigmoid composition, with proven digits.

    With e_L = eta_L - c Taylor's formula gives e_(L+1) = lambda e_L (1 + d_L), |d_L| <= (16/27) |e_L|/(2 lambda), and
    |e_(L+1)| <= (8/27) |e_L|. So g = e_N/lambda^(N-1) times a factor whose logarithm is at most
    (16/27) |e_N|/(lambda (1 - 8/27)), whatever the depth N at which one stops with |d_N| <= 1/2.

    Args:
        rho: correlation of the inputs, from -1 to 1; text and fractions are taken exactly.
        digits: significant decimals, 1 to 1000.

    Raises:
        InputError: rho out of range.
        MissingBackendError: python-flint is not installed.

    Source: Koenigs1884.

    >>> sigmoid_koenigs("0.5").text
    '0.162071063414569'
    """
    start = check_correlation(rho)
    return proven(f"g({rho})", lambda bits: _koenigs(ball(start), bits), digits)


def _koenigs(eta: Ball, bits: int) -> Ball:
    """g, from as many layers as there are bits to be had, in twice the precision, half of which cancels."""
    layers = math.ceil(bits * math.log(2) / _LOG_MULTIPLIER)
    with working(2 * bits + _SPARE):
        fixed_point = _fixed_point()
        multiplier = _multiplier(fixed_point)
        for _ in range(layers):
            eta = sigmoid_map(eta)
        defect = eta - fixed_point
        return defect / multiplier**layers * _remaining_factor(defect, multiplier)


def _remaining_factor(defect: Ball, multiplier: Ball) -> Ball:
    """An enclosure of the product of 1 + d_L over all further layers; not finite where |d| may exceed 1/2."""
    ratio = ball(CURVATURE) * abs(defect) / multiplier
    if not ratio <= 1:  # |d| <= ratio/2
        return flint().arb.nan()
    return _symmetric(ratio / ball(1 - CONTRACTION)).exp()


def sigmoid_coefficients(count: int) -> tuple[fractions.Fraction, ...]:
    """The first Maclaurin coefficients of h(z) = (1 + exp(-z))^(-2), exactly, by power series in rational numbers.

    Args:
        count: how many, 1 to 200.

    Raises:
        InputError: count out of range.

    >>> [str(each) for each in sigmoid_coefficients(4)]
    ['1/4', '1/4', '1/16', '-1/48']
    """
    count = _checks.integer(count, "count", least=1, most=200)
    logistic_series = logistic([fractions.Fraction(k == 1) for k in range(count)])
    return product(logistic_series, logistic_series)


def sigmoid_circle(points: Any, depth: Any, *, digits: int = 10) -> Enclosure:
    """The smallest eigenvalue of the matrix of eta_L at n equispaced points of a circle, with proven digits.

    Args:
        points: n, 1 to 1000.
        depth: L, whole, from 1 to 1000; eta_1 is the correlation.
        digits: significant decimals, or decimals behind the point where it is 0.

    Raises:
        InputError: points or depth out of range.
        MissingBackendError: python-flint is not installed.

    >>> sigmoid_circle(6, 2, digits=5).text, sigmoid_circle(5, 2, digits=5).text
    ('-0.027720', '0.055086')
    """
    points = _checks.integer(points, "points", least=1, most=1000)
    layers = _checks.integer(whole_depth(depth), "depth", least=1, most=1000) - 1

    def compute(bits: int) -> Ball:
        return smallest(circulant_eigenvalues(lambda theta: _iterate(theta.cos(), layers, bits), points))

    return proven(f"smallest eigenvalue of {points} points, L = {layers + 1}", compute, digits, absolute=True)


def series_refutes_proposition_7(count: int = 4) -> Proof:
    """Proposition 7 says that the sigmoid composition is positive definite: a Maclaurin coefficient is negative.

    A function of the correlation is positive definite on the spheres of every dimension if and only if its Maclaurin
    coefficients are not negative (Schoenberg). That of z^3 in h is -1/48.

    Source: Schoenberg1942.

    >>> str(series_refutes_proposition_7().evidence[3].lower)
    '-1/48'
    """
    series = sigmoid_coefficients(count)
    return Proof(
        "eta_2 = (1 + exp(-rho))^(-2) is not positive definite on spheres of every dimension",
        "exact power series: a negative Maclaurin coefficient, against Schoenberg's criterion",
        tuple(exactly(f"coefficient of z^{k}", value, 15) for k, value in enumerate(series)),
        min(series) < 0,
    )


def circle_refutes_proposition_7(points: int = 6, depths: tuple[int, ...] = (2, 4)) -> Proof:
    """Proposition 7 says that the sigmoid composition is positive definite: a matrix of it has a negative eigenvalue.

    >>> [each.text for each in circle_refutes_proposition_7().evidence]
    ['-0.02772016755', '-0.001822110627']
    """
    evidence = tuple(sigmoid_circle(points, depth) for depth in depths)
    shown = ", ".join(map(str, depths))
    return Proof(
        f"the matrix of eta_L at {points} equispaced points of a circle has a negative eigenvalue at L = {shown}",
        "enclosure of the smallest eigenvalue of a circulant matrix",
        evidence,
        bool(evidence) and all(each.upper < 0 for each in evidence),
    )


def proposition_7_fails_at_every_depth(points: int = 6, harmonic: int = 3, deepest: int = 12) -> Proof:
    """The matrix of eta_L at 6 equispaced points of a circle has a negative eigenvalue at every depth L >= 2.

    Up to the depth `deepest` the eigenvalue is enclosed. From there on eta_L - c is lambda^(L-1) g(rho) times a factor
    whose logarithm is at most (16/27) |eta_L - c|/(lambda (1 - 8/27)), a bound that falls with depth; c drops out of an
    eigenvalue other than that of (1, ..., 1). So eigenvalue/lambda^(L-1) is within an enclosure that holds for all
    L >= `deepest`.

    >>> proposition_7_fails_at_every_depth().proven
    True
    """
    bits = 128
    with working(bits):

        def early_value(depth: int) -> Enclosure:
            values = circulant_eigenvalues(lambda theta: _iterate(theta.cos(), depth - 1, bits), points)
            return enclosed(f"eigenvalue at L = {depth}", values[harmonic], bits, 10)

        early = map(early_value, range(2, deepest + 1))
        scaled = circulant_eigenvalues(lambda theta: _scaled_defect(theta.cos(), deepest - 1, bits), points)[harmonic]
        late = enclosed(f"eigenvalue/lambda^(L-1) for all L >= {deepest}", scaled, bits, 10)
        evidence = (*early, late)
    return Proof(
        f"the matrix of eta_L at {points} equispaced points of a circle is indefinite at every depth L >= 2",
        "enclosures of an eigenvalue at the first depths, and of eigenvalue/lambda^(L-1) at all further ones",
        evidence,
        0 < harmonic <= points // 2 and all(each.upper < 0 for each in evidence),
    )


def _scaled_defect(rho: Ball, layers: int, bits: int) -> Ball:
    """(eta_L - c)/lambda^(L-1) at all depths L > `layers` at once."""
    value = _koenigs(rho, bits)
    multiplier = _multiplier(_fixed_point())
    defect = _iterate(rho, layers, bits) - _fixed_point()
    return value * _remaining_factor(defect, multiplier)


__all__ = [
    "CONTRACTION", "CURVATURE", "FixedPoint", "circle_refutes_proposition_7", "proposition_7_fails_at_every_depth",
    "series_refutes_proposition_7", "sigmoid_circle", "sigmoid_coefficients", "sigmoid_fixed_point", "sigmoid_iterate",
    "sigmoid_koenigs", "sigmoid_map",
]  # fmt: skip
