"""Laws of kernels: the diagonal, definiteness, even and odd activations, depth as a semigroup, two views."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from family_members import EPS, FAMILIES, POINTS, THETA, built, every_member

import roughntk as rn
from roughntk.kernels import ActivationNTK, LeakyReluNTK, named
from roughntk.kernels.architecture import EVEN, NEITHER, ODD, Architecture, LayeredArchitecture
from roughntk.kernels.layered import LayeredFamily

# Layers of the same map at every depth: NNGP kernels without biases, and compositions.
ONE_MAP = ("relu-nngp", "leaky-relu-nngp", "sigmoid", "composition")
NOT_DEFINITE = ("sigmoid", "composition")  # the paper's Proposition 7 is false; (c + c^3)/2 and others need not be
EVEN_MEMBERS = (ActivationNTK(jnp.cos, 3.0, 0.0), ActivationNTK(named.gaussian, 2.0, 0.0), LeakyReluNTK(-1.0))
ODD_MEMBERS = (rn.kernels.ErfNTK(2.0, 0.0), rn.kernels.TanhNTK(3.0, 0.0))


@eqx.filter_jit
def defects(family, theta, depth):
    return family.defect_at_angle(theta, depth)


@eqx.filter_jit
def path(family, theta, layers):
    return family.path(theta, layers)


def name(family):
    return getattr(family.settings.get("phi"), "strip", lambda: family.name)() or family.name


@every_member
def test_the_diagonal_is_one_and_the_matrix_symmetric_and_semidefinite(member):
    family = built(member)
    for depth in (1, 3, 12):
        K = np.asarray(family(POINTS, depth=depth))
        np.testing.assert_array_equal(K, K.T)
        if not isinstance(family, rn.kernels.CompositionKernel):
            np.testing.assert_array_equal(np.diag(K), 1.0)
            assert family.at_correlation(1.0, depth) == family.at_angle(0.0, depth) == 1.0
        if family.name not in NOT_DEFINITE:
            assert np.linalg.eigvalsh(K)[0] >= -8 * len(K) * EPS  # rounding of entries up to 1


@pytest.mark.parametrize("name", ONE_MAP)
def test_depth_is_a_semigroup_where_all_layers_are_one_map(name):
    family, rho = FAMILIES[name], np.linspace(-0.9, 1.0, 9)
    for first, then in ((2, 3), (5, 20), *(((1.5, 2.25), (11.5, 300.0)) if family.has_real_depth else ())):
        in_two = family.at_correlation(np.asarray(family.at_correlation(rho, first)), then)
        at_once = family.at_correlation(rho, first + then - 1)
        # a correlation near 1 holds half of the digits of its angle, and a layer keeps what is lost
        np.testing.assert_allclose(in_two, at_once, rtol=0, atol=200 * EPS)


@every_member
def test_a_family_knows_its_architecture_and_the_other_view(member):
    family = built(member)
    network = family.architecture
    assert isinstance(network, Architecture) and network.settings == family.settings
    if isinstance(network, rn.kernels.Composition):
        assert network.kernel == family and not family.is_tangent
        for one in (network, family):
            for view in ("ntk", "nngp"):
                with pytest.raises(rn.InputError, match="which has one kernel; use its `kernel`"):
                    getattr(one, view)
        return
    assert network.ntk.is_tangent and not network.nngp.is_tangent
    assert (network.ntk if family.is_tangent else network.nngp) == family
    assert family.ntk == network.ntk and family.nngp == network.nngp and family.ntk.nngp == family.nngp
    assert type(network.ntk) is not type(network.nngp)
    # one network: the same layers, both rho at the first
    both = network.ntk.at_angle(THETA, 1), network.nngp.at_angle(THETA, 1)
    np.testing.assert_allclose(*both, rtol=0, atol=2 * EPS)
    assert network.ntk.multiplier == network.nngp.multiplier if isinstance(network, LayeredArchitecture) else True


@every_member
def test_the_tangent_kernel_is_made_of_the_covariance_of_its_architecture(member):
    family = built(member)
    if not family.is_tangent or isinstance(family.architecture, rn.kernels.ResidualRelu):
        pytest.skip("a covariance, or one whose blocks add another kernel than the covariance")
    theta = jnp.asarray([0.0, 0.7, 2.0])
    K, kept = (np.asarray(part) for part in path(family, theta, 12))
    K, c = np.vstack([K, family.trajectory(theta, 13)[-1:]]), np.asarray(family.nngp.trajectory(theta, 13))
    signs = np.sign((K[1:] - (1 - kept[:, :1]) * c[1:]) / np.where(K[:-1] == 0, 1, K[:-1]))
    np.testing.assert_allclose(K[1:], signs * kept * K[:-1] + (1 - kept[:, :1]) * c[1:], rtol=0, atol=64 * EPS)


def test_names_of_views_are_the_architectures_views():
    assert rn.kernels.ErfNTK(1.5, 0.1) == rn.kernels.Erf(1.5, 0.1).ntk
    assert repr(rn.kernels.Erf().nngp) == "ErfNNGP(weight_variance=1.5, bias_variance=0.1, input_variance=1.0)"
    assert rn.kernels.Relu().ntk == rn.kernels.ReluNTK() and rn.kernels.LeakyRelu(0.2).nngp.slope == 0.2
    assert rn.kernels.Tanh.critical().ntk == rn.kernels.TanhNTK.critical()
    assert float(rn.kernels.ErfNTK.critical().weight_variance) == float(rn.kernels.Erf.critical().weight_variance)
    with pytest.raises(rn.InputError, match="LeakyRelu, which has no such choice"):
        rn.kernels.LeakyReluNTK.critical()
    with pytest.raises(AttributeError, match="weigth"):
        _ = rn.kernels.ErfNTK().weigth_variance


# Even and odd activations


@pytest.mark.parametrize("tangent", EVEN_MEMBERS, ids=name)
def test_an_even_activation_without_biases_does_not_tell_x_from_minus_x(tangent):
    assert tangent.architecture.parity == EVEN
    near = np.array([0.0, 1e-12, 1e-6, 0.1, 1.0])
    for family in (tangent, tangent.nngp):
        assert family.at_angle(np.pi, 1) == -1
        for depth in (2, 3, 40, 200, 10**5, math.inf):
            assert family.at_angle(np.pi, depth) == 1 and family.at_correlation(-1.0, depth) == 1
        for depth in (2, 5, 40):
            # pi - s is rounded: its distance from pi is known from what is stored
            stored = np.pi - near
            with mp.workdps(40):
                gap = np.array([float(mp.pi - mp.mpf(float(at))) if at < np.pi else 0.0 for at in stored])
            by_symmetry = family.at_angle(gap, depth)
            np.testing.assert_allclose(family.at_angle(stored, depth), by_symmetry, rtol=0, atol=32 * EPS)
            if hasattr(family, "defect_at_angle"):  # with all digits of 1 - K
                mirrored, plain = (defects(family, jnp.asarray(at), jnp.asarray(depth)) for at in (stored, gap))
                np.testing.assert_allclose(mirrored, plain, rtol=1e-12, atol=0)
        np.testing.assert_array_equal(family.trajectory(np.array([np.pi]), 30)[1:, 0], 1.0)
    if tangent.has_real_depth:
        assert tangent.at_angle(np.pi, 7.5) == tangent.nngp.at_angle(np.pi, 7.5) == 1


def test_with_biases_an_even_activation_is_even_in_the_first_correlation_instead():
    """c_1 = (w v rho + b)/(w v + b) > -1: K(c_1) = K(-c_1), of the rho with -b/(w v) half-way between them."""
    weight, noise, size = 2.0, 0.3, 1.2
    tangent = ActivationNTK(jnp.cos, weight, noise, size)
    rho = np.array([-0.2, 0.1, 0.5])
    mirrored = -rho - 2 * noise / (weight * size)
    for family in (tangent, tangent.nngp):
        for depth in (2, 9):
            np.testing.assert_allclose(
                family.at_correlation(rho, depth), family.at_correlation(mirrored, depth), rtol=0, atol=32 * EPS
            )
        assert family.at_correlation(-1.0, 2) < 0.9


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_wide_cosine_networks_agree_at_and_near_minus_x(noise):
    """Three layers of width 1000, drawn 20 times: the covariance of features, within five standard errors."""
    weight, width = 2.0, 1000
    rng, x = np.random.default_rng(0), np.array([[1.0, 0.0], [-1.0, 0.0], [-0.8, 0.6]])
    found = []
    for _ in range(20):
        h = x * math.sqrt(2)  # |x|^2/n0 = 1
        for _ in range(2):
            u = h @ rng.normal(0, math.sqrt(weight / h.shape[1]), (h.shape[1], width))
            h = np.cos(u + rng.normal(0, math.sqrt(noise), width))
        sigma = weight * h @ h.T / width + noise
        found.append(sigma / np.sqrt(np.outer(np.diag(sigma), np.diag(sigma))))
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / math.sqrt(20)
    expected = np.asarray(ActivationNTK(jnp.cos, weight, noise).nngp(x, depth=3))
    assert np.all(np.abs(mean - expected) <= 5 * error + 1e-3)  # a bias of 1/width
    assert (expected[0, 1] == 1) == (noise == 0)


@pytest.mark.parametrize("tangent", ODD_MEMBERS, ids=name)
def test_an_odd_activation_without_biases_keeps_opposite_inputs_opposite(tangent):
    assert tangent.architecture.parity == ODD
    theta = np.array([0.0, 1e-6, 0.4, 1.5])
    for family in (tangent, tangent.nngp):
        for depth in (1, 2, 30, 300, 10**5, math.inf):
            assert family.at_angle(np.pi, depth) == -1 and family.at_correlation(-1.0, depth) == -1
        for depth in (2, 5, 20):
            # pi - theta rounds theta by an eps of pi, which chi^(depth - 1) of chaotic layers enlarge
            spread = 8 * EPS * max(1.0, family.multiplier) ** depth
            both = family.at_angle(np.pi - theta, depth), -np.asarray(family.at_angle(theta, depth))
            np.testing.assert_allclose(*both, rtol=0, atol=spread)


def test_parity_is_found_by_looking():
    parities = {phi: rn.kernels.Activation(named.ACTIVATIONS[phi], 1.2).parity for phi in ("sin", "gaussian", "silu")}
    assert parities == {"sin": ODD, "gaussian": EVEN, "silu": NEITHER}
    assert [rn.kernels.LeakyRelu(slope).parity for slope in (-1.0, -0.5, 0.0)] == [EVEN, NEITHER, NEITHER]


# Parameters


@pytest.mark.parametrize("name", ["erf-ntk", "tanh-nngp", "biased-relu-ntk", "leaky-relu-ntk", "residual-relu-ntk"])
def test_parameters_have_the_derivatives_of_differences(name):
    family = FAMILIES[name]
    numbers, rest = eqx.partition(family, eqx.is_inexact_array)
    leaves, tree = jax.tree.flatten(numbers)

    def value(leaves):
        return eqx.combine(jax.tree.unflatten(tree, leaves), rest).at_angle(0.8, 4)

    slopes = jax.grad(value)(leaves)
    for i, leaf in enumerate(leaves):
        up, down = ([at + h * (j == i) for j, at in enumerate(leaves)] for h in (1e-5, -1e-5))
        # of second order: 1e-10 times third derivatives, and rounding 1e-16/1e-5
        assert float(slopes[i]) == pytest.approx(float(value(up) - value(down)) / 2e-5, abs=2e-8), leaf


@pytest.mark.parametrize("kind", [rn.kernels.ErfNTK, rn.kernels.BiasedReluNTK, rn.kernels.LeakyReluNNGP])
def test_another_parameter_compiles_nothing(kind, monkeypatch):
    traced = []
    layer = kind.network.layer
    monkeypatch.setattr(kind.network, "layer", lambda self, *rest: traced.append(1) or layer(self, *rest))
    kind(0.31).at_angle(np.zeros(7), 6)
    count = len(traced)
    assert issubclass(kind, LayeredFamily)
    kind(0.77).at_angle(np.zeros(7), 7)
    assert len(traced) == count
