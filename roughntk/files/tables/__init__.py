"""Tables of numbers from CSV and other files, standard input, data frames, arrays: one reader for paths and for points.

`read` gives a `Table` of named columns, and what was guessed about the file in sentences; `points_of` and `path_of` say
which of its columns are features, target, times and channels. No mathematics.
"""

import os

from roughntk._checks import NotInMemoryError
from roughntk.files.tables.arrays import Member, read_arrays, table_of_array
from roughntk.files.tables.csv_text import read_text
from roughntk.files.tables.matching import points_like
from roughntk.files.tables.records import memory_table, read_json, read_parquet
from roughntk.files.tables.selection import TIME_NAMES, Path, Points, path_of, points_of
from roughntk.files.tables.sources import IN_WORDS, REMEDY, STANDARD_INPUT, SUFFIXES, Source, is_source, source
from roughntk.files.tables.table import MISSING_RULES, Reading, Table, printable
from roughntk.files.tables.targets import ONE_HOT, TASKS, in_classes, one_hot, target_of


def read(given: str | os.PathLike | Source, reading: Reading | None = None) -> Table:
    """The table in a file that is no archive of arrays, or on standard input ("-").

    Args:
        given: a .csv, .tsv, .txt, .json, .parquet or .npy file, or one of these with .gz; a named pipe; "-".
        reading: what is known about it.

    Raises:
        InputError: what cannot be read, or not in one way, or does not fit in memory.
        MissingBackendError: a Parquet file without pyarrow.
    """
    origin = given if isinstance(given, Source) else source(given)
    try:
        if origin.kind == "text":
            return read_text(origin.read(), origin.name, reading or Reading())
        if origin.kind == "json":
            return read_json(origin.read(), origin.name, (reading or Reading()).encoding)
        if origin.kind == "parquet":
            return read_parquet(origin)
        return table_of_array(next(iter(read_arrays(origin, lambda _: ("",)).values())), "", origin.name)
    except MemoryError:
        raise NotInMemoryError(
            f"expected the table in {origin.name} to fit in memory, got more than is free; {REMEDY}"
        ) from None


__all__ = [
    "IN_WORDS", "MISSING_RULES", "ONE_HOT", "STANDARD_INPUT", "SUFFIXES", "TASKS", "TIME_NAMES", "Member", "Path",
    "Points", "Reading", "Source", "Table", "in_classes", "is_source", "memory_table", "one_hot", "path_of",
    "points_like", "points_of", "printable", "read", "read_arrays", "source", "table_of_array", "target_of",
]  # fmt: skip
