"""Signatures of all pieces of a path, and the p-variation of given increments, against brute force."""

import itertools
import math

import numpy as np
import pytest

import roughntk as rn
from roughntk.rough import p_variation_levels_of_increments

EPS = np.finfo(np.float64).eps
RNG = np.random.default_rng(3)
PATH = np.cumsum(RNG.normal(size=(7, 2)), axis=0)


def plain_signature(points, level):
    """Levels 1 .. `level` of the piecewise-linear path, by Chen's identity on the exponentials of its steps."""
    found = [np.ones(())] + [np.zeros((2,) * k) for k in range(1, level + 1)]
    for step in np.diff(points, axis=0):
        powers = [np.ones(())]
        for k in range(1, level + 1):
            powers.append(np.multiply.outer(powers[-1], step) / k)
        found = [sum(np.multiply.outer(found[i], powers[k - i]) for i in range(k + 1)) for k in range(level + 1)]
    return found[1:]


def largest_sum(sizes, power):
    """By every partition, of which there are 2^(points - 2)."""
    count = len(sizes)
    inner = range(1, count - 1)
    best = 0.0
    for chosen in itertools.chain.from_iterable(itertools.combinations(inner, k) for k in range(count - 1)):
        places = (0, *chosen, count - 1)
        best = max(best, sum(sizes[i, j] ** power for i, j in itertools.pairwise(places)))
    return best


@pytest.mark.parametrize("backend", rn.rough.available_backends())
def test_every_interval_has_the_signature_of_its_own_points(backend):
    found = rn.rough.signatures_of_intervals(PATH, 3, backend=backend)
    assert found.shape == (7, 7, 14)
    for i in range(7):
        for j in range(7):
            plain = plain_signature(PATH[i : j + 1], 3) if i < j else [np.zeros((2,) * k) for k in (1, 2, 3)]
            expected = np.concatenate([part.ravel() for part in plain])
            # 6 steps, sums of at most 4 products at each: 100 eps of the size of the level's cube bound
            np.testing.assert_allclose(found[i, j], expected, atol=100 * EPS * np.abs(PATH).sum() ** 3)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("p", [1.0, 2.5, 3.7])
def test_variation_of_increments_is_the_largest_sum_over_all_partitions(p, norm):
    increments = [RNG.normal(size=(6, 6, *(2,) * k)) for k in (1, 2, 3)]  # no path has these
    for array in increments:
        array[np.tril_indices(6)] = np.nan  # not looked at
    found = p_variation_levels_of_increments(increments, p, norm=norm)
    for k, array in enumerate(increments, start=1):
        flat = array.reshape(6, 6, -1)
        sizes = np.abs(flat).sum(-1) if norm == "l1" else np.linalg.norm(flat, axis=-1)
        total = largest_sum(sizes, p / k)
        assert found[k].value == pytest.approx(total ** (k / p), rel=64 * EPS)
        alone = p_variation_levels_of_increments([array], p, norm=norm, root=False, finest=k)[k]
        assert alone.value == pytest.approx(total, rel=64 * EPS)
        reached = sum(sizes[i, j] ** (p / k) for i, j in itertools.pairwise(alone.partition))
        assert reached == pytest.approx(total, rel=64 * EPS)
    sums = p_variation_levels_of_increments(increments, p, norm=norm, root=False)
    assert [each.value for each in sums.values()] == pytest.approx([found[k].value ** (p / k) for k in (1, 2, 3)])


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e90])
def test_increments_of_a_path_have_its_p_variation(scale):
    signatures = rn.rough.signatures_of_intervals(PATH, 2)
    increments = [signatures[..., :2] * scale, signatures[..., 2:] * scale**2]
    found = p_variation_levels_of_increments(increments, 2.3)
    for k in (1, 2):
        expected = rn.rough.p_variation(PATH, 2.3, level=k)
        assert found[k].value == pytest.approx(expected * scale**k, rel=1000 * EPS)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([],), "without levels"),
        ((np.zeros((3, 3)),), "list of arrays"),
        (([np.zeros((3, 4))],), r"shape \(points, points, ...\)"),
        (([np.zeros((3, 3)), np.zeros((4, 4, 2))],), "level 2"),
        (([np.zeros((1, 1))],), "two or more points"),
        (([np.full((3, 3), math.nan)],), "level 1 between points 0 and 1 .and 2 more"),
        (([np.zeros((3, 3), dtype=complex)],), "real numbers"),
    ],
)
def test_bad_increments_are_named(arguments, match):
    with pytest.raises(rn.InputError, match=match):
        p_variation_levels_of_increments(*arguments, 2.0)


def test_other_arguments_are_checked():
    good = [np.zeros((3, 3)), np.zeros((3, 3))]
    with pytest.raises(rn.InputError, match="p >= 1"):
        p_variation_levels_of_increments(good, 0.5)
    with pytest.raises(rn.InputError, match="one path at a time"):
        rn.rough.signatures_of_intervals(np.zeros((2, 3, 4)), 2)
    with pytest.raises(rn.InputError, match="lower level"):
        rn.rough.signatures_of_intervals(np.zeros((2000, 60)), 3)
