"""Paths through the layers of a network, known by their inner products alone.

For steps x_1, x_2, ... of a path X_k = x_1 + ... + x_k in a Euclidean space all of |X_j - X_i| and of the
Hilbert-Schmidt norms of the second level follow from the Gram matrix g_kl = <x_k, x_l>, of as many rows as there are
steps, however many entries a step has:

    |X_{i,j}|^2 = sum_{i < k, l <= j} g_kl,
    |X^2_{i,j}|^2 = sum_{k, l} <Y_k, Y_l> g_kl,   Y_k = x_{i+1} + ... + x_{k-1} + theta x_k,

theta = 0 for the Ito lift of the walk, X^2_{i,j} = sum_{k < l} x_k (x) x_l, and 1/2 for that of the interpolation.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError

ENTRIES = 2**22
"""Numbers that are held in float64 at a time."""
LARGEST = 1e100
"""Of entries, so that sums over layers and squares of them stay within float64."""


def layers_of(weights: Any, name: str) -> tuple[np.ndarray, ...]:
    """The layers as arrays of one shape, in the dtype that they have; their entries are looked at later.

    Raises:
        InputError: what is no sequence of two or more arrays, layers of unequal shapes (named), no real numbers.
    """
    if _checks.is_traced(weights) or (isinstance(weights, list | tuple) and _checks.is_traced(*weights)):
        raise _checks.traced_array(name)
    if isinstance(weights, str | bytes) or not (hasattr(weights, "__len__") and hasattr(weights, "__getitem__")):
        raise InputError(
            f"expected {name} as a list of arrays, one a layer, got {_checks.shown(weights)}; give [W_1, ..., W_L], "
            f"or a file with a pattern"
        )
    if getattr(weights, "shape", None) == () or len(weights) < 2:
        raise InputError(f"expected {name} of at least two layers, got {_checks.shown(weights)}; give [W_1, ..., W_L]")
    layers = tuple(_array(weights[k], f"layer {k} of {name}") for k in range(len(weights)))
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for k, layer in enumerate(layers):
        by_shape.setdefault(layer.shape, []).append(k)
    if len(by_shape) > 1:
        usual, *others = sorted(by_shape.items(), key=lambda item: -len(item[1]))
        listed = "; ".join(f"{shape} in {_named(few)}" for shape, few in others[:5])
        raise InputError(
            f"expected layers of one shape in {name}, got {usual[0]} in {_named(usual[1])} and {listed} (counted from "
            f"0); a path through the layers needs equal shapes: leave out the others, such as the first and the last"
        )
    return layers


def _named(layers: Iterable[int]) -> str:
    return _checks.name_rows(layers).replace("rows", "layers").replace("row", "layer")


def _array(layer: Any, name: str) -> np.ndarray:
    kept = isinstance(layer, np.ndarray) and (layer.dtype.kind == "f" or layer.dtype.name == "bfloat16")
    if not kept or isinstance(layer, np.ma.MaskedArray):
        layer = _checks.real_array(layer, name)
    if layer.size == 0:
        raise InputError(f"expected {name} with entries, got shape {layer.shape}; leave it out")
    return layer


def pieces_of(layers: Sequence[np.ndarray], name: str) -> Iterator[np.ndarray]:
    """The layers as rows of float64, shape (layers, entries), some entries at a time. Raises `InputError` for NaN."""
    flat = [layer.reshape(-1) for layer in layers]
    width = max(1, ENTRIES // len(flat))
    for start in range(0, len(flat[0]), width):
        rows = np.stack([part[start : start + width].astype(np.float64) for part in flat])
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise InputError(
                f"expected finite weights in {name}, got NaN or infinity in {_named(bad)} (counted from 0); leave that "
                f"layer out, or train again"
            )
        yield rows


def unit_of(layers: Sequence[np.ndarray], name: str) -> int:
    """The exponent k for which entries in units of 2^k are at most 1. Raises `InputError` for entries beyond 1e100."""
    largest = max(float(np.abs(rows).max()) for rows in pieces_of(layers, name))
    if largest > LARGEST:
        raise InputError(f"expected {name} with entries within {LARGEST:g}, got {largest:.3g}; rescale them")
    return math.frexp(largest)[1] if largest else 0


def gram(rows: np.ndarray) -> np.ndarray:
    """<x_k, x_l>, exactly symmetric."""
    product = rows @ rows.T
    return (product + product.T) / 2


def distances_of_steps(products: np.ndarray) -> np.ndarray:
    """|X_j - X_i| for all points of the path, shape (steps + 1, steps + 1), from the inner products of its steps.

    The square of a distance has an error of the order of eps times the square of the length of that piece of the path.
    """
    count = len(products)
    squares = np.zeros((count + 1, count + 1))
    for i in reversed(range(count)):
        across = np.concatenate([[0.0], np.cumsum(products[i, i + 1 :])])
        squares[i, i + 1 :] = squares[i + 1, i + 1 :] + products[i, i] + 2 * across
    distances = np.sqrt(np.maximum(squares, 0.0))
    return distances + distances.T


def second_level_of_steps(products: np.ndarray, *, ito: bool) -> np.ndarray:
    """|X^2_{i,j}| in the Hilbert-Schmidt norm, shape (steps + 1, steps + 1), for i < j, from the inner products.

    The error is of the order of sqrt(eps) times the square of the length of the path.
    """
    count = len(products)
    sizes = np.zeros((count + 1, count + 1))
    for i in range(count):
        block = products[i:, i:]
        before = _partial(_partial(block, ito, 0), ito, 1)
        leading = np.diagonal(np.cumsum(np.cumsum(before * block, axis=0), axis=1))
        sizes[i, i + 1 :] = np.sqrt(np.maximum(leading, 0.0))
    return sizes


def _partial(block: np.ndarray, ito: bool, axis: int) -> np.ndarray:
    """Sums of what comes before along an axis, and for the interpolation of half of the entry itself."""
    return np.cumsum(block, axis=axis) - (block if ito else block / 2)
