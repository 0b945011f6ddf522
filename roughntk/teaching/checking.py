"""Whether an answer is right, and, if not, in what it is wrong without giving the answer away."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from roughntk._checks import InputError, float64_array, known_number, shown
from roughntk.teaching.collection import exercise_of
from roughntk.teaching.digits import MOST, are_rounded, in_single_precision, is_rounded, wanted
from roughntk.teaching.exercise import Exercise
from roughntk.teaching.plain import plain

_CLOSE = 0.05  # so near an answer is said to be close
_FACTORS = (2.0, 3.0, 4.0, math.pi, 2 * math.pi, 10.0, 100.0)
_SMALLEST = 1e-12  # of the largest entry: rounding
_MORE_DIGITS = "Right to the digits given"
_NUMBERS = {2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True, repr=False)
class CheckedAnswer:
    """Whether an answer is right: true or false as a condition, and in words where it is printed.

    Attributes:
        key: of the exercise.
        right: whether the answer is right.
        remark: what is wrong with it, in one sentence; "" for a right one.
        note: the explanation after a right answer, the hint after a wrong one, "" where digits alone are missing.
    """

    key: str
    right: bool
    remark: str
    note: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        if self.right:
            return f"{self.key}: right. {plain(self.note)}".rstrip()
        return f"{self.key}: not yet. {self.remark}" + (f"\nHint: {plain(self.note)}" if self.note else "")

    def _repr_markdown_(self) -> str:
        if self.right:
            return f"**{self.key}: right.** {self.note}"
        return f"**{self.key}: not yet.** {self.remark}" + (f"\n\n*Hint.* {self.note}" if self.note else "")


def check(key: str, answer: Any) -> CheckedAnswer:
    """Compare an answer with the one that is computed now.

    A number, or an entry a of an array, is right within tolerance * |a|, and also where it is a, rounded to the digits
    in which it was written, four or more. Entries that are 0 or small are right within tolerance**2 of the largest.
    With tolerance 0 a whole number is asked for. An array needs the right shape; letters in either case and spaces are
    alike in text.

    Args:
        key: of the exercise, as "2.3": exercise 3 of tutorial 2.
        answer: a number, an array, a truth value or text, as the question asks.

    Returns:
        Right or not, with what is wrong and a hint, or with an explanation; true or false as a condition.

    Raises:
        InputError: there is no such exercise (the message lists the keys of that tutorial), or the answer is of another
            kind than the question asks for, or NaN.

    >>> bool(check("1.1", -1.0))
    False
    """
    exercise = exercise_of(key)
    right = exercise.answer()
    if isinstance(right, str):
        remark = _compare_text(exercise, answer, right)
    elif isinstance(right, bool | np.bool_):
        remark = _compare_truth(exercise, answer, bool(right))
    elif (value := known_number(right)) is not None:
        remark = _compare_number(exercise, answer, float(value))
    else:
        remark = _compare_array(exercise, answer, np.asarray(right, dtype=np.float64))
    note = "" if remark.startswith(_MORE_DIGITS) else exercise.hint if remark else exercise.explanation
    return CheckedAnswer(exercise.key, not remark, remark, note)


def _refusal(exercise: Exercise, kind: str, answer: Any, remedy: str) -> InputError:
    return InputError(f"expected {kind} as the answer to {exercise.key}, got {shown(answer)}; {remedy}")


def _compare_text(exercise: Exercise, answer: Any, right: str) -> str:
    if not isinstance(answer, str):
        raise _refusal(exercise, "text", answer, "write a word between quotation marks")
    same = "".join(answer.split()).casefold() == "".join(right.split()).casefold()
    return "" if same else f"{shown(answer)} is not it."


def _compare_truth(exercise: Exercise, answer: Any, right: bool) -> str:
    if not isinstance(answer, bool | np.bool_):
        raise _refusal(exercise, "True or False", answer, "decide for one")
    return "" if bool(answer) == right else f"It is not {bool(answer)}."


def _compare_number(exercise: Exercise, answer: Any, right: float) -> str:
    value = known_number(answer)
    if value is None:
        several = isinstance(answer, list | tuple) or getattr(answer, "shape", None) not in (None, ())
        remedy = "take the entry that is asked for" if several else "give a plain number"
        raise _refusal(exercise, "one real number", answer, remedy)
    if value != value:  # NaN; a whole number may be beyond float64
        raise _refusal(exercise, "one real number", answer, "find out where the NaN came from")
    try:
        given = float(value)
    except OverflowError:  # a whole number beyond float64
        given = math.inf if value > 0 else -math.inf
    if math.isinf(given) or math.isinf(right):
        return "" if given == right else "One is infinite, the other is not, or the signs differ."
    if exercise.tolerance == 0 and right.is_integer():
        return _compare_whole_number(given, right)
    single = in_single_precision(answer)
    if _agree(given, right, exercise.tolerance) or is_rounded(given, right, MOST, single=single):
        return ""
    if is_rounded(given, right, 2 if given.is_integer() else 1, single=single):
        return _more_digits(exercise.tolerance, right)
    return _what_is_wrong_with_a_number(given, right, exercise.tolerance)


def _compare_whole_number(given: float, right: float) -> str:
    """No more than near or not: factors and signs would give a small number away."""
    if not given.is_integer():
        return "A whole number is asked for."
    if given == right:
        return ""
    return _close(0.0) if _agree(given, right, _CLOSE) else f"{given:.6g} is not it."


def _more_digits(tolerance: float, *right: float) -> str:
    return f"{_MORE_DIGITS}; give at least {_NUMBERS[max(wanted(tolerance, each) for each in right)]}."


def _close(tolerance: float) -> str:
    if tolerance == 0:
        return "Close, but not exactly right."
    asked = "right to four digits" if tolerance < 5e-4 else f"within {100 * tolerance:.3g} %"
    return f"Close, but not {asked}."


def _agree(given: float, right: float, tolerance: float) -> bool:
    return abs(given - right) <= tolerance * (abs(right) or 1.0)


def _what_is_wrong_with_a_number(given: float, right: float, tolerance: float) -> str:
    near = max(tolerance, 1e-6)
    if right == 0 or given == 0:
        return f"{given:.6g} is not it."
    if _agree(given, -right, near):
        return "The sign is wrong."
    if _agree(given, right, _CLOSE):
        return _close(tolerance)
    if _agree(given, 1 / right, near):
        return "This is the reciprocal of the answer."
    if given * right < 0:
        return f"{given:.6g} is not it; the sign is wrong, too."
    if not _agree(abs(right), 1.0, near) and any(
        _agree(given, right * f, near) or _agree(given * f, right, near) for f in _FACTORS
    ):
        return "Right up to a simple factor, such as 2, 3, 4, pi, 10 or 100: has one been forgotten?"
    if max(given / right, right / given) > 100:
        return f"{given:.6g} is not even of the right size."
    return f"{given:.6g} is not it."


def _compare_array(exercise: Exercise, answer: Any, right: np.ndarray) -> str:
    kind = f"an array of shape {right.shape}"
    if isinstance(answer, str | bytes | bool | np.bool_ | dict | set) or answer is None:
        raise _refusal(exercise, kind, answer, "give an array or a list of numbers")
    given = float64_array(answer, f"the answer to {exercise.key}", truth=False)
    if np.isnan(given).any():
        raise _refusal(exercise, kind, answer, "find out where the NaN came from")
    if given.shape != right.shape:
        swapped = given.ndim == 2 and given.shape == right.shape[::-1]
        less = given.size == right.size and not swapped
        advice = " Transpose it?" if swapped else " Reshape it?" if less else ""
        return f"The shape is {given.shape}, and not {right.shape}.{advice}"
    within, single = _entries_agree(given, right, exercise.tolerance), in_single_precision(answer)
    within |= are_rounded(given, right, MOST, single=single)
    if not within.all() and (within | are_rounded(given, right, 2, single=single)).all():
        return _more_digits(exercise.tolerance, *right[right != 0].tolist())
    return "" if within.all() else _what_is_wrong_with_an_array(given, right, exercise.tolerance, within)


def _entries_agree(given: np.ndarray, right: np.ndarray, tolerance: float) -> np.ndarray:
    finite = np.isfinite(right)
    largest = np.abs(right[finite]).max(initial=0.0) or 1.0
    scale = np.maximum(tolerance * np.abs(right), max(tolerance**2, _SMALLEST) * largest)
    with np.errstate(invalid="ignore"):
        return np.where(finite, np.abs(given - right) <= scale, given == right)


def _what_is_wrong_with_an_array(given: np.ndarray, right: np.ndarray, tolerance: float, within: np.ndarray) -> str:
    near = max(tolerance, 1e-6)
    if not np.isfinite(given).all() or not np.isfinite(right).all():
        return "Some entries are infinite that should not be, or the reverse."
    if right.ndim == 2 and right.shape[0] == right.shape[1] and _entries_agree(given.T, right, near).all():
        return "Right, but transposed."
    if _entries_agree(-given, right, near).all():
        return "The sign is wrong, in every entry."
    if _entries_agree(np.abs(given), np.abs(right), near).all():
        return "Right up to signs."
    if _entries_agree(given, right, _CLOSE).all():
        return _close(tolerance)
    if right.size > 1 and _proportional(given, right, near):
        return "Right up to a constant factor: has one been forgotten?"
    if right.size > 1 and _entries_agree(np.sort(given, axis=None), np.sort(right, axis=None), near).all():
        return "The right numbers, in another order."
    share = f"{np.count_nonzero(within)} of {within.size} entries are right"
    first = tuple(int(place) for place in np.argwhere(~within)[0])
    return f"{share}; the first wrong one is at {first[0] if len(first) == 1 else first}."


def _proportional(given: np.ndarray, right: np.ndarray, near: float) -> bool:
    """Whether there is one factor between the arrays, which are of the same shape."""
    place = np.unravel_index(int(np.abs(right).argmax()), right.shape)
    factor = float(given[place] / right[place]) if right[place] else 0.0
    return factor != 0 and bool(_entries_agree(given / factor, right, near).all())
