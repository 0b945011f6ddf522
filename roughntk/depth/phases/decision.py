"""What infinite depth does to a family, found by measurement: nothing here knows the limit of any family.

The correlation map h of one layer has an attracting fixed point c*, with multiplier lambda = h'(c*). The phase is that
of the diagonal (Schoenholz2017): chi = h' at the fixed point that c = 1 tends to, which is 1 for a network, makes it
ordered (chi < 1: all inputs come to look alike), critical (chi = 1) or chaotic (chi > 1).

Where a tangent kernel is critical, K_{L+1} = k_L K_L + (1 - a_L) c_{L+1}, with k_L = a_L on the diagonal. If
1 - a_L ~ gamma/L there and 1 - k_L/a_L ~ beta/L off it, then off/diagonal tends to gamma/(gamma + beta); a bias-free
network has gamma = 1, and the ratio is 1/(1 + beta). With ratio r < 1, or r = 1 at an algebraic rate, the coefficients
K(X,X)^{-1} K(X,x) tend to r/(1 + (n - 1) r) each, whatever the data; with r = 1 at a geometric rate they keep depending
on the data, through the Koenigs function of the map.
"""

import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.depth.extrapolation import (
    EPS,
    GeometricRate,
    PowerLimit,
    Term,
    algebraic_rate,
    geometric_rate,
    power_limit,
    sample_depths,
    stated,
)  # fmt: skip
from roughntk.depth.phases import by_depth, by_values
from roughntk.depth.phases.classification import Classification, Evidence
from roughntk.depth.phases.fixed_points import FixedPoint, MapAnalysis, analyse
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.registry import as_family
from roughntk.kernels.sequences import KernelSequence
from roughntk.linalg import Factor, bordered_system
from roughntk.maps.fixed_points import CRITICAL

LAYERS = 100_000
"""Depth to which an algebraic approach is measured."""

ANGLES = (0.0, 0.5, 1.0, math.pi / 2, 2.5)
"""Angles at which the kernel is measured; the first is the diagonal."""

_FIRST = 300
_SAME = 1e-6  # limits closer than this, or than their uncertainty, are one limit
_UNSETTLED = 1e-4  # a limit less certain than this is not reported
_WELL = 1e-7  # an extrapolation more certain than this is taken as it is
_POINTS = 5


def classify(family: KernelFamily) -> Classification:
    """Fixed point, multiplier, phase, rate, limit ratio of a family, whether its limit depends on the data: measured.

    The map is iterated and its fixed points polished by Newton's method; the kernel is run to depth 10^5 (less where it
    settles sooner) and extrapolated; coefficients on five points tell whether their limit depends on the data.

    Args:
        family: any KernelFamily with known parameters, or its name; a few seconds each. Of a `rn.kernels.sequence`
            only what its values show is found (:mod:`roughntk.depth.phases.by_values`).

    Raises:
        InputError: not a family, or one with traced parameters; JAX in 32-bit mode.

    >>> import roughntk as rn
    >>> rn.classify(rn.kernels.ReluNTK()).phase
    'critical'
    """
    family = as_family(family)
    _checks.require_x64("classify")
    parameters = _parameters(family)
    if isinstance(family, KernelSequence):
        return by_values.classified(family)
    if family.differs_by_depth:
        return by_depth.classified(family, parameters, _data_angles())
    analysis = analyse(family)
    settled = _not_quite_critical(_Settled.of(family, analysis), analysis.diagonal)
    gamma, beta, settled = _by_rule(settled)
    depends, more, words = _depends_on_data(settled)
    rate, doubts = stated(settled.rate)
    attractor = analysis.attractor
    diagonal = analysis.diagonal
    return Classification(
        family.name, parameters,
        None if attractor is None else attractor.c,
        None if attractor is None else attractor.multiplier,
        _kind(attractor),
        None if diagonal is None else diagonal.multiplier,
        _phase(diagonal),
        rate, settled.limit, settled.ratio, settled.uncertainty,
        None if beta is None else beta.value, None if gamma is None else gamma.value, depends,
        (*settled.evidence, *more), (*settled.notes, *doubts, *words),
        0.0 if attractor is None else attractor.c_uncertainty,
        0.0 if attractor is None else attractor.multiplier_uncertainty,
        0.0 if diagonal is None else diagonal.multiplier_uncertainty,
        0.0 if beta is None else beta.uncertainty, 0.0 if gamma is None else gamma.uncertainty,
    )  # fmt: skip


def _parameters(family: KernelFamily) -> tuple[tuple[str, float | str], ...]:
    settings = family.settings
    for name, value in settings.items():
        if _checks.is_traced(value):
            raise InputError(f"expected known parameters, got a traced {name}; call classify outside jit")
    return tuple(settings.items())


def _kind(point: FixedPoint | None) -> str:
    if point is None:
        return "none"
    if point.is_parabolic:
        return "parabolic"
    return "superattracting" if abs(point.multiplier) < 1e-12 else "hyperbolic"


def _phase(point: FixedPoint | None) -> str:
    if point is None:
        return "not decided"
    if point.is_parabolic:
        return "critical"
    return "ordered" if abs(point.multiplier) < 1 else "chaotic"


@dataclasses.dataclass(frozen=True)
class _Settled:
    """What the kernel itself does at great depth."""

    critical: bool
    layers: int
    limit: float | None
    diagonal: float
    ratio: float | None
    uncertainty: float
    rate: GeometricRate | Term | None
    on_diagonal: NDArray[np.float64]  # by depth
    kernel: NDArray[np.float64]  # at theta = 1, by depth
    data: NDArray[np.float64]  # at the angles of `_data_angles`, by depth
    kept: NDArray[np.float64] | None  # dK'/dK on the diagonal and at theta = 1, by depth
    evidence: tuple[Evidence, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, family: KernelFamily, analysis: MapAnalysis) -> "_Settled":
        layers = _layers_needed(analysis)
        critical = layers is None
        layers = layers or LAYERS
        path, retained = _run(family, jnp.asarray(np.append(ANGLES, _data_angles())), layers)
        every, kept = np.asarray(path), None if retained is None else np.asarray(retained)[:, [0, 2]]
        K, data = every[:, : len(ANGLES)], every[:, len(ANGLES) :]
        if not np.isfinite(every).all():
            raise InputError(
                f"expected a family with finite kernels, got NaN or infinity from {family.name} within depth "
                f"{layers:,}; correct its parameters"
            )
        limits, uncertainties, rate, notes = _algebraic(K) if critical else _geometric(K, _slowest(analysis))
        diagonal = float(limits[0])
        paths = (K[:, 0], K[:, 2], data, kept)
        off, error = limits[1:], float(uncertainties.max())
        where = f"theta = 1, depths to {layers:,}"
        evidence = (
            Evidence("K between two points at the last depth", float(K[-1, 2]), 0.0, f"theta = 1, depth {layers:,}"),
            Evidence("K between two points, extrapolated", float(off[1]), float(uncertainties[2]), where),
        )
        if np.ptp(off) > max(_SAME, 10 * error) and error < _UNSETTLED:
            spread = Evidence("spread of the limits over four pairs", float(np.ptp(off)), error, where)
            return cls(critical, layers, None, diagonal, None, error, None, *paths, (*evidence, spread), notes)
        if float(uncertainties[1:].min()) > _UNSETTLED:
            return cls(critical, layers, None, diagonal, None, error, None, *paths, evidence, notes)
        best = 1 + int(np.argmin(uncertainties[1:]))
        limit = float(limits[best])
        # the pairs have one limit: where another one says something else, that is uncertain, too
        apart = np.abs(off - limit) - 2 * uncertainties[1:]
        error = max(float(uncertainties[best]), float(apart.max()))
        if critical and abs(limit - diagonal) <= 10 * error:
            rate = algebraic_rate(K[:, 0] - K[:, 2])
        ratio = limit / diagonal
        return cls(critical, layers, limit, diagonal, ratio, error / abs(diagonal), rate, *paths, evidence, notes)


def _not_quite_critical(settled: _Settled, diagonal: FixedPoint | None) -> _Settled:
    """Without its limit where chi counts as 1 and is another number: it shows only at depths about 1/|chi - 1|."""
    if not settled.critical or diagonal is None or not diagonal.is_parabolic:
        return settled
    gap, unsure = diagonal.multiplier - 1, diagonal.multiplier_uncertainty
    if abs(gap) <= 4 * unsure:
        # over so many layers even a gap of a few roundings is seen, as a drift of the values
        drift = (abs(gap) + unsure) * settled.layers
        return dataclasses.replace(settled, uncertainty=max(settled.uncertainty, drift))
    side = "an ordered" if gap < 0 else "a chaotic"
    note = (
        f"chi = 1 {'-' if gap < 0 else '+'} {abs(gap):.3g} is within {CRITICAL:g} of 1 and not 1: to depths well below "
        f"{1 / abs(gap):.2g} the family is as a critical one, beyond it is {side} one; the limit is not decided"
    )
    gone = Evidence("chi - 1", gap, unsure, "at the fixed point of the diagonal")
    return dataclasses.replace(
        settled, limit=None, ratio=None, uncertainty=1.0, rate=None, evidence=(*settled.evidence, gone),
        notes=(*settled.notes, note),
    )  # fmt: skip


def _by_rule(settled: _Settled) -> tuple[PowerLimit | None, PowerLimit | None, _Settled]:
    """(gamma, beta, the same with a ratio as uncertain as it is far from gamma/(gamma + beta), if that is seen)."""
    if not settled.critical or settled.ratio is None or settled.kept is None:
        return None, None, settled
    gamma, beta, predicted = _critical_rule(settled.kept)
    where = f"depths to {LAYERS:,}"
    evidence = (
        *settled.evidence,
        Evidence("gamma = lim L (1 - a_L)", gamma.value, gamma.uncertainty, where),
        Evidence("beta = lim L (1 - k_L/a_L)", beta.value, beta.uncertainty, where),
        Evidence("gamma/(gamma + beta)", predicted.value, predicted.uncertainty, "against the kernel's own ratio"),
    )
    apart = abs(predicted.value - settled.ratio)
    if apart <= 4 * (predicted.uncertainty + settled.uncertainty):
        return gamma, beta, dataclasses.replace(settled, evidence=evidence)
    note = f"the rule gamma/(gamma + beta) and the kernel itself differ by {apart:.2g}: not settled at these depths"
    wider = dataclasses.replace(settled, uncertainty=apart, evidence=evidence, notes=(*settled.notes, note))
    if apart > _UNSETTLED:
        wider = dataclasses.replace(wider, limit=None, ratio=None)
    return gamma, beta, wider


def _layers_needed(analysis: MapAnalysis) -> int | None:
    """Layers after which a geometric approach has ended, or None where the approach is algebraic."""
    points = [point for point in (analysis.attractor, analysis.diagonal) if point is not None]
    if analysis.is_identity or analysis.attractor is None or any(point.is_parabolic for point in points):
        return None
    slowest = _slowest(analysis)
    if slowest == 0:  # all is over after a few layers
        return 200
    return min(LAYERS, max(200, math.ceil(60 / -math.log(slowest)) if slowest < 1 else LAYERS))


def _slowest(analysis: MapAnalysis) -> float:
    """What a layer multiplies distances by at most: multipliers, their roots, 1/chi of a chaotic tangent kernel."""
    sizes = [abs(point.multiplier) for point in (analysis.attractor, analysis.diagonal) if point is not None]
    return max([math.sqrt(size) if size < 1 else 1 / size for size in sizes] + [s for s in sizes if s < 1])


def _geometric(
    K: NDArray[np.float64], slowest: float
) -> tuple[NDArray, NDArray, GeometricRate | None, tuple[str, ...]]:
    limits = K[-1]
    change = np.abs(K[-1] - K[len(K) // 2])
    left = min(2 * slowest ** (len(K) // 2), 1 - EPS)  # of the distance, from half the depth on; twice: L lambda^L
    uncertainties = change * max(left / (1 - left), 1.0) + 8 * EPS / max(1 - slowest, EPS)
    rate = geometric_rate(K[:, 2] - limits[2])
    notes: tuple[str, ...] = ()
    if change.max() > _SAME:
        notes = (f"the kernel still moved by {change.max():.1g} between depths {len(K) // 2:,} and {len(K):,}",)
    return limits, uncertainties, rate, notes


def _algebraic(K: NDArray[np.float64]) -> tuple[NDArray, NDArray, Term | None, tuple[str, ...]]:
    depths = sample_depths(_FIRST, len(K))
    if np.ptp(K[depths[0] :, 1:], axis=0).max() < 1e-10:  # settled long ago: nothing to extrapolate
        return K[-1], np.abs(K[-1] - K[depths[0]]) + len(K) * EPS, None, ()
    fits = [_extrapolated(depths, K[depths - 1, k]) for k in range(K.shape[1])]
    limits = np.array([fit.value for fit in fits])
    uncertainties = np.array([fit.uncertainty for fit in fits])
    notes: tuple[str, ...] = ()
    if uncertainties.max() > _UNSETTLED:
        notes = (f"the extrapolation is uncertain by {uncertainties.max():.1g}: not settled at depth {len(K):,}",)
    return limits, uncertainties, fits[2].leading, notes


def _extrapolated(
    depths: NDArray[np.int64], values: NDArray[np.float64], rounding: NDArray[np.floating] | None = None
) -> PowerLimit:
    """`power_limit`, from ten times the depth on if that is more certain: where scalars settle slowly."""
    fit = power_limit(depths, values, rounding)
    if fit.uncertainty < _WELL:
        return fit
    deep = depths >= 10 * _FIRST
    later = power_limit(depths[deep], values[deep], None if rounding is None else rounding[deep])
    return min(fit, later, key=lambda fit: fit.uncertainty)


def _critical_rule(kept: NDArray[np.float64]) -> tuple[PowerLimit, PowerLimit, PowerLimit]:
    """(gamma, beta, gamma/(gamma + beta)) from what each layer keeps, on the diagonal and off it."""
    depths = sample_depths(_FIRST, len(kept))
    on, off = kept[depths - 1].T
    lost, turned = depths * (1 - on), depths * (1 - off / on)
    rounding = EPS * depths  # of 1 - on, in units of 1/L
    share = 1 / (lost + turned)
    return (
        _extrapolated(depths, lost, rounding),
        _extrapolated(depths, turned, rounding),
        _extrapolated(depths, lost * share, rounding * share),
    )


@eqx.filter_jit
def _run(family: KernelFamily, theta: jax.Array, layers: int):
    return family.path(theta, layers)


def _depends_on_data(settled: _Settled) -> tuple[bool | None, list[Evidence], list[str]]:
    """Whether the limit of the coefficients depends on the data: what theory makes of the limit, and five points."""
    if settled.ratio is None and settled.notes:
        return None, [], ["the kernel has not settled at the depths measured: its limit is not decided by measurement"]
    if settled.ratio is None:
        return True, [], ["pairs tend to different limits, and so does the kernel matrix"]
    collapsed = abs(settled.ratio - 1) <= max(1e-9, 10 * settled.uncertainty)
    if not collapsed:
        expected = settled.ratio / (1 + (_POINTS - 1) * settled.ratio)
    elif settled.critical:
        expected = 1 / _POINTS
    else:
        expected = None
    if collapsed and not settled.critical and settled.rate is None:
        return None, [], ["the kernel collapses faster than geometrically: not decided by measurement"]
    depths = _depths_for_coefficients(settled, collapsed)
    K = np.empty((len(depths), _POINTS, _POINTS + 1))
    upper = np.triu_indices(_POINTS, 1, _POINTS + 1)
    measured = settled.data[np.array(depths) - 1]
    K[:, *upper] = measured
    K[:, upper[1][upper[1] < _POINTS], upper[0][upper[1] < _POINTS]] = measured[:, upper[1] < _POINTS]
    K[:, range(_POINTS), range(_POINTS)] = settled.on_diagonal[np.array(depths) - 1, None]
    u = np.stack([_solve(k, settled.limit if collapsed else None) for k in K])
    where = f"5 points in R^4, depths {', '.join(f'{d:,}' for d in depths)}"
    if expected is None:
        spread, change = float(np.ptp(u[-1])), float(np.abs(u[-1] - u[-2]).max())
        evidence = [Evidence("spread of the coefficients", spread, change, where)]
        decided = spread > 100 * change
        words = [] if decided else ["the coefficients on five points have not settled: not decided by measurement"]
        return (True if decided else None), evidence, words
    distance = np.abs(u - expected).max(axis=1)
    evidence = [
        Evidence(f"distance of the coefficients from {expected:.6g}", float(e), 0.0, f"5 points in R^4, depth {d:,}")
        for d, e in zip(depths, distance, strict=True)
    ]
    decided = distance[-1] < 1e-9 or distance[-1] < 0.7 * distance[-2] < 0.7 * distance[0]
    words = [] if decided else ["the coefficients on five points do not approach one value: not decided by measurement"]
    return (False if decided else None), evidence, words


def _data_angles() -> NDArray[np.float64]:
    """Angles of five points in R^4 with each other and with a sixth, above the diagonal, row by row."""
    theta = np.asarray(sphere.angles(sphere.uniform(_POINTS + 1, 4, 0)))
    return theta[np.triu_indices(_POINTS, 1, _POINTS + 1)]


def _depths_for_coefficients(settled: _Settled, collapsed: bool) -> list[int]:
    """Three depths: far apart for an algebraic approach; else where 1e-4 to 1e-6 is left of a collapse."""
    if settled.critical:
        return [settled.layers // 100, settled.layers // 10, settled.layers]
    if not collapsed:
        return [settled.layers // 4, settled.layers // 2, settled.layers]
    assert settled.limit is not None
    left = np.abs(settled.kernel - settled.limit)
    return [int(np.argmax(left < level)) + 1 for level in (1e-4, 1e-5, 1e-6)]


def _solve(K: NDArray[np.float64], level: float | None) -> NDArray[np.float64]:
    """u from (K(X,X) | K(X,x)); with a `level` that all entries tend to, by the bordered system of K - level."""
    n = len(K)
    if level is None:
        return Factor(K[:, :n], cholesky=False).solve(K[:, n:])[:, 0]
    G = K - level
    scale = np.abs(G).max()
    system, right = bordered_system(G[:, :n] / scale, G[:, n:] / scale, scale / level)
    return Factor(system, cholesky=False).solve(right)[:n, 0]


__all__ = ["ANGLES", "LAYERS", "classify"]
