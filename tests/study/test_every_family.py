"""Studies and limits of any family with its parameters: the law that the report states, and `--set`."""

import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk.cli import app
from roughntk.study.analysis.laws import law
from roughntk.study.config import StudyConfig
from roughntk.study.data import load


@pytest.mark.parametrize(
    ("name", "parameters", "limit", "ratio", "slope"),
    [
        ("relu-ntk", {}, "1/4, for every pair", 0.25, None),
        ("leaky-relu-ntk", {"slope": 0.5}, "1/4, for every pair", 0.25, None),
        ("biased-relu-ntk", {"weight_variance": 2.0}, "4/7, for every pair", 4 / 7, -1.5),
        ("biased-relu-ntk", {"weight_variance": 3.0}, "1/4, for every pair", 0.25, None),
        ("biased-relu-nngp", {"weight_variance": 2.0}, "1, like a power", 1.0, -1.0),
        ("erf-ntk", {}, "1, geometrically", 1.0, 0.0),
        ("erf-ntk", {"weight_variance": 2.5}, "0, for every pair of distinct points, geometrically", 0.0, math.nan),
        ("erf-ntk", {"weight_variance": 0.5, "bias_variance": 0.0}, "not known here", None, math.nan),
        ("residual-relu-ntk", {"scaling": 0.5}, "1/4, for every pair", 0.25, None),
        ("residual-relu-nngp", {}, "depends on the angle", None, -2.0),
        ("composition", {"h": "exponential"}, "1, like a power", 1.0, -1.0),
        ("composition", {"h": "cubic"}, "0, for every pair of distinct points, geometrically", 0.0, math.nan),
        ("sigmoid", {}, "the fixed point c = 0.3418 of the map, geometrically", 1.0, 0.0),
    ],
)
def test_law_is_that_of_the_family_with_its_parameters(name, parameters, limit, ratio, slope):
    found = law(rn.kernels.family(name, **parameters))
    assert limit in found.limit and found.ratio == ratio
    L = np.array([1e3, 1e4])
    if slope is None:
        np.testing.assert_allclose(found.rate(L), np.log(L) / L**2)
    elif math.isnan(slope):
        assert found.rate is None
    else:
        measured = np.log(found.rate(L)[1] / found.rate(L)[0]) / np.log(10)
        assert measured == pytest.approx(slope, abs=1e-12)


def test_rates_of_the_drivers_are_those_that_the_law_states():
    """|K^{-1} (K_{L+1} - K_L)| at depths 2000 and 4000 on five points, against the rate of the law."""
    X = rn.sphere.uniform(5, 4, 0)
    theta = rn.sphere.angles(X)
    for name, parameters, left in (("biased-relu-ntk", {"weight_variance": 2.0}, 0.1), ("residual-relu-ntk", {}, 0.01)):
        family = rn.kernels.family(name, **parameters)
        sizes = []
        for depth in (2000, 4000):
            K, after = (np.asarray(family.at_angle(theta, level)) for level in (depth, depth + 1))
            sizes.append(np.abs(np.linalg.solve(K, after - K)).max())
        expected = law(family).rate(np.array([2000.0, 4000.0]))
        # the next term of an expansion in 1/sqrt(L), or in 1/L, is still there
        assert sizes[1] / sizes[0] == pytest.approx(expected[1] / expected[0], rel=left)


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def test_study_of_a_stable_residual_network_shows_a_limit_for_each_pair(tmp_path):
    out = tmp_path / "report"
    result = call(
        "study", "digits", "--points", 5, "--test-points", 2, "--depths", "2:4", "--family", "residual-relu-ntk",
        "--set", "time=0.5", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    record = json.loads((out / "study.json").read_text(encoding="utf-8"))
    assert record["settings"]["parameters"] == ["time=0.5"] and record["limits"]["kernel_entry"] is None
    data, family = load("digits", points=5, test_points=2, seed=0), rn.kernels.ResidualReluNTK(time=0.5)
    expected = np.linalg.solve(family(data.X, depth=math.inf), family(data.X, data.x, depth=math.inf))
    np.testing.assert_allclose(record["limits"]["coefficients"], expected, rtol=1e-9)
    assert "each has a limit of its own" in result.stdout
    assert "which depends on the angle only" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["study", "limit"])
@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--family", "erf-ntk", "--set", "weight_varianc=2"), "did you mean 'weight_variance'"),
        (("--family", "relu-ntk", "--set", "slope=1"), "no parameters"),
        (("--family", "tanh-ntk", "--set", "weight_variance=0"), "above 0"),
        (("--family", "activation-ntk", "--set", "nodes=1.5"), "a whole number"),
    ],
)
def test_bad_parameters_end_with_one_message(command, arguments, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(command, "digits", *arguments)
    assert result.exit_code == 2 and match in result.stderr and not list(tmp_path.iterdir())


def test_limit_that_does_not_exist_is_refused_and_finite_depths_are_not():
    arguments = ("digits", "--points", 4, "--test-points", 1, "--family", "erf-ntk", "--set", "weight_variance=0.5")
    refused = call("limit", *arguments, "--set", "bias_variance=0")
    assert refused.exit_code == 2 and "tends to 0" in refused.stderr
    found = call("limit", *arguments, "--set", "bias_variance=0", "--depth", 7)
    assert found.exit_code == 0 and "not known" in found.stdout


def test_parameters_are_part_of_the_settings_of_a_study():
    config = StudyConfig(family="erf-ntk", parameters=("weight_variance=2",))
    assert config.member().settings["weight_variance"] == 2.0
    with pytest.raises(rn.InputError, match="NAME=VALUE"):
        StudyConfig(family="erf-ntk", parameters=("weight_variance",))
