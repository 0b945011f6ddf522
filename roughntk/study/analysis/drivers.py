"""The drivers of Theorem 3 between the depths of a study, sampled, checked and projected."""

import dataclasses
import functools

import numpy as np

from roughntk.files.checkpoints import UNKEPT, Keeper
from roughntk.study.analysis.closed_form import Depth, Kernels, Progress
from roughntk.transport.clocks import ArcClock
from roughntk.transport.deflated import kernel_segment

LEVEL_3_CHANNELS = 12
"""Level 3 of a signature joins up to so many channels."""


@dataclasses.dataclass
class Drivers:
    """Stage 6: the drivers v^(L), sampled, and their principal directions.

    `paths[L]` has shape (samples, n (n + m)); `reduced[L]` the same path on the principal directions (or all channels
    where these are few), common to all depths. `closed_form_error[L]` is the largest difference of log(I + sM) and
    quadrature, relative to the largest value of the driver.
    """

    paths: dict[Depth, np.ndarray]
    closed_form_error: dict[Depth, float]
    reduced: dict[Depth, np.ndarray]
    captured: dict[Depth, float]
    channels: int
    directions: int

    @property
    def full(self) -> bool:
        """Whether the reduced paths are the drivers themselves."""
        return self.directions == self.channels


def driver_paths(
    kernels: Kernels, starts: list[Depth], samples: int, directions: int, progress: Progress, keeper: Keeper = UNKEPT
) -> Drivers:
    """Sample every driver, check its closed form against quadrature, find the principal directions.

    While the entries of K are apart the samples are those of the closed form. Once they are within 1 % of one value
    (K = c + s G, s/c small) K^{-1} is applied through the bordered system of G, which no rounding of K enters, and the
    samples are those of quadrature.
    """
    positions = np.linspace(0.0, 1.0, samples)
    paths, errors = {}, {}
    for depth in starts:
        if kernels.regular(depth) and kernels.regular(depth + 1):
            work = functools.partial(_sampled, kernels, depth, positions)
            paths[depth], errors[depth] = keeper.kept(f"depth {depth}", work)
        progress("drivers", 1)
    reduced, captured, channels = keeper.kept("principal directions", lambda: _principal(paths, directions))
    return Drivers(paths, errors, reduced, captured, channels, min(directions, channels))


def _sampled(kernels: Kernels, depth: Depth, positions: np.ndarray) -> tuple[np.ndarray, float]:
    """The driver from a depth to the next at some positions, and how far its closed form is from quadrature."""
    (K0, B0), (K1, B1) = kernels.at(depth), kernels.at(depth + 1)
    segment = kernel_segment(K0, K1, B0, B1, kernels.collapsed(depth))
    return segment.driver(ArcClock()).sample(positions), segment.disagreement()


def _principal(
    paths: dict[Depth, np.ndarray], directions: int
) -> tuple[dict[Depth, np.ndarray], dict[Depth, float], int]:
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
