"""The points that the explorer begins with: rows of a user's data on the unit sphere, or its own on the circle."""

import dataclasses
import math

import numpy as np

from roughntk.kernels import KernelFamily, ReluNTK

ANGLES = (0.2, 1.1, 2.1, 3.6, 5.1)
"""Of the points that the page begins with where there are no data, in radians."""


@dataclasses.dataclass(frozen=True)
class ExplorerPoints:
    """What the page begins with: training points, one test point, targets, a family and a depth.

    Attributes:
        name: of the data; None for the explorer's own points on the circle.
        X: training points, unit rows, shape (n, dim).
        x: the test point, a unit row, shape (1, dim).
        y: targets of the training points, shape (n,).
        rows: the numbers of training rows in the source, shape (n,); empty without a source.
        notes: sentences on what the data are and how they are shown.
        family: of the drivers; the depth panel begins with it.
        depth: that panel begins with it.
    """

    name: str | None
    X: np.ndarray
    x: np.ndarray
    y: np.ndarray
    rows: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    family: KernelFamily = dataclasses.field(default_factory=ReluNTK)
    depth: float = 3.0


def own_points() -> ExplorerPoints:
    """Five points on the circle with targets, and a test point.

    >>> own_points().X.shape
    (5, 2)
    """
    angles = np.array(ANGLES)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    test = math.pi / 2
    return ExplorerPoints(
        None, circle, np.array([[math.cos(test), math.sin(test)]]), np.array([1.0, -1.0, 1.0, -1.0, 1.0])
    )


__all__ = ["ANGLES", "ExplorerPoints", "own_points"]
