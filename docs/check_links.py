"""Checks that every relative link and image of README.md and docs/pages/ leads somewhere.

    python docs/check_links.py

Files must exist, and an anchor (`page.md#section`) must be a heading of its page. Addresses of other sites
are not asked, nor are the pages that the build of the site makes: docs/check_site.py follows links to them. Exit code 1
and one line per broken link otherwise.
"""

import re
import sys
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r"""!?\[(?:[^\[\]]|!?\[[^\]]*\]\([^)]*\))*\]\(\s*<?([^)<>\s]+)>?[^)]*\)""")
NESTED_IMAGE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)<>\s]+)>?[^)]*\)")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s*<?([^\s>]+)>?", re.MULTILINE)
HTML = re.compile(r"""<(?:img|a|source)\b[^>]*?\b(?:src|href|srcset)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
CODE = re.compile(r"^(```|~~~).*?^\1[^\n]*$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
GENERATED = ("tutorials/", "gallery/", "reference/", "benchmarks.md", "changelog.md", "downloads.md")
"""Where below docs/pages/ the build of the site puts pages that it makes."""
SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


def links(text: str) -> list[str]:
    """The targets of all links and images of a markdown text, code left out."""
    prose = CODE.sub("", text)
    found = {target for pattern in (LINK, NESTED_IMAGE, REFERENCE, HTML) for target in pattern.findall(prose)}
    return sorted(found)


def anchors(text: str) -> set[str]:
    """The anchors that the headings of a markdown text get, and those written as HTML."""
    fenced = re.sub(r"^(```|~~~).*?^\1[^\n]*$", "", text, flags=re.MULTILINE | re.DOTALL)
    names = set(re.findall(r"""\b(?:id|name)\s*=\s*["']([^"']+)["']""", fenced))
    seen: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", fenced, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()).replace(" ", "-")
        again = seen.get(slug, 0)
        seen[slug] = again + 1
        names.add(f"{slug}-{again}" if again else slug)
    return names


def is_generated(target: Path, root: Path) -> bool:
    """Whether a page is made by the build of the site."""
    pages = (root / "docs" / "pages").resolve()
    return target.is_relative_to(pages) and target.relative_to(pages).as_posix().startswith(GENERATED)


def broken(page: Path, root: Path) -> list[str]:
    """One line for each link of the page that leads nowhere."""
    problems = []
    text = page.read_text(encoding="utf-8")
    for link in links(text):
        if SCHEME.match(link):
            continue
        path, _, anchor = unquote(link).partition("#")
        path = path.partition("?")[0]
        base = root if path.startswith("/") else page.parent
        target = (base / path.lstrip("/")).resolve() if path else page
        if is_generated(target, root):
            continue
        if not target.exists():
            problems.append(f"{page.relative_to(root)}: {link}: no such file")
        elif root.resolve() not in (target.resolve(), *target.resolve().parents):
            problems.append(f"{page.relative_to(root)}: {link}: outside the project")
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
            problems.append(f"{page.relative_to(root)}: {link}: no such heading")
    return problems


def main(root: Path) -> int:
    pages = [root / "README.md", *sorted((root / "docs").glob("**/*.md"))]
    if missing := [page for page in pages if not page.is_file()]:
        print(f"check_links: no {missing[0].relative_to(root)}", file=sys.stderr)
        return 1
    problems = [line for page in pages for line in broken(page, root)]
    for line in problems:
        print(line, file=sys.stderr)
    print(f"check_links: {len(pages)} pages, {len(problems)} broken links")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
