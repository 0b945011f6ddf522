"""A wrong ingredient changes the verdicts of the claims that take it, and no others."""

import dataclasses

import numpy as np
import pytest
from other_subjects import averaged, derivative, h, of_layer

from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import examine
from roughntk.audit.grounds import Grounds

DEAR = {
    "theorem-1", "proposition-1", "case-a", "definition-6", "section-6-criteria", "section-6-second-family", "figure-1",
    "mean-field-remark", "conclusion-conjecture", "joint-limit-ones", "driving-paths-vanish",
    "appendix-c-tensor-algebra", "appendix-c-ito-lyons", "appendix-c-norm", "appendix-c-metric",
}  # fmt: skip
"""Random networks, signatures, and what takes seconds: the full audit and other tests have them."""
KEYS = [key for key in CLAIMS if key not in DEAR]
RIGHT = of_layer()
WRONG = {
    "a wrong h": (of_layer(correlation_map=lambda z: 0.9 * h(z)), {"correlation_map", "covariance", "tangent"}),
    "a wrong slope": (of_layer(slope=lambda z: derivative(z) ** 2), {"slope", "tangent"}),
    "a wrong recursion": (of_layer(recursion=averaged), {"tangent"}),
    "a wrong driver": (
        dataclasses.replace(RIGHT, driver_rate=lambda A, change: np.linalg.solve(A + np.eye(len(A)), change)),
        {"driver_rate"},
    ),
    "a wrong clock": (dataclasses.replace(RIGHT, clock=lambda z, d: (1 + np.asarray(z)) / 2), {"clock"}),
    "another second family": (
        dataclasses.replace(RIGHT, sigmoid=lambda rho, depth: RIGHT.sigmoid(rho, depth) + 1e-3), {"sigmoid"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def known():
    grounds = Grounds(RIGHT)
    return {key: examine(CLAIMS[key], RIGHT, grounds) for key in KEYS}


@pytest.mark.parametrize("name", WRONG)
def test_the_verdicts_that_depend_on_it_change_and_only_those(name, known):
    subject, replaced = WRONG[name]
    grounds = Grounds(subject)
    depend = {key for key in KEYS if replaced & set(known[key].rests_on)}
    again = KEYS if name in ("a wrong h", "a wrong driver") else depend  # what takes none of it cannot see it
    verdicts = {key: examine(CLAIMS[key], subject, grounds).verdict for key in again}
    changed = {key for key in again if verdicts[key] != known[key].verdict}
    assert changed == depend and len(depend) >= 2
