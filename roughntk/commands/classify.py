"""`roughntk classify`: what depth does to a family, the paper's conditions, and the phase diagram."""

from typing import Annotated, Any

import typer

from roughntk._settings import listed
from roughntk.commands.choices import completion
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table
from roughntk.commands.terminal.progress import at_work, stages
from roughntk.study.settings import FAMILIES

EXAMPLES = (
    "roughntk classify relu-ntk --criteria",
    "roughntk classify erf-ntk --set weight_variance=2.5",
    "roughntk classify all --json",
    "roughntk classify --phase-diagram phases",
)
CRITERIA = ("condition", "verdict", "from depth", "counterexample", "evidence")


def classify(
    family: Annotated[
        str, typer.Argument(help=f"{listed(FAMILIES)}, or all.", autocompletion=completion((*FAMILIES, "all")))
    ] = "relu-ntk",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the family; repeatable.")
    ] = None,
    criteria: Annotated[
        bool, typer.Option("--criteria", help="Also try the paper's conditions (Section 6) on hard point sets.")
    ] = False,
    phase_diagram: Annotated[
        str | None, typer.Option(metavar="OUT", help="Write the phase diagram of the erf network to this folder.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fixed point, multiplier, phase, rate and limit of FAMILY as depth grows, all measured."""
    if phase_diagram is not None:
        _phases(phase_diagram, as_json, quiet)
        return
    with clear_errors("the number of families"), stages(quiet) as report:
        from roughntk.commands.answers import classifications
        from roughntk.depth.criteria import check

        members = classifications.members(family, set_ or [])
        results = classifications.classified(members, lambda done: report("classified", done, len(members)))
        tried = []
        for done, member in enumerate(members if criteria else (), 1):
            tried.append(check(member))
            report("criteria", done, len(members))
    if as_json:
        records = [classifications.record(each) for each in results]
        for record, each in zip(records, tried, strict=False):
            record["criteria"] = classifications.criteria_record(each)
        say_json(records[0] if family != classifications.ALL else records)
        return
    if family != classifications.ALL:
        say_table(("quantity", "measured"), results[0].rows())
        for line in () if quiet else (*results[0].evidence, *(f"note: {note}" for note in results[0].notes)):
            say(f"  {line}")
    else:
        say_table(classifications.HEADINGS, [classifications.cells(each) for each in results])
    for each in tried:
        say("'holds' means that no counterexample was found", head=f"Section 6, {each.name}:")
        say_table(CRITERIA, each.rows())
        say(each.limit_text, head="Coefficients have a limit:")


def _phases(folder: str, as_json: bool, quiet: bool) -> None:
    with clear_errors("the number of grid points"), at_work("phase diagram", quiet):
        from roughntk.commands.answers import phases

        diagram = phases.phase_diagram(folder)
    if as_json:
        diagram_record: dict[str, Any] = phases.record(diagram)
        say_json(diagram_record)
        return
    say_table(phases.HEADINGS, phases.cells(diagram))
    say(f"{folder}/phase_diagram.png", head="Figure:")


__all__ = ["EXAMPLES", "classify"]
