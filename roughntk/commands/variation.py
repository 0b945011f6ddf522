"""`roughntk variation`: exact p-variation of paths in files, their distances, and whether a sequence converges."""

from typing import Annotated

import typer

from roughntk.commands.choices import NORMS, completion
from roughntk.commands.options import Times, real, with_settings
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table
from roughntk.commands.terminal.progress import at_work
from roughntk.files.reading_settings import FILE_HELP, ReadingSettings

EXAMPLES = (
    "roughntk variation path.csv --p 2.5 --figure path.png",
    "roughntk variation path.csv --critical",
    "roughntk variation first.csv second.csv third.csv --against limit.csv --scale 1,2,4",
)


@with_settings
def variation(
    paths: Annotated[list[str], typer.Argument(metavar="FILE...", help=f"Paths, points in rows: {FILE_HELP}.")],
    p: Annotated[float, typer.Option(parser=real, metavar="<float>", help="Variation exponent p >= 1.")] = 2.0,
    against: Annotated[
        str | None, typer.Option(metavar="LIMIT", help="Distance to this path; several FILEs: do they converge to it?")
    ] = None,
    level: Annotated[
        int | None, typer.Option(help="Level of the lift, at least 1; if left out 1, and 1 .. floor(p) for a distance.")
    ] = None,
    norm: Annotated[str, typer.Option(help="Norm of an increment: l1 or l2.", autocompletion=completion(NORMS))] = "l1",
    root: Annotated[bool, typer.Option(help="Whether to take the outer root.")] = True,
    critical: Annotated[bool, typer.Option("--critical", help="Estimate the critical exponent.")] = False,
    scale: Annotated[
        str | None, typer.Option(help="Of the sequence of FILEs, for the rates: numbers above 0, with commas.")
    ] = None,
    times: Times = None,
    *,
    reading: ReadingSettings,
    figure: Annotated[
        str | None, typer.Option(help="Draw the path with its maximising partition, or the distances of a sequence.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Exact p-variation of the paths in FILE..., or their p-variation distance to LIMIT, level by level."""
    with clear_errors("--level, or the number of points or channels"), at_work("variation", quiet):
        from roughntk.commands.answers import variations as answers
        from roughntk.files import paths as path_files
        from roughntk.files import results
        from roughntk.files.tables import Reading

        target = results.check_target(figure, "--figure", answers.SUFFIXES, [*paths, against or ""])
        answers.check_options(len(paths), against, level, root=root, critical=critical, scale=scale, figure=figure)
        path_files.check_standard_input([*paths, against or ""])
        read = [path for each in paths for path in path_files.read_paths(each, times, Reading.of(reading))]
        answers.check_options(len(read), against, level, root=root, critical=critical, scale=scale, figure=figure)
        if against is None:
            measured = [answers.measure(each, p, level=level, norm=norm, root=root, critical=critical) for each in read]
            if target is not None:
                answers.draw_paths(measured, target)
        else:
            limit = path_files.read_path(against, times, Reading.of(reading))
            if len(read) == 1:
                compared = answers.compare(read[0], limit, p, level=level, norm=norm)
            else:
                convergence = answers.converge(read, limit, p, norm=norm, scale=scale)
                if target is not None:
                    answers.draw_convergence(convergence, target)
    if against is None:
        _say_measured(measured, as_json, quiet)
    elif len(read) == 1:
        _say_compared(compared, as_json, quiet)
    else:
        _say_convergence(read, limit, convergence, as_json, quiet)
    if target is not None and not as_json:
        say(str(target), head="Figure:")


def _say_measured(measured, as_json: bool, quiet: bool) -> None:
    if as_json:
        say_json({"paths": [each.record() for each in measured]})
        return
    for each in measured:
        for line in each.lines()[len(each.file.lines()) if quiet else 0 :]:
            say(line)


def _say_compared(compared, as_json: bool, quiet: bool) -> None:
    if as_json:
        say_json(compared.record())
        return
    for line in () if quiet else (*compared.file.lines(), *compared.limit.lines()):
        say(line)
    say_table(("level", "distance"), compared.rows())
    for line in compared.lines():
        say(line)


def _say_convergence(read, limit, convergence, as_json: bool, quiet: bool) -> None:
    from roughntk.commands.answers.variations import convergence_record, convergence_rows

    if as_json:
        say_json(convergence_record(read, limit, convergence))
        return
    if not quiet:
        for line in (
            *(sentence for each in read for sentence in each.notes),
            f"Limit: {limit.describe()}",
            *limit.notes,
        ):
            say(line)
        say(f"p = {convergence.p:g}, {convergence.norm} norm, outer root taken.")
    say_table(("file", "scale", *(f"level {k}" for k in convergence.levels)), convergence_rows(read, convergence))
    say(f"The sequence {convergence.verdict}." if "conv" in convergence.verdict else "Undecided.")
    if not quiet:
        say(convergence.rule)


__all__ = ["EXAMPLES", "variation"]
