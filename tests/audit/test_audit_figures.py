"""Figure 1, Table 1 and the mean-field remark in the audit: verdicts, and what turns them."""

import dataclasses
import math

import numpy as np
import pytest
from other_subjects import averaged, of_layer

from roughntk.audit import figures
from roughntk.audit.claim import FAILS, HOLDS, UNDECIDED
from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import examine
from roughntk.audit.grounds import Grounds
from roughntk.audit.subject import Subject

SUBJECT = Subject()
GROUNDS = Grounds(SUBJECT)
VERDICTS = {"figure-1": FAILS, "table-1": FAILS, "table-1-other-works": UNDECIDED, "mean-field-remark": HOLDS}


@pytest.mark.parametrize("key", VERDICTS)
def test_the_verdicts_on_figure_1_table_1_and_mean_field_theory(key):
    examined = examine(CLAIMS[key], SUBJECT, GROUNDS)
    assert examined.verdict == VERDICTS[key], examined.reason
    if key == "table-1-other-works":
        assert not examined.rests_on and "the texts are not here" in examined.reason


def test_a_kernel_that_does_tend_to_one_is_seen_to():
    subject = of_layer(recursion=averaged)
    evidence, _ = CLAIMS["table-1"].examine(subject)
    first, *_, last = [each for each in evidence if each.supports is not None]
    assert first.supports and first.about == "statement" and last.supports is False and last.about == "correction"
    assert examine(CLAIMS["table-1"], subject).verdict == UNDECIDED


def test_a_layer_that_is_not_critical_turns_the_remark():
    subject = dataclasses.replace(SUBJECT, slope=lambda z: 0.9 * SUBJECT.slope(z))
    evidence, _ = CLAIMS["mean-field-remark"].examine(subject)
    assert [each.supports for each in evidence] == [False, True, True, True]
    without = dataclasses.replace(SUBJECT, biased=SUBJECT.tangent)
    assert CLAIMS["mean-field-remark"].examine(without)[0][2].supports is False


def test_the_erf_network_has_the_multiplier_of_its_map():
    for variance in (1.0, 2.5):
        q, multiplier, correlations = figures.erf_network(variance)
        h = 1e-4
        step = [
            (variance * 2 / math.pi * math.asin(2 * q * c / (1 + 2 * q)) + 0.1) / q for c in (1 - 2 * h, 1 - h, 1.0)
        ]
        # one-sided, of order h^2
        assert (3 * step[2] - 4 * step[1] + step[0]) / (2 * h) == pytest.approx(multiplier, rel=1e-6)
        assert step[2] == pytest.approx(1.0, abs=1e-12) and np.isfinite(correlations).all()


def test_the_coefficients_of_the_second_family_are_compared_with_their_limit_and_not_with_rounding():
    """lambda^11 = 1e-6 is left at depth 12; at depth 20 the same comparison shows 4e-5, all of it rounding."""
    examined = examine(CLAIMS["figure-1"], Subject())
    assert next(piece.numbers["moved"] for piece in examined.evidence if "moved" in piece.numbers) < 2e-6
