"""Shuffles of words, functionals and tensors; the tests for group-like tensors and Lie elements."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.algebra import tensor as ta

SEEDS = st.integers(0, 2**32 - 1)
CHANNELS, LEVEL = 2, 4

# Signatures of paths of l1-length 2 have entries at most 2^k/k! <= 2, summed over at most binomial(4, 2) merges or
# 16 words: 1e-13 is about 450 eps.
TIGHT = 1e-13


def group_like(seed, channels=CHANNELS, level=LEVEL):
    steps = np.random.default_rng(seed).normal(size=(5, channels))
    steps *= 2 / np.abs(steps).sum()
    path = np.cumsum(np.vstack([np.zeros(channels), steps]), 0)
    return ta.unflatten(rough.signature(path, level), channels, level)


def random_functional(seed, scalar=None):
    rng = np.random.default_rng(seed)
    levels = [jnp.asarray(rng.uniform(-1, 1, CHANNELS**k)) for k in range(LEVEL + 1)]
    return (levels[0] if scalar is None else jnp.full(1, scalar), *levels[1:])


def short(functional):
    """Without the words longer than half the level, so that no product is truncated."""
    return tuple(part if k <= LEVEL // 2 else jnp.zeros_like(part) for k, part in enumerate(functional))


def words(length, channels=CHANNELS):
    return list(itertools.product(range(1, channels + 1), repeat=length))


def entry(tensor, word, channels=CHANNELS):
    return float(tensor[len(word)][sum((i - 1) * channels**m for m, i in enumerate(reversed(word)))])


def functional_of(combination):
    levels = [np.zeros(CHANNELS**k) for k in range(LEVEL + 1)]
    for word, count in combination.items():
        levels[len(word)][sum((i - 1) * CHANNELS**m for m, i in enumerate(reversed(word)))] += count
    return tuple(map(jnp.asarray, levels))


def assert_tensors_close(a, b, tolerance):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=tolerance)


def merges(u, v):
    """u sh v by brute force: every choice of the places that u takes."""
    found = {}
    for places in itertools.combinations(range(len(u) + len(v)), len(u)):
        first, second = iter(u), iter(v)
        word = tuple(next(first) if m in places else next(second) for m in range(len(u) + len(v)))
        found[word] = found.get(word, 0) + 1
    return found


def test_words_shuffle_in_all_ways_that_keep_their_order():
    assert ta.shuffle_words((1,), (2,)) == {(1, 2): 1, (2, 1): 1}
    assert ta.shuffle_words((1, 2), (1,)) == {(1, 1, 2): 2, (1, 2, 1): 1}
    assert ta.shuffle_words((), (1, 2)) == {(1, 2): 1}
    for u, v in itertools.product(words(2) + words(3, 3), words(0) + words(1, 3) + words(3)):
        assert ta.shuffle_words(u, v) == merges(u, v)
        assert sum(ta.shuffle_words(u, v).values()) == math.comb(len(u) + len(v), len(u))


def test_half_shuffles_of_words_end_with_the_second_and_add_up_to_the_shuffle():
    assert ta.half_shuffle_words((1,), (2,)) == {(1, 2): 1}
    assert ta.half_shuffle_words((), (1, 2)) == {(1, 2): 1}
    for u, v in itertools.product(words(2), words(3)):
        left, right = ta.half_shuffle_words(u, v), ta.half_shuffle_words(v, u)
        total = {w: left.get(w, 0) + right.get(w, 0) for w in left | right}
        assert total == ta.shuffle_words(u, v)
        assert all(word[-1] == v[-1] for word in left)


def test_the_pairings_hold_the_entries_at_the_shuffles_of_words():
    for channels, level in ((CHANNELS, LEVEL), (3, 3), (1, 3)):
        rng = np.random.default_rng(channels)
        x = tuple(jnp.asarray(rng.uniform(-1, 1, channels**k)) for k in range(level + 1))
        for p, q in [(0, 0), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2), (3, 0), (3, 1)]:
            if p + q > level:
                continue
            full = np.asarray(ta.shuffle_pairing(x, p, q))
            half = np.asarray(ta.half_shuffle_pairing(x, p, q)) if q else None
            assert full.shape == (channels**p, channels**q)
            for (a, u), (b, v) in itertools.product(enumerate(words(p, channels)), enumerate(words(q, channels))):
                expected = sum(count * entry(x, w, channels) for w, count in merges(u, v).items())
                assert abs(full[a, b] - expected) <= TIGHT
                if q:
                    parts = ta.half_shuffle_words(u, v).items()
                    assert abs(half[a, b] - sum(count * entry(x, w, channels) for w, count in parts)) <= TIGHT


@settings(max_examples=20)
@given(SEEDS)
def test_entries_of_signatures_multiply_by_the_shuffle_product(seed):
    x, f, g = group_like(seed), short(random_functional(seed + 1)), short(random_functional(seed + 2))
    left = float(ta.pairing(x, f) * ta.pairing(x, g))
    assert abs(left - float(ta.pairing(x, ta.shuffle_product(f, g)))) <= 10 * TIGHT  # both sides reach about 10


@settings(max_examples=20)
@given(SEEDS)
def test_the_shuffle_product_is_commutative_associative_and_has_a_unit(seed):
    f, g, h = (random_functional(seed + k) for k in range(3))
    # Up to 16 * 6 * 3 products of numbers below 1 in one entry: 100 times TIGHT is 1e-11, about 150 eps of that sum.
    assert_tensors_close(ta.shuffle_product(f, g), ta.shuffle_product(g, f), 100 * TIGHT)
    left, right = (
        ta.shuffle_product(ta.shuffle_product(f, g), h),
        ta.shuffle_product(f, ta.shuffle_product(g, h)),
    )
    assert_tensors_close(left, right, 100 * TIGHT)
    assert_tensors_close(ta.shuffle_product(f, ta.identity(CHANNELS, LEVEL)), f, 0.0)


@settings(max_examples=20)
@given(SEEDS)
def test_half_shuffles_obey_the_zinbiel_identity(seed):
    # f > (g > h) = (f sh g) > h, integration by parts.
    f, g, h = (random_functional(seed + k, scalar=0.0) for k in range(3))
    left = ta.half_shuffle_product(f, ta.half_shuffle_product(g, h))
    assert_tensors_close(left, ta.half_shuffle_product(ta.shuffle_product(f, g), h), 100 * TIGHT)
    both = jax.tree.map(jnp.add, ta.half_shuffle_product(f, g), ta.half_shuffle_product(g, f))
    assert_tensors_close(both, ta.shuffle_product(f, g), 100 * TIGHT)


def test_products_of_functionals_extend_those_of_words():
    for u, v in itertools.product(words(1) + words(2), words(2)):
        f, g = functional_of({u: 1}), functional_of({v: 1})
        assert_tensors_close(ta.shuffle_product(f, g), functional_of(merges(u, v)), 0.0)
        assert_tensors_close(ta.half_shuffle_product(f, g), functional_of(ta.half_shuffle_words(u, v)), 0.0)


def test_the_half_shuffle_is_the_iterated_integral():
    # S^{u > v} = int S^u dS^v: summed over a path of many short pieces by the midpoint rule, error of order h^2.
    t = np.linspace(0, 1, 2001)
    lift = rough.lift(np.stack([np.sin(2 * t), t**2], 1), 3)
    prefixes = np.asarray(lift.prefixes)
    u, v = 1, 4  # the words 2 and 21, at 1 and at 2 + 2 in the flat layout
    integral = np.sum((prefixes[1:, u] + prefixes[:-1, u]) / 2 * np.diff(prefixes[:, v]))
    found = float(ta.half_shuffle_pairing(ta.unflatten(lift.signature, 2, 3), 1, 2)[1, 2])
    assert abs(integral - found) <= 1e-8  # measured 3.2e-9, four times that at half the points
    assert abs(found) > 0.03


@pytest.mark.parametrize(("channels", "level"), [(2, 4), (3, 3), (1, 4)])
def test_signatures_are_group_like_and_their_logarithms_are_lie_elements(channels, level):
    x = group_like(0, channels, level)
    lie = ta.log(x)
    assert float(ta.group_like_error(x)) <= TIGHT and ta.is_group_like(x)
    assert float(ta.lie_error(lie)) <= TIGHT and ta.is_lie(lie)
    assert not ta.is_group_like(lie) and not ta.is_lie(x)


def measure(tensor):
    """max_k (largest entry of x^k)^{1/k}, to which the errors are relative."""
    return max(np.abs(part).max() ** (1 / k) for k, part in enumerate(tensor) if k)


def test_a_change_in_any_level_is_told():
    x = group_like(1)
    lie = ta.log(x)
    for k in range(2, LEVEL + 1):
        bumped = tuple(part.at[0].add(1e-3 * (n == k)) for n, part in enumerate(x))
        assert float(ta.group_like_error(bumped)) >= 1e-3 and not ta.is_group_like(bumped)
        # 11...1 is no Lie element: its whole bump is an error, of which Dynkin's map takes none.
        bumped = tuple(part.at[0].add(1e-3 * (n == k)) for n, part in enumerate(lie))
        assert math.isclose(float(ta.lie_error(bumped)), 1e-3 / measure(bumped) ** k, rel_tol=1e-9)
        assert math.isclose(float(ta.lie_error(bumped, size=1.0)), 1e-3, rel_tol=1e-9)
    assert not ta.is_group_like((x[0] + 1e-3, *x[1:])) and not ta.is_lie((lie[0] + 1e-3, *lie[1:]))
    assert not ta.is_group_like((x[0], x[1].at[0].set(jnp.nan), *x[2:]))
    assert ta.is_group_like((x[0] + 1e-3, *x[1:]), tolerance=2e-3)


def test_an_ito_signature_is_not_group_like():
    # S_Ito^2 = S_Strat^2 - (t/2) I: <x, 1><x, 1> = 2 <x, 11> + t.
    x = group_like(2, 2, 2)
    ito = (x[0], x[1], x[2] - 0.5 * jnp.array([1.0, 0, 0, 1.0]))
    assert math.isclose(float(ta.group_like_error(ito)), 1.0 / measure(ito) ** 2, rel_tol=1e-12)


def test_errors_do_not_depend_on_the_scale_and_underflow_is_none():
    x = group_like(3)
    lie = ta.log(x)
    wrong = (x[0], x[1], 0.9 * x[2], *x[3:])
    for scale in (1e-4, 1e-9, 1e-60, 1e-150, 1e60):  # the fourth level underflows at 1e-150
        assert ta.is_group_like(ta.dilate(x, scale)) and ta.is_lie(ta.dilate(lie, scale))
        if scale > 1e-150:
            small = ta.dilate(wrong, scale)
            assert not ta.is_group_like(small) and not ta.is_lie(ta.dilate(x, scale))
            assert math.isclose(float(ta.group_like_error(small)), float(ta.group_like_error(wrong)), rel_tol=1e-12)
    assert not ta.is_group_like((jnp.ones(1), jnp.full(2, 1e-6), jnp.zeros(4)))
    assert not ta.is_lie((jnp.zeros(1), jnp.full(2, 1e-6), jnp.full(4, 5e-13)))
    assert ta.is_group_like(ta.identity(2, 4)) and ta.is_lie((jnp.zeros(1), *ta.identity(2, 4)[1:]))
    # Of a path and its reversal rounding is left, which only the size of the path measures.
    walk = np.random.default_rng(0).normal(size=(5, 2)).cumsum(0)
    left = ta.unflatten(rough.signature(np.concatenate([walk, walk[-2::-1]]), 4), 2, 4)
    assert float(ta.norm(ta.flatten(left))) < 1e-13
    assert not ta.is_group_like(left) and ta.is_group_like(left, size=np.abs(np.diff(walk, axis=0)).sum())


@settings(max_examples=20)
@given(SEEDS)
def test_dynkins_map_takes_a_lie_element_to_n_times_itself(seed):
    rng = np.random.default_rng(seed)
    lie = ta.lyndon_to_tensor(rng.uniform(-1, 1, len(ta.lyndon_words(CHANNELS, LEVEL))), CHANNELS, LEVEL)
    image = ta.dynkin(lie)
    assert_tensors_close(image, tuple(n * part for n, part in enumerate(lie)), 100 * TIGHT)  # entries up to about 30
    assert ta.is_lie(lie)


def test_dynkins_map_brackets_words_from_the_left():
    rng = np.random.default_rng(0)
    d, level = 3, 4
    letters = [
        tuple(jnp.asarray(np.eye(d)[i] if k == 1 else np.zeros(d**k)) for k in range(level + 1)) for i in range(d)
    ]
    for length in range(1, level + 1):
        word = rng.integers(0, d, length)
        expected = letters[word[0]]
        for letter in word[1:]:
            expected = ta.bracket(expected, letters[letter])
        monomial = [np.zeros(d**k) for k in range(level + 1)]
        monomial[length][int("".join(map(str, word)), d)] = 1.0
        assert_tensors_close(ta.dynkin(tuple(map(jnp.asarray, monomial))), expected, 0.0)


@settings(max_examples=20)
@given(SEEDS)
def test_friedrichs_and_dynkin_agree_on_lie_elements(seed):
    # Friedrichs: x is a Lie element iff <x, u sh v> = 0 for all non-empty u, v.
    rng = np.random.default_rng(seed)
    lie = ta.lyndon_to_tensor(rng.uniform(-1, 1, len(ta.lyndon_words(CHANNELS, LEVEL))), CHANNELS, LEVEL)
    for p, q in ((1, 1), (1, 2), (2, 2), (1, 3)):
        assert float(jnp.abs(ta.shuffle_pairing(lie, p, q)).max()) <= 100 * TIGHT


def test_the_tests_map_over_batches_and_can_be_differentiated():
    batch = [group_like(seed, 2, 3) for seed in range(3)]
    stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *batch)
    np.testing.assert_array_equal(jax.jit(jax.vmap(ta.is_group_like))(stacked), [True] * 3)
    errors = jax.jit(jax.vmap(ta.lie_error))(stacked)
    np.testing.assert_allclose(errors, [ta.lie_error(x) for x in batch], rtol=1e-12)
    # Bump the word 11 of a group-like x: <x, 1><x, 1> - 2 <x, 11> has the slope -2 in it, its size 2.
    x = batch[0]
    bumped = (*x[:2], x[2].at[0].add(0.1), x[3])
    slope = jax.jit(jax.grad(lambda z: ta.group_like_error(z, size=1.0)))(bumped)
    assert math.isclose(float(slope[2][0]), 2.0, rel_tol=1e-12)
    assert all(bool(jnp.isfinite(part).all()) for part in slope)
    # Without a size the error is a homogeneous function of degree 0: no slope along the dilations.
    slope = jax.jit(jax.grad(ta.group_like_error))(bumped)
    along = sum(k * float(a @ b) for k, (a, b) in enumerate(zip(slope, bumped, strict=True)))
    assert abs(along) <= 1e-12 and float(jnp.abs(slope[2]).max()) > 1
    assert all(bool(jnp.isfinite(part).all()) for part in jax.jit(jax.grad(ta.lie_error))(ta.identity(2, 2)))


def test_bad_input_is_refused():
    x = group_like(0)
    with pytest.raises(InputError, match="at most the level 4"):
        ta.shuffle_pairing(x, 3, 3)
    with pytest.raises(InputError, match="left"):
        ta.shuffle_pairing(x, -1, 3)
    with pytest.raises(InputError, match="right"):
        ta.half_shuffle_pairing(x, 1, 0)
    with pytest.raises(InputError, match="same level"):
        ta.shuffle_product(x, x[:-1])
    with pytest.raises(InputError, match="same level"):
        ta.pairing(x, x[:-1])
    with pytest.raises(InputError, match="scalar part"):
        ta.half_shuffle_product(x, x)
    with pytest.raises(InputError, match="empty word"):
        ta.half_shuffle_words((1,), ())
    for tolerance in (-1.0, float("nan")):
        with pytest.raises(InputError, match="tolerance"):
            ta.is_group_like(x, tolerance)
        with pytest.raises(InputError, match="tolerance"):
            ta.is_lie(x, tolerance)
    for size in (0.0, -1.0, float("inf"), "1"):
        with pytest.raises(InputError, match="size .*above 0"):
            ta.is_lie(x, size=size)
    for bad in (None, "abc", (1.0,), (1.0, 2.0), (np.ones(1), np.ones((2, 2))), ([1.0], [1.0, 2.0], [1, 2, 3.0]), x[1]):
        for function in (ta.is_group_like, ta.is_lie, ta.dynkin, lambda y: ta.pairing(y, x)):
            with pytest.raises(InputError, match="tuple of levels|levels of the shapes"):
                function(bad)
    with pytest.raises(InputError, match="finite"):
        ta.dynkin((x[0], jnp.full(2, jnp.nan), *x[2:]))
    with jax.enable_x64(False):
        for function in (ta.is_group_like, ta.is_lie, ta.group_like_error):
            with pytest.raises(InputError, match="64-bit"):
                function(x)


def test_shuffles_and_dimensions_beyond_memory_are_refused_and_long_words_are_not():
    with pytest.raises(
        InputError, match="shuffles of words of 1000 and 1000 letters to fit in memory, got a need of .* where 2 GiB"
    ):
        ta.shuffle_words((1,) * 1000, (2,) * 1000)
    assert ta.shuffle_words((1,), (1,) * 300) == {(1,) * 301: 301}
    with pytest.raises(InputError, match=r"at most 1048576 bits, got one of about 1e\+09; lower the length"):
        ta.witt_dimension(2, 10**9)
    assert ta.witt_dimension(1, 10**9) == 0 and ta.witt_dimension(2, 3) == 2


def test_a_ragged_list_is_no_word():
    with pytest.raises(InputError, match=r"expected a letter of u to be a whole number, got \[1, 2\]"):
        rough.shuffle_words([[1, 2], [3]], (1,))
