"""The page of an audit: a table of all verdicts, and a section for each claim."""

from collections.abc import Mapping

from markupsafe import Markup

from roughntk import __version__
from roughntk.audit.claim import Examined
from roughntk.study.auditing.result import Audit
from roughntk.study.report import Part, Section, drawn, template
from roughntk.study.result import Picture

ALL = "All verdicts"
EVIDENCE = ("about", "supports it", "method", "what was found")
ANSWERS = {True: "yes", False: "no", None: "not known"}
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
    sections = [Section("all-verdicts", ALL, [f"{result.headline}."], 1, [table])]
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
