"""`roughntk study`: the whole chain on one data set, with a report."""

import shlex
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from roughntk._settings import values_of
from roughntk.commands.options import with_settings
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, out_console, say, say_json, tell
from roughntk.commands.terminal.progress import stages
from roughntk.study.settings import StudySettings

EXAMPLES = (
    "roughntk study",
    "roughntk study wine --points 12 --depths 1:12 --out wine-report",
    "roughntk study points.csv --projection stereographic --points 30",
    "roughntk study digits --family leaky-relu-ntk --set slope=0.2",
    "roughntk study digits --family relu-ntk,sigmoid,erf-ntk",
)


@with_settings
def study(
    settings: StudySettings,
    out: Annotated[str, typer.Option(help="Folder of the report; an earlier report there is replaced.")] = (
        "study-report"
    ),
    resume: Annotated[
        bool,
        typer.Option(help="Go on from an unfinished run with the same data, settings and versions, or begin afresh."),
    ] = True,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Kernels, coefficients, Theorem 3, drivers, signatures and p-variation on DATA, with a report.

    A driver is the path that the controlled equation of Theorem 3 follows from one depth to the next. Several families
    are studied side by side, with a report that compares them.
    """
    clock = time.perf_counter()
    command = " ".join(["roughntk", *map(shlex.quote, sys.argv[1:])])
    with clear_errors(), stages(quiet) as report:
        result, record = _studied(
            settings, out=out, command=command, progress=report, resume=resume, tell=_untold if quiet else tell
        )
    if as_json:
        say_json(record(result, command))
        return
    if not quiet:
        for line in result.data.notes:
            say(line)
    for number, line in enumerate(result.summary if not quiet else result.summary[:1], 1):
        out_console.print(f"[bold cyan]{number:2d}[/]", end=" ")
        say(line)
    say(f"{out}/report.html ({time.perf_counter() - clock:.0f} s)", head="Report:")


def _untold(line: str) -> None:
    """With --quiet."""


def _studied(settings: StudySettings, **more: Any) -> tuple[Any, Callable[[Any, str], dict[str, Any]]]:
    """The study, or the comparison where several families are named, and what makes its study.json."""
    values = values_of(settings, StudySettings)
    family = str(settings.family)
    if "," not in family:
        from roughntk.study.pipeline import as_json, run

        return run(**values, **more), as_json
    from roughntk.study.comparison import pipeline

    del values["family"]
    return pipeline.compare(families=family.split(","), **values, **more), pipeline.as_json


__all__ = ["EXAMPLES", "study"]
