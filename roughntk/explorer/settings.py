"""The settings of the explorer, each spelt once; nothing heavy is imported here."""

import dataclasses
from typing import Any

from roughntk._settings import listed, setting
from roughntk.files.reading_settings import FILE_HELP
from roughntk.study.settings import BUILT_IN, PointSettings

LEAST_POINTS, MOST_POINTS = 2, 8
"""Training points: at most as many as the page has colours and room for."""
PORT = 8642
"""Of the server, if none is named."""


def _again(name: str) -> Any:
    """A setting of points as it is."""
    field = PointSettings.__dataclass_fields__[name]
    return dataclasses.field(default=field.default, metadata=field.metadata)


@dataclasses.dataclass(frozen=True)
class ExplorerSettings:
    """Which rows the page begins with."""

    data: str | None = setting(
        None,
        f"A file, one point a row: {FILE_HELP}; or {listed(BUILT_IN)}. If left out, points on the circle.",
        option="DATA", names=BUILT_IN,
    )  # fmt: skip
    points: int = setting(
        5,
        f"Training points of the data, {LEAST_POINTS} to {MOST_POINTS}; one more row is the test point.",
        least=LEAST_POINTS,
        most=MOST_POINTS,
    )
    seed: int = _again("seed")
    projection: str = _again("projection")
    drop_duplicates: bool = _again("drop_duplicates")
    dimension: int | None = _again("dimension")
    target: str | None = _again("target")
    task: str = _again("task")
    standardise: bool = _again("standardise")


__all__ = ["LEAST_POINTS", "MOST_POINTS", "PORT", "ExplorerSettings"]
