"""Functions compiled by numba, and the folder that keeps their machine code from one process to the next.

What is kept is unpickled and run, so that it is read only from where nobody else can have put it (`roughntk._caches`):
`$NUMBA_CACHE_DIR`, or `roughntk` in the user's folder of caches. Each file carries a checksum and what it was made of;
a file that is damaged or of another source, version or processor is passed over and written anew. Where nothing can be
kept, functions are compiled in each process, with the same results; one warning at most says so.
"""

import errno
import hashlib
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import caching
from numba.core.serialize import dumps

from roughntk._caches import check_folder, make_folder, read_own, usable, user_folder, write_whole

#: A folder that cannot be made or written to is no news, unless the user has named it.
_NO_FOLDER = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR)
_warned = False


def compiled(function: Callable) -> Any:
    """`function` compiled by numba, which releases the interpreter's lock; its machine code is kept where it can be."""
    return _kept(numba.njit(nogil=True)(function), function)


def compiled_fused(function: Callable) -> Any:
    """As `compiled`, and a product and the sum that it enters may be rounded once instead of twice."""
    return _kept(numba.njit(nogil=True, fastmath={"contract"})(function), function)


def _kept(dispatcher: Any, function: Callable) -> Any:
    try:
        dispatcher._cache = _Cache(function)
    except Exception as problem:  # whatever keeps the machine code from being kept, the function computes
        if os.path.exists(function.__code__.co_filename):  # otherwise there is nothing to tell its versions by
            _say_not_kept(problem)
    return dispatcher


def folder() -> Path:
    """The folder of all machine code that is kept: the one that the user names, or one in the folder of caches."""
    return Path(named) if (named := _named()) else user_folder()


def _named() -> str:
    """The folder that the user names by NUMBA_CACHE_DIR, or nothing."""
    return getattr(numba.config, "CACHE_DIR", "")


def state() -> tuple[bool, str]:
    """Whether machine code can be kept, and where, or why not."""
    try:
        place = usable(folder())
    except OSError as problem:
        return False, f"compiled functions are not kept: {problem}"
    return True, f"kept in {place}"


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
