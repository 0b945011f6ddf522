"""The truncated tensor algebra T^N(R^d) = R + R^d + ... + (R^d)^{(x)N}, and the Lyndon basis of its Lie
elements.

A *tensor* here is a tuple of N + 1 arrays, level k being flat, of shape (d**k,), in lexicographic word order
(the entry of the word i1 i2 ... ik, letters from 1, is at sum_m (i_m - 1) d^{k-m}); level 0 has shape (1,).
Functions of tensors are written for one tensor, in `jax.numpy`; `jax.vmap` gives the batched ones.
A *flat* signature is levels 1..N joined end to end, without the leading 1.

Sources: Reutenauer, Free Lie Algebras (Lyndon words, standard factorisation); Lyons, Caruana, Levy,
Differential Equations Driven by Rough Paths (Chen's identity, tensor norms).
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from roughntk import _checks
from roughntk._checks import InputError

Tensor = tuple[jax.Array, ...]
Word = tuple[int, ...]

#: The largest array, in bytes, that a function of this room allocates for one result.
MEMORY_LIMIT = 2 * 2**30


def check_memory(entries: float, what: str, remedy: str) -> None:
    """Raise `InputError` if `entries` float64 numbers take more than `MEMORY_LIMIT` bytes.

    The message says how much memory `what` would take, and the `remedy`.
    """
    size = 8.0 * entries
    if size > MEMORY_LIMIT:
        shown = f"{size / 2**30:.3g} GiB" if math.isfinite(size) else "more than 1e299 GiB"
        raise InputError(
            f"expected {what} to fit in {MEMORY_LIMIT / 2**30:.3g} GiB, got one that takes {shown}; {remedy}"
        )


def signature_size(channels: int, level: int) -> int:
    """sum_{k=1}^{level} channels^k, the length of a flat signature.

    Raises `InputError` where that many float64 numbers exceed `MEMORY_LIMIT` (naming the memory).
    """
    channels = _checks.integer(channels, "channels", least=1)
    level = _checks.level(level)
    try:
        entries = float(level) if channels == 1 else channels * (float(channels) ** level - 1) / (channels - 1)
    except OverflowError:
        entries = math.inf
    check_memory(
        entries,
        f"a signature of level {level} in {channels} channels",
        "lower the level or use fewer channels",
    )
    return level if channels == 1 else channels * (channels**level - 1) // (channels - 1)


# The algebra


def identity(channels: int, level: int) -> Tensor:
    """The unit (1, 0, ..., 0) of T^level(R^channels)."""
    return (jnp.ones(1), *(jnp.zeros(channels**k) for k in range(1, level + 1)))


@jax.jit
def flatten(tensor: Tensor) -> jax.Array:
    """Levels 1..N of `tensor` as one vector of sum_k d^k entries; level 0 is dropped."""
    return jnp.concatenate(tensor[1:])


def unflatten(flat: jax.Array, channels: int, level: int, *, scalar: float = 1.0) -> Tensor:
    """The tensor whose levels 1..N are `flat` and whose level 0 is `scalar` (1 for a signature, 0 for its
    log).

    Raises `InputError` if `flat` does not have shape (sum_k channels^k,).
    """
    flat = jnp.asarray(flat)
    size = signature_size(channels, level)
    if flat.shape != (size,):
        raise InputError(
            f"expected a flat tensor of shape ({size},) for {channels} channels and level {level}, "
            f"got shape {flat.shape}; leave out the leading 1 and use jax.vmap for batches"
        )
    return _split(flat, channels, level, scalar)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _split(flat: jax.Array, channels: int, level: int, scalar: float) -> Tensor:
    ends = np.cumsum([channels**k for k in range(1, level + 1)])[:-1]
    return (jnp.full(1, scalar, flat.dtype), *jnp.split(flat, ends))


def outer(a: jax.Array, b: jax.Array) -> jax.Array:
    """a (x) b of two flat levels: shape (len(a) * len(b),)."""
    return (a[:, None] * b[None, :]).ravel()


@jax.jit
def product(a: Tensor, b: Tensor) -> Tensor:
    """(a (x) b)^n = sum_{k=0}^n a^k (x) b^{n-k}; for signatures this is Chen's identity.

    Raises `InputError` if the two have different levels or channels.
    """
    if [x.shape for x in a] != [x.shape for x in b]:
        raise InputError(
            f"expected two tensors of the same level and channels, got level shapes "
            f"{[x.shape for x in a]} and {[x.shape for x in b]}; truncate the longer one"
        )
    return tuple(sum(outer(a[k], b[n - k]) for k in range(n + 1)) for n in range(len(a)))  # type: ignore[misc]


@functools.partial(jax.jit, static_argnums=1)
def exp(increment: jax.Array, level: int) -> Tensor:
    """exp(dx) = (1, dx, dx^{(x)2}/2!, ..., dx^{(x)N}/N!), the signature of one straight piece dx of shape
    (d,).
    """
    levels = [jnp.ones(1, increment.dtype)]
    for k in range(1, level + 1):
        levels.append(outer(levels[-1], increment / k))
    return tuple(levels)


@jax.jit
def multiply_exp(tensor: Tensor, increment: jax.Array) -> Tensor:
    """tensor (x) exp(dx) for a `tensor` with scalar part 1, by Horner's scheme, exp(dx) never being formed:

    level n gains (...((dx/n + S^1) (x) dx/(n-1) + S^2) (x) dx/(n-2) + ... + S^{n-1}) (x) dx.
    """
    levels = [tensor[0]]
    for n in range(1, len(tensor)):
        gain = increment / n
        for k in range(1, n):
            gain = outer(gain + tensor[k], increment / (n - k))
        levels.append(tensor[n] + gain)
    return tuple(levels)


@jax.jit
def log(tensor: Tensor) -> Tensor:
    """log(1 + x) = x - x^2/2 + x^3/3 - ... (finite, x having no scalar part) of a `tensor` = 1 + x.

    The scalar part is taken to be 1; the result has scalar part 0.
    """
    level = len(tensor) - 1

    def times_x(value: list[jax.Array], n: int) -> jax.Array:
        return sum(outer(tensor[m], value[n - m]) for m in range(1, n + 1))  # type: ignore[return-value]

    # Horner: log(1 + x) = x (1 - x (1/2 - x (1/3 - ...))), the k-th bracket being needed up to level N - k
    # only.
    one = jnp.ones_like(tensor[0])
    value = [one / level]
    for k in range(level - 1, 0, -1):
        value = [one / k, *(-times_x(value, n) for n in range(1, level - k + 1))]
    return (jnp.zeros_like(one), *(times_x(value, n) for n in range(1, level + 1)))


@jax.jit
def inverse(tensor: Tensor) -> Tensor:
    """The inverse b of a `tensor` a with scalar part 1: b^0 = 1, b^n = -sum_{k=1}^n a^k (x) b^{n-k}.

    For a signature it is the signature of the reversed path; `antipode` gives that without rounding.
    """
    levels = [jnp.ones_like(tensor[0])]
    for n in range(1, len(tensor)):
        levels.append(-sum(outer(tensor[k], levels[n - k]) for k in range(1, n + 1)))  # type: ignore[arg-type]
    return tuple(levels)


@jax.jit
def antipode(tensor: Tensor) -> Tensor:
    """The antipode: the entry of a word of length k is (-1)^k times that of the reversed word.

    It is the inverse of every group-like tensor, hence of every signature (reversed path), by permutation
    only.
    """
    channels = tensor[1].shape[0]
    levels = [tensor[0]]
    for k, part in enumerate(tensor[1:], start=1):
        levels.append((-1.0) ** k * part.reshape((channels,) * k).transpose().ravel())
    return tuple(levels)


def norm(part: Any, kind: str = "l1") -> jax.Array:
    """The norm of one level (last axis flat), batched over leading axes.

    "l1": the entrywise sum of absolute values. With the l1 norm on R^d this is the projective norm, at every
    level. "l2": the Hilbert-Schmidt norm (root of the sum of squares). With the l2 norm on R^d the projective
    norm is the nuclear norm at level 2 and NP-hard to compute beyond; Hilbert-Schmidt is the equivalent one
    offered here.

    Raises `InputError` for any other `kind`.
    """
    kind = _checks.choice(kind, ("l1", "l2"), "norm")
    part = jnp.asarray(part)
    return jnp.sum(jnp.abs(part), -1) if kind == "l1" else jnp.sqrt(jnp.sum(part * part, -1))


# The Lyndon basis of the free Lie algebra


def witt_dimension(channels: int, length: int) -> int:
    """(1/k) sum_{m | k} mu(m) d^{k/m}: the number of Lyndon words of length k over d letters (Witt's
    formula).
    """
    channels = _checks.integer(channels, "channels", least=1)
    length = _checks.integer(length, "length", least=1)
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
    found: list[Word] = []
    word = [0]
    while word:
        word[-1] += 1
        found.append(tuple(word))
        base = len(word)
        while len(word) < level:
            word.append(word[-base])
        while word and word[-1] == channels:
            word.pop()
    return tuple(sorted(found, key=lambda w: (len(w), w)))


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
def lyndon_expansion(channels: int, level: int) -> tuple[sparse.csc_matrix, ...]:
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


def sparse_columns(columns: list[dict[int, int]], height: int) -> sparse.csc_matrix:
    """The sparse float64 matrix of shape (height, len(columns)) with the given {row: value} columns."""
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
def lyndon_projection(channels: int, level: int) -> tuple[sparse.csr_matrix, ...]:
    """For each level the matrix (Witt dimension, Witt dimension) taking the Lyndon-word entries of a Lie
    element to its Lyndon coordinates: the inverse of the unit lower triangular integer matrix ([w])_v.

    With ([w])_v = I + L, L strictly lower triangular, it is the finite sum I - L + L^2 - ..., exact in
    integers.
    """
    inverses = []
    for k, expansion in enumerate(lyndon_expansion(channels, level), start=1):
        square = expansion.tocsr()[lyndon_positions(channels, k)]
        total = sparse.identity(square.shape[0], format="csr")
        lower = (total - square).tocsr()
        lower.eliminate_zeros()
        term = lower
        while term.nnz:
            total = total + term
            term = (term @ lower).tocsr()
            term.eliminate_zeros()
        inverses.append(total.tocsr())
    return tuple(inverses)


def _apply(matrix: Any, vector: jax.Array) -> jax.Array:
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
    """
    channels, level = lie[1].shape[0], len(lie) - 1
    if channels == 1:
        return lie[1]
    projections = lyndon_projection(channels, level)
    picked = [part[lyndon_positions(channels, k)] for k, part in enumerate(lie[1:], start=1)]
    return jnp.concatenate([_apply(matrix, part) for matrix, part in zip(projections, picked, strict=True)])


def lyndon_to_tensor(coordinates: jax.Array, channels: int, level: int) -> Tensor:
    """sum_w c_w [w] as a tensor with scalar part 0; `coordinates` has one entry for each word of
    `lyndon_words`.

    Raises `InputError` if the number of coordinates is not that of the Lyndon words.
    """
    coordinates = jnp.asarray(coordinates)
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
    return (zero, *(_apply(matrix, part) for matrix, part in zip(expansions, parts, strict=True)))
