"""Depth and data growing together: eigenvalues against 25 digits, the ridge form and the filter against rn.predict."""

import functools
import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf

import roughntk as rn
from roughntk.depth.proportional import harmonics, joint, ridge_predict

EPS = np.finfo(np.float64).eps
NTK, NNGP, SIGMOID = rn.kernels.ReluNTK(), rn.kernels.ReluNNGP(), rn.kernels.SigmoidComposition()
SERIES = json.loads((Path(__file__).parents[1] / "data" / "relu_series.json").read_text())
ABEL = [mpf(c) for c in SERIES["abel: 3pi/theta + 1.5 log theta + sum a_k theta^k, k=1..10"]]


@functools.cache
def alpha(theta):
    """The Abel function at 25 digits: the exact layer map down to 0.15, then its series (next term below 1e-18)."""
    layers = 0
    while theta > mpf("0.15"):
        theta = mpmath.acos((mpmath.sin(theta) + (mp.pi - theta) * mpmath.cos(theta)) / mp.pi)
        layers += 1
    w = 3 * mp.pi / theta
    return w - mpf(1.5) * mpmath.log(w) + sum(c * theta ** (k + 1) for k, c in enumerate(ABEL)) - layers


def test_eigenvalues_of_the_kernel_alpha_against_multiple_precision():
    with mp.workdps(25):
        for d in (4, 5, 10):
            for k, value in zip((0, 1, 3), harmonics(d, (0, 1, 3)), strict=True):
                half = mpf(d - 2) / 2

                def integrand(t, d=d, k=k, half=half):
                    harmonic = mpmath.gegenbauer(k, half, mpmath.cos(t)) / mpmath.gegenbauer(k, half, 1)
                    return alpha(t) * harmonic * mpmath.sin(t) ** (d - 2)

                exact = mpmath.quad(integrand, [0, mp.pi / 2, mp.pi], maxdegree=5)
                exact /= mpmath.beta(mpf(d - 1) / 2, mpf(1) / 2)
                # a sum of some 100 positive terms of total 5.6: a few eps of the total; seen 1.8e-15
                assert abs(exact - mpf(float(value))) < 1e-14


def test_eigenvalues_have_their_published_digits():
    np.testing.assert_allclose(harmonics(5, (0, 1, 2)), (5.15693, 0.81014, 0.32030), atol=5e-6)
    np.testing.assert_allclose(harmonics(10, [0, 1]), (4.66379, 0.28917), atol=5e-6)


def test_eigenvalues_of_high_degree_fall_like_those_of_one_over_theta():
    """The kernel 3 pi/theta on S^{d-1} is that of a pseudo-differential operator of order 2 - d: lam_k ~ k^(2-d)."""
    for d in (4, 5):
        lam = harmonics(d, (100, 200))
        assert lam[1] / lam[0] == pytest.approx(2.0 ** (2 - d), rel=0.03)  # next order 1/k


def test_filter_of_the_ntk_and_of_the_nngp():
    lam = harmonics(5, (0, 1, 2))
    ntk, nngp = (joint(family, 5, 0.5, degrees=(0, 1, 2)) for family in (NTK, NNGP))
    assert ntk.factors[0] == nngp.factors[0] == 1
    assert ntk.factors[1] == pytest.approx(0.11896, abs=5e-6)
    np.testing.assert_allclose(ntk.factors[1:], 0.5 * lam[1:] / (0.5 * lam[1:] + 3), rtol=8 * EPS)
    np.testing.assert_allclose(nngp.factors[1:], lam[1:] / (lam[1:] + 1), rtol=8 * EPS)
    assert (ntk.ridge_per_layer, nngp.ridge_per_layer) == (3.0, 0.5)
    stopped = joint(NTK, 5, 0.5, degrees=(0, 1, 2), time=1.5)
    np.testing.assert_allclose(stopped.rates[1:], (3 + 0.5 * lam[1:]) / 4, rtol=8 * EPS)
    expected = ntk.factors[1:] * (1 - np.exp(-1.5 * (3 + 0.5 * lam[1:]) / 4))
    np.testing.assert_allclose(stopped.factors[1:], expected, rtol=16 * EPS)
    assert stopped.factors[0] == 1
    assert joint(NTK, 5, 0.5, time=0.0).factors.tolist() == [0, 0, 0, 0]


@pytest.fixture(scope="module")
def sample():
    """Depth 800, n = 400 points of S^4; the targets are 1, the coordinates, and one harmonic of degree 2."""
    X, x = rn.sphere.uniform(400, 5, 3), rn.sphere.uniform(1000, 5, 4)
    predicted = {family: rn.predict(family, X, targets(X), x, depth=800) for family in (NTK, NNGP)}
    return X, x, predicted


def targets(X):
    return np.column_stack([np.ones(len(X)), X, X[:, 0] * X[:, 1]])


def slopes(values, x):
    """Of degree 0, degree 1 (mean over the five coordinates) and degree 2, by least squares on all of them."""
    gain = np.diag(np.linalg.lstsq(targets(x), values, rcond=None)[0])
    return np.array([gain[0], gain[1:6].mean(), gain[6]])


# Finite size. Degree 0: the share 3/(n + 3) that is missing. Degree 1, NTK: spread over seeds 0.0004, bias 0.0007.
# Seen here: 0.007, 0.001, 0.005 (the one harmonic of degree 2 varies more) and, for the NNGP, 2e-7, 0.003, 0.027.
NTK_SIZE, NNGP_SIZE = np.array([0.02, 0.002, 0.006]), np.array([0.02, 0.015, 0.03])


def test_harmonics_are_multiplied_by_the_filter(sample):
    X, x, predicted = sample
    stopped = rn.predict(NTK, X, targets(X), x, depth=800, time=1.0)
    for family, values, time, size in (
        (NTK, predicted[NTK], math.inf, NTK_SIZE),
        (NTK, stopped, 1.0, NTK_SIZE),
        (NNGP, predicted[NNGP], math.inf, NNGP_SIZE),
    ):
        expected = joint(family, 5, 0.5, degrees=(0, 1, 2), time=time).factors
        assert (np.abs(slopes(values, x) - expected) < size).all()


def test_eigenvalues_of_the_kernel_matrix_tend_to_the_rates(sample):
    for family, scale in ((NTK, 1.0), (NNGP, 800.0**2)):
        spectrum = np.linalg.eigvalsh(np.asarray(family(sample[0], depth=800)))[::-1]
        rates = joint(family, 5, 0.5).rates
        assert math.isinf(rates[0])
        assert spectrum[0] == pytest.approx(400 * family.limit_value, rel=0.05)  # log L/L and 3/n
        assert scale * spectrum[1:6].mean() == pytest.approx(rates[1], rel=0.05)  # log L/L and n^(-1/2)


@pytest.mark.parametrize(("family", "limit", "tangent"), [(NTK, 0.01, 0.0005), (NNGP, 0.05, 0.025)])
def test_ridge_form_is_the_predictor_at_great_depth(sample, family, limit, tangent):
    """About twice what was measured, at one depth; the order in L is the next test's."""
    X, x, predicted = sample
    exact = predicted[family][:, 1:6]
    for form, bound in (("limit", limit), ("tangent", tangent)):
        result = ridge_predict(family, X, X, x, depth=800, form=form)
        assert np.linalg.norm(result.values - exact) < bound * np.linalg.norm(exact)
        assert result.residual < 1e-13  # n eps times a condition number below 3
    assert abs(result.ridge - {NTK: 2400, NNGP: 400}[family]) < 20


def test_tangent_form_gains_an_order_over_the_limit_form():
    distances = []
    for depth, n in ((100, 50), (800, 400)):
        X, x = rn.sphere.uniform(n, 5, 5), rn.sphere.uniform(400, 5, 6)
        exact = rn.predict(NTK, X, X, x, depth=depth)
        forms = [ridge_predict(NTK, X, X, x, depth=depth, form=form).values for form in ("limit", "tangent")]
        distances.append([np.linalg.norm(values - exact) / np.linalg.norm(exact) for values in forms])
    orders = np.log(np.divide(*distances)) / math.log(8)
    assert 0.7 < orders[0] < 1.4  # log L/L
    assert orders[1] > 1.4


def test_tangent_ridge_of_the_ntk_has_its_expansion():
    X, x, y = rn.sphere.uniform(5, 4, 0), rn.sphere.uniform(2, 4, 1), np.arange(5.0)
    for depth in (1e4, 1e6):
        ridge = ridge_predict(NTK, X, y, x, depth=depth, form="tangent").ridge
        # the next term is O(log^2 L/L); the difference of numbers of size 3 L loses 3 L eps
        assert ridge - 3 * depth == pytest.approx(-1.5 * math.log(depth) - 3, abs=20 * math.log(depth) ** 2 / depth)


def test_ridge_form_solves_its_bordered_system():
    X, x = rn.sphere.uniform(12, 5, 0), rn.sphere.uniform(3, 5, 1)
    y = np.random.default_rng(0).standard_normal(12)
    result = ridge_predict(NTK, X, y, x, depth=30)
    A = np.asarray(rn.maps.relu_flow.abel(np.asarray(rn.sphere.angles(X)) + np.eye(12))) * (1 - np.eye(12))
    system = np.block([[A + 90 * np.eye(12), np.ones((12, 1))], [np.ones((1, 12)), np.zeros((1, 1))]])
    expected = np.linalg.solve(system, np.append(y, 0.0))
    np.testing.assert_allclose(np.append(result.weights, result.constant), expected, atol=1e-14)
    across = np.asarray(rn.maps.relu_flow.abel(rn.sphere.angles(X, x)))
    np.testing.assert_allclose(result.values, across.T @ expected[:-1] + expected[-1], atol=1e-13)
    # an unpenalised constant is reproduced exactly, and shifts with the targets
    shifted = ridge_predict(NTK, X, y + 7, x, depth=30)
    np.testing.assert_allclose(shifted.values, result.values + 7, rtol=32 * EPS)


def test_what_has_no_joint_limit_is_refused():
    with pytest.raises(rn.InputError, match="got sigmoid; the joint limit is known where"):
        joint(SIGMOID, 5, 0.5)
    with pytest.raises(rn.InputError, match="at least 4, got 3; .*mean square"):
        joint(NTK, 3, 0.5)
    with pytest.raises(rn.InputError, match="at least 3, got 2; .*not integrable"):
        harmonics(2, (0, 1))
    with pytest.raises(rn.InputError, match="time = math.inf for relu-nngp, got 2"):
        joint(NNGP, 5, 0.5, time=2)
    for gamma in (0, -1.0, math.nan, math.inf, 1e308, "1", True):
        with pytest.raises(rn.InputError, match=r"gamma = n/L .*above 0 and below 1e\+100, got"):
            joint(NTK, 5, gamma)
    for time in (-1.0, math.nan, "1", True):
        with pytest.raises(rn.InputError, match="training time .*at least 0, got"):
            joint(NTK, 5, 0.5, time=time)
    for degrees in ((), 3, (0.5,), (-1,), [[1, 2], [3]]):
        with pytest.raises(rn.InputError, match="degree"):
            harmonics(5, degrees)


def test_points_that_the_ridge_form_cannot_hold_are_refused():
    X, x, y = rn.sphere.uniform(5, 4, 0), rn.sphere.uniform(2, 4, 1), np.arange(5.0)
    with pytest.raises(rn.InputError, match="test row 1 equal to training row 2"):
        ridge_predict(NTK, X, y, np.vstack([x[:1], X[2:3]]), depth=30)
    near = rn.sphere.project(np.vstack([X[:4], X[3:4] + 1e-3]))
    with pytest.raises(rn.InputError, match="further apart than about 0.1 .* rows 3 and 4"):
        ridge_predict(NTK, near, y, x, depth=30)
    for depth in (1.5, math.inf):
        with pytest.raises(rn.InputError, match="finite depth of at least 2"):
            ridge_predict(NTK, X, y, x, depth=depth)
    with pytest.raises(rn.InputError, match="one target for each"):
        ridge_predict(NTK, X, y[:4], x, depth=30)
    with pytest.raises(rn.InputError, match="two training points"):
        ridge_predict(NTK, X[:1], y[:1], x, depth=30)
    with pytest.raises(rn.InputError, match="form"):
        ridge_predict(NTK, X, y, x, depth=30, form="exact")
    with pytest.raises(rn.InputError, match="got sigmoid"):
        ridge_predict(SIGMOID, X, y, x, depth=30)
