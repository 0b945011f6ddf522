"""The explorer in notebooks: the page's script as an anywidget."""

from typing import Any

from roughntk._checks import MissingBackendError
from roughntk.explorer.building import built, known_settings
from roughntk.explorer.page import as_json
from roughntk.explorer.script import module, style

INSTALL = "pip install 'roughntk[notebook]'"


def explore(data: Any = None, *, family: Any = "relu-ntk", depth: float = 3.0, **settings: Any) -> Any:
    """The explorer as a widget for Jupyter and marimo: depth, drivers and rough paths to play with.

    It is the page of `roughntk explore`, with the same numbers; nothing is asked of the network.

    Args:
        data: rows to begin with: a built-in name, a file, a data frame, an array (rows, columns); None takes five
            points on the circle.
        family: a kernel family, or its name: of the drivers, and where the depth panel begins.
        depth: where the depth panel begins, from 2 to 10000, or infinity.
        **settings: of the points, as of `rn.study.run`: points (2 to 8), seed, projection, drop_duplicates, dimension,
            target, task, standardise; and reading.

    Returns:
        An `anywidget.AnyWidget`. Its trait `data` is the JSON text that the page has.

    Raises:
        InputError: unreadable data, too few rows, an unknown family, a depth out of range.
        MissingBackendError: anywidget is not installed; the message says how to install it.

    >>> import roughntk as rn
    >>> widget = rn.explore()
    >>> type(widget).__name__, '"relu-ntk"' in widget.data
    ('Explorer', True)
    """
    anywidget, traitlets = _packages()
    contents = built(data, family=family, depth=depth, **known_settings(settings)).contents

    class Explorer(anywidget.AnyWidget):  # type: ignore[name-defined]
        """The explorer."""

        _esm = module()
        _css = style()
        data = traitlets.Unicode().tag(sync=True)

    return Explorer(data=as_json(contents))


def _packages() -> tuple[Any, Any]:
    """The packages anywidget and traitlets, or an error with the command that installs them."""
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise MissingBackendError(
            f"expected the package anywidget for the explorer in a notebook, got {error}; install it with: {INSTALL}, "
            f"or write a page with: roughntk explore"
        ) from error
    return anywidget, traitlets


__all__ = ["explore"]
