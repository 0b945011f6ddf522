"""Sets of distinct points of the sphere on which kernels are tried, the hard ones first, and kernels on them."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.engine.deflated import Deflated
from roughntk.kernels.sequences import KernelSequence
from roughntk.regression.proven import ProvenCoefficients

Sequence = Callable[[NDArray[np.float64], int], Any]
"""(X, depth) -> the kernel matrix on the unit rows of X (n, n0) at that whole depth >= 1, shape (n, n)."""

GENERIC = "6 random points in R^5"
"""The set on which determinants and increments are followed where no data are given."""

_ASYMMETRY = 1e-8
_AT_ONCE = 2**15  # values of a recorded sequence


def trial_sets(X: NDArray[np.float64] | None = None) -> dict[str, NDArray[np.float64]]:
    """Equispaced points of a circle, antipodal sets, random sets in several dimensions, and the given unit rows."""
    sets = {}
    for n in range(3, 13):
        angle = 2 * math.pi * np.arange(n) / n
        sets[f"{n} equispaced points of a circle"] = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    sets["the 6 points +-e_i of R^3"] = np.concatenate([np.eye(3), -np.eye(3)])
    half = np.asarray(sphere.uniform(5, 4, 1))
    sets["5 random points in R^4 and their antipodes"] = np.concatenate([half, -half])
    for n, dimension, seed in ((8, 2, 2), (10, 3, 3), (6, 5, 4), (12, 10, 5)):
        sets[f"{n} random points in R^{dimension}"] = np.asarray(sphere.uniform(n, dimension, seed))
    if X is not None:
        sets["the given points"] = X
    return sets


class Kernels:
    """Kernel matrices of a family or of a user's sequence on named sets, each computed once."""

    def __init__(
        self,
        source: KernelFamily | Sequence,
        sets: dict[str, NDArray[np.float64]],
        deepest: int,
        apart: dict[str, NDArray[np.float64]] | None = None,
        *,
        grid: bool = True,
    ):
        self.sets, self.deepest = sets, deepest
        self._points = sets | (apart or {})  # those apart are kept for what they are asked for by name
        self._source: Any = source
        self._known: dict[tuple[str, int], NDArray[np.float64]] = {}
        self._rows: dict[int, NDArray[np.float64]] = {}
        self._proven: dict[str, ProvenCoefficients] = {}
        self._flat: NDArray[np.float64] | None = None
        self._by_angle = isinstance(source, KernelFamily)
        self._together = isinstance(source, KernelSequence) and source.traceable
        if isinstance(source, KernelFamily):
            self._angles = {name: np.asarray(sphere.angles(points)) for name, points in self._points.items()}
            self._each_depth = source.differs_by_depth or isinstance(source, KernelSequence)
            self._grid = np.linspace(0.0, math.pi, 181 if grid else 0)
            every = np.concatenate([self._grid, *(angles.ravel() for angles in self._angles.values())])
            self._distinct, self._places = np.unique(every, return_inverse=True)
            if not self._each_depth:
                need = 24.0 * deepest * len(self._distinct)
                _checks.memory(need, f"the kernel at all depths to deepest = {deepest:,}", "lower deepest")

    def prepare(self, depths: Iterable[int]) -> None:
        """Find the kernel at several depths together, where that takes less than one after the other."""
        if not self._together:
            return
        missing = np.array(sorted({depth for depth in depths if depth not in self._rows}), dtype=np.int64)
        each = max(1, _AT_ONCE // max(1, len(self._distinct)))
        for some in np.split(missing, range(each, len(missing), each)):
            values = self._source.at_depths(self._distinct, some)
            self._rows |= {int(depth): row[self._places] for depth, row in zip(some, values, strict=True)}

    def _row(self, depth: int) -> NDArray[np.float64]:
        """The kernel at all angles at that depth, by the layers that all depths share or else for that depth alone."""
        if depth not in self._rows:
            if self._each_depth:
                values = np.asarray(self._source.at_angle(jnp.asarray(self._distinct), depth))
            else:
                if self._flat is None:
                    self._flat = np.asarray(self._source.trajectory(jnp.asarray(self._distinct), self.deepest))
                values = self._flat[depth - 1]
            self._rows[depth] = values[self._places]
        return self._rows[depth]

    def on_grid(self, depth: int) -> NDArray[np.float64] | None:
        """The kernel at angles 0, 1, ..., 180 degrees; None for a sequence, which need not be a function of angles."""
        return self._row(depth)[: len(self._grid)] if self._by_angle and len(self._grid) else None

    def at(self, name: str, depth: int) -> NDArray[np.float64]:
        """The matrix on that set at that depth."""
        if (name, depth) not in self._known:
            self._known[name, depth] = self._of_family(name, depth) if self._by_angle else self._call(name, depth)
        return self._known[name, depth]

    def deflated(self, name: str, depth: int) -> Deflated | None:
        """What is left of a collapsing family's kernel on that set, without cancellation; None for others."""
        if not self._by_angle or not self._source.collapses:
            return None
        return self._source.deflated(self._angles[name], depth)

    def proven(self, name: str, n: int, depth: int) -> tuple[NDArray[np.float64], float] | None:
        """Coefficients on the first n points of a set at the others, and a bound of their error, in ball arithmetic.

        None for a source that cannot be evaluated so, and without python-flint.
        """
        if not (isinstance(self._source, KernelFamily) and self._source.encloses):
            return None
        if name not in self._proven:
            points = self._points[name]
            self._proven[name] = ProvenCoefficients(self._source, points[:n], points[n:])
        return self._proven[name].at(depth)

    def smallest_deflated_eigenvalue(self, family: KernelFamily) -> float:
        """Smallest eigenvalue over all sets of a collapsing kernel at infinite depth, on vectors of sum 0.

        Each set's matrix is that of `KernelFamily.deflated`, scaled to a largest entry of 1.
        """
        flat = np.concatenate([self._angles[name].ravel() for name in self.sets])
        values = np.asarray(family.deflated(flat, math.inf).values)
        least, start = math.inf, 0
        for name in self.sets:
            angles = self._angles[name]
            n = len(angles)
            G = values[start : start + n * n].reshape(n, n)
            start += n * n
            # an orthonormal basis of the vectors of sum 0: the other columns of a Householder reflection
            basis = np.linalg.qr(np.concatenate([np.ones((n, 1)), np.eye(n)[:, 1:]], axis=1))[0][:, 1:]
            least = min(least, float(np.linalg.eigvalsh(basis.T @ (G / np.abs(G).max()) @ basis)[0]))
        return least

    def _of_family(self, name: str, depth: int) -> NDArray[np.float64]:
        start = len(self._grid)
        for other, angles in self._angles.items():
            if other == name:
                return self._row(depth)[start : start + angles.size].reshape(angles.shape)
            start += angles.size
        raise KeyError(name)

    def _call(self, name: str, depth: int) -> NDArray[np.float64]:
        points = self._points[name]
        n = len(points)
        try:
            matrix = np.asarray(self._source(points.copy(), depth), dtype=np.float64)
        except Exception as problem:  # whatever a user's function may raise
            raise InputError(
                f"expected a sequence callable as sequence(X, depth) -> matrix (n, n), got {_checks.reason(problem)} "
                f"on {name} at depth {depth}; correct it"
            ) from problem
        where = f"on {name} at depth {depth}"
        if matrix.shape != (n, n):
            raise InputError(
                f"expected sequence(X, depth) of shape ({n}, {n}), got {matrix.shape} {where}; return the whole matrix"
            )
        if not np.isfinite(matrix).all():
            raise InputError(f"expected finite kernel values, got NaN or infinity {where}; correct the sequence")
        asymmetry = float(np.abs(matrix - matrix.T).max())
        if asymmetry > _ASYMMETRY * max(float(np.abs(matrix).max()), np.finfo(np.float64).tiny):
            raise InputError(
                f"expected a symmetric kernel matrix, got entries that differ from their mirror by {asymmetry:.2g} "
                f"{where}; correct the sequence"
            )
        return (matrix + matrix.T) / 2


__all__ = ["GENERIC", "Kernels", "Sequence", "trial_sets"]
