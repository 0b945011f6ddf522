"""What a comparison of families finds, as data."""

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from roughntk import _display
from roughntk._checks import InputError
from roughntk.study.analysis.prediction import Baselines, Prediction
from roughntk.study.config import StudyConfig
from roughntk.study.data import DataSet
from roughntk.study.depths import in_words
from roughntk.study.result import Study

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


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
class Comparison(_display.Displayed):
    """Studies of several families on the same points.

    A notebook shows it as a table; `plot` draws the error of every family against depth, and `to_dataframe` has a row
    for each family and depth.

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
    def curves(self) -> list[tuple[str, Prediction]]:
        """Families with predictions, by name."""
        return [(member.name, one) for member, one in self.predicted]

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

    @property
    def headline(self) -> str:
        """Which family predicts best."""
        names = ", ".join(each.name for each in self.members)
        text = f"{_display.shortened(self.data.name, 40)}, {_display.shortened(names, 60)}"
        if self.ranked:
            member, predicted = self.ranked[0]
            text += f", least error by {_display.shortened(member.name, 20)} at depth {in_words(predicted.best)}"
        return text

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display: the families, and the lines of `summary`."""
        rows = [("data", self.data.name), ("families", ", ".join(each.name for each in self.members))]
        rows += [(f"finding {number}", line) for number, line in enumerate(self.summary, start=1)]
        return rows if self.out is None else [*rows, ("report", str(self.out / "report.html"))]

    def remarks(self) -> tuple[str, ...]:
        """What was guessed about the data, and what is to be heeded."""
        return self.data.notes

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The error or accuracy of every family against depth, beside two baselines.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes.

        Raises:
            InputError: nothing was predicted.
        """
        from roughntk.study.comparison.figure import draw  # matplotlib takes a while to import

        if self.baselines is None or not self.predicted:
            raise InputError("expected a comparison with predictions, got one without; give data with a target")
        with _display.drawn_on(ax) as axes:
            draw(axes, self.curves, self.baselines)
            axes.legend(loc="best", frameon=True, framealpha=0.85)
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each family and depth with a prediction.

        Returns:
            Columns `family`, `depth`, `accuracy` or `rmse` on the rows that are not for training, `ridge` and
            `leave_one_out` (root mean square, on the training points). No rows where nothing was predicted.
        """
        records = [(member.name, one.record()) for member, one in self.predicted]
        measure = records[0][1]["measure"] if records else "rmse"
        rows = [(name, row) for name, record in records for row in record["depths"]]
        columns: dict[str, list] = {"family": [name for name, _ in rows]}
        for name, key in (("depth", "depth"), (measure, "score"), ("ridge", "ridge"), ("leave_one_out",) * 2):
            columns[name] = [row[key] for _, row in rows]
        return _display.data_frame(columns)


__all__ = ["Comparison", "Member", "folder_of"]
