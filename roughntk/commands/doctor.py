"""`roughntk doctor`: what is installed, and whether it computes the right numbers."""

import dataclasses

import typer
from rich.text import Text

from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, out_console, say_json
from roughntk.commands.terminal.progress import at_work
from roughntk.commands.terminal.streams import visible

EXAMPLES = ("roughntk doctor", "roughntk doctor --json")
COLOURS = {"ok": "green", "absent": "yellow", "wrong": "bold red"}


def doctor(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Versions, backends present and absent, 64-bit mode, one numeric self-test per backend."""
    with clear_errors(), at_work("doctor", quiet):
        from roughntk.commands.answers.installation import examine

        checks = examine()
    wrong = any(check.state == "wrong" for check in checks)
    if as_json:
        say_json({"checks": [dataclasses.asdict(check) for check in checks], "healthy": not wrong})
    for check in () if as_json else checks:
        if not quiet or check.state == "wrong":
            line = f" {check.name:<24} {visible(check.detail)}"
            out_console.print(Text.assemble((f"{check.state:<7}", COLOURS[check.state]), line))
    if wrong:
        raise typer.Exit(1)


__all__ = ["EXAMPLES", "doctor"]
