"""How deep is deep enough, and predictions."""

import numpy as np
import pytest
import scipy.linalg

import roughntk as rn
from roughntk.depth.tolerance import DistanceToLimit, tail_variation

NTK = rn.kernels.ReluNTK()
X, x = rn.sphere.uniform(6, 4, 0), rn.sphere.uniform(2, 4, 1)


def distance(depth):
    return np.abs(rn.coefficients(NTK, X, x, depth=depth) - 1 / 9).max()


@pytest.mark.parametrize("tolerance", [1e-1, 1e-3, 1e-7])
def test_tolerance_is_met_from_that_depth_on_and_not_before(tolerance):
    found = rn.depth_needed(NTK, X, x, tolerance)
    assert distance(found.whole_depth) <= tolerance
    assert found.whole_depth - 1 < found.depth <= found.whole_depth
    assert distance(max(found.depth * 0.99, 2)) > tolerance
    for deeper in (1.5, 10.0, 1e3):
        assert distance(found.depth * deeper) <= tolerance


@pytest.mark.parametrize("tolerance", [0.3, 1e-2, 1e-5])
def test_the_bound_holds_and_says_how_loose_it_is(tolerance):
    found = rn.depth_needed(NTK, X, x, tolerance)
    actual = distance(found.whole_depth)
    assert found.bound >= actual
    assert found.looseness == pytest.approx(found.bound / actual, rel=1e-6)
    assert found.looseness < 20


def test_tail_variation_matches_a_sum_over_layers():
    """Beyond depth 200 each layer's drivers are nearly straight: sum |log(K_L^-1 K_{L+1})| to depth 3000."""
    theta = rn.sphere.joint_angles(X, x)
    total = 0.0
    depths = range(200, 1000)
    kernels = np.asarray(NTK.at_angle(theta[:, : len(X)], np.arange(200.0, 1001.0)[:, None, None]))
    for k in range(len(depths)):
        step = scipy.linalg.logm(np.linalg.solve(kernels[k], kernels[k + 1]))
        total += np.abs(step).sum(axis=1).max()
    tail = tail_variation(NTK, theta, 200.0)[0] - tail_variation(NTK, theta, 1000.0)[0]
    assert tail == pytest.approx(total, rel=1e-3)


def test_one_distance_answers_several_tolerances_as_depth_needed_does():
    gap = DistanceToLimit(NTK, X, x)
    for tolerance in (1e-1, 1e-2):
        found, alone = gap.needed(tolerance), rn.depth_needed(NTK, X, x, tolerance)
        assert found == alone


def test_points_on_the_data_need_no_depth_and_points_near_it_need_much():
    assert rn.depth_needed(NTK, X, X[1:2], 1e-6).whole_depth == 2
    near = rn.sphere.project(X[:1] + 1e-6 * X[1:2])
    assert rn.depth_needed(NTK, X, near, 1e-2).depth > 1e6


def test_one_training_point():
    found = rn.depth_needed(NTK, X[:1], x, 1e-3)
    assert np.abs(NTK(X[:1], x, depth=found.whole_depth) - 1 / 4).max() <= 1e-3


@pytest.mark.parametrize(
    ("family", "tolerance", "message"),
    [
        (NTK, 0.0, "a tolerance .*above 0, got"),
        (NTK, -1.0, "a tolerance .*above 0, got"),
        (NTK, float("nan"), "a tolerance .*above 0, got"),
        (NTK, "small", "a tolerance .*above 0, got"),
        (NTK, 1e-16, "cannot resolve"),
        (rn.kernels.ReluNNGP(), 1e-3, "summable"),
    ],
)
def test_bad_tolerances_and_families_are_named(family, tolerance, message):
    with pytest.raises(rn.InputError, match=message):
        rn.depth_needed(family, X, x, tolerance)


def test_a_tolerance_that_is_not_reached_says_how_far_one_gets():
    near = rn.sphere.project(X[:1] + 1e-15 * X[1:2])
    assert 0 < float(rn.sphere.angles(X[:1], near)[0, 0]) < 1e-14
    with pytest.raises(rn.InputError, match="the distance is still"):
        rn.depth_needed(NTK, X, near, 1e-6)


def test_prediction_to_convergence_is_the_coefficients_on_the_targets():
    y = np.random.default_rng(0).standard_normal((6, 2))
    final = rn.predict(NTK, X, y, x, depth=5.5)
    np.testing.assert_allclose(final, rn.coefficients(NTK, X, x, depth=5.5).T @ y, atol=1e-14)
    # the slowest mode decays like exp(-t/8): at t = 1e3 nothing is left
    np.testing.assert_allclose(rn.predict(NTK, X, y, x, depth=5.5, time=1e3), final, atol=1e-12)
    np.testing.assert_array_equal(rn.predict(NTK, X, y, x, depth=5.5, time=0.0), 0.0)


def test_prediction_in_time_solves_the_gradient_flow():
    y = np.random.default_rng(1).standard_normal(6)
    K, B = np.asarray(NTK(X, depth=4)), np.asarray(NTK(X, x, depth=4))
    expected = B.T @ np.linalg.solve(K, (np.eye(6) - scipy.linalg.expm(-0.7 * K)) @ y)
    np.testing.assert_allclose(rn.predict(NTK, X, y, x, depth=4, time=0.7), expected, atol=1e-13)


@pytest.mark.parametrize(
    ("y", "time", "message"),
    [(np.ones(5), 1.0, "one target for each"), (np.full(6, np.nan), 1.0, "NaN"), (np.ones(6), -1.0, "at least 0")],
)
def test_bad_predictions_are_named(y, time, message):
    with pytest.raises(rn.InputError, match=message):
        rn.predict(NTK, X, y, x, depth=3, time=time)


def test_predictions_off_the_sphere_follow_the_homogeneous_kernel():
    lengths, test_lengths = np.array([0.5, 2.0, 3.0, 1.0, 0.1, 4.0]), np.array([0.0, 7.0])
    rows, tests, y = X * lengths[:, None], x * test_lengths[:, None], np.arange(6.0)
    K = np.asarray(NTK(X, depth=4)) * np.outer(lengths, lengths)
    B = np.asarray(NTK(X, x, depth=4)) * np.outer(lengths, test_lengths)
    stopped = B.T @ np.linalg.solve(K, y - scipy.linalg.expm(-0.3 * K) @ y)
    # the condition number of K is 1e5
    for time, expected in ((0.3, stopped), (np.inf, B.T @ np.linalg.solve(K, y))):
        got = rn.predict(NTK, rows, y, tests, depth=4, time=time, domain="euclidean")
        np.testing.assert_allclose(got, expected, rtol=1e-10)
        with pytest.raises(rn.InputError, match="collinear rows 1 and 5"):
            collinear = np.vstack([rows[:5], 3 * rows[1]])
            rn.predict(NTK, collinear, y, tests, depth=4, time=time, domain="euclidean")
