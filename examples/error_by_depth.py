"""How deep should it be? The error of leaving out one point against depth, for two families on two sets of data.

Claim: on the diabetes data (regression) and the wine data (three classes) there is a range of depths over which the
error hardly moves; beyond it each family forgets its inputs at its own pace, the ReLU network with biases, whose kernel
collapses like 2^{-L/2}, by depth 50, the one without biases hundreds of layers later; and at infinite depth, with a
ridge, both predict the mean of the targets, and of classes the majority.

python examples/error_by_depth.py [FIGURE.png]
"""

import math
import sys
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_diabetes, load_wine
from sklearn.preprocessing import StandardScaler

import roughntk as rn
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas

FAMILIES = ("relu-ntk", "biased-relu-ntk")
DEPTHS = (1, 2, 5, 10, 20, 50, 100, 300, 1000, math.inf)
MARKS = ("o", "s")


def progress(text):
    """What is under way, on standard error, so that the results can go elsewhere."""
    print(text, file=sys.stderr, flush=True)


def standardised(load):
    """Columns of mean 0 and variance 1, and the targets."""
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def diabetes_errors(family):
    """Root mean squares of what is left out, by depth, with the ridge 0.1."""
    progress(f"{family}: diabetes")
    X, y = standardised(load_diabetes)
    model = rn.DeepKernelRegressor(family, "auto", ridge=0.1, depths=DEPTHS).fit(X, y - y.mean())
    return model.leave_one_out_errors_


def wine_errors(family):
    """How many of the 178 labels are wrong when left out, by depth, with the ridge 1e-3."""
    progress(f"{family}: wine")
    X, y = standardised(load_wine)
    wrong = []
    for depth in DEPTHS:
        model = rn.DeepKernelClassifier(family, depth, ridge=1e-3).fit(X, y)
        outputs = np.eye(3)[y] - model.fitted_.leave_one_out()
        wrong.append(int((outputs.argmax(axis=1) != y).sum()))
    return np.array(wrong)


def measured():
    """(diabetes, wine): the errors of each family, shape (families, depths)."""
    return np.array([diabetes_errors(f) for f in FAMILIES]), np.array([wine_errors(f) for f in FAMILIES])


def rows(diabetes, wine):
    """The rows of the table: depth, then an error a family on diabetes and on wine."""
    return [
        ("∞" if depth == math.inf else f"{depth:,}", *(f"{v:.2f}" for v in diabetes[:, i]), *map(str, wine[:, i]))
        for i, depth in enumerate(DEPTHS)
    ]


HEADINGS = ("depth", *(f"diabetes, {f}" for f in FAMILIES), *(f"wine, {f}" for f in FAMILIES))


def draw(diabetes, wine, path):
    """Both sets below one another; infinity stands to the right of the last depth."""
    places = np.array([*DEPTHS[:-1], 10 * DEPTHS[-2]], dtype=float)
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(2, 1, (4.8, 6.4))
        for axis, errors in zip(axes[:, 0], (diabetes, 100 * wine / 178), strict=True):
            for name, values, colour, mark in zip(FAMILIES, errors, COLOURS, MARKS, strict=False):
                axis.plot(places[:-1], values[:-1], color=colour, marker=mark, ms=4.5, lw=1.3, label=name)
                axis.plot(places[-1:], values[-1:], color=colour, marker=mark, ms=4.5)
            axis.set_xscale("log")
            axis.set_xticks(10.0 ** np.arange(5), ["1", "10", "100", "1000", r"$\infty$"])
            axis.minorticks_off()
            axis.set_xlabel("depth $L$")
        top, bottom = axes[:, 0]
        spread = standardised(load_diabetes)[1].std()
        top.axhline(spread * 442 / 441, label="mean of the others", **LIMIT_STYLE)
        top.set(title="Diabetes: root mean square left out", ylabel="error (units of the target)", ylim=(50, 80))
        bottom.axhline(100 * 107 / 178, label="majority of the others", **LIMIT_STYLE)
        bottom.set_yscale("log")
        bottom.set_yticks(percent := [1, 2, 5, 10, 20, 60], [f"{value} %" for value in percent])
        bottom.minorticks_off()
        bottom.set(title="Wine: labels that are wrong when left out", ylabel="wrong labels", ylim=(0.8, 90))
        top.legend(loc="lower right")
        bottom.legend(loc="lower right")
        figure.savefig(path, dpi=150)


def main(path):
    diabetes, wine = measured()
    for line in (HEADINGS, *rows(diabetes, wine)):
        print(" | ".join(line))
    spread = standardised(load_diabetes)[1].std()
    assert np.allclose(diabetes[:, -1], spread * 442 / 441, rtol=1e-4)  # the mean of the others
    assert (wine[:, -1] == 107).all()  # 71 of 178 are of the largest class
    assert (diabetes.min(axis=1) < 0.75 * spread).all() and (wine.min(axis=1) <= 5).all()
    at_100 = diabetes[:, DEPTHS.index(100)]
    assert at_100[1] > 0.99 * spread > 0.85 * spread > at_100[0]
    draw(diabetes, wine, path)
    print(f"figure: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "error_by_depth.png")
