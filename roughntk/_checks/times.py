"""Times that increase strictly: the one validator of them."""

from typing import Any

import numpy as np

from roughntk._checks.arrays import is_traced, real_array
from roughntk._checks.errors import InputError, apart


def increasing_times(times: Any, count: int | None = None, name: str = "times") -> np.ndarray:
    """`times` as a float64 array of strictly increasing, finite numbers.

    Args:
        times: shape (points,), at least two.
        count: the number of points, None where any number will do.
        name: what the message calls them.

    Raises:
        InputError: a tracer, entries that are no finite numbers, another shape, times that do not increase (the first
            two that do not are named).
    """
    if is_traced(times):
        raise InputError(f"expected concrete {name}, got a JAX tracer; choose the {name} outside jit and vmap")
    array = real_array(times, name)
    if count is not None and array.shape != (count,):
        raise wrong_number_of_times(count, array.shape, name)
    if array.ndim != 1 or array.size < 2:
        raise InputError(
            f"expected strictly increasing {name} of shape (points,), at least two, got shape {array.shape}; give the "
            f"start and the end"
        )
    stuck = first_not_increasing(array)
    if stuck is not None:
        kind = "repeated" if array[stuck] == array[stuck + 1] else "decreasing"
        first, second = apart(array[stuck], array[stuck + 1])
        raise InputError(
            f"expected strictly increasing {name}, got {kind} {name}[{stuck}] = {first}, {name}[{stuck + 1}] = "
            f"{second}; sort the points and drop repeated times"
        )
    return array


def first_not_increasing(values: np.ndarray) -> int | None:
    """The first i with values[i + 1] not above values[i], numbers or dates; None where all increase.

    >>> first_not_increasing(np.array([0.0, 1.0, 1.0, 2.0])), first_not_increasing(np.array([0.0, 1.0]))
    (1, None)
    """
    stuck = np.flatnonzero(~(values[1:] > values[:-1]))
    return int(stuck[0]) if stuck.size else None


def wrong_number_of_times(count: int, shape: tuple[int, ...], name: str = "times") -> InputError:
    """The error for times that are not one for each of `count` points."""
    return InputError(
        f"expected {name} of shape ({count},), one for each point, got shape {shape}; give one time per point"
    )
