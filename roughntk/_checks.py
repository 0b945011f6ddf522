"""Eager validation of what a user hands in, in one place.

Whatever can be known before any tracing (shape, rank, range, NaN, unknown names) is checked here and
raised as an :class:`InputError`, whose message always has the form "expected ..., got ...; do ...":
it names the offending rows or values and the remedy.
"""

import difflib
import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np
from jax.core import Tracer


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


def is_traced(*values: Any) -> bool:
    """Whether any of the values is a JAX tracer, whose entries cannot be looked at."""
    return any(isinstance(value, Tracer) for value in values)


def real_array(value: Any, name: str) -> np.ndarray:
    """`value` as a float64 array with finite entries; the message names the first offenders."""
    try:
        raw = np.asarray(value)
    except ValueError as error:
        raise InputError(
            f"expected {name} to be a rectangular array of numbers, got rows of unequal length ({error}); "
            f"give every row the same number of entries"
        ) from None
    if raw.dtype.kind not in "fiub":
        raise InputError(f"expected {name} to hold real numbers, got dtype {raw.dtype}; convert it to float64 first")
    array = np.array(raw, dtype=np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        places = [tuple(map(int, place)) for place in np.argwhere(~finite)[:5]]
        shown = ", ".join(f"{name}[{', '.join(map(str, place))}] = {array[place]}" for place in places)
        raise InputError(
            f"expected finite entries in {name}, got {int((~finite).sum())} NaN or infinite ({shown}); "
            f"remove or impute those rows"
        )
    return array


def matrix(value: Any, name: str, *, columns: int | None = None) -> np.ndarray:
    """`value` as a finite float64 matrix (rows are points), with `columns` columns if given."""
    array = real_array(value, name)
    if array.ndim != 2:
        raise InputError(
            f"expected {name} of shape (points, dimension), got shape {array.shape}; "
            f"reshape it, for one point to (1, dimension)"
        )
    if 0 in array.shape:
        raise InputError(f"expected {name} with at least one row and one column, got shape {array.shape}")
    if columns is not None and array.shape[1] != columns:
        raise InputError(
            f"expected {name} with {columns} columns, as the training points have, got {array.shape[1]}; "
            f"use the same features for both"
        )
    return array


def path_points(value: Any, name: str = "path") -> np.ndarray:
    """A path as a finite float64 array (points, channels), at least two points and one channel."""
    array = real_array(value, name)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise InputError(
            f"expected {name} of shape (points, channels), got shape {array.shape}; pass one path at a time"
        )
    if array.shape[1] == 0:
        raise InputError(f"expected {name} with at least one channel, got shape {array.shape}")
    if array.shape[0] < 2:
        raise InputError(
            f"expected {name} with at least two points, got {array.shape[0]}; a path needs a start and an end"
        )
    return array


def choice(value: Any, choices: Sequence[str], name: str) -> str:
    """`value` if it is one of `choices`; otherwise an error with the nearest name."""
    if isinstance(value, str) and value in choices:
        return value
    near = difflib.get_close_matches(str(value), choices, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else "; use one of these"
    raise InputError(f"expected {name} to be one of {', '.join(choices)}, got {value!r}{hint}")


def integer(value: Any, name: str, *, least: int, most: int | None = None) -> int:
    """`value` as a Python int of at least `least` (and at most `most`)."""
    whole = isinstance(value, numbers.Integral | np.integer) and not isinstance(value, bool | np.bool_)
    if not whole:
        raise InputError(f"expected {name} to be a whole number, got {value!r}")
    number = int(value)
    if number < least or (most is not None and number > most):
        wanted = f"at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(f"expected {name} {wanted}, got {number}")
    return number


def level(value: Any) -> int:
    """A truncation level: a whole number of at least 1."""
    return integer(value, "level", least=1)


def real_number(value: Any) -> float:
    """`value`, a number or an array of shape (), as a float; NaN, which lies in no range, for anything else (a
    truth value or a tracer included)."""
    if isinstance(value, jax.Array | np.ndarray) and not is_traced(value) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # a whole number beyond float64
        return math.inf if value > 0 else -math.inf  # type: ignore[operator]


def exponent(p: Any) -> float:
    """A variation exponent: a finite real number p >= 1."""
    number = real_number(p)
    if not 1 <= number < math.inf:
        raise InputError(f"expected a finite exponent p >= 1, got {p!r}; p = 1 is the length of the path")
    return number


def integer_depth(depth: Any) -> int:
    """A network depth as an int >= 1; accepts floats that are whole."""
    number = float(depth) if isinstance(depth, numbers.Real) and depth is not True else math.nan
    if not number >= 1:
        raise InputError(f"expected a depth of at least 1, got {depth!r}; depth 1 is the input layer")
    if number == math.inf:
        raise InputError("expected a finite whole depth here, got infinity; choose a finite depth")
    if number != int(number):
        raise InputError(f"expected a whole depth here, got {depth}; round it to an integer")
    return int(number)


def real_depth(depth: Any, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Real depths >= 1 (infinity included) as a float64 array that broadcasts against `shape`."""
    array = np.asarray(depth)
    if array.dtype.kind not in "fiu":
        raise InputError(f"expected a real depth of at least 1, got {depth!r}; depth 1 is the input layer")
    array = array.astype(np.float64)
    bad = ~(array >= 1)
    if bad.any():
        first = float(array[bad][0])
        raise InputError(f"expected a depth of at least 1, got {first:g}; depth 1 is the input layer")
    try:
        np.broadcast_shapes(array.shape, shape)
    except ValueError:
        raise InputError(
            f"expected depths that broadcast against shape {shape}, got shape {array.shape}; add axes, for instance "
            f"depth[:, None, None]"
        ) from None
    return array


def require_x64(what: str) -> None:
    """Refuse to compute `what` with JAX in 32-bit mode, where its answer has no correct digits to spare."""
    if not jax.dtypes.canonicalize_dtype(float) == np.float64:
        raise InputError(
            f"expected JAX in 64-bit mode, got 32-bit; {what} needs float64: unset ROUGHNTK_ENABLE_X64 or call "
            f'jax.config.update("jax_enable_x64", True)'
        )
