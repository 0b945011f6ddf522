"""Does a sequence of kernels behave as the paper's Section 6 asks? Each condition tried, by measurement, on data.

The conditions (StArnaud2025, Section 6), for kernels k_L on the sphere:

    bounded             k_L(x, x) > 0 and |k_L(x, x')| <= k_L(x, x)
    positive definite   from some depth on, on every finite set of distinct points
    determinant         det of the normalised kernel matrix tends to 0

and what is enough, in place of the last, for the coefficients u_L = K_L(X,X)^{-1} K_L(X,x) to have a limit:

    summable            sum_L |u_{L+1} - u_L| is finite, x off X; as where sum_L |K_L^{-1} (K_{L+1} - K_L)| is, or
                        where K_L becomes singular along a direction that drops out of u (`roughntk.depth.increments`)
    hyperbolic          the increments K_{L+1} - K_L shrink by one factor lambda, 0 < lambda < 1, for all pairs

A counterexample is a fact (to the stated rounding); "holds" means that none was found, and is no proof.
"""

import math

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.depth.conditions import FAILS, HOLDS, OPEN, Condition, Counterexample, Criteria
from roughntk.depth.extrapolation import power_limit
from roughntk.depth.increments import Movement, movements, settles, verdict
from roughntk.depth.point_sets import GENERIC, Kernels, Sequence, trial_sets
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.registry import as_family
from roughntk.kernels.sequences import KernelSequence
from roughntk.linalg import Factor

DEPTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
FAMILY_DEPTH, SEQUENCE_DEPTH = 1000, 200
_ROUNDING = 4.0  # an eigenvalue within this many n eps of the largest one is 0 to rounding
_ORDERS, _RADIUS = 8, 0.5
_TESTS, _WITH_TESTS = 4, "the points that are followed, with test points"


def check(family_or_sequence: KernelFamily | Sequence, X=None, *, deepest: int | None = None) -> Criteria:
    """The conditions of the paper's Section 6, tried on hard point sets and on X.

    The sets: 3 to 12 equispaced points of a circle, antipodal sets, random sets in R^2 to R^10, and X. For a family the
    Maclaurin coefficients of the kernel as a function of the correlation are measured too: a negative one rules out
    positive definiteness on all spheres (Schoenberg1942).

    Args:
        family_or_sequence: a KernelFamily, also one of `rn.kernels.sequence`, or a callable sequence(X, depth) ->
            kernel matrix (n, n) on the unit rows of X (n, n0) at a whole depth >= 1, symmetric, n0 from 2 to 10.
        X: distinct unit rows of your own, (n, n0), n >= 2: determinant and increments are then followed on them.
        deepest: deepest depth to try, at least 20: 1000 for a family, 200 for a sequence by default.

    Raises:
        InputError: neither a family nor a callable, a sequence that returns another shape, NaN, or an unsymmetric
            matrix, rows off the sphere or equal.
    """
    family = family_or_sequence
    if isinstance(family, type) or not callable(family):
        family = as_family(family, wanted="a kernel family or a callable sequence(X, depth)")
    if X is not None:
        X = sphere.check_unit(X)
        sphere.check_distinct(X)
        if len(X) < 2:
            raise InputError(f"expected at least two points in X, got {len(X)}; add points")
    layered = isinstance(family, KernelFamily) and not isinstance(family, KernelSequence)
    usual = FAMILY_DEPTH if layered else SEQUENCE_DEPTH
    deepest = usual if deepest is None else _checks.integer(deepest, "deepest", least=20)
    followed = GENERIC if X is None else "the given points"
    sets = trial_sets(X)
    tests = sphere.uniform(_TESTS, max(sets[followed].shape[1], 2), 6)
    apart = {_WITH_TESTS: np.concatenate([sets[followed], tests])} if sets[followed].shape[1] > 1 else {}
    kernels = Kernels(family, sets, deepest, apart)
    depths = [depth for depth in DEPTHS if depth <= deepest]
    doubling = [2**k for k in range(1, 30) if 2**k + 2 <= deepest]
    known = (
        _bounded(kernels, depths),
        _positive_definite(kernels, depths, family if isinstance(family, KernelFamily) else None),
        _determinant(kernels, followed, doubling),
    )
    moved = movements(kernels, _WITH_TESTS, len(sets[followed])) if apart else []
    conditions = (
        *known,
        _summable(kernels, followed, doubling, moved),
        _hyperbolic(kernels, followed, doubling),
    )
    name = family.name if isinstance(family, KernelFamily) else getattr(family, "__name__", type(family).__name__)
    return Criteria(name, conditions, deepest, settles(moved))


def _bounded(kernels: Kernels, depths: list[int]) -> Condition:
    """k(x, x) > 0 and |k(x, x')| <= k(x, x), to 8 eps."""
    worst: Counterexample | None = None
    start: int | None = depths[0]
    largest = 0.0
    for depth in depths:
        good = True
        for name, points in kernels.sets.items():
            K = kernels.at(name, depth)
            diagonal = np.diag(K)
            excess = float((np.abs(K) - np.minimum(diagonal[:, None], diagonal)).max())
            scale = float(np.abs(K).max())
            ratio = float((np.abs(K - np.diag(diagonal)) / np.where(diagonal > 0, diagonal, np.inf)[:, None]).max())
            largest = max(largest, ratio)
            if diagonal.min() <= 0 or excess > 8 * EPS * scale:
                good = False
                value, quantity = (
                    (float(diagonal.min()), "diagonal entry") if diagonal.min() <= 0 else (ratio, "off/diagonal ratio")
                )
                if worst is None or abs(value) > abs(worst.value):
                    worst = Counterexample(name, depth, quantity, value, points)
        grid = kernels.on_grid(depth)
        if grid is not None and (grid[0] <= 0 or np.abs(grid).max() > grid[0] * (1 + 8 * EPS)):
            good = False
            where = f"two points at {int(np.argmax(np.abs(grid)))} degrees"
            worst = worst or Counterexample(where, depth, "off/diagonal ratio", float(np.abs(grid).max() / grid[0]))
        start = (depth if start is None else start) if good else None
    evidence = (f"largest |k(x, x')|/k(x, x) seen: {largest:.6g}",)
    return Condition("bounded", FAILS if start is None else HOLDS, start, worst, evidence)


def _positive_definite(kernels: Kernels, depths: list[int], family: KernelFamily | None) -> Condition:
    """The smallest eigenvalue on every set, depth by depth; what is 0 to rounding for ever is left undecided.

    A matrix of zeros has no rounding: it is not positive definite.
    """
    start, worst, evidence, failing, open_from = 1, None, [], [], None
    for name, points in kernels.sets.items():
        least = [_least_eigenvalue(kernels.at(name, depth)) for depth in depths]
        decided = [k for k, (value, rounding) in enumerate(least) if abs(value) > rounding or rounding == 0]
        if not decided:
            open_from = depths[0]
            continue
        last = decided[-1]
        if last + 1 < len(depths):
            open_from = min(depths[last + 1], open_from or depths[-1])
        bad = [k for k in range(last + 1) if least[k][0] <= least[k][1]]
        # depth 1 is the correlation itself, singular on more points than dimensions: not held against the sequence
        for k in bad:
            value = least[k][0]
            if depths[k] > 1 and (worst is None or value < worst.value - 1e-12):
                quantity = "smallest eigenvalue" + (" (0 to rounding)" if abs(value) <= least[k][1] else "")
                worst = Counterexample(name, depths[k], quantity, value, points)
        if bad and bad[-1] == last:
            failing.append(f"{name}: {least[last][0]:.3g} at depth {depths[last]}")
        elif bad:
            start = max(start, depths[bad[-1] + 1])
    negative = _negative_coefficient(family) if family is not None else None
    if negative is not None:
        depth, order, value = negative
        evidence.append(f"Maclaurin coefficient {order} of the kernel at depth {depth} is {value:.6g} < 0 (Schoenberg)")
    if failing:
        if worst is not None:
            values = ", ".join(f"{_least_eigenvalue(kernels.at(worst.where, depth))[0]:.4g}" for depth in (2, 3, 4))
            evidence.append(f"{worst.where}: {values} at depths 2, 3, 4")
        evidence.append(
            f"not positive at the last depth that rounding lets decide on {len(failing)} of {len(kernels.sets)} sets: "
            + ", ".join(failing[:3])
        )
        return Condition("positive definite", FAILS, None, worst, tuple(evidence))
    if negative is not None:
        where = Counterexample(
            "spheres of high dimension", negative[0], f"Maclaurin coefficient {negative[1]}", negative[2]
        )
        return Condition("positive definite", FAILS, None, worst or where, tuple(evidence))
    evidence.append(f"{len(kernels.sets)} sets, {len(depths)} depths to {depths[-1]:,}")
    if family is not None:
        evidence.append(f"no negative Maclaurin coefficient up to order {_ORDERS} at depths 2 to 6")
    if open_from is not None:
        evidence.append(f"on some sets 0 to rounding from depth {open_from} on: decided up to there only")
    if family is not None and family.collapses:
        smallest = kernels.smallest_deflated_eigenvalue(family)
        if smallest < -_ROUNDING * 12 * EPS:
            return Condition("positive definite", OPEN, None, worst, (*evidence, f"at infinite depth: {smallest:.3g}"))
        evidence.append(f"at infinite depth, on vectors of sum 0, all {len(kernels.sets)} sets: {smallest:.3g} or more")
    return Condition("positive definite", OPEN if open_from == depths[0] else HOLDS, start, worst, tuple(evidence))


def _least_eigenvalue(K: NDArray[np.float64]) -> tuple[float, float]:
    """(smallest eigenvalue, what rounding leaves unsure of it)."""
    spectrum = np.linalg.eigvalsh(K)
    return float(spectrum[0]), _ROUNDING * len(K) * EPS * float(np.abs(spectrum).max())


def _negative_coefficient(family: KernelFamily) -> tuple[int, int, float] | None:
    """(depth, order, value) of the first negative Maclaurin coefficient of k_L in the correlation, depths 2 to 6.

    Chebyshev interpolation on [-1/2, 1/2], where k_L, analytic in the unit disc, loses 3.7 a node; a coefficient is
    negative if it lies below 0 by more than ten times the difference between 20 and 24 nodes.
    """
    for depth in range(2, 7):
        fine, coarse = _maclaurin(family, depth, 24, 20)
        doubt = np.abs(fine - coarse) + 1e-9
        below = np.flatnonzero(fine < -10 * doubt)
        if below.size:
            return depth, int(below[0]), float(fine[below[0]])
    return None


def _maclaurin(family: KernelFamily, depth: int, *counts: int) -> list[NDArray[np.float64]]:
    """The first coefficients, from each of these numbers of nodes."""
    nodes = [np.cos((2 * np.arange(count) + 1) * math.pi / (2 * count)) for count in counts]
    every = np.asarray(family.at_correlation(jnp.asarray(_RADIUS * np.concatenate(nodes)), depth))
    coefficients = []
    for z, values in zip(nodes, np.split(every, np.cumsum(counts)[:-1]), strict=True):
        series = np.polynomial.chebyshev.cheb2poly(np.polynomial.chebyshev.chebfit(z, values, len(z) - 1))
        coefficients.append(series[: _ORDERS + 1] / _RADIUS ** np.arange(_ORDERS + 1))
    return coefficients


def _determinant(kernels: Kernels, followed: str, depths: list[int]) -> Condition:
    """log det of the normalised matrix at depths 2, 4, 8, ...: how its changes from one to the next go on."""
    logs: list[float] = []
    if any(np.diag(kernels.at(followed, depth)).min() <= 0 for depth in depths):
        return Condition("determinant", OPEN, None, None, (f"a diagonal entry on {followed} is not positive",))
    for depth in depths:
        K = kernels.at(followed, depth)
        root = np.sqrt(np.abs(np.diag(K)))
        value, rounding = _least_eigenvalue(K / root[:, None] / root)
        if value <= rounding:
            break
        logs.append(float(np.linalg.slogdet(K / root[:, None] / root)[1]))
    if len(logs) < 4:
        return Condition("determinant", OPEN, None, None, (f"the matrix on {followed} is singular to rounding",))
    n, steps, last = len(kernels.sets[followed]), np.diff(logs), depths[len(logs) - 1]
    shown = f"log det = {logs[-1]:.6g} at depth {last:,} on {followed}"
    start = _falls_from(depths, logs)
    if len(logs) < len(depths):
        return Condition("determinant", HOLDS, start, None, (shown, f"0 to rounding from depth {depths[len(logs)]}"))
    if abs(steps[-1]) < 1e-9 or abs(steps[-1]) < 0.85 * abs(steps[-2]):
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
    if steps[-1] < 0 and steps[-1] < 0.85 * steps[-2]:
        power = -steps[-1] / math.log(2)
        return Condition("determinant", HOLDS, start, None, (shown, f"falls like L^-{power:.3g} or faster, n = {n}"))
    return Condition("determinant", OPEN, None, None, (shown, "its trend is not clear at the depths tested"))


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


def _summable(kernels: Kernels, followed: str, depths: list[int], moved: list[Movement]) -> Condition:
    """How far the coefficients move from depths 2, 4, 8, ... to twice as deep, and beside it |K^-1 (K_{L+1} - K_L)|."""
    drivers = _drivers(kernels, followed, depths)
    if kernels.sets[followed].shape[1] < 2:
        return Condition("summable", OPEN, None, None, ("no test points off the data in R^1", *drivers))
    holds, factor = verdict(moved)
    if not moved:
        return Condition("summable", OPEN, None, None, (f"the matrix on {followed} is too ill conditioned", *drivers))
    last = moved[-1]
    shown = f"the coefficients on {followed} move by {last.size:.4g} from depth {last.depth:,} to {2 * last.depth:,}"
    if factor is not None:
        shown += f", at most {factor:.3g} times the movement before over each of the last three doublings"
    elif holds:
        shown += ", no more than rounding"
    if 4 * last.depth + 2 <= kernels.deepest:
        shown += "; beyond, the matrix is too ill conditioned"
    if holds:
        start = _falls_from([each.depth for each in moved], [each.size for each in moved])
        return Condition("summable", HOLDS, start, None, (shown, *drivers))
    if holds is None:
        return Condition("summable", OPEN, None, None, (shown, "its trend is not clear at the depths tested", *drivers))
    example = Counterexample(followed, last.at, "|u_(L+1) - u_L|", last.largest, kernels.sets[followed])
    if settles(moved):
        shown += f"; they settle all the same: any two from there on to twice as deep differ by {last.spread:.3g}"
    return Condition("summable", FAILS, None, example, (shown, *drivers))


def _drivers(kernels: Kernels, followed: str, depths: list[int]) -> tuple[str, ...]:
    """|K_L^{-1}(K_{L+1} - K_L)| (spectral norm), the 1-variation of Theorem 3's drivers, and how it falls."""
    norms: list[tuple[int, float]] = []
    for depth in depths:
        K = kernels.at(followed, depth)
        if abs(_least_eigenvalue(K)[0]) > 1e-11 * float(np.abs(K).max()):
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


def _hyperbolic(kernels: Kernels, followed: str, depths: list[int]) -> Condition:
    """(K_{L+2} - K_{L+1})/(K_{L+1} - K_L) at depths 2, 4, ...: does it settle below 1, at one value for all pairs?"""
    upper = np.triu_indices(len(kernels.sets[followed]), 1)
    measured: list[tuple[int, float, float]] = []
    for depth in depths:
        first, second, third = (kernels.at(followed, depth + k)[upper] for k in range(3))
        before, after = second - first, third - second
        if np.abs(after).min() < 1e-10 * np.abs(third).max() or np.abs(before).min() == 0:
            break
        ratios = after / before
        measured.append((depth, float(np.median(ratios)), float(np.ptp(ratios))))
    if len(measured) < 2:
        return Condition("hyperbolic", OPEN, None, None, ("increments fall below rounding too soon",))
    (_, slower, _), (last, factor, spread) = measured[-2], measured[-1]
    words = f"the increments shrink by {factor:.6g} (spread over pairs {spread:.2g}) at depth {last:,} on {followed}"
    common = np.array([0 < each < 1 and apart < 0.3 * (1 - each) for _, each, apart in measured])
    if common[-1] and (1 - factor) > 0.8 * (1 - slower):
        others = np.flatnonzero(~common)
        start = measured[others[-1] + 1 if others.size else 0][0]
        return Condition("hyperbolic", HOLDS, start, None, (words,))
    example = Counterexample(followed, last, "factor of the increments", factor, kernels.sets[followed])
    if factor < 1 and 1 - factor < 0.8 * (1 - slower):
        return Condition("hyperbolic", FAILS, None, example, (words, f"tending to 1: {1 - factor:.3g} below it"))
    return Condition("hyperbolic", OPEN, None, None, (words, "not settled at the depths tested"))


__all__ = ["Condition", "Counterexample", "Criteria", "check"]
