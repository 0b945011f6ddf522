r"""Reading a paper with a computer: the audit.

A theorem in a paper is a statement, and a statement has consequences that can be computed. You will follow one claim of
the paper this package grew from (arXiv:2511.07272) from its statement to the evidence to a verdict, first by hand and
then with `rn.study.audit`, see how the rule decides, and try to deceive it.

Claim: the kernel $K_L$ of two distinct inputs does not increase to 1, as Theorem 2 of the paper has it; it tends to
1/4, and the audit finds this by itself. An audit with a wrong layer in it decides nothing.

    python examples/tutorials/12_reading_a_paper.py [FIGURE.png]
"""

import math
import textwrap

import matplotlib
import numpy as np

import roughntk as rn
from roughntk.audit import CLAIMS, Subject
from roughntk.audit.claim import DIGITS, Evidence, decide
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas

STARTS = (-0.5, 0.3, 0.5, 0.9)
"""Correlations of pairs of inputs."""


def kernel_by_hand(rho, deepest):
    """rho_L and K_L of the normalised ReLU tangent kernel, L = 1, ..., deepest, by the paper's own recurrence."""
    correlations, kernels = [rho], [rho]
    for layers in range(1, deepest):
        z, K = correlations[-1], kernels[-1]
        slope = (math.pi - math.acos(z)) / math.pi
        correlations.append((math.sqrt(1 - z * z) + z * (math.pi - math.acos(z))) / math.pi)
        kernels.append((layers * slope * K + correlations[-1]) / (layers + 1))
    return np.array(correlations), np.array(kernels)


def main():
    # %%
    # ## A statement
    #
    # Theorem 2 says, in our words: *for every pair of points $K_L$ increases strictly with $L$ and tends to 1.* Here
    # $K_L$ is the tangent kernel of an infinitely wide ReLU network of depth $L$, divided by its diagonal.
    #
    # Before you compute anything, ask what the statement forbids. It forbids even a single $L$ with
    # $K_{L+1} \le K_L$, for any pair. So take a pair, here with the correlation 0.5, and look. What do you expect?
    print(f"{CLAIMS['theorem-2'].place}: {CLAIMS['theorem-2'].statement}")
    correlation, kernel = kernel_by_hand(0.5, 1000)
    for _depth in (1, 2, 3, 10, 100, 1000):
        print(f"L = {_depth:4d}: rho_L = {correlation[_depth - 1]:.5f}, K_L = {kernel[_depth - 1]:.5f}")

    # %%
    # ## Is it the paper, or is it us?
    #
    # $\rho_L$ does what the theorem says; $K_L$ does the opposite. One number against a theorem is not enough. The
    # program may be wrong, or the formula misread, or the numbers rounded. So ask for the same numbers by other
    # routes: the package computes $K_L$ without a loop; and there is a reason that does not need a computer. With the
    # angle $\theta_L = \arccos \rho_L$, which falls like $3\pi/L$, the recurrence is
    #
    # $$(L + 1) K_{L+1} = L K_L \Big(1 - \frac{\theta_L}{\pi}\Big) + \rho_{L+1}.$$
    #
    # So $S_L = L K_L$ obeys $S' = -\frac{3}{L} S + 1$ for large $L$. Every solution comes near to $S = L/4$.
    package = np.asarray(rn.kernels.ReluNTK().at_correlation(0.5, np.arange(1, 1001)))
    print(f"largest distance from the package: {np.abs(package - kernel).max():.0e}")
    print(f"at depth 10^9 the package has {float(rn.kernels.ReluNTK().at_correlation(0.5, 1e9)):.7f}")
    assert np.abs(package - kernel).max() < 1e-10  # the recurrence by hand loses some digits near rho = 1
    assert (np.diff(kernel) < 0).all() and (np.diff(correlation) > 0).all()

    # %%
    # ## From evidence to a verdict
    #
    # The audit does the same for every claim. It computes pieces of evidence, each on the statement, on a correction,
    # or on the *ground*: whether the objects that were examined are those that the paper defines.
    audit = rn.study.audit(["theorem-2", "proposition-2"], out=None)
    theorem = audit.of("theorem-2")
    print(audit.headline)
    for _piece in theorem.evidence:
        _answer = {True: "supports", False: "speaks against", None: "is silent on"}[_piece.supports]
        print(f"- {_answer} the {_piece.about} ({_piece.method}):", textwrap.shorten(_piece.text, 90))
    print(f"Verdict: {theorem.verdict}. What is true: {theorem.correction}")
    assert theorem.verdict == "fails" and audit.of("proposition-2").verdict == "holds"

    # %%
    # ## Nobody writes the verdict down
    #
    # One rule reads the evidence. *Fails* means: something speaks against the statement, and what is true instead
    # says something else. If the correction keeps the conclusion (a missing condition, another rate), the claim
    # *holds with correction*. If even the correction has no support, the claim is *not decidable here*. Try the rule.
    against = Evidence("statement", "K_2 < K_1 at the correlation 0.5.", False, DIGITS)
    instead = Evidence("correction", "K_L is 1/4 + 0.0038 at L = 1000.", True, DIGITS)
    print("both pieces:        ", decide(CLAIMS["theorem-2"], [against, instead])[0])
    print("only what is against:", decide(CLAIMS["theorem-2"], [against])[0])

    # %%
    # ## Try to deceive it
    #
    # A check that cannot fail is worth nothing. Give the audit the layer of another network, $h(z) = (1 + z)/2$, in
    # which correlations also increase to 1. Proposition 2 is about the ReLU layer. Will the audit say that it fails?
    wrong = Subject.made_of(correlation_map=lambda z: (1 + z) / 2)
    deceived = rn.study.audit(["proposition-2"], out=None, subject=wrong).of("proposition-2")
    print(f"{deceived.verdict}: {deceived.reason}")
    assert deceived.verdict == "not decidable here"

    # %%
    # ## What it means
    #
    # With the wrong layer the audit neither accuses the paper nor clears it: the ground gave way, so it decides
    # nothing.
    #
    # Theorem 2 fails, and something close to it is true: the *covariance* kernel $\rho_L$ does increase to 1 (Lemma
    # 1), and $K_L$ does have a limit. Of what the paper builds on it, what needs a limit survives (the coefficients
    # of the predictor converge: `theorem-3-limit`), and what needs a matrix of ones does not (`determinant-to-zero`).
    # That is the use of an audit: not to give marks, but to tell what may be built on. `roughntk audit` looks at all
    # claims.
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 1, (7.2, 4.2))
        _axis, _depths = axes[0, 0], np.arange(1, 1001)
        for _rho, _colour in zip(STARTS, COLOURS, strict=False):
            _axis.plot(_depths, kernel_by_hand(_rho, 1000)[1], color=_colour, label=rf"$K_L$ from $\rho_1 = {_rho}$")
        _axis.plot(_depths, correlation, color="#777777", ls=":", label=r"$\rho_L$ from $\rho_1 = 0.5$")
        _axis.axhline(0.25, label="1/4", **LIMIT_STYLE)
        _axis.set(title="What Theorem 2 says of $K_L$ is true of $\\rho_L$", xlabel="depth $L$", ylabel="kernel")
        _axis.set(xscale="log", ylim=(-0.55, 1.05), xticks=(_ticks := [1, 10, 100, 1000]), xticklabels=_ticks)
        _axis.legend(loc="lower right", ncols=2)
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
