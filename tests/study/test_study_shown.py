"""A study shows itself: in one line, as a table of a notebook, as a picture, as a data frame."""

import csv
import dataclasses

import numpy as np
import pytest
from routes import LAST_DEPTH, POINTS
from shown_results import check_shown, html_of, text_of

from roughntk._checks import InputError


def test_a_study_shows_itself(written) -> None:
    study = written.study
    check_shown(study)
    assert "digits" in repr(study) and study.config.family_name in repr(study)
    assert all(line[:60] in text_of(study) for line in study.summary)


def test_names_of_data_and_out_are_escaped(written, tmp_path) -> None:
    data = dataclasses.replace(written.study.data, name="<b>" + "wide" * 200, notes=("column <b>x</b>",))
    study = dataclasses.replace(written.study, data=data, out=tmp_path / "<b>")
    check_shown(study)
    assert html_of(study).find(".//b") is None and "column <b>x</b>" in text_of(study)


def test_the_data_frame_is_the_written_table_with_the_variation(written) -> None:
    frame = written.study.to_dataframe()
    with (written.folder / "tables" / "depths.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == list(frame)[: len(rows[0])] and frame.depth.tolist() == list(range(1, LAST_DEPTH + 1))
    for name in ("condition_number", "log_determinant", "largest_coefficient"):
        np.testing.assert_array_equal(frame[name], [float(row[name] or "nan") for row in rows])
    p = written.study.config.p
    for row in written.study.variation:
        if row["p"] == p:
            assert frame.set_index("depth")[f"variation_level_{row['level']}"][row["depth"]] == row["norm"]


def test_the_picture_has_the_coefficients_and_their_limit(written) -> None:
    kernels, axes = written.study.kernels, written.study.plot("coefficients")
    for i in range(POINTS):
        expected = [kernels.coefficients_at(depth)[i, 0] for depth in range(2, LAST_DEPTH + 1)]
        assert axes.lines[i].get_ydata().tolist() == expected
    assert axes.lines[POINTS].get_ydata()[0] == kernels.limit_coefficients[0, 0]


def test_the_picture_of_predictions_has_the_scores_of_the_table(written) -> None:
    axes, record, frame = written.study.plot(), written.study.prediction.record(), written.study.to_dataframe()
    scores = {row["depth"]: row["score"] for row in record["depths"]}
    assert axes.lines[0].get_xdata().tolist() == list(scores)
    assert axes.lines[0].get_ydata().tolist() == list(scores.values())
    assert axes.lines[1].get_xdata().tolist() == [record["best_depth"]]
    baselines = [record["baselines"][name] for name in ("rbf", "mean")]
    assert [line.get_ydata()[0] for line in axes.lines[2:]] == baselines
    known = frame[frame.depth.isin(list(scores))]
    assert known[record["measure"]].tolist() == list(scores.values())


def test_a_study_that_predicts_nothing_draws_coefficients(written) -> None:
    study = dataclasses.replace(written.study, prediction=None)
    assert study.plot().get_title().startswith("Coefficients") and "ridge" not in study.to_dataframe()
    with pytest.raises(InputError, match="predicts nothing; plot the coefficients"):
        study.plot("prediction")
    with pytest.raises(InputError, match="what"):
        study.plot("kernel")


def test_a_study_without_coefficients_says_so(written) -> None:
    kernels = written.study.kernels
    singular = dataclasses.replace(kernels, solved=dict.fromkeys(kernels.depths))
    study = dataclasses.replace(written.study, kernels=singular)
    check_shown(study)
    assert study.plot("coefficients").texts[0].get_text() == "no depth from 2 on has coefficients"
    assert study.to_dataframe().residual.isna().all() and set(study.to_dataframe().method) == {"singular"}


def test_limits_that_differ_are_drawn_at_the_right_end_in_the_colours_of_their_curves(written) -> None:
    limits = np.arange(POINTS, dtype=float)[:, None] / 10
    kernels = dataclasses.replace(written.study.kernels, limit_coefficients=limits)
    axes = dataclasses.replace(written.study, kernels=kernels).plot("coefficients")
    ends = axes.lines[POINTS : 2 * POINTS]
    assert [end.get_ydata().tolist() for end in ends] == limits.tolist()
    assert [end.get_color() for end in ends] == [line.get_color() for line in axes.lines[:POINTS]]
    assert axes.get_xlim()[1] < LAST_DEPTH + 2
