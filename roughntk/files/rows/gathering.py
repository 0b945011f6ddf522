"""A table whose numbers are on a disk, column after column, put together of parts: of one kind are the columns as they
would be of the whole, and what is refused there is refused here.
"""

import bisect
import dataclasses
from collections.abc import Callable

import numpy as np

from roughntk._checks import InputError
from roughntk.files.rows.chunks import Chunks
from roughntk.files.rows.lines import objects
from roughntk.files.rows.scratch import Scratch
from roughntk.files.tables import kinds
from roughntk.files.tables.dates import dates_of
from roughntk.files.tables.table import NUMBER, TEXT, TRUTH_NOTE, Column, Table


@dataclasses.dataclass
class Tally:
    """What the cells of one column were, part after part.

    Attributes:
        first: the column of the first part.
        decimal: the mark of numbers in text.
        undecided: whether a column of text in one part may be one of numbers as a whole.
        kept: whether all of its texts are kept, as those of targets.
        known, numbers, truths, dates: how many cells have an entry, and are numbers, truth values and dates.
        whole: whether all numbers are whole ones.
        texts: rows and cells of its parts of text, of the first one only unless they are `kept`.
        other: the first part that is of dates, and its first row.
    """

    first: Column
    decimal: str
    undecided: bool
    kept: bool
    known: int = 0
    numbers: int = 0
    truths: int = 0
    dates: int = 0
    whole: bool = True
    notes: dict[str, None] = dataclasses.field(default_factory=dict)
    texts: list[tuple[int, np.ndarray]] = dataclasses.field(default_factory=list)
    other: tuple[int, Column] | None = None

    def add(self, column: Column, row: int, out: np.ndarray) -> None:
        """Count the cells of a part that begins at `row`, and write its numbers to `out`."""
        if column.kind == NUMBER:
            self._add_numbers(column, out)
            return
        out[:] = np.nan
        self.whole = False
        if column.kind != TEXT:
            self.known += int((~column.missing()).sum())
            self.other = self.other or (row, column)
            return
        if self.undecided:
            self._add_cells(column.values, out)
        else:
            self.known += int((~column.missing()).sum())
        if self.kept or not self.texts:
            shared: dict[str, str] = {}
            cells = [None if cell is None else shared.setdefault(cell, cell) for cell in column.values]
            self.texts.append((row, objects(cells)))

    def _add_numbers(self, column: Column, out: np.ndarray) -> None:
        out[:] = column.values
        count = int((~np.isnan(out)).sum())
        self.known += count
        self.whole = self.whole and column.values.dtype.kind in "iu"
        if column.note:
            self.notes[column.note] = None
        if self.undecided and column.note == TRUTH_NOTE:
            self.truths += count
        else:
            self.numbers += count

    def _add_cells(self, cells: np.ndarray, out: np.ndarray) -> None:
        for row, cell in enumerate(cells):
            if cell is None:
                continue
            self.known += 1
            if kinds.is_number(cell, self.decimal):
                self.numbers += 1
                out[row] = kinds.number_of(cell, self.decimal)
            elif cell in kinds.TRUTH:
                self.truths += 1
                out[row] = kinds.TRUTH[cell]
            self.dates += kinds.is_date(cell)

    def column(self, values: np.ndarray, chunks: Chunks, place: Callable[[int], str]) -> Column:
        """The whole column; `values`: its numbers.

        Raises:
            InputError: cells that are no numbers where most are.
        """
        name, number, rows = self.first.name, self.first.number, len(values)
        if self.other is not None:
            return self._of_part(self.other[0], self.other[1], rows)
        if not self.texts and not (self.undecided and self.truths):
            return Column(name, number, NUMBER, values, note=next(iter(self.notes), ""))
        if not self.undecided and self.numbers:
            raise InputError(
                f"expected numbers or text in column {name or number} of {chunks.name}, got both, in different parts "
                f"of it; save the numbers as such"
            )
        if self.undecided:
            if not self.known:
                return Column(name, number, NUMBER, values)
            if self.truths == self.known:
                return Column(name, number, NUMBER, values, note=TRUTH_NOTE)
            if 2 * self.numbers >= self.known:
                if self.numbers < self.known:
                    raise self._no_number(chunks, place)
                return Column(name, number, NUMBER, values)
            if 2 * self.dates >= self.known:
                first, cells = self.texts[0]
                dates = dates_of(name, number, list(cells), chunks.name, lambda row: place(first + row))
                return self._of_part(first, dates, rows)
            if self.kept and (self.numbers or self.truths):  # some parts lost how their cells are written
                return Column(name, number, TEXT, np.concatenate([objects(part) for part in chunks.texts(number)]))
        texts = np.full(rows, None, dtype=object)
        for first, cells in self.texts:
            texts[first : first + len(cells)] = cells
        return Column(name, number, TEXT, texts)

    def _no_number(self, chunks: Chunks, place: Callable[[int], str]) -> InputError:
        """The error for the first cell that is no number, which is looked for as it is written."""
        cells = (cell for part in chunks.texts(self.first.number) for cell in part)
        row, cell = next(
            (row, cell) for row, cell in enumerate(cells)
            if cell is not None and not kinds.is_number(cell, self.decimal)
        )  # fmt: skip
        return kinds.no_number(cell, place(row), self.first.name, self.first.number, self.decimal, chunks.name)

    @staticmethod
    def _of_part(first: int, column: Column, rows: int) -> Column:
        """A column of dates of which one part is known: whatever it is for, it is no column of numbers."""
        values = np.full(rows, np.array("NaT", dtype=column.values.dtype))
        values[first : first + len(column.values)] = column.values
        return dataclasses.replace(column, values=values)


def gathered(chunks: Chunks, target: Callable[[Table], int | None], scratch: Scratch) -> tuple[Table, np.ndarray]:
    """The table of all parts, and the matrix on the disk whose rows are its columns of numbers.

    Args:
        chunks: the parts.
        target: the first part -> the number of the column whose texts are kept, None for none.
        scratch: where the numbers go.

    Raises:
        InputError: what cannot be read, or not in one way; no such target; no room on the disk.
    """
    tallies: list[Tally] = []
    starts: list[int] = []
    lines: list[Callable[[int], int] | None] = []
    matrix = np.empty((0, 0))
    row = 0
    for part in chunks.parts():
        if not tallies:
            wanted = target(part)
            matrix = scratch.matrix(len(part.columns), chunks.most, f"the columns of {chunks.name}")
            tallies = [
                Tally(column, chunks.decimal, chunks.undecided, column.number == wanted) for column in part.columns
            ]
        starts.append(row)
        lines.append(part.line)
        for tally, column, out in zip(tallies, part.columns, matrix[:, row : row + part.rows], strict=True):
            tally.add(column, row, out)
        row += part.rows
    if not row:
        raise InputError(f"expected rows of numbers in {chunks.name}, got none; put one point a line")

    def line(row: int) -> int:
        k = bisect.bisect_right(starts, row) - 1
        part = lines[k]
        assert part is not None
        return part(row - starts[k])

    table = Table(chunks.name, tuple(tally.first for tally in tallies), (), line if lines[0] is not None else None)
    columns = tuple(
        tally.column(np.asarray(values), chunks, table.place)
        for tally, values in zip(tallies, matrix[:, :row], strict=True)
    )
    whole = all(tally.whole for tally in tallies)
    return chunks.finished(dataclasses.replace(table, columns=columns), whole=whole), matrix


__all__ = ["Tally", "gathered"]
