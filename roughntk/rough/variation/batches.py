"""One number a path, for batches of paths: leading axes as in `signature`, (..., points, channels) -> (...)."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.paths.lifts import Lift
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear, path_array

#: Points of a path, and of all paths together, from which on threads share out the paths: the compiled loops release
#: the interpreter's lock, and shorter paths spend their time outside of them.
LONG_PATH, MANY_POINTS = 2_000, 100_000


def batch_of(path: Any, name: str) -> np.ndarray | None:
    """`path` as a float64 array (..., points, channels) if it has leading axes, else None.

    Raises `InputError` for a batch that is traced, empty, not finite, or of less than two points or one channel.
    """
    if isinstance(path, PiecewiseLinear | Lift | type):
        return None
    _checks.check_mask(path, name)
    try:
        axes = np.ndim(path)
    except Exception:  # a ragged list or what is no array, which the reader of paths names
        return None
    if axes < 3:
        return None
    if _checks.is_traced(path):
        raise InputError(f"expected a concrete {name}, got a JAX tracer; p-variation is computed outside jit and vmap")
    return np.ascontiguousarray(path_array(path, name, batch=True))


def for_each_path(number: Callable[..., float], **paths: Any) -> Any:
    """`number` at the paths; where some are batches, the array of its values at each, the leading axes broadcast.

    Raises `InputError` for leading axes that do not broadcast, and what `number` raises, naming the path.
    """
    batches = {name: batch_of(path, name) for name, path in paths.items()}
    given = {name: batch for name, batch in batches.items() if batch is not None}
    if not given:
        return number(*paths.values())
    axes = {name: batch.shape[:-2] for name, batch in given.items()}
    try:
        shape = np.broadcast_shapes(*axes.values())
    except ValueError:
        raise InputError(
            f"expected batches of paths whose leading axes broadcast, got {' and '.join(map(str, axes.values()))}; "
            f"pass as many paths in each, or one path in place of a batch"
        ) from None
    views = {name: np.broadcast_to(batch, (*shape, *batch.shape[-2:])) for name, batch in given.items()}

    def at(place: tuple[int, ...]) -> float:
        try:
            return number(*(views[name][place] if name in views else path for name, path in paths.items()))
        except InputError as error:
            where = ", ".join(f"{name}[{', '.join(map(str, place))}]" for name in views)
            raise InputError(f"{where}: {error}") from None

    places = list(np.ndindex(shape))
    longest = max(batch.shape[-2] for batch in given.values())
    workers = _workers() if longest >= LONG_PATH and longest * len(places) >= MANY_POINTS else 1
    if workers == 1:
        numbers = [at(place) for place in places]
    else:
        with ThreadPoolExecutor(workers) as pool:
            numbers = list(pool.map(at, places))
    return np.array(numbers).reshape(shape)


def _workers() -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, 16)
