"""Kernel families: what an infinitely wide network of a given depth computes from two inputs.

A family is an immutable `equinox.Module`. It is written for one pair of inputs, given by their correlation
rho = x . z or their angle theta = arccos rho, and broadcasts elementwise; called on data it returns a matrix.
Depth 1 is the input layer for every family: the correlation itself. Depth L applies the layer map L - 1 times.
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels import recursion


class KernelFamily(eqx.Module):
    """A sequence of kernels k_L on the sphere, indexed by the depth L of a network."""

    name: ClassVar[str]
    symbol: ClassVar[str]

    @abc.abstractmethod
    def _at_angle(self, theta: Array, depth: Array) -> Array:
        """Kernel value at the angle; arguments already checked."""

    @abc.abstractmethod
    def _at_correlation(self, rho: Array, depth: Array) -> Array:
        """Kernel value at the correlation; arguments already checked."""

    @abc.abstractmethod
    def _trajectory(self, theta: Array, layers: int) -> Array:
        """Kernel values at depths 1 .. layers, stacked along a new first axis."""

    def at_angle(self, theta: Float[Array, "..."], depth) -> Float[Array, "..."]:
        """Kernel at the angle theta_1 in [0, pi] (radians), elementwise, at an integer depth >= 1.

        Raises:
            InputError: angles outside [0, pi], NaN, depth < 1 or not whole.
        """
        return _compiled_at_angle(self, _in_range(theta, "theta", 0.0, np.pi), _depth(depth))

    def at_correlation(self, rho: Float[Array, "..."], depth) -> Float[Array, "..."]:
        """Kernel at the correlation rho_1 in [-1, 1], elementwise, at an integer depth >= 1.

        Near rho = 1 a float64 correlation holds only half of the digits of the angle: prefer `at_angle` there.

        Raises:
            InputError: correlations outside [-1, 1], NaN, depth < 1 or not whole.
        """
        return _compiled_at_correlation(self, _in_range(rho, "rho", -1.0, 1.0), _depth(depth))

    def __call__(self, X, Z=None, *, depth) -> Float[Array, "n m"]:
        """Kernel matrix between the unit rows of X (n, n0) and of Z (m, n0; X by default), shape (n, m).

        Raises:
            InputError: rows off the sphere (named), NaN, depth < 1.
        """
        depth = _depth(depth)
        return _compiled_at_angle(self, sphere.angles(X, Z), depth)

    def trajectory(self, theta: Float[Array, "..."], layers: int) -> Float[Array, "layers ..."]:
        """Kernel at the angle theta_1 at all depths 1 .. layers, stacked along a new first axis."""
        layers = _checks.integer(layers, "layers", least=1)
        return _compiled_trajectory(self, _in_range(theta, "theta", 0.0, np.pi), layers)


# One compiled function for all families and depths: the depth is traced, so a new depth compiles nothing.
@eqx.filter_jit
def _compiled_at_angle(family: KernelFamily, theta: Array, depth: Array) -> Array:
    return family._at_angle(theta, depth)


@eqx.filter_jit
def _compiled_at_correlation(family: KernelFamily, rho: Array, depth: Array) -> Array:
    return family._at_correlation(rho, depth)


@eqx.filter_jit
def _compiled_trajectory(family: KernelFamily, theta: Array, layers: int) -> Array:
    return family._trajectory(theta, layers)


class ReluNTK(KernelFamily):
    """Normalised neural tangent kernel of the bias-free ReLU network (paper, Definition 4).

        K_{L+1} = L/(L+1) h'(rho_L) K_L + 1/(L+1) h(rho_L),    K_1 = rho_1,    K_L(x, x) = 1

    on unit inputs; Theta_L = (L / (n0 2^{L-1})) K_L is the unnormalised kernel. As L grows, K_L -> 1/4 for
    every pair of distinct points.
    """

    name = "relu-ntk"
    symbol = "K"

    def _at_angle(self, theta, depth):
        return recursion.relu_layers(theta, depth)[1] / depth

    def _at_correlation(self, rho, depth):
        return recursion.ntk_at_correlation(rho, depth)

    def _trajectory(self, theta, layers):
        sums = recursion.relu_trajectory(theta, layers)[1]
        depths = jnp.arange(1, layers + 1, dtype=sums.dtype)
        return sums / depths.reshape((-1,) + (1,) * theta.ndim)


class ReluNNGP(KernelFamily):
    """Normalised covariance of the bias-free ReLU network at initialisation: rho_{L+1} = h(rho_L).

    As L grows, rho_L -> 1 with 1 - rho_L ~ 9 pi^2 / (2 L^2).
    """

    name = "relu-nngp"
    symbol = "\\rho"

    def _at_angle(self, theta, depth):
        return jnp.cos(recursion.relu_layers(theta, depth)[0])

    def _at_correlation(self, rho, depth):
        return recursion.nngp_at_correlation(rho, depth)

    def _trajectory(self, theta, layers):
        return jnp.cos(recursion.relu_trajectory(theta, layers)[0])


class SigmoidComposition(KernelFamily):
    """The paper's second family: eta_{L+1} = (1 + e^{-eta_L})^{-2}, eta_1 = rho (Section 6).

    It tends to the fixed point c = 0.34178539979984... at the rate lambda^L, lambda = 0.28393880014361...: the
    kernel matrix becomes numerically singular from depth 15 or so on. It is not positive definite on every data
    set, against the paper's Proposition 7.
    """

    name = "sigmoid"
    symbol = "\\eta"

    def _at_angle(self, theta, depth):
        return recursion.sigmoid_layers(jnp.cos(theta), depth)

    def _at_correlation(self, rho, depth):
        return recursion.sigmoid_layers(rho, depth)

    def _trajectory(self, theta, layers):
        return recursion.sigmoid_trajectory(jnp.cos(theta), layers)


FAMILIES: dict[str, type[KernelFamily]] = {family.name: family for family in (ReluNTK, ReluNNGP, SigmoidComposition)}
"""Families by their command-line name."""


def family(name: str) -> KernelFamily:
    """The family of that name, with its default parameters."""
    return FAMILIES[_checks.choice(name, tuple(FAMILIES), "family")]()


def _depth(depth) -> Array:
    """A checked integer depth; a traced depth is taken as it is."""
    if not _checks.is_traced(depth):
        array = np.asarray(depth)
        if array.ndim:
            raise InputError(
                f"expected one depth, got an array of shape {array.shape}; call once a depth, or use trajectory"
            )
        depth = _checks.integer_depth(array.item())
    return jnp.asarray(depth, dtype=jnp.int64 if jnp.asarray(0.0).dtype == jnp.float64 else jnp.int32)


def _in_range(value, name: str, low: float, high: float) -> Array:
    """A float array within [low, high], checked when its entries can be seen."""
    if not _checks.is_traced(value):
        array = _checks.real_array(value, name)
        outside = np.flatnonzero((array < low) | (array > high))
        if outside.size:
            first = array.reshape(-1)[outside[0]]
            raise InputError(
                f"expected {name} within [{low:.17g}, {high:.17g}], got {outside.size} value(s) outside "
                f"(first: {first!r}); project the data onto the sphere first (rn.sphere.project)"
            )
        value = array
    return jnp.asarray(value, dtype=jnp.result_type(float))
