"""Rows on a disk: read-only memory maps, taken as they are, give what the same rows in memory give."""

import tracemalloc

import numpy as np
import pytest

import roughntk as rn
from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.regression import operator as operators

N, DIMENSION = 260, 5


def saved(folder, array, name="X.npy"):
    np.save(folder / name, array)
    return np.load(folder / name, mmap_mode="r")


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    X = rn.sphere.uniform(N, DIMENSION, 0)
    return X, saved(tmp_path_factory.mktemp("rows"), X)


def test_a_read_only_map_is_taken_as_it_is_and_anything_else_is_copied(rows, tmp_path):
    X, on_disk = rows
    assert np.shares_memory(_checks.matrix(on_disk, "X"), on_disk)
    assert np.shares_memory(sphere.check_unit(sphere.check_unit(on_disk[20:])), on_disk)
    np.save(tmp_path / "writable.npy", X)
    others = (
        X, np.load(tmp_path / "writable.npy", mmap_mode="r+"), saved(tmp_path, X.astype(np.float32), "single.npy"),
        on_disk[:, ::2], on_disk.T,
    )  # fmt: skip
    for other in others:
        assert not np.shares_memory(_checks.matrix(other, "X"), other)


def test_checks_of_rows_on_a_disk_hold_none_of_them(tmp_path):
    X = saved(tmp_path, rn.sphere.uniform(40_000, 50, 0))  # 16 MB
    tracemalloc.start()
    sphere.check_points(X, X[:3])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # a piece with its squares, and a few numbers a row
    assert peak < 8e6


def test_bad_rows_are_named_wherever_they_stand(tmp_path, monkeypatch):
    X = rn.sphere.uniform(N, DIMENSION, 0)
    X[7], X[250] = X[201], X[0]
    bad = X.copy()
    bad[3, 1], bad[255, 2] = np.nan, np.inf
    with pytest.raises(InputError, match=r"got 2 NaN or infinite \(X\[3, 1\] = nan, X\[255, 2\] = inf\)"):
        sphere.check_unit(saved(tmp_path, bad, "bad.npy"))
    monkeypatch.setattr(sphere.points, "_TOGETHER", 1)  # every chain of neighbours on its own
    assert sphere.coincident_rows(saved(tmp_path, X)) == [(0, 250), (7, 201)]
    with pytest.raises(InputError, match="rows 0 and 250; rows 7 and 201"):
        sphere.check_distinct(saved(tmp_path, X))


def test_many_coincident_rows_are_the_same_in_batches(monkeypatch):
    """Groups of several rows, some a rounding apart, and rows that are alone."""
    rng = np.random.default_rng(0)
    X = rn.sphere.uniform(40, 3, 0)[rng.integers(0, 40, 120)]
    X[::7] *= 1 + 2.0**-52
    pairs = sphere.coincident_rows(X)
    monkeypatch.setattr(sphere.points, "_TOGETHER", 12)
    assert sphere.coincident_rows(X) == pairs and len(pairs) > 70


@pytest.mark.parametrize("both", [True, False])
def test_an_operator_goes_through_the_rows_by_panels(rows, monkeypatch, both):
    X, on_disk = rows
    monkeypatch.setattr(operators, "HELD", 100 * DIMENSION)
    monkeypatch.setattr(operators, "PANEL", 64)
    family, V = rn.kernels.ReluNTK(), np.random.default_rng(0).normal(size=(N, 2))
    K = rn.regression.KernelOperator(family, on_disk, None if both else X, depth=4, block_entries=64 * 30)
    plain = rn.regression.KernelOperator(family, X, depth=4)
    np.testing.assert_allclose(K @ V, plain @ V, rtol=0, atol=1e-12)
    np.testing.assert_allclose(K @ V[:, 0], plain @ V[:, 0], rtol=0, atol=1e-12)
    which = np.array([0, 200, 7])
    np.testing.assert_allclose(K.columns(which), plain.columns(which), rtol=0, atol=1e-14)
    done = []
    K.apply(V, lambda rows, of: done.append((rows, of)))
    assert done[-1] == (N, N) and len(done) == 3 * 5 and done == sorted(done)


def test_a_solve_and_an_estimator_take_them(rows, monkeypatch):
    X, on_disk = (each[:90] for each in rows)
    monkeypatch.setattr(operators, "PANEL", 64)
    family, x = rn.kernels.ReluNTK(), rn.sphere.uniform(4, DIMENSION, 1)
    solved = rn.regression.solve(family, on_disk, x, depth=10, method="iterative")
    exact = rn.regression.solve(family, X, x, depth=10, method="iterative")
    np.testing.assert_allclose(solved.coefficients, exact.coefficients, rtol=0, atol=1e-10)
    model = rn.DeepKernelRegressor(depth=10, ridge=0, projection="none", solver="iterative").fit(on_disk, X[:, 0])
    assert np.shares_memory(model.fitted_.kernel.rows.directions, on_disk)
    np.testing.assert_allclose(model.predict(x), exact.coefficients.T @ X[:, 0], rtol=0, atol=1e-9)
