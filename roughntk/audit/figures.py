"""Figure 1, Table 1, and the remark on mean field theory."""

import math

import numpy as np

from roughntk import certify
from roughntk.audit import points, second_family
from roughntk.audit.certificates import proved
from roughntk.audit.claim import DIGITS, IDENTITY, MEASURED, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.coefficient_limits import sigmoid_limit
from roughntk.audit.criteria import kriging
from roughntk.audit.grounds import by_layers, expected_slopes
from roughntk.audit.ingredients import Numbers
from roughntk.audit.points import Kernel
from roughntk.audit.subject import Subject

DIMENSION, TRAINING, DEPTHS = 128, 6, 30
NEAR = 0.1
"""Nearer to its limit than a tenth of it, a curve has come near it."""
SETTLED = 10_000
BEFORE_ROUNDING = 12
"""At which eta_L differ from c by 1e-6 or so; deeper their coefficients, 5e-7 from the limit, are lost in rounding."""


def law(lowest: float, seed: int) -> tuple[Numbers, Numbers]:
    """Six points and a seventh of Figure 1: uniform on [lowest, 1]^128, projected canonically."""
    rows = np.random.default_rng(seed).uniform(lowest, 1.0, (TRAINING + 1, DIMENSION))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows[:TRAINING], rows[TRAINING:]


def _figure_1(subject: Subject) -> Looked:
    """The curves at depth 30, and their limits."""
    X, x = law(0.0, 1)
    pairs = points.correlations(np.concatenate([X, x]))[np.triu_indices(TRAINING + 1, 1)]
    c, _ = second_family.fixed_point()
    kernels: dict[str, tuple[Kernel, float, Numbers]] = {
        "K": (subject.tangent, 0.25, np.full(TRAINING, 1 / (TRAINING + 3))),
        "rho": (subject.covariance, 1.0, np.full(TRAINING, 1 / TRAINING)),
        "eta": (subject.sigmoid, c, sigmoid_limit(X, x)[:, 0]),
    }
    off, moved = {}, {}
    for name, (kernel, limit, u) in kernels.items():
        off[name] = float(np.abs(kernel(pairs, DEPTHS) / limit - 1).max())
        last = BEFORE_ROUNDING if name == "eta" else DEPTHS
        moved[name] = float(np.abs(kriging(kernel, X, x, last)[:, 0] / u - 1).max())
    K = {
        rho: [float(subject.tangent(np.array([rho]), depth)[0]) for depth in (2, 5, 10, 20, 30)] for rho in (0.75, 0.0)
    }
    apart = max(abs(values[-1] - by_layers(rho, DEPTHS)[1]) for rho, values in K.items())
    late = [float(subject.tangent(np.array([0.75]), depth)[0] / 0.25 - 1) for depth in (1000, 2000)]
    settled = float(np.abs(subject.tangent(pairs, SETTLED) / 0.25 - 1).max())
    followed = float(np.abs(kriging(subject.tangent, X, x, SETTLED)[:, 0] * (TRAINING + 3) - 1).max())
    evidence = [
        Evidence(
            "statement",
            f"K_L: from rho_1 = 0.75 it is {', '.join(f'{value:.4f}' for value in K[0.75])} at L = 2, 5, 10, 20, 30, "
            f"from 0 it is {', '.join(f'{value:.4f}' for value in K[0.0])} ({apart:.0e} from quadrature): at depth 30 "
            f"up to {off['K']:.0%} from the limit 1/4 on the points of the figure.",
            off["K"] < NEAR, DIGITS, {"K": K[0.75], "K_from_0": K[0.0], "difference": apart, "off": off["K"]},
        ),
        proved("statement", lambda: _digits_at_30(subject)),
        Evidence(
            "statement", f"rho_L: within {off['rho']:.1%} of 1 at depth 30.", off["rho"] < NEAR, DIGITS,
            {"off": off["rho"]},
        ),
        Evidence(
            "statement",
            f"eta_L: within {off['eta']:.0e} of c at depth 30, its coefficients within {moved['eta']:.0e} of their "
            f"limit at depth {BEFORE_ROUNDING}.",
            off["eta"] < NEAR and moved["eta"] < 1e-5, DIGITS, {"off": off["eta"], "moved": moved["eta"]},
        ),
        Evidence(
            "statement",
            f"Coefficients at depth 30: those of K up to {moved['K']:.0%} from 1/(n + 3), those of rho up to "
            f"{moved['rho']:.0%} from 1/n (n = {TRAINING}).",
            moved["K"] < NEAR and moved["rho"] < NEAR, DIGITS, {"K": moved["K"], "rho": moved["rho"]},
        ),
        Evidence(
            "correction",
            f"K_L from rho_1 = 0.75 is {late[0]:.2%} from 1/4 at L = 1,000 and {late[1]:.2%} at L = 2,000; at L = "
            f"{SETTLED:,} all pairs are within {settled:.2%} of it and the coefficients within {followed:.2%} of "
            "1/(n + 3).",
            late[0] > 0.01 > late[1] > 0 and settled < 0.005 and followed < 0.005, DIGITS,
            {"late": late, "off": settled, "coefficients": followed},
        ),
        Evidence(
            "correction",
            f"rho_30 is within {off['rho']:.1%} of its limit, eta_30 within {off['eta']:.0e}.",
            off["rho"] < NEAR and off["eta"] < 1e-12, DIGITS, {"rho": off["rho"], "eta": off["eta"]},
        ),
    ]  # fmt: skip
    depths = tuple(map(float, range(1, DEPTHS + 1)))
    curves = tuple(
        Curve(f"${symbol}$, $\\rho_1 = {rho:g}$", depths,
              tuple(float(kernel(np.array([rho]), int(depth))[0]) for depth in depths))
        for symbol, kernel in (("K_L", subject.tangent), (r"\rho_L", subject.covariance), (r"\eta_L", subject.sigmoid))
        for rho in (0.75, 0.0)
    )  # fmt: skip
    levels = (("limit of $K_L$", 0.25), (r"limit of $\rho_L$", 1.0), (r"limit of $\eta_L$", c))
    caption = "At depth 30 K_L is far from its limit 1/4; the others have come near theirs."
    return evidence, Picture("What depth 30 shows", "depth $L$", "kernel of a pair", curves, levels, "", caption)


def _digits_at_30(subject: Subject) -> tuple[str, bool, dict]:
    """K_30 enclosed; it refutes the statement if it is the subject's and lies a tenth or more above 1/4."""
    known = {text: certify.kernel(text, DEPTHS) for text in ("0.75", "0")}
    values = [float(subject.tangent(np.array([float(text)]), DEPTHS)[0]) for text in known]
    off = max(abs(value - float(each.lower)) for value, each in zip(values, known.values(), strict=True))
    far = all(float(each.lower) > 0.25 * (1 + NEAR) for each in known.values())
    shown = " and ".join(each.text for each in known.values())
    text = f"Proven digits of K_30 from rho_1 = 0.75 and 0: {shown}; float64 is {off:.0e} from them."
    return text, not (far and off < 1e-12), {"difference": off}


def _table_1(subject: Subject) -> Looked:
    """What the table and the abstract say of this work."""
    pairs = np.array([-0.9, 0.0, 0.5, 0.9])
    depths = (100, 1000, 10_000)
    K = [float(np.abs(subject.tangent(pairs, depth) - 0.25).max()) for depth in depths]
    rho = [float(np.abs(subject.covariance(pairs, depth) - 1).max()) for depth in depths]
    X, x = points.generic(6, 5, 4), points.generic(1, 5, 9)
    u = [float(np.abs(points.coefficients(subject.tangent, X, x, depth) * 9 - 1).max()) for depth in depths]
    falling = all(b < a / 4 for a, b in zip(K, K[1:], strict=False))
    return [
        Evidence(
            "statement",
            f"The normalised tangent kernel between different points does not approach 1: it is within "
            f"{', '.join(f'{value:.1e}' for value in K)} of 1/4 at L = 100, 1,000, 10,000 (correlations from -0.9 to "
            "0.9).",
            not (falling and K[-1] < 1e-3), DIGITS, {"distance": K},
        ),
        proved("statement", lambda: _bounded_distance(subject)),
        Evidence(
            "statement",
            f"On the sphere the coefficients approach a fixed limit, 1/(n + 3) = 1/9 on 6 points of S^4: relative "
            f"distances {', '.join(f'{value:.1e}' for value in u)} at these depths.",
            all(b < a / 4 for a, b in zip(u, u[1:], strict=False)) and u[-1] < 1e-2, DIGITS, {"distance": u},
        ),
        Evidence(
            "correction",
            f"What approaches the matrix of ones is the covariance: 1 - rho_L is at most "
            f"{', '.join(f'{value:.1e}' for value in rho)} at these depths.",
            all(b < a / 50 for a, b in zip(rho, rho[1:], strict=False)), DIGITS, {"distance": rho},
        ),
        Evidence(
            "correction", f"The tangent kernel approaches 3/4 I + 1/4 11^T: at L = 10,000 to {K[-1]:.1e}.",
            falling and K[-1] < 1e-3, DIGITS, {"distance": K[-1]},
        ),
    ], None  # fmt: skip


def _bounded_distance(subject: Subject) -> tuple[str, bool, dict]:
    """The proven bound of |K_L - 1/4|; it refutes the statement if the subject's kernel obeys it."""
    depths, largest = (1000, 10_000, 10**9), "0.9"
    bounds = [certify.limit_bound(largest, depth).value for depth in depths]
    values = [subject.tangent(np.linspace(-1, float(largest), 39), depth) for depth in depths[:2]]
    inside = all(np.abs(value - 0.25).max() <= bound for value, bound in zip(values, bounds, strict=False))
    shown = ", ".join(f"{bound:.1e}" for bound in bounds)
    text = (
        f"Proven: for all correlations from -1 to {largest} |K_L - 1/4| is at most {shown} at L = 1,000, 10,000, 10^9; "
        f"the kernel {'obeys' if inside else 'does not obey'} it at 39 of them."
    )
    return text, not (inside and bounds[-1] < 1e-6), {"bounds": bounds}


def _other_works(subject: Subject) -> Looked:
    """Nothing to compute."""
    text = (
        "Rows about other works compare what their texts say (settings, rates, kinds of limits); no computation "
        "decides what a text says, and the texts are not here."
    )
    return [Evidence("statement", text, None, MEASURED)], None


def erf_network(weight_variance: float, bias_variance: float = 0.1) -> tuple[float, float, Numbers]:
    """(variance, multiplier at correlation 1, correlations of 400 layers from 0.3) of the erf network.

    q' = s (2/pi) arcsin(2q/(1 + 2q)) + b at its fixed point, c' = (s (2/pi) arcsin(2qc/(1 + 2q)) + b)/q, and the
    multiplier s (4/pi)/sqrt(1 + 4q).

    Source: Williams1998.
    """
    q = 1.0
    for _ in range(5000):
        q = weight_variance * 2 / math.pi * math.asin(2 * q / (1 + 2 * q)) + bias_variance
    c = [0.3]
    for _ in range(400):
        c.append((weight_variance * 2 / math.pi * math.asin(2 * q * c[-1] / (1 + 2 * q)) + bias_variance) / q)
    return q, weight_variance * 4 / math.pi / math.sqrt(1 + 4 * q), np.array(c)


def _mean_field(subject: Subject) -> Looked:
    """Criticality of the ReLU network, and both phases beside it."""
    multiplier, known = float(subject.slope(np.array([1.0]))[0]), expected_slopes(1.0)
    depths = (100, 1000, 10_000)
    gaps = [float(1 - subject.covariance(np.array([0.0]), depth)[0]) for depth in depths]
    powers = [math.log10(a / b) for a, b in zip(gaps, gaps[1:], strict=False)]
    constant = gaps[-1] * depths[-1] ** 2 / (9 * math.pi**2 / 2)
    biased = 1 - subject.biased(np.array([0.0]), 38)[0], 1 - subject.biased(np.array([0.0]), 40)[0]
    factor = math.sqrt(float(biased[1] / biased[0])) if min(biased) > 0 else math.nan
    phases = {s: erf_network(s) for s in (1.0, 2.5)}
    ordered, chaotic = phases[1.0], phases[2.5]
    left = [float(np.abs(1 - ordered[2][depth])) for depth in (20, 40)]
    speed = (left[1] / left[0]) ** (1 / 20)
    return [
        Evidence(
            "statement",
            f"The multiplier h'(1) of a ReLU network of He's weights is {multiplier:.15g} (quadrature: {known:.15g}): "
            "critical.",
            abs(multiplier - 1) < 1e-12 and abs(known - 1) < 1e-12, IDENTITY, {"multiplier": multiplier},
        ),
        Evidence(
            "statement",
            f"Correlations converge like a power of depth: 1 - rho_L falls like L^-{powers[0]:.3f} from 100 to 1,000 "
            f"layers and like L^-{powers[1]:.3f} to 10,000, where it is {constant:.4f} of 9 pi^2/(2 L^2).",
            abs(powers[1] - 2) < 0.02 and abs(powers[1] - 2) < abs(powers[0] - 2) and abs(constant - 1) < 0.01, DIGITS,
            {"powers": powers, "constant": constant},
        ),
        Evidence(
            "statement",
            f"With biases and weights of half the variance the kernel converges exponentially, by {factor:.5f} a layer "
            "(2^(-1/2) = 0.70711): ordered.",
            abs(factor - math.sqrt(0.5)) < 1e-3, DIGITS, {"factor": factor},
        ),
        Evidence(
            "statement",
            f"In an erf network with biases of variance 0.1 the weights' variance decides: at 1 the multiplier is "
            f"{ordered[1]:.4f} and correlations tend to 1 by {speed:.4f} a layer (ordered), at 2.5 it is "
            f"{chaotic[1]:.4f} and they tend to {chaotic[2][-1]:.4f} instead (chaotic).",
            ordered[1] < 1 < chaotic[1] and abs(speed - ordered[1]) < 1e-3 and chaotic[2][-1] < 0.9, DIGITS,
            {"ordered": ordered[1], "chaotic": chaotic[1], "limit": float(chaotic[2][-1])},
        ),
    ], None  # fmt: skip


CLAIMS = (
    Claim(
        "figure-1", "Figure 1",
        "Depth 30 shows the limits: the curves of K_L, rho_L and eta_L and of their coefficients have come near them.",
        _figure_1,
        "At depth 30 rho_L is within a few percent of 1 and eta_L has reached c with its coefficients, but K_L, which "
        "tends to 1/4, is still up to 40 % above it, and the coefficients of both networks are about 20 % away: "
        "they need thousands of layers.",
        keeps_conclusion=False,
    ),
    Claim(
        "table-1", "Table 1 and abstract",
        "At infinite depth the normalised tangent kernel of ReLU networks approaches the matrix of ones, while the "
        "closed-form solution approaches a fixed limit on the sphere.",
        _table_1,
        "The tangent kernel approaches 3/4 I + 1/4 11^T, and the covariance the matrix of ones; the solution does "
        "approach a fixed limit.",
        keeps_conclusion=False,
    ),
    Claim(
        "table-1-other-works", "Table 1, other works", "What the table says of other works.", _other_works,
    ),
    Claim(
        "mean-field-remark", "Related work",
        "ReLU networks with He's weights are at the critical point of mean field theory, where correlations converge "
        "like a power of depth; other variances of weights and biases make it exponential (order) or chaos. (What is "
        "said there about training is left out: nothing here decides it.)",
        _mean_field,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "erf_network", "law"]
