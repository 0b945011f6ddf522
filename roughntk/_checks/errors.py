"""The errors that bad input raises, and how its messages show what they got."""

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any

_LONGEST = 80  # characters of a value in a message
_WHOLE_DIGITS = 17  # whole numbers beyond so many digits are shown by their size


class InputError(ValueError):
    """Bad input: the message names the offending rows or values and says what to do."""


class MissingBackendError(ImportError):
    """An optional package is not installed: the message holds the command that installs it."""


def name_rows(rows: Iterable[int], limit: int = 5) -> str:
    """`rows 3, 7 and 9` or `rows 0, 1, 2, 3, 4 and 17 more`, for error messages."""
    rows = [int(row) for row in rows]
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) <= limit:
        return "rows " + ", ".join(map(str, rows[:-1])) + f" and {rows[-1]}"
    return "rows " + ", ".join(map(str, rows[:limit])) + f" and {len(rows) - limit} more"


def name_pairs(pairs: Iterable[tuple[int, int]], limit: int = 5) -> str:
    """`rows 1 and 4; rows 2 and 9`, for error messages."""
    pairs = list(pairs)
    text = "; ".join(f"rows {int(i)} and {int(j)}" for i, j in pairs[:limit])
    return text if len(pairs) <= limit else f"{text}; and {len(pairs) - limit} more pairs"


def apart(*numbers: float, digits: int = 6) -> tuple[str, ...]:
    """The numbers as text, all with the fewest significant digits, from `digits` on, at which unequal ones differ.

    >>> apart(1704067200.0, 1704067199.5)
    ('1704067200', '1704067199.5')
    """
    values = [float(number) for number in numbers]
    different = len({value for value in values if not math.isnan(value)})
    for count in range(digits, 18):
        shown = tuple(f"{value:.{count}g}" for value in values)
        if len({text for text in shown if text != "nan"}) >= different:
            return shown
    return tuple(f"{value:.17g}" for value in values)


def shown(value: Any) -> str:
    """What was given, short enough for one message: a class by its name, a large array by its shape."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if type(value).__module__.startswith("jax") and "Tracer" in type(value).__name__:
        return f"a traced value of type {value.aval.str_short()}"
    if isinstance(value, int) and abs(value) >= 10**_WHOLE_DIGITS:
        return whole(value)
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and math.prod(part for part in shape if isinstance(part, int)) > 6:
        return f"{type(value).__name__} of shape {shape}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # whatever a user's __repr__ may raise
        text = " at 0x"
    if " at 0x" in text:
        return getattr(value, "__name__", "") or f"an object of type {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 4]} ..."


def whole(number: int) -> str:
    """A whole number, by its leading digits where it has many: text of thousands of digits helps nobody."""
    if abs(number) < 10**_WHOLE_DIGITS:
        return str(number)
    exponent = int(math.log10(abs(number)))
    leading = abs(number) // 10 ** (exponent - 3) / 1000 if exponent < 10**6 else 1.0
    return f"{'-' if number < 0 else ''}{leading:g}e+{exponent}"


def choice(value: Any, choices: Sequence[str], name: str) -> str:
    """`value` if it is one of `choices`; otherwise an error with the nearest name."""
    if isinstance(value, str) and value in choices:
        return str(value)
    near = difflib.get_close_matches(str(value), choices, n=1) if isinstance(value, str) else []
    hint = f"; did you mean {near[0]!r}?" if near else "; use one of these"
    raise InputError(f"expected {name} to be one of {', '.join(choices)}, got {shown(value)}{hint}")


def traced(name: str) -> InputError:
    """The error for a tracer where a value must be known: `name` says which."""
    return InputError(
        f"expected a known {name.removeprefix('a ')}, got one that JAX is tracing; it decides what is computed: pass a "
        f"plain number or NumPy array, outside jit, grad and vmap (or as a static argument of them)"
    )


def traced_array(name: str) -> InputError:
    """The error for traced entries where NumPy and SciPy work on the values."""
    return InputError(
        f"expected known numbers in {name}, got an array that JAX is tracing; this function works outside jit, grad "
        f"and vmap: call it there (kernels, angles and rn.sphere.project work inside)"
    )
