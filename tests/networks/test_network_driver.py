"""The driver that a network's own weights make: what it is, and that the network is the solution along it."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.networks.triangular import TriangularField, flattened
from roughntk.networks.walks import draw
from roughntk.rough import lift_from_steps, solve_rde

X = np.array([[1.0, 0.0, 0.0], [0.3, 1.0, 0.0], [-0.2, 0.5, 0.9]])
ERRORS = 5.5  # standard errors: 4e-8 for each comparison, two-sided
network_driver = rn.networks.network_driver


def weights(width, layers, columns, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((width, columns if i == 0 else width)) for i in range(layers)]


def forward(W, rows, slopes):
    """Gram matrices of the hidden states, layer by layer, and the preactivations."""
    h, width = rows.T, len(W[0])
    grams, before = [h.T @ h], []
    for matrix in W:
        g = matrix @ h
        h = math.sqrt(2 / (width * (slopes[0] ** 2 + slopes[1] ** 2))) * np.where(g > 0, slopes[0] * g, slopes[1] * g)
        grams.append(h.T @ h)
        before.append(g)
    return np.array(grams), before


@pytest.mark.parametrize("c", [(0.0, 0.0), (0.75, -0.75), (0.0, -1.5)])
def test_the_driver_of_given_weights_is_that_of_their_forward_pass(c):
    W = weights(40, 30, 3)
    told = []
    driver = network_driver(W, X, c_plus=c[0], c_minus=c[1], progress=lambda done, of: told.append((done, of)))
    grams, before = forward(W, X, driver.slopes)
    np.testing.assert_allclose(driver.covariances, grams, rtol=0, atol=1e-11 * np.abs(grams).max())
    # whitened by the Cholesky factors, whose condition numbers are below 1e3 here
    for i, g in enumerate(before):
        white = np.linalg.solve(np.linalg.cholesky(grams[i]), g.T)
        step = np.linalg.cholesky(white @ white.T / 40) - np.eye(3)
        np.testing.assert_allclose(driver.increments[i], step, rtol=0, atol=1e-9)
    assert told == [(i, 30) for i in range(1, 31)]
    assert driver.path.channels == 6 + (c != (0.0, 0.0)) and driver.times[-1] == 0.75
    np.testing.assert_allclose(driver.path.values[-1, :6], flattened(driver.increments.sum(0)), rtol=0, atol=1e-12)
    square = network_driver(np.array(weights(40, 3, 40)), np.eye(3, 40))
    assert (square.layers, square.inputs, square.width) == (3, 3, 40)


def test_a_linear_network_is_the_solution_along_its_ito_lift_at_every_layer_and_along_no_other():
    driver = network_driver(weights(60, 60, 3, seed=1), X)
    along = driver.solve()
    # 60 products of matrices of norm about 1
    np.testing.assert_allclose(along.factors, driver.factors, rtol=0, atol=1e-12)
    other = driver.solve(lift="piecewise-linear")
    assert (along.solution.method, other.solution.method) == ("davie", "log-ode")
    # log V^11 gains sum dX_11^2, with mean t/2 and variance 1/(2 n^2) a layer
    exact = (driver.increments[:, 0, 0] - np.log1p(driver.increments[:, 0, 0])).sum() * 2
    assert other.errors[-1, 0] == pytest.approx(exact, abs=1e-7)
    assert abs(exact - 0.5) < ERRORS / math.sqrt(2 * 60) + 2 / 60
    assert np.abs(along.covariances - driver.covariances).max() < 1e-12
    assert repr(along).startswith("DrivenCovariance(3 inputs, 60 steps along the ito lift by davie, log V11 off by")
    assert repr(driver) == "NetworkDriver(3 inputs, 60 layers of width 60, slopes 1 and 1, kappa=0)"


def ends_of_networks(n, networks, c, channels=3):
    """log V^11 of the equation along the Ito and the piecewise-linear path less that of the network, for many."""
    slopes = jnp.array([1 + c / math.sqrt(n), 1 - c / math.sqrt(n)])
    start = jnp.asarray(np.linalg.cholesky(X[:2] @ X[:2].T))
    field = TriangularField(2)

    def gaps(key):
        increments, factors = draw(key, start, slopes, 0, n, n)
        driver = lift_from_steps(flattened(increments), channels, 1, geometric=False)
        along = solve_rde(field, driver, flattened(start), estimate=False, throw=False).values[-1, 0]
        polygon = jnp.log(start[0, 0]) + increments[:, 0, 0].sum()  # M_11 takes exponentials of its increments
        return 2 * jnp.stack([jnp.log(along), polygon]) - 2 * jnp.log(factors[-1, 0, 0])

    return np.asarray(jax.jit(jax.vmap(gaps))(jax.random.split(jax.random.key(n), networks)))


def test_shaped_networks_follow_their_own_path_up_to_the_root_of_the_width_on_the_ito_lift_only():
    c, networks = 0.75, 300
    for n in (32, 128):
        ito, polygon = ends_of_networks(n, networks, c).T
        squares = ito**2 * n / (3 * (2 * c) ** 2)  # 1 to leading order: every layer misses 3 (2c)^2/n^2
        assert abs(squares.mean() - 1) < ERRORS * squares.std() / math.sqrt(networks) + 10 / n
        error = polygon.std() / math.sqrt(networks)
        assert abs(polygon.mean() - 0.5) < ERRORS * error + 2 / n


def test_shaped_networks_are_solutions_along_their_driver_drift_included():
    driver = network_driver(jax.random.key(3), X[:2], layers=400, width=400, c_plus=0.75, c_minus=-0.75)
    along = driver.solve()
    rho = [V[:, 0, 1] / np.sqrt(V[:, 0, 0] * V[:, 1, 1]) for V in (along.covariances, driver.covariances)]
    without = solve_rde(TriangularField(2), driver_without_time(driver), driver.start, estimate=False, level=1)
    M = np.asarray(without.values)
    # artanh rho = arsinh(M_21/M_22): root mean square errors over networks are 0.05 here, and 0.25 without the drift
    assert np.abs(along.errors).max() < 0.5
    gap = np.abs(np.arctanh(rho[0]) - np.arctanh(rho[1])).max()
    assert gap < 0.3 and np.abs(np.arcsinh(M[:, 1] / M[:, 2]) - np.arctanh(rho[1])).max() > 2 * gap


def driver_without_time(driver):
    return lift_from_steps(flattened(driver.increments), 3, 1, geometric=False)


def linear_network(layers, seed):
    """The driver of a linear network as wide as deep, its factors as Bartlett has them: roots of chi-squares on the
    diagonal, normals below it."""
    rng = np.random.default_rng(seed)
    steps = np.zeros((layers, 2, 2))
    steps[:, 0, 0], steps[:, 1, 1] = np.sqrt(rng.chisquare([layers, layers - 1], (layers, 2)).T / layers) - 1
    steps[:, 1, 0] = rng.standard_normal(layers) / math.sqrt(layers)
    factors = [np.linalg.cholesky(X[:2] @ X[:2].T)]
    for step in steps:
        factors.append(factors[-1] @ (np.eye(2) + step))
    return rn.networks.NetworkDriver(steps, np.array(factors), layers, (1.0, 1.0))


def test_summaries_of_many_layers_are_of_order_one_half_at_level_one_and_of_order_one_at_level_two():
    pieces, networks = (8, 32), 60
    logs = {(level, m): [] for level in (1, 2) for m in pieces}
    for seed in range(networks):
        driver = linear_network(512, seed)
        for level, m in logs:
            M = driver.solve(pieces=m, level=level).factors[-1]
            logs[level, m].append(math.log(np.linalg.norm(M - driver.factors[-1]) / np.linalg.norm(driver.factors[-1])))
    means = {key: np.mean(values) for key, values in logs.items()}
    orders = [(means[level, 8] - means[level, 32]) / math.log(4) for level in (1, 2)]
    # Logarithms of errors have a deviation of about 0.6, their means of 60 one of 0.08, the orders one of 0.08. Pieces
    # of k layers miss (1 - 1/k) of the square of what they do in the limit, at level 2 (1 - 1/k)(1 - 2/k): 0.05.
    assert abs(orders[0] - 0.5) < 0.3 and abs(orders[1] - 1) < 0.3
    assert means[2, 32] < means[1, 32] - 1


def test_lifts_of_the_driver_are_coarsened_by_chen_and_its_roughness_is_that_of_brownian_motion():
    driver = network_driver(jax.random.key(0), X[:2], layers=300, width=150, c_plus=0.5, c_minus=-0.5)
    ito, polygon = driver.ito_lift(pieces=7), driver.piecewise_linear_lift(pieces=7)
    assert (ito.points, ito.channels, ito.geometric, polygon.geometric) == (8, 4, False, True)
    np.testing.assert_allclose(ito.times, np.round(np.linspace(0, 300, 8)) / 150, rtol=0, atol=1e-12)
    dx = np.diff(np.asarray(driver.path.values), axis=0)[:43]
    before = np.cumsum(dx, axis=0) - dx
    np.testing.assert_allclose(ito.steps[0, 4:].reshape(4, 4), before.T @ dx, rtol=0, atol=1e-12)
    bracket = (polygon.steps - ito.steps)[0, 4:].reshape(4, 4)
    np.testing.assert_allclose(bracket, dx.T @ dx / 2, rtol=0, atol=1e-12)
    exponent = driver.critical_exponent()
    assert abs(exponent.p - 2) < 6 * exponent.standard_error and exponent.standard_error < 0.25
    assert driver.p_variation(1.5) == rn.rough.p_variation(driver.path, 1.5)
    assert driver.p_variation(2.5, level=2) == rn.rough.p_variation(driver.ito_lift(), 2.5, level=2)
    assert driver.p_variation(1.0) > 4 * driver.p_variation(2.5, level=1)


def test_the_same_key_is_the_same_network_in_blocks_of_any_length(monkeypatch):
    told = []
    whole = network_driver(jax.random.key(1), X[:2], layers=12, width=9)
    monkeypatch.setattr("roughntk.networks.walks.BLOCK", 5)
    parts = network_driver(jax.random.key(1), X[:2], layers=12, width=9, progress=lambda *each: told.append(each))
    np.testing.assert_allclose(parts.factors, whole.factors, rtol=0, atol=1e-13)
    assert told == [(5, 12), (10, 12), (12, 12)]


KEY = jax.random.key(0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: network_driver(KEY, np.ones((2, 3)), layers=3, width=9), r"positive definite, got the smallest eigen"),
        (lambda: network_driver(KEY, X, layers=3, width=4), r"a width of at least N \+ 2 = 5 for 3 inputs, got 4"),
        (lambda: network_driver(weights(4, 3, 3), X), r"a width of at least N \+ 2 = 5 for 3 inputs, got 4"),
        (lambda: network_driver(KEY, X, layers=0, width=9), "layers at least 1, got 0"),
        (lambda: network_driver([], X), "at least one layer, got no weights; depth 0"),
        (lambda: network_driver(KEY, X, layers=3), "layers and width beside a key, got layers=3 and width=None"),
        (lambda: network_driver(weights(9, 3, 3), X, width=9), "weights without layers and width"),
        (lambda: network_driver(3, X, layers=3, width=9), "a JAX random key, got 3"),
        (lambda: network_driver("weights.npz", X), "weights as an array .*, got str"),
        (
            lambda: network_driver(KEY, X, layers=3, width=9, c_minus=-3.1),
            r"c_minus of at least -sqrt\(width\) = -3",
        ),
        (lambda: network_driver(KEY, X, layers=3, width=9, c_plus=math.nan), "c_plus"),
        (lambda: network_driver(KEY, X, layers=3, width=9, c_plus=-3, c_minus=-3), "a slope above 0"),
        (lambda: network_driver(weights(9, 2, 3) + weights(8, 1, 9), X), r"layer 3 of shape \(9, 9\), .* \(8, 9\)"),
        (lambda: network_driver(weights(9, 2, 4), X), r"layer 1 of shape \(9, 3\), .* \(9, 4\)"),
        (lambda: network_driver([np.full((9, 3), np.nan)], X), "finite entries in the weights of layer 1"),
        (lambda: network_driver([1e200 * W for W in weights(9, 3, 3)], X), "states stay finite, .* in layer 2"),
        (lambda: network_driver(KEY, X, layers=3, width=9).solve(pieces=4), "pieces from 1 to 3, got 4"),
        (lambda: network_driver(KEY, X, layers=3, width=9).solve(lift="stratonovich"), "lift"),
        (lambda: network_driver(KEY, X, layers=3, width=9).ito_lift(0), "level at least 1, got 0"),
    ],
)
def test_bad_networks_are_refused(call, message):
    with pytest.raises(rn.InputError, match=f"^expected .*{message}"):
        call()
