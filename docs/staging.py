"""The pages of docs/pages/ as the site wants them: links lead into the site, citations and names are links.

On the disk a page links to files of the repository, `../../figures/variation.png` or `../../../CHANGELOG.md`, so that
it can be read there, too. Here such a link gets the page that the site has for the file, or a copy of the file.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import reference
from bibliography import cited

ROOT = Path(__file__).resolve().parent.parent
PAGES = PurePosixPath("docs/pages")
PAGE_OF = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "benchmarks/README.md": "benchmarks.md",
    "docs/references.bib": "reference/bibliography.md",
}
"""The pages of the site that stand for files of the repository."""

FENCED = re.compile(r"^(?P<mark> *(?:```+|~~~+)).*?^(?P=mark)[^\n]*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`[^`\n]+`")
DISPLAYED = re.compile(r"\n*^( *)(\$\$(?:(?!\$\$).)+\$\$)[ \t]*$\n*", re.MULTILINE | re.DOTALL)
TARGET = re.compile(r"""(\]\(\s*<?)([^)<>\s]+)(>?(?:\s+"[^"]*")?\s*\))""")
SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//|#)", re.IGNORECASE)


class BrokenLink(ValueError):
    """A link of a page to a file that is not there."""


class Stage:
    """A folder in which the pages of the site are put together."""

    def __init__(self, folder: Path, root: Path = ROOT):
        self.folder, self.root = folder, root

    def put(self, place: PurePosixPath | str, content: str | bytes) -> None:
        """Write a page or a picture."""
        path = self.folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def page(self, source: PurePosixPath, place: PurePosixPath) -> None:
        """Put a file of Markdown of the repository at its place."""
        self.put(place, self.converted((self.root / source).read_text(encoding="utf-8"), source, place))

    def converted(self, text: str, source: PurePosixPath, place: PurePosixPath) -> str:
        """A text with its links, citations and names as the site has them; code stays as it is."""
        return outside(FENCED, text, lambda part: self._prose(part, source, place))

    def _prose(self, part: str, source: PurePosixPath, place: PurePosixPath) -> str:
        spans = [match.span() for match in SPAN.finditer(part)]

        def linked(match: re.Match[str]) -> str:
            if any(start < match.start() < end for start, end in spans):
                return match[0]
            return match[1] + self.led(match[2], source, place) + match[3]

        part = outside(SPAN, TARGET.sub(linked, part), lambda run: cited(run, place))
        return DISPLAYED.sub(r"\n\n\1\2\n\n", named(part, place))

    def led(self, link: str, source: PurePosixPath, place: PurePosixPath) -> str:
        """Where a link of a file of the repository leads on the site."""
        if SCHEME.match(link):
            return link
        path, mark, anchor = unquote(link).partition("#")
        target = PurePosixPath(os.path.normpath(source.parent / path))
        if target.is_relative_to(PAGES):
            there = target.relative_to(PAGES)
        elif target.as_posix() in PAGE_OF:
            there = PurePosixPath(PAGE_OF[target.as_posix()])
        elif target.parent == PurePosixPath("examples") and target.suffix == ".py":
            there = PurePosixPath("gallery") / f"{target.stem}.md"
        elif target.parent == PurePosixPath("examples/tutorials") and target.suffix == ".py":
            there = PurePosixPath("tutorials") / f"{target.stem}.md"
        else:
            there = self.copied(target, f"{source}: {link}")
        return os.path.relpath(there, place.parent) + mark + anchor

    def copied(self, target: PurePosixPath, what: str) -> PurePosixPath:
        """A file of the repository among those of the site."""
        file = self.root / target
        if not file.is_file() or target.suffix == ".md":
            raise BrokenLink(f"expected a file that the site can hold, got {what}; link to a page of the site")
        figure = target.parent == PurePosixPath("docs/figures")
        there = PurePosixPath("figures") / target.name if figure else PurePosixPath("files") / target
        (self.folder / there).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, self.folder / there)
        return there


def outside(pattern: re.Pattern[str], text: str, change: Callable[[str], str]) -> str:
    """The text with `change` applied to what the pattern does not match."""
    parts, end = [], 0
    for match in pattern.finditer(text):
        parts += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*parts, change(text[end:])])


def named(part: str, place: PurePosixPath) -> str:
    """Prose in which code that is a public name or an example leads to its page; not in headings or in links."""
    lines = part.split("\n")
    return "\n".join(line if line.startswith("#") else _named(line, place) for line in lines)


def _named(line: str, place: PurePosixPath) -> str:
    def link(match: re.Match[str]) -> str:
        code = match[0].strip("`")
        before = line[: match.start()]
        if before.count("[") > before.count("]"):
            return match[0]
        anchor = reference.anchor_of(code) if code.startswith(("rn.", "roughntk.")) else None
        if anchor is not None:
            room = anchor.split(".")[1] if anchor.count(".") > 1 else ""
            return f"[{match[0]}]({os.path.relpath(reference.page_of(room), place.parent)}#{anchor})"
        example = re.fullmatch(r"examples/(\w+)\.py", code)
        if example and (ROOT / code).is_file():
            return f"[{match[0]}]({os.path.relpath(f'gallery/{example[1]}.md', place.parent)})"
        return match[0]

    return SPAN.sub(link, line)
