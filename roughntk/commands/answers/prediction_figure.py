"""The picture of `roughntk predict`: the error against depth, and the predictions at the best one."""

import math
from typing import Any

import matplotlib
import numpy as np
from matplotlib.ticker import NullLocator

from roughntk.commands.answers.depths import in_words
from roughntk.commands.answers.predictions import Predictions
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas, content, drawable
from roughntk.regression.classes import decided

SUFFIXES = (".png", ".svg", ".pdf")
"""Of figures."""
MOST_TICKS = 12
"""Depths, or classes, that are all written at an axis."""


def content_of(found: Predictions, family: str, suffix: str) -> bytes:
    """The content of a file of the picture."""
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10.2, 4.0))
        _draw_depths(axes[0, 0], found)
        if found.classified:
            _draw_classes(axes[0, 1], found)
        else:
            _draw_numbers(axes[0, 1], found)
        trained = "to convergence" if found.time == math.inf else f"until $t = {found.time:.6g}$"
        name = drawable(found.data.name, "data")
        sizes = f"{len(found.data.X)} training points, {len(found.data.x)} test points"
        figure.suptitle(f"{name}: {sizes}; {family} trained {trained}, ridge {found.ridge:.3g}")
        return content(figure, suffix)


def _draw_depths(axis: Any, found: Predictions) -> None:
    """Accuracy or root mean square error against depth; infinite depth stands at the right end."""
    finite = [each.depth for each in found.at if each.depth < math.inf]
    end = 4 * max(finite, default=1.0)
    places = np.array([min(each.depth, end) for each in found.at])
    order = np.argsort(places)
    if found.classified:
        lines = [
            ("test points", [each.accuracy for each in found.at]),
            ("one left out", [each.left_out_accuracy for each in found.at]),
        ]
    else:
        lines = [
            ("test points", [each.error for each in found.at]),
            ("one left out", [each.left_out_error for each in found.at]),
        ]
    for (label, values), style, colour in zip(lines, ("o-", "s--"), COLOURS, strict=False):
        if not np.isnan(values).all():
            axis.plot(places[order], np.array(values)[order], style, color=colour, markersize=4, label=label)
    if not math.isnan(found.baseline):
        what = "the most frequent class" if found.classified else "the mean of the targets"
        axis.axhline(found.baseline, label=what, **LIMIT_STYLE)
    axis.set_xscale("log")
    ticks = {
        place: "$\\infty$" if each.depth == math.inf else in_words(each.depth)
        for place, each in zip(places.tolist(), found.at, strict=True)
    }
    step = -(-len(ticks) // MOST_TICKS)
    shown = sorted(ticks)[::-step][::-1]
    axis.set_xticks(shown, [ticks[place] for place in shown])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set(
        xlabel="network depth $L$", ylabel="part classified rightly" if found.classified else "root mean square error"
    )
    axis.set_title("accuracy against depth" if found.classified else "error against depth")
    axis.legend(loc="best")


def _draw_numbers(axis: Any, found: Predictions) -> None:
    """Predictions with two deviations against targets; in order of size without these."""
    best, wanted = found.best, found.data.wanted
    values, bars = best.values[:, 0], 2 * best.deviations[:, 0]
    order = np.argsort(values)
    across = np.arange(1, len(values) + 1) if wanted is None else wanted[order, 0]
    axis.errorbar(
        across,
        values[order],
        yerr=bars[order],
        fmt="o",
        color=COLOURS[0],
        ecolor=COLOURS[0],
        elinewidth=0.8,
        markersize=3.5,
        alpha=0.8,
    )
    name = drawable(found.data.target, "target")
    if wanted is not None:
        low, high = float(across.min()), float(across.max())
        axis.plot([low, high], [low, high], label="prediction = target", **LIMIT_STYLE)
        axis.legend(loc="upper left")
    axis.set(xlabel="test point" if wanted is None else f"target {name}", ylabel=f"predicted {name}")
    axis.set_title(f"depth {in_words(best.depth)}; bars: two standard deviations")


def _draw_classes(axis: Any, found: Predictions) -> None:
    """How many test points of each class get which class; how many get which without targets."""
    best, classes = found.best, found.data.classes
    names = [drawable(name, str(k)) for k, name in enumerate(classes, 1)]
    chosen, count = decided(best.values), len(classes)
    few, target = count <= MOST_TICKS, drawable(found.data.target, "class")
    axis.grid(False)
    axis.set_title(f"depth {in_words(best.depth)}: numbers of test points")
    if found.data.wanted is None:
        axis.bar(range(count), np.bincount(chosen, minlength=count), color=COLOURS[0])
        axis.set(xlabel=f"predicted {target}", ylabel="test points")
    else:
        table = np.zeros((count, count))
        np.add.at(table, (found.data.wanted.argmax(axis=1), chosen), 1)
        axis.imshow(table, cmap="Blues", aspect="auto")
        for (i, j), number in np.ndenumerate(table if few else table[:0]):
            if number:
                axis.text(
                    j,
                    i,
                    f"{number:.0f}",
                    ha="center",
                    va="center",
                    color="white" if number > table.max() / 2 else "black",
                )
        axis.set(xlabel=f"predicted {target}", ylabel=f"target {target}")
        axis.set_yticks(range(count) if few else [], names if few else [])
    axis.set_xticks(range(count) if few else [], names if few else [])


__all__ = ["SUFFIXES", "content_of"]
