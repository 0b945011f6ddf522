"""The Hall basis of the free Lie algebra, and conversions between bases of Lie elements.

The Hall basis here is Philip Hall's, as esig (`logsigkeys`) and iisignature (method "D" with "H") have it: the
letters are in it, and [a, b] is in it for a < b in it if b is a letter, or b = [b', b''] with b' <= a; elements
are ordered by length, then by left part, then by right part. "lyndon" is the Lyndon basis in the order of
`lyndon_words`; "words" is the tensor itself, flat.

Source: Reutenauer1993, chapter 4 (Hall sets).
"""

import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra.layout import flatten, signature_size, unflatten
from roughntk.rough.algebra.lyndon import (
    apply_constant,
    commutator,
    inverse_by_letters,
    lyndon_positions,
    lyndon_projection,
    lyndon_to_tensor,
    lyndon_words,
    sorted_letters,
    sparse_columns,
    tensor_to_lyndon,
)
from roughntk.rough.algebra.shuffle import TOLERANCE, group_like_error, lie_error

if TYPE_CHECKING:
    from scipy import sparse

BASES = ("lyndon", "hall", "words")

#: The largest `lie_error` that `convert_basis` accepts in words. (Of the logarithm of a path that retraces its steps
#: rounding is left, which is no Lie element to its own size: absolute errors up to `shuffle.TOLERANCE` are accepted,
#: unless the words are those of a signature.)
LIE_TOLERANCE = 1e-6


@functools.lru_cache(maxsize=64)
def _hall_elements(channels: int, level: int) -> tuple[tuple[int, tuple[int, int] | None], ...]:
    """The Hall basis as (length, (index of the left part, index of the right part) or None for a letter)."""
    signature_size(channels, level)
    elements: list[tuple[int, tuple[int, int] | None]] = [(1, None)] * channels
    starts = [0, 0, channels]  # elements of length n have the indices starts[n] .. starts[n + 1] - 1
    for length in range(2, level + 1):
        for left in range(starts[length]):
            other = length - elements[left][0]
            for right in range(max(left + 1, starts[other]), starts[other + 1]):
                parts = elements[right][1]
                if parts is None or parts[0] <= left:
                    elements.append((length, (left, right)))
        starts.append(len(elements))
    return tuple(elements)


def hall_brackets(channels: int, level: int) -> tuple[str, ...]:
    """The Hall basis as text, e.g. 1, 2, [1,2], [1,[1,2]], [2,[1,2]].

    Raises `InputError` for channels or level below 1, or beyond the memory that is free.

    >>> import roughntk as rn
    >>> rn.rough.hall_brackets(2, 3)
    ('1', '2', '[1,2]', '[1,[1,2]]', '[2,[1,2]]')
    """
    text: list[str] = []
    for index, (_, parts) in enumerate(_hall_elements(channels, level)):
        text.append(f"{index + 1}" if parts is None else f"[{text[parts[0]]},{text[parts[1]]}]")
    return tuple(text)


@functools.lru_cache(maxsize=16)
def hall_expansion(channels: int, level: int) -> "tuple[sparse.csc_matrix, ...]":
    """The Hall basis expanded in words, exact integers: level k has shape (channels^k, Witt dimension).

    Raises as `hall_brackets` does.
    """
    expansions: list[dict[int, int]] = []
    columns: list[list[dict[int, int]]] = [[] for _ in range(level)]
    elements = _hall_elements(channels, level)
    for index, (length, parts) in enumerate(elements):
        if parts is None:
            expansions.append({index: 1})
        else:
            a, b = parts
            expansions.append(commutator(expansions[a], elements[a][0], expansions[b], elements[b][0], channels))
        columns[length - 1].append(expansions[-1])
    return tuple(sparse_columns(part, channels**k) for k, part in enumerate(columns, start=1))


@functools.lru_cache(maxsize=16)
def hall_to_lyndon(channels: int, level: int) -> "sparse.csr_matrix":
    """The integer matrix that takes Hall coordinates to Lyndon coordinates, over all lengths up to `level`.

    Raises as `hall_brackets` does.
    """
    from scipy import sparse  # heavy, and needed for few signatures

    return sparse.block_diag(_level_matrices(channels, level), format="csr")


@functools.lru_cache(maxsize=16)
def lyndon_to_hall(channels: int, level: int) -> "sparse.csr_matrix":
    """The inverse of `hall_to_lyndon`, integer as well: both are bases of the free Lie ring.

    Raises as `hall_brackets` does, and where the entries leave the integers that float64 holds exactly.
    """
    from scipy import sparse  # heavy, and needed for few signatures

    inverses = []
    for k, matrix in enumerate(_level_matrices(channels, level), start=1):
        expansion = hall_expansion(channels, level)[k - 1]
        some_words = expansion.indices[expansion.indptr[:-1]]  # one of each bracket: all have the same letters
        rows, columns = (sorted_letters(w, channels, k) for w in (lyndon_positions(channels, k), some_words))
        inverses.append(inverse_by_letters(matrix, rows, columns, np.linalg.inv))
    return sparse.block_diag(inverses, format="csr")


def _level_matrices(channels: int, level: int) -> "list[sparse.csr_matrix]":
    from scipy import sparse  # heavy, and needed for few signatures

    expansions, projections = hall_expansion(channels, level), lyndon_projection(channels, level)
    return [
        sparse.csr_matrix(projection @ expansion.tocsr()[lyndon_positions(channels, k)])
        for k, (expansion, projection) in enumerate(zip(expansions, projections, strict=True), start=1)
    ]


def convert_basis(coordinates: Any, source: str, target: str, channels: int, level: int) -> jax.Array:
    """The `coordinates` of a Lie element in the basis `target`, from those in the basis `source`.

    Bases: "lyndon", "hall" (both with one coordinate for each Lyndon word) and "words" (the flat tensor, of
    sum_k channels^k entries). `coordinates`: last axis the coordinates, batched over leading axes. Linear and
    differentiable; between "lyndon" and "hall" the matrix has integer entries.

    Raises `InputError` for an unknown basis, another shape, NaN, or concrete "words" that are no Lie element to
    `LIE_TOLERANCE` (a signature in the place of its log, say); traced words are not looked at.

    >>> import roughntk as rn
    >>> rn.rough.convert_basis([1.0, 2.0, 3.0], "lyndon", "hall", channels=2, level=2).tolist()
    [1.0, 2.0, 3.0]
    """
    source, target = (_checks.choice(value, BASES, name) for value, name in ((source, "source"), (target, "target")))
    size = signature_size(channels, level)
    if not _checks.is_traced(coordinates):
        coordinates = _checks.real_array(coordinates, "coordinates")
    wanted = size if source == "words" else len(lyndon_words(channels, level))
    if coordinates.ndim == 0 or coordinates.shape[-1] != wanted:
        raise InputError(
            f"expected {wanted} coordinates in the basis {source!r} for {channels} channels and level {level} on the "
            f"last axis, got shape {coordinates.shape}"
        )
    coordinates = jnp.asarray(coordinates, float)
    flat = coordinates.reshape(-1, wanted)
    if source == "words" and not _checks.is_traced(flat):
        _check_lie(flat, channels, level)
    result = jax.vmap(lambda row: _convert(row, source, target, channels, level))(flat)
    return result.reshape(*coordinates.shape[:-1], result.shape[-1])


def _check_lie(rows: jax.Array, channels: int, level: int) -> None:
    errors, absolute, signatures = map(np.asarray, _lie_errors(rows, channels, level))
    rounding = (absolute <= TOLERANCE) & ~(signatures <= LIE_TOLERANCE)
    bad = np.flatnonzero(~(errors <= LIE_TOLERANCE) & ~rounding)
    if bad.size:
        raise InputError(
            f"expected the words of a Lie element, got an error of {float(errors[bad[0]]):.3g} in "
            f"{_checks.name_rows(bad)}; pass the logarithm of a signature, not the signature"
        )


@functools.partial(jax.jit, static_argnums=(1, 2))
def _lie_errors(rows: jax.Array, channels: int, level: int) -> tuple[jax.Array, ...]:
    """For each row its `lie_error`, that in absolute terms, and its distance from the signatures."""

    def errors(row: jax.Array) -> tuple[jax.Array, ...]:
        lie, group = (unflatten(row, channels, level, scalar=scalar) for scalar in (0.0, 1.0))
        return lie_error(lie), lie_error(lie, size=1.0), group_like_error(group)

    return jax.vmap(errors)(rows)


@functools.partial(jax.jit, static_argnums=(1, 2, 3, 4))
def _convert(row: jax.Array, source: str, target: str, channels: int, level: int) -> jax.Array:
    if source == target:
        return row
    if source == "words":
        row = tensor_to_lyndon(unflatten(row, channels, level, scalar=0.0))
    elif source == "hall":
        row = apply_constant(hall_to_lyndon(channels, level), row)
    if target == "words":
        return flatten(lyndon_to_tensor(row, channels, level))
    return row if target == "lyndon" else apply_constant(lyndon_to_hall(channels, level), row)
