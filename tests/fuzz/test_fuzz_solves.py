"""Coefficients of hostile point sets, nearly equal and nearly opposite rows among them, against 60 digits: the truth
lies within the stated bound, and what is called converged is right."""

import warnings

import mpmath
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shares import cases

import roughntk as rn
from roughntk.regression import InaccurateCoefficientsWarning, IndefiniteKernelWarning, NotPositiveDefiniteError
from roughntk.transport import TransportError

EPS = np.finfo(np.float64).eps


@st.composite
def point_sets(draw):
    """(X, x): 4 rows and 2 test rows in R^3, some of them at distances down to 1e-12."""
    seed = draw(st.integers(0, 2**32 - 1))
    rows = np.random.default_rng(seed).standard_normal((6, 3))
    for row in draw(st.lists(st.integers(1, 5), max_size=2)):
        sign, distance = draw(st.sampled_from([1, -1])), 10.0 ** -draw(st.integers(0, 12))
        rows[row] = sign * rows[row - 1] + distance * rows[row]
    try:
        unit = rn.sphere.project(rows, distinct=False)
        rn.sphere.check_unit(unit)
    except rn.InputError:
        unit = rn.sphere.uniform(6, 3, seed=0)
    return unit[:4], unit[4:]


def angle(a, b):
    """The angle of the rows as they stand, with all digits."""
    a, b = (mpmath.matrix([mpmath.mpf(float(v)) for v in row]) for row in (a, b))
    a, b = a / mpmath.norm(a), b / mpmath.norm(b)
    return 2 * mpmath.atan2(mpmath.norm(a - b), mpmath.norm(a + b))


def kernel(theta, depth):
    total, rho = mpmath.cos(theta), mpmath.cos(theta)
    for _ in range(depth - 1):
        here = mpmath.acos(rho)
        rho = (mpmath.sin(here) + (mpmath.pi - here) * mpmath.cos(here)) / mpmath.pi
        total = total * (mpmath.pi - here) / mpmath.pi + rho
    return total / depth


def truth(X, x, depth):
    K = mpmath.matrix(len(X), len(X))
    b = mpmath.matrix(len(X), len(x))
    for i, row in enumerate(X):
        for j, other in enumerate(X):
            K[i, j] = mpmath.mpf(1) if i == j else kernel(angle(row, other), depth)
        for j, other in enumerate(x):
            b[i, j] = kernel(angle(row, other), depth)
    found = [mpmath.lu_solve(K, b[:, j]) for j in range(len(x))]
    return np.array([[float(found[j][i]) for j in range(len(x))] for i in range(len(X))])


@cases("solves")
@given(points=point_sets(), depth=st.integers(2, 6))
def test_the_truth_lies_within_the_stated_bound(points, depth):
    X, x = points
    family = rn.kernels.ReluNTK()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IndefiniteKernelWarning)
        warnings.simplefilter("ignore", InaccurateCoefficientsWarning)  # the bound that it tells is tried below
        try:
            report = rn.regression.solve(family, X, x, depth=depth)
            u = report.coefficients
        except (rn.InputError, NotPositiveDefiniteError):
            return
        with mpmath.workdps(60):
            true = truth(X, x, depth)
        error = np.abs(u - true).max()
        assert error <= np.max(report.forward_error) * max(1.0, np.abs(u).max()), (error, report)
        try:
            found = rn.transport.between_depths(family, X, x, depth=depth)
        except (rn.InputError, NotPositiveDefiniteError, TransportError):
            return
        with mpmath.workdps(60):
            true = truth(X, x, depth + 1)
        assert found.converged
        assert np.abs(found.coefficients - true).max() <= 1e-3 * max(1.0, np.abs(true).max())
