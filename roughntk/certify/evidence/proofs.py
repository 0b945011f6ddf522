"""Proofs: statements whose truth follows from enclosures that are computed on the spot."""

import dataclasses
import fractions

from roughntk.certify.balls import Ball, Enclosure, lower, upper


@dataclasses.dataclass(frozen=True)
class Proof:
    """A statement and what proves it.

    Attributes:
        statement: what is claimed, in words.
        method: how it follows from the evidence.
        evidence: enclosures of the numbers that decide.
        proven: whether they do; computed, so that another kernel in place of the right one changes it.
    """

    statement: str
    method: str
    evidence: tuple[Enclosure, ...]
    proven: bool

    def __str__(self) -> str:
        return f"{self.statement} ({'proven' if self.proven else 'not proven'}: {self.method})"


def between(name: str, low: fractions.Fraction, high: fractions.Fraction, bits: int, most: int = 15) -> Enclosure:
    """The enclosure of two ends, with as many digits, at most `most`, as both ends share; at least 1.

    >>> between("pi", fractions.Fraction("3.14158"), fractions.Fraction("3.14161"), 30).text
    '3.1416'
    """
    digits = 1
    while digits < most and _text(low, digits + 1) == _text(high, digits + 1):
        digits += 1
    return Enclosure(name, low, high, digits, bits)


def enclosed(name: str, value: Ball, bits: int, most: int = 15) -> Enclosure:
    """The enclosure of a ball, with as many digits as it proves, at most `most`."""
    return between(name, lower(value), upper(value), bits, most)


def _text(value: fractions.Fraction, digits: int) -> str:
    return Enclosure("", value, value, digits, 0).text


__all__ = ["Proof", "between", "enclosed"]
