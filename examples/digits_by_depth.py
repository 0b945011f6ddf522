"""Does depth help an infinitely wide network to tell digits apart? Accuracy against depth, 1 to 10^4 and infinity.

Claim: in five-fold cross-validation on all 1,797 digits the tangent kernel of the ReLU network is best at a few layers,
where it is as good as a support vector machine with an RBF kernel; at depth 10^4 it is worse than at its best; and at
infinite depth it is the majority vote. Leaving out one row, which has a closed form, chooses as good a depth as
cross-validation does.

python examples/digits_by_depth.py [FIGURE.png]
"""

import math
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

import roughntk as rn
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas

DEPTHS = (1, 2, 3, 5, 10, 20, 50, 100, 300, 1000, 3000, 10000, math.inf)
FOLDS = 5


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


def accuracies(model, X, y):
    """Accuracy on each fold that was left out."""
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y)
    return np.array([model.fit(X[train], y[train]).score(X[test], y[test]) for train, test in folds])


def draw(by_depth, machine, majority):
    """Share of wrong labels against depth, its spread over folds; infinity stands to the right of the last depth."""
    figure, axes = canvas(1, 1, (7.2, 4.2))
    axis, places = axes[0, 0], np.array([*DEPTHS[:-1], 10 * DEPTHS[-2]], dtype=float)
    mean = np.array([100 - 100 * by_depth[depth].mean() for depth in DEPTHS])
    spread = np.array([100 * by_depth[depth].std() for depth in DEPTHS])
    axis.plot(places[:-1], mean[:-1], color=COLOURS[0], lw=1.2)
    axis.errorbar(
        places, mean, spread, color=COLOURS[0], marker="o", ms=4.5, ls="", capsize=2,
        label="infinitely wide ReLU network, by depth",
    )  # fmt: skip
    axis.axhline(
        100 - 100 * machine.mean(), color=COLOURS[1], lw=1.2, ls="-.", label="support vector machine, RBF kernel"
    )
    axis.axhline(100 - 100 * majority.mean(), label="majority vote", **LIMIT_STYLE)
    axis.set_xscale("log")
    axis.set_yscale("log")
    ticks = [1, 10, 100, 1000, 10000, places[-1]]
    axis.set_xticks(ticks, ["1", "10", "100", "1000", "$10^4$", r"$\infty$"])
    axis.set_yticks(percent := [1, 2, 5, 10, 20, 50, 90], [f"{value} %" for value in percent])
    axis.minorticks_off()
    title = f"Digits, 1,797 points, {FOLDS}-fold cross-validation"
    axis.set(title=title, xlabel="depth $L$", ylabel="wrong labels", ylim=(0.6, 130))
    axis.legend(loc="center left", bbox_to_anchor=(0.02, 0.68))
    return figure


def main(path):
    X, y = load_digits(return_X_y=True)
    by_depth = {}
    print("depth     accuracy, mean and spread over folds")
    for depth in DEPTHS:
        progress(f"depth {depth}: {FOLDS} folds")
        by_depth[depth] = accuracies(rn.DeepKernelClassifier("relu-ntk", depth), X, y)
        print(f"{depth!s:8} {by_depth[depth].mean():.4f} +- {by_depth[depth].std():.4f}", flush=True)
    progress("support vector machine, majority vote, depth by leaving out one")
    machine, majority = accuracies(SVC(C=10), X, y), accuracies(DummyClassifier(), X, y)
    chosen = rn.DeepKernelClassifier("relu-ntk", "auto").fit(X, y).depth_
    best = max(DEPTHS, key=lambda depth: by_depth[depth].mean())
    print(f"support vector machine {machine.mean():.4f}, majority vote {majority.mean():.4f}")
    print(f"best depth {best:g}; leaving out one chooses {chosen:g}")

    assert 2 <= best <= 20
    assert by_depth[best].mean() > machine.mean() - 0.003  # a third of a point: six digits of 1,797
    assert by_depth[10000].mean() < by_depth[best].mean() - 0.01
    assert (by_depth[math.inf] == majority).all()
    assert accuracies(rn.DeepKernelClassifier("relu-ntk", chosen), X, y).mean() > by_depth[best].mean() - 0.005
    with matplotlib.rc_context(STYLE):
        draw(by_depth, machine, majority).savefig(path, dpi=150)
    print(f"figure: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "digits_by_depth.png")
