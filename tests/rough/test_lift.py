"""Lifts: prefixes, Chen, and the pure-area path as a limit of lifts of ordinary paths."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough import tensor as ta

PATH = np.random.default_rng(5).uniform(-0.3, 0.3, (9, 3)).cumsum(0)

# The whole path has l1-length below 4, so products of prefixes stay below 4^4/24 ~ 11 in size: 1e-13 is ~ 40
# eps of it.
TOLERANCE = 1e-13


@pytest.mark.parametrize("level", [1, 3])
def test_increments_are_signatures_of_the_pieces(level):
    lifted = rough.lift(PATH, level)
    assert (lifted.level, lifted.channels, lifted.points) == (level, 3, 9)
    for i, j in ((0, 8), (0, 1), (3, 4), (2, 7), (7, 8)):
        expected = rough.signature(PATH[i : j + 1], level)
        np.testing.assert_allclose(lifted.increment(i, j), expected, rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(lifted.signature, rough.signature(PATH, level), rtol=0, atol=TOLERANCE)
    np.testing.assert_allclose(lifted.increment(4, 4), 0.0, atol=TOLERANCE)
    backwards = rough.signature(PATH[2:7][::-1], level)
    np.testing.assert_allclose(lifted.increment(6, 2), backwards, rtol=0, atol=TOLERANCE)


def test_increments_obey_chen():
    lifted = rough.lift(PATH, 3)
    left, right = (ta.unflatten(lifted.increment(*ends), 3, 3) for ends in ((1, 4), (4, 8)))
    np.testing.assert_allclose(lifted.increment(1, 8), ta.flatten(ta.product(left, right)), rtol=0, atol=TOLERANCE)


def test_a_lift_is_rebuilt_from_its_steps():
    lifted = rough.lift(PATH, 3)
    again = rough.lift_from_steps(lifted.steps, 3, 3)
    np.testing.assert_allclose(again.prefixes, lifted.prefixes, rtol=0, atol=TOLERANCE)


def test_a_lift_that_is_not_group_like_still_obeys_chen():
    # An Ito lift: level 2 of each step is (dx (x) dx - dt I) / 2. Level 2 differs from Stratonovich by -t I /
    # 2.
    stratonovich = rough.lift(PATH, 2)
    steps = np.array(stratonovich.steps)
    steps[:, 3:] -= 0.5 * 0.1 * np.eye(3).ravel()
    ito = rough.lift_from_steps(steps, 3, 2)
    expected = stratonovich.increment(2, 7)[3:] - 0.5 * 0.1 * 5 * np.eye(3).ravel()
    np.testing.assert_allclose(ito.increment(2, 7)[3:], expected, rtol=0, atol=TOLERANCE)


def test_circling_paths_converge_to_the_pure_area_path_in_the_rough_metric_only_there():
    # x_n = (cos(n^2 t)/n, sin(n^2 t)/n) on [0, 2 pi], area t/2 for all n: its limit is exp(t [e1, e2] / 2),
    # not 0.
    grid, p = 8, 2.5
    gaps: list[list[float]] = []
    for n in (2, 4, 8):
        times = np.linspace(0, 2 * np.pi, grid * n * n + 1)
        circles = np.stack([np.cos(n * n * times), np.sin(n * n * times)], 1) / n
        # An inscribed octagon has area 4 sin(pi/4) / n^2 a turn, an eighth of it a step.
        rate = 4 * np.sin(np.pi / 4) / grid / n**2
        area = rough.lift_from_steps(np.tile([0, 0, 0, rate, -rate, 0], (len(times) - 1, 1)), 2, 2)
        gaps.append([rough.p_variation_distance(circles, area, p, level=k) for k in (1, 2)])
        whole = rough.p_variation_distance(circles, area, p)
        assert whole == max(gaps[-1])
        # The distance to the constant path is at least the size of the whole area, entries A and -A.
        assert rough.p_variation_distance(circles, np.zeros_like(circles), p) >= 2 * rate * grid * n * n
    # n^2 turns of size n^{-k} at level k: n^{2k/p - k}, a factor 2^{-0.2} and 2^{-0.4} a doubling.
    ratios = np.divide(gaps[1:], gaps[:-1])
    np.testing.assert_allclose(ratios, np.tile([2**-0.2, 2**-0.4], (2, 1)), rtol=0.02)


def test_lifting_works_under_jit_and_grad():
    jitted = jax.jit(lambda x: rough.lift(x, 2).increment(1, 5))(jnp.asarray(PATH))
    np.testing.assert_allclose(jitted, rough.lift(PATH, 2).increment(1, 5), rtol=0, atol=1e-14)
    index = jax.jit(lambda i: rough.lift(PATH, 2).increment(0, i))(jnp.array(3))
    np.testing.assert_allclose(index, rough.lift(PATH, 2).increment(0, 3), rtol=0, atol=1e-14)
    gradient = jax.grad(lambda x: rough.lift(x, 2).increment(1, 5)[0])(jnp.asarray(PATH))
    expected = np.zeros_like(PATH)
    expected[5, 0], expected[1, 0] = 1.0, -1.0
    np.testing.assert_allclose(gradient, expected, atol=1e-14)


def test_a_lift_cannot_be_changed():
    lifted = rough.lift(PATH, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        lifted.level = 3


def test_bad_input_is_refused():
    lifted = rough.lift(PATH, 2)
    for i, j in ((-1, 3), (0, 9), (0, 2.0)):
        with pytest.raises(InputError, match="expected [ij]"):
            lifted.increment(i, j)
    with pytest.raises(Exception, match="index of a sample point"):
        jax.block_until_ready(jax.jit(lambda i: lifted.increment(0, i))(jnp.array(9)))
    with pytest.raises(InputError, match="level"):
        rough.lift(PATH, 0)
    with pytest.raises(InputError, match="two points"):
        rough.lift(PATH[:1], 2)
    with pytest.raises(InputError, match="finite"):
        rough.lift(np.full((3, 2), np.nan), 2)
    with pytest.raises(InputError, match="GiB"):
        rough.lift(np.zeros((1000, 100)), 3)
    with pytest.raises(InputError, match=r"\(points - 1, 6\)"):
        rough.lift_from_steps(np.zeros((4, 7)), 2, 2)
    with pytest.raises(InputError, match="finite"):
        rough.lift_from_steps(np.full((4, 6), np.nan), 2, 2)
    with pytest.raises(InputError, match="channels"):
        rough.lift_from_steps(np.zeros((4, 6)), 0, 2)
