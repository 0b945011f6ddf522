"""Whether coefficients that were carried along a path have converged, and how far they may be off.

They are compared with the closed form at the end of the path, whose own error has a bound
(:mod:`roughntk.linalg.forward_error`). What the rounding of the two ends alone may change is the bound that the
error of the carried ones is held to.
"""

from typing import Any, NamedTuple

import diffrax
import numpy as np

from roughntk._checks.precision import EPS
from roughntk.linalg import Solution

TOLERANCE = 1e-9
"""Largest accepted residual and error of well-conditioned systems."""

WORST_ERROR = 1e-4
"""No bound beyond this is one: nothing is called converged whose error may be larger, relative to max(1, max |u|)."""


class TransportError(RuntimeError):
    """The integration failed or its result is not known well enough; the message says by how much and what to try."""


class Verdict(NamedTuple):
    """What is known of the coefficients at the end.

    Attributes:
        converged: the solver reached the end, the residual is within its tolerance and the error within its bound.
        error: max |u - closed form| / max(1, max |u|).
        error_bound: what that was held to: the relative forward errors of both ends together, at least 1e-9.
        forward_error: bound of |u - true u| for each coefficient: the difference from the closed form and that one's
            bound. (n, m).
    """

    converged: bool
    error: float
    error_bound: float
    forward_error: np.ndarray


def distance(u: np.ndarray, exact: np.ndarray) -> float:
    """max |u - exact| / max(1, max |exact|); infinite where u is not finite."""
    gap = float(np.max(np.abs(u - exact))) / max(1.0, float(np.max(np.abs(exact))))
    return gap if np.isfinite(gap) else np.inf


def judge(
    outcome, residual: float, u: np.ndarray, ends: tuple[Solution, Solution], stats: dict[str, Any], *, throw: bool,
    size: float = 1.0,
) -> Verdict:  # fmt: skip
    """The verdict on u, shape (n, m), by the closed forms of both ends.

    Args:
        outcome: what the solver says.
        residual: max |A u - b| over all steps.
        u: the coefficients at the end.
        ends: the closed forms at the start and at the end.
        stats: of the solver.
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
    converged = reached and residual <= allowed and known and error <= error_bound
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
            f"the closed form, got {residual:.2g} and {error:.2g} after {int(stats['num_steps'])} steps ({cause}; "
            f"condition number {condition:.2g}, forward error of the ends {error_bound:.2g}); {remedy}, use "
            f"rn.coefficients, or inspect the result with throw=False"
        )
    return Verdict(converged, error, error_bound, forward)
