"""A claim, the evidence on it, and the verdict that follows.

Nobody writes a verdict down. A claim says what it states and, where that is wrong, what is true instead; its
examination computes evidence, and `decide` reads the evidence:

    holds                  all evidence on the statement supports it
    holds with correction  some of it does not; the corrected statement, which keeps the conclusion, is supported
    fails                  some of it does not, and what is true instead, if anything is said, is supported
    not decidable here     the ingredients are not what the paper defines, the correction is not supported either, or
                           nothing can be computed here that would decide
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from roughntk.audit.subject import Subject

HOLDS, CORRECTED, FAILS, UNDECIDED = "holds", "holds with correction", "fails", "not decidable here"
VERDICTS = HOLDS, CORRECTED, FAILS, UNDECIDED

PROOF, IDENTITY, DIGITS, SIMULATION, MEASURED = (
    "proof by certified arithmetic", "exact identity", "numeric, to the digits stated", "simulation with error bars",
    "measurement",
)  # fmt: skip
"""How evidence comes about: enclosures; equality of two exact forms, checked to rounding; numbers of so many digits,
against an independent route; random networks; and numbers whose trend is read."""
METHODS = PROOF, IDENTITY, DIGITS, SIMULATION, MEASURED

NOT_CERTIFIED = "not certified here: python-flint is not installed; pip install 'roughntk[certify]'"


@dataclasses.dataclass(frozen=True)
class Evidence:
    """One thing that was looked at.

    Attributes:
        about: "statement", "correction", or "ground", what the examination rests on.
        text: what was computed and what came out, in a sentence with its numbers.
        supports: whether that supports what it is about; None where it could not be had, and `text` says why.
        method: one of METHODS.
        numbers: the numbers of the sentence by name, for JSON.
    """

    about: str
    text: str
    supports: bool | None
    method: str
    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.supports is not None:  # numpy's booleans are none of Python's
            object.__setattr__(self, "supports", bool(self.supports))


@dataclasses.dataclass(frozen=True)
class Curve:
    """Points of a picture: a line, or marks where `marks` is set."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    marks: bool = False


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of the evidence.

    Attributes:
        title: in a few words.
        xlabel: with the unit.
        ylabel: with the unit.
        curves: at least one.
        levels: (label, height) of dashed lines, as limits.
        log: "", "x", "y" or "xy", the logarithmic axes.
        caption: a sentence.
    """

    title: str
    xlabel: str
    ylabel: str
    curves: tuple[Curve, ...]
    levels: tuple[tuple[str, float], ...] = ()
    log: str = ""
    caption: str = ""


Looked = tuple[list[Evidence], Picture | None]
"""What an examination returns."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of the paper, and how it is examined.

    Attributes:
        key: its name here, as "theorem-2".
        place: where the paper has it, as "Theorem 2".
        statement: in our words.
        correction: what is true where the statement is not; empty where nothing is to be corrected.
        keeps_conclusion: whether the correction amends the statement (a missing condition, another reason, another
            rate) and keeps what it concludes, or says something else.
        examine: computes the evidence of a subject.
        of_families: whether it can be asked of another kernel family.
    """

    key: str
    place: str
    statement: str
    examine: Callable[[Subject], Looked]
    correction: str = ""
    keeps_conclusion: bool = True
    of_families: bool = False


@dataclasses.dataclass(frozen=True)
class Examined:
    """What came out for one claim.

    Attributes:
        key: of the claim.
        place: of the claim.
        statement: of the claim.
        correction: the corrected statement, where one is needed and supported; else empty.
        verdict: one of VERDICTS.
        reason: why, in a sentence.
        methods: by what kinds of evidence.
        evidence: all of it, the grounds included.
        rests_on: ingredients of the subject that were looked at.
        picture: one, or None.
        seconds: that it took.
    """

    key: str
    place: str
    statement: str
    correction: str
    verdict: str
    reason: str
    methods: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    rests_on: tuple[str, ...]
    picture: Picture | None
    seconds: float


def decide(claim: Claim, evidence: Sequence[Evidence]) -> tuple[str, str]:
    """(verdict, reason) by the evidence alone.

    >>> said = Evidence("statement", "u(1) is 1e-15 from the closed form.", True, DIGITS)
    >>> claim = Claim("theorem-0", "Theorem 0", "u(1) is the solution.", lambda subject: ([said], None))
    >>> decide(claim, [said])
    ('holds', 'u(1) is 1e-15 from the closed form.')
    >>> decide(claim, [said, Evidence("statement", "Of 8 points it is not.", False, DIGITS)])
    ('fails', 'Of 8 points it is not.')
    """
    about = {part: [each for each in evidence if each.about == part] for part in ("ground", "statement", "correction")}
    for each in about["ground"]:
        if each.supports is not True:
            return UNDECIDED, f"What it rests on is not what the paper defines: {each.text}"
    known = [each for each in about["statement"] if each.supports is not None]
    if not known:
        missing = about["statement"][0].text if about["statement"] else "nothing was looked at."
        return UNDECIDED, missing
    against = [each for each in known if not each.supports]
    if not against:
        return HOLDS, known[0].text
    if not claim.correction:
        return FAILS, against[0].text
    corrected = [each for each in about["correction"] if each.supports is not None]
    for each in corrected:
        if not each.supports:
            return UNDECIDED, f"{against[0].text} What would be true instead is not supported either: {each.text}"
    if not corrected:
        return UNDECIDED, f"{against[0].text} What would be true instead could not be looked at."
    return (CORRECTED if claim.keeps_conclusion else FAILS), against[0].text


__all__ = [
    "CORRECTED", "DIGITS", "FAILS", "HOLDS", "IDENTITY", "MEASURED", "METHODS", "NOT_CERTIFIED", "PROOF", "SIMULATION",
    "UNDECIDED", "VERDICTS", "Claim", "Curve", "Evidence", "Examined", "Looked", "Picture", "decide",
]  # fmt: skip
