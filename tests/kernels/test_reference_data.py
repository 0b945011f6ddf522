"""The reference data of the kernel families: present, whole, and in agreement where the sources overlap.

The files are written by tools/generate_families.py and tools/generate_deep_coefficients.py (multiple precision) and by
tools/generate_neural_tangents.py and tools/generate_neural_tangents_predictions.py (another library, float64), none of
which uses this package. Nothing of the package is tested here.
"""

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

DATA = Path(__file__).parents[1] / "data"
FAMILIES, DEEP, PEER = (
    json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("families", "deep_coefficients", "neural_tangents")
)
TABLES = {table["family"]: table for table in FAMILIES["fully_connected"]}
RHO = [float(rho) for rho in FAMILIES["rho"]]
SETS = DEEP["data_sets"]


def numbers(nested) -> np.ndarray:
    """Decimal strings, nested, as float64."""
    return np.array(nested, dtype=object).astype(float)


def case(family: str, depth) -> dict:
    return next(c for c in DEEP["cases"] if c["family"] == family and depth in np.atleast_1d(c["depth"]).tolist())


def limit(family: str) -> dict:
    return next(c for c in DEEP["cases"] if c["family"] == family and "inf" in np.atleast_1d(c["depth"]).tolist())


@pytest.mark.parametrize("name", ["families", "deep_coefficients", "neural_tangents", "neural_tangents_predictions"])
def test_each_file_says_what_it_is_and_is_below_200_kilobytes(name):
    assert f"tools/generate_{name}.py" in json.loads((DATA / f"{name}.json").read_text())["what"]
    assert (DATA / f"{name}.json").stat().st_size < 200_000


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("table", [*TABLES.values(), *FAMILIES["quadrature"]], ids=lambda t: t["family"])
def test_value_and_defect_add_up_to_one_with_all_stored_digits(table, kind):
    for row, defects in zip(table[kind], table[f"{kind}_defect"], strict=True):
        # The last of 28 or 30 digits is rounded on both sides.
        assert all(abs(Decimal(k) + Decimal(d) - 1) < Decimal("1e-27") for k, d in zip(row, defects, strict=True))


def test_an_input_with_itself_has_correlation_one_everywhere():
    assert FAMILIES["rho"][-1] == "1"
    for table in TABLES.values():
        for kind in ("nngp", "ntk"):
            assert {row[-1] for row in table[kind]} == {"1.0"}
            assert {row[-1] for row in table[f"{kind}_defect"]} == {"0.0"}


def test_stored_angles_are_those_of_the_correlations():
    # arccos loses half of the digits near 1; the half-angle form does not, but a float64 rho = 1 - 1e-12 is itself
    # off by 1e-16, which is 1e-4 of 1 - rho.
    defects = numbers([str(1 - Decimal(rho)) for rho in FAMILIES["rho"]])
    np.testing.assert_allclose(2 * np.arcsin(np.sqrt(defects / 2)), numbers(FAMILIES["theta_1"]), rtol=1e-15)


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("peer", PEER["fully_connected"], ids=lambda t: t["family"])
def test_two_independent_sources_agree_on_fully_connected_families(peer, kind):
    table = TABLES[peer["family"]]
    rows = [table["depths"].index(depth) for depth in PEER["depths"]]
    columns = [RHO.index(rho) for rho in PEER["rho"]]
    # The library in float64 loses digits near correlation 1 by taking arccos of it: largest difference seen 1.4e-12.
    np.testing.assert_allclose(peer[kind], numbers(table[kind])[np.ix_(rows, columns)], rtol=0, atol=1e-11)
    name = {"nngp": "Sigma_diagonal", "ntk": "Theta_diagonal"}[kind]
    np.testing.assert_allclose(peer[name], numbers(table[name])[rows], rtol=1e-13)  # 5.8e-15 seen


@pytest.mark.parametrize("kind", ["nngp", "ntk"])
@pytest.mark.parametrize("peer", PEER["residual_relu"], ids=lambda t: f"{t['blocks']} {t['a']}")
def test_two_independent_sources_agree_on_residual_networks(peer, kind):
    ours = FAMILIES["residual_relu"]["values"]
    (table,) = [t for t in ours if t["blocks"] == peer["blocks"] and float(t["a"]) == peer["a"]]
    columns = [RHO.index(rho) for rho in PEER["rho"]]
    np.testing.assert_allclose(peer[kind], numbers(table[kind])[columns], rtol=0, atol=1e-13)  # 2.9e-15 seen
    np.testing.assert_allclose(peer["Theta_diagonal"], float(table["Theta_diagonal"]), rtol=1e-13)


def test_phases_of_erf_are_what_their_names_say():
    chi = {name: float(table["chi"]) for name, table in TABLES.items() if name.startswith("erf")}
    assert chi["erf ordered"] == pytest.approx(0.797164527033816, abs=1e-14)
    assert abs(chi["erf critical"] - 1) < 2e-9  # sw2 = 1.55211786 has nine digits
    assert chi["erf chaotic"] == pytest.approx(1.496857640893941, abs=1e-14)


@pytest.mark.parametrize(
    ("family", "value"),
    [
        ("leaky_relu 0.1", 1 / 4),
        ("leaky_relu -1", 1 / 4),
        ("biased_relu sw2=2 bias=0.5", 4 / 7),
        ("erf critical", 1 / 3),
    ],
)
def test_critical_tangent_kernels_approach_one_over_one_plus_beta(family, value):
    # Corrections are log L / L; at L = 1000 the largest seen for rho <= 0.5 is 0.0143.
    columns = [i for i, rho in enumerate(RHO) if -1 < rho <= 0.5]
    error = np.abs(numbers(TABLES[family]["ntk"])[:, columns] - value).max(axis=1)
    assert error[-1] < 0.015
    assert error[-1] < error[-2] < error[-3]  # L = 1000, 300, 100


@pytest.mark.parametrize(
    ("family", "kind", "rate"),
    [
        ("biased_relu sw2=1 bias=1", "nngp", 1 / 2),
        ("biased_relu sw2=1 bias=1", "ntk", 2**-0.5),
        ("erf ordered", "nngp", 0.797164527033816),
    ],
)
def test_hyperbolic_defects_decay_at_the_multiplier(family, kind, rate):
    table = TABLES[family]
    rows = [table["depths"].index(depth) for depth in (300, 1000)]
    at_300, at_1000 = numbers(table[f"{kind}_defect"])[rows, :-1]
    np.testing.assert_allclose((at_1000 / at_300) ** (1 / 700), rate, rtol=1e-12)


def test_ordered_erf_tangent_kernel_decays_like_depth_times_the_multiplier_to_the_depth():
    table = TABLES["erf ordered"]
    ratio = numbers(table["ntk_defect"])[:, :-1] / numbers(table["nngp_defect"])[:, :-1]
    at_300, at_1000 = (ratio[table["depths"].index(depth)] for depth in (300, 1000))
    slope = (at_1000 - at_300) / 700
    np.testing.assert_allclose(slope, slope[0], rtol=1e-10)
    assert 0.4 < slope[0] < 0.45


def test_stable_residual_networks_approach_their_equation_like_one_over_depth():
    (limiting,) = [t for t in FAMILIES["residual_relu_limit"]["values"] if (t["s"], t["t"]) == (2, "1")]
    column = RHO.index(0.0)
    assert float(limiting["nngp"][column]) == pytest.approx(0.25385910, abs=5e-9)
    assert float(limiting["ntk"][column]) == pytest.approx(0.15988847, abs=5e-9)
    gaps = {
        t["blocks"]: t["blocks"] * (float(limiting["nngp"][column]) - float(t["nngp"][column]))
        for t in FAMILIES["residual_relu"]["values"]
        if float(t["a"]) == 1 / t["blocks"]
    }
    assert gaps[100] == pytest.approx(1.55e-1, rel=5e-3)
    assert gaps[1000] == pytest.approx(gaps[100], rel=1e-2)


def test_sigmoid_composition_has_its_fixed_point_multiplier_and_koenigs_values():
    table = FAMILIES["sigmoid_composition"]
    multiplier = Decimal(table["multiplier"])
    assert Decimal(table["fixed_point"]) == Decimal("0.341785399799844783136741582737")
    assert multiplier == Decimal("0.283938800143617980347611457824")
    last = table["eta_minus_fixed_point"][table["depths"].index(1000)]
    for rho, value in ((-1, -0.898236357669), (0, -0.317872294710), (0.5, 0.162071063415), (1, 0.698142337808)):
        assert float(Decimal(last[RHO.index(rho)]) / multiplier**999) == pytest.approx(value, abs=1e-12)


def test_sigmoid_composition_is_indefinite_on_six_points_of_a_circle():
    found = DEEP["sigmoid_on_six_points_of_a_circle"]
    smallest = dict(zip(found["depths"], map(float, found["smallest_eigenvalue"]), strict=True))
    assert smallest[2] == pytest.approx(-0.02772, abs=5e-6)
    assert smallest[4] == pytest.approx(-0.00182, abs=5e-6)


@pytest.mark.parametrize("data", SETS, ids=lambda d: str(d["seed"]))
def test_rows_are_those_that_the_coefficients_were_computed_from(data):
    rows = np.random.default_rng(data["seed"]).standard_normal((data["n"] + DEEP["m"], data["n0"]))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert hashlib.sha256(rows.tobytes()).hexdigest()[:16] == data["sha256_of_rows"]


@pytest.mark.parametrize("found", DEEP["cases"], ids=lambda c: f"{c['family']} {c['depth']}")
def test_every_case_has_a_coefficient_for_every_point(found):
    for data, columns in zip(SETS, found["u"], strict=True):
        assert np.shape(columns) == ((DEEP["m"] if data["n"] <= 12 else 1), data["n"])


@pytest.mark.parametrize("family", ["sigmoid_composition", "biased_relu_ntk", "biased_relu_nngp", "erf_ntk"])
def test_coefficients_in_the_limit_of_a_hyperbolic_family_add_up_to_one(family):
    for columns in limit(family)["u"]:
        for u in columns:
            total, size = sum(map(Decimal, u)), max(abs(Decimal(v)) for v in u)
            assert abs(total - 1) < Decimal("1e-18") * (1 + size)


def test_relu_nngp_coefficients_are_one_over_n_up_to_one_over_depth():
    for depth in (1000, 10**6):
        for data, columns in zip(SETS, case("relu_nngp", depth)["u"], strict=True):
            assert np.abs(numbers(columns) - 1 / data["n"]).max() < 40 / depth  # 29.5 and 31.0 over depth seen


def test_shallow_coefficients_are_reproduced_in_float64():
    """Sigmoid composition at depth 10: condition numbers near 1e7, so 1e-6 is what double precision can show."""
    for data, columns in zip(SETS[:4], case("sigmoid_composition", 10)["u"], strict=False):
        rows = np.random.default_rng(data["seed"]).standard_normal((data["n"] + DEEP["m"], data["n0"]))
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        kernel = rows @ rows.T
        for _ in range(9):
            kernel = (1 + np.exp(-kernel)) ** -2
        n = data["n"]
        expected = np.linalg.solve(kernel[:n, :n], kernel[:n, n:]).T
        np.testing.assert_allclose(numbers(columns), expected, rtol=0, atol=1e-6)
