"""The layouts of an element of the truncated tensor algebra T^N(R^d), and what they take in memory.

Per level: a *tensor* is a tuple of N + 1 arrays, level k being flat, of shape (d**k,), in lexicographic word
order (the entry of the word i1 i2 ... ik, letters from 1, is at sum_m (i_m - 1) d^{k-m}); level 0 has shape
(1,). Flat: levels 1..N joined end to end, without level 0, as signatures are returned.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError

Tensor = tuple[jax.Array, ...]
Word = tuple[int, ...]


def signature_size(channels: int, level: int) -> int:
    """sum_{k=1}^{level} channels^k, the length of a flat signature.

    Raises `InputError` where that many float64 numbers exceed the memory that is free (naming the need).

    >>> import roughntk as rn
    >>> rn.rough.signature_size(2, 3)
    14
    """
    channels = _checks.integer(channels, "channels", least=1)
    level = _checks.level(level)
    try:
        entries = float(level) if channels == 1 else channels * (float(channels) ** level - 1) / (channels - 1)
    except OverflowError:
        entries = math.inf
    _checks.memory(
        8.0 * entries,
        f"a signature of level {_shown(level)} in {_shown(channels)} channels",
        "lower the level or use fewer channels",
    )
    return level if channels == 1 else channels * (channels**level - 1) // (channels - 1)


def _shown(number: int) -> str:
    """A whole number, to three digits where it is beyond 10^9."""
    return f"{number}" if number <= 10**9 else f"{min(number, 10**300):.3g}"


def level_of(size: int, channels: int) -> int:
    """The level N of a flat tensor of `size` = sum_{k=1}^N channels^k entries.

    Raises `InputError` if there is none.
    """
    channels = _checks.integer(channels, "channels", least=1)
    level, total = 0, 0
    while total < size:
        level += 1
        total += channels**level
    if level == 0 or total != size:
        raise InputError(
            f"expected a flat tensor with sum_k {channels}^k entries for {channels} channels, got {size}; "
            f"leave out the leading 1, and check the number of channels"
        )
    return level


def identity(channels: int, level: int) -> Tensor:
    """The unit (1, 0, ..., 0) of T^level(R^channels).

    Raises `InputError` for channels or level below 1, or beyond the memory that is free.
    """
    signature_size(channels, level)
    return (jnp.ones(1), *(jnp.zeros(channels**k) for k in range(1, level + 1)))


def check_tensor(tensor: Any, name: str = "tensor", *, finite: bool = True) -> Tensor:
    """`tensor` as a tuple of float JAX arrays, level k of shape (d^k,); level 0 may be a number.

    Raises `InputError` unless it is a tuple of levels 0, 1, ..., N, N >= 1, of those shapes, of real numbers, and,
    where `finite`, without NaN or infinity; of traced levels the shape alone is looked at.
    """
    if not isinstance(tensor, tuple) or len(tensor) < 2:
        got = f"{len(tensor)} of them" if isinstance(tensor, tuple) else type(tensor).__name__
        raise InputError(
            f"expected {name} to be a tuple of levels 0, 1, ..., N, N >= 1, got {got}; tensor.unflatten makes it of a "
            f"flat array"
        )
    parts = tuple(_level_array(part, f"{name}[{k}]", finite) for k, part in enumerate(tensor))
    parts = (parts[0].reshape(1) if parts[0].ndim == 0 else parts[0], *parts[1:])
    channels = parts[1].size
    shapes = [part.shape for part in parts]
    if channels == 0 or shapes != [(channels**k,) for k in range(len(parts))]:
        raise InputError(
            f"expected {name} with levels of the shapes (1,), (d,), (d^2,), ..., got {shapes}; each level is flat, in "
            f"lexicographic word order"
        )
    return parts


def real_values(value: Any, name: str) -> jax.Array:
    """`value` as a float JAX array of finite real numbers; of a traced one the type alone is looked at."""
    return _level_array(value, name, True)


def _level_array(part: Any, name: str, finite: bool) -> jax.Array:
    if _checks.is_traced(part):
        if jnp.iscomplexobj(part):
            raise InputError(f"expected {name} to hold real numbers, got dtype {part.dtype}; take the real part")
        return part if jnp.issubdtype(part.dtype, jnp.floating) else jnp.asarray(part, float)
    plain = isinstance(part, jax.Array | np.ndarray) and part.dtype.kind == "f"
    if not plain or (finite and not np.isfinite(np.asarray(part)).all()):
        part = _checks.real_array(part, name)  # which names what is wrong
    return jnp.asarray(part, float)


def flatten(tensor: Tensor) -> jax.Array:
    """Levels 1..N of `tensor` as one vector of sum_k d^k entries; level 0 is dropped.

    Raises `InputError` for what is no tensor, or NaN in concrete levels.
    """
    return _join(check_tensor(tensor))


@jax.jit
def _join(tensor: Tensor) -> jax.Array:
    return jnp.concatenate(tensor[1:])


def unflatten(flat: jax.Array, channels: int, level: int, *, scalar: float = 1.0) -> Tensor:
    """The tensor whose levels 1..N are `flat` and whose level 0 is `scalar` (1 for a signature, 0 for its
    log).

    Raises `InputError` if `flat` does not have shape (sum_k channels^k,), or NaN in a concrete `flat`.
    """
    flat = real_values(flat, "flat")
    size = signature_size(channels, level)
    if flat.shape != (size,):
        raise InputError(
            f"expected a flat tensor of shape ({size},) for {channels} channels and level {level}, "
            f"got shape {flat.shape}; leave out the leading 1 and use jax.vmap for batches"
        )
    return _split(flat, channels, level, scalar)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _split(flat: jax.Array, channels: int, level: int, scalar: float) -> Tensor:
    ends = np.cumsum([channels**k for k in range(1, level + 1)])[:-1]
    return (jnp.full(1, scalar, flat.dtype), *jnp.split(flat, ends))
