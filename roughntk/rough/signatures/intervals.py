"""Signatures of every piece of a sampled path: X_{i,j} for all sample points i < j from any backend."""

from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra import tensor
from roughntk.rough.signatures.evaluation import prefix_signatures


def signatures_of_intervals(path: Any, level: int, *, backend: str = "jax") -> np.ndarray:
    """S(X_{i,j}) for all sample points i < j, each from its own points, by one backend.

    For each start i the backend streams through the points i, i + 1, ..., so that no two large numbers are subtracted
    as in S(X_{0,i})^{-1} (x) S(X_{0,j}).

    Args:
        path: shape (points, channels), or (points,) for one channel.
        level: highest level N.
        backend: as for `signature`.

    Returns:
        NumPy array (points, points, size), size = sum_{k <= N} channels^k; zeros, the trivial signature, for i >= j.

    Raises:
        InputError: as `signature` does; more memory than is free.

    >>> import numpy as np
    >>> signatures = signatures_of_intervals(np.array([[0.0], [1.0], [3.0]]), 2)
    >>> [float(value) for value in signatures[0, 2]]  # 3 and 3^2 / 2
    [3.0, 4.5]
    """
    points = _checks.real_array(path, "path")
    points = points[:, None] if points.ndim == 1 else points
    if points.ndim != 2 or len(points) < 2:
        raise InputError(
            f"expected a path of shape (points, channels), at least two points, got shape {points.shape}; "
            f"give one path at a time"
        )
    level = _checks.level(level)
    count, channels = points.shape
    size = tensor.signature_size(channels, level)
    _checks.memory(
        8.0 * 4.0 * count * count * size,
        f"signatures of all pairs of {count} points in {channels} channels at level {level}",
        "use fewer points or channels, or a lower level",
    )
    signatures = np.zeros((count, count, size))
    if backend == "jax":  # one shape: the start is repeated, which leaves every signature alone
        rows = np.maximum(np.arange(count), np.arange(count - 1)[:, None])
        prefixes = np.asarray(prefix_signatures(points[rows], level, backend=backend))
        upper = np.triu_indices(count, 1)
        signatures[upper] = prefixes[upper[0], upper[1] - 1]
        return signatures
    for start in range(count - 1):
        signatures[start, start + 1 :] = prefix_signatures(points[start:], level, backend=backend)
    return signatures
