"""Arrays of known real numbers, from whatever holds numbers: lists, NumPy and JAX arrays, data frames, xarray."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from roughntk._checks.errors import InputError, name_rows, reason, shown, traced, traced_array
from roughntk._checks.maps import pieces, stored
from roughntk._checks.scalars import is_infinite, known_number, one_depth

_PLAIN = (np.ndarray, np.generic, jax.Array, list, tuple, int, float)

_NUMBERS = {float, int, bool, np.float64, np.float32, np.int64}
"""Types that are no sequences, so that rows of them are passed over at once."""
_DEEPEST = 64
"""Axes of a NumPy array at most, and so the depth to which lists are looked through."""


def is_traced(*values: Any) -> bool:
    """Whether any of the values is a JAX tracer, whose entries cannot be looked at."""
    return any(isinstance(value, Tracer) for value in values)


def float64_array(value: Any, name: str, *, truth: bool = True) -> np.ndarray:
    """`value` as a new float64 array, NaN and infinity included; a read-only memory map of float64 is not copied.

    Args:
        value: nested lists, NumPy or JAX arrays of any width, pandas, polars or pyarrow frames and series, xarray, or
            anything else with the array protocol.
        name: what the message calls it.
        truth: whether truth values count, as 0 and 1: they do in data, not where a single one is no number.

    Raises:
        InputError: a tracer, rows of unequal length, entries that are no real numbers (the column or the first place
            is named), masked or missing entries (the rows are named), numbers beyond float64.
    """
    if is_traced(value):
        raise traced_array(name)
    if (on_disk := stored(value)) is not None:
        return on_disk
    if not isinstance(value, _PLAIN):
        columns = _from_frame(value, name)
        if columns is not None:
            return columns
    check_mask(value, name)
    raw = _as_array(value, name)
    if raw.dtype.kind in "OUSMmc" or (raw.dtype.kind == "V" and not jnp.issubdtype(raw.dtype, np.number)):
        raw = _entry_by_entry(raw, value, name)
    if not (
        (truth and raw.dtype.kind == "b")
        or jnp.issubdtype(raw.dtype, np.integer)
        or jnp.issubdtype(raw.dtype, np.floating)
    ):
        raise InputError(f"expected {name} to hold real numbers, got dtype {raw.dtype}; convert it to float64 first")
    with np.errstate(over="ignore"):
        array = np.array(raw, dtype=np.float64)
    if raw.dtype.itemsize > 8:  # extended precision
        beyond = np.isinf(array) & ~np.isinf(raw)
        if beyond.any():
            raise InputError(
                f"expected entries of {name} within float64 (1.8e308), got {int(beyond.sum())} beyond it "
                f"({_place(name, np.argwhere(beyond)[0])}); rescale them"
            )
    return array


def real_array(value: Any, name: str) -> np.ndarray:
    """`value` as a float64 array with finite entries (`float64_array`); the message names the first offenders."""
    array = float64_array(value, name)
    if all(np.isfinite(array[part]).all() for part in _parts(array)):
        return array
    count = 0
    places: list[tuple[int, ...]] = []
    for part in _parts(array):
        bad = np.argwhere(~np.isfinite(array[part]))
        if len(bad) and array.ndim:
            bad[:, 0] += part.start
        count += len(bad)
        places += [tuple(map(int, place)) for place in bad[: 5 - len(places)]]
    listed = ", ".join(f"{_place(name, place)} = {array[place]}" for place in places)
    raise InputError(
        f"expected finite entries in {name}, got {count} NaN or infinite ({listed}); remove or impute those rows"
    )


def _parts(array: np.ndarray) -> Iterator[Any]:
    """Parts of an array along its first axis, so that nothing of its size is made."""
    return pieces(len(array), array[:1].size) if array.ndim else iter([...])


def matrix(value: Any, name: str, *, columns: int | None = None) -> np.ndarray:
    """`value` as a finite float64 matrix (rows are points), with `columns` columns if given."""
    array = real_array(value, name)
    if array.ndim != 2:
        raise InputError(
            f"expected {name} of shape (points, dimension), got shape {array.shape}; "
            f"reshape it, for one point to (1, dimension)"
        )
    if 0 in array.shape:
        raise InputError(f"expected {name} with at least one row and one column, got shape {array.shape}; add some")
    check_columns(array.shape, name, columns)
    return array


def check_columns(shape: tuple[int, ...], name: str, columns: int | None) -> None:
    """Refuse points with another number of columns than the training points have."""
    if columns is not None and shape[-1] != columns:
        raise InputError(
            f"expected {name} with {columns} columns, as the training points have, got {shape[-1]}; "
            f"use the same features for both"
        )


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
        raise InputError(f"expected {name} with at least one channel, got shape {array.shape}; add a column")
    if array.shape[0] < 2:
        raise InputError(
            f"expected {name} with at least two points, got {array.shape[0]}; a path needs a start and an end"
        )
    return array


def real_depth(depth: Any, shape: tuple[int, ...] = ()) -> np.ndarray:
    """Real depths >= 1 (infinity included) as a float64 array that broadcasts against `shape`."""
    if is_traced(depth):
        raise traced("depth")
    if known_number(depth) is not None or not (isinstance(depth, list | tuple) or bool(getattr(depth, "shape", None))):
        return np.asarray(one_depth(depth))
    array = float64_array(depth, "depth", truth=False)
    bad = ~(array >= 1)
    if bad.any():
        first = float(array[bad][0])
        raise InputError(f"expected a depth of at least 1, got {first!r}; depth 1 is the input layer")
    try:
        np.broadcast_shapes(array.shape, shape)
    except ValueError:
        raise InputError(
            f"expected depths that broadcast against shape {shape}, got shape {array.shape}; add axes, for instance "
            f"depth[:, None, None]"
        ) from None
    return array


def _as_array(value: Any, name: str) -> np.ndarray:
    """`np.asarray`, with the reason where there is none."""
    try:
        return np.asarray(value)
    except jax.errors.TracerArrayConversionError:
        raise traced_array(name) from None
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise InputError(f"expected {name} to be an array of numbers, got {error}; convert it to one") from None
        raise InputError(
            f"expected {name} to be a rectangular array of numbers, got rows of unequal length ({error}); "
            f"give every row the same number of entries"
        ) from None
    except Exception as error:  # whatever the array protocol of a foreign object may raise
        if hasattr(value, "data_vars") and hasattr(value, "to_dataarray"):
            listed = ", ".join(map(str, list(value.data_vars)[:8]))
            raise InputError(
                f"expected {name} to be one array of numbers, got a {type(value).__name__} of the variables {listed}; "
                f"make each of them a column: .to_dataarray().T"
            ) from None
        raise InputError(
            f"expected {name} to be an array of numbers, got {type(value).__name__} ({reason(error)}); "
            f"convert it to a NumPy array first"
        ) from None


def _entry_by_entry(raw: np.ndarray, value: Any, name: str) -> np.ndarray:
    """Numbers that NumPy keeps as objects, such as whole numbers beyond 64 bit or fractions, one at a time."""
    if raw.dtype.kind != "O":
        raise InputError(f"expected {name} to hold real numbers, got {_kind(raw, name)}; {_remedy(raw)}")
    if raw.ndim == 0 and hasattr(value, "toarray"):
        raise InputError(
            f"expected {name} as a dense array, got a sparse {type(value).__name__}; call its .toarray() first"
        )
    entries = np.empty(raw.shape)
    for place in np.ndindex(raw.shape):
        entry = raw[place]
        number = known_number(entry)
        if number is None and is_traced(entry):
            raise traced_array(name)
        if number is None:
            raise InputError(
                f"expected {name} to hold real numbers, got {_place(name, place)} = {shown(entry)}; leave it out, or "
                f"convert it to a number first"
            )
        try:
            entries[place] = float(number)
        except OverflowError:
            entries[place] = math.inf
        if math.isinf(entries[place]) and not is_infinite(entry):
            raise InputError(
                f"expected entries of {name} within float64 (1.8e308), got {_place(name, place)} = {shown(entry)}; "
                f"rescale them"
            )
    return entries


def _kind(raw: np.ndarray, name: str) -> str:
    """What a dtype that holds no real numbers holds."""
    if raw.dtype.kind in "US" and raw.size:
        place = np.unravel_index(0, raw.shape)
        return f"dtype {raw.dtype}, text ({_place(name, place)} = {shown(raw[place].item())})"
    names = {"c": "complex numbers", "M": "dates", "m": "time spans", "V": "records"}
    return f"dtype {raw.dtype}, {names.get(raw.dtype.kind, 'no numbers')}"


def _remedy(raw: np.ndarray) -> str:
    if raw.dtype.kind == "c":
        return "pass real and imaginary parts as columns of their own"
    if raw.dtype.kind in "Mm":
        return "convert them to numbers, for instance to seconds from the first one"
    if raw.dtype.names:
        return "numpy.lib.recfunctions.structured_to_unstructured makes columns of its fields"
    return "convert it to float64 first"


def check_mask(value: Any, name: str) -> None:
    """Refuse masked entries by row, those of masked arrays inside of lists and other sequences, too."""
    count, rows = _masked(value)
    if count:
        raise InputError(
            f"expected {name} without masked entries, got {count} in {name_rows(rows)}; remove or fill those rows"
        )


def _masked(value: Any, depth: int = 0) -> tuple[int, list[int]]:
    """How many entries are masked, and in which rows."""
    if isinstance(value, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(value)
        rows = np.flatnonzero(mask.reshape(len(mask), -1).any(axis=1)).tolist() if mask.ndim and mask.size else [0]
        return int(mask.sum()), rows
    if type(value) is not list and type(value) is not tuple and not _is_sequence(value):
        return 0, []
    if depth > _DEEPEST or {*map(type, value)} <= _NUMBERS:
        return 0, []
    counts = [_masked(part, depth + 1)[0] for part in value]
    return sum(counts), [row for row, count in enumerate(counts) if count]


def _is_sequence(value: Any) -> bool:
    """Whether a value is a sequence that may hold arrays."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind == "O" and value.ndim > 0
    return isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview | range)


def _place(name: str, place: Any) -> str:
    numbers = ", ".join(str(int(part)) for part in place)
    return f"{name}[{numbers}]" if numbers else name


def frame_or_series(value: Any, name: str) -> Any:
    """The narwhals frame or series of a value of any library; any other value as it is.

    Raises:
        InputError: a lazy frame, or one that has a name twice.
    """
    import narwhals as nw

    try:
        frame = nw.from_native(value, pass_through=True, allow_series=True)
        columns = list(frame.columns) if isinstance(frame, nw.DataFrame) else []
    except nw.exceptions.DuplicateError:
        frame, columns = value, list(getattr(value, "column_names", value.columns))
    if isinstance(frame, nw.LazyFrame):
        raise InputError(f"expected {name} with known entries, got a lazy frame; call its .collect() first")
    if len(set(columns)) < len(columns):
        twice = next(column for i, column in enumerate(columns) if column in columns[:i])
        count = columns.count(twice)
        raise InputError(
            f"expected each name once in {name}, got {'two' if count == 2 else count} columns named {twice}; rename "
            f"them, or leave one out"
        )
    return frame


def _from_frame(value: Any, name: str) -> np.ndarray | None:
    """The numbers of a pandas, polars, pyarrow or other frame or series; None for what is none."""
    import narwhals as nw

    frame = frame_or_series(value, name)
    if isinstance(frame, nw.Series):
        return _column(frame, name, f"a series of type {frame.dtype}", "convert it to numbers first")
    if not isinstance(frame, nw.DataFrame):
        return None
    columns = list(frame.columns)
    if not columns:
        return np.empty((len(frame), 0))
    return np.stack(
        [
            _column(
                series,
                name,
                f"the column {shown(column)} of type {series.dtype}",
                "drop it, give it as the target, or encode it as numbers first",
            )
            for column, series in zip(columns, frame.iter_columns(), strict=True)
        ],
        axis=1,
    )


def _column(series: Any, name: str, got: str, remedy: str) -> np.ndarray:
    """One column as float64; missing entries are refused by row."""
    import narwhals as nw

    kept = None
    if series.dtype.is_numeric() or series.dtype == nw.Boolean:
        with contextlib.suppress(Exception):  # whatever a library may raise that cannot convert a column
            kept = np.array(series.cast(nw.Float64).to_numpy(), dtype=np.float64)
    if kept is None:
        raise InputError(f"expected numeric columns in {name}, got {got}; {remedy}")
    missing = np.flatnonzero(np.asarray(series.is_null().to_numpy(), dtype=bool))
    if missing.size:
        raise InputError(
            f"expected {name} without missing entries, got {missing.size} in {got.removeprefix('the ')} "
            f"({name_rows(missing)}); remove or impute those rows"
        )
    return kept
