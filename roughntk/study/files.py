"""Files of numbers, handed in or written: .csv tables, .npy and .npz arrays. Never a pickle."""

import csv
import dataclasses
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from roughntk._checks import InputError

SUFFIXES = (".npy", ".npz", ".csv")


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of numbers.

    Attributes:
        values: the numbers, which may be NaN, shape (rows, columns).
        header: the cells of the header line, empty where there is none.
        lines: the line of the file that each row comes from, counted from 1.
    """

    values: np.ndarray
    header: tuple[str, ...]
    lines: tuple[int, ...]


def answer(test: Callable[[], bool]) -> bool:
    """Whether a question about a path has the answer yes; False where the path cannot be looked at."""
    try:
        return test()
    except OSError:
        return False


def check_exists(path: Path) -> None:
    """Raise `InputError` where there is no file."""
    if not answer(path.is_file):
        cause = "is a folder" if answer(path.is_dir) else "does not exist"
        raise InputError(f"expected a data file, got {path}, which {cause}; check the path")


def read_numpy(path: Path, choose: Callable[[list[str]], Sequence[str]]) -> list[np.ndarray]:
    """The array of a .npy file, or those arrays of a .npz file that `choose` picks from their names; no other is read.

    Raises `InputError` for a damaged file, and for an array of Python objects; and what `choose` raises.
    """
    try:
        with path.open("rb") as stream:
            content = np.load(stream, allow_pickle=False)
            if not isinstance(content, np.lib.npyio.NpzFile):
                return [content]
            with content:
                return [content[name] for name in choose(list(content.files))]
    except InputError:
        raise
    except Exception as error:  # a damaged file raises whatever the parser that meets the damage raises
        raise InputError(
            f"expected {path.name} to hold a plain numeric array, got a file that numpy cannot read without "
            f"pickles ({str(error).partition('. ')[0]}); save it with numpy.save or numpy.savez"
        ) from None


def read_csv(path: Path) -> Table:
    """A comma-separated table of numbers, with or without a header line.

    Raises `InputError` for text that is not UTF-8, lines of unequal length, and a cell that is no number, with its
    line and column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [
                (number, cells) for number, cells in enumerate(csv.reader(stream), 1) if any(map(str.strip, cells))
            ]
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise InputError(f"expected {path.name} to be comma-separated text, got {error}; save it as UTF-8") from None
    header: tuple[str, ...] = ()
    if lines and not any(_is_number(cell) for cell in lines[0][1]):
        header, lines = tuple(cell.strip() for cell in lines[0][1]), lines[1:]
    if not lines:
        raise InputError(f"expected rows of numbers in {path.name}, got none; put one point a line")
    width = len(lines[0][1])
    table = np.empty((len(lines), width))
    for row, (number, cells) in enumerate(lines):
        if len(cells) != width:
            raise InputError(
                f"expected {width} cells in every line of {path.name}, got {len(cells)} in line {number}; "
                f"give every line the same number"
            )
        for column, cell in enumerate(cells):
            if not _is_number(cell):
                raise InputError(
                    f"expected numbers in {path.name}, got {cell!r} in line {number}, column {column + 1}; remove "
                    f"the column or encode it as a number"
                )
            table[row, column] = float(cell)
    return Table(table, header, tuple(number for number, _ in lines))


def npy_bytes(array: np.ndarray) -> bytes:
    """The content of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def csv_bytes(rows: Iterable[Sequence]) -> bytes:
    """The content of a .csv file; numbers are written as `csv` does, so give floats as text to choose their digits."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python reads 1_0 as 10
