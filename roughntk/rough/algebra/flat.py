"""The tensor algebra on flat vectors, as signatures and log-signatures are returned, with any batch axes.

A flat element of T^N(R^d) is levels 1..N joined end to end, the last axis of an array (..., sum_k d^k); leading
axes are batch axes and broadcast. Level 0 is left out: it is 1 for the group elements (signatures), which form a
group under `product`, and 0 for the Lie elements (their logarithms). The level is told from the number of
entries and `channels`.

Every function raises `InputError` for a size that is no sum of powers of `channels`, two different sizes, batch
axes that do not broadcast, or NaN in concrete values. See `algebra` for the formulas.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra import operations as algebra
from roughntk.rough.algebra.layout import Tensor, flatten, level_of, unflatten


def product(a: Any, b: Any, channels: int) -> jax.Array:
    """a (x) b of two group elements: Chen's identity for signatures."""
    return _apply(algebra.product, channels, 1.0, a, b)


def bracket(a: Any, b: Any, channels: int) -> jax.Array:
    """[a, b] = a (x) b - b (x) a of two Lie elements."""
    return _apply(algebra.bracket, channels, 0.0, a, b)


def exp(lie: Any, channels: int) -> jax.Array:
    """exp of an element without scalar part, for instance a log-signature in words: a group element."""
    return _apply(algebra.exp, channels, 0.0, lie)


def log(element: Any, channels: int) -> jax.Array:
    """log of a group element, in words: the log-signature of a signature."""
    return _apply(algebra.log, channels, 1.0, element)


def inverse(element: Any, channels: int) -> jax.Array:
    """The inverse of a group element: the signature of the reversed path."""
    return _apply(algebra.inverse, channels, 1.0, element)


def antipode(element: Any, channels: int) -> jax.Array:
    """The antipode, the inverse of a group-like element by permutation only."""
    return _apply(algebra.antipode, channels, 1.0, element)


def dilate(element: Any, scale: Any, channels: int) -> jax.Array:
    """delta_c: level k times c^k, `scale` c a number or an array of the batch axes' shape."""
    element = _flat(element, "element")
    scale = jnp.asarray(scale if _checks.is_traced(scale) else _checks.real_array(scale, "scale"), float)
    level = level_of(element.shape[-1], channels)
    powers = np.repeat(np.arange(1, level + 1), [channels**k for k in range(1, level + 1)])
    _broadcast(element.shape[:-1], scale.shape)
    factors = jnp.stack([scale**k for k in range(1, level + 1)], -1)
    return element * factors[..., powers - 1]


def _apply(function: Callable[..., Tensor], channels: int, scalar: float, *arrays: Any) -> jax.Array:
    flats = [_flat(array, "element") for array in arrays]
    sizes = {flat.shape[-1] for flat in flats}
    if len(sizes) > 1:
        raise InputError(f"expected two elements of one size, got {sorted(sizes)}; truncate the longer one")
    level = level_of(sizes.pop(), channels)
    _broadcast(*(flat.shape[:-1] for flat in flats))

    def one(*rows: jax.Array) -> jax.Array:
        return flatten(function(*(unflatten(row, channels, level, scalar=scalar) for row in rows)))

    signature = ",".join(["(n)"] * len(flats)) + "->(n)"
    return jnp.vectorize(one, signature=signature)(*flats)


def _flat(value: Any, name: str) -> jax.Array:
    if not _checks.is_traced(value):
        value = _checks.real_array(value, name)
    if value.ndim == 0:
        raise InputError(f"expected {name} of shape (..., entries), got a number; pass a flat tensor")
    return jnp.asarray(value, float)


def _broadcast(*shapes: tuple[int, ...]) -> None:
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise InputError(
            f"expected batch axes that broadcast, got {' and '.join(map(str, shapes))}; give as many elements on each "
            f"side, or one, or add axes of length 1"
        ) from None
