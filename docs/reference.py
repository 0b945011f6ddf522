"""The pages of the reference: every public name of every public room, with an anchor of its own."""

import ast
import dataclasses
import functools
import importlib
import inspect
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import docstrings

FOLDER = PurePosixPath("reference")
INDEX = """# Reference

Every public name, grouped by room. The examples in the docstrings are run by the tests, so what stands here is what
comes out.

{rooms}
Names of the package itself, such as `rn.DeepKernelRegressor`, are on [the page of the package](roughntk.md), and
sources in the [bibliography](bibliography.md).
"""


@dataclasses.dataclass(frozen=True)
class Name:
    """A public name: the room it is in ("" for the package itself), its kind, and the first sentence on it."""

    room: str
    name: str
    kind: str
    summary: str

    @property
    def path(self) -> str:
        """The full name, which is its anchor, too."""
        return ".".join(filter(None, ["roughntk", self.room, self.name]))

    @property
    def shown(self) -> str:
        """As one writes it after `import roughntk as rn`."""
        return "rn" + self.path.removeprefix("roughntk")


def kind_of(value: Any) -> str:
    """Class, module, function or constant."""
    if inspect.ismodule(value):
        return "module"
    if inspect.isclass(value):
        return "class"
    return "function" if callable(value) else "constant"


def rooms() -> dict[str, ModuleType]:
    """The public rooms of the package by name, the package itself first, as ""."""
    package = importlib.import_module("roughntk")
    found = {name: getattr(package, name) for name in sorted(package.__all__)}
    return {"": package, **{name: value for name, value in found.items() if inspect.ismodule(value)}}


def constant_document(room: str, name: str) -> str:
    """The string below the assignment of a constant, in whatever file of the room it is."""
    for file in sorted(Path(rooms()[room].__file__ or "").parent.rglob("*.py")):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        for statement, below in zip(body, body[1:], strict=False):
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            is_text = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
            if is_text and any(isinstance(each, ast.Name) and each.id == name for each in targets):
                return str(below.value.value)
    return ""


@functools.cache
def public_names() -> tuple[Name, ...]:
    """Every public name of every room; a name that the package has from a room counts there only."""
    found = []
    for room, module in sorted(rooms().items(), key=lambda each: not each[0]):
        for name in sorted(module.__all__, key=str.casefold):
            value = getattr(module, name)
            if not room and name in rooms():
                continue
            kind = kind_of(value)
            document = inspect.getdoc(value) if kind != "constant" else constant_document(room, name)
            found.append(Name(room, name, kind, docstrings.summary(document)))
    return tuple(found)


@functools.cache
def _anchors() -> dict[str, str]:
    return {each.path: each.path for each in public_names()}


def anchor_of(code: str, room: str = "") -> str | None:
    """The anchor of what a piece of code names: `rn.rough.signature`, its full name, or a name of the room at hand."""
    name = code.partition("(")[0].strip()
    if name.startswith("rn."):
        name = "roughntk." + name.removeprefix("rn.")
    if name in _anchors():
        return name
    nearby = (f"roughntk.{room}.{name}", f"roughntk.{name}") if "." not in name and name not in rooms() else ()
    return next((each for each in nearby if each in _anchors()), None)


def page_of(room: str) -> PurePosixPath:
    """Where the page of a room is."""
    return FOLDER / f"{room or 'roughntk'}.md"


def table(names: list[Name]) -> list[str]:
    """What there is, a line each."""
    lines = ["| name | what it is |", "|---|---|"]
    for each in names:
        shown = docstrings.inline(each.summary, lambda name: None) or each.kind
        lines.append(f"| [`{each.name}`](#{each.path}) | {shown} |")
    return [*lines, ""]


def page(room: str) -> str:
    """The page of one room: what the room is, a table, then name by name."""
    names = [each for each in public_names() if each.room == room]
    title = f"rn.{room}" if room else "roughntk"
    lines = [
        f"# `{title}`",
        "",
        docstrings.markdown(rooms()[room].__doc__ or "", lambda name: anchor_of(name, room)),
        "",
    ]
    if not room:
        lines += room_table()
    if names:
        lines += table(names)
    for each in names:
        lines += [
            f"::: {each.path}",
            "    options:",
            f"      heading: {each.shown}",
            f"      toc_label: {each.name}",
            "",
        ]
    return "\n".join(lines)


def room_table() -> list[str]:
    """The rooms, a line each."""
    lines = ["| room | what is in it |", "|---|---|"]
    for room, module in rooms().items():
        if room:
            shown = docstrings.inline(docstrings.summary(module.__doc__), lambda name: None)
            lines.append(f"| [`rn.{room}`]({room}.md) | {shown} |")
    return [*lines, ""]


def index() -> str:
    """The first page of the reference."""
    return INDEX.format(rooms="\n".join(room_table()))


def write(into: Path) -> list[PurePosixPath]:
    """Write all pages of the reference below `into`; where they are, in the order of the menu."""
    pages = {FOLDER / "index.md": index(), **{page_of(room): page(room) for room in rooms()}}
    for place, content in pages.items():
        path = into / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    return list(pages)


def missing(page_text: dict[str, str]) -> list[str]:
    """The public names whose anchor is not in the built page of their room, by their full names."""
    return [
        each.path
        for each in public_names()
        if f'id="{each.path}"' not in page_text.get(page_of(each.room).with_suffix(".html").as_posix(), "")
    ]
