"""Measures the tables of which-kernel-has-which-limit.md and writes them between their markers; draws its figure.

python docs/make_families.py            measure, write, draw
python docs/make_families.py --check    measure the tables of families and conditions, and compare them with the page
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from measured_tables import differences, markdown, replaced, rows_of, significant, table_of, unit

import roughntk as rn
from roughntk.commands.answers import classifications, phases

PAGE = Path(__file__).parent / "pages" / "explanation" / "which-kernel-has-which-limit.md"
FIGURES = Path(__file__).parent / "figures"
CRITERIA_HEADINGS = (
    "family",
    "bounded",
    "positive definite",
    "det → 0",
    "summable",
    "hyperbolic",
    "limit of the coefficients",
)


def families_table(found) -> str:
    """The table of classifications."""
    return markdown(classifications.HEADINGS, [classifications.cells(each) for each in found])


def criteria_row(tried) -> tuple[str, ...]:
    """One row of the table of conditions: verdict and, where it holds from a later depth on, that depth."""
    cells = []
    for condition in tried.conditions:
        since = condition.name == "positive definite" and condition.from_depth is not None
        cells.append(condition.verdict + (f" from L = {condition.from_depth}" if since else ""))
    return (tried.name, *cells, {True: "yes", False: "no", None: "not decided"}[tried.has_limit])


def criteria_members() -> list:
    """Every family of the registry with its default parameters."""
    return [rn.kernels.family(name) for name in rn.kernels.FAMILIES]


def committed(name: str) -> str:
    """The table of that name as the page has it."""
    return table_of(PAGE.read_text(encoding="utf-8"), name)


def family_tolerances(found) -> list[Callable[[float], float]]:
    """How far the numbers in each cell of a row may be from those of another processor.

    One unit of the last digit that the cell shows, which rounding decides, and 4 times the uncertainty that is stated.
    """
    rate = significant(3) if found.rate is None or hasattr(found.rate, "amplitude") else unit(4)
    cells = [
        (significant(6), 0.0),
        (unit(0), 0.0),
        (unit(6), found.fixed_point_uncertainty),
        (unit(6), found.multiplier_uncertainty),
        (unit(6), found.ratio_uncertainty),
        (rate, 0.0 if found.rate is None else found.rate.uncertainty),
        (significant(6), found.ratio_uncertainty),
    ]
    return [lambda size, last=last, unsure=unsure: last(size) + 4 * unsure for last, unsure in cells]


def phase_tolerances() -> list[Callable[[float], float]]:
    """The same for a row of the table of the three phases, whose numbers have four digits."""
    return [unit(0), unit(0), significant(6), *[unit(4)] * 3, significant(3), *[significant(4)] * 4]


def family_differences(page: Sequence[Sequence[str]], found) -> list[str]:
    """The rows of the table of families that are not what was found."""
    return differences(
        page, [classifications.cells(each) for each in found], [family_tolerances(each) for each in found]
    )


def criteria_differences(page: Sequence[Sequence[str]], tried) -> list[str]:
    """The rows of the table of conditions that are not what was found: verdicts and depths are the same or not."""
    exactly = [lambda size: 0.0] * len(CRITERIA_HEADINGS)
    return differences(page, [criteria_row(each) for each in tried], [exactly] * len(tried))


def measured() -> tuple[list, list]:
    """What the tables of families and of conditions hold, as it is now."""
    found = classifications.classified(classifications.table_members())
    with ThreadPoolExecutor(2) as pool:  # compilation takes most of the time, and runs beside it
        tried = list(pool.map(rn.depth.criteria.check, criteria_members()))
    return found, tried


def check() -> int:
    """The number of tables of the page that are not what is measured now; says where they differ."""
    found, tried = measured()
    wrong = 0
    for name, headings, rows in (
        ("families", classifications.HEADINGS, lambda page: family_differences(page, found)),
        ("criteria", CRITERIA_HEADINGS, lambda page: criteria_differences(page, tried)),
    ):
        first, *page = rows_of(committed(name))
        lines = rows(page) if first == tuple(headings) else [f"the headings are {' | '.join(first)}"]
        if lines:
            wrong += 1
            print(f"{PAGE.name}: the table of {name} is out of date; run: python docs/make_families.py")
            print("\n".join(lines))
    print(f"{PAGE.name}: {wrong} of 2 measured tables out of date")
    return wrong


def write() -> None:
    """Measure and write the tables, and draw the figure."""
    page = PAGE.read_text(encoding="utf-8")
    found, tried = measured()
    page = replaced(page, "families", families_table(found))
    page = replaced(page, "criteria", markdown(CRITERIA_HEADINGS, [criteria_row(each) for each in tried]))
    with tempfile.TemporaryDirectory() as folder:
        diagram = phases.phase_diagram(Path(folder) / "phase")
        shutil.copy(Path(folder) / "phase" / "phase_diagram.png", FIGURES / "phase_diagram.png")
    page = replaced(page, "phases", markdown(phases.HEADINGS, phases.cells(diagram)))
    PAGE.write_text(page, encoding="utf-8")
    print(PAGE.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare the page with what is measured now")
    if parser.parse_args().check:
        sys.exit(check() > 0)
    write()
