"""What every kernel family obeys; a new one joins by being listed in the registry."""

import math
from unittest import mock

import jax.numpy as jnp
import numpy as np
import pytest
from family_members import EPS, MEMBERS, POINTS, RHO, THETA, built, every_member

import roughntk as rn
from roughntk.kernels import registry
from roughntk.kernels.engine import evaluation

WHOLE, REAL = (1, 2, 5, 40), (1.0, 2.5, 11.75, 1e5)
MANY = rn.sphere.uniform(2100, 3, seed=1)
FEW = POINTS[:3]  # with two more points as many angles as a compiled function takes at least, 16: none is added


def renamed(member):
    """The member of a subclass that overrides nothing but the name."""
    name, values = member
    kind = registry.FAMILIES[name]
    other = "my-tangent" if name.endswith("nngp") else "my-covariance"
    mine = type(kind)(f"My{kind.__name__}", (kind,), {"name": other, "__module__": __name__})
    with mock.patch.dict(registry.FAMILIES, {name: mine}):
        found = rn.kernels.family(name, **values)
    assert type(found) is mine and found.name == other
    return found


def outcome(call):
    """What a call gives: its value, or the kind of its error and what the message says beside names."""
    try:
        return call()
    except Exception as problem:
        return type(problem).__name__


QUESTIONS = {
    "settings": lambda f: tuple(f.settings.items()),
    "collapses": lambda f: f.collapses,
    "drivers_vanish": lambda f: f.drivers_vanish,
    "homogeneous": lambda f: f.homogeneous,
    "has_real_depth": lambda f: f.has_real_depth,
    "differs_by_depth": lambda f: f.differs_by_depth,
    "is_tangent": lambda f: f.is_tangent,
    "limit_value": lambda f: f.limit_value,
    "multiplier": lambda f: getattr(f, "multiplier", None),
    "whole depth": lambda f: [f.at_angle(THETA, depth) for depth in WHOLE],
    "whole depth of a correlation": lambda f: [f.at_correlation(RHO, depth) for depth in WHOLE],
    "real depth": lambda f: [f.at_angle(THETA, depth) for depth in REAL],
    "real depth of a correlation": lambda f: [f.at_correlation(RHO, depth) for depth in REAL],
    "great depth": lambda f: f.at_angle(THETA, 10**5),
    "infinite depth": lambda f: [f.at_angle(THETA, math.inf), f.at_correlation(RHO, math.inf)],
    "trajectory": lambda f: f.trajectory(THETA, 6),
    "map": lambda f: f.correlation_map(np.linspace(-1, 1, 9)),
    "deflated": lambda f: [f.deflated(THETA, 30), f.deflated(THETA, 10**5), f.deflated(THETA, math.inf)],
    "deflated at real depth": lambda f: f.deflated(THETA, 7.5),
    "scale": lambda f: [f.log_scale(1), f.log_scale(30)],
    "matrix": lambda f: f(FEW, depth=5),
    "large matrix": lambda f: f(MANY, MANY[:5], depth=30) if evaluation.table_of(f, 30) else None,
    "off the sphere": lambda f: f(2 * FEW, depth=5, domain="euclidean"),
    "definite": lambda f: f.is_positive_definite(FEW, 5),
}
# What the phase of a member decides; the rest is asked of one member of each family.
BY_PHASE = (
    "collapses", "drivers_vanish", "limit_value", "multiplier", "whole depth", "great depth", "infinite depth",
    "deflated", "scale",
)  # fmt: skip


def leaves(answer):
    return [np.asarray(part) for part in answer] if isinstance(answer, list | tuple) else [np.asarray(answer)]


def same(one, other):
    """Bit by bit: the same compiled arithmetic, or another compilation of it."""
    assert type(one) is type(other)
    if isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b)
    elif isinstance(one, rn.kernels.Deflated):
        same(list(one), list(other))
    elif isinstance(one, str | bool | tuple) or one is None:
        assert one == other
    else:
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=4 * EPS, atol=0)


METHODS = {"_at_angle", "_at_correlation", "_deflated", "_limit", "_log_scale", "_real_at_angle", "_table", "collapses"}
SIMPLE = ("settings", "homogeneous", "has_real_depth", "is_tangent", "matrix", "deflated", "infinite depth")
FIRST_OF_THEIR_BASE = {registry.FAMILIES[name].__mro__[1]: name for name in reversed(registry.FAMILIES)}


def questions(member):
    """Everything, of the first family of each base; some of it, of one that differs from the first, or from a family
    that it is a subclass of, by its network only; of a member in another phase, what the phase decides."""
    name, values = member
    if values:
        return BY_PHASE
    kind = registry.FAMILIES[name]
    base = kind.__mro__[1]
    first = FIRST_OF_THEIR_BASE[base] == name and base not in registry.FAMILIES.values()
    return QUESTIONS if first or set(vars(kind)) & METHODS else SIMPLE


@every_member
def test_a_subclass_under_another_name_keeps_everything(member):
    family, mine = built(member), renamed(member)
    for question in questions(member):
        ask = QUESTIONS[question]
        theirs, ours = outcome(lambda ask=ask: ask(family)), outcome(lambda ask=ask: ask(mine))
        try:
            same(theirs, ours)
        except AssertionError as problem:
            raise AssertionError(f"{question}: {theirs} became {ours}") from problem


@pytest.mark.parametrize("member", [each for each in MEMBERS if not each[1]], ids=lambda member: member[0])
def test_a_subclass_has_the_coefficients_of_its_base(member):
    family, mine = built(member), renamed(member)
    x = rn.sphere.uniform(2, 4, seed=2)

    def solved(kind):
        report = rn.regression.solve(kind, FEW, x, depth=10**5)
        u = report.coefficients
        return [u, report.condition_number, report.method, report.smallest_eigenvalue]

    def moved(kind):
        result = rn.transport.between_depths(kind, FEW, x, depth=3)
        return [result.coefficients, bool(result.converged)]

    for ask in (solved, moved):
        same(outcome(lambda ask=ask: ask(family)), outcome(lambda ask=ask: ask(mine)))


def test_a_tangent_kernel_under_another_name_is_no_covariance():
    class Mine(rn.kernels.ErfNTK):
        name = "my-erf-tangent"

    assert float(Mine(1.5, 0.1).at_correlation(0.2, 5)) == float(rn.kernels.ErfNTK(1.5, 0.1).at_correlation(0.2, 5))
    assert Mine(1.5, 0.1).at_correlation(0.2, 5) != rn.kernels.ErfNNGP(1.5, 0.1).at_correlation(0.2, 5)
    assert jnp.isfinite(Mine().at_angle(0.5, 3))
