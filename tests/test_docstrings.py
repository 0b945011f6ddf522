"""Docstrings: every source is in the bibliography, every public function has an example, every example is right."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import roughntk

ROOT = Path(__file__).resolve().parent.parent
ROOMS = (
    "",
    ".sphere",
    ".certify",
    ".kernels",
    ".regression",
    ".depth",
    ".networks",
    ".linalg",
    ".transport",
    ".rough",
    ".study",
    ".explorer",
    ".teaching",
)


def modules() -> list[ModuleType]:
    walked = pkgutil.walk_packages(roughntk.__path__, "roughntk.")
    names = [each.name for each in walked if not each.name.endswith("__main__")]
    return [importlib.import_module(name) for name in ["roughntk", *names]]


def keys() -> set[str]:
    return set(
        re.findall(r"^@\w+\{(\w+),", (ROOT / "docs" / "references.bib").read_text(encoding="utf-8"), re.MULTILINE)
    )


def sources(text: str) -> list[str]:
    """What stands behind `Source:` or `Sources:` in docstrings, each up to the end of its paragraph or its section."""
    blocks = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            doc = ast.get_docstring(node) or ""
            blocks += re.findall(r"^Sources?:\s*(.*?)(?=\n\s*\n|\n\w[\w ]*:|\Z)", doc, re.MULTILINE | re.DOTALL)
    return [" ".join(block.split()) for block in blocks]


def keys_in(source: str) -> list[str]:
    return re.findall(r"\b[A-Z][A-Za-z]+(?:1[89]|20)\d\d\b", source)


def without_key(text: str, known: set[str]) -> list[str]:
    """The sources that name no key of the bibliography, or one that is not there."""
    return [source for source in sources(text) if not keys_in(source) or not set(keys_in(source)) <= known]


def public() -> Iterator[tuple[str, Any]]:
    """Every function and class of the package's public rooms, once, by the name it is used with."""
    seen = set()
    for room in ROOMS:
        module = importlib.import_module(f"roughntk{room}")
        for name in module.__all__:
            value = getattr(module, name)
            defined_here = getattr(value, "__module__", "").startswith("roughntk")
            if (inspect.isfunction(value) or inspect.isclass(value)) and defined_here and id(value) not in seen:
                seen.add(id(value))
                yield f"rn{room}.{name}", value


def lacks_example(value: Any) -> bool:
    """No `>>>` in the docstring of a function, or of a family of kernels; results of functions need none."""
    needs = inspect.isfunction(value) or issubclass(value, roughntk.kernels.KernelFamily)
    return needs and ">>>" not in (value.__doc__ or "")


def test_every_source_is_in_the_bibliography() -> None:
    known = keys()
    assert len(known) > 10
    paths = sorted((ROOT / "roughntk").rglob("*.py"))
    wrong = {
        path.relative_to(ROOT).as_posix(): bad
        for path in paths
        if (bad := without_key(path.read_text(encoding="utf-8"), known))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("doc", "count"),
    [
        ("One.\n\nSource: Jacot2018, section 4.\n", 0),
        ("One.\n\nSource: Jacot2018; Nobody1999.\n", 1),
        ("One.\n\nSources: Jacot, Neural\ntangent kernels.\n\nMore.", 1),
        ("One.\n\nSource: the flow of `x`,\nafter Jacot2018.\n", 0),
        ("One, from Nobody1999.", 0),
    ],
)
def test_a_source_without_a_key_is_found(doc: str, count: int) -> None:
    assert len(without_key(f'"""{doc}"""\n', {"Jacot2018"})) == count
    inside = doc.replace("\n", "\n    ")
    assert len(without_key(f'def f():\n    """{inside}"""\n', {"Jacot2018"})) == count


def test_every_public_function_has_an_example() -> None:
    names = dict(public())
    assert len(names) > 80
    assert [name for name, value in names.items() if lacks_example(value)] == []


@pytest.mark.parametrize(
    "module", [each for each in modules() if ">>>" in inspect.getsource(each)], ids=lambda m: m.__name__
)
def test_the_examples_are_right(module: ModuleType) -> None:
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0 and result.failed == 0


def test_a_wrong_example_fails(capsys: pytest.CaptureFixture[str]) -> None:
    module = ModuleType("wrong")
    module.__doc__ = ">>> 1 + 1\n3\n"
    assert doctest.testmod(module).failed == 1
    capsys.readouterr()
