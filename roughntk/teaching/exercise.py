"""One exercise: its question, and how its answer is computed."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from roughntk._checks import InputError, number, shown
from roughntk.teaching.plain import plain

KEY = re.compile(r"[1-9]\d*\.[1-9]\d*")


@dataclass(frozen=True, repr=False)
class Exercise:
    """A question of a tutorial with an answer that is computed, never stored.

    Its formulas are printed in plain characters in a terminal, and set as formulas in a notebook.

    Args:
        key: "N.k": exercise k of tutorial N.
        question: in Markdown, with formulas in `$...$`.
        answer: a function without arguments that computes the right answer: a number, an array, a truth value or text.
        tolerance: relative; a number or an entry of an array may be wrong by so much of itself. 0: a whole number is
            asked for.
        hint: Markdown, shown after a wrong answer.
        explanation: Markdown, shown after a right one.

    Raises:
        InputError: a key of another form, an answer that is no function, a tolerance outside [0, 1).
    """

    key: str
    question: str
    answer: Callable[[], object]
    tolerance: float = 1e-6
    hint: str = ""
    explanation: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.key, str) or not KEY.fullmatch(self.key):
            raise InputError(
                f'expected the key of an exercise as "2.3", got {shown(self.key)}; write tutorial.exercise'
            )
        if not callable(self.answer):
            raise InputError(
                f"expected the answer of {self.key} to be a function without arguments, got {shown(self.answer)}; "
                "let a function compute it"
            )
        number(self.tolerance, f"the tolerance of {self.key}", least=0.0, below=1.0)

    @property
    def tutorial(self) -> int:
        """The number of the tutorial that it belongs to."""
        return int(self.key.partition(".")[0])

    def __repr__(self) -> str:
        return f"Exercise {self.key}: {plain(' '.join(self.question.split()))}"

    def _repr_markdown_(self) -> str:
        return f"**Exercise {self.key}.** {self.question}"
