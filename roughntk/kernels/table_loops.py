"""Compiled evaluation of a table (:mod:`roughntk.kernels.table`), in place.

One pass over the entries with the coefficients of one piece after another in the cache is several times faster than
array operations, each of which gathers one coefficient for all entries. Imported where it is first used, so that
importing the package does not load numba. The loops release the interpreter's lock.
"""

import numpy as np

from roughntk._compiled import compiled


@compiled
def at_angles(values, scale, table, shift, first):
    """Replaces angles by K; those outside [0, pi] take the nearest piece.

    `table` has a row of coefficients of 1, t, ..., t^5 for each piece; a piece is 2^-shift of the mantissa of
    1 + scale theta, the first of them at bits `first`.
    """
    last, position, unit = len(table) - 1, (1 << shift) - 1, 2.0**-shift
    for k in range(values.size):
        bits = np.float64(1 + scale * values[k]).view(np.int64)
        piece = min(max((bits >> shift) - first, 0), last)
        t = float(bits & position) * unit
        row = table[np.uint64(piece)]  # no sign to look at
        values[k] = ((((row[5] * t + row[4]) * t + row[3]) * t + row[2]) * t + row[1]) * t + row[0]


@compiled
def at_correlations(values, table, shift, first, limit, places, cosines):
    """Replaces correlations by K; keeps the places and the values of those beyond `limit`, and returns their number.

    `table` has the pieces of 1 - |rho| for rho >= 0, then as many for rho < 0.
    """
    half = len(table) // 2
    last, position, unit, count = half - 1, (1 << shift) - 1, 2.0**-shift, 0
    for k in range(values.size):
        rho = values[k]
        size = abs(rho)
        if not size <= limit:
            places[count] = k
            cosines[count] = rho
            count += 1
        bits = np.float64(1 - size).view(np.int64)
        piece = min(max((bits >> shift) - first, 0), last)
        if rho < 0:
            piece += half
        t = float(bits & position) * unit
        row = table[np.uint64(piece)]  # no sign to look at
        values[k] = ((((row[5] * t + row[4]) * t + row[3]) * t + row[2]) * t + row[1]) * t + row[0]
    return count


@compiled
def at_both_ends(values, table, shift, first, at_zero, same):
    """Replaces angles in [0, pi] by f, from pieces of theta up to pi/2, then as many of pi - theta; 0 up to `same`."""
    half = len(table) // 2
    last, position, unit = half - 1, (1 << shift) - 1, 2.0**-shift
    for k in range(values.size):
        theta = values[k]
        if theta <= same:
            values[k] = at_zero
            continue
        size = min(theta, np.pi - theta)
        bits = np.float64(size).view(np.int64)
        piece = (bits >> shift) - first
        t = float(bits & position) * unit
        if piece < 0:
            piece, t = 0, 0.0
        piece = min(piece, last)
        if size < theta:
            piece += half
        row = table[np.uint64(piece)]  # no sign to look at
        values[k] = ((((row[5] * t + row[4]) * t + row[3]) * t + row[2]) * t + row[1]) * t + row[0]
