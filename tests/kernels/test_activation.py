"""Families of any activation: closed forms, exact decimals, Monte Carlo, and refusals."""

import functools
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

import roughntk as rn
from roughntk.kernels import ActivationNNGP, ActivationNTK, ErfNNGP, ErfNTK, GeluNTK, TanhNTK

EPS = np.finfo(np.float64).eps
DATA = json.loads((Path(__file__).parents[1] / "data" / "families.json").read_text())["quadrature"]
THETA = np.concatenate([np.arccos([-1, -0.9, -0.5, 0, 0.3, 0.9, 0.99, 1]), [1e-3, 1e-6, 1e-9]])
ERF, GELU = jax.scipy.special.erf, GeluNTK().activation


@functools.cache
def family(kind, phi, *parameters):
    return kind(phi, *parameters)


@pytest.mark.parametrize("weight_variance", [1.0, 1.55211786])
def test_erf_by_quadrature_is_erf_in_closed_form(weight_variance):
    for kind, closed in ((ActivationNTK, ErfNTK), (ActivationNNGP, ErfNNGP)):
        found, exact = family(kind, ERF, weight_variance, 0.1), closed(weight_variance, 0.1)
        for depth in (2, 10, 1000):
            np.testing.assert_allclose(found.at_angle(THETA, depth), exact.at_angle(THETA, depth), rtol=0, atol=1e-12)
    # near c = 1 the defect keeps its relative accuracy
    small = jnp.asarray([1e-3, 1e-6, 1e-9])
    defects = [jax.jit(lambda t, f=f: f.defect_at_angle(t, jnp.asarray(10)))(small) for f in (found, exact)]
    np.testing.assert_allclose(*defects, rtol=1e-12)
    assert found.multiplier == pytest.approx(exact.multiplier, rel=1e-12)


@pytest.mark.parametrize("table", DATA, ids=lambda table: table["family"])
def test_tanh_and_gelu_agree_with_28_digit_quadrature(table):
    phi = {"tanh": jnp.tanh, "gelu": GELU}[table["family"]]
    rho = np.array([float(value) for value in table["rho"]])
    for name, kind in (("nngp", ActivationNNGP), ("ntk", ActivationNTK)):
        found = family(kind, phi, 1.5, 0.1)
        for depth, row in zip(table["depths"], table[name], strict=True):
            np.testing.assert_allclose(found.at_correlation(rho, depth), [float(v) for v in row], rtol=0, atol=1e-12)


def by_trapezoids(phi, slope, rho, depth):
    """(NNGP, NTK) at a depth, by the trapezoidal rule over the plane: exponentially accurate for Gaussians."""
    z = np.linspace(-11, 11, 221)
    x, y = z[:, None], z[None, :]
    weights = np.exp(-(x**2 + y**2) / 2) * (z[1] - z[0]) ** 2 / (2 * np.pi)

    def means(q, c):
        u, v = np.sqrt(q) * x, np.sqrt(q) * (c * x + np.sqrt((1 - c) * (1 + c)) * y)
        return (weights * phi(u) * phi(v)).sum(), (weights * slope(u) * slope(v)).sum()

    sigma = tangent = np.array([1.6, 1.5 * rho + 0.1])  # on and off the diagonal
    for _ in range(depth - 1):
        pairs = [means(sigma[0], c) for c in (1.0, sigma[1] / sigma[0])]
        sigma = np.array([1.5 * pair[0] + 0.1 for pair in pairs])
        tangent = tangent * np.array([1.5 * pair[1] for pair in pairs]) + sigma
    return sigma[1] / sigma[0], tangent[1] / tangent[0]


@pytest.mark.parametrize("name", ["tanh", "gelu"])
def test_deep_networks_agree_with_another_quadrature(name):
    normal = {"cdf": scipy.special.ndtr, "pdf": lambda u: np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)}
    phi, slope = {
        "tanh": (np.tanh, lambda u: np.cosh(u) ** -2.0),
        "gelu": (lambda u: u * normal["cdf"](u), lambda u: normal["cdf"](u) + u * normal["pdf"](u)),
    }[name]
    own = {"tanh": jnp.tanh, "gelu": GELU}[name]
    for rho in (-0.7, 0.4):
        nngp, ntk = by_trapezoids(phi, slope, rho, 10)
        assert float(family(ActivationNNGP, own, 1.5, 0.1).at_correlation(rho, 10)) == pytest.approx(nngp, abs=1e-12)
        assert float(family(ActivationNTK, own, 1.5, 0.1).at_correlation(rho, 10)) == pytest.approx(ntk, abs=1e-12)


def test_sine_has_its_closed_form_and_its_antipodes():
    """E[sin u sin u'] = e^{-q} sinh(q c)."""
    found = family(ActivationNNGP, jnp.sin, 1.5, 0.0)
    rho = np.linspace(-1, 1, 11)
    np.testing.assert_allclose(found.at_correlation(rho, 2), np.sinh(1.5 * rho) / np.sinh(1.5), rtol=0, atol=64 * EPS)
    assert float(found.at_correlation(-1.0, 300)) == -1.0  # an odd activation keeps them, exactly


def test_a_random_network_of_tanh_has_this_covariance():
    """One hidden layer, 200 000 units: the mean of products lies within four standard errors."""
    found = family(ActivationNNGP, jnp.tanh, 1.5, 0.1)
    rng, rho = np.random.default_rng(5), 0.3
    q, c = 1.6, (1.5 * rho + 0.1) / 1.6
    x, y = rng.standard_normal((2, 200_000))
    u, v = np.sqrt(q) * x, np.sqrt(q) * (c * x + np.sqrt(1 - c * c) * y)
    products = 1.5 * np.tanh(u) * np.tanh(v) + 0.1
    diagonal = 0.8199946127955883351301268853
    error = products.std() / np.sqrt(len(products)) / diagonal
    assert abs(products.mean() / diagonal - float(found.at_correlation(rho, 2))) < 4 * error < 0.01


def test_derivatives_in_angle_and_parameters_are_those_of_differences():
    def kernel(weight_variance, bias_variance, rho):
        return ActivationNTK(jnp.tanh, weight_variance, bias_variance).at_correlation(rho, 4)

    at, h = (1.4, 0.2, 0.3), 1e-5
    for i, slope in enumerate(jax.grad(kernel, argnums=(0, 1, 2))(*at)):
        ends = [kernel(*(value + s * h * (i == j) for j, value in enumerate(at))) for s in (1, -1)]
        assert float(slope) == pytest.approx(float(ends[0] - ends[1]) / (2 * h), abs=1e-8)
    for rho in (-1.0, 0.0, 1.0):
        assert np.isfinite(jax.grad(lambda r: kernel(1.4, 0.2, r))(rho))


def test_infinite_depth_is_where_deep_networks_tend_to():
    theta = np.array([0.0, 0.5, 2.0, np.pi])
    ordered = family(ActivationNTK, ERF, 1.0, 0.1)
    assert ordered.at_angle(theta, math.inf).tolist() == [1.0] * 4 and ordered.collapses
    critical = family(ActivationNTK, ERF, float(ErfNTK.critical().weight_variance), 0.1)
    np.testing.assert_allclose(critical.at_angle(theta, math.inf), [1, 1 / 3, 1 / 3, 1 / 3])
    chaotic = family(ActivationNTK, jnp.sin, 3.0, 0.1)
    assert chaotic.multiplier > 1 and not chaotic.collapses
    np.testing.assert_allclose(chaotic.at_angle(theta, math.inf), [1, 0, 0, 0], rtol=0, atol=1e-12)
    with pytest.raises(rn.InputError, match="variance that tends to a positive"):
        family(ActivationNTK, jnp.sin, 0.9, 0.0).at_angle(theta, math.inf)
    with pytest.raises(rn.InputError, match="whole depth"):
        ordered.at_angle(theta, 2.5)


def test_the_error_estimate_is_honest():
    exact = ErfNTK(2.0, 0.1)
    coarse = ActivationNTK(ERF, 2.0, 0.1, nodes=32, tolerance=1.0)
    seen = np.max(np.abs(coarse.at_angle(THETA, 2) - exact.at_angle(THETA, 2)))
    assert 1e-8 < seen < coarse.dual_error()
    assert family(ActivationNTK, jnp.tanh, 1.5, 0.1).dual_error() < 1e-12
    assert ActivationNTK(jax.nn.relu, 1.0, tolerance=1.0).dual_error() > 1e-3


@pytest.mark.parametrize(
    ("phi", "parameters", "message"),
    [
        (jax.nn.relu, {"weight_variance": 1.0}, "ReluNTK"),
        (jnp.abs, {"weight_variance": 0.5}, "estimated error"),
        (lambda u: jnp.where(u > 0, 1.0, 0.0), {}, "estimated error"),
        (lambda u: jnp.exp(u**2), {}, "square-integrable"),
        (lambda u: jnp.exp(0.4 * u**2), {}, "square-integrable"),
        (lambda u: u, {"weight_variance": 2.0}, "stay bounded"),
        (lambda u: 0 * u, {}, "vanish"),
        (jnp.log, {}, "finite on the real line"),
        (lambda u: u.astype(complex) * 1j, {}, "complex128"),
        (np.tanh, {}, "jax.numpy"),
        (lambda u: u / jnp.max(u), {}, "elementwise"),
        ("tanh", {}, "expected an activation"),
        (jnp.tanh, {"weight_variance": 0.0}, "weight_variance above 0"),
        (jnp.tanh, {"bias_variance": -0.1}, "bias_variance at least 0"),
        (jnp.tanh, {"input_variance": 0.0}, "input_variance above 0"),
        (jnp.tanh, {"nodes": 10_000}, "nodes from 16 to 600"),
    ],
)
def test_activations_that_cannot_serve_are_refused(phi, parameters, message):
    with pytest.raises(rn.InputError, match=message):
        ActivationNTK(phi, **parameters)


def test_named_choices_are_activation_families():
    for kind in (TanhNTK, GeluNTK):
        assert isinstance(kind(), ActivationNTK)
