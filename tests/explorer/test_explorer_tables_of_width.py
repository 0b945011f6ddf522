"""The explorer's tables of networks of finite width hold what the package computes."""

import math

import jax
import numpy as np
import pytest
from scipy import special

import roughntk as rn
from roughntk.explorer.points import own_points
from roughntk.explorer.tables import finite, ito
from roughntk.explorer.tables.stored import as_text, stored_table
from roughntk.networks.triangular import flattened

ALL = 400_000  # bytes that the tables of the four panels may have together
SCORES = np.array([-3.0, -1.9, -0.6, 0.0, 1.1, 2.3, 3.0])


@pytest.mark.parametrize(("layers", "width"), [(1, 256), (37, 100), (29, 10)])
def test_the_table_of_the_random_depth_is_the_law_of_the_package(layers, width):
    table = finite.table(own_points())
    law = rn.networks.effective_depth(layers, width)
    wanted = np.log(law.quantile(special.ndtr(SCORES)) / width)
    found = finite.log_depth(table, layers / width, SCORES)
    assert table["error"] <= 1e-7
    # The stated error was measured at 24 other depths; at any one it may be a little larger.
    np.testing.assert_allclose(found, wanted, rtol=0, atol=max(2 * table["error"], 1e-9))


def test_the_table_of_the_random_depth_would_show_a_wrong_coefficient():
    table = finite.table(own_points())
    kept = finite.log_depth(table, 0.37, SCORES)
    table["coefficients"][1][2] += 1e-6
    assert np.abs(finite.log_depth(table, 0.37, SCORES) - kept).max() > 2 * table["error"]


@pytest.mark.parametrize(("width", "number"), [(50, 0), (200, 3)])
def test_the_stored_drivers_are_those_of_the_package(width, number):
    table = ito.table(own_points())
    of_width = table["networks"][table["widths"].index(width)]
    sample = of_width["samples"][number]
    driver = ito.driver_of(width, number)
    rounding = 10.0**-ito.DIGITS
    np.testing.assert_allclose(sample["increments"], flattened(driver.increments).ravel(), rtol=0, atol=10 * rounding)
    # Covariances are products over all layers: of the order of 1, off by 1e-13 on another machine.
    np.testing.assert_allclose(sample["covariances"], flattened(driver.covariances).ravel(), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(table["start"], flattened(driver.factors[0]), rtol=0, atol=1e-14)
    assert math.isclose(of_width["kappa"], driver.kappa, rel_tol=1e-13)


def test_the_stored_tables_are_small_and_as_their_script_writes_them():
    names = ["finite", "ito", "pure_area", "variation"]
    assert sum(len(as_text(stored_table(name))) for name in names) < ALL
    stored_table("finite")["coefficients"].clear()
    assert stored_table("finite")["coefficients"]  # nobody's changes are seen by the next


def test_the_networks_of_the_table_are_drawn_by_their_keys():
    again = rn.networks.network_driver(
        jax.random.key(50_001), ito.INPUTS, layers=50, width=50, c_plus=ito.SLOPE, c_minus=-ito.SLOPE
    )
    sample = ito.table(own_points())["networks"][0]["samples"][1]
    np.testing.assert_allclose(sample["increments"], flattened(again.increments).ravel(), rtol=0, atol=1e-10)
