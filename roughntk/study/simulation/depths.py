"""The drawing of real depths, which a result and its report share."""

from typing import TYPE_CHECKING

import numpy as np

from roughntk.files.drawing import COLOURS, LIMIT_STYLE
from roughntk.study.simulation.measured import Laws, Simulated

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_depths(axis: "Axes", seen: Simulated, laws: Laws) -> None:
    """The distribution of real depths, and the limit law, on an axis."""
    depths = np.sort(seen.depths)
    shares = (np.arange(len(depths)) + 0.5) / len(depths)
    known = np.linspace(0.005, 0.995, 199)
    axis.step(depths, shares, where="mid", color=COLOURS[0], linewidth=1.5, label=f"{len(depths):,} networks")
    axis.plot(laws.depth.quantile(known), known, color=COLOURS[1], linestyle="--", linewidth=1.8, label="limit law")
    axis.axvline(laws.depth.layers + 1, label="infinite width", **LIMIT_STYLE)
    axis.set(
        title="Real depth of one network", xlabel="depth $L$ of the infinitely wide network", ylabel="part of networks"
    )
    axis.legend()


__all__ = ["draw_depths"]
