"""The figure of a comparison: the error of every family against depth."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from roughntk.files.drawing import COLOURS, DASHES, LIMIT_STYLE, canvas, drawable, plain_log_ticks
from roughntk.study.analysis.prediction import Baselines, Prediction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "h")
"""Beside `COLOURS` and `DASHES`, so that ten families are told apart without colour."""


def families(known: Sequence[tuple[str, Prediction]], beside: Baselines):
    """Error on held rows against depth for every family, by its name, beside two baselines."""
    figure, axes = canvas(1, 1, (4.8, 4.6))
    hidden = draw(axes[0, 0], known, beside)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    drawn = sum(predicted.limit is not None for _, predicted in known) - hidden
    return figure, "The families against depth", _caption(bool(known[0][1].targets.classes), drawn, hidden)


def draw(axis: "Axes", known: Sequence[tuple[str, Prediction]], beside: Baselines) -> int:
    """The curves on an axis, without a legend; how many values of infinite depth are outside it."""
    targets = known[0][1].targets
    score, classes = targets.score, bool(targets.classes)
    seen = [score(one.losses) for _, predicted in known for one in predicted.at.values()]
    ends = [score(predicted.limit.losses) for _, predicted in known if predicted.limit is not None]
    mean, last = score(beside.mean), max(max(predicted.at) for _, predicted in known)
    if beside.rbf is not None:
        seen.append(score(beside.rbf.losses))
        axis.axhline(seen[-1], color="#555555", linestyle="-.", linewidth=1.4, label="RBF kernel")
    for place, (name, predicted) in enumerate(known):
        colour, marker = COLOURS[place], MARKERS[place]
        values = [score(one.losses) for one in predicted.at.values()]
        axis.plot(
            list(predicted.at), values, color=colour, linestyle=DASHES[place], marker=marker, markersize=5,
            markevery=(0.01 * place, 0.07) if len(values) > 15 else None, linewidth=1.5,
            label=drawable(name, f"family {place + 1}"),
        )  # fmt: skip
        best = predicted.best
        axis.plot(
            best, score(predicted.at[best].losses), marker, color=colour, markersize=10, markeredgecolor="black",
            markeredgewidth=1.1, zorder=4,
        )  # fmt: skip
        if predicted.limit is not None:
            end = score(predicted.limit.losses)
            axis.plot(1.5 * last, end, marker, color=colour, markersize=6, markerfacecolor="none", zorder=4)
    low, high = _limits(seen, [mean, *ends])
    axis.set_ylim(low, high)
    outside = "" if low <= mean <= high else f": {mean:.4g}, {'below' if mean < low else 'above'}"
    axis.axhline(mean, label=("majority vote" if classes else "mean") + outside, **LIMIT_STYLE)
    axis.set_xscale("log")
    plain_log_ticks(axis, sorted({depth for _, each in known for depth in each.at}))
    if any(low <= end <= high for end in ends):
        labels = [text.get_text() for text in axis.get_xticklabels()]
        axis.set_xticks([*axis.get_xticks(), 1.5 * last], [*labels, "∞"])
    else:
        axis.set_xlim(right=1.1 * last)
    measure = "Accuracy" if classes else "Root mean square error"
    axis.set(title=f"{measure} on {len(targets.held):,} rows", xlabel="network depth $L$")
    axis.set_ylabel("part of the rows that is right" if classes else "in units of the target")
    return sum(not low <= end <= high for end in ends)


def _limits(curves: list[float], others: list[float]) -> tuple[float, float]:
    """Of the axis: all values, or the curves alone where these would be squeezed into a fourth of it."""
    seen = [*curves, *others]
    if np.ptp(curves) < np.ptp(seen) / 4:
        seen = curves
    margin = max(0.06 * float(np.ptp(seen)), 1e-3 * float(np.max(np.abs(seen))))
    return float(np.min(seen)) - margin, float(np.max(seen)) + margin


def _caption(classes: bool, drawn: int, hidden: int) -> str:
    """What is drawn, of the values of infinite depth so many; `hidden` others are outside."""
    ends = "Empty, at the right end: infinite depth, where it is known. " * (drawn > 0)
    outside = f" The values of {hidden} families at infinite depth are outside; the table has them." * (hidden > 0)
    name = "the majority vote" if classes else "the mean of the training targets"
    how = "Labels are one column each, 1 or 0, and the largest output decides. " * classes
    return (
        f"{how}Every family is trained to convergence about the mean of the training targets, with the ridge that "
        f"leave-one-out on the training points takes at each depth. Large, with a dark rim: the best depth of each "
        f"family on these rows. {ends}Dash-dotted: kernel regression with an RBF kernel, its width and ridge by "
        f"leave-one-out on the same points. Dashed, in the colour of the text: {name}.{outside}"
    )


__all__ = ["MARKERS", "draw", "families"]
