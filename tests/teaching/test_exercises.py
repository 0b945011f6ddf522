"""Exercises: right answers are accepted, wrong ones refused with what is wrong, and what is no answer is an error."""

import dataclasses
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import roughntk as rn
from roughntk.teaching import Exercise, collection

EVERY = {exercise.key: exercise for exercise in rn.teaching.questions()}
ARRAY = np.array([[1.0, 2.0], [3.0, 0.0]])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, Any], Any]:
    """`check` on one exercise with the given answer and tolerance."""

    def ask(right: Any, answer: Any, tolerance: float = 1e-3) -> Any:
        exercise = Exercise("1.1", "What?", lambda: right, tolerance, hint="Think.", explanation="Because.")
        monkeypatch.setattr(collection, "tutorials", lambda: [1])
        monkeypatch.setattr(collection, "of_tutorial", lambda number: (exercise,))
        return rn.teaching.check("1.1", answer)

    return ask


def wrong_for(right: Any) -> list[Any]:
    """Answers of the right kind that are obviously wrong."""
    if isinstance(right, str):
        return [right + "x"]
    if isinstance(right, bool | np.bool_):
        return [not right]
    values = np.asarray(right, dtype=float)
    moved = [values + 1 + np.abs(values), -values - 1]
    return [float(each) for each in moved] if values.ndim == 0 else moved


@pytest.mark.parametrize("key", EVERY)
def test_the_right_answer_of_an_exercise_is_accepted_and_wrong_ones_are_not(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = EVERY[key].answer()
    assert isinstance(right, str | bool | np.bool_) or np.isfinite(np.asarray(right, dtype=float)).all()
    known = dataclasses.replace(EVERY[key], answer=lambda: right)  # computed once: it may take a while
    monkeypatch.setattr(collection, "of_tutorial", lambda number: (known,))
    assert rn.teaching.check(key, right)
    for wrong in wrong_for(right):
        checked = rn.teaching.check(key, wrong)
        assert not checked and checked.remark and checked.note == EVERY[key].hint


@pytest.mark.parametrize("number", collection.tutorials())
def test_a_tutorial_has_three_or_four_exercises_with_hints_and_explanations(number: int) -> None:
    listed = rn.teaching.questions(number)
    assert [each.key for each in listed] == [f"{number}.{place}" for place in range(1, len(listed) + 1)]
    assert 3 <= len(listed) <= 4
    assert all(each.question.strip() and each.hint.strip() and each.explanation.strip() for each in listed)


@pytest.mark.parametrize(
    ("right", "answer"),
    [
        (2.0, 2), (2.0, np.float32(2.001)), (0.0, 1e-4), (np.float64(3), 3), (7, 7.0), (np.inf, np.inf),
        (True, np.True_), (np.False_, False), ("rough path", " Rough  PATH"), ("ODE", "ode"),
        (ARRAY, ARRAY.tolist()), (ARRAY, ARRAY * 1.0005), (ARRAY, ARRAY + 1e-7), (np.array([np.inf, 1.0]), [np.inf, 1]),
    ],
)  # fmt: skip
def test_an_answer_within_the_tolerance_is_right(asked: Callable[..., Any], right: Any, answer: Any) -> None:
    checked = asked(right, answer)
    assert checked and checked.remark == "" and repr(checked) == "1.1: right. Because."


@pytest.mark.parametrize(
    ("right", "answer", "remark"),
    [
        (2.0, 2.01, "Close"), (2.0, -2.0, "sign"), (2.0, 0.5, "reciprocal"), (2.0, 2 * np.pi, "factor"),
        (2.0, 2e4, "size"), (2.0, 3.1, "3.1 is not it"), (2.0, -3.1, "the sign is wrong, too"), (0.0, 0.5, "not it"),
        (2.0, np.inf, "infinite"), (True, False, "not False"), ("ODE", "SDE", "not it"),
        (ARRAY, ARRAY.T, "transposed"), (ARRAY, -ARRAY, "sign"), (ARRAY, 5 * ARRAY, "constant factor"),
        (ARRAY, np.abs(ARRAY) * [[1, -1], [1, 1]], "up to signs"), (ARRAY, ARRAY * 1.01, "Close"),
        (ARRAY, ARRAY[::-1], "another order"), (ARRAY, ARRAY + [[0, 0], [0, 1]], "3 of 4 entries are right"),
        (ARRAY, ARRAY.ravel(), "Reshape"), (ARRAY[:1], ARRAY[:1].T, "Transpose"), (ARRAY, [1.0], r"shape is \(1,\)"),
        (ARRAY, [[1, 2], [3, np.inf]], "infinite"),
    ],
)  # fmt: skip
def test_a_wrong_answer_is_told_what_is_wrong_and_gets_the_hint(
    asked: Callable[..., Any], right: Any, answer: Any, remark: str
) -> None:
    checked = asked(right, answer)
    assert not checked and re.search(remark, checked.remark)
    assert repr(checked).endswith("Hint: Think.") and "Because" not in repr(checked)


def test_an_exact_answer_is_exact(asked: Callable[..., Any]) -> None:
    assert asked(277, 277, 0.0)
    assert "exactly" in asked(277, 278, 0.0).remark


@pytest.mark.parametrize(
    ("right", "answer", "message"),
    [
        (2.0, "2", "one real number"), (2.0, True, "one real number"), (2.0, [2.0], "one real number"),
        (2.0, np.array([2.0]), "take the entry"), (2.0, float("nan"), "NaN"), (2.0, None, "one real number"),
        (2.0, 2j, "one real number"), (True, 1, "True or False"), ("ODE", 3, "expected text"), (ARRAY, "x", "array"),
        (ARRAY, [[1, 2], [3, np.nan]], "NaN"), (ARRAY, [[1, 2], [3]], "expected"), (ARRAY, None, "array"),
        (ARRAY, True, "array"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(asked: Callable[..., Any], right: Any, answer: Any, message: str) -> None:
    with pytest.raises(rn.InputError, match=message):
        asked(right, answer)


@pytest.mark.parametrize("key", ["9999.1", "1.99", "", "1", 1.1, None, "1.1.1", "²." + "1"])
def test_an_unknown_key_is_refused_with_the_keys_there_are(key: Any) -> None:
    for function in (lambda: rn.teaching.check(key, 1.0), lambda: rn.teaching.hint(key)):
        with pytest.raises(rn.InputError, match=r"one of 1\.1, 1\.2"):
            function()


@pytest.mark.parametrize("number", [0, 9999, 1.5, "1", True])
def test_an_unknown_tutorial_is_refused(number: Any) -> None:
    with pytest.raises(rn.InputError, match="number of a tutorial"):
        rn.teaching.questions(number)


def test_questions_are_listed_in_the_order_of_their_tutorials_and_print_as_text() -> None:
    listed = rn.teaching.questions()
    assert [each.tutorial for each in listed] == sorted(each.tutorial for each in listed)
    assert repr(rn.teaching.questions(1)).splitlines()[0].startswith("Exercise 1.1: ")
    assert rn.teaching.hint("1.1") == listed[0].hint


@pytest.mark.parametrize(
    "change", [{"key": "1"}, {"key": "0.1"}, {"key": 1.1}, {"answer": 3.0}, {"tolerance": -1.0}, {"tolerance": 1.0}]
)
def test_an_exercise_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(rn.InputError):
        Exercise(**({"key": "1.1", "question": "What?", "answer": lambda: 1.0} | change))


def test_a_script_saves_its_figures_where_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["02_name.py", str(tmp_path / "figure.png")])
    assert [rn.teaching.keep(Figure()).name for _ in range(2)] == ["figure.png", "figure-2.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure-2.png", "figure.png"]
    assert capsys.readouterr().out.count("Figure: ") == 2
    monkeypatch.setattr(sys, "argv", ["02_name.py"])
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    saved = rn.teaching.keep(Figure())
    assert saved.name == "02_name.png" and saved.is_relative_to(tmp_path)


@pytest.mark.parametrize("argument", ["-q", "figure", "missing/figure.png", "figure.txt"])
def test_a_name_that_is_no_picture_is_refused(argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["02_name.py", argument])
    with pytest.raises(rn.InputError, match="name of a picture"):
        rn.teaching.keep(Figure())
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_shows_the_figure_and_saves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    python, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    monkeypatch.setattr(python, "get_ipython", object, raising=False)
    monkeypatch.setattr(display, "Image", lambda data, width: (data[:4], width), raising=False)
    monkeypatch.setattr(display, "display", shown.append, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    assert rn.teaching.keep(Figure(figsize=(5, 3))) is None
    assert shown == [(b"\x89PNG", 480)]


def test_marimo_gets_the_figure_back(monkeypatch: pytest.MonkeyPatch) -> None:
    marimo = types.ModuleType("marimo")
    monkeypatch.setattr(marimo, "running_in_notebook", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    figure = Figure()
    assert rn.teaching.keep(figure) is figure
