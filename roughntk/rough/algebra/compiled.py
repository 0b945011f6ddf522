"""Compiled loops over the points of paths whose numbers are known: products of steps, one after the other.

One machine code serves every number of points, channels and levels, so that a shape that was not seen before costs
nothing; traced paths go through JAX (`signatures.blocks`). Imported where it is first used, as numba is slow to load.
"""

import functools

import numpy as np

from roughntk._compiled import compiled, compiled_fused
from roughntk.rough.algebra.layout import signature_size


def straight_products(points: np.ndarray, level: int, *, every: bool = False) -> np.ndarray:
    """exp(dx_1) (x) ... (x) exp(dx_n) of paths, flat, (..., size); if `every`, of every beginning, (..., n, size).

    `points`: finite float64, C-contiguous, (..., points, channels).
    """
    *batch, count, channels = points.shape
    paths = points.reshape(-1, count, channels)
    size = signature_size(channels, level)
    out = np.empty((len(paths), count - 1 if every else 1, size))
    straight(paths, offsets(channels, level), reversed_words(channels, level), out)
    return out.reshape(*batch, count - 1, size) if every else out.reshape(*batch, size)


def running_products(steps: np.ndarray, channels: int, level: int) -> np.ndarray:
    """The flat products X_1, X_1 (x) X_2, ... of flat group elements, shape (steps, size)."""
    out = np.empty(steps.shape)
    chained(np.ascontiguousarray(steps), np.array([0, len(steps)]), offsets(channels, level), True, out)
    return out


def joined_products(steps: np.ndarray, bounds: np.ndarray, channels: int, level: int) -> np.ndarray:
    """The flat products of the elements from each of the increasing bounds to the next, shape (bounds - 1, size)."""
    out = np.empty((len(bounds) - 1, steps.shape[1]))
    chained(np.ascontiguousarray(steps), np.asarray(bounds, np.int64), offsets(channels, level), False, out)
    return out


@functools.lru_cache(maxsize=64)
def offsets(channels: int, level: int) -> np.ndarray:
    """Where the levels 1, ..., `level` begin in a flat tensor, and its size."""
    return np.array([signature_size(channels, k) if k else 0 for k in range(level + 1)], dtype=np.int64)


@functools.lru_cache(maxsize=16)
def reversed_words(channels: int, level: int) -> np.ndarray:
    """The place of each word read backwards, in a flat tensor."""
    ends = offsets(channels, level)
    parts = (
        start + np.arange(stop - start).reshape((channels,) * k).T.ravel()
        for k, (start, stop) in enumerate(zip(ends[:-1], ends[1:], strict=True), start=1)
    )
    return np.concatenate(list(parts))


@compiled
def straight(paths, ends, order, out):
    """The flat products of exp(dx_i) of each path: all of them if out has a row for each step, else the last.

    The entries are kept at the places of their words read backwards. There the new letter comes first, so that the
    innermost loop runs over all words that it is put before; `order` puts them right.
    """
    count, channels = paths.shape[1], paths.shape[2]
    size, level = ends[-1], len(ends) - 1
    state, dx = np.empty(size), np.empty(channels)
    gain, longer = np.empty(size - ends[level - 1]), np.empty(size - ends[level - 1])
    for path in range(len(paths)):
        for place in range(size):
            state[place] = 0.0
        for i in range(1, count):
            for a in range(channels):
                dx[a] = paths[path, i, a] - paths[path, i - 1, a]
            put_before(state, dx, ends, gain, longer)
            if out.shape[1] == count - 1:
                for place in range(size):
                    out[path, i - 1, place] = state[order[place]]
        if out.shape[1] != count - 1:
            for place in range(size):
                out[path, 0, place] = state[order[place]]


@compiled_fused
def put_before(state, dx, ends, gain, longer):
    """S (x) exp(dx) of words that are read backwards, by Horner's scheme: level n gains
    dx (x) (S^{n-1} + dx/2 (x) (S^{n-2} + ... + dx/n))."""
    channels = len(dx)
    for n in range(len(ends) - 1, 0, -1):
        for a in range(channels):
            gain[a] = dx[a] / n
        for k in range(1, n):
            words, low = ends[k] - ends[k - 1], state[ends[k - 1] : ends[k]]
            for place in range(words):
                gain[place] += low[place]
            for a in range(channels):
                factor, row = dx[a] / (n - k), longer[a * words : (a + 1) * words]
                for place in range(words):
                    row[place] = factor * gain[place]
            gain, longer = longer, gain
        top = state[ends[n - 1] : ends[n]]
        for place in range(len(top)):
            top[place] += gain[place]


@compiled
def chained(steps, bounds, ends, every, out):
    """The products X_{b_j} (x) ... (x) X_{b_{j+1} - 1} of flat group elements for the bounds b; if `every`, all that
    lead up to them."""
    size = ends[-1]
    product = np.zeros(size)
    for group in range(len(bounds) - 1):
        for place in range(size):
            product[place] = 0.0
        for i in range(bounds[group], bounds[group + 1]):
            after = out[i] if every else out[group]
            times(product, steps[i], ends, after)
            for place in range(size):
                product[place] = after[place]


@compiled_fused
def times(a, b, ends, out):
    """a (x) b of flat group elements, whose scalar part 1 is left out."""
    for n in range(1, len(ends)):
        low = ends[n - 1]
        for place in range(low, ends[n]):
            out[place] = a[place] + b[place]
        for k in range(1, n):
            right = b[ends[n - k - 1] : ends[n - k]]
            for i in range(ends[k] - ends[k - 1]):
                factor, row = a[ends[k - 1] + i], out[low + i * len(right) : low + (i + 1) * len(right)]
                for place in range(len(right)):
                    row[place] += factor * right[place]
