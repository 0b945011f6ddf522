"""The ReLU network with biases, in its ordered, critical and chaotic phases."""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

from roughntk._checks import InputError, is_traced
from roughntk._checks.parameters import scale, signed_scale
from roughntk.kernels.architecture import First
from roughntk.kernels.base import View
from roughntk.kernels.layered import LayeredFamily
from roughntk.kernels.relu import ReluArchitecture, Turn


class BiasShare(NamedTuple):
    """The state of a ReLU network with biases.

    Attributes:
        log_variance: log Sigma_L(x, x).
        bias_share: beta^2/Sigma_L(x, x).
    """

    log_variance: Array
    bias_share: Array


class BiasedRelu(ReluArchitecture):
    """The ReLU network with biases (paper, Appendix A, at sigma_w^2 = 1).

        Sigma_1 = sigma_w^2 v rho + beta^2,    Sigma_{L+1} = sigma_w^2 E[relu relu] + beta^2,
        Theta_1 = Sigma_1,    Theta_{L+1} = Theta_L sigma_w^2 E[relu' relu'] + Sigma_{L+1},    K = Theta/Theta(x, x)

    Args:
        bias: beta, the standard deviation of the biases.
        weight_variance: sigma_w^2 > 0.
        input_variance: v = |x|^2/n0 of the inputs, > 0.

    >>> BiasedRelu.critical().ntk
    BiasedReluNTK(bias=1.0, weight_variance=2.0, input_variance=1.0)
    """

    bias: Array
    weight_variance: Array
    input_variance: Array

    def __init__(self, bias=1.0, weight_variance=1.0, input_variance=1.0):
        self.bias = signed_scale(bias, "bias")
        self.weight_variance = scale(weight_variance, "weight_variance")
        self.input_variance = scale(input_variance, "input_variance")

    @property
    def ntk(self) -> "BiasedReluNTK":
        return BiasedReluNTK.of(self)

    @property
    def nngp(self) -> "BiasedReluNNGP":
        return BiasedReluNNGP.of(self)

    @classmethod
    def critical(cls, bias=1.0, input_variance=1.0):
        """The network at sigma_w^2 = 2, where variances grow linearly and K keeps a limit 4/7 off the diagonal."""
        return cls(bias, 2.0, input_variance)

    def first(self):
        signal, noise = self.weight_variance * self.input_variance, self.bias**2
        variance = signal + noise
        return First(BiasShare(jnp.log(variance), noise / variance), signal / variance, noise / variance)

    def turn(self, state):
        gain = self.weight_variance / 2  # chi = sigma_w^2 E[1(u > 0)]
        growth = gain + state.bias_share  # Sigma_{L+1}/Sigma_L
        omega, rest = gain / growth, state.bias_share / growth
        one = jnp.ones_like(omega)
        return BiasShare(state.log_variance + jnp.log(growth), rest), Turn(one, one, omega, rest)

    def log_growth(self, state):
        growth = jnp.log1p((self.weight_variance / 2 - 1) + state.bias_share)
        return growth, -growth

    def settled(self):
        gain, ordered = self.weight_variance / 2, (self.weight_variance < 2) & (self.bias != 0)
        share = jnp.where(ordered, 1 - gain, 0.0)
        return BiasShare(jnp.zeros(()), share), jnp.where(ordered, gain, 1.0)

    @property
    def is_ordered(self) -> bool:
        """Whether variances stay bounded: chi < 1, however close to 1."""
        return bool((self.weight_variance < 2) & (self.bias != 0))

    def critical_limit(self):
        # Sigma grows linearly only at sigma_w^2 = 2 exactly; faster growth leaves the biases behind
        return 4 / 7 if self.bias != 0 and self.weight_variance == 2 else 0.25


class _BiasedView(LayeredFamily):
    network = BiasedRelu
    architecture: BiasedRelu

    def check_homogeneous(self) -> None:
        bias = self.architecture.bias
        if is_traced(bias) or bias != 0:
            super().check_homogeneous()
        same = "ReluNTK" if self.is_tangent else "ReluNNGP"
        raise InputError(
            f"expected a family that takes rows of any length, got {self.name} with bias 0, whose rows have the length "
            f"that its input_variance says; use {same}, which is the same kernel on the sphere"
        )


class BiasedReluNTK(_BiasedView):
    """Normalised tangent kernel of the ReLU network with biases; arguments as for :class:`BiasedRelu`.

    At sigma_w^2 < 2 all entries tend to one value, Theta -> 4 beta^2 at sigma_w^2 = 1, at the rate (sigma_w^2/2)^{L/2};
    at sigma_w^2 = 2 (:meth:`critical`) K tends to 4/7 off the diagonal.

    >>> import roughntk as rn
    >>> family = rn.kernels.BiasedReluNTK.critical()
    >>> round(float(family.at_correlation(0.5, float("inf"))), 6)
    0.571429
    """

    name = "biased-relu-ntk"
    symbol = "K"
    is_tangent = True

    def __init__(self, bias=1.0, weight_variance=1.0, input_variance=1.0):
        View.__init__(self, bias, weight_variance, input_variance)


class BiasedReluNNGP(_BiasedView):
    """Normalised covariance of the ReLU network with biases; arguments as for :class:`BiasedRelu`.

    >>> import roughntk as rn
    >>> float(rn.kernels.BiasedReluNNGP().at_correlation(0.0, 1))  # 1 of 2 is the biases' share
    0.5
    """

    name = "biased-relu-nngp"
    symbol = "\\rho"

    def __init__(self, bias=1.0, weight_variance=1.0, input_variance=1.0):
        View.__init__(self, bias, weight_variance, input_variance)
