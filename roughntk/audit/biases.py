"""Appendix A: what biases do."""

import math

import numpy as np

from roughntk.audit import points
from roughntk.audit.claim import DIGITS, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.grounds import expected_product, expected_slopes
from roughntk.audit.ingredients import Numbers
from roughntk.audit.subject import Subject

RHO = np.array([-1.0, -0.6, 0.0, 0.5, 0.9])
BETAS = 0.5, 1.0, 2.0
LAYERS = 80
NORM = 1.5
"""|x|^2/n0 of the inputs whose kernels are not normalised: the limit is not to depend on it."""


def unnormalised(rho: float, beta: float, layers: int) -> Numbers:
    """(Theta(x, x), Theta(x, x')) after these layers, sigma_w^2 = 1, by quadrature.

    Sigma' = E[relu relu] + beta^2, Theta' = Theta E[relu' relu'] + Sigma', each layer from the one before it.
    """
    same, other = NORM + beta**2, NORM * rho + beta**2
    tangent = np.array([same, other])
    for _ in range(layers):
        c = min(other / same, 1.0)
        slopes = np.array([0.5, expected_slopes(c) / 2])
        same, other = same / 2 + beta**2, same * expected_product(c) / 2 + beta**2
        tangent = tangent * slopes + np.array([same, other])
    return tangent


def _biases(subject: Subject) -> Looked:
    """The normalised kernel tends to 1 at the rate 2^{-L/2}; the unnormalised one to 4 beta^2."""
    depths = [2, 5, 10, 15, 20, 25, 30, 35, 40]
    gaps = np.array([1 - subject.biased(RHO, depth) for depth in depths])
    deep = float(np.abs(1 - subject.biased(RHO, 100)).max())
    factors = (gaps[-1] / gaps[-2]) ** (1 / (depths[-1] - depths[-2]))
    apart = float(np.abs(factors * math.sqrt(2) - 1).max())
    X = points.generic(5, 4, 3)
    K = points.matrix(subject.biased, X, 60)
    spread = float(np.ptp(K))
    ends = {beta: np.array([unnormalised(float(rho), beta, LAYERS) for rho in (-0.6, 0.5)]) for beta in BETAS}
    off = max(float(np.abs(value / (4 * beta**2) - 1).max()) for beta, value in ends.items())
    shown = ", ".join(f"{value.mean():.10g}" for value in ends.values())
    evidence = [
        Evidence(
            "statement",
            f"At 5 correlations from -1 to 0.9 the normalised kernel is {gaps[0].max():.2f} from 1 at L = 2 at most, "
            f"{gaps[6].max():.1e} at L = 30, {deep:.0e} at L = 100.",
            deep < 1e-13 and gaps[6].max() < 1e-3, DIGITS, {"gap_30": float(gaps[6].max()), "gap_100": deep},
        ),
        Evidence(
            "statement",
            f"The distance shrinks by {float(np.median(factors)):.6f} a layer (depths 35 to 40), 2^(-1/2) to "
            f"{apart:.0e}.",
            apart < 1e-3, DIGITS, {"factor": float(np.median(factors)), "difference": apart},
        ),
        Evidence(
            "statement", f"All 25 entries of the matrix of 5 points of S^3 agree to {spread:.0e} at L = 60.",
            spread < 1e-6, DIGITS, {"spread": spread},
        ),
        Evidence(
            "statement",
            f"Without the normalisation both entries after {LAYERS} layers of quadrature are {shown} for beta = 0.5, "
            f"1, 2 and |x|^2 = {NORM} n0: 4 beta^2 to {off:.0e}.",
            off < 1e-9, DIGITS, {"difference": off},
        ),
    ]  # fmt: skip
    curves = tuple(
        Curve(f"$\\rho_1 = {rho:g}$", tuple(map(float, depths)), tuple(map(float, gaps[:, k])))
        for k, rho in enumerate(RHO)
    )
    caption = "With biases the kernel tends to the matrix of ones like 2^(-L/2)."
    return evidence, Picture("Biases make all entries equal", "depth $L$", "$1 - K_L$", curves, (), "y", caption)


CLAIMS = (
    Claim(
        "appendix-a-biases", "Appendix A",
        "With biases all entries of the kernel become equal with depth: to 4 beta^2 at sigma_w^2 = 1.", _biases,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "unnormalised"]
