"""Signatures of every piece of a sampled path, and the p-variation of increments that are given.

The two ends of one chain: X_{i,j} for all sample points i < j from any signature backend, and the exact p-variation
(or distance) that they make, by the dynamic programme over all pairs.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra import tensor
from roughntk.rough.signatures.evaluation import prefix_signatures
from roughntk.rough.variation.dynamic import Programme, Supremum
from roughntk.rough.variation.exact import NORMS, Variation


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
    >>> found = signatures_of_intervals(np.array([[0.0], [1.0], [3.0]]), 2)
    >>> [float(value) for value in found[0, 2]]  # 3 and 3^2 / 2
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
    found = np.zeros((count, count, size))
    if backend == "jax":  # one shape: the start is repeated, which leaves every signature alone
        rows = np.maximum(np.arange(count), np.arange(count - 1)[:, None])
        prefixes = np.asarray(prefix_signatures(points[rows], level, backend=backend))
        upper = np.triu_indices(count, 1)
        found[upper] = prefixes[upper[0], upper[1] - 1]
        return found
    for start in range(count - 1):
        found[start, start + 1 :] = prefix_signatures(points[start:], level, backend=backend)
    return found


def variation_of_increments(
    increments: Sequence[Any], p: float, *, norm: str = "l2", root: bool = True, finest: int = 1
) -> Variation:
    """The p-variation of increments Z_{i,j} that are given for all pairs of sample points i < j,

    max over the levels k of ( sup over partitions of sum |Z^k_{t_i,t_{i+1}}|^{p/k} )^{k/p}.

    Nothing is assumed of Z, Chen's identity neither: with Z = X - Y it is the p-variation distance of X and Y.

    Args:
        increments: for each level k = `finest`, `finest` + 1, ... an array (points, points, ...) that holds Z^k_{i,j}
            at [i, j]; entries with i >= j are not looked at.
        p: the exponent, p >= 1.
        norm: "l1" (entrywise) or "l2" (Hilbert-Schmidt), over the axes after the first two.
        root: whether the outer root (.)^{k/p} is taken; without it, give one level only.
        finest: the level of the first array.

    Raises:
        InputError: p < 1, an unknown norm, no levels, arrays that do not hold all pairs of the same two or more points,
            NaN or infinity at i < j (the first such pair is named), root=False with several levels.

    >>> import numpy as np
    >>> path = np.array([0.0, 1.0, -1.0, 2.0])
    >>> variation_of_increments([path[None, :] - path[:, None]], 1.0).value
    6.0
    """
    root = _checks.flag(root, "root")
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    finest = _checks.level(finest)
    if not isinstance(increments, Sequence) or not increments:
        raise InputError(
            f"expected increments as a list of arrays, one a level, got {type(increments).__name__} "
            f"{'without levels' if isinstance(increments, Sequence) else ''}; give [Z1, Z2, ...], each (points, "
            f"points, ...)"
        )
    if not root and len(increments) > 1:
        raise InputError(
            f"expected one level with root=False, as each level has its own root, got {len(increments)}; give one "
            f"level at a time, with finest="
        )
    count = np.shape(increments[0])[0] if np.ndim(increments[0]) > 1 else 0
    found = {
        k: _supremum(_sizes(array, k, count, norm), p / k) for k, array in enumerate(increments, start=finest)
    }  # fmt: skip
    values = {k: best.value(root) for k, best in found.items()}
    level = max(values, key=lambda k: values[k])
    return Variation(values[level], p, level, norm, root, found[level].partition, "dynamic programme", values)


def _sizes(array: Any, level: int, count: int, norm: str) -> tuple[np.ndarray, int]:
    """|Z_{i,j}| for i < j in units of 2^exponent (0 elsewhere), and the exponent."""
    values = np.asarray(array)
    if values.ndim < 2 or values.shape[:2] != (count, count) or count < 2 or values.size == 0:
        raise InputError(
            f"expected increments of level {level} of shape (points, points, ...), the same two or more points at all "
            f"levels, got shape {values.shape}; put Z_(i,j) at [i, j]"
        )
    if values.dtype.kind not in "fiu":
        raise InputError(
            f"expected increments of level {level} to hold real numbers, got dtype {values.dtype}; give float64"
        )
    upper = np.triu_indices(count, 1)
    pairs = values[upper].reshape(len(upper[0]), -1).astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(pairs).all(axis=1))
    if bad.size:
        i, j = int(upper[0][bad[0]]), int(upper[1][bad[0]])
        raise InputError(
            f"expected finite increments, got NaN or infinity at level {level} between points {i} and {j} (and "
            f"{bad.size - 1} more pairs); see what computed them"
        )
    exponent = math.frexp(float(np.abs(pairs).max()))[1]
    scaled = np.ldexp(pairs, -exponent)
    sizes = np.zeros((count, count))
    sizes[upper] = np.abs(scaled).sum(axis=1) if norm == "l1" else np.sqrt((scaled * scaled).sum(axis=1))
    return sizes, exponent


def _supremum(sizes: tuple[np.ndarray, int], power: float) -> Supremum:
    table, exponent = sizes
    programme = Programme(len(table), power)
    programme.add(1, np.ascontiguousarray(table.T[1:]))
    return programme.result(exponent)
