"""The list that a folder of results holds of itself, by which the program knows its own work again.

A folder may be replaced or removed only where everything in it, at any depth, is what the list says: the same names
with the same content, or, as long as it is being written, the names that were announced before the first of them was
written. Whatever else lies there belongs to somebody. What is known by its name alone is never a link.
"""

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from roughntk import _process
from roughntk._checks import InputError

NAME = ".roughntk.json"
NEW = f"{NAME}.new"
"""The list while it is being written; it takes the place of the old one when it is whole."""
PROGRAM = "roughntk, which replaces this folder as long as it holds these files and no others"
_LARGEST = 50 * 2**20
"""Bytes; a larger file is no list of ours and is not read."""


def begin(folder: Path, kind: str, names: Sequence[str] = ()) -> None:
    """Mark `folder`, which is empty, as ours and announce the `names` of what will be written, before any of it is."""
    _write(folder, kind, None, sorted(names))


def complete(folder: Path, kind: str) -> None:
    """List what was announced and `folder` holds; whatever else has come into it stays somebody's."""
    names = (read(folder) or {"names": ()})["names"]
    present = [name for name, is_folder in _entries(folder) if not is_folder and name in names]
    _write(folder, kind, {name: _digest(folder / name) for name in present})


def foreign(folder: Path, kind: str) -> list[str]:
    """What in `folder` is not as the program wrote it, by its path below `folder`; all of it in one of another kind.

    Raises OSError where the folder cannot be read.
    """
    record = read(folder)
    known = {} if record is None or record["kind"] != kind or record["files"] is None else record["files"]
    folders = {parent.as_posix() for name in known for parent in Path(name).parents}
    unknown = []
    for name, is_folder in _entries(folder):
        if is_folder:
            if name not in folders:
                unknown.append(f"{name}/")
        elif name == NAME and known:
            continue
        elif name not in known:
            unknown.append(name)
        elif _digest(folder / name) != known[name]:
            unknown.append(f"{name} (changed since)")
    return sorted(unknown)


def check(folder: Path, kind: str) -> None:
    """Raise `InputError`, naming the files, where `folder` holds what the program did not write."""
    try:
        unknown = foreign(folder, kind) if folder.is_dir() else []
    except OSError as error:
        raise InputError(f"expected a readable folder {folder}, got {error.strerror}; choose another --out") from None
    if not unknown:
        return
    named = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
    why = "" if (folder / NAME).is_file() else f" (without {NAME} nothing in it is known to be a report of ours)"
    raise InputError(
        f"expected {folder} to be new, empty or an earlier report, got a folder with other files, which would be lost; "
        f"choose another --out, or move away {named}{why}"
    )


def remove(folder: Path) -> list[str]:
    """Remove a folder that holds nothing but what the program wrote there, the list last, so that the rest is known.

    Returns what else it holds; then nothing of it is removed. A link is left, wherever it leads.
    """
    if folder.is_symlink() or not folder.is_dir():
        return []
    try:
        record = read(folder)
        if record is None:
            return _process.remove_known(folder, (NEW,) if _is_begun(folder / NEW) else ())
        if record["files"] is None:
            return _process.remove_known(folder, (*record["names"], NEW, NAME))
        return foreign(folder, record["kind"]) or _process.remove_known(folder, (*record["files"], NAME))
    except OSError as error:
        return [f"what cannot be read ({error.strerror})"]


def is_complete(folder: Path) -> bool:
    """Whether `folder`, no link, is empty, or is one that the program finished, with nothing foreign in it."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    try:
        record = read(folder)
        if record is None:
            return not _entries(folder)
        return record["files"] is not None and not foreign(folder, record["kind"])
    except OSError:
        return False


def read(folder: Path) -> dict | None:
    """The list of a folder: `kind`, `files` with their digests (None while it is being written), and the `names` that
    were announced; None if there is none."""
    path = folder / NAME
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return None
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("program") != PROGRAM or not isinstance(record.get("kind"), str):
        return None
    files, names = record.get("files"), record.get("names", [])
    if files is not None and not (isinstance(files, dict) and all(isinstance(each, str) for each in files.values())):
        return None
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        return None
    if any(Path(name).is_absolute() or ".." in Path(name).parts for name in (*names, *(files or ()))):
        return None
    return {"kind": record["kind"], "files": files, "names": tuple(names)}


def _write(folder: Path, kind: str, files: dict[str, str] | None, names: Sequence[str] = ()) -> None:
    content = {"program": PROGRAM, "kind": kind, "files": files} | ({"names": names} if files is None else {})
    (folder / NEW).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (folder / NEW).replace(folder / NAME)


def _is_begun(new: Path) -> bool:
    """Whether a run was killed while it wrote the first list of a folder: it is the beginning of one."""
    head = json.dumps({"program": PROGRAM}, indent=1)[:-2].encode()
    if not (new.is_file() and not new.is_symlink()):
        return False
    with new.open("rb") as stream:
        begun = stream.read(len(head))
    return head.startswith(begun)


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Everything below `folder`, by its path with / in between, and whether it is a folder and no link."""

    def failed(error: OSError) -> None:
        raise error

    entries = []
    for place, folders, files in os.walk(folder, onerror=failed):
        for name in (*folders, *files):
            path = Path(place) / name
            entries.append((path.relative_to(folder).as_posix(), name in folders and not path.is_symlink()))
    return entries


def _digest(path: Path) -> str:
    """Of the content of a file; of anything else, such as a link or a pipe, that it is none."""
    if not stat.S_ISREG(path.lstat().st_mode):
        return "no file"
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


__all__ = ["NAME", "begin", "check", "complete", "foreign", "is_complete", "read", "remove"]
