"""Points on the unit sphere: ways to get there, and the rows that no kernel can tell apart.

`project`, `lift` and `polar` work under JAX transformations, where nothing can be checked: a row without a direction
gives NaN there.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks
from roughntk._checks import InputError
from roughntk._checks.precision import EPS

UNIT_TOLERANCE = 1e-10
"""Largest deviation of a row norm from 1 that is taken for rounding of the user's own projection."""

SAME_ANGLE = 4 * EPS
"""Two unit rows at most this far apart (radians) cannot be told apart from rounding."""

PROJECTIONS = ("canonical", "stereographic", "none")
"""How raw rows may come onto the sphere, by name."""

_TOGETHER = 2**21
"""Entries of rows that are compared at once, of those that are neighbours along a direction."""

_SINGLE = 1e-5
"""Deviations of row norms up to this one are those of single precision."""


def project(X, *, distinct: bool = True) -> np.ndarray:
    """Canonical projection x / |x| onto the sphere S^{n0-1} (case b of the paper, Section 4).

    Args:
        X: points, shape (n, n0).
        distinct: refuse rows that land on the same point. Training points need it; test points do not.

    Returns:
        Unit rows, shape (n, n0), float64; a JAX array under a JAX transformation.

    Raises:
        InputError: a zero row, a NaN, or (with ``distinct``) two positively collinear rows
            x_i = c x_j, c > 0, named by their numbers. Under a JAX transformation a zero row gives NaN.

    >>> project([[3.0, 4.0]])
    array([[0.6, 0.8]])
    """
    distinct = _checks.flag(distinct, "distinct")
    if _checks.is_traced(X):
        return _over_length(_traced_rows(X))  # type: ignore[return-value]
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
        Unit rows, shape (n, n0 + 1), float64; a JAX array under a JAX transformation.

    Raises:
        InputError: a NaN, equal rows, or (with ``distinct``) rows so large or so close that their images
            coincide in 64 bit.

    >>> lift([[0.0], [1.0]])
    array([[ 0., -1.],
           [ 1.,  0.]])
    """
    distinct = _checks.flag(distinct, "distinct")
    if _checks.is_traced(X):
        return _traced_lift(_traced_rows(X))  # type: ignore[return-value]
    X = _checks.matrix(X, "X")
    scale = np.maximum(np.abs(X).max(axis=1, keepdims=True), 1.0)
    length = np.linalg.norm(X / scale, axis=1, keepdims=True)  # in units of scale: |x| itself may overflow
    small = (scale == 1) & (length <= 1)
    # Divide by the larger of 1 and |x|, so that |x|^2 cannot overflow: all terms below are of order one.
    inverse = 1 / scale / np.maximum(length, 1)
    inner = np.where(small, length, 1.0)
    first = np.where(small, 2 * (X / (inner**2 + 1)), 2 * (X * inverse) * inverse / (1 + inverse**2))
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


def length_ratios(x: np.ndarray, X: np.ndarray) -> Float[np.ndarray, "n m"]:
    """|x_k|/|X_i| for all rows of x (m, n0) and X (n, n0), shape (n, m); no length is formed that could under- or
    overflow, so that only a ratio beyond float64 is infinite, and only one below it 0.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> rn.sphere.length_ratios(np.array([[6.0, 8.0]]), np.array([[3.0, 4.0], [0.0, 1.0]])).tolist()
    [[2.0], [10.0]]
    """
    x, X = _checks.matrix(x, "x"), _checks.matrix(X, "X")
    (large, inner), (large_X, inner_X) = _scaled_lengths(x), _scaled_lengths(X)
    with np.errstate(over="ignore"):
        return (large / large_X[:, None]) * (inner / inner_X[:, None])


def _scaled_lengths(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(largest entry in size, norm in units of it) of each row; a zero row has (0, 1)."""
    scale = np.abs(X).max(axis=1)
    inner = np.linalg.norm(X / np.where(scale > 0, scale, 1.0)[:, None], axis=1)
    return scale, np.where(scale > 0, inner, 1.0)


def lengths(X: np.ndarray) -> np.ndarray:
    """Norms of the rows, shape (n,), without overflow or underflow on the way.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> rn.sphere.lengths(np.array([[3.0, 4.0], [0.0, 2e200]])).tolist()
    [5.0, 2e+200]
    """
    large, inner = _scaled_lengths(_checks.matrix(X, "X"))
    return large * inner


def polar(X, name: str = "X", *, columns: int | None = None) -> tuple[Array, Array] | tuple[np.ndarray, np.ndarray]:
    """Lengths (n,) and directions (n, n0) of the rows; a zero row has no direction and gets the first axis.

    >>> import roughntk as rn
    >>> lengths, directions = rn.sphere.polar([[3.0, 4.0], [0.0, 0.0]])
    >>> lengths.tolist(), directions.round(12).tolist()
    ([5.0, 0.0], [[0.6, 0.8], [1.0, 0.0]])
    """
    if _checks.is_traced(X):
        X = _traced_rows(X, name)
        _checks.check_columns(X.shape, name, columns)
        return _traced_polar(X)
    X = _checks.matrix(X, name, columns=columns)
    large, inner = _scaled_lengths(X)
    return large * inner, project(np.where(large[:, None] > 0, X, np.eye(1, X.shape[1])), distinct=False)


def _traced_polar(X: Array) -> tuple[Array, Array]:
    """`polar`; the length of a zero row has the derivative 0."""
    scale = jax.lax.stop_gradient(jnp.abs(X).max(axis=1, keepdims=True))
    zero = scale == 0
    inner = jnp.where(zero, jnp.eye(1, X.shape[1], dtype=X.dtype), X / jnp.where(zero, 1.0, scale))
    norm = jnp.linalg.norm(inner, axis=1, keepdims=True)
    return (scale * norm)[:, 0], inner / norm


def uniform(n: int, dim: int, seed: int) -> np.ndarray:
    """`n` independent points, uniform on the sphere S^{dim-1} in R^dim; `seed` fixes them.

    Raises:
        InputError: numbers that are not whole or below 1, more points than fit into memory.

    >>> import roughntk as rn
    >>> rn.sphere.uniform(3, 2, seed=0).shape
    (3, 2)
    """
    n = _checks.integer(n, "n", least=1)
    dim = _checks.integer(dim, "dim", least=1)
    seed = _checks.seed(seed)
    _checks.memory(24.0 * n * dim, f"{n} points in {dim} dimensions", "lower n or dim")
    normal = np.random.default_rng(seed).standard_normal((n, dim))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def check_unit(X, name: str = "X", *, columns: int | None = None) -> np.ndarray:
    """`X` as a float64 matrix whose rows have norm 1 (to 1e-10); the error names the rows that do not.

    >>> import roughntk as rn
    >>> rn.sphere.check_unit([[1, 0], [0.6, 0.8]])
    array([[1. , 0. ],
           [0.6, 0.8]])
    """
    X = _checks.matrix(X, name, columns=columns)
    with np.errstate(over="ignore"):
        norms = np.concatenate([np.linalg.norm(X[part], axis=1) for part in _checks.pieces(*X.shape)])
        off = np.flatnonzero(~(np.abs(norms - 1) <= UNIT_TOLERANCE))
    if off.size:
        norm = _checks.apart(norms[off[0]], 1.0)[0]
        if np.abs(norms - 1).max() <= _SINGLE:
            remedy = (
                "they are unit rows in single precision only: project them once more, in double precision "
                "(rn.sphere.project)"
            )
        else:
            remedy = (
                "project them with rn.sphere.project (--projection canonical) or rn.sphere.lift (--projection "
                "stereographic)"
            )
        raise InputError(
            f"expected rows of norm 1 in {name}, got {_checks.name_rows(off)} off the sphere "
            f"(row {off[0]} has norm {norm}); {remedy}"
        )
    return X


def check_distinct(X: np.ndarray, name: str = "X") -> None:
    """Refuse unit rows that coincide: they make every kernel matrix singular.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> rn.sphere.check_distinct(np.eye(3))
    """
    pairs = coincident_rows(_checks.matrix(X, name))
    if pairs:
        raise InputError(
            f"expected distinct rows in {name}, got equal {_checks.name_pairs(pairs)}; every kernel matrix of "
            f"them is singular: drop duplicates (rn.sphere.distinct_rows, --drop-duplicates)"
        )


def check_points(X, x) -> tuple[np.ndarray, np.ndarray]:
    """Training and test points as checked unit rows; the training rows distinct.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.check_points([[1, 0], [0, 1]], [[0.6, 0.8]])
    >>> X.shape, x.dtype
    ((2, 2), dtype('float64'))
    """
    X = check_unit(X)
    check_distinct(X)
    return X, check_unit(x, "x", columns=X.shape[1])


def coincident_rows(X: np.ndarray) -> list[tuple[int, int]]:
    """Pairs i < j of unit rows at the angle zero to rounding (at most 4 eps): each row j that coincides with an earlier
    one, and i, the first row that it coincides with and that coincides with none before it.

    Rows are sorted along one direction in general position, where coincident ones are neighbours: work and memory grow
    with the number of rows, not of pairs.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> rn.sphere.coincident_rows(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    [(0, 2)]
    """
    X = _checks.matrix(X, "X")
    n, dimension = X.shape
    direction = np.random.default_rng(0).standard_normal(dimension)
    place = X @ direction
    # what rows 4 eps apart, and rounding of a sum of so many products, can move the place by
    reach = (SAME_ANGLE + 2 * (dimension + 4) * EPS) * np.linalg.norm(direction)
    order = np.argsort(place, kind="stable")
    near = np.diff(place[order]) <= reach
    in_chain = np.append(near, False) | np.append(False, near)
    if not in_chain.any():
        return []
    pairs: list[tuple[int, int]] = []
    for rows in _batches(order[in_chain], np.diff(place[order[in_chain]]) > reach, max(1, _TOGETHER // dimension)):
        pairs += _coincident(X, rows, place, reach)
    return sorted(pairs)


def _batches(order: np.ndarray, ends: np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Rows in their order along a direction, increasing in each batch, whole chains of near ones at a time.

    Args:
        order: of the rows, chain after chain.
        ends: between which of them a chain ends, shape (rows - 1,).
        most: rows of a batch, where no chain is longer.
    """
    last = np.append(np.flatnonzero(ends) + 1, len(order))
    start = 0
    while start < len(order):
        fitting = np.searchsorted(last, start + most, side="right")
        stop = int(last[max(fitting - 1, np.searchsorted(last, start, side="right"))])
        yield np.sort(order[start:stop])
        start = stop


def _coincident(X: np.ndarray, rows: np.ndarray, place: np.ndarray, reach: float) -> list[tuple[int, int]]:
    """The pairs among some rows, increasing, as `coincident_rows`; `place` along a direction is within `reach`."""
    first, pairs = _equal_rows(X, rows)
    place = place[first]
    order = np.argsort(place, kind="stable")
    ordered = place[order]
    low, high = np.searchsorted(ordered, place - reach), np.searchsorted(ordered, place + reach, side="right")
    leader = np.arange(len(first))
    for k in np.flatnonzero(high - low > 1):  # rows in the order of their numbers
        if leader[k] == k:
            others = order[low[k] : high[k]]
            others = others[(others > k) & (leader[others] == others)]
            leader[others[np.linalg.norm(X[first[others]] - X[first[k]], axis=1) <= SAME_ANGLE]] = k
    moved = np.flatnonzero(leader != np.arange(len(first)))
    pairs += zip(first[leader[moved]].tolist(), first[moved].tolist(), strict=True)
    head = dict(zip(first[moved].tolist(), first[leader[moved]].tolist(), strict=True))
    return [(head.get(i, i), j) for i, j in pairs]


def _equal_rows(X: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """The first of each set of equal rows among `rows`, increasing, and the pairs (first, other)."""
    _, first, group = np.unique(X[rows], axis=0, return_index=True, return_inverse=True)
    heads = rows[first][group.reshape(-1)]
    others = rows != heads
    return np.sort(rows[first]), list(zip(heads[others].tolist(), rows[others].tolist(), strict=True))


def distinct_rows(X, *, projection: str = "canonical") -> np.ndarray:
    """Row numbers to keep so that no two rows land on the same point; the first of each group stays.

    Args:
        X: raw points, shape (n, n0).
        projection: "canonical" (positively collinear rows coincide), "stereographic" or "none".

    >>> distinct_rows([[1.0, 2.0], [0.5, 0.1], [2.0, 4.0]])
    array([0, 1])
    """
    if _checks.is_traced(X):
        raise _checks.traced_array("X")
    unit = projected(X, projection)
    return np.delete(np.arange(len(unit)), [j for _, j in coincident_rows(unit)])


def projected(X, projection: str) -> np.ndarray:
    """Rows on the sphere by a projection that is named; rows may land on the same point.

    Args:
        X: raw points, shape (n, n0).
        projection: "canonical" (`project`), "stereographic" (`lift`), or "none" for rows of norm 1 (`check_unit`).

    Returns:
        Unit rows, shape (n, n0), or (n, n0 + 1) with "stereographic".

    >>> projected([[3.0, 4.0], [6.0, 8.0]], "canonical").tolist()
    [[0.6, 0.8], [0.6, 0.8]]
    """
    _checks.choice(projection, PROJECTIONS, "projection")
    if projection == "none":
        return check_unit(X)
    return (project if projection == "canonical" else lift)(X, distinct=False)


def placed(X: np.ndarray, projection: str, radius: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Raw rows as the kernel of a network takes them: lengths times points of the sphere.

    Args:
        X: raw points, shape (n, n0).
        projection: as for `projected`, with lengths 1, "stereographic" of X/radius; or "euclidean", which keeps the
            lengths (`polar`).
        radius: the length of rows that are lifted onto the equator.

    Returns:
        (lengths, unit rows), shapes (n,) and (n, n0) or (n, n0 + 1).

    >>> lengths, rows = placed(np.array([[3.0, 4.0]]), "euclidean")
    >>> lengths.tolist(), rows.tolist()
    ([5.0], [[0.6, 0.8]])
    """
    if projection == "euclidean":
        lengths, directions = polar(X)
        return np.asarray(lengths), np.asarray(directions)
    return np.ones(len(X)), projected(X / radius if projection == "stereographic" else X, projection)


def _traced_rows(X: Array, name: str = "X") -> Array:
    """Traced points as floating-point rows."""
    if X.ndim != 2 or 0 in X.shape:
        raise InputError(f"expected {name} of shape (points, dimension), got shape {X.shape}; reshape it")
    if not (jnp.issubdtype(X.dtype, jnp.floating) or jnp.issubdtype(X.dtype, jnp.integer)):
        raise InputError(f"expected {name} to hold real numbers, got dtype {X.dtype}; convert it to float64 first")
    return X.astype(jnp.result_type(float))


def _over_length(X: Array) -> Array:
    """x/|x| row by row, NaN for 0."""
    X = X / jax.lax.stop_gradient(jnp.abs(X).max(axis=1, keepdims=True))
    return X / jnp.linalg.norm(X, axis=1, keepdims=True)


def _traced_lift(X: Array) -> Array:
    """(2x, |x|^2 - 1)/(|x|^2 + 1) row by row, by 1/|x|^2 where |x| > 1; derivatives are finite at the origin."""
    scale = jax.lax.stop_gradient(jnp.maximum(jnp.abs(X).max(axis=1, keepdims=True), 1.0))
    inner = X / scale
    square = jnp.sum(inner * inner, axis=1, keepdims=True)
    large = square * scale > 1 / scale
    # |x|^2 <= 1, or its inverse; the other of the two is kept away from overflow and from 0/0
    ratio = jnp.where(large, 1 / (jnp.where(large, square, 1.0) * scale) / scale, jnp.where(large, 0.0, square))
    factor = jnp.where(large, ratio * scale, 1.0)
    sign = jnp.where(large, -1.0, 1.0)
    unit = jnp.concatenate([2 * inner * factor, sign * (ratio - 1)], axis=1) / (1 + ratio)
    return unit / jnp.linalg.norm(unit, axis=1, keepdims=True)
