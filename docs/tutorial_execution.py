"""Executes one tutorial cell by cell, in a process of its own, and writes down what comes out.

    python docs/tutorial_execution.py SCRIPT FOLDER

FOLDER gets the figures (cell-3-1.png, ...), a thumbnail.png of the last one and outcome.json. When the script fails,
one line on standard error says where; exit code 1.
"""

import ast
import contextlib
import io
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import tutorial_source

import roughntk as rn

THUMBNAIL = 480  # pixels across


def execute(script: Path, folder: Path) -> dict[str, Any]:
    """The outcome of a tutorial: output and figures of each cell, its exercises, and how long it took.

    Raises:
        tutorial_source.TutorialError: it is not written as a tutorial, or it fails; the line is named.
    """
    tutorial = tutorial_source.read(script)
    names: dict[str, Any] = {"__name__": script.stem}
    figures: list[Any] = []
    outputs, start = [], time.perf_counter()
    keep, rn.teaching.keep = rn.teaching.keep, figures.append
    try:
        for place, cell in enumerate((tutorial.top, *tutorial.cells)):
            figures.clear()
            text = _run(script, cell, names)
            files = [f"cell-{place}-{number}.png" for number in range(1, len(figures) + 1)]
            for file, figure in zip(files, figures, strict=True):
                figure.savefig(folder / file, dpi=150)
                figure.savefig(folder / "thumbnail.png", dpi=THUMBNAIL / figure.get_figwidth())
            outputs.append({"text": text, "figures": files})
    finally:
        rn.teaching.keep = keep
    seconds = time.perf_counter() - start
    known = rn.teaching.collection.tutorials()
    exercises = rn.teaching.questions(tutorial.number) if tutorial.number in known else ()
    spaced = tutorial_source.spaced
    listed = [{"key": each.key, "question": spaced(each.question), "hint": spaced(each.hint)} for each in exercises]
    return {"outputs": outputs, "seconds": seconds, "exercises": listed}


def _run(script: Path, cell: tutorial_source.Cell, names: dict[str, Any]) -> str:
    """Execute a cell as it stands in the script; what it prints."""
    code = compile(ast.Module(list(cell.statements), []), str(script), "exec")
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(code, names)
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(script)]
        line = lines[-1] if lines else cell.line
        asserted = script.read_text(encoding="utf-8").splitlines()[(line or 1) - 1].strip()
        what = " ".join(str(error).split()) or asserted
        raise tutorial_source.TutorialError(f"{script}:{line}: {type(error).__name__}: {what}") from error
    return printed.getvalue()


def main(script: str, folder: str) -> int:
    """Execute, write, and say what failed."""
    sys.argv = [script]
    try:
        outcome = execute(Path(script), Path(folder))
    except tutorial_source.TutorialError as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        print(error, file=sys.stderr)
        return 1
    (Path(folder) / "outcome.json").write_text(json.dumps(outcome, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
