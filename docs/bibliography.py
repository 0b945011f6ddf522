"""The one bibliography, docs/references.bib: its page, and the citations that lead to it.

A page cites by `[@Key]`, `[@Key, chapter 5]` or `[@Key; @Other]`. A key that is not there is an error of the build.
"""

import functools
import os
import re
from pathlib import Path, PurePosixPath

from pybtex.database import BibliographyData, Entry, parse_string
from pybtex.plugin import find_plugin
from pybtex.richtext import Text

FILE = Path(__file__).resolve().parent / "references.bib"
PAGE = PurePosixPath("reference/bibliography.md")
CITATION = re.compile(r"\[(@\w+(?:,[^\];@]*)?(?:;\s*@\w+(?:,[^\];@]*)?)*)\]")
KEY = re.compile(r"\b[A-Z][A-Za-z]+(?:1[89]|20)\d\d\b")
"""What a key looks like in the `Source:` of a docstring."""


class UnknownKey(ValueError):
    """A citation of something that is not in the bibliography."""


@functools.cache
def bibliography() -> BibliographyData:
    """The entries of docs/references.bib."""
    return parse_string(FILE.read_text(encoding="utf-8"), "bibtex")


def author_and_year(entry: Entry) -> str:
    """Cho & Saul 2009; of three authors and more the first et al."""
    names = [
        str(Text.from_latex(" ".join([*person.prelast_names, *person.last_names])))
        for person in entry.persons["author"]
    ]
    who = names[0] if len(names) == 1 else " & ".join(names) if len(names) == 2 else f"{names[0]} et al."
    return f"{who} {entry.fields['year']}"


def label(key: str) -> str:
    """How a citation reads; of an unknown key an error."""
    entries = bibliography().entries
    if key not in entries:
        raise UnknownKey(f"expected a key of docs/references.bib, got {key!r}; add the entry or mend the key")
    return author_and_year(entries[key])


def cited(text: str, page: PurePosixPath) -> str:
    """A text of a page with its citations as links to the page of the bibliography."""
    target = os.path.relpath(PAGE, page.parent)

    def link(match: re.Match[str]) -> str:
        parts = []
        for each in match[1].split(";"):
            key, comma, place = each.strip().removeprefix("@").partition(",")
            parts.append(f"[{label(key)}]({target}#{key}){comma}{place.rstrip()}")
        return "; ".join(parts)

    return CITATION.sub(link, text)


def entry_lines(key: str, entry: Entry) -> list[str]:
    """Heading and text of one entry."""
    style = find_plugin("pybtex.style.formatting", "plain")()
    backend = find_plugin("pybtex.backends", "markdown")()
    bare = Entry(entry.type, [(name, value) for name, value in entry.fields.items() if name not in ("eprint", "url")])
    bare.persons, bare.key = entry.persons, key
    (formatted,) = style.format_entries([bare])
    text = " ".join(formatted.text.render(backend).split())
    links = []
    if "eprint" in entry.fields:
        links.append(f"[arXiv:{entry.fields['eprint']}](https://arxiv.org/abs/{entry.fields['eprint']})")
    if "url" in entry.fields:
        links.append(f"[{entry.fields['url'].removeprefix('https://')}]({entry.fields['url']})")
    return [f"## {label(key)} {{ #{key} }}", "", " ".join([text, *links]), "", f"Key: `{key}`.", ""]


def page() -> str:
    """The page of the bibliography: every entry with its key as anchor, by label."""
    entries = bibliography().entries
    lines = ["# Bibliography", "", "What the docstrings and pages name as their sources, by author.", ""]
    for key in sorted(entries, key=lambda each: (label(each).casefold(), each)):
        lines += entry_lines(key, entries[key])
    return "\n".join(lines)
