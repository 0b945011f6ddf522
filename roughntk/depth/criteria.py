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

import functools
import math
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from numpy.typing import NDArray

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.depth import trends
from roughntk.depth.conditions import FAILS, HOLDS, OPEN, Condition, Counterexample, Criteria
from roughntk.depth.increments import Course, Verdict, followed, settles, summable
from roughntk.depth.point_sets import GENERIC, Kernels, Sequence, trial_sets
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.engine import user_functions
from roughntk.kernels.registry import as_family
from roughntk.kernels.sequences import KernelSequence

DEPTHS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
FAMILY_DEPTH, SEQUENCE_DEPTH = 1000, 200
_ORDERS, _RADIUS = 8, 0.5
_TESTS, _WITH_TESTS = 4, "the points that are followed, with test points"
_NO_COURSE = Course([], np.zeros(0, dtype=np.int64), np.zeros((0, 0, 0)))
_REACH, _SLOW_REACH, _DEEPEST = 16_384, 1_024, 2**60
_PLACES, _SLOW_PLACES, _SMOOTH_PLACES = 16, 8, 4  # depths in each doubling at which coefficients are found


def check(family_or_sequence: KernelFamily | Sequence | str, X=None, *, deepest: int | None = None) -> Criteria:
    """The conditions of the paper's Section 6, tried on hard point sets and on X; do coefficients have a limit?

    The sets: 3 to 12 equispaced points of a circle, antipodal sets, random sets in R^2 to R^10, and X. For a family the
    Maclaurin coefficients of the kernel as a function of the correlation are measured too: a negative one rules out
    positive definiteness on all spheres (Schoenberg1942).

    Args:
        family_or_sequence: a KernelFamily, its name, or a function. A function h(correlation, depth), elementwise, is
            taken as `rn.kernels.sequence(h)`; a function sequence(X, depth) returns the kernel matrix (n, n) on the
            unit rows of X (n, n0) at a whole depth >= 1, symmetric, n0 from 2 to 10. Which of the two it is, its result
            for five points of a circle tells, an array (5, 2): of shape (5, 2) or (5, 5).
        X: distinct unit rows of your own, (n, n0), n >= 2: determinant and increments are then followed on them.
        deepest: deepest depth to try, at least 20. By default 1000; of a function that JAX cannot record 200. If it is
            left out, coefficients are followed to 16,384 where these depths do not decide whether they have a limit,
            and those of a recorded function in any case (1,024 of another function of correlations).

    Returns:
        :class:`Criteria`, with `has_limit` (True, False, or None where it is not decided) and its `reason`.

    Raises:
        InputError: neither a family nor such a function, one that returns another shape, NaN, or an unsymmetric matrix
            at a depth that is tried, rows off the sphere or equal.

    >>> import roughntk as rn
    >>> tried = rn.depth.criteria.check(lambda correlation, depth: correlation**depth, deepest=100)
    >>> tried.has_limit, tried["determinant"].verdict
    (True, 'fails')
    """
    family, name = _source(family_or_sequence)
    if X is not None:
        X = sphere.check_unit(X)
        sphere.check_distinct(X)
        if len(X) < 2:
            raise InputError(f"expected at least two points in X, got {len(X)}; add points")
    usual = SEQUENCE_DEPTH if _is_slow(family) else FAMILY_DEPTH
    depth = usual if deepest is None else _checks.integer(deepest, "deepest", least=20, most=_DEEPEST)
    following = GENERIC if X is None else "the given points"
    sets = trial_sets(X)
    tests = sphere.uniform(_TESTS, max(sets[following].shape[1], 2), 6)
    apart = {_WITH_TESTS: np.concatenate([sets[following], tests])} if sets[following].shape[1] > 1 else {}
    kernels = Kernels(family, sets, depth, apart)
    deep = _deeper(family, sets[following], following, apart) if deepest is None else None
    depths = [each for each in DEPTHS if each <= depth]
    doubling = _doublings(depth)
    kernels.prepare([*depths, *(each + k for each in doubling for k in range(3))])
    known = (
        _bounded(kernels, depths),
        _positive_definite(kernels, depths, family if isinstance(family, KernelFamily) else None),
        trends.determinant(kernels, following, doubling),
    )
    factors = trends.factors(kernels, following, doubling)
    hyperbolic = trends.hyperbolic(factors, following, sets[following])
    if deep and hyperbolic.verdict != FAILS and len(factors) == len(doubling):  # rounding leaves more to be seen
        factors = trends.factors(deep(), following, _doublings(deep().deepest))
        hyperbolic = trends.hyperbolic(factors, following, sets[following])
    course = _course(kernels, deep, family, len(sets[following])) if apart else _NO_COURSE
    summing = trends.movements(kernels, following, doubling, course)
    settling = settles(course) if apart else Verdict(None, trends.NO_TESTS)
    limit = _limit(summing, settling, trends.by_one_factor(factors, hyperbolic), course)
    return Criteria(name, (*known, summing, hyperbolic), depth, limit.answer, limit.reason)


def _doublings(deepest: int) -> list[int]:
    return [2**k for k in range(1, 62) if 2**k + 2 <= deepest]


def _deeper(source: Any, points: NDArray[np.float64], following: str, apart: dict) -> Callable[[], Kernels] | None:
    """The kernel of the points that are followed, to greater depths, made when it is asked for; None where they cost.

    Layers are counted for all depths together; those of a network that is another one at each depth, or of a function
    of (X, depth), are not.
    """
    if not isinstance(source, KernelFamily) or source.differs_by_depth:
        return None
    reach = _SLOW_REACH if _is_slow(source) else _REACH
    return functools.cache(lambda: Kernels(source, {following: points}, reach, apart, grid=False))


def _source(given: Any) -> tuple[KernelFamily | Sequence, str]:
    """A family, or a function of (X, depth), and what it is called."""
    is_function = callable(given) and not isinstance(given, type | KernelFamily | Tracer)
    if is_function and user_functions.kind_of(given) == user_functions.MATRIX:
        return given, user_functions.label(given)
    family = as_family(given, wanted="a kernel family or a callable sequence(X, depth)")
    return family, family.name


def _is_slow(source: KernelFamily | Sequence) -> bool:
    """Whether a user's function is called layer by layer, perhaps."""
    if isinstance(source, KernelFamily):
        return isinstance(source, KernelSequence) and not source.traceable
    return True


def _course(kernels: Kernels, deep: Callable[[], Kernels] | None, source: Any, n: int) -> Course:
    """The coefficients as far as they are followed: of a sequence to the deepest depth, of a family where it is needed.

    A family applies layer after layer; a sequence may do anything from some depth on.
    """
    sequence = isinstance(source, KernelSequence)
    places = _SMOOTH_PLACES if isinstance(source, KernelFamily) and not sequence else _SLOW_PLACES
    if sequence and source.traceable:
        places = _PLACES
    if not (sequence and deep):
        course = followed(kernels, _WITH_TESTS, n, kernels.deepest, places)
        if not deep or course.ended or settles(course).answer is not None or summable(course).answer:
            return course
    return followed(deep(), _WITH_TESTS, n, deep().deepest, places)


def _limit(summing: Condition, settling: Verdict, by_one_factor: str, course: Course) -> Verdict:
    """Whether the coefficients have a limit, and why."""
    to = f"coefficients to depth {2 * course.blocks[-1].depth:,}: " if course.blocks else ""
    if settling.answer is not None:
        return Verdict(settling.answer, f"{to}{settling.reason}")
    if summing.verdict == HOLDS:
        return Verdict(True, f"{to}{summable(course).reason}")
    if by_one_factor and (course.ended or not course.blocks):
        return Verdict(True, f"{by_one_factor}; {settling.reason}")
    return Verdict(None, f"{to}{settling.reason}")


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
        least = [trends.least_eigenvalue(kernels.at(name, depth)) for depth in depths]
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
            values = ", ".join(
                f"{trends.least_eigenvalue(kernels.at(worst.where, depth))[0]:.4g}" for depth in (2, 3, 4)
            )
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
        if smallest < -trends.ROUNDING * 12 * EPS:
            return Condition("positive definite", OPEN, None, worst, (*evidence, f"at infinite depth: {smallest:.3g}"))
        evidence.append(f"at infinite depth, on vectors of sum 0, all {len(kernels.sets)} sets: {smallest:.3g} or more")
    return Condition("positive definite", OPEN if open_from == depths[0] else HOLDS, start, worst, tuple(evidence))


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


__all__ = ["Condition", "Counterexample", "Criteria", "check"]
