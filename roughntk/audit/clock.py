"""Definition 6 and Proposition 5: the clock psi_d, its derivatives, and the path of matrices that it runs.

    psi_d(z) = 1/(1 + exp(-2z/(d (1 - z^2)))),    2z/(1 - z^2) = 1/(1 - z) - 1/(1 + z)

Derivatives come from power series around a point: with f = psi_d and g its logit, f' = f (1 - f) g'.
"""

import itertools
import math
from typing import Any

import numpy as np

from roughntk.audit import exact, points
from roughntk.audit.claim import DIGITS, IDENTITY, MEASURED, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.subject import Numbers, Subject
from roughntk.certify import refutations

WIDTHS = 1.0, 0.1, 0.01
ORDERS = 8


def taylor(z: float, d: float, order: int) -> Numbers:
    """Coefficients of psi_d around z in (-1, 0], powers 0 to `order`; psi_d(z) = 1 - psi_d(-z) gives the others.

    >>> taylor(0.0, 0.5, 2).tolist()  # 1/2 + z/(2d) + 0 z^2
    [0.5, 1.0, 0.0]
    """
    k = np.arange(order + 1)
    logit = ((1 - z) ** -(k + 1.0) - (-1.0) ** k * (1 + z) ** -(k + 1.0)) / d
    grown = math.exp(logit[0])
    f = np.zeros(order + 1)
    f[0] = grown / (1 + grown)
    both = np.zeros(order + 1)  # f (1 - f)
    for n in range(order):
        both[n] = f[n] - np.dot(f[: n + 1], f[n::-1])
        f[n + 1] = np.dot(both[n::-1], k[1 : n + 2] * logit[1 : n + 2]) / (n + 1)
    return f


def derivatives(z: float, d: float, order: int = ORDERS) -> Numbers:
    """|psi_d^(k)(z)|, k = 1 .. order: even in z."""
    return np.abs(taylor(-abs(z), d, order)[1:]) * [float(math.factorial(k)) for k in range(1, order + 1)]


def _psi(subject: Subject, z: Any, d: float) -> Numbers:
    """The subject's clock at some z."""
    return points.elementwise(subject.clock, np.asarray(z, dtype=float), d)


def _by_series(subject: Subject) -> float:
    """How far psi_d is from its power series around five points, a little off them."""
    off = 0.0
    for d, z in itertools.product((1.0, 0.3), (-0.9, -0.6, -0.3, -0.1, 0.0)):
        step = 0.02 * d * (1 + z)
        value = float(_psi(subject, z - step, d))
        off = max(off, abs(float(np.polyval(taylor(z, d, 12)[::-1], -step)) / value - 1))
        off = max(off, abs(1 - float(_psi(subject, step - z, d)) - value))
    return off


def _definition_6(subject: Subject) -> Looked:
    """A(t) = K_L + psi_D(2t - 1) (K_{L+1} - K_L)."""
    t = np.linspace(0, 1, 51)[1:-1]
    off, slack = 0.0, 0.0
    least, definite = math.inf, True
    lengths: list[float] = []
    for X, depth in ((points.generic(5, 4), 2), (points.circle(6), 3), (points.generic(6, 3, 6), 10)):
        K, following = (points.matrix(subject.tangent, X, level) for level in (depth, depth + 1))
        D = float(np.linalg.det(K) * np.linalg.det(following))
        ends = [float(_psi(subject, z, D)) for z in (-1 + 1e-12, 1 - 1e-12)]
        path = [K + position * (following - K) for position in ends]
        off = max(off, *(float(np.max(np.abs(end - given))) for end, given in zip(path, (K, following), strict=True)))
        first, last = np.linalg.eigvalsh(K)[0], np.linalg.eigvalsh(following)[0]
        for position in _psi(subject, 2 * t - 1, D):
            smallest = np.linalg.eigvalsh(K + position * (following - K))[0]
            least = min(least, float(smallest))
            slack = min(slack, float(smallest - (1 - position) * first - position * last))
        middle = float(_psi(subject, 0.0, D))
        definite &= all(map(exact.is_positive_definite, (K, following, K + middle * (following - K))))
        lengths.append(D)
    return [
        Evidence(
            "statement", f"A(0) and A(1) are K_L and K_(L+1) to {off:.1e} (three data sets, D from {min(lengths):.1e} "
            f"to {max(lengths):.1e}).",
            off < 1e-14, DIGITS, {"difference": off, "D": lengths},
        ),
        Evidence(
            "statement",
            f"At 49 times the smallest eigenvalue of A(t) is {least:.3g} or more, and not below the mean of those of "
            f"the ends (by {-slack:.1e} at most): a mean of two positive definite matrices. The ends and A(1/2) have "
            "positive pivots in exact arithmetic.",
            least > 0 and slack > -1e-14 and definite, DIGITS, {"smallest": least, "slack": slack},
        ),
    ], None  # fmt: skip


def _proposition_5(subject: Subject) -> Looked:
    """Range, end values, smoothness."""
    z = np.linspace(-1, 1, 2001)[1:-1]
    values = np.array([_psi(subject, z, d) for d in WIDTHS])
    low, high = float(values.min()), float(values.max())
    rising = float(np.min(np.diff(values, axis=1)))
    near = np.array([0.01, 0.001, 1e-6])
    ends = max(
        float(np.max(_psi(subject, near - 1, 1.0))),
        float(np.max(1 - _psi(subject, 1 - near, 1.0))),
    )
    flat = [float(_psi(subject, gap - 1, 1.0)) / gap**ORDERS for gap in (0.02, 0.01, 0.005)]
    series = _by_series(subject)
    gaps = 0.02, 0.01, 0.005
    slopes = np.array([derivatives(gap - 1, 1.0) for gap in gaps])
    falls = bool(np.all(slopes[1:] < 1e-3 * slopes[:-1]))
    return [
        Evidence(
            "statement",
            f"At 1999 points and d = 1, 0.1, 0.01 psi_d lies between {low:.1e} and {high:.15g} and does not fall.",
            low >= 0 and high <= 1 and rising >= 0, DIGITS, {"smallest": low, "largest": high},
        ),
        Evidence(
            "statement", f"Within 0.01 of -1 and of 1 psi_1 is 0 and 1 to {ends:.1e}.", ends < 1e-15, DIGITS,
            {"difference": ends},
        ),
        Evidence(
            "statement",
            f"It is {series:.1e} from its power series of order 12, which has only smooth functions in it, around ten "
            "points.",
            series < 1e-12, IDENTITY, {"difference": series},
        ),
        Evidence(
            "statement",
            f"At 1 - |z| = 0.02, 0.01, 0.005 the largest of its derivatives of orders 1 to {ORDERS} are "
            f"{', '.join(f'{row.max():.1e}' for row in slopes)}, and psi_1/(1 + z)^{ORDERS} is "
            f"{', '.join(f'{value:.1e}' for value in flat)}: they vanish at the ends.",
            falls and bool(np.all(np.diff(flat) < 0)), MEASURED,
            {"gaps": list(gaps), "derivatives": slopes.tolist(), "quotients": flat},
        ),
    ], None  # fmt: skip


def _proposition_5_4(subject: Subject) -> Looked:
    """All derivatives are to tend to 0 with d."""
    step = 1e-4
    slopes = [float(np.diff(_psi(subject, np.array([-step, step]) * d, d))[0]) / (2 * step * d) for d in WIDTHS]
    off = max(abs(2 * d * slope - 1) for d, slope in zip(WIDTHS, slopes, strict=True))
    rises = [float(np.diff(_psi(subject, [1e-9 - 1, 1 - 1e-9], d))[0]) for d in WIDTHS]
    narrow = 0.03, 0.01, 0.003, 0.001
    away = np.linspace(0.1, 0.999, 300)
    # below 1e-300 a derivative is 0 in float64, and stays so
    outside = np.array([np.max([derivatives(z, d, 4) for z in away], axis=0) for d in narrow])
    series = _by_series(subject)
    z = np.linspace(-0.99, 0.99, 199)
    return [
        Evidence(
            "statement",
            f"psi_d'(0) = {', '.join(f'{slope:.4g}' for slope in slopes)} at d = 1, 0.1, 0.01: it is 1/(2d) and grows "
            f"without bound; psi_d rises by {min(rises):.6g} whatever d is, so that its derivative cannot tend to 0.",
            bool(slopes[-1] < slopes[0] and rises[-1] < 0.5 * rises[0]), DIGITS, {"slopes": slopes, "rises": rises},
        ),
        Evidence(
            "correction",
            f"2d psi_d'(0) is 1 to {off:.1e}; it is exactly that, by the power series in fractions (d = 1, 1/10, "
            "1/1000).",
            off < 1e-7 and refutations.proposition_5_derivatives_grow().proven, IDENTITY, {"slopes": slopes},
        ),
        Evidence(
            "correction",
            f"Over 0.1 <= |z| <= 1 the derivatives of orders 1 to 4 are at most "
            f"{', '.join(f'{row.max():.1e}' for row in outside)} at d = 0.03, 0.01, 0.003, 0.001 (by power series, "
            f"which are {series:.1e} from psi_d): they are at most d^(-k) exp(-2 delta/d) times a constant.",
            bool(np.all(outside[1:] < 0.05 * outside[:-1])) and series < 1e-12, MEASURED,
            {"d": list(narrow), "derivatives": outside.tolist()},
        ),
    ], Picture(
        "The paper's clock", "$z$", r"$\psi_d(z)$",
        tuple(Curve(f"$d = {d:g}$", tuple(z), tuple(_psi(subject, z, d))) for d in WIDTHS),
        (), "", "As d falls psi_d becomes a step: its slope at 0 is 1/(2d), and it is flat elsewhere.",
    )  # fmt: skip


CLAIMS = (
    Claim(
        "definition-6", "Definition 6",
        "Between two depths with positive definite kernel matrices A(t) = K_L + psi_D(2t - 1) (K_{L+1} - K_L), D = det "
        "K_L det K_{L+1}, is a path of positive definite matrices from K_L to K_{L+1}.",
        _definition_6,
    ),
    Claim(
        "proposition-5", "Proposition 5, parts 1 to 3",
        "psi_d has values in [0, 1], is 0 at -1 and 1 at 1, and is smooth on [-1, 1] with all derivatives 0 at the "
        "ends.",
        _proposition_5,
    ),
    Claim(
        "proposition-5-4", "Proposition 5, part 4", "All derivatives of psi_d tend to 0, uniformly on [-1, 1], as d -> "
        "0.",
        _proposition_5_4,
        "psi_d'(0) = 1/(2d) tends to infinity and psi_d to a step; for every delta > 0 the derivatives tend to 0 "
        "uniformly on delta <= |z| <= 1.",
        keeps_conclusion=False,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "derivatives", "taylor"]
