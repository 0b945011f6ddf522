"""What the ReLU kernels come to at large depth, by formulas of their own: nothing here is taken from a subject.

With w = 3 pi/theta the time alpha = w - (3/2) log w + 0.7344 theta - ... of Abel's equation counts layers,
alpha(theta_{L+1}) = alpha(theta_L) + 1, and

    1 - rho_L ~ (9 pi^2/2)/L^2,    K_L = 1/4 + (3/8) log L/L + (alpha(theta_1) - 3/2)/(4L) + O(log^2 L/L^2),
    L K_L = w_L/4 - 1/8 - C/w_L + O(1/L^2),    C = (9 pi^2/4)(1 + t/2),

where w_{L+1} - w_L = 1 + theta/(2 pi) + t theta^2 + ..., t = 3 pi (c_4 + 2 c_3/(3 pi) + 1/(3 pi)^3) for one layer
theta -> theta - theta^2/(3 pi) - c_3 theta^3 - c_4 theta^4 - ...: -C/w solves E_{L+1} = (1 - 3/w) E_L - beta_L, what
is left of S_L = L K_L, with beta = (w_{L+1} - w_L - 1)/4 - 3/(8 w_L) + 1 - rho_{L+1} = 2 C/w^2 + ....
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


def w_after(rho: Numbers, depth: int) -> Numbers:
    """w_L = 3 pi/theta_L from alpha(theta_L) = alpha(theta_1) + L - 1, by iteration; depths from 30 on.

    >>> rho = np.array(0.5)
    >>> for _ in range(99):
    ...     rho = (np.sqrt(1 - rho * rho) + rho * (np.pi - np.arccos(rho))) / np.pi
    >>> bool(abs(w_after(np.array(0.5), 100) - 3 * np.pi / np.arccos(rho)) < 1e-5)
    True
    """
    target = abel_time(rho) + depth - 1
    w = target
    for _ in range(60):
        theta = 3 * math.pi / w
        w = target + 1.5 * np.log(w) - sum(c * theta ** (k + 1) for k, c in enumerate(_SERIES))
    return np.asarray(w)


def kernel(rho: Numbers, depth: int) -> Numbers:
    """K_L = (w_L/4 - 1/8 - C/w_L)/L, what is left of the order of 1/L^3."""
    w = w_after(rho, depth)
    return np.asarray((w / 4 - 0.125 - SUBLEADING / w) / depth)


def deviation(rho: Numbers, depth: float) -> Numbers:
    """K_L - 1/4 to first order: (3/8) log L/L + (alpha - 3/2)/(4L)."""
    return np.asarray(0.375 * math.log(depth) / depth + (abel_time(rho) - 1.5) / (4 * depth))


C_3, C_4 = 0.0056289546468, 0.0076708036640
SUBLEADING = 9 * math.pi**2 / 4 * (1 + 1.5 * math.pi * (C_4 + 2 * C_3 / (3 * math.pi) + (3 * math.pi) ** -3))
"""C = 23.2593..."""


def second_order(depth: float) -> float:
    """log^2 L/L^2, what `deviation` leaves out is of the order of."""
    return (math.log(depth) / depth) ** 2


__all__ = ["LIMIT", "abel_time", "abel_time_of_small", "deviation", "kernel", "next_angle", "second_order", "w_after"]
