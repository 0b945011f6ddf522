"""`roughntk audit`: every claim of the paper, with a verdict that is computed, and a page of the evidence."""

import shlex
import sys
import time
from typing import Annotated

import typer

from roughntk._settings import listed
from roughntk.commands.choices import completion
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table, tell
from roughntk.commands.terminal.progress import stages
from roughntk.study.settings import FAMILIES

EXAMPLES = (
    "roughntk audit",
    "roughntk audit --claim theorem-2 --claim lemma-1 --out theorem-2",
    "roughntk audit --family erf-ntk --set weight_variance=2.5 --out erf-audit",
)


def audit(
    claim: Annotated[
        list[str] | None,
        typer.Option(help="Key of a claim, as theorem-2; repeatable. All claims if left out.", metavar="KEY"),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            help=f"{listed(FAMILIES)}: the claims that can be asked of that family, in place of the paper's own.",
            autocompletion=completion(FAMILIES),
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the family; repeatable.")
    ] = None,
    out: Annotated[str, typer.Option(help="Folder of the report; an earlier report there is replaced.")] = (
        "audit-report"
    ),
    resume: Annotated[
        bool, typer.Option(help="Go on from an unfinished run with the same claims and versions, or begin afresh.")
    ] = True,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Every claim of the paper examined: holds, holds with correction, fails, or not decidable here, and why."""
    clock = time.perf_counter()
    command = " ".join(["roughntk", *map(shlex.quote, sys.argv[1:])])
    with clear_errors("the number of claims"), stages(quiet) as report:
        from roughntk._checks import InputError
        from roughntk.study.auditing import pipeline
        from roughntk.study.auditing.result import ANSWERS
        from roughntk.study.families import member

        if set_ and family is None:
            raise InputError(f"expected --set beside --family, got {set_[0]} alone; name the family")
        chosen = None if family is None else member(family, set_ or [])
        result = pipeline.audit(
            claim, family=chosen, out=out, resume=resume, command=command, progress=report,
            tell=_untold if quiet else tell,
        )  # fmt: skip
    if as_json:
        say_json(result.record())
        return
    if not quiet:
        say_table(("claim", "verdict", "why"), [(each.key, each.verdict, each.reason) for each in result.examined])
        if claim:
            for each in result.examined:
                say(f"{each.statement} Verdict: {each.verdict}.", head=f"{each.place}:")
                if each.correction:
                    say(each.correction, head="What is true:")
                for piece in each.evidence:
                    answer = ANSWERS[piece.supports]
                    say(f"{piece.text} (supports it: {answer}; {piece.method})", head=f"{piece.about}:")
    say(f"{result.headline}.")
    for line in result.missing:
        say(line, head="Missing:")
    say(f"{out}/report.html ({time.perf_counter() - clock:.0f} s)", head="Report:")


def _untold(line: str) -> None:
    """With --quiet."""


__all__ = ["EXAMPLES", "audit"]
