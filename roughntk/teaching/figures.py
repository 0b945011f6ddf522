"""What becomes of the figure that a tutorial draws: saved where it runs as a script, shown where it is a notebook."""

import atexit
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from roughntk._checks import InputError, shown
from roughntk.teaching.collection import tutorials

_SUFFIXES = (".png", ".svg", ".pdf")
_kept: dict[Path, int] = {}
_announced: set[int] = set()  # tutorials whose exercises are named when the script ends


def keep(figure: Any) -> Any:
    """Save the figure of a script, show it in a notebook.

    In a script the file is the first argument of the command line, or else one in a new temporary folder; its path is
    printed. The second figure of a script goes to NAME-2, the third to NAME-3. When a script NN_name.py of a tutorial
    ends, a line says how its exercises are listed and checked. In Jupyter the figure is displayed. In marimo it is
    returned, and shown where the call ends a cell. No window is opened.

    Args:
        figure: matplotlib's Figure.

    Returns:
        The path of the file in a script, the figure in marimo, None in Jupyter.

    Raises:
        InputError: `figure` is no Figure, or the argument is no name of a picture (.png, .svg, .pdf) in a folder that
            exists.

    >>> keep("a figure")
    Traceback (most recent call last):
    roughntk._checks.errors.InputError: expected a matplotlib Figure, got 'a figure';
    give what canvas() or plt.figure() returned
    """
    from matplotlib.figure import Figure

    if not isinstance(figure, Figure):
        raise InputError(
            f"expected a matplotlib Figure, got {shown(figure)}; give what canvas() or plt.figure() returned"
        )
    if _in_marimo():
        return figure
    if _in_jupyter():
        _display(figure)
        return None
    target = _target()
    figure.savefig(target, dpi=150)
    print(f"Figure: {target}")
    _announce()
    return target


def _announce() -> None:
    """Name the exercises of the script once, when it ends."""
    form = re.match(r"(\d\d)_", Path(sys.argv[0]).name if sys.argv else "")
    number = int(form[1]) if form else 0
    if number in tutorials() and number not in _announced:
        _announced.add(number)
        line = f'Exercises: rn.teaching.questions({number}), and rn.teaching.check("{number}.1", your answer)'
        atexit.register(print, line)


def _in_marimo() -> bool:
    """Whether marimo runs the cell; a marimo file that Python runs is a script."""
    marimo = sys.modules.get("marimo")
    return marimo is not None and bool(marimo.running_in_notebook())


def _in_jupyter() -> bool:
    """Whether IPython runs the cell, in a notebook or in a terminal."""
    python = sys.modules.get("IPython")
    return python is not None and python.get_ipython() is not None


def _display(figure: Any) -> None:
    """As a picture, which is seen whether or not pyplot has been told to draw inline."""
    from IPython.display import Image, display

    from roughntk.files.drawing import content

    display(Image(data=content(figure, ".png"), width=round(96 * figure.get_figwidth())))


def _target() -> Path:
    """The file of the next figure."""
    if len(sys.argv) > 1:
        path = Path(sys.argv[1])
        if path.suffix.lower() not in _SUFFIXES or not path.parent.is_dir():
            raise InputError(
                f"expected the name of a picture ({', '.join(_SUFFIXES)}) in a folder that exists as first argument, "
                f"got {shown(sys.argv[1])}; give one, or leave it out for a temporary folder"
            )
    else:
        name = Path(sys.argv[0]).stem if sys.argv and sys.argv[0] else "figure"
        path = Path(tempfile.mkdtemp(prefix="roughntk-")) / f"{name}.png"
    _kept[path] = _kept.get(path, 0) + 1
    return path if _kept[path] == 1 else path.with_stem(f"{path.stem}-{_kept[path]}")
