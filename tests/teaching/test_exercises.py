"""Exercises: right answers are accepted, wrong ones refused with what is wrong, and what is no answer is an error."""

import atexit
import dataclasses
import functools
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
from roughntk.teaching import Exercise, collection, figures

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


@pytest.fixture(scope="module")
def answers() -> Callable[[str], Any]:
    """The answer of an exercise, computed once."""
    return functools.cache(lambda key: EVERY[key].answer())


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
    key: str, answers: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = answers(key)
    assert isinstance(right, str | bool | np.bool_) or np.isfinite(np.asarray(right, dtype=float)).all()
    known = dataclasses.replace(EVERY[key], answer=lambda: right)  # computed once: it may take a while
    monkeypatch.setattr(collection, "of_tutorial", lambda number: (known,))
    assert rn.teaching.check(key, right)
    for wrong in wrong_for(right):
        checked = rn.teaching.check(key, wrong)
        assert not checked and checked.remark and checked.note == EVERY[key].hint


@pytest.mark.parametrize("key", EVERY)
def test_a_question_says_how_many_digits_are_wanted_where_the_answer_is_no_whole_number(
    key: str, answers: Callable[[str], Any]
) -> None:
    right = answers(key)
    if isinstance(right, str | bool | np.bool_) or EVERY[key].tolerance == 0:
        return
    values = np.asarray(right, dtype=float)
    if np.abs(values - np.round(values)).max() > 1e-3:
        assert re.search(r"digits| %", EVERY[key].question)


@pytest.mark.parametrize(("key", "digits"), [
    ("1.3", 3), ("2.1", 4), ("2.2", 4), ("2.3", 4), ("2.4", 4), ("3.1", 4), ("3.3", 4), ("3.4", 4), ("4.1", 4),
    ("4.2", 4), ("5.1", 3), ("7.2", 2), ("7.3", 3), ("8.1", 4), ("8.2", 3), ("9.1", 2), ("9.2", 3), ("9.3", 3),
    ("10.2", 3), ("10.3", 3), ("11.1", 2), ("11.2", 3), ("11.3", 3), ("12.2", 3), ("12.4", 3),
])  # fmt: skip
def test_an_answer_rounded_to_the_digits_that_the_question_asks_for_is_right(
    key: str, digits: int, answers: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = np.asarray(answers(key), dtype=float)
    known = dataclasses.replace(EVERY[key], answer=lambda: answers(key))
    monkeypatch.setattr(collection, "of_tutorial", lambda number: (known,))
    rounded = np.vectorize(lambda value: float(f"{value:.{digits - 1}e}"))(right)
    assert rn.teaching.check(key, float(rounded) if rounded.ndim == 0 else rounded)
    assert re.search(f"{('two', 'three', 'four')[digits - 2]} digits", EVERY[key].question, re.IGNORECASE)


@pytest.mark.parametrize(("key", "answer"), [
    ("2.1", 0.5765), ("2.2", 83.11), ("2.3", 2.370), ("7.2", 0.5**2 / 8), ("7.3", 1.22), ("5.1", 2.46), ("11.3", 1.8),
    ("12.2", 0.00169), ("3.3", [0.4131, 0.1054]),
])  # fmt: skip
def test_answers_that_a_reader_gave_are_accepted(
    key: str, answer: Any, answers: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dataclasses.replace(EVERY[key], answer=lambda: answers(key))
    monkeypatch.setattr(collection, "of_tutorial", lambda number: (known,))
    assert rn.teaching.check(key, answer)


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
    ("right", "answer", "remark"),
    [
        (3, 1, "1 is not it."), (3, 6, "6 is not it."), (3, 9.0, "9 is not it."), (3, -3, "-3 is not it."),
        (2, 0.5, "A whole number is asked for."), (2, 2.0001, "A whole number is asked for."),
        (3, -(10**400), "One is infinite, the other is not, or the signs differ."),
    ],
)  # fmt: skip
def test_a_wrong_whole_number_is_not_told_by_what_it_is_wrong(
    asked: Callable[..., Any], right: int, answer: Any, remark: str
) -> None:
    assert asked(right, answer, 0.0).remark == remark


@pytest.mark.parametrize(
    ("right", "answer"),
    [
        (0.57645427, 0.5765), (0.57645427, np.float32(0.5765)), (83.112095, 83.11), (2.3704475, 2.370),
        (-1 / 3, -0.3333), (0.99998, 1.0), (0.00169312, 0.001693), (1949.7, 1950), (0.57645427, 0.57645),
        ([0.57645427, 83.112095], [0.5765, 83.11]), ([0.57645427, 0.0], np.array([0.5765, 0.0], dtype=np.float32)),
    ],
)  # fmt: skip
def test_a_number_rounded_to_four_digits_or_more_is_right(asked: Callable[..., Any], right: Any, answer: Any) -> None:
    assert asked(right, answer, 1e-9)


@pytest.mark.parametrize(
    ("right", "answer", "tolerance", "digits"),
    [
        (0.57645427, 0.576, 1e-6, "four"), (0.57645427, 0.58, 1e-6, "four"), (83.112095, 83, 1e-6, "four"),
        (1.22135, 1.2, 5e-3, "three"), (0.03191, 0.03, 0.025, "two"), (2.456, 2.5, 2.5e-3, "three"),
        ([0.57645427, 83.112095], [0.576, 83.11], 1e-6, "four"), ([0.0, 3.3333], [0.0, 3.33], 1e-6, "four"),
    ],
)  # fmt: skip
def test_a_number_with_too_few_right_digits_is_told_so_without_a_hint(
    asked: Callable[..., Any], right: Any, answer: Any, tolerance: float, digits: str
) -> None:
    checked = asked(right, answer, tolerance)
    assert not checked and checked.note == ""
    assert repr(checked) == f"1.1: not yet. Right to the digits given; give at least {digits}."
    assert "Hint" not in checked._repr_markdown_()


@pytest.mark.parametrize(
    ("right", "answer"),
    [(0.57645427, 0.5764), (0.57645427, 0.57646), (1.22135, 1), (2.3704475, 2.371), ([0.57645427, 1.0], [0.5764, 1.0])],
)  # fmt: skip
def test_a_number_rounded_to_another_one_is_wrong(asked: Callable[..., Any], right: Any, answer: Any) -> None:
    checked = asked(right, answer, 1e-6)
    assert not checked and checked.note == "Think."


def test_one_is_not_told_that_a_factor_was_forgotten(asked: Callable[..., Any]) -> None:
    assert asked(1.0, 0.5).remark == "0.5 is not it."
    assert "four digits" in asked(0.57645427, 0.5764, 1e-6).remark and "0.1 %" in asked(2.0, 2.01, 1e-3).remark


@pytest.mark.parametrize(
    ("right", "answer", "message"),
    [
        (2.0, "2", "one real number"), (2.0, True, "one real number"), (2.0, [2.0], "take the entry"),
        (2.0, np.array([2.0]), "take the entry"), (2.0, float("nan"), "NaN"), (2.0, None, "one real number"),
        (2.0, 2j, "one real number"), (True, 1, "True or False"), ("ODE", 3, "expected text"), (ARRAY, "x", "array"),
        (ARRAY, [[1, 2], [3, np.nan]], "NaN"), (ARRAY, [[1, 2], [3]], "expected"), (ARRAY, None, "array"),
        (ARRAY, True, "array"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_refused(asked: Callable[..., Any], right: Any, answer: Any, message: str) -> None:
    with pytest.raises(rn.InputError, match=message):
        asked(right, answer)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("9999.1", 'as "1.1", got'), ("", 'as "1.1", got'), (None, 'as "1.1", got'), ("1.1.1", 'as "1.1", got'),
        ("².1", 'as "1.1", got'), (True, 'as "1.1", got'), ([2.1], 'as "1.1", got'), (float("nan"), 'as "1.1", got'),
        ("2.9", "one of 2.1, 2.2, 2.3, 2.4, got '2.9'; rn.teaching.questions(2) lists them"),
        ("2", "one of 2.1, 2.2, 2.3, 2.4, got '2'"), (2.9, "rn.teaching.questions(2) lists them"),
        (2.1, 'write "2.1"'), ("2,1", 'write "2.1"'), (np.float64(2.1), 'write "2.1"'),
    ],
)  # fmt: skip
def test_an_unknown_key_is_refused_with_the_keys_of_its_tutorial(key: Any, message: str) -> None:
    for function in (lambda: rn.teaching.check(key, 1.0), lambda: rn.teaching.hint(key)):
        with pytest.raises(rn.InputError, match=re.escape(message)) as refused:
            function()
        assert "3.1" not in str(refused.value)


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


@pytest.fixture
def at_the_end(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What is to be done when the process ends."""
    registered: list[tuple[Any, ...]] = []
    monkeypatch.setattr(atexit, "register", lambda *what: registered.append(what))
    monkeypatch.setattr(figures, "_announced", set())
    return registered


@pytest.mark.parametrize(
    ("script", "number"), [("05_rough_paths.py", 5), ("99_none.py", 0), ("mine.py", 0), ("5_a.py", 0)]
)
def test_a_script_of_a_tutorial_names_its_exercises_once_when_it_ends(
    script: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_the_end: list[tuple[Any, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", [f"folder/{script}", str(tmp_path / "figure.png")])
    for _ in range(2):
        rn.teaching.keep(Figure())
    assert "Exercises" not in capsys.readouterr().out
    for function, *arguments in at_the_end:
        function(*arguments)
    line = f'Exercises: rn.teaching.questions({number}), and rn.teaching.check("{number}.1", your answer)\n'
    assert capsys.readouterr().out == (line if number else "")


def test_a_script_saves_its_figures_where_it_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_the_end: list[tuple[Any, ...]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
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


def test_a_notebook_shows_the_figure_and_saves_none(
    monkeypatch: pytest.MonkeyPatch, at_the_end: list[tuple[Any, ...]]
) -> None:
    shown: list[Any] = []
    python, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    monkeypatch.setattr(python, "get_ipython", object, raising=False)
    monkeypatch.setattr(display, "Image", lambda data, width: (data[:4], width), raising=False)
    monkeypatch.setattr(display, "display", shown.append, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.setattr(sys, "argv", ["05_rough_paths.py"])
    assert rn.teaching.keep(Figure(figsize=(5, 3))) is None
    assert at_the_end == [] and shown == [(b"\x89PNG", 480)]


def test_marimo_gets_the_figure_back(monkeypatch: pytest.MonkeyPatch) -> None:
    marimo = types.ModuleType("marimo")
    monkeypatch.setattr(marimo, "running_in_notebook", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "marimo", marimo)
    figure = Figure()
    assert rn.teaching.keep(figure) is figure
