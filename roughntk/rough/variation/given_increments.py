"""The p-variation of increments that are given for all pairs of sample points, whatever made them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.variation.dynamic import Programme, Supremum
from roughntk.rough.variation.levels import NORMS, VariationTable, table_of


def p_variation_levels_of_increments(
    increments: Sequence[Any], p: float, *, norm: str = "l1", root: bool = True, finest: int = 1
) -> VariationTable:
    """The p-variation of increments Z_{i,j} that are given for all pairs of sample points i < j, at each level k:

    ( sup over partitions of sum |Z^k_{t_i,t_{i+1}}|^{p/k} )^{k/p}.

    Nothing is assumed of Z, Chen's identity neither: with Z = X - Y it is the p-variation distance of X and Y.

    Args:
        increments: for each level k = `finest`, `finest` + 1, ... an array (points, points, ...) that holds Z^k_{i,j}
            at [i, j]; entries with i >= j are not looked at.
        p: the exponent, p >= 1.
        norm: "l1" (entrywise) or "l2" (Hilbert-Schmidt), over the axes after the first two.
        root: whether the outer root (.)^{k/p} is taken.
        finest: the level of the first array.

    Returns:
        A `Variation` for each level, by level: a `VariationTable`.

    Raises:
        InputError: p < 1, an unknown norm, no levels, arrays that do not hold all pairs of the same two or more points,
            NaN or infinity at i < j (the first such pair is named).
    Source: FrizVictoir2010, section 5.1.

    >>> import numpy as np
    >>> path = np.array([0.0, 1.0, -1.0, 2.0])
    >>> p_variation_levels_of_increments([path[None, :] - path[:, None]], 1.0)[1].value
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
    count = np.shape(increments[0])[0] if np.ndim(increments[0]) > 1 else 0
    by_level = {
        k: (_supremum(_sizes(array, k, count, norm), p / k), "dynamic programme")
        for k, array in enumerate(increments, start=finest)
    }
    return table_of(by_level, p, norm, root)


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
