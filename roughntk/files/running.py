"""One run at a time: a lock that a process holds on a file, and that ends with the process, however that ends."""

import contextlib
import importlib
import os
from pathlib import Path
from typing import Any

fcntl: Any
try:
    fcntl = importlib.import_module("fcntl")
except ImportError:  # a system without these locks: there every run is let in
    fcntl = None


class Lock:
    """A lock on a file, which is made if it is not there.

    Attributes:
        taken: whether it is held here. Where a file system knows no locks it is, and keeps nobody out.
        by: who holds it else, in words for a message.
    """

    def __init__(self, path: Path):
        self.taken, self.by = True, ""
        while True:
            self._stream = open(path, "a+", encoding="utf-8")  # noqa: SIM115  as long as the lock
            try:
                self._take()
            except BlockingIOError:
                self.taken = False
                self._stream.seek(0)
                process = self._stream.read(20).strip()
                self.by = f" (process {process})" if process.isdecimal() else ""
                self._stream.close()
                return
            with contextlib.suppress(OSError):
                if os.path.samestat(os.fstat(self._stream.fileno()), os.stat(path)):
                    break
            self._stream.close()  # who held it has removed the file meanwhile
            if not path.parent.is_dir():
                raise FileNotFoundError(2, os.strerror(2), str(path.parent))
        with contextlib.suppress(OSError):
            self._stream.truncate(0)
            self._stream.write(f"{os.getpid()}\n")
            self._stream.flush()

    def _take(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # no locks here
            pass

    def release(self) -> None:
        """Give it free."""
        self.taken = False
        self._stream.close()


def is_held(path: Path) -> bool:
    """Whether a process holds the lock on a file."""
    if fcntl is None or not path.is_file():
        return False
    try:
        with open(path, encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


__all__ = ["Lock", "is_held"]
