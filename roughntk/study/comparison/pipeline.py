"""Several studies, one after another on the same points, and what they are side by side."""

import dataclasses
import functools
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from roughntk import __version__, _checks
from roughntk._checks import InputError
from roughntk.files import drawing, folders
from roughntk.files.checkpoints import CheckpointError
from roughntk.files.tables import printable
from roughntk.kernels import KernelFamily
from roughntk.kernels.registry import FAMILIES, as_family, parameters
from roughntk.study import capacity, unfinished
from roughntk.study.analysis.prediction import Baselines, baselines
from roughntk.study.comparison import page, records, sentences
from roughntk.study.comparison.figure import families as families_figure
from roughntk.study.comparison.result import Comparison, Member, folder_of
from roughntk.study.config import StudyConfig
from roughntk.study.data import DataSet
from roughntk.study.pipeline import (
    Report,
    configured,
    loaded,
    plain,
    planned,
    stages,
    to_stderr,
    with_keywords,
    write,
    write_csv,
)
from roughntk.study.result import Picture, Study
from roughntk.study.threads import fitting_threads

MOST = 10
"""Families at most: so many curves are told apart."""


@functools.partial(with_keywords, left_out="family")
def compare(
    data: Any = "digits",
    families: Sequence[str | KernelFamily] = ("relu-ntk", "sigmoid", "erf-ntk"),
    *,
    out: str | Path | None = "study-report",
    command: str | None = None,
    progress: Report | None = None,
    resume: bool = True,
    tell: unfinished.Tell | None = None,
    **settings: Any,
) -> Comparison:
    """Study several families on the same points, and say which predicts best and at which depth.

    The studies are those of `roughntk.study.run`, one after another. A family that fails is left out, with its reason.

    Args:
        data: as `roughntk.study.run` takes them.
        families: two to ten of different names, each a name of the registry or a family itself.
        out: folder of the report: report.html, figures/, tables/, study.json, and a folder with the whole study of each
            family; None writes nothing.
        command: the command line to record in study.json.
        progress: called as progress(stage, done, total); a stage begins with the name of its family.
        resume, tell: as for `roughntk.study.run`; whatever stage of whatever family was finished is not computed again.
        settings: the fields of `roughntk.study.StudyConfig` but the family. A parameter must be one of every family.

    Returns:
        The studies, with `summary`, whose first lines are the answer.

    Raises:
        InputError: any bad family, setting or data, before anything is computed; or every family fails; or what an
            earlier run has left is damaged, or another run is at it.

    >>> import roughntk as rn
    >>> families = ("relu-nngp", "sigmoid")
    >>> compared = rn.study.compare("wine", families, points=5, test_points=2, depths="2:3", out=None)
    >>> [study.config.family_name for study in compared.studies]
    ['relu-nngp', 'sigmoid']
    """
    if "family" in settings:
        raise InputError("expected no family beside families, got both; name all of them in families")
    chosen = _members(families, settings.get("parameters", ()))
    configs = [configured(data, settings | {"family": each}) for each in chosen]
    resume = _checks.flag(resume, "resume")
    if out is None:
        return _compared(_checked(data, configs), configs, None, command, progress)
    members = [folder_of(each.family_name) for each in configs]
    with unfinished.written(out, folders.comparison(members), resume, tell or to_stderr) as writing:
        points = _checked(data, configs)
        sections = [
            unfinished.section_name(stage, member)
            for member, each in zip(members, configs, strict=True) for stage in planned(each, points)
        ]  # fmt: skip
        kept = writing.begin(unfinished.problem_of(points, configs), sections)
        comparison = _compared(points, configs, writing.folder, command, progress, kept)
        comparison.out = Path(out)
        for study in comparison.studies:
            study.out = comparison.out / folder_of(study.config.family_name)
        _write(comparison, writing.folder, command)
    return comparison


def _members(families: Any, given: Sequence[str]) -> list[str | KernelFamily]:
    """The families, checked with the parameters that they share."""
    if isinstance(families, str | KernelFamily) or not isinstance(families, Iterable):
        raise InputError(
            f"expected two to {MOST} families, got {_checks.shown(families)}; write for instance "
            f'families=("relu-ntk", "sigmoid"), or study one with roughntk.study.run'
        )
    chosen: list[str | KernelFamily] = [
        _checks.choice(each.strip(), tuple(FAMILIES), "family") if isinstance(each, str) else as_family(each)
        for each in families
    ]
    if not 2 <= len(chosen) <= MOST:
        few = "study one family with roughntk.study.run" if len(chosen) < 2 else "compare fewer at a time"
        raise InputError(f"expected two to {MOST} families side by side, got {len(chosen)}; {few}")
    names = [each if isinstance(each, str) else each.name for each in chosen]
    _check_names(names)
    for name in (each for each in chosen if isinstance(each, str)):
        for setting in given:
            key = setting.partition("=")[0].strip()
            if key not in parameters(name) and any(key in parameters(each) for each in chosen if isinstance(each, str)):
                takes = ", ".join(parameters(name)) or "none"
                raise InputError(
                    f"expected a parameter that every family takes, got {_checks.shown(key)}, which {name} does not "
                    f"take (its parameters: {takes}); leave it out, or study that family by itself"
                )
    return chosen


def _check_names(names: list[str]) -> None:
    """Each once, and as a folder beside the page."""
    taken = dict.fromkeys(("figures", "tables"), "the report's own folder")
    for name in names:
        folder = folder_of(name).casefold()
        if names.count(name) > 1:
            raise InputError(
                f"expected every family once, got {name} {names.count(name)} times; leave the others out, or give one "
                f"another name (rn.kernels.sequence takes one)"
            )
        if folder in taken:
            raise InputError(
                f"expected families whose names differ as names of folders, got {_checks.shown(name)} beside "
                f"{taken[folder]}; rename it"
            )
        taken[folder] = _checks.shown(name)


def _checked(source: Any, configs: list[StudyConfig]) -> DataSet:
    """The points of studies that fit in memory."""
    first = configs[0]
    data = loaded(source, first)
    held = 0 if data.held is None else len(data.held.rows)
    capacity.check_study(len(data.X), len(data.x), first.chosen_depths, first.samples, held, len(configs) - 1)
    return data


def _compared(
    data: DataSet, configs: list[StudyConfig], folder: Path | None, command: str | None, progress: Report | None,
    kept: unfinished.Progress = unfinished.NOTHING,
) -> Comparison:  # fmt: skip
    """All studies, each written to `folder` when it is finished, and what is said of them."""
    with fitting_threads(len(data.X)):
        shared = baselines(data)
    members, timings = [], {}
    for config in configs:
        clock = time.perf_counter()
        name = config.family_name
        report = None if progress is None else functools.partial(_named, progress, name)
        member = _studied(data, config, shared, report, kept.of(folder_of(name)))
        if member.study is not None:
            if folder is not None:
                own = folder / folder_of(name)
                own.mkdir()
                write(member.study, own, command, report)
            _lighten(member.study)
        members.append(member)
        timings[name] = round(time.perf_counter() - clock, 3)
    if not any(each.study for each in members):
        reasons = "; ".join(f"{each.name}: {each.failure}" for each in members)
        raise InputError(f"expected a family that can be studied, got none ({reasons}); choose others, or other data")
    comparison = Comparison(data, members, shared, timings)
    comparison.summary = sentences.summary_lines(comparison)
    return comparison


def _named(progress: Report, name: str, stage: str, done: int, total: int) -> None:
    progress(f"{name}: {stage}", done, total)


def _studied(
    data: DataSet, config: StudyConfig, shared: Baselines | None, report: Report | None, kept: unfinished.Progress
) -> Member:
    try:
        with fitting_threads(len(data.X)):
            return Member(config, stages(data, config, shared, report, kept))
    except CheckpointError:  # no fault of the family
        raise
    except unfinished.FAILURES as problem:
        return Member(config, None, _checks.reason(problem))


def _lighten(study: Study) -> None:
    """Drop what takes a study's memory and what no comparison needs (`roughntk.study.capacity` counts the rest)."""
    empty = np.empty((0, study.drivers.channels))
    study.drivers = dataclasses.replace(study.drivers, paths=dict.fromkeys(study.drivers.paths, empty))
    for row in study.transport:
        row["coefficients"] = None
    vars(study.kernels).pop("systems", None)


def _write(comparison: Comparison, folder: Path, command: str | None) -> None:
    """The page, its figure, its tables and study.json."""
    (folder / "tables").mkdir()
    write_csv(folder / "tables" / "comparison.csv", records.family_rows(comparison))
    pictures = []
    if comparison.curves and comparison.baselines is not None:
        write_csv(folder / "tables" / "depths.csv", records.depth_rows(comparison))
        with matplotlib.rc_context(drawing.STYLE):
            figure, title, caption = families_figure(comparison.curves, comparison.baselines)
            png = drawing.save(figure, folder / "figures", "families")
        pictures.append(Picture("families", title, caption, png))
    (folder / "report.html").write_text(page.render(comparison, pictures), encoding="utf-8")
    record = as_json(comparison, command)
    (folder / folders.MARK).write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def as_json(comparison: Comparison, command: str | None) -> dict[str, Any]:
    """The content of study.json; NaN and infinity become null."""
    first, data = comparison.members[0].config, comparison.data
    names = [each.name for each in comparison.members]
    record = {
        "version": __version__,
        "command": printable(command or f"roughntk.study.compare({first.data!r}, {names!r})", 10**5),
        "seed": first.seed,
        "settings": {key: value for key, value in first.as_dict().items() if key != "family"},
        "data": data.describe() | data.describe_columns() | {"rows": data.rows},
        "families": names,
        "depths": comparison.studies[0].kernels.depths,
        "prediction": records.prediction_record(comparison),
        "members": records.family_rows(comparison),
        "summary": comparison.summary,
        "timings": comparison.timings,
    }
    return plain(record)


__all__ = ["MOST", "as_json", "compare"]
