"""Tables a part at a time: some rows of a Parquet file, or of an array that is mapped; of text see `lines`."""

import abc
from collections.abc import Iterator

import numpy as np

from roughntk._checks import InputError
from roughntk.files.rows.unpacking import Plain
from roughntk.files.tables.arrays import table_of_array
from roughntk.files.tables.records import frame_table, index_first, no_parquet, parquet_reader
from roughntk.files.tables.table import Table

CHUNK = 2**24
"""Bytes of a part (16 MiB)."""


class Chunks(abc.ABC):
    """A table that is read from the start as often as it is asked for.

    Attributes:
        name: of the file.
        most: rows that it has at most.
        undecided: whether a column is text in one part only since the cells of that part are; else a column is of one
            kind in all parts.
        decimal: the mark of numbers in text.
    """

    name: str
    most: int
    undecided = False
    decimal = "."

    @abc.abstractmethod
    def parts(self) -> Iterator[Table]:
        """Some rows after others."""

    def texts(self, number: int) -> Iterator[list[str | None]]:
        """The cells of a column as they are written, part after part."""
        for part in self.parts():
            yield list(next(column for column in part.columns if column.number == number).values)

    def finished(self, table: Table, *, whole: bool) -> Table:
        """The whole table, with what is known once all of it is read; `whole`: all its numbers are whole ones."""
        return table


class ParquetChunks(Chunks):
    """Batches of a Parquet file.

    Args:
        file: a plain file.
        chunk: bytes of a part, in float64.

    Raises:
        MissingBackendError: pyarrow is not installed.
        InputError: as `roughntk.files.tables.records.read_parquet`.
    """

    def __init__(self, file: Plain, chunk: int = CHUNK):
        self.name, self._path = file.name, file.path
        self._reader = parquet_reader()
        try:
            metadata = self._reader.ParquetFile(file.path).metadata
        except Exception as error:  # a damaged file raises whatever the parser that meets the damage raises
            raise no_parquet(self.name, error) from None
        self.most = metadata.num_rows
        self._rows = max(1, chunk // (8 * max(metadata.num_columns, 1)))

    def parts(self) -> Iterator[Table]:
        """Some rows after others."""
        import pyarrow

        try:
            file = self._reader.ParquetFile(self._path, buffer_size=2**20)
            for batch in file.iter_batches(self._rows):
                yield index_first(frame_table(pyarrow.Table.from_batches([batch]), self.name))
        except InputError:
            raise
        except Exception as error:
            raise no_parquet(self.name, error) from None


class ArrayChunks(Chunks):
    """Rows of an array in a .npy file, which is mapped: of any type, in C or Fortran order.

    Args:
        file: a plain file.
        chunk: bytes of a part, in float64.
        label: of the array in its archive.

    Raises:
        InputError: a damaged file, another number of axes, an array of Python objects.
    """

    def __init__(self, file: Plain, chunk: int = CHUNK, label: str = ""):
        self.name, self._label = file.name, label
        try:
            self.array = np.load(file.path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise InputError(
                f"expected {self.name} to hold a plain numeric array, got a file that cannot be mapped "
                f"({str(error).partition('. ')[0]}); save it with numpy.save"
            ) from None
        if self.array.ndim != 2 and not self.array.dtype.names:
            called = f"{label} in {self.name}" if label else self.name
            raise InputError(
                f"expected {called} of shape (points, dimension), got shape {self.array.shape}; "
                f"reshape it, for one point to (1, dimension)"
            )
        if 0 in self.array.shape:
            raise InputError(
                f"expected {self.name} with at least one row and one column, got shape {self.array.shape}; add some"
            )
        self.most = len(self.array)
        self._rows = max(1, chunk // (8 * max(1, self.array[:1].nbytes // max(1, self.array.dtype.itemsize))))

    def parts(self) -> Iterator[Table]:
        """Some rows after others."""
        for first in range(0, self.most, self._rows):
            yield table_of_array(np.array(self.array[first : first + self._rows]), self._label, self.name)


__all__ = ["CHUNK", "ArrayChunks", "Chunks", "ParquetChunks"]
