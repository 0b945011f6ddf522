"""Roughness of weights through depth: the same numbers by two routes, laws that are known, and bad input."""

import math
import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from shown_results import check_shown

from roughntk import InputError, networks, rough
from roughntk.networks import layer_paths
from roughntk.networks.weight_verdicts import Exponent, power_of_depth, verdict_of

ROOT = Path(__file__).resolve().parents[2]
WALK = np.random.default_rng(0).normal(size=(24, 3, 2))


def smooth(layers: int, size: int = 64, seed: int = 0) -> np.ndarray:
    """Weights that are a smooth function of l/L."""
    a, b, c = np.random.default_rng(seed).normal(size=(3, 1, size))
    turn = 2 * np.pi * np.arange(layers)[:, None] / layers
    return a * np.cos(turn) + b * np.sin(turn) + c


def brownian(layers: int, size: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(layers, size)).cumsum(0) / math.sqrt(layers)


# The same numbers by another route


@pytest.mark.parametrize(("beta", "p"), [(0.5, 2.0), (1.0, 1.0), (0.0, 2.7)])
def test_variations_are_those_of_the_paths_themselves(beta, p):
    initial = np.random.default_rng(1).normal(size=WALK.shape)
    result = networks.weight_roughness(list(WALK), initial=list(initial), beta=beta, p=p)
    flat = WALK.reshape(24, -1)
    driver = np.vstack([np.zeros((1, 6)), flat.cumsum(0)]) * 24.0**-beta
    for path, points in (
        (result.driver, driver),
        (result.weights, flat),
        (result.update, flat - initial.reshape(24, -1)),
    ):
        assert path.points == len(points)
        # sums of squares, then a root: 1e-12 leaves four digits of rounding
        assert path.variation.value == pytest.approx(rough.p_variation(points, p, norm="l2"), rel=1e-12)
        jumps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        assert path.length == pytest.approx(jumps.sum(), rel=1e-12)
        assert path.mean_jump == pytest.approx(jumps.mean(), rel=1e-12)
    np.testing.assert_allclose(result.distances, np.linalg.norm(flat[:, None] - flat, axis=2), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(result.norms, np.linalg.norm(flat, axis=1), rtol=1e-13)


@pytest.mark.parametrize("kind", ["ito", "stratonovich"])
def test_the_second_level_is_that_of_the_lift(kind):
    steps = WALK[:12].reshape(12, -1)[:, :3]
    result = networks.weight_roughness(steps, beta=0.5, p=2.4, level=2, kind=kind)
    second = np.einsum("ki,kj->kij", steps, steps).reshape(12, 9) * (0.0 if kind == "ito" else 0.5) / 12
    lift = rough.lift_from_steps(np.hstack([steps / math.sqrt(12), second]), 3, 2, geometric=kind == "stratonovich")
    expected = rough.p_variation_levels(lift, 2.4, level=2, norm="l2")[2]
    # the norm of a level is a root of a sum of products of four weights: sqrt(eps) of its largest
    assert result.driver.second_level.value == pytest.approx(expected.value, rel=1e-7)
    assert result.driver.second_level.partition.tolist() == expected.partition.tolist()


def test_distances_and_norms_say_all_that_the_weights_say():
    result = networks.weight_roughness(WALK, p=2.2, level=2)
    again = networks.weight_roughness_of_distances(result.distances, norms=result.norms, p=2.2, level=2)
    assert again.verdict == result.verdict and again.update is None
    for one, other in ((result.driver, again.driver), (result.weights, again.weights)):
        assert other.variation.value == pytest.approx(one.variation.value, rel=1e-10)
        assert float(other.scaling) == pytest.approx(float(one.scaling), abs=1e-10)
        assert float(other.critical) == pytest.approx(float(one.critical), abs=1e-6)
    assert again.driver.second_level.value == pytest.approx(result.driver.second_level.value, rel=1e-7)


def test_pieces_of_large_layers_and_their_precision_change_nothing_but_rounding(monkeypatch):
    whole = networks.weight_roughness(WALK, initial=WALK[::-1])
    monkeypatch.setattr(layer_paths, "ENTRIES", 48)  # two entries of each layer at a time
    pieces = networks.weight_roughness(WALK, initial=WALK[::-1])
    np.testing.assert_allclose(pieces.distances, whole.distances, rtol=1e-12)
    assert pieces.update.length == pytest.approx(whole.update.length, rel=1e-12)
    for kept, tolerance in ((np.float32, 1e-6), (jnp.bfloat16, 1e-2)):
        single = networks.weight_roughness([jnp.asarray(layer, kept) for layer in WALK])
        np.testing.assert_allclose(single.distances, whole.distances, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("unit", [1e-200, 1e90])
def test_weights_of_any_size_are_measured(unit):
    usual, scaled = (networks.weight_roughness(WALK * size, p=2.0) for size in (1.0, unit))
    assert scaled.driver.length == pytest.approx(unit * usual.driver.length, rel=1e-12)
    assert scaled.verdict == usual.verdict
    assert scaled.weights.variation.value == pytest.approx(unit * usual.weights.variation.value, rel=1e-12)


def test_close_layers_keep_their_digits():
    """Jumps of 1e-9 of the weights, which inner products of the weights would lose."""
    steps = 1e-9 * WALK.reshape(24, -1)
    result = networks.weight_roughness(1.0 + np.cumsum(steps, axis=0))
    expected = np.linalg.norm(steps[1:], axis=1)
    # the weights themselves are rounded at 1e-16
    np.testing.assert_allclose(np.diagonal(result.distances, 1), expected, rtol=1e-6)


# Scaling of increments, from distances alone


def table_of(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, None] - points, axis=2)


def test_the_critical_exponent_needs_nothing_but_distances():
    path = np.asarray(rough.brownian(jax.random.key(1), 257, channels=2).values)
    usual = rough.critical_p(path, coarsest=8)
    assert rough.critical_p_of_distances(table_of(path), coarsest=8).lags == usual.lags == (1, 2, 4, 8)
    assert float(rough.critical_p_of_distances(table_of(path), coarsest=8)) == pytest.approx(float(usual), abs=1e-5)


@pytest.mark.parametrize("hurst", [0.3, 0.5, 0.8])
def test_fractional_weights_have_their_exponents(hurst):
    """|W_{i+q} - W_i| ~ q^H in law, so that the means are exactly powers; 32 networks of 48 layers."""
    keys = jax.random.split(jax.random.key(7), 32)
    slopes, critical = [], []
    for key in keys:
        path = np.asarray(rough.fractional_brownian(key, 48, 48, hurst=hurst).values)
        result = networks.weight_roughness(path)
        slopes.append(-result.weights.jump_exponent.value)
        critical.append(result.weights.critical.p)
        assert result.verdict == networks.weight_roughness(path, beta=1.0).verdict
    for values, theory in ((slopes, hurst), (critical, 1 / hurst)):
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        # the estimate of a ratio has a bias of the order of its variance, far below a standard error of the mean
        assert abs(np.mean(values) - theory) < 6 * error
        assert error < 0.03 * theory


def test_independent_weights_are_those_of_an_sde():
    """The 1-variation of the driver over m of the layers goes exactly like m^{1/2} in law, the jumps like m^0."""
    results = [networks.weight_roughness(np.random.default_rng(seed).normal(size=(48, 64))) for seed in range(32)]
    for pick, theory in (
        (lambda each: each.driver.variation_exponent.value, 0.5), (lambda each: each.weights.jump_exponent.value, 0.0),
        (lambda each: each.driver.critical.p, 2.0),
    ):  # fmt: skip
        values = [pick(each) for each in results]
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        assert abs(np.mean(values) - theory) < 6 * error and error < 0.02
    assert {each.verdict for each in results} == {"SDE"}
    assert min(each.weights.critical.p for each in results) > 20  # infinite, but for chance


def test_smooth_weights_are_those_of_an_ode_and_others_of_neither():
    for layers in (16, 30, 128):
        assert networks.weight_roughness(smooth(layers), beta=1.0).verdict == "ODE"
        assert networks.weight_roughness(smooth(layers)).driver.critical.p < 1.1
    noise = np.random.default_rng(0).normal(size=(64, 64))
    assert networks.weight_roughness(brownian(64)).verdict == "neither"
    assert networks.weight_roughness(noise + 0.7 * smooth(1)).verdict == "neither"
    assert (
        networks.weight_roughness(
            noise * (-1.0) ** np.arange(64)[:, None] + 9 * (-1.0) ** np.arange(64)[:, None]
        ).verdict
        == "neither"
    )


def test_few_layers_leave_the_verdict_open():
    for layers in (2, 3, 5):
        result = networks.weight_roughness(smooth(layers))
        assert result.verdict == "undecided" and result.weights.scaling is None
        assert "too few layers" in result.evidence[-1]
    assert networks.weight_roughness(smooth(6)).weights.scaling is not None


def test_distances_alone_make_an_ode_but_leave_noise_open():
    of_distances = networks.weight_roughness_of_distances
    assert of_distances(table_of(smooth(32))).verdict == "ODE"
    assert of_distances(table_of(brownian(64))).verdict == "neither"
    noise = of_distances(table_of(np.random.default_rng(0).normal(size=(32, 64))))
    assert noise.verdict == "undecided" and "norms" in noise.evidence[-1] and noise.driver is None


def test_a_verdict_needs_both_exponents_within_their_errors():
    sure = 0.01
    assert verdict_of(Exponent(0.5, sure), Exponent(0.0, sure)) == "SDE"
    assert verdict_of(Exponent(0.0, sure), Exponent(-1.0, sure)) == "ODE"
    assert verdict_of(Exponent(0.0, sure), Exponent(0.0, sure)) == "neither"
    assert verdict_of(Exponent(0.5, sure), Exponent(-0.5, sure)) == "neither"
    assert verdict_of(Exponent(0.5, 0.5), Exponent(0.0, sure)) == "undecided"
    assert verdict_of(Exponent(math.nan, math.inf), Exponent(0.0, sure)) == "undecided"
    assert power_of_depth((2, 4), (1.0, 2.0)).error == math.inf
    assert power_of_depth((2, 4, 8), (1.0, 2.0, 4.0)).value == pytest.approx(1.0)
    assert math.isnan(power_of_depth((2, 4, 8), (1.0, 0.0, 4.0)).value)


# Several depths


def test_the_exponents_in_depth_hold_the_scaling_of_the_driver():
    depths = (16, 32, 64, 128)
    independent = [np.random.default_rng(depth).normal(size=(depth, 256)) for depth in depths]
    for beta, power, verdict in ((0.5, 0.5, "SDE"), (1.0, 0.0, "neither"), (0.0, 1.0, "neither")):
        result = networks.weight_roughness_by_depth(independent, beta=beta)
        assert result.verdict == verdict and result.depths == depths
        # the norm of 256 normal numbers varies by 1/sqrt(512), the mean over 16 layers by 0.011; 6 of these over log 8
        assert float(result.exponents["driver: 1-variation"]) == pytest.approx(power, abs=0.03)
        assert float(result.exponents["weights: mean jump"]) == pytest.approx(0.0, abs=0.03)
    curves = [smooth(depth) for depth in depths]
    result = networks.weight_roughness_by_depth(
        curves[::-1], initial=[np.zeros_like(c) for c in curves[::-1]], beta=1.0
    )
    assert result.verdict == "ODE" and "update: mean jump" in result.exponents
    assert networks.weight_roughness_by_depth(curves[:2], beta=1.0).verdict == "undecided"


@pytest.mark.parametrize("kind", ["independent", "smooth"])
def test_trained_networks_keep_the_roughness_of_their_start(kind, capsys):
    """The rows of mathematics.md at small depths and few steps; `benchmarks/trained_weights.py` has all of them."""
    measured = runpy.run_path(str(ROOT / "benchmarks" / "trained_weights.py"))["measured"]
    with jax.numpy_dtype_promotion("standard"):  # optax mixes types
        result, losses = measured(kind, "adam", (8, 16, 32), 0, 30)
    assert max(losses) < 1.0 < float(capsys.readouterr().out.split("loss ")[1].split(" ")[0])
    powers = {"independent": (0.5, 0.0), "smooth": (0.0, -1.0)}[kind]
    assert float(result.exponents["driver: 1-variation"]) == pytest.approx(powers[0], abs=0.1)
    assert float(result.exponents["weights: mean jump"]) == pytest.approx(powers[1], abs=0.1)
    assert {member.verdict for member in result.members} <= {"SDE" if kind == "independent" else "ODE"}
    assert result.members[2].update.length < result.members[2].weights.length / 2


# How they show themselves


@pytest.mark.parametrize(
    "make",
    [
        lambda: networks.weight_roughness(WALK, initial=0 * WALK, level=2),
        lambda: networks.weight_roughness(WALK[:3]),
        lambda: networks.weight_roughness(0 * WALK),
        lambda: networks.weight_roughness_of_distances(table_of(smooth(12))),
        lambda: networks.weight_roughness_by_depth([WALK, WALK[:12], WALK[:6]]),
        lambda: networks.weight_roughness_by_depth([0 * WALK, 0 * WALK[:12]]),
    ],
)
def test_results_show_themselves(make):
    check_shown(make())


def test_weights_that_do_not_move_have_no_exponent():
    result = networks.weight_roughness(np.ones((12, 4)))
    assert result.weights.length == 0 and math.isnan(result.weights.jump_exponent.value)
    assert result.verdict == "undecided" and result.driver.critical.p == 1.0


# Bad input


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: networks.weight_roughness([np.ones((2, 3))] * 3 + [np.ones((3, 3))]), r"\(3, 3\) in layer 3"),
        (lambda: networks.weight_roughness([[1.0]]), "at least two layers"),
        (lambda: networks.weight_roughness(3.0), "a list of arrays"),
        (lambda: networks.weight_roughness(np.where(np.arange(4) == 2, np.nan, 1.0)), "layer 2"),
        (lambda: networks.weight_roughness([np.zeros(0)] * 3), "with entries"),
        (lambda: networks.weight_roughness(WALK * 1e120), "within 1e\\+100"),
        (lambda: networks.weight_roughness_of_distances(table_of(smooth(8)) * 1e120), "within 1e\\+100"),
        (lambda: networks.weight_roughness([["a"]] * 3), "real numbers"),
        (lambda: networks.weight_roughness(WALK, initial=WALK[:5]), "24 layers of shape .* got 5"),
        (lambda: networks.weight_roughness(WALK, beta=-1.0), "beta"),
        (lambda: networks.weight_roughness(WALK, p=0.5), "p >= 1"),
        (lambda: networks.weight_roughness(WALK, level=3), "level"),
        (lambda: networks.weight_roughness(WALK, kind="itô"), "kind"),
        (lambda: networks.weight_roughness(WALK, coarsest=40), "coarsest"),
        (lambda: networks.weight_roughness(WALK, pattern="w{}"), "leave out the pattern"),
        (lambda: networks.weight_roughness({"w": WALK}, pattern="w{}{}"), "one {}"),
        (lambda: networks.weight_roughness_of_distances(-np.ones((4, 4))), "symmetric"),
        (lambda: networks.weight_roughness_of_distances(np.ones((4, 3))), "shape"),
        (lambda: networks.weight_roughness_of_distances(table_of(smooth(8)), norms=np.ones(7)), "norms of shape"),
        (lambda: networks.weight_roughness_of_distances(table_of(smooth(8)), norms=np.full(8, 0.1)), "eigenvalue"),
        (lambda: networks.weight_roughness_of_distances(table_of(smooth(8)), level=2), "norms"),
        (lambda: networks.weight_roughness_by_depth([WALK]), "at least two networks"),
        (lambda: networks.weight_roughness_by_depth([WALK, WALK]), "different depths"),
        (lambda: networks.weight_roughness_by_depth([WALK, WALK[:1]]), r"models\[1\]: "),
        (lambda: networks.weight_roughness_by_depth([WALK, WALK[:9]], initial=[WALK]), "one for each model"),
        (lambda: jax.jit(networks.weight_roughness)(jnp.ones((4, 2))), "outside jit"),
        (lambda: rough.increment_scaling(np.zeros((5, 5))), "at least 6 points"),
        (lambda: rough.critical_p_of_distances(np.eye(8)), "diagonal"),
    ],
)
def test_bad_weights_are_refused_with_a_remedy(call, words):
    with pytest.raises(InputError, match=words) as caught:
        call()
    assert "expected" in str(caught.value) and "got" in str(caught.value) and ";" in str(caught.value)
