"""The p-variation of one path, or of the difference of two, at each level of the lift: what every number is read from.

The supremum over partitions of the sample points, by the fastest route that is exact:
* scalar paths: local extrema and a stack, near-linear time (`level_one` has the proof);
* level 1 in several channels: the dynamic programme V_j = max_{i<j} V_i + |x_j - x_i|^p, blocks of i being passed
  over by the triangle inequality;
* levels k >= 2, whose increments do not obey it: the full programme over all pairs, by blocks, O(points^2 channels^k)
  time and O(points channels^k) memory.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from roughntk import _checks, _display
from roughntk._checks import InputError
from roughntk.rough.paths.lifts import Lift
from roughntk.rough.variation.dynamic import Supremum, suprema
from roughntk.rough.variation.increments import Steps, gap_points
from roughntk.rough.variation.level_one import level_one

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

NORMS = ("l1", "l2")
"""The norms of an increment: entrywise, and Hilbert-Schmidt (`tensor.norm`)."""

MOST_LEVELS = 1000
"""The largest number of levels 1 .. floor(p) that is looked at where none was asked for."""


@dataclass(frozen=True, repr=False)
class Variation(_display.Displayed):
    """A p-variation at one level, and what was computed.

    A notebook shows it as a table; `plot` draws the partition, and `to_dataframe` has its numbers.

    value: the number; float(result) is the same.
    p: the variation exponent; the sum is of |X^level|^{p/level}.
    level: the level of the lift that the number belongs to; for a homogeneous distance, the highest that enters.
    norm: "l1" or "l2", the norm of an increment.
    root: whether the outer root (.)^{level/p} was taken ((.)^{1/p} for a homogeneous distance).
    partition: indices of a partition of the sample points that attains it, from 0 to points - 1.
    method: how it was found.
    """

    value: float
    p: float
    level: int
    norm: str
    root: bool
    partition: np.ndarray
    method: str

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:.6g} (p = {self.p:g}, level {self.level}, {self.norm} norm, {self._root}; {self.method})"

    @property
    def _root(self) -> str:
        return "outer root taken" if self.root else "no outer root"

    @property
    def intervals(self) -> int:
        """How many intervals the partition has."""
        return max(len(self.partition) - 1, 0)

    @property
    def headline(self) -> str:
        """The number, and what it is."""
        return str(self)

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        return [
            ("value", f"{self.value:.15g}"),
            ("exponent p", f"{self.p:g}"),
            ("level", str(self.level)),
            ("norm of an increment", f"{self.norm}, {self._root}"),
            ("attained by", _display.counted(self.intervals, "interval")),
            ("method", self.method),
        ]

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The partition that attains the number: its intervals up to each sample point.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes. The curve is steep where the partition takes every sample point, flat where it passes over them.

        >>> from roughntk import rough
        >>> rough.p_variation_levels([0.0, 1.0, 0.5, 1.5], 1.5)[1].plot().get_xlabel()
        'sample point'
        """
        with _display.drawn_on(ax) as axes:
            few = len(self.partition) <= 60
            look = _display.look(0) | ({} if few else {"marker": ""})
            if len(self.partition):
                axes.step(self.partition, np.arange(len(self.partition)), where="post", **look)
                _display.whole_ticks(axes.xaxis, axes.yaxis)
            else:
                _display.write_instead(axes, "no partition")
            _display.name_axes(
                axes,
                title=f"{self.value:.6g} at level {self.level} (p = {self.p:g}), by "
                f"{_display.counted(self.intervals, 'interval')}",
                xlabel="sample point",
                ylabel="intervals of the partition so far",
            )
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """One row, with the columns of `VariationTable.to_dataframe`; those of several paths can be concatenated.

        >>> from roughntk import rough
        >>> rough.p_variation_levels([0.0, 1.0, 0.5, 1.5], 1.0)[1].to_dataframe()[["level", "value", "intervals"]]
           level  value  intervals
        0      1    2.5          3
        """
        return VariationTable({self.level: self}).to_dataframe()


class VariationTable(_display.Displayed, dict[int, Variation]):
    """The p-variation level by level: a dictionary {level: `Variation`} that a notebook shows as a table.

    >>> from roughntk import rough
    >>> rough.p_variation_levels([[0.0, 0.0], [1.0, 1.0]], 2.0)
    <VariationTable: p = 2, l1 norm, outer root taken: level 1: 2, level 2: 2>
    """

    @property
    def headline(self) -> str:
        """What the numbers are, and the numbers."""
        if not self:
            return "no levels"
        first = next(iter(self.values()))
        values = ", ".join(f"level {k}: {variation.value:.6g}" for k, variation in self.items())
        return f"p = {first.p:g}, {first.norm} norm, {first._root}: {values}"

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        return [
            (f"level {k}", f"{v.value:.15g} by {_display.counted(v.intervals, 'interval')} ({v.method})")
            for k, v in self.items()
        ]

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The p-variation against the level.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes.

        >>> from roughntk import rough
        >>> rough.p_variation_levels([[0.0, 0.0], [1.0, 1.0]], 2.0).plot().get_title()
        'p-variation by level (p = 2, l1 norm)'
        """
        levels, values = list(self), [variation.value for variation in self.values()]
        with _display.drawn_on(ax) as axes:
            if self:
                first = self[levels[0]]
                axes.plot(levels, values, **_display.look(0, line=False) | {"markersize": 7})
                axes.vlines(levels, 0.0, values, color=_display.COLOURS[0], linewidth=1.3)
                if len(levels) <= 6:
                    for level, value in zip(levels, values, strict=True):
                        axes.annotate(f"{value:.4g}", (level, value), (0, 7), textcoords="offset points", ha="center")
                axes.margins(x=0.15, y=0.15)
                axes.set_ylim(bottom=0.0)
                _display.plain_ticks(axes.xaxis, levels)
                of = f" (p = {first.p:g}, {first.norm} norm)"
                root = first._root
            else:
                _display.write_instead(axes, "no levels")
                of, root = "", "outer root taken"
            _display.name_axes(
                axes, title=f"p-variation by level{of}", xlabel="level of the lift", ylabel=f"p-variation ({root})"
            )
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each level.

        Returns:
            Columns `level`, `p`, `norm` ("l1" or "l2", of an increment), `root` (whether the outer root was taken),
            `value`, `intervals` (of the partition that attains it), `method`.

        >>> from roughntk import rough
        >>> rough.p_variation_levels([[0.0, 0.0], [1.0, 1.0]], 2.0).to_dataframe()[["level", "value"]]
           level  value
        0      1    2.0
        1      2    2.0
        """
        names = ("level", "p", "norm", "root", "value", "intervals", "method")
        return _display.data_frame({name: [getattr(each, name) for each in self.values()] for name in names})


def table_of(by_level: Mapping[int, tuple[Supremum, str]], p: float, norm: str, root: bool) -> VariationTable:
    """The variations of the levels whose suprema were found."""
    return VariationTable(
        {
            k: Variation(best.value(root), p, k, norm, root, best.partition, method)
            for k, (best, method) in by_level.items()
        }
    )


def largest(table: Mapping[int, Variation]) -> Variation:
    """The entry with the largest value, the first of them."""
    return max(table.values(), key=float)


def wanted_levels(path: Any, p: float, level: Any, *, floor: bool = False) -> list[int]:
    """The levels that a call looks at: `level`, or 1 .. floor(p) for a lift (and for all paths if `floor`)."""
    if level is not None:
        wanted = [_checks.level(level)]
    elif floor or isinstance(path, Lift):
        if p >= MOST_LEVELS + 1:
            raise InputError(
                f"expected an exponent below {MOST_LEVELS + 1} where all levels 1 .. floor(p) enter, got {p:g}; pass "
                f"the level that you want"
            )
        wanted = list(range(1, math.floor(p) + 1))
    else:
        wanted = [1]
    if isinstance(path, Lift) and path.level < wanted[-1]:
        raise InputError(
            f"expected a lift of level at least {wanted[-1]}, got level {path.level}; "
            f"lift the path to level {wanted[-1]}, or pass the level you want"
        )
    return wanted


def level_suprema(x: Steps, y: Steps | None, p: float, levels: list[int], norm: str) -> dict[int, tuple[Supremum, str]]:
    """For each level k: sup over partitions of sum |X^k - Y^k|^{p/k} (Y trivial if None), and how it was found."""
    by_level = {}
    if 1 in levels:
        by_level[1] = level_one(x if y is None else difference(x, y), p, norm)
    higher = [k for k in levels if k > 1]
    if higher and y is None and x.canonical and x.points.shape[1] == 1:
        # |X^k| = |dx|^k / k!
        best, method = by_level.get(1) or level_one(x, p, norm)
        for k in higher:
            # The unit best.unit^k / k! in two parts, as it may leave the range of float64.
            log = k * math.log2(best.unit) - math.lgamma(k + 1) / math.log(2)
            exact = k <= 170 and abs(log) < 1000 and abs(k * math.log2(best.unit)) < 1000
            whole = 0 if exact else math.floor(log)
            unit = best.unit**k / math.factorial(k) if exact else 2.0 ** (log - whole)
            by_level[k] = Supremum(best.total, unit, p / k, k * best.exponent + whole, best.partition), method
    elif higher:
        for k, best in zip(higher, suprema(x, y, p, higher, norm), strict=True):
            by_level[k] = best, "dynamic programme"
    return by_level


def difference(x: Steps, y: Steps) -> Steps:
    """Level 1 of X - Y."""
    return Steps(gap_points(y, x), [], x.exponent, x.canonical and y.canonical)
