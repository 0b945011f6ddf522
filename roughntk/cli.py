"""The command line. Its commands are in `roughntk.commands`, a file each; nothing heavy is imported for its help."""

import contextlib
import gc
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from roughntk import __version__
from roughntk.commands import (
    audit,
    certify,
    classify,
    compilation,
    doctor,
    explore,
    figure1,
    finite,
    limit,
    predict,
    signature,
    study,
    variation,
    weights,
)
from roughntk.commands.terminal import streams
from roughntk.commands.terminal.console import err_console, out_console

COMMANDS: dict[Callable[..., None], tuple[str, ...]] = {
    study.study: study.EXAMPLES,
    figure1.figure1: figure1.EXAMPLES,
    predict.predict: predict.EXAMPLES,
    limit.limit: limit.EXAMPLES,
    finite.finite: finite.EXAMPLES,
    audit.audit: audit.EXAMPLES,
    classify.classify: classify.EXAMPLES,
    signature.signature: signature.EXAMPLES,
    variation.variation: variation.EXAMPLES,
    weights.weights: weights.EXAMPLES,
    certify.certify: certify.EXAMPLES,
    explore.explore: explore.EXAMPLES,
    doctor.doctor: doctor.EXAMPLES,
}
"""Each command with examples of its use."""

TRACEBACK = "--traceback"
HELP = frozenset(["-h", "--help", "--version", "--show-completion"])
"""Words that make a command line print about itself and do nothing else."""

COLLECTED_AFTER = 20_000
"""Objects made until Python looks for cycles again: at its own 700 that is a tenth of the time of a short command."""

app = typer.Typer(
    help="The depth of an infinitely wide neural network as a continuous parameter.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done; 1 a self-test failed; 2 bad input; 70 a fault of roughntk; 74 no output.",
)


def show_version(wanted: bool) -> None:
    if wanted:
        out_console.print(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Version.")] = False,
    traceback: Annotated[
        bool, typer.Option(TRACEBACK, help="Where in the program a fault happened; may stand anywhere.")
    ] = False,
) -> None:
    """The depth of an infinitely wide neural network as a continuous parameter."""


for _command, _examples in COMMANDS.items():
    app.command(epilog="\n\n".join(["Examples:", *(f"  {example}" for example in _examples)]))(_command)


def run(arguments: Sequence[str]) -> int:
    """The exit code of the command line with these arguments; whatever goes wrong ends with one line."""
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    kept = [word for word in arguments[:end] if word != TRACEBACK] + list(arguments[end:])

    def command() -> None:
        _check_words(kept)
        app(args=kept, prog_name="roughntk")

    return streams.guarded(command, show_traceback=len(kept) < len(arguments), help_only=_is_help(kept))


def _is_help(words: Sequence[str]) -> bool:
    """Whether the command line prints about itself and does nothing else."""
    return not words or not HELP.isdisjoint(words[: words.index("--")] if "--" in words else words)


def _check_words(words: Sequence[str]) -> None:
    """Names that are no text could not be written into a report: refused before any work."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            message = f"expected arguments in UTF-8, got {ascii(word)}; rename the file, or set LANG to its encoding"
            err_console.print(f"Error: {message}", markup=False)
            raise SystemExit(2) from None


def main() -> None:
    """Entry point of the console script; a warning is one line."""
    gc.set_threshold(COLLECTED_AFTER)
    warnings.formatwarning = lambda message, *_, **__: f"Warning: {streams.visible(str(message))}\n"
    with contextlib.nullcontext() if _is_help(sys.argv[1:]) else compilation.kept():
        code = run(sys.argv[1:])
    sys.exit(code)


if __name__ == "__main__":
    main()
