"""Tutorials: scripts are read as cells, what is no tutorial is refused with its line, and what is made of one runs."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "examples" / "tutorials").glob("[0-9]*.py"))

SMALL = '''"""A small tutorial

What it is about,
in two lines.

More of it.

    python examples/tutorials/01_small.py [FIGURE.png]
"""

from matplotlib.figure import Figure

import roughntk as rn


def twice(x):
    """Two times x."""
    return 2 * x


def main():
    # %%
    # ## First
    #
    # Some $x^2$.
    x = 3
    # a comment of the code
    _y = twice(x)
    print("twice:", _y)
    assert _y == 6

    # %%
    for _y in range(2):
        print(_y)

    # %%
    # ## Last
    figure = Figure()
    figure.subplots().plot([0, x])
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
'''
SPOILT = [
    ("x = 3", "x = (", 26, "no Python"),
    ("for _y in range(2):\n        print(_y)", "x = 4", 32, "assigns x again"),
    ("        print(_y)\n", "        print(_y)\n        z, x = 1, 2\n", 32, "assigns x again"),
    ("for _y in range(2):", "for twice in range(2):", 32, "assigns twice again"),
    ("for _y in range(2):\n        print(_y)", "print(_y)", 32, "uses _y of another"),
    ("print(_y)\n\n", "print(_y)\n    return\n\n", 35, "no return"),
    ("x = 3", "global x\n    x = 3", 26, "global"),
    ("x = 3", "mo = x = 3", 22, "marimo itself"),
    ("x = 3", "x = __file__", 22, "path of a script"),
    ("    # %%\n    # ## First", "    x = 1\n    # %%\n    # ## First", 22, "begin with a cell"),
    ("    rn.teaching.keep(figure)\n", "    rn.teaching.keep(figure)\n    print(1)\n", 40, "last statement"),
    ("    rn.teaching.keep(figure)\n", "    path = rn.teaching.keep(figure)\n", 40, "last statement"),
    ("def main():", "def main(x):", 21, "without arguments"),
    ("def main():", "def start():", 1, "one function main"),
    ("    main()\n", "    print(main())\n", 43, "nothing after main"),
    ("    main()\n", "    main()\nx = 1\n", 43, "nothing after main"),
    ("01_small.py [", "02_small.py [", 1, "and, last, `python examples/tutorials/01_small.py"),
    ("x = 3", 'x = """\n    a"""', 26, "without its indentation"),
    ("x = 3", "x = 3\n" + "    print(1)\n" * 90, 1, "fewer than 100"),
    ("_y = twice(x)", '_y = twice(\n    # %%\n    x)', 29, "within a statement"),
]  # fmt: skip


@pytest.fixture
def docs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The programs of docs/ can be imported."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    yield


@pytest.fixture
def source(docs: None) -> ModuleType:
    return importlib.import_module("tutorial_source")


def written(root: Path, text: str = SMALL, name: str = "01_small.py") -> Path:
    script = root / "examples" / "tutorials" / name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(text, encoding="utf-8")
    return script


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_of_the_examples_is_a_tutorial_with_exercises(script: Path, source: ModuleType) -> None:
    """Fewer than 100 lines of code, every name assigned by one cell, and a module of exercises."""
    tutorial = source.read(script)
    assert tutorial.lines < 100 and tutorial.exercises.is_file()
    assert any("teaching.keep(" in cell.code for cell in tutorial.cells)
    assert script.name.startswith(f"{tutorial.number:02d}_") and tutorial.summary


def test_the_numbers_of_the_tutorials_are_different() -> None:
    numbers = [script.name[:2] for script in SCRIPTS]
    assert len(numbers) >= 3 and len(set(numbers)) == len(numbers)


def test_a_script_is_read_as_title_text_and_cells(tmp_path: Path, source: ModuleType) -> None:
    tutorial = source.read(written(tmp_path))
    assert (tutorial.number, tutorial.title) == (1, "A small tutorial")
    assert tutorial.summary == "What it is about, in two lines."
    assert tutorial.introduction.endswith("More of it.")
    assert [cell.markdown for cell in tutorial.cells] == ["## First\n\nSome $x^2$.", "", "## Last"]
    assert tutorial.cells[0].code.splitlines()[:2] == ["x = 3", "# a comment of the code"]
    assert tutorial.top.code.startswith("from matplotlib") and tutorial.top.code.endswith("return 2 * x")
    assert tutorial.cells[2].assigned == {"figure"} and {"x", "rn", "Figure"} <= tutorial.cells[2].used
    assert tutorial.lines == 16


@pytest.mark.parametrize(("old", "new", "line", "message"), SPOILT)
def test_a_script_that_is_no_tutorial_is_refused_with_its_line(
    tmp_path: Path, source: ModuleType, old: str, new: str, line: int, message: str
) -> None:
    assert SMALL.count(old) >= 1
    script = written(tmp_path, SMALL.replace(old, new, 1) if "main()" not in old else new.join(SMALL.rsplit(old, 1)))
    with pytest.raises(source.TutorialError) as refused:
        source.read(script)
    assert str(refused.value).startswith(f"{script}:{line}: ") and message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("It is\n$$ x = 1. $$\nSo it is.", "It is\n\n$$ x = 1. $$\n\nSo it is."),
        ("$$\nx\n$$\nand $y$", "$$\nx\n$$\n\nand $y$"),
        ("a\n\n$$a\n  b$$\n\nb", "a\n\n$$a\n  b$$\n\nb"),
        ("$x$ and\n$y$", "$x$ and\n$y$"),
        ("a length of\n1. Its mean\n- x", "a length of 1. Its mean - x"),
        ("1. one\n2. two\n\n* a\n* b\n\n$$\na\n- b\n$$", "1. one\n2. two\n\n* a\n* b\n\n$$\na\n- b\n$$"),
    ],
)
def test_text_is_written_so_that_all_readers_of_markdown_understand_it_alike(
    source: ModuleType, text: str, wanted: str
) -> None:
    assert source.spaced(text) == wanted


def test_a_name_of_a_file_without_a_number_is_refused(tmp_path: Path, source: ModuleType) -> None:
    with pytest.raises(source.TutorialError, match="expected a file name"):
        source.read(written(tmp_path, name="small.py"))


@pytest.mark.parametrize(
    ("new", "line", "message"),
    [("assert _y == 7", 30, "AssertionError: assert _y == 7"), ("twice(None)", 18, "TypeError: unsupported operand")],
)
def test_a_claim_that_does_not_hold_fails_with_its_line(
    tmp_path: Path, source: ModuleType, new: str, line: int, message: str
) -> None:
    execution = importlib.import_module("tutorial_execution")
    script = written(tmp_path, SMALL.replace("assert _y == 6", new))
    with pytest.raises(source.TutorialError) as failed:
        execution.execute(script, tmp_path)
    assert str(failed.value).startswith(f"{script}:{line}: {message}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], ModuleType, Path]:
    """What is built of a small tutorial: the folder, its record, the program, and the root of the repository."""
    for package in ("nbformat", "marimo"):
        pytest.importorskip(package, reason=f"{package} makes notebooks; make setup-docs installs it")
    root, out = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("out")
    (root / "roughntk").symlink_to(ROOT / "roughntk")
    written(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        program = importlib.import_module("tutorials")
    (record,) = program.build(out, root=root, cache=root / "cache")
    return out, record, program, root


def test_the_page_has_text_code_output_figure_and_exercises(
    site: tuple[Path, dict[str, Any], ModuleType, Path],
) -> None:
    out, record, _, _ = site
    page = (out / record["page"]).read_text(encoding="utf-8")
    assert page.startswith("# 1. A small tutorial\n")
    parts = [
        "Some $x^2$.",
        "_y = twice(x)",
        "twice: 6",
        "## Last",
        "![Figure of: A small tutorial](01_small/cell-3-1.png)](01_small/cell-3-1.png)",
        "Exercise 1.1",
        "Hint",
    ]
    places = [page.index(part) for part in parts]
    assert places == sorted(places)
    linked = {record[key] for key in ("thumbnail", "notebook", "marimo", "script")} | {"01_small/cell-3-1.png"}
    assert all((out / name).is_file() for name in linked)
    assert (record["number"], record["title"]) == (1, "A small tutorial")
    assert str(ROOT) not in page and "Figure: " not in page


def test_what_has_been_built_is_not_executed_again(
    site: tuple[Path, dict[str, Any], ModuleType, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, record, program, root = site

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", refuse)
    assert program.build(tmp_path, root=root, cache=root / "cache") == [record]
    changed = written(tmp_path, SMALL.replace("x = 3", "x = 3.0"))
    (tmp_path / "roughntk").symlink_to(ROOT / "roughntk")
    assert changed.is_file()
    with pytest.raises(AssertionError, match="process"):
        program.build(tmp_path / "out", root=tmp_path, cache=root / "cache")


def test_the_notebook_is_valid_runs_and_holds_the_outputs(
    site: tuple[Path, dict[str, Any], ModuleType, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    import nbformat

    out, record, _, _ = site
    notebook = nbformat.reads((out / record["notebook"]).read_text(encoding="utf-8"), as_version=4)
    nbformat.validate(notebook)
    monkeypatch.setattr(sys, "argv", ["notebook", str(tmp_path / "figure.png")])
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in cells:
        exec(cell.source, names)
    printed = "".join(output.text for cell in cells for output in cell.outputs if output.output_type == "stream")
    assert capsys.readouterr().out.startswith(printed) and printed == "twice: 6\n0\n1\n"
    assert (tmp_path / "figure.png").is_file()
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    assert names["answer_1_1"] is None


def test_the_marimo_file_runs_as_a_script(site: tuple[Path, dict[str, Any], ModuleType, Path], tmp_path: Path) -> None:
    out, record, _, _ = site
    result = subprocess.run(
        [sys.executable, str(out / record["marimo"]), str(tmp_path / "figure.png")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("twice: 6\n0\n1\n") and (tmp_path / "figure.png").is_file()


def test_a_marimo_file_that_marimo_refuses_fails_the_build(
    site: tuple[Path, dict[str, Any], ModuleType, Path], tmp_path: Path
) -> None:
    out, record, program, _ = site
    text = (out / record["marimo"]).read_text(encoding="utf-8")
    twice = text.replace(
        'if __name__ == "__main__"', "@app.cell\ndef _():\n    x = 4\n    return (x,)\n\n\nif __name__ == '__main__'"
    )
    assert twice != text
    (tmp_path / "twice.py").write_text(twice, encoding="utf-8")
    with pytest.raises(importlib.import_module("tutorial_source").TutorialError, match="marimo refuses"):
        program.check_marimo(tmp_path / "twice.py")


def test_the_outcome_says_how_long_it_took_and_lists_the_exercises(
    site: tuple[Path, dict[str, Any], ModuleType, Path],
) -> None:
    _, record, _, root = site
    (file,) = (root / "cache").glob("01_small-*/outcome.json")
    outcome = json.loads(file.read_text(encoding="utf-8"))
    assert outcome["seconds"] == record["seconds"] > 0
    assert [each["key"] for each in outcome["exercises"]][:3] == ["1.1", "1.2", "1.3"]
