"""A matrix that is never stored: its rows are made a block at a time, and multiplied into vectors.

Knows nothing of kernels: what makes the rows is a function.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float

from roughntk._checks import InputError

Rows = Callable[[slice], np.ndarray]
"""Numbers of some rows -> those rows, shape (rows, m)."""
Columns = Callable[[np.ndarray], np.ndarray]
"""Numbers of some columns -> those columns, shape (n, columns)."""
Progress = Callable[[int, int], None]
"""Called with the number of rows that are done, and of all."""

BLOCK_ENTRIES = 2**23
"""Entries of a block (64 MiB)."""


class BlockOperator:
    """A matrix A of shape (n, m), by blocks of its rows.

    Args:
        shape: (n, m).
        rows: gives some rows.
        columns: gives some columns, where that is asked for.
        block_entries: how many entries are made at once, at least one row.

    >>> import numpy as np
    >>> A = np.arange(12.0).reshape(4, 3)
    >>> operator = BlockOperator(A.shape, lambda part: A[part], block_entries=6)
    >>> (operator @ np.ones((3, 1))).ravel().tolist()
    [3.0, 12.0, 21.0, 30.0]
    """

    def __init__(
        self, shape: tuple[int, int], rows: Rows, *, columns: Columns | None = None, block_entries: int = BLOCK_ENTRIES
    ):  # fmt: skip
        self.shape, self._columns = shape, columns
        self._rows, self._step = rows, max(1, block_entries // max(shape[1], 1))

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Blocks of rows in order: (their numbers, the rows)."""
        for start in range(0, self.shape[0], self._step):
            part = slice(start, min(start + self._step, self.shape[0]))
            yield part, self._rows(part)

    def apply(self, V: Float[np.ndarray, "m k"], progress: Progress | None = None) -> Float[np.ndarray, "n k"]:
        """A V for a vector or some columns, without storing A.

        Raises:
            InputError: another number of rows.
        """
        V = self._checked(V)
        result = np.empty((self.shape[0], *V.shape[1:]))
        for part, block in self.blocks():
            result[part] = block @ V
            if progress is not None:
                progress(part.stop, self.shape[0])
        return result

    def _checked(self, V: np.ndarray) -> np.ndarray:
        """What is to be multiplied. Raises `InputError` for another number of rows."""
        V = np.asarray(V, dtype=np.float64)
        if V.ndim not in (1, 2) or len(V) != self.shape[1]:
            raise InputError(f"expected {self.shape[1]} rows to multiply, got shape {V.shape}; give one a column of A")
        return V

    def columns(self, which: np.ndarray) -> Float[np.ndarray, "n c"]:
        """Some columns of A, by their numbers."""
        if self._columns is None:
            return self.apply(np.eye(self.shape[1])[:, which])
        return self._columns(which)

    def __matmul__(self, V: np.ndarray) -> np.ndarray:
        return self.apply(V)

    @property
    def block_count(self) -> int:
        """Blocks in all."""
        return math.ceil(self.shape[0] / self._step)


__all__ = ["BLOCK_ENTRIES", "BlockOperator", "Columns", "Progress", "Rows"]
