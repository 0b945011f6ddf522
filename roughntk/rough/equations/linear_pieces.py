"""How the path of a linear equation is cut into pieces for the signature series, and the error of one piece.

Coordinates: Y = unit * scaling * Z, with powers of two, which are free of rounding. `scaling` balances matrices whose
entries are of different sizes (Osborne), and every channel is scaled so that its matrix has entries of size 1.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.precision import EPS

LARGEST_SIGNATURE = 2**20
"""The most entries of a signature that the level is raised to when it is chosen from the tolerance."""

LARGEST_LEVEL = 24
"""The highest level of a series: beyond it compiling takes longer than more pieces would."""

LARGEST_COUNT = 2**21
"""The most increments that a path is cut into."""

PADDING, INSIDE, END_OF_PIECE, END_OF_INTERVAL = -1, 0, 1, 2
"""What follows an increment."""

_UNIT = EPS / 2


@dataclass(frozen=True)
class Equation:
    """dZ = sum_i A_i Z dX^i in balanced coordinates, X being straight on each segment.

    `matrices`: A, shape (channels, state, state). `increments`: dX, shape (segments, channels). `is_last`: which of the
    segments end an interval of `times`. `lengths`, `sizes`: |sum_i A_i dX^i|_2 and |sum_i |A_i| |dX^i||_2, shape
    (segments,).
    """

    matrices: np.ndarray
    increments: np.ndarray
    is_last: np.ndarray
    times: np.ndarray
    start: np.ndarray
    scaling: np.ndarray
    unit: float
    lengths: np.ndarray
    sizes: np.ndarray

    def lengths_of_intervals(self) -> np.ndarray:
        """The sums of `lengths` over the intervals."""
        return np.add.reduceat(self.lengths, np.append(0, np.flatnonzero(self.is_last)[:-1] + 1))


@dataclass(frozen=True)
class Plan:
    """The level, and the largest length and size of a piece (None: a piece for every interval)."""

    level: int
    length: float | None = None
    size: float | None = None


@dataclass(frozen=True)
class Pieces:
    """The increments, padded to a power of two, with `kinds` that say what follows each; `truncation` and `rounding`:
    the errors of a piece relative to |Z_s|, at its last increment."""

    level: int
    increments: np.ndarray
    kinds: np.ndarray
    truncation: np.ndarray
    rounding: np.ndarray

    @property
    def count(self) -> int:
        """The number of pieces."""
        return int(np.sum(self.kinds >= END_OF_PIECE))

    @property
    def mostly_truncated(self) -> bool:
        """Whether truncation is the larger part of the errors."""
        return bool(self.truncation.sum() > self.rounding.sum())


def tail(length: Any, level: int) -> Any:
    """sum_{k > level} length^k / k! = e^length P(level + 1, length), P the regularised incomplete gamma function."""
    from scipy.special import gammainc  # heavy, and needed here only

    with np.errstate(over="ignore"):
        return np.exp(length) * gammainc(level + 1, length)


def segments(knots: np.ndarray, values: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The increments between neighbouring sample points and `times`, and which of them end an interval of `times`.

    Each is a fraction of the increment of one step, so that it is right to a few eps of itself."""
    merged = np.union1d(knots[(knots > times[0]) & (knots < times[-1])], times)
    step = np.clip(np.searchsorted(knots, merged[:-1], side="right") - 1, 0, len(knots) - 2)
    fractions = np.diff(merged) / np.diff(knots)[step]
    with np.errstate(over="ignore", under="ignore"):
        return fractions[:, None] * np.diff(values, axis=0)[step], np.isin(merged[1:], times[1:])


def balance(
    A: np.ndarray, increments: np.ndarray, is_last: np.ndarray, times: np.ndarray, start: np.ndarray
) -> Equation:
    """The equation in the coordinates in which its path is short, where that at least halves its length."""
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.einsum("iab,i->ab", np.abs(A), np.abs(increments).sum(axis=0))
        finite = bool(np.isfinite(weights.sum()))
    plain = _in_coordinates(A, increments, is_last, times, start, np.zeros(len(start), int))
    if not (len(start) > 1 and finite and plain.sizes.sum() > 1):
        return plain
    other = _in_coordinates(A, increments, is_last, times, start, _balancing(weights))
    return other if other.sizes.sum() < 0.5 * plain.sizes.sum() else plain


def _balancing(weights: np.ndarray) -> np.ndarray:
    """Exponents e of the scaling 2^e that makes the rows and columns of |weights| alike, as LAPACK's gebal does.

    A small number beside every entry keeps triangular matrices from being scaled for ever: off the diagonal they are
    brought down to about the spectral radius, or to 1."""
    radius = max(1.0, float(np.abs(np.linalg.eigvals(weights)).max()))
    off = np.where(np.eye(len(weights), dtype=bool), 0.0, weights + radius * min(1.0, radius / weights.max()))
    exponents = np.zeros(len(weights), int)
    for _ in range(100):
        changed = False
        for i in range(len(weights)):
            row, column = (max(float(sums), np.finfo(float).tiny) for sums in (off[i].sum(), off[:, i].sum()))
            change = round(0.5 * (math.log2(row) - math.log2(column)))
            if change and row * 0.5**change + column * 2.0**change < 0.95 * (row + column):
                off[i] *= 0.5**change
                off[:, i] *= 2.0**change
                exponents[i] += change
                changed = True
        if not changed:
            break
    return np.clip(exponents - exponents.max(), -1000, 0)


def _in_coordinates(
    A: np.ndarray, increments: np.ndarray, is_last: np.ndarray, times: np.ndarray, start: np.ndarray,
    exponents: np.ndarray,
) -> Equation:  # fmt: skip
    """The equation for Z, with Y = unit * 2^exponents * Z."""
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        A = np.ldexp(A, exponents[None, None, :] - exponents[None, :, None])
        tops = np.frexp(np.abs(A).max(axis=(1, 2)))[1]
        A, increments = np.ldexp(A, -tops[:, None, None]), np.ldexp(increments, tops)
        fractions, powers = np.frexp(start)
        top = int((powers - exponents)[start != 0].max()) - 1 if start.any() else 0
        start = np.ldexp(fractions, powers - exponents - top)
        n = len(start)
        _checks.memory(
            8.0 * 4.0 * len(increments) * n * n, f"the matrices of {len(increments)} increments of {n} states",
            "use fewer points, or solve_rde",
        )  # fmt: skip
        sizes = _spectral_norms(np.abs(A), np.abs(increments))
        # Rounding in the sum of the channels is relative to the absolute sizes.
        lengths = np.minimum(_spectral_norms(A, increments) + 4 * len(A) * _UNIT * sizes, sizes)
    return Equation(A, increments, is_last, times, start, np.ldexp(1.0, exponents), np.ldexp(1.0, top), lengths, sizes)


def _spectral_norms(A: np.ndarray, increments: np.ndarray) -> np.ndarray:
    """|sum_i A_i dX^i|_2 for each increment; infinite where it overflows."""
    sums = np.einsum("pi,iab->pab", increments, A)
    if A.shape[1] == 1:
        return np.abs(sums[:, 0, 0])
    finite = np.isfinite(sums).all(axis=(1, 2))
    return np.where(finite, np.linalg.norm(np.where(finite[:, None, None], sums, 0.0), ord=2, axis=(1, 2)), np.inf)


def plan(equation: Equation, wanted: float) -> Plan:
    """The cheapest level whose truncation error is at most `wanted` per unit of length, with its pieces.

    A piece has sizes of at most 1 / channels, so that rounding is that of a few additions to Y.
    """
    d, n = equation.matrices.shape[:2]
    best: tuple[float, Plan] | None = None
    for level in range(1, LARGEST_LEVEL + 1):
        words = sum(float(d) ** k for k in range(1, level + 1))
        if level > 1 and words > LARGEST_SIGNATURE:
            break
        # tail(l) ~ l^{N+1}/(N+1)! = wanted l, and e^l is at most e.
        length = min(1.0, math.exp((math.log(wanted) - 1 + math.lgamma(level + 2)) / level))
        plan = Plan(level, length, 1 / d)
        pieces = float(_measure(equation, plan).sum()) + len(equation.times)
        count = len(equation.increments) + pieces
        # An iteration costs its multiplications and, in one channel above all, its many small operations.
        cost = count * (2 * words + 30 * level**2) + pieces * (words * n * n + words / d * n**3 + 100 * level)
        if best is None or cost < best[0]:
            best = cost, plan
    assert best is not None
    return best[1]


def _measure(equation: Equation, chosen: Plan) -> np.ndarray:
    """The number of pieces that each segment takes, as a real number."""
    if chosen.length is None or chosen.size is None:
        return np.zeros(len(equation.increments))
    return np.maximum(equation.lengths / chosen.length, equation.sizes / chosen.size)


def cut(equation: Equation, chosen: Plan) -> Pieces:
    """The path cut into pieces of at most the lengths of the plan, each inside one interval."""
    measure = _measure(equation, chosen)
    count = float(np.sum(np.maximum(np.ceil(measure), 1.0)))
    if not count <= LARGEST_COUNT or not np.isfinite(equation.sizes).all():
        raise InputError(
            f"expected a path of at most {LARGEST_COUNT} pieces, got one of length {equation.lengths.sum():.3g} "
            f"(the sum of |sum_i A_i dX^i|), which takes {count:.3g}; make it shorter, or use solve_rde with an "
            f"implicit solver if the equation is stiff"
        )
    parts = np.maximum(np.ceil(measure), 1.0).astype(int)
    segment = np.repeat(np.arange(len(parts)), parts)
    share = 1.0 / parts[segment]
    last = equation.is_last[segment] & (np.arange(1, len(segment) + 1) == np.cumsum(parts)[segment])
    kinds = _kinds(measure[segment] * share, last)
    ends = np.flatnonzero(kinds >= END_OF_PIECE)
    starts = np.append(0, ends[:-1] + 1)
    lengths, sizes = (np.add.reduceat(x[segment] * share, starts) for x in (equation.lengths, equation.sizes))
    padded = 1 << max(4, (len(segment) - 1).bit_length())
    increments = np.zeros((padded, equation.increments.shape[1]))
    increments[: len(segment)] = equation.increments[segment] / parts[segment][:, None]
    truncation, rounding = np.zeros((2, padded))
    truncation[ends] = tail(lengths, chosen.level)
    rounding[ends] = _rounding(sizes, np.diff(np.append(starts, ends[-1] + 1)), *equation.matrices.shape[:2])
    kinds = np.append(kinds, np.full(padded - len(segment), PADDING))
    return Pieces(chosen.level, increments, kinds.astype(np.int32), truncation, rounding)


def _kinds(measure: np.ndarray, last: np.ndarray) -> np.ndarray:
    """What follows each increment: a piece ends where the next increment would take its measure above 1."""
    kinds = np.where(last, END_OF_INTERVAL, INSIDE)
    if not measure.any():
        return kinds
    filled, follows = 0.0, (*measure[1:].tolist(), 0.0)
    for i, (now, following, ends) in enumerate(zip(measure.tolist(), follows, last.tolist(), strict=True)):
        filled += now
        if ends:
            filled = 0.0
        elif filled + following > 1.0:
            kinds[i], filled = END_OF_PIECE, 0.0
    return kinds


def _rounding(sizes: np.ndarray, steps: np.ndarray, channels: int, states: int) -> np.ndarray:
    """Bounds of the rounding error of P y, relative to |y|, for pieces of absolute length a and s increments.

    Level k of the absolute series is at most a^k/k!. Its signature is rounded s times in additions, at most
    3 k (k + 1) / 2 times in the products of Horner's scheme, and 5 k times in its increments; the sum over words takes
    k (channels * states + 2) roundings, P y another `states`, and y + (P - 1) y one, of what is at most e^a |y|.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        exp, grown = np.exp(sizes), np.expm1(sizes)
        series = steps * grown + exp * sizes * (1.5 * sizes + 8 + channels * states + 2) + states * grown
        return np.where(sizes > 0, 1.01 * _UNIT * (series + exp), 0.0)
