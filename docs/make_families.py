"""Measures the tables of docs/which-kernel-has-which-limit.md and writes them between their markers; draws its figure.

python docs/make_families.py            measure, write, draw
python docs/make_families.py --check    measure the tables of families and conditions, and compare them with the page
"""

import argparse
import difflib
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import roughntk as rn
from roughntk.study import classes, phase

PAGE = Path(__file__).parent / "which-kernel-has-which-limit.md"
FIGURES = Path(__file__).parent / "figures"
CRITERIA_HEADINGS = ("family", "bounded", "positive definite", "det → 0", "summable", "hyperbolic")


def markdown(headings, rows) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def families_table(found) -> str:
    """The table of classifications."""
    return markdown(classes.HEADINGS, [classes.cells(each) for each in found])


def criteria_row(tried) -> tuple[str, ...]:
    """One row of the table of conditions: verdict and, where it holds from a later depth on, that depth."""
    cells = []
    for condition in tried.conditions:
        since = condition.name == "positive definite" and condition.from_depth is not None
        cells.append(condition.verdict + (f" from L = {condition.from_depth}" if since else ""))
    return (tried.name, *cells)


def criteria_members() -> list:
    """Every family of the registry with its default parameters."""
    return [rn.kernels.family(name) for name in rn.kernels.FAMILIES]


def replaced(text: str, name: str, table: str) -> str:
    """The page with the table of that name in place of the one that it has."""
    begin, end = f"<!-- {name}: measured -->", f"<!-- {name}: end -->"
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"


def committed(name: str) -> str:
    """The table of that name as the page has it."""
    text = PAGE.read_text(encoding="utf-8")
    return text.split(f"<!-- {name}: measured -->\n")[1].split(f"\n<!-- {name}: end -->")[0]


def measured() -> dict[str, str]:
    """The tables of families and of conditions, as they are now."""
    found = classes.classified(classes.table_members())
    with ThreadPoolExecutor(2) as pool:  # compilation takes most of the time, and runs beside it
        tried = list(pool.map(rn.kernels.criteria.check, criteria_members()))
    return {
        "families": families_table(found),
        "criteria": markdown(CRITERIA_HEADINGS, [criteria_row(each) for each in tried]),
    }


def check() -> int:
    """The number of tables of the page that are not what is measured now; says where they differ."""
    wrong = 0
    for name, table in measured().items():
        lines = list(difflib.unified_diff(committed(name).splitlines(), table.splitlines(), "page", "now", lineterm=""))
        if lines:
            wrong += 1
            print(f"{PAGE.name}: the table of {name} is out of date; run: python docs/make_families.py")
            print("\n".join(lines))
    print(f"{PAGE.name}: {wrong} of 2 measured tables out of date")
    return wrong


def write() -> None:
    """Measure and write the tables, and draw the figure."""
    page = PAGE.read_text(encoding="utf-8")
    for name, table in measured().items():
        page = replaced(page, name, table)
    with tempfile.TemporaryDirectory() as folder:
        diagram = phase.phase_diagram(Path(folder) / "phase")
        shutil.copy(Path(folder) / "phase" / "phase_diagram.png", FIGURES / "phase_diagram.png")
    page = replaced(page, "phases", markdown(phase.HEADINGS, phase.cells(diagram)))
    PAGE.write_text(page, encoding="utf-8")
    print(PAGE.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare the page with what is measured now")
    if parser.parse_args().check:
        sys.exit(check() > 0)
    write()
