"""Drawings as parts of a page: an SVG file that matplotlib wrote becomes markup that takes the page's colours."""

import html
import re

from markupsafe import Markup

from roughntk.files.drawing import COLOURS

VARIABLES = {"#000000": "ink", "#ffffff": "paper", "#e5e5e5": "line", "#555555": "muted", "#cccccc": "line"} | {
    colour: f"curve-{place}" for place, colour in enumerate(COLOURS)
}
"""The variable of the page's style sheet that stands for a colour of our drawings."""

_PREAMBLE = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_NAMESPACE = re.compile(r'\sxmlns(?::\w+)?="[^"]*"')
_SIZE = re.compile(r'<svg[^>]*?viewBox="0 0 ([\d.]+) ([\d.]+)"[^>]*>')
_IDENTIFIER = re.compile(r'(\bid="|xlink:href="#|url\(#)')
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")


def inlined(svg: str, name: str, label: str) -> Markup:
    """The drawing as markup.

    Args:
        svg: content of the file.
        name: what every identifier in it begins with, so that those of several drawings differ.
        label: what a reader who does not see it is told.

    >>> drawing = '<svg viewBox="0 0 9 6"><g id="a" style="fill: #000000"/></svg>'
    >>> print(inlined(drawing, "one", "A").partition(">")[2])
    <g id="one-a" style="fill: var(--ink)"/></svg>
    """
    text = _NAMESPACE.sub("", _METADATA.sub("", _PREAMBLE.sub("", svg))).rstrip()
    text = _IDENTIFIER.sub(rf"\g<1>{name}-", text)
    text = _COLOUR.sub(lambda match: f"var(--{VARIABLES[match[0]]})" if match[0] in VARIABLES else match[0], text)
    size = _SIZE.search(text)
    assert size is not None
    head = (
        f'<svg viewBox="0 0 {size[1]} {size[2]}" role="img" aria-label="{html.escape(label)}" '
        f'style="min-width: {min(float(size[1]), 700.0):.0f}px">'
    )
    return Markup(text[: size.start()] + head + text[size.end() :])


__all__ = ["VARIABLES", "inlined"]
