"""What a name stands for as a plain file: pipes, compressed files and members of archives are unpacked to the disk."""

import gzip
import os
import shutil
import sys
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from roughntk._checks import InputError
from roughntk.files.rows.scratch import Scratch, full_disk
from roughntk.files.tables import sources

_PIECE = 2**20


class Plain(NamedTuple):
    """A file that is neither a pipe nor compressed: its name for messages, what it holds, and where it is."""

    name: str
    kind: str
    path: Path


def plain(given: str | os.PathLike, scratch: Scratch) -> Plain:
    """The file that a name stands for.

    Raises:
        InputError: as `roughntk.files.tables.source`; no room to unpack it; JSON, which is no table by rows.
    """
    text = os.fspath(given)
    if text == sources.STANDARD_INPUT:
        if sys.stdin is None or sys.stdin.closed:
            raise InputError("expected a table on standard input, got none; pass a file instead of -")
        file = _sniffed("standard input", _spooled(sys.stdin.buffer, scratch, "standard input"), scratch)
    else:
        path, name, is_pipe = sources.located(text)
        if is_pipe:
            with sources.reading(path, name) as stream:
                file = _sniffed(name, _spooled(stream, scratch, name), scratch)
        elif path.suffix.lower() == ".gz":
            inner, unpacked = sources.KINDS.get(path.with_suffix("").suffix.lower()), _unpacked(path, name, scratch)
            file = Plain(name, inner, unpacked) if inner else _sniffed(name, unpacked, scratch)
        else:
            file = Plain(name, sources.kind_of_suffix(path), path)
    if file.kind == "json":
        raise InputError(
            f"expected a table that can be read a part at a time, got {file.name}, which is JSON; save it as .csv, "
            f".parquet or .npy, or leave --scratch out"
        )
    return file


def _spooled(stream: BinaryIO, scratch: Scratch, name: str) -> Path:
    """What comes from a stream, in a file."""
    path = scratch.file()
    with full_disk(scratch.above, f"what {name} unpacks to"), open(path, "xb") as out:
        shutil.copyfileobj(stream, out, _PIECE)
    if not path.stat().st_size:
        raise InputError(f"expected a table in {name}, got no bytes; write some")
    return path


def _unpacked(path: Path, name: str, scratch: Scratch) -> Path:
    """The content of a gzip file, in a file."""
    with sources.reading(path, name) as raw, gzip.GzipFile(fileobj=raw) as stream:
        try:
            return _spooled(stream, scratch, name)  # type: ignore[arg-type]
        except (EOFError, zlib.error) as error:
            problem = str(error)
        except InputError as error:
            if "Not a gzipped file" not in str(error) and "CRC check" not in str(error):
                raise
            problem = "its checksum differs" if "CRC" in str(error) else "it does not begin like one"
    raise InputError(f"expected {name} to be a whole gzip file, got a damaged one ({problem}); save it again")


def _sniffed(name: str, path: Path, scratch: Scratch) -> Plain:
    """A file without a suffix, by how it begins."""
    with open(path, "rb") as stream:
        head = stream.read(2**12)
    if head.startswith(sources.GZIP):
        return _sniffed(name, _unpacked(path, name, scratch), scratch)
    return Plain(name, sources.kind_of_content(head), path)


def member(archive: Plain, name: str, scratch: Scratch) -> Plain:
    """An array of a .npz file, in a file: compressed or stored, it is copied a piece at a time."""
    try:
        with zipfile.ZipFile(archive.path) as opened, opened.open(f"{name}.npy") as stream:
            return Plain(archive.name, "npy", _spooled(stream, scratch, archive.name))  # type: ignore[arg-type]
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"expected {archive.name} to be a whole .npz file, got a damaged one ({error}); save it again"
        ) from None


__all__ = ["Plain", "member", "plain"]
