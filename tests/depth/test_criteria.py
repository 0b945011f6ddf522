"""The conditions of Section 6: the known counterexamples are found, in families and in a user's own sequence."""

import functools
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.depth import criteria

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import make_families


@functools.cache
def tried(name: str):
    return criteria.check(rn.kernels.family(name))


def sigmoid(X, depth):
    K = X @ X.T
    for _ in range(depth - 1):
        K = (1 + np.exp(-K)) ** -2.0
    return K


def relu_ntk(X, depth):
    """Proposition 4 of the paper, in numpy."""
    rho = np.clip(X @ X.T, -1, 1)
    np.fill_diagonal(rho, 1.0)
    K = rho.copy()
    for layer in range(1, depth):
        kept = (np.pi - np.arccos(rho)) / np.pi
        rho = np.minimum((np.sqrt(1 - rho**2) + rho * (np.pi - np.arccos(rho))) / np.pi, 1.0)
        K = layer / (layer + 1) * kept * K + rho / (layer + 1)
    return K


@pytest.mark.parametrize("source", ["family", "callable"])
def test_sigmoid_family_is_found_not_positive_definite_on_six_points_of_a_circle(source):
    found = tried("sigmoid") if source == "family" else criteria.check(sigmoid)
    condition = found["positive definite"]
    assert condition.verdict == "fails" and condition.from_depth is None
    worst = condition.counterexample
    assert worst.where == "6 equispaced points of a circle" and worst.depth == 2
    assert worst.value == pytest.approx(-0.02772, abs=5e-6)  # the digits of the pin
    values = np.linalg.eigvalsh(sigmoid(worst.points, 4))
    assert values[0] == pytest.approx(-0.00182, abs=5e-6)
    assert "-0.001822 at depths 2, 3, 4" in condition.evidence[-2]
    assert found["hyperbolic"].verdict == "holds" and found["determinant"].verdict == "holds" and found.has_limit


def test_negative_maclaurin_coefficient_of_the_sigmoid_map_is_found():
    assert criteria._negative_coefficient(rn.kernels.SigmoidComposition()) == (2, 3, pytest.approx(-1 / 48, abs=1e-8))
    np.testing.assert_allclose(
        criteria._maclaurin(rn.kernels.SigmoidComposition(), 2, 24)[0][:4], [1 / 4, 1 / 4, 1 / 16, -1 / 48], atol=1e-8
    )
    assert criteria._negative_coefficient(rn.kernels.ReluNNGP()) is None


@pytest.mark.parametrize("source", ["family", "callable"])
def test_relu_ntk_violates_the_determinant_condition_and_is_summable(source):
    found = tried("relu-ntk") if source == "family" else criteria.check(relu_ntk)
    assert found["determinant"].verdict == "fails" and found["determinant"].counterexample.value > 0.48
    assert found["summable"].verdict == "holds" and found["hyperbolic"].verdict == "fails"
    assert found["bounded"].verdict == "holds" and found["bounded"].from_depth == 1
    condition = found["positive definite"]
    # singular at depth 2 on antipodally symmetric sets, where harmonics of odd degree from 3 on are missing
    assert condition.verdict == "holds" and condition.from_depth == 3
    assert condition.counterexample.depth == 2 and "0 to rounding" in condition.counterexample.quantity
    if source == "family":
        limit = float(found["determinant"].evidence[1].split()[3])
        assert limit == pytest.approx((3 / 4) ** 5 * 9 / 4, abs=2e-4)  # (3/4)^(n-1) (3 + n)/4, from depths to 1000


def test_relu_nngp_has_a_limit_although_its_drivers_are_not_summable():
    """u tends to 1/n, and K_L^-1 (K_{L+1} - K_L) falls like 1/L: along a direction that drops out of u."""
    found = tried("relu-nngp")
    assert [found[name].verdict for name in ("determinant", "summable", "hyperbolic")] == ["holds", "holds", "fails"]
    assert found.has_limit and "falling like L^-0.9" in found["summable"].evidence[1]


@pytest.mark.parametrize(
    "family",
    [
        rn.kernels.BiasedReluNTK.critical(),
        rn.kernels.ErfNTK.critical(),
        rn.kernels.ErfNTK(2.5, 0.1),
    ],
    ids=lambda family: family.name,
)
def test_other_families_with_a_limit_have_it(family):
    assert criteria.check(family, deepest=300).has_limit


def test_a_family_that_settles_late_is_followed_further():
    """A critical GELU network: u tends to 1/(n + 2), but moves as far from depth 128 to 256 as from 64 to 128."""
    found = criteria.check(rn.kernels.GeluNTK.critical())
    assert found.has_limit is True and "coefficients to depth 16,384" in found.reason
    assert found["hyperbolic"].verdict == "fails" and found["hyperbolic"].counterexample.depth > 1000
    # to depth 1000 alone neither can be told
    short = criteria.check(rn.kernels.GeluNTK.critical(), deepest=1000)
    assert short.has_limit is None and "over the last four doublings" in short.reason


@pytest.mark.parametrize("name", ["relu-ntk", "relu-nngp", "sigmoid", "biased-relu-ntk"])
def test_limits_of_coefficients_are_those_that_classify_finds(name):
    classified = rn.classify(rn.kernels.family(name))
    assert classified.depends_on_data is not None and tried(name).has_limit is True
    assert str(tried(name)).splitlines()[-1].split()[:4] == ["has", "a", "limit", "yes:"]


def test_functions_of_both_kinds_and_names_are_taken():
    by_name, by_family = (criteria.check(each, deepest=20) for each in ("relu-ntk", rn.kernels.ReluNTK()))
    assert by_name == by_family
    assert criteria.check(sigmoid, deepest=20).name == "sigmoid"


def test_ordered_family_stays_definite_where_rounding_no_longer_shows_it():
    condition = tried("biased-relu-ntk")["positive definite"]
    assert condition.verdict == "holds" and any("decided up to there only" in line for line in condition.evidence)
    assert any("at infinite depth" in line for line in condition.evidence)


def test_committed_rows_are_what_is_measured_now():
    """All rows are measured again by `make docs`; these have been tried by the tests above."""
    names = ("sigmoid", "relu-ntk", "relu-nngp", "biased-relu-ntk")
    rows = make_families.markdown(
        make_families.CRITERIA_HEADINGS, [make_families.criteria_row(tried(n)) for n in names]
    )
    committed = make_families.committed("criteria").splitlines()
    assert set(rows.splitlines()) <= set(committed)
    assert [row.split("|")[1].strip() for row in committed[2:]] == list(rn.kernels.FAMILIES)


def test_unbounded_sequence_is_named():
    def unbounded(X, depth):
        return X @ X.T + np.diag(np.where(np.arange(len(X)) == 0, -0.5, 0.0))

    condition = criteria.check(unbounded, deepest=20)["bounded"]
    assert condition.verdict == "fails" and condition.counterexample.value > 1
    condition = criteria.check(lambda X, depth: 0.0 * X @ X.T, deepest=20)["bounded"]
    assert condition.verdict == "fails" and condition.counterexample.quantity == "diagonal entry"


def test_own_points_are_followed():
    X = rn.sphere.uniform(7, 6, 3)
    found = criteria.check(sigmoid, X, deepest=20)
    assert "the given points" in found["determinant"].evidence[0]
    assert "17 sets" in criteria.check(relu_ntk, X, deepest=20)["positive definite"].evidence[0]


@pytest.mark.parametrize(
    ("sequence", "match"),
    [
        (3.0, "callable sequence"),
        (lambda X, depth: np.ones(len(X)), "of shape"),
        (lambda X, depth: np.full((len(X), len(X)), np.nan), "NaN or infinity"),
        (lambda X, depth: np.triu(np.ones((len(X), len(X)))), "symmetric"),
        (lambda X: X @ X.T, "sequence\\(X, depth\\)"),
    ],
)
def test_bad_sequences_are_refused(sequence, match):
    with pytest.raises(rn.InputError, match=match):
        criteria.check(sequence)


def test_bad_points_and_depths_are_refused():
    family = rn.kernels.SigmoidComposition()
    with pytest.raises(rn.InputError, match="unit|norm|sphere"):
        criteria.check(family, np.ones((3, 3)))
    with pytest.raises(rn.InputError, match="distinct|equal|coincide"):
        criteria.check(family, np.eye(3)[[0, 0, 1]])
    with pytest.raises(rn.InputError, match="two points"):
        criteria.check(family, np.eye(3)[:1])
    with pytest.raises(rn.InputError, match="deepest"):
        criteria.check(family, deepest=5)


def test_text_and_rows_name_every_condition():
    found = tried("sigmoid")
    assert [row[0] for row in found.rows()] == ["bounded", "positive definite", "determinant", "summable", "hyperbolic"]
    assert "-0.02772" in str(found)
    with pytest.raises(rn.InputError, match="did you mean"):
        found["determinent"]


def test_trends_hold_from_the_depth_from_which_they_are_seen():
    """det K_L falls from depth 8 on, and its increments shrink by 1/2 for all pairs from depth 5 on."""

    def turning(X, depth):
        G = np.exp(X @ X.T - 1)
        late = 2.0 ** -max(depth - 8, 0) * (1 if depth >= 8 else 0.2 + 0.1 * depth)
        return np.ones_like(G) * (1 - late) + late * G

    found = criteria.check(turning, rn.sphere.uniform(4, 5, 0), deepest=32)["determinant"]
    assert found.verdict == "holds" and found.from_depth == 8

    def two_rates(X, depth):  # the second part, not common to all pairs, dies out fast
        c = X @ X.T
        return 0.5 + 0.5**depth * c + 0.02**depth * c**2

    found = criteria.check(two_rates, rn.sphere.uniform(4, 5, 0), deepest=32)["hyperbolic"]
    assert found.verdict == "holds" and found.from_depth in (2, 4)
    assert tried("relu-ntk")["summable"].from_depth == 2
    assert tried("sigmoid")["hyperbolic"].from_depth == 2


def test_a_determinant_that_swings_on_its_way_to_0_is_told_from_one_that_settles():
    """log det is -(n - 1) log L + (n - 1) log(2 + sin L) + ... for the first, and swings without end for the second."""
    swinging = criteria.check(lambda c, depth: jnp.exp(-(2 + jnp.sin(depth)) * (1 - c) / depth))["determinant"]
    assert swinging.verdict == "holds"
    staying = criteria.check(lambda c, depth: jnp.exp(-(2 + jnp.sin(depth)) * (1 - c)))["determinant"]
    assert staying.verdict != "holds"
