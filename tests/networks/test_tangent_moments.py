"""The second moment of the tangent kernel: exact fractions, enumeration, simulated networks, and the limit."""

import math
from fractions import Fraction

import numpy as np
import pair_networks
import pytest

from roughntk._checks import InputError
from roughntk.networks import tangent_moments


def in_fractions(layers, n):
    """The recursion as it was first derived, in other unknowns, without rounding."""
    c, F, M, B, X, Y, S = 1 + Fraction(5, n), Fraction(3), Fraction(n + 2), Fraction(n * (n + 2)), 0, 0, 0
    for _ in range(layers):
        tau = Fraction(4, n * n) * (
            F
            + (M - F) * Fraction(n - 2, n - 1)
            + (B - 2 * M + F) * (Fraction(n * n + n, 4) - 1) / (n * n - 1)
        )  # fmt: skip
        q, r = (F + M) / n, (X + Y) / Fraction(n)
        X, Y, S = q + c * X, q + (n - 1) * tau + c * X + (n - 1) * r, tau + 2 * r + c * S
        F, M, B = c * F, c * F + q * (n - 1), c * F + 2 * (n - 1) * q + (n * n - 1) * tau
    return S / layers**2


@pytest.mark.parametrize(
    ("width", "layers", "known"),
    [
        (10, 1, 1.5), (16, 2, 1.55859375), (16, 4, 2.3561553955), (64, 16, 2.5583154700), (64, 64, 64.5033542),
        (256, 256, 73.5115049), (2, 7, None), (3, 50, None),
    ],
)  # fmt: skip
def test_powers_of_one_matrix_are_the_recursion(width, layers, known):
    moments = tangent_moments(layers, width)
    exact = in_fractions(layers, width)
    assert abs(Fraction(moments.ratio) - exact) <= Fraction(moments.error_bound) * exact
    assert moments.log_ratio == pytest.approx(math.log(exact), rel=1e-12)
    if known is not None:
        assert moments.ratio == pytest.approx(known, rel=2e-9)
    assert (moments.mean, moments.time) == (layers, layers / width)
    assert moments.variance == pytest.approx(moments.second_moment - moments.mean**2)


def test_one_layer_is_the_sum_over_its_numbers_of_active_units():
    """Theta = (2/n) sum of k squared normals, k units being active."""
    for n in (2, 10, 33):
        exact = sum(Fraction(math.comb(n, k), 2**n) * Fraction(4, n * n) * k * (k + 2) for k in range(n + 1))
        assert tangent_moments(1, n).ratio == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize(("width", "layers", "samples"), [(16, 2, 60_000), (16, 4, 30_000), (2, 2, 100_000)])
def test_simulated_networks_have_that_second_moment(width, layers, samples):
    """Width 2 has layers without an active unit in every other network: they are counted."""
    parts = [
        pair_networks.kernels_from_weights(np.eye(1, width), width, layers, 10_000, [seed, width, layers])[:, 0, 0]
        for seed in range(samples // 10_000)
    ]
    squares = np.concatenate(parts) ** 2 / layers**2
    error = squares.std() / math.sqrt(samples)
    assert abs(squares.mean() - tangent_moments(layers, width).ratio) < 5.5 * error
    assert abs(np.concatenate(parts).mean() / layers - 1) < 5.5 * np.concatenate(parts).std() / layers / samples**0.5


def test_a_linear_network_has_its_own_recursion():
    rng = np.random.default_rng(5)
    width, layers, samples = 6, 3, 40_000
    h, below, weights = np.ones((samples, 1)), [], []
    for _ in range(layers):
        W = rng.standard_normal((samples, width, h.shape[1])) / math.sqrt(width)
        below.append((h**2).sum(1))
        weights.append(W)
        h = np.einsum("sij,sj->si", W, h)
    b, total = rng.standard_normal((samples, width)), np.zeros(samples)
    for W, norm in zip(weights[::-1], below[::-1], strict=True):
        total += (b**2).sum(1) * norm / width
        b = np.einsum("sij,si->sj", W, b)
    squares = total**2 / layers**2
    moments = tangent_moments(layers, width, activation="linear")
    assert abs(squares.mean() - moments.ratio) < 5.5 * squares.std() / math.sqrt(samples)
    # One layer: |a|^2 |x|^2/n, whose square has the mean 1 + 2/n.
    assert tangent_moments(1, 6, activation="linear").ratio == pytest.approx(1 + 2 / 6, rel=1e-14)


@pytest.mark.parametrize(("t", "known"), [(0.1, 1.458273), (0.25, 2.659135), (0.5, 7.760316), (1, 76.96860)])
def test_wide_and_deep_networks_tend_to_the_limit(t, known):
    coarse, fine = tangent_moments(int(1000 * t), 1000), tangent_moments(int(100_000 * t), 100_000)
    assert coarse.limit == pytest.approx(known, rel=1e-6)
    assert coarse.ratio == pytest.approx(known, rel=0.02)
    assert fine.ratio / fine.limit - 1 == pytest.approx((coarse.ratio / coarse.limit - 1) / 100, rel=0.05)  # order 1/n
    linear = tangent_moments(int(100_000 * t), 100_000, activation="linear")
    closed = math.exp(2 * t) * (1 / 3 + 4 / (9 * t) * (1 - (1 - math.exp(-3 * t)) / (3 * t)))
    assert linear.limit == pytest.approx(closed, rel=1e-9)
    assert linear.ratio == pytest.approx(closed, rel=1e-4)


def test_the_limit_keeps_its_digits_where_its_formula_cancels():
    for n in (10**9, 10**7, 61, 59):
        t = 1 / n
        series = math.exp(5 * t) * (1 / 3 + 2 / 3 * (1 - 2 * t + 3 * t**2 - 18 / 5 * t**3 + 18 / 5 * t**4))
        assert tangent_moments(1, n).limit == pytest.approx(series, rel=1e-8)
    assert tangent_moments(1, 10**15).limit == pytest.approx(1, abs=1e-14)


def test_a_million_layers_do_not_overflow_but_in_the_ratio():
    deep = tangent_moments(10**6, 2)
    assert deep.ratio == math.inf and deep.limit == math.inf and deep.variance == math.inf
    # E Theta^2 is of the order L^2 (1 + 5/n)^L.
    deeper = tangent_moments(10**6 + 1, 2)
    assert deeper.log_ratio - deep.log_ratio == pytest.approx(math.log(3.5), rel=1e-8)
    wide = tangent_moments(10**6, 10**6)
    assert wide.ratio == pytest.approx(wide.limit, rel=2e-5) and wide.error_bound < 1e-8
    assert "76.96" in repr(wide)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tangent_moments(0, 10), "expected layers at least 1, got 0"),
        (lambda: tangent_moments(1, 1), "expected width at least 2, got 1"),
        (lambda: tangent_moments(1.5, 10), "expected layers to be a whole number"),
        (lambda: tangent_moments(1, 10, activation="tanh"), "expected.*activation.*tanh"),
    ],
)
def test_what_is_no_network_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
