"""Exercises of the tutorials, with answers that are computed when they are asked for.

`questions` lists them, `check` says whether an answer is right, `hint` helps, and `keep` saves or shows a figure of a
tutorial. The exercises of tutorial N are in `answers.tutorial_NN`, imported when one of them is asked for.
"""

from roughntk.teaching.checking import CheckedAnswer, check
from roughntk.teaching.collection import Questions, hint, questions
from roughntk.teaching.exercise import Exercise
from roughntk.teaching.figures import keep

__all__ = ["CheckedAnswer", "Exercise", "Questions", "check", "hint", "keep", "questions"]
