"""Exercises of tutorial 7: solving a rough differential equation."""

import jax.numpy as jnp
import numpy as np
import scipy.special

from roughntk import rough
from roughntk.teaching.exercise import Exercise


def _car(y):
    ahead = jnp.stack([jnp.cos(y[2]), jnp.sin(y[2]), 0.0 * y[2]])
    return jnp.stack([ahead, jnp.array([0.0, 0.0, 1.0])], axis=1)


def _end_along_polygon(points: np.ndarray) -> np.ndarray:
    """Where the car ends, driving along every piece of the polygon by an arc: exactly."""
    drive, steer = np.diff(points, axis=0).T
    heading = np.cumsum(steer)
    middle, chord = heading - steer / 2, drive * np.sinc(steer / 2 / np.pi)
    return np.array([(chord * np.cos(middle)).sum(), (chord * np.sin(middle)).sum(), heading[-1]])


def _order_on_a_smooth_driver() -> float:
    """The order of level 1 along (sin 2t, cos 3t) on [0, 1]."""
    steps = np.array([32, 64, 128])
    times = [np.linspace(0, 1, count + 1) for count in (*steps, 2**16)]
    *ends, truth = (_end_along_polygon(np.stack([np.sin(2 * t), np.cos(3 * t)], axis=1)) for t in times)
    return float(-np.polyfit(np.log(steps), np.log([np.abs(end - truth).max() for end in ends]), 1)[0])


def _overshoot_of_one_step() -> float:
    """One step of the log-ODE of level 2 over a circle of radius 1/2, over the true end, minus 1."""
    turn = np.linspace(0, 2 * np.pi, 2001)
    circle = rough.lift(0.5 * np.stack([np.cos(turn), np.sin(turn)], axis=1), 2)
    step = rough.solve_rde(_car, circle, jnp.zeros(3), partition=1, estimate=False).values[-1, 1]
    return float(step / (-2 * np.pi * 0.5 * scipy.special.j1(0.5)) - 1)


def _length_after_davie() -> float:
    """|Y| after 1,000 steps of 0.2 of Davie's scheme of level 2 for dY = (-Y^2, Y^1) dX."""
    driver = rough.lift(np.linspace(0, 200, 1001)[:, None], 2)

    def rotation(y):
        return jnp.stack([-y[1], y[0]])[:, None]

    solution = rough.solve_rde(rotation, driver, jnp.array([1.0, 0.0]), method="davie", estimate=False)
    return float(jnp.linalg.norm(solution.values[-1]))


EXERCISES = (
    Exercise(
        key="7.1",
        question=(
            "Drive the car along the smooth path $(\\sin 2t, \\cos 3t)$, $t \\in [0, 1]$, by the log-ODE of level 1, "
            "that is, along polygons with $m$ pieces. What is the order in $m$, to the nearest whole number?"
        ),
        answer=lambda: round(_order_on_a_smooth_driver()),
        tolerance=0.0,
        hint=(
            "`along_arcs` of the tutorial is exact for a polygon. Halve the step and look at the ratio of the errors: "
            "$2^q$ at order $q$. The areas forgotten have size $h^3$ here, and neighbours have the same sign."
        ),
        explanation=(
            "2: a smooth path makes an area of size $h^3$ in a step, and $1/h$ of them add up to $h^2$. A Brownian "
            "path makes one of size $h$, at random. Level 2 has order 4 on smooth paths and 1 on Brownian ones."
        ),
    ),
    Exercise(
        key="7.2",
        question=(
            "Steer the car once around a circle of radius 1/2, and solve by a *single* step of the log-ODE of level 2. "
            "By what fraction is its way to the side too long? (Two digits, as 0.012 for 1.2 %. The truth is "
            "$2 \\pi r J_1(r)$, `scipy.special.j1`.)"
        ),
        answer=_overshoot_of_one_step,
        tolerance=0.025,
        hint=(
            "The increment over a full circle is zero, so the step moves by the area times the bracket and no more: "
            "$\\pi r^2$. Or let `rn.rough.solve_rde(..., partition=1)` do it."
        ),
        explanation=(
            "$r/(2 J_1(r)) - 1 = 0.032$, or 3.2 %, and nearly $r^2/8 = 0.03125$: for one step over a whole circle. The "
            "levels 3 and 4 of the signature are what is missing. Level 1 would not have moved the car at all."
        ),
    ),
    Exercise(
        key="7.3",
        question=(
            "Turn the point $(1, 0)$ by $dY = (-Y^2, Y^1)\\,dX$ with the driver $X_t = t$ on $[0, 200]$, by Davie's "
            "scheme of level 2 with 1,000 steps of 0.2. The truth stays on the unit circle. What is $|Y|$ at the end? "
            "(Three digits.)"
        ),
        answer=_length_after_davie,
        tolerance=5e-3,
        hint=(
            "A step multiplies the complex number $Y$ by $1 + i\\theta - \\theta^2/2$ with $\\theta = 0.2$. What is "
            "the absolute value of that, and of its 1,000th power?"
        ),
        explanation=(
            "$|1 + i\\theta - \\theta^2/2|^2 = 1 + \\theta^4/4$, so $|Y| = (1 + 0.0004)^{500} = 1.221$. The log-ODE "
            "follows the flow of a field that is tangent to the circle and stays on it, up to the tolerance of its "
            "inner solver."
        ),
    ),
)
