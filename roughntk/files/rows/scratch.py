"""A folder for numbers that do not fit in memory: what is written there is removed again, and nothing else is."""

import contextlib
import itertools
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from roughntk import _checks, _process
from roughntk._checks import InputError
from roughntk.files.tables.table import printable

MOST_FILES = 100
"""That one run writes."""
_OURS = re.compile(r"roughntk-rows-[0-9a-f]{8}\.(\d+)")


class Scratch:
    """A new folder inside of another, for matrices of float64, in C order, that are read back as memory maps.

    As a context manager it removes the folder with what was written there, and the folders above it that it made where
    nothing else is in them. Folders of runs that were killed are removed, too.

    Args:
        folder: where the new one is made; it need not exist.
        keep: whether what is given to `keep` stays.

    Attributes:
        path: of the new folder.

    Raises:
        InputError: a folder that cannot be written.
    """

    def __init__(self, folder: str | os.PathLike, *, keep: bool = False):
        self.above = Path(os.path.abspath(folder))
        self._keep, self._kept = keep, set[str]()
        self._count = itertools.count()
        self._made = [each for each in (self.above, *self.above.parents) if not each.exists()]
        self.path = self.above / f"roughntk-rows-{secrets.token_hex(4)}.{os.getpid()}"
        try:
            for each in reversed(self._made):
                _process.remove_if_killed_and_empty(each)
            self.above.mkdir(parents=True, exist_ok=True)
            self._remove_abandoned()
            _process.remove_if_killed(self.path, _NAMES)
            self.path.mkdir()
        except OSError as error:
            raise InputError(
                f"expected --scratch to name a folder that can be written, got {printable(str(folder))} "
                f"({error.strerror or error}); choose another"
            ) from None

    def __enter__(self) -> "Scratch":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        kept = self._kept if self._keep and error is None else set()
        for name in _NAMES:
            if name not in kept:
                with contextlib.suppress(OSError):
                    (self.path / name).unlink()
        for each in (self.path, *self._made):
            with contextlib.suppress(OSError):
                each.rmdir()

    def file(self) -> Path:
        """The path of a new file."""
        return self.path / _NAMES[next(self._count)]

    def matrix(self, rows: int, columns: int, what: str) -> np.ndarray:
        """A matrix of float64 on the disk, which has room for it; its numbers are not set.

        Args:
            rows, columns: its shape.
            what: what it is for, in messages.

        Raises:
            InputError: the disk has no room.
        """
        path, size = self.file(), 8.0 * rows * columns
        check_free(self.path, size, what)
        try:
            array = np.lib.format.open_memmap(path, "w+", np.float64, (rows, columns))
            if hasattr(os, "posix_fallocate"):  # a map that finds the disk full ends the process
                with open(path, "r+b") as stream:
                    os.posix_fallocate(stream.fileno(), 0, os.fstat(stream.fileno()).st_size)
        except OSError as error:
            raise disk_full(self.above, what, error) from None
        return array

    def finished(self, array: np.ndarray) -> np.ndarray:
        """A matrix of this folder that is written, as a read-only map."""
        assert isinstance(array, np.memmap) and array.filename is not None
        array.flush()
        return np.load(array.filename, mmap_mode="r")

    def keep(self, name: str, array: np.ndarray) -> None:
        """Leave an array under a name of `KEPT` in a folder that is kept: a matrix of this folder, or any other."""
        path = self.path / name
        if isinstance(array, np.memmap) and array.filename is not None and Path(array.filename).parent == self.path:
            Path(array.filename).rename(path)
        else:
            with full_disk(self.above, name):
                np.save(path, array)
        self._kept.add(name)

    def remove(self, array: np.ndarray) -> None:
        """Remove the file of a matrix of this folder; the matrix must not be used any more."""
        assert isinstance(array, np.memmap) and array.filename is not None
        Path(array.filename).unlink(missing_ok=True)

    def _remove_abandoned(self) -> None:
        """Remove what runs have left that were killed."""
        for each in self.above.glob("roughntk-rows-*"):
            match = _OURS.fullmatch(each.name)
            if (
                match
                and each.is_dir()
                and not _runs(int(match[1]))
                and not any((each / name).exists() for name in KEPT)
            ):
                _process.remove_known(each, _NAMES)


KEPT = ("rows.npy", "test_rows.npy", "targets.npy", "row_numbers.npy")
"""What stays of a folder that is kept."""
_NAMES = (*(f"part-{i}" for i in range(MOST_FILES)), *KEPT)
REMEDY = "name another folder, take fewer rows or columns, or make room"


def check_free(folder: Path, size: float, what: str) -> None:
    """Refuse to write more bytes than a disk has room for, before it is tried."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return
    if size > free:
        raise InputError(
            f"expected room for {what} in {folder}, got a need of {_checks.size_in_words(size)} where "
            f"{_checks.size_in_words(free)} are free; {REMEDY}"
        )


@contextlib.contextmanager
def full_disk(folder: Path, what: str) -> Iterator[None]:
    """Says which folder cannot be written where something cannot."""
    try:
        yield
    except OSError as error:
        raise disk_full(folder, what, error) from None


def disk_full(folder: Path, what: str, error: OSError) -> InputError:
    """The error for a folder that cannot be written any more."""
    return InputError(f"expected room for {what} in {folder}, got {error.strerror or error}; {REMEDY}")


def _runs(process: int) -> bool:
    """Whether there is a process of that number."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


__all__ = ["KEPT", "Scratch", "check_free", "full_disk"]
