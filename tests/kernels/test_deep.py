"""Depths that layers cannot be counted to: what follows from the first layers, and where it tends to."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from exact_networks import cosine, erf_network, relu_network, residual_network

import roughntk as rn
from roughntk.kernels import (
    BiasedReluNNGP,
    BiasedReluNTK,
    CompositionKernel,
    ErfNNGP,
    ErfNTK,
    LeakyReluNTK,
    ResidualReluNNGP,
    ResidualReluNTK,
    TanhNTK,
)
from roughntk.kernels.named import cubic, exponential

EPS = np.finfo(np.float64).eps
THETA = [1e-6, 0.5, math.pi - 1e-3, math.pi]
COUNTED, DEPTH = 300, 1200
CRITICAL = float(ErfNTK.critical().weight_variance)


def networks():
    """Kinds, parameters, and the network in many digits at `DEPTH`."""
    steep, vanishing, chaotic = mp.mpf(0.97), math.pi / 4, 0.7862
    return {
        "erf, critical": ((ErfNTK,), (CRITICAL, 0.1), lambda c: erf_network(CRITICAL, 0.1, 1, c, DEPTH)),
        "erf, vanishing": ((ErfNTK,), (vanishing, 0.0), lambda c: erf_network(vanishing, 0, 1, c, DEPTH)),
        "erf, chaotic": ((ErfNNGP, ErfNTK), (chaotic, 1e-20), lambda c: erf_network(chaotic, 1e-20, 1, c, DEPTH)),
        "biased, critical": ((BiasedReluNTK,), (1.0, 2.0), lambda c: relu_network(0, 2, 1, 1, c, DEPTH)),
        "biased, ordered": (
            (BiasedReluNNGP, BiasedReluNTK), (1.0, 1.998), lambda c: relu_network(0, 1.998, 1, 1, c, DEPTH),
        ),
        "leaky, steep": ((LeakyReluNTK,), (0.97,), lambda c: relu_network(0.97, 2 / (1 + steep**2), 0, 1, c, DEPTH)),
        "residual, stable": (
            (ResidualReluNTK,), (), lambda c: residual_network(2, mp.mpf(1) / (DEPTH - 1), c, DEPTH - 1),
        ),
        "residual, fixed": (
            (ResidualReluNNGP, ResidualReluNTK), (2.0, 0.3), lambda c: residual_network(2, mp.mpf(0.3), c, DEPTH - 1),
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", networks())
def test_the_flow_from_the_first_layers_on_is_the_recursion(name, monkeypatch):
    kinds, parameters, network = networks()[name]
    with mp.workdps(30):
        exact = np.array([[float(part) for part in network(cosine(theta))] for theta in THETA])
    for kind in kinds:
        monkeypatch.setattr(kind.network, "counted_layers", COUNTED)
        found = kind(*parameters).at_angle(np.array(THETA), DEPTH)
        # the series is cut at (1/300)^6/7, the integration at 1e-13; chi is 1 to rounding, over 1200 layers
        np.testing.assert_allclose(found, exact[:, int(kind.name.endswith("ntk"))], rtol=0, atol=8 * DEPTH * EPS)


DEEP = [
    ErfNTK.critical, lambda: ErfNTK(CRITICAL * (1 - 1e-9), 0.1), lambda: BiasedReluNTK(1.0, 2 + 1e-9),
    lambda: LeakyReluNTK(0.97), lambda: ResidualReluNTK(scaling=0.3), lambda: ErfNTK(2.5, 0.0),
    TanhNTK.critical, lambda: CompositionKernel(exponential), lambda: CompositionKernel(cubic),
]  # fmt: skip


@pytest.mark.parametrize("build", DEEP)
def test_deep_kernels_come_ever_nearer_to_their_limit(build):
    family, theta = build(), np.array([0.0, 0.5, 2.5])
    limit = np.asarray(family.at_angle(theta, math.inf))
    away = [np.abs(np.asarray(family.at_angle(theta, depth)) - limit) for depth in (10**12, 10**17)]
    # rounding, and what the integration leaves
    assert np.all(away[1] <= away[0] + 1e-13)
    assert np.max(away[1]) < 1e-7


def test_stable_residual_networks_differ_from_their_equation_like_one_over_their_blocks():
    family = ResidualReluNTK()
    limit = float(family.at_angle(0.5, math.inf))
    assert float(family.at_angle(0.5, 10**17)) == pytest.approx(limit, abs=1e-12)  # both integrated to 1e-13
    first, second = ((float(family.at_angle(0.5, n + 1)) - limit) * n for n in (10_000, 1_000_000))
    assert first == pytest.approx(second, rel=1e-3)  # the next term is 1/n of it


@pytest.mark.parametrize("build", [lambda: BiasedReluNTK(1.0, 2.0), lambda: BiasedReluNTK(0.5, 2.5)])
def test_scales_follow_their_closed_form(build):
    family, depth = build(), 10**9
    with mp.workdps(40):
        gain, noise = mp.mpf(float(family.weight_variance)) / 2, mp.mpf(float(family.bias)) ** 2
        first = 2 * gain + noise
        if gain == 1:  # Sigma_l = Sigma_1 + (l - 1) noise, and Theta their sum
            exact = mp.log(depth * first + noise * depth * (depth - 1) / 2)
        else:  # Sigma_l = A gain^(l - 1) + B; Theta = sum gain^(L - l) Sigma_l
            B = noise / (1 - gain)
            last = (depth - 1) * mp.log(gain)
            exact = last + mp.log((first - B) * depth + B * (gain - mp.exp(-last)) / (gain - 1))
    assert family.log_scale(depth) == pytest.approx(float(exact), rel=1e-12)
    assert math.isfinite(ErfNTK().log_scale(10**12))
    assert ErfNTK().log_scale(10**12) == pytest.approx(ErfNTK().log_scale(20_000), rel=1e-12)  # settled


def test_deep_covariances_keep_the_digits_of_their_defects():
    theta = np.array([0.5, 1.0, 2.5])
    for family in (
        ErfNNGP.critical(),
        BiasedReluNNGP(1.0, 2 - 1e-7),
        ResidualReluNNGP(scaling=0.3),
    ):
        form = family.deflated(theta, 10**6)
        defects = -math.exp(form.log_scale) * np.asarray(form.values)
        np.testing.assert_allclose(1 - defects, family.at_angle(theta, 10**6), rtol=0, atol=4 * EPS)
        deeper = family.deflated(theta, 10**13)
        assert deeper.log_scale < form.log_scale - 10
        assert np.all(np.isfinite(deeper.values))


def test_a_composed_map_at_its_neutral_fixed_point_goes_on_moving():
    family = CompositionKernel(exponential, step=jnp.expm1)
    with mp.workdps(30):
        d = mp.cos(1) - 1
        for _ in range(21_999):
            d = mp.expm1(d)
    form = family.deflated([1.0], 22_000)
    assert -math.exp(form.log_scale) * float(-form.values[0]) == pytest.approx(float(d), rel=1e-10)
    # d ~ -2/L
    assert float(family.at_angle(1.0, 10**10)) == pytest.approx(1 - 2e-10, abs=1e-17 + EPS)


def test_what_cannot_be_followed_is_refused_with_the_time_it_would_take():
    family = ErfNTK.critical()
    with pytest.raises(rn.InputError, match="would take some .* seconds layer by layer; choose a smaller depth"):
        TanhNTK(1.0, 0.0).at_angle(1.0, 10**12)
    with pytest.raises(rn.InputError, match="at most 10,000,000 for erf-ntk within jit.*some 1e\\+06 seconds"):
        jax.jit(lambda theta: family.at_angle(theta, 10**12))(1.0)
