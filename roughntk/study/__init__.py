"""The main job: run a study, compare the routes, draw and report. What it takes is imported when it is touched."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roughntk.study.auditing.pipeline import audit
    from roughntk.study.auditing.result import Audit
    from roughntk.study.comparison.pipeline import compare
    from roughntk.study.comparison.result import Comparison
    from roughntk.study.config import StudyConfig
    from roughntk.study.figures.paper import figure1
    from roughntk.study.pipeline import run
    from roughntk.study.result import Study
    from roughntk.study.simulation.pipeline import simulate
    from roughntk.study.simulation.result import Simulation
    from roughntk.study.storing import StoredRows, store

__all__ = [
    "Audit", "Comparison", "Simulation", "StoredRows", "Study", "StudyConfig", "audit", "compare", "figure1", "run",
    "simulate", "store",
]  # fmt: skip

_MODULE_OF = {
    "Audit": "auditing.result", "audit": "auditing.pipeline",
    "Comparison": "comparison.result", "StoredRows": "storing", "Study": "result", "StudyConfig": "config",
    "compare": "comparison.pipeline", "figure1": "figures.paper", "run": "pipeline", "store": "storing",
    "Simulation": "simulation.result", "simulate": "simulation.pipeline",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'roughntk.study' has no attribute {name!r}")
    return getattr(importlib.import_module(f"roughntk.study.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
