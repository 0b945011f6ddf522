"""Products, exponentials and inverses in the truncated tensor algebra T^N(R^d).

Tensors are tuples of flat levels (see `layout`). Functions are written for one tensor, in `jax.numpy`, and
can be differentiated; `jax.vmap` gives the batched ones.

Sources: Reutenauer1993; LyonsCaruanaLevy2007
(Chen's identity).
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra.layout import Tensor, check_tensor, real_values, signature_size


def outer(a: jax.Array, b: jax.Array) -> jax.Array:
    """a (x) b of two flat levels: shape (len(a) * len(b),)."""
    return (a[:, None] * b[None, :]).ravel()


def product(a: Tensor, b: Tensor) -> Tensor:
    """(a (x) b)^n = sum_{k=0}^n a^k (x) b^{n-k}; for signatures this is Chen's identity.

    Raises `InputError` if the two have different levels or channels, for what is no tensor, and for NaN in concrete
    levels, as all functions of this module do.
    """
    return _product(*check_alike(a, b))


@jax.jit
def _product(a: Tensor, b: Tensor) -> Tensor:
    return tuple(sum(outer(a[k], b[n - k]) for k in range(n + 1)) for n in range(len(a)))  # type: ignore[misc]


def check_alike(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The two as tensors of float arrays. Raises `InputError` if they have different levels or channels, and as
    `check_tensor` does."""
    a, b = check_tensor(a, "a"), check_tensor(b, "b")
    if [x.shape for x in a] != [x.shape for x in b]:
        raise InputError(
            f"expected two tensors of the same level and channels, got level shapes "
            f"{[x.shape for x in a]} and {[x.shape for x in b]}; truncate the longer one"
        )
    return a, b


def bracket(a: Tensor, b: Tensor) -> Tensor:
    """[a, b] = a (x) b - b (x) a. Raises as `product` does."""
    return _bracket(*check_alike(a, b))


@jax.jit
def _bracket(a: Tensor, b: Tensor) -> Tensor:
    return jax.tree.map(jnp.subtract, _product(a, b), _product(b, a))


def exp(element: Any, level: int | None = None) -> Tensor:
    """exp(x) = 1 + x + x^2/2! + ... + x^N/N!, truncated at level N.

    `element` an array dx of shape (d,), with the `level` N: (1, dx, dx^{(x)2}/2!, ..., dx^{(x)N}/N!), the
    signature of one straight piece dx. `element` a tensor x, whose own level is N: the exponential of x,
    group-like if x is a Lie element; a scalar part x^0 contributes the factor e^{x^0}.
    Raises `InputError` for another shape, a bad level, NaN in a concrete dx or tensor, or a result beyond
    the memory that is free.
    """
    if isinstance(element, tuple):
        element = check_tensor(element)
        if level is not None and level != len(element) - 1:
            raise InputError(
                f"expected the level of the tensor itself, {len(element) - 1}, got {level}; leave it out, it is for "
                f"increments"
            )
        return _exp_tensor(element)
    if not _checks.is_traced(element):
        element = jnp.asarray(_checks.real_array(element, "increment"))
    if element.ndim != 1:
        raise InputError(
            f"expected an increment of shape (channels,), got shape {element.shape}; use jax.vmap for many"
        )
    level = _checks.level(level)
    signature_size(element.shape[0], level)
    return _exp_increment(element, level)


@functools.partial(jax.jit, static_argnums=1)
def _exp_increment(increment: jax.Array, level: int) -> Tensor:
    levels = [jnp.ones(1, increment.dtype)]
    for k in range(1, level + 1):
        levels.append(outer(levels[-1], increment / k))
    return tuple(levels)


@jax.jit
def _exp_tensor(tensor: Tensor) -> Tensor:
    series = _power_series(tensor, [1 / math.factorial(k) for k in range(len(tensor))])
    factor = jnp.exp(tensor[0])
    return tuple(factor * part for part in series)


def _power_series(tensor: Tensor, coefficients: Sequence[float]) -> Tensor:
    """sum_k c_k x^k for the levels 1..N of `tensor` (its scalar part is left out), k = 0..N."""
    level = len(tensor) - 1

    def times_x(value: list[jax.Array], n: int) -> jax.Array:
        return sum(outer(tensor[m], value[n - m]) for m in range(1, n + 1))  # type: ignore[return-value]

    # Horner: c_0 + x (c_1 + x (c_2 + ...)), the k-th bracket being needed up to level N - k only.
    one = jnp.ones_like(tensor[0])
    value = [one * coefficients[level]]
    for k in range(level - 1, -1, -1):
        value = [one * coefficients[k], *(times_x(value, n) for n in range(1, level - k + 1))]
    return tuple(value)


def multiply_exp(tensor: Tensor, increment: jax.Array) -> Tensor:
    """tensor (x) exp(dx) for a `tensor` with scalar part 1, by Horner's scheme, exp(dx) never being formed:

    level n gains (...((dx/n + S^1) (x) dx/(n-1) + S^2) (x) dx/(n-2) + ... + S^{n-1}) (x) dx.
    Raises `InputError` as `product` does, and for an increment of another number of channels.
    """
    tensor, increment = check_tensor(tensor), real_values(increment, "increment")
    if increment.shape != tensor[1].shape:
        raise InputError(
            f"expected an increment of shape {tensor[1].shape}, as level 1 of the tensor, got shape {increment.shape}; "
            f"use the same channels for both"
        )
    return _multiply_exp(tensor, increment)


@jax.jit
def _multiply_exp(tensor: Tensor, increment: jax.Array) -> Tensor:
    levels = [tensor[0]]
    for n in range(1, len(tensor)):
        gain = increment / n
        for k in range(1, n):
            gain = outer(gain + tensor[k], increment / (n - k))
        levels.append(tensor[n] + gain)
    return tuple(levels)


def log(tensor: Tensor) -> Tensor:
    """log(a + x) = log a + x/a - (x/a)^2/2 + (x/a)^3/3 - ... (finite, x having no scalar part).

    The scalar part a of a signature is 1, and that of its log 0.
    Raises `InputError` if a <= 0 (a traced a is not looked at: the result then holds the logarithm of a).
    """
    tensor = check_tensor(tensor)
    if not _checks.is_traced(tensor[0]) and not float(tensor[0][0]) > 0:
        raise InputError(
            f"expected a tensor with a positive scalar part, got {float(tensor[0][0])}; that of a signature is 1"
        )
    return _log(tensor)


@jax.jit
def _log(tensor: Tensor) -> Tensor:
    scaled = tuple(part / tensor[0] for part in tensor)
    coefficients = [0.0, *((-1) ** (k + 1) / k for k in range(1, len(tensor)))]
    return (jnp.log(tensor[0]), *_power_series(scaled, coefficients)[1:])


def inverse(tensor: Tensor) -> Tensor:
    """The inverse b of a tensor a: b^0 = 1/a^0, b^n = -b^0 sum_{k=1}^n a^k (x) b^{n-k}.

    For a signature it is the signature of the reversed path; `antipode` gives that without rounding.
    Raises `InputError` if a^0 = 0 (a traced a^0 is not looked at: the result is then infinite).
    """
    tensor = check_tensor(tensor)
    if not _checks.is_traced(tensor[0]) and float(tensor[0][0]) == 0:
        raise InputError("expected a tensor with a scalar part other than 0, got 0; it has no inverse")
    return _inverse(tensor)


@jax.jit
def _inverse(tensor: Tensor) -> Tensor:
    levels = [1 / tensor[0]]
    for n in range(1, len(tensor)):
        levels.append(-levels[0] * sum(outer(tensor[k], levels[n - k]) for k in range(1, n + 1)))
    return tuple(levels)


def antipode(tensor: Tensor) -> Tensor:
    """The antipode: the entry of a word of length k is (-1)^k times that of the reversed word.

    It is the inverse of every group-like tensor, hence of every signature (reversed path), by permutation
    only.
    """
    return _antipode(check_tensor(tensor))


@jax.jit
def _antipode(tensor: Tensor) -> Tensor:
    channels = tensor[1].shape[0]
    levels = [tensor[0]]
    for k, part in enumerate(tensor[1:], start=1):
        levels.append((-1.0) ** k * part.reshape((channels,) * k).transpose().ravel())
    return tuple(levels)


def dilate(tensor: Tensor, scale: Any) -> Tensor:
    """The dilation delta_c: (delta_c x)^k = c^k x^k, for a real number c = `scale`.

    A homomorphism of the algebra; delta_c S(X) = S(c X). Raises `InputError` as `product` does, and for a scale that
    is no number.
    """
    tensor, factor = check_tensor(tensor), real_values(scale, "scale")
    if factor.ndim:
        raise InputError(f"expected a number for scale, got shape {factor.shape}; use jax.vmap for many")
    return _dilate(tensor, factor)


@jax.jit
def _dilate(tensor: Tensor, scale: jax.Array) -> Tensor:
    return tuple(part * scale**k for k, part in enumerate(tensor))


def normalised(tensor: Tensor) -> tuple[Tensor, jax.Array, jax.Array]:
    """delta_c x with c a power of two such that |delta_c x| is in [1/2, 1), |delta_c x| and c.

    |x| is `size`; |delta_c x| is 0 where x is zero, and NaN where x has entries that are NaN or infinite.
    """
    norm = size(tensor)
    _, exponent = jnp.frexp(lax.stop_gradient(norm))
    factor = jnp.ldexp(jnp.ones_like(norm), -jnp.clip(exponent, -1000, 1000))
    parts = [tensor[0]]
    for k, part in enumerate(tensor[1:], start=1):
        for _ in range(k):  # one by one, as factor**k leaves the range before the product does
            part = part * factor
        parts.append(part)
    return tuple(parts), jnp.where(jnp.isfinite(norm), norm * factor, jnp.nan), factor


def relative(gap: jax.Array, whole: jax.Array, factor: jax.Array, length: int) -> jax.Array:
    """gap / whole^length, for a gap between sums of entries of words of that length, `normalised` by `factor`, less
    what underflow explains (the least normal number in each of 4^length terms); 0 for a zero tensor."""
    noise = jnp.asarray(4.0**length * jnp.finfo(gap.dtype).tiny, gap.dtype)
    for _ in range(length):
        noise = noise * factor
    return jnp.maximum(gap - noise, 0.0) / jnp.where(whole == 0, 1.0, whole) ** length


def size(tensor: Tensor) -> jax.Array:
    """max_k (largest entry of x^k)^{1/k} over k = 1..N, the gradient of a level that vanishes being 0."""
    return largest(jnp.stack([root(largest(part), k) for k, part in enumerate(tensor) if k]))


def largest(part: jax.Array) -> jax.Array:
    """max |part| over all entries, NaN if one is; its gradient is that of one entry where it is taken.

    The gradient of jnp.max compares the entries with the maximum once more. Where they are computed once more for that,
    and rounded otherwise, none is equal to it, and the gradient is 0/0.
    """
    sizes = jnp.abs(part).reshape(-1)
    return sizes[jnp.argmax(sizes)]


def root(value: jax.Array, degree: int) -> jax.Array:
    """value^{1/degree} for value >= 0, with gradient 0 at 0; NaN stays."""
    zero = value == 0
    safe = jnp.where(zero, 1.0, value)
    return jnp.where(zero, 0.0, jnp.sqrt(safe) if degree == 2 else safe ** (1 / degree))
