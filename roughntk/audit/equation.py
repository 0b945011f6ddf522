"""Theorem 3: the equation between depths, its drivers, and the chain of determinants."""

import math

import numpy as np

from roughntk.audit import driver_paths, exact, expansions, points
from roughntk.audit.claim import DIGITS, MEASURED, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.grounds import by_layers
from roughntk.audit.subject import Numbers, Subject

DEPTHS = 10, 30, 100, 300, 1000


def training() -> Numbers:
    """Three points in R^4."""
    return points.generic(3, 4, 3)


def testing() -> Numbers:
    """A point away from them."""
    return points.generic(1, 4, 11)


def _by_quadrature(rho: Numbers, depth: int) -> Numbers:
    return np.array([by_layers(min(float(value), 1.0), depth)[1] for value in np.ravel(rho)]).reshape(np.shape(rho))


def _equation_5(subject: Subject) -> Looked:
    """Drivers by Cramer's rule, and u at the end, for systems from quadrature."""
    rates = ends = moved = 0.0
    for depth in (2, 5):
        systems = driver_paths.segment(_by_quadrature, training(), testing(), depth)
        n = len(systems.K)
        for s in (0.0, 0.5, 1.0):
            A = systems.K + s * systems.change[:, :n]
            wanted = _cramer(A, systems.change)
            rates = max(rates, float(np.max(np.abs(subject.driver_rate(A, systems.change) - wanted))))
        wanted = exact.solution(systems.following, systems.b_following)[:, 0]
        for b in (systems.b_following, systems.b):  # the paper's right-hand side, which stands still, and the joint one
            u = subject.transport(systems.K, systems.following, b[:, 0], systems.b_following[:, 0], subject.driver_rate)
            ends = max(ends, float(np.max(np.abs(u - wanted))))
            start = exact.solution(systems.K, b)[:, 0]
            moved = max(moved, float(np.max(np.abs(start - wanted))))
    return [
        Evidence(
            "statement",
            f"The drivers' rates A^-1 (A', b') are {rates:.1e} from ratios of determinants in exact arithmetic, at "
            "depths 2 and 5, three times each.",
            rates < 1e-13, DIGITS, {"difference": rates},
        ),
        Evidence(
            "statement",
            f"Integrated from u(0) = K_L^-1 b(0) with these drivers, u(1) is {ends:.1e} from the exact K_(L+1)^-1 "
            f"K_(L+1)(X, x), with the right-hand side that stands still and with the one that moves; u moves by up to "
            f"{moved:.2f}.",
            ends < 1e-10, DIGITS, {"difference": ends, "moved": moved},
        ),
    ], None  # fmt: skip


def _cramer(A: Numbers, right: Numbers) -> Numbers:
    """Column i of A replaced by column j of the right-hand side, over det A, in fractions."""
    whole = exact.determinant(A)
    result = np.empty(right.shape)
    for i, j in np.ndindex(right.shape):
        changed = A.copy()
        changed[:, i] = right[:, j]
        result[i, j] = float(exact.determinant(changed) / whole)
    return result


def _determinant_chain(subject: Subject) -> Looked:
    """det A(s) >= det(K_{L+1})^s det(K_L)^{1-s} >= det K_L det K_{L+1}."""
    sets = points.generic(4, 4), points.circle(9), points.generic(7, 3, 5)
    least, chain, most, middle = math.inf, math.inf, 0.0, True
    for X in sets:
        for depth in (2, 3, 10):
            K, following = (points.matrix(subject.tangent, X, level) for level in (depth, depth + 1))
            first, last = np.linalg.slogdet(K)[1], np.linalg.slogdet(following)[1]
            most = max(most, math.exp(max(first, last)))
            for s in np.linspace(0, 1, 21)[1:-1]:
                value = np.linalg.slogdet(K + s * (following - K))[1]
                least = min(least, float(value - s * last - (1 - s) * first))
                chain = min(chain, float(s * last + (1 - s) * first - first - last))
            if len(X) <= 4:
                half = exact.determinant((K + following) / 2)
                middle &= half**2 >= exact.determinant(K) * exact.determinant(following) > 0
    return [
        Evidence(
            "statement",
            "On three sets of points, at depths 2, 3, 10 and 19 positions 0 < s < 1, log det A(s) - s log det K_(L+1) "
            f"- (1 - s) log det K_L is {least:.1e} or more; at s = 1/2, on 4 points, the inequality holds in exact "
            "arithmetic. "
            "The second derivative of log det A is -|A^(-1/2) A' A^(-1/2)|^2 <= 0, so that it holds for all.",
            least > 0 and middle, DIGITS, {"least": least},
        ),
        Evidence(
            "statement",
            f"The determinants are at most {most:.4f} <= 1, the product of the diagonal (Hadamard), so that the mean "
            f"is above the product by a factor of {math.exp(chain):.3f} at least.",
            most <= 1 and chain >= 0, DIGITS, {"largest": most, "factor": math.exp(chain)},
        ),
    ], None  # fmt: skip


def _predicted(X: Numbers, x: Numbers, depth: int) -> float:
    """|K_inf^{-1} (K_{L+1} - K_L, b_{L+1} - b_L)| by the first terms of K_L - 1/4."""
    n = len(X)
    pairs = points.correlations(X)
    np.fill_diagonal(pairs, 0.0)
    away = np.concatenate([pairs, points.correlations(X, x)], axis=1)
    change = expansions.deviation(away, depth + 1) - expansions.deviation(away, depth)
    np.fill_diagonal(change[:, :n], 0.0)
    inverse = 4 / 3 * (np.eye(n) - 1 / (n + 3))
    return float(np.linalg.norm(inverse @ change))


def _theorem_3_drivers(subject: Subject) -> Looked:
    """v^(L) -> 0, and why."""
    X, x = training(), testing()
    lengths, bounds, predicted = [], [], []
    for depth in DEPTHS:
        value, systems = driver_paths.variation(subject, X, x, depth)
        lengths.append(value)
        bounds.append(driver_paths.bound(systems))
        predicted.append(_predicted(X, x, depth))
    systems = driver_paths.segment(subject.tangent, X, x, 10)
    D = float(np.linalg.det(systems.K) * np.linalg.det(systems.following))
    z = np.linspace(-1 + 1e-9, 1 - 1e-9, 101)
    by_width = {}
    for d in (1.0, D, 0.3, 0.1):
        positions = points.elementwise(subject.clock, z, d)
        by_width[d] = driver_paths.length(driver_paths.increments(subject.driver_rate, systems, positions))
    apart = max(by_width.values()) / min(by_width.values()) - 1
    scaled = [value * depth**2 / math.log(depth) for value, depth in zip(lengths, DEPTHS, strict=True)]
    ratio = lengths[-1] / predicted[-1]
    falls = all(after < before / 3 for before, after in zip(lengths, lengths[1:], strict=False))
    return [
        Evidence(
            "statement",
            f"The 1-variation of v^(L) on 3 points is {', '.join(f'{value:.2e}' for value in lengths)} at depths "
            f"{', '.join(map(str, DEPTHS))}.",
            falls, MEASURED, {"depths": list(DEPTHS), "variation": lengths},
        ),
        Evidence(
            "statement",
            "The reason given is that the derivatives of psi_D tend to 0. With psi_d in place of psi_D the "
            f"1-variation at depth 10 is the same for d = 1, {D:.2g}, 0.3 and 0.1, to {apart:.1e}: psi only re-times "
            "the path.",
            apart > 0.1, MEASURED, {"by_d": {f"{d:.6g}": value for d, value in by_width.items()}, "apart": apart},
        ),
        Evidence(
            "correction",
            "It is at most |K_L^-1| |K_(L+1) - K_L|/(1 - |M|), whose values are "
            f"{', '.join(f'{b:.2e}' for b in bounds)}; times L^2/log L it is {scaled[-2]:.3f} and {scaled[-1]:.3f} at "
            f"depths 300 and 1000, and at depth 1000 it is {ratio:.4f} of what the first terms of K_L - 1/4 give.",
            all(value <= limit * (1 + 1e-9) for value, limit in zip(lengths, bounds, strict=True))
            and abs(ratio - 1) < 0.05 and apart < 1e-4, MEASURED,
            {"bounds": bounds, "scaled": scaled, "ratio": ratio},
        ),
    ], Picture(
        "The drivers' lengths", "depth $L$", "1-variation of $v^{(L)}$",
        (Curve("1-variation", tuple(map(float, DEPTHS)), tuple(lengths), True),
         Curve("bound", tuple(map(float, DEPTHS)), tuple(bounds)),
         Curve("first terms of $K_L - 1/4$", tuple(map(float, DEPTHS)), tuple(predicted))),
        (), "xy", "They fall like log L/L^2, as K_(L+1) - K_L does.",
    )  # fmt: skip


def _theorem_3_rough(subject: Subject) -> Looked:
    """Are the paths rough, between two depths and over all of them?"""
    X, x = training(), testing()
    counts = 4, 16, 64
    refined = [driver_paths.variation(subject, X, x, 5, pieces)[0] for pieces in counts]
    growth = math.log(refined[-1] / refined[-2]) / math.log(counts[-1] / counts[-2])
    shallow = list(range(2, 21))
    lengths, bounds = [], []
    deep = 20, 40, 80, 160, 320, 640
    for depth in (*shallow, *deep[1:]):
        value, systems = driver_paths.variation(subject, X, x, depth)
        lengths.append(value)
        bounds.append(driver_paths.bound(systems))
    late = lengths[len(shallow) - 1 :]
    blocks = [depth * value for depth, value in zip(deep, late, strict=True)]  # of depths L to 2L, v falling
    ratios = [after / before for before, after in zip(blocks, blocks[1:], strict=False)]
    constant = 1.2 * late[-1] * deep[-1] ** 2 / math.log(deep[-1])
    tail = constant * (math.log(deep[-1]) + 1) / deep[-1]  # int log L/L^2
    total = sum(lengths[: len(shallow)]) + sum(blocks[:-1]) + tail
    smooth = all(value <= limit * (1 + 1e-9) for value, limit in zip(lengths, bounds, strict=True))
    return [
        Evidence(
            "statement",
            f"Over 4, 16 and 64 pieces the sum of |dv| at depth 5 is {', '.join(f'{value:.8f}' for value in refined)}: "
            f"it grows like (pieces)^{growth:.1e}, where that of a path of Brownian roughness grows like (pieces)^0.5.",
            growth > 0.1, MEASURED, {"pieces": list(counts), "sums": refined, "growth": growth},
        ),
        Evidence(
            "correction",
            "Each path has a 1-variation below |K_L^-1| |K_(L+1) - K_L|/(1 - |M|), where |M| < 1 (depths 2 to 640), "
            f"and blocks of depths L to 2L add at most {', '.join(f'{value:.3f}' for value in blocks)}, each "
            f"{max(ratios):.2f} of the one before or less: the paths of all depths from 2 on, joined, have a "
            f"1-variation of at most {total:.2f}.",
            smooth and max(ratios) < 0.8 and abs(growth) < 1e-3, MEASURED, {"total": total, "blocks": blocks},
        ),
    ], None  # fmt: skip


CLAIMS = (
    Claim(
        "equation-5", "Theorem 3, equation 5",
        "u(t) = A(t)^-1 b(t) solves du = dv_(n+1) - dv u with drivers v by Cramer's rule, and u(1) is the vector of "
        "coefficients at depth L + 1.",
        _equation_5,
    ),
    Claim(
        "determinant-chain", "Theorem 3, determinants",
        "det A(t) >= det(K_{L+1})^psi det(K_L)^(1 - psi) >= det K_L det K_{L+1}.", _determinant_chain,
    ),
    Claim(
        "theorem-3-drivers", "Theorem 3, drivers",
        "The drivers v^(L) tend to 0 in 1-variation, since the derivatives of psi_D do.", _theorem_3_drivers,
        "They tend to 0 in 1-variation because K_{L+1} - K_L does, at the rate log L/L^2; psi_D re-times the path "
        "only.",
    ),
    Claim(
        "theorem-3-rough", "Theorem 3, roughness",
        "The driving paths are rough, so that the equation needs rough path theory.", _theorem_3_rough,
        "The driving paths are smooth, and their 1-variation is finite, over all depths together too: classical theory "
        "of ordinary differential equations suffices.",
        keeps_conclusion=False,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "testing", "training"]
