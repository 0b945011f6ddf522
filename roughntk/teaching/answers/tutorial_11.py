"""Exercises of tutorial 11: does depth help on my data."""

import math

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from roughntk import sphere
from roughntk.regression.estimators import DeepKernelClassifier, DeepKernelRegressor
from roughntk.teaching.exercise import Exercise


def _share_at_infinite_depth() -> float:
    rows, labels = sphere.uniform(200, 3, 0), np.repeat(["a", "b", "c"] * 2, [50, 30, 20] * 2)
    return float(DeepKernelClassifier(depth=math.inf).fit(rows[:100], labels[:100]).score(rows[100:], labels[100:]))


def _mean_with_a_ridge() -> float:
    model = DeepKernelRegressor(depth=math.inf, ridge=3.0).fit(sphere.uniform(20, 3, 0), np.ones(20))
    return float(model.predict(sphere.uniform(1, 3, 1))[0])


def _gain_in_errors() -> float:
    """Depth 3 less depth 1 on the breast cancer table, in standard errors of the difference over ten folds."""
    rows, labels = load_breast_cancer(return_X_y=True)
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    models = (make_pipeline(StandardScaler(), DeepKernelClassifier("relu-ntk", each, ridge=0.01)) for each in (3, 1))
    with threadpool_limits(1, user_api="blas"):  # matrices of 512 rows: more threads wait for each other
        deep, linear = (cross_val_score(model, rows, labels, cv=folds) for model in models)
    gain = deep - linear
    return float(gain.mean() / (gain.std(ddof=1) / math.sqrt(len(gain))))


EXERCISES = (
    Exercise(
        key="11.1",
        question=(
            "A table has three classes: 50 % of its rows are of class a, 30 % of class b, 20 % of class c, and the "
            "new rows are like the old ones. What share of the new rows does the classifier of infinite depth get "
            "right? (Two digits, as 0.12 for 12 %.)"
        ),
        answer=_share_at_infinite_depth,
        tolerance=0.01,
        hint=(
            "At infinite depth the kernel is the same number between any two different rows. What can the answer "
            "depend on?"
        ),
        explanation=(
            "One half: it answers a, the majority, for every new row. Whatever a search over depth finds has to be "
            "better than this, and better than depth 1."
        ),
    ),
    Exercise(
        key="11.2",
        question=(
            "The regressor of infinite depth is fitted on 20 different rows whose targets are all 1, with the ridge "
            "3. What does it predict at a new row? (First with a pencil: the kernel matrix is $\\frac34 I + \\frac14 "
            "\\mathbf{1}\\mathbf{1}^\\top$, and the ridge is added to its diagonal. Three digits.)"
        ),
        answer=_mean_with_a_ridge,
        tolerance=1e-3,
        hint=(
            "By symmetry the solution of $(K + rI)\\,c = \\mathbf{1}$ has equal entries $c$: $(\\frac34 + r + "
            "\\frac{n}{4})\\, c = 1$. The prediction is $\\frac14 n c$."
        ),
        explanation=(
            "$n/(n + 3 + 4r) = 20/35$: a mean that is shrunk towards 0. Centre your targets, as the tutorial does, "
            "or the shrinking costs you the mean."
        ),
    ),
    Exercise(
        key="11.3",
        question=(
            "Now a third table: `load_breast_cancer`, with `make_pipeline(StandardScaler(), "
            'rn.DeepKernelClassifier("relu-ntk", depth, ridge=0.01))` and the folds `StratifiedKFold(10, '
            "shuffle=True, random_state=0)`. Take the accuracy at depth 3 less that at depth 1, fold by fold. How "
            "many standard errors is its mean away from 0? (Three digits.)"
        ),
        answer=_gain_in_errors,
        tolerance=0.02,
        hint=(
            "`cross_val_score` with the same folds for both depths; then `d.mean() / (d.std(ddof=1) / np.sqrt(10))` "
            "for the differences `d`."
        ),
        explanation=(
            "About 1.79: a gain of 0.7 points, which could be chance. An honest report says so, and perhaps that a "
            "linear model will do."
        ),
    ),
    Exercise(
        key="11.4",
        question=(
            "Two classifiers are each right on about 97.5 % of all rows. They are judged on two *different* test "
            "sets of $N$ rows each. How large must $N$ be so that the standard error of the difference of their "
            "scores is half a percentage point?"
        ),
        answer=lambda: 2 * 0.975 * (1 - 0.975) / 0.005**2,
        tolerance=0.01,
        hint="A share $p$ of $N$ rows has the variance $p(1 - p)/N$, and the variances of independent scores add up.",
        explanation=(
            "$N = 2 p (1 - p)/0.005^2 = 1950$ rows each. On the *same* rows only those count on which the two "
            "disagree, and these are few: this is why the tutorial compares fold by fold."
        ),
    ),
)
