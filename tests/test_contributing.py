"""The recipes of CONTRIBUTING.md are short, and lead where they say, on a copy of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 20

STEP = re.compile(
    r"(?:Write `(?P<write>[^`]+)`|In `(?P<change>[^`]+)`, (?P<side>before|after) `(?P<anchor>[^`]+)`):\s+"
    r"```python\n(?P<code>.*?)```",
    re.DOTALL,
)
CHECK = re.compile(r"```sh\n(?P<command>.*?)\n```(?:\s+```\n(?P<output>.*?)```)?", re.DOTALL)


def recipes(text: str) -> dict[str, str]:
    """The sections of the page that are recipes, by heading."""
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)[1:]
    return {heading: body for heading, body in zip(parts[::2], parts[1::2], strict=True) if heading.startswith("Add a")}


PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = recipes(PAGE)


def follow(recipe: str, root: Path) -> None:
    """Write and change files below `root` as the recipe says."""
    for step in STEP.finditer(recipe):
        if step["write"]:
            path = root / step["write"]
            assert not path.exists(), f"{path} is there already"
            path.write_text(step["code"], encoding="utf-8")
            continue
        path = root / step["change"]
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if line.startswith(step["anchor"])]
        assert len(places) == 1, f"{len(places)} lines of {path} begin with {step['anchor']!r}"
        place = places[0] + (step["side"] == "after")
        path.write_text("".join([*lines[:place], step["code"], *lines[place:]]), encoding="utf-8")


def lines_of(recipe: str) -> int:
    """The lines of code that a recipe asks for, without blank ones."""
    return sum(bool(line.strip()) for step in STEP.finditer(recipe) for line in step["code"].splitlines())


def check(recipe: str, root: Path) -> None:
    """Run what the recipe ends with, and compare its output where one is given."""
    checks = list(CHECK.finditer(recipe))
    assert checks, "a recipe ends with a command that shows it works"
    for each in checks:
        words = each["command"].split()
        assert words[0] == "python"
        result = subprocess.run(
            [sys.executable, *words[1:]],
            cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        assert each["output"] is None or result.stdout == each["output"]


def test_the_files_that_the_page_sends_to_are_there() -> None:
    named = set(re.findall(r"`((?:roughntk|tests|docs)/[^`]+)`", PAGE.partition("\n## ")[0]))
    assert len(named) > 5
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_there_is_a_recipe_for_what_is_added_most() -> None:
    assert {"Add a signature backend", "Add a command"} <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_short(name: str) -> None:
    assert 0 < lines_of(RECIPES[name]) <= MOST_LINES


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_leads_where_it_says(name: str, tmp_path: Path) -> None:
    ignored = shutil.ignore_patterns(".*")  # what Python compiled of the files that stay as they are, it need not again
    for folder in ("roughntk", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    follow(RECIPES[name], tmp_path)
    check(RECIPES[name], tmp_path)


def test_a_recipe_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    recipe = "In `a.py`, after `x =`:\n\n```python\nprint(x)\n```\n\n```sh\npython a.py\n```\n\n```\n{}\n```\n"
    follow(recipe, tmp_path)
    check(recipe.format(1), tmp_path)
    with pytest.raises(AssertionError):
        check(recipe.format(2), tmp_path)
    with pytest.raises(AssertionError, match="0 lines"):
        follow(recipe.replace("`x =`", "`y =`"), tmp_path)
    with pytest.raises(AssertionError, match="a recipe ends with"):
        check("", tmp_path)
