"""The verdicts on Section 4, Lemma 1, Theorems 2 and 3, Propositions 3, 5 and 6, for what this package computes."""

import json
import math
import sys

import pytest

from roughntk.audit.claim import CORRECTED, FAILS, HOLDS, METHODS, NOT_CERTIFIED, PROOF
from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import examine
from roughntk.audit.grounds import Grounds
from roughntk.audit.subject import Subject
from roughntk.certify import inequalities

SUBJECT = Subject()
GROUNDS = Grounds(SUBJECT)
VERDICTS = {
    "case-a": (CORRECTED, {"tangent"}),
    "case-b": (CORRECTED, {"tangent", "project"}),
    "case-c": (CORRECTED, {"tangent", "lift"}),
    "proposition-3": (HOLDS, {"predict"}),
    "proposition-6": (HOLDS, {"predict"}),
    "lemma-1": (HOLDS, {"covariance"}),
    "theorem-2": (FAILS, {"tangent"}),
    "section-6-rate": (CORRECTED, {"tangent"}),
    "determinant-to-zero": (FAILS, {"tangent", "covariance", "sigmoid"}),
    "definition-6": (HOLDS, {"tangent", "clock"}),
    "proposition-5": (HOLDS, {"clock"}),
    "proposition-5-4": (FAILS, {"clock"}),
    "equation-5": (HOLDS, {"driver_rate", "transport"}),
    "determinant-chain": (HOLDS, {"tangent"}),
    "theorem-3-drivers": (CORRECTED, {"tangent", "driver_rate", "clock"}),
    "theorem-3-limit": (HOLDS, {"tangent"}),
    "theorem-3-continuity": (FAILS, {"tangent", "sigmoid"}),
    "theorem-3-rough": (FAILS, {"tangent", "driver_rate"}),
    "driving-paths-vanish": (HOLDS, {"tangent", "driver_rate", "lifts"}),
}  # fmt: skip


@pytest.mark.parametrize("key", VERDICTS)
def test_the_verdict_on_the_package_rests_on_what_the_claim_is_about(key: str) -> None:
    wanted, ingredients = VERDICTS[key]
    result = examine(CLAIMS[key], SUBJECT, GROUNDS)
    assert (result.verdict, set(result.rests_on)) == (wanted, ingredients), result.reason
    assert bool(result.correction) == (wanted != HOLDS and bool(CLAIMS[key].correction))
    assert set(result.methods) <= set(METHODS)
    for each in result.evidence:
        assert each.text.endswith(".") and "nan" not in each.text.split(), each.text
        json.dumps(each.numbers, allow_nan=False)
    if result.picture is not None:
        for curve in result.picture.curves:
            assert len(curve.x) == len(curve.y) <= 200
            assert all(map(math.isfinite, (*curve.x, *curve.y)))


def test_without_python_flint_the_proofs_are_missing_and_the_verdicts_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    inequalities.unproven.cache_clear()  # what was proven before stays proven
    for key in ("theorem-2", "lemma-1", "case-a", "theorem-3-limit", "proposition-5-4", "determinant-to-zero"):
        evidence, _ = CLAIMS[key].examine(SUBJECT)
        proofs = [each for each in evidence if each.method == PROOF]
        assert all(each.supports is None and each.text == NOT_CERTIFIED for each in proofs)
        assert bool(proofs) == (key != "proposition-5-4")
        assert examine(CLAIMS[key], SUBJECT, GROUNDS).verdict == VERDICTS[key][0]
