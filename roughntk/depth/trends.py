"""Conditions on how kernels go on with depth, determinant, summable and hyperbolic, from trends over doublings."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from roughntk._checks.precision import EPS
from roughntk.depth.conditions import FAILS, HOLDS, OPEN, Condition, Counterexample
from roughntk.depth.extrapolation import power_limit
from roughntk.depth.increments import Course, settles, summable
from roughntk.depth.point_sets import Kernels
from roughntk.linalg import Factor

NO_TESTS = "no test points off the data in R^1"
ROUNDING = 4.0
"""An eigenvalue within this many n eps of the largest one is 0 to rounding."""
FALLEN = 4.0
"""L (1 - factor) of increments that fall by one factor; it grows with L, while that of L^-p stays p."""


def least_eigenvalue(K: NDArray[np.float64]) -> tuple[float, float]:
    """(smallest eigenvalue, what rounding leaves unsure of it)."""
    spectrum = np.linalg.eigvalsh(K)
    return float(spectrum[0]), ROUNDING * len(K) * EPS * float(np.abs(spectrum).max())


def determinant(kernels: Kernels, followed: str, depths: list[int]) -> Condition:
    """log det of the normalised matrix at depths 2, 4, 8, ...: how its changes from one to the next go on.

    Several depths of each doubling decide, since one that swings may be as large at two depths by chance: it tends to 0
    where the largest falls, by no small part of the swing, and does not where largest and swing settle.
    """
    logs: list[float] = []
    if any(np.diag(kernels.at(followed, depth)).min() <= 0 for depth in depths):
        return Condition("determinant", OPEN, None, None, (f"a diagonal entry on {followed} is not positive",))
    for depth in depths:
        log = _log_determinant(kernels, followed, depth)
        if log is None:
            break
        logs.append(log)
    if len(logs) < 4:
        return Condition("determinant", OPEN, None, None, (f"the matrix on {followed} is singular to rounding",))
    n, last = len(kernels.sets[followed]), depths[len(logs) - 1]
    shown = f"log det = {logs[-1]:.6g} at depth {last:,} on {followed}"
    start = _falls_from(depths, logs)
    if len(logs) < len(depths):
        return Condition("determinant", HOLDS, start, None, (shown, f"0 to rounding from depth {depths[len(logs)]}"))
    largest, swings = np.transpose([_of_doubling(kernels, followed, depth) for depth in depths[-4:]])
    steps = np.diff(largest)
    calmer = swings[-1] < 0.85 * swings[-2] < 0.85 * swings[-3]
    if abs(steps[-1]) < 1e-9 or (abs(steps[-1]) < 0.85 * abs(steps[-2]) and calmer):
        settled = abs(steps[-1]) < 1e-9
        limit = math.exp(logs[-1]) if settled else _limit_of_determinant(kernels, followed)
        words = (
            f"its changes shrink by {abs(steps[-1] / steps[-2]):.2g} with every doubling of the depth: it does not "
            f"tend to 0, n = {n}"
            if limit is None
            else f"det tends to {limit:.6g} > 0, n = {n}"
        )
        example = Counterexample(followed, last, "det", math.exp(logs[-1]), kernels.sets[followed])
        return Condition("determinant", FAILS, None, example, (shown, words))
    if steps[-1] < 0 and steps[-1] < 0.85 * steps[-2] and -steps[-1] > 0.1 * swings[-1]:
        power = -steps[-1] / math.log(2)
        return Condition("determinant", HOLDS, start, None, (shown, f"falls like L^-{power:.3g} or faster, n = {n}"))
    return Condition("determinant", OPEN, None, None, (shown, "its trend is not clear at the depths tested"))


def _log_determinant(kernels: Kernels, followed: str, depth: int) -> float | None:
    """log det of the normalised matrix; None where that is singular to rounding."""
    K = kernels.at(followed, depth)
    root = np.sqrt(np.abs(np.diag(K)))
    value, rounding = least_eigenvalue(K / root[:, None] / root)
    return float(np.linalg.slogdet(K / root[:, None] / root)[1]) if value > rounding else None


def _of_doubling(kernels: Kernels, followed: str, depth: int) -> tuple[float, float]:
    """The largest log det and how far it is above the smallest, at 17 depths or fewer above half of this one."""
    between = {depth - 1, *(round(depth * 2 ** (-k / 16)) for k in range(16))}
    every = [_log_determinant(kernels, followed, each) for each in between if 2 * each > depth]
    known = [-math.inf if each is None else each for each in every]
    return max(known), max(known) - min(known)


def _falls_from(depths: list[int], values: list[float]) -> int:
    """The first of the depths from which the values fall at every depth."""
    rises = np.flatnonzero(np.diff(values) >= 0)
    return depths[rises[-1] + 1 if rises.size else 0]


def _limit_of_determinant(kernels: Kernels, followed: str) -> float | None:
    """exp of the extrapolated log det; None for a sequence, whose depths do not reach far enough."""
    depths = np.array([d for d in np.unique(np.round(np.geomspace(20, kernels.deepest, 60)).astype(int))])
    if kernels.on_grid(1) is None or len(depths) < 40:
        return None
    values = []
    for depth in depths:
        K = kernels.at(followed, int(depth))
        values.append(float(np.linalg.slogdet(K)[1] - np.log(np.diag(K)).sum()))
    fit = power_limit(depths, np.array(values))
    return math.exp(fit.value) if fit.uncertainty < 0.05 else None


def movements(kernels: Kernels, following: str, depths: list[int], course: Course) -> Condition:
    """How far the coefficients move from depths 2, 4, 8, ... to twice as deep, and beside it |K^-1 (K_{L+1} - K_L)|."""
    drivers = _drivers(kernels, following, depths)
    if kernels.sets[following].shape[1] < 2:
        return Condition("summable", OPEN, None, None, (NO_TESTS, *drivers))
    if not course.blocks:
        return Condition("summable", OPEN, None, None, (f"on {following} {course.ended}", *drivers))
    verdict, last = summable(course), course.blocks[-1]
    shown = f"the coefficients on {following} move by {last.size:.4g} from depth {last.depth:,} to {2 * last.depth:,}; "
    shown += verdict.reason
    if verdict.answer:
        start = _falls_from([each.depth for each in course.blocks], [each.size for each in course.blocks])
        return Condition("summable", HOLDS, start, None, (shown, *drivers))
    if verdict.answer is None:
        return Condition("summable", OPEN, None, None, (shown, *drivers))
    term = last.at, "|u_(L+1) - u_L|", last.largest
    if last.largest < 0.01 * last.spread:
        term = last.depth, "largest |u_L - u_M| to twice as deep", last.spread
    example = Counterexample(following, *term, kernels.sets[following])
    if settles(course).answer:
        shown += f"; they settle all the same: any two from there on to twice as deep differ by {last.spread:.3g}"
    return Condition("summable", FAILS, None, example, (shown, *drivers))


def _drivers(kernels: Kernels, followed: str, depths: list[int]) -> tuple[str, ...]:
    """|K_L^{-1}(K_{L+1} - K_L)| (spectral norm), the 1-variation of Theorem 3's drivers, and how it falls."""
    norms: list[tuple[int, float]] = []
    for depth in depths:
        K = kernels.at(followed, depth)
        if abs(least_eigenvalue(K)[0]) > 1e-11 * float(np.abs(K).max()):
            change = Factor(K, cholesky=False).solve(kernels.at(followed, depth + 1) - K)
            norms.append((depth, float(np.linalg.norm(change, 2))))
    if len(norms) < 2:
        return ()
    (before, first), (last, second) = norms[-2:]
    shown = f"|K^-1 (K_(L+1) - K_L)| = {second:.4g} at depth {last:,}"
    if second < 1e-12 or first < 1e-12:
        return (shown,)
    power = math.log(first / second) / math.log(last / before)
    return (f"{shown}, {f'falling like L^-{power:.3g}' if power > 0.05 else 'not falling'}",)


class Factors(NamedTuple):
    """(K_{L+2} - K_{L+1})/(K_{L+1} - K_L) at a depth L: the median over pairs, and the spread."""

    depth: int
    median: float
    spread: float


def factors(kernels: Kernels, following: str, depths: list[int]) -> list[Factors]:
    """At depths 2, 4, ... as far as rounding leaves digits of the increments."""
    upper = np.triu_indices(len(kernels.sets[following]), 1)
    measured: list[Factors] = []
    for depth in depths:
        first, second, third = (kernels.at(following, depth + k)[upper] for k in range(3))
        before, after = second - first, third - second
        if np.abs(after).min() < 1e-10 * np.abs(third).max() or np.abs(before).min() == 0:
            break
        ratios = after / before
        measured.append(Factors(depth, float(np.median(ratios)), float(np.ptp(ratios))))
    return measured


def hyperbolic(measured: list[Factors], following: str, points: NDArray[np.float64]) -> Condition:
    """Do the factors of the increments settle below 1, at one value for all pairs?"""
    if len(measured) < 2:
        return Condition("hyperbolic", OPEN, None, None, ("increments fall below rounding too soon",))
    last, factor, spread = measured[-1]
    before, left = 1 - measured[-2].median, 1 - factor
    steady = 0.8 * before < left < 1.25 * before and last * left >= FALLEN
    words = f"the increments shrink by {factor:.6g} (spread over pairs {spread:.2g}) at depth {last:,} on {following}"
    common = np.array([0 < each < 1 and apart < 0.3 * (1 - each) for _, each, apart in measured])
    if common[-1] and steady:
        others = np.flatnonzero(~common)
        start = measured[others[-1] + 1 if others.size else 0].depth
        return Condition("hyperbolic", HOLDS, start, None, (words,))
    example = Counterexample(following, last, "factor of the increments", factor, points)
    if 0 < left < 0.8 * before:
        return Condition("hyperbolic", FAILS, None, example, (words, f"tending to 1: {1 - factor:.3g} below it"))
    return Condition("hyperbolic", OPEN, None, None, (words, "not settled at the depths tested"))


def by_one_factor(measured: list[Factors], condition: Condition) -> str:
    """In words, that all increments shrink by one factor, pairs differing by less and less faster than any power."""
    if condition.verdict != HOLDS:
        return ""
    before, last = measured[-2:]
    alike = last.spread <= 1e-3 * (1 - last.median) and last.spread <= max(0.25 * before.spread, 1e-7)
    return f"{condition.evidence[0]}, and {before.spread:.2g} at depth {before.depth:,}" if alike else ""


__all__ = [
    "FALLEN", "NO_TESTS", "ROUNDING", "Factors", "by_one_factor", "determinant", "factors", "hyperbolic",
    "least_eigenvalue", "movements",
]  # fmt: skip
