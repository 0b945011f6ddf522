"""The points that claims are tried on, and the matrices of a kernel on them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from roughntk import sphere
from roughntk.audit.ingredients import Numbers

Kernel = Callable[[Any, int], Numbers]

_LEAST = 64


def generic(n: int = 5, dimension: int = 4, seed: int = 3) -> Numbers:
    """Uniform points on a sphere, (n, dimension)."""
    return np.asarray(sphere.uniform(n, dimension, seed))


def circle(n: int) -> Numbers:
    """Equispaced points of a circle, (n, 2)."""
    turn = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def correlations(X: Numbers, Z: Numbers | None = None) -> Numbers:
    """x.x' of unit rows, to rounding of 1 - x.x' and of 1 + x.x': by 1 - |x - x'|^2/2 and -1 + |x + x'|^2/2 near 1, -1.

    Equal rows have 1, opposite ones -1, where a product is 1e-16 from it: K_L differs by 1e-8 there.
    """
    Z = X if Z is None else Z
    products = X @ Z.T
    near = 1 - np.sum((X[:, None] - Z) ** 2, axis=-1) / 2
    opposite = np.sum((X[:, None] + Z) ** 2, axis=-1) / 2 - 1
    return np.where(products > 0.5, near, np.where(products < -0.5, opposite, products))


def elementwise(function: Kernel, values: Numbers, parameter: Any) -> Numbers:
    """A kernel at an array of correlations, with a depth, or a clock at times, with a width.

    Always 64, 256, 1024, ... values at once, filled up with 0, so that few functions are compiled.
    """
    count = _LEAST
    while count < values.size:
        count *= 4
    flat = np.zeros(count)
    flat[: values.size] = values.ravel()
    return np.asarray(function(flat, parameter))[: values.size].reshape(values.shape)


def matrix(kernel: Kernel, X: Numbers, depth: int, Z: Numbers | None = None) -> Numbers:
    """The kernel between the rows of X, or of X and Z, at one depth."""
    return elementwise(kernel, correlations(X, Z), depth)


def coefficients(kernel: Kernel, X: Numbers, x: Numbers, depth: int) -> Numbers:
    """u = K(X,X)^{-1} K(X,x), (n, m)."""
    return np.asarray(np.linalg.solve(matrix(kernel, X, depth), matrix(kernel, X, depth, x)), dtype=np.float64)


def bordered(K: Numbers, b: Numbers) -> tuple[Numbers, Numbers]:
    """[[K - m, 1], [1^T, -1/m]] (u, mu) = (b - m, 1), whose u is K^{-1} b, with the mean m of K, which is not to be 0.

    The common level m of the entries, in which K becomes singular with depth, is taken out of the system.
    """
    level, n = K.mean(), len(K)
    system, right = np.ones((n + 1, n + 1)), np.ones((n + 1, b.shape[1]))
    system[:n, :n], system[n, n], right[:n] = K - level, -1 / level, b - level
    return system, right


__all__ = ["bordered", "circle", "coefficients", "correlations", "elementwise", "generic", "matrix"]
