"""What a simulation of finite networks found, as data, in words, and as tables."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from roughntk import _display
from roughntk.study.simulation.config import SimulationConfig
from roughntk.study.simulation.depths import draw_depths
from roughntk.study.simulation.measured import QUANTILES, Laws, Simulated, Trained
from roughntk.study.split import Split
from roughntk.study.width import CLOSE, width_for

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

ANSWER, RANDOM, TRAINED = "Does infinite width describe these networks?", "The random kernel", "Trained networks"
HEAVY = 0.1
"""Part of a second moment that one sample may make, before nothing is said of it."""
HEADINGS = ("quantity", "infinite width", "networks", "wide and deep")


@dataclasses.dataclass(repr=False)
class Simulation(_display.Displayed):
    """Simulated networks of one width and depth beside infinite width and the limit of wide and deep networks.

    A notebook shows it as a table; `plot` draws the real depths, and `to_dataframe` has a row for each network.

    Attributes:
        config: its settings.
        data: the points on the sphere.
        simulated: kernels of random networks.
        laws: exact moments, and the limit law (derived and measured, not proved).
        trained: trained networks; None where none were asked for.
        out: folder of the report; None if nothing was written.
    """

    config: SimulationConfig
    data: Split
    simulated: Simulated
    laws: Laws
    trained: Trained | None
    out: Path | None = None

    @property
    def headline(self) -> str:
        """What was simulated."""
        config = self.config
        return (
            f"{config.samples:,} networks of width {config.width:,} and depth {config.depth:,} "
            f"({config.hidden_layers:,} hidden layers) at {len(self.data.X)} points of {self.data.name}"
        )

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        return [(row[0], f"{row[2]} (infinite width: {row[1]})") for row in self.table()]

    def table(self) -> list[tuple[str, str, str, str]]:
        """One row a quantity: at infinite width, of the networks, in the limit of wide and deep ones."""
        config, seen, laws = self.config, self.simulated, self.laws
        logs = np.log(seen.norms)
        law_low, law_median, law_high = laws.depth.quantile(list(QUANTILES))
        mean, variance = laws.log_norm
        ratios = laws.ratios
        return [
            ("log |h|^2, mean", "0", _with_error(logs), f"{mean:.4g}"),
            ("log |h|^2, standard deviation", "0", f"{logs.std(ddof=1):.4g}", f"{math.sqrt(variance):.4g}"),
            ("correlation of the pair, mean", f"{seen.covariance:.4g}", _with_error(seen.correlations), "–"),
            ("correlation of the pair, standard deviation", "0", f"{seen.correlations.std(ddof=1):.4g}", "–"),
            (
                "real depth of the pair, median (5 % to 95 %)", f"{config.depth}",
                _depth_words(seen.depths), f"{law_median:.4g} ({law_low:.4g} to {law_high:.4g})",
            ),
            (
                "E Theta^2/(E Theta)^2, hidden weights", "1", _moment(seen.diagonals),
                f"{laws.moments.ratio:.6g} exactly; {laws.moments.limit:.4g}",
            ),
            (
                "Theta_12/sqrt(Theta_11 Theta_22) of all weights, mean", f"{seen.tangent:.4g}",
                _with_error(seen.tangents), "–",
            ),
            ("the same, standard deviation", "0", f"{seen.tangents.std(ddof=1):.4g}", "–"),
            (
                "the same of the hidden weights, mean", f"{self.hidden_tangent:.4g}", _with_error(seen.hidden_tangents),
                f"{ratios.mean:.4g} (many layers)",
            ),
            (
                "the same of the hidden weights, standard deviation", "0",
                f"{seen.hidden_tangents.std(ddof=1):.4g}", f"{ratios.sd:.4g} (many layers)",
            ),
        ]  # fmt: skip

    @property
    def hidden_tangent(self) -> float:
        """Theta_12/sqrt(Theta_11 Theta_22) of the hidden weights at infinite width: L K = c + (L - 1) of theirs."""
        seen, depth = self.simulated, self.config.depth
        return (depth * seen.tangent - seen.covariance) / (depth - 1)

    def summary_groups(self) -> dict[str, list[str]]:
        """Sentences, by section of the page."""
        groups = {ANSWER: [self.answer()], RANDOM: self._random_lines()}
        if self.trained is not None:
            groups[TRAINED] = self._trained_lines(self.trained)
        return groups

    @property
    def summary(self) -> list[str]:
        """All sentences."""
        return [line for lines in self.summary_groups().values() for line in lines]

    def answer(self) -> str:
        """Whether the kernels of infinite width describe these networks."""
        config, moments = self.config, self.laws.moments
        spread = math.sqrt(max(moments.ratio - 1, 0.0))
        return (
            f"The tangent kernel of one network of width {config.width:,} and depth {config.depth:,} scatters about "
            f"its mean by {_size(spread)} (exact: E Theta^2/(E Theta)^2 = {moments.ratio:.6g} for the hidden "
            f"weights); {_verdict(spread)} For a scatter of {CLOSE:.0%} at this depth a width of "
            f"{width_for(config.depth, CLOSE):,} is needed."
        )

    def _random_lines(self) -> list[str]:
        seen, laws, config = self.simulated, self.laws, self.config
        i, j = seen.pair
        law = laws.depth.quantile(list(QUANTILES))
        return [
            f"The pair of training points {i} and {j}, whose angle {seen.angle:.4g} is the median of all pairs, is as "
            f"far apart in one network as at a random real depth of the infinitely wide one: "
            f"{_depth_words(seen.depths)}, median and 5 to 95 % of {config.samples:,} networks; the limit law of wide "
            f"and deep ones has {law[1]:.4g} ({law[0]:.4g} to {law[2]:.4g}), derived and measured, not proved.",
            f"Over all pairs the mean covariance of the networks, normalised, is {seen.mean_covariance[0]:.2g} (root "
            f"mean square) from that of infinite width, where {config.samples:,} samples alone make "
            f"{seen.mean_covariance[1]:.2g}; the tangent kernel {seen.mean_tangent[0]:.2g}, where they make "
            f"{seen.mean_tangent[1]:.2g}.",
        ]

    def _trained_lines(self, runs: Trained) -> list[str]:
        count = len(runs.outputs)
        off = np.abs(runs.off)
        lines = [
            f"{count} networks were trained by gradient descent ({runs.steps:,} steps) to the time "
            f"{self.config.time:g}; their loss fell from {runs.losses[0]:.3g} to {runs.losses[1]:.3g} in the mean. Of "
            f"their mean outputs at the test points {np.mean(off <= 2):.0%} are within two standard errors of f_t "
            f"(some 95 % would be at infinite width; outputs of one network are not independent), the farthest "
            f"{off.max():.2g} of them away."
        ]
        if self.data.wanted is None:
            return lines
        each, together, wide = runs.errors
        squares = each**2
        one = math.sqrt(squares.mean())
        error = squares.std(ddof=1) / math.sqrt(count) / (2 * one) if one > 0 else 0.0
        expected = math.sqrt(wide**2 + float(np.mean(runs.deviation**2)))
        lines.append(
            f"Test error (root mean square): {one:.4g} ± {error:.2g} of one "
            f"network, where infinite width expects {expected:.4g}; {together:.4g} of the mean of all {count}; "
            f"{wide:.4g} of f_t."
        )
        if self.data.classes:
            each, together, wide = runs.accuracies
            lines.append(
                f"Accuracy: {each.mean():.1%} ± {each.std(ddof=1) / math.sqrt(count):.1%} of one network, "
                f"{together:.1%} of the mean of all, {wide:.1%} of f_t."
            )
        return lines

    def record(self) -> dict[str, Any]:
        """For JSON."""
        seen, laws, runs = self.simulated, self.laws, self.trained
        record: dict[str, Any] = {
            "settings": dataclasses.asdict(self.config), "data": self.data.describe(), "pair": seen.pair,
            "angle": seen.angle,
            "infinite_width": {
                "correlation": seen.covariance, "tangent_ratio": seen.tangent,
                "hidden_tangent_ratio": self.hidden_tangent,
            },
            "networks": {
                "norms": seen.norms, "correlations": seen.correlations, "tangent_ratios": seen.tangents,
                "hidden_tangent_ratios": seen.hidden_tangents, "tangent_diagonals": seen.diagonals,
                "real_depths": seen.depths, "mean_covariance_off": seen.mean_covariance[0],
                "mean_covariance_error": seen.mean_covariance[1], "mean_tangent_off": seen.mean_tangent[0],
                "mean_tangent_error": seen.mean_tangent[1],
            },
            "laws": {
                "second_moment_ratio": laws.moments.ratio, "second_moment_ratio_limit": laws.moments.limit,
                "real_depth_quantiles": dict(
                    zip(map(str, QUANTILES), laws.depth.quantile(list(QUANTILES)).tolist(), strict=True)
                ),
                "tangent_ratio_mean": laws.ratios.mean, "tangent_ratio_sd": laws.ratios.sd,
                "log_norm_mean": laws.log_norm[0], "log_norm_variance": laws.log_norm[1],
            },
            "trained": None,
        }  # fmt: skip
        if runs is not None:
            record["trained"] = {
                "mean": runs.outputs.mean(axis=0), "f_t": runs.mean, "standard_error": runs.standard_error,
                "errors": runs.errors[0], "error_of_mean": runs.errors[1], "error_of_f_t": runs.errors[2],
                "accuracies": runs.accuracies[0], "accuracy_of_mean": runs.accuracies[1],
                "accuracy_of_f_t": runs.accuracies[2], "losses": runs.losses, "steps": runs.steps,
            }  # fmt: skip
        return record | {"summary": self.summary}

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Real depths of the networks beside their limit law; returns the Axes."""
        with _display.drawn_on(ax) as axes:
            draw_depths(axes, self.simulated, self.laws)
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each network: log |h|^2, correlation, tangent ratio and real depth of the pair."""
        seen = self.simulated
        return _display.data_frame(
            {
                "log_norm": np.log(seen.norms),
                "correlation": seen.correlations,
                "tangent_ratio": seen.tangents,
                "hidden_tangent_ratio": seen.hidden_tangents,
                "tangent_diagonal": seen.diagonals,
                "real_depth": seen.depths,
            }  # fmt: skip
        )


def _size(spread: float) -> str:
    return f"{spread:.1%} of it" if spread < 10 else f"{spread:.2g} times it"


def _verdict(spread: float) -> str:
    if spread <= CLOSE:
        return "infinite width describes it."
    return (
        "infinite width describes the mean of many, not one." if spread < 1 else "infinite width does not describe it."
    )


def _with_error(values: Sequence[float] | np.ndarray) -> str:
    values = np.asarray(values)
    return f"{values.mean():.4g} ± {values.std(ddof=1) / math.sqrt(len(values)):.2g}"


def _depth_words(depths: np.ndarray) -> str:
    """The median and 5 to 95 %, of which those are infinite that are too deep to be told."""
    most = depths[np.isfinite(depths)].max(initial=1.0)
    low, median, high = (
        f"{value:.4g}" if math.isfinite(value) else f"beyond {most:.2g}"
        for value in np.quantile(depths, QUANTILES, method="nearest")
    )
    return f"{median} ({low} to {high})"


def _moment(diagonals: np.ndarray) -> str:
    """E Theta^2/(E Theta)^2 with its standard error, by the first order in both means; nothing where few samples make
    it."""
    mean, squares = diagonals.mean(), diagonals**2
    if squares.max() > HEAVY * squares.sum():
        return f"more than {len(diagonals):,} samples tell"
    ratio = squares.mean() / mean**2
    influence = squares / mean**2 - 2 * ratio * diagonals / mean + ratio
    return f"{ratio:.4g} ± {influence.std(ddof=1) / math.sqrt(len(diagonals)):.2g}"


__all__ = ["ANSWER", "HEADINGS", "RANDOM", "TRAINED", "Simulation"]
