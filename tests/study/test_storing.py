"""Rows of a file on the sphere, in a file: those in memory, all of them or none."""

import os

import numpy as np
import pytest

import roughntk as rn
from roughntk import sphere
from roughntk.files.tables import Reading
from roughntk.study import placing

RAW = np.random.default_rng(0).normal(size=(50, 4))
KINDS = np.where(RAW[:, 0] > 0, "up", "down")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A table with a missing cell, and an array; a few rows are put on the sphere together."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(placing, "TOGETHER", 24)
    lines = [",".join([*map(repr, row.tolist()), kind]) for row, kind in zip(RAW, KINDS, strict=True)]
    lines[9] = "1,,2,3,up"
    (tmp_path / "table.csv").write_text("\n".join(["a,b,c,d,kind", *lines]))
    np.save("array.npy", RAW)
    return tmp_path


def test_rows_are_those_in_memory_whatever_the_projection():
    kept = np.delete(np.arange(50), 9)
    by_length = RAW[kept] / np.sqrt((RAW[kept] ** 2).sum(axis=1).mean())
    standard = (RAW[kept] - RAW[kept].mean(axis=0)) / RAW[kept].std(axis=0)
    for how, expected in (
        ({}, sphere.project(RAW[kept])),
        ({"projection": "stereographic"}, sphere.lift(by_length)),
        ({"standardise": True}, sphere.project(standard)),
    ):
        stored = rn.study.store(
            "table.csv", "rows.npy", target="kind", reading=Reading(missing="drop"), chunk=150, **how
        )
        np.testing.assert_allclose(stored.X, expected, rtol=0, atol=1e-14)
        assert stored.X.flags.c_contiguous and not stored.X.flags.writeable and stored.X.dtype == np.float64
        np.testing.assert_array_equal(np.array(stored.classes)[stored.y.argmax(axis=1)], KINDS[kept])
        np.testing.assert_array_equal(stored.rows, kept)
        assert sorted(os.listdir()) == ["array.npy", "rows.npy", "table.csv"]
    unit = rn.study.store("rows.npy", "again.npy", projection="none")
    assert unit.y is None and unit.radius == 1 and np.array_equal(unit.X, np.load("rows.npy"))


def test_what_goes_wrong_is_named_and_leaves_the_file_as_it_was(folder):
    (folder / "rows.npy").write_bytes(b"somebody's")
    bad = RAW.copy()
    bad[[4, 30]], bad[41] = 0, 2 * bad[7]
    np.save("bad.npy", bad)
    np.save("collinear.npy", np.delete(bad, [4, 30], axis=0))
    before = sorted(os.listdir())
    for data, out, how, message in (
        ("bad.npy", "rows.npy", {}, r"zeros in rows 4 and 30 \(counted from 0\)"),
        ("collinear.npy", "rows.npy", {}, "positively collinear rows 6 and 39 of collinear.npy"),
        ("array.npy", "rows.npy", {"projection": "none"}, "rows 0, 1, 2, 3, 4 and 45 more off the sphere"),
        ("table.csv", "rows.npy", {"target": "kind"}, "missing cells .* in line 11, column b"),
        ("array.npy", "array.npy", {}, "expected out to name a new file"),
        ("array.npy", "rows.txt", {}, "expected out to end in .npy"),
        ("array.npy", "rows.npy", {"chunk": 0}, "expected chunk"),
        ("array.npy", "rows.npy", {"projection": "flat"}, "expected projection"),
    ):
        with pytest.raises(rn.InputError, match=message):
            rn.study.store(data, out, **how)
        assert sorted(os.listdir()) == before and (folder / "rows.npy").read_bytes() == b"somebody's"
    assert len(rn.study.store("collinear.npy", "rows.npy", distinct=False).X) == 48
