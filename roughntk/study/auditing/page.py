"""The page of an audit: a table of all verdicts, and a section for each claim."""

from collections.abc import Mapping

from markupsafe import Markup

from roughntk import __version__
from roughntk.audit.claim import Examined
from roughntk.study.auditing.result import ANSWERS, PAPER, Audit
from roughntk.study.report import Part, Section, drawn, template
from roughntk.study.result import Picture

ALL = "All verdicts"
EVIDENCE = ("about", "supports it", "method", "what was found")
NOTATION = [Part(head=("letters", "what they stand for"), rows=[
    ("x, X, n", "a test point, the n training points as rows; all of norm 1 unless something else is said"),
    ("L", "depth, the number of layers; L = 1 is the input layer, whose kernel is x.x'"),
    ("rho_L, h", "the correlation of two points in the L-th layer of an infinitely wide ReLU network (its covariance, "
     "normalised; the NNGP kernel); rho_{L+1} = h(rho_L)"),
    ("K_L", "the tangent kernel (NTK) of that network, normalised: K_L(x, x) = 1"),
    ("theta, w, alpha", "theta_L = arccos rho_L, w = 3 pi/theta; alpha(theta) grows by 1 with each layer"),
    ("eta_L, c, lambda", "the paper's second family, eta_{L+1} = (1 + exp(-eta_L))^(-2); its limit, and the factor a "
     "layer by which it is approached"),
    ("u_L", "the coefficients K_L(X,X)^-1 K_L(X,x) with which the trained network weights the labels"),
    ("A(t), psi_d, v^(L)", "the paper's path of matrices from K_L to K_{L+1}, its clock of width d, and the drivers "
     "of the equation that u obeys along that path"),
    ("J, 1, e_i", "the matrix of ones, the vector of ones, the i-th unit vector"),
])]  # fmt: skip
METHOD = (
    "Every verdict is read off the evidence by one rule. A claim holds where all evidence on it supports it. Where "
    "some does not, it holds with correction if the corrected statement keeps the conclusion and is supported, and "
    "fails otherwise. Nothing is decided where an ingredient is not what the paper defines (the lines called ground), "
    "or where the correction is not supported either. Proofs are by ball arithmetic, in which every rounding and every "
    "remainder is bounded; numeric evidence is compared with an independent route; simulations state standard errors; "
    "a trend that was measured is evidence, and no proof."
)


def render(result: Audit, pictures: Mapping[str, Picture]) -> str:
    """The whole page."""
    rows = [(_link(each), _badge(each.verdict), each.statement) for each in result.examined]
    table = Part(head=("claim", "verdict", "statement, in our words"), rows=rows)
    lines = [f"{result.headline}.", *(f"Missing: {text}" for text in result.missing)]
    sections = [Section("all-verdicts", ALL, lines, 1, [table])]
    if result.about == PAPER:
        sections.append(Section("notation", "Notation", parts=NOTATION))
    sections += [_section(each, pictures.get(each.key)) for each in result.examined]
    sections.append(Section("method", "How a verdict comes about", parts=[Part(text=METHOD)]))
    return template("audit.html.j2").render(
        about=result.about, version=__version__, headline=result.headline, sections=sections
    )


def _section(each: Examined, picture: Picture | None) -> Section:
    lines = [f"Claim: {each.statement}", f"Verdict: {each.verdict}. {each.reason}"]
    if each.correction:
        lines.append(f"What is true: {each.correction}")
    rows = [(piece.about, ANSWERS[piece.supports], piece.method, piece.text) for piece in each.evidence]
    took = Part(text=f"Key {each.key}; examined in {each.seconds:.1f} seconds.")
    parts = [Part(head=EVIDENCE, rows=rows), *(drawn([picture]) if picture is not None else []), took]
    return Section(each.key, f"{each.place}: {each.verdict}", lines, 1, parts)


def _link(each: Examined) -> Markup:
    return Markup('<a href="#{}">{}</a>').format(each.key, each.place)


def _badge(verdict: str) -> Markup:
    """The verdict in its colour."""
    return Markup('<span class="verdict {}">{}</span>').format(verdict.split()[-1], verdict)


__all__ = ["render"]
