"""What the tests of shown results share: is a picture drawn whole, and is HTML well formed and safe?"""

import xml.etree.ElementTree as ElementTree
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def html_of(result: Any) -> ElementTree.Element:
    """The HTML of a result as a tree; small, and with nothing from elsewhere."""
    text = result._repr_html_()
    assert len(text) < 20_000
    assert not any(word in text for word in ("http", "<script", "<img", "<link", "url("))
    return ElementTree.fromstring(text)


def text_of(result: Any) -> str:
    """The text that a notebook shows."""
    return " ".join(html_of(result).itertext())


def check_picture(result: Any) -> None:
    """Both kinds of axes; title and labels; drawable without a warning; nothing of matplotlib's is changed."""
    before = matplotlib.rcParams.copy()
    axes = result.plot()
    assert isinstance(axes, Axes) and isinstance(axes.figure, Figure)
    assert axes.get_title() and axes.get_xlabel() and axes.get_ylabel()
    assert max(map(len, axes.get_title().split("\n"))) <= 52
    given = Figure().subplots(1, 2)
    assert result.plot(ax=given[1]) is given[1]
    assert not given[0].has_data()
    for figure in (axes.figure, given[0].figure):
        figure.draw_without_rendering()
    assert matplotlib.rcParams.copy() == before


def check_shown(result: Any) -> None:
    """One line, well-formed HTML, a picture, a table of one column a name."""
    line = repr(result)
    assert "\n" not in line and len(line) <= 200 and line.startswith(f"<{type(result).__name__}: ")
    assert type(result).__name__ in text_of(result)
    check_picture(result)
    frame = result.to_dataframe()
    assert frame.columns.is_unique and all(isinstance(name, str) for name in frame.columns)
