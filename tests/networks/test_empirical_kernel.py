"""The tangent kernel of one network: layer by layer and column by column, against its Jacobian."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.networks import FiniteNetwork, empirical_ntk

KEY = jax.random.key(0)
X, Z = rn.sphere.uniform(3, 4, 0), 2.0 * rn.sphere.uniform(2, 4, 1)
NETWORKS = [
    FiniteNetwork(4, 8, "shaped", shape=(0.75, -0.75)),
    FiniteNetwork(3, 8, "tanh", residual=1.0, outputs=2),
]


def by_jacobian(network, parameters, X, Z):
    """The kernels of W_1, ..., W_L and a, shape (L + 1, N, M), from two Jacobians."""

    def first_output(parameters, rows):
        return network(parameters, rows).reshape(len(rows), -1)[:, 0]

    slopes = jax.jit(jax.jacobian(first_output))
    one, other = (slopes(parameters, jnp.asarray(rows)) for rows in (X, Z))
    hidden = jnp.einsum("ilpq,jlpq->lij", one.hidden, other.hidden)
    ends = [jnp.einsum("ipq,jpq->ij", *pair) for pair in ((one.first, other.first), (one.readout, other.readout))]
    return np.concatenate([ends[0][None], hidden, ends[1][None]])


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_the_kernel_is_that_of_the_jacobian(network):
    parameters = network.sample(KEY, 4)
    each = by_jacobian(network, parameters, X, Z)
    # sums of products of numbers of order 1: 1e-12 is the promise, 1e-15 is seen
    np.testing.assert_allclose(empirical_ntk(network, parameters, X, Z, weights="each"), each, rtol=0, atol=1e-12)
    for weights, wanted in (("all", each.sum(0)), ("hidden", each[:-1].sum(0)), ("readout", each[-1])):
        np.testing.assert_allclose(
            empirical_ntk(network, parameters, X, Z, weights=weights), wanted, rtol=0, atol=1e-12
        )
    within = by_jacobian(network, parameters, X, X).sum(0)
    np.testing.assert_allclose(empirical_ntk(network, parameters, X), within, rtol=0, atol=1e-12)


def test_a_function_has_the_kernel_of_its_jacobian_too():
    def function(parameters, rows):
        return jnp.sin(rows @ parameters["weights"]) @ parameters["readout"]

    parameters = {"weights": jax.random.normal(KEY, (4, 5)), "readout": jax.random.normal(KEY, (5,))}
    slopes = jax.jit(jax.jacobian(function))
    one, other = (slopes(parameters, jnp.asarray(rows)) for rows in (X, Z))
    wanted = sum(
        np.reshape(one[name], (3, -1)) @ np.reshape(other[name], (2, -1)).T for name in parameters
    )  # fmt: skip
    np.testing.assert_allclose(empirical_ntk(function, parameters, X, Z), wanted, rtol=0, atol=1e-12)


def test_the_distance_from_infinite_width_falls_like_the_root_of_the_width():
    """Two widths; the root mean square over 80 networks of width 256 is known to some 5 %, the slope to 0.02."""
    widths, distances = np.array([16, 256]), []
    for width, samples in zip(widths, (1000, 80), strict=True):
        network = FiniteNetwork(2, int(width))
        limit = np.asarray(network.family(X, depth=3))
        kernels = rn.networks.simulate_kernels(network, X, KEY, samples, weights="all").tangent_kernel
        distances.append(np.sqrt(np.mean((kernels / network.tangent_scale - limit) ** 2)))
    slope = np.polyfit(np.log(widths), np.log(distances), 1)[0]
    assert abs(slope + 0.5) < 0.1


def test_bad_input_is_refused():
    network = FiniteNetwork(2, 4)
    parameters = network.sample(KEY, 4)
    with pytest.raises(rn.InputError, match="expected weights to be one of all, hidden, readout, each, got 'last'"):
        empirical_ntk(network, parameters, X, weights="last")
    with pytest.raises(rn.InputError, match=r"expected X of shape \(points, 4\)"):
        empirical_ntk(network, parameters, X, np.ones((2, 3)))
    with pytest.raises(rn.InputError, match="expected a FiniteNetwork or a function of"):
        empirical_ntk(3, parameters, X)
    with pytest.raises(rn.InputError, match='expected weights="all" for a function'):
        empirical_ntk(lambda p, rows: rows[:, 0], parameters, X, weights="hidden")
    with pytest.raises(rn.InputError, match=r"one value for each of the 3 rows, got shape \(3, 4\)"):
        empirical_ntk(lambda p, rows: rows, parameters, X)
