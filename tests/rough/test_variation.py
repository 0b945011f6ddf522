"""p-variation and the p-variation distance: the dynamic programme is the supremum over all partitions."""

import dataclasses
import itertools
import math
import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brute_force import programme, random_path, size, slow_increment
from brute_force import supremum as brute_force
from hypothesis import given, settings
from hypothesis import strategies as st

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.variation.dynamic import pair_sizes
from roughntk.rough.variation.increments import paired_steps

# Both routes add at most a dozen powers of numbers of size about 1, then take a root.
TOLERANCE = 1e-12


def slow_distance(a, b, p, level, norm):
    best = brute_force(
        lambda i, j: size(slow_increment(a, i, j, level) - slow_increment(b, i, j, level), norm),
        len(a),
        p / level,
    )
    return best ** (level / p)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("p", [1.0, 1.7, 2.0, 3.5])
@pytest.mark.parametrize(("points", "channels"), [(2, 2), (7, 1), (12, 2), (12, 3)])
def test_level_one_is_the_supremum_over_all_partitions(norm, p, points, channels):
    path = random_path(points, points, channels)
    best = brute_force(lambda i, j: size(path[j] - path[i], norm), points, p)
    assert math.isclose(rough.p_variation(path, p, norm=norm, root=False), best, rel_tol=TOLERANCE)
    assert math.isclose(rough.p_variation(path, p, norm=norm), best ** (1 / p), rel_tol=TOLERANCE)
    lifted = rough.lift(path, 1)
    assert math.isclose(rough.p_variation(lifted, p, level=1, norm=norm), best ** (1 / p), rel_tol=TOLERANCE)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("p", [1.0, 2.0, 2.5, 4.0])
@pytest.mark.parametrize("level", [2, 3])
def test_higher_levels_are_the_supremum_over_all_partitions(norm, p, level):
    points = 10 if level == 2 else 7
    path = random_path(3, points, 2)
    best = brute_force(lambda i, j: size(slow_increment(path, i, j, level), norm), points, p / level)
    for given_path in (path, rough.lift(path, level), rough.lift(path, 3)):
        found = rough.p_variation(given_path, p, level=level, norm=norm)
        assert math.isclose(found, best ** (level / p), rel_tol=TOLERANCE)
        found = rough.p_variation(given_path, p, level=level, norm=norm, root=False)
        assert math.isclose(found, best, rel_tol=TOLERANCE)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("p", [1.0, 2.0, 2.9, 3.2])
@pytest.mark.parametrize("seed", range(3))
def test_distance_is_the_largest_level_over_all_partitions(norm, p, seed):
    points = 9
    a, b = random_path(seed, points, 2), random_path(seed + 50, points, 2)
    slow = [slow_distance(a, b, p, level, norm) for level in (1, 2, 3)]
    for level in (1, 2, 3):
        found = rough.p_variation_distance(a, b, p, level=level, norm=norm)
        assert math.isclose(found, slow[level - 1], rel_tol=TOLERANCE)
    expected = max(slow[: math.floor(p)])
    for left, right in (
        (a, b),
        (rough.lift(a, 3), b),
        (a, rough.lift(b, 4)),
        (rough.lift(a, 3), rough.lift(b, 3)),
    ):
        assert math.isclose(rough.p_variation_distance(left, right, p, norm=norm), expected, rel_tol=TOLERANCE)


def test_level_two_needs_the_full_programme_on_many_random_pairs():
    for seed in range(30):
        a, b = random_path(seed, 10, 2), random_path(1000 + seed, 10, 2)
        found = rough.p_variation_distance(a, b, 2.5, level=2)
        assert math.isclose(found, slow_distance(a, b, 2.5, 2, "l1"), rel_tol=TOLERANCE)


def test_twelve_point_distance_at_level_two():
    a, b = random_path(7, 12, 3), random_path(8, 12, 3)
    found = rough.p_variation_distance(a, b, 2.2)
    slow = max(slow_distance(a, b, 2.2, level, "l1") for level in (1, 2))
    assert math.isclose(found, slow, rel_tol=TOLERANCE)


def test_distance_to_the_constant_path_is_the_p_variation_of_the_lift():
    a = random_path(1, 20, 3)
    for norm in ("l1", "l2"):
        distance = rough.p_variation_distance(a, np.zeros_like(a), 2.5, norm=norm)
        assert math.isclose(distance, rough.p_variation(rough.lift(a, 2), 2.5, norm=norm), rel_tol=TOLERANCE)


def test_known_values_of_a_zigzag():
    zigzag = [0, 1, 0.5, 1.5]
    for p in (1.0, 1.5, 2.0, 3.0):
        expected = max(2 + 0.5**p, 1.5**p)
        assert math.isclose(rough.p_variation(zigzag, p, root=False), expected, rel_tol=1e-15)
    assert rough.p_variation(zigzag, 2.0, root=False) == 2.25
    for jumps in (1, 2, 7):
        path = np.arange(jumps + 1) % 2
        for p in (1.0, 2.0, 5.0):
            assert rough.p_variation(path, p, root=False) == jumps


def test_circles_have_the_chord_bound_p_variation():
    # (cos(n^2 t)/n, sin(n^2 t)/n) on [0, 2 pi] turns n^2 times. m equal chords give m (2 sin(pi n^2/m)/n)^p;
    # the best m divides the grid here, so the dynamic programme must find exactly that number.
    for n, chords in ((1, 3), (2, 10), (4, 40)):
        times = np.linspace(0, 2 * np.pi, 1201)
        path = np.stack([np.cos(n * n * times), np.sin(n * n * times)], 1) / n
        best = max(m * (2 / n * abs(np.sin(np.pi * n * n / m))) ** 2.5 for m in range(2, 200))
        assert best == chords * (2 / n * abs(np.sin(np.pi * n * n / chords))) ** 2.5
        assert math.isclose(rough.p_variation(path, 2.5, norm="l2", root=False), best, rel_tol=TOLERANCE)


def test_the_partition_attains_the_supremum():
    path = random_path(11, 40, 2)
    for p, norm in itertools.product((1.0, 1.5, 2.5, 6.0), ("l1", "l2")):
        partition = rough.p_variation_partition(path, p, norm=norm)
        assert partition[0] == 0 and partition[-1] == 39 and (np.diff(partition) > 0).all()
        total = sum(size(path[j] - path[i], norm) ** p for i, j in itertools.pairwise(partition))
        assert math.isclose(total, rough.p_variation(path, p, norm=norm, root=False), rel_tol=TOLERANCE)
    at_two = rough.p_variation_partition(path, 2.5, level=2, norm="l2")
    total = sum(size(slow_increment(path, i, j, 2), "l2") ** 1.25 for i, j in itertools.pairwise(at_two))
    assert math.isclose(total, rough.p_variation(path, 2.5, level=2, norm="l2", root=False), rel_tol=TOLERANCE)


coordinate = st.integers(-64, 64).map(lambda k: k / 64)
paths = st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=9).map(np.array)
exponents = st.sampled_from([1.0, 1.3, 2.0, 2.5, 3.0, 4.5])
laws = settings(max_examples=60, deadline=None, derandomize=True)


@laws
@given(paths, exponents, exponents)
def test_it_does_not_increase_with_p(path, p, q):
    p, q = min(p, q), max(p, q)
    for level in (1, 2):
        small, large = rough.p_variation(path, q, level=level), rough.p_variation(path, p, level=level)
        assert small <= large * (1 + TOLERANCE)


@laws
@given(paths, exponents)
def test_it_lies_between_the_largest_increment_and_the_length(path, p):
    length = np.abs(np.diff(path, axis=0)).sum()
    widest = max(size(path[j] - path[i], "l1") for i, j in itertools.combinations(range(len(path)), 2))
    found = rough.p_variation(path, p)
    assert widest * (1 - TOLERANCE) <= found <= length * (1 + TOLERANCE)
    assert math.isclose(rough.p_variation(path, 1), length, rel_tol=TOLERANCE)


@laws
@given(paths, exponents, st.integers(1, 63))
def test_extra_points_on_the_pieces_change_nothing(path, p, fraction):
    rows = sorted([*range(len(path)), *(i + fraction / 64 for i in range(len(path) - 1))])
    fine = np.stack([np.interp(rows, range(len(path)), path[:, c]) for c in range(2)], 1)
    assert math.isclose(rough.p_variation(fine, p), rough.p_variation(path, p), rel_tol=TOLERANCE, abs_tol=1e-300)


@laws
@given(paths, exponents)
def test_distance_is_a_distance_and_does_not_see_the_starting_points(path, p):
    other, third = path[::-1] * 0.5, path**2
    gap = rough.p_variation_distance(path, other, p)
    assert rough.p_variation_distance(path, path, p) == 0.0
    assert math.isclose(gap, rough.p_variation_distance(other, path, p), rel_tol=TOLERANCE, abs_tol=1e-14)
    shifted = rough.p_variation_distance(path + np.array([2.0, -8.0]), other, p)
    assert math.isclose(gap, shifted, rel_tol=TOLERANCE, abs_tol=1e-14)
    if p / math.floor(p) >= 1:  # Minkowski's inequality at every level
        detour = rough.p_variation_distance(path, third, p) + rough.p_variation_distance(third, other, p)
        assert gap <= detour * (1 + TOLERANCE) + 1e-14


def test_it_scales_with_the_path_from_the_smallest_to_the_largest_numbers():
    path = random_path(0, 30, 2)
    unit = rough.p_variation(path, 2.5)
    area = rough.p_variation(path, 2.5, level=2)
    for power in (-300, -40, 40, 300):
        # Powers of two, so that only the programme itself can round.
        scale = 2.0 ** (3 * power)
        assert math.isclose(rough.p_variation(path * scale, 2.5), unit * scale, rel_tol=TOLERANCE)
    for scale in (2.0**-400, 2.0**400):
        assert math.isclose(rough.p_variation(path * scale, 2.5, level=2), area * scale**2, rel_tol=TOLERANCE)
    assert math.isclose(rough.p_variation(path, 1e4), rough.p_variation(path * 4, 1e4) / 4, rel_tol=TOLERANCE)
    widest = max(size(path[j] - path[i], "l1") for i, j in itertools.combinations(range(30), 2))
    assert math.isclose(rough.p_variation(path * 1e-3, 1e6), widest * 1e-3, rel_tol=1e-5)  # 30^(1/p) - 1 = 3.4e-6


def test_increments_of_very_different_sizes_are_weighed_against_each_other():
    # At p = 50 the first increment counts 1e-1500 of the second, which no float64 holds.
    assert math.isclose(rough.p_variation([0.0, 1e-30, 1.0], 50.0), 1.0, rel_tol=TOLERANCE)
    assert math.isclose(rough.p_variation([0.0, 1.0, 1.0 - 1e-30, 0.0], 50.0), 2**0.02, rel_tol=TOLERANCE)
    assert math.isclose(rough.p_variation([0.0, 1e-30, -1e-30], 50.0), 2e-30, rel_tol=TOLERANCE)


def test_a_small_distance_is_accurate_far_below_the_size_of_the_paths():
    # y = x + h z: the level-2 difference is h (x z + z x) + h^2 z z by bilinearity. At h = 2^-40 a plain
    # difference of level-2 increments would keep only about 4 digits; steps that are exact binary fractions
    # isolate the programme.
    rng = np.random.default_rng(0)
    x = (rng.integers(-8, 9, (60, 2)) / 8.0).cumsum(0)
    z = (rng.integers(-8, 9, (60, 2)) / 8.0).cumsum(0)
    h = 2.0**-40
    found = rough.p_variation_distance(x, x + h * z, 2.5, level=2)

    def mixed(i, j):
        total = np.zeros(4)
        pieces = [(np.diff(x[i : j + 1], axis=0), np.diff(z[i : j + 1], axis=0))]
        for u, v in (*pieces, tuple(reversed(pieces[0]))):
            starts = np.cumsum(u, axis=0) - u / 2
            total += (starts.T @ v).ravel()
        return total

    sums = [0.0]
    for j in range(1, 60):
        sums.append(max(sums[i] + (h * size(mixed(i, j), "l1")) ** 1.25 for i in range(j)))
    assert math.isclose(found, sums[-1] ** 0.8, rel_tol=1e-8)  # h^2 terms are 1e-12 of it, x + h z is exact


def test_memory_stays_at_a_row_of_pairs():
    a, b = random_path(0, 400, 10), random_path(1, 400, 10)
    rough.p_variation_distance(a[:3], b[:3], 2.5)  # loads, or makes, the compiled code
    tracemalloc.start()
    try:
        rough.p_variation_distance(a, b, 2.5)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # All pairs of level-2 increments would be 400^2 * 100 * 8 bytes = 128 MB.
    assert peak < 40e6  # about 10 MB were seen


def test_times_in_messages_have_the_digits_that_tell_them_apart():
    late = 1704067200.0 + np.arange(4.0)
    path = rough.PiecewiseLinear(np.zeros((4, 2)), late)
    moved = rough.PiecewiseLinear(np.zeros((4, 2)), late + 0.25)
    with pytest.raises(InputError, match="from 1704067200 to 1704067203 and from 1704067200.25? to 1704067203.25?,"):
        rough.p_variation_distance(path, moved, 2.0)
    back = late[[0, 2, 1, 3]]
    with pytest.raises(InputError, match=r"times\[1\] = 1704067202, times\[2\] = 1704067201"):
        rough.signature(path, 2, times=back)
    with pytest.raises(InputError, match=r"times\[1\] = 1704067202, times\[2\] = 1704067201"):
        rough.lift(np.zeros((4, 2)), 2, times=back)
    with pytest.raises(InputError, match=r"\[1704067200.*1704067203.*\], got \[1704067200.*1704067203.5"):
        rough.signature(path, 2, times=late + 0.5)


def test_constant_and_two_point_paths():
    assert rough.p_variation(np.ones((5, 2)), 2.0) == 0.0
    assert rough.p_variation_partition(np.ones((5, 2)), 2.0)[-1] == 4
    assert math.isclose(rough.p_variation([(0.0, 0.0), (3.0, 4.0)], 2.7, norm="l2"), 5.0, rel_tol=1e-15)
    assert math.isclose(rough.p_variation([(0.0, 0.0), (3.0, 4.0)], 2.7), 7.0, rel_tol=1e-15)


def test_p_variation_refuses_bad_input():
    path = random_path(0, 5, 2)
    for function in (
        rough.p_variation,
        rough.p_variation_partition,
        rough.p_variation_levels,
        lambda x, p: rough.p_variation_distance(x, x, p),
    ):
        one_path = function in (rough.p_variation_partition, rough.p_variation_levels)
        for p in (0.5, 0, -1, float("nan"), float("inf"), "2", None):
            with pytest.raises(InputError, match="p >= 1"):
                function(path, p)
        with pytest.raises(InputError, match="finite"):
            function(np.where(path == path[2, 1], np.nan, path), 2.0)
        with pytest.raises(InputError, match="two points"):
            function(path[:1], 2.0)
        with pytest.raises(InputError, match=r"points, channels\)"):
            function(np.zeros((3, 3, 3) if one_path else (3, 0, 3)), 2.0)
        for traced in (path,) if one_path else (path, path[None]):
            with pytest.raises(InputError, match="tracer|tracing"):
                jax.jit(lambda x, function=function: function(x, 2.0))(jnp.asarray(traced))
    with pytest.raises(InputError, match="norm to be one of l1, l2"):
        rough.p_variation(path, 2.0, norm="l3")
    for level in (0, 1.5):
        with pytest.raises(InputError, match="level"):
            rough.p_variation(path, 2.0, level=level)
        with pytest.raises(InputError, match="level"):
            rough.p_variation_distance(path, path, 2.0, level=level)
    with pytest.raises(InputError, match="GiB"):
        rough.p_variation(random_path(0, 50, 10), 2.0, level=8)
    with pytest.raises(InputError, match="root=True"):
        rough.p_variation(path * 1e10, 100.0, root=False)


def test_lifts_of_too_low_a_level_and_ambiguous_sums_are_refused():
    path = random_path(0, 5, 2)
    lifted = rough.lift(path, 1)
    with pytest.raises(InputError, match="level at least 2"):
        rough.p_variation(lifted, 2.5)
    with pytest.raises(InputError, match="level at least 2"):
        rough.p_variation_distance(path, lifted, 2.5)
    with pytest.raises(InputError, match="level at least 3"):
        rough.p_variation(lifted, 2.5, level=3)
    with pytest.raises(InputError, match="root=False"):
        rough.p_variation(rough.lift(path, 2), 2.5, root=False)


def test_distance_refuses_paths_of_different_shape():
    path = random_path(0, 5, 2)
    for other in (random_path(1, 6, 2), random_path(1, 5, 3)):
        with pytest.raises(InputError, match="same points and channels"):
            rough.p_variation_distance(path, other, 2.0)
    with pytest.raises(InputError, match="path_b"):
        rough.p_variation_distance(path, np.full((5, 2), np.nan), 2.0)


# Results that say what they are


def test_a_result_says_p_level_norm_and_root_and_is_its_number():
    path = random_path(0, 20, 2)
    found = rough.p_variation_levels(path, 2.5, level=2, norm="l1", root=False)[2]
    assert (found.p, found.level, found.norm, found.root) == (2.5, 2, "l1", False)
    assert float(found) == found.value == rough.p_variation(path, 2.5, level=2, norm="l1", root=False)
    assert "level 2, l1 norm, no outer root" in str(found)
    assert "outer root taken" in str(rough.p_variation_levels(path, 2.5)[1])
    lifted = rough.lift(path, 2)
    for each in (path, lifted):
        table = rough.p_variation_levels(each, 2.5)
        assert {k: found.level for k, found in table.items()} == {1: 1, 2: 2}
        assert [table[k].value for k in (1, 2)] == [rough.p_variation(each, 2.5, level=k) for k in (1, 2)]
    largest = max(table.values(), key=float)
    assert largest.value == rough.p_variation(lifted, 2.5)
    np.testing.assert_array_equal(largest.partition, rough.p_variation_partition(lifted, 2.5))
    np.testing.assert_array_equal(table[1].partition, rough.p_variation_partition(path, 2.5))


def test_a_distance_carries_its_levels_and_its_partition():
    a, b = random_path(1, 30, 2), random_path(2, 30, 2)
    table = rough.p_variation_levels(a, 2.4, against=b, norm="l2")
    found = max(table.values(), key=float)
    assert found.value == rough.p_variation_distance(a, b, 2.4, norm="l2")
    np.testing.assert_array_equal(found.partition, rough.p_variation_partition(a, 2.4, against=b, norm="l2"))
    k = found.level
    total = sum(
        size(slow_increment(a, i, j, k) - slow_increment(b, i, j, k), "l2") ** (2.4 / k)
        for i, j in itertools.pairwise(found.partition)
    )
    assert math.isclose(total ** (k / 2.4), found.value, rel_tol=TOLERANCE)


def plain_distance(a, b, p, level, norm):
    """The distance by the plain programme on increments of lifts, all pairs held at once."""
    x, y = rough.lift(a, level), rough.lift(b, level)
    d = a.shape[1]
    low = sum(d**k for k in range(1, level))
    table = lambda z: np.asarray(  # noqa: E731
        jax.vmap(jax.vmap(z.increment, (0, None)), (None, 0))(jnp.arange(len(a)), jnp.arange(len(a)))
    )
    gaps = (table(x) - table(y))[:, :, low : low + d**level]
    sizes = np.abs(gaps).sum(-1) if norm == "l1" else np.sqrt((gaps**2).sum(-1))
    return programme(lambda j: sizes[j, :j], len(a), p / level) ** (level / p)


@pytest.mark.parametrize(("points", "channels", "level"), [(150, 3, 2), (200, 1, 2), (70, 2, 4)])
def test_several_tiles_and_blocks_agree_with_the_plain_programme(points, channels, level):
    # More points than one tile of i (64) or one block of j (64); 200 points start threads.
    a, b = random_path(5, points, channels), random_path(6, points, channels)
    for norm in ("l1", "l2"):
        found = rough.p_variation_distance(a, b, 2.3, level=level, norm=norm)
        # the increments of the plain route carry eps times the size of the whole lift, here below 1e3 of theirs
        assert math.isclose(found, plain_distance(a, b, 2.3, level, norm), rel_tol=1e-10)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("two", [True, False])
def test_both_compiled_loops_give_the_same_sizes(two, norm):
    # Paths that are given as points take a loop of their own at level 2; the steps of any rough path the general one.
    a, b = paired_steps(random_path(12, 90, 4), random_path(13, 90, 4), 2)
    found = []
    for canonical in (True, False):
        x, y = (dataclasses.replace(path, canonical=canonical) for path in (a, b))
        blocks = pair_sizes(x, y if two else None, [1, 2], norm)
        found.append(np.concatenate([part.copy() for _, part in blocks], axis=1))
    assert (np.triu(found[0][1], 1) == 0).all() and np.diag(found[0][1]).min() > 0
    np.testing.assert_allclose(*found, rtol=1e-12, atol=1e-12)


def test_threads_do_not_change_the_result(monkeypatch):
    from roughntk.rough.variation import dynamic as _dynamic

    a, b = random_path(7, 260, 4), random_path(8, 260, 4)
    found = []
    for workers in (1, 2, 3):
        monkeypatch.setattr(_dynamic, "_workers", lambda work, workers=workers: workers)
        found.append(rough.p_variation_distance(a, b, 2.5))
    assert found[0] == found[1] == found[2]


def test_one_channel_has_the_powers_of_level_one():
    path = random_path(9, 40, 1)
    for k in (2, 3):
        for root in (True, False):
            short = rough.p_variation(path, 3.5, level=k, root=root)
            assert math.isclose(
                short, rough.p_variation(rough.lift(path, k), 3.5, level=k, root=root), rel_tol=TOLERANCE
            )


def pruned_programme(sizes, power):
    """The programme that passes over blocks by the triangle inequality, as at level 1, from the table of all sizes."""
    best = np.zeros(len(sizes))
    for j in range(1, len(sizes)):
        best[j], end = best[j - 1] + sizes[j, j - 1] ** power, j - 1
        while end > 0:
            width = 8 if end % 8 == 0 else 1
            start, middle = end - width, end - width + width // 2
            reach = sizes[j, middle] + sizes[middle, start:end].max()
            if width == 1 or best[end - 1] + reach**power > best[j]:
                best[j] = max(best[j], (best[start:end] + sizes[j, start:end] ** power).max())
            end = start
    return best[-1]


def test_pruning_by_the_triangle_inequality_is_exact_at_level_one_and_wrong_at_level_two():
    wrong = {1: 0, 2: 0}
    for seed in range(20):
        a, b = random_path(seed, 60, 2), random_path(seed + 1000, 60, 2)
        for k, power in ((1, 2.5), (2, 1.25)):
            table = np.zeros((60, 60))
            for first, sizes in pair_sizes(*paired_steps(a, b, k), [k], "l1"):
                table[first : first + sizes.shape[1]] = sizes[0]
            full = rough.p_variation_distance(a, b, 2.5, level=k)
            pruned = pruned_programme(table + table.T, power) ** (1 / power)
            assert pruned <= full * (1 + TOLERANCE)
            wrong[k] += pruned < full * (1 - 1e-9)
    assert wrong[1] == 0 and wrong[2] >= 5


def test_a_masked_row_is_named():
    masked = np.ma.masked_equal([[0, 0], [1, 0], [-9999, 0], [1, 2]], -9999.0)
    with pytest.raises(InputError, match="row 2"):
        rough.p_variation(masked, 1.0)
