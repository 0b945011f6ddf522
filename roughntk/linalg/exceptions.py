"""Errors and warnings of solving a linear system: their texts, with what to do about it.

Whether a matrix is positive definite or indefinite is decided in :mod:`roughntk.linalg.definiteness`.
"""

import warnings

import numpy as np

from roughntk._checks import name_rows

FEW_DIGITS = 1e-3
"""A solution whose error may exceed this part of max(1, max |u|) comes with a warning."""


class NotPositiveDefiniteError(ValueError):
    """A kernel matrix is singular to working precision, or indefinite."""


class InaccurateCoefficientsWarning(UserWarning):
    """Fewer than three digits of the coefficients are known: the system is ill conditioned, its entries are rounded."""


class IndefiniteKernelWarning(UserWarning):
    """A kernel matrix has negative eigenvalues; its coefficients solve K u = b, but it is no covariance."""


def singular(what: str, smallest: float, largest: float, *, kind: str) -> NotPositiveDefiniteError:
    """The error of a matrix with such a smallest eigenvalue; `kind` says how it is too small."""
    return NotPositiveDefiniteError(
        f"expected a positive definite {what}, got smallest eigenvalue {smallest:.3g} against a largest of "
        f"{largest:.3g}, which is {kind}; choose another depth (from 2 on for the ReLU "
        f"kernels; less deep for kernels that tend to a constant) or move nearly equal points apart"
    )


def singular_bordered(what: str, least: float, largest: float) -> NotPositiveDefiniteError:
    """The error of a bordered system with an eigenvalue of such a size."""
    return NotPositiveDefiniteError(
        f"expected a regular {what}, got one whose deflated form has the eigenvalue {least:.3g} against a largest "
        f"of {largest:.3g}, which is zero to working precision; move nearly equal points apart, or choose "
        f"another depth (from 3 on for the ReLU kernels)"
    )


def warn_indefinite(what: str, eigenvalue: float, largest: float, callers: int) -> None:
    """Warn of a negative eigenvalue, at the place that `callers` functions above the solver called it."""
    warnings.warn(
        f"{what} is indefinite: smallest eigenvalue {eigenvalue:.3g} against a largest of {largest:.3g}; the "
        f"coefficients solve K u = b, but variances and training dynamics have no meaning on these points",
        IndefiniteKernelWarning,
        stacklevel=3 + callers,
    )


def require_digits(relative_errors: np.ndarray, condition_number: float, what: str, *, callers: int = 1) -> None:
    """Refuse a solution of which nothing is known, and warn of one with few digits.

    Args:
        relative_errors: of each column, as parts of max(1, max |u|), shape (m,).
        condition_number: of the system.
        what: how to name its matrix.
        callers: how many functions of this package stand between this one and the user, for the warning's place.

    Raises:
        NotPositiveDefiniteError: the error of a column reaches 1.

    Warns:
        InaccurateCoefficientsWarning: it exceeds `FEW_DIGITS`.
    """
    unknown, few = np.flatnonzero(~(relative_errors < 1)), np.flatnonzero(relative_errors > FEW_DIGITS)
    if unknown.size:
        raise NotPositiveDefiniteError(
            f"expected a {what} that can be told from a singular one, got condition number {condition_number:.3g}, "
            f"at which the rounding of its entries leaves no digit of the coefficients at test {name_rows(unknown)}; "
            f"move nearly equal points apart, or choose another depth"
        )
    if few.size:
        warnings.warn(
            f"the coefficients at test {name_rows(few)} are known to {float(relative_errors.max()):.2g} of "
            f"max(1, max |u|) only ({what}: condition number {condition_number:.3g}, which multiplies the rounding of "
            f"its entries); move nearly equal points apart, or see the forward_error of rn.regression.solve",
            InaccurateCoefficientsWarning,
            stacklevel=2 + callers,
        )
