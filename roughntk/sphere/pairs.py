"""Angles between points on the unit sphere.

Every kernel of this package is a function of the angle between two inputs, so the angle is the one
quantity that must be right to the last digit. It is computed as

    theta(x, z) = 2 atan2(|x - z|, |x + z|),

which is accurate at every angle; arccos(x . z) loses half of its digits near 0 and pi
(``references.bib``: Kahan2006).
"""

from collections.abc import Iterator
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks
from roughntk.sphere.points import SAME_ANGLE, UNIT_TOLERANCE, check_unit
from roughntk.sphere.threads import in_threads

GRAM_LIMIT = 0.999
"""Entries of the Gram matrix beyond this are recomputed from differences of rows."""

_PAIR_BLOCK = 2**22
"""Entries of a temporary array in blockwise work (32 MB)."""

_BLOCK = 2**17
"""Entries of a block of angles (1 MB): it stays in the cache from the first step to the last."""

_BYTES_A_PAIR = 9.0
"""Memory of the angles of so many pairs: the matrix itself, and a share for entries near 0 and pi."""

_NEAR_SHARE = 1 / 8
"""Above this share of entries near 0 and pi, computing all of them from row differences is faster."""

_NONE = np.empty(0, dtype=np.intp)


class AngleFunction(Protocol):
    """An elementwise function of known angles, written over them. It is called by several threads at once."""

    at_zero: float

    def write_at_angles(self, theta: np.ndarray) -> None:
        """Of flat angles."""

    def write_at_correlations(self, rho: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray]:
        """Of flat correlations; (places, correlations) of those beyond `limit` in size, which may give anything."""


class _ManyNear(Exception):
    """So many entries are near 0 and pi that all should be computed from row differences."""


def angles(X, Z=None) -> Float[Array, "n m"]:
    """Angles 2 atan2(|x - z|, |x + z|) between unit rows, shape (n, m), in radians.

    Accurate to a few units of rounding at every angle, nearly equal and antipodal rows included; the
    diagonal of ``angles(X)`` is exactly 0. Large matrices go through one matrix product, and only the
    entries near 0 and pi are recomputed from row differences.

    Args:
        X: unit rows, shape (n, n0).
        Z: unit rows, shape (m, n0); X itself by default.

    Raises:
        InputError: rows off the sphere (named), NaN, different numbers of columns. Under a JAX
            transformation nothing can be checked, and all entries are computed from row differences.

    >>> import roughntk as rn
    >>> rn.sphere.angles([[1.0, 0.0], [0.0, 1.0]]).round(4).tolist()
    [[0.0, 1.5708], [1.5708, 0.0]]
    """
    if _checks.is_traced(X, Z):
        return _traced_angles(jnp.asarray(X), jnp.asarray(X if Z is None else Z))
    symmetric = Z is None or Z is X
    X = unit_rows(X)
    return map_angles(None, X, None if symmetric else unit_rows(Z, "Z", columns=X.shape[1]))


def unit_rows(X, name: str = "X", *, columns: int | None = None) -> np.ndarray:
    """`check_unit` for rows that are only read: without a copy where they are float64 already.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> X = np.eye(2)
    >>> rn.sphere.unit_rows(X) is X
    True
    """
    if type(X) is np.ndarray or (isinstance(X, jax.Array) and not _checks.is_traced(X)):
        known = np.asarray(X)
        if known.dtype == np.float64 and known.ndim == 2 and known.size and columns in (None, known.shape[1]):
            with np.errstate(over="ignore", invalid="ignore"):
                squares = np.einsum("ij,ij->i", known, known)
            if (np.abs(squares - 1) <= UNIT_TOLERANCE).all():
                return known
    return check_unit(X, name, columns=columns)


def joint_angles(X, x) -> np.ndarray:
    """Angles of the rows of X with themselves and with those of x, side by side, shape (n, n + m).

    A test point within `SAME_ANGLE` of a training point is that point: its angle is 0.

    >>> import roughntk as rn
    >>> rn.sphere.joint_angles([[1.0, 0.0]], [[0.0, 1.0]]).round(4).tolist()
    [[0.0, 1.5708]]
    """
    if _checks.is_traced(X, x):
        raise _checks.traced_array("X" if _checks.is_traced(X) else "x")
    across = np.asarray(angles(X, x))
    across = np.where(across <= SAME_ANGLE, 0.0, across)
    return np.concatenate([np.asarray(angles(X)), across], axis=1)


def map_angles(function: AngleFunction | None, X: np.ndarray, Z: np.ndarray | None = None) -> Float[Array, "n m"]:
    """function(theta) for all angles between unit rows, shape (n, m), without holding all angles beside the result.

    Args:
        function: elementwise; None stands for the angle itself.
        X: unit rows as `unit_rows` returns them, shape (n, n0).
        Z: the same, shape (m, n0); X itself by default, whose diagonal is theta = 0 exactly.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> rn.sphere.map_angles(None, np.eye(2)).round(4).tolist()
    [[0.0, 1.5708], [1.5708, 0.0]]
    """
    rows, columns = len(X), len(X if Z is None else Z)
    _checks.memory(
        _BYTES_A_PAIR * rows * columns,
        f"a kernel or angles of {rows} x {columns} pairs of points",
        "use fewer points, or one block of rows at a time",
    )
    values = _aligned_empty(rows, columns)
    with jax.ensure_compile_time_eval():
        try:
            if function is None:
                _to_angles(values, X, Z)
            else:
                _map_correlations(function, values, X, Z)
        except _ManyNear:
            values[:] = _traced_angles(jnp.asarray(X), jnp.asarray(X if Z is None else Z))
            if function is not None:
                in_threads(function.write_at_angles, [block for _, block in _blocks(values)])
        return jax.device_put(values)


def _to_angles(values: np.ndarray, X: np.ndarray, Z: np.ndarray | None) -> None:
    """Fills `values` with angles; raises `_ManyNear` where that is too slow a way.

    arccos multiplies the rounding error e of the product, about 1e-16 for unit rows, by 1/sin theta: at most 23 e at
    the limit, which is 5e-14 (e/1e-16) of theta itself there. A kernel at depth L answers a relative error of theta
    with theta |dK/dtheta| <= 0.3 times that, so K keeps 2e-14 in the worst case. A limit of 0.9999 would cost ten
    times that. Beyond the limit see `_near_angles`.
    """
    near = _Near(values.size)
    for start, block in _correlations(values, X, Z):
        place = near.take(start, block)
        block[place] = 0.0
        np.arccos(block, out=block)
    if near.places:
        near.write(values, near.angles(X, Z))
    if Z is None:
        np.fill_diagonal(values, 0.0)


def _map_correlations(function: AngleFunction, values: np.ndarray, X: np.ndarray, Z: np.ndarray | None) -> None:
    """Fills `values` with function(theta), from the angle only near 0 and pi; raises `_ManyNear` as above."""
    near, blocks = _Near(values.size), list(_correlations(values, X, Z))
    flat = [block for _, block in blocks]
    beyond = in_threads(lambda block: function.write_at_correlations(block, GRAM_LIMIT), flat)
    for (start, _), (places, cosines) in zip(blocks, beyond, strict=True):
        near.add(places + start, cosines)
    if near.places:
        theta = near.angles(X, Z)
        in_threads(function.write_at_angles, [block for _, block in _blocks(theta)])
        near.write(values, theta)
    if Z is None:
        np.fill_diagonal(values, function.at_zero)


class _Near:
    """The entries of a matrix of correlations that are beyond `GRAM_LIMIT`, found block by block."""

    def __init__(self, size: int):
        self.allowed = int(size * _NEAR_SHARE)
        self.places: list[np.ndarray] = []
        self.cosines: list[np.ndarray] = []

    def take(self, start: int, block: np.ndarray) -> np.ndarray:
        """Keeps those of a block that begins at entry `start`; their places in it. Raises `_ManyNear`."""
        if block.max() <= GRAM_LIMIT and block.min() >= -GRAM_LIMIT:
            return _NONE
        near = np.flatnonzero(np.abs(block) > GRAM_LIMIT)
        self.add(near + start, block[near])
        return near

    def add(self, places: np.ndarray, cosines: np.ndarray) -> None:
        """Keeps entries by their number in the matrix. Raises `_ManyNear`."""
        self.allowed -= places.size
        if self.allowed < 0:
            raise _ManyNear
        if places.size:
            self.places.append(places)
            self.cosines.append(cosines)

    def angles(self, X: np.ndarray, Z: np.ndarray | None) -> np.ndarray:
        """Their angles theta = 2 atan2(|x - z|, |x + z|).

        The shorter of the two comes from row differences, the longer from |x|^2 + |z|^2 + 2 |x . z|, where nothing
        cancels.
        """
        Z = X if Z is None else Z
        places, cosines = np.concatenate(self.places), np.concatenate(self.cosines)
        theta = np.empty(places.size)
        square_x, square_z = np.einsum("ij,ij->i", X, X), np.einsum("ij,ij->i", Z, Z)
        for start in range(0, places.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            i, j = np.divmod(places[part], len(Z))
            short = _chord(X, Z, i, j, np.sign(cosines[part]))
            long = np.sqrt(square_x[i] + square_z[j] + 2 * np.abs(cosines[part]))
            small = cosines[part] > 0
            theta[part] = 2 * np.arctan2(np.where(small, short, long), np.where(small, long, short))
        return theta

    def write(self, values: np.ndarray, what: np.ndarray) -> None:
        """Puts `what` into their places."""
        values.reshape(-1)[np.concatenate(self.places)] = what


def _correlations(values: np.ndarray, X: np.ndarray, Z: np.ndarray | None) -> Iterator[tuple[int, np.ndarray]]:
    """Fills `values` with the matrix product, the diagonal of X with itself with 0 (not near), and gives its blocks.

    It is one call, into `values` itself: its threads meet once, and that of X with itself is symmetric and done by
    halves. What follows is elementwise, so the result is symmetric as well.
    """
    np.matmul(X, (X if Z is None else Z).T, out=values)
    if Z is None:
        np.fill_diagonal(values, 0.0)
    return _blocks(values)


def _blocks(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Consecutive parts of an array, flat, each with the number of its first entry."""
    flat = values.reshape(-1)
    return ((start, flat[start : start + _BLOCK]) for start in range(0, flat.size, _BLOCK))


def _aligned_empty(n: int, m: int) -> np.ndarray:
    """An (n, m) float64 array that JAX takes over on a CPU without copying it: it starts at a multiple of 64 bytes."""
    raw = np.empty(n * m + 8)
    first = (-raw.ctypes.data % 64) // 8
    return raw[first : first + n * m].reshape(n, m)


def _chord(X: np.ndarray, Z: np.ndarray, i: np.ndarray, j: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """|x_i - sign z_j| for the listed pairs, in blocks that stay in the cache."""
    length = np.empty(len(i))
    step = max(1, _BLOCK // X.shape[1])
    for start in range(0, len(i), step):
        block = slice(start, start + step)
        length[block] = np.linalg.norm(X[i[block]] - sign[block, None] * Z[j[block]], axis=1)
    return length


def _traced_angles(X: Array, Z: Array) -> Array:
    """All angles from row differences, one row of X at a time; derivatives are 0 at angle 0 and pi."""

    def norm(v):
        square = jnp.sum(v * v, axis=-1)
        positive = square > 0
        return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)

    def row(x):
        return 2 * jnp.arctan2(norm(x - Z), norm(x + Z))

    return jax.lax.map(row, X, batch_size=max(1, min(64, _PAIR_BLOCK // max(1, Z.size))))
