"""The examination of claims: evidence, grounds, verdict."""

import time
from collections.abc import Iterable

import numpy as np

from roughntk._checks import InputError, MissingBackendError, shown
from roughntk.audit.claim import DIGITS, NOT_CERTIFIED, UNDECIDED, Claim, Evidence, Examined, decide
from roughntk.audit.grounds import Grounds
from roughntk.audit.subject import Subject, Watched

FAILURES = (ArithmeticError, ValueError, RuntimeError, LookupError)
"""What a wrong ingredient may raise in an examination: then nothing is decided, and the reason says so."""


def examine(claim: Claim, subject: Subject, grounds: Grounds | None = None) -> Examined:
    """One claim, for one subject.

    >>> from roughntk.audit.claims import CLAIMS
    >>> examine(CLAIMS["proposition-2"], Subject()).verdict
    'holds'
    """
    grounds = Grounds(subject) if grounds is None else grounds
    watched = Watched(subject)
    started = time.perf_counter()
    picture = None
    try:
        with np.errstate(all="ignore"):  # what a wrong ingredient makes NaN supports nothing
            evidence, picture = claim.examine(watched)  # type: ignore[arg-type]
    except MissingBackendError as error:
        evidence = [Evidence("statement", f"{NOT_CERTIFIED} ({error})", None, DIGITS)]
    except FAILURES as error:
        evidence = [Evidence("statement", f"the computation failed: {error}", None, DIGITS)]
    every = [*evidence, *grounds.of(watched.taken)]
    verdict, reason = decide(claim, every)
    needed = any(each.about == "statement" and each.supports is False for each in every) and verdict != UNDECIDED
    return Examined(
        claim.key, claim.place, claim.statement, claim.correction if needed else "", verdict, reason,
        tuple(dict.fromkeys(each.method for each in evidence if each.supports is not None)), tuple(every),
        tuple(sorted(watched.taken)), picture, time.perf_counter() - started,
    )  # fmt: skip


def chosen(claims: dict[str, Claim], keys: Iterable[str] | None) -> list[Claim]:
    """The claims of these names, in the order of the paper; all of them for None.

    Raises:
        InputError: a name that is none.
    """
    wanted = list(claims) if keys is None else list(keys)
    unknown = [key for key in wanted if key not in claims]
    if unknown:
        raise InputError(
            f"expected claims among {', '.join(claims)}, got {', '.join(map(shown, unknown))}; choose among them, or "
            "leave it out for all"
        )
    if not wanted:
        raise InputError("expected at least one claim, got none; name some, or leave it out for all")
    return [claim for key, claim in claims.items() if key in wanted]


__all__ = ["FAILURES", "chosen", "examine"]
