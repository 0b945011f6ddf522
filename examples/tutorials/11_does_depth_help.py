r"""Does depth help on my data? Estimators, and an honest comparison.

An infinitely wide network of any depth is an estimator of scikit-learn, so the question of the title is a search over
one number. The difficulty is to answer it honestly: with a baseline, on rows that were not trained on, and with an
error bar on the *difference*. You will do this on two tables that come with scikit-learn, and then on a file, as your
own would be.

Claim: on 450 handwritten digits a nonlinear network beats the linear one by some seven points, but depths 3 and 10
cannot be told apart, and depth 1000 is worse; on the diabetes table no depth that was tried beats the linear model by
two standard errors; at infinite depth both come down to the majority and the mean.

    python examples/tutorials/11_does_depth_help.py [FIGURE.png]
"""

import math
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import roughntk as rn
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas

DEPTHS = (1, 2, 3, 10, 100, 1000, math.inf)
FOLDS = 10


def by_depth(model, rows, targets, folds):
    """Scores on the folds that were left out, shape (depths, folds): the same folds at every depth."""
    return np.array([cross_val_score(model(depth), rows, targets, cv=folds) for depth in DEPTHS])


def mean_and_error(scores):
    """Mean over the folds and its standard error, which is rough: folds share their training rows."""
    return np.mean(scores, axis=-1), np.std(scores, axis=-1, ddof=1) / math.sqrt(np.shape(scores)[-1])


def compared(scores, depth, other):
    """The mean difference of two depths, fold by fold, and its standard error, in words."""
    mean, error = mean_and_error(scores[DEPTHS.index(depth)] - scores[DEPTHS.index(other)])
    print(f"depth {depth} less depth {other}: {mean:+.3f} +- {error:.3f}")
    return mean, error


def own_table(path):
    """A table of numbers with one line of names: its columns but the last, and the last, which is the target."""
    numbers = np.genfromtxt(path, delimiter=",", skip_header=1)
    return numbers[:, :-1], numbers[:, -1]


def classifier(depth):
    """Of digits: their columns have one unit, so they are taken as they are."""
    return rn.DeepKernelClassifier("relu-ntk", depth)


def regressor(depth):
    """Of a table with columns in different units, and noisy targets: standardised, and with a ridge."""
    return make_pipeline(StandardScaler(), rn.DeepKernelRegressor("relu-ntk", depth, ridge=1.0))


def main():
    # %%
    # ## Two baselines come with the question
    #
    # The estimators lift each row to a sphere first (one more coordinate). Depth 1 has no hidden layer: its kernel is
    # $x \cdot x'$ there, and the network is a **linear model** of the lifted row. At infinite depth all that the
    # kernel knows is whether two rows are equal, and the network is the **majority vote**, or a mean. Depth helps if
    # something between the two is better than both.
    #
    # We take 450 handwritten digits of $8 \times 8$ pixels and leave out a tenth of them, ten times. Which depth will
    # be best, and by how much?
    digits, labels = load_digits(return_X_y=True)
    chosen = np.random.default_rng(0).permutation(len(digits))[:450]
    digits, labels = digits[chosen], labels[chosen]
    right = by_depth(classifier, digits, labels, StratifiedKFold(FOLDS, shuffle=True, random_state=0))
    for _depth, _mean, _error in zip(DEPTHS, *mean_and_error(right), strict=True):
        print(f"depth {_depth:>6}: {100 * _mean:5.1f} +- {100 * _error:.1f} % right")

    # %%
    # ## Compare fold by fold
    #
    # Some folds are harder than others, for every depth. The difference of two depths *on the same fold* does not
    # have that noise in it. What has helped, then: depth, or the one step from a linear to a nonlinear network? A
    # difference within two errors says that 450 rows cannot tell the depths apart, not that they are the same.
    gain = compared(right, 3, 1)
    more = compared(right, 10, 3)
    less = compared(right, 1000, 3)
    assert gain[0] > 4 * gain[1] and abs(more[0]) < 2 * more[1] + 0.005 and less[0] < -4 * less[1]

    # %%
    # ## A table on which depth does not help
    #
    # The diabetes table has 442 patients, ten columns, and a measure of the disease a year later. The score is $R^2$:
    # 1 is perfect, 0 is the mean of the targets. The targets are noisy, so a ridge is added to the kernel.
    patients, progress = load_diabetes(return_X_y=True)
    progress = (progress - progress.mean()) / progress.std()
    explained = by_depth(regressor, patients, progress, KFold(FOLDS, shuffle=True, random_state=0))
    for _depth, _mean, _error in zip(DEPTHS, *mean_and_error(explained), strict=True):
        print(f"depth {_depth:>6}: R^2 = {_mean:6.3f} +- {_error:.3f}")
    for _depth in (2, 3, 10):
        _mean, _error = compared(explained, _depth, 1)
        assert _mean < 2 * _error + 0.005
    assert np.mean(right[-1]) < 0.15 and abs(np.mean(explained[-1])) < 0.03  # the majority vote, and the mean

    # %%
    # ## Choose, and then judge on other rows
    #
    # On the diabetes table the largest mean is not the answer: it is within the noise of the linear model, which is
    # simpler.
    #
    # The best of many scores is too good: it was chosen for being the best. So choose the depth on one part of the
    # rows and judge it on the rest. `GridSearchCV` chooses by cross-validation; `depth="auto"` by leaving out single
    # rows, for which there is a closed form, so that each depth is fitted once.
    train, test, given, wanted = train_test_split(digits, labels, test_size=150, random_state=0, stratify=labels)
    search = GridSearchCV(rn.DeepKernelClassifier("relu-ntk"), {"depth": DEPTHS[:4]}, cv=3).fit(train, given)
    automatic = rn.DeepKernelClassifier("relu-ntk", "auto").fit(train, given)
    _models = (("search", search, search.best_params_["depth"]), ("auto", automatic, automatic.depth_))
    for _name, _model, _depth in _models:
        _share = _model.score(test, wanted)
        _error = math.sqrt(_share * (1 - _share) / 150)
        print(f"{_name}: depth {_depth:g}, {100 * _share:.1f} +- {100 * _error:.1f} % right of 150 other rows")

    # %%
    # ## Your own table
    #
    # A file with one line of names and a number in each cell, the target last, is enough. Here we write such a file
    # and read it again; put your path in its place. Columns in different units want the `StandardScaler` of the
    # pipeline, which is fitted on the training rows of each fold, and on nothing else.
    mine = Path(tempfile.mkdtemp()) / "mine.csv"
    np.savetxt(mine, np.column_stack([patients, progress]), delimiter=",", header="a,b,c,d,e,f,g,h,i,j,target")
    rows, target = own_table(mine)
    _network = rn.DeepKernelRegressor("relu-ntk", "auto", ridge=1.0, depths=(1, 2, 3, 10))
    model = make_pipeline(StandardScaler(), _network)
    _mean, _error = mean_and_error(cross_val_score(model, rows, target, cv=KFold(FOLDS, shuffle=True, random_state=0)))
    print(f"R^2 = {_mean:.3f} +- {_error:.3f}; chosen on all rows: depth {model.fit(rows, target)[-1].depth_:g}")

    # %%
    # ## Score against depth
    #
    # Infinity stands at the right. Left, one hidden layer does it, a few more do no harm, and hundreds do: they
    # forget slowly. Right, nothing beats depth 1.
    places = [*DEPTHS[:-1], 10_000]
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10, 4))
        _panels = ((right, "Digits", "share of right labels"), (explained, "Diabetes", "$R^2$"))
        for _axis, (_scores, _title, _label), _colour in zip(axes[0], _panels, COLOURS, strict=False):
            _mean, _error = mean_and_error(_scores)
            _axis.errorbar(places, _mean, 2 * _error, color=_colour, marker="o", ms=4.5, ls="", capsize=2,
                           label="mean and two standard errors")  # fmt: skip
            _axis.plot(places[:-1], _mean[:-1], color=_colour, lw=1)
            _axis.axhline(_mean[0], label="linear model (depth 1)", **LIMIT_STYLE)
            _axis.set(title=f"{_title}, {FOLDS} folds", xlabel="depth $L$", ylabel=_label, xscale="log")
            _axis.set_xticks(places, ["1", "2", "3", "10", "100", "1000", r"$\infty$"])
            _axis.minorticks_off()
            _axis.legend(loc="lower left")
    rn.teaching.keep(figure)


if __name__ == "__main__":
    main()
