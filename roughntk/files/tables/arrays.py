"""Arrays in .npy and .npz files: their headers are looked at before anything is read. Never a pickle."""

import dataclasses
import zipfile
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import numpy as np

from roughntk._checks import InputError, NotInMemoryError
from roughntk.files.tables.kinds import column as column_of
from roughntk.files.tables.sources import Source, check_fits
from roughntk.files.tables.table import DATE, NUMBER, TRUTH_NOTE, Column, Table, printable

_COPIES = 3
"""Arrays of float64 at the peak for each that is read: the array, a copy in float64, and one without bad rows."""


@dataclasses.dataclass(frozen=True)
class Member:
    """What a file holds, before it is read: its name ("" in a .npy file), shape and dtype, None for no array."""

    name: str
    shape: tuple[int, ...] | None
    dtype: np.dtype | None


def read_arrays(source: Source, choose: Callable[[list[Member]], Sequence[str]]) -> dict[str, np.ndarray]:
    """Those arrays of a .npy or .npz file that `choose` picks from what it holds; no other is read.

    Raises:
        InputError: a damaged file, an array of Python objects, one that does not fit in memory; what `choose` raises.
    """
    try:
        with source.stream() as stream:
            if source.kind == "npy":
                member = _header(stream, "", source.name)
                choose([member])
                _check_fits(member, source.name)
                stream.seek(0)
                return {"": np.lib.format.read_array(stream, allow_pickle=False)}
            with zipfile.ZipFile(stream) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
                inside = {_name(entry): entry for entry in entries}
                if len(inside) < len(entries):
                    names = [_name(entry) for entry in entries]
                    twice = next(name for i, name in enumerate(names) if name in names[:i])
                    raise InputError(
                        f"expected each name once in {source.name}, got several arrays called {printable(twice)}; "
                        f"save it again with numpy.savez"
                    )
                members = [_member(archive, entry, source.name) for entry in inside.values()]
                arrays = {}
                for name in choose(members):
                    member = next(member for member in members if member.name == name)
                    _check_fits(member, source.name)
                    with archive.open(inside[name]) as part:
                        arrays[name] = np.lib.format.read_array(part, allow_pickle=False)
                        part.read()  # to the end, where the checksum is compared
                return arrays
    except InputError:
        raise
    except MemoryError:
        raise NotInMemoryError(
            f"expected the arrays in {source.name} to fit in memory, got more than is free; save fewer rows or columns"
        ) from None
    except Exception as error:  # a damaged file raises whatever the parser that meets the damage raises
        raise InputError(
            f"expected {source.name} to hold a plain numeric array, got a file that numpy cannot read without "
            f"pickles ({printable(str(error).partition('. ')[0])}); save it with numpy.save or numpy.savez"
        ) from None


def _name(entry: zipfile.ZipInfo) -> str:
    return entry.filename.removesuffix(".npy")


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, file: str) -> Member:
    if not entry.filename.endswith(".npy"):
        return Member(_name(entry), None, None)
    with archive.open(entry) as stream:
        return _header(stream, _name(entry), file)  # type: ignore[arg-type]


def _header(stream: BinaryIO, name: str, file: str) -> Member:
    """What the header of an array says; a damaged header of a member makes it no array, until it is asked for."""
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
    except Exception:
        if not name:
            raise
        return Member(name, None, None)
    return Member(name, shape, dtype)


def _check_fits(member: Member, file: str) -> None:
    if member.shape is None or member.dtype is None:
        raise InputError(
            f"expected {file} to hold a plain numeric array {printable(member.name)}, got one that is none or is "
            f"damaged; save it again with numpy.savez"
        )
    count = float(np.prod([float(size) for size in member.shape]))
    check_fits(count * (member.dtype.itemsize + 8 * (_COPIES - 1)), file)


def table_of_array(array: np.ndarray, name: str, source: str) -> Table:
    """The table whose columns are those of an array of one or two axes, or the fields of a structured one.

    Raises:
        InputError: complex numbers, objects, or another number of axes.
    """
    called = f"{name} in {source}" if name else source
    if array.dtype.names and array.ndim == 1:
        return Table(
            source, tuple(_column(array[field], field, i, source) for i, field in enumerate(array.dtype.names, 1))
        )
    if array.ndim not in (1, 2):
        raise InputError(
            f"expected {called} of shape (points, columns), got shape {array.shape}; save one table a file"
        )
    if array.ndim == 1:
        array = array[:, None]
    if array.dtype.kind in "iuf" and array.shape[1]:
        return Table(source, tuple(Column("", i + 1, NUMBER, _native(array[:, i])) for i in range(array.shape[1])))
    return Table(source, tuple(_column(array[:, i], "", i + 1, called) for i in range(array.shape[1])))


def _native(values: np.ndarray) -> np.ndarray:
    """Whole numbers as they are, others as float64."""
    if values.dtype.kind in "iu":
        return values.astype(np.int64 if values.dtype.kind == "i" else np.uint64, copy=False)
    with np.errstate(over="ignore"):
        floats = np.asarray(values, dtype=np.float64)
    return floats


def _column(values: np.ndarray, name: str, number: int, source: str) -> Column:
    if values.dtype.kind == "b":
        return Column(name, number, NUMBER, values.astype(np.float64), note=TRUTH_NOTE)
    if values.dtype.kind in "iuf" and values.ndim == 1:
        return Column(name, number, NUMBER, _native(values))
    if values.dtype.kind == "M" and values.ndim == 1:
        whole = bool((values[~np.isnat(values)] == values[~np.isnat(values)].astype("M8[D]")).all())
        return Column(name, number, DATE, values, whole)
    if values.dtype.kind in "US" and values.ndim == 1:
        cells: list[Any] = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values.tolist()]
        return column_of(name, number, cells, ".", source, lambda row: f"row {row} (counted from 0)")
    raise InputError(f"expected {source} to hold real numbers, got dtype {values.dtype}; convert it to float64 first")


__all__ = ["Member", "read_arrays", "table_of_array"]
