"""`roughntk signature` and `roughntk variation`: numbers known by hand, what is written, and bad input."""

import json
import re
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from routes import is_drawn
from typer.testing import CliRunner

from roughntk import rough
from roughntk._checks import capacity
from roughntk.cli import app
from roughntk.commands.answers import signatures, variations
from roughntk.files import paths as path_files
from roughntk.files import results

EXAMPLE = np.array([[1.0, 1], [3, 4], [5, 2], [8, 6]])
ZIGZAG = [0.0, 1.0, 0.5, 1.5]
WALK = np.random.default_rng(0).standard_normal((40, 2)).cumsum(0)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def said(*arguments):
    result = call(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def save(name, *columns, header=""):
    """A file of the kind that its name says."""
    table = np.column_stack(columns)
    if name.endswith(".csv"):
        lines = [",".join(map(repr, map(float, row))) for row in table]
        Path(name).write_text("\n".join([header, *lines] if header else lines) + "\n")
    else:
        np.save(name, table)
    return name


def cells(text, first):
    """The second cell of the table row that begins with `first`."""
    return next(line.split("│")[2].strip() for line in text.splitlines() if re.match(rf"│ {re.escape(first)} ", line))


# signature

EXPECTED = {"1": 7.0, "2": 5.0, "11": 24.5, "12": 19.0, "21": 16.0, "22": 12.5}


def test_the_worked_example_is_printed_for_every_kind_of_file():
    times = [0.0, 0.5, 2.0, 3.0]
    np.savez("named.npz", values=EXAMPLE, times=times, weights=np.ones(3))
    np.savez("single.npz", anything=EXAMPLE)
    calls = [
        (save("plain.csv", EXAMPLE),),
        (save("headed.csv", times, EXAMPLE, header="Time,x,y"),),
        (save("last.csv", EXAMPLE, times), "--times", 3),
        (save("own.csv", EXAMPLE, times, header="x,y,clock"), "--times", "clock"),
        (save("plain.npy", EXAMPLE),),
        ("named.npz",),
        ("named.npz", "--times", "times"),
        ("single.npz",),
    ]
    for arguments in calls:
        text = said("signature", *arguments)
        assert {word: float(cells(text, word)) for word in EXPECTED} == EXPECTED, arguments
        assert ("times 0 to 3" in text) == (arguments[0] not in ("plain.csv", "plain.npy", "single.npz"))
    assert "(1 = x, 2 = y)" in said("signature", "headed.csv")
    assert "3 channels (1 = t, 2 = x, 3 = y), no times" in said(
        "signature", save("none.csv", times, EXAMPLE, header="t,x,y"), "--times", "none"
    )


@pytest.mark.parametrize("backend", rough.available_backends())
def test_the_log_signature_is_given_in_three_bases_by_every_backend(backend):
    save("a.npy", EXAMPLE)
    for basis, name in ((None, "Lyndon brackets"), ("hall", "Hall brackets")):
        text = said("signature", "a.npy", "--log", "--backend", backend, *(("--basis", basis) if basis else ()))
        assert name in text and backend in text
        # (S^12 - S^21) / 2, the signed area
        assert [float(cells(text, key)) for key in ("1", "2", "[1,2]")] == pytest.approx([7, 5, 1.5], abs=1e-13)
    text = said("signature", "a.npy", "--log", "--basis", "words", "--backend", backend)
    assert [float(cells(text, w)) for w in ("12", "21", "11")] == pytest.approx([1.5, -1.5, 0], abs=1e-13)


def test_hall_and_lyndon_coordinates_differ_by_a_sign_at_level_3():
    """[1,[1,2]] is in both bases; the Hall basis has [2,[1,2]] where the Lyndon basis has [[1,2],2]."""
    file = path_files.read_path(save("a.npy", EXAMPLE))
    lyndon, hall = (signatures.signature_table(file, 3, log=True, basis=basis) for basis in ("lyndon", "hall"))
    assert list(lyndon.labels()) == ["1", "2", "[1,2]", "[1,[1,2]]", "[[1,2],2]"]
    assert list(hall.labels()) == ["1", "2", "[1,2]", "[1,[1,2]]", "[2,[1,2]]"]
    np.testing.assert_allclose(hall.values, lyndon.values * [1, 1, 1, 1, -1], rtol=1e-14)
    assert abs(hall.values[4]) > 0.1


def test_a_long_signature_is_shortened_on_the_screen_and_written_whole():
    save("a.csv", WALK)
    exact = np.asarray(rough.signature(WALK, 6))
    text = said("signature", "a.csv", "--level", 6, "--out", "s.csv")
    assert "The first 40 of 126" in text and text.count("│") == 3 * (1 + 40) and "Written: s.csv" in text
    rows = [line.split(",") for line in Path("s.csv").read_text().splitlines()]
    assert rows[0] == ["word", "value"] and [row[0] for row in rows[1:4]] == ["1", "2", "11"]
    assert rows[-1][0] == "222222"
    np.testing.assert_array_equal([float(row[1]) for row in rows[1:]], exact)
    said("signature", "a.csv", "--level", 6, "--out", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), exact)
    said("signature", "a.csv", "--level", 6, "--out", "s.json")
    record = json.loads(Path("s.json").read_text())
    assert record["entries"][-1] == "222222" and record["values"] == exact.tolist()
    assert (record["kind"], record["basis"], record["level"]) == ("signature", "words", 6)
    assert sorted(path.name for path in Path().iterdir()) == ["a.csv", "s.csv", "s.json", "s.npy"]


def test_words_of_ten_letters_or_more_are_written_with_commas():
    file = path_files.read_path(save("a.npy", np.random.default_rng(1).standard_normal((3, 11))))
    labels = list(signatures.signature_table(file, 2).labels())
    assert labels[10:13] == ["11", "1,1", "1,2"] and labels[-1] == "11,11"


# variation


def test_the_p_variation_of_the_zigzag_is_printed_with_its_partition():
    save("z.csv", ZIGZAG)
    text = said("variation", "z.csv", "--p", 1.5, "--no-root")
    assert f"p-variation {2 + 0.5**1.5:.12g}: p = 1.5, level 1, l1 norm, no outer root" in text
    assert "4 of 4 points, 0, 1, 2, 3" in text
    text = said("variation", "z.csv", "--p", 3)
    assert "p-variation 1.5: p = 3, level 1, l1 norm, outer root taken" in text and "2 of 4 points, 0, 3" in text
    # level 2 of a line is half the square of its increment
    assert "p-variation 1.125: p = 3, level 2" in said("variation", "z.csv", "--p", 3, "--level", 2)


def test_several_paths_are_measured_one_by_one_and_drawn():
    save("z.csv", ZIGZAG)
    save("w.npy", WALK)
    for name, magic in (("f.png", b"\x89PNG"), ("f.svg", b"<?xml")):
        text = said("variation", "z.csv", "w.npy", "--figure", name)
        assert Path(name).read_bytes().startswith(magic) and f"Figure: {name}" in text
    found = rough.p_variation_levels(WALK, 2.0, norm="l1")[1]
    assert f"p-variation {found.value:.12g}" in text and f"{len(found.partition)} of 40 points" in text
    assert text.count("Maximising partition") == 2


def test_legends_stand_beside_the_axes_and_no_curve_covers_another(monkeypatch):
    """Where the partition has every point, the path is seen around it."""
    drawn = []
    monkeypatch.setattr(variations, "content", lambda figure, suffix: drawn.append(figure) or b"")
    files = [path_files.read_path(save("z.csv", np.arange(4.0), ZIGZAG)), path_files.read_path(save("w.npy", WALK))]
    files.append(path_files.read_path(save("ten.npy", np.random.default_rng(1).standard_normal((30, 10)))))
    variations.draw_paths([variations.measure(file, 1.0) for file in files], Path("f.png"))
    sequence = [path_files.read_path(save(f"s{k}.npy", WALK * (1 + 1 / k))) for k in (1, 2, 4, 8)]
    variations.draw_convergence(variations.converge(sequence, files[1], 2.5), Path("c.png"))
    for figure in drawn:
        figure.draw_without_rendering()
        width = figure.bbox.width
        for axis in figure.axes:
            beside = axis.get_legend().get_window_extent()
            assert axis.get_window_extent().x1 <= beside.x0 and beside.x1 <= width
    path, partition = drawn[0].axes[1].lines
    np.testing.assert_array_equal(path.get_xydata(), partition.get_xydata())
    assert path.get_linewidth() >= 1.5 * partition.get_linewidth() and path.get_zorder() <= partition.get_zorder()


def test_the_critical_exponent_is_estimated_when_asked_for():
    walk = np.random.default_rng(2).standard_normal(4000).cumsum()
    text = said("variation", save("b.npy", walk), "--critical")
    assert abs(float(re.search(r"p\* = ([\d.]+)", text)[1]) - 2) < 0.2
    assert "Critical" not in said("variation", "b.npy")


def test_the_distance_of_two_paths_is_given_level_by_level():
    other = WALK + 0.1 * np.sin(np.arange(40.0))[:, None]
    save("a.npy", WALK)
    save("b.npy", other)
    text = said("variation", "a.npy", "--against", "b.npy", "--p", 2.5)
    for level in (1, 2):
        assert float(cells(text, str(level))) == pytest.approx(
            rough.p_variation_distance(WALK, other, 2.5, level=level), rel=1e-11
        )
    assert f"Inhomogeneous distance {rough.p_variation_distance(WALK, other, 2.5):.12g}, the largest of 2" in text
    assert f"Homogeneous distance {rough.homogeneous_distance(WALK, other, 2.5):.12g}" in text
    text = said("variation", "a.npy", "--against", "b.npy", "--level", 1, "--norm", "l2")
    assert f"distance {rough.p_variation_distance(WALK, other, 2.0, level=1, norm='l2'):.12g}: p = 2, level 1" in text


def test_small_fast_circles_do_not_converge_to_the_point_they_shrink_to():
    turns, t = [2, 3, 4, 5, 6], np.linspace(0, 2 * np.pi, 36 * 40 + 1)
    names = [save(f"c{n}.npy", np.stack([np.cos(n * n * t), np.sin(n * n * t)], 1) / n) for n in turns]
    save("zero.npy", np.zeros((len(t), 2)))
    arguments = ("variation", *names, "--against", "zero.npy", "--p", 2.5, "--scale", "2,3,4,5,6")
    text = said(*arguments, "--figure", "d.png")
    assert "The sequence does not converge." in text and is_drawn(Path("d.png"))
    found = variations.converge(
        [path_files.read_path(name) for name in names], path_files.read_path("zero.npy"), 2.5, scale="2,3,4,5,6"
    )
    assert found.verdict == "does not converge" and list(found.scale) == turns
    rows = variations.convergence_rows([path_files.read_path(name) for name in names], found)
    assert [row[0] for row in rows] == [*names, "rate", "verdict"]
    assert float(rows[1][3]) == pytest.approx(found.distances[1, 1], rel=1e-5)


# Bad input


def two(first, second, a="a.csv", b="b.csv"):
    Path(a).write_text(first)
    Path(b).write_text(second)
    return a, "--against", b


def text_file(content, name="a.csv"):
    Path(name).write_text(content)
    return (name,)


def archive(**arrays):
    np.savez("a.npz", **arrays)
    return ("a.npz",)


BAD_FILES = {
    "decreasing times": (lambda: text_file("t,x\n0,1\n2,1\n1,5\n"), r"times in a\.csv, got 1 after 2 in line 4"),
    "repeated times": (lambda: text_file("t,x\n0,1\n0,2\n"), "increasing times in a.csv, got 0 after 0 in line 3"),
    "times in an archive": (lambda: archive(values=WALK, times=np.zeros(40)), r"got 0 after 0 in row 1 \(counted"),
    "too few times": (lambda: archive(values=WALK, times=np.arange(3.0)), r"one time a point.*got shape \(3,\)"),
    "a NaN": (lambda: text_file("x,y\n1,2\n3,nan\n"), r"cell of a\.csv, got missing cells .* in line 3, column y"),
    "a NaN in an array": (
        lambda: (save("a.npy", np.where(WALK[7, 1] == WALK, np.nan, WALK)),), r"NaN\) in a\.npy\[7, 1\] ",
    ),
    "an infinite time": (lambda: text_file("t,x\n0,1\ninf,2\n"), "got inf in line 3, column t"),
    "one point": (lambda: text_file("1,2\n"), r"a\.csv with at least two points, got 1"),
    "no channel": (lambda: text_file("t\n1\n2\n"), r"a\.csv with at least one channel"),
    "no channel in an array": (lambda: (save("a.npy", np.zeros((5, 0))),), "at least one channel"),
    "a word": (lambda: text_file("1,2\n3,up\n"), r"'up' in line 2, column 2"),
    "a missing file": (lambda: ("gone.csv",), r"gone\.csv, which does not exist"),
    "another kind of file": (lambda: text_file("1 2", "a.doc"), r"expected a \.csv, .* got a\.doc; rename it"),
    "four axes": (lambda: (np.save("a.npy", np.zeros((2, 3, 4, 5))), "a.npy")[1:], r"shape \(2, 3, 4, 5\); save one"),
    "text in an array": (lambda: (np.save("a.npy", np.array(["a", "b"])), "a.npy")[1:], "got text in column 1 "),
    "several arrays": (lambda: archive(a=WALK, b=WALK), "one named values, path, X, .*got a, b"),
    "an unknown column": (
        lambda: (*text_file("x,y\n1,2\n3,4\n"), "--times", "s"), r"a column of a\.csv \(x, y, or its number, 1 to 2\)",
    ),
    "a column beyond": (lambda: (*text_file("1,2\n3,4\n"), "--times", 3), "got '3'"),
}  # fmt: skip


def assert_refused(match, *arguments):
    before = sorted(path.name for path in Path().iterdir())
    result = call(*arguments)
    assert result.exit_code == 2, (result.output, result.exception)
    assert isinstance(result.exception, SystemExit) and result.stdout == ""
    assert re.search(match, result.stderr), result.stderr
    assert result.stderr.count("Error") == 1 and "Traceback" not in result.stderr
    assert sorted(path.name for path in Path().iterdir()) == before


def test_entries_whose_text_cannot_fit_are_refused_before_they_are_computed(monkeypatch):
    monkeypatch.setattr(capacity, "available_memory", lambda: 2.0**26)
    path = save("w.npy", WALK)
    for options in (("--json",), ("--out", "s.csv"), ("--out", "s.json"), ("--out", "s.csv", "--log", "--level", 23)):
        assert_refused(
            "entries as text to fit in memory.*or write them as .npy", "signature", path, "--level", 17, *options
        )


def test_twelve_digits_are_not_printed_of_single_precision():
    path = save("w.npy", WALK)
    with jax.enable_x64(False):
        assert_refused("a table of signatures to 12 digits needs float64: unset ROUGHNTK_ENABLE_X64", "signature", path)


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_path_is_refused_by_both_commands(name):
    make, match = BAD_FILES[name]
    arguments = make()
    for command in ("signature", "variation"):
        assert_refused(match, command, *arguments)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--level", 0), "level at least 1, got 0"),
        (("--level", 40), r"level 40 in 2 channels to fit in .* TiB .* are free; lower the level"),
        (("--level", "two"), "'--level'"),
        (("--backend", "eseg"), "did you mean 'esig'"),
        (("--log", "--basis", "lindon"), "did you mean 'lyndon'"),
        (("--basis", "lyndon"), "--basis with --log only"),
        (("--out", "s.txt"), r"end in \.csv, \.npy, \.json, got 's\.txt'"),
        (("--out", "nowhere/s.csv"), "a folder that exists"),
        (("--out", "w.npy"), "which is read"),
    ],
)
def test_bad_options_of_signature_are_refused(arguments, match):
    assert_refused(match, "signature", save("w.npy", WALK), *arguments)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--p", 0.5), "w.npy: expected a finite exponent p >= 1, got 0.5"),
        (("--p", "nan"), "exponent p >= 1, got nan"),
        (("--level", 0), "level at least 1, got 0"),
        (("--level", 30), "level 30 .* to fit in memory"),
        (("--norm", "l3"), "norm to be one of l1, l2"),
        (("--critical",), "w.npy: expected at least 128 points, got 40"),
        (("--scale", "1,2"), "--scale with --against"),
        (("--figure", "f.txt"), r"--figure to end in \.png"),
        (("--against", "w.npy", "--no-root"), "--no-root without --against"),
        (("--against", "w.npy", "--critical"), "--critical without --against"),
        (("--against", "w.npy", "--figure", "f.png"), "--figure with several files"),
        (("--against", "w.npy", "--p", 0.5), "w.npy against w.npy: .*p >= 1"),
        (("w.npy", "--against", "w.npy", "--level", 2), "no --level with several files"),
        (("w.npy", "--against", "w.npy", "--scale", "1;2"), "a number a file, with commas, got '1;2'"),
        (("w.npy", "--against", "w.npy", "--scale", "1"), "2 positive numbers"),
        (("--against", "gone.npy"), "gone.npy, which does not exist"),
    ],
)
def test_bad_options_of_variation_are_refused(arguments, match):
    assert_refused(match, "variation", save("w.npy", WALK), *arguments)


@pytest.mark.parametrize(
    ("first", "second", "match"),
    [
        ("1,2\n3,4\n", "1\n3\n", r"2 points and 1 channels of b\.csv in a\.csv, got 2 points and 2 channels"),
        ("1\n3\n4\n", "1\n3\n", r"2 points and 1 channels of b\.csv in a\.csv, got 3 points"),
        ("t,x\n0,1\n1,2\n", "t,x\n0,1\n3,2\n", r"interval of b\.csv \(0 to 3\) in a\.csv, got 0 to 1"),
        ("t,x\n0,1\n1,2\n2,2\n", "t,x\n0,1\n1.5,2\n2,2\n", r"times of b\.csv .* with 1 instead of 1\.5 at row 1"),
    ],
)
def test_paths_that_do_not_go_together_are_refused(first, second, match):
    assert_refused(match, "variation", *two(first, second))
    assert_refused(match, "variation", "a.csv", *two(first, second))


def test_a_backend_that_is_not_installed_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "esig", None)
    assert_refused(r"pip install 'roughntk\[esig\]'", "signature", save("w.npy", WALK), "--backend", "esig")


def test_a_result_that_cannot_be_written_is_refused_and_leaves_nothing(monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results.os, "replace", full)
    assert_refused("No space left", "signature", save("w.npy", WALK), "--out", "s.csv")
