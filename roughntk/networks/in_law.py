"""Covariance and tangent kernel of a random network exactly in law, without a weight matrix: O(n N^2) a layer.

Given what layer l takes in, the N vectors h_{l-1} in R^n, W_l is seen in two places only. Forward it acts on their
span: with an orthonormal basis e_k of it, the W_l e_k are independent N(0, I_n). Backward it acts, transposed, on the
gradients delta_l, which depend on W_l through the W_l e_k alone: the rest of W_l is still N(0, 1), and independent of
them. So

    W_l^T delta_i = sum_k (W_l e_k . delta_i) e_k  +  sum_k R_ik (I - P) g_k,        delta = R (orthonormal rows),

g_k fresh N(0, I_n), P the projection onto the span. Nothing else of W_l enters. It holds for every activation, and with
skips. Derived here, and checked against networks with all their weights; nothing is approximated.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.networks.finite import FiniteNetwork, gram, known_inputs
from roughntk.networks.sampling import WEIGHTS, KernelSamples, Progress, chosen, in_chunks, known_key

_DEPENDENT = 8 * EPS
"""A row whose part off the rows before it is smaller than this, relative to its length, depends on them."""

_FEW, _LANES = 4, 8
"""Up to so many inputs loops over them are written out, and sums over neurons taken in so many parts."""

_LARGE = 2**11
"""From so many neurons and inputs on, samples go one after the other: their arrays keep a processor busy."""


def sample_tangent_kernel(
    X: Any,
    layers: int,
    width: int,
    key: Array,
    samples: int = 1,
    *,
    weights: str = "hidden",
    progress: Progress | None = None,
    **settings: Any,
) -> KernelSamples:
    """Covariance and tangent kernel of random networks, exactly in law, without their weights: O(L n N^2) a sample.

    The preactivations of a layer are rows N(0, V); backward, with delta_l = df/dz_l and an orthonormal basis e_k of the
    inputs of the layer,

        W^T delta_i = sum_k (W e_k . delta_i) e_k + sum_k R_ik (I - P) g_k,        delta = R U, U U^T = I, g_k ~ N(0, I)

        Theta = sum_l (delta_l.delta_l')(h_{l-1}.h_{l-1}')

    Args:
        X: inputs of any length, shape (N, n0); their Gram matrix may be singular.
        layers: L >= 1 hidden layers.
        width: n >= N + 2.
        key: a JAX random key; sample i depends on it and on i only.
        samples: how many.
        weights: "hidden", W_1 to W_L, whose kernel at |x| = 1 has the mean L (`tangent_moments`); or "all", "readout",
            "each", as for `empirical_ntk`.
        progress: called with the number of samples done, and of all.
        settings: of `FiniteNetwork`: activation, shape, slope, weight_variance, residual.

    Returns:
        `KernelSamples`: `covariance`, V_L, and `tangent_kernel`, both of shape (samples, N, N).

    Raises:
        InputError: width < N + 2, no layers, no samples, a zero row, NaN, a seed in place of a key, bad settings; more
            than fits in memory.

    Source: HaninNica2020 (the moments); the algorithm is derived and measured here.

    >>> import jax, roughntk as rn
    >>> pair = [[1.0, 0.0], [0.5, 0.75**0.5]]
    >>> one = rn.networks.sample_tangent_kernel(pair, layers=32, width=64, key=jax.random.key(0), samples=3)
    >>> one.covariance.shape, one.tangent_kernel.shape, bool((abs(one.ratio) <= 1 + 1e-12).all())
    ((3, 2, 2), (3, 2, 2), True)
    """
    weights, key = _checks.choice(weights, WEIGHTS, "weights"), known_key(key)
    if settings.get("outputs", 1) != 1:
        raise InputError("expected one output, whose tangent kernel is sampled, got several; leave outputs out")
    network = FiniteNetwork(layers, width, **settings)
    rows, samples = known_inputs(X), _checks.integer(samples, "samples", least=1)
    check_width(width, len(rows))
    if len(zero := np.flatnonzero(~np.asarray(rows).any(axis=1))):
        raise InputError(f"expected inputs that are not 0, got {_checks.name_rows(zero)}; drop them")
    need = 8.0 * 5 * network.layers * len(rows) * network.width
    _checks.memory(2 * need, f"one sample of {network} at {len(rows)} inputs", "lower layers, width or inputs")
    root = jnp.asarray(np.linalg.qr(np.asarray(rows).T, mode="r"))
    covariance, tangent = in_chunks(lambda keys: _sampled(network, weights, root, keys), key, samples, need, progress)
    return KernelSamples(covariance, tangent, weights, network.layers, network.width, "in law")


def check_width(width: int, points: int) -> None:
    """Refuse networks that are too narrow for so many inputs."""
    if width < points + 2:
        raise InputError(
            f"expected a width of at least N + 2 = {points + 2} for {points} inputs, got {width}; widen the network, "
            f"or take fewer inputs"
        )


class Noise(NamedTuple):
    """All random numbers of one network, standard normal.

    Attributes:
        first: W_1 on an orthonormal basis of the inputs, shape (k, n).
        forward: W_2, ..., W_L on orthonormal bases of what they take in, shape (L - 1, N, n).
        backward: the g_k of each of them, shape (L - 1, N, n).
        readout: a, shape (n,).
    """

    first: Array
    forward: Array
    backward: Array
    readout: Array


def draw(network: FiniteNetwork, root: Float[Array, "k N"], key: Array) -> Noise:
    """The random numbers of one network."""
    rank, points = root.shape
    n, deep = network.width, (network.layers - 1, points, network.width)
    shapes = ((rank, n), deep, deep, (n,))
    keys = jax.random.split(key, 4)
    return Noise(*(jax.random.normal(each, shape) for each, shape in zip(keys, shapes, strict=True)))


def kernels_of(network: FiniteNetwork, root: Float[Array, "k N"], noise: Noise) -> tuple[Array, Array]:
    """V_L, shape (N, N), and the kernels of W_1, ..., W_L and a, shape (L + 1, N, N), of the network with this noise.

    Args:
        network: its layers.
        root: R with X X^T = R^T R.
        noise: as `draw` makes it.
    """

    def forward(z: Array, seen: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        h = network.hidden(z)
        basis, coordinates = orthonormal(h)
        return network.skip * z + combined(coordinates, seen), (z, basis, inner(h, h))

    first = combined(root.T, noise.first)
    last, (before, bases, inputs) = lax.scan(forward, first, noise.forward)
    chain = np.sqrt(network.gain / network.width)
    start = chain * network.slope_at(last) * noise.readout
    if network.skip:
        start = start.at[:, 0].add(1.0)

    def backward(delta: Array, at: tuple[Array, ...]) -> tuple[Array, Array]:
        z, basis, seen, fresh = at
        coordinates = orthonormal(delta)[1]
        on_span = inner(delta, seen) - coordinates @ inner(fresh, basis)
        pulled = combined(on_span, basis) + combined(coordinates, fresh)
        return network.skip * delta + chain * network.slope_at(z) * pulled, inner(delta, delta)

    stop, gradients = lax.scan(backward, start, (before, bases, noise.forward, noise.backward), reverse=True)
    by_inputs = jnp.concatenate([(root.T @ root)[None], inputs, gram(network.hidden(last))[None]])
    by_gradients = jnp.concatenate([inner(stop, stop)[None], gradients])
    each = jnp.concatenate([by_gradients * by_inputs[:-1], by_inputs[-1:]])
    return network.grams(last), each


def orthonormal(rows: Float[Array, "N n"]) -> tuple[Float[Array, "N n"], Float[Array, "N N"]]:
    """(E, T), rows = T E: Gram and Schmidt, twice over; T is lower triangular.

    E has orthonormal rows; a row that depends on those before it, to rounding, has 0 in E and on the diagonal of T. The
    parts of nearly parallel rows at an angle theta are known to eps/theta, where a Cholesky factor of the Gram matrix
    knows them to eps/theta^2.
    """
    points = rows.shape[0]

    def add(place: Any, known: tuple[Array, Array]) -> tuple[Array, Array]:
        basis, coordinates = known
        unit, along, size = _off(rows[place], basis[:place] if isinstance(place, int) else basis)
        along = jnp.zeros(points).at[: len(along)].set(along).at[place].set(size)
        return basis.at[place].set(unit), coordinates.at[place].set(along)

    start = jnp.zeros_like(rows), jnp.zeros((points, points))
    if points > _FEW:
        return lax.fori_loop(0, points, add, start)
    return functools.reduce(lambda known, place: add(place, known), range(points), start)


def _off(row: Array, basis: Array) -> tuple[Array, Array, Array]:
    """The unit vector along what a row has off orthonormal (or zero) ones, its coordinates on them, and that length."""
    rest, along = row[None], jnp.zeros(len(basis))
    for _ in range(2 if len(basis) else 0):
        part = inner(rest, basis)
        along, rest = along + part[0], rest - combined(part, basis)
    size, length = (jnp.sqrt(inner(each, each)[0, 0]) for each in (rest, row[None]))
    independent = size > _DEPENDENT * length
    unit = jnp.where(independent, rest[0] / jnp.where(independent, size, 1.0), 0.0)
    return unit, along, jnp.where(independent, size, 0.0)


def inner(rows: Float[Array, "N n"], others: Float[Array, "M n"]) -> Float[Array, "N M"]:
    """rows others^T; of few rows in sums that compile to vector instructions, as small matrix products do not."""
    if len(rows) * len(others) > _FEW**2:
        return rows @ others.T
    lanes = math.gcd(rows.shape[1], _LANES)
    products = (rows[:, None] * others).reshape(len(rows), len(others), -1, lanes)
    return jnp.sum(jnp.sum(products, axis=2), axis=2)


def combined(coefficients: Float[Array, "N M"], rows: Float[Array, "M n"]) -> Float[Array, "N n"]:
    """coefficients rows, written for few rows likewise."""
    if coefficients.size > _FEW**2:
        return coefficients @ rows
    return functools.reduce(jnp.add, (coefficients[:, [k]] * rows[k] for k in range(len(rows))))


@functools.partial(jax.jit, static_argnums=(0, 1))
def _sampled(network: FiniteNetwork, weights: str, root: Array, keys: Array) -> tuple[Array, Array]:
    def one(key: Array) -> tuple[Array, Array]:
        covariance, each = kernels_of(network, root, draw(network, root, key))
        return covariance, chosen(weights, each)

    if network.width * root.shape[1] >= _LARGE or len(keys) == 1:
        return lax.map(one, keys)
    return jax.vmap(one)(keys)


__all__ = ["Noise", "check_width", "draw", "kernels_of", "orthonormal", "sample_tangent_kernel"]
