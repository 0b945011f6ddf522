"""Tables that know their columns: JSON records, Parquet files, data frames and arrays in memory."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError, MissingBackendError
from roughntk.files.tables import kinds
from roughntk.files.tables.arrays import table_of_array
from roughntk.files.tables.sources import Source, check_fits
from roughntk.files.tables.table import CLOCK, DATE, NUMBER, TEXT, TRUTH_NOTE, Column, Table, option_of, printable

_FORMS = '[{"x": 1, "y": 2}, ...], [[1, 2], ...], or one record a line'


def read_json(content: bytes, name: str, encoding: str | None = None) -> Table:
    """The table of JSON records, of rows of numbers, or of columns; a record a line is allowed.

    Raises:
        InputError: what is no JSON or no table, rows of unequal length, cells that are no numbers among numbers.
    """
    try:
        text = content.decode(encoding or "utf-8").removeprefix("\ufeff")
    except UnicodeError as error:
        raise InputError(
            f"expected {name} to be JSON in {encoding or 'UTF-8'}, got {printable(str(error))}; say what it is, for "
            f"instance --encoding utf-16 or --encoding cp1252, or save it as UTF-8"
        ) from None
    check_fits(40.0 * len(content), name)
    repeats: list[tuple[dict, str]] = []

    def record(pairs: list[tuple[str, Any]]) -> dict:
        """The record, which is kept apart where it has a key twice."""
        members = dict(pairs)
        if len(members) < len(pairs):
            keys = [key for key, _ in pairs]
            repeats.append((members, next(key for i, key in enumerate(keys) if key in keys[:i])))
        return members

    try:
        value = json.loads(text, object_pairs_hook=record)
    except (ValueError, RecursionError) as error:
        repeats.clear()
        try:
            value = [json.loads(line, object_pairs_hook=record) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            raise InputError(f"expected {name} to be JSON, got {printable(str(error))}; write it as {_FORMS}") from None
    if repeats:
        repeated, key = repeats[0]
        row = next((i for i, each in enumerate(value) if each is repeated), None) if isinstance(value, list) else None
        raise InputError(
            f"expected each key once in a record of {name}, got {printable(key)!r} twice"
            + ("" if row is None else f" in record {row} (counted from 0)")
            + "; rename one of the two, or take it out"
        )
    if isinstance(value, Mapping) and all(isinstance(part, list) for part in value.values()):
        lengths = {len(part) for part in value.values()}
        if len(lengths) > 1:
            raise InputError(
                f"expected columns of one length in {name}, got lengths {', '.join(map(str, sorted(lengths)))}; give "
                f"every column an entry for each row"
            )
        columns = {str(key): part for key, part in value.items()}
    elif isinstance(value, Mapping):
        columns = {str(key): [part] for key, part in value.items()}
    elif isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        keys = dict.fromkeys(str(key) for row in value for key in row)
        columns = {key: [row.get(key) for row in value] for key in keys}
    elif isinstance(value, list) and value and all(isinstance(row, list) for row in value):
        widths = {len(row) for row in value}
        if len(widths) > 1:
            row = next(i for i, row in enumerate(value) if len(row) != len(value[0]))
            raise InputError(
                f"expected {len(value[0])} entries in every row of {name}, got {len(value[row])} in row {row} (counted "
                f"from 0); give every row the same number"
            )
        return _checked(
            Table(name, tuple(_cells("", i + 1, list(part), name) for i, part in enumerate(zip(*value, strict=True))))
        )
    elif isinstance(value, list) and value:
        columns = {"": value}
    else:
        raise InputError(f"expected records in {name}, got {_checks.shown(value)}; write it as {_FORMS}")
    return _checked(Table(name, tuple(_cells(key, i, part, name) for i, (key, part) in enumerate(columns.items(), 1))))


def _checked(table: Table) -> Table:
    if not table.columns or not table.rows:
        raise InputError(f"expected rows of numbers in {table.name}, got none; write it as {_FORMS}")
    return table


def _cells(name: str, number: int, cells: list[Any], source: str) -> Column:
    """A column of JSON values: numbers, null, text."""
    for row, cell in enumerate(cells):
        if isinstance(cell, list | Mapping):
            raise InputError(
                f"expected a number or text in {source}, got {printable(repr(cell), 60)} in row {row} (counted from 0) "
                f"of {printable(name) or f'column {number}'}; give it columns of its own"
            )
    if any(isinstance(cell, str) for cell in cells):
        texts = [
            None if cell is None or cell != cell else cell if isinstance(cell, str) else json.dumps(cell)
            for cell in cells
        ]
        return kinds.column(name, number, texts, ".", source, lambda row: f"row {row} (counted from 0)")
    values = [math.nan if cell is None else cell for cell in cells]
    types = {*map(type, cells)} - {type(None)}
    if types == {bool}:
        return Column(name, number, NUMBER, np.array(values, dtype=np.float64), note=TRUTH_NOTE)
    if bool in types:
        row = next(i for i, cell in enumerate(cells) if isinstance(cell, bool))
        raise InputError(
            f"expected numbers in {printable(name) or f'column {number}'} of {source}, got the truth value "
            f"{str(cells[row]).lower()} in row {row} (counted from 0); write 1 or 0 for it, or leave the column out: "
            f"--drop {option_of(printable(name), number)}"
        )
    if all(isinstance(cell, int) and abs(cell) < 2**63 for cell in values):
        return Column(name, number, NUMBER, np.array(values, dtype=np.int64))
    return Column(name, number, NUMBER, _checks.float64_array(values, f"{name or f'column {number}'} of {source}"))


def read_parquet(source: Source) -> Table:
    """The table of a Parquet file.

    Raises:
        MissingBackendError: pyarrow is not installed.
        InputError: a damaged file, one that does not fit in memory, a column of lists or records.
    """
    parquet = parquet_reader()
    try:
        with source.stream() as stream:
            file = parquet.ParquetFile(stream)
            metadata = file.metadata
            check_fits(24.0 * metadata.num_rows * metadata.num_columns, source.name)
            frame = file.read()
    except InputError:
        raise
    except Exception as error:  # a damaged file raises whatever the parser that meets the damage raises
        raise no_parquet(source.name, error) from None
    return index_first(frame_table(frame, source.name))


def parquet_reader() -> Any:
    """The module of pyarrow that reads Parquet files. Raises `MissingBackendError`."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise MissingBackendError(
            "expected pyarrow, which reads .parquet files, got none installed; install it: "
            "pip install 'roughntk[parquet]'"
        ) from None
    return parquet


def no_parquet(name: str, error: Exception) -> InputError:
    """The error for a file that pyarrow cannot read."""
    return InputError(
        f"expected {name} to be a Parquet file, got one that cannot be read ({_checks.first_line(error)}); save it "
        f"again"
    )


def index_first(table: Table) -> Table:
    """The table with the columns first, and without names, that hold an index which has none."""
    index = {column.name for column in table.columns if column.name.startswith("__index_level_")}
    hidden = [column for column in table.columns if column.name in index]
    if hidden:  # pandas writes the index beside the columns, under names of its own
        columns = tuple(
            dataclasses.replace(c, name="" if c.name in index else c.name, number=i)
            for i, c in enumerate([*hidden, *(c for c in table.columns if c.name not in index)], 1)
        )
        table = Table(table.name, columns, table.notes)
    return table


def memory_table(value: Any, name: str) -> Table:
    """The table of a data frame of any library, an array, an xarray object, or nested lists.

    Raises:
        InputError: what is no table.
    """
    import narwhals as nw

    frame = _checks.frame_or_series(value, name)
    if isinstance(frame, nw.Series):
        return frame_table(frame.to_frame(), name)
    if isinstance(frame, nw.DataFrame):
        return frame_table(frame, name)
    if isinstance(value, np.ndarray) and value.dtype.names:
        return table_of_array(np.asarray(value), "", name)
    array = _checks.float64_array(value, name)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(
            f"expected {name} of shape (points, dimension) with rows and columns, got shape {array.shape}; reshape it, "
            f"for one point to (1, dimension)"
        )
    table = table_of_array(array, "", name)
    if np.isin(array, (0, 1)).all() and np.asarray(value).dtype.kind == "b":
        table = Table(name, tuple(dataclasses.replace(column, note=TRUTH_NOTE) for column in table.columns))
    names = _coordinate_names(value, array.shape)
    if names is not None:
        columns = tuple(dataclasses.replace(c, name=n) for n, c in zip(names, table.columns, strict=True))
        table = Table(name, columns)
    return table


def _coordinate_names(value: Any, shape: tuple[int, ...]) -> list[str] | None:
    """The labels that an xarray array has along its second axis, where they are text."""
    coordinates, dimensions = getattr(value, "coords", None), getattr(value, "dims", None)
    if coordinates is None or dimensions is None or len(shape) != 2 or dimensions[1] not in coordinates:
        return None
    labels = np.asarray(coordinates[dimensions[1]])
    return list(map(str, labels)) if labels.dtype.kind in "UO" and labels.shape == shape[1:] else None


def frame_table(frame: Any, name: str) -> Table:
    """The table of a frame that narwhals knows.

    Raises:
        InputError: a column of lists, records or bytes.
    """

    frame = _checks.frame_or_series(frame, name)
    check_fits(24.0 * frame.shape[0] * frame.shape[1], name)
    columns = []
    counted = [key for key in frame.columns if isinstance(key, int)]
    bare = counted == list(range(len(counted)))  # what pandas calls columns that were given no names
    for number, (key, series) in enumerate(zip(frame.columns, frame.iter_columns(), strict=True), 1):
        columns.append(_series_column(series, "" if bare and isinstance(key, int) else str(key), number, name))
    return _checked(Table(name, tuple(columns)))


def _series_column(series: Any, key: str, number: int, name: str) -> Column:
    import narwhals as nw

    kind = series.dtype
    if kind.is_integer() and series.null_count() == 0:
        values = series.to_numpy()
        return Column(key, number, NUMBER, values.astype(np.uint64 if values.dtype.kind == "u" else np.int64))
    if kind.is_numeric() or kind == nw.Boolean:
        note = TRUTH_NOTE if kind == nw.Boolean else ""
        return Column(key, number, NUMBER, np.array(series.cast(nw.Float64).to_numpy(), dtype=np.float64), note=note)
    if kind == nw.Date or kind == nw.Datetime:
        utc = kind == nw.Datetime and getattr(kind, "time_zone", None) is not None
        if utc:
            series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        values = np.asarray(series.to_numpy())
        if values.dtype.kind == "O":
            values = np.array([np.datetime64("NaT") if v is None else np.datetime64(v) for v in values])
        known = values[~np.isnat(values)]
        return Column(key, number, DATE, values, bool((known == known.astype("M8[D]")).all()), utc=utc)
    if kind == nw.Duration:
        return Column(key, number, CLOCK, np.asarray(series.to_numpy()))
    cells = series.to_list()
    if all(cell is None or isinstance(cell, str) or cell != cell for cell in cells):
        texts = [cell if isinstance(cell, str) else None for cell in cells]
        if all(text is None for text in texts):
            return Column(key, number, NUMBER, np.full(len(texts), np.nan))
        return Column(key, number, TEXT, np.array(texts, dtype=object))
    return _cells(key, number, [cell.item() if isinstance(cell, np.generic) else cell for cell in cells], name)


__all__ = [
    "frame_table", "index_first", "memory_table", "no_parquet", "parquet_reader", "read_json", "read_parquet",
]  # fmt: skip
