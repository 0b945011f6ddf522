"""The built-in JAX recursion for points that are known: compiled once for all numbers of points.

Traced points go through `blocks` as they are, in one compiled function for each shape. Known ones are handed over in
portions of a fixed number of blocks, of which the compiled function goes through as many as it is told to. Steps of
length 0 fill the last block, and paths of such steps the batch; exp(0) = 1.
"""

import functools
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from roughntk import _checks
from roughntk.rough.algebra.layout import signature_size
from roughntk.rough.signatures.blocks import Levels, advance, advance_rows, block_length, logarithms_of
from roughntk.rough.signatures.loops import powers

#: Blocks in a portion: the largest that is filled is taken. Where a block takes long by itself, it is one.
PORTIONS, LONG_BLOCK = (256, 16), 2**20

#: Words of length level - 2 of all paths, and numbers of all signatures, up to which lengths and batches are filled up.
FEW_WORDS, FEW_NUMBERS = 2**14, 2**22


def signatures(points: np.ndarray, level: int) -> jax.Array:
    """The flat signatures of `points`, shape (..., points, channels): (..., size)."""
    return _evaluated(points, level, None)


def log_signatures(points: np.ndarray, level: int, basis: str) -> jax.Array:
    """The log-signatures of `points`, shape (..., points, channels), in the given basis."""
    return _evaluated(points, level, basis)


def prefix_signatures(points: np.ndarray, level: int) -> jax.Array:
    """The signatures up to each point but the first, shape (..., points - 1, size)."""
    *batch, count, channels = points.shape
    if level == 1 or channels == 1:
        return jnp.asarray(powers(points[..., 1:, :] - points[..., :1, :], level))
    steps = _steps(points, level)
    with _at_once():
        state, parts = _start(len(steps), channels, level), []
        for portion, filled in _portions(steps, level):
            state, after = _through_rows(state, portion, filled)
            parts.append(np.asarray(after))
        rows = np.concatenate(parts, axis=1)[: int(np.prod(batch)), : count - 1]
        return jnp.asarray(rows.reshape(*batch, count - 1, rows.shape[2]))


def _evaluated(points: np.ndarray, level: int, basis: str | None) -> jax.Array:
    """The flat signatures, or the log-signatures in a basis."""
    *batch, _, channels = points.shape
    with _at_once():
        if level == 1 or channels == 1:
            flat = powers((points[..., -1, :] - points[..., 0, :]).reshape(-1, channels), level)
            state = _as_levels(flat, channels, level)
        else:
            steps = _steps(points, level)
            state = _start(len(steps), channels, level)
            for portion, filled in _portions(steps, level):
                state = _through(state, portion, filled)
        paths = int(np.prod(batch))
        if len(state[0]) == paths:
            return _joined(state, basis, tuple(batch))
        rows = np.asarray(_joined(state, basis, (len(state[0]),)))[:paths]
        return jnp.asarray(rows.reshape(*batch, rows.shape[1]))


def _steps(points: np.ndarray, level: int) -> np.ndarray:
    """The steps of each path, (paths, steps, channels), with paths of steps 0 up to a number of few digits."""
    steps = np.diff(points, axis=-2)
    steps = steps.reshape(-1, *steps.shape[-2:])
    few = len(steps) * signature_size(points.shape[-1], level) <= FEW_NUMBERS
    missing = -len(steps) % (1 << max(0, len(steps).bit_length() - 4)) if few else 0
    return np.pad(steps, ((0, missing), (0, 0), (0, 0))) if missing else steps


def _portions(steps: np.ndarray, level: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of steps, (blocks, paths, channels, steps of a block), and how many of them are filled."""
    paths, count, channels = steps.shape
    few = paths * channels ** max(level - 2, 0) <= FEW_WORDS
    length = block_length(paths, max(4, 1 << (count - 1).bit_length()) if few else count, channels, level)
    long = paths * length * signature_size(channels, level) >= LONG_BLOCK
    sizes = (1,) if long or count <= length else PORTIONS
    first, blocks = 0, -(-count // length)
    while blocks > 0:
        size = next((size for size in sizes if size <= blocks), sizes[-1])
        piece = steps[:, first : first + size * length]
        filled = np.zeros((paths, size * length, channels))
        filled[:, : piece.shape[1]] = piece
        portion = filled.reshape(paths, size, length, channels).transpose(1, 0, 3, 2)
        yield np.ascontiguousarray(portion, dtype=_dtype()), np.asarray(min(size, blocks), np.int32)
        first, blocks = first + size * length, blocks - size


def _dtype() -> Any:
    return jnp.result_type(float)


def _at_once() -> AbstractContextManager[None]:
    """Where a function is being traced, the context in which known numbers are computed with all the same."""
    return jax.ensure_compile_time_eval() if _checks.is_traced(_nothing()) else nullcontext()


@jax.jit
def _nothing() -> jax.Array:
    return jnp.zeros(())


def _start(paths: int, channels: int, level: int) -> tuple[np.ndarray, ...]:
    return tuple(np.zeros((paths, channels**k), _dtype()) for k in range(1, level + 1))


def _as_levels(flat: np.ndarray, channels: int, level: int) -> tuple[np.ndarray, ...]:
    ends = np.cumsum([channels**k for k in range(1, level)])
    return tuple(np.ascontiguousarray(part, dtype=_dtype()) for part in np.split(flat, ends, axis=1))


@jax.jit
def _through(state: Levels, portion: jax.Array, filled: jax.Array) -> Levels:
    """The levels after as many blocks of the portion as are filled."""
    return lax.fori_loop(0, filled, lambda i, levels: advance(levels, portion[i])[0], state)


@jax.jit
def _through_rows(state: Levels, portion: jax.Array, filled: jax.Array) -> tuple[Levels, jax.Array]:
    """The same with the flat signatures after each step, shape (paths, steps, size)."""
    blocks, paths, _, length = portion.shape
    rows = jnp.zeros((blocks, paths, sum(part.shape[1] for part in state), length), portion.dtype)

    def body(i: jax.Array, carried: tuple[Levels, jax.Array]) -> tuple[Levels, jax.Array]:
        levels, after = advance_rows(carried[0], portion[i])
        return levels, lax.dynamic_update_index_in_dim(carried[1], after, i, 0)

    state, rows = lax.fori_loop(0, filled, body, (state, rows))
    return state, rows.transpose(1, 0, 3, 2).reshape(paths, blocks * length, rows.shape[2])


@functools.partial(jax.jit, static_argnums=(1, 2))
def _joined(levels: Levels, basis: str | None, batch: tuple[int, ...]) -> jax.Array:
    flat = jnp.concatenate(levels, 1) if basis is None else logarithms_of(levels, basis)
    return flat.reshape(*batch, flat.shape[1])
