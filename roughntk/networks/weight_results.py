"""What is known of the roughness of weights through depth, and how it shows itself."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from roughntk import _display
from roughntk.networks.weight_verdicts import EXPECTED, ODE, SDE, UNDECIDED, Exponent
from roughntk.rough import CriticalExponent, IncrementScaling, Variation

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


LARGEST_CRITICAL = 16
"""Beyond this a critical exponent is that of noise, or cannot be told from it."""


@dataclass(frozen=True)
class PathRoughness:
    """A path through the layers.

    name: "driver", "weights" or "update".
    points: how many.
    length: its 1-variation, sum |X_{k+1} - X_k|.
    mean_jump: length / (points - 1).
    variation: its p-variation, with a partition that attains it.
    second_level: that of the second level of its lift (`p_variation` at level 2), None where it was not asked for.
    scaling: |X_{i+q} - X_i| against the lag q; None for fewer than 6 points.
    critical: the exponent from which on the p-variation stays finite, None for fewer than 6 points; infinite for jumps
        that do not shrink.
    """

    name: str
    points: int
    length: float
    mean_jump: float
    variation: Variation
    second_level: Variation | None
    scaling: IncrementScaling | None
    critical: CriticalExponent | None

    @property
    def variation_exponent(self) -> Exponent:
        """a, where the 1-variation over m of the points goes like m^a."""
        return Exponent(1 - self._slope, self._error)

    @property
    def jump_exponent(self) -> Exponent:
        """b, where the jumps between m of the points go like m^b."""
        return Exponent(-self._slope, self._error)

    @property
    def _slope(self) -> float:
        return math.nan if self.scaling is None else self.scaling.exponent

    @property
    def _error(self) -> float:
        known = self.scaling is not None and math.isfinite(self.scaling.exponent)
        return 2 * self.scaling.standard_error if known and self.scaling is not None else math.inf

    @property
    def critical_words(self) -> str:
        """The critical exponent as text."""
        if self.critical is None:
            return "unknown"
        if self.critical.p > LARGEST_CRITICAL:
            return f"none below {LARGEST_CRITICAL}"
        return f"{self.critical.p:.3g} ± {2 * self.critical.standard_error:.2g}"


@dataclass(frozen=True, repr=False)
class WeightRoughness(_display.Displayed):
    """How rough the weights W_1, ..., W_L of one network are as a path through its layers.

    A notebook shows it as a table; `plot` draws the size of increments against their lag; `to_dataframe` has the
    numbers.

    layers: L.
    beta: of the driver S_k = L^{-beta} (W_1 + ... + W_k).
    p: the exponent of the p-variations.
    driver: S_0, ..., S_L; None where only the distances of the weights are known.
    weights: W_1, ..., W_L as a function of l.
    update: W_l less the initial weights; None where these are not known.
    distances: |W_i - W_j| in the Frobenius norm, shape (L, L).
    norms: |W_l|, shape (L,); None as for `driver`.
    verdict: "ODE", "SDE", "neither" or "undecided", by the exponents over sub-sampled depth.
    evidence: what the verdict was reached by, in sentences.
    """

    layers: int
    beta: float
    p: float
    driver: PathRoughness | None
    weights: PathRoughness
    update: PathRoughness | None
    distances: np.ndarray
    norms: np.ndarray | None
    verdict: str
    evidence: tuple[str, ...]

    @property
    def paths(self) -> tuple[PathRoughness, ...]:
        """The paths that are known: driver, weights, update."""
        return tuple(path for path in (self.driver, self.weights, self.update) if path is not None)

    @property
    def headline(self) -> str:
        """The verdict, and the exponents that it was reached by."""
        driver = "" if self.driver is None else f"1-variation of the driver ~ m^{self.driver.variation_exponent}, "
        jumps = f"jumps of the weights ~ m^{self.weights.jump_exponent}"
        return f"{self.verdict} ({self.layers} layers); {driver}{jumps}"

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        rows = [("verdict", self.verdict), ("layers", str(self.layers)), ("beta", f"{self.beta:g}")]
        for path in self.paths:
            rows += [
                (f"{path.name}: 1-variation", f"{path.length:.6g}, over m layers ~ m^{path.variation_exponent}"),
                (f"{path.name}: mean jump", f"{path.mean_jump:.6g}, between m layers ~ m^{path.jump_exponent}"),
                (f"{path.name}: p-variation", f"{path.variation.value:.6g} (p = {self.p:g})"),
                (f"{path.name}: critical exponent", path.critical_words),
            ]
            if path.second_level is not None:
                rows.append((f"{path.name}: p-variation, level 2", f"{path.second_level.value:.6g} (p = {self.p:g})"))
        return rows

    def remarks(self) -> tuple[str, ...]:
        """The evidence."""
        return self.evidence

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """The mean size of increments against their lag in layers, both logarithmic, beside smooth and Brownian paths.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes. Curves begin at 1.

        >>> import numpy as np
        >>> from roughntk import networks
        >>> networks.weight_roughness(np.random.default_rng(0).normal(size=(32, 9))).plot().get_xlabel()
        'lag q in layers'
        """
        with _display.drawn_on(ax) as axes:
            kept = [path for path in self.paths if path.scaling is not None and (path.scaling.means > 0).all()]
            for place, path in enumerate(kept):
                scaling = path.scaling
                assert scaling is not None
                label = f"{path.name}, {_power('q', scaling.exponent)}"
                axes.plot(scaling.lags, scaling.means / scaling.means[0], label=label, **_display.look(place))
            if kept and kept[0].scaling is not None:
                lags = np.asarray(kept[0].scaling.lags, dtype=np.float64)
                for power, style in ((1.0, ":"), (0.5, "--")):
                    words = "smooth, $q$" if power == 1 else "Brownian, $q^{0.5}$"
                    axes.plot(lags, lags**power, style, color="black", linewidth=1.0, label=words)
                axes.set(xscale="log", yscale="log")
                _display.plain_ticks(axes.xaxis, lags)
                axes.legend(loc="best")
            else:
                _display.write_instead(axes, "too few layers for a slope")
            _display.name_axes(
                axes,
                title=f"Weights through {self.layers} layers: {self.verdict}",
                xlabel="lag q in layers",
                ylabel="mean increment over q layers, in units of lag 1",
            )
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each path.

        Returns:
            Columns `path`, `points`, `length`, `mean_jump`, `p`, `p_variation`, `second_level` (NaN where it was not
            asked for), `exponent` h of |X_{i+q} - X_i| ~ q^h with `exponent_error` (of 95 %), `critical_p`.

        >>> import numpy as np
        >>> from roughntk import networks
        >>> frame = networks.weight_roughness(np.random.default_rng(0).normal(size=(32, 9))).to_dataframe()
        >>> frame[["path", "points"]]
              path  points
        0   driver      33
        1  weights      32
        """
        each = self.paths
        return _display.data_frame(
            {
                "path": [path.name for path in each],
                "points": [path.points for path in each],
                "length": [path.length for path in each],
                "mean_jump": [path.mean_jump for path in each],
                "p": [self.p for _ in each],
                "p_variation": [path.variation.value for path in each],
                "second_level": [math.nan if path.second_level is None else path.second_level.value for path in each],
                "exponent": [-path.jump_exponent.value for path in each],
                "exponent_error": [path.jump_exponent.error for path in each],
                "critical_p": [math.nan if path.critical is None else path.critical.p for path in each],
            }
        )


MEASURES = ("driver: 1-variation", "weights: mean jump", "update: mean jump")
"""What is followed through depth."""


@dataclass(frozen=True, repr=False)
class DepthRoughness(_display.Displayed):
    """How rough the weights of networks of several depths are, and what that says of their limit.

    members: the roughness of each network, by increasing depth.
    exponents: the power of L that each measure follows, by its name ("driver: 1-variation", "weights: mean jump", and
        "update: mean jump" where initial weights are known).
    verdict: "ODE", "SDE", "neither" or "undecided", by the first two; undecided for fewer than three depths.
    evidence: what the verdict was reached by, in sentences.
    """

    members: tuple[WeightRoughness, ...]
    exponents: dict[str, Exponent]
    verdict: str
    evidence: tuple[str, ...]

    @property
    def depths(self) -> tuple[int, ...]:
        """The numbers of layers."""
        return tuple(member.layers for member in self.members)

    def values(self, measure: str) -> np.ndarray:
        """A measure at each depth."""
        return np.array([_measured(member, measure) for member in self.members])

    @property
    def headline(self) -> str:
        """The verdict, and the exponents."""
        powers = ", ".join(f"{name} ~ L^{exponent}" for name, exponent in self.exponents.items())
        return f"{self.verdict} (L = {', '.join(map(str, self.depths))}); {powers}"

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) for display."""
        rows = [("verdict", self.verdict), ("layers", ", ".join(map(str, self.depths)))]
        for name, exponent in self.exponents.items():
            listed = ", ".join(f"{value:.4g}" for value in self.values(name))
            rows.append((name, f"{listed} ~ L^{exponent}"))
        return rows

    def remarks(self) -> tuple[str, ...]:
        """The evidence."""
        return self.evidence

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Each measure against the number of layers, both logarithmic.

        Args:
            ax: matplotlib's Axes; None makes them, in a figure of their own (`axes.figure`) that pyplot knows nothing
                of.

        Returns:
            The Axes.

        >>> import numpy as np
        >>> from roughntk import networks
        >>> models = [np.random.default_rng(0).normal(size=(depth, 16, 16)) for depth in (16, 32, 64)]
        >>> networks.weight_roughness_by_depth(models).plot().get_title()
        'Weights of 3 networks: SDE'
        """
        with _display.drawn_on(ax) as axes:
            drawn = False
            for place, (name, exponent) in enumerate(self.exponents.items()):
                values = self.values(name)
                if (values > 0).all():
                    drawn = True
                    axes.plot(
                        self.depths, values, label=f"{name}, {_power('L', exponent.value)}", **_display.look(place)
                    )
            if drawn:
                axes.set(xscale="log", yscale="log")
                axes.margins(y=0.15)
                _display.plain_ticks(axes.xaxis, self.depths)
            else:
                _display.write_instead(axes, "nothing moves")
            _display.name_axes(
                axes,
                title=f"Weights of {len(self.members)} networks: {self.verdict}",
                xlabel="number of layers L",
                ylabel="Frobenius norm",
                legend=drawn,
            )
        return axes

    def to_dataframe(self) -> "pandas.DataFrame":
        """A row for each network and path: `layers`, then the columns of `WeightRoughness.to_dataframe`.

        >>> import numpy as np
        >>> from roughntk import networks
        >>> models = [np.random.default_rng(0).normal(size=(depth, 9)) for depth in (16, 32)]
        >>> networks.weight_roughness_by_depth(models).to_dataframe()[["layers", "path"]]
           layers     path
        0      16   driver
        1      16  weights
        2      32   driver
        3      32  weights
        """
        frames = [member.to_dataframe() for member in self.members]
        depths = [member.layers for member, frame in zip(self.members, frames, strict=True) for _ in range(len(frame))]
        columns = {name: np.concatenate([frame[name].to_numpy() for frame in frames]) for name in frames[0].columns}
        return _display.data_frame({"layers": depths} | columns)


def _measured(member: WeightRoughness, measure: str) -> float:
    name, _, what = measure.partition(": ")
    path = next(path for path in member.paths if path.name == name)
    return path.length if what == "1-variation" else path.mean_jump


def _power(symbol: str, exponent: float) -> str:
    """A power as matplotlib writes it, without a minus before zero."""
    return f"${symbol}^{{{round(exponent, 2) + 0.0:.2f}}}$"


def evidence_on(variation: Exponent | None, jumps: Exponent, symbol: str, where: str) -> list[str]:
    """The sentences on the two exponents that decide."""
    lines = []
    if variation is not None:
        lines.append(
            f"The 1-variation of the driver {where} goes like {symbol}^a, a = {variation} (ODE "
            f"{EXPECTED[ODE][0]:g}, SDE {EXPECTED[SDE][0]:g})."
        )
    lines.append(
        f"The jumps of the weights {where} go like {symbol}^b, b = {jumps} (ODE {EXPECTED[ODE][1]:g}, SDE "
        f"{EXPECTED[SDE][1]:g})."
    )
    return lines


def undecided_because(variation: Exponent | None, jumps: Exponent, verdict: str) -> list[str]:
    """Why there is no verdict."""
    if verdict != UNDECIDED:
        return []
    if variation is None and jumps.decides:
        return ["Jumps that do not shrink decide nothing without the driver: give the norms of the weights, too."]
    return ["The errors of these exponents are too large, or there are too few layers, for a verdict."]
