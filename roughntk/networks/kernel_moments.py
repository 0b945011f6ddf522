"""How random the tangent kernel of one network is: its second moment, exactly, at any width and number of layers.

Theta = sum_l |df/dW_l|^2 over the hidden weights, for h_l = sqrt(2/n) relu(W_l h_{l-1}), f = a . h_L, one input with
|h_0| = 1 and W, a iid N(0, 1); so E Theta = L. A layer put before the network maps six expectations linearly to six:

    F = E f^4,  D = E f^2 g,  G = E g^2,  X = E Theta f^2,  Y = E Theta (f^2 + g),  S = E Theta^2,

g = |df/dh_0|^2 - f^2 being what the gradient has across h_0. With k active units of the new layer, binomial of n
halves, and a gradient whose part across h is uniform in its n - 1 dimensions, all coefficients are rational in n and
none is negative. What was left is L steps of one 6 x 6 matrix, taken by repeated squaring.

Nothing is approximated for finite n and L: layers without an active unit are counted, too. The limit for
n, L -> infinity is derived and measured, not proved here; that it is of the order e^{5 L/n} is in HaninNica2020.
"""

import dataclasses
import math

import numpy as np

from roughntk import _checks
from roughntk._checks.precision import EPS

ACTIVATIONS = ("relu", "linear")
_F, _D, _G, _X, _Y, _S = range(6)
_ROUNDINGS = 8  # of eps, a layer: coefficients, and sums of six products


@dataclasses.dataclass(frozen=True)
class TangentMoments:
    """The first two moments of the tangent kernel Theta(x, x) of the hidden weights of one random network.

    What is beyond float64 (1.8e308) is given as infinity; its logarithm is there.

    Attributes:
        layers: L, hidden layers.
        width: n, units of each of them.
        activation: "relu" or "linear".
        log_ratio: log(E Theta^2/(E Theta)^2).
        ratio: E Theta^2/(E Theta)^2, which is at least 1.
        error_bound: how far `ratio` can be from its exact value by rounding, relative to it.
    """

    layers: int
    width: int
    activation: str
    log_ratio: float
    ratio: float
    error_bound: float

    @property
    def time(self) -> float:
        """t = L/n, depth in units of the width."""
        return self.layers / self.width

    @property
    def mean(self) -> float:
        """E Theta = L, for an input of length 1."""
        return float(self.layers)

    @property
    def second_moment(self) -> float:
        """E Theta^2."""
        return self.ratio * self.mean**2

    @property
    def variance(self) -> float:
        """E Theta^2 - (E Theta)^2."""
        return (self.ratio - 1) * self.mean**2

    @property
    def log_limit(self) -> float:
        """The logarithm of `limit`."""
        rate, decay = (5.0, 6.0) if self.activation == "relu" else (2.0, 3.0)
        return rate * self.time + math.log(1 / 3 + 2 / 3 * _average(decay * self.time))

    @property
    def limit(self) -> float:
        """What the ratio tends to for n, L -> infinity with t = L/n fixed.

        e^{5t} (1/3 + 2/(9t) (1 - (1 - e^{-6t})/(6t))) for ReLU, e^{2t} (1/3 + 4/(9t) (1 - (1 - e^{-3t})/(3t))) for
        linear networks.
        """
        return _exponential(self.log_limit)

    def __repr__(self) -> str:
        return (
            f"<TangentMoments: E Theta^2/(E Theta)^2 = {self.ratio:.6g} for {self.layers} {self.activation} layers of "
            f"width {self.width}, in the limit {self.limit:.6g}>"
        )


def tangent_moments(layers: int, width: int, *, activation: str = "relu") -> TangentMoments:
    """E Theta^2/(E Theta)^2 of the tangent kernel of the hidden weights of a random network, exactly.

    c = 1 + 5/n, started with F = 3, D = n - 1, G = n^2 - 1, X = Y = S = 0; for each layer

        tau = (4/n^2) (F + D (n-2)/(n-1) + G (n^2/4 + n/4 - 1)/(n^2-1)),   q = (2F + D)/n,   r = (X + Y)/n,
        S <- tau + 2r + cS,   X <- q + cX,   Y <- q + cX + (n-1)(tau + r),
        F <- cF,   D <- (n-1) q,   G <- (n^2-1) tau,

    and the ratio is S/L^2. A linear network has c = 1 + 2/n, tau = (F + 2D + G)/n^2, q = (F + D)/n, r = Y/n. No
    number of layers is too large: the matrix of this map is raised to the power L with a scale of its own.

    Args:
        layers: L >= 1, hidden layers.
        width: n >= 2, units of each.
        activation: "relu" or "linear" (h_l = W_l h_{l-1}/sqrt(n)).

    Returns:
        The moments, their limit for wide and deep networks, and a bound of the rounding errors.

    Raises:
        InputError: no layers, a width below 2, no whole numbers, an unknown activation.

    Source: HaninNica2020 (the order e^{5 L/n}).

    >>> import roughntk as rn
    >>> round(rn.networks.tangent_moments(1, 10).ratio, 12)
    1.5
    >>> deep = rn.networks.tangent_moments(1000, 1000)
    >>> round(deep.ratio, 1), round(deep.limit, 1)
    (76.1, 77.0)
    """
    layers = _checks.integer(layers, "layers", least=1)
    width = _checks.integer(width, "width", least=2)
    activation = _checks.choice(activation, ACTIVATIONS, "activation")
    n = float(width)
    start = np.array([3.0, n - 1, n * n - 1, 0.0, 0.0, 0.0])
    exponent = 0
    start, exponent = _scaled(start, exponent)
    power, scale = _layer(n, activation), 0
    remaining = layers
    while remaining:
        if remaining & 1:
            start, exponent = _scaled(power @ start, exponent + scale)
        power, scale = _scaled(power @ power, 2 * scale)
        remaining >>= 1
    moment = float(start[_S])
    return TangentMoments(
        layers,
        width,
        activation,
        math.log(moment) + exponent * math.log(2) - 2 * math.log(layers),
        _times_power(moment / layers**2, exponent),
        _ROUNDINGS * (layers + 8) * EPS,
    )


def _layer(n: float, activation: str) -> np.ndarray:
    """The matrix of one layer: it takes (F, D, G, X, Y, S) of a network to those with a layer before it."""
    tau, q, r = np.zeros((3, 6))
    if activation == "relu":
        fourth = 1 + 5 / n  # E |h_1|^4
        tau[[_F, _D, _G]] = 1.0, (n - 2) / (n - 1), (n * n / 4 + n / 4 - 1) / ((n - 1) * (n + 1))
        tau *= 4 / n**2
        q[[_F, _D]] = 2 / n, 1 / n
        r[[_X, _Y]] = 1 / n, 1 / n
    else:
        fourth = 1 + 2 / n
        tau[[_F, _D, _G]] = 1 / n**2, 2 / n**2, 1 / n**2
        q[[_F, _D]] = 1 / n, 1 / n
        r[_Y] = 1 / n
    same = fourth * np.eye(6)
    across = q + same[_X]
    return np.stack(
        [same[_F], (n - 1) * q, (n - 1) * (n + 1) * tau, across, across + (n - 1) * (tau + r), tau + 2 * r + same[_S]]
    )


def _scaled(values: np.ndarray, exponent: int) -> tuple[np.ndarray, int]:
    """The same numbers, as values up to 1 times a power of two."""
    shift = math.frexp(float(values.max()))[1]
    return np.ldexp(values, -shift), exponent + shift


def _times_power(value: float, exponent: int) -> float:
    """value 2^exponent, infinite beyond float64."""
    return math.ldexp(value, exponent) if exponent + math.frexp(value)[1] <= 1024 else math.inf


def _exponential(value: float) -> float:
    """e^value, infinite beyond float64."""
    return math.exp(value) if value < 709.78 else math.inf


def _average(x: float) -> float:
    """2 (x - 1 + e^{-x})/x^2, the mean of e^{-x |a - b|} for a, b uniform on [0, 1]; without cancellation near 0."""
    if x < 0.1:
        return 2 * sum((-x) ** k / math.factorial(k + 2) for k in range(10))
    return 2 * (x + math.expm1(-x)) / x**2
