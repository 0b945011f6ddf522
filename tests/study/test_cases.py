"""Small files of every kind that people have: what each is read as, by the commands that read it."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from routes import is_drawn
from typer.testing import CliRunner

from roughntk import rough
from roughntk.cli import app
from roughntk.commands.answers.variations import as_path
from roughntk.files import paths as path_files
from roughntk.study.data import load

CASES = Path(__file__).parent / "cases"
ONE = ("--p", 1, "--norm", "l2")


def call(command, name, *arguments):
    return CliRunner().invoke(app, [command, str(CASES / name), *map(str, arguments)])


def said(command, name, *arguments):
    result = call(command, name, *arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def refused(match, command, name, *arguments):
    result = call(command, name, *arguments)
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stdout == "" and result.stderr.count("Error") == 1 and "Traceback" not in result.stderr
    assert re.search(match, result.stderr), result.stderr


def length(text):
    return float(re.search(r"p-variation (\S+):", text)[1])


def test_names_that_are_more_than_the_columns_are_refused():
    refused("names? in line 1 .*'x', 'y', 't'.* for 2 columns", "variation", "header_longer.csv")
    refused("got 3 names in line 1", "signature", "header_longer.csv")


def test_a_comment_holds_the_names():
    text = said("variation", "commented_header.csv", *ONE)
    assert length(text) == 5 and "2 channels (1 = a, 2 = b), times 0 to 2" in text
    assert (
        "the comment in line 1 holds the names" in text
        and "times of commented_header.csv are those of column t" in text
    )


def test_an_index_is_left_out_and_said_so():
    text = said("variation", "index_column.csv", *ONE)
    assert length(text) == 5 and "(1 = a, 2 = b), no times" in text
    assert "no name and counts the rows from 0: it is left out, as an index" in " ".join(text.split())


def test_a_first_line_of_years_is_asked_about():
    refused("2019, 2020 in line 1.*--header.*--no-header", "variation", "number_header.csv")
    assert "(1 = 2019, 2 = 2020)" in said("variation", "number_header.csv", "--header")
    assert length(said("variation", "number_header.csv", "--header", *ONE)) == 3
    text = said("variation", "number_header.csv", "--no-header", *ONE)
    assert length(text) == pytest.approx(np.hypot(2019, 2020) + 3, rel=1e-11) and "4 points" in text


@pytest.mark.parametrize(
    ("name", "where"), [("empty_row.csv", "line 3, columns x, y"), ("missing_first.csv", "line 1, columns 1, 2")]
)
def test_missing_cells_are_named_and_dropped_on_request(name, where):
    refused(f"missing cells .* in {where}: .*--missing drop.*--missing interpolate", "variation", name)
    text = said("variation", name, "--missing", "drop", *ONE)
    wanted = {"empty_row.csv": np.hypot(1, 2), "missing_first.csv": 3}[name]
    assert length(text) == pytest.approx(wanted, rel=1e-11) and f"left out: {where.split(',')[0]}" in text


def test_missing_cells_between_others_are_interpolated_in_time():
    text = said("variation", "empty_row.csv", "--missing", "interpolate", *ONE)
    assert length(text) == pytest.approx(np.hypot(1, 2), rel=1e-11)
    assert "3 points" in text and "2 missing cells of empty_row.csv: interpolated" in text
    refused("at both ends of column 1 .* in line 1", "variation", "missing_first.csv", "--missing", "interpolate")


def test_semicolons_and_decimal_commas_are_recognised_and_said():
    read = path_files.read_path(CASES / "semicolon_comma.csv")
    np.testing.assert_array_equal(read.values, [[0, 1.5, 0.25], [1, 2.0, 0.75], [2, 2.5, 0.25]])
    assert read.channels == ("Zeit", "Druck", "Fluss")
    text = said("variation", "semicolon_comma.csv", "--times", "Zeit", *ONE)
    assert "semicolons stand between the cells, the decimal mark is a comma" in text
    assert length(text) == pytest.approx(2 * np.hypot(0.5, 0.5), rel=1e-11)
    given = said("variation", "semicolon_comma.csv", "--times", 1, *ONE, "--delimiter", ";", "--decimal", ",")
    assert length(given) == length(text) and "semicolons" not in given


def test_tabs_are_read():
    text = said("variation", "tabs.tsv", *ONE)
    assert "(1 = p, 2 = q), times 0 to 2" in text and length(text) == pytest.approx(2**0.5, rel=1e-11)


@pytest.mark.parametrize(
    ("name", "times", "sentence"),
    [
        ("dates.csv", [0, 1, 3], "days from 2024-01-02, the first of column date"),
        ("timestamps.csv", [0, 1, 3], "seconds from 2024-01-02T09:30:00, the first of column timestamp"),
    ],
)
def test_dates_become_times_with_their_unit_and_uneven_steps(name, times, sentence):
    read = path_files.read_path(CASES / name)
    np.testing.assert_array_equal(read.times, times)
    text = said("variation", name)
    assert sentence in text and f"{read.values.shape[1]} channel" in text


def test_two_columns_of_times_are_asked_about():
    refused("two columns named t; .*--times 1.*--drop 3", "variation", "twice_t.csv")
    assert "1 channel (1 = x), times 0 to 2" in said("variation", "twice_t.csv", "--times", 1, "--drop", 3)
    assert "2 channels (1 = t, 2 = x), times 5 to 7" in said("variation", "twice_t.csv", "--times", 3)
    refused("the name of columns 1, 3; give its number", "variation", "twice_t.csv", "--times", "t")


def test_a_capital_t_is_a_temperature():
    assert "2 channels (1 = T, 2 = p), no times" in said("variation", "temperature.csv")
    assert "are those of column T" not in said("variation", "temperature.csv")


def test_times_out_of_order_are_shown_in_full():
    refused("got 1700000000 after 1700000060 in line 3; sort", "variation", "unsorted_seconds.csv")


def test_times_that_are_uniform_within_their_rounding_are_uniform():
    read = path_files.read_path(CASES / "kilohertz.csv")
    assert np.ptp(np.diff(read.times)) > 1e-8  # the rounding of times near 1.7e9 is seen in their steps
    found = rough.critical_p(as_path(read))
    expected = rough.critical_p(rough.PiecewiseLinear(read.values, np.arange(len(read.values)) * 1e-3))
    assert (found.p, found.standard_error) == (expected.p, expected.standard_error)
    assert f"Critical exponent: {expected}" in said("variation", "kilohertz.csv", "--critical")


def test_steps_that_differ_beyond_their_rounding_are_refused():
    times = 1.7e9 + 1e-3 * np.arange(300)
    times[150:] += 1e-5
    values = np.random.default_rng(0).standard_normal((300, 1)).cumsum(0)
    with pytest.raises(ValueError, match="equally spaced times"):
        rough.critical_p(rough.PiecewiseLinear(values, times))


def test_a_labelled_table_has_features_and_a_target():
    data = load(str(CASES / "labelled.csv"), points=8, test_points=3, seed=0, target="label")
    assert data.X.shape == (8, 6) and data.features == tuple(f"f{i}" for i in range(1, 7)) and data.target == "label"
    table = np.genfromtxt(CASES / "labelled.csv", delimiter=",", skip_header=1)
    np.testing.assert_array_equal(data.y, np.eye(3)[table[data.rows, 6].astype(int)])
    numbers = load(str(CASES / "labelled.csv"), points=8, test_points=3, seed=0, target="label", task="regression")
    np.testing.assert_array_equal(numbers.y, table[data.rows, 6])
    refused(
        "numbers as targets of a regression", "limit", "text_target.csv", "--target", "kind", "--task", "regression"
    )
    assert any("3 classes (0, 1, 2)" in sentence for sentence in data.notes)
    text = said("limit", "labelled.csv", "--target", "label", "--points", 8, "--test-points", 3)
    assert "6 features: f1, f2, f3, f4, f5, f6." in text and "3 classes (0, 1, 2)" in text
    assert "no targets" not in text


def test_a_column_that_looks_like_a_label_is_pointed_out():
    text = said("limit", "labelled.csv", "--points", 8, "--test-points", 3)
    assert "7 features" in text
    assert "label looks like a label (3 values: 0, 1, 2) and is used as a feature; --target label" in text
    data = load(str(CASES / "labelled.csv"), points=8, test_points=3, seed=0)
    assert data.X.shape == (8, 7) and data.target is None


def test_text_targets_are_classes():
    refused("text in column kind .*--target kind.*--drop kind", "limit", "text_target.csv", "--points", 8)
    name = str(CASES / "text_target.csv")
    data = load(name, points=20, test_points=4, seed=0, target="kind")
    assert data.classes == ("a", "b", "c") and data.y.shape == (24, 3) and data.X.shape[1] == 3
    kinds = [line.split(",")[3] for line in Path(name).read_text().splitlines()[1:]]
    assert [data.wanted(i) for i in range(24)] == [kinds[row] for row in data.rows]
    text = said("limit", "text_target.csv", "--target", "kind", "--points", 20, "--test-points", 4)
    assert "3 classes (a, b, c), one-hot; the prediction is the class whose sum is largest" in " ".join(text.split())
    without = load(name, points=20, test_points=4, seed=0, reading=path_files.Reading(drop=("kind",)))
    np.testing.assert_array_equal(without.X, data.X)
    assert without.y is None


def test_the_predicted_class_is_the_one_whose_sum_of_coefficients_is_largest():
    import roughntk as rn
    from roughntk.commands.answers.limits import at_depth

    data = load(str(CASES / "text_target.csv"), points=20, test_points=4, seed=0, target="kind")
    found = at_depth(rn.kernels.ReluNTK(), data, 2, 0.1)
    u = rn.coefficients(rn.kernels.ReluNTK(), data.X, data.x, depth=2)
    for k in range(4):
        sums = {kind: sum(u[i, k] for i in range(20) if data.wanted(i) == kind) for kind in "abc"}
        assert found.rows[k][1].split()[0] == max(sums, key=sums.get)
        assert found.rows[k][2] == data.wanted(20 + k)


def test_names_in_any_script_are_kept():
    read = path_files.read_path(CASES / "unicode_header.csv")
    assert read.channels == ("温度", "δ")


def test_a_figure_of_names_that_no_font_has_or_that_look_like_formulas(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(CASES / "unicode_header.csv", tmp_path / "a$b$.csv")
    Path("x.csv").write_text("$\\frac{1,b$_{2\n0,0\n1,0\n1,2\n")
    for name in ("a$b$.csv", "x.csv"):
        result = CliRunner().invoke(app, ["variation", name, "--figure", "f.png"])
        assert result.exit_code == 0, (result.output, result.exception)
        assert is_drawn(Path("f.png"))
