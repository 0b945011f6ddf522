"""Section 6: which sequences of kernels the argument holds for."""

import math

import numpy as np

from roughntk.audit import points, second_family
from roughntk.audit.certificates import proved
from roughntk.audit.claim import DIGITS, MEASURED, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.grounds import SEQUENCES
from roughntk.audit.ingredients import Numbers
from roughntk.audit.points import Kernel
from roughntk.audit.subject import Subject

DEEPEST = 200
CONDITIONS = "bounded", "positive definite", "determinant"
ALTERNATING = next(name for name in SEQUENCES if "a_L" in name)


def log_determinant(kernel: Kernel, X: Numbers, depth: int) -> float:
    """log det of the matrix divided by its diagonal."""
    K = points.matrix(kernel, X, depth)
    return float(np.linalg.slogdet(K)[1] - np.log(np.diag(K)).sum())


def shown(checked: dict) -> str:
    """The verdicts in words."""
    return ", ".join(f"{name} {checked[name]}" for name in CONDITIONS)


def kriging(kernel: Kernel, X: Numbers, x: Numbers, depth: int) -> Numbers:
    """u = K(X,X)^{-1} K(X,x), (n, m), with the common level of the entries taken out."""
    system, right = points.bordered(points.matrix(kernel, X, depth), points.matrix(kernel, X, depth, x))
    return np.asarray(np.linalg.solve(system, right)[:-1], dtype=np.float64)


def _criteria(subject: Subject) -> Looked:
    """The three conditions on the ReLU NTK and on a counterexample; and what is enough instead."""
    X, x = points.generic(6, 5, 4), points.generic(1, 5, 9)
    n, alternating = len(X), SEQUENCES[ALTERNATING][0]
    checked = {
        "ntk": subject.criteria(subject.tangent, DEEPEST),
        "nngp": subject.criteria(subject.covariance, DEEPEST),
        "sigmoid": subject.criteria(subject.sigmoid, DEEPEST),
        "alternating": subject.criteria(alternating, DEEPEST),
    }
    limit = (n - 1) * math.log(0.75) + math.log((3 + n) / 4)
    logs = {depth: log_determinant(subject.tangent, X, depth) for depth in (100, 1000, 10_000)}
    apart = {depth: abs(value - limit) for depth, value in logs.items()}
    two = [kriging(alternating, X, x, depth) for depth in (1999, 2000)]
    jump = float(np.abs(two[1] - two[0]).max())
    singular = log_determinant(alternating, X, 2000)
    moved = {name: _moved(kernel, X, x) for name, kernel in _kernels(subject)}
    ends = {"ntk": 1 / (n + 3), "nngp": 1 / n}
    off = {
        "ntk": float(np.abs(kriging(subject.tangent, X, x, 10_000) - ends["ntk"]).max()),
        "nngp": float(np.abs(kriging(subject.covariance, X, x, 1000) - ends["nngp"]).max()),
    }
    evidence = [
        Evidence(
            "statement",
            f"The determinant of the ReLU NTK itself does not tend to 0: at L = 100, 1,000 and 10,000 its "
            f"log on {n} points is {', '.join(f'{value:.4f}' for value in logs.values())}, towards "
            f"log((3/4)^(n-1) (n + 3)/4) = {limit:.4f}; the criteria say: {shown(checked['ntk'])}.",
            not (apart[10_000] < apart[1000] / 2 < apart[100] / 4 and apart[10_000] < 0.01)
            or checked["ntk"]["determinant"] == "holds",
            DIGITS, {"logs": list(logs.values()), "limit": limit, "verdict": checked["ntk"]["determinant"]},
        ),
        Evidence(
            "statement",
            f"k_L = {ALTERNATING} has all three ({shown(checked['alternating'])}; log det {singular:.1f} at L = 2,000) "
            f"and coefficients without a limit: from L = 1,999 to 2,000 they change by {jump:.3f}.",
            jump < 1e-2 or not all(checked["alternating"][name] == "holds" for name in CONDITIONS),
            DIGITS, {"jump": jump, "log_determinant": singular},
        ),
        Evidence(
            "correction",
            "The criteria say that the coefficients of ReLU NTK, ReLU NNGP and second family have limits, and those of "
            f"the alternating sequence none: {[checked[name]['has_limit'] for name in checked]}.",
            [each["has_limit"] for each in checked.values()] == [True, True, True, False], MEASURED,
            {name: each["has_limit"] for name, each in checked.items()},
        ),
        Evidence(
            "correction",
            "From each depth to twice that depth the coefficients on 6 points move "
            + "; ".join(f"{name}: {', '.join(f'{value:.1e}' for value in values)}" for name, values in moved.items())
            + " (L = 16, 32, ..., 256): each below 0.85 times the one before it, a finite sum if that goes on.",
            all(_shrinks(values) for values in moved.values()), MEASURED, dict(moved),
        ),
        Evidence(
            "correction",
            f"Those of the NTK are {off['ntk']:.1e} from 1/(n + 3) at L = 10,000, those of the NNGP {off['nngp']:.1e} "
            "from 1/n at L = 1,000, whose determinant tends to 0.",
            off["ntk"] < 1e-3 and off["nngp"] < 0.02, DIGITS, off,
        ),
        _one_factor(subject, X, checked["sigmoid"]),
    ]  # fmt: skip
    depths = (16.0, 32.0, 64.0, 128.0, 256.0)
    curves = tuple(Curve(name, depths[: len(values)], tuple(values), marks=True) for name, values in moved.items())
    caption = "Summable movements are enough for a limit, whatever the determinant does."
    title = "How far coefficients move while depth doubles"
    return evidence, Picture(title, "depth $L$", "$|u_{2L} - u_L|$", curves, (), "xy", caption)


def _kernels(subject: Subject) -> list[tuple[str, Kernel]]:
    return [("ReLU NTK", subject.tangent), ("ReLU NNGP", subject.covariance)]


def _moved(kernel: Kernel, X: Numbers, x: Numbers) -> list[float]:
    every = [kriging(kernel, X, x, 2**k) for k in range(4, 10)]
    return [float(np.abs(b - a).max()) for a, b in zip(every, every[1:], strict=False)]


def _shrinks(values: list[float]) -> bool:
    return all(after < 0.85 * before for before, after in zip(values, values[1:], strict=False))


def _one_factor(subject: Subject, X: Numbers, checked: dict) -> Evidence:
    """The second family's increments shrink by lambda for all pairs."""
    _, multiplier = second_family.fixed_point()
    pairs = points.correlations(X)[np.triu_indices(len(X), 1)]
    values = [subject.sigmoid(pairs, depth) for depth in (10, 11, 12)]
    ratios = (values[2] - values[1]) / (values[1] - values[0])
    apart = float(np.abs(ratios - multiplier).max())
    return Evidence(
        "correction",
        f"The increments of the second family shrink by {float(np.median(ratios)):.6f} for all pairs, its lambda to "
        f"{apart:.0e}: one hyperbolic fixed point (criteria: {checked['hyperbolic']}).",
        apart < 1e-4 and checked["hyperbolic"] == "holds", DIGITS, {"difference": apart},
    )  # fmt: skip


def _second_family(subject: Subject) -> Looked:
    """Bounded, and singular in the limit, but not positive definite."""
    checked = subject.criteria(subject.sigmoid, DEEPEST)
    _, multiplier = second_family.fixed_point()
    fine = np.linspace(-1, 1, 201)
    largest = max(
        float((np.abs(subject.sigmoid(fine, depth)) / subject.sigmoid(fine[-1:], depth)).max())
        for depth in (1, 2, 3, 8)
    )
    X = points.generic(5, 4, 3)
    logs = [log_determinant(subject.sigmoid, X, depth) for depth in (6, 7, 8)]
    falls = float(np.exp(logs[2] - logs[1]))
    wanted = multiplier ** (len(X) - 1)
    eigenvalues = [second_family.harmonic(subject, depth) for depth in (2, 4, 8)]
    return [
        Evidence(
            "statement",
            f"Not positive definite from any depth on: on 6 equispaced points of a circle an eigenvalue is "
            f"{eigenvalues[0]:.5f}, {eigenvalues[1]:.5f} and {eigenvalues[2]:.1e} at L = 2, 4 and 8; the criteria say "
            f"{checked['positive definite']}.",
            min(eigenvalues) >= 0 or checked["positive definite"] == "holds", DIGITS, {"eigenvalues": eigenvalues},
        ),
        proved("correction", second_family.indefinite_at_every_depth),
        Evidence(
            "correction",
            f"It is bounded by its diagonal: |eta_L| is at most {largest:.6g} of it at 201 correlations; the criteria "
            f"say {checked['bounded']}.",
            largest <= 1 + 1e-14 and checked["bounded"] == "holds", DIGITS, {"largest": largest},
        ),
        Evidence(
            "correction",
            f"The determinant on 5 points shrinks by {falls:.5f} a layer at L = 8, lambda^4 = {wanted:.5f}; the "
            f"criteria say {checked['determinant']}.",
            abs(falls / wanted - 1) < 0.01 and checked["determinant"] == "holds", DIGITS,
            {"factor": falls, "lambda_power": wanted},
        ),
        _one_factor(subject, X, checked),
    ], None  # fmt: skip


CLAIMS = (
    Claim(
        "section-6-criteria", "Section 6, criteria",
        "The argument holds for kernels that are bounded by their diagonal, positive definite from some depth on, and "
        "whose normalised determinant tends to 0, as for the ReLU NTK: their coefficients have a limit.",
        _criteria,
        "The determinant decides nothing: that of the ReLU NTK tends to (3/4)^(n-1) (n + 3)/4, and there are sequences "
        "with all three conditions whose coefficients alternate. Enough for a limit are increments of the coefficients "
        "with a finite sum, as those of both networks' kernels, or one hyperbolic fixed point, as the second family's.",
    ),
    Claim(
        "section-6-second-family", "Section 6, second family",
        "The second family (1 + exp(-eta_L))^(-2) fulfils these conditions.", _second_family,
        "It is bounded by its diagonal and its determinant tends to 0 like lambda^(L (n-1)), but it is not positive "
        "definite; where its matrices can be inverted the coefficients have a limit, since its increments shrink by "
        "one factor.",
        keeps_conclusion=False,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "kriging", "log_determinant"]
