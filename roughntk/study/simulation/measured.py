"""What simulated and trained networks of finite width give, beside infinite width and the limit law: numbers alone."""

import dataclasses
import math
from collections.abc import Callable

import jax
import numpy as np

from roughntk import kernels, networks, regression, sphere
from roughntk.maps import relu_flow
from roughntk.networks import EffectiveDepth, FiniteNetwork, TangentMoments, TangentRatios, TrainedNetworks
from roughntk.networks.sampling import normalised
from roughntk.regression.classes import accuracy_of
from roughntk.study.simulation.config import SimulationConfig
from roughntk.study.split import Split

LAW_SAMPLES, LAW_STEPS = 4096, 200
"""Of the limit law of the tangent kernel between two inputs."""
QUANTILES = (0.05, 0.5, 0.95)
LEAST_ANGLE = 1e-6
"""Below it a correlation does not tell the angle, and so no depth."""

Report = Callable[[str, int, int], None]
"""Called as report(stage, done, in all)."""


@dataclasses.dataclass(frozen=True)
class Simulated:
    """Kernels of random networks at the training points.

    Attributes:
        norms: |h|^2 over that of the input, of one point, shape (samples,).
        correlations, tangents: of a pair of points, for each network: c, and Theta_12/sqrt(Theta_11 Theta_22) of all
            weights, shape (samples,).
        diagonals: Theta(x, x) of the hidden weights of one point, over the number of hidden layers, shape (samples,).
        hidden_tangents: the same ratio as `tangents`, of the hidden weights.
        depths: real depths, in the Abel clock, at which the infinitely wide network has the angle of that pair;
            infinite where that is too small to be told.
        pair: which two points: those whose angle is the median of all pairs.
        angle: between them.
        covariance, tangent: at infinite width: c and K of that pair.
        mean_covariance, mean_tangent: sample means of the normalised kernels of all pairs less those of infinite width,
            root mean square over pairs; and the same of the standard errors of these means.
    """

    norms: np.ndarray
    correlations: np.ndarray
    tangents: np.ndarray
    diagonals: np.ndarray
    hidden_tangents: np.ndarray
    depths: np.ndarray
    pair: tuple[int, int]
    angle: float
    covariance: float
    tangent: float
    mean_covariance: tuple[float, float]
    mean_tangent: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Laws:
    """What is known of such networks without simulating any.

    Attributes:
        moments: of the tangent kernel on the diagonal, exactly.
        depth: of the random real depth from the angle of the pair.
        ratios: samples of the limit law between two inputs, of the hidden weights.
        log_norm: mean and variance of log |h|^2 in the limit, -5t/2 and 5t with t = (hidden layers)/width.
    """

    moments: TangentMoments
    depth: EffectiveDepth
    ratios: TangentRatios
    log_norm: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Trained:
    """Networks trained to a finite time beside the ensemble of infinitely wide ones. All in units of the targets.

    Attributes:
        outputs: of each network at the test points, shape (networks, m, k).
        mean: f_t of infinitely wide networks, shape (m, k).
        deviation: standard deviation of one infinitely wide network about it, shape (m, k).
        losses: mean loss of the networks at the start and at the end.
        steps: of gradient descent.
        errors: root mean square error at the test points of each network; of their mean; of f_t. NaN without targets.
        accuracies: the same for classes, else NaN.
    """

    outputs: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    losses: tuple[float, float]
    steps: int
    errors: tuple[np.ndarray, float, float]
    accuracies: tuple[np.ndarray, float, float]

    @property
    def off(self) -> np.ndarray:
        """Mean of the networks less f_t, in standard errors of a mean of so many, of all outputs that are trained."""
        error = self.standard_error
        return ((self.outputs.mean(axis=0) - self.mean)[error > 0]) / error[error > 0]

    @property
    def standard_error(self) -> np.ndarray:
        """Of the mean of so many infinitely wide networks, shape (m, k)."""
        return self.deviation / math.sqrt(len(self.outputs))


def simulated(config: SimulationConfig, data: Split, report: Report) -> Simulated:
    """Random networks, exactly in law."""
    X, depth, layers = data.X, config.depth, config.depth - 1
    drawn = networks.sample_tangent_kernel(
        X, layers, config.width, jax.random.key(config.seed), config.samples, weights="each",
        progress=lambda done, most: report("simulated networks", done, most),
    )  # fmt: skip
    everything, hidden = drawn.tangent_kernel.sum(axis=1), drawn.tangent_kernel[:, :-1].sum(axis=1)
    angles = np.asarray(sphere.angles(X))
    above = np.triu_indices(len(X), 1)
    place = int(np.argsort(angles[above], kind="stable")[len(above[0]) // 2])
    i, j = int(above[0][place]), int(above[1][place])
    family = kernels.ReluNTK()
    covariance, tangent = (np.asarray(kernel(X, depth=depth)) for kernel in (kernels.ReluNNGP(), family))
    correlation, ratio = drawn.correlation, normalised(everything)
    ends = np.arccos(np.clip(correlation[:, i, j], -1.0, 1.0))
    known = ends > LEAST_ANGLE
    depths = 1 + np.asarray(relu_flow.abel(np.where(known, ends, 1.0))) - float(relu_flow.abel(angles[i, j]))
    depths = np.where(known, depths, np.inf)
    return Simulated(
        drawn.covariance[:, i, i], correlation[:, i, j], ratio[:, i, j], hidden[:, i, i] / layers,
        normalised(hidden)[:, i, j], depths, (i, j), float(angles[i, j]), float(covariance[i, j]),
        float(tangent[i, j]), _apart(correlation, covariance, above), _apart(ratio, tangent, above),
    )  # fmt: skip


def _apart(samples: np.ndarray, limit: np.ndarray, pairs: tuple[np.ndarray, ...]) -> tuple[float, float]:
    """Root mean square, over pairs, of the mean over networks less its limit, and of the standard error of it."""
    off = (samples.mean(axis=0) - limit)[pairs]
    errors = samples.std(axis=0, ddof=1)[pairs] / math.sqrt(len(samples))
    return _root_mean_square(off), _root_mean_square(errors)


def laws(config: SimulationConfig, angle: float, report: Report) -> Laws:
    """What the limit says, and exact moments."""
    layers = config.depth - 1
    time = layers / config.width
    ratios = networks.tangent_ratio_limit(
        time, key=jax.random.key(config.seed), samples=LAW_SAMPLES, steps=LAW_STEPS,
        progress=lambda done, most: report("limit law", done, most),
    )  # fmt: skip
    return Laws(
        networks.tangent_moments(layers, config.width), networks.effective_depth(layers, config.width, angle=angle),
        ratios, (-2.5 * time, 5 * time),
    )  # fmt: skip


def trained(config: SimulationConfig, data: Split, report: Report) -> Trained:
    """Trained networks, whose outputs are in units of the root mean square of each target."""
    scale = np.sqrt(np.mean(data.y**2, axis=0))
    there = scale > 0  # of the classes, those that some training point has
    y = data.y[:, there] / scale[there]
    network = FiniteNetwork(config.depth - 1, config.width, outputs=y.shape[1])
    one = y.shape[1] == 1
    runs: TrainedNetworks = networks.train(
        network, data.X, y[:, 0] if one else y, data.x, jax.random.key(config.seed + 1), config.trained,
        time=config.time, progress=lambda done, most: report("trained networks", done, most),
    )  # fmt: skip
    outputs = np.zeros((config.trained, len(data.x), len(scale)))
    outputs[..., there] = runs.predictions.reshape(config.trained, len(data.x), -1) * scale[there]
    wide = regression.ensemble(kernels.ReluNTK(), data.X, y, data.x, depth=config.depth, time=config.time)
    mean = np.zeros(outputs.shape[1:])
    mean[:, there] = wide.mean.reshape(len(data.x), -1) * scale[there]
    deviation = np.outer(wide.deviation, scale)
    losses = float(runs.losses[:, 0].mean()), float(runs.losses[:, -1].mean())
    errors = accuracies = (np.full(config.trained, math.nan), math.nan, math.nan)
    together = outputs.mean(axis=0)
    if data.wanted is not None:
        wanted = data.wanted
        errors = (
            np.sqrt(np.mean((outputs - wanted) ** 2, axis=(1, 2))), _root_mean_square(together - wanted),
            _root_mean_square(mean - wanted),
        )  # fmt: skip
        if data.classes:
            accuracies = (
                np.array([accuracy_of(each, wanted) for each in outputs]), accuracy_of(together, wanted),
                accuracy_of(mean, wanted),
            )  # fmt: skip
    return Trained(outputs, mean, deviation, losses, runs.steps, errors, accuracies)


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


__all__ = ["LEAST_ANGLE", "QUANTILES", "Laws", "Report", "Simulated", "Trained", "laws", "simulated", "trained"]
