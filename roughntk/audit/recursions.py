"""The recursions of the paper: Theorem 1, Propositions 1, 2 and 4."""

import math

import numpy as np

from roughntk.audit import points
from roughntk.audit.claim import DIGITS, SIMULATION, Claim, Evidence, Looked
from roughntk.audit.grounds import by_layers, expected_product, expected_slopes
from roughntk.audit.subject import Subject

CLOSE = 1e-10
RHO = np.array([-1.0, -0.99, -0.6, -0.2, 0.0, 0.3, 0.5, 0.8, 0.99, 1.0])
SIGMAS = 4.5
"""Standard errors of a mean that chance reaches once in 150,000."""


def _theorem_1(subject: Subject) -> Looked:
    """The recursion against the sum over layers by quadrature, and against random networks."""
    off = max(
        float(np.max(np.abs(subject.tangent(RHO, depth) - [by_layers(float(rho), depth)[1] for rho in RHO])))
        for depth in (2, 3, 5, 8)
    )
    X = points.generic(3, 3, 5)
    _, tangents = subject.networks.kernels(X, 128, 3, 300, 21)
    means, wanted = tangents.mean(axis=0), points.matrix(subject.tangent, X, 3)
    errors = tangents.std(axis=0, ddof=1) / math.sqrt(len(tangents))
    away = float(np.max(np.abs(means - wanted) / errors))
    return [
        Evidence(
            "statement",
            f"At depths 2 to 8 and 10 correlations the recursion is {off:.1e} from quadrature and the chain rule.",
            off < CLOSE, DIGITS, {"difference": off},
        ),
        Evidence(
            "statement",
            f"The mean tangent kernel of 300 random networks of width 128 and depth 3 is within {away:.1f} standard "
            "errors of it (6 entries).",
            away < SIGMAS, SIMULATION, {"standard_errors": away},
        ),
    ], None  # fmt: skip


def _proposition_1(subject: Subject) -> Looked:
    """Sigma_L(x, x) = 2^{-(L-1)}/n0, without the normalisation: E[relu(u)^2] = Sigma/2."""
    rho = float(subject.covariance(np.array([1.0]), 7)[0])
    value = expected_product(1.0)
    X = points.generic(2, 3, 7)
    covariances, _ = subject.networks.kernels(X, 128, 4, 300, 22)
    norms = covariances[:, 0, 0]
    away = (norms.mean() - 1) / (norms.std(ddof=1) / math.sqrt(len(norms)))
    return [
        Evidence(
            "statement",
            f"2 E[relu(u)^2] = {value:.15g} by quadrature and the correlation of a point with itself stays {rho:.15g}: "
            "Sigma(x, x) halves at each layer.",
            abs(value - 1) < 1e-12 and abs(rho - 1) < 1e-12, DIGITS, {"ratio": value / 2, "self": rho},
        ),
        Evidence(
            "statement",
            f"Of 300 random networks of width 128 with 3 hidden layers 2^3 |h|^2/n has mean {norms.mean():.3f}, "
            f"{away:+.1f} standard errors from 1.",
            abs(away) < SIGMAS, SIMULATION, {"mean": float(norms.mean()), "standard_errors": float(away)},
        ),
    ], None  # fmt: skip


def _proposition_2(subject: Subject) -> Looked:
    """rho_{L+1} = h(rho_L) with the closed form of h."""
    off = float(np.max(np.abs(subject.correlation_map(RHO) - [expected_product(float(rho)) for rho in RHO])))
    slopes = float(np.max(np.abs(subject.slope(RHO) - [expected_slopes(float(rho)) for rho in RHO])))
    state, along = RHO, 0.0
    for depth in range(2, 21):
        state = np.clip(subject.correlation_map(state), -1.0, 1.0)
        along = max(along, float(np.max(np.abs(subject.covariance(RHO, depth) - state))))
    return [
        Evidence(
            "statement", f"h is {off:.1e} from quadrature of 2 E[relu relu] at 10 correlations, both ends included.",
            off < CLOSE, DIGITS, {"difference": off},
        ),
        Evidence(
            "statement", f"h' is {slopes:.1e} from quadrature of 2 E[relu' relu'].", slopes < CLOSE, DIGITS,
            {"difference": slopes},
        ),
        Evidence(
            "statement", f"Nineteen layers of it are {along:.1e} from the kernel.", along < 1e-8, DIGITS,
            {"difference": along},
        ),
    ], None  # fmt: skip


def _proposition_4(subject: Subject) -> Looked:
    """The recurrence of K, K(x, x) = 1, and values in [0, 1]."""
    worst = 0.0
    for depth in range(1, 30):
        rho, following = subject.covariance(RHO, depth), subject.covariance(RHO, depth + 1)
        step = depth / (depth + 1) * subject.slope(rho) * subject.tangent(RHO, depth) + following / (depth + 1)
        worst = max(worst, float(np.max(np.abs(step - subject.tangent(RHO, depth + 1)))))
    one = float(max(abs(subject.tangent(np.array([1.0]), depth)[0] - 1) for depth in (1, 2, 10, 100)))
    fine = np.linspace(-1, 1, 401)
    values = {depth: subject.tangent(fine, depth) for depth in (1, 2, 3, 5, 10, 30, 100, 1000)}
    first, second = float(values[1].min()), float(values[2].min())
    least = min(float(value.min()) for depth, value in values.items() if depth > 2)
    most = max(float(value.max()) for value in values.values())
    return [
        Evidence(
            "statement", f"The recurrence holds to {worst:.1e} at depths 1 to 30.", worst < CLOSE, DIGITS,
            {"difference": worst},
        ),
        Evidence("statement", f"K_L(x, x) is 1 to {one:.1e}.", one < 1e-12, DIGITS, {"difference": one}),
        Evidence(
            "statement",
            f"K_1 = x.x' takes the value {first:.4g} on opposite points, and K_2 goes down to {second:.5f} (at "
            f"correlation {fine[np.argmin(values[2])]:.3f}): not in [0, 1].",
            first >= 0 and second >= 0, DIGITS, {"smallest_1": first, "smallest_2": second},
        ),
        Evidence(
            "correction",
            f"At depths 3 to 1000 and 401 correlations K_L lies between {least:.3g} and {most:.15g}.",
            least >= -1e-15 and most <= 1 + 1e-13 and worst < CLOSE and one < 1e-12, DIGITS,
            {"smallest": least, "largest": most},
        ),
    ], None  # fmt: skip


CLAIMS = (
    Claim(
        "theorem-1", "Theorem 1",
        "The tangent kernel of infinitely wide ReLU networks obeys Theta_{L+1} = Theta_L Sigma'_{L+1} + Sigma_{L+1}.",
        _theorem_1,
    ),
    Claim(
        "proposition-1", "Proposition 1", "On the sphere Sigma_L(x, x) = 2^{-(L-1)}/n0: it halves at each layer.",
        _proposition_1,
    ),
    Claim(
        "proposition-2", "Proposition 2",
        "The normalised covariance obeys rho_{L+1} = h(rho_L), h(z) = (sqrt(1 - z^2) + z (pi - arccos z))/pi.",
        _proposition_2,
    ),
    Claim(
        "proposition-4", "Proposition 4",
        "K_{L+1} = L/(L+1) h'(rho_L) K_L + 1/(L+1) h(rho_L), K_L(x, x) = 1, with values in [0, 1].", _proposition_4,
        "The recurrence and K_L(x, x) = 1 hold at every depth; the values lie in [0, 1] from depth 3 on: K_1 = x.x' "
        "and K_2 may be negative.",
    ),
)  # fmt: skip

__all__ = ["CLAIMS"]
