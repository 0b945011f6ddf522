"""Builds the cheat sheet and the slides as PDF files, and runs every call that the cheat sheet shows.

    python docs/build_pdfs.py --figures example-figures --out site/pdf      figures as `make examples` writes them
    python docs/build_pdfs.py --out site/pdf --only cheat-sheet
    python docs/build_pdfs.py --figures DIR --out DIR --png                 a picture of every page, too

A slide shows one figure of an example or a tutorial, with the claim that the script asserts in its docstring, so that
the two cannot drift apart. A script whose figure is not in the folder is run for it.
"""

import argparse
import datetime
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "docs"), str(ROOT)]

import slide_sources  # noqa: E402

CHEAT_SHEET = ROOT / "docs" / "cheat-sheet" / "cheat_sheet.typ"
SLIDES = ROOT / "docs" / "slides" / "slides.typ"
DATE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""Stands in every PDF file, so that the same sources give the same bytes."""


class BuildError(Exception):
    """What keeps a file from being built."""


def compiled(source: Path, target: Path, inputs: dict[str, str], png: bool, root: Path) -> int:
    """Write a PDF file from a Typst source, with the fonts of Typst alone; the number of its pages."""
    import typst

    options = {"root": str(root), "sys_inputs": inputs, "ignore_system_fonts": True}
    pages = typst.compile(str(source), format="png", ppi=144, **options)
    pages = pages if isinstance(pages, list) else [pages]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(typst.compile(str(source), format="pdf", timestamp=DATE, **options))
    for number, page in enumerate(pages if png else [], start=1):
        target.with_name(f"{target.stem}-{number:02}.png").write_bytes(page)
    return len(pages)


def build_cheat_sheet(out: Path, png: bool, run: bool) -> str:
    """Build the cheat sheet after its calls were run. Raises `BuildError`: a call is wrong, or it is not one page."""
    import roughntk

    count = 0
    if run:
        import run_snippets

        count, problems = run_snippets.run_page(CHEAT_SHEET)
        if problems:
            raise BuildError("\n".join(problems))
    pages = compiled(CHEAT_SHEET, out / "cheat-sheet.pdf", {"version": roughntk.__version__}, png, ROOT)
    if pages != 1:
        raise BuildError(f"the cheat sheet has {pages} pages, not 1; shorten {CHEAT_SHEET.relative_to(ROOT)}")
    return f"cheat-sheet.pdf: 1 page, {count} blocks of calls run"


def build_slides(out: Path, figures: Path, png: bool) -> str:
    """Build the slides from the figures of all examples and tutorials."""
    import roughntk

    scripts = slide_sources.scripts(ROOT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slides = [slide for script in scripts for slide in slide_sources.slides_of(script, figures, folder)]
        (folder / "slides.json").write_text(json.dumps(slides), encoding="utf-8")
        (folder / SLIDES.name).write_text(SLIDES.read_text(encoding="utf-8"), encoding="utf-8")
        inputs = {"version": roughntk.__version__}
        pages = compiled(folder / SLIDES.name, out / "slides.pdf", inputs, png, folder)
    if pages != len(slides) + 3:  # a title, the contents, and how to make them again
        raise BuildError(f"{len(slides)} figures and 3 other pages make {pages}; something is longer than its page")
    return f"slides.pdf: {pages} slides, {len(slides)} figures of {len(scripts)} scripts"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--figures", type=Path, default=ROOT / "example-figures", help="folder of NAME.png of a script")
    parser.add_argument("--out", type=Path, default=ROOT / "site" / "pdf", help="folder for the PDF files")
    parser.add_argument("--only", choices=("cheat-sheet", "slides"), help="build one of the two")
    parser.add_argument("--png", action="store_true", help="write each page as a picture, too")
    parser.add_argument("--no-run", action="store_true", help="do not run the calls of the cheat sheet")
    options = parser.parse_args(arguments)
    try:
        if options.only != "slides":
            print(build_cheat_sheet(options.out.resolve(), options.png, not options.no_run), flush=True)
        if options.only != "cheat-sheet":
            print(build_slides(options.out.resolve(), options.figures.resolve(), options.png), flush=True)
    except (BuildError, slide_sources.SourceError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
