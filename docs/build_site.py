"""Builds the site into site/, from docs/pages/, the package's docstrings, examples/, benchmarks/ and the changelog.

    python docs/build_site.py [--out site] [--check]

The pages are put together in .cache/site/pages/, mkdocs makes HTML of them, strictly: a warning fails the build.
Figures of examples are drawn where none is there that was made from the same sources. With --check, every link, anchor
and picture of the built pages is followed, and nothing may be loaded from elsewhere (docs/check_site.py).
The address that the site will have, if it has one, is taken from ROUGHNTK_SITE_URL; without one there is no sitemap.
"""

import argparse
import logging
import os
import re
import shutil
import sys
import time
from pathlib import Path, PurePosixPath
from typing import Any

import benchmark_page
import bibliography
import build_pdfs
import check_site
import downloads
import gallery
import llms
import picture_sizes
import reference
import tutorials
from staging import PAGES, ROOT, Stage

DOCS = ROOT / "docs"
STAGED = ROOT / ".cache" / "site" / "pages"
CONFIG = DOCS / "mkdocs.yml"


class BuildError(RuntimeError):
    """The site cannot be built; the text says why and what to do."""


def put_katex(stage: Stage) -> None:
    """KaTeX, its style and its fonts, from where the explorer keeps them."""
    found = sorted((ROOT / "roughntk" / "explorer").rglob("katex.min.js"))
    if not found:
        raise BuildError(
            "expected KaTeX (katex.min.js) below roughntk/explorer, found none; restore the explorer's files"
        )
    for name in ("katex.min.js", "katex.min.css"):
        content = (found[0].parent / name).read_text(encoding="utf-8")
        if name.endswith(".css"):
            content = with_fonts_there(content, found[0].parent)
        stage.put(f"assets/katex/{name}", content)
    licence = found[0].parent / "katex.LICENSE.txt"
    if licence.is_file():
        stage.put(f"assets/katex/{licence.name}", licence.read_bytes())
    for font in sorted((found[0].parent / "fonts").glob("*.woff2")):
        stage.put(f"assets/katex/fonts/{font.name}", font.read_bytes())


def with_fonts_there(style: str, folder: Path) -> str:
    """A style sheet without the font files that are not beside it."""

    def kept(match: re.Match[str]) -> str:
        sources = [
            each
            for each in match[1].split(",")
            if (folder / re.findall(r"url\(([^)]*)\)", each)[0].strip("\"'")).is_file()
        ]
        return "src:" + ",".join(sources) if sources else ""

    style = re.sub(r"src:((?:url\([^)]*\) ?format\([^)]*\),?)+)", kept, style)
    return re.sub(r"@font-face\{(?:(?!src:)[^}])*\}", "", style)


def put_tutorials(stage: Stage) -> list[PurePosixPath]:
    """The pages of the tutorials, and the page that lists them."""
    try:
        made = tutorials.build(stage.folder / "tutorials")
    except tutorials.TutorialError as error:
        raise BuildError(str(error)) from error
    folder = PurePosixPath("tutorials")
    cards = []
    for each in made:
        picture = f"    [![{each['title']}]({each['thumbnail']})]({each['page']})\n\n" if each["thumbnail"] else ""
        cards.append(
            f"-   **[{each['number']}. {each['title']}]({each['page']})**\n\n{picture}    {each['summary']}\n\n"
            f"    [notebook]({each['notebook']}) · [marimo]({each['marimo']})\n"
        )
        place = folder / each["page"]
        stage.put(place, stage.converted((stage.folder / place).read_text(encoding="utf-8"), PAGES / place, place))
    listed = (stage.folder / folder / "index.md").read_text(encoding="utf-8")
    grid = '<div class="grid cards" markdown>\n\n' + "\n".join(cards) + "\n</div>"
    stage.put(folder / "index.md", LISTED.sub(lambda match: grid, listed))
    return [folder / "index.md", *(folder / each["page"] for each in made)]


LISTED = re.compile(r"<!-- tutorials: cards on the site -->.*<!-- tutorials: end -->", re.DOTALL)
"""What of the page of the tutorials the site shows as cards."""


def staged(folder: Path) -> tuple[Stage, dict[str, list[PurePosixPath]]]:
    """All pages in a new folder, and those of the generated sections."""
    shutil.rmtree(folder, ignore_errors=True)
    stage = Stage(folder)
    for source in sorted((ROOT / PAGES).rglob("*")):
        place = PurePosixPath(source.relative_to(ROOT / PAGES).as_posix())
        if source.suffix == ".md":
            stage.page(PAGES / place, place)
        elif source.is_file():
            stage.put(place, source.read_bytes())
    stage.page(PurePosixPath("CHANGELOG.md"), PurePosixPath("changelog.md"))
    benchmark_page.write(stage)
    made = {"gallery/": gallery.write(stage), "reference/": reference.write(folder), "tutorials/": put_tutorials(stage)}
    downloads.write(stage)
    stage.put(bibliography.PAGE, bibliography.page())
    made["reference/"].append(bibliography.PAGE)
    for asset in sorted((DOCS / "assets").iterdir()):
        stage.put(f"assets/{asset.name}", asset.read_bytes())
    put_katex(stage)
    return stage, made


def menu_of(entries: list[Any], made: dict[str, list[PurePosixPath]], folder: Path) -> list[Any]:
    """The menu with the generated pages in their places. A page that is not there is an error."""
    out: list[Any] = []
    for entry in entries:
        title, value = next(iter(entry.items())) if isinstance(entry, dict) else (None, entry)
        if isinstance(value, list):
            inner = menu_of(value, made, folder)
            out += [{title: inner}] if inner else []
        elif value.endswith("/"):
            if value not in made:
                raise BuildError(f"expected a generated section, got {value!r} in the menu of docs/mkdocs.yml")
            out += [{title: [page.as_posix() for page in made[value]]}] if made[value] else []
        elif (folder / value).is_file():
            out.append(entry)
        else:
            raise BuildError(
                f"expected the page docs/pages/{value}, which docs/mkdocs.yml names; write it or take it out"
            )
    return out


def built(out: Path, made: dict[str, list[PurePosixPath]]) -> list[Any]:
    """Let mkdocs make HTML of the staged pages; the menu that they have."""
    from mkdocs.commands.build import build
    from mkdocs.config.base import load_config
    from mkdocs.exceptions import Abort

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    config = load_config(str(CONFIG), docs_dir=str(STAGED), site_dir=str(out), strict=True)
    menu = menu_of(config.nav, made, STAGED)
    config = load_config(str(CONFIG), docs_dir=str(STAGED), site_dir=str(out), strict=True, nav=menu)
    config.plugins.on_startup(command="build", dirty=False)
    try:
        build(config)
    except Abort as error:
        raise BuildError(f"mkdocs warns of what is said above: {error}") from None
    config.plugins.on_shutdown()
    if not config.site_url:
        for name in ("sitemap.xml", "sitemap.xml.gz"):
            (out / name).unlink(missing_ok=True)
    return menu


def check_reference(out: Path) -> None:
    """Every public name has its anchor on the page of its room."""
    pages = {
        path.relative_to(out).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((out / "reference").glob("*.html"))
    }
    absent = reference.missing(pages)
    if absent:
        raise BuildError(f"expected every public name on the pages of the reference, missing: {', '.join(absent)}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "site", help="folder of the site (site)")
    parser.add_argument("--check", action="store_true", help="follow every link of the built pages")
    chosen = parser.parse_args(arguments)
    out = chosen.out.resolve()
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    started = time.monotonic()
    try:
        _, made = staged(STAGED)
        print(f"build_site: pages put together in {time.monotonic() - started:.0f} s", file=sys.stderr)
        menu = built(out, made)
        check_reference(out)
        llms.write(menu, STAGED, out)
        picture_sizes.write(out)
    except (BuildError, build_pdfs.BuildError, ValueError, gallery.FailedExample) as error:
        print(f"build_site: {error}", file=sys.stderr)
        return 1
    print(f"build_site: {out.name}/ in {time.monotonic() - started:.0f} s")
    return check_site.main(out) if chosen.check else 0


if __name__ == "__main__":
    sys.exit(main())
