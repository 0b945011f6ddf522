"""Linear algebra of small studies takes one thread, and neighbouring depths share their systems."""

import math

import numpy as np
import pytest
from routes import POINTS, TEST_POINTS
from threadpoolctl import threadpool_info, threadpool_limits

import roughntk as rn
from roughntk.regression import systems
from roughntk.study import threads
from roughntk.study.analysis import closed_form, transport
from roughntk.study.data import load
from roughntk.study.depths import StudyDepths


def counts():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize(("points", "within"), [(threads.FEWEST_POINTS - 1, 1), (threads.FEWEST_POINTS, 2)])
def test_few_points_take_one_thread_and_the_setting_comes_back(points, within):
    with threadpool_limits(limits=2, user_api="blas"):
        before = counts()
        with threads.fitting_threads(points):
            assert all(count == min(within, most) for count, most in zip(counts(), before, strict=True))
        assert counts() == before


@pytest.mark.parametrize("family", ["relu-ntk", "sigmoid"])
def test_each_depth_is_evaluated_once_a_stage(family, monkeypatch):
    asked = []
    for name in ("kernel_system", "deflated_system"):
        genuine = getattr(systems, name)

        def counted(family, X, x, depth, genuine=genuine):
            asked.append(depth)
            return genuine(family, X, x, depth)

        monkeypatch.setattr(systems, name, counted)
    data = load("sphere", points=POINTS, test_points=TEST_POINTS, seed=0)
    found = closed_form.kernels_at_depths(
        rn.kernels.family(family), data, StudyDepths(range(9, 13)), lambda stage, steps: None
    )
    assert asked == [9, 10, 11, 12, math.inf]  # the last one for the limits
    asked.clear()
    records = transport.transport_records(found, [9, 10, 11], lambda stage, steps: None)
    assert sorted(asked) == [9, 10, 11, 12]
    # as the public function finds them, which shares nothing
    alone = rn.transport.between_depths(found.family, data.X, data.x, depth=10, clock="psi", rhs="paper")
    row = next(row for row in records if (row["depth"], row["clock"], row["rhs"]) == (10, "psi", "paper"))
    np.testing.assert_array_equal(row["coefficients"], alone.coefficients)
    assert row["error_bound"] == alone.error_bound and row["steps"] == alone.stats["steps"]
