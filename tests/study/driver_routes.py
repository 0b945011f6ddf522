"""What tests of the drivers of a study share."""

import numpy as np


def level_two(path, i, j):
    """The second level of the piecewise-linear path's lift between two samples, by its definition."""
    steps = np.diff(path[i : j + 1], axis=0)
    before = np.cumsum(steps, axis=0) - steps
    return before.T @ steps + steps.T @ steps / 2


def silent(stage, steps):
    del stage, steps
