"""Products, exponentials and inverses in the truncated tensor algebra T^N(R^d).

Tensors are tuples of flat levels (see `layout`). Functions are written for one tensor, in `jax.numpy`, and
can be differentiated; `jax.vmap` gives the batched ones.

Sources: Reutenauer, Free Lie Algebras; Lyons, Caruana, Levy, Differential Equations Driven by Rough Paths
(Chen's identity).
"""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.layout import Tensor, signature_size


def outer(a: jax.Array, b: jax.Array) -> jax.Array:
    """a (x) b of two flat levels: shape (len(a) * len(b),)."""
    return (a[:, None] * b[None, :]).ravel()


@jax.jit
def product(a: Tensor, b: Tensor) -> Tensor:
    """(a (x) b)^n = sum_{k=0}^n a^k (x) b^{n-k}; for signatures this is Chen's identity.

    Raises `InputError` if the two have different levels or channels.
    """
    check_alike(a, b)
    return tuple(sum(outer(a[k], b[n - k]) for k in range(n + 1)) for n in range(len(a)))  # type: ignore[misc]


def check_alike(a: Tensor, b: Tensor) -> None:
    """Raise `InputError` if the tensors have different levels or channels."""
    if [x.shape for x in a] != [x.shape for x in b]:
        raise InputError(
            f"expected two tensors of the same level and channels, got level shapes "
            f"{[x.shape for x in a]} and {[x.shape for x in b]}; truncate the longer one"
        )


@jax.jit
def bracket(a: Tensor, b: Tensor) -> Tensor:
    """[a, b] = a (x) b - b (x) a. Raises as `product` does."""
    return jax.tree.map(jnp.subtract, product(a, b), product(b, a))


def exp(element: Any, level: int | None = None) -> Tensor:
    """exp(x) = 1 + x + x^2/2! + ... + x^N/N!, truncated at level N.

    `element` an array dx of shape (d,), with the `level` N: (1, dx, dx^{(x)2}/2!, ..., dx^{(x)N}/N!), the
    signature of one straight piece dx. `element` a tensor x, whose own level is N: the exponential of x,
    group-like if x is a Lie element; a scalar part x^0 contributes the factor e^{x^0}.
    Raises `InputError` for another shape, a bad level, NaN in a concrete dx, or a result beyond
    `MEMORY_LIMIT`.
    """
    if isinstance(element, tuple):
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


def log(tensor: Tensor) -> Tensor:
    """log(a + x) = log a + x/a - (x/a)^2/2 + (x/a)^3/3 - ... (finite, x having no scalar part).

    The scalar part a of a signature is 1, and that of its log 0.
    Raises `InputError` if a <= 0 (a traced a is not looked at: the result then holds the logarithm of a).
    """
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
    if not _checks.is_traced(tensor[0]) and float(tensor[0][0]) == 0:
        raise InputError("expected a tensor with a scalar part other than 0, got 0; it has no inverse")
    return _inverse(tensor)


@jax.jit
def _inverse(tensor: Tensor) -> Tensor:
    levels = [1 / tensor[0]]
    for n in range(1, len(tensor)):
        levels.append(-levels[0] * sum(outer(tensor[k], levels[n - k]) for k in range(1, n + 1)))
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


@jax.jit
def dilate(tensor: Tensor, scale: Any) -> Tensor:
    """The dilation delta_c: (delta_c x)^k = c^k x^k, for a real number c = `scale`.

    A homomorphism of the algebra; delta_c S(X) = S(c X).
    """
    return tuple(part * scale**k for k, part in enumerate(tensor))
