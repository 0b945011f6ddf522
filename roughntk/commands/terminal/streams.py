"""Standard output and error that can always be written to, and the one line that says why where they cannot."""

import codecs
import contextlib
import errno
import os
import sys
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from roughntk._process import REPORT

OUTPUT_FAILED, FAULT, HELP_CUT = 74, 70, 141
"""Exit codes: standard output, or a file of the system, could not be written; a fault of this package; the reader of a
help text has gone, 128 and the number of SIGPIPE, which ends other programs in silence."""

PLAIN = {
    "─": "-", "━": "-", "╸": "-", "╺": "-", "│": "|", "├": "+", "┤": "+", "┌": "+", "┐": "+", "└": "+", "┘": "+",
    "┬": "+", "┴": "+", "┼": "+", "╭": "+", "╮": "+", "╯": "+", "╰": "+", "±": "+-", "→": "->", "≤": "<=", "≥": ">=",
    "∞": "inf", "−": "-", "…": "...", "—": "-", "–": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*",
}  # fmt: skip
"""What stands for characters that an encoding lacks; letters lose their accents, everything else becomes '?'."""


class OutputError(Exception):
    """Standard output could not be written; `gone`: because nobody reads it any more."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.gone = gone


class _Checked:
    """Standard output, whose errors are an `OutputError`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with _as_output_error():
            return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        with _as_output_error():
            self._stream.writelines(lines)

    def flush(self) -> None:
        with _as_output_error():
            self._stream.flush()


@contextlib.contextmanager
def _as_output_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        gone = error.errno == errno.EPIPE
        raise OutputError("its reader has gone" if gone else error.strerror or str(error), gone=gone) from None


def replace(error: UnicodeError) -> tuple[str, int]:
    """A handler of encoding errors that never fails: plain characters for those that the encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    if character in PLAIN:
        return PLAIN[character]
    letters = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return letters or "?"


def visible(text: str) -> str:
    """`text` with control characters written out, so that a name or a cell cannot steer a terminal."""
    return "".join(
        character if character == "\n" or unicodedata.category(character) not in ("Cc", "Cf") else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def prepare() -> None:
    """Makes both streams encode whatever comes. Raises `OutputError` where there is no standard output."""
    codecs.register_error("roughntk", replace)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  it stays open to the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="roughntk")
    if sys.stdout is None:
        raise OutputError("it is closed")


def guarded(command: Callable[[], object], *, show_traceback: bool = False, help_only: bool = False) -> int:
    """Runs the command line and returns its exit code; whatever goes wrong ends with one line on standard error.

    Where nothing but help is printed (`help_only`), a reader that has seen enough is no error worth a line.
    """
    before, code = (sys.stdout, sys.stderr), 0
    try:
        prepare()
        sys.stdout = _Checked(sys.stdout)
        code = _run(command)
        sys.stdout.flush()
    except OutputError as error:
        if help_only and error.gone:
            code = HELP_CUT
        else:
            code = _say(f"standard output cannot be written: {error}; send it to a file or a program that reads it all")
        _forget_output()
    except OSError as error:
        code = _say(f"expected a file that can be read or written, got {_what(error)}; mend that and try again")
        _show(show_traceback)
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0][:300]
        what = type(error).__name__ + (f": {first_line}" if first_line else "")
        _say(f"a fault of roughntk itself, {what}; {REPORT}, and what --traceback prints")
        _show(show_traceback)
        code = FAULT
    finally:
        sys.stdout, sys.stderr = (old or new for old, new in zip(before, (sys.stdout, sys.stderr), strict=True))
    return code


def _run(command: Callable[[], object]) -> int:
    try:
        command()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


def _what(error: OSError) -> str:
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    return f"{name} ({error.strerror})" if name and error.strerror else str(error)


def _say(message: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        print(f"Error: {visible(message)}", file=sys.stderr, flush=True)
    return OUTPUT_FAILED


def _show(wanted: bool) -> None:
    if wanted:
        with contextlib.suppress(OSError, ValueError):
            traceback.print_exc()


def _forget_output() -> None:
    """Nothing more goes to standard output, so that the end of the process does not stumble over it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, sys.stdout.fileno())
        os.close(silent)


__all__ = ["FAULT", "HELP_CUT", "OUTPUT_FAILED", "OutputError", "guarded", "prepare", "replace", "visible"]
