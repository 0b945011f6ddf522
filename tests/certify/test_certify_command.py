"""`roughntk certify`: what it prints is what the package proves, and what it refuses."""

import builtins
import json
import sys
from fractions import Fraction

import numpy as np
import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk.certify.sigmoid import sigmoid_fixed_point, sigmoid_iterate
from roughntk.cli import app
from roughntk.commands import certify
from roughntk.commands.answers import certificates
from roughntk.study.data import load


def call(*arguments):
    return CliRunner().invoke(app, ["certify", *map(str, arguments)])


def document(*arguments):
    result = call(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("kernel", "--rho", "0.5", "--depth", 1000), lambda: rn.certify.kernel("0.5", 1000)),
        (("kernel", "--rho", "-0.9", "--depth", "2.5"), lambda: rn.certify.kernel("-0.9", "2.5")),
        (("theta", "--rho", "1/3", "--depth", 7, "--digits", 40), lambda: rn.certify.angle("1/3", 7, digits=40)),
        (("correlation", "--rho", "0", "--depth", 3), lambda: rn.certify.correlation(0, 3)),
        (("kernel", "--family", "relu-nngp", "--rho", "0", "--depth", 3), lambda: rn.certify.correlation(0, 3)),
        (("kernel", "--family", "sigmoid", "--rho", "0.1", "--depth", 4), lambda: sigmoid_iterate("0.1", 4)),
    ],
)
def test_a_value_is_printed_with_the_digits_that_are_proven(arguments, expected):
    enclosure = expected()
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    first, second = result.stdout.strip().splitlines()
    assert first.endswith(f": {enclosure.text}")
    assert "Every digit is proven" in second and f"{enclosure.bits} bits" in second
    assert call(*arguments, "--quiet").stdout.strip() == first
    record = document(*arguments)
    assert record["value"] == enclosure.text and record["bits"] == enclosure.bits
    assert Fraction(record["lower"]) <= enclosure.lower and enclosure.upper <= Fraction(record["upper"])
    assert Fraction(record["upper"]) - Fraction(record["lower"]) < Fraction(1, 10**15)


def test_a_correlation_is_the_number_that_is_written():
    """One tenth is no binary number: its K_2 differs from that of the float 0.1 in the 17th decimal."""
    written = document("kernel", "--rho", "0.1", "--depth", 2, "--digits", 25)["value"]
    assert written == rn.certify.kernel(Fraction(1, 10), 2, digits=25).text
    assert written != rn.certify.kernel(0.1, 2, digits=25).text


@pytest.mark.parametrize("projection", ["canonical", "stereographic", "none"])
def test_coefficients_are_those_of_the_rows_that_were_chosen(projection):
    name = "sphere" if projection == "none" else "wine"
    options = ("--points", 4, "--test-points", 2, "--projection", projection)
    record = document("coefficients", name, *options, "--depth", 5, "--digits", 12)
    data = load(name, points=4, test_points=2, seed=0, projection=projection)
    u = rn.coefficients("relu-ntk", data.X, data.x, depth=5)
    # wine in one direction is ill conditioned: condition number 5e3 at depth 5
    np.testing.assert_allclose(np.array(record["coefficients"], dtype=float), u, rtol=0, atol=1e-10)
    assert record["training_rows"] == list(data.rows[:4]) and record["positive_definite"]
    lower, upper = np.array(record["lower"]), np.array(record["upper"])
    assert (lower <= upper).all() and (upper - lower < 1e-11).all()
    error = record["float64_error_bound"]
    assert np.maximum(np.abs(u - lower), np.abs(u - upper)).max() <= error + 1e-15 and error < 1e-10


def test_coefficients_are_a_table_with_what_proves_them():
    result = call("coefficients", "sphere", "--points", 3, "--test-points", 1, "--depth", "7/2")
    assert result.exit_code == 0, result.output
    data = load("sphere", points=3, test_points=1, seed=0)
    proven = rn.certify.coefficients(data.X, data.x, depth="7/2")
    for (text,) in proven.texts:
        assert f" {text} " in result.stdout
    assert "proven to be positive definite; its smallest eigenvalue is" in result.stdout
    assert "a proven bound" in result.stdout and "Data: sphere, 3 training points" in result.stdout
    quiet = call("coefficients", "sphere", "--points", 3, "--test-points", 1, "--depth", "7/2", "-q").stdout
    assert proven.texts[0][0] in quiet and "proven" not in quiet
    infinite = document("coefficients", "sphere", "--points", 3, "--test-points", 1, "--depth", "inf")
    assert {Fraction(text).limit_denominator(9) for (text,) in infinite["coefficients"]} == {Fraction(1, 6)}


def test_the_limit_of_the_sigmoid_composition_is_its_fixed_point():
    record = document("limit", "--family", "sigmoid", "--digits", 30)
    point = sigmoid_fixed_point(digits=30)
    assert record["fixed_point"]["value"] == point.value.text and record["unique"] is True
    assert record["multiplier"]["value"] == point.multiplier.text
    text = call("limit", "--family", "sigmoid", "--digits", 30).stdout
    assert point.value.text in text and point.multiplier.text in text and "Interval Newton" in text


def test_the_limit_comes_with_a_bound_that_holds_from_a_depth_on():
    record = document("limit", "--rho", "0.5", "--depth", 1000)
    assert record["limit"] == "1/4" and record["bound"] == rn.certify.limit_bound("0.5", 1000).value
    for depth in (1000, 1001, 5000, 10**6):
        for rho in ("0.5", "0", "-1"):
            assert abs(float(rn.certify.kernel(rho, depth)) - 0.25) <= record["bound"]
    text = call("limit", "--rho", "0.5", "--depth", 1000).stdout
    # the printed bound is rounded upwards
    printed = float(text.partition("|K_L - 1/4| <= ")[2].split()[0].rstrip("."))
    assert record["bound"] <= printed <= record["bound"] * 1.001
    assert call("limit").stdout.startswith("K_L tends to 1/4, exactly")


def test_the_limit_of_the_correlation_is_one_and_its_bound_that_of_opposite_inputs():
    record = document("limit", "--family", "relu-nngp", "--rho", "0.9", "--depth", "7/2")
    assert record["limit"] == "1"
    for rho in ("-1", "0", "0.9"):
        assert 1 - float(rn.certify.correlation(rho, "7/2")) <= record["bound"]
    assert record["bound"] < (1 - float(rn.certify.correlation(-1, "7/2"))) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("entropy",), "entropy"),
        (("kernel", "--depth", 3), "expected --rho with kernel, got none"),
        (("kernel", "--rho", 0.5), "expected --depth with kernel, got none"),
        (("kernel", "--rho", 1.5, "--depth", 3), "expected rho within [-1, 1]"),
        (("kernel", "--rho", "half", "--depth", 3), "got 'half'"),
        (("kernel", "--rho", 0.5, "--depth", 0.5), "expected a depth of at least 1, got '0.5'"),
        (("kernel", "--rho", 0.5, "--depth", 3, "--digits", 1001), "expected digits from 1 to 1000, got 1001"),
        (("kernel", "--rho", 0.5, "--depth", 3, "--digits", 0), "expected digits from 1 to 1000, got 0"),
        (("kernel", "wine", "--rho", 0.5, "--depth", 3), "expected DATA with coefficients only, got it with kernel"),
        (("theta", "--rho", 0.5, "--depth", 3, "--points", 9), "expected --points with coefficients only"),
        (("theta", "--rho", 0.5, "--depth", 3, "--decimal", ","), "expected --decimal with coefficients only"),
        (("kernel", "--family", "erf-ntk", "--rho", 0.5, "--depth", 3), "erf-ntk"),
        (("theta", "--family", "sigmoid", "--rho", 0.5, "--depth", 3), "family of theta"),
        (("kernel", "--family", "sigmoid", "--rho", 0.5, "--depth", 2.5), "expected a whole depth here, got '2.5'"),
        (("coefficients", "wine"), "expected --depth with coefficients, got none"),
        (("coefficients", "wine", "--rho", 0.5, "--depth", 3), "expected no --rho with coefficients"),
        (("coefficients", "sphere", "--dim", 3, "--points", 9, "--depth", 1), "9 rows of rank 3"),
        (("coefficients", "nothing.csv", "--depth", 3), "nothing.csv"),
        (("limit", "--depth", 5), "expected both --rho and --depth with limit, or neither"),
        (("limit", "--depth", 5, "--rho", 1), "expected rho below 1, got '1'"),
        (("limit", "--depth", 2.5, "--rho", 0), "expected a whole depth here, got '2.5'"),
        (("limit", "--family", "relu-nngp", "--depth", "inf", "--rho", 0), "expected a finite depth"),
        (("limit", "--family", "erf-ntk"), "erf-ntk"),
        (("limit", "--family", "sigmoid", "--rho", 0.5), "expected no --rho and no --depth"),
    ],
)
def test_bad_input_ends_with_one_message(arguments, message):
    result = call(*arguments)
    assert result.exit_code == 2
    lines = " ".join(result.stderr.split())
    assert "Error: expected" in lines and message in lines and "Traceback" not in lines


def test_without_python_flint_the_install_command_is_given(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.split(".")[0] == "flint":
            raise ImportError("No module named 'flint'")
        return real(name, *arguments, **options)

    for name in [each for each in sys.modules if each.split(".")[0] == "flint"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    for arguments in (
        ("kernel", "--rho", 0.5, "--depth", 3), ("coefficients", "sphere", "--points", 3, "--depth", 3),
        ("limit", "--family", "sigmoid"),
    ):  # fmt: skip
        result = call(*arguments)
        assert result.exit_code == 2 and "pip install 'roughntk[certify]'" in " ".join(result.stderr.split())


def test_the_names_in_the_help_are_those_of_the_answers():
    assert certify.QUANTITIES == certificates.QUANTITIES
    assert set(certify.FAMILIES) == {name for names in certificates.FAMILIES.values() for name in names}
    assert set(certificates.FAMILIES) == set(certificates.QUANTITIES)
