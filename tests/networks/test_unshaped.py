"""The limit of the covariance of an unshaped network: known values, the law of a pair, and simulated networks."""

import math

import jax
import numpy as np
import pair_networks
import pytest

from roughntk._checks import InputError
from roughntk.networks import effective_depth, tangent_gram, unshaped_covariance

POINTS = np.array([(20, 0), (5, 15), (-8, 4.0)])
SAMPLES, STEPS, T = 4096, 100, 0.5


def log_distances(R):
    diagonal = np.diagonal(R, axis1=1, axis2=2)
    full = np.zeros((len(R), R.shape[1] + 1, R.shape[1] + 1))
    full[:, 0, 1:] = full[:, 1:, 0] = diagonal
    full[:, 1:, 1:] = diagonal[:, :, None] + diagonal[:, None, :] - 2 * R
    return lambda i, j: np.log(full[:, i, j]) / 2


def correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1])


@pytest.fixture(scope="module")
def drawn():
    """Three tangent vectors of a plane, so that R begins with rank 2."""
    return tangent_gram(POINTS @ POINTS.T, T, key=jax.random.key(1), samples=SAMPLES, steps=STEPS)


@pytest.mark.parametrize(("pair", "known"), [((0, 1), 1.818), ((0, 2), 1.689), ((1, 2), 1.849), ((2, 3), 1.731)])
def test_distances_have_the_known_means(drawn, pair, known):
    values = log_distances(drawn[0])(*pair)
    assert abs(values.mean() - known) < 6 * values.std() / math.sqrt(SAMPLES) + 0.005


def test_distances_have_the_known_correlations(drawn):
    z = log_distances(drawn[0])
    error = 6 * (1 - 0.7**2) / math.sqrt(SAMPLES)
    assert abs(correlation(z(0, 1), z(1, 2)) - 0.732) < error + 0.009  # known from .723 to .741
    assert abs(correlation(z(0, 1), z(2, 3)) - 0.668) < error + 0.005


def test_lengths_are_lognormal_and_lean_against_the_angles(drawn):
    R, F = drawn
    assert abs(F.mean() + 2.5 * T) < 5.5 * math.sqrt(5 * T / SAMPLES)
    assert abs(F.var() / (5 * T) - 1) < 5.5 * math.sqrt(2 / SAMPLES)
    # One layer of simulated networks: log |h|^2 and log theta^2 have the covariance -4/n.
    assert correlation(F, log_distances(R)(0, 1)) < -0.5
    n = 256
    theta, norm = pair_networks.angles(0.02, n, 1, 20_000, 5)
    shifts = np.log((theta / 0.02) ** 2)
    products = n * (norm - norm.mean()) * (shifts - shifts.mean())
    assert abs(products.mean() + 4) < 5.5 * products.std() / math.sqrt(20_000) + 0.1


def test_R_stays_positive_semi_definite_and_gains_rank(drawn):
    smallest = np.linalg.eigvalsh(drawn[0])[:, 0]
    assert (smallest > 0).all()


def test_one_pair_has_the_law_of_its_random_depth():
    """The equation for R with one tangent vector, against the quantiles of y = 3 pi/z by the density."""
    start = effective_depth(100, 200, angle=1.0).start
    R, _ = tangent_gram([[(3 * math.pi / start) ** 2]], 0.5, key=jax.random.key(2), samples=SAMPLES, steps=STEPS)
    law = effective_depth(100, 200, angle=1.0)
    depth = 1 + 200 * (3 * math.pi / np.sqrt(R[:, 0, 0]) - start)
    ranks = (np.arange(SAMPLES) + 0.5) / SAMPLES
    assert np.abs(law.probability(np.sort(depth)) - ranks).max() < 2.7 / math.sqrt(SAMPLES) + 0.005


def test_simulated_networks_have_it():
    V0 = np.array([[1.0, 0.5, -0.2], [0.5, 1.0, 0.3], [-0.2, 0.3, 1.0]])
    width, layers, count = 128, 64, 2000
    parts = [pair_networks.grams(V0, width, layers, 500, [seed, 11]) for seed in range(count // 500)]
    grams, norms = np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
    limit = unshaped_covariance(V0, 0.5, width=width, key=jax.random.key(3), samples=SAMPLES, steps=STEPS)
    assert "4096 samples for 3 inputs at t = 0.5, width 128" in repr(limit)

    def angle(V, i, j):
        return np.log(np.arccos(np.minimum(V[:, i, j] / np.sqrt(V[:, i, i] * V[:, j, j]), 1 - 1e-15)))

    for i, j in ((0, 1), (0, 2), (1, 2)):
        one, other = angle(grams, i, j), angle(limit.covariances, i, j)
        error = 5.5 * math.hypot(one.std() / math.sqrt(count), other.std() / math.sqrt(SAMPLES))
        assert abs(one.mean() - other.mean()) < error + 3 / width
        assert abs(one.std() / other.std() - 1) < 0.12
    first, second = angle(grams, 0, 1), angle(grams, 1, 2)
    expected = correlation(angle(limit.covariances, 0, 1), angle(limit.covariances, 1, 2))
    assert abs(correlation(first, second) - expected) < 5.5 * 0.5 / math.sqrt(count) + 2 / width
    assert abs(correlation(norms, first) - correlation(limit.log_norms, angle(limit.covariances, 0, 1))) < 0.12


def test_covariances_have_the_lengths_and_directions_that_were_given():
    V0 = np.diag([1.0, 4.0, 0.25])
    limit = unshaped_covariance(V0, 1e-3, width=10**6, key=jax.random.key(0), samples=4, steps=20)
    norms = np.diagonal(limit.covariances, axis1=1, axis2=2)
    np.testing.assert_allclose(norms / norms[:, :1], [[1, 4, 0.25]] * 4, rtol=1e-12)
    assert (np.linalg.eigvalsh(limit.covariances)[:, 0] > 0).all()
    np.testing.assert_allclose(limit.distances, limit.distances.swapaxes(1, 2))
    theta = np.arccos(limit.covariances[:, 0, 1] / np.sqrt(norms[:, 0] * norms[:, 1]))
    np.testing.assert_allclose(limit.distances[:, 0, 1], 1e6 * theta, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"V0": [[1.0, 1.0], [1.0, 1.0]]}, "expected inputs of distinct directions, got inputs 0 and 1"),
        ({"V0": [[1.0, 2.0], [2.0, 1.0]]}, "expected V0 to be positive semi-definite .*eigenvalue -1"),
        ({"V0": [[1.0, 0.5], [0.2, 1.0]]}, "expected V0 to be symmetric, got an asymmetry of 0.3"),
        ({"V0": [[1.0]]}, "expected V0 of at least two inputs, got one"),
        ({"V0": [[1.0, 0.5]]}, "expected V0 to be a square matrix"),
        ({"V0": [[1.0, 0.0], [0.0, 0.0]]}, "positive diagonal"),
        ({"width": 3}, "expected a width of at least the number of inputs and two, 4, got 3"),
        ({"time": 0.0}, "expected time above 0 and at most 100, got 0"),
        ({"key": None}, "expected a JAX random key, got NoneType"),
        ({"samples": 1.5}, "expected samples to be a whole number"),
        ({"steps": 0}, "expected steps .*got 0"),
    ],
)
def test_what_is_no_covariance_time_or_width_is_refused(change, message):
    arguments = {"V0": np.eye(2), "time": 0.5, "width": 50, "key": jax.random.key(0), "samples": 4, "steps": 4} | change
    with pytest.raises(InputError, match=message):
        unshaped_covariance(arguments.pop("V0"), arguments.pop("time"), **arguments)
