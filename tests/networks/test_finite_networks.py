"""Networks of finite width: their layers against plain loops, their infinite width against the package's families."""

import jax
import numpy as np
import pytest

import roughntk as rn
from roughntk.networks import FiniteNetwork, Parameters

KEY = jax.random.key(3)
X = rn.sphere.uniform(3, 4, 0)
NETWORKS = {
    "relu": FiniteNetwork(3, 6),
    "shaped": FiniteNetwork(3, 6, "shaped", shape=(0.75, -0.5)),
    "leaky": FiniteNetwork(2, 6, "leaky", slope=-0.3),
    "linear": FiniteNetwork(2, 6, "linear"),
    "tanh": FiniteNetwork(3, 6, "tanh", weight_variance=1.7),
    "residual": FiniteNetwork(3, 6, residual=0.8),
    "two outputs": FiniteNetwork(2, 6, "tanh", residual=1.5, outputs=2),
}


def plain(name, parameters, x):
    """z_1, ..., z_L and f of one input, from the formulas, with loops."""
    n, skip, z, layers = 6, 0, parameters.first @ x, []
    c = {"tanh": 1.7, "leaky": 2 / (1 + 0.3**2), "linear": 1, "residual": 2 * 0.8 / 3, "two outputs": 1.5 / 2}.get(
        name, 2
    )
    if name == "shaped":
        above, below = 1 + 0.75 / np.sqrt(n), 1 - 0.5 / np.sqrt(n)
        c = 2 / (above**2 + below**2)
    phi = {
        "relu": lambda u: max(u, 0), "residual": lambda u: max(u, 0), "linear": lambda u: u, "tanh": np.tanh,
        "two outputs": np.tanh, "leaky": lambda u: u if u > 0 else -0.3 * u,
        "shaped": lambda u: u * (above if u > 0 else below),
    }[name]  # fmt: skip
    skip = name in ("residual", "two outputs")
    for weights in [*parameters.hidden, None]:
        layers.append(z)
        h = np.array([np.sqrt(c / n) * phi(u) for u in z])
        if weights is not None:
            z = skip * z + weights @ h
    return np.array(layers), skip * z[: len(parameters.readout)] + parameters.readout @ h


@pytest.mark.parametrize("name", NETWORKS)
def test_layers_are_those_of_a_plain_loop(name):
    network = NETWORKS[name]
    parameters = network.sample(KEY, 4)
    expected = [plain(name, jax.tree_util.tree_map(np.asarray, parameters), x) for x in X]
    z = np.asarray(network.preactivations(parameters, X))
    np.testing.assert_allclose(z, np.stack([layers for layers, _ in expected], axis=1), atol=1e-14)  # sums of 6 terms
    np.testing.assert_allclose(np.ravel(network(parameters, X)), np.ravel([f for _, f in expected]), atol=1e-14)
    h = np.asarray(network.hidden_layers(parameters, X))
    covariance = h @ h.swapaxes(1, 2) + network.skip * z @ z.swapaxes(1, 2) / 6
    np.testing.assert_allclose(network.covariance(parameters, X), covariance, atol=1e-14)


@pytest.mark.parametrize("name", ["relu", "tanh", "residual"])
def test_one_layer_on_average_is_a_step_of_the_family(name):
    """E V_1 is exact at finite width; 10,000 networks of width 6."""
    network = FiniteNetwork(**{**vars(NETWORKS[name]), "layers": 1})
    samples = rn.networks.simulate_kernels(network, X, KEY, 10_000, weights="all")
    family = network.family
    variance = 1.0
    if name == "tanh":
        variance = np.exp(family.architecture.nngp.log_scale(2))
    if name == "residual":
        variance = 1.8
    wanted = variance * np.asarray(family.architecture.nngp(X, depth=2))
    assert_means(samples.covariance, wanted)
    # E Theta = (delta_1.delta_1') x.x' + V_1 is exact, too: delta_1 = sqrt(c/n) phi'(z_1) a
    assert_means(samples.tangent_kernel, network.tangent_scale * np.asarray(family(X, depth=2)))


def assert_means(samples, wanted, errors=5.5):
    """Within so many standard errors: 1e-7 for each of few dozen numbers."""
    error = samples.std(axis=0) / np.sqrt(len(samples))
    assert (np.abs(samples.mean(axis=0) - wanted) < errors * error).all()


def test_wide_networks_have_the_kernels_of_their_family():
    """In law, at width 4096: standard deviations of some 2/sqrt(n) of the scale."""
    for network in (FiniteNetwork(3, 4096), FiniteNetwork(3, 4096, residual=0.8)):
        settings = {"layers": 3, "width": 4096, "residual": network.residual}
        samples = rn.networks.sample_tangent_kernel(X, key=KEY, weights="all", **settings)
        family = network.family
        wanted = network.tangent_scale * np.asarray(family(X, depth=network.depth))
        assert np.abs(samples.tangent_kernel[0] - wanted).max() < 5.5 * 2 / 64 * network.tangent_scale
        size = 1 if network.residual is None else (1 + 0.8 / 3) ** 3
        wanted = size * np.asarray(family.architecture.nngp(X, depth=network.depth))
        assert np.abs(samples.covariance[0] - wanted).max() < 5.5 * 2 / 64 * size


def test_the_scale_of_the_tangent_kernel_is_that_of_the_family():
    for layers in (1, 4):
        stable = FiniteNetwork(layers, 8, residual=0.7)
        assert stable.tangent_scale == pytest.approx(np.exp(stable.family.log_scale(layers + 1)), rel=1e-12)
        leaky = FiniteNetwork(layers, 8, "leaky", slope=0.2)
        assert leaky.tangent_scale == pytest.approx(np.exp(leaky.family.log_scale(layers + 1)), rel=1e-12)
        assert np.allclose(FiniteNetwork(layers, 8, "linear").family.at_correlation(0.3, layers + 1), 0.3, rtol=1e-14)


def test_a_shape_is_the_leaky_relu_of_its_ratio_whichever_slope_is_the_steeper():
    rho = np.linspace(-0.9, 0.9, 7)
    one, other = (FiniteNetwork(4, 16, "shaped", shape=shape).family for shape in ((2.0, -2.0), (-2.0, 2.0)))
    np.testing.assert_array_equal(one.at_correlation(rho, 5), other.at_correlation(rho, 5))
    np.testing.assert_allclose(one.at_correlation(rho, 5), rn.kernels.LeakyReluNTK(1 / 3).at_correlation(rho, 5))


def test_samples_depend_on_the_key_and_their_place_only(monkeypatch):
    monkeypatch.setattr("roughntk.networks.sampling._MOST_IN_CHUNK", 2)
    network, seen = FiniteNetwork(2, 16), []
    few = rn.networks.simulate_kernels(network, X, KEY, 3)
    more = rn.networks.simulate_kernels(network, X, KEY, 5, progress=lambda done, all_: seen.append((done, all_)))
    np.testing.assert_array_equal(more.tangent_kernel[:3], few.tangent_kernel)
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert len(np.unique(more.tangent_kernel[:, 0, 0])) == 5
    other = rn.networks.simulate_kernels(network, X, jax.random.key(4), 3)
    assert (other.tangent_kernel[:, 0, 0] != few.tangent_kernel[:, 0, 0]).all()
    assert repr(few).startswith(
        "KernelSamples(3 of 2 layers of width 16, full networks, at 3 inputs; tangent kernel of"
    )


def test_networks_are_hashable_and_shown_by_what_is_set():
    assert len({FiniteNetwork(2, 8), FiniteNetwork(2, 8), FiniteNetwork(np.int64(3), 8)}) == 2
    assert repr(FiniteNetwork(2, 8)) == "FiniteNetwork(layers=2, width=8, activation='relu')"
    assert eval(repr(NETWORKS["two outputs"])) == NETWORKS["two outputs"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "expected layers at least 1, got 0"),
        ({"layers": 2.0}, "expected layers to be a whole number"),
        ({"width": 0}, "expected width at least 1, got 0"),
        ({"activation": "rely"}, "did you mean 'relu'"),
        ({"activation": "shaped"}, r"expected shape = \(c_plus, c_minus\) .*got None; for instance shape="),
        ({"activation": "shaped", "shape": (0.5, -3.0)}, "not negative.*c_minus = -3 at width 8; raise"),
        ({"activation": "shaped", "shape": (np.nan, 0.0)}, "expected c_plus to be one finite real number"),
        ({"activation": "leaky", "slope": 1.0}, "expected slope .*below 1, got 1.0; a slope of 1 is"),
        ({"activation": "tanh", "weight_variance": 0}, "expected weight_variance above 0, got 0"),
        ({"slope": 0.1}, 'expected no slope for the activation relu, got 0.1; .* activation="leaky"'),
        ({"residual": 0.0}, "expected residual = depth time above 0, got 0.0; None is"),
        ({"residual": 1.0, "outputs": 9}, "expected at most 8 outputs .*got 9; widen it"),
        ({"outputs": 0}, "expected outputs at least 1"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(rn.InputError, match=message):
        FiniteNetwork(**{"layers": 2, "width": 8} | settings)


def test_bad_inputs_are_refused():
    network = FiniteNetwork(2, 8)
    parameters = network.sample(KEY, 4)
    with pytest.raises(rn.InputError, match=r"expected X of shape \(points, 4\).*got shape \(3, 5\)"):
        network(parameters, np.ones((3, 5)))
    with pytest.raises(rn.InputError, match=r"got a JAX|expected a JAX random key, got 3; make one with"):
        network.sample(3, 4)
    with pytest.raises(rn.InputError, match="finite entries in X"):
        network(parameters, [[np.nan, 0, 0, 0]])
    with pytest.raises(rn.InputError, match="expected samples at least 1, got 0"):
        rn.networks.simulate_kernels(network, X, KEY, 0)
    with pytest.raises(rn.InputError, match="expected a FiniteNetwork, got the class FiniteNetwork; write"):
        rn.networks.simulate_kernels(FiniteNetwork, X, KEY)
    with pytest.raises(rn.InputError, match="progress to be a function"):
        rn.networks.simulate_kernels(network, X, KEY, progress=True)
    with pytest.raises(rn.InputError, match="expected the weights of .* to fit in memory"):
        FiniteNetwork(2, 10**7).sample(KEY, 4)
    with pytest.raises(rn.InputError, match="residual network of ReLUs.*got tanh"):
        _ = FiniteNetwork(2, 8, "tanh", residual=1.0).family


def test_parameters_are_three_arrays():
    assert Parameters._fields == ("first", "hidden", "readout")
    network = FiniteNetwork(4, 8, outputs=2)
    assert sum(each.size for each in network.sample(KEY, 3)) == network.weights(3) == 8 * (3 + 3 * 8 + 2)
