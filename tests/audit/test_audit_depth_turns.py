"""Wrong ingredients turn the verdicts on depth: by what the examinations compute, and by the grounds."""

import dataclasses
import functools

import numpy as np
import pytest
from other_subjects import averaged, derivative, direct, h, of_layer

from roughntk import rough
from roughntk.audit import ingredients
from roughntk.audit.claim import CORRECTED, FAILS, HOLDS, UNDECIDED
from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import examine
from roughntk.audit.subject import Subject

RIGHT = of_layer()
OF_TANGENT = {
    "case-a": CORRECTED, "theorem-2": FAILS, "section-6-rate": CORRECTED, "determinant-to-zero": FAILS,
    "determinant-chain": HOLDS, "definition-6": HOLDS, "theorem-3-limit": HOLDS, "theorem-3-continuity": FAILS,
    "theorem-3-drivers": CORRECTED,
}  # fmt: skip


@pytest.mark.parametrize("key", OF_TANGENT)
def test_a_kernel_made_layer_by_layer_has_the_same_verdict(key: str) -> None:
    assert direct(key, RIGHT)[0] == OF_TANGENT[key]


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("case-a", UNDECIDED),
        ("theorem-2", HOLDS),
        ("section-6-rate", UNDECIDED),
        ("determinant-to-zero", HOLDS),
        ("theorem-3-limit", FAILS),
        ("theorem-3-continuity", UNDECIDED),
        ("theorem-3-drivers", UNDECIDED),
    ],
)
def test_a_recursion_without_slopes_turns_what_is_computed(key: str, wanted: str) -> None:
    wrong = of_layer(recursion=averaged)
    verdict, evidence = direct(key, wrong)
    assert verdict == wanted, [each.text for each in evidence]
    result = examine(CLAIMS[key], wrong)
    assert result.verdict == UNDECIDED and "K_L" in result.reason


def test_a_layer_with_another_fixed_point_turns_lemma_1() -> None:
    wrong = of_layer(correlation_map=lambda z: 0.9 * h(z))
    assert direct("lemma-1", wrong)[0] == FAILS
    assert examine(CLAIMS["lemma-1"], wrong).verdict == UNDECIDED
    assert examine(CLAIMS["lemma-1"], of_layer(slope=lambda z: derivative(z) / 2)).verdict == HOLDS


def test_another_second_family_turns_what_is_true_instead() -> None:
    def cubed(rho, depth):
        for _ in range(depth - 1):
            rho = (1 + np.exp(-rho)) ** -3.0
        return rho

    wrong = dataclasses.replace(RIGHT, sigmoid=cubed)
    for key in ("determinant-to-zero", "theorem-3-continuity"):
        assert direct(key, wrong)[0] == UNDECIDED
        assert examine(CLAIMS[key], wrong).verdict == UNDECIDED


@pytest.mark.parametrize("key", ["equation-5", "theorem-3-drivers"])
@pytest.mark.parametrize(
    "rate", [lambda A, change: change, lambda A, change: np.linalg.solve(A + np.eye(len(A)), change)]
)
def test_a_wrong_driver_turns_the_equation(key: str, rate) -> None:
    wrong = dataclasses.replace(RIGHT, driver_rate=rate)
    assert direct(key, wrong)[0] == (FAILS if key == "equation-5" else UNDECIDED)
    assert examine(CLAIMS[key], wrong).verdict == UNDECIDED


def test_a_wrong_integrator_turns_the_equation() -> None:
    def begins(K, following, b, b_following, rate):
        return np.linalg.solve(K, b)

    assert direct("equation-5", dataclasses.replace(RIGHT, transport=begins))[0] == FAILS


def linear(z, d):
    return (1 + np.asarray(z)) / 2


@pytest.mark.parametrize(("key", "wanted"), [("proposition-5", FAILS), ("proposition-5-4", UNDECIDED)])
def test_a_clock_that_runs_evenly_turns_proposition_5(key: str, wanted: str) -> None:
    wrong = dataclasses.replace(RIGHT, clock=linear)
    assert direct(key, wrong)[0] == wanted
    assert examine(CLAIMS[key], wrong).verdict == UNDECIDED


def test_a_clock_that_shrinks_with_d_would_support_the_reason_and_part_4() -> None:
    wrong = dataclasses.replace(RIGHT, clock=lambda z, d: d * ingredients.clock(z, 1.0))
    verdict, evidence = direct("theorem-3-drivers", wrong)
    assert [each.supports for each in evidence if each.about == "statement"] == [True, True], verdict
    assert direct("proposition-5-4", wrong)[0] == HOLDS
    assert direct("definition-6", wrong)[0] == FAILS


def test_images_off_the_sphere_turn_cases_b_and_c() -> None:
    def flat(X):
        square = np.sum(X * X, axis=1, keepdims=True)
        return X / np.sqrt(1 + square)

    for key, wrong in (
        ("case-b", dataclasses.replace(RIGHT, project=lambda X: X / np.abs(X).max(axis=1, keepdims=True))),
        ("case-c", dataclasses.replace(RIGHT, lift=flat)),
    ):
        assert direct(key, RIGHT)[0] == CORRECTED
        assert direct(key, wrong)[0] != CORRECTED
        assert examine(CLAIMS[key], wrong).verdict == UNDECIDED


def test_predictions_of_another_time_or_start_turn_propositions_3_and_6() -> None:
    def late(X, y, x, depth, time, initial):
        return ingredients.predict(X, y, x, depth, 2 * time, initial)

    def without_start(X, y, x, depth, time, initial):
        return ingredients.predict(X, y, x, depth, time, (0 * initial[0], 0 * initial[1]))

    assert direct("proposition-6", dataclasses.replace(RIGHT, predict=late))[0] == FAILS
    assert direct("proposition-3", dataclasses.replace(RIGHT, predict=late))[0] == HOLDS  # infinite time is the same
    for key in ("proposition-3", "proposition-6"):
        wrong = dataclasses.replace(RIGHT, predict=without_start)
        assert direct(key, wrong)[0] == FAILS
        assert examine(CLAIMS[key], wrong).verdict == UNDECIDED


LIFTS = Subject().lifts


def _larger_area(path, level, *, of):
    """The signature with an area of 1e-6 too much at level 2."""
    values = np.array(of(path, level))
    channels = path.shape[1]
    values[channels + 1] += 1e-6 * np.abs(values[channels:]).max()
    return values


def _standing(path, level, *, of):
    """A signature that does not shrink with the path: a constant is added at level 1."""
    values = np.array(of(path, level))
    values[0] += 1.0
    return values


@pytest.mark.parametrize("break_it", [_larger_area, _standing])
@pytest.mark.parametrize("name", LIFTS)
def test_each_lift_alone_overturns_the_verdict_on_the_drivers(name: str, break_it) -> None:
    wrong = dataclasses.replace(RIGHT, lifts={**LIFTS, name: functools.partial(break_it, of=LIFTS[name])})
    verdict, evidence = direct("driving-paths-vanish", wrong)
    assert verdict == FAILS
    assert [each.numbers["lift"] for each in evidence if "lift" in each.numbers and not each.supports] == [name]
    assert f"by {name} that is not seen" in evidence[0].text


def test_a_broken_lift_is_off_the_ground_too() -> None:
    wrong = dataclasses.replace(RIGHT, lifts={**LIFTS, "jax": functools.partial(_standing, of=LIFTS["jax"])})
    assert examine(CLAIMS["driving-paths-vanish"], wrong).verdict == UNDECIDED


def test_lifts_that_are_not_installed_are_named_with_the_command_that_installs_them() -> None:
    only = dataclasses.replace(RIGHT, lifts={"jax": LIFTS["jax"]})
    result = examine(CLAIMS["driving-paths-vanish"], only)
    assert result.verdict == HOLDS
    assert "not asked, as not installed: esig, iisignature" in result.reason
    missing = [each for each in result.evidence if each.supports is None]
    assert len(missing) == 2
    for name, each in zip(("esig", "iisignature"), missing, strict=True):
        assert rough.backend_install_command(name) in each.text
    none = dataclasses.replace(RIGHT, lifts={})
    assert direct("driving-paths-vanish", none)[0] == UNDECIDED


def test_drivers_that_stay_do_not_vanish() -> None:
    """Of a kernel that is one at even depths and another at odd ones."""

    def alternating(rho, depth):
        return np.exp(-(2.0 + depth % 2) * (1 - np.asarray(rho)))

    verdict, evidence = direct("driving-paths-vanish", dataclasses.replace(RIGHT, tangent=alternating))
    assert verdict == FAILS
    assert not any(each.supports for each in evidence)
