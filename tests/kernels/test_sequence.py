"""A user's sequence of kernels goes wherever a family goes, and what is wrong with it is named."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.depth import criteria
from roughntk.depth.conditions import Condition, Criteria
from roughntk.depth.increments import Movement, settles
from roughntk.study.pipeline import as_json

EPS = np.finfo(np.float64).eps
X, x = rn.sphere.uniform(6, 5, 0), rn.sphere.uniform(2, 5, 1)


def flat(c, depth):
    return jnp.exp((c - 1) / depth)


def sigmoid(c, depth):
    """Only NumPy, only whole depths: a loop over the layers."""
    for _ in range(depth - 1):
        c = (1 + np.exp(-np.asarray(c))) ** -2.0
    return c


FLAT = rn.kernels.sequence(flat, real_depth=True)
SIGMOID = rn.kernels.sequence(sigmoid, name="mine")


def test_values_are_those_of_the_function():
    assert FLAT.traceable and not SIGMOID.traceable and (FLAT.name, SIGMOID.name) == ("flat", "mine")
    rho = np.linspace(-1, 1, 7)
    np.testing.assert_allclose(FLAT.at_correlation(rho, 3), np.exp((rho - 1) / 3), rtol=4 * EPS)
    np.testing.assert_allclose(FLAT.at_angle(1.0, 2.5), np.exp((np.cos(1.0) - 1) / 2.5), rtol=4 * EPS)
    np.testing.assert_allclose(
        FLAT.at_angle(1.0, np.array([1, 2.5])), np.exp((np.cos(1.0) - 1) / [1, 2.5]), rtol=4 * EPS
    )
    own = rn.kernels.SigmoidComposition()
    np.testing.assert_allclose(SIGMOID.at_angle(1.0, 5), own.at_angle(1.0, 5), rtol=8 * EPS)
    np.testing.assert_allclose(SIGMOID.trajectory(np.array([0.0, 1.0]), 6), own.trajectory(np.array([0.0, 1.0]), 6))
    np.testing.assert_allclose(SIGMOID(X, x, depth=4), own(X, x, depth=4), rtol=16 * EPS)


def test_both_kinds_work_within_a_trace():
    for family in (FLAT, SIGMOID):
        traced = jax.jit(lambda rho, family=family: family.at_correlation(rho, 3))(jnp.array([0.2, 0.9]))
        np.testing.assert_allclose(traced, family.at_correlation(np.array([0.2, 0.9]), 3), rtol=8 * EPS)
    slope = jax.grad(lambda rho: FLAT.at_correlation(rho, 2))(0.3)
    assert float(slope) == pytest.approx(math.exp(-0.35) / 2, rel=8 * EPS)


def test_coefficients_and_their_transport():
    own = rn.kernels.SigmoidComposition()
    # condition 1e4 at depth 4
    np.testing.assert_allclose(
        rn.coefficients(SIGMOID, X, x, depth=4), rn.coefficients(own, X, x, depth=4), rtol=0, atol=1e-11
    )
    y = np.arange(6.0)
    np.testing.assert_allclose(rn.predict(SIGMOID, X, y, x, depth=3), rn.coefficients(own, X, x, depth=3).T @ y)
    moved = rn.transport.between_depths(FLAT, X, x, depth=3)
    assert moved.converged
    np.testing.assert_allclose(moved.coefficients, rn.coefficients(FLAT, X, x, depth=4), rtol=0, atol=1e-9)
    deep = rn.transport.to_depth(FLAT, X, x, start=2, stop=20.5)
    assert deep.converged
    np.testing.assert_allclose(deep.coefficients, rn.coefficients(FLAT, X, x, depth=20.5), rtol=0, atol=1e-7)


def test_flattening_kernels_have_coefficients_with_a_limit():
    """exp((c - 1)/L): K^-1 (K_{L+1} - K_L) falls like 1/L only, yet the coefficients settle."""
    G, g = np.asarray(X @ X.T) - 1, np.asarray(X @ x.T) - 1
    one = np.ones((6, 1))
    limit = np.linalg.solve(np.block([[G, one], [one.T, np.zeros((1, 1))]]), np.concatenate([g, np.ones((1, 2))]))[:6]
    assert np.abs(rn.coefficients(FLAT, X, x, depth=1e4) - limit).max() < 1e-2  # O(1/L) times the condition
    for source in (FLAT, lambda X, depth: np.exp((X @ X.T - 1) / depth)):
        found = criteria.check(source, deepest=100)
        assert found.has_limit and found["summable"].verdict == "holds" and found["hyperbolic"].verdict == "fails"
        assert "K^-1" in found["summable"].evidence[1] and "L^-0.9" in found["summable"].evidence[1]


@pytest.mark.parametrize(
    "swing",
    [
        pytest.param(lambda L: (-1.0) ** L, id="every layer"),
        pytest.param(lambda L: np.cos(2 * np.pi * L / 3), id="every third layer"),
        pytest.param(lambda L: np.cos(1.0 * L), id="no period"),
        pytest.param(lambda L: np.cos(np.log(L)), id="ever more slowly"),
    ],
)
def test_kernels_that_swing_for_ever_have_no_limit(swing):
    for share in (0.2, 1e-3):
        family = rn.kernels.sequence(
            lambda c, L, share=share: (0.7 - share * swing(L)) * c + (0.3 + share * swing(L)) * c**3
        )
        found = criteria.check(family, deepest=140)
        assert not found.has_limit and found["summable"].verdict == "fails"
        example = found["summable"].counterexample
        assert example.quantity == "|u_(L+1) - u_L|" and example.value > 1e-7 and example.points.shape == (6, 5)


def test_slowly_flattening_kernels_that_swing_in_scale_only_have_a_limit():
    family = rn.kernels.sequence(lambda c, L: jnp.exp((c - 1) * (1 + 0.5 * jnp.cos(jnp.log(L))) / L))
    assert criteria.check(family, deepest=140).has_limit


def test_coefficients_that_settle_without_being_summable_have_a_limit():
    """exp(-(1 - c)(2 + sin(L)/L)): |u_{L+1} - u_L| ~ 1/L in size, with signs that change."""
    family = rn.kernels.sequence(lambda c, L: jnp.exp(-(1 - c) * (2 + jnp.sin(1.0 * L) / L)))
    end = rn.kernels.sequence(lambda c, L: jnp.exp(-2 * (1 - c)))
    apart = [rn.coefficients(each, X, x, depth=10**6) for each in (family, end)]
    assert np.abs(apart[0] - apart[1]).max() < 1e-4
    found = criteria.check(family)
    assert found["summable"].verdict == "fails" and found.settles is True and found.has_limit is True
    assert "they settle all the same" in found["summable"].evidence[0]


def test_a_limit_that_is_not_decided_is_neither_true_nor_false():
    moved = [Movement(2**k, size, 0.0, size, size, 2**k) for k, size in enumerate((1, 0.9, 0.81, 0.73), start=1)]
    assert settles(moved) is None and settles(moved[:3]) is None
    open_ = tuple(Condition(name, "not decided", None, None, ()) for name in ("summable", "hyperbolic"))
    assert Criteria("any", open_, 100, settles(moved)).has_limit is None


def test_classification_says_what_values_show_and_what_they_do_not():
    found = rn.classify(FLAT)
    assert abs(found.ratio - 1) <= 4 * found.ratio_uncertainty < 1e-8 and found.depends_on_data is True
    assert found.rate.power == 1 and found.rate.amplitude == pytest.approx(math.cos(1.0) - 1, rel=1e-4)
    assert found.phase == "not decided" and found.chi is None and found.fixed_point is None
    assert any("only values are known" in note for note in found.notes)
    found = rn.classify(SIGMOID)
    assert found.limit == pytest.approx(0.34178539979984478, abs=8 * EPS) and found.depends_on_data is True
    assert abs(found.rate.base - 0.28393880014361798) <= 4 * found.rate.uncertainty
    relu = rn.kernels.ReluNTK()
    found = rn.classify(rn.kernels.sequence(lambda c, L: np.asarray(relu.at_correlation(c, L)), name="relu"))
    assert abs(found.ratio - 1 / 4) <= 4 * found.ratio_uncertainty < 1e-5 and found.coefficients == "1/(n + 3) each"
    found = rn.classify(rn.kernels.sequence(lambda c, L: 0.5 * c + 0.5 * c ** (3 + 2 * (L % 2))))
    assert found.ratio is None and found.depends_on_data is None and any("not settled" in note for note in found.notes)


def test_a_study_takes_a_sequence():
    study = rn.study.run("sphere", out=None, points=5, test_points=2, depths="2:4", samples=5, family=FLAT)
    assert "Family flat" in study.summary[2]
    record = as_json(study, "")
    assert record["family"] == record["settings"]["family"] == "flat"
    assert json.dumps(record)
    with pytest.raises(rn.InputError, match="no parameters beside a family"):
        rn.study.run("sphere", out=None, family=FLAT, parameters=("slope=1",))


@pytest.mark.parametrize(
    ("h", "match"),
    [
        (3.0, "function h"),
        (rn.kernels.ReluNTK, "the class ReluNTK"),
        (lambda c: c, "h\\(correlation, depth\\)"),
        (lambda c, L: np.ones(2), "the shape \\(5,\\)"),
        (lambda c, L: np.where(np.abs(c) < 1, c, np.nan), "nan at correlation 1 and depth 1"),
        (lambda c, L: jnp.log(c), "at correlation 0 and depth 1"),
        (lambda c, L: c + 0j, "real kernel values"),
        (lambda c, L: 1 / 0 if L == 3 else c, "ZeroDivisionError from <lambda> at depth 3|from .* at depth 3"),
    ],
)
def test_bad_functions_are_named(h, match):
    with pytest.raises(rn.InputError, match=match):
        rn.kernels.sequence(h)


def test_depths_that_a_sequence_has_not_are_named():
    with pytest.raises(rn.InputError, match="real_depth=True"):
        rn.kernels.sequence(sigmoid).at_angle(1.0, 2.5)
    with pytest.raises(rn.InputError, match="limit of a sequence is not known"):
        rn.coefficients(SIGMOID, X, x, depth=math.inf)
    late = rn.kernels.sequence(lambda c, L: c if L < 50 else c * np.nan)
    with pytest.raises(rn.InputError, match="and depth 50"):
        criteria.check(late)
    with pytest.raises(rn.InputError, match="ReluNTK"):
        rn.depth_needed(SIGMOID, X, x, 1e-3)
    with pytest.raises(rn.InputError, match="layers"):
        SIGMOID.correlation_map(0.5)
    with pytest.raises(rn.InputError, match="at infinite|inf"):
        rn.kernels.sequence(lambda c, L: c * L / (L + 1) * np.exp(0 * L), real_depth=True)
