"""Errors and warnings of solving a linear system: their texts, with what to do about it.

Whether a matrix is positive definite or indefinite is decided in :mod:`roughntk.linalg.definiteness`.
"""

import warnings

REMEDY = "make its nearly equal rows and columns differ more, or leave all but one of them out"
"""What helps where nothing is known of a matrix but its entries."""


class NotPositiveDefiniteError(ValueError):
    """A matrix is singular to working precision, or indefinite."""


class IndefiniteKernelWarning(UserWarning):
    """A matrix has negative eigenvalues; K u = b is solved, but K is no covariance."""


def singular(what: str, smallest: float, largest: float, remedy: str, *, kind: str) -> NotPositiveDefiniteError:
    """The error of a matrix with such a smallest eigenvalue; `kind` says how it is too small."""
    return NotPositiveDefiniteError(
        f"expected a positive definite {what}, got smallest eigenvalue {smallest:.3g} against a largest of "
        f"{largest:.3g}, which is {kind}; {remedy}"
    )


def singular_bordered(what: str, least: float, largest: float, remedy: str) -> NotPositiveDefiniteError:
    """The error of a bordered system with an eigenvalue of such a size."""
    return NotPositiveDefiniteError(
        f"expected a regular {what}, got one whose deflated form has the eigenvalue {least:.3g} against a largest "
        f"of {largest:.3g}, which is zero to working precision; {remedy}"
    )


def warn_indefinite(what: str, eigenvalue: float, largest: float, callers: int) -> None:
    """Warn of a negative eigenvalue, at the place that `callers` functions above the solver called it."""
    warnings.warn(
        f"{what} is indefinite: smallest eigenvalue {eigenvalue:.3g} against a largest of {largest:.3g}; the "
        f"coefficients solve K u = b, but K is no covariance: variances and exp(-K t) have no meaning",
        IndefiniteKernelWarning,
        stacklevel=3 + callers,
    )
