"""The stated bound of the error of coefficients holds against many digits, on generic and on nasty sets."""

import math
import warnings

import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from digits import exact_angle

import roughntk as rn
from roughntk.kernels import BiasedReluNTK, ErfNTK, ReluNNGP, ReluNTK, SigmoidComposition
from roughntk.regression import InaccurateCoefficientsWarning, IndefiniteKernelWarning, NotPositiveDefiniteError
from roughntk.regression import entries as bounds
from roughntk.regression.entries import entry_errors
from roughntk.transport import TransportError, across_segment, between_depths


def relu(theta, depth, tangent):
    total = mpmath.cos(theta)
    for _ in range(depth - 1):
        gap = 2 * mpmath.sin(theta / 2) ** 2 - (mpmath.sin(theta) - theta * mpmath.cos(theta)) / mpmath.pi
        following = 2 * mpmath.asin(mpmath.sqrt(gap / 2))
        total, theta = total * (1 - theta / mpmath.pi) + mpmath.cos(following), following
    return total / depth if tangent else mpmath.cos(theta)


def biased(theta, depth):
    """sigma_w^2 = sigma_b = 1."""
    variance = tangent = mpmath.mpf(2)
    sigma = total = mpmath.cos(theta) + 1
    for _ in range(depth - 1):
        angle = mpmath.acos(sigma / variance)
        sigma = variance / 2 * (mpmath.sin(angle) + (mpmath.pi - angle) * mpmath.cos(angle)) / mpmath.pi + 1
        variance = variance / 2 + 1
        total = total / 2 * (1 - angle / mpmath.pi) + sigma
        tangent = tangent / 2 + variance
    return total / tangent


def erf(theta, depth):
    """sigma_w^2 = 4, no biases: chaotic, K tends to the unit matrix."""
    variance = tangent = mpmath.mpf(4)
    sigma = total = 4 * mpmath.cos(theta)
    for _ in range(depth - 1):
        wide = 1 + 2 * variance
        slope, own = (16 / mpmath.pi / mpmath.sqrt(wide**2 - 4 * v**2) for v in (sigma, variance))
        sigma, variance = (8 / mpmath.pi * mpmath.asin(2 * v / wide) for v in (sigma, variance))
        total, tangent = total * slope + sigma, tangent * own + variance
    return total / tangent


def sigmoid(theta, depth):
    value = mpmath.cos(theta)
    for _ in range(depth - 1):
        value = (1 + mpmath.exp(-value)) ** -2
    return value


FAMILIES = {
    "relu ntk": (ReluNTK(), lambda t, L: relu(t, L, True)),
    "relu nngp": (ReluNNGP(), lambda t, L: relu(t, L, False)),
    "biased relu ntk": (BiasedReluNTK(), biased),
    "chaotic erf ntk": (ErfNTK(4.0, 0.0), erf),
    "sigmoid": (SigmoidComposition(), sigmoid),
}


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def data(kind, seed):
    """Five training and two test points of a kind; nearly equal ones are 1e-2 to 1e-7 apart."""
    rng = np.random.default_rng(seed)
    dim = 300 if kind == "many features" else int(rng.integers(3, 7))
    X, x = unit(rng.standard_normal((5, dim))), unit(rng.standard_normal((2, dim)))
    step = 10.0 ** -rng.uniform(2, 7) * rng.standard_normal(dim)
    if kind == "nearly equal":
        X[1] = unit(X[:1] + step)[0]
    elif kind == "nearly antipodal":
        X[1] = unit(-X[:1] + step)[0]
    elif kind == "near the data":
        x[0], x[1] = unit(X[2:3] + step)[0], X[3]
    elif kind == "cluster":
        X = unit(X[0] + 0.03 * rng.standard_normal(X.shape))
    elif kind == "crude norms":
        X *= 1 + 1e-11 * rng.standard_normal((5, 1))
    return X, x


def exact(kernel, X, x, depth, digits):
    """u with so many digits."""
    with mpmath.workdps(digits):
        n = len(X)
        K = mpmath.eye(n) * kernel(mpmath.mpf(0), depth)
        for i in range(n):
            for j in range(i):
                K[i, j] = K[j, i] = kernel(exact_angle(X[i], X[j]), depth)
        B = mpmath.matrix([[kernel(exact_angle(a, b), depth) for b in x] for a in X])
        return mpmath.inverse(K) * B


def quotients(name, kind, depth, seed):
    """(truth/bound, bound) of all coefficients; none where the set is refused."""
    family, kernel = FAMILIES[name]
    X, x = data(kind, seed)
    try:
        report = rn.regression.solve(family, X, x, depth=depth)
        u = report.coefficients
    except NotPositiveDefiniteError:
        return []
    whole, digits = (250, 200) if depth == math.inf else (depth, 60 + 2 * depth)
    true = exact(kernel, X, x, whole, digits)
    found = []
    for (i, k), bound in np.ndenumerate(report.forward_error):
        error = float(abs(true[i, k] - mpmath.mpf(float(u[i, k]))))
        found.append((0.0 if error < 1e-40 else error / bound if bound else math.inf, bound))
    return found


KINDS = ("generic", "nearly equal", "nearly antipodal", "near the data", "cluster", "crude norms", "many features")


@pytest.mark.filterwarnings("ignore::roughntk.regression.IndefiniteKernelWarning")
@pytest.mark.filterwarnings("ignore::roughntk.regression.InaccurateCoefficientsWarning")
@pytest.mark.parametrize("name", FAMILIES)
def test_the_forward_error_bounds_the_truth_and_is_not_silly(name):
    cases = [(kind, depth) for kind in KINDS for depth in (2, 9)]
    cases += [(kind, math.inf) for kind in ("generic", "nearly equal")] * (name in ("biased relu ntk", "sigmoid"))
    found = [part for seed, (kind, depth) in enumerate(cases) for part in quotients(name, kind, depth, seed)]
    shares = np.array([share for share, _ in found])
    assert len(shares) > 80
    assert shares.max() <= 1
    # worst cases of all roundings together, against what they do: some 50 times in the middle
    assert np.median(shares[shares > 0]) > 1e-3
    print(f"{name}: {len(shares)} coefficients, all within the bound, median bound/truth {1 / np.median(shares):.0f}")


def test_errors_measured_on_a_sample_of_angles_are_those_at_all_of_them(monkeypatch):
    """Above 10,000 entries the kernel is measured at 4,096 angles and interpolated."""
    rng = np.random.default_rng(4)
    theta = np.concatenate([rng.uniform(0, np.pi, 10_100), 10.0 ** -rng.uniform(1, 12, 300), [0.0, np.pi]])

    def values(angles):
        return np.asarray(ReluNTK().at_angle(jnp.asarray(np.resize(angles, 10_500)), 9))[: angles.size]

    sampled = entry_errors(values, theta, 1e-15 * theta, 1.0)
    monkeypatch.setattr(bounds, "_MOST_ENTRIES", 10**6)
    full = entry_errors(values, theta, 1e-15 * theta, 1.0)
    share = sampled[theta > 0] / full[theta > 0]  # the largest rounding that was seen differs a little
    assert share.min() > 0.4 and share.max() < 2.5
    assert sampled[theta == 0] == full[theta == 0] == 0.0


def sigmoid_rows(apart):
    rng = np.random.default_rng(3)
    X = unit(rng.standard_normal((6, 5)))
    X[1] = unit(X[:1] + apart * unit(rng.standard_normal((1, 5))))[0]
    return X, unit(rng.standard_normal((1, 5)))


def test_nearly_equal_rows_of_a_smooth_kernel_come_with_a_warning_and_a_bound_that_holds():
    """2e-6 apart the condition number is beyond 1e12 and no third digit is certain; 1e-8 apart nothing is."""
    X, x = sigmoid_rows(2e-6)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        report = rn.regression.solve(SigmoidComposition(), X, x, depth=4)
        u = report.coefficients
    assert [each for each in seen if issubclass(each.category, InaccurateCoefficientsWarning)]
    assert all(each.filename == __file__ for each in seen)  # the warning is placed at the call
    assert report.condition_number > 1e12
    true = np.array(exact(sigmoid, X, x, 4, 80).tolist(), dtype=float)
    assert np.all(np.abs(u - true) <= report.forward_error)
    assert report.relative_error == pytest.approx(report.forward_error.max() / max(1, np.abs(u).max()))
    X, x = sigmoid_rows(1e-8)
    with (
        warnings.catch_warnings(),
        pytest.raises(NotPositiveDefiniteError, match="nearly equal points apart"),
    ):
        warnings.simplefilter("ignore", IndefiniteKernelWarning)
        rn.coefficients(SigmoidComposition(), X, x, depth=4)


def test_at_training_points_coefficients_are_exact_and_their_bound_says_so():
    X, _ = data("nearly equal", 1)
    report = rn.regression.solve(ReluNTK(), X, X[[3, 0]], depth=3)
    u = report.coefficients
    np.testing.assert_array_equal(u, np.eye(5)[:, [3, 0]])
    assert report.forward_error.max() == 0.0 and report.relative_error == 0.0


def three_rows(apart):
    return rn.sphere.project(np.array([[1, 0, 0], [1, apart, 0], [0, 0.6, 0.8]])), np.array([[0, 0, 1.0]])


@pytest.mark.parametrize("apart", [1e-7, 1e-5])
def test_transport_from_a_start_that_is_hardly_known_is_not_converged(apart):
    """From depth 1, where the condition number is 6e10 and 6e14, u goes from 1e5 and more to below 1."""
    X, x = three_rows(apart)
    with pytest.raises(TransportError, match="closed form"):
        between_depths(ReluNTK(), X, x, depth=1)
    found = between_depths(ReluNTK(), X, x, depth=1, throw=False)
    assert not found.converged
    true = np.array(exact(FAMILIES["relu ntk"][1], X, x, 2, 60).tolist(), dtype=float)
    assert np.all(np.abs(found.coefficients - true) <= found.forward_error)
    np.testing.assert_allclose(rn.coefficients(ReluNTK(), X, x, depth=2), true, rtol=1e-6)  # 0.705: known


@pytest.mark.parametrize("kind", ["generic", "nearly equal"])
def test_a_transport_that_converged_is_within_its_bound(kind):
    for seed, (family, kernel) in enumerate([FAMILIES["relu ntk"], FAMILIES["biased relu ntk"]]):
        X, x = data(kind, seed + 20)
        found = between_depths(family, X, x, depth=2)
        true = np.array(exact(kernel, X, x, 3, 60).tolist(), dtype=float)
        assert found.converged and found.error <= found.error_bound <= 1e-4
        # float(mpf) rounds the truth once more
        assert np.all(np.abs(found.coefficients - true) <= found.forward_error + np.spacing(np.abs(true)))


@pytest.mark.filterwarnings("ignore::roughntk.regression.IndefiniteKernelWarning")
def test_the_sigmoid_family_is_known_and_carried_to_rounding_at_every_depth():
    X, x = rn.sphere.uniform(8, 6, 0), rn.sphere.uniform(2, 6, 1)
    limit = rn.coefficients(SigmoidComposition(), X, x, depth=math.inf)
    report = rn.regression.solve(SigmoidComposition(), X, x, depth=20)
    u = report.coefficients
    true = exact(sigmoid, X, x, 20, 120)
    deep = exact(sigmoid, X, x, 150, 250)
    distance = max(abs(float(a - b)) for a, b in zip(true, deep, strict=True))
    assert distance < 1e-10
    assert np.max(np.abs(u - limit)) == pytest.approx(distance, abs=1e-13)  # condition number 60
    for depth in (2, 8, 19):
        found = between_depths(SigmoidComposition(), X, x, depth=depth)
        assert found.converged and found.error < 1e-11
        assert report.relative_error < 1e-11


SYMMETRIC = np.array([[1.0, 0.5], [0.5, 1.0]])
COLUMN = np.array([[0.2], [0.4]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rhs": "foo"}, "rhs to be one of joint, paper, got 'foo'"),
        ({"clock": "ark"}, "did you mean 'arc'"),
        ({"K0": SYMMETRIC * 1j}, "K0 to hold real numbers"),
        ({"K1": SYMMETRIC[None]}, r"K1 of shape .*got shape \(1, 2, 2\)"),
        ({"B0": np.array([[np.nan], [1.0]])}, "finite entries in B0"),
        ({"K1": np.eye(3)}, r"K1 of shape \(2, 2\), got \(3, 3\)"),
        ({"K0": SYMMETRIC[:1]}, r"K0 of shape \(1, 1\)"),
        ({"B1": np.ones((2, 2))}, r"B1 of shape \(2, 1\), got \(2, 2\)"),
        ({"B0": COLUMN[:, 0]}, "B0 of shape"),
        ({"K0": np.array([[1.0, 0.5], [0.25, 1.0]])}, r"symmetric K0, got K0\[0, 1\] = .*0.5.*0.25"),
        ({"rtol": -1.0}, "rtol > 0"),
        ({"atol": "small"}, "atol > 0"),
        ({"max_steps": 2.5}, "max_steps to be a whole number"),
        ({"solver": "dopri"}, "a diffrax solver"),
    ],
)
def test_across_segment_checks_what_it_is_given(change, message):
    given = {"K0": SYMMETRIC, "K1": np.eye(2), "B0": COLUMN, "B1": COLUMN / 2} | change
    with pytest.raises(rn.InputError, match=message):
        across_segment(given.pop("K0"), given.pop("K1"), given.pop("B0"), given.pop("B1"), **given)
