"""The picture of `roughntk predict`: the error against depth, and the predictions at the best one."""

import math
from typing import Any

import matplotlib
import numpy as np
from matplotlib.ticker import NullLocator

from roughntk.commands.answers.predictions import Predictions
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas, content, drawable
from roughntk.regression.classes import decided
from roughntk.study.depths import in_words

SUFFIXES = (".png", ".svg", ".pdf")
"""Of figures."""
MOST_TICKS = 12
"""Depths, or classes, that are all written at an axis."""


def content_of(result: Predictions, family: str, suffix: str) -> bytes:
    """The content of a file of the picture."""
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10.2, 4.0))
        _draw_depths(axes[0, 0], result)
        if result.classified:
            _draw_classes(axes[0, 1], result)
        else:
            _draw_numbers(axes[0, 1], result)
        trained = "to convergence" if result.time == math.inf else f"until $t = {result.time:.6g}$"
        name = drawable(result.data.name, "data")
        sizes = f"{len(result.data.X)} training points, {len(result.data.x)} test points"
        figure.suptitle(f"{name}: {sizes}; {family} trained {trained}, ridge {result.ridge:.3g}")
        return content(figure, suffix)


def _draw_depths(axis: Any, result: Predictions) -> None:
    """Accuracy or root mean square error against depth; infinite depth stands at the right end."""
    finite = [each.depth for each in result.at if each.depth < math.inf]
    end = 4 * max(finite, default=1.0)
    places = np.array([min(each.depth, end) for each in result.at])
    order = np.argsort(places)
    if result.classified:
        lines = [
            ("test points", [each.accuracy for each in result.at]),
            ("one left out", [each.left_out_accuracy for each in result.at]),
        ]
    else:
        lines = [
            ("test points", [each.error for each in result.at]),
            ("one left out", [each.left_out_error for each in result.at]),
        ]
    for (label, values), style, colour in zip(lines, ("o-", "s--"), COLOURS, strict=False):
        if not np.isnan(values).all():
            axis.plot(places[order], np.array(values)[order], style, color=colour, markersize=4, label=label)
    if not math.isnan(result.baseline):
        what = "the most frequent class" if result.classified else "the mean of the targets"
        axis.axhline(result.baseline, label=what, **LIMIT_STYLE)
    axis.set_xscale("log")
    ticks = {
        place: "$\\infty$" if each.depth == math.inf else in_words(each.depth)
        for place, each in zip(places.tolist(), result.at, strict=True)
    }
    step = -(-len(ticks) // MOST_TICKS)
    shown = sorted(ticks)[::-step][::-1]
    axis.set_xticks(shown, [ticks[place] for place in shown])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set(
        xlabel="network depth $L$", ylabel="part classified rightly" if result.classified else "root mean square error"
    )
    axis.set_title("accuracy against depth" if result.classified else "error against depth")
    axis.legend(loc="best")


def _draw_numbers(axis: Any, result: Predictions) -> None:
    """Predictions with two deviations against targets; in order of size without these."""
    best, wanted = result.best, result.data.wanted
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
    name = drawable(result.data.target, "target")
    if wanted is not None:
        low, high = float(across.min()), float(across.max())
        axis.plot([low, high], [low, high], label="prediction = target", **LIMIT_STYLE)
        axis.legend(loc="upper left")
    axis.set(
        xlabel="test points, in order of their predictions" if wanted is None else f"target {name}",
        ylabel=f"predicted {name}",
    )
    axis.set_title(f"depth {in_words(best.depth)}; bars: two standard deviations")


def _draw_classes(axis: Any, result: Predictions) -> None:
    """How many test points of each class get which class; how many get which without targets."""
    best, classes = result.best, result.data.classes
    names = [drawable(name, str(k)) for k, name in enumerate(classes, 1)]
    chosen, count = decided(best.values), len(classes)
    few, target = count <= MOST_TICKS, drawable(result.data.target, "class")
    axis.grid(False)
    axis.set_title(f"depth {in_words(best.depth)}: numbers of test points")
    if result.data.wanted is None:
        axis.bar(range(count), np.bincount(chosen, minlength=count), color=COLOURS[0])
        axis.set(xlabel=f"predicted {target}", ylabel="test points")
    else:
        table = np.zeros((count, count))
        np.add.at(table, (result.data.wanted.argmax(axis=1), chosen), 1)
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
