"""The panel `depth`."""

from typing import Any

from roughntk.explorer.points import ExplorerPoints


def table(points: ExplorerPoints) -> dict[str, Any]:
    return {"n": len(points.X)}
