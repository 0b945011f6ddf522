"""The paper's Figure 1, with the true limits drawn: three families, 30 depths, two input laws."""

import math
from pathlib import Path

import matplotlib
import numpy as np

from roughntk import _checks, sphere
from roughntk.files import drawing, folders
from roughntk.kernels import family
from roughntk.regression import coefficients
from roughntk.regression.closed_form import closed_form
from roughntk.regression.systems import Systems
from roughntk.study.analysis.closed_form import unwarned
from roughntk.study.result import Picture

DIMENSION = 128
LAWS = {
    "cube": (0.0, "inputs uniform on $[0,1]^{128}$, projected"),
    "centred_cube": (-1.0, "inputs uniform on $[-1,1]^{128}$, projected"),
}
OWN = ("figure1.json", *(f"figure1_{law}.{kind}" for law in LAWS for kind in ("png", "svg")))
ROW_TITLES = {"relu-ntk": "NTK $K_L$", "relu-nngp": r"NNGP $\rho_L$", "sigmoid": r"sigmoid $\eta_L$"}


def points(law: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n training points and one test point of that law, on the sphere in R^128."""
    low = LAWS[_checks.choice(law, tuple(LAWS), "law")][0]
    raw = np.random.default_rng(seed).uniform(low, 1.0, size=(n + 1, DIMENSION))
    unit = sphere.project(raw)
    return unit[:n], unit[n:]


def curves(name: str, X: np.ndarray, x: np.ndarray, depths: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(K(X,X), K(X,x), u) at depths 1 .. `depths`, first axis depth."""
    chosen = family(name)
    within, across = (np.asarray(chosen.trajectory(theta, depths)) for theta in (sphere.angles(X), sphere.angles(X, x)))
    systems = Systems(chosen, X, x)
    with unwarned():  # the sigmoid family is indefinite on many point sets
        u = [closed_form(systems, depth).coefficients for depth in range(1, depths + 1)]
    return within, across, np.stack(u)


def figure1(out: str | Path = "figure1", *, points_per_law: int = 10, depths: int = 30, seed: int = 0) -> list[Picture]:
    """Redraw Figure 1 under both input laws into the folder `out` (PNG and SVG).

    Args:
        out: folder to write; an earlier result is replaced as a whole.
        points_per_law: training points n.
        depths: deepest network.
        seed: fixes the points.

    Raises:
        InputError: bad settings, a folder that cannot be written, or JAX in 32-bit mode.

    >>> import tempfile
    >>> import roughntk as rn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pictures = rn.study.figure1(folder, points_per_law=4, depths=3)
    >>> len(pictures) > 0
    True
    """
    _checks.require_x64("figure1")
    n = _checks.integer(points_per_law, "points", least=2, most=100)
    depths = _checks.integer(depths, "depths", least=2, most=1000)
    seed = _checks.integer(seed, "seed", least=0)
    pictures = []
    with folders.replacing(out, OWN) as folder, matplotlib.rc_context(drawing.STYLE):
        for law, (_, words) in LAWS.items():
            figure = _draw(*points(law, n, seed), depths, words)
            png = drawing.save(figure, folder, f"figure1_{law}")
            pictures.append(Picture(f"figure1_{law}", "Figure 1", words, Path(out) / png.name))
        (folder / OWN[0]).write_text(f'{{"seed": {seed}, "n": {n}, "depths": {depths}}}\n')
    return pictures


def _draw(X: np.ndarray, x: np.ndarray, depths: int, words: str):
    figure, axes = drawing.canvas(3, 3, (11, 8.6))
    L = np.arange(1, depths + 1)
    i, j = np.triu_indices(len(X), 1)
    for row, name in zip(axes, ("relu-ntk", "relu-nngp", "sigmoid"), strict=True):
        within, across, u = curves(name, X, x, depths)
        limit = family(name).limit_value
        with unwarned():
            at_infinity = coefficients(family(name), X, x, depth=math.inf)[:, 0]
        for axis, values in ((row[0], within[:, i, j]), (row[1], across[:, :, 0])):
            axis.plot(L, values, linewidth=0.9, alpha=0.6, color=drawing.COLOURS[0])
            axis.axhline(limit, label=f"limit {limit:.4g}", **drawing.LIMIT_STYLE)
            axis.legend(loc="best")
        for k in range(len(X)):
            colour = drawing.COLOURS[k % len(drawing.COLOURS)]
            row[2].plot(L, u[:, k, 0], linewidth=1.1, color=colour)
            if np.ptp(at_infinity) > 1e-12:
                row[2].axhline(at_infinity[k], color=colour, linestyle="--", linewidth=0.9)
        if np.ptp(at_infinity) <= 1e-12:
            row[2].axhline(at_infinity[0], label=f"limit {at_infinity[0]:.4g}", **drawing.LIMIT_STYLE)
            row[2].legend(loc="best")
        row[0].set_ylabel(ROW_TITLES[name])
        row[2].set_ylabel("coefficient $u_i$")
    for axis, title in zip(
        axes[0],
        ("kernel on $(X, X)$, off the diagonal", "kernel on $(x, X)$", "$K(X,X)^{-1}K(X,x)$"),
        strict=True,
    ):
        axis.set_title(title)
    for axis in axes[-1]:
        axis.set_xlabel("network depth $L$")
    figure.suptitle(f"{words[0].upper()}{words[1:]}; {len(X)} training points, dashed: limit of infinite depth")
    return figure
