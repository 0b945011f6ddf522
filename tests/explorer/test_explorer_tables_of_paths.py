"""The explorer's tables of paths hold what the package computes, and its panels' closed forms are the package's."""

import math

import numpy as np
import pytest
import scipy.linalg

import roughntk as rn
from roughntk.explorer.points import own_points
from roughntk.explorer.tables import pure_area, variation


def frame(n, t):
    """R(t) = exp(t (n A2 + n^2 A3)) exp(-n^2 t A3), what the page computes."""
    A3 = pure_area.A1 @ pure_area.A2 - pure_area.A2 @ pure_area.A1
    return scipy.linalg.expm(t * (n * pure_area.A2 + n * n * A3)) @ scipy.linalg.expm(-n * n * t * A3)


def test_the_stored_frames_are_the_closed_form():
    table = pure_area.table(own_points())
    limit = frame(10_000, 2 * math.pi)
    np.testing.assert_allclose(table["limit"], np.diag([-1, -1, 1]), rtol=0, atol=1e-9)
    np.testing.assert_allclose(limit, table["limit"], rtol=0, atol=1e-3)  # they differ by about pi/2n
    for n, stored, distance in zip(table["sizes"], table["frames"], table["distances"], strict=True):
        # The polygon of 16,384 points a turn lacks 2.5e-8 of the area.
        np.testing.assert_allclose(stored, frame(n, 2 * math.pi), rtol=0, atol=1e-6)
        assert math.isclose(distance, float(np.linalg.norm(np.subtract(stored, table["limit"]))), rel_tol=1e-9)


@pytest.mark.parametrize(("n", "p", "steps"), [(1, 2.0, 3), (1, 3.0, 2), (2, 2.5, 10), (2, 4.0, 9), (3, 2.0, 24)])
def test_the_variation_of_turning_circles_has_equal_steps(n, p, steps):
    """(1/n) (k (2 sin(pi n^2/k))^p)^{1/p} for the best k: on a polygon whose points hold these steps it is attained."""
    turns = 2 * math.pi * n * n
    count = steps * (1200 // steps)
    angle = np.linspace(0, turns, count + 1)
    polygon = np.stack([np.cos(angle), np.sin(angle)], axis=1) / n
    closed = max((k * (2 * math.sin(turns / 2 / k)) ** p) ** (1 / p) / n for k in range(2 * n * n, 60 * n * n))
    assert math.isclose(steps ** (1 / p) * 2 * math.sin(turns / 2 / steps) / n, closed, rel_tol=1e-12)
    assert math.isclose(rn.rough.p_variation(polygon, p, norm="l2"), closed, rel_tol=1e-9)


def test_ready_made_paths_are_drawable():
    table = variation.table(own_points())
    names = [each["name"] for each in table["paths"]]
    assert len(set(names)) == len(names) and "drawn" not in names
    for each in table["paths"]:
        points = np.array(each["points"])
        assert 2 <= len(points) <= table["most"] and np.abs(points).max() <= 1, each["name"]
        np.testing.assert_array_equal(points, points.round(table["decimals"]))


def test_ready_made_paths_are_those_of_the_package():
    stored = variation.table(own_points())
    for kept, made in zip(stored["paths"], variation.path_table()["paths"], strict=True):
        # Rounded to four decimals: another machine may round the last one differently.
        np.testing.assert_allclose(kept["points"], made["points"], rtol=0, atol=1.01e-4)
