"""Rough differential equations: agreement of the schemes, measured orders, the Ito solution, error estimates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from roughntk.rough import PiecewiseLinear, lift, lift_from_steps
from roughntk.rough.equations.rde import solve_rde
from roughntk.rough.paths import perturbed


def field(y, xp=jnp):
    """Two fields on the plane that do not commute; works on arrays (2, ...) of either library."""
    a, b = y[0], y[1]
    one = xp.ones_like(a)
    return xp.stack([xp.stack([one, 0.5 * xp.cos(b)]), xp.stack([0.5 * xp.sin(a), one])])


def reference(paths, y0):
    """dY = V(Y) dX along piecewise-linear paths (paths, points, 2) by one Runge-Kutta step a piece, in NumPy.

    The pieces are shorter than 0.13, so the local error is below 0.13^5/120 ~ 3e-7, met rarely and with random
    signs.
    """
    y = np.tile(np.asarray(y0)[:, None], (1, len(paths)))
    for dx in np.moveaxis(np.diff(paths, axis=1), 1, 0):
        slope = lambda z, dx=dx: np.einsum("sca,ac->sa", field(z, np), dx)  # noqa: E731
        k1 = slope(y)
        k2 = slope(y + k1 / 2)
        k3 = slope(y + k2 / 2)
        y = y + (k1 + 2 * k2 + 2 * k3 + slope(y + k3)) / 6
    return y.T


def blocks(paths, steps, level):
    """The flat X over `steps` equal blocks of samples, shape (paths, 64, size): level 2 by Riemann sums, padded with
    zero (identity) steps to 64, so that one compiled solve serves every step size."""
    count, points, d = paths.shape
    dx = np.diff(paths, axis=1).reshape(count, steps, (points - 1) // steps, d)
    before = np.cumsum(dx, axis=2) - dx
    first = dx.sum(2)
    second = np.einsum("pmri,pmrj->pmij", before + dx / 2, dx).reshape(count, steps, d * d)
    flat = first if level == 1 else np.concatenate([first, second], axis=-1)
    return np.pad(flat, ((0, 0), (0, 64 - steps), (0, 0)))


def values_of(steps, level, **options):
    return solve_rde(field, lift_from_steps(steps, 2, level), np.array([0.2, 0.4]), estimate=False, **options).values


def test_a_controlled_equation_a_log_ode_on_every_step_and_plain_runge_kutta_agree():
    times = np.array([0, 0.1, 0.15, 0.4, 0.5, 0.8, 1.0, 1.1, 1.4])
    path = PiecewiseLinear(np.random.default_rng(2).normal(size=(9, 2)).cumsum(0) / 2, times)
    controlled = solve_rde(field, path, [0.2, 0.4], method="controlled")
    # One step a piece is too long for the reference, so its pieces are cut in 64.
    fine = np.linspace(0, 8, 8 * 64 + 1)
    cut = np.stack([np.interp(fine, np.arange(9), column) for column in np.asarray(path.values).T], axis=1)
    expected = reference(cut[None], [0.2, 0.4])[0]
    # Tolerances 1e-9 relative a step, a few dozen steps.
    np.testing.assert_allclose(controlled.values[-1], expected, rtol=0, atol=1e-7)
    assert controlled.converged and controlled.estimate_kind == "looser tolerances"
    assert float(controlled.error_estimate) < 1e-5
    stepped = solve_rde(field, lift(path, 2), [0.2, 0.4], estimate=False)
    np.testing.assert_allclose(stepped.values, controlled.values, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(stepped.times, times)


@pytest.mark.parametrize(("level", "order"), [(1, 2), (2, 4)])
def test_along_a_smooth_driver_level_one_has_order_two_and_level_two_order_four(level, order):
    t = np.linspace(0, 1, 4097)
    path = np.stack([np.cos(4 * t) + t**2, np.sin(5 * t)], axis=1)[None]
    sizes = np.array([16, 32, 64])
    steps = jnp.stack([blocks(path, m, level)[0] for m in sizes])
    solve = jax.vmap(lambda s: values_of(s, level, rtol=1e-12, atol=1e-13)[-1])
    errors = np.abs(np.asarray(solve(steps)) - reference(path, [0.2, 0.4])).max(axis=1)
    slopes = np.log2(errors[:-1] / errors[1:])
    assert (np.abs(slopes - order) < 0.1).all(), (errors, slopes)


@pytest.mark.parametrize(("level", "order"), [(1, 0.5), (2, 1.0)])
def test_along_brownian_motion_level_one_has_strong_order_half_and_level_two_order_one(level, order):
    count, fine = 512, 1024
    noise = np.random.default_rng(3).normal(size=(count, fine, 2)) / np.sqrt(fine)
    paths = np.concatenate([np.zeros((count, 1, 2)), noise.cumsum(1)], axis=1)
    sizes = np.array([4, 8, 16, 32, 64])
    steps = jnp.asarray(np.stack([blocks(paths, m, level) for m in sizes]))
    solve = jax.vmap(jax.vmap(lambda s: values_of(s, level, rtol=1e-6, atol=1e-8)[-1]))
    gaps = np.asarray(solve(steps)) - reference(paths, [0.2, 0.4])
    errors = np.sqrt((gaps**2).sum(-1).mean(-1))
    slope = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    # 512 paths: the slope has a standard error of about 0.02.
    assert abs(slope - order) < 0.1, (errors, slope)
    # Level 1 at 64 steps is not as good as level 2 at 4.
    assert (errors[-1] > 8e-3) == (level == 1)


def test_the_davie_scheme_gives_the_ito_solution_on_an_ito_lift_at_order_one():
    # dY = Y dW/2 (Ito): Y_1 = exp(W_1/2 - 1/8); the Stratonovich lift gives exp(W_1/2).
    count = 512
    noise = np.random.default_rng(4).normal(size=(count, 64)) / 8
    W = np.concatenate([np.zeros((count, 1)), noise.cumsum(1)], axis=1)
    errors = []
    sizes = (16, 64)
    for m in sizes:
        times, coarse = np.linspace(0, 1, m + 1), W[:, :: 64 // m]

        def solve(w, kind="ito", times=times):
            driver = perturbed.brownian_lift(PiecewiseLinear(w[:, None], times), kind=kind)
            return solve_rde(lambda y: y[:, None] / 2, driver, np.ones(1), estimate=False)

        end = jax.vmap(lambda w, solve=solve: solve(w).values[-1, 0])(jnp.asarray(coarse))
        errors.append(np.sqrt(np.mean((np.asarray(end) - np.exp(W[:, -1] / 2 - 0.125)) ** 2)))
    slope = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert abs(slope - 1) < 0.15, (errors, slope)
    ito, stratonovich = solve(W[0]), solve(W[0], "stratonovich")
    assert (ito.method, stratonovich.method) == ("davie", "log-ode")
    # The log-ODE solves dY = Y dX/2 exactly, to its tolerance.
    np.testing.assert_allclose(stratonovich.values[-1, 0], np.exp(W[0, -1] / 2), rtol=1e-7)
    assert abs(float(ito.values[-1, 0]) / np.exp(W[0, -1] / 2) - np.exp(-0.125)) < 0.02
