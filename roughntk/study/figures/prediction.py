"""The first figure of a study: what depth does to predictions."""

import numpy as np

from roughntk.files.drawing import COLOURS, LIMIT_STYLE, canvas, plain_log_ticks
from roughntk.study.result import Study
from roughntk.study.sentences import prediction_sentences


def prediction(study: Study):
    """Error on held rows against depth, beside two baselines."""
    found = study.prediction
    assert found is not None
    score, classes = found.targets.score, bool(found.targets.classes)
    figure, axes = canvas(1, 1, (4.8, 4.2))
    axis = axes[0, 0]
    depths = list(found.at)
    values = [score(one.losses) for one in found.at.values()]
    plain = [score(one.losses) for one in found.plain.values()]
    lines = [score(found.mean)] + ([] if found.rbf is None else [score(found.rbf.losses)])
    axis.plot(depths, values, "o-", color=COLOURS[0], markersize=4, label="ridge by leave-one-out")
    axis.plot(list(found.plain), plain, "x:", color=COLOURS[4], markersize=5, linewidth=1.1, label="without a ridge")
    best = found.best
    axis.plot(best, score(found.at[best].losses), "*", color=COLOURS[1], markersize=14, label=f"best: depth {best:g}")
    if found.rbf is not None:
        axis.axhline(lines[1], color=COLOURS[2], linestyle="-.", linewidth=1.4, label="RBF kernel")
    name = "majority vote" if classes else "mean"
    axis.axhline(lines[0], label=f"{name} (infinitely deep ReLU)", **LIMIT_STYLE)
    low, high = np.min([*values, *lines]), np.max([*values, *lines])
    room = max(0.08 * (high - low), 1e-3 * abs(high))
    axis.set_ylim(low - room, high + room)
    axis.set_xscale("log")
    plain_log_ticks(axis, [int(depth) for depth in depths])
    measure = "Accuracy" if classes else "Root mean square error"
    axis.set(title=f"{measure} on {len(found.targets.held):,} rows", xlabel="network depth $L$")
    axis.set_ylabel("part of the rows that is right" if classes else "in units of the target")
    figure.legend(*axis.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    hidden = sum(not low - room <= value <= high + room for value in plain)
    outside = f" {hidden} of the values without a ridge lie outside." if hidden else ""
    return figure, "What depth does to predictions", " ".join(prediction_sentences(study)) + outside


__all__ = ["prediction"]
