"""llms.txt and llms-full.txt beside the site (llmstxt.org): what the pages are, and all of their text, as Markdown.

Each page is beside its HTML as Markdown, too; that is what the links lead to.
"""

import html
import inspect
import re
from pathlib import Path, PurePosixPath
from typing import Any

import docstrings
import reference

TITLE = "# roughntk"
SUMMARY = (
    "> The depth of an infinitely wide neural network as a continuous parameter: kernels at real depth, Theorem 3's"
)
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n+", re.DOTALL)
SUMMARY_END = "> controlled differential equation, rough paths, and an audit of the paper."


def first_sentence(text: str) -> str:
    """The first sentence of the first paragraph of a page."""
    body = re.sub(r"^(```|~~~).*?^\1[^\n]*$", "", text, flags=re.MULTILINE | re.DOTALL)
    for paragraph in re.split(r"\n\s*\n", body):
        joined = " ".join(paragraph.split())
        plain = re.sub(r"(?<!!)\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", joined).replace("**", "")
        if plain and not re.match(r"[#|!<>*\-:\[]|\d+\. ", plain):
            return docstrings.summary(plain)
    return ""


def title_of(text: str, place: PurePosixPath) -> str:
    """The first heading of a page."""
    match = re.search(r"^# (.*)$", text, re.MULTILINE)
    return match[1].strip("`") if match else place.stem


def expanded(text: str) -> str:
    """A page of the reference with the docstrings in the place of the directives."""
    names = {each.path: each for each in reference.public_names()}

    def written(match: re.Match[str]) -> str:
        each = names[match[1]]
        value = getattr(reference.rooms()[each.room], each.name)
        document = (inspect.getdoc(value) or "").rstrip() if each.kind != "constant" else ""
        return f"## {each.shown}{signature(value, each.kind)}\n\n```text\n{document}\n```\n"

    return re.sub(r"^::: (\S+)\n(?:    .*\n)*", written, text, flags=re.MULTILINE)


def signature(value: Any, kind: str) -> str:
    """The arguments of a function, as it is called."""
    if kind != "function":
        return ""
    return f"({', '.join(docstrings.arguments(value))})"


def pages_of(menu: list[Any]) -> list[tuple[str, list[PurePosixPath]]]:
    """The sections of the menu with their pages."""
    found = []
    for entry in menu:
        ((title, value),) = entry.items()
        found.append((title, flat(value)))
    return found


def flat(value: Any) -> list[PurePosixPath]:
    """The pages of an entry of the menu."""
    if isinstance(value, str):
        return [PurePosixPath(value)]
    if isinstance(value, dict):
        return [page for inner in value.values() for page in flat(inner)]
    return [page for inner in value for page in flat(inner)]


def write(menu: list[Any], staged: Path, site: Path) -> None:
    """Write the two files and the Markdown of every page into the built site."""
    brief, full = [TITLE, "", SUMMARY, SUMMARY_END, ""], [TITLE, ""]
    for section, places in pages_of(menu):
        brief += [f"## {section}", ""]
        for place in places:
            text = FRONT_MATTER.sub("", html.unescape((staged / place).read_text(encoding="utf-8")))
            if place.parts[0] == "reference":
                text = expanded(text)
            (site / place).parent.mkdir(parents=True, exist_ok=True)
            (site / place).write_text(text, encoding="utf-8")
            sentence = first_sentence(text)
            brief.append(f"- [{title_of(text, place)}]({place})" + (f": {sentence}" if sentence else ""))
            full += [f"<!-- {place} -->", "", text.rstrip(), ""]
        brief.append("")
    (site / "llms.txt").write_text("\n".join(brief), encoding="utf-8")
    (site / "llms-full.txt").write_text("\n".join(full), encoding="utf-8")
