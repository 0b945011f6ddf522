"""What the ReLU kernels come to at large depth, by formulas of their own: nothing here is taken from a subject.

With w = 3 pi/theta the time alpha = w - (3/2) log w + 0.7344 theta - ... of Abel's equation counts layers,
alpha(theta_{L+1}) = alpha(theta_L) + 1, and

    1 - rho_L ~ (9 pi^2/2)/L^2,    K_L = 1/4 + (3/8) log L/L + (alpha(theta_1) - 3/2)/(4L) + O(log^2 L/L^2).
"""

import math

import numpy as np

from roughntk.audit.subject import Numbers

LIMIT = 0.25
"""Of K_L between two distinct points."""

_LAYERS = 1500  # after which theta is about 0.006, and the series of alpha right to 1e-11
_SERIES = 0.7344218261125555, -0.0394457100372565, 0.0059575787767456
"""Of alpha(theta) - w + (3/2) log w, in theta, theta^2, theta^3: the formal solution of Abel's equation."""


def next_angle(theta: Numbers) -> Numbers:
    """theta_{L+1}: sin^2(theta_{L+1}/2) = sin^2(theta/2) - (sin theta - theta cos theta)/(2 pi), without cancellation.

    >>> float(np.cos(next_angle(np.array(np.pi / 2)))) * np.pi
    1.0
    """
    small = np.where(theta < 0.1, theta, 0.0)
    square = small * small
    series = small * square * (1 / 3 - square * (1 / 30 - square * (1 / 840 - square / 45360)))
    bracket = np.where(theta < 0.1, series, np.sin(theta) - theta * np.cos(theta))
    return np.asarray(2 * np.arcsin(np.sqrt(np.sin(theta / 2) ** 2 - bracket / (2 * math.pi))))


def abel_time_of_small(theta: Numbers) -> Numbers:
    """alpha of an angle below 0.01, by its series; the next term is of order theta^4."""
    w = 3 * math.pi / theta
    return np.asarray(w - 1.5 * np.log(w) + sum(c * theta ** (k + 1) for k, c in enumerate(_SERIES)))


def abel_time(rho: Numbers) -> Numbers:
    """alpha of the angle of a correlation in [-1, 1): the series after 1500 layers, less their number.

    >>> round(float(abel_time(np.array(0.0))), 9)  # alpha(pi/2)
    4.389847384
    """
    theta = np.arccos(np.asarray(rho, dtype=float))
    for _ in range(_LAYERS):
        theta = next_angle(theta)
    return abel_time_of_small(theta) - _LAYERS


def deviation(rho: Numbers, depth: float) -> Numbers:
    """K_L - 1/4 to first order: (3/8) log L/L + (alpha - 3/2)/(4L)."""
    return np.asarray(0.375 * math.log(depth) / depth + (abel_time(rho) - 1.5) / (4 * depth))


def second_order(depth: float) -> float:
    """log^2 L/L^2, what `deviation` leaves out is of the order of."""
    return (math.log(depth) / depth) ** 2


__all__ = ["LIMIT", "abel_time", "abel_time_of_small", "deviation", "next_angle", "second_order"]
