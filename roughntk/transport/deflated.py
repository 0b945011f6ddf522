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
from jax import Array

from roughntk._checks import InputError
from roughntk.kernels import KernelFamily
from roughntk.linalg.bordered import bordered_system
from roughntk.linalg.forward_error import Errors, entry_errors
from roughntk.linalg.systems import CoefficientReport, bordered_errors, solve_deflated_system
from roughntk.regression.systems import PackedAngles, Systems, deflated_values, ratio_error
from roughntk.transport.clocks import Clock
from roughntk.transport.drivers import Driver, QuadratureDriver
from roughntk.transport.paths import DepthPath
from roughntk.transport.segments import Segment
from roughntk.transport.systems import KernelAlongDepth, LinearSystem

SPREAD = 1e-2
"""Below this s/c a segment is carried on the deflated systems when the caller leaves the choice to us."""


class DeflatedSegment(Segment):
    """The straight segment between two bordered systems, whose matrices are symmetric and indefinite."""

    def solve(self, A, right):
        return jnp.linalg.solve(A, right)

    def driver(self, clock: Clock) -> Driver:
        """The driver by quadrature, whatever the clock: there is no closed form without positive definiteness."""
        return QuadratureDriver(self.driver_derivative, np.linspace(0.0, 1.0, 9))


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

    @property
    def count(self) -> int:
        return len(self.matrix) - 1

    def solve(self, what: str) -> tuple[np.ndarray, CoefficientReport]:
        return solve_deflated_system(self.matrix, self.right, errors=self.errors, what=what)

    def log_width(self, other: LinearSystem) -> float:
        return min(sum(float(np.linalg.slogdet(M)[1]) for M in (self.matrix, other.matrix)), 0.0)


def bordered_ends(systems: Systems, depth: int) -> tuple[BorderedSystem, BorderedSystem, float]:
    """The bordered systems of a whole depth and of the next, and s/c at the first."""
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
        found = self.family.deflated(self.theta, depth)
        unit = abs(float(found.values[self.reference]))
        return np.append(found.values / unit, math.exp(found.log_scale + math.log(unit)) / found.level)

    def at(self, depth: float) -> tuple[np.ndarray, np.ndarray]:
        """(M, r) at the depth."""
        row = self.row(depth)
        return bordered_system(*self.angles.unpacked(row[:-2], row[-2]), row[-1])

    def errors(self, depth: float) -> Errors:
        """Bounds of the errors of their entries."""
        found = self.family.deflated(self.theta, depth)
        unit = abs(float(found.values[self.reference]))
        values = deflated_values(self.family, found, depth)
        of_angles, on = self.angles.errors(depth)
        error = entry_errors(values, self.theta, np.append(of_angles, 0.0), 0.0)
        G, g = self.angles.unpacked(error[:-1] / unit, error[-1] / unit)
        ratio = math.exp(found.log_scale + math.log(unit)) / found.level
        return bordered_errors(Errors(G, g, on), ratio_error(found.log_scale, ratio))

    def spectrum(self, depth: float) -> np.ndarray:
        """Eigenvalues of M but the lowest, increasing: all are positive where K is positive definite."""
        return super().spectrum(depth)[1:]
