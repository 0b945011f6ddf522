"""The claims that can be asked of any family: verdicts for some, and what turns them."""

import functools

import numpy as np
import pytest

import roughntk as rn
from roughntk import InputError
from roughntk.audit import families
from roughntk.audit.claim import FAILS, HOLDS, UNDECIDED
from roughntk.audit.examination import examine
from roughntk.audit.families import Measured, claims_of_family
from roughntk.audit.subject import Subject


def alternating(c, depth):
    """Bounded, positive definite, singular in the limit, with coefficients that alternate."""
    return 1 - (1 - np.exp((4 - 3 * (depth % 2)) * (np.asarray(c) - 1))) / depth


KEYS = (
    "section-6-bounded", "section-6-positive-definite", "section-6-determinant", "section-6-limit", "invertible",
    "theorem-2-limit", "theorem-2-increases", "theorem-3-drivers", "agreement",
)  # fmt: skip
VERDICTS = {
    "relu-ntk": (HOLDS, HOLDS, FAILS, HOLDS, FAILS, FAILS, FAILS, HOLDS, HOLDS),
    "relu-nngp": (HOLDS, HOLDS, HOLDS, HOLDS, FAILS, HOLDS, HOLDS, HOLDS, HOLDS),
    "sigmoid": (HOLDS, FAILS, HOLDS, HOLDS, HOLDS, HOLDS, HOLDS, FAILS, HOLDS),
    "alternating": (HOLDS, HOLDS, HOLDS, FAILS, HOLDS, UNDECIDED, FAILS, FAILS, UNDECIDED),
}


@functools.cache
def family(name):
    return rn.kernels.sequence(alternating) if name == "alternating" else rn.kernels.family(name)


@functools.cache
def criteria(name):
    return Measured(family(name)).criteria


@pytest.mark.parametrize("name", VERDICTS)
def test_the_verdicts_of_families_and_of_a_users_sequence(name):
    claims = claims_of_family(family(name))
    assert tuple(claims) == KEYS and all(claim.of_families for claim in claims.values())
    examined = {key: examine(claim, Subject()) for key, claim in claims.items()}
    assert tuple(each.verdict for each in examined.values()) == VERDICTS[name]
    for each in examined.values():
        assert each.statement.startswith(f"For {family(name).name}: ") and not each.rests_on
        assert all(piece.text.endswith(".") for piece in each.evidence)


@pytest.mark.parametrize(
    ("name", "other", "look"),
    [
        ("sigmoid", "relu-nngp", families._positive_definite),
        ("relu-ntk", "relu-nngp", families._determinant),
        ("relu-nngp", "relu-ntk", families._determinant),
        ("alternating", "relu-nngp", families._limit),
    ],
)
def test_criteria_that_do_not_fit_what_is_seen_leave_nothing_to_rest_on(name, other, look):
    measured = Measured(family(name))
    measured.criteria = criteria(other)
    evidence, _ = look(measured)
    assert [each.supports for each in evidence if each.about == "ground"] == [False]


def test_classification_and_criteria_of_two_families_do_not_agree():
    measured = Measured(family("relu-ntk"))
    measured.criteria = criteria("relu-nngp")
    assert families._agreement(measured)[0][0].supports is False


def test_eigenvalues_on_a_circle_are_those_of_its_matrix_and_what_is_no_family_is_refused():
    measured = Measured(family("relu-ntk"))
    turn = 2 * np.pi * np.arange(7) / 7
    K = measured.matrix(np.stack([np.cos(turn), np.sin(turn)], axis=1), 3)
    # 7 eigenvalues of a matrix with entries up to 1
    np.testing.assert_allclose(np.sort(families.circulant(measured, 7, 3)), np.linalg.eigvalsh(K), rtol=0, atol=1e-13)
    with pytest.raises(InputError, match="expected a kernel family"):
        claims_of_family(3.0)


def test_a_kernel_of_low_rank_is_not_said_to_be_positive_definite():
    """1/4 + 3/4 c^2 has rank 3 on points of a circle, whose other eigenvalues are 0 to rounding at every depth."""
    low = claims_of_family(lambda c, depth: 0.25 + 0.75 * c**2)["section-6-positive-definite"]
    assert examine(low, Subject()).verdict == UNDECIDED


def test_a_determinant_that_swings_on_its_way_to_0_is_seen_to_fall():
    swinging = claims_of_family(lambda c, depth: np.exp(-(2 + np.sin(depth)) * (1 - np.asarray(c)) / depth))
    assert examine(swinging["section-6-determinant"], Subject()).verdict == HOLDS


@pytest.mark.parametrize(("kernel", "verdict"), [
    (lambda c, depth: 0.25 + 0.75 * c, FAILS), (lambda c, depth: 0 * c, UNDECIDED),
])  # fmt: skip
def test_what_stays_or_has_no_diagonal_does_not_increase(kernel, verdict):
    assert examine(claims_of_family(kernel)["theorem-2-increases"], Subject()).verdict == verdict
