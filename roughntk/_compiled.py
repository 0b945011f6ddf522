"""Functions compiled by numba, and the folder that keeps their machine code from one process to the next.

What is kept is unpickled and run, so that it is read only from where nobody else can have put it: an own folder of
mode 700 (`$NUMBA_CACHE_DIR`, or `roughntk` in the user's folder of caches), every file and folder being owned by the
user and closed to other writers. Each file carries a checksum and what it was made of; a file that is damaged or of
another source, version or processor is passed over and written anew. Where nothing can be kept, functions are compiled
in each process, with the same results; one warning at most says so.
"""

import errno
import hashlib
import os
import pickle
import stat
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import caching
from numba.core.serialize import dumps

#: A folder that cannot be made or written to is no news, unless the user has named it.
_NO_FOLDER = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)
_warned = False


class UnsafeFolderError(OSError):
    """Somebody else could have written what a folder holds."""


def compiled(function: Callable) -> Any:
    """`function` compiled by numba, which releases the interpreter's lock; its machine code is kept where it can be."""
    dispatcher: Any = numba.njit(nogil=True)(function)
    try:
        dispatcher._cache = _Cache(function)
    except Exception as problem:  # whatever keeps the machine code from being kept, the function computes
        if os.path.exists(function.__code__.co_filename):  # otherwise there is nothing to tell its versions by
            _say_not_kept(problem)
    return dispatcher


def folder() -> Path:
    """The folder of all machine code that is kept: the one that the user names, or one in the folder of caches."""
    if named := _named():
        return Path(named)
    if sys.platform == "win32":
        place = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        place = "~/Library/Caches"
    else:
        place = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    place = os.path.expanduser(place)
    if not os.path.isabs(place):
        raise FileNotFoundError(errno.ENOENT, "there is no home folder", place)
    return Path(place, "roughntk")


def _named() -> str:
    """The folder that the user names by NUMBA_CACHE_DIR, or nothing."""
    return getattr(numba.config, "CACHE_DIR", "")


def state() -> tuple[bool, str]:
    """Whether machine code can be kept, and where, or why not."""
    try:
        place = folder()
        make_folder(place)
        check_folder(place)
        tempfile.TemporaryFile(dir=place).close()
    except OSError as problem:
        return False, f"compiled functions are not kept: {problem}"
    return True, f"kept in {place}"


def make_folder(path: Path) -> None:
    """Make the folder with mode 700, and those above it that do not exist."""
    if not path.parent.exists():
        make_folder(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)


def check_folder(path: Path) -> None:
    """Refuse a folder in which anybody but the user (and root) could write, or which others could exchange.

    Raises:
        UnsafeFolderError: it is not the user's own, or others may write to it or to a folder above it.
        OSError: there is none.
    """
    if not hasattr(os, "geteuid"):  # no POSIX system: its folders have no such modes
        return
    place = path.resolve(strict=True)
    for above in (place, *place.parents):
        status = above.stat()
        own = status.st_uid == os.geteuid() or (above != place and status.st_uid == 0)
        if not own:
            raise UnsafeFolderError(f"{above} belongs to another user")
        if _others_write(status) and (above == place or not status.st_mode & stat.S_ISVTX):
            raise UnsafeFolderError(f"others can write to {above}, mode {stat.S_IMODE(status.st_mode):o}")


def _others_write(status: os.stat_result) -> bool:
    """Whether the mode lets anybody but the owner write; a group of the owner alone is nobody else."""
    return bool(
        status.st_mode & stat.S_IWOTH
        or (status.st_mode & stat.S_IWGRP and not _own_group(status.st_gid, status.st_uid))
    )


def _own_group(group: int, user: int) -> bool:
    """Whether the group is the private one of the user, as many systems make for each."""
    import grp
    import pwd

    try:
        entry, owner = grp.getgrgid(group), pwd.getpwuid(user)
    except KeyError:
        return False
    return entry.gr_gid == owner.pw_gid and entry.gr_name == owner.pw_name and set(entry.gr_mem) <= {owner.pw_name}


def read_own(path: Path) -> bytes | None:
    """The content of a file of the user's own; None if there is none.

    Raises:
        UnsafeFolderError: the file is a link, or others own it or may write to it.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or _others_write(status)):
            raise UnsafeFolderError(f"others can write to {path}, mode {stat.S_IMODE(status.st_mode):o}")
        return file.read()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of mode 600 that is there as a whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


class _Files:
    """One file for each function, signature and processor: a checksum, then what it was made of with the code."""

    def __init__(self, place: Path, base: str, source: Any) -> None:
        self.place, self.base, self.made_of = place, base, (numba.__version__, source)

    def path(self, key: Any) -> Path:
        return self.place / f"{self.base}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.nbc"

    def load(self, key: Any) -> Any:
        """What was saved under the key; None if there is nothing, or nothing whole that is of this source."""
        content = read_own(self.path(key))
        if content is None or hashlib.sha256(content[32:]).digest() != content[:32]:
            return None
        *made_of, data = pickle.loads(content[32:])
        return data if tuple(made_of) == (*self.made_of, key) else None

    def save(self, key: Any, data: Any) -> None:
        content = dumps((*self.made_of, key, data))
        write_whole(self.path(key), hashlib.sha256(content).digest() + content)

    def flush(self) -> None:
        for path in self.place.glob(f"{self.base}.*.nbc"):
            path.unlink(missing_ok=True)


class _OwnFolder(caching.UserProvidedCacheLocator):
    """Where numba looks: a folder for each folder of sources, in `folder()`."""

    def __init__(self, py_func: Callable, py_file: str) -> None:
        self._py_file, self._lineno = py_file, py_func.__code__.co_firstlineno
        self._cache_path = os.fspath(folder() / self.get_suitable_cache_subpath(py_file))

    def ensure_cache_path(self) -> None:
        make_folder(Path(self._cache_path))

    @classmethod
    def from_function(cls, py_func: Callable, py_file: str) -> "_OwnFolder | None":
        return cls(py_func, py_file) if os.path.exists(py_file) else None


class _Implementation(caching.CompileResultCacheImpl):
    _locator_classes = [_OwnFolder]


class _Cache(caching.FunctionCache):
    """numba's cache of one function with these files, each failure of which means that there is none."""

    _impl_class = _Implementation

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        locator = self._impl.locator
        locator.ensure_cache_path()
        self._place = Path(locator.get_cache_path())
        self._cache_file: Any = _Files(self._place, self._impl.filename_base, locator.get_source_stamp())
        check_folder(self._place)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            check_folder(self._place)
            return super().load_overload(sig, target_context)
        except OSError as problem:
            self._give_up(problem)
        except Exception:  # whatever unpickling may raise: the function is compiled, and saved over it
            pass
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if not self._enabled:
            return
        try:
            check_folder(self._place)
            super().save_overload(sig, data)
        except Exception as problem:
            self._give_up(problem)

    def _give_up(self, problem: Exception) -> None:
        self.disable()
        _say_not_kept(problem)


def _say_not_kept(problem: Exception) -> None:
    """One warning in a process; none where a folder that nobody named cannot be made or written to."""
    global _warned
    by_default = not _named() and getattr(problem, "errno", None) in _NO_FOLDER
    if _warned or by_default:
        return
    _warned = True
    warnings.warn(
        f"expected a folder that keeps compiled functions, got {problem}; they are compiled in each process, which "
        f"takes some seconds: set NUMBA_CACHE_DIR to a folder of your own with mode 700 and free space",
        RuntimeWarning,
        stacklevel=3,
    )
