"""The study: what it writes, and its numbers against other routes to them."""

import csv
import dataclasses
import json
import math
import re
import struct
import types
from html.parser import HTMLParser

import numpy as np
import pytest
import scipy.linalg
from driver_routes import level_two, silent
from routes import FIGURES, LAST_DEPTH, POINTS, TEST_POINTS, largest_sum, plain_kernels

import roughntk as rn
from roughntk.files import folders, manifest
from roughntk.files.drawing import COLOURS
from roughntk.kernels import SigmoidComposition
from roughntk.study import pipeline, report, summary
from roughntk.study.analysis import closed_form, transport, variation
from roughntk.study.analysis import drivers as drivers_room
from roughntk.study.analysis import signatures as signatures_room
from roughntk.study.analysis.laws import law
from roughntk.study.data import load
from roughntk.study.depths import StudyDepths
from roughntk.transport import Certificate

EPS = np.finfo(np.float64).eps
LAW = law(rn.kernels.ReluNTK())
TABLES = (
    "prediction",
    "transport",
    "p_variation",
    "depths",
    "coefficients",
    "kernel_test_points",
    "signatures",
    "signature_terms",
)


# What is written


def test_the_record_has_every_key_that_was_promised(written):
    record = written.record
    assert {
        "version", "command", "seed", "data", "family", "depths", "transport", "signature", "p_variation", "slopes",
        "coefficients", "timings",
    } <= set(record)  # fmt: skip
    promised = {
        "transport": {"depth", "clock", "rhs", "steps", "residual", "error"},
        "p_variation": {"depth", "p", "level", "norm", "distance_to_previous"},
        "coefficients": {"depth", "condition_number"},
    }
    for name, keys in promised.items():
        assert record[name] and all(keys <= set(row) for row in record[name])
    assert {"level", "channels", "backends", "max_disagreement"} <= set(record["signature"])
    assert {"level1", "level2"} <= set(record["slopes"])
    assert record["version"] == rn.__version__ and record["command"] == "made by a test" and record["seed"] == 0
    assert record["family"] == "relu-ntk" and record["depths"] == list(range(1, LAST_DEPTH + 1))
    described = {"name": "digits", "n": POINTS, "m": TEST_POINTS, "dim": 64, "projection": "canonical"}
    assert {key: record["data"][key] for key in described} == described
    assert all(seconds >= 0 for seconds in record["timings"].values())
    stages = {
        "closed form",
        "transport",
        "drivers",
        "signatures",
        "p-variation",
        "infinite depth",
        "prediction",
        "report",
    }
    assert stages == set(record["timings"])


def test_not_a_number_and_infinity_are_written_as_null():
    written = pipeline.plain(
        {"a": [math.nan, np.inf, 1.5], 2: (np.float64("nan"), np.int64(3)), "b": np.array([-np.inf])}
    )
    assert written == {"a": [None, None, 1.5], "2": [None, 3], "b": [None]}
    assert json.dumps(written, allow_nan=False)


class Page(HTMLParser):
    """Collects what a page refers to, its drawings and its tables, and whether its tags close."""

    def __init__(self, text):
        super().__init__()
        self.references, self.drawings, self.anchors, self.identifiers, self.open = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.references += [found[key] for key in ("src", "href", "srcset", "data", "xlink:href") if key in found]
        self.identifiers += [found["id"]] if "id" in found else []
        if tag == "svg":
            self.drawings.append(found)
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_one_file_with_all_drawings_in_it(written):
    text = (written.folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert not re.search(r"https?:|//\w|url\((?!#)|@import|<script .*src|<link|<img", text)
    assert len(page.identifiers) == len(set(page.identifiers))
    assert all(reference[0] == "#" and reference[1:] in page.identifiers for reference in page.references)
    assert all(name in page.identifiers for name in re.findall(r"url\(#([^)]*)\)", text))
    assert len(page.drawings) == len(FIGURES) and all(drawing["aria-label"] for drawing in page.drawings)
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert not {colour for colour in COLOURS if colour in drawn}  # the page says what they are, by day and by night
    plain = re.sub(r"</?span[^>]*>", "", text).replace("&#39;", "'")
    assert all(f"<li>{line}" in plain for line in written.study.summary if "<" not in line)
    words = re.sub(
        r"<svg.*?</svg>|<t[dh]>.*?</t[dh]>|<(?:script|style)>.*?</(?:script|style)>", "", text, flags=re.DOTALL
    )
    broken = re.findall(r"(?<![>\d.])\d[\d.]*e[-+]\d+", words)
    assert broken == []  # each stands in a span that is not broken


def test_the_report_begins_with_the_prediction(written):
    text = (written.folder / "report.html").read_text(encoding="utf-8")
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert titles[:3] == ["Does it predict?", "What depth does", "Checks"]
    first = re.search(r"<svg[^>]*aria-label=\"(.*?)\"", text)
    assert first and first[1] == "What depth does to predictions"
    assert text.index("Prediction of") < text.index(first[0]) < text.index("Kernel: off-diagonal")


def test_what_the_user_names_is_escaped_in_the_report(written):
    bad = "<script>alert(1)</script>&\"'"
    data = dataclasses.replace(written.study.data, name=bad, target=bad, notes=(bad,))
    study = dataclasses.replace(written.study, data=data)
    study.summary = summary.summary_lines(study)
    text = report.render(study, [])
    assert "<script>alert" not in text and text.count("&lt;script&gt;alert(1)&lt;/script&gt;&amp;") >= 5


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_a_picture_and_a_vector_drawing(written, name):
    png = (written.folder / "figures" / f"{name}.png").read_bytes()
    width, height = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG\r\n\x1a\n") and min(width, height) > 400
    svg = (written.folder / "figures" / f"{name}.svg").read_text(encoding="utf-8")
    assert "<svg" in svg and svg.count("<path") > 10 and "<dc:date>" not in svg


def test_nothing_else_is_written(written):
    expected = {"report.html", "study.json", ".roughntk.json"} | {f"tables/{name}.csv" for name in TABLES}
    expected |= {f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    found = {str(path.relative_to(written.folder)) for path in written.folder.rglob("*") if path.is_file()}
    assert found == expected == {*folders.STUDY, manifest.NAME}  # nothing is written that was not announced
    assert [path.name for path in written.folder.parent.iterdir()] == [written.folder.name]


def table(written, name):
    with (written.folder / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("name", "entry", "keys"),
    [
        ("transport", "transport", ("depth", "clock", "rhs", "steps", "residual", "error")),
        ("p_variation", "p_variation", ("depth", "p", "level", "norm", "tensor_norm", "distance_to_previous")),
        ("depths", "coefficients", ("depth", "condition_number", "residual", "log_determinant")),
    ],
)
def test_tables_read_back_to_the_last_bit(written, name, entry, keys):
    rows = table(written, name)
    assert len(rows) == len(written.record[entry]) > 0
    for row, expected in zip(rows, written.record[entry], strict=True):
        for key in keys:
            value = expected[key]
            assert (float(row[key]) if isinstance(value, int | float) else row[key] or None) == value


def test_the_kernel_table_holds_the_kernels_of_the_test_points(written):
    data = written.study.data
    rows = table(written, "kernel_test_points")
    assert len(rows) == LAST_DEPTH * POINTS * TEST_POINTS
    for row in rows:
        _, B = plain_kernels("relu-ntk", data.X, data.x, int(row["depth"]))
        expected = B[int(row["training_point"]), int(row["test_point"])]
        # arccos near rho = 1 - 1e-2 loses a factor of ten, seven layers another: 200 eps.
        assert float(row["kernel"]) == pytest.approx(expected, abs=200 * EPS)


# Its numbers against other routes


def test_coefficients_agree_with_a_plain_solve(written):
    data = written.study.data
    rows = table(written, "coefficients")
    assert len(rows) == LAST_DEPTH * POINTS * TEST_POINTS
    exact = {}
    for depth in range(1, LAST_DEPTH + 1):
        K, B = plain_kernels("relu-ntk", data.X, data.x, depth)
        exact[depth] = np.linalg.solve(K, B)
        recorded = written.record["coefficients"][depth - 1]
        condition = np.linalg.cond(K)
        # Both routes know the entries to about 200 eps; the condition number itself then to 200 eps cond.
        assert recorded["condition_number"] == pytest.approx(condition, rel=200 * EPS * condition)
        log_determinant = np.log(np.linalg.det(K))
        assert recorded["log_determinant"] == pytest.approx(log_determinant, abs=200 * EPS * condition)
        assert recorded["residual"] <= 20 * EPS
        assert recorded["method"] == "cholesky" and recorded["error_bound"] < 1e-9
    for row in rows:
        depth = int(row["depth"])
        condition = written.record["coefficients"][depth - 1]["condition_number"]
        expected = exact[depth][int(row["training_point"]), int(row["test_point"])]
        assert float(row["coefficient"]) == pytest.approx(expected, abs=200 * EPS * condition)


def test_transport_is_recorded_for_both_clocks_and_right_hand_sides_at_every_depth(written):
    found = [(row["depth"], row["clock"], row["rhs"]) for row in written.record["transport"]]
    assert found == [
        (depth, clock, rhs) for depth in range(1, LAST_DEPTH) for clock in ("arc", "psi") for rhs in ("joint", "paper")
    ]
    for row in written.record["transport"]:
        assert row["converged"] and row["steps"] >= 8 and row["error"] <= row["error_bound"] <= 1e-9
        assert row["condition_number"] < 1e6  # so the bound of the issue is 1e-9
        assert row["error"] <= row["proven"] < 1e-11 and row["integration"] <= row["gronwall"] < 1e-10
        assert row["growth"] == pytest.approx(np.exp(row["one_variation"] / 2)) and row["one_variation"] > 0
        assert 0 <= row["error"] <= 1e-9 and 0 < row["residual"] <= 1e-9


def test_transport_errors_are_those_of_the_carried_coefficients(written):
    data = written.study.data
    for row, recorded in zip(written.study.transport, written.record["transport"], strict=True):
        K, B = plain_kernels("relu-ntk", data.X, data.x, row["depth"] + 1)
        exact = np.linalg.solve(K, B)
        error = np.abs(row["coefficients"] - exact).max() / max(1, np.abs(exact).max())
        # The two closed forms differ by rounding: 200 eps times the condition number.
        assert abs(recorded["error"] - error) <= 200 * EPS * recorded["condition_number"]
        assert "coefficients" not in recorded


def test_a_wrong_transport_is_shown_as_wrong(written, monkeypatch):
    """The comparison is with the closed form of the next depth, and a failure reaches the summary."""
    kernels, result = written.study.kernels, written.study.transport[0]

    def off_by_a_quarter(systems, depth, **settings):
        wrong = np.linalg.solve(*kernels.at(depth + 1))
        wrong[2, 1] += 0.25
        return types.SimpleNamespace(
            coefficients=wrong, residual=0.5, converged=True, stats={"steps": 3}, error_bound=1e-9, system="kernel",
            certificate=Certificate.unknown(wrong.shape, 2),
        )  # fmt: skip

    monkeypatch.setattr(transport, "between_systems", off_by_a_quarter)
    records = transport.transport_records(kernels, [2, 3], lambda stage, steps: None)
    assert len(records) == 8
    for row in records:
        scale = max(1, np.abs(kernels.solved[row["depth"] + 1].coefficients).max())
        assert row["error"] == pytest.approx(0.25 / scale, abs=1e-12)
        assert (row["residual"], row["steps"], row["converged"]) == (0.5, 3, False)
    line = summary._transport_line(records)
    assert "8 NOT converged" in line and "largest residual 0.5" in line
    assert "all within their bounds" in summary._transport_line([result])


def test_a_transport_beyond_what_is_proven_has_not_converged(written, monkeypatch):
    """Off by 1e-11, within what errors are held to."""
    genuine = transport.between_systems

    def off(*arguments, **settings):
        result = genuine(*arguments, **settings)
        return dataclasses.replace(result, coefficients=result.coefficients + 1e-11)

    records = []
    for carrying in (genuine, off):
        monkeypatch.setattr(transport, "between_systems", carrying)
        records.append(transport.transport_records(written.study.kernels, [3], lambda stage, steps: None))
    for right, wrong in zip(*records, strict=True):
        assert right["converged"] and right["error"] <= right["proven"]
        assert not wrong["converged"] and wrong["proven"] < wrong["error"] < wrong["error_bound"]


def driver(written, depth, samples=33):
    """v^(L) at equidistant positions by scipy's matrix logarithm: log(I + sM) and log(I + sM) M^{-1} K0^{-1} dB."""
    data = written.study.data
    K0, B0 = plain_kernels("relu-ntk", data.X, data.x, depth)
    K1, B1 = plain_kernels("relu-ntk", data.X, data.x, depth + 1)
    M = np.linalg.solve(K0, K1 - K0)
    column = np.linalg.solve(M, np.linalg.solve(K0, B1 - B0))
    values = []
    for s in np.linspace(0, 1, samples):
        matrix = scipy.linalg.logm(np.eye(len(M)) + s * M)
        values.append(np.hstack([matrix, matrix @ column]).ravel())
    return np.array(values)


def variation_rows(written, **wanted):
    return [row for row in written.record["p_variation"] if all(row[key] == value for key, value in wanted.items())]


@pytest.mark.parametrize("depth", [5])
def test_p_variation_agrees_with_another_computation(written, depth):
    path, before = driver(written, depth), driver(written, depth - 1)
    condition = written.record["coefficients"][depth - 2]["condition_number"]
    tolerance = 1e4 * EPS * condition  # logm and two solves on entries known to 200 eps
    rows = {(row["p"], row["level"]): row for row in variation_rows(written, depth=depth)}
    assert set(rows) == {(1.0, 1), (2.0, 1), (2.0, 2)}
    assert all(
        row["tensor_norm"] == "l1" and row["channels"] == POINTS * (POINTS + TEST_POINTS) for row in rows.values()
    )

    def length(points):
        return np.abs(np.diff(points, axis=0)).sum()

    assert rows[1.0, 1]["norm"] == pytest.approx(length(path), rel=tolerance)
    assert rows[1.0, 1]["distance_to_previous"] == pytest.approx(length(path - before), abs=tolerance * length(before))

    size = len(path)
    first, second, apart = (np.zeros((size, size)) for _ in range(3))
    for j in range(size):
        for i in range(j):
            first[i, j] = np.abs(path[j] - path[i]).sum() ** 2
            area = level_two(path, i, j)
            second[i, j] = np.abs(area).sum()
            apart[i, j] = np.abs(area - level_two(before, i, j)).sum()
    assert rows[2.0, 1]["norm"] == pytest.approx(math.sqrt(largest_sum(first)), rel=tolerance)
    assert rows[2.0, 2]["norm"] == pytest.approx(largest_sum(second), rel=tolerance)
    assert rows[2.0, 2]["distance_to_previous"] == pytest.approx(
        largest_sum(apart), abs=tolerance * np.abs(level_two(before, 0, size - 1)).sum()
    )


def test_the_distance_to_the_zero_path_is_the_p_variation(written):
    for row in written.record["p_variation"]:
        assert row["distance_to_zero"] == pytest.approx(row["norm"], rel=8 * EPS * row["channels"])


def test_the_first_driver_has_no_previous_one(written):
    for row in written.record["p_variation"]:
        assert (row["distance_to_previous"] is None) == (row["depth"] == 1)


def test_drivers_agree_with_quadrature(written):
    rows = written.record["drivers"]
    assert [row["depth"] for row in rows] == list(range(1, LAST_DEPTH))
    # 64 eps times the condition number (241 at depth 1): both routes solve with the same matrices.
    assert all(row["closed_form_error"] <= 64 * EPS * 241 for row in rows)
    largest = np.abs(written.study.drivers.paths[3]).max()
    np.testing.assert_allclose(
        written.study.drivers.paths[3], driver(written, 3), rtol=0, atol=1e4 * EPS * 78 * largest
    )


def test_signatures_agree_between_backends_and_are_on_principal_directions(written):
    signature = written.record["signature"]
    assert signature["backends"] == list(rn.rough.available_backends()) and signature["agree"] is True
    assert signature["backends"][0] == "jax"
    assert (signature["level"], signature["channels"], signature["driver_channels"]) == (3, 8, 35)
    assert signature["on_principal_directions"] is True
    if len(signature["backends"]) > 1:
        assert 0 <= signature["max_disagreement"] <= 1e-12
        assert signature["max_disagreement"] == max(row["disagreement"] for row in signature["per_depth"])
    # Eight directions hold all but 1e-6 of each driver: drivers are nearly straight.
    assert all(0.999999 < captured <= 1 + 1e-12 for captured in signature["captured"].values())
    for row in signature["per_depth"]:
        path = written.study.drivers.reduced[row["depth"]]
        assert row["level_norms"][0] == pytest.approx(np.abs(path[-1] - path[0]).sum(), rel=1e-13)
        area = np.abs(level_two(path, 0, len(path) - 1)).sum()
        assert row["level_norms"][1] == pytest.approx(area, rel=1e-12)


def test_principal_directions_keep_the_length_of_what_they_hold(written):
    """An orthonormal basis: l2 norms of projected drivers agree with those of the drivers, up to what is captured."""
    for depth, path in written.study.drivers.paths.items():
        reduced = written.study.drivers.reduced[depth]
        ratio = np.linalg.norm(np.diff(reduced, axis=0)) / np.linalg.norm(np.diff(path, axis=0))
        assert ratio == pytest.approx(written.study.drivers.captured[depth], rel=1e-12)


def test_slopes_are_those_of_a_straight_line_through_the_deeper_half(written):
    slopes = written.record["slopes"]
    assert slopes["fitted_depths"] == [4, 6]
    for level in (1, 2):
        rows = [row for row in variation_rows(written, p=2.0, level=level) if 4 <= row["depth"] <= 6]
        x = np.log([row["depth"] for row in rows])
        for key, y in (
            (f"level{level}", np.log([row["norm"] for row in rows])),
            (f"theory_level{level}", level * (np.log(x) - 2 * x)),
        ):
            expected = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
            assert slopes[key] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("exponent", [-2.0, -1.37, 0.5])
def test_slopes_of_exact_power_laws_are_exact(exponent):
    records = [
        {"p": p, "level": level, "depth": depth, "norm": 3.0 * depth ** (exponent * level * (p == 2.0))}
        for depth in range(1, 31)
        for p, level in ((1.0, 1), (2.0, 1), (2.0, 2))
    ]
    slopes = variation.fitted_slopes(records, 2.0, LAW)
    # log of numbers to e^8 over a range of log L of 0.6: rounding grows at most to 100 eps.
    assert slopes["level1"] == pytest.approx(exponent, abs=100 * EPS)
    assert slopes["level2"] == pytest.approx(2 * exponent, abs=100 * EPS)
    assert slopes["fitted_depths"] == [16, 30]
    assert -2 < slopes["theory_level1"] < -1 and slopes["theory_level2"] == 2 * slopes["theory_level1"]


@pytest.mark.parametrize("depths", [[], [2], [2, 3, 4], [1, 2, 3, 4]])
def test_too_few_depths_give_no_slope(depths):
    records = [{"p": 2.0, "level": k, "depth": L, "norm": 1.0} for L in depths for k in (1, 2)]
    slopes = variation.fitted_slopes(records, 2.0, LAW)
    assert slopes["level1"] is None and slopes["level2"] is None


def test_drivers_that_vanish_give_no_slope():
    records = [{"p": 2.0, "level": k, "depth": L, "norm": 0.0} for L in range(1, 31) for k in (1, 2)]
    assert variation.fitted_slopes(records, 2.0, LAW)["level1"] is None


def test_drivers_of_a_hyperbolic_family_are_measured_not_to_converge():
    data = load("digits", points=POINTS, test_points=TEST_POINTS, seed=0)
    kernels = closed_form.kernels_at_depths(SigmoidComposition(), data, StudyDepths(range(2, 12)), silent)
    drivers = drivers_room.driver_paths(kernels, list(range(2, 11)), 33, 8, silent)
    records = variation.variation_records(drivers, 2.0, silent)
    views = signatures_room.signatures(drivers, 2.0, silent)
    found = signatures_room.driver_convergence(views, records, 2.0, law(SigmoidComposition()))
    assert (found.verdict, found.reason, found.measured.verdicts) == (
        "does not converge",
        "measured",
        (found.verdict,) * 2,
    )
    # They tend to log(lambda) times the projection on the complement of 1, n - 1 = 4 of 5 eigenvalues.
    multiplier = 2 * math.exp(-0.34182) * (1 + math.exp(-0.34182)) ** -3.0
    projection = np.eye(POINTS) - 1 / POINTS
    least = abs(math.log(multiplier)) * np.abs(projection).sum()
    assert least * 0.99 < found.direct.distances[-1, 0] < 4 * least


def test_level_three_enters_from_p_3_on_where_directions_are_few(written):
    drivers = written.study.drivers
    rows = {(row["depth"], row["p"], row["level"]): row for row in variation.variation_records(drivers, 3.0, silent)}
    assert set(rows) == {(L, *kind) for L in range(1, LAST_DEPTH) for kind in ((1.0, 1), (3.0, 1), (3.0, 2), (3.0, 3))}
    row, path = rows[5, 3.0, 3], drivers.reduced[5]
    assert (row["channels"], row["tensor_norm"], rows[5, 3.0, 2]["tensor_norm"]) == (8, "l2", "l1")
    # Nearly straight drivers: level 3 over the whole interval is almost the cube of the chord over 3!.
    chord = np.linalg.norm(path[-1] - path[0])
    assert row["norm"] == pytest.approx(chord**3 / 6, rel=1e-3)
    assert row["distance_to_zero"] == pytest.approx(row["norm"], rel=1e-12)


def test_the_summary_has_twelve_lines_and_reports_the_worst_numbers(written):
    lines = written.study.summary
    assert lines == written.record["summary"] and len(lines) == 12
    worst = max(row["error"] for row in written.record["transport"])
    assert f"24 integrations, largest error {worst:.2g}" in lines[9] and "all within their bounds" in lines[9]
    assert "Depth 1 (the linear kernel) joins" in lines[3]
    K, _ = written.study.kernels.at(LAST_DEPTH)
    off = K[~np.eye(POINTS, dtype=bool)]
    assert f"[{off.min():.6g}, {off.max():.6g}]; their limit is 0.25" in lines[4]
    distance = np.abs(written.study.kernels.solved[LAST_DEPTH].coefficients - 1 / (POINTS + 3)).max()
    assert f"within {distance:.3g} of their limit" in lines[5]
