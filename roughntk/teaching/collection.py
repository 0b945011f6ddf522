"""All exercises there are, found by the number of their tutorial."""

import importlib
import pkgutil
import re
from typing import Any

from roughntk._checks import InputError, integer, shown
from roughntk.teaching import answers
from roughntk.teaching.exercise import Exercise
from roughntk.teaching.plain import plain


class Questions(tuple[Exercise, ...]):
    """Exercises in the order of their keys; prints as a list of their questions."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "\n".join(map(repr, self))

    def _repr_markdown_(self) -> str:
        return "\n\n".join(each._repr_markdown_() for each in self)


def tutorials() -> list[int]:
    """The numbers of the tutorials that have exercises."""
    names = (each.name for each in pkgutil.iter_modules(answers.__path__))
    return sorted(int(match[1]) for name in names if (match := re.fullmatch(r"tutorial_(\d+)", name)))


def of_tutorial(number: int) -> tuple[Exercise, ...]:
    """The exercises of one tutorial, which is one of `tutorials()`."""
    return tuple(importlib.import_module(f"{answers.__name__}.tutorial_{number:02d}").EXERCISES)


def questions(number: int | None = None) -> Questions:
    """The exercises of one tutorial, or all: a tuple of :class:`Exercise` that prints as their questions.

    Args:
        number: of the tutorial, from 1 on; None for all tutorials.

    Raises:
        InputError: there is no such tutorial, or it has no exercises.

    >>> [exercise.key for exercise in questions(1)][:3]
    ['1.1', '1.2', '1.3']
    """
    known = tutorials()
    if number is None:
        return Questions(exercise for each in known for exercise in of_tutorial(each))
    wanted = integer(number, "the number of a tutorial", least=1)
    if wanted not in known:
        raise InputError(
            f"expected the number of a tutorial with exercises, one of {', '.join(map(str, known))}, got {wanted}; "
            "use one of these, or leave it out for all"
        )
    return Questions(of_tutorial(wanted))


def exercise_of(key: Any) -> Exercise:
    """The exercise with that key.

    Raises:
        InputError: there is none; the message lists the keys of that tutorial.
    """
    wanted = key.strip() if isinstance(key, str) else None
    if wanted is not None and re.fullmatch(r"\d{1,4}\.\d{1,4}", wanted):
        number = int(wanted.partition(".")[0])
        if number in tutorials():
            for exercise in of_tutorial(number):
                if exercise.key == wanted:
                    return exercise
    raise _unknown(key)


def _unknown(key: Any) -> InputError:
    """What is wrong with a key: its form, its number, or its tutorial."""
    written = key.replace(",", ".").strip() if isinstance(key, str) else "" if isinstance(key, bool) else str(key)
    known = tutorials()
    form = re.fullmatch(r"(\d{1,4})(?:\.\d{1,4})?", written, re.ASCII)
    if form is None or int(form[1]) not in known:
        some = f"tutorials {known[0]} to {known[-1]}"
        return InputError(
            f'expected the key of an exercise as text, as "{known[0]}.1", got {shown(key)}; {some} have exercises, and '
            "rn.teaching.questions() lists them"
        )
    keys = [exercise.key for exercise in of_tutorial(int(form[1]))]
    remedy = f'write "{written}"' if written in keys else f"rn.teaching.questions({int(form[1])}) lists them"
    return InputError(f"expected the key of an exercise as text, one of {', '.join(keys)}, got {shown(key)}; {remedy}")


class Hint(str):
    """The Markdown of a hint; prints with its formulas in plain characters."""

    __slots__ = ()

    def __str__(self) -> str:
        return plain(self[:])

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return self[:]


def hint(key: str) -> Hint:
    """The hint of an exercise: text in Markdown, which is printed with its formulas in plain characters.

    Args:
        key: as "2.3", exercise 3 of tutorial 2.

    Raises:
        InputError: there is no such exercise.

    >>> len(hint("1.1")) > 0
    True
    """
    return Hint(exercise_of(key).hint)
