"""The random covariance: its exact laws, its schemes against each other along one path, and simulated networks."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

import roughntk as rn
from roughntk.networks import random_covariance, triangular
from roughntk.networks.walks import draw

V0 = np.array([[1.0, 0.2, -0.3], [0.2, 1.0, 0.6], [-0.3, 0.6, 1.0]])
PAIR = V0[:2, :2]
KAPPA = 1.5**2 / (2 * math.pi)
ERRORS = 5.5  # standard errors: 4e-8 for each comparison, two-sided
SAMPLES, TIME = 1024, 0.5
covariance = rn.networks.covariance


@functools.cache
def linear_samples():
    return covariance(V0, TIME, key=jax.random.key(3), samples=SAMPLES, steps=32)


def agree(values, expected, bias):
    """The mean of the samples is the expected one, up to the bias of the steps and standard errors."""
    error = np.std(values, axis=0) / math.sqrt(len(values))
    np.testing.assert_array_less(np.abs(np.mean(values, axis=0) - expected), ERRORS * error + bias)


def test_a_linear_network_has_log_normal_variances_a_log_normal_determinant_and_a_constant_mean():
    samples = linear_samples()
    # Euler's steps h = 1/64 shift E log M_ii by (a^2/2 + a/2 + 3/16) h t with a = (2i - 1)/4, at most 0.8 h t, and
    # E V^ii by (2i - 1)^2 h t/16, at most 1.6 h t relative.
    h = TIME / samples.steps
    logs = np.log(np.diagonal(samples.values, axis1=1, axis2=2))
    agree(logs, -TIME, 2 * h * TIME)
    agree((logs + TIME) ** 2, 2 * TIME, 4 * h * TIME)
    agree(samples.values, V0, 2 * h * TIME)
    centred = samples.log_determinant - math.log(np.linalg.det(V0))
    agree(centred, -6 * TIME, 6 * h * TIME)
    agree((centred + 6 * TIME) ** 2, 6 * TIME, 40 * h * TIME)
    np.testing.assert_allclose(samples.log_determinant, np.linalg.slogdet(samples.values)[1], rtol=0, atol=1e-9)


def test_the_angle_of_two_inputs_of_a_linear_network_is_that_of_the_one_dimensional_equation():
    rho = linear_samples().correlations
    for i, j in ((0, 1), (0, 2), (1, 2)):
        agree(np.arcsin(rho[:, i, j]), math.asin(V0[i, j]), 0.005)  # gd(artanh rho) is a martingale
    rng = np.random.default_rng(0)
    x = np.full(40_000, math.atanh(0.6))
    h = TIME / 64
    for _ in range(64):
        x = x + 0.5 * np.tanh(x) * h + math.sqrt(h) * rng.standard_normal(len(x))
    y = np.arctanh(rho[:, 1, 2])
    for moment in (1, 2):
        error = math.hypot(*(np.std(part**moment) / math.sqrt(len(part)) for part in (x, y)))
        assert abs(np.mean(x**moment) - np.mean(y**moment)) < ERRORS * error + 0.01


def brownian_motion(key, index, points, time, channels):
    """The Brownian motion of sample `index` at equally spaced times."""
    tol = jnp.asarray(time / (2 * (points - 1)))
    motion = random_covariance.brownian_tree(jax.random.fold_in(key, index), jnp.asarray(time), tol, channels)
    return np.asarray(jax.vmap(motion.evaluate)(jnp.linspace(0.0, time, points)))


def test_the_log_ode_has_the_diagonal_that_is_known_and_is_the_product_of_exponentials_off_it():
    key, steps, substeps = jax.random.key(5), 8, 16
    found = covariance(PAIR, 1.0, key=key, samples=2, steps=steps, substeps=substeps, solver="rde",
                       calculus="stratonovich")  # fmt: skip
    for index in range(2):
        B = brownian_motion(key, index, steps * substeps + 1, 1.0, 3)
        M0 = np.linalg.cholesky(PAIR)
        for channel, i in ((0, 1), (2, 2)):
            expected = M0[i - 1, i - 1] * math.exp(B[-1, channel] / math.sqrt(2) - i / 2)
            # inner solves to 1e-6, relative to each step
            assert abs(found.factors[index, i - 1, i - 1] / expected - 1) < 1e-4
        exact = M0
        for dB in np.diff(B, axis=0):
            a, c = dB[[0, 2]] / math.sqrt(2) - np.array([0.5, 1.0]) / (steps * substeps)
            mean = (math.exp(a) - math.exp(c)) / (a - c)
            exact = exact @ np.array([[math.exp(a), 0.0], [dB[1] * mean, math.exp(c)]])
        # strong order 1 in steps of 1/8 (0.06 seen over many paths)
        assert abs(found.factors[index, 1, 0] - exact[1, 0]) < 0.3


def test_all_four_schemes_give_one_solution_and_those_that_see_the_area_are_nearer():
    def factors(solver, calculus):
        return covariance(PAIR, 1.0, kappa=KAPPA, key=jax.random.key(1), samples=24, steps=32, substeps=8,
                          solver=solver, calculus=calculus).factors  # fmt: skip

    finest = factors("rde", "stratonovich")
    sizes = np.linalg.norm(finest, axis=(1, 2))

    def distance(*scheme):
        gaps = factors(*scheme) - finest
        return math.sqrt(np.mean((np.linalg.norm(gaps, axis=(1, 2)) / sizes) ** 2))

    area = distance("rde", "ito")
    plain = [distance("diffrax", calculus) for calculus in ("ito", "stratonovich")]
    # orders 1 and 1/2 at 32 steps: 0.01, 0.10 and 0.04 seen, and 24 paths vary by a fifth
    assert area < 0.03 and max(plain) < 0.2 and min(plain) > 2 * area


def test_shaped_networks_of_finite_width_have_the_law_of_the_equation():
    n, c, networks = 64, 0.75, 500
    slopes = jnp.array([1 + c / math.sqrt(n), 1 - c / math.sqrt(n)])
    start = jnp.asarray(np.linalg.cholesky(V0))
    M = np.asarray(
        jax.jit(jax.vmap(lambda key: draw(key, start, slopes, 0, n, n)[1][-1]))(
            jax.random.split(jax.random.key(2), networks)
        )
    )
    V = M @ M.swapaxes(1, 2)
    equation = covariance(V0, 1.0, kappa=KAPPA, key=jax.random.key(4), samples=SAMPLES, steps=32)
    # pins: 20,000 samples of the equation, benchmarks/random_covariance.py. Widths shift the laws by about 1/n.
    for values, shift in ((V, 4 / n), (equation.values, 6 / equation.steps)):
        rho = values[:, 0, 1] / np.sqrt(values[:, 0, 0] * values[:, 1, 1])
        agree(np.log(values[:, 0, 0]), -1.0, shift)
        agree(rho, 0.390, 0.005 * ERRORS + shift)
        agree((rho - 0.390) ** 2, 0.539**2, 0.01 + shift)
        agree(np.linalg.slogdet(values)[1], -5.975, 0.024 * ERRORS + 6 * shift)


@pytest.mark.parametrize("slopes", [(1.075, 0.925), (1.0, 0.7)])
def test_the_drift_is_what_one_layer_adds_to_the_correlation(slopes):
    n, sizes, rho = 100, np.array([1.3, 0.7]), 0.4
    phi = lambda u: np.where(u > 0, slopes[0] * u, slopes[1] * u)  # noqa: E731
    angle = math.acos(rho)
    corners = sorted(turn % (2 * math.pi) for turn in (math.pi / 2, 3 * math.pi / 2, angle + math.pi / 2,
                                                        angle + 3 * math.pi / 2))  # fmt: skip
    mean, _ = integrate.quad(
        lambda turn: phi(np.cos(turn)) * phi(np.cos(turn - angle)) / math.pi, 0, 2 * math.pi, points=corners
    )
    added = n * (2 * mean / (slopes[0] ** 2 + slopes[1] ** 2) - rho) * math.sqrt(sizes.prod())
    kappa = n * (slopes[0] - slopes[1]) ** 2 / (math.pi * (slopes[0] ** 2 + slopes[1] ** 2))
    V = np.diag(sizes)
    V[0, 1] = V[1, 0] = rho * math.sqrt(sizes.prod())
    b = np.asarray(triangular.bend(jnp.asarray(V), kappa))
    np.testing.assert_allclose(b, [[0, added], [added, 0]], rtol=0, atol=1e-12)
    driver = rn.networks.NetworkDriver(np.zeros((1, 2, 2)), np.zeros((2, 2, 2)), n, slopes)
    assert driver.kappa == pytest.approx(kappa, rel=1e-12)
    # M Psi(M^{-1} b M^{-T}) is the derivative of the Cholesky factor along b
    M = np.linalg.cholesky(V)
    slope = (np.linalg.cholesky(V + 1e-5 * b) - np.linalg.cholesky(V - 1e-5 * b)) / 2e-5
    np.testing.assert_allclose(triangular.drift(jnp.asarray(M), kappa), slope, rtol=0, atol=1e-8)


def test_samples_do_not_depend_on_how_many_there_are_and_times_may_be_several():
    told = []
    settings = {"key": jax.random.key(0), "kappa": 0.3, "steps": 8}
    few = covariance(PAIR, [0.5, 1.0], samples=3, progress=lambda done, of: told.append((done, of)), **settings)
    assert few.values.shape == few.factors.shape == (3, 2, 2, 2) and few.correlations.shape == (3, 2, 2, 2)
    assert told == [(3, 3)] and few.time.tolist() == [0.5, 1.0] and few.log_determinant.shape == (3, 2)
    chunked = pytest.MonkeyPatch()
    with chunked.context() as patch:
        patch.setattr(random_covariance, "_MOST_AT_ONCE", 3)
        many = covariance(PAIR, [0.5, 1.0], samples=4, progress=lambda done, of: told.append((done, of)), **settings)
    np.testing.assert_array_equal(many.values[:3], few.values)
    assert told[1:] == [(3, 4), (4, 4)] and not np.array_equal(many.values[3], many.values[0])
    assert repr(few) == "RandomCovariance(3 samples of 2 inputs, time=[0.5 1. ], kappa=0.3, 8 steps, diffrax, ito)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 1.0], [1.0, 1.0]], 1.0), r"V0 to be positive definite, got the smallest eigenvalue .* drop inputs"),
        (([[1.0, 2.0], [2.0, 1.0]], 1.0), r"positive definite, got the smallest eigenvalue -1 beside the largest 3"),
        (([[1.0, 0.5], [0.4, 1.0]], 1.0), r"symmetric V0, got V0\[0, 1\] - V0\[1, 0\] = 0.1"),
        (([1.0, 0.5], 1.0), r"Gram matrix, shape \(inputs, inputs\), got shape \(2,\)"),
        ((PAIR, 0), "time above 0, got 0; it is layers over width"),
        ((PAIR, -1.0), "time above 0, got -1"),
        ((PAIR, [0.0, 1.0]), "positive times"),
        ((PAIR, [1.0, 0.5]), "increasing"),
        ((PAIR, math.inf), "time"),
    ],
)
def test_bad_covariances_and_times_are_refused(arguments, message):
    with pytest.raises(rn.InputError, match=f"^expected .*{message}"):
        covariance(*arguments, key=jax.random.key(0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kappa": -0.1}, "kappa at least 0, got -0.1"),
        ({"key": 3}, "a JAX random key, got 3"),
        ({"samples": 0}, "samples at least 1, got 0"),
        ({"steps": 0}, "steps at least 1, got 0"),
        ({"substeps": 0}, "substeps at least 1, got 0"),
        ({"solver": "euler"}, "solver"),
        ({"calculus": "itoo"}, "calculus"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(rn.InputError, match=f"^expected .*{message}"):
        covariance(PAIR, 1.0, **({"key": jax.random.key(0)} | settings))


def test_an_unshaped_network_has_the_limit_of_its_own():
    V0, key = [[1.0, 0.5], [0.5, 4.0]], jax.random.key(3)
    drawn = rn.networks.covariance(V0, 0.5, unshaped=True, width=100, key=key, samples=4, steps=20)
    other = rn.networks.unshaped_covariance(V0, 0.5, width=100, key=key, samples=4, steps=20)
    np.testing.assert_array_equal(drawn.values, other.covariances)
    angles = np.arccos(drawn.correlations[:, 0, 1])
    np.testing.assert_allclose(angles, other.distances[:, 0, 1] / 100, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unshaped": True}, "expected a width with unshaped=True"),
        ({"width": 100}, "expected no width of a shaped network"),
        ({"unshaped": True, "width": 100, "kappa": 0.5}, "expected no kappa, substeps, solver or calculus"),
        ({"unshaped": True, "width": 100, "solver": "rde"}, "expected no kappa, substeps, solver or calculus"),
        ({"unshaped": True, "width": 3}, "width of at least"),
    ],
)
def test_what_an_unshaped_network_does_not_have_is_refused(change, message):
    with pytest.raises(rn.InputError, match=message):
        rn.networks.covariance([[1.0, 0.5], [0.5, 1.0]], 0.5, key=jax.random.key(0), **change)
