"""Do the coefficients u_L = K_L(X,X)^{-1} K_L(X,x) at points x off X have a limit? They are followed, and their path
is judged.

K_L^{-1} (K_{L+1} - K_L) need not be summable for that. Where all entries of K_L tend to one value its inverse grows,
and so may these terms, but only along a direction that drops out of u: with any level m and scale s,

    K = m 1 1^T + s G,    b = m 1 + s g:    [[G, 1], [1^T, -s/m]] (u, mu) = (g, 1),

so u moves as G and s/m do, each relative to its own size.

Blocks of depths 2^k to 2^{k+1} are looked at. u has a limit if the largest distances between any two u of a block, the
spreads, have a finite sum over k; and the sum of |u_{L+1} - u_L| is finite if the movements within blocks have. Spreads
that fall by a factor, or like k^-p with p > 1, have one (Raabe's test). That spreads do not fall shows nothing, for a
path that drifts, say like log L, may come to rest yet: only one that turns back again and again, and as far each time,
or that grows without bound, has no limit, if what was seen goes on.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roughntk.depth.extrapolation import EPS
from roughntk.depth.point_sets import Kernels
from roughntk.linalg import Factor, bordered_system

FALLING = 0.85
"""With every doubling of the depth spreads shrink to at most this, if they are to fall fast."""

_BLOCKS = 3  # the doublings, the last ones, in which spreads must fall fast
_SLOW_BLOCKS = 6  # and those in which they may fall slowly
_RAABE, _SLOW_RAABE = 1.15, 1.3  # k (s_k/s_{k+1} - 1) of terms that fall like k^-p is p
_SURE = 1e-4  # coefficients known less well than this, relatively, decide nothing
_STILL, _QUIET = 1e-9, 1e-7
_TURNS = 3
_AS_FAR = 0.85, 0.92  # swings have not shrunk where the smallest is that much of the largest, the last of the first
_AS_MUCH = 0.85  # movements are known from some depths of a block: those of the last third of the blocks to the first
_GROWN, _GROWTH = 16.0, 1.2


_Known = dict[int, tuple[NDArray[np.float64], float]]
"""Depth -> coefficients, and what rounding leaves unsure of them."""


class Movement(NamedTuple):
    """How far the coefficients move from a depth to twice that depth.

    Attributes:
        depth: the first of the two.
        size: sum of max |u_{L+1} - u_L| over the depths between, from those at some places.
        rounding: what of it may be rounding.
        spread: max |u_L - u_M| over the same depths L, M between.
        largest: the largest term seen, and `at` its depth.
        turns: how often the coefficient that moves most turns back by two fifths of its own spread.
        most: max |u_L|.
    """

    depth: int
    size: float
    rounding: float
    spread: float
    largest: float
    at: int
    turns: int = 0
    most: float = 0.0

    @property
    def unsure(self) -> float:
        """What of the spread may be rounding."""
        return 2 * self.rounding / self.depth


class Course(NamedTuple):
    """Coefficients that were followed.

    Attributes:
        blocks: a `Movement` for each doubling of the depth, from 2 on.
        depths: at which they were found, increasing.
        values: the coefficients there, shape (depths, n, m).
        ended: why they were not followed further; "" where the last depth wanted was reached.
    """

    blocks: list[Movement]
    depths: NDArray[np.int64]
    values: NDArray[np.float64]
    ended: str = ""


class Verdict(NamedTuple):
    """An answer, None where it is open, and what was seen."""

    answer: bool | None
    reason: str


def followed(kernels: Kernels, name: str, n: int, reach: int, places: int) -> Course:
    """The coefficients at depths 2, 4, 8, ... and between, as far as rounding lets them be known.

    Args:
        kernels: of the family or sequence.
        name: of the set whose first n points are the data, and the others test points.
        n: number of the data.
        reach: the deepest depth.
        places: at how many depths, and the next, they are found in each block; they have no common divisor, so that no
            period hides between them.
    """
    known: _Known = {}
    blocks: list[Movement] = []
    ended, depth, exactly = "", 2, False
    while 2 * depth <= reach and not ended:
        pairs = [(place, place + 1) for place in _places(depth, places)]
        every = sorted({depth, 2 * depth, *(each for pair in pairs for each in pair)})
        missing = _find(kernels, name, n, every, known, exactly)
        block = None if missing else _movement(known, depth, pairs)
        if block is not None and (block.spread <= _STILL or block.spread > 2 * block.unsure):
            blocks.append(block)
            depth *= 2
        elif not exactly:  # once more, in balls
            exactly = True
        elif missing:
            ended = f"rounding leaves too few digits of the coefficients at depth {missing:,}"
        else:
            ended = f"rounding is as large as what the coefficients move by from depth {depth:,} on"
    last = blocks[-1].depth * 2 if blocks else 0
    depths = sorted(at for at in known if at <= last)
    values = np.stack([known[at][0] for at in depths]) if depths else np.zeros((0, n, 0))
    return Course(blocks, np.array(depths, dtype=np.int64), values, ended)


def _find(kernels: Kernels, name: str, n: int, depths: list[int], known: _Known, exactly: bool) -> int | None:
    """Find the coefficients at some depths; the first at which they cannot be known, if there is one."""
    kernels.prepare(depths)
    for at in depths:
        if at in known and not (exactly and known[at][1] > _STILL):
            continue
        solved = _coefficients(kernels, name, n, at, exactly) or known.get(at)
        if solved is None:
            return at
        known[at] = solved
    return None


def _places(depth: int, count: int) -> list[int]:
    """Depths of a block, one in each of `count` equal parts, without a common period."""
    if depth <= count:
        return list(range(depth, 2 * depth))
    parts = np.arange(count)
    shares = (parts + (parts * (math.sqrt(5) - 1) / 2 + depth * math.sqrt(2)) % 1.0) / count
    return sorted({depth + int(share * (depth - 1)) for share in shares})


def _movement(known: _Known, depth: int, pairs: list[tuple[int, int]]) -> Movement:
    inside = [at for at in sorted(known) if depth <= at <= 2 * depth]
    values = np.stack([known[at][0] for at in inside])
    unsure = max(known[at][1] for at in inside)
    terms = [(float(np.abs(known[after][0] - known[at][0]).max()), at) for at, after in pairs]
    largest, where = max(terms)
    across = float(np.abs(values[-1] - values[0]).max())
    size = max(depth * float(np.mean([term for term, _ in terms])), across)
    ranges = np.ptp(values, axis=0)
    spread, most = float(ranges.max()), float(np.abs(values).max())
    mover = values.reshape(len(values), -1)[:, int(np.argmax(ranges))]
    turns = len(_swings(mover, 0.4 * spread)) if spread > 0 else 0
    return Movement(depth, size, 2 * depth * unsure, spread, largest, where, turns, most)


def _swings(values: NDArray[np.float64], least: float) -> list[float]:
    """How far a number goes from one turn to the next, turns being those from which it comes back by `least`.

    The first turn is left out: it may be where the values begin.
    """
    turns: list[float] = []
    low = high = float(values[0])
    rising: bool | None = None
    for value in map(float, values[1:]):
        low, high = min(low, value), max(high, value)
        if rising is not False and high - value >= least:
            turns.append(high)
            low, high, rising = value, value, False
        elif rising is not True and value - low >= least:
            turns.append(low)
            low, high, rising = value, value, True
    return [abs(after - before) for before, after in zip(turns[1:], turns[2:], strict=False)]


def _coefficients(
    kernels: Kernels, name: str, n: int, depth: int, exactly: bool
) -> tuple[NDArray[np.float64], float] | None:
    """(u, what rounding leaves unsure of it) from the bordered system; None where that is too much.

    The kernel itself is tried first, then what is left of it without cancellation, then, where they are asked for,
    balls: each takes longer.
    """
    K = kernels.at(name, depth)
    level = float(K[:n, :n].mean())
    G = K - level
    scale = float(np.abs(G).max())
    solved = None
    if level != 0 and scale > 0:
        solved = _solved(G, n, 1 / level, 8 * EPS * float(np.abs(K).max()) / scale)
    if solved is not None and solved[1] < _STILL:
        return solved
    left = kernels.deflated(name, depth)
    if left is not None and left.level:
        solved = _solved(left.values, n, math.exp(left.log_scale) / left.level, 8 * EPS)
    if not exactly or (solved is not None and solved[1] < _STILL):
        return solved
    return kernels.proven(name, n, depth) or solved


def _solved(G: NDArray[np.float64], n: int, ratio: float, noise: float) -> tuple[NDArray[np.float64], float] | None:
    """u of K = (1 + ratio G)/ratio, whose G is known to `noise` times its largest entry."""
    scale = float(np.abs(G).max())
    if not scale > 0:
        return None
    system, right = bordered_system(G[:n, :n] / scale, G[:n, n:] / scale, ratio * scale)
    factor = Factor(system, cholesky=False)
    try:
        whole, inverse = factor.solve(right), factor.inverse
    except np.linalg.LinAlgError:
        return None
    size = 1 + float(np.abs(whole[:n]).sum(axis=0).max())
    unsure = noise * float(np.abs(inverse[:n]).sum(axis=1).max()) * size
    return (whole[:n], unsure) if unsure < _SURE * size else None


def summable(course: Course) -> Verdict:
    """Whether the movements are summable: whether sum_L |u_{L+1} - u_L| is finite."""
    blocks = course.blocks
    resting = _resting([each.size for each in blocks], [each.rounding for each in blocks])
    limited = resting or _falling([each.size for each in blocks])
    if limited:
        return limited
    endless = _endless(course)
    if endless:
        return endless
    half = blocks[len(blocks) // 2 :]
    if len(half) >= _BLOCKS and all(each.turns >= _TURNS for each in half[-_BLOCKS:]):
        sizes, third = [each.size for each in half], len(half) // 3
        if sum(sizes[-third:]) >= _AS_MUCH * sum(sizes[:third]) > 0:
            return Verdict(False, "they turn back again and again, and move as much in one doubling as in the next")
    return Verdict(None, _open(course))


def settles(course: Course) -> Verdict:
    """Whether the spreads are summable over the doublings, so that the coefficients have a limit."""
    blocks = course.blocks
    resting = _resting([each.spread for each in blocks], [each.unsure for each in blocks])
    return resting or _falling([each.spread for each in blocks]) or _endless(course) or Verdict(None, _open(course))


def _resting(sizes: list[float], rounding: list[float]) -> Verdict | None:
    """True where the last two are no more than 1e-9, or than rounding that is small."""
    last = list(zip(sizes[-2:], rounding[-2:], strict=True))
    if len(sizes) < 2 or any(size > max(_STILL, 2 * min(unsure, _QUIET)) for size, unsure in last):
        return None
    return Verdict(
        True, f"they move by no more than {max(_STILL, *sizes[-2:]):.2g} over each of the last two doublings"
    )


def _falling(sizes: list[float]) -> Verdict | None:
    """True where the sizes fall by a factor over the last doublings, or slowly over more of them."""
    if len(sizes) <= _BLOCKS:
        return None
    ratios = [after / before if before > 0 else math.inf for before, after in zip(sizes, sizes[1:], strict=False)]
    raabe = [k * (1 / ratio - 1) if ratio > 0 else math.inf for k, ratio in enumerate(ratios, start=1)]
    largest = max(ratios[-_BLOCKS:])
    if largest <= FALLING and min(raabe[-_BLOCKS:]) >= _RAABE:
        return Verdict(
            True, f"over each of the last three doublings they move at most {largest:.3g} times as far as before"
        )
    count = max(_SLOW_BLOCKS, len(ratios) // 2)
    if len(ratios) >= count and min(raabe[-count:]) >= _SLOW_RAABE:
        power = min(raabe[-count:])
        return Verdict(True, f"over the k-th doubling they move like k^-{power:.2g} or less")
    return None


def _endless(course: Course) -> Verdict | None:
    """False where the coefficients swing as far as ever, within the blocks or over several, or grow without bound."""
    blocks = course.blocks
    half = blocks[len(blocks) // 2 :]
    if len(half) < _BLOCKS:
        return None
    spreads = [each.spread for each in half]
    if all(each.turns >= _TURNS for each in half[-_BLOCKS:]) and _as_far(spreads):
        return Verdict(
            False, f"they swing by {spreads[-1]:.3g} again and again in every doubling from depth {half[0].depth:,} on"
        )
    late = course.values[course.depths >= half[0].depth]
    ranges = np.ptp(late, axis=0)
    mover = late.reshape(len(late), -1)[:, int(np.argmax(ranges))]
    swings = _swings(mover, 0.5 * float(ranges.max()))
    if len(swings) >= _TURNS and _as_far(swings) and swings[-1] > 10 * half[-1].unsure:
        return Verdict(
            False,
            f"they swing {len(swings)} times by {swings[-1]:.3g} from depth {half[0].depth:,} on, ever more slowly",
        )
    sizes = [each.most for each in half]
    growth = [after / before if before > 0 else math.inf for before, after in zip(sizes, sizes[1:], strict=False)]
    if sizes[-1] > _GROWN * sizes[0] and min(growth) > _GROWTH and growth[-1] >= 0.98 * growth[0]:
        power = math.log2(growth[-1])
        return Verdict(False, f"they grow like L^{power:.2g}, to {sizes[-1]:.3g}")
    return None


def _as_far(sizes: list[float]) -> bool:
    """Whether sizes have not shrunk."""
    return min(sizes) >= _AS_FAR[0] * max(sizes) > 10 * _STILL and sizes[-1] >= _AS_FAR[1] * sizes[0]


def _open(course: Course) -> str:
    """Why nothing is decided."""
    blocks = course.blocks
    if len(blocks) <= _BLOCKS:
        return course.ended or f"{len(blocks)} doublings of the depth are too few"
    way = "swing" if blocks[-1].turns >= _TURNS else "drift"
    moved = ", ".join(f"{each.spread:.3g}" for each in blocks[-4:])
    text = f"they {way} by {moved} over the last four doublings, which tells neither a limit nor that there is none"
    return f"{text}; {course.ended}" if course.ended else text


__all__ = ["FALLING", "Course", "Movement", "Verdict", "followed", "settles", "summable"]
