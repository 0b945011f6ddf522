"""The table of the panel "Depth": the kernels of `families`, and the points that it begins with."""

from typing import Any

import numpy as np

from roughntk.explorer.points import ExplorerPoints
from roughntk.explorer.tables.families import TOLERANCE
from roughntk.explorer.tables.stored import stored_table


def table(points: ExplorerPoints) -> dict[str, Any]:
    """What the panel is given.

    Returns:
        `members`, the tables of `families.depth_table`; `tolerance`, which their errors stay below; and, where there
        are data, `data`: their name, dimension, coordinates and targets.
    """
    data: dict[str, Any] | None = None
    if points.name is not None:
        vectors, test = _coordinates(points)
        data = {
            "name": points.name,
            "dimension": points.X.shape[1],
            "vectors": vectors.tolist(),
            "test": test.tolist(),
            "targets": points.y.tolist(),
            "rows": list(points.rows),
        }
    return {"members": stored_table("depth"), "tolerance": TOLERANCE, "data": data}


def _coordinates(points: ExplorerPoints) -> tuple[np.ndarray, np.ndarray]:
    """The points as they are in 2 or 3 dimensions; else in the coordinates of the space that they span.

    A turn of the sphere keeps every angle, and these are all that a kernel sees.
    """
    both = np.concatenate([points.X, points.x])
    if both.shape[1] > 3:
        both = np.linalg.qr(both.T, mode="r").T
        both = both / np.linalg.norm(both, axis=1, keepdims=True)
    return both[:-1], both[-1]


__all__ = ["table"]
