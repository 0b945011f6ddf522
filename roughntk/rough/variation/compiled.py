"""Compiled loops of the p-variation routines: those whose next step depends on the last one, which no array
operation expresses.

Imported where they are first used, so that importing the package does not load numba. Compiling takes about 2 s of
processor time each for scalar paths, for level 1 in several channels and for level 2, and 3 s for higher levels;
`_compiled` keeps the machine code where it can. The loops release the interpreter's lock.
"""

import numpy as np

from roughntk._compiled import compiled, compiled_fused
from roughntk.rough.variation.increments import TILE


@compiled
def pairs(mode, tiles, first, columns, points, others, right, gaps, other, left, offsets, state, side, norms, out):
    """Advances tensors Z_{i,j} of all i of some tiles over j = first, ..., first + columns - 1, with their norms.

    `mode` 0, 1: Z' = Z (x) r + side (x) g + g and side' = side (x) y (`side` and `other` empty in mode 0);
    mode 2: Z' = l (x) Z (x) r + g; r, g, y, l being row j of `right`, `gaps`, `other` and `left`, and level 1
    being points[j + 1] - points[i]. `state`, `side`: (tiles, entries, width), i = tile * width + t.
    `offsets`[k - 1]: the place of level k in a flat tensor. `norms`: (levels to measure, l1 or not).
    `out`[k, column, i]: the size of the level norms[k, 0] of Z_{i, j + 1}, for i <= j.
    """
    channels, width, level = points.shape[1], state.shape[2], len(offsets)
    for tile in tiles:
        z, e, start = state[tile], side[tile], tile * width
        for column in range(columns):
            j = first + column
            live = min(width, j + 1 - start)
            if live <= 0:
                continue
            for n in range(level, 1, -1):
                times(mode == 1, mode < 2, z, e, right[j], gaps[j], gaps[j], offsets, n, channels, live)
                if mode == 1 and n < level:
                    times(False, True, e, e, other[j], other[j], other[j], offsets, n, channels, live)
            if mode == 2:
                for n in range(level, 1, -1):
                    times_left(z, left[j], gaps[j], offsets, n, channels, live)
            for a in range(channels):
                row = z[a]
                for t in range(live):
                    row[t] = points[j + 1, a] - points[start + t, a]
            if mode == 1 and level > 1:
                for a in range(channels):
                    row = e[a]
                    for t in range(live):
                        row[t] = others[j + 1, a] - others[start + t, a]
            for k in range(len(norms)):
                low = offsets[norms[k, 0] - 1]
                measure(z[low : low + channels ** norms[k, 0]], norms[k, 1] == 1, out[k, column, start : start + live])


@compiled
def times(both, plus, z, e, right, gap, added, offsets, n, channels, live):
    """Level n of z += the levels below n of z (x) right (+ e (x) gap if `both`) (+ level n of `added` if `plus`)."""
    for m in range(1, n):
        wide = channels ** (n - m)
        for a in range(channels**m):
            source = z[offsets[m - 1] + a]
            second = e[offsets[m - 1] + a] if both else source
            for b in range(wide):
                place = a * wide + b
                r, g = right[offsets[n - m - 1] + b], gap[offsets[n - m - 1] + b]
                constant = added[offsets[n - 1] + place] if plus and m == 1 else 0.0
                row = z[offsets[n - 1] + place]
                if both:
                    for t in range(live):
                        row[t] += source[t] * r + second[t] * g + constant
                else:
                    for t in range(live):
                        row[t] += source[t] * r + constant


@compiled
def times_left(z, left, added, offsets, n, channels, live):
    """Level n of z += left (x) the levels below n of z, + level n of `added`."""
    for m in range(1, n):
        wide = channels ** (n - m)
        for a in range(channels**m):
            factor = left[offsets[m - 1] + a]
            for b in range(wide):
                place = a * wide + b
                constant = added[offsets[n - 1] + place] if m == 1 else 0.0
                row, source = z[offsets[n - 1] + place], z[offsets[n - m - 1] + b]
                for t in range(live):
                    row[t] += factor * source[t] + constant


@compiled
def measure(rows, absolute, out):
    """The l1 (`absolute`) or l2 size of each column of `rows`, which has at least len(out) of them."""
    for t in range(len(out)):
        out[t] = 0.0
    for row in rows:
        if absolute:
            for t in range(len(out)):
                out[t] += abs(row[t])
        else:
            for t in range(len(out)):
                out[t] += row[t] * row[t]
    if not absolute:
        for t in range(len(out)):
            out[t] = np.sqrt(out[t])


COLUMNS, TOGETHER = 16, 4
"""Values of j for which `second_levels` goes once through the entries of a tensor, and of those taken in one pass."""


@compiled
def second_levels(tiles, first, columns, points, others, right, gaps, state, norms, out):
    """What `pairs` computes in modes 0 and 1 for level two of piecewise-linear paths, several j at a time.

    There the constant g of level two is half of what the steps of level one contribute, so that
    Z' = Z + (Z^1 + g/2) (x) r + (Y^1 + y/2) (x) g, with r, g, y the steps of X, of X - Y and of Y.
    `points`, `others`: those of X - Y and of Y, shape (channels, points). `right`, `gaps`: r and g, with a column of
    zeros where the number of columns would be odd. `state`: (tiles, channels, columns of `right`, TILE). The last of
    the `norms` is that of level two; other arguments are those of `pairs`.
    """
    channels, count = points.shape
    source, second, sizes = np.empty((COLUMNS, TILE)), np.empty((COLUMNS, TILE)), np.empty((COLUMNS, TILE))
    wide = right.shape[1]
    r, g = np.zeros((COLUMNS, wide)), np.zeros((COLUMNS, wide))
    absolute = norms[-1, 1] == 1
    for tile in tiles:
        z, start = state[tile], tile * TILE
        for low in range(0, columns, COLUMNS):
            j, together = first + low, min(COLUMNS, columns - low)
            for c in range(COLUMNS):
                for b in range(wide if c < together else 0):
                    r[c, b], g[c, b] = right[j + c, b], gaps[j + c, b]
                for t in range(TILE):
                    sizes[c, t] = 0.0
            for a in range(channels):
                midpoints(points[a], start, j, together, source)
                midpoints(others[a], start, j, together, second)
                for c in range(0, together, TOGETHER):
                    second_level(absolute, z[a], source, second, sizes, r, g, c)
            last = min(start + TILE, count)
            for c in range(together):
                row = out[len(norms) - 1, low + c, start:last]
                for t in range(last - start):
                    row[t] = sizes[c, t] if absolute else np.sqrt(sizes[c, t])
                for k in range(len(norms) - 1):
                    first_level(points, start, j + c + 1, norms[k, 1] == 1, out[k, low + c])


@compiled
def midpoints(x, start, first, columns, out):
    """out[c, t] = (x_j + x_{j + 1}) / 2 - x_i for j = first + c, i = start + t; 0 for i > j or c >= columns."""
    for c in range(COLUMNS):
        row, j = out[c], first + c
        live = max(0, min(TILE, j + 1 - start)) if c < columns else 0
        if live > 0:
            here, half, own = x[j], (x[j + 1] - x[j]) / 2, x[start : start + live]
            for t in range(live):
                row[t] = here - own[t] + half
        for t in range(live, TILE):
            row[t] = 0.0


@compiled
def first_level(points, start, j, absolute, out):
    """out[i] = |x_j - x_i| for the TILE values of i from `start` on, as far as i < j."""
    for i in range(start, min(start + TILE, j)):
        size = 0.0
        for a in range(len(points)):
            gap = points[a, j] - points[a, i]
            size += abs(gap) if absolute else gap * gap
        out[i] = size if absolute else np.sqrt(size)


@compiled_fused
def second_level(absolute, z, source, second, sizes, r, g, c):
    """z[b] += source[c] r[c, b] + second[c] g[c, b] for four c in turn, sizes[c] += |z| (or z^2) after each.

    Four values of c and two of b at a time: what was loaded is used eight times, all in vectors over the last axis.
    """
    s0, s1, s2, s3 = source[c], source[c + 1], source[c + 2], source[c + 3]
    q0, q1, q2, q3 = second[c], second[c + 1], second[c + 2], second[c + 3]
    m0, m1, m2, m3 = sizes[c], sizes[c + 1], sizes[c + 2], sizes[c + 3]
    r0, r1, r2, r3 = r[c], r[c + 1], r[c + 2], r[c + 3]
    g0, g1, g2, g3 = g[c], g[c + 1], g[c + 2], g[c + 3]
    for b in range(0, r.shape[1], 2):
        z0, z1 = z[b], z[b + 1]
        r00, r01, r10, r11, r20, r21, r30, r31 = (
            r0[b], r0[b + 1], r1[b], r1[b + 1], r2[b], r2[b + 1], r3[b], r3[b + 1],
        )  # fmt: skip
        g00, g01, g10, g11, g20, g21, g30, g31 = (
            g0[b], g0[b + 1], g1[b], g1[b + 1], g2[b], g2[b + 1], g3[b], g3[b + 1],
        )  # fmt: skip
        for t in range(TILE):
            u = z0[t] + (s0[t] * r00 + q0[t] * g00)
            v = z1[t] + (s0[t] * r01 + q0[t] * g01)
            m0[t] += abs(u) + abs(v) if absolute else u * u + v * v
            u += s1[t] * r10 + q1[t] * g10
            v += s1[t] * r11 + q1[t] * g11
            m1[t] += abs(u) + abs(v) if absolute else u * u + v * v
            u += s2[t] * r20 + q2[t] * g20
            v += s2[t] * r21 + q2[t] * g21
            m2[t] += abs(u) + abs(v) if absolute else u * u + v * v
            u += s3[t] * r30 + q3[t] * g30
            v += s3[t] * r31 + q3[t] * g31
            m3[t] += abs(u) + abs(v) if absolute else u * u + v * v
            z0[t] = u
            z1[t] = v


@compiled
def longest(powers):
    """The table of V_{s,j} = max_{s<=i<j} V_{s,i} + powers[j, i], for s < j, from the sizes of all pairs i < j."""
    count = len(powers)
    table = np.zeros((count, count))
    for s in range(count - 1):
        row = table[s]
        for j in range(s + 1, count):
            best = 0.0
            for i in range(s, j):
                best = max(best, row[i] + powers[j, i])
            row[j] = best
    return table
