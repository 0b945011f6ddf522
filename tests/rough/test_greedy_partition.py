"""Greedy partitions: the longest steps within the threshold, by the definition, however long they are."""

import numpy as np
import pytest

from roughntk import rough
from roughntk.rough import greedy_partition, lift, solve_rde


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
                candidates.append(best[i] + np.abs(increment).sum() ** (p / k))
            best.append(max(candidates))
        total += best[-1]
    return total


@pytest.mark.parametrize(("p", "threshold"), [(1.0, 2.0), (2.5, 1.5)])
def test_the_greedy_partition_takes_the_longest_steps_within_the_threshold(p, threshold):
    path = np.random.default_rng(7).normal(size=(60, 2)).cumsum(0) * 0.4
    times = np.linspace(0, 3, 60)
    chosen = greedy_partition(lift(rough.PiecewiseLinear(path, times), 2), p, threshold)
    ends = np.searchsorted(times, chosen)
    assert ends[0] == 0 and ends[-1] == 59 and 5 < len(ends) < 50
    for i, j in zip(ends[:-1], ends[1:], strict=True):
        assert j == i + 1 or control(path[i : j + 1], p) <= threshold * (1 + 1e-12)
        assert j == 59 or control(path[i : j + 2], p) > threshold
    # Two steps in a row hold more than the threshold, and omega is superadditive.
    assert len(ends) - 1 <= 2 * control(path, p) / threshold + 1
    driver = lift(rough.PiecewiseLinear(path, times), 2)
    constant = lambda y: 0.3 * np.eye(2) + 0 * y  # noqa: E731
    solution = solve_rde(constant, driver, [0.0, 0.0], p=p, threshold=threshold, method="davie", estimate=False)
    np.testing.assert_array_equal(solution.times, chosen)


def running(steps, start, p, threshold, norm):
    """The definition, point after point: X_{a,b} of all a, and the best sum at each level, until the sum is beyond."""
    pairs = [np.zeros((len(part) + 1, part.shape[1])) for part in steps]
    best = np.zeros((len(steps), len(steps[0]) - start + 1))
    for n in range(1, best.shape[1]):
        for k in range(len(pairs), 0, -1):
            rows, step = pairs[k - 1][:n], [part[start + n - 1] for part in steps]
            for j in range(1, k):
                rows += (pairs[j - 1][:n, :, None] * step[k - j - 1]).reshape(n, -1)
            rows += step[k - 1]
            size = np.abs(rows).sum(1) if norm == "l1" else np.sqrt((rows * rows).sum(1))
            best[k - 1, n] = np.max(best[k - 1, :n] + size ** (p / k))
        if best[:, n].sum() > threshold:
            return start + max(n - 1, 1)
    return start + best.shape[1] - 1


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("seed", range(20))
def test_the_partition_is_that_of_the_definition(seed, norm):
    rng = np.random.default_rng(seed)
    channels, points = int(rng.integers(1, 4)), int(rng.integers(2, 150))
    p, threshold = rng.choice([1.0, 1.5, 2.0, 2.5, 3.2]), rng.choice([0.5, 3.0, 40.0, 1e3, 1e5])
    path = rng.normal(size=(points, channels)).cumsum(0)
    path = np.round(path) if seed % 4 == 0 else path  # sums that equal the threshold
    path = np.repeat(path, rng.integers(1, 4, points), axis=0)[:points] if seed % 4 == 1 else path  # rests
    lifted = lift(path, int(p))
    ends = np.cumsum([channels**k for k in range(1, int(p) + 1)])[:-1]
    steps, expected = np.split(np.asarray(lifted.steps), ends, axis=1), [0]
    while expected[-1] < points - 1:
        expected.append(running(steps, expected[-1], p, threshold, norm))
    for given in (path, lifted):
        assert greedy_partition(given, p, threshold, norm=norm).tolist() == expected


@pytest.mark.parametrize("channels", [1, 2])
def test_a_million_equal_points_are_one_step(channels):
    still = np.ones((10**6, channels))
    assert greedy_partition(still, 2.5, 1e-3).tolist() == [0.0, 10**6 - 1]
    still[500_000:] = 3.0
    assert greedy_partition(still, 2.5, 1e-3).tolist() == [0.0, 499_999, 500_000, 10**6 - 1]


def test_long_steps_of_a_scalar_path_are_found_by_bisection(monkeypatch):
    from roughntk.rough.variation import partitions

    asked = []
    value = partitions._GreedyControl._omega
    monkeypatch.setattr(
        partitions._GreedyControl, "_omega", lambda self, s, t: asked.append((s, t)) or value(self, s, t)
    )
    walk = np.random.default_rng(0).normal(size=20_000).cumsum()
    chosen = greedy_partition(walk, 2.5, 1e4).astype(int)
    assert 3 < len(chosen) < 100 and len(asked) < 40 * len(chosen)
    weight = 1 + 2.0 ** (-1.25)  # |X^2| = |dx|^2 / 2
    for s, t in zip(chosen[:-1], chosen[1:], strict=True):
        assert weight * rough.p_variation(walk[s : t + 1], 2.5, root=False) <= 1e4 * (1 + 1e-12)
        assert t == 19_999 or weight * rough.p_variation(walk[s : t + 2], 2.5, root=False) > 1e4


def test_sums_beyond_float64_are_beyond_every_threshold():
    far = np.array([[0.0, 0.0], [1e200, 0.0], [0.0, 1e200], [1.0, 1.0]])
    assert greedy_partition(far, 2.5, 1e300).tolist() == [0.0, 1.0, 2.0, 3.0]
    assert greedy_partition(far, 2.5, np.inf).tolist() == [0.0, 3.0]
    assert greedy_partition(1e-200 * far, 2.5, 1e3).tolist() == [0.0, 3.0]
