"""How results show themselves: one line, a table in a notebook, a picture, a data frame.

A result says what it is by `headline` (one line) and `rows` (quantity, value), and draws and tabulates itself; what
results share is here: :class:`Displayed`, the look of figures, and the axes to draw on. matplotlib and pandas are
imported where something is drawn or tabulated.
"""

import abc
import contextlib
import decimal
import html
import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from roughntk._checks import InputError

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

COLOURS = (
    "#2c6fbb",
    "#c8553d",
    "#3a8f5c",
    "#8a5a9e",
    "#b8860b",
    "#4b4b4b",
    "#1b9aaa",
    "#d1495b",
    "#6c8e3f",
    "#5d5d9e",
)
DASHES: Any = (
    "-", (0, (6, 1.5)), (0, (3, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1.2, 1, 1.2, 1, 1.2)), (0, (9, 3)),
    (0, (1, 3)), (0, (9, 2, 3, 2)), (0, (5, 1, 1, 1, 1, 1, 1, 1)),
)  # fmt: skip
"""Beside `COLOURS`, so that curves are told apart without them."""
LIMIT_STYLE: Any = {"color": "black", "linestyle": "--", "linewidth": 1.2}
STYLE: Any = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e5e5",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.hashsalt": "roughntk",
    "svg.fonttype": "none",
}
_MARKERS = "osD^vXP<>h"
MOST_CURVES = len(COLOURS)
"""So many curves are told apart in one picture; results draw no more."""

_MOST_COLUMNS = 4  # more markers over each other are not told apart
_LONGEST_LINE, _LONGEST_CELL, _MOST_ROWS, _TITLE = 160, 500, 30, 52
_CELL = "text-align:left;vertical-align:top"
_SHORT_NAME = 16
_APART = 0.1  # of the width of the axes: labels of ticks that are nearer run into each other


class Displayed(abc.ABC):
    """A result that shows itself: `repr` in one line, a table in notebooks, `plot` and `to_dataframe`."""

    @property
    @abc.abstractmethod
    def headline(self) -> str:
        """What came out, in one line."""

    @abc.abstractmethod
    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""

    def remarks(self) -> Sequence[str]:
        """Sentences that are to be heeded; a notebook shows them below the table."""
        return ()

    @abc.abstractmethod
    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw it on `ax`, or on new axes; returns them."""

    @abc.abstractmethod
    def to_dataframe(self) -> "pandas.DataFrame":
        """Its numbers as a table."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {shortened(self.headline, _LONGEST_LINE)}>"

    def _repr_html_(self) -> str:
        """The headline and the rows as an HTML table that needs nothing from elsewhere."""
        rows = self.rows()
        lines = [
            f'<tr><th scope="row" style="{_CELL};padding-right:1em{_whole(name)}">{_cell(name)}</th>'
            f'<td style="{_CELL}">{_cell(value)}</td></tr>'
            for name, value in rows[:_MOST_ROWS]
        ]
        if len(rows) > _MOST_ROWS:
            lines.append(f'<tr><td colspan="2">and {len(rows) - _MOST_ROWS} more</td></tr>')
        table = f"<table><tbody>{''.join(lines)}</tbody></table>" if lines else ""
        below = "".join(f"<p>{_cell(remark)}</p>" for remark in list(self.remarks())[:_MOST_ROWS])
        title = f"<p><strong>{type(self).__name__}</strong>: {_cell(self.headline)}</p>"
        return f'<div class="roughntk-result">{title}{table}{below}</div>'


def _whole(name: str) -> str:
    """Short names are not broken into lines, however narrow the page."""
    return ";white-space:nowrap" if len(name) <= _SHORT_NAME else ""


def _cell(text: str) -> str:
    return html.escape(shortened(text, _LONGEST_CELL))


def shortened(text: str, most: int) -> str:
    """The text in one line of printable characters, its middle left out where it is longer than `most`.

    >>> shortened("a family with a long name", 11)
    'a fam… name'
    """
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    if len(line) <= most:
        return line
    end = (most - 1) // 2
    return line[: most - 1 - end] + "…" + line[len(line) - end :]


def rounded_up(value: float, digits: int = 3) -> str:
    """A bound as text, not below itself.

    >>> rounded_up(2.541e-9), rounded_up(2.0)
    ('2.55e-09', '2')
    """
    if not math.isfinite(value):
        return f"{value}"
    up = decimal.Context(prec=digits, rounding=decimal.ROUND_CEILING).create_decimal_from_float(value)
    return f"{float(up):.{digits}g}"


def counted(number: int, what: str) -> str:
    """A number of things in words.

    >>> counted(1, "data point"), counted(1797, "data point")
    ('1 data point', '1,797 data points')
    """
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def depth_words(depth: float) -> str:
    """A depth as text: whole ones without a point."""
    return "infinity" if math.isinf(depth) else f"{depth:,.15g}"


@contextlib.contextmanager
def drawn_on(ax: "Axes | None", size: tuple[float, float] = (5.4, 3.7)) -> Iterator["Axes"]:
    """The axes to draw on, within the style of all figures: those given, or new ones without pyplot's global state.

    Args:
        ax: matplotlib's Axes; None makes a figure with constrained layout, which is `axes.figure`.
        size: of that figure, in inches.

    Raises:
        InputError: `ax` is something else, as a figure or an array of axes.
    """
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if ax is not None and not isinstance(ax, Axes):
        raise InputError(
            f"expected ax to be matplotlib Axes, got {type(ax).__name__}; give one of figure.subplots(), or None"
        )
    with matplotlib.rc_context(STYLE):
        if ax is None:
            figure = Figure(figsize=size, layout="constrained")
            FigureCanvasAgg(figure)
            ax = figure.subplots()
        yield ax


def look(place: int, *, line: bool = True) -> dict[str, Any]:
    """Colour, marker and line of the curve in that place, which tell it from the others without colour, too."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": _MARKERS[place % len(_MARKERS)],
        "linestyle": DASHES[place % len(DASHES)] if line else "none",
        "markersize": 4.5,
        "linewidth": 1.3,
    }


def draw_columns(ax: "Axes", values: np.ndarray, bars: np.ndarray, what: str, apart: float = 0.0) -> str:
    """A marker for each entry of a matrix over its row, a look a column, with bars of that length up and down.

    Args:
        ax: where to draw.
        values: shape (n, m); of more than four columns the first four are drawn.
        bars: of the same shape, >= 0; there is none where it is not finite.
        what: a column, in the legend.
        apart: by how much each column stands to the right of the one before, so that their bars are told apart.

    Returns:
        How many columns of how many are drawn, in words, with a space at the end; "" where all are.
    """
    n, m = values.shape
    drawn = min(m, _MOST_COLUMNS)
    for column in range(drawn):
        length = np.where(np.isfinite(bars[:, column]), bars[:, column], 0.0)
        style = look(column, line=False) | {"markersize": 4.5 if n <= 100 else 2.0, "elinewidth": 1.0}
        label = f"{what} {column}" if m > 1 else None
        across = np.arange(n) + apart * (column - (drawn - 1) / 2)
        ax.errorbar(across, values[:, column], yerr=length, label=label, **style)
    if values.size:
        ax.axhline(0.0, color="#999999", linewidth=0.8)
        whole_ticks(ax.xaxis)
    return f"of {_MOST_COLUMNS} of {m:,} {what}s " if m > _MOST_COLUMNS else ""


def name_axes(ax: "Axes", *, title: str, xlabel: str, ylabel: str, legend: bool = False) -> None:
    """Title, in lines that fit a narrow picture, labels, and a legend to the right of the axes, where no data can be.

    Axes that share their figure with others keep their legend within them.
    """
    ax.set(title=_in_lines(title), xlabel=xlabel, ylabel=ylabel)
    if legend and len(ax.figure.axes) > 1:
        columns = 2 if len(ax.get_legend_handles_labels()[1]) > 5 else 1
        ax.legend(loc="best", frameon=True, framealpha=0.85, ncols=columns)
    elif legend:
        ax.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0))


def _in_lines(title: str) -> str:
    """In as few lines as fit a narrow picture, of nearly the same length.

    >>> _in_lines("Coefficients of 4 of 6 test points (condition number 52.3)")
    'Coefficients of 4 of 6 test\\npoints (condition number 52.3)'
    """
    lines = textwrap.wrap(title, _TITLE)
    for width in range(len(title) // max(len(lines), 1), _TITLE):
        even = textwrap.wrap(title, max(width, 1))
        if len(even) <= len(lines):
            return "\n".join(even)
    return "\n".join(lines)


def write_instead(ax: "Axes", text: str) -> None:
    """A sentence in the middle of axes that have nothing to show."""
    ax.text(0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", wrap=True)
    ax.set(xticks=[], yticks=[])


def plain_ticks(axis: Any, places: Iterable[float], labels: Iterable[str] | None = None) -> None:
    """Ticks of an axis (`ax.xaxis`) at these places alone, from the last on less those too near to the one before."""
    places = list(places)
    names = [f"{place:g}" for place in places] if labels is None else list(labels)
    across = axis.get_transform().transform(np.asarray(places, dtype=np.float64))
    kept: list[int] = []
    for place in reversed(range(len(places))):
        if not kept or abs(across[kept[0]] - across[place]) >= _APART * np.ptp(across):
            kept.insert(0, place)
    axis.set_ticks([places[place] for place in kept], labels=[names[place] for place in kept])
    axis.set_ticks([], minor=True)


def whole_ticks(*axes: Any) -> None:
    """Ticks of an axis (`ax.xaxis`) at whole numbers, however few there are."""
    from matplotlib.ticker import MaxNLocator

    for axis in axes:
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def data_frame(columns: dict[str, Any]) -> "pandas.DataFrame":
    """Columns of equal length as a pandas data frame."""
    import pandas

    return pandas.DataFrame(columns)
