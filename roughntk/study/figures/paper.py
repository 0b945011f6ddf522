"""The paper's Figure 1, with the true limits drawn: three families, 30 depths, two input laws or a user's points."""

import math
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._settings import settings_of
from roughntk.files import drawing, folders
from roughntk.files.tables import Reading
from roughntk.kernels import family
from roughntk.regression import NotPositiveDefiniteError, coefficients
from roughntk.regression.closed_form import closed_form
from roughntk.regression.systems import Systems
from roughntk.study.analysis.closed_form import unwarned
from roughntk.study.data import load
from roughntk.study.result import Picture
from roughntk.study.settings import PointSettings

DIMENSION = 128
LAWS = {
    "cube": (0.0, "Inputs uniform on $[0,1]^{128}$, projected"),
    "centred_cube": (-1.0, "Inputs uniform on $[-1,1]^{128}$, projected"),
}
OWN = ("figure1.json", *(f"figure1_{law}.{kind}" for law in (*LAWS, "data") for kind in ("png", "svg")))
ROW_TITLES = {"relu-ntk": "NTK $K_L$", "relu-nngp": r"NNGP $\rho_L$", "sigmoid": r"sigmoid $\eta_L$"}


def points(law: str, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """n training points and one test point of that law, on the sphere in R^128."""
    low = LAWS[_checks.choice(law, tuple(LAWS), "law")][0]
    raw = np.random.default_rng(seed).uniform(low, 1.0, size=(n + 1, DIMENSION))
    unit = sphere.project(raw)
    return unit[:n], unit[n:]


def curves(name: str, X: np.ndarray, x: np.ndarray, depths: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(K(X,X), K(X,x), u) at depths 1 .. `depths`, first axis depth; u is NaN where K(X,X) is singular."""
    chosen = family(name)
    within, across = (np.asarray(chosen.trajectory(theta, depths)) for theta in (sphere.angles(X), sphere.angles(X, x)))
    systems = Systems(chosen, X, x)
    with unwarned():  # the sigmoid family is indefinite on many point sets
        u = [_coefficients(systems, depth) for depth in range(1, depths + 1)]
    return within, across, np.stack(u)


def _coefficients(systems: Systems, depth: float) -> np.ndarray:
    try:
        return closed_form(systems, depth).coefficients
    except NotPositiveDefiniteError:
        return np.full((len(systems.X), len(systems.x)), math.nan)


def figure1(
    out: str | Path = "figure1",
    *,
    data: Any = None,
    points_per_law: int = 10,
    depths: int = 30,
    seed: int = 0,
    reading: Reading | None = None,
    **chosen: Any,
) -> list[Picture]:
    """Redraw Figure 1 into the folder `out` (PNG and SVG), under both input laws of the paper or for a user's points.

    Args:
        out: folder to write; an earlier result is replaced as a whole.
        data: a file or another source of points as for `rn.study.run`, in the place of the input laws.
        points_per_law: training points n; of data one more is taken, as the test point.
        depths: deepest network.
        seed: fixes the points.
        reading: how a file is read.
        chosen: `projection`, `target`, `standardise`, `drop_duplicates`, `dimension` of `rn.study.run`, for data.

    Raises:
        InputError: bad settings, data that cannot be read, a folder that cannot be written, or JAX in 32-bit mode.

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
    sets: list[tuple[str, str, np.ndarray, np.ndarray, tuple[str, ...]]] = []
    if data is None:
        _check_unused(reading, chosen)
        sets = [(law, words, *points(law, n, seed), ()) for law, (_, words) in LAWS.items()]
    else:
        chosen_points = load(data, points=n, test_points=1, seed=seed, reading=reading, **chosen)
        words = f"{drawing.drawable(chosen_points.name, 'data')}, {chosen_points.projection} projection"
        sets = [("data", words, chosen_points.X, chosen_points.x, chosen_points.notes)]
    pictures = []
    with folders.replacing(out, OWN) as folder, matplotlib.rc_context(drawing.STYLE):
        for name, words, X, x, notes in sets:
            png = drawing.save(_draw(X, x, depths, words), folder, f"figure1_{name}")
            pictures.append(Picture(f"figure1_{name}", "Figure 1", words, Path(out) / png.name, notes))
        (folder / OWN[0]).write_text(f'{{"seed": {seed}, "n": {n}, "depths": {depths}}}\n')
    return pictures


def _check_unused(reading: Reading | None, chosen: dict[str, Any]) -> None:
    """Raise `InputError` for settings of data where there are none."""
    known = {each.name: each for each in settings_of(PointSettings)}
    given = [name for name, value in chosen.items() if name not in known or value != known[name].default]
    if given or reading not in (None, Reading()):
        options = [(known[name].option if name in known else "") or f"--{name.replace('_', '-')}" for name in given]
        words = ", ".join(options) or "--drop, --missing and the like"
        raise InputError(f"expected data with {words}, got none; name a file, or leave it out")


def _at_infinity(name: str, X: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The coefficients at infinite depth, shape (n,); NaN where the kernel matrix is singular there."""
    try:
        with unwarned():
            return coefficients(family(name), X, x, depth=math.inf)[:, 0]
    except NotPositiveDefiniteError:
        return np.full(len(X), math.nan)


def _span(depths: np.ndarray) -> str:
    """Depths in words."""
    if len(depths) == 1:
        return f"depth {depths[0]}"
    return f"{len(depths)} depths, {depths[0]} to {depths[-1]}"


def _draw(X: np.ndarray, x: np.ndarray, depths: int, words: str):
    figure, axes = drawing.canvas(3, 3, (11, 8.6))
    L = np.arange(1, depths + 1)
    i, j = np.triu_indices(len(X), 1)
    for row, name in zip(axes, ("relu-ntk", "relu-nngp", "sigmoid"), strict=True):
        within, across, u = curves(name, X, x, depths)
        limit = family(name).limit_value
        at_infinity = _at_infinity(name, X, x)
        for axis, values in ((row[0], within[:, i, j]), (row[1], across[:, :, 0])):
            axis.plot(L, values, linewidth=0.9, alpha=0.6, color=drawing.COLOURS[0])
            axis.axhline(limit, label=f"limit {limit:.4g}", **drawing.LIMIT_STYLE)
            axis.legend(loc="best")
        for k in range(len(X)):
            colour = drawing.COLOURS[k % len(drawing.COLOURS)]
            row[2].plot(L, u[:, k, 0], linewidth=1.1, color=colour)
            if not np.ptp(at_infinity) <= 1e-12 and np.isfinite(at_infinity).all():
                row[2].axhline(at_infinity[k], color=colour, linestyle="--", linewidth=0.9)
        if np.ptp(at_infinity) <= 1e-12:
            row[2].axhline(at_infinity[0], label=f"limit {at_infinity[0]:.4g}", **drawing.LIMIT_STYLE)
            row[2].legend(loc="best")
        singular = L[np.isnan(u).any(axis=(1, 2))]
        if singular.size:
            what = f"{_span(singular)}: K(X, X) is singular"
            row[2].text(0.99, 0.01, what, fontsize=8.5, ha="right", va="bottom", transform=row[2].transAxes)
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
    drawing.whole_ticks(*axes.flat)
    figure.suptitle(f"{words}; {len(X)} training points, dashed: limit of infinite depth")
    return figure
