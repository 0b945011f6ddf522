"""The Ito lift of a random walk."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError

WALK = np.random.default_rng(0).normal(size=(7, 2)).cumsum(axis=0)


def test_its_increments_are_the_sums_over_increasing_indices():
    lifted = rough.ito_lift(WALK, 3)
    dx = np.diff(WALK, axis=0)
    for first, last in ((0, 6), (1, 5), (3, 4), (2, 2)):
        expected = []
        for length in (1, 2, 3):
            for word in itertools.product(range(2), repeat=length):
                places = itertools.combinations(range(first, last), length)
                expected.append(sum(np.prod([dx[i, w] for i, w in zip(each, word, strict=True)]) for each in places))
        np.testing.assert_allclose(lifted.increment(first, last), expected, rtol=0, atol=1e-12)
    assert not lifted.geometric and not rough.is_geometric(lifted)


def test_it_differs_from_the_canonical_lift_by_half_the_quadratic_variation():
    dx = np.diff(WALK, axis=0)
    bracket = (rough.lift(WALK, 2).signature - rough.ito_lift(WALK).signature)[2:].reshape(2, 2)
    np.testing.assert_allclose(bracket, dx.T @ dx / 2, rtol=0, atol=1e-12)


def test_the_solution_along_it_is_eulers_and_coarser_steps_see_its_second_level():
    def field(y):
        return jnp.stack([y * jnp.array([1.0, 0.5]), jnp.flip(y)], axis=1)

    matrices = np.array([[[1.0, 0.0], [0.0, 0.5]], [[0.0, 1.0], [1.0, 0.0]]])
    driver = rough.ito_lift(rough.PiecewiseLinear(0.1 * WALK, np.arange(7.0) ** 2))
    every = [np.array([1.0, 2.0])]
    for dx in np.diff(0.1 * WALK, axis=0):
        every.append(every[-1] + np.einsum("kij,j,k->i", matrices, every[-1], dx))
    solution = rough.solve_rde(field, driver, every[0], estimate=False)
    assert solution.method == "davie"
    np.testing.assert_allclose(solution.values, every, rtol=0, atol=1e-13)
    coarse = rough.solve_rde(field, driver, every[0], estimate=False, partition=[0.0, 36.0]).values[-1]
    first, second = driver.signature[:2], driver.signature[2:].reshape(2, 2)
    wanted = every[0] + np.einsum("kij,j,k->i", matrices, every[0], first)
    # dY = A_i Y dX^i: the word ij stands for A_j A_i
    wanted = wanted + np.einsum("jab,ibc,c,ij->a", matrices, matrices, every[0], second)
    np.testing.assert_allclose(coarse, wanted, rtol=0, atol=1e-13)


def test_it_keeps_times_and_works_when_traced():
    path = rough.PiecewiseLinear(WALK, np.arange(7.0) / 2)
    assert rough.ito_lift(path).times.tolist() == path.times.tolist()
    assert rough.ito_lift(WALK, times=np.arange(7.0) * 3).times[-1] == 18.0
    traced = jax.jit(lambda walk: rough.ito_lift(walk, 3).signature)(WALK)
    np.testing.assert_allclose(traced, rough.ito_lift(WALK, 3).signature, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rough.ito_lift(rough.lift(WALK, 2)), "a path, got a Lift of level 2"),
        (lambda: rough.ito_lift(WALK[:1]), "at least two points"),
        (lambda: rough.ito_lift(WALK, 0), "level at least 1"),
        (lambda: rough.ito_lift(WALK, times=np.zeros(7)), "increasing"),
    ],
)
def test_what_is_no_walk_is_refused(call, message):
    with pytest.raises(InputError, match=f"expected .*{message}"):
        call()
