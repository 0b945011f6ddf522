"""The truncated tensor algebra and the Lyndon basis."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from roughntk._checks import InputError
from roughntk.rough import lyndon_brackets, lyndon_words, signature_size, witt_dimension
from roughntk.rough import tensor as ta

EPS = np.finfo(float).eps


def random_tensor(seed, channels, level, scalar=1.0):
    rng = np.random.default_rng(seed)
    return (jnp.full(1, scalar), *(jnp.asarray(rng.uniform(-1, 1, channels**k)) for k in range(1, level + 1)))


def assert_tensors_close(a, b, tolerance):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance)


# Entries below are sums of at most a few hundred products of numbers of size <= 1: 1e-13 is about 500 eps.
TIGHT = 1e-13


def test_product_is_the_sum_over_splittings_of_a_word():
    d, level = 2, 4
    a, b = random_tensor(0, d, level, 0.5), random_tensor(1, d, level, -2.0)
    found = ta.product(a, b)
    for n in range(level + 1):
        for word in itertools.product(range(d), repeat=n):

            def entry(t, w):
                return float(t[len(w)][sum(i * d ** (len(w) - 1 - m) for m, i in enumerate(w))])

            expected = sum(entry(a, word[:k]) * entry(b, word[k:]) for k in range(n + 1))
            assert abs(entry(found, word) - expected) <= TIGHT


def test_product_is_associative_and_not_commutative():
    a, b, c = (random_tensor(seed, 3, 3) for seed in range(3))
    assert_tensors_close(ta.product(ta.product(a, b), c), ta.product(a, ta.product(b, c)), TIGHT)
    assert float(jnp.abs(ta.product(a, b)[2] - ta.product(b, a)[2]).max()) > 0.1


def test_horner_step_is_the_product_with_the_exponential():
    for d, level in ((1, 4), (2, 4), (3, 3)):
        a = random_tensor(d, d, level)
        dx = jnp.asarray(np.random.default_rng(9).uniform(-1, 1, d))
        assert_tensors_close(ta.multiply_exp(a, dx), ta.product(a, ta.exp(dx, level)), TIGHT)


def test_log_inverts_exp_and_inverse_inverts():
    dx = jnp.array([0.3, -0.7, 1.1])
    lie = ta.log(ta.exp(dx, 5))
    np.testing.assert_allclose(lie[1], dx, atol=TIGHT)
    assert all(float(jnp.abs(part).max()) <= TIGHT for part in (lie[0], *lie[2:]))
    a = random_tensor(3, 3, 4)
    one = ta.identity(3, 4)
    assert_tensors_close(ta.product(a, ta.inverse(a)), one, 10 * TIGHT)  # inverse entries reach about 10
    assert_tensors_close(ta.product(ta.inverse(a), a), one, 10 * TIGHT)


def test_antipode_is_the_inverse_of_group_like_tensors_only():
    a = ta.product(ta.exp(jnp.array([1.0, 0.5]), 4), ta.exp(jnp.array([-0.25, 1.0]), 4))
    assert_tensors_close(ta.antipode(a), ta.inverse(a), TIGHT)
    b = random_tensor(1, 2, 4)
    assert float(jnp.abs(ta.antipode(b)[2] - ta.inverse(b)[2]).max()) > 0.1


def test_flatten_and_unflatten_are_inverse_and_drop_the_leading_one():
    a = random_tensor(0, 3, 3)
    flat = ta.flatten(a)
    assert flat.shape == (signature_size(3, 3),) == (39,)
    assert_tensors_close(ta.unflatten(flat, 3, 3), a, 0.0)


def test_the_algebra_maps_over_batches():
    increments = jnp.asarray(np.random.default_rng(0).normal(size=(4, 2)))
    batch = jax.vmap(lambda dx: ta.flatten(ta.log(ta.exp(dx, 3))))(increments)
    np.testing.assert_allclose(batch[:, :2], increments, atol=10 * EPS)


def test_l1_norm_is_multiplicative_and_hilbert_schmidt_lies_below_the_nuclear_norm():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=4), rng.normal(size=16)
    product = ta.outer(jnp.asarray(a), jnp.asarray(b))
    for kind in ("l1", "l2"):
        assert math.isclose(float(ta.norm(product, kind)), float(ta.norm(a, kind) * ta.norm(b, kind)), rel_tol=10 * EPS)
    nuclear = np.linalg.svd(b.reshape(4, 4), compute_uv=False).sum()
    assert ta.norm(b, "l2") < nuclear <= 2 * ta.norm(b, "l2")  # rank 4: at most sqrt(4) times
    assert ta.norm(np.ones((5, 4)), "l1").shape == (5,)


def test_lyndon_words_are_those_smaller_than_all_their_suffixes_in_order():
    for d, level in ((1, 4), (2, 6), (3, 4)):
        expected = [
            word
            for k in range(1, level + 1)
            for word in itertools.product(range(1, d + 1), repeat=k)
            if all(word < word[cut:] for cut in range(1, k))
        ]
        assert list(lyndon_words(d, level)) == expected


def test_witt_dimensions_are_the_known_ones_and_count_the_lyndon_words():
    assert [witt_dimension(2, k) for k in range(1, 7)] == [2, 1, 2, 3, 6, 9]
    assert [witt_dimension(3, k) for k in range(1, 7)] == [3, 3, 8, 18, 48, 116]
    assert [witt_dimension(1, k) for k in range(1, 5)] == [1, 0, 0, 0]
    for d in (2, 3):
        words = lyndon_words(d, 6)
        assert [sum(len(w) == k for w in words) for k in range(1, 7)] == [witt_dimension(d, k) for k in range(1, 7)]


def test_brackets_follow_the_standard_factorisation():
    assert lyndon_brackets(2, 4) == (
        "1",
        "2",
        "[1,2]",
        "[1,[1,2]]",
        "[[1,2],2]",
        "[1,[1,[1,2]]]",
        "[1,[[1,2],2]]",
        "[[[1,2],2],2]",
    )
    for word in lyndon_words(3, 5)[3:]:
        u, v = ta.standard_factorisation(word)
        assert u + v == word and u in lyndon_words(3, 5)
        longer = [word[cut:] for cut in range(1, len(word)) if len(word) - cut > len(v)]
        assert v in lyndon_words(3, 5) and not any(suffix in lyndon_words(3, 5) for suffix in longer)


def test_brackets_match_iisignature_names():
    iisignature = pytest.importorskip("iisignature")
    for d in (2, 3):
        for level in (2, 3, 4, 5):
            assert lyndon_brackets(d, level) == iisignature.basis(iisignature.prepare(d, level, "S"))


def test_each_bracket_is_its_word_plus_larger_words():
    for d, level in ((2, 7), (3, 5)):
        for k, matrix in enumerate(ta.lyndon_expansion(d, level), start=1):
            positions = ta.lyndon_positions(d, k)
            dense = matrix.toarray()
            for column, position in enumerate(positions):
                assert dense[position, column] == 1.0 and not dense[:position, column].any()


def test_bracket_expansion_equals_commutators_of_matrices():
    # Evaluating words at matrices is an algebra homomorphism, so [w] and its expansion must agree.
    d, level = 2, 5
    rng = np.random.default_rng(0)
    letters = [rng.integers(-2, 3, (3, 3)).astype(float) for _ in range(d)]

    def evaluate(bracket):
        if isinstance(bracket, int):
            return letters[bracket - 1]
        a, b = map(evaluate, bracket)
        return a @ b - b @ a

    brackets = [eval(text.replace("[", "(").replace("]", ")")) for text in lyndon_brackets(d, level)]
    columns = [column for matrix in ta.lyndon_expansion(d, level) for column in matrix.toarray().T]
    for bracket, column in zip(brackets, columns, strict=True):
        k = round(math.log(len(column), d))
        total = sum(
            value * np.linalg.multi_dot([np.eye(3), np.eye(3), *(letters[i] for i in word)])
            for value, word in zip(column, itertools.product(range(d), repeat=k), strict=True)
        )
        np.testing.assert_array_equal(total, evaluate(bracket))  # small integers: exact


@pytest.mark.parametrize(("channels", "level"), [(1, 4), (2, 6), (3, 4), (4, 3)])
def test_lyndon_coordinates_and_tensors_are_inverse_maps(channels, level):
    coordinates = np.random.default_rng(0).uniform(-1, 1, len(lyndon_words(channels, level)))
    lie = ta.lyndon_to_tensor(coordinates, channels, level)
    np.testing.assert_allclose(ta.tensor_to_lyndon(lie), coordinates, atol=TIGHT)
    assert [part.shape for part in lie] == [(channels**k,) for k in range(level + 1)]


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="same level and channels"):
        ta.product(ta.identity(2, 2), ta.identity(2, 3))
    with pytest.raises(InputError, match=r"shape \(6,\)"):
        ta.unflatten(jnp.zeros(7), 2, 2)
    with pytest.raises(InputError, match="norm to be one of"):
        ta.norm(jnp.zeros(3), "nuclear")
    with pytest.raises(InputError, match="GiB"):
        signature_size(10, 10)
    with pytest.raises(InputError, match="GiB"):
        signature_size(3, 10**9)
    with pytest.raises(InputError, match="GiB"):
        signature_size(1, 10**9)
    with pytest.raises(InputError, match="level"):
        signature_size(2, 0)
    with pytest.raises(InputError, match="channels"):
        lyndon_words(0, 2)
    with pytest.raises(InputError, match="length"):
        witt_dimension(2, 0)
    with pytest.raises(InputError, match="3 Lyndon coordinates"):
        ta.lyndon_to_tensor(jnp.zeros(4), 2, 2)
    for word in ((1,), (2, 1), (1, 1)):
        with pytest.raises(InputError, match="Lyndon word"):
            ta.standard_factorisation(word)
