"""Gives the pictures of built pages their width and height, so that no text moves while they load."""

import re
from pathlib import Path
from urllib.parse import unquote

from PIL import Image

PICTURE = re.compile(r"<img\b(?![^>]*\swidth=)[^>]*?\ssrc=\"([^\"]+)\"[^>]*?(?=\s*/?>)")


def sized(text: str, page: Path) -> str:
    """The HTML of a page with the sizes of the pictures that lie beside it; those of other kinds stay as they are."""

    def with_size(match: re.Match[str]) -> str:
        file = page.parent / unquote(match[1].partition("?")[0])
        if file.suffix != ".png" or not file.is_file():
            return match[0]
        with Image.open(file) as image:
            return f'{match[0]} width="{image.width}" height="{image.height}"'

    return PICTURE.sub(with_size, text)


def write(site: Path) -> None:
    """Do so on every page of a site."""
    for page in sorted(site.rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        changed = sized(text, page)
        if changed != text:
            page.write_text(changed, encoding="utf-8")
