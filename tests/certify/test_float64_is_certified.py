"""What the docstrings of the ReLU kernels and of their flow say of float64, against proven enclosures.

The bounds are 1e-13 relative, with a floor of 1/20 below which the error is absolute. What is measured on 10,000 cases
(benchmarks/certificates_of_kernels.py) is at most an eighth of it, so that other processors and compilers are within.
"""

import math

import numpy as np
import pytest

import roughntk as rn
from roughntk.certify.values import at_angle

BOUND, FLOOR = 1e-13, 1 / 20
DEPTHS_OF_LAYERS = (1, 2, 3, 8)
CASES = 120


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Angles of every size with both ends among them, and depths: whole to 10^6, real from 1 on, and to 10^12."""
    generator = np.random.default_rng(seed)
    share, kind = generator.random((2, CASES)), generator.integers(0, 4, (2, CASES))
    angles = np.select(
        [kind[0] == 0, kind[0] == 1, kind[0] == 2],
        [math.pi * share[0], 10.0 ** (-300 * share[0]), 10.0 ** (-8 * share[0])],
        math.pi - 10.0 ** (-15 * share[0]),
    )
    depths = np.select(
        [kind[1] == 0, kind[1] == 1, kind[1] == 2],
        [np.floor(10.0 ** (6 * share[1])), 1 + 2 * share[1], 10.0 ** (12 * share[1])],
        1 + 10.0 ** (-12 * share[1]),
    )
    angles[:8] = [math.pi, math.pi, math.pi, math.nextafter(math.pi, 0), 1e-300, 2.3e-308, math.pi / 2, 1.0]
    depths[:8] = [1.0, 2.0, 1.5, 1.0000001, 1e6, 1e12, 2.0, 1e300]
    return angles, depths


@pytest.fixture(scope="module")
def cases():
    return drawn(15)


def worst(name: str, values: np.ndarray, starts: np.ndarray, depths: np.ndarray, prove=at_angle, floor=FLOOR) -> float:
    """The largest proven bound of an error, over the exact number or `floor`."""
    errors = []
    for value, start, depth in zip(values, starts, np.broadcast_to(depths, starts.shape), strict=True):
        exact = prove(name, float(start), float(depth), digits=20)
        errors.append(exact.error_of(float(value)) / max(abs(float(exact)), floor))
    return max(errors)


def at_correlation(name: str, rho: float, depth: float, *, digits: int) -> rn.certify.Enclosure:
    return (rn.certify.kernel if name == "K" else rn.certify.correlation)(rho, depth, digits=digits)


@pytest.mark.parametrize(("name", "family"), [("K", rn.kernels.ReluNTK()), ("rho", rn.kernels.ReluNNGP())])
def test_kernels_at_angles(name, family, cases):
    angles, depths = cases
    assert worst(name, np.asarray(family.at_angle(angles, depths)), angles, depths) <= BOUND
    for depth in DEPTHS_OF_LAYERS:  # the layers one by one
        values = np.asarray(family.at_angle(angles, depth))
        assert worst(name, values[::4], angles[::4], np.array(depth)) <= BOUND


@pytest.mark.parametrize(("name", "family"), [("K", rn.kernels.ReluNTK()), ("rho", rn.kernels.ReluNNGP())])
def test_kernels_at_correlations(name, family, cases):
    angles, depths = cases
    correlations = np.cos(angles)
    near = np.arange(CASES) % 2 == 0
    correlations = np.where(near & (correlations > 0.5), 1 - 10.0 ** (-16 * angles / math.pi), correlations)
    correlations[:3] = 1.0, -1.0, math.nextafter(1.0, 0.0)
    below = (depths > 1) & (depths < 1.01)
    values = np.asarray(family.at_correlation(correlations, depths))
    within = ~below if name == "K" else np.ones(CASES, bool)
    assert within.sum() > CASES / 2
    assert worst(name, values[within], correlations[within], depths[within], at_correlation) <= BOUND
    assert worst(name, values[below], correlations[below], depths[below], at_correlation, 1.0) <= 1e-10
    for depth in DEPTHS_OF_LAYERS:
        values = np.asarray(family.at_correlation(correlations, depth))
        assert worst(name, values[::4], correlations[::4], np.array(depth), at_correlation) <= BOUND


def test_angles_keep_their_relative_accuracy(cases):
    angles, depths = cases
    values = np.asarray(rn.maps.relu_flow.flow(angles, depths - 1))
    assert worst("theta", values, angles, depths, floor=0.0) <= BOUND
    end, total = (np.asarray(each) for each in rn.maps.relu_flow.ntk_sum(angles, depths - 1))
    assert worst("theta", end, angles, depths, floor=0.0) <= BOUND
    assert worst("K", total / depths, angles, depths) <= BOUND


def test_a_certificate_is_never_below_the_true_error_and_close_to_it(cases):
    angles, depths = cases
    values = np.asarray(rn.kernels.ReluNTK().at_angle(angles, depths))
    for angle, depth, value in list(zip(angles.tolist(), depths.tolist(), values.tolist(), strict=True))[1::3]:
        bound = rn.certify.error_bound(value, lambda digits, pair=(angle, depth): at_angle("K", *pair, digits=digits))
        # K = 1 - O(theta), and theta^2 beside it; K = 1/4 + O(log L/L)
        more = 60 + math.ceil(math.log10(depth) - 2 * math.log10(min(angle, 1.0)))
        truth, _ = at_angle("K", angle, depth, digits=more).distances_to(value)
        assert truth <= bound <= 2.001 * truth


def test_a_wrong_value_is_not_certified(cases):
    angles, depths = (part[20:30] for part in cases)
    values = np.asarray(rn.kernels.ReluNTK().at_angle(angles, depths))
    assert worst("K", values * (1 + 2e-13), angles, depths) > BOUND
