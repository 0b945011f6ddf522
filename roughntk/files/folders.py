"""Where a study is written: all of it, or nothing. A run that is killed leaves a complete old report or a new one."""

import contextlib
import ctypes
import errno
import glob
import os
import secrets
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from roughntk import _process
from roughntk._checks import InputError
from roughntk.files import manifest

MARK = "study.json"

FIGURES = (
    "coefficients", "conditioning", "driver_components", "errors", "infinite_depth", "kernel_entries",
    "prediction", "signature_terms", "variation",
)  # fmt: skip
TABLES = (
    "coefficients", "depths", "kernel_test_points", "p_variation", "prediction", "signature_terms", "signatures",
    "transport",
)  # fmt: skip

STUDY = (
    MARK, "report.html", *(f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "svg")),
    *(f"tables/{name}.csv" for name in TABLES),
)  # fmt: skip
"""What a study writes; the first name says the kind of the result. What has another name is somebody's."""


SIMULATED = ("real_depth", "tangent_kernel", "trained_outputs")
SIMULATION = (
    "finite.json", "report.html", "tables/networks.csv", "tables/beside.csv",
    *(f"figures/{name}.{kind}" for name in SIMULATED for kind in ("png", "svg")),
)  # fmt: skip
"""What a simulation of finite networks writes."""


def comparison(members: Sequence[str]) -> tuple[str, ...]:
    """What a study of several families writes, those of each in a folder of its own; of the same kind as `STUDY`."""
    figures = tuple(f"figures/families.{kind}" for kind in ("png", "svg"))
    tables = ("tables/comparison.csv", "tables/depths.csv")
    return (MARK, "report.html", *figures, *tables, *(f"{member}/{name}" for member in members for name in STUDY))


def audit(pictures: Sequence[str]) -> tuple[str, ...]:
    """What an audit writes, with pictures of these names."""
    figures = (f"figures/{name}.{kind}" for name in pictures for kind in ("png", "svg"))
    return ("audit.json", "report.html", "tables/claims.csv", "tables/evidence.csv", *figures)


_OF_A_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)
"""Errors of writing that come without the name of a file."""


@contextlib.contextmanager
def replacing(out: str | Path, own: tuple[str, ...] = STUDY) -> Iterator[Path]:
    """A fresh folder to write into, which takes the place of `out` when the block ends without an exception.

    `out` is replaced only where everything in it is what an earlier run of the same kind wrote there, which it lists
    (`roughntk.files.manifest`). `own` names every file that the block may write, its first name is the kind; whatever
    else comes into the folder is not removed, and is named in a warning where the folder stays for it.
    Folders above `out` that had to be made are removed again when the block raises.

    Raises:
        InputError: `out` cannot be written, is a file, is a folder with other contents, or cannot be replaced since
            it is (or holds) the working folder or a mounted disk.
        OSError: what the block raises that is not about writing to the folder.
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
        _process.remove_if_killed(partial, (*own, manifest.NEW, manifest.NAME))
        partial.mkdir()
        manifest.begin(partial, own[0], own)
    except OSError as error:
        _remove_empty(made)
        raise _cannot_write(out, error) from None
    try:
        yield partial
        manifest.complete(partial, own[0])
        _check_replaceable(out, given, own)
        _take_place(partial, out, own)
    except OSError as error:
        if _is_about(error, partial, out):
            raise _cannot_write(out, error) from error
        raise
    finally:
        _remove(partial)
        _remove_empty(made)


def _is_about(error: OSError, partial: Path, out: Path) -> bool:
    """Whether the error is one of writing the report: it names a file there, or a disk and no file."""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    if not names:
        return error.errno in _OF_A_DISK
    return any(Path(os.path.abspath(name)).is_relative_to(place) for name in names for place in (partial, out))


def _remove_empty(folders: list[Path]) -> None:
    """Remove these folders, deepest first; one that holds something stays, and so do those above it."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _cannot_write(out: Path, error: OSError) -> InputError:
    return InputError(
        f"expected an output folder that can be written, got {out} ({error.strerror or error}); choose another --out"
    )


def beside(out: str | Path, what: str) -> Path:
    """The path of a hidden folder beside `out`, for what belongs to it."""
    out = Path(os.path.abspath(out))
    return out.parent / f".{out.name}.{what}"


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
    manifest.check(out, own[0])


def _take_place(partial: Path, out: Path, own: tuple[str, ...]) -> None:
    """Put `partial` where `out` is: by an atomic exchange where the system has one, by two renames elsewhere.

    What was there is looked at once more when it cannot be reached by its name any more, and given back if somebody
    has put something into it meanwhile.
    """
    if not out.exists():
        partial.rename(out)
    elif _exchange(partial, out):
        try:
            manifest.check(partial, own[0])
        except InputError:
            _exchange(partial, out)
            raise InputError(_appeared(out)) from None
    else:
        previous = _previous(out)
        _check_free(previous, own[0])
        _process.give_back_if_killed(previous, out, (*own, manifest.NAME))
        out.rename(previous)
        try:
            manifest.check(previous, own[0])
        except InputError:
            previous.rename(out)
            raise InputError(_appeared(out)) from None
        partial.rename(out)
        _remove(previous)


def _check_free(previous: Path, kind: str) -> None:
    """Make the name free to which the old report moves for a moment, or raise `InputError`."""
    if previous.is_symlink() or (previous.exists() and not previous.is_dir()):
        raise InputError(
            f"expected {previous} to be free for the old report, got a file or link; move it away, or choose another "
            f"--out"
        )
    manifest.check(previous, kind)
    manifest.remove(previous)


def _appeared(out: Path) -> str:
    return (
        f"expected {out} to stay as it was, got other files in it, which would be lost, while this ran; "
        f"choose another --out"
    )


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
        if not manifest.is_complete(previous):
            return
        if os.path.lexists(out):
            _remove(previous)
        else:
            previous.rename(out)


def _remove_abandoned(out: Path) -> None:
    """Remove partial folders of runs that are gone, as far as nothing else is in them."""
    for folder in out.parent.glob(glob.escape(_prefix(out)) + "*"):
        process = folder.name.rpartition(".")[2]
        if process.isascii() and process.isdecimal() and not _is_running(int(process)):
            _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder of ours; one that is ours and holds something else stays, and a warning says so."""
    known = not folder.is_symlink() and manifest.read(folder) is not None
    left = manifest.remove(folder)
    if known:
        warn_of(folder, left)


def warn_of(folder: Path, left: Sequence[str]) -> None:
    """A warning that a folder stays, where something of somebody else is left in it."""
    if left:
        named = ", ".join(left[:3]) + (f" and {len(left) - 3} more" if len(left) > 3 else "")
        warnings.warn(
            f"{folder} of a run that has ended stays, since not all in it was written by this program: move away "
            f"{named}, and remove the folder",
            RuntimeWarning,
            stacklevel=4,
        )


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
