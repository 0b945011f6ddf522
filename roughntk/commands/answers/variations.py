"""What `roughntk variation` computes and says of paths from files: p-variation, distances, convergence, figures."""

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from roughntk import _checks, rough
from roughntk._checks import InputError
from roughntk.files.drawing import BESIDE, COLOURS, STYLE, canvas, content, drawable, plain_log_labels
from roughntk.files.paths import PathFile, check_pair
from roughntk.files.results import write
from roughntk.rough.variation.exact import homogeneous_variation

SUFFIXES = (".png", ".svg", ".pdf")
"""Of figures."""


def check_options(
    count: int, against: str | None, level: int | None, *, root: bool, critical: bool, scale: str | None,
    figure: str | None,
) -> None:  # fmt: skip
    """Raise `InputError` for options of `roughntk variation` that mean nothing together."""
    if against is None:
        if scale is not None:
            raise InputError("expected --scale with --against and several files, got no --against; drop it, or add it")
        return
    for given, option in ((not root, "--no-root"), (critical, "--critical")):
        if given:
            raise InputError(f"expected {option} without --against, got both; measure the path in a call of its own")
    if count > 1 and level is not None:
        raise InputError(
            f"expected no --level with several files, got {level}; convergence looks at the levels 1 to floor(p)"
        )
    if count == 1 and (figure is not None or scale is not None):
        option = "--scale" if figure is None else "--figure"
        raise InputError(f"expected {option} with several files or without --against, got one file; drop {option}")


def as_path(file: PathFile) -> Any:
    """What the functions of `rough` take: the points, or with times the piecewise linear path through them."""
    return file.values if file.times is None else rough.PiecewiseLinear(file.values, file.times)


@dataclasses.dataclass(frozen=True)
class Measured:
    """The p-variation of one path, and its critical exponent if that was asked for."""

    file: PathFile
    variation: rough.Variation
    critical: rough.CriticalExponent | None = None

    def lines(self) -> list[str]:
        """What is printed."""
        lines = [
            *self.file.lines(),
            f"p-variation {self.variation.value:.12g}: {_kind(self.variation)}; exact over the sample points "
            f"({self.variation.method}).",
            _partition_line(self.variation, len(self.file.values)),
        ]
        return lines + ([] if self.critical is None else [f"Critical exponent: {self.critical}; an estimate."])

    def record(self) -> dict[str, Any]:
        """For JSON."""
        critical = None if self.critical is None else dataclasses.asdict(self.critical)
        return {
            "path": self.file.name,
            **_variation_record(self.variation),
            **_levels_record({self.variation.level: self.variation}),
            "critical_exponent": critical,
        }


def _variation_record(variation: rough.Variation) -> dict[str, Any]:
    return {
        "value": variation.value, "p": variation.p, "level": variation.level, "norm": variation.norm,
        "root": variation.root, "partition": variation.partition.tolist(), "method": variation.method,
    }  # fmt: skip


def _levels_record(table: dict[int, rough.Variation]) -> dict[str, Any]:
    return {"levels": {str(level): variation.value for level, variation in table.items()}}


def measure(
    file: PathFile, p: float, *, level: int | None = None, norm: str = "l1", root: bool = True,
    critical: bool = False,
) -> Measured:  # fmt: skip
    """The exact p-variation of the path at `level` (None: 1) of its canonical lift. Raises `InputError`."""
    with _named(file.name):
        table = rough.p_variation_levels(as_path(file), p, level=1 if level is None else level, norm=norm, root=root)
        (variation,) = table.values()
        return Measured(file, variation, rough.critical_p(as_path(file)) if critical else None)


@dataclasses.dataclass(frozen=True)
class Compared:
    """The distance of two paths, level by level, and the homogeneous one."""

    file: PathFile
    limit: PathFile
    table: dict[int, rough.Variation]
    homogeneous: rough.Variation

    @property
    def largest(self) -> rough.Variation:
        """The level with the largest value, whose number the distance is."""
        return max(self.table.values(), key=float)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "path": self.file.name, "limit": self.limit.name,
            "distance": _variation_record(self.largest) | _levels_record(self.table),
            "homogeneous_distance": _variation_record(self.homogeneous),
        }  # fmt: skip

    def rows(self) -> list[tuple[str, str]]:
        """Level and distance, as text."""
        return [(str(level), f"{float(value):.12g}") for level, value in self.table.items()]

    def lines(self) -> list[str]:
        """What is printed below the table."""
        top = self.homogeneous.level
        several = f", the largest of {len(self.table)} levels" if len(self.table) > 1 else ""
        return [
            f"Inhomogeneous distance {self.largest.value:.12g}{several}: {_kind(self.largest)}.",
            _partition_line(self.largest, len(self.file.values)),
            f"Homogeneous distance {self.homogeneous.value:.12g}: p = {self.homogeneous.p:g}, levels 1 to {top}, "
            f"{self.homogeneous.norm} norm, outer root taken.",
        ]


def compare(file: PathFile, limit: PathFile, p: float, *, level: int | None = None, norm: str = "l1") -> Compared:
    """The p-variation distances of two paths with the same points, channels and times. Raises `InputError`."""
    check_pair(file, limit)
    with _named(f"{file.name} against {limit.name}"):
        table = rough.p_variation_levels(as_path(file), p, against=as_path(limit), level=level, norm=norm)
        other = homogeneous_variation(as_path(file), as_path(limit), p, level=level, norm=norm)
        return Compared(file, limit, table, other)


def converge(
    paths: Sequence[PathFile], limit: PathFile, p: float, *, norm: str = "l1", scale: str | None = None
) -> rough.Convergence:
    """Whether the paths converge to the limit, by `rough.convergence`; `scale` is a list of numbers, "1,2,4"."""
    for file in paths:
        check_pair(file, limit)
    return rough.convergence([as_path(file) for file in paths], as_path(limit), p, scale=_scale(scale), norm=norm)


def convergence_rows(paths: Sequence[PathFile], convergence: rough.Convergence) -> list[list[str]]:
    """The table of a convergence: file, scale and distances; then the rates and the verdicts."""
    rows = [
        [file.name, f"{scale:g}", *(f"{value:.6g}" for value in distances)]
        for file, scale, distances in zip(paths, convergence.scale, convergence.distances, strict=True)
    ]
    rates = (
        f"{rate:.3f} ± {error:.2g}" for rate, error in zip(convergence.rates, convergence.rate_errors, strict=True)
    )
    return [*rows, ["rate", "", *rates], ["verdict", "", *convergence.verdicts]]


def convergence_record(paths: Sequence[PathFile], limit: PathFile, convergence: rough.Convergence) -> dict[str, Any]:
    """A convergence for JSON: every field of `rough.Convergence`, with the names of the files."""
    return {"paths": [file.name for file in paths], "limit": limit.name, **dataclasses.asdict(convergence)}


def _kind(variation: rough.Variation) -> str:
    root = "outer root taken" if variation.root else "no outer root taken"
    return f"p = {variation.p:g}, level {variation.level}, {variation.norm} norm, {root}"


def _partition_line(variation: rough.Variation, points: int) -> str:
    chosen = [str(i) for i in variation.partition]
    listed = chosen if len(chosen) <= 12 else [*chosen[:6], "...", *chosen[-3:]]
    return f"Maximising partition: {len(chosen)} of {points} points, {', '.join(listed)} (counted from 0)."


@contextlib.contextmanager
def _named(name: str) -> Iterator[None]:
    """Puts the name of the file before the message of an `InputError`."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _scale(text: str | None) -> list[float] | None:
    if text is None:
        return None
    otherwise = f"expected --scale to hold a number a file, with commas, got {text!r}; for instance 1,2,4"
    return [_checks.number_of_text(cell, "--scale", otherwise) for cell in text.split(",")]


def draw_paths(measured: Sequence[Measured], target: Path) -> None:
    """Each path with its maximising partition: in the plane for two channels, else its channels against time."""
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(len(measured), 1, (7.8, 3.9 * len(measured)))
        for axis, each in zip(axes[:, 0], measured, strict=True):
            values, chosen = each.file.values, each.variation.partition
            names = [drawable(name, str(i)) for i, name in enumerate(each.file.channels, 1)]
            if values.shape[1] == 2:
                axis.plot(*values.T, color=COLOURS[0], linewidth=2, alpha=0.55, label="path")
                axis.plot(*values[chosen].T, "o-", color=COLOURS[1], markersize=3, linewidth=1, label="partition")
                axis.set(xlabel=f"channel {names[0]}", ylabel=f"channel {names[1]}")
            else:
                when = np.arange(len(values)) if each.file.times is None else each.file.times
                for k, colour in zip(range(values.shape[1]), COLOURS, strict=False):
                    axis.plot(when, values[:, k], color=colour, linewidth=0.8, label=f"channel {names[k]}")
                    axis.plot(when[chosen], values[chosen, k], "o", color="black", markersize=2.8)
                axis.plot([], [], "o", color="black", markersize=2.8, label="partition")
                more = f" (channels 1 to {len(COLOURS)} of {len(names)})" if len(names) > len(COLOURS) else ""
                axis.set(xlabel="row" if each.file.times is None else "time", ylabel="value" + more)
            axis.set_title(
                f"{drawable(each.file.name, 'path')}: p-variation {each.variation.value:.4g} "
                f"($p = {each.variation.p:g}$), {len(chosen)} of {len(values)} points"
            )
            axis.legend(**BESIDE)
        write(target, content(figure, target.suffix))


def draw_convergence(convergence: rough.Convergence, target: Path) -> None:
    """Distances to the limit against the scale, level by level."""
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 1, (7.2, 4.0))
        for level, colour, values, rate in zip(
            convergence.levels, COLOURS, convergence.distances.T, convergence.rates, strict=False
        ):
            label = f"level {level}" + (f", rate {rate:.3g}" if math.isfinite(rate) else "")
            axes[0, 0].loglog(convergence.scale, values, "o-", color=colour, markersize=3.5, label=label)
        axes[0, 0].set(
            xlabel="scale",
            ylabel=f"distance, {convergence.norm} norm",
            title=f"$p = {convergence.p:g}$: {convergence.verdict}",
        )
        plain_log_labels(axes[0, 0].xaxis, axes[0, 0].yaxis)
        axes[0, 0].legend(**BESIDE)
        write(target, content(figure, target.suffix))


__all__ = [
    "SUFFIXES", "Compared", "Measured", "as_path", "check_options", "compare", "converge", "convergence_record",
    "convergence_rows", "draw_convergence", "draw_paths", "measure",
]  # fmt: skip
