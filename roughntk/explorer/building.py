"""From data and a family to what the page holds."""

import dataclasses
import math
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.explorer import page
from roughntk.explorer.points import ExplorerPoints, own_points
from roughntk.explorer.settings import LEAST_POINTS, MOST_POINTS, ExplorerSettings
from roughntk.explorer.tables import tables
from roughntk.explorer.tables.families import BANDS
from roughntk.files.tables import ONE_HOT, Reading
from roughntk.kernels import as_family
from roughntk.study.data import DataSet, load

_DEFAULTS = ExplorerSettings()


@dataclasses.dataclass(frozen=True)
class Exploration:
    """What a page is made of.

    Attributes:
        points: that it begins with, with the family and the depth.
        contents: what the page's script is given.
    """

    points: ExplorerPoints
    contents: dict[str, Any]

    def record(self) -> dict[str, Any]:
        """The facts, as the command line prints them."""
        return {
            "data": self.points.name,
            "rows": list(self.points.rows),
            "points": len(self.points.X),
            "family": self.points.family.name,
            "settings": self.points.family.settings,
            "depth": self.points.depth,
            "panels": list(self.contents["panels"]),
            "notes": list(self.points.notes),
        }


def explorer_page(data: Any = None, *, family: Any = "relu-ntk", depth: float = 3.0, **settings: Any) -> str:
    """The explorer as the text of one HTML file, which needs no network.

    Args:
        data, family, depth, settings: as for `explore`.

    Returns:
        The file, under 3 MB.

    Raises:
        InputError: as `explore`.

    >>> import roughntk as rn
    >>> text = rn.explorer.explorer_page()
    >>> text.startswith("<!doctype html>"), len(text) < 3_000_000
    (True, True)
    """
    return page.html(built(data, family=family, depth=depth, **known_settings(settings)).contents)


def known_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of points, if all of them are known.

    Raises:
        InputError: another name.
    """
    names = [each.name for each in dataclasses.fields(ExplorerSettings) if each.name != "data"] + ["reading"]
    unknown = [name for name in settings if name not in names]
    if unknown:
        raise InputError(
            f"expected settings of points ({', '.join(names)}), got {unknown[0]}={settings[unknown[0]]!r}; leave it out"
        )
    return settings


def built(
    data: Any = None, *, family: Any = "relu-ntk", depth: Any = 3.0, points: int = _DEFAULTS.points,
    seed: int = _DEFAULTS.seed, projection: str = _DEFAULTS.projection, drop_duplicates: bool = False,
    dimension: int | None = None, target: str | None = None, task: str = _DEFAULTS.task, standardise: bool = False,
    reading: Reading | None = None,
) -> Exploration:  # fmt: skip
    """The exploration of these data; the arguments are those of `explore`, and how to read a file."""
    kernel = as_family(family)
    depth = _first_depth(depth)
    if data is None:
        given = ExplorerSettings(data, points, seed, projection, drop_duplicates, dimension, target, task, standardise)
        if given != _DEFAULTS:
            raise InputError(
                "expected options of points with data only, got some without data; name a file or a built-in set"
            )
        chosen = own_points()
    else:
        points = _checks.integer(points, "points", least=LEAST_POINTS, most=MOST_POINTS)
        loaded = load(
            data, points=points, test_points=1, seed=seed, projection=projection, drop_duplicates=drop_duplicates,
            dimension=dimension, target=target, task=task, standardise=standardise, reading=reading,
            least_points=LEAST_POINTS,
        )  # fmt: skip
        chosen = _of_data(loaded, seed)
    chosen = dataclasses.replace(chosen, family=kernel, depth=depth)
    return Exploration(chosen, page.contents(chosen, tables(chosen)))


def _first_depth(depth: Any) -> float:
    """The depth that the page begins with."""
    real, last = _checks.real_number(depth), BANDS[-1]
    if _checks.known_number(depth) is None or real >= 2:
        real = _checks.one_depth(depth)
    if not (2 <= real <= last or real == math.inf):
        raise InputError(
            f"expected a depth from 2 to {last:g}, or infinity, to begin with, got {real:g}; choose one of these (at "
            f"depth 1 the kernel matrix of more points than dimensions is singular)"
        )
    return real


def _of_data(loaded: DataSet, seed: int) -> ExplorerPoints:
    """The chosen rows, with targets as the page draws them and sentences on both."""
    n, dimension = loaded.X.shape
    y, sentence = _targets(loaded, n)
    rows = tuple(int(row) for row in loaded.rows[:n])
    notes = [
        f"{n} rows of {loaded.name} ({', '.join(map(str, rows))}, counted from 0) and row {int(loaded.rows[n])} as the "
        f"test point, chosen by the seed {seed}; on the sphere in {dimension} dimensions ({loaded.projection} "
        f"projection).",
        sentence,
        *(note.replace(ONE_HOT, "") for note in loaded.notes),
    ]
    return ExplorerPoints(loaded.name, loaded.X, loaded.x, y, rows, tuple(notes))


def _targets(loaded: DataSet, n: int) -> tuple[np.ndarray, str]:
    """Targets of order one, and how they came about."""
    if loaded.y is None:
        y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
        return y, "The data have no targets: 1 and -1 in turn are the page's own, and can be dragged."
    known = np.asarray(loaded.y[:n], dtype=float)
    if loaded.classes:
        place = int(known[0].argmax())
        words = f"{loaded.classes[place]} against the other classes" if len(loaded.classes) > 2 else ""
        words = words or f"{loaded.classes[place]} against {loaded.classes[1 - place]}"
        return np.where(known.argmax(axis=1) == place, 1.0, -1.0), f"Targets are 1 and -1: {loaded.target}, {words}."
    centre, size = float(known.mean()), float(known.std())
    if size == 0:
        return np.zeros(n), f"The target {loaded.target} is {centre:g} in all chosen rows, drawn as 0."
    return (known - centre) / size, (
        f"The target {loaded.target} is drawn in standard units: less {centre:.6g}, over {size:.6g}, the mean and "
        f"standard deviation of the chosen training rows."
    )


__all__ = ["Exploration", "built", "explorer_page"]
