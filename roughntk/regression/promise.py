"""How many steps conjugate gradients would take with a preconditioner, told from a sample of the entries it leaves.

Where G = P + left E, the entries of E have some variance v off the diagonal, and none on it. If nothing connects them,
the eigenvalues of E are within 2 sqrt(n v) (a semicircle); what connects them shows as a singular value of a sampled
block that, times n over its size, is about an eigenvalue of E. Both are estimates: they choose, and decide nothing
about the answer.
"""

import dataclasses
import math

import numpy as np

from roughntk.regression.parted import PartedKernel

SAMPLED = 512
"""Rows, and as many others, between which entries are taken."""
LIKE_NOISE = 0.499
"""Standard deviations of eigenvalues around 1 up to which the semicircle leaves a positive definite matrix."""

SOME, STEPS = 8, 6
"""Vectors and steps of a subspace iteration."""
CONNECTED = 2.0
"""Times its value by chance that an eigenvalue stands out with."""


@dataclasses.dataclass(frozen=True)
class Promise:
    """What is expected with a preconditioner.

    Attributes:
        spread: standard deviation of the preconditioned eigenvalues, if nothing connects the entries that are left.
        largest: the largest of them, if all that is seen in a block is a connection.
        noise: what `largest` is above 1 if nothing is.
    """

    spread: float
    largest: float
    noise: float

    @property
    def judged(self) -> bool:
        """Whether the semicircle leaves a positive definite matrix."""
        return self.spread < LIKE_NOISE

    @property
    def stands_out(self) -> bool:
        """Whether some eigenvalues are larger than they are by chance."""
        return self.largest - 1 > CONNECTED * self.noise

    def steps(self, tolerance: float) -> float:
        """To a residual of `tolerance`."""
        spread = max(min(self.spread, LIKE_NOISE), 1e-12)
        rate = 2 * spread / (1 + math.sqrt(1 - 4 * spread**2))
        digits = -math.log(tolerance)
        return min(digits / -math.log(rate), (digits + math.log(2)) * math.sqrt(self.largest) / 2)


class Sample:
    """G between some rows and as many others, on the directions of the points.

    Args:
        kernel: of the points.
        ridge: in the units of G.

    Attributes:
        rows, columns: which they are.
        rho, values: their correlations and entries.
        diagonal: g(1).
    """

    def __init__(self, kernel: PartedKernel, ridge: float):
        directions = kernel.rows.directions
        self._n, self.ridge = len(directions), ridge
        chosen = np.random.default_rng(0).permutation(self._n)[: 2 * min(SAMPLED, self._n // 2)]
        self.rows, self.columns = np.sort(chosen[::2]), np.sort(chosen[1::2])
        first, second = np.asarray(directions[self.rows]), np.asarray(directions[self.columns])
        self.rho = first @ second.T
        self.values = kernel.between(first, second, kernel.function(self._n**2))
        self.diagonal = kernel.at_zero()

    def promise(self, apart: np.ndarray, left: float) -> Promise:
        """Of a preconditioner that leaves so much of the sampled entries, and of the diagonal."""
        apart = apart / (left + self.ridge)
        part = self._n / len(self.rows)
        spread = math.sqrt(self._n * float((apart**2).mean()))
        return Promise(spread, 1 + part * _norm(apart), 2 * spread * math.sqrt(part))


def _norm(matrix: np.ndarray) -> float:
    """The spectral norm, from below and to some percent: a few steps of subspace iteration, seed 0."""
    some = np.random.default_rng(0).normal(size=(matrix.shape[1], min(SOME, *matrix.shape)))
    for _ in range(STEPS):
        some = matrix.T @ (matrix @ np.linalg.qr(some)[0])
    return math.sqrt(float(np.linalg.norm(some, 2)))


__all__ = ["Promise", "Sample"]
