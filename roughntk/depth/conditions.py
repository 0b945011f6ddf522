"""What `roughntk.depth.criteria.check` finds: each condition with verdict, counterexample and evidence."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from roughntk import _checks

HOLDS, FAILS, OPEN = "holds", "fails", "not decided"


@dataclasses.dataclass(frozen=True)
class Counterexample:
    """Where a condition fails: the points (unit rows), the depth, and the number that shows it."""

    where: str
    depth: int
    quantity: str
    value: float
    points: NDArray[np.float64] | None = dataclasses.field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.quantity} {self.value:.4g} on {self.where} at depth {self.depth}"


@dataclasses.dataclass(frozen=True)
class Condition:
    """One condition: its verdict ("holds", "fails" or "not decided"), and why.

    Attributes:
        name: bounded, positive definite, determinant, summable or hyperbolic.
        verdict: "holds" where no counterexample was found, "fails" with a counterexample or a measured limit.
        from_depth: the first tested depth from which it holds to the deepest depth tested; None if it does not. Of a
            trend: from where on det (determinant) or the movements (summable) fall at every depth tested, or increments
            shrink by one factor below 1 for all pairs (hyperbolic).
        counterexample: the worst one; also where the condition holds from a later depth on.
        evidence: what was measured.
    """

    name: str
    verdict: str
    from_depth: int | None
    counterexample: Counterexample | None
    evidence: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Criteria:
    """The conditions of Section 6 for one family or sequence.

    Attributes:
        name: of the family, or of the callable.
        conditions: bounded, positive definite, determinant, summable, hyperbolic.
        deepest: the deepest depth tested.
        has_limit: whether the coefficients have a limit, if what was seen to some depth goes on; None where that is not
            decided. They have one where any two from depths L to 2L come nearer to each other fast enough with each
            doubling of L; none where they swing as far again and again, or grow without bound. A sequence may do
            something else deeper down, which nothing that is measured can rule out.
        reason: what `has_limit` rests on, and to which depth it was seen; or why it is open.
    """

    name: str
    conditions: tuple[Condition, ...]
    deepest: int
    has_limit: bool | None = None
    reason: str = ""

    def __getitem__(self, name: str) -> Condition:
        chosen = _checks.choice(name, tuple(each.name for each in self.conditions), "condition")
        return next(each for each in self.conditions if each.name == chosen)

    @property
    def limit_text(self) -> str:
        """Whether the coefficients have a limit, and the reason."""
        return f"{ {True: 'yes', False: 'no', None: 'not decided'}[self.has_limit] }: {self.reason}"

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """(condition, verdict, from depth, counterexample, evidence) for display."""
        return [
            (
                each.name,
                each.verdict,
                "-" if each.from_depth is None else str(each.from_depth),
                "none found" if each.counterexample is None else str(each.counterexample),
                "; ".join(each.evidence),
            )
            for each in self.conditions
        ]

    def __str__(self) -> str:
        lines = [f"{self.name}, depths to {self.deepest:,}; 'holds' means that no counterexample was found"]
        for name, word, start, counterexample, evidence in self.rows():
            since = "" if start == "-" else f" from depth {start} on"
            lines.append(f"  {name:<18}{word}{since}; counterexample: {counterexample}")
            lines.append(f"  {'':<18}{evidence}")
        lines.append(f"  {'has a limit':<18}{self.limit_text}")
        return "\n".join(lines)


__all__ = ["FAILS", "HOLDS", "OPEN", "Condition", "Counterexample", "Criteria"]
