"""A kernel matrix that is never stored: multiplied into vectors a block of rows at a time, through a table."""

from collections.abc import Callable
from typing import Any

import numpy as np

from roughntk import _checks, sphere
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg.operator import BLOCK_ENTRIES, BlockOperator, Panels, Progress
from roughntk.regression.parted import PartedKernel, Rows

HELD = 2**21
"""Entries of rows on a disk that are held in memory (16 MiB) while all others are gone through."""
MOST_KEPT = 2**13
"""Points up to which a solve stores half of their kernel matrix (256 MiB), so that its entries are made once."""
PANEL = 2**13
"""Columns of a block where there are more, or where rows are on a disk: of fewer and longer rows a product of matrices
takes twice the time."""


class KernelOperator(BlockOperator):
    """K_L(X, Z) as an operator: K V in float64 without storing K, in O(block) memory beside X, Z and V.

    X and Z may be read-only memory maps of float64 (`np.load(file, mmap_mode="r")`), larger than memory: these are not
    copied, and are read once for each panel of rows that is held.

    At one depth the kernel is a function of one variable. It is made into a table once (`roughntk.kernels.table` for
    bias-free ReLU networks from depth 5 on, `roughntk.kernels.tabulated` for any other), and each block costs one
    product of rows and one pass of a compiled loop, in as many threads as there are processors.

    Args:
        family: a kernel family.
        X: unit rows, shape (n, n0).
        Z: unit rows, shape (m, n0); X itself by default.
        depth: L >= 1, whole, real or infinite where the family allows it.
        block_entries: entries that are made at once.
        devices: a number of JAX's devices (of each process), "all", or a `jax.sharding.Mesh` with one axis, each of
            which holds an equal part of the rows (:mod:`roughntk.regression.sharded`); the processors of this host, by
            compiled loops, if left out. Where several processes run (`jax.distributed`), each makes the same calls.

    Raises:
        InputError: rows off the sphere, a bad depth, another number of rows in what is multiplied; more devices than
            there are, a kernel that no table holds on devices.

    >>> import numpy as np
    >>> import roughntk as rn
    >>> X = rn.sphere.uniform(50, 4, 0)
    >>> K = rn.regression.KernelOperator(rn.kernels.ReluNTK(), X, depth=10)
    >>> V = np.ones((50, 2))
    >>> bool(abs(K @ V - rn.kernels.ReluNTK()(X, depth=10) @ V).max() < 1e-12)
    True
    """

    def __init__(
        self, family: KernelFamily, X, Z=None, *, depth, block_entries: int = BLOCK_ENTRIES, devices: Any = None
    ):  # fmt: skip
        _checks.require_x64("KernelOperator")
        family, depth = as_family(family), _checks.one_depth(depth)
        block_entries = _checks.integer(block_entries, "block_entries", least=1)
        X = sphere.check_unit(X)
        Z = X if Z is None else sphere.check_unit(Z, "Z", columns=X.shape[1])

        kernel = PartedKernel(family, Rows(Z, np.ones(len(Z))), depth, limit_first=True, whole=True)
        rows = kernel.rows if Z is X else Rows(X, np.ones(len(X)))
        blocks = _Blocks(kernel, *rows, kernel.function(len(X) * len(Z)))
        super().__init__(
            (len(X), len(Z)), blocks.rows, columns=blocks.columns, block_entries=block_entries, panels=blocks.panels()
        )
        self._sharded = None if devices is None else _sharded(kernel, rows, blocks, devices, block_entries)

    def apply(self, V: np.ndarray, progress: Progress | None = None) -> np.ndarray:
        """As `BlockOperator.apply`."""
        if self._sharded is not None:
            return self._sharded.apply(V, progress)
        return super().apply(V, progress)


class _Blocks:
    """Rows and columns of G between some rows and the points of a kernel."""

    def __init__(
        self, kernel: PartedKernel, directions: np.ndarray, lengths: np.ndarray, function: sphere.AngleFunction | None
    ):
        self.kernel, self.directions, self.lengths, self.function = kernel, directions, lengths, function

    def rows(self, part: slice) -> np.ndarray:
        """Some rows."""
        return self.entries(part, slice(None))

    def columns(self, which: np.ndarray) -> np.ndarray:
        """Some columns."""
        directions, lengths = self.kernel.rows
        others, (n, dimension) = directions[which], self.directions.shape
        if _checks.stored(self.directions) is None:
            values = self.kernel.between(self.directions, others, self.function)
        else:
            values = np.empty((n, len(which)))
            for part in _checks.pieces(n, dimension, HELD):
                values[part] = self.kernel.between(self.directions[part], others, self.function)
        return self._scaled(values, self.lengths, lengths[which])

    def entries(self, part: slice, columns: slice) -> np.ndarray:
        """Entries of some rows and columns."""
        directions, lengths = self.kernel.rows
        values = self.kernel.between(self.directions[part], directions[columns], self.function)
        return self._scaled(values, self.lengths[part], lengths[columns])

    def panels(self) -> Panels | None:
        """How to multiply where rows are on a disk, or there are many columns."""
        if _checks.stored(self.directions) is not None or _checks.stored(self.kernel.rows.directions) is not None:
            return Panels(max(1, HELD // self.directions.shape[1]), PANEL, self.held)
        return Panels(max(1, len(self.directions)), PANEL, self.held) if len(self.kernel.rows.lengths) > PANEL else None

    def held(self, part: slice) -> Callable[[slice, slice], np.ndarray]:
        """Blocks of some rows, which are held in memory."""
        directions, lengths = self.directions[part], self.lengths[part]
        if _checks.stored(self.directions) is not None:
            directions = np.array(directions)

        def block(rows: slice, columns: slice) -> np.ndarray:
            others, sizes = self.kernel.rows.directions[columns], self.kernel.rows.lengths[columns]
            return self._scaled(self.kernel.between(directions[rows], others, self.function), lengths[rows], sizes)

        return block

    @staticmethod
    def _scaled(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Times the lengths, which on the sphere are 1: a block is large, and one more pass over it is felt."""
        if (first == 1).all() and (second == 1).all():
            return values
        return values * (first[:, None] * second)


def parted_operator(kernel: PartedKernel, *, devices: Any = None, block_entries: int = BLOCK_ENTRIES) -> BlockOperator:
    """G of a kernel K = c d d^T + s G on the points that stay, in its units; `devices` as of `KernelOperator`.

    Of up to `MOST_KEPT` points half of it is stored by the first product, unless rows are on a disk or on devices.
    """
    n = len(kernel.rows.lengths)
    blocks = _Blocks(kernel, *kernel.rows, kernel.function(n * n))
    if devices is not None:
        return _sharded(kernel, kernel.rows, blocks, devices, block_entries)
    panels = blocks.panels()
    entries = blocks.entries if panels is None and n <= MOST_KEPT else None
    return BlockOperator(
        (n, n), blocks.rows, columns=blocks.columns, block_entries=block_entries, panels=panels, entries=entries
    )


def _sharded(kernel: PartedKernel, rows: Rows, blocks: _Blocks, devices: Any, block_entries: int) -> BlockOperator:
    """G between some rows and the points of a kernel, by devices."""
    from roughntk.regression.sharded import ShardedOperator  # loads what several processes take

    return ShardedOperator(
        kernel.on_devices(), rows, kernel.rows, devices, rows=blocks.rows, columns=blocks.columns,
        block_entries=block_entries,
    )  # fmt: skip


__all__ = ["KernelOperator", "parted_operator"]
