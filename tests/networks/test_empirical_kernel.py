"""The tangent kernel of one network: layer by layer and column by column, against its Jacobian."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.networks import FiniteNetwork, empirical_ntk, sampling

KEY = jax.random.key(0)
X, Z = rn.sphere.uniform(3, 4, 0), 2.0 * rn.sphere.uniform(2, 4, 1)
NETWORKS = [
    FiniteNetwork(4, 8, "shaped", shape=(0.75, -0.75)),
    FiniteNetwork(3, 8, "tanh", residual=1.0, outputs=2),
]


BOTH = jnp.concatenate([X, Z])


def by_jacobian(network, parameters):
    """The kernels of W_1, ..., W_L and a at X and Z, shape (L + 1, 5, 5), from the Jacobian."""

    def first_output(parameters):
        return network(parameters, BOTH).reshape(5, -1)[:, 0]

    slopes = jax.jit(jax.jacobian(first_output))(parameters)
    parts = [slopes.first, *np.moveaxis(slopes.hidden, 1, 0), slopes.readout]
    return np.stack([np.reshape(part, (5, -1)) @ np.reshape(part, (5, -1)).T for part in parts])


@pytest.mark.parametrize("network", NETWORKS, ids=repr)
def test_the_kernel_is_that_of_the_jacobian(network):
    parameters = network.sample(KEY, 4)
    each = by_jacobian(network, parameters)
    # sums of products of numbers of order 1: 1e-12 is the promise, 1e-15 is seen
    kernels = empirical_ntk(network, parameters, X, Z, weights="each")
    np.testing.assert_allclose(kernels, each[:, :3, 3:], rtol=0, atol=1e-12)
    np.testing.assert_allclose(empirical_ntk(network, parameters, X), each.sum(0)[:3, :3], rtol=0, atol=1e-12)


def test_the_weights_of_a_kernel_are_chosen():
    each = np.arange(24.0).reshape(4, 2, 3)
    for weights, wanted in (("all", each.sum(0)), ("hidden", each[:3].sum(0)), ("readout", each[3]), ("each", each)):
        np.testing.assert_array_equal(sampling.chosen(weights, jnp.asarray(each)), wanted)


def test_a_function_has_the_kernel_of_its_jacobian_too():
    def function(parameters, rows):
        return jnp.sin(rows @ parameters["weights"]) @ parameters["readout"]

    parameters = {"weights": jax.random.normal(KEY, (4, 5)), "readout": jax.random.normal(KEY, (5,))}
    slopes = jax.jit(jax.jacobian(function))(parameters, BOTH)
    wanted = sum(np.reshape(part, (5, -1)) @ np.reshape(part, (5, -1)).T for part in slopes.values())
    np.testing.assert_allclose(empirical_ntk(function, parameters, X, Z), wanted[:3, 3:], rtol=0, atol=1e-12)


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
