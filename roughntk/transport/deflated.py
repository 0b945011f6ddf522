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
from roughntk.linalg import Errors, Solution, bordered_errors, bordered_system, solve_bordered
from roughntk.regression.entries import entry_errors
from roughntk.regression.systems import PackedAngles, Systems, deflated_values, ratio_error
from roughntk.transport.depth_path import DepthPath
from roughntk.transport.drivers import Segment

SPREAD = 1e-2
"""Below this s/c a segment is carried on the deflated systems when the caller leaves the choice to us."""


class DeflatedSegment(Segment):
    """The straight segment between two bordered systems, whose matrices are symmetric and indefinite."""

    def solve(self, A, right):
        return jnp.linalg.solve(A, right)


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


def deflated_segment(systems: Systems, depth: int) -> tuple[DeflatedSegment, tuple[Errors, Errors], float]:
    """The segment of bordered systems from a whole depth to the next, the errors of both ends, s/c at the first."""
    ends = [systems.deflated(level) for level in (depth, depth + 1)]
    ratio = ends[0].ratio
    if math.isinf(ratio):
        raise InputError(
            f"expected a family whose kernel tends to another value than 0, got {systems.family.name}; use "
            f"system='kernel'"
        )
    matrices, rights = zip(*(bordered_system(end.matrix, end.right, end.ratio) for end in ends), strict=True)
    first, last = (bordered_errors(end.errors, end.ratio_error) for end in ends)
    return DeflatedSegment(*map(jnp.asarray, (*matrices, *rights))), (first, last), ratio


class DeflatedKernel:
    """The bordered systems of one data set at any depth, in the units of one reference pair."""

    def __init__(self, family: KernelFamily, angles: PackedAngles):
        self.family, self.n, self.angles = family, angles.n, angles
        self.theta = np.append(angles.theta, 0.0)
        self.reference: int | None = None
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

    def solve(self, depth: float) -> Solution:
        """u and mu in closed form."""
        what = f"{self.family.name} kernel matrix at depth {depth:.10g}"
        return solve_bordered(*self.at(depth), errors=self.errors(depth), what=what)

    def spectrum(self, depth: float) -> np.ndarray:
        """Eigenvalues of M but the lowest, increasing: all are positive where K is positive definite."""
        return np.linalg.eigvalsh(self.at(depth)[0])[1:]

    def path(self, edges: np.ndarray, table: np.ndarray) -> DeflatedDepthPath:
        """The interpolated path."""
        return DeflatedDepthPath(jnp.asarray(edges), jnp.asarray(table), jnp.asarray(self.angles.pairs))
