"""Proven bounds of errors of linear systems against many digits: never below the truth, and close to it."""

import mpmath as mp
import numpy as np
import pytest
import scipy.linalg

from roughntk.linalg import Errors
from roughntk.linalg.enclosures import Factored, Known, exact_residual, singular_values

EPS = np.finfo(np.float64).eps


def exact(array) -> mp.matrix:
    return mp.matrix(np.asarray(array).tolist())


def gaps(array: np.ndarray, matrix: mp.matrix) -> np.ndarray:
    """|array - matrix|, entry by entry."""
    return np.reshape([float(abs(mp.mpf(float(v)) - matrix[i, k])) for (i, k), v in np.ndenumerate(array)], array.shape)


def spread(n: int, condition: float, rng, signs=1.0) -> np.ndarray:
    """A symmetric matrix with this condition number; eigenvalues of these signs."""
    Q = np.linalg.qr(rng.standard_normal((n, n)))[0]
    A = (Q * (signs * np.geomspace(1, 1 / condition, n))) @ Q.T
    return (A + A.T) / 2


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_residuals_are_known_to_far_below_rounding(n):
    rng = np.random.default_rng(n)
    A, u = rng.standard_normal((n, n)), rng.standard_normal((n, 3)) * [1, 1e-7, 1e5]
    A *= 10.0 ** rng.uniform(-12, 0, (n, n))
    b = A @ u  # so that all leading digits cancel
    residual = exact_residual(A, u, b)
    with mp.workdps(60):
        truth = exact(A) * exact(u) - exact(b)
        off = gaps(residual.value, truth)
        assert np.all(off <= residual.radius)
    # 100 eps^2 n^3 of the largest |A| and |u|, of a residual that is n eps of them: 1e-8 of it here
    largest = np.abs(A).max() * np.abs(u).max(axis=0)
    assert np.all(residual.radius <= 2 * EPS * np.abs(residual.value) + 200 * EPS**2 * n**3 * largest)
    assert np.abs(residual.value).max() > 0 or n == 1


def test_residuals_do_not_depend_on_the_order_of_summation():
    """Reversed, every sum of BLAS is another one."""
    rng = np.random.default_rng(5)
    A, u = rng.standard_normal((30, 30)), rng.standard_normal((30, 2))
    b = A @ u
    there, back = exact_residual(A, u, b), exact_residual(A[:, ::-1], u[::-1], b)
    assert np.all(np.abs(there.value - back.value) <= there.radius + back.radius)
    plain = A @ u - b
    assert np.abs(plain - there.value).max() > 1e6 * there.radius.max()  # what float64 makes of it is worth nothing


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e8, 1e13])
@pytest.mark.parametrize("indefinite", [False, True])
def test_errors_of_solutions_are_bounded_and_the_bounds_are_close(condition, indefinite):
    rng = np.random.default_rng(int(condition) % 1000 + indefinite)
    n = 6
    A = spread(n, condition, rng, np.where(np.arange(n) == 2, -1.0, 1.0) if indefinite else 1.0)
    b = rng.standard_normal((n, 3))
    u = np.linalg.solve(A, b)
    u[:, 1] *= 1 + 1e-6  # a large error beside two that are rounding
    u[:, 2] += 1e-3
    system = Factored(A)
    assert sum(system.signs < 0) == indefinite and system.defect < 1
    residual = exact_residual(A, u, b)
    bound = system.error(residual)
    values, blur = system.energy(residual)
    with mp.workdps(60):
        truth = gaps(u, mp.inverse(exact(A)) * exact(b))
    assert np.all(truth <= bound)
    # the inverse is known to some n eps cond of it, some tenths at 1e13; the residual to 100 n^3 eps^2 of |A| |u|
    close = truth.max(axis=0) * (1 + 1000 * EPS * condition + 1e-12)
    assert np.all(bound.max(axis=0) <= close + 1e6 * EPS**2 * condition * np.abs(u).max(axis=0))
    by_energy = system.reach[:, None] * (values + blur)
    assert np.all(truth <= by_energy)
    assert np.all(by_energy.max(axis=0) <= 3 * np.sqrt(condition) * truth.max(axis=0))


def test_a_matrix_of_which_nothing_is_known_gives_infinite_bounds():
    rng = np.random.default_rng(0)
    for A in (np.ones((3, 3)), np.zeros((2, 2)), spread(4, 1e19, rng)):
        with np.errstate(all="ignore"):
            system = Factored(A)
            residual = Known(np.ones((len(A), 1)), np.zeros((len(A), 1)))
            assert np.isinf(system.error(residual)).all()
            assert np.isinf(sum(system.energy(residual))).all()
            assert np.isinf(system.step_from(Factored(np.eye(len(A)))))


def test_errors_of_entries_are_bounded():
    """The system is moved within the errors of its entries: the solution moves within the bound, and not far within."""
    rng = np.random.default_rng(3)
    n, m = 5, 2
    A, b = spread(n, 1e5, rng), rng.standard_normal((n, m))
    errors = Errors(1e-12 * np.abs(A), 1e-11 * np.abs(b), np.zeros((n, m)))
    u = np.linalg.solve(A, b)
    system = Factored(A)
    bound = system.error_of_entries(system.error(exact_residual(A, u, b)), u, b, errors)
    largest = 0.0
    for _ in range(20):
        signs = np.sign(rng.standard_normal((n, n)))
        moved = A + errors.matrix * np.triu(signs) + errors.matrix * np.triu(signs, 1).T
        right = b + errors.right * np.sign(rng.standard_normal((n, m)))
        with mp.workdps(40):
            gap = gaps(u, mp.inverse(exact(moved)) * exact(right))
        assert np.all(gap <= bound + system.error(exact_residual(A, u, b)))
        largest = max(largest, float(np.max(gap / bound)))
    assert largest > 0.1


def test_a_right_hand_side_that_is_a_column_has_a_unit_vector_whatever_the_entries_are():
    rng = np.random.default_rng(4)
    A = spread(4, 100.0, rng)
    on = np.eye(4)[:, 1:2]
    system, b = Factored(A), A[:, 1:2] * (1 + EPS)
    coarse = Errors(np.full((4, 4), 1e-5), np.full((4, 1), 1e-5), on)
    bound = system.error_of_entries(np.zeros((4, 1)), np.linalg.solve(A, b), b, coarse)
    with mp.workdps(40):
        truth = gaps(on, mp.inverse(exact(A)) * exact(b))  # the numbers say one thing, the unit vector is the truth
    assert np.all(truth <= bound) and bound.max() < 1e-13
    assert system.error_of_entries(np.zeros((4, 1)), on, b, coarse._replace(on_data=0 * on)).max() > 1e-5


@pytest.mark.parametrize("condition", [10.0, 1e6])
def test_the_step_from_one_matrix_to_another_is_that_of_their_common_eigenvalues(condition):
    rng = np.random.default_rng(11)
    A0 = spread(5, condition, rng)
    A1 = A0 + 0.3 * spread(5, 10.0, rng)
    exactly = np.abs(np.log(scipy.linalg.eigh(A0, A1, eigvals_only=True))).max()
    step = Factored(A1).step_from(Factored(A0))
    # scipy's eigenvalues are off by eps cond
    assert exactly * (1 - 10 * EPS * condition) <= step <= exactly * (1 + 1000 * EPS * condition)
    assert Factored(A1).step_from(Factored(A1)) < 100 * EPS * condition


@pytest.mark.parametrize("indefinite", [False, True])
def test_no_error_grows_more_than_a_step_says(indefinite):
    """e -> A1^{-1} A0 e in the two norms, tried on many e."""
    rng = np.random.default_rng(12)
    signs = np.array([1.0, 1.0, -1.0, 1.0, 1.0]) if indefinite else 1.0
    A0 = spread(5, 30.0, rng, signs)
    A1 = A0 + 0.01 * spread(5, 1.0, rng)
    first, second = Factored(A0), Factored(A1)
    growth = np.exp(second.step_from(first) / 2)

    def norm(system, e):
        return np.linalg.norm(np.linalg.solve(system.factor.T, e), axis=0)

    e = rng.standard_normal((5, 2000))
    ratios = norm(second, np.linalg.solve(A1, A0 @ e)) / norm(first, e)
    assert 1.0 < growth < 1.5
    assert np.all(ratios <= growth * (1 + 1e-12)) and np.all(ratios >= (1 - 1e-12) / growth)
    assert max(ratios.max(), 1 / ratios.min()) > 1 + 0.5 * (growth - 1)


def test_singular_values_are_enclosed():
    rng = np.random.default_rng(13)
    for n, condition in ((1, 1.0), (4, 10.0), (12, 1e5)):
        B = spread(n, condition, rng) @ np.linalg.qr(rng.standard_normal((n, n)))[0]
        with mp.workdps(40):
            values = [float(v) for v in mp.svd_r(exact(B), compute_uv=False)]
        low, high = singular_values(B, 0.0)
        assert low <= min(values) and max(values) <= high <= max(values) * (1 + 1e-11)
        assert low >= min(values) * (1 - 1e3 * n * EPS * condition**2)  # of the square of B
        wider = singular_values(B, 1e-3)
        assert wider[0] <= max(low - 1e-3, 0.0) and wider[1] >= high + 1e-3 * (1 - EPS)
    assert singular_values(np.full((2, 2), np.nan), 0.0) == (0.0, np.inf)
