"""Tables in text a part at a time: whole lines, which mean what they mean in the whole file."""

import dataclasses
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from roughntk.files.rows.chunks import CHUNK, Chunks
from roughntk.files.rows.unpacking import Plain
from roughntk.files.tables import csv_text, layout
from roughntk.files.tables.kinds import entries
from roughntk.files.tables.table import TEXT, Column, Reading, Table

_PIECE = 2**20


class TextChunks(Chunks):
    """Lines of a text file; `roughntk.files.tables.csv_text` says what they mean.

    Args:
        file: a plain file.
        reading: what is known about it.
        chunk: characters of a part.

    Raises:
        InputError: as `roughntk.files.tables.csv_text.read_text`.
    """

    undecided = True

    def __init__(self, file: Plain, reading: Reading, chunk: int = CHUNK):
        self.name, self._path, self._chunk = file.name, file.path, chunk
        self._encoding, self._guess, lines = _encoding(file.path, file.name, reading.encoding)
        with self._opened() as stream:
            self.layout = layout.layout_of(_head(stream).encode(), self.name, reading)
        self.most, self._left, self.decimal = max(1, lines - self.layout.skip), 0, self.layout.decimal

    def parts(self) -> Iterator[Table]:
        """Some rows after others; cells that are no numbers of pandas make a column of text."""
        self._left = 0
        for frame, line, left in self._frames():
            self._left += left
            columns = tuple(
                each if isinstance(each, Column) else Column(each[0], each[1], TEXT, objects(entries(each[2])))
                for each in csv_text.columns_of(frame, self.layout)
            )
            yield Table(self.name, columns, (), line)

    def texts(self, number: int) -> Iterator[list[str | None]]:
        """The cells of a column as they are written."""
        for frame, _, _ in self._frames(number):
            yield entries(frame.iloc[:, number - 1].to_numpy())

    def finished(self, table: Table, *, whole: bool) -> Table:
        """The table with what was guessed, less a last column without name or entries."""
        sentences = csv_text.sentences(self.layout, self.name, whole, self._guess, self._left)
        return csv_text.without_empty_end(table.with_notes(*sentences))

    def _opened(self) -> io.TextIOWrapper:
        stream = open(self._path, encoding=self._encoding, newline=None)  # noqa: SIM115  closed by its user
        if stream.read(1) != "\ufeff":
            stream.seek(0)
        return stream

    def _frames(self, texts: int | None = None) -> Iterator[tuple[Any, Callable[[int], int], int]]:
        """What pandas makes of each part, the line of each of its rows, and how many lines are none."""
        for content, before in self._lines():
            here = content.encode()
            layout.check_cells(here, self.name, before)
            known = dataclasses.replace(self.layout, skip=before)
            yield csv_text.body(here, 0, len(here), content.count("\n") + 1, known, self.name, texts)

    def _lines(self) -> Iterator[tuple[str, int]]:
        """Whole lines, without the last line feed, and how many lines come before."""
        blank = "\n" if self.layout.delimiter == "\t" else "\n \t"
        with self._opened() as stream:
            for _ in range(self.layout.skip):
                stream.readline()
            before, text = self.layout.skip, ""
            while part := stream.read(self._chunk):
                text += part
                end = _last_line(text)
                if self.layout.width == 1:  # a blank line is a missing cell: no part begins or ends with one
                    end = _between(text, end, blank)
                else:  # blank lines are the end of the file only where nothing follows
                    end = text.find("\n", len(text[:end].rstrip(blank))) + 1 if text[:end].strip(blank) else 0
                if end:
                    yield text[: end - 1], before
                    before += text.count("\n", 0, end)
                    text = text[end:]
            if text.strip(blank):
                yield text.rstrip(blank), before


def objects(cells: list[str | None]) -> np.ndarray:
    """Cells as an array of objects."""
    array = np.empty(len(cells), dtype=object)
    array[:] = cells
    return array


def _encoding(path: Path, name: str, given: str | None) -> tuple[str, str | None, int]:
    """The encoding of a file, that encoding where it was guessed, and the number of its lines, all of which are read.

    Raises:
        InputError: bytes that are no text, or not in that encoding.
    """
    with open(path, "rb") as stream:
        mark, encoding = layout.encoding_of(stream.read(4096))
    tried: list[tuple[str, str | None]] = [(given, None)] if given is not None else [(encoding, None)]
    if given is None and encoding != "utf-8":
        tried = [(encoding, encoding.upper())]
    elif given is None and not mark:
        tried.append(("cp1252", "Windows-1252"))
    for encoding, guess in tried:
        try:
            return encoding, guess, _count_lines(path, name, encoding)
        except UnicodeError:
            continue
    called = "UTF-8 or Windows-1252" if len(tried) > 1 else given or tried[0][0].upper()
    raise layout.not_in(called, name, _first_bad(path, tried[0][0]))


def _count_lines(path: Path, name: str, encoding: str) -> int:
    """How many lines there are, the last one included. Raises `UnicodeError`, or `InputError` for zero bytes."""
    count = 1
    with open(path, encoding=encoding, newline=None) as stream:
        while part := stream.read(_PIECE):
            if "\0" in part:
                raise layout.no_text(name)
            count += part.count("\n")
    return count


def _first_bad(path: Path, encoding: str) -> str:
    """The first bytes that are not of an encoding, and their line."""
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode(encoding)
            except UnicodeDecodeError as error:
                return f"0x{line[error.start : error.start + 4].hex()} in line {number}"
    return "somewhere"


def _head(stream: io.TextIOWrapper) -> str:
    """As many lines as guesses are made from."""
    lines: list[str] = []
    count = 0
    while count < layout.SAMPLE and (line := stream.readline()):
        lines.append(line)
        count += bool(line.strip()) and not line.lstrip().startswith("#")
    return "".join(lines)


def _last_line(text: str) -> int:
    """Where the last whole line ends, outside of quotes; 0 where there is none."""
    last = end = text.rfind("\n") + 1
    quotes = text.count('"', 0, end)
    while quotes % 2 and end:
        before = text.rfind("\n", 0, end - 1) + 1
        quotes -= text.count('"', before, end)
        end = before
    # no cell is as long as that: the quote is a letter of its cell
    return end or (last if len(text) > 2 * layout.LONGEST_CELL else 0)


def _between(text: str, end: int, blank: str) -> int:
    """The last place up to `end`, where a line ends, between two lines that are not blank; 0 where there is none."""
    while end:
        start = text.rfind("\n", 0, end - 1) + 1
        before = text.rfind("\n", 0, max(start - 1, 0)) + 1
        if text[start:end].strip(blank) and text[before:start].strip(blank):
            return start
        end = start
    return 0


__all__ = ["TextChunks", "objects"]
