"""Simulated networks beside infinite width: what `roughntk finite` says, against other routes to its numbers."""

import json
import math

import jax
import laws_of_pages as laws
import numpy as np
import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk.cli import app
from roughntk.maps import relu_flow
from roughntk.study.simulation import figures, pipeline
from roughntk.study.width import width_for, width_paragraph, widths

SMALL = {"width": 16, "depth": 3, "samples": 64, "trained": 2, "time": 1.0, "points": 4, "test_points": 3}


@pytest.fixture(scope="module")
def result():
    with jax.numpy_dtype_promotion("standard"):  # of optax
        return rn.study.simulate("wine", standardise=True, out=None, **SMALL)


def test_kernels_are_those_of_networks_with_these_points(result):
    seen, X = result.simulated, result.data.X
    drawn = rn.networks.sample_tangent_kernel(X, 2, 16, jax.random.key(0), 64, weights="all")
    i, j = seen.pair
    np.testing.assert_allclose(seen.correlations, drawn.correlation[:, i, j], rtol=1e-12)
    np.testing.assert_allclose(seen.tangents, drawn.ratio[:, i, j], rtol=1e-12)
    angles = np.asarray(rn.sphere.angles(X))
    above = np.sort(angles[np.triu_indices(4, 1)])
    assert seen.angle == above[3] == angles[i, j]
    alpha = np.asarray(relu_flow.abel(np.arccos(seen.correlations))) - float(relu_flow.abel(seen.angle))
    np.testing.assert_allclose(seen.depths, 1 + alpha, rtol=1e-9)
    # the infinitely wide network at such a depth has that angle
    k = int(np.argmax(seen.depths > 1.5))
    there = float(rn.kernels.ReluNNGP().at_angle(seen.angle, float(seen.depths[k])))
    assert there == pytest.approx(seen.correlations[k], abs=1e-10)
    assert seen.tangent == pytest.approx(float(rn.kernels.ReluNTK().at_angle(seen.angle, 3)), rel=1e-13)


def test_the_hidden_weights_of_a_very_wide_network_have_its_limit(result):
    wide = rn.networks.sample_tangent_kernel(result.data.X, 2, 4000, jax.random.key(1), 32)
    i, j = result.simulated.pair
    ratios = wide.ratio[:, i, j]
    assert abs(ratios.mean() - result.hidden_tangent) < 6 * ratios.std(ddof=1) / math.sqrt(32) + 1e-3


def test_trained_networks_stand_beside_the_ensemble(result):
    runs, data = result.trained, result.data
    scale = np.sqrt(np.mean(data.y**2, axis=0))
    there = scale > 0
    expected = rn.predict(rn.kernels.ReluNTK(), data.X, data.y[:, there], data.x, depth=3, time=1.0)
    np.testing.assert_allclose(runs.mean[:, there], expected, rtol=1e-9, atol=1e-12)
    assert not runs.outputs[..., ~there].any() and (runs.outputs[..., there] != 0).all()
    start = rn.regression.ensemble(rn.kernels.ReluNTK(), data.X, data.y[:, 0], data.x, depth=3, time=1.0).deviation
    np.testing.assert_allclose(runs.deviation, np.outer(start, scale), rtol=1e-12)
    error = np.sqrt(np.mean((runs.outputs[0] - data.wanted) ** 2))
    assert runs.errors[0][0] == pytest.approx(error) and runs.losses[1] < runs.losses[0]
    assert len(runs.off) == there.sum() * 3


def test_a_result_shows_itself(result):
    assert repr(result).startswith("<Simulation: 64 networks of width 16 and depth 3 (2 hidden layers)")
    assert "<table" in result._repr_html_() and result.to_dataframe().shape == (64, 6)
    assert result.plot().get_xlabel().startswith("depth")
    moment = rn.networks.tangent_moments(2, 16).ratio
    assert f"{math.sqrt(moment - 1):.1%}" in result.answer() and f"{moment:.6g} exactly" in str(result.table())


def test_the_command_writes_a_report(tmp_path):
    out = tmp_path / "report"
    words = ["finite", "wine"]
    for name in ("width", "depth", "samples", "points", "test_points"):  # those of `result`, which are compiled
        words += [f"--{name.replace('_', '-')}", str(SMALL[name])]
    run = CliRunner().invoke(app, [*words, "--trained", "0", "--out", str(out), "--quiet"])
    assert run.exit_code == 0, run.output
    record = json.loads((out / "finite.json").read_text())
    assert len(record["networks"]["real_depths"]) == 64 and record["trained"] is None
    page = (out / "report.html").read_text()
    assert "Does infinite width describe these networks?" in page and page.count("<svg") == 2
    assert (out / "tables" / "networks.csv").read_text().count("\n") == 65
    again = CliRunner().invoke(app, [*words, "--trained", "0", "--out", str(out), "--json"])
    assert json.loads(again.stdout)["networks"] == record["networks"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 5}, "width of at least 6, 2 more than the 4 training points, got 5; widen"),
        ({"depth": 1}, "depth"),
        ({"trained": 1}, "at least 2 trained networks, whose mean has an error, or 0, got 1"),
        ({"time": 0.0}, "time"),
        ({"time": math.inf}, "time"),
        ({"samples": 1}, "samples"),
        ({"depth": 1700}, "at most 100 hidden layers for each unit of width, got depth 1,700 and width 16"),
        ({"height": 3}, "height"),
    ],
)
def test_bad_settings_are_refused(change, message):
    with pytest.raises(rn.InputError, match=message):
        rn.study.simulate("wine", out=None, **SMALL | change)


@pytest.mark.parametrize("depth", [2, 7, 1000])
def test_the_width_that_is_needed_is_the_least_one(depth):
    width = width_for(depth, 0.1)
    assert rn.networks.tangent_moments(depth - 1, width).ratio <= 1.01 + 1e-14
    assert rn.networks.tangent_moments(depth - 1, width - 1).ratio > 1.01


def test_a_study_says_how_wide_a_network_must_be():
    X = np.array([[1.0, 0.0], [0.0, 1.0]])
    records = widths(rn.kernels.ReluNTK(), X, [1, 2, 2.5, 8, 30, math.inf])
    assert [record["depth"] for record in records] == [2, 8, 30]
    text = width_paragraph(records)
    assert "widths 500, 2,599 and 10,698 on, at depths 2, 8, 30" in text
    low, _, high = records[-1]["depth_of_networks"]
    assert low < 28 and high > 32 and f"{low:.3g} to {high:.3g} deep" in text
    law = rn.networks.effective_depth(29, 10698, angle=math.pi / 2)
    assert (low, high) == (law.quantile(0.05), law.quantile(0.95))
    assert "deep" not in width_paragraph(widths(rn.kernels.ReluNTK(), X[:1], [2])).partition("layers.")[2]
    assert widths(rn.kernels.ErfNTK(), X, [2, 5]) == [] and width_paragraph([]) is None


def test_trained_networks_have_a_roughness_over_depth():
    network = rn.networks.FiniteNetwork(9, 8)
    X, y, x = (rn.sphere.uniform(count, 3, seed) for seed, count in enumerate((4, 4, 1)))
    trained = rn.networks.train(network, X, y[:, 0], x, jax.random.key(0), time=0.2, keep_parameters=True)
    layers = [np.asarray(each.hidden[0]) for each in (trained.parameters, trained.start)]
    found = rn.networks.weight_roughness(list(layers[0]), initial=list(layers[1]))
    steps = np.linalg.norm(np.diff(layers[0], axis=0), axis=(1, 2))
    assert found.weights.mean_jump == pytest.approx(steps.mean(), rel=1e-12)


def test_the_page_keeps_the_laws_of_pages(result, tmp_path, visit, axe_if_there):
    page = tmp_path / "report.html"
    page.write_text(pipeline.render(result, figures.draw_all(result, tmp_path / "figures")), encoding="utf-8")
    visit.open(page)
    assert laws.violations(visit, axe_if_there) == [] == laws.tab_reaches_everything(visit)
