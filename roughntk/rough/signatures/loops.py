"""Signatures of known points by compiled loops (`algebra.compiled`): what "auto" takes, as nothing is compiled for a
shape that was not seen before. Functions are those of `backends.Package`; the first argument is not looked at.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from roughntk.rough.algebra import rows
from roughntk.rough.algebra.layout import signature_size
from roughntk.rough.algebra.lyndon import lyndon_positions, lyndon_projection

#: Numbers that the recursion goes through from which on the paths of a batch are shared out to threads.
MANY = 1_000_000


def signatures(_: Any, points: np.ndarray, level: int) -> np.ndarray:
    """The flat signatures, (..., size)."""
    channels = points.shape[-1]
    if channels > 1 and level > 1:
        return _shared(lambda part: _products(part, level), points, level)
    return powers(points[..., -1, :] - points[..., 0, :], level)


def prefix_signatures(_: Any, points: np.ndarray, level: int) -> np.ndarray:
    """The flat signatures up to each point but the first, (..., points - 1, size)."""
    channels = points.shape[-1]
    if channels > 1 and level > 1:
        return _shared(lambda part: _products(part, level, every=True), points, level)
    return powers(points[..., 1:, :] - points[..., :1, :], level)


def log_signatures(_: Any, points: np.ndarray, level: int) -> np.ndarray:
    """The log-signatures in the Lyndon basis, of at least two channels and level two."""
    channels = points.shape[-1]
    flat = signatures(None, points, level).reshape(-1, signature_size(channels, level))
    projections = lyndon_projection(channels, level)
    with np.errstate(over="ignore", invalid="ignore"):  # of signatures beyond float64, which the caller refuses
        parts = [
            projection @ part[:, lyndon_positions(channels, k)].T
            for k, (projection, part) in enumerate(
                zip(projections, rows.logarithms(rows.split(flat, channels, level)), strict=True), start=1
            )
        ]
    coordinates = np.concatenate(parts).T
    return coordinates.reshape(*points.shape[:-2], coordinates.shape[1])


def _products(points: np.ndarray, level: int, *, every: bool = False) -> np.ndarray:
    from roughntk.rough.algebra.compiled import straight_products

    return straight_products(points, level, every=every)


def powers(increments: np.ndarray, level: int) -> np.ndarray:
    """dx^k / k! in one channel, or level 1 in several."""
    if increments.shape[-1] > 1:
        return increments
    with np.errstate(over="ignore"):
        return np.cumprod(increments / np.arange(1, level + 1), axis=-1)


def _shared(function: Callable[[np.ndarray], np.ndarray], points: np.ndarray, level: int) -> np.ndarray:
    """`function` of all paths, in as many threads as there are processors where there is enough to do."""
    *batch, count, channels = points.shape
    paths = points.reshape(-1, count, channels)
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = min(available, 16, len(paths)) if paths.size * signature_size(channels, level) / channels >= MANY else 1
    if workers == 1:
        return function(points)
    with ThreadPoolExecutor(workers) as pool:
        results = np.concatenate(list(pool.map(function, np.array_split(paths, workers))))
    return results.reshape(*batch, *results.shape[1:])
