"""Folders of caches, what they hold being run again: an own folder of mode 700, closed to everybody else.

Every file and folder, up to the root, has to be owned by the user (above, or by root) and closed to other writers.
"""

import errno
import os
import stat
import sys
import tempfile
from pathlib import Path


class UnsafeFolderError(OSError):
    """Somebody else could have written what a folder holds."""


def user_folder() -> Path:
    """`roughntk` in the user's folder of caches. Raises OSError where there is none."""
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


def usable(place: Path) -> Path:
    """The folder, made if need be, into which this user alone can write. Raises OSError where it is not so."""
    make_folder(place)
    check_folder(place)
    tempfile.TemporaryFile(dir=place).close()
    return place


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


__all__ = ["UnsafeFolderError", "check_folder", "make_folder", "read_own", "usable", "user_folder", "write_whole"]
