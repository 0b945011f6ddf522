"""The main job: run a study, compare the routes, draw and report."""

from roughntk.study.figure1 import figure1
from roughntk.study.result import Study
from roughntk.study.run import run

__all__ = ["Study", "figure1", "run"]
