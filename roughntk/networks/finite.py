"""Networks of finite width in the NTK parametrisation: all weights are N(0, 1) at the start.

    z_1 = W_1 x,    h_l = sqrt(c/n) phi(z_l),    z_{l+1} = W_{l+1} h_l,    f = a.h_L,         l = 1, ..., L

with c = 1/E[phi(u)^2], u ~ N(0, 1), for piecewise linear phi, so that E|h_l|^2 = |x|^2 at every layer. Of the tangent
kernel of all weights and of the Gram matrix of h_L the limits as n -> infinity are (L + 1) K and Sigma, the two
normalised kernels of the package at depth L + 1 (depth 1 is the input layer): L hidden layers are depth L + 1.

A residual network has z_{l+1} = z_l + W_{l+1} h_l with the variance c t/L in place of c, and its outputs are the first
coordinates of z_{L+1}: L blocks, the last of which has as many rows as there are outputs, are depth L + 1 of
`rn.kernels.ResidualReluNTK(time=t)`.

Source: Jacot2018; Hayou2021 (residual); LiNicaRoy2022 (shaped ReLU).
"""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from roughntk import _checks, kernels
from roughntk._checks import InputError
from roughntk.rough.paths.gaussian import random_key

ACTIVATIONS = ("relu", "shaped", "leaky", "linear", "tanh")
_SETTING = {"shaped": "shape", "leaky": "slope", "tanh": "weight_variance"}
"""The one setting that an activation takes."""

_LINEAR = 1 - 2.0**-53
"""The steepest slope of the family of leaky ReLUs: linear to rounding."""


class Parameters(NamedTuple):
    """The weights of one network.

    Attributes:
        first: W_1, shape (n, n0).
        hidden: W_2, ..., W_L, shape (L - 1, n, n).
        readout: a, one row for each output, shape (outputs, n).
    """

    first: Array
    hidden: Array
    readout: Array


@dataclasses.dataclass(frozen=True, repr=False)
class FiniteNetwork:
    """Networks of L hidden layers of width n without biases, in the NTK parametrisation. Immutable, and hashable.

        z_1 = W_1 x,    h_l = sqrt(c/n) phi(z_l),    z_{l+1} = W_{l+1} h_l,    f = a.h_L

    Residual: z_{l+1} = z_l + W_{l+1} h_l, with c t/L in place of c, and f_k = (z_L)_k + a_k.h_L.

    Args:
        layers: L >= 1, hidden layers (blocks, of a residual network).
        width: n >= 1.
        activation: phi. "relu", and c = 2; "shaped": slopes s_+- = 1 + c_+-/sqrt(n) above and below 0, and
            c = 2/(s_+^2 + s_-^2); "leaky": slopes 1 and `slope`, and the same c; "linear", c = 1; "tanh", and
            c = `weight_variance`.
        shape: (c_+, c_-), of "shaped"; both slopes must be >= 0.
        slope: below 0, of "leaky", in [-1, 1); 0.01 if left out.
        weight_variance: c > 0, of "tanh"; 1 if left out.
        residual: t > 0, the depth time at which a residual network ends; None for a network without skips.
        outputs: how many, each with its own row a_k; of a residual network at most n.

    Raises:
        InputError: no layers or no width, an unknown activation, a setting that it does not take, a shape that makes a
            slope negative, more outputs than a residual network is wide.

    Source: Jacot2018; LiNicaRoy2022 ("shaped").

    >>> import jax
    >>> network = FiniteNetwork(layers=2, width=64)
    >>> parameters = network.sample(jax.random.key(0), 3)
    >>> network(parameters, [[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]]).shape
    (2,)
    """

    layers: int
    width: int
    activation: str = "relu"
    shape: tuple[float, float] | None = None
    slope: float | None = None
    weight_variance: float | None = None
    residual: float | None = None
    outputs: int = 1

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("layers", _checks.integer(self.layers, "layers", least=1))
        put("width", _checks.integer(self.width, "width", least=1))
        _checks.choice(self.activation, ACTIVATIONS, "activation")
        for activation, name in _SETTING.items():
            if activation != self.activation and getattr(self, name) is not None:
                raise InputError(
                    f"expected no {name} for the activation {self.activation}, got {_checks.shown(getattr(self, name))}"
                    f'; leave it out, or take activation="{activation}"'
                )
        if self.activation == "shaped":
            put("shape", _checked_shape(self.shape, self.width))
        if self.activation == "leaky":
            slope = 0.01 if self.slope is None else self.slope
            put("slope", _checks.number(slope, "slope", least=-1.0, below=1.0, remedy='a slope of 1 is "linear"'))
        if self.activation == "tanh":
            variance = 1.0 if self.weight_variance is None else self.weight_variance
            put("weight_variance", _checks.number(variance, "weight_variance", above=0.0))
        if self.residual is not None:
            time = _checks.number(
                self.residual, "residual = depth time", above=0.0, remedy="None is a network without skips"
            )
            put("residual", time)
        put("outputs", _checks.integer(self.outputs, "outputs", least=1))
        if self.residual is not None and self.outputs > self.width:
            raise InputError(
                f"expected at most {self.width} outputs of a residual network of that width, whose outputs are "
                f"coordinates of its last layer, got {self.outputs}; widen it"
            )

    def __repr__(self) -> str:
        """With the settings that are in use.

        >>> FiniteNetwork(3, 64, "shaped", shape=(0.75, -0.75))
        FiniteNetwork(layers=3, width=64, activation='shaped', shape=(0.75, -0.75))
        """
        given = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        kept = {name: value for name, value in given.items() if value is not None and (name, value) != ("outputs", 1)}
        return f"FiniteNetwork({', '.join(f'{name}={value!r}' for name, value in kept.items())})"

    # What a layer is

    @property
    def slopes(self) -> tuple[float, float]:
        """(s_+, s_-) above and below 0, of a piecewise linear activation."""
        if self.activation == "shaped":
            above, below = _known(self.shape)
            return 1 + above / math.sqrt(self.width), 1 + below / math.sqrt(self.width)
        return 1.0, {"relu": 0.0, "linear": 1.0}.get(self.activation, self.slope or 0.0)

    @property
    def gain(self) -> float:
        """c, or c t/L of a residual network: h_l = sqrt(gain/n) phi(z_l)."""
        above, below = self.slopes
        normal = _known(self.weight_variance) if self.activation == "tanh" else 2 / (above**2 + below**2)
        return normal if self.residual is None else normal * self.residual / self.layers

    @property
    def skip(self) -> float:
        """1 for a residual network, 0 for others: z_{l+1} = skip z_l + W_{l+1} h_l."""
        return 0.0 if self.residual is None else 1.0

    def phi(self, preactivations: Array) -> Array:
        """The activation, elementwise."""
        if self.activation == "tanh":
            return jnp.tanh(preactivations)
        above, below = self.slopes
        return jnp.where(preactivations > 0, above * preactivations, below * preactivations)

    def slope_at(self, preactivations: Array) -> Array:
        """phi', elementwise; at a kink that from below."""
        if self.activation == "tanh":
            return 1 - jnp.tanh(preactivations) ** 2
        above, below = self.slopes
        return jnp.where(preactivations > 0, above, below)

    def hidden(self, preactivations: Array) -> Array:
        """h = sqrt(gain/n) phi(z), elementwise."""
        return math.sqrt(self.gain / self.width) * self.phi(preactivations)

    # One network

    def sample(self, key: Array, dimension: int) -> Parameters:
        """Independent N(0, 1) weights for inputs of that dimension, from one JAX random key.

        >>> import jax
        >>> FiniteNetwork(3, 8).sample(jax.random.key(0), 5).hidden.shape
        (2, 8, 8)
        """
        _checks.require_x64("a network of finite width")
        keys = jax.random.split(random_key(key), 3)
        n, dimension = self.width, _checks.integer(dimension, "dimension", least=1)
        _checks.memory(8.0 * self.weights(dimension), f"the weights of {self}", "lower width or layers")
        shapes = ((n, dimension), (self.layers - 1, n, n), (self.outputs, n))
        return Parameters(*(jax.random.normal(each, shape) for each, shape in zip(keys, shapes, strict=True)))

    def weights(self, dimension: int) -> int:
        """How many weights there are, for inputs of that dimension."""
        return self.width * (dimension + (self.layers - 1) * self.width + self.outputs)

    def __call__(self, parameters: Parameters, X: Any) -> Float[Array, "N ..."]:
        """f(x) for the rows of X, shape (N,), or (N, outputs) of several."""
        last = self.preactivations(parameters, X)[-1]
        values = self.skip * last[:, : self.outputs] + self.hidden(last) @ parameters.readout.T
        return values[:, 0] if self.outputs == 1 else values

    def preactivations(self, parameters: Parameters, X: Any) -> Float[Array, "L N n"]:
        """z_1, ..., z_L for the rows of X, shape (L, N, n).

        Raises:
            InputError: inputs of another dimension than the weights, no matrix, NaN.
        """
        return _preactivations(self, parameters, check_inputs(X, parameters.first.shape[-1]))

    def hidden_layers(self, parameters: Parameters, X: Any) -> Float[Array, "L N n"]:
        """h_1, ..., h_L for the rows of X, shape (L, N, n)."""
        return self.hidden(self.preactivations(parameters, X))

    def covariance(self, parameters: Parameters, X: Any) -> Float[Array, "L N N"]:
        """V_1, ..., V_L: V_l = h_l.h_l', the covariance of z_{l+1} given the weights up to l, shape (L, N, N).

        Of a residual network V_l = z_l.z_l'/n + h_l.h_l', which is the mean over coordinates.

        >>> import jax
        >>> network = FiniteNetwork(3, 8, residual=1.0)
        >>> network.covariance(network.sample(jax.random.key(0), 2), [[1.0, 0.0], [0.0, 1.0]]).shape
        (3, 2, 2)
        """
        return self.grams(self.preactivations(parameters, X))

    def grams(self, preactivations: Float[Array, "... N n"]) -> Float[Array, "... N N"]:
        """V of `covariance`, from the preactivations of one layer or of several."""
        kept = self.skip / self.width * gram(preactivations)
        return kept + gram(self.hidden(preactivations))

    # The limit of infinite width

    @property
    def depth(self) -> int:
        """L + 1, the depth of the infinitely wide network in the package's families."""
        return self.layers + 1

    @property
    def family(self) -> kernels.KernelFamily:
        """The tangent kernel at infinite width, normalised, on unit rows: `network.family(X, depth=network.depth)`.

        `network.family.architecture.nngp` is that of the covariance. A shaped ReLU has the slopes that it has at this
        width.

        Raises:
            InputError: a residual network of another activation than the ReLU.

        >>> FiniteNetwork(2, 64).family, FiniteNetwork(2, 64, "tanh").family.settings["bias_variance"]
        (ReluNTK(), 0.0)
        """
        if self.residual is not None:
            if self.activation == "relu":
                return kernels.ResidualReluNTK(time=self.residual)
            raise InputError(
                f"expected a residual network of ReLUs, whose kernel at infinite width is known, got "
                f'{self.activation}; take activation="relu", or residual=None'
            )
        if self.activation == "tanh":
            variance = _known(self.weight_variance)
            return kernels.TanhNTK(variance, 0.0, 1 / variance)
        if self.activation == "relu":
            return kernels.ReluNTK()
        above, below = self.slopes
        ratio = below / above if abs(below) <= abs(above) else above / below  # as phi(-u) has the same duals
        return kernels.LeakyReluNTK(min(ratio, _LINEAR))

    @property
    def tangent_scale(self) -> float:
        """Theta(x, x) of all weights at infinite width, |x| = 1: L + 1 without skips, but for tanh.

        Gradient descent of learning rate eta on half the sum of squared errors has come, after k steps, to the time
        t = eta k tangent_scale of `rn.predict`.

        >>> FiniteNetwork(2, 64).tangent_scale
        3.0
        """
        if self.activation == "tanh":
            return math.exp(self.family.log_scale(self.depth))
        if self.residual is None:
            return float(self.depth)
        step = self.residual / self.layers
        return (1 + step) ** (self.layers - 1) * (1 + step + self.residual)


@functools.partial(jax.jit, static_argnums=0)
def _preactivations(network: FiniteNetwork, parameters: Parameters, rows: Array) -> Array:
    first = rows @ parameters.first.T

    def layer(z: Array, weights: Array) -> tuple[Array, Array]:
        following = network.skip * z + network.hidden(z) @ weights.T
        return following, following

    return jnp.concatenate([first[None], lax.scan(layer, first, parameters.hidden)[1]])


def gram(rows: Float[Array, "... N n"]) -> Float[Array, "... N N"]:
    """Inner products of the rows."""
    return rows @ jnp.swapaxes(rows, -1, -2)


def check_inputs(X: Any, dimension: int | None = None) -> Array:
    """The rows as a float64 array (N, n0); traced ones are taken as they are.

    Raises:
        InputError: no matrix, NaN, or another number of columns than `dimension`.
    """
    _checks.require_x64("a network of finite width")
    rows = X if _checks.is_traced(X) else _checks.matrix(X, "X")
    if dimension is not None and (len(rows.shape) != 2 or rows.shape[1] != dimension):
        raise InputError(
            f"expected X of shape (points, {dimension}), as the weights of the first layer have columns, got shape "
            f"{rows.shape}; use the same features for both"
        )
    return jnp.asarray(rows)


def known_inputs(X: Any) -> Array:
    """The rows of `check_inputs`, where they must not be traced."""
    if _checks.is_traced(X):
        raise _checks.traced_array("X")
    return check_inputs(X)


def _known(value: Any) -> Any:
    """What `__post_init__` has filled in."""
    assert value is not None
    return value


def _checked_shape(shape: Any, width: int) -> tuple[float, float]:
    """(c_+, c_-) whose slopes at this width are not negative, nor both 0."""
    if not isinstance(shape, tuple | list) or len(shape) != 2:
        raise InputError(
            f"expected shape = (c_plus, c_minus) of a shaped ReLU, got {_checks.shown(shape)}; for instance "
            f"shape=(0.75, -0.75)"
        )
    above, below = (_checks.number(each, name) for each, name in zip(shape, ("c_plus", "c_minus"), strict=True))
    slopes = [1 + each / math.sqrt(width) for each in (above, below)]
    if min(slopes) < 0 or max(slopes) <= 0:
        raise InputError(
            f"expected slopes 1 + c/sqrt(width) that are not negative, nor both 0, got {slopes[0]:.6g} and "
            f"{slopes[1]:.6g} from c_plus = {above:.6g} and c_minus = {below:.6g} at width {width}; raise the shape "
            f"above -{math.sqrt(width):.6g}, or widen the network"
        )
    return above, below


__all__ = ["ACTIVATIONS", "FiniteNetwork", "Parameters", "check_inputs", "gram", "known_inputs"]
