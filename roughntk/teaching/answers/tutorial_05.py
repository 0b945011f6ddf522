"""Exercises of tutorial 5: rough paths in one hour."""

import math

import jax.numpy as jnp
import numpy as np
import scipy.optimize
import scipy.special

from roughntk import rough
from roughntk.teaching.exercise import Exercise


def _exponent_of_the_tie() -> float:
    """The p at which stopping at the dip of 0, 1, 0.4, 1.4 and passing over it give the same sum."""
    return float(scipy.optimize.brentq(lambda p: 2 + 0.6**p - 1.4**p, 1.0, 5.0))


def _side_of_the_car() -> float:
    """The second coordinate of the car at time 1 along the pure-area path of the ellipses (2 cos, 3 sin)."""

    def car(y):
        ahead = jnp.stack([jnp.cos(y[2]), jnp.sin(y[2]), 0.0 * y[2]])
        return jnp.stack([ahead, jnp.array([0.0, 0.0, 1.0])], axis=1)

    turn = np.linspace(0, 2 * np.pi, 1001)
    enclosed = float(rough.levy_area(np.stack([2 * np.cos(turn), 3 * np.sin(turn)], axis=1))[0, 1])
    rate = enclosed / (2 * np.pi)  # n^2 / (2 pi) ellipses of 1 / n^2 of this area in a unit of time
    driver = rough.pure_area_lift([[0.0, rate], [-rate, 0.0]], np.linspace(0, 1, 9))
    return float(rough.solve_rde(car, driver, jnp.zeros(3), estimate=False).values[-1, 1])


def _turns_until_near() -> int:
    n = 1
    while math.pi - 2 * math.pi * n * scipy.special.j1(1 / n) > 1e-3:
        n += 1
    return n


def _levels_needed(hurst: float) -> int:
    """floor(p) for p a little above 1/H."""
    return math.floor(math.nextafter(1 / hurst, math.inf))


EXERCISES = (
    Exercise(
        key="5.1",
        question=(
            "A path goes through 0, 1, 0.4, 1.4. For small $p$ the best partition stops at the dip, for large $p$ it "
            "passes over it. At which $p$ do the two tie? Find it with a few lines of code, to three digits."
        ),
        answer=_exponent_of_the_tie,
        tolerance=2.5e-3,
        hint=(
            "Stopping gives $1 + 0.6^p + 1$, passing over gives $1.4^p$. Bisect the difference, or scan $p$ and see "
            "where `rn.rough.p_variation_partition(path, p)` changes its length."
        ),
        explanation=(
            "A dip of 1/2 ties at $p = 2$, this deeper one at $p = 2.46$: the deeper a dip, the longer it counts. For "
            "large $p$ the great swings alone are left."
        ),
    ),
    Exercise(
        key="5.2",
        question=(
            "Steer the car by the ellipses $(2 \\cos n^2 t,\\ 3 \\sin n^2 t)/n$ for $t \\in [0, 1]$, from the origin "
            "with heading 0. To what does the second coordinate of its place at $t = 1$ tend as $n \\to \\infty$?"
        ),
        answer=_side_of_the_car,
        tolerance=1e-3,
        hint=(
            "Which area do the ellipses sweep per unit of time? It is $\\frac12 (x\\,dy - y\\,dx)$. Then use "
            "`rn.rough.pure_area_lift` and `rn.rough.solve_rde`, or the bracket and no computer."
        ),
        explanation=(
            "The area grows at the rate $2 \\cdot 3/2 = 3$, the heading stays 0, and the bracket $(\\sin\\theta, "
            "-\\cos\\theta, 0)$ points to the negative side: $-3$. The area counts, the shape does not."
        ),
    ),
    Exercise(
        key="5.3",
        question=(
            "The car of the circles ends at $-2 \\pi n J_1(1/n)$, $J_1$ a Bessel function (`scipy.special.j1`). What "
            "is the smallest $n$ for which that is within $10^{-3}$ of $-\\pi$?"
        ),
        answer=_turns_until_near,
        tolerance=0.0,
        hint="$J_1(z) = z/2 - z^3/16 + \\dots$, so the gap is about $\\pi/(8 n^2)$. A loop over $n$ decides.",
        explanation=(
            "The end of the way converges like $n^{-2}$, the whole way like $1/n$ only: the car swings back by $2/n$ "
            "in every turn. The distance in $p$-variation falls even more slowly. The theorem promises continuity, and "
            "not the rate of one coordinate at one time."
        ),
    ),
    Exercise(
        key="5.4",
        question=(
            "Fractional Brownian motion with Hurst exponent $H$ has finite $p$-variation for $p > 1/H$ only. How many "
            "levels does its lift need at $H = 0.3$, so that the universal limit theorem applies?"
        ),
        answer=lambda: _levels_needed(0.3),
        tolerance=0.0,
        hint="It needs the levels up to $\\lfloor p \\rfloor$, for some $p > 1/H$.",
        explanation=(
            "$1/0.3 = 3.33\\dots$: three levels. Brownian motion needs two, and a path with $H > 1/2$ one, which is "
            "the path itself."
        ),
    ),
)
