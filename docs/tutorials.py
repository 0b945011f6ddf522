"""Makes the pages, notebooks and marimo files of the tutorials from their scripts, by executing them.

    python docs/tutorials.py [--out DIR] [NN ...]

A script is executed cell by cell in a process of its own, two at a time; one that fails, as by an assert, fails the
build with its file and line. What was made is kept in .cache/site/tutorials/ under the hash of the script, its
exercises, the package and these programs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import stamps
import tutorial_notebooks
import tutorial_pages
import tutorial_source
from tutorial_source import Tutorial, TutorialError

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "site" / "tutorials"
PROCESSES = 2
LONGEST = 600.0  # seconds that a script may take; on an idle core it takes ten


def scripts(root: Path = ROOT) -> list[Path]:
    """The scripts of the tutorials, in their order."""
    return sorted((root / "examples" / "tutorials").glob("[0-9][0-9]_*.py"))


def build(
    into: Path, numbers: list[int] | None = None, *, root: Path = ROOT, cache: Path = CACHE
) -> list[dict[str, Any]]:
    """Make the tutorials, and put them into a folder.

    Args:
        into: the folder; gets NN_name.md for each and a folder NN_name/ with what belongs to it.
        numbers: of the tutorials; None for all.
        root: of the repository.
        cache: where what was made is kept.

    Returns:
        For each tutorial its number, title, page, summary, thumbnail, notebook, marimo and script, the last six as
        paths relative to `into`, and the seconds that it took.

    Raises:
        TutorialError: a script is no tutorial or fails; the message has its file and line.
    """
    tutorials = [tutorial_source.read(script) for script in scripts(root)]
    _check_numbers(tutorials)
    chosen = [each for each in tutorials if numbers is None or each.number in numbers]
    with ThreadPoolExecutor(PROCESSES) as pool:
        folders = list(pool.map(lambda each: made(each, root, cache), chosen))
    return [_put(tutorial, folder, into) for tutorial, folder in zip(chosen, folders, strict=True)]


def made(tutorial: Tutorial, root: Path = ROOT, cache: Path = CACHE) -> Path:
    """The folder of the cache with what is made of a tutorial; made now where it is not there."""
    name = tutorial.path.stem
    folder = cache / f"{name}-{fingerprint(tutorial, root)[:24]}"
    if folder.is_dir():
        return folder
    print(f"tutorial: {tutorial.path.name}", file=sys.stderr, flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        fresh = Path(temporary) / "made"
        fresh.mkdir()
        outcome = _executed(tutorial, fresh, root)
        texts = {
            f"{name}.md": tutorial_pages.page(tutorial, outcome),
            f"{name}.ipynb": tutorial_notebooks.notebook(tutorial, outcome, fresh),
            f"{name}.marimo.py": tutorial_notebooks.marimo_file(tutorial, outcome),
            f"{name}.py": tutorial.path.read_text(encoding="utf-8"),
        }
        for file, text in texts.items():
            (fresh / file).write_text(text, encoding="utf-8")
        check_marimo(fresh / f"{name}.marimo.py")
        for old in cache.glob(f"{name}-*"):
            shutil.rmtree(old, ignore_errors=True)
        fresh.rename(folder)
    return folder


def fingerprint(tutorial: Tutorial, root: Path = ROOT) -> str:
    """The hash of all that decides what a tutorial shows."""
    answers = root / "roughntk" / "teaching" / "answers"
    own = [
        tutorial.path,
        tutorial.exercises,
        root / "constraints.txt",
        *sorted(Path(__file__).parent.glob("tutorial*.py")),
    ]
    package = [file for file in stamps.package_files(root) if file.parent != answers]
    return stamps.digest([*filter(Path.is_file, own), *package], root)


def check_marimo(file: Path) -> None:
    """Let marimo itself check a file.

    Raises:
        TutorialError: marimo finds something wrong with it.
    """
    result = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--quiet", "--select", "MB", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise TutorialError(f"marimo refuses {file.name}: {' '.join((result.stdout + result.stderr).split())}")


def _executed(tutorial: Tutorial, folder: Path, root: Path) -> dict[str, Any]:
    """The outcome of the script, executed in a process of its own."""
    fixed = {"MPLBACKEND": "Agg", "PYTHONPATH": str(root), "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
    environment = {**os.environ, **fixed}  # one thread each, since two processes run at a time
    command = [sys.executable, str(Path(__file__).with_name("tutorial_execution.py")), str(tutorial.path), str(folder)]
    try:
        result = subprocess.run(
            command, env=environment, cwd=root, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TutorialError(f"{tutorial.path}:1: not done after {LONGEST:.0f} seconds") from error
    if result.returncode:
        lines = result.stderr.strip().splitlines() or [f"{tutorial.path}:1: exit code {result.returncode}"]
        sys.stderr.write(result.stderr)
        raise TutorialError(lines[-1])
    return json.loads((folder / "outcome.json").read_text(encoding="utf-8"))


def _check_numbers(tutorials: list[Tutorial]) -> None:
    for one, next_one in zip(tutorials, tutorials[1:], strict=False):
        if one.number == next_one.number:
            raise TutorialError(f"{next_one.path}:1: the number {one.number} is that of {one.path.name}, too")


def _put(tutorial: Tutorial, folder: Path, into: Path) -> dict[str, Any]:
    name = tutorial.path.stem
    files = into / name
    shutil.rmtree(files, ignore_errors=True)
    files.mkdir(parents=True)
    for file in folder.iterdir():
        if file.suffix not in (".md", ".json"):
            shutil.copyfile(file, files / file.name)
    shutil.copyfile(folder / f"{name}.md", into / f"{name}.md")
    outcome = json.loads((folder / "outcome.json").read_text(encoding="utf-8"))
    return {
        "number": tutorial.number,
        "title": tutorial.title,
        "summary": tutorial.summary,
        "page": f"{name}.md",
        "thumbnail": f"{name}/thumbnail.png" if (folder / "thumbnail.png").is_file() else None,
        "notebook": f"{name}/{name}.ipynb",
        "marimo": f"{name}/{name}.marimo.py",
        "script": f"{name}/{name}.py",
        "seconds": outcome["seconds"],
    }


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT / ".cache" / "site" / "tutorial-pages", help="the folder to fill"
    )
    parser.add_argument("numbers", nargs="*", type=int, metavar="NN", help="tutorials; all where none is named")
    options = parser.parse_args(arguments)
    try:
        listed = build(options.out, options.numbers or None)
    except TutorialError as error:
        print(error, file=sys.stderr)
        return 1
    for each in listed:
        print(f"{each['number']:2d}  {each['seconds']:5.1f} s  {each['title']}  ({each['page']})")
    missing = sorted(set(options.numbers) - {each["number"] for each in listed})
    if missing:
        print(f"no tutorials with the numbers {', '.join(map(str, missing))}", file=sys.stderr)
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
