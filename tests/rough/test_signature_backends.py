"""What the packages trip over by themselves does not reach them. A package that is absent has its tests skipped."""

from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.signatures import backends as _backends

PACKAGES = ("esig", "iisignature", "roughpy", "pysiglib")
FUNCTIONS = (rough.signature, rough.log_signature, rough.prefix_signatures)

# Dyadic coordinates of size up to 4, which float32 and integers hold.
POINTS = np.random.default_rng(0).integers(-16, 17, size=(12, 6)) / 4


@pytest.fixture(params=PACKAGES)
def backend(request):
    pytest.importorskip(request.param, reason=f"the package {request.param} is not installed")
    return request.param


def readonly(points):
    points = points.copy()
    points.flags.writeable = False
    return points


# pysiglib warns of arrays that do not own their memory, once; roughpy takes strided increments for others and refuses
# read-only ones; both compute float32 in single precision; pysiglib refuses integers.
INPUTS = {
    "transposed": np.ascontiguousarray(POINTS[:, :2].T).T,
    "strided": POINTS[::2, ::3],
    "reversed": POINTS[::-1, :2],
    "a view": POINTS.reshape(-1, 2),
    "read-only": readonly(POINTS[:, :2]),
    "float32": POINTS[:, :2].astype(np.float32),
    "int8": (POINTS[:, :2] * 4).astype(np.int8),
    "big-endian": POINTS[:, :2].astype(">f8"),
    "lists": POINTS[:3, :2].tolist(),
    "jax": jax.numpy.asarray(POINTS[:, :2]),
    "broadcast": np.broadcast_to(POINTS[:, :1], (12, 2)),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_of_array_is_taken_as_its_numbers(backend, kind):
    given, plain = INPUTS[kind], np.array(INPUTS[kind], dtype=np.float64)
    for function in FUNCTIONS:
        found = function(given, 3, backend=backend)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, function(plain, 3, backend=backend))
    np.testing.assert_array_equal(given, plain)
    # The last prefix is the path itself: level 1 and 2 in closed form.
    dx = np.diff(plain, axis=0)
    moment = (plain[:-1] - plain[0] + dx / 2).T @ dx
    np.testing.assert_allclose(found[-1][:6], np.append(dx.sum(0), moment), rtol=0, atol=1e-12 * np.abs(dx).sum() ** 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(backend, bad):
    path = POINTS[:, :2].copy()
    path[3, 1] = bad
    for function in FUNCTIONS:
        with pytest.raises(InputError, match=r"path\[3, 1\]"):
            function(path, 2, backend=backend)


def test_one_point_and_no_channel_are_refused(backend):
    for function in FUNCTIONS:
        with pytest.raises(InputError, match="two points"):
            function(POINTS[:1], 2, backend=backend)
        with pytest.raises(InputError, match="one channel"):
            function(POINTS[:, :0], 2, backend=backend)
        with pytest.raises(InputError, match=r"need of .* where 2 GiB are free; lower the level"):
            function(POINTS, 12, backend=backend)


def test_a_path_that_stays_where_it_is_has_the_unit_signature(backend):
    still = np.ones((2, 3))
    assert not np.any(rough.signature(still, 3, backend=backend))
    assert not np.any(rough.log_signature(still, 3, backend=backend))
    once = np.repeat(POINTS[:5, :3], [1, 2, 1, 3, 1], axis=0)
    found, expected = (rough.signature(path, 3, backend=backend) for path in (once, POINTS[:5, :3]))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)  # lengths of some 20: 20^3/6 at level 3


def test_levels_may_be_numpy_integers(backend):
    np.testing.assert_array_equal(
        rough.signature(POINTS, np.int64(2), backend=backend), rough.signature(POINTS, 2, backend=backend)
    )


def test_roughpy_is_used_by_one_thread_at_a_time(monkeypatch):
    # Two threads in roughpy 0.3.0 at once now and then end Python: nothing that a test could wait for.
    pytest.importorskip("roughpy", reason="the package roughpy is not installed")
    held, stream = [], _backends._roughpy_stream
    monkeypatch.setattr(
        _backends, "_roughpy_stream", lambda *given: held.append(_backends._ONE_THREAD.locked()) or stream(*given)
    )
    for function in FUNCTIONS:
        function(POINTS, 2, backend="roughpy")
    assert held == [True] * 3 and not _backends._ONE_THREAD.locked()


def test_threads_may_call_at_once(backend):
    paths = [POINTS[:, :2] + POINTS[:, 2:4] * k / 8 for k in range(24)]
    alone = [rough.signature(path, 4, backend=backend) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        for found, expected in zip(
            pool.map(lambda path: rough.signature(path, 4, backend=backend), paths), alone, strict=True
        ):
            np.testing.assert_array_equal(found, expected)
        shapes = set(pool.map(lambda path: rough.log_signature(path, 3, backend=backend).shape, paths))
    assert shapes == {(5,)}


def test_tracers_are_refused(backend):
    with pytest.raises(InputError, match="backend='jax'"):
        jax.grad(lambda x: rough.prefix_signatures(x, 2, backend=backend).sum())(POINTS)


def test_iisignature_is_asked_for_its_standard_method_only(monkeypatch):
    iisignature = pytest.importorskip("iisignature", reason="the package iisignature is not installed")
    asked, prepare = [], iisignature.prepare
    monkeypatch.setattr(iisignature, "prepare", lambda *given: asked.append(given) or prepare(*given))
    _backends._iisignature_prepared.cache_clear()
    for basis in ("lyndon", "hall", "words"):
        rough.log_signature(POINTS[:, :3], 3, basis=basis, backend="iisignature")
    assert asked == [(3, 3, "S")]


def test_pysiglib_may_clear_its_cache():
    pysiglib = pytest.importorskip("pysiglib", reason="the package pysiglib is not installed")
    expected = rough.log_signature(POINTS[:, :3], 3, backend="pysiglib")
    pysiglib.clear_cache()
    np.testing.assert_array_equal(rough.log_signature(POINTS[:, :3], 3, backend="pysiglib"), expected)


# "auto"


@pytest.mark.parametrize(
    ("shape", "level", "installed", "chosen"),
    [
        ((10, 2), 2, {"iisignature", "pysiglib", "esig", "roughpy"}, "iisignature"),
        ((10, 2), 2, {"pysiglib"}, "pysiglib"),
        ((10, 2), 2, {"esig", "roughpy"}, "compiled"),
        ((1000, 3), 2, {"iisignature", "pysiglib"}, "pysiglib"),
        ((1000, 3), 2, {"iisignature"}, "compiled"),
        ((10, 1000, 3), 2, {"iisignature"}, "compiled"),
        ((10, 12), 4, {"iisignature"}, "jax"),
    ],
)
def test_auto_follows_its_rule(monkeypatch, shape, level, installed, chosen):
    monkeypatch.setattr(_backends, "_installed", installed.__contains__)
    assert _backends.fastest(shape, level) == chosen
    assert _backends.fastest(shape, level, prefixes=True) == ("compiled" if chosen == "pysiglib" else chosen)


def test_auto_computes_the_same_and_takes_tracers():
    expected = rough.signature(POINTS, 2)
    np.testing.assert_allclose(rough.signature(POINTS, 2, backend="auto"), expected, rtol=0, atol=1e-12)
    windows = rough.window_signatures(POINTS, 2, length=12, backend="auto")
    np.testing.assert_allclose(windows[0], expected, rtol=0, atol=1e-12)
    gradient = jax.grad(lambda x: rough.signature(x, 2, backend="auto")[0])(POINTS)
    assert gradient[-1, 0] == 1 and gradient[0, 0] == -1
