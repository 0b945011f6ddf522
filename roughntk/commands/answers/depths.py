"""Depths as the command line has them: numbers, ranges and inf, with commas."""

import math

from roughntk import _checks
from roughntk._checks import InputError

MOST = 1000
"""Depths at most."""


def depths_of(text: str) -> tuple[float, ...]:
    """The depths that a text lists, in order, each once.

    Args:
        text: "2,5,10.5,inf" or "1:30", whose steps are 1.

    Raises:
        InputError: no depth, a depth below 1, too many of them.

    >>> depths_of("1:3,10.5,inf")
    (1.0, 2.0, 3.0, 10.5, inf)
    """
    listed: list[float] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        start = _depth(first, text)
        if not colon:
            listed.append(start)
            continue
        end = _depth(last, text)
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
    return str(int(depth)) if math.isfinite(depth) and depth == int(depth) else repr(depth)


def _depth(word: str, text: str) -> float:
    try:
        depth = _checks.number_of_text(word, "--depth")
    except InputError:
        raise
    except ValueError:
        raise InputError(
            f"expected depths as numbers of at least 1, inf or FIRST:LAST, with commas, got {_checks.shown(text)}; "
            f"write for instance 2,5,10.5,inf or 1:30"
        ) from None
    if not depth >= 1:
        raise InputError(f"expected depths of at least 1, or inf, got {word.strip()}; depth 1 is the input layer")
    return float(_checks.real_depth(depth)) if math.isfinite(depth) else depth


def _too_many(text: str) -> InputError:
    return InputError(f"expected at most {MOST:,} depths, got more in {_checks.shown(text)}; choose fewer")


__all__ = ["depths_of", "in_words"]
