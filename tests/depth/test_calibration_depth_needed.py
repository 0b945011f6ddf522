"""What `depth_needed` says of its error holds against the kernel in 40 digits."""

import math

import mpmath
import numpy as np
import pytest

import roughntk as rn

pytestmark = pytest.mark.portable

EPS = np.finfo(np.float64).eps


def exact_coefficients(X, x, depth: int):
    """u of the ReLU NTK by the recursion of the correlation, in 40 digits."""
    points = [[mpmath.mpf(float(entry)) for entry in row] for row in np.vstack([X, x])]
    points = [[entry / mpmath.sqrt(mpmath.fsum(e * e for e in row)) for entry in row] for row in points]
    n = len(X)
    K = mpmath.eye(n + 1)
    for i in range(n + 1):
        for j in range(i):
            rho = mpmath.fsum(a * b for a, b in zip(points[i], points[j], strict=True))
            value = rho
            for layer in range(1, depth):
                turned = mpmath.pi - mpmath.acos(rho)
                rho = (mpmath.sqrt(1 - rho**2) + rho * turned) / mpmath.pi
                value = (layer * turned / mpmath.pi * value + rho) / (layer + 1)
            K[i, j] = K[j, i] = value
    return mpmath.lu_solve(K[:n, :n], K[:n, n])


@pytest.mark.parametrize(("seed", "tolerance"), [(0, 3e-2), (1, 1e-2)])
def test_error_and_bound_hold_at_the_depth_that_is_needed(seed, tolerance):
    n = 2
    X, x = rn.sphere.uniform(n, 3, seed), rn.sphere.uniform(1, 3, seed + 10)
    found = rn.depth_needed(rn.kernels.ReluNTK(), X, x, tolerance)
    assert found.whole_depth < 2000
    with mpmath.workdps(40):
        u = exact_coefficients(X, x, found.whole_depth)
        truth = max(abs(entry - mpmath.mpf(1) / (n + 3)) for entry in u)
        assert truth <= tolerance and truth <= found.bound
        # rounding of the angles and of the kernel, times the condition number of K, which is about 1 + n/3
        assert abs(found.error - truth) <= 64 * EPS
        if found.whole_depth > 2:
            before = exact_coefficients(X, x, max(math.floor(found.depth - 0.02 * found.depth), 2))
            assert max(abs(entry - mpmath.mpf(1) / (n + 3)) for entry in before) > tolerance
