"""Signatures of the drivers by every backend, and what each of them makes of the convergence of the drivers.

Each backend computes S(X_{s,t}) over all pairs of sample points; the p-variation distance to the zero path, its rates
and the verdict follow from that backend's numbers alone. Only where all backends agree is there a verdict.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from roughntk import rough
from roughntk.files.checkpoints import UNKEPT, Keeper
from roughntk.rough.variation.convergence import CONVERGES, DOES_NOT, UNDECIDED
from roughntk.study.analysis.closed_form import Depth
from roughntk.study.analysis.drivers import LEVEL_3_CHANNELS, Drivers
from roughntk.study.analysis.laws import Law

NO_VERDICT = "no verdict"

AGREEMENT = 1e-9
"""Backends agree if no level and no word differs by more than this part of its size. Rounding leaves about 1e-15."""

GRID = 33
"""Increments are taken over at most so many of the sample points: their number grows like the square."""

TERMS = 3
"""Words of each level whose values are kept, the largest ones."""

FAILURES = (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)


@dataclasses.dataclass(frozen=True)
class BackendView:
    """What one backend computed: `whole[L]` = S(v^(L)) flat, `increments` of the last depth, `distances[L]` per level.

    `failure` says what it raised first.
    """

    whole: dict[Depth, np.ndarray]
    increments: dict[Depth, np.ndarray]
    distances: dict[Depth, list[float]]
    failure: str = ""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Do the backends agree? `apart` names those that stand apart from a larger group; it is empty where they disagree
    and none can be told to be the wrong one. `largest` is the largest disagreement; None with one backend only."""

    agree: bool
    apart: tuple[str, ...]
    largest: float | None


@dataclasses.dataclass
class Signatures:
    """Stage 7. `record` is the `signature` entry of study.json; `views` by backend."""

    record: dict[str, Any]
    views: dict[str, BackendView]
    agreement: Agreement
    level: int
    channels: int


def signatures(drivers: Drivers, p: float, progress: Callable[[str, int], None], keeper: Keeper = UNKEPT) -> Signatures:
    """Signatures to level 3 (2 in many channels), and distances at levels 1 .. floor(p), by every installed backend."""
    level = 3 if drivers.directions <= LEVEL_3_CHANNELS else 2
    top = min(math.floor(p), level)
    backends = list(rough.available_backends())
    views = {name: BackendView({}, {}, {}) for name in backends}
    per_depth: list[dict[str, Any]] = []
    gaps: dict[tuple[str, str], float] = dict.fromkeys(itertools.combinations(backends, 2), 0.0)
    last = next(reversed(drivers.reduced), None)
    for depth, path in drivers.reduced.items():
        work = functools.partial(_at_depth, backends, depth, path, level, top, p, depth == last)
        seen, by_pair = keeper.kept(f"depth {depth}", work)
        views = {name: _joined(view, seen[name]) for name, view in views.items()}
        for pair, by_level in by_pair.items():
            gaps[pair] = max(gaps[pair], *by_level)
        norms = level_norms(views["jax"].whole[depth], drivers.directions, level)
        worst = np.max([[0.0] * level, *by_pair.values()], axis=0)
        per_depth.append(
            {"depth": depth, "disagreement": float(np.max(worst)), "disagreement_by_level": list(worst),
             "level_norms": norms}
        )  # fmt: skip
        progress("signatures", 1)
    agreement = agreement_of(backends, gaps)
    record = {
        "level": level,
        "levels_of_increments": top,
        "channels": drivers.directions,
        "driver_channels": drivers.channels,
        "on_principal_directions": not drivers.full,
        "captured": {str(depth): value for depth, value in drivers.captured.items()},
        "backends": backends,
        "absent": {
            name: rough.backend_install_command(name) for name in rough.SIGNATURE_BACKENDS if name not in backends
        },
        "max_disagreement": agreement.largest,
        "agree": agreement.agree,
        "stand_apart": list(agreement.apart),
        "failures": {name: view.failure for name, view in views.items() if view.failure},
        "per_depth": per_depth,
    }
    return Signatures(record, views, agreement, level, drivers.directions)


Gaps = dict[tuple[str, str], list[float]]
"""For each pair of backends the disagreement at each level."""


def _at_depth(
    backends: list[str], depth: Depth, path: np.ndarray, level: int, top: int, p: float, with_increments: bool
) -> tuple[dict[str, BackendView], Gaps]:
    """What every backend makes of one driver, and how far they are apart."""
    views = {name: _seen(name, depth, path, level, top, p) for name in backends}
    gaps = _disagreements(views, depth, path, level, top)
    if not with_increments:
        views = {name: dataclasses.replace(view, increments={}) for name, view in views.items()}
    return views, gaps


def _joined(view: BackendView, more: BackendView) -> BackendView:
    """The view with one more depth."""
    return BackendView(
        view.whole | more.whole, more.increments, view.distances | more.distances, view.failure or more.failure
    )


def _seen(backend: str, depth: Depth, path: np.ndarray, level: int, top: int, p: float) -> BackendView:
    """One depth by one backend. What it raises, or gives besides finite numbers, is NaN and is named."""
    channels = path.shape[1]
    grid = path[_grid(len(path))]
    shape = (len(grid), len(grid), rough.signature_size(channels, top))
    failure = ""
    try:
        whole = np.asarray(rough.signature(path, level, backend=backend), dtype=np.float64)
        increments = np.asarray(rough.signatures_of_intervals(grid, top, backend=backend), dtype=np.float64)
        if whole.shape != (rough.signature_size(channels, level),) or increments.shape != shape:
            raise ValueError(f"shapes {whole.shape} and {increments.shape}")
    except FAILURES as problem:
        whole, increments = np.full(rough.signature_size(channels, level), np.nan), np.full(shape, np.nan)
        failure = f"{type(problem).__name__} at depth {depth}: {problem}"
    distances = [math.nan] * top
    if np.isfinite(increments).all():
        parts = _split(increments, channels, top)
        table = rough.p_variation_levels_of_increments(parts, p, norm="l2")
        distances = [variation.value for variation in table.values()]
    elif not failure:
        failure = f"entries that are not finite at depth {depth}"
    return BackendView({depth: whole}, {depth: increments}, {depth: distances}, failure)


def _grid(samples: int) -> np.ndarray:
    """Indices of at most `GRID` sample points, both ends among them."""
    return np.unique(np.linspace(0, samples - 1, min(samples, GRID)).round().astype(int))


def _split(flat: np.ndarray, channels: int, level: int) -> list[np.ndarray]:
    ends = np.cumsum([channels**k for k in range(1, level + 1)])
    return np.split(flat, ends[:-1], axis=-1)


def level_norms(flat: np.ndarray, channels: int, level: int) -> list[float]:
    """l1 norms of the levels 1 .. level of a flat signature."""
    return [float(np.abs(part).sum()) for part in _split(flat, channels, level)]


def _disagreements(views: Mapping[str, BackendView], depth: Depth, path: np.ndarray, level: int, top: int) -> Gaps:
    """For each pair of backends the disagreement at each level, of the signature and of all increments."""
    disagreements = {}
    for a, b in itertools.combinations(views, 2):
        whole = disagreement(views[a].whole[depth], views[b].whole[depth], path, level)
        pieces = disagreement(views[a].increments[depth], views[b].increments[depth], path, top)
        disagreements[a, b] = [max(*pair) for pair in itertools.zip_longest(whole, pieces, fillvalue=0.0)]
    return disagreements


def disagreement(a: np.ndarray, b: np.ndarray, path: np.ndarray, level: int) -> list[float]:
    """At each level k: how far two signatures, or two arrays of increments (..., size), of one path are apart.

    The larger one of two numbers: the largest l1 norm of a - b relative to the largest l1 norm of the level itself (not
    of anything larger: a level that is missing reads 1); and the largest |a^w - b^w| over the words w = (i_1 .. i_k)
    relative to V_{i_1} ... V_{i_k}, V_i the 1-variation of channel i, which bounds a signature word by word and
    is what a backend's rounding of that word is relative to. Infinite where an entry is not finite.
    """
    channels = path.shape[1]
    lengths = np.abs(np.diff(path, axis=0)).sum(axis=0)
    per_level, reach = [], np.ones(1)
    for x, y in zip(_split(a, channels, level), _split(b, channels, level), strict=True):
        reach = np.multiply.outer(reach, lengths).ravel()
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            per_level.append(math.inf)
            continue
        gap = np.abs(x - y)
        size = max(float(np.abs(x).sum(-1).max()), float(np.abs(y).sum(-1).max()))
        by_level = float(gap.sum(-1).max()) / size if size > 0 else 0.0
        worst = gap.reshape(-1, len(reach)).max(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_word = np.where(worst > 0, worst / reach, 0.0)
        per_level.append(max(by_level, float(by_word.max())))
    return per_level


def agreement_of(backends: list[str], gaps: Mapping[tuple[str, str], float]) -> Agreement:
    """Groups of backends that agree with each other; the largest one, of at least two, is taken to be right."""
    groups: list[set[str]] = []
    for name in backends:
        near = [group for group in groups if any(_gap(gaps, name, other) <= AGREEMENT for other in group)]
        groups = [group for group in groups if group not in near] + [{name}.union(*near)]
    largest = max(gaps.values(), default=None)
    if len(groups) == 1:
        return Agreement(True, (), largest)
    groups.sort(key=len, reverse=True)
    told = len(groups[0]) > len(groups[1])
    return Agreement(False, tuple(name for name in backends if name not in groups[0]) if told else (), largest)


def _gap(gaps: Mapping[tuple[str, str], float], a: str, b: str) -> float:
    return gaps[a, b] if (a, b) in gaps else gaps[b, a]


def largest_terms(driver_signatures: Signatures) -> list[dict[str, Any]]:
    """Rows (depth, level, word, backend, value): the largest words of each level, letters counted from 1."""
    rows: list[dict[str, Any]] = []
    reference = driver_signatures.views["jax"].whole
    if not reference:
        return rows
    ends = np.cumsum([0, *(driver_signatures.channels**k for k in range(1, driver_signatures.level + 1))])
    stacked = np.abs(np.stack(list(reference.values())))
    for k in range(1, driver_signatures.level + 1):
        part = stacked[:, ends[k - 1] : ends[k]]
        relative = (part / np.maximum(part.max(axis=1, keepdims=True), 1e-300)).max(axis=0)
        for place in np.argsort(-relative, kind="stable")[:TERMS]:
            letters = np.unravel_index(int(place), (driver_signatures.channels,) * k)
            word = " ".join(str(int(letter) + 1) for letter in letters)
            rows += [
                {"depth": depth, "level": k, "word": word, "backend": name,
                 "value": float(whole[ends[k - 1] + place])}
                for name, view in driver_signatures.views.items()
                for depth, whole in view.whole.items()
            ]  # fmt: skip
    return rows


@dataclasses.dataclass(frozen=True)
class DriverConvergence:
    """Do the drivers v^(L) converge to the zero path, as rough paths, as L grows?

    Attributes:
        by_backend: from the signatures of each backend on the principal directions (l2 norms): distances to the zero
            path at each level, their rates and what the rule makes of them; None for a backend that failed.
        measured: that of the built-in backend.
        direct: the same from the p-variation of the whole drivers, in which no signature enters.
        verdict: that of all backends, if they and `direct` are of one mind; "no verdict" where backends disagree;
            "does not converge" for a hyperbolic family, whose drivers are known to tend to log(multiplier) times a
            projection, even where the depths of the study are too few to see it.
        reason: "measured", "theory", or "signatures disagree".
        agreement: of the backends.
    """

    by_backend: dict[str, rough.Convergence | None]
    measured: rough.Convergence
    direct: rough.Convergence
    verdict: str
    reason: str
    agreement: Agreement


def driver_convergence(
    driver_signatures: Signatures, records: list[dict[str, Any]], p: float, known: Law
) -> DriverConvergence | None:
    """The verdict; None for fewer than two drivers."""
    direct = direct_convergence(records, p)
    if direct is None:
        return None
    by_backend = {name: _judged(view, p) for name, view in driver_signatures.views.items()}
    measured = by_backend["jax"]
    agreement = driver_signatures.agreement
    verdicts = {None if one is None else one.verdict for one in by_backend.values()}
    if agreement.agree and len(verdicts) > 1:  # numbers at the edge of the rule: they agree, what follows does not
        agreement = dataclasses.replace(agreement, agree=False)
    if measured is None or not agreement.agree:
        return DriverConvergence(
            by_backend, measured or direct, direct, NO_VERDICT, "signatures disagree", agreement
        )  # fmt: skip
    verdict = measured.verdict if measured.verdict == direct.verdict else UNDECIDED
    reason = "measured"
    if known.hyperbolic and verdict != DOES_NOT:
        verdict, reason = DOES_NOT, "theory"
    return DriverConvergence(by_backend, measured, direct, verdict, reason, agreement)


def direct_convergence(records: list[dict[str, Any]], p: float) -> rough.Convergence | None:
    """From the distances to the zero path that `variation_records` found, levels 1 .. floor(p) as far as measured."""
    chosen = [r for r in records if r["p"] == p]
    depths, levels = sorted({r["depth"] for r in chosen}), sorted({r["level"] for r in chosen if r["level"] <= p})
    if len(depths) < 2:
        return None
    rows = {(r["depth"], r["level"]): r for r in chosen}
    distances = np.array([[rows[depth, level]["distance_to_zero"] for level in levels] for depth in depths])
    norms = [rows[depths[0], level]["tensor_norm"] for level in levels]
    words = norms[0] if len(set(norms)) == 1 else ", ".join(f"{n} at level {k}" for k, n in enumerate(norms, 1))
    return rough.convergence_of_distances(distances, p, scale=depths, norm=words)


def _judged(view: BackendView, p: float) -> rough.Convergence | None:
    table = np.array(list(view.distances.values()))
    if not np.isfinite(table).all():
        return None
    return rough.convergence_of_distances(table, p, scale=list(view.distances), norm="l2")


__all__ = [
    "CONVERGES", "DOES_NOT", "NO_VERDICT", "UNDECIDED", "Agreement", "BackendView", "DriverConvergence", "Signatures",
    "agreement_of", "direct_convergence", "disagreement", "driver_convergence", "largest_terms", "level_norms",
    "signatures",
]  # fmt: skip
