"""The linear system at one end of a path, and the kernel of one data set at any depth, as the transport takes them.

These are those of the kernel itself; :mod:`roughntk.transport.deflated` has the bordered ones of a kernel that
collapses. Whoever integrates sees no difference.
"""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.kernels import KernelFamily
from roughntk.kernels.engine.evaluation import along_real_depth
from roughntk.linalg import Errors, Solution, log_determinant, solve
from roughntk.regression.entries import entry_errors
from roughntk.regression.exceptions import REMEDY
from roughntk.regression.systems import PackedAngles
from roughntk.transport.paths import DepthPath, OwnDiagonalPath
from roughntk.transport.segments import Segment

_LOOKED_AT = (1.0, 1.5, 2.0, 7.25, 100.0, 1e4, np.inf)


@dataclasses.dataclass(frozen=True)
class LinearSystem:
    """A w = b at one depth, with bounds of the errors of its entries.

    Attributes:
        matrix, right: A and b, shapes (n, n) and (n, m).
        errors: of their entries.
    """

    matrix: np.ndarray
    right: np.ndarray
    errors: Errors

    kind: ClassVar[str] = "kernel"
    segment_type: ClassVar[type[Segment]] = Segment

    def solve(self, what: str) -> Solution:
        """The coefficients in closed form; `what` names the matrix in an error."""
        solution = solve(self.matrix, self.right, errors=self.errors, what=what, remedy=REMEDY)
        u = solution.coefficients
        beyond = ~np.isfinite(u).all(axis=0)
        below = (u == 0).all(axis=0) & (self.right != 0).any(axis=0)
        bad = np.flatnonzero(beyond | below)
        if bad.size:
            where, remedy = ("beyond", "divide") if beyond[bad[0]] else ("below", "multiply")
            raise InputError(
                f"expected coefficients within float64 (5e-324 to 1.8e308), got some {where} it in "
                f"{_checks.name_rows(bad).replace('row', 'column')} of the right-hand sides of the {what}; scale B0 "
                f"and B1 alike ({remedy} them by one number): the coefficients are linear in them"
            )
        return solution

    def with_right_of(self, other: "LinearSystem") -> "LinearSystem":
        """The same matrix, with the right-hand side of another system."""
        errors = self.errors._replace(right=other.errors.right)
        return dataclasses.replace(self, right=other.right, errors=errors)

    def segment_to(self, other: "LinearSystem") -> Segment:
        """The straight path to another system."""
        return self.segment_type(*map(jnp.asarray, (self.matrix, other.matrix, self.right, other.right)))

    def between(self, other: "LinearSystem", s: float) -> "LinearSystem":
        """The system at s in [0, 1] on that path, its numbers taken as they are."""
        ends = (self.matrix, other.matrix), (self.right, other.right)
        matrix, right = (first + s * (last - first) for first, last in ends)
        errors = Errors(np.zeros_like(matrix), np.zeros_like(right), np.zeros_like(right))
        return dataclasses.replace(self, matrix=matrix, right=right, errors=errors)

    def log_width(self, other: "LinearSystem") -> float:
        """log D of the paper's clock between the two."""
        return log_determinant(self.matrix) + log_determinant(other.matrix)


class KernelAlongDepth:
    """The systems of one data set at any depth."""

    system_type: ClassVar[type[LinearSystem]] = LinearSystem
    path_type: ClassVar[type[DepthPath]] = DepthPath

    def __init__(self, family: KernelFamily, angles: PackedAngles):
        self.family, self.n, self.angles = family, angles.n, angles
        self._at = along_real_depth(family, angles.theta)

    def _values(self, depth: float) -> Callable[[np.ndarray], np.ndarray]:
        # An array of depths always takes the constant-time form: one compiled function for all depths.
        return lambda theta: np.asarray(self.family.at_angle(jnp.asarray(theta), np.array([depth])))

    def row(self, depth: float) -> np.ndarray:
        """The kernel of all pairs of X above the diagonal, then of (X, x), row by row."""
        return self._at(depth)

    def at(self, depth: float) -> tuple[np.ndarray, np.ndarray]:
        """(A, b) at the depth, in closed form."""
        return self.angles.unpacked(self.row(depth), 1.0)

    def errors(self, depth: float) -> Errors:
        """Bounds of the errors of their entries."""
        of_angles, on = self.angles.errors(depth)
        error = entry_errors(self._values(depth), self.angles.theta, of_angles, 1.0)
        return Errors(*self.angles.unpacked(error, 0.0), on)

    def system(self, depth: float) -> LinearSystem:
        """The system at the depth, in closed form."""
        return self.system_type(*self.at(depth), self.errors(depth))

    def named(self, depth: float) -> str:
        """How to call its matrix in an error."""
        return f"{self.family.name} kernel matrix at depth {depth:.10g}"

    def spectrum(self, depth: float) -> np.ndarray:
        """Eigenvalues of A at the depth, increasing."""
        return np.linalg.eigvalsh(self.at(depth)[0])

    def path(self, edges: np.ndarray, table: np.ndarray) -> DepthPath:
        """The interpolated path through rows that were tabulated."""
        return self.path_type(jnp.asarray(edges), jnp.asarray(table), jnp.asarray(self.angles.pairs))


class OwnDiagonalAlongDepth(KernelAlongDepth):
    """The same of a kernel whose diagonal is not 1 at every depth: it comes last in every row."""

    path_type = OwnDiagonalPath

    def row(self, depth: float) -> np.ndarray:
        return self._values(depth)(np.append(self.angles.theta, 0.0))

    def at(self, depth: float) -> tuple[np.ndarray, np.ndarray]:
        row = self.row(depth)
        return self.angles.unpacked(row[:-1], row[-1])

    def errors(self, depth: float) -> Errors:
        of_angles, on = self.angles.errors(depth)
        theta, own = np.append(self.angles.theta, 0.0), float(self._values(depth)(np.zeros(1))[0])
        error = entry_errors(self._values(depth), theta, np.append(of_angles, 0.0), abs(own))
        return Errors(*self.angles.unpacked(error[:-1], error[-1]), on)


def systems_along_depth(family: KernelFamily, angles: PackedAngles) -> KernelAlongDepth:
    """The systems of a kernel as it is; with its diagonal where that is not 1, at the depths looked at."""
    own = np.asarray(family.at_angle(jnp.zeros(len(_LOOKED_AT)), np.array(_LOOKED_AT)))
    return (KernelAlongDepth if (own == 1.0).all() else OwnDiagonalAlongDepth)(family, angles)
