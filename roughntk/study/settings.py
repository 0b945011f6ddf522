"""The settings of a study, each spelt once: the options of the command line and the keywords of `run` are these fields.

A field says its type, default, help and range; `roughntk.study.config` checks them. Nothing heavy is imported here.
"""

import dataclasses
from typing import TYPE_CHECKING, Any

from roughntk._settings import listed, setting
from roughntk.files.reading_settings import FILE_HELP, ReadingSettings

if TYPE_CHECKING:
    from roughntk.kernels import KernelFamily

BUILT_IN = ("digits", "wine", "breast_cancer", "sphere", "cube")
PROJECTIONS = ("canonical", "stereographic", "none")
TASKS = ("auto", "classification", "regression")
FAMILIES = (
    "relu-ntk", "relu-nngp", "sigmoid", "leaky-relu-ntk", "leaky-relu-nngp", "biased-relu-ntk", "biased-relu-nngp",
    "erf-ntk", "erf-nngp", "tanh-ntk", "tanh-nngp", "gelu-ntk", "gelu-nngp", "activation-ntk", "activation-nngp",
    "residual-relu-ntk", "residual-relu-nngp", "composition",
)  # fmt: skip
"""Those of `roughntk.kernels.FAMILIES`, which takes a while to import; a test compares the two."""
MOST = 10**12  # far more than fits in memory; larger numbers are slips of the pen


@dataclasses.dataclass(frozen=True)
class PointSettings:
    """Which points are taken, and how they come onto the sphere."""

    data: str = setting(
        "digits", f"{listed(BUILT_IN)}, or a file, one point a row: {FILE_HELP}.", option="DATA", names=BUILT_IN
    )
    points: int = setting(40, "Training points n, at least 1.", least=1, most=MOST)
    test_points: int = setting(5, "Test points m, at least 1.", least=1, most=MOST)
    seed: int = setting(0, "Fixes the choice of points; at least 0.", least=0)
    projection: str = setting(
        "canonical",
        "How rows come onto the sphere: canonical (x/|x|), stereographic (from the pole, one dimension more), or none "
        "(they are on it).",
        names=PROJECTIONS, strict=True,
    )  # fmt: skip
    drop_duplicates: bool = setting(False, "Use the first of rows that coincide on the sphere.")
    dimension: int | None = setting(
        None, "Dimension of sphere (10 if left out) and cube (128), at least 1.", option="--dim"
    )
    target: str | None = setting(
        None, "Column of the targets, name or number (name:2, number:2); y in a .npz if left out.", metavar="COLUMN"
    )
    task: str = setting(
        "auto",
        "What targets are: classification, regression (numbers), or auto: text and whole numbers of at most 20 values "
        "are classes.",
        names=TASKS, strict=True,
    )  # fmt: skip
    standardise: bool = setting(False, "Give every column mean 0 and standard deviation 1 on the training points.")


def _again(name: str) -> Any:
    """A setting of points as it is."""
    field = PointSettings.__dataclass_fields__[name]
    return dataclasses.field(default=field.default, metadata=field.metadata)


@dataclasses.dataclass(frozen=True)
class PredictionSettings:
    """Which points are trained on and which are predicted."""

    data: str = _again("data")
    points: int | None = setting(
        None, "Training points n, at least 2; all that are no test points if left out.", least=2, most=MOST
    )
    test_points: int | None = setting(
        None, "Test points m, at least 1, chosen by --seed; a fifth of all if left out.", least=1, most=MOST
    )
    seed: int = _again("seed")
    projection: str = setting(
        "stereographic",
        "How rows come onto the sphere: stereographic (lengths in units of their root mean square, one dimension "
        "more), canonical (x/|x|), or none (they are on it).",
        names=PROJECTIONS, strict=True,
    )  # fmt: skip
    drop_duplicates: bool = _again("drop_duplicates")
    dimension: int | None = _again("dimension")
    target: str | None = _again("target")
    task: str = _again("task")
    standardise: bool = _again("standardise")
    test: str | None = setting(
        None, "File of the test points, with the same columns; the target may be missing.", metavar="FILE"
    )
    scratch: str | None = setting(
        None,
        "Folder that rows go through where they do not fit in memory; what is written there is removed again.",
        metavar="FOLDER",
    )
    keep_scratch: bool = setting(
        False, "Keep the rows on the sphere in the --scratch folder, with their targets and numbers."
    )


@dataclasses.dataclass(frozen=True)
class SimulationSettings:
    """Networks of finite width, and the points that they are tried on."""

    data: str = _again("data")
    width: int = setting(256, "Width n of every hidden layer, at least 2 more than there are training points.", least=3)
    depth: int = setting(
        5, "Depth L, whole, at least 2: L - 1 hidden layers, since depth 1 is the input layer.", least=2, most=MOST
    )
    samples: int = setting(400, "Random networks whose kernels are looked at, at least 2.", least=2, most=MOST)
    trained: int = setting(8, "Networks that are trained, at least 2; 0 trains none.", least=0, most=MOST)
    time: float = setting(10.0, "Training time t above 0 and finite, in units of the normalised tangent kernel.")
    points: int = setting(20, "Training points n, at least 2.", least=2, most=MOST)
    test_points: int = setting(20, "Test points m, at least 1.", least=1, most=MOST)
    seed: int = setting(0, "Fixes the choice of points, and the networks; at least 0.", least=0)
    projection: str = dataclasses.field(
        default="stereographic", metadata=PredictionSettings.__dataclass_fields__["projection"].metadata
    )
    drop_duplicates: bool = _again("drop_duplicates")
    target: str | None = _again("target")
    task: str = _again("task")
    standardise: bool = _again("standardise")


@dataclasses.dataclass(frozen=True)
class FigureSettings:
    """Which points the paper's Figure 1 is drawn for."""

    data: str | None = setting(
        None,
        f"A file, one point a row: {FILE_HELP}; or {listed(BUILT_IN)}. If left out, points of both input laws of the "
        f"paper.",
        option="DATA", names=BUILT_IN,
    )  # fmt: skip
    points: int = setting(10, "Training points n, 2 to 100.", least=2, most=100)
    seed: int = _again("seed")
    projection: str = _again("projection")
    drop_duplicates: bool = _again("drop_duplicates")
    dimension: int | None = _again("dimension")
    target: str | None = setting(None, "A column that is no feature, name or number.", metavar="COLUMN")
    standardise: bool = _again("standardise")


@dataclasses.dataclass(frozen=True)
class FamilySettings:
    """The kernel family, by name with parameters, or itself."""

    family: "str | KernelFamily" = setting("relu-ntk", f"{listed(FAMILIES)}.", names=FAMILIES)
    parameters: tuple[str, ...] = setting(
        (), "A parameter of the family; repeatable.", option="--set", metavar="NAME=VALUE"
    )


@dataclasses.dataclass(frozen=True)
class DepthSettings:
    """The depths, and what is measured of the drivers between them."""

    depths: str = setting(
        "1:30",
        "First and last depth, FIRST:LAST in steps of 1; or numbers and ranges with commas, as 2,5,10,100 or 2.5:4 "
        "(where the family has real depth), from each of which one layer is followed.",
    )
    p: float = setting(2.0, "Variation exponent p, from 1 to below 4; the levels 1 to floor(p) enter.")
    signature_channels: int = setting(
        8, "Principal directions of the drivers that signatures are computed on, 1 to 40.", least=1, most=40
    )
    samples: int = setting(33, "Points at which each driver is sampled, 3 to 2000.", least=3, most=2000)


@dataclasses.dataclass(frozen=True)
class StudySettings(ReadingSettings, DepthSettings, FamilySettings, PointSettings):
    """Everything that fixes a study, apart from the place where it is written."""

    family: "str | KernelFamily" = setting(
        "relu-ntk", f"{listed(FAMILIES)}; two to ten with commas are studied side by side.", names=FAMILIES
    )


__all__ = [
    "BUILT_IN", "FAMILIES", "MOST", "PROJECTIONS", "TASKS", "DepthSettings", "FamilySettings", "FigureSettings",
    "PointSettings", "PredictionSettings", "StudySettings",
]  # fmt: skip
