"""The angle germ of a leaky ReLU, solved once per slope: what `roughntk.depth.leaky` needs of it.

With kappa = (1 - slope)^2/(1 + slope^2) one layer moves the angle by

    m_f^2 = m^2 - (2 kappa/pi) (sin theta - theta cos theta),      m = 2 sin(theta/2), the chord,

and is measured here by W = lambda/m, lambda = 3 pi/kappa, which grows by 1 + (3/2)/W + ... a layer. Unknown are

    n = dW/dl = W^3 r/lambda^2 (r = d cos theta_l/dl):         n(f) (m_f/m)^3 = n (1 - kappa theta/pi),  n(0) = 1
    alpha = W - (3/2) log W + A, the Abel function:            alpha(f) = alpha + 1
    sigma = W/4 + q n log W/W^3 + g, r times the Norlund sum:  sigma(f) = sigma (1 - kappa theta/pi) + cos f

with q = -17/8 - 3 lambda^2/20 + 4 lambda^4/175; sigma is fixed up to a multiple of r. Each of the three equations is
linear, and n, A and g are smooth on [0, M], M the largest angle that a layer leaves, with formal series at 0. They are
found as polynomials in x = 2 y/y_M - 1, y = T/(a - T), T = tan(theta/4), by collocation: well conditioned once rows
are scaled (condition numbers below 200), so a float64 factor refines to the digits of `decimal`. The pole a > 1
stretches the neighbourhood of pi, where small kappa puts singularities at pi +- i sqrt(2 kappa).

Source: J. Ecalle, "Theorie iterative", J. Math. Pures Appl. 54 (1975); N. E. Norlund, "Vorlesungen ueber
Differenzenrechnung" (1924).
"""

import functools
import math
from decimal import Decimal, localcontext
from typing import NamedTuple

import numpy as np
import scipy.linalg

_DIGITS = 45
_NODES = 64
_DEGREES = (24, 32, 40, 48, 56, _NODES - 1)
_TAIL = 2e-17
"""A polynomial is cut where what follows is smaller: of n and g absolutely, of A relative to lambda."""
_REFINEMENTS = 3


class Germ(NamedTuple):
    """One slope's constants, all float64.

    Attributes:
        kappa: (1 - slope)^2/(1 + slope^2), in (0, 2].
        scale: lambda = 3 pi/kappa.
        largest: M, the largest angle that a layer leaves.
        logarithm: q.
        pole: a.
        stretch: 2/y_M, so that x = stretch T/(a - T) - 1.
        shape, abel, rest: n, A and g as polynomials in x, constant term first, all of one degree.
        miss: the largest residual of the three equations between the nodes, in the units of `_TAIL`'s meaning.
    """

    kappa: np.ndarray
    scale: np.ndarray
    largest: np.ndarray
    logarithm: np.ndarray
    pole: np.ndarray
    stretch: np.ndarray
    shape: np.ndarray
    abel: np.ndarray
    rest: np.ndarray
    miss: np.ndarray


class _Layer(NamedTuple):
    """One layer from an angle: x here and after, W here and after, (m_f/m)^3, 1 - kappa theta/pi and cos f."""

    x: Decimal
    x_next: Decimal
    w: Decimal
    w_next: Decimal
    cubed: Decimal
    kept: Decimal
    cosine: Decimal


def leaky_kappa(slope: float) -> float:
    """kappa = (1 - slope)^2/(1 + slope^2)."""
    return (1 - slope) ** 2 / (1 + slope**2)


@functools.lru_cache(maxsize=256)
def germ(kappa: float) -> Germ:
    """The germ of one kappa in (0, 2]."""
    with localcontext() as context:
        context.prec = _DIGITS
        return _solved(kappa)


def _arctan(t: Decimal) -> Decimal:
    """arctan t, t >= 0, by three halvings and its series."""
    for _ in range(3):
        t = t / (1 + (1 + t * t).sqrt())
    total, power, square, k = Decimal(0), t, -t * t, 1
    while abs(power) > Decimal(10) ** -(_DIGITS + 2):
        total += power / k
        power, k = power * square, k + 2
    return 8 * total


def _chebyshev(x: Decimal) -> list[Decimal]:
    """T_0(x), ..., T_(_NODES)(x)."""
    values = [Decimal(1), x]
    while len(values) <= _NODES:
        values.append(2 * x * values[-1] - values[-2])
    return values


def _dot(a: list[Decimal], b: list[Decimal]) -> Decimal:
    return sum((p * q for p, q in zip(a, b, strict=True)), Decimal(0))


def _solve(rows: list[list[Decimal]], right: list[Decimal]) -> list[Decimal]:
    """The solution of a well-conditioned square system: float64 factors, refined."""
    scales = [1 / max(abs(entry) for entry in row) for row in rows]
    factor = scipy.linalg.lu_factor(
        np.array([[float(entry * scale) for entry in row] for row, scale in zip(rows, scales, strict=True)])
    )
    solution = [Decimal(0)] * len(rows)
    for _ in range(_REFINEMENTS):
        left = [(b - _dot(row, solution)) * s for row, b, s in zip(rows, right, scales, strict=True)]
        size = max(map(abs, left)) or Decimal(1)
        change = scipy.linalg.lu_solve(factor, np.array([float(entry / size) for entry in left]))
        solution = [old + Decimal(float(new)) * size for old, new in zip(solution, change, strict=True)]
    return solution


def _monomials(chebyshev: list[Decimal]) -> np.ndarray:
    """Coefficients of powers of x from those of Chebyshev polynomials."""
    before, now = [Decimal(1)], [Decimal(0), Decimal(1)]
    out = [Decimal(0)] * len(chebyshev)
    for coefficient in chebyshev:
        for k, c in enumerate(before):
            out[k] += coefficient * c
        longer = [Decimal(0)] + [2 * c for c in now]
        for k, c in enumerate(before):
            longer[k] -= c
        before, now = now, longer
    return np.array([float(c) for c in out])


def _largest(kappa: float) -> float:
    """M: at pi for kappa <= 1; beyond that f is largest where its slope 1 - kappa theta/pi vanishes."""
    return math.acos(kappa - 1 if kappa <= 1 else kappa * math.sin(math.pi / kappa) / math.pi)


def _solved(kappa_float: float) -> Germ:
    kappa, pi = Decimal(kappa_float), 4 * _arctan(Decimal(1))
    scale, largest = 3 * pi / kappa, _largest(kappa_float)
    pole = Decimal(1 + 2 * min(1.0, kappa_float) ** (1 / 6))
    top = Decimal(math.tan(largest / 4))
    stretch = Decimal(float(2 * (pole - top) / top))
    logarithm = Decimal(-17) / 8 - 3 * scale**2 / 20 + 4 * scale**4 / 175

    def layer(x: Decimal) -> _Layer:
        y = (x + 1) / stretch
        t = pole * y / (1 + y)
        theta, square = 4 * _arctan(t), t * t
        chord, half_cosine = 4 * t / (1 + square), (1 - square) / (1 + square)
        bracket = chord * half_cosine - theta * (1 - chord * chord / 2)
        squared = chord * chord - 2 * kappa / pi * bracket
        following = squared.sqrt()
        t_next = following / (2 + (4 - squared).sqrt())
        x_next = stretch * t_next / (pole - t_next) - 1
        kept = 1 - kappa * theta / pi
        w, w_next = scale / chord, scale / following
        return _Layer(x, x_next, w, w_next, (following / chord) ** 3, kept, 1 - squared / 2)

    def grown(at: _Layer) -> Decimal:
        """What A gains in a layer."""
        return 1 - (at.w_next - at.w) + (at.w_next / at.w).ln() * 3 / 2

    def source(at: _Layer, shape_next: Decimal) -> Decimal:
        """g(f) - (1 - kappa theta/pi) g."""
        logs = logarithm * shape_next / at.w_next**3 * (at.w_next / at.w).ln()
        return at.cosine - (at.w_next - at.kept * at.w) / 4 - logs

    nodes = [layer(Decimal(math.cos((j + 0.5) * math.pi / _NODES))) for j in range(_NODES)]
    here, after = [_chebyshev(at.x) for at in nodes], [_chebyshev(at.x_next) for at in nodes]
    pairs = list(zip(nodes, here, after, strict=True))
    ends = [Decimal((-1) ** k) for k in range(_NODES + 1)], [Decimal(1)] * (_NODES + 1)
    shape = _solve(
        [[at.cubed * b - at.kept * a for a, b in zip(old, new, strict=True)] for at, old, new in pairs] + [ends[0]],
        [Decimal(0)] * _NODES + [Decimal(1)],
    )
    rest = _solve(
        [[b - at.kept * a for a, b in zip(old, new, strict=True)] for at, old, new in pairs] + [ends[1]],
        [source(at, _dot(shape, new)) for at, new in zip(nodes, after, strict=True)] + [Decimal(0)],
    )
    abel = [Decimal(0)] + _solve(
        [[b - a for a, b in zip(old[1:], new[1:], strict=True)] for _, old, new in pairs], [grown(at) for at in nodes]
    )
    abel[0] = -_dot(ends[0], abel)  # A(0) = 0
    parts = [(shape, Decimal(1)), (abel, scale), (rest, Decimal(1))]

    def fits(degree: int) -> bool:
        return all(sum(map(abs, part[degree + 1 :]), Decimal(0)) <= Decimal(_TAIL) * unit for part, unit in parts)

    degree = next((d for d in _DEGREES if fits(d)), _DEGREES[-1])
    shape, abel, rest = (part[: degree + 1] for part, _ in parts)
    miss = Decimal(0)
    for j in range(1, _NODES, 3):  # between the nodes
        at = layer(Decimal(math.cos(j * math.pi / _NODES)))
        old, new = _chebyshev(at.x)[: degree + 1], _chebyshev(at.x_next)[: degree + 1]
        shape_next = _dot(shape, new)
        misses = (
            at.cubed * shape_next - at.kept * _dot(shape, old),
            (_dot(abel, new) - _dot(abel, old) - grown(at)) / scale,
            _dot(rest, new) - at.kept * _dot(rest, old) - source(at, shape_next),
        )
        miss = max(miss, *map(abs, misses))
    numbers = kappa_float, scale, largest, logarithm, pole, stretch
    return Germ(
        *(np.asarray(float(number)) for number in numbers),
        *map(_monomials, (shape, abel, rest)),
        np.asarray(float(miss)),
    )
