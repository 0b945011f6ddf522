"""Where a study is written: all of it, or nothing. A run that is killed leaves a complete old report or a new one."""

import contextlib
import ctypes
import glob
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from roughntk import _process
from roughntk._checks import InputError

MARK = "study.json"
"""A folder that holds this file, and nothing but what a study writes, is an earlier report and may be replaced."""

STUDY = (MARK, "report.html", "figures", "tables")
"""What a study writes, its mark first."""


@contextlib.contextmanager
def replacing(out: str | Path, own: tuple[str, ...] = STUDY) -> Iterator[Path]:
    """A fresh folder to write into, which takes the place of `out` when the block ends without an exception.

    `own` names what the block writes; its first name marks the folder as replaceable by the same kind of result.
    Folders above `out` that had to be made are removed again when the block raises.

    Raises:
        InputError: `out` cannot be written, is a file, is a folder with other contents, or cannot be replaced since
            it is (or holds) the working folder or a mounted disk.
    """
    given, out = str(out), Path(os.path.abspath(out))
    made: list[Path] = []
    try:
        _recover(out)
        _check_replaceable(out, given, own)
        made = [folder for folder in out.parents if not folder.exists()]
        for folder in reversed(made):
            _process.remove_if_killed_and_empty(folder)
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(out)
        partial = out.parent / f"{_prefix(out)}{secrets.token_hex(4)}.{os.getpid()}"
        _process.remove_if_killed(partial)
        partial.mkdir()
    except OSError as error:
        _remove_empty(made)
        raise _cannot_write(out, error) from None
    try:
        yield partial
        _check_replaceable(out, given, own)
        _take_place(partial, out)
    except OSError as error:  # for instance a full disk
        raise _cannot_write(out, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        _remove_empty(made)


def _remove_empty(folders: list[Path]) -> None:
    """Remove these folders, deepest first; one that holds something stays, and so do those above it."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _cannot_write(out: Path, error: OSError) -> InputError:
    return InputError(
        f"expected an output folder that can be written, got {out} ({error.strerror or error}); choose another --out"
    )


def _prefix(out: Path) -> str:
    return f".{out.name}.partial-"


def _previous(out: Path) -> Path:
    return out.parent / f".{out.name}.previous"


def _check_replaceable(out: Path, given: str, own: tuple[str, ...]) -> None:
    if not given.strip():
        raise InputError("expected an output folder, got an empty name; name one, for instance --out study-report")
    if Path(os.path.realpath(out)) in (working := Path.cwd(), *working.parents):
        raise InputError(
            f"expected an output folder that can be replaced as a whole, got {out}, which is or holds the working "
            f"folder; name one inside it, for instance --out study-report"
        )
    if os.path.ismount(out):
        raise InputError(
            f"expected an output folder that can be replaced as a whole, got {out}, where a disk is mounted; name a "
            f"folder inside it, for instance --out {out}/study-report"
        )
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise InputError(f"expected {out} to be a folder or not to exist, got a file or link; choose another --out")
    try:
        names = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
        foreign = bool(names) and not (names <= set(own) and (out / own[0]).is_file())
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
        _process.give_back_if_killed(previous, out)
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
    """Bring back the old report if a run was killed between its two renames, or remove it if that was after them."""
    previous = _previous(out)
    with contextlib.suppress(OSError):
        if previous.is_dir() and not out.exists():
            previous.rename(out)
        elif previous.is_dir() and not previous.is_symlink():
            shutil.rmtree(previous)


def _remove_abandoned(out: Path) -> None:
    """Remove partial folders of runs that are gone."""
    for folder in out.parent.glob(glob.escape(_prefix(out)) + "*"):
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
