"""`roughntk signature`: the signature or log-signature of a path in a file."""

from typing import Annotated

import typer

from roughntk.commands.choices import BACKENDS, BASES, completion, listed
from roughntk.commands.console import AsJson, Quiet, clear_errors, say, say_json, say_table
from roughntk.commands.options import Times
from roughntk.commands.progress import at_work

EXAMPLES = (
    "roughntk signature path.csv --level 3",
    "roughntk signature path.csv --level 4 --log --basis hall --out log-signature.csv",
)


def signature(
    file: Annotated[str, typer.Argument(help="A path: .csv, .npy or .npz, points in rows.")],
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
    out: Annotated[str | None, typer.Option(help="Write all entries, all digits: .csv, .npy or .json.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """The signature or log-signature of the piecewise-linear path in FILE."""
    with clear_errors("--level or the number of channels"), at_work("signature", quiet):
        from roughntk.study import path_files, paths

        target = path_files.check_target(out, "--out", paths.OUT_SUFFIXES, [file])
        read = path_files.read_path(file, times)
        found = paths.signature_table(read, level, log=log, basis=basis, backend=backend)
        if target is not None:
            path_files.write(target, found.content(target.suffix.lower()))
    if as_json:
        say_json(found.record())
        return
    if not quiet:
        say(found.file.describe())
        say("", head=found.title())
    rows = found.rows()
    say_table(("bracket" if found.basis in ("lyndon", "hall") else "word", "value"), rows)
    if len(rows) < len(found.values):
        say(f"The first {len(rows)} of {len(found.values)}; --out writes them all.")
    if target is not None:
        say(str(target), head="Written:")


__all__ = ["EXAMPLES", "signature"]
