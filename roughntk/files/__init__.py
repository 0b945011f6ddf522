"""Files: tables, points and paths that are read; files and folders that are written as a whole or not at all; drawing.

`tables` reads files, a CSV in `tables.csv_text`; `points` and `paths` say what the columns are; `weights` reads those
of the layers of a model. No mathematics. A module is imported when it is touched: drawing takes a while to import,
reading does not need it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roughntk.files import built_in, drawing, folders, paths, points, results, tables, weights

__all__ = ["built_in", "drawing", "folders", "paths", "points", "results", "tables", "weights"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'roughntk.files' has no attribute {name!r}")
    return importlib.import_module(f"roughntk.files.{name}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
