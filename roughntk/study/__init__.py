"""The main job: run a study, compare the routes, draw and report."""

from roughntk.study.paper_figure import figure1
from roughntk.study.pipeline import run
from roughntk.study.result import Study

__all__ = ["Study", "figure1", "run"]
