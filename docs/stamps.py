"""Says of a figure which sources it was made from, in a stamp beside it.

    python docs/stamps.py SCRIPT FIGURE     write FIGURE.stamp, after the script has drawn the figure

A stamp is the hash of the script, of all files of the package and of the data of examples/. The site takes a figure
whose stamp is that of the sources at hand, and draws the others.
"""

import hashlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def stamp_of(script: Path, root: Path = ROOT) -> str:
    """The hash of what a figure is made from."""
    return digest([*package_files(root), *sorted((root / "examples").glob("*.csv")), script], root)


def package_files(root: Path = ROOT) -> list[Path]:
    """The files of the package, its data among them."""
    return sorted(file for file in (root / "roughntk").rglob("*") if file.is_file() and file.suffix != ".pyc")


def digest(files: Iterable[Path], root: Path = ROOT) -> str:
    """The hash of files of the repository, of their names and of their contents."""
    total = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        total.update(f"{os.path.relpath(file, root)} {len(content)}\n".encode() + content)
    return total.hexdigest()


def place_of(figure: Path) -> Path:
    """Where the stamp of a figure is."""
    return figure.with_name(figure.name + ".stamp")


def is_fresh(figure: Path, stamp: str) -> bool:
    """Whether a figure is there with this stamp."""
    place = place_of(figure)
    return figure.is_file() and place.is_file() and place.read_text(encoding="utf-8").strip() == stamp


def write(script: Path, figure: Path, root: Path = ROOT) -> None:
    """Put the stamp beside a figure."""
    place_of(figure).write_text(stamp_of(script, root) + "\n", encoding="utf-8")


if __name__ == "__main__":
    chosen, drawn = (Path(name).resolve() for name in sys.argv[1:3])
    if drawn.is_file():
        write(chosen, drawn)
