"""How rough a sampled path is: its p-variation as a control, its Hoelder norms, and an estimate of the exponent
from which on its p-variation stays finite."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.rough.paths.lifts import Lift
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear, sampled
from roughntk.rough.variation.dynamic import pair_sizes, raised
from roughntk.rough.variation.increments import Steps, steps_of
from roughntk.rough.variation.levels import MOST_LEVELS, NORMS, level_suprema, wanted_levels

#: The largest number of points for which a control keeps all its values, points^2 of them.
TABLE_POINTS = 1024


class Control:
    """omega(s, t) = sum over levels k of sup over partitions of [s, t] of sum |X^k_{t_i,t_{i+1}}|^{p/k}.

    Made by `control`. `omega(s, t)` takes indices of sample points, 0 <= s <= t <= points - 1. It is superadditive,
    omega(s, u) >= omega(s, t) + omega(t, u), zero on the diagonal, and |X^k_{s,t}| <= omega(s, t)^{k/p}.
    `table`: all values, shape (points, points), upper triangular; None where they are found one at a time.
    """

    def __init__(self, steps: Steps, p: float, levels: list[int], norm: str, *, table: bool):
        self.p, self.levels, self.norm = p, tuple(levels), norm
        self.points = len(steps.points)
        self._steps = steps
        self.table = self._all_values() if table else None

    def __call__(self, s: Any, t: Any) -> float:
        """omega(s, t). Raises `InputError` for indices out of range or s > t."""
        s = _checks.integer(s, "s", least=0, most=self.points - 1)
        t = _checks.integer(t, "t", least=0, most=self.points - 1)
        if s > t:
            raise InputError(f"expected s <= t, got s = {s} and t = {t}; a control is defined for s <= t")
        if self.table is not None:
            return float(self.table[s, t])
        return self._value(s, t)

    def __repr__(self) -> str:
        kept = "table" if self.table is not None else "one at a time"
        return f"Control(points={self.points}, p={self.p:g}, levels={self.levels}, norm={self.norm!r}, {kept})"

    def _value(self, s: int, t: int) -> float:
        if s == t:
            return 0.0
        by_level = level_suprema(self._steps.between(s, t), None, self.p, list(self.levels), self.norm)
        return math.fsum(best.value(False) for best, _ in by_level.values())

    def _all_values(self) -> np.ndarray:
        from roughntk.rough.variation import compiled as _kernels

        # The largest value, which also raises where it is beyond float64.
        self._value(0, self.points - 1)
        total = np.zeros((self.points, self.points))
        for k in self.levels:
            powers = np.zeros((self.points, self.points))
            for first, sizes in pair_sizes(self._steps, None, [k], self.norm):
                powers[first : first + sizes.shape[1]] = raised(sizes[0], self.p / k)
            # |X^k|^{p/k} goes with the p-th power of the unit.
            whole, part = divmod(self.p * self._steps.exponent, 1)
            powers = np.ldexp(powers * 2.0**part, int(max(min(whole, 4096), -4096)))
            total += _kernels.longest(powers)
        return total


def control(path: Any, p: float, *, level: int | None = None, norm: str = "l1", table: bool | None = None) -> Control:
    """The p-variation of a path over each of its intervals, as a function omega(s, t) of sample points.

    Args:
        path, p, norm: as for `p_variation`, one path at a time.
        level: k, that level alone; None: level 1 for an array, the sum over levels 1 .. floor(p) for a `Lift` (the sum
            of controls is a control; the largest of them is not superadditive).
        table: whether to compute all values at once, in O(points^3) additions and O(points^2) memory, after which a
            value is a look-up; None: up to 1024 points. Otherwise each call runs `p_variation` on its interval.

    Returns:
        A :class:`Control`, exact on every interval.

    Raises:
        InputError: as `p_variation` does; a table beyond memory.
    Source: FrizVictoir2010, sections 1.1 and 5.1.

    >>> import roughntk as rn
    >>> omega = rn.rough.control([[0.0], [1.0], [0.0], [3.0]], 1.0)
    >>> float(omega(0, 3)), float(omega(0, 1) + omega(1, 3))
    (5.0, 5.0)
    """
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    levels = wanted_levels(path, p, level)
    steps = steps_of(path, levels[-1])
    count = len(steps.points)
    table = count <= TABLE_POINTS if table is None else _checks.flag(table, "table")
    if table:
        _checks.memory(
            8.0 * 3.0 * count * count,
            f"all values of a control on {count} points",
            "pass table=False, or use fewer points",
        )
    return Control(steps, p, levels, norm, table=table)


@dataclass(frozen=True)
class HoelderNorm:
    """A Hoelder norm over the sample points.

    value: sup over s < t of |X^level_{s,t}| / |t - s|^{level exponent}; float(result) is the same.
    exponent: the Hoelder exponent.
    level: the level of the lift; where several were asked for, the one with the largest value.
    norm: "l1" or "l2", the norm of an increment.
    pair: the indices of the sample points that attain it.
    levels: the value at each level that was asked for.
    """

    value: float
    exponent: float
    level: int
    norm: str
    pair: tuple[int, int]
    levels: dict[int, float]

    def __float__(self) -> float:
        return self.value


def hoelder_norm(
    path: Any, exponent: float, *, times: Any = None, level: int | None = None, norm: str = "l1"
) -> HoelderNorm:
    """sup over sample points s < t of |X^k_{s,t}| / |t - s|^{k exponent}.

    At level 1 it is that of the piecewise-linear interpolation over all real times, since |x_t - x_s| is convex and
    |t - s|^exponent concave in each end. Time O(points^2 channels^k).

    Args:
        path: an array (points, channels), a `PiecewiseLinear` or a `Lift`.
        exponent: in (0, 1].
        times: t_i, strictly increasing, shape (points,); None: those of the path, or 0, 1, ..., points - 1 for an
            array.
        level: k; None: 1 for an array, the largest over 1 <= k <= 1/exponent for a `Lift`.
        norm: of an increment, "l1" or "l2", as in `p_variation`.

    Returns:
        A :class:`HoelderNorm`: the value, and the sample points that attain it.

    Raises:
        InputError: a bad path, exponent, level, norm, or times; a value beyond float64.
    Source: FrizVictoir2010, section 5.1 and definition 8.6.

    >>> import roughntk as rn
    >>> float(rn.rough.hoelder_norm([[0.0], [1.0], [3.0]], 1.0).value)
    2.0
    """
    norm = _checks.choice(norm, NORMS, "norm")
    exponent = _checks.number(exponent, "a Hoelder exponent", above=0, most=1, remedy="1 is Lipschitz")
    if level is None and isinstance(path, Lift) and exponent * (MOST_LEVELS + 1) < 1:
        raise InputError(
            f"expected a Hoelder exponent of at least {1 / (MOST_LEVELS + 1):.3g} where all levels up to 1/exponent "
            f"enter, got {exponent:g}; pass the level that you want"
        )
    # up to floor(1/exponent), 1/(1/3) included
    levels = wanted_levels(path, min(1 / exponent * (1 + 1e-12), MOST_LEVELS), level)
    path = sampled(path)
    steps = steps_of(path, levels[-1])
    when = _times_of(path, times, len(steps.points))
    values: dict[int, float] = dict.fromkeys(levels, 0.0)
    pairs = dict.fromkeys(levels, (0, 1))
    for first, sizes in pair_sizes(steps, None, levels, norm):
        for j in range(first, first + sizes.shape[1]):
            gaps = when[j] - when[:j]
            for k, rows in zip(levels, sizes, strict=True):
                with np.errstate(over="ignore"):  # told below
                    ratios = rows[j - first, :j] / gaps ** (k * exponent)
                i = int(ratios.argmax())
                if ratios[i] > values[k]:
                    values[k], pairs[k] = float(ratios[i]), (i, j)
    values = {k: _in_float64(value, k * steps.exponent) for k, value in values.items()}
    best = max(levels, key=lambda k: values[k])
    return HoelderNorm(values[best], exponent, best, norm, pairs[best], values)


def _in_float64(value: float, exponent: int) -> float:
    if value == 0.0 or (math.isfinite(value) and math.frexp(value)[1] + exponent <= 1023):
        return math.ldexp(value, exponent)
    raise InputError("expected a Hoelder norm within float64, got one above 2^1023; rescale the path or its times")


def _times_of(path: Any, times: Any, count: int) -> np.ndarray:
    if times is None:
        times = path.times if isinstance(path, Lift | PiecewiseLinear) else np.arange(count, dtype=np.float64)
    return _checks.increasing_times(times, count)


# The critical exponent


@dataclass(frozen=True)
class CriticalExponent:
    """An estimate of p* = inf { p : the p-variation is finite }, from samples.

    p: the estimate, at least 1; float(result) is the same.
    standard_error: of p, by the jackknife over stretches of time.
    regularity: 1/p, the Hurst exponent of a self-similar Gaussian process (capped at 1).
    lags: the lags, in sample steps, that entered.
    """

    p: float
    standard_error: float
    regularity: float
    lags: tuple[int, ...]

    def __float__(self) -> float:
        return self.p

    def __str__(self) -> str:
        return f"p* = {self.p:.4g} +- {self.standard_error:.2g} (one standard error)"

    def interval(self, errors: float = 2.0) -> tuple[float, float]:
        """p +- `errors` standard errors, not below 1."""
        return max(1.0, self.p - errors * self.standard_error), max(1.0, self.p + errors * self.standard_error)


#: The least number of points, the number of stretches of time of the jackknife, and the largest exponent looked for.
LEAST_POINTS, STRETCHES, LARGEST_EXPONENT = 128, 16, 64.0


def critical_p(path: Any, *, coarsest: int | None = None) -> CriticalExponent:
    """Estimates p* = inf { p >= 1 : the p-variation of the sampled process is finite }, with its uncertainty.

    With M_L(p) the mean of |x_{i+2L} - 2 x_{i+L} + x_i|^p over i (l2 norm over channels), the sum of p-th powers over
    the mesh of lag L is about M_L(p) / L, which stays bounded as L shrinks iff the slope of log M_L(p) against
    log L is at least 1: p* is where the slope, fitted over L = 1, 2, 4, ... with weights 1/L, equals 1. For
    fractional Brownian motion the slope is p H, so that p* = 1/H. Second differences, unlike first ones, have
    square-root errors at every H, and do not see a linear trend.

    It is an estimate from a finite sample of a property of the limit: it takes for granted that the scaling
    seen at these lags goes on below them. Heavy-tailed jumps converge slowly.

    Args:
        path: an array (points, channels) or a `PiecewiseLinear`, sampled at equal steps (to 1e-6 and the rounding of
            the times), at least 128 points.
        coarsest: the largest lag, in sample steps; None: points/32.

    Returns:
        A :class:`CriticalExponent`. A path whose slope at p = 1 exceeds 1, or without second differences beyond
        rounding, has p* = 1.

    Raises:
        InputError: a bad path, too few points, times that are not equally spaced, no p up to 64 of slope 1.
    Source: IstasLang1997.

    >>> import roughntk as rn
    >>> import jax
    >>> path = rn.rough.brownian(jax.random.key(0), 4097)
    >>> bool(1.7 < rn.rough.critical_p(path).p < 2.4)
    True
    """
    path = sampled(path)
    steps = steps_of(path, 1)
    points = steps.points
    count = len(points)
    if count < LEAST_POINTS:
        raise InputError(f"expected at least {LEAST_POINTS} points, got {count}; a slope over lags needs more samples")
    if isinstance(path, PiecewiseLinear):
        times = np.asarray(path.times)
        gaps = np.diff(times)
        # Each time is rounded by at most half a unit in the last place, so a step by one, two steps apart by two.
        rounding = 2 * np.spacing(np.abs(times).max())
        if gaps.max() - gaps.min() > 1e-6 * gaps.min() + rounding:
            least, most = _checks.apart(gaps.min(), gaps.max())
            raise InputError(f"expected equally spaced times, got steps from {least} to {most}; resample the path")
    top = count // 32 if coarsest is None else _checks.integer(coarsest, "coarsest", least=2, most=count // 4)
    lags = 2 ** np.arange(int(math.log2(top)) + 1)
    seconds = [_second_differences(points, int(lag)) for lag in lags]
    estimate = exponent_of_differences(seconds, lags, 256 * EPS * float(np.abs(points).max()))
    if estimate.p == math.inf:
        raise InputError(
            f"expected a path whose p-variation is finite for some p <= {LARGEST_EXPONENT:g}, got a slope that stays "
            f"below 1 there; use more points, unless it is noise without a scaling, as white noise is"
        )
    return estimate


def exponent_of_differences(differences: list[np.ndarray], lags: np.ndarray, rounding: float) -> CriticalExponent:
    """The estimate of `critical_p` from the sizes of second differences at each lag; p = infinity where there is none.

    Where all of them are within `rounding`, p is 1.
    """
    listed = tuple(map(int, lags))
    largest = max(part.max() for part in differences)
    if largest <= rounding:
        return CriticalExponent(1.0, 0.0, 1.0, listed)
    logs = [np.log(np.maximum(part / largest, 1e-300)) for part in differences]
    p, _, rate = _unit_slope(logs, lags)
    if p > LARGEST_EXPONENT:
        return CriticalExponent(math.inf, math.inf, 0.0, listed)
    # where the slope at 1 exceeds 1 its own error says how far above 1 the truth may be
    error = slope_error(logs, lags, p) / rate if rate > 0 else math.inf
    return CriticalExponent(p, error, 1 / p, listed)


def _second_differences(points: np.ndarray, lag: int) -> np.ndarray:
    rows = points[2 * lag :] - 2 * points[lag:-lag] + points[: -2 * lag]
    return np.sqrt(np.einsum("ij,ij->i", rows, rows))


def weighted_slope(means: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """The slope of log means (last axis: lags) against log lags, weighted by 1/lag."""
    weights = (1 / lags) / (1 / lags).sum()
    x = np.log(lags) - weights @ np.log(lags)
    return np.log(means) @ (weights * x) / (weights @ x**2)


def _unit_slope(logs: list[np.ndarray], lags: np.ndarray) -> tuple[float, float, float]:
    """The p >= 1 with slope 1 (or 1, or beyond the largest), the slope there and its derivative in p."""

    @functools.cache
    def slope(p: float) -> float:
        return float(weighted_slope(np.array([np.exp(p * part).mean() for part in logs]), lags))

    low, high = 1.0, 2.0
    if slope(low) < 1.0:
        while slope(high) < 1.0 and high < LARGEST_EXPONENT:
            low, high = high, 2 * high
        if slope(high) < 1.0:
            return math.inf, slope(high), 0.0
        # False position, which for a slope p H ends in a step or two; else bisection.
        for turn in range(60):
            share = (1 - slope(low)) / (slope(high) - slope(low)) if turn % 2 else 0.5
            middle = low + share * (high - low)
            if slope(middle) < 1.0:
                low = middle
            else:
                high = middle
            if high - low < 1e-6 * high or abs(slope(middle) - 1.0) < 1e-7:
                break
        low = middle
    return low, slope(low), (slope(low * 1.02) - slope(low * 0.98)) / (0.04 * low)


def slope_error(logs: list[np.ndarray], lags: np.ndarray, p: float) -> float:
    """The standard error of the slope at p, leaving out one stretch of time after the other."""
    stretches = min(STRETCHES, *map(len, logs))
    sums, sizes = np.zeros((stretches, len(lags))), np.zeros((stretches, len(lags)))
    for column, part in enumerate(logs):
        for row, stretch in enumerate(np.array_split(np.exp(p * part), stretches)):
            sums[row, column], sizes[row, column] = stretch.sum(), len(stretch)
    if stretches == 1:
        return math.inf
    slopes = weighted_slope((sums.sum(0) - sums) / (sizes.sum(0) - sizes), lags)
    return float(np.sqrt((stretches - 1) * ((slopes - slopes.mean()) ** 2).mean()))
