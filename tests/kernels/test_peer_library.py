"""Families against neural-tangents 0.6.5, whose values are kept in tests/data/neural_tangents.json."""

import json
from pathlib import Path

import numpy as np
import pytest

from roughntk.kernels import (
    BiasedReluNNGP,
    BiasedReluNTK,
    ErfNNGP,
    ErfNTK,
    LeakyReluNNGP,
    LeakyReluNTK,
    ResidualReluNNGP,
    ResidualReluNTK,
)  # fmt: skip

PEER = json.loads((Path(__file__).parents[1] / "data" / "neural_tangents.json").read_text(encoding="utf-8"))
RHO, DEPTHS = np.array(PEER["rho"]), PEER["depths"]


def members(table):
    """(nngp, ntk) of the package for one table of the library."""
    weight, bias = table["W_std"] ** 2, table["b_std"]
    kind, *rest = table["family"].split()
    if kind == "leaky_relu":
        return LeakyReluNNGP(float(rest[0])), LeakyReluNTK(float(rest[0]))
    if kind == "biased_relu":
        return BiasedReluNNGP(bias, weight), BiasedReluNTK(bias, weight)
    return ErfNNGP(weight, bias**2), ErfNTK(weight, bias**2)


@pytest.mark.parametrize("table", PEER["fully_connected"], ids=lambda table: table["family"])
def test_fully_connected_families_are_those_of_the_library(table):
    nngp, ntk = members(table)
    for depth, covariance, tangent in zip(DEPTHS, table["nngp"], table["ntk"], strict=True):
        # the library takes arccos of correlations near 1: it is off by 1.4e-12 at most (test_reference_data.py)
        np.testing.assert_allclose(nngp.at_correlation(RHO, depth), covariance, rtol=0, atol=1e-11)
        np.testing.assert_allclose(ntk.at_correlation(RHO, depth), tangent, rtol=0, atol=1e-11)


@pytest.mark.parametrize("table", PEER["residual_relu"], ids=lambda table: f"{table['blocks']} {table['a']}")
def test_residual_families_are_those_of_the_library(table):
    depth = table["blocks"] + 1
    for kind, name in ((ResidualReluNNGP, "nngp"), (ResidualReluNTK, "ntk")):
        found = kind(scaling=table["a"]).at_correlation(RHO, depth)
        np.testing.assert_allclose(found, table[name], rtol=0, atol=1e-13)
