"""The main job: one study, from data to report."""

import csv
import dataclasses
import functools
import inspect
import itertools
import json
import math
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from roughntk import __version__, _checks
from roughntk._settings import settings_of, values_of
from roughntk.files import folders
from roughntk.files.tables import printable
from roughntk.kernels import KernelFamily, KernelSequence
from roughntk.study import capacity, figures, report, summary, unfinished
from roughntk.study.analysis import closed_form, deep, drivers, prediction, signatures, transport, variation
from roughntk.study.analysis.laws import law
from roughntk.study.config import StudyConfig
from roughntk.study.data import DataSet, load
from roughntk.study.result import Study
from roughntk.study.settings import PointSettings
from roughntk.study.threads import fitting_threads
from roughntk.study.width import widths

Report = Callable[[str, int, int], None]
"""Progress: called as report(stage, steps done, steps in all)."""


def with_keywords(function: Callable[..., Any], left_out: str = "") -> Callable[..., Any]:
    """The function, whose signature names every setting of a study but `left_out` with its default."""
    signature = inspect.signature(function)
    *others, _ = signature.parameters.values()
    keywords = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=each.kind)
        for each in settings_of(StudyConfig) if each.name not in (*signature.parameters, left_out)
    ]  # fmt: skip
    setattr(function, "__signature__", signature.replace(parameters=[*others, *keywords]))  # noqa: B010  for mypy
    return function


@with_keywords
def run(
    data: Any = "digits",
    *,
    out: str | Path | None = "study-report",
    command: str | None = None,
    progress: Report | None = None,
    resume: bool = True,
    tell: unfinished.Tell | None = None,
    **settings,
) -> Study:
    """Run the whole chain on `data` and write the report to `out`.

    Args:
        data: built-in name (digits, wine, breast_cancer, sphere, cube), a file (`roughntk.files.tables`), or points in
            the rows of a data frame (pandas, polars, pyarrow), an array (NumPy, JAX, xarray) or nested lists.
        out: folder of the report: report.html, figures/, tables/, study.json; None writes nothing.
        command: the command line to record in study.json.
        progress: called as progress(stage, done, total).
        resume: go on from what an earlier run with the same data, settings and versions has left beside `out`, where it
            was ended before it had finished; False begins afresh. The bits are those of a run that was not ended.
        tell: called with a sentence on what is gone on from and what is kept; None prints it on standard error.
        settings: the fields of `roughntk.study.StudyConfig`, whose meaning `roughntk.study.settings` says; the family
            is a name of the registry, or a family itself, as one of `rn.kernels.sequence`.

    Raises:
        InputError: any bad setting or data, before anything is written; what an earlier run has left is damaged, or
            another run is at it.

    >>> import roughntk as rn
    >>> study = rn.study.run("digits", points=5, test_points=2, depths="1:7", out=None)
    >>> len(study.summary)
    12
    >>> study
    <Study: digits, 5 training points and 2 test points, relu-ntk, depths 1 to 7>
    >>> study.to_dataframe().shape, study.plot().get_xlabel()
    ((7, 11), 'network depth $L$')
    """
    config, resume = configured(data, settings), _checks.flag(resume, "resume")
    if out is None:
        return _compute(_checked(data, config), config, progress)
    with unfinished.written(out, folders.STUDY, resume, tell or to_stderr) as writing:
        points = _checked(data, config)
        sections = [unfinished.section_name(stage) for stage in planned(config, points)]
        kept = writing.begin(unfinished.problem_of(points, [config]), sections)
        study = _compute(points, config, progress, kept)
        study.out = Path(out)
        write(study, writing.folder, command, progress)
    return study


def to_stderr(line: str) -> None:
    """Print a sentence on standard error."""
    print(line, file=sys.stderr)


def configured(data: Any, settings: dict[str, Any]) -> StudyConfig:
    """The settings of a study of `data`, checked."""
    _checks.require_x64("a study")
    known = {field.name for field in dataclasses.fields(StudyConfig)} - {"data"}
    for name in settings:
        _checks.choice(name, sorted(known), "setting")
    given = printable(os.fspath(data)) if isinstance(data, str | os.PathLike) else f"a {type(data).__name__}"
    return StudyConfig(data=given, **settings)


def write(study: Study, folder: Path, command: str | None, progress: Report | None) -> None:
    """The report of a study, its figures, its tables and study.json, into `folder`, which is there and empty."""
    clock = time.perf_counter()
    if progress is not None:
        progress("report", 0, 1)
    _write_tables(study, folder / "tables")
    pictures = figures.draw_all(study, folder / "figures")
    study.timings["report"] = round(time.perf_counter() - clock, 3)
    (folder / "report.html").write_text(report.render(study, pictures), encoding="utf-8")
    record = as_json(study, printable(command or f"roughntk.study.pipeline({study.config.data!r})", 10**5))
    (folder / folders.MARK).write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if progress is not None:
        progress("report", 1, 1)


def _checked(source: Any, config: StudyConfig) -> DataSet:
    """The points of a study that fits in memory."""
    data = loaded(source, config)
    held = 0 if data.held is None else len(data.held.rows)
    capacity.check_study(len(data.X), len(data.x), config.chosen_depths, config.samples, held)
    return data


def _compute(
    data: DataSet, config: StudyConfig, progress: Report | None, kept: unfinished.Progress = unfinished.NOTHING
) -> Study:
    """All numbers of the study."""
    with fitting_threads(len(data.X)):
        return stages(data, config, None, progress, kept)


def planned(config: StudyConfig, data: DataSet) -> list[str]:
    """The names of the stages."""
    names = ["closed form", "transport", "drivers", "signatures", "p-variation"]
    if _goes_deep(config.member()):
        names.append("infinite depth")
    return names if data.held is None else [*names, "prediction"]


def _goes_deep(family: KernelFamily) -> bool:
    """Whether infinite depth is studied: the limit of a sequence may be a singular matrix."""
    return family.has_real_depth and not isinstance(family, KernelSequence)


def loaded(source: Any, config: StudyConfig) -> DataSet:
    """The points of a study."""
    return load(**values_of(config, PointSettings) | {"data": source}, reading=config.reading)


def stages(
    data: DataSet, config: StudyConfig, baselines: prediction.Baselines | None, progress: Report | None,
    kept: unfinished.Progress = unfinished.NOTHING,
) -> Study:  # fmt: skip
    """The stages of the study, each timed; `baselines` are found where they are None.

    What was `kept` of them is not computed again.
    """
    timings: dict[str, float] = {}

    def stage(name: str, total: int, work: Callable[..., Any], *arguments: Any) -> Any:
        done = 0

        def advance(_: str, steps: int) -> None:
            nonlocal done
            done += steps
            if progress is not None:
                progress(name, done, total)

        clock = time.perf_counter()
        if progress is not None:
            progress(name, 0, total)
        section = kept.section(name)
        result = work(*arguments, advance, keeper=section)
        section.finish()
        timings[name] = round(section.seconds + time.perf_counter() - clock, 3)
        return result

    chosen, family = config.chosen_depths, config.member()
    known = law(family)
    count = len(chosen.depths) + len(chosen.following)
    kernels = stage("closed form", count, closed_form.kernels_at_depths, family, data, chosen)
    starts, first_depth = transport.transport_pairs(kernels)
    transported = stage("transport", 4 * len(starts), transport.transport_records, kernels, starts)
    sampled = stage(
        "drivers", len(starts), drivers.driver_paths, kernels, starts, config.samples, config.signature_channels
    )
    driver_signatures = stage("signatures", len(sampled.paths), signatures.signatures, sampled, config.p)
    measured = stage("p-variation", len(sampled.paths), variation.variation_records, sampled, config.p)
    slopes = variation.fitted_slopes(measured, config.p, known)
    slopes |= variation.far_slopes(kernels, known, slopes)
    study = Study(
        config, family, known, data, kernels, transported, sampled, driver_signatures, measured, slopes, first_depth,
        timings,
    )  # fmt: skip
    study.convergence = signatures.driver_convergence(driver_signatures, measured, config.p, known)
    if _goes_deep(family):
        study.deep = stage("infinite depth", deep.COUNT, deep.deep_limit, family, data)
    if data.held is not None:
        predicted = functools.partial(prediction.prediction, known=baselines)
        study.prediction = stage("prediction", len(chosen.depths), predicted, family, data, kernels.depths)
    study.widths = widths(family, data.X, kernels.depths)
    study.summary = summary.summary_lines(study)
    return study


def as_json(study: Study, command: str) -> dict[str, Any]:
    """The content of study.json; NaN and infinity become null."""
    kernels = study.kernels
    record = {
        "version": __version__,
        "command": command,
        "seed": study.config.seed,
        "settings": study.config.as_dict(),
        "data": study.data.describe() | study.data.describe_columns() | {"rows": study.data.rows},
        "family": study.config.family_name,
        "depths": kernels.depths,
        "transport": [{k: v for k, v in row.items() if k != "coefficients"} for row in study.transport],
        "drivers": [
            {"depth": depth, "closed_form_error": study.drivers.closed_form_error[depth]}
            for depth in study.drivers.paths
        ],
        "signature": study.signature,
        "p_variation": study.variation,
        "slopes": study.slopes,
        "convergence": _convergence(study),
        "coefficients": study.kernels.records(),
        "limits": {"kernel_entry": kernels.limit_entry, "coefficients": kernels.limit_coefficients},
        "first_depth": study.first_depth,
        "prediction": None if study.prediction is None else study.prediction.record(),
        "deep": None if study.deep is None else dataclasses.asdict(study.deep),
        "widths": study.widths,
        "summary": study.summary,
        "timings": study.timings,
    }
    return plain(record)


def _convergence(study: Study) -> dict[str, Any] | None:
    """The drivers against the zero path; `measured_verdict` is what the rule alone makes of the distances.

    The distances are those of the built-in backend; `by_backend` has the verdict and rates of each, `direct` those of
    the whole drivers without signatures.
    """
    convergence = study.convergence
    if convergence is None:
        return None

    def short(one: Any) -> dict[str, Any] | None:
        keep = ("verdict", "verdicts", "rates", "rate_errors", "distances", "norm")
        return None if one is None else {key: getattr(one, key) for key in keep}

    measured = dataclasses.asdict(convergence.measured)
    return measured | {
        "verdict": convergence.verdict,
        "measured_verdict": convergence.measured.verdict,
        "reason": convergence.reason,
        "backends_agree": convergence.agreement.agree,
        "stand_apart": convergence.agreement.apart,
        "by_backend": {name: short(one) for name, one in convergence.by_backend.items()},
        "direct": short(convergence.direct),
    }


def plain(value: Any) -> Any:
    """Plain JSON types; NaN and infinities become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _write_tables(study: Study, folder: Path) -> None:
    """The numbers behind every figure, as CSV at full precision."""
    folder.mkdir()
    kernels = study.kernels
    hidden = {"coefficients"}
    write_csv(folder / "transport.csv", [{k: v for k, v in r.items() if k not in hidden} for r in study.transport])
    write_csv(folder / "p_variation.csv", study.variation)
    write_csv(folder / "depths.csv", study.kernels.records())
    if study.prediction is not None:
        write_csv(folder / "prediction.csv", study.prediction.record()["depths"])
    write_csv(
        folder / "coefficients.csv",
        (
            {
                "depth": depth,
                "test_point": k,
                "training_point": i,
                "coefficient": solved.coefficients[i, k],
                "error_bound": solved.forward_error[i, k],
            }
            for depth, solved in ((depth, kernels.solved[depth]) for depth in kernels.solved_depths)
            if solved
            for i in range(len(study.data.X))
            for k in range(len(study.data.x))
        ),
    )
    write_csv(
        folder / "kernel_test_points.csv",
        (
            {"depth": depth, "test_point": k, "training_point": i, "kernel": kernels.across[row, i, k]}
            for row, depth in enumerate(kernels.depths)
            for i in range(len(study.data.X))
            for k in range(len(study.data.x))
        ),
    )
    signature = [
        {"depth": r["depth"], "disagreement": r["disagreement"]}
        | {f"level_{k}_norm": value for k, value in enumerate(r["level_norms"], 1)}
        for r in study.signature["per_depth"]
    ]
    write_csv(folder / "signatures.csv", signature)
    write_csv(folder / "signature_terms.csv", signatures.largest_terms(study.signatures))


def write_csv(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Rows as CSV; floats with 17 digits, so that they read back exactly."""
    rows = iter(rows)
    first = next(rows, None)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=["empty"] if first is None else list(first))
        writer.writeheader()
        for row in rows if first is None else itertools.chain([first], rows):
            writer.writerow({k: repr(float(v)) if isinstance(v, float) else v for k, v in row.items()})
