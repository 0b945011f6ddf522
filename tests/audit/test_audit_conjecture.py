"""The conclusion's conjecture in the audit: verdicts, and what turns them."""

import dataclasses
import math

import numpy as np
import pytest

from roughntk.audit import conjecture, simulated
from roughntk.audit.claim import HOLDS, UNDECIDED
from roughntk.audit.claims import CLAIMS
from roughntk.audit.examination import examine
from roughntk.audit.ingredients import Driven, Networks
from roughntk.audit.subject import Subject


@dataclasses.dataclass(frozen=True)
class Plain(Networks):
    """Drivers in plain numpy, in law: nothing of them is compiled."""

    def driven(self, X, weights, layers, width, c):
        slopes = (1 + c / math.sqrt(width), 1 - c / math.sqrt(width))
        walk = drawn(X, weights, layers, width, slopes) if isinstance(weights, int) else None
        walk = walk or simulated.shaped_walk(weights, X, slopes)
        kappa = width * (slopes[0] - slopes[1]) ** 2 / (math.pi * (slopes[0] ** 2 + slopes[1] ** 2))
        polygon = np.diag([math.exp(walk.increments[:, 0, 0].sum()) * walk.factors[0, 0, 0], 1.0])
        return Driven(walk.increments, walk.factors, simulated.along_ito_lift(walk, kappa, 1 / width), polygon)


class Swapped(Plain):
    """Each lift in the place of the other."""

    def driven(self, X, weights, layers, width, c):
        driven = super().driven(X, weights, layers, width, c)
        return driven._replace(ito=driven.polygon, polygon=driven.ito)


def drawn(X, seed, layers, width, slopes):
    """The walk of a network whose whitened preactivations are drawn."""
    rng = np.random.default_rng(seed)
    factors, increments = [np.linalg.cholesky(X @ X.T)], []
    scale = math.sqrt(2 / (width * (slopes[0] ** 2 + slopes[1] ** 2)))
    for _ in range(layers):
        white = rng.standard_normal((width, 2))
        z = white @ factors[-1].T
        h = scale * np.where(z > 0, slopes[0] * z, slopes[1] * z)
        increments.append(np.linalg.cholesky(white.T @ white / width) - np.eye(2))
        factors.append(np.linalg.cholesky(h.T @ h))
    return simulated.Walk(np.array(increments), np.array(factors))


def supports(claim, networks):
    evidence, _ = CLAIMS[claim].examine(Subject(networks=networks))
    return [each.supports for each in evidence]


def test_kernels_stay_random_and_a_network_follows_its_own_path_on_one_lift():
    examined = examine(CLAIMS["conclusion-conjecture"], Subject(networks=Plain()))
    assert examined.verdict == HOLDS, examined.reason
    assert "not proved" in examined.statement
    assert len(examined.evidence) == 8 and all(each.supports for each in examined.evidence)


def test_the_other_lift_turns_the_evidence_and_so_does_a_law_of_another_depth(monkeypatch):
    monkeypatch.setattr(conjecture, "NETWORKS", 12)
    evidence, _ = conjecture._along_own_weights(Subject(networks=Swapped()))
    assert [each.supports for each in evidence] == [False, False]
    assert conjecture._driver_ground(Subject(networks=Swapped())).supports is False

    class Shallow(Networks):
        def depth_quantiles(self, layers, width, angle, q):
            return super().depth_quantiles(layers // 2, width, angle, q)

        def second_moment(self, layers, width):
            return 1.0 + 0.0 * layers

        def in_law(self, X, layers, width, samples, seed):
            return simulated.random_networks(np.asarray(X), layers, width // 2, samples // 3, seed)

    shallow = Subject(networks=Shallow())
    assert conjecture._random_depth(shallow).supports is False
    assert [each.supports for each in conjecture._random_kernel(shallow)] == [False, False]
    assert conjecture._law_ground(shallow).supports is False


def test_the_driver_of_the_package_and_its_two_solutions_are_those_of_plain_numpy():
    assert conjecture._driver_ground(Subject()).supports


def test_the_matrix_of_ones_is_measured_and_a_ratio_that_stays_is_told(monkeypatch):
    monkeypatch.setattr(conjecture, "OWN", 40)
    examined = examine(CLAIMS["joint-limit-ones"], Subject())
    assert examined.verdict == HOLDS, examined.reason
    assert "conjecture" in examined.statement

    class Quarter(Networks):
        def ratios(self, time, samples, seed):
            return np.random.default_rng(seed).normal(0.25, 0.1, samples)

    assert supports("joint-limit-ones", Quarter())[:2] == [False, False]


def test_other_networks_leave_nothing_to_rest_on(monkeypatch):
    monkeypatch.setattr(conjecture, "OWN", 40)

    class Scaled(Plain):
        def kernels(self, X, width, depth, samples, seed):
            covariance, tangent = super().kernels(X, width, depth, samples, seed)
            return 1.2 * covariance, tangent

        def ratios(self, time, samples, seed):
            return np.random.default_rng(seed).beta(1 + time, 3.0, samples)

    assert examine(CLAIMS["joint-limit-ones"], Subject(networks=Scaled())).verdict == UNDECIDED


def test_the_clock_of_angles_counts_layers_and_second_moments_are_those_of_one_layer():
    angles = [math.pi / 2]
    for _ in range(3):
        cosine = (math.sin(angles[-1]) + (math.pi - angles[-1]) * math.cos(angles[-1])) / math.pi
        angles.append(math.acos(cosine))
    clock = conjecture.depth_of_angles(np.array(angles))
    # its series is cut at theta^2 for angles below 0.02: 0.04 0.02^2 = 2e-5
    np.testing.assert_allclose(np.diff(clock), 1.0, rtol=0, atol=1e-4)
    assert clock[0] == pytest.approx(4.389847383733851749, abs=1e-4)
    assert simulated.second_moment(1, 10) == pytest.approx(1.5, rel=1e-14)
    assert simulated.second_moment(2, 16) == pytest.approx(1.55859375, rel=1e-14)
    assert simulated.limit_of_second_moment(0.5) == pytest.approx(7.760316, rel=1e-6)
