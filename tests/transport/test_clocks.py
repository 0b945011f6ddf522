"""The paper's psi_D and the clocks: values, ends, and layers far below the spacing of float64."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import roughntk as rn
from roughntk.transport import clocks as bridge

EPS = np.finfo(np.float64).eps


def exact_psi(z: float, log_d: float) -> float:
    with mpmath.workdps(60):
        z = mpmath.mpf(z)
        return float(1 / (1 + mpmath.exp(-2 * z / (mpmath.exp(log_d) * (1 - z**2)))))


@pytest.mark.parametrize("log_d", [0.0, -4.6, -20.0])
@pytest.mark.parametrize("z", [-0.999, -0.5, -1e-3, 0.0, 1e-9, 0.2, 0.9])
def test_psi_matches_its_definition(z, log_d):
    exact = exact_psi(z, log_d)
    # the exponent is rounded to eps relative, which psi feels as eps times the exponent
    assert float(bridge.psi(jnp.asarray(z), jnp.asarray(log_d))) == pytest.approx(exact, rel=2000 * EPS, abs=1e-300)


@pytest.mark.parametrize("log_d", [0.0, -5.0, -460.0, -3000.0])
def test_psi_is_exact_and_flat_at_the_ends(log_d):
    psi = lambda z: bridge.psi(z, jnp.asarray(log_d))  # noqa: E731
    for z, value in ((-1.0, 0.0), (1.0, 1.0), (-2.0, 0.0), (2.0, 1.0)):
        assert float(psi(z)) == value
        assert float(jax.grad(psi)(z)) == 0.0
    assert float(psi(0.0)) == 0.5


def test_slope_at_the_centre_is_1_over_2d():
    """Proposition 5 (4) of the paper says that it tends to 0 with d; it tends to infinity."""
    for d in (1.0, 1e-2, 1e-6):
        slope = jax.grad(lambda z, d=d: bridge.psi(z, jnp.log(jnp.asarray(d))))(0.0)
        assert float(slope) == pytest.approx(1 / (2 * d), rel=16 * EPS)


@given(st.floats(-39, 39), st.floats(-30, 0))
def test_layer_time_and_paper_time_name_the_same_position(tau, log_d):
    clock = bridge.PsiClock(log_d)
    z = 2 * clock.paper_time(tau) - 1
    # z carries a rounding of eps absolute, which the logit amplifies by its slope 2/d
    assert float(bridge.psi_logit(z, clock.log_d)) == pytest.approx(tau, abs=1e-12 + 8 * EPS * np.exp(-log_d))


def test_layers_narrower_than_float64_still_have_a_clock():
    clock = bridge.PsiClock(-1500.0)  # D = 1e-651
    assert float(clock.position(0.0)) == 0.5
    assert float(clock.position(clock.knots[0])) == 0.0
    assert float(clock.position(clock.knots[-1])) == 1.0
    # t = 1/2 + D tau/4 + ...
    assert float(clock.log_offset(8.0)) == pytest.approx(-1500 + np.log(8 / 4), abs=1e-12)
    assert float(clock.position_at_paper_time(0.5)) == 0.5
    assert float(clock.position_at_paper_time(0.5 + 1e-15)) == 1.0


@pytest.mark.parametrize("clock", [bridge.ArcClock(), bridge.PsiClock(-30.0)], ids=["arc", "psi"])
def test_rate_is_the_derivative_of_position(clock):
    for tau in np.linspace(clock.knots[0], clock.knots[-1], 11)[1:-1]:
        slope = float(jax.grad(lambda x: clock.position(x))(tau))
        assert float(clock.rate(tau)) == pytest.approx(slope, rel=1e-12)


def test_unknown_clock_suggests_the_nearest():
    with pytest.raises(rn.InputError, match="did you mean 'psi'"):
        bridge.clock("psy", 0.0)
