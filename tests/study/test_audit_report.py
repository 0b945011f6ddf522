"""`rn.study.audit` and `roughntk audit`: the page, the record, what is kept of an interrupted run."""

import json

import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk.audit import examination
from roughntk.audit.claim import DIGITS, NOT_CERTIFIED, PROOF, UNDECIDED, Evidence
from roughntk.cli import app
from roughntk.study.auditing import pipeline
from roughntk.study.auditing.result import words

CHEAP = ["proposition-2", "proposition-4"]


def test_the_command_writes_a_page_and_a_record(tmp_path):
    out = tmp_path / "report"
    call = ["audit", *(f"--claim={key}" for key in CHEAP), "--out", str(out)]
    run = CliRunner().invoke(app, call)
    assert run.exit_code == 0, run.output
    assert "2 claims of the paper: 1 holds and 1 holds with correction." in run.stdout
    shown = " ".join(run.stdout.split())
    assert (
        "with values in [0, 1]. Verdict: holds with correction. What is true: The recurrence and K_L(x, x) = 1" in shown
    )
    assert "not in [0, 1]. (supports it: no; numeric" in shown and "0.0867 and 1. (supports it: yes;" in shown
    record = json.loads((out / "audit.json").read_text())
    assert record["counts"] == {"holds": 1, "holds with correction": 1}
    assert [each["key"] for each in record["claims"]] == CHEAP
    page = (out / "report.html").read_text()
    assert page.count("<section") == 5 and "What is true: The recurrence" in page
    for each in record["claims"]:
        assert each["evidence"] and all(piece["text"] for piece in each["evidence"])
    rows = (out / "tables" / "evidence.csv").read_text().count("\n") - 1
    assert rows == sum(len(each["evidence"]) for each in record["claims"])


def test_an_interrupted_audit_goes_on(tmp_path, monkeypatch):
    out, calls = tmp_path / "report", []

    def stops(claim, subject, grounds):
        calls.append(claim.key)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return examination.examine(claim, subject, grounds)

    monkeypatch.setattr(pipeline, "examine", stops)
    lines = []
    with pytest.raises(KeyboardInterrupt):
        rn.study.audit(CHEAP, out=out, tell=lines.append)
    assert not out.exists() and "the same run again goes on from there" in lines[-1]
    result = rn.study.audit(CHEAP, out=out, tell=lines.append)
    assert calls == [CHEAP[0], CHEAP[1], CHEAP[1]] and "1 of 2 stages were done" in lines[-1]
    assert [each.key for each in result.examined] == CHEAP and result.of(CHEAP[0]).verdict == "holds"
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
    rn.study.audit(CHEAP[:1], out=out, tell=lines.append, resume=False)
    assert calls[-1] == CHEAP[0] and len(calls) == 4


def test_without_python_flint_a_proof_is_not_certified_and_not_silent(monkeypatch):
    def missing(subject):
        raise rn.MissingBackendError("no flint")

    claim = pipeline.CLAIMS["proposition-2"]
    changed = type(claim)(claim.key, claim.place, claim.statement, missing)
    monkeypatch.setitem(pipeline.CLAIMS, "proposition-2", changed)
    result = rn.study.audit("proposition-2", out=None).of("proposition-2")
    assert result.verdict == UNDECIDED and "not certified here" in result.reason and "pip install" in result.reason


def test_a_wrong_layer_changes_the_verdict_and_a_wrong_driver_does_not():
    wrong = rn.audit.Subject.made_of(correlation_map=lambda z: (1 + z) / 2)
    assert rn.study.audit(CHEAP[0], out=None, subject=wrong).of(CHEAP[0]).verdict == UNDECIDED
    other = rn.audit.Subject(driver_rate=lambda A, derivative: derivative)
    assert rn.study.audit(CHEAP[0], out=None, subject=other).of(CHEAP[0]).verdict == "holds"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (["--claim", "theorem-9"], "expected claims among theorem-1"),
        (["--family", "nobody"], "nobody"),
    ],
)
def test_bad_input_is_refused(tmp_path, call, message):
    run = CliRunner().invoke(app, ["audit", *call, "--out", str(tmp_path / "out")])
    assert run.exit_code == 2 and message in " ".join(run.stderr.split())
    assert not (tmp_path / "out").exists()


def test_a_result_shows_itself():
    result = rn.study.audit(CHEAP[0], out=None)
    assert repr(result) == "<Audit: 1 claim of the paper: 1 holds>"
    assert "<table" in result._repr_html_() and list(result.to_dataframe().verdict.unique()) == ["holds"]
    assert [patch.get_width() for patch in result.plot().patches] == [1]


@pytest.mark.parametrize(("verdict", "one", "many"), [
    ("holds", "holds", "hold"), ("holds with correction", "holds with correction", "hold with correction"),
    ("fails", "fails", "fail"), ("not decidable here", "is not decidable here", "are not decidable here"),
])  # fmt: skip
def test_verdicts_after_numbers(verdict, one, many):
    assert (words(verdict, 1), words(verdict, 2)) == (one, many)


def test_evidence_that_could_not_be_had_is_named_at_the_top(tmp_path, monkeypatch):
    def some(subject):
        known = Evidence("statement", "1 < 2.", True, DIGITS)
        return [known, Evidence("statement", NOT_CERTIFIED, None, PROOF)], None

    claim = pipeline.CLAIMS["proposition-2"]
    monkeypatch.setitem(pipeline.CLAIMS, "proposition-2", type(claim)(claim.key, claim.place, claim.statement, some))
    result = rn.study.audit("proposition-2", out=tmp_path / "report")
    assert result.missing == [f"{NOT_CERTIFIED} (1 piece of evidence)."]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Missing: not certified here" in page[: page.index("Notation</h2>")]
    assert rn.study.audit("table-1-other-works", out=None).missing == []


def test_the_letters_of_the_paper_are_explained_where_its_claims_are(tmp_path):
    rn.study.audit(["theorem-2-increases"], family="sigmoid", out=tmp_path / "report")
    assert "Notation</h2>" not in (tmp_path / "report" / "report.html").read_text()
