"""The errors that bad input raises, and how its messages show what they got."""

import contextlib
import difflib
import math
import signal
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

_LONGEST = 80  # characters of a value in a message
_WHOLE_DIGITS = 17  # whole numbers beyond so many digits are shown by their size
_LONGEST_REASON = 200  # characters of the message of another program's error


class InputError(ValueError):
    """Bad input: the message names the offending rows or values and says what to do."""


class NotInMemoryError(InputError):
    """Bad input that does not fit in memory."""


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
    """A whole number, rounded to four digits where it has many: text of thousands of digits helps nobody.

    >>> whole(10**20), whole(10**20 - 1), whole(-(2**64))
    ('1e+20', 'about 1e+20', 'about -1.845e+19')
    """
    size = abs(number)
    if size < 10**_WHOLE_DIGITS:
        return str(number)
    exponent = int(math.log10(size))  # off by one where the logarithm rounds to a whole number
    if exponent >= 10**6:  # no use in a power of ten of a million digits
        return f"about {'-' if number < 0 else ''}1e+{exponent}"
    exponent += (size >= 10 ** (exponent + 1)) - (size < 10**exponent)
    unit = 10 ** (exponent - 3)
    leading = (size + unit // 2) // unit
    exact = leading * unit == size
    exponent += leading == 10**4
    digits = f"{leading / (10**4 if leading == 10**4 else 10**3):g}"
    return f"{'' if exact else 'about '}{'-' if number < 0 else ''}{digits}e+{exponent}"


def first_line(error: BaseException) -> str:
    """The first line of an error's message that says something, fit for a message of our own; "" where there is none.

    >>> first_line(ValueError("\\n  a\\tb\\nmore"))
    'a\\\\tb'
    """
    try:
        text = str(error)
    except Exception:  # whatever the __str__ of a foreign error may raise
        return ""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    seen = "".join(
        each.encode("unicode_escape", "backslashreplace").decode("ascii")
        if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else each
        for each in line[: _LONGEST_REASON + 1]
    )
    return seen if len(line) <= _LONGEST_REASON else f"{seen[:_LONGEST_REASON]} ..."


def reason(error: BaseException) -> str:
    """What an error says, by its kind and `first_line`: "ValueError: no such thing", or "ValueError" alone."""
    line = first_line(error)
    return f"{type(error).__name__}: {line}" if line else type(error).__name__


@contextlib.contextmanager
def blamed(refusal: Callable[[str], str], passing: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
    """Whatever code of the user's raises, or where it ends the program, is an InputError: `refusal` of its `reason`.

    Errors of the kinds in `passing` pass, and Ctrl-C; a KeyboardInterrupt that the code raises where Ctrl-C is not
    heard of does not.
    """
    try:
        yield
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
        if interrupted or isinstance(error, passing):
            raise
        raise InputError(refusal(reason(error))) from error


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
