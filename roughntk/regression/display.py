"""Predictions as text, in a picture and in columns: values of shape (m,) or (m, k) at m test points, for k targets."""

from typing import TYPE_CHECKING

import numpy as np

from roughntk import _display

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_TARGETS = 10  # of one test point, in a cell of a table


def by_target(values: np.ndarray) -> np.ndarray:
    """The values with a column for each target, shape (m, k)."""
    return values[:, None] if values.ndim == 1 else values


def extent(values: np.ndarray) -> str:
    """At how many test points, for how many targets.

    >>> extent(np.zeros(2)), extent(np.zeros((1, 3)))
    ('2 test points', '1 test point, 3 targets')
    """
    points = _display.counted(len(values), "test point")
    return points if values.ndim == 1 else f"{points}, {_display.counted(values.shape[1], 'target')}"


def span(values: np.ndarray) -> str:
    """The least and the largest value.

    >>> span(np.array([2.0, -0.5])), span(np.array([3.0]))
    ('-0.5 to 2', '3')
    """
    if not values.size:
        return "none"
    low, high = f"{values.min():.4g}", f"{values.max():.4g}"
    return low if low == high else f"{low} to {high}"


def value_rows(values: np.ndarray, apart: np.ndarray) -> list[tuple[str, str]]:
    """(test point, its values, each with what it may be apart from it, where that is not NaN)."""
    rows = []
    for point, (row, around) in enumerate(zip(by_target(values), by_target(apart), strict=True)):
        kept = list(zip(row, around, strict=True))[:_MOST_TARGETS]
        cut = ", ..." if len(row) > len(kept) else ""
        rows.append((f"test point {point}", ", ".join(_word(*pair) for pair in kept) + cut))
    return rows


def _word(value: float, apart: float) -> str:
    return f"{value:.6g}" if np.isnan(apart) else f"{value:.6g} ± {apart:.2g}"


def draw(ax: "Axes | None", values: np.ndarray, bars: np.ndarray, what: str, remark: str, apart: float = 0.0) -> "Axes":
    """The values against the test points, a look a target, with bars; see `_display.draw_columns`.

    Args:
        ax: matplotlib's Axes, or None for new ones.
        values: what is drawn.
        bars: of the shape of the values.
        what: the values are, for title and axis.
        remark: for the title, in parentheses.
        apart: as for `_display.draw_columns`.

    Returns:
        The Axes.
    """
    columns = by_target(values)
    with _display.drawn_on(ax) as axes:
        of = _display.draw_columns(axes, columns, by_target(bars), "target", apart)
        if not columns.size:
            _display.write_instead(axes, "no test points")
        _display.name_axes(
            axes,
            title=f"{what} {of}({remark})",
            xlabel="test point",
            ylabel=f"{what.lower()} (units of the targets)",
            legend=columns.shape[1] > 1,
        )
    return axes


def columns_of(numbers: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Columns `target`, `test_point`, and one for each of the numbers by name, all of the same shape (m,) or (m, k)."""
    m, k = by_target(next(iter(numbers.values()))).shape
    places = {"target": np.repeat(np.arange(k), m), "test_point": np.tile(np.arange(m), k)}
    return places | {name: by_target(values).T.ravel() for name, values in numbers.items()}


__all__ = ["by_target", "columns_of", "draw", "extent", "span", "value_rows"]
