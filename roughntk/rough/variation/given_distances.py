"""How rough a path is of which nothing but the distances of its points is known: |X_j - X_i| in a Euclidean norm."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.rough.variation.regularity import (
    CriticalExponent,
    exponent_of_differences,
    slope_error,
    weighted_slope,
)

#: The least number of points, and how many of them there are for each step of the largest lag.
LEAST_POINTS, POINTS_A_STEP = 6, 6


@dataclass(frozen=True)
class IncrementScaling:
    """How the increments of a sampled path grow with their lag: |X_{i+q} - X_i| ~ q^h.

    exponent: h; float(result) is the same.
    standard_error: of h, by the jackknife over stretches of the path.
    lags: the lags q, in sample steps.
    means: the mean of |X_{i+q} - X_i| over i at each lag, shape (lags,).
    """

    exponent: float
    standard_error: float
    lags: tuple[int, ...]
    means: np.ndarray

    def __float__(self) -> float:
        return self.exponent


def increment_scaling(distances: Any, *, coarsest: int | None = None) -> IncrementScaling:
    """The slope h of log mean_i |X_{i+q} - X_i| against log q, q = 1, 2, 4, ..., with weights 1/q.

    h is 1 for a smooth path, 1/2 for Brownian motion, 0 for white noise. Sampled at m of its points the path has a
    1-variation that grows like m^{1-h} and jumps that shrink like m^{-h}.

    Args:
        distances: |X_j - X_i|, shape (points, points), symmetric; at least 6 points at equal steps.
        coarsest: the largest lag; None: points/6, but at least 2.

    Returns:
        An :class:`IncrementScaling`. Where all points are equal the exponent is NaN.

    Raises:
        InputError: what is no matrix of distances, too few points, a lag out of range.
    Source: FrizVictoir2010, section 5.1.

    >>> import numpy as np
    >>> line = np.arange(12.0)
    >>> round(increment_scaling(abs(line[:, None] - line)).exponent, 12)
    1.0
    """
    table = distance_matrix(distances, least=LEAST_POINTS)
    lags = _lags(len(table), coarsest)
    sizes = [np.diagonal(table, lag) for lag in lags]
    means = np.array([part.mean() for part in sizes])
    if not (means > 0).all():
        return IncrementScaling(math.nan, math.nan, tuple(map(int, lags)), means)
    largest = means.max()
    logs = [np.log(np.maximum(part / largest, 1e-300)) for part in sizes]
    exponent = float(weighted_slope(means / largest, lags))
    return IncrementScaling(exponent, slope_error(logs, lags, 1.0), tuple(map(int, lags)), means)


def critical_p_of_distances(distances: Any, *, coarsest: int | None = None) -> CriticalExponent:
    """The estimate of `critical_p` from the distances of the sample points alone.

    The second differences that it needs are told by the parallelogram identity, with a and b two increments in a row,
    |b - a|^2 = 2 |a|^2 + 2 |b|^2 - |a + b|^2. A path in many dimensions needs few points: its increments average over
    the dimensions.

    Args:
        distances: |X_j - X_i| in a Euclidean norm, shape (points, points), symmetric; at least 6 points at equal
            steps.
        coarsest: the largest lag; None: points/6, but at least 2.

    Returns:
        A :class:`CriticalExponent`. p is infinite where no p up to 64 has slope 1, as for white noise.

    Raises:
        InputError: what is no matrix of distances, too few points, a lag out of range.
    Source: IstasLang1997.

    >>> import numpy as np
    >>> curve = np.sin(np.linspace(0, 1, 32))
    >>> critical_p_of_distances(abs(curve[:, None] - curve)).p
    1.0
    """
    table = distance_matrix(distances, least=LEAST_POINTS)
    lags = _lags(len(table), coarsest)
    largest = float(table.max())
    squares = (table / largest) ** 2 if largest else table
    seconds = []
    for lag in lags:
        single, double = np.diagonal(squares, lag), np.diagonal(squares, 2 * lag)
        gap = 2 * single[: len(double)] + 2 * single[lag:] - double
        seconds.append(np.sqrt(np.maximum(gap, 0.0)))
    return exponent_of_differences(seconds, lags, math.sqrt(256 * EPS))


def distance_matrix(value: Any, *, least: int = 2, name: str = "distances") -> np.ndarray:
    """A symmetric matrix of distances >= 0, zero on its diagonal, as float64. Raises `InputError`."""
    table = _checks.real_array(value, name)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) < least:
        raise InputError(
            f"expected {name} of shape (points, points) for at least {least} points, got shape {table.shape}; put "
            f"|X_j - X_i| at [i, j]"
        )
    wrong = np.maximum(np.abs(table - table.T), -table)
    np.fill_diagonal(wrong, np.abs(np.diagonal(table)))
    if wrong.max() > 1e-8 * np.abs(table).max():
        i, j = np.unravel_index(int(np.argmax(wrong)), table.shape)
        raise InputError(
            f"expected {name} that are symmetric, at least 0, and 0 on the diagonal, got {table[i, j]:.6g} at "
            f"[{i}, {j}] and {table[j, i]:.6g} at [{j}, {i}]; put |X_j - X_i| at [i, j] and at [j, i]"
        )
    table = np.maximum((table + table.T) / 2, 0.0)
    np.fill_diagonal(table, 0.0)
    return table


def _lags(count: int, coarsest: int | None) -> np.ndarray:
    if coarsest is None:
        top = max(2, count // POINTS_A_STEP)
    else:
        top = _checks.integer(coarsest, "coarsest", least=2, most=(count - 1) // 2)
    return 2 ** np.arange(int(math.log2(top)) + 1)
