"""The explorer's page: one file that holds everything it needs and asks nothing of the network."""

import json
from collections.abc import Mapping
from typing import Any

import jinja2
from markupsafe import Markup

from roughntk import __version__
from roughntk.explorer.points import ExplorerPoints
from roughntk.explorer.script import script, style

TITLE = "Depth explorer"
MARK = "roughntk explorer"
"""What the page says of its generator."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""The content security policy of the page: nothing is fetched."""


def contents(points: ExplorerPoints, panels: Mapping[str, Any]) -> dict[str, Any]:
    """What `explore(root, data)` of the page is given.

    Args:
        points: what the page begins with.
        panels: the tables of the panels, by name.
    """
    shown = "its own five points on the circle" if points.name is None else f"{len(points.X)} rows of {points.name}"
    return {
        "title": TITLE,
        "subtitle": f"The depth of an infinitely wide network as a continuous parameter; {shown}.",
        "notes": list(points.notes),
        "footer": f"Written by roughntk {__version__}. Numbers come from tables of the package, or from formulas that "
        f"are checked against it; each panel states its error.",
        "panels": dict(panels),
    }


def as_json(data: Mapping[str, Any]) -> str:
    """The data as JSON with all digits, fit for the inside of a page: no markup can begin in it."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def html(data: Mapping[str, Any]) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("roughntk.explorer", "web"), autoescape=True, undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )  # fmt: skip
    return environment.get_template("page.html.j2").render(
        title=f"{TITLE} - roughntk",
        mark=MARK,
        policy=Markup(POLICY),
        style=Markup(style()),
        script=Markup(script()),
        data=Markup(as_json(data)),
    )


__all__ = ["MARK", "POLICY", "as_json", "contents", "html"]
