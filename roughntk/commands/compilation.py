"""What JAX compiles for a command is kept for the next one: JAX's own cache, in the user's folder of caches.

For the command line only; `import roughntk` leaves JAX's settings alone. What is kept is machine code that is run
again, so that it is used only from a folder that nobody else can write to (`roughntk._caches`), one for each version of
JAX, each processor and each choice of instructions. JAX passes over an entry that it cannot read, as one that a process
that was killed has left or one that another is writing: nothing is said, and damaged ones are removed at the end, to be
written anew. The folder is bounded: beyond `LIMIT` bytes the entries that were not used for longest go.
"""

import contextlib
import hashlib
import os
import platform
import warnings
import zlib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from roughntk import _caches

SWITCH = "ROUGHNTK_COMPILATION_CACHE"
"""The environment variable that turns it off, as 0."""
LIMIT = 200 * 2**20
"""Bytes of all that is kept."""
_set_here: set[str] = set()
"""Folders that this process itself has put into JAX_COMPILATION_CACHE_DIR."""
_FAILURE = "Error (reading|writing) persistent compilation cache entry"


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """What is compiled within is kept, where it can be; where it cannot nothing happens and nothing is said.

    To be entered before JAX is imported, which takes its settings from the environment.
    """
    try:
        place = None if chosen_by_user() else _caches.usable(folder())
        if place is not None:
            prune(place.parent)
    except (OSError, PackageNotFoundError):
        place = None
    if place is None:
        yield
        return
    os.environ |= {"JAX_COMPILATION_CACHE_DIR": os.fspath(place)}
    _set_here.add(os.fspath(place))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    # What calls back to Python is not kept, and what diffrax checks of times while it runs would: of a bad one it makes
    # NaN then, and no command takes NaN for a solution.
    os.environ.setdefault("EQX_ON_ERROR", "nan")
    with _failures() as failures:
        yield
    if any("reading" in failure for failure in failures):
        remove_damaged(place)


def chosen_by_user() -> str:
    """Why JAX's settings are left as they are, in words; empty where they are not."""
    if os.environ.get(SWITCH) == "0":
        return f"turned off by {SWITCH}=0"
    named = os.environ.get("JAX_COMPILATION_CACHE_DIR")
    return "" if named is None or named in _set_here else f"JAX_COMPILATION_CACHE_DIR is {named!r}"


def folder() -> Path:
    """The folder for this version, processor and choice of instructions. Raises OSError where there is no home."""
    jax = version("jax")
    what = "\n".join([jax, version("jaxlib"), _processor(), os.environ.get("XLA_FLAGS", "")])
    return _caches.user_folder() / f"jax-{jax}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def state() -> tuple[bool, str]:
    """Whether what JAX compiles is kept, and where, or why not."""
    if why := chosen_by_user():
        named = os.environ.get("JAX_COMPILATION_CACHE_DIR")
        if named and os.environ.get(SWITCH) != "0":
            return True, f"kept in {named}, which JAX_COMPILATION_CACHE_DIR says"
        return False, why
    try:
        return True, f"kept in {_caches.usable(folder())}"
    except OSError as problem:
        return False, f"what JAX compiles is not kept: {problem}"


def _processor() -> str:
    """What the processor can do, as the system says it."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(("flags", "Features")):
                return line
    return platform.processor() + platform.machine()


def prune(place: Path, limit: int = LIMIT) -> None:
    """Remove the entries below `place` that were not used for longest, until half of `limit` bytes are left."""
    entries = []
    for path in place.glob("jax-*/*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            entries.append((max(status.st_atime, status.st_mtime), status.st_size, path))
    size = sum(entry[1] for entry in entries)
    if size <= limit:
        return
    for _, bytes_of_entry, path in sorted(entries):
        if size <= limit // 2:
            return
        _remove(path)
        size -= bytes_of_entry


def remove_damaged(place: Path) -> None:
    """Remove the entries of a folder that are not whole; of those that are not packed by zlib, which tells, all."""
    for path in place.iterdir():
        try:
            zlib.decompress(path.read_bytes())
        except (OSError, zlib.error):
            _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


@contextlib.contextmanager
def _failures() -> Iterator[list[str]]:
    """The warnings of JAX that an entry could not be read or written, which are not shown."""
    messages: list[str] = []
    show = warnings.showwarning

    def shown(message, category, *where, **how) -> None:
        if str(message).startswith(("Error reading persistent", "Error writing persistent")):
            messages.append(str(message))
        else:
            show(message, category, *where, **how)

    with warnings.catch_warnings():
        warnings.filterwarnings("always", _FAILURE, UserWarning)
        warnings.showwarning = shown
        yield messages


__all__ = ["LIMIT", "SWITCH", "chosen_by_user", "folder", "kept", "prune", "remove_damaged", "state"]
