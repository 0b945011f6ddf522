"""Dual activations: what one layer of an infinitely wide network does to a correlation, or to an angle.

For the ReLU activation (Cho & Saul 2009, ``references.bib``: ChoSaul2009)

    h(z)  = ( sqrt(1 - z^2) + z (pi - arccos z) ) / pi,        h'(z) = (pi - arccos z) / pi.

In the angle theta = arccos z the layer map f(theta) = arccos h(cos theta) is analytic at 0 and keeps all
digits there, while the correlation 1 - theta^2/2 loses half of them. The recursion therefore runs on angles.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

_SMALL = 1.0
"""Below this angle the bracket sin t - t cos t is summed as a series (8 terms: truncation below 2e-16 of it)."""

# (sin t - t cos t) / t^3 = sum_k (-1)^k (2k + 2) / (2k + 3)! t^(2k)
_BRACKET = (
    1 / 3,
    -1 / 30,
    1 / 840,
    -1 / 45360,
    1 / 3991680,
    -1 / 518918400,
    1 / 93405312000,
    -1 / 22230464256000,
)


_PI_REST = 1.2246467991473532e-16
"""pi less its nearest float64."""


@jax.custom_jvp
def supplement(theta: Float[Array, "..."]) -> Float[Array, "..."]:
    """pi - theta on [0, pi] with the digits of pi that a float does not hold; 0 at the float nearest to pi itself.

    So pi - 1e-6, which is rounded, keeps the full relative accuracy of what it is short of pi. The barrier keeps the
    compiler from adding the two parts of pi first.
    """
    return jnp.where(theta >= math.pi, 0.0, lax.optimization_barrier(math.pi - theta) + _PI_REST)


@supplement.defjvp
def _supplement_jvp(primals, tangents):
    return supplement(primals[0]), -tangents[0]


def arccos(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """arccos z = 2 atan2(sqrt(1 - z), sqrt(1 + z)): full relative accuracy at z near 1 and -1.

    Not differentiable at z = 1 and -1; callers that differentiate there use the rules below.
    """
    return 2 * jnp.arctan2(jnp.sqrt(1 - z), jnp.sqrt(1 + z))


@jax.custom_jvp
def relu_dual_derivative(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """h'(z) = (pi - arccos z)/pi, the arc-cosine kernel of order 0; h'(1) = 1, h'(-1) = 0.

    Its own derivative 1/(pi sqrt(1 - z^2)) is infinite at z = 1 and -1 and is replaced there by 0, the value
    that the chain rule needs along the diagonal, where z = 1 for every input.
    """
    return arccos(-z) / jnp.pi


@relu_dual_derivative.defjvp
def _relu_dual_derivative_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    inside = jnp.abs(z) < 1
    root = jnp.sqrt(jnp.where(inside, (1 - z) * (1 + z), 1.0))
    return relu_dual_derivative(z), jnp.where(inside, dz / (jnp.pi * root), 0.0)


@jax.custom_jvp
def relu_dual(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """h(z) = (sqrt(1 - z^2) + z (pi - arccos z))/pi, the arc-cosine kernel of order 1; h(1) = 1, h(-1) = 0."""
    return (jnp.sqrt((1 - z) * (1 + z)) + z * arccos(-z)) / jnp.pi


@relu_dual.defjvp
def _relu_dual_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    return relu_dual(z), relu_dual_derivative(z) * dz


def bracket(theta: Float[Array, "..."]) -> Float[Array, "..."]:
    """(sin theta - theta cos theta)/theta^3 on [0, pi], 1/3 at 0; all derivatives are finite."""
    small = theta < _SMALL
    safe = jnp.where(small, 1.0, theta)
    square = jnp.where(small, theta, 0.0) ** 2
    series = jnp.zeros_like(square)
    for coefficient in reversed(_BRACKET):
        series = series * square + coefficient
    return jnp.where(small, series, (jnp.sin(safe) - safe * jnp.cos(safe)) / safe**3)


def relu_angle_map(theta: Float[Array, "..."]) -> Float[Array, "..."]:
    """f(theta) = arccos h(cos theta), one ReLU layer on the angle, [0, pi] -> [0, pi/2].

    From 1 - cos f = 2 sin^2(theta/2) - (sin theta - theta cos theta)/pi =: (theta^2/2) G(theta), with G
    analytic and positive, f = 2 arcsin((theta/2) sqrt G). Written so, automatic derivatives of every order are
    finite at both ends: f'(0) = 1, f'(pi) = 0.
    """
    ratio = jnp.sinc(theta / (2 * jnp.pi))  # sin(theta/2) / (theta/2)
    growth = ratio * ratio - (2 / jnp.pi) * theta * bracket(theta)
    return 2 * jnp.arcsin(theta / 2 * jnp.sqrt(growth))


def sigmoid_composition_dual(eta: Float[Array, "..."]) -> Float[Array, "..."]:
    """eta -> (1 + e^{-eta})^{-2}, the paper's second family (Section 6)."""
    return jax.nn.sigmoid(eta) ** 2
