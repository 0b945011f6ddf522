"""The algebra on rows of known elements, in NumPy: levels 1..N, each (rows, words), the scalar part being left out.

What `operations` has for one tensor that may be traced, for many whose numbers are known: nothing is compiled for a
number of rows that was not seen before.
"""

import numpy as np

from roughntk.rough.algebra.layout import signature_size


def split(flat: np.ndarray, channels: int, level: int) -> list[np.ndarray]:
    """The levels of flat rows."""
    return np.split(flat, [signature_size(channels, k) for k in range(1, level)], axis=1)


def outer(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (x) b, row by row."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


def straight(increments: np.ndarray, level: int) -> np.ndarray:
    """exp(dx) of each row, flat."""
    parts = [increments]
    for k in range(2, level + 1):
        parts.append(outer(parts[-1], increments / k))
    return np.concatenate(parts, axis=1)


def logarithms(x: list[np.ndarray]) -> list[np.ndarray]:
    """log(1 + x) = x (1 - x (1/2 - x (1/3 - ...))), by Horner's scheme."""
    value: list[np.ndarray] = []
    for k in range(len(x), 0, -1):  # x (1/k - x (...)), of which the levels up to N - k + 1 are needed
        value = [x[n - 1] / k - _crossed(x, value, n) for n in range(1, len(x) - k + 2)]
    return value


def exponentials(x: list[np.ndarray]) -> list[np.ndarray]:
    """exp(x) - 1 = x (1 + x/2 (1 + x/3 (...))), by Horner's scheme."""
    value: list[np.ndarray] = []
    for k in range(len(x), 0, -1):
        value = [(x[n - 1] + _crossed(x, value, n)) / k for n in range(1, len(x) - k + 2)]
    return value


def _crossed(a: list[np.ndarray], b: list[np.ndarray], n: int) -> np.ndarray | float:
    """Level n of a (x) b, whose scalar parts are 0."""
    return sum((outer(a[m - 1], b[n - m - 1]) for m in range(1, n)), 0.0)
