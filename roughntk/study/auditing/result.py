"""What an audit found, as data, in words, and as tables."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from roughntk import _display
from roughntk.audit.claim import CORRECTED, FAILS, HOLDS, UNDECIDED, VERDICTS, Examined

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

PAPER = "of the paper"
HEADINGS = ("claim", "place", "verdict", "why")
ANSWERS = {True: "yes", False: "no", None: "not known"}
"""Whether evidence supports what it is about, in words."""

COLOUR_OF = {HOLDS: "#3a8f5c", CORRECTED: "#b8860b", FAILS: "#c8553d", UNDECIDED: "#4b4b4b"}


@dataclasses.dataclass(repr=False)
class Audit(_display.Displayed):
    """The claims that were examined, each with its verdict and evidence.

    A notebook shows it as a table; `plot` draws the counts of the verdicts, and `to_dataframe` has a row for each piece
    of evidence.

    Attributes:
        examined: one for each claim, in the order of the paper.
        about: what was audited: the paper's claims, or a family.
        out: folder of the report; None if nothing was written.
    """

    examined: tuple[Examined, ...]
    about: str
    out: Path | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many claims have each verdict."""
        seen = Counter(each.verdict for each in self.examined)
        return {verdict: seen[verdict] for verdict in VERDICTS if seen[verdict]}

    @property
    def headline(self) -> str:
        """What was audited and how it ended."""
        many = _display.counted(len(self.examined), "claim")
        parts = [f"{count} {words(verdict, count)}" for verdict, count in self.counts.items()]
        return f"{many} {self.about}: {_listed(parts)}"

    @property
    def missing(self) -> list[str]:
        """Evidence that could not be had, as for want of a package: what is said of it, and how often."""
        texts = Counter(
            each.text for claim in self.examined if claim.verdict != UNDECIDED for each in claim.evidence
            if each.supports is None
        )  # fmt: skip
        return [
            f"{text.rstrip('.')} ({_display.counted(count, 'piece')} of evidence)." for text, count in texts.items()
        ]

    def rows(self) -> list[tuple[str, str]]:
        """(claim, verdict and why) for display."""
        return [(each.place, f"{each.verdict}. {each.reason}") for each in self.examined]

    def table(self) -> list[tuple[str, str, str, str]]:
        """One row a claim."""
        return [(each.key, each.place, each.verdict, each.reason) for each in self.examined]

    def of(self, key: str) -> Examined:
        """The claim of that key."""
        return next(each for each in self.examined if each.key == key)

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Bars: how many claims have each verdict.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        >>> import roughntk as rn
        >>> axes = rn.study.audit(["proposition-2"], out=None).plot()
        >>> [label.get_text() for label in axes.get_yticklabels()]
        ['holds']
        """
        with _display.drawn_on(ax) as axes:
            counts = self.counts
            names = list(counts)[::-1]
            axes.barh(names, [counts[name] for name in names], color=[COLOUR_OF[name] for name in names])
            _display.name_axes(axes, title="Verdicts", xlabel="claims", ylabel="", legend=False)
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each piece of evidence.

        Returns:
            Columns `claim`, `verdict`, `about` (statement, correction, ground), `supports`, `method`, `text`.

        >>> import roughntk as rn
        >>> list(rn.study.audit(["proposition-2"], out=None).to_dataframe().columns)
        ['claim', 'verdict', 'about', 'supports', 'method', 'text']
        """
        pairs = [(each, piece) for each in self.examined for piece in each.evidence]
        return _display.data_frame(
            {
                "claim": [each.key for each, _ in pairs],
                "verdict": [each.verdict for each, _ in pairs],
                "about": [piece.about for _, piece in pairs],
                "supports": [piece.supports for _, piece in pairs],
                "method": [piece.method for _, piece in pairs],
                "text": [piece.text for _, piece in pairs],
            }
        )

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "about": self.about,
            "counts": self.counts,
            "claims": [dataclasses.asdict(each) for each in self.examined],
        }


def words(verdict: str, count: int) -> str:
    """The verdict after a number.

    >>> words("fails", 2), words("holds", 1)
    ('fail', 'holds')
    """
    if count == 1:
        return verdict.replace("not decidable", "is not decidable")
    return {HOLDS: "hold", CORRECTED: "hold with correction", FAILS: "fail"}.get(verdict, "are not decidable here")


def _listed(parts: Sequence[str]) -> str:
    """Parts of a sentence."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


__all__ = ["ANSWERS", "COLOUR_OF", "HEADINGS", "PAPER", "Audit", "words"]
