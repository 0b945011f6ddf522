"""The rule that reads verdicts off evidence, the watched subject, and the grounds, each of them broken once."""

import dataclasses
import math

import numpy as np
import pytest

import roughntk as rn
from roughntk.audit.claim import CORRECTED, DIGITS, FAILS, HOLDS, UNDECIDED, Claim, Evidence, decide
from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import chosen, examine
from roughntk.audit.families import claims_of_family
from roughntk.audit.grounds import GROUNDS, Grounds, iterated_sums
from roughntk.audit.subject import Subject, Watched


def piece(about, supports):
    return Evidence(about, f"{about} {supports}.", supports, DIGITS)


def claim(correction="", keeps=True, evidence=()):
    return Claim("k", "K", "statement", lambda subject: (list(evidence), None), correction, keeps)


CASES = {
    "all of it supports the statement": (claim(), [piece("statement", True)] * 2, HOLDS),
    "one piece of two does not": (claim(), [piece("statement", True), piece("statement", False)], FAILS),
    "a correction that keeps the conclusion": (
        claim("c"), [piece("statement", False), piece("correction", True)], CORRECTED,
    ),
    "a correction that says something else": (
        claim("c", keeps=False), [piece("statement", False), piece("correction", True)], FAILS,
    ),
    "a correction that is not supported": (
        claim("c"), [piece("statement", False), piece("correction", True), piece("correction", False)], UNDECIDED,
    ),
    "a correction that nothing was found on": (
        claim("c"), [piece("statement", False), piece("correction", None)], UNDECIDED,
    ),
    "the statement holds, whatever is said of the correction": (
        claim("c"), [piece("statement", True), piece("correction", False)], HOLDS,
    ),
    "nothing is known": (claim(), [piece("statement", None)], UNDECIDED),
    "no evidence": (claim(), [], UNDECIDED),
    "something is not known, the rest supports": (claim(), [piece("statement", None), piece("statement", True)], HOLDS),
    "a ground gives way": (claim(), [piece("statement", True), piece("ground", False)], UNDECIDED),
    "a ground is not known": (claim(), [piece("statement", False), piece("ground", None)], UNDECIDED),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_verdict_follows_from_the_evidence(case):
    examined, evidence, wanted = CASES[case]
    assert decide(examined, evidence)[0] == wanted


def test_numpy_truth_values_are_those_of_python():
    assert piece("statement", np.bool_(True)).supports is True and piece("statement", np.bool_(False)).supports is False


def test_a_watched_subject_writes_down_what_was_taken():
    watched = Watched(Subject())
    watched.clock(np.array([0.1]), 0.5)
    assert watched.taken == {"clock"}


@pytest.fixture(scope="module")
def cheap():
    """Kernels from layers in numpy: nothing to compile."""
    return Subject.made_of(
        correlation_map=lambda z: (np.sqrt(1 - z * z) + z * (math.pi - np.arccos(z))) / math.pi,
        slope=lambda z: 1 - np.arccos(z) / math.pi,
    )


def test_an_own_subject_is_made_of_its_layer(cheap):
    rho = np.array([-0.9, 0.0, 0.5])
    true = rn.kernels.ReluNTK().at_correlation(rho, 4)
    np.testing.assert_allclose(cheap.tangent(rho, 4), true, rtol=1e-14)
    np.testing.assert_allclose(cheap.covariance(rho, 4), rn.kernels.ReluNNGP().at_correlation(rho, 4), rtol=1e-14)


BROKEN = {
    "correlation_map": lambda good: lambda z: good(z) + 1e-8,
    "slope": lambda good: lambda z: good(z) * (1 + 1e-8),
    "covariance": lambda good: lambda rho, depth: good(rho, depth + 1),
    "tangent": lambda good: lambda rho, depth: good(rho, depth) * (1 + 1e-8),
    "sigmoid": lambda good: lambda rho, depth: good(rho, depth) + 1e-8,
    "biased": lambda good: lambda rho, depth: good(rho, depth) * (1 - 1e-8),
    "clock": lambda good: lambda z, d: good(z, 2 * d),
    "driver_rate": lambda good: lambda A, derivative: good(A.T + np.tri(len(A), k=-1) * 1e-6, derivative),
    "transport": lambda good: lambda *given: good(*given) * (1 + 1e-8),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_ground_of_a_broken_ingredient_gives_way(name):
    subject = Subject()
    assert GROUNDS[name](subject).supports is True
    broken = dataclasses.replace(subject, **{name: BROKEN[name](getattr(subject, name))})
    assert GROUNDS[name](broken).supports is False


def test_one_broken_lift_of_several_is_seen():
    subject = Subject(lifts={"one": iterated_sums, "other": lambda path, level: iterated_sums(path, level) + 1e-8})
    assert GROUNDS["lifts"](subject).supports is False
    assert GROUNDS["lifts"](Subject(lifts={"one": iterated_sums})).supports is True
    assert GROUNDS["lifts"](Subject(lifts={})).supports is False


def test_iterated_sums_are_iterated_integrals():
    """Of the path of mathematics' example, (1,1), (3,4), (5,2), (8,6): 7, 5, 24.5, 19, 16, 12.5."""
    path = np.array([[1.0, 1.0], [3.0, 4.0], [5.0, 2.0], [8.0, 6.0]])
    np.testing.assert_allclose(iterated_sums(path, 2), [7, 5, 24.5, 19, 16, 12.5], rtol=1e-15)


def test_every_ingredient_has_a_ground():
    assert set(GROUNDS) == {field.name for field in dataclasses.fields(Subject)}


def test_what_fails_in_an_examination_decides_nothing(cheap):
    def raises(subject):
        raise FloatingPointError("overflow")

    result = examine(Claim("k", "K", "s", raises), cheap)
    assert result.verdict == UNDECIDED and "the computation failed: overflow" in result.reason


def test_grounds_are_looked_at_once(cheap):
    grounds = Grounds(cheap)
    first, again = list(grounds.of({"clock", "slope"})), list(grounds.of({"slope", "clock"}))
    assert all(one is other for one, other in zip(first, again, strict=True)) and len(first) == 2


def test_unknown_claims_are_refused_with_the_known_ones():
    with pytest.raises(rn.InputError, match=r"among theorem-1, .*got 'theorem-9'; choose"):
        chosen(rn.audit.CLAIMS, ["theorem-9"])
    with pytest.raises(rn.InputError, match="at least one claim, got none"):
        chosen(rn.audit.CLAIMS, [])


def test_places_tell_claims_apart():
    """They are what the page lists and what the pictures are called after."""
    for claims in (CLAIMS, claims_of_family("relu-ntk")):
        places = [claim.place for claim in claims.values()]
        assert len(set(places)) == len(places)
