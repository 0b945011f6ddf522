"""`roughntk classify` and the phase diagram."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from routes import is_drawn
from typer.testing import CliRunner

import roughntk as rn
from roughntk.cli import app
from roughntk.commands.answers import classifications, phases

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import make_families


def call(*arguments):
    return CliRunner().invoke(app, ["classify", *map(str, arguments)], env={"COLUMNS": "200"})


def test_one_family_prints_its_classification_and_criteria():
    result = call("biased-relu-ntk", "--set", "weight_variance=2", "--set", "bias=0.5", "--criteria")
    assert result.exit_code == 0, result.output
    for words in (
        "weight_variance = 2",
        "bias = 0.5",
        "critical",
        "4/7",
        "4/(4n + 3) each",
        "beta = lim L",
        "summable",
        "Coefficients have a limit: yes: coefficients to depth",
    ):
        assert words in result.stdout, words


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("relu-ntkk",), "did you mean 'relu-ntk'"),
        (("erf-ntk", "--set", "weight_varianc=2"), "did you mean 'weight_variance'"),
        (("erf-ntk", "--set", "weight_variance"), "NAME=VALUE"),
        (("erf-ntk", "--set", "weight_variance=two"), "expected a number"),
        (("erf-ntk", "--set", "weight_variance=-1"), "above 0"),
        (("relu-ntk", "--set", "slope=1"), "no parameters"),
        (("all", "--set", "slope=0"), "name one family"),
    ],
)
def test_bad_settings_end_with_one_message(arguments, match):
    result = call(*arguments)
    assert result.exit_code == 2 and match in result.stderr and result.stdout == ""


def test_all_means_every_family_with_its_phases():
    members = classifications.members("all")
    assert {member.name for member in members} == set(rn.kernels.FAMILIES)
    assert len(members) > len(rn.kernels.FAMILIES)


@pytest.fixture(scope="module")
def diagram(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phase") / "out"
    return phases.phase_diagram(folder, points=9), folder


def test_diagram_is_written_and_its_line_is_where_the_family_is_critical(diagram):
    found, folder = diagram
    assert is_drawn(folder / "phase_diagram.png") and (folder / "phase_diagram.svg").exists()
    record = json.loads((folder / "phase.json").read_text())
    np.testing.assert_array_equal(record["multiplier"], found.multiplier)
    for noise, weight in zip(found.bias_variance[::4], found.critical_line[::4], strict=True):
        # linear interpolation of chi between grid points 0.375 apart: 0.01 was seen
        assert weight == pytest.approx(float(rn.kernels.ErfNTK.critical(noise).weight_variance), abs=0.03)


def test_multiplier_decides_the_fixed_point_and_the_ratio_at_depth_100(diagram):
    found, _ = diagram
    ordered, chaotic = found.multiplier < 0.95, found.multiplier > 1.05
    assert ordered.any() and chaotic.any()
    np.testing.assert_allclose(found.fixed_point[ordered], 1, rtol=0, atol=1e-12)
    assert (found.fixed_point[chaotic] < 0.97).all()
    assert (found.ratio[ordered] > 0.8).all() and (found.ratio[chaotic] < 0.05).all()


def test_condition_numbers_grow_settle_or_tend_to_one(diagram):
    rows = {(each.family, each.phase): each for each in diagram[0].rows}
    assert rows["erf-ntk", "ordered"].condition_numbers[-1] == np.inf
    critical = rows["erf-ntk", "critical"]
    # 1 + n/2 = 6 at ratio 1/3; log L / L = 0.7 % is left at depth 1000
    assert critical.condition_limit == pytest.approx(6, abs=1e-6)
    assert critical.condition_numbers[-1] == pytest.approx(6, rel=0.01)
    nngp = rows["erf-nngp", "critical"].condition_numbers
    assert nngp[2] / nngp[1] == pytest.approx(10, rel=0.15)  # grows like L
    assert rows["erf-ntk", "chaotic"].condition_numbers[-1] == pytest.approx(1, abs=1e-12)


def test_committed_phase_table_is_what_is_measured_now(diagram):
    headings, *rows = make_families.rows_of(make_families.committed("phases"))
    assert headings == tuple(phases.HEADINGS)
    tolerances = [make_families.phase_tolerances()] * len(rows)
    assert make_families.differences(rows, phases.cells(diagram[0]), tolerances) == []


def test_command_writes_the_diagram(tmp_path, monkeypatch, diagram):
    monkeypatch.setattr(phases, "measure", lambda points: diagram[0])
    result = call("--phase-diagram", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Figure:" in result.stdout and (tmp_path / "out" / "phase_diagram.png").exists()
    assert "chaotic" in (tmp_path / "out" / "phase.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("points", [4, 2.5, 1000])
def test_bad_grids_are_refused(points, tmp_path):
    with pytest.raises(rn.InputError, match="points"):
        phases.phase_diagram(tmp_path / "out", points=points)
    assert not (tmp_path / "out").exists()
