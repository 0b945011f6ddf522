"""Studies of other settings, without figures: drawing is checked separately, and coarsely."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from driver_routes import level_two, silent
from routes import FIGURES, LAST_DEPTH, POINTS, TEST_POINTS, draw_every_figure, largest_sum, plain_kernels
from threadpoolctl import threadpool_info, threadpool_limits

import roughntk as rn
from roughntk.study import pipeline
from roughntk.study.analysis import closed_form, transport, variation
from roughntk.study.analysis import drivers as drivers_room
from roughntk.study.analysis import signatures as signatures_room
from roughntk.study.data import load
from roughntk.study.depths import StudyDepths
from roughntk.study.sentences import infinite_sentence

EPS = np.finfo(np.float64).eps


def study(data="sphere", **settings):
    return rn.study.run(data, out=None, **{"points": POINTS, "test_points": TEST_POINTS, "depths": "2:4"} | settings)


def strict(found):
    return json.loads(json.dumps(pipeline.as_json(found, "test"), allow_nan=False))


def test_a_study_gives_the_same_numbers_twice(written):
    again = study("digits", depths=f"1:{LAST_DEPTH}")
    record = strict(again)
    for name in ("transport", "p_variation", "coefficients", "signature", "slopes", "data"):
        assert record[name] == written.record[name]


def test_two_depths_are_enough(written):
    found = study("digits", depths="2:3")
    record = strict(found)
    assert record["depths"] == [2, 3]
    expected = [{**row} for row in written.record["transport"] if row["depth"] == 2]
    assert record["transport"] == expected
    assert record["slopes"]["level1"] is None and record["convergence"] is None
    assert any("Too few depths for a fitted slope" in line for line in found.summary)
    assert any("Too few drivers" in line for line in found.summary) and len(found.summary) == 12


def test_a_study_of_the_nngp_kernel_works():
    found = study(family="relu-nngp")
    record = strict(found)
    assert record["family"] == "relu-nngp" and record["limits"]["kernel_entry"] == 1.0
    np.testing.assert_allclose(record["limits"]["coefficients"], 1 / POINTS, rtol=1e-15 * POINTS)
    for row in record["transport"]:
        assert row["converged"] and row["error"] <= 1e-9 and row["residual"] <= 1e-9
    for depth in (2, 3, 4):
        K, B = plain_kernels("relu-nngp", found.data.X, found.data.x, depth)
        np.testing.assert_allclose(found.kernels.solved[depth].coefficients, np.linalg.solve(K, B), atol=200 * EPS * 14)
    assert draw_every_figure(found) == len(FIGURES) - (found.deep is None) - (found.prediction is None)


def test_one_training_and_one_test_point_are_enough():
    """Then K = 1 at every depth, so u = K_L(x, x_1), the matrix part is 0 and the last channel is linear."""
    found = study(points=1, test_points=1, depths="1:4", projection="none")
    record = strict(found)
    kernel = [plain_kernels("relu-ntk", found.data.X, found.data.x, depth)[1].item() for depth in (1, 2, 3, 4)]
    for depth in (1, 2, 3, 4):
        assert found.kernels.solved[depth].coefficients.item() == pytest.approx(kernel[depth - 1], abs=20 * EPS)
        assert record["coefficients"][depth - 1]["condition_number"] == 1.0
        assert record["coefficients"][depth - 1]["log_determinant"] == 0.0
    assert len(record["transport"]) == 12
    assert all(row["error"] <= 1e-12 and row["residual"] <= 1e-12 for row in record["transport"])
    for depth in (1, 2, 3):
        step = abs(kernel[depth] - kernel[depth - 1])
        norms = {(row["p"], row["level"]): row["norm"] for row in record["p_variation"] if row["depth"] == depth}
        # The path is a straight line: one step, and half of its square at level 2.
        assert norms[1.0, 1] == pytest.approx(step, abs=40 * EPS)
        assert norms[2.0, 1] == pytest.approx(step, abs=40 * EPS)
        assert norms[2.0, 2] == pytest.approx(step**2 / 2, abs=40 * EPS)
    signature = record["signature"]
    assert (signature["level"], signature["channels"], signature["on_principal_directions"]) == (3, 2, False)
    assert signature["captured"] == {"1": 1.0, "2": 1.0, "3": 1.0}
    assert draw_every_figure(found) == len(FIGURES) - (found.deep is None) - (found.prediction is None)


def test_depth_one_is_left_out_of_the_transport_where_it_is_singular():
    data = load("sphere", points=6, test_points=1, seed=0, dimension=3)  # n > n0: K_1 has rank 3
    kernels = closed_form.kernels_at_depths(rn.kernels.ReluNTK(), data, StudyDepths(range(1, 5)), silent)
    assert kernels.solved[1] is None and not kernels.regular(1) and kernels.condition[1] > 1e12
    starts, note = transport.transport_pairs(kernels)
    assert starts == [2, 3] and "left out" in note
    data = load("sphere", points=3, test_points=1, seed=0, dimension=3)
    kernels = closed_form.kernels_at_depths(rn.kernels.ReluNTK(), data, StudyDepths(range(1, 4)), silent)
    starts, note = transport.transport_pairs(kernels)
    assert starts == [1, 2] and "joins" in note
    assert transport.transport_pairs(
        closed_form.kernels_at_depths(rn.kernels.ReluNTK(), data, StudyDepths(range(2, 5)), silent)
    ) == (
        [2, 3],
        "",
    )


def test_level_two_is_on_principal_directions_where_there_are_more_than_60_channels():
    data = load("sphere", points=8, test_points=1, seed=0)
    kernels = closed_form.kernels_at_depths(rn.kernels.ReluNTK(), data, StudyDepths(range(3, 6)), silent)
    drivers = drivers_room.driver_paths(kernels, [3, 4], 9, 13, silent)
    assert (drivers.channels, drivers.directions, drivers.full) == (72, 13, False)
    rows = variation.variation_records(drivers, 2.0, silent)
    for row in rows:
        reduced = row["level"] == 2
        assert row["tensor_norm"] == ("l2" if reduced else "l1")
        assert row["channels"] == (13 if reduced else 72)
        source = drivers.reduced if reduced else drivers.paths
        if (row["p"], row["level"]) == (2.0, 2):
            path = source[row["depth"]]
            cost = np.zeros((9, 9))
            for j in range(9):
                for i in range(j):
                    area = level_two(path, i, j)
                    cost[i, j] = np.linalg.norm(area) if reduced else np.abs(area).sum()
            assert row["norm"] == pytest.approx(largest_sum(cost), rel=1e-12)
    signature = signatures_room.signatures(drivers, 2.0, silent).record
    assert (signature["level"], signature["channels"]) == (2, 13)  # level 3 up to 12 channels only
    assert [len(row["level_norms"]) for row in signature["per_depth"]] == [2, 2]


def test_progress_counts_every_stage_to_its_end_and_linear_algebra_takes_one_thread():
    seen: dict[str, list[int]] = {}
    total = {}
    threads = set()

    def progress(stage, done, all_steps):
        seen.setdefault(stage, []).append(done)
        total[stage] = all_steps
        threads.update(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")

    with threadpool_limits(limits=2, user_api="blas"):
        study(depths="2:4", progress=progress)
    assert threads <= {1}
    for stage, steps in seen.items():
        assert steps == sorted(steps) and steps[0] == 0 and steps[-1] == total[stage], stage
    assert set(seen) == {"closed form", "transport", "drivers", "signatures", "p-variation", "infinite depth"}
    assert total["transport"] == 8


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"depth": "1:5"}, "did you mean 'depths'"),
        (
            {"depths": "1:" + "9" * 12},
            "a study of 5 training.*1 to 999999999999.*to fit in memory.*TiB.*last of --depths",
        ),
        ({"depths": "1:" + "9" * 5000}, "depths of at most 1,000,000,000,000, got '1:999"),
        ({"depths": "1:9223372036854775808"}, r"depths of at most 1,000,000,000,000 .*, got about 9.223e\+18; lower"),
        ({"depths": "9" * 20 + ":" + "9" * 21}, r"got about 1e\+21"),
        ({"depths": "1:3.x"}, "FIRST:LAST"),
        ({"samples": 2}, "samples from 3"),
        ({"samples": 1.5}, "whole number"),
        ({"signature_channels": 0}, "signature channels from 1"),
        ({"p": "2"}, "exponent p >= 1, got '2'"),
    ],
)
def test_bad_settings_are_named(settings, match):
    with pytest.raises(rn.InputError, match=match):
        study(**settings)


def test_what_a_covariance_tends_to_is_said_of_its_kind_and_not_of_its_name():
    class Mine(rn.kernels.LeakyReluNNGP):
        name = "my-leaky-covariance"

    class Named(rn.kernels.ReluNTK):
        name = "my-relu-nngp"

    studies = [SimpleNamespace(family=each, deep=SimpleNamespace(needed=[])) for each in (Mine(0.1), Named())]
    assert [infinite_sentence(each) for each in studies] == ["The coefficients tend to 1/n each.", ""]
