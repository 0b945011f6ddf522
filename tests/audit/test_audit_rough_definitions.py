"""Appendix C in the audit: verdicts, and what turns them."""

import dataclasses

import numpy as np
import pytest

from roughntk import rough
from roughntk.audit import ingredients, rough_definitions
from roughntk.audit.claim import HOLDS, UNDECIDED
from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import examine
from roughntk.audit.grounds import Grounds
from roughntk.audit.subject import Subject

SUBJECT = Subject()
GROUNDS = Grounds(SUBJECT)
KEYS = "appendix-c-tensor-algebra", "appendix-c-norm", "appendix-c-metric", "appendix-c-ito-lyons"


def supports(claim, subject):
    evidence, _ = CLAIMS[claim].examine(subject)
    return [each.supports for each in evidence]


@pytest.mark.parametrize("key", KEYS)
def test_the_definitions_hold(key):
    examined = examine(CLAIMS[key], SUBJECT, GROUNDS)
    assert examined.verdict == HOLDS, examined.reason
    assert all(each.supports for each in examined.evidence)


def without_area(path, level):
    """A lift that takes one component of level 2 for nothing."""
    values = np.array(ingredients.lifted(path, level, backend="jax"))
    values[path.shape[1] + 1] = 0.0
    return values


@pytest.mark.parametrize("key", ["appendix-c-tensor-algebra", "appendix-c-ito-lyons"])
@pytest.mark.parametrize("name", rough.available_backends())
def test_each_lift_can_turn_the_verdict_alone(key, name):
    lifts = {"jax": SUBJECT.lifts["jax"], name: without_area}
    subject = dataclasses.replace(SUBJECT, lifts=lifts)
    assert False in supports(key, subject)
    assert examine(CLAIMS[key], subject).verdict == UNDECIDED


def hilbert_schmidt(part, channels, norm):
    return float(np.abs(part).sum() if norm == "l1" else np.linalg.norm(part))


def on_the_finest_mesh(a, b, p, level):
    differences = rough_definitions.increments(a)[(level or 1) - 1] - rough_definitions.increments(b)[(level or 1) - 1]
    sizes = np.abs(differences).reshape(len(a), len(a), -1).sum(axis=2)
    return float((np.diag(sizes, 1) ** (p / (level or 1))).sum() ** ((level or 1) / p))


def test_the_hilbert_schmidt_norm_is_not_the_projective_norm_and_a_mesh_is_not_the_supremum():
    norm = dataclasses.replace(SUBJECT, projective_norm=hilbert_schmidt)
    assert supports("appendix-c-norm", norm) == [True, False, True]
    metric = dataclasses.replace(SUBJECT, variation_distance=on_the_finest_mesh)
    assert supports("appendix-c-metric", metric)[0] is False and supports("appendix-c-metric", metric)[3] is False
    for key, subject in (("appendix-c-norm", norm), ("appendix-c-metric", metric)):
        assert examine(CLAIMS[key], subject).verdict == UNDECIDED


def test_suprema_and_decompositions_by_hand():
    sizes = np.array([[0, 1, 0.5, 1.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1.0], [0, 0, 0, 0]])  # |x_j - x_i| of 0, 1, .5, 1.5
    for p in (1.5, 3.0):
        expected = max(2 + 0.5**p, 1.5**p)
        assert rough_definitions.over_partitions(sizes, p) == pytest.approx(expected, rel=1e-15)
        assert rough_definitions.programme(sizes, p) == pytest.approx(expected, rel=1e-15)
    assert rough_definitions.best_orthogonal(np.array([[3.0, 0.0], [0.0, -4.0]])) == 7.0
    assert rough_definitions.decomposition(np.array([1.0, -2.0]), np.eye(2)) == pytest.approx(3.0, rel=1e-12)
    assert sorted(rough_definitions.shuffles((0,), (1, 1))) == [(0, 1, 1), (1, 0, 1), (1, 1, 0)]


def test_rotations_along_signatures_are_products_of_exponentials():
    arc = rough_definitions.arcs(2)[0]
    product = np.eye(3)
    for dx, dy in np.diff(arc, axis=0):
        step = dx * rough_definitions.FIRST + dy * rough_definitions.SECOND
        angle = float(np.hypot(dx, dy))
        product = product @ (np.eye(3) + np.sin(angle) / angle * step + (1 - np.cos(angle)) / angle**2 * step @ step)
    along = rough_definitions.rotation(ingredients.lifted(arc, 6, backend="jax"), 6)
    # the series is cut at 0.4^7/7! = 3e-7
    np.testing.assert_allclose(along, product, rtol=0, atol=1e-6)
