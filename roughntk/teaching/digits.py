"""Numbers as they are written: whether one is another rounded to its digits."""

import math
from decimal import Decimal
from typing import Any

import numpy as np

MOST = 4  # significant digits that are asked for at most


def wanted(tolerance: float, right: float) -> int:
    """The significant digits to which a number has to be rounded to stay within a relative tolerance: two to four."""
    digits = range(2, MOST)
    return next((each for each in digits if 0.5 * 10.0 ** (_first(right) + 1 - each) <= tolerance * abs(right)), MOST)


def is_rounded(given: float, right: float, least: int, *, single: bool = False) -> bool:
    """Whether a number is the true value, rounded to the digits in which it was written.

    The digits are those of the shortest decimal that is read as this number. Zeros at the end are not seen in it, so
    that as many are counted as make `least` digits: 2.37 is 2.370.

    Args:
        given: the number.
        right: the true value.
        least: significant digits of the true value that it has to have.
        single: whether the number has been in single precision.
    """
    if not (math.isfinite(given) and math.isfinite(right) and right):
        return False
    written = Decimal(str(np.float32(given)) if single else repr(float(given))).normalize()
    last = min(int(written.as_tuple().exponent), _first(right) + 1 - least)
    return abs(given - right) <= 0.5 * 10.0**last * (1 + 1e-6)


def _first(value: float) -> int:
    """The place of the first digit: 0 for units, 1 for tens."""
    return math.floor(math.log10(abs(value)))


def are_rounded(given: np.ndarray, right: np.ndarray, least: int, *, single: bool = False) -> np.ndarray:
    """`is_rounded`, entry by entry; a true value of 0 has no digits, so that it is never rounded."""
    pairs = zip(given.ravel().tolist(), right.ravel().tolist(), strict=True)
    return np.array([is_rounded(*pair, least, single=single) for pair in pairs], dtype=bool).reshape(right.shape)


def in_single_precision(answer: Any) -> bool:
    """Whether an answer is a number or an array of 32 bits."""
    dtype = getattr(answer, "dtype", None)
    return isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize == 4
