"""`roughntk limit` and the study's section on infinite depth."""

import json
from pathlib import Path

import numpy as np
import pytest
from routes import is_drawn
from typer.testing import CliRunner

import roughntk as rn
from roughntk.cli import app
from roughntk.commands.answers.limits import at_depth
from roughntk.study.analysis.deep import DEEPEST, TOLERANCES
from roughntk.study.data import load


def call(*arguments):
    return CliRunner().invoke(app, ["limit", *map(str, arguments)])


def test_limit_prints_coefficients_predictions_and_the_depth_needed(tmp_path):
    out = tmp_path / "u.csv"
    result = call("wine", "--points", 6, "--test-points", 2, "--depth", 7.5, "--tolerance", 0.05, "--out", out)
    assert result.exit_code == 0
    data = load("wine", points=6, test_points=2, seed=0)
    family = rn.kernels.ReluNTK()
    u = rn.coefficients(family, data.X, data.x, depth=7.5)
    needed = rn.depth_needed(family, data.X, data.x, 0.05)
    assert f"From depth {needed.whole_depth:,} on" in result.stdout.replace("\n", " ")
    found = at_depth(family, data, 7.5, 0.05)
    np.testing.assert_array_equal(found.u, u)
    np.testing.assert_array_equal(found.predictions, u.T @ data.y[:6])
    best = int(found.predictions[0].argmax())
    assert f"{data.classes[best]} ({found.predictions[0, best]:.4g})" in result.stdout
    assert "The target is class: 3 classes (0, 1, 2), one-hot" in result.stdout
    header, *lines = (line.split(",") for line in out.read_text().splitlines())
    assert header == ["training row", *(f"test row {row}" for row in data.rows[6:])]
    assert [int(line[0]) for line in lines] == list(data.rows[:6])
    np.testing.assert_array_equal(np.array([line[1:] for line in lines], dtype=float), u)  # all digits


def test_prediction_at_infinite_depth_is_the_number_of_training_points_of_each_class_over_n_plus_3():
    data = load("digits", points=8, test_points=3, seed=1)
    found = at_depth(rn.kernels.ReluNTK(), data, "inf", 0.1)
    np.testing.assert_allclose(found.predictions, np.tile(data.y[:8].sum(axis=0) / 11, (3, 1)), rtol=1e-13)
    counts = {name: int(number) for name, number in zip(data.classes, data.y[:8].sum(axis=0), strict=True)}
    most = max(counts, key=lambda name: counts[name])  # the first of equals
    assert [row[1] for row in found.rows] == [f"{most} ({counts[most] / 11:.4g})"] * 3
    assert data.target == "class" and all(row[2] in data.classes for row in found.rows)


def test_data_without_targets_has_no_predictions():
    data = load("sphere", points=4, test_points=1, seed=0)
    found = at_depth(rn.kernels.ReluNNGP(), data, 3, 0.1)
    assert found.predictions is None
    assert "relu-ntk only" in found.answer


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--depth", "0.5"), "at least 1"),
        (("--depth", "deep"), "at least 1, or inf"),
        (("--depth", "nan"), "at least 1"),
        (("--tolerance", "0"), "tolerance above 0"),
        (("--tolerance", "1e-20"), "cannot resolve"),
        (("--family", "erf-ntk", "--depth", "2.5"), "whole depth"),
        (("--depth", "1", "--points", "90"), "positive definite"),
        (("--out", "u.txt"), "end in .csv, .npy"),
    ],
)
def test_bad_input_gives_one_message_and_exit_code_2(arguments, message):
    result = call("digits", *(() if "--points" in arguments else ("--points", 4)), "--test-points", 1, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.output


def test_study_ends_with_infinite_depth(written):
    deep = written.record["deep"]
    assert deep["depths"][0] == pytest.approx(2) and deep["depths"][-1] == pytest.approx(DEEPEST)
    assert [row["tolerance"] for row in deep["needed"]] == list(TOLERANCES)
    study = written.study
    depth = deep["depths"][20]
    u = rn.coefficients(rn.kernels.ReluNTK(), study.data.X, study.data.x, depth=depth)
    np.testing.assert_allclose(deep["coefficients"][20], u[:, 0], atol=1e-12)
    assert deep["distance"][20] == pytest.approx(np.abs(u - 1 / (len(study.data.X) + 3)).max(), rel=1e-9)
    assert is_drawn(written.folder / "figures" / "infinite_depth.png")
    assert "As depth grows to infinity" in (written.folder / "report.html").read_text()
    assert json.dumps(deep)


def test_study_carries_the_equation_to_infinity(written):
    carried = written.record["deep"]["transport"]
    assert carried["depths"][-1] is None and len(carried["depths"]) == len(carried["errors"])
    assert max(carried["errors"]) < 1e-9 and carried["residual"] < 1e-9
    assert len(carried["proven"]) == len(carried["errors"]) and max(carried["proven"]) < 1e-9
    assert all(error <= most * (1 + 1e-14) for error, most in zip(carried["errors"], carried["proven"], strict=True))
    assert "proven: at most" in (written.folder / "report.html").read_text(encoding="utf-8")
    assert carried["steps"] > 5 and 0.1 < carried["one_variation"] < 100
    assert "carried from depth 2 to infinity" in (written.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["1e400", "1e-400"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("limit", "sphere", "--points", "3", "--depth"), ("limit", "sphere", "--points", "3", "--tolerance"),
        ("study", "sphere", "--p"), ("variation", "path.csv", "--p"),
        ("classify", "erf-ntk", "--set", "bias_variance="),
        ("variation", *["path.csv"] * 3, "--against", "path.csv", "--scale", "1,2,"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_numbers_that_float64_cannot_hold_are_refused_by_every_option(arguments, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("path.csv").write_text("t,x\n0,1\n1,2\n2,4\n")
    words = [*arguments[:-1], arguments[-1] + text] if arguments[-1][-1] in "=," else [*arguments, text]
    result = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    assert result.exit_code == 2 and "within float64" in result.stderr and text in result.stderr, result.output
    assert result.stdout == ""


def test_infinity_is_a_depth_where_it_is_written_so():
    said = [
        CliRunner().invoke(app, ["limit", "sphere", "--points", "3", "--depth", each]) for each in ("inf", "Infinity")
    ]
    assert [each.exit_code for each in said] == [0, 0] and said[0].stdout == said[1].stdout
