"""Exact p-variation, and the p-variation distances of rough paths, on the sample points.

A number of one path (or of each path of a batch)   `p_variation`
of two, as rough paths                              `p_variation_distance`, `homogeneous_distance`
a table of the levels, with partition and method    `p_variation_levels`
a partition that attains the number                 `p_variation_partition`

For a path the supremum over partitions of the samples is that of its piecewise-linear interpolation at level
1 (|x_{s,t}|^p is convex in each end, p >= 1); at higher levels it is a lower bound of it.
"""

from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.paths.lifts import Lift
from roughntk.rough.paths.perturbed import geometric_violation
from roughntk.rough.variation.batches import for_each_path
from roughntk.rough.variation.dynamic import homogeneous_supremum
from roughntk.rough.variation.increments import paired_steps, steps_of
from roughntk.rough.variation.level_one import level_one
from roughntk.rough.variation.levels import (
    NORMS,
    Variation,
    VariationTable,
    difference,
    largest,
    level_suprema,
    table_of,
    wanted_levels,
)


def p_variation(path: Any, p: float, *, level: int | None = None, norm: str = "l1", root: bool = True) -> Any:
    """The p-variation over the sample points, exactly:

    ( sup over partitions of sum |X^k_{t_i,t_{i+1}}|^{p/k} )^{k/p},

    at level 1 ( sup sum |x_{t_{i+1}} - x_{t_i}|^p )^{1/p}.

    With the root, at a given level, it is non-increasing in p; at level 1, p = 1 is the length in the norm chosen: by
    default the sum of the absolute increments of all channels, the Euclidean length for norm="l2".

    Args:
        path: an array (..., points, channels), leading axes being a batch, or (points,) for one channel, lifted
            canonically; a `PiecewiseLinear`; a `Lift`.
        p: the exponent, at least 1.
        level: k; None: 1, for a `Lift` the largest over 1 <= k <= floor(p).
        norm: of an increment, "l1" (entrywise) or "l2" (Hilbert-Schmidt), see `tensor.norm`.
        root: False leaves out the outer root (.)^{k/p} and gives the supremum of the sum itself, the V_p of many
            texts; for a `Lift` it then needs `level`.

    Returns:
        A float; for a batch an array of the leading axes.

    Raises:
        InputError: p < 1, a bad path, level or norm, a `Lift` of too low a level, a level beyond memory, sums beyond
            the range of float64 (in a batch the path is named), a tracer.
    Source: FrizVictoir2010, chapters 5 and 8.

    >>> p_variation([0.0, 1.0, 0.5, 1.5], 1.0), p_variation([0.0, 1.0, 0.5, 1.5], 3.0)
    (2.5, 1.5)
    >>> p_variation([[[0.0, 0.0], [3.0, 4.0]], [[0.0, 0.0], [1.0, 0.0]]], 2.0).tolist()  # two paths
    [7.0, 1.0]
    """
    root = _checks.flag(root, "root")
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    levels = wanted_levels(path, p, level)
    if not root and len(levels) > 1:
        raise InputError(
            "expected a level with root=False for a lift, as each level has its own root, got level=None; "
            "pass level=1, 2, ..."
        )

    def number(one: Any) -> float:
        by_level = level_suprema(steps_of(one, levels[-1]), None, p, levels, norm)
        return max(best.value(root) for best, _ in by_level.values())

    return for_each_path(number, path=path)


def p_variation_distance(path_a: Any, path_b: Any, p: float, *, level: int | None = None, norm: str = "l1") -> Any:
    """The inhomogeneous p-variation distance of two rough paths X, Y sampled at the same times:

    max over 1 <= k <= floor(p) of ( sup over partitions of sum |X^k_{t_i,t_{i+1}} - Y^k_{t_i,t_{i+1}}|^{p/k}
    )^{k/p}.

    The difference of the increments is carried from point to point by Chen's identity,
    D_{s,u} = D_{s,t} X_{t,u} + Y_{s,t} D_{t,u}, never formed as a difference of two large numbers: the error
    is eps relative to D and to the size of the single steps, not to that of the whole path.
    For that the paths must be given as points: a `Lift` that was made beforehand holds steps and prefixes rounded to
    eps of themselves, so that of the difference of two `Lift`s 1e-9 apart some 7 digits are left.

    Args:
        path_a, path_b: arrays (..., points, channels) or `PiecewiseLinear`, lifted canonically, or `Lift`s; the same
            number of points and channels, and the same times where both have times. Leading axes broadcast.
        p: the exponent, at least 1.
        level: k, that level alone (any k >= 1, also above p); None: the largest over 1 <= k <= floor(p).
        norm: "l1", the projective norm for l1 on the channels, or "l2", Hilbert-Schmidt.

    Returns:
        A float; for a batch an array of the leading axes.

    Raises:
        InputError: as `p_variation`, and for paths of different shapes or times.
    Source: LyonsCaruanaLevy2007, definition 3.11.

    >>> p_variation_distance([0.0, 1.0, 3.0], [0.0, 1.0, 2.0], 1.0)
    1.0
    """
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    levels = wanted_levels(path_a, p, level, floor=True)
    wanted_levels(path_b, p, level, floor=True)

    def number(a: Any, b: Any) -> float:
        by_level = level_suprema(*paired_steps(a, b, levels[-1]), p, levels, norm)
        return max(best.value(True) for best, _ in by_level.values())

    return for_each_path(number, path_a=path_a, path_b=path_b)


def homogeneous_distance(path_a: Any, path_b: Any, p: float, *, level: int | None = None, norm: str = "l1") -> Any:
    """The homogeneous p-variation distance of two geometric rough paths X, Y sampled at the same times:

    ( sup over partitions of sum d(X_{t_i,t_{i+1}}, Y_{t_i,t_{i+1}})^p )^{1/p},
    d(g, h) = |||g^{-1} (x) h|||, |||g||| = max over k <= `level` of (k! |g^k|)^{1/k}.

    |||.||| is the "factorial" variant of `homogeneous_norm`, symmetric and sub-additive on group-like elements, so that
    d is a left-invariant metric; it scales like the path, whereas level k of `p_variation_distance` scales like its
    k-th power. The quotient X_{s,t}^{-1} (x) Y_{s,t} is carried from point to point as a deviation from 1, which keeps
    its digits where paths that are given as points are close; of `Lift`s 1e-9 apart, whose steps are rounded already,
    some 7 are left (fewer at level k, of which the k-th root is taken).

    Args:
        path_a, path_b, p, norm: as for `p_variation_distance`, batches too.
        level: the highest level that enters; None: floor(p).

    Returns:
        A float; for a batch an array of the leading axes.

    Raises:
        InputError: as `p_variation_distance`, and for a `Lift` whose steps are not group-like (an Ito lift), on which d
            is not symmetric.
    Source: FrizVictoir2010, sections 7.5 and 8.1.

    >>> round(homogeneous_distance([[0, 0], [3, 4]], [[0, 0], [0, 0]], 2.5), 12)  # |||exp(3, 4)||| = 3 + 4
    7.0
    """
    return for_each_path(
        lambda a, b: homogeneous_variation(a, b, p, level=level, norm=norm).value, path_a=path_a, path_b=path_b
    )


def homogeneous_variation(path_a: Any, path_b: Any, p: float, *, level: int | None, norm: str) -> Variation:
    """`homogeneous_distance` of one pair, with a partition that attains it."""
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    top = wanted_levels(path_a, p, level, floor=True)[-1]
    for path, name in ((path_a, "path_a"), (path_b, "path_b")):
        wanted_levels(path, p, top)
        check_group_like(path, top, name)
    x, y = paired_steps(path_a, path_b, top)
    if top == 1 or x.points.shape[1] == 1:  # in one channel g^{-1} (x) h is the exponential of its level 1
        best, method = level_one(difference(x, y), p, norm)
    else:
        best, method = homogeneous_supremum(x, y, p, top, norm), "dynamic programme"
    return Variation(best.value(True), p, top, norm, True, best.partition, method)


def p_variation_levels(
    path: Any, p: float, *, against: Any = None, level: int | None = None, norm: str = "l1", root: bool = True
) -> VariationTable:
    """The table of the p-variation level by level, each with a partition that attains it and how it was found.

    Args:
        path, p, norm, root: as for `p_variation`, one path at a time.
        against: another path: the table of their distance, whose largest entry is `p_variation_distance`.
        level: that level alone; None: the levels 1 .. floor(p), of an array too.

    Returns:
        A `Variation` for each level, by level, in a dictionary that notebooks show as a table and that has `plot` and
        `to_dataframe` (`VariationTable`).

    Raises:
        InputError: as `p_variation` and `p_variation_distance`, and for a batch.
    Source: FrizVictoir2010, definition 8.6.

    >>> {k: variation.value for k, variation in p_variation_levels([[0.0, 0.0], [1.0, 1.0]], 2.0).items()}
    {1: 2.0, 2: 2.0}
    """
    root = _checks.flag(root, "root")
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    levels = wanted_levels(path, p, level, floor=True)
    if against is None:
        return table_of(level_suprema(steps_of(path, levels[-1]), None, p, levels, norm), p, norm, root)
    wanted_levels(against, p, level, floor=True)
    x, y = paired_steps(path, against, levels[-1])
    return table_of(level_suprema(x, y, p, levels, norm), p, norm, root)


def p_variation_partition(
    path: Any, p: float, *, against: Any = None, level: int | None = None, norm: str = "l1"
) -> np.ndarray:
    """A partition of the sample points that attains `p_variation(path, p, level=level, norm=norm)`, or
    `p_variation_distance(path, against, p, level=level, norm=norm)` where another path is given.

    Returns:
        The increasing indices of its points, from 0 to points - 1 (an int array). It is found in relative terms: steps
        that count far less than the rounding of the whole, as small ones do for large p, are as well chosen as large
        ones. Of partitions that tie to rounding it is one of few points, found from left to right: a last step that
        leaves fewer points is taken, then the longer one. A constant path is one step, [0, points - 1]. Where p = 1,
        every point that differs from the one before belongs to it, in several channels.

    Raises:
        InputError: as `p_variation` and `p_variation_distance`, and for a batch.
    Source: FrizVictoir2010, section 5.1.

    >>> path = [0.0, 1.0, 0.5, 1.5]
    >>> p_variation_partition(path, 1.5).tolist(), p_variation_partition(path, 3.0).tolist()
    ([0, 1, 2, 3], [0, 3])
    """
    if level is None and against is None and not isinstance(path, Lift):
        level = 1
    return largest(p_variation_levels(path, p, against=against, level=level, norm=norm)).partition


def check_group_like(path: Any, level: int, name: str, tolerance: float = 1e-8) -> None:
    """Refuse a `Lift` with steps that are not group-like up to `level`."""
    if not isinstance(path, Lift):
        return
    bad = np.flatnonzero(~(geometric_violation(path)[:, :level] <= tolerance).all(axis=1))
    if bad.size:
        raise InputError(
            f"expected {name} to be a geometric lift, got steps that are not group-like at {_checks.name_rows(bad)}; "
            f"use p_variation_distance, which takes any lift, or add the bracket that makes it geometric"
        )
