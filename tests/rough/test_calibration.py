"""Stated errors of `solve_rde` and `solve_linear` against the truth, over random members, kept 4 times over."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from roughntk.rough import PiecewiseLinear, brownian_lift, lift, solve_linear, solve_rde
from roughntk.rough.equations.rde import RDEError

START = np.array([0.2, -0.4])


class Field(eqx.Module):
    """V(y) = outer sin(inner y + shift): two smooth fields on the plane that do not commute. A module, so that all
    members share one compiled solve."""

    inner: jax.Array
    outer: jax.Array
    shift: jax.Array

    def __call__(self, y):
        return jnp.einsum("sck,k->sc", self.outer, jnp.sin(self.inner @ y + self.shift))


def member_of(seed, size):
    rng = np.random.default_rng(seed)
    inner, outer, shift = rng.normal(size=(3, 2)), rng.normal(size=(2, 2, 3)), rng.normal(size=3)
    return Field(*map(jnp.asarray, (inner, size * outer / np.sqrt(3), shift)))


def path_of(kind, points, seed):
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 1, points)
    if kind == "rough":
        return rng.normal(size=(points, 2)).cumsum(0) / np.sqrt(points)
    a, b = rng.normal(size=(2, 3, 2)) / np.arange(1, 4)[:, None]
    waves = np.pi * np.arange(1, 4) * t[:, None]
    return np.cos(waves) @ a + np.sin(waves) @ b


def truth(field, driver, times):
    """The solution along the log-linear driver: log-ODEs on its own steps, by another solver at 1e-12."""
    exact = solve_rde(
        field, driver, START, method="log-ode", rtol=1e-12, atol=1e-13, solver=diffrax.Dopri8(), estimate=False
    )
    return np.asarray(exact.values)[np.searchsorted(np.asarray(exact.times), times)]


@pytest.mark.parametrize(
    ("method", "level", "partition"),
    [("davie", 1, None), ("davie", 2, 2), ("davie", 2, 8), ("log-ode", 1, 16), ("log-ode", 2, 8), ("log-ode", 2, None)],
)
def test_the_truth_is_within_four_times_the_stated_error_of_a_rough_equation(method, level, partition):
    shares = []
    for kind in ("smooth", "rough"):
        for member in range(6):
            field = member_of(member, (0.5, 1.0, 2.0)[member % 3])
            points = path_of(kind, 33, member)
            driver = lift(points, level)
            found = solve_rde(field, driver, START, method=method, partition=partition, throw=False)
            # Rounding perturbed: the same equation in a driver scaled by a number that is no power of two.
            scaled = eqx.tree_at(lambda f: f.outer, field, field.outer / 3)
            other = solve_rde(scaled, lift(3 * points, level), START, method=method, partition=partition, throw=False)
            exact = truth(field, driver, np.asarray(found.times))
            for solution in (found, other):
                error = np.abs(np.asarray(solution.values) - exact).max()
                if solution.converged:
                    assert solution.in_range
                    # The reference: 1e-12 relative on each of 32 steps, amplified.
                    assert error <= 4 * solution.error_estimate + 1e-10, (kind, member, error, solution.error_estimate)
                    shares.append(error / float(solution.error_estimate))
                else:
                    assert not solution.in_range
    # Most members are in range, and the estimate is of the size of the error: not a bound that says nothing.
    assert len(shares) >= 8


def test_steps_too_long_for_an_estimate_are_refused_and_said():
    field, points = member_of(2, 6.0), path_of("rough", 33, 2)
    quiet = solve_rde(field, lift(points, 1), START, method="davie", partition=2, throw=False)
    assert not quiet.converged and not quiet.in_range and float(quiet.stats["ratio"]) < 2**0.25
    with pytest.raises(RDEError, match=r"whose ratio is .* take\s+shorter steps"):
        solve_rde(field, lift(points, 1), START, method="davie", partition=2)
    assert solve_rde(field, lift(points, 1), START, method="davie", partition=2, estimate=False).converged
    with pytest.raises(Exception, match="too long for an error estimate"):
        jax.block_until_ready(
            jax.jit(lambda y: solve_rde(field, lift(points, 1), y, method="davie", partition=2).values)(START)
        )


def test_a_single_step_and_an_ito_lift_have_estimates_that_hold():
    # dY = Y dX along one straight step of length 1/2: e^{1/2}, of which Davie's level 1 has 3/2.
    step = lift([[0.0], [0.5]], 1)
    found = solve_rde(lambda y: y[:, None], step, [1.0], method="davie")
    assert found.estimate_kind == "three step sizes" and found.converged
    assert np.exp(0.5) - 1.5 <= 4 * float(found.error_estimate) <= 16 * (np.exp(0.5) - 1.5)
    # dY = Y dW/2 (Ito) along the lift, log-linear between its samples: exp(W/2 - t/8).
    times = np.linspace(0, 1, 17)
    walk = np.random.default_rng(5).normal(size=17).cumsum() / 4
    ito = brownian_lift(PiecewiseLinear(walk[:, None], times), kind="ito")
    found = solve_rde(lambda y: y[:, None] / 2, ito, [1.0])
    exact = np.exp((walk - walk[0]) / 2 - times / 8)
    error = np.abs(np.asarray(found.values)[:, 0] - exact).max()
    assert found.converged and 0 < error <= 4 * float(found.error_estimate) <= 40 * error


def test_the_truth_is_within_the_stated_bound_of_a_linear_equation():
    shares = []
    for member in range(12):
        rng = np.random.default_rng(member)
        A = rng.normal(size=(2, 3, 3)) * (0.3, 1.0, 3.0)[member % 3]
        path, y = rng.normal(size=(9, 2)).cumsum(0), np.array([1.0, -1.0, 0.5])
        found = solve_linear(A, path, y, tolerance=1e-6, rtol=1e-9, partition=8)
        for at, dx in enumerate(np.diff(path, axis=0), start=1):
            y = scipy.linalg.expm(np.einsum("i,iab->ab", dx, A)) @ y
            gap = np.linalg.norm(np.asarray(found.values)[at] - y)
            # scipy's own error: some eps of the size of what came before.
            assert gap <= found.stats["bounds"][at] + 1e-13 * np.abs(found.values).max()
        shares.append(gap / found.error_estimate)
    assert max(shares) <= 1 + 1e-3
