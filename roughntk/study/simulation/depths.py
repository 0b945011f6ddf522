"""The drawing of real depths, which a result and its report share."""

from typing import TYPE_CHECKING

import numpy as np

from roughntk.files.drawing import COLOURS, LIMIT_STYLE
from roughntk.study.simulation.measured import Laws, Simulated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
WIDE = 20
"""Times as deep, beyond which an axis is logarithmic."""


def draw_depths(axis: "Axes", seen: Simulated, laws: Laws) -> None:
    """The distribution of real depths, and the limit law, on an axis."""
    depths = np.sort(seen.depths)
    told = np.isfinite(depths)
    shares = (np.arange(len(depths)) + 0.5) / len(depths)
    known = np.linspace(0.005, 0.995, 199)
    axis.step(
        depths[told], shares[told], where="mid", color=COLOURS[0], linewidth=1.5, label=f"{len(depths):,} networks"
    )
    axis.plot(laws.depth.quantile(known), known, color=COLOURS[1], linestyle="--", linewidth=1.8, label="limit law")
    axis.axvline(laws.depth.layers + 1, label="infinite width", **LIMIT_STYLE)
    axis.set(
        title="Real depth of one network", xlabel="depth $L$ of the infinitely wide network", ylabel="part of networks"
    )
    low, high = laws.depth.quantile([0.05, 0.95])
    if low > 0 and high > WIDE * low:
        axis.set_xscale("log")
        axis.set_xlim(left=max(1.0, 0.3 * low))
    axis.legend()


__all__ = ["draw_depths"]
