"""Are the ingredients of a subject what the paper defines? Each one against an independent route.

Kernels: E[relu(u) relu(v)] by adaptive quadrature over the angle, and the NTK as the sum over layers that the chain
rule makes, K_L = (1/L) sum_k rho_k prod_{j >= k} E[1(u_j > 0) 1(v_j > 0)] 2, instead of a recursion. Drivers: ratios of
determinants (Cramer's rule). Signatures: iterated sums over the points. Where one is not, no verdict rests on it.
"""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import scipy.integrate

from roughntk._checks import MissingBackendError
from roughntk.audit.claim import DIGITS, SIMULATION, Evidence
from roughntk.audit.ingredients import Numbers
from roughntk.audit.subject import Subject

CORRELATIONS = np.array([-0.9, -0.3, 0.0, 0.5, 0.95])
DEPTHS = 2, 3, 6
CLOSE = 1e-10
"""Relative agreement asked for: quadrature gives 1e-12 or better, every route here rounds to 1e-14."""
SIGMAS = 5.0


def expected_product(rho: float) -> float:
    """2 E[relu(u) relu(v)] at correlation rho, by quadrature: (2/pi) int cos(a) cos(a - theta) over both positive."""
    theta = math.acos(rho)
    value, _ = scipy.integrate.quad(
        lambda a: math.cos(a) * math.cos(a - theta), theta - math.pi / 2, math.pi / 2, epsabs=1e-14, epsrel=1e-13
    )
    return 2 * value / math.pi


def expected_slopes(rho: float) -> float:
    """2 E[1(u > 0) 1(v > 0)], by quadrature of the angular density."""
    theta = math.acos(rho)
    value, _ = scipy.integrate.quad(lambda a: 1.0, theta - math.pi / 2, math.pi / 2)
    return value / math.pi


@functools.cache
def by_layers(rho: float, depth: int) -> tuple[float, float]:
    """(rho_L, K_L) by quadrature and the sum over layers."""
    states = [rho]
    for _ in range(depth - 1):
        states.append(expected_product(min(states[-1], 1.0)))
    slopes = [expected_slopes(min(state, 1.0)) for state in states]
    total = sum(states[k] * math.prod(slopes[k:-1]) for k in range(depth))
    return states[-1], total / depth


def _apart(value: Any, wanted: Any) -> float:
    value, wanted = np.asarray(value, dtype=float), np.asarray(wanted, dtype=float)
    if value.shape != wanted.shape:
        return math.inf
    scale = np.maximum(np.abs(wanted), 1e-3)
    return float(np.max(np.abs(value - wanted) / scale)) if np.all(np.isfinite(value)) else math.inf


def _compared(what: str, off: float) -> Evidence:
    ok = off <= CLOSE
    return Evidence("ground", f"{what}: {'' if ok else 'off by '}{off:.1e}.", ok, DIGITS, {"difference": off})


def _map(subject: Subject) -> Evidence:
    wanted = [expected_product(rho) for rho in CORRELATIONS]
    return _compared("h against quadrature of E[relu relu]", _apart(subject.correlation_map(CORRELATIONS), wanted))


def _slope(subject: Subject) -> Evidence:
    wanted = [expected_slopes(rho) for rho in CORRELATIONS]
    return _compared("h' against quadrature of E[relu' relu']", _apart(subject.slope(CORRELATIONS), wanted))


def _covariance(subject: Subject) -> Evidence:
    off = max(
        _apart(subject.covariance(CORRELATIONS, depth), [by_layers(rho, depth)[0] for rho in CORRELATIONS])
        for depth in DEPTHS
    )
    return _compared("rho_L against layers of quadrature", off)


def _tangent(subject: Subject) -> Evidence:
    off = max(
        _apart(subject.tangent(CORRELATIONS, depth), [by_layers(rho, depth)[1] for rho in CORRELATIONS])
        for depth in DEPTHS
    )
    return _compared("K_L against quadrature and the sum over layers", off)


def _sigmoid(subject: Subject) -> Evidence:
    off = 0.0
    state = CORRELATIONS
    for depth in range(2, max(DEPTHS) + 1):
        state = (1 + np.exp(-state)) ** -2.0
        off = max(off, _apart(subject.sigmoid(CORRELATIONS, depth), state))
    return _compared("eta_L against its formula, layer by layer", off)


def biased_by_layers(rho: float, depth: int) -> float:
    """K_L of the network with biases, beta = 1, sigma_w^2 = 1, |x|^2 = n0, by quadrature and the sum over layers."""

    def sums(correlation: float) -> tuple[float, float]:
        same, other, chain = 2.0, correlation + 1.0, 1.0
        layers = [(same, other)]
        slopes: list[float] = []
        for _ in range(depth - 1):
            c = min(other / same, 1.0)
            slopes.append(expected_slopes(c) / 2)
            same, other = same / 2 + 1.0, same * expected_product(c) / 2 + 1.0
            layers.append((same, other))
        total = 0.0
        for k, (_, value) in enumerate(layers):
            chain = math.prod(slopes[k:])
            total += value * chain
        return total, same

    return sums(rho)[0] / sums(1.0)[0]


def _biased(subject: Subject) -> Evidence:
    off = max(
        _apart(subject.biased(CORRELATIONS, depth), [biased_by_layers(float(rho), depth) for rho in CORRELATIONS])
        for depth in DEPTHS
    )
    return _compared("K_L with biases against quadrature and the sum over layers", off)


def _clock(subject: Subject) -> Evidence:
    z = np.array([-0.7, -0.2, 0.0, 0.1, 0.6])
    off = max(_apart(subject.clock(z, d), 1 / (1 + np.exp(-2 * z / (d * (1 - z * z))))) for d in (0.3, 1.0))
    return _compared("psi_d against its formula", off)


def _systems() -> tuple[Numbers, Numbers]:
    """A positive definite matrix, and a symmetric derivative."""
    A = np.array([[1.0, 0.5, 0.3], [0.5, 1.0, 0.4], [0.3, 0.4, 1.0]])
    return A, np.array([[0.0, -0.1, 0.05], [-0.1, 0.0, 0.2], [0.05, 0.2, 0.0]])


def cramer(A: Numbers, right: Numbers) -> Numbers:
    """A^{-1} right by ratios of determinants: column i of A replaced by column j of the right-hand side."""
    result = np.empty((len(A), right.shape[1]))
    for i, j in itertools.product(range(len(A)), range(right.shape[1])):
        changed = A.copy()
        changed[:, i] = right[:, j]
        result[i, j] = np.linalg.det(changed) / np.linalg.det(A)
    return result


def _driver_rate(subject: Subject) -> Evidence:
    A, derivative = _systems()
    return _compared(
        "the driver's rate against ratios of determinants",
        _apart(subject.driver_rate(A, derivative), cramer(A, derivative)),
    )


def _transport(subject: Subject) -> Evidence:
    """With the exact rate: the integrator alone is looked at."""
    A, change = _systems()
    b, b_change = np.array([0.2, 0.5, 0.4]), np.array([0.1, -0.1, 0.0])
    wanted = cramer(A + change, (b + b_change)[:, None])[:, 0]
    given = subject.transport(A, A + change, b, b + b_change, cramer)
    return _compared("the integrated equation against Cramer's rule at its end", _apart(given, wanted))


def iterated_sums(path: Numbers, level: int) -> Numbers:
    """The signature of a piecewise-linear path by its definition: sums over ordered pieces, k equal ones with 1/k!."""
    steps = np.diff(path, axis=0)
    words = []
    for length in range(1, level + 1):
        for word in itertools.product(range(path.shape[1]), repeat=length):
            value = 0.0
            for pieces in itertools.combinations_with_replacement(range(len(steps)), length):
                shared = math.prod(math.factorial(len(list(group))) for _, group in itertools.groupby(pieces))
                value += math.prod(steps[piece, letter] for piece, letter in zip(pieces, word, strict=True)) / shared
            words.append(value)
    return np.array(words)


PATH = np.array([[0.0, 0.0], [0.7, 0.2], [0.4, 1.1], [1.3, 0.5]])


def _lifts(subject: Subject) -> Evidence:
    """At least one; each one is heard by itself in the claims that use them."""
    wanted = iterated_sums(PATH, 3)
    off = {}
    for name, lift in subject.lifts.items():
        try:
            off[name] = _apart(lift(PATH, 3), wanted)
        except (MissingBackendError, ValueError, RuntimeError):
            off[name] = math.inf
    text = ", ".join(f"{name} {value:.1e}" for name, value in off.items())
    worst = max(off.values(), default=math.inf)
    return Evidence("ground", f"signatures against iterated sums: {text}.", worst <= CLOSE, DIGITS, dict(off))


def _projective_norm(subject: Subject) -> Evidence:
    """[[3, 1], [0, -4]]: entries sum to 8; the nuclear norm is (s_1 + s_2) with s_1^2 + s_2^2 = 26, s_1 s_2 = 12."""
    given = [subject.projective_norm(np.array([3.0, 1.0, 0.0, -4.0]), 2, norm) for norm in ("l1", "l2")]
    return _compared("the projective norms of a matrix against closed forms", _apart(given, [8.0, math.sqrt(50.0)]))


def _variation_distance(subject: Subject) -> Evidence:
    """A right angle against a point, in l1: of length 2 at level 1, and of size 2 on the whole at level 2."""
    path, point = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), np.zeros((3, 2))
    given = [subject.variation_distance(path, point, 2.5, level) for level in (1, 2)]
    # X^2 is e_1 e_1/2 and e_2 e_2/2 on the steps, of size 1/2 each, and of size 2 on the whole
    return _compared("2.5-variation of a right angle against its closed form", _apart(given, [2.0, 2.0]))


SEQUENCES: dict[str, tuple[Callable[[Any, int], Any], dict[str, Any]]] = {
    "1/4 + 3/4 exp(L (c - 1))": (
        lambda c, depth: 0.25 + 0.75 * np.exp(depth * (np.asarray(c) - 1)),
        {"bounded": "holds", "positive definite": "holds", "determinant": "fails", "has_limit": True},
    ),
    "exp((c - 1)/L)": (
        lambda c, depth: np.exp((np.asarray(c) - 1) / depth),
        {"bounded": "holds", "positive definite": "holds", "determinant": "holds", "has_limit": True},
    ),
    "1 - (1 - exp(a_L (c - 1)))/L, a_L = 1, 4, 1, 4, ...": (
        lambda c, depth: 1 - (1 - np.exp((4 - 3 * (depth % 2)) * (np.asarray(c) - 1))) / depth,
        {"bounded": "holds", "positive definite": "holds", "determinant": "holds", "has_limit": False},
    ),
    "0.6 + cos(theta) - 0.05 cos(3 theta)": (
        lambda c, depth: 0.6 + np.asarray(c) - 0.05 * (4 * np.asarray(c) ** 3 - 3 * np.asarray(c)),
        {"bounded": "holds", "positive definite": "fails"},
    ),
}
"""Sequences whose conditions are known by hand: matrices tend to 3/4 I + 1/4 11^T; those of 1 - (1 - c)/L with weights
1/n + ...; coefficients alternate between those of two kernels exp(a (c - 1)); a negative Fourier coefficient."""


def _criteria(subject: Subject) -> Evidence:
    """Four sequences whose conditions are known by hand."""
    wrong = []
    for name, (kernel, wanted) in SEQUENCES.items():
        given = subject.criteria(kernel, 200)
        wrong += [
            f"{name}: {what} {given.get(what)!r} in place of {value!r}"
            for what, value in wanted.items()
            if given.get(what) != value
        ]
    text = "right on four sequences whose conditions are known by hand" if not wrong else "; ".join(wrong)
    return Evidence("ground", f"the criteria of Section 6: {text}.", not wrong, DIGITS, {"wrong": len(wrong)})


def _networks(subject: Subject) -> Evidence:
    """The mean covariance after one hidden layer is exactly rho_2 at every width."""
    rho = 0.5
    X = np.array([[1.0, 0.0], [rho, math.sqrt(1 - rho * rho)]])
    covariance, _ = subject.networks.kernels(X, 64, 2, 400, 11)
    values = covariance[:, 0, 1]
    error = values.std(ddof=1) / math.sqrt(len(values))
    off = (values.mean() - expected_product(rho)) / error
    return Evidence(
        "ground", f"the mean covariance of 400 random networks is {off:+.1f} standard errors from quadrature.",
        bool(abs(off) < SIGMAS), SIMULATION, {"standard_errors": float(off)},
    )  # fmt: skip


def _project(subject: Subject) -> Evidence:
    """Rows with whole lengths: the image is a quotient of whole numbers."""
    X = np.array([[3.0, -4.0, 0.0], [1.0, 2.0, 2.0], [-2.0, 3.0, 6.0], [4.0, 4.0, 7.0]])
    wanted = [[value / length for value in row] for row, length in zip(X, (5, 3, 7, 9), strict=True)]
    return _compared("x/|x| against quotients of whole numbers", _apart(subject.project(X), wanted))


def _lift(subject: Subject) -> Evidence:
    """Fractions are mapped to fractions."""
    X = [[Fraction(value) for value in row] for row in ((0, 0), (1, 0), (0.5, -0.75), (-5, 12))]
    wanted = []
    for row in X:
        square = sum((value * value for value in row), Fraction(0))
        wanted.append([float(value / (square + 1)) for value in (*(2 * each for each in row), square - 1)])
    return _compared(
        "the inverse stereographic projection against fractions", _apart(subject.lift(np.array(X, dtype=float)), wanted)
    )


def _predict(subject: Subject) -> Evidence:
    """Of two points, whose kernel matrix has the eigenvalues 1 + k and 1 - k on their sum and difference."""
    X, x, depth, time = np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([[0.0, 1.0]]), 3, 1.5
    k, first, second = (by_layers(rho, depth)[1] for rho in (0.6, 0.0, 0.8))
    y, start, at = np.array([1.0, -0.5]), np.array([0.25, 0.75]), np.array([-0.125])
    total, difference = (y - start) @ [1, 1], (y - start) @ [1, -1]
    off = 0.0
    for t in (time, math.inf):
        sums, differences = ((1 - math.exp(-t * value)) / value for value in (1 + k, 1 - k))
        wanted = at + (first + second) * sums * total / 2 + (first - second) * differences * difference / 2
        off = max(off, _apart(subject.predict(X, y, x, depth, t, (start, at)), wanted))
    return _compared("the prediction from two points against its closed form", off)


GROUNDS: dict[str, Callable[[Subject], Evidence]] = {
    "correlation_map": _map, "slope": _slope, "covariance": _covariance, "tangent": _tangent, "sigmoid": _sigmoid,
    "biased": _biased, "clock": _clock, "driver_rate": _driver_rate, "transport": _transport, "lifts": _lifts,
    "projective_norm": _projective_norm, "variation_distance": _variation_distance, "criteria": _criteria,
    "networks": _networks, "project": _project, "lift": _lift, "predict": _predict,
}  # fmt: skip
"""A check for every ingredient of a `Subject`."""


def _looked_at(name: str, check: Callable[[Subject], Evidence], subject: Subject) -> Evidence:
    """What a check says; a wrong ingredient may raise anything."""
    try:
        return check(subject)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        return Evidence("ground", f"{name}: it could not be computed: {error}", False, DIGITS)


class Grounds:
    """The grounds of one subject, each looked at once."""

    def __init__(self, subject: Subject):
        self._subject = subject
        self._known: dict[str, Evidence] = {}

    def of(self, ingredients: set[str]) -> Iterator[Evidence]:
        """Evidence about each of these, in the order of `GROUNDS`."""
        for name, check in GROUNDS.items():
            if name in ingredients:
                if name not in self._known:
                    self._known[name] = _looked_at(name, check, self._subject)
                yield self._known[name]


__all__ = ["GROUNDS", "Grounds", "biased_by_layers", "by_layers", "cramer", "expected_product", "iterated_sums"]
