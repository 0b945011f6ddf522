"""From values at many depths to the value at infinite depth, and how fast it is approached: by measurement alone.

Where layers are critical, v_L has an expansion in powers of 1/L (of 1/sqrt(L), where the variance grows as well) with
powers of log L; where they are not, v_L - v_inf ~ A L^p base^L. Both are fitted to measured values here, with an
uncertainty, and nothing is assumed of the coefficients.
"""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

ORDER = 3.0  # the expansion in 1/L is kept to this power; at depths from 300 on what is left out is below 1e-9
STEPS = (1.0, 0.5)  # powers of 1/L, or of its root
POINTS = 80
_CLEARLY = 1e4


@dataclasses.dataclass(frozen=True)
class Term:
    """amplitude * (log L)^logs / L^power, with the uncertainty of the amplitude."""

    amplitude: float
    power: float
    logs: int
    uncertainty: float

    def __str__(self) -> str:
        top = {0: "", 1: " log L"}.get(self.logs, f" log^{self.logs} L")
        power = "L" if self.power == 1 else f"L^{self.power:g}"
        return f"{digits(abs(self.amplitude), self.uncertainty, shown=False)}{top} / {power}"

    @property
    def short(self) -> str:
        """The term to those of the first three digits of its amplitude that its uncertainty leaves, for a table."""
        size = math.floor(math.log10(abs(self.amplitude)))
        kept = min(2 - size, -math.floor(math.log10(10 * self.uncertainty))) if self.uncertainty else 2 - size
        return str(dataclasses.replace(self, amplitude=round(self.amplitude, kept), uncertainty=0.0))


@dataclasses.dataclass(frozen=True)
class PowerLimit:
    """v_L = value + leading + smaller terms, as fitted.

    Attributes:
        value: v at infinite depth.
        uncertainty: by how much `value` changes when the deepest two thirds of the depths are left out, or, if larger,
            the largest residual of the fit.
        leading: the slowest term whose fitted amplitude is not 0 within its own uncertainty; None if there is none.
        residual: the largest residual of the fit.
        depths: the first and the last depth used.
    """

    value: float
    uncertainty: float
    leading: Term | None
    residual: float
    depths: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class GeometricRate:
    """|v_L - v_inf| ~ A L^power base^L, as fitted: `uncertainty` is that of the base, `depths` the window used."""

    base: float
    power: float
    uncertainty: float
    depths: tuple[int, int]

    def __str__(self) -> str:
        front = "" if self.power == 0 else "L " if self.power == 1 else f"L^{self.power:.3g} "
        return f"{front}{digits(self.base, self.uncertainty, shown=False)}^L"

    @property
    def short(self) -> str:
        """The rate to those of the first four decimals of its base that its uncertainty leaves, for a table."""
        kept = min(4, -math.floor(math.log10(10 * self.uncertainty))) if self.uncertainty else 4
        return str(dataclasses.replace(self, base=round(self.base, kept), uncertainty=0.0))


def sample_depths(first: int, last: int) -> NDArray[np.int64]:
    """Whole depths from first to last, evenly spread in log L."""
    return np.unique(np.round(np.geomspace(first, last, POINTS)).astype(np.int64))


def power_limit(depths: NDArray[np.int64], values: NDArray[np.float64]) -> PowerLimit:
    """The limit of values that settle like powers of the depth (with logarithms).

    The expansion in 1/L is used unless the one in 1/sqrt(L), which contains it, leaves residuals 10^4 times smaller:
    3e-12 at most is what is left out of a true expansion in 1/L, 1e-5 what it leaves where there are half powers.

    Args:
        depths: increasing whole depths, shape (k,), k about 80.
        values: v at these depths, shape (k,).
    """
    L = np.asarray(depths, dtype=np.float64)
    fits = [_fit(L, values, step) for step in STEPS]
    noise = 8 * np.finfo(np.float64).eps * max(1.0, float(np.max(np.abs(values))))
    chosen = 1 if fits[0][2] > _CLEARLY * (fits[1][2] + noise) else 0
    labels, amplitudes, residual = fits[chosen]
    shallow = L[-1] / 3 >= L
    other = _fit(L[shallow], values[shallow], STEPS[chosen])[1]
    spread = np.abs(amplitudes - other)
    leading = None
    for (power, logs), amplitude, change in zip(labels[1:], amplitudes[1:], spread[1:], strict=True):
        if abs(amplitude) > 30 * change and abs(amplitude) * L[-1] ** -power > 1e3 * noise:
            leading = Term(float(amplitude), power, logs, float(change))
            break
    uncertainty = max(float(spread[0]), residual)
    return PowerLimit(float(amplitudes[0]), uncertainty, leading, residual, (int(L[0]), int(L[-1])))


def _fit(L, values, step: float) -> tuple[list[tuple[float, int]], NDArray[np.float64], float]:
    """(power and logarithms of each column, its amplitude, the largest residual), slowest column first."""
    labels = [(j * step, k) for j in range(round(ORDER / step) + 1) for k in range(math.floor(j * step + 1e-9), -1, -1)]
    columns = np.stack([L**-power * np.log(L) ** logs for power, logs in labels], axis=1)
    scale = np.abs(columns).max(axis=0)
    solved = np.linalg.lstsq(columns / scale, values, rcond=1e-15)[0] / scale
    return labels, solved, float(np.abs(columns @ solved - values).max())


def algebraic_rate(distances: NDArray[np.float64]) -> Term | None:
    """A and q of d_L ~ A L^-q, from accurate distances d at depths 1, 2, ...; q a whole or half number, or None."""
    d = np.abs(np.asarray(distances, dtype=np.float64))
    if d[-1] < 1e-14:
        return None
    free = math.log2(d[len(d) // 2 - 1] / d[-1])
    power = round(2 * free) / 2
    if abs(power - free) > 0.1:
        return None
    depths = sample_depths(300, min(len(d), 20_000))  # deeper, rounding of 1 - K would decide
    scaled = power_limit(depths, d[depths - 1] * depths**power)
    return Term(scaled.value, power, 0, scaled.uncertainty)


WINDOWS = ((1e-6, 1e-12), (1e-4, 1e-11), (1e-2, 1e-11))
"""Between which distances a geometric rate is measured: the first of these with at least eight depths in it."""


def geometric_rate(distances: NDArray[np.float64]) -> GeometricRate | None:
    """base and power of |v_L - v_inf| ~ A L^power base^L from the distances at depths 1, 2, ...; None if too few fit.

    Only depths at which the distance lies within a window (`WINDOWS`) above rounding are used, weighted by what
    rounding leaves of them. A power of the base is taken unless one with a smaller power beside it, or L times a power,
    fits three times better; where there are fewer than 16 depths it is taken in any case.
    """
    d = np.abs(np.asarray(distances, dtype=np.float64))
    for largest, least in WINDOWS:
        inside = np.flatnonzero((d < largest) & (d > least))
        under = np.flatnonzero(d <= least)
        if inside.size and (under > inside[0]).any():
            inside = inside[inside < under[under > inside[0]][0]]
        if len(inside) >= 8:
            return _fitted_rate(d, inside)
    return None


def _fitted_rate(d: NDArray[np.float64], inside: NDArray[np.int64]) -> GeometricRate:
    inside = inside[np.unique(np.linspace(0, len(inside) - 1, 200).astype(int))]
    L, logs = inside + 1.0, np.log(d[inside])
    weights = 1 / (np.finfo(np.float64).eps / d[inside] + 1e-9)
    power, base, ratio = 0.0, math.nan, math.nan
    best = math.inf
    richer = [(1.0, 0.0)] + [(0.0, math.exp(-x)) for x in np.geomspace(0.005, 4.0, 60)]
    for tried, other in [(0.0, 0.0)] + (richer if len(L) >= 16 else []):
        slope, residual = _log_slope(L, logs, weights, tried, other)
        if residual < best / 3 or (other and ratio and residual < best):
            best, power, base, ratio = residual, tried, math.exp(slope), other
    third = len(L) // 3
    parts = (slice(0, len(L) - third), slice(third, len(L)))
    checks = [math.exp(_log_slope(L[part], logs[part], weights[part], power, ratio)[0]) for part in parts]
    uncertainty = max(abs(base - check) for check in checks)
    return GeometricRate(base, power, uncertainty, (int(L[0]), int(L[-1])))


def _log_slope(L, logs, weights, power: float, other: float) -> tuple[float, float]:
    """(slope of log d - power log L, weighted residual), with a second base `other` times smaller, or 1/L, beside."""
    second = [other ** (L - L[0]), other ** (2 * (L - L[0]))] if other else []
    extra = [1 / L, 1 / L**2] if power else second
    design = np.stack([np.ones_like(L), L, *extra], axis=1) * weights[:, None]
    scale = np.abs(design).max(axis=0)
    right = (logs - power * np.log(L)) * weights
    solved = np.linalg.lstsq(design / scale, right, rcond=1e-13)[0]
    return float(solved[1] / scale[1]), float(np.sqrt(np.mean((design / scale @ solved - right) ** 2)))


def digits(value: float, uncertainty: float, *, shown: bool = True) -> str:
    """value to the digits that its uncertainty leaves, with the uncertainty unless it is not to be shown."""
    if not uncertainty > 0:
        return f"{value:.15g}"
    places = min(15, max(0, -math.floor(math.log10(uncertainty)) - (0 if shown else 1)))
    return f"{value:.{places}f}" + (f" +- {uncertainty:.1g}" if shown else "")


__all__ = [
    "GeometricRate",
    "PowerLimit",
    "Term",
    "algebraic_rate",
    "digits",
    "geometric_rate",
    "power_limit",
    "sample_depths",
]
