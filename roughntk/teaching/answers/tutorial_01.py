"""Exercises of tutorial 1: the kernel of an infinitely deep network."""

import math

import jax.numpy as jnp
import numpy as np

from roughntk import kernels, regression, sphere
from roughntk.teaching.exercise import Exercise

_TARGETS = np.arange(1.0, 8.0)


def _prediction(family: kernels.KernelFamily) -> float:
    X, x = sphere.uniform(7, 3, 0), sphere.uniform(1, 3, 1)
    return float(regression.predict(family, X, _TARGETS, x, depth=math.inf)[0])


def _depth_from_which_near() -> int:
    depths = np.arange(1, 2001)
    values = np.asarray(kernels.ReluNTK().at_correlation(jnp.zeros(()), depths))
    return int(depths[np.abs(values - 0.25) >= 0.01].max()) + 1


EXERCISES = (
    Exercise(
        key="1.1",
        question=(
            "Seven data points have the targets $y = (1, 2, \\dots, 7)$. Without a computer: what does the network of "
            "infinite depth, trained to convergence, predict at a point that is none of them? (Four digits at "
            "least.)"
        ),
        answer=lambda: _prediction(kernels.ReluNTK()),
        tolerance=1e-6,
        hint="The prediction is $u_\\infty^\\top y$. What is each entry of $u_\\infty$ when $n = 7$?",
        explanation=(
            "$u_\\infty = 1/(n+3)$ in every entry, so the prediction is $\\sum_i y_i/(n+3) = 28/10$: the mean of the "
            "targets, shrunk by $n/(n+3)$ towards 0, and the same at every new point."
        ),
    ),
    Exercise(
        key="1.2",
        question=(
            "Two inputs are orthogonal, $\\rho_1 = 0$. From which whole depth on does $K_L$ stay within $0.01$ of its "
            "limit $1/4$? (Write a loop, or hand an array of depths to `family.at_correlation(0.0, depths)`.)"
        ),
        answer=_depth_from_which_near,
        tolerance=0.0,
        hint=(
            "$K_L$ rises above $1/4$ and comes back, so it is within $0.01$ on the way up as well. You want the last "
            "depth at which it is *not*, plus one."
        ),
        explanation=(
            "The distance from $1/4$ is about $\\frac{3}{8}\\log L/L$: the logarithm makes the approach slow. Halving "
            "the distance takes more than twice the depth."
        ),
    ),
    Exercise(
        key="1.3",
        question=(
            "The argument for $1/4$ used $1 - h'(\\rho_L) \\approx 3/L$. For a smooth activation at its critical "
            "variances (erf, for example) the same quantity is about $2/L$. What is the limit of the normalised kernel "
            "of two distinct inputs then? (Three digits.)"
        ),
        answer=lambda: float(kernels.ErfNTK.critical().limit_value),
        tolerance=2e-3,
        hint="Replace 3 by 2 in $S' = -\\frac{3}{L} S + 1$ and look for a solution $S = cL$.",
        explanation=(
            "$S = cL$ gives $c = -2c + 1$. In general $1 - h' \\approx \\beta/L$ gives $1/(1+\\beta)$. Here $\\beta = "
            "p/(p-1)$, where $h(\\rho) - \\rho$ vanishes like $(1-\\rho)^p$: $p = 3/2$ for ReLU, $p = 2$ for smooth "
            "activations. The limit knows nothing else of the activation."
        ),
    ),
    Exercise(
        key="1.4",
        question=(
            "Train the last layer alone: the kernel is then the correlation $\\rho_L$ (`rn.kernels.ReluNNGP()`), whose "
            "matrix tends to a matrix of ones. What does the network of infinite depth predict at a new point for the "
            "targets of exercise 1.1? (`depth=math.inf` computes it; guess first. Four digits at least.)"
        ),
        answer=lambda: _prediction(kernels.ReluNNGP()),
        tolerance=1e-6,
        hint="The limit matrix is singular, but the coefficients converge, to equal numbers. What is their sum?",
        explanation=(
            "The coefficients tend to $1/n$ each, so the prediction is the plain mean, $28/7$. Training the hidden "
            "layers puts $\\frac{3}{4}I$ on the diagonal, which acts like a ridge and shrinks the mean."
        ),
    ),
)
