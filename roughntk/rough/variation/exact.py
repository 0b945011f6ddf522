"""Exact p-variation, and the p-variation distances of rough paths, on the sample points.

The supremum over partitions of the sample points, by the fastest route that is exact:
* scalar paths: local extrema and a stack, near-linear time (`_variation_1d` has the proof);
* level 1 in several channels: the dynamic programme V_j = max_{i<j} V_i + |x_j - x_i|^p, blocks of i being passed
  over by the triangle inequality;
* levels k >= 2, whose increments do not obey it, and the homogeneous distance: the full programme over all pairs, by
  blocks, O(points^2 channels^k) time and O(points channels^k) memory.

For a path the supremum over partitions of the samples is that of its piecewise-linear interpolation at level
1 (|x_{s,t}|^p is convex in each end, p >= 1); at higher levels it is a lower bound of it.

`variation`, `variation_distance` and `homogeneous_distance` return a `Variation`, which says what its number is;
`p_variation` and `p_variation_distance` are the bare numbers.
"""

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.paths.lifts import Lift
from roughntk.rough.paths.perturbed import geometric_violation
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear
from roughntk.rough.variation.dynamic import Supremum, homogeneous_supremum, suprema
from roughntk.rough.variation.increments import Steps, gap_points, paired_steps, steps_of
from roughntk.rough.variation.one_channel import level_one

NORMS = ("l1", "l2")

#: The largest number of levels 1 .. floor(p) that is looked at where none was asked for.
MOST_LEVELS = 1000


@dataclass(frozen=True)
class Variation:
    """A p-variation, and what was computed.

    value: the number; float(result) is the same.
    p: the variation exponent; the sum is of |X^level|^{p/level}.
    level: the level of the lift that the number belongs to: where several were asked for, the largest one. For a
        homogeneous distance, the highest level that enters.
    norm: "l1" or "l2", the norm of an increment.
    root: whether the outer root (.)^{level/p} was taken ((.)^{1/p} for a homogeneous distance).
    partition: indices of a partition of the sample points that attains it, from 0 to points - 1.
    method: how it was found.
    levels: the value at each level 1, 2, ... that was asked for, by level.
    """

    value: float
    p: float
    level: int
    norm: str
    root: bool
    partition: np.ndarray
    method: str
    levels: dict[int, float] = dataclasses.field(default_factory=dict)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        root = "outer root taken" if self.root else "no outer root"
        return f"{self.value:.6g} (p = {self.p:g}, level {self.level}, {self.norm} norm, {root}; {self.method})"


def variation(path: Any, p: float, *, level: int | None = None, norm: str = "l2", root: bool = True) -> Any:
    """The p-variation over the sample points, exactly, with a partition that attains it.

    `path`: an array (points, channels), a `PiecewiseLinear`, or a `Lift`; an array (batch, points, channels) is a
    batch, and gives the list of the `Variation`s of its paths.
    `p` >= 1. `norm` "l1" (entrywise) or "l2" (Hilbert-Schmidt), see `tensor.norm`.
    `level` k: ( sup over partitions of sum |X^k_{t_i,t_{i+1}}|^{p/k} )^{k/p}, an array being lifted
    canonically.
    `level` None: k = 1 for an array, ( sup sum |x_{t_{i+1}} - x_{t_i}|^p )^{1/p}; for a `Lift` the largest
    over 1 <= k <= floor(p). `root` False leaves out the outer root (.)^{k/p} and gives the supremum of the
    sum itself, the V_p of many texts; for a `Lift` it then needs `level`.

    With the root, at a given level, it is non-increasing in p; at level 1, p = 1 is the length. Raises
    `InputError` for p < 1, a bad path, level or norm, a `Lift` of too low a level, a level beyond memory, and sums
    beyond the range of float64.
    Source: Friz, Victoir, Multidimensional Stochastic Processes as Rough Paths, chapters 5 and 8.
    """
    root = _checks.flag(root, "root")
    batch = _batch(path, "path")
    if batch is not None:
        return _each(lambda one: variation(one, p, level=level, norm=norm, root=root), {"path": batch})
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    levels = wanted_levels(path, p, level)
    if not root and len(levels) > 1:
        raise InputError(
            "expected a level with root=False for a lift, as each level has its own root, got level=None; "
            "pass level=1, 2, ..."
        )
    return _largest(level_suprema(steps_of(path, levels[-1]), None, p, levels, norm), p, norm, root)


def p_variation(path: Any, p: float, *, level: int | None = None, norm: str = "l2", root: bool = True) -> Any:
    """The number of `variation`, which has the arguments and the errors; of a batch an array (batch,)."""
    found = variation(path, p, level=level, norm=norm, root=root)
    return np.array([one.value for one in found]) if isinstance(found, list) else found.value


def variation_partition(path: Any, p: float, norm: str = "l2", *, level: int = 1) -> Any:
    """A partition of the sample points that attains `p_variation(path, p, level=level, norm=norm)`.

    Returns the increasing indices of its points, from 0 to points - 1 (an int array). Where several
    partitions attain it, one of them; of a batch, the list of them. Raises as `variation` does.
    """
    found = variation(path, p, level=1 if level is None else level, norm=norm)
    return [one.partition for one in found] if isinstance(found, list) else found.partition


def variation_distance(path_a: Any, path_b: Any, p: float, *, level: int | None = None, norm: str = "l1") -> Any:
    """The inhomogeneous p-variation distance of two rough paths X, Y sampled at the same times:

    max over 1 <= k <= floor(p) of ( sup over partitions of sum |X^k_{t_i,t_{i+1}} - Y^k_{t_i,t_{i+1}}|^{p/k}
    )^{k/p}.

    `path_a`, `path_b`: arrays (points, channels) or `PiecewiseLinear`, lifted canonically, or `Lift`s; the
    same number of points and channels, and the same times where both have times. `level` k gives that level alone
    (any k >= 1, also above p). `norm` "l1" is the projective norm for l1 on the channels; "l2" is Hilbert-Schmidt.

    The difference of the increments is carried from point to point by Chen's identity,
    D_{s,u} = D_{s,t} X_{t,u} + Y_{s,t} D_{t,u}, never formed as a difference of two large numbers: the error
    is eps relative to D and to the size of the single steps, not to that of the whole path.
    For that the paths must be given as points: a `Lift` that was made beforehand holds steps and prefixes rounded to
    eps of themselves, so that of the difference of two `Lift`s 1e-9 apart some 7 digits are left.
    Of two batches, arrays (batch, points, channels) of as many paths, or of a batch and one path: the list of the
    `Variation`s.
    Raises `InputError` as `variation` does, and for paths of different shapes or times.
    Source: Lyons, Caruana, Levy, Differential Equations Driven by Rough Paths, definition 3.11.
    """
    found = _of_batches(variation_distance, path_a, path_b, p, level, norm)
    if found is not None:
        return found
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    levels = wanted_levels(path_a, p, level, floor=True)
    wanted_levels(path_b, p, level, floor=True)
    x, y = paired_steps(path_a, path_b, levels[-1])
    return _largest(level_suprema(x, y, p, levels, norm), p, norm, True)


def p_variation_distance(path_a: Any, path_b: Any, p: float, *, level: int | None = None, norm: str = "l1") -> Any:
    """The number of `variation_distance`, which has the arguments and the errors.

    Of two batches, arrays (batch, points, channels) of as many paths, or of a batch and one path: an array (batch,).
    """
    found = variation_distance(path_a, path_b, p, level=level, norm=norm)
    return np.array([one.value for one in found]) if isinstance(found, list) else found.value


def homogeneous_distance(path_a: Any, path_b: Any, p: float, *, level: int | None = None, norm: str = "l1") -> Any:
    """The homogeneous p-variation distance of two geometric rough paths X, Y sampled at the same times:

    ( sup over partitions of sum d(X_{t_i,t_{i+1}}, Y_{t_i,t_{i+1}})^p )^{1/p},
    d(g, h) = |||g^{-1} (x) h|||, |||g||| = max over k <= `level` of (k! |g^k|)^{1/k}.

    `level` None is floor(p). |||.||| is the "factorial" variant of `homogeneous_norm`, symmetric and sub-additive on
    group-like elements, so that d is a left-invariant metric; it scales like the path, whereas level k of
    `variation_distance` scales like its k-th power. The arguments are those of `variation_distance`. The quotient
    X_{s,t}^{-1} (x) Y_{s,t} is carried from point to point as a deviation from 1, which keeps its digits where paths
    that are given as points are close; of `Lift`s 1e-9 apart, whose steps are rounded already, some 7 are left (fewer
    at level k, of which the k-th root is taken). Batches as in `variation_distance`.
    Raises `InputError` as `variation_distance` does, and for a `Lift` whose steps are not group-like (an Ito lift),
    on which d is not symmetric.
    Source: Friz, Victoir, Multidimensional Stochastic Processes as Rough Paths, sections 7.5 and 8.1.
    """
    found = _of_batches(homogeneous_distance, path_a, path_b, p, level, norm)
    if found is not None:
        return found
    p, norm = _checks.exponent(p), _checks.choice(norm, NORMS, "norm")
    top = wanted_levels(path_a, p, level, floor=True)[-1]
    for path, name in ((path_a, "path_a"), (path_b, "path_b")):
        wanted_levels(path, p, top)
        check_group_like(path, top, name)
    x, y = paired_steps(path_a, path_b, top)
    if top == 1 or x.points.shape[1] == 1:  # in one channel g^{-1} (x) h is the exponential of its level 1
        best, method = level_one(_difference(x, y), p, norm)
    else:
        best, method = homogeneous_supremum(x, y, p, top, norm), "dynamic programme"
    return Variation(best.value(True), p, top, norm, True, best.partition, method)


def _of_batches(
    function: Callable[..., Any], path_a: Any, path_b: Any, p: float, level: int | None, norm: str
) -> list[Any] | None:
    """`function` at the pairs of two batches, or of a batch and one path; None if neither is a batch."""
    batches = {"path_a": _batch(path_a, "path_a"), "path_b": _batch(path_b, "path_b")}
    given = {name: batch for name, batch in batches.items() if batch is not None}
    if not given:
        return None
    one = {"path_a": path_a, "path_b": path_b}
    return _each(
        lambda *parts: function(**one | dict(zip(given, parts, strict=True)), p=p, level=level, norm=norm), given
    )


def _batch(path: Any, name: str) -> np.ndarray | None:
    """`path` as an array if it is a batch (batch, points, channels), else None."""
    if isinstance(path, PiecewiseLinear | Lift | type):
        return None
    _checks.check_mask(path, name)
    try:
        axes = np.ndim(path)
    except Exception:  # a ragged list or what is no array, which the reader of paths names
        return None
    if axes != 3:
        return None
    batch = _checks.real_array(path, name)
    if len(batch) == 0:
        raise InputError(f"expected {name} with at least one path, got shape {batch.shape}; pass at least one path")
    return batch


def _each(function: Callable[..., Any], batches: dict[str, np.ndarray]) -> list[Any]:
    """`function` at the paths of each batch in turn; errors name the path."""
    counts = [len(batch) for batch in batches.values()]
    if len(set(counts)) > 1:
        raise InputError(
            f"expected two batches with the same number of paths, got {counts[0]} and {counts[1]}; pass as many paths "
            f"in each, or one path in place of a batch"
        )
    found = []
    for i, parts in enumerate(zip(*batches.values(), strict=True)):
        try:
            found.append(function(*parts))
        except InputError as error:
            where = ", ".join(f"{name}[{i}]" for name in batches)
            raise InputError(f"{where}: {error}") from None
    return found


def wanted_levels(path: Any, p: float, level: Any, *, floor: bool = False) -> list[int]:
    """The levels that a call looks at: `level`, or 1 .. floor(p) for a lift (and for all paths if `floor`)."""
    if level is not None:
        wanted = [_checks.level(level)]
    elif floor or isinstance(path, Lift):
        if p >= MOST_LEVELS + 1:
            raise InputError(
                f"expected an exponent below {MOST_LEVELS + 1} where all levels 1 .. floor(p) enter, got {p:g}; pass "
                f"the level that you want"
            )
        wanted = list(range(1, math.floor(p) + 1))
    else:
        wanted = [1]
    if isinstance(path, Lift) and path.level < wanted[-1]:
        raise InputError(
            f"expected a lift of level at least {wanted[-1]}, got level {path.level}; "
            f"lift the path to level {wanted[-1]}, or pass the level you want"
        )
    return wanted


def check_group_like(path: Any, level: int, name: str, tolerance: float = 1e-8) -> None:
    """Refuse a `Lift` with steps that are not group-like up to `level`."""
    if not isinstance(path, Lift):
        return
    bad = np.flatnonzero(~(geometric_violation(path)[:, :level] <= tolerance).all(axis=1))
    if bad.size:
        raise InputError(
            f"expected {name} to be a geometric lift, got steps that are not group-like at {_checks.name_rows(bad)}; "
            f"use variation_distance, which takes any lift, or add the bracket that makes it geometric"
        )


def level_suprema(x: Steps, y: Steps | None, p: float, levels: list[int], norm: str) -> dict[int, tuple[Supremum, str]]:
    """For each level k: sup over partitions of sum |X^k - Y^k|^{p/k} (Y trivial if None), and how it was found."""
    found = {}
    if 1 in levels:
        found[1] = level_one(x if y is None else _difference(x, y), p, norm)
    higher = [k for k in levels if k > 1]
    if higher and y is None and x.canonical and x.points.shape[1] == 1:
        # |X^k| = |dx|^k / k!
        best, method = found.get(1) or level_one(x, p, norm)
        for k in higher:
            # The unit best.unit^k / k! in two parts, as it may leave the range of float64.
            log = k * math.log2(best.unit) - math.lgamma(k + 1) / math.log(2)
            exact = k <= 170 and abs(log) < 1000 and abs(k * math.log2(best.unit)) < 1000
            whole = 0 if exact else math.floor(log)
            unit = best.unit**k / math.factorial(k) if exact else 2.0 ** (log - whole)
            found[k] = Supremum(best.total, unit, p / k, k * best.exponent + whole, best.partition), method
    elif higher:
        for k, best in zip(higher, suprema(x, y, p, higher, norm), strict=True):
            found[k] = best, "dynamic programme"
    return found


def _difference(x: Steps, y: Steps) -> Steps:
    return Steps(gap_points(y, x), [], x.exponent, x.canonical and y.canonical)


def _largest(found: dict[int, tuple[Supremum, str]], p: float, norm: str, root: bool) -> Variation:
    values = {k: best.value(root) for k, (best, _) in found.items()}
    level = max(values, key=lambda k: values[k])
    best, method = found[level]
    return Variation(values[level], p, level, norm, root, best.partition, method, values)
