"""The Hall basis of esig and iisignature, and conversions between bases of Lie elements."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.algebra import tensor as ta
from roughntk.rough.algebra.bases import hall_expansion, hall_to_lyndon, lyndon_to_hall
from roughntk.rough.algebra.lyndon import lyndon_expansion, lyndon_positions, lyndon_projection

EPS = np.finfo(float).eps
SIZES = [(1, 3), (2, 6), (3, 4), (4, 3)]


def path(channels, points=6):
    """Of l1-length 2: log-signatures have entries below 4, and absolute errors mean something."""
    steps = np.random.default_rng(channels).normal(size=(points - 1, channels))
    return np.cumsum(np.vstack([np.zeros(channels), 2 * steps / np.abs(steps).sum()]), 0)


# A few hundred roundings of numbers below 4, amplified by projections with entries up to 6 (level 6).
TOLERANCE = 1e-12


def test_the_hall_basis_is_the_textbook_one():
    assert rough.hall_brackets(2, 5) == (
        "1",
        "2",
        "[1,2]",
        "[1,[1,2]]",
        "[2,[1,2]]",
        "[1,[1,[1,2]]]",
        "[2,[1,[1,2]]]",
        "[2,[2,[1,2]]]",
        "[1,[1,[1,[1,2]]]]",
        "[2,[1,[1,[1,2]]]]",
        "[2,[2,[1,[1,2]]]]",
        "[2,[2,[2,[1,2]]]]",
        "[[1,2],[1,[1,2]]]",
        "[[1,2],[2,[1,2]]]",
    )
    assert rough.hall_brackets(1, 3) == ("1",)
    for d, level in SIZES:
        lengths = [sum(c.isdigit() for c in text) for text in rough.hall_brackets(d, level)]
        assert [lengths.count(k) for k in range(1, level + 1)] == [ta.witt_dimension(d, k) for k in range(1, level + 1)]


# iisignature prints letters from 10 on as "?".
@pytest.mark.parametrize(("channels", "level"), [(2, 1), (2, 8), (3, 5), (5, 3), (9, 2)])
def test_it_is_the_basis_of_esig_and_of_iisignature(channels, level):
    esig = pytest.importorskip("esig")
    assert rough.hall_brackets(channels, level) == tuple(esig.logsigkeys(channels, level).split())
    iisignature = pytest.importorskip("iisignature")
    prepared = iisignature.prepare(channels, level, "DH")
    assert rough.hall_brackets(channels, level) == iisignature.basis(prepared)


@pytest.mark.parametrize(("channels", "level"), [(2, 6), (3, 4), (4, 3)])
def test_conversion_reproduces_the_log_signatures_of_esig_and_iisignature(channels, level):
    esig = pytest.importorskip("esig")
    iisignature = pytest.importorskip("iisignature")
    points = path(channels)
    lyndon = rough.log_signature(points, level)
    hall = rough.convert_basis(lyndon, "lyndon", "hall", channels, level)
    np.testing.assert_allclose(hall, esig.stream2logsig(points, level), rtol=0, atol=TOLERANCE)
    theirs = iisignature.logsig(points, iisignature.prepare(channels, level, "DH"))
    np.testing.assert_allclose(hall, theirs, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(
        rough.convert_basis(theirs, "hall", "lyndon", channels, level), lyndon, rtol=0, atol=TOLERANCE
    )


@pytest.mark.parametrize(("channels", "level"), SIZES)
def test_every_conversion_and_its_reverse_give_back_the_coordinates(channels, level):
    words = rough.log_signature(path(channels), level, basis="words")
    for a, b in (("lyndon", "hall"), ("hall", "words"), ("words", "lyndon")):
        start = rough.convert_basis(words, "words", a, channels, level)
        there = rough.convert_basis(start, a, b, channels, level)
        np.testing.assert_allclose(rough.convert_basis(there, b, a, channels, level), start, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(
        rough.convert_basis(words, "words", "lyndon", channels, level),
        rough.log_signature(path(channels), level),
        rtol=0,
        atol=TOLERANCE,
    )


@pytest.mark.parametrize(("channels", "level"), [(1, 3), (2, 13), (3, 6), (4, 4)])
def test_changes_of_basis_are_exact_inverses_in_integers(channels, level):
    there, back = hall_to_lyndon(channels, level), lyndon_to_hall(channels, level)
    for matrix in (there, back):
        assert (matrix.data == np.rint(matrix.data)).all()
    assert abs(there @ back - np.eye(there.shape[0])).max() == 0.0
    for k, (expansion, projection) in enumerate(
        zip(lyndon_expansion(channels, level), lyndon_projection(channels, level), strict=True), start=1
    ):
        if expansion.shape[1]:
            square = expansion.tocsr()[lyndon_positions(channels, k)]
            assert abs(projection @ square - np.eye(square.shape[0])).max() == 0.0


def test_the_projection_onto_lyndon_coordinates_has_the_exact_entries_at_level_12():
    # A column of the inverse solved in Python's integers, which cannot overflow.
    matrix = lyndon_expansion(2, 12)[11].tocsr()[lyndon_positions(2, 12)].tocsc()
    size = matrix.shape[0]
    largest = 0
    for start in (0, 1, 5, 20):
        column = [0] * size
        column[start] = 1
        for j in range(start, size):
            entries = slice(matrix.indptr[j], matrix.indptr[j + 1])
            for i, value in zip(matrix.indices[entries], matrix.data[entries], strict=True):
                if i > j:
                    column[i] -= int(value) * column[j]
        found = lyndon_projection(2, 12)[11][:, [start]].toarray()[:, 0]
        assert [int(value) for value in found] == column
        largest = max(largest, *map(abs, column))
    assert largest > 1000


def test_lyndon_coordinates_survive_the_way_through_words_at_level_12():
    # Entries of the projection reach 3.4e6 there, and multiply roundings of numbers of up to 462 terms below 1.
    coordinates = np.random.default_rng(0).uniform(-1, 1, len(rough.lyndon_words(2, 12)))
    found = ta.tensor_to_lyndon(ta.lyndon_to_tensor(coordinates, 2, 12))
    np.testing.assert_allclose(found, coordinates, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("channels", "level"), [(2, 5), (3, 4)])
def test_hall_brackets_expand_to_commutators_of_matrices(channels, level):
    # Evaluating words at matrices is an algebra homomorphism; small integers, so exact.
    rng = np.random.default_rng(0)
    letters = [rng.integers(-1, 2, (2, 2)).astype(float) for _ in range(channels)]

    def evaluate(bracket):
        if isinstance(bracket, int):
            return letters[bracket - 1]
        a, b = map(evaluate, bracket)
        return a @ b - b @ a

    columns = [column for matrix in hall_expansion(channels, level) for column in matrix.toarray().T]
    for text, column in zip(rough.hall_brackets(channels, level), columns, strict=True):
        length = sum(c.isdigit() for c in text)
        total = np.zeros((2, 2))
        for value, word in zip(column, itertools.product(range(channels), repeat=length), strict=True):
            product = np.eye(2)
            for letter in word:
                product = product @ letters[letter]
            total += value * product
        np.testing.assert_array_equal(total, evaluate(eval(text.replace("[", "(").replace("]", ")"))))


def test_conversion_takes_batches_and_is_linear_under_grad_and_jit():
    count = len(rough.lyndon_words(2, 4))
    batch = np.random.default_rng(0).uniform(-1, 1, (3, 2, count))
    found = rough.convert_basis(batch, "lyndon", "hall", 2, 4)
    assert found.shape == batch.shape
    for i, j in itertools.product(range(3), range(2)):
        one = rough.convert_basis(batch[i, j], "lyndon", "hall", 2, 4)
        np.testing.assert_allclose(found[i, j], one, rtol=0, atol=8 * EPS)
    convert = jax.jit(lambda c: rough.convert_basis(c, "lyndon", "hall", 2, 4))
    jacobian = jax.jacrev(convert)(jnp.asarray(batch[0, 0]))
    np.testing.assert_array_equal(jacobian, lyndon_to_hall(2, 4).toarray())
    traced = jax.jit(lambda c: rough.convert_basis(c, "words", "hall", 2, 4))(jnp.zeros(30))
    np.testing.assert_array_equal(traced, np.zeros(count))


def test_a_small_signature_is_told_from_a_logarithm_and_rounding_is_let_through():
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    for scale in (1.0, 1e-4, 1e-9):
        with pytest.raises(InputError, match="error of 0.5 in row 0; pass the logarithm"):
            rough.convert_basis(rough.signature(scale * corner, 3), "words", "lyndon", 2, 3)
        lie = rough.log_signature(scale * corner, 3, basis="words")
        found = rough.convert_basis(lie, "words", "lyndon", 2, 3)
        # log(exp(a) exp(b)) = a + b + [a, b]/2 + [a, [a, b]]/12 + [[a, b], b]/12
        expected = [scale, scale, scale**2 / 2, scale**3 / 12, scale**3 / 12]
        np.testing.assert_allclose(found, expected, rtol=1e-14)
    there_and_back = path(2)[[0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0]]
    rounding = rough.log_signature(there_and_back, 3, basis="words")
    assert np.abs(rough.convert_basis(rounding, "words", "lyndon", 2, 3)).max() < 1e-13


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="source to be one of"):
        rough.convert_basis(np.zeros(8), "Hall", "lyndon", 2, 4)
    with pytest.raises(InputError, match="target to be one of"):
        rough.convert_basis(np.zeros(8), "hall", "dual", 2, 4)
    with pytest.raises(InputError, match="expected 8 coordinates"):
        rough.convert_basis(np.zeros(7), "hall", "lyndon", 2, 4)
    with pytest.raises(InputError, match="expected 30 coordinates"):
        rough.convert_basis(np.zeros(8), "words", "lyndon", 2, 4)
    with pytest.raises(InputError, match="finite"):
        rough.convert_basis(np.full(8, np.nan), "hall", "lyndon", 2, 4)
    signature = rough.signature(path(2), 4)
    with pytest.raises(InputError, match="row 1; pass the logarithm"):
        lie = rough.log_signature(path(2), 4, basis="words")
        rough.convert_basis(np.stack([lie, signature]), "words", "lyndon", 2, 4)
    for channels, level in ((0, 3), (2, 0), (3, 40)):
        with pytest.raises(InputError):
            rough.hall_brackets(channels, level)
