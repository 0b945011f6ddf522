"""Exercises of tutorial 8: families and phases."""

import roughntk.depth
from roughntk import kernels
from roughntk.teaching.exercise import Exercise


def _swinging(c, depth):
    return c * (0.7 + 0.1 * (-1) ** depth) + c**3 * (0.3 - 0.1 * (-1) ** depth)


def _rate_of_the_square() -> float:
    """L (1 - c_L) at L = 10^6 for c -> ((1 + c)/2)^2, from c_1 = 0."""
    correlation, layers = 0.0, 10**6
    for _ in range(layers - 1):
        correlation = ((1 + correlation) / 2) ** 2
    return layers * (1 - correlation)


EXERCISES = (
    Exercise(
        key="8.1",
        question=(
            "A tanh network with its weights at criticality has a tangent kernel of limit ratio $1/3$, as erf has. To "
            "what does each coefficient of a new point tend, for $n = 7$ data points? (Four digits.)"
        ),
        answer=lambda: float(roughntk.depth.classify(kernels.ErfNTK.critical()).coefficient_limit(7)),
        tolerance=1e-4,
        hint="Solve $((1 - r) I + r J)\\,u = r \\mathbf{1}$ with all entries of $u$ equal.",
        explanation=(
            "$r/(1 + (n - 1) r) = 1/(n + 2) = 1/9$. They add up to $7/9$: the prediction is the mean of the targets, "
            "shrunk."
        ),
    ),
    Exercise(
        key="8.2",
        question=(
            "At which weight variance is the erf network with bias variance $0.3$ critical? Find it to three digits, "
            "with `rn.classify(family).chi`, or with `family.correlation_map` near 1, and a bisection."
        ),
        answer=lambda: float(kernels.ErfNTK.critical(bias_variance=0.3).weight_variance),
        tolerance=3e-3,
        hint=(
            "`rn.kernels.ErfNTK(weight_variance=w, bias_variance=0.3)`; the slope `(1 - family.correlation_map(1 - "
            "1e-7)) / 1e-7` grows with `w` through 1. Start between 1.5 and 2.5."
        ),
        explanation=(
            "More bias makes inputs more alike, so that it takes larger weights to tear them apart: the line between "
            "the phases rises from $\\pi/4$ at no bias."
        ),
    ),
    Exercise(
        key="8.3",
        question=(
            "One layer moves correlations by $h(c) = \\left(\\frac{1 + c}{2}\\right)^2$. Is it ordered, critical or "
            "chaotic? If $1 - c_L$ falls like $a/L$, what is $a$? Guess from $h''(1)$ or iterate (1 % is enough)."
        ),
        answer=_rate_of_the_square,
        tolerance=0.01,
        hint="With $g = 1 - c$: $g \\mapsto g - g^2/4$. What does $g' = -g^2/4$ do in the long run?",
        explanation=(
            "$h'(1) = 1$: critical, and $g_L \\approx 2/(h''(1)\\, L) = 4/L$. Such families lose all that they know "
            "about the data, at the pace of a power."
        ),
    ),
    Exercise(
        key="8.4",
        question=(
            "The kernel $k_L(c) = (0.7 + 0.1\\,(-1)^L)\\,c + (0.3 - 0.1\\,(-1)^L)\\,c^3$ sways for ever. Do its "
            "coefficients have a limit? (True or False; `rn.depth.criteria.check(k).has_limit` decides it by "
            "measurement.)"
        ),
        answer=lambda: bool(roughntk.depth.criteria.check(_swinging).has_limit),
        tolerance=0.0,
        hint="Even and odd depths are two different kernels, both positive definite.",
        explanation=(
            "They go to and fro between two values for ever. Nothing is wrong with the single kernels; a limit of "
            "depth needs drivers that vanish, or that go on in one direction (tutorial 4)."
        ),
    ),
)
