"""The limits of depth: Lemma 1 on the covariance, Theorem 2 on the tangent kernel, and the rates of Section 6."""

import math
from typing import Any

import numpy as np

from roughntk.audit import expansions, points
from roughntk.audit.certificates import proved
from roughntk.audit.claim import DIGITS, IDENTITY, MEASURED, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.expansions import LIMIT
from roughntk.audit.grounds import by_layers
from roughntk.audit.subject import Numbers, Subject
from roughntk.certify import inequalities, refutations
from roughntk.certify.limits import limit_bound

RHO = np.array([-0.9, 0.0, 0.5, 0.9])
HIGH, LOW = np.linspace(0.4, 0.99, 60), np.linspace(-1, 0.39, 60)
SHALLOW = range(1, 41)
LARGEST, FAR = "0.91", (10_000, 1_000_000)
DEEP = 60, 100, 200, 500, 1000
ROUNDING = 1e-6
"""Of 3 pi/theta near 1000, whose correlation is rounded to 1e-16: 1e-9, and what a kernel made layer by layer loses."""
RATE = 9 * math.pi**2 / 2


def _gain(rho: Numbers) -> Numbers:
    """h(rho) - rho = (1/pi) int_0^theta t sin t dt, by Gauss's rule: positive for theta > 0."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    theta = np.arccos(np.clip(rho, -1, 1))
    t = theta[:, None] * (nodes + 1) / 2
    return np.asarray(np.sum(weights * t * np.sin(t), axis=1) * theta / (2 * math.pi))


def _lemma_1(subject: Subject) -> Looked:
    """rho_L -> 1, and how fast."""
    rho = np.linspace(-1, 0.99, 200)
    states = np.array([points.elementwise(subject.covariance, rho, depth) for depth in range(1, 31)])
    gains = np.diff(states, axis=0)
    off = max(float(np.max(np.abs(gain - _gain(state)))) for gain, state in zip(gains, states, strict=False))
    least = float(np.min(gains))
    first = np.array([-1.0, *RHO])
    depths = (10, 30, 100, 300, 1000)
    gaps = np.array([1 - points.elementwise(subject.covariance, first, depth) for depth in depths])
    theta = 2 * np.arcsin(np.sqrt(gaps[-1] / 2))
    layers = expansions.abel_time_of_small(theta) - expansions.abel_time(first)
    count = float(np.max(np.abs(layers - (depths[-1] - 1))))
    ratios = gaps[-1] * depths[-1] ** 2 / RATE
    sizes = tuple(map(float, depths))
    return [
        Evidence(
            "statement",
            f"rho_(L+1) - rho_L is (1/pi) int_0^theta t sin t dt > 0 to {off:.1e} at 200 correlations and 30 depths "
            f"(the smallest is {least:.1e}): rho_L increases to a fixed point of h, and 1 is the only one.",
            off < 1e-13 and least > 0, IDENTITY, {"difference": off, "smallest": least},
        ),
        Evidence(
            "statement",
            f"From correlations -1 to 0.9, 1 - rho_1000 is between {gaps[-1].min():.2e} and {gaps[-1].max():.2e}, "
            f"{ratios.min():.4f} to {ratios.max():.4f} of 9 pi^2/(2 L^2); Abel's equation counts the 999 layers to "
            f"{count:.1e}, so that 1 - rho_L = (9 pi^2/2)/(L + (3/2) log L + C)^2.",
            bool(count < 1e-5 and np.all(np.abs(ratios - 1) < 0.1)), DIGITS,
            {"layers": count, "gaps": gaps[-1].tolist(), "ratios": ratios.tolist()},
        ),
        proved("statement", lambda: _proven_rate(first, depths[-1], gaps[-1])),
    ], Picture(
        "The covariance tends to 1", "depth $L$", r"$1 - \rho_L$",
        (*(Curve(rf"$\rho_1 = {value:g}$", sizes, tuple(gaps[:, k])) for k, value in enumerate(first)),
         Curve(r"$9 \pi^2/(2 L^2)$", sizes, tuple(RATE / size**2 for size in sizes))),
        (), "xy", "Whatever the two points, 1 - rho_L comes to 9 pi^2/(2 L^2).",
    )  # fmt: skip


def _proven_rate(first: Numbers, depth: int, gap: Numbers) -> tuple[str, bool, dict[str, Any]]:
    """w_L = w_1 + L - 1 + (3/2) log(w_L/w_1) + G, 0 <= G <= (3/4) theta_1, w = 3 pi/theta, by proven inequalities."""
    proven = not inequalities.unproven()
    angles = np.arccos(first)
    w_1, w = 3 * math.pi / angles, 3 * math.pi / (2 * np.arcsin(np.sqrt(gap / 2)))
    rest = w - w_1 - (depth - 1) - 1.5 * np.log(w / w_1)
    inside = bool(np.all((rest > -ROUNDING) & (rest < 0.75 * angles + ROUNDING)))
    text = (
        "Proven by balls, for every pair of distinct points and every L: w_L - w_1 - (L - 1) - (3/2) log(w_L/w_1) lies "
        "between 0 and (3/4) theta_1, w = 3 pi/theta; so 1 - rho_L <= 9 pi^2/(2 (L + 2)^2) tends to 0, and L^2 (1 - "
        f"rho_L) to 9 pi^2/2. Here it is {rest.min():.3f} to {rest.max():.3f} at L = {depth}."
    )
    return text, proven and inside, {"rest": rest.tolist()}


def _along_depth(subject: Subject, rho: Numbers) -> tuple[Numbers, Numbers]:
    """Depths 1 to 40 and some larger ones, and K there, (depths, correlations)."""
    depths = np.array([*SHALLOW, *DEEP])
    return depths, np.array([points.elementwise(subject.tangent, rho, int(depth)) for depth in depths])


def _remainder(depths: Numbers, K: Numbers, least: int) -> float:
    """The largest |K_L - 1/4 - first order|/(log^2 L/L^2) from some depth on."""
    return max(
        float(np.max(np.abs(row - LIMIT - expansions.deviation(RHO, depth)))) / expansions.second_order(depth)
        for depth, row in zip(depths, K, strict=True)
        if depth >= least
    )


def _sharper(depths: Numbers, K: Numbers) -> Evidence:
    """Beside the expansion in w = 3 pi/theta_L, whose logarithm is that of L."""
    left = {
        int(depth): float(np.max(np.abs(row - expansions.kernel(RHO, int(depth))))) * depth**3
        for depth, row in zip(depths, K, strict=True)
        if depth >= 100
    }
    shown = ", ".join(f"{value:.0f}/L^3 at L = {depth}" for depth, value in left.items())
    return Evidence(
        "correction",
        f"With w - (3/2) log w + ... = alpha(theta_1) + L - 1, K_L is (w/4 - 1/8 - {expansions.SUBLEADING:.4f}/w)/L "
        f"within {shown}.",
        max(left.values()) < 200, DIGITS, {str(depth): value for depth, value in left.items()},
    )  # fmt: skip


def _peak(depths: Numbers, values: Numbers) -> tuple[int, float]:
    place = int(np.argmax(values))
    return int(depths[place]), float(values[place])


def _theorem_2(subject: Subject) -> Looked:
    """K_L is to increase, strictly, to 1."""
    depths, every = _along_depth(subject, np.concatenate([RHO, HIGH, LOW]))
    K, falls, rises = np.split(every, [len(RHO), len(RHO) + len(HIGH)], axis=1)
    peaks = [_peak(depths, column) for column in K.T]
    shown = "; ".join(
        f"from {rho:g} it is largest at L = {depth} ({value:.5f}) and {column[-1]:.5f} at L = 1000"
        for rho, (depth, value), column in zip(RHO, peaks, K.T, strict=True)
    )
    quadrature = {depth: by_layers(0.0, depth)[1] for depth in (12, 13)}
    agrees = max(abs(value - K[depth - 1, 1]) for depth, value in quadrature.items())
    remainder = _remainder(depths, K, 30)
    spread = float(np.ptp(K[-1]))
    steepest = float(np.max(np.diff(falls, axis=0)))
    first, highest = float(np.min(rises[1] - rises[0])), rises.max(axis=0)
    back = float(np.min(highest - rises[-1]))
    return [
        Evidence(
            "statement", f"K_L is not monotone: {shown}.", bool(np.all(np.diff(K, axis=0) > 0)), DIGITS,
            {"rho": RHO.tolist(), "peaks": [list(peak) for peak in peaks], "last": K[-1].tolist()},
        ),
        Evidence(
            "statement",
            f"At L = 1000 the four pairs have 1 - K between {1 - K[-1].max():.3f} and {1 - K[-1].min():.3f}, and the "
            "distances from 1 do not shrink.",
            bool(np.all(1 - K[-1] < 0.5 * (1 - K[len(SHALLOW)]))), MEASURED, {"last": K[-1].tolist()},
        ),
        Evidence(
            "correction",
            f"By quadrature and the sum over layers K_12 = {quadrature[12]:.7f} and K_13 = {quadrature[13]:.7f} at "
            f"rho_1 = 0, {agrees:.1e} from the recursion: a fall.",
            agrees < 1e-12 and quadrature[13] < quadrature[12], DIGITS,
            {"K_12": quadrature[12], "K_13": quadrature[13], "difference": agrees},
        ),
        Evidence(
            "correction",
            f"K_L - 1/4 = (3/8) log L/L + (alpha(theta_1) - 3/2)/(4L) within {remainder:.2f} log^2 L/L^2 at every "
            f"depth looked at from 30 to 1000; at L = 1000 the four pairs differ by {spread:.4f} only.",
            remainder < 1.5 and spread < 0.005, DIGITS, {"remainder": remainder, "spread": spread},
        ),
        Evidence(
            "correction",
            "At 60 correlations from 0.4 to 0.99 it falls at every step between the depths looked at, by "
            f"{-steepest:.1e} or more.",
            steepest < 0, DIGITS, {"least": -steepest},
        ),
        Evidence(
            "correction",
            f"At 60 correlations from -1 to 0.39 K_2 is above K_1 by {first:.1e} or more, the largest K_L is "
            f"{highest.min():.4f} or more, and K_1000 is below that by {back:.4f} or more.",
            first > 0 and highest.min() > LIMIT and back > 0, DIGITS,
            {"first": first, "highest": float(highest.min()), "back": back},
        ),
        _sharper(depths, K),
        proved("statement", lambda: _proven_fall(subject)),
        proved("correction", lambda: _proven_limit(depths, K)),
    ], Picture(
        "The tangent kernel with depth", "depth $L$", "$K_L$",
        tuple(Curve(rf"$\rho_1 = {rho:g}$", tuple(map(float, depths)), tuple(K[:, k])) for k, rho in enumerate(RHO)),
        (("1/4", LIMIT), ("1", 1.0)), "x", "It tends to 1/4 for every pair of distinct points, not to 1.",
    )  # fmt: skip


def _proven_fall(subject: Subject) -> tuple[str, bool, dict[str, Any]]:
    """That K_L falls, in balls, and that the subject is inside of them."""
    peak, start = refutations.theorem_2_is_not_monotone(), refutations.theorem_2_falls_from_the_start(("1/2",), 10)
    below = refutations.theorem_2_stays_below()
    away = max(
        each.error_of(float(points.elementwise(subject.tangent, np.array([rho]), depth)[0]))
        for rho, first, proof in ((0.0, 11, peak), (0.5, 1, start))
        for depth, each in enumerate(proof.evidence, first)
    )
    text = (
        f"Proven: at rho_1 = 0 K_11 = {peak.evidence[0].text}, K_12 = {peak.evidence[1].text}, K_13 = "
        f"{peak.evidence[2].text}, the largest at L = 12 of all depths; at rho_1 = 1/2 K_L falls from L = 1 to 10. "
        f"Here it is within {away:.1e} of these."
    )
    return text, not (peak.proven and start.proven and below.proven and away < 1e-11), {"away": away}


def _proven_limit(depths: Numbers, K: Numbers) -> tuple[str, bool, dict[str, Any]]:
    """|K_L - 1/4| <= B(L) for all correlations up to 0.91, B(L) ~ (3/8) log L/L, and the subject's below it."""
    bounds = {depth: limit_bound(LARGEST, depth).value for depth in (*(int(depth) for depth in depths), *FAR)}
    parts = [float(np.max(np.abs(row - LIMIT))) / bounds[int(depth)] for depth, row in zip(depths, K, strict=True)]
    shown = ", ".join(f"{bounds[depth]:.2e} at L = {depth}" for depth in (100, 1000, *FAR))
    text = (
        f"Proven: for all correlations from -1 to {LARGEST} |K_L - 1/4| is at most {shown}, and (3/8) log L/L to first "
        f"order at every depth: K_L tends to 1/4. Here it is at most {max(parts):.3f} of the bound."
    )
    return text, max(parts) <= 1 and bounds[FAR[-1]] < 1e-5, {str(depth): value for depth, value in bounds.items()}


def _section_6_rate(subject: Subject) -> Looked:
    """The law of K_L - 1/4."""
    depths = np.array([10, 30, 100, 300, 1000])
    away = np.array([points.elementwise(subject.tangent, RHO, int(depth)) for depth in depths]) - LIMIT
    with np.errstate(invalid="ignore"):
        exponents = np.diff(np.log(away[-2:]), axis=0)[0] / -math.log(depths[-1] / depths[-2])
    of_logarithm = math.log(math.log(1000) / math.log(300)) / math.log(1000 / 300)
    scaled = [(row * depth - (expansions.abel_time(RHO) - 1.5) / 4) / math.log(depth)
              for depth, row in zip(depths, away, strict=True)]  # fmt: skip
    remainder = _remainder(depths, away + LIMIT, 30)
    sizes = tuple(map(float, depths))
    return [
        Evidence(
            "statement",
            f"Between depths 300 and 1000 K_L - 1/4 falls like L^-{exponents.min():.2f} to L^-{exponents.max():.2f}; a "
            f"logarithmic law would give L^-{of_logarithm:.2f} there.",
            bool(np.all((exponents > 0) & (exponents < 2 * of_logarithm))), MEASURED,
            {"exponents": exponents.tolist(), "logarithmic": of_logarithm},
        ),
        Evidence(
            "correction",
            f"L (K_L - 1/4) - (alpha(theta_1) - 3/2)/4 over log L is {scaled[-1].min():.4f} to {scaled[-1].max():.4f} "
            f"at L = 1000, 3/8 in the limit; what the two terms leave is within {remainder:.2f} log^2 L/L^2 from depth "
            "30 on.",
            bool(remainder < 1.5 and np.all(np.abs(scaled[-1] - 0.375) < 0.01)), DIGITS,
            {"scaled": [row.tolist() for row in scaled], "remainder": remainder},
        ),
        Evidence(
            "correction",
            f"It is slow: at depth 30 K is still {away[1].min():.3f} to {away[1].max():.3f} above 1/4, at depth 1000 "
            f"{away[-1].min():.4f} to {away[-1].max():.4f}.",
            bool(np.all(away[1] > 0.02)), DIGITS, {"30": away[1].tolist(), "1000": away[-1].tolist()},
        ),
        _sharper(depths, away + LIMIT),
        proved("correction", lambda: _proven_limit(depths, away + LIMIT)),
    ], Picture(
        "How fast the tangent kernel comes to its limit", "depth $L$", "$K_L - 1/4$",
        (*(Curve(rf"$\rho_1 = {rho:g}$", sizes, tuple(away[:, k])) for k, rho in enumerate(RHO)),
         Curve(r"$(3/8) \log L/L$", sizes, tuple(0.375 * np.log(depths) / depths))),
        (), "xy", "The distance from 1/4 is (3/8) log L/L and a part like 1/L that knows the angle.",
    )  # fmt: skip


CLAIMS = (
    Claim("lemma-1", "Lemma 1", "For every pair of points rho_L tends to 1 as L grows.", _lemma_1),
    Claim(
        "theorem-2", "Theorem 2", "For every pair of points K_L increases strictly with L and tends to 1.", _theorem_2,
        "For every pair of distinct points K_L tends to 1/4, and it is not monotone: from rho_1 >= 0.4 it falls from "
        "the start, from rho_1 <= 0.39 it rises at first, above 1/4, and then falls. What increases to 1 is rho_L "
        "(Lemma 1).",
        keeps_conclusion=False,
    ),
    Claim(
        "section-6-rate", "Section 6, rate", "The convergence of K_L is logarithmic, and so very slow.",
        _section_6_rate,
        "It is slow, but not logarithmic: K_L - 1/4 = (3/8) log L/L + (alpha(theta_1) - 3/2)/(4L) + O(log^2 L/L^2).",
    ),
)  # fmt: skip

__all__ = ["CLAIMS"]
