"""The table of the panel "Pure area": what `rn.rough.solve_rde` gives along the circles and along their limit.

Everything else of the panel has a closed form, of which the tests compare the page's values with the package. With
w = n^2 and the generators A1, A2, A3 of rotations about the axes, the frame along x_n = (cos(w t)/n, sin(w t)/n) is

    R(t) = exp(t (n A2 + w A3)) exp(-w t A3),

since dR = R (A1 dx + A2 dy) turns about a direction that itself turns about the third axis at the rate w.
"""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from roughntk.explorer.points import ExplorerPoints
from roughntk.explorer.tables.stored import stored_table
from roughntk.rough import lift, lift_from_steps, pure_area_lift, solve_rde

A1 = np.array([[0.0, 0, 0], [0, 0, -1], [0, 1, 0]])
A2 = np.array([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]])
SIZES = (2, 4, 8, 16)
_STEPS_A_TURN, _SAMPLES_A_TURN, _LEVEL = 16, 16384, 4


def table(points: ExplorerPoints) -> dict[str, Any]:
    """What the page is given; it does not depend on the points."""
    return stored_table("pure_area")


def rotation_table() -> dict[str, Any]:
    """The frames at t = 2 pi, by `rn.rough.solve_rde`.

    Returns:
        `limit`, the frame along the pure-area lift; `sizes`, n; `frames`, along the circles of radius 1/n, by the
        log-ODE of level 4 in 16 steps a turn; `distances` of the frames to the limit, in the Frobenius norm.
    """
    area = pure_area_lift([[0, 0.5], [-0.5, 0]], np.linspace(0, 2 * math.pi, 9))
    limit = _end(area)
    frames = [circle_frame(n) for n in SIZES]
    return {
        "limit": _rounded(limit),
        "sizes": list(SIZES),
        "frames": [_rounded(frame) for frame in frames],
        "distances": [round(float(np.linalg.norm(frame - limit)), 12) for frame in frames],
    }


def circle_frame(n: int) -> np.ndarray:
    """R(2 pi) along n^2 turns of the circle of radius 1/n, the increments of all turns being the same."""
    angle = np.linspace(0, 2 * math.pi, _SAMPLES_A_TURN + 1)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) / n
    turn = lift(circle, _LEVEL).resample(np.linspace(0, _SAMPLES_A_TURN, _STEPS_A_TURN + 1))
    return _end(lift_from_steps(np.tile(turn.steps, (n * n, 1)), 2, _LEVEL))


def _field(y: jnp.ndarray) -> jnp.ndarray:
    R = y.reshape(3, 3)
    return jnp.stack([(R @ A1).ravel(), (R @ A2).ravel()], axis=1)


def _end(rough_path: Any) -> np.ndarray:
    solution = solve_rde(_field, rough_path, np.eye(3).ravel(), estimate=False)
    return np.asarray(solution.values[-1]).reshape(3, 3)


def _rounded(matrix: np.ndarray) -> list[list[float]]:
    return [[round(float(entry), 12) for entry in row] for row in matrix]
