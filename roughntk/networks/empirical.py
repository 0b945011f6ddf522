"""The tangent kernel of a network of finite width, without its Jacobian.

With delta_l = df/dz_l the gradient in W_l is delta_l h_{l-1}^T, so that layer by layer

    Theta(x, x') = (delta_1.delta_1')(x.x') + sum_{l=2}^L (delta_l.delta_l')(h_{l-1}.h_{l-1}') + h_L.h_L'
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.networks.finite import FiniteNetwork, Parameters, check_inputs, known_inputs
from roughntk.networks.sampling import WEIGHTS, KernelSamples, Progress, chosen, in_chunks, known_key


def empirical_ntk(
    network: FiniteNetwork | Callable, parameters: Any, X: Any, Z: Any = None, *, weights: str = "all"
) -> Float[Array, "N M"]:
    """The tangent kernel Theta_ij = sum_w df(x_i)/dw df(z_j)/dw of one network, without its Jacobian.

        Theta = sum_l (delta_l.delta_l')(h_{l-1}.h_{l-1}'),    delta_l = df/dz_l,    h_0 = x,    delta_{L+1} = 1

    O(L n^2) operations an input and O(L n N) numbers. As n -> infinity it tends to `network.tangent_scale` times
    `network.family` at depth L + 1 (weights="all", unit rows).

    Args:
        network: a `FiniteNetwork` (of several outputs the first counts), or any function of (parameters, X) with values
            of shape (N,), whose kernel is taken column by column by a vector-Jacobian and a Jacobian-vector product.
        parameters: its weights.
        X: inputs, shape (N, n0).
        Z: others, shape (M, n0); None for X.
        weights: "all"; "hidden", W_1 to W_L, whose kernel at |x| = 1 has the mean L; "readout", a; or "each" of
            W_1, ..., W_L, a, with the shape (L + 1, N, M). A function has "all" only.

    Returns:
        Theta, shape (N, M), a JAX array; works under jit, vmap and grad.

    Raises:
        InputError: inputs of another dimension than the weights, NaN, an unknown choice of weights.

    Source: Jacot2018.

    >>> import jax, roughntk as rn
    >>> network = rn.networks.FiniteNetwork(layers=2, width=256)
    >>> X = rn.sphere.uniform(3, 4, 0)
    >>> empirical = rn.networks.empirical_ntk(network, network.sample(jax.random.key(0), 4), X)
    >>> limit = network.tangent_scale * network.family(X, depth=network.depth)
    >>> empirical.shape, bool(abs(empirical - limit).max() < 1.5)  # 3 on the diagonal, give or take 3/16
    ((3, 3), True)
    """
    weights = _checks.choice(weights, WEIGHTS, "weights")
    if isinstance(network, FiniteNetwork):
        rows, others = (each if each is None else check_inputs(each, parameters.first.shape[-1]) for each in (X, Z))
        return _by_layers(network, weights, parameters, rows, others)
    rows = check_inputs(X)
    others = rows if Z is None else check_inputs(Z)
    if not callable(network):
        raise InputError(
            f"expected a FiniteNetwork or a function of (parameters, X), got {_checks.shown(network)}; pass one"
        )
    if weights != "all":
        raise InputError(
            f'expected weights="all" for a function, whose layers are not known, got {weights!r}; leave out of its '
            f"parameters what is not to count"
        )
    return _by_columns(network, parameters, rows, others)


class Passes(NamedTuple):
    """What one network does with some inputs: the rows x, z_1, ..., z_L, and delta_1, ..., delta_L."""

    rows: Float[Array, "N n0"]
    preactivations: Float[Array, "L N n"]
    gradients: Float[Array, "L N n"]


def passes(network: FiniteNetwork, parameters: Parameters, rows: Array) -> Passes:
    """One pass forward and one backward."""
    z = network.preactivations(parameters, rows)
    return Passes(rows, z, gradients(network, parameters, z))


def kernel(network: FiniteNetwork, weights: str, one: Passes, other: Passes) -> Float[Array, "N M"]:
    """Theta of those weights, from the passes of the two sets of inputs."""
    hidden = network.hidden(one.preactivations) @ jnp.swapaxes(network.hidden(other.preactivations), -1, -2)
    by_inputs = jnp.concatenate([(one.rows @ other.rows.T)[None], hidden])
    by_gradients = one.gradients @ jnp.swapaxes(other.gradients, -1, -2)
    return chosen(weights, jnp.concatenate([by_gradients * by_inputs[:-1], by_inputs[-1:]]))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _by_layers(network: FiniteNetwork, weights: str, parameters: Parameters, X: Array, Z: Array | None) -> Array:
    one = passes(network, parameters, X)
    return kernel(network, weights, one, one if Z is None else passes(network, parameters, Z))


@functools.partial(jax.jit, static_argnums=0)
def gradients(network: FiniteNetwork, parameters: Parameters, preactivations: Array) -> Float[Array, "L N n"]:
    """delta_l = df/dz_l of the first output, l = 1, ..., L, from the preactivations, shape (L, N, n)."""
    chain = jnp.sqrt(network.gain / network.width) * network.slope_at(preactivations)  # dh_l/dz_l
    last = chain[-1] * parameters.readout[0] + network.skip * jax.nn.one_hot(0, network.width, dtype=chain.dtype)

    def layer(after: Array, at: tuple[Array, Array]) -> tuple[Array, Array]:
        weights, slopes = at
        before = network.skip * after + slopes * (after @ weights)
        return before, before

    rest = lax.scan(layer, last, (parameters.hidden, chain[:-1]), reverse=True)[1]
    return jnp.concatenate([rest, last[None]])


def _by_columns(function: Callable, parameters: Any, X: Array, Z: Array) -> Array:
    values, pull = jax.vjp(lambda each: function(each, Z), parameters)
    if getattr(values, "shape", None) != (len(Z),):
        raise InputError(
            f"expected a function of (parameters, X) with one value for each of the {len(Z)} rows, got shape "
            f"{getattr(values, 'shape', None)}; return shape ({len(Z)},)"
        )

    def column(seed: Array) -> Array:
        return jax.jvp(lambda each: function(each, X), (parameters,), pull(seed))[1]

    return lax.map(column, jnp.eye(len(Z), dtype=values.dtype)).T


def simulate_kernels(
    network: FiniteNetwork,
    X: Any,
    key: Array,
    samples: int = 1,
    *,
    weights: str = "hidden",
    progress: Progress | None = None,
) -> KernelSamples:
    """Covariance and tangent kernel of many random networks, each with all its weights.

    O(L n^2 N) operations and L n^2 random numbers a sample; `sample_tangent_kernel` has the same law at O(L n N^2).

    Args:
        network: the networks.
        X: inputs, shape (N, n0).
        key: a JAX random key; sample i depends on it and on i only.
        samples: how many.
        weights: as for `empirical_ntk`.
        progress: called with the number of samples done, and of all.

    Returns:
        `KernelSamples`: `covariance` and `tangent_kernel`, shapes (samples, N, N).

    Raises:
        InputError: bad inputs, no samples, a seed in place of a key; weights that do not fit in memory.

    >>> import jax, roughntk as rn
    >>> network = rn.networks.FiniteNetwork(layers=2, width=16)
    >>> rn.networks.simulate_kernels(network, [[1.0, 0.0]], jax.random.key(0), 5).tangent_kernel.shape
    (5, 1, 1)
    """
    weights, key = _checks.choice(weights, WEIGHTS, "weights"), known_key(key)
    check_network(network)
    rows, samples = known_inputs(X), _checks.integer(samples, "samples", least=1)
    points, dimension = rows.shape
    need = 8.0 * (network.weights(dimension) + 6 * network.layers * points * network.width)
    _checks.memory(2 * need, f"one sample of {network}", "lower width or layers")
    covariance, tangent = in_chunks(lambda keys: _simulated(network, weights, rows, keys), key, samples, need, progress)
    return KernelSamples(covariance, tangent, weights, network.layers, network.width, "full networks")


@functools.partial(jax.jit, static_argnums=(0, 1))
def _simulated(network: FiniteNetwork, weights: str, X: Array, keys: Array) -> tuple[Array, Array]:
    def one(key: Array) -> tuple[Array, Array]:
        parameters = network.sample(key, X.shape[1])
        forward = passes(network, parameters, X)
        return network.grams(forward.preactivations[-1]), kernel(network, weights, forward, forward)

    return jax.vmap(one)(keys)


def check_network(network: Any) -> FiniteNetwork:
    """Refuse what is no `FiniteNetwork`, the class included."""
    if not isinstance(network, FiniteNetwork):
        raise InputError(
            f"expected a FiniteNetwork, got {_checks.shown(network)}; write FiniteNetwork(layers=..., width=...)"
        )
    return network


__all__ = ["Passes", "check_network", "empirical_ntk", "gradients", "kernel", "passes", "simulate_kernels"]
