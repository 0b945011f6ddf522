"""Compiled evaluation of a table (:mod:`roughntk.kernels.table`), in place.

A table has a row of coefficients of 1, t, ..., t^5 for each piece. The loops go over some hundred entries twice: first
for pieces and positions t, which the compiler does for several entries at once, then for the polynomials, which load
two neighbouring coefficients at once (`_polynomial`). One loop for both takes more than twice as long.

Imported where it is first used, so that importing the package does not load numba. The loops release the
interpreter's lock.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from roughntk._compiled import compiled

_TERMS = 6
_PART = 512  # entries: their pieces, positions and values stay in the nearest cache
_ONE = 1023 << 52  # the bits of 1.0


@intrinsic
def _polynomial(typing_context, coefficients, start, t):
    """(c0 + c2 t^2 + c4 t^4) + t (c1 + c3 t^2 + c5 t^4), c0 being number `start` of flat coefficients.

    Written in the compiler's own terms, which have pairs of numbers: three loads of a pair instead of six.
    """
    pair, index = ir.VectorType(ir.DoubleType(), 2), ir.IntType(32)
    first, second = ir.Constant(index, 0), ir.Constant(index, 1)
    fused = ("contract",)  # one instruction for a product and a sum, where there is one

    def generate(context, builder, signature, arguments):
        array, start, t = arguments
        data = cgutils.create_struct_proxy(signature.args[0])(context, builder, array).data
        pairs = builder.bitcast(builder.gep(data, [start]), pair.as_pointer())
        loaded = [builder.load(builder.gep(pairs, [ir.Constant(index, k)]), align=8) for k in range(_TERMS // 2)]
        square = builder.fmul(t, t)
        squares = builder.insert_element(ir.Constant(pair, ir.Undefined), square, first)
        squares = builder.insert_element(squares, square, second)
        both = loaded[-1]
        for further in loaded[-2::-1]:
            both = builder.fadd(builder.fmul(both, squares, flags=fused), further, flags=fused)
        even, odd = builder.extract_element(both, first), builder.extract_element(both, second)
        return builder.fadd(builder.fmul(odd, t, flags=fused), even, flags=fused)

    return types.float64(coefficients, types.uint64, types.float64), generate


@compiled
def _polynomials(values, coefficients, starts, positions):
    """Replaces entries by the polynomials that begin at `starts`."""
    for k in range(values.size):
        values[k] = _polynomial(coefficients, np.uint64(starts[k]), positions[k])  # type: ignore[call-arg]


@compiled
def _angle_pieces(theta, scale, last, shift, first, starts, positions):
    """The pieces of angles: each is 2^-shift of the mantissa of 1 + scale theta, the first of them at bits `first`."""
    position = (1 << shift) - 1
    for k in range(theta.size):
        bits = np.float64(1 + scale * theta[k]).view(np.int64)
        piece = (bits >> shift) - first
        piece = 0 if piece < 0 else piece
        starts[k] = _TERMS * (last if piece > last else piece)
        positions[k] = np.int64((bits & position) << (52 - shift) | _ONE).view(np.float64) - 1.0


@compiled
def _correlation_pieces(rho, half, shift, first, limit, starts, positions):
    """The pieces of 1 - |rho| likewise, `half` for rho >= 0, then as many for rho < 0; how many are beyond a limit."""
    position, last, beyond = (1 << shift) - 1, half - 1, 0
    for k in range(rho.size):
        size = abs(rho[k])
        beyond += not size <= limit
        bits = np.float64(1 - size).view(np.int64)
        piece = (bits >> shift) - first
        piece = 0 if piece < 0 else piece
        piece = last if piece > last else piece
        piece += half & (np.float64(rho[k]).view(np.int64) >> 63)  # where the sign is set
        starts[k] = _TERMS * piece
        positions[k] = np.int64((bits & position) << (52 - shift) | _ONE).view(np.float64) - 1.0
    return beyond


@compiled
def _end_pieces(theta, half, shift, first, same, starts, positions):
    """The pieces of angles up to pi/2, then as many of pi - theta; up to `same` the last of the first half."""
    position, last = (1 << shift) - 1, half - 1
    for k in range(theta.size):
        opposite = np.pi - theta[k]
        second = opposite < theta[k]
        bits = np.float64(opposite if second else theta[k]).view(np.int64)
        piece = (bits >> shift) - first
        bits = np.int64(0) if piece < 0 else bits
        piece = 0 if piece < 0 else piece
        piece = last if (piece > last) | (theta[k] <= same) else piece
        starts[k] = _TERMS * (piece + (half if second else 0))
        positions[k] = np.int64((bits & position) << (52 - shift) | _ONE).view(np.float64) - 1.0


@compiled
def at_angles(values, scale, table, shift, first):
    """Replaces angles by K; those outside [0, pi] take the nearest piece."""
    coefficients, starts, positions = table.reshape(-1), np.empty(_PART, np.int64), np.empty(_PART)
    for begin in range(0, values.size, _PART):
        part = values[begin : begin + _PART]
        _angle_pieces(part, scale, len(table) - 1, shift, first, starts, positions)
        _polynomials(part, coefficients, starts, positions)


@compiled
def at_both_ends(values, table, shift, first, same):
    """Replaces angles in [0, pi] by f, from pieces of theta up to pi/2, then as many of pi - theta.

    Up to `same` it is the constant piece that ends the first half.
    """
    coefficients, starts, positions = table.reshape(-1), np.empty(_PART, np.int64), np.empty(_PART)
    for begin in range(0, values.size, _PART):
        part = values[begin : begin + _PART]
        _end_pieces(part, len(table) // 2, shift, first, same, starts, positions)
        _polynomials(part, coefficients, starts, positions)


@compiled
def at_correlations(values, table, shift, first, limit, places, cosines):
    """Replaces correlations by K; keeps the places and the values of those beyond `limit`, and returns their number.

    `table` has the pieces of 1 - |rho| for rho >= 0, then as many for rho < 0.
    """
    coefficients, starts, positions = table.reshape(-1), np.empty(_PART, np.int64), np.empty(_PART)
    count = 0
    for begin in range(0, values.size, _PART):
        part = values[begin : begin + _PART]
        if _correlation_pieces(part, len(table) // 2, shift, first, limit, starts, positions):
            for k in range(part.size):
                if not abs(part[k]) <= limit:
                    places[count], cosines[count] = begin + k, part[k]
                    count += 1
        _polynomials(part, coefficients, starts, positions)
    return count
