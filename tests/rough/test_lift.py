"""Lifts: prefixes, Chen, and the pure-area path as a limit of lifts of ordinary paths."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.algebra import tensor as ta
from roughntk.rough.paths import perturbed, products

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
    with pytest.raises(InputError, match="expected a path, got a Lift of level 2"):
        rough.lift(lifted, 3)
    with jax.enable_x64(False):
        for make in (lambda: rough.lift(PATH, 2), lambda: rough.lift_from_steps(np.zeros((4, 6)), 2, 2)):
            with pytest.raises(InputError, match="a lift needs float64"):
                make()
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


# Real times


TIMES = np.array([0.0, 0.5, 0.75, 1.0, 1.5, 2.5, 2.75, 3.0, 4.0])


def cut(s, t):
    """The sample points of the piece of PATH over [s, t], its ends interpolated."""
    knots = np.concatenate([[s], TIMES[(s < TIMES) & (t > TIMES)], [t]])
    return np.stack([np.interp(knots, TIMES, column) for column in PATH.T], axis=1)


def test_between_real_times_a_lift_is_the_signature_of_the_piece():
    lifted = rough.lift(rough.PiecewiseLinear(PATH, TIMES), 3)
    jitted = jax.jit(lambda s, t: lifted.between(s, t))
    for s, t in ((0.0, 4.0), (0.1, 0.2), (0.6, 3.3), (2.5, 2.6), (3.9, 4.0)):
        expected = rough.signature(cut(s, t), 3)
        np.testing.assert_allclose(lifted.between(s, t), expected, rtol=0, atol=TOLERANCE)
        np.testing.assert_allclose(jitted(s, t), expected, rtol=0, atol=TOLERANCE)
    for s, t in ((-0.1, 1.0), (0.0, 4.1), (0.0, np.nan), ([0.0, 1.0], 1.0)):
        with pytest.raises(InputError, match="extrapolate|finite|one time"):
            lifted.between(s, t)
    with pytest.raises(Exception, match="expected a time within"):
        jax.block_until_ready(jitted(0.0, 5.0))


@pytest.mark.parametrize("times", [TIMES[[0, 2, 4, 6, 8]], TIMES[[1, 2, 6, 7]], [0.0, 0.3, 0.4, 0.75, 3.9, 4.0]])
def test_resampling_keeps_the_increments(times):
    lifted = rough.lift(rough.PiecewiseLinear(PATH, TIMES), 3)
    again = lifted.resample(times)
    np.testing.assert_array_equal(again.times, times)
    for i in range(len(times) - 1):
        np.testing.assert_allclose(again.steps[i], rough.signature(cut(*times[i : i + 2]), 3), rtol=0, atol=TOLERANCE)
    whole = lifted.between(times[0], times[-1])
    np.testing.assert_allclose(again.signature, whole, rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(again.truncate(2).steps, again.steps[:, :12])


def test_times_an_ulp_outside_are_the_ends_and_times_an_ulp_apart_are_refused():
    lifted = rough.lift(rough.PiecewiseLinear(PATH[:4], [0.0, 0.1, 0.2, 0.3]), 2)
    outside = 3 * 0.1
    assert outside > 0.3
    for value in (lifted.between(-1e-17, outside), jax.jit(lambda s, t: lifted.between(s, t))(-1e-17, outside)):
        np.testing.assert_allclose(value, lifted.between(0.0, 0.3), rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(lifted.resample([0.0, outside]).times, [0.0, 0.3])
    with pytest.raises(InputError, match=r"in \[0.0, 0.3\], got 0.30000001"):
        lifted.between(0.0, 0.30000001)
    whole = rough.lift(PATH[:3], 2)
    for times, named in (
        ([0.0, 1e-16, 2.0], r"times\[0\] = 0.0 and times\[1\] = 1e-16"),
        ([0.0, 1.0, 1.0 + 4e-16, 2.0], r"times\[1\] = 1.0 and times\[2\] = 1.0000000000000004"),
        ([0.5, 2.0, 2.0 + 4e-16], r"times\[1\] = 2.0 and times\[2\] = 2.0000000000000004"),
    ):
        with pytest.raises(InputError, match=named + ", which are the same sample time"):
            whole.resample(times)


def test_a_pure_area_lift_runs_at_constant_speed_and_an_ito_lift_loses_half_the_time():
    area = np.array([[0, 0.5], [-0.5, 0]])
    pure = perturbed.pure_area_lift(area, [0.0, 1.0, 4.0], level=3)
    np.testing.assert_allclose(pure.between(0.5, 3.0), [0, 0, *(2.5 * area.ravel()), *np.zeros(8)], atol=1e-15)
    path = rough.PiecewiseLinear(PATH, TIMES)
    strat, ito = (perturbed.brownian_lift(path, kind=kind) for kind in ("stratonovich", "ito"))
    for s, t in ((0.0, 4.0), (0.6, 3.3)):
        gap = np.asarray(strat.between(s, t) - ito.between(s, t))
        np.testing.assert_allclose(gap[:3], 0, atol=TOLERANCE)
        np.testing.assert_allclose(gap[3:].reshape(3, 3), (t - s) / 2 * np.eye(3), rtol=0, atol=TOLERANCE)
    assert (pure.geometric, strat.geometric, ito.geometric) == (True, True, False)
    np.testing.assert_array_equal(ito.times, TIMES)


def test_the_geometric_check_tells_group_like_steps_from_others_at_every_level():
    canonical = rough.lift(PATH, 4)
    assert perturbed.geometric_violation(canonical).max() < 1e-14
    twisted = perturbed.perturb(canonical, np.array([[0, 1.0, 0], [-1.0, 0, 0], [0, 0, 0]]))
    assert twisted.geometric and perturbed.is_geometric(twisted)
    assert perturbed.geometric_violation(canonical.resample([0.0, 3.0, 8.0])).max() < 1e-14
    bracket = perturbed.perturb(canonical, np.ones((3, 3)))
    assert not bracket.geometric and not perturbed.is_geometric(bracket)
    for k, place in ((2, 4), (3, 13), (4, 50)):
        steps = np.array(canonical.steps)
        steps[5, place] += 1e-3
        found = perturbed.geometric_violation(rough.lift_from_steps(steps, 3, 4))
        assert found[5, k - 1] > 1e-4 and np.delete(found, 5, axis=0).max() < 1e-14
        assert (found[5, : k - 1] < 1e-14).all()
    # Level 2 of the violation is the symmetric part of the log, relative to |l|^2: here |l| = 2.
    alone = rough.lift_from_steps([[2.0, 0, 2.0 + 0.3, 0, 0, 0]], 2, 2)
    np.testing.assert_allclose(perturbed.geometric_violation(alone), [[0.0, 0.3 / 4]], rtol=1e-13)


def test_the_geometric_check_holds_at_every_scale_and_tells_nan():
    for scale in (1e-150, 1e-105, 1e-103, 1e-30, 1e60, 1e90):  # level 3 is 0, partly 0, and ordinary
        assert perturbed.is_geometric(rough.lift(scale * PATH, 3))
    # A symmetric part is seen as long as its level is: 1e-150 squared, not cubed, is in range.
    ito = np.array(rough.lift(1e-150 * PATH, 3).steps)
    ito[:, 3] += 1e-301
    assert not perturbed.is_geometric(rough.lift_from_steps(ito, 3, 3))
    for value in (np.nan, np.inf):
        broken = rough.Lift(jnp.full((2, 6), value), jnp.zeros((3, 6)), 2, 2)
        assert not perturbed.is_geometric(broken)
        with pytest.raises(InputError, match="path_a to be a geometric lift.*rows 0 and 1"):
            rough.homogeneous_distance(broken, broken, 2.0)
        with pytest.raises(InputError, match="group-like steps"):
            rough.solve_rde(lambda y: jnp.ones((1, 2)), broken, [0.0])


def test_lifts_beyond_float64_and_checks_in_32_bits_are_refused():
    for scale, level, first in ((1e150, 3, 3), (1e200, 3, 2)):
        with pytest.raises(InputError, match=f"infinite entries at level {first}; scale the path .* below {first}"):
            rough.lift(scale * np.array([[0.0, 0.0], [1.0, 1.0]]), level)
    with pytest.raises(InputError, match="infinite entries at level 1; scale the path$"):
        rough.lift([0.0, 1.5e308, -1.5e308], 1)
    with pytest.raises(InputError, match="infinite entries at level 1"):
        rough.lift_from_steps([[1.5e308], [1.5e308]], 1, 1)
    lifted = rough.lift(PATH, 2)
    with jax.enable_x64(False), pytest.raises(InputError, match="64-bit"):
        perturbed.is_geometric(lifted)


def test_a_lift_remembers_whether_times_were_given():
    row_numbers = np.arange(9.0)
    for path in (PATH, rough.PiecewiseLinear(PATH)):
        bare = rough.lift(path, 2)
        assert not bare.timed and not bare.truncate(1).timed and not perturbed.perturb(bare, np.eye(3)).timed
        np.testing.assert_array_equal(bare.times, row_numbers)
    for timed in (rough.lift(PATH, 2, times=row_numbers), rough.lift(rough.PiecewiseLinear(PATH, row_numbers), 2)):
        assert timed.timed and timed.truncate(1).timed and perturbed.perturb(timed, np.eye(3)).timed


def test_bad_times_and_perturbations_are_refused():
    lifted = rough.lift(PATH, 2)
    for call in (perturbed.is_geometric, perturbed.geometric_violation, lambda x: perturbed.perturb(x, np.eye(3))):
        with pytest.raises(InputError, match="expected a Lift, got ndarray"):
            call(PATH)
    for times, message in (
        ([0.0, 2.0, 1.0], r"decreasing times\[1\] = 2"),
        ([0.0, 0.0], "repeated"),
        ([0.0, np.nan], "finite"),
        ([0.0, 9.0], "extrapolate"),
        ([0.0], "at least two"),
    ):
        with pytest.raises(InputError, match=message):
            lifted.resample(times)
    with pytest.raises(InputError, match="decreasing"):
        rough.lift_from_steps(np.zeros((2, 6)), 2, 2, times=[0.0, 2.0, 1.0])
    with pytest.raises(InputError, match=r"times of shape \(3,\)"):
        rough.lift_from_steps(np.zeros((2, 6)), 2, 2, times=[0.0, 1.0])
    with pytest.raises(InputError, match="level from 1 to 2"):
        lifted.truncate(3)
    with pytest.raises(InputError, match="level at least 2|level of at least 2|at least 2"):
        perturbed.perturb(rough.lift(PATH, 1), np.eye(3))
    with pytest.raises(InputError, match="second_level of shape"):
        perturbed.perturb(lifted, np.eye(2))
    with pytest.raises(InputError, match="antisymmetric area"):
        perturbed.pure_area_lift(np.eye(2), [0.0, 1.0])
    with pytest.raises(InputError, match="did you mean 'ito'"):
        perturbed.brownian_lift(PATH, kind="itoo")
    with pytest.raises(InputError, match="eigenvalue -1;"):
        perturbed.brownian_lift(PATH, kind="ito", covariance=-np.eye(3))
    perturbed.brownian_lift(PATH, kind="ito", covariance=np.ones((3, 3)))  # of rank 1
    with pytest.raises(InputError, match="concrete covariance, got a JAX tracer"):
        jax.jit(lambda C: perturbed.brownian_lift(PATH, kind="ito", covariance=C).steps)(jnp.eye(3))
    with pytest.raises(InputError, match="concrete area, got a JAX tracer"):
        jax.jit(lambda A: perturbed.pure_area_lift(A, [0.0, 1.0]).steps)(jnp.zeros((2, 2)))
    with pytest.raises(InputError, match="times to be a rectangular array"):
        perturbed.pure_area_lift(np.zeros((2, 2)), [[0.0], [1.0, 2.0]])
    with pytest.raises(InputError, match="symmetric covariance"):
        perturbed.brownian_lift(PATH, kind="ito", covariance=np.triu(np.ones((3, 3))))


# Known and traced


def known_results(points):
    lifted = rough.lift(points, 3)
    resampled = lifted.resample(np.linspace(0.25, len(points) - 1.0, 5))
    perturbed_lift = rough.perturb(lifted, 0.1 * np.ones((3, 3)))
    joined = lifted.resample(np.array([0.0, 1.0, len(points) - 1.0]))
    return (
        lifted.prefixes,
        lifted.steps,
        resampled.prefixes,
        perturbed_lift.steps,
        joined.steps,
        lifted.between(0.5, 2.5),
    )


def test_known_paths_have_the_lifts_of_traced_ones_and_are_not_traced(monkeypatch):
    expected = jax.jit(known_results)(PATH)
    for name in vars(products):
        if name.startswith("_traced"):
            monkeypatch.setattr(products, name, None)
    for found, wanted in zip(known_results(PATH), expected, strict=True):
        assert isinstance(found, jax.Array)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE)
    known_results(PATH[:7])
