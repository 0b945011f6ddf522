"""Predictions at any time of training: where rounding decides, they are refused, and elsewhere their bound holds."""

import math
import re

import mpmath
import numpy as np
import pytest

import roughntk as rn
from roughntk.kernels import BiasedReluNTK, ReluNTK
from roughntk.regression import InaccurateCoefficientsWarning, NotPositiveDefiniteError

Y = np.array([1.0, -2.0, 0.5, 0.3])


def circle(angles):
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


X, x = circle(np.array([0.1, 1.0, 2.2, 4.0])), circle(np.array([0.9, 5.0]))


def exact(K, B, y, time):
    """B^T phi_t(K) y with 60 digits, K and B as they are."""
    with mpmath.workdps(60):
        spectrum, Q = mpmath.eigsy(mpmath.matrix(K.tolist()))
        parts = Q.T * mpmath.matrix(y.tolist())
        for i, k in enumerate(spectrum):
            parts[i] *= mpmath.mpf(time) if k == 0 else -mpmath.expm1(-k * mpmath.mpf(time)) / k
        return np.array([float(v) for v in mpmath.matrix(B.tolist()).T * Q * parts])


@pytest.mark.parametrize("time", [1e3, 1e15, 1e17, 1e30, math.inf])
@pytest.mark.parametrize("family", [ReluNTK(), BiasedReluNTK(0.3, 1.0)], ids=["no biases", "biases"])
def test_more_points_than_features_at_depth_1_are_predicted_at_every_time(family, time):
    """K_1 = F F^T has deficient rank, and f does not depend on what is not in its range: least squares on F."""
    bias = float(getattr(family, "bias", 0.0))
    scale = math.sqrt(1 + bias * bias)
    F, G = (np.hstack([rows, np.full((len(rows), 1), bias)])[:, : 2 + (bias > 0)] / scale for rows in (X, x))
    least = G @ np.linalg.lstsq(F, Y, rcond=None)[0]
    report = rn.regression.prediction(family, X, Y, x, depth=1, time=time)
    f = report.values
    # the smallest eigenvalue of F^T F is above 0.1: exp(-1e2) is left at 1e3, and rounding
    np.testing.assert_allclose(f, least, rtol=0, atol=1e-13)
    assert np.all(np.abs(f - least) <= report.forward_error + 1e-14) and np.all(report.forward_error < 1e-11)


@pytest.mark.parametrize("time", [0.3, 1e2, 1e6, 1e12, 1e30])
def test_the_bound_of_a_prediction_holds_at_every_time(time):
    rows = X.copy()
    rows[1] = circle(np.array([0.1 + 1e-4]))[0]  # condition number 1e5 at depth 2
    report = rn.regression.prediction(ReluNTK(), rows, Y, x, depth=2, time=time)
    f = report.values
    true = exact(np.asarray(ReluNTK()(rows, depth=2)), np.asarray(ReluNTK()(rows, x, depth=2)), Y, time)
    assert np.all(np.abs(f - true) <= report.forward_error)
    assert np.all(report.forward_error < 1e-6)


def test_a_kernel_whose_small_eigenvalues_are_rounding_is_refused_from_the_time_at_which_they_decide():
    points, y = circle(2 * np.pi * np.arange(8) / 8), np.arange(8.0)  # K_2 is singular on antipodal points
    settled = rn.predict(ReluNTK(), points, y, x, depth=2, time=1e5)  # the smallest eigenvalue but 0 is 0.04
    for time in (1e20, 1e30):
        with pytest.raises(rn.InputError, match="train until") as refused:
            rn.predict(ReluNTK(), points, y, x, depth=2, time=time)
    until = float(re.search(r"until (\S+) at most", str(refused.value)).group(1))
    assert 1e6 < until < 1e16  # the eigenvalues are known to 1e-14
    np.testing.assert_allclose(rn.predict(ReluNTK(), points, y, x, depth=2, time=until), settled, atol=1e-3)
    with pytest.warns(InaccurateCoefficientsWarning, match="known to") as told:
        rn.predict(ReluNTK(), points, y, x, depth=2, time=8 * until)
    assert told[0].filename == __file__
    with pytest.raises(NotPositiveDefiniteError, match="singular|smallest eigenvalue"):
        rn.predict(ReluNTK(), points, y, x, depth=2)


def test_a_kernel_that_collapses_is_followed_through_the_times_at_which_its_small_eigenvalues_decide():
    points, tests, y = rn.sphere.uniform(6, 5, 0), rn.sphere.uniform(2, 5, 7), np.arange(6.0)
    at = {
        t: rn.predict(BiasedReluNTK(), points, y, tests, depth=200, time=t) for t in (1e3, 1e29, 1e31, 1e33, math.inf)
    }
    np.testing.assert_allclose(
        at[1e3], 2.5, atol=1e-12
    )  # eigenvalues of 1e-30: nothing but the mean is learned by then
    assert np.all(np.abs(at[math.inf] - at[1e31]) < np.abs(at[math.inf] - at[1e29]))
    np.testing.assert_allclose(at[1e33], at[math.inf], atol=1e-10)  # by another way, the bordered system
    assert np.ptp(at[math.inf]) > 0.5


def test_times_of_any_type_are_one_number():
    expected = rn.predict(ReluNTK(), X, Y, x, depth=3, time=3.0)
    for time in (3, np.int64(3), np.float32(3), np.array(3.0)):
        np.testing.assert_array_equal(rn.predict(ReluNTK(), X, Y, x, depth=3, time=time), expected)
    for time in (True, "3", math.nan, -1):
        with pytest.raises(rn.InputError, match="training time .*at least 0"):
            rn.predict(ReluNTK(), X, Y, x, depth=3, time=time)
