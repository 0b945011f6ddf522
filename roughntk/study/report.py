"""The report: one self-contained HTML page, from the template in templates/."""

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence

import jinja2
import numpy as np
from markupsafe import Markup, escape

from roughntk import __version__, _display
from roughntk.study.depths import depth_words, in_words
from roughntk.study.inline import inlined
from roughntk.study.result import Picture, Study
from roughntk.study.sentences import convergence_sentence
from roughntk.study.summary import ANSWER, CHECKS, DEPTH, family_words, summary_groups
from roughntk.study.width import width_paragraph

_DEPTH_FIGURES = ("coefficients", "kernel_entries", "infinite_depth", "driver_components", "variation")
_EXPONENT = re.compile(r"\d[\d.]*e[-+]\d+")


@dataclasses.dataclass(frozen=True)
class Part:
    """A piece of a section: a drawing with its caption, a table, or a paragraph."""

    text: str = ""
    drawing: Markup | None = None
    caption: str = ""
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


@dataclasses.dataclass(frozen=True)
class Section:
    """A section: its anchor and title, lines of the summary numbered from `first`, and what follows them."""

    key: str
    title: str
    lines: Sequence[str] = ()
    first: int = 1
    parts: Sequence[Part] = ()


def render(study: Study, pictures: Sequence[Picture]) -> str:
    """The whole page: everything in it is escaped, but the drawings that matplotlib wrote."""
    data = study.data.describe()
    return template("report.html.j2").render(
        name=data["name"],
        version=__version__,
        family=family_words(study),
        points=data["n"],
        test_points=data["m"],
        sections=_sections(study, pictures),
    )


def template(name: str) -> jinja2.Template:
    """A template of templates/; what it is given is escaped, unless it is markup."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("roughntk.study"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["unbroken"] = _unbroken
    return environment.get_template(name)


def _sections(study: Study, pictures: Sequence[Picture]) -> list[Section]:
    """The answer, what was found about depth, the checks, and the tables."""
    groups = summary_groups(study)
    by_name = {picture.name: picture for picture in pictures}
    notes = [Part(text=sentence) for sentence in study.data.notes]
    depth = [by_name[name] for name in _DEPTH_FIGURES if name in by_name]
    answer = [picture for picture in pictures if picture.name == "prediction"]
    others = [picture for picture in pictures if picture not in (*depth, *answer)]
    wide = width_paragraph(study.widths)
    paragraphs = [] if wide is None else [Part(text=wide)]
    parts = {ANSWER: drawn(answer), DEPTH: [*notes, *paragraphs, *drawn(depth)], CHECKS: drawn(others)}
    sections, first = [], 1
    for title, lines in groups.items():
        sections.append(Section(key_of(title), title, lines, first, parts[title]))
        first += len(lines)
    transports = Part(
        head=["clock", "right-hand side", "pairs", "converged", "steps", "residual", "error", "proven", "bound"],
        rows=_transport_rows(study),
    )
    bound = (
        "Theorem 3, one row per clock and right-hand side: the worst over all pairs of depths. Proven is what the "
        "error can be at most: by the certificate of the transport, from its residual, with the errors of the kernel's "
        "entries and those of the closed form. The bound is what the error is held to: what the rounding of the "
        "entries of both kernels may change, and at least 1e-9."
    )
    depths = Part(
        head=["depth", "condition number", "log det", "solved", "u known to", "p-variation, p = 1",
              f"level {_top(study)}, p = {study.config.p:g}", "signature disagreement"],
        rows=_depth_rows(study),
    )  # fmt: skip
    tables = {
        "Errors on held rows": [_prediction_table(study)] if study.prediction else [],
        "Transport from depth to depth": [Part(text=bound), transports, *map(Part, _transport_notes(study))],
        "Depth by depth": [depths],
        "Do the drivers converge to the zero path?": _convergence_part(study),
        "Which numbers are these": [Part(text=_method_note(study))],
    }
    return sections + [Section(key_of(title), title, parts=parts) for title, parts in tables.items() if parts]


def key_of(title: str) -> str:
    """The anchor of a section."""
    return re.sub(r"[^a-z]+", "-", title.lower()).strip("-")


def drawn(pictures: Iterable[Picture]) -> list[Part]:
    """The pictures as parts of the page."""
    return [
        Part(
            drawing=inlined(picture.png.with_suffix(".svg").read_text(encoding="utf-8"), picture.name, picture.title),
            caption=f"{picture.title}. {picture.caption}",
        )
        for picture in pictures
    ]


def _unbroken(sentence: str) -> Markup:
    """The sentence as HTML, in which no number is broken at the sign of its exponent."""
    return Markup(_EXPONENT.sub(r"<span class='number'>\g<0></span>", str(escape(sentence))))


def _prediction_table(study: Study) -> Part:
    predicted = study.prediction
    assert predicted is not None
    score = predicted.targets.score
    measure = "accuracy" if predicted.targets.classes else "root mean square error"
    rows = [
        [
            in_words(depth),
            f"{score(one.losses):.4g}",
            f"{one.ridge:.3g}",
            f"{one.left_out:.4g}",
            f"{score(predicted.plain[depth].losses):.4g}" if depth in predicted.plain else "–",
        ]
        for depth, one in predicted.at.items()
    ]
    return Part(head=["depth", measure, "ridge", "leave-one-out error", f"{measure} without a ridge"], rows=rows)


def _transport_rows(study: Study) -> list[list[str]]:
    rows = []
    for clock in ("arc", "psi"):
        for rhs in ("joint", "paper"):
            alike = [r for r in study.transport if (r["clock"], r["rhs"]) == (clock, rhs)]
            chosen = [r for r in alike if r["error"] is not None]
            if chosen:
                shown = ("steps", "residual", "error", "proven", "error_bound")
                worst = {key: np.max([r[key] for r in chosen]) for key in shown}
                numbers = [str(sum(r["converged"] for r in chosen)), f"{worst['steps']}"]
                numbers += [f"{worst['residual']:.2e}", f"{worst['error']:.2e}"]
                numbers += [_display.rounded_up(float(worst["proven"])), f"{worst['error_bound']:.2e}"]
            else:
                numbers = ["–", "–", "singular", "singular", "–", "–"]
            rows.append([clock, rhs, str(len(chosen)), *numbers])
    return rows


def _transport_notes(study: Study) -> list[str]:
    """Why transports were not carried, each reason once, with the depths that they start from."""
    reasons: dict[str, list[float]] = {}
    for row in study.transport:
        if row["note"]:
            reasons.setdefault(row["note"], []).append(row["depth"])
    return [f"Not carried from {depth_words(sorted(set(depths)))}: {reason}." for reason, depths in reasons.items()]


def _depth_rows(study: Study) -> list[list[str]]:
    def lookup(depth: float, p: float, level: int) -> str:
        matching = [r for r in study.variation if (r["depth"], r["p"], r["level"]) == (depth, p, level)]
        return f"{matching[0]['norm']:.4g}" if matching else "–"

    disagreement = {r["depth"]: f"{r['disagreement']:.1e}" for r in study.signature["per_depth"]}
    kernels = study.kernels
    return [
        [
            str(depth),
            f"{kernels.condition[depth]:.4g}",
            f"{kernels.log_det[depth]:.5g}",
            *_solution(kernels.solved[depth]),
            lookup(depth, 1.0, 1),
            lookup(depth, study.config.p, _top(study)),
            disagreement.get(depth, "–"),
        ]
        for depth in kernels.depths
    ]


def _solution(solved) -> tuple[str, str]:
    return ("singular", "–") if solved is None else (solved.method, f"{solved.relative_error:.1e}")


def _top(study: Study) -> int:
    """The highest level whose p-variation was measured."""
    return max((r["level"] for r in study.variation if r["p"] == study.config.p), default=1)


def _convergence_part(study: Study) -> list[Part]:
    """Distances per level, rates, verdict and the rule behind it."""
    sentence = Part(text=convergence_sentence(study))
    if study.convergence is None:
        return [sentence]
    measured = study.convergence.measured
    heads = ["backend", "verdict", *(f"rate r at level {k}" for k in measured.levels)]
    backends = [
        [name, "failed", *("–" for _ in measured.levels)] if one is None
        else [name, one.verdict, *(_rate(r, e, 6) for r, e in zip(one.rates, one.rate_errors, strict=True))]
        for name, one in study.convergence.by_backend.items()
    ]  # fmt: skip
    rows = [
        [f"{L:g}", *(f"{value:.4g}" for value in row)]
        for L, row in zip(measured.scale, measured.distances, strict=True)
    ]
    rows.append(
        [
            "rate r",
            *(_rate(rate, error, 3) for rate, error in zip(measured.rates, measured.rate_errors, strict=True)),
        ]
    )
    rows.append(["measured verdict", *measured.verdicts])
    note = (
        f"p-variation distances of the drivers v^(L) to the zero path, p = {measured.p:g}, outer root taken, from the "
        f"increments S(s,t) over all pairs of sample points ({measured.norm} norm, "
        f"{'all channels' if study.drivers.full else 'principal directions'}), each backend for itself; the table of "
        f"depths shows those of {study.signature['backends'][0]}; scale L. Rule: {measured.rule}"
    )
    table = Part(head=["depth L", *(f"level {k}" for k in measured.levels)], rows=rows)
    return [sentence, Part(head=heads, rows=backends), table, Part(text=note)]


def _rate(rate: float, error: float, places: int) -> str:
    """A rate with its standard error; a dash where too few depths leave either unknown."""
    if not math.isfinite(rate):
        return "–"
    return f"{rate:.{places}f}" + (f" ± {error:.2g}" if math.isfinite(error) else "")


def _method_note(study: Study) -> str:
    signature = study.signature
    directions = ""
    if signature["on_principal_directions"]:
        directions = (
            f" The drivers have {signature['driver_channels']} channels, too many for signatures: they are projected "
            f"onto {signature['channels']} principal directions common to all depths."
        )
    wide = sorted({r["level"] for r in study.variation if r["tensor_norm"] == "l2"})
    norms = "l1 on all channels" + (
        f", from level {wide[0]} on l2 (Hilbert-Schmidt) on the principal directions" if wide else ""
    )
    return (
        f"Kernel matrices come from the angle recursion, coefficients from a Cholesky factorisation, or from the "
        f"deflated form where all entries tend to one value. Errors are relative to max(1, max|u|). p-variation takes "
        f"the outer root; norms are {norms}. Each driver is sampled at {study.config.samples} points of the segment."
        f"{directions} The numbers of every figure are in tables/, everything else is in study.json."
    )
