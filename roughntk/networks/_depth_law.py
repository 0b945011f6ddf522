"""The law of y_t, dy = (1 + 2y) ds - sqrt(2) y dB from y_0 >= 0: quantiles and probabilities with an error estimate.

x = log y obeys dx = (1 + e^{-x}) ds + sqrt(2) dB. Let m be the solution without noise, e^m = (1 + y_0) e^s - 1, and v
the variance about it to first order, v' = 2 - 2 e^{-m} v, v(0) = 0:

    v(s) = 2 int_0^s (y_0 + 1 - e^{-u})^2 du / (y_0 + 1 - e^{-s})^2.

Then the density p of u = (x - m)/sqrt(v) solves, with a = sqrt(v) u,

    (v/s) dp/d(log s) = d/du (dp/du + (u - c) p),      c = sqrt(v) e^{-m} (e^{-a} - 1 + a).

c tends to 0 for s -> 0 and for s -> infinity, where u is normal; so one grid of u serves every t, however small or
large, whereas the densities in closed form (Yor's, by the Hartman-Watson integral) lose all digits for small t. The
equation is solved by finite volumes with exponentially fitted fluxes and the midpoint rule in log s, both of second
order, on three grids, which are extrapolated; the difference of the two extrapolations is the error estimate.
"""

import functools
import math

import numpy as np
from scipy import linalg, special
from scipy.interpolate import CubicSpline

_LEFT, _RIGHT = -8.5, 14.0
"""Where u is: the lower tail is thinner than a normal one, the upper up to sqrt(3) times as wide for small t."""
_CELLS, _STEPS_A_UNIT = 300, 18  # of the coarsest grid: cells in all, steps in one unit of log s
_EARLY = 1e-6  # of t, or of 1: from here on; what is left out shrinks by its 3/2th power
_STEEPEST = 300.0  # c beyond is where no mass is
_TAIL = 1e-12  # probabilities below are not told from rounding
_SMALL = 0.02
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)


def frame(s: float, start: float) -> tuple[float, float]:
    """m and v at s."""
    reached = start - math.expm1(-s)  # (e^m) e^{-s}
    if s < 1:
        integral = s / 2 * float(_WEIGHTS @ (start - np.expm1(-s / 2 * (1 + _NODES))) ** 2)
    else:
        fallen = -math.expm1(-s)
        integral = start * (start * s + 2 * (s - fallen)) + s - 2 * fallen - math.expm1(-2 * s) / 2
    return s + math.log(reached), 2 * integral / reached**2


def _pull(u: np.ndarray, m: float, v: float) -> np.ndarray:
    """c at u."""
    a = math.sqrt(v) * u
    series = a**2 * (1 / 2 - a / 6 * (1 - a / 4 * (1 - a / 5 * (1 - a / 6))))
    small = np.abs(a) < _SMALL
    weight = math.exp(-m) if m > -700 else math.inf
    far = np.exp(np.minimum(-a - m, 60.0)) + weight * (a - 1)
    near = weight * np.where(small, series, np.expm1(np.minimum(-a, 1.0)) + a)
    return math.sqrt(v) * np.where(a > -1, near, far)


def _bernoulli(x: np.ndarray) -> np.ndarray:
    """x/(e^x - 1)."""
    return special.exprel(x) ** -1


def _masses(t: float, start: float, refinement: int) -> np.ndarray:
    """The mass of each cell at t, on the grid that many times finer than the coarsest."""
    cells = _CELLS * refinement
    edges = np.linspace(_LEFT, _RIGHT, cells + 1)
    width, inner = edges[1] - edges[0], edges[1:-1]
    normal = special.ndtr(edges)
    mass = np.where(edges[1:] <= 0, np.diff(normal), -np.diff(special.ndtr(-edges)))
    first = math.log(_EARLY * min(t, 1.0))
    steps = math.ceil((math.log(t) - first) * _STEPS_A_UNIT) * refinement
    step = (math.log(t) - first) / steps
    for place in range(steps):
        s = math.exp(first + (place + 0.5) * step)
        m, v = frame(s, start)
        drift = np.minimum(_pull(inner, m, v), _STEEPEST) - inner
        rate = step * s / v / (2 * width**2)
        right = rate * _bernoulli(-width * drift)  # from the cell left of an edge to the one right of it
        left = rate * _bernoulli(width * drift)
        flux = right * mass[:-1] - left * mass[1:]
        half = mass.copy()
        half[:-1] -= flux
        half[1:] += flux
        diagonal = np.ones(cells)
        diagonal[:-1] += right
        diagonal[1:] += left
        mass = linalg.lapack.dgtsv(-right, diagonal, -left, half)[3]
    return mass


class DepthLaw:
    """The law of y_t; `error` is the largest error that the three grids show, of a probability.

    Args:
        t: t > 0.
        start: y_0 >= 0.
    """

    def __init__(self, t: float, start: float):
        self._m, self._v = frame(t, start)
        edges = np.linspace(_LEFT, _RIGHT, _CELLS + 1)[1:-1]
        below, above = [], []
        for refinement in (1, 2, 4):
            mass = _masses(t, start, refinement)
            below.append(np.cumsum(mass)[refinement - 1 : -1 : refinement])
            above.append(np.cumsum(mass[::-1])[::-1][refinement::refinement])
        lower, missed = _extrapolated(below)
        upper, _ = _extrapolated(above)
        self.error = float(missed.max())
        kept = (lower > _TAIL) & (upper > _TAIL)
        kept &= (special.ndtr(edges) > 0) & np.isfinite(edges)
        places, lower, upper = edges[kept], lower[kept], upper[kept]
        scores = np.where(lower < 0.5, special.ndtri(lower), -special.ndtri(upper))
        self._score = CubicSpline(places, scores)
        self._place = CubicSpline(scores, places)
        self._slopes = self._score(places, 1)
        self._missed = CubicSpline(places, missed[kept])
        self._ends = (float(places[0]), float(places[-1])), (float(scores[0]), float(scores[-1]))

    def log_quantile(self, score: np.ndarray) -> np.ndarray:
        """log y at the probability Phi(score)."""
        return self._m + math.sqrt(self._v) * _continued(self._place, score, self._ends[1])

    def log_quantile_error(self, score: np.ndarray) -> np.ndarray:
        """How far `log_quantile` can be off, by the error estimate of the probabilities."""
        place = np.clip(_continued(self._place, score, self._ends[1]), *self._ends[0])
        density = np.exp(-(self._score(place) ** 2) / 2) / math.sqrt(2 * math.pi) * self._score(place, 1)
        return math.sqrt(self._v) * np.abs(self._missed(place)) / density

    def score(self, log_y: np.ndarray) -> np.ndarray:
        """The normal score of the probability of a smaller y."""
        return _continued(self._score, (log_y - self._m) / math.sqrt(self._v), self._ends[0])


def _extrapolated(grids: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The value for no step size at all, from three step sizes that halve, and how far it can be off."""
    coarse, middle, fine = grids
    first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
    return (16 * second - first) / 15, np.abs(second - first) / 15


def _continued(spline: CubicSpline, x: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """The spline, and beyond its ends its tangents there."""
    inside = np.clip(x, *ends)
    return spline(inside) + spline(inside, 1) * (x - inside)


@functools.lru_cache(maxsize=64)
def depth_law(t: float, start: float) -> DepthLaw:
    """The law of y_t, computed once for each t and y_0."""
    return DepthLaw(t, start)
