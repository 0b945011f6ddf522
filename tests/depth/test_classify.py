"""Classification by measurement: against closed forms, against itself by another route, and the table of the docs."""

import functools
import importlib
import math
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.commands.answers import classifications
from roughntk.depth import extrapolation
from roughntk.depth.phases.fixed_points import analyse

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
import make_families

room = importlib.import_module("roughntk.depth.phases.decision")  # the name in the package is the function
EPS = np.finfo(np.float64).eps


ROWS = ("sigmoid", "relu-ntk", "biased-relu-ntk", "erf-ntk", "residual-relu-nngp")
"""Families whose rows of the table are measured here, all of them; of the others, the members that are asked for."""

members = functools.cache(classifications.table_members)


@functools.cache
def found(name: str):
    """The member of that label, among those of the table."""
    family = name.split(",")[0]
    if family in ROWS:
        return next(each for each in relatives(family) if classifications.label(each) == name)
    member = next(member for member in members() if member.name == family and labelled(member) == name)
    # With duals by quadrature a layer takes a hundred times as long, and 30,000 layers give the ratio to 1e-9, too.
    with mock.patch.object(room, "LAYERS", 30_000 if family in ("tanh-ntk", "gelu-ntk") else room.LAYERS):
        return classifications.classified([member])[0]


def labelled(member) -> str:
    """Its label in the table, before it is classified."""
    return classifications.label(SimpleNamespace(family=member.name, parameters=tuple(member.settings.items())))


@functools.cache
def relatives(family: str):
    return tuple(classifications.classified([member for member in members() if member.name == family]))


def test_sigmoid_fixed_point_and_multiplier_are_recovered():
    sigmoid = found("sigmoid")
    # Newton steps on a map evaluated to a few eps: the pins of the specification, to 4 eps
    assert sigmoid.fixed_point == pytest.approx(0.34178539979984478, abs=4 * EPS)
    assert sigmoid.multiplier == pytest.approx(0.28393880014361798, abs=4 * EPS)
    assert sigmoid.phase == "ordered" and sigmoid.kind == "hyperbolic"
    # the rate of the kernel itself is another measurement of the same number
    assert sigmoid.rate.base == pytest.approx(sigmoid.multiplier, abs=1e-6)
    assert sigmoid.depends_on_data is True


@pytest.mark.parametrize(
    ("name", "ratio", "beta", "gamma", "words"),
    [
        ("relu-ntk", Fraction(1, 4), 3, 1, "1/(n + 3) each"),
        ("leaky-relu-ntk, slope = 0.01", Fraction(1, 4), 3, 1, "1/(n + 3) each"),
        ("biased-relu-ntk, weight_variance = 2", Fraction(4, 7), 1.5, 2, "4/(4n + 3) each"),
        ("biased-relu-ntk, weight_variance = 3", Fraction(1, 4), 3, 1, "1/(n + 3) each"),
        ("erf-ntk, weight_variance = 1.55212", Fraction(1, 3), 2, 1, "1/(n + 2) each"),
        ("tanh-ntk, weight_variance = 1.98607", Fraction(1, 3), 2, 1, "1/(n + 2) each"),
        ("gelu-ntk, weight_variance = 1.95616", Fraction(1, 3), 2, 1, "1/(n + 2) each"),
        ("residual-relu-ntk, scaling = 0.5", Fraction(1, 4), 3, 1, "1/(n + 3) each"),
    ],
)
def test_critical_tangent_kernels_have_the_ratio_gamma_over_gamma_plus_beta(name, ratio, beta, gamma, words):
    each = found(name)
    # extrapolated from depths to 10^5: errors of 1e-12 to 1e-9 were seen, 1e-8 leaves room for other roundings; what is
    # stated of them turns on the last digit of the critical variance (3e-10 to 1e-7 seen), 1e-6 leaves room
    assert each.ratio == pytest.approx(float(ratio), abs=1e-8) and each.ratio_uncertainty < 1e-6
    assert each.ratio_as_fraction == ratio and each.phase == "critical" and each.kind == "parabolic"
    assert each.beta == pytest.approx(beta, abs=1e-6) and each.gamma == pytest.approx(gamma, abs=1e-6)
    assert each.gamma / (each.gamma + each.beta) == pytest.approx(each.ratio, abs=1e-6)
    assert each.depends_on_data is False and each.coefficients == words
    n = 10
    assert each.coefficient_limit(n) == pytest.approx(float(ratio / (1 + (n - 1) * ratio)), abs=1e-8)


def test_relu_kernel_approaches_its_limit_like_three_eighths_of_log_depth_over_depth():
    rate = found("relu-ntk").rate
    assert (rate.power, rate.logs) == (1.0, 1)
    # the next terms are smaller by 1/log L only: the fit separates them to 1e-5
    assert rate.amplitude == pytest.approx(3 / 8, abs=1e-5)


def test_nngp_of_relu_approaches_one_like_nine_pi_squared_over_two_depth_squared():
    rate = found("relu-nngp").rate
    assert rate.power == 2 and rate.amplitude == pytest.approx(9 * math.pi**2 / 2, rel=1e-5)
    assert found("relu-nngp").coefficients == "1/n each"


def test_erf_goes_through_its_three_phases():
    ordered, critical, chaotic = (found(f"erf-ntk, weight_variance = {weight}") for weight in ("1.5", "1.55212", "2.5"))
    assert [each.phase for each in (ordered, critical, chaotic)] == ["ordered", "critical", "chaotic"]
    assert ordered.chi < 1 and critical.chi == pytest.approx(1, abs=1e-12) and chaotic.chi > 1
    # resonance: both parts of an ordered tangent kernel shrink by chi a layer, so the deviation is L chi^L
    assert ordered.rate.power == 1 and ordered.rate.base == pytest.approx(ordered.chi, abs=1e-5)
    assert ordered.ratio == 1 and ordered.depends_on_data is True
    # what a chaotic layer adds to the tangent kernel is 1/chi of what the last one added
    assert chaotic.ratio == pytest.approx(0, abs=1e-14) and chaotic.coefficients == "0 each"
    assert chaotic.rate.base == pytest.approx(1 / chaotic.chi, abs=1e-4)
    nngp = found("erf-nngp, weight_variance = 2.5")
    assert nngp.ratio == pytest.approx(nngp.fixed_point, abs=1e-12) and nngp.depends_on_data is False


def test_ordered_relu_with_biases_falls_like_the_root_of_its_multiplier():
    each = found("biased-relu-ntk, weight_variance = 1")
    assert each.multiplier == pytest.approx(0.5, abs=1e-12)
    assert each.rate.base == pytest.approx(math.sqrt(0.5), abs=1e-5)  # 1 - h' is linear in the angle
    assert each.depends_on_data is True


@pytest.mark.parametrize(("name", "at_right_angles"), [("nngp", 0.25385910), ("ntk", 0.15988847)])
def test_stable_residual_network_has_a_limit_for_each_angle(name, at_right_angles):
    each = found(f"residual-relu-{name}, scaling = stable")
    assert each.fixed_point is None and each.ratio is None and each.depends_on_data is True
    assert each.ratio_text == "depends on the pair" and each.phase == "critical"
    value, extrapolated, falls = (item for item in each.evidence if item.where.startswith("theta = 1.571"))
    assert value.value == pytest.approx(at_right_angles, abs=5e-9)
    # the equation in depth time, and networks of depth up to 20 000: 3e-13 was seen
    assert extrapolated.value == pytest.approx(value.value, abs=1e-11) and extrapolated.uncertainty < 1e-11
    # L (K_L - K_inf) at two depths: what is left of the limit falls like 1/L, too, and is taken out
    family = rn.kernels.family(f"residual-relu-{name}")
    half, whole = ((float(family.at_angle(math.pi / 2, L + 1)) - value.value) * L for L in (10_000, 20_000))
    # The terms of 1/L^2 leave some 1e-9, rounding 1e-10. How sure the extrapolation is of itself, rounding decides:
    # 6e-9 or 4e-6 on two processors, whose values differ by 1e-9.
    assert abs(falls.value - (2 * whole - half)) < falls.uncertainty + 1e-8 and falls.uncertainty < 1e-5
    assert each.rate.power == 1 and each.rate.short.endswith(" / L")
    assert any("other layers" in note for note in each.notes)


def test_gelu_is_ordered_at_small_bias_however_large_its_weights_are():
    # E[phi^2] and E[phi'^2] at the variance where it settles, up to the weights beyond which it grows without bound
    for weight in (1.0, 2.0):
        family = rn.kernels.GeluNTK(weight, 0.1)
        assert family.multiplier < 0.8
    with pytest.raises(rn.InputError, match="stay bounded"):
        rn.kernels.GeluNTK(2.1, 0.1)


def test_limits_that_depend_on_the_data_have_no_common_coefficient():
    with pytest.raises(rn.InputError, match="depends on the data"):
        found("sigmoid").coefficient_limit(5)


@pytest.mark.parametrize("family", ROWS)
def test_committed_rows_are_what_is_measured_now(family):
    """All rows are measured again by `make docs`."""
    committed = [row for row in page_rows() if row[0].split(",")[0] == family]
    assert committed and make_families.family_differences(committed, relatives(family)) == []


def page_rows():
    """The rows of the table of families that docs/ has."""
    return make_families.rows_of(make_families.committed("families"))[1:]


@pytest.mark.parametrize(
    ("column", "old", "near", "far"),
    [
        (0, "1.55212", "1.55213", "1.55214"),  # the weight variance at criticality, to 6 figures
        (2, "0.441557", "0.441558", "0.441559"),
        (3, "0.873883", "0.873882", "0.873881"),
        (3, "hyperbolic", "hyperbolic", "parabolic"),
        (4, "1/3", "1/3", "1/4"),
        (4, "0.333333", "0.333334", "0.333335"),
        (5, "0.745", "0.746", "0.747"),
        (5, "0.8137^L", "0.8138^L", "0.8139^L"),
        (5, "log L / L", "log L / L", "log L / L^2"),
        (6, "1/(n + 2)", "1/(n + 2)", "1/(n + 3)"),
        (1, "chaotic", "chaotic", "ordered"),
    ],
)
def test_the_table_is_held_to_one_unit_of_the_last_digit_and_to_its_words(column, old, near, far):
    """What another processor rounds otherwise passes; what is off by more, and other words, do not."""
    committed = [row for row in page_rows() if row[0].split(",")[0] == "erf-ntk"]
    found = relatives("erf-ntk")
    place = next(place for place, row in enumerate(committed) if old in row[column])

    def with_cell(text):
        changed = [list(row) for row in committed]
        changed[place][column] = changed[place][column].replace(old, text)
        return make_families.family_differences(changed, found)

    assert with_cell(old) == with_cell(near) == []
    assert len(with_cell(far)) == 1 and "now:" in with_cell(far)[0]
    assert make_families.family_differences(committed[1:], found) == ["the page has 2 rows, now there are 3"]


def test_every_family_of_the_registry_is_in_the_table():
    assert {member.name for member in members()} == set(rn.kernels.FAMILIES)
    assert {row[0].split(",")[0] for row in page_rows()} == set(rn.kernels.FAMILIES)


def test_text_holds_the_evidence():
    text = str(found("biased-relu-ntk, weight_variance = 2"))
    assert "4/7" in text and "gamma = lim L (1 - a_L)" in text and "depth 100,000" in text


def test_slightly_chaotic_family_that_has_not_settled_is_not_decided():
    each = rn.classify(rn.kernels.ErfNTK(1.5522, 0.1))
    assert each.phase == "chaotic" and 0 < each.chi - 1 < 1e-4 and each.fixed_point < 1
    assert each.ratio is None and each.depends_on_data is None and each.coefficients == "not decided"
    assert any("has not settled" in note for note in each.notes)


def test_variance_that_dies_out_leaves_limits_that_depend_on_the_pair():
    family = rn.kernels.ErfNTK(0.5, 0.0)
    assert np.isfinite(np.asarray(family.at_angle(1.0, 5000)))  # the variance, 0.64^5000, has left the floats
    each = rn.classify(family)
    assert each.fixed_point is None and each.ratio is None and each.depends_on_data is True
    assert each.ratio_text == "depends on the pair" and each.chi == 1
    for dying in (family, rn.kernels.ErfNNGP.critical(0.0), rn.kernels.TanhNNGP(0.5, 0.0)):
        assert not dying.collapses
        with pytest.raises(rn.InputError, match="tends to 0; the limit then depends on the pair"):
            _ = dying.limit_value


def test_fixed_points_of_a_chaotic_odd_map_are_all_found():
    points = {round(point.c, 9): point for point in analyse(rn.kernels.ErfNTK(4.0, 0.0)).points}
    assert set(points) == {-1.0, 0.0, 1.0}
    assert points[0.0].attracts == 20 and points[1.0].attracts == points[-1.0].attracts == 0


def test_erf_kernel_of_orthogonal_inputs_has_its_whole_slope():
    """At c = 0 the layer changes form; without biases orthogonal inputs stay there."""
    family = rn.kernels.ErfNTK(4.0, 0.0)
    slope = jax.grad(lambda rho: family.at_correlation(rho, 3))
    # the kernel is odd and smooth in rho, so the slope at 0 is that at 1e-5 to order 1e-10
    assert float(slope(0.0)) == pytest.approx(float(slope(1e-5)), rel=1e-8)
    h = jax.grad(family.correlation_map)
    assert float(h(0.0)) == pytest.approx(float(h(1e-5)), rel=1e-8)


def test_correlation_map_is_one_layer():
    c = jnp.linspace(-1, 1, 21)
    np.testing.assert_allclose(
        rn.kernels.ReluNTK().correlation_map(c), rn.kernels.ReluNNGP().at_correlation(c, 2), rtol=0, atol=4 * EPS
    )
    np.testing.assert_allclose(
        rn.kernels.SigmoidComposition().correlation_map(c), (1 + np.exp(-c)) ** -2.0, rtol=4 * EPS, atol=0
    )
    np.testing.assert_allclose(
        rn.kernels.LeakyReluNTK(0.0).correlation_map(c), rn.kernels.ReluNTK().correlation_map(c), rtol=0, atol=8 * EPS
    )
    with pytest.raises(rn.InputError, match="within"):
        rn.kernels.ReluNTK().correlation_map(1.5)


@pytest.mark.parametrize("family", [rn.kernels.ReluNTK(), rn.kernels.ErfNTK(), rn.kernels.BiasedReluNTK.critical()])
def test_retained_is_the_slope_of_the_recursion(family):
    """K at two pairs obeys K' = k K + added; on the diagonal k + added = 1."""
    theta = jnp.array([0.0, 1.0])
    kept = np.asarray(eqx.filter_jit(type(family).path)(family, theta, 30)[1])
    K = np.asarray(family.trajectory(theta, 31))
    c = np.asarray(family.nngp.trajectory(theta, 31))
    added = (1 - kept[:, :1]) * c[1:]
    np.testing.assert_allclose(K[1:], kept * K[:-1] + added, rtol=0, atol=32 * EPS)


def test_power_limit_finds_value_leading_term_and_half_powers():
    L = extrapolation.sample_depths(300, 100_000)
    whole = 0.25 + 0.375 * np.log(L) / L - 2 / L + 5 / L**2
    fit = extrapolation.power_limit(L, whole)
    assert fit.value == pytest.approx(0.25, abs=1e-10)
    assert (fit.leading.power, fit.leading.logs) == (1, 1) and fit.leading.amplitude == pytest.approx(0.375, abs=1e-6)
    half = extrapolation.power_limit(L, 1.5 + 2 / np.sqrt(L) + np.log(L) / L)
    assert half.value == pytest.approx(1.5, abs=1e-8) and half.leading.power == 0.5


@pytest.mark.parametrize(("base", "power"), [(0.3, 0), (0.9, 0), (0.95, 1), (0.7, 1)])
def test_geometric_rate_finds_base_and_power(base, power):
    L = np.arange(1, 2001)
    rate = extrapolation.geometric_rate(L**power * base**L * (1 + 0.5 * (0.8 * base) ** L) + 1e-17)
    assert rate.power == power and rate.base == pytest.approx(base, abs=1e-4)
    assert extrapolation.geometric_rate(np.zeros(50)) is None


@pytest.mark.parametrize(
    ("wrong", "match"),
    [(None, "kernel family"), ("relu-ntkk", "did you mean"), (lambda X, depth: X @ X.T, "rn.kernels.sequence")],
)
def test_only_families_are_classified(wrong, match):
    with pytest.raises(rn.InputError, match=match):
        rn.classify(wrong)


def test_traced_parameters_are_refused():
    with pytest.raises(rn.InputError, match="traced"):
        jax.jit(lambda weight: rn.classify(rn.kernels.ErfNTK(weight)).chi)(1.5)
