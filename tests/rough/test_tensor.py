"""The truncated tensor algebra and the Lyndon basis."""

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
from roughntk.rough import lyndon_brackets, lyndon_words, signature_size, witt_dimension
from roughntk.rough.algebra import flat
from roughntk.rough.algebra import tensor as ta
from roughntk.rough.algebra.lyndon import lyndon_expansion, lyndon_positions, standard_factorisation
from roughntk.rough.algebra.norms import root_factorial
from roughntk.rough.algebra.operations import multiply_exp, outer

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
        assert_tensors_close(multiply_exp(a, dx), ta.product(a, ta.exp(dx, level)), TIGHT)


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
    product = outer(jnp.asarray(a), jnp.asarray(b))
    for norm in ("l1", "l2"):
        assert math.isclose(float(ta.norm(product, norm)), float(ta.norm(a, norm) * ta.norm(b, norm)), rel_tol=10 * EPS)
    nuclear = np.linalg.svd(b.reshape(4, 4), compute_uv=False).sum()
    assert ta.norm(b, "l2") < nuclear <= 2 * ta.norm(b, "l2")  # rank 4: at most sqrt(4) times
    assert ta.norm(np.ones((5, 4)), "l1").shape == (5,)


SEEDS = st.integers(0, 2**32 - 1)


def signature_tensor(seed):
    """The signature to level 4 of a path of five pieces in the plane, of l1-length 2: entries at most 2."""
    steps = np.random.default_rng(seed).normal(size=(5, 2))
    steps *= 2 / np.abs(steps).sum()
    return ta.unflatten(rough.signature(np.cumsum(np.vstack([np.zeros(2), steps]), 0), 4), 2, 4)


@settings(max_examples=20)
@given(SEEDS)
def test_the_algebra_is_associative_distributive_and_has_inverses(seed):
    a, b, c = (random_tensor(seed + k, 2, 4, 0.5 + k) for k in range(3))
    assert_tensors_close(ta.product(ta.product(a, b), c), ta.product(a, ta.product(b, c)), 10 * TIGHT)
    total = jax.tree.map(jnp.add, b, c)
    parts = jax.tree.map(jnp.add, ta.product(a, b), ta.product(a, c))
    assert_tensors_close(ta.product(a, total), parts, 10 * TIGHT)
    # Scalar part 1.5: the inverse of a unit plus entries below 1 reaches about 10.
    assert_tensors_close(ta.product(b, ta.inverse(b)), ta.identity(2, 4), 10 * TIGHT)


@settings(max_examples=20)
@given(SEEDS)
def test_exp_and_log_are_inverse_with_any_scalar_part(seed):
    x = random_tensor(seed, 2, 4, 0.7)
    assert_tensors_close(ta.log(ta.exp(x)), x, 100 * TIGHT)  # exp(x) reaches about 30, and log its fourth powers
    y = random_tensor(seed, 2, 4, 2.0)
    assert_tensors_close(ta.exp(ta.log(y)), y, 100 * TIGHT)


def test_the_exponential_of_a_level_one_tensor_is_that_of_the_increment():
    dx = jnp.array([0.3, -0.7])
    x = (jnp.zeros(1), dx, *(jnp.zeros(2**k) for k in (2, 3, 4)))
    assert_tensors_close(ta.exp(x), ta.exp(dx, 4), TIGHT)


@settings(max_examples=20)
@given(SEEDS)
def test_brackets_obey_jacobi_and_exponentials_of_lie_elements_are_group_like(seed):
    a, b, c = (ta.log(signature_tensor(seed + k)) for k in range(3))
    cyclic = [ta.bracket(x, ta.bracket(y, z)) for x, y, z in ((a, b, c), (b, c, a), (c, a, b))]
    assert_tensors_close(jax.tree.map(lambda *parts: sum(parts), *cyclic), [0.0 * part for part in a], TIGHT)
    assert ta.is_lie(ta.bracket(a, b)) and ta.is_group_like(ta.exp(jax.tree.map(jnp.add, a, b)))


@settings(max_examples=20)
@given(SEEDS, st.floats(-3, 3))
def test_dilation_is_a_homomorphism_and_scales_paths(seed, scale):
    a, b = random_tensor(seed, 2, 4), random_tensor(seed + 1, 2, 4)
    both = ta.product(ta.dilate(a, scale), ta.dilate(b, scale))
    assert_tensors_close(ta.dilate(ta.product(a, b), scale), both, 100 * TIGHT)  # factors up to 3^4
    dx = jnp.array([0.5, -0.25])
    assert_tensors_close(ta.dilate(ta.exp(dx, 4), scale), ta.exp(scale * dx, 4), 100 * TIGHT)


def test_the_levels_of_the_l_shaped_path_have_their_known_sizes():
    # k! |S^k|_HS = sqrt(C(2k, k)): the entries are 1 / (i! (k - i)!) for the words 1...12...2 only.
    one, two = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
    for k, part in enumerate(ta.product(ta.exp(one, 7), ta.exp(two, 7))):
        size = math.factorial(k) * float(ta.norm(part, "l2"))
        assert math.isclose(size, math.sqrt(math.comb(2 * k, k)), rel_tol=10 * EPS)


def test_a_signature_known_by_hand():
    points = np.array([[1.0, 1.0], [3.0, 4.0], [5.0, 2.0], [8.0, 6.0]])
    total = ta.identity(2, 2)
    for dx in np.diff(points, axis=0):
        total = ta.product(total, ta.exp(dx, 2))
    np.testing.assert_array_equal(ta.flatten(total), [7, 5, 24.5, 19, 16, 12.5])  # dyadic numbers: exact


def test_the_projective_norm_over_l1_is_attained_by_a_form_and_by_a_decomposition():
    # Below: forms of entries +-1 have norm 1 on l1 products. Above: the decomposition into single entries.
    part = np.random.default_rng(0).normal(size=27)
    found = float(rough.projective_norm(part, 3))
    assert math.isclose(found, np.sign(part) @ part, rel_tol=10 * EPS)
    assert math.isclose(found, np.abs(part).sum(), rel_tol=10 * EPS)


def test_the_projective_norm_over_l2_is_the_nuclear_norm_at_level_two():
    rng = np.random.default_rng(1)
    part = rng.normal(size=(2, 16))
    found = rough.projective_norm(part, 4, "l2")
    expected = [np.linalg.norm(row.reshape(4, 4), "nuc") for row in part]
    np.testing.assert_allclose(found, expected, rtol=50 * EPS)
    # Dual to the operator norm: attained by the orthogonal factor of the polar decomposition.
    u, _, vt = np.linalg.svd(part[0].reshape(4, 4))
    assert math.isclose(float(found[0]), float((u @ vt).ravel() @ part[0]), rel_tol=50 * EPS)
    a, b = rng.normal(size=4), rng.normal(size=4)
    crossed = float(rough.projective_norm(np.kron(a, b), 4, "l2"))
    assert math.isclose(crossed, np.linalg.norm(a) * np.linalg.norm(b), rel_tol=50 * EPS)
    assert math.isclose(float(rough.projective_norm(a, 4, "l2")), np.linalg.norm(a), rel_tol=10 * EPS)


@settings(max_examples=20)
@given(SEEDS, st.floats(0.01, 10))
def test_homogeneous_norms_are_homogeneous_and_symmetric_and_one_is_sub_additive(seed, scale):
    x, y = signature_tensor(seed), signature_tensor(seed + 1)
    for variant in ("levels", "factorial", "log"):
        for norm in ("l1", "l2"):
            size = float(rough.homogeneous_norm(x, norm=norm, variant=variant))
            dilated = float(rough.homogeneous_norm(ta.dilate(x, -scale), norm=norm, variant=variant))
            # The log of a dilated tensor cancels levels whose fourth roots magnify rounding.
            tolerance = 1e-9 if variant == "log" else 100 * EPS
            assert math.isclose(dilated, scale * size, rel_tol=tolerance)
            back = float(rough.homogeneous_norm(ta.antipode(x), norm=norm, variant=variant))
            assert math.isclose(back, size, rel_tol=tolerance)
    for norm in ("l1", "l2"):
        whole, *parts = (
            float(rough.homogeneous_norm(z, norm=norm, variant="factorial")) for z in (ta.product(x, y), x, y)
        )
        assert whole <= sum(parts) * (1 + 100 * EPS)


def test_homogeneous_norms_of_a_straight_piece_and_of_pure_area():
    dx = jnp.array([3.0, -4.0])
    for norm, size in (("l1", 7.0), ("l2", 5.0)):
        assert math.isclose(float(rough.homogeneous_norm(ta.exp(dx, 4), norm=norm, variant="factorial")), size)
        assert math.isclose(float(rough.homogeneous_norm(ta.exp(dx, 4), norm=norm)), size)
        assert math.isclose(float(rough.homogeneous_norm(ta.exp(dx, 4), norm=norm, variant="log")), size)
    area = ta.unflatten(jnp.array([0.0, 0.0, 0.0, 2.0, -2.0, 0.0]), 2, 2)
    assert math.isclose(float(rough.homogeneous_norm(area, norm="l1")), 2.0)
    assert math.isclose(float(rough.homogeneous_norm(area, norm="l1", variant="factorial")), math.sqrt(8.0))
    assert float(rough.homogeneous_norm(ta.identity(2, 3))) == 0.0


def test_gradients_agree_with_differences_and_are_finite_where_norms_vanish():
    x = signature_tensor(0)
    direction = tuple(0.0 * part if k == 0 else random_tensor(5, 2, 4)[k] for k, part in enumerate(x))

    def along(function):
        return lambda h: function(jax.tree.map(lambda a, b: a + h * b, x, direction))

    for function in (
        lambda z: ta.log(z)[4][3],
        lambda z: ta.inverse(z)[4][3],
        lambda z: ta.exp(z)[4][3],
        lambda z: rough.homogeneous_norm(z, norm="l2", variant="log"),
        lambda z: rough.projective_norm(z[2], 2, "l2"),
    ):
        moved = jax.jit(along(function))
        slope = float(jax.jit(jax.grad(along(function)))(0.0))
        # Central differences of step 1e-6: truncation 1e-12 times third derivatives of up to 1e4 (the fourth root of
        # a small level), rounding eps / 1e-6 = 2e-10.
        difference = float(moved(1e-6) - moved(-1e-6)) / 2e-6
        assert abs(slope - difference) <= 1e-7 * max(1.0, abs(slope))
    one = ta.identity(2, 4)
    for variant in ("levels", "factorial", "log"):
        slopes = jax.jit(jax.grad(lambda z, variant=variant: rough.homogeneous_norm(z, variant=variant)))(one)
        assert all(bool(jnp.isfinite(part).all()) for part in slopes)
    for norm in ("l1", "l2"):
        for size in (lambda z, norm=norm: ta.norm(z, norm), lambda z, norm=norm: rough.projective_norm(z, 2, norm)):
            assert bool(jnp.isfinite(jax.jit(jax.grad(size))(jnp.zeros(4))).all())


def test_norms_hold_at_every_scale_of_float64():
    for scale in (1e-300, 1e-170, 1.0, 1e170, 1e300):
        assert math.isclose(float(ta.norm(scale * np.array([3.0, -4.0]), "l2")), 5 * scale, rel_tol=4 * EPS)
        slope = jax.grad(lambda v: ta.norm(v, "l2"))(scale * jnp.array([3.0, -4.0]))
        np.testing.assert_allclose(slope, [0.6, -0.8], rtol=4 * EPS)
    area = (np.ones(1), np.zeros(2), 1e-300 * np.array([0.0, 0.5, -0.5, 0.0]))
    for norm, size in (("l1", 1e-300), ("l2", 1e-300 * math.sqrt(0.5))):
        assert math.isclose(float(rough.homogeneous_norm(area, norm=norm)), math.sqrt(size), rel_tol=4 * EPS)
    for k in (1, 5, 170, 171, 400):  # 171! is beyond float64
        logs = math.fsum(map(math.log, range(1, k + 1)))
        assert math.isclose(root_factorial(k), math.exp(logs / k), rel_tol=1e-14)
    assert bool(jnp.isnan(jax.jit(lambda v: ta.norm(v, "l2"))(jnp.array([jnp.nan, 1.0]))))


def test_flat_functions_are_those_of_tensors_row_by_row_over_batches():
    rng = np.random.default_rng(0)
    a, b = jnp.asarray(rng.uniform(-1, 1, (2, 3, 30))), jnp.asarray(rng.uniform(-1, 1, (3, 30)))  # not group-like
    lie = flat.log(a, 2)
    cases = [
        (flat.product(a, b, 2), lambda x, y: ta.product(x, y), (a, b), 1.0),
        (flat.log(a, 2), ta.log, (a,), 1.0),
        (flat.inverse(a, 2), ta.inverse, (a,), 1.0),
        (flat.antipode(a, 2), ta.antipode, (a,), 1.0),
        (flat.exp(lie, 2), ta.exp, (lie,), 0.0),
        (flat.bracket(lie, flat.log(b, 2), 2), ta.bracket, (lie, flat.log(b, 2)), 0.0),
        (flat.dilate(a, -0.5, 2), lambda x: ta.dilate(x, -0.5), (a,), 1.0),
    ]
    for found, function, arrays, scalar in cases:
        assert found.shape == a.shape
        for i, j in ((0, 0), (1, 2)):
            rows = [array[i, j] if array.ndim == 3 else array[j] for array in arrays]
            expected = ta.flatten(function(*(ta.unflatten(row, 2, 4, scalar=scalar) for row in rows)))
            np.testing.assert_allclose(found[i, j], expected, rtol=0, atol=10 * TIGHT)
    np.testing.assert_allclose(flat.exp(lie, 2), a, rtol=0, atol=10 * TIGHT)
    scales = np.array([[0.5], [2.0]])
    np.testing.assert_allclose(flat.dilate(a, scales, 2)[1, 2], flat.dilate(a[1, 2], 2.0, 2), rtol=0, atol=10 * TIGHT)
    assert bool(jnp.isfinite(jax.jit(jax.grad(lambda z: flat.log(z, 2).sum()))(a[0, 0])).all())


def test_bad_input_to_the_algebra_and_the_norms_is_refused():
    with pytest.raises(InputError, match="positive scalar part"):
        ta.log(random_tensor(0, 2, 2, -1.0))
    with pytest.raises(InputError, match="no inverse"):
        ta.inverse(random_tensor(0, 2, 2, 0.0))
    with pytest.raises(InputError, match="same level and channels"):
        ta.bracket(ta.identity(2, 2), ta.identity(3, 2))
    with pytest.raises(InputError, match="leave it out"):
        ta.exp(ta.identity(2, 2), 3)
    with pytest.raises(InputError, match="finite"):
        ta.exp(np.array([1.0, np.nan]), 2)
    with pytest.raises(InputError, match=r"shape \(channels,\)"):
        ta.exp(np.ones((2, 2)), 2)
    with pytest.raises(InputError, match="level"):
        ta.exp(np.ones(2), 0)
    with pytest.raises(InputError, match="GiB"):
        ta.exp(np.ones(10), 12)
    with pytest.raises(InputError, match="channels"):
        ta.identity(0, 2)
    with pytest.raises(InputError, match="NP-hard"):
        rough.projective_norm(np.ones(8), 2, "l2")
    with pytest.raises(InputError, match=r"2\^k entries"):
        rough.projective_norm(np.ones(6), 2)
    with pytest.raises(InputError, match="norm to be one of"):
        rough.homogeneous_norm(ta.identity(2, 2), norm="l3")
    with pytest.raises(InputError, match="variant to be one of"):
        rough.homogeneous_norm(ta.identity(2, 2), variant="level")
    with pytest.raises(InputError, match="got 7"):
        flat.log(np.ones(7), 2)
    with pytest.raises(InputError, match="one size"):
        flat.product(np.ones(6), np.ones(14), 2)
    with pytest.raises(InputError, match="batch axes"):
        flat.product(np.ones((2, 6)), np.ones((3, 6)), 2)
    with pytest.raises(InputError, match="batch axes"):
        flat.dilate(np.ones((2, 6)), np.ones(3), 2)
    with pytest.raises(InputError, match="finite"):
        flat.log(np.full(6, np.nan), 2)
    with pytest.raises(InputError, match="got a number"):
        flat.log(1.0, 2)
    with pytest.raises(InputError, match="got a number"):
        ta.norm(1.0)
    x = ta.identity(2, 2)
    functions = [ta.log, ta.inverse, ta.antipode, ta.flatten, rough.homogeneous_norm, lambda z: ta.product(x, z)]
    functions += [lambda z: ta.bracket(z, x), lambda z: ta.dilate(z, 2.0), lambda z: multiply_exp(z, np.ones(2))]
    for function in functions:
        for bad in (None, "abc", (1.0,), (np.ones(1), np.ones(2), np.ones(3)), np.ones((3, 2))):
            with pytest.raises(InputError, match="tuple of levels|levels of the shapes"):
                function(bad)
        with pytest.raises(InputError, match=r"finite entries in (tensor|a|b)\[1\]"):
            function((np.ones(1), np.array([np.nan, 1.0]), np.ones(4)))
    with pytest.raises(InputError, match="finite"):
        ta.exp((np.zeros(1), np.array([np.nan, 1.0])))
    with pytest.raises(InputError, match="levels of the shapes"):
        ta.exp((np.zeros(1), np.ones((2, 2))))
    with pytest.raises(InputError, match=r"increment of shape \(2,\)"):
        multiply_exp(x, np.ones(3))
    with pytest.raises(InputError, match="number for scale"):
        ta.dilate(x, [1.0, 2.0])
    with pytest.raises(InputError, match="levels of the shapes"):
        ta.tensor_to_lyndon((np.zeros(1), np.ones(2), np.ones(3)))
    functions = [ta.norm, lambda z: rough.projective_norm(z, 2)]
    functions += [lambda z: ta.lyndon_to_tensor(z, 2, 1), lambda z: ta.unflatten(z, 2, 1)]
    for bad in (None, "abc", [np.nan, 1.0]):
        for function in functions:
            with pytest.raises(InputError, match="real numbers|finite"):
                function(bad)


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
        u, v = standard_factorisation(word)
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
        for k, matrix in enumerate(lyndon_expansion(d, level), start=1):
            positions = lyndon_positions(d, k)
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
    columns = [column for matrix in lyndon_expansion(d, level) for column in matrix.toarray().T]
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
            standard_factorisation(word)
