"""Theorem 3: the coefficients u_L = K_L(X,X)^{-1} K_L(X,x) with depth, for the ReLU kernel and the sigmoid family.

For the ReLU kernel u_L -> 1/(n + 3) off the data, with J = 11^T, E and e the matrices of K_L - 1/4,

    u_L = 1/(n + 3) + (4/3) (I - J/(n + 3)) (e - E 1/(n + 3)) + O(log^2 L/L^2),

and at an angle z/L of a training point K_L -> F(s) = ((1 + s)^4 - s^4)/(4 (1 + s)^3), s = 3 pi/z. For the sigmoid
family u_L -> u of [G 1; 1^T 0] [u; mu] = [g; 1], where g(rho) = lim (eta_L(rho) - c)/lambda^{L-1} is Koenigs' function.
"""

import math
from typing import Any

import numpy as np

from roughntk.audit import expansions, points, second_family
from roughntk.audit.certificates import proved
from roughntk.audit.claim import DIGITS, MEASURED, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.subject import Numbers, Subject
from roughntk.certify.systems import solutions as certified

DEPTHS = 30, 100, 300, 1000
PROVEN = DEPTHS[:3]


def _first_order(X: Numbers, x: Numbers, depth: int) -> Numbers:
    """The coefficients to first order, (n, m)."""
    n = len(X)
    pairs = points.correlations(X)
    np.fill_diagonal(pairs, 0.0)
    E = expansions.deviation(pairs, depth)
    np.fill_diagonal(E, 0.0)
    e = expansions.deviation(points.correlations(X, x), depth)
    correction = e - E.sum(axis=1, keepdims=True) / (n + 3)
    return np.asarray(1 / (n + 3) + 4 / 3 * (correction - correction.sum(axis=0) / (n + 3)))


def _theorem_3_limit(subject: Subject) -> Looked:
    """u_L converges, is bounded, |u|_2 = O(n)."""
    X, x = points.generic(4, 4, 3), points.generic(3, 4, 11)
    n = len(X)
    by_depth = {depth: points.coefficients(subject.tangent, X, x, depth) for depth in DEPTHS}
    left = [float(np.max(np.abs(u - _first_order(X, x, depth)))) for depth, u in by_depth.items()]
    scaled = [value / expansions.second_order(depth) for value, depth in zip(left, DEPTHS, strict=True)]
    away = [float(np.max(np.abs(u - 1 / (n + 3)))) for u in by_depth.values()]
    steps = [float(np.max(np.abs(by_depth[b] - by_depth[a]))) for a, b in zip(DEPTHS, DEPTHS[1:], strict=False)]
    same = max(
        float(np.max(np.abs(points.coefficients(subject.tangent, X, X, depth) - np.eye(n)))) for depth in (2, 10, 1000)
    )
    energies, norms = [], {}
    for count in (2, 4, 8, 16):
        data = points.generic(count, 4, 5)
        sizes = []
        for depth in (2, 3, 5, 10, 100, 1000):
            K = points.matrix(subject.tangent, data, depth)
            u = np.linalg.solve(K, points.matrix(subject.tangent, data, depth, x))
            energies.append(float(np.max(np.einsum("im,ij,jm->m", u, K, u))))
            sizes.append(float(np.max(np.linalg.norm(u, axis=0))))
        norms[count] = max(sizes)
    sizes_shown = ", ".join(f"{value:.3f} at n = {count}" for count, value in norms.items())
    return [
        Evidence(
            "statement",
            f"On 4 points in R^4 and 3 test points u_L is within {away[0]:.3f}, {away[-1]:.4f} of 1/(n + 3) at depths "
            f"30 and 1000, and within {max(scaled):.2f} log^2 L/L^2 of 1/(n + 3) and its first correction from depth "
            f"30 on; from one depth to the next it moves by {', '.join(f'{value:.4f}' for value in steps)}.",
            max(scaled) < 2 and left[-1] < 1e-4, DIGITS, {"left": left, "scaled": scaled, "steps": steps},
        ),
        Evidence(
            "statement", "At a training point it is e_i at depths 2, 10 and 1000, to "
            f"{same:.1e}.", same < 1e-10, DIGITS,
            {"difference": same},
        ),
        Evidence(
            "statement",
            f"u^T K u <= K(x, x) = 1 (its largest value is {max(energies):.4f}), so that |u|_2 is at most 1/sqrt of "
            "the smallest eigenvalue, which tends to 3/4: bounded at every n and, over depths 2 to 1000, "
            f"{sizes_shown}.",
            max(energies) <= 1 + 1e-10 and all(value <= count for count, value in norms.items()), DIGITS,
            {"energy": max(energies), "norms": {str(count): value for count, value in norms.items()}},
        ),
        proved("statement", lambda: _proven_digits(X, x, by_depth)),
    ], Picture(
        "The coefficients with depth", "depth $L$", "components of $u_L$ at a test point",
        tuple(
            Curve(f"$u_{i + 1}$", tuple(map(float, DEPTHS)), tuple(float(u[i, 0]) for u in by_depth.values()))
            for i in range(n)
        ),
        (("$1/(n + 3)$", 1 / (n + 3)),), "x", "Every component tends to 1/(n + 3), whatever the data.",
    )  # fmt: skip


def _proven_digits(X: Numbers, x: Numbers, by_depth: dict[int, Numbers]) -> tuple[str, bool, dict[str, Any]]:
    """The coefficients beside enclosures."""
    errors = {
        depth: float(certified.coefficients(X, x, depth=depth).error_of(by_depth[depth]).max()) for depth in PROVEN
    }
    last = certified.coefficients(X, x, depth=math.inf)
    exact = max(abs(float(each) - 1 / (len(X) + 3)) for each in last.enclosures.flat)
    text = (
        f"At depths 30, 100 and 300 u_L is proven to be within {max(errors.values()):.1e} of the exact coefficients, "
        "and K_L to be positive definite."
    )
    return text, max(errors.values()) < 1e-12 and exact < 1e-15, {str(depth): error for depth, error in errors.items()}


def _towards(X: Numbers, angles: Numbers) -> Numbers:
    """Points at these angles from the first training point, on one great circle, (angles, n0)."""
    direction = points.generic(1, X.shape[1], 17)[0]
    direction = direction - (direction @ X[0]) * X[0]
    direction = direction / np.linalg.norm(direction)
    return np.asarray(np.cos(angles)[:, None] * X[0] + np.sin(angles)[:, None] * direction)


def boundary_layer(z: Numbers) -> Numbers:
    """The limit of K_L at the angle z/L."""
    s = 3 * math.pi / z
    return np.asarray((1 + 4 * s + 6 * s**2 + 4 * s**3) / (4 * (1 + s) ** 3))


def koenigs(rho: Numbers, layers: int = 80) -> Numbers:
    """g of the sigmoid family, from defects e = eta - c without cancellation: with sigma(z) = 1/(1 + exp(-z)),
    sigma(c + e) - sigma(c) = -exp(-c) expm1(-e) sigma(c) sigma(c + e)."""
    c, rate = second_family.fixed_point()
    defect = np.asarray(rho, dtype=float) - c
    at_c = 1 / (1 + math.exp(-c))
    for _ in range(layers):
        at = 1 / (1 + np.exp(-c - defect))
        defect = -math.exp(-c) * np.expm1(-defect) * at_c * at * (at + at_c)
    return np.asarray(defect / rate**layers)


def sigmoid_limit(X: Numbers, x: Numbers) -> Numbers:
    """The limit of the sigmoid family's coefficients, (n, m)."""
    n, m = len(X), len(x)
    bordered = np.ones((n + 1, n + 1))
    bordered[:n, :n], bordered[n, n] = koenigs(points.correlations(X)), 0.0
    right = np.ones((n + 1, m))
    right[:n] = koenigs(points.correlations(X, x))
    return np.asarray(np.linalg.solve(bordered, right)[:n])


ANGLES = np.array([0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.8])


def _theorem_3_continuity(subject: Subject) -> Looked:
    """The limit as a function of x."""
    X = points.generic(4, 4, 3)
    n = len(X)
    near, test = _towards(X, ANGLES), points.generic(6, 4, 11)
    rows = {depth: points.coefficients(subject.tangent, X, near, depth)[0] for depth in (10, 100, 1000)}
    jumps = {depth: float(abs(u[0] - u[5])) for depth, u in rows.items()}
    spread = {depth: _spread(points.coefficients(subject.tangent, X, test, depth)) for depth in (10, 100, 1000)}
    size = max(float(np.max(np.abs(u))) for u in rows.values())
    z = np.array([0.1, 1.0, 10.0, 100.0, 300.0])
    layer = points.elementwise(subject.tangent, np.cos(z / 1000), 1000)
    off = float(np.max(np.abs(layer - boundary_layer(z))))
    shown = "; ".join(f"{jump:.3f} at depth {depth}" for depth, jump in jumps.items())
    return [
        Evidence(
            "statement", f"The coefficients are bounded: at most {size:.4f} at depths 10, 100 and 1000, up to a "
            "training point.", size < 2, DIGITS, {"largest": size},
        ),
        Evidence(
            "statement",
            f"It is not continuous: between a training point and a point 0.1 rad from it u_1 falls by {shown}, and by "
            f"{rows[1000][0] - rows[1000][3]:.3f} within 0.01 rad at depth 1000.",
            jumps[1000] < 2 * jumps[10], MEASURED, {"jumps": {str(key): value for key, value in jumps.items()}},
        ),
        Evidence(
            "statement",
            f"It is trivial off the data: over 6 test points u_L varies by {spread[10]:.3f}, {spread[100]:.3f} and "
            f"{spread[1000]:.4f} at depths 10, 100 and 1000.",
            spread[1000] > 0.5 * spread[10], MEASURED, {"spread": {str(key): value for key, value in spread.items()}},
        ),
        Evidence(
            "correction",
            f"At the angle z/L, z from 0.1 to 300, K_1000 is within {off:.4f} of ((1 + s)^4 - s^4)/(4 (1 + s)^3), s = "
            "3 pi/z, which goes from 1 to 1/4: the limit is e_i at training points and 1/(n + 3) at any angle from "
            "them.",
            off < 0.01, DIGITS, {"difference": off},
        ),
        *_of_sigmoid(subject, X, near, test),
    ], Picture(
        "Near a training point", "angle from the training point (rad)", "$u_1$",
        tuple(Curve(f"$L = {depth}$", tuple(ANGLES[1:]), tuple(u[1:])) for depth, u in rows.items()),
        (("$1/(n + 3)$", 1 / (n + 3)),), "x", "The layer around a training point has a width of about 1/L.",
    )  # fmt: skip


def _spread(u: Numbers) -> float:
    return float(np.max(np.ptp(u, axis=1)))


def _of_sigmoid(subject: Subject, X: Numbers, near: Numbers, test: Numbers) -> list[Evidence]:
    """The limit of a hyperbolic family is that of a bordered system, continuous, and depends on the data."""
    both = np.concatenate([near, test])
    limit = sigmoid_limit(X, both)
    # Depths at which lambda^L, 1e-3 to 1e-5, is far above the rounding of an inverse of a matrix that singular.
    depths = 6, 7, 8, 9
    away = [float(np.max(np.abs(points.coefficients(subject.sigmoid, X, both, depth) - limit))) for depth in depths]
    ratios = [after / before for before, after in zip(away, away[1:], strict=False)]
    multiplier = second_family.fixed_point()[1]
    deep = points.coefficients(subject.sigmoid, X, both, depths[-1])
    slopes = np.max(np.abs(deep[:, 1 : len(ANGLES)] - deep[:, :1]), axis=0) / ANGLES[1:]
    return [
        Evidence(
            "correction",
            f"For the sigmoid family u_L is {', '.join(f'{value:.1e}' for value in away)} from the solution of a "
            f"system of Koenigs' functions, continuous in x, at depths 6 to 9: a factor of {ratios[-1]:.3f} a layer, "
            f"lambda = {multiplier:.3f}.",
            away[-1] < 1e-3 and abs(ratios[-1] / multiplier - 1) < 0.05, DIGITS,
            {"away": away, "ratios": ratios},
        ),
        Evidence(
            "correction",
            f"Near a training point it changes by at most {slopes.max():.2f} a radian, from 0.001 to 0.8 rad, and over "
            f"the 6 test points it varies by {_spread(deep[:, len(ANGLES):]):.2f}: continuous, and not trivial.",
            bool(slopes.max() < 5 and _spread(deep[:, len(ANGLES) :]) > 0.1), MEASURED,
            {"slopes": slopes.tolist(), "spread": _spread(deep[:, len(ANGLES) :])},
        ),
    ]  # fmt: skip


CLAIMS = (
    Claim(
        "theorem-3-limit", "Theorem 3, limit", "u_L converges as L grows, is bounded, and |u|_2 = O(n).",
        _theorem_3_limit,
    ),
    Claim(
        "theorem-3-continuity", "Theorem 3, continuity",
        "The limit of u_L is bounded and continuous in x, and not trivial.", _theorem_3_continuity,
        "For the ReLU kernel the limit is bounded, 1/(n + 3) at every x off the data and e_i at x_i: constant, and "
        "discontinuous at the data. For hyperbolic families, as the sigmoid one, it is continuous and depends on the "
        "data.",
        keeps_conclusion=False,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "boundary_layer", "koenigs", "sigmoid_limit"]
