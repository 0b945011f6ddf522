"""The pictures of an audit, all in one style."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib

from roughntk.audit.claim import Examined
from roughntk.files import drawing
from roughntk.files.drawing import BESIDE, COLOURS, DASHES, LIMIT_STYLE, canvas, plain_log_labels
from roughntk.study.result import Picture

INSIDE = 4
"""So many curves have their legend inside of the axes."""
WIDEST = 38
"""Letters of a label along the height of a picture."""


def draw(examined: Examined):
    """The picture of one claim: figure, title, caption."""
    picture = examined.picture
    assert picture is not None
    figure, grid = canvas(1, 1, (6.4, 3.8))
    axes = grid[0, 0]
    for place, curve in enumerate(picture.curves):
        style = {"marker": "o", "linestyle": ""} if curve.marks else {"linestyle": DASHES[place % len(DASHES)]}
        axes.plot(curve.x, curve.y, label=curve.label, color=COLOURS[place % len(COLOURS)], **style)
    for place, (label, height) in enumerate(picture.levels):
        axes.axhline(height, label=label, **LIMIT_STYLE | {"linestyle": DASHES[1 + place]})
    axes.set(title=picture.title, xlabel=picture.xlabel, ylabel=textwrap.fill(picture.ylabel, WIDEST))
    scaled = [axis for axis, letter in ((axes.xaxis, "x"), (axes.yaxis, "y")) if letter in picture.log]
    for axis in scaled:
        (axes.set_xscale if axis is axes.xaxis else axes.set_yscale)("log")
    beside = len(picture.curves) + len(picture.levels) > INSIDE
    axes.legend(**BESIDE if beside else {})
    plain_log_labels(*scaled)
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
