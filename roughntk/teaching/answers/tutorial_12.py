"""Exercises of tutorial 12: reading a paper with a computer."""

import math

import jax.numpy as jnp
import numpy as np

from roughntk import kernels, sphere
from roughntk.audit.claim import DIGITS, Claim, Evidence, decide
from roughntk.teaching.exercise import Exercise

_NTK = kernels.ReluNTK()


def _depth_of_the_largest() -> int:
    depths = np.arange(1, 101)
    return int(depths[np.argmax(np.asarray(_NTK.at_correlation(jnp.asarray(0.3), depths)))])


def _distance(depth: float) -> float:
    return float(_NTK.at_correlation(jnp.asarray(0.5), depth)) - 0.25


def _verdict_with_a_condition() -> str:
    claim = Claim(
        "theorem-0", "Theorem 0", "A", lambda subject: ([], None), correction="A, if B", keeps_conclusion=True
    )
    evidence = [
        Evidence("statement", "Without B it is not so.", False, DIGITS),
        Evidence("correction", "", True, DIGITS),
    ]
    return decide(claim, evidence)[0]


def _limit_of_the_determinant() -> float:
    return float(np.linalg.det(np.asarray(_NTK(sphere.uniform(5, 3, 0), depth=math.inf))))


EXERCISES = (
    Exercise(
        key="12.1",
        question=(
            "From a correlation of 0.5 the kernel $K_L$ falls from the start. From $\\rho_1 = 0.3$ it does rise at "
            "first. At which whole depth is it largest?"
        ),
        answer=_depth_of_the_largest,
        tolerance=0.0,
        hint=(
            "Run the recurrence of the tutorial, or hand `np.arange(1, 101)` to "
            "`rn.kernels.ReluNTK().at_correlation(0.3, ...)`, and take `argmax`. Mind that depth starts at 1."
        ),
        explanation=(
            "At depth 6, with 0.353. Up to here a picture would have supported the theorem. A trend over six depths "
            "is no evidence for a limit."
        ),
    ),
    Exercise(
        key="12.2",
        question=(
            "The paper calls the convergence of $K_L$ to its limit *logarithmic*. If $K_L - \\frac14$ fell like "
            "$1/\\log L$, the distance at $L = 10^6$ would be one half of that at $L = 10^3$. What fraction is it, "
            "at $\\rho_1 = 0.5$? (Three digits.)"
        ),
        answer=lambda: _distance(1e6) / _distance(1e3),
        tolerance=0.005,
        hint="`rn.kernels.ReluNTK().at_correlation(0.5, 1e6)` needs no million layers.",
        explanation=(
            "About 0.00169: the distance is $\\frac38 \\log L/L$ to first order. The convergence is slow and not "
            "logarithmic, and the audit says *holds with correction*: what the paper concludes from it, that it is "
            "slow, stands."
        ),
    ),
    Exercise(
        key="12.3",
        question=(
            "Evidence speaks against a statement, since it leaves out a condition. With the condition it is true, "
            "other evidence supports that, and what the statement concludes stays as it is. What is the verdict, in "
            "the words of the audit?"
        ),
        answer=_verdict_with_a_condition,
        tolerance=0.0,
        hint=(
            "There are four verdicts: *holds*, *holds with correction*, *fails*, *not decidable here*. "
            "`roughntk.audit.claim.decide` applies the rule."
        ),
        explanation=(
            "It amends the statement and keeps its conclusion. *Fails* is the verdict where something else is true "
            "in its place."
        ),
    ),
    Exercise(
        key="12.4",
        question=(
            "Another claim of the paper is that the determinant of the kernel matrix tends to 0 with depth. Refute "
            "it for five distinct points: what does $\\det K_L$ tend to? (Three digits.)"
        ),
        answer=_limit_of_the_determinant,
        tolerance=0.001,
        hint=(
            "The limit matrix has 1 on its diagonal and 1/4 everywhere else. Its eigenvalues are $\\frac34$ (four "
            "times) and $\\frac34 + \\frac54$."
        ),
        explanation=(
            "$(3/4)^4 \\cdot 2 = 0.633$; for $n$ points $(3/4)^{n-1}(n + 3)/4$. It is small for large $n$, but it "
            "does not fall with depth."
        ),
    ),
)
