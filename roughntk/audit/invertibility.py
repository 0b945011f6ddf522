"""Section 4 of the paper: on which points, and from which depth on, the kernel matrix is invertible; and det -> 0.

What K_2 lacks. h(z) - h(-z) = z and z h'(z) - (-z) h'(-z) = z, so that K_2(z) - K_2(-z) = z. For p pairs of opposite
points in R^{n0}, K_2 is therefore X X^T/2 on the vectors of opposite signs on opposite points, of rank n0 at most: it
has at least p - n0 eigenvalues 0.

Why K_3 has all. The power series of h, h' and of their compositions have no negative coefficient, rho_L = h(rho_{L-1})
holds a_2 rho_{L-1}^2 with a_2 = 1/(2 pi), and from L = 3 on that has every power of z, as rho_{L-1} has a constant, a
linear and all even terms. K_L is at least rho_L/L, term by term. A kernel with infinitely many even and odd powers and
no negative ones is strictly positive definite on every sphere.
"""

import math
from typing import Any

import numpy as np

from roughntk.audit import exact, points, second_family
from roughntk.audit.certificates import proved
from roughntk.audit.claim import DIGITS, IDENTITY, MEASURED, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.subject import Numbers, Subject
from roughntk.certify import refutations

SINGULAR, REGULAR = 1e-12, 1e-4
"""Eigenvalues of matrices with entries up to 1 are 0 to rounding below the first, and not above the second."""

DEPTHS = 3, 4, 5, 10, 30, 100
TERMS = 21


def _smallest(K: Numbers) -> float:
    return float(np.linalg.eigvalsh(K)[0])


def _opposite(X: Numbers) -> Numbers:
    return np.concatenate([X, -X])


def _at_depth_2(subject: Subject, sets: dict[str, tuple[Numbers, int]]) -> list[Evidence]:
    """Points in opposite pairs, with p - n0, the number of eigenvalues of K_2 that are to be 0."""
    parts, numbers, regular, expected = [], {}, True, True
    for name, (X, wanted) in sets.items():
        values = np.linalg.eigvalsh(points.matrix(subject.tangent, X, 2))
        zeros = int(np.sum(np.abs(values) < SINGULAR))
        parts.append(f"of {name} {zeros}, the smallest {values[0]:.1e}")
        numbers[name] = [zeros, wanted, float(values[0])]
        regular &= zeros == 0 and values[0] > 0
        expected &= zeros == wanted
    excess = ", ".join(str(wanted) for _, wanted in sets.values())
    return [
        Evidence("statement", f"Eigenvalues of K_2 that are 0: {'; '.join(parts)}.", regular, DIGITS, numbers),
        Evidence(
            "correction", f"These are p - n0 = {excess}: p pairs of opposite points in R^n0.", expected, DIGITS, numbers
        ),
    ]


def _odd_part(subject: Subject) -> Evidence:
    z = np.linspace(0, 1, 201)
    off = float(np.max(np.abs(subject.tangent(z, 2) - subject.tangent(-z, 2) - z)))
    return Evidence(
        "correction",
        f"K_2(z) - K_2(-z) = z to {off:.1e}: on vectors of opposite signs at opposite points K_2 is X X^T/2, of rank "
        "n0.",
        off < 1e-13, IDENTITY, {"difference": off},
    )  # fmt: skip


def power_series(depth: int, terms: int = TERMS) -> tuple[Numbers, Numbers]:
    """Coefficients of rho_L and K_L in z, from those of h, of which no one is negative.

    Sums over powers of the inner series, all of whose terms add: what is cut off only adds to the coefficients.
    """
    powers = 400
    slopes = np.zeros(powers)  # h' = 1/2 + arcsin(z)/pi
    slopes[0] = 0.5
    central = 1.0
    for k in range(powers // 2):
        slopes[2 * k + 1] = central / ((2 * k + 1) * math.pi)
        central *= (2 * k + 1) / (2 * k + 2)
    values = np.concatenate([[1 / math.pi], slopes[:-1] / np.arange(1, powers)])

    def composed(outer: Numbers, inner: Numbers) -> Numbers:
        power, result = np.eye(1, terms)[0], np.zeros(terms)
        for coefficient in outer:
            result = result + coefficient * power
            power = np.convolve(power, inner)[:terms]
        return result

    rho = K = np.eye(1, terms, 1)[0]
    for level in range(1, depth):
        following = composed(values, rho)
        K = (level * np.convolve(composed(slopes, rho), K)[:terms] + following) / (level + 1)
        rho = following
    return rho, K


def _powers(subject: Subject) -> Evidence:
    """That K_2 lacks the odd powers from 3 on, and K_3 to K_10 lack none."""
    z = np.array([-0.3, -0.1, 0.2])
    second = power_series(2)[1]
    lacking = float(np.max(np.abs(second[3::2])))
    least, off = math.inf, float(np.max(np.abs(np.polyval(second[::-1], z) - subject.tangent(z, 2))))
    for depth in (3, 4, 10):
        series = power_series(depth)[1]
        least = min(least, float(series.min()))
        off = max(off, float(np.max(np.abs(np.polyval(series[::-1], z) - subject.tangent(z, depth)))))
    return Evidence(
        "correction",
        f"The odd powers of z from 3 on in K_2 are at most {lacking:.1e}; of the first {TERMS} powers in K_3, K_4 and "
        f"K_10 the smallest coefficient is {least:.2e} (the sums are {off:.1e} from the kernel). No coefficient of a "
        "layer is negative, and the square of rho_2 has all powers: so K_L is strictly positive definite on every "
        "sphere from L = 3 on.",
        lacking < 1e-15 and least > 0 and off < 1e-8, DIGITS, {"odd": lacking, "least": least, "difference": off},
    )  # fmt: skip


def _from_depth_3(subject: Subject, sets: dict[str, Numbers]) -> Evidence:
    least: dict[str, float] = {}
    definite = True
    for name, X in sets.items():
        matrices = [points.matrix(subject.tangent, X, depth) for depth in DEPTHS]
        least[name] = min(map(_smallest, matrices))
        definite &= all(map(exact.is_positive_definite, matrices[:2])) if len(X) <= 12 else least[name] > REGULAR
    shown = ", ".join(f"{value:.3g} ({name})" for name, value in least.items())
    return Evidence(
        "correction",
        f"At depths {', '.join(map(str, DEPTHS))} the smallest eigenvalues are at least {shown}; sets are examples, "
        "the powers of z are for all.",
        definite and min(least.values()) > REGULAR, DIGITS, least,
    )  # fmt: skip


def _at_depth_1(subject: Subject) -> Evidence:
    five, four = points.generic(5, 4), points.generic(4, 4)
    singular, regular = (_smallest(points.matrix(subject.tangent, X, 1)) for X in (five, four))
    return Evidence(
        "correction",
        f"K_1 = X X^T has rank n0 at most: of 5 points in R^4 its smallest eigenvalue is {singular:.1e}, of 4 of them "
        f"{regular:.2g}.",
        abs(singular) < SINGULAR and regular > REGULAR, DIGITS, {"five": singular, "four": regular},
    )  # fmt: skip


def _proven_singular(subject: Subject) -> tuple[str, bool, dict[str, Any]]:
    """K_2 on 8 and 12 equispaced points, in balls, and the subject's."""
    proofs = [refutations.kernel_2_is_singular(n) for n in (8, 12)]
    away = max(abs(_smallest(points.matrix(subject.tangent, points.circle(n), 2))) for n in (8, 12))
    text = (
        "K_2 is proven to be singular on 8 and on 12 equispaced points of a circle: its odd part is cos(theta)/2, and "
        "the eigenvalue of the third harmonic is enclosed within 1e-50 of 0; here the smallest eigenvalues are "
        f"{away:.1e}."
    )
    return text, not (all(proof.proven for proof in proofs) and away < SINGULAR), {"away": away}


def _proven_definite(subject: Subject) -> tuple[str, bool, dict[str, Any]]:
    """K_3 there."""
    counts = 6, 8, 12
    proof = refutations.kernel_3_is_definite(counts)
    away = max(
        each.error_of(_smallest(points.matrix(subject.tangent, points.circle(n), 3)))
        for n, each in zip(counts, proof.evidence, strict=True)
    )
    text = (
        "K_3 is proven to be positive definite on 6, 8 and 12 equispaced points of a circle: its smallest eigenvalues "
        f"are {', '.join(each.text for each in proof.evidence)}; here they are within {away:.1e} of these."
    )
    return text, proof.proven and away < 1e-9, {"away": away, "smallest": [float(each) for each in proof.evidence]}


def _case_a(subject: Subject) -> Looked:
    """Unit rows."""
    solid = _opposite(points.generic(6, 3, 8))
    odd = _smallest(points.matrix(subject.tangent, points.circle(9), 2))
    sets = {
        "8 points of a circle": points.circle(8), "12 points of a circle": points.circle(12),
        "9 points of a circle": points.circle(9), "6 opposite pairs of a sphere": solid,
        "40 points of a circle": points.circle(40), "30 generic points in R^4": points.generic(30, 4),
    }  # fmt: skip
    return [
        *_at_depth_2(
            subject,
            {
                "8 equispaced points of a circle": (points.circle(8), 2), "12 of them": (points.circle(12), 4),
                "6 pairs of opposite points in R^3": (solid, 3),
            },
        ),
        Evidence(
            "correction",
            f"9 points of a circle, of which no two are opposite, have the smallest eigenvalue {odd:.4f} at L = 2.",
            odd > REGULAR, DIGITS, {"smallest": odd},
        ),
        _odd_part(subject),
        _powers(subject),
        _from_depth_3(subject, sets),
        _at_depth_1(subject),
        proved("statement", lambda: _proven_singular(subject)),
        proved("correction", lambda: _proven_definite(subject)),
    ], None  # fmt: skip


LENGTHS = np.array([0.5, 3.0, 1.0, 40.0, 0.01, 2.0, 7.0, 1.5, 0.3, 11.0, 0.9, 6.0])


def _case_b(subject: Subject) -> Looked:
    """Rows of other lengths, projected."""
    eight, twelve = (subject.project(LENGTHS[:n, None] * points.circle(n)) for n in (8, 12))
    generic = subject.project(LENGTHS[:, None] * points.generic(12, 5, 9))
    collinear = np.array([[1.0, 2.0, 2.0], [2.0, 4.0, 4.0], [3.0, 0.0, 4.0]])
    merged = _smallest(points.matrix(subject.tangent, subject.project(collinear), 5))
    away = subject.project(np.concatenate([collinear[:1], -collinear[1:2], collinear[2:]]))
    opposite = _smallest(points.matrix(subject.tangent, away, 5))
    return [
        *_at_depth_2(
            subject,
            {"8 rows of lengths 0.01 to 40 along equispaced directions of the plane": (eight, 2),
             "12 of them": (twelve, 4)},
        ),
        _from_depth_3(subject, {"8 rows": eight, "12 rows": twelve, "12 generic rows in R^5": generic}),
        _powers(subject),
        Evidence(
            "correction",
            f"The condition is needed: of rows x and 2x, which become one point, K_5 has the smallest eigenvalue "
            f"{merged:.1e}; of x and -2x {opposite:.3f}.",
            abs(merged) < SINGULAR and opposite > REGULAR, DIGITS, {"merged": merged, "opposite": opposite},
        ),
    ], None  # fmt: skip


def _line(n: int) -> Numbers:
    """Points of a line whose stereographic images are equispaced on the circle, (n, 1)."""
    turn = 2 * np.pi * (np.arange(n) + 0.5) / n
    return (np.cos(turn) / (1 - np.sin(turn)))[:, None]


def _case_c(subject: Subject) -> Looked:
    """Distinct rows, lifted."""
    eight, twelve = subject.lift(_line(8)), subject.lift(_line(12))
    X = LENGTHS[:, None] * points.generic(12, 5, 9)
    images = subject.lift(X)
    norms = float(np.max(np.abs(np.linalg.norm(images, axis=1) - 1)))
    collinear = subject.lift(np.array([[0.0, 0.0], [0.3, 0.4], [0.6, 0.8], [1.2, 1.6], [-0.6, -0.8]]))
    apart = _smallest(points.matrix(subject.tangent, collinear, 3))
    return [
        *_at_depth_2(
            subject,
            {"8 points of a line, whose images are equispaced on the circle": (eight, 2), "12 of them": (twelve, 4)},
        ),
        Evidence(
            "correction",
            f"It maps R^5 to R^{images.shape[1]}, one dimension more, onto the unit sphere to {norms:.1e}.",
            images.shape[1] == X.shape[1] + 1 and norms < 1e-14, IDENTITY, {"norms": norms},
        ),
        Evidence(
            "correction",
            f"It keeps collinear rows and the origin apart: of 5 rows on a line K_3 has the smallest eigenvalue "
            f"{apart:.3g}.",
            apart > REGULAR, DIGITS, {"smallest": apart},
        ),
        _from_depth_3(subject, {"8 points of a line": eight, "12 points of a line": twelve}),
        _powers(subject),
    ], None  # fmt: skip


DEEP = 10, 20, 50, 100, 200, 500, 1000


def _determinant_to_zero(subject: Subject) -> Looked:
    """The determinants of three families with depth."""
    X = points.generic(4, 4, 3)
    n = len(X)
    ntk, nngp = (
        np.array([float(np.linalg.det(points.matrix(kernel, X, depth))) for depth in DEEP])
        for kernel in (subject.tangent, subject.covariance)
    )
    limit = float(refutations.determinant_of_the_limit(n))
    # w = 3 pi/theta grows by 1 + 1.5 d(log w) a layer, and det is near n (9 pi^2/2)^{n-1} w^{-2(n-1)}
    angles = np.arccos(points.correlations(X)[np.triu_indices(n, 1)])
    slope = -math.log(nngp[-1] / nngp[-2]) / math.log(_mean_w(angles, DEEP[-1]) / _mean_w(angles, DEEP[-2]))
    shallow = range(4, 9)
    sigmoid = [float(np.linalg.det(points.matrix(subject.sigmoid, X[:3], depth))) for depth in shallow]
    rates = [(after / before) ** 0.5 for before, after in zip(sigmoid, sigmoid[1:], strict=False)]
    multiplier = second_family.fixed_point()[1]
    return [
        Evidence(
            "statement",
            f"The determinant of the ReLU tangent kernel on 4 points is {ntk[0]:.4f} at depth 10, {ntk[-1]:.4f} at "
            f"depth 1000 and rises: it does not tend to 0.",
            bool(ntk[-1] < 0.1 * ntk[0]), MEASURED, {"depths": list(DEEP), "determinants": ntk.tolist()},
        ),
        Evidence(
            "correction",
            f"It tends to det (3/4 I + 1/4 11^T) = (3/4)^(n-1) (n + 3)/4 = {limit:.4f}: the distance, "
            f"{limit - ntk[-1]:.4f} at depth 1000, falls like log L/L (times L/log L it is "
            f"{_scaled(limit - ntk, 3):.2f} and {_scaled(limit - ntk, 6):.2f} at depths 100 and 1000).",
            _vanishes_like_logarithm(limit - ntk) and abs(limit - 0.75 ** (n - 1) * (n + 3) / 4) < 1e-15, MEASURED,
            {"limit": limit, "distances": (limit - ntk).tolist()},
        ),
        proved("statement", lambda: _proven_positive(X, ntk[-1])),
        Evidence(
            "correction",
            f"It is true of the covariance kernel (NNGP): between depths 500 and 1000 its determinant falls like "
            f"w^-{slope:.3f}, w = 3 pi/theta ~ L, and the theory says 2(n - 1) = {2 * (n - 1)}.",
            abs(slope - 2 * (n - 1)) < 0.1, MEASURED, {"exponent": slope, "determinants": nngp.tolist()},
        ),
        Evidence(
            "correction",
            f"It is true of the sigmoid family: the determinant on 3 points falls by lambda^2 a layer, lambda = "
            f"{rates[-1]:.5f} between depths 7 and 8, and the slope at the fixed point is {multiplier:.5f}.",
            abs(rates[-1] / multiplier - 1) < 0.01, MEASURED, {"rates": rates, "multiplier": multiplier},
        ),
    ], Picture(
        "Determinants with depth", "depth $L$", "determinant of the normalised kernel matrix, 4 points",
        (Curve("tangent kernel", tuple(map(float, DEEP)), tuple(ntk)),
         Curve("covariance kernel", tuple(map(float, DEEP)), tuple(nngp))),
        (("$(3/4)^{n-1} (n+3)/4$", limit),), "xy",
        "The tangent kernel's determinant tends to a positive number, the covariance kernel's to 0 like L^-6.",
    )  # fmt: skip


def _proven_positive(X: Numbers, determinant: float) -> tuple[str, bool, dict[str, Any]]:
    """A bound of the determinant from below, at every depth from some on, for pairs up to the largest correlation."""
    largest = math.ceil(100 * np.max(points.correlations(X) - 2 * np.eye(len(X)))) / 100
    proof = refutations.determinant_stays_positive(len(X), f"{largest:.2f}", DEEP[-1])
    least = float(proof.evidence[-1])
    text = (
        f"Proven: on 4 points of which no two have a correlation above {largest:.2f} det K_L is above {least:.4f} at "
        f"every L >= {DEEP[-1]}; here it is {determinant:.4f} there."
    )
    return text, not (proof.proven and determinant >= least), {"largest": largest, "least": least}


def _mean_w(angles: Numbers, depth: int) -> float:
    """The mean of 3 pi/theta_L over pairs, by the closed form of the layer."""
    for _ in range(depth - 1):
        angles = np.arccos(np.clip(np.cos(angles) + (np.sin(angles) - angles * np.cos(angles)) / math.pi, -1, 1))
    return float(np.mean(3 * math.pi / angles))


def _scaled(distances: Numbers, place: int) -> float:
    return float(distances[place] * DEEP[place] / math.log(DEEP[place]))


def _vanishes_like_logarithm(distances: Numbers) -> bool:
    """Positive, falling, and of the order of log L/L: between these depths L/log L times it changes by half at most."""
    scaled = [_scaled(distances, place) for place in range(3, len(DEEP))]
    return bool(np.all(distances > 0) and np.all(np.diff(distances) < 0) and max(scaled) < 1.5 * min(scaled))


_FROM_3 = (
    "It is invertible, and positive definite, from L = 3 on; at L = 2 too where no two points are opposite, but not on "
    "more than n0 pairs of opposite points, as on 8 equispaced points of a circle; at L = 1 only for n <= n0."
)

CLAIMS = (
    Claim(
        "case-a", "Section 4, case a", "On distinct rows of norm 1 the kernel matrix K_L is invertible from L = 2 on.",
        _case_a, _FROM_3,
    ),
    Claim(
        "case-b", "Section 4, case b",
        "On rows of which no two are positively collinear, divided by their norms, K_L is invertible from L = 2 on.",
        _case_b, _FROM_3,
    ),
    Claim(
        "case-c", "Section 4, case c",
        "On distinct rows, taken to the sphere by inverse stereographic projection, K_L is invertible from L = 2 on.",
        _case_c, _FROM_3 + " Of rows in R^n0 the images lie in R^(n0 + 1), which n0 is to be replaced by.",
    ),
    Claim(
        "determinant-to-zero", "Section 6, condition iii",
        "The determinant of the normalised kernel matrix tends to 0 as L grows.", _determinant_to_zero,
        "That of the ReLU tangent kernel tends to (3/4)^(n-1) (n + 3)/4 > 0; that of the covariance kernel tends to 0 "
        "like L^(-2(n-1)), that of the sigmoid family like lambda^(L(n-1)).",
        keeps_conclusion=False,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "power_series"]
