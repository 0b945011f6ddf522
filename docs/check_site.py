"""Follows every link, anchor and picture of the built site, and finds what would be loaded from elsewhere.

    python docs/check_site.py [site]

Addresses of other sites may be linked to, and are not asked. Scripts, styles, fonts, pictures and frames must be files
of the site. Exit code 1 and one line per problem otherwise.
"""

import re
import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    *((tag, "src") for tag in ("script", "img", "source", "iframe", "video", "audio", "embed", "track")),
    *((tag, "srcset") for tag in ("img", "source")),
    *((tag, "href") for tag in ("use", "image")),
    ("object", "data"),
}
"""What of an element a browser loads by itself."""
LOADING_RELATIONS = {
    "stylesheet",
    "icon",
    "preload",
    "prefetch",
    "preconnect",
    "dns-prefetch",
    "modulepreload",
    "manifest",
}
STYLE_ADDRESS = re.compile(r"url\(\s*[\"']?([^\"')]+)[\"']?\s*\)|@import\s+[\"']([^\"']+)[\"']")
FORMULA = re.compile(r"\$\$|\$[^\s$][^$\n]*\$")
VERBATIM = ("script", "style", "pre", "code", "textarea")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


class Page(HTMLParser):
    """The anchors of a page, where its links lead, and what it loads."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.anchors: set[str] = set()
        self.repeated: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.without_text: list[str] = []
        self.undrawn: list[str] = []
        self._inside_style = False
        self._inside_code = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.repeated |= {given["id"]} & self.anchors
            self.anchors.add(given["id"])
        if tag == "a" and "name" in given:
            self.anchors.add(given["name"])
        if tag in ("a", "area") and "href" in given:
            self.links.append(given["href"])
        if tag == "img" and "alt" not in given:
            self.without_text.append(given.get("src", ""))
        if tag == "link" and set(given.get("rel", "").split()) & LOADING_RELATIONS:
            self.loaded.append(given.get("href", ""))
        for name, value in given.items():
            if (tag, name) in LOADED:
                self.loaded += [part.split()[0] for part in value.split(",")] if name == "srcset" else [value]
        self.loaded += addresses(given.get("style", ""))
        self._inside_style = tag == "style"
        self._inside_code += tag in VERBATIM

    def handle_data(self, data: str) -> None:
        if self._inside_style:
            self.loaded += addresses(data)
        if not self._inside_code:
            self.undrawn += FORMULA.findall(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside_style = False
        self._inside_code -= tag in VERBATIM


def addresses(style: str) -> list[str]:
    """What a style sheet loads."""
    return [a or b for a, b in STYLE_ADDRESS.findall(COMMENT.sub("", style)) if not (a or b).startswith(("data:", "#"))]


@cache
def page_at(path: Path) -> Page:
    """A page, read once."""
    return Page(path.read_text(encoding="utf-8"))


def leads_nowhere(link: str, file: Path, site: Path) -> str | None:
    """Why a link of a file of the site leads nowhere, or None."""
    parts = urlsplit(link)
    path = unquote(parts.path)
    target = file if not path else (site / path.lstrip("/") if path.startswith("/") else file.parent / path).resolve()
    if target.is_dir():
        target = target / "index.html"
    if site not in target.parents:
        return "outside the site"
    if not target.is_file():
        return "no such file"
    anchor = unquote(parts.fragment)
    if anchor and target.suffix == ".html" and anchor not in page_at(target).anchors and anchor not in ("__top", ""):
        return "no such anchor"
    return None


def problems_of(file: Path, site: Path) -> list[str]:
    """What is wrong with a page or a style sheet."""
    name, found = file.relative_to(site).as_posix(), []
    if file.suffix == ".css":
        loaded, links = addresses(file.read_text(encoding="utf-8")), []
    else:
        page = page_at(file)
        loaded, links = page.loaded, page.links
        found += [f"{name}: {anchor}: an anchor twice" for anchor in sorted(page.repeated)]
        found += [f"{name}: {formula}: a formula that is not drawn" for formula in page.undrawn]
        found += [f"{name}: {picture}: a picture without a text" for picture in page.without_text]
    for link in sorted(set(loaded)):
        if link.startswith("data:"):
            continue
        if urlsplit(link).scheme or link.startswith("//"):
            found.append(f"{name}: {link}: loaded from elsewhere")
        elif why := leads_nowhere(link, file, site):
            found.append(f"{name}: {link}: {why}")
    for link in sorted(set(links)):
        parts = urlsplit(link)
        if parts.scheme in ("http", "https", "mailto") or link.startswith("//"):
            continue
        if why := ("an address that is none" if parts.scheme else leads_nowhere(link, file, site)):
            found.append(f"{name}: {link}: {why}")
    return found


def main(site: Path) -> int:
    site = site.resolve()
    files = sorted([*site.rglob("*.html"), *site.rglob("*.css")])
    if not (site / "index.html").is_file():
        print(
            f"check_site: expected a built site, found no {site.name}/index.html; run: python docs/build_site.py",
            file=sys.stderr,
        )
        return 1
    problems = [line for file in files for line in problems_of(file, site)]
    for line in problems:
        print(line, file=sys.stderr)
    print(f"check_site: {len(files)} pages and style sheets, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent / "site"))
