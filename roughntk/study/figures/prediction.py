"""The first figure of a study: what depth does to predictions."""

import numpy as np

from roughntk.files.drawing import COLOURS, LIMIT_STYLE, canvas, plain_log_ticks
from roughntk.study.depths import in_words
from roughntk.study.result import Study


def prediction(study: Study):
    """Error on held rows against depth, beside two baselines."""
    predicted = study.prediction
    assert predicted is not None
    score, classes = predicted.targets.score, bool(predicted.targets.classes)
    figure, axes = canvas(1, 1, (4.8, 4.2))
    axis = axes[0, 0]
    depths = list(predicted.at)
    values = [score(one.losses) for one in predicted.at.values()]
    plain = [score(one.losses) for one in predicted.plain.values()]
    lines = [score(predicted.mean)] + ([] if predicted.rbf is None else [score(predicted.rbf.losses)])
    axis.plot(depths, values, "o-", color=COLOURS[0], markersize=4, label="ridge by leave-one-out")
    axis.plot(
        list(predicted.plain), plain, "x:", color=COLOURS[4], markersize=5, linewidth=1.1, label="without a ridge"
    )
    best = predicted.best
    axis.plot(
        best,
        score(predicted.at[best].losses),
        "*",
        color=COLOURS[1],
        markersize=14,
        label=f"best: depth {in_words(best)}",
    )
    if predicted.rbf is not None:
        axis.axhline(lines[1], color=COLOURS[2], linestyle="-.", linewidth=1.4, label="RBF kernel")
    name = "majority vote" if classes else "mean"
    axis.axhline(lines[0], label=f"{name} (infinitely deep ReLU)", **LIMIT_STYLE)
    low, high = np.min([*values, *lines]), np.max([*values, *lines])
    margin = max(0.08 * (high - low), 1e-3 * abs(high))
    axis.set_ylim(low - margin, high + margin)
    axis.set_xscale("log")
    plain_log_ticks(axis, depths)
    measure = "Accuracy" if classes else "Root mean square error"
    axis.set(title=f"{measure} on {len(predicted.targets.held):,} rows", xlabel="network depth $L$")
    axis.set_ylabel("part of the rows that is right" if classes else "in units of the target")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    hidden = sum(not low - margin <= value <= high + margin for value in plain)
    outside = f" {hidden} of the values without a ridge lie outside." if hidden else ""
    name = "Dashed: the majority vote" if classes else "Dashed: the mean of the training targets"
    how = "Labels are one column each, 1 or 0, and the largest output decides. " * classes
    caption = (
        f"{how}Circles: trained to convergence about the mean of the training targets, with the ridge that "
        f"leave-one-out on the training points takes at each depth. Crosses: without a ridge, by the coefficients "
        f"that are studied below. Dash-dotted: kernel regression with an RBF kernel, its width and ridge by "
        f"leave-one-out on the same points. {name}.{outside}"
    )
    return figure, "What depth does to predictions", caption


__all__ = ["prediction"]
