"""The content of the files that are written: .csv tables and .npy arrays."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

import numpy as np


def answer(test: Callable[[], bool]) -> bool:
    """Whether a question about a path has the answer yes; False where the path cannot be looked at."""
    try:
        return test()
    except OSError:
        return False


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
