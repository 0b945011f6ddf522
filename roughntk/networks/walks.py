"""The walks that networks make: dX_l = chol(Z_l^T Z_l / n) - I, and the factors M_l of their covariances.

Of given weights Z_l = W_l Q_{l-1}, where Q_{l-1} M_{l-1}^T are the hidden states: nothing is inverted. In law Z_l has
entries that are iid N(0, 1), whatever the layers before, so that they can be drawn instead.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

BLOCK = 256
"""Layers that are simulated by one compiled call, between two reports of progress."""


def of_weights(
    weights: list[np.ndarray], X: np.ndarray, slopes: tuple[float, float], progress: Any
) -> tuple[np.ndarray, np.ndarray]:
    """dX_l and M_l of given weights, a layer at a time."""
    states = X.T
    inputs, width = len(X), len(weights[0])
    increments, factors = np.zeros((2, len(weights), inputs, inputs))
    factor, basis = lower_factor(np.linalg.qr(states))
    for i, W in enumerate(weights):
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            white = W @ basis
            before = white @ factor.T
            states = normalisation(width, slopes) * np.where(before > 0, slopes[0] * before, slopes[1] * before)
        if not np.isfinite(states).all():
            factors[i:] = np.nan
            break
        increments[i] = lower_factor(np.linalg.qr(white / math.sqrt(width)))[0] - np.eye(inputs)
        factor, basis = lower_factor(np.linalg.qr(states))
        factors[i] = factor
        if progress is not None:
            progress(i + 1, len(weights))
    return increments, factors


def lower_factor(parts: Any) -> tuple[np.ndarray, np.ndarray]:
    """M and Q of A = Q M^T, M lower triangular with a diagonal that is not negative."""
    basis, upper = parts
    signs = np.where(np.diagonal(upper) < 0, -1.0, 1.0)
    return (upper * signs[:, None]).T, basis * signs


def normalisation(width: int, slopes: tuple[float, float]) -> float:
    """(2/(n (s_+^2 + s_-^2)))^{1/2}."""
    return math.sqrt(2 / (width * (slopes[0] ** 2 + slopes[1] ** 2)))


def drawn(
    key: jax.Array, start: np.ndarray, layers: int, width: int, slopes: tuple[float, float], progress: Any
) -> tuple[np.ndarray, np.ndarray]:
    """The same of a network in law, in blocks of layers; those beyond the last are dropped."""
    block = min(layers, BLOCK)
    parts = []
    factor: Any = jnp.asarray(start)
    for first in range(0, layers, block):
        part = draw(key, factor, jnp.asarray(slopes), first, block, width)
        factor = part[1][-1]
        parts.append(tuple(np.asarray(each) for each in part))
        if progress is not None:
            progress(min(first + block, layers), layers)
    increments, factors = (np.concatenate(each)[:layers] for each in zip(*parts, strict=True))
    return increments, factors


@functools.partial(jax.jit, static_argnums=(4, 5))
def draw(
    key: jax.Array, factor: jax.Array, slopes: jax.Array, first: Any, layers: int, width: int
) -> tuple[jax.Array, jax.Array]:
    """dX_l and M_l, shapes (layers, N, N), of `layers` layers after the first `first`, from M = `factor` on: the
    whitened preactivations of layer l are drawn from the l-th key. Works under vmap."""
    inputs = factor.shape[0]
    scale = jnp.sqrt(2 / (width * jnp.sum(slopes**2)))

    def layer(factor: jax.Array, number: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        white = jax.random.normal(jax.random.fold_in(key, number), (width, inputs))
        before = white @ factor.T
        states = scale * jnp.where(before > 0, slopes[0] * before, slopes[1] * before)
        upper = jnp.linalg.qr(states, mode="r")
        signs = jnp.where(jnp.diagonal(upper) < 0, -1.0, 1.0)
        after = (upper * signs[:, None]).T
        return after, (jnp.linalg.cholesky(white.T @ white / width) - jnp.eye(inputs), after)

    return jax.lax.scan(layer, factor, first + jnp.arange(layers))[1]
