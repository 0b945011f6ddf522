"""Our docstrings as Markdown: formulas as they stand, sections, sources that lead to the bibliography, examples.

One form is read (design of the house): a text, then `Args:`, `Attributes:`, `Returns:`, `Raises:`, `Warns:`, `Source:`,
and `>>>` examples anywhere. Formulas are plain text, so nothing in them is taken for Markdown.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import griffe
from bibliography import KEY, label

SECTIONS = {
    "Args": "Parameters",
    "Attributes": "Attributes",
    "Returns": "Returns",
    "Raises": "Raises",
    "Warns": "Warns",
    "Source": "Source",
    "Sources": "Sources",
}
HEADER = re.compile(rf"^({'|'.join(SECTIONS)}):(?:\s+(.*))?$")
ROLE = re.compile(r":(?:class|func|meth|mod|attr|data|exc):`~?([^`]+)`")
CODE = re.compile(r"``.+?``|`[^`\n]+(?:\n[^`\n]+)?`", re.DOTALL)
ITEM = re.compile(r"^([^\s:][^:]*?):(?:\s+(.*))?$")
MARKS = str.maketrans({mark: f"&#{ord(mark)};" for mark in "&<>*_[]$\\`~|#"})

Link = Callable[[str], "str | None"]
"""The anchor of a name in code, or None."""


def inline(text: str, link: Link) -> str:
    """A run of text: code stays code and leads to what it names, everything else is literal."""
    text = ROLE.sub(r"`\1`", text)
    parts, end = [], 0
    for match in CODE.finditer(text):
        parts.append(text[end : match.start()].translate(MARKS))
        code = " ".join(match[0].strip("`").split())
        anchor = link(code)
        parts.append(f"[`{code}`][{anchor}]" if anchor else f"`{code}`")
        end = match.end()
    return "".join([*parts, text[end:].translate(MARKS)])


def blocks(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The paragraphs of a text, each with its kind: example, code, list, or prose."""
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line)
            continue
        if paragraph:
            yield from kinds(paragraph)
        paragraph = []


def kinds(paragraph: list[str]) -> Iterator[tuple[str, list[str]]]:
    """A paragraph, or its text and the example that follows without an empty line."""
    start = next((number for number, line in enumerate(paragraph) if line.lstrip().startswith(">>>")), None)
    if start is not None:
        if start:
            yield from kinds(paragraph[:start])
        yield "example", paragraph[start:]
    elif all(line.startswith("  ") for line in paragraph) or any(re.search(r"\S {3,}\S", line) for line in paragraph):
        yield "code", paragraph
    elif re.match(r"(?:[-*]|\d+\.) ", paragraph[0]):
        yield "list", paragraph
    else:
        yield "prose", paragraph


def fenced(lines: list[str], language: str) -> list[str]:
    """Lines as a block of code."""
    return [f"```{language}", *inspect.cleandoc("\n".join(["", *lines])).splitlines(), "```"]


def text(lines: list[str], link: Link) -> list[str]:
    """A text of a docstring as lines of Markdown."""
    out: list[str] = []
    for kind, paragraph in blocks(lines):
        if kind == "example":
            found = fenced(paragraph, "pycon")
        elif kind == "code":
            found = fenced(paragraph, "text")
        elif kind == "list":
            found = [
                re.sub(r"^(\s*)(?:[-*]|(\d+)\.) (.*)$", lambda m: f"{m[1]}{m[2] + '.' if m[2] else '-'} {m[3]}", line)
                for line in listed(paragraph, link)
            ]
        else:
            found = inline("\n".join(paragraph), link).splitlines()
        out += [*found, ""]
    return out


def listed(paragraph: list[str], link: Link) -> list[str]:
    """The items of a list, each with its mark left and its text literal."""
    out = []
    for line in paragraph:
        mark = re.match(r"\s*(?:[-*]|\d+\.) |\s*", line)
        assert mark is not None
        out.append(mark[0] + inline(line[mark.end() :], link))
    return out


def items(lines: list[str], link: Link) -> list[str]:
    """Named items as a list of definitions; an item is as far in as the first."""
    found: list[tuple[str, list[str]]] = []
    lines = inspect.cleandoc("\n".join(["", *lines])).splitlines()
    for line in lines:
        match = ITEM.match(line)
        if match and not line.startswith(" "):
            found.append((match[1], [match[2] or ""]))
        elif found:
            found[-1][1].append(line)
        elif line.strip():
            found.append(("", [line]))
    out = []
    for name, body in found:
        body = [body[0], *inspect.cleandoc("\n".join(["", *body[1:]])).splitlines()]
        term = ", ".join(inline(f"`{each.strip('`* ')}`", link) for each in name.split(",")) or "&nbsp;"
        content = text(body, link) or [""]
        out += [term, f":   {content[0]}", *(f"    {line}".rstrip() for line in content[1:])]
        if out[-1]:
            out.append("")
    return out


def with_keys(source: str, link: Link) -> str:
    """A source with its keys as links to the bibliography; a key that is not there is an error."""
    parts, end = [], 0
    for match in KEY.finditer(source):
        parts.append(inline(source[end : match.start()], link))
        parts.append(f"[{label(match[0])}][{match[0]}]")
        end = match.end()
    return "".join([*parts, inline(source[end:], link)])


def sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """The parts of a docstring: the heading of each ("" for text), and its lines."""
    heading, part = "", []
    for line in lines:
        header = HEADER.match(line)
        ends = heading in ("Source", "Sources") and (not line.strip() or line.lstrip().startswith(">>>"))
        ends = ends or (heading not in ("", "Source", "Sources") and bool(line.strip()) and not line.startswith(" "))
        if header or ends:
            yield heading, part
            heading, part = (header[1], [header[2]] if header[2] else []) if header else ("", [line])
        else:
            part.append(line)
    yield heading, part


def markdown(docstring: str, link: Link = lambda name: None) -> str:
    """A docstring as Markdown."""
    out: list[str] = []
    for heading, lines in sections(inspect.cleandoc(docstring).splitlines()):
        if heading in ("Source", "Sources"):
            out += [f"**{SECTIONS[heading]}:** {with_keys(' '.join(' '.join(lines).split()), link)}", ""]
            continue
        if heading:
            out += [f"**{SECTIONS[heading]}**", ""]
        if heading in ("Args", "Attributes", "Raises", "Warns"):
            out += items(lines, link)
        else:
            if lines and heading:
                lines = [lines[0].lstrip(), *lines[1:]] if not lines[0].startswith("    ") else lines
                lines = inspect.cleandoc("\n".join(["", *lines] if lines[0].startswith(" ") else lines)).splitlines()
            out += text(lines, link)
    return "\n".join(out).strip() + "\n"


def summary(docstring: str | None) -> str:
    """The first sentence of a docstring, on one line, literal."""
    first = inspect.cleandoc(docstring or "").split("\n\n")[0].split("\n>>>")[0]
    line = " ".join(first.split())
    sentence = re.match(r"(.+?(?<!e\.g)(?<!i\.e)[.:?])(?:\s+(?=[A-Z`\"(])|$)", line)
    return (sentence[1] if sentence else line).rstrip(":")


def call_of(path: str) -> str | None:
    """How a class is called, where its docstring or its source says what it takes; a result is not called by users."""
    module, _, name = path.rpartition(".")
    value = getattr(importlib.import_module(module), name, None)
    if not inspect.isclass(value) or issubclass(value, BaseException):
        return None
    if not re.search(r"^\s*Args:", value.__doc__ or "", re.MULTILINE) and "def __init__(" not in inspect.getsource(
        value
    ):
        return None
    return wrapped(name, arguments(value))


def arguments(value: Any) -> list[str]:
    """The arguments of a call with their defaults, without types, and the star before those that go by name."""
    parameters = list(inspect.signature(value).parameters.values())
    taken = [str(each.replace(annotation=inspect.Parameter.empty)) for each in parameters]
    first_named = next((number for number, each in enumerate(parameters) if each.kind == each.KEYWORD_ONLY), None)
    if first_named is not None and not any(each.kind == each.VAR_POSITIONAL for each in parameters):
        taken.insert(first_named, "*")
    return taken


def wrapped(name: str, taken: list[str], width: int = 76) -> str:
    """A call, on one line where it fits, else a line an argument."""
    line = f"{name}({', '.join(taken)})"
    return line if len(line) <= width else "\n".join([f"{name}(", *(f"    {each}," for each in taken), ")"])


class FieldDocstrings(griffe.Extension):
    """Gives every object of the package its docstring as Markdown, in place of a parser's reading of it."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        from reference import anchor_of

        if obj.docstring is not None:
            room = obj.path.split(".")[1] if obj.path.count(".") else ""
            written = markdown(obj.docstring.value, lambda name: anchor_of(name, room))
            call = call_of(obj.path) if obj.is_class else None
            if call:
                written = "\n".join([*fenced([call], "python"), "", written])
            obj.docstring.__dict__["parsed"] = [griffe.DocstringSectionText(written)]
