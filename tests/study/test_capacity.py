"""What a study needs is counted before it begins, by one rule."""

import importlib

import numpy as np
import pytest

import roughntk as rn
from roughntk._checks import capacity as machine
from roughntk.study import capacity
from roughntk.study.analysis import drivers
from roughntk.study.depths import StudyDepths

run_room = importlib.import_module("roughntk.study.pipeline")


def test_a_study_that_does_not_fit_is_refused_before_work_begins_and_one_that_fits_is_not(tmp_path, monkeypatch):
    need = capacity.study_bytes(200, 5, StudyDepths(range(2, 12)), 33)
    began = []

    def begin(*arguments, keeper):
        began.append(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(run_room.closed_form, "kernels_at_depths", begin)
    settings = {"points": 200, "test_points": 5, "depths": "2:11", "out": tmp_path / "report"}
    # nine tenths of what is free may be taken; the machine that runs this test does not matter
    monkeypatch.setattr(machine, "available_memory", lambda: need / 0.9 * 0.99)
    with pytest.raises(
        rn.InputError, match=r"a study of 200 training and 5 test points.*depths 2 to 11.*got a need of "
    ):
        rn.study.run("sphere", **settings)
    assert not began and not list(tmp_path.iterdir())
    monkeypatch.setattr(machine, "available_memory", lambda: need / 0.9 * 1.01)
    with pytest.raises(KeyboardInterrupt):
        rn.study.run("sphere", **settings)
    assert len(began) == 1


@pytest.mark.parametrize(
    ("n", "m", "depths", "samples", "measured"),
    # MiB at the peaks of whole processes on two cores, above that of a study of 3 points; one copy of the steps less
    # is made since
    [(100, 10, 30, 33, 723), (200, 5, 10, 33, 803), (50, 200, 20, 33, 563)],
)
def test_the_count_is_that_of_measured_studies_and_at_most_twice_as_much(n, m, depths, samples, measured):
    found = capacity.study_bytes(n, m, StudyDepths(range(2, 2 + depths)), samples) / 2**20
    assert measured <= found <= 2 * measured


def test_the_count_follows_what_is_kept():
    """Drivers of all depths at all samples, each entry once: less than a DRIVERS-th of the count beside the rest."""
    paths = {depth: np.zeros((33, 40 * 45)) for depth in range(2, 11)}
    kept = sum(path.nbytes for path in paths.values())
    counted = capacity.study_bytes(40, 5, StudyDepths(range(2, 12)), 33) - capacity.study_bytes(
        40, 5, StudyDepths(range(2, 12)), 3
    )
    assert counted == pytest.approx(capacity.DRIVERS * kept * 30 / 33, rel=1e-12)


def test_principal_directions_are_those_of_the_weighted_steps():
    rng = np.random.default_rng(0)
    paths = {depth: rng.standard_normal((5, 12)).cumsum(axis=0) / depth**3 for depth in (1, 2, 3)}
    reduced, captured, channels = drivers._principal(paths, 4)
    steps = [np.diff(path, axis=0) for path in paths.values()]
    stacked = np.concatenate([step / np.abs(step).sum() for step in steps])
    vectors = np.linalg.eigh(stacked.T @ stacked)[1][:, -4:]
    assert channels == 12
    for path, step, depth in zip(paths.values(), steps, paths, strict=True):
        # the same subspace: l2 lengths agree, whatever the basis
        assert captured[depth] == pytest.approx(np.linalg.norm(step @ vectors) / np.linalg.norm(step), rel=1e-12)
        np.testing.assert_allclose(reduced[depth] @ reduced[depth].T, path @ vectors @ vectors.T @ path.T, rtol=1e-10)
