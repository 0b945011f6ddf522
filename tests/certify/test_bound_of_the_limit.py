"""The proven bound of |K_L - 1/4|: its proof, its sharpness, and its expression."""

import math
import re
from fractions import Fraction

import mpmath
import numpy as np
import pytest

import roughntk as rn
from roughntk._checks import InputError
from roughntk.certify import inequalities
from roughntk.certify.limits import BOUND


def test_the_inequalities_are_proven_and_sharper_ones_that_are_false_are_not():
    assert inequalities.unproven() == ()
    assert inequalities.unproven(slope=Fraction(73, 100)) == (2,)
    assert inequalities.unproven(curvature=Fraction(23)) == (4,)


def test_the_inequalities_hold_at_points():
    for theta in (0.01, 0.5, 1.0, 1.61, 2.5, 3.14):
        with mpmath.workdps(40):
            x = mpmath.mpf(theta)
            f = mpmath.acos((mpmath.sin(x) + (mpmath.pi - x) * mpmath.cos(x)) / mpmath.pi)
            w, after = 3 * mpmath.pi / x, 3 * mpmath.pi / f
            g = after - w - 1 - 1.5 * mpmath.log(after / w)
            beta = (after - w - 1) / 4 - 3 / (8 * w) + 1 - mpmath.cos(f)
            assert 0 <= g <= (x - f) * 3 / 4
            assert 0 <= beta <= 24 * (3 - (after - w) * w / after) / w**2
            assert 1 - 3 / w <= (w / after) ** 3


def values(seed: int, count: int) -> list[tuple[float, int, float, float]]:
    """Random (rho, L, bound, |K_L - 1/4|)."""
    generator = np.random.default_rng(seed)
    shares, uniform = generator.random(count), generator.integers(0, 2, count) == 0
    angles = math.pi * np.where(uniform, shares, 10.0 ** (-4 * shares))
    depths = np.floor(10.0 ** (6 * generator.random(count)))
    cases = []
    for rho, depth in zip(np.cos(angles).tolist(), depths.astype(int).tolist(), strict=True):
        distance = abs(rn.certify.kernel(rho, depth).lower - Fraction(1, 4))
        cases.append((rho, depth, rn.certify.limit_bound(rho, depth).value, float(distance)))
    return cases


def test_the_bound_is_above_and_close():
    cases = values(1, 150)
    assert all(bound >= distance for _, _, bound, distance in cases)
    ratios = np.array([bound / distance for _, _, bound, distance in cases])
    assert np.mean(ratios <= 100) >= 0.98  # 0.9974 of 10,000 cases, see benchmarks/certificates_of_kernels.py
    assert np.median(ratios) < 1.2


def test_the_bound_holds_for_all_smaller_correlations():
    generator = np.random.default_rng(2)
    for rho, depth, bound, _ in values(3, 12):
        for angle in generator.uniform(math.acos(rho), math.pi, 5).tolist() + [math.pi]:
            assert abs(rn.certify.kernel(math.cos(angle), depth).lower - Fraction(1, 4)) <= bound


def test_the_expression_that_is_shown_is_the_one_that_is_computed():
    bound, *parts = re.split(r", (?=[WUV] = )", BOUND.removeprefix("|K_L - 1/4| <= "))
    definitions = [part.split(" = ") for part in parts]
    for rho, depth in ((-0.5, 3), (0.3, 10), (0.999, 20), (0.9, 10**5), (-1, 1)):
        names = {"L": depth, "theta_0": math.acos(rho), "pi": math.pi, "log": math.log, "min": min, "max": max}
        for name, text in definitions:
            python = re.sub(r"(?<=[0-9a-z)]) (?=[(a-zW])", " * ", text.replace("^", "**"))
            names[name] = eval(python, {}, dict(names))
        assert rn.certify.limit_bound(rho, depth).value == pytest.approx(eval(bound, {}, names), rel=1e-12)


def test_the_leading_term_is_sharp():
    for depth in (10**9, 10**60):
        bound = rn.certify.limit_bound("0.5", depth).value
        assert 1 < bound / (0.375 * math.log(depth) / depth) < 1 + 4 / math.log(depth)


def test_the_limit_and_bad_input():
    assert rn.certify.limit("0.99").text == "0.250000000000000" and rn.certify.limit(1, digits=3).text == "1.00"
    for arguments, message in (
        ((1, 2), "expected rho below 1, got 1; K_L = 1"),
        ((0.5, 2.5), "expected a whole depth here, got 2.5"),
        ((0.5, math.inf), "expected a finite depth"),
        ((1.5, 2), "expected rho within"),
        ((0.5, 0), "depth of at least 1"),
    ):
        with pytest.raises(InputError, match=message):
            rn.certify.limit_bound(*arguments)
    with pytest.raises(InputError, match="digits"):
        rn.certify.limit(0.5, digits=0)
