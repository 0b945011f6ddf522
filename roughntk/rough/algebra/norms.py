"""Norms on the levels of the tensor algebra, and homogeneous norms of group elements.

With the l1 norm on R^d the projective norm of every level is the entrywise l1 norm. With the l2 norm it is
the nuclear norm at level 2 and NP-hard to compute beyond; the Hilbert-Schmidt norm is the equivalent one that
is offered at every level.

Source: FrizVictoir2010, chapter 7 (homogeneous norms).
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough.algebra import operations as algebra
from roughntk.rough.algebra.layout import Tensor, check_tensor, real_values

NORMS = ("l1", "l2")
VARIANTS = ("levels", "factorial", "log")


def norm(part: Any, norm: str = "l1") -> jax.Array:
    """The norm of one level (last axis flat), batched over leading axes.

    "l1": the entrywise sum of absolute values. With the l1 norm on R^d this is the projective norm, at every
    level. "l2": the Hilbert-Schmidt norm (root of the sum of squares). With the l2 norm on R^d the projective
    norm is another one, see `projective_norm`. The gradient at 0 is taken to be 0. Squares are taken in units of the
    largest entry, so that they neither over- nor underflow.

    Raises `InputError` for any other `norm`, for a single number, and for NaN in a concrete `part`.
    """
    norm = _checks.choice(norm, NORMS, "norm")
    part = real_values(part, "part")
    if part.ndim == 0:
        raise InputError("expected one level, an array whose last axis is flat, got a number; wrap it in a list")
    return _norm(part, norm)


def _norm(part: jax.Array, norm: str) -> jax.Array:
    if norm == "l1":
        return jnp.sum(jnp.abs(part), -1)
    # A power of two, so that nothing is rounded; a constant to the gradient, which does not depend on it.
    largest = lax.stop_gradient(jnp.max(jnp.abs(part), -1, initial=0.0))
    unit = jnp.ldexp(jnp.ones_like(largest), jnp.clip(jnp.frexp(largest)[1] - 1, -1000, 1000))
    scaled = part / unit[..., None]
    return algebra.root(jnp.sum(scaled * scaled, -1), 2) * unit


def projective_norm(part: Any, channels: int, norm: str = "l1") -> jax.Array:
    """The projective norm inf { sum_i |a_i| |b_i| ... : part = sum_i a_i (x) b_i (x) ... } of one level.

    `part`: one level, last axis flat, of channels^k entries; batched over leading axes. `norm`: the norm on
    R^d. "l1": the entrywise l1 norm, exactly, at every level. "l2": the Euclidean norm at level 1, the nuclear
    norm (sum of the singular values of the d x d matrix) at level 2.
    Raises `InputError` for "l2" beyond level 2, where the projective norm is NP-hard to compute, for another
    norm, for a number of entries that is no power of `channels`, and for NaN in a concrete `part`.

    >>> import roughntk as rn
    >>> float(rn.rough.projective_norm([1.0, -2.0, 3.0, 4.0], 2))
    10.0
    """
    norm = _checks.choice(norm, NORMS, "norm")
    channels = _checks.integer(channels, "channels", least=1)
    part = real_values(part, "part")
    size = part.shape[-1] if part.ndim else 0
    power = next((k for k in range(1, 64) if channels**k >= size), 0)
    if size == 0 or channels**power != size:
        raise InputError(
            f"expected one level, of {channels}^k entries, got shape {part.shape}; pass one level of the tensor"
        )
    if norm == "l1" or power == 1:
        return _norm(part, norm)
    if power > 2:
        raise InputError(
            f"expected level 1 or 2 for the projective norm over l2, got level {power}, where it is NP-hard to "
            f"compute; use norm(part, 'l2'), the Hilbert-Schmidt norm, or norm='l1'"
        )
    return jnp.sum(jnp.linalg.svd(part.reshape(*part.shape[:-1], channels, channels), compute_uv=False), -1)


def homogeneous_norm(tensor: Tensor, *, norm: str = "l1", variant: str = "levels") -> jax.Array:
    """A homogeneous norm of a group element x: |||delta_c x||| = |c| |||x|||, and 0 for the unit only.

    `variant`: "levels" is Friz and Victoir's max_k |x^k|^{1/k}; "factorial" is max_k (k! |x^k|)^{1/k}, which
    is in addition sub-additive, |||x (x) y||| <= |||x||| + |||y|||, and |dx| for exp(dx); "log" is
    max_k |(log x)^k|^{1/k}. All three are symmetric, |||x^{-1}||| = |||x|||, on group-like x, and equivalent.
    `norm`: that of a level, "l1" or "l2" (Hilbert-Schmidt). The scalar part, 1, is not looked at.
    The gradient of a level that vanishes, where the k-th root has none, is taken to be 0.

    Raises `InputError` for an unknown norm or variant, for what is no tensor, and for NaN in concrete levels.
    Source: FrizVictoir2010, section 7.5.

    >>> import roughntk as rn
    >>> import jax.numpy as jnp
    >>> unit = (jnp.ones(1), jnp.zeros(2), jnp.zeros(4))
    >>> float(rn.rough.homogeneous_norm(unit))
    0.0
    """
    norm = _checks.choice(norm, NORMS, "norm")
    _checks.choice(variant, VARIANTS, "variant")
    tensor = check_tensor(tensor)
    return _homogeneous(tensor if variant != "log" else algebra.log(tensor), norm, variant == "factorial")


@functools.partial(jax.jit, static_argnums=(1, 2))
def _homogeneous(tensor: Tensor, norm: str, factorial: bool) -> jax.Array:
    sizes = [
        algebra.root(_norm(part, norm), k) * (root_factorial(k) if factorial else 1.0)
        for k, part in enumerate(tensor[1:], start=1)
    ]
    return algebra.largest(jnp.stack(sizes))


def root_factorial(k: int) -> float:
    """(k!)^{1/k}, beyond the range of k! in float64 too."""
    return math.factorial(k) ** (1 / k) if k <= 170 else math.exp(math.lgamma(k + 1) / k)
