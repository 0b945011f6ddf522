"""Data on the unit sphere: projections, angles, and the rows that no kernel can tell apart.

Every kernel of this package is a function of the angle between two inputs, so the angle is the one
quantity that must be right to the last digit. It is computed as

    theta(x, z) = 2 atan2(|x - z|, |x + z|),

which is accurate at every angle; arccos(x . z) loses half of its digits near 0 and pi
(``references.bib``: Kahan2006).
"""

from collections.abc import Callable, Iterator
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks
from roughntk._checks import InputError

UNIT_TOLERANCE = 1e-10
"""Largest deviation of a row norm from 1 that is taken for rounding of the user's own projection."""

SAME_ANGLE = 4 * np.finfo(np.float64).eps
"""Two unit rows at most this far apart (radians) cannot be told apart from rounding."""

GRAM_LIMIT = 0.999
"""Entries of the Gram matrix beyond this are recomputed from differences of rows."""

_PAIR_BLOCK = 2**22
"""Entries of a temporary array in blockwise work (32 MB)."""

_BLOCK = 2**17
"""Entries of a block of angles (1 MB): it stays in the cache from the first step to the last."""

_NEAR_SHARE = 1 / 8
"""Above this share of entries near 0 and pi, computing all of them from row differences is faster."""


class AngleFunction(Protocol):
    """An elementwise function of known angles that is computed while something else goes on.

    Inputs are flat, at most 2^17 numbers, and must not change before the result is waited for; it may be longer.
    """

    at_zero: float

    def begin(self, theta: np.ndarray) -> Array:
        """Begins with angles."""

    def begin_at_correlation(self, rho: np.ndarray) -> Array:
        """Begins with correlations; beyond `GRAM_LIMIT` in size they may give anything."""


class _ManyNear(Exception):
    """So many entries are near 0 and pi that all should be computed from row differences."""


def project(X, *, distinct: bool = True) -> np.ndarray:
    """Canonical projection x / |x| onto the sphere S^{n0-1} (case b of the paper, Section 4).

    Args:
        X: points, shape (n, n0).
        distinct: refuse rows that land on the same point. Training points need it; test points do not.

    Returns:
        Unit rows, shape (n, n0), float64.

    Raises:
        InputError: a zero row, a NaN, or (with ``distinct``) two positively collinear rows
            x_i = c x_j, c > 0, named by their numbers.
    """
    X = _checks.matrix(X, "X")
    scale = np.abs(X).max(axis=1)
    zero = np.flatnonzero(scale == 0)
    if zero.size:
        raise InputError(
            f"expected non-zero rows, got zeros in {_checks.name_rows(zero)}; remove them, or use the "
            f"stereographic projection, which keeps the origin"
        )
    X = X / scale[:, None]  # first by the largest entry, so that squares neither overflow nor underflow
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    if distinct:
        pairs = coincident_rows(unit)
        if pairs:
            raise InputError(
                f"expected rows in different directions, got positively collinear {_checks.name_pairs(pairs)}; "
                f"drop duplicates (--drop-duplicates, rn.sphere.distinct_rows) or use the stereographic "
                f"projection (--projection stereographic, rn.sphere.lift), which keeps collinear rows apart"
            )
    return unit


def lift(X, *, distinct: bool = True) -> np.ndarray:
    """Inverse stereographic projection R^{n0} -> S^{n0}: x -> (2x, |x|^2 - 1) / (|x|^2 + 1) (case c).

    Args:
        X: points, shape (n, n0); the origin is allowed.
        distinct: refuse equal rows.

    Returns:
        Unit rows, shape (n, n0 + 1), float64.

    Raises:
        InputError: a NaN, equal rows, or (with ``distinct``) rows so large or so close that their images
            coincide in 64 bit.
    """
    X = _checks.matrix(X, "X")
    scale = np.maximum(np.abs(X).max(axis=1, keepdims=True), 1.0)
    norm = scale * np.linalg.norm(X / scale, axis=1, keepdims=True)  # squares of large entries would overflow
    small = norm <= 1
    # Divide by the larger of 1 and |x|, so that |x|^2 cannot overflow: all terms below are of order one.
    inverse = 1 / np.maximum(norm, 1)
    inner = np.minimum(norm, 1)
    first = np.where(small, 2 * X / (inner**2 + 1), 2 * (X * inverse) * inverse / (1 + inverse**2))
    last = np.where(small, (inner - 1) * (inner + 1) / (inner**2 + 1), (1 - inverse) * (1 + inverse) / (1 + inverse**2))
    unit = np.concatenate([first, last], axis=1)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    if distinct:
        pairs = coincident_rows(unit)
        if pairs:
            equal = all(np.array_equal(X[i], X[j]) for i, j in pairs)
            cause = "equal" if equal else "indistinguishable (in 64 bit, after the lift)"
            raise InputError(
                f"expected distinct rows, got {cause} {_checks.name_pairs(pairs)}; drop duplicates "
                f"(--drop-duplicates, rn.sphere.distinct_rows)" + ("" if equal else " or rescale the data to order one")
            )
    return unit


def lengths(X: np.ndarray) -> np.ndarray:
    """Norms of the rows, shape (n,), without overflow or underflow on the way."""
    scale = np.abs(X).max(axis=1)
    safe = np.where(scale > 0, scale, 1.0)
    return scale * np.linalg.norm(X / safe[:, None], axis=1)


def polar(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lengths (n,) and directions (n, n0) of the rows; a zero row has no direction and gets the first axis."""
    length = lengths(X)
    return length, project(np.where(length[:, None] > 0, X, np.eye(1, X.shape[1])), distinct=False)


def uniform(n: int, dim: int, seed: int) -> np.ndarray:
    """`n` independent points, uniform on the sphere S^{dim-1} in R^dim; `seed` fixes them."""
    n = _checks.integer(n, "n", least=1)
    dim = _checks.integer(dim, "dim", least=1)
    seed = _checks.integer(seed, "seed", least=0)
    normal = np.random.default_rng(seed).standard_normal((n, dim))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def check_unit(X, name: str = "X", *, columns: int | None = None) -> np.ndarray:
    """`X` as a float64 matrix whose rows have norm 1 (to 1e-10); the error names the rows that do not."""
    X = _checks.matrix(X, name, columns=columns)
    with np.errstate(over="ignore"):
        deviation = np.abs(np.linalg.norm(X, axis=1) - 1)
    off = np.flatnonzero(~(deviation <= UNIT_TOLERANCE))
    if off.size:
        raise InputError(
            f"expected rows of norm 1 in {name}, got {_checks.name_rows(off)} off the sphere "
            f"(row {off[0]} has norm {np.linalg.norm(X[off[0]]):.6g}); project them with rn.sphere.project "
            f"(--projection canonical) or rn.sphere.lift (--projection stereographic)"
        )
    return X


def check_distinct(X: np.ndarray, name: str = "X") -> None:
    """Refuse unit rows that coincide: they make every kernel matrix singular."""
    pairs = coincident_rows(X)
    if pairs:
        raise InputError(
            f"expected distinct rows in {name}, got equal {_checks.name_pairs(pairs)}; every kernel matrix of "
            f"them is singular: drop duplicates (rn.sphere.distinct_rows, --drop-duplicates)"
        )


def check_points(X, x) -> tuple[np.ndarray, np.ndarray]:
    """Training and test points as checked unit rows; the training rows distinct."""
    X = check_unit(X)
    check_distinct(X)
    return X, check_unit(x, "x", columns=X.shape[1])


def coincident_rows(X: np.ndarray) -> list[tuple[int, int]]:
    """All pairs i < j of unit rows whose angle is zero to rounding (at most 4 eps)."""
    pairs: list[tuple[int, int]] = []
    rows = max(1, _PAIR_BLOCK // len(X))
    for start in range(0, len(X), rows):
        gram = X[start : start + rows] @ X.T
        i, j = np.nonzero(gram > 1 - 1e-8)
        i = i + start
        keep = i < j
        i, j = i[keep], j[keep]
        close = _chord(X, X, i, j, np.ones(len(i))) <= SAME_ANGLE
        pairs += list(zip(i[close].tolist(), j[close].tolist(), strict=True))
    return pairs


def distinct_rows(X, *, projection: str = "canonical") -> np.ndarray:
    """Row numbers to keep so that no two rows land on the same point; the first of each group stays.

    Args:
        X: raw points, shape (n, n0).
        projection: "canonical" (positively collinear rows coincide), "stereographic" or "none".
    """
    _checks.choice(projection, ("canonical", "stereographic", "none"), "projection")
    if projection == "canonical":
        unit = project(X, distinct=False)
    elif projection == "stereographic":
        unit = lift(X, distinct=False)
    else:
        unit = check_unit(X)
    drop = {j for _, j in coincident_rows(unit)}
    return np.array([i for i in range(len(unit)) if i not in drop])


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
    """
    if _checks.is_traced(X, Z):
        return _traced_angles(jnp.asarray(X), jnp.asarray(X if Z is None else Z))
    symmetric = Z is None or Z is X
    X = check_unit(X)
    return map_angles(None, X, None if symmetric else check_unit(Z, "Z", columns=X.shape[1]))


def joint_angles(X, x) -> np.ndarray:
    """Angles of the rows of X with themselves and with those of x, side by side, shape (n, n + m).

    A test point within `SAME_ANGLE` of a training point is that point: its angle is 0.
    """
    across = np.asarray(angles(X, x))
    across = np.where(across <= SAME_ANGLE, 0.0, across)
    return np.concatenate([np.asarray(angles(X)), across], axis=1)


def map_angles(function: AngleFunction | None, X: np.ndarray, Z: np.ndarray | None = None) -> Float[Array, "n m"]:
    """function(theta) for all angles between unit rows, shape (n, m), without holding all angles beside the result.

    Args:
        function: elementwise; None stands for the angle itself.
        X: unit rows as `check_unit` returns them, shape (n, n0).
        Z: the same, shape (m, n0); X itself by default, whose diagonal is theta = 0 exactly.
    """
    values = _aligned_empty(len(X), len(X if Z is None else Z))
    with jax.ensure_compile_time_eval():
        try:
            if function is None:
                _to_angles(values, X, Z)
            else:
                _map_correlations(function, values, X, Z)
        except _ManyNear:
            values[:] = _traced_angles(jnp.asarray(X), jnp.asarray(X if Z is None else Z))
            if function is not None:
                _overlapped(function.begin, (block for _, block in _blocks(values)))
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
    near.write(values, near.angles(X, Z))
    if Z is None:
        np.fill_diagonal(values, 0.0)


def _map_correlations(function: AngleFunction, values: np.ndarray, X: np.ndarray, Z: np.ndarray | None) -> None:
    """Fills `values` with function(theta), from the angle only near 0 and pi; raises `_ManyNear` as above."""
    near = _Near(values.size)

    def blocks() -> Iterator[np.ndarray]:
        for start, block in _correlations(values, X, Z):
            near.take(start, block)
            yield block

    _overlapped(function.begin_at_correlation, blocks())
    theta = near.angles(X, Z)
    _overlapped(function.begin, (block for _, block in _blocks(theta)))
    near.write(values, theta)
    if Z is None:
        np.fill_diagonal(values, function.at_zero)


class _Near:
    """The entries of a matrix of correlations that are beyond `GRAM_LIMIT`, found block by block."""

    def __init__(self, size: int):
        self.allowed = int(size * _NEAR_SHARE)
        self.places: list[np.ndarray] = [np.empty(0, dtype=np.intp)]
        self.cosines: list[np.ndarray] = [np.empty(0)]

    def take(self, start: int, block: np.ndarray) -> np.ndarray:
        """Keeps those of a block that begins at entry `start`; their places in it. Raises `_ManyNear`."""
        if block.max() <= GRAM_LIMIT and block.min() >= -GRAM_LIMIT:
            return self.places[0]
        found = np.flatnonzero(np.abs(block) > GRAM_LIMIT)
        self.allowed -= found.size
        if self.allowed < 0:
            raise _ManyNear
        self.places.append(found + start)
        self.cosines.append(block[found])
        return found

    def angles(self, X: np.ndarray, Z: np.ndarray | None) -> np.ndarray:
        """Their angles theta = 2 atan2(|x - z|, |x + z|).

        The shorter of the two comes from row differences, the longer from |x|^2 + |z|^2 + 2 |x . z|, where nothing
        cancels.
        """
        Z = X if Z is None else Z
        places, cosines = np.concatenate(self.places), np.concatenate(self.cosines)
        theta = np.empty(places.size)
        square_x, square_z = (X * X).sum(axis=1), (Z * Z).sum(axis=1)
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


def _overlapped(begin: Callable[[np.ndarray], Array], blocks: Iterator[np.ndarray]) -> None:
    """Writes the result of `begin` over each block, while the next one is under way."""
    previous: list[tuple[np.ndarray, Array]] = []
    for block in blocks:
        previous.append((block, begin(block)))
        if len(previous) > 1:
            _finish(*previous.pop(0))
    for pair in previous:
        _finish(*pair)


def _finish(block: np.ndarray, result: Array) -> None:
    block[:] = np.asarray(result)[: block.size]


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
