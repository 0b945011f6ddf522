"""`roughntk predict --scratch FOLDER`: rows that go through a folder are those in memory, and nothing stays there."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from roughntk import _checks
from roughntk.cli import app
from roughntk.files import rows
from roughntk.files.rows import lines
from roughntk.study import placing

RNG = np.random.default_rng(1)
ROWS = RNG.normal(size=(60, 3)).round(2)
ROWS[41], ROWS[55] = ROWS[7], 2 * ROWS[12]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Two tables, one of classes; they are read and put on the sphere a few rows at a time."""
    monkeypatch.chdir(tmp_path)
    body = [",".join(map(str, [*row, "up" if row[0] > 0 else "down"])) for row in ROWS]
    Path("kind.csv").write_text("\n".join(["a,b,c,kind", *body]) + "\n")
    np.savez_compressed("train.npz", X=ROWS[:50], y=ROWS[:50] @ [1.0, 2.0, 0.0])
    np.savez("test.npz", X=ROWS[50:], y=ROWS[50:] @ [1.0, 2.0, 0.0])
    monkeypatch.setattr(placing, "TOGETHER", 30)
    monkeypatch.setattr(rows, "CHUNK", 200)
    for name in ("points_in", "points_like"):
        monkeypatch.setattr(getattr(rows, name), "__kwdefaults__", {"chunk": 200})
    assert lines.CHUNK > 200


def predict(*arguments):
    return CliRunner().invoke(app, ["predict", *arguments, "--depth", "20", "--json"], env={"COLUMNS": "200"})


def assert_close(one, other, where=""):
    """Documents with numbers that differ by no more than 1e-12."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_close(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_close(a, b, f"{where}[{i}]")
    elif isinstance(one, float):
        assert other == pytest.approx(one, rel=1e-12, abs=1e-12), where
    else:
        assert one == other, where


@pytest.mark.parametrize(
    "arguments",
    [
        ("kind.csv", "--target", "kind", "--standardise", "--seed", "3", "--points", "25"),
        ("kind.csv", "--target", "4", "--projection", "canonical", "--drop-duplicates", "--ridge", "0"),
        ("kind.csv", "--target", "kind", "--drop-duplicates", "--standardise", "--test-points", "7"),
        ("train.npz", "--test", "test.npz"),
    ],
)
def test_the_points_and_their_predictions_are_those_in_memory(arguments):
    in_memory, on_disk = predict(*arguments), predict(*arguments, "--scratch", "folder/below")
    assert in_memory.exit_code == on_disk.exit_code == 0, on_disk.output
    assert_close(json.loads(in_memory.stdout), json.loads(on_disk.stdout))
    assert not Path("folder").exists()


def test_bad_rows_have_the_same_names():
    zeros = ROWS.copy()
    zeros[[20, 44]] = 0
    np.savez("zeros.npz", X=zeros, y=ROWS[:, 0])
    for arguments in (
        ("kind.csv", "--target", "kind", "--ridge", "0", "--points", "59", "--test-points", "1"),
        ("zeros.npz", "--projection", "canonical"),
        ("zeros.npz", "--projection", "none"),
        ("kind.csv",),
        ("kind.csv", "--target", "kind", "--points", "100"),
    ):
        in_memory, on_disk = predict(*arguments), predict(*arguments, "--scratch", "folder")
        assert (in_memory.exit_code, on_disk.exit_code) == (2, 2)
        assert on_disk.stderr == in_memory.stderr and not Path("folder").exists()


def test_rows_stay_where_that_is_asked_for_and_what_others_put_there_stays():
    Path("folder").mkdir()
    Path("folder/theirs").touch()
    result = predict("train.npz", "--test", "test.npz", "--scratch", "folder", "--keep-scratch")
    assert result.exit_code == 0, result.output
    (made,) = set(os.listdir("folder")) - {"theirs"}
    kept = {name: np.load(Path("folder", made, name)) for name in os.listdir(Path("folder", made))}
    assert {name: array.shape for name, array in kept.items()} == {
        "rows.npy": (50, 4), "test_rows.npy": (10, 4), "targets.npy": (50, 1), "row_numbers.npy": (50,),
    }  # fmt: skip
    np.testing.assert_allclose(np.linalg.norm(kept["rows.npy"], axis=1), 1, rtol=1e-15)
    assert sorted(kept["row_numbers.npy"]) == list(range(50))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("digits", "--scratch", "folder"), "expected --scratch with a file only, got digits; leave it out"),
        (("kind.csv", "--target", "kind", "--scratch", "kind.csv"), "expected --scratch to name a folder"),
        (("kind.csv", "--target", "kind", "--keep-scratch"), "expected --keep-scratch with a --scratch folder"),
    ],
)
def test_what_means_nothing_is_refused(arguments, message):
    result = predict(*arguments)
    assert result.exit_code == 2 and message in " ".join(result.stderr.split()), result.output
    assert not Path("folder").exists()


def test_what_does_not_fit_in_memory_names_the_folder(monkeypatch):
    monkeypatch.setattr(_checks.capacity, "_ALWAYS", 1000)
    monkeypatch.setattr(_checks.capacity, "available_memory", lambda: 2000.0)
    result = predict("kind.csv", "--target", "kind")
    said = " ".join(result.stderr.split())
    assert result.exit_code == 2 and "to fit in memory" in said
    assert said.endswith("or let the rows go through a folder: --scratch FOLDER")
