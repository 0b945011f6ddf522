"""The report of a comparison: one self-contained HTML page, with links to that of every family."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from roughntk import __version__
from roughntk.study.comparison.records import family_rows
from roughntk.study.comparison.result import Comparison
from roughntk.study.comparison.sentences import ANSWER, summary_groups
from roughntk.study.depths import depth_words, in_words
from roughntk.study.report import Part, Section, drawn, key_of, template
from roughntk.study.result import Picture

TABLE, LEFT_OUT, NUMBERS = "The families side by side", "What could not be studied", "Which numbers are these"


def render(comparison: Comparison, pictures: Sequence[Picture]) -> str:
    """The whole page."""
    data, study = comparison.data.describe(), comparison.studies[0]
    given, depths = study.config.parameters, study.kernels.depths
    return template("comparison.html.j2").render(
        name=data["name"],
        version=__version__,
        families=[each.name for each in comparison.members],
        parameters=f" ({', '.join(given)})" if given else "",
        points=data["n"],
        test_points=data["m"],
        depths=depth_words(depths),
        sections=_sections(comparison, pictures),
    )


def _sections(comparison: Comparison, pictures: Sequence[Picture]) -> list[Section]:
    """The answer, the table, what was found about depth, the checks, what failed, and what the numbers are."""
    sections, first = [], 1
    for title, lines in summary_groups(comparison).items():
        parts = drawn(pictures) if title == ANSWER else []
        sections.append(Section(key_of(title), title, lines, first, parts))
        first += len(lines)
    sections.insert(1, Section(key_of(TABLE), TABLE, parts=[_table(comparison)]))
    failed = [Part(text=f"{each.name}: {each.failure}") for each in comparison.members if each.study is None]
    if failed:
        sections.append(Section(key_of(LEFT_OUT), LEFT_OUT, parts=failed))
    notes = [Part(text=sentence) for sentence in comparison.data.notes]
    return [*sections, Section(key_of(NUMBERS), NUMBERS, parts=[*notes, Part(text=_note(comparison))])]


def _table(comparison: Comparison) -> Part:
    measure = "error"
    if comparison.ranked:
        measure = "accuracy" if comparison.ranked[0][1].targets.classes else "RMSE"
    head = [
        "family", "best depth", f"{measure} there", "behind the best", "leave-one-out depth", f"{measure} there",
        "at infinite depth", "limit of the kernel", "drivers", "condition at last depth", "transport error",
    ]  # fmt: skip
    return Part(head=head, rows=[_cells(row) for row in family_rows(comparison)])


def _cells(row: dict[str, Any]) -> list[str]:
    def number(name: str, form: str) -> str:
        return "–" if row[name] is None else format(row[name], form)

    name = row["family"]
    if row["folder"] is not None:
        name = Markup('<a class="number" href="{}/report.html">{}</a>').format(row["folder"], name)
    behind: str = "–"
    if row["behind_best"] is not None:
        size = f"{row['behind_best']:.2g} ± {row['behind_best_error']:.1g}"
        behind = Markup('<span class="number">{}</span>').format(size if row["behind_best_error"] else "0")
    limit = f"failed: {row['failure']}" if row["limit"] is None else f"to {row['limit']}"
    return [
        name,
        _depth(row["best_depth"]),
        number("best_score", ".4g"),
        behind,
        _depth(row["leave_one_out_depth"]),
        number("leave_one_out_score", ".4g"),
        number("infinite_depth_score", ".4g"),
        Markup('<span class="words">{}</span>').format(limit),
        row["drivers"] or "–",
        number("condition_number", ".3g"),
        number("transport_error", ".1e"),
    ]


def _depth(depth: float | None) -> str:
    return "–" if depth is None else in_words(depth)


def _note(comparison: Comparison) -> str:
    text = (
        "All families are studied on the same training points and tried on the same rows, and the baselines are "
        "computed once. Behind the best: by how much the error of a family is larger than that of the best one (of "
        "accuracies, how much smaller), each at its best depth on these rows, ± the standard error of that difference "
        "over the rows, which they share. "
    ) * bool(comparison.ranked)
    return (
        f"{text}RMSE is the root mean square error. The link of each family leads to its own report, with its figures "
        f"and tables. The numbers of this page are in tables/comparison.csv and tables/depths.csv, everything else is "
        f"in study.json."
    )


__all__ = ["render"]
