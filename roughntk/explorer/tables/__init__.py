"""What the panels of the explorer show, computed by the package: a module for each panel.

The contract: `tables/NAME.py` has a function `table(points)`, which gets `roughntk.explorer.points.ExplorerPoints` and
returns what the panel in `web/panels/NAME.js` is given: dictionaries, lists, texts and finite floats (infinity is the
text "inf"). Where the page interpolates, the dictionary holds the error that was measured against the package.
"""

import importlib
from typing import Any

from roughntk.explorer.points import ExplorerPoints
from roughntk.explorer.script import panel_names


def tables(points: ExplorerPoints) -> dict[str, Any]:
    """The tables of all panels, by the names of the panels.

    Args:
        points: what the page begins with.
    """
    return {name: importlib.import_module(f"{__name__}.{name}").table(points) for name in panel_names()}


__all__ = ["tables"]
