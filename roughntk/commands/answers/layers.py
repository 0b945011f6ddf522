"""What `roughntk weights` computes and says of the weights of layers: verdict, exponents, distances, figure."""

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from roughntk import networks
from roughntk._checks import InputError
from roughntk.files import paths as path_files
from roughntk.files.drawing import STYLE, canvas, content, plain_log_labels, whole_ticks
from roughntk.files.results import csv_bytes, npy_bytes, write
from roughntk.files.weights import LayerWeights, read_weights
from roughntk.networks import DepthRoughness, WeightRoughness

FIGURES, TABLES = (".png", ".svg", ".pdf"), (".npy", ".csv")
"""Suffixes of what is written."""
HEADINGS = ("layers", "path", "1-variation", "mean jump", "p-variation", "level 2", "exponent h", "critical p")


def check_options(
    files: Sequence[str], initial: Sequence[str], distances: bool, pattern: str | None, *, level: int,
    coarsest: int | None, out: str | None,
) -> None:  # fmt: skip
    """Raise `InputError` for options of `roughntk weights` that mean nothing together."""
    if initial and len(initial) != len(files):
        raise InputError(
            f"expected --initial once for each FILE, got {len(initial)} for {len(files)}; give the weights before "
            f"training in the same order"
        )
    if distances:
        for given, option in ((initial, "--initial"), (pattern, "--pattern"), (level > 1, "--level 2")):
            if given:
                raise InputError(f"expected {option} without --distances, got both; distances are all that is known")
    if len(files) > 1:
        limits: tuple[tuple[object, str], ...] = (
            (distances, "--distances"), (level > 1, "--level 2"), (coarsest, "--coarsest"), (out, "--out"),
        )  # fmt: skip
        for value, option in limits:
            if value:
                raise InputError(f"expected {option} with one FILE, got {len(files)}; call once for each")


@dataclasses.dataclass(frozen=True)
class Answer:
    """The roughness of the weights in some files, and lines on what was read."""

    files: tuple[str, ...]
    described: tuple[str, ...]
    result: WeightRoughness | DepthRoughness
    beta: float
    p: float

    @property
    def members(self) -> tuple[WeightRoughness, ...]:
        """One for each network, by increasing depth."""
        return self.result.members if isinstance(self.result, DepthRoughness) else (self.result,)

    def rows(self) -> list[list[str]]:
        """A row for each network and path, as text."""
        return [
            [
                str(member.layers), path.name, f"{path.length:.6g}", f"{path.mean_jump:.6g}",
                f"{path.variation.value:.6g}",
                "" if path.second_level is None else f"{path.second_level.value:.6g}",
                _exponent(path), path.critical_words,
            ]
            for member in self.members
            for path in member.paths
        ]  # fmt: skip

    def record(self) -> dict[str, Any]:
        """For JSON."""
        record: dict[str, Any] = {
            "files": list(self.files), "beta": self.beta, "p": self.p, "verdict": self.result.verdict,
            "evidence": list(self.result.evidence),
        }  # fmt: skip
        if isinstance(self.result, DepthRoughness):
            powers = self.result.exponents.items()
            record["exponents"] = {name: {"value": power.value, "error": power.error} for name, power in powers}
        return record | {"networks": [_network(member) for member in self.members]}


def _exponent(path: networks.PathRoughness) -> str:
    power = path.jump_exponent
    return "unknown" if math.isnan(power.value) else f"{-power.value:.3f} ± {power.error:.2g}"


def _network(member: WeightRoughness) -> dict[str, Any]:
    return {
        "layers": member.layers, "verdict": member.verdict,
        "norms": None if member.norms is None else member.norms.tolist(),
        "paths": [_record(path) for path in member.paths],
    }  # fmt: skip


def _record(path: networks.PathRoughness) -> dict[str, Any]:
    scaling, critical, second = path.scaling, path.critical, path.second_level
    return {
        "path": path.name, "points": path.points, "length": path.length, "mean_jump": path.mean_jump,
        "p_variation": path.variation.value, "partition": path.variation.partition.tolist(),
        "second_level": None if second is None else second.value,
        "scaling": None if scaling is None else dataclasses.asdict(scaling),
        "critical_exponent": None if critical is None else dataclasses.asdict(critical),
    }  # fmt: skip


def answer(
    files: Sequence[str], pattern: str | None, initial: Sequence[str], *, distances: bool, beta: float, p: float,
    level: int, coarsest: int | None,
) -> Answer:  # fmt: skip
    """The roughness of the weights in the files; several are networks of several depths. Raises `InputError`."""
    if distances:
        file = path_files.read_path(files[0], "none")
        result: Any = networks.weight_roughness_of_distances(file.values, beta=beta, p=p, coarsest=coarsest)
        described: tuple[str, ...] = (f"{file.name}: distances of {len(file.values)} layers.", *file.notes)
        return Answer(tuple(files), described, result, beta, p)
    read = [read_weights(file, pattern) for file in files]
    before = [read_weights(file, pattern) for file in initial]
    described = tuple(line for each in (*read, *before) for line in (each.describe(), *each.notes))
    starts = [_layers(each) for each in before] or None
    if len(read) == 1:
        result = networks.weight_roughness(
            _layers(read[0]), initial=starts and starts[0], beta=beta, p=p, level=level, coarsest=coarsest
        )
    else:
        result = networks.weight_roughness_by_depth([_layers(each) for each in read], initial=starts, beta=beta, p=p)
    return Answer(tuple(files), described, result, beta, p)


def _layers(file: LayerWeights) -> list[np.ndarray]:
    return list(file.layers)


def distance_bytes(given: Answer, suffix: str) -> bytes:
    """The matrix of distances as the content of a file."""
    table = given.members[0].distances
    if suffix.lower() == ".npy":
        return npy_bytes(table)
    return csv_bytes([[repr(float(entry)) for entry in row] for row in table])


def draw(given: Answer, target: Path) -> None:
    """The sizes of increments against their lag (of several networks the measures against depth), and the distances of
    the layers of the deepest."""
    member = given.members[-1]
    with matplotlib.rc_context(STYLE):
        figure, axes = canvas(1, 2, (10.4, 4.0))
        given.result.plot(ax=axes[0, 0])
        if axes[0, 0].get_yscale() == "log":
            plain_log_labels(axes[0, 0].yaxis)
        axis = axes[0, 1]
        ends = (0.5, member.layers + 0.5)
        shown = axis.imshow(member.distances, extent=(*ends, *ends), origin="lower", cmap="viridis")
        axis.grid(False)
        axis.set(xlabel="layer", ylabel="layer", title=f"Distances of the weights of {member.layers} layers")
        whole_ticks(axis)
        figure.colorbar(shown, ax=axis, label="$|W_i - W_j|$")
        write(target, content(figure, target.suffix))


__all__ = ["FIGURES", "HEADINGS", "TABLES", "Answer", "answer", "check_options", "distance_bytes", "draw"]
