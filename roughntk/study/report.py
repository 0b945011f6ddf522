"""The report: one self-contained HTML page, and ten lines for the terminal."""

import base64
import html
import math
import re
from collections.abc import Iterable, Sequence

import numpy as np

from roughntk import __version__
from roughntk.study.result import Picture, Study
from roughntk.study.sentences import agreement_words, convergence_sentence, infinite_sentence, slope_sentence

_EXPONENT = re.compile(r"\d[\d.]*e[-+]\d+")

CSS = """
:root { color-scheme: light; --ink: #1d2430; --muted: #5b6573; --line: #dfe3e8; --accent: #2c6fbb; }
body { font: 16px/1.55 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; color: var(--ink);
       max-width: 62rem; margin: 2.5rem auto; padding: 0 1.2rem; background: #fff; }
h1 { font-size: 1.9rem; margin: 0 0 .2rem; } h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; }
.sub { color: var(--muted); margin: 0 0 1.6rem; overflow-wrap: anywhere; }
ol.summary { background: #f5f8fc; border-left: 4px solid var(--accent); padding: .9rem 1rem .9rem 2.4rem; }
ol.summary li { margin: .15rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; } th { color: var(--muted); font-weight: 600; }
.scroll, figure { overflow-x: auto; } figure { margin: 1rem 0; } .number { white-space: nowrap; }
img { width: 100%; min-width: 40rem; max-width: 90rem; height: auto; }
figcaption { color: var(--muted); font-size: .92rem; } code { font-size: .88em; overflow-wrap: anywhere; }
"""


def summary_lines(study: Study) -> list[str]:
    """Ten lines: what was run and what was found."""
    data, kernels = study.data.describe(), study.kernels
    last = kernels.depths[-1]
    lines = [
        f"Data: {data['name']}, {data['n']} training and {data['m']} test points on the sphere in R^{data['dim']} "
        f"({data['projection']} projection, seed {study.config.seed}).",
        f"Family {family_words(study)}, depths {kernels.depths[0]} to {last}. "
        + (study.first_depth or "The study starts at a depth from 2 on."),
        _kernel_line(study),
        f"Condition number: {_condition_words(kernels.condition[kernels.depths[0]])} at depth {kernels.depths[0]}, "
        f"{_condition_words(kernels.condition[last])} at depth {last}. " + _reach(study),
        _transport_line(study.transport),
        _driver_line(study),
        _signature_line(study),
        "p-variation: " + slope_sentence(study),
        convergence_sentence(study),
        _distance_to_limit(study)
        + (" " + infinite_sentence(study) if study.deep is not None and study.deep.needed else ""),
    ]
    return lines


def _condition_words(condition: float) -> str:
    return f"{condition:.3g}" if math.isfinite(condition) else "infinite to working precision"


def family_words(study: Study) -> str:
    """The family with the parameters that were set."""
    given = ", ".join(study.config.parameters)
    return study.config.family_name + (f" ({given})" if given else "")


def _limit_words(study: Study) -> str:
    kernels = study.kernels
    if kernels.limit_entry is not None:
        return f"their limit is {kernels.limit_entry:.6g}"
    if kernels.limit_pairs is None:
        return "their limit is not known here"
    values = kernels.limit_pairs[0][~np.eye(len(study.data.X), dtype=bool)]
    if not values.size:
        values = kernels.limit_pairs[1].ravel()
    return f"each has a limit of its own, in [{values.min():.6g}, {values.max():.6g}]"


def _kernel_line(study: Study) -> str:
    last = study.kernels.depths[-1]
    off = ~np.eye(len(study.data.X), dtype=bool)
    deflated = study.kernels.deflated.get(last)
    if deflated is None or study.kernels.limit_entry is None or not off.any():
        return (
            f"Kernel: off-diagonal entries at depth {last} lie in {_off_diagonal_range(study)}; {_limit_words(study)}."
        )
    distance = np.exp(deflated.log_scale) * np.abs(deflated.values[:, : len(off)][off]).max()
    return (
        f"Kernel: off-diagonal entries at depth {last} are within {distance:.3g} of their limit "
        f"{study.kernels.limit_entry:.6g}."
    )


def _off_diagonal_range(study: Study) -> str:
    K = study.kernels.within[-1]
    values = K[~np.eye(len(K), dtype=bool)] if len(K) > 1 else study.kernels.across[-1].ravel()
    return f"[{values.min():.6g}, {values.max():.6g}]"


def _transport_line(records: list) -> str:
    rows = [r for r in records if r["error"] is not None]
    if not rows:
        return f"Transport (Theorem 3): none of {len(records)}, as the kernel matrices are singular."
    steps = {clock: max((r["steps"] for r in rows if r["clock"] == clock), default=0) for clock in ("arc", "psi")}
    failed = sum(not r["converged"] for r in rows)
    skipped = f"; {len(records) - len(rows)} more end in a singular matrix" if len(rows) < len(records) else ""
    deflated = sum(r["system"] == "deflated" for r in rows)
    form = f", {deflated} of them in deflated form" if deflated else ""
    return (
        f"Transport (Theorem 3): {len(rows)} integrations{form}, largest error "
        f"{np.max([r['error'] for r in rows]):.2g} against the closed form, largest residual "
        f"{np.max([r['residual'] for r in rows]):.2g}, "
        f"{'all within their bounds' if not failed else f'{failed} NOT converged'} (at most {steps['arc']} "
        f"steps in the arc clock, {steps['psi']} in psi){skipped}."
    )


def _reach(study: Study) -> str:
    """How the closed form was solved, and what its coefficients are known to."""
    kernels = study.kernels
    depths = kernels.solved_depths
    if not depths:
        return "Closed form: the matrices of all depths are singular."
    reports = {depth: solved for depth, solved in kernels.solved.items() if solved}
    deflated = [depth for depth in depths if reports[depth].method == "deflated"]
    indefinite = [depth for depth in depths if not reports[depth].positive_definite]
    singular = [depth for depth in kernels.depths if depth not in depths]
    how = "Cholesky"
    if deflated:
        how = f"in deflated form at {depth_words(deflated)}" + (
            "" if len(deflated) == len(depths) else ", else Cholesky"
        )
    text = (
        f"Closed form: {how}; largest residual {max(one.residual for one in reports.values()):.2g}, coefficients known "
        f"to {max(one.relative_error for one in reports.values()):.2g} of max(1, max |u|)."
    )
    if indefinite:
        text += f" The matrix is indefinite at {depth_words(indefinite)}."
    if singular:
        text += f" The matrix is singular to working precision at {depth_words(singular)}."
    return text


def depth_words(depths: Sequence[int]) -> str:
    """ "depth 3", "depths 3 to 7", "depths 1, 4, 9 ..."."""
    if len(depths) == 1:
        return f"depth {depths[0]}"
    if list(depths) == list(range(depths[0], depths[-1] + 1)):
        return f"depths {depths[0]} to {depths[-1]}"
    return f"depths {', '.join(map(str, depths[:6]))}{' ...' if len(depths) > 6 else ''}"


def _driver_line(study: Study) -> str:
    errors = study.drivers.closed_form_error
    if not errors:
        return "Drivers: none, as no two matrices in a row are positive definite."
    return (
        f"Drivers v^(L): {study.drivers.channels} channels; log(I + sM) and Gauss-Legendre quadrature differ by at "
        f"most {np.max(list(errors.values())):.2g} relative."
    )


def _signature_line(study: Study) -> str:
    signature = study.signature
    absent = "".join(f"; {name} is absent ({command})" for name, command in signature["absent"].items())
    where = f"{signature['channels']} channels"
    if signature["on_principal_directions"]:
        least = min(signature["captured"].values(), default=1.0)
        where = (
            f"the {signature['channels']} principal directions of the drivers (all but at most {1 - least:.1g} of each)"
        )
    failures = "".join(f"; {name} failed ({text})" for name, text in signature["failures"].items())
    compared = agreement_words(signature["backends"], study.signatures.agreement)
    return f"Signatures to level {signature['level']} on {where}: {compared}{failures}{absent}."


def _distance_to_limit(study: Study) -> str:
    kernels = study.kernels
    depths = kernels.solved_depths
    if not depths:
        return "Coefficients: none, as the matrices are singular."
    if kernels.limit_coefficients is None:
        return "Coefficients: their limit of infinite depth is not known for this family."
    last = depths[-1]
    distance = np.max(np.abs(kernels.coefficients_at(last) - kernels.limit_coefficients))
    solved = kernels.solved[last]
    error = 0.0 if solved is None else 2 * float(np.max(solved.forward_error))  # of both ends
    if error < 1e-3 * distance:
        return f"Coefficients at depth {last} are within {distance:.3g} of their limit of infinite depth."
    return (
        f"Coefficients at depth {last} are within {distance + error:.2g} of their limit of infinite depth, most of "
        f"which is what 64 bit leaves unknown."
        if error > distance
        else f"Coefficients at depth {last} are {distance:.3g} ± {error:.1g} from their limit of infinite depth."
    )


def render(study: Study, pictures: Sequence[Picture]) -> str:
    """The whole page."""
    data = study.data.describe()
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>roughntk study: {html.escape(str(data['name']))}</title><style>{CSS}</style></head><body>",
        "<h1>How the coefficients move with depth</h1>",
        f"<p class='sub'>roughntk {__version__} study of <b>{html.escape(str(data['name']))}</b>, family "
        f"<b>{html.escape(family_words(study))}</b>: {data['n']} training points, {data['m']} test points.</p>",
        "<ol class='summary'>",
        *(f"<li>{_text(line)}</li>" for line in study.summary),
        "</ol>",
        *(f"<p>{_text(sentence)}</p>" for sentence in study.data.notes),
        *map(_figure, pictures),
        "<h2>Transport from depth to depth</h2>",
        "<p>Theorem 3, one row per clock and right-hand side: the worst over all pairs of depths. The bound is what "
        "the error is held to: what the rounding of the entries of both kernels may change, and at least "
        "<span class='number'>1e-9</span>.</p>",
        _table(
            ["clock", "right-hand side", "pairs", "converged", "steps", "residual", "error", "bound"],
            _transport_rows(study),
        ),
        *(f"<p>{_text(sentence)}</p>" for sentence in _transport_notes(study)),
        "<h2>Depth by depth</h2>",
        _table(
            ["depth", "condition number", "log det", "solved", "u known to", "p-variation, p = 1",
             f"level {_top(study)}, p = {study.config.p:g}", "signature disagreement"],
            _depth_rows(study),
        ),
        "<h2>Do the drivers converge to the zero path?</h2>",
        *_convergence_part(study),
        "<h2>Which numbers are these</h2>",
        f"<p>{_text(_method_note(study))}</p>",
        "</body></html>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _text(sentence: str) -> str:
    """The sentence as HTML, in which no number is broken at the sign of its exponent."""
    return _EXPONENT.sub(r"<span class='number'>\g<0></span>", html.escape(sentence))


def _figure(picture: Picture) -> str:
    encoded = base64.b64encode(picture.png.read_bytes()).decode()
    return (
        f"<h2>{html.escape(picture.title)}</h2><figure><img alt='{html.escape(picture.title)}' "
        f"src='data:image/png;base64,{encoded}'><figcaption>{_text(picture.caption)}</figcaption></figure>"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _transport_rows(study: Study) -> list[list[str]]:
    rows = []
    for clock in ("arc", "psi"):
        for rhs in ("joint", "paper"):
            alike = [r for r in study.transport if (r["clock"], r["rhs"]) == (clock, rhs)]
            chosen = [r for r in alike if r["error"] is not None]
            if chosen:
                worst = {key: np.max([r[key] for r in chosen]) for key in ("steps", "residual", "error", "error_bound")}
                numbers = [str(sum(r["converged"] for r in chosen)), f"{worst['steps']}"]
                numbers += [f"{worst[key]:.2e}" for key in ("residual", "error", "error_bound")]
            else:
                numbers = ["–", "–", "singular", "singular", "–"]
            rows.append([clock, rhs, str(len(chosen)), *numbers])
    return rows


def _transport_notes(study: Study) -> list[str]:
    """Why transports were not carried, each reason once, with the depths that they start from."""
    reasons: dict[str, list[int]] = {}
    for row in study.transport:
        if row["note"]:
            reasons.setdefault(row["note"], []).append(row["depth"])
    return [f"Not carried from {depth_words(sorted(set(depths)))}: {reason}." for reason, depths in reasons.items()]


def _depth_rows(study: Study) -> list[list[str]]:
    def lookup(depth: int, p: float, level: int) -> str:
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


def _convergence_part(study: Study) -> list[str]:
    """Distances per level, rates, verdict and the rule behind it."""
    sentence = f"<p>{_text(convergence_sentence(study))}</p>"
    if study.convergence is None:
        return [sentence]
    measured = study.convergence.measured
    heads = ["backend", "verdict", *(f"rate r at level {k}" for k in measured.levels)]
    backends = [
        [name, "failed", *("–" for _ in measured.levels)] if one is None
        else [name, one.verdict, *(f"{r:.6f} ± {e:.2g}" for r, e in zip(one.rates, one.rate_errors, strict=True))]
        for name, one in study.convergence.by_backend.items()
    ]  # fmt: skip
    rows = [
        [f"{L:g}", *(f"{value:.4g}" for value in row)]
        for L, row in zip(measured.scale, measured.distances, strict=True)
    ]
    rows.append(
        [
            "rate r",
            *(f"{rate:.3f} ± {error:.2g}" for rate, error in zip(measured.rates, measured.rate_errors, strict=True)),
        ]
    )
    rows.append(["measured verdict", *measured.verdicts])
    note = (
        f"p-variation distances of the drivers v^(L) to the zero path, p = {measured.p:g}, outer root taken, from the "
        f"increments S(s,t) over all pairs of sample points ({measured.norm} norm, "
        f"{'all channels' if study.drivers.full else 'principal directions'}), each backend for itself; the table of "
        f"depths shows those of {study.signature['backends'][0]}; scale L. Rule: {measured.rule}"
    )
    table = _table(["depth L", *(f"level {k}" for k in measured.levels)], rows)
    return [sentence, _table(heads, backends), table, f"<p>{_text(note)}</p>"]


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
