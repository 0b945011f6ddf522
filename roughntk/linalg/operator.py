"""A matrix that is not stored: its rows are made a block at a time, and multiplied into vectors. A small one is kept.

Knows nothing of kernels: what makes the rows is a function.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from roughntk import _checks
from roughntk._checks import InputError

Rows = Callable[[slice], np.ndarray]
"""Numbers of some rows -> those rows, shape (rows, m)."""
Entries = Callable[[slice, slice], np.ndarray]
"""Numbers of some rows and of some columns -> the entries there."""
Columns = Callable[[np.ndarray], np.ndarray]
"""Numbers of some columns -> those columns, shape (n, columns)."""
Progress = Callable[[int, int], None]
"""Called with the number of rows that are done, and of all."""

BLOCK_ENTRIES = 2**21
"""Entries of a block (16 MiB): the system's allocator keeps what is freed of this size, and hands out no new pages."""


KEPT_ROWS = 512
"""Of a block of a matrix that is kept."""


class Panels(NamedTuple):
    """How a matrix is multiplied whose rows are too long for a block of many of them, or made of data on a disk.

    Attributes:
        rows, columns: of a panel, at least 1. The data of some rows are held, and those of the columns gone through.
        hold: numbers of some rows -> what gives blocks of them, (rows counted from the first of these, columns).
    """

    rows: int
    columns: int
    hold: Callable[[slice], Callable[[slice, slice], np.ndarray]]


class BlockOperator:
    """A matrix A of shape (n, m), by blocks of its rows.

    Args:
        shape: (n, m).
        rows: gives some rows.
        columns: gives some columns, where that is asked for.
        block_entries: how many entries are made at once, at least one row.
        panels: multiplies by blocks of some rows and some columns, and goes through the columns once a panel of rows.
        entries: gives entries (some rows, some columns) of a symmetric matrix, half of which the first product stores:
            making rows costs many times their product with some vectors.

    >>> import numpy as np
    >>> A = np.arange(12.0).reshape(4, 3)
    >>> operator = BlockOperator(A.shape, lambda part: A[part], block_entries=6)
    >>> (operator @ np.ones((3, 1))).ravel().tolist()
    [3.0, 12.0, 21.0, 30.0]
    """

    def __init__(
        self, shape: tuple[int, int], rows: Rows, *, columns: Columns | None = None,
        block_entries: int = BLOCK_ENTRIES, panels: Panels | None = None, entries: Entries | None = None,
    ):  # fmt: skip
        self.shape, self._columns, self._panels, self._entries = shape, columns, panels, block_entries
        self._rows, self._step = rows, max(1, block_entries // max(shape[1], 1))
        self._symmetric = entries
        self._kept: list[tuple[slice, np.ndarray]] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Without a matrix that is kept, which can be made again."""
        return vars(self) | {"_kept": None}

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
        if self._panels is not None:
            return self._by_panels(V, result, self._panels, progress)
        if self._symmetric is not None:
            return self._by_kept(V, self._symmetric, progress)
        for part, block in self.blocks():
            result[part] = block @ V
            if progress is not None:
                progress(part.stop, self.shape[0])
        return result

    def _by_kept(self, V: np.ndarray, entries: Entries, progress: Progress | None) -> np.ndarray:
        """A V by the lower half of A, of which blocks of rows are made at first."""
        n = self.shape[0]
        if self._kept is None:
            kept = []
            for start in range(0, n, KEPT_ROWS):
                part = slice(start, min(start + KEPT_ROWS, n))
                kept.append((part, entries(part, slice(0, part.stop))))
                if progress is not None:
                    progress(part.stop, n)
            self._kept = kept
        elif progress is not None:
            progress(n, n)
        U = np.ascontiguousarray(V.T)
        product = np.zeros_like(U)
        for part, rows in self._kept:
            product[..., : part.stop] += U[..., part] @ rows
            product[..., part] += U[..., : part.start] @ rows[:, : part.start].T
        return np.ascontiguousarray(product.T)

    def forget(self) -> None:
        """Let go of a matrix that is kept; the next product makes it again."""
        self._kept = None

    def _checked(self, V: np.ndarray) -> np.ndarray:
        """What is to be multiplied. Raises `InputError` for another number of rows."""
        V = _checks.float64_array(V, "V")
        if V.ndim not in (1, 2) or len(V) != self.shape[1]:
            raise InputError(f"expected {self.shape[1]} rows to multiply, got shape {V.shape}; give one a column of A")
        return V

    def _by_panels(self, V: np.ndarray, result: np.ndarray, panels: Panels, progress: Progress | None) -> np.ndarray:
        """A V, written to `result`."""
        (n, m), result[:] = self.shape, 0.0
        step = max(1, self._entries // panels.columns)
        for start in range(0, n, panels.rows):
            count = min(panels.rows, n - start)
            block = panels.hold(slice(start, start + count))
            for first in range(0, m, panels.columns):
                columns = slice(first, min(first + panels.columns, m))
                for row in range(0, count, step):
                    rows = slice(row, min(row + step, count))
                    result[start + row : start + rows.stop] += block(rows, columns) @ V[columns]
                if progress is not None:
                    progress(start + count * columns.stop // m, n)
        return result

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


__all__ = ["BLOCK_ENTRIES", "BlockOperator", "Columns", "Entries", "Panels", "Progress", "Rows"]
