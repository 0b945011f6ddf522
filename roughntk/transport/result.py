"""What comes of carrying coefficients along a path: the result, whether it has converged, how far it may be off.

The coefficients are compared with the closed form at the end of the path, whose own error has a bound
(:mod:`roughntk.linalg.forward_error`). What the rounding of the two ends alone may change is the bound that the
error of the carried ones is held to.
"""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import diffrax
import numpy as np

from roughntk import _display
from roughntk._checks.precision import EPS
from roughntk.linalg import Solution
from roughntk.transport.certificate import Certificate, distance
from roughntk.transport.clocks import Clock
from roughntk.transport.drivers import Driver, QuadratureDriver
from roughntk.transport.paths import CoefficientPath

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

TOLERANCE = 1e-9
"""Largest accepted residual and error of well-conditioned systems."""

WORST_ERROR = 1e-4
"""No bound beyond this is one: nothing is called converged whose error may be larger, relative to max(1, max |u|)."""


class TransportError(RuntimeError):
    """The integration failed or its result is not known well enough; the message says by how much and what to try."""


@dataclasses.dataclass(frozen=True, repr=False)
class TransportResult(_display.Displayed):
    """Coefficients carried from one depth to another.

    A notebook shows it as a table; `plot` draws the coefficients on their way, and `to_dataframe` has them.

    Attributes:
        coefficients: u at the end, shape (n, m).
        residual: max |A u - b| over all accepted steps and all entries.
        converged: the solver reached the end, the residual is within max(1e-9, 1000 eps cond) (at most 1e-4), times the
            largest entry of the right-hand sides where that is above 1, `error` is within `error_bound`, which is at
            most 1e-4, and the `certificate` holds.
        error: max |u - K^{-1} b| / max(1, max |u|) against the closed form at the end.
        error_bound: what `error` is held to: what the rounding of the two ends may change in u, relative to
            max(1, max |u|), and at least 1e-9.
        forward_error: bound of |u - true u| for each coefficient, shape (n, m): its difference from the closed form and
            that one's own forward error (`Solution.forward_error`). Infinite where nothing is known.
        stats: steps taken, accepted and rejected, and the tolerances used; along real depth also the panels of the path
            and the size of the last Chebyshev coefficients on them (`interpolation`).
        clock: the clock of the integration (knots, position, rate); between whole depths with the paper's time, along
            real depth with the depth and the compact s = 1 - 1/l.
        path: the systems position -> (A, b); `rn.transport.vector_field(path, clock)` is the equation.
        times: the clock's times of `values`, shape (k,): its knots, or those of the depths asked for.
        values: u at those times, shape (k, n, m).
        depths: the depths at those times, shape (k,); NaN strictly between two whole depths, whose segment has none.
        errors: as `error`, at those times, shape (k,); NaN where `depths` is.
        condition_number: the largest 2-norm condition number of A seen: of the ends, along real depth on the way too.
        certificate: what is proven of the error: a :class:`Certificate`; its `along` and `errors` are at the times of
            `errors`.
        system: "kernel", or "deflated" where the bordered systems of a family that collapses were integrated
            (:mod:`roughntk.transport.deflated`): path and drivers are then theirs, n + 1 rows and n + 1 + m columns.
        drivers_vanish: whether the drivers of the kernel itself, K_L^{-1} (K_{L+1} - K_L), vanish as L grows. Those of
            hyperbolic families do not; theirs of the deflated systems do.
    """

    coefficients: np.ndarray
    residual: float
    converged: bool
    error: float
    error_bound: float
    forward_error: np.ndarray
    stats: dict[str, Any]
    clock: Clock
    path: CoefficientPath
    times: np.ndarray
    values: np.ndarray
    depths: np.ndarray
    errors: np.ndarray
    condition_number: float
    certificate: Certificate
    system: str = "kernel"
    drivers_vanish: bool = True

    @property
    def headline(self) -> str:
        """From where to where, and whether it converged."""
        n, m = self.coefficients.shape
        converged = "converged" if self.converged else "not converged"
        return (
            f"{_display.counted(n, 'data point')}, {_display.counted(m, 'test point')}, {self._way}; {converged}, "
            f"residual {self.residual:.2g}, error {self.error:.2g} (proven: at most "
            f"{_display.rounded_up(self.certificate.relative, 2)})"
        )

    @property
    def _way(self) -> str:
        if not len(self.depths):
            return "no depths"
        return f"depth {_display.depth_words(self.depths[0])} to {_display.depth_words(self.depths[-1])}"

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        n, m = self.coefficients.shape
        steps = ", ".join(f"{self.stats[key]} {key}" for key in ("steps", "accepted", "rejected") if key in self.stats)
        return [
            ("coefficients", f"{n} by {m}, {self._way}"),
            ("converged", "yes" if self.converged else "no"),
            ("residual", f"{self.residual:.3g}"),
            ("error against the closed form", f"{self.error:.3g}, bound {self.error_bound:.3g}"),
            *self.certificate.rows(),
            ("largest condition number", f"{self.condition_number:.3g}"),
            ("solver", ", ".join(filter(None, [str(self.stats.get("solver", "")), steps])) or "not recorded"),
            ("system", self.system),
        ]

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The coefficients of the first test point on their way; markers are the values carried, joined by lines.

        They stand over s = 1 - 1/L where the depth L of every value is known, the ticks being depths, and over the time
        of the clock between two whole depths. Of more than ten coefficients the ten largest at the end are drawn.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes.

        >>> import roughntk as rn
        >>> X, x = rn.sphere.uniform(3, 4, 0), rn.sphere.uniform(1, 4, 1)
        >>> axes = rn.transport.between_depths(rn.kernels.ReluNTK(), X, x, depth=2).plot()
        >>> axes.get_title(), len(axes.get_legend().get_texts())
        ('Coefficients, depth 2 to 3', 3)
        """
        with _display.drawn_on(ax) as axes:
            u = self.values[:, :, 0] if self.values.ndim == 3 and self.values.size else np.zeros((0, 0))
            if not u.size:
                _display.write_instead(axes, "no coefficients")
            by_depth = bool(np.isfinite(1 / self.depths).all()) if u.size else False
            across = 1 - 1 / self.depths if by_depth else self.times
            largest = np.argsort(-np.abs(np.nan_to_num(u[-1])), kind="stable") if u.size else np.zeros(0, dtype=int)
            for place, i in enumerate(np.sort(largest[: _display.MOST_CURVES])):
                axes.plot(across, u[:, i], label=f"$u_{{{i}}}$", **_display.look(place))
            if u.size and by_depth:
                _display.plain_ticks(axes.xaxis, across, [_short_depth(depth) for depth in self.depths])
            of = ""
            if self.values.ndim == 3 and self.values.shape[2] > 1:
                of = " of the first test point"
            _display.name_axes(
                axes,
                title=f"Coefficients{of}, {self._way}" + ("" if self.converged else " (not converged)"),
                xlabel="network depth $L$ (placed at $1 - 1/L$)" if by_depth else "time of the clock (dimensionless)",
                ylabel="coefficient $u_i$ (dimensionless)",
                legend=bool(u.size),
            )
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each value on the way: by time, then test point, then data point.

        Returns:
            Columns `time` (of the clock), `depth` (NaN strictly between two whole depths), `test_point` and
            `data_point` (from 0), `coefficient`, `error` (against the closed form, of all coefficients at that time
            together, relative to max(1, max |u|); NaN where `depth` is), `proven` (what that can be at most).

        >>> import roughntk as rn
        >>> X, x = rn.sphere.uniform(3, 4, 0), rn.sphere.uniform(1, 4, 1)
        >>> frame = rn.transport.between_depths(rn.kernels.ReluNTK(), X, x, depth=2).to_dataframe()
        >>> frame[frame.depth == 3].coefficient.round(4).tolist()
        [0.2024, 0.0324, 0.066]
        """
        k, n, m = self.values.shape
        return _display.data_frame(
            {
                "time": np.repeat(self.times, n * m),
                "depth": np.repeat(self.depths, n * m),
                "test_point": np.tile(np.repeat(np.arange(m), n), k),
                "data_point": np.tile(np.arange(n), k * m),
                "coefficient": np.swapaxes(self.values, 1, 2).ravel(),
                "error": np.repeat(self.errors, n * m),
                "proven": np.repeat(self.certificate.along, n * m),
            }
        )

    @functools.cached_property
    def drivers(self) -> Driver:
        """The driver v, values (n, n + m), a path on the positions of `path`, computed when first asked for."""
        return self.path.driver(self.clock)

    @functools.cached_property
    def paper_driver(self) -> QuadratureDriver:
        """The paper's own driver (its equation 5), which carries the solution in it, for every test point k:

            v_ijk = -int (A^{-1} A')_ij u_jk ds,  j <= n,        v_i,n+1,k = int (A^{-1} b_k')_i ds,

        values (n, n + 1, m) on the times of `drivers`. Its row sums are the solution: u - u(0) = v 1_{n+1}.

        Source: StArnaud2025, equation 5 and Theorem 3.
        """
        return QuadratureDriver(self.path.paper_derivative, self.drivers.knots)


def _short_depth(depth: float) -> str:
    """A depth as the label of a tick."""
    return "$\\infty$" if np.isinf(depth) else f"{depth:.4g}"


class Verdict(NamedTuple):
    """What is known of the coefficients at the end.

    Attributes:
        converged: the solver reached the end, the residual is within its tolerance, the error within its bound, and
            nothing contradicts the certificate.
        error: max |u - closed form| / max(1, max |u|).
        error_bound: what that was held to: the relative forward errors of both ends together, at least 1e-9.
        forward_error: bound of |u - true u| for each coefficient: the difference from the closed form and that one's
            bound. (n, m).
    """

    converged: bool
    error: float
    error_bound: float
    forward_error: np.ndarray


def judge(
    outcome, residual: float, u: np.ndarray, ends: tuple[Solution, Solution], certificate: Certificate, steps: int, *,
    throw: bool, size: float = 1.0,
) -> Verdict:  # fmt: skip
    """The verdict on u, shape (n, m), by the closed forms of both ends and by the certificate.

    Args:
        outcome: what the solver says.
        residual: max |A u - b| over all steps.
        u: the coefficients at the end.
        ends: the closed forms at the start and at the end.
        certificate: of u.
        steps: that the solver took.
        throw: raise unless they converged.
        size: of the right-hand sides, at least 1, which rounding leaves in the residual.

    Raises:
        TransportError: they did not, and `throw` is set.
    """
    condition = max(end.condition_number for end in ends)
    allowed = size * min(max(TOLERANCE, 1000 * EPS * condition), WORST_ERROR)
    error_bound = max(TOLERANCE, sum(end.relative_error for end in ends))
    exact = ends[1].coefficients
    error = distance(u, exact)
    with np.errstate(invalid="ignore"):
        forward = np.abs(u - exact) + ends[1].forward_error
    forward = np.where(np.isfinite(forward), forward, np.inf)
    reached = bool(outcome == diffrax.RESULTS.successful)
    known = error_bound <= WORST_ERROR
    converged = reached and residual <= allowed and known and error <= error_bound and certificate.holds
    if throw and not converged and not certificate.holds:
        raise TransportError(
            f"expected coefficients within what is proven of their difference from the closed form, at most "
            f"{certificate.relative:.2g} at the end, got {error:.2g}: either the closed form or the proof is wrong; "
            f"inspect both in the result with throw=False, and report it"
        )
    if throw and not converged:
        if not reached:
            cause = "the solver stopped early"
        elif not known:
            cause = "the rounding of the kernel's entries leaves too few digits at an end"
        elif residual > allowed:
            cause = "the residual is too large"
        else:
            cause = "the coefficients are too far from the closed form"
        remedy = (
            "move nearly equal points apart, choose another depth" if reached and not known
            else "lower rtol and atol, raise max_steps"
        )  # fmt: skip
        raise TransportError(
            f"expected max |A u - b| <= {allowed:.2g} and coefficients within {min(error_bound, WORST_ERROR):.2g} of "
            f"the closed form, got {residual:.2g} and {error:.2g} after {steps} steps ({cause}; "
            f"condition number {condition:.2g}, forward error of the ends {error_bound:.2g}); {remedy}, use "
            f"rn.coefficients, or inspect the result with throw=False"
        )
    return Verdict(converged, error, error_bound, forward)
