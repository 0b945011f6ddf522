"""Proposition 7, Section 6 and Appendix A in the audit: verdicts, and what turns them."""

import dataclasses
import fractions
import sys

import numpy as np
import pytest
from other_subjects import of_layer

from roughntk.audit import biases, criteria, second_family
from roughntk.audit.claim import CORRECTED, FAILS, HOLDS, NOT_CERTIFIED, PROOF, UNDECIDED
from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import examine
from roughntk.audit.grounds import Grounds, expected_slopes
from roughntk.audit.subject import Subject

SUBJECT = Subject()
GROUNDS = Grounds(SUBJECT)
VERDICTS = {
    "proposition-7-limit": HOLDS,
    "proposition-7-positive-definite": FAILS,
    "section-6-criteria": CORRECTED,
    "section-6-second-family": FAILS,
    "appendix-a-biases": HOLDS,
}


def exponential(rho, depth):
    """A composition that is positive definite, and tends to 1: exp(eta - 1)."""
    state = np.asarray(rho, dtype=float)
    for _ in range(depth - 1):
        state = np.exp(state - 1)
    return state


def supports(claim, subject, about="statement"):
    """What each piece of evidence says, those that could not be had left out."""
    evidence, _ = CLAIMS[claim].examine(subject)
    return [each.supports for each in evidence if each.about == about and each.supports is not None]


@pytest.mark.parametrize("key", VERDICTS)
def test_the_verdicts_of_proposition_7_section_6_and_biases(key):
    examined = examine(CLAIMS[key], SUBJECT, GROUNDS)
    assert examined.verdict == VERDICTS[key], examined.reason
    assert bool(examined.correction) == (examined.verdict != HOLDS)
    assert all(each.text.endswith(".") for each in examined.evidence)


@pytest.mark.parametrize("key", ["proposition-7-limit", "proposition-7-positive-definite", "section-6-second-family"])
def test_another_map_in_place_of_the_second_family_turns_its_evidence_and_leaves_nothing_to_rest_on(key):
    subject = dataclasses.replace(SUBJECT, sigmoid=exponential)
    assert examine(CLAIMS[key], subject).verdict == UNDECIDED
    if key == "proposition-7-limit":
        assert False in supports(key, subject)
    else:
        assert all(supports(key, subject)) and False in supports(key, subject, "correction")


def test_without_python_flint_numbers_decide_and_the_evidence_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    for key in ("proposition-7-limit", "proposition-7-positive-definite"):
        examined = examine(CLAIMS[key], SUBJECT, GROUNDS)
        assert examined.verdict == VERDICTS[key]
        assert [each.supports for each in examined.evidence if each.text == NOT_CERTIFIED]
        assert PROOF not in examined.methods


def test_the_series_and_the_fixed_point_are_those_of_the_map():
    assert second_family.series_coefficients(4) == [fractions.Fraction(1, k) for k in (4, 4, 16, -48)]
    c, multiplier = second_family.fixed_point()
    # 20 digits by ball arithmetic; bisection in float64 gives all but the last two
    assert abs(c - 0.34178539979984478314) < 4e-16 and abs(multiplier - 0.28393880014361798035) < 8e-16


def wrong_criteria(kernel, deepest):
    return dict.fromkeys(("bounded", "positive definite", "determinant", "summable", "hyperbolic"), "holds") | {
        "has_limit": True
    }


def test_criteria_that_always_hold_leave_nothing_to_rest_on():
    subject = dataclasses.replace(SUBJECT, criteria=wrong_criteria)
    for key in ("section-6-criteria", "section-6-second-family"):
        assert examine(CLAIMS[key], subject).verdict == UNDECIDED
    assert True in supports("section-6-criteria", subject)
    assert False in supports("section-6-criteria", subject, "correction")


def test_a_recursion_that_keeps_the_covariance_turns_the_determinant_of_the_tangent_kernel():
    subject = of_layer(recursion=lambda K, rho, following, slope, depth: following)
    evidence, _ = CLAIMS["section-6-criteria"].examine(subject)
    assert evidence[0].supports and evidence[1].supports is False
    assert examine(CLAIMS["section-6-criteria"], subject).verdict == UNDECIDED


def test_a_network_without_biases_is_not_one_with_them():
    subject = dataclasses.replace(SUBJECT, biased=SUBJECT.tangent)
    assert examine(CLAIMS["appendix-a-biases"], subject).verdict == UNDECIDED
    assert supports("appendix-a-biases", subject) == [False, False, False, True]


def test_the_unnormalised_kernel_with_biases_obeys_its_recursion_by_hand():
    # one layer from |x|^2/n0 = 1.5, beta = 1, equal inputs: Sigma = 2.5, then 2.25, and Theta = 2.5/2 + 2.25
    same, other = biases.unnormalised(1.0, 1.0, 1)
    assert same == pytest.approx(3.5, abs=1e-12) and other == pytest.approx(3.5, abs=1e-9)
    assert expected_slopes(0.0) == pytest.approx(0.5, abs=1e-12)


def test_coefficients_with_the_level_taken_out_are_those_of_the_plain_system():
    X, x = np.eye(3, 4), np.full((1, 4), 0.5)
    plain = np.linalg.solve(np.exp(X @ X.T - 1), np.exp(X @ x.T - 1))
    kernel = lambda rho, depth: np.exp(np.asarray(rho) - 1)  # noqa: E731
    # condition number below 10
    np.testing.assert_allclose(criteria.kriging(kernel, X, x, 1), plain, rtol=0, atol=1e-13)
