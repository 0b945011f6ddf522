"""Results show themselves: in one line, as a table of a notebook, as a picture, as a data frame."""

import copy
import dataclasses
import math
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from shown_results import check_shown, html_of, text_of

from roughntk import _display, rough
from roughntk._checks import InputError
from roughntk.depth.extrapolation import GeometricRate, Term
from roughntk.depth.phases.classification import Classification, Evidence
from roughntk.linalg import Solution, solve
from roughntk.regression import PredictionReport
from roughntk.regression.uncertainty import Gaussian
from roughntk.rough.variation.levels import Variation, VariationTable
from roughntk.transport.certificate import Certificate
from roughntk.transport.result import TransportResult

TERM, GEOMETRIC = Term(0.375, 1.0, 1, 1e-6), GeometricRate(0.98, 1.0, 1e-6, (700, 1000))
CLASSIFICATION = Classification(
    "relu-ntk", (("weight_variance", 2.0),), 1.0, 1.0, "parabolic", 1.0, "critical", TERM, 0.25, 0.25, 1e-10, 3.0, 1.0,
    False, (Evidence("K", 0.25, 1e-9, "theta = 1"),), beta_uncertainty=1e-9,
)  # fmt: skip
UNKNOWN = dataclasses.replace(
    CLASSIFICATION, parameters=(), fixed_point=None, multiplier=None, kind="none", chi=None, phase="not decided",
    rate=None, limit=None, ratio=None, beta=None, gamma=None, depends_on_data=None, notes=("it <b>oscillates</b>",),
)  # fmt: skip


def transported(n: int, m: int, depths: Any, **changes: Any) -> TransportResult:
    """A result as between these depths, made by hand."""
    values = np.linspace(0.1, 1.0, len(depths))[:, None, None] * (np.arange(n)[:, None] - np.arange(m))
    known = np.asarray(depths, dtype=float)
    last = values[-1] if len(depths) else np.zeros((n, m))
    fields: dict[str, Any] = dict(
        coefficients=last, residual=1e-15, converged=True, error=1e-14, error_bound=1e-9,
        forward_error=np.full((n, m), 1e-14), stats={"steps": 8, "accepted": 7, "rejected": 1, "solver": "Dopri8"},
        clock=None, path=None, times=np.linspace(0.0, 1.0, len(depths)), values=values, depths=known,
        errors=np.where(np.isnan(known), np.nan, 1e-14), condition_number=30.0,
        certificate=Certificate.unknown((n, m), len(known)),
    )  # fmt: skip
    return TransportResult(**(fields | changes))


def distances_of(columns: Any, **options: Any) -> rough.Convergence:
    return rough.convergence_of_distances(np.transpose(columns), float(len(columns)), **options)


def raw_solution(n: int, m: int, **changes: Any) -> Solution:
    u = np.sin(np.arange(n * m, dtype=float)).reshape(n, m)
    return Solution(**({"coefficients": u, "residual": 1e-16, "condition_number": 3.0, "smallest_eigenvalue": 0.5}
                       | changes))  # fmt: skip


def predicted(m: int, k: int) -> PredictionReport:
    values = np.arange(m * k, dtype=float).reshape(m, k)
    return PredictionReport(values, values / 100, 0.25)


GAUSSIAN = Gaussian(np.array([1.0, -2.0, 0.5]), np.diag([4.0, 1.0, 0.0]), np.full(3, 1e-15), np.full((3, 3), 1e-15))

RESULTS: dict[str, Any] = {
    "solution": lambda: solve(np.diag([2.0, 4.0]), np.ones((2, 3))),
    "solution of one unknown": lambda: solve(np.eye(1), np.ones((1, 1))),
    "solution of many": lambda: raw_solution(300, 50),
    "empty solution": lambda: raw_solution(0, 0),
    "solution without digits": lambda: raw_solution(
        2, 1, coefficients=np.array([[np.nan], [1.0]]), residual=math.nan, condition_number=math.inf
    ),
    "prediction": lambda: predicted(3, 2),
    "prediction of one target": lambda: PredictionReport(np.array([0.5]), np.array([1e-14]), 0.3),
    "prediction of many": lambda: predicted(300, 12),
    "derivative that is not known": lambda: PredictionReport(
        np.array([np.nan, 1.0]), np.full(2, np.inf), what="derivative in depth"
    ),
    "prediction of nothing": lambda: PredictionReport(np.zeros((0, 2)), np.zeros((0, 2))),
    "ensemble": lambda: GAUSSIAN,
    "ensemble of two targets": lambda: dataclasses.replace(
        GAUSSIAN, mean=np.ones((3, 2)), mean_error=np.full((3, 2), 1e-15)
    ),
    "transport between depths": lambda: transported(3, 2, [2, *[np.nan] * 7, 3]),
    "transport to infinity": lambda: transported(12, 1, [2, 3.5, 10, math.inf]),
    "transport of one point": lambda: transported(1, 1, [2, 3]),
    "transport that failed": lambda: transported(
        2, 1, [2, 3], converged=False, error=math.inf, residual=math.nan, values=np.full((2, 2, 1), np.nan), stats={}
    ),
    "transport of nothing": lambda: transported(0, 0, []),
    "variation": lambda: rough.p_variation_levels([0.0, 1.0, 0.5, 1.5], 1.5)[1],
    "variation of many points": lambda: Variation(math.nan, 2.0, 1, "l1", False, np.arange(0, 900, 3), "extrema"),
    "variation without partition": lambda: Variation(0.0, 2.0, 1, "l2", True, np.zeros(0, dtype=int), "extrema"),
    "variations": lambda: rough.p_variation_levels([[0.0, 0.0], [1.0, 1.0], [0.0, 2.0]], 3.0),
    "variations of one level": lambda: rough.p_variation_levels([0.0, 1.0], 1.0),
    "no variations": lambda: VariationTable(),
    "convergence": lambda: distances_of([[1.0, 0.5, 0.25, 0.125], [2.0, 1.9, 1.85, 1.84]], scale=[1, 2, 4, 8]),
    "convergence with falling scale": lambda: distances_of([[1.0, 0.1, 0.01, 0.001]], scale=[1, 0.1, 0.01, 0.001]),
    "convergence of two paths": lambda: distances_of([[1.0, 0.5]]),
    "convergence at distance 0": lambda: distances_of([[0.0, 0.0, 0.0, 0.0]]),
    "classification": lambda: CLASSIFICATION,
    "classification with a geometric rate": lambda: dataclasses.replace(CLASSIFICATION, rate=GEOMETRIC),
    "classification without answers": lambda: UNKNOWN,
    "classification of a long name": lambda: dataclasses.replace(UNKNOWN, family="<b>$x_y$" + "wide-" * 200),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_shows_itself(name: str) -> None:
    check_shown(RESULTS[name]())


def test_pyplot_is_neither_imported_nor_needed_and_pandas_waits() -> None:
    code = (
        "import sys, numpy; from roughntk.linalg import solve; s = solve(numpy.eye(2), numpy.ones((2, 1)));"
        "repr(s); s._repr_html_(); print('matplotlib' in sys.modules, 'pandas' in sys.modules);"
        "s.plot(); print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "False"]


@pytest.mark.parametrize("wrong", [Figure(), "axes", [Figure().subplots()]])
def test_something_that_is_no_axes_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="expected ax to be matplotlib Axes, got .*; give"):
        CLASSIFICATION.plot(ax=wrong)


def test_names_are_escaped_and_cut() -> None:
    named = dataclasses.replace(CLASSIFICATION, family="<b>&\"'\x00\n" + "x" * 2000, notes=("a < b",))
    assert html_of(named).find(".//b") is None
    shown = text_of(named)
    assert "<b>&\"'\\x00\\n" in shown and "a < b" in shown and "x" * 300 not in shown
    assert len(repr(named)) <= 200


def test_many_rows_are_counted() -> None:
    table = VariationTable({k: Variation(1.0, 90.0, k, "l1", True, np.arange(2), "extrema") for k in range(1, 91)})
    assert "and 60 more" in text_of(table) and len(html_of(table).findall(".//tr")) == 31


@pytest.mark.parametrize(("most", "cut"), [(9, "abcdefghi"), (8, "abcd…ghi"), (3, "a…i")])
def test_a_line_is_cut_in_its_middle(most: int, cut: str) -> None:
    assert _display.shortened("abcdefghi", most) == cut


def test_curves_are_told_apart_without_colour() -> None:
    looks = [_display.look(place) for place in range(_display.MOST_CURVES)]
    assert len({look["marker"] for look in looks}) == len(looks) == 10


def test_coefficients_are_tabulated_where_they_belong() -> None:
    solution = solve(np.diag([2.0, 4.0]), np.array([[2.0, 6.0, 0.0], [4.0, 4.0, 8.0]]))
    frame = solution.to_dataframe().set_index(["test_point", "data_point"])
    for k in range(3):
        for i in range(2):
            assert frame.coefficient[k, i] == solution.coefficients[i, k]
            assert frame.error_bound[k, i] == solution.forward_error[i, k]
    assert raw_solution(2, 2).to_dataframe().error_bound.tolist() == [math.inf] * 4  # nothing is known of it


def test_the_picture_of_coefficients_has_their_numbers() -> None:
    solution = raw_solution(3, 6)
    axes = solution.plot()
    assert [container[0].get_ydata().tolist() for container in axes.containers] == solution.coefficients.T[:4].tolist()
    assert "4 of 6 test points" in axes.get_title().replace("\n", " ")


def test_predictions_are_tabulated_where_they_belong() -> None:
    report = predicted(3, 2)
    frame = report.to_dataframe().set_index(["target", "test_point"])
    for k in range(2):
        for i in range(3):
            assert frame.value[k, i] == report.values[i, k] and frame.error_bound[k, i] == report.forward_error[i, k]
    assert [container[0].get_ydata().tolist() for container in report.plot().containers] == report.values.T.tolist()
    assert "3 test points, 2 targets; 0 to 5, error at most 0.05" in repr(report)
    assert ("test point 1", "2 ± 0.02, 3 ± 0.03") in report.rows()
    sure = PredictionReport(np.array([2.0, 1e-9]), np.array([1e-12, 1e-12]))
    assert sure.rows()[1:] == [("test point 0", "2"), ("test point 1", "1e-09")]
    assert "4 of 12 targets" in predicted(3, 12).plot().get_title()


def test_an_ensemble_shows_its_standard_deviations() -> None:
    frame = GAUSSIAN.to_dataframe()
    assert frame["mean"].tolist() == [1.0, -2.0, 0.5] and frame.deviation.tolist() == [2.0, 1.0, 0.0]
    (container,) = GAUSSIAN.plot().containers
    (bars,) = container[2]
    assert [segment[:, 1].tolist() for segment in bars.get_segments()] == [[-3.0, 5.0], [-4.0, 0.0], [0.5, 0.5]]
    assert ("test point 0", "1 ± 2") in GAUSSIAN.rows()


def test_values_on_the_way_are_tabulated_where_they_belong() -> None:
    result = transported(3, 2, [2, np.nan, 3])
    frame = result.to_dataframe().set_index(["time", "test_point", "data_point"])
    for place, time in enumerate(result.times):
        for k in range(2):
            for i in range(3):
                row = frame.loc[time, k, i]
                assert row.coefficient == result.values[place, i, k]
                np.testing.assert_array_equal([row.depth, row.error], [result.depths[place], result.errors[place]])


def test_of_many_coefficients_the_largest_are_drawn_over_depth() -> None:
    axes = transported(12, 1, [2, 4, math.inf]).plot()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"$u_{{{i}}}$" for i in range(2, 12)]
    assert axes.lines[0].get_xdata().tolist() == [0.5, 0.75, 1.0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "4", "$\\infty$"]
    assert "clock" in transported(2, 1, [2, np.nan, 3]).plot().get_xlabel()


def test_a_transport_that_failed_says_so() -> None:
    failed = transported(2, 1, [2, 3], converged=False)
    assert all("not converged" in text for text in (repr(failed), failed.plot().get_title()))
    assert ("converged", "no") in failed.rows()


def test_a_table_of_variations_is_a_dictionary() -> None:
    table = rough.p_variation_levels([[0.0, 0.0], [1.0, 1.0], [0.0, 2.0]], 2.0)
    assert isinstance(table, dict) and list(table) == [1, 2] and table == dict(table)
    frame = table.to_dataframe()
    assert frame.value.tolist() == [table[1].value, table[2].value]
    assert frame.intervals.tolist() == [len(table[k].partition) - 1 for k in (1, 2)]
    assert list(table[1].to_dataframe()) == list(frame) == list(VariationTable().to_dataframe())
    for again in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert type(again) is VariationTable and repr(again) == repr(table)
    assert table.plot().lines[0].get_ydata().tolist() == frame.value.tolist()


def test_distances_are_tabulated_where_they_belong_and_zeros_are_left_out_of_the_picture() -> None:
    measured = distances_of([[1.0, 0.5, 0.0], [4.0, 3.0, 2.0]], scale=[1, 2, 4])
    frame = measured.to_dataframe().set_index(["path", "level"])
    for n in range(3):
        for level in (1, 2):
            assert frame.distance[n, level] == measured.distances[n, level - 1]
            assert frame.scale[n, level] == measured.scale[n]
            np.testing.assert_equal(frame.rate[n, level], measured.rates[level - 1])
    axes = measured.plot()
    assert [line.get_ydata().tolist() for line in axes.lines] == [[1.0, 0.5], [4.0, 3.0, 2.0]]
    assert "nan" not in axes.get_legend().get_texts()[0].get_text()


def test_classifications_make_a_table() -> None:
    import pandas

    frame = pandas.concat([CLASSIFICATION.to_dataframe(), UNKNOWN.to_dataframe()])
    assert frame.beta.fillna(-1.0).tolist() == [3.0, -1.0]
    assert frame.beta_uncertainty.fillna(-1.0).tolist() == [1e-9, -1.0]
    assert frame.rate.tolist() == ["0.37500 log L / L", ""]
    assert frame.parameters.tolist() == ["weight_variance = 2", ""]


@pytest.mark.parametrize(
    ("rate", "depth", "value"), [(TERM, 1e6, 0.375 * math.log(1e6) / 1e6), (GEOMETRIC, 1000, 10 / 7 * 0.98**300)]
)
def test_the_picture_of_a_rate_is_the_rate(rate: Any, depth: float, value: float) -> None:
    (line,) = dataclasses.replace(CLASSIFICATION, rate=rate).plot().lines
    assert line.get_xdata()[-1] == pytest.approx(depth) and line.get_ydata()[-1] == pytest.approx(value, rel=1e-9)


def test_ticks_that_would_run_into_each_other_are_left_out() -> None:
    axes = transported(2, 1, [2, 3, 1e3, 1e6, math.inf]).plot()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2", "3", "$\\infty$"]
