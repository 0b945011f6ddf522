"""(K + R)^{-1} for many points, by conjugate gradients for a matrix that is never stored.

What is solved is the system of :mod:`roughntk.regression.fitted`: with the direction of the lengths, along which K has
its one outlying eigenvalue (the constant), eliminated. A deep kernel is then close to a multiple of the identity.
What else it has is preconditioned, in one of these ways:

* a polynomial of the correlation (:mod:`roughntk.regression.polynomial`) of the degree that costs least, by the steps
  that a sample of the entries promises (:mod:`roughntk.regression.promise`): for deep kernels, and for many dimensions.
  Where its degree is 0 nothing is done;
* where it leaves too much for such a promise, a partial Cholesky factor of G whose pivots are chosen at random in
  proportion to what is left of the diagonal (``references.bib``: Chen2024), if its first pivots repay themselves: for
  shallow kernels in few dimensions, and rows in clusters;
* otherwise, where many steps are expected and some eigenvalues stand out of the sample, the polynomial and the largest
  eigenvalues of what it leaves, from a random sketch.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from roughntk.files.checkpoints import UNKEPT, Keeper, kept_solve
from roughntk.linalg.iterative import Apply, Iterated, conjugate_gradients
from roughntk.regression.eliminated import Eliminated
from roughntk.regression.exceptions import require_known, singular
from roughntk.regression.nearness import nearest_pair
from roughntk.regression.operator import parted_operator
from roughntk.regression.parted import PartedKernel
from roughntk.regression.polynomial import Polynomial, PolynomialInverse, fitted_polynomials
from roughntk.regression.preconditioners import (
    Bordered,
    Lowered,
    by_factor,
    extended,
    largest_eigenvalues,
    partial_cholesky,
)
from roughntk.regression.promise import Sample

MOST_FACTORED = 10_000
"""Points at most whose kernel matrix, 0.8 GB, is stored and factored where nothing else is said."""
TOLERANCE = 1e-12
"""Of the residual, relative to the right-hand side."""
FEWEST = 16
"""Points that are worth a preconditioner."""
MANY_STEPS = 20
"""Steps with a polynomial beyond which a sketch of what it leaves is tried, which costs three."""
SKETCHED = 128
"""Random vectors of a sketch."""
NEAR = 1.05
"""Largest eigenvalues that are no more than so many times the last one found are left alone."""
REMEDY = "raise the ridge, leave out nearly equal rows, or factor the matrix ('cholesky')"
OPERATIONS = 300
"""Of a product of matrices, in the time of an entry of the kernel."""

Progress = Callable[[str, int], None]
"""Called with what is done, and how many applications of the matrix that took so far."""


class IterativelyConverged(Eliminated):
    """(K + R)^{-1} as `roughntk.regression.fitted.Converged`, without storing K.

    Args:
        kernel: of the points.
        ridge: R >= 0.
        what: how to name the kernel matrix.
        tolerance: of each solve.
        progress: told of every application of the matrix, and what for.
        devices: as of `roughntk.regression.KernelOperator`.
        keeper: keeps the state of each solve and what it found.

    Attributes:
        iterations: steps of conjugate gradients in the last solve, each of which applies the matrix once, to all
            right-hand sides that are not solved yet. What the preconditioner took, and the true residual at the end,
            are not among them.
        applications: of the matrix since it was made, all of them, whatever for.
        residual: the largest of the last solve, relative to its right-hand sides.
        condition_number: of M: from the extreme eigenvalues that the iteration saw, the least one of what
            preconditions, and the two nearest points; an estimate.
        preconditioner: "none", "polynomial", "partial factor", "sketch" or "polynomial and sketch".
        rank: how many vectors it consists of.
    """

    def __init__(
        self, kernel: PartedKernel, ridge: float, what: str, *, tolerance: float = TOLERANCE,
        progress: Progress | None = None, devices: Any = None, keeper: Keeper = UNKEPT,
    ):  # fmt: skip
        super().__init__(kernel, ridge)
        self.tolerance, self.what = tolerance, what
        self.operator = parted_operator(kernel, devices=devices)
        self._progress, self._purpose, self.applications = progress, "eliminating the constant", 0
        self._keeper, self._solves = keeper, 0
        turned = self._reflect(self._apply(self._direction[:, None]))[:, 0]
        self._eliminate(turned, what)
        self._along = float(turned[0])
        self.preconditioner, self.rank = "none", 0
        self.iterations, self.residual, self.condition_number = 0, 0.0, 1.0
        self._norm, self._least, self._units = 0.0, 1.0, kernel.units
        self._pair, self._pair_value = self._nearest(kernel)
        self._purpose = "preparing the preconditioner"
        self._precondition = self._preconditioner(kernel) if len(turned) >= FEWEST else None
        self._purpose = "applying the kernel matrix"

    def _nearest(self, kernel: PartedKernel) -> tuple[tuple[int, int] | None, float]:
        """The two nearest points, and v^T M v/|v|^2 of their difference, above the least eigenvalue of M; infinity
        where none are near each other."""
        lengths = kernel.rows.lengths
        pair = nearest_pair(kernel.rows.directions) if len(lengths) > 1 else None
        if pair is None or lengths[pair[0]] == 0 or lengths[pair[1]] == 0:
            return None, math.inf
        i, j, angle = pair
        apart = kernel.at_zero() - float(kernel.at_angle(np.array([angle]))[0])
        return (i, j), self.share * 2 * max(apart, 0.0) / (lengths[i] ** -2 + lengths[j] ** -2) + self._own_ridge

    def _apply(self, V: np.ndarray) -> np.ndarray:
        """G V."""
        self.applications += 1
        if self._progress is not None:
            self._progress(self._purpose, self.applications)
        return self.operator.apply(V)

    def _within(self, V: np.ndarray) -> np.ndarray:
        """M V, shape (n - 1, k)."""
        turned = self._reflect(self._apply(self._back(V)))[1:]
        return (
            self.share * turned
            + self._own_ridge * V
            - (self.share * self.s / self.kappa) * np.outer(self.h, self.h @ V)
        )

    def _back(self, V: np.ndarray) -> np.ndarray:
        """P V."""
        return self._reflect(extended(V), back=True)

    def _preconditioner(self, kernel: PartedKernel) -> Apply | None:
        """About M^{-1}, in one of the ways of the module."""
        n, sample = len(kernel.rows.lengths), Sample(kernel, self._own_ridge / self.share if self.share else math.inf)
        polynomials = list(fitted_polynomials(sample, n, kernel.rows.directions.shape[1]))
        if polynomials:  # that of degree 0 leaves all of M
            self._norm = polynomials[0].promise.largest * (self.share * polynomials[0].left + self._own_ridge)
        best = min(polynomials, key=functools.partial(self._cost, n), default=None)
        steps = best.promise.steps(self.tolerance) if best else math.inf
        if best is None or not best.promise.judged:
            factored = self._by_partial_factor(kernel)
            if factored is not None:
                return factored
        inverse = None
        if best is not None and best.features:
            self.preconditioner, self.rank = "polynomial", best.features
            inverse = self._by_polynomial(kernel, best)
        return self._sketched(inverse) if best is None or (steps > MANY_STEPS and best.promise.stands_out) else inverse

    def _cost(self, n: int, polynomial: Polynomial) -> float:
        """Of a solve, in applications of the matrix."""
        return polynomial.promise.steps(self.tolerance) + polynomial.features**2 / (OPERATIONS * n)

    def _by_polynomial(self, kernel: PartedKernel, polynomial: Polynomial) -> Apply:
        """P^T (A + C e e^T)^{-1} P for the matrix A of a polynomial, with e^T (A + C e e^T) e = kappa/w as in K + R."""
        inverse = PolynomialInverse(polynomial, *kernel.rows, self.share, self._own_ridge)
        self._least = self.share * polynomial.left + self._own_ridge
        e = self._direction
        eliminated = inverse(e[:, None])[:, 0]
        missing = self.kappa / self.w - inverse.curvature(e) if self.w > 0 else math.inf
        size = (1 / missing if missing > 0 else math.inf) + float(e @ eliminated)

        return Bordered(inverse, self._direction, eliminated, size)

    def _by_partial_factor(self, kernel: PartedKernel) -> Apply | None:
        """By G ~ L L^T + left I; None where that is not worth it."""
        partial = partial_cholesky(kernel, self.operator, self._along)
        if partial is None:
            return None
        factor, left = partial
        self.preconditioner, self.rank = "partial factor", factor.shape[1]
        turned = self._reflect(factor)
        # M ~ share P^T L (I - (s/kappa) z z^T) L^T P + shift I with z = L^T e, whose inverse has a small matrix in it
        z = turned[0]
        middle = np.eye(self.rank) - (self.s / self.kappa) * np.outer(z, z)
        values, vectors = np.linalg.eigh(middle)
        half = turned[1:] @ (vectors * np.sqrt(np.maximum(values, 0.0))) * math.sqrt(self.share)
        shift = self.share * max(left, 1e-12) + self._own_ridge
        self._least = shift
        if self.rank >= len(half):  # of few points, all of which may have become pivots
            self._least = float(np.linalg.eigvalsh(half @ half.T)[0]) + shift
        small = scipy.linalg.cho_factor(half.T @ half + shift * np.eye(self.rank), lower=True)
        return functools.partial(by_factor, half, small, shift)

    def _sketched(self, inverse: Apply | None) -> Apply | None:
        """About M^{-1}, from another way and the largest eigenvalues that it leaves, where they stand out."""
        n = len(self.h)
        rank = min(SKETCHED, n // 4)
        largest = largest_eigenvalues(self._within, inverse, n, rank)
        if largest is None:
            raise singular(self.what, self.ridge, "one that is not positive along random vectors")
        vectors, values = largest
        if not values[0] > NEAR * values[-1]:
            return inverse
        self.preconditioner = "sketch" if inverse is None else "polynomial and sketch"
        self.rank += rank
        return Lowered(inverse, vectors, values[-1] / values - 1)

    def _solved(self, right: np.ndarray) -> np.ndarray:
        """M^{-1} right."""
        if not right.size:
            return right
        self._solves += 1
        iterated = kept_solve(
            self._keeper, f"solve {self._solves}", conjugate_gradients, self._within, right,
            precondition=self._precondition, tolerance=self.tolerance, norm=self._norm, what=self.what, remedy=REMEDY,
        )  # fmt: skip
        self.iterations, self.residual = iterated.iterations, float(iterated.residual.max())
        self.condition_number = self._condition(iterated)
        return iterated.solution

    def _condition(self, iterated: Iterated) -> float:
        """Of M, from what is known."""
        if not iterated.largest > 0:
            return 1.0
        norm = max(self._norm, iterated.largest * self._least, self._least)
        least = min(iterated.smallest * self._least, self._pair_value)
        return max(1.0, norm / least) if least > 0 else math.inf

    def check_digits(self, callers: int = 0) -> None:
        """Refuse solutions of which rounding leaves nothing, and warn of those with few digits.

        Raises:
            NotPositiveDefiniteError: the matrix cannot be told from a singular one.

        Warns:
            InaccurateCoefficientsWarning: fewer than three digits are known.
        """
        near = "" if self._pair is None else f" (rows {self._pair[0]} and {self._pair[1]} are the nearest)"
        require_known(self.condition_number, self._units, self.what, self.ridge, near=near, callers=callers)


__all__ = ["MOST_FACTORED", "TOLERANCE", "IterativelyConverged", "Progress"]
