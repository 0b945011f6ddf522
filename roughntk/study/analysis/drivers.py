"""The drivers of Theorem 3 between the depths of a study, sampled, checked and projected."""

import dataclasses
import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from roughntk.kernels import Deflated
from roughntk.linalg import Factor, bordered_system
from roughntk.study.analysis.closed_form import Kernels, Progress
from roughntk.transport import Segment, SegmentDriver, quadrature_driver, segment_driver
from roughntk.transport.deflated import SPREAD, DeflatedSegment

LEVEL_3_CHANNELS = 12
"""Level 3 of a signature joins up to so many channels."""


@dataclasses.dataclass
class Drivers:
    """Stage 6: the drivers v^(L), sampled, and their principal directions.

    `paths[L]` has shape (samples, n (n + m)); `reduced[L]` the same path on the principal directions (or all channels
    where these are few), common to all depths. `closed_form_error[L]` is the largest difference of log(I + sM) and
    quadrature, relative to the largest value of the driver.
    """

    paths: dict[int, np.ndarray]
    closed_form_error: dict[int, float]
    reduced: dict[int, np.ndarray]
    captured: dict[int, float]
    channels: int
    directions: int

    @property
    def full(self) -> bool:
        """Whether the reduced paths are the drivers themselves."""
        return self.directions == self.channels


def driver_paths(kernels: Kernels, starts: list[int], samples: int, directions: int, progress: Progress) -> Drivers:
    """Sample every driver, check its closed form against quadrature, find the principal directions.

    While the entries of K are apart the samples are those of the closed form. Once they are within 1 % of one value
    (K = c + s G, s/c small) K^{-1} is applied through the bordered system of G, which no rounding of K enters, and the
    samples are those of quadrature.
    """
    positions = np.linspace(0.0, 1.0, samples)
    paths, errors = {}, {}
    for depth in starts:
        if kernels.regular(depth) and kernels.regular(depth + 1):
            first = kernels.deflated.get(depth)
            if first is not None and 0 <= spread(first) < SPREAD:
                paths[depth], errors[depth] = collapsing(first, kernels.deflated[depth + 1], positions)
            else:
                (K0, B0), (K1, B1) = kernels.at(depth), kernels.at(depth + 1)
                paths[depth], errors[depth] = regular(Segment(*map(jnp.asarray, (K0, K1, B0, B1))), positions)
        progress("drivers", 1)
    reduced, captured, channels = _principal(paths, directions)
    return Drivers(paths, errors, reduced, captured, channels, min(directions, channels))


def spread(found: Deflated) -> float:
    """s/c."""
    return math.exp(found.log_scale) / found.level if found.level else math.inf


def regular(segment: Segment, positions: np.ndarray) -> tuple[np.ndarray, float]:
    """The samples of the closed form, and its relative difference from quadrature."""
    driver = segment_driver(segment)
    panels = driver.panels()
    by_quadrature = np.asarray(quadrature_driver(segment, panels, order=16))
    closed = np.stack([np.asarray(value_at(driver, s)) for s in panels])
    return np.asarray(driver.sample(jnp.asarray(positions))), relative_difference(closed, by_quadrature)


@eqx.filter_jit
def value_at(driver: SegmentDriver, s):
    """The closed-form driver at one position; compiled once, whatever the panels are."""
    return driver.evaluate(s)


def collapsing(first: Deflated, last: Deflated, positions: np.ndarray) -> tuple[np.ndarray, float]:
    """The kernel's own driver v' = K^{-1} [K', b'] where K = c 1 1^T + s G is singular in 64 bit, by quadrature.

    In units of s_L both ends are bordered systems M = [[G, 1], [1^T, -s/c]] and [[q G, 1], [1^T, -s/c]], q the ratio of
    the two s. Eliminating the last row of M [x; mu] = [r/s; 0] leaves K x = r, so that the upper blocks of the
    driver of M are v. The other route is log(I + sigma [[A, C], [0, 0]]) with A = K^{-1} K' and C = K^{-1} b' at 0.
    """
    n = len(first.values)
    change = math.exp(last.log_scale - first.log_scale)
    ends = [(f.values[:, :n] * unit, f.values[:, n:] * unit) for f, unit in ((first, 1.0), (last, change))]
    (M0, r0), (M1, r1) = (bordered_system(G, g, spread(first)) for G, g in ends)
    segment = DeflatedSegment(*map(jnp.asarray, (M0, M1, r0, r1)))
    graded = 2.0 ** -np.arange(2, 9)
    knots = np.unique(np.concatenate([positions, graded, 1 - graded]))
    values = np.asarray(quadrature_driver(segment, knots))
    values = np.concatenate([values[:, :n, :n], values[:, :n, n + 1 :]], axis=2)
    sampled = values[np.searchsorted(knots, positions)]

    rates = Factor(M0, cholesky=False).solve(np.concatenate([M1 - M0, r1 - r0], axis=1))[:n]
    size = n + r0.shape[1]
    generator = np.zeros((size, size))
    generator[:n, :n], generator[:n, n:] = rates[:, :n], rates[:, n + 1 :]
    middle = len(positions) // 2
    closed = np.stack([np.real(scipy.linalg.logm(np.eye(size) + positions[k] * generator))[:n] for k in (middle, -1)])
    return sampled.reshape(len(positions), -1), relative_difference(closed, sampled[[middle, -1]])


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
    """max |a - b| / max |b|; 0 where both vanish."""
    gap, size = float(np.max(np.abs(a - b))), float(np.max(np.abs(b)))
    return gap / size if size > 0 else (0.0 if gap == 0 else math.inf)


def _principal(paths: dict[int, np.ndarray], directions: int) -> tuple[dict[int, np.ndarray], dict[int, float], int]:
    """Project all drivers onto their common leading principal directions, each driver weighted to unit length."""
    if not paths:
        return {}, {}, 0
    channels = next(iter(paths.values())).shape[1]
    if channels <= directions:
        return dict(paths), dict.fromkeys(paths, 1.0), channels

    def weighted(path: np.ndarray) -> np.ndarray:
        steps = np.diff(path, axis=0)
        steps /= max(float(np.abs(steps).sum()), 1e-300)
        return steps

    # The largest arrays of a study: no copy beside them that is not needed (`roughntk.study.capacity` counts them).
    basis = np.linalg.svd(np.concatenate([weighted(path) for path in paths.values()]), full_matrices=False)[2]
    basis = basis[:directions].T.copy()
    reduced, captured = {}, {}
    for depth, path in paths.items():
        reduced[depth] = path @ basis
        steps = np.diff(path, axis=0)
        captured[depth] = float(np.linalg.norm(steps @ basis)) / max(float(np.linalg.norm(steps)), 1e-300)
    return reduced, captured, channels
