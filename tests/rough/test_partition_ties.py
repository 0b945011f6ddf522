"""Best partitions are right where a step counts far less than the rounding of the whole: large p, ties, constant paths.

Coordinates and exponents are whole numbers here, so that Python's integers tell the exact supremum.
"""

import itertools

import numpy as np
import pytest

from roughntk import rough


def supremum(count, size, power):
    """The exact best sum of size(i, j)^power, and the fewest points that attain it."""
    best = [(0, -1)] * count
    for j in range(1, count):
        best[j] = max((best[i][0] + size(i, j) ** power, best[i][1] - 1) for i in range(j))
    return best[-1][0], -best[-1][1]


def attained(partition, size, power):
    return sum(size(int(i), int(j)) ** power for i, j in itertools.pairwise(partition))


def level_one_size(path):
    whole = [[int(x) for x in row] for row in path]
    return lambda i, j: sum(abs(a - b) for a, b in zip(whole[i], whole[j], strict=True))


def whole_paths(generator, channels):
    """Lattice walks, some with repeated points, some with collinear runs and jumps, some with steps of five sizes."""
    for count in (2, 7, 16, 24):
        steps = generator.integers(-2, 3, (count, channels))
        yield steps.cumsum(0)
        yield np.repeat(steps.cumsum(0), generator.integers(1, 4, count), axis=0)
        far = np.where(generator.random((count, 1)) < 0.2, 40, 1)
        yield (generator.integers(0, 2, (count, channels)) * far).cumsum(0)
        yield generator.integers(-1, 2, (count, channels)) * 10 ** generator.integers(0, 5, (count, 1))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_partition_attains_the_exact_supremum_however_large_p_is(channels):
    generator = np.random.default_rng(channels)
    for path, p in itertools.product(whole_paths(generator, channels), (1, 2, 5, 20, 50, 200)):
        partition = rough.p_variation_partition(path, p)
        assert partition[0] == 0 and partition[-1] == len(path) - 1 and (np.diff(partition) > 0).all()
        size = level_one_size(path)
        assert attained(partition, size, p) == supremum(len(path), size, p)[0], (path.tolist(), p)


def test_the_partition_of_a_walk_settles_as_p_grows():
    walk = np.random.default_rng(0).standard_normal((1025, 2)).cumsum(axis=0) / 32
    # multiplied by 2^70 the points are whole numbers, their last digits included
    size = level_one_size([[int(x * 2.0**70) for x in row] for row in walk])
    found = {p: rough.p_variation_partition(walk, p).tolist() for p in (5, 20, 50)}
    assert len(found[5]) == len(found[20]) == len(found[50]) == 16
    for p in (20, 50):
        table = rough.p_variation_levels(walk, p, level=1, root=False)[1]
        assert attained(found[p], size, p) / 2 ** (70 * p) == pytest.approx(table.value, rel=1e-13)
        others = [sorted({*found[p][:k], *found[p][k + 1 :]} | {0, 1024}) for k in range(1, 15)]
        others += [sorted({*found[p], k}) for k in range(1, 1024) if k not in found[p]]
        best = attained(found[p], size, p)
        assert all(attained(other, size, p) < best for other in others)


def test_a_long_scalar_path_keeps_its_small_swings():
    generator = np.random.default_rng(5)
    # swings of size 1000, then 30, then 1: at p = 50 the last count 10^-150 of the whole
    path = np.concatenate([generator.integers(-r, r + 1, 60) for r in (1000, 30, 1)])
    size = level_one_size(path[:, None])
    for p in (5, 50, 200):
        assert attained(rough.p_variation_partition(path, p), size, p) == supremum(len(path), size, p)[0]
        back = rough.p_variation_partition(path[::-1], p)
        assert attained(len(path) - 1 - back[::-1], size, p) == supremum(len(path), size, p)[0]


@pytest.mark.parametrize("p", [4, 20, 80])
def test_levels_and_distances_keep_their_small_steps(p):
    generator = np.random.default_rng(p)
    for path in itertools.islice(whole_paths(generator, 2), 4, 12):
        whole = np.array(path, dtype=object)
        steps = whole[1:] - whole[:-1]

        def twice_level_two(i, j, whole=whole, steps=steps):
            parts = [np.outer(2 * (whole[k] - whole[i]) + steps[k], steps[k]) for k in range(i, j)]
            return int(abs(sum(parts)).sum())

        partition = rough.p_variation_partition(path, p, level=2)
        best, _ = supremum(len(path), twice_level_two, p // 2)
        assert attained(partition, twice_level_two, p // 2) == best
        against = generator.integers(-3, 4, path.shape)
        apart = level_one_size(path - against)
        partition = rough.p_variation_partition(path, p, against=against, level=1)
        assert attained(partition, apart, p) == supremum(len(path), apart, p)[0]


def test_given_increments_keep_their_small_steps_and_take_the_fewest_points():
    generator = np.random.default_rng(2)
    for p in (1, 3, 12, 60):
        table = np.abs(generator.integers(-2, 3, (14, 14))) * 10 ** generator.integers(0, 4, (14, 14))
        found = rough.p_variation_levels_of_increments([table], p)[1]
        best, fewest = supremum(14, lambda i, j, table=table: int(table[i, j]), p)
        assert attained(found.partition, lambda i, j, table=table: int(table[i, j]), p) == best
        assert len(found.partition) == fewest


@pytest.mark.parametrize("p", [1, 1.5, 2, 50])
@pytest.mark.parametrize("shape", [(50, 1), (50, 2), (2, 3)])
def test_a_constant_path_is_one_step(p, shape):
    constant = np.full(shape, 0.3)
    for level in (1, 2):
        assert rough.p_variation_partition(constant, p, level=level).tolist() == [0, len(constant) - 1]
    assert rough.p_variation_partition(constant, p, against=constant, level=1).tolist() == [0, len(constant) - 1]


def test_ties_go_to_the_fewest_points():
    assert rough.p_variation_partition([0.0, 1.0, 0.5, 1.5], 2.0).tolist() == [0, 3]  # 1 + 1/4 + 1 = 1.5^2
    corner = [[0.0, 0.0], [3.0, 0.0], [3.0, 0.0], [3.0, 4.0]]
    assert rough.p_variation_partition(corner, 2.0, norm="l2").tolist() == [0, 3]  # 9 + 16 = 25
    assert len(rough.p_variation_partition(corner, 1.9, norm="l2")) == 3
    # as large as the first step, which the second comes on top of
    assert rough.p_variation_partition([[0, 0], [500, 500], [501, 499]], 60.0).tolist() == [0, 1, 2]
