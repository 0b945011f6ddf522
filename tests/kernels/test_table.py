"""The table of a kernel at one depth is the closed form, and large matrices go through it unnoticed."""

import csv
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk import sphere
from roughntk.kernels import table
from roughntk.kernels.engine import evaluation

EPS = np.finfo(np.float64).eps
DEPTHS = (5.0, 7.5, 9.0, 10.0, 33.3, 1e3, 1e6, 1e9, 1e12)
FAMILIES = {"ntk": rn.kernels.ReluNTK(), "nngp": rn.kernels.ReluNNGP()}


def angles() -> np.ndarray:
    """Every size of angle: 0, from 1e-16 on by factors, from 0 to pi and around pi by steps."""
    small = np.logspace(-16, math.log10(math.pi), 20_000)
    near_pi = math.pi - np.logspace(-15, 0, 2_000)
    return np.concatenate([[0.0, math.pi], np.minimum(small, math.pi), np.linspace(0, math.pi, 20_000), near_pi])


THETA = angles()


def unit_rows(n: int, dim: int, seed: int) -> np.ndarray:
    """Rows at all distances: independent ones, and near copies and near antipodes of the first row."""
    X = rn.sphere.uniform(n, dim, seed)
    for i, size in enumerate(10.0 ** np.arange(-15, 0)):
        X[2 + i] = (-1) ** i * (X[0] + size * X[2 + i])
    X[1] = -X[0]
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def closed_form(family, theta, depth) -> np.ndarray:
    return np.asarray(family.at_angle(jnp.asarray(theta), depth))


@pytest.mark.parametrize("kernel", FAMILIES)
@pytest.mark.parametrize("depth", DEPTHS)
def test_the_table_is_the_closed_form_at_every_angle(kernel, depth):
    exact = closed_form(FAMILIES[kernel], THETA, depth)
    error = np.abs(table.kernel_table(kernel, depth)(THETA) - exact)
    # The polynomials end where their terms are below 3e-15; rounding adds a few eps. K is at least 0.2.
    assert (error <= (1e-14 if depth < 7 else 5e-15) * exact).all()


@pytest.mark.parametrize("kernel", FAMILIES)
@pytest.mark.parametrize("depth", [*DEPTHS, math.inf])
def test_the_table_in_the_correlation_is_the_closed_form_up_to_its_limit(kernel, depth):
    near_one = sphere.GRAM_LIMIT * (1 - np.logspace(-16, 0, 3_000))
    near_zero = np.logspace(-320, 0, 3_000) * sphere.GRAM_LIMIT
    rho = np.concatenate([[0.0, sphere.GRAM_LIMIT], near_one, near_zero, np.linspace(0, sphere.GRAM_LIMIT, 20_000)])
    rho = np.concatenate([rho, -rho])
    values = rho.copy()
    beyond, _ = table.kernel_table(kernel, depth).write_at_correlations(values, sphere.GRAM_LIMIT)
    assert not beyond.size
    exact = closed_form(FAMILIES[kernel], np.arccos(rho), depth)
    assert (np.abs(values - exact) <= 5e-15 * exact).all()  # as above; arccos here errs by eps, which K does not raise


@pytest.mark.parametrize("kernel", FAMILIES)
@pytest.mark.parametrize("depth", [*DEPTHS, 1e300, math.inf])
def test_theta_zero_is_one_exactly(kernel, depth):
    values = table.kernel_table(kernel, depth)(np.array([[0.0, 1e-300], [1.0, math.pi]]))
    assert values.shape == (2, 2)
    assert values[0, 0] == 1.0


def test_infinite_depth_is_its_limit_off_the_diagonal():
    for kernel, limit in (("ntk", 0.25), ("nngp", 1.0)):
        np.testing.assert_array_equal(table.kernel_table(kernel, math.inf)([0.0, 1e-15, math.pi]), [1, limit, limit])


def reference() -> dict[float, list[dict[str, str]]]:
    """The rows of the 30-digit reference by depth, as far as it has a table."""
    rows: dict[float, list[dict[str, str]]] = {}
    with (Path(__file__).parent.parent / "data" / "relu_ntk.csv").open() as file:
        for row in csv.DictReader(file):
            rows.setdefault(float(row["depth"]), []).append(row)
    assert max(rows) == 1e12
    return {depth: here for depth, here in rows.items() if depth >= table.LEAST_DEPTH}


def test_the_table_has_the_digits_of_the_reference():
    for depth, rows in reference().items():
        theta = np.array([float(row["theta1"]) for row in rows])
        for kernel, column in (("ntk", "ntk_normalized_L"), ("nngp", "rho_L")):
            expected = np.array([float(row[column]) for row in rows])
            np.testing.assert_allclose(table.kernel_table(kernel, depth)(theta), expected, rtol=2e-14, atol=0)


def test_rows_of_the_reference_through_a_large_matrix():
    """Angles become rows on a circle. The product of two rows holds an angle to 1e-16/sin theta only."""
    for depth, here in reference().items():
        theta = np.array([float(row["theta1"]) for row in here])
        expected = np.array([float(row["ntk_normalized_L"]) for row in here])
        X = np.stack([np.cos(theta), np.sin(theta)], axis=1)
        Z = np.vstack([[1.0, 0.0], rn.sphere.uniform(evaluation.TABLE_ENTRIES // len(X), 2, 0)])
        K = np.asarray(FAMILIES["ntk"](X, Z, depth=depth))[:, 0]
        # X itself rounds theta to 1e-16, and the product (beyond 0.0447) to 2e-16/sin theta
        moved = 4 * EPS / np.maximum(np.sin(theta), 0.04) * (theta > 0.04) + 2 * EPS * theta
        allowed = 2e-14 * np.abs(expected) + 0.3 * moved / np.maximum(theta, 1e-300)
        assert (np.abs(K - expected) <= allowed).all(), depth


@pytest.mark.parametrize("kernel", FAMILIES)
@pytest.mark.parametrize("depth", [9, 33.3, 10**6, 1e12, math.inf])
def test_small_and_large_matrices_agree(kernel, depth, monkeypatch):
    X, Z = unit_rows(120, 6, 0), unit_rows(120, 6, 0)[::-1]
    large = np.asarray(FAMILIES[kernel](X, Z, depth=depth))
    itself = np.asarray(FAMILIES[kernel](X, depth=depth))
    monkeypatch.setattr(evaluation, "TABLE_ENTRIES", 10**9)
    np.testing.assert_allclose(large, FAMILIES[kernel](X, Z, depth=depth), rtol=1e-14)
    np.testing.assert_allclose(itself, FAMILIES[kernel](X, depth=depth), rtol=1e-14)
    assert (large[np.arange(120), np.arange(120)[::-1]] == 1.0).all()


def test_symmetric_and_rectangular_calls_agree_and_the_diagonal_is_one():
    X = unit_rows(500, 6, 1)
    family = FAMILIES["ntk"]
    for depth in (10, 1e9):
        K = np.asarray(family(X, depth=depth))
        np.testing.assert_array_equal(K, K.T)
        np.testing.assert_array_equal(np.diag(K), 1.0)
        # the products of the two calls round differently: 1e-16/sin theta in the angle, 0.3/theta of it in K
        np.testing.assert_allclose(K, family(X, X.copy(), depth=depth), rtol=4e-14)
    np.testing.assert_array_equal(np.asarray(sphere.angles(X)), np.asarray(sphere.angles(X)).T)


def test_rows_that_are_all_close_go_by_row_differences():
    X = rn.sphere.uniform(120, 5, 0) * 1e-6 + np.eye(5)[0]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    theta = np.asarray(sphere.angles(X))
    K = np.asarray(FAMILIES["ntk"](X, depth=1e6))
    np.testing.assert_allclose(K, closed_form(FAMILIES["ntk"], theta, 1e6), rtol=1e-14)
    assert 0.2 < K.min() < 0.8  # inside the boundary layer


def test_many_columns_and_few_rows():
    X, Z = rn.sphere.uniform(2, 3, 0), rn.sphere.uniform(7200, 3, 1)
    K = np.asarray(FAMILIES["ntk"](X, Z, depth=100))
    exact = closed_form(FAMILIES["ntk"], np.asarray(sphere.angles(X, Z)).reshape(120, 120), 100)
    np.testing.assert_allclose(K.reshape(120, 120), exact, rtol=1e-14)


def test_traced_rows_keep_their_gradient():
    X = jnp.asarray(rn.sphere.uniform(120, 4, 0))
    turn = jnp.asarray(np.linalg.qr(np.random.default_rng(1).standard_normal((4, 4)))[0])
    Z = X[::-1] @ turn
    skew = turn - turn.T  # X + h X skew stays on the sphere, to first order
    _, slope = jax.jvp(lambda rows: FAMILIES["ntk"](rows, Z, depth=20.0), (X,), (X @ skew,))
    h = 1e-5
    ahead, behind = (np.asarray(FAMILIES["ntk"](sphere.project(X + s * X @ skew), Z, depth=20)) for s in (h, -h))
    # central differences: the rounding 1e-15 over 2e-5, and (1e-5)^2 times a third derivative
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * h), atol=1e-6)
    assert np.abs(slope).max() > 0.1


def test_known_rows_inside_a_trace():
    X = rn.sphere.uniform(120, 4, 2)
    table._kept_table.cache_clear()
    inside = jax.jit(lambda a: a * FAMILIES["ntk"](X, depth=12.5))(2.0)
    np.testing.assert_array_equal(inside, 2 * np.asarray(FAMILIES["ntk"](X, depth=12.5)))


def test_bad_input_is_refused_on_the_large_route_as_well():
    X = rn.sphere.uniform(200, 4, 0)
    for depth in (0.5, math.nan, 1j):
        with pytest.raises(rn.InputError, match="depth"):
            FAMILIES["ntk"](X, depth=depth)
    X[7] *= 2
    with pytest.raises(rn.InputError, match="row 7"):
        FAMILIES["ntk"](X, depth=10)
