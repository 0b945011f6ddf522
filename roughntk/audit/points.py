"""The points that claims are tried on, and the matrices of a kernel on them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from roughntk import sphere
from roughntk.audit.ingredients import Numbers

Kernel = Callable[[Any, int], Numbers]


def generic(n: int = 5, dimension: int = 4, seed: int = 3) -> Numbers:
    """Uniform points on a sphere, (n, dimension)."""
    return np.asarray(sphere.uniform(n, dimension, seed))


def circle(n: int) -> Numbers:
    """Equispaced points of a circle, (n, 2)."""
    turn = 2 * np.pi * np.arange(n) / n
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


def correlations(X: Numbers, Z: Numbers | None = None) -> Numbers:
    """x.x' of unit rows, exactly 1 on the diagonal of one set."""
    products = np.clip(X @ (X if Z is None else Z).T, -1.0, 1.0)
    if Z is None:
        np.fill_diagonal(products, 1.0)
    return products


def matrix(kernel: Kernel, X: Numbers, depth: int, Z: Numbers | None = None) -> Numbers:
    """The kernel between the rows of X, or of X and Z, at one depth."""
    return np.asarray(kernel(correlations(X, Z), depth))


def coefficients(kernel: Kernel, X: Numbers, x: Numbers, depth: int) -> Numbers:
    """u = K(X,X)^{-1} K(X,x), (n, m)."""
    return np.asarray(np.linalg.solve(matrix(kernel, X, depth), matrix(kernel, X, depth, x)), dtype=np.float64)


__all__ = ["circle", "coefficients", "correlations", "generic", "matrix"]
