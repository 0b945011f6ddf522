"""Sequences in ball arithmetic: values hold the exact ones, coefficients have all digits of float64 at any depth."""

import math
import warnings

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.special

import roughntk as rn
from roughntk import regression
from roughntk._checks import MissingBackendError
from roughntk.certify import balls
from roughntk.depth import criteria
from roughntk.kernels.engine.ball_numbers import Budget, NotEnclosedError, UndecidedError
from roughntk.linalg import IndefiniteKernelWarning, NotPositiveDefiniteError
from roughntk.regression import proven

pytest.importorskip("flint")
EPS = np.finfo(np.float64).eps
MP = mpmath.MPContext()
MP.dps = 100


def flat(c, depth):
    return jnp.exp((c - 1) / depth)


def sigmoid(c, depth):
    for _ in range(depth - 1):
        c = (1 + np.exp(-c)) ** -2.0
    return c


# the function, what mpmath makes of it
FUNCTIONS = {
    "exp": (lambda c, L: jnp.exp((c - 1) / L), lambda c, L: MP.exp((c - 1) / L)),
    "exp, NumPy": (lambda c, L: np.exp((c - 1) / int(L)), lambda c, L: MP.exp((c - 1) / L)),
    "powers": (lambda c, L: c**L + 0.1 * c**3, lambda c, L: c**L + MP.mpf(0.1) * c**3),
    "powers, NumPy": (lambda c, L: np.power(c, int(L)) + 0.1 * c * c * c, lambda c, L: c**L + MP.mpf(0.1) * c**3),
    "relu": (lambda c, L: (jnp.sqrt(1 - c * c) + c * (np.pi - jnp.arccos(c))) / np.pi, lambda c, L: mp_relu(c)),
    "relu, NumPy": (lambda c, L: np.add(np.sqrt(1 - c * c), c * (np.pi - np.arccos(c))) / np.pi + 0 * int(L),
                    lambda c, L: mp_relu(c)),
    "several": (lambda c, L: jnp.tanh(c) + jnp.log1p(c * c) - jnp.expm1(-c) + jax.scipy.special.erf(c),
                lambda c, L: MP.tanh(c) + MP.log(1 + c * c) - MP.expm1(-c) + MP.erf(c)),
    "several, NumPy": (lambda c, L: np.tanh(c) + np.log1p(c * c) - np.expm1(-c) + 2.0**c + 0 * int(L),
                       lambda c, L: MP.tanh(c) + MP.log(1 + c * c) - MP.expm1(-c) + 2**c),
    "choices": (lambda c, L: jnp.where(L % 2 == 1, jnp.maximum(c, 0.1), jnp.abs(c)) + jax.nn.sigmoid(c),
                lambda c, L: (max(c, MP.mpf(0.1)) if L % 2 else abs(c)) + 1 / (1 + MP.exp(-c))),
    "loop": (lambda c, L: jax.lax.fori_loop(1, L, lambda _, v: (1 + jnp.exp(-v)) ** -2, c),
             lambda c, L: mp_sigmoid(c, L)),
    "loop, NumPy": (sigmoid, lambda c, L: mp_sigmoid(c, L)),
    "scan": (lambda c, L: jnp.polyval(jnp.array([0.5, 0.25, 0.125]), c), lambda c, L: (c * c + c / 2) / 2 + 0.125),
    "sums": (lambda c, L: jnp.sum(jnp.array([0.5, 0.25]) * jnp.expand_dims(c, -1), axis=-1), lambda c, L: 0.75 * c),
}  # fmt: skip


def mp_relu(c):
    pi = MP.mpf(np.pi)  # a number of the program is the binary number that it is
    return (MP.sqrt(1 - c * c) + c * (pi - MP.acos(c))) / pi


def mp_sigmoid(c, depth):
    for _ in range(depth - 1):
        c = (1 + MP.exp(-c)) ** -2
    return c


@pytest.mark.parametrize("name", FUNCTIONS)
def test_balls_hold_the_values_of_functions_and_are_small(name):
    h, exact = FUNCTIONS[name]
    function = rn.kernels.sequence(h)
    assert function.traceable is ("NumPy" not in name)
    for depth in (1, 2, 5):
        with balls.working(200):
            points = [balls.ball(balls.exact(c, "c")) for c in (-0.75, 0.0, 0.3, 0.999, 1.0)]
            values = function.enclosed(points, depth)
        for c, value in zip((-0.75, 0.0, 0.3, 0.999, 1.0), values, strict=True):
            wanted = exact(MP.mpf(c), depth)
            low, high = (MP.mpf(end.numerator) / end.denominator for end in (balls.lower(value), balls.upper(value)))
            assert low - MP.mpf(10) ** -90 <= wanted <= high + MP.mpf(10) ** -90, (depth, c)
            assert high - low < MP.mpf(10) ** -50


def exact_coefficients(X, x, depth, kernel=lambda c, depth: MP.exp((c - 1) / depth)):
    """By mpmath with 100 digits, the rows taken to the sphere exactly."""

    def unit(rows):
        given = [[MP.mpf(float(value)) for value in row] for row in rows]
        return [[value / MP.sqrt(MP.fsum(v * v for v in row)) for value in row] for row in given]

    def between(rows, others):
        return MP.matrix([[kernel(MP.fdot(a, b), MP.mpf(depth)) for b in others] for a in rows])

    rows, others = unit(X), unit(x)
    K, b = between(rows, rows), between(rows, others)
    return np.array([[float(v) for v in MP.lu_solve(K, b[:, k])] for k in range(len(x))]).T


@pytest.mark.parametrize("h", [flat, lambda c, depth: np.exp((c - 1) / int(depth))], ids=["jax.numpy", "NumPy"])
@pytest.mark.parametrize(("n", "dimension"), [(6, 5), (10, 4), (16, 3)])
def test_coefficients_of_flattening_kernels_have_all_digits_at_any_depth(h, n, dimension):
    """exp(-(1 - c)/L): condition number 1e42 for 16 points of S^2 at depth 1e12, and the coefficients converge."""
    X, x = rn.sphere.uniform(n, dimension, 0), rn.sphere.uniform(2, dimension, 1)
    found = []
    for depth in (10**5, 10**7, 10**12):
        solution = regression.solve(h, X, x, depth=depth, method="balls")
        wanted = exact_coefficients(X, x, depth)
        # eps/2 of its size is the rounding of a number; mpmath's numbers were rounded once as well
        assert (np.abs(solution.coefficients - wanted) <= solution.forward_error + EPS / 2 * np.abs(wanted)).all()
        assert solution.method == "balls" and solution.positive_definite and solution.relative_error < 0.7 * EPS
        found.append(solution.coefficients)
    first, second = (np.abs(each - found[2]).max() for each in found[:2])
    assert second < first / 90 and second < 1e-1  # the distance to the limit falls like 1/L
    spectrum = MP.eigsy(
        MP.matrix([[MP.exp((MP.mpf(float(a @ b)) - 1) / 1000) for b in X] for a in X]), eigvals_only=True
    )
    solution = regression.solve(h, X, x, depth=1000, method="balls")
    # rows are unit to rounding only: the smallest eigenvalue of rounded products is another one where it is 1e-14
    if spectrum[0] > 1e-10:
        assert solution.smallest_eigenvalue == pytest.approx(float(spectrum[0]), rel=1e-5)
        assert solution.condition_number == pytest.approx(float(spectrum[n - 1] / spectrum[0]), rel=1e-5)


def test_balls_are_taken_where_float64_loses_half_its_digits():
    X, x = rn.sphere.uniform(10, 4, 0), rn.sphere.uniform(1, 4, 1)
    assert regression.solve(flat, X, x, depth=10).method == "cholesky"
    deep = regression.solve(flat, X, x, depth=10**7)
    assert deep.method == "balls" and np.abs(deep.coefficients - exact_coefficients(X, x, 10**7)).max() < 4 * EPS
    with pytest.raises(NotPositiveDefiniteError):
        regression.solve(flat, X, x, depth=10**7, method="cholesky")

    def what_is_left(gap, depth):
        return 1.0, -math.log(depth), -gap if math.isinf(depth) else depth * np.expm1(-gap / depth)

    left = rn.kernels.sequence(flat, deflated=what_is_left)
    assert regression.solve(left, X, x, depth=10).method == "deflated"
    assert regression.solve(left, X, x, depth=10**7).method == "balls"  # 10 points of S^3 are too many for 1 - c alone
    on = regression.solve(flat, X, np.asarray(X)[[3]], depth=10**7)
    np.testing.assert_array_equal(on.coefficients[:, 0], np.eye(10)[3])


def test_coefficients_are_followed_where_float64_sees_a_singular_matrix():
    """Of 0.5^L float64 leaves nothing from depth 32 on; without balls neither of the first two is decided."""
    swings = rn.kernels.sequence(lambda c, L: 0.5 + 0.5**L * (c + 0.1 * jnp.cos(1.0 * L) * c**3))
    settles = rn.kernels.sequence(lambda c, L: 0.5 + 0.5**L * (c + 0.1 * c**3 / L))
    tried = [criteria.check(each, deepest=260) for each in (swings, settles)]
    assert [each.has_limit for each in tried] == [False, True]
    assert all("coefficients to depth 256" in each.reason for each in tried)
    # 16 points of S^2 are too many for 1 - c alone, and the matrix is singular to float64 from depth 100 on
    assert criteria.check(flat, rn.sphere.uniform(16, 3, 0), deepest=1200).has_limit is True


def test_what_cannot_be_evaluated_in_balls_is_refused_with_the_reason():
    X, x = rn.sphere.uniform(10, 4, 0), rn.sphere.uniform(1, 4, 1)

    def special(c, depth):
        return scipy.special.ndtr((c - 1) / depth)

    def rounded(c, depth):
        return np.exp((np.asarray(c, dtype=float) - 1) / depth)

    for h in (special, rounded):
        with pytest.raises(rn.InputError, match="for ball arithmetic, got TypeError"):
            regression.solve(h, X, x, depth=3, method="balls")
        with pytest.raises(
            NotPositiveDefiniteError, match="zero to working precision.*ball arithmetic did not help: expected"
        ):
            regression.solve(h, X, x, depth=10**7)
    with pytest.raises(rn.InputError, match="operations are known for ball arithmetic, got the operation nextafter"):
        regression.solve(lambda c, L: jnp.fmod(c, 0.3) + jnp.nextafter(c, 2.0), X, x, depth=3, method="balls")
    with pytest.raises(rn.InputError, match="at most 500,000 operations"):
        regression.solve(sigmoid, X, x, depth=10**5, method="balls")
    with pytest.raises(rn.InputError, match="a sequence of a function for ball arithmetic, got relu-ntk"):
        regression.solve("relu-ntk", X, x, depth=3, method="balls")
    with pytest.raises(rn.InputError, match="finite depth"):
        regression.solve(flat, X, x, depth=math.inf, method="balls")
    with pytest.raises(NotPositiveDefiniteError, match="8192 bits do not tell"):
        regression.solve(lambda c, L: 0 * c + 1.0, X, x, depth=3, method="balls")


def test_without_python_flint_the_error_says_how_to_get_it(monkeypatch):
    def absent():
        raise MissingBackendError("not here")

    monkeypatch.setattr(balls, "flint", absent)
    X, x = rn.sphere.uniform(10, 4, 0), rn.sphere.uniform(1, 4, 1)
    with pytest.raises(NotPositiveDefiniteError, match=r"zero to working precision.*pip install 'roughntk\[certify\]'"):
        rn.coefficients(flat, X, x, depth=10**7)
    with pytest.raises(MissingBackendError):
        regression.solve(flat, X, x, depth=10**7, method="balls")


def test_an_indefinite_matrix_is_proven_to_be_one():
    X, x = rn.sphere.uniform(10, 4, 0), rn.sphere.uniform(1, 4, 1)
    with pytest.warns(IndefiniteKernelWarning, match="indefinite: smallest eigenvalue -"):
        solution = regression.solve(
            lambda c, L: flat(c, L) - jnp.where(c == 1, 1e-15, 0.0), X, x, depth=10**7, method="balls"
        )
    # that of exp(-(1 - c)/L) is 4.7e-17
    assert not solution.positive_definite and solution.smallest_eigenvalue == pytest.approx(4.7e-17 - 1e-15, rel=1e-2)


def test_comparisons_of_overlapping_balls_are_undecided():
    family = rn.kernels.sequence(lambda c, L: np.where(c > 0.3, c, 0.5 * c))
    package = balls.flint()
    with balls.working(64):
        with pytest.raises(UndecidedError):
            family.enclosed([package.arb(0.3, 0.1)], 2)
        both = rn.kernels.sequence(lambda c, L: jnp.where(c > 0.3, c, 0.5 * c)).enclosed([package.arb(0.3, 0.1)], 2)[0]
        assert both.contains(package.arb(0.11)) and both.contains(package.arb(0.39))
    with pytest.raises(NotEnclosedError, match="at most 1 operations"):
        Budget(1).spend(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not proven.is_needed(regression.systems.Systems(family, np.eye(3), np.eye(3)[:1]), 2.0)
