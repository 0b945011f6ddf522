"""The random real depth: the law against its closed form, its moments and simulated networks."""

import math

import jax
import numpy as np
import pair_networks
import pytest
from scipy import special

import roughntk as rn
from roughntk._checks import InputError
from roughntk.maps import relu_flow
from roughntk.networks import effective_depth
from roughntk.networks._depth_law import depth_law

LEVELS = np.array([0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])


def bessel(order, x):
    """K_{i order}(x), shape (orders, x): int_0^oo e^{-x cosh u} cos(order u) du by the trapezoidal rule."""
    u = np.linspace(0, 12, 241)
    weights = np.full(u.size, u[1])
    weights[0] /= 2
    return (np.cos(np.outer(order, u)) * weights) @ np.exp(-np.outer(np.cosh(u), x))


def closed_form(t, start, x):
    """The density of log y_t, by the Kontorovich-Lebedev expansion: x = log y moves in the potential e^{-2x}/4.

    From y_0 = 0 the Bessel function of the start tends to sqrt(pi/(2b)) e^{-b}. The integral cancels for small t.
    """
    order = np.linspace(0, 12 / math.sqrt(t), 241)
    a = np.exp(-x) / 2
    measure = np.exp(-(order**2 + 0.25) * t) * order * np.sinh(math.pi * order) * 2 / math.pi**2 * order[1]
    if start == 0:
        return math.sqrt(math.pi) * np.exp(x / 2 - a) * (measure @ bessel(order, a))
    b = 1 / (2 * start)
    return np.exp((x - math.log(start)) / 2 - a + b) * ((measure * bessel(order, [b])[:, 0]) @ bessel(order, a))


@pytest.mark.parametrize("start", [0.0, 0.3])
def test_the_law_is_that_of_its_closed_form(start):
    t, x = 0.5, np.linspace(-4.5, 7.5, 601)
    density = closed_form(t, start, x)
    assert abs(density.sum() * (x[1] - x[0]) - 1) < 1e-9
    law = depth_law(t, start)
    scores = special.ndtri(LEVELS)
    ends = law.log_quantile(scores)
    # Probabilities by Gauss' rule from far below, where nothing is.
    nodes, weights = np.polynomial.legendre.leggauss(80)
    for level, end, slack in zip(LEVELS, ends, law.log_quantile_error(scores), strict=True):
        places = -4.5 + (end + 4.5) * (1 + nodes) / 2
        height = closed_form(t, start, places)
        below = (end + 4.5) / 2 * float(weights @ height)
        # The estimate holds up to a factor of ten and the 1e-11 or so that cancel in the closed form.
        assert abs(below - level) < 1e-10 + 10 * slack * closed_form(t, start, np.array([end]))[0]
    assert law.error < 1e-8


@pytest.mark.parametrize(("time", "angle"), [((50, 500), None), ((100, 500), 1.0)])
def test_mean_and_variance_are_those_of_the_quantiles(time, angle):
    law = effective_depth(*time, angle=angle)
    edges = np.linspace(-8, 8, 4001)
    scores = (edges[1:] + edges[:-1]) / 2
    share = np.diff(special.ndtr(edges))
    depths = law._depth(law._law.log_quantile(scores))
    mean = float(share @ depths)
    assert mean == pytest.approx(law.mean, rel=1e-5)
    assert float(share @ (depths - mean) ** 2) == pytest.approx(law.variance, rel=1e-3)


def test_the_closed_moments_are_those_of_the_equation():
    """E y and E y^2 obey m' = 1 + 2m and m_2' = 2m + 6 m_2, from y_0."""
    for layers, width, angle in ((100, 200, 1.0), (300, 200, None), (3, 1000, 2.0)):
        law = effective_depth(layers, width, angle=angle)
        matrix = np.array([[0, 0, 0], [1, 2, 0], [0, 2, 6.0]]) * law.time
        powers, term = np.eye(3), np.eye(3)
        for k in range(1, 80):
            term = term @ matrix / k
            powers = powers + term
        _, first, second = powers @ [1, law.start, law.start**2]
        shift = 0 if angle is None else 1 - width * law.start
        assert law.mean == pytest.approx(width * first + shift, rel=1e-11)
        assert law.variance == pytest.approx(width**2 * (second - first**2), rel=1e-7)
    law = effective_depth(1000, 1000)
    assert law.mean == pytest.approx(1000 * (math.e**2 - 1) / 2, rel=1e-13)
    assert law.variance == pytest.approx(1e6 * (math.e**6 / 12 - math.e**2 / 4 + 1 / 6 - (math.e**2 - 1) ** 2 / 4))


def test_the_depth_of_a_very_wide_network_is_normal_around_its_layers():
    """log(y/t) has variance 2t/3 and mean t/3 to first order in t."""
    law = effective_depth(100, 10**10)
    t = law.time
    expected = 100 * np.exp(t / 3 + special.ndtri(LEVELS) * math.sqrt(2 * t / 3))
    np.testing.assert_allclose(law.quantile(LEVELS) - 100, expected - 100, rtol=1e-3, atol=3 * t * 100)
    assert law.mean == pytest.approx(100 * (1 + t), rel=1e-12)
    pair = effective_depth(100, 10**10, correlation=0.5)
    assert pair.quantile(0.5) == pytest.approx(
        101, abs=1e-3
    )  # 100 maps are the depth 101 of an infinitely wide network


@pytest.mark.parametrize(
    ("t", "known"),
    [(0.1, (0.704, 1.062, 1.66)), (0.5, (0.541, 1.362, 4.10)), (1, (0.502, 1.90, 10.1)), (2, (0.506, 3.83, 48.4))],
)
def test_quantiles_are_those_that_were_simulated_before(t, known):
    quantiles = effective_depth(int(1000 * t), 1000).quantile([0.05, 0.5, 0.95]) / (1000 * t)
    np.testing.assert_allclose(quantiles, known, rtol=0.025)  # what the simulation was off


def test_very_deep_networks_are_lognormal():
    """log y - t has the law of sqrt(2t) times a normal and a variable that does not grow with t."""
    scores = np.array([-2.0, 0.0, 2.0])
    law = depth_law(1e5, 0.0)
    np.testing.assert_allclose((law.log_quantile(scores) - 1e5) / math.sqrt(2e5), scores, atol=0.02)
    assert effective_depth(10**6, 2).mean == math.inf


@pytest.mark.parametrize(("layers", "width"), [(1, 2**62), (2**62, 2), (1, 2), (10**6, 10**6)])
def test_no_network_is_too_wide_or_too_deep(layers, width):
    law = effective_depth(layers, width)
    quantiles = law.quantile([1e-9, 0.05, 0.5, 0.95, 1 - 1e-9])
    if layers == 2**62:
        assert np.isinf(quantiles).all()
    else:
        assert np.isfinite(quantiles).all() and (np.diff(quantiles) > 0).all()


def test_simulated_networks_follow_the_law_in_the_abel_clock():
    width, layers, angle = 128, 64, math.pi / 3
    theta = np.concatenate([pair_networks.angles(angle, width, layers, 500, [seed, 7])[0] for seed in range(6)])
    depth = 1 + np.asarray(relu_flow.abel(theta)) - float(relu_flow.abel(angle))
    law = effective_depth(layers, width, angle=angle)
    ranks = (np.arange(depth.size) + 0.5) / depth.size
    distance = np.abs(law.probability(np.sort(depth)) - ranks).max()
    # Kolmogorov: sqrt(samples) distance > 2.7 has probability 1e-6; the rest is of the order 1/width.
    assert distance < 2.7 / math.sqrt(depth.size) + 2 / width
    assert np.abs(effective_depth(layers, width).probability(np.sort(depth)) - ranks).max() > 0.08  # the start counts
    # That is how the kernel of an infinitely wide network at the sampled depths has the law of cos theta.
    drawn = law.sample(jax.random.key(1), 3000)
    kernel = np.sort(np.asarray(rn.kernels.ReluNNGP().at_angle(angle, np.maximum(drawn, 1.0))))
    gap = np.searchsorted(kernel, np.cos(theta)) / kernel.size
    assert np.abs(np.sort(gap) - ranks).max() < 2.7 * math.sqrt(2 / depth.size) + 2 / width


def test_samples_have_the_law_and_its_inverse_is_the_probability():
    law = effective_depth(100, 100)
    drawn = np.sort(law.sample(jax.random.key(3), 20000))
    assert np.abs(law.probability(drawn) - (np.arange(20000) + 0.5) / 20000).max() < 2.7 / math.sqrt(20000)
    np.testing.assert_array_equal(np.sort(law.sample(jax.random.key(3), 20000)), drawn)
    np.testing.assert_allclose(law.probability(law.quantile(LEVELS)), LEVELS, rtol=1e-6)
    assert law.probability([-1.0, 0.0, math.inf]).tolist() == [0.0, 0.0, 1.0]
    assert isinstance(law.quantile(0.5), float) and law.quantile([[0.5]]).shape == (1, 1)
    assert 0 < law.quantile_error(0.5) < 1e-5
    family = rn.kernels.ReluNTK()
    one = effective_depth(50, 100, correlation=0.0).sample(jax.random.key(0), 1)[0]
    assert family(np.eye(2), depth=one).shape == (2, 2)


def test_it_shows_itself():
    law = effective_depth(50, 100, angle=1.0)
    assert "50 layers of width 100, from the angle 1" in repr(law)
    assert dict(law.rows())["layers"] == "50" and "<table>" in law._repr_html_()
    assert law.plot().get_xlabel() == "real depth" and len(law.to_dataframe()) == 99


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: effective_depth(0, 10), "expected layers at least 1, got 0"),
        (lambda: effective_depth(2.5, 10), "expected layers to be a whole number, got 2.5"),
        (lambda: effective_depth(5, 1), "expected width at least 2, got 1"),
        (
            lambda: effective_depth(5, 10, angle=0.0),
            "expected angle at least 1e-100 and at most 3.14.*, got 0.0; equal inputs",
        ),
        (lambda: effective_depth(5, 10, angle=4.0), "expected angle at least 1e-100 and at most 3.14.*, got 4.0"),
        (lambda: effective_depth(5, 10, correlation=1), "expected correlation at least -1 and below 1, got 1"),
        (lambda: effective_depth(5, 10, angle=1.0, correlation=0.5), "expected an angle or a correlation, got both"),
        (lambda: effective_depth(5, 10).quantile(0.0), "expected probabilities q above 0 and below 1, got 0.0"),
        (lambda: effective_depth(5, 10).quantile([0.5, 1.0]), "above 0 and below 1, got 1.0"),
        (lambda: effective_depth(5, 10).quantile(math.nan), "above 0 and below 1, got nan"),
        (lambda: effective_depth(5, 10).quantile("median"), "expected q to hold real numbers"),
        (lambda: effective_depth(5, 10).probability(math.nan), "expected depths, got NaN"),
        (lambda: effective_depth(5, 10).sample(0, 3), "expected a JAX random key, got 0"),
        (lambda: effective_depth(5, 10).sample(jax.random.key(0), 0), "expected samples at least 1, got 0"),
    ],
)
def test_what_is_no_network_or_probability_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
