"""Fractional iteration of the ReLU angle map, against independent routes.

The reference at real depth (`Oracle`) works in multiple precision: it pushes the angle forward with the exact
map some 80 times, to where the formal series solve their functional equations to 40 digits, which is tested.

Tolerances: eps = 2.2e-16. The kernel is asked for 1e-13 relative and 1e-15 absolute where it is below 0.01;
what is asserted is mostly tighter, a small multiple of eps, so that a lost digit is seen. Functions are
compiled for each shape, which costs seconds, so arrays go through `padded`.
"""

import csv
import importlib.util
import json
import math
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from flat_arrays import padded
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from roughntk._checks import InputError
from roughntk.kernels import ReluNTK
from roughntk.maps import _series
from roughntk.maps.relu_flow import (
    abel,
    flow,
    generator,
    inverse_abel,
    ntk_kernel,
    ntk_sum,
    principal_sum,
    relu_angle_step,
)

ROOT = Path(__file__).resolve().parents[2]
EPS = float(np.finfo(np.float64).eps)
PI = math.pi


def load_generator():
    """tools/generate_series.py as a module."""
    spec = importlib.util.spec_from_file_location("generate_series", ROOT / "tools" / "generate_series.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tools = load_generator()


def table():
    """The columns theta_1, depth, theta_L and K_L of the 30-digit table."""
    with (ROOT / "tests" / "data" / "relu_ntk.csv").open() as file:
        rows = list(csv.DictReader(file))
    names = ("theta1", "depth", "theta_L", "ntk_normalized_L")
    return tuple(np.array([float(row[name]) for row in rows]) for name in names)


class Oracle:
    """alpha, v and P to 40 digits: push the angle below 0.1 with the exact map, use the series there."""

    def __init__(self):
        with mp.workdps(80):
            self.series = tools.derive(38)

    def push(self, theta):
        """f^n(theta) < 0.1, d f^n / d theta, n, and the angles passed with the slopes there."""
        slope, passed = mpf(1), []
        while theta > mpf("0.1"):
            following = step(theta)
            slope *= (1 - theta / mp.pi) * mpmath.sin(theta) / mpmath.sin(following)
            theta = following
            passed.append((theta, slope))
        return theta, slope, passed

    def alpha_and_generator(self, theta):
        """alpha and v."""
        end, slope, passed = self.push(theta)
        w = 3 * mp.pi / end
        alpha = w - mpf(1.5) * mpmath.log(w) + tools.polynomial(self.series.abel, end) - len(passed)
        return alpha, tools.polynomial(self.series.generator, end) / slope

    def principal_and_rate(self, theta):
        """P and r = -sin v."""
        end, slope, passed = self.push(theta)
        v = tools.polynomial(self.series.generator, end) / slope
        value = tools.polynomial(self.series.principal, end) / end**4
        value += self.series.principal_log * mpmath.log(end)
        for visited, slope_there in passed:
            value += mpmath.cos(visited) / (mpmath.sin(visited) * v * slope_there)
        return value, -mpmath.sin(theta) * v

    def at(self, theta, time):
        """theta_l and S(l) at l = 1 + time; the guess of the angle comes from the function under test."""
        with mp.workdps(60 + 5 * max(0, -round(math.log10(theta)))):
            first, time = mpf(float(theta)), mpf(float(time))
            end = mpf(float(flow(float(theta), float(time))))
            target = self.alpha_and_generator(first)[0] + time
            for _ in range(6):
                alpha, v = self.alpha_and_generator(end)
                if abs(alpha - target) < mpf(10) ** -42 * abs(target):
                    break
                end -= (alpha - target) * v
            else:
                raise AssertionError(f"no convergence from {theta} for {time}")
            (p_first, r_first), (p_end, r_end) = self.principal_and_rate(first), self.principal_and_rate(end)
            return end, r_end * (mpmath.cos(first) / r_first + p_end - p_first)


def step(theta):
    """f in multiple precision; the working precision swallows the cancellation for small angles."""
    with mp.extradps(10):
        return mpmath.acos((mpmath.sin(theta) + (mp.pi - theta) * mpmath.cos(theta)) / mp.pi)


@pytest.fixture(scope="module")
def oracle():
    return Oracle()


def kernel_miss(got, wanted):
    """Relative error, or the error in units of 1e-15/1e-13 where the kernel is below 0.01."""
    return np.abs(got - wanted) / np.maximum(np.abs(wanted), 0.01)


# --- the series ---------------------------------------------------------------------------------------------


def test_series_agree_with_the_reference_to_28_digits():
    reference = json.loads((ROOT / "tests" / "data" / "relu_series.json").read_text())
    with mp.workdps(60):
        series = tools.derive(20)
        keys = list(reference)
        pairs = list(zip(reference[keys[0]], series.generator[2:], strict=False))
        pairs += list(zip(reference[keys[1]], series.abel[1:], strict=False))
        pairs += [(value, series.principal[int(power) + 4]) for power, value in reference[keys[2]].items()]
        pairs.append((reference[keys[3]], series.principal_log))
        assert len(pairs) == 12 + 10 + 13 + 1
        for wanted, got in pairs:
            assert abs(mpf(wanted) - got) < mpf("1e-28") * abs(got)


def test_stored_constants_are_those_of_a_derivation_at_lower_order():
    assert Path(_series.__file__).samefile(tools.FILE)  # what the tool would write
    with mp.workdps(50):
        series = tools.derive(24)
    for stored, derived in (
        (_series.GENERATOR, series.generator[2:]),
        (_series.ABEL, series.abel[1:]),
        (_series.PRINCIPAL, series.principal),
    ):
        assert len(stored) >= 26
        # repr keeps 17 digits, so each float is the nearest one
        assert [float(value) for value in derived[:18]] == list(stored[:18])
    assert float(series.principal_log) == _series.PRINCIPAL_LOG


def test_generator_is_the_iterative_logarithm():
    """exp(v d/dt) t = f: the defining equation, which the derivation does not use."""
    order = 14
    with mp.workdps(40):
        series = tools.derive(order)
        v = series.generator + [mpf(0)]
        term, total = [mpf(0), mpf(1)] + [mpf(0)] * (order - 1), [mpf(0)] * order
        for k in range(order):
            for j in range(order):
                total[j] += term[j] / mpmath.factorial(k)
            term = tools.multiply(v, tools.differentiate(term) + [mpf(0)], order + 1)
        for got, wanted in zip(total, series.step[:order], strict=True):
            assert abs(got - wanted) < mpf("1e-35")


def test_truncated_series_solve_their_functional_equations(oracle):
    """At 0.1, where `Oracle` uses them, to 40 digits; this makes its values independent of the derivation."""
    with mp.workdps(60):
        theta = mpf("0.1")
        following, series = step(theta), oracle.series

        def v(t):
            return tools.polynomial(series.generator, t)

        def alpha(t):
            return 3 * mp.pi / t + mpf(1.5) * mpmath.log(t) + tools.polynomial(series.abel, t)

        def principal(t):
            return tools.polynomial(series.principal, t) / t**4 + series.principal_log * mpmath.log(t)

        slope = (1 - theta / mp.pi) * mpmath.sin(theta) / mpmath.sin(following)
        q = -mpmath.cos(following) / (mpmath.sin(following) * v(following))
        assert abs(v(following) - slope * v(theta)) < mpf("1e-42")
        assert abs(alpha(following) - alpha(theta) - 1) < mpf("1e-42")
        assert abs(principal(following) - principal(theta) - q) < mpf("1e-42") * q


def test_fits_follow_the_functions_at_angles_they_were_not_made_at(oracle):
    with mp.workdps(40):
        for theta in ("0.003", "0.21", "0.77", "1.2", "1.5", "1.57"):
            parts = tools.regular_parts(oracle.series, mpf(theta), mpf("0.1"))
            x = 4 * mpf(theta) / mp.pi - 1
            fits = (_series.GENERATOR_FIT, _series.ABEL_FIT, _series.PRINCIPAL_FIT)
            for fit, wanted in zip(fits, parts, strict=True):
                # the coefficients add up to about 1 in absolute value, each rounded to eps/2
                assert abs(tools.polynomial(fit, x) - wanted) < EPS


# --- the pins -----------------------------------------------------------------------------------------------


def test_abel_function_takes_the_known_values():
    angles = np.array([PI, PI / 2, PI / 3, 1.0, 0.1])
    wanted = np.array(
        [
            3.389847383733851749,
            4.389847383733851749,
            6.436356457230994913,
            6.760294932149539234,
            87.50194233420114687,
        ]
    )
    np.testing.assert_allclose(padded(abel, angles), wanted, rtol=2 * EPS)
    assert abel(0.0) == math.inf
    assert _series.ABEL_AT_PI == 3.389847383733851749
    # half an ulp of the time moves the angle by v eps alpha/2 < eps theta
    np.testing.assert_allclose(padded(inverse_abel, wanted[1:]), angles[1:], rtol=4 * EPS)
    assert inverse_abel(_series.ABEL_AT_PI) == PI
    assert inverse_abel(math.inf) == 0.0


def test_generator_takes_the_known_values():
    # the pins have 14 digits
    v = padded(generator, np.array([1, PI / 2]))
    np.testing.assert_allclose(v, [-0.13787730663161, -0.45164537489290], atol=1e-14)
    assert generator(0.0) == 0.0
    assert generator(PI) == -math.inf


def test_half_a_layer_from_a_right_angle():
    theta = flow(PI / 2, 0.5)
    np.testing.assert_allclose(theta, 1.38332163305950259, rtol=2 * EPS)
    np.testing.assert_allclose(jnp.cos(theta), 0.186378433972955906, rtol=8 * EPS)  # cos' / cos = 5


def test_principal_sum_follows_its_laurent_series_and_equation():
    theta = np.linspace(0.05, PI - 0.05, 101)
    following = padded(relu_angle_step, theta)
    q = -np.cos(following) / (np.sin(following) * padded(generator, following))
    # P is about 22/theta^4; the difference is 1/theta times smaller
    scale = np.maximum(23 / theta**4, 20)
    change = padded(principal_sum, following) - padded(principal_sum, theta)
    assert np.max(np.abs(change - q) / scale) < 16 * EPS
    small = 0.25
    series = sum(c * small ** (k - 4) for k, c in enumerate(_series.PRINCIPAL))
    series += _series.PRINCIPAL_LOG * math.log(small)
    np.testing.assert_allclose(principal_sum(small), series, rtol=4 * EPS)
    assert principal_sum(0.0) == math.inf


def test_step_is_the_layer_map_on_the_closed_interval():
    theta = np.concatenate([np.linspace(0, PI, 101), 10.0 ** np.arange(-12, 0)])
    with mp.workdps(40):
        wanted = [float(step(mpf(float(t)))) for t in theta]
    np.testing.assert_allclose(padded(relu_angle_step, theta), wanted, rtol=4 * EPS, atol=0)


def test_abel_generator_and_step_agree_everywhere():
    theta = np.concatenate([np.linspace(0.01, 3.1, 97), [1e-3, 1e-6]])
    following, alpha = padded(relu_angle_step, theta), padded(abel, theta)
    gain = padded(abel, following) - alpha
    assert np.max(np.abs(gain - 1) / alpha) < 8 * EPS
    slope = padded(jax.vmap(jax.grad(relu_angle_step)), theta)
    # v near pi/2 varies by v'/v = 3.5 per radian, and near pi by 2/(pi - theta) < 50
    v = padded(generator, theta)
    np.testing.assert_allclose(padded(generator, following), slope * v, rtol=100 * EPS)


# --- whole and real depths ----------------------------------------------------------------------------------


def test_kernel_agrees_with_every_row_of_the_table():
    theta, depth, theta_end, kernel = table()
    assert theta.size == 222
    assert depth.max() == 1e12
    angle, total = padded(ntk_sum, theta, depth - 1)
    np.testing.assert_allclose(angle, theta_end, rtol=4 * EPS)
    # the asked 1e-13; seen: 5e-16 where |K| > 0.01, 6e-17 absolute otherwise
    got = padded(ntk_kernel, theta, depth - 1)
    assert np.max(kernel_miss(got, kernel)) < 5e-14
    np.testing.assert_array_equal(got, total / depth)


def test_whole_depths_obey_the_recursion():
    theta = np.linspace(0, PI, 57)
    angle, total = theta, np.cos(theta)
    for depth in range(2, 41):
        total = total * (1 - angle / PI)
        angle = padded(relu_angle_step, angle)
        total = total + np.cos(angle)
        got_angle, got = padded(ntk_sum, theta, depth - 1.0)
        # the recursion rounds once a layer
        np.testing.assert_allclose(got_angle, angle, rtol=4 * EPS * depth)
        np.testing.assert_allclose(got, total, rtol=4 * EPS * depth, atol=8 * EPS)


POINTS = [
    (PI, 0.001), (PI, 0.5), (PI, 1.25), (PI - 1e-6, 0.7), (3.1, 0.01), (3.0, 0.3), (3.0, 0.999), (3.0, 1.001),
    (2.5, 0.5), (2.2, 1e-6), (1.9, 0.6), (1.6, 0.02), (1.6, 0.9), (PI / 2, 0.5), (PI / 2, 17.3), (1.3, 1e-9),
    (1.5994, 0.0731), (1.6466, 0.1783), (1.0, 0.25), (0.8, 333.3), (0.5, 1e5 + 0.1), (0.3, 2.5), (0.1, 1e12 / 7),
    (1e-2, 0.5), (1e-2, 1234.5),
    (1e-4, 1e4 / 3), (1e-6, 0.1), (1e-6, 1e6 / 7), (1e-9, 1000.25), (1e-9, 1e9 / 3), (1e-12, 12.5),
]  # fmt: skip


@pytest.mark.parametrize(("theta", "time"), POINTS)
def test_real_depths_agree_with_40_digits(oracle, theta, time):
    wanted_angle, wanted = oracle.at(theta, time)
    angle, total = ntk_sum(theta, time)
    assert abs(mpf(float(angle)) / wanted_angle - 1) < 4 * EPS
    # S is right to a few eps, 2e-14 of a kernel of 0.01; below depth 2 it is divided by pi - theta_l
    tolerance = 5e-14 if theta <= 3 or time >= 1 else 1e-12
    assert kernel_miss(float(total) / (1 + time), float(wanted / (1 + mpf(time)))) < tolerance


def test_real_depths_keep_1e_13_in_the_scan(oracle):
    rng = np.random.default_rng(7)
    theta = np.concatenate([rng.uniform(0, 3, 6), 10 ** rng.uniform(-9, 0, 6), PI - 10 ** rng.uniform(-8, 0, 4)])
    time = np.concatenate([rng.uniform(0, 3, 6), 10 ** rng.uniform(-3, 12, 6), rng.uniform(1, 9, 4)])
    kernel = padded(ntk_kernel, theta, time)
    for at, l_minus_1, got in zip(theta, time, kernel, strict=True):
        wanted = float(oracle.at(at, l_minus_1)[1] / (1 + mpf(l_minus_1)))
        assert kernel_miss(got, wanted) < 1e-13


def test_small_angles_do_not_lose_time_beside_alpha():
    """theta = 1e-9: alpha is 1e10, so alpha + 1000 would keep ten digits of the 1000 only."""
    theta, time = 1e-9, np.array([1e-3, 1.0, 1e3])
    w_gain = 3 * PI / padded(flow, theta, time) - 3 * PI / theta
    np.testing.assert_allclose(w_gain, time, atol=1e10 * 4 * EPS)
    # 1 - K = (L - 1) theta / (2 pi), up to (L theta)^2; read where 1 - K is far above eps
    theta = 1e-6
    np.testing.assert_allclose(1 - ntk_kernel(theta, 9.0), 9 * theta / (2 * PI), rtol=1e-5)


def test_coinciding_points_have_kernel_one_exactly():
    time = np.array([0.0, 0.3, 1.0, 17.5, 1e12, math.inf])
    angle, total = padded(ntk_sum, 0.0, time)
    assert np.all(angle == 0)
    np.testing.assert_array_equal(total, 1 + time)
    np.testing.assert_array_equal(padded(ntk_kernel, 0.0, time), 1.0)


def test_infinite_depth_is_the_limit():
    theta = np.array([1e-9, 0.3, PI / 2, 3.0, PI])
    assert np.all(padded(flow, theta, math.inf) == 0)
    np.testing.assert_array_equal(padded(ntk_kernel, theta, math.inf), 0.25)
    assert np.all(np.isinf(padded(ntk_sum, theta, math.inf)[1]))


def test_kernel_at_depths_near_the_end_of_the_range_of_float64():
    """One depth for all entries, in compiled code that may divide by way of 1/l; K = F(s) + O(1/L) near 0."""
    family = ReluNTK()
    for depth in (1e300, 1e307, 5e307, 1.7e308, float(np.finfo(np.float64).max)):
        angles = np.append(np.array([0.0, 1.0, 3 * PI, PI * 1e9]) / depth, [1.0, PI])
        s = np.array([math.inf, 3 * PI, 1.0, 3e-9])
        layer = 1 - 1.5 / (1 + s) + 1 / (1 + s) ** 2 - 0.25 / (1 + s) ** 3  # F((1 - a)/a) with a = 1/(1 + s)
        K = np.asarray(family.at_angle(angles, depth))
        # parts of angles that small are subnormal, and flushed to 0
        held = (angles == 0) | (angles > 100 * np.finfo(np.float64).tiny)
        np.testing.assert_allclose(K[held], np.append(layer, [0.25, 0.25])[held], rtol=16 * EPS)
        at = partial(family.at_angle, jnp.asarray(angles))
        by_depth = jax.jvp(at, (depth,), (1.0,))[1]
        np.testing.assert_allclose(by_depth, 0.0, atol=1 / depth / 2)  # 1/l off by itself would be 1/l


# --- laws ---------------------------------------------------------------------------------------------------

angles = st.floats(0, PI)
times = st.floats(0, 50) | st.floats(0, 12).map(lambda power: 10**power)


@settings(deadline=None, max_examples=150, derandomize=True)
@given(angles, times, times)
@example(PI, 0.5, 0.5)
@example(PI, 1.0, 1e12)
@example(1e-9, 0.5, 1e9)
def test_flow_is_a_semigroup(theta, first, second):
    together = flow(theta, first + second)
    np.testing.assert_allclose(flow(flow(theta, first), second), together, rtol=1e-13, atol=1e-300)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.floats(1e-12, 3.0), st.floats(0, 1))
def test_negative_time_undoes_positive_time(theta, time):
    """Going back magnifies the rounding of the middle angle by v(theta)/v(middle), up to 80 at theta = 3."""
    middle = flow(theta, time)
    magnified = max(1.0, float(generator(theta) / generator(middle) * middle) / theta)
    np.testing.assert_allclose(flow(middle, -time), theta, rtol=32 * EPS * magnified + 8 * EPS)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(angles, times)
def test_flow_adds_to_the_abel_function(theta, time):
    end = flow(theta, time)
    np.testing.assert_allclose(abel(end), abel(theta) + time, rtol=8 * EPS)
    # the other way, rounding the time by eps alpha moves the angle by v eps alpha, 240 eps at 3
    if end < 3:
        np.testing.assert_allclose(inverse_abel(abel(end)), end, rtol=1e-13)


def test_inverse_abel_inverts_below_three():
    theta = np.linspace(0.001, 3.0, 200)
    # near 3 an error of eps alpha in the time moves the angle by v(3) eps alpha = 240 eps
    np.testing.assert_allclose(padded(inverse_abel, padded(abel, theta)), theta, rtol=200 * EPS)


# --- use ----------------------------------------------------------------------------------------------------


def test_functions_trace_and_broadcast_under_strict_promotion():
    theta, time = jnp.linspace(0.0, PI, 5), jnp.array([0.0, 2.5, math.inf])
    wanted = padded(ntk_kernel, theta[:, None], time)
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        mapped = jax.jit(jax.vmap(jax.vmap(ntk_kernel, (None, 0)), (0, None)))(theta, time)
        assert mapped.dtype == jnp.float64
        np.testing.assert_allclose(mapped, wanted, rtol=16 * EPS, atol=EPS)
        # promotion is decided while tracing
        for function in (flow, ntk_sum, ntk_kernel):
            shapes = jax.tree.leaves(jax.eval_shape(function, theta[:, None], time))
            assert all(leaf.shape == (5, 3) and leaf.dtype == jnp.float64 for leaf in shapes)
        for function in (relu_angle_step, generator, abel, inverse_abel, principal_sum):
            assert jax.eval_shape(function, theta[:, None]).shape == (5, 1)


def test_bad_input_is_refused_and_traced_bad_input_gives_nan():
    for function in (relu_angle_step, generator, abel, principal_sum):
        for bad in (-0.1, 3.2, math.nan):
            with pytest.raises(InputError, match="theta"):
                function(bad)
            assert np.isnan(jax.jit(function)(bad))
    with pytest.raises(InputError, match="time"):
        ntk_sum(1.0, -0.5)
    with pytest.raises(InputError, match="time"):
        flow(1.0, math.nan)
    with pytest.raises(InputError, match="at most pi"):
        flow(np.array([1.0, 2.0]), -1.5)
    with pytest.raises(InputError, match="real numbers"):
        flow(1j, 1.0)
    with pytest.raises(InputError, match=r"t in \[3.38"):
        inverse_abel(3.0)
    assert np.isnan(jax.jit(flow)(2.0, -1.5))
    assert np.isnan(jax.jit(lambda t: ntk_sum(1.0, t)[1])(-0.5))
