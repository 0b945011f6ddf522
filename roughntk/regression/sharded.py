"""The operator of `roughntk.regression.operator` on several devices: each holds a part of the rows.

The parts of the columns' rows, and of what is multiplied, go round the devices in a ring, so that after as many steps
as there are devices each has met all of them (`jax.shard_map`, one process or several). Conjugate gradients stay where
they are, on the host: nothing is summed across devices, so that no solver has to run inside a sharded function.

The kernel is the table of `roughntk.kernels.tabulated`, evaluated by the device; entries whose correlation is near 1 or
-1 take their angle from differences of rows, as in `roughntk.sphere.pairs`.
"""

import functools
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels import on_device
from roughntk.kernels.on_device import DeviceTable
from roughntk.linalg.operator import BlockOperator, Columns, Progress, Rows

Points = tuple[np.ndarray, np.ndarray]
"""Directions, shape (n, n0), and lengths, shape (n,)."""

AXIS = "rows"
"""Of a mesh made here."""
MOST_ENTRIES = 2**22
"""Of a block on one device (32 MiB)."""
FEWEST_COLUMNS = 8
"""Of vectors, that are multiplied together."""
NEAR_PART = 16
"""At most one entry in so many of a block is taken for near 1 or -1, before all of them are."""


def mesh_of(devices: Any) -> Mesh:
    """The mesh that `devices` stands for: a number of JAX's devices (of each process), "all", or a mesh with one axis.

    Raises:
        InputError: more devices than there are, another mesh, anything else.

    >>> mesh_of(1).shape_tuple
    (('rows', 1),)
    """
    if isinstance(devices, Mesh):
        if len(devices.axis_names) != 1:
            raise InputError(
                f"expected a mesh with one axis, along which rows are parted, got {len(devices.axis_names)} "
                f"({', '.join(map(str, devices.axis_names))}); make it of the same devices by "
                f"jax.sharding.Mesh(devices.flatten(), ('rows',))"
            )
        return devices
    if isinstance(devices, str) and devices == "all":
        return Mesh(np.array(jax.devices()), (AXIS,))
    if isinstance(devices, str):
        raise InputError(f"expected devices to be a number, 'all' or a mesh, got {devices!r}; write for instance 'all'")
    count, known = _checks.integer(devices, "devices", least=1), jax.local_devices()
    if count > len(known):
        raise InputError(
            f"expected at most {len(known)} devices, which is what JAX has here ({known[0].platform}), got {count}; "
            f"lower it, or, for several of one processor, call jax.config.update('jax_num_cpu_devices', {count}) "
            f"before anything is computed"
        )
    taken: list[jax.Device] = []
    for process in range(jax.process_count()):
        taken += [device for device in jax.devices() if device.process_index == process][:count]
    return Mesh(np.array(taken), (AXIS,))


class ShardedOperator(BlockOperator):
    """G between two sets of unit rows, times lengths of either; by a mesh.

    Args:
        table: of the kernel, for devices.
        first, second: of rows and of columns; one object where they are the same points, whose angle is 0.
        devices: as of `mesh_of`.
        rows, columns: as of `BlockOperator`, on the host.
        block_entries: entries that one device makes at once.
    """

    def __init__(
        self, table: DeviceTable, first: Points, second: Points, devices: Any, *, rows: Rows, columns: Columns,
        block_entries: int,
    ):  # fmt: skip
        super().__init__((len(first[0]), len(second[0])), rows, columns=columns, block_entries=block_entries)
        block_entries = min(block_entries, MOST_ENTRIES)
        self._table, self._first, self._second, self._devices = table, first, second, devices
        count, (n, m) = self.mesh.devices.size, self.shape
        part, self._other_part = -(-n // count), -(-m // count)
        blocks = -(-part // max(1, block_entries // self._other_part))
        self._block = -(-part // blocks)
        self._part = blocks * self._block  # rows of each device
        if self._same:
            self._other_part = self._part

    @functools.cached_property
    def mesh(self) -> Mesh:
        """The devices."""
        return mesh_of(self._devices)

    @functools.cached_property
    def _there(self) -> tuple[DeviceTable, Array, Array]:
        """The table, on every device, and the rows and those of the columns, a part on each."""
        table = jax.device_put(self._table, NamedSharding(self.mesh, PartitionSpec()))
        rows = self._placed(self._first[0], self._part)
        return table, rows, rows if self._same else self._placed(self._second[0], self._other_part)

    @property
    def _same(self) -> bool:
        return self._first is self._second

    def __getstate__(self) -> dict[str, Any]:
        """Without what is on devices, which comes there again when it is wanted."""
        return {name: value for name, value in vars(self).items() if name not in ("mesh", "_there")}

    def _placed(self, values: np.ndarray, part: int) -> Array:
        """Rows on the devices, a part each; only the parts of this process are read."""
        size = part * self.mesh.devices.size
        sharding = NamedSharding(self.mesh, PartitionSpec(self.mesh.axis_names[0]))

        def of_part(index: tuple[slice, ...] | None) -> np.ndarray:
            assert index is not None  # of an array with axes
            start, stop = index[0].start or 0, size if index[0].stop is None else index[0].stop
            here = np.zeros((stop - start, values.shape[1]))
            there = values[start : min(stop, len(values))]
            here[: len(there)] = there
            return here

        return jax.make_array_from_callback((size, values.shape[1]), sharding, of_part)

    def apply(self, V: Float[np.ndarray, "m k"], progress: Progress | None = None) -> Float[np.ndarray, "n k"]:
        """As `BlockOperator.apply`; every process gets all of it.

        Raises:
            InputError: another number of rows; processes that multiply different vectors.
        """
        V = self._checked(V)
        flat = V.reshape(len(V), -1)
        columns = flat.shape[1]
        compiled = max(FEWEST_COLUMNS, 1 << (columns - 1).bit_length())  # for a power of two of them
        flat = np.pad(flat * self._second[1][:, None], ((0, 0), (0, compiled - columns)))
        _check_same(flat, self.mesh)
        count = self.mesh.devices.size
        (table, rows, others), vectors = self._there, self._placed(flat, self._other_part)
        total = self._placed(np.zeros((0, flat.shape[1])), self._part)
        for step in range(count):
            others, vectors, total = _ring_step(
                table, rows, others, vectors, total, step, mesh=self.mesh, block=self._block, same=self._same
            )  # fmt: skip
            if progress is not None:
                total.block_until_ready()
                progress(self.shape[0] * (step + 1) // count, self.shape[0])
        result = _on_host(total)[: self.shape[0], :columns] * self._first[1][:, None]
        return result.reshape(self.shape[0], *V.shape[1:])


def _on_host(values: Array) -> np.ndarray:
    """All of an array that is parted among devices, in every process."""
    if values.is_fully_addressable:
        return np.asarray(values)
    return np.asarray(multihost_utils.process_allgather(values, tiled=True))


def _check_same(values: np.ndarray, mesh: Mesh) -> None:
    """Refuse to multiply where processes have come to different vectors, as on processors of different kinds."""
    if jax.process_count() == 1 or all(device.process_index == jax.process_index() for device in mesh.devices.flat):
        return
    digest = np.frombuffer(hashlib.sha256(values.tobytes()).digest()[:8], np.int64)
    digests = np.asarray(multihost_utils.process_allgather(digest)).reshape(-1)
    other = np.flatnonzero(digests != digests[0])
    if other.size:
        raise InputError(
            f"expected all processes to multiply the same vectors, got others in process "
            f"{', '.join(map(str, other.tolist()))} than in process 0; give every process the same data and settings, "
            f"on processors of the same kind"
        )


@functools.partial(jax.jit, static_argnames=("mesh", "block", "same"), donate_argnames=("vectors", "total"))
def _ring_step(
    table: DeviceTable, rows: Array, columns: Array, vectors: Array, total: Array, step: Array, *, mesh: Mesh,
    block: int, same: bool,
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Each device multiplies its rows by what it holds of the columns, and hands this on."""
    axis, count = mesh.axis_names[0], mesh.devices.size
    parted, whole = PartitionSpec(axis), PartitionSpec()

    def on_one(table, rows, columns, vectors, total, step):
        row_part = jax.lax.axis_index(axis).astype(int)
        column_part = (row_part + step) % count  # whose columns these are
        total = total + _product(table, rows, columns, vectors, row_part, column_part, block, same)
        onward = [(device, (device - 1) % count) for device in range(count)]
        columns, vectors = (jax.lax.ppermute(each, axis, onward) for each in (columns, vectors))
        return columns, vectors, total

    return jax.shard_map(
        on_one, mesh=mesh, in_specs=(whole, parted, parted, parted, parted, whole), out_specs=(parted,) * 3
    )(table, rows, columns, vectors, total, step)


def _product(
    table: DeviceTable,
    rows: Array,
    columns: Array,
    vectors: Array,
    row_part: Array,
    column_part: Array,
    block: int,
    same: bool,
) -> Array:
    """The kernel between rows and columns, whose parts have these numbers, times vectors, a block of rows at a time."""
    own = (columns * columns).sum(axis=1)
    second = column_part * len(columns) + jnp.arange(len(columns))

    def of_block(number_and_block):
        number, x = number_and_block
        first = row_part * len(rows) + number * block + jnp.arange(block)
        itself = (first[:, None] == second) if same else jnp.zeros((block, len(columns)), bool)
        return _values(table, x, columns, own, itself) @ vectors

    blocks = rows.reshape(-1, block, rows.shape[1])
    return jax.lax.map(of_block, (jnp.arange(len(blocks)), blocks)).reshape(len(rows), vectors.shape[1])


def _values(table: DeviceTable, X: Array, Z: Array, own: Array, itself: Array) -> Array:
    """The kernel between unit rows; `itself` where a row meets itself."""
    rho = X @ Z.T
    near = (jnp.abs(rho) > sphere.GRAM_LIMIT) & ~itself
    values = jnp.where(itself, table.at_zero, on_device.at_correlations(table, rho))
    most = max(1, near.size // NEAR_PART)
    few = functools.partial(_few_near, most=most)
    count = near.sum()
    which = (count > 0).astype(int) + (count > most).astype(int)
    return jax.lax.switch(which, [_no_near, few, _many_near], table, X, Z, own, rho, near, values)


def _no_near(table, X, Z, own, rho, near, values):
    return values


def _few_near(table, X, Z, own, rho, near, values, *, most):
    """Entries near 1 and -1 one by one."""
    place = jnp.flatnonzero(near, size=most, fill_value=near.size)
    i, j = jnp.divmod(jnp.minimum(place, near.size - 1), near.shape[1])
    cosine = rho[i, j]
    sign = jnp.sign(cosine)

    def add(k, square):
        return square + (X[i, k] - sign * Z[j, k]) ** 2

    short = jnp.sqrt(jax.lax.fori_loop(0, X.shape[1], add, jnp.zeros_like(cosine)))
    long = jnp.sqrt((X * X).sum(axis=1)[i] + own[j] + 2 * jnp.abs(cosine))
    angle = 2 * jnp.arctan2(jnp.where(sign > 0, short, long), jnp.where(sign > 0, long, short))
    return values.reshape(-1).at[place].set(on_device.at_angles(table, angle), mode="drop").reshape(values.shape)


def _many_near(table, X, Z, own, rho, near, values):
    """All angles of the block."""

    def add(k, squares):
        apart, together = squares
        x, z = X[:, k, None], Z[:, k]
        return apart + (x - z) ** 2, together + (x + z) ** 2

    none = jnp.zeros_like(rho)
    apart, together = jax.lax.fori_loop(0, X.shape[1], add, (none, none))
    angle = 2 * jnp.arctan2(jnp.sqrt(apart), jnp.sqrt(together))
    return jnp.where(near, on_device.at_angles(table, angle), values)


__all__ = ["AXIS", "ShardedOperator", "mesh_of"]
