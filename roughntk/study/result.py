"""What a study finds, as data."""

import dataclasses
from pathlib import Path
from typing import Any

from roughntk.kernels import KernelFamily
from roughntk.study.analysis.closed_form import Kernels
from roughntk.study.analysis.deep import DeepLimit
from roughntk.study.analysis.drivers import Drivers
from roughntk.study.analysis.laws import Law
from roughntk.study.analysis.prediction import Prediction
from roughntk.study.analysis.signatures import DriverConvergence, Signatures
from roughntk.study.config import StudyConfig
from roughntk.study.data import DataSet


@dataclasses.dataclass(frozen=True)
class Picture:
    """A drawn figure: file stem, title and caption, and the PNG bytes are at `png`; what is to be said of its data."""

    name: str
    title: str
    caption: str
    png: Path
    notes: tuple[str, ...] = ()


@dataclasses.dataclass
class Study:
    """A finished study.

    Attributes:
        config: its settings.
        family: the kernel family.
        law: what theory says of it.
        data: the points on the sphere.
        kernels: kernel matrices and closed-form coefficients at each depth.
        transport: one record per pair of depths, clock and right-hand side.
        drivers: the sampled drivers.
        signatures: of the drivers by every backend, and whether these agree.
        variation: p-variation records.
        slopes: fitted log-log slopes.
        convergence: the drivers against the zero path as rough paths, level by level; None for fewer than two drivers.
        first_depth: what became of depth 1.
        deep: kernel and coefficients at real depths up to 10^6; None for a family without real depth.
        prediction: errors on rows that are not for training; None where there is nothing to predict.
        summary: lines for a person: what was predicted, what depth does, the checks.
        timings: seconds per stage.
        out: folder of the report, None when nothing was written.
    """

    config: StudyConfig
    family: KernelFamily
    law: Law
    data: DataSet
    kernels: Kernels
    transport: list[dict[str, Any]]
    drivers: Drivers
    signatures: Signatures
    variation: list[dict[str, Any]]
    slopes: dict[str, Any]
    first_depth: str
    timings: dict[str, float]
    convergence: DriverConvergence | None = None
    deep: DeepLimit | None = None
    prediction: Prediction | None = None
    summary: list[str] = dataclasses.field(default_factory=list)
    out: Path | None = None

    @property
    def signature(self) -> dict[str, Any]:
        """The `signature` entry of study.json."""
        return self.signatures.record
