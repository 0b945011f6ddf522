"""Several families side by side: each study is that of `run`, and what is said of them follows from their numbers."""

import csv
import dataclasses
import importlib
import json
import math
import re
import tracemalloc
from html.parser import HTMLParser

import numpy as np
import pytest
from driver_routes import silent
from routes import LAST_DEPTH, POINTS, TEST_POINTS
from shown_results import check_shown
from typer.testing import CliRunner

import roughntk as rn
from roughntk.files import drawing, folders, manifest
from roughntk.study import capacity
from roughntk.study.analysis import prediction
from roughntk.study.comparison import page, pipeline, records, sentences
from roughntk.study.comparison.figure import MARKERS, families
from roughntk.study.comparison.result import Comparison, Member
from roughntk.study.data import load
from roughntk.study.depths import study_depths

run_room = importlib.import_module("roughntk.study.pipeline")
POWERS = rn.kernels.sequence(lambda c, depth: c**depth, name="powers <b>")
BROKEN = rn.kernels.sequence(lambda c, depth: c * np.nan if depth == 6 else c, name="broken")
SETTINGS = {"points": POINTS, "test_points": TEST_POINTS, "depths": f"1:{LAST_DEPTH}"}


@dataclasses.dataclass(frozen=True)
class Compared:
    comparison: Comparison
    folder: object
    stages: list
    times: int


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> Compared:
    """The shared study beside a family whose values are powers and one that fails; figures of members not drawn."""
    folder = tmp_path_factory.mktemp("comparison") / "report"
    stages, calls, rbf = [], [], prediction._rbf
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_room.figures, "draw_all", lambda study, folder: [])
        patch.setattr(prediction, "_rbf", lambda *given: calls.append(given) or rbf(*given))
        found = rn.study.compare(
            "digits", ("relu-ntk", POWERS, BROKEN), out=folder, command="made by a test",
            progress=lambda stage, done, total: stages.append(stage), **SETTINGS,
        )  # fmt: skip
    return Compared(found, folder, stages, len(calls))


def table(folder, name):
    with (folder / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_study_of_a_family_is_the_one_that_run_writes(compared, written):
    own = compared.folder / "relu-ntk"
    record = json.loads((own / "study.json").read_text())
    assert record.pop("timings").keys() == written.record["timings"].keys()
    assert record == {key: value for key, value in written.record.items() if key != "timings"}
    for path in (written.folder / "tables").iterdir():
        assert (own / "tables" / path.name).read_bytes() == path.read_bytes()
    assert compared.comparison["relu-ntk"].out == own and (own / "report.html").is_file()


def test_the_baselines_are_computed_once_and_progress_names_the_family(compared):
    assert compared.times == 1
    assert {"relu-ntk: transport", "powers <b>: report", "broken: closed form"} <= set(compared.stages)


def test_a_family_that_fails_is_left_out_and_the_page_says_why(compared):
    member = compared.comparison.members[2]
    assert member.study is None and "finite" in member.failure and "broken" in member.failure
    assert [study.config.family_name for study in compared.comparison.studies] == ["relu-ntk", "powers <b>"]
    assert not (compared.folder / "broken").exists()
    with pytest.raises(KeyError):
        compared.comparison["broken"]
    text = (compared.folder / "report.html").read_text(encoding="utf-8")
    assert "What could not be studied" in text and text.count("InputError: expected") >= 3
    assert any(line.startswith("broken could not be studied: InputError") for line in compared.comparison.summary)


def test_the_best_and_the_taken_are_those_of_the_table_of_depths(compared):
    rows = table(compared.folder, "depths")
    assert len(rows) == 2 * LAST_DEPTH
    best = max(rows, key=lambda row: (float(row["score"]), row["family"] == "relu-ntk", -float(row["depth"])))
    taken = min(rows, key=lambda row: (float(f"{float(row['leave_one_out']):.9g}"), row["family"] != "relu-ntk"))
    record = json.loads((compared.folder / "study.json").read_text())["prediction"]
    assert (record["best_family"], record["best_depth"]) == (best["family"], float(best["depth"]))
    assert (record["leave_one_out_family"], record["leave_one_out_depth"]) == (taken["family"], float(taken["depth"]))
    first, second = compared.comparison.summary[:2]
    assert f"accuracy {float(best['score']):.3f} by {best['family']} at depth {best['depth']}, the best of 2" in first
    assert f"leave-one-out takes {taken['family']} at depth {taken['depth']}: {float(taken['score']):.3f}." in second
    assert "RBF kernel, tuned by leave-one-out" in second and "majority vote" in second
    assert repr(compared.comparison).endswith(f", least error by {best['family']} at depth {best['depth']}>")


def test_a_family_is_behind_by_the_mean_of_the_paired_differences(compared):
    found = compared.comparison
    (_, first), (member, second) = found.ranked
    apart = second.at[second.best].losses - first.at[first.best].losses
    row = next(row for row in table(compared.folder, "comparison") if row["family"] == member.name)
    assert float(row["behind_best"]) == pytest.approx(apart.mean(), abs=1e-15)
    assert float(row["behind_best_error"]) == pytest.approx(apart.std() / math.sqrt(len(apart) - 1), rel=1e-12)
    assert float(row["best_score"]) == 1 - second.at[second.best].losses.mean()
    assert (
        f"{member.name} at depth {second.best:g}, has {1 - second.at[second.best].losses.mean():.3f}, "
        in (found.summary[0])
    )


def test_the_worst_transport_and_the_last_condition_number_are_in_the_table(compared, written):
    row = table(compared.folder, "comparison")[0]
    assert float(row["transport_error"]) == max(each["error"] for each in written.record["transport"])
    assert float(row["condition_number"]) == written.record["coefficients"][-1]["condition_number"]
    assert row["drivers"] == written.record["convergence"]["verdict"] and row["limit"].startswith("1/4, for every pair")


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.anchors, self.drawings = [], set(), []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.found += [given.get("href")] * (tag == "a")
        self.anchors.add(given.get("id"))
        self.drawings += [given.get("aria-label")] * (tag == "svg")


def test_the_page_answers_first_and_its_links_lead_to_the_reports(compared):
    text = (compared.folder / "report.html").read_text(encoding="utf-8")
    parser = Links()
    parser.feed(text)
    assert parser.drawings == ["The families against depth"]
    inner = {link[1:] for link in parser.found if link.startswith("#")}
    assert inner <= parser.anchors and len(inner) >= 5
    outer = [link for link in parser.found if not link.startswith("#")]
    assert outer == ["relu-ntk/report.html", "powers-b/report.html"]
    assert all((compared.folder / link).is_file() for link in outer)
    places = [text.index(each) for each in ("Prediction of", "<svg", "<table", "Condition number at depth")]
    assert places == sorted(places)
    assert "powers <b>" not in text and "powers &lt;b&gt;" in text
    rows = re.search(r"<tbody>(.*?)</tbody>", text, re.DOTALL)
    assert rows and rows[1].count("<tr>") == 3


def test_all_that_was_written_was_announced_and_a_users_file_in_it_is_kept(compared):
    announced = {*folders.comparison(["relu-ntk", "powers-b", "broken"]), manifest.NAME}
    found = {path.relative_to(compared.folder).as_posix() for path in compared.folder.rglob("*") if path.is_file()}
    assert found <= announced and {"figures/families.svg", "tables/comparison.csv"} <= found
    assert manifest.foreign(compared.folder, folders.MARK) == []
    mine = compared.folder / "relu-ntk" / "notes.txt"
    mine.write_text("mine")
    try:
        with pytest.raises(rn.InputError, match=r"relu-ntk/notes.txt"):
            rn.study.compare("digits", ("relu-ntk", "sigmoid"), out=compared.folder, **SETTINGS)
        assert mine.read_text() == "mine"
    finally:
        mine.unlink()


def test_what_is_kept_of_finished_studies_is_what_was_counted(compared):
    for study in compared.comparison.studies:
        assert sum(path.nbytes for path in study.drivers.paths.values()) == 0 and study.drivers.paths
        assert all(row["coefficients"] is None for row in study.transport)
        kernels = study.kernels
        assert "systems" not in vars(kernels)
        kept = kernels.within.nbytes + kernels.across.nbytes
        kept += sum(one.coefficients.nbytes + one.forward_error.nbytes for one in kernels.solved.values() if one)
        kept += sum(one.values.nbytes for one in kernels.deflated.values())
        assert kept <= 8 * capacity.KEPT * len(kernels.depths) * POINTS * (POINTS + TEST_POINTS)


def test_held_rows_and_finished_studies_are_in_the_count(monkeypatch):
    given = {}

    def stop(*arguments):
        given["check"] = arguments
        raise KeyboardInterrupt

    monkeypatch.setattr(capacity, "check_study", stop)
    with pytest.raises(KeyboardInterrupt):
        rn.study.compare("wine", ("relu-ntk", "sigmoid", "erf-ntk"), points=6, test_points=2, depths="1:4", out=None)
    assert given["check"][:2] == (6, 2) and given["check"][-2:] == (172, 2)
    plain, held, finished = (
        capacity.study_bytes(6, 2, study_depths("1:4"), 33, *more) for more in ((), (172,), (0, 2))
    )  # fmt: skip
    assert held - plain == 8 * capacity.HELD * 6 * 172
    assert finished - plain == 8 * capacity.KEPT * 2 * 4 * 6 * 8


def test_predictions_take_no_more_than_was_counted():
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(size=(1040, 3)), rng.normal(size=1040)])
    data = load(rows, points=40, test_points=1, seed=0, target="4")
    known = prediction.baselines(data)
    prediction.prediction(POWERS, data, [2], silent, known)
    tracemalloc.start()
    try:
        prediction.prediction(POWERS, data, [2], silent, known)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 8 * 40 * 1000 < peak < 8 * capacity.HELD * 40 * 1000


@pytest.fixture
def no_work(monkeypatch):
    def load(*arguments):
        raise AssertionError("data were loaded")

    monkeypatch.setattr(pipeline, "loaded", load)


@pytest.mark.parametrize(
    ("chosen", "settings", "match"),
    [
        (("relu-ntk",), {}, "two to 10 families side by side, got 1; study one family with roughntk.study.run"),
        ("relu-ntk,sigmoid", {}, r"got 'relu-ntk,sigmoid'; write for instance families=\("),
        (rn.kernels.ReluNTK(), {}, "expected two to 10 families"),
        (("relu-ntk",) * 11, {}, "got 11; compare fewer at a time"),
        (("relu-ntk", "sigmoid", "relu-ntk"), {}, "every family once, got relu-ntk 2 times"),
        (("relu-ntk", rn.kernels.ReluNTK()), {}, "every family once, got relu-ntk 2 times"),
        (("relu-ntk", "sigmod"), {}, "did you mean 'sigmoid'"),
        (("relu-ntk", ""), {}, "expected family to be one of relu-ntk"),
        (("relu-ntk", 3), {}, "expected a kernel family, got 3"),
        (("relu-ntk", rn.kernels.sequence(lambda c, d: c, name="Tables")), {}, "folders, got 'Tables' beside the rep"),
        (("relu-ntk", "sigmoid"), {"family": "erf-ntk"}, "no family beside families"),
        (("relu-ntk", "sigmoid"), {"point": 3}, "did you mean 'points'"),
        (("relu-ntk", "sigmoid"), {"depths": "5:2"}, "depths"),
        (
            ("erf-ntk", "erf-nngp", "relu-ntk"), {"parameters": ("weight_variance=2",)},
            "every family takes, got 'weight_variance', which relu-ntk does not take",
        ),
        (("erf-ntk", "erf-nngp"), {"parameters": ("weigh_variance=2",)}, "did you mean 'weight_variance'"),
    ],
)  # fmt: skip
def test_bad_families_are_refused_before_any_work(no_work, tmp_path, chosen, settings, match):
    with pytest.raises(rn.InputError, match=match):
        rn.study.compare("wine", chosen, out=tmp_path / "report", **settings)
    assert not list(tmp_path.iterdir())


def test_a_parameter_that_every_family_takes_reaches_all_of_them(monkeypatch):
    found = []

    def compared(source, configs, *more):
        found.extend(configs)

    monkeypatch.setattr(pipeline, "_compared", compared)
    rn.study.compare("wine", ("erf-ntk", "erf-nngp"), parameters=("weight_variance=2",), out=None)
    assert [float(config.member().weight_variance) for config in found] == [2.0, 2.0]


def test_several_families_in_one_study_are_refused_by_the_name_of_what_takes_them():
    with pytest.raises(rn.InputError, match=r"roughntk.study.compare takes several, families=\('relu-ntk', 'erf-ntk'"):
        rn.study.run("wine", family="relu-ntk, erf-ntk", out=None)


def test_where_every_family_fails_nothing_is_written(tmp_path):
    other = rn.kernels.sequence(lambda c, depth: c * np.inf if depth == 6 else c, name="other")
    with pytest.raises(rn.InputError, match=r"a family that can be studied, got none \(broken: .*; other: "):
        rn.study.compare("digits", (BROKEN, other), out=tmp_path / "a" / "report", **SETTINGS)
    assert not list(tmp_path.iterdir())


def test_the_command_hands_over_the_names_and_prints_the_answer(compared, monkeypatch, tmp_path):
    given = {}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pipeline, "compare", lambda **more: given.update(more) or compared.comparison)
    from roughntk.cli import app

    result = CliRunner().invoke(app, ["study", "digits", "--family", "relu-ntk, erf-ntk", "--set", "a=1"])
    assert result.exit_code == 0, result.output
    assert given["families"] == ["relu-ntk", " erf-ntk"] and given["parameters"] == ("a=1",) and "family" not in given
    assert result.stdout.splitlines()[0] == f" 1 {compared.comparison.summary[0]}"
    assert "study-report/report.html" in result.stdout
    document = json.loads(CliRunner().invoke(app, ["study", "--family", "a,b", "--json"]).stdout)
    assert [row["family"] for row in document["members"]] == ["relu-ntk", "powers <b>", "broken"]
    assert document["members"][2]["failure"] and document["members"][2]["folder"] is None


def test_a_comparison_shows_itself(compared):
    check_shown(compared.comparison)
    frame = compared.comparison.to_dataframe()
    rows = table(compared.folder, "depths")
    assert frame["family"].tolist() == [row["family"] for row in rows]
    assert frame["accuracy"].tolist() == [float(row["score"]) for row in rows]
    curve = compared.comparison.plot().lines[1]
    assert curve.get_label() == "relu-ntk" and curve.get_ydata().tolist() == frame["accuracy"].tolist()[:LAST_DEPTH]


def without_prediction(study):
    return dataclasses.replace(study, prediction=None, data=dataclasses.replace(study.data, y=None, held=None))


def test_without_a_target_the_answer_says_so_and_the_rest_is_there(compared):
    studies = [without_prediction(study) for study in compared.comparison.studies]
    found = Comparison(studies[0].data, [Member(study.config, study) for study in studies], None, {})
    lines = sentences.summary_lines(found)
    assert lines[0].startswith("No prediction: the data come without a target") and len(lines) == 5
    assert records.family_rows(found)[0]["best_depth"] is None and records.prediction_record(found) is None
    found.summary = lines
    assert "<svg" not in page.render(found, []) and repr(found) == "<Comparison: digits, relu-ntk, powers <b>>"
    assert len(found.to_dataframe()) == 0
    with pytest.raises(rn.InputError, match="a comparison with predictions"):
        found.plot()
    pipeline.as_json(found, None)


def test_of_families_with_equal_errors_the_first_is_taken(compared):
    study = compared.comparison["relu-ntk"]
    known = study.prediction
    closer = {depth: dataclasses.replace(one, left_out=one.left_out * (1 - 1e-13)) for depth, one in known.at.items()}
    second = dataclasses.replace(study, prediction=dataclasses.replace(known, at=closer))
    members = [Member(study.config, study), Member(study.config, second)]
    found = Comparison(study.data, members, compared.comparison.baselines, {})
    assert found.taken[0] is members[0] and found.ranked[0][0] is members[0]


def test_ten_families_are_told_apart_without_colour(compared):
    assert len(set(MARKERS)) >= pipeline.MOST and len(set(map(str, drawing.DASHES))) >= pipeline.MOST
    figure, _, caption = families(compared.comparison.curves, compared.comparison.baselines)
    axis = figure.axes[0]
    curves = [line for line in axis.lines if len(line.get_xdata()) == LAST_DEPTH]
    assert [line.get_label() for line in curves] == ["relu-ntk", "powers <b>"]
    assert len({(line.get_marker(), line.get_linestyle()) for line in curves}) == 2
    known = compared.comparison.members[0].prediction
    np.testing.assert_allclose(curves[0].get_ydata(), [1 - one.losses.mean() for one in known.at.values()], atol=1e-15)
    assert "Empty, at the right end" in caption
