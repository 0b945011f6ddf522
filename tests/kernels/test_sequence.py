"""A user's sequence of kernels goes wherever a family goes, and what is wrong with it is named."""

import functools
import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.depth import criteria
from roughntk.depth.increments import Course, Movement, settles
from roughntk.depth.point_sets import GENERIC, trial_sets
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


LIMITS = {
    # h, deepest: has_limit. What is known of each sequence says it, not what is measured.
    "every layer": (lambda c, L: swinging(c, (-1.0) ** L), 140, False),
    "every layer, slightly": (lambda c, L: swinging(c, 5e-3 * (-1.0) ** L), 140, False),
    "every third layer": (lambda c, L: swinging(c, jnp.cos(2 * np.pi * L / 3)), 140, False),
    "every 64 layers": (lambda c, L: swinging(c, jnp.cos(2 * np.pi * L / 64)), 10**4, False),
    "no period": (lambda c, L: swinging(c, jnp.cos(1.0 * L)), 140, False),
    "two kernels": (lambda c, L: jnp.where(L % 2 == 0, jnp.exp(c - 1), jnp.exp(3 * (c - 1))), None, False),
    "ever more slowly": (lambda c, L: swinging(c, jnp.cos(jnp.log(L))), 10**13, False),
    "ever more slowly, not far enough": (lambda c, L: swinging(c, jnp.cos(jnp.log(L))), 10**4, None),
    "one swing": (lambda c, L: jnp.exp((c - 1) * (2 + 0.3 * jnp.cos(L / 3000.0))), None, None),
    "settles after a swing": (lambda c, L: jnp.where(L < 3000, jnp.exp(c - 1), jnp.exp(3 * (c - 1))), None, True),
    # tends to 0 like L^-(1 - c)/1000: no depth shows it
    "drifts to its limit": (lambda c, L: jnp.exp((c - 1) * (1 + 1e-3 * jnp.log(L))), None, None),
    "1/4, slowly": (lambda c, L: mixed(jnp.where(c > 1 - 1e-14, 1.0, 0.25), c**3, 1 / jnp.log(L + 1.0)), None, True),
    "flat, like 1/log L": (lambda c, L: jnp.exp((c - 1) / jnp.log(L + 1.0)), None, True),
    "flat, swinging in scale": (lambda c, L: jnp.exp((c - 1) * (1 + 0.5 * jnp.cos(jnp.log(L))) / L), 140, True),
    "swings less and less": (lambda c, L: jnp.exp((c - 1) * (2 + jnp.sin(1.0 * L) / L)), None, True),
    "swings less and less, slowly": (
        lambda c, L: jnp.exp((c - 1) * (2 + jnp.cos(1.0 * L) / jnp.log(L + 1.0))),
        None,
        None,
    ),
    "powers": (lambda c, L: c**L, None, True),
    "does not depend on depth": (lambda c, L: jnp.exp(c - 1), 100, True),
    "diagonal L": (lambda c, L: L * jnp.exp(c - 1), 100, True),
    "hyperbolic": (lambda c, L: 0.5 + 0.5**L * (c + 0.01 * c**3) + 0.02**L * c**2, 100, True),
    "collapses, and swings": (lambda c, L: 0.5 + 0.5**L * (c + 0.1 * jnp.cos(jnp.log(L)) * c**3), 100, None),
    "all ones": (lambda c, L: 0.0 * c + 1.0, 100, None),
    "zero": (lambda c, L: 0.0 * c, 100, None),
    # exp(c - 1) less what makes it singular on the points that are followed, and 1/L of it given back
    "grows without bound": (lambda c, L: jnp.exp(c - 1) - (1 - 0.5 / L) * nearest() * (c > 1 - 1e-12), None, False),
}


def swinging(c, swing):
    return (0.7 - 0.2 * swing) * c + (0.3 + 0.2 * swing) * c**3


def mixed(first, second, share):
    return (1 - share) * first + share * second


@functools.cache
def nearest():
    """The smallest eigenvalue of exp(c - 1) on the points that coefficients are followed on."""
    return float(np.linalg.eigvalsh(np.exp(np.cos(rn.sphere.angles(trial_sets()[GENERIC])) - 1))[0])


@pytest.mark.parametrize("name", LIMITS)
def test_limits_of_coefficients_are_decided_or_left_open_and_never_wrong(name):
    h, deepest, wanted = LIMITS[name]
    tried = criteria.check(rn.kernels.sequence(h, name=name.replace(" ", "-")), deepest=deepest)
    assert tried.has_limit is wanted, tried
    assert tried.reason and (tried.has_limit is None or "depth" in tried.reason)
    if wanted is False:
        example = tried["summable"].counterexample
        assert tried["summable"].verdict == "fails" and "|u_" in example.quantity
        assert example.value > 1e-7 and example.points.shape == (6, 5)


def test_coefficients_that_settle_without_being_summable_have_a_limit():
    """exp(-(1 - c)(2 + sin(L)/L)): |u_{L+1} - u_L| ~ 1/L in size, with signs that change."""
    family = rn.kernels.sequence(LIMITS["swings less and less"][0])
    end = rn.kernels.sequence(lambda c, L: jnp.exp(-2 * (1 - c)))
    apart = [rn.coefficients(each, X, x, depth=10**6) for each in (family, end)]
    assert np.abs(apart[0] - apart[1]).max() < 1e-4
    tried = criteria.check(family)
    assert tried["summable"].verdict == "fails" and tried.has_limit is True
    assert "they settle all the same" in tried["summable"].evidence[0]


def test_the_two_forms_of_a_sequence_are_told_apart_by_what_they_return():
    by_entry = criteria.check(lambda c, depth: np.exp(c - 1), deepest=20)
    by_matrix = criteria.check(lambda X, depth: np.exp(X @ X.T - 1), deepest=20)
    assert by_entry.has_limit is by_matrix.has_limit is True
    assert "Maclaurin" in by_entry["positive definite"].evidence[1]  # of a function of the correlation only
    assert not any("Maclaurin" in line for line in by_matrix["positive definite"].evidence)
    with pytest.raises(rn.InputError, match=r"\(5, 2\) or \(5, 5\)"):
        criteria.check(lambda X, depth: X.sum())


def course(*spreads):
    blocks = [Movement(2**k, size, 0.0, size, size, 2**k) for k, size in enumerate(spreads, start=1)]
    depths = np.array([each.depth for each in blocks])
    return Course(blocks, depths, np.cumsum(spreads)[:, None, None])


def test_spreads_decide_by_raabes_test():
    k = np.arange(1, 14)
    assert settles(course(*0.8**k)).answer is True
    assert settles(course(*(1 / k**2))).answer is True  # sum 1/k^2 is finite, sum 1/k is not
    assert settles(course(*(1 / k))).answer is None
    assert settles(course(*np.full(13, 0.1))).answer is None  # a drift may end
    assert settles(course(1, 0.9, 0.81, 0.73)).answer is None and settles(course(1, 0.1, 0.01)).answer is None
    assert settles(course(1, 1e-12, 1e-13)).answer is True


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
