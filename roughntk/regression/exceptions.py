"""What is said of coefficients that rounding decides, and what helps: another depth, or other points."""

import warnings

import numpy as np

from roughntk._checks import name_rows
from roughntk._checks.precision import EPS
from roughntk.linalg import Solution
from roughntk.linalg.exceptions import NotPositiveDefiniteError
from roughntk.linalg.forward_error import relative

REMEDY = (
    "choose another depth (for the ReLU kernels from 2 on, in deflated form from 3 on; less deep for kernels that tend "
    "to a constant) or move nearly equal points apart"
)
"""What helps where a kernel matrix is singular to working precision."""

FEW_DIGITS = 1e-3
"""A solution whose error may exceed this part of max(1, max |u|) comes with a warning."""


class InaccurateCoefficientsWarning(UserWarning):
    """Fewer than three digits of the coefficients are known: the system is ill conditioned, its entries are rounded."""


def require_digits(solution: Solution, what: str, *, callers: int = 1) -> None:
    """Refuse coefficients of which nothing is known, and warn of those with few digits.

    Args:
        solution: of a system whose columns belong to the test points.
        what: how to name its matrix.
        callers: how many functions of this package stand between this one and the user, for the warning's place.

    Raises:
        NotPositiveDefiniteError: the error of a column may reach max(1, max |u|).

    Warns:
        InaccurateCoefficientsWarning: it may exceed `FEW_DIGITS` of that.
    """
    errors, condition_number = relative(solution.forward_error, solution.coefficients), solution.condition_number
    unknown, few = np.flatnonzero(~(errors < 1)), np.flatnonzero(errors > FEW_DIGITS)
    if unknown.size:
        raise NotPositiveDefiniteError(
            f"expected a {what} that can be told from a singular one, got condition number {condition_number:.3g}, "
            f"at which the rounding of its entries leaves no digit of the coefficients at test {name_rows(unknown)}; "
            f"move nearly equal points apart, or choose another depth"
        )
    if few.size:
        warnings.warn(
            f"the coefficients at test {name_rows(few)} are known to {float(errors.max()):.2g} of "
            f"max(1, max |u|) only ({what}: condition number {condition_number:.3g}, which multiplies the rounding of "
            f"its entries); move nearly equal points apart, or see the forward_error of rn.regression.solve",
            InaccurateCoefficientsWarning,
            stacklevel=2 + callers,
        )


def require_known(
    condition_number: float, units: float, what: str, ridge: float, *, near: str = "", callers: int = 0
) -> None:
    """Refuse a matrix that rounding decides on, and warn of one that leaves few digits.

    Args:
        condition_number: of the matrix that is solved with.
        units: what its entries may be off by, in units of rounding.
        what, ridge: how to name it.
        near: words on rows that are to blame.
        callers: how many functions of this package stand between the caller of this one and the user.

    Raises:
        NotPositiveDefiniteError: the matrix cannot be told from a singular one.

    Warns:
        InaccurateCoefficientsWarning: predictions may be off by more than `FEW_DIGITS` of their size.
    """
    doubt = units * EPS * condition_number
    if not doubt < 1:
        raise singular(what, ridge, f"one that cannot be told from a singular or indefinite one{near}")
    if doubt > FEW_DIGITS:
        warnings.warn(
            f"the {what}{plus(ridge)} has a condition number of about {condition_number:.2g}, so that predictions are "
            f"known to about {doubt:.1g} of their size{near}; raise the ridge, or leave out nearly equal rows",
            InaccurateCoefficientsWarning,
            stacklevel=3 + callers,
        )


def plus(ridge: float) -> str:
    """The ridge in words, nothing for none."""
    return f" plus the ridge {ridge:.3g}" if ridge else ""


def singular(what: str, ridge: float, got: str) -> NotPositiveDefiniteError:
    """The error of a kernel matrix that is not positive definite with its ridge."""
    return NotPositiveDefiniteError(
        f"expected a positive definite {what}{plus(ridge)}, got {got}; raise the ridge, choose another depth, or "
        f"leave out nearly equal rows"
    )
