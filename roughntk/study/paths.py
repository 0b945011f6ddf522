"""`roughntk signature` and `roughntk variation`: what is computed for paths from files, what is said, the figures."""

import contextlib
import dataclasses
import io
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.ft2font
import numpy as np
from matplotlib import font_manager

from roughntk import _checks, rough
from roughntk._checks import InputError
from roughntk.files import content as files
from roughntk.files.paths import PathFile, check_pair, write
from roughntk.rough.variation.exact import homogeneous_variation
from roughntk.study.figures import COLOURS, STYLE, canvas, plain_log_labels

BASES = ("lyndon", "hall", "words")
OUT_SUFFIXES, FIGURE_SUFFIXES = (".csv", ".npy", ".json"), (".png", ".svg", ".pdf")
SHOWN = 40
"""Entries of a signature that are printed."""
SHOWN_PATHS = 5
"""Paths of a batch whose entries are printed."""


@dataclasses.dataclass(frozen=True)
class SignatureTable:
    """Signatures or log-signatures of one path or a batch with what they are: `basis` None is a signature.

    `values`: shape (entries,), for a batch (paths, entries).
    """

    files: tuple[PathFile, ...]
    level: int
    basis: str | None
    backend: str
    values: np.ndarray

    def labels(self) -> Iterator[str]:
        """The words, or brackets, in the order of the values."""
        channels = self.files[0].values.shape[1]
        if self.basis == "lyndon":
            return iter(rough.lyndon_brackets(channels, self.level))
        if self.basis == "hall":
            return iter(rough.hall_brackets(channels, self.level))
        words = (itertools.product(range(1, channels + 1), repeat=k) for k in range(1, self.level + 1))
        joint = "" if channels < 10 else ","
        return (joint.join(map(str, word)) for word in itertools.chain.from_iterable(words))

    def described(self) -> list[str]:
        """What is printed of the paths."""
        first = self.files[0]
        more = [f"{len(self.files)} paths, {first.name} to {self.files[-1].name}."] if len(self.files) > 1 else []
        return [*more, *first.lines()]

    def title(self) -> str:
        """What the numbers are."""
        what = "Signature" if self.basis is None else "Log-signature"
        how = {None: "words", "words": "words", "lyndon": "Lyndon brackets", "hall": "Hall brackets"}[self.basis]
        each = " of each path" if len(self.files) > 1 else ""
        entries = self.values.shape[-1]
        return f"{what} to level {self.level}{each}: {entries} entries in {how} (backend {self.backend})"

    def headings(self) -> list[str]:
        """The heading of `rows`."""
        names = [file.name for file in self.files[:SHOWN_PATHS]] if len(self.files) > 1 else ["value"]
        return ["bracket" if self.basis in ("lyndon", "hall") else "word", *names]

    def rows(self) -> list[tuple[str, ...]]:
        """The first entries of the first paths as text."""
        columns = np.atleast_2d(self.values)[:SHOWN_PATHS].T
        shown = zip(itertools.islice(self.labels(), SHOWN), columns, strict=False)
        return [(label, *(f"{value:.12g}" for value in values)) for label, values in shown]

    def left_out(self) -> list[str]:
        """What `rows` does not show, in a sentence."""
        entries, count = self.values.shape[-1], len(self.files)
        if entries <= SHOWN and count <= SHOWN_PATHS:
            return []
        paths = f", of the first {min(count, SHOWN_PATHS)} of {count} paths" if count > 1 else ""
        return [f"The first {min(entries, SHOWN)} of {entries}{paths}; --out writes them all."]

    def record(self) -> dict[str, Any]:
        """All entries with what they are, for JSON."""
        first, alone = self.files[0], len(self.files) == 1
        return {
            "path": first.name if alone else [file.name for file in self.files],
            "points": len(first.values), "channels": list(first.channels),
            "level": self.level, "kind": "signature" if self.basis is None else "log-signature",
            "basis": self.basis or "words", "backend": self.backend, "entries": list(self.labels()),
            "values": self.values.tolist(),
        }  # fmt: skip

    def content(self, suffix: str) -> bytes:
        """All entries with all digits, as .csv (a column a path), .npy or .json."""
        if suffix == ".npy":
            return files.npy_bytes(self.values)
        if suffix == ".json":
            return (json.dumps(self.record(), indent=1, allow_nan=False) + "\n").encode()
        names = ["value"] if len(self.files) == 1 else [file.name for file in self.files]
        columns = np.atleast_2d(self.values).T
        rows = ([label, *map(repr, values.tolist())] for label, values in zip(self.labels(), columns, strict=True))
        return files.csv_bytes([[self.headings()[0], *names], *rows])


#: Bytes that a word or bracket with its line, and a number, take as text; measured at levels 9 to 13.
WORD_BYTES, NUMBER_BYTES = 250.0, 100.0


def _check_text(channels: int, level: int, paths: int, *, brackets: bool) -> None:
    """Refuse entries whose text cannot fit in memory."""
    if brackets:
        entries = float(sum(rough.witt_dimension(channels, k) for k in range(1, _checks.level(level) + 1)))
    else:
        entries = float(rough.signature_size(channels, level))
    _checks.memory(
        entries * (WORD_BYTES + NUMBER_BYTES * paths),
        f"{entries:.3g} entries{f' of {paths} paths' if paths > 1 else ''} as text",
        "lower --level, or write them as .npy",
    )


def signature_table(
    file: PathFile | Sequence[PathFile], level: int, *, log: bool = False, basis: str | None = None,
    backend: str = "jax", text: bool = False,
) -> SignatureTable:  # fmt: skip
    """The signature of the path, or of each of a batch, to `level`, or with `log` its logarithm in `basis` (lyndon,
    hall or words).

    `text`: all entries are to be written as text, .csv or .json, which takes more memory than the numbers.

    Raises as `rough.signature` does, and for a basis without `log`.
    """
    _checks.require_x64("a table of signatures to 12 digits")
    batch = (file,) if isinstance(file, PathFile) else tuple(file)
    if not log and basis is not None:
        raise InputError(f"expected --basis with --log only, got --basis {basis}; a signature is given in words")
    if log:
        basis = _checks.choice("lyndon" if basis is None else basis, BASES, "basis")

    if text:
        _check_text(batch[0].values.shape[1], level, len(batch), brackets=basis in ("lyndon", "hall"))

    def of(points: np.ndarray) -> np.ndarray:
        if basis is not None:
            return np.asarray(rough.log_signature(points, level, basis=basis, backend=backend))
        return np.asarray(rough.signature(points, level, backend=backend))

    if len(batch) == 1:
        values = of(batch[0].values)
    elif len({each.values.shape for each in batch}) == 1:
        values = of(np.stack([each.values for each in batch]))
    else:  # rows with missing cells were left out
        values = np.stack([of(each.values) for each in batch])
    return SignatureTable(batch, level, basis, backend, values)


# p-variation


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


@dataclasses.dataclass(frozen=True)
class Measured:
    """The p-variation of one path, and its critical exponent if that was asked for."""

    file: PathFile
    found: rough.Variation
    critical: rough.CriticalExponent | None = None

    def lines(self) -> list[str]:
        """What is printed."""
        said = [
            *self.file.lines(),
            f"p-variation {self.found.value:.12g}: {_kind(self.found)}; exact over the sample points "
            f"({self.found.method}).",
            _partition_line(self.found, len(self.file.values)),
        ]
        return said + ([] if self.critical is None else [f"Critical exponent: {self.critical}; an estimate."])

    def record(self) -> dict[str, Any]:
        """For JSON."""
        critical = None if self.critical is None else dataclasses.asdict(self.critical)
        return {
            "path": self.file.name,
            **_found_record(self.found),
            **_levels_record({self.found.level: self.found}),
            "critical_exponent": critical,
        }


def _found_record(found: rough.Variation) -> dict[str, Any]:
    return {
        "value": found.value, "p": found.p, "level": found.level, "norm": found.norm, "root": found.root,
        "partition": found.partition.tolist(), "method": found.method,
    }  # fmt: skip


def _levels_record(table: dict[int, rough.Variation]) -> dict[str, Any]:
    return {"levels": {str(level): found.value for level, found in table.items()}}


def measure(
    file: PathFile, p: float, *, level: int | None = None, norm: str = "l1", root: bool = True,
    critical: bool = False,
) -> Measured:  # fmt: skip
    """The exact p-variation of the path at `level` (None: 1) of its canonical lift. Raises `InputError`."""
    with _named(file.name):
        table = rough.p_variation_levels(file.path, p, level=1 if level is None else level, norm=norm, root=root)
        (found,) = table.values()
        return Measured(file, found, rough.critical_p(file.path) if critical else None)


@dataclasses.dataclass(frozen=True)
class Compared:
    """The distance of two paths, level by level, and the homogeneous one."""

    file: PathFile
    limit: PathFile
    table: dict[int, rough.Variation]
    homogeneous: rough.Variation

    @property
    def found(self) -> rough.Variation:
        """The level with the largest value, whose number the distance is."""
        return max(self.table.values(), key=float)

    def record(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "path": self.file.name, "limit": self.limit.name,
            "distance": _found_record(self.found) | _levels_record(self.table),
            "homogeneous_distance": _found_record(self.homogeneous),
        }  # fmt: skip

    def rows(self) -> list[tuple[str, str]]:
        """Level and distance, as text."""
        return [(str(level), f"{float(value):.12g}") for level, value in self.table.items()]

    def lines(self) -> list[str]:
        """What is printed below the table."""
        top = self.homogeneous.level
        several = f", the largest of {len(self.table)} levels" if len(self.table) > 1 else ""
        return [
            f"Inhomogeneous distance {self.found.value:.12g}{several}: {_kind(self.found)}.",
            _partition_line(self.found, len(self.file.values)),
            f"Homogeneous distance {self.homogeneous.value:.12g}: p = {self.homogeneous.p:g}, levels 1 to {top}, "
            f"{self.homogeneous.norm} norm, outer root taken.",
        ]


def compare(file: PathFile, limit: PathFile, p: float, *, level: int | None = None, norm: str = "l1") -> Compared:
    """The p-variation distances of two paths with the same points, channels and times. Raises `InputError`."""
    check_pair(file, limit)
    with _named(f"{file.name} against {limit.name}"):
        table = rough.p_variation_levels(file.path, p, against=limit.path, level=level, norm=norm)
        return Compared(file, limit, table, homogeneous_variation(file.path, limit.path, p, level=level, norm=norm))


def converge(
    paths: Sequence[PathFile], limit: PathFile, p: float, *, norm: str = "l1", scale: str | None = None
) -> rough.Convergence:
    """Whether the paths converge to the limit, by `rough.convergence`; `scale` is a list of numbers, "1,2,4"."""
    for file in paths:
        check_pair(file, limit)
    return rough.convergence([file.path for file in paths], limit.path, p, scale=_scale(scale), norm=norm)


def convergence_rows(paths: Sequence[PathFile], found: rough.Convergence) -> list[list[str]]:
    """The table of a convergence: file, scale and distances; then the rates and the verdicts."""
    rows = [
        [file.name, f"{scale:g}", *(f"{value:.6g}" for value in distances)]
        for file, scale, distances in zip(paths, found.scale, found.distances, strict=True)
    ]
    rates = (f"{rate:.3f} ± {error:.2g}" for rate, error in zip(found.rates, found.rate_errors, strict=True))
    return [*rows, ["rate", "", *rates], ["verdict", "", *found.verdicts]]


def convergence_record(paths: Sequence[PathFile], limit: PathFile, found: rough.Convergence) -> dict[str, Any]:
    """A convergence for JSON: every field of `rough.Convergence`, with the names of the files."""
    return {"paths": [file.name for file in paths], "limit": limit.name, **dataclasses.asdict(found)}


def _kind(found: rough.Variation) -> str:
    return f"p = {found.p:g}, level {found.level}, {found.norm} norm, {'' if found.root else 'no '}outer root taken"


def _partition_line(found: rough.Variation, points: int) -> str:
    chosen = [str(i) for i in found.partition]
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
    try:
        return [_checks.number_of_text(cell, "--scale") for cell in text.split(",")]
    except InputError:
        raise
    except ValueError:
        raise InputError(
            f"expected --scale to hold a number a file, with commas, got {text!r}; for instance 1,2,4"
        ) from None


BESIDE: Any = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0)}
"""Legends stand to the right of the axes, where no data can be."""


def draw_paths(measured: Sequence[Measured], target: Path) -> None:
    """Each path with its maximising partition: in the plane for two channels, else its channels against time."""
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(len(measured), 1, (7.8, 3.9 * len(measured)))
        for axis, each in zip(axes[:, 0], measured, strict=True):
            values, chosen = each.file.values, each.found.partition
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
                f"{drawable(each.file.name, 'path')}: p-variation {each.found.value:.4g} ($p = {each.found.p:g}$), "
                f"{len(chosen)} of {len(values)} points"
            )
            axis.legend(**BESIDE)
        write(target, _drawn(figure, target))


def draw_convergence(found: rough.Convergence, target: Path) -> None:
    """Distances to the limit against the scale, level by level."""
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 1, (7.2, 4.0))
        for level, colour, values, rate in zip(found.levels, COLOURS, found.distances.T, found.rates, strict=False):
            label = f"level {level}" + (f", rate {rate:.3g}" if math.isfinite(rate) else "")
            axes[0, 0].loglog(found.scale, values, "o-", color=colour, markersize=3.5, label=label)
        axes[0, 0].set(
            xlabel="scale", ylabel=f"distance, {found.norm} norm", title=f"$p = {found.p:g}$: {found.verdict}"
        )
        plain_log_labels(axes[0, 0].xaxis, axes[0, 0].yaxis)
        axes[0, 0].legend(**BESIDE)
        write(target, _drawn(figure, target))


def drawable(name: str, instead: str) -> str:
    """A name as matplotlib writes it letter by letter: no formula, and only letters that its font has."""
    font = matplotlib.ft2font.FT2Font(font_manager.findfont(font_manager.FontProperties()))
    known = font.get_charmap()
    if not name or any(ord(letter) not in known for letter in name):
        return instead
    return name.replace("$", r"\$")


def _drawn(figure: Any, target: Path) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format=target.suffix[1:].lower(), dpi=150)
    return buffer.getvalue()
