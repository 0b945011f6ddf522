"""Depths as they are written: numbers, ranges and inf, with commas."""

import dataclasses
import math
import re
from collections.abc import Sequence

from roughntk import _checks
from roughntk._checks import InputError

MOST = 1000
"""Depths at most in a list."""
MOST_DEPTH = 10**12
"""The last depth of a study at most; memory ends long before."""


@dataclasses.dataclass(frozen=True)
class StudyDepths:
    """The depths of a study.

    Attributes:
        depths: increasing, at least two; int where they are whole. A range where all whole depths from the first to
            the last are asked for.
    """

    depths: Sequence[int | float]

    @property
    def is_range(self) -> bool:
        """Whether neighbouring depths are one layer apart."""
        return isinstance(self.depths, range)

    @property
    def starts(self) -> Sequence[int | float]:
        """The depths L from which a layer is followed, to L + 1: those of a range with both ends in it, or all."""
        return self.depths[:-1] if self.is_range else self.depths

    @property
    def following(self) -> list[int | float]:
        """The depths L + 1 that are none of the study's own."""
        return [] if self.is_range else sorted({start + 1 for start in self.starts} - set(self.depths))


def study_depths(text: str | Sequence[float]) -> StudyDepths:
    """The depths of a study: FIRST:LAST in steps of 1, or numbers and such ranges with commas; "3" is 1:3;
    or a list of numbers.

    Raises:
        InputError: no depths, fewer than two beyond 1, a depth below 1, infinite or too large, too many in a list.

    >>> study_depths("1:30").depths, study_depths("10,2,2.5:4").depths
    (range(1, 31), (2, 2.5, 3.5, 10))
    """
    if isinstance(text, list | tuple | range):
        text = ",".join(map(str, text))
    text = str(text).strip()
    match = re.fullmatch(r"(-?[0-9]+)(?:\s*:\s*(-?[0-9]+))?", text)
    if match:
        return StudyDepths(_whole_range(text, match))
    listed = depths_of(text, "--depths", "2.5:4, 2,5,10,100 or 1:30")
    if math.inf in listed:
        raise InputError("expected finite depths in a study, which shows infinite depth anyway, got inf; leave it out")
    chosen = sorted(int(depth) if depth == int(depth) else depth for depth in listed)
    if chosen[-1] > MOST_DEPTH:
        raise InputError(f"expected depths of at most {MOST_DEPTH:,} in a study, got {chosen[-1]:g}; lower the last")
    if sum(depth > 1 for depth in chosen) < 2:
        raise InputError(f"expected at least two depths beyond 1, got {_checks.shown(text)}; name more, as in 2,5,10")
    return StudyDepths(tuple(chosen))


def _whole_range(text: str, match: re.Match[str]) -> range:
    if max(len(digits) for digits in match.groups("")) > 4000:  # more than Python converts
        raise InputError(f"expected depths of at most {MOST_DEPTH:,}, got {_checks.shown(text)}; lower them")
    first, last = (int(match[1]), int(match[2])) if match[2] else (1, int(match[1]))
    if first < 1:
        raise InputError(f"expected depths of at least 1, got {first}; depth 1 is the input layer")
    if last < max(first + 1, 3):
        raise InputError(
            f"expected at least two depths from 2 on, got {text}; the equation runs from one depth to the next, "
            f"for instance 2:3"
        )
    if last > MOST_DEPTH:
        raise InputError(
            f"expected depths of at most {MOST_DEPTH:,} in a study, which keeps every one of them, got "
            f"{_checks.whole(last)}; lower the last"
        )
    return range(first, last + 1)


def depths_of(text: str, option: str = "--depth", instance: str = "2,5,10.5,inf or 1:30") -> tuple[float, ...]:
    """The depths that a text lists, in order, each once.

    Args:
        text: "2,5,10.5,inf" or "1:30", whose steps are 1.
        option, instance: where it stands, and what could stand there, for errors.

    Raises:
        InputError: no depth, a depth below 1, too many of them.

    >>> depths_of("1:3,10.5,inf")
    (1.0, 2.0, 3.0, 10.5, inf)
    """

    def depth_of(word: str) -> float:
        depth = _checks.number_of_text(
            word,
            option,
            f"expected depths as numbers of at least 1, inf or FIRST:LAST, with commas, got {_checks.shown(text)}; "
            f"write for instance {instance}",
        )
        if not depth >= 1:
            raise InputError(f"expected depths of at least 1, or inf, got {word.strip()}; depth 1 is the input layer")
        return float(_checks.real_depth(depth)) if math.isfinite(depth) else depth

    listed: list[float] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        start = depth_of(first)
        if not colon:
            listed.append(start)
            continue
        end = depth_of(last)
        if not start <= end < math.inf:
            raise InputError(f"expected FIRST:LAST with 1 <= FIRST <= LAST, got {_checks.shown(part)}; swap them")
        if end - start >= MOST:
            raise _too_many(text)
        listed += [start + step for step in range(math.floor(end - start) + 1)]
    chosen = tuple(dict.fromkeys(listed))
    if len(chosen) > MOST:
        raise _too_many(text)
    return chosen


def in_words(depth: float) -> str:
    """A depth with all its digits, without a decimal point where it is whole."""
    return str(int(depth)) if math.isfinite(depth) and depth == int(depth) else repr(float(depth))


def depth_words(depths: Sequence[float]) -> str:
    """Depths in words.

    >>> depth_words([3]), depth_words(range(3, 8)), depth_words([1, 4.5]), depth_words([1, 4, 9, 16, 25, 36, 49])
    ('depth 3', 'depths 3 to 7', 'depths 1, 4.5', 'depths 1, 4, 9, 16, 25 ... 49')
    """
    if len(depths) == 1:
        return f"depth {in_words(depths[0])}"
    if isinstance(depths, range) or list(depths) == list(range(math.ceil(depths[0]), math.floor(depths[-1]) + 1)):
        return f"depths {depths[0]} to {depths[-1]}"
    words = [in_words(depth) for depth in depths]
    return "depths " + (", ".join(words) if len(words) <= 6 else f"{', '.join(words[:5])} ... {words[-1]}")


def _too_many(text: str) -> InputError:
    return InputError(f"expected at most {MOST:,} depths, got more in {_checks.shown(text)}; choose fewer")


__all__ = ["MOST_DEPTH", "StudyDepths", "depth_words", "depths_of", "in_words", "study_depths"]
