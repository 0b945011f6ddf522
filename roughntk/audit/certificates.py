"""Evidence by proof, where python-flint is there to make it."""

from collections.abc import Callable
from typing import Any

from roughntk._checks import MissingBackendError
from roughntk.audit.claim import NOT_CERTIFIED, PROOF, Evidence


def proved(about: str, compute: Callable[[], tuple[str, bool, dict[str, Any]]]) -> Evidence:
    """What `compute` proves, as evidence; without python-flint evidence that could not be had.

    Args:
        about: "statement", "correction" or "ground".
        compute: returns (text, whether it supports what it is about, numbers).

    >>> proved("statement", lambda: ("1 < 2.", True, {})).method
    'proof by certified arithmetic'
    """
    try:
        text, supports, numbers = compute()
    except MissingBackendError:
        return Evidence(about, NOT_CERTIFIED, None, PROOF)
    return Evidence(about, text, bool(supports), PROOF, numbers)


__all__ = ["proved"]
