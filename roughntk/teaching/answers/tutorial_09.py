"""Exercises of tutorial 9: when data grow with depth."""

import numpy as np
from scipy import optimize

from roughntk import depth, kernels, regression, sphere
from roughntk.teaching.exercise import Exercise

_NTK = kernels.ReluNTK()


def _slope_of_fifty_points(layers: float) -> float:
    X, x = sphere.uniform(50, 5, 0), sphere.uniform(400, 5, 1)
    return float(np.polyfit(x[:, 0], regression.predict(_NTK, X, X[:, 0], x, depth=layers), 1)[0])


def _half_way() -> float:
    """gamma at which degree 1 has the factor 1/2 in five dimensions."""
    return float(optimize.brentq(lambda gamma: depth.joint(_NTK, 5, gamma).factors[1] - 0.5, 0.01, 100))


def _time_to_nine_tenths() -> float:
    final = depth.joint(_NTK, 5, 0.5).factors[1]
    return float(optimize.brentq(lambda t: depth.joint(_NTK, 5, 0.5, time=t).factors[1] - 0.9 * final, 0.01, 100))


EXERCISES = (
    Exercise(
        key="9.1",
        question=(
            "You keep your 50 points and double the depth of the network from 100,000 to 200,000. What is the slope "
            "of the prediction of $x_1$ multiplied by? (Two digits.)"
        ),
        answer=lambda: _slope_of_fifty_points(2e5) / _slope_of_fifty_points(1e5),
        tolerance=0.01,
        hint=(
            "The ridge is $3L$, and $n$ does not grow. What is $n\\lambda_1/(n\\lambda_1 + 3L)$ when $3L$ is much "
            "larger?"
        ),
        explanation=(
            "One half: with $L \\gg n$ the ridge $3L$ dominates, and the factor is $n\\lambda_k/(3L)$ for every "
            "harmonic of degree 1 and more. This is the trivial limit, with its rate."
        ),
    ),
    Exercise(
        key="9.2",
        question=(
            "How many training points *per layer*, $\\gamma = n/L$, does a deep network need on $S^4$ so that it "
            "shows the coordinate $x_1$ at half its size? (Three digits.)"
        ),
        answer=_half_way,
        tolerance=0.005,
        hint=(
            "Solve $\\gamma\\lambda_1/(\\gamma\\lambda_1 + 3) = 1/2$; `rn.depth.harmonics(5, [1])` has $\\lambda_1$."
        ),
        explanation=(
            "$\\gamma = 3/\\lambda_1 \\approx 3.7$. Higher degrees and higher dimensions are dearer, since "
            "$\\lambda_k$ falls: in $\\mathbb{R}^{10}$ the coordinates need 10.4 points per layer, and the products "
            "$x_i x_j$ need 53."
        ),
    ),
    Exercise(
        key="9.3",
        question=(
            "Stop the training at a time $t$ (in units of the kernel $K$), and the factor of a harmonic is "
            "multiplied by $1 - e^{-t(3 + \\gamma\\lambda_k)/4}$. At $\\gamma = 1/2$ on $S^4$, at which $t$ has "
            "$x_1$ come to nine tenths of its final size? Compare with degree 3: would stopping early smooth the "
            "prediction? (The time for $x_1$ to three digits.)"
        ),
        answer=_time_to_nine_tenths,
        tolerance=0.005,
        hint="Set $e^{-t(3 + \\gamma\\lambda_1)/4} = 1/10$ and solve for $t$. Here $\\gamma\\lambda_1 = 0.405$.",
        explanation=(
            "$t = 4 \\log 10/(3 + \\gamma\\lambda_1) \\approx 2.70$; degree 3 needs 3.00. The times are nearly "
            "equal, since the 3 of the ridge dominates: stopping early shrinks all harmonics alike and hardly "
            "smooths."
        ),
    ),
    Exercise(
        key="9.4",
        question=(
            "Measure one yourself. Take $n = 300$ uniform points on $S^3$ (`rn.sphere.uniform(300, 4, seed)`) and "
            "depth $L = 300$, train on the products $x_i x_j$, $i < j$, and fit the slope of each prediction in its "
            "own target at 2,000 new points. What is the mean slope? (Average over the six products and a few seeds; "
            "an error of 6 % is accepted.)"
        ),
        answer=lambda: float(depth.joint(_NTK, 4, 1.0, degrees=(2,)).factors[0]),
        tolerance=0.06,
        hint=(
            "`i, j = np.triu_indices(4, 1)` gives the pairs, and `rn.predict` takes all six targets as columns. "
            "Degree 2, dimension 4, $\\gamma = 1$: compare with `rn.depth.joint(rn.kernels.ReluNTK(), 4, 1.0)`."
        ),
        explanation=(
            "The joint limit is $\\lambda_2/(\\lambda_2 + 3) = 0.1715$. At depth 300 you find a little more, since "
            "the ridge is smaller than $3L$ by $\\frac{3}{2}\\log L + 3$, about 1 % of it, and some noise of the "
            "sample."
        ),
    ),
)
