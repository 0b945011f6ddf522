"""The shuffle product of words and its dual, and what they tell: is a tensor group-like, is it a Lie element?

Words are linear functionals on tensors, <x, w> being the entry of x at w. On a signature the product of two
entries is again a sum of entries, <x, u><x, v> = <x, u sh v>, u sh v running over all ways to merge u and v.
The half-shuffle u > v keeps those that end with the last letter of v: S^{u > v} is the integral of S^u
against dS^v, and u sh v = u > v + v > u.

Tensors are tuples of flat levels (see `layout`); functionals have the same layout, f^k being the coefficients
of the words of length k. Functions are written for one tensor; `jax.vmap` gives the batched ones.

Source: Reutenauer1993, chapter 1 (shuffles; Friedrichs' and Dynkin's criteria).
"""

import functools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra import operations as algebra
from roughntk.rough.algebra.layout import Tensor, Word, check_tensor

#: The default tolerance of `is_group_like` and `is_lie`: above the rounding of about 10^5 products.
TOLERANCE = 1e-10


def _word(value: Any, name: str) -> Word:
    """A word as a tuple of whole numbers."""
    is_array = isinstance(value, np.ndarray) and value.ndim > 0
    if isinstance(value, str | bytes) or not (is_array or isinstance(value, Sequence)):
        raise InputError(
            f"expected {name} to be a sequence of letters, whole numbers such as (1, 2), got {value!r}; pass a tuple"
        )
    return tuple(_checks.integer(letter, f"a letter of {name}", least=0) for letter in value)


def shuffle_words(u: Word, v: Word) -> dict[Word, int]:
    """u sh v as {word: multiplicity}; the multiplicities add up to binomial(|u| + |v|, |u|).

    (u' a) sh (v' b) = (u' sh v' b) a + (u' a sh v') b, row by row over the beginnings of u and v.
    Raises `InputError` where the words, binomial(|u| + |v|, |u|) of them at most, exceed the memory limit.

    >>> import roughntk as rn
    >>> rn.rough.shuffle_words((1,), (1, 2)) == {(1, 1, 2): 2, (1, 2, 1): 1}
    True
    """
    u, v = _word(u, "u"), _word(v, "v")
    short, long = sorted((u, v), key=len)
    merged = _merged_words(len(short), len(long))
    # A word takes 8 bytes a letter, and about 200 as a key; two rows are held.
    _checks.memory(
        16.0 * merged * (len(u) + len(v) + 25),
        f"the shuffles of words of {len(u)} and {len(v)} letters",
        "shorten them",
    )
    row = [Counter({long[:j]: 1}) for j in range(len(long) + 1)]
    for i, letter in enumerate(short, start=1):
        after = [Counter({short[:i]: 1})]
        for j, other in enumerate(long, start=1):
            shuffles = Counter({(*word, letter): count for word, count in row[j].items()})
            for word, count in after[-1].items():
                shuffles[(*word, other)] += count
            after.append(shuffles)
        row = after
    return dict(row[-1])


def _merged_words(short: int, long: int) -> float:
    """sum over the beginnings of the longer word of binomial(short + j, short): binomial(short + long + 1, long)."""
    log = math.lgamma(short + long + 2) - math.lgamma(long + 1) - math.lgamma(short + 2)
    return math.exp(log) if log < 700 else math.inf


def half_shuffle_words(u: Word, v: Word) -> dict[Word, int]:
    """u > v = (u sh v') b for v = v' b, as {word: multiplicity}.

    Raises `InputError` if v is empty, where it is not defined.
    """
    u, v = tuple(u), tuple(v)
    if not v:
        raise InputError(
            "expected a second word v of at least one letter, got the empty word, with which u > v is not defined; "
            "give v a letter, or take shuffle_words"
        )
    return {(*word, v[-1]): count for word, count in shuffle_words(u, v[:-1]).items()}


def pairing(tensor: Tensor, functional: Tensor) -> jax.Array:
    """<x, f> = sum_k sum_{|w| = k} f_w x^w. Raises `InputError` if levels or channels differ, for what is no tensor,
    and for NaN in concrete levels."""
    tensor, functional = algebra.check_alike(tensor, functional)
    return sum((x @ f for x, f in zip(tensor, functional, strict=True)), jnp.zeros(()))


def shuffle_pairing(tensor: Tensor, left: int, right: int) -> jax.Array:
    """The matrix <x, u sh v>, u over the words of length `left`, v over those of length `right`.

    Shape (d^left, d^right), in lexicographic order. For a group-like x it is the outer product of x^left and
    x^right. Raises `InputError` if left or right is below 0 or left + right beyond the level of x.
    """
    return _pairing_matrix(tensor, left, right, False)


def half_shuffle_pairing(tensor: Tensor, left: int, right: int) -> jax.Array:
    """The matrix <x, u > v>, u over the words of length `left`, v over those of length `right` >= 1.

    Shape (d^left, d^right). Raises `InputError` as `shuffle_pairing` does, and for right = 0.
    """
    _checks.integer(right, "right", least=1)
    return _pairing_matrix(tensor, left, right, True)


def _pairing_matrix(tensor: Tensor, left: int, right: int, half: bool) -> jax.Array:
    tensor = check_tensor(tensor)
    left, right = _checks.integer(left, "left", least=0), _checks.integer(right, "right", least=0)
    length, channels = left + right, tensor[1].shape[0]
    if length >= len(tensor):
        raise InputError(
            f"expected word lengths that add up to at most the level {len(tensor) - 1}, got {left} + {right}; "
            f"compute the tensor to a higher level"
        )
    if length == 0:
        return tensor[0][:, None]
    return _pairings(tensor, half)[length - 1][left].reshape(channels**left, channels**right)


@functools.partial(jax.jit, static_argnums=1)
def _pairings(tensor: Tensor, half: bool) -> list[jax.Array]:
    """For n = 1..N the entries <x, u sh v>, |u| = i, |v| = n - i, as row i of an array (n + 1, d^n); or
    <x, u > v> as an array (n, d^n).

    All levels are swept at once, letter by letter: merges_n[i, uv, w] = <x, (u sh v) w> for the words w that are
    left over, of any length. The last letter of u sh v is the last of v, or the last of u:
    merges_n[i, uv, w] = merges_{n-1}[i, uv', b w] + merges_{n-1}[i - 1, u'v, a w] for u = u'a, v = v'b.
    """
    channels, level = tensor[1].shape[0], len(tensor) - 1
    merges = jnp.concatenate(tensor)[None, None]
    by_length = []
    for n in range(1, level + 1):
        size = channels**n
        opened = merges[:, :, _next_letter(channels, level - n)].reshape(n, size, -1)
        moved = opened.reshape(n * size, -1)[_letter_to_end(channels, n)]
        blank = jnp.zeros_like(opened[:1])
        merges = jnp.concatenate([opened, blank]) + jnp.concatenate([blank, moved])
        by_length.append((opened if half else merges)[:, :, 0])
    return by_length


def _next_letter(channels: int, level: int) -> np.ndarray:
    """Where the word a w, |w| <= `level`, is among the words by length: shape (channels, number of words w)."""
    blocks = []
    for length in range(level + 1):
        before = sum(channels**k for k in range(length + 1))
        blocks.append(before + np.arange(channels ** (length + 1)).reshape(channels, -1))
    return np.concatenate(blocks, axis=1)


def _letter_to_end(channels: int, length: int) -> np.ndarray:
    """Row i - 1, for i = 1..n: where the word with its i-th letter moved to its end is, in block i - 1 of n."""
    words = np.arange(channels**length).reshape((channels,) * length)
    return np.stack([i * words.size + np.moveaxis(words, -1, i).ravel() for i in range(length)])


def shuffle_product(f: Tensor, g: Tensor) -> Tensor:
    """(f sh g) = sum_{u,v} f_u g_v (u sh v), truncated: commutative, with unit (1, 0, ..., 0).

    <x, f sh g> = <x, f><x, g> for group-like x, where no word of f and g is longer than the level of x halved.
    Raises `InputError` as `pairing` does.
    """
    f, g = algebra.check_alike(f, g)
    return _words_product(f, g, False)


def half_shuffle_product(f: Tensor, g: Tensor) -> Tensor:
    """(f > g) = sum_{u,v} f_u g_v (u > v), truncated; g_1, the coefficient of the empty word, must be 0.

    f sh g = f > g + g > f where both have no scalar part. Raises `InputError` as `pairing` does, and if the scalar
    part of g is not 0 (a traced one is not looked at, and ignored).
    """
    f, g = algebra.check_alike(f, g)
    if not _checks.is_traced(g[0]) and float(g[0][0]) != 0:
        raise InputError(
            f"expected a second functional without scalar part, got {float(g[0][0])}, with which f > g is not defined; "
            f"set its level 0 to 0, or take shuffle_product"
        )
    return _words_product(f, g, True)


@functools.partial(jax.jit, static_argnums=2)
def _words_product(f: Tensor, g: Tensor, half: bool) -> Tensor:
    # Dual to the pairing: <x, f sh g> is the sum of the pairing matrices of x against f (x) g.
    weights = [jnp.stack([algebra.outer(f[i], g[n - i]) for i in range(n + 1 - half)]) for n in range(1, len(f))]
    transpose = jax.linear_transpose(lambda tensor: _pairings(tensor, half), f)
    (levels,) = transpose(weights)
    return (jnp.zeros_like(f[0]) if half else f[0] * g[0], *levels[1:])


def group_like_error(tensor: Tensor, *, size: Any = None) -> jax.Array:
    """How far x is from satisfying <x, u><x, v> = <x, u sh v> for all words with |u| + |v| <= N, and x^0 = 1.

    The largest of |x^0 - 1| and |<x, u><x, v> - <x, u sh v>| / |x|^{|u| + |v|}, |x| = max_k (largest entry of
    x^k)^{1/k}: `dilate` does not change it. What underflow leaves does not count.
    `size`: what to take for |x|, where x is what rounding has left of something larger: the signature of a path that
    retraces its steps is to be measured by the length of the path.
    Raises `InputError` for what is no tensor, for a size that is no number above 0, and in 32-bit mode.
    Source: Reutenauer1993, chapter 3 (group-like elements).
    """
    return _group_like_error(*_measured(tensor, size))


@jax.jit
def _group_like_error(tensor: Tensor, given: jax.Array | None) -> jax.Array:
    x, whole, factor = _in_units(tensor, given)
    errors = [jnp.abs(x[0][0] - 1)]
    for n, pairings in enumerate(_pairings(x, False), start=1):
        for i in range(1, n // 2 + 1):
            gap = algebra.largest(pairings[i] - algebra.outer(x[i], x[n - i]))
            errors.append(algebra.relative(gap, whole, factor, n))
    return algebra.largest(jnp.stack(errors))


def is_group_like(tensor: Tensor, tolerance: float = TOLERANCE, *, size: Any = None) -> jax.Array:
    """Whether `group_like_error` is at most `tolerance`; signatures are group-like, Ito signatures are not.

    A boolean array of shape (); NaN is not group-like. Raises `InputError` as `group_like_error` does, and for a
    tolerance below 0 or NaN.

    >>> import roughntk as rn
    >>> import jax.numpy as jnp
    >>> square = (jnp.ones(1), jnp.array([1.0, 2.0]), jnp.array([0.5, 1.0, 1.0, 2.0]))
    >>> bool(rn.rough.is_group_like(square))
    True
    """
    return group_like_error(tensor, size=size) <= _tolerance(tolerance)


def dynkin(tensor: Tensor) -> Tensor:
    """Dynkin's map, linear: the word a1 a2 ... an goes to [[...[a1, a2], ...], an]; level 0 goes to 0.

    x^n is a Lie element iff the map takes it to n x^n, so that dividing by n makes it a projection onto them.
    Raises `InputError` for what is no tensor, and for NaN in concrete levels.
    """
    return _dynkin(check_tensor(tensor))


@jax.jit
def _dynkin(tensor: Tensor) -> Tensor:
    channels, level = tensor[1].shape[0], len(tensor) - 1
    # All levels at once, letter by letter: r(w a) = r(w) a - a r(w), the rest of the word being left over.
    images = jnp.concatenate(tensor)[None]
    levels = [jnp.zeros_like(tensor[0])]
    for n in range(1, level + 1):
        opened = images[:, _next_letter(channels, level - n)]
        images = opened.reshape(channels**n, -1)
        if n > 1:
            images = images - opened.swapaxes(0, 1).reshape(channels**n, -1)
        levels.append(images[:, 0])
    return tuple(levels)


def lie_error(tensor: Tensor, *, size: Any = None) -> jax.Array:
    """How far x is from a Lie element: the largest entry of |x^n - dynkin(x)^n / n| / |x|^n, |x| as in
    `group_like_error`, which has the arguments and the errors.

    Level 0 counts with |x^0|, which is 0 for a Lie element.
    Source: Reutenauer1993, chapter 1 (Dynkin, Specht, Wever).
    """
    return _lie_error(*_measured(tensor, size))


@jax.jit
def _lie_error(tensor: Tensor, given: jax.Array | None) -> jax.Array:
    x, whole, factor = _in_units(tensor, given)
    errors = [jnp.abs(x[0][0])]
    for n, image in enumerate(_dynkin(x)[1:], start=1):
        errors.append(algebra.relative(algebra.largest(x[n] - image / n), whole, factor, n))
    return algebra.largest(jnp.stack(errors))


def is_lie(tensor: Tensor, tolerance: float = TOLERANCE, *, size: Any = None) -> jax.Array:
    """Whether `lie_error` is at most `tolerance`; logarithms of signatures are Lie elements.

    A boolean array of shape (); NaN is no Lie element. Raises `InputError` as `lie_error` does, and for a tolerance
    below 0 or NaN.

    >>> import roughntk as rn
    >>> import jax.numpy as jnp
    >>> bracket = (jnp.zeros(1), jnp.zeros(2), jnp.array([0.0, 1.0, -1.0, 0.0]))
    >>> bool(rn.rough.is_lie(bracket))
    True
    """
    return lie_error(tensor, size=size) <= _tolerance(tolerance)


def _measured(tensor: Tensor, size: Any) -> tuple[Tensor, jax.Array | None]:
    _checks.require_x64("a test for group-like and Lie elements")
    tensor = check_tensor(tensor, finite=False)
    if size is None or _checks.is_traced(size):
        return tensor, size
    number = _checks.number(size, "size", above=0, remedy="pass the length of the path, or leave it out")
    return tensor, jnp.asarray(number)


def _in_units(tensor: Tensor, given: jax.Array | None) -> tuple[Tensor, jax.Array, jax.Array]:
    x, whole, factor = algebra.normalised(tensor)
    if given is not None:
        whole = jnp.where(jnp.isnan(whole), whole, given * factor)
    return x, whole, factor


def _tolerance(value: Any) -> float:
    return _checks.number(value, "tolerance", least=0, infinite=True, remedy=f"the default is {TOLERANCE}")
