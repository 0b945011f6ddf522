"""The built-in signature: Chen's product, a block of steps at a time, differentiable and batched.

Write S^k_i for level k of the signature up to the start of step i of a block, dx_i for the step. By Horner's scheme

    F(n, j)_i = (...((dx_i/(n+j) + S^1_i) (x) dx_i/(n+j-1) + S^2_i) (x) ... + S^{n-1}_i),

step i adds F(n, 0)_i (x) dx_i to level n. For the top level N a word is cut where its letter N - 1 falls, and sums are
exchanged, so that level N - 1 is never needed at the points inside the block, only at its start:

    S^N_end = S^N + S^{N-1} (x) sum_i dx_i + sum_i F(N-1, 0)_i (x) dx_i (x) (X_end - X_i)
                                           + sum_i F(N-1, 1)_i (x) dx_i (x) dx_i/2,

X_i the end of step i. The last sums are one matrix product over the steps, and what is kept for each step has
channels^(N-2) numbers and not channels^N. Arrays are (batch, words, steps): the steps are the fast axis.

Source: LyonsCaruanaLevy2007, section 2.2 (Chen's identity), for the product; the exchange of sums is Abel's.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from roughntk.rough.algebra import tensor
from roughntk.rough.algebra.bases import convert_basis

Levels = tuple[jax.Array, ...]


#: Bytes that the steps of a block may take beside the signature, and numbers of a step at a time, for each word of
#: length level - 2: measured from 2 to 50 channels, levels 4 to 20.
BLOCK_MEMORY, COPIES = 2**28, 6


def block_length(batch: int, steps: int, channels: int, level: int) -> int:
    """The steps of a block, measured: 32 keep wide blocks in the cache, 64 fill the vector units of narrow ones.

    At levels where the steps would take more memory than `BLOCK_MEMORY` there are fewer of them, at least 4.
    """
    words = batch * channels ** max(level - 2, 0)
    longest = 32 if words >= 256 else 64
    return max(1, min(steps, longest, max(4, BLOCK_MEMORY // (8 * COPIES * words))))


def needed_memory(batch: int, steps: int, channels: int, level: int, size: int) -> float:
    """Bytes at the peak of the signatures of `batch` paths, `size` numbers each."""
    block = block_length(batch, steps, channels, level) * float(channels) ** max(level - 2, 0)
    return 8.0 * batch * (COPIES * block + 3.0 * size + 4.0 * steps * channels)


@functools.partial(jax.jit, static_argnums=1)
def signatures(points: jax.Array, level: int) -> jax.Array:
    """The flat signatures of `points`, shape (..., points, channels): (..., size)."""
    return _join(_levels(points, level), points)


@functools.partial(jax.jit, static_argnums=(1, 2))
def log_signatures(points: jax.Array, level: int, basis: str) -> jax.Array:
    """The log-signatures of `points`, shape (..., points, channels), in the given basis."""
    logarithms = logarithms_of(_levels(points, level), basis)
    return logarithms.reshape(*points.shape[:-2], logarithms.shape[-1])


def logarithms_of(levels: Levels, basis: str) -> jax.Array:
    """The log-signatures in the given basis, shape (batch, coordinates), of the levels of signatures."""
    channels, level = levels[0].shape[1], len(levels)
    if channels == 1:
        return jnp.pad(levels[0], ((0, 0), (0, level - 1))) if basis == "words" else levels[0]
    logarithms = jax.vmap(lambda *parts: _log(parts, basis))(*levels)
    return convert_basis(logarithms, "lyndon", "hall", channels, level) if basis == "hall" else logarithms


def _log(parts: Levels, basis: str) -> jax.Array:
    lie = tensor.log((jnp.ones_like(parts[0][:1]), *parts))
    return tensor.flatten(lie) if basis == "words" else tensor.tensor_to_lyndon(lie)


@functools.partial(jax.jit, static_argnums=1)
def prefix_signatures(points: jax.Array, level: int) -> jax.Array:
    """The signatures up to each point but the first, shape (..., points - 1, size)."""
    steps, blocks = _blocks(points, level)

    rows = lax.scan(jax.checkpoint(advance_rows), _start(points, level), blocks)[1]
    rows = rows.transpose(1, 0, 3, 2).reshape(rows.shape[1], -1, rows.shape[2])[:, :steps]
    return rows.reshape(*points.shape[:-2], *rows.shape[1:])


def _levels(points: jax.Array, level: int) -> Levels:
    """The levels 1..level of the signatures, each of shape (batch, words)."""
    channels = points.shape[-1]
    if level == 1 or channels == 1:
        increment = (points[..., -1, :] - points[..., 0, :]).reshape(-1, channels)
        if channels > 1:
            return (increment,)
        return tuple(
            jnp.split(jnp.cumprod(increment / jnp.arange(1, level + 1, dtype=increment.dtype), axis=1), level, 1)
        )
    blocks = _blocks(points, level)[1]
    # Checkpointed: the reverse pass keeps the levels at the start of each block, and computes the block again.
    return lax.scan(jax.checkpoint(advance), _start(points, level), blocks)[0]


def _join(levels: Levels, points: jax.Array) -> jax.Array:
    flat = jnp.concatenate(levels, 1)
    return flat.reshape(*points.shape[:-2], flat.shape[1])


def _start(points: jax.Array, level: int) -> Levels:
    batch, channels = points[..., 0, 0].size, points.shape[-1]
    return tuple(jnp.zeros((batch, channels**k), points.dtype) for k in range(1, level + 1))


def _blocks(points: jax.Array, level: int) -> tuple[int, jax.Array]:
    """The number of steps, and the steps in blocks, shape (blocks, batch, channels, steps of a block).

    Steps of length 0 fill the last block; exp(0) = 1.
    """
    increments = jnp.diff(points, axis=-2)
    increments = increments.reshape(points[..., 0, 0].size, *increments.shape[-2:])
    batch, steps, channels = increments.shape
    length = block_length(batch, steps, channels, level)
    count = -(-steps // length)
    increments = jnp.pad(increments, ((0, 0), (0, count * length - steps), (0, 0)))
    return steps, increments.reshape(batch, count, length, channels).transpose(1, 0, 3, 2)


def _outer(a: jax.Array | None, b: jax.Array) -> jax.Array:
    """a (x) b of words at each step; None is the number 1."""
    if a is None:
        return b
    return (a[:, :, None] * b[:, None]).reshape(a.shape[0], -1, a.shape[2])


def _sums_before(rows: jax.Array) -> jax.Array:
    """The sum over the steps before each step of the block, as a product with a triangular matrix of ones."""
    steps = rows.shape[2]
    before = jnp.triu(jnp.ones((steps, steps), rows.dtype), 1)
    return jnp.matmul(rows.reshape(-1, steps), before, precision=lax.Precision.HIGHEST).reshape(rows.shape)


def _horner(before: list[jax.Array], dx: jax.Array, n: int, j: int) -> jax.Array | None:
    """F(n, j), with S^k = before[k - 1]; None is the number 1."""
    if n == 1:
        return None
    value = dx / (n + j)
    for k in range(1, n - 1):
        value = _outer(value + before[k - 1], dx / (n + j - k))
    return value + before[n - 2]


def advance_rows(state: Levels, dx: jax.Array) -> tuple[Levels, jax.Array]:
    """The signature levels after a block of steps dx, and the flat signatures after each step, (batch, size, steps)."""
    before: list[jax.Array] = []
    after = []
    for n, start in enumerate(state, start=1):
        gain = _outer(_horner(before, dx, n, 0), dx)
        before.append(_sums_before(gain) + start[..., None])
        after.append(before[-1] + gain)
    return tuple(part[..., -1] for part in after), jnp.concatenate(after, 1)


def advance(state: Levels, dx: jax.Array) -> tuple[Levels, None]:
    """The signature levels (at least two) after a block of steps dx, shape (batch, channels, steps)."""
    level = len(state)
    total = dx.sum(-1)
    before: list[jax.Array] = []
    after = []
    for n in range(1, level - 1):
        gain = _outer(_horner(before, dx, n, 0), dx)
        before.append(_sums_before(gain) + state[n - 1][..., None])
        after.append(before[-1][..., -1] + gain[..., -1])
    ahead = jnp.flip(_sums_before(jnp.flip(dx, 2)), 2)
    last, half = _horner(before, dx, level - 1, 0), _horner(before, dx, level - 1, 1)
    if last is None or half is None:
        after.append(state[0] + total)
        top = _sum_over_steps([dx, dx], [ahead, dx / 2])
    else:
        after.append(state[-2] + _sum_over_steps([last], [dx]))
        top = _sum_over_steps([last, half], [_outer(dx, ahead), _outer(dx, dx / 2)])
    chained = (state[-2][:, :, None] * total[:, None]).reshape(state[-1].shape)
    return (*after, state[-1] + chained + top), None


def _sum_over_steps(a: list[jax.Array], b: list[jax.Array]) -> jax.Array:
    """sum_i a_i (x) b_i over all steps of all pairs, shape (batch, words)."""
    a_all, b_all = jnp.concatenate(a, 2), jnp.concatenate(b, 2)
    sums = jnp.einsum("bis,bjs->bij", a_all, b_all, precision=lax.Precision.HIGHEST)
    return sums.reshape(sums.shape[0], -1)
