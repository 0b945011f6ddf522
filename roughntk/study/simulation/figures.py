"""The figures of a simulation. A function draws one and returns it with its title and caption."""

from pathlib import Path

import matplotlib
import numpy as np

from roughntk.files import drawing
from roughntk.files.drawing import COLOURS, LIMIT_STYLE, canvas
from roughntk.study.result import Picture
from roughntk.study.simulation.depths import draw_depths
from roughntk.study.simulation.result import Simulation

BINS = 40


def real_depth(result: Simulation):
    """At which depth the infinitely wide network has the angle of a pair."""
    figure, axes = canvas(1, 1, (6.4, 3.8))
    draw_depths(axes[0, 0], result.simulated, result.laws)
    return figure, "A finite network has a random real depth", (
        "The depth at which the infinitely wide network has brought the pair of points as near as one network has, in "
        "the Abel clock of its angle map; part of the networks that are less deep. The limit law (wide and deep "
        "networks) is derived and measured, not proved."
    )  # fmt: skip


def tangent_kernel(result: Simulation):
    """The tangent kernel on and off the diagonal."""
    seen, laws = result.simulated, result.laws
    figure, axes = canvas(1, 2, (9.6, 3.8))
    ratios = seen.hidden_tangents
    bins = np.linspace(min(ratios.min(), -0.2), 1.0, BINS)
    axes[0, 0].hist(ratios, bins, density=True, color=COLOURS[0], alpha=0.6, label="networks")
    axes[0, 0].hist(
        laws.ratios.ratios, bins, density=True, histtype="step", color=COLOURS[1], linestyle="--", linewidth=1.8,
        label="limit law (many layers)",
    )  # fmt: skip
    axes[0, 0].axvline(result.hidden_tangent, label="infinite width", **LIMIT_STYLE)
    axes[0, 0].set(
        title="Between two inputs", xlabel="normalised tangent kernel of the hidden weights",
        ylabel="density",
    )  # fmt: skip
    axes[0, 0].legend()
    logs = np.log(seen.diagonals)
    axes[0, 1].hist(logs, BINS, density=True, color=COLOURS[0], alpha=0.6, label="networks")
    axes[0, 1].axvline(0.0, label="infinite width", **LIMIT_STYLE)
    axes[0, 1].set(title="On the diagonal", xlabel=r"$\log(\Theta_{11}/E\,\Theta_{11})$", ylabel="density")
    axes[0, 1].legend()
    return figure, "The tangent kernel of one network is random", (
        "Left: the tangent kernel of the hidden weights between the pair of points, normalised; at infinite width it "
        "is one number. The limit law is that of wide networks of many layers from any fixed angle, and is far from "
        "networks of a few layers, whose angles have not gone yet. Right: that of one point with itself."
    )  # fmt: skip


def trained_outputs(result: Simulation):
    """Trained networks beside f_t."""
    runs = result.trained
    assert runs is not None
    figure, axes = canvas(1, 1, (6.4, 3.8))
    axis = axes[0, 0]
    order = np.argsort(runs.mean, axis=None, kind="stable")
    order = order[runs.standard_error.ravel()[order] > 0]  # of the classes, those that some training point has
    places = np.arange(order.size)
    wide, error = runs.mean.ravel()[order], runs.standard_error.ravel()[order]
    axis.fill_between(places, -2 * error, 2 * error, color=COLOURS[1], alpha=0.3, label="two standard errors")
    each = (runs.outputs - runs.mean).reshape(len(runs.outputs), -1)[:, order]
    axis.plot(places, each.T, ".", color=COLOURS[0], alpha=0.15, markersize=2)
    axis.plot(places, each.mean(axis=0), ".", color=COLOURS[2], markersize=4, label=f"mean of {len(each)} networks")
    axis.axhline(0.0, label="$f_t$ of infinite width", **LIMIT_STYLE)
    reach = 1.1 * float(np.max(np.abs(each)))
    axis.set_ylim(-reach, reach)
    axis.set(
        title="Trained networks less $f_t$",
        xlabel=f"outputs at the test points, by $f_t$ from {wide[0]:.3g} to {wide[-1]:.3g}", ylabel="difference",
    )  # fmt: skip
    axis.legend()
    return figure, "Trained networks against the ensemble", (
        "Faint: outputs of each trained network less f_t, the mean of infinitely wide ones; strong: their mean. The "
        "band is two standard errors of a mean of so many infinitely wide networks."
    )  # fmt: skip


def draw_all(result: Simulation, folder: Path) -> list[Picture]:
    """Draw every figure into `folder`."""
    draws = [real_depth, tangent_kernel, *([trained_outputs] if result.trained is not None else [])]
    pictures = []
    with matplotlib.rc_context(drawing.STYLE):
        for draw in draws:
            figure, title, caption = draw(result)
            pictures.append(Picture(draw.__name__, title, caption, drawing.save(figure, folder, draw.__name__)))
    return pictures


__all__ = ["draw_all"]
