"""Linear equations by the signature series, and greedy partitions: bounds, levels, longest steps."""

import math

import numpy as np
import pytest
import scipy.linalg

from roughntk._checks import InputError
from roughntk.rough import PiecewiseLinear, lift
from roughntk.rough.linear import solve_linear, tail
from roughntk.rough.partition import greedy_partition
from roughntk.rough.rde import solve_rde


def test_the_signature_series_meets_its_bound_at_every_level():
    t = np.linspace(0, 1, 65)
    path = PiecewiseLinear(np.stack([np.cos(3 * t), np.sin(2 * t) + t], axis=1), t)
    A = np.random.default_rng(6).normal(size=(2, 3, 3)) * 0.4
    y0 = np.array([1.0, 0.5, -1.0])
    expected = y0
    for dx in np.diff(np.asarray(path.values), axis=0):
        expected = scipy.linalg.expm(np.einsum("i,iab->ab", dx, A)) @ expected
    gaps = []
    for level in (2, 6):
        solution = solve_linear(A, path, y0, level=level, tolerance=None)
        gaps.append(np.linalg.norm(solution.values[-1] - expected))
        length = solution.stats["lengths"].sum()
        exact_tail = sum(length**k / math.factorial(k) for k in range(level + 1, 60)) * np.linalg.norm(y0)
        np.testing.assert_allclose(solution.error_estimate, exact_tail, rtol=1e-12)
        assert 1e-5 * solution.error_estimate < gaps[-1] < solution.error_estimate
    assert gaps[-1] < 0.05 * gaps[0]
    # Pieces that end between the sample points, and the level chosen from the tolerance.
    chosen = solve_linear(A, path, y0, tolerance=1e-6, partition=[0.0, 0.31, 0.52, 0.77, 1.0])
    assert np.linalg.norm(chosen.values[-1] - expected) < chosen.error_estimate < 1e-6
    assert chosen.level < 12 and (np.diff(chosen.stats["bounds"]) > 0).all()
    with pytest.raises(InputError, match=r"bound of at most 1e-09, got .* at level 3"):
        solve_linear(A, path, y0, tolerance=1e-9, level=3)
    with pytest.raises(InputError, match="raise partition"):
        solve_linear(20 * A, path, y0, tolerance=1e-9)
    with pytest.raises(InputError, match="one square matrix"):
        solve_linear(A[:1], path, y0)


def test_the_tail_of_the_exponential_series_is_a_number_not_a_difference():
    assert tail(0.0, 3) == 0.0
    np.testing.assert_allclose(tail(1e-3, 4), 1e-15 / 120 * (1 + 1e-3 / 6), rtol=1e-6)


def control(piece, p):
    """sum_k sup over partitions of sum |X^k|^{p/k}, by Riemann sums for X^2 and a plain dynamic programme."""
    total = 0.0
    for k in range(1, int(p) + 1):
        best = [0.0]
        for j in range(1, len(piece)):
            candidates = []
            for i in range(j):
                x = piece[i : j + 1] - piece[i]
                increment = x[-1] if k == 1 else (x[:-1] + x[1:]).T @ np.diff(x, axis=0) / 2
                candidates.append(best[i] + np.linalg.norm(increment) ** (p / k))
            best.append(max(candidates))
        total += best[-1]
    return total


@pytest.mark.parametrize(("p", "threshold"), [(1.0, 2.0), (2.5, 1.5)])
def test_the_greedy_partition_takes_the_longest_steps_within_the_threshold(p, threshold):
    path = np.random.default_rng(7).normal(size=(60, 2)).cumsum(0) * 0.4
    times = np.linspace(0, 3, 60)
    chosen = greedy_partition(lift(PiecewiseLinear(path, times), 2), p, threshold)
    ends = np.searchsorted(times, chosen)
    assert ends[0] == 0 and ends[-1] == 59 and 5 < len(ends) < 50
    for i, j in zip(ends[:-1], ends[1:], strict=True):
        assert j == i + 1 or control(path[i : j + 1], p) <= threshold * (1 + 1e-12)
        assert j == 59 or control(path[i : j + 2], p) > threshold
    # Two steps in a row hold more than the threshold, and omega is superadditive.
    assert len(ends) - 1 <= 2 * control(path, p) / threshold + 1
    driver = lift(PiecewiseLinear(path, times), 2)
    constant = lambda y: 0.3 * np.eye(2) + 0 * y  # noqa: E731
    solution = solve_rde(constant, driver, [0.0, 0.0], p=p, threshold=threshold, method="davie", estimate=False)
    np.testing.assert_array_equal(solution.times, chosen)
