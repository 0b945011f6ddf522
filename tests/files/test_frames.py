"""Frames, arrays, records, points and batches: what they are read as, and what is said of them."""

import datetime
import importlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xarray as xr
from read_files import points, read, refused
from routes import LAST_DEPTH, POINTS, TEST_POINTS
from typer.testing import CliRunner

import roughntk as rn
from roughntk import cli, rough
from roughntk.commands.answers import signatures
from roughntk.files import paths as path_files
from roughntk.files import tables
from roughntk.files.tables import Reading

ROWS = np.random.default_rng(0).standard_normal((12, 3))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Frames, arrays, records


def frames():
    columns = {"a": ROWS[:, 0], "b": ROWS[:, 1], "c": ROWS[:, 2], "kind": list("uvwuvwuvwuvw")}
    array = xr.DataArray(ROWS, dims=("row", "feature"), coords={"feature": ["a", "b", "c"]})
    yield pd.DataFrame(columns), "kind"
    yield pl.DataFrame(columns), "kind"
    yield pl.DataFrame(columns).to_arrow(), "kind"
    yield array, None


def test_frames_of_every_library_are_points_with_names():
    for frame, target in frames():
        data = points(frame, target=target)
        assert data.features == ("a", "b", "c") and data.target == target
        expected = ROWS[data.rows] / np.linalg.norm(ROWS[data.rows], axis=1)[:, None]
        np.testing.assert_allclose(np.vstack([data.X, data.x]), expected, rtol=4e-16)  # a norm, rounded twice
        if target is not None:
            assert [data.wanted(i) for i in range(6)] == ["uvw"[row % 3] for row in data.rows]
    for plain in (ROWS, ROWS.tolist(), ROWS.astype(np.float32)):
        assert points(plain).features == () and points(plain).X.shape == (4, 3)
    with pytest.raises(rn.InputError, match="text in column kind .*--target kind"):
        points(next(frames())[0])
    with pytest.raises(rn.InputError, match="lazy frame; call its .collect"):
        points(pl.LazyFrame({"a": [1.0]}))
    with pytest.raises(rn.InputError, match="missing cells .* in row 1 .*column b"):
        points(pl.DataFrame({"a": [1.0, 2, 3], "b": [1.0, None, 3]}))


@pytest.mark.parametrize("library", [pd, pl])
def test_a_parquet_file_is_read_with_names_dates_and_missing_cells(library):
    when = [datetime.datetime(2024, 1, 2, 9, 30, second) for second in (0, 1, 3)]
    frame = library.DataFrame({"time": when, "x": [1.0, None, 2.0]})
    frame.to_parquet("a.parquet") if library is pd else frame.write_parquet("a.parquet")
    with pytest.raises(rn.InputError, match="missing cells .* column x"):
        path_files.read_path("a.parquet")
    found = path_files.read_path("a.parquet", None, Reading(missing="interpolate"))
    np.testing.assert_array_equal(found.times, [0, 1, 3])
    np.testing.assert_allclose(found.values[:, 0], [1, 4 / 3, 2], rtol=4e-16)  # on the line in time, not in rows


def test_parquet_without_its_package_names_the_command(monkeypatch):
    Path("a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    result = CliRunner().invoke(cli.app, ["variation", "a.parquet"])
    assert result.exit_code == 2 and "pip install 'roughntk[parquet]'" in result.stderr


def test_records_are_read():
    records = [{"t": 0, "x": 1}, {"t": 1, "x": None}, {"t": 4, "x": 3}]
    for text in (
        json.dumps(records),
        "\n".join(map(json.dumps, records)),
        json.dumps({"t": [0, 1, 4], "x": [1, None, 3]}),
    ):
        found = read(text, "a.json", missing="interpolate")
        np.testing.assert_array_equal(found.values[:, 0], [1, 1.5, 3])
        np.testing.assert_array_equal(found.times, [0, 1, 4])
    refused("got 1 in row 1", "[[1, 2], [3]]", "a.json")
    refused("to be JSON", "{bad", "a.json")
    refused("give it columns of its own", '[{"x": [1, 2]}]', "a.json")
    refused("records in a.json", "3", "a.json")


@pytest.fixture(scope="module")
def framed():
    """A study of a frame whose columns have names that Western encodings lack."""
    settings = {"points": POINTS, "test_points": TEST_POINTS, "depths": f"1:{LAST_DEPTH}"}  # nothing new to compile
    frame = next(frames())[0].rename(columns={"a": "温度", "b": "δ", "c": "é"})
    return rn.study.run(frame, target="kind", out=None, **settings)


def test_a_study_of_a_frame_names_its_columns_in_the_report(framed):
    assert framed.data.features == ("温度", "δ", "é") and framed.data.classes == ("u", "v", "w")
    from roughntk.study.pipeline import as_json
    from roughntk.study.report import render

    record = as_json(framed, "")
    assert record["data"]["features"] == ["温度", "δ", "é"] and record["data"]["target"] == "kind"
    page = render(framed, [])
    assert "3 features: 温度, δ, é." in page and "3 classes (u, v, w), one-hot" in page


@pytest.mark.parametrize(("encoding", "named"), [("cp1252", "features: ??, ?, é."), ("ascii", "features: ??, ?, e.")])
def test_a_study_of_columns_with_foreign_names_is_printed_in_any_encoding(monkeypatch, framed, encoding, named):
    """The whole command, its report included, but for the numbers and figures, which are no matter of encodings."""
    room = importlib.import_module("roughntk.study.pipeline")
    monkeypatch.setattr(room, "_checked", lambda data, config: framed.data)
    monkeypatch.setattr(room, "_compute", lambda *given: framed)
    monkeypatch.setattr(room.figures, "draw_all", lambda study, folder: [])
    printed, said = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", printed)
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(sys, "argv", ["roughntk", "study", "温度.csv"])
    assert cli.run(["study", "温度.csv", "--out", "report"]) == 0
    text = printed.buffer.getvalue().decode(encoding)
    assert named in text and text.splitlines()[-1].startswith("Report: report/report.html (")
    assert all(f"\n{number:2d} " in text for number in range(1, 13))
    assert "温度" in Path("report/report.html").read_text(encoding="utf-8")


# Points


def test_missing_rows_are_left_out_and_keep_the_numbers_of_the_others():
    lines = [",".join(map(repr, row)) for row in ROWS.tolist()]
    lines[2], lines[5] = "1,,2", "NA,1,2"
    Path("a.csv").write_text("\n".join(lines))
    with pytest.raises(rn.InputError, match="line 3, column 2; line 6, column 1: .*--missing drop$"):
        points("a.csv")
    data = points("a.csv", points=8, test_points=2, reading=Reading(missing="drop"))
    assert sorted(data.rows) == [0, 1, 3, 4, 6, 7, 8, 9, 10, 11]
    assert any("2 rows of a.csv with missing cells are left out: lines 3 and 6" in each for each in data.notes)
    with pytest.raises(rn.InputError, match="error or drop for points"):
        points("a.csv", reading=Reading(missing="interpolate"))


def test_scales_that_differ_are_pointed_out_and_standardised():
    table = pd.DataFrame(ROWS * [1.0, 5e4, 1.0] + [0, 0, 7], columns=["age", "income", "height"])
    said = " ".join(points(table).notes)
    assert "Scales differ: income" in said and "--standardise" in said
    data = points(table, points=9, standardise=True, projection="stereographic")
    train = table.to_numpy()[data.rows[:9]]
    scaled = (table.to_numpy()[data.rows] - train.mean(0)) / train.std(0)
    np.testing.assert_allclose(data.X, rn.sphere.lift(scaled[:9]), rtol=1e-12, atol=1e-13)  # means of nine, eps each
    np.testing.assert_allclose(data.x, rn.sphere.lift(scaled[9:]), rtol=1e-12, atol=1e-13)
    assert "Scales differ" not in " ".join(data.notes) and "standardised" in " ".join(data.notes)
    assert not any("Scales" in each for each in points(table / [1.0, 5e4, 1.0]).notes)
    table["one"] = 1.0
    assert "1 constant on the training points left out (one)" in " ".join(points(table, standardise=True).notes)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"target": "kind"}, "--target, --task, --drop, --missing and the like with a file only, got wine"),
        ({"reading": Reading(missing="drop")}, "with a file only"),
    ],
)
def test_options_of_files_are_refused_with_built_in_data(settings, match):
    with pytest.raises(rn.InputError, match=match):
        points("wine", **settings)


# Batches, and code of one's own


@pytest.mark.parametrize("log", [False, True])
def test_an_array_of_three_axes_is_a_batch_of_paths(log):
    batch = np.random.default_rng(2).standard_normal((3, 6, 2)).cumsum(1)
    np.save("a.npy", batch)
    np.savez("b.npz", values=batch, times=np.arange(6.0) ** 2)
    table = signatures.signature_table(path_files.read_paths("a.npy"), 2, log=log)
    for i in range(3):
        one = rough.log_signature(batch[i], 2) if log else rough.signature(batch[i], 2)
        np.testing.assert_allclose(table.values[i], one, rtol=1e-13, atol=1e-14)  # sums in another order
    result = CliRunner().invoke(cli.app, ["signature", "b.npz", "--out", "s.npy", *(["--log"] if log else [])])
    assert result.exit_code == 0 and "3 paths, b.npz[0] to b.npz[2]" in result.stdout
    np.testing.assert_array_equal(np.load("s.npy"), table.values)
    result = CliRunner().invoke(cli.app, ["variation", "a.npy", "--p", "1"])
    for each in batch:
        assert f"p-variation {rough.p_variation(each, 1.0):.12g}" in result.stdout
    with pytest.raises(rn.InputError, match="got a batch of 3"):
        path_files.read_path("a.npy")


@pytest.mark.parametrize("line", ["exit()", "raise SystemExit(0)", "import sys; sys.exit(3)", "1/0"])
def test_code_of_ones_own_that_exits_is_an_error(line):
    Path("phi.py").write_text(line + "\n")
    result = CliRunner().invoke(cli.app, ["classify", "activation-ntk", "--set", "phi=phi.py:f"])
    assert result.exit_code == 2 and "expected a function as FILE.py:NAME" in result.stderr, result.output


def test_reading_imports_no_optional_package():
    assert tables.Reading().missing == "error" and "pyarrow" not in tables.__dict__
