"""Theorem 3: the driving paths converge to the zero path in p-variation, decided by each lift alone.

A lift gives the signature S(X_{s,t}) of every piece of a driver between sample points. From these numbers alone follow
the p-variation distances to the zero path at levels 1 and 2, how they fall with depth, and whether they converge.
Beside them stand sums over the points, sum_{i<j} dX_i (x) dX_j + (1/2) sum_i dX_i (x) dX_i at level 2: no lift enters.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from roughntk import rough
from roughntk._checks import MissingBackendError
from roughntk.audit import driver_paths, equation
from roughntk.audit.claim import MEASURED, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.subject import Numbers, Subject

WANTED = "jax", "esig", "iisignature"
"""Lifts that are asked for by name: the built-in one, and two packages."""

DEPTHS = 10, 20, 40, 80, 160, 320
POINTS = 9
P = 2.5
"""Exponent of the distances at levels 1 and 2; at p = 1 the distance at level 1 is the length."""

LEVEL = 2
AGREEMENT = 1e-9
_FAILURES = ArithmeticError, LookupError, RuntimeError, TypeError, ValueError

Lift = Callable[[Numbers, int], Numbers]


class Distances(NamedTuple):
    """To the zero path, one row a depth: level 1 at p = 1, and levels 1 and 2 at p = 2.5."""

    length: Numbers
    levels: Numbers


def drivers(subject: Subject) -> dict[int, Numbers]:
    """The driver of each depth at evenly spaced positions, (points, n (n + 1)); 2 training points, 6 channels."""
    X, x = equation.training()[:2], equation.testing()
    paths = {}
    for depth in DEPTHS:
        systems = driver_paths.segment(subject.tangent, X, x, depth)
        pieces = driver_paths.increments(subject.driver_rate, systems, np.linspace(0, 1, POINTS))
        flat = pieces.reshape(len(pieces), -1)
        paths[depth] = np.concatenate([np.zeros((1, flat.shape[1])), np.cumsum(flat, axis=0)])
    return paths


def by_sums(path: Numbers, level: int) -> Numbers:
    """Levels 1 and 2 of the signature of a piecewise-linear path, by sums over its pieces."""
    del level
    steps = np.diff(path, axis=0)
    before = np.cumsum(steps, axis=0) - steps
    return np.concatenate([steps.sum(axis=0), ((before + steps / 2).T @ steps).ravel()])


def of_pieces(lift: Lift, path: Numbers) -> list[Numbers]:
    """S(X_{s,t}) of all pairs of points, level by level, each of shape (points, points, channels^k).

    The points from s to t stand at the end, after the first one repeated, which adds nothing to a signature: so all
    pieces have as many points, and a lift that compiles does so once.
    """
    count, channels = path.shape
    table = np.zeros((count, count, channels + channels**2))
    for start in range(count):
        for stop in range(start + 1, count):
            piece = np.concatenate([np.repeat(path[start : start + 1], count - 1 - stop + start, axis=0),
                                    path[start : stop + 1]])  # fmt: skip
            table[start, stop] = lift(piece, LEVEL)
    return [table[..., :channels], table[..., channels:]]


def distances(lift: Lift, paths: dict[int, Numbers]) -> Distances:
    """From the pieces that a lift gives."""
    lengths, levels = [], []
    for path in paths.values():
        parts = of_pieces(lift, path)
        lengths.append(rough.p_variation_levels_of_increments(parts[:1], 1.0)[1].value)
        levels.append([each.value for each in rough.p_variation_levels_of_increments(parts, P).values()])
    return Distances(np.array(lengths), np.array(levels))


def _converge(measured: Distances) -> bool:
    """Whether the rule of `rough.convergence_of_distances` reads convergence, at p = 1 and at p = 2.5."""
    verdicts = [
        rough.convergence_of_distances(measured.length[:, None], 1.0, scale=DEPTHS).verdict,
        rough.convergence_of_distances(measured.levels, P, scale=DEPTHS).verdict,
    ]
    return all(verdict == "converges" for verdict in verdicts)


def _rates(measured: Distances) -> list[float]:
    """The power of log L/L^2 that each of the three falls with, over the last two depths."""
    columns = np.column_stack([measured.length, measured.levels])
    sizes = np.log([math.log(depth) / depth**2 for depth in DEPTHS[-2:]])
    return [float(rate) for rate in np.diff(np.log(columns[-2:]), axis=0)[0] / np.diff(sizes)]


def _heard(name: str, lift: Lift, paths: dict[int, Numbers], direct: Distances, bounds: Numbers) -> Evidence:
    """What one lift says."""
    try:
        measured = distances(lift, paths)
    except MissingBackendError as error:
        return Evidence("statement", f"By {name}: not looked at. {error}", None, MEASURED)
    except _FAILURES as error:
        return Evidence("statement", f"By {name}: it failed: {error}", False, MEASURED)
    every = np.column_stack([measured.length, measured.levels])
    if not np.isfinite(every).all() or not (every > 0).all():
        return Evidence("statement", f"By {name}: distances that are no positive numbers.", False, MEASURED)
    apart = float(np.max(np.abs(every / np.column_stack([direct.length, direct.levels]) - 1)))
    inside = bool(np.all(every <= bounds * (1 + AGREEMENT)))
    rates = _rates(measured)
    near = all(abs(rate / level - 1) < 0.15 for rate, level in zip(rates, (1, 1, 2), strict=True))
    converges = _converge(measured)
    text = (
        f"By {name} the distances from the zero path, p = {P}, fall from {every[0, 1]:.2e} to {every[-1, 1]:.2e} at "
        f"level 1 and from {every[0, 2]:.2e} to {every[-1, 2]:.2e} at level 2 between depths {DEPTHS[0]} and "
        f"{DEPTHS[-1]}, like (log L/L^2)^{rates[1]:.2f} and ^{rates[2]:.2f}, the lengths (p = 1) like ^{rates[0]:.2f}: "
        f"{'they converge' if converges else 'not seen to converge'}; they are {apart:.1e} from those by sums over the "
        f"points{', and V^k/k! bounds them' if inside else ', and not within V^k/k!'}."
    )
    return Evidence(
        "statement", text, converges and near and inside and apart < AGREEMENT, MEASURED,
        {"lift": name, "depths": list(DEPTHS), "length": measured.length.tolist(), "levels": measured.levels.tolist(),
         "rates": rates, "apart": apart},
    )  # fmt: skip


def _missing(name: str) -> Evidence:
    command = rough.backend_install_command(name)
    return Evidence("statement", f"By {name}: not looked at, it is not installed; {command}.", None, MEASURED)


def _summary(heard: dict[str, Evidence]) -> Evidence:
    """Who says yes, who no, and who was not asked."""
    yes, no, absent = (
        [name for name, each in heard.items() if each.supports is answer] for answer in (True, False, None)
    )
    parts = []
    if yes:
        parts.append(f"By the lifts of {', '.join(yes)} the drivers converge to the zero path in p-variation")
    if no:
        parts.append(f"by {', '.join(no)} that is not seen")
    if absent:
        parts.append(f"not asked, as not installed: {', '.join(absent)}")
    return Evidence(
        "statement", "; ".join(parts) + ".", not no if yes or no else None, MEASURED,
        {"converge": yes, "do_not": no, "missing": absent},
    )  # fmt: skip


def _driving_paths_vanish(subject: Subject) -> Looked:
    """Every lift by itself."""
    paths = drivers(subject)
    lengths = np.array([np.sum(np.abs(np.diff(path, axis=0))) for path in paths.values()])
    bounds = np.column_stack([lengths, lengths, lengths**2 / 2])
    direct = distances(by_sums, paths)
    lifts = dict(subject.lifts)
    heard = {
        name: _heard(name, lifts[name], paths, direct, bounds) if name in lifts else _missing(name)
        for name in (*WANTED, *(other for other in lifts if other not in WANTED))
    }
    sizes = tuple(map(float, DEPTHS))
    return [_summary(heard), *heard.values()], Picture(
        "The driving paths with depth", "depth $L$", f"distance from the zero path, $p = {P}$",
        (Curve("level 1", sizes, tuple(direct.levels[:, 0]), True),
         Curve("level 2", sizes, tuple(direct.levels[:, 1]), True),
         Curve("length", sizes, tuple(lengths))),
        (), "xy", "Level k falls like (log L/L^2)^k, whichever lift is asked.",
    )  # fmt: skip


CLAIMS = (
    Claim(
        "driving-paths-vanish", "Theorem 3, p-variation",
        "The driving paths v^(L) converge to the zero path in p-variation.",
        _driving_paths_vanish,
    ),
)  # fmt: skip

__all__ = ["CLAIMS", "Distances", "by_sums", "distances", "drivers", "of_pieces"]
