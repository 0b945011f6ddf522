"""Families at integer depth against 30-digit reference values, closed forms and each other."""

import csv
from decimal import Decimal
from pathlib import Path

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.kernels.base import RECURSION_DEPTH
from roughntk.maps import recursion
from roughntk.maps import relu_flow as iteration

EPS = np.finfo(np.float64).eps
TABLE = Path(__file__).parents[1] / "data" / "relu_ntk.csv"
ROWS = [row for row in csv.DictReader(TABLE.read_text().splitlines()) if int(row["depth"]) <= 3000]
FAMILIES = [rn.kernels.ReluNTK(), rn.kernels.ReluNNGP(), rn.kernels.SigmoidComposition()]


def named(family):
    return family.name


@pytest.mark.parametrize("depth", sorted({int(row["depth"]) for row in ROWS}))
def test_ntk_and_nngp_match_every_reference_row_to_1e13(depth):
    rows = [row for row in ROWS if int(row["depth"]) == depth]
    theta = jnp.array([float(row["theta1"]) for row in rows])
    for family, column in ((rn.kernels.ReluNTK(), "ntk_normalized_L"), (rn.kernels.ReluNNGP(), "rho_L")):
        for value, row in zip(np.asarray(family.at_angle(theta, depth)), rows, strict=True):
            exact = Decimal(row[column])
            error = abs(float(Decimal(float(value)) - exact))
            # The bound of the specification: 1e-13 relative, 1e-15 absolute where the value is below 0.01.
            assert error <= max(1e-13 * abs(float(exact)), 1e-15), row


@pytest.mark.parametrize(
    ("depth", "value"),
    [
        (2, 0.4711655571887782),
        (10, 0.3792694356217554),
        (100, 0.2778920302608828),
        (1000, 0.2538058554106838),
    ],
)
def test_ntk_at_correlation_one_half(depth, value):
    # depth 1000: 1000 roundings of a sum, in the worst case 1000 eps
    assert float(rn.kernels.ReluNTK().at_correlation(0.5, depth)) == pytest.approx(value, rel=100 * EPS)


@pytest.mark.parametrize("depth", [2, 3, 10])
def test_stable_recursion_equals_the_papers_recurrence(depth):
    """Proposition 4 as it stands in the paper, in numpy, where it is not yet ill conditioned."""
    rho = np.linspace(-0.99, 0.99, 41)
    K, r = rho.copy(), rho.copy()
    for layer in range(1, depth):
        step = (np.sqrt(1 - r * r) + r * (np.pi - np.arccos(r))) / np.pi
        K = layer / (layer + 1) * (np.pi - np.arccos(r)) / np.pi * K + step / (layer + 1)
        r = step
    # arccos near 1 amplifies rounding by 1/sqrt(1 - r^2), below 8 here.
    np.testing.assert_allclose(rn.kernels.ReluNTK().at_correlation(rho, depth), K, rtol=0, atol=100 * EPS)


@pytest.mark.parametrize("family", FAMILIES, ids=named)
@pytest.mark.parametrize("depth", [1, 2, 7])
@pytest.mark.parametrize("rho", [-1.0, 0.0, 1.0])
def test_derivatives_in_rho_are_finite_and_equal_in_both_modes(family, depth, rho):
    def kernel(r):
        return family.at_correlation(r, depth)

    reverse = float(jax.grad(kernel)(rho))
    forward = float(jax.jvp(kernel, (rho,), (1.0,))[1])
    assert np.isfinite(reverse)
    assert reverse == forward
    if family.name != "sigmoid":
        expected = {1.0: 1.0, -1.0: float(depth == 1)}.get(rho)
        if expected is not None:
            assert reverse == expected
            assert float(family.at_correlation(1.0, depth)) == 1.0


@pytest.mark.parametrize("family", FAMILIES, ids=named)
@pytest.mark.parametrize("depth", [1, 2, 10, 300])
def test_derivatives_match_finite_differences(family, depth):
    for at in (-0.7, 0.1, 0.8):
        h = 1e-6
        difference = (family.at_correlation(at + h, depth) - family.at_correlation(at - h, depth)) / (2 * h)
        slope = float(jax.grad(lambda r: family.at_correlation(r, depth))(at))
        # central differences: truncation h^2, rounding eps/h = 2e-10
        assert slope == pytest.approx(float(difference), abs=2e-9)


@pytest.mark.parametrize("family", FAMILIES, ids=named)
def test_one_compiled_function_serves_every_depth(family):
    traced = jax.jit(lambda theta, depth: family.at_angle(theta, depth))
    theta = jnp.linspace(0, jnp.pi, 7)
    for depth in (1, 2, 9, 40):
        # traced, the ReLU families take the constant-time route; known, the recursion at small depths
        np.testing.assert_allclose(
            traced(theta, jnp.asarray(depth)), family.at_angle(theta, depth), rtol=1e-14, atol=4 * EPS
        )
    assert traced._cache_size() == 1


@pytest.mark.parametrize("family", FAMILIES[:2], ids=named)
def test_the_seam_between_recursion_and_constant_time_is_invisible(family):
    theta = jnp.linspace(0, 3.0, 301)
    for depth in range(2, RECURSION_DEPTH + 1):
        known = np.asarray(family.at_angle(theta, depth))
        traced = np.asarray(jax.jit(family.at_angle)(theta, jnp.asarray(float(depth))))
        assert np.all(np.abs(known - traced) <= np.maximum(1e-14 * np.abs(known), 1e-15))


@pytest.mark.parametrize("family", FAMILIES[:2], ids=named)
def test_depth_may_be_real_infinite_or_an_array(family):
    theta = jnp.array([0.0, 1e-3, 1.0, np.pi])
    depths = np.array([1.0, 1.5, 2.0, 9.25, 1e6, np.inf])
    table = family.at_angle(theta, depths[:, None])
    assert table.shape == (6, 4)
    for row, depth in zip(table, depths, strict=True):
        np.testing.assert_allclose(row, family.at_angle(theta, float(depth)), rtol=1e-14, atol=4 * EPS)
    assert np.asarray(table[-1]).tolist() == ([1.0, 0.25, 0.25, 0.25] if family.name == "relu-ntk" else [1.0] * 4)
    with pytest.raises(rn.InputError, match="broadcast"):
        family.at_angle(theta, np.array([2.0, 3.0]))


@pytest.mark.parametrize("family", FAMILIES[:2], ids=named)
@pytest.mark.parametrize("rho", [-0.9, 0.0, 0.7, 1 - 1e-9])
@pytest.mark.parametrize("depth", [2.5, 30.25, 1e4])
def test_derivative_in_depth_is_the_flows_right_hand_side(family, rho, depth):
    theta = jnp.arccos(rho)
    speed = float(jax.grad(lambda d: family.at_correlation(rho, d))(depth))
    angle, total = iteration.ntk_sum(theta, depth - 1.0)
    turn, growth = rn.depth.flow_field(depth, (angle, total))
    by_flow = growth / depth - total / depth**2 if family.name == "relu-ntk" else -jnp.sin(angle) * turn
    # dK/dl is a difference of two terms of size K/l
    assert speed == pytest.approx(float(by_flow), rel=1e-11, abs=64 * EPS / depth)


def test_the_flow_integrated_by_diffrax_is_the_closed_form():
    theta = jnp.array([0.0, 0.01, 0.5, 1.5, 3.0])
    solution = diffrax.diffeqsolve(
        rn.depth.flow_term(), diffrax.Dopri8(), 1.0, 50.0, 0.1, (theta, jnp.cos(theta)),
        stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-13),
    )  # fmt: skip
    expected = rn.kernels.ReluNTK().at_angle(theta, 50.0)
    np.testing.assert_allclose(solution.ys[1][0] / 50, expected, atol=1e-10)  # the solver's tolerance, 50 layers


def test_nine_points_of_a_circle_are_indefinite_between_depths_one_and_two():
    turn = 2 * np.pi * np.arange(9) / 9
    X = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    family = rn.kernels.ReluNTK()
    for depth, smallest in ((1.25, -0.247), (1.5, -0.118), (1.75, -0.027), (2, 0.041), (2.25, 0.094), (2.5, 0.115)):
        assert np.linalg.eigvalsh(family(X, depth=depth))[0] == pytest.approx(smallest, abs=6e-4)
        assert family.is_positive_definite(X, depth) == (smallest > 0)


@pytest.mark.parametrize("family", FAMILIES, ids=named)
def test_trajectory_is_the_family_at_each_depth(family):
    theta = jnp.linspace(0, jnp.pi, 9).reshape(3, 3)
    path = family.trajectory(theta, 12)
    for depth in (1, 2, 12):
        np.testing.assert_allclose(path[depth - 1], family.at_angle(theta, depth), rtol=8 * EPS, atol=8 * EPS)


@pytest.mark.parametrize("family", FAMILIES[:2], ids=named)
def test_matrices_are_positive_definite_from_depth_two_on_generic_data(family):
    X = rn.sphere.uniform(30, 5, seed=1)
    for depth in (2, 5, 30):
        assert np.linalg.eigvalsh(family(X, depth=depth))[0] > 1e-6


def test_ntk_is_singular_at_depth_two_on_an_antipodal_circle_and_not_at_three():
    turn = 2 * np.pi * np.arange(8) / 8
    X = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    family = rn.kernels.ReluNTK()
    assert abs(np.linalg.eigvalsh(family(X, depth=2))[0]) <= 16 * EPS
    assert np.linalg.eigvalsh(family(X, depth=3))[0] > 1e-3
    nine = 2 * np.pi * np.arange(9) / 9
    Y = np.stack([np.cos(nine), np.sin(nine)], axis=1)
    assert np.linalg.eigvalsh(family(Y, depth=2))[0] == pytest.approx(0.041, abs=5e-4)


def test_rotating_the_data_changes_nothing():
    X = rn.sphere.uniform(12, 6, seed=3)
    rotation = np.linalg.qr(np.random.default_rng(4).standard_normal((6, 6)))[0]
    family = rn.kernels.ReluNTK()
    # angles move by a few eps; the kernel's slope in the angle is at most (L - 1)/(2 pi) < 5
    np.testing.assert_allclose(family(X, depth=20), family(X @ rotation, depth=20), atol=100 * EPS)


def test_sigmoid_fixed_point_and_multiplier():
    c, multiplier = recursion.sigmoid_fixed_point()
    assert c == pytest.approx(0.34178539979984478314, rel=4 * EPS)
    assert multiplier == pytest.approx(0.28393880014361798035, rel=4 * EPS)


def test_scaled_displacement_tends_to_the_koenigs_function_without_cancellation():
    rho = np.array([-1.0, 0.0, 0.5, 1.0])
    pins = [-0.898236357669, -0.317872294710, 0.162071063415, 0.698142337808]
    family = rn.kernels.SigmoidComposition()
    displacement = {depth: family.deflated(np.arccos(rho), depth).values for depth in (6, 41, 200)}
    np.testing.assert_allclose(displacement[41], pins, atol=1e-12)  # the pins have 12 digits
    # deep down nothing is lost: at layer 200 eta - c is 1e-109
    np.testing.assert_allclose(displacement[200], displacement[41], rtol=1e-12)
    direct = family.trajectory(np.arccos(rho), 6)
    c, multiplier = recursion.sigmoid_fixed_point()
    np.testing.assert_allclose(displacement[6] * multiplier**5 + c, direct[5], rtol=16 * EPS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f.at_angle(0.5, 0), "at least 1, got 0"),
        (lambda f: f.at_angle(0.5, float("nan")), "at least 1, got nan"),
        (lambda f: f.at_angle(-0.1, 2), "within"),
        (lambda f: f.at_angle(4.0, 2), "within"),
        (lambda f: f.at_correlation(1.0000001, 2), "within"),
        (lambda f: f.at_correlation([0.1, float("nan")], 2), "NaN"),
        (lambda f: f(np.ones((2, 3)), depth=2), "rows 0 and 1 off the sphere"),
        (lambda f: f(np.ones(3), depth=2), "shape"),
        (lambda f: f(np.eye(3), np.eye(4), depth=2), "3 columns"),
        (lambda f: f.at_angle("a", 2), "real numbers"),
        (lambda f: f.at_angle(0.5, "two"), "depth"),
    ],
)
@pytest.mark.parametrize("family", FAMILIES, ids=named)
def test_bad_input_is_named(family, call, message):
    with pytest.raises(rn.InputError, match=message):
        call(family)


def test_unknown_family_suggests_the_nearest_name():
    with pytest.raises(rn.InputError, match="did you mean 'relu-ntk'"):
        rn.kernels.family("relu-ntx")


@pytest.mark.parametrize(
    "family",
    [
        rn.kernels.BiasedReluNTK(),
        rn.kernels.BiasedReluNTK.critical(),
        rn.kernels.ErfNTK.critical(),
        rn.kernels.ErfNNGP(2.0, 0.0),
        rn.kernels.TanhNTK(),
        rn.kernels.TanhNNGP(2.0, 0.0),
    ],
    ids=lambda family: family.name,
)
def test_infinite_depth_of_known_families_under_jit(family):
    theta = np.array([0.0, 0.5, 2.0, np.pi])
    known = np.asarray(family.at_angle(theta, np.inf))
    traced = jax.jit(lambda angles: family.at_angle(angles, np.inf))
    assert np.allclose(traced(theta), known, rtol=0, atol=64 * EPS)  # iterations that end within rounding
    assert np.isnan(traced(theta - 1.0)[0])  # outside [0, pi]
    assert np.allclose(jax.jit(lambda: family.at_angle(theta, np.inf))(), known, rtol=0, atol=64 * EPS)
    with pytest.raises(rn.InputError, match="expected known parameters of .* at infinite depth, got traced"):
        jax.jit(lambda given: given.at_angle(theta, np.inf))(family)
