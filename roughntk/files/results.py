"""Results in single files, .csv tables, .npy arrays and others: their content, and writing all of it or nothing."""

import contextlib
import csv
import io
import os
import secrets
import stat
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from roughntk import _process
from roughntk._checks import InputError


def _answer(test: Callable[[], bool]) -> bool:
    """Whether a question about a path has the answer yes; False where the path cannot be looked at."""
    try:
        return test()
    except OSError:
        return False


def npy_bytes(array: np.ndarray) -> bytes:
    """The content of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def csv_bytes(rows: Iterable[Sequence]) -> bytes:
    """The content of a .csv file; numbers are written as `csv` does, so give floats as text to choose their digits."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def check_target(out: str | None, option: str, suffixes: Sequence[str], inputs: Sequence[str]) -> Path | None:
    """The file to write, checked before any work. Raises `InputError`."""
    if out is None:
        return None
    path = Path(out)
    if path.suffix.lower() not in suffixes:
        raise InputError(f"expected {option} to end in {', '.join(suffixes)}, got {out!r}; choose one of these")
    if not _answer(path.parent.is_dir):
        raise InputError(f"expected {option} in a folder that exists, got {out}; make the folder first")
    if _answer(path.is_dir):
        raise InputError(f"expected {option} to name a file, got the folder {out}; choose another name")
    for given in inputs:
        if _answer(lambda given=given: path.exists() and path.samefile(given)):  # type: ignore[misc]
            raise InputError(f"expected {option} to name a new file, got {out}, which is read; choose another name")
    if not _can_be_written(path):
        raise InputError(f"expected {option} to name a file, a pipe or a terminal, got {out}; choose another name")
    return path


def _can_be_written(path: Path) -> bool:
    """Whether nothing is there, or what a result can go to: no disk, socket or link that leads nowhere."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return not os.path.lexists(path)
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def write(path: Path, content: bytes) -> None:
    """Write a file: all of it, or nothing; where a link leads, and into a pipe or a device, which stays what it is.

    Raises `InputError` where that is not possible.
    """
    partial = None
    try:
        if path.exists() and not path.is_file():
            with open(path, "wb", opener=lambda name, _: os.open(name, os.O_WRONLY)) as stream:
                stream.write(content)
            return
        place = Path(os.path.realpath(path))
        partial = place.parent / f".{place.name}.{secrets.token_hex(4)}"
        _process.remove_if_killed(partial)
        with open(partial, "xb") as stream:
            stream.write(content)
        os.replace(partial, place)
    except OSError as error:
        with contextlib.suppress(OSError):
            if partial is not None:
                partial.unlink(missing_ok=True)
        raise InputError(f"expected a file that can be written, got {path} ({error.strerror or error})") from None


__all__ = ["check_target", "csv_bytes", "npy_bytes", "write"]
