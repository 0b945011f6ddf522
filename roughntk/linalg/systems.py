"""Symmetric linear systems: factored once, solved, refined once, and reported on.

Every solution carries a bound of its distance from the solution of the true system
(:mod:`roughntk.linalg.forward_error`). Refinement mends the rounding of the factorisation; what the entries of the
system are off by stays, and is what the bound mostly consists of. Systems whose matrix tends to a constant are solved
in another form (:mod:`roughntk.linalg.bordered`).
"""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from roughntk import _display
from roughntk._checks import InputError, flag
from roughntk.linalg.exceptions import REMEDY, singular, warn_indefinite
from roughntk.linalg.factor import Factor
from roughntk.linalg.forward_error import Errors, forward_error, relative

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

CHOLESKY, INDEFINITE, DEFLATED, ITERATIVE = "cholesky", "symmetric indefinite", "deflated", "iterative"
"""The methods, as `Solution.method` says them."""


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Solution(_display.Displayed):
    """The solution of a linear system K u = b, and how it was found.

    A notebook shows it as a table; `plot` draws it, and `to_dataframe` has its numbers.

    Attributes:
        coefficients: u, shape (n, m).
        residual: max |M u - r| over all entries of the system that was solved.
        condition_number: 2-norm condition number of its matrix.
        smallest_eigenvalue: smallest eigenvalue of K; with method "deflated" that of G on the complement of 1; of K/s
            where s is below the range of float64 (`roughntk.linalg.bordered.solve_deflated`).
        method: "cholesky"; "symmetric indefinite" where K has negative eigenvalues; "deflated" for the bordered
            system, whose matrix is not K; "iterative" for conjugate gradients, where the condition number is that of
            the preconditioned matrix, an estimate from below, the residual relative to the right-hand sides, the
            smallest eigenvalue NaN, and the forward error an estimate: condition number times residual; "balls" for
            ball arithmetic, where the forward error is proven.
        positive_definite: whether K is.
        forward_error: a bound of |u - true u| for each coefficient, shape (n, m): the rounding of the solution and
            the errors of the entries of the system. Infinite where the matrix cannot be told from a singular one.
        relative_error: the largest of max |u - true u| / max(1, max |u|) over the columns by that bound.
        multipliers: mu of a bordered system, shape (m,); None for a plain one.
        iterations: of conjugate gradients; None where K was factored.
    """

    coefficients: Float[np.ndarray, "n m"]
    residual: float
    condition_number: float
    smallest_eigenvalue: float
    method: str = CHOLESKY
    positive_definite: bool = True
    forward_error: np.ndarray = dataclasses.field(default_factory=lambda: np.full((0, 0), np.inf), repr=False)
    relative_error: float = np.inf
    multipliers: np.ndarray | None = dataclasses.field(default=None, repr=False)
    iterations: int | None = None

    @property
    def unknowns(self) -> np.ndarray:
        """All that the system was solved for: u, and mu below it where the system is bordered."""
        if self.multipliers is None:
            return self.coefficients
        return np.concatenate([self.coefficients, self.multipliers[None]])

    @property
    def headline(self) -> str:
        """The size of u, how it was found, and how far it may be off."""
        n, m = self.coefficients.shape
        return (
            f"{_display.counted(n, 'coefficient')} at {_display.counted(m, 'point')}, {self.method}, condition number "
            f"{self.condition_number:.3g}, relative error at most {self.relative_error:.2g}"
        )

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        n, m = self.coefficients.shape
        return [
            ("coefficients", f"{n} by {m}"),
            ("method", self.method),
            ("positive definite", "yes" if self.positive_definite else "no"),
            ("condition number", f"{self.condition_number:.3g}"),
            ("smallest eigenvalue", f"{self.smallest_eigenvalue:.3g}"),
            ("residual", f"{self.residual:.3g}"),
            ("relative error at most", f"{self.relative_error:.3g}"),
        ]

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The coefficients u_i against i, a curve a column, with the bounds of their errors where these are finite.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes. Of more than four columns the first four are drawn, and the title says so.

        >>> import numpy as np
        >>> solution = solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([[2.0], [2.0]]))
        >>> solution.plot().get_title()
        'Coefficients (condition number 2)'
        """
        with _display.drawn_on(ax) as axes:
            of = _display.draw_columns(axes, self.coefficients, self._bounds(), "test point")
            if not self.coefficients.size:
                _display.write_instead(axes, "no coefficients")
            _display.name_axes(
                axes,
                title=f"Coefficients {of}(condition number {self.condition_number:.3g})",
                xlabel="data point $i$",
                ylabel="coefficient $u_i$ (dimensionless)",
                legend=self.coefficients.shape[1] > 1,
            )
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each coefficient, the data points of the first test point first.

        Returns:
            Columns `test_point` and `data_point` (from 0), `coefficient` (u), `error_bound` (of |u - true u|; infinite
            where nothing is known).

        >>> import numpy as np
        >>> solution = solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([[2.0], [2.0]]))
        >>> solution.to_dataframe()[["data_point", "coefficient"]]
           data_point  coefficient
        0           0          1.0
        1           1          0.5
        """
        n, m = self.coefficients.shape
        return _display.data_frame(
            {
                "test_point": np.repeat(np.arange(m), n),
                "data_point": np.tile(np.arange(n), m),
                "coefficient": self.coefficients.T.ravel(),
                "error_bound": self._bounds().T.ravel(),
            }
        )

    def _bounds(self) -> np.ndarray:
        """`forward_error` in the shape of the coefficients."""
        if self.forward_error.shape == self.coefficients.shape:
            return self.forward_error
        return np.full(self.coefficients.shape, np.inf)


def solve(
    K: np.ndarray,
    B: np.ndarray,
    *,
    errors: Errors | None = None,
    what: str = "matrix",
    remedy: str = REMEDY,
    indefinite: bool = False,
    method: str = "auto",
    callers: int = 1,
) -> Solution:
    """Solve K u = B, with residual, condition number and a bound of the error.

    Args:
        K: symmetric, shape (n, n).
        B: right-hand sides, shape (n, m).
        errors: bounds of the errors of the entries of K and B; by default they are right to rounding (eps).
        what: how to name K in an error.
        remedy: what to do about a singular K, for the error.
        indefinite: take a K with negative eigenvalues by a symmetric indefinite factorisation, with a warning.
        method: "cholesky", "symmetric indefinite", or "auto" for the first where K is positive definite.
        callers: how many functions of this package stand between this one and the user, for the warning's place.

    Raises:
        NotPositiveDefiniteError: an eigenvalue is zero to working precision (n eps times the largest), or negative
            without `indefinite`.
        InputError: "cholesky" was asked for, and K has negative eigenvalues.

    Warns:
        IndefiniteKernelWarning: K is indefinite; the message names the eigenvalue.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> solution = rn.linalg.solve(np.array([[2.0, 0.0], [0.0, 4.0]]), np.array([[2.0], [2.0]]))
    >>> solution.coefficients.tolist(), solution.method
    ([[1.0], [0.5]], 'cholesky')
    """
    indefinite = flag(indefinite, "indefinite")
    factor = Factor(K, cholesky=False if method == INDEFINITE else None)
    smallest, largest, definite = factor.smallest, factor.largest, factor.positive_definite
    if not definite and not (indefinite and factor.regular):
        below = abs(smallest) > factor.noise and not indefinite
        raise singular(what, smallest, largest, remedy, kind="negative" if below else "zero to working precision")
    if not definite and method == CHOLESKY:
        raise InputError(
            f"expected a positive definite {what} with method='cholesky', got smallest eigenvalue {smallest:.3g} "
            f"against a largest of {largest:.3g}; use method='auto' or 'symmetric indefinite'"
        )
    if not definite:
        warn_indefinite(what, smallest, largest, callers)
    return Solution(
        **solved(factor, B, errors or Errors.of_rounding(K, B)),
        condition_number=factor.condition_number,
        smallest_eigenvalue=smallest,
        method=CHOLESKY if factor.by_cholesky else INDEFINITE,
        positive_definite=definite,
    )


def solved(factor: Factor, right: np.ndarray, errors: Errors, *, rows: int | None = None) -> dict:
    """The fields of a `Solution` that follow from a factor; the first `rows` of what is solved for are coefficients."""
    u = factor.solve(right)
    u = np.where(errors.on_data.any(axis=0), errors.on_data, u)
    bound = forward_error(factor.matrix, right, u, factor.inverse, errors)[:rows]
    return {
        "coefficients": u[:rows],
        "residual": float(np.max(np.abs(factor.matrix @ u - right), initial=0.0)),
        "forward_error": bound,
        "relative_error": float(relative(bound, u[:rows]).max(initial=0.0)),
        "multipliers": None if rows is None else u[rows],
    }
