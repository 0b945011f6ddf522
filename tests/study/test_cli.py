"""The command line: what it writes and prints, and that bad input ends with one message and exit code 2."""

import errno
import importlib
import importlib.metadata
import json
import math
import os
import re
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest
from routes import POINTS, TEST_POINTS, plain_kernels
from typer.testing import CliRunner

import roughntk as rn
from roughntk.cli import app
from roughntk.commands.answers import installation
from roughntk.files import manifest
from roughntk.maps.recursion import sigmoid_fixed_point
from roughntk.regression import IndefiniteKernelWarning
from roughntk.study.figures.paper import LAWS, curves, points

run_room = importlib.import_module("roughntk.study.pipeline")

EPS = np.finfo(np.float64).eps
ROWS = np.random.default_rng(0).standard_normal((9, 3))


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """An empty working folder below `tmp_path`."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def no_work(monkeypatch):
    """Bad input must be found before the work: whatever gets as far as the kernels fails the test."""

    def reached(*arguments, keeper):
        raise AssertionError("the study went ahead")

    monkeypatch.setattr(run_room.closed_form, "kernels_at_depths", reached)


def snapshot(folder):
    return sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*") if not path.is_dir()) + sorted(
        str(path) for path in folder.rglob("*")
    )


def assert_refused(here, match, *arguments):
    """Exit code 2, one message that names the thing, no traceback, nothing written."""
    before = snapshot(here.parent)
    result = call(*arguments)
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert re.search(match, result.stderr), result.stderr
    assert result.stderr.count("Error") == 1 and "Traceback" not in result.stderr
    assert snapshot(here.parent) == before


# Bad input


def save(name, array):
    np.save(name, array)
    return name


def text(name, content):
    Path(name).write_text(content)
    return name


# Of six rows, five are for training: the bad rows 1 and 5 among them.
SEED = next(seed for seed in range(20) if np.random.default_rng(seed).permutation(6)[5] not in (1, 5))

BAD_DATA = {
    "a NaN entry": (lambda: save("a.npy", np.where(ROWS.max() == ROWS, np.nan, ROWS)), r"NaN\) in a.npy\[\d, \d\]"),
    "an infinite entry": (lambda: save("a.npy", np.where(ROWS.max() == ROWS, np.inf, ROWS)), r"inf in a.npy\[\d, \d\]"),
    "a wrong rank": (lambda: save("a.npy", ROWS[0]), r"shape \(3,\)"),
    "a cell that is no number": (lambda: text("a.csv", "1,2\n3,x\n"), "'x' in line 2, column 2"),
    "a ragged table": (lambda: text("a.csv", "1,2\n3\n"), "line 2"),
    "an empty table": (lambda: text("a.csv", ""), "rows of numbers in a.csv"),
    "equal rows": (lambda: save("a.npy", np.vstack([ROWS[:5], ROWS[1]])), "rows 1 and 5 .*--drop-duplicates"),
    "collinear rows": (lambda: save("a.npy", np.vstack([ROWS[:5], 2 * ROWS[1]])), "rows 1 and 5 .*stereographic"),
    "a zero row": (lambda: save("a.npy", np.vstack([ROWS[:5], 0 * ROWS[1]])), "zeros in row 5"),
    "a missing file": (lambda: "missing.npy", "missing.npy, which does not exist"),
    "a folder": (lambda: "..", r"\.\., which is a folder"),
    "another kind of file": (lambda: text("a.doc", "1 2"), "got a.doc; rename it or convert it"),
    "a damaged archive": (lambda: text("a.npz", "PK\x03\x04 damaged"), "a.npz to hold a plain numeric array"),
    "an unknown name": (lambda: "digit", "did you mean 'digits'"),
    "markup in a name": (lambda: "[red]x[/red]", r"\[red\]x\[/red\]"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_is_refused(here, no_work, name):
    make, match = BAD_DATA[name]
    assert_refused(
        here, match, "study", make(), "--points", 5, "--test-points", 1, "--seed", SEED, "--out", "a/b/report"
    )


@pytest.mark.parametrize(
    ("option", "value", "match"),
    [
        ("--projection", "none", "rows .* off the sphere .*--projection canonical"),
        ("--projection", "stereo", "did you mean 'stereographic'"),
        ("--family", "relu_ntk", "did you mean 'relu-ntk'"),
        ("--family", "sigmod", "did you mean 'sigmoid'"),
        ("--family", "", "relu-ntk, relu-nngp, sigmoid, .*got ''"),
        ("--depths", "0:5", "depths of at least 1, got 0"),
        ("--depths", "-3:5", "depths of at least 1, got -3"),
        ("--depths", "5:2", "at least two depths from 2 on, got 5:2"),
        ("--depths", "1:1", "at least two depths from 2 on, got 1:1"),
        ("--depths", "1:2", "at least two depths from 2 on, got 1:2"),
        ("--depths", "abc", "FIRST:LAST, with commas, got 'abc'; write for instance 2.5:4, 2,5,10,100 or 1:30"),
        ("--depths", "1:3.x", "FIRST:LAST"),
        ("--depths", "2:inf", "FIRST:LAST"),
        ("--depths", "1:999999999999", "TiB.*last of --depths"),
        ("--p", "0.5", "p from 1 to below 4 in a study, .* got 0.5"),
        ("--p", "nan", "p from 1 to below 4 in a study, .* got nan"),
        ("--p", "inf", "p from 1 to below 4 in a study, .* got inf"),
        ("--p", "4.5", "p from 1 to below 4"),
        ("--p", "two", "'--p'"),
        ("--points", "1000", "at most 178 points.*lower --points"),
        ("--points", "0", "points from 1"),
        ("--points", "-4", "points from 1"),
        ("--points", "1.5", "'--points'"),
        ("--points", "9" * 30, "points from 1"),
        ("--test-points", "0", "test points from 1"),
        ("--seed", "-1", "seed at least 0, got -1"),
        ("--samples", "1", "samples from 3 to 2000, got 1"),
        ("--signature-channels", "0", "signature channels from 1 to 40"),
        ("--dim", "3", "only for sphere and cube, got --dim 3 with wine"),
        ("--nonsense", "3", "No such option: --nonsense"),
        ("--out", "", "empty name"),
        ("--out", ".", "working folder"),
        ("--out", "..", "working folder"),
        ("--out", "/", "working folder"),
        ("--out", "taken", "taken to be a folder or not to exist"),
        ("--out", "taken/report", "can be written"),
        ("--out", "full", "other files, which would be lost"),
        ("--out", "x" * 300, "can be written.*choose another --out"),
    ],
)
def test_bad_options_are_refused(here, no_work, option, value, match):
    Path("taken").write_text("mine")
    Path("full").mkdir()
    Path("full/thesis.tex").write_text("mine")
    out = () if option == "--out" else ("--out", "a/b/report")
    assert_refused(here, match, "study", "wine", option, value, *out)


def test_a_job_that_does_not_fit_in_memory_is_refused_with_what_to_lower(here, monkeypatch):
    def too_large(*arguments, keeper):
        raise MemoryError("Unable to allocate 72.8 TiB")

    monkeypatch.setattr(run_room.closed_form, "kernels_at_depths", too_large)
    assert_refused(here, "72.8 TiB.*lower --points", "study", "wine", "--out", "a/b/report")


def test_a_disk_that_fills_up_is_named(here, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(run_room, "_compute", full)
    assert_refused(here, "No space left", "study", "wine", "--out", "a/b/report")


def test_an_error_of_our_own_is_not_passed_off_as_bad_input(here, monkeypatch):
    def broken(*arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(run_room, "_compute", broken)
    result = call("study", "wine", "--out", "a/b/report")
    assert isinstance(result.exception, ZeroDivisionError)
    assert list(here.iterdir()) == []


def test_a_study_in_32_bit_is_refused(here, no_work):
    jax.config.update("jax_enable_x64", False)
    try:
        assert_refused(here, "64-bit mode.*ROUGHNTK_ENABLE_X64", "study", "wine", "--out", "report")
    finally:
        jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize(
    ("option", "value", "match"),
    [
        ("--points", "1", "points from 2 to 100, got 1"),
        ("--depths", "1", "depths from 2 to 1000, got 1"),
        ("--depths", "1:30", "'--depths'"),
        ("--seed", "-1", "seed at least 0"),
        ("--out", ".", "working folder"),
    ],
)
def test_bad_options_of_figure1_are_refused(here, option, value, match):
    out = () if option == "--out" else ("--out", "a/b/figure1")
    assert_refused(here, match, "figure1", option, value, *out)


def test_the_module_itself_refuses_bad_input_without_a_traceback(tmp_path):
    """A process of its own: the exit code and streams that a shell sees."""
    result = subprocess.run(
        [sys.executable, "-m", "roughntk.cli", "study", "wine", "--family", "relu", "--out", str(tmp_path / "report")],
        capture_output=True, text=True, cwd=tmp_path, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(rn.__file__).parent.parent), "PYTHONWARNINGS": "error"},
    )  # fmt: skip
    assert result.returncode == 2 and result.stdout == ""
    names = ", ".join(rn.kernels.FAMILIES)
    expected = f"Error: expected family to be one of {names}, got 'relu'; did you mean 'relu-ntk'?"
    assert result.stderr.strip() == expected
    assert list(tmp_path.iterdir()) == []


# What works


def test_the_version_is_printed():
    result = call("--version")
    assert (result.exit_code, result.stdout) == (0, rn.__version__ + "\n")


def test_help_names_every_command():
    result = call("--help")
    assert result.exit_code == 0
    assert all(command in result.stdout for command in ("study", "figure1", "signature", "variation", "doctor"))


def test_study_prints_its_lines_and_where_the_report_is(here, monkeypatch, written):
    """The same study as the shared one, so that nothing is compiled again; its figures are drawn there."""
    monkeypatch.setattr(run_room.figures, "draw_all", lambda study, folder: [])
    monkeypatch.setattr(sys, "argv", ["roughntk", "study", "digits", "--out", "my [report]"])
    out = "my [report]"
    result = call(
        "study", "digits", "--points", POINTS, "--test-points", TEST_POINTS, "--depths", "1:7", "--out", out
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[:12] == [f"{number:2d} {line}" for number, line in enumerate(written.study.summary, 1)]
    assert len(lines) == 13 and lines[12].startswith("Report: my [report]/report.html (")
    assert [line for line in result.stderr.splitlines() if "at work for" not in line] == [
        "closed form: 7 done", "transport: 24 done", "drivers: 6 done", "signatures: 6 done", "p-variation: 6 done",
        "infinite depth: 41 done", "prediction: 7 done", "report: 1 done",
    ]  # fmt: skip
    record = json.loads((here / out / "study.json").read_text())
    assert record["command"] == "roughntk study digits --out 'my [report]'"
    assert record["coefficients"] == written.record["coefficients"]
    assert [path.name for path in here.iterdir()] == [out]


def test_doctor_finds_everything_in_order_and_lists_the_backends():
    result = call("doctor")
    assert result.exit_code == 0, result.output
    lines = dict(re.findall(r"^(?:ok|absent) +(.+?)  +(.+)$", result.stdout, re.MULTILINE))
    assert lines["roughntk"] == rn.__version__ and lines["numpy"] == np.__version__ and lines["64-bit mode"] == "on"
    for backend in ("jax", "esig", "iisignature", "roughpy", "pysiglib"):
        present = backend in rn.rough.available_backends()
        detail = lines[f"signatures: {backend}"]
        assert ("self-test error" in detail) == present
        assert ("install" in detail) == (not present)


def test_doctor_lists_the_version_of_every_package_that_is_needed():
    project = tomllib.loads((Path(rn.__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.match(r"[\w-]+", each)[0] for each in project["dependencies"]}
    assert {"pandas", "narwhals", "jax"} <= needed
    found = {check.name: check.detail for check in installation.examine()}
    assert {name: found.get(name) for name in needed} == {name: importlib.metadata.version(name) for name in needed}


def test_doctor_reports_a_backend_that_is_absent_or_wrong(monkeypatch):
    monkeypatch.setattr(installation.rough, "available_backends", lambda: ("jax",))
    states = {check.name: check for check in installation.examine()}
    assert states["signatures: esig"].state == "absent" and "install" in states["signatures: esig"].detail
    assert call("doctor").exit_code == 0
    monkeypatch.setattr(installation, "EXPECTED_SIGNATURE", (7.0, 5.0, 24.5, 19.0, 16.0, 12.0))
    result = call("doctor")
    assert result.exit_code == 1 and "self-test error 5.0e-01" in result.stdout


def test_figure1_draws_the_points_of_a_file_and_leaves_gaps_where_they_are_too_many_for_a_depth(here):
    table = np.column_stack([np.random.default_rng(0).normal(size=(8, 3)).round(3), np.arange(8)])
    np.savetxt("data.csv", table, delimiter=",", header="a,b,c,y", comments="")
    options = ("--target", "y", "--points", 5, "--depths", 3, "--out", "fig")
    result = call("figure1", "data.csv", *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == "fig/figure1_data.png" and "3 features: a, b, c." in result.stdout
    svg = (here / "fig" / "figure1_data.svg").read_text(encoding="utf-8")
    assert "data.csv, canonical projection; 5 training points" in svg and "depth 1: " in svg
    assert_refused(here, "expected data with --target, got none", "figure1", *options)
    assert_refused(here, "column of data.csv", "figure1", "data.csv", "--target", "z", "--out", "fig")


def test_figure1_draws_both_laws(here):
    result = call("figure1", "--points", 3, "--depths", 3, "--out", "fig")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [f"fig/figure1_{law}.png" for law in LAWS]
    names = {f"figure1_{law}.{kind}" for law in LAWS for kind in ("png", "svg")}
    assert {path.name for path in (here / "fig").iterdir()} == names | {"figure1.json", manifest.NAME}
    for law in LAWS:
        assert (here / "fig" / f"figure1_{law}.png").read_bytes().startswith(b"\x89PNG")
        svg = (here / "fig" / f"figure1_{law}.svg").read_text(encoding="utf-8")
        assert "limit 0.25" in svg and "limit 0.3418" in svg and "limit 1<" in svg
    assert json.loads((here / "fig" / "figure1.json").read_text()) == {"seed": 0, "n": 3, "depths": 3}


# The numbers of Figure 1


@pytest.mark.parametrize("law", LAWS)
def test_the_points_of_figure1_follow_their_law(law):
    X, x = points(law, 20, 0)
    assert X.shape == (20, 128) and x.shape == (1, 128)
    rho = X @ x.T
    # U([0,1]): rho is about (1/4)/(1/3) = 3/4; U([-1,1]): about 0; the spread of one is 0.05 and 0.09.
    assert abs(rho.mean() - (0.75 if law == "cube" else 0.0)) < 0.1


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("family", ["relu-ntk", "relu-nngp", "sigmoid"])
def test_the_curves_of_figure1_agree_with_plain_inversion_at_depth_5(law, family):
    X, x = points(law, 5, 0)
    within, across, u = curves(family, X, x, 5)
    K, B = plain_kernels(family, X, x, 5)
    np.testing.assert_allclose(within[4], K, rtol=0, atol=200 * EPS)
    np.testing.assert_allclose(across[4], B, rtol=0, atol=200 * EPS)
    # Inversion of a matrix known to 20 eps; its condition number is up to 4e3 here.
    np.testing.assert_allclose(u[4], np.linalg.solve(K, B), rtol=0, atol=20 * EPS * np.linalg.cond(K))


@pytest.mark.parametrize("law", LAWS)
def test_the_sigmoid_curves_of_figure1_reach_their_limits(law):
    """lambda^29 = 1e-16; plain inversion has no correct digit there, the bordered system has them all."""
    X, x = points(law, 5, 0)
    within, _, u = curves("sigmoid", X, x, 30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IndefiniteKernelWarning)
        at_infinity = rn.coefficients(rn.kernels.SigmoidComposition(), X, x, depth=math.inf)
    np.testing.assert_allclose(u[29], at_infinity, rtol=0, atol=1e-10)
    assert np.abs(u[9] - at_infinity).max() > 1e-10
    assert np.ptp(at_infinity) > 0.01  # a limit that depends on the data
    assert at_infinity.sum() == pytest.approx(1, abs=1e-12)
    # K(x, x) tends to c like all entries: the family is not normalised.
    np.testing.assert_allclose(within[29], np.full((5, 5), sigmoid_fixed_point()[0]), rtol=0, atol=4 * EPS)
