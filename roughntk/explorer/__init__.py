"""The explorer: one interactive page of depth, drivers and rough paths, whose numbers the package wrote.

What it takes is imported when it is touched.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roughntk.explorer.building import explorer_page
    from roughntk.explorer.widget import explore

__all__ = ["explore", "explorer_page"]

_MODULE_OF = {"explore": "widget", "explorer_page": "building"}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'roughntk.explorer' has no attribute {name!r}")
    return getattr(importlib.import_module(f"roughntk.explorer.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
