"""Signatures and log-signatures of one backend: closed forms, transforms, refusals. Their laws are in tests/laws."""

import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from iterated_integrals import TOLERANCE, random_path, slow_signature

from roughntk import rough
from roughntk._checks import InputError, MissingBackendError
from roughntk.rough.algebra import tensor as ta

PACKAGES = ("esig", "iisignature", "roughpy", "pysiglib")
BACKENDS = ("jax", *PACKAGES)


def test_esig_takes_every_number_of_points():
    # esig itself fails where numpy.arange(0, 1, 1/n) has n + 1 entries: 50 points (n = 49) is the first such
    # number.
    pytest.importorskip("esig")
    for points in (50, 99, 104, 108):
        path = random_path(points, points, 2)
        for function in (rough.signature, rough.log_signature):
            found = function(path, 2, backend="esig")
            np.testing.assert_allclose(found, function(path, 2), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("channels", "level"), [(1, 4), (2, 5), (3, 4)])
def test_log_signature_in_words_is_a_lie_element_with_the_lyndon_coordinates(channels, level):
    path = random_path(0, 8, channels)
    words = rough.log_signature(path, level, basis="words")
    coordinates = rough.log_signature(path, level)
    assert coordinates.shape == (sum(rough.witt_dimension(channels, k) for k in range(1, level + 1)),)
    rebuilt = ta.flatten(ta.lyndon_to_tensor(coordinates, channels, level))
    np.testing.assert_allclose(rebuilt, words, rtol=0, atol=TOLERANCE)


def test_log_signature_of_two_pieces_is_baker_campbell_hausdorff():
    # log(exp(e1) exp(e2)) = e1 + e2 + [e1,e2]/2 + [e1,[e1,e2]]/12 + [[e1,e2],e2]/12 + ...
    found = rough.log_signature([(0, 0), (1, 0), (1, 1)], 3)
    np.testing.assert_allclose(found, [1, 1, 1 / 2, 1 / 12, 1 / 12], rtol=0, atol=1e-15)


def test_l_shaped_path_has_the_central_binomial_norms():
    flat = rough.signature([(0, 0), (1, 0), (1, 1)], 6)
    levels = ta.unflatten(flat, 2, 6)
    for k in range(1, 7):
        found = math.factorial(k) * float(ta.norm(levels[k], "l2"))
        assert math.isclose(found, math.sqrt(math.comb(2 * k, k)), rel_tol=1e-14)


def test_one_channel_signature_is_the_powers_of_the_increment():
    path = np.array([0.0, 3.0, -1.0, 2.0])
    expected = [2.0**k / math.factorial(k) for k in range(1, 31)]
    np.testing.assert_allclose(rough.signature(path, 30), expected, rtol=1e-14)


def test_levels_decay_factorially_with_the_length():
    path = random_path(4, 20, 3, length=5.0)
    levels = ta.unflatten(rough.signature(path, 5), 3, 5)
    for k in range(1, 6):
        assert ta.norm(levels[k], "l1") <= 5.0**k / math.factorial(k) * (1 + 1e-12)


# Transforms


@pytest.mark.parametrize("function", [rough.signature, rough.log_signature])
def test_gradients_match_central_differences(function):
    path = random_path(1, 4, 2)
    weights = np.random.default_rng(0).normal(size=function(path, 3).shape)

    def scalar(x):
        return function(x, 3) @ weights

    found = jax.grad(scalar)(jnp.asarray(path))
    h = 1e-5  # truncation h^2 ~ 1e-10, rounding eps/h ~ 2e-11; both times a few units
    for place in np.ndindex(path.shape):
        bump = np.zeros_like(path)
        bump[place] = h
        assert abs((scalar(path + bump) - scalar(path - bump)) / (2 * h) - found[place]) < 5e-9


@pytest.mark.parametrize("function", [rough.signature, rough.log_signature])
def test_jit_and_vmap_give_the_same_numbers(function):
    batch = jnp.stack([jnp.asarray(random_path(seed, 5, 3)) for seed in range(4)])
    single = jnp.stack([function(path, 2) for path in batch])
    np.testing.assert_allclose(jax.jit(lambda x: function(x, 2))(batch[0]), single[0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(jax.vmap(lambda x: function(x, 2))(batch), single, rtol=0, atol=1e-14)


def test_a_traced_one_channel_vector_is_a_path():
    assert jax.jit(lambda x: rough.signature(x, 2))(jnp.array([0.0, 3.0])).tolist() == [3.0, 4.5]


# Bad input


@pytest.mark.parametrize("function", [rough.signature, rough.log_signature])
def test_bad_input_is_refused(function):
    good = random_path(0, 4, 2)
    with pytest.raises(InputError, match="two points"):
        function(good[:1], 2)
    with pytest.raises(InputError, match="NaN"):
        function(np.where(good == good[1, 1], np.nan, good), 2)
    with pytest.raises(InputError, match=r"\(..., points, channels\)"):
        function(np.zeros(()), 2)
    with pytest.raises(InputError, match="at least one path"):
        function(np.zeros((0, 3, 4)), 2)
    with pytest.raises(InputError, match="channel"):
        function(np.zeros((3, 0)), 2)
    with pytest.raises(InputError, match="real numbers"):
        function(good * 1j, 2)
    for level in (0, 1.5, True, None):
        with pytest.raises(InputError, match="level"):
            function(good, level)
    with pytest.raises(InputError, match="did you mean 'esig'"):
        function(good, 2, backend="esik")
    with pytest.raises(InputError, match=r"GiB.*lower the level"):
        function(np.zeros((3, 100)), 6)


def test_bad_traced_input_is_refused():
    with pytest.raises(InputError, match="two points"):
        jax.jit(lambda x: rough.signature(x, 2))(jnp.zeros((1, 2)))
    with pytest.raises(InputError, match="real numbers"):
        jax.jit(lambda x: rough.signature(x, 2))(jnp.zeros((3, 2), complex))
    with pytest.raises(InputError, match="backend='jax'"):
        jax.jit(lambda x: rough.signature(x, 2, backend="esig"))(jnp.zeros((3, 2)))


def test_unknown_basis_is_refused():
    with pytest.raises(InputError, match="basis to be one of lyndon, hall, words"):
        rough.log_signature(np.eye(2), 2, basis="halls")


@pytest.mark.parametrize("backend", PACKAGES)
@pytest.mark.parametrize("function", [rough.signature, rough.log_signature])
def test_a_missing_backend_names_its_install_command(monkeypatch, backend, function):
    monkeypatch.setitem(sys.modules, backend, None)
    with pytest.raises(MissingBackendError, match=r"pip install") as caught:
        function(np.eye(2), 2, backend=backend)
    assert rough.backend_install_command(backend) in str(caught.value)
    assert backend not in rough.available_backends()
    assert backend in rough.SIGNATURE_BACKENDS
    assert "jax" in rough.available_backends()


@pytest.mark.parametrize("backend", PACKAGES)
def test_an_installed_backend_is_available(backend):
    pytest.importorskip(backend)
    assert backend in rough.available_backends()


def test_install_commands_are_known_for_known_backends_only():
    assert rough.backend_install_command("esig") == "pip install 'roughntk[esig]'"
    assert "--no-build-isolation 'roughntk[iisignature]'" in rough.backend_install_command("iisignature")
    with pytest.raises(InputError, match="backend to be one of"):
        rough.backend_install_command("signatory")


def test_sizes_the_packages_cannot_do_are_refused():
    pytest.importorskip("esig")
    pytest.importorskip("iisignature")
    for function in (rough.signature, rough.log_signature):
        with pytest.raises(InputError, match="level at most 16"):
            function(np.eye(2), 17, backend="esig")
    with pytest.raises(InputError, match="255 channels"):
        rough.log_signature(np.zeros((2, 256)), 2, backend="iisignature")
    assert rough.log_signature(np.eye(2, 256), 1, backend="iisignature").shape == (256,)


@pytest.mark.parametrize("backend", BACKENDS)
def test_input_is_not_changed_and_need_not_be_contiguous(backend):
    if backend != "jax":
        pytest.importorskip(backend)
    wide = np.asfortranarray(random_path(0, 10, 6))
    kept = wide.copy()
    view = wide[::2, ::3]
    np.testing.assert_allclose(
        rough.signature(view, 3, backend=backend), slow_signature(view, 3), rtol=0, atol=TOLERANCE
    )
    np.testing.assert_array_equal(wide, kept)


@pytest.mark.filterwarnings("ignore:.*produced NaN or Inf:RuntimeWarning")  # which warns of the NaN that we refuse
@pytest.mark.parametrize("backend", rough.available_backends())
def test_entries_beyond_the_range_of_float64_are_refused(backend):
    path = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    for function in (rough.signature, rough.log_signature):
        assert np.isfinite(function(path * 1e100, 3, backend=backend)).all()
        assert np.isfinite(function(path * 1e300, 1, backend=backend)).all()
        with pytest.raises(InputError, match="beyond 1.8e308 at level 3; multiply the path by c < 1"):
            function(path * 1e120, 3, backend=backend)
    with pytest.raises(InputError, match="beyond 1.8e308"):
        rough.prefix_signatures(path * 1e120, 3, backend=backend)
    with pytest.raises(InputError, match="beyond 1.8e308"):
        rough.window_signatures(path * 1e120, 3, length=2, backend=backend)
