"""Where the bytes of a table come from: a file, standard input or a named pipe, plain or compressed with gzip.

Nothing is read that cannot fit in memory: the size of a file is looked at first, and what has no size, a pipe or
what a compressed file unpacks to, is counted while it comes.
"""

import contextlib
import dataclasses
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.files.tables.table import printable

STANDARD_INPUT = "-"
KINDS = {
    ".csv": "text", ".tsv": "text", ".txt": "text", ".json": "json", ".parquet": "parquet", ".npy": "npy",
    ".npz": "npz",
}  # fmt: skip
SUFFIXES = (*KINDS, ".gz")
IN_WORDS = ".csv, .tsv, .txt, .json, .parquet, .npy or .npz file, or one of these compressed as .gz"
GZIP = b"\x1f\x8b"
_CHUNK = 2**24
_SHARE = 4
"""Bytes at the peak for each byte that is read, before the table itself: text, parser, numbers."""
REMEDY = "take fewer rows or columns, or save them as .npy in float64"


@dataclasses.dataclass(frozen=True)
class Source:
    """A place to read from: `name` for messages, `kind` ("text", "json", "parquet", "npy", "npz"), and its bytes."""

    name: str
    kind: str
    path: Path | None
    content: bytes | None

    def read(self) -> bytes:
        """All of its bytes. Raises `InputError` where they cannot be read or do not fit."""
        if self.content is not None:
            return self.content
        assert self.path is not None  # a source has a path or its content
        with reading(self.path, self.name) as stream:
            return _all(stream, self.name)

    @contextlib.contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """Its bytes as a file that can be searched, without reading it whole."""
        if self.content is not None:
            yield io.BytesIO(self.content)
            return
        assert self.path is not None  # a source has a path or its content
        with reading(self.path, self.name) as stream:
            yield stream


def source(given: str | os.PathLike) -> Source:
    """What a name stands for; "-" is standard input.

    Raises:
        InputError: a folder, what does not exist, cannot be read, is no file or has a suffix that is not known.
    """
    text = os.fspath(given)
    if text == STANDARD_INPUT:
        return _sniffed("standard input", _standard_input())
    path, name, is_pipe = located(text)
    if is_pipe:
        with reading(path, name) as stream:
            return _sniffed(name, _all(stream, name))
    suffix = path.suffix.lower()
    if suffix == ".gz":
        with reading(path, name) as stream:
            content = _unpacked(_all(stream, name), name)
        inner = KINDS.get(path.with_suffix("").suffix.lower())
        return Source(name, inner, None, content) if inner else _sniffed(name, content)
    return Source(name, kind_of_suffix(path), path, None)


def located(text: str) -> tuple[Path, str, bool]:
    """The path of a file or pipe that is there, its name for messages, and whether it is a pipe.

    Raises:
        InputError: a folder, a device, or what does not exist.
    """
    path, name = Path(text), printable(Path(text).name or text)
    mode = _mode(path)
    if mode is None:
        raise InputError(f"expected a data file, got {printable(text)}, which does not exist; check the path")
    if stat.S_ISDIR(mode):
        raise InputError(f"expected a data file, got {printable(text)}, which is a folder; name a file in it")
    if not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
        raise InputError(f"expected a data file or a pipe, got the device or socket {printable(text)}; name a file")
    return path, name, stat.S_ISFIFO(mode)


def kind_of_suffix(path: Path) -> str:
    """What a file holds by its suffix, which is not .gz. Raises `InputError` for one that is not known."""
    if path.suffix.lower() not in KINDS:
        raise InputError(
            f"expected a {IN_WORDS}, got {printable(str(path))}; rename it or convert it to one of these, or give it "
            f"on standard input, as -"
        )
    return KINDS[path.suffix.lower()]


def is_source(given: str) -> bool:
    """Whether a name is meant as something to read: standard input, a known suffix, or anything that is there."""
    return given == STANDARD_INPUT or (given != "" and _named(given))


def _named(given: str) -> bool:
    return Path(given).suffix.lower() in SUFFIXES or _mode(Path(given)) is not None


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):  # no file, or a name that no file can have
        return None


def _standard_input() -> bytes:
    if sys.stdin is None or sys.stdin.closed:
        raise InputError("expected a table on standard input, got none; pass a file instead of -")
    content = _all(sys.stdin.buffer, "standard input")
    if not content:
        raise InputError(
            "expected a table on standard input, got no bytes; write for instance: cat FILE | roughntk ..."
        )
    return content


def _sniffed(name: str, content: bytes) -> Source:
    """The source of bytes that have no suffix, by how they begin."""
    if content.startswith(GZIP):
        content = _unpacked(content, name)
    return Source(name, kind_of_content(content), None, content)


def kind_of_content(content: bytes) -> str:
    """What bytes hold, by how they begin; they are not compressed."""
    for magic, kind in ((b"\x93NUMPY", "npy"), (b"PK\x03\x04", "npz"), (b"PK\x05\x06", "npz"), (b"PAR1", "parquet")):
        if content.startswith(magic):
            return kind
    return "json" if content.lstrip()[:1] in (b"[", b"{") else "text"


@contextlib.contextmanager
def reading(path: Path, name: str) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as stream:
            yield stream
    except OSError as error:
        raise InputError(f"expected to read {name}, got an error ({error.strerror or error}); check the file") from None


def _all(stream: BinaryIO, name: str) -> bytes:
    """What is left of a stream, refused before it takes more than there is."""
    with contextlib.suppress(OSError, ValueError):
        about = os.fstat(stream.fileno())
        check_fits(_SHARE * about.st_size, name)
        if stat.S_ISREG(about.st_mode):
            return stream.read()
    return _collected(lambda: stream.read(_CHUNK), name)


def _collected(chunk: Callable[[], bytes], name: str) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := chunk():
        parts.append(part)
        size += len(part)
        # What came is in memory already; the copy, and the table made of it, are still to come.
        check_fits(_SHARE * size, name)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _unpacked(content: bytes, name: str) -> bytes:
    """The content of a gzip file of one or several members, a piece at a time."""
    unpacker = zlib.decompressobj(wbits=31)
    left = content

    def chunk() -> bytes:
        nonlocal unpacker, left
        while left or not unpacker.eof:
            if unpacker.eof:
                if not left.strip(b"\0"):
                    return b""
                unpacker = zlib.decompressobj(wbits=31)
            piece = unpacker.decompress(left, _CHUNK)
            left = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if piece:
                return piece
            if not left and not unpacker.eof:
                raise zlib.error("the file ends early")
        return b""

    try:
        return _collected(chunk, name)
    except zlib.error as error:
        raise InputError(
            f"expected {name} to be a whole gzip file, got a damaged one ({error}); save it again"
        ) from None


def check_fits(need: float, name: str) -> None:
    """Refuse a table that cannot fit in memory."""
    _checks.memory(need, f"the table in {name}", REMEDY)


__all__ = [
    "GZIP", "IN_WORDS", "KINDS", "REMEDY", "STANDARD_INPUT", "SUFFIXES", "Source", "check_fits", "is_source",
    "kind_of_content", "kind_of_suffix", "located", "reading", "source",
]  # fmt: skip
