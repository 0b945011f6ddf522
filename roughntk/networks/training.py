"""Small networks trained by gradient descent, all their weights at once, many of them at a time.

Full-batch gradient descent on half the sum of squared errors,

    w <- w - eta grad (1/2) sum_i |f(x_i) - y_i|^2,

follows, at small eta, the gradient flow whose mean over infinitely wide networks is `rn.predict`: k steps of it have
come to the time t = eta k Theta(x, x) there, since `rn.predict` counts time in units of the normalised kernel K, and
the tangent kernel is Theta(x, x) K with Theta(x, x) = L + 1 for a ReLU network of L hidden layers
(`FiniteNetwork.tangent_scale`).

Source: Jacot2018; Lee2019.
"""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from roughntk import _checks
from roughntk._checks import InputError, MissingBackendError
from roughntk.networks.empirical import check_network, empirical_ntk
from roughntk.networks.finite import FiniteNetwork, Parameters
from roughntk.networks.sampling import Progress, in_chunks, key_of, known_key

INSTALL = "pip install 'roughntk[networks]'"
STARTS = ("network", "zero")

_LEAST_STEPS = 100
_STEP = 0.25  # of a step by default, times the largest eigenvalue
_STABLE = 2.0  # of a step, times the largest eigenvalue: from there on gradient descent diverges
_COPIES = 6  # of the weights that a training holds at its peak


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class TrainedNetworks:
    """Networks that were trained on the same data from independent starts.

    Attributes:
        predictions: f(x) at the test points, shape (samples, m) or (samples, m, k).
        fitted: f(X) at the training points, shape (samples, N) or (samples, N, k).
        losses: half the sum of squared errors before each step and after the last, shape (samples, steps + 1).
        network: what they are.
        steps: of the optimizer.
        time: that of `rn.predict`, or NaN with an optimizer of the user's.
        learning_rate: of gradient descent, or NaN.
        parameters: the trained weights, a leading axis for the samples, or None.
        start: the weights before the training, likewise.
    """

    predictions: np.ndarray
    fitted: np.ndarray
    losses: np.ndarray
    network: FiniteNetwork
    steps: int
    time: float
    learning_rate: float
    parameters: Parameters | None = None
    start: Parameters | None = None

    @property
    def mean(self) -> np.ndarray:
        """Of the predictions over the networks, shape (m,) or (m, k)."""
        return self.predictions.mean(axis=0)

    @property
    def standard_error(self) -> np.ndarray:
        """Of that mean, same shape; NaN for one network."""
        samples = len(self.predictions)
        if samples == 1:
            return np.full(self.predictions.shape[1:], math.nan)
        return self.predictions.std(axis=0, ddof=1) / math.sqrt(samples)

    def __repr__(self) -> str:
        how = f"to the time {self.time:.6g}" if not math.isnan(self.time) else "by an optimizer of its own"
        return (
            f"TrainedNetworks({len(self.losses)} of {self.network}, {how} in {self.steps} steps, mean loss "
            f"{self.losses[:, 0].mean():.3g} to {self.losses[:, -1].mean():.3g})"
        )


def train(
    network: FiniteNetwork,
    X: Any,
    y: Any,
    x: Any,
    key: Array,
    samples: int = 1,
    *,
    time: float | None = None,
    steps: int | None = None,
    initial: str = "network",
    optimizer: Any = None,
    parameters: Parameters | None = None,
    keep_parameters: bool = False,
    progress: Progress | None = None,
) -> TrainedNetworks:
    """Networks trained by full-batch gradient descent on half the sum of squared errors, all weights at once.

        w <- w - eta grad (1/2) sum_i |f(x_i) - y_i|^2,    eta = time/(steps Theta(x, x)),    Theta(x, x) = L + 1 (ReLU)

    As the width and the number of steps grow, the mean over networks tends to
    `rn.predict(network.family, X, y, x, depth=network.depth, time=time)`. A mode of eigenvalue lam of the normalised
    kernel is off by at most 0.27/steps of its size, since (1 - lam time/steps)^steps stands for exp(-lam time).

    Args:
        network: the networks; `outputs` as many as targets.
        X: training points, shape (N, n0); unit rows where `rn.predict` is to be compared with on the sphere.
        y: targets, shape (N,) or (N, k).
        x: test points, shape (m, n0).
        key: a JAX random key; sample i depends on it and on i only.
        samples: how many networks.
        time: t > 0 of `rn.predict`, finite.
        steps: of gradient descent; None for as many as make eta times the largest eigenvalue of the first network's
            tangent kernel 1/4, and at least 100. With an optimizer of your own, how many of its steps.
        initial: "network", f starts as a random function; "zero", that function is taken off throughout, and what is
            trained, fitted and predicted is f - f_0, whose spread over networks is O(n^{-1/2}); the mean is the same
            at infinite width.
        optimizer: an optax.GradientTransformation in place of gradient descent; then without `time`.
        parameters: weights to start from, the same for every sample; None for N(0, 1).
        keep_parameters: whether the result holds the weights at the start and at the end.
        progress: called with the number of networks done, and of all.

    Returns:
        `TrainedNetworks`: `predictions`, their `mean` and `standard_error`, `fitted`, `losses`.

    Raises:
        InputError: bad points or targets, another number of targets than outputs, a time that is not positive and
            finite, so few steps that gradient descent diverges, neither or both of time and optimizer; weights that do
            not fit in memory.
        MissingBackendError: optax is not installed; the message says how to install it.

    Source: Lee2019.

    >>> import jax, roughntk as rn
    >>> X, x = rn.sphere.uniform(4, 3, 0), rn.sphere.uniform(2, 3, 1)
    >>> network = rn.networks.FiniteNetwork(layers=2, width=64)
    >>> trained = rn.networks.train(network, X, X[:, 0], x, jax.random.key(0), 3, time=2.0)
    >>> trained.predictions.shape, bool((trained.losses[:, -1] < trained.losses[:, 0]).all())
    ((3, 2), True)
    """
    _optax()
    _checks.require_x64("the training of networks")
    network, key, keep = check_network(network), known_key(key), _checks.flag(keep_parameters, "keep_parameters")
    samples = _checks.integer(samples, "samples", least=1)
    initial = _checks.choice(initial, STARTS, "initial")
    X, y, x = _checked_data(network, X, y, x)
    start = None if parameters is None else _checked_parameters(network, parameters, X.shape[1])
    need = 8.0 * (_COPIES * network.weights(X.shape[1]) + 8 * network.layers * (len(X) + len(x)) * network.width)
    _checks.memory(need, f"training one of {network}", "lower width or layers")
    rate, elapsed = math.nan, math.nan
    if optimizer is None:
        elapsed = _checks.number(time, "time", above=0.0, remedy="give a finite training time of rn.predict")
        steps = _enough_steps(network, start, X, key, elapsed, steps)
        rate = elapsed / (steps * network.tangent_scale)
    else:
        steps = _steps_of(optimizer, time, steps)
    settings = _Settings(network, steps, initial == "zero", keep, optimizer)
    data = tuple(map(jnp.asarray, (X, y, x)))
    predictions, fitted, losses, *kept = in_chunks(
        lambda keys: _trained(settings, rate, start, data, keys), key, samples, need, progress
    )
    last, first = kept if keep else (None, None)
    return TrainedNetworks(predictions, fitted, losses, network, steps, elapsed, rate, last, first)


class _Settings(NamedTuple):
    """What a training is compiled for."""

    network: FiniteNetwork
    steps: int
    centred: bool
    keep: bool
    optimizer: Any


@functools.partial(jax.jit, static_argnums=0)
def _trained(settings: _Settings, rate: Any, start: Parameters | None, data: tuple[Array, ...], keys: Array) -> tuple:
    """Predictions, fitted values, losses and, if they are kept, weights at the end and at the start, for each key."""
    network, (X, y, x) = settings.network, data
    rule = _optax().sgd(rate) if settings.optimizer is None else settings.optimizer

    def one(key: Array) -> tuple:
        first = network.sample(key, X.shape[1]) if start is None else start
        origin = [network(first, rows) if settings.centred else 0.0 for rows in (X, x)]

        def loss(parameters: Parameters) -> Array:
            return jnp.sum((network(parameters, X) - origin[0] - y) ** 2) / 2

        def step(state: tuple, _: None) -> tuple[tuple, Array]:
            parameters, memory = state
            value, slope = jax.value_and_grad(loss)(parameters)
            change, memory = rule.update(slope, memory, parameters)
            return (jax.tree_util.tree_map(jnp.add, parameters, change), memory), value

        (last, _), losses = lax.scan(step, (first, rule.init(first)), None, length=settings.steps)
        results = (
            network(last, x) - origin[1], network(last, X) - origin[0], jnp.append(losses, loss(last)),
        )  # fmt: skip
        return (*results, last, first) if settings.keep else results

    return jax.vmap(one)(keys)


def _optax() -> Any:
    """The package optax, or an error with the command that installs it."""
    try:
        import optax
    except ImportError as error:
        raise MissingBackendError(
            f"expected the package optax for the training of networks, got {error}; install it with: {INSTALL}"
        ) from error
    return optax


def _checked_data(network: FiniteNetwork, X: Any, y: Any, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    X = _checks.matrix(X, "X")
    y = _checks.real_array(y, "y")
    x = _checks.matrix(x, "x", columns=X.shape[1])
    if y.ndim not in (1, 2) or len(y) != len(X):
        raise InputError(
            f"expected one target for each of the {len(X)} training points, got y of shape {y.shape}; give one each"
        )
    targets = y.shape[1] if y.ndim == 2 else 1
    if targets != network.outputs:
        raise InputError(
            f"expected as many targets as the network has outputs, {network.outputs}, got {targets}; make it with "
            f"outputs={targets}"
        )
    if y.ndim == 2 and targets == 1:
        raise InputError(f"expected y of shape ({len(y)},) for one output, got shape {y.shape}; take y[:, 0]")
    return X, y, x


def _checked_parameters(network: FiniteNetwork, parameters: Any, dimension: int) -> Parameters:
    """Weights of the right shapes as float64 arrays."""
    n = network.width
    wanted = (n, dimension), (network.layers - 1, n, n), (network.outputs, n)
    if not isinstance(parameters, tuple) or len(parameters) != 3:
        raise InputError(f"expected Parameters(first, hidden, readout), got {_checks.shown(parameters)}; make them so")
    arrays = [_checks.real_array(each, name) for each, name in zip(parameters, Parameters._fields, strict=True)]
    for name, array, shape in zip(Parameters._fields, arrays, wanted, strict=True):
        if array.shape != shape:
            raise InputError(f"expected {name} of shape {shape} for {network}, got {array.shape}; reshape it")
    return Parameters(*map(jnp.asarray, arrays))


def _enough_steps(
    network: FiniteNetwork, start: Parameters | None, X: np.ndarray, key: Array, time: float, steps: int | None
) -> int:
    """The steps of gradient descent to that time: those asked for, if it does not diverge, or a number by default."""
    first = network.sample(key_of(key, 0), X.shape[1]) if start is None else start
    largest = float(np.linalg.eigvalsh(np.asarray(empirical_ntk(network, first, X)))[-1]) / network.tangent_scale
    if steps is None:
        return max(_LEAST_STEPS, math.ceil(time * largest / _STEP))
    steps = _checks.integer(steps, "steps", least=1)
    least = math.floor(time * largest / _STABLE) + 1
    if steps < least:
        raise InputError(
            f"expected at least {least} steps to the time {time:.6g}, got {steps}: gradient descent diverges where its "
            f"step times the largest eigenvalue, here {largest:.3g}, is above 2; take more steps, or a shorter time"
        )
    return steps


def _steps_of(optimizer: Any, time: Any, steps: Any) -> int:
    """The steps of an optimizer of the user's."""
    if not (callable(getattr(optimizer, "init", None)) and callable(getattr(optimizer, "update", None))):
        raise InputError(
            f"expected an optax.GradientTransformation, got {_checks.shown(optimizer)}; for instance optax.adam(0.01), "
            f"or None for gradient descent to a time"
        )
    if time is not None:
        raise InputError(
            f"expected no time beside an optimizer, got {_checks.shown(time)}; the time of rn.predict is that of "
            f"gradient descent: leave one of the two out"
        )
    return _checks.integer(steps, "steps", least=1)


__all__ = ["INSTALL", "TrainedNetworks", "train"]
