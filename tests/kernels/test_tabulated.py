"""Any kernel at one depth as a table of the angle."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

import roughntk as rn
from roughntk.kernels import tabulated

EPS = np.finfo(np.float64).eps
CASES = [
    ("relu-ntk", 2), ("relu-nngp", 3), ("biased-relu-ntk", 30), ("erf-ntk", 5), ("tanh-nngp", 4), ("gelu-ntk", 3),
    ("leaky-relu-ntk", 1000.5), ("residual-relu-ntk", 7), ("sigmoid", 6), ("relu-ntk", math.inf), ("relu-ntk", 1),
]  # fmt: skip


@pytest.mark.parametrize(("name", "depth"), CASES)
def test_a_table_is_the_kernel_at_every_angle(name, depth):
    family = rn.kernels.family(name)

    def kernel(theta):
        return np.asarray(family.at_angle(jnp.asarray(theta), depth))

    table = tabulated.Tabulated(kernel, name)
    near = np.geomspace(1e-15, 1.5, 1000)
    theta = np.concatenate([[0.0, math.pi], near, math.pi - near, np.linspace(0.01, math.pi, 2000)])
    exact = kernel(theta)
    assert table.error <= tabulated.ERROR
    assert (np.abs(table(theta) - exact) <= 64 * EPS * np.abs(exact).max()).all()
    assert table.at_zero == kernel(np.zeros(1))[0]


def test_what_is_not_smooth_between_is_refused():
    with pytest.raises(tabulated.NoTableError, match="off by"):
        tabulated.Tabulated(lambda theta: np.abs(theta - 1.2345), "kink")
    with pytest.raises(tabulated.NoTableError, match="off by"):
        tabulated.Tabulated(lambda theta: np.where(theta > 1, np.nan, 1.0), "hole")
