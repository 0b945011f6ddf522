"""The README as a package index shows it: a metadata hook of hatchling, named in pyproject.toml.

An index renders the Markdown of the README away from the repository, so that a relative link or image would be broken
there. Each is made absolute with the address of the repository's files, `files-address` in pyproject.toml; while there
is none, a link becomes its text with the name of the file, and an image is left out with its caption.

    python tools/long_description.py        prints the page
"""

import re
import tomllib
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_TEXT = r"(?:[^\[\]`]|`[^`]*`)*"
_PIECE = re.compile(
    r"(?P<code>^```.*?^```[^\n]*$|`[^`]+`)"
    rf"|(?P<image>!\[(?P<alt>{_TEXT})\]\((?P<source>[^()\s]+)\)(?P<caption>\n\n\*[^*]+\*(?=\n\n|\Z))?)"
    rf"|(?P<link>(?<!!)\[(?P<text>{_TEXT})\]\((?P<target>[^()\s]+)\))",
    re.MULTILINE | re.DOTALL,
)
_CODE = re.compile(r"^```.*?^```[^\n]*$|`[^`]+`", re.MULTILINE | re.DOTALL)
_ELSEWHERE = re.compile(r"https?:|mailto:")
_LEFT = re.compile(
    r"\]\((?!https?:|mailto:)([^)]*)\)"
    r"|^ {0,3}\[[^\]]+\]:\s*(?!https?:|mailto:)(\S+)"
    r"|(?:src|href)\s*=\s*[\"']?(?!https?:|mailto:)([^\"'\s>]+)",
    re.MULTILINE,
)


def relative_targets(page: str) -> list[str]:
    """What a page links to or shows by a relative name, outside its code."""
    return [next(filter(None, match.groups()), "") for match in _LEFT.finditer(_CODE.sub("", page))]


def for_an_index(readme: str, files_address: str = "") -> str:
    """The README with no relative link and no relative image.

    Args:
        readme: Markdown.
        files_address: where the files of the repository are, ending in a slash; "" where there is no such address.

    Raises:
        ValueError: a link or an image is written in a form that is not rewritten here.
    """

    def rewritten(match: re.Match[str]) -> str:
        target = match["source"] or match["target"]
        if match["code"] is not None or _ELSEWHERE.match(target):
            return match[0]
        if files_address:
            start, end = match.span("source" if match["image"] else "target")
            return f"{match[0][: start - match.start()]}{files_address}{match[0][start - match.start() :]}"
        if match["image"]:
            return ""
        if target.startswith("#") or target in match["text"]:
            return match["text"]
        return f"{match['text']} (`{target.partition('#')[0]}`)"

    page = re.sub(r"\n{3,}", "\n\n", _PIECE.sub(rewritten, readme))
    if left := relative_targets(page):
        raise ValueError(f"expected links as [text](target), got others to {', '.join(left)}; write them so")
    return page


class LongDescription(MetadataHookInterface):
    """Sets the field `readme`, which pyproject.toml lists as dynamic."""

    def update(self, metadata: dict) -> None:
        readme = Path(self.root, "README.md").read_text(encoding="utf-8")
        page = for_an_index(readme, self.config.get("files-address", ""))
        metadata["readme"] = {"content-type": "text/markdown", "text": page}


if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parent.parent
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    hook = settings["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    print(for_an_index((ROOT / "README.md").read_text(encoding="utf-8"), hook.get("files-address", "")))
