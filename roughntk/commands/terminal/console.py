"""What the commands print: text, tables, JSON; and bad input as one message."""

import contextlib
import json
import math
import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from roughntk.commands.terminal.streams import visible
from roughntk.commands.terminal.tables import table

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document with all digits, and nothing else (docs: command line).")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks: results and errors only.")]


out_console = Console(highlight=False, soft_wrap=True)
err_console = Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str, *, head: str = "") -> None:
    """One line on standard output, behind a head in bold."""
    out_console.print(Text.assemble((visible(head), "bold"), " " if head and text else "", visible(str(text))))


def tell(text: str) -> None:
    """One line on standard error, about the run itself."""
    err_console.print(Text(visible(text)))


def say_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output: as wide as it needs, or on a terminal broken between words."""
    for line in table(headings, rows, out_console.width if out_console.is_terminal else None):
        out_console.print(Text(line))


def say_json(record: Any) -> None:
    """One JSON document on standard output, every float with all its digits."""
    out_console.file.write(json.dumps(plain(record), indent=1, allow_nan=False) + "\n")  # ASCII, with nothing to style


def plain(value: Any) -> Any:
    """`value` in JSON's types: NaN is null, infinities are "inf" and "-inf", arrays are lists."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # of NumPy and JAX
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


@contextlib.contextmanager
def clear_errors(lower: str = "--points, --samples or the number of depths") -> Iterator[None]:
    """Bad input ends with one message and exit code 2, without a traceback; `lower` says what to lower for memory."""
    try:
        os.getcwd()
    except OSError:
        raise _refused("expected a working folder that exists, got one that was removed; change to another") from None
    from roughntk._checks import InputError, MissingBackendError

    try:
        yield
    except (InputError, MissingBackendError) as error:
        raise _refused(str(error)) from None
    except MemoryError as error:
        raise _refused(f"expected a job that fits in memory, got more ({error}); lower {lower}") from None


def _refused(message: str) -> typer.Exit:
    err_console.print(Text.assemble(("Error:", "bold red"), " ", visible(message)))
    return typer.Exit(2)


__all__ = [
    "AsJson", "Quiet", "clear_errors", "err_console", "out_console", "plain", "say", "say_json", "say_table", "tell",
]  # fmt: skip
