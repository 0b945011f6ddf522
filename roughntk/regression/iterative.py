"""(K + R)^{-1} for many points, by conjugate gradients for a matrix that is never stored.

What is solved is the system of :mod:`roughntk.regression.fitted`: with the direction of the lengths, along which K has
its one outlying eigenvalue (the constant), eliminated. Deep kernels are then close to a multiple of the identity, which
takes a few steps. Shallow ones are preconditioned by a partial Cholesky factor of G whose pivots are chosen at random
in proportion to what is left of the diagonal (``references.bib``: Chen2024).
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from roughntk._checks.precision import EPS
from roughntk.files.checkpoints import UNKEPT, Keeper, kept_solve
from roughntk.linalg.iterative import Apply, conjugate_gradients
from roughntk.linalg.operator import BlockOperator
from roughntk.regression.eliminated import Eliminated
from roughntk.regression.exceptions import singular
from roughntk.regression.operator import parted_operator
from roughntk.regression.parted import PartedKernel

MOST_FACTORED = 10_000
"""Points at most whose kernel matrix, 0.8 GB, is stored and factored where nothing else is said."""
TOLERANCE = 1e-12
"""Of the residual, relative to the right-hand side."""
PIVOTS = 64
"""Pivots of a partial factor that are chosen together."""
MOST_PIVOTS = 1024
REPAYS = 0.7
"""A partial factor whose first pivots leave a larger part of the trace than this is not worth it."""
ENOUGH, SLOW = 1e-3, 0.97
"""A factor ends where it leaves this part of the trace, and where its last pivots left this part of what was left."""
SKETCHED = 128
"""Random vectors that the largest eigenvalues are found from where a partial factor is not worth it."""
NEAR = 1.05
"""Largest eigenvalues that are no more than so many times the last one found are left alone."""
MOST_CONSTANT = 1e8
"""c/s, beyond which K/s would lose G to rounding."""
ROUNDED = 1e-10
"""Eigenvalues of the pivots' own block below this part of the largest are left out."""

Progress = Callable[[str, int], None]
"""Called with what is done, and how many applications of the matrix that took so far."""


class IterativelyConverged(Eliminated):
    """(K + R)^{-1} as `roughntk.regression.fitted.Converged`, without storing K.

    Args:
        kernel: of the points.
        ridge: R >= 0.
        what: how to name the kernel matrix.
        tolerance: of each solve.
        progress: told of every application of the matrix.
        devices: as of `roughntk.regression.KernelOperator`.
        keeper: keeps the state of each solve and what it found.

    Attributes:
        iterations: applications of the matrix in the last solve.
        residual: the largest of that solve, relative to its right-hand sides.
        condition_number: of the preconditioned matrix, an estimate from below.
        rank: of the preconditioner.
    """

    def __init__(
        self, kernel: PartedKernel, ridge: float, what: str, *, tolerance: float = TOLERANCE,
        progress: Progress | None = None, devices: Any = None, keeper: Keeper = UNKEPT,
    ):  # fmt: skip
        super().__init__(kernel, ridge)
        self.tolerance, self.what = tolerance, what
        self.operator = parted_operator(kernel, devices=devices)
        self._progress, self._applied = progress, 0
        self._keeper, self._solves = keeper, 0
        turned = self._reflect(self._apply(self._direction[:, None]))[:, 0]
        self._eliminate(turned, what)
        self._along = float(turned[0])
        self.rank = 0
        self.iterations, self.residual, self.condition_number = 0, 0.0, math.nan
        self._precondition = self._preconditioner(kernel)

    def _apply(self, V: np.ndarray) -> np.ndarray:
        """G V."""
        self._applied += 1
        if self._progress is not None:
            self._progress("applying the kernel matrix", self._applied)
        return self.operator.apply(V)

    def _within(self, V: np.ndarray) -> np.ndarray:
        """M V, shape (n - 1, k)."""
        padded = np.concatenate([np.zeros((1, V.shape[1])), V])
        turned = self._reflect(self._apply(self._reflect(padded, back=True)))[1:]
        return (
            self.share * turned
            + self._own_ridge * V
            - (self.share * self.s / self.kappa) * np.outer(self.h, self.h @ V)
        )

    def _preconditioner(self, kernel: PartedKernel) -> Apply | None:
        """About M^{-1}, by a partial factor G ~ L L^T + left I; None where that would not help."""
        partial = partial_cholesky(kernel, self.operator, self._along)
        if partial is None:
            return self._sketched(len(self.h))
        factor, left = partial
        self.rank = factor.shape[1]
        turned = self._reflect(factor)
        # M ~ share P^T L (I - (s/kappa) z z^T) L^T P + shift I with z = L^T e, whose inverse has a small matrix in it
        z = turned[0]
        middle = np.eye(self.rank) - (self.s / self.kappa) * np.outer(z, z)
        values, vectors = np.linalg.eigh(middle)
        half = turned[1:] @ (vectors * np.sqrt(np.maximum(values, 0.0))) * math.sqrt(self.share)
        shift = self.share * max(left, 1e-12) + self._own_ridge
        small = scipy.linalg.cho_factor(half.T @ half + shift * np.eye(self.rank), lower=True)
        return functools.partial(_by_factor, half, small, shift)

    def _sketched(self, n: int) -> Apply | None:
        """About M^{-1}, from M^2 times random vectors; None where its largest eigenvalues are no larger than others."""
        rank = min(SKETCHED, n // 4)
        if rank < 1:
            return None
        chance = np.linalg.qr(np.random.default_rng(0).normal(size=(n, rank)))[0]
        basis = np.linalg.qr(self._within(chance))[0]
        largest = nystrom(self._within(basis), basis)
        if largest is None:
            raise singular(self.what, self.ridge, "one that is not positive along random vectors")
        vectors, values = largest
        if not values[0] > NEAR * values[-1]:
            return None
        self.rank = rank
        return functools.partial(_by_sketch, vectors, values[-1] / values - 1)

    def _solved(self, right: np.ndarray) -> np.ndarray:
        """M^{-1} right."""
        if not right.size:
            return right
        self._solves += 1
        iterated = kept_solve(
            self._keeper, f"solve {self._solves}", conjugate_gradients, self._within, right,
            precondition=self._precondition, tolerance=self.tolerance, what=self.what,
        )  # fmt: skip
        self.iterations, self.residual = iterated.iterations, float(iterated.residual.max())
        self.condition_number = iterated.condition_number
        return iterated.solution


def _by_factor(half: np.ndarray, small: tuple[np.ndarray, bool], shift: float, V: np.ndarray) -> np.ndarray:
    """(half half^T + shift I)^{-1} V."""
    return np.asarray((V - half @ scipy.linalg.cho_solve(small, half.T @ V)) / shift)


def _by_sketch(vectors: np.ndarray, change: np.ndarray, V: np.ndarray) -> np.ndarray:
    """V with its parts along some vectors changed."""
    return np.asarray(V + vectors @ (change[:, None] * (vectors.T @ V)))


def partial_cholesky(kernel: PartedKernel, operator: BlockOperator, along: float) -> tuple[np.ndarray, float] | None:
    """(L, mean of what is left of the diagonal of K/s - L L^T): pivots by chance, `PIVOTS` at a time, seed 0.

    K/s = (c/s) d d^T + G differs from G along d only, which is eliminated in what is solved; unlike G it is positive
    where the kernel collapses. None where K/s leaves float64, or where the first pivots leave so much of the trace
    that a factor is not worth it.

    Args:
        kernel: of the points.
        operator: G.
        along: e^T G e.
    """
    n, lengths = operator.shape[0], kernel.rows.lengths
    constant = kernel.level / kernel.scale if kernel.level > 0 and kernel.scale > 0 else 0.0
    if not constant < MOST_CONSTANT:
        return None
    trace = float((kernel.at_zero() * lengths**2).sum()) - along  # of G on the complement of d
    left = (kernel.at_zero() + constant) * lengths**2
    chance, factor, most = np.random.default_rng(0), np.zeros((n, 0)), min(MOST_PIVOTS, n // 4)
    if not (left >= 0).all() or not left.sum() > 0 or not trace > 0:
        return None
    while factor.shape[1] < most:
        before = float(left.sum())
        pivots = np.unique(chance.choice(n, PIVOTS, p=left / before))
        columns = operator.columns(pivots) + constant * np.outer(lengths, lengths[pivots])
        columns -= factor @ factor[pivots].T
        values, vectors = np.linalg.eigh(columns[pivots])
        kept = values > ROUNDED * values[-1]
        new = columns @ (vectors[:, kept] / np.sqrt(values[kept]))
        first = not factor.shape[1]
        factor = np.concatenate([factor, new], axis=1)
        left = np.maximum(left - (new**2).sum(axis=1), 0.0)
        if first and left.sum() > REPAYS * trace:
            return None
        if left.sum() < ENOUGH * trace or (not first and left.sum() > SLOW * before):
            break
    return factor, float(left.mean())


def nystrom(applied: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """The largest eigenvalues of a positive definite A and their vectors, from A times an orthonormal basis.

        A ~ A B (B^T A B)^{-1} B^T A,    shifted by some rounding (``references.bib``: Frangella2023)

    None where B^T A B is not positive definite. Eigenvalues decrease.
    """
    shift = np.sqrt(len(basis)) * EPS * np.linalg.norm(applied, 2)
    shifted = applied + shift * basis
    small = basis.T @ shifted
    try:
        lower = np.linalg.cholesky((small + small.T) / 2)
    except np.linalg.LinAlgError:
        return None
    vectors, sizes, _ = np.linalg.svd(
        scipy.linalg.solve_triangular(lower, shifted.T, lower=True).T, full_matrices=False
    )
    return vectors, np.maximum(sizes**2 - shift, shift)


__all__ = ["MOST_FACTORED", "TOLERANCE", "IterativelyConverged", "Progress", "partial_cholesky"]
