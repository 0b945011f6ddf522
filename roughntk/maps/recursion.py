"""Kernels at integer depth, layer by layer: the reference that everything else is checked against.

One pair of inputs is carried as (theta_L, S_L): its angle after L - 1 layers, and the normalised sum
S_L = L K_L of the neural tangent kernel, with

    theta_{L+1} = f(theta_L),      S_{L+1} = S_L (1 - theta_L/pi) + cos theta_{L+1},      S_1 = cos theta_1

(``references.bib``: StArnaud2025, Theorem 1 and Proposition 4; Jacot2018). All functions are elementwise, the
depth may be traced, and the loop over layers is a `lax` loop.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float, Int

from roughntk.maps.duals import arccos, relu_angle_map


def _relu_layer(theta: Array, total: Array) -> tuple[Array, Array]:
    """One layer of (theta, S)."""
    following = relu_angle_map(theta)
    return following, total * (1 - theta / jnp.pi) + jnp.cos(following)


@jax.custom_jvp
def relu_layers(theta: Float[Array, "..."], depth: Int[Array, ""]) -> tuple[Array, Array]:
    """(theta_L, S_L) at depth L from the input angle theta_1; elementwise, L a (traced) scalar integer.

    The derivative in theta is carried through the same loop, so forward and reverse mode both work.
    """
    start = (theta, jnp.cos(theta))
    return lax.fori_loop(1, depth, lambda _, state: _relu_layer(*state), start)


@relu_layers.defjvp
def _relu_layers_jvp(primals, tangents):
    theta, depth = primals
    dtheta = tangents[0]
    unit = jnp.ones_like(theta)

    def layer(_, carry):
        return jax.jvp(_relu_layer, *carry)

    start = ((theta, jnp.cos(theta)), (unit, -jnp.sin(theta)))
    value, slope = lax.fori_loop(1, depth, layer, start)
    return value, tuple(dtheta * part for part in slope)


def relu_trajectory(theta: Float[Array, "..."], layers: int) -> tuple[Array, Array]:
    """(theta_L, S_L) for L = 1 .. layers, stacked along a new first axis; `layers` is static."""

    def step(state, _):
        return _relu_layer(*state), state

    _, trajectory = lax.scan(step, (theta, jnp.cos(theta)), length=layers)
    return trajectory


def ntk_at_correlation(rho: Float[Array, "..."], depth: Int[Array, ""]) -> Float[Array, "..."]:
    """Normalised ReLU NTK K_L as a function of the correlation rho_1, with finite derivatives on [-1, 1].

    K_L is not differentiable at rho = 1 and -1 from depth 2 on (K = 1 - (L - 1) theta/(2 pi) + ..., theta =
    sqrt(2 (1 - rho))): its one-sided derivative is infinite. As for h' in :mod:`duals`, the singular part is
    dropped there: the derivative returned is 1 at rho = 1, and at rho = -1 it is 0 (1 at depth 1).
    """
    return _ntk_at_correlation(rho, depth)


@jax.custom_jvp
def _ntk_at_correlation(rho, depth):
    theta, total = relu_layers(arccos(rho), depth)
    return jnp.where(depth == 1, rho, total / depth)


@_ntk_at_correlation.defjvp
def _ntk_at_correlation_jvp(primals, tangents):
    rho, depth = primals
    theta = arccos(rho)
    _, slope = jax.jvp(lambda t: relu_layers(t, depth)[1] / depth, (theta,), (jnp.ones_like(theta),))
    return _ntk_at_correlation(rho, depth), _by_correlation(slope, rho, depth) * tangents[0]


@jax.custom_jvp
def nngp_at_correlation(rho: Float[Array, "..."], depth: Int[Array, ""]) -> Float[Array, "..."]:
    """rho_L as a function of rho_1 (normalised NNGP kernel); derivative prod h'(rho_k), 1 at rho = 1."""
    return jnp.where(depth == 1, rho, jnp.cos(relu_layers(arccos(rho), depth)[0]))


@nngp_at_correlation.defjvp
def _nngp_at_correlation_jvp(primals, tangents):
    rho, depth = primals
    theta = arccos(rho)
    _, slope = jax.jvp(lambda t: jnp.cos(relu_layers(t, depth)[0]), (theta,), (jnp.ones_like(theta),))
    return nngp_at_correlation(rho, depth), _by_correlation(slope, rho, depth) * tangents[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def by_correlation(rule: Callable[[Any, Array, Array], Array], family: Any, rho: Array, depth: Array) -> Array:
    """A kernel given by its angle, `rule(family, theta, depth)`, as a function of the correlation, at real depth.

    Derivatives in rho are finite on [-1, 1] in the sense of `ntk_at_correlation`.
    """
    return jnp.where(depth == 1, rho, rule(family, arccos(rho), depth))


def _by_correlation_jvp(rule, primals, tangents):
    family, rho, depth = primals
    theta = arccos(rho)
    one, zero = jnp.ones_like(theta), jnp.zeros_like(theta)
    tangent = zero
    if not _is_zero(tangents[0]):
        moves = jax.tree.map(_instantiated, family, tangents[0])
        tangent = jax.jvp(lambda at: rule(at, theta, depth), (family,), (moves,))[1]
    if not _is_zero(tangents[1]):
        slope = jax.jvp(lambda at: rule(family, at, depth), (theta,), (one,))[1]
        tangent = tangent + _by_correlation(slope, rho, depth) * tangents[1]
    if not _is_zero(tangents[2]):
        tangent = tangent + jax.jvp(lambda at: rule(family, theta, at), (depth,), (one,))[1] * tangents[2]
    return by_correlation(rule, family, rho, depth), tangent


by_correlation.defjvp(_by_correlation_jvp, symbolic_zeros=True)


def _is_zero(tangent: Any) -> bool:
    """Whether no leaf of a tangent is perturbed."""
    return all(isinstance(leaf, SymbolicZero) for leaf in jax.tree.leaves(tangent))


def _instantiated(leaf: Array, tangent: Any) -> Any:
    if not isinstance(tangent, SymbolicZero):
        return tangent
    return jnp.zeros_like(leaf) if jnp.issubdtype(leaf.dtype, jnp.inexact) else np.zeros(leaf.shape, jax.dtypes.float0)


def _by_correlation(slope: Array, rho: Array, depth: Array) -> Array:
    """d/d rho from d/d theta; at the ends of the domain the finite part (see `ntk_at_correlation`)."""
    inside = jnp.abs(rho) < 1
    sine = jnp.sqrt(jnp.where(inside, (1 - rho) * (1 + rho), 1.0))
    ends = jnp.where((rho > 0) | (depth == 1), 1.0, 0.0)
    return jnp.where(inside, -slope / sine, ends)


def sigmoid_fixed_point() -> tuple[float, float]:
    """Fixed point c = F(c) of F(eta) = (1 + e^{-eta})^{-2} and the multiplier lambda = F'(c) there."""
    c = 0.5
    for _ in range(60):  # a contraction of factor 0.284: converged to rounding after 30
        c = 1 / (1 + math.exp(-c)) ** 2
    return c, 2 * c * (1 - math.sqrt(c))


def sigmoid_step(d: Float[Array, "..."]) -> Float[Array, "..."]:
    """F(c + d) - F(c) around the fixed point, free of cancellation.

    With s = logistic, F(c + d) - F(c) = (s(c+d) - s(c)) (s(c+d) + s(c)) and
    s(c+d) - s(c) = -s(c+d) s(c) e^{-c} expm1(-d), so no two nearly equal numbers are ever subtracted.
    """
    c, _ = sigmoid_fixed_point()
    base, moved = jax.nn.sigmoid(jnp.asarray(c)), jax.nn.sigmoid(c + d)
    return -moved * base * math.exp(-c) * jnp.expm1(-d) * (moved + base)
