"""p-variation at level 1: the stack over local extrema and the pruned programme find the supremum over all partitions,
for every p >= 1 and every kind of path."""

import math

import numpy as np
import pytest
from brute_force import programme, size, supremum
from hypothesis import given, settings
from hypothesis import strategies as st

from roughntk import rough
from roughntk.rough.variation import compiled_partitions as _kernels

# Both routes add at most a dozen powers of numbers of size about 1; a long programme adds up to 2,000 of them, each
# sum rounding by eps, 4e-13 at worst.
TOLERANCE, LONG_TOLERANCE = 1e-13, 1e-12

thorough = settings(max_examples=150, deadline=None, derandomize=True)
exponents = st.sampled_from([1.0, 1.0001, 1.1, 1.5, 1.9, 2.0, 2.25, 2.5, 3.0, 4.7, 10.0, 40.0])
small_steps = st.lists(st.integers(-2, 2), min_size=1, max_size=11).map(lambda steps: np.cumsum([0, *steps]))
few_values = st.lists(st.integers(0, 3), min_size=2, max_size=12)
reals = st.lists(st.integers(-64, 64).map(lambda k: k / 64), min_size=2, max_size=12)
zigzags = st.builds(
    lambda points, ratio, drift: ratio ** np.arange(points) * (-1.0) ** np.arange(points) + drift * np.arange(points),
    st.integers(2, 12),
    st.sampled_from([0.5, 0.9, 1.0, 1.1, 1.5, 3.0]),
    st.sampled_from([0.0, 0.25, 1.0, 4.0]),
)


@thorough
@given(st.one_of(small_steps, few_values, reals, zigzags), exponents)
def test_a_scalar_path_has_the_supremum_over_all_partitions(path, p):
    # Integer steps and values make ties, plateaus and monotone stretches; zigzags alternate, grow, shrink and climb.
    path = np.asarray(path, float)
    found = rough.p_variation_levels(path, p, root=False, level=1)[1]
    best = supremum(lambda i, j: abs(path[j] - path[i]), len(path), p)
    assert math.isclose(found.value, best, rel_tol=TOLERANCE)
    jumps = np.abs(np.diff(path[found.partition]))
    assert found.partition[0] == 0 and found.partition[-1] == len(path) - 1 and (np.diff(found.partition) > 0).all()
    assert math.isclose((jumps**p).sum(), best, rel_tol=TOLERANCE)


@thorough
@given(
    st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=12).map(np.array),
    exponents,
    st.sampled_from(["l1", "l2"]),
)
def test_a_planar_path_has_the_supremum_over_all_partitions(path, p, norm):
    found = rough.p_variation_levels(path, p, root=False, norm=norm, level=1)[1]
    best = supremum(lambda i, j: size(path[j] - path[i], norm), len(path), p)
    assert math.isclose(found.value, best, rel_tol=TOLERANCE)
    jumps = [size(path[j] - path[i], norm) for i, j in zip(found.partition, found.partition[1:], strict=False)]
    assert math.isclose(math.fsum(jump**p for jump in jumps), best, rel_tol=TOLERANCE)


def long_paths():
    rng = np.random.default_rng(0)
    noise, index = rng.standard_normal(1500), np.arange(1500)
    ternary = sum(b**0.5 * np.where((index // b) % 2, 1.0, -1.0) for b in 3 ** np.arange(7))
    return {
        "brownian": noise.cumsum(),
        "integer walk": rng.choice([-1.0, 1.0], 1500).cumsum(),
        "lazy walk": rng.integers(-1, 2, 1500).cumsum(),
        "white noise": noise,
        "noise on a trend": noise + 0.1 * index,
        "sawtooth on a trend": 2.0 * (index % 2) + 0.5 * index,
        "sawtooth on a steep trend": 1.1 * (index % 2) + 0.5 * index,
        "growing zigzag": (-1.002) ** index,
        "shrinking zigzag": (-0.99) ** index,
        "noise on a wave": noise + 30 * np.sin(index / 100),
        "cauchy": rng.standard_cauchy(1500).cumsum(),
        "fractal": ternary,
        "monotone": np.sort(noise),
        "few values": rng.integers(0, 3, 1500).astype(float),
    }


@pytest.mark.parametrize("name", long_paths())
def test_a_long_scalar_path_agrees_with_the_plain_programme(name):
    path = long_paths()[name]
    for p in (1.0, 1.01, 1.2, 1.5, 2.0, 2.2, 3.0):
        best = programme(lambda j: np.abs(path[j] - path[:j]), len(path), p)
        found = rough.p_variation_levels(path, p, root=False, level=1)[1]
        assert found.method == "extrema"
        assert math.isclose(found.value, best, rel_tol=LONG_TOLERANCE)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_a_long_path_in_three_channels_agrees_with_the_plain_programme(norm):
    rng = np.random.default_rng(1)
    walk = rng.standard_normal((800, 3)).cumsum(0)
    index = np.arange(800)
    circle = np.stack([np.cos(index / 9), np.sin(index / 9), 0.01 * index], 1)
    for path in (
        walk,
        rng.integers(-1, 2, (800, 3)).cumsum(0),
        circle,
        rng.standard_normal((800, 3)),
        np.round(circle),
    ):
        for p in (1.1, 2.0, 2.7):
            gaps = lambda j, path=path: np.linalg.norm(path[j] - path[:j], int(norm[1]), axis=1)  # noqa: E731
            found = rough.p_variation_levels(path, p, root=False, norm=norm, level=1)[1]
            assert found.method == "dynamic programme, pruned"
            assert math.isclose(found.value, programme(gaps, len(path), p), rel_tol=LONG_TOLERANCE)


def test_known_sums():
    # 0, 1, 2, ...: one jump. 0, 1, 0, 1, ...: all jumps. One step back of a in 0 .. n: kept while 2 (n/2 + a/2)^p + a^p
    # exceeds n^p.
    assert rough.p_variation(np.arange(50.0), 1.7, root=False) == 49**1.7
    assert rough.p_variation(np.arange(51) % 2, 3.0, root=False) == 50
    for p in (1.2, 2.0, 3.0):
        expected = max(10**p, 2 * 6**p + 2**p)
        assert math.isclose(rough.p_variation([0, 6, 4, 10], p, root=False), expected, rel_tol=1e-15)


def test_turned_over_reversed_and_shifted_paths_have_the_same_p_variation():
    # 2^-10 multiples below 2^6: every difference is exact, so only the order of the additions differs.
    path = (np.random.default_rng(3).integers(-40, 41, 3000) / 2.0**10).cumsum()
    for p in (1.3, 2.0, 2.6):
        found = rough.p_variation(path, p)
        for other in (-path, path[::-1], path + 3.0, np.repeat(path, 2)):
            assert math.isclose(rough.p_variation(other, p), found, rel_tol=1e-13)


def test_a_sorted_path_and_a_million_points_are_no_trouble():
    noise = np.random.default_rng(4).standard_normal(10**6)
    found = rough.p_variation_levels(np.sort(noise), 2.0, level=1)[1]
    assert list(found.partition) == [0, 10**6 - 1]
    assert math.isclose(found.value, noise.max() - noise.min(), rel_tol=1e-15)
    walk = rough.p_variation_levels(noise.cumsum(), 1.5, level=1)[1]
    total = (np.abs(np.diff(noise.cumsum()[walk.partition])) ** 1.5).sum()
    assert math.isclose(walk.value, total ** (1 / 1.5), rel_tol=1e-13)


def test_powers_by_roots_and_products_are_powers():
    base = np.random.default_rng(5).lognormal(0, 3, 200)
    for quarters in range(4, 65):
        for x in base:
            # up to 2 roots and 10 products, each rounding by eps/2, an early one being raised to the 16th power
            assert math.isclose(_kernels.power(x, quarters / 4, quarters, 1.0), x ** (quarters / 4), rel_tol=1e-14)
    assert math.isclose(_kernels.power(3.0, 1.37, -1, 2.0), 1.5**1.37, rel_tol=1e-15)
