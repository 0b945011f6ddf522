"""The pictures of an audit, all in one style."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

from roughntk.audit.claim import Examined
from roughntk.files import drawing
from roughntk.files.drawing import COLOURS, DASHES, LIMIT_STYLE, canvas
from roughntk.study.result import Picture


def draw(examined: Examined):
    """The picture of one claim: figure, title, caption."""
    picture = examined.picture
    assert picture is not None
    figure, grid = canvas(1, 1, (6.4, 3.8))
    axes = grid[0, 0]
    for place, curve in enumerate(picture.curves):
        style = {"marker": "o", "linestyle": ""} if curve.marks else {"linestyle": DASHES[place % len(DASHES)]}
        axes.plot(curve.x, curve.y, label=curve.label, color=COLOURS[place % len(COLOURS)], **style)
    for label, height in picture.levels:
        axes.axhline(height, label=label, **LIMIT_STYLE)
    axes.set(title=picture.title, xlabel=picture.xlabel, ylabel=picture.ylabel)
    if "x" in picture.log:
        axes.set_xscale("log")
    if "y" in picture.log:
        axes.set_yscale("log")
    axes.legend()
    return figure, f"{examined.place}: {picture.title}", picture.caption


def draw_all(examined: Sequence[Examined], folder: Path) -> dict[str, Picture]:
    """Draw every picture into the folder; by the key of its claim."""
    pictures = {}
    with matplotlib.rc_context(drawing.STYLE):
        for each in examined:
            if each.picture is not None:
                figure, title, caption = draw(each)
                name = file_name(each.key)
                pictures[each.key] = Picture(name, title, caption, drawing.save(figure, folder, name))
    return pictures


def file_name(key: str) -> str:
    """Of the picture of a claim."""
    return key.replace("-", "_")


__all__ = ["draw_all", "file_name"]
