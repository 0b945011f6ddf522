"""Trained networks: plain loops of gradient descent, and the predictions at infinite width."""

import builtins

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import roughntk as rn
from roughntk.networks import FiniteNetwork, train

KEY = jax.random.key(5)
X, x = rn.sphere.uniform(4, 3, 0), rn.sphere.uniform(2, 3, 1)
Y = np.array([1.0, -0.5, 0.3, 0.8])


def descended(network, parameters, y, rate, steps):
    """Gradient descent, written out."""

    def loss(parameters):
        return jnp.sum((network(parameters, X) - y) ** 2) / 2

    losses, value_and_slope = [], jax.jit(jax.value_and_grad(loss))
    for _ in range(steps):
        value, slope = value_and_slope(parameters)
        losses.append(float(value))
        parameters = jax.tree_util.tree_map(lambda weights, part: weights - rate * part, parameters, slope)
    return parameters, [*losses, float(loss(parameters))]


def test_training_is_gradient_descent():
    network = FiniteNetwork(2, 8)
    trained = train(network, X, Y, x, KEY, 2, time=1.2, steps=20, keep_parameters=True)
    assert trained.learning_rate == pytest.approx(1.2 / (20 * 3))
    for sample in range(2):
        start, end = (jax.tree_util.tree_map(lambda leaf, s=sample: leaf[s], each)
                      for each in (trained.start, trained.parameters))  # fmt: skip
        expected, losses = descended(network, start, Y, trained.learning_rate, 20)
        jax.tree_util.tree_map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-13), end, expected)
        np.testing.assert_allclose(trained.losses[sample], losses, rtol=1e-12)
        np.testing.assert_allclose(trained.predictions[sample], network(expected, x), atol=1e-13)
        np.testing.assert_allclose(trained.fitted[sample], network(expected, X), atol=1e-13)
    np.testing.assert_allclose(trained.mean, trained.predictions.mean(axis=0))


def test_wide_networks_are_trained_to_the_prediction_at_infinite_width():
    network, time, samples = FiniteNetwork(2, 128), 3.0, 24
    trained = train(network, X, Y, x, KEY, samples, time=time, initial="zero")
    wanted = rn.predict(network.family, X, Y, x, depth=network.depth, time=time)
    # the bias, of order 1/128, is less than a standard error of the mean of 24, of order 1/sqrt(128 24)
    assert (np.abs(trained.mean - wanted) < 6 * trained.standard_error).all()
    assert (trained.standard_error < 0.03).all()
    other = rn.predict(network.family, X, Y, x, depth=network.depth, time=time / 2)
    assert (np.abs(trained.mean - other) > 6 * trained.standard_error).any()  # the time is told


def test_each_network_follows_the_prediction_from_its_own_start():
    """f_t - f_0 is linear in y - f_0(X) at infinite width; at width 256 up to 1/sqrt(256) = 1/16 of it."""
    network, time = FiniteNetwork(2, 256), 2.0
    trained = train(network, X, Y, x, KEY, 4, time=time, keep_parameters=True)
    for sample in range(4):
        start = jax.tree_util.tree_map(lambda leaf, s=sample: jnp.asarray(leaf[s]), trained.start)
        initial = np.asarray(network(start, X)), np.asarray(network(start, x))
        wanted = rn.predict(network.family, X, Y, x, depth=3, time=time, initial=initial)
        assert np.abs(trained.predictions[sample] - wanted).max() < 4 / 16 * np.abs(Y - initial[0]).max()


def test_several_targets_and_an_optimizer_of_ones_own():
    network = FiniteNetwork(2, 16, "tanh", residual=1.0, outputs=2)
    y = np.column_stack([Y, Y**2])
    start = network.sample(KEY, 3)
    rule = optax.sgd(0.05, momentum=0.5)
    trained = train(network, X, y, x, KEY, 1, steps=50, optimizer=rule, parameters=start)
    assert trained.predictions.shape == (1, 2, 2) and trained.fitted.shape == (1, 4, 2)
    assert trained.losses[0, 0] == pytest.approx(float(jnp.sum((network(start, X) - y) ** 2) / 2))
    assert trained.losses[0, -1] < 0.2 * trained.losses[0, 0]
    assert np.isnan(trained.time) and "by an optimizer of its own in 50 steps" in repr(trained)
    assert np.isnan(trained.standard_error).all()


def test_optax_is_asked_for_where_it_is_missing(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **named):
        if name == "optax":
            raise ImportError("No module named 'optax'")
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(rn.MissingBackendError, match=r"install it with: pip install 'roughntk\[networks\]'"):
        train(FiniteNetwork(1, 4), X, Y, x, KEY, time=1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"time": 0.0}, "expected time above 0, got 0.0; give a finite training time"),
        ({"time": np.inf}, "expected time to be one finite real number above 0, got inf"),
        ({"time": None}, "expected time to be one finite real number above 0, got None"),
        ({"time": 100.0, "steps": 5}, r"expected at least \d+ steps to the time 100, got 5: gradient descent diverges"),
        ({"y": Y[:3]}, r"one target for each of the 4 training points, got y of shape \(3,\)"),
        ({"y": np.ones((4, 2))}, "as many targets as the network has outputs, 1, got 2; make it with outputs=2"),
        ({"y": Y[:, None]}, r"expected y of shape \(4,\) for one output"),
        ({"x": np.ones((2, 4))}, "expected x with 3 columns"),
        ({"initial": "none"}, "expected initial to be one of network, zero"),
        ({"key": 1}, "expected a JAX random key, got 1"),
        ({"network": FiniteNetwork}, "expected a FiniteNetwork, got the class"),
        ({"optimizer": optax.sgd(0.1)}, "expected no time beside an optimizer, got 1.0"),
        ({"optimizer": 0.1}, "expected an optax.GradientTransformation, got 0.1"),
        ({"optimizer": optax.sgd(0.1), "time": None}, "expected steps to be a whole number, got None"),
        ({"parameters": (1, 2)}, r"expected Parameters\(first, hidden, readout\)"),
        ({"parameters": (np.ones((4, 3)), np.ones((1, 3, 4)), np.ones((1, 4)))}, r"hidden of shape \(1, 4, 4\)"),
        ({"network": FiniteNetwork(2, 10**6)}, "training one of .* to fit in memory"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(change, message):
    given = {"network": FiniteNetwork(2, 4), "X": X, "y": Y, "x": x, "key": KEY, "time": 1.0} | change
    with pytest.raises(rn.InputError, match=message):
        train(**given)
