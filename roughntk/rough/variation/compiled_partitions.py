"""Compiled loops that find a partition of the largest sum of c^p: of scalar paths, of paths in R^d, and of any sizes c.

V(j), the supremum over partitions of the points 0, ..., j, is never formed: a step that counts (1/1000)^20 of the whole
would be lost in it, and the partition be decided by rounding wherever the steps are small. Whether the last step to j
should begin at i or at a later k is decided by c(i, j)^p against V(k) - V(i) + c(k, j)^p, and the difference is summed
from the gains V(i + 1) - V(i) >= 0 between them (in `line` from the steps on the stack): a sum of terms of one sign,
right to a few eps of itself however large the rest of the path is.

Where both sides agree within `CLOSE`, the steps of the two partitions are compared: back to the point in which they
meet, steps of the same size on both sides cancel, and the rest decides, in units of its largest step. Where no more is
left than rounding, it is a tie, which goes to the partition of fewer points, then to the longer step.

Numbers are c^p; where c^p would leave the range of float64, `logs` is True and they are p log2 c. Otherwise `logs` is
None, for which numba compiles loops without a trace of logarithms.
"""

import numpy as np

from roughntk._compiled import compiled

CLOSE, CLOSE_LOGS = 1e-11, 1e-9
"""Relative differences of sums, absolute ones of their logarithms, up to which steps are compared one by one."""

BLOCK = 5
"""Steps on the stack of `line` are summed beforehand in blocks of 2^BLOCK."""

SAME = 8 * 2.0**-52
"""The relative difference of two sizes up to which they are the same."""


@compiled
def power(base, exponent, quarters, unit):
    """(base / unit)^exponent; by roots and products where `quarters` = 4 exponent is a small whole number (it is
    -1 otherwise), which is several times faster than a general power and as accurate."""
    if unit != 1.0:
        base /= unit
    if quarters < 0:
        return base**exponent
    value = 1.0
    if quarters & 3:
        root = np.sqrt(base)
        if quarters & 2:
            value *= root
        if quarters & 1:
            value *= np.sqrt(root)
    whole = quarters >> 2
    while whole > 0:
        if whole & 1:
            value *= base
        base *= base
        whole >>= 1
    return value


@compiled
def raise_size(size, exponent, quarters, logs):
    """size^exponent, or its binary logarithm."""
    if logs is None:
        return power(size, exponent, quarters, 1.0)
    return exponent * np.log2(size) if size > 0.0 else -np.inf


@compiled
def plus(a, b, logs):
    """a + b of numbers or of logarithms."""
    if logs is None:
        return a + b
    high, low = max(a, b), min(a, b)
    return high if low == -np.inf else high + np.log2(1.0 + 2.0 ** (low - high))


@compiled
def minus(a, b, logs):
    """a - b for a >= b."""
    if logs is None:
        return a - b
    if b == -np.inf:
        return a
    ratio = 2.0 ** (b - a)
    return a + np.log2(1.0 - ratio) if ratio < 1.0 else -np.inf


@compiled
def near(a, b, logs):
    """Whether rounding may hide which of the two is larger."""
    if a == b:
        return True
    if logs is None:
        return abs(a - b) <= CLOSE * b
    if a == -np.inf or b == -np.inf:
        return False
    return abs(a - b) <= CLOSE_LOGS + 1e-13 * max(abs(a), abs(b))


@compiled
def least_step(x):
    """The smallest size of a step between neighbours that differ, in the largest channel; 0 if there is none."""
    least = np.inf
    for i in range(len(x) - 1):
        size = 0.0
        for a in range(x.shape[1]):
            size = max(size, abs(x[i + 1, a] - x[i, a]))
        if 0.0 < size < least:
            least = size
    return 0.0 if least == np.inf else least


@compiled
def excess(i, size, k, other, previous, step, exponent, unit, logs):
    """(sign, number): the sum of the partition whose last step, from i, has the size `size`, less that of the one whose
    last step, from k > i, has the size `other`. `previous`, `step`: of each point the one before, and the size of the
    step from there."""
    ours, theirs = [size], [other]
    a, b = i, k
    while a != b:
        if a > b:
            ours.append(step[a])
            a = previous[a]
        else:
            theirs.append(step[b])
            b = previous[b]
    return difference_of_sums(np.array(ours) / unit, np.array(theirs) / unit, exponent, logs)


@compiled
def difference_of_sums(ours, theirs, exponent, logs):
    """(sign, number) of sum ours^exponent - sum theirs^exponent, equal sizes being cancelled."""
    ours, theirs = np.sort(ours)[::-1], np.sort(theirs)[::-1]
    a = b = kept = other = 0
    while a < len(ours) or b < len(theirs):
        if a < len(ours) and b < len(theirs) and abs(ours[a] - theirs[b]) <= SAME * ours[a]:
            a += 1
            b += 1
        elif b == len(theirs) or (a < len(ours) and ours[a] > theirs[b]):
            ours[kept] = ours[a]
            kept += 1
            a += 1
        else:
            theirs[other] = theirs[b]
            other += 1
            b += 1
    unit = max(ours[0] if kept else 0.0, theirs[0] if other else 0.0)
    zero = 0.0 if logs is None else -np.inf
    if unit == 0.0:
        return 0, zero
    ours_sum = theirs_sum = 0.0
    for k in range(kept):
        ours_sum += (ours[k] / unit) ** exponent
    for k in range(other):
        theirs_sum += (theirs[k] / unit) ** exponent
    gap = abs(ours_sum - theirs_sum)
    if gap <= 2.0**-52 * (4 + exponent + kept + other) * max(ours_sum, theirs_sum):
        return 0, zero
    sign = 1 if ours_sum > theirs_sum else -1
    if logs is None:
        return sign, gap * unit**exponent
    return sign, np.log2(gap) + exponent * np.log2(unit)


@compiled
def line(x, exponent, quarters, logs, where):
    """An optimal partition of a scalar path; `level_one` has the algorithm and its proof.

    Writes the indices of the partition into where[0 .. top] and returns top.
    """
    count = len(x)
    zero = 0.0 if logs is None else -np.inf
    value, step, gap, leap = np.empty(count), np.empty(count), np.empty(count), np.empty(count)
    before, jump, depth = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(count, np.int32)
    starts = block_starts(count)
    sums = np.empty(max(1, starts[-1]))
    value[0], step[0], gap[0], leap[0] = x[0], zero, zero, zero
    before[0], jump[0], depth[0], where[0] = -1, 0, 0, 0
    top = i = 0
    while True:
        j = i + 1
        while j < count and x[j] == x[i]:
            j += 1
        if j == count:
            break
        rising = x[j] > x[i]
        if rising:
            while j + 1 < count and x[j + 1] >= x[j]:
                j += 1
        else:
            while j + 1 < count and x[j + 1] <= x[j]:
                j += 1
        y = x[j]
        # The nearest entry on y's own side that lies beyond y: candidates lie above it.
        floor = top - 1
        while floor >= 0 and (value[floor] <= y if rising else value[floor] >= y):
            floor = before[floor]
        # `best` is the best sum found less that of the partition up to `entry`.
        gain, start = raise_size(abs(y - value[top]), exponent, quarters, logs), top
        best, entry = plus(gain, gap[top], logs), before[top]
        while entry > floor:
            last = jump[entry]
            if last > floor and depth[entry] - depth[last] > 2:
                bound = raise_size(abs(y - value[last]), exponent, quarters, logs)
                if bound < best and not near(bound, best, logs):
                    best, entry = plus(best, plus(leap[entry], gap[last], logs), logs), before[last]
                    continue
            size = abs(y - value[entry])
            candidate = raise_size(size, exponent, quarters, logs)
            if near(candidate, best, logs):
                # Neither a step on the stack nor that from `start` may be as large: the others would come on top of it.
                better = abs(y - value[start]) < size
                k = start
                while better and k > entry:
                    better = abs(value[k] - value[k - 1]) < size
                    k -= 1
            else:
                better = candidate > best
            if better:
                best = gain = candidate
                start = entry
            best, entry = plus(best, gap[entry], logs), before[entry]
        top = start + 1
        value[top], step[top], before[top], where[top] = y, gain, floor, j
        add_block(sums, starts, step, top, BLOCK, logs)
        if floor < 0:
            gap[top], leap[top], jump[top], depth[top] = zero, zero, top, 0
        else:
            gap[top] = sum_between(sums, starts, step, floor + 1, top + 1, BLOCK, logs)
            # Jumps of lengths 1, 3, 7, ...: the next one is as long as two equal ones before it, plus one.
            far = jump[floor]
            equal = depth[floor] - depth[far] == depth[far] - depth[jump[far]]
            if equal and depth[far] > 0:
                jump[top], leap[top] = jump[far], plus(gap[top], plus(leap[floor], leap[far], logs), logs)
            else:
                jump[top], leap[top] = floor, gap[top]
            depth[top] = depth[floor] + 1
        i = j
    return top


@compiled
def block_starts(count):
    """The place starts[m] of the dyadic blocks [k 2^m, (k + 1) 2^m), m >= 1, of so many points in a flat array."""
    levels = 1
    while count >> levels:
        levels += 1
    starts = np.zeros(levels + 1, np.int64)
    for m in range(1, levels):
        starts[m + 1] = starts[m] + (count >> m)
    return starts


@compiled
def add_block(sums, starts, terms, i, base, logs):
    """Write the sums of the dyadic blocks of `terms`, 2^base of them or more, that end with terms[i]."""
    end = i + 1
    if end & ((1 << base) - 1):
        return
    m = base
    while m < len(starts) - 1 and end & ((1 << m) - 1) == 0:
        k = (end >> m) - 1
        if m == base:
            total = terms[k << m]
            for place in range((k << m) + 1, end):
                total = plus(total, terms[place], logs)
        else:
            half = starts[m - 1] + 2 * k
            total = plus(sums[half], sums[half + 1], logs)
        sums[starts[m] + k] = total
        m += 1


@compiled
def sum_between(sums, starts, terms, low, high, base, logs):
    """terms[low] + ... + terms[high - 1], by the blocks that `add_block` wrote."""
    total = 0.0 if logs is None else -np.inf
    while low < high:
        if low & ((1 << base) - 1) or high - low < 1 << base:
            total = plus(total, terms[low], logs)
            low += 1
            continue
        m = base
        while low & ((1 << (m + 1)) - 1) == 0 and low + (1 << (m + 1)) <= high:
            m += 1
        total = plus(total, sums[starts[m] + (low >> m)], logs)
        low += 1 << m
    return total


@compiled
def distance(x, i, j, absolute):
    """|x_j - x_i|: l1 if `absolute`, else l2."""
    size = 0.0
    if absolute:
        for a in range(x.shape[1]):
            size += abs(x[j, a] - x[i, a])
        return size
    for a in range(x.shape[1]):
        size += (x[j, a] - x[i, a]) ** 2
    return np.sqrt(size)


@compiled
def radii(x, absolute, starts):
    """The radius of each dyadic block of points [k 2^m, (k + 1) 2^m) about its middle point, at starts[m] + k."""
    count = len(x)
    values = np.zeros(starts[-1])
    for m in range(1, len(starts) - 1):
        for k in range(count >> m):
            centre = (k << m) + (1 << (m - 1))
            largest = 0.0
            for i in range(k << m, (k + 1) << m):
                largest = max(largest, distance(x, i, centre, absolute))
            values[starts[m] + k] = largest
    return values


@compiled
def cloud(x, absolute, exponent, quarters, logs, previous):
    """The best last step to each point of a path in R^d, whole blocks of i being passed over by the triangle
    inequality; `level_one` says how. Writes the point where it begins into `previous`."""
    count, channels = x.shape
    starts = block_starts(count)
    radius = radii(x, absolute, starts)
    slack = 1.0 + (channels + 8) * 2.0**-52 + (CLOSE if logs is None else CLOSE_LOGS)
    gains, sums, step, points = np.empty(count), np.empty(max(1, starts[-1])), np.zeros(count), np.ones(count, np.int64)
    for j in range(1, count):
        # `best` is the best sum found less V(end), `gain` the same less V(j - 1).
        size, chosen = distance(x, j - 1, j, absolute), j - 1
        best = gain = raise_size(size, exponent, quarters, logs)
        end, m = j - 1, 0
        while end > 0:
            while m > 0 and end & ((1 << m) - 1):
                m -= 1
            if m > 0:
                k = (end >> m) - 1
                reach = distance(x, (k << m) + (1 << (m - 1)), j, absolute) + radius[starts[m] + k]
                if raise_size(reach * slack, exponent, quarters, logs) < plus(best, gains[end - 1], logs):
                    best = plus(best, sums[starts[m] + k], logs)
                    end -= 1 << m
                    m = min(m + 1, len(starts) - 2)
                else:
                    m -= 1
                if m > 0:
                    continue
                if end == 0:
                    break
            end -= 1
            best = plus(best, gains[end], logs)
            own = distance(x, end, j, absolute)
            candidate = raise_size(own, exponent, quarters, logs)
            if near(candidate, best, logs):
                sign, more = excess(end, own, chosen, size, previous, step, exponent, 1.0, logs)
                if sign > 0 or (sign == 0 and points[end] <= points[chosen]):
                    best, gain, chosen, size = candidate, plus(gain, more, logs), end, own
            elif candidate > best:
                best, gain, chosen, size = candidate, plus(gain, minus(candidate, best, logs), logs), end, own
            m = 1 if len(starts) > 2 else 0
        previous[j], step[j], points[j], gains[j - 1] = chosen, size, points[chosen] + 1, gain
        add_block(sums, starts, gains, j - 1, 1, logs)


@compiled
def best_before(sizes, powers, first, exponent, unit, logs, sums, gains, previous, step, points):
    """The best last step to j = first, first + 1, ... from the sizes c(i, j) = sizes[j - first, i], i < j, with
    `powers` their numbers, in units of `unit`; the gains, partitions and V_j = sums[j] of earlier j are continued."""
    for column in range(len(powers)):
        j, row, own = first + column, powers[column], sizes[column]
        chosen, best, gain = j - 1, row[j - 1], row[j - 1]
        for i in range(j - 2, -1, -1):
            best = plus(best, gains[i], logs)
            candidate = row[i]
            if own[i] == 0.0 and candidate == best:  # nothing moves from i to j
                if points[i] <= points[chosen]:
                    chosen = i
            elif near(candidate, best, logs):
                sign, more = excess(i, own[i], chosen, own[chosen], previous, step, exponent, unit, logs)
                if sign > 0 or (sign == 0 and points[i] <= points[chosen]):
                    best, gain, chosen = candidate, plus(gain, more, logs), i
            elif candidate > best:
                best, gain, chosen = candidate, plus(gain, minus(candidate, best, logs), logs), i
        previous[j], step[j], points[j], gains[j - 1], sums[j] = chosen, own[chosen], points[chosen] + 1, gain, best
