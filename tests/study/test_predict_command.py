"""`roughntk predict`: predictions are those of the estimators; bad input is refused and nothing is written."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from routes import is_drawn
from typer.testing import CliRunner

import roughntk as rn
from roughntk.cli import app
from roughntk.commands.answers.predictions import DEPTHS, HEADING
from roughntk.study import depths

ROWS = np.random.default_rng(0).normal(size=(14, 3)).round(3)
PRICES = (ROWS[:, 0] + ROWS[:, 1] ** 2).round(3)
KINDS = np.where(ROWS[:, 0] > 0, "up", "down")


def call(*arguments):
    return CliRunner().invoke(app, ["predict", *map(str, arguments)], env={"COLUMNS": "200"})


def document(*arguments):
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def table(name, columns, names):
    lines = [",".join(names), *(",".join(map(str, row)) for row in zip(*columns, strict=True))]
    Path(name).write_text("\n".join(lines) + "\n")
    return name


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """A table with a number to predict, and one with a class; each cut into training and test points, too."""
    monkeypatch.chdir(tmp_path)
    table("price.csv", [*ROWS.T, PRICES], ["a", "b", "c", "price"])
    table("train.csv", [*ROWS[:10].T, PRICES[:10]], ["a", "b", "c", "price"])
    table("test.csv", [PRICES[10:], *ROWS[10:, ::-1].T], ["price", "c", "b", "a"])
    table("kind.csv", [KINDS, *ROWS.T], ["kind", "a", "b", "c"])


def refused(*arguments):
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    result = call(*arguments)
    assert result.exit_code == 2 and result.stdout == "" and "Traceback" not in result.output, result.output
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before
    return " ".join(result.stderr.split())


def test_devices_give_the_same_predictions():
    options = ("price.csv", "--target", "price", "--depth", "5", "--ridge", "0.01")
    on_host, on_device = document(*options), document(*options, "--devices", "1")
    for name in ("values", "deviations"):
        assert np.abs(np.subtract(on_host[name], on_device[name])).max() < 1e-11
    assert on_device["leave_one_out_error"] == [None]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--devices some", "expected --devices to be a number or all, got 'some'"),
        ("--devices 9", "expected at most 1 devices"),
        ("--devices 1 --time 3", "expected no devices with solver='cholesky' or a finite time"),
        ("--process 0", "expected --coordinator, the address of process 0, with --process, got none"),
        ("--coordinator here", "expected --coordinator to be HOST:PORT or auto, got 'here'"),
        ("--coordinator here:99999 --processes 2", "expected --coordinator to be HOST:PORT or auto"),
        ("--coordinator localhost:9999 --processes 2", "expected --process with --coordinator localhost:9999"),
        ("--coordinator localhost:9999 --processes 2 --process 2", "expected --process from 0 to 1, got 2"),
        ("--coordinator auto --process 1", "expected no --process with --coordinator auto"),
    ],
)
def test_bad_devices_and_processes_are_refused(options, message):
    assert message in refused("price.csv", "--target", "price", "--depth", "5", *options.split())


def test_numbers_are_predicted_as_the_regressor_predicts_them():
    found = document("train.csv", "--target", "price", "--test", "test.csv", "--depth", "2,5.5", "--ridge", "0.01")
    order = found["training_rows"]
    for depth, values, deviations, error, left_out in zip(
        (2, 5.5), found["predictions"], found["deviations"], found["error"], found["leave_one_out_error"], strict=True
    ):
        model = rn.DeepKernelRegressor("relu-ntk", depth, ridge=0.01).fit(ROWS[order], PRICES[order])
        mean, deviation = model.predict(ROWS[10:], return_std=True)  # the columns of the file are found by their names
        np.testing.assert_allclose(values, mean, rtol=1e-12)
        np.testing.assert_allclose(deviations, deviation, rtol=1e-9)
        assert error == pytest.approx(np.sqrt(np.mean((mean - PRICES[10:]) ** 2)), rel=1e-12)
        assert left_out == pytest.approx(np.sqrt(np.mean(model.fitted_.leave_one_out() ** 2)), rel=1e-12)
    assert found["targets"] == PRICES[10:].tolist() and found["task"] == "regression"
    assert found["baseline"] == pytest.approx(np.sqrt(np.mean((PRICES[10:] - PRICES[:10].mean()) ** 2)), rel=1e-12)
    assert found["best_depth"] == found["depths"][int(np.argmin(found["leave_one_out_error"]))]


def test_classes_are_classified_and_said():
    result = call("kind.csv", "--target", "kind", "--depth", "3,inf", "--test-points", 5, "--out", "predictions.csv")
    assert result.exit_code == 0, result.output
    assert "The target is kind: 2 classes (down, up)" in result.stdout and "3 features: a, b, c." in result.stdout
    header, *lines = csv.reader(Path("predictions.csv").read_text().splitlines())
    assert header == [*HEADING, "output down", "output up"] and len(lines) == 10
    assert [line[1] for line in lines] == ["3"] * 5 + ["inf"] * 5
    train = np.setdiff1d(np.arange(14), [int(line[0]) for line in lines])
    model = rn.DeepKernelClassifier("relu-ntk", 3).fit(ROWS[train], KINDS[train])
    assert [line[3] for line in lines[:5]] == model.predict(ROWS[[int(line[0]) for line in lines[:5]]]).tolist()
    assert [line[2] for line in lines] == [KINDS[int(line[0])] for line in lines]
    right = sum(line[2] == line[3] for line in lines[:5])
    assert f"{right} of 5 test points get the right class" in result.stdout or "At depth inf" in result.stdout
    most = max(("down", "up"), key=lambda kind: int((KINDS[train] == kind).sum()))
    assert {line[3] for line in lines[5:]} == {most}, "infinite depth is the majority vote"
    assert call("kind.csv", "--target", "kind", "--depth", 2, "--out", "predictions.csv").exit_code == 0


def test_a_digit_is_a_class_and_no_number():
    found = document("digits", "--points", 12, "--test-points", 3, "--depth", "2")
    assert found["task"] == "classification" and found["data"]["classes"] == [str(digit) for digit in range(10)]
    assert {*found["predictions"][0], *found["targets"]} <= set(found["data"]["classes"])
    assert np.shape(found["values"]) == (1, 3, 10)


def test_whole_numbers_are_classes_unless_they_are_said_to_be_numbers():
    table("stars.csv", [*ROWS.T, np.arange(14) % 3], ["a", "b", "c", "stars"])
    options = ("stars.csv", "--target", "stars", "--points", 8, "--test-points", 2, "--depth", 2)
    classified, regressed = document(*options), document(*options, "--task", "regression")
    assert (classified["task"], regressed["task"]) == ("classification", "regression")
    assert any("--task regression" in note for note in classified["data"]["notes"])
    assert np.shape(classified["values"]) == (1, 2, 3) and np.shape(regressed["values"]) == (1, 2)


def test_without_targets_of_the_test_points_there_are_predictions_and_no_errors():
    table("new.csv", ROWS[10:].T, ["a", "b", "c"])
    with_targets = document("train.csv", "--target", "price", "--test", "test.csv", "--depth", 3)
    without = document("train.csv", "--target", "price", "--test", "new.csv", "--depth", 3)
    assert without["predictions"] == with_targets["predictions"]
    assert without["error"] == [None] and without["targets"] is None and without["baseline"] is None
    result = call("train.csv", "--target", "price", "--test", "new.csv", "--depth", 3, "--figure", "new.svg")
    assert result.exit_code == 0 and "RMSE" not in result.stdout
    assert "test points, in order of their predictions" in Path("new.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["price", "kind"])
def test_a_picture_is_drawn(name):
    result = call(f"{name}.csv", "--target", name, "--depth", "2:3,inf", "--figure", "depths.png", "--quiet")
    assert result.exit_code == 0 and is_drawn(Path("depths.png")), result.output
    assert "features" not in result.stdout and "depth" in result.stdout and result.stderr == ""


def test_a_training_time_is_that_of_predict():
    found = document("train.csv", "--target", "price", "--test", "test.csv", "--depth", 3, "--time", 2, "--ridge", 0)
    order, radius = found["training_rows"], found["data"]["radius"]
    X, x = rn.sphere.lift(ROWS[order] / radius), rn.sphere.lift(ROWS[10:] / radius)
    expected = rn.predict("relu-ntk", X, PRICES[order], x, depth=3, time=2.0)
    np.testing.assert_allclose(found["predictions"][0], expected, rtol=1e-10)
    assert found["leave_one_out_error"] == [None]


def test_many_points_are_not_left_out_one_by_one(monkeypatch):
    monkeypatch.setattr("roughntk.regression.fitted.MOST_FACTORED", 8)
    result = call("price.csv", "--target", "price", "--test-points", 4, "--depth", "3,20")
    assert result.exit_code == 0, result.output
    text = " ".join(result.stdout.split())
    assert "by conjugate gradients" in text and "leave-one-out" not in text and "nan" not in text
    assert "which has the least error on these same test points" in text


def test_depths_that_a_family_lacks_are_left_out_where_none_were_asked_for():
    options = ("price.csv", "--target", "price", "--family", "residual-relu-ntk", "--test-points", 2)
    found = document(*options)
    known = {*found["depths"], *(each["depth"] for each in found["refused"])}
    assert {math.inf if depth == "inf" else depth for depth in known} == set(depths.depths_of(DEPTHS))
    asked = ("erf-ntk", "2.5")
    assert "whole depth" in refused("price.csv", "--target", "price", "--family", asked[0], "--depth", asked[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("3", (3,)), ("1:3", (1, 2, 3)), ("2.5:4", (2.5, 3.5)), ("5, 2,5,inf", (5, 2, math.inf)), ("4:4", (4,))],
)
def test_depths_are_numbers_ranges_and_infinity(text, expected):
    assert depths.depths_of(text) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--depth", "0.5"), "depths of at least 1, or inf, got 0.5"),
        (("--depth", "nan"), "depths of at least 1"),
        (("--depth", "1:"), "FIRST:LAST"),
        (("--depth", "5:2"), "swap them"),
        (("--depth", "1:2000"), "at most 1,000 depths"),
        (("--time", "-1"), "training time"),
        (("--time", "nan"), "training time"),
        (("--ridge", "-1e-9"), "--ridge"),
        (("--ridge", "nan"), "--ridge"),
        (("--points", "1"), "points"),
        (("--points", "14"), "lower --points"),
        (("--test-points", "0"), "test points"),
        (("--test", "test.csv", "--test-points", "2"), "leave one out"),
        (("--test", "absent.csv"), "absent.csv"),
        (("--target", "prize"), "--target to name a column of price.csv (a, b, c, price"),
        (("--drop", "price"), "different columns"),
        (("--out", "out.txt"), "end in .csv"),
        (("--out", "price.csv"), "which is read"),
        (("--out", "kind.csv"), "earlier predictions"),
        (("--figure", "out.jpg"), "end in .png"),
        (("--task", "guess"), "task"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(options, message):
    assert message in refused("price.csv", *(() if "--target" in options else ("--target", "price")), *options)


def test_a_target_must_be_named_and_no_label_becomes_a_feature_by_silence():
    table("labelled.csv", [*ROWS.T, np.arange(14) % 2], ["a", "b", "c", "label"])
    message = refused("labelled.csv")
    assert "expected --target to name the column of labelled.csv to predict" in message
    assert "label looks like a label" in message and "--target label" in message
    assert "label looks like a label" in call("labelled.csv", "--target", "a", "--depth", 2).stdout
    assert "random points" in refused("sphere")


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([2.5] * 14, "expected targets that vary in y over the 12 training points of y.csv, got 2.5 in every row"),
        (["up"] * 14, "expected at least two classes in y among the 12 training points of y.csv, got one class, 'up'"),
        ([*PRICES[:13], "nan"], "missing cells"),
        ([*PRICES[:13], "inf"], "finite targets"),
        ([f"name {k}" for k in range(14)], "another text in each of its 14 rows"),
    ],
)
def test_targets_that_cannot_be_learnt_are_refused(column, message):
    table("y.csv", [*ROWS.T, column], ["a", "b", "c", "y"])
    assert message in refused("y.csv", "--target", "y", "--out", "out.csv")


@pytest.mark.parametrize(
    ("names", "columns", "message"),
    [
        (["a", "b"], ROWS[:4, :2].T, "got none named c (its columns: a, b)"),
        (["a", "b", "d"], ROWS[:4].T, "got none named c (its columns: a, b, d)"),
        (["a", "b", "c", "id"], [*ROWS[:4].T, [1, 2, 3, 4]], "got id; take it out of the file"),
        (["a", "b", "c"], [*ROWS[:4, :2].T, ["x", "y", "x", "y"]], "text in column c ('x' in"),
        (["a", "b", "c", "price"], [*ROWS[:4].T, ["x", "y", "x", "y"]], "numbers as targets of a regression"),
    ],
)
def test_test_points_with_other_columns_are_refused(names, columns, message):
    table("other.csv", columns, names)
    options = ("train.csv", "--target", "price", "--test", "other.csv")
    assert message in refused(*options, "--out", "out.csv")


def test_columns_without_names_are_counted():
    np.savetxt("train.txt", np.column_stack([ROWS, PRICES])[:10], delimiter=",")
    np.savetxt("test.txt", np.column_stack([ROWS, PRICES])[10:], delimiter=",")
    np.savetxt("features.txt", ROWS[10:], delimiter=",")
    np.savetxt("wide.txt", np.zeros((3, 6)), delimiter=",")
    options = ("train.txt", "--target", "4", "--depth", 3, "--test")
    named = document("train.csv", "--target", "price", "--depth", 3, "--test", "test.csv")
    assert document(*options, "test.txt")["predictions"] == named["predictions"]
    assert document(*options, "features.txt")["predictions"] == named["predictions"]
    assert "expected the 3 columns of the training points in wide.txt, or 4 with the target, got 6" in refused(
        *options, "wide.txt"
    )


def test_classes_that_the_training_points_lack_are_refused():
    table("other.csv", [["up", "sideways", "down"], *ROWS[:3].T], ["kind", "a", "b", "c"])
    message = refused("kind.csv", "--target", "kind", "--test", "other.csv")
    assert "classes of the training points (down, up)" in message and "'sideways'" in message


def test_categorical_features_are_named_with_what_to_do():
    table("mixed.csv", [KINDS, *ROWS.T, PRICES], ["kind", "a", "b", "c", "price"])
    assert "--drop kind" in refused("mixed.csv", "--target", "price")
    assert call("mixed.csv", "--target", "price", "--drop", "kind", "--depth", 2).exit_code == 0
