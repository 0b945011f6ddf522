"""Measures the tables of the pages on predictions and writes them between their markers; draws the figures.

python docs/make_predictions.py            measure, write, draw
python docs/make_predictions.py --check    measure, and compare with the pages

What is measured and drawn is in examples/: error_by_depth.py, depth_and_time.py, coverage_by_depth.py,
bands_on_a_circle.py.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from measured_tables import differences, markdown, replaced, rows_of, table_of, unit

FOLDER = Path(__file__).resolve().parent
PAGES = FOLDER / "pages" / "explanation"
FIGURES = FOLDER / "figures"
sys.path.append(str(FOLDER.parent / "examples"))

import bands_on_a_circle  # noqa: E402
import coverage_by_depth  # noqa: E402
import depth_and_time  # noqa: E402
import error_by_depth  # noqa: E402


def points(count: float) -> Callable[[float], float]:
    """So many units of the number itself, however large it is."""
    return lambda size: count


TABLES = {
    # one unit of the last digit of an error, one label of 178
    "errors": ("predicting-at-any-depth.md", error_by_depth, [unit(0), *[unit(2)] * 2, *[unit(0)] * 2]),
    # one unit of the last digit of an error, two targets of 442
    "coverage": ("how-sure-is-it.md", coverage_by_depth, [unit(0), unit(1), *[points(0.5)] * 7]),
}
"""Name: its page, the example that measures it, how far the numbers of each column may be from those elsewhere."""


def measured(name: str, example) -> tuple[list[tuple[str, ...]], object]:
    """The headings and rows of a table now, and what they were made of."""
    found = example.measured()
    rows = example.rows(*found) if name == "errors" else example.rows(found)
    return [example.HEADINGS, *rows], found


def check() -> int:
    """The number of tables that are not what is measured now; says where they differ."""
    wrong = 0
    for name, (page, example, tolerances) in TABLES.items():
        text = (PAGES / page).read_text(encoding="utf-8")
        (headings, *now), _ = measured(name, example)
        first, *committed = rows_of(table_of(text, name))
        lines = differences(committed, now, [tolerances] * len(now))
        if first != headings:
            lines = [f"the headings are {' | '.join(first)}"]
        if lines:
            wrong += 1
            print(f"{page}: the table of {name} is out of date; run: python docs/make_predictions.py")
            print("\n".join(lines))
    print(f"pages on predictions: {wrong} of {len(TABLES)} measured tables out of date")
    return wrong


def write() -> None:
    """Measure and write the tables, and draw the figures."""
    for name, (page, example, _) in TABLES.items():
        (headings, *rows), found = measured(name, example)
        text = (PAGES / page).read_text(encoding="utf-8")
        (PAGES / page).write_text(replaced(text, name, markdown(headings, rows)), encoding="utf-8")
        parts = found if name == "errors" else (found,)
        example.draw(*parts, FIGURES / f"{example.__name__}.png")
        print(page)
    for example in (depth_and_time, bands_on_a_circle):
        example.draw(FIGURES / f"{example.__name__}.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare the pages with what is measured now")
    if parser.parse_args().check:
        sys.exit(check() > 0)
    write()
