"""Proposition 7: the paper's second family, eta_{L+1} = (1 + exp(-eta_L))^{-2}."""

import fractions
import functools

import numpy as np
import scipy.optimize

from roughntk.audit import points
from roughntk.audit.certificates import proved
from roughntk.audit.claim import DIGITS, IDENTITY, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.subject import Numbers, Subject
from roughntk.certify import sigmoid as certified

STARTS = np.linspace(-1.0, 1.0, 41)
SETS = 60
INDEFINITE = 6
"""So many equispaced points of a circle make the matrices indefinite; their third harmonic does."""
TEXTS = {-1.0: "-1", 0.0: "0", 0.75: "0.75", 1.0: "1"}
"""Correlations, and as the certificates take them."""


def sigmoid_step(eta: float) -> float:
    """(1 + exp(-eta))^{-2}."""
    return float((1 + np.exp(-eta)) ** -2.0)


@functools.cache
def fixed_point() -> tuple[float, float]:
    """(c, lambda): the root of (1 + exp(-c))^{-2} = c by bisection, and 2 c (1 - sqrt(c)), the slope there."""
    c = float(scipy.optimize.brentq(lambda eta: sigmoid_step(eta) - eta, 0.0, 1.0, xtol=1e-16, rtol=1e-15))
    return c, 2 * c * (1 - c**0.5)


def series_coefficients(count: int) -> list[fractions.Fraction]:
    """The first Maclaurin coefficients of s^2, s = 1/(1 + exp(-z)), from s' = s - s^2, in exact fractions."""
    s = [fractions.Fraction(1, 2)]
    for k in range(count - 1):
        square = sum((s[i] * s[k - i] for i in range(k + 1)), fractions.Fraction(0))
        s.append((s[k] - square) / (k + 1))
    return [sum((s[i] * s[k - i] for i in range(k + 1)), fractions.Fraction(0)) for k in range(count)]


def _limit(subject: Subject) -> Looked:
    """One limit for 41 starts, the rate, and that the map is a contraction of the line."""
    c, multiplier = fixed_point()
    depths = list(range(1, 61))
    every = np.array([subject.sigmoid(STARTS, depth) for depth in depths])
    off = float(np.abs(every[-1] - c).max())
    defects = every - c
    ratios = defects[14] / defects[13]
    apart = float(np.abs(ratios - multiplier).max())
    evidence = [
        Evidence(
            "statement",
            f"From 41 starts in [-1, 1] eta_60 is {c:.15g} to {off:.1e}, the fixed point that bisection gives.",
            off < 1e-14, DIGITS, {"limit": c, "difference": off, "depth": 60},
        ),
        Evidence(
            "statement",
            f"Layer by layer the distance to it shrinks by {float(np.median(ratios)):.8f} (all starts, depths 14 to "
            f"15, spread {float(np.ptp(ratios)):.0e}); lambda = 2 c (1 - sqrt c) = {multiplier:.8f}.",
            apart < 1e-6, DIGITS, {"multiplier": multiplier, "difference": apart},
        ),
        proved("statement", lambda: _contraction(subject)),
    ]  # fmt: skip
    shown = [float(start) for start in (-1.0, 0.0, 0.75, 1.0)]
    curves = tuple(
        Curve(f"$\\eta_1 = {start:g}$", tuple(map(float, depths[:12])),
              tuple(float(abs(v - c)) for v in every[:12, int(np.argmin(np.abs(STARTS - start)))]))
        for start in shown
    )  # fmt: skip
    caption = "The distance from eta_L to c falls by lambda = 0.2839 a layer, whatever the start."
    return evidence, Picture("One limit from every start", "depth $L$", "$|\\eta_L - c|$", curves, (), "y", caption)


def _contraction(subject: Subject) -> tuple[str, bool, dict]:
    """One fixed point by interval Newton, a contraction of the whole line, and the subject inside of enclosures."""
    point = certified.sigmoid_fixed_point(digits=20)
    worst = 0.0
    for rho, text in TEXTS.items():
        for depth in (2, 3, 5, 9, 20):
            known = certified.sigmoid_iterate(text, depth)
            value = fractions.Fraction(float(subject.sigmoid(np.array([rho]), depth)[0]))
            worst = max(worst, float(max(known.lower - value, value - known.upper, fractions.Fraction(0))))
    text = (
        f"On the whole line 0 < h' <= {certified.CONTRACTION} by the inequality of means, so that every start tends to "
        f"one point; interval Newton proves that it is unique: c = {point.value.text}, "
        f"lambda = {point.multiplier.text}. Values at depths 2 to 20 lie within {worst:.0e} of proven enclosures."
    )
    numbers = {"c": point.value.text, "multiplier": point.multiplier.text, "difference": worst}
    return text, point.unique and certified.CONTRACTION < 1 and worst < 1e-15, numbers


def harmonic(subject: Subject, depth: int) -> float:
    """The eigenvalue of (1, -1, 1, -1, 1, -1) on 6 equispaced points of a circle, a sum of four numbers."""
    turns = np.cos(2 * np.pi * np.arange(INDEFINITE // 2 + 1) / INDEFINITE)
    values = np.asarray(subject.sigmoid(turns, depth))
    return float(values[0] - 2 * values[1] + 2 * values[2] - values[3])


def smallest(K: Numbers) -> float:
    """Eigenvalue of a symmetric matrix."""
    return float(np.linalg.eigvalsh(K)[0])


def _positive_definite(subject: Subject) -> Looked:
    """Six points of a circle, the series, and random sets."""
    depths = list(range(2, 13))
    circle = [smallest(points.matrix(subject.sigmoid, points.circle(INDEFINITE), depth)) for depth in depths]
    harmonics = [harmonic(subject, depth) for depth in depths]
    off = float(np.abs(np.array(circle) - harmonics).max())
    third, measured = series_coefficients(4)[3], _third_difference(subject)
    random = np.array(
        [[smallest(points.matrix(subject.sigmoid, points.generic(5, 4, seed), depth)) for depth in (2, 3, 4, 6)]
         for seed in range(SETS)]
    )  # fmt: skip
    definite = int((random > 0).all(axis=1).sum())
    c, _ = fixed_point()
    ones = points.matrix(subject.sigmoid, points.circle(INDEFINITE), 40)
    limit = float(np.abs(ones - c).max())
    evidence = [
        Evidence(
            "statement",
            f"On 6 equispaced points of a circle the smallest eigenvalue is {circle[0]:.5f} at L = 2 and "
            f"{circle[2]:.5f} at L = 4 (L = 1 is x.x').",
            min(circle) >= 0, DIGITS, {"depths": depths, "smallest": circle},
        ),
        Evidence(
            "statement",
            f"The coefficient of z^3 in (1 + exp(-z))^(-2) is {third}, exactly; third differences of eta_2 at 0 "
            f"give {measured:.7f}. A negative one rules out positive definiteness on spheres of high "
            "dimension (Schoenberg).",
            third >= 0 or measured > -1e-6, IDENTITY, {"coefficient": float(third), "measured": measured},
        ),
        proved("statement", lambda: _circle(subject)),
        Evidence(
            "correction",
            f"At depths 2 to 12 the eigenvalue of (1, -1, 1, -1, 1, -1) on these points, four numbers summed, is the "
            f"smallest one (to {off:.0e}) and negative.",
            max(harmonics) < 0 and off < 1e-14, DIGITS, {"eigenvalues": harmonics},
        ),
        Evidence(
            "correction",
            f"Of {SETS} sets of 5 random points of S^3 the matrices of {definite} are positive definite at L = 2, 3, 4 "
            f"and 6, those of {SETS - definite} are not.",
            SETS * 0.9 <= definite < SETS, DIGITS, {"definite": definite, "sets": SETS},
        ),
        Evidence(
            "correction", f"At L = 40 all entries are c = {c:.12g} to {limit:.0e}: the limit is singular.",
            limit < 1e-14, DIGITS, {"difference": limit},
        ),
        proved("correction", indefinite_at_every_depth),
    ]  # fmt: skip
    curve = Curve("6 points of a circle", tuple(map(float, depths)), tuple(-value for value in circle), marks=True)
    caption = "Minus the smallest eigenvalue: negative at every depth, it falls like lambda^(L-1) with all defects."
    return evidence, Picture(
        "The second family is indefinite", "depth $L$", "minus the smallest eigenvalue", (curve,), (), "y", caption
    )


def _third_difference(subject: Subject) -> float:
    """eta_2'''(0)/6 by central differences at two steps, their h^2 error extrapolated away."""

    def at(h: float) -> float:
        values = np.asarray(subject.sigmoid(h * np.array([-2.0, -1.0, 1.0, 2.0]), 2))
        return float(values @ np.array([-0.5, 1.0, -1.0, 0.5])) / h**3 / 6

    return (4 * at(0.01) - at(0.02)) / 3


def _circle(subject: Subject) -> tuple[str, bool, dict]:
    """Enclosures of the smallest eigenvalue: they refute the statement if it is the subject's that is enclosed."""
    proof = certified.circle_refutes_proposition_7(INDEFINITE, (2, 4))
    values = [smallest(points.matrix(subject.sigmoid, points.circle(INDEFINITE), depth)) for depth in (2, 4)]
    off = max(abs(value - float(each.lower)) for value, each in zip(values, proof.evidence, strict=True))
    shown = " and ".join(each.text for each in proof.evidence)
    text = f"Proven digits of it at L = 2 and 4: {shown}; float64 is {off:.0e} from them."
    return text, not (proof.proven and off < 1e-9), {"difference": off}


def indefinite_at_every_depth() -> tuple[str, bool, dict]:
    """That the eigenvalue of `harmonic` is negative at all depths from 2 on, for `certificates.proved`."""
    proof = certified.proposition_7_fails_at_every_depth(INDEFINITE)
    last = proof.evidence[-1]
    text = (
        f"Proven: on 6 equispaced points of a circle an eigenvalue is negative at every depth L >= 2 ({last.name}: "
        f"{last.text})."
    )
    return text, proof.proven, {"scaled": last.text}


CLAIMS = (
    Claim(
        "proposition-7-limit", "Proposition 7, limit",
        "The second family, eta_{L+1} = (1 + exp(-eta_L))^(-2), tends to one number c from every start.", _limit,
    ),
    Claim(
        "proposition-7-positive-definite", "Proposition 7, definiteness",
        "The kernels eta_L of the second family are positive definite.", _positive_definite,
        "From depth 2 on eta_L is indefinite on some sets, as on 6 equispaced points of a circle at every depth. On "
        "most small random sets it is positive definite; its limit c 11^T is singular.",
        keeps_conclusion=False,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "fixed_point", "harmonic", "indefinite_at_every_depth", "series_coefficients", "smallest"]
