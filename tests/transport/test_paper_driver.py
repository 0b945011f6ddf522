"""The paper's own driver (its equation 5), which carries the solution in it, for any number of test points."""

import math

import diffrax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

import roughntk as rn
from roughntk.transport import between_depths, to_depth

NTK, NNGP = rn.kernels.ReluNTK(), rn.kernels.ReluNNGP()
X, x = rn.sphere.uniform(3, 5, 0), rn.sphere.uniform(2, 5, 1)


@pytest.mark.parametrize("rhs", ["joint", "paper"])
def test_it_is_the_integral_of_the_closed_form(rhs):
    """v_ij = -int (A^{-1} A')_ij u_j ds with adaptive quadrature, A and b from the kernels, u by numpy's solver."""
    result = between_depths(NTK, X, x, depth=2, rhs=rhs)
    K0, K1 = (np.asarray(NTK(X, depth=depth)) for depth in (2, 3))
    B0, B1 = (np.asarray(NTK(X, x, depth=depth)) for depth in (2 if rhs == "joint" else 3, 3))

    def speed(s):
        A, b = K0 + s * (K1 - K0), B0 + s * (B1 - B0)
        matrix, u = np.linalg.solve(A, K1 - K0), np.linalg.solve(A, b)
        last = np.linalg.solve(A, B1 - B0)
        return np.stack([np.column_stack([-matrix * u[:, k], last[:, k]]) for k in range(2)], axis=2)

    for stop in (0.3, 1.0):
        exact = scipy.integrate.quad_vec(speed, 0.0, stop, epsabs=1e-14)[0]
        assert np.abs(exact).max() > 1e-2
        np.testing.assert_allclose(result.paper_driver.evaluate(0.0, stop), exact, rtol=0, atol=1e-13)
        np.testing.assert_allclose(result.paper_driver.derivative(stop), speed(stop), rtol=0, atol=1e-13)


WAYS = {
    "segment": lambda: between_depths(NTK, X, x, depth=2),
    "segment, paper": lambda: between_depths(NTK, X, x, depth=2, clock="psi", rhs="paper"),
    "deflated segment": lambda: between_depths(NNGP, X, x, depth=40),
    "to infinity": lambda: to_depth(NTK, X, x, start=2, stop=math.inf),
    "deflated, back": lambda: to_depth(NNGP, X, x, start=30, stop=3),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_papers_equation_driven_by_it_ends_at_the_coefficients(way):
    """du_ik = sum_j dv_ijk, by diffrax, with the driver as its control and no system to be solved."""
    result = WAYS[way]()
    driver, u0 = result.paper_driver, np.asarray(result.values[0])
    rows, columns, tests = driver.derivative(driver.t0).shape
    assert (columns, tests) == (rows + 1, 2)
    # u of shape (rows, tests): the field is the constant map dv -> sum over its second axis
    field = jnp.einsum("ia,kc,j->ikajc", jnp.eye(rows), jnp.eye(tests), jnp.ones(columns))
    term = diffrax.ControlTerm(lambda t, u, args: field, driver)
    start = jnp.concatenate([jnp.asarray(u0), jnp.zeros((rows - len(u0), tests))])
    solution = diffrax.diffeqsolve(
        term, diffrax.Euler(), float(driver.t0), float(driver.t1), None, start,
        stepsize_controller=diffrax.StepTo(jnp.linspace(driver.t0, driver.t1, 6)),
    )  # fmt: skip
    # Euler is exact: the field is constant, and increments of v are known
    np.testing.assert_allclose(solution.ys[-1][: len(u0)], result.coefficients, rtol=0, atol=1e-9)
    assert np.abs(result.coefficients - u0).max() > 1e-3


def test_its_row_sums_are_the_solution_on_the_way():
    depths = [3, 10, 1e4]
    result = to_depth(NTK, X, x, depths=depths)
    u0 = rn.coefficients(NTK, X, x, depth=2)
    for depth in depths:
        v = np.asarray(result.paper_driver.evaluate(result.clock.time(depth)))
        np.testing.assert_allclose(u0 + v.sum(axis=1), rn.coefficients(NTK, X, x, depth=depth), rtol=0, atol=1e-9)


def test_only_the_last_column_moves_where_the_matrix_stands_still():
    K, B = np.eye(3) + 1, np.eye(3)[:, :2]
    result = rn.transport.across_segment(K, K, B, 3 * B)
    v = np.asarray(result.paper_driver.evaluate(0.0, 1.0))
    np.testing.assert_array_equal(v[:, :3], 0.0)
    np.testing.assert_allclose(v[:, 3], np.linalg.solve(K, 2 * B), rtol=0, atol=1e-15)
