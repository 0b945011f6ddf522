"""What a comparison of families finds, as data."""

import dataclasses
import re
from pathlib import Path

from roughntk.study.analysis.prediction import Baselines, Prediction
from roughntk.study.config import StudyConfig
from roughntk.study.data import DataSet
from roughntk.study.depths import in_words
from roughntk.study.result import Study


def folder_of(name: str) -> str:
    """The name of the folder of a family's own study.

    >>> folder_of("relu-ntk"), folder_of("my kernel/2")
    ('relu-ntk', 'my-kernel-2')
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-")[:60] or "family"


def _rounded(error: float) -> float:
    """Errors that differ by rounding are one: at depth 1 many families are the linear kernel."""
    return float(f"{error:.9g}")


@dataclasses.dataclass(frozen=True)
class Member:
    """One family of a comparison.

    Attributes:
        config: the settings of its study.
        study: None where it failed.
        failure: why it failed, else empty.
    """

    config: StudyConfig
    study: Study | None
    failure: str = ""

    @property
    def name(self) -> str:
        """Of the family."""
        return self.config.family_name

    @property
    def prediction(self) -> Prediction | None:
        """Its errors on held rows; None where nothing was predicted."""
        return None if self.study is None else self.study.prediction


@dataclasses.dataclass(repr=False)
class Comparison:
    """Studies of several families on the same points.

    The samples of the drivers and the coefficients of the transports are not kept, since those of all families together
    may not fit in memory: `study.drivers.paths` have no rows.

    Attributes:
        data: the points.
        members: one for each family, in the order in which they were given.
        baselines: what was predicted without any family; None where there is nothing to predict.
        summary: lines for a person: which family predicts best, what depth does to each, the checks.
        timings: seconds for each family.
        out: folder of the report, None when nothing was written.
    """

    data: DataSet
    members: list[Member]
    baselines: Baselines | None
    timings: dict[str, float]
    summary: list[str] = dataclasses.field(default_factory=list)
    out: Path | None = None

    @property
    def studies(self) -> list[Study]:
        """Those that were finished."""
        return [each.study for each in self.members if each.study is not None]

    @property
    def predicted(self) -> list[tuple[Member, Prediction]]:
        """Members with predictions, in the order given."""
        return [(each, each.prediction) for each in self.members if each.prediction is not None]

    @property
    def ranked(self) -> list[tuple[Member, Prediction]]:
        """Members with predictions, the least error on the held rows first, each at its best depth."""
        return sorted(self.predicted, key=lambda pair: _rounded(float(pair[1].at[pair[1].best].losses.mean())))

    @property
    def taken(self) -> tuple[Member, Prediction] | None:
        """The member of the least leave-one-out error on the training points; None without predictions."""
        return min(self.predicted, key=lambda pair: _rounded(pair[1].at[pair[1].taken].left_out), default=None)

    def __getitem__(self, name: str) -> Study:
        """The study of the family of that name; KeyError where there is none."""
        study = next((each.study for each in self.members if each.name == name), None)
        if study is None:
            raise KeyError(name)
        return study

    def __repr__(self) -> str:
        text = f"<Comparison of {', '.join(each.name for each in self.members)} on {self.data.name}"
        if self.ranked:
            member, predicted = self.ranked[0]
            text += f": the least error has {member.name} at depth {in_words(predicted.best)}"
        return text + ">"


__all__ = ["Comparison", "Member", "folder_of"]
