"""Arrays that are larger than memory: read-only memory maps, which are looked at a piece at a time and never copied."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np

PIECE = 2**18
"""Entries that are looked at together (2 MiB)."""


def stored(value: Any) -> np.ndarray | None:
    """A read-only memory map of float64 with its rows one after the other, or a part of one, as it is; else None.

    What may still be written to is no such map: it could change after it was checked.
    """
    if not isinstance(value, np.ndarray) or value.flags.writeable or value.dtype != np.float64:
        return None
    base: Any = value
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    while isinstance(base, memoryview):
        base = base.obj
    if not isinstance(base, mmap.mmap) or not value.dtype.isnative or not value.flags.c_contiguous:
        return None
    return np.asarray(value)


def pieces(rows: int, columns: int, entries: int = PIECE) -> Iterator[slice]:
    """Consecutive rows of a matrix, about so many entries at a time.

    >>> list(pieces(5, 2, 4))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, entries // max(columns, 1))
    return (slice(first, min(first + step, rows)) for first in range(0, rows, step))


__all__ = ["PIECE", "pieces", "stored"]
