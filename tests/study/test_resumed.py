"""A study that was ended goes on from what was finished, to the same bytes; nothing that was done is done again."""

import importlib
import json

import pytest
from routes import LAST_DEPTH, POINTS, TEST_POINTS
from typer.testing import CliRunner

import roughntk as rn
from roughntk.cli import app
from roughntk.files import checkpoints, running
from roughntk.study.analysis import closed_form, drivers, signatures, transport, variation

pipeline = importlib.import_module("roughntk.study.pipeline")
SETTINGS = {"points": POINTS, "test_points": TEST_POINTS, "depths": f"1:{LAST_DEPTH}", "command": "made by a test"}
WORK = (
    (closed_form, "known_solution"), (transport, "between_systems"), (drivers, "kernel_segment"),
    (signatures, "_seen"), (variation, "_records_at"),
)  # fmt: skip


class Ended(BaseException):
    """What ends a run."""


@pytest.fixture
def calls(monkeypatch):
    """How often each work was done; no figures are drawn, and every step is saved."""
    counts = dict.fromkeys((name for _, name in WORK), 0)

    def counted(name, work):
        def count(*given, **more):
            counts[name] += 1
            return work(*given, **more)

        return count

    for room, name in WORK:
        monkeypatch.setattr(room, name, counted(name, getattr(room, name)))
    monkeypatch.setattr(pipeline.figures, "draw_all", lambda study, folder: [])
    monkeypatch.setattr(checkpoints.Checkpoint, "is_due", True)
    return counts


def run(out, **more):
    told = []
    try:
        rn.study.run("digits", out=out, tell=told.append, **SETTINGS | more)
    except Ended:
        told.append("ended")
    return told


def end_at(monkeypatch, room, name, call=1):
    """The call of that number ends the run."""
    work, count = getattr(room, name), []

    def ends(*given, **more):
        count.append(None)
        if len(count) == call:
            raise Ended
        return work(*given, **more)

    monkeypatch.setattr(room, name, ends)


def unfinished(out):
    return sorted(out.parent.glob(f".{out.name}.unfinished-*"))


def test_an_ended_study_goes_on_step_by_step_to_the_same_bytes(tmp_path, written, calls, monkeypatch):
    out = tmp_path / "report"
    with monkeypatch.context() as patch:
        end_at(patch, transport, "between_systems", 6)
        assert run(out)[-2:] == [
            f"What was finished is in {unfinished(out)[0]}: the same run again goes on from there."
        ] + ["ended"]
    assert not out.exists() and calls["known_solution"] == LAST_DEPTH
    with monkeypatch.context() as patch:
        end_at(patch, variation, "_records_at", 3)
        told = run(out)
    assert told[0] == f"Resuming {out}: 1 of 7 stages were done, and 5 steps of transport."
    whole = {name: count for name, count in calls.items() if name != "_records_at"}
    assert whole == {
        "known_solution": LAST_DEPTH, "between_systems": 4 * (LAST_DEPTH - 1), "kernel_segment": LAST_DEPTH - 1,
        "_seen": (LAST_DEPTH - 1) * len(rn.rough.available_backends()),
    }  # fmt: skip
    assert run(out) == [f"Resuming {out}: 4 of 7 stages were done, and 2 steps of p-variation."]
    assert calls == whole | {"_records_at": LAST_DEPTH - 1}
    assert [path.name for path in tmp_path.iterdir()] == [out.name]  # nothing is left beside a finished report
    for path in (written.folder / "tables").iterdir():
        assert (out / "tables" / path.name).read_bytes() == path.read_bytes(), path.name
    text = (out / "study.json").read_text(), (written.folder / "study.json").read_text()
    records = [json.loads(each) for each in text]
    assert [each.pop("timings").keys() for each in records][0] == written.record["timings"].keys()
    assert json.dumps(records[0]) == json.dumps(records[1])


def begun(out, monkeypatch, **more):
    """A study that was ended after its first stage; the folder of what was finished."""
    with monkeypatch.context() as patch:
        end_at(patch, transport, "between_systems")
        run(out, **more)
    (folder,) = (each for each in unfinished(out))
    return folder


def test_what_is_left_of_other_settings_is_kept_and_named(tmp_path, calls, monkeypatch):
    out = tmp_path / "report"
    other = begun(out, monkeypatch, depths="2:4")
    before = {path.name: path.read_bytes() for path in other.iterdir()}
    with monkeypatch.context() as patch:
        end_at(patch, closed_form, "values_at")
        told = run(out, depths="2:3")
    assert told == [
        f"{other} holds an unfinished run that differs in depths (2:4 there, 2:3 here); it is kept: go on with it by "
        f"its own settings, or remove it.",
        "ended",
    ]
    assert {path.name: path.read_bytes() for path in other.iterdir()} == before
    assert unfinished(out) == [other]  # of the run in which nothing was finished nothing is left
    with monkeypatch.context() as patch:
        end_at(patch, closed_form, "values_at")
        assert run(out, depths="2:4", resume=False) == ["ended"]
    assert unfinished(out) == []


def test_a_damaged_file_and_a_second_run_are_refused_and_nothing_changes(tmp_path, calls, monkeypatch):
    out = tmp_path / "report"
    folder = begun(out, monkeypatch)
    file = folder / "closed-form.npz"
    lock = running.Lock(folder / "lock")
    with pytest.raises(rn.InputError, match=r"one run at a time .* another \(process \d+\) that is at it .*; wait for"):
        run(out)
    lock.release()
    whole = file.read_bytes()
    for damaged in (whole[:-40], whole[:200] + b"x" + whole[201:], b""):
        file.write_bytes(damaged)
        result = CliRunner().invoke(
            app, ["study", "digits", "--points", str(POINTS), "--test-points", str(TEST_POINTS), "--depths",
                  f"1:{LAST_DEPTH}", "--out", str(out)]
        )  # fmt: skip
        assert result.exit_code == 2
        message = " ".join(result.output.split())
        assert (
            f"got {file}, which is damaged or not whole; remove that file, so that this part is computed again"
            in message
        )
        assert "--no-resume" in message and file.read_bytes() == damaged and not out.exists()


def powers(exponent, name):
    return rn.kernels.sequence(lambda c, depth: c ** (exponent * depth), name=name)


def test_a_comparison_goes_on_within_its_second_family_where_its_functions_give_the_same(tmp_path, calls, monkeypatch):
    out, told = tmp_path / "report", []

    def compare(exponent):
        families = (powers(1, "a"), powers(exponent, "b"))
        rn.study.compare("sphere", families, out=out, tell=told.append, points=2, test_points=1, depths="2:3")

    with monkeypatch.context() as patch:
        end_at(patch, variation, "_records_at", 2)
        with pytest.raises(Ended):
            compare(2)
    (kept,) = unfinished(out)
    with monkeypatch.context() as patch:
        end_at(patch, closed_form, "values_at")
        with pytest.raises(Ended):
            compare(3)
    assert f"{kept} holds an unfinished run that differs in values of the family b; it is kept" in told[1]
    done = calls["known_solution"]
    compare(2)
    assert told[2] == f"Resuming {out}: 9 of 10 stages were done."
    assert calls["known_solution"] == done and calls["_records_at"] == 2
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
