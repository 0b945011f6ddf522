"""Depths of a study that are a list, or real: what is followed from them, with the numbers of the package."""

import numpy as np
import pytest

import roughntk as rn
from roughntk._checks import InputError
from roughntk.study.depths import StudyDepths, depth_words, study_depths

SMALL = {"points": 5, "test_points": 2, "samples": 9, "out": None}


@pytest.mark.parametrize(
    ("text", "depths", "following"),
    [
        ("2:4", range(2, 5), []),
        ("3", range(1, 4), []),
        ("100,2,5,10", (2, 5, 10, 100), [3, 6, 11, 101]),
        ("2.5:4", (2.5, 3.5), [4.5]),
        ("2:4,3.25", (2, 3, 3.25, 4), [4.25, 5]),
        ([2, 5, 10.5], (2, 5, 10.5), [3, 6, 11.5]),
        ("1e12,2", (2, 10**12), [3, 10**12 + 1]),
    ],
)
def test_depths_are_read(text, depths, following):
    chosen = study_depths(text)
    assert (chosen.depths, chosen.following) == (depths, following)
    assert list(chosen.starts) == list(depths)[: -1 if isinstance(depths, range) else None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2,inf", "expected finite depths"),
        ("2", "at least two depths from 2 on"),
        ("1,2", "at least two depths beyond 1"),
        ("2.5", "at least two depths beyond 1"),
        ("0.5,2,3", "depths of at least 1"),
        ("2,nan,3", "depths of at least 1"),
        ("2,,3", "write for instance 2.5:4"),
        ("2,1e13", "at most 1,000,000,000,000"),
        ("2.5:2000", "at most 1,000 depths"),
        ("4:2.5", "swap them"),
    ],
)
def test_other_depths_are_refused(text, message):
    with pytest.raises(InputError, match=message):
        study_depths(text)


def test_depths_in_words_do_not_list_a_range():
    assert depth_words(range(1, 10**12)) == "depths 1 to 999999999999"


@pytest.fixture(scope="module")
def listed():
    return rn.study.run("digits", depths="2,3.5,10,100", **SMALL)


def test_every_listed_depth_has_its_own_kernel_and_coefficients(listed):
    X, x, family = listed.data.X, listed.data.x, rn.kernels.ReluNTK()
    assert listed.kernels.depths == [2, 3.5, 10, 100]
    for depth, K in zip(listed.kernels.depths, listed.kernels.within, strict=True):
        assert abs(K - np.asarray(family(X, depth=depth))).max() < 1e-14
        exact = rn.coefficients(family, X, x, depth=depth)
        assert abs(listed.kernels.coefficients_at(depth) - exact).max() < 1e-11


def test_one_layer_is_followed_from_every_listed_depth(listed):
    X, x, family = listed.data.X, listed.data.x, rn.kernels.ReluNTK()
    assert list(listed.drivers.paths) == [2, 3.5, 10, 100]
    for row in listed.transport:
        exact = rn.coefficients(family, X, x, depth=row["depth"] + 1)
        assert row["converged"] and abs(row["coefficients"] - exact).max() < 1e-9
    K0, K1 = (np.asarray(family(X, depth=depth)) for depth in (3.5, 4.5))
    n = len(X)
    end = listed.drivers.paths[3.5][-1].reshape(n, -1)[:, :n]  # log(K0^-1 K1), whose exponential leads from K0 to K1
    values, vectors = np.linalg.eig(end)
    assert abs(K0 @ (vectors @ np.diag(np.exp(values)) @ np.linalg.inv(vectors)).real - K1).max() < 1e-12


def test_the_lines_name_the_depths(listed):
    text = "\n".join(listed.summary)
    assert "depths 2, 3.5, 10, 100." in text and "starts beyond depth 1" in text
    assert {row["depth"] for row in listed.prediction.record()["depths"]} == {2, 3.5, 10, 100}


def test_a_list_goes_deep_for_kernels_that_collapse():
    study = rn.study.run("digits", depths="2,1000,100000", family="relu-nngp", **SMALL)
    assert all(row["converged"] for row in study.transport)
    assert study.kernels.solved[100_001].method == "deflated"


def test_depths_between_whole_ones_need_real_depth():
    with pytest.raises(InputError, match=r"whole depths for erf-ntk.*depth 2\.5; take a family of real depth"):
        rn.study.run("digits", depths="2.5,3,4", family="erf-ntk", **SMALL)


def test_memory_is_counted_for_the_depths_listed():
    from roughntk.study import capacity

    few, deep = (capacity.study_bytes(100, 5, study_depths(text), 33) for text in ("2,5,10", "2,5,1e9"))
    assert few == deep < capacity.study_bytes(100, 5, StudyDepths(range(2, 11)), 33)
