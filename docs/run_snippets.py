"""Runs every Python snippet of README.md and docs/pages/, and every `roughntk` command in a block marked sh.

    python docs/run_snippets.py             all pages
    python docs/run_snippets.py PAGE.md     some pages

The snippets of a page share their variables and a working folder, in which there is nothing but the data files of
examples/, from top to bottom. An expression that ends
in a comment `# = 1.25` (or `# = [1, 2.5]`) must have that value, to half a unit of the last digit given, and text to
its last character. A command must succeed, one whose line ends in `# exit code 2` must end so. Exit code 1 and one line
per failure otherwise.
"""

import ast
import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
VALUE = re.compile(r"#\s*=\s*(.+?)\s*$")
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def half_unit(text: str) -> float:
    """Half a unit of the last digit of a number as it is written; 1.25 gives 0.005."""
    digits, _, power = text.lower().partition("e")
    places = len(digits.partition(".")[2])
    return 0.5 * 10.0 ** (int(power or 0) - places)


def agrees(text: str, value: Any) -> bool:
    """Whether a value is what its comment says; text, such as proven digits, to the last character."""
    if text in (repr(value), str(value)):
        return True
    try:
        if np.asarray(value).dtype.kind == "U":
            return False
        found = np.ravel(np.asarray(value, dtype=float))
    except (TypeError, ValueError):
        return False
    wanted = NUMBER.findall(text)
    return len(wanted) == len(found) and all(
        abs(float(w) - f) <= half_unit(w) * (1 + 1e-9) + 1e-12 for w, f in zip(wanted, found, strict=True)
    )


def run_python(code: str, names: dict[str, Any], first_line: int) -> list[str]:
    """Executes a snippet statement by statement; what went wrong, by line of the page."""
    lines = code.splitlines()
    for statement in ast.parse(code).body:
        where = first_line + statement.lineno - 1
        claim = VALUE.search(lines[(statement.end_lineno or statement.lineno) - 1])
        try:
            if isinstance(statement, ast.Expr) and claim:
                value = eval(compile(ast.Expression(statement.value), "snippet", "eval"), names)
                if not agrees(claim[1], value):
                    return [f"line {where}: {ast.unparse(statement)} is {value!r}, the page says {claim[1]}"]
            else:
                exec(compile(ast.Module([statement], []), "snippet", "exec"), names)
        except Exception as error:
            return [f"line {where}: {ast.unparse(statement)[:80]}: {type(error).__name__}: {error}"]
    return []


def run_commands(code: str, first_line: int) -> list[str]:
    """Runs the `roughntk` commands of a shell block in this process."""
    from typer.testing import CliRunner

    from roughntk.cli import app

    problems = []
    for place, line in enumerate(code.splitlines()):
        words = shlex.split(line, comments=True)
        if not words or words[0] != "roughntk":
            continue
        expected = re.search(r"# exit code (\d)", line)
        result = CliRunner().invoke(app, words[1:])
        if result.exit_code != (int(expected[1]) if expected else 0):
            problems.append(f"line {first_line + place}: {line}: exit code {result.exit_code}: {result.output[-300:]}")
    return problems


def run_page(page: Path) -> tuple[int, list[str]]:
    """The number of snippets of a page, and what went wrong."""
    text = page.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "snippet"}
    problems: list[str] = []
    count = 0
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("examples").mkdir()
        for file in EXAMPLES.glob("*.csv"):
            shutil.copy(file, "examples")
        for block in BLOCK.finditer(text):
            count += 1
            first = text[: block.start()].count("\n") + 2
            with contextlib.redirect_stdout(io.StringIO()):
                if block[1] == "python":
                    problems += run_python(block[2], names, first)
                else:
                    problems += run_commands(block[2], first)
    return count, [f"{page.name}: {problem}" for problem in problems]


def main(root: Path, chosen: list[str]) -> int:
    os.environ.setdefault("MPLBACKEND", "Agg")
    pages = [Path(name).resolve() for name in chosen] or [root / "README.md", *sorted((root / "docs").glob("**/*.md"))]
    total, problems = 0, []
    for page in pages:
        count, found = run_page(page)
        total, problems = total + count, problems + found
    for line in problems:
        print(line, file=sys.stderr)
    print(f"run_snippets: {len(pages)} pages, {total} snippets, {len(problems)} failures")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent, sys.argv[1:]))
