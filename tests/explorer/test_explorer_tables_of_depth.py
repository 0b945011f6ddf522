"""The explorer's tables of kernels and drivers are the package's, within the errors that they state."""

import json
import math

import numpy as np
import pytest

import roughntk as rn
from roughntk._checks import InputError
from roughntk.explorer.points import ExplorerPoints, own_points
from roughntk.explorer.tables import depth, driver, families
from roughntk.explorer.tables.stored import stored_table

STORED = stored_table("depth")
GENERATOR = np.random.default_rng(3)
ANGLES = np.concatenate([GENERATOR.uniform(0, math.pi, 20), [1e-3, 1e-6, math.pi]])


def read(member, theta, at):
    """K at the angles, as the page computes it: level + factor F."""
    if "bands" in member and at != math.inf:
        band = next(each for each in member["bands"] if at <= each["last"])
        values, level, log_factor = families.read_band(band, member["scale"], theta, math.log(at))
        return level + math.exp(log_factor) * values
    stop = member["limit"] if at == math.inf else next(each for each in member["stops"] if each["depth"] == at)
    x = families.position(theta, stop["a"])
    values = np.polynomial.chebyshev.chebval(2 * x - 1, stop["coefficients"])
    return stop["level"] + math.exp(float(stop["log_factor"])) * values


def package(member, theta, at):
    return np.asarray(rn.kernels.family(member["family"], **member["parameters"]).at_angle(theta, at))


def test_every_member_has_its_table_and_every_error_is_stated():
    assert len(STORED) == len(families.MEMBERS)
    for member in STORED.values():
        assert 0 < member["error"] < families.TOLERANCE <= 1e-7


@pytest.mark.parametrize("key", STORED)
def test_the_tables_are_the_layers_of_the_package(key):
    member = STORED[key]
    np.testing.assert_allclose(
        read(member, ANGLES, 3), package(member, ANGLES, 3), rtol=0, atol=2 * member["error"] + 1e-14
    )


@pytest.mark.parametrize("key", ["relu-ntk", "relu-nngp", "sigmoid"])
@pytest.mark.parametrize("at", [2.0, 2.37, 19.2, 777.7, 10000.0])
def test_the_tables_are_the_real_depth_of_the_package(key, at):
    member = STORED[key]
    np.testing.assert_allclose(
        read(member, ANGLES, at), package(member, ANGLES, at), rtol=0, atol=2 * member["error"] + 1e-14
    )


@pytest.mark.parametrize("key", [key for key, member in STORED.items() if member["limit"]])
def test_the_tables_are_the_limit_of_the_package(key):
    member = STORED[key]
    apart = ANGLES[:-1][ANGLES[:-1] > 1e-4]  # at 0 and pi the limit may jump: the page has values of their own there
    ends = [member["limit"]["level"] + member["limit"][end] for end in ("diagonal", "opposite")]
    if not member["collapses"]:
        np.testing.assert_allclose(ends, package(member, np.array([0.0, math.pi]), math.inf), rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        read(member, apart, math.inf), package(member, apart, math.inf), rtol=0, atol=2 * member["error"] + 1e-14
    )


def test_what_is_left_of_a_collapsing_kernel_keeps_its_digits_at_great_depth():
    kernel, member = rn.kernels.ReluNNGP(), STORED["relu-nngp"]
    theta, at = np.array([0.01, 0.5, 2.0, math.pi]), 9000.5
    values, _, log_factor = families.read_band(member["bands"][-1], member["scale"], theta, math.log(at))
    deflated = kernel.deflated(theta, at)
    wanted = math.exp(deflated.log_scale) * deflated.values  # about 1e-7 of K
    np.testing.assert_allclose(math.exp(log_factor) * values, wanted, rtol=1e-9)


def test_points_of_many_dimensions_keep_their_angles():
    X, x = rn.sphere.uniform(5, 12, 0), rn.sphere.uniform(1, 12, 1)
    data = depth.table(ExplorerPoints("data", X, x, np.zeros(5), (0, 1, 2, 3, 4)))["data"]
    both = np.array([*data["vectors"], data["test"]])
    original = np.concatenate([X, x])
    np.testing.assert_allclose(both @ both.T, original @ original.T, rtol=0, atol=1e-14)


def test_a_depth_that_the_table_does_not_have_is_refused_with_those_that_it_has():
    points = own_points()
    erf = ExplorerPoints(None, points.X, points.x, points.y, family=rn.kernels.ErfNTK(), depth=7.0)
    with pytest.raises(InputError, match="got 7; choose one of 2, 3, 4, 5, 6, 8"):
        depth.table(erf)


def test_a_family_with_other_parameters_gets_a_table_of_its_own(monkeypatch):
    monkeypatch.setattr(families, "STOPS", (3,))
    points = own_points()
    family = rn.kernels.BiasedReluNTK(bias=2.0)
    table = depth.table(ExplorerPoints(None, points.X, points.x, points.y, family=family))
    own = table["members"][table["start"]["member"]]
    assert own["error"] < table["tolerance"]
    found = read(own, ANGLES, 3)
    np.testing.assert_allclose(found, np.asarray(family.at_angle(ANGLES, 3)), rtol=0, atol=1e-10)


# Drivers


def integrated(X, x, at):
    """v at the end of the arc clock, by Gauss-Legendre: the integral of A^{-1} (A', b') along the segment."""
    kernel = rn.kernels.ReluNTK()
    first, last = (np.asarray(kernel(X, np.concatenate([X, x]), depth=each)) for each in (at, at + 1))
    times, weights = np.polynomial.legendre.leggauss(20)
    n, total = len(X), np.zeros_like(first)
    for t, weight in zip((times + 1) / 2, weights / 2, strict=True):
        total += weight * np.linalg.solve(((1 - t) * first + t * last)[:, :n], last - first)
    return total.ravel()


@pytest.mark.parametrize("place", range(len(driver.DEPTHS)))
def test_the_stored_drivers_are_the_integrals_of_theorem_3(place):
    points, table = own_points(), driver.table(own_points())
    arc, psi = table["drivers"][2 * place : 2 * place + 2]
    assert (arc["clock"], psi["clock"]) == ("arc", "psi")
    ends = [np.array(each["samples"])[:, -1] for each in (arc, psi)]
    wanted = integrated(points.X[: driver.MOST], points.x, arc["depth"])
    np.testing.assert_allclose(ends[0], wanted, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ends[1], ends[0], rtol=0, atol=1e-12)  # a change of clock moves no end


def test_the_stored_terms_are_those_of_the_sampled_drivers():
    for each in driver.table(own_points())["drivers"]:
        samples = np.array(each["samples"]).T
        steps, middles = np.diff(samples, axis=0), (samples[1:] + samples[:-1]) / 2 - samples[0]
        channels = samples.shape[1]
        second = np.einsum("ti,tj->ij", middles, steps)  # of a polygon, exactly
        np.testing.assert_allclose(each["level_1"], samples[-1] - samples[0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(np.reshape(each["level_2"], (channels, channels)), second, rtol=0, atol=1e-12)
        areas = (second - second.T)[np.triu_indices(channels, 1)] / 2
        np.testing.assert_allclose(each["areas"], areas, rtol=0, atol=1e-12)
        lengths = np.abs(samples[-1] - samples[0]).sum()
        assert each["p_variation"][0] >= lengths - 1e-12
        assert (np.diff(each["p_variation"]) <= 1e-14).all()


def test_tables_are_json_without_nan():
    for table in (depth.table(own_points()), driver.table(own_points())):
        json.dumps(table, allow_nan=False)
