"""`roughntk signature`: the signature or log-signature of a path in a file."""

from typing import Annotated

import typer

from roughntk._settings import listed
from roughntk.commands.choices import BACKENDS, BASES, completion
from roughntk.commands.options import Times, with_settings
from roughntk.commands.terminal.console import AsJson, Quiet, clear_errors, say, say_json, say_table
from roughntk.commands.terminal.progress import at_work
from roughntk.files.reading_settings import FILE_HELP, ReadingSettings

EXAMPLES = (
    "roughntk signature path.csv --level 3",
    "roughntk signature path.csv --level 4 --log --basis hall --out log-signature.csv",
)


@with_settings
def signature(
    file: Annotated[str, typer.Argument(help=f"A path, points in rows: {FILE_HELP}.")],
    level: Annotated[int, typer.Option(help="Truncation level N >= 1.")] = 2,
    log: Annotated[bool, typer.Option("--log", help="The log-signature.")] = False,
    basis: Annotated[
        str | None,
        typer.Option(
            help=f"Of the log-signature: {listed(BASES)}; lyndon if left out.", autocompletion=completion(BASES)
        ),
    ] = None,
    backend: Annotated[str, typer.Option(help=f"{listed(BACKENDS)}.", autocompletion=completion(BACKENDS))] = "jax",
    times: Times = None,
    *,
    reading: ReadingSettings,
    out: Annotated[str | None, typer.Option(help="Write all entries, all digits: .csv, .npy or .json.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """The signature or log-signature of the piecewise-linear path in FILE."""
    with clear_errors("--level or the number of channels"), at_work("signature", quiet):
        from roughntk.commands.answers import signatures
        from roughntk.files import paths, results
        from roughntk.files.tables import Reading

        target = results.check_target(out, "--out", signatures.SUFFIXES, [file])
        read = paths.read_paths(file, times, Reading.of(reading))
        text = as_json or (target is not None and target.suffix.lower() != ".npy")
        table = signatures.signature_table(read, level, log=log, basis=basis, backend=backend, text=text)
        if target is not None:
            results.write(target, table.content(target.suffix.lower()))
    if as_json:
        say_json(table.record())
        return
    if not quiet:
        for line in table.described():
            say(line)
        say("", head=table.title())
    say_table(table.headings(), table.rows())
    for line in table.left_out():
        say(line)
    if target is not None:
        say(str(target), head="Written:")


__all__ = ["EXAMPLES", "signature"]
