"""Samplers: covariances within four standard errors, paths that refine bit for bit, areas that do not vanish."""

import functools
import math
import warnings

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.algebra import tensor as ta

EPS = np.finfo(float).eps
KEY = jax.random.key(20)


def keys(count, seed=0):
    return jax.random.split(jax.random.key(seed), count)


def values(sampler, count, seed=0):
    """`count` samples of a sampler of keys: shape (count, points, channels)."""
    return np.asarray(jax.vmap(lambda key: sampler(key).values)(keys(count, seed)))


def assert_covariance(samples, expected):
    """The mean and the covariance of (count, n) centred Gaussian samples, entry by entry, within four standard
    errors: that of a covariance is sqrt((C_ii C_jj + C_ij^2) / count).
    """
    count = len(samples)
    expected = np.asarray(expected)
    variance = np.diag(expected)
    found = samples.T @ samples / count
    errors = np.sqrt((np.outer(variance, variance) + expected**2) / count)
    assert np.abs(found - expected).max() > 0  # a sample is not its law
    assert (np.abs(found - expected) <= 4 * errors + 1e-12).all()
    assert (np.abs(samples.mean(0)) <= 4 * np.sqrt(variance / count) + 1e-12).all()


def brownian_covariance(times):
    return np.minimum.outer(times, times)


def fractional_covariance(times, hurst):
    def power(x):
        return np.abs(x) ** (2 * hurst)

    return (power(times)[:, None] + power(times) - power(np.subtract.outer(times, times))) / 2


def test_brownian_motion_has_covariance_min_s_t_and_independent_channels():
    samples = values(functools.partial(rough.brownian, points=6, channels=2, t1=3.0), 4000)
    times = np.linspace(0, 3, 6)
    both = np.concatenate([samples[:, 1:, 0], samples[:, 1:, 1]], 1)
    assert_covariance(both, np.kron(np.eye(2), brownian_covariance(times[1:])))
    assert (samples[:, 0] == 0).all()


def test_a_refined_brownian_path_is_brownian_at_the_fine_mesh():
    samples = values(functools.partial(rough.brownian, points=3, t1=2.0, refine=3), 4000, seed=1)[:, 1:, 0]
    assert_covariance(samples, brownian_covariance(np.linspace(0, 2, 17)[1:]))


def test_refinement_keeps_the_path_bit_for_bit():
    finest = rough.brownian(KEY, 8, 2, t1=0.7, refine=3)
    for refine in (0, 1, 2):
        coarse = rough.brownian(KEY, 8, 2, t1=0.7, refine=refine)
        assert coarse.points == 7 * 2**refine + 1
        every = 2 ** (3 - refine)
        np.testing.assert_array_equal(finest.values[::every], coarse.values)
        np.testing.assert_array_equal(finest.times[::every], coarse.times)


@pytest.mark.parametrize("hurst", [0.1, 0.35, 0.8, 0.97])
def test_fractional_brownian_motion_has_its_covariance(hurst):
    sampler = functools.partial(rough.fractional_brownian, points=7, channels=3, hurst=hurst, t1=2.0)
    samples = values(sampler, 4000)
    times = np.linspace(0, 2, 7)[1:]
    stacked = samples[:, 1:].swapaxes(1, 2).reshape(len(samples), -1)
    assert_covariance(stacked, np.kron(np.eye(3), fractional_covariance(times, hurst)))
    assert (samples[:, 0] == 0).all()


def test_hurst_one_half_is_brownian_motion_in_law():
    samples = values(functools.partial(rough.fractional_brownian, points=7, hurst=0.5), 4000, seed=3)[:, 1:, 0]
    assert_covariance(samples, brownian_covariance(np.linspace(0, 1, 7)[1:]))


def test_circulant_and_cholesky_sample_one_law():
    sampler = functools.partial(rough.fractional_brownian, points=6, hurst=0.3, method="cholesky")
    samples = values(sampler, 4000, seed=4)[:, 1:, 0]
    assert_covariance(samples, fractional_covariance(np.linspace(0, 1, 6)[1:], 0.3))
    # Without sampling: the covariance that each factor gives.
    gamma = rough.fractional_noise_autocovariance(40, 0.3)
    circulant = rough.StationaryGaussian(gamma)
    cholesky = rough.StationaryGaussian(gamma, method="cholesky")
    assert (circulant.method, cholesky.method) == ("circulant", "cholesky")
    # E Re Z_i Re Z_j = sum_k factor_k^2 cos(2 pi k (i - j) / m); a sum of 78 terms below 1.
    lags = np.arange(40)[:, None] * np.arange(78) * 2 * np.pi / 78
    np.testing.assert_allclose(np.cos(lags) @ np.asarray(circulant.factor) ** 2, gamma, rtol=0, atol=100 * EPS)
    full = np.asarray(cholesky.factor @ cholesky.factor.T)
    np.testing.assert_allclose(full[0], gamma, rtol=0, atol=100 * EPS)


@pytest.mark.parametrize("hurst", [1e-3, 0.05, 0.3, 0.5, 0.75, 0.99, 0.999])
def test_the_embedding_of_fractional_noise_has_no_negative_eigenvalue(hurst):
    for size in (1, 2, 3, 10, 1000, 100_003):
        law = rough.StationaryGaussian(rough.fractional_noise_autocovariance(size, hurst), method="circulant")
        assert law.smallest_eigenvalue > 0  # far above rounding: nothing is set to 0


@pytest.mark.parametrize("hurst", [0.01, 0.3, 0.7, 0.99])
def test_the_autocovariance_is_accurate_where_its_formula_cancels(hurst):
    found = rough.fractional_noise_autocovariance(100_001, hurst)
    with mpmath.workdps(50):
        h = 2 * mpmath.mpf(hurst)
        for k in (0, 1, 2, 3, 10, 1000, 100_000):
            exact = (mpmath.mpf(k + 1) ** h - 2 * mpmath.mpf(k) ** h + abs(mpmath.mpf(k - 1)) ** h) / 2
            # Measured: 1.2e-15 at most. The formula as it stands has an error of k^2 eps, 1e-6 at the last k.
            assert abs(found[k] - exact) <= 20 * EPS * abs(exact)


# The embedding of (1, 0.8, 0.3) has the eigenvalues 2.9, 0.7, -0.3, 0.7; its 3 x 3 covariance is positive definite.
AWKWARD = [1.0, 0.8, 0.3]


def test_a_negative_eigenvalue_falls_back_to_cholesky_and_says_so():
    with pytest.warns(
        RuntimeWarning, match="negative eigenvalue, -0.103 times its largest; the covariance is factored"
    ):
        law = rough.StationaryGaussian(AWKWARD)
    assert law.method == "cholesky" and "negative eigenvalue" in law.reason
    assert math.isclose(law.smallest_eigenvalue, -0.3 / 2.9, rel_tol=1e-12)
    samples = np.asarray(jax.vmap(lambda key: law.sample(key, 2))(keys(4000, 5)))
    covariance = [[1.0, 0.8, 0.3], [0.8, 1.0, 0.8], [0.3, 0.8, 1.0]]
    assert_covariance(samples.swapaxes(1, 2).reshape(4000, 6), np.kron(np.eye(2), covariance))
    with pytest.raises(InputError, match="negative eigenvalue"):
        rough.StationaryGaussian(AWKWARD, method="circulant")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asked = rough.StationaryGaussian(AWKWARD, method="cholesky")
    assert asked.reason == "asked for" and math.isnan(asked.smallest_eigenvalue)


def brownian_area_cosine(steps):
    """E cos(2 A) for the polygon through `steps` + 1 points of Brownian motion on [0, 1], exactly.

    Given the first channel, A = sum_j c_j dY_j is Gaussian, c = M dX; so E cos(2A) = det(I + 4 dt^2 M^T M)^{-1/2}.
    """
    signs = np.tri(steps, k=-1) - np.tri(steps, k=-1).T
    matrix = signs / 2
    return np.linalg.det(np.eye(steps) + 4 * matrix.T @ matrix / steps**2) ** -0.5


def test_the_levy_area_of_brownian_motion_has_its_variance_and_characteristic_function():
    steps, count, t1 = 64, 20_000, 1.0
    areas = np.asarray(jax.vmap(lambda key: rough.levy_area(rough.brownian(key, steps + 1, 2, t1=t1)))(keys(count, 6)))
    areas = areas[:, 0, 1]
    # The polygon misses the areas of its pieces: (t^2/4)(1 - 1/steps), and the cosine by its own determinant.
    variance = t1**2 / 4 * (1 - 1 / steps)
    squares = areas**2
    assert abs(squares.mean() - variance) <= 4 * squares.std() / math.sqrt(count)
    cosines = np.cos(2 * areas)
    assert abs(cosines.mean() - brownian_area_cosine(steps)) <= 4 * cosines.std() / math.sqrt(count)
    # In the limit 1 / cosh(1) = 0.64805 (Levy): the polygon's value tends to it like 1 / steps.
    gaps = [brownian_area_cosine(n) - 1 / math.cosh(1) for n in (64, 128)]
    assert math.isclose(1 / math.cosh(1), 0.64805, abs_tol=5e-6)
    assert 1.9 < gaps[0] / gaps[1] < 2.1 and 0 < gaps[1] < 0.003


def expected_exponential(step):
    """E exp(dx) up to level 4 for dx ~ N(0, step I) in the plane, by Gauss-Hermite quadrature, exact to degree 7."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(4)
    points = math.sqrt(step) * np.stack(np.meshgrid(nodes, nodes), -1).reshape(-1, 2)
    both = np.outer(weights, weights).ravel() / weights.sum() ** 2
    return both @ np.asarray(jax.vmap(lambda dx: ta.flatten(ta.exp(dx, 4)))(jnp.asarray(points)))


def test_the_expected_signature_of_brownian_motion_is_an_exponential():
    # E S(B)_{0,t} = exp((t/2) sum_i e_i (x) e_i). Of an interpolation with n steps it is E exp(dx)^n, which differs by
    # c/n at level 4 alone: twice that of 2n steps less that of n steps is the limit.
    t, n = 1.5, 8
    powers = []
    for steps in (n, 2 * n):
        total = one = expected_exponential(t / steps)
        for _ in range(steps - 1):
            total = rough.flat.product(total, one, 2)
        powers.append(np.asarray(total))
    half = (jnp.zeros(1), jnp.zeros(2), t / 2 * jnp.eye(2).ravel(), jnp.zeros(8), jnp.zeros(16))
    limit = np.asarray(ta.flatten(ta.exp(half)))
    np.testing.assert_allclose(2 * powers[1] - powers[0], limit, rtol=0, atol=100 * EPS)
    assert np.abs(powers[0] - limit)[:14].max() < 100 * EPS and np.abs(powers[0] - limit).max() > 0.01
    # The samples have the mean of their interpolation, within five standard errors in each of 30 entries.
    found = np.asarray(jax.vmap(lambda key: rough.signature(rough.brownian(key, n + 1, 2, t1=t).values, 4))(keys(4000)))
    errors = found.std(0) / math.sqrt(len(found))
    assert (np.abs(found.mean(0) - powers[0]) <= 5 * errors).all()
    assert errors[2] < 0.05 * limit[2]  # enough samples to see level 2


def test_a_signature_is_trivial_for_tree_like_paths_only():
    # Out along a branch and back, and out along its twigs and back on the way.
    root, fork, twig, leaf, top = np.random.default_rng(0).uniform(-1, 1, (5, 2))
    tree = np.stack([root, fork, twig, fork, leaf, top, leaf, fork, (root + fork) / 2, root])
    assert np.abs(rough.signature(tree, 5)).max() < 1e-13  # its length is below 8: 8^5/5! eps = 6e-14
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0.0]])
    levels = ta.unflatten(rough.signature(square, 3), 2, 3)
    assert np.abs(levels[1]).max() == 0 and math.isclose(float(rough.levy_area(square)[0, 1]), 1.0)
    np.testing.assert_allclose(levels[2], [0, 1, -1, 0], atol=4 * EPS)
    # A square and, the other way about, the one opposite: no area; the third level tells them from a tree.
    eight = np.concatenate([square, -square[-2::-1]])
    levels = ta.unflatten(rough.signature(eight, 3), 2, 3)
    assert max(np.abs(levels[1]).max(), np.abs(levels[2]).max()) <= 4 * EPS
    assert np.abs(levels[3]).max() > 0.5


def test_dyadic_areas_of_fractional_brownian_motion_scale_with_the_hurst_parameter():
    # Sum over the 2^n dyadic intervals of (area over the interval)^2, each cut in 8 pieces at every n, so that
    # self-similarity holds exactly: its mean is proportional to 2^{(1 - 4H) n}.
    count, pieces, hurst = 2000, 8, 0.35

    def total(key, n):
        path = rough.fractional_brownian(key, pieces * 2**n + 1, 2, hurst=hurst).values
        rows = np.arange(2**n)[:, None] * pieces + np.arange(pieces + 1)
        return jnp.sum(jax.vmap(rough.levy_area)(path[rows])[:, 0, 1] ** 2)

    means, errors = [], []
    for n in (2, 5):
        found = np.asarray(jax.jit(jax.vmap(functools.partial(total, n=n)))(keys(count, n)))
        means.append(found.mean())
        errors.append(found.std() / math.sqrt(count) / found.mean())
    slope = (math.log2(means[1]) - math.log2(means[0])) / 3
    error = math.hypot(*errors) / math.log(2) / 3
    assert error < 0.02
    assert abs(slope - (1 - 4 * hurst)) <= 4 * error


@pytest.mark.parametrize("n", [1, 2, 8])
def test_the_spiral_vanishes_and_its_area_does_not(n):
    for t1 in (2 * math.pi, 1.7):
        path = rough.pure_area(n, t1=t1)
        assert float(path.t0) == 0 and float(path.t1) == t1
        np.testing.assert_allclose(jnp.linalg.norm(path.values, axis=1), 1 / n, rtol=4 * EPS)
        area = float(rough.levy_area(path)[0, 1])
        turn = n * n * t1 / (path.points - 1)
        # The sectors' triangles, less that of the chord: exact for the polygon.
        polygon = t1 / 2 * math.sin(turn) / turn - math.sin(n * n * t1) / (2 * n * n)
        assert math.isclose(area, polygon, abs_tol=1e-12)
        assert abs(area - rough.spiral_area(n, t1)) <= 1e-3 * t1 / 2
    assert math.isclose(rough.spiral_area(n, 2 * math.pi), math.pi, rel_tol=1e-12)


def test_a_smaller_area_tolerance_gives_the_area_more_closely():
    for tolerance in (1e-2, 1e-4):
        area = float(rough.levy_area(rough.pure_area(2, area_tolerance=tolerance))[0, 1])
        assert 0.9 * tolerance <= (math.pi - area) / math.pi <= tolerance


def test_the_signature_of_the_spiral_tends_to_the_exponential_of_its_area():
    # S tends to exp(t1/2 [e1, e2]) at levels 1 to 4, with an error of order 1/n.
    limit = rough.flat.exp(np.array([0, 0, 0, math.pi, -math.pi, 0, *[0.0] * 24]), 2)
    errors = [float(jnp.abs(rough.signature(rough.pure_area(n, area_tolerance=1e-4), 4) - limit).max()) for n in (4, 8)]
    assert 1.8 < errors[0] / errors[1] < 2.2 and errors[1] < 1.0


def test_random_smooth_paths_are_one_function_at_every_mesh():
    fine = rough.random_smooth(KEY, 65, 2, t1=3.0, modes=5)
    coarse = rough.random_smooth(KEY, 17, 2, t1=3.0, modes=5)
    # Phases up to 5 pi are rounded to eps times that.
    np.testing.assert_allclose(fine.values[::4], coarse.values, rtol=0, atol=100 * EPS)
    assert (np.asarray(fine.values)[0] == 0).all() and float(fine.t1) == 3.0
    # Smooth: second differences are of order h^2, the second derivative being below sum_k (pi k / t1)^2 k^{-2} 2 * 4.
    second = np.abs(np.diff(np.asarray(fine.values), 2, axis=0)).max() / (3 / 64) ** 2
    assert second <= 5 * (math.pi / 3) ** 2 * 8


def test_random_smooth_paths_have_the_variance_of_their_series():
    samples = values(functools.partial(rough.random_smooth, points=5, modes=3, decay=1.0), 4000, seed=8)[:, 1:, 0]
    phase = np.pi * np.linspace(0, 1, 5)[1:, None] * np.arange(1, 4)
    waves = np.concatenate([np.cos(phase) - 1, np.sin(phase)], 1) / np.tile(np.arange(1, 4), 2)
    assert_covariance(samples, waves @ waves.T)


SAMPLERS = {
    "brownian": lambda key: rough.brownian(key, 8, 2, refine=1),
    "fractional": lambda key: rough.fractional_brownian(key, 15, 2, hurst=0.3),
    "smooth": lambda key: rough.random_smooth(key, 15, 2),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_one_key_is_one_path_and_two_keys_are_two(name):
    sampler = SAMPLERS[name]
    path = sampler(KEY)
    assert isinstance(path, rough.PiecewiseLinear) and path.values.shape == (15, 2)
    np.testing.assert_array_equal(path.values, sampler(KEY).values)
    np.testing.assert_array_equal(path.values, sampler(jax.random.key_data(KEY)).values)  # the older form of a key
    assert float(jnp.abs(path.values[1:] - sampler(jax.random.key(21)).values[1:]).min()) > 0
    many = jax.vmap(sampler)(keys(3))
    for one, key in zip(many.values, keys(3), strict=True):
        np.testing.assert_allclose(one, sampler(key).values, rtol=0, atol=20 * EPS)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_seed_is_no_key(name):
    for seed in (0, np.int64(3), "seed", np.zeros(2), None):
        with pytest.raises(InputError, match=r"jax\.random\.key\(seed\)"):
            SAMPLERS[name](seed)
    with pytest.raises(InputError, match="vmap over keys"):
        SAMPLERS[name](keys(3))
    with pytest.raises(InputError, match="vmap over keys"):
        SAMPLERS[name](jax.random.key_data(keys(3)))


@pytest.mark.parametrize(
    "sampler",
    [rough.brownian, functools.partial(rough.fractional_brownian, hurst=0.5), rough.random_smooth],
)
def test_bad_sizes_are_refused(sampler):
    with pytest.raises(InputError, match="points at least 2, got 1"):
        sampler(KEY, 1)
    with pytest.raises(InputError, match="channels at least 1, got 0"):
        sampler(KEY, 5, 0)
    with pytest.raises(InputError, match="whole number"):
        sampler(KEY, 5.0)
    for t1 in (0.0, -1.0, math.nan, math.inf, True, "1"):
        with pytest.raises(InputError, match="t1 .*above 0"):
            sampler(KEY, 5, t1=t1)
    with pytest.raises(InputError, match="GiB"):
        sampler(KEY, 10**10)


def test_other_bad_input_is_refused():
    for hurst in (0.0, 1.0, -0.5, 1.5, math.nan, "0.5", True):
        with pytest.raises(InputError, match=r"Hurst parameter .*above 0 and below 1"):
            rough.fractional_brownian(KEY, 5, hurst=hurst)
    with pytest.raises(InputError, match="method to be one of"):
        rough.fractional_brownian(KEY, 5, hurst=0.5, method="fft")
    with pytest.raises(InputError, match="GiB"):
        rough.fractional_brownian(KEY, 50_000, hurst=0.5, method="cholesky")
    with pytest.raises(InputError, match="refine"):
        rough.brownian(KEY, 5, refine=-1)
    with pytest.raises(InputError, match="GiB"):
        rough.brownian(KEY, 5, refine=40)
    with pytest.raises(InputError, match="n at least 1"):
        rough.pure_area(0)
    with pytest.raises(InputError, match="area_tolerance"):
        rough.pure_area(1, area_tolerance=0.0)
    with pytest.raises(InputError, match="GiB"):
        rough.pure_area(10**6)
    with pytest.raises(InputError, match="t1"):
        rough.spiral_area(1, math.nan)
    with pytest.raises(InputError, match="modes"):
        rough.random_smooth(KEY, 5, modes=0)
    with pytest.raises(InputError, match="decay"):
        rough.random_smooth(KEY, 5, decay=-1.0)
    for gamma in ([], [[1.0]], [0.0, 0.0], [-1.0]):
        with pytest.raises(InputError, match="gamma_0 > 0"):
            rough.StationaryGaussian(gamma)
    with pytest.raises(InputError, match="finite"):
        rough.StationaryGaussian([1.0, math.nan])
    with pytest.raises(InputError, match="no Cholesky factor"):
        rough.StationaryGaussian([1.0, 0.9, -0.9], method="cholesky")
    with pytest.raises(InputError, match="size"):
        rough.fractional_noise_autocovariance(0, 0.5)
