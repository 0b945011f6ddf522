"""Exercises of tutorial 10: width and depth together."""

import math

from scipy import optimize

from roughntk import networks
from roughntk.teaching.exercise import Exercise


def _least_width() -> int:
    """The smallest width at which 50 layers have a standard deviation of 10 %, by bisection: the ratio falls with n."""
    low, high = 100, 100_000
    while high - low > 1:
        width = (low + high) // 2
        low, high = (low, width) if networks.tangent_moments(50, width).ratio <= 1.01 else (width, high)
    return high


def _time_of_twice_the_layers() -> float:
    return float(optimize.brentq(lambda t: math.expm1(2 * t) / (2 * t) - 2, 0.1, 5))


def _linear_layers() -> int:
    """The fewest layers at which a linear network of width 100 varies as much as 100 layers with the ReLU."""
    wanted = networks.tangent_moments(100, 100).ratio
    layers = 100
    while networks.tangent_moments(layers, 100, activation="linear").ratio < wanted:
        layers += 1
    return layers


def _width_of_the_same_law() -> float:
    """The width at which 300 layers have the 95 % quantile of L_eff/L of 20 layers of width 100."""
    wanted = networks.effective_depth(20, 100).quantile(0.95) / 20
    width_of_quantile = optimize.brentq(
        lambda width: networks.effective_depth(300, round(width)).quantile(0.95) / 300 - wanted, 1400, 1600, xtol=2
    )
    return float(round(width_of_quantile))


EXERCISES = (
    Exercise(
        key="10.1",
        question=(
            "A network has 20 layers of width 100. You want 300 layers, and the same law of $L_{\\mathrm{eff}}/L$ in "
            "the limit of large networks. Which width do you need?"
        ),
        answer=_width_of_the_same_law,
        tolerance=0.01,
        hint="The law of $L_{\\mathrm{eff}}/n$ depends on one number, $t = L/n$.",
        explanation=(
            "$300 \\cdot 100/20 = 1500$: what counts is layers over width. Weights grow like $L n^2$, so that this "
            "network has 3,375 times as many."
        ),
    ),
    Exercise(
        key="10.2",
        question=(
            "How wide must a network of 50 layers be so that the standard deviation of $\\Theta(x, x)$ is at most 10 "
            "% of its mean? Find the smallest width with `rn.networks.tangent_moments` (three digits are enough)."
        ),
        answer=_least_width,
        tolerance=0.005,
        hint=(
            "The variance over the squared mean is `ratio - 1`, which has to come down to $0.1^2$. It falls as the "
            "width grows: bisect. The rule of $11t/3$ gives a first guess."
        ),
        explanation=(
            "18,440 units a layer: 369 for each of the 50 layers. Few networks that anyone trains are so wide."
        ),
    ),
    Exercise(
        key="10.3",
        question=(
            "In the limit law $\\mathbb{E}\\, L_{\\mathrm{eff}} = n (e^{2t} - 1)/2$. At which $t = L/n$ is the "
            "*mean* real depth twice the number of layers? (A few lines of code, or a pocket calculator with "
            "patience.) Compare with the median there. (Three digits.)"
        ),
        answer=_time_of_twice_the_layers,
        tolerance=0.005,
        hint="Divide by $L = nt$ and solve $(e^{2t} - 1)/(2t) = 2$, for example with `scipy.optimize.brentq`.",
        explanation=(
            "$t = 0.628$. The median is only 1.48 times the layers there: the mean is carried by few very deep "
            "networks."
        ),
    ),
    Exercise(
        key="10.4",
        question=(
            "Is it the ReLU that makes the tangent kernel so random? Take the activation away "
            '(`activation="linear"` in `rn.networks.tangent_moments`): how many layers of width 100 does a linear '
            "network need until $\\mathbb{E}\\,\\Theta^2/(\\mathbb{E}\\,\\Theta)^2$ is as large as that of 100 ReLU "
            "layers of width 100?"
        ),
        answer=_linear_layers,
        tolerance=0.005,
        hint=(
            'Write a loop: raise `layers` until `tangent_moments(layers, 100, activation="linear").ratio` exceeds '
            "the ReLU network's."
        ),
        explanation=(
            "Two and a half times as many. Products of random matrices are random by themselves, like $e^{2t}$; the "
            "ReLU, which switches off a random half of the units, makes it $e^{5t}$."
        ),
    ),
)
