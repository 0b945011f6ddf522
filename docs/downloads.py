"""What can be taken along: the explorer's page, the cheat sheet and the slides, made with the site."""

import shutil
import tempfile
from pathlib import Path

import build_pdfs
from staging import Stage

PAGE = "downloads.md"
TEXT = """# Explorer, cheat sheet, slides

* [**The explorer**](explorer.html): one page on which depth is a slider, made by `roughntk explore` as it comes. It
  needs no network, and [yours](how-to/explore.md) begins with your own data.
* [**The cheat sheet**](pdf/cheat-sheet.pdf): formulas and calls on one page of A4. Every call on it was run when it was
  made.
* [**The slides**](pdf/slides.pdf): every figure of the tutorials and of the gallery, with the claim that its script
  asserts.

The [tutorials](tutorials/index.md) are notebooks and marimo files, too. All of it may be handed out (Apache-2.0).
"""


def write(stage: Stage) -> None:
    """Put the files and their page into the stage, after the gallery and the tutorials, whose figures the slides take.

    Raises:
        build_pdfs.BuildError: a call of the cheat sheet is wrong, or something is longer than its page.
    """
    from roughntk.explorer import explorer_page

    stage.put("explorer.html", explorer_page())
    print(build_pdfs.build_cheat_sheet(stage.folder / "pdf", png=False, run=True), flush=True)
    with tempfile.TemporaryDirectory() as name:
        print(build_pdfs.build_slides(stage.folder / "pdf", collected(stage, Path(name)), png=False), flush=True)
    stage.put(PAGE, TEXT)


def collected(stage: Stage, folder: Path) -> Path:
    """The figures of the staged gallery and tutorials in one folder, under the names of their scripts."""
    for figure in (stage.folder / "gallery" / "figures").glob("*.png"):
        if not figure.stem.endswith("_small"):
            shutil.copyfile(figure, folder / figure.name)
    for cells in (each for each in (stage.folder / "tutorials").iterdir() if each.is_dir()):
        for number, figure in enumerate(sorted(cells.glob("cell-*.png")), start=1):
            shutil.copyfile(figure, folder / (cells.name + (f"-{number}" if number > 1 else "") + ".png"))
    return folder
