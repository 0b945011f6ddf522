"""Roughness over depth of the weights of a trained network: is its limit of many layers an ODE, an SDE, or neither?

Equal blocks x_{l+1} = x_l + L^{-beta} W_l f(x_l) are the Euler scheme of dx = dS f(x) along the driver
S_k = L^{-beta} (W_1 + ... + W_k). Where the weights are a smooth function of l/L and beta = 1 the limit of many layers
is an ordinary equation; where they are independent and beta = 1/2 it is a stochastic equation; trained weights may be
neither. Everything is told from the L x L matrix of inner products, however large the layers are.

Source: CohenContRossierXu2021; BayerFrizTapia2023; Marion2025.
"""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from roughntk import _checks, rough
from roughntk._checks import InputError
from roughntk.files.weights import read_weights, weights_of
from roughntk.networks import layer_paths
from roughntk.networks.weight_results import (
    MEASURES,
    DepthRoughness,
    PathRoughness,
    WeightRoughness,
    evidence_on,
    undecided_because,
)
from roughntk.networks.weight_verdicts import UNDECIDED, power_of_depth, verdict_of
from roughntk.rough.variation.given_distances import LEAST_POINTS, distance_matrix

KINDS = ("ito", "stratonovich")
"""The lifts of the driver: of the walk itself, and of the path that interpolates it."""


def weight_roughness(
    weights: Any, *, pattern: str | None = None, initial: Any = None, beta: float = 0.5, p: float = 2.0,
    level: int = 1, kind: str = "ito", coarsest: int | None = None,
) -> WeightRoughness:  # fmt: skip
    """How rough the weights of one network are through its layers, in the Frobenius norm:

    driver S_k = L^{-beta} (W_1 + ... + W_k), weights l -> W_l, update l -> W_l - W_l^initial.

    Of each path: the 1-variation, the mean jump, the exact p-variation, the slope h of mean |X_{i+q} - X_i| ~ q^h over
    lags of q layers, and the critical exponent. At m of the L layers the 1-variation of the driver goes like m^{1-h}
    and the jumps of the weights like m^{-h}: (0, -1) is an ODE, (1/2, 0) an SDE. This looks at one network, whose beta
    only scales the driver; `weight_roughness_by_depth` compares networks of several depths.

    Args:
        weights: W_1, ..., W_L, arrays of one shape, or one array with the layers along its first axis; a mapping of
            names to arrays (a state dict) or a file (see `roughntk.files.weights.read_weights`) with a pattern.
        pattern: the names of the layers in a mapping or file, with one {} for the number of the layer.
        initial: the weights before training, in the same form.
        beta: of the driver, >= 0.
        p: the exponent of the p-variations, >= 1.
        level: 2 adds the p-variation of the second level of the driver, sup (sum |S^2|^{p/2})^{2/p}, Hilbert-Schmidt.
        kind: its lift, "ito", S^2 = sum_{k < l} W_k (x) W_l, which is what the layers of a network do one after
            another, or "stratonovich", that of the interpolation.
        coarsest: the largest lag; None: L/6, but at least 2.

    Returns:
        A :class:`WeightRoughness` with `verdict` and `evidence`. With fewer than 6 layers there are no exponents, and
        the verdict is "undecided".

    Raises:
        InputError: fewer than two layers, layers of unequal shapes (named), NaN (the layer is named), entries beyond
            1e100, initial weights of other shapes, a bad beta, p, level or lag; a file that is a pickle.
        MissingBackendError: a .safetensors file without safetensors.
    Source: CohenContRossierXu2021; BayerFrizTapia2023.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> weight_roughness(rng.normal(size=(64, 16, 16))).verdict
    'SDE'
    >>> s = np.linspace(0, 1, 64)[:, None, None]
    >>> smooth = np.cos(s) * rng.normal(size=(16, 16)) + np.sin(2 * s) * rng.normal(size=(16, 16))
    >>> weight_roughness(smooth, beta=1.0).verdict
    'ODE'
    """
    settings = _settings(beta, p, level, kind)
    layers = _read(weights, pattern, "weights")
    before = None if initial is None else _read(initial, pattern, "initial")
    if before is not None and (len(before), before[0].shape) != (len(layers), layers[0].shape):
        raise InputError(
            f"expected initial weights of {len(layers)} layers of shape {layers[0].shape}, as the weights have, got "
            f"{len(before)} of {before[0].shape}; give those of the same network"
        )
    unit = layer_paths.unit_of(layers, "weights")
    if before is not None:
        unit = max(unit, layer_paths.unit_of(before, "initial"))
    count = len(layers)
    products, steps, changes = np.zeros((count, count)), np.zeros((count - 1,) * 2), np.zeros((count - 1,) * 2)
    others = layer_paths.pieces_of(before, "initial") if before is not None else None
    for rows in layer_paths.pieces_of(layers, "weights"):
        rows = np.ldexp(rows, -unit)
        products += layer_paths.gram(rows)
        steps += layer_paths.gram(np.diff(rows, axis=0))
        if others is not None:
            changes += layer_paths.gram(np.diff(rows - np.ldexp(next(others), -unit), axis=0))
    distances = layer_paths.distances_of_steps(steps)
    update = None if before is None else layer_paths.distances_of_steps(changes)
    return _roughness(products, distances, update, math.ldexp(1.0, unit), settings, coarsest)


def weight_roughness_of_distances(
    distances: Any, *, norms: Any = None, beta: float = 0.5, p: float = 2.0, level: int = 1, kind: str = "ito",
    coarsest: int | None = None,
) -> WeightRoughness:  # fmt: skip
    """`weight_roughness` from the matrix of distances |W_i - W_j| alone, in the Frobenius norm.

    With the norms |W_l| the driver is known, too, since <W_i, W_j> = (|W_i|^2 + |W_j|^2 - |W_i - W_j|^2)/2.

    Args:
        distances: |W_i - W_j|, shape (L, L), symmetric.
        norms: |W_l|, shape (L,); None: nothing is said of the driver.
        beta, p, level, kind, coarsest: as for `weight_roughness`; a level of 2 needs the norms.

    Returns:
        A :class:`WeightRoughness`, without `update`. Without norms jumps that do not shrink leave the verdict open.

    Raises:
        InputError: what is no matrix of distances, norms that no weights with these distances have, as
            `weight_roughness` does.
    Source: CohenContRossierXu2021.

    >>> import numpy as np
    >>> line = np.linspace(0, 1, 32)
    >>> weight_roughness_of_distances(abs(line[:, None] - line)).verdict
    'ODE'
    """
    settings = _settings(beta, p, level, kind)
    table = distance_matrix(distances)
    if table.max() > layer_paths.LARGEST:
        raise InputError(f"expected distances within {layer_paths.LARGEST:g}, got {table.max():.3g}; rescale them")
    if norms is None:
        if settings[2] > 1:
            raise InputError("expected norms for level=2, got None; give the norms |W_l|, or leave out the level")
        return _roughness(None, table, None, 1.0, settings, coarsest)
    sizes = _checks.real_array(norms, "norms")
    if sizes.shape != (len(table),) or (sizes < 0).any() or sizes.max() > layer_paths.LARGEST:
        ends = f"{sizes.min(initial=0.0):.3g} to {sizes.max(initial=0.0):.3g}"
        raise InputError(
            f"expected norms of shape ({len(table)},), each at least 0, got shape {sizes.shape} with entries of "
            f"{ends}; give |W_l|, one a layer"
        )
    unit = max(float(sizes.max()), float(table.max())) or 1.0
    squares = (sizes / unit) ** 2
    products = (squares[:, None] + squares - (table / unit) ** 2) / 2
    least = float(np.linalg.eigvalsh(products)[0])
    if least < -1e-8 * max(float(squares.sum()), 1e-300):
        raise InputError(
            f"expected norms and distances of weights, got inner products with the eigenvalue {least * unit**2:.3g}; "
            f"both must be Euclidean (Frobenius) norms of the same layers"
        )
    return _roughness(products, table / unit, None, unit, settings, coarsest)


def weight_roughness_by_depth(
    models: Sequence[Any], *, pattern: str | None = None, initial: Sequence[Any] | None = None, beta: float = 0.5,
    p: float = 2.0,
) -> DepthRoughness:  # fmt: skip
    """How the roughness of the weights grows with the number of layers L of a network, from networks of several depths.

    The 1-variation of the driver goes like L^a, the mean jump of the weights like L^b: (0, -1) is an ODE, (1/2, 0) an
    SDE. Unlike the exponents over sub-sampled depth of one network these hold the beta of the driver.

    Args:
        models: the weights of each network, as `weight_roughness` takes them, of two or more different depths.
        pattern: the names of the layers in each of them.
        initial: the weights of each network before training.
        beta, p: as for `weight_roughness`.

    Returns:
        A :class:`DepthRoughness`, with a :class:`WeightRoughness` for each network. Two depths leave the verdict open.

    Raises:
        InputError: as `weight_roughness` does, naming the network; two networks of the same depth.
    Source: CohenContRossierXu2021; Marion2025.

    >>> import numpy as np
    >>> models = [np.random.default_rng(0).normal(size=(depth, 8, 8)) for depth in (16, 32, 64, 128)]
    >>> result = weight_roughness_by_depth(models)
    >>> result.verdict, round(float(result.exponents["driver: 1-variation"]), 1)
    ('SDE', 0.5)
    """
    if isinstance(models, str | Mapping) or not isinstance(models, Sequence) or len(models) < 2:
        raise InputError(
            f"expected models as a list of the weights of at least two networks, got {_checks.shown(models)}; for one "
            f"network call weight_roughness"
        )
    starts: Sequence[Any] = [None] * len(models) if initial is None else initial
    if not isinstance(starts, Sequence) or len(starts) != len(models):
        raise InputError(
            f"expected initial weights of {len(models)} networks, got {_checks.shown(initial)}; give one for each model"
        )
    members = []
    for k, (model, start) in enumerate(zip(models, starts, strict=True)):
        try:
            members.append(weight_roughness(model, pattern=pattern, initial=start, beta=beta, p=p))
        except InputError as error:
            raise InputError(f"models[{k}]: {error}") from None
    members.sort(key=lambda member: member.layers)
    depths = [member.layers for member in members]
    if len(set(depths)) < len(depths):
        raise InputError(f"expected networks of different depths, got {', '.join(map(str, depths))}; leave one out")
    exponents = {}
    for name, path in zip(MEASURES, ("driver", "weights", "update"), strict=True):
        parts = [getattr(member, path) for member in members]
        if None not in parts:
            sizes = [part.length if path == "driver" else part.mean_jump for part in parts]
            exponents[name] = power_of_depth(depths, sizes)
    variation, jumps = exponents[MEASURES[0]], exponents[MEASURES[1]]
    verdict = verdict_of(variation, jumps)
    where = f"over L = {', '.join(map(str, depths))} with beta = {members[0].beta:g}"
    lines = evidence_on(variation, jumps, "L", where)
    if MEASURES[2] in exponents:
        lines.append(f"The jumps of the update go like L^c, c = {exponents[MEASURES[2]]}.")
    return DepthRoughness(tuple(members), exponents, verdict, (*lines, *undecided_because(variation, jumps, verdict)))


Settings = tuple[float, float, int, str]
"""beta, p, level and kind."""


def _settings(beta: Any, p: Any, level: Any, kind: Any) -> Settings:
    return (
        _checks.number(beta, "beta", least=0, remedy="1/2 is the scaling of an SDE, 1 that of an ODE"),
        _checks.exponent(p),
        _checks.integer(level, "level", least=1, most=2),
        _checks.choice(kind, KINDS, "kind"),
    )


def _read(weights: Any, pattern: str | None, name: str) -> tuple[np.ndarray, ...]:
    """The layers from a file, a mapping or arrays."""
    if isinstance(weights, str | os.PathLike):
        return read_weights(weights, pattern).layers
    if isinstance(weights, Mapping):
        return weights_of(weights, pattern, name).layers
    if pattern is not None:
        raise InputError(
            f"expected a file or a mapping of names to arrays as {name} for the pattern {pattern!r}, got "
            f"{_checks.shown(weights)}; leave out the pattern"
        )
    return layer_paths.layers_of(weights, name)


def _roughness(
    products: np.ndarray | None, distances: np.ndarray, update: np.ndarray | None, unit: float, settings: Settings,
    coarsest: int | None,
) -> WeightRoughness:  # fmt: skip
    """The result from inner products and distances in that unit."""
    beta, p, level, kind = settings
    count = len(distances)
    if coarsest is not None:
        coarsest = _checks.integer(coarsest, "coarsest", least=2, most=max(2, (count - 1) // 2))
    driver = None
    if products is not None:
        scale = unit * float(count) ** -beta
        second = layer_paths.second_level_of_steps(products, ito=kind == "ito") if level > 1 else None
        driver = _path("driver", layer_paths.distances_of_steps(products), second, scale, p, coarsest)
    weights = _path("weights", distances, None, unit, p, coarsest)
    change = None if update is None else _path("update", update, None, unit, p, coarsest)
    variation, jumps = None if driver is None else driver.variation_exponent, weights.jump_exponent
    verdict = verdict_of(variation, jumps) if count >= LEAST_POINTS else UNDECIDED
    lines = evidence_on(variation, jumps, "m", f"at m of the {count} layers")
    for path in (driver, change):
        if path is not None and path.critical is not None:
            jump = f"; its jumps at m of the layers go like m^{path.jump_exponent}" if path is change else ""
            lines.append(f"The critical exponent of the {path.name} is {path.critical_words}{jump}.")
    lines += undecided_because(variation, jumps, verdict)
    norms = None if products is None else unit * np.sqrt(np.maximum(np.diagonal(products), 0.0))
    return WeightRoughness(count, beta, p, driver, weights, change, unit * distances, norms, verdict, tuple(lines))


def _path(
    name: str, distances: np.ndarray, second: np.ndarray | None, scale: float, p: float, coarsest: int | None
) -> PathRoughness:
    """What is known of a path with these distances, and norms of its second level, in units of `scale`."""
    table = scale * distances
    variation = rough.p_variation_levels_of_increments([table], p, norm="l2")[1]
    area = None
    if second is not None:
        area = rough.p_variation_levels_of_increments([scale**2 * second], p, norm="l2", finest=2)[2]
    length = math.fsum(np.diagonal(table, 1))
    enough = len(table) >= LEAST_POINTS
    scaling = rough.increment_scaling(distances, coarsest=coarsest) if enough else None
    critical = rough.critical_p_of_distances(distances, coarsest=coarsest) if enough else None
    return PathRoughness(name, len(table), length, length / (len(table) - 1), variation, area, scaling, critical)


__all__ = ["weight_roughness", "weight_roughness_by_depth", "weight_roughness_of_distances"]
