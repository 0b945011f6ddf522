"""Duals of any activation by Gauss-Hermite quadrature: coefficients, sums that do not cancel, criticality.

With the orthonormal Hermite polynomials he_k and a_k = E[phi(sqrt(q) z) he_k(z)], z standard normal,

    E[phi(u) phi(u')] = sum_k a_k^2 c^k,      E[phi'(u) phi'(u')] = sum_k k a_k^2 c^{k-1}/q

for u, u' of variance q and correlation c (``references.bib``: Daniely2016).
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jax import Array, lax

from roughntk._checks import InputError
from roughntk._checks.precision import EPS

LEAST_VARIANCE = 1e-200
"""Below it the activation is taken at this variance and scaled: without biases it is linear there."""

_LAYERS = 3000  # that the variance is followed for before anything else
_HELD = 4 * EPS  # a relative change of the variance that does not count
_BLOCK = 16  # terms of a power series that are added at once
_AT_ONCE = 4096  # pairs up to which all blocks are


@functools.lru_cache(maxsize=16)
def hermite(count: int) -> tuple[np.ndarray, np.ndarray]:
    """(nodes, transform) of the rule with `count` nodes: coefficients are transform @ phi(nodes)."""
    nodes, _ = scipy.special.roots_hermitenorm(count)
    values = np.empty((count, count))
    values[0] = 1.0
    values[1] = nodes
    for k in range(1, count - 1):
        values[k + 1] = (nodes * values[k] - math.sqrt(k) * values[k - 1]) / math.sqrt(k + 1)
    largest = np.max(np.abs(values), axis=0)  # its square could overflow
    scaled = values / largest
    return nodes, scaled / (largest * np.sum(scaled**2, axis=0))  # w_i = 1/sum_k he_k(z_i)^2


class Ends(NamedTuple):
    """What a layer leaves of a pair, each from the end of [-1, 1] that it is near.

    Attributes:
        position: 1 - sum_k p_k c^k for j = 0, or 1 + that sum where `opposite`.
        opposite: 0 or 1.
        lost: the same for j = 1, the dual of phi', and `lost_opposite`.
        lost_opposite: 0 or 1.
    """

    position: Array
    opposite: Array
    lost: Array
    lost_opposite: Array


def from_ends(tails: Array, parity: Array, gap: Array, opposite: Array) -> Ends:
    """What a layer leaves of the gap g = 1 - |c| of a pair; nothing cancels.

    With p = |c|, 1 - p^k = g (1 + p + ... + p^{k-1}). At c = -p odd powers change their sign: where odd ones weigh
    more, the sum is near -1 and counted from there, so that even ones give 1 + p^k = 2 - (1 - p^k) and odd ones
    1 - p^k; and where even ones weigh more, the other way round.

    Args:
        tails: of shape (k - 1, 2, 2), and `parity` of shape (2, 2), as in `Duals`.
        gap: 1 - c, or 1 + c where `opposite` is 1, in [0, 1].
        opposite: 0 or 1.
    """
    even, odd = gap * power_series(tails, 1 - gap)
    turns = parity[1] > parity[0]  # the dual takes c = -1 to near -1
    far = jnp.where(
        turns.reshape((2,) + (1,) * gap.ndim),
        2 * parity[0].reshape((2,) + (1,) * gap.ndim) - even + odd,
        2 * parity[1].reshape((2,) + (1,) * gap.ndim) - odd + even,
    )
    there = opposite > 0
    position, lost = jnp.where(there, far, even + odd)
    ends = [jnp.where(there & turn, 1.0, 0.0) for turn in turns]
    return Ends(position, ends[0], lost, ends[1])


def power_series(terms: Array, p: Array) -> Array:
    """sum_k terms[k] p^k for terms of shape (k, i, j): shape (i, j) + p.shape; in blocks of 16 powers."""
    count, rows = terms.shape[0], terms.shape[1] * terms.shape[2]
    blocks = -(-count // _BLOCK)
    padded = jnp.concatenate([terms.reshape(count, rows), jnp.zeros((blocks * _BLOCK - count, rows), terms.dtype)])
    padded = jnp.moveaxis(padded.reshape(blocks, _BLOCK, rows), 1, 2)
    low, high = p ** np.arange(float(_BLOCK)).reshape((-1,) + (1,) * p.ndim), p**_BLOCK
    at_once = p.size <= _AT_ONCE

    def add(total, block):
        return total * high + (block if at_once else jnp.tensordot(block, low, axes=1)), None

    start = jnp.zeros((rows, *p.shape), p.dtype)
    total, _ = lax.scan(add, start, (jnp.tensordot(padded, low, axes=1) if at_once else padded)[::-1])
    return total.reshape(*terms.shape[1:], *p.shape)


class Duals(NamedTuple):
    """What one layer needs of the activation, at one variance.

    With p_k the normalised coefficients, of sum 1, of E[phi phi] (j = 0) and of E[phi' phi'] (j = 1):

    Attributes:
        variance: Sigma(x, x) of the arguments.
        tails: sum of the p_i with i > k, over even i and over odd i, shape (nodes - 1, 2, j).
        parity: sums of the p_i over even i and over odd i, shape (2, j); for odd activations 0 and 1 at j = 0.
        share, rest: of the weights and of the biases in the next variance.
        omega: sigma_w^2 E[phi'^2] Sigma(x, x)/Sigma'(x, x), Sigma' being that of the next layer.
        growth: Sigma'/Sigma.
    """

    variance: Array
    tails: Array
    parity: Array
    share: Array
    rest: Array
    omega: Array
    growth: Array


def tails_of(squares: Array) -> tuple[Array, Array]:
    """(tails, parity) of `Duals` from a_k^2."""
    count = len(squares)
    k = np.arange(count)
    slopes = jnp.concatenate([(k.astype(squares.dtype) * squares)[1:], jnp.zeros(1, squares.dtype)])
    both = jnp.stack([squares, slopes], axis=1)
    parts = jnp.stack([jnp.where((k % 2 == rest)[:, None], both, 0.0) for rest in (0, 1)], axis=1)
    (even, odd), sums = lax.scan(
        lambda total, part: (total + part, total), jnp.zeros_like(parts[0]), parts, reverse=True
    )
    return sums[:-1] / (even + odd)[None, None], jnp.stack([even, odd]) / (even + odd)


class HermiteLayer(eqx.Module):
    """What a layer does to the variance, and its duals: Sigma' = sigma_w^2 E[phi^2] + sigma_b^2."""

    activation: Callable[[Array], Array] = eqx.field(static=True)
    weight_variance: Array
    bias_variance: Array
    nodes: int = eqx.field(static=True)
    symmetry: int = eqx.field(static=True, default=0)
    """1 for an even activation, -1 for an odd one, which then have no odd, or no even, coefficients."""

    def duals(self, variance: Array) -> Duals:
        """The duals at a variance."""
        nodes, transform = hermite(self.nodes)
        tangible = jnp.maximum(variance, LEAST_VARIANCE)
        squares = (jnp.asarray(transform) @ self.activation(jnp.sqrt(tangible) * jnp.asarray(nodes))) ** 2
        if self.symmetry:
            squares = jnp.where(np.arange(self.nodes) % 2 == (0 if self.symmetry > 0 else 1), squares, 0.0)
        signal = self.weight_variance * jnp.sum(squares) / tangible
        noise = jnp.where(self.bias_variance > 0, self.bias_variance / tangible, 0.0)
        growth = signal + noise
        slopes = jnp.sum(np.arange(self.nodes, dtype=squares.dtype) * squares)
        omega = self.weight_variance * slopes / tangible / growth
        return Duals(variance, *tails_of(squares), signal / growth, noise / growth, omega, growth)

    def duals_from(self, known: Duals, variance: Array) -> Duals:
        """The duals at a variance; those at hand, where they are known at the same one to rounding."""
        held = jnp.abs(variance - known.variance) <= _HELD * variance
        return lax.cond(held, lambda: known, lambda: self.duals(variance))


@eqx.filter_jit
def variances(layer: HermiteLayer, first: Array) -> Array:
    """The variances of the first 3000 layers; the last is where the variance tends to, if it settles."""

    def step(carry, _):
        q, settled = carry
        following = lax.cond(settled, lambda: q, lambda: q * layer.duals(q).growth)
        return (following, settled | (jnp.abs(following - q) <= _HELD / 2 * q)), following

    return lax.scan(step, (first, jnp.asarray(False)), length=_LAYERS)[1]


@eqx.filter_jit
def settled_duals(layer: HermiteLayer, first: Array) -> Duals:
    """The duals at the variance of a deep layer, where it tends to if it settles."""
    return layer.duals(variances(layer, first)[-1])


def duals_by_coefficients(phi: Callable, variance: Array, count: int, c: Array) -> Array:
    """(E[phi phi], q E[phi' phi']) at the correlations from the coefficients, shape (2, correlations)."""
    nodes, transform = hermite(count)
    squares = (jnp.asarray(transform) @ phi(jnp.sqrt(variance) * jnp.asarray(nodes))) ** 2
    k = np.arange(count)
    slopes = (k.astype(squares.dtype) * squares)[1:]
    powers = c[:, None] ** k.astype(c.dtype)[None]
    return jnp.stack([powers @ squares, powers[:, :-1] @ slopes])


def duals_over_the_plane(phi: Callable, variance: Array, count: int, c: Array) -> Array:
    """The same by a quadrature over the plane: u = sqrt(q) x, u' = sqrt(q) (c x + sqrt(1 - c^2) y)."""
    nodes, transform = hermite(count)
    x, w = jnp.asarray(nodes), jnp.asarray(transform[0])
    root = jnp.sqrt(variance)

    def both(z):
        return jax.jvp(phi, (root * z,), (jnp.broadcast_to(root, z.shape),))

    def at(c):
        there = both(c * x[:, None] + jnp.sqrt((1 - c) * (1 + c)) * x[None, :])
        return jnp.stack([jnp.einsum("i,ij,i,j->", here, far, w, w) for here, far in zip(both(x), there, strict=True)])

    return lax.map(at, c).T


def critical_weight_variance(phi: Callable, noise: float, count: int, name: str) -> float:
    """sigma_w^2 at which chi = sigma_w^2 E[phi'^2] = 1 at a variance q that attracts: q = E[phi^2]/E[phi'^2] + noise.

    Raises:
        InputError: there is no such q between 1e-3 and 100.
    """
    import scipy.optimize  # heavy, and needed here only

    nodes, transform = hermite(count)
    value = jax.jit(phi)

    def means(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        squares = (np.asarray(value(jnp.asarray(np.sqrt(q)[:, None] * nodes))) @ transform.T) ** 2
        return squares.sum(axis=1), squares @ np.arange(count) / q

    def noise_at(q: np.ndarray) -> np.ndarray:
        size, slope = means(q)
        return q - size / slope

    grid = np.geomspace(1e-3, 100.0, 601)
    size, slope = means(grid)
    gap, pull = grid - size / slope - noise, np.gradient(size, grid) / slope
    stable = [i for i in np.flatnonzero(gap[:-1] * gap[1:] <= 0) if min(pull[i], pull[i + 1]) < 1]
    if not stable:
        attracting = (grid - size / slope)[pull < 1]
        where = f"the least that has one is about {attracting.min():.3g}" if attracting.size else "none has one"
        raise InputError(
            f"expected a bias_variance at which {name} has an attracting critical variance, got {noise:g}; {where}"
        )
    first = stable[0]
    q = scipy.optimize.brentq(
        lambda q: float(noise_at(np.array([q]))[0]) - noise, grid[first], grid[first + 1], xtol=1e-15, rtol=1e-15
    )
    return float(1 / means(np.array([q]))[1][0])
