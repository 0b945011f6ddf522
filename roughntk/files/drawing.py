"""Drawing: one look for every figure, and what figures share. Public, as `rn.files.drawing`.

Figures are made without pyplot's global state. Draw within `matplotlib.rc_context(STYLE)`.

>>> from roughntk.files import drawing
>>> figure, axes = drawing.canvas(1, 2, (9.6, 3.8))
>>> axes.shape
(1, 2)
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.ft2font
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from roughntk import _display
from roughntk._display import COLOURS, DASHES, LIMIT_STYLE, STYLE

_PEAK = 8.0  # a curve that is so many times larger somewhere than where it mostly is hides the others

BESIDE: Any = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
"""Legends stand to the right of the axes, where no data can be."""


def canvas(rows: int, columns: int, size: tuple[float, float]):
    """A figure with constrained layout, without pyplot's global state."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def save(figure: Figure, folder: Path, name: str) -> Path:
    """Write NAME.png (150 dots an inch) and NAME.svg, laid out once; returns the PNG's path."""
    folder.mkdir(exist_ok=True, parents=True)
    png, layout = folder / f"{name}.png", figure.get_layout_engine()
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what was laid out stays
    try:
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        figure.savefig(png, dpi=150)
    finally:
        figure.set_layout_engine(layout)
    return png


def content(figure: Any, suffix: str) -> bytes:
    """The figure as the content of a file with that suffix: .png (150 dots an inch), .svg or .pdf."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=suffix[1:].lower(), dpi=150)
    return buffer.getvalue()


def fold_peaks(axis, values: np.ndarray) -> str:
    """A scale that is logarithmic beyond what most values need, where a peak would flatten them; what the caption says.

    Args:
        axis: with the curves on it.
        values: those of the curves, shape (depths, curves); NaN where there are none.
    """
    sizes = np.abs(values[np.isfinite(values)])
    usual = float(np.quantile(sizes, 0.8)) if sizes.size else 0.0
    if not 0 < _PEAK * usual < sizes.max():
        return ""
    axis.set_yscale("symlog", linthresh=2 * usual, linscale=2)
    return f" The scale is logarithmic beyond {2 * usual:.2g}, so that a peak does not hide the rest."


def whole_ticks(*axes: Any) -> None:
    """Depth ticks at whole numbers, however few depths there are."""
    _display.whole_ticks(*(each.xaxis for each in axes))


def spread_out(depths: Sequence[float]) -> bool:
    """Whether depths are so far apart that an axis has to be logarithmic.

    >>> spread_out(range(1, 31)), spread_out([2, 5, 10, 100])
    (False, True)
    """
    steps = np.diff(depths)
    return bool(depths[-1] > 4 * depths[0] and steps.max() > 1.5 * steps.min())


def depth_ticks(depths: Sequence[float], *axes: Any) -> None:
    """Depth ticks at whole numbers, on a logarithmic axis where the depths are spread out."""
    if not spread_out(depths):
        whole_ticks(*axes)
        return
    for axis in axes:
        axis.set_xscale("log")
        plain_log_ticks(axis, depths)


def plain_log_ticks(axis, depths: Sequence[float]) -> None:
    """Depth ticks written plainly on a log axis: all of a few depths, else 1, 2, 3, 5, 10, ...; beyond 1e4 powers."""
    first, last = depths[0], depths[-1]
    steps = [step * 10**power for power in range(13) for step in (1, 2, 3, 5)]
    ticks: list[float] = [t for t in steps if first <= t <= last]
    if len(ticks) > 9:  # of a wide range
        ticks = [10**power for power in range(13) if first <= 10**power <= last]
    if last <= first + 5 or len(ticks) < 3:
        evenly = np.linspace(math.ceil(first), math.floor(last), min(math.floor(last) - math.ceil(first) + 1, 6))
        ticks = list(depths) if len(depths) <= 6 else sorted({round(t) for t in evenly})
    axis.set_xticks(ticks, [f"{t:g}" if t < 1e4 else f"$10^{{{math.log10(t):.3g}}}$" for t in ticks])
    axis.set_xticks([], minor=True)


def plain_log_labels(*axes: Any) -> None:
    """Labels 2, 5, 10 instead of powers of ten on short logarithmic axes (`axis.xaxis`, `axis.yaxis`); draw first."""
    for axis in axes:
        low, high = axis.get_view_interval()
        if high > 30 * low:
            continue
        digits = "12345678" if high < 5 * low else "125"

        def label(value: float, _: int, digits: str = digits) -> str:
            return f"{value:g}" if f"{value:e}"[0] in digits else ""

        axis.set_major_formatter(label)
        axis.set_minor_formatter(label)


def drawable(name: str, instead: str) -> str:
    """A name as matplotlib writes it letter by letter: no formula, and only letters that its font has."""
    font = matplotlib.ft2font.FT2Font(font_manager.findfont(font_manager.FontProperties()))
    known = font.get_charmap()
    if not name or any(ord(letter) not in known for letter in name):
        return instead
    return name.replace("$", r"\$")


__all__ = [
    "BESIDE", "COLOURS", "DASHES", "LIMIT_STYLE", "STYLE", "canvas", "content", "depth_ticks", "drawable", "fold_peaks",
    "plain_log_labels", "plain_log_ticks", "save", "spread_out", "whole_ticks",
]  # fmt: skip
