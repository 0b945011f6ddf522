"""The study's section on infinite depth: kernel and coefficients at real depths up to 10^6, and their limit."""

import dataclasses
import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from roughntk import sphere
from roughntk._checks import InputError
from roughntk.depth.infinite import coefficient_expansion
from roughntk.depth.tolerance import DistanceToLimit
from roughntk.files.checkpoints import UNKEPT, Keeper
from roughntk.kernels import KernelFamily, ReluNTK
from roughntk.regression import NotPositiveDefiniteError
from roughntk.regression.closed_form import known_solution
from roughntk.regression.systems import Systems
from roughntk.study.analysis.closed_form import unwarned
from roughntk.study.data import DataSet
from roughntk.transport import TransportError, to_depth

DEEPEST = 1e6
COUNT = 41
TOLERANCES = (1e-1, 1e-2, 1e-3)
CHECKPOINTS = (2.5, 5.0, 10.0, 30.0, 100.0, 1e3, 1e4, 1e6, math.inf)


@dataclasses.dataclass
class DeepLimit:
    """Kernel and coefficients of the first test point at real depths 2 .. 10^6.

    Attributes:
        depths: real depths, evenly spaced in log L, shape (k,).
        kernel: K(x, x_i), shape (k, n).
        coefficients: u, shape (k, n); NaN where the matrix is singular to working precision.
        distance: max |u_L - u_inf| over all test points, shape (k,).
        expansion_distance: max difference between u_L and its first-order expansion, shape (k,), or None.
        needed: answers of `depth_needed`, one per tolerance (ReLU NTK only).
        transport: u carried from depth 2 to infinity by `to_depth` (ReLU NTK only): `depths`, `errors` there (max
            difference from the closed form, over max(1, |u|); in JSON null is the infinite depth) and what is `proven`
            of them, the largest `residual`, `steps` and the exact `one_variation` of the driver; or a `note` that says
            why it could not be carried.
    """

    depths: np.ndarray
    kernel: np.ndarray
    coefficients: np.ndarray
    distance: np.ndarray
    expansion_distance: np.ndarray | None
    needed: list[dict[str, Any]]
    transport: dict[str, Any] | None = None


def deep_limit(family: KernelFamily, data: DataSet, progress, keeper: Keeper = UNKEPT) -> DeepLimit | None:
    """As depth grows to infinity; None for a family without real depth."""
    if not family.has_real_depth:
        return None
    depths = np.geomspace(2.0, DEEPEST, COUNT)
    n, theta = len(data.X), sphere.joint_angles(data.X, data.x)
    systems = Systems(family, *sphere.check_points(data.X, data.x))
    limit = keeper.kept("limit", lambda: _solved(systems, math.inf))
    ntk = isinstance(family, ReluNTK)
    off_data = ntk and float(np.min(theta[:, n:])) > sphere.SAME_ANGLE
    kernel, first, distance, expansion = [], [], [], []
    for depth in depths:
        entries, u = keeper.kept(f"depth {depth:.17g}", functools.partial(_at_depth, systems, theta, depth))
        kernel.append(entries)
        first.append(u[:, 0])
        distance.append(np.max(np.abs(u - limit)))
        if off_data:
            expansion.append(np.max(np.abs(u - coefficient_expansion(data.X, data.x, depth))))
        progress("infinite depth", 1)
    needed = keeper.kept("needed", lambda: _all_needed(family, data)) if ntk else []
    return DeepLimit(
        depths,
        np.array(kernel),
        np.array(first),
        np.array(distance),
        np.array(expansion) if off_data else None,
        needed,
        keeper.kept("transport", lambda: _transported(family, data)) if ntk else None,
    )


def _at_depth(systems: Systems, theta: np.ndarray, depth: float) -> tuple[np.ndarray, np.ndarray]:
    """K(x, X) for the first test point, and the coefficients."""
    values = np.asarray(systems.family.at_angle(jnp.asarray(theta), depth))  # all angles: no other shape is compiled
    return values[:, len(systems.X)].copy(), _solved(systems, depth)


def _all_needed(family: KernelFamily, data: DataSet) -> list[dict[str, Any]]:
    gap = DistanceToLimit(family, data.X, data.x)
    return [_needed(gap, tolerance) for tolerance in TOLERANCES]


def _transported(family: KernelFamily, data: DataSet) -> dict[str, Any]:
    """The equation along real depth, from 2 to infinity, with its error at some depths on the way."""
    try:
        transported = to_depth(family, data.X, data.x, start=2.0, stop=math.inf, depths=CHECKPOINTS)
    except (InputError, NotPositiveDefiniteError, TransportError) as problem:
        return {"depths": [], "errors": [], "note": str(problem)}
    return {
        "depths": transported.depths,
        "errors": transported.errors,
        "proven": transported.certificate.along,
        "residual": transported.residual,
        "steps": transported.stats["steps"],
        "one_variation": transported.drivers.one_variation().value,
    }


def _solved(systems: Systems, depth: float) -> np.ndarray:
    """Coefficients, or NaN where the matrix is singular to working precision."""
    try:
        with unwarned():
            return known_solution(systems, depth).coefficients
    except NotPositiveDefiniteError:
        return np.full((len(systems.X), len(systems.x)), math.nan)


def _needed(gap: DistanceToLimit, tolerance: float) -> dict[str, Any]:
    try:
        return dataclasses.asdict(gap.needed(tolerance))
    except InputError as problem:  # a tolerance that is not reached is an answer, too
        return {"tolerance": tolerance, "depth": None, "whole_depth": None, "note": str(problem)}
