"""Batches, prefixes, windows, path objects and gradients of signatures, by every backend that is installed."""

import functools

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.algebra import flat
from roughntk.rough.signatures import blocks as _blocks
from roughntk.rough.signatures import known as _known
from roughntk.rough.signatures import loops as _loops
from roughntk.rough.signatures.blocks import block_length
from roughntk.transport import Segment, SegmentDriver

PACKAGES = ("esig", "iisignature", "roughpy", "pysiglib")
BACKENDS = ("jax", *PACKAGES)

# Lengths are 3 and levels at most 4, so that entries are sums with a total size of at most 4.5: 1000 roundings.
TOLERANCE = 1e-12


def random_paths(seed, *shape):
    """Paths of l1-length 3, of shape (..., points, channels)."""
    dx = np.random.default_rng(seed).normal(size=shape)
    return np.cumsum(dx * 3 / np.abs(dx).sum((-2, -1), keepdims=True), axis=-2)


def needs(backend):
    if backend != "jax":
        pytest.importorskip(backend, reason=f"the package {backend} is not installed")


def close(found, expected, tolerance=TOLERANCE):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


def stepwise(path, level):
    """Prefix signatures by Chen's product with one straight piece after the other, in plain NumPy."""
    channels = path.shape[1]
    levels, rows = [np.ones(1), *(np.zeros(channels**k) for k in range(1, level + 1))], []
    for dx in np.diff(path, axis=0):
        piece = [np.ones(1)]
        for k in range(1, level + 1):
            piece.append(np.multiply.outer(piece[-1], dx / k).ravel())
        levels = [
            sum(np.multiply.outer(levels[k], piece[n - k]).ravel() for k in range(n + 1)) for n in range(level + 1)
        ]
        rows.append(np.concatenate(levels[1:]))
    return np.array(rows)


# One step; two blocks of 64 steps and a part, at the levels with formulae of their own; a batch wide enough for blocks
# of 32.
@pytest.mark.parametrize(
    ("paths", "points", "channels", "level"),
    [(1, 2, 3, 3), (1, 131, 3, 2), (1, 131, 2, 3), (30, 70, 3, 4), (1, 9, 1, 4)],
)
def test_blocks_of_steps_give_the_product_of_single_steps(paths, points, channels, level):
    batch = random_paths(0, paths, points, channels)
    expected = stepwise(batch[-1], level)
    close(rough.signature(batch, level)[-1], expected[-1])
    close(rough.prefix_signatures(batch, level)[-1], expected)


@pytest.mark.parametrize(
    ("paths", "points", "channels", "level"), [(1, 10, 3, 13), (1, 1000, 2, 20), (50, 11, 3, 9), (1, 5, 10, 6)]
)
def test_the_need_that_is_stated_holds_what_the_compiled_signature_takes(paths, points, channels, level):
    shape = jax.ShapeDtypeStruct((paths, points, channels), float)
    plan = _blocks.signatures.lower(shape, level).compile().memory_analysis()
    taken = plan.temp_size_in_bytes + plan.output_size_in_bytes + plan.argument_size_in_bytes
    size = rough.signature_size(channels, level)
    # 1.2 to 2.0 of it were seen: how XLA shares memory is its own affair
    assert taken <= _blocks.needed_memory(paths, points - 1, channels, level, size) <= 4 * taken


def test_a_signature_whose_steps_take_more_than_its_entries_is_refused_for_them():
    # level 17 of 3 channels has 1.4 GiB of entries, and was computed in 6.2 GB under a limit of 2 GiB
    with pytest.raises(InputError, match="level 17 in 3 channels to fit in memory, got a need of [4-9].* where 2 GiB"):
        rough.signature(np.zeros((5, 3)), 17)


def test_blocks_are_as_long_as_the_tests_take_them_to_be():
    assert [block_length(*case) for case in [(1, 1, 3, 3), (1, 130, 3, 2), (1, 130, 2, 3), (30, 69, 3, 4)]] == [
        1,
        64,
        64,
        32,
    ]


FUNCTIONS = (rough.signature, rough.prefix_signatures, functools.partial(rough.log_signature, basis="words"))


def test_known_paths_of_other_lengths_compile_nothing(monkeypatch):
    batch = random_paths(3, 2, 1300, 2)
    for points in (5, 1100):  # a block of 4 steps, and several of 64
        for function in FUNCTIONS:
            function(batch[:, :points], 3)

    def traced(*_):
        raise AssertionError("compiled once more")

    for name in ("advance", "advance_rows"):
        monkeypatch.setattr(_known, name, traced)
    for points in (2, 4, 66, 300, 1025, 1026, 1300):
        path = batch[:, :points]
        for function in FUNCTIONS:
            close(function(path, 3), function(path, 3, backend="auto"))
    with pytest.raises(AssertionError, match="once more"):
        rough.signature(batch, 4)


def test_paths_that_fill_a_batch_up_leave_no_trace():
    batch = random_paths(4, 17, 6, 2)  # 18 are computed
    for function in FUNCTIONS:
        together = function(batch, 3)
        assert together.shape[0] == 17
        close(together[-1], function(batch[-1], 3))


def test_known_paths_are_known_inside_of_traced_functions():
    path = random_paths(5, 7, 3)
    for function in FUNCTIONS:
        expected = np.asarray(function(path, 3))
        close(jax.jit(lambda x, f=function: x * f(path, 3))(2.0), 2 * expected)
        close(jax.vmap(lambda x, f=function: x * f(path, 3))(np.array([1.0, 3.0]))[1], 3 * expected)


@pytest.mark.parametrize(("shape", "level"), [((9, 3), 4), ((4, 2, 40, 2), 5), ((5, 1), 6), ((6, 3), 1), ((2, 2), 3)])
def test_the_compiled_loops_give_the_product_of_single_steps(monkeypatch, shape, level):
    monkeypatch.setattr(_loops, "MANY", 100)  # threads for the batch
    batch = random_paths(6, *shape)
    path, last = (batch, ()) if batch.ndim == 2 else (batch[-1, -1], (-1, -1))
    expected = stepwise(path, level)
    close(_loops.prefix_signatures(None, batch, level)[last], expected)
    close(_loops.signatures(None, batch, level)[last], expected[-1])
    if level > 1 and shape[-1] > 1:
        close(_loops.log_signatures(None, batch, level)[last], rough.log_signature(path, level))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_prefix_signatures_are_the_signatures_of_the_prefixes(backend, channels):
    needs(backend)
    paths = random_paths(1, 2, 6, channels)
    found = rough.prefix_signatures(paths, 3, backend=backend)
    expected = np.stack([stepwise(path, 3) for path in paths])
    close(found, expected)
    close(rough.prefix_signatures(paths[1], 3, backend=backend), expected[1])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("length", "step"), [(4, 3), (2, 1), (11, 5)])
def test_window_signatures_are_those_of_the_sub_paths(backend, length, step):
    needs(backend)
    paths = random_paths(2, 2, 11, 2)
    found = rough.window_signatures(paths, 3, length=length, step=step, backend=backend)
    starts = range(0, 11 - length + 1, step)
    expected = np.stack([[stepwise(path[i : i + length], 3)[-1] for i in starts] for path in paths])
    close(found, expected)
    close(rough.window_signatures(paths[0], 3, length=length, step=step, backend=backend), expected[0])


def test_windows_far_along_a_path_keep_their_digits():
    # From the prefixes, S(X_0i)^-1 S(X_0j) loses 10 digits here; the window itself has a length of 1e-3.
    path = np.concatenate([random_paths(3, 60, 2) * 100, random_paths(4, 8, 2) * 1e-3 / 3 + 300])
    found = rough.window_signatures(path, 4, length=8, step=60)[1]
    expected = stepwise(path[60:], 4)[-1]
    # The coordinates are 300, so increments of 1e-4 are known to 2^-44 / 1e-4 < 1e-9 of themselves: the same for both.
    np.testing.assert_allclose(found[-16:], expected[-16:], rtol=0, atol=1e-13 * np.abs(expected[-16:]).max())
    prefixes = rough.prefix_signatures(path, 4)
    chen = flat.product(flat.antipode(prefixes[59], 2), prefixes[66], 2)
    assert np.abs(chen[-16:] - expected[-16:]).max() > 1e-4 * np.abs(expected[-16:]).max()


@pytest.mark.parametrize("backend", BACKENDS)
def test_batches_are_loops_over_paths(backend):
    needs(backend)
    paths = random_paths(5, 2, 3, 5, 2)
    close(
        rough.signature(paths, 3, backend=backend),
        np.stack([[stepwise(path, 3)[-1] for path in row] for row in paths]),
    )
    for basis in ("lyndon", "hall", "words"):
        found = rough.log_signature(paths, 3, basis=basis, backend=backend)
        close(found[1, 2], rough.log_signature(paths[1, 2], 3, basis=basis))
        close(found[0, 1], rough.log_signature(paths[0, 1], 3, basis=basis))
    lines = rough.log_signature(paths[..., :1], 3, basis="words", backend=backend)
    close(lines, np.pad(paths[..., -1, :1] - paths[..., 0, :1], [(0, 0), (0, 0), (0, 2)]))


def test_hall_and_lyndon_coordinates_are_of_one_element():
    path = random_paths(6, 7, 3)
    words = rough.log_signature(path, 4, basis="words")
    close(rough.convert_basis(rough.log_signature(path, 4, basis="hall"), "hall", "words", 3, 4), words)
    close(flat.exp(words, 3), rough.signature(path, 4))


@pytest.mark.parametrize("backend", BACKENDS)
def test_chen_joins_prefixes_and_windows(backend):
    needs(backend)
    path = random_paths(7, 9, 2)
    prefixes = rough.prefix_signatures(path, 4, backend=backend)
    windows = rough.window_signatures(path, 4, length=3, step=2, backend=backend)
    joined = windows[0]
    for k in range(1, 4):
        joined = flat.product(joined, windows[k], 2)
        close(joined, prefixes[2 * k + 1])


# Paths with diffrax's contract


def test_signatures_of_path_objects_are_those_of_their_values():
    points, ts = random_paths(8, 6, 2), np.array([0.0, 0.5, 1.5, 2.0, 3.0, 4.0])
    at = np.array([0.25, 1.0, 3.5])
    values = np.stack([np.interp(at, ts, column) for column in points.T], axis=1)
    for path in (rough.PiecewiseLinear(points, ts), diffrax.LinearInterpolation(jnp.asarray(ts), jnp.asarray(points))):
        close(rough.signature(path, 3, times=at), stepwise(values, 3)[-1])
        close(rough.prefix_signatures(path, 3, times=at), stepwise(values, 3))
        close(rough.log_signature(path, 3, times=at), rough.log_signature(values, 3))
        close(rough.window_signatures(path, 3, length=3, times=at), stepwise(values, 3)[-1:])
    close(rough.signature(rough.PiecewiseLinear(points, ts), 3), stepwise(points, 3)[-1])


def test_the_drivers_of_a_transport_have_signatures():
    # What `between_depths(...).drivers` is, without solving the equation.
    A, B = jnp.array([[2.0, 0.5], [0.5, 1.0]]), jnp.array([[1.0], [0.0]])
    drivers = SegmentDriver(Segment(A, A + jnp.eye(2), B, B + 1))
    s = np.linspace(0, 1, 5)
    close(rough.signature(drivers, 2, times=s), stepwise(np.asarray(drivers.sample(s)), 2)[-1])


def test_bad_paths_and_times_are_refused():
    path = rough.PiecewiseLinear(random_paths(9, 4, 2))
    spline = diffrax.LinearInterpolation(jnp.arange(4.0), jnp.asarray(random_paths(9, 4, 2)))
    with pytest.raises(InputError, match="give times="):
        rough.signature(spline, 2)
    with pytest.raises(InputError, match="t0, t1 and evaluate"):
        rough.signature(random_paths(9, 4, 2), 2, times=[0.0, 1.0])
    with pytest.raises(InputError, match=r"within \[0, 3\], got \[0, 4\]"):
        rough.signature(path, 2, times=[0.0, 4.0])
    for times in ([0.0], [0.0, 2.0, 1.0], [0.0, 0.0], [[0.0, 1.0]]):
        with pytest.raises(InputError, match="strictly increasing"):
            rough.signature(path, 2, times=times)
    with pytest.raises(InputError, match="outside jit"):
        jax.jit(lambda t: rough.signature(path, 2, times=t))(jnp.array([0.0, 1.0]))
    tree = diffrax.LinearInterpolation(jnp.arange(2.0), {"a": jnp.zeros(2)})
    with pytest.raises(InputError, match="dict"):
        rough.signature(tree, 2, times=[0.0, 1.0])


def test_bad_windows_and_sizes_are_refused():
    path = random_paths(10, 6, 2)
    with pytest.raises(InputError, match="at most the 6 points of the path, got length 7"):
        rough.window_signatures(path, 2, length=7)
    with pytest.raises(InputError, match="length at least 2, got 1"):
        rough.window_signatures(path, 2, length=1)
    with pytest.raises(InputError, match="step at least 1, got 0"):
        rough.window_signatures(path, 2, length=3, step=0)
    zeros = np.zeros((2000, 20))
    with pytest.raises(
        InputError, match=r"1999 signatures of level 4.* need of 7.53 GiB where 2 GiB are free; lower the level"
    ):
        rough.prefix_signatures(zeros, 4)
    with pytest.raises(InputError, match=r"1000 signatures of level 1 in 10000 .* need of 298 GiB where"):
        rough.window_signatures(np.zeros((2000, 10000)), 1, length=1001)
    with pytest.raises(InputError, match="did you mean 'auto'"):
        rough.prefix_signatures(path, 2, backend="autos")


# Gradients


@pytest.mark.parametrize("level", [2, 3])
def test_forward_and_reverse_derivatives_agree_with_differences(level):
    path, direction = random_paths(11, 70, 2), random_paths(12, 70, 2)

    def function(x):
        return rough.signature(x, level)

    value, forward = jax.jvp(function, (path,), (direction,))
    weights = np.random.default_rng(0).normal(size=value.shape)
    reverse = jax.jit(jax.grad(lambda x: function(x) @ weights))(path)
    # Both are exact up to the rounding of sums of total size 30.
    assert abs(np.sum(reverse * direction) - forward @ weights) < 1e-12
    h = 1e-4  # central differences: truncation h^2 times a third derivative of about 30, rounding eps / h
    difference = (function(path + h * direction) - function(path - h * direction)) / (2 * h)
    np.testing.assert_allclose(forward, difference, rtol=0, atol=1e-6)


def test_derivatives_of_prefixes_and_windows_are_those_of_signatures():
    path, direction = random_paths(13, 7, 2), random_paths(14, 7, 2)

    def derivative(function):
        return jax.jvp(function, (path,), (direction,))[1]

    prefixes = derivative(lambda x: rough.prefix_signatures(x, 3))
    windows = derivative(lambda x: rough.window_signatures(x, 3, length=4, step=3))
    whole = derivative(lambda x: rough.signature(x, 3))
    close(prefixes[-1], whole)
    close(windows[0], prefixes[2])
    gradient = jax.grad(lambda x: rough.prefix_signatures(x, 3).sum())(path)
    assert abs(np.sum(gradient * direction) - prefixes.sum()) < 1e-12


def test_constant_paths_and_repeated_points_have_finite_gradients():
    flat_path = np.zeros((5, 2))
    gradient = jax.grad(lambda x: rough.log_signature(x, 3).sum())(flat_path)
    assert np.isfinite(gradient).all()
    close(gradient[-1], np.ones(2))  # of the increments; the brackets are quadratic in the steps


def test_the_reverse_pass_keeps_a_fraction_of_the_levels():
    # One signature for each point would be 4000 * 340 * 8 bytes = 10.9 MB.
    gradient = jax.jit(jax.grad(lambda x: rough.signature(x, 4).sum()))
    memory = gradient.lower(jnp.zeros((4000, 4))).compile().memory_analysis()
    assert memory.temp_size_in_bytes < 4000 * 340 * 8 / 4
