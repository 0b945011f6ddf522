"""Examines every claim of the paper and writes the verdicts into the-audit.md, and their counts into README.md.

python docs/make_audit.py            examine, write
python docs/make_audit.py --check    examine, and compare with the pages

The whole audit takes some minutes. Needs python-flint, esig and iisignature: without them some evidence is missing.
"""

import argparse
import sys
from pathlib import Path

from measured_tables import markdown, replaced, rows_of, table_of

import roughntk as rn

FOLDER = Path(__file__).resolve().parent
PAGE, README = FOLDER / "pages" / "explanation" / "the-audit.md", FOLDER.parent / "README.md"
HEADINGS = ("claim", "in our words", "verdict", "what is true instead")
NAME, COUNTS = "audit", "audit counts"


def progress(stage: str, done: int, total: int) -> None:
    print(f"{stage}: {done} of {total}", file=sys.stderr)


def rows(result) -> list[tuple[str, ...]]:
    """A row a claim; without the numbers of the evidence, whose last digits differ from machine to machine."""
    return [
        (f"{each.place} (`{each.key}`)", each.statement, each.verdict, each.correction or "–")
        for each in result.examined
    ]


def counts(result) -> str:
    """The line of README.md."""
    return f"`roughntk audit`: {result.headline} ([the table](docs/pages/explanation/the-audit.md))."


def check(result) -> int:
    """The number of pages that say something else."""
    wrong = 0
    if rows_of(table_of(PAGE.read_text(encoding="utf-8"), NAME)) != rows_of(markdown(HEADINGS, rows(result))):
        wrong += 1
        print("the-audit.md: the table of verdicts is out of date; run: python docs/make_audit.py")
        page = dict(enumerate(rows_of(table_of(PAGE.read_text(encoding="utf-8"), NAME))))
        for number, row in enumerate(rows_of(markdown(HEADINGS, rows(result)))):
            if page.get(number) != row:
                print(f"page: {page.get(number)}\nnow:  {row}")
    if table_of(README.read_text(encoding="utf-8"), COUNTS).strip() != counts(result):
        wrong += 1
        print(f"README.md: the counts are out of date; now: {counts(result)}")
    missing = [
        f"{each.key}: {piece.text}"
        for each in result.examined
        for piece in each.evidence
        if piece.supports is None and "not certified" in piece.text
    ]
    if missing:
        wrong += 1
        print("evidence is missing:", *missing, sep="\n")
    print(f"pages on the audit: {wrong} out of date")
    return wrong


def write(result) -> None:
    """The table and the line."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replaced(text, NAME, markdown(HEADINGS, rows(result))), encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    README.write_text(replaced(text, COUNTS, counts(result)), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    wanted = parser.parse_args()
    examined = rn.study.audit(out=None, progress=progress)
    if wanted.check:
        sys.exit(min(check(examined), 1))
    write(examined)
