"""From values at many depths to the value at infinite depth, and how fast it is approached: by measurement alone.

Where layers are critical, v_L has an expansion in powers of 1/L (of 1/sqrt(L), where the variance grows as well) with
powers of log L; where they are not, v_L - v_inf ~ A L^p base^L. Both are fitted to measured values here, with an
uncertainty, and nothing is assumed of the coefficients.
"""

import dataclasses
import math
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from roughntk._checks.precision import EPS

ORDER = 3.0  # the expansion in 1/L is kept to this power; at depths from 300 on what is left out is below 1e-9
STEPS = (1.0, 0.5)  # powers of 1/L, or of its root
POINTS = 80
_CLEARLY = 1e4
_CORRELATED = 3.0  # the rounding of a recursion at one depth is that at nearby ones: a fit averages less of it away


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
        uncertainty: by how much `value` changes when the deepest two thirds of the depths, or the shallowest, are left
            out or one more power is fitted, and what the rounding of the values becomes in the fit; the largest
            residual, if that is larger.
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


def power_limit(
    depths: NDArray[np.int64], values: NDArray[np.float64], rounding: NDArray[np.floating] | None = None
) -> PowerLimit:
    """The limit of values that settle like powers of the depth (with logarithms).

    The expansion in 1/L is used unless the one in 1/sqrt(L), which contains it, leaves residuals 10^4 times smaller:
    3e-12 at most is what is left out of a true expansion in 1/L, 1e-5 what it leaves where there are half powers.

    Args:
        depths: increasing whole depths, shape (k,), k about 80.
        values: v at these depths, shape (k,).
        rounding: what each value is unsure of by rounding, shape (k,); eps times the largest |v| by default.
    """
    L = np.asarray(depths, dtype=np.float64)
    least = EPS * max(float(np.max(np.abs(values))), np.finfo(np.float64).tiny)
    sure = np.full(len(L), least) if rounding is None else np.maximum(rounding, least)
    fits = [_Fit.of(L, values, sure, step) for step in STEPS]
    noise = 8 * max(EPS, float(sure[0]))
    fit = fits[1] if fits[0].residual > _CLEARLY * (fits[1].residual + noise) else fits[0]
    spread = np.zeros(len(fit.labels))
    shallow, deep = L[-1] / 3 >= L, 3 * L[0] <= L
    others = (
        _Fit.of(L[shallow], values[shallow], sure[shallow], fit.step),
        _Fit.of(L[deep], values[deep], sure[deep], fit.step),
        _Fit.of(L, values, sure, fit.step, ORDER + fit.step),  # with the first terms that are left out
    )
    for other in others:
        apart, unsure = (part[: len(spread)] for part in (other.amplitudes, other.rounding))
        apart = np.abs(fit.amplitudes - apart)
        spread = np.maximum(spread, np.where((other is not others[2]) | (apart > 2 * unsure), apart, 0.0))
    # a change that is small by chance is no proof: what is left out moves all amplitudes, each as rounding would
    spread = np.maximum(spread, float(np.median(spread / fit.rounding)) * fit.rounding)
    uncertain = np.hypot(spread, _CORRELATED * fit.rounding)
    leading = None
    for (power, logs), amplitude, unsure in zip(fit.labels[1:], fit.amplitudes[1:], uncertain[1:], strict=True):
        if abs(amplitude) > 30 * unsure and abs(amplitude) * L[-1] ** -power > 1e3 * noise:
            # three times: of random expansions, one amplitude in thirty was off by 4 to 8 times `unsure`
            leading = Term(float(amplitude), power, logs, 3 * float(unsure))
            break
    drift = EPS * float(L[-1]) * abs(float(fit.amplitudes[0]))  # every layer may be off by eps in the same direction
    uncertainty = max(float(uncertain[0]), fit.residual, drift)
    return PowerLimit(float(fit.amplitudes[0]), uncertainty, leading, fit.residual, (int(L[0]), int(L[-1])))


class _Fit(NamedTuple):
    """A least-squares fit of powers and logarithms, slowest first.

    Attributes:
        labels: (power, logarithms) of each term.
        amplitudes: of each term.
        rounding: what the rounding of the values makes of each amplitude: the norm of its row of the pseudo-inverse,
            each value weighted by what it is unsure of, or by the residuals where these are larger.
        residual: the largest one.
        step: between powers.
    """

    labels: list[tuple[float, int]]
    amplitudes: NDArray[np.float64]
    rounding: NDArray[np.float64]
    residual: float
    step: float

    @classmethod
    def of(cls, L: NDArray[np.float64], values, sure: NDArray[np.float64], step: float, order: float = ORDER) -> "_Fit":
        """Solved in powers of L/L[0] times Chebyshev polynomials in log L, which span the same and are less alike."""
        powers = [j * step for j in range(round(order / step) + 1)]
        logs = np.log(L)
        labels, columns, blocks = [], [], []
        for power in powers:
            count = math.floor(power + 1e-9)
            labels += [(power, k) for k in range(count, -1, -1)]
            basis = [np.polynomial.Chebyshev.basis(k, [logs[0], logs[-1]]) for k in range(count, -1, -1)]
            columns += [(L / L[0]) ** -power * each(logs) for each in basis]
            back = [each.convert(kind=np.polynomial.Polynomial).coef for each in basis]
            block = np.array([np.pad(coefficients, (0, count + 1 - len(coefficients))) for coefficients in back]).T
            blocks.append(block[::-1] * L[0] ** power)
        design = np.stack(columns, axis=1)
        inverse = scipy.linalg.block_diag(*blocks) @ np.linalg.pinv(design / sure[:, None], rcond=1e-16)
        solved = np.linalg.lstsq(design / sure[:, None], values / sure, rcond=1e-16)[0]
        left = (design @ solved - values) / sure
        free = max(len(L) - len(labels), 1)
        noise = max(1.0, math.sqrt(float(left @ left) / free))
        rounding = noise * np.linalg.norm(inverse, axis=1)
        amplitudes = scipy.linalg.block_diag(*blocks) @ solved
        return cls(labels, amplitudes, rounding, float(np.abs(left * sure).max()), step)


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
    scaled = power_limit(depths, d[depths - 1] * depths**power, EPS * depths**power)
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


_BESIDE = 1.0
"""What is left of the distance is below 1e-2 throughout: terms beside the leading one that change it by more than a
factor e are an artefact of a fit that few depths leave undetermined."""


class _Slope(NamedTuple):
    """A fit of log d - power log L by a straight line, with a second base `other` times smaller, or 1/L, beside it.

    `beside` is the largest of the terms beside the line, in log d, within the window.
    """

    power: float
    other: float
    base: float
    rounding: float
    residual: float
    beside: float


def _fitted_rate(d: NDArray[np.float64], inside: NDArray[np.int64]) -> GeometricRate:
    """Uncertain by what parts of the window say, by rounding, and by what other forms that fit as well say."""
    inside = inside[np.unique(np.linspace(0, len(inside) - 1, 200).astype(int))]
    L, logs = inside + 1.0, np.log(d[inside])
    weights = 1 / (EPS / d[inside] + 1e-9)
    richer = [(1.0, 0.0)] + [(0.0, math.exp(-x)) for x in np.geomspace(0.005, 4.0, 60)]
    fits = [_log_slope(L, logs, weights, power, other) for power, other in [(0.0, 0.0), *richer]]
    fits = [fit for fit in fits if fit.beside <= _BESIDE]
    chosen = fits[0]
    for fit in fits[1:] if len(L) >= 16 else []:
        if fit.residual < chosen.residual / 3 or (fit.other and chosen.other and fit.residual < chosen.residual):
            chosen = fit
    third = len(L) // 3
    parts = (slice(0, len(L) - third), slice(third, len(L)))
    checks = [_log_slope(L[part], logs[part], weights[part], chosen.power, chosen.other) for part in parts]
    if chosen.power and len(L) >= 16:  # one more power of 1/L says what those that are kept leave out
        checks.append(_log_slope(L, logs, weights, chosen.power, chosen.other, orders=3))
    spread = 2 * max(abs(chosen.base - check.base) for check in checks)
    others = max(abs(chosen.base - fit.base) for fit in fits if fit.residual <= 3 * chosen.residual)
    uncertainty = max(math.hypot(spread, _CORRELATED * chosen.rounding), others)
    return GeometricRate(chosen.base, chosen.power, uncertainty, (int(L[0]), int(L[-1])))


def _log_slope(L, logs, weights, power: float, other: float, orders: int = 2) -> _Slope:
    second = [other ** (L - L[0]), other ** (2 * (L - L[0]))] if other else []
    extra = [L**-k for k in range(1, orders + 1)] if power else second
    design = np.stack([np.ones_like(L), L, *extra], axis=1) * weights[:, None]
    scale = np.abs(design).max(axis=0)
    right = (logs - power * np.log(L)) * weights
    solved = np.linalg.lstsq(design / scale, right, rcond=1e-13)[0]
    left = design / scale @ solved - right
    noise = max(1.0, math.sqrt(float(left @ left) / max(len(L) - design.shape[1], 1)))
    row = np.linalg.pinv(design / scale, rcond=1e-13)[1] / scale[1]
    base = math.exp(solved[1] / scale[1])
    beside = float(np.abs(design[:, 2:] @ (solved / scale)[2:] / weights).max()) if extra else 0.0
    rounding = base * noise * float(np.linalg.norm(row))
    return _Slope(power, other, base, rounding, float(np.sqrt(np.mean(left**2))), beside)


_KNOWN = 0.05


def stated(rate: GeometricRate | Term | None) -> tuple[GeometricRate | Term | None, tuple[str, ...]]:
    """(the rate, no notes), or (None, a note) where a base is not known to 5 % of itself and of its distance from 1."""
    if not isinstance(rate, GeometricRate) or rate.uncertainty < _KNOWN * min(rate.base, abs(1 - rate.base)):
        return rate, ()
    return None, (
        f"the rate of approach, measured over {rate.depths[1] - rate.depths[0] + 1} depths, is too uncertain",
    )


def digits(value: float, uncertainty: float, *, shown: bool = True) -> str:
    """value to the digits that its uncertainty leaves, with the uncertainty unless it is not to be shown."""
    if not uncertainty > 0:
        return f"{value:.15g}"
    places = min(15, max(0, -math.floor(math.log10(uncertainty)) - (0 if shown else 1)))
    return f"{value:.{places}f}" + (f" +- {uncertainty:.1g}" if shown else "")


__all__ = [
    "EPS",
    "GeometricRate",
    "PowerLimit",
    "Term",
    "algebraic_rate",
    "digits",
    "geometric_rate",
    "power_limit",
    "sample_depths",
    "stated",
]
