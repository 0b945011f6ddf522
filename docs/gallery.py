"""The gallery: every script of examples/ with its claim, its figure, drawn at build, and its source."""

import ast
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath

import docstrings
import stamps
from PIL import Image
from staging import Stage

ROOT = Path(__file__).resolve().parent.parent
FOLDER = PurePosixPath("gallery")
WRITTEN = {
    "brownian": "Brownian",
    "ito": "Ito",
    "ode": "ODE",
    "theorem3": "Theorem 3",
    "wong": "Wong",
    "zakai": "Zakai",
}
THUMBNAIL = 480  # pixels across
CACHE = ROOT / ".cache" / "site" / "figures"
MADE = ROOT / "example-figures"

INDEX = """---
hide: [toc]
---

# Gallery

Scripts that draw what they claim, and fail where it does not hold. `make examples` runs them all; the figures were
drawn by the scripts as they stand here.

<div class="grid cards" markdown>

{cards}
</div>
"""


class FailedExample(RuntimeError):
    """A script that did not run to its end."""


def scripts(root: Path = ROOT) -> list[Path]:
    """The scripts of examples/."""
    return sorted((root / "examples").glob("*.py"))


def figure_of(script: Path) -> Path | None:
    """The figure of a script: the one of `make examples` or of the cache where its stamp is right, else drawn now."""
    stamp = stamps.stamp_of(script)
    for folder in (MADE, CACHE):
        if stamps.is_fresh(folder / f"{script.stem}.png", stamp):
            return folder / f"{script.stem}.png"
    if "sys.argv" not in script.read_text(encoding="utf-8"):
        return None
    return drawn(script, stamp)


def drawn(script: Path, stamp: str) -> Path:
    """Run a script, and keep its figure."""
    print(f"gallery: {script.name}", file=sys.stderr, flush=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    figure = CACHE / f"{script.stem}.png"
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / figure.name
        environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(script), str(made)]
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if result.returncode or not made.is_file():
            raise FailedExample(f"{script.name} ended with code {result.returncode}:\n{result.stderr[-2000:]}")
        shutil.copyfile(made, figure)
    stamps.place_of(figure).write_text(stamp + "\n", encoding="utf-8")
    return figure


def thumbnail(figure: Path) -> bytes:
    """A small picture of a figure."""
    with Image.open(figure) as image:
        small = image.convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        out = io.BytesIO()
        small.save(out, "PNG", optimize=True)
    return out.getvalue()


def title_of(script: Path) -> str:
    """The name of a script as words."""
    words = " ".join(WRITTEN.get(word, word) for word in script.stem.split("_"))
    return (words[:1].upper() + words[1:]).replace("Wong Zakai", "Wong–Zakai")


def told(script: Path) -> tuple[str, str]:
    """The first line of a script's docstring, and its claim."""
    document = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    first, _, rest = document.partition("\n\n")
    claim = "\n\n".join(each for each in rest.split("\n\n") if not each.lstrip().startswith("python "))
    return " ".join(first.split()), claim


def page(script: Path, has_figure: bool) -> str:
    """The page of one script."""
    first, claim = told(script)
    lines = [f"# {title_of(script)}", "", docstrings.inline(first, lambda name: None), ""]
    if has_figure:
        lines += [f"![Figure of {script.name}](figures/{script.stem}.png)", ""]
    lines += [docstrings.markdown(claim), ""]
    lines += ["```sh", f"python examples/{script.name}" + (" figure.png" if has_figure else ""), "```", ""]
    lines += [
        "## Source",
        "",
        f'```python title="examples/{script.name}"',
        script.read_text(encoding="utf-8").rstrip(),
        "```",
        "",
    ]
    return "\n".join(lines)


def card(script: Path, has_figure: bool) -> str:
    """What the gallery shows of a script."""
    first, _ = told(script)
    picture = (
        f"    [![{title_of(script)}](figures/{script.stem}_small.png)]({script.stem}.md)\n\n" if has_figure else ""
    )
    told_first = docstrings.inline(first, lambda name: None)
    return f"-   **[{title_of(script)}]({script.stem}.md)**\n\n{picture}    {told_first}\n"


def write(stage: Stage) -> list[PurePosixPath]:
    """Write the pages of the gallery; where they are, in the order of the menu."""
    cards, places = [], [FOLDER / "index.md"]
    for script in scripts():
        figure = figure_of(script)
        if figure is not None:
            stage.put(FOLDER / "figures" / f"{script.stem}.png", figure.read_bytes())
            stage.put(FOLDER / "figures" / f"{script.stem}_small.png", thumbnail(figure))
        place = FOLDER / f"{script.stem}.md"
        stage.put(place, page(script, figure is not None))
        cards.append(card(script, figure is not None))
        places.append(place)
    stage.put(FOLDER / "index.md", INDEX.format(cards="\n".join(cards)))
    return places
