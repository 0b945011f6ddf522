"""Networks in law, without their weights: one for one with weights made from the same noise, and in distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.networks import FiniteNetwork, Parameters, in_law, sample_tangent_kernel, simulate_kernels
from roughntk.networks.empirical import gradients

KEY = jax.random.key(1)
X = rn.sphere.uniform(3, 4, 0) * np.array([[1.0], [0.5], [2.0]])


def network_of(network, X, noise):
    """Weights that agree with the noise wherever it says something of them: W e_k, and W^T u_k off the e's."""
    basis = np.linalg.qr(np.asarray(X).T)[0]
    first = np.asarray(noise.first).T @ basis.T
    hidden = np.zeros((network.layers - 1, network.width, network.width))
    parameters = Parameters(first, hidden, np.asarray(noise.readout)[None])
    bases = []
    for layer in range(network.layers - 1):  # forward: only their action on the span of what comes in matters
        h = np.asarray(network.hidden_layers(parameters, X))[layer]
        bases.append(np.linalg.qr(h.T)[0].T * np.sign(np.diag(np.linalg.qr(h.T)[1]))[:, None])
        hidden[layer] = np.asarray(noise.forward)[layer].T @ bases[layer]
    for layer in reversed(range(network.layers - 1)):  # backward: the rest of them, on the span of the gradients
        z = network.preactivations(parameters, X)
        delta = np.asarray(gradients(network, parameters, z))[layer + 1]
        q, r = np.linalg.qr(delta.T)
        fresh = np.asarray(noise.backward)[layer]
        hidden[layer] += (q * np.sign(np.diag(r))) @ (fresh - fresh @ bases[layer].T @ bases[layer])
    return parameters


@pytest.mark.parametrize(
    "network",
    [
        FiniteNetwork(3, 12),
        FiniteNetwork(3, 12, "leaky", slope=0.3, residual=1.0),
        FiniteNetwork(4, 12, "tanh", weight_variance=1.5),
    ],
    ids=repr,
)
def test_the_kernels_are_those_of_a_network_with_the_same_noise(network):
    root = jnp.asarray(np.linalg.qr(X.T, mode="r"))
    noise = in_law.draw(network, root, KEY)
    covariance, each = jax.jit(in_law.kernels_of, static_argnums=0)(network, root, noise)
    parameters = network_of(network, X, noise)
    # sums of 12 products of order 1, and bases known to eps over the angles between the rows
    np.testing.assert_allclose(covariance, network.covariance(parameters, X)[-1], rtol=1e-11, atol=1e-12)
    wanted = rn.networks.empirical_ntk(network, parameters, X, weights="each")
    np.testing.assert_allclose(each, wanted, rtol=1e-11, atol=1e-11 * np.abs(wanted).max())


def test_the_law_is_that_of_networks_with_all_their_weights(samples=20_000):
    """27 means, variances and cross moments of width 6, where a wrong fresh part shows; 5.5 standard errors each."""
    pair = X[:2]
    one = sample_tangent_kernel(pair, 3, 6, KEY, samples)
    other = simulate_kernels(FiniteNetwork(3, 6), pair, jax.random.key(2), samples)
    a, b = (features_of(each, other) for each in (one, other))
    error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / samples)
    assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) < 5.5 * error).all()
    assert a.shape[1] == 27


def features_of(samples, scale):
    """Bounded functions of both kernels, V/(1 + V) and the like, and their products."""
    entries = []
    for kernel, whole in ((samples.covariance, scale.covariance), (samples.tangent_kernel, scale.tangent_kernel)):
        size = np.trace(whole.mean(axis=0))
        upper = kernel[:, [0, 0, 1], [0, 1, 1]]
        entries.append(upper / (size + np.trace(kernel, axis1=1, axis2=2)[:, None]))
    ones = np.concatenate(entries, axis=1) - 0.25
    return np.concatenate([ones, *(ones[:, [k]] * ones[:, k:] for k in range(6))], axis=1)


def test_the_diagonal_has_the_exact_second_moment(width=16, layers=4, ratio=2.3561553955, samples=40_000):
    """Of mathematics 10.4 (derived and measured): E Theta = L and E Theta^2/L^2 for the hidden weights, |x| = 1."""
    theta = sample_tangent_kernel([[0.6, 0.8]], layers, width, KEY, samples).tangent_kernel[:, 0, 0] / layers
    for power, wanted in ((1, 1.0), (2, ratio)):
        moments = theta**power
        assert abs(moments.mean() - wanted) < 5.5 * moments.std() / np.sqrt(samples)
        assert moments.std() / np.sqrt(samples) < 0.03 * wanted


def test_dependent_and_equal_inputs_are_taken():
    """Five inputs of the plane, two of them equal and two opposite: their Gram matrix has rank 2."""
    angles = np.array([0.0, 0.0, np.pi, 1.0, 2.0])
    rows = np.column_stack([np.cos(angles), np.sin(angles)])
    samples = sample_tangent_kernel(rows, 3, 16, KEY, 2000, weights="each")
    assert samples.tangent_kernel.shape == (2000, 4, 5, 5) and "in law" in repr(samples)
    np.testing.assert_allclose(samples.tangent_kernel[:, -1], samples.covariance, rtol=1e-12)
    hidden = samples.tangent_kernel[:, :-1].sum(axis=1)
    np.testing.assert_allclose(hidden[:, 0], hidden[:, 1], rtol=1e-9, atol=1e-12)
    for kernel, limit in ((samples.covariance, 1.0), (hidden, 3.0)):
        means, errors = kernel.mean(axis=0), kernel.std(axis=0) / np.sqrt(2000)
        assert (np.abs(np.diag(means) - limit) < 5.5 * np.diag(errors)).all()


def test_nearly_parallel_inputs_keep_the_digits_of_their_angle():
    """Linear networks keep det V/prod V_ii up to a chi-square factor: the angle 1e-6 is not lost in 1 - 1e-12."""
    angle = 1e-6
    rows = [[1.0, 0.0], [np.cos(angle), np.sin(angle)]]
    network = FiniteNetwork(3, 8, "linear")
    root = jnp.asarray(np.linalg.qr(np.transpose(rows), mode="r"))
    noise = in_law.draw(network, root, KEY)
    far = jnp.asarray([[root[0, 0], root[0, 1]], [0.0, root[1, 1] * 1e6]])  # the same, but a million times as far apart
    compute = jax.jit(lambda root: in_law.kernels_of(network, root, noise)[1][2])
    near, wide = compute(root), compute(far)
    # row 1 is a combination of rows 0 and e_2: the entry (1, 1) - (0, 0) of either is linear in the angle
    first, other = (np.asarray(each[0, 1] - each[0, 0] * root[0, 1] / root[0, 0]) for each in (near, wide))
    assert first * 1e6 == pytest.approx(other, rel=1e-7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 4}, r"expected a width of at least N \+ 2 = 5 for 3 inputs, got 4; widen"),
        ({"layers": 0}, "expected layers at least 1, got 0"),
        ({"samples": 0}, "expected samples at least 1, got 0"),
        ({"key": 7}, "expected a JAX random key, got 7; make one with"),
        ({"X": [[1.0, 0.0], [0.0, 0.0]]}, "expected inputs that are not 0, got row 1; drop"),
        ({"X": [1.0, 0.0]}, r"expected X of shape \(points, dimension\)"),
        ({"activation": "shaped", "shape": (0.0, -4.0)}, "slopes .* not negative"),
        ({"weights": "last"}, "expected weights to be one of"),
        ({"outputs": 2}, "expected one output"),
        ({"layers": 10**6, "width": 10**6}, "expected one sample of .* to fit in memory"),
    ],
)
def test_bad_input_is_refused(change, message):
    with pytest.raises(rn.InputError, match=message):
        sample_tangent_kernel(**{"X": X, "layers": 2, "width": 8, "key": KEY} | change)


@pytest.mark.parametrize("count", [3, 6])
def test_orthonormal_rows_span_what_they_came_from(count):
    """Written out for few rows, a loop for more; the second row depends on the first."""
    rows = np.random.default_rng(0).standard_normal((count, 40))
    rows[1] = -2 * rows[0]
    basis, coordinates = map(np.asarray, in_law.orthonormal(jnp.asarray(rows)))
    np.testing.assert_allclose(basis @ basis.T, np.diag([1.0, 0.0, *[1.0] * (count - 2)]), atol=1e-15)
    np.testing.assert_allclose(coordinates @ basis, rows, atol=1e-14)
    assert (np.triu(coordinates, 1) == 0).all()
