"""The main job: run a study, compare the routes, draw and report. What it takes is imported when it is touched."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roughntk.study.config import StudyConfig
    from roughntk.study.figures.paper import figure1
    from roughntk.study.pipeline import run
    from roughntk.study.result import Study

__all__ = ["Study", "StudyConfig", "figure1", "run"]

_MODULE_OF = {"Study": "result", "StudyConfig": "config", "figure1": "figures.paper", "run": "pipeline"}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'roughntk.study' has no attribute {name!r}")
    return getattr(importlib.import_module(f"roughntk.study.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
