"""Draws the figures of the pages on p-variation and log-signatures into docs/figures/.

python docs/make_rough_figures.py

Those of the pages on the log-ODE, on networks, on fractional Brownian motion and on trained weights are drawn by the
examples that measure them:

python examples/log_ode_work_precision.py docs/figures/log_ode_work_precision.png
python examples/fractional_brownian_variation.py docs/figures/fractional_brownian_variation.png
python examples/roughness_of_trained_weights.py docs/figures/roughness_of_trained_weights.png
python examples/universal_limit_theorem.py docs/figures/universal_limit_theorem.png
"""

from pathlib import Path

import matplotlib
import numpy as np

from roughntk import rough
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, STYLE, canvas, plain_log_labels

FOLDER = Path(__file__).parent / "figures"


def p_variation_meshes():
    """A Brownian path with its best partition, and what uniform meshes find of its p-variation."""
    path = np.append(0, np.random.default_rng(0).standard_normal(2**14).cumsum()) / 2**7
    time = np.linspace(0, 1, len(path))
    figure, axes = canvas(1, 2, (10, 3.9))
    left, right = axes[0]
    best = rough.p_variation_partition(path, 2.5)
    left.plot(time, path, color=COLOURS[0], linewidth=0.5, label="Brownian path, 16,385 points")
    left.plot(time[best], path[best], "o-", color=COLOURS[1], markersize=3, linewidth=0.9,
              label=f"best partition for $p = 2.5$: {len(best)} points")  # fmt: skip
    left.set(title="The partition that attains the supremum", xlabel="time", ylabel="$x_t$", ylim=(-1.1, 1.6))
    left.legend(loc="upper right")
    steps = 2 ** np.arange(15)
    for colour, p in zip(COLOURS, (2.5, 3.0), strict=False):
        found = [(np.abs(np.diff(path[:: 2**14 // m])) ** p).sum() ** (1 / p) for m in steps]
        right.loglog(steps, found, "o-", color=colour, markersize=3.5, label=f"uniform mesh, $p = {p:g}$")
        right.axhline(
            rough.p_variation(path, p), color=colour, linestyle="--", linewidth=1.2, label=f"exact, $p = {p:g}$"
        )
    right.set(title="Uniform meshes stay below it", xlabel="steps of the mesh", ylabel="p-variation", ylim=(0.2, 3.4))
    plain_log_labels(right.yaxis)
    right.legend(loc="lower left", ncols=2, bbox_to_anchor=(0.0, 0.58), columnspacing=1.0)
    return figure


def log_signature_area():
    """The worked example: the area between the path and its chord."""
    path = np.array([[1.0, 1], [3, 4], [5, 2], [8, 6]])
    figure, axes = canvas(1, 1, (6.0, 4.0))
    axis = axes[0, 0]
    x = np.linspace(1, 8, 1401)
    y, chord = np.interp(x, *path.T), 1 + 5 / 7 * (x - 1)
    for above, colour, sign in ((True, COLOURS[1], "-1"), (False, COLOURS[2], "+1")):
        inside = (y > chord) == above
        area = np.trapezoid(np.where(inside, np.abs(y - chord), 0.0), x)
        axis.fill_between(x, y, chord, where=inside, color=colour, alpha=0.25, linewidth=0,
                          label=f"area {area:.3g}, counted {sign}")  # fmt: skip
    axis.plot(*path[[0, -1]].T, **LIMIT_STYLE, label="chord (7, 5)")
    axis.plot(*path.T, "o-", color=COLOURS[0], label="path")
    axis.set(title="Coordinate of [1,2]: the signed area 1.5", xlabel="channel 1", ylabel="channel 2")
    axis.legend(loc="upper left")
    return figure


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with matplotlib.rc_context(STYLE):
        for draw in (p_variation_meshes, log_signature_area):
            draw().savefig(FOLDER / f"{draw.__name__}.png", dpi=150)
            print(FOLDER.name + f"/{draw.__name__}.png")
