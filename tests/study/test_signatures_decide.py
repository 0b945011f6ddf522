"""The signature backends decide the verdict on the drivers: a wrong one withdraws it, and is named."""

import numpy as np
import pytest

import roughntk as rn
from roughntk.study import sentences
from roughntk.study.analysis import signatures
from roughntk.study.analysis.drivers import Drivers
from roughntk.study.analysis.laws import law

BACKENDS = rn.rough.available_backends()
GENUINE = {name: getattr(rn.rough, name) for name in ("signature", "signatures_of_intervals")}


def silent(stage, steps):
    del stage, steps


def shrinking():
    """Curved drivers in three channels of very different sizes, which fall like 1/L."""
    s = np.linspace(0, 1, 9)
    curve = np.stack([s, 1e-3 * np.sin(3 * s), 1e-7 * s**2], axis=1)
    paths = {depth: curve / depth for depth in range(2, 10)}
    return Drivers(paths, dict.fromkeys(paths, 0.0), paths, dict.fromkeys(paths, 1.0), 3, 3)


def records(drivers, p):
    return [
        {"depth": depth, "p": p, "level": k, "tensor_norm": "l2",
         "distance_to_zero": rn.rough.p_variation(path, p, level=k, norm="l2")}
        for depth, path in drivers.paths.items()
        for k in range(1, int(p) + 1)
    ]  # fmt: skip


def constant(flat):
    return np.full_like(flat, 1000.0)


def level_two_zeroed(flat):
    return np.concatenate([flat[..., :3], 0 * flat[..., 3:12], flat[..., 12:]], axis=-1)


def level_three_zeroed(flat):
    return np.concatenate([flat[..., :12], 0 * flat[..., 12:]], axis=-1)


def sign_of_the_smallest_word_flipped(flat):
    changed = np.array(flat)
    changed[..., 11] *= -1  # the word 3 3, 1e-14 of its level
    return changed


def all_signs_flipped(flat):
    return -flat


def not_a_number(flat):
    return flat * np.nan


def found_with(monkeypatch, wrong, change, *, backends=BACKENDS, functions=tuple(GENUINE), p=2.0):
    monkeypatch.setattr(rn.rough, "available_backends", lambda: backends)
    for function in functions:

        def replaced(path, level, *, backend="jax", function=function):
            flat = np.asarray(GENUINE[function](path, level, backend=backend))
            return change(flat) if backend in wrong else flat

        monkeypatch.setattr(rn.rough, function, replaced)
    drivers = shrinking()
    views = signatures.signatures(drivers, p, silent)
    return views, signatures.driver_convergence(views, records(drivers, p), p, law(rn.kernels.ReluNTK()))


THREE = ("jax", "esig", "iisignature")
needs_three = pytest.mark.skipif(not set(THREE) <= set(BACKENDS), reason="needs esig and iisignature")


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5])
def test_all_installed_backends_find_the_same_verdict_and_rates(monkeypatch, p):
    views, found = found_with(monkeypatch, (), None, p=p)
    assert views.agreement.agree and views.agreement.apart == () and found.verdict == "converges"
    assert (views.agreement.largest or 0) < 1e-13
    for name in BACKENDS:
        rates = found.by_backend[name].rates
        np.testing.assert_allclose(rates, np.arange(1, int(p) + 1), rtol=1e-9)  # level k falls like L^-k
        np.testing.assert_allclose(found.by_backend[name].distances, found.direct.distances, rtol=1e-10)


@needs_three
@pytest.mark.parametrize("culprit", THREE)
@pytest.mark.parametrize(
    "change",
    [
        constant,
        level_two_zeroed,
        level_three_zeroed,
        sign_of_the_smallest_word_flipped,
        all_signs_flipped,
        not_a_number,
    ],
)
def test_one_wrong_backend_withdraws_the_verdict_and_is_named(monkeypatch, culprit, change):
    functions = ("signature",) if change is level_three_zeroed else tuple(GENUINE)  # increments have levels 1 and 2
    views, found = found_with(monkeypatch, (culprit,), change, backends=THREE, functions=functions)
    assert found.verdict == "no verdict" and found.reason == "signatures disagree"
    assert views.agreement.apart == (culprit,) and views.record["stand_apart"] == [culprit]
    worst = max(max(row["disagreement_by_level"]) for row in views.record["per_depth"])
    if change in (level_two_zeroed, level_three_zeroed):
        assert worst == pytest.approx(1, abs=1e-6)  # all of the level is missing
    assert f"{culprit} stands apart from" in sentences.agreement_words(THREE, views.agreement)


@needs_three
@pytest.mark.parametrize("function", GENUINE)
def test_wrong_increments_alone_and_wrong_signatures_alone_are_seen(monkeypatch, function):
    views, found = found_with(monkeypatch, ("esig",), constant, backends=THREE, functions=(function,))
    assert found.verdict == "no verdict" and views.agreement.apart == ("esig",)


@needs_three
def test_two_equally_wrong_backends_leave_no_verdict(monkeypatch):
    _, found = found_with(monkeypatch, ("esig", "iisignature"), constant, backends=THREE)
    assert found.verdict == "no verdict"


@needs_three
def test_two_backends_that_disagree_cannot_be_told_apart(monkeypatch):
    two = ("jax", "iisignature")
    views, found = found_with(monkeypatch, ("iisignature",), constant, backends=two)
    assert found.verdict == "no verdict" and views.agreement.apart == ()
    assert "which is wrong cannot be told" in sentences.agreement_words(two, views.agreement)


@needs_three
def test_a_backend_that_raises_is_named(monkeypatch):
    def broken(flat):
        raise RuntimeError("out of order")

    views, found = found_with(monkeypatch, ("esig",), broken, backends=THREE)
    assert views.agreement.apart == ("esig",) and "out of order" in views.record["failures"]["esig"]
    assert found.verdict == "no verdict" and found.by_backend["esig"] is None


def test_a_missing_level_reads_one_however_small_it_is():
    path = shrinking().paths[5] * 1e-3
    flat = np.asarray(rn.rough.signature(path, 3))
    # today's measure, relative to max(1, size), reads 1e-12 here
    assert signatures.disagreement(flat, level_three_zeroed(flat), path, 3)[2] == pytest.approx(1, abs=1e-6)
    assert signatures.disagreement(flat, flat, path, 3) == [0, 0, 0]
