"""What a study finds, as data."""

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from roughntk import _checks, _display
from roughntk._checks import InputError
from roughntk.kernels import KernelFamily
from roughntk.study.analysis.closed_form import Kernels
from roughntk.study.analysis.deep import DeepLimit
from roughntk.study.analysis.drivers import Drivers
from roughntk.study.analysis.laws import Law
from roughntk.study.analysis.prediction import Prediction
from roughntk.study.analysis.signatures import DriverConvergence, Signatures
from roughntk.study.config import StudyConfig
from roughntk.study.data import DataSet

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


@dataclasses.dataclass(frozen=True)
class Picture:
    """A drawn figure: file stem, title and caption, and the PNG bytes are at `png`; what is to be said of its data."""

    name: str
    title: str
    caption: str
    png: Path
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(repr=False)
class Study(_display.Displayed):
    """A finished study.

    A notebook shows it as a table; `plot` draws what depth does to predictions, or to the coefficients, and
    `to_dataframe` has a row for each depth.

    Attributes:
        config: its settings.
        family: the kernel family.
        law: what theory says of it.
        data: the points on the sphere.
        kernels: kernel matrices and closed-form coefficients at each depth.
        transport: one record per pair of depths, clock and right-hand side.
        drivers: the sampled drivers.
        signatures: of the drivers by every backend, and whether these agree.
        variation: p-variation records.
        slopes: fitted log-log slopes.
        convergence: the drivers against the zero path as rough paths, level by level; None for fewer than two drivers.
        first_depth: what became of depth 1.
        deep: kernel and coefficients at real depths up to 10^6; None for a family without real depth.
        prediction: errors on rows that are not for training; None where there is nothing to predict.
        widths: from which on finite networks are as this kernel is, at some depths; empty where that is not known.
        summary: lines for a person: what was predicted, what depth does, the checks.
        timings: seconds per stage.
        out: folder of the report, None when nothing was written.
    """

    config: StudyConfig
    family: KernelFamily
    law: Law
    data: DataSet
    kernels: Kernels
    transport: list[dict[str, Any]]
    drivers: Drivers
    signatures: Signatures
    variation: list[dict[str, Any]]
    slopes: dict[str, Any]
    first_depth: str
    timings: dict[str, float]
    convergence: DriverConvergence | None = None
    deep: DeepLimit | None = None
    prediction: Prediction | None = None
    widths: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    summary: list[str] = dataclasses.field(default_factory=list)
    out: Path | None = None

    @property
    def signature(self) -> dict[str, Any]:
        """The `signature` entry of study.json."""
        return self.signatures.record

    @property
    def headline(self) -> str:
        """What was studied."""
        depths = self.kernels.depths
        return (
            f"{_display.shortened(self.data.name, 40)}, {_display.counted(len(self.data.X), 'training point')} and "
            f"{_display.counted(len(self.data.x), 'test point')}, {_display.shortened(self.config.family_name, 40)}, "
            f"depths {_display.depth_words(depths[0])} to {_display.depth_words(depths[-1])}"
        )

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display: the settings in short, and the lines of `summary`."""
        rows = [("data", self.data.name), ("family", self.config.family_name)]
        for number, line in enumerate(self.summary, start=1):
            rows.append((f"finding {number}", line))
        if self.out is not None:
            rows.append(("report", str(self.out / "report.html")))
        return rows

    def remarks(self) -> tuple[str, ...]:
        """What was guessed about the data, and what is to be heeded."""
        return self.data.notes

    def plot(self, what: str | None = None, *, ax: "Axes | None" = None) -> "Axes":
        """Against depth the error on rows that are not for training, or the coefficients of the first test point.

        The error stands beside those of kernel regression with an RBF kernel and of the mean or the majority vote. Of
        the coefficients those of the ten training points are drawn that are nearest to the test point by the kernel of
        the first depth, from depth 2 on, and their limit of infinite depth where it is known: a dashed line where it is
        one for all, else a diamond at the right end for each. All figures of the report are in its folder.

        Args:
            what: "prediction" or "coefficients"; None for predictions where there are any.
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes.

        Raises:
            InputError: another `what`, or predictions of a study without targets.
        """
        if what is None:
            what = "coefficients" if self.prediction is None else "prediction"
        _checks.choice(what, ("prediction", "coefficients"), "what")
        if what == "prediction" and self.prediction is None:
            raise InputError(
                "expected a study with targets and rows that are not for training, got one that predicts nothing; "
                "plot the coefficients, or give a target and fewer points"
            )
        with _display.drawn_on(ax) as axes:
            if what == "prediction" and self.prediction is not None:
                _draw_prediction(axes, self.prediction, self._short_family)
            else:
                _draw_coefficients(axes, self.kernels, self._short_family)
        return axes

    @property
    def _short_family(self) -> str:
        """For titles."""
        return _display.shortened(self.config.family_name, 30).replace("$", r"\$")

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each depth.

        Returns:
            Columns `depth`, `condition_number` of K_L(X,X), `method` ("singular" where there are no coefficients),
            `residual`, `error_bound` (relative), `log_determinant` of K_L(X,X), `largest_coefficient` (max |u|), and
            `variation_level_k` for the levels k measured: the p-variation of the driver that adds a layer there.
            With targets also `accuracy` or `rmse` on rows that are not for training, and the `ridge` that it is with.
            NaN where a number does not exist.
        """
        records = self.kernels.records()
        missing = {"residual": math.nan, "error_bound": math.nan, "largest_coefficient": math.nan}
        names = list(records[0]) if records else ["depth"]
        columns = {name: [missing[name] if row[name] is None else row[name] for row in records] for name in names}
        measured = {(r["level"], r["depth"]): r["norm"] for r in self.variation if r["p"] == self.config.p}
        for level in sorted({level for level, _ in measured}):
            columns[f"variation_level_{level}"] = [measured.get((level, row["depth"]), math.nan) for row in records]
        if self.prediction is not None:
            record = self.prediction.record()
            predicted = {row["depth"]: row for row in record["depths"]}
            for name, key in ((record["measure"], "score"), ("ridge", "ridge")):
                columns[name] = [predicted.get(row["depth"], {}).get(key, math.nan) for row in records]
        return _display.data_frame(columns)


def _draw_prediction(axes: "Axes", prediction: Prediction, family: str) -> None:
    """The error or accuracy against depth beside the baselines, and the best depth."""
    classes, best = bool(prediction.targets.classes), prediction.best
    scores = {depth: prediction.targets.score(one.losses) for depth, one in prediction.at.items()}
    label = f"{family}, best at depth {_display.depth_words(best)}"
    axes.plot(list(scores), list(scores.values()), label=label, **_display.look(0))
    axes.plot(best, scores[best], "*", color=_display.COLOURS[1], markersize=13)
    if prediction.rbf is not None:
        level = prediction.targets.score(prediction.rbf.losses)
        axes.axhline(level, color=_display.COLOURS[2], linestyle="-.", linewidth=1.4, label="RBF kernel")
    name = "majority vote" if classes else "mean"
    axes.axhline(prediction.targets.score(prediction.mean), label=name, **_display.LIMIT_STYLE)
    axes.set_xscale("log")
    _display.plain_ticks(axes.xaxis, list(scores))
    _display.name_axes(
        axes,
        title=f"{'Accuracy' if classes else 'Root mean square error'} on {len(prediction.targets.held):,} rows",
        xlabel="network depth $L$",
        ylabel="part of the rows that is right" if classes else "error (units of the target)",
    )
    axes.legend(loc="best", frameon=True, framealpha=0.85)


def _draw_coefficients(axes: "Axes", kernels: Kernels, family: str) -> None:
    """The coefficients of the first test point against depth."""
    depths = [depth for depth in kernels.solved_depths if depth > 1]
    if depths:
        nearest = np.sort(np.argsort(-np.abs(kernels.across[0, :, 0]), kind="stable")[: _display.MOST_CURVES])
        markers = max(1, len(depths) // 20)
        for place, i in enumerate(nearest):
            line = [kernels.coefficients_at(depth)[i, 0] for depth in depths]
            axes.plot(depths, line, label=f"$u_{{{i}}}$", markevery=markers, **_display.look(place))
        if kernels.limit_coefficients is not None:
            _draw_limits(axes, kernels.limit_coefficients[nearest, 0])
        if len(depths) < (depths[-1] - depths[0]) / 4:  # a list of depths, far from each other
            axes.set_xscale("log")
            _display.plain_ticks(axes.xaxis, depths)
        else:
            _display.whole_ticks(axes.xaxis)
    else:
        _display.write_instead(axes, "no depth from 2 on has coefficients")
    _display.name_axes(
        axes,
        title=f"Coefficients of the first test point, {family}",
        xlabel="network depth $L$",
        ylabel="coefficient $u_i$ (dimensionless)",
        legend=bool(depths),
    )


def _draw_limits(axes: "Axes", limits: np.ndarray) -> None:
    """A dashed line where the curves have one limit, else a diamond for each at the right end, in its colour."""
    if np.ptp(limits) < 1e-12:
        axes.axhline(float(limits[0]), label="limit", **_display.LIMIT_STYLE)
        return
    right = axes.get_yaxis_transform()
    for place, value in enumerate(limits):
        axes.plot(1.0, value, "D", color=_display.COLOURS[place], markersize=5, transform=right, clip_on=False)
    axes.plot([], [], "D", color="black", markersize=5, label="limit")
