"""`roughntk finite`: simulated networks of finite width beside infinite width, with a report."""

import shlex
import sys
from typing import Annotated

import typer

from roughntk._settings import values_of
from roughntk.commands.options import with_settings
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table
from roughntk.commands.terminal.progress import stages
from roughntk.files.reading_settings import ReadingSettings
from roughntk.study.settings import SimulationSettings

EXAMPLES = (
    "roughntk finite digits --width 256 --depth 5",
    "roughntk finite wine --standardise --width 64 --depth 33 --samples 1000 --trained 0",
    "roughntk finite points.csv --target price --width 512 --depth 3 --time 50 --out finite",
)


@with_settings
def finite(
    settings: SimulationSettings,
    *,
    reading: ReadingSettings,
    out: Annotated[str, typer.Option(help="Folder of the report; an earlier report there is replaced.")] = (
        "finite-report"
    ),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Networks of finite width on DATA: kernels, real depth and training, beside infinite width and the limit law."""
    command = " ".join(["roughntk", *map(shlex.quote, sys.argv[1:])])
    with clear_errors("--points, --samples or --width"), stages(quiet) as report:
        from roughntk.files.tables import Reading
        from roughntk.study.simulation.pipeline import simulate
        from roughntk.study.simulation.result import ANSWER, HEADINGS, TRAINED

        values = values_of(settings, SimulationSettings)
        result = simulate(**values, out=out, command=command, progress=report, reading=Reading.of(reading))
    if as_json:
        say_json(result.record())
        return
    groups = result.summary_groups()
    for line in result.summary if not quiet else [*groups[ANSWER], *groups.get(TRAINED, [])]:
        say(line)
    say_table(HEADINGS, result.table())
    if not quiet:
        for line in result.data.notes:
            say(line)
    say(f"{out}/report.html", head="Report:")


__all__ = ["EXAMPLES", "finite"]
