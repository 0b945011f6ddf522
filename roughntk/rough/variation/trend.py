"""Does a positive sequence tend to zero? What a few of its terms tell: three laws of decay, fitted and compared.

With x = log(scale), growing along the sequence, and residuals relative to the terms:

    levelling off   d = c + A e^{-a x}
    a power         log d = log A - a x
    corrected       log d = log A - a x + b e^{-x}
    logarithmic     log d = log A - q log x, where x > 0

A sequence that levels off at c > 0 slows down, and so do the last two, which tend to zero.
"""

from dataclasses import dataclass

import numpy as np

#: Below this part of its terms a residual is rounding. Exponents that are looked at.
ROUNDING, SLOWEST, FASTEST = 1e-14, 1e-3, 12.0
#: A law is told from another if its residual is less than this part of the other's.
CLEARLY = 0.5
#: Limits below this part of the last term count as none.
NO_FLOOR = 1e-6
#: A power of the logarithm from which on a sequence may tend to zero by it alone.
LEAST_POWER = 0.25


@dataclass(frozen=True)
class Trend:
    """Where a sequence levels off, in units of its last term, and how well each law fits.

    floor, error: c over the last term with the half width of its 95 % interval, 0 and infinity for fewer than 4 terms.
    levelling, corrected, logarithmic: the root mean squares of the residuals; the last infinite where q is small.
    """

    floor: float
    error: float
    levelling: float
    corrected: float
    logarithmic: float

    @property
    def tends_to_zero(self) -> bool:
        """Whether a limit above zero is told from none, and is none: at most half of the last term, within its error,
        or where a corrected power fits clearly better."""
        if self.corrected <= CLEARLY * min(self.levelling, self.logarithmic):
            return True
        return self.floor - self.error <= NO_FLOOR and self.floor + self.error <= 0.5

    @property
    def may_tend_to_zero(self) -> bool:
        """Whether a slow law that tends to zero fits about as well as one that levels off."""
        return CLEARLY * self.logarithmic <= self.levelling

    @property
    def levels_off(self) -> bool:
        """Whether the sequence has come within twice its limit above zero, as far as no slower law fits as well."""
        clear = self.levelling <= CLEARLY**4 * min(self.corrected, self.logarithmic)
        return clear and self.floor - self.error >= 0.5


def trend_of(x: np.ndarray, values: np.ndarray) -> Trend:
    """The trend of at least 4 terms > 0 at increasing x."""
    log = np.log(values)
    ones = np.ones_like(x)
    floor, error, levelling = _levelling(x - x[0], values / values[-1])
    corrected = _residual(np.stack([ones, x, np.exp(x.min() - x)], 1), log)
    inside = x > 0
    logarithmic = np.inf
    if inside.sum() >= 4:
        columns = np.stack([ones, np.log(np.where(inside, x, 1.0))], 1)[inside]
        power = -np.linalg.lstsq(columns, log[inside], rcond=None)[0][1]
        logarithmic = _residual(columns, log[inside]) if power >= LEAST_POWER else np.inf
    return Trend(floor, error, levelling, corrected, logarithmic)


def _residual(columns: np.ndarray, values: np.ndarray) -> float:
    coefficients = np.linalg.lstsq(columns, values, rcond=None)[0]
    free = max(len(values) - columns.shape[1], 1)
    return max(float(np.sqrt(((columns @ coefficients - values) ** 2).sum() / free)), ROUNDING)


def _levelling(x: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """c, the half width of its 95 % interval, and the residual of c + A e^{-a x}, relative to the values."""
    from scipy import optimize, special  # heavy, and needed here only

    def columns(rate: float) -> np.ndarray:
        return np.stack([1 / values, np.exp(-rate * x) / values], 1)

    def misfit(log_rate: float) -> float:
        return _residual(columns(np.exp(log_rate)), np.ones_like(x))

    grid = np.linspace(np.log(SLOWEST), np.log(FASTEST), 41)
    best = int(np.argmin([misfit(point) for point in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    rate = float(np.exp(optimize.minimize_scalar(misfit, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x))
    two = columns(rate)
    c, amplitude = np.linalg.lstsq(two, np.ones_like(x), rcond=None)[0]
    jacobian = np.stack([two[:, 0], two[:, 1], -amplitude * x * two[:, 1]], 1)
    free = len(x) - 3
    spread = np.sqrt((((two @ [c, amplitude]) - 1) ** 2).sum() / max(free, 1))
    spread = max(float(spread), ROUNDING)
    inverse = np.linalg.pinv(jacobian.T @ jacobian, hermitian=True, rcond=1e-15)
    error = float(special.stdtrit(free, 0.975) * spread * np.sqrt(max(inverse[0, 0], 0.0))) if free > 0 else np.inf
    return float(c), error, spread
