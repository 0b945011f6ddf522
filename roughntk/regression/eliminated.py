"""(K + R)^{-1} with one direction eliminated, in the terms of `fitted`, whichever way what is left is solved for."""

import abc
import math

import numpy as np

from roughntk.regression.exceptions import singular
from roughntk.regression.flow import reflection
from roughntk.regression.parted import PartedKernel


class Eliminated(abc.ABC):
    """(K + R)^{-1} of a kernel K = c d d^T + s G, with e = d/|d| eliminated: w M is left, for which `_solved` solves.

    Args:
        kernel: of the points.
        ridge: R >= 0.

    Attributes:
        level, length: c and |d|.
        s, w, share: s, s + R and s/w.
        h, kappa: as in :mod:`roughntk.regression.fitted`, once `_eliminate` is called.
    """

    def __init__(self, kernel: PartedKernel, ridge: float):
        n, lengths = len(kernel.rows.lengths), kernel.rows.lengths
        self.length = float(np.linalg.norm(lengths))
        self._direction = lengths / self.length if self.length > 0 else np.ones(n) / math.sqrt(n)
        self.level = kernel.level
        # without a ridge a kernel that tends to 0 may be in any units, those in which it is of order one included
        self.s = 1.0 if self.level == 0 and ridge == 0 else kernel.scale
        self.ridge, self.w = ridge, self.s + ridge
        self.share = self.s / self.w if self.w > 0 else 1.0

    def _eliminate(self, turned: np.ndarray, what: str) -> None:
        """Take [e P]^T G e, shape (n,). Raises `NotPositiveDefiniteError` where K + R is not positive along e."""
        self.h = turned[1:]
        self.kappa = self.level * self.length**2 + self.s * float(turned[0]) + self.ridge
        if not self.kappa > 0:
            raise singular(what, self.ridge, "a value along the mean of its rows that is not positive")

    @abc.abstractmethod
    def _solved(self, right: np.ndarray) -> np.ndarray:
        """M^{-1} right, shape (n - 1, k)."""

    @property
    def _own_ridge(self) -> float:
        """R/w, on the diagonal of M."""
        return self.ridge / self.w if self.w > 0 else 0.0

    def _reflect(self, B: np.ndarray, back: bool = False) -> np.ndarray:
        return reflection(self._direction)(B, back)

    def _parts(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of x = (K + R)^{-1} y its part along e, shape (1, k), and w times the others."""
        turned = self._reflect(y)
        others = self._solved(turned[1:] - (self.s / self.kappa) * np.outer(self.h, turned[0]))
        return (turned[:1] - self.share * (self.h @ others)) / self.kappa, others

    def coefficients(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `roughntk.regression.fitted.Solver`."""
        first, others = self._parts(y)
        alpha = self._reflect(np.concatenate([self.s * first, self.share * others]), back=True)
        return alpha, self.level * self.length * first[0]

    def weights(self, g: np.ndarray, w: np.ndarray) -> np.ndarray:
        """As `roughntk.regression.fitted.Solver`."""
        turned = self._reflect(g)
        first = self.level * self.length * w + self.s * turned[0]
        others = self.share * self._solved(turned[1:] - np.outer(self.h, first) / self.kappa)
        top = (first - self.s * (self.h @ others)) / self.kappa
        return self._reflect(np.concatenate([top[None], others]), back=True).T


__all__ = ["Eliminated"]
