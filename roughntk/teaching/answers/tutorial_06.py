"""Exercises of tutorial 6: Ito, Stratonovich, and what Wong and Zakai saw."""

import jax
import numpy as np
import scipy.linalg

from roughntk import rough
from roughntk.teaching.exercise import Exercise


def _difference_of_the_lifts() -> float:
    """X^{12} of the Stratonovich lift minus that of the Ito lift, over [0, 4]."""
    times, covariance = np.linspace(0, 4, 9), [[2.0, 1.0], [1.0, 3.0]]
    path = np.random.default_rng(0).normal(size=(9, 2)).cumsum(axis=0)
    smooth = rough.brownian_lift(path, times=times)
    ito = rough.brownian_lift(path, kind="ito", covariance=covariance, times=times)
    return float(smooth.signature[3] - ito.signature[3])


def _drift_of_the_right_end() -> float:
    """log Y_2 along a path that rests, with the second level (t - s)/2 that sums of right ends leave."""
    at_rest = rough.lift(np.zeros((4097, 1)), 2, times=np.linspace(0, 2, 4097))
    driver = rough.perturb(at_rest, [[0.5]])
    solution = rough.solve_rde(lambda y: y[:, None], driver, [1.0], estimate=False)
    return float(np.log(solution.values[-1, 0]))


def _mean_square_of_two_turns() -> float:
    """E |Y_1|^2: a' = a + b and b' = a - b for a = E |Y|^2 and b = E (Y^3)^2."""
    return float(scipy.linalg.expm(np.array([[1.0, 1.0], [1.0, -1.0]]))[0].sum())


def _squares_remain() -> bool:
    """Whether sum (dB)^2 over 2^16 steps is more than a tenth of that over 2^6, at H = 3/4."""
    path = np.asarray(rough.fractional_brownian(jax.random.key(0), 2**16 + 1, hurst=0.75).values)[:, 0]
    fine, coarse = ((np.diff(path[::skip]) ** 2).sum() for skip in (1, 2**10))
    return bool(fine > 0.1 * coarse)


EXERCISES = (
    Exercise(
        key="6.1",
        question=(
            "A two-dimensional Brownian motion has the covariance $\\begin{pmatrix} 2 & 1 \\\\ 1 & 3 \\end{pmatrix}$ "
            "per unit of time. By how much is the entry $X^{12}$ of the second level over $[0, 4]$ larger along its "
            "Stratonovich lift than along its Ito lift?"
        ),
        answer=_difference_of_the_lifts,
        tolerance=1e-6,
        hint="The difference is half of the covariance of the increment over $[0, 4]$, entry 12.",
        explanation=(
            "$\\tfrac12 \\cdot 4 \\cdot 1 = 2$. The difference is symmetric, so both lifts have the same area: Ito and "
            "Stratonovich quarrel about products, not about areas."
        ),
    ),
    Exercise(
        key="6.2",
        question=(
            "Some authors take the value at the *right* end of each step. What is $\\log Y_2 - B_2$ for the solution "
            "of $dY = Y\\,dB$, $Y_0 = 1$, in their calculus? (Ito's is $-1$.) You can let the package do it: "
            "`rn.rough.perturb` adds to the second level, `rn.rough.solve_rde` solves."
        ),
        answer=_drift_of_the_right_end,
        tolerance=0.01,
        hint=(
            "Right minus middle is middle minus left: $\\frac12 \\sum (\\Delta B)^2$. Which second level does that "
            "give, $B^2/2$ plus what?"
        ),
        explanation=(
            "The second level is $B^2/2 + t/2$, and $Y_t = \\exp(B_t + t/2)$, so the answer is $+1$. Every symmetric "
            "matrix added to the second level gives a calculus of its own; one of them obeys the product rule."
        ),
    ),
    Exercise(
        key="6.3",
        question=(
            "Turn the point $(0, 0, 1)$ in the sense of Ito by two Brownian motions only, about the axes 1 and 2: $dY "
            "= A_1 Y\\,dW^1 + A_2 Y\\,dW^2$. What is $E|Y_1|^2$ at time 1? (Two linear equations and "
            "`scipy.linalg.expm`, or a simulation: 2 % are enough.)"
        ),
        answer=_mean_square_of_two_turns,
        tolerance=0.02,
        hint=(
            "Ito's rule gives $\\frac{d}{dt} E|Y|^2 = E|A_1 Y|^2 + E|A_2 Y|^2 = E|Y|^2 + E(Y^3)^2$. Find the equation "
            "for $E(Y^3)^2$ in the same way, with $(A_1 Y)^3 = Y^2$ and $(A_2 Y)^3 = -Y^1$ (superscripts count "
            "entries)."
        ),
        explanation=(
            "With $a = E|Y|^2$ and $b = E(Y^3)^2$ one has $a' = a + b$, $b' = a - b$, both 1 at the start: $a(1) = "
            "\\cosh\\sqrt2 + \\sqrt2 \\sinh\\sqrt2 = 4.91$. With the third rotation it would be $e^2 = 7.39$, and "
            "$|Y|$ would not be random at all."
        ),
    ),
    Exercise(
        key="6.4",
        question=(
            "For fractional Brownian motion with Hurst exponent $H = 3/4$: do the sums with left ends and those with "
            "middles have different limits as the steps shrink? (True or False; `rn.rough.fractional_brownian(key, "
            "points, hurst=0.75)` gives a path to try it on.)"
        ),
        answer=_squares_remain,
        tolerance=0.0,
        hint="The difference is $\\frac12 \\sum (\\Delta B)^2$, and $\\Delta B$ over a step $h$ has the size $h^H$.",
        explanation=(
            "$h^{-1} h^{2H} = h^{2H - 1} \\to 0$ for $H > 1/2$: one calculus, that of Young. Brownian motion, at $H = "
            "1/2$, is the first that leaves a choice; below it the left sums do not converge at all."
        ),
    ),
)
