"""The angle germ of a leaky ReLU, solved once per slope: what `roughntk.maps.leaky_flow` needs of it.

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

Source: Ecalle1975; Norlund1924.
"""

import functools
import math
from decimal import Decimal, localcontext
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

_DIGITS = 45
_NODES = 64
_DEGREES = (24, 40, 56)  # few, as each is compiled by itself
_TAIL = 2e-17
"""A polynomial is cut where what follows is smaller: of n and g absolutely, of A relative to lambda."""
_REFINEMENTS = 2


class Germ(NamedTuple):
    """One slope's constants, float64 arrays of numpy or of jax.

    Attributes:
        kappa: (1 - slope)^2/(1 + slope^2), in (0, 2].
        scale: lambda = 3 pi/kappa.
        largest: M, the largest angle that a layer leaves.
        logarithm: q.
        pole: a.
        stretch: 2/y_M, so that x = stretch T/(a - T) - 1.
        shape, abel, rest: n, A and g as polynomials in x, constant term first, all of one degree.
        miss: the largest residual of the three equations between the nodes, in the units of `_TAIL`'s meaning.
        lack: 2 - kappa, without cancellation.
    """

    kappa: Any
    scale: Any
    largest: Any
    logarithm: Any
    pole: Any
    stretch: Any
    shape: Any
    abel: Any
    rest: Any
    miss: Any
    lack: Any


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


def germ(slope: float) -> Germ:
    """The germ of one slope in [-1, 1)."""
    return _germ(leaky_kappa(slope))._replace(lack=np.asarray((1 + slope) ** 2 / (1 + slope**2)))


@functools.lru_cache(maxsize=256)
def _germ(kappa: float) -> Germ:
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


class _Map(NamedTuple):
    """The layer map in multiple precision, and the variable x."""

    kappa: Decimal
    pi: Decimal
    scale: Decimal
    logarithm: Decimal
    pole: Decimal
    stretch: Decimal

    def layer(self, x: Decimal) -> _Layer:
        """One layer from x."""
        y = (x + 1) / self.stretch
        t = self.pole * y / (1 + y)
        theta, square = 4 * _arctan(t), t * t
        chord, half_cosine = 4 * t / (1 + square), (1 - square) / (1 + square)
        bracket = chord * half_cosine - theta * (1 - chord * chord / 2)
        squared = chord * chord - 2 * self.kappa / self.pi * bracket
        following = squared.sqrt()
        t_next = following / (2 + (4 - squared).sqrt())
        x_next = self.stretch * t_next / (self.pole - t_next) - 1
        kept = 1 - self.kappa * theta / self.pi
        w, w_next = self.scale / chord, self.scale / following
        return _Layer(x, x_next, w, w_next, (following / chord) ** 3, kept, 1 - squared / 2)

    def source(self, at: _Layer, shape_next: Decimal) -> Decimal:
        """g(f) - (1 - kappa theta/pi) g."""
        logs = self.logarithm * shape_next / at.w_next**3 * (at.w_next / at.w).ln()
        return at.cosine - (at.w_next - at.kept * at.w) / 4 - logs


def _grown(at: _Layer) -> Decimal:
    """What A gains in a layer."""
    return 1 - (at.w_next - at.w) + (at.w_next / at.w).ln() * 3 / 2


def _map(kappa: float) -> _Map:
    exact, pi = Decimal(kappa), 4 * _arctan(Decimal(1))
    scale = 3 * pi / exact
    logarithm = Decimal(-17) / 8 - 3 * scale**2 / 20 + 4 * scale**4 / 175
    pole = Decimal(1 + 2 * min(1.0, kappa) ** (1 / 6))
    top = Decimal(math.tan(_largest(kappa) / 4))
    return _Map(exact, pi, scale, logarithm, pole, Decimal(float(2 * (pole - top) / top)))


def _solved(kappa: float) -> Germ:
    """n, A and g in Chebyshev polynomials, cut, checked between the nodes, and turned into powers of x."""
    layers = _map(kappa)
    nodes = [layers.layer(Decimal(math.cos((j + 0.5) * math.pi / _NODES))) for j in range(_NODES)]
    here, after = [_chebyshev(at.x) for at in nodes], [_chebyshev(at.x_next) for at in nodes]
    triples = list(zip(nodes, here, after, strict=True))
    left_end, right_end = [Decimal((-1) ** k) for k in range(_NODES + 1)], [Decimal(1)] * (_NODES + 1)
    shape = _solve(
        [[at.cubed * b - at.kept * a for a, b in zip(old, new, strict=True)] for at, old, new in triples] + [left_end],
        [Decimal(0)] * _NODES + [Decimal(1)],
    )
    rest = _solve(
        [[b - at.kept * a for a, b in zip(old, new, strict=True)] for at, old, new in triples] + [right_end],
        [layers.source(at, _dot(shape, new)) for at, new in zip(nodes, after, strict=True)] + [Decimal(0)],
    )
    abel = [Decimal(0)] + _solve(
        [[b - a for a, b in zip(old[1:], new[1:], strict=True)] for _, old, new in triples], list(map(_grown, nodes))
    )
    abel[0] = -_dot(left_end, abel)  # A(0) = 0
    units = (shape, Decimal(1)), (abel, layers.scale), (rest, Decimal(1))

    def fits(degree: int) -> bool:
        return all(sum(map(abs, part[degree + 1 :]), Decimal(0)) <= Decimal(_TAIL) * unit for part, unit in units)

    degree = next((d for d in _DEGREES if fits(d)), _DEGREES[-1])
    parts = [part[: degree + 1] for part, _ in units]
    numbers = layers.kappa, layers.scale, _largest(kappa), layers.logarithm, layers.pole, layers.stretch
    fields = [float(number) for number in numbers] + [_monomials(part) for part in parts]
    return Germ(*map(np.asarray, (*fields, float(_miss(layers, *parts)), 2 - kappa)))


def _miss(layers: _Map, shape: list[Decimal], abel: list[Decimal], rest: list[Decimal]) -> Decimal:
    """The largest residual at some points between the nodes."""
    largest = Decimal(0)
    for j in range(1, _NODES, 3):
        at = layers.layer(Decimal(math.cos(j * math.pi / _NODES)))
        old, new = (_chebyshev(x)[: len(shape)] for x in (at.x, at.x_next))
        shape_next = _dot(shape, new)
        misses = (
            at.cubed * shape_next - at.kept * _dot(shape, old),
            (_dot(abel, new) - _dot(abel, old) - _grown(at)) / layers.scale,
            _dot(rest, new) - at.kept * _dot(rest, old) - layers.source(at, shape_next),
        )
        largest = max(largest, *map(abs, misses))
    return largest
