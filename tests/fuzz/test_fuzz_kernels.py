"""Kernels at random angles, depths and parameters against the recursions of the definition, with 40 digits."""

import math

import mpmath
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shares import cases

import roughntk as rn

EPS = np.finfo(np.float64).eps
ANGLES = st.one_of(
    st.floats(0, math.pi),
    st.sampled_from([0.0, math.pi, math.pi / 2, 5e-324, 1e-300, 1e-160, 1e-17, 1e-8, math.nextafter(math.pi, 0), 3.0]),
    st.floats(0, 300).map(lambda e: math.pi * 10.0**-e),
)


def relu(rho, slope=0):
    """h and h' of a leaky ReLU, normalised to h(1) = h'(1) = 1."""
    theta = mpmath.acos(rho)
    h = (mpmath.sqrt(1 - rho**2) + rho * (mpmath.pi - theta)) / mpmath.pi
    weight = (1 - slope) ** 2 / (1 + slope**2)
    return rho + weight * (h - rho), 1 + weight * ((mpmath.pi - theta) / mpmath.pi - 1)


def leaky_pair(theta, depth, slope):
    """(NTK, NNGP), normalised."""
    slope = mpmath.mpf(slope)
    rho = mpmath.cos(mpmath.mpf(theta))
    total = rho
    for _ in range(depth - 1):
        rho, derivative = relu(rho, slope)
        total = total * derivative + rho
    return total / depth, rho


@cases("kernels")
@given(theta=ANGLES, depth=st.integers(1, 40), slope=st.one_of(st.just(0.0), st.floats(-1, 0.95)))
def test_relu_families(theta, depth, slope):
    with mpmath.workdps(40):
        ntk, nngp = leaky_pair(theta, depth, slope)
        families = [(rn.kernels.LeakyReluNTK(slope), ntk), (rn.kernels.LeakyReluNNGP(slope), nngp)]
        if slope == 0.0:
            families += [(rn.kernels.ReluNTK(), ntk), (rn.kernels.ReluNNGP(), nngp)]
        for family, true in families:
            for value in (family.at_angle(theta, depth), family.at_angle(theta, float(depth) + 0.0)):
                # the angle itself is a number of 53 bits; d K/d theta is at most depth. A leaky kernel beyond eight
                # layers comes from the solution of functional equations, known to 2.2e-14
                bound = 16 * EPS * (1 + depth * 1e-2) if slope == 0.0 or depth <= 8 else 4e-14
                assert abs(mpmath.mpf(float(value)) - true) <= bound, (family, theta, depth)


@cases("kernels")
@given(theta=ANGLES, depth=st.floats(2, 1e15))
def test_real_depth_is_a_semigroup_and_lies_between_its_neighbours(theta, depth):
    family = rn.kernels.ReluNNGP()
    below, here, above = (float(family.at_angle(theta, d)) for d in (math.floor(depth), depth, math.floor(depth) + 1))
    small = 8 * EPS  # every value is known to within this
    assert below - small <= here <= above + small and -small <= below and above <= 1.0
    if depth < 1e6:  # one layer more is one application of the map
        with mpmath.workdps(40):
            rho, _ = relu(mpmath.mpf(here))
        assert abs(float(family.at_angle(theta, depth + 1)) - float(rho)) <= 16 * EPS
