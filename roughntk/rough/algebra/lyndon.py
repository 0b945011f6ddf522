"""The Lyndon basis of the free Lie algebra: words, brackets, and coordinates of Lie elements.

A Lyndon word is strictly smaller than every proper suffix of itself; bracketed by its standard factorisation it
gives a basis element [w] = w + larger words. Tensors are tuples of flat levels (see `layout`).

Source: Reutenauer1993, chapters 4 and 5 (Lyndon words, standard factorisation).
"""

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra.layout import Tensor, Word, check_tensor, real_values, signature_size

if TYPE_CHECKING:
    from scipy import sparse

#: The largest size, in bits, of a dimension that is computed: whole numbers of any size take as much memory and time.
MOST_BITS = 2**20


def witt_dimension(channels: int, length: int) -> int:
    """(1/k) sum_{m | k} mu(m) d^{k/m}: the number of Lyndon words of length k over d letters (Witt's
    formula).

    Raises `InputError` for what is no whole number of at least 1, and for a dimension of more than `MOST_BITS` bits.

    >>> import roughntk as rn
    >>> rn.rough.witt_dimension(2, 5)
    6
    """
    channels = _checks.integer(channels, "channels", least=1)
    length = _checks.integer(length, "length", least=1)
    if channels == 1:
        return int(length == 1)
    bits = length * math.log2(channels)
    if bits > MOST_BITS:
        raise InputError(
            f"expected a dimension of at most {MOST_BITS} bits, got one of about {bits:.3g}; lower the length"
        )
    return sum(_mobius(m) * channels ** (length // m) for m in range(1, length + 1) if length % m == 0) // length


def _mobius(number: int) -> int:
    sign, factor = 1, 2
    while number > 1:
        if number % factor == 0:
            number //= factor
            sign = -sign
            if number % factor == 0:
                return 0
        factor += 1
    return sign


@functools.lru_cache(maxsize=64)
def lyndon_words(channels: int, level: int) -> tuple[Word, ...]:
    """All Lyndon words of length <= `level` over the letters 1..`channels`, by length, then
    lexicographically.

    A Lyndon word is strictly smaller than every proper suffix of itself. Duval's generation algorithm.
    """
    signature_size(channels, level)
    if channels == 1:
        return ((1,),)
    words: list[Word] = []
    word = [0]
    while word:
        word[-1] += 1
        words.append(tuple(word))
        base = len(word)
        while len(word) < level:
            word.append(word[-base])
        while word and word[-1] == channels:
            word.pop()
    return tuple(sorted(words, key=lambda w: (len(w), w)))


@functools.lru_cache(maxsize=64)
def _factorisations(channels: int, level: int) -> dict[Word, tuple[Word, Word]]:
    words = lyndon_words(channels, level)
    known = set(words)
    return {
        word: next((word[:cut], word[cut:]) for cut in range(1, len(word)) if word[cut:] in known)
        for word in words
        if len(word) > 1
    }


def standard_factorisation(word: Word) -> tuple[Word, Word]:
    """w = u v with v the longest proper suffix of w that is a Lyndon word (u is then Lyndon too).

    Raises `InputError` if `word` is not a Lyndon word of at least two letters.
    """
    word = tuple(word)
    if len(word) < 2 or any(word[cut:] <= word for cut in range(1, len(word))):
        raise InputError(f"expected a Lyndon word of at least two letters, got {word}; see lyndon_words")
    # A suffix is Lyndon iff it is smaller than all of its own proper suffixes.
    for cut in range(1, len(word)):
        suffix = word[cut:]
        if all(suffix < suffix[k:] for k in range(1, len(suffix))):
            return word[:cut], suffix
    raise AssertionError("the last letter is always a Lyndon suffix")


def lyndon_brackets(channels: int, level: int) -> tuple[str, ...]:
    """The Lyndon basis as text, e.g. 1, 2, [1,2], [1,[1,2]], [[1,2],2]: [w] = [[u],[v]] by
    `standard_factorisation`.

    >>> import roughntk as rn
    >>> rn.rough.lyndon_brackets(2, 3)
    ('1', '2', '[1,2]', '[1,[1,2]]', '[[1,2],2]')
    """
    text: dict[Word, str] = {}
    pairs = _factorisations(channels, level)
    for word in lyndon_words(channels, level):
        text[word] = str(word[0]) if len(word) == 1 else "[{},{}]".format(*(text[part] for part in pairs[word]))
    return tuple(text.values())


def commutator(a: dict[int, int], length_a: int, b: dict[int, int], length_b: int, channels: int) -> dict[int, int]:
    """[a, b] = a (x) b - b (x) a of two homogeneous tensors given as {position in the level: integer}."""
    shift_a, shift_b = channels**length_a, channels**length_b
    result: dict[int, int] = {}
    for i, x in a.items():
        for j, y in b.items():
            left, right = i * shift_b + j, j * shift_a + i
            result[left] = result.get(left, 0) + x * y
            result[right] = result.get(right, 0) - x * y
    return {position: value for position, value in result.items() if value}


@functools.lru_cache(maxsize=16)
def lyndon_expansion(channels: int, level: int) -> "tuple[sparse.csc_matrix, ...]":
    """The brackets of the Lyndon basis expanded in words: level k has shape (channels^k, Witt dimension).

    Column w holds the bracket [w] of the w-th Lyndon word of length k, an exact integer combination of words
    that starts at w itself, with coefficient 1: [w] = w + larger words.
    """
    pairs = _factorisations(channels, level)
    expansions: dict[Word, dict[int, int]] = {}
    columns: list[list[dict[int, int]]] = [[] for _ in range(level)]
    for word in lyndon_words(channels, level):
        if len(word) == 1:
            expansions[word] = {word[0] - 1: 1}
        else:
            u, v = pairs[word]
            expansions[word] = commutator(expansions[u], len(u), expansions[v], len(v), channels)
        columns[len(word) - 1].append(expansions[word])
    return tuple(sparse_columns(part, channels**k) for k, part in enumerate(columns, start=1))


def sparse_columns(columns: list[dict[int, int]], height: int) -> "sparse.csc_matrix":
    """The sparse float64 matrix of shape (height, len(columns)) with the given {row: value} columns."""
    from scipy import sparse  # heavy, and needed for few signatures

    starts = np.cumsum([0, *(len(column) for column in columns)])
    rows = np.array([row for column in columns for row in column], dtype=np.int64)
    values = np.array([value for column in columns for value in column.values()], dtype=np.float64)
    matrix = sparse.csc_matrix((values, rows, starts), shape=(height, len(columns)))
    matrix.sort_indices()
    return matrix


@functools.lru_cache(maxsize=64)
def lyndon_positions(channels: int, length: int) -> np.ndarray:
    """The positions, in the flat level `length`, of the Lyndon words of that length."""
    weights = channels ** np.arange(length - 1, -1, -1)
    words = [word for word in lyndon_words(channels, length) if len(word) == length]
    return (np.array(words, dtype=np.int64).reshape(-1, length) - 1) @ weights


@functools.lru_cache(maxsize=16)
def lyndon_projection(channels: int, level: int) -> "tuple[sparse.csr_matrix, ...]":
    """For each level the matrix (Witt dimension, Witt dimension) taking the Lyndon-word entries of a Lie
    element to its Lyndon coordinates: the inverse of the unit lower triangular integer matrix ([w])_v.

    By forward substitution, exact in integers. Its entries grow with the level, and with them the rounding of
    the coordinates: for two channels the largest is 6, 60, 7560, 3424680 at level 6, 8, 10, 12.
    Raises `InputError` where they leave the integers that float64 holds exactly.
    """
    inverses = []
    for k, expansion in enumerate(lyndon_expansion(channels, level), start=1):
        positions = lyndon_positions(channels, k)
        letters = sorted_letters(positions, channels, k)
        inverses.append(inverse_by_letters(expansion.tocsr()[positions], letters, letters, _triangular_inverse))
    return tuple(inverses)


def _triangular_inverse(block: np.ndarray) -> np.ndarray:
    inverse = np.eye(len(block))
    for i in range(1, len(block)):
        inverse[i] -= block[i, :i] @ inverse[:i]
    return inverse


def sorted_letters(positions: Any, channels: int, length: int) -> np.ndarray:
    """The position of each word with its letters sorted: equal for words that are permutations of each other."""
    weights = channels ** np.arange(length)
    return np.sort(np.asarray(positions, np.int64)[:, None] // weights % channels, axis=1) @ weights


def inverse_by_letters(
    matrix: Any, rows: np.ndarray, columns: np.ndarray, invert: Callable[[np.ndarray], np.ndarray]
) -> "sparse.csr_matrix":
    """The inverse of an integer matrix, integer itself, that joins only rows and columns of the same letters.

    `rows` and `columns` label them (`sorted_letters`); each block is inverted by `invert`, which may leave
    roundings below 1/2. Raises `InputError` if a product of entries leaves the integers that float64 holds.
    """
    from scipy import sparse  # heavy, and needed for few signatures

    if not matrix.shape[0]:
        return sparse.csr_matrix(matrix.shape[::-1])
    row_order, column_order = np.argsort(rows, kind="stable"), np.argsort(columns, kind="stable")
    ordered = matrix.tocsr()[row_order][:, column_order]
    ends = np.cumsum(np.unique(rows, return_counts=True)[1])
    inverses = []
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        block = ordered[start:end, start:end].toarray()
        inverse = np.rint(invert(block))
        # Below 2^53 every sum of products of integers is exact, so that the comparison proves the inverse.
        exact = (np.abs(block) @ np.abs(inverse)).max() < 2**53
        if not exact or not np.array_equal(block @ inverse, np.eye(end - start)):
            raise InputError(
                "expected a level at which the change between bases of the free Lie algebra is exact in float64, got "
                "one beyond; lower the level, or use words"
            )
        inverses.append(inverse)
    blocks = sparse.block_diag([sparse.csr_matrix(inverse) for inverse in inverses], format="csr")
    return blocks[np.argsort(column_order)][:, np.argsort(row_order)]


def apply_constant(matrix: Any, vector: jax.Array) -> jax.Array:
    """matrix @ vector for a constant sparse matrix, differentiable in the vector."""
    entries = matrix.tocoo()
    if matrix.shape == (entries.nnz, entries.nnz) and (entries.row == entries.col).all() and (entries.data == 1).all():
        return vector
    values = jnp.asarray(entries.data, vector.dtype)
    return jnp.zeros(matrix.shape[0], vector.dtype).at[entries.row].add(values * vector[entries.col])


@jax.jit
def tensor_to_lyndon(lie: Tensor) -> jax.Array:
    """The coefficients c of a Lie element x = sum_w c_w [w] in the Lyndon basis, one flat vector over the
    words of
    `lyndon_words`. The entries of x at the Lyndon words determine it; nothing checks that x is a Lie element.
    Raises `InputError` for what is no tensor, and for NaN in concrete levels.
    """
    lie = check_tensor(lie)
    channels, level = lie[1].shape[0], len(lie) - 1
    if channels == 1:
        return lie[1]
    projections = lyndon_projection(channels, level)
    picked = [part[lyndon_positions(channels, k)] for k, part in enumerate(lie[1:], start=1)]
    return jnp.concatenate([apply_constant(matrix, part) for matrix, part in zip(projections, picked, strict=True)])


def lyndon_to_tensor(coordinates: jax.Array, channels: int, level: int) -> Tensor:
    """sum_w c_w [w] as a tensor with scalar part 0; `coordinates` has one entry for each word of
    `lyndon_words`.

    Raises `InputError` if the number of coordinates is not that of the Lyndon words, and for NaN in concrete ones.
    """
    coordinates = real_values(coordinates, "coordinates")
    count = len(lyndon_words(channels, level))
    if coordinates.shape != (count,):
        raise InputError(
            f"expected {count} Lyndon coordinates for {channels} channels and level {level}, "
            f"got shape {coordinates.shape}; use jax.vmap for batches"
        )
    return _expand_brackets(coordinates, channels, level)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _expand_brackets(coordinates: jax.Array, channels: int, level: int) -> Tensor:
    zero = jnp.zeros(1, coordinates.dtype)
    if channels == 1:
        return (zero, coordinates, *(zero for _ in range(2, level + 1)))
    expansions = lyndon_expansion(channels, level)
    ends = np.cumsum([matrix.shape[1] for matrix in expansions])[:-1]
    parts = jnp.split(coordinates, ends)
    return (zero, *(apply_constant(matrix, part) for matrix, part in zip(expansions, parts, strict=True)))
