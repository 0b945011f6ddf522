"""Preconditioners of kernel matrices that are not polynomials of the correlation: partial factors and sketches."""

import numpy as np
import scipy.linalg

from roughntk._checks.precision import EPS
from roughntk.linalg.iterative import Apply
from roughntk.linalg.operator import BlockOperator
from roughntk.regression.flow import reflection
from roughntk.regression.parted import PartedKernel

PIVOTS = 64
"""Pivots of a partial factor that are chosen together."""
MOST_PIVOTS = 1024
REPAYS = 0.7
"""A partial factor whose first pivots leave a larger part of the trace than this is not worth it."""
ENOUGH, SLOW = 1e-3, 0.97
"""A factor ends where it leaves this part of the trace, and where its last pivots left this part of what was left."""
MOST_CONSTANT = 1e8
"""c/s, beyond which K/s would lose G to rounding."""
ROUNDED = 1e-10
"""Eigenvalues of the pivots' own block below this part of the largest are left out."""


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


def largest_eigenvalues(
    apply: Apply, invert: Apply | None, size: int, rank: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Some large eigenvalues of P^{-1} A, decreasing, and vectors U with U^T P U = I, for positive definite A and P.

        A ~ A B (B^T A B)^{-1} B^T A,    B = P^{-1} times a basis of A times random vectors, seed 0

    (``references.bib``: Frangella2023). A is applied twice, each time to `rank` vectors. None where B^T A B is not
    positive definite.

    Args:
        apply: V -> A V.
        invert: V -> P^{-1} V; None for P = I.
        size: of A.
        rank: how many.
    """
    chance = np.linalg.qr(np.random.default_rng(0).normal(size=(size, rank)))[0]
    basis = np.linalg.qr(apply(chance))[0]
    basis = invert(basis) if invert is not None else basis
    applied = apply(basis)
    small = basis.T @ applied
    shift = np.sqrt(size) * EPS * float(np.linalg.norm(small, 2))
    try:
        lower = np.linalg.cholesky((small + small.T) / 2 + shift * np.eye(rank))
    except np.linalg.LinAlgError:
        return None
    half = scipy.linalg.solve_triangular(lower, applied.T, lower=True)
    inverted = scipy.linalg.solve_triangular(lower, (invert(applied) if invert is not None else applied).T, lower=True)
    gram = half @ inverted.T
    values, vectors = np.linalg.eigh((gram + gram.T) / 2)
    values = np.maximum(values[::-1], EPS * values[-1])
    return inverted.T @ (vectors[:, ::-1] / np.sqrt(values)), values


def by_factor(half: np.ndarray, small: tuple[np.ndarray, bool], shift: float, V: np.ndarray) -> np.ndarray:
    """(half half^T + shift I)^{-1} V."""
    return np.asarray((V - half @ scipy.linalg.cho_solve(small, half.T @ V)) / shift)


class Bordered:
    """V -> P^T (A + C e e^T)^{-1} P V for an orthonormal basis P of the complement of e.

        A^{-1} - A^{-1} e e^T A^{-1}/(1/C + e^T A^{-1} e)

    Args:
        inverse: U -> A^{-1} U.
        e: a unit vector.
        eliminated: A^{-1} e.
        size: 1/C + e^T A^{-1} e.
    """

    def __init__(self, inverse: Apply, e: np.ndarray, eliminated: np.ndarray, size: float):
        self._inverse, self._e, self._eliminated, self._size = inverse, e, eliminated, size

    def __call__(self, V: np.ndarray) -> np.ndarray:
        """Shape (n - 1, k)."""
        reflect = reflection(self._e)
        U = self._inverse(reflect(extended(V), back=True))
        U -= np.outer(self._eliminated, (self._e @ U) / self._size)
        return np.asarray(reflect(U)[1:])


class Lowered:
    """V -> P^{-1} V + U diag(change) U^T V: some eigenvalues of what P^{-1} leaves are changed.

    Args:
        invert: V -> P^{-1} V; None for P = I.
        vectors: U with U^T P U = I.
        change: of each eigenvalue of the inverse.
    """

    def __init__(self, invert: Apply | None, vectors: np.ndarray, change: np.ndarray):
        self._invert, self._vectors, self._change = invert, vectors, change

    def __call__(self, V: np.ndarray) -> np.ndarray:
        """Shape (n - 1, k)."""
        others = self._vectors @ (self._change[:, None] * (self._vectors.T @ V))
        return np.asarray((V if self._invert is None else self._invert(V)) + others)


def extended(V: np.ndarray) -> np.ndarray:
    """V below a row of zeros."""
    return np.concatenate([np.zeros((1, V.shape[1])), V])


__all__ = ["Bordered", "Lowered", "by_factor", "extended", "largest_eigenvalues", "partial_cholesky"]
