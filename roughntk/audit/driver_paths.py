"""The drivers of Theorem 3, from a subject's rate: v' = A^{-1} (A', b') on A(s) = K_L + s (K_{L+1} - K_L)."""

from typing import Any, NamedTuple

import numpy as np

from roughntk.audit import points
from roughntk.audit.subject import Numbers, Subject

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(3)


class Segment(NamedTuple):
    """The linear systems of two consecutive depths: K_L, K_{L+1}, K_L(X,x), K_{L+1}(X,x)."""

    K: Numbers
    following: Numbers
    b: Numbers
    b_following: Numbers

    @property
    def change(self) -> Numbers:
        """(K_{L+1} - K_L, b_{L+1} - b_L), shape (n, n + m)."""
        return np.concatenate([self.following - self.K, self.b_following - self.b], axis=1)


def segment(kernel: points.Kernel, X: Numbers, x: Numbers, depth: int) -> Segment:
    """Between `depth` and the next."""
    K, following = (points.matrix(kernel, X, level) for level in (depth, depth + 1))
    b, b_following = (points.matrix(kernel, X, level, x) for level in (depth, depth + 1))
    return Segment(K, following, b, b_following)


def increments(rate: Any, systems: Segment, positions: Numbers) -> Numbers:
    """v between consecutive positions s, shape (pieces, n, n + m), by Gauss's rule of order 6."""
    change, n = systems.change, len(systems.K)
    pieces = []
    for start, stop in zip(positions, positions[1:], strict=False):
        total = np.zeros(change.shape)
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            s = start + (stop - start) * (node + 1) / 2
            total = total + weight / 2 * (stop - start) * rate(systems.K + s * change[:, :n], change)
        pieces.append(total)
    return np.array(pieces)


def length(pieces: Numbers) -> float:
    """The sum of the Frobenius norms: the 1-variation over the sample points."""
    return float(np.sum(np.linalg.norm(pieces, axis=(1, 2))))


def bound(systems: Segment) -> float:
    """|K_L^{-1}| |(K_{L+1} - K_L, b_{L+1} - b_L)|_F/(1 - |M|), M = K_L^{-1}(K_{L+1} - K_L): of the 1-variation."""
    inverse = 1 / float(np.linalg.eigvalsh(systems.K)[0])
    M = np.linalg.solve(systems.K, systems.following - systems.K)
    size = float(np.linalg.norm(M, 2))
    return inverse * float(np.linalg.norm(systems.change)) / (1 - size) if size < 1 else float("inf")


def variation(subject: Subject, X: Numbers, x: Numbers, depth: int, pieces: int = 8) -> tuple[float, Segment]:
    """The 1-variation of the driver between two depths over evenly spaced positions, and the systems."""
    systems = segment(subject.tangent, X, x, depth)
    return length(increments(subject.driver_rate, systems, np.linspace(0, 1, pieces + 1))), systems


__all__ = ["Segment", "bound", "increments", "length", "segment", "variation"]
