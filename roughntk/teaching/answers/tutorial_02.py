"""Exercises of tutorial 2: half a layer."""

import math

import numpy as np
from scipy.optimize import brentq

from roughntk import kernels
from roughntk.maps import relu_flow
from roughntk.teaching.exercise import Exercise


def _layers_ahead() -> float:
    angles = relu_flow.flow(np.array([1.0, math.pi / 2]), 50.0)
    one, other = np.asarray(relu_flow.abel(angles))
    return float(one - other)


def _first_definite_depth() -> float:
    turns = 2 * np.pi * np.arange(9) / 9
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    family = kernels.ReluNTK()

    def smallest(depth: float) -> float:
        return float(np.linalg.eigvalsh(np.asarray(family(circle, depth=depth)))[0])

    return float(brentq(smallest, 1.5, 2.0, xtol=1e-9))


EXERCISES = (
    Exercise(
        key="2.1",
        question=(
            "Two inputs are at the angle $\\theta_1 = 1$ at depth 1. What is their *correlation* at depth $4/3$, a "
            "third of a layer further? (Four digits.)"
        ),
        answer=lambda: math.cos(float(relu_flow.flow(1.0, 1 / 3))),
        tolerance=1e-6,
        hint="`rn.maps.relu_flow.flow(angle, layers)` returns the angle, not the correlation.",
        explanation="Three such steps make one layer. Try it: apply the third of a layer three times to $\\theta = 1$.",
    ),
    Exercise(
        key="2.2",
        question=(
            "How many layers, as a real number, take orthogonal inputs to the angle $0.1$? (No loop is needed: ask the "
            "clock. Four digits.)"
        ),
        answer=lambda: float(relu_flow.abel(0.1)) - float(relu_flow.abel(math.pi / 2)),
        tolerance=1e-6,
        hint="Each layer adds 1 to $\\alpha$. Which two values of $\\alpha$ do you need?",
        explanation=(
            "$\\alpha(0.1) - \\alpha(\\pi/2)$. The rough estimate $3\\pi/0.1 \\approx 94$ is too large by about 11: "
            "the logarithm in $\\alpha$, and the head start $\\alpha(\\pi/2) \\approx 4.4$, are not small."
        ),
    ),
    Exercise(
        key="2.3",
        question=(
            "Two pairs of inputs start at the angles $1$ and $\\pi/2$. After 50 layers, by how many layers is the "
            "first pair ahead of the second? That is: how many more layers does the second pair need to reach the "
            "angle that the first has then? Try to say, before you compute anything, how the number changes with the "
            "50. (Four digits.)"
        ),
        answer=_layers_ahead,
        tolerance=1e-6,
        hint="Both clocks have advanced by the same amount.",
        explanation=(
            "$\\alpha(1) - \\alpha(\\pi/2)$, after 50 layers as after none. The angles come ever closer to each other, "
            "their ratio tends to 1, but the lead in layers stays. A quarter of it is the limit of $L$ times the "
            "difference of their kernel values: so much the kernel still knows of its inputs at large depth."
        ),
    ),
    Exercise(
        key="2.4",
        question=(
            "The picture shows the smallest eigenvalue of nine evenly spaced points of the circle over real depth. At "
            "which depth does it become positive? (Four digits are enough; `scipy.optimize.brentq` finds zeros.)"
        ),
        answer=_first_definite_depth,
        tolerance=1e-4,
        hint="The zero lies between 1.75 and 2. Evaluate `family(circle, depth=l)` there and bisect.",
        explanation=(
            "There the matrix is singular, and no path of coefficients over real depth can be continued through it. "
            "`rn.transport.to_depth` starts at depth 2 unless you ask for something else."
        ),
    ),
)
