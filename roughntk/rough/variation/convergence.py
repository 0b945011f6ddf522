"""Does a sequence of paths converge to a given one as rough paths, and how fast? Exact distances, level by level."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from roughntk import _checks, _display
from roughntk._checks import InputError
from roughntk.rough.paths.lifts import Lift
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear, sampled
from roughntk.rough.variation.increments import paired_steps
from roughntk.rough.variation.levels import NORMS, level_suprema, wanted_levels
from roughntk.rough.variation.trend import trend_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

#: Rates below this are not told from no decay; distances below this part of the limit's size count as none.
LEAST_RATE, NO_DISTANCE = 0.05, 1e-12

RULE = (
    f"rate = slope of -log(distance) against log(scale) over the later half of the paths (at least 3), with its 95 % "
    f"interval. A level converges if the interval lies above {LEAST_RATE:g}, the rate is at least half of that over "
    f"the earlier half, and the distances do not level off: they decay ever faster, or in the fit of c + A / scale^a "
    f"the 95 % interval of c holds 0 (to 1e-6 of the last distance) and ends below half of the last distance, or a "
    f"power of the scale times exp(b / scale) fits twice as well as that and as a power of log(scale). It converges, "
    f"too, if the last distance is at most {NO_DISTANCE:g} of the size of the limit and of the first path. It does not "
    f"converge if the interval of the rate lies below {LEAST_RATE:g} and no power of log(scale) fits half as well, or "
    f"if c + A / scale^a fits 16 times as well as the others with c beyond half of the last distance; otherwise, and "
    f"with fewer than 4 paths, it is undecided: it cannot be known from these distances. The sequence converges if all "
    f"levels do, and does not if one does not."
)
CONVERGES, DOES_NOT, UNDECIDED = "converges", "does not converge", "undecided"


@dataclass(frozen=True, repr=False)
class Convergence(_display.Displayed):
    """The distances of paths X_1, X_2, ... from a limit, and what they say.

    A notebook shows it as a table; `plot` draws the distances, and `to_dataframe` has them.

    p, norm: of the inhomogeneous p-variation distance (outer root taken), see `p_variation_distance`.
    levels: the levels 1 .. floor(p).
    scale: the parameter that the rates refer to, one for each path.
    distances: shape (paths, levels).
    rates: per level, r in distance ~ scale^{-r} where the scale grows along the sequence, scale^r where it falls:
        positive if the distance decays. NaN where a distance vanishes or there are fewer than 3 paths.
    rate_errors: half widths of their 95 % intervals.
    verdicts: per level "converges", "does not converge" or "undecided"; `verdict` is that of the sequence.
    rule: how the verdict was reached.
    """

    p: float
    norm: str
    levels: tuple[int, ...]
    scale: np.ndarray
    distances: np.ndarray
    rates: np.ndarray
    rate_errors: np.ndarray
    verdicts: tuple[str, ...]
    verdict: str
    rule: str = RULE

    def __str__(self) -> str:
        """The table, the rates and the verdict as text."""
        heads = [f"level {k}" for k in self.levels]
        lines = [
            f"p-variation distance to the limit, p = {self.p:g}, {self.norm} norm, outer root taken",
            "".join(f"{head:>18}" for head in ["scale", *heads]),
        ]
        lines += ["".join(f"{x:>18.6g}" for x in [s, *row]) for s, row in zip(self.scale, self.distances, strict=True)]
        shown = self._shown_rates()
        lines.append("".join(f"{x:>18}" for x in ["rate", *shown]))
        lines.append(f"{self.verdict}: " + ", ".join(f"{h} {v}" for h, v in zip(heads, self.verdicts, strict=True)))
        return "\n".join([*lines, f"rule: {self.rule}"])

    def _shown_rates(self) -> list[str]:
        return [f"{r:.3f} +- {e:.3f}" for r, e in zip(self.rates, self.rate_errors, strict=True)]

    @property
    def headline(self) -> str:
        """The verdict, and the distances that it was reached by."""
        paths = _display.counted(len(self.scale), "path")
        return f"{self.verdict} ({paths}, p = {self.p:g}, {self.norm} norm); rates {', '.join(self._shown_rates())}"

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        rows = [("verdict", self.verdict)]
        if len(self.scale):
            rows.append(("scale", f"{self.scale[0]:g} to {self.scale[-1]:g}, {len(self.scale)} paths"))
        for column, (level, rate) in enumerate(zip(self.levels, self._shown_rates(), strict=True)):
            last = f"last distance {self.distances[-1, column]:.4g}, " if len(self.distances) else ""
            rows.append((f"level {level}", f"{self.verdicts[column]}; {last}rate {rate}"))
        return rows

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The distances against the scale, both logarithmic, a curve a level; its name says rate and verdict.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes. Distances of 0 and what is not finite have no place on a logarithmic axis, and are left out.

        >>> distances = [[1.0], [0.5], [0.25], [0.125]]
        >>> convergence_of_distances(distances, 1.0, scale=[1, 2, 4, 8]).plot().get_title()
        'Distance to the limit (p = 1, l1 norm): converges'
        """
        with _display.drawn_on(ax) as axes:
            drawn = False
            for column, level in enumerate(self.levels[: _display.MOST_CURVES]):
                values = self.distances[:, column]
                kept = np.isfinite(values) & (values > 0)
                rate = "" if math.isnan(self.rates[column]) else f"rate {self._shown_rates()[column]}, "
                label = f"level {level}: {rate}{self.verdicts[column]}"
                axes.plot(self.scale[kept], values[kept], label=label, **_display.look(column))
                drawn = drawn or bool(kept.any())
            if drawn:
                axes.set(xscale="log", yscale="log")
                _display.plain_ticks(axes.xaxis, self.scale)
                axes.legend(loc="best")
            else:
                _display.write_instead(axes, "all distances are 0" if np.size(self.distances) else "no distances")
            _display.name_axes(
                axes,
                title=f"Distance to the limit (p = {self.p:g}, {self.norm} norm): {self.verdict}",
                xlabel="scale of the path",
                ylabel="p-variation distance (outer root taken)",
            )
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each path and level, the levels of the first path first.

        Returns:
            Columns `path` (from 0), `scale`, `level`, `distance`, and `rate`, `rate_error`, `verdict`, which are the
            same in all rows of a level.

        >>> distances = [[1.0], [0.5], [0.25], [0.125]]
        >>> frame = convergence_of_distances(distances, 1.0, scale=[1, 2, 4, 8]).to_dataframe()
        >>> frame[["path", "scale", "level", "distance"]]
           path  scale  level  distance
        0     0    1.0      1     1.000
        1     1    2.0      1     0.500
        2     2    4.0      1     0.250
        3     3    8.0      1     0.125
        """
        paths, levels = len(self.scale), len(self.levels)
        return _display.data_frame(
            {
                "path": np.repeat(np.arange(paths), levels),
                "scale": np.repeat(self.scale, levels),
                "level": np.tile(np.asarray(self.levels, dtype=int), paths),
                "distance": np.ravel(self.distances),
                "rate": np.tile(self.rates, paths),
                "rate_error": np.tile(self.rate_errors, paths),
                "verdict": list(self.verdicts) * paths,
            }
        )


def convergence(paths: Sequence[Any], limit: Any, p: float, *, scale: Any = None, norm: str = "l1") -> Convergence:
    """Measures whether `paths` converge to `limit` in the p-variation rough path metric, level by level.

    The distances are exact over the sample points; the verdict is an extrapolation.

    Args:
        paths: at least two arrays (points, channels), `PiecewiseLinear`s or `Lift`s with the sample points of `limit`.
        limit: an array (points, channels), a `PiecewiseLinear` or a `Lift`.
        p: the exponent, at least 1.
        scale: a positive number for each path, strictly monotone along the sequence, for instance n, or a mesh size
            that falls; None: 1, 2, 3, ...
        norm: of an increment, "l1" or "l2", as in `p_variation_distance`.

    Returns:
        A :class:`Convergence`: `distances` of shape (paths, levels), `rates` with their errors, `verdict`, and the rule
        that it follows.

    Raises:
        InputError: as `p_variation_distance` does, naming the path; a bad scale; fewer than two paths.
    Source: FrizVictoir2010, definition 8.6.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> limit = np.array([[0.0], [1.0], [0.0]])
    >>> paths = [(1 + 1 / n) * limit for n in (1, 2, 4, 8)]
    >>> rn.rough.convergence(paths, limit, 1.0, scale=[1, 2, 4, 8]).rates.round(6).tolist()
    [1.0]
    """
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    if isinstance(paths, Lift | PiecewiseLinear):
        raise InputError("expected a sequence of paths, got one path; pass a list")
    if not isinstance(paths, Iterable) or isinstance(paths, str):
        raise InputError(f"expected a sequence of paths, got {type(paths).__name__}; pass a list")
    paths, limit = [sampled(path) for path in paths], sampled(limit)
    if len(paths) < 2:
        raise InputError(f"expected at least two paths, got {len(paths)}; a trend needs more than one distance")
    sizes = _scale(scale, len(paths))
    levels = tuple(wanted_levels(limit, p, None, floor=True))
    distances = np.array([_distances(path, limit, p, norm, f"paths[{n}]") for n, path in enumerate(paths)])
    first, origin = paths[0], _distances(limit, _still(limit), p, norm, "limit")
    reference = np.maximum(origin, _distances(first, _still(first), p, norm, "paths[0]"))
    return _judged(distances, p, norm, levels, sizes, reference)


def convergence_of_distances(
    distances: Any, p: float, *, scale: Any = None, norm: str = "l1", reference: Any = None
) -> Convergence:
    """The rates and the verdict of `convergence` from distances that are known already; no path is looked at.

    Args:
        distances: shape (paths, levels), at least two rows; column k - 1 holds the level-k part of the p-variation
            distance to the limit, outer root taken, for levels 1, 2, ... up to floor(p) at most.
        p, scale: as for `convergence`.
        norm: what to call the norm that they were measured in.
        reference: the size of the limit and of the first path at each level, next to which a distance may count as
            none, shape (levels,); None: the first row, which is right where the limit is the constant path.

    Returns:
        A :class:`Convergence`. A verdict on fewer than floor(p) levels is a verdict on these levels only.

    Raises:
        InputError: distances that are negative, not finite or of another shape; a bad p, scale or reference.

    >>> import roughntk as rn
    >>> distances = [[1.0], [0.5], [0.25], [0.125]]
    >>> rn.rough.convergence_of_distances(distances, 1.0, scale=[1, 2, 4, 8]).rates.round(6).tolist()
    [1.0]
    """
    p = _checks.exponent(p)
    table = _checks.real_array(distances, "distances")
    top = math.floor(p)
    if table.ndim != 2 or len(table) < 2 or not 1 <= table.shape[1] <= top:
        raise InputError(
            f"expected distances of shape (paths, levels), at least two paths and 1 to {top} levels for p = {p:g}, got "
            f"shape {table.shape}; give one row a path and one column a level"
        )
    negative = np.flatnonzero((table < 0).any(axis=1))
    if negative.size:
        raise InputError(
            f"expected distances of at least 0, got negative ones in {_checks.name_rows(negative)}; "
            f"a distance is a size: take absolute values, or leave these rows out"
        )
    levels = tuple(range(1, table.shape[1] + 1))
    sizes = table[0] if reference is None else _checks.real_array(reference, "reference")
    if sizes.shape != levels[-1:]:
        raise InputError(
            f"expected reference to hold {levels[-1]} sizes, one a level, got shape {sizes.shape}; give the size of "
            f"the limit at each level, or leave it out"
        )
    return _judged(table, p, norm, levels, _scale(scale, len(table)), sizes)


def _judged(
    distances: np.ndarray, p: float, norm: str, levels: tuple[int, ...], sizes: np.ndarray, reference: np.ndarray
) -> Convergence:
    """Rates and verdicts of the columns of `distances`."""
    x = np.log(sizes) * (1.0 if sizes[-1] > sizes[0] else -1.0)
    half = max(3, math.ceil(len(sizes) / 2))
    rates, errors = np.full(len(levels), np.nan), np.full(len(levels), np.nan)
    verdicts = []
    for column, values in enumerate(distances.T):
        if len(values) >= 3 and (values > 0).all():
            rates[column], errors[column] = _rate(x[-half:], values[-half:])
        verdicts.append(_verdict(x, values, reference[column], rates[column], errors[column]))
    whole = DOES_NOT if DOES_NOT in verdicts else CONVERGES if set(verdicts) == {CONVERGES} else UNDECIDED
    return Convergence(p, norm, levels, sizes, distances, rates, errors, tuple(verdicts), whole)


def _distances(path: Any, limit: Any, p: float, norm: str, name: str) -> list[float]:
    try:
        levels = wanted_levels(path, p, None, floor=True)
        x, y = paired_steps(path, limit, levels[-1])
        return [supremum.value(True) for supremum, _ in level_suprema(x, y, p, levels, norm).values()]
    except InputError as error:
        raise InputError(f"{name} against the limit: {error}") from None


def _still(path: Any) -> np.ndarray:
    """The constant path with as many points and channels."""
    if isinstance(path, Lift):
        return np.zeros((path.points, path.channels))
    return np.zeros(path.values.shape if isinstance(path, PiecewiseLinear) else np.shape(path))


def _scale(scale: Any, count: int) -> np.ndarray:
    if scale is None:
        return np.arange(1.0, count + 1)
    sizes = _checks.real_array(scale, "scale")
    steps = np.diff(sizes) if sizes.ndim == 1 else np.zeros(1)
    if sizes.shape != (count,) or not (sizes > 0).all() or not ((steps > 0).all() or (steps < 0).all()):
        raise InputError(
            f"expected scale to hold {count} positive numbers, strictly increasing or decreasing, one for each path, "
            f"got {sizes!r}; give for instance n, or the mesh sizes"
        )
    return sizes


def _rate(x: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """The slope of -log values against x, at least 3, by least squares, and the half width of its 95 % interval."""
    from scipy import special  # heavy, and needed here only

    across, along = x - x.mean(), -np.log(values)
    along -= along.mean()
    slope = across @ along / (across @ across)
    free = len(x) - 2
    error = math.sqrt(((along - slope * across) ** 2).sum() / free / (across @ across))
    return float(slope), float(special.stdtrit(free, 0.975) * error)


def _verdict(x: np.ndarray, values: np.ndarray, reference: float, rate: float, error: float) -> str:
    if len(values) < 4:
        return UNDECIDED
    if values[-1] <= NO_DISTANCE * reference:
        return CONVERGES
    if not math.isfinite(rate):
        return UNDECIDED
    trend = trend_of(x, values)
    if trend.levels_off or (rate + error < LEAST_RATE and not trend.may_tend_to_zero):
        return DOES_NOT
    half = max(3, math.ceil(len(values) / 2))
    earlier = _rate(x[:half], values[:half])[0]
    decays = rate - error > LEAST_RATE and rate >= earlier / 2
    return CONVERGES if decays and (rate - error >= earlier or trend.tends_to_zero) else UNDECIDED
