"""What every backend of signatures obeys; a new one joins by being in `SIGNATURE_BACKENDS`."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from iterated_integrals import TOLERANCE, random_path, slow_signature

from roughntk import rough
from roughntk.rough.algebra import tensor as ta


@pytest.fixture(params=rough.SIGNATURE_BACKENDS)
def backend(request):
    if request.param not in rough.available_backends():
        pytest.skip(f"the package {request.param} is not installed")
    return request.param


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_backend_gives_the_iterated_integrals(backend, channels):
    path = random_path(channels, 7, channels)
    for level in (1, 2, 3, 4):
        found = rough.signature(path, level, backend=backend)
        assert found.dtype == jnp.float64 and found.shape == (rough.signature_size(channels, level),)
        np.testing.assert_allclose(found, slow_signature(path, level), rtol=0, atol=TOLERANCE)


def test_known_signature_of_a_four_point_path(backend):
    path = [(1, 1), (3, 4), (5, 2), (8, 6)]  # integers on purpose: adapters convert them
    np.testing.assert_allclose(rough.signature(path, 2, backend=backend), [7, 5, 24.5, 19, 16, 12.5], rtol=1e-14)


def test_long_paths_agree_across_backends(backend):
    path = random_path(0, 2000, 2, length=20.0)
    ours = rough.signature(path, 4)
    # 2000 steps, each adding a few eps of the running size.
    np.testing.assert_allclose(rough.signature(path, 4, backend=backend), ours, rtol=0, atol=1e-12)


@pytest.mark.parametrize("basis", ["lyndon", "hall", "words"])
@pytest.mark.parametrize(("channels", "level"), [(1, 1), (1, 4), *itertools.product((2, 3), (1, 2, 3, 4, 5)), (4, 3)])
def test_log_signatures_agree_across_backends(backend, basis, channels, level):
    path = random_path(level, 6, channels)
    ours = rough.log_signature(path, level, basis=basis)
    theirs = rough.log_signature(path, level, basis=basis, backend=backend)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("channels", [1, 3])
def test_prefixes_are_the_signatures_of_the_beginnings(backend, channels):
    path = random_path(2, 6, channels)
    prefixes = rough.prefix_signatures(path, 3, backend=backend)
    for points, prefix in enumerate(prefixes, start=2):
        np.testing.assert_allclose(prefix, slow_signature(path[:points], 3), rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("function", [rough.signature, rough.log_signature, rough.prefix_signatures])
def test_a_batch_is_its_paths_one_by_one(backend, function):
    batch = np.stack([[random_path(seed, 5, 2) for seed in (row, 3 + row)] for row in range(3)])
    together = function(batch, 3, backend=backend)
    alone = np.stack([[function(path, 3, backend=backend) for path in row] for row in batch])
    np.testing.assert_allclose(together, alone, rtol=0, atol=TOLERANCE)


def test_the_signature_of_two_pieces_is_their_product(backend):
    path = random_path(5, 9, 2)
    pieces = [ta.unflatten(jnp.asarray(rough.signature(x, 4, backend=backend)), 2, 4) for x in (path[:4], path[3:])]
    product = ta.flatten(ta.product(*pieces))
    np.testing.assert_allclose(rough.signature(path, 4, backend=backend), product, rtol=0, atol=TOLERANCE)


def test_the_reversed_path_has_the_negative_log_signature(backend):
    path = random_path(6, 9, 3)
    forward, backward = (rough.log_signature(x, 3, backend=backend) for x in (path, path[::-1]))
    np.testing.assert_allclose(np.asarray(backward), -np.asarray(forward), rtol=0, atol=TOLERANCE)
