"""Where a study is written: all of it, or nothing. A run that is killed leaves a complete old report or a new one."""

import contextlib
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from roughntk._checks import InputError

MARK = "study.json"
"""A folder that holds this file is an earlier report and may be replaced."""


@contextlib.contextmanager
def replacing(out: str | Path) -> Iterator[Path]:
    """A fresh folder to write into, which takes the place of `out` when the block ends without an exception.

    Raises:
        InputError: `out` cannot be written, is a file, or is a folder with other contents.
    """
    out = Path(os.path.abspath(out))
    _recover(out)
    _check_replaceable(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(out)
        partial = Path(tempfile.mkdtemp(prefix=_prefix(out), suffix=f".{os.getpid()}", dir=out.parent))
        partial.chmod(0o777 & ~_umask())
    except OSError as error:
        raise InputError(
            f"expected an output folder that can be written, got {out} ({error.strerror}); choose another --out"
        ) from None
    try:
        yield partial
        _check_replaceable(out)
        _take_place(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _prefix(out: Path) -> str:
    return f".{out.name}.partial-"


def _previous(out: Path) -> Path:
    return out.parent / f".{out.name}.previous"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _check_replaceable(out: Path) -> None:
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"expected {out} to be a folder or not to exist, got a file or link; choose another --out")
    try:
        foreign = out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file()
    except OSError as error:
        raise InputError(f"expected a readable folder {out}, got {error.strerror}; choose another --out") from None
    if foreign:
        raise InputError(
            f"expected {out} to be new, empty or an earlier report, got a folder with other files, which would be "
            f"lost; choose another --out"
        )


def _take_place(partial: Path, out: Path) -> None:
    """Put `partial` where `out` is: by an atomic exchange where the system has one, by two renames elsewhere."""
    if not out.exists():
        partial.rename(out)
    elif not _exchange(partial, out):
        previous = _previous(out)
        shutil.rmtree(previous, ignore_errors=True)
        out.rename(previous)
        partial.rename(out)
        shutil.rmtree(previous, ignore_errors=True)


def _exchange(a: Path, b: Path) -> bool:
    """Swap two folders atomically (Linux renameat2); False where that cannot be done."""
    if not sys.platform.startswith("linux"):
        return False
    at_working_directory, exchange_flag = -100, 2
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return renameat2(at_working_directory, os.fsencode(a), at_working_directory, os.fsencode(b), exchange_flag) == 0


def _recover(out: Path) -> None:
    """Bring back the old report if a run was killed between its two renames."""
    previous = _previous(out)
    with contextlib.suppress(OSError):
        if previous.is_dir() and not out.exists():
            previous.rename(out)


def _remove_abandoned(out: Path) -> None:
    """Remove partial folders of runs that are gone."""
    for folder in out.parent.glob(_prefix(out) + "*"):
        process = folder.name.rpartition(".")[2]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
