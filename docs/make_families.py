"""Measures the tables of docs/which-kernel-has-which-limit.md and writes them between their markers; draws its figure.

python docs/make_families.py
"""

import shutil
import tempfile
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


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    found = classes.classified(classes.table_members())
    page = replaced(page, "families", families_table(found))
    page = replaced(
        page,
        "criteria",
        markdown(CRITERIA_HEADINGS, [criteria_row(rn.kernels.criteria.check(each)) for each in criteria_members()]),
    )
    with tempfile.TemporaryDirectory() as folder:
        diagram = phase.phase_diagram(Path(folder) / "phase")
        shutil.copy(Path(folder) / "phase" / "phase_diagram.png", FIGURES / "phase_diagram.png")
    page = replaced(page, "phases", markdown(phase.HEADINGS, phase.cells(diagram)))
    PAGE.write_text(page, encoding="utf-8")
    print(PAGE.name)
