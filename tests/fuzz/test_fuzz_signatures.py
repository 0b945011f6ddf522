"""Signatures by every backend against iterated sums in exact rational arithmetic."""

import itertools
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shares import cases

import roughntk as rn

EPS = np.finfo(np.float64).eps
BACKENDS = tuple(rn.rough.available_backends())


def exact(path, level):
    """Levels 1 .. level by Chen's identity, piece by piece, in fractions."""
    steps = [
        [Fraction(float(b)) - Fraction(float(a)) for a, b in zip(*rows, strict=True)]
        for rows in itertools.pairwise(path)
    ]
    words = [word for k in range(level + 1) for word in itertools.product(range(len(path[0])), repeat=k)]
    total = {word: Fraction(word == ()) for word in words}
    for step in steps:
        piece = {(): Fraction(1)}
        for word in words[1:]:
            piece[word] = piece[word[:-1]] * step[word[-1]] / len(word)
        total = {word: sum(total[word[:k]] * piece[word[k:]] for k in range(len(word) + 1)) for word in words}
    return total


@st.composite
def paths(draw):
    points, channels = draw(st.integers(2, 6)), draw(st.integers(1, 3))
    cell = st.one_of(st.integers(-4, 4).map(float), st.floats(-2, 2, width=16))
    row = st.lists(cell, min_size=channels, max_size=channels)
    return np.array(draw(st.lists(row, min_size=points, max_size=points)))


@cases("signatures")
@given(path=paths(), level=st.integers(1, 4), backend=st.sampled_from(BACKENDS))
def test_signatures(path, level, backend):
    truth = np.array([float(value) for word, value in exact(path, level).items() if word])
    found = np.asarray(rn.rough.signature(path, level, backend=backend))
    length = float(np.abs(np.diff(path, axis=0)).sum())
    # A level-k term is a sum of terms of size at most length^k / k!, with a rounding each of a few eps.
    bounds = np.concatenate([np.full(path.shape[1] ** k, length**k) for k in range(1, level + 1)])
    assert (np.abs(found - truth) <= 64 * EPS * bounds).all()


@cases("signatures")
@given(path=paths(), level=st.integers(1, 4), backend=st.sampled_from(BACKENDS), data=st.data())
def test_a_path_there_and_back_is_nothing_and_two_pieces_make_the_whole(path, level, backend, data):
    there_and_back = np.concatenate([path, path[-2::-1]])
    length = 2 * float(np.abs(np.diff(path, axis=0)).sum())
    found = np.asarray(rn.rough.log_signature(there_and_back, level, backend=backend))
    assert (np.abs(found) <= 256 * EPS * max(length, length**level)).all()
    cut = data.draw(st.integers(0, len(path) - 1))
    doubled = np.concatenate([path[: cut + 1], path[cut:]])  # a point twice changes nothing
    np.testing.assert_allclose(
        rn.rough.signature(doubled, level, backend=backend),
        rn.rough.signature(path, level, backend=backend),
        atol=64 * EPS * max(length, length**level),
        rtol=0,
    )
