"""Step control for rough differential equations: partitions from the p-variation control of the driver.

omega(s, t) = sum_{k <= floor(p)} sup over partitions of [s, t] of sum |X^k_{t_i,t_{i+1}}|^{p/k} is superadditive, and
the local error of a scheme of level N is of the order omega^{(N+1)/p}. The greedy partition spends one step on
each unit of omega: t_{i+1} is the last sample point with omega(t_i, t_{i+1}) <= threshold. The number of its steps
is the N of Cass, Litterer and Lyons; on sample points it is at most 2 omega(0, T)/threshold + 1 (two steps in a row
hold more than the threshold).
"""

import math
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.paths.lifts import Lift, lift


def greedy_partition(rough_path: Any, p: float, threshold: float, *, norm: str = "l1") -> np.ndarray:
    """The times t_0 < t_1 < ... < t_m of the greedy partition: t_{i+1} is the last sample time with
    omega(t_i, t_{i+1}) <= threshold, or the next sample time where a single step exceeds the threshold.

    `rough_path`: a `Lift` of level at least floor(p), or a path, lifted canonically. `p` >= 1, `threshold` > 0, in
    the units of |X|^p. `norm` as in `p_variation`. Time O(points * longest step * channels^{floor(p)}).
    Raises `InputError` for a bad p or threshold, too low a level, or a traced lift.
    Source: Cass, Litterer, Lyons, Integrability and tail estimates for Gaussian rough differential equations.
    """
    p = _checks.exponent(p)
    norm = _checks.choice(norm, ("l1", "l2"), "norm")
    threshold = _checks.number(
        threshold, "threshold", above=0, infinite=True, remedy="it is the p-variation control of one step"
    )
    levels = math.floor(p)
    rough_path = rough_path if isinstance(rough_path, Lift) else lift(rough_path, levels)
    check_level(rough_path.level, p)
    if _checks.is_traced(rough_path.steps, rough_path.times):
        raise InputError("expected a concrete lift, got a JAX tracer; choose the partition outside jit and vmap")
    low = rough_path.truncate(levels)
    ends = np.cumsum([low.channels**k for k in range(1, levels + 1)])[:-1]
    steps = np.split(np.asarray(low.steps, dtype=np.float64), ends, axis=1)
    chosen, last = [0], low.points - 1
    while chosen[-1] < last:
        chosen.append(_farthest(steps, chosen[-1], p, threshold, norm))
    return np.asarray(low.times, dtype=np.float64)[chosen]


def check_level(level: int, p: float) -> None:
    """Refuse a level below floor(p), where the rough path is not determined by it."""
    if level < math.floor(p):
        least = f"{math.floor(p)}" if p < 1e6 else f"{p:g}"
        raise InputError(
            f"expected a lift of level at least floor(p) = {least} for p = {p:g}, got level {level}; below it "
            f"the iterated integrals are not determined by the path: lift it to level {least}"
        )


def _farthest(steps: list[np.ndarray], start: int, p: float, threshold: float, norm: str) -> int:
    """The last sample point reached from `start` within the threshold, at least start + 1.

    Row a of `pairs[k - 1]` is X^k_{start + a, b}; best[k - 1][a] the level-k supremum over [start, start + a].
    """
    count = len(steps[0]) - start
    room = 16
    pairs = [np.zeros((room, part.shape[1])) for part in steps]
    best = np.zeros((len(steps), room + 1))
    for n in range(1, count + 1):
        if n > room:
            pairs = [np.concatenate([part, np.zeros_like(part)]) for part in pairs]
            best = np.concatenate([best, np.zeros((len(steps), room))], axis=1)
            room *= 2
        _append(pairs, [part[start + n - 1] for part in steps], n)
        for k, part in enumerate(pairs, start=1):
            rows = part[:n]
            size = np.abs(rows).sum(1) if norm == "l1" else np.sqrt((rows * rows).sum(1))
            best[k - 1, n] = np.max(best[k - 1, :n] + size ** (p / k))
        if best[:, n].sum() > threshold:
            return start + max(n - 1, 1)
    return start + count


def _append(pairs: list[np.ndarray], step: list[np.ndarray], n: int) -> None:
    """X_{a,b+1} = X_{a,b} (x) X_{b,b+1} for the first n rows, the last of them being the new, empty one."""
    for k in range(len(pairs), 0, -1):
        rows = pairs[k - 1][:n]
        for j in range(1, k):
            rows += (pairs[j - 1][:n, :, None] * step[k - j - 1]).reshape(n, -1)
        rows += step[k - 1]
