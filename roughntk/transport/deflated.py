"""Transport of the coefficients of a kernel that collapses, on its deflated systems.

Where K_L = c 1 1^T + s_L G_L with s_L -> 0, the drivers K_L^{-1} (K_{L+1} - K_L) of a hyperbolic family do not vanish:
on the complement of 1 they tend to (lambda - 1) I, and K_L itself is singular in 64 bit. The same coefficients solve

    M w = r,    M = [[G, 1], [1^T, -s/c]],    w = (u, mu),    r = (g, 1),

so they are carried by dw = M^{-1} (dr - dM w), whose drivers do vanish, as G_L has a limit. Between two whole depths
the path is the straight segment from one system to the next, each in its own units; along real depth the unit of G is
the value of one reference pair, and s/c belongs to the path.
"""

import math

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax import Array

from roughntk._checks import InputError
from roughntk.kernels import Deflated, KernelFamily
from roughntk.linalg import Errors, Factor, Solution, bordered_errors, bordered_system, solve_bordered
from roughntk.regression.entries import entry_errors
from roughntk.regression.exceptions import REMEDY
from roughntk.regression.systems import PackedAngles, Systems, deflated_values, ratio_error
from roughntk.transport.clocks import ArcClock, Clock
from roughntk.transport.drivers import Driver, QuadratureDriver
from roughntk.transport.paths import DepthPath
from roughntk.transport.segments import Segment, relative_difference
from roughntk.transport.systems import KernelAlongDepth, LinearSystem

SPREAD = 1e-2
"""Below this s/c a segment is carried on the deflated systems when the caller leaves the choice to us."""


class DeflatedSegment(Segment):
    """The straight segment between two bordered systems, whose matrices are symmetric and indefinite."""

    def solve(self, A, right):
        return jnp.linalg.solve(A, right)

    def driver(self, clock: Clock) -> Driver:
        """The driver by quadrature, whatever the clock: there is no closed form without positive definiteness."""
        del clock
        return QuadratureDriver(self.driver_derivative, np.linspace(0.0, 1.0, 9))


class CollapsedSegment(DeflatedSegment):
    """Bordered systems of two depths in the units of the first, whose driver is that of the kernel itself.

    v' = K^{-1} [K', b'] where K = c 1 1^T + s G is singular in 64 bit: the two ends are M = [[G, 1], [1^T, -s/c]] and
    [[q G, 1], [1^T, -s/c]], q the ratio of the two s. Eliminating the last row of M [x; mu] = [r/s; 0] leaves K x = r,
    so that the upper blocks of the driver of M are v.
    """

    def driver_derivative(self, s):
        whole, n = super().driver_derivative(s), self.K0.shape[0] - 1
        return jnp.concatenate([whole[:n, :n], whole[:n, n + 1 :]], axis=1)

    def driver(self, clock: Clock) -> Driver:
        """The kernel's own driver by quadrature, whatever the clock, graded towards both ends."""
        del clock
        graded = 2.0 ** -np.arange(2, 9)
        knots = np.unique(np.concatenate([[0.0, 0.5, 1.0], graded, 1 - graded]))
        return QuadratureDriver(self.driver_derivative, knots)

    def disagreement(self) -> float:
        """The largest difference of quadrature from log(I + s [[A, C], [0, 0]]), A = K^{-1} K' and C = K^{-1} b' at 0,
        at s = 1/2 and 1, relative to the largest value of the driver."""
        M0, M1, r0, r1 = (np.asarray(part) for part in (self.K0, self.K1, self.B0, self.B1))
        n, size = len(M0) - 1, len(M0) - 1 + r0.shape[1]
        rates = Factor(M0, cholesky=False).solve(np.concatenate([M1 - M0, r1 - r0], axis=1))[:n]
        generator = np.zeros((size, size))
        generator[:n, :n], generator[:n, n:] = rates[:, :n], rates[:, n + 1 :]
        closed = np.stack([np.real(scipy.linalg.logm(np.eye(size) + s * generator))[:n] for s in (0.5, 1.0)])
        by_quadrature = self.driver(ArcClock()).sample([0.5, 1.0]).reshape(closed.shape)
        return relative_difference(closed, by_quadrature)


def kernel_segment(K0, K1, B0, B1, collapsed: tuple[Deflated, Deflated] | None = None) -> Segment:
    """The segment from which the kernel's own driver between two depths is known best.

    Args:
        K0, K1, B0, B1: the kernel matrices at both depths and their right-hand sides.
        collapsed: their deflated form on (X, X and x), shape (n, n + m), for a family that collapses; taken once the
            entries are within 1 % of one value.
    """
    if collapsed is None or not 0 <= _spread(collapsed[0]) < SPREAD:
        return Segment(*map(jnp.asarray, (K0, K1, B0, B1)))
    n = len(K0)
    change = math.exp(collapsed[1].log_scale - collapsed[0].log_scale)
    units = zip(collapsed, (1.0, change), strict=True)
    (M0, r0), (M1, r1) = (
        bordered_system(part.values[:, :n] * unit, part.values[:, n:] * unit, _spread(collapsed[0]))
        for part, unit in units
    )
    return CollapsedSegment(*map(jnp.asarray, (M0, M1, r0, r1)))


def _spread(kernel: Deflated) -> float:
    """s/c."""
    return math.exp(kernel.log_scale) / kernel.level if kernel.level else math.inf


class DeflatedDepthPath(DepthPath):
    """Graded time -> the bordered system, by piecewise Chebyshev interpolation of pairs, cross block, diagonal, s/c."""

    def solve(self, A, right):
        return jnp.linalg.solve(A, right)

    def _assemble(self, values: Array, diagonal):
        n = self.pairs.shape[0]
        G, g = super()._assemble(values[:-2], values[-2])
        one = jnp.full((n, 1), diagonal)  # 1 for the path, 0 for its derivative
        corner = jnp.full((1, 1), -values[-1])
        A = jnp.concatenate([jnp.concatenate([G, one], axis=1), jnp.concatenate([one.T, corner], axis=1)])
        return A, jnp.concatenate([g, jnp.full((1, g.shape[1]), diagonal)])


class BorderedSystem(LinearSystem):
    """M w = r, w = (u, mu)."""

    kind = "deflated"
    segment_type = DeflatedSegment

    def solve(self, what: str) -> Solution:
        return solve_bordered(self.matrix, self.right, errors=self.errors, what=what, remedy=REMEDY)

    def log_width(self, other: LinearSystem) -> float:
        return min(sum(float(np.linalg.slogdet(M)[1]) for M in (self.matrix, other.matrix)), 0.0)


def bordered_ends(systems: Systems, depth: float) -> tuple[BorderedSystem, BorderedSystem, float]:
    """The bordered systems of a depth and of the next, and s/c at the first."""
    ends = [systems.deflated(level) for level in (depth, depth + 1)]
    ratio = ends[0].ratio
    if math.isinf(ratio):
        raise InputError(
            f"expected a family whose kernel tends to another value than 0, got {systems.family.name}; use "
            f"system='kernel'"
        )
    first, last = (
        BorderedSystem(*bordered_system(end.matrix, end.right, end.ratio), bordered_errors(end.errors, end.ratio_error))
        for end in ends
    )
    return first, last, ratio


class DeflatedAlongDepth(KernelAlongDepth):
    """The bordered systems of one data set at any depth, in the units of one reference pair."""

    system_type = BorderedSystem
    path_type = DeflatedDepthPath

    def __init__(self, family: KernelFamily, angles: PackedAngles):
        super().__init__(family, angles)
        self.theta = np.append(angles.theta, 0.0)
        deepest = family.deflated(self.theta, math.inf)
        if not deepest.level:
            raise InputError(f"expected a family whose kernel tends to another value than 0, got {family.name}")
        self.reference = int(np.argmax(np.abs(deepest.values)))

    def row(self, depth: float) -> np.ndarray:
        """Deflated values of all pairs of X, of (X, x), of the diagonal; then s/c."""
        kernel = self.family.deflated(self.theta, depth)
        unit = abs(float(kernel.values[self.reference]))
        return np.append(kernel.values / unit, math.exp(kernel.log_scale + math.log(unit)) / kernel.level)

    def at(self, depth: float) -> tuple[np.ndarray, np.ndarray]:
        """(M, r) at the depth."""
        row = self.row(depth)
        return bordered_system(*self.angles.unpacked(row[:-2], row[-2]), row[-1])

    def errors(self, depth: float) -> Errors:
        """Bounds of the errors of their entries."""
        kernel = self.family.deflated(self.theta, depth)
        unit = abs(float(kernel.values[self.reference]))
        values = deflated_values(self.family, kernel, depth)
        of_angles, on = self.angles.errors(depth)
        error = entry_errors(values, self.theta, np.append(of_angles, 0.0), 0.0)
        G, g = self.angles.unpacked(error[:-1] / unit, error[-1] / unit)
        ratio = math.exp(kernel.log_scale + math.log(unit)) / kernel.level
        return bordered_errors(Errors(G, g, on), ratio_error(kernel.log_scale, ratio))

    def spectrum(self, depth: float) -> np.ndarray:
        """Eigenvalues of M but the lowest, increasing: all are positive where K is positive definite."""
        return super().spectrum(depth)[1:]
