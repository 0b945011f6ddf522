"""The list that a folder of results holds of itself, by which the program knows its own work again.

A folder may be replaced or removed only where everything in it, at any depth, is what the list says: the same names
with the same content. Whatever else lies there belongs to somebody.
"""

import contextlib
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path

from roughntk._checks import InputError

NAME = ".roughntk.json"
PROGRAM = "roughntk, which replaces this folder as long as it holds these files and no others"
_LARGEST = 50 * 2**20
"""Bytes; a larger file is no list of ours and is not read."""


def begin(folder: Path, kind: str) -> None:
    """Mark `folder`, which is empty, as ours before anything is written into it."""
    _write(folder, kind, None)


def complete(folder: Path, kind: str) -> None:
    """List everything that `folder` holds."""
    files = {name: _digest(folder / name) for name, is_folder in _entries(folder) if not is_folder and name != NAME}
    _write(folder, kind, files)


def foreign(folder: Path, kind: str) -> list[str]:
    """What in `folder` is not as the program wrote it, by its path below `folder`; all of it in one of another kind.

    Raises OSError where the folder cannot be read.
    """
    found = read(folder)
    known = {} if found is None or found["kind"] != kind or found["files"] is None else found["files"]
    folders = {parent.as_posix() for name in known for parent in Path(name).parents}
    strangers = []
    for name, is_folder in _entries(folder):
        if is_folder:
            if name not in folders:
                strangers.append(f"{name}/")
        elif name == NAME and known:
            continue
        elif name not in known:
            strangers.append(name)
        elif _digest(folder / name) != known[name]:
            strangers.append(f"{name} (changed since)")
    return sorted(strangers)


def check(folder: Path, kind: str) -> None:
    """Raise `InputError`, naming the files, where `folder` holds what the program did not write."""
    try:
        strangers = foreign(folder, kind) if folder.is_dir() else []
    except OSError as error:
        raise InputError(f"expected a readable folder {folder}, got {error.strerror}; choose another --out") from None
    if not strangers:
        return
    named = ", ".join(strangers[:5]) + (f" and {len(strangers) - 5} more" if len(strangers) > 5 else "")
    why = "" if (folder / NAME).is_file() else f" (without {NAME} nothing in it is known to be a report of ours)"
    raise InputError(
        f"expected {folder} to be new, empty or an earlier report, got a folder with other files, which would be lost; "
        f"choose another --out, or move away {named}{why}"
    )


def is_ours(folder: Path) -> bool:
    """Whether `folder` is one that the program made: empty, not yet listed, or listed with nothing foreign in it."""
    try:
        found = read(folder)
        names = {name for name, _ in _entries(folder)}
        if found is None:
            return names <= {NAME, f"{NAME}.new"} and not folder.is_symlink()
        return found["files"] is None or not foreign(folder, found["kind"])
    except OSError:
        return False


def remove(folder: Path) -> None:
    """Remove a folder of ours: of a complete one what is listed, and the list last, so that what is left is known."""
    found = read(folder)
    if found is None or found["files"] is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    folders = {parent for name in found["files"] for parent in Path(name).parents} - {Path(".")}
    for name in found["files"]:
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    for below in sorted(folders, key=lambda each: -len(each.parts)):
        with contextlib.suppress(OSError):  # an earlier removal was cut off after it
            (folder / below).rmdir()
    with contextlib.suppress(OSError):
        (folder / NAME).unlink(missing_ok=True)
        folder.rmdir()


def read(folder: Path) -> dict | None:
    """The list of a folder: `kind`, and `files` with their digests (None while it is being written); None if none."""
    path = folder / NAME
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return None
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("program") != PROGRAM or not isinstance(found.get("kind"), str):
        return None
    files = found.get("files")
    if files is not None and not (isinstance(files, dict) and all(isinstance(each, str) for each in files.values())):
        return None
    if files is not None and any(Path(name).is_absolute() or ".." in Path(name).parts for name in files):
        return None
    return {"kind": found["kind"], "files": files}


def _write(folder: Path, kind: str, files: dict[str, str] | None) -> None:
    new = folder / f"{NAME}.new"
    new.write_text(json.dumps({"program": PROGRAM, "kind": kind, "files": files}, indent=1) + "\n", encoding="utf-8")
    new.replace(folder / NAME)


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Everything below `folder`, by its path with / in between, and whether it is a folder and no link."""

    def failed(error: OSError) -> None:
        raise error

    found = []
    for place, folders, files in os.walk(folder, onerror=failed):
        for name in (*folders, *files):
            path = Path(place) / name
            found.append((path.relative_to(folder).as_posix(), name in folders and not path.is_symlink()))
    return found


def _digest(path: Path) -> str:
    """Of the content of a file; of anything else, such as a link or a pipe, that it is none."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return "no file"
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


__all__ = ["NAME", "begin", "check", "complete", "foreign", "is_ours", "read", "remove"]
