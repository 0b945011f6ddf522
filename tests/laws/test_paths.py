"""What every path obeys: Chen, reversal, shuffle, invariances of the signature; p-variation falls with p."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roughntk import rough
from roughntk.rough.algebra import tensor as ta

# Paths with exact dyadic coordinates (one shape, so that one compilation serves).

coordinate = st.integers(-64, 64).map(lambda k: k / 64)
paths = st.lists(st.tuples(coordinate, coordinate), min_size=5, max_size=5).map(np.array)
laws = settings(max_examples=40, deadline=None, derandomize=True)

# Lengths are at most 16 here, so level 4 is bounded by 16^4/24 = 2731; 1e-10 is about 200 eps of it.
LAW_TOLERANCE = 1e-10


@laws
@given(paths, paths)
def test_chen_signature_of_a_concatenation_is_the_product(a, b):
    joined = np.vstack([a, b[1:] - b[0] + a[-1]])
    sa, sb = (ta.unflatten(rough.signature(x, 4), 2, 4) for x in (a, b))
    np.testing.assert_allclose(rough.signature(joined, 4), ta.flatten(ta.product(sa, sb)), rtol=0, atol=LAW_TOLERANCE)


@laws
@given(paths)
def test_the_reversed_path_has_the_inverse_signature(path):
    forward = ta.unflatten(rough.signature(path, 4), 2, 4)
    backward = rough.signature(path[::-1], 4)
    np.testing.assert_allclose(backward, ta.flatten(ta.inverse(forward)), rtol=0, atol=LAW_TOLERANCE)
    np.testing.assert_allclose(backward, ta.flatten(ta.antipode(forward)), rtol=0, atol=LAW_TOLERANCE)
    loop = np.vstack([path, path[::-1][1:]])
    np.testing.assert_allclose(rough.signature(loop, 4), 0.0, atol=LAW_TOLERANCE)


def shuffles(u, v):
    if not u or not v:
        return [u + v]
    return [u[:1] + w for w in shuffles(u[1:], v)] + [v[:1] + w for w in shuffles(u, v[1:])]


@laws
@given(paths)
def test_products_of_entries_are_sums_over_shuffles(path):
    words = [w for k in range(1, 5) for w in itertools.product(range(2), repeat=k)]
    entry = dict(zip(words, np.asarray(rough.signature(path, 4)), strict=True))
    for u in words:
        for v in words:
            if len(u) + len(v) <= 4:
                total = sum(entry[w] for w in shuffles(u, v))
                assert abs(entry[u] * entry[v] - total) <= LAW_TOLERANCE


@laws
@given(paths, st.lists(st.integers(0, 3), min_size=4, max_size=4), st.integers(1, 63))
def test_signature_does_not_see_the_parametrisation(path, extra, fraction):
    # Four more sample points on pieces of the path (fractions of 1/64: exact), some of them repeated.
    rows = sorted([*range(5), *(i + fraction / 64 for i in extra)])
    fine = np.stack([np.interp(rows, range(5), path[:, c]) for c in range(2)], 1)
    np.testing.assert_allclose(rough.signature(fine, 4), rough.signature(path, 4), rtol=0, atol=LAW_TOLERANCE)


@laws
@given(paths, st.tuples(coordinate, coordinate))
def test_signature_does_not_see_the_starting_point(path, shift):
    np.testing.assert_allclose(
        rough.signature(path + np.array(shift), 4), rough.signature(path, 4), rtol=0, atol=LAW_TOLERANCE
    )


@laws
@given(paths, st.floats(1.0, 4.0), st.floats(0.0, 3.0))
def test_p_variation_falls_with_p(path, p, more):
    # |a|_q <= |a|_p for q >= p, partition by partition; 64 eps for powers and roots of numbers of size at most 16
    assert rough.p_variation(path, p + more) <= rough.p_variation(path, p) * (1 + 64 * np.finfo(np.float64).eps)


@laws
@given(paths, st.sampled_from([1.0, 1.5, 2.0, 3.5]))
def test_p_variation_does_not_see_direction_start_or_parametrisation(path, p):
    value = rough.p_variation(path, p)
    fine = np.repeat(path, [1, 3, 1, 2, 1], axis=0)
    for other in (path[::-1], path + 0.25, -path, fine):
        assert rough.p_variation(other, p) == pytest.approx(value, rel=1e-13, abs=0)


@laws
@given(paths, paths, st.sampled_from([1.0, 2.5]))
def test_the_p_variation_of_a_whole_is_at_least_that_of_its_pieces_together(a, b, p):
    # a partition of each piece is one of the whole, so that V_p^p is superadditive (FrizVictoir2010, chapter 5)
    joined = np.vstack([a, b[1:] - b[0] + a[-1]])
    whole, first, second = (rough.p_variation(x, p) ** p for x in (joined, a, b))
    assert whole >= (first + second) * (1 - 1e-13)
